//! Writes, reads and merges runs: postings of a stretch of entries, sorted by term, in pages.
//!
//! ```text
//! key      u32 BE run ‖ u8 section ‖ u32 BE page        sections: 0 page, 1 fences, 2 filter
//! page     group*, at most 7136 bytes
//! group    varint (term − term of the group before it in the page, 0 for the first) ‖ varint count
//!          ‖ varint bytes of the offsets, only if count > 1 ‖ varint first offset ‖ varint (offset − the one before)*
//! fences   (u64 BE term ‖ u32 BE offset)*               the first posting of every page
//! filter   u64 BE*                                      see `filter.rs`
//! list     (u32 run ‖ u8 tier ‖ u64 first ‖ u64 end ‖ u32 pages ‖ u64 terms ‖ u64 postings)*, BE
//! ```
//!
//! An offset is the index of an entry less the first index of the run. Varints are LEB128. Pages, fences,
//! filters and the list are sealed values; only fences and filters stay in memory.

use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;
use std::vec;

use crate::store::filter::Filter;
use crate::store::shelf::{Shelf, Table};
use crate::store::value::{self, Coding, PLAIN_BYTES_MAX, Parts, ValueError};
use crate::store::{Direction, Term, WriteError};

/// A term and the offset of an entry that has it.
pub(crate) type Posting = (Term, u32);

/// What the list of runs says about one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The number of the run, part of every key.
    pub(crate) number: u32,
    /// How often its postings have been merged.
    pub(crate) tier: u8,
    /// The first index covered.
    pub(crate) first: u64,
    /// The index behind the last one covered.
    pub(crate) end: u64,
    /// How many pages it has.
    pub(crate) pages: u32,
    /// How many different terms it has.
    pub(crate) terms: u64,
    /// How many postings it has.
    pub(crate) postings: u64,
}

impl Extent {
    /// Returns the bytes of a list of runs.
    pub(crate) fn list_to_bytes<'a>(runs: impl Iterator<Item = &'a Self>) -> Vec<u8> {
        let mut bytes = Vec::new();
        for run in runs {
            bytes.extend_from_slice(&run.number.to_be_bytes());
            bytes.push(run.tier);
            bytes.extend_from_slice(&run.first.to_be_bytes());
            bytes.extend_from_slice(&run.end.to_be_bytes());
            bytes.extend_from_slice(&run.pages.to_be_bytes());
            bytes.extend_from_slice(&run.terms.to_be_bytes());
            bytes.extend_from_slice(&run.postings.to_be_bytes());
        }
        bytes
    }

    /// Reads a list of runs, `None` unless it is whole.
    pub(crate) fn list_from_bytes(bytes: &[u8]) -> Option<Vec<Self>> {
        let (runs, rest) = bytes.as_chunks::<EXTENT_BYTES>();
        rest.is_empty().then(|| runs.iter().map(|run| Self::parse(run)).collect())?
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (number, rest) = bytes.split_first_chunk()?;
        let (tier, rest) = rest.split_first()?;
        let (first, rest) = rest.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (pages, rest) = rest.split_first_chunk()?;
        let (terms, rest) = rest.split_first_chunk()?;
        let (postings, _) = rest.split_first_chunk()?;
        Some(Self {
            number: u32::from_be_bytes(*number),
            tier: *tier,
            first: u64::from_be_bytes(*first),
            end: u64::from_be_bytes(*end),
            pages: u32::from_be_bytes(*pages),
            terms: u64::from_be_bytes(*terms),
            postings: u64::from_be_bytes(*postings),
        })
    }
}

/// A finished run: where its pages are and what its filter says.
#[derive(Debug)]
pub(crate) struct Run {
    /// Its line in the list of runs.
    pub(crate) extent: Extent,
    table: Table,
    fences: Vec<Posting>,
    filter: Filter,
}

impl Run {
    /// Loads fences and filter of a run in the list.
    ///
    /// # Errors
    /// `Damaged` when either is missing or does not fit the list.
    pub(crate) fn load(shelf: &Shelf, table: Table, extent: Extent) -> Result<Self, ValueError> {
        let part = |section| {
            let value = shelf.read(table, |tree| value::read(tree, &key(extent.number, section, 0)))?;
            value.ok_or(ValueError::Damaged)
        };
        let fences = fences_from_bytes(&part(FENCES)?.bytes).ok_or(ValueError::Damaged)?;
        let filter = Filter::from_bytes(&part(FILTER)?.bytes).ok_or(ValueError::Damaged)?;
        if u32::try_from(fences.len()) != Ok(extent.pages) {
            return Err(ValueError::Damaged);
        }
        Ok(Self { extent, table, fences, filter })
    }

