//! The views of the work with customers and of how their archives stand, each against an example computed by hand.

use std::time::Duration;

use dossier::clock::Clock as _;
use serde_json::{Value, json};

use crate::support::TestLedger;
use crate::support::http::Served;
use crate::views::{check, company, contact, read, sale};

fn rows(body: &Value) -> Vec<Value> {
    body["items"].as_array().unwrap().clone()
}

fn on_customer(kind: &str, customer: &str, data: Value) -> Value {
    json!({ "type": kind, "subject": format!("customer/{customer}"), "data": data })
}

/// A sale to a customer of its region.
fn sold(id: &str, customer: &str, day: &str, yuan: i64, profit: Option<i64>) -> Value {
    let mut sale = sale(id, "sale", "Relay", day, yuan);
    sale["data"]["customer_id"] = json!(customer);
    if let Some(profit) = profit {
        sale["data"]["profit"] = json!(profit * 100);
    }
    sale
}

#[test]
fn the_log_shows_every_visit_and_which_was_logged_late() {
    let served = company();
    let visit = |id: &str, at: &str, more: Value| {
        let mut data = json!({ "channel": "visit", "at": at });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut event = contact(data);
        event["id"] = json!(id);
        event["latereason"] = json!("no signal on the road");
        event
    };
    served.admit("E-101", &contact(json!({})));
    let missed = json!({ "goal_reached": "no", "cause_and_improvement": "The buyer was away: ask before.", "reported_to": "E-201" });
    served.admit("E-101", &visit("visit-01", "2026-02-27T15:00:00+08:00", missed));
    served.admit("E-101", &visit("visit-02", "2026-03-02T09:00:00+08:00", json!({})));
    let log = rows(&read(&served, "E-101", "visits?subject=C-01"));
    assert_eq!(log.len(), 2, "a call is no visit");
    check(
        &log[0],
        &json!({ "at": "2026-03-02T01:00:00.000000Z", "our_people": ["E-101"], "purpose": "care_bond",
            "summary": "Talked about spare parts.", "late": false, "reported_to": null, "recorded_by": "E-101" }),
    );
    check(
        &log[1],
        &json!({ "late": true, "goal_reached": "no", "cause_and_improvement": "The buyer was away: ask before.",
            "reported_to": "E-201" }),
    );
    let in_march = rows(&read(&served, "E-101", "visits?subject=C-01&from=2026-03-01&until=2026-03-31"));
    assert_eq!(in_march.len(), 1);
}

#[test]
fn a_customers_business_is_added_up_over_the_days_asked_for() {
    let served = company();
    served.admit("E-401", &sold("S-1", "C-01", "2025-12-31", 700, None));
    served.admit("E-401", &sold("S-2", "C-01", "2026-01-05", 3_000, None));
    served.admit("E-401", &sale("S-3", "sample", "Relay", "2026-01-06", 90));
    let mut back = sale("S-4", "return", "Relay", "2026-02-20", 500);
    back["data"]["returns"] = json!("S-2");
    served.admit("E-401", &back);
    let paid = json!({ "customer_id": "C-01", "amount": 120_000, "received_on": "2026-03-01", "method": "transfer" });
    served.admit("E-401", &json!({ "type": "payment.recorded", "data": paid }));
    served.admit("E-101", &contact(json!({ "channel": "visit", "reported_to": "E-201" })));
    let mut call = contact(json!({ "at": "2026-03-02T09:45:00+08:00" }));
    call["id"] = json!("contact-02");
    served.admit("E-101", &call);
    let report =
        |query: &str| rows(&read(&served, "E-101", &format!("business_report?subject=C-01{query}")))[0].clone();
    check(
        &report(""),
        &json!({ "customer": "Heyuan Alloy Works", "from": "2026-01-01", "until": "2026-03-02", "visits": 1, "contacts": 2,
            "sales": 250_000, "payments": 120_000, "business_grade": null, "credit_grade": null }),
    );
    check(
        &report("&from=2025-12-01&until=2026-01-31"),
        &json!({ "visits": 0, "contacts": 0, "sales": 370_000, "payments": 0 }),
    );
}

