//! The trace of grades (V-33), the check of four eyes (V-87), grades in force (V-32) and the grading table (V-05).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::clock::{Date, Timestamp};
use crate::domain::class::Class;
use crate::domain::grade::Dimension;
use crate::domain::role::Role;
use crate::domain::{Event, approval, audit, credit, grade, record};
use crate::ids::{CustomerId, UnitId};
use crate::projection::{Node, Read};

/// A grade from an instant on, and the entry that approved it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// From when.
    pub since: Timestamp,
    /// The grade.
    pub grade: String,
    /// The entry's index.
    pub index: u64,
}

/// All grades a customer has had, of either kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grades {
    credit: Vec<Step>,
    business: Vec<Step>,
}

impl Grades {
    /// Adds a grade that was approved, which supersedes those approved before that have not come into force.
    pub fn add(&mut self, dimension: Dimension, approved: &grade::Approved, read: &Read<'_>) {
        let since = approved.effective_at.unwrap_or(read.entry.time);
        let step = Step { since, grade: approved.to.0.clone(), index: read.index };
        let steps = match dimension {
            Dimension::Credit => &mut self.credit,
            Dimension::Business => &mut self.business,
        };
        steps.retain(|earlier| earlier.since <= read.entry.time);
        steps.push(step);
    }

    /// Returns the grade in force at an instant.
    pub fn at(&self, dimension: Dimension, at: Timestamp) -> Option<&Step> {
        self.of(dimension).iter().filter(|step| step.since <= at).max_by_key(|step| (step.since, step.index))
    }

    /// Returns the grade that is approved and not in force yet at an instant.
    pub fn coming(&self, dimension: Dimension, at: Timestamp) -> Option<&Step> {
        self.of(dimension).iter().find(|step| step.since > at)
    }

    fn of(&self, dimension: Dimension) -> &[Step] {
        match dimension {
            Dimension::Credit => &self.credit,
            Dimension::Business => &self.business,
        }
    }

    /// Tells whether there was never one.
    pub fn is_empty(&self) -> bool {
        self.credit.is_empty() && self.business.is_empty()
    }
}