    /// Tells whether the run may have the term; `false` is certain.
    pub(crate) fn may_contain(&self, term: Term) -> bool {
        self.filter.may_contain(term)
    }

    /// Appends to `found` the entries within `range` that have the term, until `found` holds `limit`.
    ///
    /// # Errors
    /// `Damaged` when a page fails its checksum.
    pub(crate) fn collect(
        &self,
        shelf: &Shelf,
        term: Term,
        range: &Range<u64>,
        direction: Direction,
        limit: usize,
        found: &mut Vec<u64>,
    ) -> Result<(), ValueError> {
        let start = range.start.max(self.extent.first);
        let end = range.end.min(self.extent.end);
        if start >= end {
            return Ok(());
        }
        let offset = |index: u64| u32::try_from(index - self.extent.first).map_err(|_| ValueError::Damaged);
        let (low, high) = (offset(start)?, offset(end - 1)?);

        // The page whose first posting is at or before the one sought may hold it.
        let from = self.fences.partition_point(|fence| *fence <= (term, low)).saturating_sub(1);
        let to = self.fences.partition_point(|fence| *fence <= (term, high));
        let mut pages = from..to;
        while found.len() < limit {
            let page = match direction {
                Direction::Ascending => pages.next(),
                Direction::Descending => pages.next_back(),
            };
            let Some(page) = page else { break };
            let page = u32::try_from(page).map_err(|_| ValueError::Damaged)?;
            let bytes = read_page(shelf, self.table, self.extent.number, page)?;
            let offsets = offsets_of(&bytes, term).ok_or(ValueError::Damaged)?;
            let inside = offsets.into_iter().filter(|offset| (low..=high).contains(offset));
            let indexes = inside.map(|offset| self.extent.first + u64::from(offset));
            let room = limit - found.len();
            match direction {
                Direction::Ascending => found.extend(indexes.take(room)),
                Direction::Descending => found.extend(indexes.rev().take(room)),
            }
        }
        Ok(())
    }

    /// Removes all keys of the run.
    pub(crate) fn remove(&self, shelf: &Shelf) -> Result<(), WriteError> {
        remove(shelf, self.table, self.extent.number)
    }

    /// Returns the memory in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.fences.capacity() * size_of::<Posting>() + self.filter.bytes()
    }
}

/// Writes one run, posting by posting, in order.
#[derive(Debug)]
pub(crate) struct RunWriter {
    extent: Extent,
    table: Table,
    fences: Vec<Posting>,
    filter: Filter,
    page: Vec<u8>,
    page_term: Term,
    group: Option<Group>,
}

impl RunWriter {
    /// Begins a run over `indexes` with room for `terms` different terms.
    pub(crate) fn new(table: Table, number: u32, tier: u8, indexes: Range<u64>, terms: u64) -> Self {
        let extent = Extent { number, tier, first: indexes.start, end: indexes.end, pages: 0, terms: 0, postings: 0 };
        Self {
            extent,
            table,
            fences: Vec::new(),
            filter: Filter::new(terms),
            page: Vec::with_capacity(PLAIN_BYTES_MAX),
            page_term: 0,
            group: None,
        }
    }

    /// Adds a posting; postings come in order, each once.
    pub(crate) fn push(&mut self, shelf: &Shelf, (term, offset): Posting) -> Result<(), WriteError> {
        self.extent.postings += 1;
        match &mut self.group {
            Some(group) if group.term == term && self.page.len() + group.room() <= PLAIN_BYTES_MAX => {
                group.push(offset);
                return Ok(());
            }
            Some(group) if group.term == term => {}
            Some(_) | None => {
                self.extent.terms += 1;
                self.filter.insert(term);
            }
        }
        self.close_group();
        if self.page.len() + GROUP_BYTES_MAX > PLAIN_BYTES_MAX {
            self.close_page(shelf)?;
        }
        if self.page.is_empty() {
            self.fences.push((term, offset));
        }
        self.group = Some(Group::new(term, offset));
        Ok(())
    }

