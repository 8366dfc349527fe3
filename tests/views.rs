//! Every view against an example computed by hand: where it is, and those that have no better place.

use std::collections::BTreeSet;

use dossier::domain::catalog;
use dossier::ledger::Asked;
use dossier::projection::{self, VIEWS};
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{self, TestLedger};

/// Each view with the test that compares its answer with what was computed by hand. A new view must be added here.
const EXAMPLES: &[(&str, &str)] = &[
    ("list", "the_list_shows_who_the_customers_are_and_how_far_they_have_come"),
    ("card", "the_card_adds_up_what_was_bought_and_names_who_leads"),
    ("archive", "the_archive_shows_the_newest_of_everything_and_what_came_of_it"),
    ("stats", "sc_02_customer_forms_are_computed_from_sales"),
    ("grading", "the_grading_table_names_what_a_customer_buys_or_does"),
    ("composition", "customers_are_composed_four_ways"),
    ("key_customers", "the_customers_that_lead_are_ranked_three_ways"),
    ("visits", "the_log_shows_every_visit_and_which_was_logged_late"),
    ("business_report", "a_customers_business_is_added_up_over_the_days_asked_for"),
    ("special", "who_serves_us_is_listed_with_whom_to_talk_to"),
    ("classification", "classes_stand_beside_the_stage_of_life_and_why_a_customer_was_lost"),
    ("checks", "what_checks_found_and_what_became_of_it_is_shown_with_their_coverage"),
    ("registration_status", "the_regions_say_how_many_of_their_archives_were_kept_up"),
    ("ownership", "owners_follow_one_another_and_nobody_is_without"),
    ("related_persons", "the_people_of_an_account_add_up_to_what_they_decide"),
    ("grades", "sc_05_a_business_grade_is_refused_returned_rejected_lapses_and_is_approved"),
    ("grade_audit", "sc_03_a_key_customers_grade_changes_along_its_whole_chain_and_is_traced"),
    ("credit_reviews", "a_key_customers_credit_is_reviewed_once_a_quarter_and_what_is_owed_is_shown"),
    ("terms", "terms_need_a_grade_its_limit_and_a_second_person"),
    ("payments", "what_is_paid_settles_the_oldest_sales_and_shows_at_once"),
    ("access_log", "the_log_of_readings_is_narrowed_to_whom_it_is_asked_about_and_names_who_approved"),
    ("grants", "grants_and_loans_show_their_whole_life_in_one_row"),
    ("refusals", "refused_operations_are_shown_to_those_who_watch_over_access"),
    ("anomalies", "three_refused_readings_in_a_day_open_an_anomaly_that_compliance_resolves"),
    ("sod", "the_separation_of_duties_shows_who_took_which_step_and_who_stood_in"),
    ("obligations", "every_duty_is_opened_and_met_in_time_without_a_trace_of_lateness"),
    ("overdue", "every_duty_is_reported_upward_thrice_and_met_late_its_breach_stays"),
    ("approvals", "what_waits_for_somebody_is_on_their_board_and_nobody_elses"),
    ("signoffs", "what_waits_is_shown_to_those_in_its_chain_only"),
    ("important_dates", "important_dates_come_round_with_their_reminders_for_those_who_may_see_them"),
    ("documents", "a_paper_is_read_back_byte_for_byte_and_every_reading_is_entered_first"),
    ("document", "a_paper_is_read_back_byte_for_byte_and_every_reading_is_entered_first"),
    ("file", "a_paper_is_read_back_byte_for_byte_and_every_reading_is_entered_first"),
    ("search", "customers_are_found_by_characters_pinyin_initials_words_and_ids"),
    ("timeline", "sc_15_a_mistake_is_put_right_and_what_was_entered_stays"),
    ("feed", "whoever_listens_hears_what_comes_and_may_go_on_where_they_were_cut_off"),
    ("policy", "the_yearly_review_of_the_policy_stands_in_its_history"),
    ("promises", "promises_show_what_became_of_them"),
    ("basics", "the_annexes_name_the_unit_and_the_basics_name_whom_to_talk_to"),
    ("people", "a_person_is_masked_until_opened_for_a_purpose"),
    ("relations", "how_people_stand_to_us_is_shown_and_a_sum_above_a_hundred_is_marked"),
    ("decision_roles", "how_people_stand_to_us_is_shown_and_a_sum_above_a_hundred_is_marked"),
    ("personal_data", "what_is_held_and_what_was_erased_is_listed_for_whoever_answers_for_it"),
    ("erasures", "what_is_held_and_what_was_erased_is_listed_for_whoever_answers_for_it"),
    ("appraisals", "appraisals_and_violations_are_shown_to_whom_they_are_about_and_who_may_see_staff"),
    ("discipline", "appraisals_and_violations_are_shown_to_whom_they_are_about_and_who_may_see_staff"),
    ("staff", "one_employees_roles_have_their_begin_and_end_and_the_status_its_last_day"),
    ("corrections", "sc_15_a_mistake_is_put_right_and_what_was_entered_stays"),
    ("entry", "a_contact_is_entered_proved_read_and_found_after_a_restart"),
    ("evidence", "evidence_of_a_long_stream_says_where_it_goes_on"),
    ("entries", "an_entry_bundle_holds_what_its_tile_hashes_and_is_read_by_few"),
];

