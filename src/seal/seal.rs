//! One sealed value: `"s1."` and base64url of key id, nonce, commitment and ciphertext.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use serde_json::Value;
use zeroize::{Zeroize as _, Zeroizing};

/// Seals a value for one place under its holder's key.
///
/// The nonce must never have been used before; 24 random bytes are. The length of the text depends on the value only
/// through the few sizes values are padded to.
pub fn seal(key: &HolderKey, nonce: [u8; 24], place: &Place<'_>, plaintext: &Value) -> String {
    let binding = place.binding();
    let derived = derive(CONTEXT, key, &binding);
    let mut body = pad(plaintext);
    cipher(&derived)
        .encrypt_in_place(&nonce.into(), &binding, &mut body)
        .expect("a vector grows, and no value comes near the cipher's limit of 256 GiB");

    let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len());
    bytes.extend_from_slice(&key.id.0);
    bytes.extend_from_slice(&nonce);
    bytes.extend_from_slice(&derived.commitment());
    bytes.extend_from_slice(&body);
    let mut text = String::with_capacity(PREFIX.len() + bytes.len().div_ceil(3) * 4);
    text.push_str(PREFIX);
    URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
    text
}

/// Opens a seal with its holder's key at the place it stands in.
///
/// # Errors
/// The text is no seal, is sealed under another key, was sealed for another place, or was altered.
pub fn open(key: &HolderKey, seal: &str, place: &Place<'_>) -> Result<Value, OpenSealError> {
    let parts = Parts::parse(seal).ok_or(OpenSealError::NotASeal)?;
    if parts.key_id != key.id {
        return Err(OpenSealError::OtherKey { key_id: parts.key_id });
    }
    let binding = place.binding();
    open_parts(&derive(CONTEXT, key, &binding), parts, &binding)
}

/// Opens a seal with the key disclosed for its place.
///
/// # Errors
/// The text is no seal, the key is not the one it commits to, it was sealed for another place, or it was altered.
pub fn open_with_derived(derived: &DerivedKey, seal: &str, place: &Place<'_>) -> Result<Value, OpenSealError> {
    let parts = Parts::parse(seal).ok_or(OpenSealError::NotASeal)?;
    open_parts(derived, parts, &place.binding())
}

/// Returns the key that opens this one field of this one entry and nothing else, for handing to an auditor.
pub fn disclose(key: &HolderKey, place: &Place<'_>) -> DerivedKey {
    derive(CONTEXT, key, &place.binding())
}

/// Tells whether a text has the exact form of a seal; whether it opens is another question.
pub fn is_seal(text: &str) -> bool {
    Parts::parse(text).is_some()
}

/// Returns the id of the key a seal was made under, if the text is a seal.
pub fn key_id(seal: &str) -> Option<KeyId> {
    Parts::parse(seal).map(|parts| parts.key_id)
}

/// The one field of the one entry a seal belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The ledger's origin, the entry's `source`.
    pub source: &'a str,
    /// The entry's id.
    pub id: &'a str,
    /// The entry's `type`.
    pub kind: &'a str,
    /// The JSON pointer of the field within the entry.
    pub pointer: &'a str,
}

impl Place<'_> {
    /// Returns the canonical JSON array `[source, id, type, pointer]`.
    pub(super) fn binding(&self) -> Vec<u8> {
        // RFC 8785 orders no array and escapes strings exactly as `serde_json` does, so this is canonical as written.
        serde_json::to_vec(&[self.source, self.id, self.kind, self.pointer]).expect("strings always serialize")
    }
}

/// The name of a holder's key, as it stands in clear at the head of every seal made under it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 16]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A holder's key; its bytes are wiped from memory when it is dropped.
pub struct HolderKey {
    id: KeyId,
    secret: Zeroizing<[u8; 32]>,
}

impl HolderKey {
    /// Joins a key and its id.
    pub fn new(id: KeyId, secret: Zeroizing<[u8; 32]>) -> Self {
        Self { id, secret }
    }

    /// Returns the key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the key itself, for the ring to wrap.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for HolderKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HolderKey({})", self.id)
    }
}

/// The key of one field of one entry; its bytes are wiped from memory when it is dropped.
#[derive(Clone)]
pub struct DerivedKey(Zeroizing<[u8; 32]>);

impl DerivedKey {
    /// Takes a disclosed key.
    pub fn new(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes to disclose.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns what a seal commits to: BLAKE3 of the key. XChaCha20-Poly1305 alone would let a forger craft one
    /// ciphertext that opens to two plaintexts under two keys.
    pub fn commitment(&self) -> [u8; 32] {
        *blake3::hash(self.0.as_slice()).as_bytes()
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(…)")
    }
}

/// Why a seal did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenSealError {
    /// The text does not have the form of a seal.
    #[error("text is not a seal")]
    NotASeal,
    /// The seal was made under another key than the one given.
    #[error("seal is under key \"{key_id}\"")]
    OtherKey {
        /// The key it names.
        key_id: KeyId,
    },
    /// The key for this place is not the one the seal commits to: it stands in another place than it was made for, its
    /// head was altered, or the disclosed key is a wrong one.
    #[error("seal does not commit to the key of this place")]
    Commitment,
    /// The ciphertext was altered.
    #[error("sealed bytes were altered")]
    Altered,
    /// The seal is authentic but what it holds is not JSON: whoever made it made it wrong.
    #[error("sealed bytes are not JSON")]
    Plaintext,
}

