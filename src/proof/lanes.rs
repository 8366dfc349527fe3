//! SHA-256 of many messages side by side, for processors that have wide registers but no instruction for it.
//!
//! One message depends on itself from block to block, eight messages do not depend on each other: in eight lanes of a 256-bit register
//! they take hardly longer than one. Where a processor has its own instructions for SHA-256 these are faster still, and [`Lanes`] are
//! not available.

use fearless_simd::prelude::*;
use fearless_simd::x86::Avx2;
use fearless_simd::{Level, u32x8};

use crate::proof::merkle::Hash;

/// Proof that this processor gains by hashing side by side.
#[derive(Clone, Copy)]
pub(super) struct Lanes(Avx2);

impl Lanes {
    /// Returns the lanes, if they are faster than what the processor has for a single message.
    pub(super) fn detect() -> Option<Self> {
        if is_x86_feature_detected!("sha") { None } else { Level::new().as_avx2().map(Self) }
    }

    /// Returns `SHA-256(prefix || message)` of every message, in their order.
    pub(super) fn hash(self, prefix: u8, messages: &[&[u8]]) -> Vec<Hash> {
        let mut hashes = vec![[0; 32]; messages.len()];
        let Self(simd) = self;
        simd.vectorize(
            #[inline(always)]
            || hash(simd, prefix, messages, &mut hashes),
        );
        hashes
    }
}

/// What one lane is busy with.
#[derive(Clone, Copy, Default)]
struct Lane<'a> {
    message: &'a [u8],
    /// Place of the message among all.
    place: usize,
    /// The next block, and how many the padded message has; no block is left where no message is.
    block: usize,
    blocks: usize,
}

impl<'a> Lane<'a> {
    fn of(place: usize, message: &'a [u8]) -> Self {
        // FIPS 180-4 §5.1.1: the bit "1", zeros, and the length in 64 bits; one more byte is the prefix.
        let blocks = (1 + message.len() + 1 + 8).div_ceil(BLOCK_BYTES);
        Self { message, place, block: 0, blocks }
    }

    /// Returns a block of `prefix || message || padding`.
    #[inline(always)]
    fn block(&self, prefix: u8) -> [u8; BLOCK_BYTES] {
        let start = (self.block * BLOCK_BYTES).checked_sub(1);
        let within = start.and_then(|start| self.message.get(start..)?.first_chunk());
        within.copied().unwrap_or_else(|| self.edge(prefix))
    }

    /// Returns a block which is not all message: the first, or one of the last two.
    fn edge(&self, prefix: u8) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        let start = self.block * BLOCK_BYTES;
        let end = self.message.len() + 1;
        let (before, of_message) = block.split_at_mut(usize::from(start == 0));
        before.fill(prefix);
        let rest = self.message.get(start.saturating_sub(1)..).unwrap_or_default();
        for (byte, of_rest) in of_message.iter_mut().zip(rest) {
            *byte = *of_rest;
        }
        if let Some(byte) = end.checked_sub(start).and_then(|end| block.get_mut(end)) {
            *byte = 0x80;
        }
        if self.block + 1 == self.blocks
            && let Some(length) = block.last_chunk_mut()
        {
            *length = (u64::try_from(end).unwrap_or(u64::MAX) * 8).to_be_bytes();
        }
        block
    }
}