/// The views of the business that are not here yet, each with an event type that it shows and no module keeps.
const WAITING: &[(&str, &str)] = &[
    ("V-02", "new_customer.applied"),
    ("V-03", "opportunity.opened"),
    ("V-07", "account_plan.submitted"),
    ("V-20", "account_plan.submitted"),
    ("V-21", "account_plan.submitted"),
    ("V-23", "product.registered"),
    ("V-24", "visit_plan.submitted"),
    ("V-25", "visit_plan.submitted"),
    ("V-27", "qualification.applied"),
    ("V-28", "new_customer.applied"),
    ("V-29", "new_customer.filed"),
    ("V-30", "account_plan.submitted"),
    ("V-31", "opportunity.updated"),
    ("V-38", "shipment.released"),
    ("V-39", "key_account.decided"),
    ("V-40", "project.status_recorded"),
    ("V-42", "report.filed"),
    ("V-43", "key_account.list_published"),
    ("V-44", "key_account.scored"),
    ("V-45", "key_account.assignment_changed"),
    ("V-46", "survey.returned"),
    ("V-47", "key_account.evaluated"),
    ("V-48", "campaign.conducted"),
    ("V-49", "campaign.conducted"),
    ("V-50", "suggestion.received"),
    ("V-51", "suggestion.received"),
    ("V-52", "suggestion.target_set"),
    ("V-53", "demand_info.submitted"),
    ("V-54", "demand_plan.set"),
    ("V-55", "report.filed"),
    ("V-56", "service_call.received"),
    ("V-57", "service_call.received"),
    ("V-58", "goods.taken_in"),
    ("V-59", "repair.logged"),
    ("V-60", "service_call.completed"),
    ("V-61", "report.filed"),
    ("V-62", "service_call.received"),
    ("V-63", "service_call.arrived"),
    ("V-64", "contract.signed"),
    ("V-65", "survey.returned"),
    ("V-66", "survey.returned"),
    ("V-67", "complaint.registered"),
    ("V-68", "complaint.registered"),
    ("V-69", "correspondence.registered"),
    ("V-70", "correspondence.sent"),
    ("V-71", "gift.issued"),
    ("V-73", "reception.planned"),
    ("V-74", "campaign.conducted"),
    ("V-75", "project.status_recorded"),
    ("V-76", "report.filed"),
    ("V-81", "handover.completed"),
    ("V-82", "handover.started"),
];

#[test]
fn every_view_of_the_business_is_here_or_waits_for_a_module() {
    let here: BTreeSet<&str> = VIEWS.iter().map(|view| view.number).collect();
    let waiting: BTreeSet<&str> = WAITING.iter().map(|(number, _)| *number).collect();
    let all: BTreeSet<String> = (1..=94).map(|number| format!("V-{number:02}")).collect();
    assert_eq!(here.intersection(&waiting).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert_eq!(here.union(&waiting).map(|number| (*number).to_owned()).collect::<BTreeSet<_>>(), all);
    for (number, kind) in WAITING {
        assert!(catalog::find(kind).is_none(), "{number} waits for {kind}, which is here");
    }
}

#[test]
fn every_view_has_an_example_computed_by_hand() {
    let listed: BTreeSet<&str> = EXAMPLES.iter().map(|(view, _)| *view).collect();
    assert_eq!(listed, VIEWS.iter().map(|view| view.key).collect());
    assert_eq!(listed.len(), EXAMPLES.len());
    for (view, test) in EXAMPLES {
        assert!(support::is_test(test), "{view}: there is no test {test}");
    }
}

/// C-01 of the north with E-101 and C-03 of the south with E-103.
pub(crate) fn company() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    test.admit("E-103", support::registration("C-03", "Lanmo Fine Chemicals", "south", "E-103"));
    Served::of(test)
}