/// A seal taken apart.
struct Parts {
    key_id: KeyId,
    nonce: [u8; 24],
    commitment: [u8; 32],
    /// Ciphertext and tag.
    body: Vec<u8>,
}

impl Parts {
    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        let (key_id, rest) = bytes.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (commitment, body) = rest.split_first_chunk()?;
        let plaintext_bytes = body.len().checked_sub(TAG_BYTES)?;
        (padded(plaintext_bytes) == plaintext_bytes).then(|| Self {
            key_id: KeyId(*key_id),
            nonce: *nonce,
            commitment: *commitment,
            body: body.to_vec(),
        })
    }
}

fn open_parts(derived: &DerivedKey, parts: Parts, binding: &[u8]) -> Result<Value, OpenSealError> {
    if derived.commitment() != parts.commitment {
        return Err(OpenSealError::Commitment);
    }
    let mut body = Zeroizing::new(parts.body);
    cipher(derived).decrypt_in_place(&parts.nonce.into(), binding, &mut *body).map_err(|_| OpenSealError::Altered)?;
    serde_json::from_slice(&body).map_err(|_| OpenSealError::Plaintext)
}

/// Derives the key of one place. The holder's key has a fixed length, so key and place cannot run into each other.
pub(super) fn derive(context: &str, key: &HolderKey, binding: &[u8]) -> DerivedKey {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    hasher.update(key.secret.as_slice()).update(binding);
    let mut output = hasher.finalize();
    let derived = DerivedKey(Zeroizing::new(*output.as_bytes()));
    output.zeroize();
    hasher.zeroize();
    derived
}

pub(super) fn cipher(derived: &DerivedKey) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&*derived.0).into())
}

/// Writes a value as JSON and fills it up with spaces, which JSON permits after a value: no length need be told.
fn pad(plaintext: &Value) -> Vec<u8> {
    // With room for most values, so that growing does not leave copies of a plaintext behind in freed memory.
    let mut bytes = Vec::with_capacity(512 + TAG_BYTES);
    serde_json::to_writer(&mut bytes, plaintext).expect("a JSON value always serializes into a vector");
    let size = padded(bytes.len());
    bytes.resize(size, b' ');
    bytes
}

/// Returns the size to which so many bytes are padded: a power of two from 32 to 4,096, then multiples of 4,096.
fn padded(bytes: usize) -> usize {
    if bytes <= PAGE_BYTES {
        bytes.next_power_of_two().max(32)
    } else {
        bytes.div_ceil(PAGE_BYTES).saturating_mul(PAGE_BYTES)
    }
}

