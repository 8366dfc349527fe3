//! Erasing a person: asked for by one, approved by another, the keys destroyed, and all that was proven still proven.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::Duration;

use dossier::clock::Clock as _;
use dossier::ids::SubjectId;
use dossier::ledger::backup::{Reach, back_up};
use dossier::ledger::restore::{RestoreError, restore};
use dossier::ledger::{AsOf, Asked, Home, OpenError, Proposal, verify_data};
use dossier::projection;
use dossier::proof::checkpoint::Vkey;
use dossier::proof::evidence::Evidence;
use dossier::seal::ring::{Copy, KeyError};
use serde_json::{Value, json};

use crate::support::disk::{everything, logged};
use crate::support::{Directory, TestLedger, open, principal, proposal};

const MARK: &str = "Zhurong";

/// A customer of E-101 with a person of whom everything is known.
fn one_person() -> TestLedger {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person =
        json!({ "person_id": "P-1", "customer_id": "C-01", "name": format!("{MARK} Buyer"), "mobile": "555 0101" });
    test.admit("E-101", proposal("person.recorded", None, person));
    test.admit("E-101", of_person("consent.recorded", consent()));
    test.admit("E-101", of_person("person.updated", hobby("chess")));
    test
}

fn of_person(kind: &str, data: Value) -> Proposal {
    proposal(kind, Some("person/P-1"), data)
}

fn consent() -> Value {
    json!({ "purpose": "relationship_care", "status": "given", "method": "written" })
}

fn hobby(hobby: &str) -> Value {
    json!({ "changes": { "hobbies": hobby }, "learned_at": "2026-03-02T09:00:00+08:00" })
}

/// Has the person erased: compliance asks, the deputy general manager approves.
fn erase(test: &TestLedger, scope: &str) {
    let erasure = of_person("personal_data.erased", json!({ "scope": scope, "ground": "request" }));
    let asked = test.admit("E-902", erasure);
    let request = asked[0].subject.strip_prefix("approval/").unwrap().to_owned();
    test.admit("E-802", proposal("approval.given", None, json!({ "request_id": request })));
}

fn erasing(test: &TestLedger) -> bool {
    let person: SubjectId = "P-1".parse().unwrap();
    test.ledger.state().world.privacy.erasing.contains_key(&person)
}

/// Waits, for ten seconds at most, until something is the case.
fn until(so: impl Fn() -> bool) -> bool {
    (0..2_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(5));
        so()
    })
}

pub(crate) fn completed(test: &TestLedger) -> bool {
    until(|| !erasing(test))
}

/// What is shown of the person to whoever asks to see everything.
fn shown(test: &TestLedger, who: &str) -> Value {
    let mut asked = Asked::new(projection::view("people").unwrap());
    asked.subject = Some("C-01".into());
    asked.reveal = true;
    asked.purpose = Some(dossier::access::principal::Purpose::parse("sales_work").unwrap());
    test.ask(who, &asked).unwrap().body["items"][0].clone()
}

