//! Every type of event, once with success and once with each bad input the catalog of the business names.

mod access;
mod archive;
mod ledger;
mod staff;
mod system;
mod trade;

use std::collections::BTreeSet;

use dossier::domain::catalog;
use dossier::ledger::SubmitError;
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{TestLedger, is_test};

/// A type, how many bad inputs are named for it, and what is tried of it.
type Row = (&'static str, usize, fn(&mut Try<'_>));

/// All tables; a new type must be added to one of them.
const TABLES: [&[Row]; 5] = [ledger::TYPES, staff::TYPES, archive::TYPES, trade::TYPES, access::TYPES];

#[test]
fn every_type_people_propose_is_in_the_table_once() {
    let by_hand: BTreeSet<&str> = catalog::types().iter().filter(|kind| !kind.system).map(|kind| kind.name).collect();
    let rows = TABLES.concat();
    let listed: BTreeSet<&str> = rows.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(listed, by_hand);
    assert_eq!(rows.len(), listed.len());
}

#[test]
fn the_ledgers_own_events_succeed_and_each_of_their_bad_inputs_is_refused() {
    run(ledger::TYPES);
}

#[test]
fn events_of_units_and_staff_succeed_and_each_of_their_bad_inputs_is_refused() {
    run(staff::TYPES);
}

#[test]
fn events_of_archives_and_persons_succeed_and_each_of_their_bad_inputs_is_refused() {
    run(archive::TYPES);
}

#[test]
fn events_of_trade_and_grades_succeed_and_each_of_their_bad_inputs_is_refused() {
    run(trade::TYPES);
}

#[test]
fn events_of_access_succeed_and_each_of_their_bad_inputs_is_refused() {
    run(access::TYPES);
}

