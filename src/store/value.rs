//! Seals a named value with a checksum and splits it over keys whose values stay at or below 7 KiB.
//!
//! Everything the store keeps goes through here: packs, pages of runs, tiles, documents, small values.
//!
//! ```text
//! part 0   key            header (32 bytes) ‖ first bytes of the body
//! part n   key ‖ u16 BE n next bytes of the body
//! header   u8 version = 1 ‖ u8 coding (0 plain, 1 zstd) ‖ u16 BE parts ‖ u32 BE raw length ‖ u64 BE tag ‖ 16 checksum
//! checksum first 16 bytes of BLAKE3(u64 BE tag ‖ u16 BE key length ‖ key ‖ raw bytes)
//! ```
//!
//! Part 0 is written last, so a value exists when its part 0 does. The key is part of the checksum:
//! a sound value at a wrong place is damage too.

use std::cell::RefCell;
use std::io;

use sled::IVec;
use zstd::bulk::{Compressor, Decompressor};

/// The largest value handed to sled; leaves of seventeen of them still stay below its blob threshold.
pub(crate) const VALUE_BYTES_MAX: usize = 7 * 1024;

/// The largest raw value that fits into one part when stored plain.
pub(crate) const PLAIN_BYTES_MAX: usize = VALUE_BYTES_MAX - HEADER_BYTES;

/// The most keys in one sled batch; larger ones cost twice the time and far more memory.
pub(crate) const BATCH_KEYS_MAX: usize = 256;

/// The largest raw value accepted and believed.
pub(crate) const RAW_BYTES_MAX: usize = 64 * 1024 * 1024;

/// How the body of a value is written.
pub(crate) enum Coding<'a> {
    /// As it is: hashes and deltas do not shrink.
    Plain,
    /// As one zstd frame, level set by the compressor.
    Zstd(&'a mut Compressor<'static>),
}

/// A value as it was put: its tag and its raw bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Value {
    /// A number that travels with the value: the count of a pack, the index of a document.
    pub(crate) tag: u64,
    /// The bytes as they were before compression.
    pub(crate) bytes: Vec<u8>,
}

/// Why a value could not be read.
#[derive(Debug)]
pub(crate) enum ValueError {
    /// The bytes are not those that were put.
    Damaged,
    /// The disk or sled failed.
    Io(io::Error),
}

impl From<sled::Error> for ValueError {
    fn from(error: sled::Error) -> Self {
        match error {
            sled::Error::Corruption { .. } => Self::Damaged,
            error => Self::Io(error.into()),
        }
    }
}

/// The keys and bytes of one sealed value, part 0 at the end.
pub(crate) type Parts = Vec<(Vec<u8>, Vec<u8>)>;

/// Seals `raw` under `key` and splits it.
///
/// # Errors
/// `InvalidInput` when `raw` or `key` is too large, or the compressor's error.
pub(crate) fn seal(key: &[u8], tag: u64, raw: &[u8], coding: Coding<'_>) -> io::Result<Parts> {
    let key_bytes = u16::try_from(key.len()).map_err(|_| too_large("key"))?;
    if raw.len() > RAW_BYTES_MAX {
        return Err(too_large("value"));
    }
    let raw_bytes = u32::try_from(raw.len()).map_err(|_| too_large("value"))?;
    let compressed;
    let (code, body) = match coding {
        Coding::Plain => (CODE_PLAIN, raw),
        Coding::Zstd(compressor) => {
            compressed = compressor.compress(raw)?;
            if compressed.len() < raw.len() { (CODE_ZSTD, compressed.as_slice()) } else { (CODE_PLAIN, raw) }
        }
    };

    let (head, rest) = body.split_at(body.len().min(PLAIN_BYTES_MAX));
    let tail = rest.chunks(VALUE_BYTES_MAX);
    let count = u16::try_from(tail.len() + 1).map_err(|_| too_large("value"))?;

    let mut first = Vec::with_capacity(HEADER_BYTES + head.len());
    first.extend_from_slice(&[VERSION, code]);
    first.extend_from_slice(&count.to_be_bytes());
    first.extend_from_slice(&raw_bytes.to_be_bytes());
    first.extend_from_slice(&tag.to_be_bytes());
    first.extend_from_slice(&checksum(key, key_bytes, tag, raw));
    first.extend_from_slice(head);

    let mut parts: Parts = (1..count).zip(tail).map(|(part, bytes)| (part_key(key, part), bytes.to_vec())).collect();
    parts.push((key.to_vec(), first));
    Ok(parts)
}

