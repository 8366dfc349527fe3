//! Backups: made beside a running ledger, restored to the byte, refused when they do not fit, and never the beginning of a fork.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use dossier::access::principal::Language;
use dossier::cli::error::Failure;
use dossier::clock::Clock as _;
use dossier::files::Files;
use dossier::ledger::backup::{BackupError, Done, Reach, back_up, forget, places};
use dossier::ledger::restore::{RestoreError, Restored, Standing, restore};
use dossier::ledger::{Behind, Broken, Found, Home, Ledger, OpenError, Options, SubmitError, ViewError, verify_data};
use dossier::seal::Ring;
use serde_json::{Value, json};

use crate::support::{Directory, TestLedger, contact, open, proposal};

/// A ledger with a customer and a person, and where its backup goes.
struct Backed {
    test: TestLedger,
    elsewhere: Directory,
}

impl Backed {
    fn new() -> Self {
        let test = TestLedger::new();
        test.customer("C-01", "Heyuan Alloy Works");
        let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer" });
        test.admit("E-101", proposal("person.recorded", None, person));
        Self { test, elsewhere: Directory::new() }
    }

    fn place(&self) -> PathBuf {
        self.elsewhere.path().join("place")
    }

    fn try_back_up(&self) -> Result<Done, BackupError> {
        back_up(&self.test.home, &self.place(), Reach::Erasures, &self.test.clock, &mut |_, _| {})
    }

    fn back_up(&self) -> Done {
        self.test.ledger.settle();
        self.try_back_up().unwrap()
    }

    /// A fresh home, with the keys as they are now.
    fn fresh(&self, name: &str) -> Home {
        let home = Home::beside(&self.elsewhere.path().join(name));
        fs::create_dir(&home.keys).unwrap();
        for key in ["signing.key", "master.key"] {
            fs::copy(self.test.home.keys.join(key), home.keys.join(key)).unwrap();
        }
        home
    }

    fn restore(&self, home: &Home) -> Result<Restored, RestoreError> {
        restore(home, &self.place(), Some(&self.test.ledger.checkpoint().1), &mut |_| {})
    }

    fn manifest(&self) -> Value {
        serde_json::from_slice(&fs::read(self.place().join("backup.json")).unwrap()).unwrap()
    }

    /// The file of the place that stands for a path of the data directory.
    fn file(&self, path: &str) -> PathBuf {
        let manifest = self.manifest();
        let kept = manifest["files"].as_array().unwrap().iter().find(|kept| kept["path"] == path).unwrap();
        self.place().join("files").join(kept["blake3"].as_str().unwrap())
    }

    /// Puts other bytes in the place of a file of the backup, as if they had been backed up.
    fn plant(&self, path: &str, bytes: &[u8]) {
        let mut manifest = self.manifest();
        let files = manifest["files"].as_array_mut().unwrap();
        let kept = files.iter_mut().find(|kept| kept["path"] == path).unwrap();
        let hash = blake3::hash(bytes).to_hex().to_string();
        fs::write(self.place().join("files").join(&hash), bytes).unwrap();
        *kept = json!({ "path": path, "length": bytes.len(), "blake3": hash });
        fs::write(self.place().join("backup.json"), manifest.to_string()).unwrap();
    }

    /// Everything readable of a restored ledger, as the one it was made of shows it.
    fn check_same(&self, home: &Home) {
        let restored = open(home, &self.test.clock, "restored");
        let (ours, theirs) = (self.test.ledger.checkpoint().0, restored.checkpoint().0);
        assert_eq!((ours.size, ours.root), (theirs.size, theirs.root));
        restored.close();
        drop(restored);
        assert_eq!(verify_data(&home.data, |_| {}).unwrap().entries, ours.size);
    }
}

fn talk(test: &TestLedger) {
    test.admit("E-101", contact("C-01", "E-101", test.clock.now()));
}

fn entries(test: &TestLedger) -> u64 {
    test.ledger.state().size
}

