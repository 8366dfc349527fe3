//! The signed head of the tree: C2SP `tlog-checkpoint` in a C2SP `signed-note`, Ed25519.
//!
//! [`sign_note`] and [`open_note`] sign other small texts as well. What is signed is the text alone, so one key must never sign
//! two kinds of text that could be taken for each other: the first line of any other kind must differ from the ledger's origin.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};

use crate::proof::merkle::{self, Hash};

/// The head of a ledger's tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's origin, a schema-less URL; also the name of the key that signs.
    pub origin: String,
    /// The number of leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    /// Returns the three lines that are signed: origin, size, root.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, merkle::encode_hash(&self.root))
    }

    /// Reads the text of a note as a checkpoint, signed or not; `None` if it is none.
    ///
    /// Lines after the third are extensions, which are allowed and ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = decimal(lines.next()?)?;
        let root = merkle::decode_hash(lines.next()?)?;
        let extensions_filled = lines.all(|line| !line.is_empty());
        let empty_as_it_should = size != 0 || root == merkle::empty_root();
        (extensions_filled && empty_as_it_should).then(|| Self { origin: origin.to_owned(), size, root })
    }

    /// Signs the checkpoint under its origin as key name and returns the note.
    pub fn sign(&self, key: &SigningKey) -> Result<String, SignError> {
        sign_note(&self.text(), &self.origin, key)
    }
}

/// Opens a note and reads the checkpoint in it, which must be signed by this key and name its origin as the key does.
pub fn verify(note: &str, vkey: &Vkey) -> Result<Checkpoint, VerifyError> {
    let text = open_note(note, vkey)?;
    let checkpoint = Checkpoint::parse(text).ok_or(VerifyError::Text)?;
    if checkpoint.origin != vkey.name() {
        return Err(VerifyError::Origin { origin: checkpoint.origin, name: vkey.name().to_owned() });
    }
    Ok(checkpoint)
}

/// Signs a text under a key name and returns the note: text, blank line, one signature line.
///
/// The text must end in a line feed and hold no other control character.
pub fn sign_note(text: &str, name: &str, key: &SigningKey) -> Result<String, SignError> {
    if !name_fits(name) {
        return Err(SignError::Name { name: name.to_owned() });
    }
    if !text.ends_with('\n') || !plain(text) {
        return Err(SignError::Text);
    }
    let id = key_id(name, &key.verifying_key());
    let signature = key.sign(text.as_bytes());
    let blob = STANDARD.encode([id.to_be_bytes().as_slice(), &signature.to_bytes()].concat());
    let note = format!("{text}\n{SIGNATURE_PREFIX}{name} {blob}\n");
    if note.len() > NOTE_BYTES_MAX {
        return Err(SignError::Text);
    }
    Ok(note)
}

/// Returns the text of a note if this key signed it.
///
/// Lines of other keys are ignored, a line of this key that does not verify spoils the note.
pub fn open_note<'a>(note: &'a str, vkey: &Vkey) -> Result<&'a str, OpenError> {
    let (text, lines) = split_note(note).ok_or(OpenError::Malformed)?;
    let mut signed = false;
    for line in lines {
        let line = line.ok_or(OpenError::Malformed)?;
        if line.signer.name != vkey.name || line.signer.id != vkey.id {
            continue;
        }
        let signature = Signature::from_slice(&line.signature).map_err(|_| OpenError::Forged)?;
        vkey.key.verify_strict(text.as_bytes(), &signature).map_err(|_| OpenError::Forged)?;
        signed = true;
    }
    if signed { Ok(text) } else { Err(OpenError::Unsigned) }
}

/// Returns the text of a note without asking who signed it, or `None` if it is not a note.
///
/// For showing what an unverified checkpoint claims, nothing else.
#[must_use]
pub fn unverified_text(note: &str) -> Option<&str> {
    split_note(note).map(|(text, _)| text)
}

/// Returns who claims to have signed a note, in the order of the lines; `None` if it is not a note.
#[must_use]
pub fn signers(note: &str) -> Option<Vec<Signer>> {
    let (_, lines) = split_note(note)?;
    lines.map(|line| line.map(|line| line.signer)).collect()
}

/// A claimed signer: the name and id a signature line begins with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The key name.
    pub name: String,
    /// The key id.
    pub id: u32,
}

/// A public key with its name, as notes are verified with it: `<name>+<key id in hex>+<base64 of 0x01 and the key>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    id: u32,
    key: VerifyingKey,
}

