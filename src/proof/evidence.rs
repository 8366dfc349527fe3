//! The evidence bundle: entries of one stream with their proofs and a signed checkpoint, in one JSON object that verifies offline.
//!
//! ```json
//! {
//!   "format": "dossier-evidence/1",
//!   "origin": "dossier.example.com/ledger",
//!   "checkpoint": "dossier.example.com/ledger\n70000\n<base64 root>\n\n— dossier.example.com/ledger <base64>\n",
//!   "stream": "customer/C-00042",
//!   "entries": [
//!     {"index": 17, "entry": "{\"actor\":\"E-101\",…}", "proof": ["<base64 hash>", "…"]}
//!   ],
//!   "opened": [
//!     {"index": 17, "pointer": "/data/phone", "key": "<text>", "plaintext": "<text>"}
//!   ]
//! }
//! ```
//!
//! * `format` is exactly `dossier-evidence/1`. Unknown and repeated members are refused, in any object of the bundle.
//! * `origin` is that of the checkpoint and the `source` of every entry.
//! * `checkpoint` is the signed note, verbatim ([`crate::proof::checkpoint`]).
//! * `stream` is the name of the one stream the entries are shown for; every entry belongs to it.
//! * `entries` has at least one element, in rising order of `index`.
//!   `entry` holds the stored bytes, which are UTF-8, as a JSON string: decoded, they are what was hashed.
//!   `proof` is the inclusion path in the checkpoint's tree, leaf sibling first, each hash in standard base64 with padding.
//! * `opened` is reserved for opened personal values and may be left out; version 1 verifies none of it.
//!
//! White space between the tokens is free. The members are written in the order above.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::proof::checkpoint::{self, Checkpoint, VerifyError, Vkey};
use crate::proof::merkle::{self, Hash, PATH_HASHES_MAX};

/// Entries of one stream, with what proves them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// [`FORMAT`].
    pub format: String,
    /// The origin of the ledger.
    pub origin: String,
    /// The checkpoint note, verbatim.
    pub checkpoint: String,
    /// The stream shown.
    pub stream: String,
    /// The entries shown, in rising order of index.
    pub entries: Vec<Shown>,
    /// Reserved: personal values opened for the reader.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<Opened>,
}

/// One entry with its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// The entry's place in the ledger.
    pub index: u64,
    /// The stored bytes.
    pub entry: String,
    /// The inclusion path, leaf sibling first.
    #[serde(with = "hash_texts")]
    pub proof: Vec<Hash>,
}

/// A personal value opened for the reader; reserved, and verified by nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// The entry the value stands in.
    pub index: u64,
    /// The JSON pointer to the seal within the entry.
    pub pointer: String,
    /// The key derived for that one seal.
    pub key: String,
    /// The value that was sealed.
    pub plaintext: String,
}

impl Evidence {
    /// Returns a bundle of entries without opened values.
    #[must_use]
    pub fn new(origin: &str, checkpoint: &str, stream: &str, entries: Vec<Shown>) -> Self {
        Self {
            format: FORMAT.to_owned(),
            origin: origin.to_owned(),
            checkpoint: checkpoint.to_owned(),
            stream: stream.to_owned(),
            entries,
            opened: Vec::new(),
        }
    }

