//! The staff over time (V-80): in which units, with which roles and by whose approval, and whether still.

use serde_json::{Value, json};

use crate::clock::{Date, Timestamp};
use crate::domain::class::Class;
use crate::domain::employee::{RolesChanged, Status, StatusChanged};
use crate::domain::role::Role;
use crate::domain::{Event, employee};
use crate::ids::{EmployeeId, UnitId};
use crate::projection::{Node, Read};

/// What became of one employee.
#[derive(Clone, Debug, Default)]
pub struct Course {
    units: Vec<(UnitId, Date)>,
    roles: Vec<Held>,
    statuses: Vec<Standing>,
}

/// A role that is or was held.
#[derive(Clone, Debug)]
struct Held {
    role: Role,
    unit: UnitId,
    since: Timestamp,
    /// The last day it was given for.
    until: Option<Date>,
    approved_by: Option<EmployeeId>,
    /// When it was taken away, and who approved that.
    ended: Option<(Timestamp, Option<EmployeeId>)>,
}

#[derive(Clone, Debug)]
struct Standing {
    status: Status,
    since: Date,
    last_day: Option<Date>,
}

impl Course {
    /// Folds one entry of the employee's stream; they come in order.
    pub fn fold(&mut self, read: &Read<'_>) {
        let Event::Employee(event) = read.event else { return };
        match event {
            employee::Event::Registered(registered) => {
                self.units.push((registered.unit.clone(), registered.joined_on));
                self.statuses.push(Standing { status: Status::Active, since: registered.joined_on, last_day: None });
            }
            employee::Event::RolesChanged(changed) => self.change_roles(read.entry.time, changed),
            employee::Event::StatusChanged(changed) => self.change_status(changed),
        }
    }

    fn change_roles(&mut self, at: Timestamp, changed: &RolesChanged) {
        for removed in &changed.removed {
            let held = self.roles.iter_mut().filter(|held| held.ended.is_none());
            for held in held.filter(|held| held.role == removed.role && held.unit == removed.unit) {
                held.ended = Some((at, changed.approved_by.clone()));
            }
        }
        self.roles.extend(changed.added.iter().map(|added| Held {
            role: added.role,
            unit: added.unit.clone(),
            since: at,
            until: added.until,
            approved_by: changed.approved_by.clone(),
            ended: None,
        }));
    }

    fn change_status(&mut self, changed: &StatusChanged) {
        self.units.extend(changed.new_unit.iter().map(|unit| (unit.clone(), changed.effective_on)));
        let (status, since) = (changed.status, changed.effective_on);
        // Who leaves does so after the last day that was named with the notice.
        let named = self.statuses.last().filter(|_| status == Status::Left).and_then(|before| before.last_day);
        self.statuses.push(Standing { status, since, last_day: changed.last_day.or(named) });
    }

    /// The employee as a row of the view; `called` finds the name of a unit.
    pub fn row<'a>(&self, id: &EmployeeId, name: Node, called: impl Fn(&UnitId) -> Option<&'a str>) -> Node {
        let cell = |value: Value| Node::of(Class::C7, value);
        let unit = self.units.last().map(|(unit, _)| unit);
        let standing = self.statuses.last();
        let units =
            self.units.iter().map(|(unit, since)| json!({ "unit": unit, "name": called(unit), "since": since }));
        let statuses = self.statuses.iter().map(|standing| {
            told([
                ("status", json!(standing.status)),
                ("since", json!(standing.since)),
                ("last_day", json!(standing.last_day)),
            ])
        });
        let mut approvers: Vec<&EmployeeId> = Vec::new();
        for held in &self.roles {
            let removed = held.ended.iter().filter_map(|(_, by)| by.as_ref());
            approvers.extend(held.approved_by.iter().chain(removed));
        }
        approvers.sort();
        approvers.dedup();
        Node::Row(vec![
            ("employee_id", Node::plain(id.as_str())),
            ("name", name),
            ("unit", cell(json!(unit))),
            ("unit_name", cell(json!(unit.and_then(&called)))),
            ("units", cell(units.collect())),
            ("roles", cell(self.roles.iter().map(Held::told).collect())),
            ("approved_by", cell(json!(approvers))),
            ("status", cell(json!(standing.map(|standing| standing.status)))),
            ("last_day", cell(json!(standing.and_then(|standing| standing.last_day)))),
            ("statuses", cell(statuses.collect())),
        ])
    }
}

impl Held {
    fn told(&self) -> Value {
        told([
            ("role", json!(self.role)),
            ("unit", json!(self.unit)),
            ("since", json!(self.since)),
            ("until", json!(self.until)),
            ("approved_by", json!(self.approved_by)),
            ("ended_at", json!(self.ended.as_ref().map(|(at, _)| at))),
            ("end_approved_by", json!(self.ended.as_ref().and_then(|(_, by)| by.as_ref()))),
        ])
    }
}

/// An object of what there is to tell.
fn told<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let told = fields.into_iter().filter(|(_, value)| !value.is_null());
    told.map(|(name, value)| (name.to_owned(), value)).collect()
}
