//! The proof of one entry as a C2SP `tlog-proof` file: index, path, checkpoint.
//!
//! ```text
//! c2sp.org/tlog-proof@v1 LF
//! extra <base64> LF                    optional, signed by nobody
//! index <decimal> LF
//! <base64 of a 32-byte hash> LF        as many as the path has, leaf sibling first
//! LF
//! <checkpoint note, verbatim>
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::proof::checkpoint::{self, Checkpoint, NOTE_BYTES_MAX, VerifyError, Vkey};
use crate::proof::merkle::{self, Hash, PATH_HASHES_MAX};

/// Where an entry stands in the tree of a signed checkpoint, and the path that proves it.
///
/// The entry itself travels apart: its leaf hash is computed by whoever verifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Bytes for the reader's convenience, which nothing proves.
    pub extra: Option<Vec<u8>>,
    /// The index of the entry.
    pub index: u64,
    /// The inclusion path, leaf sibling first.
    pub path: Vec<Hash>,
    /// The checkpoint note, verbatim.
    pub checkpoint: String,
}

impl Receipt {
    /// Returns the receipt as text.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            text.push_str(&format!("extra {}\n", STANDARD.encode(extra)));
        }
        text.push_str(&format!("index {}\n", self.index));
        for hash in &self.path {
            text.push_str(&merkle::encode_hash(hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads what [`Receipt::encode`] wrote.
    ///
    /// The checkpoint is taken as it stands and is verified by [`Receipt::verify`] only.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        if text.len() > RECEIPT_BYTES_MAX {
            return Err(DecodeError);
        }
        let (head, checkpoint) = text.split_once("\n\n").ok_or(DecodeError)?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(HEADER) {
            return Err(DecodeError);
        }
        let extra = match lines.peek().and_then(|line| line.strip_prefix("extra ")) {
            Some(extra) => {
                lines.next();
                Some(STANDARD.decode(extra).map_err(|_| DecodeError)?)
            }
            None => None,
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).ok_or(DecodeError)?;
        let plain = index.bytes().all(|byte| byte.is_ascii_digit()) && (index == "0" || !index.starts_with('0'));
        let index = index.parse().ok().filter(|_| plain).ok_or(DecodeError)?;
        let path: Vec<Hash> = lines.map(merkle::decode_hash).collect::<Option<_>>().ok_or(DecodeError)?;
        if path.len() > PATH_HASHES_MAX {
            return Err(DecodeError);
        }
        Ok(Self { extra, index, path, checkpoint: checkpoint.to_owned() })
    }

    /// Returns the checkpoint if this key signed it and its tree has the leaf at the index.
    ///
    /// `leaf` is [`merkle::leaf_hash`] of the entry's bytes, computed by the caller from the bytes at hand.
    pub fn verify(&self, leaf: &Hash, vkey: &Vkey) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = checkpoint::verify(&self.checkpoint, vkey)?;
        let included = merkle::verify_inclusion(leaf, self.index, checkpoint.size, &self.path, &checkpoint.root);
        if included { Ok(checkpoint) } else { Err(ReceiptError::NotIncluded { index: self.index }) }
    }
}

/// A text that is not a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a receipt in the form of c2sp.org/tlog-proof@v1")]
pub struct DecodeError;

/// Why a receipt proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The checkpoint is not to be trusted.
    #[error("the checkpoint of the receipt does not hold")]
    Checkpoint(#[from] VerifyError),
    /// The path does not lead from the entry to the root.
    #[error("entry {index} is not in the tree of the checkpoint as shown")]
    NotIncluded {
        /// The index claimed.
        index: u64,
    },
}

/// The longest receipt that is read, in bytes.
pub const RECEIPT_BYTES_MAX: usize = 2 * NOTE_BYTES_MAX;

const HEADER: &str = "c2sp.org/tlog-proof@v1";

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;

    const ORIGIN: &str = "dossier.example.com/ledger";

    fn sample() -> (Receipt, Hash, Vkey) {
        let leaves = [merkle::leaf_hash(b"one"), merkle::leaf_hash(b"two"), merkle::leaf_hash(b"three")];
        let key = SigningKey::from_bytes(&[3; 32]);
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: merkle::root(&leaves) };
        let receipt = Receipt {
            extra: None,
            index: 1,
            path: vec![leaves[0], leaves[2]],
            checkpoint: checkpoint.sign(&key).unwrap(),
        };
        (receipt, leaves[1], Vkey::new(ORIGIN, key.verifying_key()).unwrap())
    }

    #[test]
    fn a_receipt_proves_its_entry_and_no_other() {
        let (receipt, leaf, vkey) = sample();
        assert_eq!(receipt.verify(&leaf, &vkey).unwrap().size, 3);
        assert_eq!(receipt.verify(&merkle::leaf_hash(b"tow"), &vkey), Err(ReceiptError::NotIncluded { index: 1 }));
    }

    #[test]
    fn no_byte_of_a_receipt_can_be_changed() {
        let (receipt, leaf, vkey) = sample();
        let text = receipt.encode();
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut bytes = text.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                let verdict = Receipt::decode(&changed).map(|receipt| receipt.verify(&leaf, &vkey));
                assert!(!matches!(verdict, Ok(Ok(_))), "byte {at}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_receipt_reads_as_the_specification_draws_it() {
        let (receipt, ..) = sample();
        let with_extra = Receipt { extra: Some(b"hi".to_vec()), ..receipt.clone() };
        let text = with_extra.encode();
        assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra aGk=\nindex 1\n"));
        assert!(text.ends_with(&format!("\n\n{}", receipt.checkpoint)));
        assert_eq!(Receipt::decode(&text), Ok(with_extra));
    }

    #[test]
    fn what_is_not_a_receipt_is_refused() {
        let (receipt, ..) = sample();
        let text = receipt.encode();
        let hash = merkle::encode_hash(&[0; 32]);
        for wrong in [
            String::new(),
            text.replacen("@v1", "@v2", 1),
            text.replacen("index 1", "index 01", 1),
            text.replacen("index 1", "index +1", 1),
            text.replacen("index 1\n", "", 1),
            text.replacen("index 1\n", "index 1\nextra aGk=\n", 1),
            text.replacen("index 1\n", &format!("index 1\n{}", format!("{hash}\n").repeat(63)), 1),
            format!("{text}{}", "x".repeat(RECEIPT_BYTES_MAX)),
        ] {
            assert_eq!(Receipt::decode(&wrong), Err(DecodeError));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_receipt_reads_back(extra in prop::option::of(prop::collection::vec(any::<u8>(), 0..40)), index in any::<u64>(), path in prop::collection::vec(any::<Hash>(), 0..=64), checkpoint in "[ -~\n]{0,80}") {
            let receipt = Receipt { extra, index, path, checkpoint };
            prop_assert_eq!(Receipt::decode(&receipt.encode()), Ok(receipt));
        }

        #[test]
        fn foreign_receipts_never_panic(text in "(c2sp.org/tlog-proof@v1\n)?[a-z0-9+/= \n]{0,80}") {
            if let Ok(receipt) = Receipt::decode(&text) {
                prop_assert_eq!(receipt.encode(), text);
            }
        }
    }
}
