//! Obligations as the entries of all modules bring them about.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::domain::duty::{Due, Sink};
use crate::domain::obligation::opening::take;
use crate::domain::Code;
use crate::domain::document::{Attached, Mime, Received};
use crate::domain::escalation::responsible;
use crate::domain::{calendar, contact};
use crate::entry::Hash;
use crate::domain::testing::{Given, Proposed, contact as talked, customer, event, given, main_customer};

/// The company with its calendars and one customer of E-101's.
fn company() -> Given {
    let mut given = given([("E-101", customer("C-01", "Heyuan"))]);
    for adopted in calendar::shipped(&given.world.clone()) {
        given = given.and("system", event("calendar.adopted", adopted.data().unwrap()));
    }
    given
}

fn promised(due: &str) -> Proposed {
    let promise = json!({ "promise_id": "PR-1", "text": "drawings", "due": due, "responsible": "E-101" });
    talked("C-01", &["E-101"]).with("promises", json!([promise]))
}

fn closed() -> Proposed {
    event("commitment.closed", json!({ "promise_id": "PR-1", "outcome": "fulfilled" })).about("contact/C-01")
}

fn extended(id: &str, due: &str) -> Proposed {
    event("obligation.extended", json!({ "obligation": id, "new_due": due, "reason": "the workshop is late" }))
}

/// A breach entered: the duty, the level, who answers and to whom it is reported.
type Entered = (String, i64, Vec<String>, Vec<String>);

/// What the clock enters next.
fn next_due(given: &Given) -> Option<(Event, About, EntryId)> {
    Watch::default().next(&given.world, given.at, given.at)
}

/// Does what the clock does at `at`; returns what it entered.
fn tick(given: Given, at: &str) -> (Given, Vec<Entered>) {
    let mut given = given.at(at);
    let mut entered = Vec::new();
    while let Some((breached, ..)) = next_due(&given) {
        let Event::Breached(inner) = &breached else { panic!("the clock enters breaches") };
        let names = |ids: &[EmployeeId]| ids.iter().map(ToString::to_string).collect();
        let duty = inner.obligation.as_str().get(..5).unwrap().to_owned();
        entered.push((duty, inner.level.0, names(&inner.responsible), names(&inner.escalated_to)));
        given = given.and("system", event("obligation.breached", breached.text().unwrap().parse().unwrap()));
        given.at = given.at.plus(Duration::from_micros(1));
    }
    (given, entered)
}

fn only(given: &Given, duty: u8) -> (SubjectId, Open) {
    let mut found = given.world.obligation.open.iter().filter(|(_, open)| open.duty == duty);
    let (id, open) = found.next().unwrap();
    assert!(found.next().is_none());
    (id.clone(), Open::clone(open))
}

fn is_open(given: &Given, duty: u8) -> bool {
    given.world.obligation.open.values().any(|open| open.duty == duty)
}

fn due(given: &Given, duty: u8) -> String {
    let due = only(given, duty).1.due().unwrap();
    given.world.ledger.zone.wall(due).get(..16).unwrap().to_owned()
}

#[test]
fn a_promise_is_due_at_the_end_of_its_day_and_escalates_thrice() {
    let given = company().and("E-101", promised("2026-03-05"));
    assert_eq!(due(&given, 13), "2026-03-06 00:00");
    // The last instant of the day is in time.
    let (given, none) = tick(given, "2026-03-06T00:00:00+08:00");
    assert_eq!(none, []);
    let (given, first) = tick(given, "2026-03-06T00:00:01+08:00");
    assert_eq!(first, [("OB-13".into(), 1, vec!["E-101".into()], vec!["E-201".into()])]);
    let (given, none) = tick(given, "2026-03-07T00:00:00+08:00");
    assert_eq!(none, []);
    // After one working day, and after three: a week-end lies between.
    let (given, second) = tick(given, "2026-03-07T00:00:01+08:00");
    assert_eq!(second, [("OB-13".into(), 2, vec!["E-101".into()], vec!["E-201".into()])]);
    let (given, none) = tick(given, "2026-03-11T00:00:00+08:00");
    assert_eq!(none, []);
    let (given, third) = tick(given, "2026-03-11T00:00:01+08:00");
    assert_eq!(third, [("OB-13".into(), 3, vec!["E-101".into()], vec!["E-802".into()])]);
    let (given, none) = tick(given, "2027-01-01T00:00:00+08:00");
    assert!(none.iter().all(|(duty, ..)| duty != "OB-13"));
    assert!(is_open(&given, 13), "it is still owed");
    assert!(!is_open(&given.and("E-101", closed()), 13));
}

#[test]
fn after_a_long_stop_what_fell_due_is_entered_once_and_in_order() {
    let given = company().and("E-101", promised("2026-03-05"));
    let question = talked("C-01", &["E-102"]).with("direction", "inbound").with("reply_needed", true);
    let given = given.and("E-102", question);
    let (given, entered) = tick(given, "2026-03-20T10:00:00+08:00");
    let told: Vec<(&str, i64)> = entered.iter().map(|(duty, level, ..)| (duty.as_str(), *level)).collect();
    // The third level of the one and the second of the other fall on one day.
    let order = [("OB-15", 1), ("OB-15", 2), ("OB-13", 1), ("OB-13", 2), ("OB-15", 3), ("OB-13", 3)];
    assert_eq!(told, order);
    assert_eq!(tick(given, "2026-03-20T11:00:00+08:00").1, []);
}