    /// Writes what is left, fences and filter; the run counts once it is in the list.
    pub(crate) fn finish(mut self, shelf: &Shelf) -> Result<Run, WriteError> {
        self.close_group();
        self.close_page(shelf)?;
        self.filter.fold(self.extent.terms);
        self.write(shelf, FENCES, 0, &fences_to_bytes(&self.fences))?;
        self.write(shelf, FILTER, 0, &self.filter.to_bytes())?;
        self.fences.shrink_to_fit();
        Ok(Run { extent: self.extent, table: self.table, fences: self.fences, filter: self.filter })
    }

    fn close_group(&mut self) {
        let Some(group) = self.group.take() else { return };
        write_varint(&mut self.page, group.term - self.page_term);
        write_varint(&mut self.page, group.count);
        if group.count > 1 {
            write_varint(&mut self.page, u64::try_from(group.offsets.len()).unwrap_or(u64::MAX));
        }
        self.page.extend_from_slice(&group.offsets);
        self.page_term = group.term;
    }

    fn close_page(&mut self, shelf: &Shelf) -> Result<(), WriteError> {
        if self.page.is_empty() {
            return Ok(());
        }
        self.write(shelf, PAGE, self.extent.pages, &self.page)?;
        self.extent.pages += 1;
        self.page.clear();
        self.page_term = 0;
        Ok(())
    }

    fn write(&self, shelf: &Shelf, section: u8, page: u32, raw: &[u8]) -> Result<(), WriteError> {
        let parts = seal(&key(self.extent.number, section, page), raw)?;
        shelf.write(self.table, |tree| value::write(tree, parts))
    }
}

/// Merges neighboring runs into one, a few postings at a time.
#[derive(Debug)]
pub(crate) struct Merge {
    /// The runs that the result replaces, in order of their indexes.
    pub(crate) sources: Vec<Arc<Run>>,
    cursors: Vec<Cursor>,
    writer: RunWriter,
}

impl Merge {
    /// Begins to merge runs that follow each other, the oldest first.
    pub(crate) fn new(table: Table, number: u32, sources: Vec<Arc<Run>>) -> Self {
        let first = sources.first().map_or(0, |run| run.extent.first);
        let end = sources.last().map_or(0, |run| run.extent.end);
        let tier = sources.iter().map(|run| run.extent.tier).max().map_or(0, |tier| tier.saturating_add(1));
        let terms = sources.iter().map(|run| run.extent.terms).sum();
        let cursors = sources.iter().map(|run| Cursor::new(run, first)).collect();
        Self { sources, cursors, writer: RunWriter::new(table, number, tier, first..end, terms) }
    }

    /// Returns the tier of the runs being merged.
    pub(crate) fn tier(&self) -> u8 {
        self.sources.iter().map(|run| run.extent.tier).max().unwrap_or(0)
    }

    /// Merges up to `budget` postings; tells how many it did, fewer only when it is at the end.
    ///
    /// # Errors
    /// Also when a page of a source is damaged.
    pub(crate) fn advance(&mut self, shelf: &Shelf, budget: u64) -> Result<u64, WriteError> {
        for done in 0..budget {
            let mut least: Option<(Posting, usize)> = None;
            for (place, cursor) in self.cursors.iter_mut().enumerate() {
                match cursor.peek(shelf).map_err(WriteError::from)? {
                    Some(posting) if least.is_none_or(|(least, _)| posting < least) => least = Some((posting, place)),
                    Some(_) | None => {}
                }
            }
            let Some((posting, place)) = least else {
                return Ok(done);
            };
            if let Some(cursor) = self.cursors.get_mut(place) {
                cursor.postings.next();
            }
            self.writer.push(shelf, posting)?;
        }
        Ok(budget)
    }

    /// Writes the rest of the merged run.
    pub(crate) fn finish(self, shelf: &Shelf) -> Result<(Vec<Arc<Run>>, Run), WriteError> {
        Ok((self.sources, self.writer.finish(shelf)?))
    }
}

