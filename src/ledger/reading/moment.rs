//! The moment a view is asked for, and what was so then.

use crate::clock::Timestamp;
use crate::domain::Refusal;
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;
use crate::ledger::state::State;

/// The moment a view is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Latest,
    /// After the entry of this index.
    Index(u64),
    /// After the last entry recorded by then.
    Instant(Timestamp),
}

impl Shared {
    /// How many entries a question looks at.
    pub(super) fn end_of(&self, state: &State, as_of: AsOf) -> Result<u64, ViewError> {
        match as_of {
            AsOf::Latest => Ok(state.size),
            AsOf::Index(index) if index < state.size => Ok(index + 1),
            AsOf::Index(_) => Err(ViewError::Refused(Refusal::field("/as_of", "beyond the last entry", "超出末条"))),
            // The entries' times rise with their indexes, so the last one by then is found by halving.
            AsOf::Instant(at) => {
                let (mut low, mut high) = (0, state.size);
                while low < high {
                    let middle = low + (high - low) / 2;
                    let entry = self.entry(middle)?.ok_or(ViewError::Store)?;
                    if entry.time <= at { low = middle + 1 } else { high = middle }
                }
                Ok(low)
            }
        }
    }

    /// Returns the state after `end` entries: what is shown as of then is decided by what was so then.
    pub(super) fn state_at(&self, state: &State, end: u64) -> Result<State, ViewError> {
        if end == state.size {
            return Ok(state.clone());
        }
        let mut then = State::default();
        for index in 0..end {
            let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
            then.fold(&bytes, &self.origin, &|part, end| self.past(part, end).ok()).map_err(|_| ViewError::Store)?;
        }
        Ok(then)
    }

    /// Returns when the last of the first `end` entries was recorded.
    pub(super) fn time_at(&self, end: u64) -> Result<Option<Timestamp>, ViewError> {
        let Some(last) = end.checked_sub(1) else { return Ok(None) };
        Ok(self.entry(last)?.map(|entry| entry.time))
    }
}
