//! A ledger brought back from a backup into a fresh directory: every byte compared, every key looked for, and no fork ever signed.
//!
//! What was restored may end before a checkpoint the world has seen. It is opened for reading only, unless the last checkpoint that was
//! published is shown and lies within it: else it would sign another history under the same name.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::domain::Event;
use crate::domain::privacy::Event as Privacy;
use crate::entry::Entry;
use crate::journal;
use crate::ledger::backup::{BackupError, Kept, Manifest, Place, RING, copy_file, hash_of, replace, sync};
use crate::ledger::door::person_holder;
use crate::ledger::erasure::purposes;
use crate::ledger::follower::for_each_key;
use crate::ledger::open::{lock, read_signing_key};
use crate::ledger::verification::{amiss, verify_entries};
use crate::ledger::{Behind, Broken, Home, OpenError};
use crate::proof::checkpoint::{self, Checkpoint, Vkey};
use crate::proof::merkle;
use crate::proof::tile::Growth;
use crate::seal::ring::{self, KeyError};

/// What was restored.
#[derive(Debug)]
pub struct Restored {
    /// What the backup held.
    pub manifest: Manifest,
    /// How many bytes had to be copied.
    pub copied: u64,
    /// Whether it goes on.
    pub standing: Standing,
    /// The documents whose files the backup did not have either.
    pub lost: Vec<Broken>,
}

/// Whether a restored ledger goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It holds the last checkpoint that was published, and goes on under its name.
    Goes,
    /// Nobody has shown which checkpoint was published last: it is read-only.
    Unknown,
    /// A later checkpoint was published: it is read-only.
    Behind {
        /// How many entries that one covers.
        published: u64,
    },
}

