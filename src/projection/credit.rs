//! Terms of trade (V-35) and quarterly credit reviews (V-34).

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::clock::{Date, Timestamp};
use crate::domain::class::Class;
use crate::domain::credit::{Reviewed, TermsSet};
use crate::ids::{CustomerId, EntryId};
use crate::projection::{Node, Read};

/// Terms as they were set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// The credit grade they rest on.
    pub grade: String,
    /// The limit in fen.
    pub limit: i64,
    /// From when.
    pub since: Timestamp,
    /// The entry that set them.
    pub index: u64,
    valid_until: Option<Date>,
    /// JSON text: the compact form of documents cannot leave out what is absent.
    data: String,
}

impl Terms {
    /// Takes over terms from the entry that set them.
    pub fn of(terms: &TermsSet, read: &Read<'_>) -> Self {
        Self {
            grade: terms.credit_grade.0.clone(),
            limit: terms.credit_limit.0,
            since: read.entry.occurredat,
            index: read.index,
            valid_until: terms.valid_until,
            data: read.entry.data.to_string(),
        }
    }

    /// Tells whether they still hold on a day.
    pub fn hold_on(&self, day: Date) -> bool {
        self.valid_until.is_none_or(|last| day <= last)
    }

    /// What was set.
    pub fn data(&self) -> Map<String, Value> {
        serde_json::from_str(&self.data).unwrap_or_default()
    }

    /// The terms as a row of the view; `needs_reset` where they are above what the grade in force allows.
    pub fn row(&self, customer: &CustomerId, name: Node, needs_reset: bool, today: Date) -> Node {
        let mut row = vec![("customer_id", Node::plain(customer.as_str())), ("customer", name)];
        row.extend(cells(&Value::Object(self.data())));
        row.push(("needs_reset", Node::of(Class::C3, needs_reset)));
        row.push(("expired", Node::of(Class::C3, !self.hold_on(today))));
        row.push(("since", Node::of(Class::C3, json!(self.since))));
        row.push(("source_event", Node::plain(self.index)));
        Node::Row(row)
    }
}

/// The values of terms, each of its class.
pub fn cells(data: &Value) -> impl Iterator<Item = (&'static str, Node)> {
    let fields = TermsSet::fields().iter();
    fields.map(|field| (field.name, Node::of(field.class, data.get(field.name).cloned().unwrap_or_default())))
}

/// A quarterly review, with what the view shows beside it.
#[derive(Clone, Debug)]
pub struct Review {
    /// The customer.
    pub customer: CustomerId,
    /// The quarter.
    pub quarter: String,
    /// The grade reviewed.
    pub grade: String,
    /// Whether it proposes a change.
    pub proposes: bool,
    /// Its entry.
    pub id: EntryId,
    /// Its entry's index.
    pub index: u64,
    /// When it was recorded.
    pub at: Timestamp,
    by: String,
    reviewed: Reviewed,
}

impl Review {
    /// Takes over a review from its entry; `None` if the entry concerns no customer.
    pub fn of(reviewed: &Reviewed, read: &Read<'_>) -> Option<Self> {
        use crate::domain::credit::Finding;
        Some(Self {
            customer: read.customer()?,
            quarter: reviewed.quarter.0.clone(),
            grade: reviewed.grade.0.clone(),
            proposes: reviewed.finding == Finding::ProposeChange,
            id: read.entry.id.clone(),
            index: read.index,
            at: read.entry.time,
            by: read.entry.actor.clone(),
            reviewed: reviewed.clone(),
        })
    }

    /// The review as a row of the view.
    ///
    /// `last_grade` is what the customer's review before said; `follow_up` is what became of a change it proposes.
    pub fn row(&self, name: Node, last_grade: Option<&str>, follow_up: Option<FollowUp>) -> Node {
        let cell = |value: Value| Node::of(Class::C3, value);
        let row = vec![
            ("customer_id", Node::plain(self.customer.as_str())),
            ("customer", name),
            ("quarter", cell(json!(self.quarter))),
            ("grade", cell(json!(self.grade))),
            ("last_grade", cell(json!(last_grade))),
            ("overdue_amount", cell(json!(self.reviewed.overdue_amount))),
            ("collection_rate", cell(json!(self.reviewed.collection_rate))),
            ("comparison", cell(json!(self.reviewed.comparison))),
            ("finding", cell(json!(self.reviewed.finding))),
            ("follow_up", cell(json!(follow_up.map(FollowUp::as_str)))),
            ("reviewed_by", cell(json!(self.by))),
            ("at", cell(json!(self.at))),
            ("source_event", Node::plain(self.index)),
        ];
        Node::About(self.customer.clone(), Box::new(Node::Row(row)))
    }
}

/// What became of a change that a review proposes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowUp {
    /// A grade was proposed that rests on the review.
    Proposed,
    /// Nobody has yet, and there is time.
    Open,
    /// Nobody has in five working days.
    Missing,
}

impl FollowUp {
    fn as_str(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::Open => "open",
            Self::Missing => "missing",
        }
    }
}

/// A review that accounting owes, as a row of the view.
pub fn owed(customer: &CustomerId, name: Node, quarter: &str, due_on: Date, today: Date) -> Node {
    let cell = |value: Value| Node::of(Class::C3, value);
    let row = vec![
        ("customer_id", Node::plain(customer.as_str())),
        ("customer", name),
        ("quarter", cell(json!(quarter))),
        ("review_due", cell(json!(due_on))),
        ("days_late", cell(json!(today.days_after(due_on).max(0)))),
    ];
    Node::About(customer.clone(), Box::new(Node::Row(row)))
}