#[test]
fn what_cannot_be_entered_holds_up_nothing_behind_it_and_is_tried_again_in_the_next_round() {
    let given = company().and("E-101", promised("2026-03-05"));
    let question = talked("C-01", &["E-102"]).with("direction", "inbound").with("reply_needed", true);
    let given = given.and("E-102", question).at("2026-03-06T10:00:00+08:00");
    let mut watch = Watch::default();
    let next = |watch: &mut Watch| {
        let (event, ..) = watch.next(&given.world, given.at, given.at)?;
        watch.pass(&event);
        let Event::Breached(breached) = event else { panic!("the clock enters breaches") };
        Some(breached.obligation.as_str().get(..5).unwrap().to_owned())
    };
    assert_eq!(next(&mut watch).as_deref(), Some("OB-15"));
    assert_eq!(next(&mut watch).as_deref(), Some("OB-13"));
    assert_eq!(next(&mut watch), None);
    watch.begin();
    assert_eq!(next(&mut watch).as_deref(), Some("OB-15"));
}

#[test]
fn the_end_of_a_quarter_is_worked_out_once_until_the_next_entry_or_quarter() {
    let given = company().at("2026-04-16T00:00:01+08:00");
    let (last, later) = (company().at, given.at.plus(Duration::from_secs(20)));
    let mut watch = Watch::default();
    let first = watch.next(&given.world, last, given.at).unwrap();
    // It is kept: what another world would come to under the same last entry is not worked out.
    let ended = company().and("E-101", domain::testing::customer_status("C-01", "terminated"));
    assert_eq!(watch.next(&ended.world, last, later).map(|(event, ..)| event), Some(first.0.clone()));
    assert_eq!(Watch::default().next(&ended.world, last, later), None);
    let checked = json!({ "kind": "quarterly", "period": "2026Q1", "result": "confirmed" });
    let given = given.and("E-501", event("archive.verified", checked).about("customer/C-01"));
    assert_eq!(watch.next(&given.world, given.at, later), None);
    // After another quarter it is worked out anew.
    let at = "2026-07-16T00:00:01+08:00".parse().unwrap();
    let (next, ..) = watch.next(&given.world, given.at, at).unwrap();
    assert_ne!(next, first.0);
}

#[test]
fn what_is_kept_in_time_leaves_no_breach() {
    let given = company().and("E-101", promised("2026-03-05")).and("E-101", closed());
    assert_eq!(tick(given, "2026-03-20T10:00:00+08:00").1, []);
}

#[test]
fn the_clock_replayed_elsewhere_enters_the_same_under_the_same_ids() {
    let run = || {
        let given = company().and("E-101", promised("2026-03-05")).at("2026-03-20T10:00:00+08:00");
        let (event, about, id) = next_due(&given).unwrap();
        (event.text().unwrap(), about.subject.to_string(), id)
    };
    let (text, subject, id) = run();
    assert_eq!(run(), (text, subject.clone(), id.clone()));
    assert_eq!(format!("obligation/{}", id.as_str().strip_suffix("-1").unwrap()), subject);
    assert!(id.as_str().starts_with(PREFIX));
}

#[test]
fn an_update_is_due_in_three_working_days_of_the_owners_calendar() {
    let given = company().at("2026-02-12T10:00:00+08:00");
    let changed = talked("C-01", &["E-102"]).with("archive_changes", true).with("at", "2026-02-12T09:00:00+08:00");
    let given = given.and("E-102", changed);
    let (id, open) = only(&given, 2);
    assert_eq!(responsible(&given.world, &open, given.at), ["E-101".parse().unwrap()]);
    assert_eq!(due(&given, 2), "2026-02-25 00:00", "the festival does not count, the Saturday made up does");
    let (given, breached) = tick(given, "2026-02-25T08:00:00+08:00");
    assert_eq!(breached.len(), 1);
    let update = json!({
        "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-02-12T09:00:00+08:00", "major": false,
    });
    let given = given.and("E-101", event("customer.profile_updated", update).about("customer/C-01"));
    assert!(!given.world.obligation.open.contains_key(&id), "met late");
}

#[test]
fn a_person_brought_up_to_date_is_an_update_of_the_archive() {
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "s1.sealed" });
    let given = company().and("E-101", event("person.recorded", person));
    let given = given.and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
    assert!(is_open(&given, 2));
    let update = json!({ "changes": { "mobile": "555 0101" }, "learned_at": "2026-03-02T09:00:00+08:00" });
    assert!(!is_open(&given.and("E-101", event("person.updated", update).about("person/P-1")), 2));
}

#[test]
fn a_call_that_the_archivist_took_is_passed_to_whom_it_concerns() {
    let question = talked("C-01", &["E-102"]).with("direction", "inbound").with("reply_needed", true).id("question-1");
    let given = company().and("E-501", question);
    let (_, open) = only(&given, 15);
    assert_eq!(responsible(&given.world, &open, given.at), ["E-102".parse().unwrap()], "and not the archivist");
    let answer = talked("C-01", &["E-102"]).with("replies_to", "question-1");
    assert!(!is_open(&given.and("E-102", answer), 15));
}