pub(crate) fn sale(id: &str, kind: &str, product: &str, day: &str, yuan: i64) -> Value {
    json!({ "type": "sale.recorded", "latereason": "taken over", "data": {
        "sale_id": id, "customer_id": "C-01", "invoice_name": "Invoice", "kind": kind, "product": product,
        "product_category": "Relays", "region": "north", "amount": yuan * 100, "sold_on": day } })
}

pub(crate) fn contact(more: Value) -> Value {
    let mut data = json!({
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
        "purpose": "care_bond", "summary": "Talked about spare parts.", "major": false, "class": "C2" });
    data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({ "type": "contact.recorded", "id": "contact-01", "subject": "contact/C-01", "data": data })
}

pub(crate) fn read(served: &Served, who: &str, path: &str) -> Value {
    let answer = served.get(who, &format!("/v1/views/{path}"));
    assert_eq!(answer.status, 200, "{path} by {who}: {}", answer.text());
    answer.json()
}

/// These fields of a row and no others.
fn only(row: &Value, fields: &Value) -> Value {
    let wanted = fields.as_object().unwrap().keys();
    wanted.map(|name| (name.clone(), row.get(name).cloned().unwrap_or_default())).collect()
}

/// Compares the fields that are expected.
pub(crate) fn check(row: &Value, expected: &Value) {
    assert_eq!(only(row, expected), *expected, "{row}");
}

#[test]
fn a_view_of_one_thing_asks_which_where_nobody_says() {
    let served = Served::of(TestLedger::new());
    served.test.customer("C-01", "Heyuan Alloy Works");
    for (view, en, zh, example) in [
        ("payments", "a customer,", "客户，", "C-00042"),
        ("timeline", "a stream,", "流，", "customer/C-00042"),
        ("obligations", "an employee,", "员工，", "E-101"),
        ("document", "a document,", "资料，", "D-00042"),
        ("entry", "an entry by its index,", "账本条目的序号，", "1234"),
    ] {
        let path = format!("/v1/views/{view}");
        let asked = served.get("E-902", &path);
        let told = asked.json();
        assert_eq!((asked.status, told["errors"][0]["pointer"].as_str()), (400, Some("/subject")), "{view}: {told}");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("{en} such as {example}")), "{detail}");
        let chinese = served.request("E-902", "GET", &path, &[("Accept-Language", "zh")], b"").json();
        let detail = chinese["detail"].as_str().unwrap();
        assert!(detail.contains(&format!("须指明{zh}如{}", example.replace(" or ", "或"))), "{detail}");
    }
    for view in ["payments", "promises", "timeline"] {
        assert_eq!(served.get("E-902", &format!("/v1/views/{view}?subject=C-404")).status, 404, "{view}");
    }
}

#[test]
fn the_list_shows_who_the_customers_are_and_how_far_they_have_come() {
    let served = company();
    // Three orders make a loyal customer; C-03 has bought nothing and is a prospect.
    for (id, day) in [("S-1", "2026-01-05"), ("S-2", "2026-02-10"), ("S-3", "2026-03-01")] {
        served.admit("E-401", &sale(id, "sale", "Relay", day, 1_000));
    }
    let list = read(&served, "E-801", "list");
    let rows = list["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    check(
        &rows[0],
        &json!({ "customer_id": "C-01", "code": null, "name": "Heyuan Alloy Works", "industry": null, "party": "end_user",
            "phone": "0531 8000 0001", "region": "north", "owner": "E-101", "status": "loyal" }),
    );
    check(
        &rows[1],
        &json!({ "customer_id": "C-03", "name": "Lanmo Fine Chemicals", "region": "south", "owner": "E-103", "status": "potential" }),
    );
    assert_eq!(read(&served, "E-801", "list?status=loyal")["items"].as_array().unwrap().len(), 1);
}

