//! The tree as C2SP tiles: its growing right edge, proofs of any size out of tiles, and the paths tiles are fetched under.
//!
//! A tile is 256 neighboring hashes of one level. Hash `i` of tile `n` on level `l` is the root over the leaves
//! `(n·256+i)·256^l .. (n·256+i+1)·256^l`, so a level-1 hash stands for a full level-0 tile, and so on upward. Full tiles never
//! change; the last tile of each level is partial and is what a [`Growth`] holds.

use std::collections::BTreeMap;
use std::mem;

use serde::{Deserialize, Serialize};

use crate::proof::merkle::{self, Hash};

/// Full tiles, from wherever they are kept.
pub trait Tiles {
    /// Why a tile could not be read.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Returns the 256 hashes of full tile `n` on `level`, or `None` if there is no such tile.
    fn full(&self, level: u8, n: u64) -> Result<Option<Vec<Hash>>, Self::Error>;
}

impl<T: Tiles + ?Sized> Tiles for &T {
    type Error = T::Error;

    fn full(&self, level: u8, n: u64) -> Result<Option<Vec<Hash>>, Self::Error> {
        (**self).full(level, n)
    }
}

/// A tile that just became full and will never change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// The level, 0 for leaf hashes.
    pub level: u8,
    /// The place among the tiles of its level.
    pub n: u64,
    /// Exactly 256 hashes.
    pub hashes: Vec<Hash>,
}

/// The right edge of a growing tree: the partial tile of every level.
///
/// With the full tiles it is the whole tree; by itself it is enough to go on appending and to know the root. Deserializing
/// refuses widths that do not belong to the size, but cannot know whether the hashes are right: compare [`Growth::root`] with
/// a signed checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Growth {
    size: u64,
    partials: Vec<Vec<Hash>>,
}

impl Growth {
    /// Returns the tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a tree of `size` leaves from its partial tiles, one per level from 0 up to the highest that is not empty.
    ///
    /// Levels above the last given count as empty.
    pub fn from_partials(size: u64, partials: Vec<Vec<Hash>>) -> Result<Self, PartialsError> {
        let mut partials = partials;
        partials.resize_with(partials.len().max(level_count(size)), Vec::new);
        for (level, partial) in (0..LEVELS).zip(&partials) {
            if partial.len() != width(size, level) {
                return Err(PartialsError { level, found: partial.len(), expected: width(size, level) });
            }
        }
        if let Some(surplus) = partials.iter().skip(usize::from(LEVELS)).find(|partial| !partial.is_empty()) {
            return Err(PartialsError { level: LEVELS, found: surplus.len(), expected: 0 });
        }
        partials.truncate(level_count(size));
        Ok(Self { size, partials })
    }

    /// Takes up a tree of `size` leaves from its full tiles and the `size % 256` leaf hashes after the last full one.
    ///
    /// Reads at most 255 full tiles per level and hashes each again.
    pub fn rebuild<T: Tiles>(size: u64, leaves: Vec<Hash>, tiles: &T) -> Result<Self, ReadError<T::Error>> {
        if leaves.len() != width(size, 0) {
            return Err(ReadError::Width { level: 0, n: fulls(size, 0), found: leaves.len() });
        }
        let mut partials = vec![leaves];
        for level in 1..level_count_u8(size) {
            let below = level - 1;
            let first = fulls(size, level) << TILE_BITS;
            let mut partial = Vec::with_capacity(TILE_HASHES);
            for n in first..fulls(size, below) {
                partial.push(merkle::root(&read(tiles, below, n)?));
            }
            partials.push(partial);
        }
        partials.truncate(level_count(size));
        Ok(Self { size, partials })
    }

    /// Appends one leaf, and appends to `completed` the tiles it fills: none usually, one in 256, two in 65,536.
    ///
    /// Allocates only when a tile is filled or a level begins.
    pub fn push(&mut self, leaf: Hash, completed: &mut Vec<FullTile>) {
        let index = self.size;
        self.size = index.checked_add(1).expect("no ledger has 2^64 entries");
        let mut rising = leaf;
        for level in 0_u8..LEVELS {
            if self.partials.len() <= usize::from(level) {
                self.partials.push(Vec::with_capacity(TILE_HASHES));
            }
            let Some(partial) = self.partials.get_mut(usize::from(level)) else { return };
            partial.push(rising);
            if partial.len() < TILE_HASHES {
                return;
            }
            let hashes = mem::replace(partial, Vec::with_capacity(TILE_HASHES));
            rising = merkle::root(&hashes);
            completed.push(FullTile { level, n: fulls(index, level), hashes });
        }
    }

