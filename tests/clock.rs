//! The clock: set back a little, set back a lot, over a restart; and what a tick enters of itself.

use std::time::Duration;

use dossier::clock::{Clock as _, Timestamp};
use dossier::domain::{Code, Refusal, common};
use dossier::ledger::{Proposal, SubmitError, ViewError};
use dossier::proof::merkle;
use serde_json::{Value, json};

use crate::support::{TestLedger, contact, proposal};

/// What clocks are put right by, which is no leap; three times as much is one.
const LITTLE: Duration = Duration::from_secs(25);

/// Two hours: nothing puts a clock right by that.
const MUCH: Duration = Duration::from_secs(2 * 3_600);

fn one_customer() -> TestLedger {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    test
}

/// A contact of now, as the clock shows it.
fn talked(test: &TestLedger) -> Proposal {
    contact("C-01", "E-101", test.clock.now())
}

fn accepted() -> Proposal {
    proposal("clock.accepted", None, json!({ "reason": "the time server was wrong before" }))
}

/// Sets the wall clock back while no time passes.
fn set_back(test: &TestLedger, by: Duration) {
    test.clock.leap_to(test.clock.now().minus(by));
}

/// Every entry of the ledger, from the files.
fn entries(test: &TestLedger) -> Vec<Value> {
    let mut entries = Vec::new();
    dossier::journal::verify(&test.home.data.join("journal"), 0, |frame| {
        entries.extend(frame.entries().map(|entry| serde_json::from_slice::<Value>(entry).unwrap()));
    })
    .unwrap();
    entries
}

/// Checks that every entry is later than the one before it.
fn check_order(test: &TestLedger) {
    let times: Vec<Timestamp> =
        entries(test).iter().map(|entry| entry["time"].as_str().unwrap().parse().unwrap()).collect();
    assert!(times.is_sorted_by(|earlier, later| earlier < later), "{times:?}");
    assert_eq!(times.len() as u64, test.ledger.state().size);
}

/// Checks that nothing is entered and nothing shown until somebody accepts the clock.
fn check_stopped(test: &TestLedger) {
    let before = test.ledger.state().size;
    let leapt = Refusal::Common(common::Refusal::ClockLeapt);
    match test.submit("E-101", vec![talked(test)]) {
        Err(SubmitError::Refused { refusal, .. }) => assert_eq!(refusal.grounds(), leapt.grounds()),
        other => panic!("entered while the clock is wrong: {other:?}"),
    }
    match test.view("E-101", "archive", Some("C-01")) {
        Err(ViewError::Refused(refusal)) => assert_eq!(refusal.grounds(), leapt.grounds()),
        other => panic!("shown while the clock is wrong: {other:?}"),
    }
    // The clock brings nothing about either.
    test.block_on(test.ledger.tick()).unwrap();
    assert_eq!(test.ledger.state().size, before, "not even a refusal or a denial");
}

/// Checks that the ledger enters and shows.
fn check_going(test: &TestLedger) {
    test.admit("E-101", talked(test));
    test.view("E-101", "archive", Some("C-01")).unwrap();
}

#[test]
fn a_clock_set_back_a_little_is_followed_by_entries_a_microsecond_apart() {
    let mut test = one_customer();
    let last = test.ledger.state().last_at;
    set_back(&test, LITTLE);
    for number in 1..=3 {
        test.admit("E-101", talked(&test));
        assert_eq!(test.ledger.state().last_at, last.plus(Duration::from_micros(number)));
    }
    check_order(&test);
    // Nobody accepts what needs no accepting.
    assert_eq!(test.refuse("E-002", accepted()), (Code::E_STATE, "R-023".to_owned()));
    test.reopen();
    check_going(&test);
    // Once it has caught up entries have its time again.
    test.clock.advance(MUCH);
    test.admit("E-101", talked(&test));
    assert_eq!(test.ledger.state().last_at, test.clock.now());
    check_order(&test);
}

#[test]
fn a_clock_set_back_a_little_again_and_again_is_a_leap_in_the_end() {
    let test = one_customer();
    set_back(&test, LITTLE);
    check_going(&test);
    set_back(&test, LITTLE);
    check_going(&test);
    set_back(&test, LITTLE);
    check_stopped(&test);
    test.admit("E-002", accepted());
    check_going(&test);
    check_order(&test);
}

