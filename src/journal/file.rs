//! The journal on this machine's disk: append-only segments, one write and one `fdatasync` for each block.
//!
//! ```text
//! <directory>/
//!   segments                       the list of full segments, see `list.rs`
//!   00000000000000000000.djz       a full one, recompressed, see `recompressed.rs`
//!   00000000000000005120.djb       a full one: frames without anything between them, see `block.rs`
//!   00000000000000009984.djb       the one being written, not listed: it begins where the list ends
//!   forensic/                      what was cut off at a start
//! ```
//!
//! The file of the segment being written is longer than its blocks: zeros behind them are room for the next ones, so that making a block
//! durable need not make a new length of the file durable too. Without a crash the room is given back at the end.
//!
//! A segment becomes full when the next frame would make it longer than 64 MiB. Then, each step durable before the next: its file is cut
//! to its blocks; the list with it is written; the new file is created; the frame is written. A crash in between leaves no file where the
//! next segment begins, or one without a block; both are starts of the next segment.
//!
//! A start reads the list, compares the length of each file with it, and reads and checks only the segment being written: its cost is
//! bounded by the size of a segment, not of the journal. [`verify`] reads everything.

use crate::journal::block::{DecodeError, Decoder, Frame, Header};
use crate::journal::list::{self, Form, Listed};
use crate::journal::recompressed;
use crate::journal::segment::{self, Marks, ROOM_BYTES, SCAN_PIECE_BYTES, ScanError, Scanned, Step, Tail, Target};
use crate::journal::{
    AppendError, Blocks, CutTail, Damage, Flaw, Head, Journal, OpenError, Opened, ReadError, Reader, RecompressError,
    VerifyError, check_append,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// How a journal directory is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Length in bytes beyond which no frame is added to a segment.
    pub segment_bytes: u64,
    /// Count of entries that a signed checkpoint covers: fewer are not accepted, and nothing before it is ever cut.
    pub minimum_index: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 64 * 1024 * 1024, minimum_index: 0 }
    }
}

/// A journal in a directory.
///
/// Whoever opens it has seen to it that nobody else has it open.
pub struct FileJournal {
    shared: Arc<Shared>,
    segment_bytes: u64,
    head: Head,
    active: Option<Active>,
    poisoned: bool,
}

/// The segment being written.
struct Active {
    file: Box<dyn Writable>,
    start: Head,
    /// The length of its blocks.
    length: u64,
    /// The length the file was given in advance; less than `length` where it could not be.
    room: u64,
    /// Has taken in every byte of the blocks.
    hasher: blake3::Hasher,
}

impl Active {
    /// Writes a frame behind the others and makes it durable.
    fn append(&mut self, frame: &[u8]) -> io::Result<()> {
        let end = self.length.saturating_add(u64::try_from(frame.len()).unwrap_or(u64::MAX));
        // A file that cannot be made longer in advance grows with its blocks.
        if end > self.room && self.file.resize(end.saturating_add(ROOM_BYTES)).is_ok() {
            self.room = end.saturating_add(ROOM_BYTES);
        }
        self.file.write(frame, self.length)?;
        self.file.sync()?;
        self.hasher.update(frame);
        self.length = end;
        Ok(())
    }

    /// Gives back the room behind the blocks.
    fn trim(&mut self) -> io::Result<()> {
        if self.room > self.length {
            self.file.resize(self.length)?;
            self.file.sync()?;
            self.room = self.length;
        }
        Ok(())
    }
}