    /// Returns the number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Returns the root over all leaves.
    ///
    /// Hashes the partial tiles again: at most 255 node hashes per level, some twenty microseconds each.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = Vec::new();
        for partial in self.partials.iter().rev() {
            let mut rest = partial.as_slice();
            for bit in (0..TILE_BITS).rev() {
                if let Some((peak, after)) = rest.split_at_checked(1 << bit) {
                    peaks.push(merkle::root(peak));
                    rest = after;
                }
            }
        }
        merkle::root_of_peaks(&peaks)
    }

    /// Returns the partial tile of a level: fewer than 256 hashes, none if the level ends in a full tile or has not begun.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.partials.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// Returns the number of full tiles on a level.
    #[must_use]
    pub fn full_tiles(&self, level: u8) -> u64 {
        fulls(self.size, level)
    }

    /// Returns the number of levels that hold at least one hash in a tile, full or partial.
    #[must_use]
    pub fn levels(&self) -> u8 {
        level_count_u8(self.size)
    }
}

/// Returns the path that proves leaf `index` in the tree of the first `size` leaves, leaf sibling first.
///
/// Any `size` up to `growth.size()` will do. For many proofs from the same tiles keep one [`Prover`].
pub fn inclusion<T: Tiles>(
    index: u64,
    size: u64,
    growth: &Growth,
    tiles: &T,
) -> Result<Vec<Hash>, ReadError<T::Error>> {
    Prover::new(growth, tiles).inclusion(index, size)
}

/// Returns the path that proves the tree of `old` leaves a prefix of the tree of `new` leaves; empty if `old` is 0 or `new`.
pub fn consistency<T: Tiles>(old: u64, new: u64, growth: &Growth, tiles: &T) -> Result<Vec<Hash>, ReadError<T::Error>> {
    Prover::new(growth, tiles).consistency(old, new)
}

/// Returns the root of the tree of the first `size` leaves.
pub fn root_at<T: Tiles>(size: u64, growth: &Growth, tiles: &T) -> Result<Hash, ReadError<T::Error>> {
    Prover::new(growth, tiles).root_at(size)
}

/// Proves about every size a tree ever had, keeping what it read and computed for the next proof.
///
/// It does not check the tiles it reads: a wrong tile makes a wrong path, which its verifier refuses.
#[derive(Debug)]
pub struct Prover<'a, T: Tiles> {
    growth: &'a Growth,
    tiles: &'a T,
    read: BTreeMap<(u8, u64), Vec<Hash>>,
    /// Roots already computed, by height and index: proofs from one tree share most of their upper part.
    nodes: BTreeMap<(u32, u64), Hash>,
}

impl<'a, T: Tiles> Prover<'a, T> {
    /// Returns a prover over the full tiles and the right edge of one tree.
    pub fn new(growth: &'a Growth, tiles: &'a T) -> Self {
        Self { growth, tiles, read: BTreeMap::new(), nodes: BTreeMap::new() }
    }

