//! Keeps what is derived from entries beside them: view documents, tiles of the Merkle tree, small values.
//!
//! ```text
//! document  table documents  u16 BE key length ‖ key   tag = index it reflects, zstd
//! tile      table tiles      u8 level ‖ u64 BE number   8192 plain bytes, so always two parts
//! small     table small      "meta/" ‖ key              plain
//! ```

use zstd::bulk::Compressor;

use crate::store::shelf::{Shelf, Table};
use crate::store::value::{self, Coding, Replacement, Value, ValueError};
use crate::store::{Document, WriteError};

/// The bytes of a full tile: 256 hashes of 32 bytes.
pub(crate) const TILE_BYTES: usize = 8192;

/// Puts documents in the place of those with the same keys.
pub(crate) fn put_all(
    shelf: &Shelf,
    documents: &[Document<'_>],
    compressor: &mut Compressor<'static>,
) -> Result<(), WriteError> {
    let mut sealed = Vec::with_capacity(documents.len());
    for document in documents {
        let too_large = |_| WriteError::TooLarge { bytes: document.bytes.len() };
        let key = document_key(document.key).ok_or(WriteError::TooLarge { bytes: document.key.len() })?;
        let coding = Coding::Zstd(compressor);
        sealed.push(value::seal(&key, document.index, document.bytes, coding).map_err(too_large)?);
    }
    shelf.write(Table::Documents, |tree| {
        let mut replacement = Replacement::default();
        for parts in sealed {
            replacement.put(tree, parts)?;
        }
        replacement.finish(tree)
    })
}

/// Returns a document with the index it reflects as its tag.
pub(crate) fn find(shelf: &Shelf, key: &str) -> Result<Option<Value>, ValueError> {
    let Some(key) = document_key(key) else { return Ok(None) };
    shelf.read(Table::Documents, |tree| value::read(tree, &key))
}

/// Puts a tile.
pub(crate) fn put_tile(shelf: &Shelf, level: u8, number: u64, bytes: &[u8]) -> Result<(), WriteError> {
    put_plain(shelf, Table::Tiles, &tile_key(level, number), bytes)
}

/// Returns a tile.
pub(crate) fn tile(shelf: &Shelf, level: u8, number: u64) -> Result<Option<Value>, ValueError> {
    shelf.read(Table::Tiles, |tree| value::read(tree, &tile_key(level, number)))
}

/// Puts a small value.
pub(crate) fn put_small(shelf: &Shelf, key: &str, bytes: &[u8]) -> Result<(), WriteError> {
    put_plain(shelf, Table::Small, &small_key(key), bytes)
}

/// Returns a small value.
pub(crate) fn small(shelf: &Shelf, key: &str) -> Result<Option<Value>, ValueError> {
    shelf.read(Table::Small, |tree| value::read(tree, &small_key(key)))
}

fn put_plain(shelf: &Shelf, table: Table, key: &[u8], bytes: &[u8]) -> Result<(), WriteError> {
    let parts = value::seal(key, 0, bytes, Coding::Plain).map_err(|_| WriteError::TooLarge { bytes: bytes.len() })?;
    shelf.write(table, |tree| value::replace(tree, parts))
}

/// The length in front keeps the parts of one document apart from another whose key begins the same.
fn document_key(key: &str) -> Option<Vec<u8>> {
    if key.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut bytes = u16::try_from(key.len()).ok()?.to_be_bytes().to_vec();
    bytes.extend_from_slice(key.as_bytes());
    Some(bytes)
}

fn tile_key(level: u8, number: u64) -> [u8; 9] {
    let mut key = [level; 9];
    if let Some((_, place)) = key.split_first_mut() {
        place.copy_from_slice(&number.to_be_bytes());
    }
    key
}

fn small_key(key: &str) -> Vec<u8> {
    [b"meta/", key.as_bytes()].concat()
}

/// Longer keys would make sled's nodes outgrow their limit.
const KEY_BYTES_MAX: usize = 512;
