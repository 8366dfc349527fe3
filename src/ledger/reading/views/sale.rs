//! What is shown of sales: by product and region, for the customers whose trade the asker may see.

use std::collections::BTreeMap;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
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
        // An aggregate touches a customer only where the asker may see that customer's trade.
        let mut visible: BTreeMap<CustomerId, bool> = BTreeMap::new();
        for id in state.world.customer.customers.keys() {
            sight.turn_to(Some(id));
            visible.insert(id.clone(), sight.may_of(Matter::Commercial, Facts::ABOUT_SALES).allowed);
        }
        sight.turn_to(None);
        let (rows, total) = self.with_register(state, then, |register| {
            register.sales.rows(year, &|id| visible.get(id).copied().unwrap_or(false))
        })?;
        // What is summed was judged customer by customer; the sums are then of the list's class.
        let (rows, total) = (rows.into_iter().map(declassify).collect(), declassify(total));
        sight.seen.classes.insert(Class::C2);
        sight.seen.customers = Vec::new();
        Ok(Built {
            node: Node::Row(vec![("items", Node::List(rows)), ("total", total)]),
            next: None,
            targets: Vec::new(),
        })
    }
}

/// Makes every cell of a sum as open as the list: what went into it was judged before.
fn declassify(node: Node) -> Node {
    match node {
        Node::Cell(cell) => Node::plain(cell.value),
        Node::Row(row) => Node::Row(row.into_iter().map(|(name, node)| (name, declassify(node))).collect()),
        Node::List(items) | Node::Members(_, items) => Node::List(items.into_iter().map(declassify).collect()),
        Node::About(id, inner) => Node::About(id, Box::new(declassify(*inner))),
        Node::AboutStaff(id, inner) => Node::AboutStaff(id, Box::new(declassify(*inner))),
        Node::Concerning(facts, inner) => Node::Concerning(facts, Box::new(declassify(*inner))),
        Node::Computed(seal, inner) => Node::Computed(seal, Box::new(declassify(*inner))),
    }
}
