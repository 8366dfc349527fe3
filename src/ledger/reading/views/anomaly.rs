//! What is shown of anomalies: to those they are reported to, and to whoever may see strategy.

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Built, check_asked, cursor, wants_purpose};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::tail::family_term;
use crate::projection::Node;
use crate::projection::anomaly::Anomalies;
use crate::store::Direction;

impl Shared {
    /// Anomalies, the newest first.
    pub(super) fn anomalies(&self, then: &Then, asked: &Asked, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        let mut anomalies = Anomalies::default();
        for index in self.shelf.postings(family_term("anomaly"), 0, then.end, Direction::Ascending, usize::MAX)? {
            self.read_of(then, index, &mut |read| anomalies.fold(read))?;
        }
        let before = cursor::<u64>(asked)?.unwrap_or(then.end);
        let mine = asked.filters.get("mine").is_some_and(|mine| mine == "true");
        let only_open = asked.filters.get("open").is_some_and(|open| open == "true");
        let mut rows: Vec<(u64, Node)> = Vec::new();
        let (mut next, mut wanting) = (None, None);
        for (index, line) in anomalies.lines.range(..before).rev() {
            let addressed = line.addressed_to(sight.reader());
            let facts = Facts::NONE.with_if(addressed, Facts::ADDRESSEE);
            if mine && !addressed {
                continue;
            }
            if only_open && !line.open() || asked.filters.get("kind").is_some_and(|kind| kind != line.kind()) {
                continue;
            }
            sight.turn_to(line.customer());
            let decision = sight.may_of(Matter::Strategy, facts);
            if !decision.allowed {
                wanting = wanting.or_else(|| wants_purpose(&decision));
                continue;
            }
            if rows.len() >= asked.limit {
                next = rows.last().map(|(index, _)| index.to_string());
                break;
            }
            let row = Node::Concerning(facts, Box::new(line.row(*index, then.at)));
            let row = match line.customer() {
                Some(customer) => Node::About(customer.clone(), Box::new(row)),
                None => row,
            };
            rows.push((*index, row));
        }
        sight.turn_to(None);
        check_asked(&rows, wanting)?;
        let items = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: Vec::new() })
    }
}
