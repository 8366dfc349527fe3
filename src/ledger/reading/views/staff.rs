//! What is shown of the staff: units, roles and status over time.

use serde_json::json;

use crate::access::matter::Matter;
use crate::domain::class::Class;
use crate::domain::history::Part;
use crate::ids::EmployeeId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::employee::Course;
use crate::projection::{Cell, Node};
use crate::store::Direction;

impl Shared {
    /// Who works or worked there, as of then: one, or everybody.
    pub(super) fn staff(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let mut people: Vec<(EmployeeId, Node)> = Vec::new();
        let mut next = None;
        let after: Option<EmployeeId> = cursor(asked)?;
        self.with_register(state, then, |register| {
            let wanted = |id: &EmployeeId| subject.staff.as_ref().is_none_or(|wanted| wanted == id);
            for (id, (name, sealed)) in register.staff.iter().filter(|(id, _)| wanted(id)) {
                if after.as_ref().is_some_and(|after| id <= after) {
                    continue;
                }
                if people.len() >= asked.limit {
                    next = people.last().map(|(id, _)| id.to_string());
                    break;
                }
                let name = Node::Cell(Cell {
                    value: json!(name),
                    matter: Matter::Staff,
                    class: Class::C7,
                    sealed: Some(sealed.clone()),
                    person: None,
                });
                people.push((id.clone(), name));
            }
        })?;
        let amendments = self.amendments(&Part::Company, 0..then.end)?;
        let mut items = Vec::with_capacity(people.len());
        for (id, name) in people {
            let mut course = Course::default();
            let term = stream_term(&format!("employee/{id}"));
            for index in self.shelf.postings(term, 0, then.end, Direction::Ascending, usize::MAX)? {
                self.read_live(then, index, &amendments, &mut |read| course.fold(read))?;
            }
            let called = |unit: &_| world.organization.units.get(unit).map(|unit| unit.name.as_str());
            let row = course.row(&id, name, called);
            items.push(Node::AboutStaff(id, Box::new(row)));
        }
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: subject.targets.clone() })
    }
}