fn words(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[test]
fn an_erased_person_is_unreadable_everywhere_and_everything_still_proves() {
    let mut test = one_person();
    assert_eq!(shown(&test, "E-101")["name"], format!("{MARK} Buyer"));
    test.ledger.settle();
    let master = fs::read(test.home.keys.join("master.key")).unwrap();
    let ring = fs::read(test.home.data.join("keyring/ring")).unwrap();
    let before = test.version("person/P-1");
    erase(&test, "all");
    assert!(completed(&test), "the keys were not destroyed");
    assert_eq!(test.version("person/P-1"), before + 2, "one entry at each end");
    let row = shown(&test, "E-101");
    assert!(words(&row["name"]).starts_with("erased") && words(&row["hobbies"]).starts_with("erased"), "{row}");
    assert!(
        words(&shown(&test, "E-902")["name"]).starts_with("erased"),
        "nor does the officer who asked for it read on"
    );
    // Nor through the entries themselves, as of before, or after a restart.
    let mut asked = Asked::new(projection::view("timeline").unwrap());
    asked.subject = Some("person/P-1".into());
    asked.reveal = true;
    asked.purpose = Some(dossier::access::principal::Purpose::parse("sales_work").unwrap());
    let timeline = test.ask("E-101", &asked).unwrap().body.to_string();
    assert!(!timeline.contains(MARK) && timeline.contains("erased (已删除)"), "{timeline}");
    assert_ne!(fs::read(test.home.keys.join("master.key")).unwrap(), master);
    assert!(!test.home.keys.join("master.old").exists());
    assert!(verify_data(&test.home.data, |_| {}).is_ok(), "every hash still verifies");
    test.reopen();
    assert!(words(&shown(&test, "E-101")["name"]).starts_with("erased"));
    // A ring from a backup, with the keys in it still, no longer opens: its master key is gone.
    test.let_go();
    fs::write(test.home.data.join("keyring/ring"), ring).unwrap();
    let source = dossier::ids::SeededSource::new("thief");
    let options = dossier::ledger::Options::new(std::sync::Arc::new(test.clock.clone()), std::sync::Arc::new(source));
    let opened = dossier::ledger::Ledger::open(&test.home, options);
    assert!(matches!(opened, Err(OpenError::Ring(_))));
}

#[test]
fn of_somebody_erased_nothing_is_recorded_but_the_name_is_free() {
    let test = one_person();
    erase(&test, "all");
    assert!(completed(&test));
    let gone = (dossier::domain::Code::E_STATE, "R-008".to_owned());
    assert_eq!(test.refuse("E-101", of_person("person.updated", hobby("go"))), gone);
    assert_eq!(test.refuse("E-101", of_person("consent.recorded", consent())), gone);
    let again = json!({ "person_id": "P-2", "customer_id": "C-01", "name": format!("{MARK} Buyer") });
    test.admit("E-101", proposal("person.recorded", None, again));
}

#[test]
fn what_is_private_can_go_alone() {
    let test = one_person();
    erase(&test, "private");
    assert!(completed(&test));
    let row = shown(&test, "E-101");
    assert_eq!(row["name"], format!("{MARK} Buyer"));
    assert!(words(&row["hobbies"]).starts_with("erased"));
    let refused = test.refuse("E-101", of_person("person.updated", hobby("go")));
    assert_eq!(refused, (dossier::domain::Code::E_STATE, "R-008".to_owned()));
    erase(&test, "all");
    assert!(completed(&test));
    assert!(words(&shown(&test, "E-101")["name"]).starts_with("erased"));
}

#[test]
fn an_erasure_that_was_cut_off_is_completed_at_the_next_start() {
    let mut test = one_person();
    // Where the next master key belongs stands something else.
    let obstacle = test.home.keys.join("master.next");
    fs::create_dir(&obstacle).unwrap();
    erase(&test, "all");
    // Keys that cannot be destroyed are a disk that cannot be written: nobody reads on.
    assert!(until(|| test.ledger.health().is_err()));
    assert!(erasing(&test), "it was called complete with the keys still on disk");
    test.let_go();
    fs::remove_dir(&obstacle).unwrap();
    test.reopen();
    assert!(completed(&test));
    assert!(words(&shown(&test, "E-101")["name"]).starts_with("erased"));
}

#[test]
fn what_is_held_is_kept_and_not_used() {
    let test = one_person();
    test.admit("E-902", of_person("legal_hold.placed", json!({ "hold_id": "H-1", "matter": "a dispute" })));
    assert!(words(&shown(&test, "E-101")["name"]).starts_with("restricted"));
    let erasure = of_person("personal_data.erased", json!({ "scope": "all", "ground": "request" }));
    assert_eq!(test.refuse("E-902", erasure), (dossier::domain::Code::E_RULE, "R-008".to_owned()));
    test.admit("E-902", of_person("legal_hold.lifted", json!({ "hold_id": "H-1", "reason": "settled" })));
    assert_eq!(shown(&test, "E-101")["name"], format!("{MARK} Buyer"));
}

/// A value nobody else would write: a rare character and a number.
fn planted(number: usize) -> String {
    format!("\u{9fc3}{number:06}")
}

/// Tells whether one of the planted values stands in these bytes.
fn holds_planted(bytes: &[u8], values: &HashSet<Vec<u8>>) -> bool {
    let length = planted(0).len();
    let mut places = bytes.iter().enumerate().filter(|(_, byte)| **byte == 0xe9);
    places.any(|(place, _)| bytes.get(place..place + length).is_some_and(|found| values.contains(found)))
}

#[test]
fn a_person_of_ten_thousand_entries_leaves_no_readable_byte_and_two_entries() {
    const ENTRIES: usize = 10_000;
    const VALUES: usize = 1_000;
    let logged = logged();
    let elsewhere = Directory::new();
    let place = elsewhere.path().join("place");
    let mut test = one_person();
    let values: HashSet<Vec<u8>> = (0..VALUES).map(|number| planted(number).into_bytes()).collect();
    // Every tenth entry holds a value to be looked for, in each of the fields that take free text.
    let fields = ["hobbies", "family", "personality", "ability", "preferences_concerns", "position", "department"];
    let update = |number: usize| {
        let changes = match number % 10 {
            0 => json!({ (fields[number / 10 % fields.len()]): planted(number / 10) }),
            _ => json!({ "function": if number.is_multiple_of(2) { "user" } else { "handler" } }),
        };
        of_person("person.updated", json!({ "changes": changes, "learned_at": "2026-03-02T09:00:00+08:00" }))
    };
    for batch in 0..ENTRIES / 500 {
        test.submit("E-101", (batch * 500..(batch + 1) * 500).map(update).collect()).unwrap();
    }
    assert!(test.version("person/P-1") >= ENTRIES as u64);
    test.ledger.settle();
    // Evidence made before, a backup made before, and the keys as somebody may have kept them.
    let mut asked = Asked::new(projection::view("evidence").unwrap());
    (asked.subject, asked.limit) = (Some("person/P-1".into()), 100);
    asked.purpose = Some(dossier::access::principal::Purpose::parse("audit").unwrap());
    let evidence = test.ask("E-901", &asked).unwrap();
    let old_place = elsewhere.path().join("old");
    for to in [&place, &old_place] {
        let reach = if *to == place { Reach::Erasures } else { Reach::Once };
        back_up(&test.home, to, reach, &test.clock, &mut |_, _| {}).unwrap();
    }
    let manifest: Value = serde_json::from_slice(&fs::read(old_place.join("backup.json")).unwrap()).unwrap();
    let ring = manifest["files"].as_array().unwrap().iter().find(|file| file["path"] == "keyring/ring").unwrap();
    let old_ring = old_place.join("files").join(ring["blake3"].as_str().unwrap());
    let mut keys = Vec::new();
    dossier::journal::verify(&test.home.data.join("journal"), 0, |frame| {
        for entry in frame.entries().filter(|entry| entry.windows(18).any(|part| part == b"\"subject\":\"person/")) {
            let text = String::from_utf8_lossy(entry).into_owned();
            keys.extend(text.split('"').filter_map(dossier::seal::key_id));
        }
    })
    .unwrap();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 2, "one key for who the person is and one for what is private");
    let origin = test.ledger.origin().to_owned();
    let before = Copy::read(&old_ring, &test.home.keys, &origin).unwrap();
    assert!(keys.iter().all(|key| before.has(*key).is_ok()), "until the erasure they open");

    // Somebody looks back at what was before, so that it is kept.
    let look_back = || {
        for (view, subject) in [("list", None), ("people", Some("C-01"))] {
            test.view_as_of("E-901", view, subject, AsOf::Index(10_000)).unwrap();
        }
        fs::read_dir(test.home.data.join("past")).unwrap().count()
    };
    assert_eq!(look_back(), 2);
    let (size, version) = (test.ledger.state().size, test.version("person/P-1"));
    let began = test.clock.now();
    erase(&test, "all");
    assert!(completed(&test), "the keys were not destroyed");
    // Exactly one entry at each end, and the two of the approval, whatever there is of the person.
    assert_eq!(test.version("person/P-1"), version + 2);
    assert_eq!(test.ledger.state().size, size + 4);
    assert_eq!(test.clock.now(), began, "nothing of it waits for a clock");
    // What was kept of earlier moments went before the end was entered; what is kept anew tells no more of the person than the entries do.
    assert_eq!(fs::read_dir(test.home.data.join("past")).unwrap().count(), 0);
    assert_eq!(look_back(), 2);
    let then = test.view_as_of("E-902", "people", Some("C-01"), AsOf::Index(10_000)).unwrap();
    assert!(words(&then.body["items"][0]["name"]).starts_with("erased"), "{}", then.body);
    test.ledger.settle();
    let vkey = Vkey::parse(&test.ledger.vkey()).unwrap();
    assert!(Evidence::decode(evidence.text.as_bytes()).unwrap().verify(&vkey).sound(), "evidence made before stands");
    test.let_go();

    // The restore verifies every entry there is, the erasure among them.
    let fresh = Home::beside(&elsewhere.path().join("restored"));
    fs::create_dir(&fresh.keys).unwrap();
    for key in ["signing.key", "master.key"] {
        fs::copy(test.home.keys.join(key), fresh.keys.join(key)).unwrap();
    }
    restore(&fresh, &place, None, &mut |_| {}).unwrap();
    let mut searched = 0;
    for home in [&test.home, &fresh] {
        for bytes in everything(home) {
            searched += bytes.len();
            assert!(!holds_planted(&bytes, &values), "a planted value stands in clear");
        }
    }
    assert!(searched > 8 * 1024 * 1024, "only {searched} bytes were searched");
    assert!(!holds_planted(&logged.lock().unwrap(), &values), "a planted value was logged");
    // Neither ring opens what is sealed: the new one has no key, and the old one no master key.
    for ring in [test.home.data.join("keyring/ring"), fresh.data.join("keyring/ring")] {
        let ring = Copy::read(&ring, &fresh.keys, &origin).unwrap();
        assert!(keys.iter().all(|key| ring.has(*key) == Err(KeyError::Destroyed)));
    }
    for keys in [&test.home.keys, &fresh.keys] {
        assert!(Copy::read(&old_ring, keys, &origin).is_err(), "the ring of a backup made before opens");
    }
    let again = Home::beside(&elsewhere.path().join("again"));
    fs::create_dir(&again.keys).unwrap();
    for key in ["signing.key", "master.key"] {
        fs::copy(test.home.keys.join(key), again.keys.join(key)).unwrap();
    }
    let refused = restore(&again, &old_place, None, &mut |_| {}).map(|restored| restored.standing);
    assert!(matches!(refused, Err(RestoreError::WrongMaster)), "{refused:?}");
}