/// How far a restore has come.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// So many bytes are copied.
    Copied {
        /// How many.
        bytes: u64,
        /// Of how many.
        of: u64,
    },
    /// So many entries are verified.
    Verified {
        /// How many.
        done: u64,
        /// Of how many.
        of: u64,
    },
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The place cannot be read.
    #[error(transparent)]
    Place(#[from] BackupError),
    /// No backup stands at the place.
    #[error("there is no backup in \"{}\"", .0.display())]
    Missing(PathBuf),
    /// Something else stands where the ledger should.
    #[error("\"{}\" is not empty", .0.display())]
    Exists(PathBuf),
    /// The signing key is missing or another ledger's, or somebody has the directory open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The backup has no key ring.
    #[error("the backup holds no key ring")]
    RingMissing,
    /// The key ring is another ledger's.
    #[error("the key ring belongs to another ledger")]
    OtherRing,
    /// There is no master key.
    #[error("the master key is missing")]
    MasterMissing,
    /// The key ring is wrapped by another master key.
    #[error("the key ring is wrapped by another master key")]
    WrongMaster,
    /// The keys would lie in the data directory.
    #[error("the keys lie inside the data directory")]
    KeysInside,
    /// The key ring or the master key is damaged.
    #[error("the key ring does not open")]
    Ring(#[source] ring::OpenError),
    /// The key ring is older than the ledger.
    #[error("the key ring is older than the ledger: {0}")]
    RingBehind(Behind),
    /// A file of the backup is not as it was written.
    #[error("\"{path}\" of the backup is missing or not as it was written")]
    Damaged {
        /// The file.
        path: String,
    },
    /// What was restored is not sound.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// What was restored is sound, but not what the backup says it is.
    #[error("the backup says that it holds {said} entries, it holds {found}")]
    OtherSize {
        /// What it says.
        said: u64,
        /// What it holds.
        found: u64,
    },
    /// The checkpoint shown as the last published is none of this ledger.
    #[error("the checkpoint is not signed by this ledger")]
    NotACheckpoint,
    /// The published checkpoint and the backup are of two histories.
    #[error("a checkpoint of {size} entries was published with another root")]
    Fork {
        /// The size published.
        size: u64,
    },
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

impl From<ring::OpenError> for RestoreError {
    fn from(error: ring::OpenError) -> Self {
        match error {
            ring::OpenError::OtherLedger { .. } => Self::OtherRing,
            ring::OpenError::MasterMissing { .. } => Self::MasterMissing,
            ring::OpenError::WrongMaster { .. } => Self::WrongMaster,
            error => Self::Ring(error),
        }
    }
}

/// Restores the backup that stands at a place into a fresh directory, whose keys must be there already.
///
/// `published` is the note of the last checkpoint anybody has seen. An interrupted restore is finished by restoring again; a finished one
/// that is read-only goes on once a published checkpoint is shown that lies within it.
///
/// # Errors
/// See [`RestoreError`]; nothing that was there before is touched, and what is not finished does not open as a ledger.
pub fn restore(
    home: &Home,
    place: &Path,
    published: Option<&str>,
    progress: &mut dyn FnMut(Step),
) -> Result<Restored, RestoreError> {
    if !place.is_dir() {
        return Err(RestoreError::Missing(place.to_owned()));
    }
    let place = Place::open(place)?;
    let manifest = place.manifest()?.ok_or_else(|| RestoreError::Missing(place.path.clone()))?;
    let ring = check_keys(home, &place, &manifest)?;
    let published = published.map(|note| published_checkpoint(note, &manifest)).transpose()?;

    let _lock = begin(home, &manifest)?;
    let copied = copy_all(home, &place, &manifest, progress)?;
    let sound = verify_entries(&home.data, |done| progress(Step::Verified { done, of: manifest.entries }))?;
    let (sound, announced) = sound;
    if sound.entries != manifest.entries || sound.origin != manifest.origin {
        return Err(RestoreError::OtherSize { said: manifest.entries, found: sound.entries });
    }
    let root_then = compare(home, &ring, published.as_ref().map(|published| published.size))?;
    let standing = match published {
        None => Standing::Unknown,
        Some(published) if published.size > manifest.entries => Standing::Behind { published: published.size },
        Some(published) if root_then != Some(published.root) => {
            return Err(RestoreError::Fork { size: published.size });
        }
        Some(_) => Standing::Goes,
    };
    // A paper that the backup lacks is reported by whoever reads it; all else goes on.
    let lost = amiss(&home.data, announced)?;
    finish(home, standing)?;
    Ok(Restored { manifest, copied, standing, lost })
}

/// Tells whether a restore into a data directory was cut short.
pub(super) fn unfinished(data: &Path) -> bool {
    data.join(UNFINISHED).exists()
}

/// Tells whether a data directory was restored behind what may have been published.
pub(super) fn read_only(data: &Path) -> io::Result<bool> {
    data.join(READ_ONLY).try_exists()
}

/// Checks, before anything is copied, that the keys are here and that the ring opens with them.
fn check_keys(home: &Home, place: &Place, manifest: &Manifest) -> Result<ring::Copy, RestoreError> {
    read_signing_key(&home.keys, &manifest.origin, &manifest.vkey)?;
    let kept = manifest.files.iter().find(|kept| kept.path == RING).ok_or(RestoreError::RingMissing)?;
    let path = place.file(kept);
    if !path.try_exists().map_err(io_at(&path))? {
        return Err(RestoreError::RingMissing);
    }
    Ok(ring::Copy::read(&path, &home.keys, &manifest.origin)?)
}

fn published_checkpoint(note: &str, manifest: &Manifest) -> Result<Checkpoint, RestoreError> {
    let vkey = Vkey::parse(&manifest.vkey).map_err(|_| RestoreError::NotACheckpoint)?;
    // As it stands in a data directory it is followed by what the key ring had given out.
    let note = note.rsplit_once("\nring ").map_or(note, |(note, _)| note);
    checkpoint::verify(note, &vkey).map_err(|_| RestoreError::NotACheckpoint)
}

/// Takes the directory: a fresh one, or one in which a restore of this ledger was cut short or left read-only.
fn begin(home: &Home, manifest: &Manifest) -> Result<File, RestoreError> {
    let data = &home.data;
    DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(io_at(data))?;
    let canonical = |path: &Path| fs::canonicalize(path).map_err(io_at(path));
    if canonical(&home.keys)?.starts_with(canonical(data)?) {
        return Err(RestoreError::KeysInside);
    }
    let marks = [UNFINISHED, READ_ONLY].map(|name| data.join(name));
    let ours = marks.iter().find_map(|mark| fs::read_to_string(mark).ok());
    let empty = || fs::read_dir(data).map(|mut files| files.next().is_none());
    match ours {
        // What was begun with another backup of this ledger is gone on with: files are compared one by one.
        Some(vkey) if vkey == manifest.vkey => {}
        Some(_) => return Err(RestoreError::Exists(data.clone())),
        None if empty().map_err(io_at(data))? => {}
        None => return Err(RestoreError::Exists(data.clone())),
    }
    let lock = lock(data)?;
    let unfinished = data.join(UNFINISHED);
    replace(&unfinished, manifest.vkey.as_bytes()).map_err(io_at(&unfinished))?;
    Ok(lock)
}

fn copy_all(
    home: &Home,
    place: &Place,
    manifest: &Manifest,
    progress: &mut dyn FnMut(Step),
) -> Result<u64, RestoreError> {
    for folder in ["journal", "keyring", "documents"].map(|name| home.data.join(name)) {
        DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(io_at(&folder))?;
    }
    let stands = |kept: &Kept| hash_of(&home.data.join(&kept.path)).is_ok_and(|hash| hash == kept.blake3);
    let missing: Vec<&Kept> = manifest.files.iter().filter(|kept| !stands(kept)).collect();
    let total = missing.iter().map(|kept| kept.length).sum();
    let mut copied = 0;
    for kept in missing {
        let damaged = || RestoreError::Damaged { path: kept.path.clone() };
        let source = File::open(place.file(kept)).map_err(|_| damaged())?;
        let path = home.data.join(&kept.path);
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(io_at(folder))?;
        }
        let whole = copy_file(source, &path, kept, |bytes| progress(Step::Copied { bytes: copied + bytes, of: total }))
            .map_err(io_at(&path))?;
        if !whole {
            return Err(damaged());
        }
        copied += kept.length;
    }
    // The names of the folders in it; those of the files are durable with each.
    let documents = home.data.join("documents");
    sync(&documents).map_err(io_at(&documents))?;
    sync(&home.data).map_err(io_at(&home.data))?;
    Ok(copied)
}

/// Looks in the ring for the key of every sealed value and for keys of whom the ledger says is erased; returns the root at a size.
fn compare(home: &Home, ring: &ring::Copy, at: Option<u64>) -> Result<Option<merkle::Hash>, RestoreError> {
    let (mut growth, mut full) = (Growth::new(), Vec::new());
    let mut root = (at == Some(0)).then(merkle::empty_root);
    let mut wrong = None;
    let read = journal::verify(&home.data.join("journal"), 0, |frame| {
        for (index, bytes) in (frame.header().first_index..).zip(frame.entries()) {
            if at.is_some() {
                growth.push(merkle::leaf_hash(bytes), &mut full);
                full.clear();
                if at == Some(growth.size()) {
                    root = Some(growth.root());
                }
            }
            if wrong.is_none() {
                wrong = check_entry(ring, index, bytes).err();
            }
        }
    });
    read.map_err(|error| RestoreError::Broken(Broken::Bytes { index: 0, reason: error.to_string() }))?;
    wrong.map_or(Ok(root), Err)
}

fn check_entry(ring: &ring::Copy, index: u64, bytes: &[u8]) -> Result<(), RestoreError> {
    let sealed = memmem::find(bytes, SEAL).is_some();
    let ends = Entry::kind_of(bytes) == Some("personal_data.erasure_completed");
    let Some(entry) = (sealed || ends).then(|| Entry::decode(bytes).ok()).flatten() else { return Ok(()) };
    let mut lacking = false;
    // A key that is destroyed is none that is lacking.
    for_each_key(&entry, &mut |_, _, key| lacking |= matches!(ring.has(key), Err(KeyError::Unknown { .. })));
    if lacking {
        return Err(RestoreError::RingBehind(Behind::Lacks { index }));
    }
    let (Some(person), Some(Ok(Event::Privacy(Privacy::Completed(completed))))) =
        (entry.subject.id().filter(|_| ends), Event::decode(&entry.kind, &entry.data))
    else {
        return Ok(());
    };
    let holder = person_holder(person);
    if purposes(completed.scope).iter().any(|purpose| ring.holds(&holder, *purpose)) {
        return Err(RestoreError::RingBehind(Behind::Holds { person: person.to_owned() }));
    }
    Ok(())
}

/// Says whether the ledger goes on, and only then that it is whole.
fn finish(home: &Home, standing: Standing) -> Result<(), RestoreError> {
    let data = &home.data;
    let read_only = data.join(READ_ONLY);
    let unfinished = data.join(UNFINISHED);
    let end = || {
        match standing {
            Standing::Goes => match fs::remove_file(&read_only) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            },
            Standing::Unknown | Standing::Behind { .. } => {
                fs::copy(&unfinished, &read_only)?;
                File::open(&read_only)?.sync_all()?;
            }
        }
        sync(data)?;
        fs::remove_file(&unfinished)?;
        sync(data)
    };
    end().map_err(io_at(data))
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> RestoreError + use<> {
    let path = path.to_owned();
    move |source| RestoreError::Io { path, source }
}

/// How a sealed value begins where it stands in an entry.
const SEAL: &[u8] = b"\"s1.";
/// Stands in a directory whose restore is not finished, and says of which ledger: its public key.
const UNFINISHED: &str = "restoring";
/// Stands in a directory that may end before a published checkpoint, and says of which ledger: its public key.
const READ_ONLY: &str = "read-only";
