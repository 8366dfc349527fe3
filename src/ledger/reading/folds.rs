//! Folds of the entries that are kept from one reading to the next, and only brought up to date.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::history::{Amendments, Part};
use crate::domain::{Event, World};
use crate::entry::Entry;
use crate::ids::CustomerId;
use crate::ledger::amendment::belongs;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::names::Names;
use crate::ledger::reading::past::Past;
use crate::ledger::rebuild::{self, Stored, customer_in};
use crate::ledger::state::State;
use crate::ledger::tail::{company_term, stream_term};
use crate::ledger::{Ledger, Shared};
use crate::projection::Read;
use crate::projection::customer::Archive;
use crate::projection::register::Register;
use crate::store::Direction;

/// What concerns all customers, and the archives read last.
#[derive(Default)]
pub(in crate::ledger) struct Folds {
    register: Mutex<Register>,
    archives: Mutex<Archives>,
    pub(super) past: Past,
    pub(super) names: Names,
}

/// The archives read last, bounded in number.
#[derive(Default)]
struct Archives {
    kept: BTreeMap<CustomerId, (u64, Arc<Archive>)>,
    turn: u64,
}

impl Ledger {
    /// Drops every stored view and folds all of them again from the entries; returns how many entries that were.
    ///
    /// # Errors
    /// Store or entries cannot be read or written.
    pub fn rebuild_views(&self, progress: impl FnMut(u64)) -> Result<u64, ViewError> {
        self.shared.folds.past.rebuilding.store(true, Ordering::SeqCst);
        let rebuilt = self.rebuild(progress);
        self.shared.folds.past.rebuilding.store(false, Ordering::SeqCst);
        rebuilt
    }

    fn rebuild(&self, mut progress: impl FnMut(u64)) -> Result<u64, ViewError> {
        let shared = &self.shared;
        shared.shelf.store().drop_documents().map_err(|_| ViewError::Store)?;
        shared.drop_past().map_err(|_| ViewError::Store)?;
        let size = shared.state().size;
        let stored = shared.shelf.store().len().min(size);
        let mut views = rebuild::fold_all(shared.shelf.store(), stored, &mut progress)?;
        for index in stored..size {
            shared.read_at(index, &mut |read| views.fold(read))?;
        }
        let Stored { mut register, mut archives, corrected } = views;
        for part in &corrected {
            shared.refold_register(&mut register, part, &Then::all(size))?;
            if let Part::Customer(id) = part {
                archives.insert(id.clone(), shared.fold_archive(Archive::default(), id, size)?);
            }
        }
        register.size = size;
        for (id, archive) in &archives {
            shared.keep_document(&document_of(id), archive.end, archive);
        }
        *shared.folds.register.lock().unwrap_or_else(PoisonError::into_inner) = register;
        shared.folds.archives.lock().unwrap_or_else(PoisonError::into_inner).kept.clear();
        shared.save_register(size);
        shared.shelf.store().flush().map_err(|_| ViewError::Store)?;
        Ok(size)
    }
}

impl Shared {
    /// Reads a customer's archive as of then.
    pub(super) fn archive(&self, state: &State, id: &CustomerId, then: &Then) -> Result<Arc<Archive>, ViewError> {
        if then.latest(state) { self.latest_archive(state, id) } else { Ok(Arc::new(self.one(id, then)?.archive)) }
    }

    /// Reads a customer's archive as of then, and what was known of its standing.
    pub(super) fn archive_and_world(
        &self,
        state: &State,
        id: &CustomerId,
        then: &Then,
    ) -> Result<(Arc<Archive>, World), ViewError> {
        if then.latest(state) {
            return Ok((self.latest_archive(state, id)?, state.world.clone()));
        }
        let one = self.one(id, then)?;
        Ok((Arc::new(one.archive), one.world))
    }

