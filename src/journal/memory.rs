//! The journal in memory, for tests and simulation: a disk that can be handed on, and that fails when told to.
//!
//! A [`MemoryDisk`] outlives the journals opened on it, as a disk outlives a process: drop the journal, cut the power, open again. Two
//! journals may be open on one disk; whoever appends second gets `Conflict`, as between two nodes.

use crate::journal::segment::{self, ScanError, Scanned};
use crate::journal::{
    AppendError, Blocks, CutTail, Damage, Flaw, Frame, Head, Journal, OpenError, Opened, ReadError, Reader,
    check_append,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong with an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Only the first `kept` bytes of the frame reach the disk, where they are durable; the append fails.
    Write {
        /// How many bytes, at most the whole frame.
        kept: usize,
    },
    /// The frame is written and not synced; the append fails. A power cut decides what is left of it.
    Sync,
    /// The frame is written and not synced, and the append succeeds: a disk that lies.
    IgnoredSync,
    /// The append answers `Conflict`, once, though nobody has appended.
    Conflict,
}

/// A disk in memory with one journal on it.
#[derive(Clone, Default)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    bytes: Vec<u8>,
    /// How many of the bytes survive a power cut.
    synced: usize,
    /// Appended blocks, as readers see them: first index and offset of each.
    blocks: Vec<(u64, usize)>,
    /// Where the next block goes; what stands behind it nobody was told of.
    end: usize,
    head: Option<Head>,
    faults: VecDeque<Fault>,
}

