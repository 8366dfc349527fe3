//! What `dossier verify` and a start say of a data directory in which anything was altered, cut or taken away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use dossier::clock::Clock;
use dossier::ids::SeededSource;
use dossier::ledger::{Broken, Home, Ledger, OpenError, Options, verify_data};

use crate::support::{Directory, TestLedger, contact};

/// A closed ledger, and copies of it to be damaged.
struct Original {
    test: TestLedger,
    copies: Directory,
}

impl Original {
    fn new() -> Self {
        let test = TestLedger::new();
        test.customer("C-01", "Heyuan Alloy Works");
        for _ in 0..40 {
            test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
        }
        test.ledger.close();
        Self { test, copies: Directory::new() }
    }

    fn size(&self) -> u64 {
        self.test.ledger.state().size
    }

    /// A copy in which something is done to the data directory.
    fn damaged(&self, name: &str, damage: impl FnOnce(&Path)) -> Home {
        let root = self.copies.path().join(name);
        copy(&self.test.home.data, &root.join("data"));
        copy(&self.test.home.keys, &root.join("data.keys"));
        let home = Home::beside(&root.join("data"));
        damage(&home.data);
        home
    }

    fn open(&self, home: &Home) -> Result<u64, OpenError> {
        let clock: Arc<dyn Clock> = Arc::new(self.test.clock.clone());
        let ledger = Ledger::open(home, Options::new(clock, Arc::new(SeededSource::new("again"))))?;
        let size = ledger.state().size;
        ledger.close();
        Ok(size)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn flip(path: &Path, place: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let place = place.min(bytes.len() - 1);
    bytes[place] ^= 4;
    std::fs::write(path, bytes).unwrap();
}

fn cut(path: &Path) {
    let bytes = std::fs::read(path).unwrap();
    std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

fn snapshots(data: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(data.join("snapshots")).unwrap().map(|file| file.unwrap().path()).collect()
}

fn journal(data: &Path) -> PathBuf {
    data.join("journal/00000000000000000000.djb")
}

/// Cuts the journal behind its first block, where nothing in it tells that more was there.
fn cut_behind_a_block(data: &Path) {
    let path = journal(data);
    let bytes = std::fs::read(&path).unwrap();
    let shorter = (bytes.len() / 4..bytes.len() / 2).find(|length| {
        std::fs::write(&path, &bytes[..*length]).unwrap();
        let mut entries = 0;
        let read = dossier::journal::verify(&data.join("journal"), 0, |frame| entries += frame.header().count);
        read.is_ok() && entries > 1 && {
            // An incomplete last block is no damage; a whole one leaves nothing behind it.
            let mut again = bytes[..*length - 1].to_vec();
            std::fs::write(&path, &again).unwrap();
            let mut fewer = 0;
            let cut = dossier::journal::verify(&data.join("journal"), 0, |frame| fewer += frame.header().count);
            again.push(bytes[*length - 1]);
            std::fs::write(&path, &again).unwrap();
            cut.is_ok() && fewer < entries
        }
    });
    assert!(shorter.is_some(), "no block ends there");
}

#[test]
fn a_ledger_without_what_was_signed_last_is_not_called_sound() {
    let original = Original::new();
    assert_eq!(verify_data(&original.test.home.data, |_| ()).unwrap().entries, original.size());
    let unsigned = original.damaged("unsigned", |data| {
        for slot in ["checkpoint.0", "checkpoint.1"] {
            std::fs::remove_file(data.join(slot)).unwrap();
        }
    });
    assert!(matches!(verify_data(&unsigned.data, |_| ()), Err(Broken::Unsigned { found }) if found == original.size()));
    assert!(original.open(&unsigned).unwrap_err().integrity());

    // Cut where a block ends, nothing in the journal itself is amiss: what was made of more entries tells.
    let shorter = original.damaged("shorter", |data| {
        for slot in ["checkpoint.0", "checkpoint.1"] {
            std::fs::remove_file(data.join(slot)).unwrap();
        }
        cut_behind_a_block(data);
    });
    let missing =
        |broken| matches!(broken, Err(Broken::Missing { size, found }) if size == original.size() && found < size);
    assert!(missing(verify_data(&shorter.data, |_| ())));
    assert!(original.open(&shorter).unwrap_err().integrity());
}

#[test]
fn a_signed_checkpoint_that_was_altered_is_named_and_one_that_was_cut_off_is_not() {
    let original = Original::new();
    for slot in ["checkpoint.0", "checkpoint.1"] {
        let altered = original.damaged(&format!("altered-{slot}"), |data| flip(&data.join(slot), 30));
        let named = verify_data(&altered.data, |_| ());
        assert!(matches!(named, Err(Broken::Altered { slot: named }) if named == slot), "{slot}");
        // A crash may have cut the write off: the other one stands.
        let torn = original.damaged(&format!("torn-{slot}"), |data| cut(&data.join(slot)));
        assert_eq!(verify_data(&torn.data, |_| ()).unwrap().entries, original.size());
        assert_eq!(original.open(&torn).unwrap(), original.size());
    }
}

#[test]
fn what_says_which_ledger_it_is_is_of_this_version_and_as_it_was_written() {
    let original = Original::new();
    let other = original.damaged("other", |data| {
        let path = data.join("ledger.json");
        let text = std::fs::read_to_string(&path).unwrap().replace("\"format\": 1", "\"format\": 2");
        std::fs::write(&path, text).unwrap();
    });
    assert!(matches!(verify_data(&other.data, |_| ()), Err(Broken::Identity(OpenError::Format(_)))));
    assert!(matches!(original.open(&other), Err(OpenError::Format(_))));
    let length = std::fs::read(original.test.home.data.join("ledger.json")).unwrap().len();
    for place in 0..length {
        let home = original.damaged(&format!("flipped-{place}"), |data| flip(&data.join("ledger.json"), place));
        let same = |error: &OpenError| matches!(error, OpenError::Identity(_) | OpenError::Format(_));
        let told = verify_data(&home.data, |_| ());
        assert!(matches!(&told, Err(Broken::Identity(error)) if same(error)), "byte {place}: {told:?}");
        assert!(original.open(&home).is_err_and(|error| same(&error)), "byte {place}");
        std::fs::remove_dir_all(home.data.parent().unwrap()).unwrap();
    }
    let cut = original.damaged("cut", |data| cut(&data.join("ledger.json")));
    assert!(matches!(verify_data(&cut.data, |_| ()), Err(Broken::Identity(OpenError::Identity(_)))));
    let missing = original.damaged("missing", |data| std::fs::remove_file(data.join("ledger.json")).unwrap());
    assert!(matches!(verify_data(&missing.data, |_| ()), Err(Broken::Identity(OpenError::Missing(_)))));
}

/// What is done to a file, and how it is called.
type Damage<'a> = (&'static str, &'a dyn Fn(&Path));

/// Every file of the directory, each flipped in three places, cut and taken away: the ledger is as it was, or it does not start and says why;
/// never does it start with fewer entries than were acknowledged.
#[test]
fn no_file_of_the_directory_can_be_damaged_so_that_entries_are_lost_unseen() {
    let original = Original::new();
    let mut files = Vec::new();
    let mut folders = vec![original.test.home.data.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let length = std::fs::metadata(&path).unwrap().len();
            if path.is_dir() {
                folders.push(path);
            } else if length > 0 {
                files.push(path);
            }
        }
    }
    let names: Vec<PathBuf> =
        files.iter().map(|path| path.strip_prefix(&original.test.home.data).unwrap().to_owned()).collect();
    assert!(snapshots(&original.test.home.data).len() == 1 && names.iter().any(|name| name.ends_with("checkpoint.0")));
    let mut started = 0;
    for (number, name) in names.iter().enumerate() {
        let length = std::fs::metadata(original.test.home.data.join(name)).unwrap().len();
        let length = usize::try_from(length).unwrap();
        let damages: [Damage<'_>; 5] = [
            ("first", &|path| flip(path, 1)),
            ("middle", &|path| flip(path, length / 2)),
            ("last", &|path| flip(path, length - 1)),
            ("cut", &cut),
            ("removed", &|path| std::fs::remove_file(path).unwrap()),
        ];
        for (how, damage) in damages {
            let home = original.damaged(&format!("{number}-{how}"), |data| damage(&data.join(name)));
            match original.open(&home) {
                Ok(size) => {
                    started += 1;
                    assert_eq!(size, original.size(), "{} {how}: entries are gone", name.display());
                    // An altered checkpoint is named until the next one is signed in its place.
                    let told = verify_data(&home.data, |_| ());
                    assert!(matches!(told, Ok(_) | Err(Broken::Altered { .. })), "{} {how}: {told:?}", name.display());
                }
                Err(error) => assert!(!error.to_string().is_empty()),
            }
            std::fs::remove_dir_all(home.data.parent().unwrap()).unwrap();
        }
    }
    assert!(started > 5, "what is made of the entries is made anew: {started}");
}