/// Copies a directory as a crash would leave it.
fn image(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        match file.file_type().unwrap().is_dir() {
            true => image(&file.path(), &to.join(file.file_name())),
            false => drop(fs::copy(file.path(), to.join(file.file_name())).unwrap()),
        }
    }
}

#[test]
fn an_erasure_waits_for_its_backup_and_goes_on_wherever_it_was_cut() {
    let elsewhere = Directory::new();
    let (mount, away) = (elsewhere.path().join("mount"), elsewhere.path().join("away"));
    let place = mount.join("place");
    fs::create_dir(&mount).unwrap();
    let test = one_person();
    test.ledger.settle();
    back_up(&test.home, &place, Reach::Erasures, &test.clock, &mut |_, _| {}).unwrap();
    // The disk of the backup is gone: the ledger goes on, nobody reads the person, and the end is not entered.
    fs::rename(&mount, &away).unwrap();
    // Where it was mounted an empty directory stays: no new backup is begun there.
    fs::create_dir_all(&place).unwrap();
    let version = test.version("person/P-1");
    erase(&test, "all");
    assert!(until(|| test.home.keys.join("master.old").exists()));
    assert!(words(&shown(&test, "E-101")["name"]).starts_with("erased"));
    assert!(erasing(&test) && test.ledger.health().is_ok());
    test.ledger.settle();
    assert!(!place.join("backup.json").exists());
    fs::remove_dir_all(&mount).unwrap();
    let generation = |home: &Home| {
        let origin = "test.example.com/ledger";
        Copy::read(&home.data.join("keyring/ring"), &home.keys, origin).unwrap().generation
    };

    // As a crash at each of the steps leaves it.
    type Cut = fn(&Home);
    let cuts: [(&str, Cut); 4] = [
        ("the ring is rewritten, the backup is not", |home| assert!(home.keys.join("master.old").exists())),
        ("the ring is rewritten, the master key has not its name yet", |home| {
            fs::rename(home.keys.join("master.key"), home.keys.join("master.next")).unwrap();
            fs::rename(home.keys.join("master.old"), home.keys.join("master.key")).unwrap();
        }),
        ("the master key is between its names", |home| {
            fs::rename(home.keys.join("master.key"), home.keys.join("master.next")).unwrap();
        }),
        ("the old master key is destroyed, the end is not entered", |home| {
            fs::remove_file(home.keys.join("master.old")).unwrap();
        }),
    ];
    for (number, (step, cut)) in cuts.into_iter().enumerate() {
        let home = Home::beside(&elsewhere.path().join(format!("image{number}")));
        image(&test.home.data, &home.data);
        image(&test.home.keys, &home.keys);
        cut(&home);
        // Nobody needs the backup any more whose old master key is gone.
        let needed = home.keys.join("master.old").exists() || home.keys.join("master.next").exists();
        if needed {
            image(&away, &mount);
        }
        let rewritten = generation(&home);
        let ledger = open(&home, &test.clock, step);
        let person: SubjectId = "P-1".parse().unwrap();
        assert!(until(|| !ledger.state().world.privacy.erasing.contains_key(&person)), "{step}");
        let head = *ledger.state().heads.get(&"person/P-1".parse().unwrap()).unwrap();
        assert_eq!(head.version, version + 2, "{step}");
        ledger.close();
        drop(ledger);
        assert!(!home.keys.join("master.old").exists() && !home.keys.join("master.next").exists(), "{step}");
        assert_eq!(generation(&home), rewritten, "{step}: what is rewritten is not rewritten again");
        if needed {
            // What stands at the place opens with the master key there is now.
            let fresh = Home { data: elsewhere.path().join(format!("restored{number}")), keys: home.keys.clone() };
            restore(&fresh, &place, None, &mut |_| {}).unwrap();
            fs::remove_dir_all(&mount).unwrap();
        }
    }
    // The disk is back: the erasure that waited ends.
    fs::rename(&away, &mount).unwrap();
    test.clock.advance(Duration::from_secs(10));
    assert!(completed(&test));
    assert_eq!(test.version("person/P-1"), version + 2);
    let manifest: Value = serde_json::from_slice(&fs::read(place.join("backup.json")).unwrap()).unwrap();
    assert_eq!(manifest["ring_generation"], generation(&test.home));
}

