//! The credit-grade trace (V-33), the check of four eyes (V-87) and grades in force (V-32).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::role::Role;
use crate::domain::{Event, approval, audit, grade};
use crate::ids::CustomerId;
use crate::projection::{Node, Read};

/// One line of the trace: a step of a proposal, or an attempt that was refused.
#[derive(Clone, Debug)]
pub struct Line {
    /// The entry's index.
    pub index: u64,
    /// The customer.
    pub customer: Option<CustomerId>,
    cells: Vec<(&'static str, Value)>,
}

/// A process as the check of four eyes sees it.
#[derive(Clone, Debug, Default)]
pub struct Process {
    /// The proposal or request.
    pub process: String,
    proposer: String,
    reviewers: Vec<String>,
    approver: Option<String>,
    substitution: bool,
}

/// A fold of everything that concerns credit grades and approvals.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// The processes.
    pub processes: BTreeMap<String, Process>,
    proposals: BTreeMap<String, (CustomerId, Option<String>, String)>,
}

impl Trace {
    /// Folds one entry.
    pub fn fold(&mut self, read: &Read<'_>) {
        match read.event {
            Event::Grade(event) => self.fold_grade(read, event),
            Event::Approval(event) => self.fold_approval(read, event),
            Event::Audit(audit::Event::CommandRefused(refused)) => {
                let refusal =
                    format!("{} {}", refused.code.as_str(), refused.rule.as_ref().map_or("", |rule| rule.0.as_str()));
                let customer = refused.target.0.split('/').nth(1).and_then(|id| id.parse().ok());
                let cells = vec![
                    ("step", json!("refused")),
                    ("refusal", json!(refusal.trim())),
                    ("command", json!(refused.command)),
                ];
                self.line(read, customer, cells);
            }
            Event::Audit(audit::Event::Accessed(_) | audit::Event::Denied(_))
            | Event::Ledger(_)
            | Event::Policy(_)
            | Event::Organization(_)
            | Event::Employee(_)
            | Event::Customer(_)
            | Event::Person(_)
            | Event::Privacy(_)
            | Event::Contact(_)
            | Event::Sale(_) => {}
        }
    }

    fn fold_grade(&mut self, read: &Read<'_>, event: &grade::Event) {
        let (proposal, step, more) = match event {
            grade::Event::Proposed(proposed) => {
                let id = proposed.proposal_id.as_ref().map(ToString::to_string).unwrap_or_default();
                let from = proposed.from.as_ref().map(|from| from.0.clone());
                self.proposals.insert(id.clone(), (proposed.customer_id.clone(), from, proposed.to.0.clone()));
                let process = self.processes.entry(id.clone()).or_default();
                process.process = format!("grade/{}/credit {id}", proposed.customer_id);
                read.entry.actor.clone_into(&mut process.proposer);
                let more = vec![
                    ("suggested", json!(proposed.suggested)),
                    ("deviation_reason", json!(proposed.deviation_reason)),
                    ("reason", json!(proposed.reason)),
                    ("evidence", json!(proposed.evidence)),
                    ("seats", json!(proposed.seats)),
                ];
                (id, "proposed", more)
            }
            grade::Event::Reviewed(reviewed) => {
                if let Some(process) = self.processes.get_mut(reviewed.proposal_id.as_str()) {
                    process.reviewers.push(read.entry.actor.clone());
                    process.substitution |= !is_role(read, &[Role::RegionalGm]);
                }
                let more = vec![("verdict", json!(reviewed.verdict)), ("reason", json!(reviewed.opinion))];
                (reviewed.proposal_id.to_string(), "reviewed", more)
            }
            grade::Event::Approved(approved) => {
                if let Some(process) = self.processes.get_mut(approved.proposal_id.as_str()) {
                    process.approver = Some(read.entry.actor.clone());
                }
                let more = vec![
                    ("reason", json!(approved.opinion)),
                    ("chain", json!(approved.chain)),
                    ("effective_at", json!(approved.effective_at)),
                ];
                (approved.proposal_id.to_string(), "approved", more)
            }
            grade::Event::Rejected(rejected) => {
                if let Some(process) = self.processes.get_mut(rejected.proposal_id.as_str()) {
                    process.approver = Some(read.entry.actor.clone());
                }
                (rejected.proposal_id.to_string(), "rejected", vec![("reason", json!(rejected.reason))])
            }
            grade::Event::Withdrawn(withdrawn) => {
                let more = vec![("reason", json!(withdrawn.note)), ("cause", json!(withdrawn.cause))];
                (withdrawn.proposal_id.to_string(), "withdrawn", more)
            }
        };
        let (customer, from, to) = match self.proposals.get(&proposal) {
            Some((customer, from, to)) => (Some(customer.clone()), json!(from), json!(to)),
            None => (read.customer(), Value::Null, Value::Null),
        };
        let mut cells = vec![("proposal", json!(proposal)), ("step", json!(step)), ("from", from), ("to", to)];
        cells.extend(more);
        self.line(read, customer, cells);
    }

