//! Why a ring does not open, give out, read or write keys.

use std::io;
use std::path::{Path, PathBuf};

use crate::seal::KeyId;

/// Why a ring did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is a ring but no master key: it has to be brought back from where it is kept.
    #[error("key ring has no master key at \"{}\"", path.display())]
    MasterMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The master key is a whole one, but not this ring's.
    #[error("key ring \"{}\" is wrapped by another master key", path.display())]
    WrongMaster {
        /// The ring.
        path: PathBuf,
    },
    /// The master key's file is not as it was written.
    #[error("master key \"{}\" is damaged", path.display())]
    MasterDamaged {
        /// The master key.
        path: PathBuf,
    },
    /// The master key would be backed up together with what it protects.
    #[error("directory of the master key \"{}\" lies inside the data directory", path.display())]
    MasterInside {
        /// The keys' directory.
        path: PathBuf,
    },
    /// The ring belongs to another ledger.
    #[error("key ring \"{}\" belongs to another ledger", path.display())]
    OtherLedger {
        /// The ring.
        path: PathBuf,
    },
    /// Bytes that were durable are not as they were written.
    #[error("key ring \"{}\" is damaged at byte {offset}", path.display())]
    Damaged {
        /// The ring.
        path: PathBuf,
        /// Where the first damaged record begins.
        offset: u64,
    },
    /// Somebody else has the ring open.
    #[error("key ring \"{}\" is in use", path.display())]
    InUse {
        /// The ring.
        path: PathBuf,
    },
    /// The first keys could not be made.
    #[error("key ring cannot be written")]
    Write(#[from] WriteError),
    /// The operating system refused.
    #[error("key ring cannot be read: \"{}\"", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why a holder got no key.
#[derive(Debug, thiserror::Error)]
pub enum RingError {
    /// The holder's key was destroyed by an erasure; there is no second one.
    #[error("personal data of \"{holder}\" is erased")]
    Erased {
        /// The holder.
        holder: String,
    },
    /// A new key was asked for before [`replayed`](crate::seal::Ring::replayed): it might already be somebody's.
    #[error("key ring is not replayed")]
    NotReplayed,
    /// The ring cannot write.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why there is no key of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// An erasure destroyed it.
    #[error("key is destroyed")]
    Destroyed,
    /// This ring never had it: it is older than the ledger, or the seal is of another ledger.
    #[error("key \"{key_id}\" is unknown to the key ring")]
    Unknown {
        /// The key.
        key_id: KeyId,
    },
}

/// Why a key was not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The ring never had this key: it is older than the ledger.
    #[error("key \"{key_id}\" is unknown to the key ring")]
    Unknown {
        /// The key.
        key_id: KeyId,
    },
    /// The key is another holder's, or the same holder's for the other purpose.
    #[error("key \"{key_id}\" is not a key of \"{holder}\"")]
    OtherHolder {
        /// Who should have had it.
        holder: String,
        /// The key.
        key_id: KeyId,
    },
    /// The ring cannot write.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why the ring could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// An earlier write or sync failed; what the disk holds is unknown until the ring is opened again.
    #[error("key ring is poisoned by an earlier failure")]
    Poisoned,
    /// A holder's name is empty or longer than 255 bytes.
    #[error("name of a key's holder has {bytes} bytes")]
    HolderName {
        /// Its length.
        bytes: usize,
    },
    /// All 2^32 keys of a ring were made.
    #[error("key ring is full")]
    Full,
    /// The operating system refused.
    #[error("key ring cannot write \"{}\"", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Why the ring was not rewritten.
#[derive(Debug, thiserror::Error)]
pub enum RewriteError {
    /// The master key before the present one must be destroyed first.
    #[error("old master key \"{}\" still stands", path.display())]
    OldMasterStands {
        /// The old master key.
        path: PathBuf,
    },
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl OpenError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}

impl WriteError {
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io { path: path.into(), source }
    }
}
