//! A copy of a ring's file: read and checked wherever it stands, and never written.

use std::fs;
use std::path::Path;

use crate::seal::KeyId;
use crate::seal::ring::file::Parsed;
use crate::seal::ring::tables::Tables;
use crate::seal::ring::{Home, KeyError, OpenError, Purpose};

/// What a ring's file held when it was read: each key unwrapped, each record authenticated.
pub struct Copy {
    /// The bytes up to the last whole record.
    pub bytes: Vec<u8>,
    /// 1, and one more with each rewriting.
    pub generation: u32,
    /// How many assignments were ever made.
    pub assigned: u64,
    tables: Tables,
}

impl Copy {
    /// Reads the ring of a data directory beside whoever has it open; what was being written meanwhile is left out.
    ///
    /// # Errors
    /// As opening it; while it is being rewritten, the master key may be of another generation for a moment.
    pub fn of(home: Home<'_>) -> Result<Self, OpenError> {
        Self::read(&home.ring(), home.keys_dir, home.origin)
    }

    /// Reads a ring's file wherever it stands.
    ///
    /// # Errors
    /// There is none, it belongs to another ledger, another master key wraps it, or it is damaged.
    pub fn read(path: &Path, keys_dir: &Path, origin: &str) -> Result<Self, OpenError> {
        let mut bytes = fs::read(path).map_err(|source| OpenError::io(path, source))?;
        // Only a ring that is opened looks for its file; this one is here.
        let home = Home { data_dir: path, keys_dir, origin };
        let parsed = Parsed::of(&bytes, path, home)?;
        bytes.truncate(usize::try_from(parsed.end).unwrap_or(usize::MAX));
        Ok(Self { bytes, generation: parsed.header.generation, assigned: parsed.assigned, tables: parsed.tables })
    }

    /// Tells whether the key a seal names is here.
    ///
    /// # Errors
    /// It was destroyed, or this ring never had it.
    pub fn has(&self, id: KeyId) -> Result<(), KeyError> {
        self.tables.key(id).map(drop)
    }

    /// Tells whether a holder still has a key of a purpose that opens anything.
    pub fn holds(&self, holder: &str, purpose: Purpose) -> bool {
        self.tables.holds_any(holder, purpose)
    }
}