#[test]
fn the_card_adds_up_what_was_bought_and_names_who_leads() {
    let served = company();
    // 3 000 + 2 000 − 500 = 4 500 yuan in two purchases of two products; the sample of an earlier day counts for nothing.
    served.admit("E-401", &sale("S-0", "sample", "Sensor", "2025-12-20", 100));
    served.admit("E-401", &sale("S-1", "sale", "Relay", "2026-01-05", 3_000));
    served.admit("E-401", &sale("S-2", "sale", "Cable", "2026-02-10", 2_000));
    let mut back = sale("S-3", "return", "Relay", "2026-02-20", 500);
    back["data"]["returns"] = json!("S-1");
    served.admit("E-401", &back);
    for (name, function) in [("Invented Head", "principal"), ("Invented Clerk", "contact")] {
        served.admit(
            "E-101",
            &json!({ "type": "person.recorded", "data": {
            "customer_id": "C-01", "name": name, "position": "of the works", "function": function } }),
        );
    }
    let card = served.get("E-101", "/v1/views/card?subject=C-01&reveal=true").json();
    check(
        &card,
        &json!({ "customer_id": "C-01", "company_name": "Heyuan Alloy Works", "phone": "0531 8000 0001",
            "address": "1 Station Road", "first_purchase_on": "2026-01-05", "purchase_count": 2,
            "cumulative_amount": 450_000, "products_bought": ["Cable", "Relay"], "made_and_archived": "E-101" }),
    );
    assert_eq!(card["principals"].as_array().unwrap().len(), 1, "who leads, not who picks up the telephone");
    check(&card["principals"][0], &json!({ "name": "Invented Head", "position": "of the works" }));
    // Of ten items four are known: name, legal representative, address, telephone.
    let missing = ["postcode", "fax", "business_scope", "registered_capital", "company_type", "trading_since"];
    assert_eq!(card["completeness"], json!({ "filled_bp": 4_000, "missing": missing }));
}

#[test]
fn the_archive_shows_the_newest_of_everything_and_what_came_of_it() {
    let served = company();
    for (fax, postcode) in [("0531 8000 0008", "250000"), ("0531 8000 0009", "250001")] {
        served.admit("E-101", &json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": {
            "section": "basic", "changes": { "fax": fax, "postcode": postcode }, "learned_at": "2026-03-02T09:30:00+08:00",
            "major": false } }));
    }
    served.admit(
        "E-101",
        &json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "general", "basis": "seen on the first visit" } }),
    );
    // Bought for 3 000 yuan and paid 1 000: 2 000 are left.
    served.admit("E-401", &sale("S-1", "sale", "Relay", "2026-03-01", 3_000));
    served.admit(
        "E-401",
        &json!({ "type": "payment.recorded", "data": {
        "customer_id": "C-01", "amount": 100_000, "received_on": "2026-03-02", "method": "transfer" } }),
    );
    served.admit("E-101", &contact(json!({})));
    let archive = read(&served, "E-101", "archive?subject=C-01");
    check(
        &archive,
        &json!({ "customer_id": "C-01", "name": "Heyuan Alloy Works", "status": "new", "owner": "E-101", "region": "north",
            "contact_count": 1, "credit_grade": null, "business_grade": null, "verified_on": null,
            "classes": [{ "dimension": "weight", "value": "general" }] }),
    );
    let item = |name: &str| {
        let sections = archive["sections"].as_array().unwrap();
        sections.iter().find(|row| row["item"] == name).unwrap().clone()
    };
    check(&item("fax"), &json!({ "section": "basic", "value": "0531 8000 0009", "recorded_by": "E-101" }));
    assert_eq!(item("postcode")["value"], "250001");
    assert_eq!(item("address")["value"], "1 Station Road", "what was not updated stays");
    check(
        &archive["trade"],
        &json!({ "purchase_count": 1, "cumulative_amount": 300_000, "paid_amount": 100_000, "balance": 200_000,
            "last_paid_on": "2026-03-02" }),
    );
    assert_eq!(archive["contacts"][0]["summary"], "Talked about spare parts.");
}

