//! The sign-ins of staff: bearer tokens and passwords, kept in one small file beside the ledger.
//!
//! The file says who somebody is, never what they may do: that is the ledger's. It holds no secret that opens anything, only
//! BLAKE3 hashes of random tokens and argon2id hashes of passwords.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

use crate::clock::Timestamp;
use crate::ids::{EmployeeId, Source};

/// The sign-ins of a ledger's staff; clones share them.
///
/// Another process may change the file: what it changed holds here within a second.
#[derive(Clone)]
pub struct Accounts(Arc<Shared>);

struct Shared {
    path: PathBuf,
    loaded: ArcSwap<Loaded>,
    looked_at: AtomicI64,
    writing: Mutex<()>,
}

struct Loaded {
    book: Book,
    stamp: Option<Stamp>,
}

/// A bearer token as those who manage tokens see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Names the token; nothing can be opened with it.
    pub id: String,
    /// Whom it stands for.
    pub employee: EmployeeId,
    /// What it is for.
    pub label: String,
    /// When it ends.
    pub until: Option<Timestamp>,
}

impl Accounts {
    /// Opens the sign-ins kept in a data directory; none are there before the first is made.
    ///
    /// # Errors
    /// The file cannot be read or is of another format.
    pub fn open(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(FILE);
        let loaded = Loaded::read(&path)?;
        Ok(Self(Arc::new(Shared {
            path,
            loaded: ArcSwap::from_pointee(loaded),
            looked_at: AtomicI64::new(i64::MIN),
            writing: Mutex::new(()),
        })))
    }

