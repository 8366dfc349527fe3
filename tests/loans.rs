//! Archive files lent to supervisors and above through the HTTP API: declared, renewed once, overdue, recalled, given back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::TestLedger;
use crate::support::http::Served;

/// A loan of C-03, a customer of the south, which E-201 of the north may not read otherwise.
fn lent(id: &str, borrower: &str, until: &str) -> Value {
    json!({ "type": "archive.borrowed", "data": {
        "loan_id": id, "customer_id": "C-03", "borrower": borrower, "sections": ["the whole file"],
        "purpose": "comparing two bids", "until": until, "declaration": true,
    } })
}

fn returned(id: &str, how: &str) -> Value {
    json!({ "type": "archive.returned", "subject": format!("loan/{id}"), "data": { "how": how } })
}

fn refusal(status: u16, code: &str, rule: &str) -> (u16, String, String) {
    (status, code.into(), rule.into())
}

fn status(served: &Served, who: &str, view: &str) -> u16 {
    served.get(who, &format!("/v1/views/{view}?subject=C-03")).status
}

fn with(mut proposal: Value, field: &str, value: Value) -> Value {
    proposal["data"][field] = value;
    proposal
}

/// The company with a customer of the south that has a grade's worth of credit data.
fn company() -> Served {
    let test = TestLedger::new();
    test.admit("E-103", crate::support::registration("C-03", "Lanmo Fine Chemicals", "south", "E-103"));
    Served::of(test)
}

fn pass(served: &Served, days: u64) {
    served.test.pass(days);
}

#[test]
fn sc_10_a_file_is_lent_to_a_supervisor_for_a_few_days_and_read_by_that_right() {
    let served = company();
    let away = [("Dossier-Purpose", "management"), ("Dossier-Place", "offsite")];
    assert_eq!(status(&served, "E-201", "archive"), 403);
    assert_eq!(served.refuse("E-501", &lent("L-1", "E-101", "2026-03-07")), refusal(403, "E_FORBIDDEN", "R-053"));
    assert_eq!(served.refuse("E-501", &lent("L-1", "E-201", "2026-03-10")), refusal(422, "E_RULE", "R-053"));
    assert_eq!(served.refuse("E-501", &lent("L-1", "E-201", "2026-03-01")), refusal(422, "E_RULE", "R-053"));
    let undeclared = with(lent("L-1", "E-201", "2026-03-07"), "declaration", json!(false));
    assert_eq!(served.refuse("E-501", &undeclared), refusal(422, "E_RULE", "R-054"));
    assert_eq!(served.refuse("E-201", &lent("L-1", "E-301", "2026-03-07")), refusal(403, "E_FORBIDDEN", "R-050"));
    let nobody = lent("L-1", "E-999", "2026-03-07");
    assert_eq!(served.refuse("E-501", &nobody), refusal(404, "E_REF", ""));
    served.admit("E-501", &lent("L-1", "E-201", "2026-03-09"));
    assert_eq!(status(&served, "E-201", "archive"), 200);
    assert_eq!(status(&served, "E-201", "grades"), 200);
    // Away from the office there is nothing confidential, and the denial says by which rule.
    let denied = served.request("E-201", "GET", "/v1/views/grades?subject=C-03", &away, b"");
    assert_eq!(denied.problem(), refusal(403, "E_FORBIDDEN", "R-054"));
    let refusals = served.get("E-902", "/v1/views/refusals").json()["items"].clone();
    let denial = refusals.as_array().unwrap().iter().find(|row| row["who"] == "E-201" && row["rule"] == "R-054");
    let entry = served.get("E-902", "/v1/customers/C-03/reads").json()["items"][0].clone();
    assert!(denial.is_some(), "{refusals}");
    assert_eq!(
        (&entry["reader"], &entry["denied_rule"], &entry["place"]),
        (&json!("E-201"), &json!("R-054"), &json!("offsite")),
        "{entry}"
    );
    // A subordinate of the borrower reads nothing by it.
    assert_eq!(status(&served, "E-101", "archive"), 403);
    let log = served.get("E-902", "/v1/customers/C-03/reads").json();
    let read =
        log["items"].as_array().unwrap().iter().find(|row| row["view"] == "archive" && row["authority"] == "loan");
    assert_eq!(read.unwrap()["authority_ref"], "L-1", "{log}");
    // What was lent is known by the last entry of the archive.
    let rows = served.get("E-501", "/v1/views/grants?kind=loan").json();
    assert_eq!(rows["items"][0]["content_hash"].as_str().unwrap().len(), 64, "{rows}");
    assert_eq!((&rows["items"][0]["status"], &rows["items"][0]["overdue"]), (&json!("lent"), &json!(false)));
    // Given back, it opens nothing any more.
    assert_eq!(served.refuse("E-201", &returned("L-1", "returned")), refusal(403, "E_SOD", "R-025"));
    assert_eq!(served.refuse("E-301", &returned("L-1", "returned")), refusal(403, "E_FORBIDDEN", "R-050"));
    assert_eq!(served.refuse("E-501", &returned("L-1", "expired")), refusal(403, "E_FORBIDDEN", "R-023"));
    let lost = served.admit("E-501", &returned("L-1", "lost"));
    assert_eq!(status(&served, "E-201", "archive"), 403);
    // Within a working day compliance records who lost it.
    let owed = || {
        let open = served.get("E-902", "/v1/views/obligations?subject=E-902").json()["items"].clone();
        open.as_array().unwrap().iter().filter(|row| row["duty"] == "OB-60").cloned().collect::<Vec<_>>()
    };
    assert_eq!(owed()[0]["due_at"], "2026-03-03T16:00:00.000000Z");
    let violated = |evidence: &Value| {
        json!({ "type": "violation.recorded", "subject": "employee/E-201", "data": {
            "kind": "data_loss", "facts": "The file was left on a train.", "evidence": [evidence], "sanction": "warning",
            "decided_by": "E-801" } })
    };
    assert_eq!(served.refuse("E-902", &violated(&json!("no-such-entry"))).0, 404);
    served.admit("E-902", &violated(&lost["id"]));
    assert_eq!(owed(), [] as [Value; 0]);
    assert_eq!(served.refuse("E-501", &returned("L-1", "returned")), refusal(409, "E_STATE", "SM-10"));
}

