//! Names of people, opened once and kept in memory, for whoever looks for somebody.
//!
//! **Invariant:** an opened name stands here and nowhere else; it leaves only through the redactor.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::Value;
use zeroize::Zeroizing;

use crate::access::redactor::Opened;
use crate::ledger::Shared;
use crate::projection::SealedAt;

/// Opened names by the first half of the hash of their seals.
#[derive(Default)]
pub(super) struct Names {
    kept: RwLock<HashMap<u64, Name>>,
}

/// A name that leaves no trace in memory.
pub(super) type Name = Arc<Zeroizing<String>>;

impl Shared {
    /// Opens a sealed name; `None` once its key is gone.
    pub(super) fn opened_name(&self, seal: &str, at: &SealedAt) -> Option<Name> {
        let key = key(seal);
        let names = &self.folds.names.kept;
        if let Some(name) = names.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Some(name.clone());
        }
        let Opened::Value(Value::String(opened)) = self.open_seal(seal, &at.id, &at.kind, &at.pointer) else {
            return None;
        };
        let name: Name = Arc::new(Zeroizing::new(opened));
        names.write().unwrap_or_else(PoisonError::into_inner).insert(key, name.clone());
        Some(name)
    }

    /// Opens every name there is, so that the first search need not; `stop` ends it early.
    pub(super) fn open_names(&self, stop: &dyn Fn() -> bool) {
        let state = self.state();
        for person in state.world.person.people.values() {
            if stop() {
                return;
            }
            let (kind, pointer) = person.name.place();
            let at = SealedAt { id: person.name.entry.clone(), kind: kind.to_owned(), pointer: pointer.to_owned() };
            // An erased one cannot be opened, and is not found.
            drop(self.opened_name(&person.name.seal, &at));
        }
    }

    /// Forgets every opened name: those that may still be opened are opened again when somebody looks for them.
    pub(in crate::ledger) fn forget_names(&self) {
        self.folds.names.kept.write().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets names nobody has any more, once they are as many as those that somebody has.
    pub(super) fn prune_names(&self) {
        let live = self.state().world.person.people.len();
        if self.folds.names.kept.read().unwrap_or_else(PoisonError::into_inner).len() > live * 2 + NAMES_SPARE {
            self.forget_names();
        }
    }
}

fn key(seal: &str) -> u64 {
    let hash = blake3::hash(seal.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Individual customers have names too.
const NAMES_SPARE: usize = 65_536;
