//! The entry: one immutable event as stored and hashed, canonical JSON in a `CloudEvents` envelope.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::clock::Timestamp;
use crate::ids::{EntryId, StreamName};

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
        if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        blake3::Hash::from_hex(text).ok().map(|hash| Self(*hash.as_bytes()))
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
/// The fields stand in the order of their names, so that serializing them is canonical (RFC 8785).
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<EntryId>,
    /// What ties several entries together, such as one import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// The payload of that type, canonical.
    pub data: Box<RawValue>,
    /// The caller's idempotency key or a UUID.
    pub id: EntryId,
    /// Why it is recorded late (R-011).
    #[serde(default, skip_serializing_if = "Option::is_none")]
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
        let mut bytes = Vec::with_capacity(1024);
        serde_json::to_writer(&mut bytes, self).map_err(EncodeError::Json)?;
        if bytes.len() > ENTRY_BYTES_MAX {
            return Err(EncodeError::TooLarge(bytes.len()));
        }
        Ok(bytes)
    }

    /// Reads stored bytes.
    ///
    /// # Errors
    /// They are no entry, or not in canonical order of attributes where that matters to reading.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        serde_json::from_slice(bytes).map_err(DecodeError)
    }

    /// Returns the entry's link in `stream`, if it belongs to it.
    pub fn link(&self, stream: &str) -> Option<&Link> {
        self.streams.iter().find(|link| link.name.as_str() == stream)
    }
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

    pub(super) fn serialize<S: Serializer>(salt: &[u8; 16], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&BASE64_URL_SAFE_NO_PAD.encode(salt))
    }

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

    pub(super) fn serialize<S: Serializer>(links: &[Link], to: S) -> Result<S::Ok, S::Error> {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(links.len() * 96);
        for link in links {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(link.name.as_str());
            write!(text, "@{}:", link.version).map_err(serde::ser::Error::custom)?;
            match link.previous {
                Some(previous) => text.push_str(&previous.to_hex()),
                None => text.push('-'),
            }
        }
        to.serialize_str(&text)
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

    fn sample() -> Entry {
        Entry {
            accesspolicy: "0011223344556677".into(),
            actor: "E-101".into(),
            actorrole: "salesperson".into(),
            actorunit: "north".into(),
            causation: None,
            correlation: None,
            data: RawValue::from_string(r#"{"a":"é","b":[1,2]}"#.into()).unwrap(),
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
    }

    #[test]
    fn an_entry_over_the_limit_is_refused() {
        let mut entry = sample();
        entry.actor = "x".repeat(ENTRY_BYTES_MAX);
        assert!(matches!(entry.encode(), Err(EncodeError::TooLarge(_))));
    }
}
