//! When entries had happened, by blocks of them: a question by business time passes over whatever had not, or had altogether.
//!
//! **Invariant:** a note is of entries in the store, which never change; what is not noted yet is looked at.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Timestamp;
use crate::entry::Entry;
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;

/// What is noted so far, from the first entry on.
#[derive(Default)]
pub(super) struct Happened {
    blocks: Mutex<Blocks>,
}

/// Notes that whoever asks goes by.
#[derive(Clone, Default)]
pub(super) struct Blocks(Arc<Vec<Block>>);

/// What is noted of `BLOCK` entries.
#[derive(Clone, Copy)]
struct Block {
    /// When the earliest of them had happened.
    first: Timestamp,
    /// When the latest of them and of all before them had.
    last: Timestamp,
}

impl Blocks {
    /// Returns how many entries from the first on had all happened by then, as far as is noted.
    pub(super) fn by(&self, at: Timestamp) -> u64 {
        self.0.partition_point(|block| block.last <= at) as u64 * BLOCK
    }

    /// Tells whether an entry is of a block of which nothing had happened by then.
    pub(super) fn is_after(&self, index: u64, at: Timestamp) -> bool {
        let block = usize::try_from(index / BLOCK).ok().and_then(|block| self.0.get(block));
        block.is_some_and(|block| block.first > at)
    }
}

/// Takes a range apart by blocks.
pub(super) fn apart(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let (mut from, end) = (range.start, range.end);
    std::iter::from_fn(move || {
        let next = ((from / BLOCK + 1) * BLOCK).min(end);
        let part = (from < end).then_some(from..next);
        from = next;
        part
    })
}

impl Shared {
    /// Notes what is stored and not noted yet, until `stop`.
    pub(super) fn happened(&self, stop: &dyn Fn() -> bool) -> Result<Blocks, ViewError> {
        let mut blocks = self.folds.past.happened.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        let store = self.shelf.store();
        loop {
            let from = blocks.0.len() as u64 * BLOCK;
            if from + BLOCK > store.len() || stop() {
                return Ok(blocks.clone());
            }
            let before = blocks.0.last().map(|block| block.last);
            let mut block: Option<Block> = None;
            for item in store.scan(from..from + BLOCK) {
                let (_, bytes) = item?;
                let at: Timestamp =
                    Entry::occurred_in(&bytes).and_then(|at| at.parse().ok()).ok_or(ViewError::Store)?;
                let noted = block.unwrap_or(Block { first: at, last: before.unwrap_or(at) });
                block = Some(Block { first: noted.first.min(at), last: noted.last.max(at) });
            }
            Arc::make_mut(&mut blocks.0).push(block.ok_or(ViewError::Store)?);
        }
    }
}

/// Of how many entries one note is.
const BLOCK: u64 = 256;
