//! Looking back: what was recorded by then, what had happened by then, and what changed between two moments.

use std::time::Duration;

use dossier::ledger::backup::{Reach, back_up};
use dossier::ledger::{AsOf, Asked, Moment, ViewError, verify_data};
use dossier::projection::{Scope, VIEWS, View, view};
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{Directory, TestLedger, contact, proposal, registration};

fn sale(day: &str) -> Value {
    json!({ "sale_id": "S-1", "customer_id": "C-01", "invoice_name": "Heyuan", "kind": "sale", "product": "Relay",
        "product_category": "Protection", "region": "north", "amount": 120_000, "sold_on": day })
}

fn phone(number: &str, section: &str) -> dossier::ledger::Proposal {
    let mut updated = proposal(
        "customer.profile_updated",
        Some("customer/C-01"),
        json!({ "section": section, "changes": { "phone": number }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false }),
    );
    updated.latereason = Some("written down at the customer's".into());
    updated
}

fn last(test: &TestLedger) -> u64 {
    test.ledger.state().size - 1
}

fn asked(key: &str, subject: Option<&str>, moment: Moment, since: Option<Moment>) -> Asked {
    let mut asked = Asked::new(view(key).unwrap());
    asked.subject = subject.map(str::to_owned);
    asked.purpose = dossier::access::principal::Purpose::parse("audit").ok();
    asked.look_at(moment, since);
    asked
}

fn at(index: u64) -> Moment {
    Moment { recorded: AsOf::Index(index), valid_at: None }
}

const NOW: Moment = Moment { recorded: AsOf::Latest, valid_at: None };

/// A company in which something of everything has happened, day by day, and the last index of the first of them.
fn lived() -> (TestLedger, u64) {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.pass(1);
    test.admit("E-103", registration("C-02", "Linhai Pumps", "south", "E-103"));
    let evidence = test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    let first = last(&test);
    test.pass(40);
    let sold = sale("2026-04-12");
    test.admit("E-401", proposal("sale.recorded", None, sold));
    let proposed = json!({ "customer_id": "C-01", "proposal_id": "P-1", "to": "B", "trigger": "initial",
        "evidence": [evidence[0].id], "reason": "pays every invoice on time" });
    test.admit("E-101", proposal("credit_grade.proposed", None, proposed));
    test.pass(1);
    test.admit("E-301", proposal("credit_grade.approved", None, json!({ "proposal_id": "P-1", "to": "B" })));
    test.admit("E-101", phone("0531 8000 0002", "basic"));
    test.pass(400);
    let moved = json!({ "status": "transferred", "effective_on": "2027-05-18", "new_unit": "accounting" });
    test.admit("E-001", proposal("employee.status_changed", Some("employee/E-701"), moved));
    (test, first)
}

/// Who is asked to look at a view, in this order; the first who may see it does.
const READERS: [&str; 4] = ["E-901", "E-801", "E-902", "E-301"];

/// What each view says, by its key and subject; nothing where nobody may see it or there is no such thing.
type Answers = Vec<(String, Option<Value>)>;

