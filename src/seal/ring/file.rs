//! The ring's file: its head, its marks, its records, and how they are read back.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chacha20poly1305::aead::AeadInOut as _;
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305};
use zeroize::Zeroizing;

use crate::seal::ring::master::{Master, checksum, master_of, promote, replace, sync_dir};
use crate::seal::ring::tables::{Tables, ordinal_of};
use crate::seal::ring::{Entropy, Home, OpenError, Purpose, WriteError};
use crate::seal::{HolderKey, KeyId};

/// The ring's file, of which only the end ever changes.
pub(super) struct RingFile {
    pub(super) path: PathBuf,
    pub(super) file: Arc<File>,
    pub(super) header: Header,
    pub(super) wrapping: Arc<Wrapping>,
    /// Key records in the file.
    pub(super) keys: u64,
    /// Assignment records in the file, which are all there ever were.
    pub(super) assigned: u64,
    /// Where the next record goes.
    pub(super) end: u64,
    /// Everything below this offset has been synced.
    pub(super) durable: u64,
    pub(super) marks: u64,
    pub(super) poisoned: bool,
}

impl Drop for RingFile {
    fn drop(&mut self) {
        // Closing would not do: a child process keeps a copy of every open file, lock included, until it executes.
        drop(self.file.unlock());
    }
}

impl RingFile {
    /// Puts a new ring in the place of whatever ring there is, durably, and leaves it locked.
    pub(super) fn create(
        ring_dir: &Path,
        header: Header,
        master: &Master,
        tables: &Tables,
    ) -> Result<Self, WriteError> {
        let wrapping = Wrapping::new(master, &header);
        let (mut keys, mut assigned, mut records) = (0, 0, Vec::new());
        for key in tables.keys.iter().flatten() {
            wrapping.encode_key(keys, key, &mut records);
            keys += 1;
        }
        for (holder, purpose, ordinal) in tables.assignments() {
            wrapping.encode_assignment(assigned, holder, purpose, ordinal, &mut records)?;
            assigned += 1;
        }
        let end = RECORDS_AT.saturating_add(count(records.len()));
        let mut bytes = header.encode();
        bytes.extend_from_slice(&wrapping.mark(end));
        bytes.extend_from_slice(&wrapping.mark(end));
        bytes.extend_from_slice(&records);

        let path = ring_dir.join(RING);
        let next = ring_dir.join(RING_NEXT);
        let write = || {
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&next)?;
            file.try_lock()?;
            file.write_all_at(&bytes, 0)?;
            file.sync_all()?;
            fs::rename(&next, &path)?;
            sync_dir(ring_dir)?;
            Ok(file)
        };
        let file = Arc::new(write().map_err(|source| WriteError::io(&next, source))?);
        let wrapping = Arc::new(wrapping);
        Ok(Self { path, file, header, wrapping, keys, assigned, end, durable: end, marks: 0, poisoned: false })
    }

    pub(super) fn assign(&mut self, holder: &str, purpose: Purpose, ordinal: u32) -> Result<(), WriteError> {
        let mut bytes = Vec::with_capacity(ASSIGNMENT_BYTES + holder.len());
        self.wrapping.encode_assignment(self.assigned, holder, purpose, ordinal, &mut bytes)?;
        self.append(&bytes)?;
        self.assigned += 1;
        Ok(())
    }

    /// Writes records at the end; they are not durable when it returns.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        if self.poisoned {
            return Err(WriteError::Poisoned);
        }
        if let Err(source) = self.file.write_all_at(bytes, self.end) {
            self.poisoned = true;
            return Err(WriteError::io(&self.path, source));
        }
        self.end = self.end.saturating_add(count(bytes.len()));
        Ok(())
    }

    /// Takes note of how a sync of everything below `end` ended.
    ///
    /// The mark it writes becomes durable with the next sync. It says about earlier bytes that they were durable, so
    /// from then on what does not read back is damage and not an interrupted write.
    pub(super) fn synced(
        &mut self,
        synced: io::Result<()>,
        synced_file: &Arc<File>,
        end: u64,
    ) -> Result<(), WriteError> {
        if !Arc::ptr_eq(&self.file, synced_file) {
            // The ring was rewritten meanwhile, and the new file was synced as a whole.
            return Ok(());
        }
        let slot = HEADER_BYTES + (self.marks % 2) * count(MARK_BYTES);
        let written = synced.and_then(|()| self.file.write_all_at(&self.wrapping.mark(end), slot));
        if let Err(source) = written {
            self.poisoned = true;
            return Err(WriteError::io(&self.path, source));
        }
        self.marks += 1;
        self.durable = self.durable.max(end);
        Ok(())
    }
}