#[test]
fn a_question_is_answered_by_a_contact_that_says_so() {
    let question = talked("C-01", &["E-101"]).with("direction", "inbound").with("reply_needed", true).id("question-1");
    let given = company().and("E-101", question);
    assert_eq!(due(&given, 15), "2026-03-04 00:00");
    assert!(is_open(&given.clone().and("E-101", talked("C-01", &["E-101"])), 15));
    assert!(!is_open(&given.and("E-102", talked("C-01", &["E-102"]).with("replies_to", "question-1")), 15));
}

/// C-01 is said to be important and promising, or not to be.
fn flagged(promising: bool) -> Proposed {
    let data = json!({
        "section": "basic", "changes": { "important_promising": promising }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false,
    });
    event("customer.profile_updated", data).about("customer/C-01")
}

fn co_contacts(who: &[&str]) -> Proposed {
    let data = json!({
        "owner": "E-101", "co_contacts": who, "reason": "second_contact", "effective_at": "2026-03-02T10:00:00+08:00",
    });
    event("customer.owner_assigned", data).about("customer/C-01")
}

#[test]
fn who_turns_out_promising_gets_a_second_contact_and_asking_again_gives_no_more_time() {
    let given = company().and("E-101", flagged(true));
    assert_eq!(due(&given, 18), "2026-03-17 00:00");
    let (_, open) = only(&given, 18);
    assert_eq!(responsible(&given.world, &open, given.at), ["E-201".parse().unwrap()]);
    let given = given.at("2026-03-10T10:00:00+08:00").and("E-101", flagged(true));
    assert_eq!(due(&given, 18), "2026-03-17 00:00");
    assert!(!is_open(&given.clone().and("E-101", flagged(false)), 18), "nobody owes it any more");
    assert!(is_open(&given.clone().and("E-201", co_contacts(&[])), 18), "nobody was named");
    assert!(!is_open(&given.clone().and("E-201", co_contacts(&["E-102"])), 18));
    // Whoever has two contacts already is owed none.
    let two = company().and("E-201", co_contacts(&["E-102"]));
    assert!(!is_open(&two.clone().and("E-101", flagged(true)), 18));
    let (given, breached) = tick(given, "2026-03-17T08:00:00+08:00");
    // The update is to be acknowledged as well.
    let breached: Vec<Entered> = breached.into_iter().filter(|breach| breach.0 == "OB-18").collect();
    assert_eq!(breached, [("OB-18".into(), 1, vec!["E-201".into()], vec!["E-801".into()])]);
    assert!(!is_open(&given.and("E-201", co_contacts(&["E-102"])), 18), "met late");
}

#[test]
fn what_a_flag_asks_for_follows_its_correction() {
    let given = company().and("E-101", flagged(true));
    let flag = given.lived.last().unwrap().0.id.clone();
    assert!(!is_open(&given.amend("E-501", &flag, None).admitted(), 18));
    // Said twice, it is asked for by the one as long as the other counts no more.
    let twice = given.and("E-101", flagged(true));
    assert!(is_open(&twice.amend("E-501", &flag, None).admitted(), 18));
    // The second contact was named by mistake: what was done is owed again.
    let given = twice.and("E-201", co_contacts(&["E-102"]));
    assert!(!is_open(&given, 18));
    let named = given.lived.last().unwrap().0.id.clone();
    assert!(is_open(&given.amend("E-501", &named, None).admitted(), 18));
}

#[test]
fn a_promising_customer_gets_a_second_contact_in_ten_working_days() {
    let given = company().and("E-101", customer("C-02", "Linhai").with("important_promising", true));
    assert_eq!(due(&given, 18), "2026-03-17 00:00");
    let (_, open) = only(&given, 18);
    assert_eq!(responsible(&given.world, &open, given.at), ["E-201".parse().unwrap()]);
    let assigned = |who: &[&str]| {
        let data = json!({ "owner": "E-101", "co_contacts": who, "reason": "second_contact", "effective_at": "2026-03-02T10:00:00+08:00" });
        event("customer.owner_assigned", data).about("customer/C-02")
    };
    assert!(is_open(&given.clone().and("E-201", assigned(&[])), 18));
    assert!(!is_open(&given.and("E-201", assigned(&["E-102"])), 18));
}

#[test]
fn every_quarter_asks_for_a_check_of_every_archive() {
    let given = company().and("E-101", customer("C-02", "Linhai"));
    let given = given.and("E-501", domain::testing::duplicate("C-02", "C-01")).at("2026-04-02T10:00:00+08:00");
    // Nothing has been entered since the quarter ended, and still it is due.
    assert!(!is_open(&given, 4) && turned(&given.world, given.at).obligation.open.values().any(|open| open.duty == 4));
    let given = given.and("E-101", talked("C-01", &["E-101"]).with("at", "2026-04-02T09:00:00+08:00"));
    let (id, open) = only(&given, 4);
    assert_eq!((open.object.as_str(), &open.trigger), ("C-01", &Trigger::Period("2026Q1".into())));
    assert_eq!(due(&given, 4), "2026-04-16 00:00", "15 days after the quarter");
    let (given, first) = tick(given, "2026-04-16T00:00:01+08:00");
    assert_eq!(first, [("OB-04".into(), 1, vec!["E-501".into(), "E-101".into()], vec!["E-201".into(), "E-801".into()])]);
    let check = |period: &str| {
        event("archive.verified", json!({ "kind": "quarterly", "period": period, "result": "confirmed" })).about("customer/C-01")
    };
    assert!(is_open(&given.clone().and("E-501", check("2025Q4")), 4), "another quarter's");
    assert!(!is_open(&given.clone().and("E-501", check("2026Q1")), 4));
    // A quarter later the next check takes its place.
    let given = given.at("2026-07-01T08:00:00+08:00").and("E-501", main_customer("C-01"));
    assert!(!given.world.obligation.open.contains_key(&id));
    assert_eq!(only(&given, 4).1.trigger, Trigger::Period("2026Q2".into()));
}