    /// Returns the path that proves leaf `index` in the tree of the first `size` leaves, leaf sibling first.
    pub fn inclusion(&mut self, index: u64, size: u64) -> Result<Vec<Hash>, ReadError<T::Error>> {
        self.check(size)?;
        if index >= size {
            return Err(ReadError::Beyond { asked: index, size });
        }
        // PATH(m, D[n]) of RFC 6962 §2.1.1, from the root down.
        let mut path = Vec::new();
        let (mut start, mut end) = (0, size);
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
            }
        }
        path.reverse();
        Ok(path)
    }

    /// Returns the path that proves the tree of `old` leaves a prefix of the tree of `new` leaves.
    ///
    /// It is empty if `old` is 0 or equals `new`.
    pub fn consistency(&mut self, old: u64, new: u64) -> Result<Vec<Hash>, ReadError<T::Error>> {
        self.check(new)?;
        if old > new {
            return Err(ReadError::Beyond { asked: old, size: new });
        }
        let mut path = Vec::new();
        if old == 0 {
            return Ok(path);
        }
        // SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2, from the root down; its b says that the subtree begins at leaf 0.
        let (mut start, mut end) = (0, new);
        while old != end {
            let middle = start + split(end - start);
            if old <= middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
            }
        }
        if start != 0 {
            path.push(self.range(start, end)?);
        }
        path.reverse();
        Ok(path)
    }

    /// Returns the root of the tree of the first `size` leaves.
    pub fn root_at(&mut self, size: u64) -> Result<Hash, ReadError<T::Error>> {
        self.check(size)?;
        if size == self.growth.size {
            return Ok(self.growth.root());
        }
        self.range(0, size)
    }

    /// Returns a tile as it may be asked for: full without `width`, else its first `width` hashes, also of a tile that has
    /// since become full; `None` if the tree never had it.
    pub fn tile(&mut self, level: u8, n: u64, width: Option<u8>) -> Result<Option<Vec<Hash>>, ReadError<T::Error>> {
        let fulls = self.growth.full_tiles(level);
        let partial = if n == fulls { self.growth.partial(level) } else { &[] };
        match width {
            None if n < fulls => self.full(level, n).map(|hashes| Some(hashes.to_vec())),
            Some(0) | None => Ok(None),
            Some(width) if n < fulls => {
                let hashes = self.full(level, n)?;
                Ok(hashes.get(..usize::from(width)).map(<[Hash]>::to_vec))
            }
            Some(width) => Ok(partial.get(..usize::from(width)).map(<[Hash]>::to_vec)),
        }
    }

    /// Returns the root over leaves `start .. end`, where `start` is a multiple of a power of two not below their number, as
    /// every split of RFC 6962 leaves it.
    fn range(&mut self, start: u64, end: u64) -> Result<Hash, ReadError<T::Error>> {
        let count = end - start;
        let mut peaks = Vec::new();
        let mut at = start;
        for height in (0..u64::BITS).rev() {
            if count >> height & 1 == 1 {
                peaks.push(self.node(height, at >> height)?);
                at += 1 << height;
            }
        }
        Ok(merkle::root_of_peaks(&peaks))
    }

    /// Returns the root over the leaves `index·2^height .. (index+1)·2^height`, all of which the tree has.
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, ReadError<T::Error>> {
        if let Some(hash) = self.nodes.get(&(height, index)) {
            return Ok(*hash);
        }
        // Eight heights live in one tile: the lowest as hashes, the others computed from them.
        let level = u8::try_from(height / TILE_BITS).unwrap_or(LEVELS);
        let within = height % TILE_BITS;
        let first = index << within;
        let n = first >> TILE_BITS;
        let offset = usize::try_from(first % TILE_HASHES as u64).unwrap_or(TILE_HASHES);
        let span = offset..offset + (1 << within);
        let hashes = if n < self.growth.full_tiles(level) { self.full(level, n)? } else { self.growth.partial(level) };
        let span = hashes.get(span).ok_or(ReadError::Width { level, n, found: hashes.len() })?;
        let hash = merkle::root(span);
        if self.nodes.len() >= NODES_KEPT_MAX {
            self.nodes.clear();
        }
        self.nodes.insert((height, index), hash);
        Ok(hash)
    }

    fn full(&mut self, level: u8, n: u64) -> Result<&[Hash], ReadError<T::Error>> {
        if !self.read.contains_key(&(level, n)) {
            if self.read.len() >= TILES_KEPT_MAX {
                self.read.clear();
            }
            self.read.insert((level, n), read(self.tiles, level, n)?);
        }
        self.read.get(&(level, n)).map(Vec::as_slice).ok_or(ReadError::Missing { level, n })
    }

    fn check(&self, size: u64) -> Result<(), ReadError<T::Error>> {
        if size > self.growth.size {
            return Err(ReadError::Beyond { asked: size, size: self.growth.size });
        }
        Ok(())
    }
}

/// Where a hash tile stands under the log's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TilePath {
    /// The level, 0 to 63.
    pub level: u8,
    /// The place among the tiles of its level.
    pub n: u64,
    /// The number of hashes of a partial tile, 1 to 255; `None` for a full one.
    pub width: Option<u8>,
}

