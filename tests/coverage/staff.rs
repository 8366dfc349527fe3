//! Units, staff and approvals.

use serde_json::{Value, json};

use crate::coverage::{Row, Try, given, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("org_unit.defined", 2, org_unit_defined),
    ("employee.registered", 1, employee_registered),
    ("employee.roles_changed", 3, employee_roles_changed),
    ("employee.status_changed", 2, employee_status_changed),
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