/// Removes the keys of every run that is not in the list: the leavings of a crash.
pub(crate) fn remove_unlisted(shelf: &Shelf, table: Table, listed: &[Extent]) -> Result<(), WriteError> {
    let mut from = Some(0_u32);
    while let Some(number) = from {
        let next = shelf.read(table, |tree| match tree.range(number.to_be_bytes()..).keys().next() {
            Some(key) => Ok(key?.first_chunk().copied().map(u32::from_be_bytes)),
            None => Ok(None),
        });
        let Some(number) = next.map_err(WriteError::from)? else { break };
        if listed.iter().all(|run| run.number != number) {
            remove(shelf, table, number)?;
        }
        from = number.checked_add(1);
    }
    Ok(())
}

/// Seals an uncompressed value; everything a run is made of fits.
pub(crate) fn seal(key: &[u8], raw: &[u8]) -> Result<Parts, WriteError> {
    value::seal(key, 0, raw, Coding::Plain).map_err(|_| WriteError::TooLarge { bytes: raw.len() })
}

fn remove(shelf: &Shelf, table: Table, number: u32) -> Result<(), WriteError> {
    loop {
        let mut removed = 0;
        shelf.write(table, |tree| {
            let mut batch = sled::Batch::default();
            for key in tree.scan_prefix(number.to_be_bytes()).keys().take(value::BATCH_KEYS_MAX) {
                let key = key?;
                removed += value::weight(&key, &[]);
                batch.remove(key);
            }
            tree.apply_batch(batch)?;
            Ok(removed)
        })?;
        if removed == 0 {
            return Ok(());
        }
    }
}

/// Walks through the postings of one run.
#[derive(Debug)]
struct Cursor {
    run: Arc<Run>,
    shift: u64,
    page: u32,
    postings: Peekable<vec::IntoIter<Posting>>,
}

impl Cursor {
    /// Begins at the first posting; offsets are counted from `base`.
    fn new(run: &Arc<Run>, base: u64) -> Self {
        let shift = run.extent.first - base;
        Self { run: Arc::clone(run), shift, page: 0, postings: Vec::new().into_iter().peekable() }
    }

    fn peek(&mut self, shelf: &Shelf) -> Result<Option<Posting>, ValueError> {
        while self.postings.peek().is_none() && self.page < self.run.extent.pages {
            let bytes = read_page(shelf, self.run.table, self.run.extent.number, self.page)?;
            let postings = postings_of(&bytes, self.shift).ok_or(ValueError::Damaged)?;
            self.postings = postings.into_iter().peekable();
            self.page += 1;
        }
        Ok(self.postings.peek().copied())
    }
}

/// The postings of one term that are being written to a page.
#[derive(Debug)]
struct Group {
    term: Term,
    count: u64,
    last: u32,
    offsets: Vec<u8>,
}

impl Group {
    fn new(term: Term, offset: u32) -> Self {
        let mut offsets = Vec::new();
        write_varint(&mut offsets, u64::from(offset));
        Self { term, count: 1, last: offset, offsets }
    }

    fn push(&mut self, offset: u32) {
        write_varint(&mut self.offsets, u64::from(offset - self.last));
        self.count += 1;
        self.last = offset;
    }

    /// Returns the bytes the group would need at most with one posting more.
    fn room(&self) -> usize {
        GROUP_BYTES_MAX + self.offsets.len()
    }
}

fn read_page(shelf: &Shelf, table: Table, run: u32, page: u32) -> Result<Vec<u8>, ValueError> {
    let value = shelf.read(table, |tree| value::read(tree, &key(run, PAGE, page)))?;
    Ok(value.ok_or(ValueError::Damaged)?.bytes)
}

fn key(run: u32, section: u8, page: u32) -> [u8; 9] {
    let mut key = [section; 9];
    let (number, rest) = key.split_at_mut(4);
    number.copy_from_slice(&run.to_be_bytes());
    if let Some((_, place)) = rest.split_first_mut() {
        place.copy_from_slice(&page.to_be_bytes());
    }
    key
}

/// Returns the offsets of one term in a page, `None` when the page is not well formed.
fn offsets_of(page: &[u8], sought: Term) -> Option<Vec<u32>> {
    let mut rest = page;
    let mut term = 0_u64;
    while !rest.is_empty() {
        term = term.checked_add(read_varint(&mut rest)?)?;
        let group = read_group(&mut rest)?;
        if term == sought {
            return group.offsets();
        }
        if term > sought {
            break;
        }
    }
    Some(Vec::new())
}