/// Takes out what is proven by the checkpoint signed last, whatever moment is shown.
fn without_proofs(shown: &mut Value) {
    match shown {
        Value::Object(fields) => {
            fields.retain(|name, _| !matches!(name.as_str(), "checkpoint" | "inclusion" | "proof"));
            fields.values_mut().for_each(without_proofs);
        }
        Value::Array(items) => items.iter_mut().for_each(without_proofs),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Every view of a state or of entries, as shown of a moment; `None` where nothing is to be seen of it.
fn everything(test: &TestLedger, moment: Moment) -> Answers {
    let scopes = [Scope::Company, Scope::Customers, Scope::Customer, Scope::Employee, Scope::Employees, Scope::Stream];
    let views = VIEWS.iter().filter(|view| scopes.contains(&view.scope) && !matches!(view.key, "search" | "evidence"));
    let of = |view: &View, subject: Option<&str>| {
        let mut seen = READERS.iter().map(|who| test.ask(who, &asked(view.key, subject, moment, None)));
        let shown = seen.find_map(|answer| match answer {
            Ok(answered) => {
                let mut body = answered.body.as_ref().clone();
                without_proofs(&mut body);
                Some(body)
            }
            Err(ViewError::NotFound | ViewError::Denied(_)) => None,
            Err(error) => panic!("{} of {subject:?}: {error}", view.key),
        });
        (format!("{} of {subject:?}", view.key), shown)
    };
    let each = views.flat_map(|view| match view.scope {
        Scope::Customer => vec![of(view, Some("C-01")), of(view, Some("C-02"))],
        Scope::Stream => vec![of(view, Some("customer/C-01")), of(view, Some("ledger"))],
        Scope::Employee => vec![of(view, Some("E-101"))],
        _ => vec![of(view, None)],
    });
    each.collect()
}

fn paid(id: &str, fen: i64, day: &str) -> dossier::ledger::Proposal {
    let data =
        json!({ "payment_id": id, "customer_id": "C-01", "amount": fen, "received_on": day, "method": "transfer" });
    dossier::ledger::Proposal { latereason: Some("taken over".into()), ..proposal("payment.recorded", None, data) }
}

/// What a view said when its entry was the last one, moment by moment, is what is folded for that moment now: of every view there is,
/// while customers are registered, served, sold to, graded and paid by, and mistakes are put right.
#[test]
fn every_view_of_every_moment_is_what_was_shown_at_that_moment() {
    let mut test = TestLedger::new();
    let mut shown: Vec<(u64, Answers)> = Vec::new();
    let look = |test: &TestLedger, shown: &mut Vec<(u64, Answers)>| {
        // A test's clock stands still while the times of entries go on: what was entered last would not have come yet.
        test.clock.advance(Duration::from_secs(1));
        let index = last(test);
        let mut seen = everything(test, at(index));
        // What is told of now reads what is kept of the latest state, and nothing else does.
        for (now, then) in everything(test, NOW).into_iter().zip(&seen) {
            let of_readings = ["access_log", "personal_data"].iter().any(|key| now.0.starts_with(key));
            assert!(of_readings || now == *then, "{}: now {:?} and as of {index} {:?}", now.0, now.1, then.1);
        }
        shown.push((index, std::mem::take(&mut seen)));
    };
    look(&test, &mut shown);
    test.customer("C-01", "Heyuan Alloy Works");
    let evidence = test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    look(&test, &mut shown);
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Planted Buyer", "mobile": "555 0101" });
    test.admit("E-101", proposal("person.recorded", None, person));
    test.admit("E-101", phone("0531 8000 0002", "basic"));
    let agreed = json!({ "purpose": "relationship_care", "status": "given", "method": "written" });
    test.admit("E-101", proposal("consent.recorded", Some("person/P-1"), agreed));
    look(&test, &mut shown);
    test.pass(3);
    test.admit("E-103", registration("C-02", "Linhai Pumps", "south", "E-103"));
    let sold = test.admit("E-401", proposal("sale.recorded", None, sale("2026-03-05")));
    test.admit("E-401", paid("Y-1", 20_000, "2026-03-05"));
    look(&test, &mut shown);
    let proposed = json!({ "customer_id": "C-01", "proposal_id": "P-1", "to": "B", "trigger": "initial",
        "evidence": [evidence[0].id], "reason": "pays every invoice on time" });
    test.admit("E-101", proposal("credit_grade.proposed", None, proposed));
    look(&test, &mut shown);
    test.admit("E-301", proposal("credit_grade.approved", None, json!({ "proposal_id": "P-1", "to": "B" })));
    let request = json!({ "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1"], "modes": ["view"],
        "from": test.clock_now(), "until": "2026-03-25T10:00:00+08:00", "purpose": "the bid of June" });
    test.admit("E-103", proposal("access.requested", None, request));
    look(&test, &mut shown);
    let moved = json!({ "status": "transferred", "effective_on": "2026-03-05", "new_unit": "accounting" });
    test.admit("E-001", proposal("employee.status_changed", Some("employee/E-701"), moved));
    let made = test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    look(&test, &mut shown);
    // What is put right later was shown as it was.
    let mistake = json!({ "target_event": made[0].id, "reason": "somebody else was on the telephone",
        "changes": [{ "path": "/summary", "new": "Talked about the drawings." }] });
    test.admit("E-101", proposal("record.corrected", None, mistake));
    look(&test, &mut shown);
    let mistake = json!({ "target_event": sold[0].id, "reason": "a digit was typed twice",
        "changes": [{ "path": "/amount", "new": 12_000 }] });
    test.admit("E-401", proposal("record.corrected", None, mistake));
    look(&test, &mut shown);
    let mistake = json!({ "target_event": made[0].id, "reason": "it was another customer who called" });
    test.admit("E-101", proposal("record.voided", None, mistake));
    look(&test, &mut shown);
    let told = shown.iter().flat_map(|(_, seen)| seen).filter(|(_, body)| body.is_some()).count();
    assert!(told > 200, "only {told} answers were compared");
    for again in 0..2 {
        for (index, seen) in &shown {
            for (then, before) in everything(&test, at(*index)).iter().zip(seen) {
                assert_eq!(then, before, "as of {index}, the {again}. time");
            }
        }
        test.reopen();
    }
}

#[test]
fn the_archives_of_somebody_who_has_left_are_shown_as_they_were_without_them() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let summary = "Talked about the spare parts for the summer.";
    test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    test.clock.advance(Duration::from_secs(1));
    let then = last(&test);
    let shown = everything(&test, at(then));
    test.pass(1);
    let successor = json!({ "owner": "E-102", "co_contacts": [], "reason": "reassignment",
        "effective_at": test.clock_now().to_string() });
    test.admit("E-201", proposal("customer.owner_assigned", Some("customer/C-01"), successor));
    test.admit("E-102", phone("0531 8000 0002", "basic"));
    for status in ["on_notice", "left"] {
        let leaving = json!({ "status": status, "effective_on": "2026-03-03", "last_day": "2026-03-03" });
        test.admit("E-001", proposal("employee.status_changed", Some("employee/E-101"), leaving));
    }
    test.pass(100);
    assert!(test.view("E-101", "archive", Some("C-01")).is_err(), "who has left helps nobody");
    // Nothing is missing of what they had entered, nor of what anybody could read that day.
    assert_eq!(everything(&test, at(then)), shown);
    let archive = |moment: Moment| test.ask("E-501", &asked("archive", Some("C-01"), moment, None)).unwrap();
    let (before, now) = (archive(at(then)), archive(NOW));
    for (archive, owner, number) in [(before, "E-101", "0531 8000 0001"), (now, "E-102", "0531 8000 0002")] {
        let items = archive.body["sections"].as_array().unwrap();
        let phone = items.iter().find(|item| item["item"] == "phone").map(|item| &item["value"]);
        assert_eq!((&archive.body["owner"], phone), (&json!(owner), Some(&json!(number))));
    }
    let timeline = test.ask("E-501", &asked("timeline", Some("customer/C-01"), at(then), None)).unwrap();
    assert!(timeline.body.to_string().contains(summary), "{}", timeline.body);
}

