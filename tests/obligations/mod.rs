//! Obligations through the HTTP API: opened, met, late, reported upward, extended; and the clock that enters what is overdue.

mod cases;

use serde_json::{Value, json};

use crate::obligations::cases::{
    Case, acknowledged, cases, closed, contact, credit_reviewed, graded, main_customer, promised, verified,
};
use crate::pages::Browser;
use crate::support::http::Served;
use crate::support::{self, TestLedger, proposal};

/// A customer of E-101, on Monday 2 March 2026.
fn served() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    Served::of(test)
}

/// Lets the clock reach `at` and enter what is overdue by then.
fn until(served: &Served, at: &str) {
    served.test.clock.advance_to(at.parse().unwrap());
    served.test.pass(0);
}

fn rows(served: &Served, who: &str, path: &str) -> Vec<Value> {
    let answer = served.get(who, path);
    assert_eq!(answer.status, 200, "{path} by {who}: {}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

/// What is open for somebody of a duty.
fn open(served: &Served, who: &str, duty: &str) -> Vec<Value> {
    let rows = rows(served, who, &format!("/v1/views/obligations?subject={who}"));
    rows.into_iter().filter(|row| row["duty"] == duty).collect()
}

/// What is or was overdue of a duty, as the auditor sees it.
fn overdue(served: &Served, duty: &str) -> Vec<Value> {
    rows(served, "E-901", &format!("/v1/views/overdue?duty={duty}"))
}

fn breaches(test: &TestLedger) -> Vec<(String, i64, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let size = test.ledger.state().size;
    let entries = (0..size).map(|index| {
        let answered = test.view("E-901", "entry", Some(&index.to_string())).unwrap();
        answered.body["entry"].clone()
    });
    let breached = entries.filter(|entry| entry["type"] == "obligation.breached");
    breached
        .map(|entry| (text(&entry["data"]["obligation"]), entry["data"]["level"].as_i64().unwrap(), text(&entry["id"])))
        .collect()
}

/// Opens the case's obligation and returns it as who answers sees it.
fn opened(case: &Case) -> (Served, Value) {
    let served = served();
    for (who, event) in &case.before {
        served.admit(who, event);
    }
    match &case.opener {
        (who, Some(event)) => drop(served.admit(who, event)),
        // The end of the month and quarter opens these, that of the year the other.
        (_, None) if matches!(case.duty, "OB-04" | "OB-23" | "OB-59") => until(&served, "2026-04-01T08:00:00+08:00"),
        (_, None) if case.duty == "OB-07" => until(&served, "2027-01-01T08:00:00+08:00"),
        _ => {}
    }
    let mut found = open(&served, case.responsible, case.duty);
    assert_eq!(found.len(), 1, "{}", case.duty);
    let found = found.remove(0);
    assert_eq!(found["due_at"], case.due, "{}", case.duty);
    (served, found)
}

fn fulfil(served: &Served, case: &Case) {
    for (who, event) in &case.met {
        let mut event = event.clone();
        event["latereason"] = json!("was ill");
        if event["type"] == "document.filed" {
            let filed = served.file(who, &event, "statements.pdf", b"%PDF-1.7 invented statements");
            assert_eq!(filed.status, 201, "{}", filed.text());
        } else {
            served.admit(who, &event);
        }
    }
}

/// The State Council has not said yet which days of 2027 are worked; the company enters its own table.
fn next_year(served: &Served) {
    let table = json!({ "type": "calendar.adopted", "id": "calendar-2027", "data": {
        "calendar": "cn", "year": 2027, "days_off": ["2027-01-01"], "make_up_days": [], "notice": "the company's own, until the notice comes",
    } });
    let asked = served.admit("E-001", &table);
    assert_eq!(asked["type"], "approval.requested");
    served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": "calendar-2027" } }));
}

#[test]
fn every_duty_that_a_module_declares_is_a_case() {
    let declared: Vec<String> = dossier::domain::obligation::duties().iter().map(|duty| duty.id()).collect();
    // An archive opened late is done as soon as anybody hears of it: it is never open, and is a test of its own.
    let open: Vec<&String> = declared.iter().filter(|duty| *duty != "OB-01").collect();
    assert_eq!(cases().iter().map(|case| case.duty).collect::<Vec<_>>(), open);
}

#[test]
fn sc_06_a_quarterly_review_overdue_is_reported_thrice_met_late_and_its_anomaly_resolved() {
    let served = served();
    for (who, event) in graded().iter().chain(&[("E-101", main_customer())]) {
        served.admit(who, event);
    }
    // The quarter ends; by the 15th, 24:00, nobody has reviewed C-01.
    until(&served, "2026-04-01T08:00:00+08:00");
    assert_eq!(open(&served, "E-402", "OB-23")[0]["due_at"], "2026-04-15T16:00:00.000000Z");
    // Each request moves the clock on by two seconds.
    until(&served, "2026-04-15T23:59:50+08:00");
    assert_eq!(overdue(&served, "OB-23").len(), 0);
    // Level 1 tells the superior of the head of accounting; 2 the working day after; 3 on the third.
    for (at, level, told) in [
        ("2026-04-16T00:01:00+08:00", 1, "E-801"),
        ("2026-04-16T23:59:50+08:00", 1, "E-801"),
        ("2026-04-17T00:01:00+08:00", 2, "E-801"),
        ("2026-04-20T23:59:50+08:00", 2, "E-801"),
        ("2026-04-21T00:01:00+08:00", 3, "E-802"),
    ] {
        until(&served, at);
        served.test.pass(0);
        let row = overdue(&served, "OB-23").remove(0);
        assert_eq!((&row["level"], &row["escalated_to"]), (&json!(level), &json!([told])), "{at}");
        assert_eq!(row["responsible"], json!(["E-401", "E-402"]), "{at}");
        assert_eq!(row["source_events"].as_array().unwrap().len(), level, "{at}: once per level");
    }
    let mut review = credit_reviewed("anomaly", 4_100);
    review["latereason"] = json!("the statements came late");
    until(&served, "2026-04-21T09:00:00+08:00");
    served.admit("E-401", &review);
    let anomaly = json!({ "type": "anomaly.reported", "data": {
        "anomaly_id": "A-1", "kind": "credit", "customer_id": "C-01", "facts": "collects 41.00 %", "reported_to": ["E-801"] } });
    served.admit("E-401", &anomaly);
    let row = overdue(&served, "OB-23").remove(0);
    assert_eq!((&row["state"], row["source_events"].as_array().unwrap().len()), (&json!("met_late"), 3));
    let resolved = json!({ "type": "anomaly.resolved", "subject": "anomaly/A-1",
        "data": { "outcome": "solved", "action": "a plan of payments is agreed" } });
    served.admit("E-801", &resolved);
    assert_eq!(rows(&served, "E-801", "/v1/views/anomalies")[0]["outcome"], "solved");
}

#[test]
fn sc_18_an_archive_is_brought_up_to_date_checked_for_the_quarter_and_its_neighbor_overdue() {
    let served = served();
    let other = json!({ "type": "customer.registered", "data": {
        "customer_id": "C-04", "name": "Tongting Paper", "party": "end_user", "direct": true, "region": "north", "source": "visit",
        "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": "E-101" } });
    served.admit("E-101", &other);
    served.admit(
        "E-101",
        &contact("E-101", json!({ "archive_changes": true, "summary": "They have moved to Harbor Street." })),
    );
    assert_eq!(open(&served, "E-101", "OB-02")[0]["due_at"], "2026-03-05T16:00:00.000000Z");
    let moved = json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": {
        "section": "basic", "changes": { "address": "9 Harbor Street" }, "learned_at": "2026-03-02T09:30:00+08:00", "major": false } });
    let moved = served.admit("E-101", &moved);
    assert_eq!(open(&served, "E-101", "OB-02"), [] as [Value; 0]);
    // Whoever holds the second copy has three working days to acknowledge it, and does on the last of them.
    assert_eq!(open(&served, "E-501", "OB-03")[0]["due_at"], "2026-03-05T16:00:00.000000Z");
    until(&served, "2026-03-05T17:00:00+08:00");
    let mut acknowledged = acknowledged();
    acknowledged["data"]["subject_event"] = moved["id"].clone();
    served.admit("E-501", &acknowledged);
    assert_eq!(open(&served, "E-501", "OB-03"), [] as [Value; 0]);
    // The quarter ends: the custodian checks C-01, and finds the registered capital missing.
    until(&served, "2026-04-10T09:00:00+08:00");
    assert_eq!(open(&served, "E-501", "OB-04").len(), 2);
    let finding = json!({ "item": "registered_capital", "action": "ask for the license", "due": "2026-04-30", "responsible": "E-101" });
    let mut check = verified("2026Q1");
    check["data"]["result"] = json!("incomplete");
    assert_eq!(served.refuse("E-501", &check), (400, "E_SCHEMA".into(), "R-040".into()));
    check["data"]["findings"] = json!([finding]);
    let entered = served.admit("E-501", &check);
    let line = served.get("E-501", "/v1/customers/C-01/timeline").json()["items"][0].clone();
    assert_eq!((&line["id"], &line["payload"]["findings"][0]), (&entered["id"], &finding), "{line}");
    let archive = served.get("E-101", "/v1/customers/C-01").json();
    assert!(archive["verified_on"].is_string(), "{archive}");
    assert!(archive["completeness"]["missing"].as_array().unwrap().contains(&json!("registered_capital")));
    // The results enter the custodian's appraisal, whose weights come to a whole.
    let appraised = |weight: u64| {
        let items = json!([
            { "item": "archives complete", "weight_bp": weight, "points": 70, "basis": "1 of 2 confirmed for 2026Q1" },
            { "item": "checks in time", "weight_bp": 4_000, "points": 100, "basis": "none late" },
        ]);
        json!({ "type": "appraisal.recorded", "subject": "employee/E-501", "data": {
            "scheme": "archivist", "period": "2026Q1", "items": items, "score": 82, "outcome": "pass" } })
    };
    assert_eq!(served.refuse("E-601", &appraised(5_000)), (422, "E_RULE".into(), "R-210".into()));
    served.admit("E-601", &appraised(6_000));
    let own = rows(&served, "E-501", "/v1/views/appraisals?scheme=archivist");
    assert_eq!((&own[0]["score"], &own[0]["items"][1]["points"]), (&json!(82), &json!(100)), "{own:?}");
    // C-04 is still unchecked when the 15th is over.
    until(&served, "2026-04-16T00:01:00+08:00");
    let breached = overdue(&served, "OB-04");
    assert_eq!(breached.len(), 1);
    assert_eq!((&breached[0]["subject"], &breached[0]["level"]), (&json!("C-04"), &json!(1)), "{}", breached[0]);
    assert_eq!(breached[0]["responsible"], json!(["E-501", "E-101"]));
}