/// Returns all postings of a page, `None` when the page is not well formed.
fn postings_of(page: &[u8], shift: u64) -> Option<Vec<Posting>> {
    let mut rest = page;
    let mut term = 0_u64;
    let mut postings = Vec::with_capacity(page.len() / 4);
    while !rest.is_empty() {
        term = term.checked_add(read_varint(&mut rest)?)?;
        for offset in read_group(&mut rest)?.offsets()? {
            postings.push((term, u32::try_from(u64::from(offset) + shift).ok()?));
        }
    }
    Some(postings)
}

struct RawGroup<'a> {
    count: u64,
    bytes: &'a [u8],
}

impl RawGroup<'_> {
    fn offsets(&self) -> Option<Vec<u32>> {
        let mut rest = self.bytes;
        let mut offsets = Vec::with_capacity(self.bytes.len());
        let mut offset = 0_u64;
        for _ in 0..self.count {
            offset = offset.checked_add(read_varint(&mut rest)?)?;
            offsets.push(u32::try_from(offset).ok()?);
        }
        rest.is_empty().then_some(offsets)
    }
}

fn read_group<'a>(rest: &mut &'a [u8]) -> Option<RawGroup<'a>> {
    let count = read_varint(rest)?;
    let bytes = if count > 1 {
        usize::try_from(read_varint(rest)?).ok()?
    } else {
        // The only offset ends at the first byte without a continuation bit.
        rest.iter().position(|byte| *byte < 0x80)? + 1
    };
    let (bytes, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(RawGroup { count, bytes })
}