impl MemoryDisk {
    /// Makes an empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a disk that holds these bytes, durable, as if a process had left them.
    #[must_use]
    pub fn holding(bytes: Vec<u8>) -> Self {
        let state = State { synced: bytes.len(), bytes, ..State::default() };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Makes one further append go wrong; the first injected fault meets the next append.
    pub fn inject(&self, fault: Fault) {
        self.lock().faults.push_back(fault);
    }

    /// Cuts the power: of the bytes that were not synced only the first `kept` survive.
    ///
    /// Journals that are still open on the disk are to be dropped.
    pub fn cut_power(&self, kept: usize) {
        let mut state = self.lock();
        let left = state.synced.saturating_add(kept).min(state.bytes.len());
        state.bytes.truncate(left);
        state.synced = left;
        state.faults.clear();
    }

    /// Returns a copy of all bytes on the disk.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// Flips bits of one byte, if there is such a byte.
    pub fn flip(&self, offset: usize, bits: u8) {
        if let Some(byte) = self.lock().bytes.get_mut(offset) {
            *byte ^= bits;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A journal on a [`MemoryDisk`].
pub struct MemoryJournal {
    disk: MemoryDisk,
    head: Head,
    poisoned: bool,
}

impl MemoryJournal {
    /// Opens the journal of a disk, as [`FileJournal::open`](crate::journal::FileJournal::open) does; what was cut is only reported.
    pub fn open(disk: &MemoryDisk, minimum_index: u64) -> Result<(Self, Opened), OpenError> {
        let mut state = disk.lock();
        let mut blocks = Vec::new();
        let bytes = state.bytes.as_slice();
        let scanned = segment::scan(bytes, &Head::EMPTY, length(bytes), |offset, frame| {
            blocks.push((frame.header().first_index, usize::try_from(offset).unwrap_or(usize::MAX)));
        });
        let Scanned { head, length: end, tail, .. } = scanned.map_err(place)?;
        if head.next_index < minimum_index {
            return Err(OpenError::BehindCheckpoint { readable_index: head.next_index, minimum_index });
        }
        let end_place = usize::try_from(end).unwrap_or(usize::MAX);
        state.bytes.truncate(end_place);
        state.synced = state.bytes.len();
        state.end = end_place;
        state.blocks = blocks;
        state.head = Some(head);
        let cut = tail.map(|tail| CutTail {
            file: DISK_NAME.to_owned(),
            offset: end,
            bytes: tail.bytes,
            block: head.next_block,
            flaw: tail.flaw,
            kept_at: None,
        });
        let journal = Self { disk: disk.clone(), head, poisoned: false };
        Ok((journal, Opened { cut }))
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, expected_block: u64, frame: &[u8]) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let mut state = self.disk.lock();
        // What another journal has appended to the same disk is known from here on, as a refused compare makes it known.
        self.head = state.head.unwrap_or(self.head);
        let (header, next) = check_append(&self.head, expected_block, frame)?;
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Conflict) {
            return Err(AppendError::Conflict { expected_block, next_block: self.head.next_block });
        }
        let end = state.end;
        state.bytes.truncate(end);
        state.synced = state.synced.min(end);
        let kept = match fault {
            Some(Fault::Write { kept }) => kept.min(frame.len()),
            _ => frame.len(),
        };
        state.bytes.extend_from_slice(frame.get(..kept).unwrap_or_default());
        if !matches!(fault, Some(Fault::Sync | Fault::IgnoredSync)) {
            state.synced = state.bytes.len();
        }
        if matches!(fault, Some(Fault::Write { .. } | Fault::Sync)) {
            self.poisoned = true;
            return Err(AppendError::Io(std::io::Error::other("fault injected into the journal in memory")));
        }
        state.blocks.push((header.first_index, end));
        state.end = state.bytes.len();
        state.head = Some(next);
        self.head = next;
        Ok(())
    }

    fn head(&self) -> Head {
        self.head
    }

    fn reader(&self) -> Box<dyn Reader> {
        Box::new(MemoryReader { disk: self.disk.clone() })
    }
}

struct MemoryReader {
    disk: MemoryDisk,
}

impl MemoryReader {
    /// Returns the block at this place in the order of appending.
    fn block(&self, number: usize) -> Result<Option<Frame>, ReadError> {
        let state = self.disk.lock();
        let Some((first_index, offset)) = state.blocks.get(number).copied() else {
            return Ok(None);
        };
        let end = state.blocks.get(number + 1).map_or(state.end, |(_, next)| *next);
        let decoded = Frame::decode(state.bytes.get(offset..end).unwrap_or_default());
        let place = |flaw| damage(u64::try_from(offset).unwrap_or(u64::MAX), first_index, Flaw::Block(flaw));
        Ok(Some(decoded.map_err(place)?))
    }
}

impl Reader for MemoryReader {
    fn head(&self) -> Head {
        self.disk.lock().head.unwrap_or(Head::EMPTY)
    }

    fn read(&self, from_block: u64) -> Blocks<'_> {
        let mut last: Option<Head> = None;
        let numbers = usize::try_from(from_block).unwrap_or(usize::MAX)..;
        let mut failed = false;
        let blocks = numbers.map_while(move |number| {
            if failed {
                return None;
            }
            let checked = self.block(number).and_then(|frame| {
                let Some(frame) = frame else { return Ok(None) };
                let header = frame.header();
                let expected = last.unwrap_or(Head {
                    next_block: u64::try_from(number).unwrap_or(u64::MAX),
                    next_index: header.first_index,
                    last_frame_hash: header.previous,
                });
                last = Some(expected.follow(header).ok_or_else(|| damage(0, expected.next_index, Flaw::Chain))?);
                Ok(Some(frame))
            });
            failed = checked.is_err();
            checked.transpose()
        });
        Box::new(blocks)
    }

    fn block_at_index(&self, index: u64) -> Result<Option<Frame>, ReadError> {
        let number = {
            let state = self.disk.lock();
            if index >= state.head.unwrap_or(Head::EMPTY).next_index {
                return Ok(None);
            }
            state.blocks.partition_point(|(first_index, _)| *first_index <= index)
        };
        match number.checked_sub(1) {
            Some(number) => self.block(number),
            None => Ok(None),
        }
    }
}

fn place(error: ScanError) -> OpenError {
    match error {
        ScanError::Damaged { offset, index, flaw } => OpenError::Damaged(damage(offset, index, flaw)),
        ScanError::Io(error) => OpenError::Io(error),
    }
}

fn damage(offset: u64, first_bad_index: u64, flaw: Flaw) -> Damage {
    Damage { file: DISK_NAME.to_owned(), offset, first_bad_index, flaw }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

const DISK_NAME: &str = "memory";

#[cfg(test)]
mod tests {
    use crate::journal::testing::{append, check, frame};
    use crate::journal::{AppendError, Fault, Journal, MemoryDisk, MemoryJournal, OpenError};

    #[test]
    fn of_two_journals_on_one_disk_the_second_to_append_is_told_so() {
        let disk = MemoryDisk::new();
        let (mut one, _) = MemoryJournal::open(&disk, 0).unwrap();
        let (mut other, _) = MemoryJournal::open(&disk, 0).unwrap();
        append(&mut one, 1);
        let stale = frame(&other.head());
        let refused = other.append(0, &stale);
        assert!(matches!(refused, Err(AppendError::Conflict { expected_block: 0, next_block: 1 })), "{refused:?}");
        append(&mut other, 1);
        assert_eq!(one.reader().head(), other.head());
    }

    #[test]
    fn an_injected_conflict_happens_once_and_changes_nothing() {
        let disk = MemoryDisk::new();
        let (mut journal, _) = MemoryJournal::open(&disk, 0).unwrap();
        disk.inject(Fault::Conflict);
        let refused = journal.append(0, &frame(&journal.head()));
        assert!(matches!(refused, Err(AppendError::Conflict { .. })), "{refused:?}");
        append(&mut journal, 2);
        check(&journal, 2);
    }

    #[test]
    fn a_disk_that_lies_about_syncing_loses_acknowledged_blocks_and_a_checkpoint_shows_it() {
        let disk = MemoryDisk::new();
        let (mut journal, _) = MemoryJournal::open(&disk, 0).unwrap();
        append(&mut journal, 2);
        disk.inject(Fault::IgnoredSync);
        append(&mut journal, 1);
        let acknowledged = journal.head().next_index;
        check(&journal, 3);
        drop(journal);
        disk.cut_power(10);
        let refused = MemoryJournal::open(&disk, acknowledged).map(|(journal, _)| journal.head());
        assert!(matches!(refused, Err(OpenError::BehindCheckpoint { .. })), "{refused:?}");
        let (journal, opened) = MemoryJournal::open(&disk, 0).unwrap();
        check(&journal, 2);
        assert_eq!(opened.cut.map(|cut| cut.bytes), Some(10));
    }

    #[test]
    fn damage_under_an_open_journal_is_reported_to_its_readers() {
        let disk = MemoryDisk::new();
        let (mut journal, _) = MemoryJournal::open(&disk, 0).unwrap();
        append(&mut journal, 3);
        let second = disk.bytes().len() / 2;
        disk.flip(second, 1);
        let reader = journal.reader();
        assert_eq!(reader.read(0).filter(Result::is_err).count(), 1);
    }
}
