//! A copy of a ledger elsewhere: its full segments by their hashes, what follows them up to the signed checkpoint, the files of its documents,
//! and the key ring.
//!
//! ```text
//! <place>/
//!   backup.json          what belongs to the backup: path, length and BLAKE3 of each file; replaced as a whole, last of all
//!   files/<BLAKE3, hex>  the files, each named by what it holds
//!   lock                 held while the place is written or read
//! ```
//!
//! It is made from files alone, beside a server that goes on writing: full segments never change, checkpoints stand in two slots, and a
//! copy of the key ring is whole up to its last record. A file that is there already is not copied again.
//!
//! **Invariant:** no master key and no signing key reaches a place; the copy of the ring opens only with the master key in force.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::{Clock, Timestamp};
use crate::entry::Hash;
use crate::files::{self, Files};
use crate::journal::copy::{self, Full, Rest};
use crate::ledger::open::{IDENTITY, Identity};
use crate::ledger::snapshot::{self, Signed};
use crate::ledger::{Home, OpenError};
use crate::seal::ring;

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Of what shape this is.
    format: u32,
    /// The ledger's origin.
    pub origin: String,
    /// The key its checkpoints are verified with.
    pub vkey: String,
    /// When it was made.
    pub made_at: Timestamp,
    /// How many entries it holds: all that the checkpoint in it covers.
    pub entries: u64,
    /// The root of their tree.
    pub root: Hash,
    /// How often the key ring in it had been rewritten, and once more.
    pub ring_generation: u32,
    /// The files, by where they stand in a data directory.
    pub files: Vec<Kept>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Where it stands in a data directory.
    pub path: String,
    /// Its length in bytes.
    pub length: u64,
    /// Its BLAKE3, which is its name in the place.
    pub blake3: Hash,
}

/// What was done.
#[derive(Clone, Debug)]
pub struct Done {
    /// What the backup holds now.
    pub manifest: Manifest,
    /// How many bytes had to be copied.
    pub copied: u64,
    /// The files of documents that are not as they were filed and stand in no earlier backup either, by their paths.
    pub altered: Vec<String>,
}