#[test]
fn every_duty_is_opened_and_met_in_time_without_a_trace_of_lateness() {
    for case in cases() {
        let (served, _) = opened(&case);
        fulfil(&served, &case);
        assert_eq!(open(&served, case.responsible, case.duty), [] as [Value; 0], "{}", case.duty);
        until(&served, case.thrice);
        assert_eq!(overdue(&served, case.duty), [] as [Value; 0], "{}", case.duty);
    }
}

#[test]
fn every_duty_is_reported_upward_thrice_and_met_late_its_breach_stays() {
    for case in cases() {
        let (served, _) = opened(&case);
        next_year(&served);
        let in_time: dossier::clock::Timestamp = case.due.parse().unwrap();
        // What else has become overdue is entered before: each entry takes a microsecond.
        for early in [std::time::Duration::from_secs(3600), std::time::Duration::ZERO] {
            served.test.clock.advance_to(in_time.minus(early));
            served.test.pass(0);
        }
        // A loan ends at that very instant, and the entry that says so takes a microsecond.
        let late = usize::from(case.duty == "OB-52");
        // A request would move the clock on.
        let entered = breaches(&served.test).iter().filter(|(id, ..)| id.starts_with(case.duty)).count();
        assert_eq!(entered, late, "{}: the last instant is in time", case.duty);
        until(&served, case.thrice);
        let rows = overdue(&served, case.duty);
        assert_eq!(rows.len(), 1, "{}", case.duty);
        assert_eq!((&rows[0]["level"], &rows[0]["state"]), (&json!(3), &json!("overdue")), "{}", case.duty);
        assert!(rows[0]["responsible"].as_array().unwrap().contains(&json!(case.responsible)), "{}", case.duty);
        assert_eq!(rows[0]["escalated_to"], json!(["E-802"]), "{}", case.duty);
        assert_eq!(rows[0]["source_events"].as_array().unwrap().len(), 3, "{}: once per level", case.duty);
        fulfil(&served, &case);
        let rows = overdue(&served, case.duty);
        assert_eq!((&rows[0]["state"], rows[0]["met_at"].is_string()), (&json!("met_late"), true), "{}", case.duty);
        assert_eq!(rows[0]["source_events"].as_array().unwrap().len(), 3, "{}", case.duty);
        until(&served, "2027-07-01T08:00:00+08:00");
        let again = overdue(&served, case.duty);
        let of = again.iter().filter(|row| row["obligation"] == rows[0]["obligation"]);
        assert_eq!(of.clone().count(), 1);
        assert_eq!(
            of.clone().next().unwrap()["late_by"],
            rows[0]["late_by"],
            "{}: what is met grows no later",
            case.duty
        );
    }
}

