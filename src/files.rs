//! Papers beside the entries: each a file under the BLAKE3 of its bytes, whole or not at all.
//!
//! **Invariant:** nothing here knows what is in a file, whose it is, or whether an entry announces it.
//!
//! **Invariant:** nothing here reads a clock or makes chance; the names of files being written come in.
//!
//! ```text
//! documents/incoming/<name>       being written; what a crash leaves here is removed at the next start
//! documents/ab/ab12…              written, synced and renamed
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::entry::Hash;

/// The files of one data directory.
#[derive(Debug)]
pub struct Files {
    directory: PathBuf,
}

/// What is found under a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The bytes that were kept.
    Whole,
    /// Nothing.
    Missing,
    /// Other bytes.
    Altered,
}

/// A file being written; it goes away when dropped before it is kept.
#[derive(Debug)]
pub struct Incoming {
    file: File,
    path: PathBuf,
    hasher: blake3::Hasher,
}

impl Incoming {
    /// Writes the next bytes.
    ///
    /// # Errors
    /// The disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Returns the hash of what is written so far.
    pub fn hash(&self) -> Hash {
        Hash(*self.hasher.finalize().as_bytes())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // Kept under its hash it is no longer here.
        drop(fs::remove_file(&self.path));
    }
}

impl Files {
    /// Names the files of a data directory, which may have none yet; creates and removes nothing.
    pub fn of(data: &Path) -> Self {
        Self { directory: data.join(FOLDER) }
    }

    /// Opens the files of a data directory, and removes what was being written when the last process ended.
    ///
    /// # Errors
    /// The directory cannot be made or read.
    pub fn open(data: &Path) -> io::Result<Self> {
        let files = Self::of(data);
        fs::create_dir_all(files.incoming())?;
        for left in fs::read_dir(files.incoming())? {
            fs::remove_file(left?.path())?;
        }
        sync(&files.directory)?;
        sync(data)?;
        Ok(files)
    }

    fn incoming(&self) -> PathBuf {
        self.directory.join("incoming")
    }

    /// Returns where the file of this hash stands, if it is there.
    pub fn path(&self, hash: &Hash) -> PathBuf {
        self.directory.join(shelf(&hash.to_string()))
    }

    /// Begins a file under a name nobody else writes under.
    ///
    /// # Errors
    /// It cannot be created.
    pub fn begin(&self, name: &str) -> io::Result<Incoming> {
        let path = self.incoming().join(name);
        Ok(Incoming { file: File::create_new(&path)?, path, hasher: blake3::Hasher::new() })
    }