    /// Reads a customer's archive; it is kept and only what is new is folded.
    fn latest_archive(&self, state: &State, id: &CustomerId) -> Result<Arc<Archive>, ViewError> {
        let version = state.heads.get(&id.stream()).map_or(0, |head| head.version);
        let mut archive = Archive::default();
        if let Some(kept) = self.kept_archive(id) {
            if kept.version == version {
                return Ok(kept);
            }
            if kept.version > version {
                // It was brought along while somebody read: what stood a moment before is shown, and what is kept stays.
                return Ok(Arc::new(self.one(id, &Then::all(state.size))?.archive));
            }
            archive = Archive::clone(&kept);
        } else if let Some(stored) = self.stored_archive(id)? {
            archive = stored;
        }
        if archive.end > state.size || archive.version > version {
            archive = Archive::default();
        }
        let archive = Arc::new(self.fold_archive(archive, id, state.size)?);
        self.keep_archive(id, &archive);
        Ok(archive)
    }

    /// Finds the archive that least is to be folded into: the one put away last, or the last moment kept of it.
    fn stored_archive(&self, id: &CustomerId) -> Result<Option<Archive>, ViewError> {
        let put_away = self.shelf.store().document(&document_of(id))?;
        let put_away = put_away.and_then(|(_, bytes)| postcard::from_bytes::<Archive>(&bytes).ok());
        let newest = self.kept_places(id).last_key_value().map_or(0, |(_, version)| *version);
        if newest <= put_away.as_ref().map_or(0, |archive| archive.version) {
            return Ok(put_away);
        }
        Ok(self.kept_one(id, newest).map(|one| one.archive).or(put_away))
    }

    /// Folds what is new into a customer's archive; all of it where something has been corrected since.
    fn fold_archive(&self, mut archive: Archive, id: &CustomerId, end: u64) -> Result<Archive, ViewError> {
        let zone = self.state().world.ledger.zone;
        let part = Part::Customer(id.clone());
        // What is folded can only have been corrected by what came since.
        let mut amendments = self.amendments(&part, archive.end..end)?;
        if archive.version > 0 && amendments.count() > 0 {
            archive = Archive::default();
            amendments = self.amendments(&part, 0..end)?;
        }
        let stream = id.stream();
        let term = stream_term(stream.as_str());
        let mut from = archive.end;
        loop {
            let found = self.shelf.postings(term, from, end, Direction::Ascending, 512)?;
            let Some(last) = found.last().copied() else { break };
            for index in found {
                let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
                let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
                if entry.link(stream.as_str()).is_none() {
                    continue;
                }
                match amendments.restate(entry, zone) {
                    Some((entry, corrected)) => lend(index, &bytes, &entry, corrected, &mut |read| archive.fold(read))?,
                    None => archive.pass(index),
                }
            }
            from = last + 1;
        }
        archive.end = archive.end.max(end);
        Ok(archive)
    }

