//! The entry: one immutable event as stored and hashed, canonical JSON in a `CloudEvents` envelope.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use memchr::{memmem, memrchr};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::ids::{EntryId, StreamName};

mod canonical;

pub use self::canonical::{Canonical, WrittenLink};

/// The most bytes an entry may have: what an entry bundle's length prefix can say.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// The hash that identifies an entry and links the streams: BLAKE3 of its bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Hashes the bytes of an entry.
    pub fn of(entry: &[u8]) -> Self {
        Self(*blake3::hash(entry).as_bytes())
    }

    /// Reads 64 hex digits in lower case.
    pub fn from_hex(text: &str) -> Option<Self> {
        let digits: &[u8; 64] = text.as_bytes().try_into().ok()?;
        // Every entry names some: without an early end the digits are looked at side by side.
        let mut others = false;
        let values = digits.map(|digit| {
            let (figure, letter) = (digit.wrapping_sub(b'0'), digit.wrapping_sub(b'a'));
            others |= figure > 9 && letter > 5;
            if figure > 9 { letter.wrapping_add(10) } else { figure }
        });
        let (pairs, _) = values.as_chunks::<2>();
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = high << 4 | low;
        }
        (!others).then_some(Self(bytes))
    }

    fn to_hex(self) -> impl std::ops::Deref<Target = str> {
        blake3::Hash::from_bytes(self.0).to_hex()
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("not 64 hex digits"))
    }
}

/// An entry's place in one of its streams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The stream.
    pub name: StreamName,
    /// The entry's version in it, from 1.
    pub version: u64,
    /// The hash of the entry before it in that stream; absent for the first.
    pub previous: Option<Hash>,
}

/// One entry: the attributes of the envelope and the payload (`design` §3).
///
/// The fields stand in the order of their names, which is the canonical one (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// First 16 hex digits of the hash of the access policy set that let it in.
    pub accesspolicy: String,
    /// Who: an employee's id, or `system`.
    pub actor: String,
    /// Acting as which role.
    pub actorrole: String,
    /// From which unit.
    pub actorunit: String,
    /// The id of the entry that brought this one about.
    #[serde(default)]
    pub causation: Option<EntryId>,
    /// What ties several entries together, such as one import.
    #[serde(default)]
    pub correlation: Option<String>,
    /// The payload of that type: a JSON object, canonical.
    #[serde(deserialize_with = "verbatim")]
    pub data: Box<str>,
    /// The caller's idempotency key or a UUID.
    pub id: EntryId,
    /// Why it is recorded late (R-011).
    #[serde(default)]
    pub latereason: Option<String>,
    /// Business time.
    pub occurredat: Timestamp,
    /// The business policy it was judged under; 0 before the first.
    pub policyversion: u64,
    /// Sixteen random bytes: without them its hash gives nothing away.
    #[serde(with = "salt")]
    pub salt: [u8; 16],
    /// The ledger's origin.
    pub source: String,
    /// Always `1.0`.
    pub specversion: String,
    /// Its place in each of its streams, the primary one first.
    #[serde(with = "streams")]
    pub streams: Vec<Link>,
    /// The primary stream.
    pub subject: StreamName,
    /// Recorded at.
    pub time: Timestamp,
    /// The event type.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Entry {
    /// Returns the canonical bytes.
    ///
    /// # Errors
    /// They would exceed [`ENTRY_BYTES_MAX`].
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut to = Attributes::default();
        to.text("accesspolicy", &self.accesspolicy)?;
        to.text("actor", &self.actor)?;
        to.text("actorrole", &self.actorrole)?;
        to.text("actorunit", &self.actorunit)?;
        to.optional("causation", self.causation.as_ref().map(EntryId::as_str))?;
        to.optional("correlation", self.correlation.as_deref())?;
        to.verbatim("data", &self.data);
        to.text("id", self.id.as_str())?;
        to.optional("latereason", self.latereason.as_deref())?;
        to.text("occurredat", &self.occurredat.to_string())?;
        to.verbatim("policyversion", &self.policyversion.to_string());
        to.text("salt", &BASE64_URL_SAFE_NO_PAD.encode(self.salt))?;
        to.text("source", &self.source)?;
        to.text("specversion", &self.specversion)?;
        to.text("streams", &streams::written(&self.streams))?;
        to.text("subject", self.subject.as_str())?;
        to.text("time", &self.time.to_string())?;
        to.text("type", &self.kind)?;
        to.end()
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// They are no entry, or not in canonical order of attributes where that matters to reading.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        // What the ledger wrote is canonical, which one pass can read; the general way says what is wrong with anything else.
        match Canonical::read(bytes).and_then(Canonical::entry) {
            Some(entry) => Ok(entry),
            None => serde_json::from_slice(bytes).map_err(DecodeError),
        }
    }

    /// Returns the event type of stored bytes, reading nothing else: in canonical order it stands last.
    ///
    /// No text within an entry can pose as the attribute, as its quotes would be escaped.
    pub fn kind_of(bytes: &[u8]) -> Option<&str> {
        let rest = bytes.strip_suffix(b"\"}")?;
        let (before, kind) = rest.split_at_checked(memrchr(b'"', rest)?)?;
        let kind = kind.strip_prefix(b"\"").filter(|_| before.ends_with(b",\"type\":"))?;
        std::str::from_utf8(kind).ok()
    }

    /// Returns when what stored bytes tell of happened, as it is written, reading nothing else.
    ///
    /// No text within an entry can pose as the attribute, as its quotes would be escaped, and no payload follows it.
    pub fn occurred_in(bytes: &[u8]) -> Option<&str> {
        let start = memmem::rfind(bytes, OCCURRED)?;
        let at = bytes.get(start + OCCURRED.len()..)?.split(|byte| *byte == b'"').next()?;
        std::str::from_utf8(at).ok()
    }

    /// Returns the entry's link in `stream`, if it belongs to it.
    pub fn link(&self, stream: &str) -> Option<&Link> {
        self.streams.iter().find(|link| link.name.as_str() == stream)
    }
}

