//! Keeps entries, indexes, tiles and view documents on sled, to be read from.
//!
//! One thread, the follower of the journal, writes; many read meanwhile. Everything here is derived: a store
//! that is damaged or lost is wiped and filled again from the journal.
//!
//! **Invariant:** nothing here decides order or durability; that is the journal's. What the store has lost
//! at its end after a crash is supplied again, from [`Store::len`] and [`Store::indexed_len`] on.
//!
//! **Invariant:** nothing here knows what an entry means. The store knows bytes, indexes and terms; whoever
//! asks for a term hashes it, and looks into the entry to tell two of the same hash apart.
//!
//! **Invariant:** nothing here reads a clock or makes chance.
//!
//! **Invariant:** sled's word is not taken for completeness or content. Every value carries a checksum over
//! its key and bytes, packs are dense, and a hole is damage, never absence.
//!
//! **Invariant:** no value is above 7 KiB, so sled makes no blob file, which it would never sync.

mod document;
mod filter;
mod index;
mod pack;
mod run;
mod shelf;
mod value;

use std::collections::VecDeque;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::vec;

use serde::{Deserialize, Serialize};
use sled::IVec;
use thiserror::Error;
use zstd::bulk::Compressor;

use crate::store::index::Index;
use crate::store::pack::{ENTRY_BYTES_MAX, PACK_ENTRIES, Pack, PackCache};
use crate::store::shelf::{Shelf, Table, sync_directory};
use crate::store::value::{Coding, ValueError};

/// The hash of whatever entries are to be found by; evenly spread over all 64 bits.
pub type Term = u64;

/// An entry to be kept, with what it is to be found by.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// The entry, at most 65,535 bytes.
    pub bytes: &'a [u8],
    /// What [`Store::postings`] finds it by, streams above all.
    pub terms: &'a [Term],
    /// What [`Store::claimed`] finds it by: keys that are used once.
    pub claims: &'a [Term],
}

/// A view document to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Document<'a> {
    /// Its name, at most 512 bytes.
    pub key: &'a str,
    /// The index it reflects.
    pub index: u64,
    /// Its bytes, at most 64 MiB.
    pub bytes: &'a [u8],
}

/// Which end of a range comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The oldest entry first.
    Ascending,
    /// The newest entry first.
    Descending,
}

