//! The entries of a journal at rest, read by one thread, hashed by several, and handed on in their order.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use crate::clock::Timestamp;
use crate::entry::{Canonical, Entry, Hash};
use crate::journal::{self, VerifyError};
use crate::ledger::claims::{Fingerprint, fingerprint};
use crate::ledger::documents::Announced;
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
    /// What must fit what stands before it, or why the bytes are no entry of this ledger.
    pub(super) stated: Result<Stated<'a>, Unfit>,
    /// The file beside the entries that it announces, if it does.
    pub(super) file: Option<&'a Announced>,
}

/// What an entry states about its place among the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a> {
    /// The fingerprint of its id.
    pub(super) id: Fingerprint,
    /// Recorded at.
    pub(super) time: Timestamp,
    /// Its links as they stand in it.
    pub(super) streams: &'a str,
}

impl<'a> Stated<'a> {
    /// Reads an entry of the ledger of this origin, which must be in canonical form.
    pub(super) fn of(bytes: &'a [u8], origin: &str) -> Result<Self, Unfit> {
        let Some(Canonical { id, source, streams, time, .. }) = Canonical::read(bytes) else {
            let readable = Entry::decode(bytes).is_ok();
            return Err(if readable { Unfit::NotCanonical } else { Unfit::NotAnEntry });
        };
        if source != origin {
            return Err(Unfit::OtherLedger);
        }
        Ok(Self { id: fingerprint("id", id), time, streams })
    }
}

/// Why bytes are no entry of this ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// They cannot be read as one.
    NotAnEntry,
    /// They can be read, but are not what would be written.
    NotCanonical,
    /// It names another origin.
    OtherLedger,
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
    streams: String,
    /// The files announced, by the index of the entry.
    files: BTreeMap<u64, Announced>,
}

struct Digest {
    leaf: merkle::Hash,
    hash: Hash,
    /// Id and time, and where the entry's links end.
    stated: Result<(Fingerprint, Timestamp, usize), Unfit>,
}

impl HashedBatch {
    fn of(batch: &Batch, origin: &str) -> Self {
        let mut streams = String::with_capacity(batch.bytes.len() / 2);
        let entries: Vec<&[u8]> = batch.entries().collect();
        let digest = |(bytes, leaf): (&&[u8], merkle::Hash)| {
            let stated = Stated::of(bytes, origin).map(|stated| {
                streams.push_str(stated.streams);
                (stated.id, stated.time, streams.len())
            });
            Digest { leaf, hash: Hash::of(bytes), stated }
        };
        let digests = entries.iter().zip(merkle::leaf_hashes(&entries)).map(digest).collect();
        let files = (batch.first_index..).zip(&entries);
        let files = files.filter_map(|(index, bytes)| Some((index, Announced::of(bytes)?))).collect();
        Self { first_index: batch.first_index, digests, streams, files }
    }

    fn show(&self, show: &mut impl FnMut(&Hashed<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut start = 0;
        for (index, digest) in (self.first_index..).zip(&self.digests) {
            let stated = digest.stated.map(|(id, time, end)| {
                let streams = self.streams.get(start..end).unwrap_or_default();
                start = end;
                Stated { id, time, streams }
            });
            let file = self.files.get(&index);
            show(&Hashed { index, leaf: digest.leaf, hash: digest.hash, stated, file })?;
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

/// Large enough that handing on costs nothing beside hashing, small enough to stay in a core's cache.
const BATCH_BYTES: usize = 256 * 1024;
