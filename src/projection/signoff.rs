//! Signatures on a customer's card, and whether the second copy of the archive is up to date.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::signoff::{Decision, Event, Form, Recorded};
use crate::domain::{self, customer};
use crate::projection::{Node, Read};

/// What has been signed of one customer's archive.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Signatures {
    /// The entry that is the card.
    card: String,
    /// The signatures of the latest round.
    signed: Vec<Signature>,
    /// The last update, and who acknowledged it.
    update: Option<(String, Option<Signature>)>,
}

/// One signature.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Signature {
    step: i64,
    by: String,
    role: String,
    at: Timestamp,
    decision: Decision,
    index: u64,
}

impl Signatures {
    /// Folds one entry of the customer's stream.
    pub fn fold(&mut self, read: &Read<'_>) {
        let id = read.entry.id.as_str();
        if let domain::Event::Customer(event) = read.event {
            match event {
                customer::Event::Registered(_) | customer::Event::IndividualRegistered(_) => {
                    id.clone_into(&mut self.card);
                }
                customer::Event::ProfileUpdated(_) => self.update = Some((id.to_owned(), None)),
                customer::Event::Classified(_)
                | customer::Event::OwnerAssigned(_)
                | customer::Event::Verified(_)
                | customer::Event::MarkedDuplicate(_)
                | customer::Event::StatusChanged(_)
                | customer::Event::CodeAssigned(_) => {}
            }
        }
        let domain::Event::Signoff(Event::Recorded(recorded)) = read.event else { return };
        let signature = Signature::of(read, recorded);
        let signed = recorded.subject_event.0.as_str();
        if signed == self.card {
            // A round begins anew after a return.
            self.signed.retain(|earlier| earlier.step < signature.step && earlier.decision != Decision::Returned);
            self.signed.push(signature);
        } else if let Some((_, acknowledged)) = self.update.as_mut().filter(|(update, _)| update == signed) {
            *acknowledged = Some(signature);
        }
    }

    /// The foot of the card: who signed which step, and when it was archived.
    pub fn card(&self) -> Vec<(&'static str, Node)> {
        let step = |number| self.signed.iter().find(|signature| signature.step == number);
        let cell = |number| step(number).map_or_else(Node::absent, Signature::node);
        let steps = i64::try_from(Form::Card.steps().len()).unwrap_or(0);
        let last = step(steps).filter(|signature| signature.decision == Decision::Approved);
        vec![
            ("supervisor_signature", cell(1)),
            ("manager_signature", cell(2)),
            ("gm_signature", cell(3)),
            ("archived_at", last.map_or_else(Node::absent, |signature| Node::of(Class::C1, json!(signature.at)))),
            ("card_event", Node::of(Class::C1, self.card.as_str())),
        ]
    }

    /// Whether the holder of the second copy has acknowledged the last update.
    pub fn second_copy(&self) -> Node {
        match &self.update {
            None => Node::absent(),
            Some((update, acknowledged)) => Node::Row(vec![
                ("update", Node::of(Class::C1, update.as_str())),
                ("acknowledged", acknowledged.as_ref().map_or_else(Node::absent, Signature::node)),
            ]),
        }
    }
}

impl Signature {
    fn of(read: &Read<'_>, recorded: &Recorded) -> Self {
        Self {
            step: recorded.step.0,
            by: read.entry.actor.clone(),
            role: read.entry.actorrole.clone(),
            at: read.entry.time,
            decision: recorded.decision,
            index: read.index,
        }
    }

    fn node(&self) -> Node {
        let cell = |value| Node::of(Class::C1, value);
        Node::Row(vec![
            ("by", cell(json!(self.by))),
            ("role", cell(json!(self.role))),
            ("at", cell(json!(self.at))),
            ("decision", cell(json!(self.decision))),
            ("source_event", Node::plain(self.index)),
        ])
    }
}