#[test]
fn every_duty_is_extended_twice_and_not_a_third_time() {
    for case in cases() {
        let (served, found) = opened(&case);
        let to = |due: &str| {
            json!({ "type": "obligation.extended", "data": {
                "obligation": found["obligation"], "new_due": due, "reason": "the workshop is late",
            } })
        };
        let own = served.refuse(case.responsible, &to("2028-03-01T00:00:00+08:00"));
        assert_eq!(own, (403, "E_SOD".into(), "R-020".into()), "{}", case.duty);
        let stranger = served.refuse("E-103", &to("2028-03-01T00:00:00+08:00"));
        assert_eq!((stranger.0, stranger.1.as_str()), (403, "E_FORBIDDEN"), "{}", case.duty);
        let earlier = served.refuse(case.above, &to(case.due));
        assert_eq!(earlier, (422, "E_RULE".into(), "R-020".into()), "{}", case.duty);
        served.admit(case.above, &to("2028-02-01T00:00:00+08:00"));
        served.admit(case.above, &to("2028-02-02T00:00:00+08:00"));
        let third = served.refuse(case.above, &to("2028-02-03T00:00:00+08:00"));
        assert_eq!(third, (422, "E_RULE".into(), "R-020".into()), "{}", case.duty);
        let row = open(&served, case.responsible, case.duty).remove(0);
        assert_eq!((&row["extensions"], &row["due_at"]), (&json!(2), &json!("2028-02-01T16:00:00.000000Z")));
    }
}