#[test]
fn who_serves_us_is_listed_with_whom_to_talk_to() {
    let served = company();
    let bank = json!({ "customer_id": "C-05", "name": "Invented Savings Bank", "party": "professional_service", "direct": false,
        "business_scope": "bank", "region": "north", "source": "inbound", "first_contact_at": "2026-03-01T10:00:00+08:00",
        "owner": "E-101" });
    served.admit("E-101", &json!({ "type": "customer.registered", "data": bank }));
    let clerk =
        json!({ "customer_id": "C-05", "name": "Invented Clerk", "position": "desk officer", "function": "contact" });
    served.admit("E-101", &json!({ "type": "person.recorded", "data": clerk }));
    let special = rows(&read(&served, "E-101", "special?reveal=true"));
    assert_eq!(special.len(), 1, "neither of the others serves us");
    check(
        &special[0],
        &json!({ "kind": "bank", "customer_id": "C-05", "name": "Invented Savings Bank", "since": "2026-03-01T02:00:00.000000Z" }),
    );
    assert_eq!(special[0]["contact"][0]["name"], "Invented Clerk");
    assert_eq!(rows(&read(&served, "E-302", "special")), Vec::<Value>::new(), "of the south nobody sees it");
}

#[test]
fn classes_stand_beside_the_stage_of_life_and_why_a_customer_was_lost() {
    let served = company();
    served.admit("E-401", &sold("S-1", "C-01", "2025-06-01", 700, None));
    let class = |dimension: &str, value: &str| {
        on_customer(
            "customer.classified",
            "C-01",
            json!({ "dimension": dimension, "value": value, "basis": "as seen there" }),
        )
    };
    served.admit("E-101", &class("weight", "general"));
    served.admit("E-101", &class("nature", "metro"));
    served.admit("E-101", &class("weight", "main"));
    let lost = json!({ "status": "lost", "reason": "buys from a rival", "winback_plan": "offer the new relay" });
    served.admit("E-101", &on_customer("customer.status_changed", "C-01", lost));
    let all = rows(&read(&served, "E-801", "classification"));
    assert_eq!(all.len(), 3, "two dimensions of one, none of the other");
    for (row, dimension, value) in [(&all[0], "nature", "metro"), (&all[1], "weight", "main")] {
        check(
            row,
            &json!({ "customer_id": "C-01", "customer": "Heyuan Alloy Works", "dimension": dimension, "value": value,
                "lifecycle": "lost", "lost_reason": "buys from a rival", "winback": "offer the new relay", "basis": "as seen there" }),
        );
    }
    check(&all[2], &json!({ "customer_id": "C-03", "dimension": null, "lifecycle": "potential", "lost_reason": null }));
    let narrowed = |query: &str| rows(&read(&served, "E-801", &format!("classification?{query}"))).len();
    assert_eq!((narrowed("dimension=weight"), narrowed("value=metro"), narrowed("lifecycle=potential")), (1, 1, 1));
    // Whoever bought since is not lost, and why it once was is not said any more.
    served.admit("E-401", &sold("S-2", "C-01", "2026-03-02", 700, None));
    let row = rows(&read(&served, "E-801", "classification?subject=C-01"))[0].clone();
    check(&row, &json!({ "lost_reason": null, "winback": null }));
    assert_ne!(row["lifecycle"], "lost");
}

fn checked(customer: &str, quarter: &str, findings: Value) -> Value {
    let result = if findings == json!([]) { "confirmed" } else { "incomplete" };
    let mut data = json!({ "kind": "quarterly", "period": quarter, "result": result });
    if findings != json!([]) {
        data["findings"] = findings;
    }
    on_customer("archive.verified", customer, data)
}

#[test]
fn what_checks_found_and_what_became_of_it_is_shown_with_their_coverage() {
    let served = company();
    served.admit("E-501", &checked("C-03", "2025Q4", json!([])));
    let finding =
        |item: &str| json!({ "item": item, "action": "ask for it", "due": "2026-03-09", "responsible": "E-101" });
    served.admit(
        "E-501",
        &checked("C-01", "2026Q1", json!([finding("传真"), finding("postcode"), finding("the mood there")])),
    );
    let updated = json!({ "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-03-02T09:30:00+08:00",
        "major": false });
    let entry = served.admit("E-101", &on_customer("customer.profile_updated", "C-01", updated));
    let view = read(&served, "E-801", "checks");
    let all = rows(&view);
    assert_eq!(all.len(), 2);
    check(
        &all[0],
        &json!({ "customer_id": "C-01", "customer": "Heyuan Alloy Works", "quarter": "2026Q1", "kind": "quarterly",
            "verified_by": "E-501", "result": "incomplete" }),
    );
    let findings = all[0]["findings"].as_array().unwrap();
    check(
        &findings[0],
        &json!({ "finding": "传真", "action": "ask for it", "due": "2026-03-09", "responsible": "E-101", "done": entry["index"] }),
    );
    check(&findings[1], &json!({ "finding": "postcode", "done": null }));
    check(&findings[2], &json!({ "finding": "the mood there", "done": null }));
    assert_eq!(view["coverage"], json!({ "quarter": "2026Q1", "customers": 2, "checked": 1, "coverage_bp": 5_000 }));
    let last = read(&served, "E-801", "checks?quarter=2025Q4");
    check(&rows(&last)[0], &json!({ "customer_id": "C-03", "result": "confirmed" }));
    assert_eq!(last["coverage"]["coverage_bp"], 5_000);
    // A region's manager sees the region's, and how many of the region's were checked.
    let south = read(&served, "E-302", "checks?quarter=2025Q4");
    assert_eq!((rows(&south).len(), &south["coverage"]["coverage_bp"]), (1, &json!(10_000)));
}

