//! Folding the stored views anew from all entries, by several threads: one reads, each of the others folds its share of the customers.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Builder};

use memchr::memrchr_iter;

use crate::domain::audit;
use crate::domain::history::Part;
use crate::entry::Entry;
use crate::ids::CustomerId;
use crate::ledger::reading::{ViewError, fold, note_corrected};
use crate::projection::Read;
use crate::projection::customer::Archive;
use crate::projection::register::Register;
use crate::store::Store;

/// The views that are stored: what concerns all customers, and each customer's archive.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) register: Register,
    pub(super) archives: BTreeMap<CustomerId, Archive>,
    /// What must be folded anew, as something of it is corrected or voided.
    pub(super) corrected: Vec<Part>,
}

impl Stored {
    /// Folds the next entry.
    pub(super) fn fold(&mut self, read: &Read<'_>) {
        self.register.fold(read);
        note_corrected(read, &mut self.corrected);
        if let Some(id) = read.customer() {
            self.archives.entry(id).or_default().fold(read);
        }
    }

    /// Takes over what was folded of other customers.
    fn merge(&mut self, other: Self) -> Result<(), ViewError> {
        self.register.merge(other.register);
        self.corrected.extend(other.corrected);
        for (id, archive) in other.archives {
            // Entries of one customer went two ways: not in the form in which they are entered, and not in order.
            if self.archives.insert(id, archive).is_some() {
                return Err(ViewError::Store);
            }
        }
        Ok(())
    }
}

/// Folds the first `size` entries of the store.
///
/// What a customer's views are is decided by the customer's own entries in their order, so customers are dealt out to the threads and no
/// decoded entry ever changes threads.
pub(super) fn fold_all(store: &Store, size: u64, progress: &mut dyn FnMut(u64)) -> Result<Stored, ViewError> {
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(LANES_MAX);
    thread::scope(|scope| {
        let mut ways_in = Vec::with_capacity(lanes);
        let mut folding = Vec::with_capacity(lanes);
        for _ in 0..lanes {
            let (way_in, batches) = sync_channel(BATCHES_WAITING);
            let lane = Builder::new().name("folding".into()).spawn_scoped(scope, move || fold_share(batches));
            folding.push(lane.map_err(|_| ViewError::Store)?);
            ways_in.push((way_in, Batch::default()));
        }
        let dealt = deal(store, size, ways_in, progress);
        let mut stored = Stored::default();
        for lane in folding {
            match lane.join() {
                Ok(share) => stored.merge(share?)?,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        dealt.map(|()| stored)
    })
}

/// Reads the entries and deals them out by their customers; those of nobody go one way.
fn deal(
    store: &Store,
    size: u64,
    mut ways_in: Vec<(SyncSender<Batch>, Batch)>,
    progress: &mut dyn FnMut(u64),
) -> Result<(), ViewError> {
    let for_auditors: Vec<&str> = audit::types().iter().map(|kind| kind.name).collect();
    for item in store.scan(0..size) {
        let (index, bytes) = item?;
        if index % PROGRESS_ENTRIES == 0 {
            progress(index);
        }
        // No stored view folds what was entered for auditors, which soon is most of a ledger.
        if Entry::kind_of(&bytes).is_some_and(|kind| for_auditors.contains(&kind)) {
            continue;
        }
        let lane = share_of(customer_in(&bytes), ways_in.len());
        let Some((way_in, batch)) = ways_in.get_mut(lane) else { return Err(ViewError::Store) };
        batch.push(index, &bytes);
        if batch.bytes.len() >= BATCH_BYTES && way_in.send(std::mem::take(batch)).is_err() {
            // That thread has failed, and says why.
            return Ok(());
        }
    }
    for (way_in, batch) in ways_in {
        if way_in.send(batch).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn fold_share(batches: Receiver<Batch>) -> Result<Stored, ViewError> {
    let mut stored = Stored::default();
    for batch in batches {
        let mut start = 0;
        for (index, end) in &batch.places {
            let bytes = batch.bytes.get(start..*end).unwrap_or_default();
            start = *end;
            fold(*index, bytes, &mut |read| stored.fold(read))?;
        }
    }
    Ok(stored)
}

/// Entries on their way, one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    /// The index of each entry, and where it ends in `bytes`.
    places: Vec<(u64, usize)>,
}

impl Batch {
    fn push(&mut self, index: u64, entry: &[u8]) {
        self.bytes.extend_from_slice(entry);
        self.places.push((index, self.bytes.len()));
    }
}

/// Returns the customer an entry concerns, as its links name it, without parsing the rest.
///
/// From the end the links are the fourth text that is a value; none of these four can hold a quote.
pub(super) fn customer_in(entry: &[u8]) -> Option<&[u8]> {
    let mut quotes = memrchr_iter(b'"', entry).skip(LINKS_FROM_END);
    let (end, start) = (quotes.next()?, quotes.next()?);
    entry.get(..start)?.ends_with(b",\"streams\":").then_some(())?;
    let links = entry.get(start + 1..end)?;
    let customer = links.split(|byte| *byte == b' ').find_map(|link| link.strip_prefix(b"customer/"))?;
    customer.split(|byte| *byte == b'@').next()
}

/// Deals a customer to one of so many threads.
fn share_of(customer: Option<&[u8]>, lanes: usize) -> usize {
    let sum = customer
        .unwrap_or_default()
        .iter()
        .fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    sum.checked_rem(lanes).unwrap_or_default()
}

/// Quotes behind the links: around the names and values of subject, time and type.
const LINKS_FROM_END: usize = 12;

/// Large enough that handing on costs nothing beside decoding.
const BATCH_BYTES: usize = 128 * 1024;

/// How many batches wait before each thread.
const BATCHES_WAITING: usize = 2;

/// More threads than this would wait for the one that reads.
const LANES_MAX: usize = 8;

const PROGRESS_ENTRIES: u64 = 1024;

#[cfg(test)]
mod tests {
    use crate::ledger::rebuild::{customer_in, share_of};

    #[test]
    fn a_customer_is_found_in_the_links_and_nowhere_else() {
        let entry = |data: &str, streams: &str| {
            let entry =
                format!(r#"{{"data":{data},"source":"x","streams":"{streams}","subject":"s","time":"0","type":"t"}}"#);
            customer_in(entry.as_bytes()).map(<[u8]>::to_vec)
        };
        assert_eq!(entry("{}", "sale/S@1:- customer/C-7@12:ab acts/E-1@3:cd"), Some(b"C-7".to_vec()));
        assert_eq!(entry("{}", "customer/C-7@1:-"), Some(b"C-7".to_vec()));
        assert_eq!(entry("{}", "acts/E-1@3:cd reads/C-7@1:-"), None);
        let posing = r#"{"a":",\"streams\":\"customer/C-8@1:-","streams":"customer/C-9@1:-"}"#;
        assert_eq!(entry(posing, "customer/C-7@1:-"), Some(b"C-7".to_vec()));
        assert_eq!(customer_in(b"{}"), None);
        assert!((0..100_u8).all(|name| share_of(Some(&[name]), 3) < 3));
    }
}