#[test]
fn an_extension_after_the_deadline_comes_too_late_and_one_of_nothing_is_refused() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    let obligation = open(&served, "E-101", "OB-13").remove(0)["obligation"].clone();
    let to = |obligation: &Value| {
        let data = json!({ "obligation": obligation, "new_due": "2026-04-01T00:00:00+08:00", "reason": "late" });
        json!({ "type": "obligation.extended", "data": data })
    };
    until(&served, "2026-03-05T08:00:00+08:00");
    assert_eq!(served.refuse("E-201", &to(&obligation)), (422, "E_LATE".into(), "R-020".into()));
    assert_eq!(served.refuse("E-201", &to(&json!("OB-13-0000"))), (409, "E_STATE".into(), "R-020".into()));
    served.admit("E-101", &closed());
    assert_eq!(served.refuse("E-201", &to(&obligation)), (409, "E_STATE".into(), "R-020".into()));
}

#[test]
fn an_extension_moves_the_breach_and_is_told_with_it() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    let obligation = open(&served, "E-101", "OB-13").remove(0)["obligation"].clone();
    let data =
        json!({ "obligation": obligation, "new_due": "2026-03-09T16:00:00+08:00", "reason": "the customer agrees" });
    served.admit("E-201", &json!({ "type": "obligation.extended", "data": data }));
    until(&served, "2026-03-09T16:00:00+08:00");
    assert_eq!(overdue(&served, "OB-13").len(), 0);
    until(&served, "2026-03-09T16:01:00+08:00");
    let row = overdue(&served, "OB-13").remove(0);
    assert_eq!(row["extended"][0]["reason"], "the customer agrees");
    assert_eq!(row["due_at"], "2026-03-09T08:00:00.000000Z");
}

