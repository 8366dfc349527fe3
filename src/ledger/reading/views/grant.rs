//! What is shown of grants and loans: to whoever has a part in one that one, to those who watch over access all of them.

use serde_json::{Value, json};

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::{World, grant};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Built, check_asked, cursor, wants_purpose};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::family_term;
use crate::projection::Node;
use crate::projection::grant::{Grants, Line};
use crate::store::Direction;

impl Shared {
    /// Grants and loans, the newest first.
    pub(super) fn grants_and_loans(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let mut grants = Grants::default();
        for index in self.shelf.postings(family_term("grants"), 0, then.end, Direction::Ascending, usize::MAX)? {
            self.read_of(then, index, &mut |read| grants.fold(read))?;
        }
        let world = &self.world(state, then)?;
        let day = world.date(then.at);
        let before = cursor::<u64>(asked)?.unwrap_or(then.end);
        let wanted = |name: &str, value: &str| asked.filters.get(name).is_none_or(|wanted| wanted == value);
        let chosen = |name: &str| asked.filters.get(name).is_some_and(|chosen| chosen == "true");
        let mut rows: Vec<(u64, Node)> = Vec::new();
        let (mut next, mut wanting) = (None, None);
        for (index, line) in grants.lines.range(..before).rev() {
            let facts = sight.facts_of_request(line);
            let matches = wanted("kind", line.kind())
                && wanted("who", line.holder.as_str())
                && wanted("status", line.status(then.at, day))
                && asked.filters.get("customer").is_none_or(|id| line.customers.iter().any(|one| one.as_str() == id))
                && (!chosen("mine") || facts.contains(Facts::REQUESTER))
                && (!chosen("waiting") || facts.contains(Facts::STEP_HOLDER));
            if !matches {
                continue;
            }
            let customer = line.customers.first().filter(|_| line.kind() == "loan");
            sight.turn_to(customer);
            let decision = sight.may_of(Matter::AccessLog, facts);
            if !decision.allowed {
                wanting = wanting.or_else(|| wants_purpose(&decision));
                continue;
            }
            if rows.len() >= asked.limit {
                next = rows.last().map(|(index, _)| index.to_string());
                break;
            }
            let row = Node::Concerning(facts, Box::new(line.row(*index, then.at, day, waiting_for(world, line))));
            let row = match customer {
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

/// The classes that somebody must still decide, with whose decisions they need.
fn waiting_for(world: &World, line: &Line) -> Value {
    let Some((_, grant)) = grant::of(world, &line.stream) else { return Value::Null };
    let classes = grant
        .classes
        .iter()
        .flat_map(|class| grant.vacant(world, *class).map(move |seat| json!({ "class": class, "seat": seat })));
    let classes: Vec<Value> = classes.collect();
    if classes.is_empty() { Value::Null } else { json!(classes) }
}
