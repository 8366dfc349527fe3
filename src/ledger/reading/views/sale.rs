//! What is shown of sales: by product and region, for the customers whose trade the asker may see.

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::composition::Sighted;
use crate::ledger::reading::views::{Built, year_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;

impl Shared {
    /// Sales summed.
    pub(super) fn statistics(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let year = year_of(asked)?;
        let (rows, total, sighted) = self.with_register(state, then, |register| {
            // An aggregate touches a customer only where the asker may see that customer's trade.
            let sighted = Sighted::of(register, sight, &[Matter::Commercial], Facts::ABOUT_SALES);
            let (rows, total) = register.sales.rows(year, &|id| sighted.seen.contains(id));
            (rows, total, sighted)
        })?;
        sighted.check()?;
        // Sums were judged customer by customer and are then of the list's class; whom they name is judged, and noted, by itself.
        let (rows, total) = (rows.into_iter().map(summed).collect(), summed(total));
        sighted.note(sight, &[Class::C2]);
        Ok(Built {
            node: Node::Row(vec![("items", Node::List(rows)), ("total", total)]),
            next: None,
            targets: Vec::new(),
        })
    }
}

/// Makes every cell of a sum as open as the list: what went into it was judged before. What it says of one customer stays that customer's.
fn summed(node: Node) -> Node {
    match node {
        Node::Cell(cell) => Node::plain(cell.value),
        Node::Row(row) => Node::Row(row.into_iter().map(|(name, node)| (name, summed(node))).collect()),
        Node::List(items) | Node::Members(_, items) => Node::List(items.into_iter().map(summed).collect()),
        Node::About(..) => node,
        Node::AboutStaff(id, inner) => Node::AboutStaff(id, Box::new(summed(*inner))),
        Node::Concerning(facts, inner) => Node::Concerning(facts, Box::new(summed(*inner))),
        Node::Computed(seal, inner) => Node::Computed(seal, Box::new(summed(*inner))),
    }
}
