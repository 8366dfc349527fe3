//! Grants and loans with what became of them (V-85).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::clock::{Date, Timestamp};
use crate::domain::class::Class;
use crate::domain::grant::{Opened, Place, Seat, Verdict};
use crate::domain::{Event, grant, loan};
use crate::ids::{CustomerId, EmployeeId, StreamName, SubjectId};
use crate::projection::{Node, Read};

/// Every grant and loan, by the index of the entry that began it.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// The lines.
    pub lines: BTreeMap<u64, Line>,
    begun: BTreeMap<String, u64>,
}

/// A grant or a loan.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its stream.
    pub stream: StreamName,
    /// Who asked or borrowed.
    pub holder: EmployeeId,
    /// Of which customers.
    pub customers: Vec<CustomerId>,
    /// Who decided.
    pub deciders: Vec<EmployeeId>,
    at: Timestamp,
    purpose: String,
    what: What,
    ended: Option<(&'static str, Option<String>)>,
}

#[derive(Clone, Debug)]
enum What {
    Grant { asked: grant::Requested, decided: Vec<(grant::Decided, EmployeeId, Timestamp)> },
    Loan { lent: loan::Borrowed, by: String },
}

impl Grants {
    /// Folds one entry; they come in order.
    pub fn fold(&mut self, read: &Read<'_>) {
        if let Event::Grant(event) = read.event {
            self.fold_grant(read, event);
        }
        if let Event::Loan(event) = read.event {
            self.fold_loan(read, event);
        }
    }

    fn fold_grant(&mut self, read: &Read<'_>, event: &grant::Event) {
        match event {
            grant::Event::Requested(asked) => {
                let Ok(holder) = read.entry.actor.parse() else { return };
                let what = What::Grant { asked: asked.clone(), decided: Vec::new() };
                self.begin(read, holder, asked.customers.clone(), &asked.purpose.0, what);
            }
            grant::Event::Decided(decision) => {
                let Ok(decider) = read.entry.actor.parse::<EmployeeId>() else { return };
                let Some(line) = self.line(read) else { return };
                line.deciders.push(decider.clone());
                if let What::Grant { decided, .. } = &mut line.what {
                    decided.push((decision.clone(), decider, read.entry.time));
                }
            }
            grant::Event::Revoked(revoked) => {
                let Some(line) = self.line(read) else { return };
                line.ended = Some(("revoked", Some(revoked.reason.0.clone())));
            }
        }
    }

    fn fold_loan(&mut self, read: &Read<'_>, event: &loan::Event) {
        match event {
            loan::Event::Borrowed(lent) => {
                if let Some(renewed) = lent.renews.as_ref().map(|id| loan::stream(id).to_string())
                    && let Some(line) = self.begun.get(&renewed).and_then(|index| self.lines.get_mut(index))
                {
                    line.ended = Some(("renewed", None));
                }
                let what = What::Loan { lent: lent.clone(), by: read.entry.actor.clone() };
                self.begin(read, lent.borrower.clone(), vec![lent.customer_id.clone()], &lent.purpose.0, what);
            }
            loan::Event::Returned(returned) => {
                let Some(line) = self.line(read) else { return };
                line.ended = Some((returned.how.as_str(), returned.condition.as_ref().map(|text| text.0.clone())));
            }
        }
    }

    fn begin(&mut self, read: &Read<'_>, holder: EmployeeId, customers: Vec<CustomerId>, purpose: &str, what: What) {
        let stream = read.entry.subject.clone();
        self.begun.insert(stream.to_string(), read.index);
        let line = Line {
            stream,
            holder,
            customers,
            deciders: Vec::new(),
            at: read.entry.time,
            purpose: purpose.to_owned(),
            what,
            ended: None,
        };
        self.lines.insert(read.index, line);
    }

    fn line(&mut self, read: &Read<'_>) -> Option<&mut Line> {
        self.begun.get(read.entry.subject.as_str()).and_then(|index| self.lines.get_mut(index))
    }
}

impl Line {
    /// Returns its id.
    pub fn id(&self) -> Option<SubjectId> {
        self.stream.id()?.parse().ok()
    }

