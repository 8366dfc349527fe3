//! Order and durability: a log of blocks with compare-and-append, in three verbs over bytes.
//!
//! A [`Journal`] has one owner, the writer. [`Reader`]s are taken from it and used from any thread while the writer appends; they see
//! a block from the moment its append has returned, and nothing earlier. [`block`] draws the bytes of a block, `list` and
//! `recompressed` those of the other files.
//!
//! What a crash between any two calls leaves behind:
//!
//! * *before `append`*: the journal as it was.
//! * *during `append`*: the journal as it was, and behind it nothing, a part, or all of the new block. At the next start a part is cut
//!   off and kept aside, and a whole block is adopted: a block nobody was told of may survive, but only as a whole.
//! * *after `append` returned `Ok`*: the block is on the disk. That it can be read is asserted by whoever reads it back.
//! * *after `append` returned `Poisoned` or `Io`*: as during `append`. Only opening the journal again tells which.
//! * *after `append` returned anything else*: the journal as it was.
//!
//! **Invariant:** nothing here knows what an entry means; entries are bytes.
//!
//! **Invariant:** nothing here reads a clock, draws a random number, takes a lock on the directory, or retries.
//!
//! **Invariant:** no acknowledged byte is ever removed or changed. A full segment is replaced by a recompressed one that holds the same
//! headers and entries, after that one was read back; the only thing ever cut is a last block nobody was told of.
//!
//! **Invariant:** after a failed write or sync nothing is appended until the journal has been opened again.

pub mod block;
pub mod copy;
mod file;
mod list;
mod memory;
mod recompressed;
mod segment;

pub use block::{Block, DecodeError, Decoder, EncodeError, Encoder, Frame, Header};
pub use file::{FileJournal, Options, Recompressor, Verified, verify};
pub use memory::{Fault, MemoryDisk, MemoryJournal};

use std::io;
use std::path::PathBuf;

/// The place where the next block goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of the next block; also the count of blocks there are.
    pub next_block: u64,
    /// Index of the next entry; also the count of entries there are.
    pub next_index: u64,
    /// Hash of the last block; zeros if there is none.
    pub last_frame_hash: [u8; 32],
}

impl Head {
    /// The head of a journal without blocks.
    pub const EMPTY: Self = Self { next_block: 0, next_index: 0, last_frame_hash: [0; 32] };

    /// Returns the head after the block of this header, or nothing if that block does not belong here.
    #[must_use]
    pub fn follow(&self, header: &Header) -> Option<Self> {
        let belongs = header.number == self.next_block
            && header.first_index == self.next_index
            && header.previous == self.last_frame_hash;
        belongs.then(|| Self {
            next_block: header.number.saturating_add(1),
            next_index: header.next_index(),
            last_frame_hash: header.hash(),
        })
    }
}

/// A log of blocks to which one writer appends.
pub trait Journal: Send {
    /// Appends the frame of block `expected_block`, if that is the next one.
    ///
    /// The block is durable and visible to readers when this returns `Ok`. After `Conflict`, `TooLarge` and `Malformed` nothing has
    /// changed and the journal goes on. After `Io` the fate of the block is unknown and every further append is `Poisoned`.
    fn append(&mut self, expected_block: u64, frame: &[u8]) -> Result<(), AppendError>;

    /// Returns the place where the next block goes, as far as this journal knows.
    fn head(&self) -> Head;

    /// Returns a reader that sees everything appended so far and later.
    fn reader(&self) -> Box<dyn Reader>;
}

/// A view of the appended blocks, for any thread.
pub trait Reader: Send + Sync {
    /// Returns the place behind the last block that can be read.
    fn head(&self) -> Head;

    /// Returns the blocks from number `from_block` on, ending at the head as it is when the end is reached.
    ///
    /// Every block is checked: its checksums, its body hash and, from the second on, its place behind the one before it. After an error
    /// the iterator is at its end.
    fn read(&self, from_block: u64) -> Blocks<'_>;

    /// Returns the block that holds the entry of this index, or nothing if there is no such entry yet.
    ///
    /// Costs one read of about 64 KiB in a segment as it was written, and decompressing about 1 MiB in a recompressed one. The first
    /// such call into a segment reads its headers once and keeps 12 bytes for each 64 KiB.
    fn block_at_index(&self, index: u64) -> Result<Option<Frame>, ReadError>;
}