#[test]
fn the_regions_say_how_many_of_their_archives_were_kept_up() {
    let served = company();
    served.test.customer("C-02", "Second Works");
    served.admit("E-501", &checked("C-01", "2026Q1", json!([])));
    let status = read(&served, "E-801", "registration_status");
    assert_eq!(
        status["items"],
        json!([{ "region": "north", "customers": 2, "updated": 1, "ratio_bp": 5_000 },
            { "region": "south", "customers": 1, "updated": 0, "ratio_bp": 0 }])
    );
    assert_eq!(
        (&status["year"], &status["total"]),
        (&json!(2026), &json!({ "customers": 3, "updated": 1, "ratio_bp": 3_333 }))
    );
    assert_eq!(read(&served, "E-401", "registration_status")["items"], status["items"], "commerce presses by it");
    assert_eq!(read(&served, "E-801", "registration_status?year=2025")["items"][0]["updated"], 0);
    // What lies outside one's region is counted roughly, as everywhere.
    let north = read(&served, "E-301", "registration_status");
    assert_eq!(north["items"][1], json!({ "region": "•••", "customers": "<5" }));
}

#[test]
fn owners_follow_one_another_and_nobody_is_without() {
    let served = company();
    let assign = |owner: &str| json!({ "owner": owner, "co_contacts": ["E-112"], "reason": "reassignment", "effective_at": served.test.clock.now() });
    served.test.clock.advance(Duration::from_secs(60));
    served.admit("E-201", &on_customer("customer.owner_assigned", "C-01", assign("E-102")));
    let view = read(&served, "E-901", "ownership");
    let all = rows(&view);
    assert_eq!((all.len(), &view["unowned"]), (3, &json!([])));
    check(
        &all[0],
        &json!({ "customer_id": "C-01", "customer": "Heyuan Alloy Works", "owner": "E-101", "co_contacts": [], "reason": "initial",
            "until": all[1]["from"] }),
    );
    check(&all[1], &json!({ "owner": "E-102", "co_contacts": ["E-112"], "reason": "reassignment", "until": null }));
    assert_eq!(rows(&read(&served, "E-901", "ownership?employee=E-112")).len(), 1);
    assert_eq!(rows(&read(&served, "E-901", "ownership?subject=C-03")).len(), 1);
    // While the owner is suspended nobody looks after the customer.
    let away = json!({ "status": "suspended", "effective_on": "2026-03-02" });
    served.admit("E-001", &json!({ "type": "employee.status_changed", "subject": "employee/E-102", "data": away }));
    assert_eq!(
        read(&served, "E-901", "ownership")["unowned"],
        json!([{ "customer_id": "C-01", "customer": "Heyuan Alloy Works", "owner": "E-102" }])
    );
    let denied = served.get("E-101", "/v1/views/ownership");
    assert_eq!(denied.status, 403, "a salesperson sees who owned one customer, not all");
}

#[test]
fn the_people_of_an_account_add_up_to_what_they_decide() {
    let served = company();
    for (id, name, power) in [("P-1", "Invented Head", 70), ("P-2", "Invented Buyer", 40)] {
        let person = json!({ "person_id": id, "customer_id": "C-01", "name": name, "position": "of the works", "mobile": "13800000001",
            "function": "contact" });
        served.admit("E-101", &json!({ "type": "person.recorded", "data": person }));
        let judged = json!({ "our_person": "E-101", "our_title": "salesperson", "decision_role": "decides", "decision_power_percent": power, "attitude": "neutral" });
        served.admit(
            "E-101",
            &json!({ "type": "relationship.assessed", "subject": format!("person/{id}"), "data": judged }),
        );
    }
    let view = served.get("E-101", "/v1/views/related_persons?subject=C-01&reveal=true").json();
    check(
        &rows(&view)[0],
        &json!({ "person_id": "P-1", "name": "Invented Head", "position": "of the works", "mobile": "13800000001",
            "decision_power_percent": 70, "family": null }),
    );
    assert_eq!((&view["power_sum"], &view["sum_above_100"]), (&json!(110), &json!(true)));
}