/// A ring as read back from its file.
pub(super) struct Opened {
    pub(super) file: RingFile,
    pub(super) tables: Tables,
    pub(super) torn: Option<PathBuf>,
}

impl Opened {
    pub(super) fn read(path: &Path, home: Home<'_>) -> Result<Self, OpenError> {
        let io = |source| OpenError::io(path, source);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(io)?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { path: path.into() },
            TryLockError::Error(source) => io(source),
        })?;
        let mut bytes = Vec::new();
        (&file).read_to_end(&mut bytes).map_err(io)?;
        let Parsed { header, wrapping, is_next, tables, keys, assigned, end, durable } =
            Parsed::of(&bytes, path, home)?;
        let length = count(bytes.len());
        let rest = usize::try_from(end).ok().and_then(|end| bytes.get(end..)).unwrap_or_default();

        let torn = if rest.is_empty() {
            None
        } else {
            // Nothing that became durable can stand here; it is kept all the same, since keys cannot be made again.
            let torn = path.with_extension(format!("torn-{end}"));
            replace(&torn, rest)?;
            file.set_len(end).map_err(io)?;
            Some(torn)
        };
        let mut file = RingFile {
            path: path.into(),
            file: Arc::new(file),
            header,
            wrapping: Arc::new(wrapping),
            keys,
            assigned,
            end,
            durable,
            marks: 0,
            poisoned: false,
        };
        if length > durable {
            // A process that was killed may have written keys it had not synced yet; they must not be given out before.
            let synced = file.file.sync_data();
            let handle = Arc::clone(&file.file);
            file.synced(synced, &handle, end)?;
        }
        if is_next {
            promote(home.keys_dir)?;
        }
        Ok(Self { file, tables, torn })
    }
}

/// What the bytes of a ring's file say.
pub(super) struct Parsed {
    pub(super) header: Header,
    wrapping: Wrapping,
    /// Whether the master key that opens it is the coming one.
    is_next: bool,
    pub(super) tables: Tables,
    keys: u64,
    pub(super) assigned: u64,
    /// Where the last whole record ends.
    pub(super) end: u64,
    durable: u64,
}

impl Parsed {
    /// Reads the bytes of the file at `path`; writes nothing.
    pub(super) fn of(bytes: &[u8], path: &Path, home: Home<'_>) -> Result<Self, OpenError> {
        let damaged = |offset| OpenError::Damaged { path: path.into(), offset };
        let header = Header::parse(bytes).ok_or_else(|| damaged(0))?;
        if header.origin != hash_of(home.origin) {
            return Err(OpenError::OtherLedger { path: path.into() });
        }
        let (master, is_next) = master_of(header.fingerprint, path, home.keys_dir)?;
        let wrapping = Wrapping::new(&master, &header);
        let mut rest = usize::try_from(HEADER_BYTES).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let marks = [wrapping.read_mark(&mut rest), wrapping.read_mark(&mut rest)];
        let durable = marks.into_iter().flatten().max().ok_or_else(|| damaged(HEADER_BYTES))?;

        let (mut tables, mut keys, mut assigned, mut taken) = (Tables::default(), 0, 0, BTreeSet::new());
        while let Some((record, after)) = wrapping.read_record(keys, assigned, rest) {
            match record {
                Record::Key(key) => {
                    keys += 1;
                    let slot = tables.extend_to(ordinal_of(key.id())).and_then(|slot| tables.keys.get_mut(slot));
                    *slot.ok_or_else(|| damaged(0))? = Some(Arc::new(key));
                }
                Record::Assignment { holder, purpose, ordinal } => {
                    assigned += 1;
                    tables.extend_to(ordinal);
                    tables.assign(holder, purpose, ordinal);
                    taken.insert(ordinal);
                }
            }
            rest = after;
        }
        let end = count(bytes.len()).saturating_sub(count(rest.len()));
        if end < durable {
            return Err(damaged(end));
        }
        let present = tables.keys.iter().flatten().map(|key| ordinal_of(key.id()));
        tables.stock = present.filter(|ordinal| !taken.contains(ordinal)).collect();
        Ok(Self { header, wrapping, is_next, tables, keys, assigned, end, durable })
    }
}

