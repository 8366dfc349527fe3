//! What is held of persons, and what was erased of them: the inventory and the certificate.

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::ledger::Verdict;
use crate::domain::privacy::{Event, Scope};
use crate::domain::{Event as Any, ledger, person};
use crate::ids::{CustomerId, SubjectId};
use crate::projection::person::People;
use crate::projection::{Node, Read};

/// What is held of one person (V-22).
#[derive(Debug)]
pub struct Held<'a> {
    /// Who.
    pub id: &'a SubjectId,
    /// The person as decisions know one: customer and consents.
    pub person: &'a person::Person,
    /// The people of the customer.
    pub people: &'a People,
    /// How much is erased, and whether the keys are destroyed.
    pub erased: Option<(Scope, bool)>,
    /// When values of persons of the customer were opened last.
    pub last_used: Option<Timestamp>,
}

impl Held<'_> {
    /// Lays it out as a row: names of fields and facts, and not one value of the person's.
    pub fn row(&self) -> Node {
        let erased = self.erased.map(|(scope, _)| scope);
        let consents = self.person.consents.iter().map(|((purpose, third_party), status)| {
            let fact = |value: Value| Node::of(Class::C4, value);
            Node::Row(vec![
                ("purpose", fact(json!(purpose.as_str()))),
                ("third_party", fact(json!(third_party))),
                ("status", fact(json!(status.as_str()))),
            ])
        });
        let erased = Node::Row(vec![
            ("scope", kept(json!(erased.map(Scope::as_str)))),
            ("keys_destroyed", kept(json!(self.erased.map(|(_, destroyed)| destroyed)))),
        ]);
        let row = Node::Row(vec![
            ("person", kept(json!(self.id))),
            ("customer", Node::plain(self.person.customer.as_str())),
            ("fields", kept(json!(self.people.held(self.id, self.erased.map(|(scope, _)| scope))))),
            ("consents", Node::List(consents.collect())),
            ("last_used", kept(json!(self.last_used))),
            ("erased", erased),
        ]);
        Node::About(self.person.customer.clone(), Box::new(row))
    }
}

/// The erasures of one person, and what was verified since (V-94).
#[derive(Clone, Debug)]
pub struct Certificate {
    person: SubjectId,
    customer: CustomerId,
    erasures: Vec<Erasure>,
}

#[derive(Clone, Debug)]
struct Erasure {
    scope: Scope,
    ground: Value,
    approved_by: Value,
    id: String,
    at: Timestamp,
    index: u64,
    completed: Option<(Timestamp, u64)>,
}

/// A verification of the whole ledger up to an index.
#[derive(Clone, Copy, Debug)]
pub struct Verified {
    /// The entry that says so.
    pub index: u64,
    /// The first index it looked at.
    pub from: i64,
    /// The last.
    pub to: i64,
    /// What it found.
    pub result: Verdict,
}

impl Verified {
    /// Reads a verification out of an entry, if it is one.
    pub fn of(read: &Read<'_>) -> Option<Self> {
        let Any::Ledger(ledger::Event::Verified(verified)) = read.event else { return None };
        let (from, to) = (verified.from_position.0, verified.to_position.0);
        Some(Self { index: read.index, from, to, result: verified.result? })
    }
}

impl Certificate {
    /// Begins with nothing erased.
    pub fn of(person: &SubjectId, customer: &CustomerId) -> Self {
        Self { person: person.clone(), customer: customer.clone(), erasures: Vec::new() }
    }

    /// Folds one entry of the person's stream.
    pub fn fold(&mut self, read: &Read<'_>) {
        let Any::Privacy(event) = read.event else { return };
        match event {
            Event::Erased(erased) => self.erasures.push(Erasure {
                scope: erased.scope,
                ground: json!(erased.ground.as_str()),
                approved_by: json!(erased.approved_by),
                id: read.entry.id.to_string(),
                at: read.entry.time,
                index: read.index,
                completed: None,
            }),
            Event::Completed(completed) => {
                let of = |erasure: &&mut Erasure| erasure.id == completed.erased.as_str();
                if let Some(erasure) = self.erasures.iter_mut().find(of) {
                    erasure.completed = Some((read.entry.time, read.index));
                }
            }
            Event::HoldPlaced(_) | Event::HoldLifted(_) => {}
        }
    }

    /// Lays out one row for each erasure, with the last verification that looked at both of its ends.
    pub fn rows(&self, verified: &[Verified]) -> Vec<Node> {
        self.erasures.iter().map(|erasure| self.row(erasure, verified)).collect()
    }

    fn row(&self, erasure: &Erasure, verified: &[Verified]) -> Node {
        let end = erasure.completed.map_or(erasure.index, |(_, index)| index);
        let covers = |verified: &&Verified| {
            let to = u64::try_from(verified.to).unwrap_or(0);
            verified.from == 0 && to >= end
        };
        let verified = verified.iter().filter(covers).max_by_key(|verified| verified.index);
        let row = Node::Row(vec![
            ("person", kept(json!(self.person))),
            ("customer", Node::plain(self.customer.as_str())),
            ("scope", kept(json!(erasure.scope.as_str()))),
            ("ground", kept(erasure.ground.clone())),
            ("approved_by", kept(erasure.approved_by.clone())),
            ("erased_at", kept(json!(erasure.at))),
            ("erased_by", Node::plain(erasure.index)),
            ("completed_at", kept(json!(erasure.completed.map(|(at, _)| at)))),
            ("completed_by", Node::plain(json!(erasure.completed.map(|(_, index)| index)))),
            ("ledger_intact", kept(json!(verified.map(|verified| verified.result.as_str())))),
            ("verified_by", Node::plain(json!(verified.map(|verified| verified.index)))),
        ]);
        Node::About(self.customer.clone(), Box::new(row))
    }
}

/// What is kept about the handling of personal data, which is none of them.
fn kept(value: Value) -> Node {
    Node::within(Matter::AccessLog, Class::C8, value)
}