#[test]
fn no_reading_entered_after_an_erasure_shows_what_was_erased() {
    let test = one_person();
    let mut asked = Asked::new(projection::view("people").unwrap());
    asked.subject = Some("C-01".into());
    asked.reveal = true;
    asked.purpose = Some(dossier::access::principal::Purpose::parse("sales_work").unwrap());
    let (ledger, stop) = (test.ledger.clone(), std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false)));
    let stopped = stop.clone();
    let reader = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut opened = Vec::new();
        while !stopped.load(std::sync::atomic::Ordering::SeqCst) {
            let read = runtime.block_on(ledger.view(&principal("E-101"), &asked)).unwrap();
            if read.text.contains(MARK) {
                opened.extend(read.recorded);
            }
        }
        opened
    });
    assert!(until(|| test.version("reads/C-01") > 20));
    test.admit("E-902", of_person("legal_hold.placed", json!({ "hold_id": "H-1", "matter": "a dispute" })));
    let held = test.ledger.state().heads.get(&"person/P-1".parse().unwrap()).unwrap().index;
    let then = test.version("reads/C-01");
    assert!(until(|| test.version("reads/C-01") > then + 20));
    test.admit("E-902", of_person("legal_hold.lifted", json!({ "hold_id": "H-1", "reason": "settled" })));
    let lifted = test.ledger.state().heads.get(&"person/P-1".parse().unwrap()).unwrap().index;
    let then = test.version("reads/C-01");
    assert!(until(|| test.version("reads/C-01") > then + 20));
    erase(&test, "all");
    let erased = test.ledger.state().heads.get(&"person/P-1".parse().unwrap()).unwrap().index;
    assert!(completed(&test));
    stop.store(true, std::sync::atomic::Ordering::SeqCst);
    let opened = reader.join().unwrap();
    assert!(opened.iter().any(|index| *index < held) && opened.iter().any(|index| *index > lifted));
    assert!(!opened.iter().any(|index| (held..lifted).contains(index)), "shown while it was held");
    assert!(opened.iter().all(|index| *index < erased + 2), "shown after it was erased: {erased}");
}

