//! What follows behind the writer: the store, the archives in memory, the tree, the signed checkpoint, the snapshot.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use crate::domain::catalog::{self, EventType};
use crate::domain::record;
use crate::entry::Entry;
use crate::ids::EntryId;
use crate::journal::{Frame, Reader, Recompressor};
use crate::ledger::door::{holder, purpose_of};
use crate::ledger::snapshot;
use crate::ledger::state::{State, data_of};
use crate::ledger::tail::Keys;
use crate::ledger::{Shared, Signal};
use crate::proof::tile::FullTile;
use crate::proof::{merkle, tile};
use crate::seal::ring::{self, Purpose};
use crate::seal::{self, KeyId};

/// The longest the signed checkpoint stays behind (`design` §2).
const CHECKPOINT_EVERY: Duration = Duration::from_secs(1);
/// How long blocks may pile up, and how many are taken in one go: each turn costs a reading of the journal, and hashing is the
/// faster the more entries there are.
const GATHER: Duration = Duration::from_millis(10);
const PILE: usize = 256;
/// How often the follower looks up while nothing comes, and after how many such looks it signs what there is.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const IDLE_LOOKS: u32 = 10;
/// How often full segments are looked for.
const RECOMPRESS_EVERY: Duration = Duration::from_secs(5);
/// Entries between two snapshots: what a start after a crash has to fold at most, in some two seconds.
const SNAPSHOT_ENTRIES: u64 = 1 << 18;

/// The follower's own state.
pub(super) struct Follower {
    pub(super) shared: Arc<Shared>,
    pub(super) reader: Box<dyn Reader>,
    pub(super) blocks: Receiver<(u64, Arc<State>)>,
    pub(super) next_block: u64,
    pub(super) snapshot_size: u64,
    pub(super) last_checkpoint: Duration,
}