/// The calls by which bytes become durable; small enough for a failing disk to stand in.
trait Writable: Send {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;
    fn resize(&mut self, bytes: u64) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

impl Writable for File {
    fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn resize(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

impl FileJournal {
    /// Opens the journal of a directory, or begins one there.
    ///
    /// After `Damaged` and `BehindCheckpoint` nothing has been modified. Otherwise an incomplete last block, if there was one, has been
    /// copied to `forensic/`, synced, cut and reported, and every block that can now be read is durable.
    pub fn open(directory: &Path, options: &Options) -> Result<(Self, Opened), OpenError> {
        let survey = Survey::take(directory)?;
        let mut unsure_from = None;
        let scanned = survey.scan_active(directory, |offset, frame| {
            let header = frame.header();
            if header.first_index >= options.minimum_index || header.next_index() > options.minimum_index {
                unsure_from.get_or_insert(offset);
            }
        })?;
        if scanned.head.next_index < options.minimum_index {
            return Err(OpenError::BehindCheckpoint {
                readable_index: scanned.head.next_index,
                minimum_index: options.minimum_index,
            });
        }
        // Nothing has been modified up to here.
        create_directory(directory)?;
        for leftover in &survey.leftovers {
            fs::remove_file(directory.join(leftover))?;
        }
        let mut opened = Opened::default();
        let mut active = None;
        if survey.active {
            let name = list::file_name(Form::Plain, survey.end.next_block);
            let file = OpenOptions::new().read(true).write(true).open(directory.join(&name))?;
            if let Some(tail) = scanned.tail {
                opened.cut = Some(cut(directory, &name, &file, &scanned, &tail)?);
            }
            write_again(&file, unsure_from.unwrap_or(scanned.length), scanned.length)?;
            active = Some(Active {
                room: file.metadata()?.len(),
                file: Box::new(file),
                start: survey.end,
                length: scanned.length,
                hasher: scanned.hasher,
            });
        }
        list::sync_directory(directory)?;
        let seen = survey.active.then_some(Seen { start: survey.end, length: scanned.length, marks: scanned.marks });
        let full = survey.listed.into_iter().map(|listed| Arc::new(Full::new(listed))).collect();
        let shared = Arc::new(Shared {
            directory: directory.to_path_buf(),
            table: RwLock::new(Table { full, seen, head: scanned.head }),
            listing: Mutex::new(()),
        });
        let segment_bytes = options.segment_bytes.min(u64::from(u32::MAX));
        Ok((Self { shared, segment_bytes, head: scanned.head, active, poisoned: false }, opened))
    }

    /// Returns what recompresses full segments, for a thread that nobody waits for.
    #[must_use]
    pub fn recompressor(&self) -> Recompressor {
        Recompressor { shared: Arc::clone(&self.shared) }
    }

    fn write(&mut self, frame: &[u8], next: Head, header: &Header) -> io::Result<()> {
        let frame_bytes = u64::from(header.frame_bytes);
        let full =
            |active: &Active| active.length > 0 && active.length.saturating_add(frame_bytes) > self.segment_bytes;
        let mut active = match self.active.take() {
            Some(mut active) if full(&active) => {
                active.trim()?;
                self.shared.close(&active, self.head)?;
                self.shared.begin(self.head)?
            }
            Some(active) => active,
            None => self.shared.begin(self.head)?,
        };
        let offset = active.length;
        active.append(frame)?;
        self.shared.publish(&active, offset, header, next);
        self.active = Some(active);
        self.head = next;
        Ok(())
    }
}

impl Drop for FileJournal {
    fn drop(&mut self) {
        // Zeros that stay are room again at the next start. What a failed append has left is for that start to judge.
        if let Some(active) = self.active.as_mut().filter(|_| !self.poisoned) {
            drop(active.trim());
        }
    }
}

impl Journal for FileJournal {
    fn append(&mut self, expected_block: u64, frame: &[u8]) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let (header, next) = check_append(&self.head, expected_block, frame)?;
        // Whatever ends the next line early leaves the journal poisoned, a panic included.
        self.poisoned = true;
        self.write(frame, next, &header).map_err(AppendError::Io)?;
        self.poisoned = false;
        Ok(())
    }

    fn head(&self) -> Head {
        self.head
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(FileReader { shared: Arc::clone(&self.shared) })
    }
}

/// Recompresses full segments of one journal, beside its writer and its readers.
#[derive(Clone)]
pub struct Recompressor {
    shared: Arc<Shared>,
}

impl Recompressor {
    /// Recompresses the oldest full segment that still stands as it was written; says whether there was one.
    ///
    /// Works for seconds on one segment and holds up the writer only while the list is written. The original is removed after the new
    /// file has been synced, read back block by block, and listed. A crash or an error at any point leaves the original listed, or
    /// the new file listed and the original as a leftover that the next start removes. One thread at a time.
    pub fn recompress_next(&self) -> Result<bool, RecompressError> {
        let plain = self.shared.read().full.iter().find(|full| full.listed.form == Form::Plain).map(Arc::clone);
        let Some(full) = plain else {
            return Ok(false);
        };
        let directory = &self.shared.directory;
        let original = &full.listed;
        let dense_name = list::file_name(Form::Dense, original.start.next_block);
        let new_path = directory.join(format!("{dense_name}{NEW_SUFFIX}"));
        let dense = recompress(directory, original, &new_path)?;
        fs::rename(&new_path, directory.join(&dense_name))?;
        list::sync_directory(directory)?;
        self.shared.replace(dense)?;
        fs::remove_file(directory.join(original.file_name()))?;
        list::sync_directory(directory)?;
        Ok(true)
    }
}

/// What a full check of a journal directory found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The head behind the last sound block.
    pub head: Head,
    /// What stands behind it and would be cut off at the next start; nobody was ever told that it was appended.
    pub incomplete: Option<CutTail>,
}

/// Reads every block from the segment of `from_block` on, checks it, the chain and the files' hashes, and shows it.
///
/// Modifies nothing. The chain is checked from the listed hash at the beginning of that segment; blocks before `from_block` are checked
/// and not shown. Meant for a directory at rest or a copy of one: the files of a live journal may change under it, which it may
/// report as damage.
pub fn verify(directory: &Path, from_block: u64, mut show: impl FnMut(&Frame)) -> Result<Verified, VerifyError> {
    let survey = Survey::take(directory)?;
    let mut show = |_: u64, frame: &Frame| {
        if frame.header().number >= from_block {
            show(frame);
        }
    };
    for listed in survey.listed.iter().filter(|listed| listed.end.next_block > from_block) {
        verify_segment(directory, listed, &mut show)?;
    }
    let scanned = survey.scan_active(directory, show)?;
    let file = list::file_name(Form::Plain, survey.end.next_block);
    let incomplete = scanned.tail.map(|tail| CutTail {
        file,
        offset: scanned.length,
        bytes: tail.bytes,
        block: scanned.head.next_block,
        flaw: tail.flaw,
        kept_at: None,
    });
    Ok(Verified { head: scanned.head, incomplete })
}

/// What writer, readers and recompressor share.
struct Shared {
    directory: PathBuf,
    table: RwLock<Table>,
    /// Held by whoever writes the list.
    listing: Mutex<()>,
}

/// The segments and how far they can be read: durable bytes only.
struct Table {
    full: Vec<Arc<Full>>,
    seen: Option<Seen>,
    head: Head,
}

/// A full segment.
struct Full {
    listed: Listed,
    /// Made at the first reading.
    map: Mutex<Option<Arc<Map>>>,
}

/// Where the blocks of a full segment lie.
enum Map {
    Plain(Marks),
    Dense(recompressed::Table),
}

/// What readers see of the segment being written.
struct Seen {
    start: Head,
    length: u64,
    marks: Marks,
}

impl Shared {
    fn read(&self) -> RwLockReadGuard<'_, Table> {
        // The table is changed by assignments that cannot panic half-way.
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn list(&self) -> MutexGuard<'_, ()> {
        self.listing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lists the segment being written as full.
    fn close(&self, active: &Active, end: Head) -> io::Result<()> {
        let hash = *active.hasher.finalize().as_bytes();
        let closed = Listed { form: Form::Plain, start: active.start, end, length: active.length, hash };
        let _listing = self.list();
        let mut full = self.read().full.clone();
        full.push(Arc::new(Full::new(closed)));
        list::write(&self.directory, full.iter().map(|full| &full.listed))?;
        let mut table = self.write();
        table.full = full;
        table.seen = None;
        Ok(())
    }

