//! Anomalies and risk warnings with what became of them (V-37).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::domain::anomaly::{Event, Reported, Resolved};
use crate::domain::class::Class;
use crate::domain::{self};
use crate::ids::{CustomerId, EmployeeId};
use crate::projection::{Node, Read};

/// Every anomaly, by the index of its report.
#[derive(Clone, Debug, Default)]
pub struct Anomalies {
    /// The lines.
    pub lines: BTreeMap<u64, Line>,
    begun: BTreeMap<String, u64>,
}

/// An anomaly.
#[derive(Clone, Debug)]
pub struct Line {
    no: String,
    at: Timestamp,
    reporter: String,
    reported: Reported,
    resolved: Option<(Resolved, String, Timestamp)>,
}

impl Anomalies {
    /// Folds one entry; they come in order.
    pub fn fold(&mut self, read: &Read<'_>) {
        let domain::Event::Anomaly(event) = read.event else { return };
        match event {
            Event::Reported(reported) => {
                self.begun.insert(read.entry.subject.to_string(), read.index);
                let line = Line {
                    no: read.entry.subject.id().unwrap_or_default().to_owned(),
                    at: read.entry.time,
                    reporter: read.entry.actor.clone(),
                    reported: reported.clone(),
                    resolved: None,
                };
                self.lines.insert(read.index, line);
            }
            Event::Resolved(resolved) => {
                let begun = self.begun.get(read.entry.subject.as_str());
                let Some(line) = begun.and_then(|index| self.lines.get_mut(index)) else { return };
                line.resolved = Some((resolved.clone(), read.entry.actor.clone(), read.entry.time));
            }
        }
    }
}

impl Line {
    /// The customer it is about, if it is about one.
    pub fn customer(&self) -> Option<&CustomerId> {
        self.reported.customer_id.as_ref()
    }

    /// Tells whether it was reported to somebody.
    pub fn addressed_to(&self, employee: &EmployeeId) -> bool {
        self.reported.reported_to.contains(employee)
    }

    /// Tells whether nobody has resolved it.
    pub fn open(&self) -> bool {
        self.resolved.is_none()
    }

    /// Returns what it is about.
    pub fn kind(&self) -> &'static str {
        self.reported.kind.as_str()
    }

    /// The row.
    pub fn row(&self, index: u64, at: Timestamp) -> Node {
        let cell = |value: Value| Node::of(Class::C6, value);
        let until = self.resolved.as_ref().map_or(at, |(_, _, resolved_at)| *resolved_at);
        let outcome = self.resolved.as_ref();
        Node::Row(vec![
            ("no", Node::plain(self.no.as_str())),
            ("at", cell(json!(self.at))),
            ("kind", cell(json!(self.reported.kind))),
            ("customer", cell(json!(self.reported.customer_id))),
            ("employee", cell(json!(self.reported.employee_id))),
            ("facts", cell(json!(self.reported.facts))),
            ("measure", cell(json!(self.reported.measure))),
            ("reporter", cell(json!(self.reporter))),
            ("reported_to", cell(json!(self.reported.reported_to))),
            ("outcome", cell(json!(outcome.map(|(resolved, ..)| resolved.outcome)))),
            ("action", cell(json!(outcome.map(|(resolved, ..)| &resolved.action)))),
            ("resolved_by", cell(json!(outcome.map(|(_, by, _)| by)))),
            ("open_days", cell(json!(until.since(self.at).as_secs() / 86_400))),
            ("index", Node::plain(index)),
        ])
    }
}
