//! What is due, from whom and by when (V-88).

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::clock::Timestamp;
use crate::domain::Event;
use crate::domain::class::Class;
use crate::domain::obligation::{self, Deadline, Open};
use crate::ids::{CustomerId, EmployeeId, SubjectId};
use crate::projection::{Node, Read};

/// An open obligation as a row; `name` shows the customer's.
pub fn open_row(id: &SubjectId, open: &Open, responsible: &[EmployeeId], name: Node) -> Node {
    let missing = match &open.deadline {
        Deadline::At { .. } => Value::Null,
        Deadline::NoTable { calendar, year, .. } => json!({ "calendar": calendar, "year": year }),
    };
    Node::Row(vec![
        ("obligation", Node::plain(id.as_str())),
        ("duty", Node::plain(json!(open.duty().map(|duty| duty.id())))),
        ("object", cell(json!(open.object))),
        ("customer_id", cell(json!(open.customer))),
        ("customer", named(open.customer.as_ref(), name)),
        ("trigger", cell(json!(open.trigger.as_str()))),
        ("responsible", staff(json!(responsible))),
        ("opened_at", cell(json!(open.opened_at))),
        ("due_at", cell(json!(open.due()))),
        ("missing_calendar", cell(missing)),
        ("extensions", cell(json!(open.extensions))),
        ("level", cell(json!(open.level))),
    ])
}

/// An overdue obligation, folded from the entries of its stream.
#[derive(Clone, Debug, Default)]
pub struct Overdue {
    /// The obligation.
    pub id: String,
    /// What it is about.
    pub object: String,
    /// What opened it: an entry's id or a period.
    pub trigger: String,
    /// The period it is owed for, or the day it is counted from.
    pub period: Option<String>,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
    /// Who answered for it when it was last reported.
    pub responsible: Vec<EmployeeId>,
    /// To whom it was reported, by level.
    pub escalated: Vec<Vec<EmployeeId>>,
    /// The highest level.
    pub level: i64,
    due: Timestamp,
    counting: Value,
    extended: Vec<Value>,
    entries: Vec<u64>,
}

/// What has become of an overdue obligation.
#[derive(Clone, Copy, Debug)]
pub enum Course {
    /// It is still open.
    Open,
    /// An entry ended it.
    Ended(Ended),
    /// No entry ended it: the next period took its place, or a correction.
    Released,
    /// It is no longer open; what ended it was not found among what was looked at.
    Further,
}

/// How an overdue obligation ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// By the entry of that index.
    pub index: u64,
    /// Whether it was fulfilled; else nobody owes it any more.
    pub met: bool,
}

impl Overdue {
    /// Folds one entry of the obligation's stream; they come in order.
    pub fn fold(&mut self, read: &Read<'_>) {
        let Event::Obligation(event) = read.event else { return };
        self.entries.push(read.index);
        match event {
            obligation::Event::Breached(breached) => {
                self.id = breached.obligation.to_string();
                self.object.clone_from(&breached.object.0);
                let entry = breached.trigger_event.as_ref().map(ToString::to_string);
                self.period = breached.period.as_ref().map(|period| period.0.clone());
                self.trigger = entry.or_else(|| self.period.clone()).unwrap_or_default();
                self.customer = read.customer();
                self.responsible.clone_from(&breached.responsible);
                self.escalated.push(breached.escalated_to.clone());
                self.level = breached.level.0;
                self.due = breached.due_at;
                self.counting = json!(breached.counting);
            }
            obligation::Event::Extended(extended) => {
                self.extended
                    .push(json!({ "new_due": extended.new_due, "reason": extended.reason, "by": read.entry.actor }));
            }
        }
    }

    /// Returns whoever has to do with it: who answers for it, and to whom it was reported.
    pub fn concerned(&self) -> impl Iterator<Item = &EmployeeId> {
        self.responsible.iter().chain(self.escalated.iter().flatten())
    }

    /// The obligation as a row of the view.
    pub fn row(&self, course: Course, now: Timestamp, name: Node) -> Node {
        let ended = match course {
            Course::Ended(ended) => Some(ended),
            Course::Open | Course::Released | Course::Further => None,
        };
        let until = ended.map_or(now, |ended| ended.at);
        let late = until.since(self.due).as_secs() / 60;
        let state = match course {
            Course::Open => "overdue",
            Course::Ended(Ended { met: true, .. }) => "met_late",
            Course::Ended(Ended { met: false, .. }) | Course::Released => "closed",
            Course::Further => "ended",
        };
        let met = ended.filter(|ended| ended.met);
        let duty = obligation::duty_of(&self.id).map(|duty| duty.id());
        Node::Row(vec![
            ("obligation", Node::plain(self.id.as_str())),
            ("duty", Node::plain(json!(duty))),
            ("trigger", cell(json!(self.trigger))),
            ("subject", cell(json!(self.object))),
            ("customer_id", cell(json!(self.customer))),
            ("customer", named(self.customer.as_ref(), name)),
            ("responsible", staff(json!(self.responsible))),
            ("due_at", cell(json!(self.due))),
            ("counting", cell(self.counting.clone())),
            ("extended", cell(json!(self.extended))),
            (
                "late_by",
                cell(if matches!(course, Course::Open | Course::Ended(_)) { json!(late) } else { Value::Null }),
            ),
            ("level", cell(json!(self.level))),
            ("escalated_to", staff(json!(self.escalated.last()))),
            ("nobody_left", cell(json!(self.escalated.last().is_some_and(Vec::is_empty)))),
            ("met_at", cell(json!(met.map(|ended| ended.at)))),
            ("ended_by", Node::plain(json!(ended.map(|ended| ended.index)))),
            ("state", cell(json!(state))),
            ("source_events", Node::plain(json!(self.entries))),
        ])
    }
}

/// A customer's name, judged by the rights on that customer.
fn named(customer: Option<&CustomerId>, name: Node) -> Node {
    match customer {
        Some(customer) => Node::About(customer.clone(), Box::new(name)),
        None => Node::absent(),
    }
}

/// What everybody sees who sees the obligation at all.
fn cell(value: Value) -> Node {
    Node::within(Matter::Staff, Class::C1, value)
}

fn staff(value: Value) -> Node {
    Node::of(Class::C7, value)
}