    /// Makes a bearer token for an employee and returns it; this is the only time it is seen.
    ///
    /// The token holds, in this process at once and in others within a second, when this returns.
    ///
    /// # Errors
    /// The file cannot be written; then the token does not hold.
    pub fn issue_token(
        &self,
        employee: &EmployeeId,
        source: &dyn Source,
        label: &str,
        until: Option<Timestamp>,
    ) -> Result<String, ChangeError> {
        let mut secret = [0; 32];
        source.fill(&mut secret);
        let token = Token {
            employee: employee.clone(),
            label: label.chars().filter(|c| !c.is_control()).take(LABEL_CHARACTERS_MAX).collect(),
            until,
        };
        self.change(|book| book.tokens.insert(name(&secret), token))?;
        Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Makes a password for an employee, in place of any before, and returns it; this is the only time it is seen.
    ///
    /// # Errors
    /// The file cannot be written; then the password does not hold.
    pub fn issue_password(&self, employee: &EmployeeId, source: &dyn Source) -> Result<String, ChangeError> {
        let password = password(source);
        self.set_password(employee, &password, source)?;
        Ok(password)
    }

    /// Returns whom a bearer token stands for, unless it has ended or was revoked.
    pub fn employee_of_token(&self, token: &str, now: Timestamp) -> Option<EmployeeId> {
        let name = name(&secret(token)?);
        self.refresh(now);
        let loaded = self.0.loaded.load();
        let token = loaded.book.tokens.get(&name)?;
        token.until.is_none_or(|until| now < until).then(|| token.employee.clone())
    }

    /// Lists the tokens in the order of their employees.
    pub fn tokens(&self, now: Timestamp) -> Vec<Listed> {
        self.refresh(now);
        let loaded = self.0.loaded.load();
        let listed = loaded.book.tokens.iter().map(|(name, token)| Listed {
            id: name.chars().take(ID_CHARACTERS).collect(),
            employee: token.employee.clone(),
            label: token.label.clone(),
            until: token.until,
        });
        let mut listed: Vec<Listed> = listed.collect();
        listed.sort_by(|a, b| a.employee.cmp(&b.employee).then_with(|| a.label.cmp(&b.label)));
        listed
    }

    /// Revokes a token, given itself or the id it is listed under; tells whether there was one.
    ///
    /// # Errors
    /// The file cannot be written; then the token still holds.
    pub fn revoke(&self, token: &str) -> Result<bool, ChangeError> {
        let whole = secret(token).map(|secret| name(&secret));
        self.change(|book| {
            let before = book.tokens.len();
            book.tokens.retain(|name, _| match &whole {
                Some(whole) => name != whole,
                None => token.len() != ID_CHARACTERS || !name.starts_with(token),
            });
            book.tokens.len() < before
        })
    }

    /// Revokes every token of an employee and takes the password away, which ends the sessions too.
    ///
    /// # Errors
    /// The file cannot be written; then everything still holds.
    pub fn revoke_all(&self, employee: &EmployeeId) -> Result<(), ChangeError> {
        self.change(|book| {
            book.tokens.retain(|_, token| token.employee != *employee);
            book.passwords.remove(employee);
        })
    }

    /// Sets an employee's password, which ends the sessions opened with the old one.
    ///
    /// # Errors
    /// The password is too short or too long, or the file cannot be written; then the old one still holds.
    pub fn set_password(&self, employee: &EmployeeId, password: &str, source: &dyn Source) -> Result<(), ChangeError> {
        let characters = password.chars().count();
        if !(PASSWORD_CHARACTERS_MIN..=PASSWORD_CHARACTERS_MAX).contains(&characters) {
            return Err(ChangeError::Password);
        }
        let hash = hash_password(password, &source.salt()).ok_or(ChangeError::Password)?;
        self.change(|book| drop(book.passwords.insert(employee.clone(), hash)))
    }

    /// Tells whether this is the employee's password.
    ///
    /// Takes some tens of milliseconds of one core, for an employee without a password too, so that an answer's time
    /// does not tell who has one.
    pub fn check_password(&self, employee: &EmployeeId, password: &str, now: Timestamp) -> bool {
        self.refresh(now);
        let hash = self.0.loaded.load().book.passwords.get(employee).cloned();
        match hash {
            _ if password.chars().count() > PASSWORD_CHARACTERS_MAX => false,
            Some(hash) => hasher().verify_password(normal(password).as_bytes(), hash.as_str()).is_ok(),
            None => {
                drop(hash_password(password, &[0; 16]));
                false
            }
        }
    }

    /// Returns what changes whenever the employee's password does; `None` without one.
    ///
    /// A session that remembers it ends with the password it was opened with.
    pub fn password_mark(&self, employee: &EmployeeId, now: Timestamp) -> Option<[u8; 32]> {
        self.refresh(now);
        let loaded = self.0.loaded.load();
        Some(*blake3::hash(loaded.book.passwords.get(employee)?.as_bytes()).as_bytes())
    }

    /// Takes over what another process wrote, looking at most once a second.
    fn refresh(&self, now: Timestamp) {
        let looked_at = self.0.looked_at.load(Ordering::Relaxed);
        // The clock may have been set back: what counts is that it has moved.
        if now.micros().abs_diff(looked_at) < LOOK_EVERY_MICROS {
            return;
        }
        let Ok(_writing) = self.0.writing.try_lock() else { return };
        self.0.looked_at.store(now.micros(), Ordering::Relaxed);
        if Stamp::of(&self.0.path) == self.0.loaded.load().stamp {
            return;
        }
        match Loaded::read(&self.0.path) {
            Ok(loaded) => self.0.loaded.store(Arc::new(loaded)),
            Err(error) => tracing::error!(%error, "the sign-ins cannot be read again; the last ones hold on"),
        }
    }

    /// Changes the book in this process and on the disk; what two processes change at once is changed one after the other.
    fn change<T>(&self, edit: impl FnOnce(&mut Book) -> T) -> Result<T, ChangeError> {
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let path = &self.0.path;
        let failed = |source| ChangeError::Write { path: path.clone(), source };
        let lock = private().create(true).truncate(false).open(path.with_extension("lock")).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let mut book = Loaded::read(path)?.book;
        let changed = edit(&mut book);
        let stamp = write(path, &book).map_err(failed)?;
        self.0.loaded.store(Arc::new(Loaded { book, stamp: Some(stamp) }));
        Ok(changed)
    }
}

/// Why the sign-ins cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read \"{}\"", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not what this program writes.
    #[error("\"{}\" is of another format", path.display())]
    Format {
        /// The file.
        path: PathBuf,
    },
}

/// Why a sign-in could not be changed; all sign-ins are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// What is there cannot be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be written.
    #[error("cannot write \"{}\"", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// No password is that short or that long.
    #[error("a password has {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters")]
    Password,
}

/// The file as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Book {
    format: u32,
    /// PHC strings.
    passwords: BTreeMap<EmployeeId, String>,
    /// By the hash of the secret, in hex.
    tokens: BTreeMap<String, Token>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    employee: EmployeeId,
    label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