/// How large a store may grow in memory, and how it is cut on disk.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Bytes of memory for caching; half of it holds unpacked entries, the rest goes to sled, which takes more.
    pub cache_bytes: u64,
    /// How many entries a sled directory holds, a multiple of 32; fixed when a store is made, ignored afterwards.
    pub entries_per_shelf: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: 128 * 1024 * 1024, entries_per_shelf: 1 << 21 }
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The store was written in another format, or its format cannot be read: wipe it and fill it again.
    #[error("store \"{}\" has another format", path.display())]
    Format {
        /// The directory of the store.
        path: PathBuf,
    },
    /// What is on disk is not what was written: wipe the store and fill it again.
    #[error("store \"{}\" is damaged: {reason}", path.display())]
    Damaged {
        /// The part that is damaged.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// The disk failed, is full, or another process has the store open.
    #[error("store \"{}\" cannot be opened", path.display())]
    Io {
        /// The part that was being opened.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why something was not written.
#[derive(Debug, Error)]
pub enum WriteError {
    /// The entries do not follow the last one; nothing was written.
    #[error("store expects entry {expected} next, got {got}")]
    Order {
        /// The index that comes next.
        expected: u64,
        /// The index that was offered.
        got: u64,
    },
    /// An entry, key, document or tile is larger than the store takes; nothing was written.
    #[error("{bytes} bytes are too many for the store")]
    TooLarge {
        /// How many there were.
        bytes: usize,
    },
    /// The store failed before and takes no more writes; end the process and open the store again.
    #[error("store has failed earlier")]
    Failed,
    /// A page of an index is not what was written; the store takes no more writes: wipe it and fill it again.
    #[error("index of the store is damaged")]
    Damaged,
    /// The disk failed or is full; the store takes no more writes: end the process and open the store again.
    #[error("store cannot be written")]
    Storage(#[source] io::Error),
}

impl From<ValueError> for WriteError {
    fn from(error: ValueError) -> Self {
        match error {
            ValueError::Damaged => Self::Damaged,
            ValueError::Io(error) => Self::Storage(error),
        }
    }
}

/// Why something could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// An entry is missing or not what was written.
    #[error("entry {index} is damaged in the store")]
    Damaged {
        /// The entry asked for.
        index: u64,
    },
    /// Something beside the entries is not what was written.
    #[error("{what} is damaged in the store")]
    DamagedValue {
        /// What it is.
        what: String,
    },
    /// The disk failed.
    #[error("store cannot be read")]
    Storage(#[source] io::Error),
}

/// The store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

impl Store {
    /// Opens the store in `directory`, or makes one.
    ///
    /// The last entries written before a crash may be missing: the caller appends from [`Store::len`] on, after
    /// it has supplied the terms of the entries from [`Store::indexed_len`] on through [`Store::reindex`].
    ///
    /// # Errors
    /// After `Format` and `Damaged` the store is of no use: [`Store::wipe`] and fill it again.
    pub fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let format = Format::open(directory, options)?;
        let failed = Arc::new(AtomicBool::new(false));
        let share = options.cache_bytes / SLED_SHARE;

        let (shelves, len) = open_shelves(directory, format, share, &failed)?;

        let index_shelf = Shelf::new(directory.join(INDEX), INDEX_TABLES, share, &failed);
        index_shelf.open()?;
        let load = |table, key| Index::load(&index_shelf, table, key).map_err(|error| open_error(&index_shelf, error));
        let terms = load(Table::Terms, b"runs/terms".as_slice())?;
        let claims = load(Table::Claims, b"runs/claims".as_slice())?;

        let compressor = Compressor::new(COMPRESSION_LEVEL).map_err(|source| io_error(directory, source))?;
        let inner = Inner {
            directory: directory.to_owned(),
            entries_per_shelf: format.entries_per_shelf,
            shelf_cache_bytes: share,
            cache: PackCache::new(usize::try_from(options.cache_bytes / 2).unwrap_or(usize::MAX)),
            shelves: RwLock::new(shelves),
            opened: Mutex::new(VecDeque::new()),
            index_shelf,
            terms,
            claims,
            tail: RwLock::new(Tail { first: len, entries: Vec::new() }),
            durable: AtomicU64::new(len),
            writer: Mutex::new(compressor),
            failed,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Removes the store in `directory`, if there is one; nothing else in there is touched.
    ///
    /// Cut short, it leaves what the next [`Store::open`] takes for an unfinished store and removes.
    pub fn wipe(directory: &Path) -> io::Result<()> {
        remove_if_there(fs::remove_file(directory.join(FORMAT)))?;
        if !directory.exists() {
            return Ok(());
        }
        sync_directory(directory)?;
        for file in fs::read_dir(directory)? {
            let file = file?;
            let name = file.file_name();
            if name.to_str().is_some_and(|name| name == INDEX || name.starts_with(SHELF)) {
                remove_if_there(fs::remove_dir_all(file.path()))?;
            }
        }
        sync_directory(directory)
    }

    /// Returns how many entries there are.
    pub fn len(&self) -> u64 {
        self.inner.tail.read().unwrap_or_else(PoisonError::into_inner).end()
    }

    /// Tells whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many entries a reopening after a crash would find at least.
    ///
    /// It moves with [`Store::flush`], by whole packs of 32; the others are in memory and in the journal.
    pub fn durable_len(&self) -> u64 {
        self.inner.durable.load(Ordering::Acquire)
    }

    /// Returns the index from which on the terms and claims of entries are not known yet.
    ///
    /// Up to here entries are found by index, by term and by claim; while [`Store::append`] runs, [`Store::len`] is
    /// ahead of it. After opening it is behind by little more than 16,384 entries.
    pub fn indexed_len(&self) -> u64 {
        self.inner.terms.end().min(self.inner.claims.end()).min(self.len())
    }

    /// Appends entries; they can be read when this returns, and are durable after the next flush.
    ///
    /// # Errors
    /// `Order` when `first_index` is not [`Store::len`], or terms are still to be supplied to [`Store::reindex`].
    /// After `Damaged` and `Storage` the store takes no more writes.
    pub fn append(&self, first_index: u64, items: &[Item<'_>]) -> Result<(), WriteError> {
        let mut compressor = self.inner.begin_write()?;
        in_order(self.len(), first_index)?;
        in_order(self.indexed_len(), first_index)?;
        if let Some(item) = items.iter().find(|item| item.bytes.len() > ENTRY_BYTES_MAX) {
            return Err(WriteError::TooLarge { bytes: item.bytes.len() });
        }
        let outcome = self.inner.append_entries(items, &mut compressor);
        self.inner.finish_write(outcome.and_then(|()| self.inner.add_terms(first_index, items)))
    }

    /// Supplies the terms and claims of entries that are here already; their bytes are not looked at.
    ///
    /// # Errors
    /// `Order` when there is a gap behind [`Store::indexed_len`], or an entry is not here.
    pub fn reindex(&self, first_index: u64, items: &[Item<'_>]) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        let end = first_index.saturating_add(u64::try_from(items.len()).unwrap_or(u64::MAX));
        if first_index > self.indexed_len() || end > self.len() {
            return Err(WriteError::Order { expected: self.indexed_len(), got: first_index });
        }
        self.inner.finish_write(self.inner.add_terms(first_index, items))
    }

    /// Makes all full packs, runs, tiles, documents and small values durable.
    ///
    /// Now and then it also reopens a sled directory, for some tenths of a second, so that a start after a
    /// crash has little to replay.
    pub fn flush(&self) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        self.inner.finish_write(self.inner.flush())
    }

    /// Returns an entry, `None` beyond the end.
    ///
    /// # Errors
    /// `Damaged` when it should be here and is not, or fails its checksum.
    pub fn entry(&self, index: u64) -> Result<Option<Vec<u8>>, ReadError> {
        match self.inner.tail_entry(index) {
            TailEntry::Here(entry) => return Ok(Some(entry)),
            TailEntry::Beyond => return Ok(None),
            TailEntry::Packed => {}
        }
        let first = pack::first_of(index);
        let found = match self.inner.cache.find(first) {
            Some(found) => found,
            None => {
                let found = Arc::new(self.inner.read_pack(index)?);
                self.inner.cache.keep(first, &found);
                found
            }
        };
        found.entry(index - first).map(|entry| Some(entry.to_vec())).ok_or(ReadError::Damaged { index })
    }

    /// Walks through entries in order, past the cache: for rebuilding and proving.
    ///
    /// Ends at the end of the range or of the store; after an error it goes on with the next pack.
    pub fn scan(&self, range: Range<u64>) -> Scan {
        let end = range.end.min(self.len());
        Scan { store: self.clone(), next: range.start, end, packs: Vec::new().into_iter(), current: None }
    }

    /// Returns up to `limit` indexes within `range` of entries that have the term.
    ///
    /// The entry tells whether it was meant: two terms may have the same hash.
    pub fn postings(
        &self,
        term: Term,
        range: Range<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        self.inner.find(&self.inner.terms, term, range, direction, limit)
    }

    /// Returns the last entry that claims the term.
    ///
    /// Cheap when there is none: filters in memory answer nearly always.
    pub fn claimed(&self, term: Term) -> Result<Option<u64>, ReadError> {
        let found = self.inner.find(&self.inner.claims, term, 0..u64::MAX, Direction::Descending, 1)?;
        Ok(found.first().copied())
    }

    /// Puts a full tile of the Merkle tree, 8192 bytes.
    ///
    /// # Errors
    /// `TooLarge` for any other length.
    pub fn put_tile(&self, level: u8, number: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        if bytes.len() != document::TILE_BYTES {
            return Err(WriteError::TooLarge { bytes: bytes.len() });
        }
        self.inner.finish_write(document::put_tile(&self.inner.index_shelf, level, number, bytes))
    }

    /// Returns a tile, `None` when it was never put.
    pub fn tile(&self, level: u8, number: u64) -> Result<Option<Vec<u8>>, ReadError> {
        let tile = document::tile(&self.inner.index_shelf, level, number);
        let tile = tile.map_err(|error| value_error(error, || format!("tile {level}/{number}")))?;
        Ok(tile.map(|tile| tile.bytes))
    }

    /// Puts one document in the place of the one with its key.
    pub fn put_document(&self, key: &str, index: u64, bytes: &[u8]) -> Result<(), WriteError> {
        self.put_documents(&[Document { key, index, bytes }])
    }

    /// Puts documents, each in the place of the one with its key; each is whole or absent after a crash.
    pub fn put_documents(&self, documents: &[Document<'_>]) -> Result<(), WriteError> {
        let mut compressor = self.inner.begin_write()?;
        let outcome = document::put_all(&self.inner.index_shelf, documents, &mut compressor);
        self.inner.finish_write(outcome)
    }

    /// Returns a document and the index it reflects.
    pub fn document(&self, key: &str) -> Result<Option<(u64, Vec<u8>)>, ReadError> {
        let found = document::find(&self.inner.index_shelf, key);
        let found = found.map_err(|error| value_error(error, || format!("document {key:?}")))?;
        Ok(found.map(|document| (document.tag, document.bytes)))
    }

    /// Removes all documents; readers wait.
    pub fn drop_documents(&self) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        self.inner.finish_write(self.inner.index_shelf.clear(Table::Documents))
    }

    /// Removes all tiles; readers wait.
    pub fn drop_tiles(&self) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        self.inner.finish_write(self.inner.index_shelf.clear(Table::Tiles))
    }

    /// Puts a small value in the place of the one with its key.
    pub fn put_meta(&self, key: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let _compressor = self.inner.begin_write()?;
        self.inner.finish_write(document::put_small(&self.inner.index_shelf, key, bytes))
    }

    /// Returns a small value.
    pub fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, ReadError> {
        let found = document::small(&self.inner.index_shelf, key);
        let found = found.map_err(|error| value_error(error, || format!("value {key:?}")))?;
        Ok(found.map(|value| value.bytes))
    }
}

/// Entries in order, with their indexes; see [`Store::scan`].
#[derive(Debug)]
pub struct Scan {
    store: Store,
    next: u64,
    end: u64,
    packs: vec::IntoIter<(u64, Vec<IVec>)>,
    current: Option<(u64, Pack)>,
}

impl Iterator for Scan {
    type Item = Result<(u64, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.end {
            return None;
        }
        let index = self.next;
        let entry = self.entry(index);
        self.next = match entry {
            Ok(_) => index + 1,
            Err(_) => pack::first_of(index) + PACK_ENTRIES,
        };
        Some(entry.map(|entry| (index, entry)))
    }
}

impl Scan {
    fn entry(&mut self, index: u64) -> Result<Vec<u8>, ReadError> {
        let first = pack::first_of(index);
        if let Some((_, current)) = self.current.as_ref().filter(|(current, _)| *current == first) {
            return current.entry(index - first).map(<[u8]>::to_vec).ok_or(ReadError::Damaged { index });
        }
        match self.store.inner.tail_entry(index) {
            TailEntry::Here(entry) => return Ok(entry),
            TailEntry::Beyond => return Err(ReadError::Damaged { index }),
            TailEntry::Packed => {}
        }
        if self.packs.as_slice().is_empty() {
            self.packs = self.store.inner.read_ahead(index)?.into_iter();
        }
        let (found, parts) = self.packs.next().ok_or(ReadError::Damaged { index })?;
        if found != first {
            self.packs = Vec::new().into_iter();
            return Err(ReadError::Damaged { index });
        }
        let value = value::unseal(&pack::key(first), &parts).map_err(|error| entry_error(error, index))?;
        let pack = whole_pack(value).ok_or(ReadError::Damaged { index })?;
        let entry = pack.entry(index - first).map(<[u8]>::to_vec).ok_or(ReadError::Damaged { index });
        self.current = Some((first, pack));
        entry
    }
}

struct Inner {
    directory: PathBuf,
    entries_per_shelf: u64,
    shelf_cache_bytes: u64,
    cache: PackCache,
    /// The last one is written to, the others are full and open only while they are read.
    shelves: RwLock<Vec<Arc<Shelf>>>,
    /// The full shelves that are open, in the order of their opening.
    opened: Mutex<VecDeque<Arc<Shelf>>>,
    index_shelf: Shelf,
    terms: Index,
    claims: Index,
    tail: RwLock<Tail>,
    durable: AtomicU64,
    writer: Mutex<Compressor<'static>>,
    failed: Arc<AtomicBool>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("directory", &self.directory).finish_non_exhaustive()
    }
}

/// The open pack: entries that do not fill one yet.
#[derive(Debug)]
struct Tail {
    first: u64,
    entries: Vec<Vec<u8>>,
}

impl Tail {
    fn end(&self) -> u64 {
        self.first + u64::try_from(self.entries.len()).unwrap_or(0)
    }
}

enum TailEntry {
    Here(Vec<u8>),
    Packed,
    Beyond,
}

impl Inner {
    fn begin_write(&self) -> Result<MutexGuard<'_, Compressor<'static>>, WriteError> {
        let guard = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failed.load(Ordering::Acquire) { Err(WriteError::Failed) } else { Ok(guard) }
    }

    fn finish_write(&self, outcome: Result<(), WriteError>) -> Result<(), WriteError> {
        if let Err(WriteError::Damaged | WriteError::Storage(_)) = outcome {
            self.failed.store(true, Ordering::Release);
        }
        outcome
    }

    fn append_entries(&self, items: &[Item<'_>], compressor: &mut Compressor<'static>) -> Result<(), WriteError> {
        let mut items = items.iter();
        while !items.as_slice().is_empty() {
            let full = {
                let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
                let room = PACK_ENTRIES - (tail.end() - tail.first);
                let room = usize::try_from(room).unwrap_or(0);
                tail.entries.extend(items.by_ref().take(room).map(|item| item.bytes.to_vec()));
                tail.end() - tail.first == PACK_ENTRIES
            };
            if full {
                self.write_pack(compressor)?;
            }
        }
        Ok(())
    }

    /// Writes the open pack, then lets go of it: a reader finds an entry in one place or the other.
    fn write_pack(&self, compressor: &mut Compressor<'static>) -> Result<(), WriteError> {
        let (first, raw) = {
            let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
            (tail.first, pack::encode(tail.entries.iter().map(Vec::as_slice)))
        };
        let parts = value::seal(&pack::key(first), PACK_ENTRIES, &raw, Coding::Zstd(compressor));
        let parts = parts.map_err(WriteError::Storage)?;
        let shelf = self.shelf_of(first).ok_or(WriteError::Failed)?;
        shelf.write(Table::Packs, |tree| value::write(tree, parts))?;

        let next = first + PACK_ENTRIES;
        if next.is_multiple_of(self.entries_per_shelf) {
            self.begin_shelf(&shelf, next)?;
        }
        let mut tail = self.tail.write().unwrap_or_else(PoisonError::into_inner);
        *tail = Tail { first: next, entries: Vec::with_capacity(tail.entries.len()) };
        Ok(())
    }

    /// Reopens the full shelf once, so that it has its snapshot, and begins the next.
    fn begin_shelf(&self, full: &Arc<Shelf>, first: u64) -> Result<(), WriteError> {
        seal_shelf(full)?;
        self.durable.store(first, Ordering::Release);
        let path = self.directory.join(shelf_name(first / self.entries_per_shelf));
        let next = Shelf::new(path, SHELF_TABLES, self.shelf_cache_bytes, &self.failed);
        next.open().map_err(|error| WriteError::Storage(io::Error::other(error)))?;
        self.shelves.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(next));
        self.note_opened(full);
        Ok(())
    }

    fn add_terms(&self, first: u64, items: &[Item<'_>]) -> Result<(), WriteError> {
        self.terms.add(&self.index_shelf, first, items.iter().map(|item| item.terms))?;
        self.claims.add(&self.index_shelf, first, items.iter().map(|item| item.claims))
    }

    /// Entries before the indexes that name them, so that no run outlives its entries.
    fn flush(&self) -> Result<(), WriteError> {
        let packed = self.tail.read().unwrap_or_else(PoisonError::into_inner).first;
        let active = self.shelves.read().unwrap_or_else(PoisonError::into_inner).last().map(Arc::clone);
        if let Some(active) = active {
            active.flush()?;
            self.durable.store(packed, Ordering::Release);
            active.reopen_in_time()?;
        }
        self.index_shelf.flush()?;
        self.terms.remove_replaced(&self.index_shelf)?;
        self.claims.remove_replaced(&self.index_shelf)?;
        self.index_shelf.reopen_in_time()
    }

    fn find(
        &self,
        index: &Index,
        term: Term,
        range: Range<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<u64>, ReadError> {
        // After a crash a run may be ahead of the entries; they are being supplied again.
        let end = self.tail.read().unwrap_or_else(PoisonError::into_inner).end();
        let range = range.start..range.end.min(end);
        let found = index.find(&self.index_shelf, term, &range, direction, limit);
        found.map_err(|error| value_error(error, || "index".to_owned()))
    }

    fn tail_entry(&self, index: u64) -> TailEntry {
        let tail = self.tail.read().unwrap_or_else(PoisonError::into_inner);
        let Some(place) = index.checked_sub(tail.first) else {
            return TailEntry::Packed;
        };
        match usize::try_from(place).ok().and_then(|place| tail.entries.get(place)) {
            Some(entry) => TailEntry::Here(entry.clone()),
            None => TailEntry::Beyond,
        }
    }

    fn read_pack(&self, index: u64) -> Result<Pack, ReadError> {
        let key = pack::key(pack::first_of(index));
        let value = self.read_shelf(index, |tree| value::read(tree, &key))?;
        value.and_then(whole_pack).ok_or(ReadError::Damaged { index })
    }

    /// Returns the parts of some packs from the one of entry `index` on, as they are stored.
    fn read_ahead(&self, index: u64) -> Result<Vec<(u64, Vec<IVec>)>, ReadError> {
        let key = pack::key(pack::first_of(index));
        self.read_shelf(index, |tree| {
            let mut packs: Vec<(u64, Vec<IVec>)> = Vec::with_capacity(READ_AHEAD_PACKS);
            for pair in tree.range(key..) {
                let (key, value) = pair?;
                let (first, part) = key.split_first_chunk().ok_or(ValueError::Damaged)?;
                let first = u64::from_be_bytes(*first);
                if part.is_empty() {
                    if packs.len() == READ_AHEAD_PACKS {
                        break;
                    }
                    packs.push((first, vec![value]));
                    continue;
                }
                match packs.last_mut() {
                    Some((last, parts)) if *last == first => parts.push(value),
                    // Parts without their part 0: a pack that is just being written.
                    Some(_) | None => break,
                }
            }
            Ok(packs)
        })
    }

    fn read_shelf<T>(&self, index: u64, work: impl Fn(&sled::Tree) -> Result<T, ValueError>) -> Result<T, ReadError> {
        let shelf = self.shelf_of(index).ok_or(ReadError::Damaged { index })?;
        loop {
            match shelf.open() {
                Ok(true) => self.note_opened(&shelf),
                Ok(false) => {}
                Err(OpenError::Io { source, .. }) => return Err(ReadError::Storage(source)),
                Err(_) => return Err(ReadError::Damaged { index }),
            }
            // Between the two another reader may have closed it to open a third.
            if let Some(outcome) = shelf.read_if_open(Table::Packs, &work) {
                if shelf.reads() >= FULL_SHELF_READS_MAX {
                    self.close_full(&shelf);
                }
                return outcome.map_err(|error| entry_error(error, index));
            }
        }
    }

    /// Keeps few full shelves open; the one opened first is closed.
    fn note_opened(&self, shelf: &Arc<Shelf>) {
        let surplus = {
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            opened.push_back(Arc::clone(shelf));
            if opened.len() > FULL_SHELVES_OPEN { opened.pop_front() } else { None }
        };
        if let Some(surplus) = surplus {
            surplus.close();
        }
    }

    /// Closes a full shelf, which lets go of the memory that reading has taken; the next read opens it again.
    fn close_full(&self, shelf: &Arc<Shelf>) {
        let full = {
            let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
            let place = opened.iter().position(|other| Arc::ptr_eq(other, shelf));
            place.and_then(|place| opened.remove(place))
        };
        if let Some(full) = full {
            full.close();
        }
    }

    fn shelf_of(&self, index: u64) -> Option<Arc<Shelf>> {
        let number = usize::try_from(index / self.entries_per_shelf).ok()?;
        self.shelves.read().unwrap_or_else(PoisonError::into_inner).get(number).map(Arc::clone)
    }
}

/// What `format.json` says: without it nothing in the directory counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Format {
    format: u32,
    entries_per_shelf: u64,
}

impl Format {
    fn open(directory: &Path, options: Options) -> Result<Self, OpenError> {
        let path = directory.join(FORMAT);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Self::create(directory, options).map_err(|source| io_error(directory, source));
            }
            Err(source) => return Err(io_error(&path, source)),
        };
        let format: Option<Self> = serde_json::from_slice(&text).ok();
        let known = format.filter(|format| format.format == VERSION && format.entries_per_shelf > 0);
        known.ok_or_else(|| OpenError::Format { path: directory.to_owned() })
    }

    fn create(directory: &Path, options: Options) -> io::Result<Self> {
        let whole_packs = options.entries_per_shelf > 0 && options.entries_per_shelf.is_multiple_of(PACK_ENTRIES);
        if !whole_packs {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "entries per shelf are not a multiple of 32"));
        }
        Store::wipe(directory)?;
        fs::create_dir_all(directory)?;
        let format = Self { format: VERSION, entries_per_shelf: options.entries_per_shelf };
        write_synced(&directory.join(FORMAT), &serde_json::to_vec(&format)?)?;
        Ok(format)
    }
}