#[test]
fn a_quarter_silent_to_its_end_is_entered_by_the_clock_all_the_same() {
    let (given, entered) = tick(company(), "2026-04-30T10:00:00+08:00");
    assert_eq!(entered.iter().map(|(duty, level, ..)| (duty.as_str(), *level)).collect::<Vec<_>>(), [
        ("OB-04", 1),
        ("OB-04", 2),
        ("OB-04", 3),
    ]);
    assert_eq!(only(&given, 4).1.level, 3);
}

#[test]
fn where_archives_are_checked_yearly_no_quarter_asks() {
    let yearly = domain::testing::policy("north", json!({ "verify": "verify.annual" }), json!({}));
    let (_, entered) = tick(company().and("system", yearly), "2026-04-30T10:00:00+08:00");
    assert_eq!(entered, []);
}

fn updated(id: &'static str) -> Proposed {
    let update = json!({
        "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false,
    });
    event("customer.profile_updated", update).about("customer/C-01").id(id)
}

fn acknowledged(id: &str) -> Proposed {
    let data = json!({ "subject_event": id, "purpose": "copy_acknowledged", "step": 1, "decision": "noted" });
    event("signoff.recorded", data).about("customer/C-01")
}

#[test]
fn an_update_is_acknowledged_in_three_working_days_from_when_the_second_holder_could_know() {
    let old = updated("update-01").occurred("2026-02-03T09:00:00+08:00".parse().unwrap()).late("taken over");
    let given = company().and("E-101", old);
    assert_eq!(due(&given, 3), "2026-03-06 00:00");
    let (_, open) = only(&given, 3);
    let names: Vec<String> = responsible(&given.world, &open, given.at).iter().map(ToString::to_string).collect();
    assert_eq!(names, ["E-501", "E-601"], "the archivist or the market director");
    // Each update asks; who acknowledges the newest has those before it.
    let given = given.at("2026-03-03T10:00:00+08:00").and("E-101", updated("update-02"));
    assert_eq!(given.world.obligation.open.values().filter(|open| open.duty == 3).count(), 2);
    assert!(!is_open(&given.clone().and("E-501", acknowledged("update-02")), 3));
    assert!(!is_open(&given.and("E-101", domain::testing::customer_status("C-01", "terminated")), 3));
}

#[test]
fn an_update_that_counts_for_nothing_is_not_acknowledged_and_one_put_right_still_is() {
    let given = company().and("E-101", updated("update-01"));
    let amend = |changes| given.amend("E-101", &"update-01".parse().unwrap(), changes).admitted();
    assert!(!is_open(&amend(None), 3));
    assert_eq!(due(&amend(Some(json!([{ "path": "/changes/fax", "new": "0531 8000 0010" }]))), 3), "2026-03-06 00:00");
}

/// A paper of C-01 with a file that came along.
fn paper(kind: &str, period: Option<&str>) -> Proposed {
    let paper = event("document.filed", json!({ "kind": kind, "title": "s1.sealed", "customer_id": "C-01", "class": "C3" }));
    match period {
        Some(period) => paper.with("period", period),
        None => paper,
    }
}

fn with_files(mut given: Given) -> Given {
    given.fetched.file = Attached::Came(Received { content: Hash([1; 32]), stored: Hash([2; 32]), mime: Mime::Pdf, size: 1000 });
    given
}

#[test]
fn the_statements_of_a_year_are_collected_in_the_four_months_after_it() {
    let individual = json!({
        "customer_id": "C-03", "name": "s1.name", "direct": true, "region": "north", "source": "inbound",
        "first_contact_at": "2026-03-01T01:00:00Z", "owner": "E-101",
    });
    let given = company().and("E-101", event("customer.individual_registered", individual));
    assert!(!is_open(&given, 7), "nobody was here last year");
    let given = with_files(given.at("2027-01-01T08:00:00+08:00"));
    let asked = |given: &Given| {
        let world = turned(&given.world, given.at);
        let open: Vec<String> = world.obligation.open.values().filter(|open| open.duty == 7).map(|open| open.object.clone()).collect();
        open
    };
    assert_eq!(asked(&given), ["C-01/2026"], "an individual draws up none");
    let given = given.and("E-101", main_customer("C-01"));
    assert_eq!(due(&given, 7), "2027-05-01 00:00");
    for other in [paper("financial_statement", None), paper("financial_statement", Some("2026Q4")), paper("financial_statement", Some("2025")), paper("performance_report", Some("2026"))] {
        assert!(is_open(&given.clone().and("E-101", other), 7));
    }
    let filed = given.clone().and("E-101", paper("financial_statement", Some("2026")).id("statement-01"));
    assert!(!is_open(&filed, 7));
    // Filed for another year by mistake, and put right.
    let put = |given: &Given, year: &str| {
        let changes = json!([{ "path": "/period", "new": year }]);
        given.amend("E-101", &"statement-01".parse().unwrap(), Some(changes)).admitted()
    };
    let wrong = put(&filed, "2025");
    assert_eq!(due(&wrong, 7), "2027-05-01 00:00");
    assert!(!is_open(&put(&wrong, "2026"), 7));
    // What is there already is not asked for, and what nobody collected for a year no more.
    let early = with_files(company()).and("E-101", paper("financial_statement", Some("2026"))).at("2027-01-01T08:00:00+08:00");
    assert_eq!(asked(&early), [] as [String; 0]);
    assert_eq!(asked(&given.clone().at("2028-01-01T08:00:00+08:00")), ["C-01/2027"]);
    assert!(!is_open(&given.and("E-101", domain::testing::customer_status("C-01", "terminated")), 7));
}

