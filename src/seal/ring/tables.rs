//! What the ring knows in memory: keys by ordinal, and ordinals by holder.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::seal::ring::{KeyError, Purpose, RingError};
use crate::seal::{HolderKey, KeyId};

/// What is known in memory: keys by ordinal, and ordinals by holder.
#[derive(Default)]
pub(super) struct Tables {
    /// Every key ever made stands at its ordinal; a destroyed one leaves its place empty.
    pub(super) keys: Vec<Option<Arc<HolderKey>>>,
    /// The ordinals nobody holds, ascending.
    pub(super) stock: VecDeque<u32>,
    /// The key of each holder for new values, by purpose.
    pub(super) holders: BTreeMap<Box<str>, [Option<u32>; 2]>,
    /// Keys beyond the first of a holder and purpose; almost always empty.
    pub(super) further: BTreeMap<Box<str>, Vec<(Purpose, u32)>>,
}

impl Tables {
    pub(super) fn key_for(&self, holder: &str, purpose: Purpose) -> Result<Option<Arc<HolderKey>>, RingError> {
        match self.first(holder, purpose) {
            None => Ok(None),
            Some(ordinal) => match self.slot(ordinal) {
                Some(Some(key)) => Ok(Some(Arc::clone(key))),
                Some(None) | None => Err(RingError::Erased { holder: holder.into() }),
            },
        }
    }

    pub(super) fn key(&self, id: KeyId) -> Result<Arc<HolderKey>, KeyError> {
        match self.slot(ordinal_of(id)) {
            Some(Some(key)) if key.id() == id => Ok(Arc::clone(key)),
            Some(None) => Err(KeyError::Destroyed),
            Some(Some(_)) | None => Err(KeyError::Unknown { key_id: id }),
        }
    }

    pub(super) fn slot(&self, ordinal: u32) -> Option<&Option<Arc<HolderKey>>> {
        self.keys.get(usize::try_from(ordinal).ok()?)
    }

    pub(super) fn first(&self, holder: &str, purpose: Purpose) -> Option<u32> {
        let [identity, private] = *self.holders.get(holder)?;
        match purpose {
            Purpose::Identity => identity,
            Purpose::Private => private,
        }
    }

    pub(super) fn holds(&self, holder: &str, purpose: Purpose, ordinal: u32) -> bool {
        self.first(holder, purpose) == Some(ordinal)
            || self.further.get(holder).is_some_and(|further| further.contains(&(purpose, ordinal)))
    }

    pub(super) fn assign(&mut self, holder: &str, purpose: Purpose, ordinal: u32) {
        if !self.holders.contains_key(holder) {
            self.holders.insert(holder.into(), [None, None]);
        }
        let [identity, private] = self.holders.entry(holder.into()).or_default();
        let first = match purpose {
            Purpose::Identity => identity,
            Purpose::Private => private,
        };
        match first {
            None => *first = Some(ordinal),
            Some(_) => self.further.entry(holder.into()).or_default().push((purpose, ordinal)),
        }
    }

    /// Every key a holder came to for a purpose.
    fn all(&self, holder: &str, purpose: Purpose) -> impl Iterator<Item = u32> {
        let further = self.further.get(holder).into_iter().flatten();
        let further = further.filter(move |(other, _)| *other == purpose).map(|(_, ordinal)| *ordinal);
        self.first(holder, purpose).into_iter().chain(further)
    }

    pub(super) fn holds_any(&self, holder: &str, purpose: Purpose) -> bool {
        self.all(holder, purpose).any(|ordinal| matches!(self.slot(ordinal), Some(Some(_))))
    }

    pub(super) fn forget(&mut self, holder: &str, purpose: Purpose) -> usize {
        let ordinals: Vec<u32> = self.all(holder, purpose).collect();
        let drop_key = |ordinal| self.keys.get_mut(usize::try_from(ordinal).ok()?).and_then(Option::take);
        ordinals.into_iter().filter_map(drop_key).count()
    }

    pub(super) fn assignments(&self) -> impl Iterator<Item = (&str, Purpose, u32)> {
        let first = self.holders.iter().flat_map(|(holder, [identity, private])| {
            let identity = identity.map(|ordinal| (&**holder, Purpose::Identity, ordinal));
            let private = private.map(|ordinal| (&**holder, Purpose::Private, ordinal));
            identity.into_iter().chain(private)
        });
        let further = self
            .further
            .iter()
            .flat_map(|(holder, further)| further.iter().map(|(purpose, ordinal)| (&**holder, *purpose, *ordinal)));
        first.chain(further)
    }

    /// Makes sure that there is a slot for every ordinal up to this one; new slots are those of destroyed keys.
    pub(super) fn extend_to(&mut self, ordinal: u32) -> Option<usize> {
        let slot = usize::try_from(ordinal).ok()?;
        if slot >= self.keys.len() {
            self.keys.resize(slot.checked_add(1)?, None);
        }
        Some(slot)
    }
}

/// Returns the place of a key in the ring, which its id begins with: so a ring that is too old knows what it lacks.
pub(super) fn ordinal_of(id: KeyId) -> u32 {
    let [a, b, c, d, ..] = id.0;
    u32::from_be_bytes([a, b, c, d])
}