/// Mistakes are put right wherever they stand in either time: a payment that came later than was entered is not there before it came.
#[test]
fn what_had_happened_by_a_day_is_told_as_it_was_put_right() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.pass(20);
    let mut sold = proposal("sale.recorded", None, sale("2026-03-05"));
    sold.latereason = Some("taken over".into());
    test.admit("E-401", sold);
    let wrong = test.admit("E-401", paid("Y-1", 20_000, "2026-03-06"));
    let twice = test.admit("E-401", paid("Y-2", 30_000, "2026-03-07"));
    let before = last(&test);
    let mistake = json!({ "target_event": wrong[0].id, "reason": "it came ten days later",
        "changes": [{ "path": "/received_on", "new": "2026-03-16" }, { "path": "/amount", "new": 50_000 }] });
    test.admit("E-401", proposal("record.corrected", None, mistake));
    let corrected = last(&test);
    let mistake = json!({ "target_event": twice[0].id, "reason": "it was entered twice" });
    test.admit("E-401", proposal("record.voided", None, mistake));
    let total = |recorded, day: Option<&str>| {
        let valid_at = day.map(|day| format!("{day}T12:00:00+08:00").parse().unwrap());
        let answered =
            test.ask("E-801", &asked("payments", Some("C-01"), Moment { recorded, valid_at }, None)).unwrap();
        answered.body["total"]["paid"].as_i64().unwrap()
    };
    assert_eq!((total(AsOf::Latest, None), total(AsOf::Latest, Some("2026-03-10"))), (50_000, 0));
    assert_eq!(total(AsOf::Latest, Some("2026-03-17")), 50_000);
    assert_eq!((total(AsOf::Index(before), None), total(AsOf::Index(before), Some("2026-03-06"))), (50_000, 20_000));
    assert_eq!(
        (total(AsOf::Index(corrected), None), total(AsOf::Index(corrected), Some("2026-03-10"))),
        (80_000, 30_000)
    );
    // The same of what concerns all customers.
    let sales = |recorded, day: &str| {
        let valid_at = Some(format!("{day}T12:00:00+08:00").parse().unwrap());
        let answered = test.ask("E-801", &asked("stats", None, Moment { recorded, valid_at }, None)).unwrap();
        answered.body["total"]["sales"].as_i64()
    };
    assert_eq!((sales(AsOf::Latest, "2026-03-04"), sales(AsOf::Latest, "2026-03-06")), (Some(0), Some(120_000)));
}

