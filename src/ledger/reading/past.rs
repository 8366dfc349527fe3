//! What was so at an earlier moment: kept every so often on disk, and folded forward from there.
//!
//! **Invariant:** nothing here is needed to decide anything; whatever is dropped is folded again from the entries.
//!
//! ```text
//! <data>/past/00000000000000065536.moment   "dossier moment 3\n" ‖ 32 BLAKE3 of the rest ‖ zstd(postcard(world, register))
//! document past/C-00042                     the versions at which that customer's archive is kept, and behind which entries
//! document past/C-00042/64                  postcard(archive, world of that customer)
//! ```
//!
//! The steps between what is kept grow with the ledger, so that what is kept grows with the logarithm of its length.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::history::{Amendments, Lived, Part, Refold};
use crate::domain::{Actor, Event, Fact, World, audit, record};
use crate::entry::Entry;
use crate::ids::{CustomerId, StreamName, SubjectId};
use crate::ledger::Shared;
use crate::ledger::claims::term;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::folds::{fold, lend, note_corrected};
use crate::ledger::reading::happened::{Blocks, Happened, apart};
use crate::ledger::reading::moment::Then;
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::customer::Archive;
use crate::projection::register::Register;
use crate::projection::{Read, customer_of};
use crate::store::Direction;

/// What concerns all customers after the first entries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) world: World,
    pub(super) register: Register,
}

/// One customer after the first entries: the archive, and what decisions would know of this customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct One {
    pub(super) archive: Archive,
    pub(super) world: World,
}

/// The moments asked for last, bounded in number: who turns a page asks for the same again.
#[derive(Default)]
pub(super) struct Past {
    kept: Mutex<Vec<(Then, Arc<Whole>)>>,
    /// All is folded anew: nothing is kept beside that.
    pub(super) rebuilding: AtomicBool,
    /// Something was dropped: what is due is looked for again, however little was entered since.
    pub(super) dropped: AtomicBool,
    /// Of how many entries all was kept that was due.
    pub(super) reached: AtomicU64,
    pub(super) happened: Happened,
}

/// What is known on the way from one moment to a later one.
struct Folding {
    /// The last moment kept.
    last: u64,
    /// What was corrected since.
    corrected: Vec<Part>,
    /// By when it must have happened, as it is written.
    valid_at: Option<String>,
}

impl Whole {
    fn fold(&mut self, read: &Read<'_>) {
        self.register.fold(read);
        apply(&mut self.world, read);
    }
}

impl One {
    pub(super) fn fold(&mut self, read: &Read<'_>) {
        self.archive.fold(read);
        apply(&mut self.world, read);
    }
}

/// Folds an entry into a world that decides nothing.
fn apply(world: &mut World, read: &Read<'_>) {
    let entry = read.entry;
    let Some(actor) = Actor::of(entry) else { return };
    let fact = Fact {
        index: read.index,
        id: &entry.id,
        at: entry.time,
        occurred_at: entry.occurredat,
        actor: &actor,
        subject: &entry.subject,
    };
    world.apply(&fact, read.event);
}

impl Shared {
    /// Returns what concerned all customers then.
    pub(super) fn whole(&self, then: &Then) -> Result<Arc<Whole>, ViewError> {
        let key = |kept: &Then| (kept.end, kept.valid_at) == (then.end, then.valid_at);
        let found = {
            let mut kept = self.folds.past.kept.lock().unwrap_or_else(PoisonError::into_inner);
            let place = kept.iter().position(|(then, _)| key(then));
            place.map(|place| {
                let found = kept.remove(place);
                let whole = found.1.clone();
                kept.push(found);
                whole
            })
        };
        if let Some(found) = found {
            return Ok(found);
        }
        let whole = Arc::new(self.fold_whole(then, &|| false)?);
        let mut kept = self.folds.past.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push((*then, whole.clone()));
        if kept.len() > MOMENTS_IN_MEMORY {
            kept.remove(0);
        }
        Ok(whole)
    }

