//! Finds the entries that have a term: the latest in memory, the others in a few sorted runs.
//!
//! Every 16,384 entries a run is written; four neighbors of one tier are merged into one of the next, a few
//! postings with every append, so that no append waits for a merge. Merged runs are kept until the next flush
//! has made their successor durable.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::store::run::{Extent, Merge, Posting, Run, RunWriter, remove_unlisted, seal};
use crate::store::shelf::{Shelf, Table};
use crate::store::value::{self, ValueError};
use crate::store::{Direction, Term, WriteError};

/// How many entries are indexed in memory before a run is written.
pub(crate) const RUN_ENTRIES: u64 = 16_384;

/// An inverted index: from terms to the entries that have them.
#[derive(Debug)]
pub(crate) struct Index {
    table: Table,
    list_key: &'static [u8],
    state: RwLock<State>,
    upkeep: Mutex<Upkeep>,
}

impl Index {
    /// Loads the runs of an index and removes what a crash has left of unfinished ones.
    ///
    /// # Errors
    /// `ValueError::Damaged` as [`WriteError::Damaged`] when the list and the runs do not fit together.
    pub(crate) fn load(shelf: &Shelf, table: Table, list_key: &'static [u8]) -> Result<Self, WriteError> {
        let list = shelf.read(Table::Small, |tree| value::read(tree, list_key))?;
        let listed = match list {
            Some(list) => Extent::list_from_bytes(&list.bytes).ok_or(WriteError::Damaged)?,
            None => Vec::new(),
        };
        remove_unlisted(shelf, table, &listed)?;
        let runs = listed.iter().map(|extent| Run::load(shelf, table, *extent).map(Arc::new));
        let runs = runs.collect::<Result<Vec<_>, _>>()?;
        let mut end = 0;
        for run in &runs {
            if run.extent.first != end {
                return Err(WriteError::Damaged);
            }
            end = run.extent.end;
        }
        let next_number = runs.iter().map(|run| run.extent.number).max().map_or(0, |number| number + 1);
        Ok(Self {
            table,
            list_key,
            state: RwLock::new(State { runs, memory: Memory::new(end) }),
            upkeep: Mutex::new(Upkeep { next_number, merges: Vec::new(), replaced: Vec::new() }),
        })
    }