#[test]
fn what_had_happened_by_a_day_is_shown_whenever_it_was_recorded() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.clock.advance(Duration::from_secs(60));
    let day = test.clock_now();
    test.pass(10);
    let before_the_late_one = last(&test);
    // A visit of the first day, recorded ten days later.
    let mut late = contact("C-01", "E-101", day);
    late.latereason = Some("was ill until today".into());
    test.admit("E-101", late);
    test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    let contacts = |recorded: AsOf, valid_at| {
        let moment = Moment { recorded, valid_at };
        test.ask("E-901", &asked("archive", Some("C-01"), moment, None)).unwrap().body["contact_count"].clone()
    };
    assert_eq!(contacts(AsOf::Latest, None), 2);
    assert_eq!(contacts(AsOf::Latest, Some(day)), 1, "what happened that day, as we know it now");
    assert_eq!(contacts(AsOf::Index(before_the_late_one), Some(day)), 0, "as we knew it then");
    let timeline = |valid_at| {
        let moment = Moment { recorded: AsOf::Latest, valid_at };
        let answered = test.ask("E-901", &asked("timeline", Some("customer/C-01"), moment, None)).unwrap();
        answered.body["items"].as_array().unwrap().len()
    };
    assert_eq!((timeline(None), timeline(Some(day))), (3, 2));
    let list = |valid_at| {
        let moment = Moment { recorded: AsOf::Latest, valid_at };
        test.ask("E-901", &asked("list", None, moment, None)).unwrap().body["items"].as_array().unwrap().len()
    };
    assert_eq!((list(Some(day)), list(Some("2026-02-01T00:00:00Z".parse().unwrap()))), (1, 0));
    // Before it had happened, it is as unknown as what never was; and nobody is told what has not come yet.
    let long_ago = Moment { recorded: AsOf::Latest, valid_at: Some("2026-02-01T00:00:00Z".parse().unwrap()) };
    assert!(matches!(test.ask("E-901", &asked("archive", Some("C-01"), long_ago, None)), Err(ViewError::NotFound)));
    let coming = Moment { recorded: AsOf::Latest, valid_at: Some("2030-01-01T00:00:00Z".parse().unwrap()) };
    assert!(matches!(test.ask("E-901", &asked("archive", Some("C-01"), coming, None)), Err(ViewError::Refused(_))));
}

#[test]
fn what_had_happened_by_a_day_is_found_among_a_thousand_entries_and_whatever_came_late_or_was_put_right() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let mut days = Vec::new();
    for day in 0..25 {
        test.pass(1);
        let met = test.clock_now();
        test.submit("E-101", (0..40).map(|_| contact("C-01", "E-101", met)).collect()).unwrap();
        if day == 2 {
            test.admit("E-401", proposal("sale.recorded", None, sale("2026-03-05")));
        }
        days.push(met);
    }
    let day = |number: usize| *days.get(number).unwrap();
    let mut late = contact("C-01", "E-101", day(3));
    late.latereason = Some("was ill until today".into());
    test.admit("E-101", late);
    let mut other = sale("2026-03-10");
    other["sale_id"] = json!("S-2");
    let mut other = proposal("sale.recorded", None, other);
    other.latereason = Some("the invoice was lost".into());
    let other = test.admit("E-401", other);
    // What is noted of entries is of those in the store.
    test.reopen();
    let contacts = |valid_at| {
        let moment = Moment { recorded: AsOf::Latest, valid_at: Some(valid_at) };
        test.ask("E-901", &asked("archive", Some("C-01"), moment, None)).unwrap().body["contact_count"]
            .as_u64()
            .unwrap()
    };
    for number in [0, 2, 3, 4, 11, 12, 13, 24] {
        let expected = 40 * (number as u64 + 1) + u64::from(number >= 3);
        assert_eq!(contacts(day(number)), expected, "day {number}");
    }
    let sales = |test: &TestLedger| {
        [1, 4, 10, 24].map(|number| {
            let moment = Moment { recorded: AsOf::Latest, valid_at: Some(day(number)) };
            test.ask("E-801", &asked("stats", None, moment, None)).unwrap().body["total"]["sales"].as_i64().unwrap()
        })
    };
    assert_eq!(sales(&test), [0, 120_000, 240_000, 240_000]);
    // The correction stands among what else had not happened.
    let much_later = |test: &TestLedger| {
        for _ in 0..8 {
            let met = test.clock_now();
            test.submit("E-101", (0..40).map(|_| contact("C-01", "E-101", met)).collect()).unwrap();
        }
    };
    much_later(&test);
    let mistake = json!({ "target_event": other[0].id, "reason": "it was sold two weeks later",
        "changes": [{ "path": "/sold_on", "new": "2026-03-24" }] });
    test.admit("E-401", proposal("record.corrected", None, mistake));
    much_later(&test);
    test.reopen();
    assert_eq!(sales(&test), [0, 120_000, 120_000, 240_000]);
}