#[test]
fn a_loan_is_over_at_midnight_whether_or_not_an_entry_says_so_and_then_overdue() {
    let served = company();
    served.admit("E-501", &lent("L-1", "E-201", "2026-03-04"));
    served.test.clock.advance_to("2026-03-04T23:59:00+08:00".parse().unwrap());
    assert_eq!(status(&served, "E-201", "card"), 200);
    // The ledger's own clock may tick at any moment from midnight on.
    let before = served.test.version("loan/L-1");
    served.test.clock.advance_to("2026-03-05T00:00:00+08:00".parse().unwrap());
    assert_eq!(status(&served, "E-201", "card"), 403, "no entry was needed");
    pass(&served, 0);
    assert_eq!(served.test.version("loan/L-1"), before + 1, "the clock has entered that it expired");
    pass(&served, 1);
    assert_eq!(served.test.version("loan/L-1"), before + 1, "once");
    let overdue = served.get("E-501", "/v1/views/grants?status=overdue").json();
    assert_eq!((&overdue["items"][0]["no"], &overdue["items"][0]["returned"]), (&json!("L-1"), &json!("expired")));
    let breached = served.get("E-901", "/v1/views/overdue?duty=OB-52").json()["items"].clone();
    assert_eq!((breached.as_array().unwrap().len(), &breached[0]["responsible"]), (1, &json!(["E-201"])), "{breached}");
    // The file is still out: its borrower gets no other, and cannot renew it.
    assert_eq!(served.refuse("E-501", &lent("L-2", "E-201", "2026-03-08")), refusal(422, "E_RULE", "R-053"));
    let renewal = with(lent("L-2", "E-201", "2026-03-08"), "renews", json!("L-1"));
    assert_eq!(served.refuse("E-501", &renewal), refusal(422, "E_RULE", "R-053"));
    served.admit("E-501", &returned("L-1", "returned"));
    served.admit("E-501", &lent("L-2", "E-201", "2026-03-08"));
    assert_eq!(status(&served, "E-201", "card"), 200);
}