#[test]
fn promises_show_what_became_of_them() {
    let served = company();
    let promise = |id: &str, text: &str, due: &str, who: &str| json!({ "promise_id": id, "text": text, "due": due, "responsible": who });
    served.admit(
        "E-101",
        &contact(json!({ "promises": [
            promise("PR-1", "drawings", "2026-03-04", "E-101"),
            promise("PR-2", "a quotation", "2026-03-06", "E-102"),
            promise("PR-3", "a visit", "2026-03-09", "E-101"),
        ] })),
    );
    for (id, outcome) in [("PR-1", "fulfilled"), ("PR-3", "released_by_customer")] {
        served.admit(
            "E-101",
            &json!({ "type": "commitment.closed", "subject": "contact/C-01",
            "data": { "promise_id": id, "outcome": outcome } }),
        );
    }
    let rows = read(&served, "E-101", "promises?subject=C-01")["items"].clone();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    for (row, expected) in rows.as_array().unwrap().iter().zip([
        json!({ "promise": "PR-1", "text": "drawings", "due": "2026-03-04", "responsible": "E-101", "outcome": "fulfilled" }),
        json!({ "promise": "PR-2", "text": "a quotation", "due": "2026-03-06", "responsible": "E-102", "outcome": null }),
        json!({ "promise": "PR-3", "text": "a visit", "due": "2026-03-09", "responsible": "E-101",
            "outcome": "released_by_customer" }),
    ]) {
        check(row, &expected);
    }
}

#[test]
fn grants_and_loans_show_their_whole_life_in_one_row() {
    let served = company();
    served.admit(
        "E-102",
        &json!({ "type": "access.requested", "data": {
        "grant_id": "G-7", "customers": ["C-01"], "classes": ["C1", "C3"], "modes": ["view"],
        "from": "2026-03-02T10:00:00+08:00", "until": "2026-03-12T10:00:00+08:00", "purpose": "bid of June" } }),
    );
    for (who, class, decision) in [("E-201", "C1", "granted"), ("E-402", "C3", "refused")] {
        served.admit(
            who,
            &json!({ "type": "access.decided", "subject": "grant/G-7",
            "data": { "classes": [class], "decision": decision, "reason": "as the bid needs" } }),
        );
    }
    served.admit(
        "E-501",
        &json!({ "type": "archive.borrowed", "data": {
        "loan_id": "L-1", "customer_id": "C-03", "borrower": "E-201", "sections": ["the whole file"],
        "purpose": "comparing two bids", "until": "2026-03-05", "declaration": true } }),
    );
    let row = |kind: &str| read(&served, "E-902", &format!("grants?kind={kind}"))["items"][0].clone();
    check(
        &row("grant"),
        &json!({ "no": "G-7", "who": "E-102", "status": "open", "purpose": "bid of June",
        "customers": ["C-01"], "scope": ["C1", "C3"], "modes": ["view"], "until": "2026-03-12T02:00:00.000000Z" }),
    );
    let decisions = row("grant")["decisions"].clone();
    check(
        &decisions[0],
        &json!({ "by": "E-201", "classes": ["C1"], "decision": "granted", "reason": "as the bid needs" }),
    );
    check(
        &decisions[1],
        &json!({ "by": "E-402", "classes": ["C3"], "decision": "refused", "reason": "as the bid needs" }),
    );
    check(&row("loan"), &json!({ "no": "L-1", "status": "lent", "purpose": "comparing two bids" }));
    served.admit(
        "E-902",
        &json!({ "type": "access.revoked", "subject": "grant/G-7", "data": { "reason": "the bid is over" } }),
    );
    served.admit("E-501", &json!({ "type": "archive.returned", "subject": "loan/L-1", "data": { "how": "returned" } }));
    check(&row("grant"), &json!({ "no": "G-7", "status": "revoked" }));
    check(&row("loan"), &json!({ "no": "L-1", "status": "returned", "returned": "returned" }));
}