/// Puts the parts together again and checks them against the checksum.
///
/// # Errors
/// `Damaged` for anything but exactly what [`seal`] made for this key.
pub(crate) fn unseal(key: &[u8], parts: &[IVec]) -> Result<Value, ValueError> {
    let (first, rest) = parts.split_first().ok_or(ValueError::Damaged)?;
    let header = Header::parse(first).ok_or(ValueError::Damaged)?;
    if usize::from(header.parts) != parts.len() {
        return Err(ValueError::Damaged);
    }
    let head = first.get(HEADER_BYTES..).ok_or(ValueError::Damaged)?;
    let joined;
    let body = if rest.is_empty() {
        head
    } else {
        joined = rest.iter().fold(head.to_vec(), |mut body, part| {
            body.extend_from_slice(part);
            body
        });
        &joined
    };
    let bytes = match header.code {
        CODE_PLAIN => body.to_vec(),
        CODE_ZSTD => decompress(body, header.raw_bytes)?,
        _ => return Err(ValueError::Damaged),
    };
    let key_bytes = u16::try_from(key.len()).map_err(|_| ValueError::Damaged)?;
    if bytes.len() != header.raw_bytes || checksum(key, key_bytes, header.tag, &bytes) != header.checksum {
        return Err(ValueError::Damaged);
    }
    Ok(Value { tag: header.tag, bytes })
}

/// Reads the value under `key`, `None` when there is no part 0.
///
/// A value that is being replaced meanwhile is read again, so a reader never mixes two of them.
///
/// # Errors
/// `Damaged` when parts are missing or fail their checksum.
pub(crate) fn read(tree: &sled::Tree, key: &[u8]) -> Result<Option<Value>, ValueError> {
    loop {
        let Some(first) = tree.get(key)? else {
            return Ok(None);
        };
        let before = first.clone();
        let outcome = read_rest(tree, key, first).and_then(|parts| unseal(key, &parts));
        match outcome {
            Ok(value) => return Ok(Some(value)),
            Err(error) if tree.get(key)?.as_ref() == Some(&before) => return Err(error),
            Err(_) => {}
        }
    }
}

/// Writes the parts of a value that did not exist before, part 0 last; returns the bytes written.
///
/// After a crash in between the value is absent.
pub(crate) fn write(tree: &sled::Tree, parts: Parts) -> Result<u64, sled::Error> {
    let mut written = 0;
    for (key, bytes) in parts {
        written += weight(&key, &bytes);
        tree.insert(key, bytes)?;
    }
    Ok(written)
}

/// Collects values that replace others, each whole or not at all, into batches of at most [`BATCH_KEYS_MAX`] keys.
#[derive(Default)]
pub(crate) struct Replacement {
    batch: sled::Batch,
    keys: usize,
    written: u64,
}

impl Replacement {
    /// Adds one value; applies what was collected when there is no room for it.
    ///
    /// A value of more parts than a batch may have is absent while it is written, and after a crash in between.
    pub(crate) fn put(&mut self, tree: &sled::Tree, parts: Parts) -> Result<(), sled::Error> {
        let Some(key) = parts.last().map(|(key, _)| key.clone()) else { return Ok(()) };
        let old = parts_of(tree, &key)?;
        let new = u16::try_from(parts.len()).unwrap_or(u16::MAX);
        let keys = usize::from(new.max(old));
        if self.keys + keys > BATCH_KEYS_MAX {
            self.apply(tree)?;
        }
        if keys > BATCH_KEYS_MAX {
            for part in 0..old {
                tree.remove(part_key(&key, part))?;
            }
            self.written += write(tree, parts)?;
            return Ok(());
        }
        for part in new..old {
            self.batch.remove(part_key(&key, part));
        }
        for (key, bytes) in parts {
            self.written += weight(&key, &bytes);
            self.batch.insert(key, bytes);
        }
        self.keys += keys;
        Ok(())
    }

    /// Applies what was collected; returns the bytes written since the beginning.
    pub(crate) fn finish(mut self, tree: &sled::Tree) -> Result<u64, sled::Error> {
        self.apply(tree)?;
        Ok(self.written)
    }

    fn apply(&mut self, tree: &sled::Tree) -> Result<(), sled::Error> {
        if self.keys > 0 {
            tree.apply_batch(std::mem::take(&mut self.batch))?;
            self.keys = 0;
        }
        Ok(())
    }
}

/// Writes one value in the place of another, whole or not at all.
pub(crate) fn replace(tree: &sled::Tree, parts: Parts) -> Result<u64, sled::Error> {
    let mut replacement = Replacement::default();
    replacement.put(tree, parts)?;
    replacement.finish(tree)
}

/// Returns how many parts the value under `key` has, 0 when it is absent or unreadable.
fn parts_of(tree: &sled::Tree, key: &[u8]) -> Result<u16, sled::Error> {
    Ok(tree.get(key)?.and_then(|first| Header::parse(&first)).map_or(0, |header| header.parts))
}

/// Returns the key of part `part`; part 0 has the bare key.
fn part_key(key: &[u8], part: u16) -> Vec<u8> {
    let mut part_key = key.to_vec();
    if part > 0 {
        part_key.extend_from_slice(&part.to_be_bytes());
    }
    part_key
}

