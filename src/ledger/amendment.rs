//! What a door does for a correction or voiding: find the entry, check and seal the new values, and judge it against the past.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use memchr::memmem;
use serde_json::Value;

use crate::access::redactor::Opened;
use crate::domain::catalog::{self, EventType};
use crate::domain::class::Class;
use crate::domain::history::{Amendments, Form, Live, Lived, Part, Refold, is_companys};
use crate::domain::judge::{self, Past};
use crate::domain::record::{self, Event as Record};
use crate::domain::{About, Actor, Event, Fetched, Refusal, common};
use crate::entry::{Entry, Hash};
use crate::ids::{EntryId, StreamName};
use crate::ledger::claims::term;
use crate::ledger::door::{Stop, holder, purpose_of};
use crate::ledger::state::{Head, State};
use crate::ledger::tail::{amends_term, company_term, stream_term};
use crate::ledger::{Shared, SubmitError};
use crate::projection;
use crate::store::{Direction, ReadError};

/// The entry that is to be corrected or voided.
pub(super) struct Target {
    pub(super) lived: Lived,
    pub(super) about: About,
}

impl Target {
    /// Refuses what nobody corrects.
    pub(super) fn check(&self) -> Result<(), record::Refusal> {
        record::check_type(self.lived.kind, &self.lived.actor)
    }

    /// Fills in what follows from the entry.
    pub(super) fn complete(&self, event: Record, named: Option<&StreamName>) -> Result<Record, Refusal> {
        if named.is_some_and(|named| *named != self.about.subject) {
            return Err(record::Refusal::OtherStream { subject: self.about.subject.to_string() }.into());
        }
        self.check()?;
        event.complete(&self.lived, self.about.customer.as_ref())
    }
}

/// A correction or voiding that may be, as far as its door can tell.
pub(super) struct Judged {
    /// With its personal values sealed.
    pub(super) event: Event,
    pub(super) refold: Arc<Refold>,
    /// The record as it counts then, its seals opened: to be looked at and forgotten.
    pub(super) plain: Option<Event>,
}

impl Shared {
    /// Finds the entry a correction or voiding is about.
    pub(super) fn target(&self, event: &Record) -> Result<Target, Stop> {
        let id = event.target();
        let unknown = || {
            let (pointer, what) = ("/target_event".into(), "entry".into());
            Stop::from(Refusal::from(common::Refusal::Unknown { pointer, what, id: id.to_string() }))
        };
        let found = self.recent.look_up(self.shelf.store(), term("id", id.as_str())).map_err(|_| SubmitError::Store)?;
        let index = found.0.ok_or_else(unknown)?;
        let entry = self.entry(index).map_err(|_| SubmitError::Store)?.ok_or_else(unknown)?;
        // An id may be claimed for what is yet to come.
        if entry.id != *id {
            return Err(unknown());
        }
        let lived = Lived::of(index, &entry).ok_or(SubmitError::Store)?;
        let about = About { subject: lived.subject.clone(), customer: projection::customer_of(&entry) };
        Ok(Target { lived, about })
    }

    /// Checks the new values, which `actor` proposes, seals what is personal in them, and judges what follows.
    pub(super) fn judge(
        &self,
        state: &State,
        actor: &Actor,
        mut event: Record,
        target: &Target,
        about: &About,
        id: &EntryId,
        fetched: &mut Fetched,
    ) -> Result<Judged, Stop> {
        let part = event.part();
        let zone = state.world.ledger.zone;
        let entries = self.past(&part, state.size).map_err(|_| SubmitError::Store)?;
        let company = match part {
            Part::Customer(_) => self.past(&Part::Company, state.size).map_err(|_| SubmitError::Store)?,
            Part::Company => Vec::new(),
        };
        let past = Past { part, entries, company, zone };
        let (Some(of), Some(record)) = (event.record_type(), event.record().cloned()) else {
            return Err(SubmitError::Store.into());
        };
        self.check_changes(&mut event, &past, target, (&record, of), actor)?;
        self.seal_changes(&mut event, about, &record)?;
        let refold = judge::judge(&state.world, &past, &event, id)?;
        if let Record::Voided(_) = &event {
            let depended = self.cited(&target.lived, state.size, &past)?;
            if !depended.is_empty() {
                return Err(Refusal::from(judge::depended(&depended)).into());
            }
        }
        let live = refold.after.iter().find(|live| live.id == record);
        let mut plain = None;
        if let Some(data) = live.and_then(|live| live.event.data().ok()) {
            self.check_references(&state.world, state.size, of, &data, fetched)?;
            plain = Event::read(of.name, &self.opened(data, &record, of)).and_then(Result::ok);
        }
        Ok(Judged { event: Event::Record(event), refold: Arc::new(refold), plain })
    }