/// Why the follower ends before it is told to.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// A block cannot be read back.
    #[error("the journal cannot be read back")]
    Journal(#[from] crate::journal::ReadError),
    /// The store does not take it.
    #[error("the store cannot be written")]
    Store(#[from] crate::store::WriteError),
    /// What was read back is no entry.
    #[error("an entry read back is not an entry")]
    Entry,
    /// What was read back is not what was acknowledged.
    #[error("an entry read back is not the one that was made")]
    Altered,
    /// A checkpoint or snapshot cannot be written.
    #[error("a checkpoint cannot be written")]
    Checkpoint(#[from] std::io::Error),
    /// Nothing can be signed.
    #[error("a checkpoint cannot be signed")]
    Sign(#[from] crate::proof::checkpoint::SignError),
    /// The key ring cannot be written.
    #[error("the key ring cannot be written")]
    Ring(#[from] ring::WriteError),
}

impl Follower {
    /// Follows until the writer is gone.
    pub(super) fn run(mut self) {
        if let Err(error) = self.follow() {
            tracing::error!(error = %chained(&error), "the ledger cannot go on");
            self.shared.fail();
        }
        self.shared.signal.notify();
    }

    fn follow(&mut self) -> Result<(), FollowError> {
        let mut unsigned = false;
        let mut idle = 0_u32;
        // What a start had to fold anew is not folded again at the next one.
        let mut latest = Some(self.shared.state()).filter(|state| state.size > self.snapshot_size);
        if let Some(state) = latest.take_if(|state| state.size >= self.snapshot_size + SNAPSHOT_ENTRIES) {
            self.snapshot(&state)?;
        }
        loop {
            let received = self.blocks.recv_timeout(LOOK_EVERY);
            let closing = matches!(received, Err(RecvTimeoutError::Disconnected));
            idle = if matches!(received, Err(RecvTimeoutError::Timeout)) { idle + 1 } else { 0 };
            if let Ok(received) = received {
                if !self.shared.hurry.load(Ordering::SeqCst) {
                    std::thread::park_timeout(GATHER);
                }
                // Whatever has piled up is taken in one go.
                let (block, state) = self.blocks.try_iter().take(PILE).last().unwrap_or(received);
                self.take_blocks(block)?;
                unsigned = true;
                latest = Some(state);
            }
            let due = self.shared.clock_elapsed().saturating_sub(self.last_checkpoint) >= CHECKPOINT_EVERY
                || idle >= IDLE_LOOKS
                || self.shared.hurry.load(Ordering::SeqCst);
            if unsigned && (due || closing) {
                self.sign()?;
                unsigned = false;
                if let Some(state) =
                    latest.take_if(|state| closing || state.size >= self.snapshot_size + SNAPSHOT_ENTRIES)
                {
                    self.snapshot(&state)?;
                }
            }
            if closing {
                if let Some(state) = latest.take() {
                    self.snapshot(&state)?;
                }
                return Ok(());
            }
        }
    }

    /// Reads blocks back from the journal, up to and with `last`, and takes them over.
    fn take_blocks(&mut self, last: u64) -> Result<(), FollowError> {
        let frames = self.reader.read(self.next_block);
        let mut next = self.next_block;
        for frame in frames {
            let frame = frame?;
            self.shared.take_frame(&frame)?;
            next += 1;
            if next > last {
                break;
            }
        }
        self.next_block = next;
        let stored = self.shared.shelf.store().len();
        self.shared.shelf.forget(stored);
        self.shared.recent.forget(stored);
        self.shared.signal.notify();
        Ok(())
    }

    /// Makes durable what was taken over and signs the tree's head.
    fn sign(&mut self) -> Result<(), FollowError> {
        let assigned = self.shared.ring.flush()?;
        self.shared.refill();
        self.shared.shelf.store().flush()?;
        self.shared.sign(assigned)?;
        self.last_checkpoint = self.shared.clock_elapsed();
        Ok(())
    }

    fn snapshot(&mut self, state: &State) -> Result<(), FollowError> {
        // A store behind its snapshot is filled again from the first entry.
        self.shared.shelf.store().flush()?;
        self.shared.save_register(state.size);
        let growth = self.shared.growth();
        // The tree may be ahead of the state; a snapshot is of one index.
        if growth.size() == state.size {
            snapshot::write(&self.shared.home, &self.shared.origin, &self.shared.signing, state, &growth)?;
            self.snapshot_size = state.size;
        }
        Ok(())
    }
}

/// Recompresses full segments beside everything else, one at a time, until the ledger is gone.
pub(super) fn recompress(signal: &Signal, recompressor: &Recompressor) {
    while !signal.closing.load(Ordering::SeqCst) {
        signal.wait(RECOMPRESS_EVERY);
        if let Err(error) = recompressor.recompress_next() {
            tracing::warn!(%error, "a full segment stays as it was written");
            return;
        }
    }
}

impl Shared {
    /// Takes a block read back from the journal into store, archives in memory and tree.
    pub(super) fn take_frame(&self, frame: &Frame) -> Result<(), FollowError> {
        let first = frame.header().first_index;
        let stored = self.shelf.store().len();
        let known = usize::try_from(stored.saturating_sub(first)).unwrap_or(usize::MAX).min(frame.entries().len());
        let keys = self.keys(frame, known)?;
        let items: Vec<_> = frame.entries().skip(known).zip(&keys).map(|(bytes, keys)| keys.item(bytes)).collect();
        if !items.is_empty() {
            self.shelf.store().append(stored.max(first), &items)?;
            let entries = frame.entries().skip(known);
            self.follow_archives(stored.max(first), entries).map_err(|_| FollowError::Entry)?;
        }
        let mut full: Vec<FullTile> = Vec::new();
        // Held until the tiles are in the store: whoever reads finds a leaf in one place or the other.
        let mut growth = self.growth_mut();
        let grown = usize::try_from(growth.size().saturating_sub(first)).unwrap_or(usize::MAX);
        let entries: Vec<&[u8]> = frame.entries().skip(grown).collect();
        for leaf in merkle::leaf_hashes(&entries) {
            growth.push(leaf, &mut full);
        }
        for tile in full {
            self.shelf.store().put_tile(tile.level, tile.n, &tile::encode(&tile.hashes))?;
        }
        Ok(())
    }

    /// Returns the keys of a block's entries from the `known`th on: as the writer found them; it must have made the same bytes.
    fn keys(&self, frame: &Frame, known: usize) -> Result<Vec<Arc<Keys>>, FollowError> {
        let unknown = frame.entries().len() - known;
        let first = frame.header().first_index.saturating_add(u64::try_from(known).unwrap_or(u64::MAX));
        let mut recent = self.shelf.from(first, unknown).into_iter();
        let mut keys = Vec::with_capacity(unknown);
        for bytes in frame.entries().skip(known) {
            keys.push(match recent.next() {
                Some(made) if *made.bytes == *bytes => made.keys,
                Some(_) => return Err(FollowError::Altered),
                None => Arc::new(Keys::of(&Entry::decode(bytes).map_err(|_| FollowError::Entry)?)),
            });
        }
        Ok(keys)
    }

    /// Tells the key ring of every seal in an entry that a crash may have made it forget.
    pub(super) fn adopt(&self, entry: &Entry) -> Result<(), ring::AdoptError> {
        let mut adopted = Ok(());
        for_each_key(entry, &mut |holder, purpose, key| {
            if let Err(error) = self.ring.adopt(holder, purpose, key) {
                adopted = Err(error);
            }
        });
        adopted
    }
}

/// Visits the key of each sealed value of an entry, with whose it is and what for.
pub(super) fn for_each_key(entry: &Entry, visit: &mut dyn FnMut(&str, Purpose, KeyId)) {
    if !entry.data.contains("\"s1.") {
        return;
    }
    let mut data = data_of(&entry.data);
    let mut subject = entry.subject.clone();
    let (kind, id) = match entry.kind.as_str() {
        "approval.requested" => {
            let about = data.get("about").and_then(|about| about.as_str()).unwrap_or_default();
            subject = about.parse().unwrap_or(subject);
            let kind = data.get("proposed").and_then(|kind| kind.as_str()).unwrap_or_default().to_owned();
            data = data.get("data").cloned().unwrap_or_default();
            (kind, crate::domain::approval::approved_id(&entry.id))
        }
        kind => (kind.to_owned(), entry.id.clone()),
    };
    let Some(declared) = catalog::find(&kind) else { return };
    let customer = entry.streams.iter().find(|link| link.name.kind() == "customer").and_then(|link| link.name.id());
    let about = crate::domain::About { subject, customer: customer.and_then(|id| id.parse().ok()) };
    let of_document = data.clone();
    let mut key = |id: &EntryId, of: &EventType, pointer: &str, value: &serde_json::Value| {
        if let Some(key) = value.as_str().and_then(seal::key_id) {
            visit(&holder(&about, id, &of_document), purpose_of(of, &of_document, pointer), key);
        }
    };
    catalog::for_each_sealed(declared.fields, &mut data, &mut |pointer, value| key(&id, declared, pointer, value));
    if kind == record::CORRECTED {
        // Its values are sealed as those of the record they are about.
        let record = data.get("record").and_then(|id| id.as_str()?.parse().ok()).unwrap_or(id);
        record::for_each_sealed(&mut data, &mut |of, pointer, value| key(&record, of, pointer, value));
    }
}

/// An error with all its causes, for a log line.
pub(super) fn chained(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