#[test]
fn who_answers_and_who_is_told_sees_what_is_overdue_and_nobody_else() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    until(&served, "2026-03-05T08:00:00+08:00");
    let seen = |who: &str| rows(&served, who, "/v1/views/overdue").len();
    for (who, count) in [
        ("E-101", 1),
        ("E-201", 1),
        ("E-301", 1),
        ("E-901", 1),
        ("E-902", 1),
        ("E-801", 1),
        ("E-102", 0),
        ("E-103", 0),
        ("E-302", 0),
        ("E-401", 0),
    ] {
        assert_eq!(seen(who), count, "{who}");
    }
    assert_eq!(served.get("E-102", "/v1/views/obligations?subject=E-101").status, 403);
    assert_eq!(served.get("E-201", "/v1/views/obligations?subject=E-101").status, 200);
    assert_eq!(served.get("E-201", "/v1/views/obligations?subject=E-999").status, 404);
    // Of the customer everybody sees what they may: here the name, which stands on the list.
    assert_eq!(rows(&served, "E-201", "/v1/views/overdue")[0]["customer"], "Heyuan Alloy Works");
}

#[test]
fn a_breach_is_told_as_of_any_moment() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    until(&served, "2026-03-05T08:00:00+08:00");
    served.admit("E-101", &closed());
    let then = rows(&served, "E-901", "/v1/views/overdue?as_of=2026-03-05T08:00:01%2B08:00");
    assert_eq!(then[0]["state"], "overdue");
    assert_eq!(overdue(&served, "OB-13")[0]["state"], "met_late");
    assert_eq!(rows(&served, "E-901", "/v1/views/overdue?as_of=2026-03-03T08:00:00%2B08:00"), [] as [Value; 0]);
    let mine = rows(&served, "E-101", "/v1/views/obligations?subject=E-101&as_of=2026-03-03T08:00:00%2B08:00");
    assert!(mine.iter().any(|row| row["duty"] == "OB-13"));
}

#[test]
fn a_long_stop_enters_what_fell_due_once_and_a_start_finds_the_same() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let promise = json!([{ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-04", "responsible": "E-101" }]);
    let mut talked = support::contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap());
    talked.data["promises"] = promise;
    test.admit("E-101", talked);
    test.let_go();
    test.clock.advance_to("2026-03-30T08:00:00+08:00".parse().unwrap());
    test.reopen();
    test.pass(0);
    let found = breaches(&test);
    assert_eq!(found.iter().map(|(_, level, _)| *level).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(found.iter().all(|(obligation, level, id)| *id == format!("{obligation}-{level}")));
    test.pass(0);
    test.reopen();
    test.pass(0);
    assert_eq!(breaches(&test), found);
}

#[test]
fn the_same_entries_at_the_same_times_bring_the_same_breaches() {
    let run = || {
        let test = TestLedger::new();
        test.customer("C-01", "Heyuan Alloy Works");
        let mut talked = support::contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap());
        talked.id = Some("contact-0001".into());
        talked.data["archive_changes"] = json!(true);
        test.admit("E-101", talked);
        test.clock.advance_to("2026-04-30T08:00:00+08:00".parse().unwrap());
        test.pass(0);
        let size = test.ledger.state().size;
        let entries: Vec<Value> = (0..size)
            .map(|index| {
                let mut entry = test.view("E-901", "entry", Some(&index.to_string())).unwrap().body["entry"].clone();
                // Links name hashes, and hashes hang on salts.
                for chance in ["salt", "streams"] {
                    entry.as_object_mut().unwrap().remove(chance);
                }
                entry
            })
            .filter(|entry| entry["type"] == "obligation.breached")
            .collect();
        assert_eq!(entries.len(), 9, "an update, an appraisal and a check of the quarter, three levels each");
        entries
    };
    assert_eq!(run(), run());
}

#[test]
fn after_a_leap_of_the_clock_no_deadline_fires_until_the_time_is_accepted() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    served.test.clock.leap_to("2026-03-30T08:00:00+08:00".parse().unwrap());
    let size = served.test.ledger.state().size;
    served.test.pass(0);
    assert_eq!(served.test.ledger.state().size, size);
    assert_eq!(served.refuse("E-101", &closed()).2, "R-023");
    served
        .test
        .admit("E-002", proposal("clock.accepted", None, json!({ "reason": "the time server was wrong before" })));
    served.test.pass(0);
    assert_eq!(overdue(&served, "OB-13")[0]["level"], 3);
}