fn write_varint(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

fn read_varint(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        number |= bits << shift;
        if *byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn fences_to_bytes(fences: &[Posting]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(fences.len() * FENCE_BYTES);
    for (term, offset) in fences {
        bytes.extend_from_slice(&term.to_be_bytes());
        bytes.extend_from_slice(&offset.to_be_bytes());
    }
    bytes
}

fn fences_from_bytes(bytes: &[u8]) -> Option<Vec<Posting>> {
    let (fences, rest) = bytes.as_chunks::<FENCE_BYTES>();
    let parse = |fence: &[u8; FENCE_BYTES]| {
        let (term, rest) = fence.split_first_chunk()?;
        let (offset, _) = rest.split_first_chunk()?;
        Some((u64::from_be_bytes(*term), u32::from_be_bytes(*offset)))
    };
    rest.is_empty().then(|| fences.iter().map(parse).collect())?
}

const PAGE: u8 = 0;
const FENCES: u8 = 1;
const FILTER: u8 = 2;
const FENCE_BYTES: usize = 12;
const EXTENT_BYTES: usize = 4 + 1 + 8 + 8 + 4 + 8 + 8;

/// Term, count, byte length and two offsets at their longest.
const GROUP_BYTES_MAX: usize = 10 + 3 + 3 + 5 + 5;

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::store::tests::Directory;

    fn shelf(directory: &Directory) -> Shelf {
        let failed = Arc::new(AtomicBool::new(false));
        let shelf = Shelf::new(directory.path().join("index"), &[Table::Terms], 1 << 20, &failed);
        shelf.open().unwrap();
        shelf
    }

    fn written(shelf: &Shelf, number: u32, indexes: Range<u64>, postings: &[Posting]) -> Run {
        let mut writer = RunWriter::new(Table::Terms, number, 0, indexes, 10);
        for posting in postings {
            writer.push(shelf, *posting).unwrap();
        }
        writer.finish(shelf).unwrap()
    }

    fn collected(
        shelf: &Shelf,
        run: &Run,
        term: Term,
        range: Range<u64>,
        direction: Direction,
        limit: usize,
    ) -> Vec<u64> {
        let mut found = Vec::new();
        run.collect(shelf, term, &range, direction, limit, &mut found).unwrap();
        found
    }

    #[test]
    fn a_term_over_many_pages_is_found_in_both_directions_within_any_range() {
        let directory = Directory::new("run-pages");
        let shelf = shelf(&directory);
        let mut postings: Vec<Posting> = (0..20_000).map(|offset| (5, offset * 200)).collect();
        postings.insert(0, (1, 7));
        postings.push((u64::MAX, 9));
        let run = written(&shelf, 3, 1_000..5_000_000, &postings);
        assert!(run.extent.pages > 3);
        let run = Run::load(&shelf, Table::Terms, run.extent).unwrap();
        let all: Vec<u64> = (0..20_000).map(|offset| 1_000 + offset * 200).collect();
        assert_eq!(collected(&shelf, &run, 5, 0..u64::MAX, Direction::Ascending, usize::MAX), all);
        let mut back = all.clone();
        back.reverse();
        assert_eq!(collected(&shelf, &run, 5, 0..u64::MAX, Direction::Descending, usize::MAX), back);
        assert_eq!(collected(&shelf, &run, 5, 1_001..1_601, Direction::Ascending, 9), [1_200, 1_400, 1_600]);
        assert_eq!(collected(&shelf, &run, 5, 2_000_000..2_000_601, Direction::Descending, 2), [2_000_600, 2_000_400]);
        assert_eq!(collected(&shelf, &run, 1, 0..u64::MAX, Direction::Descending, 2), [1_007]);
        assert_eq!(collected(&shelf, &run, u64::MAX, 0..u64::MAX, Direction::Ascending, 2), [1_009]);
        assert!(collected(&shelf, &run, 4, 0..u64::MAX, Direction::Ascending, 2).is_empty());
        assert!(run.bytes() < 1_000);
    }

    #[test]
    fn merged_runs_hold_the_same_postings_and_the_sources_can_go() {
        let directory = Directory::new("run-merge");
        let shelf = shelf(&directory);
        let all: Vec<(Term, u64)> = (0..9_000_u64).map(|index| (index % 700 * 1_000_003, index)).collect();
        let sources: Vec<Arc<Run>> = (0..3_u32)
            .map(|number| {
                let indexes = u64::from(number) * 3_000..u64::from(number + 1) * 3_000;
                let inside = all.iter().filter(|(_, index)| indexes.contains(index));
                let mut postings: Vec<Posting> =
                    inside.map(|(term, index)| (*term, u32::try_from(index - indexes.start).unwrap())).collect();
                postings.sort_unstable();
                Arc::new(written(&shelf, number, indexes, &postings))
            })
            .collect();
        let mut merge = Merge::new(Table::Terms, 3, sources);
        while merge.advance(&shelf, 100).unwrap() == 100 {}
        let (sources, run) = merge.finish(&shelf).unwrap();
        assert_eq!((run.extent.terms, run.extent.postings, run.extent.tier), (700, 9_000, 1));
        for source in sources {
            source.remove(&shelf).unwrap();
        }
        for place in 0..700 {
            let expected: Vec<u64> = (0..9_000).filter(|index| index % 700 == place).collect();
            let term = place * 1_000_003;
            assert!(run.may_contain(term));
            assert_eq!(collected(&shelf, &run, term, 0..9_000, Direction::Ascending, usize::MAX), expected);
        }
        remove_unlisted(&shelf, Table::Terms, &[run.extent]).unwrap();
        assert!(Run::load(&shelf, Table::Terms, run.extent).is_ok());
        remove_unlisted(&shelf, Table::Terms, &[]).unwrap();
        assert!(shelf.read(Table::Terms, |tree| Ok(tree.is_empty())).unwrap());
    }

    proptest! {
        #[test]
        fn every_number_survives_its_varint(number in any::<u64>()) {
            for number in [number, number >> 32, number & 127, u64::MAX] {
                let mut bytes = Vec::new();
                write_varint(&mut bytes, number);
                let mut rest = bytes.as_slice();
                prop_assert_eq!(read_varint(&mut rest), Some(number));
                prop_assert!(rest.is_empty());
            }
        }

        #[test]
        fn foreign_pages_never_make_the_reader_stumble(page in vec(any::<u8>(), 0..200)) {
            let postings = postings_of(&page, 0);
            let offsets = offsets_of(&page, 77);
            prop_assert!(postings.is_none() || offsets.is_some());
        }

        #[test]
        fn the_list_of_runs_survives_its_bytes(number in any::<u32>(), tier in any::<u8>(), first in any::<u64>()) {
            let pages = number / 2;
            let run = Extent { number, tier, first, end: first, pages, terms: first / 2, postings: first / 3 };
            let bytes = Extent::list_to_bytes([&run, &run].into_iter());
            prop_assert_eq!(Extent::list_from_bytes(&bytes), Some(vec![run, run]));
            prop_assert_eq!(Extent::list_from_bytes(&bytes[1..]), None);
        }
    }
}