    /// Returns what it is: `grant` or `loan`.
    pub fn kind(&self) -> &'static str {
        match self.what {
            What::Grant { .. } => "grant",
            What::Loan { .. } => "loan",
        }
    }

    /// Returns who approved it: who granted any of the classes, or who lent the archive.
    pub fn approvers(&self) -> Vec<String> {
        let mut approvers: Vec<String> = match &self.what {
            What::Grant { decided, .. } => {
                let granted = decided.iter().filter(|(decision, ..)| decision.decision == Verdict::Granted);
                granted.map(|(_, by, _)| by.to_string()).collect()
            }
            What::Loan { by, .. } => vec![by.clone()],
        };
        approvers.dedup();
        approvers
    }

    /// The facts of what it is about.
    pub fn facts(&self) -> Facts {
        Facts::NONE.with_if(self.kind() == "loan", Facts::ABOUT_LOANS)
    }

    /// Returns how it stood at `at`, a moment of `day`.
    pub fn status(&self, at: Timestamp, day: Date) -> &'static str {
        match (&self.what, self.ended.as_ref().map(|(how, _)| *how)) {
            (What::Loan { lent, .. }, None | Some("expired")) => {
                if lent.until < day {
                    "overdue"
                } else {
                    "lent"
                }
            }
            (_, Some(how)) => how,
            (What::Grant { asked, .. }, None) if asked.until <= at => "over",
            (What::Grant { asked, decided }, None) => {
                let said = |class: &Opened, verdict: Verdict| {
                    let filled = decided.iter().filter(|(decision, ..)| decision.decision == verdict);
                    let seats: Vec<Seat> = filled
                        .flat_map(|(decision, ..)| decision.places.iter().flatten())
                        .filter_map(|Place { class: of, seat }| (of == class).then_some(*seat))
                        .collect();
                    seats
                };
                let granted = |class: &Opened| {
                    let seats = said(class, Verdict::Granted);
                    class.seats().iter().all(|seat| seats.contains(seat))
                };
                if asked.classes.iter().any(granted) {
                    "open"
                } else if asked.classes.iter().all(|class| !said(class, Verdict::Refused).is_empty()) {
                    "refused"
                } else {
                    "waiting"
                }
            }
        }
    }

    /// The row; `waiting` are the classes somebody must still decide, with whose decisions they need.
    pub fn row(&self, index: u64, at: Timestamp, day: Date, waiting: Value) -> Node {
        let cell = |value: Value| Node::within(Matter::AccessLog, Class::C8, value);
        let status = self.status(at, day);
        let mut row = vec![
            ("no", Node::plain(self.stream.id().unwrap_or_default())),
            ("kind", Node::plain(self.kind())),
            ("who", cell(json!(self.holder))),
            ("at", cell(json!(self.at))),
            ("customers", cell(json!(self.customers))),
            ("purpose", cell(json!(self.purpose))),
            ("status", cell(json!(status))),
        ];
        match &self.what {
            What::Grant { asked, decided } => {
                let decisions = decided.iter().map(|(decision, by, at)| {
                    json!({
                        "decision": decision.decision, "classes": decision.classes, "by": by, "at": at,
                        "reason": decision.reason, "until": decision.until, "modes": decision.modes,
                        "conditions": decision.conditions,
                    })
                });
                let decisions = decisions.map(without_nulls).collect::<Vec<_>>();
                row.extend([
                    ("scope", cell(json!(asked.classes))),
                    ("modes", cell(json!(asked.modes))),
                    ("from", cell(json!(asked.from))),
                    ("until", cell(json!(asked.until))),
                    ("decisions", cell(json!(decisions))),
                    ("waiting_for", cell(waiting)),
                ]);
                if let Some((how, reason)) = &self.ended {
                    row.push((*how, cell(json!(reason))));
                }
            }
            What::Loan { lent, by } => {
                row.extend([
                    ("scope", cell(json!(lent.sections))),
                    ("until", cell(json!(lent.until))),
                    ("lent_by", cell(json!(by))),
                    ("renews", cell(json!(lent.renews))),
                    ("content_hash", cell(json!(lent.content_hash))),
                    ("returned", cell(json!(self.ended.as_ref().map(|(how, _)| *how)))),
                    ("condition", cell(json!(self.ended.as_ref().and_then(|(_, condition)| condition.clone())))),
                    ("overdue", cell(json!(status == "overdue"))),
                ]);
            }
        }
        row.push(("index", Node::plain(index)));
        Node::Row(row)
    }
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