#[inline(always)]
fn hash<S: Simd>(simd: S, prefix: u8, messages: &[&[u8]], hashes: &mut [Hash]) {
    let mut waiting = (0..).zip(messages);
    let mut lanes = [Lane::default(); LANES];
    // By word and by lane.
    let mut state = INITIAL.map(|word| [word; LANES]);
    loop {
        for (number, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.block == lane.blocks) {
            let Some((place, message)) = waiting.next() else { continue };
            *lane = Lane::of(place, message);
            for (words, initial) in state.iter_mut().zip(INITIAL) {
                if let Some(word) = words.get_mut(number) {
                    *word = initial;
                }
            }
        }
        if lanes.iter().all(|lane| lane.block == lane.blocks) {
            return;
        }
        let blocks =
            lanes.each_ref().map(|lane| if lane.block < lane.blocks { lane.block(prefix) } else { [0; BLOCK_BYTES] });
        let words = std::array::from_fn(|word| blocks.each_ref().map(|block| big_endian(block, word)));
        compress(simd, &mut state, &words);
        for (number, lane) in lanes.iter_mut().enumerate().filter(|(_, lane)| lane.block < lane.blocks) {
            lane.block += 1;
            if let Some(hash) = hashes.get_mut(lane.place).filter(|_| lane.block == lane.blocks) {
                for (bytes, words) in hash.as_chunks_mut().0.iter_mut().zip(&state) {
                    *bytes = words.get(number).copied().unwrap_or_default().to_be_bytes();
                }
            }
        }
    }
}

/// Returns a word of a block.
#[inline(always)]
fn big_endian(block: &[u8; BLOCK_BYTES], word: usize) -> u32 {
    block.as_chunks().0.get(word).map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

/// Turns the last sixteen words of the message schedule into the next: `w[t-16] + σ0(w[t-15]) + w[t-7] + σ1(w[t-2])`.
macro_rules! schedule {
    ($($t16:ident $t15:ident $t7:ident $t2:ident),*) => {$(
        let small0 = rotated($t15, 7) ^ rotated($t15, 18) ^ ($t15 >> 3);
        let small1 = rotated($t2, 17) ^ rotated($t2, 19) ^ ($t2 >> 10);
        $t16 = $t16 + small0 + $t7 + small1;
    )*};
}

/// Rounds of the compression; instead of moving the eight variables on, each round names them one further.
macro_rules! rounds {
    ($($a:ident $b:ident $c:ident $d:ident $e:ident $f:ident $g:ident $h:ident $w:ident $k:ident),*) => {$(
        let big1 = rotated($e, 6) ^ rotated($e, 11) ^ rotated($e, 25);
        let choice = $g ^ ($e & ($f ^ $g));
        let first = $h + big1 + choice + $k + $w;
        let big0 = rotated($a, 2) ^ rotated($a, 13) ^ rotated($a, 22);
        let majority = ($a & $b) ^ ($c & ($a ^ $b));
        $d += first;
        $h = first + big0 + majority;
    )*};
}

/// The compression function of FIPS 180-4 §6.2.2, on one block in each lane.
#[inline(always)]
fn compress<S: Simd>(simd: S, state: &mut [[u32; LANES]; 8], words: &[[u32; LANES]; 16]) {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state.map(|word| u32x8::from_slice(simd, &word));
    let [
        mut w0,
        mut w1,
        mut w2,
        mut w3,
        mut w4,
        mut w5,
        mut w6,
        mut w7,
        mut w8,
        mut w9,
        mut w10,
        mut w11,
        mut w12,
        mut w13,
        mut w14,
        mut w15,
    ] = words.map(|word| u32x8::from_slice(simd, &word));
    for (turn, keys) in KEYS.iter().enumerate() {
        if turn > 0 {
            schedule! {
                w0 w1 w9 w14, w1 w2 w10 w15, w2 w3 w11 w0, w3 w4 w12 w1, w4 w5 w13 w2, w5 w6 w14 w3, w6 w7 w15 w4, w7 w8 w0 w5,
                w8 w9 w1 w6, w9 w10 w2 w7, w10 w11 w3 w8, w11 w12 w4 w9, w12 w13 w5 w10, w13 w14 w6 w11, w14 w15 w7 w12, w15 w0 w8 w13
            }
        }
        let [k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15] = *keys;
        rounds! {
            a b c d e f g h w0 k0, h a b c d e f g w1 k1, g h a b c d e f w2 k2, f g h a b c d e w3 k3,
            e f g h a b c d w4 k4, d e f g h a b c w5 k5, c d e f g h a b w6 k6, b c d e f g h a w7 k7,
            a b c d e f g h w8 k8, h a b c d e f g w9 k9, g h a b c d e f w10 k10, f g h a b c d e w11 k11,
            e f g h a b c d w12 k12, d e f g h a b c w13 k13, c d e f g h a b w14 k14, b c d e f g h a w15 k15
        }
    }
    for (word, new) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
        (u32x8::from_slice(simd, word) + new).store_slice(word);
    }
}

