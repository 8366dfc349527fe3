//! The state of the ledger at one index: the world, the heads of its streams, its size.

use std::hash::BuildHasherDefault;
use std::sync::Arc;

use imbl::GenericHashMap;
use imbl::shared_ptr::DefaultSharedPtr;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::history::{Lived, Part, Refold, is_companys};
use crate::domain::{About, Actor, Event, Fact, World, anomaly, grant, loan, record};
use crate::entry::{Canonical, EncodeError, Entry, Hash, Link};
use crate::ids::{EntryId, StreamName};
use crate::ledger::claims::{Fingerprint, Spread};
use crate::ledger::tail::{Keys, stream_fingerprint};

/// The last entry of a live stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// Its version in the stream.
    pub version: u64,
    /// Its index.
    pub index: u64,
    /// Its hash.
    pub hash: Hash,
}

/// The heads of live streams, by their names.
///
/// A name is kept as its fingerprint: a copy of the map then counts no references, which costs more than the copy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Heads(GenericHashMap<Fingerprint, Head, BuildHasherDefault<Spread>, DefaultSharedPtr>);

impl Heads {
    /// Returns the head of a live stream.
    pub fn get(&self, stream: &StreamName) -> Option<&Head> {
        self.0.get(&stream_fingerprint(stream.as_str()))
    }
}

/// What the ledger is after its first `size` entries; cheap to copy.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// What decisions read.
    pub world: World,
    /// The heads of live streams; those of ended ones are in the store.
    pub heads: Heads,
    /// How many entries there are.
    pub size: u64,
    /// When the last one was recorded.
    pub last_at: Timestamp,
    /// How many of them are the company's own and concern no customer.
    pub company: u64,
    /// How many of them correct or void others.
    pub amended: u64,
}

/// Reads the first so many entries of a part of the world, for a correction met while folding.
pub(crate) type ReadPast<'a> = dyn Fn(&Part, u64) -> Option<Vec<Lived>> + 'a;

/// What an entry is made of besides its place.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) event: Event,
    pub(crate) about: About,
    /// Streams beyond the primary one, the customer's and the actor's.
    pub(crate) also: Vec<StreamName>,
    pub(crate) actor: Actor,
    pub(crate) id: EntryId,
    pub(crate) at: Timestamp,
    pub(crate) occurred_at: Timestamp,
    pub(crate) late_reason: Option<String>,
    pub(crate) causation: Option<EntryId>,
    pub(crate) correlation: Option<String>,
    pub(crate) salt: [u8; 16],
    pub(crate) policy_version: u64,
    /// What a correction or voiding makes of the world.
    pub(crate) refold: Option<Arc<Refold>>,
    /// The last entry of the primary stream, where that stream has ended.
    pub(crate) ended: Option<Head>,
}

/// An entry as it was made: its bytes and its place.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) index: u64,
    pub(crate) bytes: Vec<u8>,
    pub(crate) hash: Hash,
    pub(crate) entry: Entry,
    pub(crate) keys: Keys,
}

