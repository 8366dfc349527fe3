//! Access and anomalies.

use serde_json::{Value, json};

use crate::coverage::{Row, Try, given, on_notice, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("access.requested", 3, access_requested),
    ("access.decided", 5, access_decided),
    ("access.revoked", 1, access_revoked),
    ("archive.borrowed", 6, archive_borrowed),
    ("archive.returned", 1, archive_returned),
    ("anomaly.reported", 1, anomaly_reported),
    ("anomaly.resolved", 1, anomaly_resolved),
];

pub(super) fn request(id: &str) -> Value {
    json!({ "grant_id": id, "customers": ["C-01"], "classes": ["C1", "C3"], "modes": ["view"],
        "from": "2026-03-02T10:00:00+08:00", "until": "2026-03-12T10:00:00+08:00", "purpose": "bid of June" })
}

fn access_requested(t: &mut Try<'_>) {
    let asked = |more: Value| json!({ "type": "access.requested", "data": with(request("G-1"), more) });
    let long = asked(json!({ "until": "2026-04-02T10:00:00+08:00" }));
    t.bad("for too long", "E-102", &long, (422, "E_RULE", "R-055"));
    t.bad("a purpose of a few letters", "E-102", &asked(json!({ "purpose": "bid" })), (400, "E_SCHEMA", "R-055"));
    on_notice(t, "E-112");
    t.bad("by a leaver", "E-112", &asked(json!({})), (403, "E_FORBIDDEN", "R-057"));
    t.good("E-102", &asked(json!({})));
}

fn access_decided(t: &mut Try<'_>) {
    t.before("E-102", &json!({ "type": "access.requested", "data": request("G-1") }));
    let decided = |class: &str, more: Value| {
        let data = json!({ "classes": [class], "decision": "granted", "reason": "as the bid needs" });
        json!({ "type": "access.decided", "subject": "grant/G-1", "data": with(data, more) })
    };
    let none = || json!({});
    t.bad("by who asks", "E-102", &decided("C1", none()), (403, "E_SOD", "R-025"));
    t.bad("a class not asked for", "E-201", &decided("C2", none()), (422, "E_RULE", "R-055"));
    t.bad(
        "a longer period",
        "E-201",
        &decided("C1", json!({ "until": "2026-03-13T10:00:00+08:00" })),
        (422, "E_RULE", "R-055"),
    );
    t.bad("more ways", "E-201", &decided("C1", json!({ "modes": ["export"] })), (422, "E_RULE", "R-055"));
    t.bad("a class of somebody else's", "E-201", &decided("C3", none()), (403, "E_FORBIDDEN", "R-055"));
    t.good("E-201", &decided("C1", none()));
}

fn access_revoked(t: &mut Try<'_>) {
    t.before("E-102", &json!({ "type": "access.requested", "data": request("G-1") }));
    let revoked = |id: &str| json!({ "type": "access.revoked", "subject": format!("grant/{id}"), "data": { "reason": "the bid is over" } });
    t.bad("a grant there is not", "E-902", &revoked("G-2"), (409, "E_STATE", "SM-10"));
    t.good("E-902", &revoked("G-1"));
}

fn lent(id: &str, borrower: &str, more: Value) -> Value {
    let data = json!({ "loan_id": id, "customer_id": "C-03", "borrower": borrower, "sections": ["the whole file"],
        "purpose": "comparing two bids", "until": "2026-03-07", "declaration": true });
    json!({ "type": "archive.borrowed", "data": with(data, more) })
}

fn archive_borrowed(t: &mut Try<'_>) {
    let rule = (422, "E_RULE", "R-053");
    let none = || json!({});
    t.bad("by somebody below a supervisor", "E-501", &lent("L-1", "E-101", none()), (403, "E_FORBIDDEN", "R-053"));
    t.bad("undeclared", "E-501", &lent("L-1", "E-201", json!({ "declaration": false })), (422, "E_RULE", "R-054"));
    t.bad("for too long", "E-501", &lent("L-1", "E-201", json!({ "until": "2026-03-10" })), rule);
    t.before("E-501", &lent("L-1", "E-201", none()));
    t.before("E-501", &lent("L-2", "E-201", json!({ "renews": "L-1", "until": "2026-03-09" })));
    t.bad("renewed twice", "E-501", &lent("L-3", "E-201", json!({ "renews": "L-2", "until": "2026-03-09" })), rule);
    let roles = json!({ "type": "employee.roles_changed", "id": "ask-000001", "subject": "employee/E-501",
        "data": { "added": [{ "role": "department_head", "unit": "hq" }], "removed": [], "reason": "asked for" } });
    t.before("E-002", &roles);
    t.before("E-801", &given("ask-000001"));
    t.bad("by who lends", "E-501", &lent("L-3", "E-501", none()), (403, "E_SOD", "R-025"));
    t.served.test.pass(8);
    let later = json!({ "until": "2026-03-12" });
    t.bad("while another is overdue", "E-501", &lent("L-3", "E-201", later.clone()), rule);
    t.good("E-501", &lent("L-3", "E-301", later));
}

fn archive_returned(t: &mut Try<'_>) {
    t.before("E-501", &lent("L-1", "E-201", json!({})));
    let returned = |id: &str| json!({ "type": "archive.returned", "subject": format!("loan/{id}"), "data": { "how": "returned" } });
    t.bad("a loan there is not", "E-501", &returned("L-2"), (409, "E_STATE", "SM-10"));
    t.good("E-501", &returned("L-1"));
}

fn anomaly(reported_to: &str) -> Value {
    json!({ "type": "anomaly.reported", "data": {
        "anomaly_id": "A-1", "kind": "growth", "customer_id": "C-01", "facts": "sales fell by half", "reported_to": [reported_to] } })
}

fn anomaly_reported(t: &mut Try<'_>) {
    t.bad("to oneself alone", "E-401", &anomaly("E-401"), (403, "E_SOD", "R-025"));
    t.good("E-401", &anomaly("E-801"));
}

fn anomaly_resolved(t: &mut Try<'_>) {
    t.before("E-401", &anomaly("E-801"));
    let resolved = t.of("anomaly/A-1", json!({ "outcome": "solved", "action": "talked it over" }));
    t.bad("by the reporter alone", "E-401", &resolved, (403, "E_SOD", "R-025"));
    t.good("E-801", &resolved);
}