    /// Returns the bundle as JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, integers and lists of them are JSON")
    }

    /// Reads a bundle; nothing in it is verified yet.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > EVIDENCE_BYTES_MAX {
            return Err(DecodeError::TooLarge);
        }
        let evidence: Self = serde_json::from_slice(bytes)?;
        if evidence.format != FORMAT {
            return Err(DecodeError::Format { found: evidence.format });
        }
        if evidence.entries.is_empty() {
            return Err(DecodeError::Empty);
        }
        Ok(evidence)
    }

    /// Answers, each by itself, the questions one asks of a bundle. Every hash is computed from the bytes shown.
    #[must_use]
    pub fn verify(&self, vkey: &Vkey) -> Report {
        let checkpoint = checkpoint::verify(&self.checkpoint, vkey);
        let signature = match &checkpoint {
            Ok(found) if found.origin != self.origin => Answer::No(Objection::Origin),
            Ok(_) => Answer::Yes,
            Err(error) => Answer::No(Objection::Checkpoint(error.clone())),
        };
        let read: Vec<Read> = self.entries.iter().map(Read::new).collect();
        let included = self.included(checkpoint.as_ref().ok());
        let unaltered = match (&signature, &included) {
            // Bytes are unaltered if they are the ones the root was signed over.
            (Answer::No(objection), _) | (_, Answer::No(objection)) => Answer::No(objection.clone()),
            _ => Answer::from(self.objection_to_content(&read)),
        };
        let versions = |read: &Read| read.link(&self.stream).map(|link| link.version);
        Report {
            signature,
            included,
            unaltered,
            in_order: Answer::from(objection_to_order(&self.entries, &read)),
            gapless: Answer::from(self.objection_to_links(&read)),
            complete: Answer::NotClaimed,
            first_version: read.first().and_then(versions),
            last_version: read.last().and_then(versions),
            size: checkpoint.ok().map(|checkpoint| checkpoint.size),
            other_signers: other_signers(&self.checkpoint, vkey),
            opened_unverified: self.opened.len(),
        }
    }

    fn included(&self, checkpoint: Option<&Checkpoint>) -> Answer {
        // Being in a tree nobody signed means nothing.
        let Some(checkpoint) = checkpoint else { return Answer::No(Objection::NoTree) };
        let outside = self.entries.iter().find(|shown| {
            let leaf = merkle::leaf_hash(shown.entry.as_bytes());
            shown.proof.len() > PATH_HASHES_MAX
                || !merkle::verify_inclusion(&leaf, shown.index, checkpoint.size, &shown.proof, &checkpoint.root)
        });
        Answer::from(
            outside.map(|shown| Objection::NotIncluded { index: shown.index }).or_else(|| self.nothing_shown()),
        )
    }

    /// Looks for an entry that is not one of this ledger, or that disagrees with another about a hash.
    fn objection_to_content(&self, read: &[Read]) -> Option<Objection> {
        let mut heads: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        for (shown, read) in self.entries.iter().zip(read) {
            let index = shown.index;
            let Some(attributes) = &read.attributes else { return Some(Objection::Unreadable { index }) };
            if attributes.source != self.origin {
                return Some(Objection::Foreign { index });
            }
            for link in &attributes.links {
                if let Some((version, hash)) = heads.get(link.stream.as_str())
                    && version.checked_add(1) == Some(link.version)
                    && *hash != link.prev
                {
                    return Some(Objection::Link { index, stream: link.stream.clone() });
                }
            }
            for link in &attributes.links {
                heads.insert(&link.stream, (link.version, &read.hash));
            }
        }
        None
    }

    /// Looks for a break in the stream between its first and its last shown entry.
    fn objection_to_links(&self, read: &[Read]) -> Option<Objection> {
        let mut head: Option<(u64, &str)> = None;
        for (shown, read) in self.entries.iter().zip(read) {
            let index = shown.index;
            let Some(link) = read.link(&self.stream) else { return Some(Objection::OffStream { index }) };
            if let Some((version, hash)) = head {
                if version.checked_add(1) != Some(link.version) {
                    return Some(Objection::Gap { index, after: version, found: link.version });
                }
                if link.prev != hash {
                    return Some(Objection::Link { index, stream: self.stream.clone() });
                }
            }
            head = Some((link.version, &read.hash));
        }
        self.nothing_shown()
    }

    fn nothing_shown(&self) -> Option<Objection> {
        self.entries.is_empty().then_some(Objection::Nothing)
    }
}