#[inline(always)]
fn rotated<S: Simd>(word: u32x8<S>, right: u32) -> u32x8<S> {
    (word >> right) | (word << (32 - right))
}

const LANES: usize = 8;
const BLOCK_BYTES: usize = 64;

/// FIPS 180-4 §5.3.3.
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// FIPS 180-4 §4.2.2, sixteen for each turn of the schedule.
const KEYS: [[u32; 16]; 4] = [
    [
        0x428a_2f98,
        0x7137_4491,
        0xb5c0_fbcf,
        0xe9b5_dba5,
        0x3956_c25b,
        0x59f1_11f1,
        0x923f_82a4,
        0xab1c_5ed5,
        0xd807_aa98,
        0x1283_5b01,
        0x2431_85be,
        0x550c_7dc3,
        0x72be_5d74,
        0x80de_b1fe,
        0x9bdc_06a7,
        0xc19b_f174,
    ],
    [
        0xe49b_69c1,
        0xefbe_4786,
        0x0fc1_9dc6,
        0x240c_a1cc,
        0x2de9_2c6f,
        0x4a74_84aa,
        0x5cb0_a9dc,
        0x76f9_88da,
        0x983e_5152,
        0xa831_c66d,
        0xb003_27c8,
        0xbf59_7fc7,
        0xc6e0_0bf3,
        0xd5a7_9147,
        0x06ca_6351,
        0x1429_2967,
    ],
    [
        0x27b7_0a85,
        0x2e1b_2138,
        0x4d2c_6dfc,
        0x5338_0d13,
        0x650a_7354,
        0x766a_0abb,
        0x81c2_c92e,
        0x9272_2c85,
        0xa2bf_e8a1,
        0xa81a_664b,
        0xc24b_8b70,
        0xc76c_51a3,
        0xd192_e819,
        0xd699_0624,
        0xf40e_3585,
        0x106a_a070,
    ],
    [
        0x19a4_c116,
        0x1e37_6c08,
        0x2748_774c,
        0x34b0_bcb5,
        0x391c_0cb3,
        0x4ed8_aa4a,
        0x5b9c_ca4f,
        0x682e_6ff3,
        0x748f_82ee,
        0x78a5_636f,
        0x84c8_7814,
        0x8cc7_0208,
        0x90be_fffa,
        0xa450_6ceb,
        0xbef9_a3f7,
        0xc671_78f2,
    ],
];

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use crate::proof::lanes::{Lanes, Level};

    #[test]
    fn messages_of_every_length_have_the_hash_a_single_one_has() {
        // Asked of the registers alone: the lanes must be right also where they are not the fastest.
        let Some(lanes) = Level::new().as_avx2().map(Lanes) else { return };
        let bytes: Vec<u8> = (0_u8..=255).cycle().take(400).collect();
        let all: Vec<&[u8]> = (0..=bytes.len()).map(|end| &bytes[..end]).collect();
        let mixed: Vec<&[u8]> = (0..50).map(|place| all[place * 97 % all.len()]).collect();
        for messages in [all.as_slice(), &mixed, &all[..7], &all[64..65], &[]] {
            let expected: Vec<[u8; 32]> = messages
                .iter()
                .map(|message| Sha256::new().chain_update([9]).chain_update(message).finalize().into())
                .collect();
            assert_eq!(lanes.hash(9, messages), expected);
        }
    }
}