    /// Reads the first `end` entries of a part of the world.
    pub(super) fn past(&self, part: &Part, end: u64) -> Result<Vec<Lived>, ReadError> {
        let customer = match part {
            Part::Customer(id) => Some(id.stream()),
            Part::Company => None,
        };
        let term = customer.as_ref().map_or_else(company_term, |stream| stream_term(stream.as_str()));
        let mut past = Vec::new();
        for index in self.shelf.postings(term, 0, end, Direction::Ascending, usize::MAX)? {
            let entry = self.entry(index)?.ok_or(ReadError::Damaged { index })?;
            if belongs(&entry, part) {
                past.push(Lived::of(index, &entry).ok_or(ReadError::Damaged { index })?);
            }
        }
        Ok(past)
    }

    /// Finds the last entry of a stream that has ended, and so has no head in memory.
    pub(super) fn last_of(&self, stream: &StreamName, end: u64) -> Result<Option<Head>, ReadError> {
        let found = self.shelf.postings(stream_term(stream.as_str()), 0, end, Direction::Descending, 8)?;
        for index in found {
            let bytes = self.shelf.entry(index)?.ok_or(ReadError::Damaged { index })?;
            let entry = Entry::decode(&bytes).map_err(|_| ReadError::Damaged { index })?;
            if let Some(link) = entry.link(stream.as_str()) {
                return Ok(Some(Head { version: link.version, index, hash: Hash::of(&bytes) }));
            }
        }
        Ok(None)
    }