#[test]
fn an_approved_erasure_joins_the_customers_stream() {
    let test = one_person();
    let before = test.version("customer/C-01");
    erase(&test, "private");
    assert!(completed(&test));
    assert_eq!(test.version("customer/C-01"), before + 3, "asked for, erased, completed");
}

#[test]
fn a_ring_that_still_has_the_keys_of_somebody_erased_does_not_open() {
    let mut test = one_person();
    test.ledger.settle();
    let kept = Directory::new();
    image(&test.home.keys, &kept.path().join("keys"));
    image(&test.home.data.join("keyring"), &kept.path().join("keyring"));
    erase(&test, "all");
    assert!(completed(&test));
    test.let_go();
    // Ring and master key from before, both brought back.
    fs::copy(kept.path().join("keyring/ring"), test.home.data.join("keyring/ring")).unwrap();
    fs::copy(kept.path().join("keys/master.key"), test.home.keys.join("master.key")).unwrap();
    let source = dossier::ids::SeededSource::new("old ring");
    let options = dossier::ledger::Options::new(std::sync::Arc::new(test.clock.clone()), std::sync::Arc::new(source));
    let opened = dossier::ledger::Ledger::open(&test.home, options).map(drop);
    assert!(matches!(opened, Err(OpenError::RingBehind(_))), "{opened:?}");
}

