//! Mistakes put right: what is refused, what counts from then on and before, and what anybody can still read.

use dossier::domain::Code;
use dossier::ledger::{AsOf, Asked, Proposal, SubmitError, verify_data};
use dossier::projection;
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{TestLedger, contact, principal, proposal};

const REASON: &str = "a zero too many was typed";

fn correction(target: &str, changes: &[(&str, Value)]) -> Proposal {
    let changes: Vec<Value> = changes
        .iter()
        .map(|(path, new)| if new.is_null() { json!({ "path": path }) } else { json!({ "path": path, "new": new }) })
        .collect();
    proposal("record.corrected", None, json!({ "target_event": target, "changes": changes, "reason": REASON }))
}

fn voiding(target: &str) -> Proposal {
    proposal("record.voided", None, json!({ "target_event": target, "reason": REASON }))
}

fn sale(id: &str, fen: i64, day: &str) -> Proposal {
    let data = json!({
        "sale_id": id, "customer_id": "C-01", "invoice_name": "Heyuan", "kind": "sale", "product": "Relay",
        "product_category": "Protection", "region": "north", "amount": fen, "sold_on": day,
    });
    proposal("sale.recorded", None, data)
}

/// A ledger in which E-101 recorded a visit with a need of "500" instead of "50".
fn a_visit() -> (TestLedger, String, u64) {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let mut visit = contact("C-01", "E-101", test.ledger.clock().now());
    visit.data["summary"] = json!("They need 500 relays.");
    let made = test.admit("E-101", visit).remove(0);
    (test, made.id.to_string(), made.index)
}

fn contacts(test: &TestLedger) -> Value {
    test.view("E-101", "archive", Some("C-01")).unwrap().body["contacts"].clone()
}

fn rule(found: &(Code, String)) -> (Code, &str) {
    (found.0, found.1.as_str())
}

/// What comes back of a sale.
fn back(id: &str, of: &str, fen: i64) -> Proposal {
    let mut back = sale(id, fen, "2026-03-02");
    back.data["kind"] = json!("return");
    back.data["returns"] = json!(of);
    back
}

#[test]
fn goods_come_back_of_a_sale_as_it_counts_now() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let sold = test.admit("E-401", sale("S-1", 100_000, "2026-03-01")).remove(0).id.to_string();
    test.admit("E-401", correction(&sold, &[("/amount", json!(10_000))]));
    assert_eq!(rule(&test.refuse("E-401", back("S-2", "S-1", 10_001))), (Code::E_RULE, "R-113"));
    test.admit("E-401", back("S-2", "S-1", 10_000));
    let other = test.admit("E-401", sale("S-3", 70_000, "2026-03-01")).remove(0).id.to_string();
    test.admit("E-401", voiding(&other));
    assert_eq!(rule(&test.refuse("E-401", back("S-4", "S-3", 70_000))), (Code::E_STATE, "R-005"));
}

#[test]
fn nothing_new_rests_on_what_is_voided() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let now = test.clock_now();
    let met = |id: &str| {
        let mut met = contact("C-01", "E-101", now);
        (met.id, met.data["channel"], met.data["contact_id"]) =
            (Some(id.into()), json!("meeting"), json!(format!("M-{id}")));
        met
    };
    for id in ["meeting-01", "meeting-02"] {
        test.admit("E-101", met(id));
    }
    test.admit("E-101", voiding("meeting-01"));
    let evidence = |id: &str| {
        let data = json!({
            "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [id], "reason": "pays every invoice on time",
        });
        proposal("credit_grade.proposed", None, data)
    };
    let naming = |field: &str, value: Value| {
        let mut named = contact("C-01", "E-101", now);
        named.data[field] = value;
        named
    };
    let minutes = |of: &str| {
        let data = json!({
            "kind": "meeting_minutes", "title": "Minutes", "customer_id": "C-01", "related": [of], "class": "C1",
        });
        proposal("document.filed", None, data)
    };
    let refused =
        [evidence("meeting-01"), naming("replies_to", json!("meeting-01")), naming("related", json!(["meeting-01"]))];
    for refused in refused {
        assert_eq!(rule(&test.refuse("E-101", refused)), (Code::E_STATE, "R-005"));
    }
    let accepted =
        [evidence("meeting-02"), naming("replies_to", json!("meeting-02")), naming("related", json!(["meeting-02"]))];
    for accepted in accepted {
        test.admit("E-101", accepted);
    }
    // A file is not even taken in for what would be refused.
    for voided in ["meeting-01", "M-meeting-01"] {
        let receiving = test.block_on(test.ledger.receive(&principal("E-501"), &mut minutes(voided)));
        let Err(SubmitError::Refused { refusal, .. }) = receiving else { panic!("{voided} has minutes") };
        assert_eq!(refusal.grounds(), (Code::E_RULE, "R-016"));
    }
    for live in ["meeting-02", "M-meeting-02"] {
        test.file("E-501", minutes(live), b"%PDF-1.7 invented minutes");
    }
}

