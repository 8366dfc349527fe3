//! The ledger's own events, policies, corrections and deadlines.

use serde_json::{Value, json};

use crate::coverage::access::request;
use crate::coverage::{REASON, Row, Try, sale, talk, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("ledger.verified", 1, ledger_verified),
    ("policy.adopted", 5, policy_adopted),
    ("policy.reviewed", 1, policy_reviewed),
    ("clock.accepted", 1, clock_accepted),
    ("calendar.adopted", 1, calendar_adopted),
    ("record.corrected", 6, record_corrected),
    ("record.voided", 4, record_voided),
    ("obligation.extended", 4, obligation_extended),
];

fn ledger_verified(t: &mut Try<'_>) {
    let range = json!({ "from_position": 0, "to_position": 3 });
    let other = t.event(with(range.clone(), json!({ "result": "broken" })));
    t.bad("another result than is computed", "E-901", &other, (422, "E_RULE", "R-042"));
    t.good("E-901", &t.event(range));
}

fn policy_adopted(t: &mut Try<'_>) {
    let policy = |more: Value| {
        let data = json!({ "unit": "hq", "presets": {}, "parameters": {}, "effective_at": "2026-05-01T00:00:00+08:00",
            "reason": "as agreed" });
        json!({ "type": "policy.adopted", "data": with(data, more) })
    };
    let schema = (400, "E_SCHEMA", "");
    t.bad("an unknown preset", "E-601", &policy(json!({ "presets": { "tier": "tier.unheard_of" } })), schema);
    t.bad("an unknown parameter", "E-601", &policy(json!({ "parameters": { "p.unheard_of": 1 } })), schema);
    t.bad("a value out of range", "E-601", &policy(json!({ "parameters": { "p.loan.max_days": 367 } })), schema);
    let past = policy(json!({ "effective_at": "2026-03-02T09:59:00+08:00" }));
    t.bad("in the past", "E-601", &past, (422, "E_RULE", "R-014"));
    t.waits("weights that do not sum to 10000", "key_account.scored");
    t.approved("E-601", &policy(json!({ "parameters": { "p.loan.max_days": 5 } })), "E-801");
}

fn policy_reviewed(t: &mut Try<'_>) {
    let review = |year: i64| json!({ "type": "policy.reviewed", "data": { "year": year, "outcome": "unchanged", "findings": "it fits" } });
    t.good("E-601", &review(2026));
    t.bad("twice for a year", "E-601", &review(2026), (409, "E_CONFLICT", "R-015"));
    t.good("E-601", &review(2025));
}

fn clock_accepted(t: &mut Try<'_>) {
    let accepted = t.event(json!({ "reason": "the time server was wrong before" }));
    t.bad("without a leap", "E-002", &accepted, (409, "E_STATE", "R-023"));
    t.served.test.clock.leap_to("2026-03-02T13:00:00+08:00".parse().unwrap());
    t.good("E-002", &accepted);
}

fn calendar_adopted(t: &mut Try<'_>) {
    let table = |day: &str| {
        json!({ "type": "calendar.adopted", "data": {
            "calendar": "cn", "year": 2027, "days_off": [day], "make_up_days": [], "notice": "the company's own" } })
    };
    t.bad("a day of another year", "E-001", &table("2028-01-01"), (422, "E_RULE", "R-017"));
    t.approved("E-001", &table("2027-01-01"), "E-801");
}

