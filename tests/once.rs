//! What may happen only once: ids, issued or given, and what an approval or a lapse will be entered under.

use std::sync::{Arc, Barrier};

use dossier::domain::{Code, Refusal, common};
use dossier::ids::{self, EntryId};
use dossier::ledger::{Expected, Ledger, Options, Proposal, Receipt, SubmitError};
use serde_json::json;

use crate::support::{TestLedger, contact, principal, proposal, registration};

/// How often each race is run.
const ROUNDS: usize = 30;

fn called(id: &str, proposal: Proposal) -> Proposal {
    Proposal { id: Some(id.into()), ..proposal }
}

fn call() -> Proposal {
    contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap())
}

fn one_customer() -> TestLedger {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    test
}

#[test]
fn an_id_that_was_issued_is_not_given_again() {
    let test = one_customer();
    for entry in ["entry-000001".to_owned(), "x".repeat(50)] {
        test.admit("E-101", called(&entry, call()));
        let issued = ids::issued(&entry.parse().unwrap());
        let mut again = call();
        again.data["contact_id"] = json!(issued);
        assert_eq!(test.refuse("E-101", again).0, Code::E_CONFLICT, "{entry}");
    }
}

#[test]
fn an_id_given_to_a_subject_is_not_issued_to_another() {
    let test = one_customer();
    let mut first = call();
    first.data["contact_id"] = json!("entry-000002");
    test.admit("E-101", first);
    assert_eq!(test.refuse("E-101", called("entry-000002", call())).0, Code::E_CONFLICT);
}

#[test]
fn the_id_an_approval_will_use_is_nobody_elses() {
    let test = one_customer();
    let change = json!({ "added": [{ "role": "hse", "unit": "hq" }], "removed": [], "reason": "asked for" });
    test.admit("E-002", called("ask-00000001", proposal("employee.roles_changed", Some("employee/E-701"), change)));
    let request: EntryId = "ask-00000001".parse().unwrap();
    let later = ids::derived(&request, "approved");
    assert_eq!(test.refuse("E-101", called(later.as_str(), call())).0, Code::E_CONFLICT);
}

#[test]
fn the_same_proposal_at_the_same_time_gets_the_same_answer() {
    let test = one_customer();
    for round in 0..40 {
        let same = called(&format!("round-{round:04}"), call());
        let asker = principal("E-101");
        let submit = || test.ledger.submit(&asker, vec![same.clone()]);
        let answers = test.block_on(async { tokio::join!(submit(), submit(), submit()) });
        let first = answers.0.unwrap();
        assert_eq!((answers.1.unwrap(), answers.2.unwrap()), (first.clone(), first));
    }
}

/// Proposes from two threads at the same moment, and returns the receipt of who won and the refusal of who lost.
fn race(test: &TestLedger, sides: [(&str, Proposal); 2]) -> (Receipt, Refusal) {
    let start = Barrier::new(2);
    let answers = std::thread::scope(|scope| {
        let racers = sides.map(|(who, proposal)| {
            let (start, ledger) = (&start, test.ledger.clone());
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                start.wait();
                runtime.block_on(ledger.submit(&principal(who), vec![proposal]))
            })
        });
        racers.map(|racer| racer.join().unwrap())
    });
    match answers {
        [Ok(won), Err(SubmitError::Refused { at: 0, refusal })]
        | [Err(SubmitError::Refused { at: 0, refusal }), Ok(won)] => (won.into_iter().next().unwrap(), refusal),
        other => panic!("not exactly one of two won: {other:?}"),
    }
}

#[test]
fn of_two_at_once_who_expect_one_version_one_wins_and_the_other_is_told_by_which_entry() {
    let test = one_customer();
    for round in 0..ROUNDS {
        let version = test.version("customer/C-01");
        let side = |who: &'static str, value: &str| {
            let data = json!({ "dimension": "time", "value": value, "basis": format!("round {round}") });
            let classified = proposal("customer.classified", Some("customer/C-01"), data);
            (who, Proposal { expected: vec![Expected { stream: "customer/C-01".into(), version }], ..classified })
        };
        let (won, lost) = race(&test, [side("E-101", "new"), side("E-201", "old")]);
        let Refusal::Common(common::Refusal::Stale { stream, expected, version: now, newest }) = lost else {
            panic!("{lost:?}")
        };
        assert_eq!(
            (stream.as_str(), expected, now, newest),
            ("customer/C-01", version, version + 1, won.index.to_string())
        );
        assert_eq!(test.version("customer/C-01"), version + 1);
    }
}