/// One record of the file.
pub(super) enum Record<'a> {
    Key(HolderKey),
    Assignment { holder: &'a str, purpose: Purpose, ordinal: u32 },
}

/// The keys of one generation of the ring's file: one wraps holders' keys, one authenticates everything else.
pub(super) struct Wrapping {
    cipher: XChaCha20Poly1305,
    authenticator: Zeroizing<[u8; 32]>,
}

impl Wrapping {
    pub(super) fn new(master: &Master, header: &Header) -> Self {
        // The header takes part, so that not a bit of it can change and no two rings share a key.
        let header = header.encode();
        let wrap = master.derive(WRAP_CONTEXT, &header);
        let cipher = XChaCha20Poly1305::new((&*wrap).into());
        Self { cipher, authenticator: master.derive(AUTHENTICATE_CONTEXT, &header) }
    }

    /// `01 ‖ key id 16 ‖ wrapped key 32 ‖ tag 16`, wrapped under the nonce `key id ‖ number of the key record`.
    pub(super) fn encode_key(&self, number: u64, key: &HolderKey, bytes: &mut Vec<u8>) {
        let mut wrapped = *key.secret();
        let tag = self
            .cipher
            .encrypt_inout_detached(&nonce(key.id(), number).into(), &[KEY], wrapped.as_mut_slice().into())
            .expect("32 bytes are within the cipher's limit");
        bytes.push(KEY);
        bytes.extend_from_slice(&key.id().0);
        bytes.extend_from_slice(&wrapped);
        bytes.extend_from_slice(&tag);
    }

    /// `02 or 03 ‖ ordinal u32 ‖ length u8 ‖ holder ‖ authenticator 8`.
    pub(super) fn encode_assignment(
        &self,
        number: u64,
        holder: &str,
        purpose: Purpose,
        ordinal: u32,
        bytes: &mut Vec<u8>,
    ) -> Result<(), WriteError> {
        let length = u8::try_from(holder.len()).ok().filter(|length| *length > 0);
        let length = length.ok_or(WriteError::HolderName { bytes: holder.len() })?;
        let mut record = vec![match purpose {
            Purpose::Identity => IDENTITY,
            Purpose::Private => PRIVATE,
        }];
        record.extend_from_slice(&ordinal.to_be_bytes());
        record.push(length);
        record.extend_from_slice(holder.as_bytes());
        bytes.extend_from_slice(&record);
        bytes.extend_from_slice(&self.authenticate(number, &record));
        Ok(())
    }

    /// Returns the next record and what follows it, or nothing if the bytes are no authentic record of this number.
    pub(super) fn read_record<'a>(&self, keys: u64, assigned: u64, bytes: &'a [u8]) -> Option<(Record<'a>, &'a [u8])> {
        let mut rest = bytes;
        let purpose = match *take::<1>(&mut rest)? {
            [KEY] => {
                let id = KeyId(*take(&mut rest)?);
                let mut secret = Zeroizing::new(*take(&mut rest)?);
                let tag = take::<16>(&mut rest)?;
                self.cipher
                    .decrypt_inout_detached(&nonce(id, keys).into(), &[KEY], secret.as_mut_slice().into(), tag.into())
                    .ok()?;
                return Some((Record::Key(HolderKey::new(id, secret)), rest));
            }
            [IDENTITY] => Purpose::Identity,
            [PRIVATE] => Purpose::Private,
            _ => return None,
        };
        let ordinal = u32::from_be_bytes(*take(&mut rest)?);
        let [length] = *take(&mut rest)?;
        let (holder, mut rest) = rest.split_at_checked(usize::from(length))?;
        let record = bytes.get(..ASSIGNMENT_BYTES - AUTHENTICATOR_BYTES + holder.len())?;
        let authentic = *take(&mut rest)? == self.authenticate(assigned, record);
        let holder = str::from_utf8(holder).ok()?;
        authentic.then_some((Record::Assignment { holder, purpose, ordinal }, rest))
    }

    /// `durable length u64 ‖ authenticator 8`.
    pub(super) fn mark(&self, durable: u64) -> [u8; MARK_BYTES] {
        let mut mark = [0; MARK_BYTES];
        let (length, authenticator) = mark.split_at_mut(8);
        length.copy_from_slice(&durable.to_be_bytes());
        authenticator.copy_from_slice(&self.authenticate(durable, &[MARK]));
        mark
    }

    pub(super) fn read_mark(&self, rest: &mut &[u8]) -> Option<u64> {
        let mark = take::<MARK_BYTES>(rest)?;
        let durable = u64::from_be_bytes(*mark.first_chunk()?);
        (*mark == self.mark(durable)).then_some(durable)
    }

    pub(super) fn authenticate(&self, number: u64, record: &[u8]) -> [u8; AUTHENTICATOR_BYTES] {
        let mut hasher = blake3::Hasher::new_keyed(&self.authenticator);
        hasher.update(&number.to_be_bytes()).update(record);
        let mut authenticator = [0; AUTHENTICATOR_BYTES];
        hasher.finalize_xof().fill(&mut authenticator);
        authenticator
    }
}

