//! The last entries, in memory until the store has them: what every reader looks at first.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::{Event, contact, grade, sale};
use crate::entry::Entry;
use crate::ids::{self, EntryId, SubjectId};
use crate::ledger::claims::term;
use crate::store::{Direction, Item, ReadError, Store, Term};

/// One recent entry with what it is found by.
#[derive(Debug)]
struct Recent {
    bytes: Arc<[u8]>,
    terms: Vec<Term>,
}

/// Reads entries and their indexes, from memory or from the store.
#[derive(Debug)]
pub(crate) struct Shelf {
    store: Store,
    tail: RwLock<Tail>,
}

#[derive(Debug, Default)]
struct Tail {
    first: u64,
    entries: VecDeque<Recent>,
}

impl Shelf {
    /// Reads `store` and whatever is pushed from `first` on.
    pub(crate) fn new(store: Store, first: u64) -> Self {
        Self { store, tail: RwLock::new(Tail { first, entries: VecDeque::new() }) }
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Adds entries that have just become durable.
    pub(crate) fn push(&self, entries: impl IntoIterator<Item = (Vec<u8>, Vec<Term>)>) {
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        tail.entries.extend(entries.into_iter().map(|(bytes, terms)| Recent { bytes: bytes.into(), terms }));
    }

    /// Forgets entries the store has.
    pub(crate) fn forget(&self, stored: u64) {
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        while tail.first < stored && tail.entries.pop_front().is_some() {
            tail.first += 1;
        }
    }

    /// Returns how many entries are in memory only.
    pub(crate) fn waiting(&self) -> usize {
        self.tail.read().unwrap_or_else(PoisonError::into_inner).entries.len()
    }

    /// Returns the bytes of an entry, `None` beyond the end.
    pub(crate) fn entry(&self, index: u64) -> Result<Option<Arc<[u8]>>, ReadError> {
        {
            let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
            let place = index.checked_sub(tail.first).and_then(|place| usize::try_from(place).ok());
            if let Some(recent) = place.and_then(|place| tail.entries.get(place)) {
                return Ok(Some(recent.bytes.clone()));
            }
        }
        Ok(self.store.entry(index)?.map(Into::into))
    }

    /// Returns up to `limit` indexes below `end`, and from `from` on, of entries found by the term.
    pub(crate) fn postings(
        &self,
        term: Term,
        from: u64,
        end: u64,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        // The tail first: whatever leaves it meanwhile is in the store by then.
        let (first, mut recent) = self.recent(term, from, end);
        let mut stored = self.store.postings(term, from..end.min(first), direction, limit)?;
        match direction {
            Direction::Ascending => {
                stored.extend(recent);
                stored.truncate(limit);
                Ok(stored)
            }
            Direction::Descending => {
                recent.reverse();
                recent.extend(stored);
                recent.truncate(limit);
                Ok(recent)
            }
        }
    }

    fn recent(&self, term: Term, from: u64, end: u64) -> (u64, Vec<u64>) {
        let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
        let found = (tail.first..)
            .zip(&tail.entries)
            .filter(|(index, recent)| (from..end).contains(index) && recent.terms.contains(&term))
            .map(|(index, _)| index)
            .collect();
        (tail.first, found)
    }
}

/// Returns what an entry is found by: its streams, and the grades it has to do with.
pub(crate) fn terms(entry: &Entry) -> Vec<Term> {
    let mut terms: Vec<Term> = entry.streams.iter().map(|link| stream_term(link.name.as_str())).collect();
    match entry.kind.as_str() {
        kind if kind.starts_with("credit_grade.") => terms.push(family_term("credit_grade")),
        kind if kind.starts_with("approval.") => terms.push(family_term("approval")),
        "policy.adopted" => terms.push(family_term("policy")),
        "command.refused" => {
            let data: serde_json::Value = serde_json::from_str(entry.data.get()).unwrap_or_default();
            let text = |field: &str| data.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
            // A refused attempt shows in the trace of the grade it was about, though it never moves its stream.
            if text("command").starts_with("credit_grade.") {
                terms.push(family_term("credit_grade"));
                terms.push(term("target", text("target")));
            }
        }
        _ => {}
    }
    terms
}

/// The term of a stream.
pub(crate) fn stream_term(stream: &str) -> Term {
    term("stream", stream)
}

/// The term of a family of event types.
pub(crate) fn family_term(family: &str) -> Term {
    term("family", family)
}

/// Returns what an entry uses up: its id, and the id of a subject it begins.
pub(crate) fn claims(entry: &Entry) -> Vec<Term> {
    match entry.kind.as_str() {
        "sale.recorded" | "contact.recorded" | "credit_grade.proposed" => {
            match Event::decode(&entry.kind, entry.data.get()) {
                Some(Ok(event)) => claims_of(&event, &entry.id),
                Some(Err(_)) | None => vec![term("id", entry.id.as_str())],
            }
        }
        _ => vec![term("id", entry.id.as_str())],
    }
}

/// Returns what an event entered under `id` uses up.
pub(crate) fn claims_of(event: &Event, id: &EntryId) -> Vec<Term> {
    let mut claims = vec![term("id", id.as_str())];
    // An id issued by the service is the entry's own, which is used up already.
    if let Some((space, _, subject)) = begun(event).filter(|(_, _, subject)| **subject != ids::issued(id)) {
        claims.push(term(space, subject.as_str()));
    }
    claims
}

/// The id of the subject an event begins: its key space, its kind, itself.
pub(crate) fn begun(event: &Event) -> Option<(&'static str, &'static str, &SubjectId)> {
    match event {
        Event::Sale(sale::Event::Recorded(sale)) => sale.sale_id.as_ref().map(|id| ("sale_id", "sale", id)),
        Event::Contact(contact::Event::Recorded(contact)) => {
            contact.contact_id.as_ref().map(|id| ("contact_id", "contact", id))
        }
        Event::Grade(grade::Event::Proposed(proposed)) => {
            proposed.proposal_id.as_ref().map(|id| ("proposal_id", "proposal", id))
        }
        _ => None,
    }
}

/// Builds the store's item of an entry.
pub(crate) fn item<'a>(bytes: &'a [u8], terms: &'a [Term], claims: &'a [Term]) -> Item<'a> {
    Item { bytes, terms, claims }
}