/// Blocks in order, each of them checked.
pub type Blocks<'a> = Box<dyn Iterator<Item = Result<Frame, ReadError>> + Send + 'a>;

/// What opening a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// The incomplete last block that was cut off, if there was one.
    pub cut: Option<CutTail>,
}

/// An incomplete last block that was cut off at opening; nobody was ever told that it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutTail {
    /// The file it was cut from.
    pub file: String,
    /// Where it began in that file, in bytes.
    pub offset: u64,
    /// How many bytes were cut.
    pub bytes: u64,
    /// The number the block would have had.
    pub block: u64,
    /// Why it is not a block.
    pub flaw: DecodeError,
    /// Where the cut bytes are kept, durable before the cut; nothing for a journal in memory.
    pub kept_at: Option<PathBuf>,
}

/// A place from which on a journal is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("journal file \"{file}\" is damaged at byte {offset}, from entry {first_bad_index} on")]
pub struct Damage {
    /// Name of the file in the journal's directory.
    pub file: String,
    /// Where the first bad bytes are, or where the first missing ones should be.
    pub offset: u64,
    /// Index of the first entry that cannot be trusted.
    pub first_bad_index: u64,
    /// What is wrong there.
    #[source]
    pub flaw: Flaw,
}

/// What is wrong with a damaged file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    /// The bytes are not a block.
    #[error("no block stands where one should")]
    Block(#[source] DecodeError),
    /// The block is sound, but it is not the one that follows.
    #[error("block does not follow the one before it")]
    Chain,
    /// The file is not there.
    #[error("file is missing")]
    Missing,
    /// The file is longer or shorter than listed.
    #[error("file has another length than listed")]
    Length,
    /// The file's bytes are not the listed ones.
    #[error("file does not match its listed hash")]
    Hash,
    /// The file's blocks are sound, but not those listed.
    #[error("file does not hold the blocks it is listed with")]
    Content,
    /// The list of segments cannot be read.
    #[error("list of segments is not as it was written")]
    List,
    /// The file has the name of a segment that should not exist.
    #[error("file is not listed and does not follow the listed ones")]
    Stray,
}