/// Returns the path of a hash tile: `tile/<level>/<n>`, with `.p/<width>` for a partial one.
///
/// The width of a partial tile is never 0; [`parse_path`] refuses it.
#[must_use]
pub fn path(level: u8, n: u64, width: Option<u8>) -> String {
    format!("tile/{level}/{}", numbered(n, width))
}

/// Reads what [`path`] wrote, and only that: each tile has exactly one path.
#[must_use]
pub fn parse_path(text: &str) -> Option<TilePath> {
    let (level, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let level = decimal(level).and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 64)?;
    let (n, width) = parse_numbered(rest)?;
    Some(TilePath { level, n, width })
}

/// Returns the path of an entry bundle, which holds the entries of the level-0 tile of the same number and width.
#[must_use]
pub fn entries_path(n: u64, width: Option<u8>) -> String {
    format!("tile/entries/{}", numbered(n, width))
}

/// Reads what [`entries_path`] wrote, and only that, into the number and the width.
#[must_use]
pub fn parse_entries_path(text: &str) -> Option<(u64, Option<u8>)> {
    parse_numbered(text.strip_prefix("tile/entries/")?)
}

/// Returns a tile as it is served and stored: its hashes one after the other, 32 bytes each.
#[must_use]
pub fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// Reads what [`encode`] wrote: 1 to 256 hashes, else `None`.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let whole = rest.is_empty() && (1..=TILE_HASHES).contains(&hashes.len());
    whole.then(|| hashes.to_vec())
}

/// Partial tiles that do not belong to the size.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partial tile of level {level} has {found} hashes instead of {expected}")]
pub struct PartialsError {
    /// The first level that does not fit.
    pub level: u8,
    /// How many hashes it has.
    pub found: usize,
    /// How many belong to the size.
    pub expected: usize,
}

/// Why hashes could not be had from tiles.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    /// Something was asked about a leaf or a size the tree does not have.
    #[error("{asked} is beyond the tree of {size} leaves")]
    Beyond {
        /// The index or size asked about.
        asked: u64,
        /// The size it must stay within.
        size: u64,
    },
    /// A full tile that must exist is not there, as when the tiles lag behind the growth.
    #[error("full tile {n} of level {level} is missing")]
    Missing {
        /// The level of the tile.
        level: u8,
        /// Its place on the level.
        n: u64,
    },
    /// A tile has another number of hashes than it must have.
    #[error("tile {n} of level {level} has {found} hashes")]
    Width {
        /// The level of the tile.
        level: u8,
        /// Its place on the level.
        n: u64,
        /// How many hashes it has.
        found: usize,
    },
    /// The tiles could not be read.
    #[error("full tile {n} of level {level} cannot be read")]
    Tiles {
        /// The level of the tile.
        level: u8,
        /// Its place on the level.
        n: u64,
        /// What the reader said.
        #[source]
        source: E,
    },
}

/// A growth as it was serialized, before its widths are known to be right.
#[derive(Deserialize)]
struct Parts {
    size: u64,
    partials: Vec<Vec<Hash>>,
}

impl TryFrom<Parts> for Growth {
    type Error = PartialsError;

    fn try_from(parts: Parts) -> Result<Self, PartialsError> {
        Self::from_partials(parts.size, parts.partials)
    }
}

fn read<T: Tiles>(tiles: &T, level: u8, n: u64) -> Result<Vec<Hash>, ReadError<T::Error>> {
    match tiles.full(level, n) {
        Ok(Some(hashes)) if hashes.len() == TILE_HASHES => Ok(hashes),
        Ok(Some(hashes)) => Err(ReadError::Width { level, n, found: hashes.len() }),
        Ok(None) => Err(ReadError::Missing { level, n }),
        Err(source) => Err(ReadError::Tiles { level, n, source }),
    }
}

/// How many hashes a full tile has.
pub const FULL_WIDTH: u64 = 1 << TILE_BITS;

/// The number of hashes on a level: `⌊size / 256^level⌋`.
fn hashes(size: u64, level: u32) -> u64 {
    size.checked_shr(TILE_BITS * level).unwrap_or(0)
}