/// What tells one version of the file from the next: each is a file of its own, renamed into place.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|metadata| Self::read(&metadata))
    }

    fn read(metadata: &fs::Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

impl Loaded {
    fn read(path: &Path) -> Result<Self, OpenError> {
        let failed = |source| OpenError::Read { path: path.to_owned(), source };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let book = Book { format: FORMAT, passwords: BTreeMap::new(), tokens: BTreeMap::new() };
                return Ok(Self { book, stamp: None });
            }
            Err(source) => return Err(failed(source)),
        };
        let stamp = Stamp::read(&file.metadata().map_err(failed)?);
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let book = serde_json::from_slice(&bytes).ok().filter(|book: &Book| book.format == FORMAT);
        let book = book.ok_or_else(|| OpenError::Format { path: path.to_owned() })?;
        Ok(Self { book, stamp: Some(stamp) })
    }
}

/// Writes a new file, synced, and renames it into place: a crash leaves the old one or the new one.
fn write(path: &Path, book: &Book) -> io::Result<Stamp> {
    let new = path.with_extension("json.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = private().create_new(true).open(&new)?;
    file.write_all(&serde_json::to_vec_pretty(book)?)?;
    file.sync_all()?;
    let stamp = Stamp::read(&file.metadata()?);
    fs::rename(&new, path)?;
    if let Some(directory) = path.parent() {
        File::open(directory)?.sync_all()?;
    }
    Ok(stamp)
}

/// A file that only the service's own user can read.
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

/// Reads the 32 random bytes out of a token.
fn secret(token: &str) -> Option<[u8; 32]> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token.strip_prefix(PREFIX)?).ok()?;
    bytes.try_into().ok()
}

/// Names a secret by its hash: who reads the file cannot sign in with it.
fn name(secret: &[u8; 32]) -> String {
    blake3::hash(secret).to_hex().to_string()
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Sixty random bits in letters nobody mistakes for another.
fn password(source: &dyn Source) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 12];
    source.fill(&mut bytes);
    let mut text = String::new();
    for (place, byte) in bytes.into_iter().enumerate() {
        if place > 0 && place % 4 == 0 {
            text.push('-');
        }
        text.extend(LETTERS.get(usize::from(byte % 32)).map(|letter| char::from(*letter)));
    }
    text
}

fn hash_password(password: &str, salt: &[u8; 16]) -> Option<String> {
    hasher().hash_password_with_salt(normal(password).as_bytes(), salt).ok().map(|hash| hash.to_string())
}

/// The same characters typed on another keyboard must be the same password.
fn normal(password: &str) -> String {
    password.nfc().collect()
}

/// The file in the data directory.
const FILE: &str = "accounts.json";

/// The version of the file's format.
const FORMAT: u32 = 1;

/// What a token begins with, so that it is found where it was left by mistake.
const PREFIX: &str = "dst_";

/// How much of a token's hash it is listed under.
const ID_CHARACTERS: usize = 16;

const LABEL_CHARACTERS_MAX: usize = 80;

const LOOK_EVERY_MICROS: u64 = 1_000_000;

/// The shortest password.
pub const PASSWORD_CHARACTERS_MIN: usize = 8;

/// The longest password.
pub const PASSWORD_CHARACTERS_MAX: usize = 128;