#[test]
fn sc_15_a_mistake_is_put_right_and_what_was_entered_stays() {
    let (test, visit, index) = a_visit();
    let entry = |index: u64| test.view("E-901", "entry", Some(&index.to_string())).unwrap().body.clone();
    let before = entry(index);
    let done = test.admit("E-101", correction(&visit, &[("/summary", json!("They need 50 relays."))]));
    let shown = contacts(&test);
    assert_eq!(
        (&shown[0]["summary"], &shown[0]["corrected_by"]),
        (&json!("They need 50 relays."), &json!(done[0].index))
    );
    assert_eq!(shown[0]["index"], index, "with a link to the old");
    let after = entry(index);
    assert_eq!((&after["hash"], &after["entry"]), (&before["hash"], &before["entry"]), "not a byte of it has changed");
    assert_eq!(after["line"]["corrections"][0]["index"], done[0].index);
    assert_eq!(after["line"]["now"]["summary"], "They need 50 relays.");
    assert_eq!(entry(done[0].index)["line"]["corrects"]["index"], index);
    let timeline = test.view("E-101", "timeline", Some("contact/C-01")).unwrap().body["items"].clone();
    assert_eq!(timeline[0]["corrects"]["index"], index);
    assert_eq!(timeline[1]["payload"]["summary"], "They need 500 relays.");
    assert_eq!(timeline[1]["corrections"][0]["index"], done[0].index);
    for who in ["E-501", "E-901", "E-902"] {
        let rows = test.view(who, "corrections", None).unwrap().body["items"].clone();
        let change = &rows[0]["changes"][0];
        assert_eq!((&rows[0]["target"], &rows[0]["by"]), (&json!(index), &json!("E-101")), "{rows}");
        assert_eq!((&rows[0]["reason"], &change["path"]), (&json!(REASON), &json!("/summary")));
        assert_eq!((&change["old"], &change["new"]), (&json!("They need 500 relays."), &json!("They need 50 relays.")));
    }
    assert!(
        test.view("E-101", "corrections", None).is_err() && test.view("E-101", "corrections", Some("C-01")).is_err()
    );
    // As of before, it said what was entered.
    let then = test.view_as_of("E-101", "archive", Some("C-01"), AsOf::Index(done[0].index - 1)).unwrap();
    assert_eq!(then.body["contacts"][0]["summary"], "They need 500 relays.");
    test.ledger.settle();
    assert!(verify_data(&test.home.data, |_| {}).is_ok());
}

