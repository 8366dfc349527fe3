//! Opens, flushes and reopens one sled directory, with the care that sled needs and does not take.
//!
//! * Opening deletes a half-made snapshot, tries once without snapshots, and turns a panic into damage.
//! * `flush` of sled does not sync on Linux; here it is followed by `fdatasync` on a handle of our own.
//! * sled writes a snapshot when it opens and never otherwise, so a crash replays all that was written since.
//!   A shelf counts that and is reopened in time.
//! * sled looks at its cache only after thousands of reads, so what was read stays in memory whatever the limit.
//!   A shelf counts the reads too; reopening lets go of all of it.
//! * After a failed write nothing more is written, and the handles are left to the process to end: dropping
//!   them could hang.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, mpsc};
use std::thread;
use std::time::Duration;

use crate::store::value::ValueError;
use crate::store::{OpenError, WriteError};

/// The tables of the store; each is one tree in the shelf that has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Table {
    /// Packed entries by the index of the first.
    Packs,
    /// Runs of postings.
    Terms,
    /// Runs of claims.
    Claims,
    /// Tiles of the Merkle tree.
    Tiles,
    /// View documents.
    Documents,
    /// Small values, among them the lists of runs.
    Small,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::Packs => "packs",
            Self::Terms => "terms",
            Self::Claims => "claims",
            Self::Tiles => "tiles",
            Self::Documents => "documents",
            Self::Small => "small",
        }
    }
}

/// One sled directory with its tables.
#[derive(Debug)]
pub(crate) struct Shelf {
    path: PathBuf,
    tables: &'static [Table],
    cache_bytes: u64,
    handles: RwLock<Option<Handles>>,
    written_bytes: AtomicU64,
    reads: AtomicU64,
    dirty: AtomicBool,
    failed: Arc<AtomicBool>,
}

impl Shelf {
    /// Describes a shelf without opening it; it opens when [`Shelf::open`] is called.
    pub(crate) fn new(path: PathBuf, tables: &'static [Table], cache_bytes: u64, failed: &Arc<AtomicBool>) -> Self {
        Self {
            path,
            tables,
            cache_bytes,
            handles: RwLock::new(None),
            written_bytes: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            dirty: AtomicBool::new(false),
            failed: Arc::clone(failed),
        }
    }

    /// Returns the directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory unless it is open; tells whether it had to.
    ///
    /// sled's word for a good start means nothing for completeness: that is judged by the checksums.
    pub(crate) fn open(&self) -> Result<bool, OpenError> {
        if self.guard().is_some() {
            return Ok(false);
        }
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        if handles.is_some() {
            return Ok(false);
        }
        *handles = Some(self.open_handles()?);
        Ok(true)
    }

    /// Closes the directory once nobody reads from it; the next [`Shelf::open`] opens it again.
    pub(crate) fn close(&self) {
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        self.close_handles(handles.take());
    }

    /// Flushes, closes and opens the directory, which writes a snapshot; readers wait.
    pub(crate) fn reopen(&self) -> Result<(), WriteError> {
        self.flush()?;
        let mut handles = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        self.close_handles(handles.take());
        let opened = self.open_handles().map_err(|error| self.fail(io::Error::other(error)))?;
        *handles = Some(opened);
        Ok(())
    }

    /// Reopens when a crash would have much to replay, or much that was read is in memory.
    pub(crate) fn reopen_in_time(&self) -> Result<(), WriteError> {
        let due = self.written_bytes.load(Ordering::Relaxed) >= REPLAY_BYTES_MAX || self.reads() >= READS_MAX;
        if due { self.reopen() } else { Ok(()) }
    }

    /// Returns how many reads there were since the opening.
    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    /// Reads from one table.
    ///
    /// # Errors
    /// Those of `work`, or an I/O error when the shelf is closed.
    pub(crate) fn read<T>(
        &self,
        table: Table,
        work: impl FnOnce(&sled::Tree) -> Result<T, ValueError>,
    ) -> Result<T, ValueError> {
        self.read_if_open(table, work).unwrap_or_else(|| Err(ValueError::Io(io::Error::other("shelf is closed"))))
    }

    /// Reads from one table, `None` when the shelf is closed.
    pub(crate) fn read_if_open<T>(
        &self,
        table: Table,
        work: impl FnOnce(&sled::Tree) -> Result<T, ValueError>,
    ) -> Option<Result<T, ValueError>> {
        let guard = self.guard();
        self.reads.fetch_add(1, Ordering::Relaxed);
        guard.as_ref().and_then(|handles| handles.tree(table)).map(work)
    }

    /// Writes to one table; `work` returns the bytes it wrote. Durable after the next [`Shelf::flush`].
    ///
    /// # Errors
    /// After any error the whole store takes no more writes.
    pub(crate) fn write(
        &self,
        table: Table,
        work: impl FnOnce(&sled::Tree) -> Result<u64, sled::Error>,
    ) -> Result<(), WriteError> {
        self.check()?;
        let guard = self.guard();
        let tree = guard.as_ref().and_then(|handles| handles.tree(table));
        let tree = tree.ok_or_else(|| self.fail(io::Error::other("shelf is closed")))?;
        let written = work(tree).map_err(|error| self.fail_with(error))?;
        self.written_bytes.fetch_add(written, Ordering::Relaxed);
        self.dirty.store(true, Ordering::Release);
        Ok(())
    }