/// Argon2id's memory, passes and lanes: the least that is still recommended, some tens of milliseconds.
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SeededSource;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Duration;

    struct Directory(PathBuf);

    impl Directory {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("dossier-accounts-{name}-{}", std::process::id()));
            drop(fs::remove_dir_all(&path));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Directory {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    fn someone() -> EmployeeId {
        "E-101".parse().unwrap()
    }

    const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

    #[test]
    fn a_password_has_three_groups_of_letters_nobody_mistakes() {
        let source = SeededSource::new("passwords");
        let (one, other) = (password(&source), password(&source));
        assert_ne!(one, other);
        assert_eq!(one.len(), 14);
        assert!(one.split('-').all(|group| group.len() == 4 && !group.contains(['l', 'o', '0', '1'])), "{one}");
    }

    #[test]
    fn a_token_stands_for_its_employee_until_it_ends() {
        let directory = Directory::new("token");
        let accounts = Accounts::open(&directory.0).unwrap();
        let until = NOW.plus(Duration::from_secs(60));
        let token = accounts.issue_token(&someone(), &SeededSource::new("a"), "laptop", Some(until)).unwrap();
        assert!(token.starts_with("dst_") && token.len() == 47, "{token}");
        assert_eq!(accounts.employee_of_token(&token, NOW), Some(someone()));
        assert_eq!(accounts.employee_of_token(&token, until), None);
        assert_eq!(accounts.employee_of_token("dst_", NOW), None);
        assert_eq!(accounts.employee_of_token(&token.replace("dst_", "dst-"), NOW), None);
    }

    #[test]
    fn the_file_is_private_and_holds_neither_token_nor_password() {
        let directory = Directory::new("file");
        let accounts = Accounts::open(&directory.0).unwrap();
        let source = SeededSource::new("b");
        let token = accounts.issue_token(&someone(), &source, "", None).unwrap();
        accounts.set_password(&someone(), "correct horse", &source).unwrap();
        let path = directory.0.join(FILE);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains(token.trim_start_matches("dst_")) && !text.contains("correct horse"), "{text}");
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_another_process_changes_holds_within_a_second() {
        let directory = Directory::new("shared");
        let server = Accounts::open(&directory.0).unwrap();
        let command = Accounts::open(&directory.0).unwrap();
        assert_eq!(server.employee_of_token(&format!("dst_{}", "A".repeat(43)), NOW), None);
        let token = command.issue_token(&someone(), &SeededSource::new("c"), "", None).unwrap();
        assert_eq!(server.employee_of_token(&token, NOW), None, "looked within the second");
        let later = NOW.plus(Duration::from_secs(1));
        assert_eq!(server.employee_of_token(&token, later), Some(someone()));
        let other = server.issue_token(&someone(), &SeededSource::new("d"), "", None).unwrap();
        let much_later = later.plus(Duration::from_secs(1));
        assert_eq!(command.employee_of_token(&other, much_later), Some(someone()));
        assert_eq!(
            command.employee_of_token(&token, much_later),
            Some(someone()),
            "the other's change kept this one's"
        );
    }

    #[test]
    fn a_revoked_token_no_longer_holds() {
        let directory = Directory::new("revoked");
        let accounts = Accounts::open(&directory.0).unwrap();
        let source = SeededSource::new("e");
        let first = accounts.issue_token(&someone(), &source, "first", None).unwrap();
        let second = accounts.issue_token(&someone(), &source, "second", None).unwrap();
        assert!(accounts.revoke(&first).unwrap());
        assert!(!accounts.revoke(&first).unwrap());
        assert_eq!(accounts.employee_of_token(&first, NOW), None);
        assert_eq!(accounts.employee_of_token(&second, NOW), Some(someone()));
        let id = accounts.tokens(NOW).pop().unwrap().id;
        assert!(!accounts.revoke("").unwrap(), "an empty id names no token");
        assert!(accounts.revoke(&id).unwrap());
        assert_eq!(accounts.tokens(NOW), []);
    }

    #[test]
    fn only_the_right_password_signs_in_and_a_new_one_changes_the_mark() {
        let directory = Directory::new("password");
        let accounts = Accounts::open(&directory.0).unwrap();
        let source = SeededSource::new("f");
        assert!(matches!(accounts.set_password(&someone(), "short", &source), Err(ChangeError::Password)));
        accounts.set_password(&someone(), "长一点的密码 é", &source).unwrap();
        assert!(accounts.check_password(&someone(), "长一点的密码 e\u{301}", NOW), "typed decomposed");
        assert!(!accounts.check_password(&someone(), "长一点的密码 e", NOW));
        assert!(!accounts.check_password(&"E-102".parse().unwrap(), "长一点的密码 é", NOW));
        let mark = accounts.password_mark(&someone(), NOW);
        accounts.set_password(&someone(), "长一点的密码 é", &source).unwrap();
        assert!(mark.is_some() && accounts.password_mark(&someone(), NOW) != mark);
    }

    #[test]
    fn a_damaged_file_is_not_taken_for_an_empty_one() {
        let directory = Directory::new("damaged");
        fs::write(directory.0.join(FILE), "{\"format\":1").unwrap();
        assert!(matches!(Accounts::open(&directory.0), Err(OpenError::Format { .. })));
    }
}
