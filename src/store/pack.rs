//! Packs thirty-two neighboring entries into one value, and keeps the packs read last.
//!
//! The raw bytes of a pack are `(u16 BE length ‖ entry)*`, as in an entry bundle of a transparency log; eight
//! packs in a row are one bundle. A pack starts at a multiple of thirty-two, so the place of an entry is known
//! without an index.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// How many entries a pack holds.
pub(crate) const PACK_ENTRIES: u64 = 32;

/// The largest entry: its length travels in sixteen bits.
pub(crate) const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Returns the index at which the pack of entry `index` starts.
pub(crate) fn first_of(index: u64) -> u64 {
    index - index % PACK_ENTRIES
}

/// Returns the key of the pack that starts at `first`.
pub(crate) fn key(first: u64) -> [u8; 8] {
    first.to_be_bytes()
}

/// Returns the raw bytes of a pack.
///
/// Entries above [`ENTRY_BYTES_MAX`] were refused before.
pub(crate) fn encode<'a>(entries: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut raw = Vec::with_capacity(32 * 1024);
    for entry in entries {
        let length = u16::try_from(entry.len()).expect("entries are measured when they are appended");
        raw.extend_from_slice(&length.to_be_bytes());
        raw.extend_from_slice(entry);
    }
    raw
}

/// The entries of one pack, unpacked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pack {
    raw: Vec<u8>,
    ends: Vec<usize>,
}

impl Pack {
    /// Divides raw bytes into entries, `None` unless they are exactly `count` whole entries.
    pub(crate) fn parse(raw: Vec<u8>, count: u64) -> Option<Self> {
        let mut ends = Vec::with_capacity(usize::try_from(PACK_ENTRIES).unwrap_or(0));
        let mut rest = raw.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            rest = after.get(usize::from(u16::from_be_bytes(*length))..)?;
            ends.push(raw.len() - rest.len());
        }
        let whole = rest.is_empty() && u64::try_from(ends.len()) == Ok(count);
        whole.then_some(Self { raw, ends })
    }

    /// Returns the entry at `place` within the pack.
    pub(crate) fn entry(&self, place: u64) -> Option<&[u8]> {
        let place = usize::try_from(place).ok()?;
        let start = match place.checked_sub(1) {
            Some(before) => *self.ends.get(before)?,
            None => 0,
        };
        self.raw.get(start + LENGTH_BYTES..*self.ends.get(place)?)
    }

    fn bytes(&self) -> usize {
        self.raw.capacity() + self.ends.capacity() * size_of::<usize>() + SLOT_BYTES
    }
}

/// The packs read last, bounded in bytes; a second chance stands in for least recently used.
#[derive(Debug)]
pub(crate) struct PackCache {
    shards: Vec<Mutex<Shard>>,
    shard_bytes_max: usize,
}

impl PackCache {
    /// Makes an empty cache that stays below `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), shard_bytes_max: bytes_max / SHARDS }
    }

    /// Returns the pack that starts at `first`, if it is here.
    pub(crate) fn find(&self, first: u64) -> Option<Arc<Pack>> {
        let mut shard = self.shard(first)?.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = shard.slots.get_mut(&first)?;
        slot.used = true;
        Some(Arc::clone(&slot.pack))
    }

    /// Keeps a pack and lets go of others that were not asked for again.
    pub(crate) fn keep(&self, first: u64, pack: &Arc<Pack>) {
        let Some(shard) = self.shard(first) else { return };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Slot { pack: Arc::clone(pack), used: false };
        if shard.slots.insert(first, slot).is_some() {
            return;
        }
        shard.bytes += pack.bytes();
        shard.queue.push_back(first);
        while shard.bytes > self.shard_bytes_max {
            let Some(oldest) = shard.queue.pop_front() else { return };
            match shard.slots.get_mut(&oldest) {
                Some(slot) if slot.used => {
                    slot.used = false;
                    shard.queue.push_back(oldest);
                }
                Some(_) | None => {
                    let freed = shard.slots.remove(&oldest).map_or(0, |slot| slot.pack.bytes());
                    shard.bytes -= freed;
                }
            }
        }
    }

    fn shard(&self, first: u64) -> Option<&Mutex<Shard>> {
        let shards = u64::try_from(self.shards.len()).ok()?;
        self.shards.get(usize::try_from((first / PACK_ENTRIES) % shards).ok()?)
    }
}

#[derive(Debug, Default)]
struct Shard {
    slots: HashMap<u64, Slot>,
    queue: VecDeque<u64>,
    bytes: usize,
}

#[derive(Debug)]
struct Slot {
    pack: Arc<Pack>,
    used: bool,
}

const SHARDS: usize = 16;
const LENGTH_BYTES: usize = 2;
const SLOT_BYTES: usize = 128;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_packed_is_unpacked(entries in vec(vec(any::<u8>(), 0..300), 0..40)) {
            let count = u64::try_from(entries.len()).unwrap();
            let pack = Pack::parse(encode(entries.iter().map(Vec::as_slice)), count).unwrap();
            for (place, entry) in (0..).zip(&entries) {
                prop_assert_eq!(pack.entry(place), Some(entry.as_slice()));
            }
            prop_assert_eq!(pack.entry(count), None);
        }

        #[test]
        fn foreign_bytes_never_make_the_parser_stumble(raw in vec(any::<u8>(), 0..300), count in 0_u64..4) {
            if let Some(pack) = Pack::parse(raw.clone(), count) {
                let entries: Vec<_> = (0..count).map(|place| pack.entry(place).unwrap()).collect();
                prop_assert_eq!(encode(entries.into_iter()), raw);
            }
        }
    }

    #[test]
    fn the_cache_stays_within_its_bytes_and_keeps_what_is_asked_for() {
        let cache = PackCache::new(SHARDS * 10_000);
        let raw = encode([[7; 1_000].as_slice()].into_iter());
        let pack = || Arc::new(Pack::parse(raw.clone().into_boxed_slice().into_vec(), 1).unwrap());
        let same_shard = PACK_ENTRIES * u64::try_from(SHARDS).unwrap();
        cache.keep(0, &pack());
        for number in 1..100 {
            assert!(cache.find(0).is_some());
            cache.keep(number * same_shard, &pack());
        }
        let shard = cache.shards[0].lock().unwrap();
        assert!(shard.bytes <= 10_000);
        assert_eq!(shard.bytes, shard.slots.values().map(|slot| slot.pack.bytes()).sum::<usize>());
        assert_eq!(shard.queue.len(), shard.slots.len());
    }
}