#[test]
fn a_backup_made_beside_a_running_ledger_is_restored_as_it_was() {
    let backed = Backed::new();
    let first = backed.back_up();
    assert_eq!(first.manifest.entries, entries(&backed.test));
    let home = backed.fresh("one");
    let restored = backed.restore(&home).unwrap();
    assert_eq!((restored.standing, restored.manifest.entries), (Standing::Goes, entries(&backed.test)));
    backed.check_same(&home);
    // What is new since is added; what stood there is not copied again, and what is no longer needed goes.
    talk(&backed.test);
    let second = backed.back_up();
    assert_eq!(second.manifest.entries, first.manifest.entries + 1);
    assert!(0 < second.copied && second.copied < first.copied, "{} of {}", second.copied, first.copied);
    let standing = fs::read_dir(backed.place().join("files")).unwrap().count();
    assert_eq!(standing, second.manifest.files.len());
    assert_eq!(backed.try_back_up().unwrap().copied, 0);
    let home = backed.fresh("two");
    backed.restore(&home).unwrap();
    backed.check_same(&home);
    // It goes on where it was, with the same keys and people.
    let restored = open(&home, &backed.test.clock, "going on");
    let person = json!({ "customer_id": "C-01", "name": "Invented Buyer" });
    let twice = vec![proposal("person.recorded", None, person)];
    let refused = backed.test.block_on(restored.submit(&crate::support::principal("E-101"), twice));
    assert!(matches!(refused, Err(SubmitError::Refused { .. })), "its names can be compared: {refused:?}");
    restored.close();
}

/// Files a paper of the customer and one of the person, and returns where they stand, the customer's first.
fn papers(test: &TestLedger) -> [PathBuf; 2] {
    let files = Files::of(&test.home.data);
    let mut standing: Vec<PathBuf> = Vec::new();
    for (id, class, person) in [("D-1", "C1", None), ("D-2", "C4", Some("P-1"))] {
        let mut data =
            json!({ "document_id": id, "kind": "evidence", "title": "x", "customer_id": "C-01", "class": class });
        data["person_id"] = json!(person);
        if person.is_none() {
            data.as_object_mut().unwrap().remove("person_id");
        }
        test.file("E-101", proposal("document.filed", None, data), format!("%PDF-1.7 of {id}").as_bytes());
        let all = files.list().unwrap().into_iter().map(|(hash, _)| files.path(&hash));
        let new: Vec<PathBuf> = all.filter(|path| !standing.contains(path)).collect();
        standing.extend(new);
    }
    standing.try_into().unwrap()
}

fn documents(test: &TestLedger, home: &Home) -> Vec<(String, Vec<u8>)> {
    let files = Files::of(&home.data);
    let mut all: Vec<(String, Vec<u8>)> = (files.list().unwrap().into_iter())
        .map(|(hash, _)| (hash.to_string(), fs::read(files.path(&hash)).unwrap()))
        .collect();
    all.sort();
    assert_eq!(verify_data(&home.data, |_| {}).unwrap().documents, 2, "{}", test.ledger.origin());
    all
}

#[test]
fn the_files_of_documents_are_backed_up_and_restored_with_their_entries() {
    let backed = Backed::new();
    let [open_one, sealed_one] = papers(&backed.test);
    let first = backed.back_up();
    let home = backed.fresh("one");
    backed.restore(&home).unwrap();
    let (ours, theirs) = (documents(&backed.test, &backed.test.home), documents(&backed.test, &home));
    assert_eq!(ours, theirs, "byte for byte, under their hashes");
    backed.check_same(&home);
    // Nothing of them is copied twice.
    assert_eq!(backed.try_back_up().unwrap().copied, 0);
    // What the ledger has lost since stays in its backup, and comes back with it.
    let whole = fs::read(&open_one).unwrap();
    fs::remove_file(&open_one).unwrap();
    fs::write(&sealed_one, b"%PDF-1.7 another one, and longer than it was before").unwrap();
    let later = backed.back_up();
    assert_eq!((later.altered.len(), later.manifest.files.len()), (0, first.manifest.files.len()));
    let home = backed.fresh("two");
    backed.restore(&home).unwrap();
    assert_eq!(documents(&backed.test, &home), theirs);
    // A file of the backup that is not as it was filed is not restored.
    let path =
        format!("documents/{}", open_one.strip_prefix(backed.test.home.data.join("documents")).unwrap().display());
    fs::write(backed.file(&path), vec![0; whole.len()]).unwrap();
    let refused = backed.restore(&backed.fresh("three")).map(|restored| restored.standing);
    assert!(matches!(&refused, Err(RestoreError::Damaged { path: named }) if *named == path), "{refused:?}");
}