/// The head of the ring's file; everything after it is wrapped and authenticated under keys derived from it.
///
/// `"DKR1" ‖ generation u32 ‖ ring id 16 ‖ master key's fingerprint 16 ‖ BLAKE3 of the origin 32 ‖ checksum 16`.
pub(super) struct Header {
    /// 1, and one more with each rewriting.
    pub(super) generation: u32,
    id: [u8; 16],
    fingerprint: [u8; 16],
    origin: [u8; 32],
}

impl Header {
    pub(super) fn first(origin: &str, master: &Master, entropy: Entropy<'_>) -> Self {
        let mut id = [0; 16];
        entropy(&mut id);
        Self { generation: 1, id, fingerprint: master.fingerprint(), origin: hash_of(origin) }
    }

    pub(super) fn next(&self, master: &Master) -> Self {
        let generation = self.generation.saturating_add(1);
        Self { generation, id: self.id, fingerprint: master.fingerprint(), origin: self.origin }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let generation = self.generation.to_be_bytes();
        let mut bytes = [&MAGIC[..], &generation, &self.id, &self.fingerprint, &self.origin].concat();
        bytes.extend_from_slice(&checksum::<16>(&bytes));
        bytes
    }

    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let magic = take(&mut rest)?;
        let generation = u32::from_be_bytes(*take(&mut rest)?);
        let header =
            Self { generation, id: *take(&mut rest)?, fingerprint: *take(&mut rest)?, origin: *take(&mut rest)? };
        let intact = magic == MAGIC && bytes.starts_with(&header.encode());
        intact.then_some(header)
    }
}

fn nonce(id: KeyId, number: u64) -> [u8; 24] {
    let mut nonce = [0; 24];
    let (head, tail) = nonce.split_at_mut(16);
    head.copy_from_slice(&id.0);
    tail.copy_from_slice(&number.to_be_bytes());
    nonce
}

fn hash_of(origin: &str) -> [u8; 32] {
    *blake3::hash(origin.as_bytes()).as_bytes()
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}

pub(super) fn count(length: usize) -> u64 {
    u64::try_from(length).expect("no machine has more than 64 bits of address")
}

pub(super) const RING: &str = "ring";
const RING_NEXT: &str = "ring.next";

const MAGIC: &[u8; 4] = b"DKR1";
pub(super) const HEADER_BYTES: u64 = 4 + 4 + 16 + 16 + 32 + 16;
const AUTHENTICATOR_BYTES: usize = 8;
const MARK_BYTES: usize = 8 + AUTHENTICATOR_BYTES;
pub(super) const RECORDS_AT: u64 = HEADER_BYTES + 2 * 16;
pub(super) const KEY_BYTES: usize = 1 + 16 + 32 + 16;
const ASSIGNMENT_BYTES: usize = 1 + 4 + 1 + AUTHENTICATOR_BYTES;

// The first byte of whatever is authenticated, so that no record can pass for another kind.
const MARK: u8 = 0;
const KEY: u8 = 1;
const IDENTITY: u8 = 2;
const PRIVATE: u8 = 3;

const WRAP_CONTEXT: &str = "dossier key ring 1 wrapping key";
const AUTHENTICATE_CONTEXT: &str = "dossier key ring 1 authentication key";