    /// Creates the next segment; its name is durable when this returns.
    fn begin(&self, start: Head) -> io::Result<Active> {
        let path = self.directory.join(list::file_name(Form::Plain, start.next_block));
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        list::sync_directory(&self.directory)?;
        Ok(Active { file: Box::new(file), start, length: 0, room: 0, hasher: blake3::Hasher::new() })
    }

    /// Shows a durable block to the readers.
    fn publish(&self, active: &Active, offset: u64, header: &Header, head: Head) {
        let mut table = self.write();
        let seen = table.seen.get_or_insert_with(|| Seen { start: active.start, length: 0, marks: Marks::default() });
        seen.marks.note(&active.start, header, offset);
        seen.length = active.length;
        table.head = head;
    }

    /// Lists a recompressed segment in place of its original.
    fn replace(&self, dense: Listed) -> io::Result<()> {
        let _listing = self.list();
        let mut full = self.read().full.clone();
        if let Some(place) = full.iter_mut().find(|full| full.listed.start == dense.start) {
            *place = Arc::new(Full::new(dense));
        }
        list::write(&self.directory, full.iter().map(|full| &full.listed))?;
        self.write().full = full;
        Ok(())
    }

    /// Opens the segment that holds the target, at a place not behind it; nothing if there is no such block or entry yet.
    fn locate(&self, target: Target, piece_bytes: usize) -> Result<Option<Cursor>, ReadError> {
        let mut attempts = 0;
        loop {
            match self.try_locate(target, piece_bytes) {
                // The segment was recompressed between looking it up and opening it.
                Err(ReadError::Damaged(Damage { flaw: Flaw::Missing, .. })) if attempts < LOCATE_AGAIN_MAX => {
                    attempts += 1;
                }
                other => return other,
            }
        }
    }

    fn try_locate(&self, target: Target, piece_bytes: usize) -> Result<Option<Cursor>, ReadError> {
        let full = {
            let table = self.read();
            let there = match target {
                Target::Block(number) => number < table.head.next_block,
                Target::Index(index) => index < table.head.next_index,
            };
            if !there {
                return Ok(None);
            }
            let seen = table.seen.as_ref().filter(|seen| !starts_behind(&seen.start, target));
            if let Some(Seen { start, length, marks }) = seen {
                let (start, length, offset) = (*start, *length, marks.before(start, target));
                drop(table);
                let name = list::file_name(Form::Plain, start.next_block);
                let file = open_segment(&self.directory, &name, &start)?;
                let walk = Walk::Plain(segment::Walk::new(file, offset, length, piece_bytes), Decoder::new());
                return Ok(Some(Cursor { name, start, walk }));
            }
            let count = table.full.partition_point(|full| !starts_behind(&full.listed.start, target));
            count.checked_sub(1).and_then(|last| table.full.get(last)).map(Arc::clone)
        };
        let Some(full) = full else {
            return Ok(None);
        };
        let listed = &full.listed;
        let name = listed.file_name();
        let map = full.map(&self.directory)?;
        let file = open_segment(&self.directory, &name, &listed.start)?;
        let walk = match &*map {
            Map::Plain(marks) => {
                let offset = marks.before(&listed.start, target);
                Walk::Plain(segment::Walk::new(file, offset, listed.length, piece_bytes), Decoder::new())
            }
            Map::Dense(table) => {
                Walk::Dense(Box::new(recompressed::Walk::new(file, table.before(target))), Arc::clone(&map))
            }
        };
        Ok(Some(Cursor { name, start: listed.start, walk }))
    }
}

impl Full {
    fn new(listed: Listed) -> Self {
        Self { listed, map: Mutex::new(None) }
    }

    fn map(&self, directory: &Path) -> Result<Arc<Map>, ReadError> {
        let mut held = self.map.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(map) = &*held {
            return Ok(Arc::clone(map));
        }
        let listed = &self.listed;
        let name = listed.file_name();
        let file = open_segment(directory, &name, &listed.start)?;
        let map = match listed.form {
            Form::Plain => segment::marks(file, &listed.start, listed.length).map(Map::Plain),
            Form::Dense => recompressed::Table::read(&file, listed.length).map(Map::Dense),
        };
        let map = Arc::new(map.map_err(|error| place(error, &name, &listed.start))?);
        *held = Some(Arc::clone(&map));
        Ok(map)
    }
}

/// A place in one segment from which blocks are read in order.
struct Cursor {
    name: String,
    start: Head,
    walk: Walk,
}

enum Walk {
    Plain(segment::Walk<File>, Decoder),
    Dense(Box<recompressed::Walk>, Arc<Map>),
}

impl Cursor {
    /// Returns the next block of the segment that is not before the target, or nothing at the segment's end.
    fn next(&mut self, target: Target) -> Result<Option<Frame>, ReadError> {
        let found = match &mut self.walk {
            Walk::Plain(walk, decoder) => next_plain(walk, decoder, target),
            Walk::Dense(walk, map) => match &**map {
                Map::Dense(table) => walk.next(table, target),
                Map::Plain(_) => Ok(None),
            },
        };
        found.map_err(|error| place(error, &self.name, &self.start))
    }