#[test]
fn a_paper_that_was_altered_before_its_first_backup_is_named_and_hinders_nothing_else() {
    let backed = Backed::new();
    let [open_one, sealed_one] = papers(&backed.test);
    backed.test.ledger.settle();
    fs::write(&open_one, b"%PDF-1.7 something else").unwrap();
    let done = backed.try_back_up().unwrap();
    assert_eq!(done.altered.len(), 1);
    assert!(done.altered[0].ends_with(open_one.file_name().unwrap().to_str().unwrap()), "{:?}", done.altered);
    let home = backed.fresh("one");
    let restored = backed.restore(&home).unwrap();
    assert_eq!((restored.standing, restored.lost.len()), (Standing::Goes, 1));
    assert!(
        matches!(verify_data(&home.data, |_| {}), Err(Broken::Content { document, found: Found::Missing, .. }) if document.as_str() == "D-1")
    );
    let sealed_there = home.data.join(sealed_one.strip_prefix(&backed.test.home.data).unwrap());
    assert_eq!(fs::read(sealed_there).unwrap(), fs::read(&sealed_one).unwrap());
    // On the command line the backup is made, and says so with the code of damage.
    let (code, told) = dossier(&["backup"], &[("--data", &backed.test.home.data), ("--to", &backed.place())]);
    assert_eq!((code, told.contains(&done.altered[0])), (4, true), "{told}");
}

#[test]
fn no_key_stands_in_a_backup() {
    let backed = Backed::new();
    backed.back_up();
    let secrets = ["signing.key", "master.key"].map(|name| fs::read(backed.test.home.keys.join(name)).unwrap());
    for file in fs::read_dir(backed.place().join("files")).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
    let inside =
        back_up(&backed.test.home, &backed.test.home.data.join("b"), Reach::Once, &backed.test.clock, &mut |_, _| {});
    assert!(matches!(inside, Err(BackupError::Place(_))));
    let around = backed.test.home.keys.parent().unwrap();
    let around = back_up(&backed.test.home, around, Reach::Once, &backed.test.clock, &mut |_, _| {});
    assert!(matches!(around, Err(BackupError::Place(_))));
    assert_eq!(places(&backed.test.home.data).unwrap(), [fs::canonicalize(backed.place()).unwrap()]);
    assert!(forget(&backed.test.home.data, &backed.place()).unwrap());
    assert!(places(&backed.test.home.data).unwrap().is_empty());
}

#[test]
fn a_restore_overwrites_nothing_and_is_finished_by_restoring_again() {
    let backed = Backed::new();
    backed.back_up();
    let home = backed.fresh("mine");
    fs::create_dir(&home.data).unwrap();
    fs::write(home.data.join("letter"), "mine").unwrap();
    assert!(matches!(backed.restore(&home), Err(RestoreError::Exists(_))));
    assert_eq!(fs::read_dir(&home.data).unwrap().count(), 1);
    // Cut short by a file that cannot be read, it does not open; once the file is back it is finished.
    for path in ["journal/00000000000000000000.djb", "keyring/ring", "ledger.json", "checkpoint.0", "journal/segments"]
    {
        let home = backed.fresh(&path.replace('/', "-"));
        let file = backed.file(path);
        let whole = fs::read(&file).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        fs::write(&file, flipped).unwrap();
        let refused = backed.restore(&home).map(|restored| restored.standing);
        assert!(matches!(refused, Err(RestoreError::Damaged { .. } | RestoreError::Ring(_))), "{path}: {refused:?}");
        if home.data.join("ledger.json").exists() {
            let opened = Ledger::open(&home, options(&backed.test));
            assert!(matches!(opened, Err(OpenError::Unrestored(_))), "{path}");
        }
        fs::write(&file, whole).unwrap();
        assert_eq!(backed.restore(&home).unwrap().standing, Standing::Goes, "{path}");
        backed.check_same(&home);
        assert!(matches!(backed.restore(&home), Err(RestoreError::Exists(_))), "{path}");
    }
}

fn options(test: &TestLedger) -> Options {
    let source = dossier::ids::SeededSource::new("options");
    Options::new(std::sync::Arc::new(test.clock.clone()), std::sync::Arc::new(source))
}