#[test]
fn the_log_of_readings_is_narrowed_to_whom_it_is_asked_about_and_names_who_approved() {
    let served = company();
    served.admit(
        "E-101",
        &json!({ "type": "person.recorded", "subject": "person/P-1", "data": {
        "person_id": "P-1", "customer_id": "C-01", "name": "Invented Head", "function": "principal" } }),
    );
    served.admit(
        "E-102",
        &json!({ "type": "access.requested", "data": {
        "grant_id": "G-7", "customers": ["C-01"], "classes": ["C1"], "modes": ["view"],
        "from": "2026-03-02T10:00:00+08:00", "until": "2026-03-12T10:00:00+08:00", "purpose": "bid of June" } }),
    );
    served.admit(
        "E-201",
        &json!({ "type": "access.decided", "subject": "grant/G-7",
        "data": { "classes": ["C1"], "decision": "granted", "reason": "as the bid needs" } }),
    );
    served.admit(
        "E-501",
        &json!({ "type": "archive.borrowed", "data": {
        "loan_id": "L-1", "customer_id": "C-03", "borrower": "E-201", "sections": ["the whole file"],
        "purpose": "comparing two bids", "until": "2026-03-05", "declaration": true } }),
    );
    // On Monday morning: of C-01 by a grant, of C-03 by a loan, of C-01 from outside, people in clear, and one who may not.
    read(&served, "E-102", "card?subject=C-01");
    read(&served, "E-201", "archive?subject=C-03");
    let outside = [("Dossier-Purpose", "sales_work"), ("Dossier-Place", "offsite")];
    assert_eq!(served.request("E-101", "GET", "/v1/views/archive?subject=C-01", &outside, b"").status, 200);
    read(&served, "E-101", "people?subject=C-01&reveal=true");
    assert_eq!(served.get("E-103", "/v1/views/card?subject=C-01").status, 403);
    // The general manager sees both customers at once, at half past seven in the evening.
    served.test.clock.advance(std::time::Duration::from_secs(34_200));
    read(&served, "E-801", "list");
    served.admit(
        "E-001",
        &json!({ "type": "employee.status_changed", "subject": "employee/E-103",
        "data": { "status": "on_notice", "effective_on": "2026-03-02", "last_day": "2026-03-31" } }),
    );

    // What it shows of whoever asks for the log is left out here: it grows with every question.
    let log = |who: &str, path: &str| -> Vec<(String, String)> {
        let rows = read(&served, who, &format!("access_log?{path}"))["items"].as_array().unwrap().clone();
        let row = |row: &Value| (row["reader"].as_str().unwrap().to_owned(), row["view"].as_str().unwrap().to_owned());
        rows.iter().map(row).filter(|(reader, _)| reader != who).collect()
    };
    let all = [
        ("E-801", "list"),
        ("E-103", "card"),
        ("E-101", "people"),
        ("E-101", "archive"),
        ("E-201", "archive"),
        ("E-102", "card"),
    ];
    let these = |places: &[usize]| -> Vec<(String, String)> {
        places.iter().map(|at| (all[*at].0.to_owned(), all[*at].1.to_owned())).collect()
    };
    for (filter, found) in [
        ("", &[0, 1, 2, 3, 4, 5][..]),
        ("customer=C-01", &[0, 1, 2, 3, 5]),
        ("customer=C-03", &[0, 4]),
        ("actor=E-101", &[2, 3]),
        ("class=C4", &[2]),
        ("person=P-1", &[2]),
        ("person=P-9", &[]),
        ("authority=grant", &[5]),
        ("authority=loan", &[4]),
        ("authority=own&place=office", &[2]),
        ("place=offsite", &[3]),
        ("leaver=true", &[1]),
        ("leaver=false&off_hours=true", &[0]),
        ("off_hours=true&place=offsite", &[]),
        ("until=2026-03-01", &[]),
        ("subject=customer/C-03", &[0, 4]),
        ("subject=customer/C-03&off_hours=true", &[0]),
        ("subject=employee/E-101&class=C4", &[2]),
    ] {
        assert_eq!(log("E-902", filter), these(found), "{filter}");
    }
    let rested = |filter: &str| {
        let row = read(&served, "E-902", &format!("access_log?{filter}"))["items"][0].clone();
        (row["authority_ref"].clone(), row["approved_by"].clone())
    };
    assert_eq!(rested("authority=grant"), (json!("G-7"), json!(["E-201"])));
    assert_eq!(rested("authority=loan"), (json!("L-1"), json!(["E-501"])));
    assert_eq!(rested("place=offsite"), (Value::Null, Value::Null), "one's own customer needs nobody's leave");

    // Who answers for the north sees that somebody of the south was refused, and not that they are leaving;
    // and of a reading of many customers nothing but the north.
    assert_eq!(log("E-301", "subject=customer/C-01").len(), 5);
    for filter in ["leaver=true", "customer=C-03", "person=P-9"] {
        assert_eq!(log("E-301", &format!("subject=customer/C-01&{filter}")), [], "{filter}");
    }
    assert_eq!(log("E-301", "subject=customer/C-01&person=P-1"), these(&[2]));
    for who in ["E-301", "E-101"] {
        assert_eq!(served.get(who, "/v1/views/access_log").status, 403, "{who}");
    }
    for (filter, pointer) in
        [("class=C9", "/class"), ("authority=whim", "/authority"), ("place=moon", "/place"), ("leaver=1", "/leaver")]
    {
        let answer = served.get("E-902", &format!("/v1/views/access_log?{filter}"));
        assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (400, Some(pointer)), "{filter}");
    }
}