#[test]
fn the_policy_is_reviewed_by_the_end_of_each_year() {
    let given = company();
    assert_eq!(due(&given, 58), "2027-01-01 00:00");
    let review = event("policy.reviewed", json!({ "year": 2026, "outcome": "unchanged", "findings": "fits" }));
    assert!(!is_open(&given.clone().and("E-601", review), 58));
    let (given, entered) = tick(given, "2027-01-01T00:00:01+08:00");
    let reviewed: Vec<_> = entered.iter().filter(|(duty, ..)| duty == "OB-58").collect();
    assert_eq!(reviewed.len(), 1);
    assert_eq!(reviewed[0].2, ["E-601"]);
    assert_eq!(given.world.obligation.open.values().filter(|open| open.duty == 58).count(), 2, "and that of 2027");
}

#[test]
fn a_deadline_that_takes_a_year_nobody_entered_waits_for_its_table() {
    let given = company().at("2026-12-30T10:00:00+08:00");
    let given = given.and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true).with("at", "2026-12-30T09:00:00+08:00"));
    let (id, open) = only(&given, 2);
    assert!(matches!(&open.deadline, Deadline::NoTable { calendar, year: 2027, .. } if calendar == "cn"));
    let words = given.when("E-201", extended(id.as_str(), "2027-02-01T00:00:00+08:00")).then_refused(Code::E_POLICY, "R-017");
    assert!(words.contains("2027"), "{words}");
    let (given, entered) = tick(given, "2027-03-01T10:00:00+08:00");
    assert!(entered.iter().all(|(duty, ..)| duty != "OB-02"), "nothing is supposed");
    let table = json!({ "calendar": "cn", "year": 2027, "days_off": ["2027-01-01"], "make_up_days": [], "notice": "a notice" });
    let given = given.and("system", event("calendar.adopted", table));
    assert_eq!(due(&given, 2), "2027-01-06 00:00", "31 December, then the 4th and the 5th");
    let entered = tick(given, "2027-03-01T11:00:00+08:00").1;
    assert_eq!(entered.iter().filter(|(duty, ..)| duty == "OB-02").count(), 3);
}

#[test]
fn a_breach_tells_how_it_was_counted_and_a_new_table_changes_no_deadline() {
    let given = company().and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
    let table = json!({ "calendar": "cn", "year": 2026, "days_off": ["2026-03-03"], "make_up_days": [], "notice": "another" });
    let given = given.and("system", event("calendar.adopted", table));
    assert_eq!(due(&given, 2), "2026-03-06 00:00");
    let given = given.at("2026-03-06T08:00:00+08:00");
    let Some((Event::Breached(breached), ..)) = next_due(&given) else { panic!("due") };
    let counting = breached.counting.unwrap();
    assert_eq!((counting.calendar.0.as_str(), counting.year.0, counting.version.0), ("cn", 2026, 1));
    let days: Vec<String> = counting.counted.iter().map(|span| given.world.date(span.from).to_string()).collect();
    assert_eq!(days, ["2026-03-03", "2026-03-04", "2026-03-05"]);
}

#[test]
fn more_time_is_given_beforehand_by_somebody_above_and_at_most_twice() {
    let given = company().and("E-101", promised("2026-03-05"));
    let (id, _) = only(&given, 13);
    let to = |due: &str| extended(id.as_str(), due);
    given.when("E-101", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_SOD, "R-020");
    given.when("E-102", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_SOD, "R-020");
    given.when("E-201", to("2026-03-06T00:00:00+08:00")).then_refused(Code::E_RULE, "R-020");
    given.when("E-201", to("2026-03-10T00:00:00+08:00").with("old_due", "2026-03-07T00:00:00+08:00"))
        .then_refused(Code::E_RULE, "R-042");
    given.when("E-201", extended("OB-13-0123", "2026-03-10T00:00:00+08:00")).then_refused(Code::E_STATE, "R-020");
    let late = given.clone().at("2026-03-06T00:00:01+08:00");
    late.when("E-201", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_LATE, "R-020");
    let given = given.at("2026-03-06T00:00:00+08:00").and("E-201", to("2026-03-10T00:00:00+08:00"));
    assert_eq!(due(&given, 13), "2026-03-10 00:00");
    let (given, none) = tick(given, "2026-03-09T10:00:00+08:00");
    assert_eq!(none, []);
    let given = given.and("E-802", to("2026-03-12T18:00:00+08:00"));
    given.when("E-201", to("2026-03-13T00:00:00+08:00")).then_refused(Code::E_RULE, "R-020");
    let (given, entered) = tick(given, "2026-03-12T18:00:01+08:00");
    assert_eq!(entered.len(), 1);
    given.when("E-201", to("2026-03-20T00:00:00+08:00")).then_refused(Code::E_LATE, "R-020");
}