/// Why no backup was made; what stood at the place before still does.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no ledger, or it cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The ledger has never signed a checkpoint.
    #[error("the ledger has no signed checkpoint yet")]
    Unsigned,
    /// The signed checkpoint lags behind what is to be copied, and nobody signs another.
    #[error("the signed checkpoint covers {signed} entries, the full segments hold {entries}")]
    Lagging {
        /// The entries signed for.
        signed: u64,
        /// The entries there are.
        entries: u64,
    },
    /// The place lies in the data directory, or holds the keys.
    #[error("\"{}\" is no place for a backup", .0.display())]
    Place(PathBuf),
    /// The place holds the backup of another ledger.
    #[error("\"{}\" holds a backup of another ledger", .0.display())]
    OtherLedger(PathBuf),
    /// The place holds later entries than the ledger.
    #[error("the backup in \"{}\" holds {entries} entries, the ledger {signed}", path.display())]
    Ahead {
        /// The place.
        path: PathBuf,
        /// The entries of the backup.
        entries: u64,
        /// The entries of the ledger.
        signed: u64,
    },
    /// A backup that should stand at the place does not.
    #[error("no backup stands in \"{}\" any more", .0.display())]
    Gone(PathBuf),
    /// What stands at the place is no backup of this format.
    #[error("\"{}\" holds no backup of this format", .0.display())]
    Format(PathBuf),
    /// Segments were replaced again and again while they were copied.
    #[error("the journal changes faster than it can be copied")]
    Restless,
    /// Somebody else writes or reads the place.
    #[error("\"{}\" is in use", .0.display())]
    InUse(PathBuf),
    /// The journal is not as it was written.
    #[error("the journal cannot be copied")]
    Journal(#[from] crate::journal::VerifyError),
    /// A segment is not what it is listed with.
    #[error("segment \"{0}\" is not as it was listed")]
    Segment(String),
    /// The key ring was rewritten while it was copied, or another master key is given.
    #[error("the master key does not open the key ring")]
    WrongMaster,
    /// The key ring cannot be copied.
    #[error("the key ring cannot be copied")]
    Ring(#[source] ring::OpenError),
    /// What was written does not read back.
    #[error("\"{}\" does not read back as it was written", .0.display())]
    Unfaithful(PathBuf),
    /// A file cannot be read or written.
    #[error("\"{}\" cannot be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl BackupError {
    /// Tells whether what is to be copied is damaged.
    pub fn integrity(&self) -> bool {
        matches!(self, Self::Journal(crate::journal::VerifyError::Damaged(_)) | Self::Segment(_))
    }
}

impl From<ring::OpenError> for BackupError {
    fn from(error: ring::OpenError) -> Self {
        match error {
            ring::OpenError::WrongMaster { .. } => Self::WrongMaster,
            error => Self::Ring(error),
        }
    }
}

/// Copies to a place what is new since the last time, reads it back, and lets go there of what is no longer needed.
///
/// The backup is durable and verified when it returns. `progress` hears how many bytes are copied and how many are to be.
///
/// # Errors
/// See [`BackupError`]; the backup that stood at the place before still does.
pub fn back_up(
    home: &Home,
    place: &Path,
    reach: Reach,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Done, BackupError> {
    let identity = Identity::read(&home.data)?;
    let place = Place::take(home, place, reach)?;
    let standing = place.manifest()?;
    if standing.is_none() && reach == Reach::Standing {
        return Err(BackupError::Gone(place.path));
    }
    if standing.as_ref().is_some_and(|standing| standing.vkey != identity.vkey) {
        return Err(BackupError::OtherLedger(place.path));
    }
    // Before the ring is read: an erasure that rewrites it from here on finds the place and waits for it.
    let added = reach == Reach::Erasures && remember(&home.data, &place.path)?;
    let done = fill(home, &place, &identity, standing.as_ref(), clock, progress);
    if done.is_err() && added && standing.is_none() {
        forget(&home.data, &place.path)?;
    }
    done
}

/// Whether erasures bring the rewritten key ring to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The place is remembered: erasures complete only when the ring of its backup is the rewritten one.
    Erasures,
    /// It is not: after the next erasure the ring of this backup opens no more.
    Once,
    /// The place is one of those remembered, and its backup is only brought up to date: where none stands, a disk is missing.
    Standing,
}

fn fill(
    home: &Home,
    place: &Place,
    identity: &Identity,
    standing: Option<&Manifest>,
    clock: &dyn Clock,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Done, BackupError> {
    let mut copied = 0;
    'again: for _ in 0..ATTEMPTS {
        let taken = take(home, identity)?;
        let signed = &taken.signed.checkpoint;
        if let Some(entries) = standing.map(|standing| standing.entries).filter(|entries| *entries > signed.size) {
            return Err(BackupError::Ahead { path: place.path.clone(), entries, signed: signed.size });
        }
        let missing: u64 = taken.files.iter().filter(|(kept, _)| !place.has(kept)).map(|(kept, _)| kept.length).sum();
        let total = copied + missing;
        let mut files: Vec<Kept> = Vec::with_capacity(taken.files.len());
        let mut altered = Vec::new();
        for (kept, source) in taken.files {
            if !place.has(&kept) {
                match place.copy(&kept, source, |bytes| progress(copied + bytes, total)) {
                    Ok(true) => copied += kept.length,
                    Ok(false) => continue 'again,
                    // A paper that was altered is as good as lost, and no reason to back up nothing else.
                    Err(BackupError::Segment(path)) if files::is_place(&path) => {
                        altered.push(path);
                        continue;
                    }
                    Err(error) => return Err(error),
                }
            }
            files.push(kept);
        }
        // A file that the ledger has lost is what a backup is for.
        let lost = standing.iter().flat_map(|standing| &standing.files).filter(|kept| files::is_place(&kept.path));
        let lost: Vec<Kept> = lost.filter(|kept| !files.contains(kept) && place.has(kept)).cloned().collect();
        altered.retain(|path| !lost.iter().any(|kept| kept.path == *path));
        files.extend(lost);
        let manifest = Manifest {
            format: FORMAT,
            origin: identity.origin.clone(),
            vkey: identity.vkey.clone(),
            made_at: clock.now(),
            entries: signed.size,
            root: Hash(signed.root),
            ring_generation: taken.ring_generation,
            files,
        };
        place.check_ring(&manifest, home)?;
        place.put_manifest(&manifest)?;
        place.sweep(&manifest)?;
        return Ok(Done { manifest, copied, altered });
    }
    Err(BackupError::Restless)
}

/// Returns the places an erasure brings the key ring to: those where backups of this data directory stand.
///
/// # Errors
/// The list cannot be read.
pub fn places(data: &Path) -> Result<Vec<PathBuf>, BackupError> {
    let path = data.join(PLACES);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| io_at(&path)(error.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(io_at(&path)(error)),
    }
}

/// Gives up a place: erasures wait for it no longer. Says whether it was remembered; durable when it returns.
///
/// # Errors
/// The list cannot be read or written.
pub fn forget(data: &Path, place: &Path) -> Result<bool, BackupError> {
    let mut known = places(data)?;
    // A place that is gone is given up by the name it was remembered by.
    let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    let before = known.len();
    known.retain(|known| *known != place);
    if known.len() == before {
        return Ok(false);
    }
    write_places(data, &known)?;
    Ok(true)
}

/// Remembers a place; says whether that is new.
fn remember(data: &Path, place: &Path) -> Result<bool, BackupError> {
    let mut known = places(data)?;
    if known.iter().any(|known| known == place) {
        return Ok(false);
    }
    known.push(place.to_owned());
    write_places(data, &known)?;
    Ok(true)
}

fn write_places(data: &Path, known: &[PathBuf]) -> Result<(), BackupError> {
    let path = data.join(PLACES);
    let write = || replace(&path, &serde_json::to_vec_pretty(known)?);
    write().map_err(io_at(&path))
}

/// What is to be copied, as it was at one moment.
struct Taken {
    signed: Signed,
    ring_generation: u32,
    files: Vec<(Kept, Source)>,
}

/// Where the bytes of a file come from.
enum Source {
    Bytes(Vec<u8>),
    File(PathBuf),
}

/// Reads what is to be copied: the list of full segments first, then a checkpoint that covers them, then the ring, which holds every key
/// the checkpoint's entries need, and last the blocks that follow.
fn take(home: &Home, identity: &Identity) -> Result<Taken, BackupError> {
    let vkey = identity.key();
    let journal = home.data.join("journal");
    let mut attempt = 0;
    loop {
        attempt += 1;
        let full = Full::read(&journal)?;
        let signed = snapshot::read_checkpoint(&home.data, &vkey).map_err(io_at(&home.data))?;
        let (signed, _) = signed.ok_or(BackupError::Unsigned)?;
        let size = signed.checkpoint.size;
        if size >= full.entries() {
            let ring = read_ring(home, &identity.origin)?;
            if let Some(rest) = full.rest(&journal, size)? {
                return list(home, signed, &full, rest, ring);
            }
        }
        // A server signs at least once a second; a segment becomes full now and then.
        if attempt > ATTEMPTS {
            return Err(BackupError::Lagging { signed: size, entries: full.entries() });
        }
        thread::park_timeout(AGAIN);
    }
}

/// Reads the ring; while an erasure is replacing it, ring and master key differ for a moment.
fn read_ring(home: &Home, origin: &str) -> Result<ring::Copy, BackupError> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match ring::Copy::of(ring::Home { data_dir: &home.data, keys_dir: &home.keys, origin }) {
            Err(ring::OpenError::WrongMaster { .. } | ring::OpenError::MasterMissing { .. }) if attempt <= ATTEMPTS => {
                thread::park_timeout(AGAIN);
            }
            read => return Ok(read?),
        }
    }
}