#[test]
fn the_separation_of_duties_shows_who_took_which_step_and_who_stood_in() {
    let served = company();
    served.admit("E-101", &contact(json!({})));
    let propose = |id: &str, from: Option<&str>, to: &str| {
        let mut data = json!({ "proposal_id": id, "customer_id": "C-01", "to": to, "trigger": "change",
            "evidence": ["contact-01"], "reason": "pays every invoice on time" });
        if let Some(from) = from {
            data["from"] = json!(from);
        }
        served.admit("E-101", &json!({ "type": "credit_grade.proposed", "data": data }));
    };
    let approve = |who: &str, id: &str, to: &str| {
        served.admit(who, &json!({ "type": "credit_grade.approved", "data": { "proposal_id": id, "to": to } }));
    };
    propose("G-1", None, "B");
    approve("E-301", "G-1", "B");
    // Of a key customer the region reviews and the head of accounting decides.
    served.admit(
        "E-101",
        &json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "main", "basis": "a third of the region's sales" } }),
    );
    propose("G-2", Some("B"), "A");
    served.admit(
        "E-301",
        &json!({ "type": "credit_grade.reviewed",
        "data": { "proposal_id": "G-2", "step": 1, "verdict": "endorse", "opinion": "agreed" } }),
    );
    approve("E-402", "G-2", "A");
    // With nobody left in the region the general manager stands in.
    served.admit(
        "E-001",
        &json!({ "type": "employee.status_changed", "subject": "employee/E-301",
        "data": { "status": "suspended", "effective_on": "2026-03-02" } }),
    );
    propose("G-3", Some("A"), "B");
    served.admit(
        "E-801",
        &json!({ "type": "credit_grade.reviewed",
        "data": { "proposal_id": "G-3", "step": 1, "verdict": "endorse", "opinion": "agreed" } }),
    );
    approve("E-402", "G-3", "B");
    let all = read(&served, "E-902", "sod?all=true");
    let rows = all["items"].as_array().unwrap();
    for (row, expected) in rows.iter().zip([
        json!({ "process": "grade/C-01/credit G-1", "proposer": "E-101", "reviewers": [], "approver": "E-301", "substitution": false, "repeated": false }),
        json!({ "process": "grade/C-01/credit G-2", "proposer": "E-101", "reviewers": ["E-301"], "approver": "E-402", "substitution": false, "repeated": false }),
        json!({ "process": "grade/C-01/credit G-3", "proposer": "E-101", "reviewers": ["E-801"], "approver": "E-402", "substitution": true, "repeated": false }),
    ]) {
        check(row, &expected);
    }
    assert_eq!((rows.len(), &all["examined"]), (3, &json!(3)));
    let first = read(&served, "E-902", "sod?all=true&limit=2");
    let next = first["next"].as_str().unwrap().replace(' ', "%20");
    let rest = read(&served, "E-902", &format!("sod?all=true&limit=2&after={next}"));
    assert_eq!((&first["items"].as_array().unwrap()[..], &rest["items"][0]), (&rows[..2], &rows[2]));
    assert_eq!((rest["items"].as_array().unwrap().len(), &rest["next"]), (1, &Value::Null));
    assert_eq!(read(&served, "E-902", "sod")["items"], json!([]), "rows with a repeated person must not exist");
}

#[test]
fn a_page_ends_where_enough_was_looked_at_and_the_next_begins_there() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    for _ in 0..6 {
        test.admit("E-101", support::contact("C-01", "E-101", test.clock_now()));
    }
    let mut asked = Asked::new(projection::view("timeline").unwrap());
    asked.subject = Some("customer/C-01".into());
    asked.filters.insert("type".into(), "customer.registered".into());
    (asked.looks, asked.limit) = (3, 5);
    let mut pages = Vec::new();
    loop {
        let answered = test.ask("E-101", &asked).unwrap();
        pages.push(answered.body["items"].as_array().unwrap().len());
        asked.after = answered.next;
        if asked.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [0, 0, 1]);
    // What is not narrowed comes whole, each entry once.
    asked.filters.clear();
    let mut seen = Vec::new();
    loop {
        let answered = test.ask("E-101", &asked).unwrap();
        seen.extend(answered.body["items"].as_array().unwrap().iter().map(|row| row["index"].as_u64().unwrap()));
        asked.after = answered.next;
        if asked.after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 7);
    assert!(seen.windows(2).all(|pair| pair[0] > pair[1]), "{seen:?}");
}