#[test]
fn only_the_clock_enters_breaches_and_each_level_once() {
    let given = company().and("E-101", promised("2026-03-05")).at("2026-03-06T08:00:00+08:00");
    let (breached, ..) = next_due(&given).unwrap();
    let breached = event("obligation.breached", breached.text().unwrap().parse().unwrap());
    given.when("E-801", breached.clone()).then_refused(Code::E_FORBIDDEN, "R-023");
    let given = given.and("system", breached.clone());
    given.when("system", breached.clone()).then_refused(Code::E_CONFLICT, "R-019");
    given.when("system", breached.clone().with("level", 2)).then_refused(Code::E_STATE, "R-019");
    given.when("system", breached.with("level", 3)).then_refused(Code::E_STATE, "R-019");
}

#[test]
fn a_vacant_or_departed_holder_goes_further_up_and_at_last_nobody_is_left() {
    let given = company().and("E-101", promised("2026-03-05"));
    let suspended = |id: &str| {
        let data = json!({ "status": "suspended", "effective_on": "2026-03-02" });
        event("employee.status_changed", data).about(format!("employee/{id}"))
    };
    let leave = |given: Given, id: &str| given.and("E-001", suspended(id));
    // The head is away: the next one above is told.
    let away = leave(given.clone(), "E-201");
    let (_, entered) = tick(away.clone(), "2026-03-06T08:00:00+08:00");
    assert_eq!(entered[0].3, ["E-801"]);
    // Who promised has left: the head answers for it, and the head above is told.
    let (_, entered) = tick(leave(given, "E-101"), "2026-03-06T08:00:00+08:00");
    assert_eq!((&entered[0].2, &entered[0].3), (&vec!["E-201".to_owned()], &vec!["E-801".to_owned()]));
    // Nobody is left above: it is entered, and says so.
    let nobody = leave(leave(away, "E-801"), "E-802");
    let (_, entered) = tick(nobody, "2026-03-20T08:00:00+08:00");
    assert_eq!(entered.len(), 3);
    assert!(entered.iter().all(|(_, _, responsible, told)| responsible == &["E-101"] && told.is_empty()));
}

/// What becomes of an obligation when the contact that opened it is put right, or counts for nothing.
fn refolded(given: &Given, opener: &str, now: Option<&str>) -> Given {
    let changes = now.map(|due| json!([{ "path": "/promises/0/due", "new": due }]));
    given.amend("E-101", &opener.parse().unwrap(), changes).admitted()
}

#[test]
fn a_corrected_promise_is_due_when_it_says_now_and_a_voided_one_is_not_due() {
    let given = company().and("E-101", promised("2026-03-05").id("promise-01"));
    assert_eq!(due(&refolded(&given, "promise-01", Some("2026-03-12")), 13), "2026-03-13 00:00");
    assert!(!is_open(&refolded(&given, "promise-01", None), 13));
    // What is kept already stays so; what is overdue stays due when it was.
    let kept = given.clone().and("E-101", closed());
    assert!(!is_open(&refolded(&kept, "promise-01", Some("2026-03-12")), 13));
    let (late, _) = tick(given, "2026-03-06T08:00:00+08:00");
    assert_eq!(due(&refolded(&late, "promise-01", Some("2026-03-12")), 13), "2026-03-06 00:00");
}

#[test]
fn what_a_correction_asks_for_anew_has_an_id_of_its_own() {
    let talk = |updated: bool| talked("C-01", &["E-101"]).with("archive_changes", updated);
    let given = company().and("E-101", talk(true).id("contact-01"));
    let (first, _) = only(&given, 2);
    let (given, entered) = tick(given, "2026-03-20T10:00:00+08:00");
    assert_eq!(entered.len(), 3, "overdue on every level");
    let put = |given: Given, changes: Value| given.amend("E-101", &"contact-01".parse().unwrap(), Some(changes)).admitted();
    let given = put(given, json!([{ "path": "/archive_changes", "new": false }]));
    assert!(!is_open(&given, 2));
    let given = put(given, json!([{ "path": "/archive_changes", "new": true }]));
    let (again, open) = only(&given, 2);
    assert_ne!(again, first, "breaches of the first are entered under its id");
    assert_eq!((open.level, given.world.date(open.opened_at).to_string().as_str()), (0, "2026-03-20"));
    assert!(open.due().unwrap() > given.at, "nobody was asked before");
    let given = put(given, json!([{ "path": "/archive_changes", "new": false }]));
    assert!(!is_open(&given, 2), "what a correction opened another closes");
}