#[test]
fn a_key_ring_that_does_not_belong_to_the_ledger_is_refused_by_what_is_wrong_with_it() {
    let backed = Backed::new();
    backed.back_up();
    let ring = fs::read(backed.file("keyring/ring")).unwrap();
    let check = |home: &Home| backed.restore(home).map(|restored| restored.standing).unwrap_err();
    // Without the keys nothing is begun.
    let home = backed.fresh("keyless");
    fs::remove_file(home.keys.join("master.key")).unwrap();
    assert!(matches!(check(&home), RestoreError::MasterMissing));
    assert!(!home.data.exists());
    // The ring of another ledger, and one of this ledger that never had the keys.
    let strange = |origin: &str, home: &Home| {
        let made = Directory::new();
        fs::create_dir(made.path().join("keyring")).unwrap();
        let rings = dossier::seal::ring::Home { data_dir: &made.path(), keys_dir: &home.keys, origin };
        drop(Ring::open(rings, &mut |bytes| bytes.fill(7)).unwrap());
        fs::read(made.path().join("keyring/ring")).unwrap()
    };
    let home = backed.fresh("strange");
    backed.plant("keyring/ring", &strange("elsewhere.example.com/ledger", &home));
    assert!(matches!(check(&home), RestoreError::OtherRing));
    backed.plant("keyring/ring", &strange("test.example.com/ledger", &home));
    assert!(matches!(check(&home), RestoreError::RingBehind(Behind::Lacks { .. })));
    // None at all, and the right one again: the restore goes on.
    backed.plant("keyring/ring", &ring);
    fs::rename(backed.file("keyring/ring"), backed.place().join("ring")).unwrap();
    assert!(matches!(check(&home), RestoreError::RingMissing));
    fs::rename(backed.place().join("ring"), backed.file("keyring/ring")).unwrap();
    assert_eq!(backed.restore(&home).unwrap().standing, Standing::Goes);
    backed.check_same(&home);
    let other = backed.fresh("other master");
    fs::write(other.keys.join("master.key"), "dossier-master-1.x").unwrap();
    let said = |home: &Home| Failure::Restore(check(home)).text(Language::Chinese);
    assert!(said(&other).contains("master.key”已损坏"), "{}", said(&other));
    backed.plant("keyring/ring", &ring[..ring.len() - 1]);
    let cut = backed.fresh("cut");
    assert!(said(&cut).contains("备份中的密钥环自第") && said(&cut).contains("其他备份"), "{}", said(&cut));
}

#[test]
fn a_ledger_restored_behind_what_was_published_is_read_only_and_signs_no_fork() {
    let backed = Backed::new();
    let early = backed.test.ledger.checkpoint().1;
    backed.back_up();
    let then = backed.test.ledger.checkpoint().1;
    talk(&backed.test);
    backed.test.ledger.settle();
    let published = backed.test.ledger.checkpoint();
    let home = backed.fresh("behind");
    let behind = backed.restore(&home).unwrap();
    assert_eq!(behind.standing, Standing::Behind { published: published.0.size });
    let check = |home: &Home| {
        let ledger = open(home, &backed.test.clock, "behind");
        let (size, signed) = (ledger.state().size, ledger.checkpoint());
        let talked = vec![contact("C-01", "E-101", backed.test.clock.now())];
        let refused = backed.test.block_on(ledger.submit(&crate::support::principal("E-101"), talked));
        assert!(matches!(refused, Err(SubmitError::ReadOnly)), "{refused:?}");
        assert!(matches!(backed.test.block_on(ledger.adopt_policies()), Ok(())));
        assert!(matches!(backed.test.block_on(ledger.tick()), Err(SubmitError::ReadOnly)));
        let asked = |who: &str, key: &str, subject: Option<&str>| {
            let mut asked = dossier::ledger::Asked::new(dossier::projection::view(key).unwrap());
            asked.subject = subject.map(str::to_owned);
            backed.test.block_on(ledger.view(&crate::support::principal(who), &asked))
        };
        // A reading that cannot be entered is none; the bare list leaves no entry.
        assert!(matches!(asked("E-101", "card", Some("C-01")), Err(ViewError::ReadOnly)));
        assert!(matches!(asked("E-103", "card", Some("C-01")), Err(ViewError::ReadOnly)), "nor is a denial");
        let list = asked("E-103", "list", None).unwrap();
        assert_eq!((list.body["items"].as_array().unwrap().len(), list.recorded.len()), (1, 0));
        ledger.close();
        assert_eq!((ledger.state().size, ledger.checkpoint()), (size, signed));
    };
    check(&home);
    // Nor does it go on where nobody has shown what was published last.
    let home = backed.fresh("unknown");
    let unknown = restore(&home, &backed.place(), None, &mut |_| {}).unwrap();
    assert_eq!(unknown.standing, Standing::Unknown);
    check(&home);
    // Shown the last one it goes on, having been read in between; an older one would do as well, were it the last.
    let shown = |note: &str| restore(&home, &backed.place(), Some(note), &mut |_| {});
    let forged = then.replace("test.example.com", "best.example.com");
    assert!(matches!(shown(&forged), Err(RestoreError::NotACheckpoint)));
    let slot = fs::read_to_string(backed.file("checkpoint.0")).unwrap();
    assert_eq!(shown(&slot).unwrap().standing, Standing::Goes);
    let ledger = open(&home, &backed.test.clock, "goes on");
    assert!(ledger.health().is_ok());
    ledger.close();
    let home = backed.fresh("early");
    assert_eq!(restore(&home, &backed.place(), Some(&early), &mut |_| {}).unwrap().standing, Standing::Goes);
}