    /// Folds what concerned all customers then, from the last moment kept on, and keeps those it passes; until `stop`.
    pub(super) fn fold_whole(&self, then: &Then, stop: &dyn Fn() -> bool) -> Result<Whole, ViewError> {
        let mut whole = self.kept_moment(self.settled(then)?);
        let from = whole.register.size;
        let mut folding =
            Folding { last: from, corrected: Vec::new(), valid_at: then.valid_at.map(|at| at.to_string()) };
        let stored = self.shelf.store().len().min(then.end);
        let blocks = if then.valid_at.is_some() { self.happened(stop)? } else { Blocks::default() };
        for block in apart(from..stored) {
            if then.valid_at.is_some_and(|at| blocks.is_after(block.start, at)) {
                let corrections = family_term("record");
                for index in
                    self.shelf.postings(corrections, block.start, block.end, Direction::Ascending, usize::MAX)?
                {
                    let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
                    self.fold_next(&mut whole, &mut folding, then, index, &bytes)?;
                }
                continue;
            }
            for item in self.shelf.store().scan(block) {
                let (index, bytes) = item?;
                if index % LOOK_ENTRIES == 0 && stop() {
                    return Ok(whole);
                }
                self.fold_next(&mut whole, &mut folding, then, index, &bytes)?;
            }
        }
        for index in stored.max(from)..then.end {
            let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
            self.fold_next(&mut whole, &mut folding, then, index, &bytes)?;
        }
        self.put_right(&mut whole, &mut folding, then, then.end)?;
        Ok(whole)
    }

    /// Returns how many entries a question looks at that had all happened by then, and still had once they were corrected.
    fn settled(&self, then: &Then) -> Result<u64, ViewError> {
        let mut settled = then.whole;
        if then.valid_at.is_none() {
            return Ok(settled);
        }
        for index in self.shelf.postings(family_term("record"), 0, then.end, Direction::Ascending, usize::MAX)? {
            let mut record = None;
            self.read_at(index, &mut |read| {
                if let Event::Record(event) = read.event
                    && event.moves_in_time()
                {
                    record = event.record().cloned();
                }
            })?;
            let Some(id) = record else { continue };
            let (found, _) = self.recent.look_up(self.shelf.store(), term("id", id.as_str()))?;
            settled = settled.min(found.unwrap_or(0));
        }
        Ok(settled)
    }

    fn fold_next(
        &self,
        whole: &mut Whole,
        folding: &mut Folding,
        then: &Then,
        index: u64,
        bytes: &[u8],
    ) -> Result<(), ViewError> {
        if index >= due(folding.last) && then.valid_at.is_none() {
            self.put_right(whole, folding, then, index)?;
            self.keep_moment(whole);
            folding.last = index;
        }
        let kind = Entry::kind_of(bytes).unwrap_or_default();
        let correction = record::is_amendment(kind);
        // Instants as they are written sort as they follow each other.
        let later = |at: &str| folding.valid_at.as_deref().is_some_and(|valid_at| at > valid_at);
        let left_out = !correction && index >= then.whole && Entry::occurred_in(bytes).is_some_and(later);
        if left_out || audit::types().iter().any(|unseen| unseen.name == kind) {
            return Ok(());
        }
        let mut amendment = None;
        fold(index, bytes, &mut |read| {
            whole.fold(read);
            note_corrected(read, &mut folding.corrected);
            amendment = match read.event {
                Event::Record(event) => Lived::of(index, read.entry).map(|lived| (event.part(), lived)),
                _ => None,
            };
        })?;
        let Some((part, lived)) = amendment else { return Ok(()) };
        let zone = whole.world.ledger.zone;
        let entries = self.past(&part, index)?;
        let mut refold = Refold::of(part, &entries, lived.amendment(), zone).ok_or(ViewError::Store)?;
        for live in [&mut refold.before, &mut refold.after] {
            live.retain(|live| then.includes(live.occurred_at));
        }
        whole.world.refold(&refold, &lived.id, lived.at);
        Ok(())
    }