    /// Brings the archives kept up to date with entries on their way into the store, from index `first` on: whoever reads one later would
    /// have to find each of them there by itself.
    pub(in crate::ledger) fn follow_archives<'a>(
        &self,
        first: u64,
        entries: impl Iterator<Item = &'a [u8]>,
    ) -> Result<(), ViewError> {
        for (index, bytes) in (first..).zip(entries) {
            let id = customer_in(bytes).and_then(|id| std::str::from_utf8(id).ok()?.parse::<CustomerId>().ok());
            let mut archives = self.folds.archives.lock().unwrap_or_else(PoisonError::into_inner);
            let Some((id, (_, archive))) = id.and_then(|id| Some((id.stream(), archives.kept.get_mut(&id)?))) else {
                continue;
            };
            fold(index, bytes, &mut |read| {
                // One that a reader is about to keep may lack an entry that has passed here, and what is corrected is folded anew: both are
                // left to the next reader.
                let next = read.entry.link(id.as_str()).is_some_and(|link| link.version == archive.version + 1);
                if next && !matches!(read.event, Event::Record(_)) {
                    Arc::make_mut(archive).fold(read);
                }
            })?;
        }
        Ok(())
    }

    fn kept_archive(&self, id: &CustomerId) -> Option<Arc<Archive>> {
        let mut archives = self.folds.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.turn += 1;
        let turn = archives.turn;
        let (used, archive) = archives.kept.get_mut(id)?;
        *used = turn;
        Some(archive.clone())
    }

    fn keep_archive(&self, id: &CustomerId, archive: &Arc<Archive>) {
        let evicted = {
            let mut archives = self.folds.archives.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = archives.turn;
            if archives.kept.get(id).is_some_and(|(_, kept)| kept.end > archive.end) {
                return;
            }
            archives.kept.insert(id.clone(), (turn, archive.clone()));
            if archives.kept.len() > ARCHIVES_KEPT {
                let oldest = archives.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
                oldest.and_then(|oldest| archives.kept.remove(&oldest).map(|(_, archive)| (oldest, archive)))
            } else {
                None
            }
        };
        if let Some((id, archive)) = evicted {
            self.keep_document(&document_of(&id), archive.end, archive.as_ref());
        }
    }

    /// Lends the register as of then; the latest one is brought up to date.
    pub(super) fn with_register<T>(
        &self,
        state: &State,
        then: &Then,
        with: impl FnOnce(&Register) -> T,
    ) -> Result<T, ViewError> {
        if then.latest(state) {
            self.with_latest_register(then.end, with)
        } else {
            Ok(with(&self.whole(then)?.register))
        }
    }

    fn with_latest_register<T>(&self, end: u64, with: impl FnOnce(&Register) -> T) -> Result<T, ViewError> {
        let mut register = self.folds.register.lock().unwrap_or_else(PoisonError::into_inner);
        self.fold_register(&mut register, end)?;
        Ok(with(&register))
    }

    /// Returns what decisions would have known then.
    pub(super) fn world(&self, state: &State, then: &Then) -> Result<World, ViewError> {
        if then.latest(state) { Ok(state.world.clone()) } else { Ok(self.whole(then)?.world.clone()) }
    }

    /// Brings a register up to the first `end` entries. Most entries are readings and contacts, which it does not mind.
    fn fold_register(&self, register: &mut Register, end: u64) -> Result<(), ViewError> {
        let from = register.size;
        let mut corrected: Vec<Part> = Vec::new();
        let mut take = |index, bytes: &[u8]| match Entry::kind_of(bytes) {
            Some(kind) if !Register::minds(kind) => Ok(()),
            _ => fold(index, bytes, &mut |read| {
                register.fold(read);
                note_corrected(read, &mut corrected);
            }),
        };
        let stored = self.shelf.store().len().min(end);
        for item in self.shelf.store().scan(from..stored) {
            let (index, bytes) = item?;
            take(index, &bytes)?;
        }
        for index in stored.max(from)..end {
            take(index, &self.shelf.entry(index)?.ok_or(ViewError::Store)?)?;
        }
        for part in &corrected {
            self.refold_register(register, part, &Then::all(from.max(end)))?;
        }
        register.size = from.max(end);
        Ok(())
    }

    /// Folds a part anew in which something was corrected or voided.
    pub(super) fn refold_register(&self, register: &mut Register, part: &Part, then: &Then) -> Result<(), ViewError> {
        let zone = self.state().world.ledger.zone;
        let amendments = self.amendments(part, 0..then.end)?;
        register.forget(part);
        let term = match part {
            Part::Customer(id) => stream_term(id.stream().as_str()),
            Part::Company => company_term(),
        };
        for index in self.shelf.postings(term, 0, then.end, Direction::Ascending, usize::MAX)? {
            let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
            if Entry::kind_of(&bytes).is_some_and(|kind| !Register::minds(kind)) {
                continue;
            }
            let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
            if let Some((entry, corrected)) = amendments
                .restate(entry, zone)
                .filter(|(entry, _)| belongs(entry, part) && then.includes(entry.occurredat))
            {
                lend(index, &bytes, &entry, corrected, &mut |read| register.fold(read))?;
            }
        }
        Ok(())
    }

    /// Takes up the stored register, if it is not ahead of the ledger.
    pub(in crate::ledger) fn load_register(&self) {
        let stored = self.shelf.store().document(REGISTER).ok().flatten();
        let register = stored.and_then(|(_, bytes)| postcard::from_bytes::<Register>(&bytes).ok());
        if let Some(register) = register.filter(|register| register.size <= self.shelf.store().len()) {
            *self.folds.register.lock().unwrap_or_else(PoisonError::into_inner) = register;
        }
    }

    /// Stores the register as of now, so that a start need not fold the ledger again.
    pub(in crate::ledger) fn save_register(&self, size: u64) {
        if self.with_latest_register(size, |_| ()).is_ok() {
            let register = self.folds.register.lock().unwrap_or_else(PoisonError::into_inner);
            self.keep_document(REGISTER, register.size, &*register);
        }
    }

    /// Stores a view document; one that cannot be stored is folded again when it is asked for.
    pub(super) fn keep_document<T: serde::Serialize>(&self, key: &str, index: u64, document: &T) {
        let stored = postcard::to_stdvec(document)
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.shelf.store().put_document(key, index, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = stored {
            tracing::warn!(error, key, "a view document was not stored");
        }
    }

    /// Reads an entry and lends it in the form that is live, if it shows what had happened by then; one that is voided is passed over.
    pub(super) fn read_live(
        &self,
        then: &Then,
        index: u64,
        amendments: &Amendments,
        take: &mut dyn FnMut(&Read<'_>),
    ) -> Result<(), ViewError> {
        let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
        let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
        match amendments.restate(entry, self.state().world.ledger.zone) {
            Some((entry, corrected)) if then.includes(entry.occurredat) => lend(index, &bytes, &entry, corrected, take),
            Some(_) | None => Ok(()),
        }
    }

    /// Reads an entry and lends it, if it shows what had happened by then.
    pub(super) fn read_of(&self, then: &Then, index: u64, take: &mut dyn FnMut(&Read<'_>)) -> Result<(), ViewError> {
        self.read_at(index, &mut |read| {
            if then.includes(read.entry.occurredat) {
                take(read);
            }
        })
    }

    /// Reads an entry and lends it.
    pub(super) fn read_at(&self, index: u64, take: &mut dyn FnMut(&Read<'_>)) -> Result<(), ViewError> {
        let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
        fold(index, &bytes, take)
    }
}

/// Decodes an entry and lends it.
pub(in crate::ledger) fn fold(index: u64, bytes: &[u8], take: &mut dyn FnMut(&Read<'_>)) -> Result<(), ViewError> {
    let entry = Entry::decode(bytes).map_err(|_| ViewError::Store)?;
    let event = decode(&entry).ok_or(ViewError::Store)?;
    take(&Read { index, entry: &entry, bytes, event: &event, corrected: None });
    Ok(())
}

/// Lends an entry in the form that is live; its bytes stay those entered.
pub(super) fn lend(
    index: u64,
    bytes: &[u8],
    entry: &Entry,
    corrected: Option<u64>,
    take: &mut dyn FnMut(&Read<'_>),
) -> Result<(), ViewError> {
    let event = decode(entry).ok_or(ViewError::Store)?;
    take(&Read { index, entry, bytes, event: &event, corrected });
    Ok(())
}

/// Takes note of the part in which an entry corrects or voids another: it must be folded anew.
pub(in crate::ledger) fn note_corrected(read: &Read<'_>, corrected: &mut Vec<Part>) {
    if let Event::Record(event) = read.event
        && !corrected.contains(&event.part())
    {
        corrected.push(event.part());
    }
}

/// Decodes the event of an entry.
pub(super) fn decode(entry: &Entry) -> Option<Event> {
    Event::decode(&entry.kind, &entry.data)?.ok()
}

/// What a customer's archive is stored under.
fn document_of(id: &CustomerId) -> String {
    format!("archive.2/{id}")
}

/// Archives kept in memory: some 10 KB each at most.
const ARCHIVES_KEPT: usize = 4096;

const REGISTER: &str = "register.3";
