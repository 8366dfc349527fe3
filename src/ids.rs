//! Names of things: subject ids, entry ids and stream names, and where new ones come from.

use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::clock::Timestamp;

/// Text outside the grammar of the id it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct NotAnId(&'static str);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $valid:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Tells whether the text is in the grammar.
            pub fn fits(text: &str) -> bool {
                $valid(text)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                if $valid(text) { Ok(Self(text.into())) } else { Err(NotAnId($what)) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id! {
    /// The id of an entry, which is the caller's idempotency key: 8–64 of `A-Za-z0-9._-`.
    EntryId, "entry id", is_entry_id
}
id! {
    /// The id of a subject: `[A-Za-z0-9][A-Za-z0-9._-]{0,39}`.
    SubjectId, "id", is_subject_id
}
id! {
    /// The id of a customer.
    CustomerId, "customer id", is_subject_id
}
id! {
    /// The id of an employee.
    EmployeeId, "employee id", is_subject_id
}
id! {
    /// The id of an organisation unit.
    UnitId, "unit id", is_subject_id
}
id! {
    /// The name of a stream: `[a-z_]+(/id){0,2}`.
    StreamName, "stream name", is_stream_name
}

impl CustomerId {
    /// Returns the customer's own stream.
    pub fn stream(&self) -> StreamName {
        StreamName::of("customer", self.as_str())
    }

    /// Returns the stream of the readings of this customer's archive.
    pub fn reads(&self) -> StreamName {
        StreamName::of("reads", self.as_str())
    }
}

impl EmployeeId {
    /// Returns the employee's own stream.
    pub fn stream(&self) -> StreamName {
        StreamName::of("employee", self.as_str())
    }

    /// Returns the stream of whatever this person did.
    pub fn acts(&self) -> StreamName {
        StreamName::of("acts", self.as_str())
    }
}

impl StreamName {
    /// Joins the kind of a subject and its id, which the caller knows to be well-formed.
    pub fn of(kind: &str, id: &str) -> Self {
        Self(format!("{kind}/{id}").into())
    }

    /// Returns a stream without an id, such as `policy`.
    pub fn single(kind: &'static str) -> Self {
        Self(kind.into())
    }

    /// Returns the kind: the part before the first slash.
    pub fn kind(&self) -> &str {
        self.0.split('/').next().unwrap_or_default()
    }

    /// Returns the first id after the kind, if the stream has one.
    pub fn id(&self) -> Option<&str> {
        self.0.split('/').nth(1)
    }
}

fn is_entry_id(text: &str) -> bool {
    (8..=64).contains(&text.len()) && text.bytes().all(is_id_byte)
}

fn is_subject_id(text: &str) -> bool {
    is_id_of_subject(text.as_bytes())
}

fn is_id_of_subject(text: &[u8]) -> bool {
    text.len() <= 40 && text.iter().copied().all(is_id_byte) && text.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_stream_name(text: &str) -> bool {
    // Byte by byte: a general search of so short a text costs more than the look itself.
    let mut parts = text.as_bytes().split(|byte| *byte == b'/');
    let kind = parts.next().unwrap_or_default();
    !kind.is_empty()
        && kind.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
        && parts.by_ref().take(2).all(is_id_of_subject)
        && parts.next().is_none()
}

fn is_id_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

/// Returns the id of what `cause` brought about, told apart by `role`: the same every time.
pub fn derived(cause: &EntryId, role: &str) -> EntryId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(cause.as_str().as_bytes());
    hasher.update(&[0]);
    hasher.update(role.as_bytes());
    let mut bytes = [0; 16];
    hasher.finalize_xof().fill(&mut bytes);
    // Version 8 is the UUID version for ids that are derived in one's own way (RFC 9562).
    EntryId(uuid::Builder::from_custom_bytes(bytes).into_uuid().to_string().into())
}

/// Returns the id of a new subject whose proposer gave none: the proposal's own id where the grammar allows.
pub fn issued(proposal: &EntryId) -> SubjectId {
    proposal
        .as_str()
        .parse()
        .or_else(|_| derived(proposal, "subject").as_str().parse())
        .expect("a UUID is a subject id")
}

/// Where salts, nonces and new ids come from.
pub trait Source: Send + Sync {
    /// Fills `bytes` with bytes nobody can guess.
    fn fill(&self, bytes: &mut [u8]);

    /// Returns a new entry id, a UUID of version 7.
    fn entry_id(&self, at: Timestamp) -> EntryId {
        let mut random = [0; 10];
        self.fill(&mut random);
        let millis = u64::try_from(at.micros() / 1000).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        EntryId(id.to_string().into())
    }

    /// Returns sixteen bytes for an entry's salt.
    fn salt(&self) -> [u8; 16] {
        let mut salt = [0; 16];
        self.fill(&mut salt);
        salt
    }
}

/// Randomness of the operating system, stretched by a keyed stream so that an entry costs no system call.
pub struct SystemSource(Mutex<Stretch>);

struct Stretch {
    reader: blake3::OutputReader,
    left: u32,
}

impl SystemSource {
    /// Seeds itself from the operating system.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn new() -> Result<Self, getrandom::Error> {
        Ok(Self(Mutex::new(Stretch::seeded()?)))
    }
}

impl Stretch {
    fn seeded() -> Result<Self, getrandom::Error> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        Ok(Self { reader: blake3::Hasher::new_keyed(&seed).finalize_xof(), left: 1 << 20 })
    }
}

impl Source for SystemSource {
    fn fill(&self, bytes: &mut [u8]) {
        let mut stretch = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if stretch.left == 0
            && let Ok(fresh) = Stretch::seeded()
        {
            *stretch = fresh;
        }
        stretch.left = stretch.left.saturating_sub(1);
        stretch.reader.fill(bytes);
    }
}

/// Repeatable bytes from a seed: for tests and the demo.
pub struct SeededSource(Mutex<blake3::OutputReader>);

impl SeededSource {
    /// Gives the same bytes for the same seed.
    pub fn new(seed: &str) -> Self {
        let key = blake3::derive_key("dossier seeded source", seed.as_bytes());
        Self(Mutex::new(blake3::Hasher::new_keyed(&key).finalize_xof()))
    }
}

impl Source for SeededSource {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).fill(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_outside_the_grammar_are_refused() {
        for bad in ["", ".a", "a b", "a/b", "a\0", "客户", &"a".repeat(41)] {
            assert!(bad.parse::<CustomerId>().is_err(), "{bad:?}");
        }
        assert!("C-00042".parse::<CustomerId>().is_ok());
        assert!("seven77".parse::<EntryId>().is_err());
        assert!("eight-88".parse::<EntryId>().is_ok());
    }

    #[test]
    fn stream_names_have_at_most_two_ids() {
        for good in ["policy", "customer/C-1", "grade/C-1/credit"] {
            assert!(good.parse::<StreamName>().is_ok(), "{good}");
        }
        for bad in ["", "/", "customer/", "Customer/C-1", "a/b/c/d", "a//b"] {
            assert!(bad.parse::<StreamName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_derived_id_depends_on_its_cause_and_its_role() {
        let cause: EntryId = "cause-001".parse().unwrap();
        assert_eq!(derived(&cause, "a"), derived(&cause, "a"));
        assert_ne!(derived(&cause, "a"), derived(&cause, "b"));
        assert!(derived(&cause, "a").as_str().parse::<EntryId>().is_ok());
    }
}