/// The answers about a bundle; each stands by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Is the checkpoint signed by the given key, for the origin the bundle names?
    pub signature: Answer,
    /// Does the proof of every entry lead from its bytes to the signed root?
    pub included: Answer,
    /// Is every entry what was signed, of this ledger, in canonical form, and at one with the others about their hashes?
    pub unaltered: Answer,
    /// Do index and time rise from entry to entry?
    pub in_order: Answer,
    /// Does the stream run from the first to the last shown version without a gap, each entry naming the one before by its hash?
    pub gapless: Answer,
    /// Is nothing of the stream missing up to the checkpoint? Always [`Answer::NotClaimed`]: a later entry may exist.
    pub complete: Answer,
    /// The stream version of the first entry shown.
    pub first_version: Option<u64>,
    /// The stream version of the last entry shown.
    pub last_version: Option<u64>,
    /// The size of the tree, if its checkpoint holds.
    pub size: Option<u64>,
    /// The names on other signature lines, which nothing here verified.
    pub other_signers: Vec<String>,
    /// How many opened values the bundle carries, which nothing here verified.
    pub opened_unverified: usize,
}

impl Report {
    /// Answers whether there is no objection to anything.
    #[must_use]
    pub fn sound(&self) -> bool {
        let answers = [&self.signature, &self.included, &self.unaltered, &self.in_order, &self.gapless, &self.complete];
        answers.iter().all(|answer| !matches!(answer, Answer::No(_)))
    }
}

/// One answer of a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Shown to be so.
    Yes,
    /// Not shown to be so, for this reason; there may be more.
    No(Objection),
    /// Nothing in the bundle could show it.
    NotClaimed,
}

impl From<Option<Objection>> for Answer {
    fn from(objection: Option<Objection>) -> Self {
        objection.map_or(Self::Yes, Self::No)
    }
}

/// What stands against a bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Objection {
    /// The checkpoint does not hold under the key.
    #[error("the checkpoint does not hold: {0}")]
    Checkpoint(VerifyError),
    /// The bundle names another origin than its checkpoint.
    #[error("the bundle names another origin than its checkpoint")]
    Origin,
    /// Without a signed checkpoint there is no tree to be in.
    #[error("there is no signed tree to be included in")]
    NoTree,
    /// A bundle without entries shows nothing.
    #[error("no entry is shown")]
    Nothing,
    /// The proof of an entry does not lead to the root.
    #[error("entry {index} is not in the tree as shown")]
    NotIncluded {
        /// The entry.
        index: u64,
    },
    /// The bytes are not an entry in canonical form.
    #[error("entry {index} is not an entry in canonical form")]
    Unreadable {
        /// The entry.
        index: u64,
    },
    /// The entry is of another ledger.
    #[error("entry {index} is of another ledger")]
    Foreign {
        /// The entry.
        index: u64,
    },
    /// The index or the time does not come after those of the entry before.
    #[error("entry {index} does not come after the one shown before it")]
    Order {
        /// The entry.
        index: u64,
    },
    /// The entry does not belong to the stream shown.
    #[error("entry {index} is not in the stream shown")]
    OffStream {
        /// The entry.
        index: u64,
    },
    /// Versions of the stream are missing or repeated.
    #[error("entry {index} has version {found} and follows version {after}")]
    Gap {
        /// The entry.
        index: u64,
        /// The version shown before it.
        after: u64,
        /// Its own.
        found: u64,
    },
    /// The entry names another hash than that of its predecessor in a stream.
    #[error("entry {index} names another predecessor in stream {stream:?}")]
    Link {
        /// The entry.
        index: u64,
        /// The stream.
        stream: String,
    },
}

/// Why bytes are not an evidence bundle.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// More bytes than are read.
    #[error("the bundle is larger than {EVIDENCE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not JSON, or not of this shape.
    #[error("the bundle cannot be read")]
    Shape(#[from] serde_json::Error),
    /// Another format, or another version of it.
    #[error("the bundle has format {found:?} instead of {FORMAT:?}")]
    Format {
        /// The format named.
        found: String,
    },
    /// No entry is shown.
    #[error("the bundle shows no entry")]
    Empty,
}

/// The format every bundle names.
pub const FORMAT: &str = "dossier-evidence/1";

/// The largest bundle that is read, in bytes.
pub const EVIDENCE_BYTES_MAX: usize = 256 * 1024 * 1024;