#[test]
fn the_ids_of_what_the_clock_will_enter_are_nobodys_to_take() {
    let served = served();
    served.admit("E-101", &promised("2026-03-04"));
    let obligation = open(&served, "E-101", "OB-13").remove(0)["obligation"].as_str().unwrap().to_owned();
    let mut taken = contact("E-101", json!({}));
    taken["id"] = json!(format!("{obligation}-1"));
    assert_eq!(served.refuse("E-101", &taken), (409, "E_CONFLICT".into(), "R-010".into()));
    until(&served, "2026-03-05T08:00:00+08:00");
    assert_eq!(overdue(&served, "OB-13").len(), 1);
    served.test.ledger.settle();
}

#[test]
fn the_calendars_that_come_with_the_program_stand_in_the_ledger_with_their_notices() {
    let served = served();
    let stream = served.get("E-901", "/v1/streams/calendar/cn").json();
    let entries = stream["items"].as_array().unwrap();
    let years: Vec<i64> = entries.iter().map(|entry| entry["payload"]["year"].as_i64().unwrap()).collect();
    assert_eq!(years, [2026, 2025, 2024, 2023]);
    assert_eq!(entries[0]["payload"]["notice"], "国办发明电〔2025〕7号");
    assert_eq!(entries[0]["actor"], "system");
    assert_eq!(
        served
            .refuse(
                "E-101",
                &json!({ "type": "calendar.adopted", "data": {
        "calendar": "cn", "year": 2027, "days_off": [], "make_up_days": [], "notice": "none",
    } })
            )
            .1,
        "E_FORBIDDEN"
    );
}

#[test]
fn more_than_a_block_holds_is_entered_in_one_go_and_keeps_nobody_waiting() {
    let test = TestLedger::new();
    for number in 0..450 {
        test.customer(&format!("C-{number:04}"), &format!("Invented Works {number}"));
    }
    test.clock.advance_to("2026-04-30T08:00:00+08:00".parse().unwrap());
    let before = test.ledger.state().size;
    let (visit, asker) = (support::contact("C-0001", "E-101", test.clock_now()), support::principal("E-101"));
    let (ticked, entered) =
        test.block_on(async { tokio::join!(test.ledger.tick(), test.ledger.submit(&asker, vec![visit])) });
    ticked.unwrap();
    let size = test.ledger.state().size;
    assert!(entered.unwrap()[0].index < size - 300, "what was proposed meanwhile came before the rest");
    let entered = size - before;
    assert!(entered > 3 * 450, "{entered}");
    assert!(
        test.ledger.state().world.obligation.open.values().filter(|open| open.duty == 4).all(|open| open.level == 3)
    );
    test.pass(0);
    assert!(test.ledger.state().size <= before + entered + 1, "at most the note of a checkpoint");
}

#[test]
fn an_answer_to_what_is_unknown_or_anothers_question_is_refused_at_its_field() {
    let served = served();
    served.test.customer("C-02", "Linhai Pumps");
    let mut question = contact("E-101", json!({ "direction": "inbound", "reply_needed": true }));
    question["id"] = json!("question-01");
    served.admit("E-101", &question);
    let answers = |subject: &str, id: &str| {
        let mut answer = contact("E-101", json!({ "replies_to": id }));
        answer["subject"] = json!(subject);
        answer
    };
    for (subject, id) in [("contact/C-02", "question-01"), ("contact/C-01", "question-02")] {
        let refused = served.post("E-101", &answers(subject, id));
        assert_eq!((refused.status, refused.problem().1.as_str()), (404, "E_REF"), "{}", refused.text());
        assert!(refused.text().contains("/replies_to"), "{}", refused.text());
    }
    assert_eq!(open(&served, "E-101", "OB-15").len(), 1);
    served.admit("E-101", &answers("contact/C-01", "question-01"));
    assert_eq!(open(&served, "E-101", "OB-15"), [] as [Value; 0]);
    // One may be answered twice.
    served.admit("E-101", &answers("contact/C-01", "question-01"));
}