#[test]
fn what_was_done_by_an_entry_that_counts_for_nothing_is_owed_again() {
    let given = company().and("E-101", promised("2026-03-05").id("promise-01")).and("E-101", closed().id("closing-01"));
    assert!(!is_open(&given, 13));
    let given = given.amend("E-101", &"closing-01".parse().unwrap(), None).admitted();
    assert_eq!(due(&given, 13), "2026-03-06 00:00");
    let (given, entered) = tick(given, "2026-03-06T08:00:00+08:00");
    assert_eq!(entered.len(), 1);
    assert!(!is_open(&given.and("E-101", closed()), 13));
    // What a quarter asks for as well.
    let given = company().at("2026-04-02T10:00:00+08:00").and("E-501", main_customer("C-01"));
    let check = event("archive.verified", json!({ "kind": "quarterly", "period": "2026Q1", "result": "confirmed" }));
    let given = given.and("E-501", check.about("customer/C-01").id("checked-01"));
    assert!(!is_open(&given, 4));
    let of = |given: &Given, period: &str| {
        let changes = json!([{ "path": "/period", "new": period }]);
        given.amend("E-501", &"checked-01".parse().unwrap(), Some(changes)).admitted()
    };
    let before = of(&given, "2025Q4");
    assert_eq!(due(&before, 4), "2026-04-16 00:00", "another quarter was checked");
    assert!(!is_open(&of(&before, "2026Q1"), 4), "it was this one after all");
    let given = given.amend("E-501", &"checked-01".parse().unwrap(), None).admitted();
    assert_eq!(due(&given, 4), "2026-04-16 00:00");
}

#[test]
fn a_promise_for_the_last_day_there_is_stays_open_and_is_written_back() {
    let given = company().and("E-101", promised("9999-12-31"));
    let world: World = postcard::from_bytes(&postcard::to_stdvec(&given.world).unwrap()).unwrap();
    let open = |world: &World| world.obligation.open.values().find(|open| open.duty == 13).cloned();
    assert_eq!((open(&world), open(&world).is_some()), (open(&given.world), true));
    assert_eq!(tick(given, "2026-03-20T10:00:00+08:00").1, []);
}

/// A telephone call on a day, so named.
fn called(id: &'static str, day: &str) -> Proposed {
    talked("C-01", &["E-101"]).with("at", format!("{day}T09:00:00+08:00")).id(id).late("was ill")
}

#[test]
fn from_each_contact_it_is_counted_when_the_next_one_is_due_by_the_customers_tier() {
    let given = company().and("E-101", called("call-of-02", "2026-03-02"));
    assert_eq!(due(&given, 14), "2026-06-01 00:00", "the ninetieth day");
    let main = given.clone().and("E-101", main_customer("C-01"));
    assert_eq!(due(&main, 14), "2026-06-01 00:00", "the tier is that of the day of the contact");
    let main = main.at("2026-03-10T10:00:00+08:00").and("E-101", called("call-of-09", "2026-03-09"));
    assert_eq!(due(&main, 14), "2026-05-09 00:00");
    // What is told only afterwards of an earlier day asks for nothing.
    assert_eq!(due(&main.and("E-101", called("call-of-03", "2026-03-03")), 14), "2026-05-09 00:00");
    assert_eq!(only(&given.clone().and("E-101", called("call-again", "2026-03-02")), 14), only(&given, 14), "once for a day");
    let next = |presets: Value, parameters: Value| {
        let given = given.clone().and("system", domain::testing::policy("hq", presets, parameters));
        given.at("2026-03-03T10:00:00+08:00").and("E-101", called("call-of-03", "2026-03-03"))
    };
    let sooner = next(json!({}), json!({ "p.revisit.days": "7,14,21" }));
    assert_eq!(due(&sooner, 14), "2026-03-25 00:00");
    let monthly = next(json!({ "revisit": "revisit.monthly_25" }), json!({}));
    assert_eq!(due(&monthly, 14), "2026-04-26 00:00", "by the 25th of the next month");
    assert!(!is_open(&given.and("E-101", domain::testing::customer_status("C-01", "terminated")), 14));
}

#[test]
fn a_revisit_is_counted_from_the_last_contact_that_still_counts() {
    let given = company().and("E-101", called("call-of-02", "2026-03-02")).at("2026-03-20T10:00:00+08:00");
    let given = given.and("E-101", called("call-of-20", "2026-03-20")).and("E-101", called("call-of-11", "2026-03-11"));
    assert_eq!(due(&given, 14), "2026-06-19 00:00");
    let amend = |given: &Given, id: &str, now: Option<&str>| {
        let changes = now.map(|day| json!([{ "path": "/at", "new": format!("{day}T09:00:00+08:00") }]));
        given.amend("E-101", &id.parse().unwrap(), changes).admitted()
    };
    // Of whatever other contact is put right, it stays what it is.
    let same = amend(&given, "call-of-11", Some("2026-03-12"));
    assert_eq!(only(&same, 14), only(&given, 14));
    assert_eq!(due(&amend(&given, "call-of-20", Some("2026-03-19")), 14), "2026-06-18 00:00");
    assert_eq!(due(&amend(&given, "call-of-20", Some("2026-03-05")), 14), "2026-06-10 00:00");
    let voided = amend(&given, "call-of-20", None);
    assert_eq!(due(&voided, 14), "2026-06-10 00:00", "that of the 11th is the last now, though it was told after");
    let voided = amend(&voided, "call-of-11", None);
    assert_eq!(due(&voided, 14), "2026-06-01 00:00");
    assert!(!is_open(&amend(&voided, "call-of-02", None), 14), "who was never visited is not visited again");
}

