//! What is shown of who was responsible for customers, and of those nobody is.

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, page_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::ownership::unowned;

impl Shared {
    /// The tenures of the customers, and on the first page those whose owner does not work here.
    pub(super) fn ownership(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let employee = asked.filters.get("employee").map(String::as_str);
        let (page, alone) = self.with_register(state, then, |register| {
            let page = page_of(register, asked, subject, sight, Matter::Basic, &mut |id, listed| {
                listed.ownership.rows(id, &listed.named(), employee)
            });
            let mut alone = Vec::new();
            for (id, customer) in &world.customer.customers {
                let owned = world.employee.members.get(&customer.owner).is_some_and(|owner| owner.works());
                let asked_for = subject.customer.as_ref().is_none_or(|only| only == id) && asked.after.is_none();
                let listed = register.customers.get(id).filter(|_| asked_for && !owned && !customer.ended());
                sight.turn_to(Some(id));
                if let Some(listed) = listed.filter(|_| sight.may(Matter::Basic).allowed) {
                    alone.push(unowned(id, listed.named(), &customer.owner));
                }
            }
            sight.turn_to(subject.customer.as_ref());
            (page, alone)
        })?;
        let page = page?;
        let items = page.rows.into_iter().map(|(id, row)| Node::About(id, Box::new(row))).collect();
        let node = Node::Row(vec![("items", Node::List(items)), ("unowned", Node::List(alone))]);
        Ok(Built { node, next: page.next, targets: subject.targets.clone() })
    }
}
