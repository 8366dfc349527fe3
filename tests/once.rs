//! What may happen only once: ids, issued or given, and what an approval or a lapse will be entered under.

use std::sync::Arc;

use dossier::domain::Code;
use dossier::ids::{self, EntryId};
use dossier::ledger::{Expected, Ledger, Options, Proposal};
use serde_json::json;

use crate::support::{TestLedger, contact, principal, proposal};

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