fn record_corrected(t: &mut Try<'_>) {
    let correction = |target: &str, path: &str, new: &str, reason: &str| {
        json!({ "type": "record.corrected", "data": {
            "target_event": target, "changes": [{ "path": path, "new": new }], "reason": reason } })
    };
    let rule = (422, "E_RULE", "R-005");
    let grade = json!({ "type": "credit_grade.proposed", "id": "grade-0001", "data": {
        "proposal_id": "G-1", "customer_id": "C-02", "to": "B", "trigger": "initial", "evidence": ["sale-S-1-01"],
        "reason": "pays every invoice on time" } });
    t.before("E-101", &grade);
    let approved =
        json!({ "type": "credit_grade.approved", "id": "approved-01", "data": { "proposal_id": "G-1", "to": "B" } });
    t.before("E-301", &approved);
    t.bad("a decision", "E-101", &correction("approved-01", "/opinion", "other", REASON), rule);
    let verified =
        json!({ "type": "ledger.verified", "id": "verified-01", "data": { "from_position": 0, "to_position": 3 } });
    t.before("E-901", &verified);
    t.bad("the ledger's own", "E-501", &correction("verified-01", "/reason", "other", REASON), rule);
    let right = correction("contact-01", "/summary", "They need 50 relays.", REASON);
    let elsewhere = with(right.clone(), json!({ "subject": "customer/C-01" }));
    t.bad("of another stream", "E-101", &elsewhere, rule);
    let schema = (400, "E_SCHEMA", "");
    t.bad("a path that is not there", "E-101", &correction("contact-01", "/nothing", "x", REASON), schema);
    let short = correction("contact-01", "/summary", "They need 50 relays.", "typo      ");
    t.bad("a short reason", "E-101", &short, (400, "E_SCHEMA", "R-005"));
    t.bad("no change", "E-101", &correction("contact-01", "/summary", "They need 500 relays.", REASON), rule);
    t.good("E-101", &right);
}

fn record_voided(t: &mut Try<'_>) {
    let voiding =
        |target: &str| json!({ "type": "record.voided", "data": { "target_event": target, "reason": REASON } });
    let rule = (422, "E_RULE", "R-005");
    let grade = json!({ "type": "credit_grade.proposed", "id": "grade-0001", "data": {
        "proposal_id": "G-1", "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": ["contact-01"],
        "reason": "pays every invoice on time" } });
    t.before("E-101", &grade);
    t.bad("dependents", "E-101", &voiding("contact-01"), rule);
    let names = t.served.post("E-101", &voiding("contact-01")).text().contains("grade-0001");
    assert!(names, "with their ids");
    let rejected = json!({ "type": "credit_grade.rejected", "id": "rejected-01",
        "data": { "proposal_id": "G-1", "reason": "too early" } });
    t.before("E-301", &rejected);
    t.bad("a decision", "E-301", &voiding("rejected-01"), rule);
    let request = json!({ "type": "access.requested", "id": "request-01", "data": request("G-9") });
    t.before("E-102", &request);
    t.bad("of access", "E-102", &voiding("request-01"), rule);
    t.good("E-401", &voiding("sale-S-1-01"));
    t.bad("voided already", "E-401", &voiding("sale-S-1-01"), (409, "E_STATE", "R-005"));
    t.before("E-401", &sale("S-2", "sale", 5));
    t.good("E-401", &voiding("sale-S-2-01"));
}

fn obligation_extended(t: &mut Try<'_>) {
    let promise = || {
        let rows = t.served.get("E-101", "/v1/views/obligations?subject=E-101").json();
        let rows = rows["items"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["duty"] == "OB-13").unwrap()["obligation"].clone()
    };
    let first = promise();
    let to = |obligation: &Value, due: &str| {
        json!({ "type": "obligation.extended", "data": {
            "obligation": obligation, "new_due": due, "reason": "the workshop is late" } })
    };
    let (sod, rule) = ((403, "E_SOD", "R-020"), (422, "E_RULE", "R-020"));
    t.bad("by who answers alone", "E-101", &to(&first, "2026-03-06T00:00:00+08:00"), sod);
    t.bad("no later", "E-201", &to(&first, "2026-03-04T00:00:00+08:00"), rule);
    t.good("E-201", &to(&first, "2026-03-06T00:00:00+08:00"));
    t.good("E-201", &to(&first, "2026-03-07T00:00:00+08:00"));
    t.bad("a third time", "E-201", &to(&first, "2026-03-08T00:00:00+08:00"), rule);
    t.served.test.pass(6);
    t.bad("after it was due", "E-201", &to(&first, "2026-03-20T00:00:00+08:00"), (422, "E_LATE", "R-020"));
    t.before(
        "E-101",
        &json!({ "type": "commitment.closed", "subject": "contact/C-01",
        "data": { "promise_id": "PR-1", "outcome": "fulfilled" } }),
    );
    let again = json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": with(talk(), json!({
        "at": "2026-03-08T09:00:00+08:00",
        "promises": [{ "promise_id": "PR-2", "text": "drawings", "due": "2026-03-10", "responsible": "E-101" }] })) });
    t.before("E-101", &again);
    t.good("E-201", &to(&promise(), "2026-03-12T00:00:00+08:00"));
}
