//! What the bundle shows: reading it, and one function for each question.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::note::{self, Checkpoint, Key, Note};

/// The file: one JSON object. Anything unknown in it, or said twice, makes it unreadable.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: String,
    origin: String,
    checkpoint: String,
    stream: String,
    entries: Vec<Shown>,
    #[serde(default)]
    opened: Vec<Opened>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    index: u64,
    entry: String,
    proof: Vec<String>,
}

/// Reserved by the format. This program reads over it and says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "named so that unknown members are refused; none of it is verified")]
struct Opened {
    index: u64,
    pointer: String,
    key: String,
    plaintext: String,
}

/// A bundle that could be read. Nothing in it is believed yet.
pub struct Bundle {
    /// The ledger it says to be of.
    pub origin: String,
    /// The stream it says to show.
    pub stream: String,
    /// The entries.
    pub entries: Vec<Entry>,
    /// How many opened values it carries, which are not verified.
    pub opened: usize,
    checkpoint: String,
}

/// One entry: its bytes, what they say, and the path that proves them.
pub struct Entry {
    /// Its place in the ledger.
    pub index: u64,
    /// BLAKE3 of the bytes, computed here, in hex.
    pub hash: String,
    /// What the bytes say, or why they are not an entry.
    pub content: Result<Content, &'static str>,
    leaf: [u8; 32],
    proof: Vec<[u8; 32]>,
}

/// What this program reads in an entry.
pub struct Content {
    /// When it was recorded.
    pub time: String,
    /// What happened.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    source: String,
    links: Vec<Link>,
}

/// One of the streams an entry is in: its version there and the hash of the entry before it.
struct Link {
    stream: String,
    version: u64,
    previous: String,
}

/// The answer to one question: yes with a remark, or no with the reason.
pub type Answer = Result<String, String>;

/// What was found out, question by question.
pub struct Findings {
    /// Did the key sign the checkpoint?
    pub signature: Answer,
    /// Does every entry's proof lead to the signed root?
    pub included: Answer,
    /// Are the bytes those that were signed, and whole entries of this ledger?
    pub unaltered: Answer,
    /// Do index and time rise?
    pub in_order: Answer,
    /// Is the stream without a gap from the first to the last entry shown?
    pub gapless: Answer,
    /// The names on signature lines of others, which this program cannot verify.
    pub others: Vec<String>,
}

/// Files larger than this are not read.
pub const FILE_MAX: u64 = 256 * 1024 * 1024;
const ENTRY_MAX: usize = 65_535;
const PROOF_MAX: usize = 64;

/// Reads a bundle, or says why the file is none.
pub fn read(bytes: &[u8]) -> Result<Bundle, String> {
    let file: File = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if file.format != "dossier-evidence/1" {
        return Err(format!("the format is {:?}, not \"dossier-evidence/1\"", file.format));
    }
    if file.entries.is_empty() {
        return Err("it shows no entry".into());
    }
    let mut entries = Vec::new();
    for shown in file.entries {
        let proof: Option<Vec<[u8; 32]>> = shown.proof.iter().map(|text| note::hash(text)).collect();
        let Some(proof) = proof.filter(|proof| proof.len() <= PROOF_MAX) else {
            return Err(format!("the proof of entry {} is not a list of hashes", shown.index));
        };
        // Here the bytes are hashed; no hash in the file is taken for granted.
        let bytes = shown.entry.as_bytes();
        entries.push(Entry {
            index: shown.index,
            hash: blake3::hash(bytes).to_hex().to_string(),
            content: read_entry(&shown.entry),
            leaf: sha256(&[&[0], bytes]),
            proof,
        });
    }
    Ok(Bundle {
        origin: file.origin,
        stream: file.stream,
        entries,
        opened: file.opened.len(),
        checkpoint: file.checkpoint,
    })
}

