//! Chance that repeats: the same throws for the same seed.

/// A die of any number of sides.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    /// Throws the same for the same seed.
    pub(super) fn thrown(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number below `sides`, 0 for none.
    pub(super) fn below(&mut self, sides: u64) -> u64 {
        // SplitMix64: a counter, stirred.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        u64::try_from((u128::from(mixed) * u128::from(sides)) >> 64).unwrap_or(0)
    }

    /// Returns a number from `least` to `most`.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    /// Returns a place in something of that length.
    pub(super) fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(u64::try_from(length).unwrap_or(0))).unwrap_or(0)
    }

    /// Tells whether something of so many percent happens.
    pub(super) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Returns one of the words; nothing of none.
    pub(super) fn word(&mut self, words: &[&'static str]) -> &'static str {
        words.get(self.place(words.len())).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same() {
        let throws = |seed| {
            let mut dice = Dice::thrown(seed);
            (0..20).map(|_| dice.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(throws(7), throws(7));
        assert_ne!(throws(7), throws(8));
    }

    #[test]
    fn every_side_comes_up_and_none_beyond() {
        let mut dice = Dice::thrown(1);
        let mut seen = [0_u32; 6];
        for _ in 0..600 {
            seen[dice.place(6)] += 1;
        }
        assert!(seen.iter().all(|count| (60..140).contains(count)), "{seen:?}");
        assert_eq!((dice.below(0), dice.between(3, 3), dice.word(&[])), (0, 3, ""));
    }
}