fn changes(answer: &Value) -> Vec<(String, String, Value, Value)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let rows = answer["items"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "change"), text(row, "field"), row["before"].clone(), row["after"].clone())).collect()
}

#[test]
fn what_changed_between_two_moments_is_told_field_by_field_and_item_by_item() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let first = last(&test);
    test.admit("E-101", phone("0531 8000 0002", "basic"));
    test.admit("E-101", contact("C-01", "E-101", test.clock_now()));
    let reads = test.version("reads/C-01");
    let answer = test.ask("E-901", &asked("archive", Some("C-01"), NOW, Some(at(first)))).unwrap();
    assert_eq!(test.version("reads/C-01"), reads + 1, "it is one reading");
    let found = changes(&answer.body);
    assert!(
        found.contains(&("changed".into(), "value".into(), json!("0531 8000 0001"), json!("0531 8000 0002"))),
        "{found:?}"
    );
    let row = answer.body["items"].as_array().unwrap().iter().find(|row| row["field"] == "value").unwrap();
    assert_eq!((&row["within"], &row["item"]), (&json!("sections"), &json!({ "section": "basic", "item": "phone" })));
    let added = answer.body["items"].as_array().unwrap().iter().find(|row| row["within"] == "contacts").unwrap();
    assert_eq!(
        (&added["change"], &added["after"]["channel"], added.get("before")),
        (&json!("added"), &json!("phone"), None)
    );
    assert!(
        !found.iter().any(|(_, field, ..)| field == "region" || field == "name"),
        "what stayed is not told: {found:?}"
    );
    // The list tells which customers changed in what, and those there were not yet.
    test.admit("E-103", registration("C-02", "Linhai Pumps", "south", "E-103"));
    let list = test.ask("E-501", &asked("list", None, NOW, Some(at(first)))).unwrap();
    let found = changes(&list.body);
    assert_eq!(found[0], ("changed".into(), "phone".into(), json!("0531 8000 0001"), json!("0531 8000 0002")));
    assert_eq!((found[1].0.as_str(), &found[1].3["customer_id"]), ("added", &json!("C-02")));
    assert_eq!(found.len(), 2);
    // Nothing changed between a moment and itself.
    let size = last(&test);
    let none = test.ask("E-901", &asked("list", None, at(size), Some(at(size)))).unwrap();
    assert_eq!(none.body["items"], json!([]));
    // Before it was registered there was nothing, so all of it has come since.
    let all = test.ask("E-901", &asked("card", Some("C-01"), NOW, Some(at(first - 1)))).unwrap();
    assert!(changes(&all.body).iter().all(|(change, ..)| change == "added") && changes(&all.body).len() > 3);
}