#[test]
fn what_cannot_be_put_right_is_refused_with_its_rule_and_changes_nothing() {
    let (test, visit, _) = a_visit();
    let served = Served::of(test);
    let post = |who: &str, kind: &str, data: Value| served.refuse(who, &json!({ "type": kind, "data": data }));
    let correct = |who: &str, target: &str, path: &str, new: Value| {
        let changes = json!([{ "path": path, "new": new }]);
        post(who, "record.corrected", json!({ "target_event": target, "changes": changes, "reason": REASON }))
    };
    let found = |found: (u16, String, String)| (found.0, found.1, found.2);
    let expect = |status: u16, code: &str, rule: &str| (status, code.to_owned(), rule.to_owned());
    let size = served.test.version("customer/C-01");
    let text = || json!("They need 50 relays.");
    // Who: neither the first nor above, nor the custodian.
    assert_eq!(found(correct("E-102", &visit, "/summary", text())).0, 403);
    assert_eq!(found(correct("E-103", &visit, "/summary", text())).0, 403);
    // What.
    assert_eq!(correct("E-101", "no-such-entry", "/summary", text()), expect(404, "E_REF", ""));
    for (path, new) in [
        ("/nothing", text()),
        ("summary", text()),
        ("/promises/0/due", json!("2026-03-09")),
        ("/our_people/7", json!("E-102")),
    ] {
        assert_eq!(correct("E-101", &visit, path, new), expect(400, "E_SCHEMA", ""), "{path}");
    }
    for new in [json!(5), json!(""), json!(null), json!("a\u{0}b")] {
        assert_eq!(correct("E-101", &visit, "/summary", new.clone()), expect(400, "E_SCHEMA", ""), "{new}");
    }
    assert_eq!(correct("E-101", &visit, "/contact_id", json!("K-1")), expect(422, "E_RULE", "R-005"));
    assert_eq!(correct("E-101", &visit, "/summary", json!("They need 500 relays.")), expect(422, "E_RULE", "R-005"));
    assert_eq!(correct("E-101", &visit, "/our_people", json!(["E-102"])), expect(422, "E_RULE", "R-065"));
    assert_eq!(correct("E-101", &visit, "/our_people", json!(["E-101", "E-999"])), expect(404, "E_REF", ""));
    assert_eq!(correct("E-101", &visit, "/at", json!("2026-03-09T10:00:00Z")), expect(422, "E_RULE", "R-011"));
    // Why.
    let short =
        json!({ "target_event": visit, "changes": [{ "path": "/summary", "new": "x" }], "reason": "typo      " });
    assert_eq!(post("E-101", "record.corrected", short), expect(400, "E_SCHEMA", "R-005"));
    let short = json!({ "target_event": visit, "reason": "twice" });
    assert_eq!(post("E-101", "record.voided", short), expect(400, "E_SCHEMA", "R-005"));
    // Another stream's, the ledger's own, a decision, a reading.
    let data = json!({ "target_event": visit, "reason": REASON });
    let elsewhere = json!({ "type": "record.voided", "subject": "customer/C-01", "data": data });
    assert_eq!(served.refuse("E-101", &elsewhere), expect(422, "E_RULE", "R-005"));
    let grade = json!({
        "proposal_id": "G-1", "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [visit],
        "reason": "pays every invoice on time",
    });
    served.admit("E-101", &json!({ "type": "credit_grade.proposed", "data": grade, "id": "grade-0001" }));
    let cited =
        served.post("E-101", &json!({ "type": "record.voided", "data": { "target_event": visit, "reason": REASON } }));
    assert_eq!(cited.problem(), expect(422, "E_RULE", "R-005"));
    assert!(cited.text().contains("grade-0001"), "{}", cited.text());
    let approved =
        json!({ "type": "credit_grade.approved", "data": { "proposal_id": "G-1", "to": "B" }, "id": "approved-0001" });
    served.admit("E-301", &approved);
    for who in ["E-101", "E-301", "E-501"] {
        assert_eq!(correct(who, "approved-0001", "/opinion", json!("x")), expect(422, "E_RULE", "R-005"), "{who}");
    }
    assert_eq!(correct("E-101", "grade-0001", "/to", json!("C")), expect(422, "E_RULE", "R-005"));
    let read = served.get("E-101", "/v1/customers/C-01");
    assert_eq!(read.status, 200);
    let state = served.test.ledger.state();
    let reading = served.get("E-901", &format!("/v1/entries/{}", state.size - 1)).json();
    let reading = reading["entry"]["id"].as_str().unwrap().to_owned();
    assert_eq!(correct("E-501", &reading, "/place", json!("office")), expect(422, "E_RULE", "R-005"));
    assert_eq!(served.test.version("customer/C-01"), size + 2, "the proposal and the decision, and nothing else");
    // Nobody edits or deletes.
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(served.request("E-501", method, "/v1/entries/7", &[], b"{}").status, 405);
    }
}