    fn damage(&self, first_bad_index: u64, flaw: Flaw) -> ReadError {
        let offset = match &self.walk {
            Walk::Plain(walk, _) => walk.offset(),
            Walk::Dense(walk, _) => walk.offset(),
        };
        ReadError::Damaged(Damage { file: self.name.clone(), offset, first_bad_index, flaw })
    }
}

fn next_plain(
    walk: &mut segment::Walk<File>,
    decoder: &mut Decoder,
    target: Target,
) -> Result<Option<Frame>, ScanError> {
    loop {
        let offset = walk.offset();
        let damaged = |flaw| ScanError::Damaged { offset, index: 0, flaw: Flaw::Block(flaw) };
        let (header, frame) = match walk.peek()? {
            Step::End => return Ok(None),
            Step::Bad(flaw) => return Err(damaged(flaw)),
            Step::Frame(header, _) if target.is_behind(&header) => (header, None),
            Step::Frame(header, bytes) => (header, Some(decoder.decode(bytes).map_err(damaged)?)),
        };
        walk.pass(&header);
        if frame.is_some() {
            return Ok(frame);
        }
    }
}

struct FileReader {
    shared: Arc<Shared>,
}

impl Reader for FileReader {
    fn head(&self) -> Head {
        self.shared.read().head
    }

    fn read(&self, from_block: u64) -> Blocks<'_> {
        Box::new(FileBlocks { shared: &self.shared, next: from_block, last: None, cursor: None, ended: false })
    }

    fn block_at_index(&self, index: u64) -> Result<Option<Frame>, ReadError> {
        let target = Target::Index(index);
        let Some(mut cursor) = self.shared.locate(target, RANDOM_PIECE_BYTES)? else {
            return Ok(None);
        };
        match cursor.next(target)? {
            Some(frame) if target.is(frame.header()) => Ok(Some(frame)),
            _ => Err(cursor.damage(index, Flaw::Chain)),
        }
    }
}

struct FileBlocks<'a> {
    shared: &'a Shared,
    next: u64,
    /// The head behind the last block that was returned.
    last: Option<Head>,
    cursor: Option<Cursor>,
    ended: bool,
}

impl FileBlocks<'_> {
    fn step(&mut self) -> Result<Option<Frame>, ReadError> {
        let target = Target::Block(self.next);
        let mut located = false;
        loop {
            let mut cursor = match self.cursor.take() {
                Some(cursor) => cursor,
                None => match self.shared.locate(target, SEQUENTIAL_PIECE_BYTES)? {
                    Some(cursor) => {
                        located = true;
                        cursor
                    }
                    None => return Ok(None),
                },
            };
            let first_bad_index = self.last.map_or(cursor.start.next_index, |last| last.next_index);
            let Some(frame) = cursor.next(target)? else {
                if located {
                    return Err(cursor.damage(first_bad_index, Flaw::Block(DecodeError::Incomplete)));
                }
                continue;
            };
            let header = *frame.header();
            let expected = self.last.unwrap_or(Head {
                next_block: self.next,
                next_index: header.first_index,
                last_frame_hash: header.previous,
            });
            let Some(after) = expected.follow(&header) else {
                return Err(cursor.damage(first_bad_index, Flaw::Chain));
            };
            self.last = Some(after);
            self.next = after.next_block;
            self.cursor = Some(cursor);
            return Ok(Some(frame));
        }
    }
}

impl Iterator for FileBlocks<'_> {
    type Item = Result<Frame, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// What stands in a journal directory, as far as names, lengths and the list tell.
struct Survey {
    listed: Vec<Listed>,
    /// The head behind the last listed segment, where the one being written begins.
    end: Head,
    /// Whether the segment being written has a file.
    active: bool,
    /// Files that a crash left and nobody needs.
    leftovers: Vec<String>,
}

impl Survey {
    fn take(directory: &Path) -> Result<Self, Problem> {
        let listed = match list::read(directory) {
            Ok(listed) => listed,
            Err(Some(error)) => return Err(error.into()),
            Err(None) => return Err(damage(list::FILE_NAME, 0, 0, Flaw::List).into()),
        };
        for segment in &listed {
            let name = segment.file_name();
            let flaw_at = match fs::metadata(directory.join(&name)) {
                Ok(metadata) if metadata.len() == segment.length => continue,
                Ok(metadata) => (Flaw::Length, metadata.len().min(segment.length)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (Flaw::Missing, 0),
                Err(error) => return Err(error.into()),
            };
            return Err(damage(&name, flaw_at.1, segment.start.next_index, flaw_at.0).into());
        }
        let end = listed.last().map_or(Head::EMPTY, |last| last.end);
        let mut survey = Self { listed, end, active: false, leftovers: Vec::new() };
        for name in names(directory)? {
            survey.judge(name)?;
        }
        Ok(survey)
    }

    fn judge(&mut self, name: String) -> Result<(), Damage> {
        let is_half_written = name == list::NEW_FILE_NAME
            || name.strip_suffix(NEW_SUFFIX).is_some_and(|name| list::parse_file_name(name).is_some());
        if is_half_written {
            self.leftovers.push(name);
            return Ok(());
        }
        let Some((form, first_block)) = list::parse_file_name(&name) else {
            return Ok(());
        };
        let listed = self.listed.binary_search_by_key(&first_block, |listed| listed.start.next_block);
        match listed.ok().and_then(|place| self.listed.get(place)) {
            Some(listed) if listed.form == form => {}
            // The other form of a listed segment: what a recompression left before it was listed, or its original after.
            Some(_) => self.leftovers.push(name),
            None if form == Form::Plain && first_block == self.end.next_block => self.active = true,
            None => return Err(damage(&name, 0, self.end.next_index, Flaw::Stray)),
        }
        Ok(())
    }

    fn scan_active(&self, directory: &Path, show: impl FnMut(u64, &Frame)) -> Result<Scanned, Problem> {
        if !self.active {
            return Ok(Scanned {
                head: self.end,
                length: 0,
                marks: Marks::default(),
                hasher: blake3::Hasher::new(),
                tail: None,
            });
        }
        let name = list::file_name(Form::Plain, self.end.next_block);
        let file = open_segment(directory, &name, &self.end)?;
        let length = file.metadata()?.len();
        segment::scan(file, &self.end, length, show).map_err(|error| place(error, &name, &self.end))
    }
}

/// What can be wrong with a directory, before it is known which operation asks.
type Problem = ReadError;

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

impl From<ReadError> for VerifyError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

impl From<ReadError> for RecompressError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Io(error) => Self::Io(error),
        }
    }
}