/// Opens the shelf that is written to, and tells how many entries there are.
///
/// The full shelves before it are opened when somebody reads them.
fn open_shelves(
    directory: &Path,
    format: Format,
    cache_bytes: u64,
    failed: &Arc<AtomicBool>,
) -> Result<(Vec<Arc<Shelf>>, u64), OpenError> {
    let mut shelves = Vec::new();
    let mut number = 0;
    loop {
        let path = directory.join(shelf_name(number));
        let shelf = Arc::new(Shelf::new(path.clone(), SHELF_TABLES, cache_bytes, failed));
        shelves.push(Arc::clone(&shelf));
        let first = number * format.entries_per_shelf;
        number += 1;
        if path.join(FULL).exists() {
            continue;
        }
        shelf.open()?;
        let end = trim(&shelf, first, format.entries_per_shelf)?;
        if end < first + format.entries_per_shelf {
            if directory.join(shelf_name(number)).exists() {
                let reason = format!("it ends at entry {end} and another shelf follows");
                return Err(OpenError::Damaged { path, reason });
            }
            return Ok((shelves, end));
        }
        // A crash came between filling the shelf and sealing it.
        seal_shelf(&shelf).map_err(|error| open_error(&shelf, error))?;
        shelf.close();
    }
}

/// Returns the index behind the last sound pack of a shelf, after removing whatever comes behind a hole.
///
/// A power cut may leave holes in what was written since the last flush; only the last packs are looked at.
fn trim(shelf: &Shelf, first: u64, entries: u64) -> Result<u64, OpenError> {
    let read = |error| open_error(shelf, WriteError::from(error));
    let last = shelf.read(Table::Packs, |tree| Ok(tree.last()?)).map_err(read)?;
    let Some((last, _)) = last else {
        return Ok(first);
    };
    let last = last.first_chunk().map(|last| u64::from_be_bytes(*last));
    let last = last.filter(|last| (first..first + entries).contains(last) && last.is_multiple_of(PACK_ENTRIES));
    let last = last.ok_or_else(|| open_error(shelf, WriteError::Damaged))?;

    let mut next = first.max(last.saturating_sub(TRIM_PACKS * PACK_ENTRIES));
    while next <= last {
        let value = shelf.read(Table::Packs, |tree| value::read(tree, &pack::key(next)));
        let sound = match value {
            Ok(value) => value.and_then(whole_pack).is_some(),
            Err(ValueError::Damaged) => false,
            Err(error) => return Err(read(error)),
        };
        if !sound {
            break;
        }
        next += PACK_ENTRIES;
    }
    if next <= last {
        remove_from(shelf, next).map_err(|error| open_error(shelf, error))?;
    }
    Ok(next)
}

