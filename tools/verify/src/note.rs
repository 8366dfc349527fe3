//! Who signed what: base64, the public key, the signed note and the checkpoint in it.
//!
//! The forms are C2SP `signed-note` and `tlog-checkpoint`.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

/// The ledger's public key as the auditor holds it: `<name>+<8 hex digits>+<base64>`.
pub struct Key {
    /// The name, which is the origin of the ledger.
    pub name: String,
    id: [u8; 4],
    public: VerifyingKey,
}

/// The signed head of the ledger.
pub struct Checkpoint {
    /// Whose ledger.
    pub origin: String,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: [u8; 32],
}

/// A note, taken apart and not yet verified.
pub struct Note<'a> {
    /// What is signed.
    pub text: &'a str,
    /// The lines below it.
    pub signatures: Vec<SignatureLine<'a>>,
}

/// One line under a note: a dash, a name, and the base64 of a key id and a signature.
pub struct SignatureLine<'a> {
    /// The name the line gives.
    pub name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// Notes longer than this are not read.
const NOTE_MAX: usize = 256 * 1024;
const SIGNATURES_MAX: usize = 64;

/// Reads the auditor's key. The hex digits must be the hash of name and key, so a mistyped key is noticed.
pub fn read_key(text: &str) -> Result<Key, String> {
    let (name, rest) = text.split_once('+').ok_or("the key has no plus sign")?;
    let (hex, encoded) = rest.split_once('+').ok_or("the key has only one plus sign")?;
    if !is_name(name) {
        return Err("the name in the key is empty or has spaces".into());
    }
    let bytes = base64(encoded).ok_or("the key is not base64")?;
    // Type 1 is Ed25519 over the text.
    let [1, public @ ..] = bytes.as_slice() else { return Err("the key is not of type 1, Ed25519".into()) };
    let public: &[u8; 32] = public.try_into().map_err(|_| "the key is not 32 bytes long")?;
    let public = VerifyingKey::from_bytes(public).map_err(|_| "the bytes are not an Ed25519 key")?;
    if public.is_weak() {
        return Err("the key is a weak one, under which anything verifies".into());
    }
    // Key id: the first four bytes of SHA-256(name, line feed, type, key).
    let mut hasher = Sha256::new();
    hasher.update(name.as_bytes());
    hasher.update(b"\n");
    hasher.update(&bytes);
    let digest: [u8; 32] = hasher.finalize().into();
    let [a, b, c, d, ..] = digest;
    if hex != format!("{a:02x}{b:02x}{c:02x}{d:02x}") {
        return Err("the key id does not belong to this name and key".into());
    }
    Ok(Key { name: name.into(), id: [a, b, c, d], public })
}

/// Takes a note apart: text, blank line, signature lines.
pub fn read_note(note: &str) -> Result<Note<'_>, &'static str> {
    if note.len() > NOTE_MAX {
        return Err("the checkpoint is too long");
    }
    if note.chars().any(|c| c < ' ' && c != '\n') {
        return Err("the checkpoint holds a control character");
    }
    // The last blank line divides; the text keeps its own line feed.
    let blank = note.rfind("\n\n").ok_or("the checkpoint has no signature")?;
    let (text, rest) = note.split_at_checked(blank + 1).ok_or("the checkpoint has no signature")?;
    let rest = rest.strip_prefix('\n').and_then(|rest| rest.strip_suffix('\n')).ok_or("a signature line is cut off")?;
    let mut signatures = Vec::new();
    for line in rest.split('\n') {
        if signatures.len() == SIGNATURES_MAX {
            return Err("the checkpoint has too many signatures");
        }
        signatures.push(read_signature(line).ok_or("a signature line is malformed")?);
    }
    Ok(Note { text, signatures })
}

fn read_signature(line: &str) -> Option<SignatureLine<'_>> {
    let (name, encoded) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = base64(encoded)?;
    let (id, signature) = bytes.split_first_chunk::<4>()?;
    if !is_name(name) || signature.is_empty() {
        return None;
    }
    Some(SignatureLine { name, id: *id, signature: signature.to_vec() })
}

impl SignatureLine<'_> {
    /// Says whether the line claims to be of this key.
    pub fn is_of(&self, key: &Key) -> bool {
        self.name == key.name && self.id == key.id
    }
}