#[test]
fn who_may_put_right_is_the_first_a_superior_or_the_custodian() {
    let (test, visit, _) = a_visit();
    for (at, who) in ["E-101", "E-201", "E-801", "E-501"].into_iter().enumerate() {
        test.admit(who, correction(&visit, &[("/minutes", json!(at + 10))]));
    }
    for who in ["E-102", "E-302", "E-901", "E-401"] {
        assert_eq!(test.refuse(who, correction(&visit, &[("/minutes", json!(99))])).0, Code::E_FORBIDDEN, "{who}");
    }
}

#[test]
fn the_custodian_puts_right_what_archivists_keep_and_nothing_else() {
    let (test, visit, _) = a_visit();
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Zhurong Buyer" });
    let person = test.admit("E-101", proposal("person.recorded", None, person)).remove(0).id;
    test.admit("E-501", correction(person.as_str(), &[("/department", json!("Purchasing"))]));
    let violated = json!({ "kind": "data_loss", "facts": "A file was left on a train.", "evidence": [visit], "sanction": "warning",
        "decided_by": "E-801" });
    let held = json!({ "hold_id": "H-1", "matter": "a lawsuit" });
    let notice = json!({ "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" });
    let unit = json!({ "unit_id": "desk", "name": "Desk", "kind": "office", "parent": "north", "territory": [], "status": "active" });
    for (who, entered) in [
        ("E-401", sale("S-1", 50_000, "2026-03-02")),
        ("E-902", proposal("violation.recorded", Some("employee/E-102"), violated)),
        ("E-902", proposal("legal_hold.placed", Some("person/P-1"), held)),
        ("E-001", proposal("employee.status_changed", Some("employee/E-102"), notice)),
        ("E-001", proposal("org_unit.defined", None, unit)),
    ] {
        let kind = entered.kind.clone();
        let made = test.admit(who, entered).remove(0).id;
        assert_eq!(test.refuse("E-501", voiding(made.as_str())).0, Code::E_FORBIDDEN, "{kind}");
    }
}