/// The number of full tiles on a level: `⌊size / 256^(level+1)⌋`.
fn fulls(size: u64, level: u8) -> u64 {
    hashes(size, u32::from(level) + 1)
}

/// The number of hashes in the partial tile of a level: `⌊size / 256^level⌋ mod 256`.
fn width(size: u64, level: u8) -> usize {
    usize::from(hashes(size, u32::from(level)).to_le_bytes()[0])
}

/// The number of levels with any hash: the digits of the size in base 256.
fn level_count_u8(size: u64) -> u8 {
    (0..LEVELS).take_while(|level| hashes(size, u32::from(*level)) > 0).map(|level| level + 1).last().unwrap_or(0)
}

fn level_count(size: u64) -> usize {
    usize::from(level_count_u8(size))
}

/// The largest power of two below `count`, which is at least 2.
fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// 1234067 is `x001/x234/067`: three digits a group, all groups but the last marked by an `x`.
fn numbered(n: u64, width: Option<u8>) -> String {
    let mut text = format!("{:03}", n % 1000);
    let mut rest = n / 1000;
    while rest > 0 {
        text = format!("x{:03}/{text}", rest % 1000);
        rest /= 1000;
    }
    if let Some(width) = width {
        text.push_str(&format!(".p/{width}"));
    }
    text
}

fn parse_numbered(text: &str) -> Option<(u64, Option<u8>)> {
    let (number, width) = match text.split_once(".p/") {
        Some((number, width)) => (number, Some(decimal(width).and_then(|width| u8::try_from(width).ok())?)),
        None => (text, None),
    };
    let mut n = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        n = n.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    // Written again it must be the same: no leading zero groups, an `x` where it belongs.
    let same = width != Some(0) && numbered(n, width) == text;
    same.then_some((n, width))
}

fn decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