#[test]
fn of_two_at_once_who_register_one_name_one_wins_and_the_other_is_told_whose_it_is() {
    let test = TestLedger::new();
    for round in 0..ROUNDS {
        // One name in two spellings, which are compared as one.
        let sides = [("E-101", "a", format!("Works No {round}")), ("E-102", "b", format!("ＷORKS  no {round}"))];
        let sides = sides.map(|(who, side, name)| {
            let mut registered = registration(&format!("C-{round}{side}"), &name, "north", who);
            registered.data["owner"] = json!(who);
            (who, registered)
        });
        let (won, lost) = race(&test, sides);
        assert_eq!(lost.grounds(), (Code::E_CONFLICT, "R-031"));
        let id = won.subject.strip_prefix("customer/").unwrap();
        assert!(lost.words().0.contains(id) && lost.words().1.contains(id), "{:?}", lost.words());
        assert_eq!(test.ledger.state().world.customer.customers.len(), round + 1);
    }
}

#[test]
fn of_two_at_once_with_one_id_for_two_things_one_wins_and_the_other_is_told_that_it_is_taken() {
    let test = one_customer();
    for round in 0..ROUNDS {
        let id = format!("raced-{round:04}");
        let side = |who: &'static str| {
            let mut said = contact("C-01", who, "2026-03-02T09:30:00+08:00".parse().unwrap());
            said.data["summary"] = json!(format!("as {who} tells it"));
            (who, called(&id, said))
        };
        // Of one person's two contents and of two persons alike.
        let other = match round % 2 {
            0 => side("E-201"),
            _ => ("E-101", called(&id, call())),
        };
        let before = test.version("customer/C-01");
        let (won, lost) = race(&test, [side("E-101"), other]);
        assert!(matches!(lost, Refusal::Common(common::Refusal::IdTaken)), "{lost:?}");
        assert_eq!((won.id.as_str(), test.version("customer/C-01")), (id.as_str(), before + 1));
    }
}

#[test]
fn the_same_id_with_another_late_reason_or_correlation_is_taken() {
    let test = one_customer();
    let change = || {
        let data = json!({ "added": [{ "role": "hse", "unit": "hq" }], "removed": [], "reason": "asked for" });
        proposal("employee.roles_changed", Some("employee/E-701"), data)
    };
    // One is entered at once, the other waits for approval; both keep what the envelope says.
    for (who, id, plain) in [("E-101", "entry-000003", call()), ("E-002", "entry-000004", change())] {
        let with = |late: Option<&str>, tied: Option<&str>| Proposal {
            latereason: late.map(str::to_owned),
            correlation: tied.map(str::to_owned),
            ..called(id, plain.clone())
        };
        let first = test.admit(who, with(Some("no signal"), Some("visit 7")));
        assert_eq!(test.admit(who, with(Some("no signal"), Some("visit 7"))), first);
        let others = [
            with(Some("forgotten"), Some("visit 7")),
            with(None, Some("visit 7")),
            with(Some("no signal"), Some("visit 8")),
            with(Some("no signal"), None),
            with(None, None),
        ];
        for other in others {
            assert_eq!(test.refuse(who, other.clone()), (Code::E_CONFLICT, "R-010".to_owned()), "{other:?}");
        }
    }
}

#[test]
fn a_repeat_that_expects_another_version_gets_the_first_answer() {
    let test = one_customer();
    let expecting = |version: u64| Proposal {
        expected: vec![Expected { stream: "customer/C-01".into(), version }],
        ..called("entry-000005", call())
    };
    let version = test.version("customer/C-01");
    let first = test.admit("E-101", expecting(version));
    assert_eq!(test.version("customer/C-01"), version + 1);
    // The first has moved the stream itself, and whoever did not hear the answer may have looked again.
    assert_eq!(test.admit("E-101", expecting(version)), first);
    assert_eq!(test.admit("E-101", expecting(version + 1)), first);
    assert_eq!(test.admit("E-101", called("entry-000005", call())), first);
}

#[test]
fn only_streams_of_the_event_may_be_expected_at_a_version() {
    let test = one_customer();
    let expecting =
        |stream: &str, version: u64| Proposal { expected: vec![Expected { stream: stream.into(), version }], ..call() };
    for stream in ["employee/E-801", "reads/C-01", "acts/E-902", "customer/C-02"] {
        assert_eq!(test.refuse("E-101", expecting(stream, 1)).0, Code::E_SCHEMA, "{stream}");
    }
    let version = test.version("customer/C-01");
    test.admit("E-101", expecting("customer/C-01", version));
}

#[test]
fn a_denial_of_evidence_is_entered() {
    let test = one_customer();
    let before = test.ledger.state().size;
    assert!(test.view("E-101", "evidence", Some("customer/C-01")).is_err());
    assert_eq!(test.ledger.state().size, before + 1);
}

#[test]
fn a_ledger_whose_checkpoints_were_removed_does_not_start() {
    let mut test = one_customer();
    test.ledger.settle();
    let source = test.ledger.source();
    test.let_go();
    for slot in ["checkpoint.0", "checkpoint.1"] {
        drop(std::fs::remove_file(test.home.data.join(slot)));
    }
    let refused = Ledger::open(&test.home, Options::new(Arc::new(test.clock.clone()), source)).err();
    assert!(refused.is_some_and(|error| error.integrity()));
}