#[test]
fn who_looks_after_a_customer_is_assigned_and_not_corrected() {
    let (test, _, _) = a_visit();
    let registered = test.view("E-901", "timeline", Some("customer/C-01")).unwrap();
    let registered = registered.body["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    let assigned =
        json!({ "owner": "E-101", "co_contacts": [], "reason": "reassignment", "effective_at": test.clock_now() });
    let assigned =
        test.admit("E-201", proposal("customer.owner_assigned", Some("customer/C-01"), assigned)).remove(0).id;
    for (who, target) in [("E-101", registered.as_str()), ("E-501", registered.as_str()), ("E-201", assigned.as_str())]
    {
        let other = correction(target, &[("/owner", json!("E-102"))]);
        assert_eq!(rule(&test.refuse(who, other)), (Code::E_RULE, "R-005"), "{who}");
    }
    let shared = correction(assigned.as_str(), &[("/co_contacts", json!(["E-102"]))]);
    assert_eq!(rule(&test.refuse("E-201", shared)), (Code::E_RULE, "R-005"));
}

#[test]
fn a_voided_entry_counts_for_nothing_and_a_voided_voiding_brings_it_back() {
    let (test, visit, _) = a_visit();
    let total = || test.view("E-201", "stats", None).unwrap().body["total"]["sales"].clone();
    let made = test.admit("E-401", sale("S-1", 50_000, "2026-03-02")).remove(0);
    test.admit("E-401", sale("S-2", 10_000, "2026-03-02"));
    assert_eq!(total(), 60_000);
    let corrected = test.admit("E-401", correction(made.id.as_str(), &[("/amount", json!(5_000))])).remove(0);
    assert_eq!(total(), 15_000);
    let voided = test.admit("E-401", voiding(made.id.as_str())).remove(0);
    assert_eq!(total(), 10_000);
    for target in [made.id.as_str(), corrected.id.as_str()] {
        assert_eq!(rule(&test.refuse("E-401", voiding(target))), (Code::E_STATE, "R-005"));
        let again = correction(target, &[("/reason", json!("another reason for it"))]);
        assert_ne!(test.refuse("E-401", again).0, Code::E_FORBIDDEN);
    }
    test.admit("E-401", voiding(voided.id.as_str()));
    assert_eq!(total(), 15_000, "as corrected before");
    test.admit("E-401", correction(corrected.id.as_str(), &[("/changes/0/new", json!(500))]));
    assert_eq!(total(), 10_500, "a correction can itself be corrected");
    test.admit("E-401", voiding(corrected.id.as_str()));
    assert_eq!(total(), 60_000, "and voided: then the earlier value holds again");
    assert_eq!(test.view("E-901", "corrections", Some("C-01")).unwrap().body["items"].as_array().unwrap().len(), 5);
    test.admit("E-101", voiding(&visit));
    assert_eq!(test.view("E-101", "archive", Some("C-01")).unwrap().body["contact_count"], 0);
}

#[test]
fn private_values_of_a_correction_are_sealed_masked_opened_and_need_consent() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Zhurong Buyer", "mobile": "555 0101" });
    let recorded = test.admit("E-101", proposal("person.recorded", None, person)).remove(0);
    let hobby = correction(recorded.id.as_str(), &[("/hobbies", json!("chess"))]);
    assert_eq!(rule(&test.refuse("E-101", hobby.clone())), (Code::E_RULE, "R-046"));
    let consent = json!({ "purpose": "relationship_care", "status": "given", "method": "written" });
    test.admit("E-101", proposal("consent.recorded", Some("person/P-1"), consent));
    // When the person was recorded there was no consent yet.
    assert_eq!(rule(&test.refuse("E-101", hobby)), (Code::E_RULE, "R-046"));
    let learned = json!({ "changes": { "hobbies": "chess" }, "learned_at": test.ledger.clock().now() });
    let updated = test.admit("E-101", proposal("person.updated", Some("person/P-1"), learned)).remove(0);
    test.admit("E-101", correction(updated.id.as_str(), &[("/changes/hobbies", json!("Zhurong opera"))]));
    let fixed = Proposal {
        id: Some("fixed-0001".into()),
        ..correction(recorded.id.as_str(), &[("/name", json!("Zhurong Seller"))])
    };
    let done = test.admit("E-101", fixed.clone()).remove(0);
    assert_eq!(test.admit("E-101", fixed).remove(0).index, done.index, "the same again is the same");
    assert_eq!(
        rule(&test.refuse("E-101", correction(recorded.id.as_str(), &[("/name", json!("Zhurong Seller"))]))),
        (Code::E_RULE, "R-005"),
        "it is so already"
    );
    let masked = test.view("E-101", "people", Some("C-01")).unwrap().text.to_string()
        + &test.view("E-101", "timeline", Some("person/P-1")).unwrap().text
        + &test.view("E-901", "corrections", Some("C-01")).unwrap().text;
    assert!(!masked.contains("Zhurong"), "{masked}");
    let opened = |key: &str, subject: &str, who: &str| {
        let mut asked = Asked::new(projection::view(key).unwrap());
        asked.subject = Some(subject.into());
        asked.reveal = true;
        asked.purpose = Some(dossier::access::principal::Purpose::parse("sales_work").unwrap());
        test.ask(who, &asked).unwrap().body.clone()
    };
    let row = opened("people", "C-01", "E-101")["items"][0].clone();
    assert_eq!((&row["name"], &row["hobbies"]), (&json!("Zhurong Seller"), &json!("Zhurong opera")));
    let line = opened("timeline", "person/P-1", "E-101")["items"][0].clone();
    assert_eq!(line["payload"]["changes"][0]["new"], "Zhurong Seller", "{line}");
    // In no file, and not once the person is gone.
    test.ledger.settle();
    let mut files = vec![test.home.data.clone()];
    while let Some(path) = files.pop() {
        if path.is_dir() {
            files.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(7).any(|window| window == b"Zhurong"), "{}", path.display());
        }
    }
    let erasure = json!({ "scope": "all", "ground": "request" });
    let asked = test.admit("E-902", proposal("personal_data.erased", Some("person/P-1"), erasure)).remove(0);
    let request = asked.subject.strip_prefix("approval/").unwrap().to_owned();
    test.admit("E-802", proposal("approval.given", None, json!({ "request_id": request })));
    let row = opened("people", "C-01", "E-101")["items"][0].clone();
    assert!(row["name"].as_str().unwrap().starts_with("erased"), "{row}");
    let line = opened("timeline", "person/P-1", "E-101").to_string();
    assert!(!line.contains("Zhurong"), "{line}");
    let gone = correction(recorded.id.as_str(), &[("/mobile", json!("555 0102"))]);
    assert_eq!(rule(&test.refuse("E-101", gone)), (Code::E_STATE, "R-008"));
}