const TILE_BITS: u32 = 8;
const TILE_HASHES: usize = 1 << TILE_BITS;
/// Eight levels of 256 hold every size a `u64` can say.
const LEVELS: u8 = 8;
/// What a prover keeps of the tiles it read: 8 MiB.
const TILES_KEPT_MAX: usize = 1024;
/// What it keeps of the roots it computed: about 4 MiB.
const NODES_KEPT_MAX: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;
    use crate::proof::merkle::{leaf_hash, verify_consistency, verify_inclusion};

    #[derive(Default)]
    struct Kept(BTreeMap<(u8, u64), Vec<Hash>>);

    impl Tiles for Kept {
        type Error = Infallible;

        fn full(&self, level: u8, n: u64) -> Result<Option<Vec<Hash>>, Infallible> {
            Ok(self.0.get(&(level, n)).cloned())
        }
    }

    fn leaf(index: u64) -> Hash {
        leaf_hash(&index.to_be_bytes())
    }

    fn grown(size: u64) -> (Growth, Kept, Vec<Hash>) {
        let (mut growth, mut kept, mut leaves, mut completed) =
            (Growth::new(), Kept::default(), Vec::new(), Vec::new());
        for index in 0..size {
            growth.push(leaf(index), &mut completed);
            leaves.push(leaf(index));
        }
        for tile in completed {
            assert_eq!(tile.hashes.len(), 256);
            assert!(kept.0.insert((tile.level, tile.n), tile.hashes).is_none());
        }
        (growth, kept, leaves)
    }

    #[test]
    fn seventy_thousand_leaves_fill_the_tiles_the_specification_counts() {
        let (growth, kept, leaves) = grown(70_000);
        assert_eq!(kept.0.keys().filter(|(level, _)| *level == 0).count(), 273);
        assert_eq!(kept.0.keys().filter(|(level, _)| *level == 1).count(), 1);
        assert_eq!([0, 1, 2, 3].map(|level| growth.partial(level).len()), [112, 17, 1, 0]);
        assert_eq!([0, 1, 2].map(|level| growth.full_tiles(level)), [273, 1, 0]);
        assert_eq!(growth.levels(), 3);
        assert_eq!(growth.root(), merkle::root(&leaves));
        for (n, chunk) in (0..).zip(leaves.chunks_exact(256)) {
            assert_eq!(kept.0.get(&(0, n)).unwrap(), chunk);
        }
        // Two in 65,536: three levels deep, proofs of far apart sizes still hold.
        let mut prover = Prover::new(&growth, &kept);
        for (old, new) in [(1, 70_000), (65_535, 65_536), (65_536, 65_537), (65_537, 70_000), (69_888, 69_999)] {
            let path = prover.consistency(old, new).unwrap();
            let (old_root, new_root) = (prover.root_at(old).unwrap(), prover.root_at(new).unwrap());
            assert_eq!(old_root, merkle::root(&leaves[..usize::try_from(old).unwrap()]));
            assert!(verify_consistency(old, &old_root, new, &new_root, &path));
        }
        for (index, size) in [(0, 70_000), (69_999, 70_000), (65_535, 65_536), (65_536, 65_537), (12_345, 67_890)] {
            let path = prover.inclusion(index, size).unwrap();
            assert!(verify_inclusion(&leaf(index), index, size, &path, &prover.root_at(size).unwrap()));
        }
    }

    #[test]
    fn every_size_up_to_three_tiles_has_the_root_of_its_leaves_and_can_be_taken_up_again() {
        let (mut growth, mut kept, mut completed) = (Growth::new(), Kept::default(), Vec::new());
        let mut leaves = Vec::new();
        assert_eq!(growth.root(), merkle::empty_root());
        for index in 0..770 {
            growth.push(leaf(index), &mut completed);
            leaves.push(leaf(index));
            for tile in completed.drain(..) {
                kept.0.insert((tile.level, tile.n), tile.hashes);
            }
            if index % 7 == 0 || (index + 2) % 256 < 4 {
                assert_eq!(growth.root(), merkle::root(&leaves));
                let last = leaves[leaves.len() / 256 * 256..].to_vec();
                assert_eq!(Growth::rebuild(growth.size(), last, &kept).unwrap(), growth);
                let partials = (0..growth.levels()).map(|level| growth.partial(level).to_vec()).collect();
                assert_eq!(Growth::from_partials(growth.size(), partials).unwrap(), growth);
            }
        }
    }

    #[test]
    fn a_large_tree_can_be_taken_up_from_tiles_and_grows_on_alike() {
        let (mut growth, kept, leaves) = grown(66_100);
        let mut again = Growth::rebuild(66_100, leaves[66_048..].to_vec(), &kept).unwrap();
        assert_eq!(again, growth);
        let (mut one, mut other) = (Vec::new(), Vec::new());
        for index in 66_100..67_000 {
            growth.push(leaf(index), &mut one);
            again.push(leaf(index), &mut other);
        }
        assert_eq!((one, again), (other, growth));
    }

    #[test]
    fn a_growth_survives_serialization_and_wrong_widths_are_refused() {
        let (growth, _, _) = grown(300);
        let packed = postcard::to_allocvec(&growth).unwrap();
        assert_eq!(postcard::from_bytes::<Growth>(&packed).unwrap(), growth);
        let mut json = serde_json::to_value(&growth).unwrap();
        assert_eq!(serde_json::from_value::<Growth>(json.clone()).unwrap(), growth);
        json["size"] = 301.into();
        assert!(serde_json::from_value::<Growth>(json).is_err());
        let surplus = Growth::from_partials(1, vec![vec![[0; 32]], vec![[0; 32]]]);
        assert_eq!(surplus, Err(PartialsError { level: 1, found: 1, expected: 0 }));
        let too_high = Growth::from_partials(1, vec![vec![[0; 32]]; 400]);
        assert!(too_high.is_err());
        let endless = Growth::from_partials(
            1,
            std::iter::once(vec![[0; 32]]).chain(std::iter::repeat_n(Vec::new(), 400)).collect(),
        );
        assert!(endless.is_ok());
    }

    #[test]
    fn what_the_tree_does_not_have_is_an_error_and_never_a_proof() {
        let (growth, kept, _) = grown(300);
        assert!(matches!(inclusion(300, 300, &growth, &kept), Err(ReadError::Beyond { .. })));
        assert!(matches!(inclusion(0, 301, &growth, &kept), Err(ReadError::Beyond { .. })));
        assert!(matches!(consistency(5, 301, &growth, &kept), Err(ReadError::Beyond { .. })));
        assert!(matches!(consistency(5, 4, &growth, &kept), Err(ReadError::Beyond { .. })));
        assert!(matches!(inclusion(0, 300, &growth, &Kept::default()), Err(ReadError::Missing { level: 0, n: 0 })));
        let short = Kept([((0, 0), vec![[0; 32]; 255])].into());
        assert!(matches!(inclusion(0, 300, &growth, &short), Err(ReadError::Width { found: 255, .. })));
    }

    #[test]
    fn a_tile_is_served_in_every_width_it_ever_had() {
        let (growth, kept, leaves) = grown(300);
        let mut prover = Prover::new(&growth, &kept);
        let mut serve = |level, n, width| prover.tile(level, n, width).unwrap();
        assert_eq!(serve(0, 0, None).unwrap(), &leaves[..256]);
        assert_eq!(serve(0, 0, Some(9)).unwrap(), &leaves[..9]);
        assert_eq!(serve(0, 1, Some(44)).unwrap(), &leaves[256..]);
        assert_eq!(serve(1, 0, Some(1)).unwrap(), [merkle::root(&leaves[..256])]);
        for (level, n, width) in [
            (0, 1, Some(45)),
            (0, 1, None),
            (0, 2, Some(1)),
            (1, 0, None),
            (1, 0, Some(2)),
            (0, 0, Some(0)),
            (63, 0, None),
        ] {
            assert_eq!(serve(level, n, width), None);
        }
    }

    #[test]
    fn paths_are_those_of_the_specification() {
        assert_eq!(path(0, 1_234_067, None), "tile/0/x001/x234/067");
        assert_eq!(path(1, 0, Some(17)), "tile/1/000.p/17");
        assert_eq!(path(2, 19_669, None), "tile/2/x019/669");
        assert_eq!(entries_path(1000, Some(255)), "tile/entries/x001/000.p/255");
        assert_eq!(parse_entries_path("tile/entries/x001/000.p/255"), Some((1000, Some(255))));
    }

    #[test]
    fn a_path_that_is_not_the_one_path_of_its_tile_is_refused() {
        for text in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/0000",
            "tile/0/x000/001",
            "tile/0/001/002",
            "tile/0/x001",
            "tile/00/000",
            "tile/64/000",
            "tile/+1/000",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p/1.p/1",
            "tile/0/+01",
            "/tile/0/000",
            "tile/0/000/",
            "tile/entries/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(parse_path(text), None, "{text}");
        }
        assert_eq!(parse_path(&path(63, u64::MAX, Some(1))), Some(TilePath { level: 63, n: u64::MAX, width: Some(1) }));
    }

    #[test]
    fn tiles_are_whole_hashes_and_at_most_256() {
        let (_, _, leaves) = grown(257);
        assert_eq!(decode(&encode(&leaves[..256])).unwrap(), &leaves[..256]);
        assert_eq!(decode(&encode(&leaves)), None);
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[0; 33]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_size_proves_any_leaf_and_any_older_size(grown_to in 1_u64..1200, size in any::<prop::sample::Index>(), index in any::<prop::sample::Index>(), old in any::<prop::sample::Index>()) {
            let (growth, kept, leaves) = grown(grown_to);
            let size = 1 + size.index(leaves.len());
            let (index, old) = (index.index(size), old.index(size + 1));
            let root = root_at(size as u64, &growth, &kept).unwrap();
            prop_assert_eq!(root, merkle::root(&leaves[..size]));
            let path = inclusion(index as u64, size as u64, &growth, &kept).unwrap();
            prop_assert!(verify_inclusion(&leaves[index], index as u64, size as u64, &path, &root));
            let path = consistency(old as u64, size as u64, &growth, &kept).unwrap();
            prop_assert!(verify_consistency(old as u64, &merkle::root(&leaves[..old]), size as u64, &root, &path));
        }

        #[test]
        fn every_path_reads_back(level in 0_u8..64, n in any::<u64>(), shift in 0_u32..64, width in prop::option::of(1_u8..)) {
            let n = n >> shift;
            prop_assert_eq!(parse_path(&path(level, n, width)), Some(TilePath { level, n, width }));
        }

        #[test]
        fn foreign_paths_never_panic(text in "(tile/)?[x0-9/.p]{0,24}") {
            if let Some(found) = parse_path(&text) {
                prop_assert_eq!(path(found.level, found.n, found.width), text);
            }
        }
    }
}