impl Vkey {
    /// Names a public key.
    ///
    /// Fails on a name that is empty or holds white space, a control character or a `+`.
    pub fn new(name: &str, key: VerifyingKey) -> Result<Self, VkeyError> {
        if !name_fits(name) {
            return Err(VkeyError::Malformed);
        }
        if key.is_weak() {
            return Err(VkeyError::Key);
        }
        Ok(Self { name: name.to_owned(), id: key_id(name, &key), key })
    }

    /// Reads a vkey and recomputes its id.
    pub fn parse(text: &str) -> Result<Self, VkeyError> {
        // The first two plus signs only: base64 may hold more of them.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VkeyError::Malformed);
        };
        let key = STANDARD.decode(key).map_err(|_| VkeyError::Malformed)?;
        let Some((kind, key)) = key.split_first() else { return Err(VkeyError::Malformed) };
        if *kind != ED25519 {
            return Err(VkeyError::Algorithm { kind: *kind });
        }
        let key = key.try_into().map_err(|_| VkeyError::Key)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| VkeyError::Key)?;
        let vkey = Self::new(name, key)?;
        if format!("{:08x}", vkey.id) != id {
            return Err(VkeyError::Id);
        }
        Ok(vkey)
    }

    /// Returns the key name; for a ledger's key this is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the key id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Returns the public key.
    #[must_use]
    pub fn key(&self) -> &VerifyingKey {
        &self.key
    }
}

impl fmt::Display for Vkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&vkey(&self.name, &self.key))
    }
}

impl FromStr for Vkey {
    type Err = VkeyError;

    fn from_str(text: &str) -> Result<Self, VkeyError> {
        Self::parse(text)
    }
}

/// Returns the vkey of a public key under a name.
#[must_use]
pub fn vkey(name: &str, key: &VerifyingKey) -> String {
    let tagged = [[ED25519].as_slice(), key.as_bytes()].concat();
    format!("{name}+{:08x}+{}", key_id(name, key), STANDARD.encode(tagged))
}

/// Why a text was not signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The key name cannot stand in a signature line.
    #[error("key name {name:?} is empty or holds white space, a control character or a plus sign")]
    Name {
        /// The name.
        name: String,
    },
    /// The text does not end in a line feed, holds another control character or is too long.
    #[error("the text cannot be signed as a note")]
    Text,
}

/// Why a note was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not a signed note, or a larger one than is read.
    #[error("not a signed note")]
    Malformed,
    /// No signature line names this key.
    #[error("the note is not signed by this key")]
    Unsigned,
    /// A signature line names this key and does not verify.
    #[error("a signature under this key is false")]
    Forged,
}

/// Why a note is not a checkpoint of the ledger whose key was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// The note could not be opened.
    #[error(transparent)]
    Note(#[from] OpenError),
    /// The text is signed but is not a checkpoint.
    #[error("the signed text is not a checkpoint")]
    Text,
    /// The checkpoint is of another ledger than the key.
    #[error("checkpoint of {origin:?} is signed by the key of {name:?}")]
    Origin {
        /// The origin in the checkpoint.
        origin: String,
        /// The name of the key.
        name: String,
    },
}

/// Why a text is not a usable vkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VkeyError {
    /// It does not have three parts, or its name or base64 is wrong.
    #[error("not a verifier key: want <name>+<id>+<base64>")]
    Malformed,
    /// It is a key for something other than an Ed25519 signature.
    #[error("verifier key of type {kind} instead of 1, Ed25519")]
    Algorithm {
        /// The type byte found.
        kind: u8,
    },
    /// The bytes are not an Ed25519 public key, or a weak one.
    #[error("the bytes of the verifier key are not a sound Ed25519 key")]
    Key,
    /// The id does not belong to name and key.
    #[error("the id of the verifier key does not belong to its name and key")]
    Id,
}

/// The longest note that is signed or read, in bytes.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

/// The most signature lines that are read; the specification asks for 16 at least.
pub const SIGNATURES_MAX: usize = 64;

/// One line under a note.
struct Line {
    signer: Signer,
    signature: Vec<u8>,
}