/// Asks every question.
pub fn examine(bundle: &Bundle, key: &Key) -> Findings {
    let note = note::read_note(&bundle.checkpoint);
    let signed =
        note.as_ref().map_err(|error| (*error).to_owned()).and_then(|note| signed_checkpoint(note, bundle, key));
    let others = match &note {
        Ok(note) => note.signatures.iter().filter(|line| !line.is_of(key)).map(|line| line.name.to_owned()).collect(),
        Err(_) => Vec::new(),
    };
    let included = match &signed {
        Ok(checkpoint) => included(bundle, checkpoint),
        Err(_) => Err("there is no signed tree to be included in".into()),
    };
    let unaltered = match &included {
        Ok(_) => unaltered(bundle),
        Err(_) => Err("the bytes could not be tied to a signed root".into()),
    };
    let signature = signed.map(|checkpoint| format!("{} entries, by {}", checkpoint.size, key.name));
    Findings { signature, included, unaltered, in_order: in_order(bundle), gapless: gapless(bundle), others }
}

/// Question 1. The key must have signed the checkpoint, and key, checkpoint and bundle must name one ledger.
fn signed_checkpoint(note: &Note<'_>, bundle: &Bundle, key: &Key) -> Result<Checkpoint, String> {
    note::check_signature(note, key)?;
    let checkpoint = note::read_checkpoint(note.text)?;
    if checkpoint.origin != key.name {
        return Err(format!("the checkpoint is of {:?}, the key of {:?}", checkpoint.origin, key.name));
    }
    if checkpoint.origin != bundle.origin {
        return Err(format!("the checkpoint is of {:?}, the bundle of {:?}", checkpoint.origin, bundle.origin));
    }
    Ok(checkpoint)
}

/// Question 2. From each entry's bytes the proof must lead to the root.
fn included(bundle: &Bundle, checkpoint: &Checkpoint) -> Answer {
    for entry in &bundle.entries {
        let computed = root_from(&entry.leaf, entry.index, checkpoint.size, &entry.proof);
        if computed != Some(checkpoint.root) {
            return Err(format!("entry {} is not in the signed tree as shown", entry.index));
        }
    }
    Ok(format!("{} of {} entries shown", bundle.entries.len(), bundle.entries.len()))
}

/// Question 3, once question 2 is answered by yes, which ties the bytes to the signature: the bytes must be entries of this
/// ledger, and wherever one shown entry names the hash of another, in whatever stream, it must be the hash computed here.
fn unaltered(bundle: &Bundle) -> Answer {
    let mut latest: HashMap<&str, (u64, &str)> = HashMap::new();
    for entry in &bundle.entries {
        let content = entry.content.as_ref().map_err(|error| format!("entry {}: {error}", entry.index))?;
        if content.source != bundle.origin {
            return Err(format!("entry {} is of the ledger {:?}", entry.index, content.source));
        }
        for link in &content.links {
            let before = latest.insert(&link.stream, (link.version, &entry.hash));
            if let Some((version, hash)) = before
                && version.checked_add(1) == Some(link.version)
                && link.previous != hash
            {
                return Err(format!("entry {} names another predecessor in {:?}", entry.index, link.stream));
            }
        }
    }
    Ok("all hashes recomputed from the bytes".into())
}

/// Question 4. Index and time must rise. Times have one fixed form, so they compare as text.
fn in_order(bundle: &Bundle) -> Answer {
    let mut before: Option<(u64, &str)> = None;
    for entry in &bundle.entries {
        let content = entry.content.as_ref().map_err(|error| format!("entry {}: {error}", entry.index))?;
        if let Some((index, time)) = before
            && (entry.index <= index || content.time.as_str() <= time)
        {
            return Err(format!("entry {} does not come after entry {index}", entry.index));
        }
        before = Some((entry.index, &content.time));
    }
    Ok("index and time rise".into())
}