const PREFIX: &str = "s1.";
const CONTEXT: &str = "dossier s1 field key";
const HEAD_BYTES: usize = 16 + 24 + 32;
const TAG_BYTES: usize = 16;
const PAGE_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_seal_opens_to_the_value_it_was_made_of() {
        let value = json!({"name": "林芳", "telephones": ["+86 10 0000 0000"], "born": null});
        let sealed = seal(&key(1), [7; 24], &PLACE, &value);
        assert_eq!(open(&key(1), &sealed, &PLACE), Ok(value));
    }

    #[test]
    fn the_bytes_of_a_seal_never_change() {
        let sealed = seal(&key(1), [7; 24], &PLACE, &json!("林芳"));
        assert_eq!(
            sealed,
            "s1.AQEBAQEBAQEBAQEBAQEBAQcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHB-SY3cCYDRfFej1eb9RmnGLB3njlGvFe-kezHoRj5hviNOkK2nqcm1dkSz73Biu5hiChFhuDjdKeW_NYU5-QMXR5yIZBy3NVJoc03b21URXw"
        );
    }

    #[test]
    fn a_seal_names_its_key() {
        let sealed = seal(&key(1), [7; 24], &PLACE, &json!(1));
        assert!(is_seal(&sealed));
        assert_eq!(key_id(&sealed), Some(KeyId([1; 16])));
        assert_eq!(open(&key(2), &sealed, &PLACE), Err(OpenSealError::OtherKey { key_id: KeyId([1; 16]) }));
    }

    #[test]
    fn a_seal_opens_nowhere_but_in_its_place() {
        let sealed = seal(&key(1), [7; 24], &PLACE, &json!("林芳"));
        for elsewhere in [
            Place { source: "dossier.example.com/other", ..PLACE },
            Place { id: "00000002", ..PLACE },
            Place { kind: "person.updated", ..PLACE },
            Place { pointer: "/data/note", ..PLACE },
            // The same characters, divided otherwise.
            Place { id: "00000001person", kind: ".recorded", ..PLACE },
        ] {
            assert_eq!(open(&key(1), &sealed, &elsewhere), Err(OpenSealError::Commitment), "{elsewhere:?}");
            let derived = disclose(&key(1), &PLACE);
            assert_eq!(open_with_derived(&derived, &sealed, &elsewhere), Err(OpenSealError::Altered), "{elsewhere:?}");
        }
    }

    #[test]
    fn a_disclosed_key_opens_its_field_and_no_other() {
        let other = Place { pointer: "/data/telephone", ..PLACE };
        let name = seal(&key(1), [7; 24], &PLACE, &json!("林芳"));
        let telephone = seal(&key(1), [8; 24], &other, &json!("+86 10 0000 0000"));
        let derived = DerivedKey::new(Zeroizing::new(*disclose(&key(1), &PLACE).as_bytes()));
        assert_eq!(open_with_derived(&derived, &name, &PLACE), Ok(json!("林芳")));
        assert_eq!(open_with_derived(&derived, &telephone, &other), Err(OpenSealError::Commitment));
    }

    #[test]
    fn a_ciphertext_made_under_another_key_than_it_commits_to_does_not_open() {
        // What a forger would make: authentic ciphertext under one key, the commitment of another.
        let binding = PLACE.binding();
        let forged = disclose(&key(2), &PLACE);
        let mut body = pad(&json!("another name"));
        cipher(&forged).encrypt_in_place(&[7; 24].into(), &binding, &mut body).unwrap();
        let mut bytes = [1; 16].to_vec();
        bytes.extend([7; 24]);
        bytes.extend(disclose(&key(1), &PLACE).commitment());
        bytes.extend(body);
        let text = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
        assert_eq!(open_with_derived(&forged, &text, &PLACE), Err(OpenSealError::Commitment));
        assert_eq!(open(&key(1), &text, &PLACE), Err(OpenSealError::Altered));
    }

    #[test]
    fn names_of_different_length_have_seals_of_one_length() {
        let length = |name: &str| seal(&key(1), [7; 24], &PLACE, &json!(name)).len();
        assert_eq!(length("林芳"), length("Anneliese Beispiel"));
        assert_eq!(length(""), 163);
        assert!(length("林芳") < length(&"x".repeat(40)));
    }

    #[test]
    fn a_value_at_the_edge_of_a_size_stays_in_it() {
        // Each size twice: filled to the last byte, and one byte more.
        for (bytes, size) in
            [(0, 32), (32, 32), (33, 64), (64, 64), (4096, 4096), (4097, 8192), (8192, 8192), (8193, 12288)]
        {
            assert_eq!(padded(bytes), size, "{bytes}");
        }
    }

    #[test]
    fn text_that_merely_looks_like_a_seal_is_none() {
        let sealed = seal(&key(1), [7; 24], &PLACE, &json!("x"));
        let longer = format!("{sealed}AAAA");
        let padded = format!("{sealed}=");
        let shorter = sealed.get(..sealed.len() - 1).unwrap();
        let second = sealed.replacen("s1.", "s2.", 1);
        for text in ["", "s1.", "s1.AAAA", "s1.林芳", &longer, &padded, shorter, &second] {
            assert!(!is_seal(text), "{text}");
            assert_eq!(open(&key(1), text, &PLACE), Err(OpenSealError::NotASeal), "{text}");
        }
    }

    #[test]
    fn debug_text_shows_no_key() {
        let shown = format!("{:?} {:?}", key(0x5a), disclose(&key(0x5a), &PLACE));
        assert_eq!(shown, "HolderKey(5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a) DerivedKey(…)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn whatever_is_sealed_opens_to_itself(
            value in values(), secret: [u8; 32], nonce: [u8; 24], id in "[A-Za-z0-9._-]{8,64}", pointer in "(/[^/~]{0,8}){1,3}",
        ) {
            let key = HolderKey::new(KeyId([9; 16]), Zeroizing::new(secret));
            let place = Place { id: &id, pointer: &pointer, ..PLACE };
            let sealed = seal(&key, nonce, &place, &value);
            prop_assert!(is_seal(&sealed));
            prop_assert_eq!(open(&key, &sealed, &place), Ok(value.clone()));
            prop_assert_eq!(open_with_derived(&disclose(&key, &place), &sealed, &place), Ok(value));
        }

        #[test]
        fn a_seal_with_any_bit_flipped_does_not_open(at in 0_usize..120, bit in 0_u8..8) {
            let sealed = seal(&key(1), [7; 24], &PLACE, &json!("林芳"));
            let mut bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX).unwrap()).unwrap();
            bytes[at] ^= 1 << bit;
            let flipped = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(is_seal(&flipped));
            prop_assert!(open(&key(1), &flipped, &PLACE).is_err());
        }

        #[test]
        fn no_text_makes_opening_panic(text in "(s1\\.)?[A-Za-z0-9_-]{0,300}") {
            prop_assert!(open(&key(1), &text, &PLACE).is_err());
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,80}".prop_map(Value::from),
            "x{0,9000}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,8}", inner, 0..4).prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    fn key(byte: u8) -> HolderKey {
        HolderKey::new(KeyId([byte; 16]), Zeroizing::new([byte; 32]))
    }

    const PLACE: Place<'static> =
        Place { source: "dossier.example.com/ledger", id: "00000001", kind: "person.recorded", pointer: "/data/name" };
}