fn list(home: &Home, signed: Signed, full: &Full, rest: Rest, ring: ring::Copy) -> Result<Taken, BackupError> {
    let ring_generation = ring.generation;
    // A file is kept before the entry that announces it: those of the entries that are copied are all there by now.
    let documents = Files::of(&home.data);
    let listed = documents.list().map_err(io_at(&home.data))?;
    let documents = listed.into_iter().map(|(hash, length)| {
        (Kept { path: files::place(&hash), length, blake3: hash }, Source::File(documents.path(&hash)))
    });
    let mut files: Vec<(Kept, Source)> = full
        .segments()
        .map(|segment| {
            let path = home.data.join("journal").join(&segment.name);
            let path_kept = format!("journal/{}", segment.name);
            (Kept { path: path_kept, length: segment.length, blake3: Hash(segment.hash) }, Source::File(path))
        })
        .chain(documents)
        .collect();
    let mut bytes = |path: String, bytes: Vec<u8>| {
        let kept = Kept { path, length: length_of(&bytes), blake3: Hash::of(&bytes) };
        files.push((kept, Source::Bytes(bytes)));
    };
    let (name, text) = full.list();
    bytes(format!("journal/{name}"), text.into_bytes());
    if !rest.bytes.is_empty() {
        bytes(format!("journal/{}", rest.name), rest.bytes);
    }
    bytes(RING.into(), ring.bytes);
    bytes(CHECKPOINT.into(), signed.slot().into_bytes());
    for name in [IDENTITY, ACCOUNTS] {
        match fs::read(home.data.join(name)) {
            Ok(read) => bytes(name.into(), read),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(BackupError::Io { path: home.data.join(name), source }),
        }
    }
    Ok(Taken { signed, ring_generation, files })
}