#[test]
fn the_customers_that_lead_are_ranked_three_ways() {
    let served = Served::of(TestLedger::new());
    for (id, name) in [("C-01", "First Works"), ("C-02", "Second Works"), ("C-04", "Third Works")] {
        served.test.customer(id, name);
    }
    // First: 2 000 after 1 000, profit 100. Second: 3 000 after 3 000, profit 600. Third: 500 after nothing, profit 200.
    for (id, customer, day, yuan, profit) in [
        ("S-1", "C-01", "2025-05-01", 1_000, None),
        ("S-2", "C-02", "2025-05-01", 3_000, None),
        ("S-3", "C-01", "2026-01-05", 2_000, Some(100)),
        ("S-4", "C-02", "2026-01-05", 3_000, Some(600)),
        ("S-5", "C-04", "2026-01-05", 500, Some(200)),
    ] {
        served.admit("E-401", &sold(id, customer, day, yuan, profit));
    }
    let view = read(&served, "E-801", "key_customers");
    let ranked = |by: &str, figure: &str| -> Vec<(Value, Value)> {
        rows(&view).iter().map(|row| (row[by]["customer_id"].clone(), row[by][figure].clone())).collect()
    };
    let expected = |rows: [(&str, Value); 3]| rows.map(|(id, figure)| (json!(id), figure)).to_vec();
    assert_eq!(
        ranked("by_sales", "sales"),
        expected([("C-02", json!(300_000)), ("C-01", json!(200_000)), ("C-04", json!(50_000))])
    );
    assert_eq!(
        ranked("by_growth", "growth_bp"),
        expected([("C-01", json!(10_000)), ("C-02", json!(0)), ("C-04", json!("n/a"))])
    );
    assert_eq!(
        ranked("by_margin", "margin_bp"),
        expected([("C-04", json!(4_000)), ("C-02", json!(2_000)), ("C-01", json!(500))])
    );
    assert_eq!((&view["year"], &rows(&view)[0]["rank"]), (&json!(2026), &json!(1)));
    let policy = json!({ "unit": "hq", "presets": {}, "parameters": { "p.ka.top_n": 2 }, "effective_at": "2026-03-03T00:00:00+08:00",
        "reason": "a shorter table" });
    served.admit("E-601", &json!({ "type": "policy.adopted", "id": "shorter-table", "data": policy }));
    served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": "shorter-table" } }));
    served.test.clock.advance(Duration::from_secs(86_400));
    assert_eq!(rows(&read(&served, "E-801", "key_customers")).len(), 2);
}

#[test]
fn a_sum_is_entered_with_the_right_it_rests_on_and_whom_it_names() {
    let served = company();
    served.admit("E-401", &sold("S-1", "C-01", "2026-01-05", 3_000, None));
    let stats = read(&served, "E-101", "stats");
    assert_eq!(stats["total"]["top3"], json!([{ "customer_id": "C-01", "amount": 300_000 }]));
    read(&served, "E-301", "composition?by=region");
    let last = |who: &str| rows(&read(&served, "E-901", &format!("access_log?subject=employee/{who}")))[0].clone();
    check(&last("E-101"), &json!({ "view": "stats", "authority": "own", "targets": ["C-01"], "classes": ["C2"] }));
    check(&last("E-301"), &json!({ "view": "composition", "authority": "region", "targets": [] }));
    for who in ["E-101", "E-301"] {
        assert!(!last(who)["policies"].as_array().unwrap().is_empty(), "{who}");
    }
    let reads = rows(&served.get("E-901", "/v1/customers/C-01/reads").json());
    assert!(reads.iter().any(|line| line["view"] == "stats" && line["reader"] == "E-101"), "{reads:?}");
    // What is taken out needs a grant that says so; without one it is refused, and not empty.
    for who in ["E-801", "E-301"] {
        let taken = served.get(who, "/v1/views/stats?format=csv");
        assert_eq!((taken.status, taken.problem().2.as_str()), (403, "R-055"), "{who}: {}", taken.text());
    }
}