    /// Returns the index behind the last entry whose terms are here.
    pub(crate) fn end(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).memory.end
    }

    /// Adds the terms of entries from `first` on; those known already are passed over.
    ///
    /// Writes a run when one is full, and merges some postings for each one added.
    pub(crate) fn add<'a>(
        &self,
        shelf: &Shelf,
        first: u64,
        entries: impl Iterator<Item = &'a [Term]>,
    ) -> Result<(), WriteError> {
        let mut entries = (first..).zip(entries).peekable();
        while entries.peek().is_some() {
            let mut added = 0;
            let full = {
                let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
                for (index, terms) in entries.by_ref() {
                    added += state.memory.add(index, terms);
                    if state.memory.full() {
                        break;
                    }
                }
                state.memory.full()
            };
            let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
            if full {
                self.write_run(shelf, &mut upkeep)?;
            }
            self.merge(shelf, &mut upkeep, added * MERGED_PER_POSTING)?;
        }
        Ok(())
    }

    /// Returns up to `limit` entries within `range` that have the term, in the direction asked for.
    ///
    /// # Errors
    /// `Damaged` when a page fails its checksum.
    pub(crate) fn find(
        &self,
        shelf: &Shelf,
        term: Term,
        range: &Range<u64>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<u64>, ValueError> {
        // What is in memory is copied, the runs are held: neither can go away while pages are read.
        let (mut recent, mut runs) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            let outside = |run: &&Arc<Run>| run.extent.first < range.end && range.start < run.extent.end;
            let runs = state.runs.iter().filter(outside).filter(|run| run.may_contain(term));
            (state.memory.find(term, range), runs.map(Arc::clone).collect::<Vec<_>>())
        };
        let mut found = Vec::new();
        match direction {
            Direction::Ascending => recent.reverse(),
            Direction::Descending => {
                runs.reverse();
                recent.truncate(limit);
                found.append(&mut recent);
            }
        }
        for run in runs {
            if found.len() >= limit {
                break;
            }
            run.collect(shelf, term, range, direction, limit, &mut found)?;
        }
        found.append(&mut recent);
        found.truncate(limit);
        Ok(found)
    }

    /// Removes the runs whose successors have become durable and that nobody reads any more.
    ///
    /// To be called right after the shelf was flushed.
    pub(crate) fn remove_replaced(&self, shelf: &Shelf) -> Result<(), WriteError> {
        let mut upkeep = self.upkeep.lock().unwrap_or_else(PoisonError::into_inner);
        let (free, held) = upkeep.replaced.drain(..).partition(|run| Arc::strong_count(run) == 1);
        upkeep.replaced = held;
        let free: Vec<Arc<Run>> = free;
        free.iter().try_for_each(|run| run.remove(shelf))
    }

    /// Returns the number of runs and the memory of their fences and filters in bytes.
    #[cfg(test)]
    pub(crate) fn runs_and_bytes(&self) -> (usize, usize) {
        let state = self.state.read().unwrap();
        (state.runs.len(), state.runs.iter().map(|run| run.bytes()).sum())
    }

    fn write_run(&self, shelf: &Shelf, upkeep: &mut Upkeep) -> Result<(), WriteError> {
        let (indexes, postings) = {
            let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
            (state.memory.first..state.memory.end, state.memory.sorted())
        };
        let terms = u64::try_from(postings.chunk_by(|one, next| one.0 == next.0).count()).unwrap_or(u64::MAX);
        let end = indexes.end;
        let mut writer = RunWriter::new(self.table, upkeep.number(), 0, indexes, terms);
        for posting in postings {
            writer.push(shelf, posting)?;
        }
        let run = Arc::new(writer.finish(shelf)?);
        self.replace(shelf, &[], run, Some(end))
    }

    fn merge(&self, shelf: &Shelf, upkeep: &mut Upkeep, mut budget: u64) -> Result<(), WriteError> {
        self.begin_merges(upkeep);
        // Small tiers first: they are what keeps the number of runs low.
        let mut place = 0;
        while budget > 0
            && let Some(merge) = upkeep.merges.get_mut(place)
        {
            let done = merge.advance(shelf, budget)?;
            if done < budget {
                let (sources, run) = upkeep.merges.remove(place).finish(shelf)?;
                self.replace(shelf, &sources, Arc::new(run), None)?;
                upkeep.replaced.extend(sources);
            } else {
                place += 1;
            }
            budget -= done;
        }
        Ok(())
    }

    fn begin_merges(&self, upkeep: &mut Upkeep) {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        for tier in 0..TIER_MAX {
            let merging = upkeep.merges.iter().any(|merge| merge.tier() == tier);
            let ready = state.runs.iter().filter(|run| run.extent.tier == tier).take(MERGED_RUNS);
            let ready: Vec<Arc<Run>> = ready.map(Arc::clone).collect();
            if !merging && ready.len() == MERGED_RUNS {
                let number = upkeep.number();
                upkeep.merges.push(Merge::new(self.table, number, ready));
            }
        }
        upkeep.merges.sort_by_key(Merge::tier);
    }

    /// Puts a run in the place of others, on disk and in memory, and forgets what it took from memory.
    fn replace(
        &self,
        shelf: &Shelf,
        sources: &[Arc<Run>],
        run: Arc<Run>,
        memory_first: Option<u64>,
    ) -> Result<(), WriteError> {
        let mut runs = self.state.read().unwrap_or_else(PoisonError::into_inner).runs.clone();
        runs.retain(|kept| sources.iter().all(|source| !Arc::ptr_eq(source, kept)));
        let place = runs.partition_point(|kept| kept.extent.first < run.extent.first);
        runs.insert(place, run);

        let list = Extent::list_to_bytes(runs.iter().map(|run| &run.extent));
        let parts = seal(self.list_key, &list)?;
        shelf.write(Table::Small, |tree| value::replace(tree, parts))?;

        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.runs = runs;
        if let Some(first) = memory_first {
            state.memory = Memory::new(first);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct State {
    /// In order of their indexes, without gaps, from 0.
    runs: Vec<Arc<Run>>,
    memory: Memory,
}

#[derive(Debug)]
struct Upkeep {
    next_number: u32,
    merges: Vec<Merge>,
    replaced: Vec<Arc<Run>>,
}

impl Upkeep {
    fn number(&mut self) -> u32 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }
}

/// The postings of the latest entries: for each term a chain from its newest posting to its oldest.
#[derive(Debug)]
struct Memory {
    first: u64,
    end: u64,
    newest: HashMap<Term, u32>,
    links: Vec<Link>,
}

#[derive(Debug)]
struct Link {
    term: Term,
    offset: u32,
    /// The place of the posting before it, or its own for the oldest.
    before: u32,
}

impl Memory {
    fn new(first: u64) -> Self {
        Self { first, end: first, newest: HashMap::new(), links: Vec::new() }
    }

    fn full(&self) -> bool {
        self.end - self.first >= RUN_ENTRIES
    }

    /// Adds the terms of one entry; tells how many there are.
    fn add(&mut self, index: u64, terms: &[Term]) -> u64 {
        if index < self.end {
            return 0;
        }
        assert_eq!(index, self.end, "entries are indexed in order");
        let offset = u32::try_from(index - self.first).expect("memory holds at most RUN_ENTRIES entries");
        for term in terms {
            let place = u32::try_from(self.links.len()).expect("an entry has few terms");
            let before = self.newest.insert(*term, place).unwrap_or(place);
            self.links.push(Link { term: *term, offset, before });
        }
        self.end += 1;
        u64::try_from(terms.len()).unwrap_or(0)
    }

    /// Returns the entries within `range` that have the term, newest first, each once.
    fn find(&self, term: Term, range: &Range<u64>) -> Vec<u64> {
        let mut found = Vec::new();
        let mut next = self.newest.get(&term).copied();
        while let Some(place) = next
            && let Some(link) = usize::try_from(place).ok().and_then(|place| self.links.get(place))
        {
            let index = self.first + u64::from(link.offset);
            if index < range.start {
                break;
            }
            if index < range.end && found.last() != Some(&index) {
                found.push(index);
            }
            next = (link.before != place).then_some(link.before);
        }
        found
    }

    fn sorted(&self) -> Vec<Posting> {
        let mut postings: Vec<Posting> = self.links.iter().map(|link| (link.term, link.offset)).collect();
        postings.sort_unstable();
        postings.dedup();
        postings
    }
}

/// How many runs of one tier become one of the next.
const MERGED_RUNS: usize = 4;

/// Runs of 4,194,304 entries are merged no further: their filter takes 5 MiB, twice that during a merge.
const TIER_MAX: u8 = 4;

/// A posting is merged once per tier; twice that much work keeps every tier ahead.
const MERGED_PER_POSTING: u64 = 8;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::store::tests::Directory;

    const LIST: &[u8] = b"runs/terms";

    fn shelf(directory: &Directory) -> Shelf {
        let failed = Arc::new(AtomicBool::new(false));
        let shelf = Shelf::new(directory.path().join("index"), &[Table::Terms, Table::Small], 1 << 20, &failed);
        shelf.open().unwrap();
        shelf
    }

    fn add(index: &Index, shelf: &Shelf, indexes: Range<u64>) {
        let terms: Vec<[Term; 2]> = indexes.clone().map(terms_of).collect();
        index.add(shelf, indexes.start, terms.iter().map(<[Term; 2]>::as_slice)).unwrap();
    }

    fn terms_of(index: u64) -> [Term; 2] {
        [(index % 1_000 + 1) << 50, (index / 7 + 1) << 40 | 1]
    }

    fn check(index: &Index, shelf: &Shelf, end: u64, range: &Range<u64>, place: u64) {
        let term = (place + 1) << 50;
        let mut expected: Vec<u64> = (0..end).filter(|index| index % 1_000 == place && range.contains(index)).collect();
        assert_eq!(index.find(shelf, term, range, Direction::Ascending, usize::MAX).unwrap(), expected);
        assert_eq!(index.find(shelf, term, range, Direction::Ascending, 3).unwrap(), expected[..3.min(expected.len())]);
        expected.reverse();
        assert_eq!(index.find(shelf, term, range, Direction::Descending, usize::MAX).unwrap(), expected);
        assert_eq!(
            index.find(shelf, term, range, Direction::Descending, 2).unwrap(),
            expected[..2.min(expected.len())]
        );
    }

    #[test]
    fn terms_are_found_across_memory_runs_and_merges_and_after_reopening() {
        let directory = Directory::new("index-all");
        let shelf = shelf(&directory);
        let index = Index::load(&shelf, Table::Terms, LIST).unwrap();
        let end = RUN_ENTRIES * 9 + 100;
        for first in (0..end).step_by(1_000) {
            add(&index, &shelf, first..(first + 1_000).min(end));
        }
        let (runs, _) = index.runs_and_bytes();
        assert!(runs <= 6, "{runs} runs");
        shelf.flush().unwrap();
        index.remove_replaced(&shelf).unwrap();
        for (range, place) in [(0..end, 5), (100_000..100_001, 0), (70_000..end - 50, 999), (end..u64::MAX, 1)] {
            check(&index, &shelf, end, &range, place);
        }

        let index = Index::load(&shelf, Table::Terms, LIST).unwrap();
        assert_eq!(index.end(), RUN_ENTRIES * 9);
        add(&index, &shelf, RUN_ENTRIES * 8..end);
        check(&index, &shelf, end, &(0..end), 77);
        assert!(index.find(&shelf, 12_345, &(0..end), Direction::Ascending, 1).unwrap().is_empty());
    }

    #[test]
    fn a_term_of_one_entry_takes_less_than_eleven_bits_of_memory() {
        let directory = Directory::new("index-memory");
        let shelf = shelf(&directory);
        let index = Index::load(&shelf, Table::Terms, LIST).unwrap();
        let claims: Vec<[Term; 1]> = (0..RUN_ENTRIES * 4 + 20_000)
            .map(|index| [u64::from_be_bytes(*blake3::hash(&index.to_be_bytes()).as_bytes().first_chunk().unwrap())])
            .collect();
        for (number, claims) in (0..).zip(claims.chunks(500)) {
            index.add(&shelf, number * 500, claims.iter().map(<[Term; 1]>::as_slice)).unwrap();
        }
        let (runs, bytes) = index.runs_and_bytes();
        assert_eq!(runs, 2);
        assert!(u64::try_from(bytes).unwrap() * 8 < RUN_ENTRIES * 5 * 11);
        for (number, claim) in (0..).zip(&claims).step_by(97) {
            assert_eq!(index.find(&shelf, claim[0], &(0..u64::MAX), Direction::Ascending, 1).unwrap(), [number]);
        }
    }

    #[test]
    fn a_term_named_twice_by_one_entry_is_found_once() {
        let directory = Directory::new("index-twice");
        let shelf = shelf(&directory);
        let index = Index::load(&shelf, Table::Terms, LIST).unwrap();
        index.add(&shelf, 0, [[4, 4].as_slice(), &[4]].into_iter()).unwrap();
        assert_eq!(index.find(&shelf, 4, &(0..9), Direction::Ascending, 9).unwrap(), [0, 1]);
    }
}
