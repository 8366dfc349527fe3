//! Keeps earlier moments on disk while little is entered, so that whoever looks back has little to fold.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::domain::history::Part;
use crate::ids::CustomerId;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::folds::fold;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::past::{LOOK_ENTRIES, One, due, due_archive};
use crate::ledger::rebuild::customer_in;
use crate::ledger::{Ledger, Shared, Signal};

/// Keeps up with the ledger whenever it is quiet, until it is gone: whoever looks back then has little to fold.
///
/// While much is entered nothing is kept: what it would cost is the writer's, and looking back only takes longer meanwhile.
pub(in crate::ledger) fn run(shared: &Shared, signal: &Signal) {
    let closing = || signal.closing.load(Ordering::SeqCst);
    let mut looked_at = shared.clock.elapsed();
    let mut seen = shared.state().size;
    let reached = &shared.folds.past.reached;
    shared.open_names(&closing);
    while !closing() {
        signal.wait(LOOK_EVERY);
        let (now, size) = (shared.clock.elapsed(), shared.state().size);
        let passed = now.saturating_sub(looked_at);
        // The signal comes for other reasons too.
        if passed < LOOK_EVERY {
            continue;
        }
        let busy = size.saturating_sub(seen) > QUIET_PER_SECOND.saturating_mul(passed.as_secs());
        (looked_at, seen) = (now, size);
        shared.prune_names();
        if shared.folds.past.dropped.swap(false, Ordering::SeqCst) {
            reached.store(0, Ordering::Relaxed);
        }
        if busy || size < reached.load(Ordering::Relaxed) + QUIET_LAG {
            continue;
        }
        let stop = || {
            let passed = shared.clock.elapsed().saturating_sub(now).as_secs() + 1;
            let entered = shared.state().size.saturating_sub(size);
            closing()
                || shared.folds.past.rebuilding.load(Ordering::SeqCst)
                || entered > QUIET_PER_SECOND.saturating_mul(passed)
        };
        match shared.keep_up(&stop) {
            Ok(()) if stop() => {}
            Ok(()) => reached.store(size, Ordering::Relaxed),
            Err(error) => {
                tracing::warn!(%error, "earlier moments are not kept any more");
                reached.store(0, Ordering::Relaxed);
                return;
            }
        }
    }
}

impl Ledger {
    /// Returns of how many entries earlier moments are kept: whoever looks back at a later one has more to fold.
    pub fn moments_kept(&self) -> u64 {
        self.shared.folds.past.reached.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Keeps what is due and not kept yet, until `stop`.
    fn keep_up(&self, stop: &dyn Fn() -> bool) -> Result<(), ViewError> {
        let state = self.state();
        let then = Then::all(state.size);
        self.happened(stop)?;
        if state.size > due(self.kept_sizes().last().copied().unwrap_or(0)) {
            self.fold_whole(&then, stop)?;
        }
        let mut late = Vec::new();
        for id in state.world.customer.customers.keys() {
            let version = state.heads.get(&id.stream()).map_or(0, |head| head.version);
            if version < due_archive(0) {
                continue;
            }
            let places = self.kept_places(id);
            let (from, newest) = places.last_key_value().map_or((0, 0), |(end, version)| (*end, *version));
            if version >= due_archive(newest) {
                late.push(Late { id: id.clone(), from, entries: version - newest, places });
            }
        }
        while !late.is_empty() && !stop() {
            let group = late.split_off(late.len().saturating_sub(ARCHIVES_AT_ONCE));
            let from = group.iter().map(|late| late.from).min().unwrap_or(state.size);
            let entries: u64 = group.iter().map(|late| late.entries).sum();
            // One entry found by its index costs as much as many in a row. What is corrected is not folded as it was entered.
            let corrected = |late: &Late| self.amendments(&Part::Customer(late.id.clone()), 0..state.size);
            let (group, apart): (Vec<Late>, Vec<Late>) =
                group.into_iter().partition(|late| corrected(late).is_ok_and(|amendments| amendments.count() == 0));
            for late in apart.iter().take_while(|_| !stop()) {
                self.one(&late.id, &then)?;
            }
            if entries.saturating_mul(APART) > state.size.saturating_sub(from) {
                self.keep_together(group, from..state.size.min(self.shelf.store().len()), stop)?;
                continue;
            }
            for late in group.iter().take_while(|_| !stop()) {
                self.one(&late.id, &then)?;
            }
        }
        Ok(())
    }

    /// Folds several archives in one passage through the entries, and keeps each wherever that is due.
    fn keep_together(&self, group: Vec<Late>, range: Range<u64>, stop: &dyn Fn() -> bool) -> Result<(), ViewError> {
        let mut folding: BTreeMap<Vec<u8>, (One, Late)> = BTreeMap::new();
        for late in group {
            let kept = match late.places.last_key_value() {
                None => Some(One::default()),
                Some((_, version)) => self.kept_one(&late.id, *version),
            };
            // What cannot be read any more is kept anew from the beginning.
            let (one, late) = match kept {
                Some(one) => (one, late),
                None => (One::default(), Late { from: 0, places: BTreeMap::new(), ..late }),
            };
            folding.insert(late.id.as_str().as_bytes().to_vec(), (one, late));
        }
        for item in self.shelf.store().scan(range) {
            let (index, bytes) = item?;
            if index % LOOK_ENTRIES == 0 && stop() {
                break;
            }
            let Some((one, late)) = customer_in(&bytes).and_then(|id| folding.get_mut(id)) else { continue };
            if index >= late.from {
                fold(index, &bytes, &mut |read| one.fold(read))?;
                self.keep_one(&late.id, one, index + 1, &mut late.places);
            }
        }
        for (_, late) in folding.values() {
            self.keep_places(&late.id, &late.places);
        }
        Ok(())
    }
}

/// A customer of whose archive more should be kept.
struct Late {
    id: CustomerId,
    /// Behind how many entries it is kept last.
    from: u64,
    /// How many of its entries came since.
    entries: u64,
    places: BTreeMap<u64, u64>,
}

/// How many archives are folded in one passage, and how many entries in a row cost as much as one found by its index.
const ARCHIVES_AT_ONCE: usize = 1024;
const APART: u64 = 32;

/// How often it is looked whether anything is due, how few new entries a second are quiet, and after how many it is worth a look.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const QUIET_PER_SECOND: u64 = 1024;
const QUIET_LAG: u64 = 4096;