#[test]
fn what_is_masked_today_tells_nothing_of_having_changed() {
    let (test, first) = lived();
    let again = json!({ "section": "basic", "changes": { "legal_representative": "Somebody Else" },
        "learned_at": test.clock_now(), "major": false });
    test.admit("E-101", proposal("customer.profile_updated", Some("customer/C-01"), again));
    // The name was sealed both times: masked, it looks as it did.
    let answer = test.ask("E-901", &asked("archive", Some("C-01"), NOW, Some(at(first)))).unwrap();
    let of_it = |row: &&Value| row["item"]["item"] == "legal_representative" && row["field"] == "value";
    let rows = answer.body["items"].as_array().unwrap();
    assert_eq!(rows.iter().find(of_it), None);
    assert!(rows.iter().any(|row| row["field"] == "credit_grade" && row["after"] == "B"), "{rows:?}");
    // Whoever sees both is told.
    let mut opened = asked("archive", Some("C-01"), NOW, Some(at(first)));
    opened.reveal = true;
    let answer = test.ask("E-101", &opened).unwrap();
    let told = answer.body["items"].as_array().unwrap().iter().find(of_it).unwrap();
    assert_eq!((&told["before"], &told["after"]), (&json!("Planted Person"), &json!("Somebody Else")));
}

#[test]
fn the_reading_of_a_difference_says_which_moments_it_showed() {
    let served = Served::new();
    served.test.customer("C-01", "Heyuan Alloy Works");
    let first = last(&served.test);
    served.test.admit("E-101", phone("0531 8000 0002", "basic"));
    let path = format!("/v1/customers/C-01?since={first}&as_of={}", first + 1);
    let answer = served.get("E-901", &path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["since"], first);
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    let read = &log["items"][0];
    assert_eq!((&read["view"], &read["as_of"], &read["since"]), (&json!("archive"), &json!(first + 1), &json!(first)));
    for (path, pointer) in [
        ("/v1/customers/C-01/timeline?since=1", "/since"),
        ("/v1/customers/C-01?valid_at=17", "/valid_at"),
        ("/v1/customers/C-01?since=99999", "/since"),
    ] {
        let answer = served.get("E-901", path);
        assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (400, &json!(pointer)), "{path}");
    }
    let csv = served.get("E-901", &format!("/v1/customers?since={first}&format=csv"));
    assert!(
        csv.text().starts_with("\"change\",\"within\",\"item\",\"field\",\"before\",\"after\"\n"),
        "{}",
        csv.text()
    );
}

#[test]
fn whatever_is_a_state_can_be_compared_and_nothing_else() {
    let (test, middle) = lived();
    for view in VIEWS {
        let subject = match view.scope {
            Scope::Customer => Some("C-01"),
            Scope::Company | Scope::Customers | Scope::Employees => None,
            Scope::Person | Scope::Stream => Some("customer/C-01"),
            Scope::Employee => Some("E-101"),
            Scope::Document => Some("D-1"),
            Scope::Entry => Some("1"),
            Scope::Tile => Some("000.p/1"),
        };
        let answer = test.ask("E-801", &asked(view.key, subject, NOW, Some(at(middle))));
        match answer {
            Ok(answer) => assert!(view.compares() && answer.body["items"].is_array(), "{}", view.key),
            Err(ViewError::Refused(refusal)) => assert!(!view.compares(), "{}: {}", view.key, refusal.words().0),
            Err(ViewError::Denied(_) | ViewError::NotFound) => {}
            Err(error) => panic!("{}: {error}", view.key),
        }
    }
}