impl State {
    /// Makes the next entry of a draft and takes it over.
    pub(crate) fn enter(&mut self, source: &str, access_policy: &str, draft: Draft) -> Result<Made, EncodeError> {
        let event = draft.event;
        let data = event.text().map_err(EncodeError::Json)?.into();
        let streams = streams(&draft.about, draft.also, &draft.actor);
        let fingerprints: Vec<Fingerprint> = streams.iter().map(|stream| stream_fingerprint(stream.as_str())).collect();
        let (actor, role, unit) = match &draft.actor {
            Actor::System => ("system", "system", ""),
            Actor::Employee { id, role, unit } => (id.as_str(), role.key(), unit.as_str()),
        };
        let entry = Entry {
            accesspolicy: access_policy.to_owned(),
            actor: actor.to_owned(),
            actorrole: role.to_owned(),
            actorunit: unit.to_owned(),
            causation: draft.causation,
            correlation: draft.correlation,
            data,
            id: draft.id,
            latereason: draft.late_reason,
            occurredat: draft.occurred_at,
            policyversion: draft.policy_version,
            salt: draft.salt,
            source: source.to_owned(),
            specversion: "1.0".to_owned(),
            streams: streams
                .into_iter()
                .zip(&fingerprints)
                .map(|(name, fingerprint)| match draft.ended.filter(|_| name == draft.about.subject) {
                    Some(last) => Link { name, version: last.version + 1, previous: Some(last.hash) },
                    None => self.link(name, *fingerprint),
                })
                .collect(),
            subject: draft.about.subject,
            time: draft.at,
            kind: event.name().to_owned(),
        };
        let bytes = entry.encode()?;
        debug_assert!(Canonical::read(&bytes).is_some(), "what is entered must stand a verification");
        let hash = Hash::of(&bytes);
        let index = self.size;
        let keys = Keys::of_event(&entry, &event, &fingerprints);
        self.take_over(&entry, &event, &draft.actor, &fingerprints, hash, draft.refold.as_deref());
        Ok(Made { index, bytes, hash, entry, keys })
    }

    /// Folds an entry read back from the journal; what a correction needs of the past is read with `past`.
    ///
    /// # Errors
    /// It is no entry of this ledger, or does not link to what came before it.
    pub(crate) fn fold(&mut self, bytes: &[u8], source: &str, past: &ReadPast<'_>) -> Result<Entry, FoldError> {
        let entry = Entry::decode(bytes).map_err(|_| FoldError::NotAnEntry { index: self.size })?;
        if entry.source != source {
            return Err(FoldError::OtherLedger { index: self.size });
        }
        let fingerprints: Vec<Fingerprint> =
            entry.streams.iter().map(|link| stream_fingerprint(link.name.as_str())).collect();
        for (link, fingerprint) in entry.streams.iter().zip(&fingerprints) {
            // A stream that has ended has no head here; what is corrected in it follows what a verification compares.
            let ended =
                record::is_amendment(&entry.kind) && link.version > 1 && !self.heads.0.contains_key(fingerprint);
            if !ended && *link != self.link(link.name.clone(), *fingerprint) {
                return Err(FoldError::Unlinked { index: self.size, stream: link.name.clone() });
            }
        }
        let event = match Event::decode(&entry.kind, &entry.data) {
            Some(Ok(event)) => event,
            Some(Err(_)) => return Err(FoldError::NotAnEntry { index: self.size }),
            None => return Err(FoldError::UnknownType { index: self.size, kind: entry.kind }),
        };
        let actor = Actor::of(&entry).ok_or(FoldError::NotAnEntry { index: self.size })?;
        let refold = match &event {
            Event::Record(event) => {
                let (index, part) = (self.size, event.part());
                let entries = past(&part, index).ok_or(FoldError::PastMissing { index })?;
                let amendment = Lived::of(index, &entry).ok_or(FoldError::NotAnEntry { index })?.amendment();
                let refold = Refold::of(part, &entries, amendment, self.world.ledger.zone);
                Some(refold.ok_or(FoldError::PastMissing { index })?)
            }
            _ => None,
        };
        self.take_over(&entry, &event, &actor, &fingerprints, Hash::of(bytes), refold.as_ref());
        Ok(entry)
    }