    /// Makes everything written before durable on the disk.
    pub(crate) fn flush(&self) -> Result<(), WriteError> {
        self.check()?;
        if !self.dirty.swap(false, Ordering::AcqRel) {
            return Ok(());
        }
        let guard = self.guard();
        let handles = guard.as_ref().ok_or_else(|| self.fail(io::Error::other("shelf is closed")))?;
        handles.flush(&self.path).map_err(|error| self.fail(error))
    }

    /// Removes a table with all it holds and makes it anew.
    pub(crate) fn clear(&self, table: Table) -> Result<(), WriteError> {
        self.check()?;
        let mut guard = self.handles.write().unwrap_or_else(PoisonError::into_inner);
        let handles = guard.as_mut().ok_or_else(|| self.fail(io::Error::other("shelf is closed")))?;
        handles.clear(table).map_err(|error| self.fail_with(error))?;
        self.dirty.store(true, Ordering::Release);
        Ok(())
    }

    fn check(&self) -> Result<(), WriteError> {
        if self.failed.load(Ordering::Acquire) { Err(WriteError::Failed) } else { Ok(()) }
    }

    fn fail(&self, source: io::Error) -> WriteError {
        self.failed.store(true, Ordering::Release);
        WriteError::Storage(source)
    }

    fn fail_with(&self, error: sled::Error) -> WriteError {
        self.failed.store(true, Ordering::Release);
        WriteError::from(ValueError::from(error))
    }

    fn guard(&self) -> RwLockReadGuard<'_, Option<Handles>> {
        self.handles.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn open_handles(&self) -> Result<Handles, OpenError> {
        let created = !self.path.exists();
        if created {
            fs::create_dir_all(&self.path).map_err(|error| self.open_failed(error))?;
        }
        self.remove_files("snap.", ".generating")?;
        let opened = match self.open_sled() {
            // A snapshot is only a shortcut: without it sled reads its whole log.
            Err(OpenError::Damaged { .. }) if !created => {
                self.remove_files("snap.", "")?;
                self.open_sled()
            }
            outcome => outcome,
        };
        let handles = opened?;
        handles.sync_all(&self.path, created).map_err(|error| self.open_failed(error))?;
        self.written_bytes.store(0, Ordering::Relaxed);
        self.reads.store(0, Ordering::Relaxed);
        Ok(handles)
    }

    /// Drops what is open, and waits until sled has let go of the file.
    ///
    /// Tasks of sled outlive its handles, one of them truncates; the lock on the file ends with the last of
    /// them. When it does not, the next opening says so.
    fn close_handles(&self, handles: Option<Handles>) {
        let Some(Handles { trees, db, file }) = handles else { return };
        if self.failed.load(Ordering::Acquire) {
            std::mem::forget((trees, db));
            return;
        }
        drop((trees, db));
        if file.try_lock().is_ok() {
            return;
        }
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let released = file.lock();
            drop(file);
            sender.send(released)
        });
        drop(receiver.recv_timeout(CLOSE_WAIT_MAX));
    }

    fn open_sled(&self) -> Result<Handles, OpenError> {
        let config = sled::Config::new()
            .path(&self.path)
            .cache_capacity(self.cache_bytes)
            .mode(sled::Mode::LowSpace)
            .flush_every_ms(Some(BACKGROUND_FLUSH_MS))
            .use_compression(false);
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let db = config.open()?;
            let trees = self.tables.iter().map(|table| Ok((*table, db.open_tree(table.name())?)));
            let trees = trees.collect::<Result<Vec<_>, sled::Error>>()?;
            Ok((db, trees))
        }));
        let (db, trees) = match attempt {
            Err(_) => return Err(self.damaged("opening it panicked")),
            Ok(Err(sled::Error::Io(error))) => return Err(self.open_failed(error)),
            Ok(Err(error)) => return Err(self.damaged(&error.to_string())),
            Ok(Ok(opened)) => opened,
        };
        let file = OpenOptions::new().read(true).write(true).open(self.path.join("db"));
        let file = file.map_err(|error| self.open_failed(error))?;
        Ok(Handles { trees, db, file })
    }

    fn remove_files(&self, prefix: &str, suffix: &str) -> Result<(), OpenError> {
        let files = fs::read_dir(&self.path).map_err(|error| self.open_failed(error))?;
        for file in files {
            let file = file.map_err(|error| self.open_failed(error))?;
            let name = file.file_name();
            let named = name.to_str().is_some_and(|name| name.starts_with(prefix) && name.ends_with(suffix));
            if named {
                fs::remove_file(file.path()).map_err(|error| self.open_failed(error))?;
            }
        }
        Ok(())
    }

    fn open_failed(&self, source: io::Error) -> OpenError {
        OpenError::Io { path: self.path.clone(), source }
    }

    fn damaged(&self, reason: &str) -> OpenError {
        OpenError::Damaged { path: self.path.clone(), reason: reason.to_owned() }
    }
}