/// Why a block was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The journal has moved on, or the block was made for another history; make it again from the head.
    #[error("block {expected_block} is not the next one, which is {next_block}")]
    Conflict {
        /// The block the caller took for the next one.
        expected_block: u64,
        /// The next block as the journal knows it.
        next_block: u64,
    },
    /// The frame is longer than [`block::FRAME_BYTES_MAX`].
    #[error("block of {bytes} bytes is too large")]
    TooLarge {
        /// Length of the frame.
        bytes: usize,
    },
    /// The bytes are not a frame: the caller is wrong, or its memory is.
    #[error("block is malformed")]
    Malformed(#[source] DecodeError),
    /// An earlier append failed; only opening the journal again tells what is in it.
    #[error("journal is poisoned by an earlier failure")]
    Poisoned,
    /// Writing or syncing failed; the fate of the block is unknown.
    #[error("block could not be written")]
    Io(#[source] io::Error),
}

/// Why a block could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes are not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Reading failed.
    #[error("journal could not be read")]
    Io(#[from] io::Error),
}

/// Why a journal could not be opened; nothing in it was modified, unless `Io` came from repairing its tail.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something other than the last block is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Entries that a signed checkpoint covers are missing.
    #[error("journal holds {readable_index} readable entries, but a checkpoint covers {minimum_index}")]
    BehindCheckpoint {
        /// How many entries can be read.
        readable_index: u64,
        /// How many there must be.
        minimum_index: u64,
    },
    /// Reading, cutting or syncing failed.
    #[error("journal could not be opened")]
    Io(#[from] io::Error),
}

/// Why a journal could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Something is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Reading failed.
    #[error("journal could not be verified")]
    Io(#[from] io::Error),
}

/// Why a segment could not be recompressed; the original is in place.
#[derive(Debug, thiserror::Error)]
pub enum RecompressError {
    /// The original is not what was written.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// Reading, compressing or writing failed, or what was written could not be read back.
    #[error("segment could not be recompressed")]
    Io(#[from] io::Error),
}

/// Checks what can be wrong with an append before anything is written; returns the header and the head after it.
fn check_append(head: &Head, expected_block: u64, frame: &[u8]) -> Result<(Header, Head), AppendError> {
    if frame.len() > block::FRAME_BYTES_MAX {
        return Err(AppendError::TooLarge { bytes: frame.len() });
    }
    let header = block::check_stored(frame).map_err(AppendError::Malformed)?;
    let conflict = AppendError::Conflict { expected_block, next_block: head.next_block };
    match head.follow(&header) {
        Some(next) if expected_block == head.next_block => Ok((header, next)),
        _ => Err(conflict),
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! What the tests of this room share.

    use crate::journal::{Block, Head, Journal};
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicU64, Ordering};

    /// A directory that goes away with its test.
    pub(crate) struct Directory(PathBuf);

    impl Directory {
        pub(crate) fn new() -> Self {
            static COUNT: AtomicU64 = AtomicU64::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let path = std::env::temp_dir().join(format!("dossier-journal-{}-{number}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        /// The journal's own directory, which does not exist at first.
        pub(crate) fn journal(&self) -> PathBuf {
            self.0.join("journal")
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            // What cannot be removed is left to the system's own cleaning.
            drop(fs::remove_dir_all(&self.0));
        }
    }

    /// A length in a test, which fits.
    pub(crate) fn usize_of(number: u64) -> usize {
        usize::try_from(number).unwrap()
    }

    /// All files below a directory with their bytes, in the order of their names.
    pub(crate) fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                found.extend(files(&path));
            } else {
                found.push((path.clone(), fs::read(&path).unwrap()));
            }
        }
        found.sort();
        found
    }

    /// The entries of block `number` in the tests: none in every fourth, and text that compresses and some that does not in the others.
    pub(crate) fn entries(number: u64) -> Vec<Vec<u8>> {
        let entry = |place: u64| {
            let chance = blake3::hash(&(number * 10 + place).to_be_bytes());
            format!("{{\"block\":{number},\"place\":{place},\"salt\":\"{chance}\"}}").into_bytes()
        };
        (0..(number + 3) % 4).map(entry).collect()
    }

    pub(crate) fn block(head: &Head) -> Block {
        Block {
            number: head.next_block,
            first_index: head.next_index,
            previous: head.last_frame_hash,
            writer: *b"the test\0\0\0\0\0\0\0\0",
            entries: entries(head.next_block),
        }
    }

    pub(crate) fn frame(head: &Head) -> Vec<u8> {
        block(head).encode().unwrap()
    }

    pub(crate) fn append(journal: &mut impl Journal, blocks: u64) {
        for _ in 0..blocks {
            let head = journal.head();
            journal.append(head.next_block, &frame(&head)).unwrap();
        }
    }

    /// Checks that a journal holds exactly this many of the tests' blocks, read in every way there is.
    pub(crate) fn check(journal: &impl Journal, blocks: u64) {
        let reader = journal.reader();
        assert_eq!(journal.head(), reader.head());
        assert_eq!(journal.head().next_block, blocks);
        let read: Vec<Block> = reader.read(0).map(|frame| frame.unwrap().to_block()).collect();
        let mut head = Head::EMPTY;
        for found in &read {
            assert_eq!(found, &block(&head));
            for index in found.first_index..found.first_index + found.entries.len() as u64 {
                let frame = reader.block_at_index(index).unwrap().unwrap();
                assert_eq!(&frame.to_block(), found);
                assert_eq!(
                    frame.entry(index),
                    found.entries.get(usize_of(index - found.first_index)).map(Vec::as_slice)
                );
            }
            let from_here = reader.read(found.number).next().unwrap().unwrap();
            assert_eq!(&from_here.to_block(), found);
            head = head.follow(from_here.header()).unwrap();
        }
        assert_eq!(head, journal.head());
        assert_eq!(read.len() as u64, blocks);
        assert!(reader.read(blocks).next().is_none());
        assert!(reader.block_at_index(head.next_index).unwrap().is_none());
    }
}

#[cfg(test)]
mod tests {
    //! One suite, run against each journal.

    use crate::journal::testing::{Directory, append, block, check, frame, usize_of};
    use crate::journal::{
        AppendError, Block, DecodeError, Fault, FileJournal, Head, Header, Journal, MemoryDisk, MemoryJournal,
        OpenError, Opened, Options, block,
    };
    use std::fs;

    /// A place where a journal can be opened again and again.
    trait Place {
        type Journal: Journal;

        fn open(&self, minimum_index: u64) -> Result<(Self::Journal, Opened), OpenError>;

        /// The bytes of the last segment.
        fn bytes(&self) -> Vec<u8>;

        /// The same place with other bytes in its last segment.
        fn with_bytes(&self, bytes: Vec<u8>) -> Self;
    }

    impl Place for MemoryDisk {
        type Journal = MemoryJournal;

        fn open(&self, minimum_index: u64) -> Result<(MemoryJournal, Opened), OpenError> {
            MemoryJournal::open(self, minimum_index)
        }

        fn bytes(&self) -> Vec<u8> {
            self.bytes()
        }

        fn with_bytes(&self, bytes: Vec<u8>) -> Self {
            Self::holding(bytes)
        }
    }

    impl Place for Directory {
        type Journal = FileJournal;

        fn open(&self, minimum_index: u64) -> Result<(FileJournal, Opened), OpenError> {
            FileJournal::open(&self.journal(), &Options { minimum_index, ..Options::default() })
        }

        fn bytes(&self) -> Vec<u8> {
            let mut bytes = fs::read(self.journal().join(FIRST_SEGMENT)).unwrap();
            if bytes.len() > ROOM_BYTES {
                let mut length = 0;
                while let Ok(header) = Header::parse(&bytes[length..]) {
                    length += usize_of(header.frame_bytes.into());
                }
                bytes.truncate(length);
            }
            bytes
        }

        fn with_bytes(&self, bytes: Vec<u8>) -> Self {
            let other = Self::new();
            fs::create_dir_all(other.journal()).unwrap();
            fs::write(other.journal().join(FIRST_SEGMENT), bytes).unwrap();
            other
        }
    }

    const FIRST_SEGMENT: &str = "00000000000000000000.djb";
    /// What an open journal keeps free behind its blocks, which are much shorter here.
    const ROOM_BYTES: usize = 1024 * 1024;

    fn begins_empty_and_keeps_what_was_appended(place: &impl Place) {
        let (mut journal, opened) = place.open(0).unwrap();
        assert_eq!(opened, Opened::default());
        assert_eq!(journal.head(), Head::EMPTY);
        check(&journal, 0);
        append(&mut journal, 9);
        check(&journal, 9);
        let head = journal.head();
        drop(journal);
        let (mut journal, opened) = place.open(head.next_index).unwrap();
        assert_eq!(opened, Opened::default());
        assert_eq!(journal.head(), head);
        append(&mut journal, 3);
        check(&journal, 12);
    }

    fn refuses_what_does_not_follow_and_goes_on(place: &impl Place) {
        let (mut journal, _) = place.open(0).unwrap();
        append(&mut journal, 2);
        let head = journal.head();
        let good = frame(&head);
        let other_past = Block { previous: [7; 32], ..block(&head) }.encode().unwrap();
        let other_index = Block { first_index: head.next_index + 1, ..block(&head) }.encode().unwrap();
        for (expected, bytes) in [(1, &good), (3, &good), (2, &other_past), (2, &other_index)] {
            let refused = journal.append(expected, bytes);
            assert!(matches!(refused, Err(AppendError::Conflict { next_block: 2, .. })), "{refused:?}");
        }
        let refused = journal.append(2, &good[..good.len() - 1]);
        assert!(matches!(refused, Err(AppendError::Malformed(DecodeError::Incomplete))), "{refused:?}");
        let refused = journal.append(2, &vec![0; block::FRAME_BYTES_MAX + 1]);
        assert!(matches!(refused, Err(AppendError::TooLarge { .. })), "{refused:?}");
        check(&journal, 2);
        append(&mut journal, 1);
        check(&journal, 3);
    }

    fn shows_readers_what_is_appended_later(place: &impl Place) {
        let (mut journal, _) = place.open(0).unwrap();
        append(&mut journal, 2);
        let reader = journal.reader();
        let mut blocks = reader.read(0);
        assert_eq!(blocks.next().unwrap().unwrap().header().number, 0);
        append(&mut journal, 2);
        let rest: Vec<u64> = blocks.map(|frame| frame.unwrap().header().number).collect();
        assert_eq!(rest, [1, 2, 3]);
    }

    fn cuts_a_last_block_that_ends_early(place: &impl Place) {
        let (mut journal, _) = place.open(0).unwrap();
        append(&mut journal, 2);
        let (sound, acknowledged) = (place.bytes().len(), journal.head());
        append(&mut journal, 1);
        let bytes = place.bytes();
        for left in sound..bytes.len() {
            let place = place.with_bytes(bytes[..left].to_vec());
            let (mut journal, opened) = place.open(acknowledged.next_index).unwrap();
            assert_eq!(journal.head(), acknowledged, "cut at {left}");
            let cut = opened.cut.map(|cut| (usize_of(cut.offset), usize_of(cut.bytes), cut.block));
            let written = bytes[sound..left].iter().rposition(|byte| *byte != 0);
            assert_eq!(cut, written.map(|last| (sound, last + 1, 2)));
            append(&mut journal, 1);
            check(&journal, 3);
        }
    }

    fn refuses_to_open_behind_a_checkpoint(place: &impl Place) {
        let (mut journal, _) = place.open(0).unwrap();
        append(&mut journal, 3);
        let head = journal.head();
        let bytes = place.bytes();
        for left in 0..bytes.len() {
            let place = place.with_bytes(bytes[..left].to_vec());
            let refused = place.open(head.next_index).map(|(journal, _)| journal.head());
            assert!(matches!(refused, Err(OpenError::BehindCheckpoint { .. })), "cut at {left}: {refused:?}");
            assert_eq!(place.bytes().len(), left);
        }
        let refused = place.open(head.next_index + 1).map(|(journal, _)| journal.head());
        assert!(matches!(refused, Err(OpenError::BehindCheckpoint { .. })), "{refused:?}");
    }

    fn tells_damage_from_an_incomplete_last_block(place: &impl Place) {
        let (mut journal, _) = place.open(0).unwrap();
        append(&mut journal, 3);
        let (sound, before_last) = (place.bytes().len(), journal.head());
        append(&mut journal, 1);
        let bytes = place.bytes();
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 1 << (at % 8);
            let place = place.with_bytes(bad.clone());
            match place.open(0).map(|(journal, opened)| (journal.head(), opened)) {
                Ok((head, opened)) => {
                    assert!(at >= sound, "a flip at {at} was taken for an incomplete last block");
                    assert_eq!(head, before_last);
                    assert_eq!(opened.cut.map(|cut| usize_of(cut.bytes)), Some(bytes.len() - sound));
                }
                Err(OpenError::Damaged(damage)) => {
                    assert!(at < sound, "a flip at {at} was not taken for an incomplete last block");
                    assert!(usize_of(damage.offset) <= at);
                    assert_eq!(place.bytes(), bad);
                }
                Err(other) => panic!("flip at {at}: {other}"),
            }
        }
    }

    macro_rules! suite {
        ($($property:ident)*) => {
            mod memory {
                $(#[test] fn $property() { super::$property(&crate::journal::MemoryDisk::new()); })*
            }
            mod file {
                $(#[test] fn $property() { super::$property(&crate::journal::testing::Directory::new()); })*
            }
        };
    }

    suite! {
        begins_empty_and_keeps_what_was_appended
        refuses_what_does_not_follow_and_goes_on
        shows_readers_what_is_appended_later
        cuts_a_last_block_that_ends_early
        refuses_to_open_behind_a_checkpoint
        tells_damage_from_an_incomplete_last_block
    }

    #[test]
    fn whatever_goes_wrong_with_an_append_the_next_start_has_all_or_nothing_of_it() {
        let frame_bytes = frame(&Head::EMPTY).len();
        let faults = (0..=frame_bytes)
            .map(|kept| (Fault::Write { kept }, 0))
            .chain((0..=frame_bytes).map(|kept| (Fault::Sync, kept)));
        for (fault, kept) in faults {
            let disk = MemoryDisk::new();
            let (mut journal, _) = disk.open(0).unwrap();
            disk.inject(fault);
            let failed = journal.append(0, &frame(&Head::EMPTY));
            assert!(matches!(failed, Err(AppendError::Io(_))), "{failed:?}");
            assert!(matches!(journal.append(0, &frame(&Head::EMPTY)), Err(AppendError::Poisoned)));
            check(&journal, 0);
            drop(journal);
            disk.cut_power(kept);
            let (journal, opened) = disk.open(0).unwrap();
            let survived = disk.bytes().len() == frame_bytes;
            check(&journal, u64::from(survived));
            assert!(!(survived && opened.cut.is_some()));
        }
    }
}