#[test]
fn appraisals_and_violations_are_shown_to_whom_they_are_about_and_who_may_see_staff() {
    let served = Served::of(TestLedger::new());
    let appraised = |month: &str, points: [u64; 4], score: u64, outcome: &str| {
        let names = ["attitude", "skill", "arrival", "promises"];
        let item = |(name, points): (&str, u64)| json!({ "item": name, "weight_bp": 2_500, "points": points, "basis": "12 cards" });
        let items: Vec<Value> = names.into_iter().zip(points).map(item).collect();
        json!({ "type": "appraisal.recorded", "id": format!("appraised-{month}"), "subject": "employee/E-703", "data": {
            "scheme": "technician_month", "period": month, "items": items, "score": score, "outcome": outcome } })
    };
    // 100, 75, 100 and 50 come to 81.25, which counts as 81.
    served.admit("E-701", &appraised("2026-02", [100, 75, 100, 50], 81, "pass"));
    served.admit("E-701", &appraised("2026-01", [25, 25, 50, 50], 37, "rectify"));
    let violated = json!({ "type": "violation.recorded", "subject": "employee/E-103", "data": {
        "kind": "data_leak", "facts": "A price list was sent to a competitor.", "evidence": ["appraised-2026-01"], "unit": "south",
        "sanction": "dismissal", "decided_by": "E-801" } });
    served.admit("E-902", &violated);
    for who in ["E-703", "E-001", "E-902"] {
        let rows = read(&served, who, "appraisals")["items"].as_array().unwrap().clone();
        assert_eq!(rows.len(), 2, "{who}");
        check(
            &rows[1],
            &json!({ "subject": "E-703", "scheme": "technician_month", "period": "2026-02", "score": 81, "outcome": "pass", "by": "E-701" }),
        );
        assert_eq!(
            rows[1]["items"][3],
            json!({ "item": "promises", "weight_bp": 2_500, "points": 50, "basis": "12 cards" })
        );
    }
    let narrowed = |path: &str| read(&served, "E-001", path)["items"].as_array().unwrap().len();
    assert_eq!((narrowed("appraisals?period=2026-01"), narrowed("appraisals?scheme=archivist")), (1, 0));
    assert_eq!((narrowed("appraisals?employee=E-703&limit=1"), narrowed("appraisals?employee=E-101")), (1, 0));
    assert_eq!(read(&served, "E-101", "appraisals")["items"], json!([]));
    let of = |who: &str| read(&served, who, "discipline")["items"].clone();
    check(
        &of("E-902")[0],
        &json!({
            "subject": "E-103", "kind": "data_leak", "violation": "A price list was sent to a competitor.",
            "basis": ["appraised-2026-01"], "unit": "south", "sanction": "dismissal", "decided_by": "E-801", "by": "E-902",
        }),
    );
    assert_eq!((of("E-103").as_array().unwrap().len(), of("E-101")), (1, json!([])));
    assert_eq!(narrowed("discipline?kind=data_loss"), 0);
    // What is put right or voided counts so.
    let right = json!({ "type": "record.corrected", "data": { "target_event": "appraised-2026-01",
        "changes": [{ "path": "/outcome", "new": "pass" }], "reason": "the wrong line was ticked" } });
    served.admit("E-701", &right);
    assert_eq!(read(&served, "E-001", "appraisals?period=2026-01")["items"][0]["outcome"], "pass");
    let void = json!({ "type": "record.voided", "data": { "target_event": "appraised-2026-02", "reason": "it was somebody else" } });
    served.admit("E-701", &void);
    assert_eq!(narrowed("appraisals"), 1);
    served.admit(
        "E-701",
        &appraised("2026-02", [100, 100, 100, 100], 100, "reward")
            .as_object_mut()
            .map(|event| {
                event.insert("id".into(), json!("appraised-again"));
                json!(event)
            })
            .unwrap(),
    );
}