#[test]
fn another_history_under_the_same_name_is_a_fork_and_stays_away() {
    let backed = Backed::new();
    backed.back_up();
    // The same ledger went two ways: one was backed up, the other published.
    let home = backed.fresh("fork");
    backed.restore(&home).unwrap();
    let forked = open(&home, &backed.test.clock, "forked");
    for _ in 0..2 {
        let talked = vec![contact("C-01", "E-101", backed.test.clock.now())];
        backed.test.block_on(forked.submit(&crate::support::principal("E-101"), talked)).unwrap();
    }
    forked.settle();
    let published = forked.checkpoint().1;
    forked.close();
    for _ in 0..3 {
        talk(&backed.test);
    }
    backed.back_up();
    let refused = restore(&backed.fresh("again"), &backed.place(), Some(&published), &mut |_| {});
    assert!(matches!(refused, Err(RestoreError::Fork { .. })), "{refused:?}");
    // A ledger that ends before its backup does not replace it.
    drop(forked);
    let behind = back_up(&home, &backed.place(), Reach::Once, &backed.test.clock, &mut |_, _| {});
    assert!(matches!(behind, Err(BackupError::Ahead { .. })), "{behind:?}");
    let mut other = backed.manifest();
    other["vkey"] = json!(backed.test.ledger.vkey().replace("test.", "best."));
    fs::write(backed.place().join("backup.json"), other.to_string()).unwrap();
    assert!(matches!(backed.try_back_up(), Err(BackupError::OtherLedger(_))));
    fs::write(backed.place().join("backup.json"), "{}").unwrap();
    assert!(matches!(backed.try_back_up(), Err(BackupError::Format(_))));
}

/// Runs the program and returns its exit code and what it said.
fn dossier(arguments: &[&str], paths: &[(&str, &Path)]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dossier"));
    command.args(arguments).env("LANG", "C");
    for (name, path) in paths {
        command.arg(name).arg(path);
    }
    let output = command.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap(), said)
}

#[test]
fn the_command_line_backs_up_and_restores() {
    let mut backed = Backed::new();
    let (data, place) = (backed.test.home.data.clone(), backed.place());
    // Beside the process that has it open, and at rest.
    backed.test.ledger.settle();
    let made = dossier(&["backup"], &[("--data", &data), ("--to", &place)]);
    assert_eq!(made.0, 0, "{}", made.1);
    let size = entries(&backed.test);
    assert!(made.1.contains(&format!("holds {size} entries")), "{}", made.1);
    backed.test.let_go();
    let made = dossier(&["backup", "--lang", "zh"], &[("--data", &data), ("--to", &place)]);
    assert_eq!(made.0, 0, "{}", made.1);
    assert!(made.1.contains("密钥环"), "{}", made.1);

    let home = backed.fresh("restored");
    let published = data.join("checkpoint.0");
    let restored = dossier(&["restore"], &[("--data", &home.data), ("--from", &place)]);
    assert_eq!(restored.0, 0, "{}", restored.1);
    assert!(restored.1.contains("read-only"), "{}", restored.1);
    let lifted = dossier(&["restore"], &[("--data", &home.data), ("--from", &place), ("--published", &published)]);
    assert_eq!(lifted.0, 0, "{}", lifted.1);
    assert!(lifted.1.contains("goes on"), "{}", lifted.1);
    let again = dossier(&["restore"], &[("--data", &home.data), ("--from", &place)]);
    assert_eq!(again.0, 1, "{}", again.1);
    let nowhere = dossier(&["restore"], &[("--data", &home.data), ("--from", &home.keys)]);
    assert_eq!(nowhere.0, 3, "{}", nowhere.1);
    assert_eq!(dossier(&["backup"], &[("--data", &data), ("--to", &data.join("inside"))]).0, 1);
    assert_eq!(dossier(&["backup", "--forget"], &[("--data", &data), ("--to", &place)]).0, 0);
    assert_eq!(dossier(&["backup", "--forget"], &[("--data", &data), ("--to", &place)]).0, 3);
    let segment = backed.file("journal/00000000000000000000.djb");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let fresh = backed.fresh("damaged");
    let damaged = dossier(&["restore"], &[("--data", &fresh.data), ("--from", &place)]);
    assert_eq!(damaged.0, 4, "{}", damaged.1);
}