#[test]
fn a_clock_set_back_a_lot_stops_everything_until_an_operator_accepts_it() {
    let test = one_customer();
    set_back(&test, MUCH);
    check_stopped(&test);
    // Nobody else accepts it, and what only waits changes nothing.
    assert_eq!(test.refuse("E-101", accepted()).0, Code::E_FORBIDDEN);
    test.clock.advance(Duration::from_secs(600));
    check_stopped(&test);
    let last = test.ledger.state().last_at;
    let stamped = test.admit("E-002", accepted());
    assert_eq!(test.ledger.state().last_at, last.plus(Duration::from_micros(1)), "{stamped:?}");
    // The clock is still behind; that is what was accepted.
    check_going(&test);
    test.clock.advance(Duration::from_secs(600));
    check_going(&test);
    assert_eq!(test.refuse("E-002", accepted()), (Code::E_STATE, "R-023".to_owned()));
    // Another leap is another one, forward too.
    test.clock.leap_to(test.clock.now().plus(MUCH));
    check_stopped(&test);
    test.admit("E-002", accepted());
    check_going(&test);
    check_order(&test);
}

#[test]
fn a_clock_that_was_set_back_while_nobody_looked_is_found_at_the_start() {
    let mut test = one_customer();
    test.ledger.close();
    set_back(&test, MUCH);
    test.reopen();
    check_stopped(&test);
    test.admit("E-002", accepted());
    check_going(&test);
    // What was accepted before holds for as long as the process: the next start finds the clock behind the last entry again.
    test.reopen();
    check_stopped(&test);
    test.admit("E-002", accepted());
    check_going(&test);
    test.clock.advance(MUCH + MUCH);
    test.reopen();
    check_going(&test);
    check_order(&test);
}

/// How many checkpoints are noted in the ledger, and the last of them.
fn noted(test: &TestLedger) -> (usize, Value) {
    let noted = entries(test).into_iter().filter(|entry| entry["type"] == "ledger.checkpointed");
    let noted: Vec<Value> = noted.collect();
    (noted.len(), noted.last().cloned().unwrap_or_default())
}

#[test]
fn a_tick_notes_the_signed_checkpoint_and_does_not_note_its_own_entry() {
    let test = one_customer();
    let tick = || {
        test.ledger.settle();
        test.block_on(test.ledger.tick()).unwrap();
    };
    tick();
    assert_eq!(noted(&test).0, 0, "on the first day nothing is due");
    test.clock.advance(Duration::from_secs(86_400));
    test.ledger.settle();
    let signed = test.ledger.checkpoint().0;
    tick();
    let (count, entry) = noted(&test);
    assert_eq!((count, &entry["actor"]), (1, &json!("system")));
    assert_eq!(entry["data"]["size"], signed.size);
    // It is the root of all entries before it.
    let mut leaves = Vec::new();
    dossier::journal::verify(&test.home.data.join("journal"), 0, |frame| {
        leaves.extend(frame.entries().map(merkle::leaf_hash));
    })
    .unwrap();
    assert_eq!(
        entry["data"]["root"],
        json!(dossier::entry::Hash(merkle::root(&leaves[..usize::try_from(signed.size).unwrap()])))
    );
    // Nothing new: neither at once nor on the days after.
    let size = test.ledger.state().size;
    for _ in 0..3 {
        tick();
        test.pass(1);
    }
    assert_eq!((noted(&test).0, test.ledger.state().size), (1, size));
    // What comes then is noted, as the last note is of an earlier day; more of that day waits for the next.
    test.admit("E-101", talked(&test));
    tick();
    assert_eq!(noted(&test).0, 2);
    test.admit("E-101", talked(&test));
    tick();
    assert_eq!(noted(&test).0, 2);
    test.pass(1);
    tick();
    assert_eq!(noted(&test).0, 3);
    // A thousand entries are noted whatever the day.
    for _ in 0..2 {
        test.submit("E-101", (0..500).map(|_| talked(&test)).collect()).unwrap();
    }
    tick();
    assert_eq!(noted(&test).0, 4);
    check_order(&test);
}
