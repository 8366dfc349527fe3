//! What may be used only once: entry ids and the ids of new subjects.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::RwLock;

use crate::store::{ReadError, Store, Term};

/// What a name is known by in memory: the first 128 bits of the BLAKE3 of its key space and itself.
pub(crate) type Fingerprint = u128;

/// Hashes a name of a key space.
pub(crate) fn fingerprint(space: &str, name: &str) -> Fingerprint {
    let hash = blake3::hash(&[space.as_bytes(), b"\0", name.as_bytes()].concat());
    hash.as_bytes().first_chunk().map_or(0, |bytes| Fingerprint::from_le_bytes(*bytes))
}

/// Returns what the store knows a name by: the first half of its fingerprint.
pub(crate) fn half(fingerprint: Fingerprint) -> Term {
    u64::try_from(fingerprint & u128::from(u64::MAX)).unwrap_or_default()
}

/// Takes bits that are spread already as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Hashes a name into the store's key space.
pub(crate) fn term(space: &str, name: &str) -> Term {
    half(fingerprint(space, name))
}

/// The claims of the last entries, kept until the store surely has them.
///
/// A door asks the store and the recent claims; the writer asks the recent ones alone, so that it never waits
/// for the store. What a door asked before `floor` moved past is asked again.
#[derive(Debug, Default)]
pub(crate) struct Recent {
    inner: RwLock<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    claims: HashMap<Term, u64, BuildHasherDefault<Spread>>,
    /// Every claim of an entry from this index on is here.
    floor: u64,
}

/// How far behind the store claims are still kept, so that no door in flight has to start over.
const MARGIN: u64 = 16_384;

impl Recent {
    /// Starts with every claim from `floor` on to be noted.
    pub(crate) fn from(floor: u64) -> Self {
        Self { inner: RwLock::new(Inner { claims: HashMap::default(), floor }) }
    }

    /// Notes the claims of entries.
    pub(crate) fn note<'a>(&self, entries: impl IntoIterator<Item = (u64, &'a [Term])>) {
        let mut inner = self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        for (index, terms) in entries {
            for term in terms {
                inner.claims.insert(*term, index);
            }
        }
    }

    /// Returns the last entry that claimed the term, or `Err` if an answer as of `checked_to` is too old to add to.
    pub(crate) fn find(&self, term: Term, checked_to: u64) -> Result<Option<u64>, TooOld> {
        let inner = self.inner.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if checked_to < inner.floor {
            return Err(TooOld);
        }
        Ok(inner.claims.get(&term).copied())
    }

    /// Forgets what the store has had for long.
    pub(crate) fn forget(&self, stored: u64) {
        let mut inner = self.inner.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Sweeping costs a pass over the map, so it waits until half of it can go.
        if stored >= inner.floor + 2 * MARGIN {
            let floor = stored - MARGIN;
            inner.claims.retain(|_, index| *index >= floor);
            inner.floor = floor;
        }
    }

    /// Asks the store and the recent claims for the last entry that claimed the term: an id that was claimed for what was yet to come is
    /// that of what has come.
    pub(crate) fn look_up(&self, store: &Store, term: Term) -> Result<(Option<u64>, u64), ReadError> {
        loop {
            let checked_to = store.len();
            let stored = store.claimed(term)?;
            if let Ok(found) = self.find(term, checked_to) {
                return Ok((found.max(stored), checked_to));
            }
        }
    }
}

/// The answer of the store is older than what the recent claims cover.
#[derive(Debug)]
pub(crate) struct TooOld;