#[test]
fn nobody_gets_a_key_after_the_erasure_and_the_ledger_opens_again() {
    // Whoever had no private key when it was erased must not get one by an attempt that is refused.
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": format!("{MARK} Buyer") });
    test.admit("E-101", proposal("person.recorded", None, person));
    erase(&test, "private");
    assert!(completed(&test));
    let judged =
        json!({ "our_person": "E-101", "our_title": "engineer", "decision_role": "decides", "attitude": "positive" });
    let refused = test.refuse("E-101", of_person("relationship.assessed", judged));
    assert_eq!(refused, (dossier::domain::Code::E_STATE, "R-008".to_owned()));
    test.reopen();
    assert!(!test.ledger.state().world.privacy.erased.is_empty());
}

#[test]
fn a_proposal_that_is_refused_leaves_no_keys_behind() {
    let mut test = one_person();
    test.ledger.settle();
    let twin = json!({ "person_id": "P-2", "customer_id": "C-01", "name": format!("{MARK} Buyer") });
    let conflict = (dossier::domain::Code::E_CONFLICT, "R-031".to_owned());
    assert_eq!(test.refuse("E-101", proposal("person.recorded", None, twin)), conflict);
    let eager = json!({ "person_id": "P-3", "customer_id": "C-01", "name": "Another Buyer", "age": 40 });
    assert_eq!(test.refuse("E-101", proposal("person.recorded", None, eager)).1, "R-046");
    test.let_go();
    let ring = test.home.data.join("keyring/ring");
    let ring = Copy::read(&ring, &test.home.keys, "test.example.com/ledger").unwrap();
    assert!(ring.holds("person/P-1", dossier::seal::ring::Purpose::Identity));
    for person in ["person/P-2", "person/P-3"] {
        assert!(!ring.holds(person, dossier::seal::ring::Purpose::Identity), "{person}");
    }
}

#[test]
fn keys_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let test = one_person();
    erase(&test, "all");
    assert!(completed(&test));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&test.home.keys), 0o700);
    for file in fs::read_dir(&test.home.keys).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    assert_eq!(mode(&test.home.data.join("keyring/ring")), 0o600);
}
