//! The key ring: who holds which key, in one file outside the ledger, wrapped by a master key kept elsewhere.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use zeroize::Zeroizing;

use crate::seal::ring::file::{Header, KEY_BYTES, Opened, RING, RingFile, count};
use crate::seal::ring::master::{MASTER, MASTER_BYTES, MASTER_NEXT, MASTER_OLD, Master, promote, sync_dir};
use crate::seal::ring::tables::{Tables, ordinal_of};
use crate::seal::{HolderKey, KeyId};

mod copy;
mod error;
mod file;
mod master;
mod tables;

pub use self::copy::Copy;
pub use self::error::{AdoptError, KeyError, OpenError, RewriteError, RingError, WriteError};

/// Fills a slice with unpredictable bytes.
pub type Entropy<'a> = &'a mut dyn FnMut(&mut [u8]);

/// The keys of all holders, ready for many readers at once.
///
/// A holder is named by a text of the caller's choosing, such as `person/P-1`; the name is stored in clear. Each has up
/// to two keys. Keys are random, made in stock, and durable before the first of them is given out; which holder got
/// which is written at once but becomes durable only with [`Ring::flush`]. After a crash the ledger therefore replays,
/// through [`Ring::adopt`], the seals of every entry that follows the last flush, and then calls [`Ring::replayed`].
/// An assignment lost with no seal behind it is harmless: the key goes back into stock.
///
/// The file is locked while the ring is open.
pub struct Ring {
    /// Held by whoever makes keys, so that only one does.
    refilling: Mutex<()>,
    // Locked in the order in which they stand here.
    tables: RwLock<Tables>,
    file: Mutex<RingFile>,
    replayed: AtomicBool,
    /// Keys were forgotten that still stand in the file.
    stale: AtomicBool,
    torn: Option<PathBuf>,
    ring_dir: PathBuf,
    keys_dir: PathBuf,
}

/// Where a ring lives and which ledger it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Home<'a> {
    /// The data directory; the ring is `keyring/ring` in it.
    pub data_dir: &'a Path,
    /// The directory of `master.key`, outside the data directory and outside its backups.
    pub keys_dir: &'a Path,
    /// The ledger's origin.
    pub origin: &'a str,
}

impl Home<'_> {
    /// Returns where the ring's file is.
    pub fn ring(&self) -> PathBuf {
        self.data_dir.join(DIRECTORY).join(RING)
    }
}

/// What a holder's key is for; each purpose can be erased alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Who the person is: values of class C4.
    Identity,
    /// What is the person's own affair: values of class C5.
    Private,
}

/// What replaying found about a seal's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adoption {
    /// The ring holds the key, and the holder has it.
    Held,
    /// The key was destroyed by an erasure.
    Destroyed,
}