/// A place for a backup, which nobody else writes meanwhile.
pub(super) struct Place {
    pub(super) path: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes a place where a backup of this ledger is to stand.
    fn take(home: &Home, path: &Path, reach: Reach) -> Result<Self, BackupError> {
        // A disk that is missing must not look like a new place: the parent at least has to be there.
        if reach != Reach::Standing && !path.is_dir() {
            DirBuilder::new().mode(0o700).create(path).map_err(io_at(path))?;
        }
        let canonical = |path: &Path| fs::canonicalize(path).map_err(io_at(path));
        let place = canonical(path)?;
        if place.starts_with(canonical(&home.data)?) || canonical(&home.keys)?.starts_with(&place) {
            return Err(BackupError::Place(path.to_owned()));
        }
        let place = Self::open(&place)?;
        let files = place.path.join(FILES);
        DirBuilder::new().recursive(true).mode(0o700).create(&files).map_err(io_at(&files))?;
        Ok(place)
    }

    /// Takes a place there is, for as long as this lives.
    pub(super) fn open(path: &Path) -> Result<Self, BackupError> {
        let lock = path.join(LOCK);
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = file.map_err(io_at(&lock))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: file }),
            Err(fs::TryLockError::WouldBlock) => Err(BackupError::InUse(path.to_owned())),
            Err(fs::TryLockError::Error(source)) => Err(BackupError::Io { path: lock, source }),
        }
    }

    /// Reads what the place holds; nothing if it holds no backup.
    pub(super) fn manifest(&self) -> Result<Option<Manifest>, BackupError> {
        let path = self.path.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(BackupError::Io { path, source }),
        };
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|_| BackupError::Format(self.path.clone()))?;
        let known = manifest.format == FORMAT && manifest.files.iter().all(Kept::belongs);
        if known { Ok(Some(manifest)) } else { Err(BackupError::Format(self.path.clone())) }
    }

    /// Returns where a file of the backup stands.
    pub(super) fn file(&self, kept: &Kept) -> PathBuf {
        self.path.join(FILES).join(kept.blake3.to_string())
    }

    fn has(&self, kept: &Kept) -> bool {
        fs::metadata(self.file(kept)).is_ok_and(|found| found.len() == kept.length)
    }

    /// Copies a file, syncs it, reads it back and gives it its name; says no if it is a segment that was recompressed or a file that was taken back meanwhile.
    fn copy(&self, kept: &Kept, source: Source, progress: impl FnMut(u64)) -> Result<bool, BackupError> {
        let path = self.file(kept);
        let source: Box<dyn io::Read> = match source {
            Source::Bytes(bytes) => Box::new(io::Cursor::new(bytes)),
            Source::File(from) => match File::open(&from) {
                Ok(file) => Box::new(file),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
                Err(error) => return Err(io_at(&from)(error)),
            },
        };
        match copy_file(source, &path, kept, progress) {
            Ok(true) => Ok(true),
            Ok(false) => Err(BackupError::Segment(kept.path.clone())),
            Err(source) => Err(BackupError::Io { path, source }),
        }
    }

    /// Checks that the copy of the ring, as it stands at the place, opens with the master key in force.
    ///
    /// It does not where an erasure has rewritten the ring since; whoever did brings the new one here, or this is done once more.
    fn check_ring(&self, manifest: &Manifest, home: &Home) -> Result<(), BackupError> {
        for kept in manifest.files.iter().filter(|kept| kept.path == RING) {
            ring::Copy::read(&self.file(kept), &home.keys, &manifest.origin)?;
        }
        Ok(())
    }

    fn put_manifest(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let path = self.path.join(MANIFEST);
        let write = || {
            sync(&self.path.join(FILES))?;
            let text = serde_json::to_vec_pretty(manifest)?;
            replace(&path, &text)?;
            Ok(fs::read(&path)? == text)
        };
        match write().map_err(io_at(&path)) {
            Ok(true) => Ok(()),
            Ok(false) => Err(BackupError::Unfaithful(path)),
            Err(error) => Err(error),
        }
    }

    /// Removes files that no longer belong to the backup: segments as they were before, rings that were replaced.
    fn sweep(&self, manifest: &Manifest) -> Result<(), BackupError> {
        let named: BTreeSet<String> = manifest.files.iter().map(|kept| kept.blake3.to_string()).collect();
        let files = self.path.join(FILES);
        let sweep = || {
            for file in fs::read_dir(&files)? {
                let file = file?;
                if !file.file_name().to_str().is_some_and(|name| named.contains(name)) {
                    fs::remove_file(file.path())?;
                }
            }
            sync(&files)
        };
        sweep().map_err(io_at(&files))
    }
}