    /// Keeps a file under its hash; it is durable when this returns. The same bytes twice are kept once.
    ///
    /// A crash before the return leaves the whole file or none under the hash.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn keep(&self, incoming: Incoming) -> io::Result<Hash> {
        let hash = incoming.hash();
        incoming.file.sync_all()?;
        let path = self.path(&hash);
        let shelf = path.parent().unwrap_or(&self.directory);
        if !shelf.is_dir() {
            fs::create_dir_all(shelf)?;
            sync(&self.directory)?;
        }
        fs::rename(&incoming.path, &path)?;
        sync(shelf)?;
        Ok(hash)
    }

    /// Opens the file of this hash; `None` if there is none.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn read(&self, hash: &Hash) -> io::Result<Option<File>> {
        match File::open(self.path(hash)) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tells whether a file of so many bytes stands under a hash; which bytes they are is not looked at.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn stands(&self, hash: &Hash, bytes: u64) -> io::Result<bool> {
        match fs::metadata(self.path(hash)) {
            Ok(found) => Ok(found.is_file() && found.len() == bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Hashes the bytes kept under a hash again.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn check(&self, hash: &Hash) -> io::Result<Found> {
        let Some(mut file) = self.read(hash)? else { return Ok(Found::Missing) };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hasher.update(buffer.get(..read).unwrap_or_default());
        }
        Ok(if hasher.finalize().as_bytes() == &hash.0 { Found::Whole } else { Found::Altered })
    }

    /// Lists every file by its hash, with its length in bytes, in no order.
    ///
    /// # Errors
    /// The directory cannot be read; that it is not there is no error.
    pub fn list(&self) -> io::Result<Vec<(Hash, u64)>> {
        let mut files = Vec::new();
        let shelves = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
            shelves => shelves?,
        };
        for shelf in shelves {
            let shelf = shelf?.path();
            if shelf == self.incoming() || !shelf.is_dir() {
                continue;
            }
            for file in fs::read_dir(shelf)? {
                let file = file?;
                let name = file.file_name();
                if let Some(hash) = name.to_str().and_then(Hash::from_hex) {
                    files.push((hash, file.metadata()?.len()));
                }
            }
        }
        Ok(files)
    }

    /// Removes a file that nothing announces.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self, hash: &Hash) -> io::Result<()> {
        match fs::remove_file(self.path(hash)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Returns where in a data directory the file of this hash stands.
pub fn place(hash: &Hash) -> String {
    format!("{FOLDER}/{}", shelf(&hash.to_string()))
}

/// Tells whether a path within a data directory is where a file of some hash stands.
pub fn is_place(path: &str) -> bool {
    path.rsplit('/').next().and_then(Hash::from_hex).is_some_and(|hash| place(&hash) == path)
}

fn shelf(name: &str) -> String {
    format!("{}/{name}", name.get(..2).unwrap_or_default())
}

const FOLDER: &str = "documents";

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("dossier-files-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn kept(files: &Files, name: &str, bytes: &[u8]) -> Hash {
        let mut incoming = files.begin(name).unwrap();
        incoming.write(bytes).unwrap();
        files.keep(incoming).unwrap()
    }

    #[test]
    fn a_file_is_found_under_the_hash_of_its_bytes_and_the_same_bytes_once() {
        let directory = Directory::new("found");
        let files = Files::open(&directory.0).unwrap();
        let hash = kept(&files, "one", b"paper");
        assert_eq!(hash, Hash::of(b"paper"));
        assert_eq!(kept(&files, "two", b"paper"), hash);
        assert_eq!(files.list().unwrap(), [(hash, 5)]);
        assert_eq!(files.check(&hash).unwrap(), Found::Whole);
        assert_eq!(files.path(&hash), directory.0.join(place(&hash)));
        assert!(is_place(&place(&hash)));
        for elsewhere in [
            hash.to_string(),
            format!("documents/{hash}"),
            format!("documents/00/{hash}"),
            format!("../{}", place(&hash)),
        ] {
            assert!(!is_place(&elsewhere), "{elsewhere}");
        }
        assert!(files.stands(&hash, 5).unwrap());
        fs::write(files.path(&hash), b"other").unwrap();
        assert_eq!(files.check(&hash).unwrap(), Found::Altered);
        assert!(files.stands(&hash, 5).unwrap(), "only its length is looked at");
        fs::write(files.path(&hash), b"pape").unwrap();
        assert!(!files.stands(&hash, 5).unwrap());
        files.remove(&hash).unwrap();
        files.remove(&hash).unwrap();
        assert_eq!(files.check(&hash).unwrap(), Found::Missing);
        assert!(!files.stands(&hash, 5).unwrap());
        assert!(files.read(&hash).unwrap().is_none());
    }

    #[test]
    fn what_was_not_kept_leaves_nothing() {
        let directory = Directory::new("nothing");
        let files = Files::open(&directory.0).unwrap();
        let mut dropped = files.begin("dropped").unwrap();
        dropped.write(b"paper").unwrap();
        drop(dropped);
        assert_eq!(fs::read_dir(files.incoming()).unwrap().count(), 0);
        // A process that ends does not come to dropping anything.
        fs::write(files.incoming().join("cut"), b"pap").unwrap();
        assert_eq!(fs::read_dir(Files::open(&directory.0).unwrap().incoming()).unwrap().count(), 0);
        assert_eq!(files.list().unwrap(), []);
        assert_eq!(Files::of(&directory.0.join("elsewhere")).list().unwrap(), []);
    }
}