/// What is kept of earlier moments saves folding and changes nothing: with it, and after all of it was dropped, the same is shown.
#[test]
fn what_is_kept_of_earlier_moments_changes_nothing() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.customer("C-02", "Linhai Pumps");
    let mut sold = Vec::new();
    let mut days = Vec::new();
    for batch in 0..9 {
        test.pass(1);
        let contacts =
            (0..500).map(|number| contact(if number % 5 == 0 { "C-01" } else { "C-02" }, "E-101", test.clock_now()));
        test.submit("E-101", contacts.collect()).unwrap();
        test.admit("E-101", phone(&format!("0531 8000 01{batch:02}"), "basic"));
        let mut data = sale(&format!("2026-03-{:02}", batch + 3));
        data["sale_id"] = json!(format!("S-{batch}"));
        sold.extend(test.admit("E-401", proposal("sale.recorded", None, data)));
        days.push(test.clock_now());
    }
    let mistake = json!({ "target_event": sold[0].id, "reason": "it was entered wrongly",
        "changes": [{ "path": "/amount", "new": 70_000 }] });
    test.admit("E-401", proposal("record.corrected", None, mistake));
    let size = last(&test);
    let moments: Vec<u64> = (1..12).map(|part| size * part / 12).collect();
    let look = |test: &TestLedger| -> Vec<Value> {
        let each = moments.iter().flat_map(|moment| {
            let one = test.ask("E-901", &asked("archive", Some("C-01"), at(*moment), None)).unwrap();
            let list = test.ask("E-901", &asked("list", None, at(*moment), None)).unwrap();
            [one.body.as_ref().clone(), list.body.as_ref().clone()]
        });
        let by_business = days.iter().step_by(4).flat_map(|day| {
            let moment = Moment { recorded: AsOf::Latest, valid_at: Some(*day) };
            [("archive", Some("C-01")), ("stats", None)].map(|(view, subject)| {
                test.ask("E-801", &asked(view, subject, moment, None)).unwrap().body.as_ref().clone()
            })
        });
        // The latest archive too begins from what is kept of it, once nobody has it in memory.
        let latest = test.ask("E-901", &asked("archive", Some("C-01"), NOW, None)).unwrap().body.as_ref().clone();
        each.chain(by_business).chain([latest]).collect()
    };
    let first = look(&test);
    let sales: Vec<i64> = first.iter().filter_map(|body| body["total"]["sales"].as_i64()).collect();
    assert_eq!(sales, [70_000, 550_000, 1_030_000]);
    let counts: Vec<u64> = first.iter().take(22).filter_map(|body| body["contact_count"].as_u64()).collect();
    assert!(counts.is_sorted() && counts[0] < counts[10], "{counts:?}");
    let past = test.home.data.join("past");
    let kept = || -> Vec<(std::path::PathBuf, Vec<u8>)> {
        let files = std::fs::read_dir(&past).into_iter().flatten().map(|file| file.unwrap().path());
        let mut kept: Vec<_> = files.map(|path| (path.clone(), std::fs::read(&path).unwrap())).collect();
        kept.sort();
        kept
    };
    let moments_kept = kept();
    assert_eq!(moments_kept.len(), 1, "one moment is due on the way, and so many are kept");
    assert_eq!(look(&test), first, "from what was kept");
    test.let_go();
    let sound = verify_data(&test.home.data, |_| {});
    assert!(sound.is_ok(), "a verification looks at what is the ledger's: {:?}", sound.err());
    test.reopen();
    assert_eq!(look(&test), first, "after a start");
    let (path, whole) = moments_kept[0].clone();
    let changed: Vec<u8> = whole.iter().enumerate().map(|(place, byte)| byte ^ u8::from(place == 99)).collect();
    // Deleted, cut by a crash, altered, or another's: it is folded again, and the same is kept.
    for damaged in [
        None,
        Some(whole[..whole.len() / 2].to_vec()),
        Some(Vec::new()),
        Some(changed),
        Some(b"dossier moment 0\n".to_vec()),
    ] {
        test.let_go();
        match &damaged {
            None => std::fs::remove_file(&path).unwrap(),
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
        }
        // What a crash left of one that was being written is not taken for one, and goes.
        std::fs::write(path.with_extension("ThreadId(7).tmp"), &whole[..9]).unwrap();
        test.reopen();
        assert_eq!(look(&test), first, "though it was damaged: {:?}", damaged.map(|bytes| bytes.len()));
        assert!(kept() == moments_kept, "the same moment is kept again, and nothing else");
    }
    test.ledger.rebuild_views(|_| ()).unwrap();
    assert_eq!(kept(), [], "all is folded anew");
    assert_eq!(look(&test), first, "though it was dropped");
    assert!(kept() == moments_kept);
    // What is derived belongs into no backup.
    test.ledger.settle();
    let elsewhere = Directory::new();
    let done = back_up(&test.home, &elsewhere.path().join("place"), Reach::Once, &test.clock, &mut |_, _| {}).unwrap();
    assert!(done.manifest.files.iter().all(|file| !file.path.contains("past")), "{:?}", done.manifest.files);
}

/// Whoever looks back first waits for nobody: in quiet times what is due is kept already.
#[test]
fn moments_are_kept_while_nobody_asks() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    for _ in 0..9 {
        test.submit("E-101", (0..500).map(|_| contact("C-01", "E-101", test.clock_now())).collect()).unwrap();
    }
    let past = test.home.data.join("past");
    let kept = (0..2_000).any(|_| {
        test.clock.advance(Duration::from_secs(1));
        std::thread::park_timeout(Duration::from_millis(5));
        std::fs::read_dir(&past)
            .is_ok_and(|files| files.flatten().any(|file| file.path().extension() == Some("moment".as_ref())))
    });
    assert!(kept, "nothing was kept");
}