#[test]
fn of_an_archive_that_ends_nothing_is_owed() {
    let given = company().and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
    assert!(!is_open(&given.and("E-101", domain::testing::customer_status("C-01", "terminated")), 2));
}

#[test]
fn deadlines_are_instants_days_and_working_time() {
    let given = company();
    let opened = |due: Due| {
        let mut world = given.world.clone();
        let mut sink = Sink::default();
        let customer = "C-01".parse().unwrap();
        sink.open(&contact::PROMISE, "C-01/x", &customer, Charge::Owner(customer.clone()), due);
        take(&mut world, sink, &Trigger::Entry("entry-0001".parse().unwrap()), given.at, given.at);
        let open = world.obligation.open.values().find(|open| open.duty == 13).unwrap().due().unwrap();
        world.ledger.zone.wall(open).get(..16).unwrap().to_owned()
    };
    let at = "2026-03-04T12:00:00+08:00".parse().unwrap();
    assert_eq!(opened(Due::At(at)), "2026-03-04 12:00");
    assert_eq!(opened(Due::EndOf(given.world.date(at))), "2026-03-05 00:00");
    assert_eq!(opened(Due::WorkingDays(2)), "2026-03-05 00:00");
    // From 10:00: two hours to lunch, two more after it.
    assert_eq!(opened(Due::WorkingMinutes(240)), "2026-03-02 15:00");
}

/// The rows that wait for a part of the business that is not here yet, each with the event types it takes to ask for it and to meet it,
/// as far as they are not here: once they all are, it is to be declared.
const WAITING: &[(u8, &[&str])] = &[
    (5, &["report.filed"]),
    (6, &["report.filed"]),
    (8, &["visit_plan.submitted"]),
    (10, &["visit_plan.submitted"]),
    (11, &["visit_plan.submitted"]),
    (12, &["visit_plan.submitted"]),
    (16, &["correspondence.received", "correspondence.registered"]),
    (17, &["correspondence.sent"]),
    (19, &["new_customer.applied"]),
    (20, &["opportunity.opened", "opportunity.updated"]),
    (21, &["account_plan.submitted"]),
    (22, &["account_plan.submitted"]),
    (25, &["report.filed"]),
    (26, &["report.filed"]),
    (27, &["report.filed"]),
    (28, &["report.filed"]),
    (29, &["key_account.decided", "survey.returned"]),
    (31, &["key_account.decided", "report.filed"]),
    (32, &["key_account.evaluated"]),
    (33, &["key_account.list_published"]),
    (34, &["campaign.conducted"]),
    (35, &["suggestion.target_set"]),
    (36, &["suggestion.routed", "suggestion.researched"]),
    (37, &["service_call.received", "service_call.arrived"]),
    (38, &["service_call.received", "service_call.dispatched"]),
    (39, &["service_call.completed", "report.filed"]),
    (40, &["service_call.completed", "report.filed"]),
    (41, &["report.filed"]),
    (42, &["service_register.forwarded"]),
    (43, &["service_register.forwarded", "survey.sent"]),
    (44, &["service_call.completed", "invoice.issued"]),
    (45, &["goods.taken_in", "repair.inspected"]),
    (46, &["contract.signed", "contract.renewal_notified"]),
    (47, &["complaint.registered", "complaint.classified"]),
    (48, &["complaint.classified", "complaint.assigned"]),
    (49, &["complaint.assigned"]),
    (50, &["complaint.registered", "complaint.answered"]),
    (51, &["shipment.released", "invoice.issued"]),
    (53, &["handover.started"]),
    (54, &["handover.started", "handover.customer_notified"]),
    (55, &["handover.successor_accepted"]),
    (56, &["handover.started", "handover.completed"]),
];

/// The row that no entry opens: important dates are sealed, so they come round in the reading that may open them alone (OB-57).
const COMES_ROUND_IN_A_READING: u8 = 57;

#[test]
fn every_row_of_the_table_is_declared_once_or_waits_for_an_event() {
    let declared: Vec<u8> = duties().iter().map(|duty| duty.number).collect();
    let waiting = WAITING.iter().map(|(number, _)| *number).chain([COMES_ROUND_IN_A_READING]);
    let rows: Vec<u8> = declared.iter().copied().chain(waiting).collect();
    // The last is none of the table's: the catalog asks for it beside the return of a file.
    assert_eq!(rows.iter().copied().collect::<BTreeSet<u8>>(), (1..=60).collect());
    assert_eq!(rows.len(), 60, "a row is declared and waits, or stands twice");
    for (number, kinds) in WAITING {
        let missing = kinds.iter().any(|kind| domain::catalog::find(kind).is_none());
        assert!(missing, "OB-{number:02} waits for {kinds:?}, and they are all here");
    }
    for duty in duties() {
        assert_eq!(duty_of(&format!("{}-0123", duty.id())), Some(duty));
        assert!(domain::catalog::find(duty.met_by).is_some(), "{}", duty.met_by);
    }
    assert_eq!(duty_of("OB-05-0123"), None);
}