    /// Checks each new value as one of its field, brings its texts to NFC, and refuses what is so already.
    ///
    /// That something is so already tells what it is: of what is confidential only whoever has typed all that counts of it hears so.
    fn check_changes(
        &self,
        event: &mut Record,
        past: &Past,
        target: &Target,
        (record, of): (&EntryId, &'static EventType),
        actor: &Actor,
    ) -> Result<(), Stop> {
        let Record::Corrected(corrected) = event else { return Ok(()) };
        let of_record = |lived: &&Lived| {
            lived.id == *record || lived.data.get("record").and_then(Value::as_str) == Some(record.as_str())
        };
        let typed = past.entries.iter().filter(of_record).all(|lived| lived.actor.employee() == actor.employee());
        let amendments = past.amendments();
        let mut present = match amendments.form(&target.lived.id, || target.lived.data.clone()) {
            Form::Corrected { data, .. } => data,
            Form::AsEntered | Form::Voided { .. } => target.lived.data.clone(),
        };
        let fields = corrected.fields.clone().unwrap_or_default();
        for (at, (change, field)) in corrected.changes.iter_mut().zip(&fields).enumerate() {
            let path = change.path.0.as_str();
            let pointer = format!("/changes/{at}/new");
            // A correction's own words are of its own type, everything else of the record's.
            let place = match field.0.as_str() {
                "" => catalog::locate(target.lived.kind.fields, path),
                field => catalog::locate(of.fields, field),
            };
            let Some(place) = place else {
                let pointer = format!("/changes/{at}/path");
                return Err(Refusal::field(&pointer, "is not in the payload", "该内容中没有此字段").into());
            };
            match &mut change.new {
                Some(new) => catalog::check_value(&place, &mut new.0, &pointer)?,
                None if place.field.required || !std::ptr::eq(place.kind, &raw const place.field.kind) => {
                    return Err(Refusal::field(&pointer, "is required", "必填").into());
                }
                None => {}
            }
            if field.0.is_empty() && change.new.as_ref().is_some_and(|new| short(&new.0)) {
                return Err(Refusal::from(record::Refusal::ReasonTooShort).into());
            }
            let mut open = matches!(place.field.class, Class::C0 | Class::C1);
            let then = present.pointer(path).cloned().map(|mut value| {
                catalog::for_each_sealed_at(&place, &field.0, &mut value, &mut |pointer, value| {
                    open = false;
                    self.open_in_place(value, record, of, pointer);
                });
                value
            });
            if (typed || open) && then.as_ref() == change.new.as_ref().map(|new| &new.0) {
                return Err(Refusal::from(record::Refusal::NoChange { path: path.into() }).into());
            }
            if !record::put(&mut present, path, change.new.clone().map(|new| new.0)) {
                let pointer = format!("/changes/{at}/path");
                return Err(Refusal::field(&pointer, "is not in the payload", "该内容中没有此字段").into());
            }
        }
        Ok(())
    }

    /// Seals the personal values of a correction as those of the record they are about, in the place where they will count.
    fn seal_changes(&self, event: &mut Record, about: &About, record: &EntryId) -> Result<(), Stop> {
        let mut data = Event::Record(event.clone()).data().map_err(|_| SubmitError::Store)?;
        let (mut sealed, mut failed) = (false, None);
        let holder = holder(about, record, &Value::Null);
        record::for_each_sealed(&mut data, &mut |of, pointer, value| {
            match self.sealed((&holder, purpose_of(of, &Value::Null, pointer)), of, pointer, record, value) {
                Ok(seal) => *value = seal,
                Err(stop) => failed = Some(stop),
            }
            sealed = true;
        });
        if let Some(stop) = failed {
            return Err(stop);
        }
        if sealed {
            let read = Event::read(record::CORRECTED, &data);
            let Some(Ok(Event::Record(sealed))) = read else { return Err(SubmitError::Store.into()) };
            *event = sealed;
        }
        Ok(())
    }

    /// Opens the seals of a record's payload; what cannot be opened stays as it is.
    fn opened(&self, mut data: Value, record: &EntryId, of: &'static EventType) -> Value {
        catalog::for_each_sealed(of.fields, &mut data, &mut |pointer, value| {
            self.open_in_place(value, record, of, pointer);
        });
        data
    }

    pub(super) fn open_in_place(&self, value: &mut Value, record: &EntryId, of: &EventType, pointer: &str) {
        if let Some(seal) = value.as_str()
            && let Opened::Value(opened) = self.open_seal(seal, record, of.name, &format!("/data{pointer}"))
        {
            *value = opened;
        }
    }

    /// Finds the live entries that name an entry, or what it begins.
    ///
    /// Mistakes are found soon, so what was entered since is looked through rather than an index kept of all that is ever named.
    fn cited(&self, target: &Lived, end: u64, past: &Past) -> Result<Vec<EntryId>, Stop> {
        let names = judge::names(target);
        let quoted: Vec<_> =
            names.keys().map(|name| memmem::Finder::new(&format!("\"{name}\"")).into_owned()).collect();
        let amendments = past.amendments();
        let mut found = Vec::new();
        let mut look = |index: u64, bytes: &[u8]| -> Result<(), SubmitError> {
            let unread =
                Entry::kind_of(bytes).is_some_and(|kind| kind.starts_with("archive.acc") || kind == "command.refused");
            let named = || quoted.iter().any(|name| name.find(bytes).is_some());
            if unread || record_of(bytes) == Some(target.id.as_str()) || !named() {
                return Ok(());
            }
            let (index, entry) = self.record_at(index, bytes)?;
            if entry.id != target.id
                && !found.contains(&entry.id)
                && self.cites(index, &entry, &names, &amendments, past)?
            {
                found.push(entry.id);
            }
            Ok(())
        };
        let from = target.index + 1;
        let stored = self.shelf.store().len().min(end);
        for item in self.shelf.store().scan(from.min(stored)..stored) {
            let (index, bytes) = item.map_err(|_| SubmitError::Store)?;
            look(index, &bytes)?;
        }
        for index in stored.max(from)..end {
            let bytes = self.shelf.entry(index).map_err(|_| SubmitError::Store)?.ok_or(SubmitError::Store)?;
            look(index, &bytes)?;
        }
        Ok(found)
    }

    /// Reads an entry; of a correction or voiding the record it is about, which says what is referred to.
    fn record_at(&self, index: u64, bytes: &[u8]) -> Result<(u64, Entry), SubmitError> {
        if let Some(record) = record_of(bytes) {
            let found = self.recent.look_up(self.shelf.store(), term("id", record)).map_err(|_| SubmitError::Store)?;
            let at = found.0.ok_or(SubmitError::Store)?;
            return Ok((at, self.entry(at).map_err(|_| SubmitError::Store)?.ok_or(SubmitError::Store)?));
        }
        Ok((index, Entry::decode(bytes).map_err(|_| SubmitError::Store)?))
    }

    /// Returns the corrections and voidings in a part of the world among these entries.
    pub(super) fn amendments(&self, part: &Part, among: Range<u64>) -> Result<Amendments, ReadError> {
        let mut amendments = Amendments::default();
        for index in self.shelf.postings(amends_term(part), among.start, among.end, Direction::Ascending, usize::MAX)? {
            let entry = self.entry(index)?.ok_or(ReadError::Damaged { index })?;
            if record::is_amendment(&entry.kind) && Part::of(projection::customer_of(&entry)) == *part {
                amendments.note(index, &entry);
            }
        }
        Ok(amendments)
    }

    /// Returns the entry at an index as the first `end` entries leave it; nothing where it is voided.
    pub(super) fn live(&self, index: u64, end: u64) -> Result<Option<Live>, SubmitError> {
        let entry = self.entry(index).map_err(|_| SubmitError::Store)?.ok_or(SubmitError::Store)?;
        let lived = Lived::of(index, &entry).ok_or(SubmitError::Store)?;
        let part = Part::of(projection::customer_of(&entry));
        let amendments = self.amendments(&part, index..end.max(index)).map_err(|_| SubmitError::Store)?;
        Ok(amendments.live(&lived, self.state().world.ledger.zone))
    }

    /// Tells whether an entry, as it counts now, refers to one of these names.
    fn cites(
        &self,
        index: u64,
        entry: &Entry,
        names: &BTreeMap<String, bool>,
        amendments: &Amendments,
        past: &Past,
    ) -> Result<bool, SubmitError> {
        let Some(lived) = Lived::of(index, entry) else { return Ok(false) };
        let part = Part::of(projection::customer_of(entry));
        let form = if part == past.part {
            amendments.form(&lived.id, || lived.data.clone())
        } else {
            self.amendments(&part, 0..self.state().size)
                .map_err(|_| SubmitError::Store)?
                .form(&lived.id, || lived.data.clone())
        };
        let data = match form {
            Form::Voided { .. } => return Ok(false),
            Form::Corrected { data, .. } => data,
            Form::AsEntered => lived.data.clone(),
        };
        let mut cites = false;
        catalog::for_each_reference(lived.kind.fields, &data, &mut |_, referent, id| {
            let of_subject = referent != catalog::Referent::Record;
            cites |= names.get(id).is_some_and(|subject| *subject == of_subject);
        });
        catalog::for_each_entry_id(lived.kind.fields, &data, &mut |_, id| cites |= names.get(id) == Some(&false));
        Ok(cites)
    }
}

/// Tells whether an entry belongs to a part of the world.
pub(super) fn belongs(entry: &Entry, part: &Part) -> bool {
    match part {
        Part::Customer(id) => entry.link(id.stream().as_str()).is_some(),
        Part::Company => projection::customer_of(entry).is_none() && is_companys(&entry.kind),
    }
}

/// The record that a correction or voiding is about, read without parsing the rest.
fn record_of(entry: &[u8]) -> Option<&str> {
    Entry::kind_of(entry).filter(|kind| record::is_amendment(kind))?;
    let field = b"\"record\":\"";
    let start = memmem::find(entry, field)? + field.len();
    std::str::from_utf8(entry.get(start..)?.split(|byte| *byte == b'"').next()?).ok()
}

fn short(reason: &Value) -> bool {
    reason.as_str().is_none_or(|reason| reason.trim().chars().count() < 10)
}
