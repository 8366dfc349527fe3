//! The entries of a journal at rest, read by one thread, hashed by several, and handed on in their order.

use std::ops::ControlFlow;
use std::path::Path;

use crate::entry::Hash;
use crate::journal::{self, VerifyError};
use crate::ledger::pipeline::in_order;
use crate::proof::merkle;

/// What an entry's bytes alone tell about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed<'a> {
    /// Its place in the ledger.
    pub(super) index: u64,
    /// Its hash as a leaf of the tree.
    pub(super) leaf: merkle::Hash,
    /// The hash by which the next entry of a stream names it.
    pub(super) hash: Hash,
    /// Its links as they stand in it, or why it has none.
    pub(super) streams: Result<&'a str, &'static str>,
}

/// Reads and checks every block of a journal at rest and shows each entry, in order, until told to stop.
///
/// `progress` hears now and then how many entries were shown. What is damaged is reported once all entries before it were shown.
///
/// # Errors
/// What [`journal::verify`] finds, which reads to the end even where the showing has stopped; or a thread cannot be started.
pub(super) fn hash_journal(
    directory: &Path,
    origin: &str,
    mut show: impl FnMut(&Hashed<'_>) -> ControlFlow<()>,
    mut progress: impl FnMut(u64),
) -> Result<(), VerifyError> {
    let mut shown = 0;
    in_order(
        |send| read(directory, send),
        |batch| HashedBatch::of(&batch, origin),
        |batch| {
            batch.show(&mut show)?;
            shown += u64::try_from(batch.digests.len()).unwrap_or(u64::MAX);
            progress(shown);
            ControlFlow::Continue(())
        },
    )?
}

/// Entries on their way, one behind the other.
#[derive(Default)]
struct Batch {
    first_index: u64,
    bytes: Vec<u8>,
    /// Where each entry ends in `bytes`.
    ends: Vec<usize>,
}

impl Batch {
    fn starting_at(first_index: u64) -> Self {
        Self { first_index, bytes: Vec::with_capacity(BATCH_BYTES + BATCH_BYTES / 4), ends: Vec::new() }
    }

    fn push(&mut self, entry: &[u8]) {
        self.bytes.extend_from_slice(entry);
        self.ends.push(self.bytes.len());
    }

    fn entries(&self) -> impl Iterator<Item = &[u8]> {
        pieces(&self.bytes, self.ends.iter().copied())
    }
}

/// A batch as it leaves a lane.
struct HashedBatch {
    first_index: u64,
    digests: Vec<Digest>,
    /// The links of all entries, one behind the other.
    streams: Vec<u8>,
}

struct Digest {
    leaf: merkle::Hash,
    hash: Hash,
    /// Where the entry's links end, or why it has none.
    streams_end: Result<usize, &'static str>,
}

impl HashedBatch {
    fn of(batch: &Batch, origin: &str) -> Self {
        let mut streams = Vec::with_capacity(batch.bytes.len() / 2);
        let entries: Vec<&[u8]> = batch.entries().collect();
        let digest = |(bytes, leaf): (&&[u8], merkle::Hash)| {
            let streams_end = links(bytes, origin).map(|links| {
                streams.extend_from_slice(links.as_bytes());
                streams.len()
            });
            Digest { leaf, hash: Hash::of(bytes), streams_end }
        };
        let digests = entries.iter().zip(merkle::leaf_hashes(&entries)).map(digest).collect();
        Self { first_index: batch.first_index, digests, streams }
    }

    fn show(&self, show: &mut impl FnMut(&Hashed<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut start = 0;
        for (index, digest) in (self.first_index..).zip(&self.digests) {
            let streams = digest.streams_end.and_then(|end| {
                let links = self.streams.get(start..end).unwrap_or_default();
                start = end;
                std::str::from_utf8(links).map_err(|_| NOT_AN_ENTRY)
            });
            show(&Hashed { index, leaf: digest.leaf, hash: digest.hash, streams })?;
        }
        ControlFlow::Continue(())
    }
}

fn pieces(bytes: &[u8], ends: impl Iterator<Item = usize>) -> impl Iterator<Item = &[u8]> {
    let mut start = 0;
    ends.map(move |end| {
        let piece = bytes.get(start..end).unwrap_or_default();
        start = end;
        piece
    })
}

/// Returns the links of an entry of this ledger as they stand in it.
fn links<'a>(bytes: &'a [u8], origin: &str) -> Result<std::borrow::Cow<'a, str>, &'static str> {
    let text = std::str::from_utf8(bytes).map_err(|_| NOT_AN_ENTRY)?;
    let entry: Linked<'a> = serde_json::from_str(text).map_err(|_| NOT_AN_ENTRY)?;
    if entry.source == origin { Ok(entry.streams) } else { Err("it belongs to another ledger") }
}

/// The attributes of an entry that its links need.
#[derive(serde::Deserialize)]
struct Linked<'a> {
    #[serde(borrow)]
    source: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    streams: std::borrow::Cow<'a, str>,
}

/// Hands on the journal's entries in batches.
fn read(directory: &Path, send: &mut dyn FnMut(Batch) -> ControlFlow<()>) -> Result<(), VerifyError> {
    let mut batch = Batch::starting_at(0);
    let mut wanted = true;
    let read = journal::verify(directory, 0, |frame| {
        if !wanted {
            return;
        }
        for entry in frame.entries() {
            batch.push(entry);
        }
        if batch.bytes.len() >= BATCH_BYTES {
            let next = Batch::starting_at(frame.header().next_index());
            wanted = send(std::mem::replace(&mut batch, next)).is_continue();
        }
    });
    // What stands before a damaged block is shown before the damage is told.
    if wanted && !batch.ends.is_empty() {
        let _wanted = send(batch);
    }
    read.map(drop)
}

const NOT_AN_ENTRY: &str = "it is not an entry";

/// Large enough that handing on costs nothing beside hashing, small enough to stay in a core's cache.
const BATCH_BYTES: usize = 256 * 1024;