const OCCURRED: &[u8] = b",\"occurredat\":\"";

/// The attributes of an entry being written, in their order.
///
/// Every event passes through here while others wait for it, and by far the most texts have nothing to escape, which a general
/// serializer finds out byte by byte.
struct Attributes(Vec<u8>);

impl Default for Attributes {
    fn default() -> Self {
        Self(Vec::with_capacity(1536))
    }
}

impl Attributes {
    fn name(&mut self, name: &str) {
        self.0.extend_from_slice(if self.0.is_empty() { b"{\"" } else { b",\"" });
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    fn text(&mut self, name: &str, value: &str) -> Result<(), EncodeError> {
        self.name(name);
        if value.bytes().any(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            return serde_json::to_writer(&mut self.0, value).map_err(EncodeError::Json);
        }
        self.0.push(b'"');
        self.0.extend_from_slice(value.as_bytes());
        self.0.push(b'"');
        Ok(())
    }

    fn optional(&mut self, name: &str, value: Option<&str>) -> Result<(), EncodeError> {
        value.map_or(Ok(()), |value| self.text(name, value))
    }

    /// Adds what is JSON already.
    fn verbatim(&mut self, name: &str, json: &str) {
        self.name(name);
        self.0.extend_from_slice(json.as_bytes());
    }

    fn end(mut self) -> Result<Vec<u8>, EncodeError> {
        self.0.push(b'}');
        let length = self.0.len();
        if length > ENTRY_BYTES_MAX { Err(EncodeError::TooLarge(length)) } else { Ok(self.0) }
    }
}

/// Reads a JSON value as the text it is.
fn verbatim<'de, D: Deserializer<'de>>(from: D) -> Result<Box<str>, D::Error> {
    Box::<RawValue>::deserialize(from).map(Into::into)
}

/// Why an entry cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// More bytes than an entry may have.
    #[error("the entry would have {0} bytes, at most {ENTRY_BYTES_MAX} are allowed")]
    TooLarge(usize),
    /// A value JSON cannot write.
    #[error("the entry cannot be written as JSON")]
    Json(#[source] serde_json::Error),
}

/// Stored bytes that are no entry.
#[derive(Debug, thiserror::Error)]
#[error("not an entry")]
pub struct DecodeError(#[source] serde_json::Error);

mod salt {
    use super::*;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 16], D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text.as_bytes()).ok();
        let salt = bytes.and_then(|bytes| bytes.try_into().ok());
        salt.ok_or_else(|| serde::de::Error::custom("salt is not 16 bytes in base64url"))
    }
}

/// `name@version:prev`, separated by spaces; `-` where nothing came before.
mod streams {
    use super::*;