    fn fold_approval(&mut self, read: &Read<'_>, event: &approval::Event) {
        match event {
            approval::Event::Requested(requested) => {
                let process = self.processes.entry(requested.request_id.to_string()).or_default();
                process.process = format!("{} {}", requested.proposed.0, requested.about.0);
                read.entry.actor.clone_into(&mut process.proposer);
            }
            approval::Event::Given(given) => {
                if let Some(process) = self.processes.get_mut(given.request_id.as_str())
                    && let Some(earlier) = process.approver.replace(read.entry.actor.clone())
                {
                    process.reviewers.push(earlier);
                }
            }
            approval::Event::Declined(declined) => {
                if let Some(process) = self.processes.get_mut(declined.request_id.as_str()) {
                    process.approver = Some(read.entry.actor.clone());
                }
            }
        }
    }

    fn line(&mut self, read: &Read<'_>, customer: Option<CustomerId>, more: Vec<(&'static str, Value)>) {
        let mut cells = vec![
            ("dimension", json!("credit")),
            ("at", json!(read.entry.time)),
            ("occurred_at", json!(read.entry.occurredat)),
            ("actor", json!(read.entry.actor)),
            ("actor_role", json!(read.entry.actorrole)),
            ("actor_unit", json!(read.entry.actorunit)),
            ("customer", json!(customer)),
            ("policy_version", json!(read.entry.policyversion)),
            ("index", json!(read.index)),
            ("id", json!(read.entry.id)),
            ("hash", json!(read.hash())),
        ];
        cells.extend(more);
        self.lines.push(Line { index: read.index, customer, cells });
    }
}

impl Line {
    /// The ids of the entries that what was proposed rests on.
    pub fn evidence(&self) -> impl Iterator<Item = &str> {
        let named = self.cells.iter().filter(|(name, _)| *name == "evidence");
        named.filter_map(|(_, value)| value.as_array()).flatten().filter_map(Value::as_str)
    }

    /// The line as a row of the view, with the indexes of its evidence and its inclusion proof.
    pub fn row(&self, evidence_at: &[Option<u64>], proof: Value) -> Node {
        let open = ["at", "actor", "actor_role", "actor_unit", "customer", "index", "id", "hash", "step", "proposal"];
        let mut row: Vec<(&'static str, Node)> = self
            .cells
            .iter()
            .map(|(name, value)| {
                let class = if open.contains(name) { Class::C0 } else { Class::C3 };
                (*name, Node::of(class, value.clone()))
            })
            .collect();
        if !evidence_at.is_empty() {
            row.push(("evidence_at", Node::of(Class::C3, json!(evidence_at))));
        }
        row.push(("proof", Node::plain(proof)));
        let row = Node::Row(row);
        match &self.customer {
            Some(customer) => Node::About(customer.clone(), Box::new(row)),
            None => row,
        }
    }
}

impl Process {
    /// Tells whether somebody filled two steps, which must not happen.
    pub fn repeated(&self) -> bool {
        let mut people: Vec<&String> = self.reviewers.iter().chain(&self.approver).chain([&self.proposer]).collect();
        people.sort();
        people.windows(2).any(|pair| pair.first() == pair.last())
    }

    /// The process as a row of the view.
    pub fn row(&self) -> Node {
        let cell = |value: Value| Node::within(Matter::AccessLog, Class::C8, value);
        Node::Row(vec![
            ("process", cell(json!(self.process))),
            ("proposer", cell(json!(self.proposer))),
            ("reviewers", cell(json!(self.reviewers))),
            ("approver", cell(json!(self.approver))),
            ("substitution", cell(json!(self.substitution))),
            ("repeated", cell(json!(self.repeated()))),
        ])
    }
}

/// A customer's grade in force as a row of the view.
pub fn in_force(customer: &CustomerId, name: Node, grades: &[(Timestamp, String, u64)], at: Timestamp) -> Node {
    let grade = grades.iter().rev().find(|(since, ..)| *since <= at);
    let cell = |value: Value| Node::of(Class::C3, value);
    let row = Node::Row(vec![
        ("customer_id", Node::plain(customer.as_str())),
        ("customer", name),
        ("credit_grade", cell(json!(grade.map(|(_, grade, _)| grade)))),
        ("since", cell(json!(grade.map(|(since, ..)| since)))),
        ("source_event", cell(json!(grade.map(|(.., index)| index)))),
    ]);
    Node::About(customer.clone(), Box::new(row))
}

fn is_role(read: &Read<'_>, roles: &[Role]) -> bool {
    roles.iter().any(|role| role.key() == read.entry.actorrole)
}