/// Returns what one key and its value weigh in sled's log, roughly.
pub(crate) fn weight(key: &[u8], bytes: &[u8]) -> u64 {
    const OVERHEAD_BYTES: usize = 64;
    u64::try_from(key.len() + bytes.len() + OVERHEAD_BYTES).unwrap_or(u64::MAX)
}

fn read_rest(tree: &sled::Tree, key: &[u8], first: IVec) -> Result<Vec<IVec>, ValueError> {
    let header = Header::parse(&first).ok_or(ValueError::Damaged)?;
    let mut parts = vec![first];
    for part in 1..header.parts {
        parts.push(tree.get(part_key(key, part))?.ok_or(ValueError::Damaged)?);
    }
    Ok(parts)
}

fn decompress(body: &[u8], raw_bytes: usize) -> Result<Vec<u8>, ValueError> {
    thread_local! {
        // A decompression context is 150 KiB; making one per read would cost more than the reading.
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    DECOMPRESSOR.with_borrow_mut(|slot| {
        let decompressor = match slot {
            Some(decompressor) => decompressor,
            None => slot.insert(Decompressor::new().map_err(ValueError::Io)?),
        };
        decompressor.decompress(body, raw_bytes).map_err(|_| ValueError::Damaged)
    })
}

fn checksum(key: &[u8], key_bytes: u16, tag: u64, raw: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&tag.to_be_bytes());
    hasher.update(&key_bytes.to_be_bytes());
    hasher.update(key);
    hasher.update(raw);
    let mut checksum = [0; CHECKSUM_BYTES];
    hasher.finalize_xof().fill(&mut checksum);
    checksum
}

fn too_large(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{what} too large for the store"))
}

struct Header {
    code: u8,
    parts: u16,
    raw_bytes: usize,
    tag: u64,
    checksum: [u8; CHECKSUM_BYTES],
}

impl Header {
    fn parse(first: &[u8]) -> Option<Self> {
        let (version, rest) = first.split_first()?;
        let (code, rest) = rest.split_first()?;
        let (parts, rest) = rest.split_first_chunk()?;
        let (raw_bytes, rest) = rest.split_first_chunk()?;
        let (tag, rest) = rest.split_first_chunk()?;
        let (checksum, _) = rest.split_first_chunk()?;
        let parts = u16::from_be_bytes(*parts);
        let raw_bytes = usize::try_from(u32::from_be_bytes(*raw_bytes)).ok()?;
        let sound = *version == VERSION && parts > 0 && raw_bytes <= RAW_BYTES_MAX;
        sound.then_some(Self { code: *code, parts, raw_bytes, tag: u64::from_be_bytes(*tag), checksum: *checksum })
    }
}

const VERSION: u8 = 1;
const CODE_PLAIN: u8 = 0;
const CODE_ZSTD: u8 = 1;
const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + 1 + 2 + 4 + 8 + CHECKSUM_BYTES;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn sealed(key: &[u8], raw: &[u8]) -> Vec<IVec> {
        let mut parts = seal(key, 7, raw, Coding::Zstd(&mut Compressor::new(1).unwrap())).unwrap();
        parts.rotate_right(1);
        parts.into_iter().map(|(_, bytes)| IVec::from(bytes)).collect()
    }

    fn noise(bytes: usize) -> Vec<u8> {
        let mut noise = vec![0; bytes];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        noise
    }

    proptest! {
        #[test]
        fn what_was_sealed_is_unsealed(raw in vec(any::<u8>(), 0..40_000), key in vec(any::<u8>(), 0..40)) {
            let parts = sealed(&key, &raw);
            prop_assert!(parts.iter().all(|part| part.len() <= VALUE_BYTES_MAX));
            prop_assert_eq!(unseal(&key, &parts).unwrap(), Value { tag: 7, bytes: raw });
        }

        #[test]
        fn any_flipped_bit_is_noticed(bit in 0_usize..80_000) {
            let mut parts = sealed(b"key", &noise(10_000));
            let mut at = bit / 8;
            for part in &mut parts {
                if at < part.len() {
                    part[at] ^= 1 << (bit % 8);
                    prop_assert!(matches!(unseal(b"key", &parts), Err(ValueError::Damaged)));
                    return Ok(());
                }
                at -= part.len();
            }
        }
    }

    #[test]
    fn a_value_under_another_key_is_damage() {
        assert!(unseal(b"a", &sealed(b"a", b"value")).is_ok());
        assert!(matches!(unseal(b"b", &sealed(b"a", b"value")), Err(ValueError::Damaged)));
    }

    #[test]
    fn a_missing_part_is_damage() {
        let parts = sealed(b"key", &noise(20_000));
        assert_eq!(parts.len(), 3);
        assert!(matches!(unseal(b"key", &parts[..2]), Err(ValueError::Damaged)));
    }
}