    pub(super) fn written(links: &[Link]) -> String {
        let mut text = String::with_capacity(links.len() * 112);
        for link in links {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(link.name.as_str());
            text.push('@');
            text.push_str(&link.version.to_string());
            text.push(':');
            match link.previous {
                Some(previous) => text.push_str(&previous.to_hex()),
                None => text.push('-'),
            }
        }
        text
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Link>, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(from)?;
        text.split(' ').map(|part| link(part).ok_or_else(|| serde::de::Error::custom("malformed streams"))).collect()
    }

    fn link(part: &str) -> Option<Link> {
        let (name, rest) = part.split_once('@')?;
        let (version, previous) = rest.split_once(':')?;
        let previous = match previous {
            "-" => None,
            hash => Some(Hash::from_hex(hash)?),
        };
        Some(Link { name: name.parse().ok()?, version: version.parse().ok()?, previous })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn sample() -> Entry {
        Entry {
            accesspolicy: "0011223344556677".into(),
            actor: "E-101".into(),
            actorrole: "salesperson".into(),
            actorunit: "north".into(),
            causation: None,
            correlation: None,
            data: r#"{"a":"é","b":[1,2]}"#.into(),
            id: "entry-0001".parse().unwrap(),
            latereason: None,
            occurredat: Timestamp::from_micros(1),
            policyversion: 1,
            salt: [7; 16],
            source: "dossier.example.com/ledger".into(),
            specversion: "1.0".into(),
            streams: vec![
                Link { name: "contact/C-1".parse().unwrap(), version: 1, previous: None },
                Link { name: "customer/C-1".parse().unwrap(), version: 2, previous: Some(Hash([9; 32])) },
            ],
            subject: "contact/C-1".parse().unwrap(),
            time: Timestamp::from_micros(2),
            kind: "contact.recorded".into(),
        }
    }

    #[test]
    fn an_entry_reads_back_and_is_canonical() {
        let bytes = sample().encode().unwrap();
        let again = Entry::decode(&bytes).unwrap().encode().unwrap();
        assert_eq!(bytes, again);
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
        assert_eq!(Entry::kind_of(&bytes), Some("contact.recorded"));
        assert_eq!(Entry::kind_of(b"{\"data\":\"x\"}"), None);
        assert_eq!(Entry::occurred_in(&bytes), Some(sample().occurredat.to_string().as_str()));
        assert_eq!(Entry::occurred_in(b"{}"), None);
        assert_eq!(
            Entry::kind_of(br#"{"data":{"type":"archive.accessed"},"type":"sale.recorded"}"#),
            Some("sale.recorded")
        );
        assert_eq!(Entry::kind_of(br#"{"data":",\"type\":\"sale.recorded"}"#), None);
    }

    #[test]
    fn every_attribute_reads_back_whatever_its_text() {
        let mut entry = sample();
        entry.causation = Some("entry-0000".parse().unwrap());
        entry.correlation = Some("a \"quoted\" \\ \u{1}\n客户 \u{7f}\u{2028}".into());
        entry.latereason = Some("\"".into());
        let bytes = entry.encode().unwrap();
        let again = Entry::decode(&bytes).unwrap();
        assert_eq!(
            (again.causation, again.correlation, again.latereason),
            (entry.causation, entry.correlation, entry.latereason)
        );
        let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(bytes, serde_json_canonicalizer::to_vec(&value).unwrap());
    }

    #[test]
    fn a_hash_is_sixty_four_digits_in_lower_case() {
        let hash = Hash(std::array::from_fn(|place| u8::try_from(place * 37 % 256).unwrap()));
        let text = hash.to_string();
        assert_eq!(Hash::from_hex(&text), Some(hash));
        for (place, byte) in (0..64).flat_map(|place| (0..128_u8).map(move |byte| (place, byte))) {
            let mut other = text.clone().into_bytes();
            other[place] = byte;
            let other = String::from_utf8(other).unwrap();
            let read = Hash::from_hex(&other).map(|hash| hash.to_string());
            assert_eq!(read.as_deref(), matches!(byte, b'0'..=b'9' | b'a'..=b'f').then_some(other.as_str()));
        }
        assert_eq!([&text[1..], &format!("{text}0"), "", "é"].map(Hash::from_hex), [None; 4]);
    }

    #[test]
    fn an_entry_over_the_limit_is_refused() {
        let mut entry = sample();
        entry.actor = "x".repeat(ENTRY_BYTES_MAX);
        assert!(matches!(entry.encode(), Err(EncodeError::TooLarge(_))));
    }
}
