//! What is shown of the staff: units, roles and status.

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::domain::class::Class;
use crate::ids::EmployeeId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::Built;
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::{Cell, Node};

impl Shared {
    /// Who works there as of then: names from the register, everything else from the state of that moment.
    pub(super) fn staff(&self, state: &State, then: &Then, asked: &Asked) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let cell = |value: Value| Node::of(Class::C7, value);
        let mut rows: Vec<(EmployeeId, Node)> = Vec::new();
        let mut next = None;
        self.with_register(state, then, |register| {
            for (id, (name, sealed)) in &register.staff {
                if asked.after.as_ref().is_some_and(|after| id.as_str() <= after.as_str()) {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _)| id.to_string());
                    break;
                }
                let member = world.employee.members.get(id);
                let roles: Vec<Value> = member
                    .iter()
                    .flat_map(|member| &member.roles)
                    .map(|held| json!({ "role": held.role, "unit": held.unit }))
                    .collect();
                let name = Node::Cell(Cell {
                    value: json!(name),
                    matter: Matter::Staff,
                    class: Class::C7,
                    sealed: Some(sealed.clone()),
                    person: None,
                });
                let row = Node::Row(vec![
                    ("employee_id", Node::plain(id.as_str())),
                    ("name", name),
                    ("unit", cell(json!(member.map(|member| &member.unit)))),
                    ("roles", cell(json!(roles))),
                    ("status", cell(json!(member.map(|member| member.status)))),
                ]);
                rows.push((id.clone(), row));
            }
        })?;
        let items = rows.into_iter().map(|(id, row)| Node::AboutStaff(id, Box::new(row))).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: Vec::new() })
    }
}