impl Ring {
    /// Opens the ring of a ledger, or creates it with a first stock of keys and, if there is none, a master key.
    ///
    /// What it creates is durable when it returns. An end that never became durable is cut off and kept beside the
    /// ring, see [`Ring::torn`].
    ///
    /// # Errors
    /// See [`OpenError`]; no file is created or changed where the ring exists and does not open.
    pub fn open(home: Home<'_>, entropy: Entropy<'_>) -> Result<Self, OpenError> {
        let ring_dir = home.data_dir.join(DIRECTORY);
        for dir in [&ring_dir, home.keys_dir] {
            DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|source| OpenError::io(dir, source))?;
        }
        if within(home.keys_dir, home.data_dir)? {
            return Err(OpenError::MasterInside { path: home.keys_dir.into() });
        }
        let path = ring_dir.join(RING);
        if !path.try_exists().map_err(|source| OpenError::io(&path, source))? {
            let master = match Master::read(&home.keys_dir.join(MASTER))? {
                Some(master) => master,
                None => Master::create(&home.keys_dir.join(MASTER), entropy)?,
            };
            let header = Header::first(home.origin, &master, entropy);
            RingFile::create(&ring_dir, header, &master, &Tables::default())?;
        }
        let opened = Opened::read(&path, home)?;
        let ring = Self {
            refilling: Mutex::new(()),
            tables: RwLock::new(opened.tables),
            file: Mutex::new(opened.file),
            replayed: AtomicBool::new(false),
            stale: AtomicBool::new(false),
            torn: opened.torn,
            ring_dir,
            keys_dir: home.keys_dir.into(),
        };
        ring.refill(1, STOCK_FIRST, entropy)?;
        Ok(ring)
    }

    /// Returns a holder's key for a purpose, giving the holder one from the stock if there is none yet.
    ///
    /// The key is durable; that the holder has it is written but not synced. When the stock is empty this call, and no
    /// other, waits for new keys to become durable.
    ///
    /// # Errors
    /// The holder's key was destroyed, nothing may be given out yet, or the ring cannot write.
    pub fn key_for(&self, holder: &str, purpose: Purpose, entropy: Entropy<'_>) -> Result<Arc<HolderKey>, RingError> {
        if let Some(key) = self.tables().key_for(holder, purpose)? {
            return Ok(key);
        }
        if !self.replayed.load(Ordering::Acquire) {
            return Err(RingError::NotReplayed);
        }
        loop {
            {
                let mut tables = self.tables_mut();
                if let Some(key) = tables.key_for(holder, purpose)? {
                    return Ok(key);
                }
                if let Some(ordinal) = tables.stock.front().copied() {
                    lock(&self.file).assign(holder, purpose, ordinal)?;
                    tables.stock.pop_front();
                    tables.assign(holder, purpose, ordinal);
                    continue;
                }
            }
            self.refill(1, STOCK_FIRST, entropy)?;
        }
    }

    /// Returns the key a seal names.
    ///
    /// # Errors
    /// The key was destroyed, or this ring never had it.
    pub fn key(&self, id: KeyId) -> Result<Arc<HolderKey>, KeyError> {
        self.tables().key(id)
    }

    /// Takes note, while the ledger replays, that a durable seal of this holder names this key.
    ///
    /// Idempotent. A holder may come to several keys for one purpose; the first stays the one for new values and
    /// [`Ring::forget`] takes them all.
    ///
    /// # Errors
    /// The ring does not know the key (it is older than the ledger), somebody else holds it, or it cannot write.
    pub fn adopt(&self, holder: &str, purpose: Purpose, id: KeyId) -> Result<Adoption, AdoptError> {
        let known = |tables: &Tables| match tables.key(id) {
            Ok(_) => Ok(tables.holds(holder, purpose, ordinal_of(id)).then_some(Adoption::Held)),
            Err(KeyError::Destroyed) => Ok(Some(Adoption::Destroyed)),
            Err(KeyError::Unknown { key_id }) => Err(AdoptError::Unknown { key_id }),
        };
        if let Some(adoption) = known(&self.tables())? {
            return Ok(adoption);
        }
        let mut tables = self.tables_mut();
        if let Some(adoption) = known(&tables)? {
            return Ok(adoption);
        }
        let Ok(place) = tables.stock.binary_search(&ordinal_of(id)) else {
            return Err(AdoptError::OtherHolder { holder: holder.into(), key_id: id });
        };
        lock(&self.file).assign(holder, purpose, ordinal_of(id))?;
        tables.stock.remove(place);
        tables.assign(holder, purpose, ordinal_of(id));
        Ok(Adoption::Held)
    }

    /// Declares that every durable entry since the last flush has been adopted; from here on keys are given out.
    pub fn replayed(&self) {
        self.replayed.store(true, Ordering::Release);
    }

    /// Returns how many assignments were ever made; the number never falls, not even by an erasure.
    ///
    /// A ring opened with fewer than a flush once returned is older than its ledger and must not be used.
    pub fn assigned(&self) -> u64 {
        lock(&self.file).assigned
    }

    /// Makes every assignment so far durable and returns how many there are. One `fdatasync`, none if nothing is new.
    ///
    /// # Errors
    /// After a failed sync the ring gives out no new keys until it is opened again.
    pub fn flush(&self) -> Result<u64, WriteError> {
        let (file, end, assigned) = {
            let ring_file = lock(&self.file);
            if ring_file.poisoned {
                return Err(WriteError::Poisoned);
            }
            if ring_file.end == ring_file.durable {
                return Ok(ring_file.assigned);
            }
            (Arc::clone(&ring_file.file), ring_file.end, ring_file.assigned)
        };
        // Outside the lock: doors go on assigning while the disk works.
        let synced = file.sync_data();
        lock(&self.file).synced(synced, &file, end)?;
        Ok(assigned)
    }

    /// Makes keys up to the full stock of 4,096 if fewer than 1,024 are left, and returns how many. Meant for the background.
    ///
    /// The new keys are durable when it returns: one write, one `fdatasync`.
    ///
    /// # Errors
    /// After a failed write or sync the ring gives out no new keys until it is opened again.
    pub fn refill_if_low(&self, entropy: Entropy<'_>) -> Result<u32, WriteError> {
        self.refill(STOCK_LOW, STOCK_FULL, entropy)
    }

    /// Drops a holder's keys of one purpose from memory and returns how many there were.
    ///
    /// They are wiped as soon as nobody holds one any more, and never given out again by this process; on disk they
    /// stand until [`Ring::rewrite`].
    pub fn forget(&self, holder: &str, purpose: Purpose) -> usize {
        let mut tables = self.tables_mut();
        let forgotten = tables.forget(holder, purpose);
        // While the tables are held no rewriting is under way, which would take this for done.
        if forgotten > 0 {
            self.stale.store(true, Ordering::Release);
        }
        forgotten
    }

    /// Tells whether a holder still has a key of a purpose that opens anything.
    pub fn holds(&self, holder: &str, purpose: Purpose) -> bool {
        self.tables().holds_any(holder, purpose)
    }

    /// Tells whether forgotten keys still stand in the file: then it has to be rewritten.
    pub fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// Tells whether the master key that the last rewriting replaced still stands.
    ///
    /// # Errors
    /// The directory of the keys cannot be read.
    pub fn old_master_stands(&self) -> Result<bool, WriteError> {
        let old = self.keys_dir.join(MASTER_OLD);
        old.try_exists().map_err(|source| WriteError::io(&old, source))
    }

    /// Rewrites the ring without the forgotten keys under a new master key and puts it in the old one's place.
    ///
    /// The new ring and the new master key are durable when it returns; cut at any point, the ring opens as it was
    /// before or as it is after. The old master key stands beside the new one as `master.old` until
    /// [`Ring::destroy_old_master`]. Doors wait meanwhile.
    ///
    /// # Errors
    /// An old master key still stands, or a file could not be written; after the latter the ring gives out no new keys
    /// until it is opened again.
    pub fn rewrite(&self, entropy: Entropy<'_>) -> Result<(), RewriteError> {
        let _refilling = lock(&self.refilling);
        let tables = self.tables_mut();
        let mut file = lock(&self.file);
        if file.poisoned {
            return Err(WriteError::Poisoned.into());
        }
        if self.old_master_stands()? {
            return Err(RewriteError::OldMasterStands { path: self.keys_dir.join(MASTER_OLD) });
        }
        let mut renew = || {
            let master = Master::create(&self.keys_dir.join(MASTER_NEXT), entropy)?;
            let header = file.header.next(&master);
            *file = RingFile::create(&self.ring_dir, header, &master, &tables)?;
            promote(&self.keys_dir)
        };
        let renewed = renew();
        // Which of the two rings and of the two master keys stands is settled when the ring is opened again.
        file.poisoned = renewed.is_err();
        renewed?;
        self.stale.store(false, Ordering::Release);
        Ok(())
    }

    /// Overwrites and removes the master key that the last rewriting replaced; with it goes whatever only it unwraps.
    ///
    /// Its absence is durable when it returns. What copies of it were made is the operator's affair.
    ///
    /// # Errors
    /// The file could not be overwritten or removed; calling again is safe.
    pub fn destroy_old_master(&self) -> Result<(), WriteError> {
        let path = self.keys_dir.join(MASTER_OLD);
        let destroy = || match OpenOptions::new().write(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(file) => {
                file.write_all_at(&[0; MASTER_BYTES], 0)?;
                file.sync_all()?;
                fs::remove_file(&path)
            }
        };
        destroy().and_then(|()| sync_dir(&self.keys_dir)).map_err(|source| WriteError::io(&path, source))
    }

    /// Returns the path of the ring's file, for copying it to a backup: what a flush covered is whole in any copy.
    pub fn path(&self) -> PathBuf {
        self.ring_dir.join(RING)
    }

    /// Returns where the end cut off at opening was put, if there was one.
    pub fn torn(&self) -> Option<&Path> {
        self.torn.as_deref()
    }

    /// Makes keys up to `full` unless there are `enough` by the time it is our turn.
    fn refill(&self, enough: usize, full: usize, entropy: Entropy<'_>) -> Result<u32, WriteError> {
        let _refilling = lock(&self.refilling);
        let (next_ordinal, stock) = {
            let tables = self.tables();
            (tables.keys.len(), tables.stock.len())
        };
        let missing = full.saturating_sub(stock);
        if stock >= enough || missing == 0 {
            return Ok(0);
        }
        let mut keys = Vec::with_capacity(missing);
        for ordinal in next_ordinal..next_ordinal.saturating_add(missing) {
            let ordinal = u32::try_from(ordinal).map_err(|_| WriteError::Full)?;
            keys.push(make_key(ordinal, entropy));
        }
        let (wrapping, first) = {
            let file = lock(&self.file);
            (Arc::clone(&file.wrapping), file.keys)
        };
        let mut bytes = Vec::with_capacity(keys.len() * KEY_BYTES);
        for (number, key) in (first..).zip(&keys) {
            wrapping.encode_key(number, key, &mut bytes);
        }
        let (file, end) = {
            let mut file = lock(&self.file);
            file.append(&bytes)?;
            file.keys = first.saturating_add(count(keys.len()));
            (Arc::clone(&file.file), file.end)
        };
        let synced = file.sync_data();
        lock(&self.file).synced(synced, &file, end)?;
        let made = u32::try_from(keys.len()).map_err(|_| WriteError::Full)?;
        let mut tables = self.tables_mut();
        for key in keys {
            tables.stock.push_back(ordinal_of(key.id()));
            tables.keys.push(Some(Arc::new(key)));
        }
        Ok(made)
    }

    fn tables(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn tables_mut(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells whether a directory lies within another, or is it, whatever their paths look like.
fn within(inner: &Path, outer: &Path) -> Result<bool, OpenError> {
    let canonical = |path: &Path| fs::canonicalize(path).map_err(|source| OpenError::io(path, source));
    Ok(canonical(inner)?.starts_with(canonical(outer)?))
}

fn make_key(ordinal: u32, entropy: Entropy<'_>) -> HolderKey {
    let mut id = [0; 16];
    let (head, tail) = id.split_at_mut(4);
    head.copy_from_slice(&ordinal.to_be_bytes());
    entropy(tail);
    let mut secret = Zeroizing::new([0; 32]);
    entropy(secret.as_mut_slice());
    HolderKey::new(KeyId(id), secret)
}

/// A panic while one of these locks is held leaves nothing half done: each file write is taken note of after it ended.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Where the ring is in a data directory.
const DIRECTORY: &str = "keyring";
const STOCK_FULL: usize = 4096;
const STOCK_LOW: usize = 1024;
/// What a new ring opens with, and what a door makes that finds the stock empty: little, since somebody waits.
const STOCK_FIRST: usize = 256;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use proptest::prelude::*;

    use super::file::{HEADER_BYTES, RECORDS_AT};
    use super::*;

    #[test]
    fn a_holder_keeps_its_keys_when_the_ring_is_opened_again() {
        let home = TestHome::new();
        let ring = home.open();
        let identity = home.give(&ring, "person/P-1", Purpose::Identity);
        let private = home.give(&ring, "person/P-1", Purpose::Private);
        let other = home.give(&ring, "customer/C-1", Purpose::Identity);
        assert_eq!(BTreeSet::from([identity.id(), private.id(), other.id()]).len(), 3);
        assert_eq!(ring.assigned(), 3);
        drop(ring);

        let ring = home.open();
        assert_eq!(ring.assigned(), 3);
        assert_eq!(ring.torn(), None);
        let again = home.give(&ring, "person/P-1", Purpose::Private);
        assert_eq!(again.id(), private.id());
        assert_eq!(again.secret(), private.secret());
        assert_eq!(ring.key(other.id()).unwrap().secret(), other.secret());
    }

    #[test]
    fn the_bytes_of_a_ring_never_change() {
        let home = TestHome::new();
        let ring = home.open();
        home.give(&ring, "person/P-1", Purpose::Identity);
        home.give(&ring, "person/P-1", Purpose::Private);
        assert_eq!(ring.flush().unwrap(), 2);
        let master = fs::read_to_string(home.keys.join(MASTER)).unwrap();
        assert_eq!(master, "dossier-master-1.SPxyH7vBcuCSX6J68Wcd4iW6knE0gCmYsQoVaKGIZSs92QlY\n");
        assert_eq!(
            blake3::hash(&fs::read(ring.path()).unwrap()).to_hex().as_str(),
            "8ba03db6edfc91f48f9cfa15d9fcd7fa94b42c9a81b03c3955b3e5329bb39025"
        );
    }

    #[test]
    fn ring_and_master_key_are_for_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = TestHome::new();
        let ring = home.open();
        for path in [ring.path(), home.keys.join(MASTER)] {
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
        }
    }

    #[test]
    fn a_ring_does_not_open_without_its_master_key() {
        let home = TestHome::new();
        drop(home.open());
        fs::rename(home.keys.join(MASTER), home.keys.join("elsewhere")).unwrap();
        assert!(matches!(home.try_open(), Err(OpenError::MasterMissing { .. })));
        // And it does not help itself to a new one.
        assert!(matches!(home.try_open(), Err(OpenError::MasterMissing { .. })));

        let stranger = TestHome::new();
        Master::create(&stranger.keys.join(MASTER), &mut chance(99)).unwrap();
        fs::copy(stranger.keys.join(MASTER), home.keys.join(MASTER)).unwrap();
        assert!(matches!(home.try_open(), Err(OpenError::WrongMaster { .. })));

        fs::write(home.keys.join(MASTER), "dossier-master-1.AAAA").unwrap();
        assert!(matches!(home.try_open(), Err(OpenError::MasterDamaged { .. })));
        fs::rename(home.keys.join("elsewhere"), home.keys.join(MASTER)).unwrap();
        assert!(home.try_open().is_ok());
    }

    #[test]
    fn a_ring_opens_for_its_own_ledger_only() {
        let home = TestHome::new();
        drop(home.open());
        let other = Home { origin: "dossier.example.com/other", ..home.home() };
        assert!(matches!(Ring::open(other, &mut chance(1)), Err(OpenError::OtherLedger { .. })));
    }

    #[test]
    fn a_ring_in_use_does_not_open_a_second_time() {
        let home = TestHome::new();
        let ring = home.open();
        assert!(matches!(home.try_open(), Err(OpenError::InUse { .. })));
        drop(ring);
        assert!(home.try_open().is_ok());
    }

    #[test]
    fn the_master_key_may_not_lie_among_the_data() {
        let home = TestHome::new();
        let inside = home.data.join("keys");
        let inside = Home { keys_dir: &inside, ..home.home() };
        assert!(matches!(Ring::open(inside, &mut chance(1)), Err(OpenError::MasterInside { .. })));
        assert!(!home.data.join("keyring/ring").exists());
    }

    #[test]
    fn no_key_is_given_out_before_the_ledger_is_replayed() {
        let home = TestHome::new();
        let ring = home.try_open().unwrap();
        let asked = ring.key_for("person/P-1", Purpose::Identity, &mut chance(1));
        assert!(matches!(asked, Err(RingError::NotReplayed)));
        assert_eq!(ring.assigned(), 0);
    }

    #[test]
    fn an_assignment_lost_in_a_crash_comes_back_with_its_seal() {
        let home = TestHome::new();
        let ring = home.open();
        ring.flush().unwrap();
        let before = fs::read(ring.path()).unwrap();
        let lost = home.give(&ring, "person/P-1", Purpose::Identity).id();
        drop(ring);
        fs::write(home.data.join("keyring/ring"), before).unwrap();

        let ring = home.try_open().unwrap();
        assert_eq!(ring.assigned(), 0);
        for _ in 0..2 {
            assert_eq!(ring.adopt("person/P-1", Purpose::Identity, lost).unwrap(), Adoption::Held);
            assert_eq!(ring.assigned(), 1);
        }
        ring.replayed();
        assert_ne!(home.give(&ring, "person/P-2", Purpose::Identity).id(), lost);
        assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), lost);
    }

    #[test]
    fn a_key_is_adopted_by_one_holder_for_one_purpose() {
        let home = TestHome::new();
        let ring = home.open();
        let id = home.give(&ring, "person/P-1", Purpose::Identity).id();
        for (holder, purpose) in [("person/P-2", Purpose::Identity), ("person/P-1", Purpose::Private)] {
            let adopted = ring.adopt(holder, purpose, id);
            assert!(matches!(adopted, Err(AdoptError::OtherHolder { .. })), "{adopted:?}");
        }
    }

    #[test]
    fn a_ring_older_than_its_ledger_says_so() {
        let home = TestHome::new();
        let ring = home.open();
        let mut beyond = [0; 16];
        beyond[2] = 1; // The 257th key; the stock ends before it.
        let mut elsewhere = home.give(&ring, "person/P-1", Purpose::Identity).id();
        elsewhere.0[15] ^= 1;
        for id in [KeyId(beyond), elsewhere] {
            assert_eq!(ring.key(id).unwrap_err(), KeyError::Unknown { key_id: id });
            let adopted = ring.adopt("person/P-2", Purpose::Identity, id);
            assert!(matches!(adopted, Err(AdoptError::Unknown { .. })), "{adopted:?}");
        }
    }

    #[test]
    fn stock_that_runs_low_or_out_is_made_up() {
        let home = TestHome::new();
        let ring = home.open();
        assert_eq!(ring.refill_if_low(&mut chance(2)).unwrap(), 4096 - 256);
        assert_eq!(ring.refill_if_low(&mut chance(2)).unwrap(), 0);
        let mut given = BTreeSet::new();
        for number in 0..3073 {
            given.insert(home.give(&ring, &format!("person/P-{number}"), Purpose::Identity).id());
        }
        assert_eq!(ring.refill_if_low(&mut chance(3)).unwrap(), 3073);
        for number in 0..4200 {
            given.insert(home.give(&ring, &format!("customer/C-{number}"), Purpose::Private).id());
        }
        assert_eq!(given.len(), 3073 + 4200);
        drop(ring);
        let ring = home.open();
        assert_eq!(ring.assigned(), 3073 + 4200);
        assert!(given.contains(&home.give(&ring, "customer/C-4199", Purpose::Private).id()));
    }

    #[test]
    fn doors_that_ask_at_once_agree() {
        let home = TestHome::new();
        let ring = home.open();
        let ask = || {
            let names = (0..300).map(|number| format!("person/P-{number}"));
            names.map(|name| home.give(&ring, &name, Purpose::Identity).id()).collect::<Vec<_>>()
        };
        let answers: Vec<_> = thread::scope(|scope| {
            let doors: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
            doors.into_iter().map(|door| door.join().unwrap()).collect()
        });
        assert!(answers.iter().all(|answer| *answer == answers[0]));
        assert_eq!(answers[0].iter().collect::<BTreeSet<_>>().len(), 300);
        assert_eq!(ring.assigned(), 300);
    }

    #[test]
    fn a_holder_is_named_in_1_to_255_bytes() {
        let home = TestHome::new();
        let ring = home.open();
        for holder in ["", &"x".repeat(256)] {
            let asked = ring.key_for(holder, Purpose::Identity, &mut chance(1));
            assert!(matches!(asked, Err(RingError::Write(WriteError::HolderName { .. }))), "{asked:?}");
        }
        let longest = "x".repeat(255);
        let id = home.give(&ring, &longest, Purpose::Identity).id();
        drop(ring);
        assert_eq!(home.give(&home.open(), &longest, Purpose::Identity).id(), id);
    }

    #[test]
    fn after_a_failed_sync_keys_are_found_but_not_given_out() {
        let home = TestHome::new();
        let ring = home.open();
        let id = home.give(&ring, "person/P-1", Purpose::Identity).id();
        {
            let mut file = lock(&ring.file);
            let handle = Arc::clone(&file.file);
            let end = file.end;
            let failed = file.synced(Err(io::Error::other("the disk is gone")), &handle, end);
            assert!(matches!(failed, Err(WriteError::Io { .. })));
        }
        assert!(matches!(ring.flush(), Err(WriteError::Poisoned)));
        let asked = ring.key_for("person/P-2", Purpose::Identity, &mut chance(1));
        assert!(matches!(asked, Err(RingError::Write(WriteError::Poisoned))));
        assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), id);
        assert!(matches!(ring.rewrite(&mut chance(1)), Err(RewriteError::Write(WriteError::Poisoned))));
    }

    #[test]
    fn an_erased_key_is_gone_from_memory_at_once_and_from_disk_after_rewriting() {
        let home = TestHome::new();
        let ring = home.open();
        let identity = home.give(&ring, "person/P-1", Purpose::Identity).id();
        let private = home.give(&ring, "person/P-1", Purpose::Private).id();
        let other = home.give(&ring, "person/P-2", Purpose::Private);
        let (ring_before, master_before) = (fs::read(ring.path()).unwrap(), fs::read(home.keys.join(MASTER)).unwrap());

        assert_eq!(ring.forget("person/P-1", Purpose::Private), 1);
        assert_eq!(ring.forget("person/P-1", Purpose::Private), 0);
        let check = |ring: &Ring| {
            assert_eq!(ring.key(private).unwrap_err(), KeyError::Destroyed);
            let asked = ring.key_for("person/P-1", Purpose::Private, &mut chance(1));
            assert!(matches!(asked, Err(RingError::Erased { .. })));
            assert_eq!(ring.adopt("person/P-1", Purpose::Private, private).unwrap(), Adoption::Destroyed);
            assert_eq!(home.give(ring, "person/P-1", Purpose::Identity).id(), identity);
            assert_eq!(ring.key(other.id()).unwrap().secret(), other.secret());
            assert_eq!(ring.assigned(), 3);
        };
        check(&ring);
        ring.rewrite(&mut chance(7)).unwrap();
        check(&ring);
        let refused = ring.rewrite(&mut chance(8));
        assert!(matches!(refused, Err(RewriteError::OldMasterStands { .. })));
        assert_eq!(fs::read(home.keys.join(MASTER_OLD)).unwrap(), master_before);
        ring.destroy_old_master().unwrap();
        ring.destroy_old_master().unwrap();
        assert!(!home.keys.join(MASTER_OLD).exists());
        let fourth = home.give(&ring, "person/P-4", Purpose::Identity).id();
        drop(ring);

        let ring = home.open();
        assert_eq!(home.give(&ring, "person/P-4", Purpose::Identity).id(), fourth);
        assert_eq!(ring.assigned(), 4);
        assert_eq!(ring.key(private).unwrap_err(), KeyError::Destroyed);
        ring.rewrite(&mut chance(8)).unwrap();
        drop(ring);
        // A copy of the ring as it was, brought back from a backup, opens no more.
        fs::write(home.data.join("keyring/ring"), ring_before).unwrap();
        assert!(matches!(home.try_open(), Err(OpenError::WrongMaster { .. })));
    }

    #[test]
    fn a_destroyed_last_key_is_not_made_again() {
        let home = TestHome::new();
        let ring = home.open();
        let last = last_in_stock(&ring);
        let id = ring.tables().slot(last).and_then(Option::as_ref).unwrap().id();
        ring.adopt("person/P-1", Purpose::Identity, id).unwrap();
        ring.forget("person/P-1", Purpose::Identity);
        ring.rewrite(&mut chance(7)).unwrap();
        drop(ring);
        let ring = home.open();
        assert_eq!(ring.key(id).unwrap_err(), KeyError::Destroyed);
        ring.refill(STOCK_LOW, STOCK_FULL, &mut chance(8)).unwrap();
        assert_eq!(ring.key(id).unwrap_err(), KeyError::Destroyed);
    }

    #[test]
    fn an_erasure_takes_every_key_a_holder_came_to() {
        let home = TestHome::new();
        let ring = home.open();
        let first = home.give(&ring, "person/P-1", Purpose::Identity).id();
        let spare = ring.tables().slot(last_in_stock(&ring)).and_then(Option::as_ref).unwrap().id();
        ring.adopt("person/P-1", Purpose::Identity, spare).unwrap();
        assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), first);
        drop(ring);
        let ring = home.open();
        assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), first);
        assert_eq!(ring.forget("person/P-1", Purpose::Identity), 2);
        ring.rewrite(&mut chance(7)).unwrap();
        assert_eq!(ring.key(spare).unwrap_err(), KeyError::Destroyed);
        assert_eq!(ring.assigned(), 2);
    }

    #[test]
    fn a_rewriting_cut_anywhere_leaves_a_ring_that_opens() {
        // What stands under which name after each step: the ring, then master.key, master.next and master.old.
        let steps = [
            ("old", Some("old"), Some("new"), None),
            ("new", Some("old"), Some("new"), None),
            ("new", None, Some("new"), Some("old")),
            ("new", Some("new"), None, Some("old")),
        ];
        for (step, (ring_is, key, next, old)) in steps.into_iter().enumerate() {
            let home = TestHome::new();
            let ring = home.open();
            let id = home.give(&ring, "person/P-1", Purpose::Identity).id();
            let file_of = |ring: &Ring| (fs::read(ring.path()).unwrap(), fs::read(home.keys.join(MASTER)).unwrap());
            let before = file_of(&ring);
            ring.forget("person/P-1", Purpose::Identity);
            ring.rewrite(&mut chance(7)).unwrap();
            let after = file_of(&ring);
            drop(ring);
            let pick = |which| if which == "old" { &before } else { &after };
            fs::write(home.data.join("keyring/ring"), &pick(ring_is).0).unwrap();
            for (name, which) in [(MASTER, key), (MASTER_NEXT, next), (MASTER_OLD, old)] {
                let path = home.keys.join(name);
                match which {
                    Some(which) => fs::write(path, &pick(which).1).unwrap(),
                    None => drop(fs::remove_file(path)),
                }
            }

            let ring = home.open();
            assert_eq!(ring.key(id).is_ok(), ring_is == "old", "step {step}");
            if ring_is == "old" {
                ring.forget("person/P-1", Purpose::Identity);
                ring.rewrite(&mut chance(9)).unwrap();
            }
            assert!(home.keys.join(MASTER_OLD).exists(), "step {step}");
            assert!(!home.keys.join(MASTER_NEXT).exists(), "step {step}");
            ring.destroy_old_master().unwrap();
            drop(ring);
            assert_eq!(home.open().key(id).unwrap_err(), KeyError::Destroyed, "step {step}");
        }
    }

    #[test]
    fn what_was_never_synced_may_be_cut_and_what_was_may_not() {
        let home = TestHome::new();
        let ring = home.open();
        let flushed = home.give(&ring, "person/P-1", Purpose::Identity).id();
        assert_eq!(ring.flush().unwrap(), 1);
        let durable = fs::metadata(ring.path()).unwrap().len();
        home.give(&ring, "person/P-2", Purpose::Identity);
        let whole = fs::read(ring.path()).unwrap();
        drop(ring);

        for (length, assigned) in [(whole.len() - 1, 1), (whole.len(), 2), (usize::try_from(durable).unwrap(), 1)] {
            fs::write(home.data.join("keyring/ring"), &whole[..length]).unwrap();
            let ring = home.open();
            assert_eq!(ring.assigned(), assigned, "{length}");
            assert_eq!(ring.torn().is_some(), length == whole.len() - 1, "{length}");
            assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), flushed);
            if let Some(torn) = ring.torn() {
                assert_eq!(fs::read(torn).unwrap(), &whole[usize::try_from(durable).unwrap()..length]);
            }
        }
        fs::write(home.data.join("keyring/ring"), &whole[..usize::try_from(durable).unwrap() - 1]).unwrap();
        let error = home.try_open().err().unwrap();
        assert!(matches!(error, OpenError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("keyring/ring"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_flipped_bit_is_reported_or_changes_nothing(place in 0.0_f64..1.0, early: bool, bit in 0_u8..8) {
            let home = TestHome::new();
            let ring = home.open();
            let id = home.give(&ring, "person/P-1", Purpose::Identity).id();
            ring.flush().unwrap();
            let mut bytes = fs::read(ring.path()).unwrap();
            drop(ring);
            // Half of the cases in the head and the first records or the last, where the structure is.
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "a random place")]
            let at = (place * bytes.len().min(if early { 200 } else { usize::MAX }) as f64) as usize;
            bytes[at] ^= 1 << bit;
            fs::write(home.data.join("keyring/ring"), &bytes).unwrap();
            let marks = usize::try_from(HEADER_BYTES).unwrap()..usize::try_from(RECORDS_AT).unwrap();
            match home.try_open() {
                Err(OpenError::Damaged { .. }) => prop_assert!(!marks.contains(&at)),
                Err(error) => prop_assert!(false, "{error}"),
                Ok(ring) => {
                    prop_assert!(marks.contains(&at));
                    prop_assert_eq!(home.give(&ring, "person/P-1", Purpose::Identity).id(), id);
                    prop_assert_eq!(ring.assigned(), 1);
                }
            }
        }
    }

    /// Returns the last ordinal in stock.
    fn last_in_stock(ring: &Ring) -> u32 {
        ring.tables().stock.back().copied().unwrap()
    }

    /// Two fresh directories, removed at the end.
    struct TestHome {
        root: PathBuf,
        data: PathBuf,
        keys: PathBuf,
    }

    impl TestHome {
        fn new() -> Self {
            static NUMBER: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let root = std::env::temp_dir().join(format!("dossier-ring-{}-{number}", std::process::id()));
            let (data, keys) = (root.join("data"), root.join("keys"));
            fs::create_dir_all(&keys).unwrap();
            fs::create_dir_all(&data).unwrap();
            Self { root, data, keys }
        }

        fn home(&self) -> Home<'_> {
            Home { data_dir: &self.data, keys_dir: &self.keys, origin: "dossier.example.com/ledger" }
        }

        fn try_open(&self) -> Result<Ring, OpenError> {
            Ring::open(self.home(), &mut chance(1))
        }

        fn open(&self) -> Ring {
            let ring = self.try_open().unwrap();
            ring.replayed();
            ring
        }

        fn give(&self, ring: &Ring, holder: &str, purpose: Purpose) -> Arc<HolderKey> {
            ring.key_for(holder, purpose, &mut chance(5)).unwrap()
        }
    }

    impl Drop for TestHome {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.root));
        }
    }

    /// Returns a source of bytes that differ by seed and are the same every time.
    fn chance(seed: u8) -> impl FnMut(&mut [u8]) {
        let mut bytes = blake3::Hasher::new().update(&[seed]).finalize_xof();
        move |buffer| bytes.fill(buffer)
    }
}
