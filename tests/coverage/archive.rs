//! Archives, what is talked about, and persons.

use serde_json::{Value, json};

use crate::coverage::{Row, Try, given, on_notice, talk, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("customer.registered", 4, customer_registered),
    ("customer.individual_registered", 1, customer_individual_registered),
    ("customer.profile_updated", 4, customer_profile_updated),
    ("customer.classified", 2, customer_classified),
    ("customer.code_assigned", 2, customer_code_assigned),
    ("customer.owner_assigned", 3, customer_owner_assigned),
    ("customer.status_changed", 2, customer_status_changed),
    ("customer.marked_duplicate", 2, customer_marked_duplicate),
    ("archive.verified", 2, archive_verified),
    ("person.recorded", 2, person_recorded),
    ("person.updated", 1, person_updated),
    ("consent.recorded", 1, consent_recorded),
    ("relationship.assessed", 1, relationship_assessed),
    ("personal_data.erased", 4, personal_data_erased),
    ("legal_hold.placed", 1, legal_hold_placed),
    ("legal_hold.lifted", 1, legal_hold_lifted),
    ("contact.recorded", 3, contact_recorded),
    ("commitment.closed", 2, commitment_closed),
    ("document.filed", 2, document_filed),
    ("signoff.recorded", 4, signoff_recorded),
];

fn new_customer(owner: &str) -> Value {
    json!({
        "customer_id": "C-09", "name": "Tongting Paper", "party": "end_user", "direct": true, "region": "north", "source": "visit",
        "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": owner, "registration_no": "91X000000000000009",
    })
}

fn customer_registered(t: &mut Try<'_>) {
    let rule = (422, "E_RULE", "R-028");
    let new = |more: Value| json!({ "type": "customer.registered", "data": with(new_customer("E-102"), more) });
    t.bad("a duplicate", "E-102", &new(json!({ "name": "Heyuan  ALLOY works" })), (409, "E_CONFLICT", "R-031"));
    let named = t.served.post("E-102", &new(json!({ "name": "Heyuan Alloy Works" }))).text();
    assert!(named.contains("C-02"), "with the existing id: {named}");
    t.bad(
        "an individual under a name in clear",
        "E-102",
        &new(json!({ "party": "individual" })),
        (422, "E_RULE", "R-026"),
    );
    t.bad("an owner of another region", "E-501", &new(json!({ "owner": "E-103" })), rule);
    on_notice(t, "E-101");
    t.bad("an owner who is leaving", "E-501", &new(json!({ "owner": "E-101" })), rule);
    // The sign-off of the region's head is that the head enters it.
    t.good("E-201", &new(json!({ "owner": "E-103" })));
}

fn customer_individual_registered(t: &mut Try<'_>) {
    let new = |owner: &str| {
        json!({ "type": "customer.individual_registered", "data": {
            "customer_id": "C-09", "name": "Invented Person", "direct": true, "region": "north", "source": "visit",
            "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": owner } })
    };
    t.bad("an owner of another region", "E-501", &new("E-103"), (422, "E_RULE", "R-028"));
    t.good("E-102", &new("E-102"));
}

fn customer_profile_updated(t: &mut Try<'_>) {
    let update = |changes: Value, more: Value| {
        let data = json!({ "section": "basic", "changes": changes, "learned_at": "2026-03-02T09:30:00+08:00", "major": false });
        json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": with(data, more) })
    };
    let none = || json!({});
    t.bad(
        "a field of another section",
        "E-101",
        &update(json!({ "strategy": "growth" }), none()),
        (400, "E_SCHEMA", "R-030"),
    );
    let insider = update(json!({ "postcode": "250000" }), json!({ "source_channel": 4 }));
    t.bad("what an insider told, as basic data", "E-101", &insider, (422, "E_RULE", "R-157"));
    t.bad("a computed figure", "E-101", &update(json!({ "purchase_count": 7 }), none()), (422, "E_RULE", "R-042"));
    t.bad("a password", "E-101", &update(json!({ "portal_password": "x" }), none()), (422, "E_RULE", "R-045"));
    t.good("E-101", &update(json!({ "postcode": "250000" }), none()));
}

fn customer_classified(t: &mut Try<'_>) {
    let classified = |dimension: &str, value: &str| {
        json!({ "type": "customer.classified", "subject": "customer/C-01",
            "data": { "dimension": dimension, "value": value, "basis": "seen on the first visit" } })
    };
    t.bad("a value outside the set", "E-101", &classified("weight", "huge"), (400, "E_SCHEMA", "R-027"));
    for grade in ["credit_grade", "business_grade", "key_account"] {
        t.bad("a grade", "E-101", &classified(grade, "A"), (422, "E_RULE", "R-027"));
    }
    t.good("E-101", &classified("weight", "general"));
}