#[test]
fn a_ledger_put_right_starts_again_as_it_was_from_its_journal_alone() {
    let (mut test, visit, _) = a_visit();
    let made = test.admit("E-401", sale("S-1", 50_000, "2026-03-02")).remove(0);
    test.admit("E-101", correction(&visit, &[("/summary", json!("They need 50 relays.")), ("/minutes", json!(20))]));
    test.admit("E-401", correction(made.id.as_str(), &[("/amount", json!(5_000)), ("/sold_on", json!("2026-02-01"))]));
    let again = test.admit("E-401", correction(made.id.as_str(), &[("/amount", json!(4_000))])).remove(0);
    test.admit("E-401", voiding(again.id.as_str()));
    let opened = test.view("E-901", "timeline", Some("customer/C-01")).unwrap();
    let opened = opened.body["items"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned();
    test.admit("E-101", correction(&opened, &[("/name", json!("Heyuan Alloys"))]));
    let world = |test: &TestLedger| format!("{:?}", test.ledger.state().world);
    let shown = |test: &TestLedger| {
        let of = |key: &str, subject| test.view("E-901", key, subject).unwrap().body.to_string();
        [
            of("archive", Some("C-01")),
            of("card", Some("C-01")),
            of("list", None),
            of("stats", None),
            of("corrections", None),
        ]
    };
    let (before, views) = (world(&test), shown(&test));
    assert!(views[2].contains("Heyuan Alloys"), "{}", views[2]);
    test.reopen();
    assert_eq!(world(&test), before, "from its snapshot");
    test.let_go();
    std::fs::remove_dir_all(test.home.data.join("snapshots")).unwrap();
    std::fs::remove_dir_all(test.home.data.join("store")).unwrap();
    test.reopen();
    assert_eq!(world(&test), before, "from its journal alone");
    let again = shown(&test);
    assert_eq!(again[..2], views[..2]);
    assert_eq!(again[3..], views[3..]);
    test.ledger.rebuild_views(|_| {}).unwrap();
    assert_eq!(shown(&test)[..2], views[..2], "and when the views are rebuilt");
    assert_eq!(shown(&test)[3], views[3]);
    test.admit("E-401", voiding(made.id.as_str()));
    assert_eq!(test.view("E-901", "stats", None).unwrap().body["total"]["sales"], 0);
}

#[test]
fn an_archive_read_between_its_entries_is_the_one_folded_anew() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let mut last = String::new();
    for round in 0..24 {
        test.view("E-101", "archive", Some("C-01")).unwrap();
        let mut visit = contact("C-01", "E-101", test.ledger.clock().now());
        visit.data["summary"] = json!(format!("They need {round} relays."));
        if round % 3 == 1 {
            // What follows the writer has passed here before the next reading, and has not elsewhere.
            test.ledger.settle();
        }
        let made = test.admit("E-101", visit).remove(0).id.to_string();
        match round % 8 {
            3 => drop(test.admit("E-101", voiding(&last))),
            6 => drop(test.admit("E-101", correction(&made, &[("/summary", json!("They need none."))]))),
            _ => {}
        }
        if round % 5 == 2 {
            test.ledger.settle();
        }
        last = made;
    }
    let shown = test.view("E-101", "archive", Some("C-01")).unwrap().body;
    assert_eq!(
        (&shown["contact_count"], &shown["contacts"][0]["summary"]),
        (&json!(21), &json!("They need 23 relays."))
    );
    test.ledger.rebuild_views(|_| {}).unwrap();
    assert_eq!(test.view("E-101", "archive", Some("C-01")).unwrap().body, shown);
}