    /// Folds anew what of the register was corrected, so that it reflects the first `end` entries.
    fn put_right(&self, whole: &mut Whole, folding: &mut Folding, then: &Then, end: u64) -> Result<(), ViewError> {
        for part in folding.corrected.drain(..) {
            self.refold_register(&mut whole.register, &part, &Then { end, ..*then })?;
        }
        whole.register.size = end;
        Ok(())
    }

    /// Returns the last moment kept that has no more than `most` entries, or the beginning.
    fn kept_moment(&self, most: u64) -> Whole {
        for size in self.kept_sizes().into_iter().rev().filter(|size| *size <= most) {
            let path = self.moment_path(size);
            match fs::read(&path).ok().as_deref().and_then(decode) {
                Some(whole) if whole.register.size == size => return whole,
                // Cut by a crash, or of another release: it is folded again.
                Some(_) | None => drop(fs::remove_file(&path)),
            }
        }
        Whole::default()
    }

    pub(super) fn kept_sizes(&self) -> Vec<u64> {
        let files = fs::read_dir(self.past_directory()).into_iter().flatten().flatten();
        let name = |file: fs::DirEntry| file.file_name().to_str()?.strip_suffix(".moment")?.parse().ok();
        let mut sizes: Vec<u64> = files.filter_map(name).collect();
        sizes.sort_unstable();
        sizes
    }

    fn keep_moment(&self, whole: &Whole) {
        let write = || -> io::Result<()> {
            let body = postcard::to_stdvec(whole).map_err(io::Error::other)?;
            let body = zstd::bulk::compress(&body, LEVEL)?;
            let bytes = [HEAD, blake3::hash(&body).as_bytes(), &body].concat();
            fs::create_dir_all(self.past_directory())?;
            let path = self.moment_path(whole.register.size);
            // Two may pass the same place at once; each writes the same.
            let temporary = path.with_extension(format!("{:?}.{UNFINISHED}", std::thread::current().id()));
            fs::write(&temporary, bytes)?;
            fs::rename(temporary, path)
        };
        if let Err(error) = write() {
            tracing::warn!(%error, "a moment was not kept");
        }
    }

    fn past_directory(&self) -> PathBuf {
        self.home.data.join("past")
    }

    fn moment_path(&self, size: u64) -> PathBuf {
        self.past_directory().join(format!("{size:020}.moment"))
    }

    /// Removes what a crash left of a moment that was being written.
    pub(in crate::ledger) fn drop_unfinished_moments(&self) {
        for file in fs::read_dir(self.past_directory()).into_iter().flatten().flatten() {
            if file.path().extension().is_some_and(|extension| extension == UNFINISHED) {
                drop(fs::remove_file(file.path()));
            }
        }
    }

    /// Forgets every moment kept.
    pub(super) fn drop_past(&self) -> io::Result<()> {
        self.folds.past.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.folds.past.dropped.store(true, Ordering::SeqCst);
        gone(fs::remove_dir_all(self.past_directory()))
    }

    /// Forgets every moment kept since somebody was first recorded, and what is kept of that customer's archive.
    ///
    /// What is kept anew holds of somebody erased what the entries do: seals that nobody can open.
    pub(in crate::ledger) fn drop_past_of(&self, person: &SubjectId, size: u64) -> Result<(), ViewError> {
        let stream = StreamName::of("person", person.as_str());
        let first = self.shelf.postings(stream_term(stream.as_str()), 0, size, Direction::Ascending, 1)?;
        let Some(first) = first.first().copied() else { return Ok(()) };
        self.folds.past.kept.lock().unwrap_or_else(PoisonError::into_inner).clear();
        for kept in self.kept_sizes().into_iter().filter(|kept| *kept > first) {
            gone(fs::remove_file(self.moment_path(kept))).map_err(|_| ViewError::Store)?;
        }
        if let Some(id) = self.entry(first)?.as_ref().and_then(customer_of) {
            let places = self.kept_places(&id);
            self.keep_places(&id, &BTreeMap::new());
            for version in places.values() {
                // No bytes are no archive.
                let emptied = self.shelf.store().put_document(&format!("past/{id}/{version}"), 0, &[]);
                emptied.map_err(|_| ViewError::Store)?;
            }
        }
        self.folds.past.dropped.store(true, Ordering::SeqCst);
        Ok(())
    }