#[test]
fn a_loan_is_renewed_once() {
    let served = company();
    served.admit("E-501", &lent("L-1", "E-201", "2026-03-04"));
    let other = with(lent("L-2", "E-301", "2026-03-08"), "renews", json!("L-1"));
    assert_eq!(served.refuse("E-501", &other), refusal(422, "E_RULE", "R-053"));
    served.admit("E-501", &with(lent("L-2", "E-201", "2026-03-08"), "renews", json!("L-1")));
    assert_eq!(served.refuse("E-501", &returned("L-1", "returned")), refusal(409, "E_STATE", "SM-10"));
    let again = with(lent("L-3", "E-201", "2026-03-09"), "renews", json!("L-2"));
    assert_eq!(served.refuse("E-501", &again), refusal(422, "E_RULE", "R-053"));
    let rows = served.get("E-902", "/v1/views/grants?kind=loan").json();
    let statuses: Vec<&str> =
        rows["items"].as_array().unwrap().iter().map(|row| row["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["lent", "renewed"]);
    pass(&served, 4);
    assert_eq!(status(&served, "E-201", "card"), 200, "until the new day");
}

#[test]
fn sections_narrow_what_a_loan_opens() {
    let served = company();
    served.admit("E-501", &with(lent("L-1", "E-201", "2026-03-07"), "sections", json!(["credit", "C2"])));
    assert_eq!((status(&served, "E-201", "grades"), status(&served, "E-201", "promises")), (200, 403));
    assert_eq!(status(&served, "E-201", "relations"), 403);
}

#[test]
fn who_gives_notice_has_every_loan_recalled_and_borrows_no_more() {
    let served = company();
    served.admit("E-501", &lent("L-1", "E-201", "2026-03-07"));
    let notice = json!({ "type": "employee.status_changed", "subject": "employee/E-201",
        "data": { "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" } });
    let answer = served.post("E-001", &notice);
    let kinds: Vec<&str> = answer.json()["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| match entry["type"].as_str().unwrap() {
            "employee.status_changed" => "notice",
            "archive.returned" => "recall",
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(kinds, ["notice", "recall"]);
    assert_eq!(status(&served, "E-201", "card"), 403);
    let loans = served.get("E-902", "/v1/views/grants?kind=loan").json();
    assert_eq!(loans["items"][0]["status"], "recalled");
    assert_eq!(served.refuse("E-501", &lent("L-2", "E-201", "2026-03-07")), refusal(403, "E_FORBIDDEN", "R-057"));
}

#[test]
fn nobody_lends_to_themselves_or_takes_their_own_file_back() {
    let served = company();
    let role = json!({ "type": "employee.roles_changed", "id": "give-role-1", "subject": "employee/E-201",
        "data": { "added": [{ "role": "archivist", "unit": "hq" }], "removed": [], "reason": "stands in" } });
    served.admit("E-002", &role);
    let given = json!({ "type": "approval.given", "data": { "request_id": "give-role-1" } });
    served.admit("E-801", &given);
    assert_eq!(served.refuse("E-201", &lent("L-1", "E-201", "2026-03-07")), refusal(403, "E_SOD", "R-025"));
    served.admit("E-501", &lent("L-1", "E-201", "2026-03-07"));
    assert_eq!(served.refuse("E-201", &returned("L-1", "returned")), refusal(403, "E_SOD", "R-025"));
    served.test.clock.advance(Duration::from_secs(60));
    served.admit("E-501", &returned("L-1", "returned"));
}