fn remove_from(shelf: &Shelf, first: u64) -> Result<(), WriteError> {
    loop {
        let mut removed = 0;
        shelf.write(Table::Packs, |tree| {
            let mut batch = sled::Batch::default();
            for key in tree.range(pack::key(first)..).keys().take(value::BATCH_KEYS_MAX) {
                let key = key?;
                removed += value::weight(&key, &[]);
                batch.remove(key);
            }
            tree.apply_batch(batch)?;
            Ok(removed)
        })?;
        if removed == 0 {
            return shelf.flush();
        }
    }
}

fn seal_shelf(shelf: &Shelf) -> Result<(), WriteError> {
    shelf.reopen()?;
    write_synced(&shelf.path().join(FULL), b"").map_err(WriteError::Storage)
}

fn whole_pack(value: value::Value) -> Option<Pack> {
    Pack::parse(value.bytes, value.tag).filter(|_| value.tag == PACK_ENTRIES)
}

fn in_order(expected: u64, got: u64) -> Result<(), WriteError> {
    if expected == got { Ok(()) } else { Err(WriteError::Order { expected, got }) }
}

/// Writes a file that is there whole or not at all.
fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension("new");
    let mut file = File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    path.parent().map_or(Ok(()), sync_directory)
}

fn remove_if_there(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn shelf_name(number: u64) -> String {
    format!("{SHELF}{number:06}")
}

fn entry_error(error: ValueError, index: u64) -> ReadError {
    match error {
        ValueError::Damaged => ReadError::Damaged { index },
        ValueError::Io(error) => ReadError::Storage(error),
    }
}

fn value_error(error: ValueError, what: impl FnOnce() -> String) -> ReadError {
    match error {
        ValueError::Damaged => ReadError::DamagedValue { what: what() },
        ValueError::Io(error) => ReadError::Storage(error),
    }
}

fn open_error(shelf: &Shelf, error: WriteError) -> OpenError {
    let path = shelf.path().to_owned();
    match error {
        WriteError::Storage(source) => OpenError::Io { path, source },
        error => OpenError::Damaged { path, reason: error.to_string() },
    }
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

const VERSION: u32 = 1;
const FORMAT: &str = "format.json";
const INDEX: &str = "index";
const SHELF: &str = "shelf-";
const FULL: &str = "full";
const SHELF_TABLES: &[Table] = &[Table::Packs];
const INDEX_TABLES: &[Table] = &[Table::Terms, Table::Claims, Table::Tiles, Table::Documents, Table::Small];

/// The fastest level: higher ones cost several times as much for a tenth less disk.
const COMPRESSION_LEVEL: i32 = 1;

/// Each sled directory caches this part, and takes several times as much: unpacked entries are worth more.
const SLED_SHARE: u64 = 32;

/// Each full shelf that is open has a thread and a cache of its own.
const FULL_SHELVES_OPEN: usize = 4;

/// How many reads may go by before a full shelf is closed: opening it costs some milliseconds.
const FULL_SHELF_READS_MAX: u64 = 1024;

/// A leaf of sled holds eight packs or more.
const READ_AHEAD_PACKS: usize = 16;

/// More than is ever appended between two flushes.
const TRIM_PACKS: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own for one test, removed at its end.
    pub(crate) struct Directory(PathBuf);

    impl Directory {
        pub(crate) fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("dossier-store-{}-{name}", std::process::id()));
            remove_if_there(fs::remove_dir_all(&path)).unwrap();
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        pub(crate) fn path(&self) -> &Path {
            &self.0
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            remove_if_there(fs::remove_dir_all(&self.0)).unwrap();
        }
    }

    const SMALL: Options = Options { cache_bytes: 4 << 20, entries_per_shelf: 1_024 };

    struct Sample {
        bytes: Vec<u8>,
        terms: [Term; 2],
        claims: [Term; 1],
    }

    /// The entry every test expects at an index; some compress well, some not, one in a hundred is large.
    fn sample(index: u64) -> Sample {
        let mut noise = vec![0; if index % 100 == 99 { 40_000 } else { 60 }];
        blake3::Hasher::new().update(&index.to_be_bytes()).finalize_xof().fill(&mut noise);
        let bytes =
            [format!("{{\"index\":{index},\"padding\":\"the same words every time\"}}").as_bytes(), &noise].concat();
        Sample { bytes, terms: [stream(index % 10), stream(1_000 + index / 50)], claims: [claim(index)] }
    }

    fn stream(number: u64) -> Term {
        hash(&[1, number])
    }

    fn claim(number: u64) -> Term {
        hash(&[2, number])
    }

    fn hash(numbers: &[u64]) -> Term {
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
        u64::from_be_bytes(*blake3::hash(&bytes).as_bytes().first_chunk().unwrap())
    }

    fn with_items(indexes: Range<u64>, work: impl FnOnce(&[Item<'_>])) {
        let samples: Vec<Sample> = indexes.map(sample).collect();
        let items = samples.iter().map(|one| Item { bytes: &one.bytes, terms: &one.terms, claims: &one.claims });
        work(&items.collect::<Vec<_>>());
    }

    fn append(store: &Store, indexes: Range<u64>) {
        with_items(indexes.clone(), |items| store.append(indexes.start, items).unwrap());
    }

    fn check(store: &Store, len: u64) {
        assert_eq!(store.len(), len);
        assert_eq!(store.indexed_len(), len);
        let scanned: Vec<(u64, Vec<u8>)> = store.scan(0..u64::MAX).map(Result::unwrap).collect();
        let expected: Vec<(u64, Vec<u8>)> = (0..len).map(|index| (index, sample(index).bytes)).collect();
        assert!(scanned == expected);
        for index in (0..len).step_by(37) {
            assert_eq!(store.entry(index).unwrap(), Some(sample(index).bytes));
            assert_eq!(store.claimed(claim(index)).unwrap(), Some(index));
        }
        assert_eq!(store.entry(len).unwrap(), None);
        assert_eq!(store.claimed(claim(len)).unwrap(), None);
        let mut third: Vec<u64> = (0..len).filter(|index| index % 10 == 3).collect();
        assert_eq!(store.postings(stream(3), 0..u64::MAX, Direction::Ascending, usize::MAX).unwrap(), third);
        third.reverse();
        assert_eq!(store.postings(stream(3), 0..u64::MAX, Direction::Descending, usize::MAX).unwrap(), third);
    }

    fn supply_again(store: &Store, len: u64) {
        let (indexed, kept) = (store.indexed_len(), store.len());
        with_items(indexed..kept, |items| store.reindex(indexed, items).unwrap());
        append(store, kept..len);
    }

    #[test]
    fn entries_terms_and_claims_are_found_before_and_after_reopening() {
        let directory = Directory::new("all");
        let store = Store::open(directory.path(), SMALL).unwrap();
        let len = 20_010;
        for first in (0..len).step_by(70) {
            append(&store, first..(first + 70).min(len));
        }
        check(&store, len);
        assert_eq!(store.durable_len(), 20_000 / 1_024 * 1_024);
        store.flush().unwrap();
        assert_eq!(store.durable_len(), 20_000);
        drop(store);

        let store = Store::open(directory.path(), SMALL).unwrap();
        assert_eq!((store.len(), store.durable_len(), store.indexed_len()), (20_000, 20_000, 16_384));
        supply_again(&store, len);
        check(&store, len);
    }

    #[test]
    fn a_store_that_was_not_flushed_opens_with_less_and_takes_the_rest_again() {
        let directory = Directory::new("crash");
        let copy = Directory::new("crash-copy");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..500);
        store.flush().unwrap();
        append(&store, 500..700);
        copy_directory(directory.path(), copy.path());

        let store = Store::open(copy.path(), SMALL).unwrap();
        assert!((480..=700).contains(&store.len()), "{}", store.len());
        supply_again(&store, 900);
        check(&store, 900);
    }

    #[test]
    fn entries_out_of_order_or_too_large_are_refused_and_nothing_is_written() {
        let directory = Directory::new("order");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..10);
        with_items(11..12, |items| {
            assert!(matches!(store.append(11, items), Err(WriteError::Order { expected: 10, got: 11 })));
            assert!(matches!(store.reindex(10, items), Err(WriteError::Order { .. })));
        });
        let large = vec![0; 65_536];
        let items =
            [Item { bytes: &large[1..], terms: &[], claims: &[] }, Item { bytes: &large, terms: &[], claims: &[] }];
        assert!(matches!(store.append(10, &items), Err(WriteError::TooLarge { bytes: 65_536 })));
        assert_eq!(store.len(), 10);
        append(&store, 10..20);
        check(&store, 20);
    }

    #[test]
    fn the_last_claim_counts() {
        let directory = Directory::new("claims");
        let store = Store::open(directory.path(), SMALL).unwrap();
        let items = [Item { bytes: b"entry", terms: &[], claims: &[5] }; 3];
        store.append(0, &items).unwrap();
        assert_eq!(store.claimed(5).unwrap(), Some(2));
        assert_eq!(store.claimed(6).unwrap(), None);
    }

    #[test]
    fn a_pack_that_is_lost_or_altered_is_damage_and_not_absence() {
        let directory = Directory::new("damage");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..200);
        let shelf = store.inner.shelf_of(0).unwrap();
        let tamper = |work: &dyn Fn(&sled::Tree)| {
            shelf.write(Table::Packs, |tree| {
                work(tree);
                Ok(0)
            })
        };
        tamper(&|tree| drop(tree.remove(pack::key(64)).unwrap())).unwrap();
        let altered = |tree: &sled::Tree| {
            let other = tree.get(pack::key(0)).unwrap().unwrap();
            tree.insert(pack::key(32), other).unwrap();
        };
        tamper(&|tree| altered(tree)).unwrap();

        for index in [32, 63, 64, 95] {
            assert!(matches!(store.entry(index), Err(ReadError::Damaged { index: told }) if told == index));
        }
        let scanned: Vec<_> = store.scan(0..200).collect();
        assert_eq!(scanned.iter().filter(|entry| entry.is_err()).count(), 2);
        assert_eq!(scanned.len(), 200 - 64 + 2);
    }

    #[test]
    fn what_comes_behind_a_hole_at_the_end_is_dropped_at_the_opening() {
        let directory = Directory::new("hole");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..400);
        let shelf = store.inner.shelf_of(0).unwrap();
        shelf.write(Table::Packs, |tree| tree.remove(pack::key(320)).map(|_| 0)).unwrap();
        store.flush().unwrap();
        drop((store, shelf));
        let store = Store::open(directory.path(), SMALL).unwrap();
        assert_eq!(store.len(), 320);
        supply_again(&store, 400);
        check(&store, 400);
    }

    #[test]
    fn documents_tiles_and_small_values_are_replaced_kept_and_dropped() {
        let directory = Directory::new("documents");
        let store = Store::open(directory.path(), SMALL).unwrap();
        let mut noise = vec![0; 3_000_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        let sizes = [30_000, 10, 3_000_000, 1_000_000, 0, 3_000_000, 100];
        for (index, size) in (0_u64..).zip(sizes) {
            store.put_document("card/C-1", index, &noise[..size]).unwrap();
            assert_eq!(store.document("card/C-1").unwrap(), Some((index, noise[..size].to_vec())));
        }
        let keys: Vec<String> = (0..600).map(|number| format!("card/C-{number}")).collect();
        let documents = keys.iter().map(|key| Document { key, index: 9, bytes: key.as_bytes() });
        store.put_documents(&documents.collect::<Vec<_>>()).unwrap();
        store.put_tile(1, 2, &noise[..8192]).unwrap();
        store.put_meta("head", b"one").unwrap();
        store.put_meta("head", b"two").unwrap();
        assert!(matches!(store.put_tile(1, 2, b"short"), Err(WriteError::TooLarge { bytes: 5 })));
        store.flush().unwrap();
        drop(store);

        let store = Store::open(directory.path(), SMALL).unwrap();
        for key in &keys {
            assert_eq!(store.document(key).unwrap(), Some((9, key.clone().into_bytes())));
        }
        assert_eq!(store.tile(1, 2).unwrap(), Some(noise[..8192].to_vec()));
        assert_eq!(store.tile(1, 3).unwrap(), None);
        assert_eq!(store.meta("head").unwrap(), Some(b"two".to_vec()));
        assert_eq!(store.meta("tail").unwrap(), None);
        store.drop_documents().unwrap();
        assert_eq!(store.document("card/C-1").unwrap(), None);
        store.put_document("card/C-1", 1, b"new").unwrap();
        assert_eq!(store.document("card/C-1").unwrap(), Some((1, b"new".to_vec())));
    }

    #[test]
    fn another_format_is_refused_and_a_wiped_store_is_empty() {
        let directory = Directory::new("format");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..100);
        store.flush().unwrap();
        drop(store);
        fs::write(directory.path().join(FORMAT), br#"{"format":2,"entries_per_shelf":1024}"#).unwrap();
        assert!(matches!(Store::open(directory.path(), SMALL), Err(OpenError::Format { .. })));
        fs::write(directory.path().join("neighbor"), b"stays").unwrap();
        Store::wipe(directory.path()).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
        let store = Store::open(directory.path(), SMALL).unwrap();
        assert!(store.is_empty());
        append(&store, 0..40);
        check(&store, 40);
    }

    #[test]
    fn a_broken_log_is_damage_or_less_and_never_a_panic() {
        let directory = Directory::new("broken");
        let store = Store::open(directory.path(), SMALL).unwrap();
        append(&store, 0..900);
        store.flush().unwrap();
        drop(store);
        let db = directory.path().join("shelf-000000/db");
        let mut bytes = fs::read(&db).unwrap();
        let middle = bytes.len() / 8;
        bytes[middle..middle + 4_096].fill(0xA5);
        fs::write(&db, bytes).unwrap();
        match Store::open(directory.path(), SMALL) {
            Ok(store) => {
                // sled may say nothing: then reading must, or the journal supplies the end again.
                let sound = store.scan(0..u64::MAX).flatten().filter(|(index, bytes)| *bytes == sample(*index).bytes);
                assert!(store.len() < 900 || u64::try_from(sound.count()).unwrap() < 900);
            }
            Err(error) => assert!(matches!(error, OpenError::Damaged { .. })),
        }
        Store::wipe(directory.path()).unwrap();
        append(&Store::open(directory.path(), SMALL).unwrap(), 0..40);
    }

    #[test]
    fn readers_find_every_entry_while_the_writer_appends_fills_shelves_and_reopens() {
        let directory = Directory::new("threads");
        let store = Store::open(directory.path(), SMALL).unwrap();
        let len = 6_000;
        std::thread::scope(|scope| {
            for thread in 0..3_u64 {
                let store = store.clone();
                scope.spawn(move || {
                    let mut step = thread;
                    while store.indexed_len() < len {
                        let end = store.indexed_len();
                        step += 1;
                        let index = hash(&[step]) % end.max(1);
                        if index < end {
                            assert_eq!(store.entry(index).unwrap(), Some(sample(index).bytes));
                            assert_eq!(store.scan(index..end).next().unwrap().unwrap().0, index);
                        }
                        let newest = store.postings(stream(3), 0..end, Direction::Descending, 1).unwrap();
                        assert!(end < 4 || newest[0] >= end - 10);
                    }
                });
            }
            for first in (0..len).step_by(50) {
                append(&store, first..first + 50);
                if first % 1_000 == 0 {
                    store.flush().unwrap();
                    store.inner.index_shelf.reopen().unwrap();
                }
            }
        });
        check(&store, len);
    }

    fn copy_directory(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for file in fs::read_dir(from).unwrap() {
            let file = file.unwrap();
            let target = to.join(file.file_name());
            if file.file_type().unwrap().is_dir() {
                copy_directory(&file.path(), &target);
            } else {
                fs::copy(file.path(), target).unwrap();
            }
        }
    }
}