fn customer_code_assigned(t: &mut Try<'_>) {
    // A code needs contracts or a recognition, of which there is no module: none succeeds yet.
    t.waits("digits of another customer", "contract.signed");
    t.waits("new digits for a coded customer", "contract.signed");
    let code = t.of("customer/C-01", json!({ "code": "A-00001", "letter": "A", "digits": 1 }));
    let refused = t.served.refuse("E-501", &code);
    assert_eq!((refused.1.as_str(), refused.2.as_str()), ("E_RULE", "R-033"));
    t.success_waits("contract.signed");
}

fn customer_owner_assigned(t: &mut Try<'_>) {
    let assigned = |owner: &str, reason: &str| {
        json!({ "type": "customer.owner_assigned", "subject": "customer/C-01", "data": {
            "owner": owner, "co_contacts": [], "reason": reason, "effective_at": "2026-03-02T10:00:00+08:00" } })
    };
    on_notice(t, "E-112");
    t.bad("somebody who is leaving", "E-201", &assigned("E-112", "reassignment"), (422, "E_RULE", "R-028"));
    t.bad("a handover without its id", "E-201", &assigned("E-102", "handover"), (400, "E_SCHEMA", "R-199"));
    t.waits("a unit outside the key account's", "key_account.decided");
    t.good("E-201", &assigned("E-102", "reassignment"));
}

fn customer_status_changed(t: &mut Try<'_>) {
    t.waits("terminated while a key account", "key_account.evaluated");
    t.waits("lost with open orders", "contract.signed");
    t.good("E-101", &t.of("customer/C-01", json!({ "status": "terminated", "reason": "has closed" })));
}

fn customer_marked_duplicate(t: &mut Try<'_>) {
    let marked = |id: &str, of: &str| {
        json!({ "type": "customer.marked_duplicate", "subject": format!("customer/{id}"),
            "data": { "duplicate_of": of, "reason": "the same works under its old name" } })
    };
    let rule = (422, "E_RULE", "R-031");
    t.bad("of itself", "E-501", &marked("C-01", "C-01"), rule);
    t.good("E-501", &marked("C-01", "C-02"));
    t.bad("a chain", "E-501", &marked("C-03", "C-01"), rule);
    t.bad("a chain", "E-501", &marked("C-02", "C-03"), rule);
    t.good("E-501", &marked("C-03", "C-02"));
}

fn archive_verified(t: &mut Try<'_>) {
    let checked = |customer: &str, result: &str| {
        json!({ "type": "archive.verified", "subject": format!("customer/{customer}"),
            "data": { "kind": "quarterly", "period": "2026Q1", "result": result } })
    };
    t.bad("incomplete without findings", "E-501", &checked("C-01", "incomplete"), (400, "E_SCHEMA", "R-040"));
    t.good("E-501", &checked("C-01", "confirmed"));
    t.bad("twice for a quarter", "E-501", &checked("C-01", "confirmed"), (409, "E_CONFLICT", "R-038"));
    t.good("E-501", &checked("C-02", "confirmed"));
}

fn person_recorded(t: &mut Try<'_>) {
    let person = |name: &str, more: Value| {
        let data = json!({ "customer_id": "C-01", "name": name, "function": "contact" });
        json!({ "type": "person.recorded", "data": with(data, more) })
    };
    let private = person("Invented Keeper", json!({ "hobbies": "calligraphy" }));
    t.bad("private data without consent", "E-101", &private, (422, "E_RULE", "R-046"));
    t.bad("the same name of one customer", "E-101", &person("Invented Buyer", json!({})), (409, "E_CONFLICT", "R-031"));
    t.good("E-101", &person("Invented Keeper", json!({})));
}

fn person_updated(t: &mut Try<'_>) {
    let updated = |person: &str| {
        json!({ "type": "person.updated", "subject": format!("person/{person}"),
            "data": { "changes": { "position": "Head of purchasing" }, "learned_at": "2026-03-02T09:30:00+08:00" } })
    };
    t.before("E-101", &json!({ "type": "person.recorded", "data": { "person_id": "P-2", "customer_id": "C-01", "name": "Invented Clerk" } }));
    t.before("E-902", &erasure("P-2", "ask-000001"));
    t.before("E-801", &given("ask-000001"));
    t.bad("somebody erased", "E-101", &updated("P-2"), (409, "E_STATE", "R-008"));
    t.good("E-101", &updated("P-1"));
}

fn consent_recorded(t: &mut Try<'_>) {
    let consent = json!({ "purpose": "third_party_disclosure", "status": "given", "method": "written" });
    t.bad("disclosure to nobody", "E-101", &t.of("person/P-1", consent.clone()), (400, "E_SCHEMA", "R-046"));
    t.good("E-101", &t.of("person/P-1", with(consent, json!({ "third_party": "Anping Bank" }))));
}