    fn take_over(
        &mut self,
        entry: &Entry,
        event: &Event,
        actor: &Actor,
        streams: &[Fingerprint],
        hash: Hash,
        refold: Option<&Refold>,
    ) {
        let fact = Fact {
            index: self.size,
            id: &entry.id,
            at: entry.time,
            occurred_at: entry.occurredat,
            actor,
            subject: &entry.subject,
        };
        // Nothing follows in the streams of grants that the world lets go of because their time is over.
        if let Event::Grant(grant::Event::Requested(_)) = event {
            let over: Vec<Fingerprint> =
                grant::over(&self.world, entry.time).map(|id| stream_fingerprint(grant::stream(id).as_str())).collect();
            for fingerprint in over {
                self.heads.0.remove(&fingerprint);
            }
        }
        if let Event::Loan(loan::Event::Borrowed(loan::Borrowed { renews: Some(renewed), .. })) = event {
            self.heads.0.remove(&stream_fingerprint(loan::stream(renewed).as_str()));
        }
        self.world.apply(&fact, event);
        if let Some(refold) = refold {
            self.world.refold(refold, &entry.id, entry.time);
        }
        if is_companys(&entry.kind) && entry.streams.iter().all(|link| link.name.kind() != "customer") {
            self.company += 1;
        }
        self.amended += u64::from(record::is_amendment(&entry.kind));
        if *actor != Actor::System {
            self.world.ledger.opened = true;
        }
        for (link, fingerprint) in entry.streams.iter().zip(streams) {
            if self.ended(&link.name) {
                self.heads.0.remove(fingerprint);
            } else {
                self.heads.0.insert(*fingerprint, Head { version: link.version, index: self.size, hash });
            }
        }
        self.size += 1;
        self.last_at = entry.time;
    }

    /// A sale and a payment are one entry; approvals, grants, loans and anomalies end. None of them is appended to again, but for what
    /// is put right.
    pub(crate) fn ended(&self, stream: &StreamName) -> bool {
        match stream.kind() {
            "sale" | "payment" => true,
            "approval" => {
                let request: Option<crate::ids::SubjectId> = stream.id().and_then(|id| id.parse().ok());
                !request.is_some_and(|request| self.world.approval.waiting.contains_key(&request))
            }
            "grant" => grant::of(&self.world, stream).is_none(),
            "loan" => loan::of(&self.world, stream).is_none(),
            "anomaly" => anomaly::of(&self.world, stream).is_none(),
            _ => false,
        }
    }

    /// The version of a part of the world: it moves with whatever is entered of it.
    pub(crate) fn version_of(&self, part: &Part) -> u64 {
        match part {
            Part::Customer(id) => self.heads.get(&id.stream()).map_or(0, |head| head.version),
            Part::Company => self.company,
        }
    }

    /// The place of the next entry in a stream.
    fn link(&self, name: StreamName, fingerprint: Fingerprint) -> Link {
        let head = self.heads.0.get(&fingerprint);
        let version = head.map_or(0, |head| head.version) + 1;
        Link { name, version, previous: head.map(|head| head.hash) }
    }
}

/// First the primary stream, then the customer's, then whatever else, last the acts of who acted.
fn streams(about: &About, also: Vec<StreamName>, actor: &Actor) -> Vec<StreamName> {
    let mut names = vec![about.subject.clone()];
    let customer = about.customer.as_ref().map(crate::ids::CustomerId::stream);
    let acts = actor.employee().map(crate::ids::EmployeeId::acts);
    for name in customer.into_iter().chain(also).chain(acts) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Reads the payload of an entry as a JSON value.
pub(super) fn data_of(data: &str) -> serde_json::Value {
    serde_json::from_str(data).unwrap_or_default()
}

/// Why an entry of the journal cannot be folded: the ledger stops rather than skip what it does not understand.
#[derive(Debug, thiserror::Error)]
pub enum FoldError {
    /// The bytes are no entry.
    #[error("entry {index} is not an entry of this program")]
    NotAnEntry {
        /// Its index.
        index: u64,
    },
    /// The entry belongs to another ledger.
    #[error("entry {index} belongs to another ledger")]
    OtherLedger {
        /// Its index.
        index: u64,
    },
    /// A correction of what is not there.
    #[error("entry {index} corrects what cannot be read")]
    PastMissing {
        /// Its index.
        index: u64,
    },
    /// The type is not in the catalog.
    #[error("entry {index} has the unknown type \"{kind}\"")]
    UnknownType {
        /// Its index.
        index: u64,
        /// Its type.
        kind: String,
    },
    /// The entry does not follow the one before it in a stream.
    #[error("entry {index} does not follow the last entry of stream \"{stream}\"")]
    Unlinked {
        /// Its index.
        index: u64,
        /// The stream.
        stream: StreamName,
    },
}
