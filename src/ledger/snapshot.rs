//! Signed snapshots of the state, and the two slots of the last signed checkpoint: what makes a start fast and honest.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use crate::ledger::Home;
use crate::ledger::state::State;
use crate::proof::checkpoint::{self, Checkpoint, Vkey};
use crate::proof::tile::Growth;

/// The last signed checkpoint as it is kept: with how many keys the ring had given out by then.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) checkpoint: Checkpoint,
    pub(super) note: String,
    pub(super) assigned: u64,
}

impl Signed {
    /// Returns it as it stands in a slot.
    pub(super) fn slot(&self) -> String {
        format!("{}\nring {}\n", self.note, self.assigned)
    }
}

const SLOTS: [&str; 2] = ["checkpoint.0", "checkpoint.1"];
const SNAPSHOTS_KEPT: usize = 2;
const LEVEL: i32 = 1;

/// Writes a signed checkpoint to the slot whose turn it is; durable when it returns.
pub(super) fn write_checkpoint(data: &Path, signed: &Signed, turn: u64) -> io::Result<()> {
    let slot = SLOTS.get(usize::try_from(turn % 2).unwrap_or(0)).copied().unwrap_or("checkpoint.0");
    let path = data.join(slot);
    let existed = path.exists();
    let text = signed.slot();
    // A torn slot does not verify, and the other one still stands.
    let mut file = File::create(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_data()?;
    if !existed {
        File::open(data)?.sync_all()?;
    }
    Ok(())
}

/// What stands in a slot.
enum Slot {
    /// Nothing was ever written there.
    Absent,
    /// A write was cut off: it ends early, or in room that was never filled.
    Torn,
    /// It was written whole and is not what was written.
    Altered,
    /// A checkpoint that verifies.
    Signed(Signed),
}

impl Slot {
    fn read(path: &Path, vkey: &Vkey) -> io::Result<Self> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Absent),
            Err(error) => return Err(error),
        };
        if bytes.last() != Some(&b'\n') || bytes.contains(&0) {
            return Ok(Self::Torn);
        }
        let parts = std::str::from_utf8(&bytes).ok().and_then(|text| text.rsplit_once("\nring "));
        Ok(parts.and_then(|(note, ring)| Self::signed(note, ring, vkey)).map_or(Self::Altered, Self::Signed))
    }

    fn signed(note: &str, ring: &str, vkey: &Vkey) -> Option<Signed> {
        let checkpoint = checkpoint::verify(note, vkey).ok()?;
        Some(Signed { checkpoint, note: note.to_owned(), assigned: ring.strip_suffix('\n')?.parse().ok()? })
    }
}

/// Reads the newer of the two slots, and returns whose turn to be written is next; `None` if neither verifies.
pub(super) fn read_checkpoint(data: &Path, vkey: &Vkey) -> io::Result<Option<(Signed, u64)>> {
    let mut newest: Option<(Signed, u64)> = None;
    for (name, turn) in SLOTS.into_iter().zip([1, 0]) {
        match Slot::read(&data.join(name), vkey)? {
            Slot::Signed(signed) => {
                if newest.as_ref().is_none_or(|(newest, _)| newest.checkpoint.size <= signed.checkpoint.size) {
                    newest = Some((signed, turn));
                }
            }
            Slot::Altered => {
                tracing::warn!(file = name, "a signed checkpoint is not as it was written and is passed over");
            }
            Slot::Absent | Slot::Torn => {}
        }
    }
    Ok(newest)
}

