//! Units, staff and approvals.

use serde_json::{Value, json};

use crate::coverage::{Row, Try, given, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("org_unit.defined", 2, org_unit_defined),
    ("employee.registered", 1, employee_registered),
    ("employee.roles_changed", 3, employee_roles_changed),
    ("employee.status_changed", 2, employee_status_changed),
    ("appraisal.recorded", 4, appraisal_recorded),
    ("violation.recorded", 2, violation_recorded),
    ("approval.given", 3, approval_given),
    ("approval.declined", 3, approval_declined),
];

fn org_unit_defined(t: &mut Try<'_>) {
    let unit = |id: &str, parent: Option<&str>, status: &str| {
        let data = json!({ "unit_id": id, "name": id, "kind": "office", "status": status, "territory": [] });
        let parent = parent.map_or(json!({}), |parent| json!({ "parent": parent }));
        json!({ "type": "org_unit.defined", "data": with(data, parent) })
    };
    let rule = (422, "E_RULE", "R-052");
    t.before("E-002", &unit("desk", Some("hq"), "active"));
    t.before("E-002", &unit("corner", Some("desk"), "active"));
    t.bad("a cycle of parents", "E-002", &unit("desk", Some("corner"), "active"), rule);
    t.bad("a cycle of parents", "E-002", &unit("hq", Some("corner"), "active"), rule);
    t.bad("a cycle of parents", "E-002", &unit("desk", Some("desk"), "active"), rule);
    t.bad("closed while it owns customers", "E-002", &unit("north", Some("hq"), "closed"), rule);
    t.good("E-002", &unit("corner", Some("desk"), "closed"));
}

fn employee_registered(t: &mut Try<'_>) {
    let hired = |id: &str| {
        json!({ "type": "employee.registered", "data": {
            "employee_id": id, "name": "Invented Worker", "unit": "north", "joined_on": "2026-03-02" } })
    };
    t.bad("an id in use", "E-001", &hired("E-101"), (409, "E_CONFLICT", "R-010"));
    t.good("E-001", &hired("E-199"));
}

fn employee_roles_changed(t: &mut Try<'_>) {
    let change = |who: &str, added: Value| {
        json!({ "type": "employee.roles_changed", "subject": format!("employee/{who}"),
            "data": { "added": added, "removed": [], "reason": "asked for by the department" } })
    };
    let role = |role: &str| json!([{ "role": role, "unit": "north" }]);
    t.bad("an unknown role", "E-002", &change("E-102", role("emperor")), (400, "E_SCHEMA", ""));
    t.bad("an auditor with a business role", "E-002", &change("E-901", role("salesperson")), (422, "E_RULE", "R-063"));
    t.bad("an auditor with a business role", "E-002", &change("E-101", role("auditor")), (422, "E_RULE", "R-063"));
    t.bad("nothing added or removed", "E-002", &change("E-102", json!([])), (400, "E_SCHEMA", ""));
    t.approved("E-002", &change("E-102", role("marketing")), "E-201");
}

fn employee_status_changed(t: &mut Try<'_>) {
    let notice = json!({ "status": "on_notice", "effective_on": "2026-03-02" });
    t.bad("notice without a last day", "E-001", &t.of("employee/E-102", notice.clone()), (400, "E_SCHEMA", ""));
    t.waits("leaving with an open handover", "handover.started");
    t.good("E-001", &t.of("employee/E-102", with(notice, json!({ "last_day": "2026-03-31" }))));
}

fn appraisal_recorded(t: &mut Try<'_>) {
    let item = |weight: u64, points: u64| json!({ "item": "promises kept", "weight_bp": weight, "points": points, "basis": "the month's calls" });
    let appraised = |who: &str, items: Value, score: u64| {
        json!({ "type": "appraisal.recorded", "subject": format!("employee/{who}"), "data": {
            "scheme": "technician_month", "period": "2026-02", "items": items, "score": score, "outcome": "pass" } })
    };
    let whole = || json!([item(2_500, 100), item(2_500, 75), item(2_500, 100), item(2_500, 50)]);
    let rule = (422, "E_RULE", "R-210");
    let nine = json!([item(4_000, 80), item(5_000, 80)]);
    t.bad("weights that are not 10000", "E-701", &appraised("E-703", nine, 80), rule);
    t.bad("another score than the sum", "E-701", &appraised("E-703", whole(), 82), rule);
    t.bad("of oneself", "E-701", &appraised("E-701", whole(), 81), (403, "E_SOD", "R-025"));
    t.before("E-701", &appraised("E-703", whole(), 81));
    t.bad("twice for a period", "E-701", &appraised("E-703", whole(), 81), (409, "E_CONFLICT", "R-210"));
    let mut next = appraised("E-703", whole(), 81);
    next["data"]["period"] = json!("2026-03");
    t.good("E-701", &next);
}

fn violation_recorded(t: &mut Try<'_>) {
    let violated = |who: &str, more: Value| {
        let data = json!({ "kind": "public_reading", "facts": "A file was found on a train.", "sanction": "none_yet" });
        json!({ "type": "violation.recorded", "subject": format!("employee/{who}"), "data": with(data, more) })
    };
    let penalty = json!({ "sanction": "penalty" });
    t.bad("a sanction nobody decided", "E-902", &violated("E-101", penalty), (400, "E_SCHEMA", "R-212"));
    t.bad("of oneself", "E-902", &violated("E-902", json!({})), (403, "E_SOD", "R-025"));
    let own = json!({ "sanction": "penalty", "decided_by": "E-101" });
    t.bad("of oneself", "E-902", &violated("E-101", own), (403, "E_SOD", "R-025"));
    t.good("E-902", &violated("E-101", json!({ "sanction": "penalty", "decided_by": "E-801" })));
}

/// Asks under `ask-000001` for a role for E-102, whose head E-201 decides.
fn a_role_is_asked_for(t: &Try<'_>) {
    let change = json!({ "type": "employee.roles_changed", "id": "ask-000001", "subject": "employee/E-102",
        "data": { "added": [{ "role": "marketing", "unit": "north" }], "removed": [], "reason": "asked for" } });
    t.before("E-002", &change);
}

fn approval_given(t: &mut Try<'_>) {
    a_role_is_asked_for(t);
    t.bad("nothing waits", "E-201", &given("ask-000002"), (409, "E_STATE", "R-021"));
    t.bad("of one's own", "E-002", &given("ask-000001"), (403, "E_SOD", "R-025"));
    t.bad("somebody else's step", "E-801", &given("ask-000001"), (403, "E_FORBIDDEN", "R-052"));
    t.good("E-201", &given("ask-000001"));
}

fn approval_declined(t: &mut Try<'_>) {
    a_role_is_asked_for(t);
    let declined =
        |request: &str| json!({ "type": "approval.declined", "data": { "request_id": request, "reason": "not now" } });
    t.bad("nothing waits", "E-201", &declined("ask-000002"), (409, "E_STATE", "R-021"));
    t.bad("of one's own", "E-002", &declined("ask-000001"), (403, "E_SOD", "R-025"));
    t.bad("somebody else's step", "E-801", &declined("ask-000001"), (403, "E_FORBIDDEN", "R-052"));
    t.good("E-201", &declined("ask-000001"));
}