/// Says whether the key signed the note. One false signature in its name spoils all.
pub fn check_signature(note: &Note<'_>, key: &Key) -> Result<(), &'static str> {
    let mut signed = false;
    for line in note.signatures.iter().filter(|line| line.is_of(key)) {
        let signature = Signature::from_slice(&line.signature).map_err(|_| "the signature has the wrong length")?;
        key.public.verify_strict(note.text.as_bytes(), &signature).map_err(|_| "the signature is false")?;
        signed = true;
    }
    if signed { Ok(()) } else { Err("no signature of this key is there (is it the key of this ledger?)") }
}

/// Reads the text of a note as a checkpoint: origin, size, root, one to a line. Further lines may follow and are ignored.
pub fn read_checkpoint(text: &str) -> Result<Checkpoint, &'static str> {
    let text = text.strip_suffix('\n').ok_or("the checkpoint does not end its last line")?;
    let lines: Vec<&str> = text.split('\n').collect();
    let [origin, size, root, extensions @ ..] = lines.as_slice() else {
        return Err("the checkpoint has fewer than three lines");
    };
    if origin.is_empty() || extensions.iter().any(|line| line.is_empty()) {
        return Err("the checkpoint has an empty line");
    }
    let size = decimal(size).ok_or("the size in the checkpoint is not a number")?;
    let root = hash(root).ok_or("the root in the checkpoint is not a hash")?;
    Ok(Checkpoint { origin: (*origin).into(), size, root })
}

/// Reads a hash written in base64.
pub fn hash(text: &str) -> Option<[u8; 32]> {
    if text.len() != 44 {
        return None;
    }
    base64(text)?.try_into().ok()
}

/// Reads a decimal number without sign or leading zeros.
pub fn decimal(text: &str) -> Option<u64> {
    let number: u64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// Reads standard base64 with padding (RFC 4648 §4). Every sequence of bytes has one spelling only; all others are refused.
pub fn base64(text: &str) -> Option<Vec<u8>> {
    let (groups, rest) = text.as_bytes().as_chunks::<4>();
    if !rest.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    for (place, group) in groups.iter().enumerate() {
        let last = place + 1 == groups.len();
        // Four letters of six bits make three bytes; at the end, "=" stands for letters not needed.
        let (letters, wanted) = match group {
            [a, b, b'=', b'='] if last => ([*a, *b, b'A', b'A'], 1),
            [a, b, c, b'='] if last => ([*a, *b, *c, b'A'], 2),
            letters => (*letters, 3),
        };
        let mut bits = 0_u32;
        for letter in letters {
            bits = bits << 6 | u32::from(six_bits(letter)?);
        }
        let [_, three @ ..] = bits.to_be_bytes();
        let (used, unused) = three.split_at_checked(wanted)?;
        if unused.iter().any(|byte| *byte != 0) {
            return None;
        }
        bytes.extend_from_slice(used);
    }
    Some(bytes)
}

fn six_bits(letter: u8) -> Option<u8> {
    match letter {
        b'A'..=b'Z' => Some(letter - b'A'),
        b'a'..=b'z' => Some(letter - b'a' + 26),
        b'0'..=b'9' => Some(letter - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_example_of_a_signed_note_verifies() {
        let key = read_key("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k").unwrap();
        let text = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        check_signature(&read_note(text).unwrap(), &key).unwrap();
        let changed = text.replace("message.", "massage.");
        assert_eq!(check_signature(&read_note(&changed).unwrap(), &key), Err("the signature is false"));
    }

    #[test]
    fn base64_is_read_as_the_standard_writes_it_and_in_no_other_way() {
        for (text, bytes) in [
            ("", &b""[..]),
            ("Zg==", b"f"),
            ("Zm8=", b"fo"),
            ("Zm9v", b"foo"),
            ("Zm9vYmFy", b"foobar"),
            ("+/8=", &[0xfb, 0xff]),
        ] {
            assert_eq!(base64(text).as_deref(), Some(bytes), "{text}");
        }
        for wrong in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Z===", "====", "Zm9 ", "Zm9-", "Zm9v\n", "Zm=v"] {
            assert_eq!(base64(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn every_byte_survives_base64() {
        // Written by hand here, since the program itself never writes base64.
        for byte in 0..=255_u8 {
            let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let text = [alphabet[usize::from(byte >> 2)], alphabet[usize::from((byte & 3) << 4)], b'=', b'='];
            assert_eq!(base64(std::str::from_utf8(&text).unwrap()), Some(vec![byte]));
        }
    }

    #[test]
    fn numbers_have_one_spelling() {
        assert_eq!(decimal("0"), Some(0));
        assert_eq!(decimal("18446744073709551615"), Some(u64::MAX));
        for wrong in ["", "00", "01", "+1", "-1", " 1", "18446744073709551616"] {
            assert_eq!(decimal(wrong), None);
        }
    }

    #[test]
    fn a_mistyped_key_is_noticed() {
        let good = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        for at in 0..good.len() {
            let mut bytes = good.as_bytes().to_vec();
            bytes[at] ^= 1;
            assert!(read_key(std::str::from_utf8(&bytes).unwrap()).is_err());
        }
        for wrong in ["", "+", "++", "a+b", "a+00000000+", "a+00000000+AQ=="] {
            assert!(read_key(wrong).is_err());
        }
    }
}