    /// Returns one customer as of then, from what is kept of long streams on.
    pub(super) fn one(&self, id: &CustomerId, then: &Then) -> Result<One, ViewError> {
        let amendments = self.amendments(&Part::Customer(id.clone()), 0..then.end)?;
        let found = self.kept_places(id);
        let mut places = found.clone();
        let (from, mut one) = self.kept_before(id, &mut places, then, &amendments).unwrap_or_default();
        self.fold_one(id, &mut one, from..then.end, then, &amendments, &mut places)?;
        if places != found {
            self.keep_places(id, &places);
        }
        let amendments = self.amendments(&Part::Company, 0..then.end)?;
        for stream in ["ledger", "policy"] {
            for index in self.shelf.postings(stream_term(stream), 0, then.end, Direction::Ascending, usize::MAX)? {
                self.read_live(then, index, &amendments, &mut |read| apply(&mut one.world, read))?;
            }
        }
        Ok(one)
    }

    /// Finds the last of what is kept of a customer that may be folded on: it must reflect the same corrections, and what is corrected may
    /// have happened at another time than it seemed to have. Where it cannot be read any more all is kept anew.
    fn kept_before(
        &self,
        id: &CustomerId,
        places: &mut BTreeMap<u64, u64>,
        then: &Then,
        amendments: &Amendments,
    ) -> Option<(u64, One)> {
        if then.valid_at.is_some() && amendments.count() > 0 {
            return None;
        }
        let (end, version) = places.range(..=then.whole).next_back().map(|(end, version)| (*end, *version))?;
        let Some(one) = self.kept_one(id, version) else {
            places.clear();
            return None;
        };
        amendments.last().is_none_or(|last| last < end).then_some((end, one))
    }

    /// Folds one customer's entries of a range in the form that is live, and keeps the archive wherever that is due.
    fn fold_one(
        &self,
        id: &CustomerId,
        one: &mut One,
        range: Range<u64>,
        then: &Then,
        amendments: &Amendments,
        places: &mut BTreeMap<u64, u64>,
    ) -> Result<(), ViewError> {
        let stream = id.stream();
        let found_by = stream_term(stream.as_str());
        let zone = self.state().world.ledger.zone;
        // Before its last correction a customer was another than is folded here.
        let corrected_until = amendments.last().map_or(0, |last| last + 1);
        let blocks = if then.valid_at.is_some() { self.happened(&|| false)? } else { Blocks::default() };
        // What is corrected may have happened at another time than it was entered with.
        let later = |index: u64| amendments.count() == 0 && then.valid_at.is_some_and(|at| blocks.is_after(index, at));
        let mut from = range.start;
        loop {
            let found = self.shelf.postings(found_by, from, range.end, Direction::Ascending, 512)?;
            let Some(last) = found.last().copied() else { return Ok(()) };
            for index in found.into_iter().filter(|index| !later(*index)) {
                let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
                let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
                if entry.link(stream.as_str()).is_none() {
                    continue;
                }
                match amendments.restate(entry, zone) {
                    Some((entry, _)) if !then.includes(entry.occurredat) => {}
                    Some((entry, corrected)) => lend(index, &bytes, &entry, corrected, &mut |read| one.fold(read))?,
                    None => one.archive.pass(index),
                }
                if (corrected_until..then.whole).contains(&index) && then.valid_at.is_none() {
                    self.keep_one(id, one, index + 1, places);
                }
            }
            from = last + 1;
        }
    }

    /// Keeps one customer as of the first `end` entries, if that is due.
    pub(super) fn keep_one(&self, id: &CustomerId, one: &One, end: u64, places: &mut BTreeMap<u64, u64>) {
        let (newest_end, newest) = places.last_key_value().map_or((0, 0), |(end, version)| (*end, *version));
        if end > newest_end && one.archive.version >= due_archive(newest) {
            self.keep_document(&format!("past/{id}/{}", one.archive.version), end, one);
            places.insert(end, one.archive.version);
        }
    }