impl Drop for Shelf {
    fn drop(&mut self) {
        let handles = self.handles.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.close_handles(handles);
    }
}

/// Syncs a directory, so that names made or removed in it last.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[derive(Debug)]
struct Handles {
    trees: Vec<(Table, sled::Tree)>,
    db: sled::Db,
    file: File,
}

impl Handles {
    fn tree(&self, table: Table) -> Option<&sled::Tree> {
        self.trees.iter().find(|(name, _)| *name == table).map(|(_, tree)| tree)
    }

    fn flush(&self, path: &Path) -> io::Result<()> {
        self.db.flush()?;
        self.file.sync_data()?;
        // A blob file is never synced by sled; that none exists is what the limit on values is for.
        let blobs = match fs::read_dir(path.join("blobs")) {
            Ok(mut blobs) => blobs.next().is_some(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
        };
        if blobs { Err(io::Error::other("sled has made a blob file")) } else { Ok(()) }
    }

    fn clear(&mut self, table: Table) -> Result<(), sled::Error> {
        self.trees.retain(|(name, _)| *name != table);
        self.db.drop_tree(table.name())?;
        self.trees.push((table, self.db.open_tree(table.name())?));
        Ok(())
    }

    fn sync_all(&self, path: &Path, created: bool) -> io::Result<()> {
        self.flush(path)?;
        sync_directory(path)?;
        if created {
            File::open(path.join("conf"))?.sync_all()?;
            path.parent().map_or(Ok(()), sync_directory)?;
        }
        Ok(())
    }
}

/// What may be written to a shelf before it is reopened: some 0.3 seconds of replay after a crash.
const REPLAY_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// How many reads may go by before a shelf that is written to is reopened: each leaves some 50 KiB in memory.
const READS_MAX: u64 = 4096;

/// How long a disk may take for what sled has left to do.
const CLOSE_WAIT_MAX: Duration = Duration::from_secs(30);

const BACKGROUND_FLUSH_MS: u64 = 500;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Directory;

    fn shelf(directory: &Directory) -> Shelf {
        let failed = Arc::new(AtomicBool::new(false));
        Shelf::new(directory.path().join("shelf"), &[Table::Packs, Table::Small], 1 << 20, &failed)
    }

    fn put(shelf: &Shelf, key: &[u8]) -> Result<(), WriteError> {
        shelf.write(Table::Packs, |tree| tree.insert(key, key).map(|_| 1))
    }

    fn holds(shelf: &Shelf, key: &[u8]) -> bool {
        shelf.read(Table::Packs, |tree| Ok(tree.contains_key(key)?)).unwrap()
    }

    #[test]
    fn what_was_flushed_is_there_after_reopening() {
        let directory = Directory::new("shelf-reopen");
        let shelf = shelf(&directory);
        assert!(shelf.open().unwrap());
        assert!(!shelf.open().unwrap());
        put(&shelf, b"a").unwrap();
        for _ in 0..5 {
            shelf.reopen().unwrap();
            assert!(holds(&shelf, b"a"));
        }
        shelf.close();
        assert!(shelf.read(Table::Packs, |_| Ok(())).is_err());
        assert!(shelf.open().unwrap());
        assert!(holds(&shelf, b"a"));
    }

    #[test]
    fn a_half_made_or_broken_snapshot_does_not_stop_the_opening() {
        let directory = Directory::new("shelf-snapshot");
        let shelf = shelf(&directory);
        shelf.open().unwrap();
        put(&shelf, b"a").unwrap();
        shelf.reopen().unwrap();
        shelf.close();
        fs::write(shelf.path().join("snap.00000000000FFFFF.generating"), b"half").unwrap();
        for file in fs::read_dir(shelf.path()).unwrap() {
            let file = file.unwrap().path();
            if file.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
                fs::write(file, b"broken").unwrap();
            }
        }
        shelf.open().unwrap();
        assert!(holds(&shelf, b"a"));
    }

    #[test]
    fn after_a_failed_write_there_are_no_more_writes() {
        let directory = Directory::new("shelf-failed");
        let shelf = shelf(&directory);
        shelf.open().unwrap();
        let failed = shelf.write(Table::Packs, |_| Err(sled::Error::Unsupported(String::new())));
        assert!(matches!(failed, Err(WriteError::Storage(_))));
        assert!(matches!(put(&shelf, b"a"), Err(WriteError::Failed)));
        assert!(matches!(shelf.flush(), Err(WriteError::Failed)));
    }

    #[test]
    fn a_cleared_table_is_empty_and_takes_writes_again() {
        let directory = Directory::new("shelf-clear");
        let shelf = shelf(&directory);
        shelf.open().unwrap();
        put(&shelf, b"a").unwrap();
        shelf.clear(Table::Packs).unwrap();
        assert!(!holds(&shelf, b"a"));
        put(&shelf, b"b").unwrap();
        assert!(holds(&shelf, b"b"));
    }
}