/// Splits a note into its text and its signature lines, of which `None` is a malformed one.
fn split_note(note: &str) -> Option<(&str, impl Iterator<Item = Option<Line>>)> {
    if note.len() > NOTE_BYTES_MAX || !plain(note) {
        return None;
    }
    // The text reaches up to and including the line feed before the last blank line.
    let blank = note.rfind("\n\n")?;
    let (text, rest) = note.split_at_checked(blank + 1)?;
    let lines = rest.strip_prefix('\n')?.strip_suffix('\n')?;
    if lines.split('\n').count() > SIGNATURES_MAX {
        return None;
    }
    Some((text, lines.split('\n').map(read_line)))
}

fn read_line(line: &str) -> Option<Line> {
    let (name, blob) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let blob = STANDARD.decode(blob).ok()?;
    let (id, signature) = blob.split_first_chunk::<4>()?;
    let sound = name_fits(name) && !signature.is_empty();
    sound.then(|| Line {
        signer: Signer { name: name.to_owned(), id: u32::from_be_bytes(*id) },
        signature: signature.to_vec(),
    })
}

/// `SHA-256(name || 0x0A || type || public key)`, the first four bytes.
fn key_id(name: &str, key: &VerifyingKey) -> u32 {
    let [a, b, c, d, ..] = merkle::sha256(&[name.as_bytes(), &[b'\n', ED25519], key.as_bytes()]);
    u32::from_be_bytes([a, b, c, d])
}

fn name_fits(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn plain(text: &str) -> bool {
    text.bytes().all(|byte| byte >= 0x20 || byte == b'\n')
}

fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let shortest = text == "0" || !text.starts_with('0');
    if digits && shortest { text.parse().ok() } else { None }
}

/// The signature type of a plain Ed25519 signature over the text.
const ED25519: u8 = 0x01;

