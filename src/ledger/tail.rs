//! The last entries, in memory until the store has them: what every reader looks at first.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use crate::domain::history::{Part, is_companys};
use crate::domain::{Event, anomaly, approval, contact, document, grade, grant, loan, payment, record, sale};
use crate::entry::Entry;
use crate::ids::{self, EntryId, SubjectId};
use crate::ledger::claims::{self, Fingerprint, term};
use crate::store::{Direction, Item, ReadError, Store, Term};

/// What an entry is found by, and what it uses up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Keys {
    pub(crate) terms: Vec<Term>,
    pub(crate) claims: Vec<Term>,
}

impl Keys {
    /// Finds the keys of an entry as it is stored.
    pub(crate) fn of(entry: &Entry) -> Self {
        let streams = entry.streams.iter().map(|link| stream_term(link.name.as_str()));
        Self { terms: terms(entry, streams), claims: claims_of_entry(entry) }
    }

    /// Finds the keys of an entry whose event and whose streams' fingerprints are at hand.
    pub(crate) fn of_event(entry: &Entry, event: &Event, streams: &[Fingerprint]) -> Self {
        let streams = streams.iter().map(|fingerprint| claims::half(*fingerprint));
        Self { terms: terms(entry, streams), claims: claims_of(event, &entry.id) }
    }

    /// Builds the store's item of an entry with these keys.
    pub(crate) fn item<'a>(&'a self, bytes: &'a [u8]) -> Item<'a> {
        Item { bytes, terms: &self.terms, claims: &self.claims }
    }
}

/// One recent entry with its keys.
#[derive(Clone, Debug)]
pub(crate) struct Recent {
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) keys: Arc<Keys>,
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
    pub(crate) fn push(&self, entries: Vec<Recent>) {
        self.tail.write().unwrap_or_else(PoisonError::into_inner).entries.extend(entries);
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

    /// Returns up to `limit` entries that are in memory, from `index` on; none if the first is not.
    pub(crate) fn from(&self, index: u64, limit: usize) -> Vec<Recent> {
        let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
        let place = index.checked_sub(tail.first).and_then(|place| usize::try_from(place).ok());
        place.map_or_else(Vec::new, |place| tail.entries.iter().skip(place).take(limit).cloned().collect())
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
        let passed = usize::try_from(from.saturating_sub(tail.first)).unwrap_or(usize::MAX).min(tail.entries.len());
        let found = (from.max(tail.first)..end)
            .zip(tail.entries.range(passed..))
            .filter(|(_, recent)| recent.keys.terms.contains(&term))
            .map(|(index, _)| index)
            .collect();
        (tail.first, found)
    }
}

/// Returns what an entry is found by: its streams, and the grades it has to do with.
fn terms(entry: &Entry, streams: impl Iterator<Item = Term>) -> Vec<Term> {
    let mut terms: Vec<Term> = streams.collect();
    let customer = entry.streams.iter().find(|link| link.name.kind() == "customer").and_then(|link| link.name.id());
    if customer.is_none() && is_companys(&entry.kind) {
        terms.push(company_term());
    }
    if record::is_amendment(&entry.kind) {
        terms.push(amends_term_of(customer));
        terms.push(family_term("record"));
    }
    match entry.kind.as_str() {
        kind if is_grade(kind) => terms.push(family_term("grade")),
        "credit_review.recorded" => terms.push(family_term("credit_review")),
        "trade_terms.set" => {
            terms.push(family_term("trade_terms"));
            terms.extend(entry.subject.id().map(|customer| family_term(&format!("trade_terms/{customer}"))));
        }
        "document.filed" => {
            let data: serde_json::Value = serde_json::from_str(&entry.data).unwrap_or_default();
            let hash = data.pointer("/file/hash").and_then(serde_json::Value::as_str);
            terms.extend(hash.map(file_term));
        }
        kind if kind.starts_with("approval.") => terms.push(family_term("approval")),
        "access.requested" | "access.decided" | "access.revoked" | "archive.borrowed" | "archive.returned" => {
            terms.push(family_term("grants"));
        }
        kind if kind.starts_with("anomaly.") => terms.push(family_term("anomaly")),
        "archive.access_denied" => terms.push(family_term("refused")),
        "obligation.breached" => terms.push(family_term("obligation")),
        "appraisal.recorded" => terms.push(family_term("appraisal")),
        "violation.recorded" => terms.push(family_term("violation")),
        "command.refused" => {
            terms.push(family_term("refused"));
            let data: serde_json::Value = serde_json::from_str(&entry.data).unwrap_or_default();
            let text = |field: &str| data.get(field).and_then(serde_json::Value::as_str).unwrap_or_default();
            // A refused attempt shows in the trace of the grade it was about, though it never moves its stream.
            if is_grade(text("command")) {
                terms.push(family_term("grade"));
                terms.push(term("target", text("target")));
            }
        }
        _ => {}
    }
    terms
}