fn verify_segment(directory: &Path, listed: &Listed, mut show: impl FnMut(u64, &Frame)) -> Result<(), Problem> {
    let name = listed.file_name();
    let bad = |flaw| damage(&name, 0, listed.start.next_index, flaw);
    let file = open_segment(directory, &name, &listed.start)?;
    let (end, hash) = match listed.form {
        Form::Plain => {
            let scanned = segment::scan(file, &listed.start, listed.length, show)
                .map_err(|error| place(error, &name, &listed.start))?;
            if let Some(tail) = scanned.tail {
                return Err(damage(&name, scanned.length, scanned.head.next_index, Flaw::Block(tail.flaw)).into());
            }
            if scanned.length != listed.length {
                return Err(damage(&name, scanned.length, scanned.head.next_index, Flaw::Length).into());
            }
            (scanned.head, *scanned.hasher.finalize().as_bytes())
        }
        Form::Dense => {
            let hash = hash_file(&file)?;
            let end = recompressed::scan(file, &listed.start, listed.length, &mut show);
            (end.map_err(|error| place(error, &name, &listed.start))?, hash)
        }
    };
    if end != listed.end {
        return Err(bad(Flaw::Content).into());
    }
    if hash != listed.hash {
        return Err(bad(Flaw::Hash).into());
    }
    Ok(())
}

/// Writes the recompressed form of a segment to `new_path`, syncs it, reads it back and returns its line for the list.
fn recompress(directory: &Path, original: &Listed, new_path: &Path) -> Result<Listed, RecompressError> {
    let mut writer = recompressed::Writer::new(File::create(new_path)?)?;
    let mut written = Ok(());
    verify_segment(directory, original, |_, frame| {
        if written.is_ok() {
            written = writer.push(frame);
        }
    })?;
    written?;
    let (file, length, hash) = writer.finish()?;
    file.sync_all()?;
    let read_back = File::open(new_path)?;
    let same_bytes = hash_file(&read_back)? == hash;
    let end = recompressed::scan(read_back, &original.start, length, |_, _| {});
    let same_blocks = end.is_ok_and(|end| end == original.end);
    if !(same_bytes && same_blocks) {
        return Err(io::Error::other("recompressed segment does not read back as it was written").into());
    }
    Ok(Listed { form: Form::Dense, start: original.start, end: original.end, length, hash })
}

/// Copies the tail of a segment to `forensic/`, and cuts it once the copy is durable.
fn cut(directory: &Path, name: &str, file: &File, scanned: &Scanned, tail: &Tail) -> io::Result<CutTail> {
    let forensic = directory.join(FORENSIC_DIRECTORY);
    create_directory(&forensic)?;
    let mut bytes = vec![0; usize::try_from(tail.bytes).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, scanned.length)?;
    let (mut copy, kept_at) = create_numbered(&forensic, &format!("{name}.{}", scanned.length))?;
    copy.write_all(&bytes)?;
    copy.sync_all()?;
    list::sync_directory(&forensic)?;
    file.set_len(scanned.length)?;
    file.sync_all()?;
    Ok(CutTail {
        file: name.to_owned(),
        offset: scanned.length,
        bytes: tail.bytes,
        block: scanned.head.next_block,
        flaw: tail.flaw,
        kept_at: Some(kept_at),
    })
}