/// Question 5. In the stream shown, each entry must have the next version and name the hash of the entry before it.
fn gapless(bundle: &Bundle) -> Answer {
    let mut before: Option<(u64, &str)> = None;
    let mut first = None;
    for entry in &bundle.entries {
        let content = entry.content.as_ref().map_err(|error| format!("entry {}: {error}", entry.index))?;
        let Some(link) = content.links.iter().find(|link| link.stream == bundle.stream) else {
            return Err(format!("entry {} is not in {:?}", entry.index, bundle.stream));
        };
        if let Some((version, hash)) = before {
            if version.checked_add(1) != Some(link.version) {
                return Err(format!(
                    "entry {} has version {} and follows version {version}",
                    entry.index, link.version
                ));
            }
            if link.previous != hash {
                return Err(format!("entry {} names another predecessor than the one shown", entry.index));
            }
        }
        first = first.or(Some(link.version));
        before = Some((link.version, &entry.hash));
    }
    match (first, before) {
        (Some(first), Some((last, _))) => Ok(format!("versions {first} to {last} of {:?}", bundle.stream)),
        _ => Err("no entry is shown".into()),
    }
}

/// Walks from a leaf up to the root of a tree of `size` leaves, as RFC 9162 §2.1.3.2 describes it, or `None` if the path does
/// not fit. `number` is the node's place on its level, `last` that of the last node there.
fn root_from(leaf: &[u8; 32], index: u64, size: u64, path: &[[u8; 32]]) -> Option<[u8; 32]> {
    let mut number = index;
    let mut last = size.checked_sub(1).filter(|last| index <= *last)?;
    let mut siblings = path.iter();
    let mut hash = *leaf;
    while last > 0 {
        let is_right_child = number % 2 == 1;
        let is_alone = number == last && !is_right_child;
        if is_right_child {
            hash = sha256(&[&[1], siblings.next()?, &hash]);
        } else if !is_alone {
            hash = sha256(&[&[1], &hash, siblings.next()?]);
        }
        // A node without a sibling rises as it is.
        number /= 2;
        last /= 2;
    }
    match siblings.next() {
        None => Some(hash),
        Some(_) => None,
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// Reads the bytes of an entry. They must be canonical JSON (RFC 8785, integers only), so that no two readers can read them
/// differently.
fn read_entry(text: &str) -> Result<Content, &'static str> {
    if text.len() > ENTRY_MAX {
        return Err("it is longer than an entry can be");
    }
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON")?;
    if canonical(&value).as_deref() != Some(text) {
        return Err("it is not in canonical form");
    }
    let attribute = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = attribute("time").filter(|time| is_time(time)).ok_or("its time is missing or malformed")?;
    let source = attribute("source").ok_or("its source is missing")?;
    let streams = attribute("streams").ok_or("its streams are missing")?;
    let mut links: Vec<Link> = Vec::new();
    for text in streams.split(' ') {
        let link = read_link(text).ok_or("its streams are malformed")?;
        if links.iter().any(|other| other.stream == link.stream) {
            return Err("it names a stream twice");
        }
        links.push(link);
    }
    let kind = attribute("type").unwrap_or_default();
    let actor = attribute("actor").unwrap_or_default();
    Ok(Content { time, kind, actor, source, links })
}

/// Reads `name@version:previous`. Version 1 has no predecessor, written `-`; every other names 64 hex digits.
fn read_link(text: &str) -> Option<Link> {
    let (stream_and_version, previous) = text.rsplit_once(':')?;
    let (stream, version) = stream_and_version.rsplit_once('@')?;
    let version = note::decimal(version)?;
    let fits = match version {
        0 => false,
        1 => previous == "-",
        _ => previous.len() == 64 && previous.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')),
    };
    (fits && !stream.is_empty()).then(|| Link { stream: stream.into(), version, previous: previous.into() })
}

/// `2026-11-21T08:00:00.000001Z`, and no other form.
fn is_time(text: &str) -> bool {
    let pattern: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    pattern == "9999-99-99T99:99:99.999999Z"
}

/// Writes a value as RFC 8785 prescribes. `None` if a number is not an integer up to 2^53-1, which an entry never holds.
fn canonical(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => serde_json::to_string(value).ok(),
        Value::Number(number) => {
            let number = number.as_i64().filter(|number| number.unsigned_abs() <= 9_007_199_254_740_991)?;
            Some(number.to_string())
        }
        Value::Array(values) => {
            let values: Option<Vec<String>> = values.iter().map(canonical).collect();
            Some(format!("[{}]", values?.join(",")))
        }
        Value::Object(members) => {
            let mut names: Vec<&String> = members.keys().collect();
            names.sort_by_key(|name| name.encode_utf16().collect::<Vec<u16>>());
            let mut written = Vec::new();
            for name in names {
                written.push(format!("{}:{}", serde_json::to_string(name).ok()?, canonical(members.get(name)?)?));
            }
            Some(format!("{{{}}}", written.join(",")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leads_to_the_root_of_trees_of_every_shape() {
        // The plain definition: split at the largest power of two below the size.
        fn tree(leaves: &[[u8; 32]], target: usize, path: &mut Vec<[u8; 32]>) -> [u8; 32] {
            if leaves.len() == 1 {
                return leaves[0];
            }
            let middle = leaves.len().next_power_of_two() / 2;
            let mut elsewhere = Vec::new();
            let (left, right);
            if target < middle {
                left = tree(&leaves[..middle], target, path);
                right = tree(&leaves[middle..], 0, &mut elsewhere);
                path.push(right);
            } else {
                left = tree(&leaves[..middle], 0, &mut elsewhere);
                right = tree(&leaves[middle..], target - middle, path);
                path.push(left);
            }
            sha256(&[&[1], &left, &right])
        }
        for size in 1..40_usize {
            let leaves: Vec<[u8; 32]> = (0..size).map(|n| sha256(&[&[0], &n.to_be_bytes()])).collect();
            for (index, leaf) in leaves.iter().enumerate() {
                let mut path = Vec::new();
                let root = tree(&leaves, index, &mut path);
                for place in 0..size + 2 {
                    let found = root_from(leaf, place as u64, size as u64, &path) == Some(root);
                    assert_eq!(found, place == index);
                }
                path.push([0; 32]);
                assert_eq!(root_from(leaf, index as u64, size as u64, &path), None);
            }
        }
    }

    #[test]
    fn canonical_form_is_that_of_the_rfc() {
        let sorted =
            "{\"\\n\":1,\"1\":[true,null],\"\u{80}\":-5,\"\u{20ac}\":\"\\u001f\\\"\",\"\u{1f600}\":{},\"\u{fb33}\":[]}";
        let value: Value = serde_json::from_str(sorted).unwrap();
        assert_eq!(canonical(&value).as_deref(), Some(sorted));
        for wrong in ["1.0", "-0", "1e2", "9007199254740992", "[0.5]"] {
            assert_eq!(canonical(&serde_json::from_str(wrong).unwrap()).as_deref().filter(|text| *text == wrong), None);
        }
    }

    #[test]
    fn links_and_times_have_one_form() {
        let hash = "0".repeat(64);
        assert!(read_link("customer/C-1@1:-").is_some());
        assert!(read_link(&format!("customer/C-1@2:{hash}")).is_some());
        for wrong in ["", "a", "a@1", "a:-", "@1:-", "a@0:-", "a@01:-", "a@2:-", "a@1:0"] {
            assert!(read_link(wrong).is_none(), "{wrong}");
        }
        assert!(read_link(&format!("a@2:{}", hash.replace('0', "A"))).is_none());
        assert!(is_time("2026-11-21T08:00:00.000001Z"));
        for wrong in ["", "2026-11-21T08:00:00Z", "2026-11-21 08:00:00.000001Z", "2026-11-21T08:00:00.000001z"] {
            assert!(!is_time(wrong));
        }
    }
}
