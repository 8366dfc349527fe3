//! The moment a view is asked for, by when things were recorded and by when they happened, and what was so then.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::domain::Refusal;
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;
use crate::ledger::state::State;

/// The moment of recording a view is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Latest,
    /// After the entry of this index.
    Index(u64),
    /// After the last entry recorded by then.
    Instant(Timestamp),
}

/// A moment in both times: what was recorded by one, and of that what had happened by the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// By when it was recorded.
    pub recorded: AsOf,
    /// By when it had happened, where that is asked.
    pub valid_at: Option<Timestamp>,
}

impl Moment {
    /// Tells whether it is now in both times.
    pub fn is_now(self) -> bool {
        self.recorded == AsOf::Latest && self.valid_at.is_none()
    }
}

/// What a question looks at: the first entries, and of these what had happened by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Then {
    /// How many entries.
    pub(super) end: u64,
    /// By when they must have happened.
    pub(super) valid_at: Option<Timestamp>,
    /// When it is: what begins or ends by itself is judged by this.
    pub(super) at: Timestamp,
    /// How many of the entries had all happened, so that none of them need be looked at.
    pub(super) whole: u64,
}

impl Then {
    /// Looks at all of the first `end` entries, to fold and not to judge.
    pub(super) fn all(end: u64) -> Self {
        Self { end, valid_at: None, at: Timestamp::default(), whole: end }
    }

    /// Tells whether it shows what happened at that time.
    pub(super) fn includes(&self, occurred_at: Timestamp) -> bool {
        self.valid_at.is_none_or(|valid_at| occurred_at <= valid_at)
    }

    /// Tells whether it shows everything there is.
    pub(super) fn latest(&self, state: &State) -> bool {
        self.end == state.size && self.valid_at.is_none()
    }
}

impl Shared {
    /// Finds what a question about a moment looks at.
    ///
    /// A moment recorded that cannot be looked at is refused under the name of the parameter that asked for it.
    pub(super) fn then(&self, state: &State, moment: Moment, named: &str, now: Timestamp) -> Result<Then, ViewError> {
        let end = match moment.recorded {
            AsOf::Latest => state.size,
            AsOf::Index(index) if index < state.size => index + 1,
            AsOf::Index(_) => return Err(refused(named, "beyond the last entry", "超出末条")),
            AsOf::Instant(at) if at > now.max(state.last_at) => {
                return Err(refused(named, "has not come yet", "尚未到来"));
            }
            AsOf::Instant(at) => self.recorded_by(state, at)?,
        };
        let Some(valid_at) = moment.valid_at else {
            let at = if moment.recorded == AsOf::Latest { None } else { self.time_at(end)? };
            return Ok(Then { end, valid_at: None, at: at.unwrap_or(now), whole: end });
        };
        if valid_at > now {
            return Err(refused("/valid_at", "has not come yet", "尚未到来"));
        }
        // What was recorded by then had happened; of what was recorded since, it is noted of blocks.
        let recorded = self.recorded_by(state, valid_at.minus(AHEAD_MOST))?;
        let whole = recorded.max(self.happened(&|| false)?.by(valid_at)).min(end);
        Ok(Then { end, valid_at: Some(valid_at), at: valid_at, whole })
    }

    /// Returns how many entries were recorded by then. Their times rise with their indexes, so the last one is found by halving.
    fn recorded_by(&self, state: &State, at: Timestamp) -> Result<u64, ViewError> {
        let (mut low, mut high) = (0, state.size);
        while low < high {
            let middle = low + (high - low) / 2;
            let entry = self.entry(middle)?.ok_or(ViewError::Store)?;
            if entry.time <= at { low = middle + 1 } else { high = middle }
        }
        Ok(low)
    }

    /// Returns when the last of the first `end` entries was recorded.
    fn time_at(&self, end: u64) -> Result<Option<Timestamp>, ViewError> {
        let Some(last) = end.checked_sub(1) else { return Ok(None) };
        Ok(self.entry(last)?.map(|entry| entry.time))
    }

    /// Tells whether an entry is among what a question looks at.
    pub(super) fn shows(&self, then: &Then, index: u64) -> Result<bool, ViewError> {
        if index >= then.end || then.valid_at.is_none() {
            return Ok(index < then.end);
        }
        Ok(self.entry(index)?.is_some_and(|entry| then.includes(entry.occurredat)))
    }
}

fn refused(pointer: &str, en: &str, zh: &str) -> ViewError {
    ViewError::Refused(Refusal::field(pointer, en, zh))
}

/// How far ahead of its recording something may have happened.
const AHEAD_MOST: Duration = Duration::from_secs(300);