fn relationship_assessed(t: &mut Try<'_>) {
    t.shown("no relation in spite of contacts", "how_people_stand_to_us_is_shown_and_a_sum_above_a_hundred_is_marked");
    t.good(
        "E-101",
        &t.of(
            "person/P-1",
            json!({
        "our_person": "E-101", "our_title": "Sales", "decision_role": "buyer", "attitude": "neutral" }),
        ),
    );
}

fn erasure(person: &str, id: &str) -> Value {
    json!({ "type": "personal_data.erased", "id": id, "subject": format!("person/{person}"),
        "data": { "scope": "all", "ground": "request" } })
}

fn personal_data_erased(t: &mut Try<'_>) {
    t.before("E-902", &json!({ "type": "legal_hold.placed", "subject": "person/P-1", "data": { "hold_id": "H-1", "matter": "a dispute" } }));
    t.bad("under a legal hold", "E-902", &erasure("P-1", "ask-000001"), (422, "E_RULE", "R-008"));
    t.waits("with an open complaint", "complaint.registered");
    t.waits("with an open handover", "handover.started");
    t.before("E-902", &json!({ "type": "legal_hold.lifted", "subject": "person/P-1", "data": { "hold_id": "H-1", "reason": "settled" } }));
    t.before("E-902", &erasure("P-1", "ask-000002"));
    t.bad("approved by who asks", "E-902", &given("ask-000002"), (403, "E_SOD", "R-025"));
    t.before(
        "E-801",
        &json!({ "type": "approval.declined", "data": { "request_id": "ask-000002", "reason": "not yet" } }),
    );
    t.approved("E-902", &erasure("P-1", "ask-000003"), "E-801");
}

fn legal_hold_placed(t: &mut Try<'_>) {
    let hold = |id: &str| json!({ "type": "legal_hold.placed", "subject": "person/P-1", "data": { "hold_id": id, "matter": "a dispute" } });
    t.good("E-902", &hold("H-1"));
    t.bad("an id in use", "E-902", &hold("H-1"), (409, "E_CONFLICT", "R-010"));
    t.good("E-902", &hold("H-2"));
}

fn legal_hold_lifted(t: &mut Try<'_>) {
    let lifted = |id: &str| json!({ "type": "legal_hold.lifted", "subject": "person/P-1", "data": { "hold_id": id, "reason": "settled" } });
    t.before("E-902", &json!({ "type": "legal_hold.placed", "subject": "person/P-1", "data": { "hold_id": "H-1", "matter": "a dispute" } }));
    t.bad("a hold there is not", "E-902", &lifted("H-2"), (409, "E_STATE", "R-008"));
    t.good("E-902", &lifted("H-1"));
}

fn contact_recorded(t: &mut Try<'_>) {
    let talked =
        |more: Value| json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": with(talk(), more) });
    for reached in ["no", "partly"] {
        let missed = talked(json!({ "channel": "visit", "goal_reached": reached }));
        t.bad("a visit that missed its aim without a cause", "E-101", &missed, (400, "E_SCHEMA", "R-074"));
    }
    t.waits("development by a foreign unit", "key_account.decided");
    t.bad("without who records it", "E-101", &talked(json!({ "our_people": ["E-102"] })), (422, "E_RULE", "R-065"));
    t.good(
        "E-101",
        &talked(json!({ "channel": "visit", "goal_reached": "no", "cause_and_improvement": "came too late" })),
    );
}

fn commitment_closed(t: &mut Try<'_>) {
    let closed = |outcome: &str| json!({ "type": "commitment.closed", "subject": "contact/C-01", "data": { "promise_id": "PR-1", "outcome": outcome } });
    t.bad("not fulfilled without a note", "E-101", &closed("not_fulfilled"), (400, "E_SCHEMA", "R-075"));
    t.good("E-101", &closed("fulfilled"));
    t.bad("twice", "E-101", &closed("fulfilled"), (409, "E_STATE", "R-075"));
    let promised =
        json!({ "promises": [{ "promise_id": "PR-1", "text": "more", "due": "2026-03-09", "responsible": "E-101" }] });
    t.before(
        "E-101",
        &json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": with(talk(), promised) }),
    );
    t.good("E-101", &closed("fulfilled"));
}

/// A paper comes with its file, in one form: what is wrong with one is tried beside the uploads.
fn document_filed(t: &mut Try<'_>) {
    t.shown("a hash that is not the file's", "an_upload_that_is_refused_leaves_nothing");
    t.shown("minutes of no meeting", "minutes_are_of_a_meeting_with_the_customer");
    t.success_shown("a_paper_is_read_back_byte_for_byte_and_every_reading_is_entered_first");
}

fn signoff_recorded(t: &mut Try<'_>) {
    let refused = "every_sign_off_that_is_refused_cites_its_rule_and_is_entered";
    for what in
        ["out of order", "one's own submission", "returned without an opinion", "what is decided by events of its own"]
    {
        t.shown(what, refused);
    }
    t.success_shown("sc_01_the_card_is_signed_step_by_step_and_archived");
}