    /// Returns behind how many entries of the ledger a customer's archive is kept, and at which versions.
    pub(super) fn kept_places(&self, id: &CustomerId) -> BTreeMap<u64, u64> {
        let stored = self.shelf.store().document(&format!("past/{id}")).ok().flatten();
        stored.and_then(|(_, bytes)| whole_of(&bytes)).unwrap_or_default()
    }

    pub(super) fn keep_places(&self, id: &CustomerId, places: &BTreeMap<u64, u64>) {
        let last = places.keys().next_back().copied().unwrap_or(0);
        self.keep_document(&format!("past/{id}"), last, places);
    }

    pub(super) fn kept_one(&self, id: &CustomerId, version: u64) -> Option<One> {
        let (_, bytes) = self.shelf.store().document(&format!("past/{id}/{version}")).ok()??;
        whole_of(&bytes).filter(|one: &One| one.archive.version == version)
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn decode(bytes: &[u8]) -> Option<Whole> {
    let (hash, body) = bytes.strip_prefix(HEAD)?.split_first_chunk::<32>()?;
    if blake3::hash(body) != *hash {
        return None;
    }
    whole_of(&zstd::stream::decode_all(body).ok()?)
}

/// Reads what was kept; what another release kept in another shape does not end where this one's ends.
fn whole_of<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    let (kept, rest) = postcard::take_from_bytes(bytes).ok()?;
    rest.is_empty().then_some(kept)
}

/// After how many entries the next moment is kept.
pub(super) fn due(size: u64) -> u64 {
    size + (size / STEPS).max(MOMENT_ENTRIES_MIN)
}

/// At which version of a customer's stream the archive is kept next.
pub(super) fn due_archive(version: u64) -> u64 {
    version + (version / ARCHIVE_STEPS).max(ARCHIVE_ENTRIES_MIN)
}

const HEAD: &[u8] = b"dossier moment 3\n";
const LEVEL: i32 = 1;

/// What the file of a moment is called until it is whole.
const UNFINISHED: &str = "tmp";

/// A moment is kept whenever the ledger has grown by one part in so many, but by so many entries at least.
const STEPS: u64 = 16;
const MOMENT_ENTRIES_MIN: u64 = 1 << 12;

/// The same of one customer's stream. Short ones are folded from their first entry.
const ARCHIVE_STEPS: u64 = 16;
const ARCHIVE_ENTRIES_MIN: u64 = 64;

/// Moments that stay in memory, each as large as what is known of live subjects.
const MOMENTS_IN_MEMORY: usize = 2;

/// How often whoever folds looks whether to stop.
pub(super) const LOOK_ENTRIES: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// How many moments are kept of a ledger of so many entries.
    fn kept(entries: u64) -> usize {
        std::iter::successors(Some(due(0)), |last| Some(due(*last))).take_while(|size| *size <= entries).count()
    }

    #[test]
    fn what_is_kept_grows_with_the_logarithm_of_the_ledger() {
        assert_eq!((kept(4_095), kept(4_096), kept(65_536)), (0, 1, 16));
        assert_eq!(kept(1_000_000), 60);
        assert_eq!(kept(1_000_000_000), 174);
        // Whoever looks back has never more to fold than a sixteenth of what there was.
        let sizes: Vec<u64> = std::iter::successors(Some(0), |last| Some(due(*last))).take(200).collect();
        assert!(sizes.windows(2).all(|pair| pair[1] - pair[0] <= (pair[0] / 16).max(4_096)));
    }

    #[test]
    fn a_moment_that_was_cut_or_changed_is_none() {
        let body = zstd::bulk::compress(&postcard::to_stdvec(&Whole::default()).unwrap(), LEVEL).unwrap();
        let bytes = [HEAD, blake3::hash(&body).as_bytes(), &body].concat();
        assert!(decode(&bytes).is_some());
        for place in 0..bytes.len() {
            assert!(decode(&bytes[..place]).is_none(), "cut at {place}");
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(decode(&changed).is_none(), "changed at {place}");
        }
    }
}