/// One line of the trace: a step of a proposal, or an attempt that was refused.
#[derive(Clone, Debug)]
pub struct Line {
    /// The entry's index.
    pub index: u64,
    /// The customer.
    pub customer: Option<CustomerId>,
    /// What is graded.
    pub dimension: Dimension,
    /// Who took the step.
    pub actor: String,
    /// When it was recorded.
    pub at: Timestamp,
    /// The version of the policy it was judged under.
    pub policy_version: u64,
    /// The change it is a step of; none where an attempt was refused.
    pub change: Option<Change>,
    cells: Vec<(&'static str, Value)>,
    /// Of a credit grade approved: the terms set on it later, and the quarters it was reviewed for.
    terms: Vec<Value>,
    reviews: Vec<Value>,
}

/// What a proposal is to change.
#[derive(Clone, Debug)]
pub struct Change {
    customer: CustomerId,
    from: Option<String>,
    to: String,
    /// The proposer's unit and when it was proposed: by its policy of then the grades are ordered.
    pub proposed: (Option<UnitId>, Timestamp),
}

impl Change {
    /// Tells where it leads on a scale, the best grade first; a first grade and one that the scale does not have lead nowhere.
    pub fn direction(&self, scale: &[&str]) -> Option<Direction> {
        let place = |grade: &str| scale.iter().position(|other| *other == grade);
        match place(&self.to)?.cmp(&place(self.from.as_deref()?)?) {
            Ordering::Less => Some(Direction::Up),
            Ordering::Greater => Some(Direction::Down),
            Ordering::Equal => None,
        }
    }
}

/// Whether a change is to a better grade or to a worse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To a better one.
    Up,
    /// To a worse one.
    Down,
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

/// A fold of everything that concerns grades and approvals.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// The lines, oldest first.
    pub lines: Vec<Line>,
    /// The processes.
    pub processes: BTreeMap<String, Process>,
    proposals: BTreeMap<String, Change>,
    /// The line of each customer that approved its last credit grade.
    approved: BTreeMap<CustomerId, usize>,
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
                let business = refused.command.0.starts_with("business_grade.");
                let dimension = if business { Dimension::Business } else { Dimension::Credit };
                let cells = vec![
                    ("step", json!("refused")),
                    ("refusal", json!(refusal.trim())),
                    ("command", json!(refused.command)),
                ];
                self.line(read, dimension, customer, None, cells);
            }
            Event::Credit(event) => self.fold_credit(read, event),
            Event::Record(event) => self.fold_record(read, event),
            Event::Audit(audit::Event::Accessed(_) | audit::Event::Denied(_))
            | Event::Ledger(_)
            | Event::Policy(_)
            | Event::Organization(_)
            | Event::Employee(_)
            | Event::Customer(_)
            | Event::Person(_)
            | Event::Privacy(_)
            | Event::Grant(_)
            | Event::Loan(_)
            | Event::Anomaly(_)
            | Event::Calendar(_)
            | Event::Obligation(_)
            | Event::Conduct(_)
            | Event::Document(_)
            | Event::Signoff(_)
            | Event::Contact(_)
            | Event::Sale(_)
            | Event::Payment(_) => {}
        }
    }

    /// Notes at the grade approved last what came of it.
    fn fold_credit(&mut self, read: &Read<'_>, event: &credit::Event) {
        let approved = read.customer().and_then(|customer| self.approved.get(&customer));
        let Some(line) = approved.and_then(|place| self.lines.get_mut(*place)) else { return };
        match event {
            credit::Event::TermsSet(terms) => {
                line.terms.push(json!({ "credit_limit": terms.credit_limit, "index": read.index }));
            }
            credit::Event::Reviewed(reviewed) => line.reviews.push(json!({
                "quarter": reviewed.quarter, "finding": reviewed.finding, "index": read.index,
            })),
        }
    }

    /// A proposal that was corrected or voided is a step too: who changed it, when, and what it says since.
    fn fold_record(&mut self, read: &Read<'_>, event: &record::Event) {
        let Some(customer) = event.customer() else { return };
        let kinds = [Dimension::Credit, Dimension::Business];
        let of = kinds.into_iter().find(|of| grade::stream(*of, customer) == read.entry.subject);
        let Some(dimension) = of else { return };
        let (step, corrects) = match event {
            record::Event::Corrected(corrected) => ("corrected", &corrected.target_index),
            record::Event::Voided(voided) => ("voided", &voided.target_index),
        };
        let changes: Vec<Value> =
            event.changes().map(|(change, field)| json!({ "path": field, "new": change.new })).collect();
        let mut cells =
            vec![("step", json!(step)), ("corrects", json!(corrects)), ("correction_reason", json!(event.reason()))];
        if !changes.is_empty() {
            cells.push(("changes", json!(changes)));
        }
        self.line(read, dimension, Some(customer.clone()), None, cells);
    }

    fn fold_grade(&mut self, read: &Read<'_>, event: &grade::Event) {
        let (dimension, proposal, step, more) = match event {
            grade::Event::Proposed(dimension, proposed) => {
                let id = proposed.proposal_id.as_ref().map(ToString::to_string).unwrap_or_default();
                let change = Change {
                    customer: proposed.customer_id.clone(),
                    from: proposed.from.as_ref().map(|from| from.0.clone()),
                    to: proposed.to.0.clone(),
                    proposed: (read.entry.actorunit.parse().ok(), read.entry.time),
                };
                self.proposals.insert(id.clone(), change);
                let process = self.processes.entry(id.clone()).or_default();
                process.process = format!("{} {id}", grade::stream(*dimension, &proposed.customer_id));
                read.entry.actor.clone_into(&mut process.proposer);
                let more = vec![
                    ("suggested", json!(proposed.suggested)),
                    ("deviation_reason", json!(proposed.deviation_reason)),
                    ("reason", json!(proposed.reason)),
                    ("evidence", json!(proposed.evidence)),
                    ("seats", json!(proposed.seats)),
                ];
                (*dimension, id, "proposed", more)
            }
            grade::Event::Reviewed(dimension, reviewed) => {
                if let Some(process) = self.processes.get_mut(reviewed.proposal_id.as_str()) {
                    process.reviewers.push(read.entry.actor.clone());
                    process.substitution |= !is_role(read, &[Role::RegionalGm]);
                }
                let more = vec![("verdict", json!(reviewed.verdict)), ("reason", json!(reviewed.opinion))];
                (*dimension, reviewed.proposal_id.to_string(), "reviewed", more)
            }
            grade::Event::Approved(dimension, approved) => {
                if let Some(process) = self.processes.get_mut(approved.proposal_id.as_str()) {
                    process.approver = Some(read.entry.actor.clone());
                }
                let more = vec![
                    ("reason", json!(approved.opinion)),
                    ("chain", json!(approved.chain)),
                    ("effective_at", json!(approved.effective_at)),
                ];
                (*dimension, approved.proposal_id.to_string(), "approved", more)
            }
            grade::Event::Rejected(dimension, rejected) => {
                if let Some(process) = self.processes.get_mut(rejected.proposal_id.as_str()) {
                    process.approver = Some(read.entry.actor.clone());
                }
                (*dimension, rejected.proposal_id.to_string(), "rejected", vec![("reason", json!(rejected.reason))])
            }
            grade::Event::Withdrawn(dimension, withdrawn) => {
                let more = vec![("reason", json!(withdrawn.note)), ("cause", json!(withdrawn.cause))];
                (*dimension, withdrawn.proposal_id.to_string(), "withdrawn", more)
            }
        };
        let change = self.proposals.get(&proposal).cloned();
        let (customer, from, to) = match &change {
            Some(change) => (Some(change.customer.clone()), json!(change.from), json!(change.to)),
            None => (read.customer(), Value::Null, Value::Null),
        };
        let mut cells = vec![("proposal", json!(proposal)), ("step", json!(step)), ("from", from), ("to", to)];
        cells.extend(more);
        if let (Dimension::Credit, grade::Event::Approved(..), Some(customer)) = (dimension, event, &customer) {
            self.approved.insert(customer.clone(), self.lines.len());
        }
        self.line(read, dimension, customer, change, cells);
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

    fn line(
        &mut self,
        read: &Read<'_>,
        dimension: Dimension,
        customer: Option<CustomerId>,
        change: Option<Change>,
        more: Vec<(&'static str, Value)>,
    ) {
        let mut cells = vec![
            ("dimension", json!(dimension)),
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
        cells.extend(read.corrected.map(|by| ("corrected_by", json!(by))));
        cells.extend(more);
        self.lines.push(Line {
            index: read.index,
            customer,
            dimension,
            actor: read.entry.actor.clone(),
            at: read.entry.time,
            policy_version: read.entry.policyversion,
            change,
            cells,
            terms: Vec::new(),
            reviews: Vec::new(),
        });
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
        let open = [
            "dimension",
            "at",
            "actor",
            "actor_role",
            "actor_unit",
            "customer",
            "index",
            "id",
            "hash",
            "step",
            "proposal",
            "corrects",
            "corrected_by",
        ];
        let mut row: Vec<(&'static str, Node)> = self
            .cells
            .iter()
            .map(|(name, value)| {
                let class = match *name {
                    // Why something was put right is no part of the grade.
                    "correction_reason" => Class::C8,
                    name if open.contains(&name) => Class::C0,
                    _ => Class::C3,
                };
                (*name, Node::of(class, value.clone()))
            })
            .collect();
        for (name, values) in [("terms_after", &self.terms), ("reviews", &self.reviews)] {
            if !values.is_empty() {
                row.push((name, Node::of(Class::C3, json!(values))));
            }
        }
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

/// What the view of grades in force shows of a customer besides its grades.
#[derive(Clone, Debug, Default)]
pub struct Standing {
    /// The credit limit in fen, while its terms hold.
    pub credit_limit: Option<i64>,
    /// By which day accounting reviews the credit grade next, and for which quarter.
    pub review_due: Option<(String, Date)>,
}

/// A customer's grades in force as a row of the view.
pub fn in_force(customer: &CustomerId, name: Node, grades: &Grades, standing: Standing, at: Timestamp) -> Node {
    let cell = |value: Value| Node::of(Class::C3, value);
    let (credit, business) = (grades.at(Dimension::Credit, at), grades.at(Dimension::Business, at));
    let [next_credit, next_business] = [Dimension::Credit, Dimension::Business].map(|of| grades.coming(of, at));
    Node::Row(vec![
        ("customer_id", Node::plain(customer.as_str())),
        ("customer", name),
        ("business_grade", cell(json!(business.map(|step| &step.grade)))),
        ("business_since", cell(json!(business.map(|step| step.since)))),
        ("business_event", cell(json!(business.map(|step| step.index)))),
        ("next_business_grade", cell(json!(next_business.map(|step| &step.grade)))),
        ("next_business_since", cell(json!(next_business.map(|step| step.since)))),
        ("credit_grade", cell(json!(credit.map(|step| &step.grade)))),
        ("since", cell(json!(credit.map(|step| step.since)))),
        ("source_event", cell(json!(credit.map(|step| step.index)))),
        ("next_credit_grade", cell(json!(next_credit.map(|step| &step.grade)))),
        ("next_credit_since", cell(json!(next_credit.map(|step| step.since)))),
        ("credit_limit", cell(json!(standing.credit_limit))),
        ("review_quarter", cell(json!(standing.review_due.as_ref().map(|(quarter, _)| quarter)))),
        ("review_due", cell(json!(standing.review_due.map(|(_, day)| day)))),
    ])
}

/// A customer's line of the grading table: what it mostly buys is named in the blocks A, D and E, its line of business in the
/// others, as on the paper form.
pub fn graded(
    customer: &CustomerId,
    grade: &str,
    name: Node,
    category: Option<&str>,
    line: Option<&str>,
    code: Option<&str>,
) -> Node {
    let by_category = matches!(grade, "A" | "D" | "E");
    let row = Node::Row(vec![
        ("grade", Node::of(Class::C3, grade)),
        ("product_category", Node::of(Class::C2, json!(category.filter(|_| by_category)))),
        ("line_of_business", Node::plain(json!(line.filter(|_| !by_category)))),
        ("customer_id", Node::plain(customer.as_str())),
        ("customer_name", name),
        ("customer_code", Node::plain(json!(code))),
    ]);
    Node::About(customer.clone(), Box::new(row))
}

fn is_role(read: &Read<'_>, roles: &[Role]) -> bool {
    roles.iter().any(|role| role.key() == read.entry.actorrole)
}
