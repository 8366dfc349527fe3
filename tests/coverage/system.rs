//! What only the system enters: proposed by nobody, brought about by what calls for it, and neither corrected nor voided by hand.

use dossier::domain::catalog::{self, Referent};
use serde_json::{Value, json};

use crate::coverage::{REASON, Row, Try, company, entered_since, given, sale};
use crate::support::{STAFF, founding};

/// What is tried here.
const TYPES: &[Row] = &[
    ("ledger.initialized", 1, initialized),
    ("ledger.checkpointed", 2, checkpointed),
    ("access_policy.adopted", 0, access_policy_adopted),
    ("command.refused", 0, command_refused),
    ("obligation.breached", 1, breached),
    ("archive.accessed", 2, accessed),
    ("archive.access_denied", 0, denied),
    ("approval.requested", 0, requested),
    ("personal_data.erasure_completed", 1, erasure_completed),
];

#[test]
fn every_type_only_the_system_enters_is_in_the_table_once() {
    let listed: Vec<&str> = TYPES.iter().map(|(kind, ..)| *kind).collect();
    let mut declared: Vec<&str> = catalog::types().iter().filter(|kind| kind.system).map(|kind| kind.name).collect();
    for kind in &listed {
        assert!(declared.contains(kind), "{kind} is not the system's");
        declared.retain(|one| one != kind);
    }
    assert_eq!(declared, [""; 0], "not in the table");
}

#[test]
fn what_only_the_system_enters_comes_about_and_each_of_its_bad_inputs_is_refused() {
    super::run(TYPES);
}

#[test]
fn nobody_proposes_what_only_the_system_enters_and_it_is_refused_by_name() {
    let served = company();
    for kind in catalog::types().iter().filter(|kind| kind.system) {
        let subject = kind.subject.map(|subject| match subject.of {
            Referent::Employee => subject.named("E-101"),
            Referent::Person => subject.named("P-1"),
            other => panic!("{} is of {other:?}", kind.name),
        });
        let path = format!("{}/schemas/examples/{}.json", env!("CARGO_MANIFEST_DIR"), kind.name);
        let mut data: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        if kind.name == "approval.requested" {
            data["data"]["reason"] = json!("as agreed");
        }
        let mut event = json!({ "type": kind.name, "data": data });
        if let Some(subject) = subject {
            event["subject"] = json!(subject);
        }
        for (who, ..) in STAFF {
            let before = served.test.ledger.state().size;
            let found = served.refuse(who, &event);
            let expected = match (kind.name, *who) {
                ("approval.requested", "E-901") => (403, "E_FORBIDDEN".into(), "R-063".into()),
                // Whoever may propose what needs consent asks for it by proposing that.
                ("approval.requested", _) => (422, "E_RULE".into(), "R-021".into()),
                _ => (403, "E_FORBIDDEN".into(), "R-050".into()),
            };
            // Of a person only those learn who may know of the customer: E-101, whose it is, among them.
            let hidden = kind.name == "personal_data.erasure_completed" && *who != "E-101" && found.0 == 404;
            assert!(found == expected || hidden, "{} by {who}: {found:?}", kind.name);
            assert_eq!(entered_since(&served, before), ["command.refused"], "{} by {who}", kind.name);
        }
    }
}

impl Try<'_> {
    /// The system has entered it since the ledger had that size, and nobody corrects or voids what it entered.
    fn came_about(&mut self, since: u64) {
        let entry = |index: u64| {
            self.served.test.view("E-901", "entry", Some(&index.to_string())).unwrap().body["entry"].clone()
        };
        let entries = (since..self.served.test.ledger.state().size).map(entry);
        let Some(entered) = entries.into_iter().find(|entry| entry["type"] == self.kind) else {
            return self.wrong.push("it did not come about".into());
        };
        self.good = true;
        let voided = json!({ "type": "record.voided", "data": { "target_event": entered["id"], "reason": REASON } });
        let found = self.served.refuse("E-501", &voided);
        if found != (422, "E_RULE".into(), "R-005".into()) {
            self.wrong.push(format!("voided by hand: {found:?}"));
        }
    }
}

fn initialized(t: &mut Try<'_>) {
    let test = &t.served.test;
    let again = test.block_on(test.ledger.found(founding(test.clock_now())));
    t.refused_inside("a second time", again.err(), ("E_STATE", "R-022"));
    t.came_about(0);
}

fn checkpointed(t: &mut Try<'_>) {
    t.shown("one that does not grow", "checkpoints_grow_and_only_the_system_notes_them");
    t.shown("another root than the ledger's", "a_tick_notes_the_signed_checkpoint_and_does_not_note_its_own_entry");
    let before = t.served.test.ledger.state().size;
    t.served.test.ledger.settle();
    t.served.test.pass(1);
    t.came_about(before);
}

fn access_policy_adopted(t: &mut Try<'_>) {
    t.came_about(0);
}

fn command_refused(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.served.refuse("E-101", &sale("S-9", "sale", 5));
    t.came_about(before);
}

fn breached(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.served.test.pass(3);
    t.shown("one level twice", "only_the_clock_enters_breaches_and_each_level_once");
    t.came_about(before);
    // However often the clock looks, each level is entered once.
    let after = t.served.test.ledger.state().size;
    t.served.test.pass(0);
    assert_eq!(entered_since(t.served, after), [] as [Value; 0]);
}

fn accessed(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.shown("without its purpose", "whatever_needs_a_purpose_is_denied_without_one_and_the_denial_is_entered");
    t.shown("where it cannot be written", "a_reading_that_cannot_be_entered_shows_nothing_and_leaves_no_entry");
    t.served.get("E-101", "/v1/views/card?subject=C-01");
    t.came_about(before);
}

fn denied(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.served.get("E-102", "/v1/views/card?subject=C-01");
    t.came_about(before);
}

fn requested(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.before("E-601", &json!({ "type": "policy.adopted", "data": {
        "unit": "hq", "presets": {}, "parameters": { "p.loan.max_days": 5 }, "effective_at": "2026-05-01T00:00:00+08:00",
        "reason": "as agreed" } }));
    t.came_about(before);
}

fn erasure_completed(t: &mut Try<'_>) {
    let before = t.served.test.ledger.state().size;
    t.shown("of what is not being erased", "of_an_erased_person_nothing_more_is_recorded");
    let erased = json!({ "type": "personal_data.erased", "subject": "person/P-1",
        "data": { "scope": "all", "ground": "request" } });
    let asked = t.served.admit("E-902", &erased);
    t.served.admit("E-802", &given(asked["subject"].as_str().unwrap().strip_prefix("approval/").unwrap()));
    t.served.test.ledger.await_erasures();
    t.came_about(before);
}