/// Names the slot that was written whole and is not what was written, if one is: a crash does not leave such a one.
pub(super) fn altered_checkpoint(data: &Path, vkey: &Vkey) -> io::Result<Option<&'static str>> {
    for name in SLOTS {
        if matches!(Slot::read(&data.join(name), vkey)?, Slot::Altered) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Returns how many entries the snapshots that verify were made of, at most: as many were there once.
pub(super) fn covered_by_snapshots(data: &Path, vkey: &Vkey) -> io::Result<u64> {
    let directory = data.join("snapshots");
    if !directory.exists() {
        return Ok(0);
    }
    let mut covered = 0;
    for name in names(&directory)? {
        if let Some((head, _)) = head_of(&fs::read(directory.join(name))?, vkey) {
            covered = covered.max(head.size);
        }
    }
    Ok(covered)
}

#[derive(Serialize, Deserialize)]
struct Body {
    state: State,
    growth: Growth,
}

/// Writes a signed snapshot of the state and the tree's edge; durable when it returns.
pub(super) fn write(home: &Home, origin: &str, key: &SigningKey, state: &State, growth: &Growth) -> io::Result<()> {
    let directory = home.data.join("snapshots");
    fs::create_dir_all(&directory)?;
    let body = postcard::to_stdvec(&Body { state: state.clone(), growth: growth.clone() }).map_err(io::Error::other)?;
    let body = zstd::bulk::compress(&body, LEVEL)?;
    let text = format!("dossier snapshot 8\n{}\n{}\n", state.size, blake3::hash(&body).to_hex());
    let note = checkpoint::sign_note(&text, origin, key).map_err(io::Error::other)?;
    let length = u32::try_from(note.len()).map_err(io::Error::other)?;
    let temporary = directory.join("next.tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(&length.to_be_bytes())?;
    file.write_all(note.as_bytes())?;
    file.write_all(&body)?;
    file.sync_all()?;
    fs::rename(&temporary, directory.join(format!("{:020}.snapshot", state.size)))?;
    File::open(&directory)?.sync_all()?;
    for old in names(&directory)?.iter().rev().skip(SNAPSHOTS_KEPT) {
        fs::remove_file(directory.join(old))?;
    }
    Ok(())
}

/// Reads the newest snapshot that verifies; the caller judges whether the journal still holds what it covers.
///
/// A snapshot that does not verify is passed over: an older one, or the journal from its start, serves as well.
pub(super) fn read(home: &Home, vkey: &Vkey) -> io::Result<Option<(State, Growth)>> {
    let directory = home.data.join("snapshots");
    if !directory.exists() {
        return Ok(None);
    }
    for name in names(&directory)?.iter().rev() {
        let bytes = fs::read(directory.join(name))?;
        match open(&bytes, vkey) {
            Some(body) if body.growth.size() == body.state.size => {
                return Ok(Some((body.state, body.growth)));
            }
            Some(_) => {}
            None => tracing::warn!(file = name, "a snapshot does not verify and is passed over"),
        }
    }
    Ok(None)
}

/// What a snapshot's signed note says.
struct Head {
    known: bool,
    size: u64,
    hash: blake3::Hash,
}

/// Reads the signed note of a snapshot, and what it is about.
fn head_of<'a>(bytes: &'a [u8], vkey: &Vkey) -> Option<(Head, &'a [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (note, body) = rest.split_at_checked(length)?;
    let text = checkpoint::open_note(std::str::from_utf8(note).ok()?, vkey).ok()?;
    let mut lines = text.lines();
    let known = lines.next()? == "dossier snapshot 8";
    Some((Head { known, size: lines.next()?.parse().ok()?, hash: blake3::Hash::from_hex(lines.next()?).ok()? }, body))
}

fn open(bytes: &[u8], vkey: &Vkey) -> Option<Body> {
    let (Head { known, size, hash }, body) = head_of(bytes, vkey)?;
    if !known || blake3::hash(body) != hash {
        return None;
    }
    let body = zstd::stream::decode_all(body).ok()?;
    let body: Body = postcard::from_bytes(&body).ok()?;
    (body.state.size == size).then_some(body)
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for file in fs::read_dir(directory)? {
        let name = file?.file_name();
        names.extend(name.to_str().filter(|name| name.ends_with(".snapshot")).map(str::to_owned));
    }
    names.sort();
    Ok(names)
}