/// The largest entry there is, in bytes.
pub const ENTRY_BYTES_MAX: usize = 65_535;

/// An entry as the questions need it.
struct Read {
    /// Hex BLAKE3 of the bytes shown.
    hash: String,
    /// `None` if the bytes are not an entry in canonical form.
    attributes: Option<Attributes>,
}

struct Attributes {
    source: String,
    time: String,
    links: Vec<Link>,
}

struct Link {
    stream: String,
    version: u64,
    prev: String,
}

impl Read {
    fn new(shown: &Shown) -> Self {
        Self {
            hash: blake3::hash(shown.entry.as_bytes()).to_hex().to_string(),
            attributes: Attributes::read(&shown.entry),
        }
    }

    fn link(&self, stream: &str) -> Option<&Link> {
        self.attributes.as_ref()?.links.iter().find(|link| link.stream == stream)
    }
}

impl Attributes {
    fn read(entry: &str) -> Option<Self> {
        if entry.len() > ENTRY_BYTES_MAX {
            return None;
        }
        let value: Value = serde_json::from_str(entry).ok()?;
        let mut canonical = String::with_capacity(entry.len());
        write_canonical(&value, &mut canonical)?;
        // The same bytes again: no repeated member, no second spelling that another reader might take otherwise.
        if canonical != entry {
            return None;
        }
        let text = |name: &str| Some(value.get(name)?.as_str()?.to_owned());
        let (source, time, streams) = (text("source")?, text("time")?, text("streams")?);
        let links: Vec<Link> = streams.split(' ').map(Link::read).collect::<Option<_>>()?;
        let mut names: Vec<&str> = links.iter().map(|link| link.stream.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let sound = names.len() == links.len() && stands_as_time(&time);
        sound.then_some(Self { source, time, links })
    }
}

impl Link {
    /// Reads `name@version:prev`.
    fn read(text: &str) -> Option<Self> {
        let (rest, prev) = text.rsplit_once(':')?;
        let (stream, version) = rest.rsplit_once('@')?;
        let plain = version.bytes().all(|byte| byte.is_ascii_digit()) && !version.starts_with('0');
        let version: u64 = version.parse().ok().filter(|_| plain)?;
        let hash = prev.len() == 64 && prev.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let sound = !stream.is_empty() && if version == 1 { prev == "-" } else { hash };
        sound.then(|| Self { stream: stream.to_owned(), version, prev: prev.to_owned() })
    }
}

fn objection_to_order(entries: &[Shown], read: &[Read]) -> Option<Objection> {
    let mut before: Option<(u64, &str)> = None;
    for (shown, read) in entries.iter().zip(read) {
        let index = shown.index;
        let Some(attributes) = &read.attributes else { return Some(Objection::Unreadable { index }) };
        let time = attributes.time.as_str();
        // All times have one form and one length, so that they sort as text.
        if before.is_some_and(|(last, at)| index <= last || time <= at) {
            return Some(Objection::Order { index });
        }
        before = Some((index, time));
    }
    entries.is_empty().then_some(Objection::Nothing)
}

/// Answers whether a text has the form `2026-11-21T19:45:37.000001Z`.
fn stands_as_time(text: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00.000000Z";
    text.len() == FORM.len()
        && text.bytes().zip(FORM).all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte == *form })
}

/// Writes a value as RFC 8785 has it, or `None` where a number is not an integer within ±(2^53−1).
///
/// Sorts by itself, since a feature elsewhere in a build may make `serde_json` keep the order it read.
fn write_canonical(value: &Value, out: &mut String) -> Option<()> {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => {
            let integer = number.as_i64().filter(|integer| integer.unsigned_abs() < 1 << 53)?;
            out.push_str(&integer.to_string());
        }
        Value::String(text) => write_text(text, out)?,
        Value::Array(values) => {
            out.push('[');
            for (place, value) in values.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_canonical(value, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            // RFC 8785 §3.2.3: names are sorted by their UTF-16 code units.
            members.sort_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
            out.push('{');
            for (place, (name, value)) in members.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_text(name, out)?;
                out.push(':');
                write_canonical(value, out)?;
            }
            out.push('}');
        }
    }
    Some(())
}

