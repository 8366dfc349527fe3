//! Answers "surely not here" for a run of terms, in ten bits of memory per term.
//!
//! A blocked Bloom filter: a term picks one block of 512 bits by its upper bits and six bits within it, so a
//! question costs one cache line. Terms are hashes already and are taken as evenly spread.

/// A blocked Bloom filter over terms.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    /// Makes an empty filter with room for `terms`.
    pub(crate) fn new(terms: u64) -> Self {
        // A multiple of four, so that `fold` can halve it twice.
        let blocks = blocks_for(terms).next_multiple_of(FOLDS);
        Self { words: vec![0; usize::try_from(blocks * BLOCK_WORDS).unwrap_or(usize::MAX)] }
    }

    /// Adds a term.
    pub(crate) fn insert(&mut self, term: u64) {
        for (word, bit) in places(self.block(term), term) {
            if let Some(word) = self.words.get_mut(word) {
                *word |= bit;
            }
        }
    }

    /// Tells whether a term may be here; `false` is certain, `true` is wrong about once in ninety times.
    pub(crate) fn may_contain(&self, term: u64) -> bool {
        places(self.block(term), term).all(|(word, bit)| self.words.get(word).is_some_and(|word| word & bit != 0))
    }

    /// Shrinks a filter that was made for more terms than it got.
    ///
    /// Blocks are ordered by the upper bits of the term, so two neighbors laid over each other are the block
    /// that half as many would have had.
    pub(crate) fn fold(&mut self, terms: u64) {
        let needed = usize::try_from(blocks_for(terms) * BLOCK_WORDS).unwrap_or(usize::MAX);
        while self.words.len() / 2 >= needed && self.words.len().is_multiple_of(2 * BLOCK_WORDS_USIZE) {
            let folded = self.words.chunks(2 * BLOCK_WORDS_USIZE).flat_map(|pair| {
                let (left, right) = pair.split_at(BLOCK_WORDS_USIZE.min(pair.len()));
                left.iter().zip(right).map(|(left, right)| left | right)
            });
            self.words = folded.collect();
        }
    }

    /// Returns the words, most significant byte first.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.words.iter().flat_map(|word| word.to_be_bytes()).collect()
    }

    /// Reads what [`Filter::to_bytes`] wrote, `None` when the length cannot be.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (words, rest) = bytes.as_chunks();
        let whole = rest.is_empty() && !words.is_empty() && words.len().is_multiple_of(BLOCK_WORDS_USIZE);
        whole.then(|| Self { words: words.iter().map(|word| u64::from_be_bytes(*word)).collect() })
    }

    /// Returns the memory in bytes.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * 8
    }

    /// Returns the first word of the term's block: its upper bits times the number of blocks.
    fn block(&self, term: u64) -> usize {
        let blocks = self.words.len() / BLOCK_WORDS_USIZE;
        let blocks = u128::try_from(blocks).unwrap_or(0);
        usize::try_from((u128::from(term) * blocks) >> 64).unwrap_or(0) * BLOCK_WORDS_USIZE
    }
}

fn blocks_for(terms: u64) -> u64 {
    (terms * BITS_PER_TERM).div_ceil(BLOCK_BITS).max(1)
}

/// Returns six words and bits: nine bits of a scrambled term each, three for the word, six for the bit.
fn places(block: usize, term: u64) -> impl Iterator<Item = (usize, u64)> {
    let scrambled = term.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut rest = scrambled ^ (scrambled >> 32) ^ term.rotate_left(17);
    (0..BITS_SET).map(move |_| {
        let word = usize::try_from(rest & (BLOCK_WORDS - 1)).unwrap_or(0);
        let bit = 1 << ((rest >> 3) & 63);
        rest >>= 9;
        (block + word, bit)
    })
}

const BITS_PER_TERM: u64 = 10;
const BITS_SET: u32 = 6;
const BLOCK_BITS: u64 = 512;
const BLOCK_WORDS: u64 = 8;
const BLOCK_WORDS_USIZE: usize = 8;
const FOLDS: u64 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(seed: u64, count: usize) -> Vec<u64> {
        let mut bytes = vec![0; count * 8];
        blake3::Hasher::new().update(&seed.to_be_bytes()).finalize_xof().fill(&mut bytes);
        bytes.as_chunks().0.iter().map(|term| u64::from_be_bytes(*term)).collect()
    }

    fn filled(room: u64, terms: &[u64]) -> Filter {
        let mut filter = Filter::new(room);
        terms.iter().for_each(|term| filter.insert(*term));
        filter
    }

    #[test]
    fn every_term_put_in_is_found_and_few_others_are() {
        let inside = terms(1, 50_000);
        let filter = filled(50_000, &inside);
        assert!(inside.iter().all(|term| filter.may_contain(*term)));
        let mistaken = terms(2, 50_000).into_iter().filter(|term| filter.may_contain(*term)).count();
        assert!(mistaken < 900, "{mistaken} of 50000");
        assert!(filter.bytes() * 8 <= 50_000 * 21 / 2);
    }

    #[test]
    fn a_folded_filter_is_one_made_for_the_smaller_number() {
        let inside = terms(3, 10_000);
        let mut folded = filled(40_000, &inside);
        folded.fold(10_000);
        assert!(inside.iter().all(|term| folded.may_contain(*term)));
        assert!(folded.bytes() <= 2 * 12_500);
        let mistaken = terms(4, 10_000).into_iter().filter(|term| folded.may_contain(*term)).count();
        assert!(mistaken < 180, "{mistaken} of 10000");
    }

    #[test]
    fn a_filter_survives_its_bytes_and_refuses_others() {
        let filter = filled(100, &terms(5, 100));
        let bytes = filter.to_bytes();
        assert_eq!(Filter::from_bytes(&bytes), Some(filter));
        assert_eq!(Filter::from_bytes(&bytes[1..]), None);
        assert_eq!(Filter::from_bytes(&[]), None);
    }
}