#[test]
fn what_waits_for_somebody_is_on_their_board_and_nobody_elses() {
    let served = served();
    let roles = json!({ "type": "employee.roles_changed", "id": "ask-roles-1", "subject": "employee/E-101",
        "data": { "added": [{ "role": "customer_manager", "unit": "north" }], "removed": [], "reason": "more to do" } });
    served.admit("E-002", &roles);
    let evidence = served.admit("E-101", &contact("E-101", json!({})))["id"].clone();
    let grade = json!({ "type": "credit_grade.proposed", "data": {
        "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [evidence], "reason": "pays every invoice on time",
    } });
    served.admit("E-101", &grade);
    let seen = |who: &str| -> Vec<(String, bool)> {
        let rows = rows(&served, who, "/v1/views/approvals");
        rows.iter().map(|row| (row["form"].as_str().unwrap().to_owned(), row["yours"] == true)).collect()
    };
    assert_eq!(seen("E-201"), [("employee.roles_changed".to_owned(), true)]);
    assert_eq!(seen("E-301"), [("credit_grade.proposed".to_owned(), true)]);
    assert_eq!(seen("E-101"), [("credit_grade.proposed".to_owned(), false)]);
    assert_eq!(seen("E-002"), [("employee.roles_changed".to_owned(), false)]);
    assert_eq!(seen("E-103"), []);
    assert_eq!(seen("E-902").len(), 2, "compliance sees what everybody waits for");
    // What it would change stands beside what is in force, as far as the reader may know it.
    let change = |who: &str, place: usize| {
        let row = rows(&served, who, "/v1/views/approvals").remove(place);
        (row["before"].clone(), row["after"].clone())
    };
    let (before, after) = change("E-201", 0);
    assert_eq!((before.get("added"), after["added"][0]["role"].as_str()), (None, Some("customer_manager")));
    let (before, after) = change("E-301", 0);
    assert_eq!((&before["to"], &after["to"]), (&Value::Null, &json!("B")));
    // Who decides on a grade is told why and on which evidence, and where to find that; nobody is told what stands beside it.
    assert_eq!((&after["reason"], &after["evidence"]), (&json!("pays every invoice on time"), &json!([evidence])));
    let row = rows(&served, "E-301", "/v1/views/approvals").remove(0);
    let found = served.get("E-301", &format!("/v1/entries/{}", row["evidence_at"][0])).json();
    assert_eq!(found["entry"]["id"], evidence, "{row}");
    assert_eq!((after.get("customer_id"), after.get("from"), after.get("seats")), (None, None, None));
    let archivist = rows(&served, "E-501", "/v1/views/approvals");
    assert_eq!(archivist, Vec::<Value>::new());
    // Who only watches learns that it waits and for whom, and why only by a right of their own on who it is about.
    let watched = rows(&served, "E-901", "/v1/views/approvals").remove(0);
    assert_eq!((&watched["form"], &watched["after"]["reason"]), (&json!("employee.roles_changed"), &json!("•••")));
    assert_eq!((&watched["proposer"], &watched["awaiting"]), (&json!("E-002"), &json!(["E-201"])));
    assert_eq!(change("E-201", 0).1["reason"], "more to do");
    assert_eq!(change("E-002", 0).1["reason"], "more to do");
}

/// A registration of C-04 or whoever it is, who was first in contact with us at that time.
fn met_first(id: &str, name: &str, at: &str) -> Value {
    json!({ "type": "customer.registered", "data": {
        "customer_id": id, "name": name, "party": "end_user", "direct": true, "region": "north", "source": "visit",
        "first_contact_at": at, "owner": "E-102" } })
}