impl Kept {
    /// Tells whether a data directory has such a file: a backup from elsewhere names no others.
    fn belongs(&self) -> bool {
        match self.path.strip_prefix("journal/") {
            Some(name) => copy::belongs(name),
            None if files::is_place(&self.path) => true,
            None => [IDENTITY, ACCOUNTS, RING, CHECKPOINT].contains(&self.path.as_str()),
        }
    }
}

/// Copies bytes to a new file under a passing name, syncs it, reads it back, and gives it its name if both copies are what they must be.
pub(super) fn copy_file(
    mut source: impl io::Read,
    path: &Path,
    kept: &Kept,
    mut progress: impl FnMut(u64),
) -> io::Result<bool> {
    let passing = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&passing)?;
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut copied: u64 = 0;
    loop {
        let read = match source.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => piece.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(read);
        file.write_all(read)?;
        copied = copied.saturating_add(length_of(read));
        progress(copied);
    }
    file.sync_all()?;
    if *hasher.finalize().as_bytes() != kept.blake3.0 {
        fs::remove_file(&passing)?;
        return Ok(false);
    }
    if hash_of(&passing)? != kept.blake3 {
        return Err(io::Error::other("what was written does not read back"));
    }
    fs::rename(&passing, path)?;
    path.parent().map_or(Ok(()), sync)?;
    Ok(true)
}

/// Hashes a file.
pub(super) fn hash_of(path: &Path) -> io::Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}

/// Replaces a file as a whole; it is durable when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let passing = path.with_extension("new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&passing)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&passing, path)?;
    path.parent().map_or(Ok(()), sync)
}

/// Makes the names in a directory durable.
pub(super) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> BackupError + use<> {
    let path = path.to_owned();
    move |source| BackupError::Io { path, source }
}

fn length_of(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

const FORMAT: u32 = 1;
const MANIFEST: &str = "backup.json";
const FILES: &str = "files";
const LOCK: &str = "lock";
const PLACES: &str = "backups.json";
pub(super) const RING: &str = "keyring/ring";
pub(super) const CHECKPOINT: &str = "checkpoint.0";
const ACCOUNTS: &str = "accounts.json";
const PIECE_BYTES: usize = 1024 * 1024;

/// How often and how soon something is looked at again that a running server is about to change.
const ATTEMPTS: u32 = 40;
const AGAIN: Duration = Duration::from_millis(100);