/// Tries every type of a table in a company of its own.
fn run(table: &[Row]) {
    let mut wrong = Vec::new();
    for (kind, named, attempt) in table {
        let served = company();
        let mut tried = Try { served: &served, kind, bad: BTreeSet::new(), good: false, wrong: Vec::new() };
        attempt(&mut tried);
        if !tried.good {
            tried.wrong.push("no success after the last refusal".into());
        }
        if tried.bad.len() != *named {
            tried.wrong.push(format!("{named} bad inputs are named, {:?} tried", tried.bad));
        }
        wrong.extend(tried.wrong.into_iter().map(|found| format!("{kind}: {found}")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// One type being tried.
struct Try<'a> {
    served: &'a Served,
    kind: &'static str,
    /// The bad inputs tried, each in a few words.
    bad: BTreeSet<&'static str>,
    /// Whether it has succeeded since the last refusal.
    good: bool,
    wrong: Vec<String>,
}

impl Try<'_> {
    /// The event of this type, of the subject its data determine.
    fn event(&self, data: Value) -> Value {
        json!({ "type": self.kind, "data": data })
    }

    /// The event of this type and subject.
    fn of(&self, subject: &str, data: Value) -> Value {
        json!({ "type": self.kind, "subject": subject, "data": data })
    }

    /// What has happened before.
    fn before(&self, who: &str, event: &Value) {
        self.served.admit(who, event);
    }

    /// Proposes what is refused, and leaves every stream of the business as it was.
    fn bad(&mut self, what: &'static str, who: &str, event: &Value, expected: (u16, &str, &str)) {
        // Consent to a proposal is where its approver is judged.
        let kind = event["type"].as_str().unwrap();
        assert!(kind == self.kind || kind == "approval.given", "{kind} is tried with {}", self.kind);
        self.bad.insert(what);
        self.good = false;
        let before = self.served.test.ledger.state().size;
        let answer = self.served.post(who, event);
        let found = if answer.status == 201 { (201, String::new(), String::new()) } else { answer.problem() };
        if found != (expected.0, expected.1.to_owned(), expected.2.to_owned()) {
            self.wrong.push(format!("{what}: {found:?} instead of {expected:?}: {}", answer.text()));
        }
        let entered = entered_since(self.served, before);
        if answer.status != 201 && entered.iter().any(|kind| kind != "command.refused") {
            self.wrong.push(format!("{what}: refused, and entered all the same: {entered:?}"));
        }
    }

    /// Looks at what a door of no person's has answered to what is refused.
    fn refused_inside(&mut self, what: &'static str, answer: Option<SubmitError>, expected: (&str, &str)) {
        self.bad.insert(what);
        let Some(SubmitError::Refused { refusal, .. }) = answer else {
            return self.wrong.push(format!("{what}: {answer:?} instead of {expected:?}"));
        };
        let (code, rule) = refusal.grounds();
        if (code.as_str(), rule) != expected {
            self.wrong.push(format!("{what}: {code:?} {rule} instead of {expected:?}"));
        }
    }

    /// Names the test that shows a bad input which takes more than a proposal.
    fn shown(&mut self, what: &'static str, test: &str) {
        self.bad.insert(what);
        if !is_test(test) {
            self.wrong.push(format!("{what}: there is no test {test}"));
        }
    }

    /// Names the test that shows a success which takes more than a proposal.
    fn success_shown(&mut self, test: &str) {
        self.good = is_test(test);
    }

    /// Names the type without which a bad input cannot come about; once there is one, it is to be tried here.
    fn waits(&mut self, what: &'static str, kind: &str) {
        self.bad.insert(what);
        if catalog::find(kind).is_some() {
            self.wrong.push(format!("{what}: there is {kind} now"));
        }
    }

    /// Names the type without which this one cannot succeed; once there is one, it is to succeed here.
    fn success_waits(&mut self, kind: &str) {
        self.good = catalog::find(kind).is_none();
    }

    /// Proposes what is admitted at once.
    fn good(&mut self, who: &str, event: &Value) {
        assert_eq!(event["type"], self.kind);
        let answer = self.served.post(who, event);
        match answer.status {
            201 if answer.json()["entries"][0]["type"] == self.kind => self.good = true,
            _ => self.wrong.push(format!("success: {}", answer.text())),
        }
    }

    /// Proposes what somebody else approves.
    fn approved(&mut self, who: &str, event: &Value, approver: &str) {
        let asked = self.served.post(who, event);
        let subject = asked.json()["entries"][0]["subject"].as_str().map(str::to_owned);
        let Some(request) = subject.as_deref().and_then(|subject| subject.strip_prefix("approval/")) else {
            return self.wrong.push(format!("asking: {}", asked.text()));
        };
        let answer = self.served.post(approver, &given(request));
        match answer.status {
            201 if answer.json()["entries"][1]["type"] == self.kind => self.good = true,
            _ => self.wrong.push(format!("success: {}", answer.text())),
        }
    }
}

/// The types of what was entered since the ledger had that size.
fn entered_since(served: &Served, size: u64) -> Vec<Value> {
    let entry = |index: u64| served.test.view("E-901", "entry", Some(&index.to_string())).unwrap();
    (size..served.test.ledger.state().size).map(|index| entry(index).body["entry"]["type"].clone()).collect()
}

/// C-01 and C-02 of the north with E-101, C-03 of the south with E-103, a person, a sale and a contact in which somebody promised.
fn company() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    test.customer("C-02", "Heyuan Alloy Works");
    test.admit("E-103", crate::support::registration("C-03", "Lanmo Fine Chemicals", "south", "E-103"));
    let served = Served::of(test);
    served.admit(
        "E-101",
        &json!({ "type": "person.recorded", "data": {
        "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "function": "principal" } }),
    );
    served.admit("E-401", &sale("S-1", "sale", 100_000));
    let mut contact =
        json!({ "type": "contact.recorded", "id": "contact-01", "subject": "contact/C-01", "data": talk() });
    contact["data"]["promises"] =
        json!([{ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-04", "responsible": "E-101" }]);
    served.admit("E-101", &contact);
    served
}

fn given(request: &str) -> Value {
    json!({ "type": "approval.given", "data": { "request_id": request } })
}

/// Data with some fields more, or others.
fn with(mut data: Value, more: Value) -> Value {
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    data
}

fn talk() -> Value {
    json!({
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
        "purpose": "care_bond", "summary": "They need 500 relays.", "major": false, "class": "C2",
    })
}

fn sale(id: &str, kind: &str, fen: i64) -> Value {
    json!({ "type": "sale.recorded", "id": format!("sale-{id}-01"), "data": {
        "sale_id": id, "customer_id": "C-01", "invoice_name": "Invoice", "kind": kind, "product": "Relay",
        "product_category": "Relays", "region": "north", "amount": fen, "sold_on": "2026-03-02",
    } })
}

const REASON: &str = "a zero too many was typed";

/// Puts somebody of the north on notice.
fn on_notice(t: &Try<'_>, who: &str) {
    let notice = json!({ "type": "employee.status_changed", "subject": format!("employee/{who}"),
        "data": { "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" } });
    t.before("E-001", &notice);
}