/// Tells whether a type is one of the grades', of either kind.
fn is_grade(kind: &str) -> bool {
    kind.starts_with("credit_grade.") || kind.starts_with("business_grade.")
}

/// The term of a stream.
pub(crate) fn stream_term(stream: &str) -> Term {
    claims::half(stream_fingerprint(stream))
}

/// The fingerprint of a stream's name.
pub(crate) fn stream_fingerprint(stream: &str) -> Fingerprint {
    claims::fingerprint("stream", stream)
}

/// The term of a family of event types.
pub(crate) fn family_term(family: &str) -> Term {
    term("family", family)
}

/// The term of what concerns no customer and is the company's own.
pub(crate) fn company_term() -> Term {
    family_term("company")
}

/// The term of the corrections and voidings in a part of the world.
pub(crate) fn amends_term(part: &Part) -> Term {
    match part {
        Part::Customer(id) => amends_term_of(Some(id.as_str())),
        Part::Company => amends_term_of(None),
    }
}

fn amends_term_of(customer: Option<&str>) -> Term {
    // No customer is called so.
    term("amends", customer.unwrap_or("-"))
}

/// The term of a file beside the entries.
pub(crate) fn file_term(hash: &str) -> Term {
    term("file", hash)
}

/// Returns what an entry uses up: its id, the id of a subject it begins, and the ids of what will follow from it.
fn claims_of_entry(entry: &Entry) -> Vec<Term> {
    match entry.kind.as_str() {
        "sale.recorded"
        | "payment.recorded"
        | "document.filed"
        | "contact.recorded"
        | "credit_grade.proposed"
        | "business_grade.proposed"
        | "approval.requested"
        | "access.requested"
        | "archive.borrowed"
        | "anomaly.reported" => match Event::decode(&entry.kind, &entry.data) {
            Some(Ok(event)) => claims_of(&event, &entry.id),
            Some(Err(_)) | None => vec![term("id", entry.id.as_str())],
        },
        _ => vec![term("id", entry.id.as_str())],
    }
}

/// Returns what an event entered under `id` uses up.
fn claims_of(event: &Event, id: &EntryId) -> Vec<Term> {
    let mut claims = vec![term("id", id.as_str())];
    if let Some((space, _, subject)) = begun(event) {
        claims.push(term(space, subject.unwrap_or(&ids::issued(id)).as_str()));
    }
    claims.extend(following(event, id).map(|id| term("id", id.as_str())));
    claims
}

/// The subject an event begins: its key space, its kind, and its id unless one is to be issued.
pub(crate) fn begun(event: &Event) -> Option<(&'static str, &'static str, Option<&SubjectId>)> {
    match event {
        Event::Sale(sale::Event::Recorded(sale)) => Some(("sale_id", "sale", sale.sale_id.as_ref())),
        Event::Payment(payment::Event::Recorded(payment)) => {
            Some(("payment_id", "payment", payment.payment_id.as_ref()))
        }
        Event::Document(document::Event::Filed(filed)) => Some(("document_id", "document", filed.document_id.as_ref())),
        Event::Contact(contact::Event::Recorded(contact)) => {
            Some(("contact_id", "contact", contact.contact_id.as_ref()))
        }
        Event::Grade(grade::Event::Proposed(_, proposed)) => {
            Some(("proposal_id", "proposal", proposed.proposal_id.as_ref()))
        }
        Event::Grant(grant::Event::Requested(requested)) => Some(("grant_id", "grant", requested.grant_id.as_ref())),
        Event::Loan(loan::Event::Borrowed(borrowed)) => Some(("loan_id", "loan", borrowed.loan_id.as_ref())),
        Event::Anomaly(anomaly::Event::Reported(reported)) => {
            Some(("anomaly_id", "anomaly", reported.anomaly_id.as_ref()))
        }
        Event::Approval(approval::Event::Requested(_)) => Some(("request_id", "request", None)),
        event if approval::gated(event.name()) => Some(("request_id", "request", None)),
        _ => None,
    }
}

/// The ids under which something will be entered that follows from an event entered under `id`, as far as anything may.
pub(crate) fn following(event: &Event, id: &EntryId) -> impl Iterator<Item = EntryId> {
    let ids = match event {
        Event::Grade(grade::Event::Proposed(..)) => [Some(grade::lapse_id(id)), None],
        Event::Approval(approval::Event::Requested(_)) => [Some(approval::approved_id(id)), None],
        Event::Grant(grant::Event::Requested(_)) => [Some(grant::end_id(id)), None],
        Event::Loan(loan::Event::Borrowed(_)) => {
            [loan::How::Expired, loan::How::Recalled].map(|how| Some(loan::end_id(id, how)))
        }
        _ => [None, None],
    };
    ids.into_iter().flatten()
}