#[test]
fn every_view_of_a_ledger_put_right_is_that_of_one_in_which_nothing_was_wrong() {
    // The same things happen to both companies; where one puts something right, something unrelated happens to the other.
    let (wrong, right) = (TestLedger::new(), TestLedger::new());
    for test in [&wrong, &right] {
        test.customer("C-01", "Heyuan Alloy Works");
        test.customer("C-99", "Elsewhere Works");
    }
    let at = wrong.ledger.clock().now();
    let filler = |test: &TestLedger| drop(test.admit("E-101", contact("C-99", "E-101", at)));
    let mut visit = contact("C-01", "E-101", at);
    let promise = json!({ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-09", "responsible": "E-101" });
    visit.data["promises"] = json!([promise]);
    let made = wrong.admit("E-101", visit.clone()).remove(0);
    visit.data["promises"][0]["due"] = json!("2026-03-12");
    visit.data["summary"] = json!("Talked of something else.");
    right.admit("E-101", visit);
    let sold = wrong.admit("E-401", sale("S-1", 50_000, "2026-03-02")).remove(0);
    let mut other = sale("S-1", 5_000, "2026-03-01");
    other.data["product"] = json!("Breaker");
    right.admit("E-401", other);
    let twice = wrong.admit("E-401", sale("S-2", 7_000, "2026-03-02")).remove(0);
    filler(&right);
    let changes = json!({ "industry": "steel", "phone": "0531 8000 0002" });
    let update = |changes: Value| {
        let data = json!({ "section": "basic", "changes": changes, "learned_at": at, "major": false });
        proposal("customer.profile_updated", Some("customer/C-01"), data)
    };
    let updated = wrong.admit("E-101", update(changes)).remove(0);
    right.admit("E-101", update(json!({ "industry": "copper", "fax": "0531 8000 0003" })));
    wrong.admit(
        "E-101",
        correction(
            made.id.as_str(),
            &[("/promises/0/due", json!("2026-03-12")), ("/summary", json!("Talked of something else."))],
        ),
    );
    wrong.admit(
        "E-401",
        correction(
            sold.id.as_str(),
            &[("/amount", json!(5_000)), ("/sold_on", json!("2026-03-01")), ("/product", json!("Breaker"))],
        ),
    );
    wrong.admit("E-401", voiding(twice.id.as_str()));
    let changes = [
        ("/changes/industry", json!("copper")),
        ("/changes/phone", Value::Null),
        ("/changes/fax", json!("0531 8000 0003")),
    ];
    wrong.admit("E-101", correction(updated.id.as_str(), &changes));
    (0..4).for_each(|_| filler(&right));
    for (key, subject) in
        [("card", Some("C-01")), ("archive", Some("C-01")), ("promises", Some("C-01")), ("list", None), ("stats", None)]
    {
        for who in ["E-101", "E-201"] {
            let of = |test: &TestLedger| bare(test.view(who, key, subject).unwrap().body.as_ref().clone());
            assert_eq!(of(&wrong), of(&right), "{key} for {who}");
        }
    }
}

/// An answer without what says how it came about: by which entries and corrections, as of which version, at which instant.
fn bare(mut body: Value) -> Value {
    match &mut body {
        Value::Object(map) => {
            for name in ["corrected_by", "version", "since", "at", "card_event", "update"] {
                map.remove(name);
            }
            map.values_mut().for_each(|value| *value = bare(value.take()));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| *value = bare(value.take())),
        _ => {}
    }
    body
}

#[test]
fn what_was_entered_by_an_approval_is_found_by_its_own_id() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Zhurong Buyer" });
    test.admit("E-101", proposal("person.recorded", None, person));
    let role = json!({ "added": [{ "role": "hse", "unit": "hq" }], "removed": [], "reason": "helps out" });
    let erasure = json!({ "scope": "all", "ground": "request" });
    let mut approved = Vec::new();
    for (asks, consents, proposed) in [
        ("E-002", "E-801", proposal("employee.roles_changed", Some("employee/E-701"), role)),
        ("E-902", "E-802", proposal("personal_data.erased", Some("person/P-1"), erasure)),
    ] {
        let request = test.admit(asks, proposed).remove(0);
        let request = request.subject.strip_prefix("approval/").unwrap().to_owned();
        let entered = test.admit(consents, proposal("approval.given", None, json!({ "request_id": request })));
        approved.push(entered[1].id.to_string());
    }
    for again in [false, true] {
        for id in &approved {
            // It is a decision, and there: not something nobody has heard of.
            assert_eq!(rule(&test.refuse("E-501", voiding(id))), (Code::E_RULE, "R-005"), "{id} reopened: {again}");
            let reason = correction(id, &[("/reason", json!("another reason for it"))]);
            assert_eq!(rule(&test.refuse("E-501", reason)), (Code::E_RULE, "R-005"), "{id} reopened: {again}");
        }
        test.reopen();
    }
}

#[test]
fn nobody_learns_by_guessing_what_a_value_is_that_they_have_not_typed() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Zhurong Buyer" });
    test.admit("E-101", proposal("person.recorded", None, person));
    let consent = json!({ "purpose": "relationship_care", "status": "given", "method": "written" });
    test.admit("E-101", proposal("consent.recorded", Some("person/P-1"), consent));
    let learned = json!({ "changes": { "age": 47, "hobbies": "chess" }, "learned_at": test.clock_now() });
    let private = test.admit("E-101", proposal("person.updated", Some("person/P-1"), learned)).remove(0).id.to_string();
    let sold = test.admit("E-401", sale("S-1", 100_000, "2026-03-01")).remove(0).id.to_string();
    let told = |who: &str, target: &str, path: &str, guess: Value| {
        // The second change can never be: nothing is entered, whatever the first comes to.
        test.refuse(who, correction(target, &[(path, guess), ("/nowhere", json!(7))]))
    };
    // Who keeps the archives may correct, and sees neither.
    for (target, path, right, wrong) in
        [(&private, "/changes/age", json!(47), json!(46)), (&sold, "/amount", json!(100_000), json!(99_999))]
    {
        assert_eq!(told("E-501", target, path, right.clone()), told("E-501", target, path, wrong), "{path}");
        // Who typed it knows it, and is told.
        let author = if target == &sold { "E-401" } else { "E-101" };
        let same = test.refuse(author, correction(target, &[(path, right)]));
        assert_eq!(rule(&same), (Code::E_RULE, "R-005"), "{path}");
    }
    // Once somebody else has put it right, its author no longer knows.
    test.admit("E-501", correction(&private, &[("/changes/age", json!(48))]));
    assert_eq!(told("E-101", &private, "/changes/age", json!(48)), told("E-101", &private, "/changes/age", json!(49)));
}
