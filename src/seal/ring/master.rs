//! The master key, which wraps all others, and the files it lives in.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::{Zeroize as _, Zeroizing};

use crate::seal::ring::{Entropy, OpenError, WriteError};

/// The key that wraps all others: `"dossier-master-1." ‖ base64url(key 32 ‖ checksum 4) ‖ "\n"`, a line one can print.
pub(super) struct Master(Zeroizing<[u8; 32]>);

impl Master {
    /// Makes a master key; it is durable under its name when this returns, or the name is as it was.
    pub(super) fn create(path: &Path, entropy: Entropy<'_>) -> Result<Self, WriteError> {
        let mut key = Zeroizing::new([0; 32]);
        entropy(key.as_mut_slice());
        let bytes = Zeroizing::new([key.as_slice(), &checksum::<4>(key.as_slice())].concat());
        let text = Zeroizing::new(format!("{MASTER_PREFIX}{}\n", URL_SAFE_NO_PAD.encode(&*bytes)));
        replace(path, text.as_bytes())?;
        Ok(Self(key))
    }

    pub(super) fn read(path: &Path) -> Result<Option<Self>, OpenError> {
        let text = match fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(OpenError::io(path, source)),
        };
        Self::parse(&text).map(Some).ok_or_else(|| OpenError::MasterDamaged { path: path.into() })
    }

    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let encoded = str::from_utf8(text).ok()?.trim_end().strip_prefix(MASTER_PREFIX)?;
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(encoded).ok()?);
        let (key, sum) = bytes.split_first_chunk::<32>()?;
        (*sum == checksum::<4>(key)).then(|| Self(Zeroizing::new(*key)))
    }

    /// Returns what tells this master key from others without giving it away.
    pub(super) fn fingerprint(&self) -> [u8; 16] {
        let derived = self.derive(FINGERPRINT_CONTEXT, &[]);
        checksum(derived.as_slice())
    }

    pub(super) fn derive(&self, context: &str, header: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut hasher = blake3::Hasher::new_derive_key(context);
        hasher.update(self.0.as_slice()).update(header);
        let derived = Zeroizing::new(*hasher.finalize().as_bytes());
        hasher.zeroize();
        derived
    }
}

/// Returns the master key that a ring names by its fingerprint, and whether it still stands under the name of the next
/// one: a rewriting that was cut between replacing the ring and replacing the master key leaves it there.
pub(super) fn master_of(fingerprint: [u8; 16], ring: &Path, keys_dir: &Path) -> Result<(Master, bool), OpenError> {
    let path = keys_dir.join(MASTER);
    let current = Master::read(&path)?;
    let next = Master::read(&keys_dir.join(MASTER_NEXT))?;
    match (current, next) {
        (Some(master), _) if master.fingerprint() == fingerprint => Ok((master, false)),
        (_, Some(master)) if master.fingerprint() == fingerprint => Ok((master, true)),
        (None, None) => Err(OpenError::MasterMissing { path }),
        _ => Err(OpenError::WrongMaster { path: ring.into() }),
    }
}

/// Puts the next master key in the place of the current one, which becomes the old one; cut anywhere, it can be repeated.
pub(super) fn promote(keys_dir: &Path) -> Result<(), WriteError> {
    let [current, next, old] = [MASTER, MASTER_NEXT, MASTER_OLD].map(|name| keys_dir.join(name));
    let rename = || {
        match fs::rename(&current, &old) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            renamed => renamed?,
        }
        sync_dir(keys_dir)?;
        fs::rename(&next, &current)?;
        sync_dir(keys_dir)
    };
    rename().map_err(|source| WriteError::io(&next, source))
}

/// Writes a file whole or not at all; it is durable and readable by its owner only when this returns.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    let unfinished = path.with_extension("unfinished");
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        path.parent().map_or(Ok(()), sync_dir)
    };
    write().map_err(|source| WriteError::io(path, source))
}

pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

pub(super) fn checksum<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut checksum = [0; N];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut checksum);
    checksum
}

pub(super) const MASTER: &str = "master.key";
pub(super) const MASTER_NEXT: &str = "master.next";
pub(super) const MASTER_OLD: &str = "master.old";
const MASTER_PREFIX: &str = "dossier-master-1.";
pub(super) const MASTER_BYTES: usize = MASTER_PREFIX.len() + 48 + 1;

const FINGERPRINT_CONTEXT: &str = "dossier key ring 1 master key fingerprint";