/// U+2014 and a space: `E2 80 94 20`.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXAMPLE_VKEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    const EXAMPLE_NOTE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "dossier.example.com/ledger".to_owned(), size: 42, root: [9; 32] }
    }

    fn own_vkey() -> Vkey {
        Vkey::new("dossier.example.com/ledger", key().verifying_key()).unwrap()
    }

    #[test]
    fn the_example_of_the_specification_opens() {
        let vkey = Vkey::parse(EXAMPLE_VKEY).unwrap();
        assert_eq!(vkey.to_string(), EXAMPLE_VKEY);
        assert_eq!((vkey.name(), vkey.id()), ("example.com/foo", 0x530d_903a));
        assert_eq!(open_note(EXAMPLE_NOTE, &vkey), Ok("This is an example message.\n"));
    }

    #[test]
    fn no_bit_of_a_signed_note_can_be_flipped() {
        let vkey = Vkey::parse(EXAMPLE_VKEY).unwrap();
        for at in 0..EXAMPLE_NOTE.len() {
            for bit in 0..8 {
                let mut bytes = EXAMPLE_NOTE.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                if let Ok(note) = String::from_utf8(bytes) {
                    assert!(open_note(&note, &vkey).is_err(), "byte {at}, bit {bit}");
                }
            }
        }
    }

    #[test]
    fn no_bit_of_a_vkey_can_be_flipped() {
        for at in 0..EXAMPLE_VKEY.len() {
            for bit in 0..7 {
                let mut bytes = EXAMPLE_VKEY.as_bytes().to_vec();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(Vkey::parse(&changed).is_err(), "{changed}");
            }
        }
    }

    #[test]
    fn a_checkpoint_is_signed_and_verified() {
        let note = checkpoint().sign(&key()).unwrap();
        assert!(note.starts_with("dossier.example.com/ledger\n42\nCQkJ"));
        assert_eq!(verify(&note, &own_vkey()), Ok(checkpoint()));
        assert_eq!(signers(&note).unwrap(), [Signer { name: own_vkey().name().to_owned(), id: own_vkey().id() }]);
        assert_eq!(Vkey::parse(&vkey(own_vkey().name(), own_vkey().key())), Ok(own_vkey()));
    }

    #[test]
    fn lines_of_strangers_are_ignored_and_a_false_line_of_ours_spoils_the_note() {
        let note = checkpoint().sign(&key()).unwrap();
        let stranger = sign_note(&checkpoint().text(), "witness.example", &SigningKey::from_bytes(&[8; 32])).unwrap();
        let line = stranger.rsplit_once("\n\n").unwrap().1;
        let both = format!("{note}{line}");
        assert_eq!(verify(&both, &own_vkey()), Ok(checkpoint()));
        assert_eq!(signers(&both).unwrap().len(), 2);
        assert_eq!(verify(&stranger, &own_vkey()), Err(OpenError::Unsigned.into()));

        let other = sign_note("another text\n", own_vkey().name(), &key()).unwrap();
        let spoiled = format!("{note}{}", other.rsplit_once("\n\n").unwrap().1);
        assert_eq!(verify(&spoiled, &own_vkey()), Err(OpenError::Forged.into()));
    }

    #[test]
    fn a_note_that_is_no_checkpoint_of_this_origin_is_refused() {
        let snapshot = sign_note("dossier-world/1\n42\n", own_vkey().name(), &key()).unwrap();
        assert!(open_note(&snapshot, &own_vkey()).is_ok());
        assert_eq!(verify(&snapshot, &own_vkey()), Err(VerifyError::Text));
        let foreign = Checkpoint { origin: "elsewhere.example".to_owned(), ..checkpoint() };
        let note = sign_note(&foreign.text(), own_vkey().name(), &key()).unwrap();
        assert!(matches!(verify(&note, &own_vkey()), Err(VerifyError::Origin { .. })));
    }

    #[test]
    fn what_cannot_be_a_note_is_not_signed() {
        for name in ["", "a b", "a+b", "a\u{3000}b", "a\nb", "a\u{7f}b"] {
            assert!(matches!(sign_note("x\n", name, &key()), Err(SignError::Name { .. })), "{name:?}");
            assert!(Vkey::new(name, key().verifying_key()).is_err());
        }
        for text in ["", "x", "x\ty\n", "x\r\n"] {
            assert_eq!(sign_note(text, "name", &key()), Err(SignError::Text), "{text:?}");
        }
    }

    #[test]
    fn malformed_notes_are_refused() {
        let good = checkpoint().sign(&key()).unwrap();
        let (text, line) = good.rsplit_once("\n\n").unwrap();
        let many = format!("{text}\n\n{}", line.repeat(SIGNATURES_MAX + 1));
        let long = format!("{}\n{good}", "x".repeat(NOTE_BYTES_MAX));
        for note in [
            String::new(),
            "\n\n".to_owned(),
            text.to_owned(),
            format!("{text}\n\n"),
            good.trim_end().to_owned(),
            format!("{good}\n"),
            format!("{good}stray\n"),
            many,
            long,
        ] {
            assert_eq!(open_note(&note, &own_vkey()), Err(OpenError::Malformed));
        }
        let fitting = format!("{text}\n\n{}", line.repeat(SIGNATURES_MAX));
        assert!(open_note(&fitting, &own_vkey()).is_ok());
    }

    #[test]
    fn only_the_one_text_of_a_checkpoint_is_read() {
        let root = merkle::encode_hash(&[9; 32]);
        let empty = merkle::encode_hash(&merkle::empty_root());
        for text in [format!("o\n1\n{root}\n"), format!("o\n0\n{empty}\n"), format!("o\n1\n{root}\nextension\n")] {
            assert!(Checkpoint::parse(&text).is_some(), "{text}");
        }
        for text in [
            String::new(),
            format!("\n1\n{root}\n"),
            format!("o\n01\n{root}\n"),
            format!("o\n+1\n{root}\n"),
            format!("o\n\n{root}\n"),
            format!("o\n0\n{root}\n"),
            format!("o\n1\n{root}"),
            format!("o\n1\n{root}\n\n"),
            format!("o\n18446744073709551616\n{root}\n"),
            "o\n1\nAAAA\n".to_owned(),
            "o\n1\n".to_owned(),
        ] {
            assert_eq!(Checkpoint::parse(&text), None, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn every_text_that_is_signed_opens_to_itself(text in "([ -~\n]|\u{5ba2}){0,60}\n", secret in any::<[u8; 32]>()) {
            let key = SigningKey::from_bytes(&secret);
            let note = sign_note(&text, "a.example", &key).unwrap();
            prop_assert_eq!(open_note(&note, &Vkey::new("a.example", key.verifying_key()).unwrap()), Ok(text.as_str()));
        }

        #[test]
        fn every_checkpoint_reads_back(origin in "[a-z./]{1,20}", size in 1_u64.., root in any::<Hash>()) {
            let checkpoint = Checkpoint { origin, size, root };
            prop_assert_eq!(Checkpoint::parse(&checkpoint.text()), Some(checkpoint));
        }

        #[test]
        fn foreign_notes_never_panic(note in "[a-zA-Z0-9+/= \n\u{2014}]{0,120}") {
            prop_assert!(open_note(&note, &own_vkey()).is_err());
            prop_assert!(Vkey::parse(&note).is_err());
        }
    }
}