#[test]
fn an_archive_opened_late_is_let_in_and_reported_as_done_late() {
    let served = served();
    // What was before the founding is taken over, however long ago.
    served.admit("E-101", &met_first("C-04", "Tongting Paper", "2026-02-20T09:00:00+08:00"));
    until(&served, "2026-03-04T12:30:00+08:00");
    served.admit("E-101", &met_first("C-05", "Linhai Pumps", "2026-03-03T13:00:00+08:00"));
    assert_eq!(overdue(&served, "OB-01"), [] as [Value; 0]);
    let mut late = met_first("C-06", "Anping Valves", "2026-03-03T12:00:00+08:00");
    late["id"] = json!("opened-late");
    let answer = served.post("E-101", &late);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let entries = answer.json()["entries"].as_array().unwrap().clone();
    let types: Vec<&Value> = entries.iter().map(|entry| &entry["type"]).collect();
    assert_eq!(types, ["customer.registered", "obligation.breached"]);
    // The same proposal once more is told the same.
    assert_eq!(served.post("E-101", &late).json()["entries"], json!(entries));
    let breach = served.get("E-901", &format!("/v1/entries/{}", entries[1]["index"])).json()["entry"].clone();
    assert_eq!((&breach["actor"], &breach["causation"]), (&json!("system"), &json!("opened-late")));
    assert_eq!(breach["data"]["trigger_event"], "opened-late");
    // Whoever opened it answers for it, whoever owns the customer.
    let row = overdue(&served, "OB-01").remove(0);
    assert_eq!(
        (&row["responsible"], &row["escalated_to"], &row["level"]),
        (&json!(["E-101"]), &json!(["E-201"]), &json!(1))
    );
    assert_eq!((&row["subject"], &row["customer"]), (&json!("C-06"), &json!("Anping Valves")));
    assert_eq!((&row["due_at"], &row["late_by"]), (&json!("2026-03-04T04:00:00.000000Z"), &json!(30)));
    assert_eq!((&row["state"], &row["ended_by"]), (&json!("met_late"), &entries[0]["index"]));
    assert!(row["met_at"].as_str().unwrap().starts_with("2026-03-04T04:30:"), "{row}");
    assert_eq!(open(&served, "E-101", "OB-01"), [] as [Value; 0]);
    for (who, count) in [("E-101", 1), ("E-201", 1), ("E-102", 0), ("E-103", 0)] {
        assert_eq!(rows(&served, who, "/v1/views/overdue?duty=OB-01").len(), count, "{who}");
    }
    // It stays reported once, whatever the clock brings and however the first contact is put right.
    let corrected = json!({ "type": "record.corrected", "data": {
        "target_event": "opened-late", "reason": "the visit was a day later",
        "changes": [{ "path": "/first_contact_at", "new": "2026-03-04T09:00:00+08:00" }] } });
    served.admit("E-101", &corrected);
    until(&served, "2026-03-30T08:00:00+08:00");
    let rows = overdue(&served, "OB-01");
    assert_eq!(
        (rows.len(), &rows[0]["late_by"], rows[0]["source_events"].as_array().unwrap().len()),
        (1, &json!(30), 1)
    );
}

#[test]
fn the_home_page_leads_whoever_answers_to_where_each_duty_is_done() {
    for case in cases() {
        let (served, found) = opened(&case);
        let mut browser = Browser::signed_in(&served, case.responsible, "en");
        let page = browser.get("/obligations").text();
        let row = page.split("<tr").find(|row| row.contains(case.duty));
        let row = row.unwrap_or_else(|| panic!("{}: {page}", case.duty));
        if case.duty == "OB-52" {
            assert!(
                row.contains("Give it back to the archivist") && !row.contains("/propose/archive.returned"),
                "{row}"
            );
            continue;
        }
        let link = row.split("href=\"").find_map(|rest| {
            rest.split('"').next().filter(|to| {
                ["/propose", "/signoffs", "/customers/C-01/documents", "/customers/C-01/work"]
                    .iter()
                    .any(|way| to.starts_with(way))
                    && !to.starts_with("/propose/obligation.extended")
            })
        });
        let link = link.unwrap_or_else(|| panic!("{}: {row}", case.duty)).replace("&amp;", "&");
        let form = browser.get(&link);
        assert_eq!(form.status, 200, "{} {link}: {}", case.duty, form.text());
        let subject =
            case.met[0].1["subject"].as_str().filter(|_| link.starts_with("/propose/") && case.duty != "OB-60");
        if let Some(subject) = subject {
            assert!(form.text().contains(&format!("value=\"{subject}\"")), "{} {link}: {subject} {found}", case.duty);
        }
    }
}