fn write_text(text: &str, out: &mut String) -> Option<()> {
    out.push_str(&serde_json::to_string(text).ok()?);
    Some(())
}

fn other_signers(note: &str, vkey: &Vkey) -> Vec<String> {
    let signers = checkpoint::signers(note).unwrap_or_default();
    let others = signers.into_iter().filter(|signer| signer.name != vkey.name() || signer.id != vkey.id());
    others.map(|signer| signer.name).collect()
}

/// Hashes as their base64 texts.
mod hash_texts {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::proof::merkle::{Hash, decode_hash, encode_hash};

    pub(super) fn serialize<S: Serializer>(hashes: &[Hash], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(hashes.iter().map(encode_hash))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Hash>, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        let hashes = texts.iter().map(|text| decode_hash(text)).collect::<Option<_>>();
        hashes.ok_or_else(|| D::Error::custom("a hash of a proof is not base64 of 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use ed25519_dalek::SigningKey;
    use proptest::prelude::*;

    use super::*;
    use crate::proof::tile::{Growth, Prover, Tiles};

    const ORIGIN: &str = "dossier.example.com/ledger";
    const STREAM: &str = "customer/C-00042";

    struct NoTiles;

    impl Tiles for NoTiles {
        type Error = Infallible;

        fn full(&self, _: u8, _: u64) -> Result<Option<Vec<Hash>>, Infallible> {
            Ok(None)
        }
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn own_vkey() -> Vkey {
        Vkey::new(ORIGIN, key().verifying_key()).unwrap()
    }

    fn hex(entry: &str) -> String {
        blake3::hash(entry.as_bytes()).to_hex().to_string()
    }

    fn entry(index: usize, source: &str, streams: &str) -> String {
        format!(
            r#"{{"actor":"E-101","data":{{"note":"客户\n{index}"}},"source":"{source}","streams":"{streams}","time":"2026-11-21T08:00:00.{index:06}Z"}}"#
        )
    }

    /// A ledger of `count` entries; every third is of our stream, all are of one other.
    fn ledger(count: usize) -> Vec<String> {
        let (mut entries, mut own, mut own_prev, mut all_prev) = (Vec::new(), 0, "-".to_owned(), "-".to_owned());
        for index in 0..count {
            let mut streams = format!("acts/E-101@{}:{all_prev}", index + 1);
            if index % 3 == 1 {
                own += 1;
                streams = format!("{STREAM}@{own}:{own_prev} {streams}");
            }
            let entry = entry(index, ORIGIN, &streams);
            all_prev = hex(&entry);
            if index % 3 == 1 {
                own_prev = hex(&entry);
            }
            entries.push(entry);
        }
        entries
    }

    fn bundle_of(ledger: &[String], shown: impl IntoIterator<Item = usize>) -> Evidence {
        let mut growth = Growth::new();
        for entry in ledger {
            growth.push(merkle::leaf_hash(entry.as_bytes()), &mut Vec::new());
        }
        let size = growth.size();
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: growth.root() }.sign(&key()).unwrap();
        let mut prover = Prover::new(&growth, &NoTiles);
        let entries = shown.into_iter().map(|at| Shown {
            index: at as u64,
            entry: ledger[at].clone(),
            proof: prover.inclusion(at as u64, size).unwrap(),
        });
        Evidence::new(ORIGIN, &checkpoint, STREAM, entries.collect())
    }

    fn bundle() -> Evidence {
        bundle_of(&ledger(10), [1, 4, 7])
    }

    #[test]
    fn a_true_bundle_is_sound_and_does_not_claim_to_be_complete() {
        let evidence = Evidence::decode(bundle().encode().as_bytes()).unwrap();
        assert_eq!(evidence, bundle());
        let report = evidence.verify(&own_vkey());
        assert!(report.sound());
        let yes = Answer::Yes;
        assert_eq!(
            [&report.signature, &report.included, &report.unaltered, &report.in_order, &report.gapless],
            [&yes; 5]
        );
        assert_eq!(report.complete, Answer::NotClaimed);
        assert_eq!((report.first_version, report.last_version, report.size), (Some(1), Some(3), Some(10)));
        assert!(report.other_signers.is_empty());
    }

    #[test]
    fn no_byte_of_a_bundle_can_be_changed() {
        let text = serde_json::to_string(&bundle_of(&ledger(5), [1, 4])).unwrap().into_bytes();
        for at in 0..text.len() {
            for bit in [0, 1, 5] {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                let sound = Evidence::decode(&changed).is_ok_and(|evidence| evidence.verify(&own_vkey()).sound());
                assert!(!sound, "byte {at}, bit {bit}: {}", String::from_utf8_lossy(&changed));
            }
        }
    }

    #[test]
    fn another_key_leaves_nothing_included() {
        let other = Vkey::new(ORIGIN, SigningKey::from_bytes(&[6; 32]).verifying_key()).unwrap();
        let report = bundle().verify(&other);
        assert!(matches!(report.signature, Answer::No(Objection::Checkpoint(_))));
        assert_eq!(report.included, Answer::No(Objection::NoTree));
        assert!(matches!(report.unaltered, Answer::No(_)));
        assert_eq!((report.in_order, report.gapless), (Answer::Yes, Answer::Yes));
        assert_eq!(report.other_signers, [ORIGIN]);
    }

    #[test]
    fn an_entry_left_out_is_a_gap_and_the_rest_stays_included() {
        let mut evidence = bundle();
        evidence.entries.remove(1);
        let report = evidence.verify(&own_vkey());
        assert_eq!(report.included, Answer::Yes);
        assert_eq!(report.unaltered, Answer::Yes);
        assert_eq!(report.gapless, Answer::No(Objection::Gap { index: 7, after: 1, found: 3 }));
    }

    #[test]
    fn a_part_of_a_stream_is_gapless_from_its_first_to_its_last() {
        let mut evidence = bundle();
        evidence.entries.remove(0);
        let report = evidence.verify(&own_vkey());
        assert!(report.sound());
        assert_eq!((report.first_version, report.last_version), (Some(2), Some(3)));
    }

    #[test]
    fn entries_in_another_order_are_out_of_order() {
        let mut evidence = bundle();
        evidence.entries.swap(0, 1);
        let report = evidence.verify(&own_vkey());
        assert_eq!(report.included, Answer::Yes);
        assert_eq!(report.in_order, Answer::No(Objection::Order { index: 1 }));
        assert!(matches!(report.gapless, Answer::No(_)));
    }

    #[test]
    fn an_entry_of_another_stream_is_not_gapless() {
        let report = bundle_of(&ledger(10), [1, 2, 4]).verify(&own_vkey());
        assert_eq!(report.unaltered, Answer::Yes);
        assert_eq!(report.gapless, Answer::No(Objection::OffStream { index: 2 }));
    }

    #[test]
    fn a_broken_link_is_found_even_where_the_ledger_itself_signed_it() {
        let mut ledger = ledger(10);
        let wrong = "0".repeat(64);
        ledger[4] = entry(4, ORIGIN, &format!("{STREAM}@2:{wrong}"));
        let report = bundle_of(&ledger, [1, 4]).verify(&own_vkey());
        let link = Answer::No(Objection::Link { index: 4, stream: STREAM.to_owned() });
        assert_eq!((report.included, report.unaltered, report.gapless), (Answer::Yes, link.clone(), link));
    }

    #[test]
    fn a_signed_entry_of_another_ledger_or_form_is_objected_to() {
        let streams = format!("{STREAM}@1:-");
        let good = entry(1, ORIGIN, &streams);
        let cases = [
            (entry(1, "elsewhere.example", &streams), Objection::Foreign { index: 1 }),
            (good.replacen(':', ": ", 1), Objection::Unreadable { index: 1 }),
            (good.replacen('{', r#"{"actor":"E-999","#, 1), Objection::Unreadable { index: 1 }),
            (good.replacen("\"E-101\"", "1.5", 1), Objection::Unreadable { index: 1 }),
            (good.replacen("\"E-101\"", "-0", 1), Objection::Unreadable { index: 1 }),
            (good.replacen("\"E-101\"", "9007199254740992", 1), Objection::Unreadable { index: 1 }),
            (good.replacen("E-101", "\\u0045-101", 1), Objection::Unreadable { index: 1 }),
            (good.replacen("actor", "zactor", 1), Objection::Unreadable { index: 1 }),
            (good.replacen("08:00", "8:000", 1), Objection::Unreadable { index: 1 }),
            (entry(1, ORIGIN, &format!("{streams} {streams}")), Objection::Unreadable { index: 1 }),
            (entry(1, ORIGIN, &format!("{STREAM}@01:-")), Objection::Unreadable { index: 1 }),
            (entry(1, ORIGIN, &format!("{STREAM}@2:-")), Objection::Unreadable { index: 1 }),
            ("[".repeat(60_000), Objection::Unreadable { index: 1 }),
            ("\u{5ba2}".repeat(30_000), Objection::Unreadable { index: 1 }),
        ];
        for (changed, objection) in cases {
            let mut ledger = ledger(3);
            ledger[1] = changed;
            let report = bundle_of(&ledger, [1]).verify(&own_vkey());
            assert_eq!(report.included, Answer::Yes);
            assert_eq!(report.unaltered, Answer::No(objection), "{}", &ledger[1].chars().take(90).collect::<String>());
        }
        let mut ledger = ledger(3);
        ledger[1] = good.replacen("\"E-101\"", "-9007199254740991", 1);
        assert!(bundle_of(&ledger, [1]).verify(&own_vkey()).sound());
    }

    #[test]
    fn what_is_not_this_format_is_not_read() {
        let text = bundle().encode();
        for wrong in [
            text.replacen("evidence/1", "evidence/2", 1),
            text.replacen("\"stream\"", "\"comment\": 1,\n\"stream\"", 1),
            text.replacen("\"stream\"", "\"stream\": \"x\",\n\"stream\"", 1),
            text.replacen("\"index\"", "\"index\": 1,\n\"index\"", 1),
            format!("{text}x"),
            serde_json::to_string(&Evidence::new(ORIGIN, "", STREAM, Vec::new())).unwrap(),
            "[".repeat(100_000),
        ] {
            assert!(Evidence::decode(wrong.as_bytes()).is_err());
        }
    }

    #[test]
    fn opened_values_are_counted_and_not_believed() {
        let mut evidence = bundle();
        evidence.opened.push(Opened {
            index: 1,
            pointer: "/data/note".to_owned(),
            key: String::new(),
            plaintext: String::new(),
        });
        let evidence = Evidence::decode(evidence.encode().as_bytes()).unwrap();
        assert_eq!(evidence.verify(&own_vkey()).opened_unverified, 1);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn any_run_of_a_stream_is_sound_and_any_hole_in_it_is_seen(count in 8_usize..90, from in any::<prop::sample::Index>(), hole in any::<prop::sample::Index>()) {
            let places: Vec<usize> = (0..count).filter(|index| index % 3 == 1).collect();
            let run = &places[from.index(places.len())..];
            let mut evidence = bundle_of(&ledger(count), run.iter().copied());
            prop_assert!(evidence.verify(&own_vkey()).sound());
            if run.len() > 2 {
                evidence.entries.remove(1 + hole.index(run.len() - 2));
                prop_assert!(!evidence.verify(&own_vkey()).sound());
            }
        }

        #[test]
        fn foreign_entries_never_panic(text in "\\PC{0,60}", streams in "[a-z@:/0-9 -]{0,40}") {
            let read = Attributes::read(&text).is_some() || Link::read(&streams).is_some_and(|link| link.version == 0);
            prop_assert!(!read);
        }
    }
}
