//! Erasing a person: asked for by one, approved by another, the keys destroyed, and all that was proven still proven.

use std::fs;
use std::time::Duration;

use dossier::ids::SubjectId;
use dossier::ledger::{Asked, Proposal, verify_data};
use dossier::projection;
use serde_json::{Value, json};

use crate::support::{TestLedger, proposal};

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

fn completed(test: &TestLedger) -> bool {
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
    assert!(matches!(opened, Err(dossier::ledger::OpenError::Ring(_))));
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