/// Creates a file that has not been there, counting up behind its name.
fn create_numbered(directory: &Path, name: &str) -> io::Result<(File, PathBuf)> {
    let mut number = 0_u64;
    loop {
        let path = directory.join(format!("{name}.{number}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(error),
        }
    }
}

/// Writes bytes of a file over themselves and syncs them.
///
/// A failed sync may have left blocks in the page cache that are marked clean and are not on the disk: they can be read, they look
/// sound, and no later sync would write them. Only writing them again does. It touches nothing that a checkpoint covers.
fn write_again(file: &File, from: u64, to: u64) -> io::Result<()> {
    if from == to {
        return Ok(());
    }
    let mut piece = vec![0; SCAN_PIECE_BYTES];
    let mut offset = from;
    while offset < to {
        let bytes = usize::try_from(to - offset).unwrap_or(usize::MAX).min(piece.len());
        let part = piece.get_mut(..bytes).unwrap_or_default();
        file.read_exact_at(part, offset)?;
        file.write_all_at(part, offset)?;
        offset += u64::try_from(bytes).map_err(io::Error::other)?;
    }
    file.sync_all()
}

/// Creates a directory where there is none, its name durable in its parent.
fn create_directory(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(directory)?;
    let parent = directory.parent().filter(|parent| !parent.as_os_str().is_empty());
    list::sync_directory(parent.unwrap_or(Path::new(".")))
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    // A name that is no text is no name of ours.
    let names = entries.map(|entry| Ok(entry?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

fn open_segment(directory: &Path, name: &str, start: &Head) -> Result<File, Problem> {
    match File::open(directory.join(name)) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(damage(name, 0, start.next_index, Flaw::Missing).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn hash_file(file: &File) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; SCAN_PIECE_BYTES];
    let mut offset = 0;
    loop {
        match file.read_at(&mut piece, offset) {
            Ok(0) => return Ok(*hasher.finalize().as_bytes()),
            Ok(bytes) => {
                hasher.update(piece.get(..bytes).unwrap_or_default());
                offset += u64::try_from(bytes).map_err(io::Error::other)?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn starts_behind(start: &Head, target: Target) -> bool {
    match target {
        Target::Block(number) => start.next_block > number,
        Target::Index(index) => start.next_index > index,
    }
}

fn damage(file: &str, offset: u64, first_bad_index: u64, flaw: Flaw) -> Damage {
    Damage { file: file.to_owned(), offset, first_bad_index, flaw }
}

/// Says of a scan's error in which file it is.
pub(crate) fn place(error: ScanError, file: &str, start: &Head) -> ReadError {
    match error {
        ScanError::Damaged { offset, index, flaw } => damage(file, offset, index.max(start.next_index), flaw).into(),
        ScanError::Io(error) => ReadError::Io(error),
    }
}

const NEW_SUFFIX: &str = ".new";
const FORENSIC_DIRECTORY: &str = "forensic";
/// More often than this no segment is replaced while one reader looks it up.
const LOCATE_AGAIN_MAX: u32 = 3;
const RANDOM_PIECE_BYTES: usize = 64 * 1024;
const SEQUENTIAL_PIECE_BYTES: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use crate::journal::testing::{Directory, append, check, files, frame, usize_of};
    use crate::journal::{
        AppendError, Damage, Encoder, FileJournal, Flaw, Head, Journal, OpenError, Opened, Options, Verified,
        VerifyError, file, list, verify,
    };
    use std::fs;
    use std::io;
    use std::path::Path;

    /// Small segments: about three of the tests' blocks in each.
    const SMALL: Options = Options { segment_bytes: 800, minimum_index: 0 };

    fn open(directory: &Path) -> (FileJournal, Opened) {
        FileJournal::open(directory, &SMALL).unwrap()
    }

    /// A journal with recompressed, full and growing segments.
    fn grown(directory: &Directory, blocks: u64) -> FileJournal {
        let (mut journal, _) = open(&directory.journal());
        append(&mut journal, blocks);
        assert!(journal.recompressor().recompress_next().unwrap());
        journal
    }

    fn verified(directory: &Path) -> Result<(Verified, u64), VerifyError> {
        let mut blocks = 0;
        let verified = verify(directory, 0, |_| blocks += 1)?;
        Ok((verified, blocks))
    }

    #[test]
    fn segments_are_filled_listed_and_recompressed_without_a_difference_to_readers() {
        let directory = Directory::new();
        let mut journal = grown(&directory, 20);
        check(&journal, 20);
        let reader = journal.reader();
        let mut blocks = reader.read(0);
        assert_eq!(blocks.next().unwrap().unwrap().header().number, 0);
        while journal.recompressor().recompress_next().unwrap() {}
        assert_eq!(blocks.count(), 19);
        append(&mut journal, 5);
        check(&journal, 25);
        let head = journal.head();
        drop(journal);
        let expected = Verified { head, incomplete: None };
        assert_eq!(verified(&directory.journal()).unwrap(), (expected, 25));
        let (journal, opened) = open(&directory.journal());
        assert_eq!(opened, Opened::default());
        check(&journal, 25);
    }

    #[test]
    fn verifying_may_begin_at_any_block() {
        let directory = Directory::new();
        let journal = grown(&directory, 20);
        for from in 0..=21 {
            let mut shown = Vec::new();
            let verified = verify(&directory.journal(), from, |frame| shown.push(frame.header().number)).unwrap();
            assert_eq!(verified.head, journal.head());
            assert_eq!(shown, (from..20).collect::<Vec<_>>());
        }
    }

    #[test]
    fn readers_in_other_threads_keep_up_with_writer_and_recompressor() {
        let directory = Directory::new();
        let (mut journal, _) = open(&directory.journal());
        let (reader, recompressor) = (journal.reader(), journal.recompressor());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut next = 0;
                while next < 60 {
                    std::thread::yield_now();
                    for frame in reader.read(next) {
                        let frame = frame.unwrap();
                        assert_eq!(frame.header().number, next);
                        next += 1;
                        let index = frame.header().next_index() / 2;
                        if frame.header().next_index() > 0 {
                            assert!(reader.block_at_index(index).unwrap().unwrap().header().holds(index));
                        }
                    }
                }
            });
            scope.spawn(|| {
                let mut done = 0;
                while done < 10 {
                    done += u32::from(recompressor.recompress_next().unwrap());
                }
            });
            append(&mut journal, 60);
        });
        check(&journal, 60);
    }

    #[test]
    fn any_flipped_byte_of_a_directory_is_reported_or_lies_in_the_unacknowledged_last_block() {
        let directory = Directory::new();
        let path = directory.journal();
        let (mut journal, _) = FileJournal::open(&path, &Options { segment_bytes: 600, minimum_index: 0 }).unwrap();
        append(&mut journal, 9);
        assert!(journal.recompressor().recompress_next().unwrap());
        let head = journal.head();
        drop(journal);
        let all = Options { minimum_index: head.next_index, ..SMALL };
        let whole = files(&path);
        assert_eq!(whole.iter().filter(|(path, _)| path.extension().is_some_and(|end| end == "djz")).count(), 1);
        assert!(whole.len() >= 4, "{whole:?}");
        for (name, bytes) in &whole {
            for at in 0..bytes.len() {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << (at % 8);
                fs::write(name, &bad).unwrap();
                match verified(&path) {
                    Err(VerifyError::Damaged(damage)) => {
                        assert_eq!(Some(damage.file.as_str()), name.file_name().unwrap().to_str());
                    }
                    Ok((verified, _)) => {
                        assert!(verified.incomplete.is_some(), "flip at {at} of {name:?} was not seen");
                    }
                    Err(other) => panic!("{other}"),
                }
                // With every entry acknowledged nothing may be cut, and an open that succeeds has left the damage to `verify`.
                if let Err(OpenError::Io(error)) = FileJournal::open(&path, &all).map(|(journal, _)| journal.head()) {
                    panic!("{error}");
                }
                assert_eq!(fs::read(name).unwrap(), bad);
            }
            fs::write(name, bytes).unwrap();
        }
        assert_eq!(files(&path), whole);
    }

    #[test]
    fn damage_says_which_entry_is_the_first_that_cannot_be_trusted() {
        let directory = Directory::new();
        let journal = grown(&directory, 20);
        let places: Vec<(u64, u64)> = journal
            .reader()
            .read(0)
            .map(|frame| frame.unwrap())
            .map(|frame| (frame.header().first_index, frame.header().number))
            .collect();
        drop(journal);
        let listed = list::read(&directory.journal()).unwrap();
        let plain = listed.get(1).unwrap();
        let path = directory.journal().join(plain.file_name());
        let mut bytes = fs::read(&path).unwrap();
        bytes[100] ^= 1;
        fs::write(&path, bytes).unwrap();
        let Err(VerifyError::Damaged(damage)) = verified(&directory.journal()) else { panic!("damage was not seen") };
        assert_eq!((damage.file, damage.offset), (plain.file_name(), 0));
        assert!(places.contains(&(damage.first_bad_index, plain.start.next_block)));
        // The start does not read full segments, their readers do.
        let (journal, _) = open(&directory.journal());
        let reader = journal.reader();
        let (sound, bad): (Vec<_>, Vec<_>) = reader.read(0).partition(Result::is_ok);
        assert_eq!(sound.len() as u64, plain.start.next_block);
        assert_eq!(bad.len(), 1);
        assert!(journal.recompressor().recompress_next().is_err());
        assert!(path.exists());
    }

    #[test]
    fn a_missing_shortened_or_additional_segment_is_damage() {
        let directory = Directory::new();
        let journal = grown(&directory, 20);
        drop(journal);
        let path = directory.journal();
        let whole = files(&path);
        let flaw = || match FileJournal::open(&path, &SMALL).map(|(journal, _)| journal.head()) {
            Err(OpenError::Damaged(Damage { flaw, .. })) => flaw,
            other => panic!("{other:?}"),
        };
        let listed = list::read(&path).unwrap();
        for segment in &listed {
            let name = path.join(segment.file_name());
            let bytes = fs::read(&name).unwrap();
            fs::remove_file(&name).unwrap();
            assert_eq!(flaw(), Flaw::Missing);
            fs::write(&name, &bytes[1..]).unwrap();
            assert_eq!(flaw(), Flaw::Length);
            fs::write(&name, &bytes).unwrap();
        }
        let stray = path.join("00000000000000009999.djb");
        fs::write(&stray, b"").unwrap();
        assert_eq!(flaw(), Flaw::Stray);
        fs::remove_file(stray).unwrap();
        fs::remove_file(path.join("segments")).unwrap();
        assert_eq!(flaw(), Flaw::Stray);
        for (name, bytes) in &whole {
            fs::write(name, bytes).unwrap();
        }
        assert_eq!(files(&path), whole);
    }

    #[test]
    fn a_crash_at_any_step_of_filling_or_recompressing_a_segment_is_recovered_from() {
        let directory = Directory::new();
        let path = directory.journal();
        let (mut journal, _) = open(&path);
        append(&mut journal, 20);
        let before = files(&path);
        assert!(journal.recompressor().recompress_next().unwrap());
        let after = files(&path);
        drop(journal);
        let first = |form| path.join(list::file_name(form, 0));
        let (original, dense) = (first(list::Form::Plain), first(list::Form::Dense));
        let bytes_of = |files: &[(std::path::PathBuf, Vec<u8>)], name: &Path| {
            files.iter().find(|(path, _)| path == name).map(|(_, bytes)| bytes.clone()).unwrap()
        };
        let check_recovered = |gone: &[&Path]| {
            let (journal, opened) = open(&path);
            assert_eq!(opened, Opened::default());
            check(&journal, 20);
            assert!(gone.iter().all(|gone| !gone.exists()));
        };
        // The original was not removed yet.
        fs::write(&original, bytes_of(&before, &original)).unwrap();
        check_recovered(&[&original]);
        // The new file was not listed yet.
        fs::write(&original, bytes_of(&before, &original)).unwrap();
        fs::write(path.join("segments"), bytes_of(&before, &path.join("segments"))).unwrap();
        check_recovered(&[&dense]);
        // The new file was half written, and so was a new list.
        let half = path.join(format!("{}.new", list::file_name(list::Form::Dense, 0)));
        fs::write(&half, &bytes_of(&after, &dense)[..50]).unwrap();
        fs::write(path.join("segments.new"), b"dossier jour").unwrap();
        check_recovered(&[&half, &path.join("segments.new")]);
        // The last segment was listed as full, and the next one not begun, or begun and empty.
        let (mut journal, _) = open(&path);
        while journal.active.as_ref().unwrap().length + frame(&journal.head()).len() as u64 <= SMALL.segment_bytes {
            append(&mut journal, 1);
        }
        let head = journal.head();
        journal.shared.close(journal.active.as_ref().unwrap(), head).unwrap();
        drop(journal);
        for begun in [false, true] {
            let (journal, _) = open(&path);
            check(&journal, head.next_block);
            if !begun {
                drop(journal.shared.begin(head).unwrap());
            }
        }
        let (mut journal, _) = open(&path);
        append(&mut journal, 1);
        check(&journal, head.next_block + 1);
    }

    #[test]
    fn what_is_cut_is_kept_aside() {
        let directory = Directory::new();
        let path = directory.journal();
        let (mut journal, _) = open(&path);
        append(&mut journal, 2);
        drop(journal);
        let segment = path.join(list::file_name(list::Form::Plain, 0));
        let whole = fs::read(&segment).unwrap();
        for attempt in 0..2 {
            fs::write(&segment, [&whole[..], b"DJB1 torn"].concat()).unwrap();
            let (journal, opened) = open(&path);
            check(&journal, 2);
            let kept_at = opened.cut.unwrap().kept_at.unwrap();
            assert_eq!(fs::read(&kept_at).unwrap(), b"DJB1 torn");
            assert!(
                kept_at
                    .to_str()
                    .unwrap()
                    .ends_with(&format!("forensic/00000000000000000000.djb.{}.{attempt}", whole.len()))
            );
            assert_eq!(fs::read(&segment).unwrap(), whole);
        }
    }

    #[test]
    fn more_than_one_block_of_unreadable_bytes_is_never_cut() {
        let directory = Directory::new();
        let path = directory.journal();
        fs::create_dir_all(&path).unwrap();
        // Neither a block cut short nor room is as long as this.
        for foreign in [vec![1; 512 * 1024 + 1], vec![0; 1536 * 1024 + 1]] {
            fs::write(path.join(list::file_name(list::Form::Plain, 0)), foreign).unwrap();
            let refused = FileJournal::open(&path, &SMALL).map(|(journal, _)| journal.head());
            assert!(matches!(refused, Err(OpenError::Damaged(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_directory_that_should_hold_entries_is_not_begun_anew() {
        let directory = Directory::new();
        let refused = FileJournal::open(&directory.journal(), &Options { minimum_index: 1, ..SMALL })
            .map(|(journal, _)| journal.head());
        assert!(
            matches!(refused, Err(OpenError::BehindCheckpoint { readable_index: 0, minimum_index: 1 })),
            "{refused:?}"
        );
        assert!(!directory.journal().exists());
    }

    /// A disk that is full after so many more bytes, or cannot sync.
    struct Failing {
        inner: Box<dyn file::Writable>,
        room: Option<usize>,
    }

    impl file::Writable for Failing {
        fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
            match self.room {
                Some(room) if bytes.len() > room => {
                    self.inner.write(&bytes[..room], offset)?;
                    Err(io::ErrorKind::StorageFull.into())
                }
                _ => self.inner.write(bytes, offset),
            }
        }

        fn resize(&mut self, bytes: u64) -> io::Result<()> {
            self.inner.resize(bytes)
        }

        fn sync(&mut self) -> io::Result<()> {
            Err(io::Error::other("disk is gone"))
        }
    }

    #[test]
    fn after_a_full_disk_or_a_failed_sync_nothing_is_appended_until_reopened_and_nothing_acknowledged_is_lost() {
        for room in [Some(0), Some(1), Some(113), Some(150), None] {
            let directory = Directory::new();
            let path = directory.journal();
            let (mut journal, _) = FileJournal::open(&path, &Options::default()).unwrap();
            append(&mut journal, 3);
            let head = journal.head();
            let mut active = journal.active.take().unwrap();
            active.file = Box::new(Failing { inner: active.file, room });
            journal.active = Some(active);
            let failed = journal.append(head.next_block, &frame(&head));
            assert!(matches!(failed, Err(AppendError::Io(_))), "{failed:?}");
            assert!(matches!(journal.append(head.next_block, &frame(&head)), Err(AppendError::Poisoned)));
            check(&journal, 3);
            drop(journal);
            let (mut journal, opened) =
                FileJournal::open(&path, &Options { minimum_index: head.next_index, ..Options::default() }).unwrap();
            // A block that was written and not synced may have survived as a whole.
            check(&journal, if room.is_none() { 4 } else { 3 });
            assert_eq!(opened.cut.is_some(), room.is_some_and(|room| room > 0));
            append(&mut journal, 1);
        }
    }

    #[test]
    fn room_behind_the_blocks_holds_no_block_and_is_given_back() {
        let directory = Directory::new();
        let path = directory.journal();
        let file = path.join(list::file_name(list::Form::Plain, 0));
        let (mut journal, _) = FileJournal::open(&path, &Options::default()).unwrap();
        append(&mut journal, 3);
        let head = journal.head();
        let length = usize_of(journal.active.as_ref().unwrap().length);
        let crashed = fs::read(&file).unwrap();
        assert!(crashed.len() > length && crashed[length..].iter().all(|byte| *byte == 0));
        drop(journal);
        assert_eq!(fs::read(&file).unwrap(), crashed[..length]);

        fs::write(&file, &crashed).unwrap();
        let verified = verify(&path, 0, |_| ()).unwrap();
        assert_eq!((verified.head, verified.incomplete), (head, None));
        let (mut journal, opened) = FileJournal::open(&path, &Options::default()).unwrap();
        assert_eq!(opened.cut, None);
        append(&mut journal, 1);
        check(&journal, 4);
        drop(journal);

        // A block of which only some pages reached the disk, and bytes that no block can have left.
        for (place, tail) in [(10, Some(11)), (600_000, None)] {
            let mut torn = crashed.clone();
            torn[length + place] = 7;
            fs::write(&file, &torn).unwrap();
            match (FileJournal::open(&path, &Options::default()), tail) {
                (Ok((journal, opened)), Some(bytes)) => {
                    assert_eq!(opened.cut.unwrap().bytes, bytes);
                    check(&journal, 3);
                }
                (Err(OpenError::Damaged(damage)), None) => assert_eq!(damage.offset, length as u64),
                (other, _) => panic!("{:?}", other.map(|(_, opened)| opened)),
            }
        }
    }

    #[test]
    fn an_index_is_found_behind_every_mark() {
        let directory = Directory::new();
        let (mut journal, _) =
            FileJournal::open(&directory.journal(), &Options { segment_bytes: 400_000, minimum_index: 0 }).unwrap();
        let noise = |seed: u64| {
            let mut bytes = vec![0; 1000];
            blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
            bytes
        };
        let mut encoder = Encoder::new().unwrap();
        for number in 0..120 {
            let head = journal.head();
            let entries: Vec<Vec<u8>> = (0..10).map(|place| noise(number * 10 + place)).collect();
            let frame = encoder.encode(&head, &[0; 16], &entries).unwrap();
            journal.append(number, frame).unwrap();
        }
        assert!(journal.recompressor().recompress_next().unwrap());
        let reader = journal.reader();
        for index in 0..1200 {
            assert_eq!(reader.block_at_index(index).unwrap().unwrap().entry(index), Some(noise(index).as_slice()));
        }
        for number in 0..120 {
            assert_eq!(reader.read(number).next().unwrap().unwrap().header().number, number);
        }
        assert_eq!(reader.head(), journal.head());
        assert_ne!(reader.head(), Head::EMPTY);
    }
}
