//! The acceptance scenarios through the HTTP API, the clock under the test's control.

use std::time::Duration;

use dossier::ledger::backup::{Reach, back_up};
use dossier::ledger::restore::{Standing, restore};
use dossier::ledger::{Asked, Home, verify_data};
use serde_json::{Value, json};

use crate::support::http::{Client, Served};
use crate::support::{Directory, TestLedger};

fn registration(id: &str, name: &str) -> Value {
    json!({ "type": "customer.registered", "data": {
        "customer_id": id, "name": name, "party": "end_user", "direct": true, "region": "north", "source": "visit",
        "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": "E-101", "address": "1 Station Road", "phone": "0531 8000 0001",
        "registration_no": format!("91X00000000000{id}"),
    } })
}

fn sale(customer: &str, day: &str, yuan: i64, kind: &str) -> Value {
    json!({ "type": "sale.recorded", "latereason": "taken over", "data": {
        "customer_id": customer, "invoice_name": "Invoice", "kind": kind, "product": "Relay", "product_category": "Relays",
        "region": "north", "amount": yuan * 100, "sold_on": day,
    } })
}

fn contact(served: &Served, customer: &str, who: &str) -> Value {
    use dossier::clock::Clock as _;
    json!({ "type": "contact.recorded", "subject": format!("contact/{customer}"), "data": {
        "direction": "outbound", "channel": "phone", "at": served.test.clock.now().to_string(), "our_people": [who],
        "purpose": "care_bond", "summary": "Paid the second instalment as agreed.", "major": false, "class": "C2",
    } })
}

fn proposal(customer: &str, id: &str, from: Option<&str>, to: &str, evidence: &str) -> Value {
    let mut data = json!({
        "customer_id": customer, "proposal_id": id, "to": to, "trigger": "change", "evidence": [evidence],
        "reason": "two instalments paid before they were due",
    });
    if let Some(from) = from {
        data["from"] = json!(from);
    }
    json!({ "type": "credit_grade.proposed", "data": data })
}

/// What the clock of the ledger shows.
fn now(served: &Served) -> dossier::clock::Timestamp {
    served.test.clock_now()
}

fn refusal(status: u16, code: &str, rule: &str) -> (u16, String, String) {
    (status, code.into(), rule.into())
}

/// Gives a customer of the north the grade B, by E-101 and E-301.
fn graded(served: &Served, customer: &str) -> String {
    let evidence = served.admit("E-101", &contact(served, customer, "E-101"))["id"].as_str().unwrap().to_owned();
    served.admit("E-101", &proposal(customer, &format!("{customer}-first"), None, "B", &evidence));
    served.admit(
        "E-301",
        &json!({ "type": "credit_grade.approved", "data": { "proposal_id": format!("{customer}-first"), "to": "B" } }),
    );
    evidence
}

#[test]
fn sc_01_an_archive_is_opened_once() {
    let served = Served::of(TestLedger::at("2026-02-27T10:00:00+08:00"));
    served.test.clock.advance_to("2026-03-02T15:00:00+08:00".parse().unwrap());
    let mut phoned = registration("C-02", "Heyuan Alloy Works");
    phoned["data"]["first_contact_at"] = json!("2026-03-02T10:00:00+08:00");
    let opened = served.admit("E-101", &phoned);
    let late = || served.get("E-901", "/v1/views/overdue?duty=OB-01").json()["items"].clone();
    assert_eq!(late(), json!([]));
    for (who, step) in [("E-201", 1), ("E-301", 2), ("E-801", 3)] {
        let signature = json!({ "type": "signoff.recorded", "data": {
            "subject_event": opened["id"], "step": step, "purpose": "approve", "decision": "approved" } });
        served.admit(who, &signature);
    }
    let archive = served.get("E-101", "/v1/customers/C-02").json();
    let missing = archive["completeness"]["missing"].as_array().unwrap();
    assert!(missing.contains(&json!("registered_capital")), "{missing:?}");
    let card = served.get("E-101", "/v1/views/card?subject=C-02").json();
    assert_eq!(card["purchase_count"], 0);
    for (dimension, value) in [("nature", "steel_plant"), ("weight", "general")] {
        served.admit(
            "E-101",
            &json!({ "type": "customer.classified", "subject": "customer/C-02",
            "data": { "dimension": dimension, "value": value, "basis": "seen on the first visit" } }),
        );
    }
    let bank = json!({ "type": "customer.registered", "data": {
        "customer_id": "C-03", "name": "Anping Bank", "party": "professional_service", "direct": false, "region": "north",
        "source": "other", "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": "E-101",
    } });
    served.admit("E-101", &bank);
    let before = served.test.version("customer/C-02");
    let mut twin = registration("C-09", "Ｈeyuan  ALLOY works");
    twin["data"]["registration_no"] = json!("91X000000000000099");
    twin["data"]["owner"] = json!("E-102");
    let answer = served.post("E-102", &twin);
    assert_eq!(answer.problem(), refusal(409, "E_CONFLICT", "R-031"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("C-02"));
    assert_eq!(served.test.version("customer/C-02"), before);
    // Nor under another name, where the registration number is the same.
    let mut renamed = registration("C-09", "Heyuan Metals");
    renamed["data"]["registration_no"] = json!("91X00000000000C-02");
    renamed["data"]["owner"] = json!("E-102");
    let answer = served.post("E-102", &renamed);
    assert_eq!(answer.problem(), refusal(409, "E_CONFLICT", "R-031"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("C-02"), "{}", answer.text());
    assert_eq!(served.test.version("customer/C-02"), before);
    let listed = served.get("E-501", "/v1/customers?limit=10").json();
    let rows = listed["items"].as_array().unwrap();
    assert_eq!(rows.iter().map(|row| &row["customer_id"]).collect::<Vec<_>>(), ["C-02", "C-03"]);
    assert!(rows.iter().all(|row| row.get("code").is_none_or(Value::is_null)), "no code is shown");
    assert_eq!(rows[1]["party"], "professional_service");
    let special = served.get("E-101", "/v1/views/special").json();
    let special: Vec<_> =
        special["items"].as_array().unwrap().iter().map(|row| (&row["customer_id"], &row["name"])).collect();
    assert_eq!(special, [(&json!("C-03"), &json!("Anping Bank"))], "of those who serve us, and nobody else");

    served.admit("E-101", &registration("C-08", "Another Name"));
    served.admit(
        "E-501",
        &json!({ "type": "customer.marked_duplicate", "subject": "customer/C-08",
        "data": { "duplicate_of": "C-02", "reason": "the same works under its old name" } }),
    );
    // Both histories remain: registered and marked; registered, signed by three and classified twice.
    for (id, entries) in [("C-08", 2), ("C-02", 6)] {
        let history = served.get("E-901", &format!("/v1/customers/{id}/timeline")).json();
        assert_eq!(history["items"].as_array().unwrap().len(), entries, "{id}");
    }

    // Whoever opens an archive more than a day after the first contact is reported; who did so within it is not.
    assert_eq!(late(), json!([]));
    let mut forgotten = registration("C-10", "Linhai Pumps");
    forgotten["data"]["first_contact_at"] = json!("2026-03-01T09:00:00+08:00");
    served.admit("E-101", &forgotten);
    let late = late();
    assert_eq!(
        (late.as_array().unwrap().len(), &late[0]["subject"], &late[0]["state"]),
        (1, &json!("C-10"), &json!("met_late"))
    );
}

#[test]
fn sc_02_customer_forms_are_computed_from_sales() {
    let served = Served::new();
    served.admit("E-101", &registration("C-02", "Heyuan Alloy Works"));
    served.admit("E-101", &registration("C-04", "Tongting Paper"));
    let first = served.admit("E-401", &sale("C-02", "2026-01-05", 300_000, "sale"));
    served.admit("E-401", &sale("C-02", "2026-02-10", 200_000, "sale"));
    served.admit("E-401", &sale("C-02", "2025-12-20", 10_000, "sample"));
    let mut back = sale("C-02", "2026-02-20", 50_000, "return");
    back["data"]["returns"] = json!(first["subject"].as_str().unwrap().split('/').nth(1).unwrap());
    served.admit("E-401", &back);
    served.admit("E-401", &sale("C-04", "2026-02-01", 450_000, "sale"));
    let card = served.get("E-101", "/v1/views/card?subject=C-02").json();
    assert_eq!(card["first_purchase_on"], "2026-01-05");
    assert_eq!(card["purchase_count"], 2);
    assert_eq!(card["cumulative_amount"], 45_000_000);
    let stats = served.get("E-301", "/v1/views/stats?year=2026").json();
    assert_eq!(stats["total"]["customer_count"], 2);
    assert_eq!(stats["total"]["sales"], 90_000_000);
    assert_eq!(stats["total"]["average_per_customer"], 45_000_000);
    let top: Vec<&str> =
        stats["total"]["top3"].as_array().unwrap().iter().map(|row| row["customer_id"].as_str().unwrap()).collect();
    assert_eq!(top, ["C-02", "C-04"]);
    let rows = stats["items"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["product"], &rows[0]["region"]), (1, &json!("Relay"), &json!("north")));
    let composed = served.get("E-901", "/v1/views/composition?by=product&year=2026").json();
    assert_eq!((&composed["items"][0]["share_bp"], composed["items"].as_array().unwrap().len()), (&json!(10_000), 1));
    let typed = json!({ "type": "customer.profile_updated", "subject": "customer/C-02", "data": {
        "section": "basic", "changes": { "purchase_count": 7 }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false } });
    assert_eq!(served.refuse("E-101", &typed), refusal(422, "E_RULE", "R-042"));
    // More than was sold cannot come back.
    back["data"]["amount"] = json!(26_000_000);
    assert_eq!(served.refuse("E-401", &back).0, 422);
}

#[test]
fn sc_03_a_key_customers_grade_changes_along_its_whole_chain_and_is_traced() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let evidence = graded(&served, "C-01");
    served.admit(
        "E-101",
        &json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "main", "basis": "a third of the region's sales" } }),
    );
    // The evidence is two payments.
    let paid = ["2026-02-02", "2026-02-16"].map(|day| {
        let payment = json!({ "type": "payment.recorded", "latereason": "taken over", "data": {
            "customer_id": "C-01", "amount": 5_000_000, "received_on": day, "method": "transfer" } });
        served.admit("E-401", &payment)["id"].clone()
    });
    let mut change = proposal("C-01", "P-2", Some("B"), "A", &evidence);
    change["data"]["evidence"] = json!(paid);
    let (proposed_at, _) = (now(&served), served.admit("E-101", &change));
    let approval = json!({ "type": "credit_grade.approved",
        "data": { "proposal_id": "P-2", "to": "A", "effective_at": "2026-03-05T00:00:00+08:00" } });
    // The review comes first, and the regional manager does not decide on a key customer.
    assert_eq!(served.refuse("E-402", &approval).1, "E_STATE");
    assert_eq!(served.refuse("E-301", &approval).0, 403);
    let review = json!({ "type": "credit_grade.reviewed", "data": {
        "proposal_id": "P-2", "step": 1, "verdict": "endorse", "opinion": "agreed: the customer pays early" } });
    assert_eq!(served.refuse("E-302", &review).0, 403);
    let (reviewed_at, _) = (now(&served), served.admit("E-301", &review));
    assert_eq!(served.refuse("E-401", &approval).0, 403, "accounting, but not its head");
    let (approved_at, _) = (now(&served), served.admit("E-402", &approval));

    served.test.ledger.settle();
    let grade = || served.get("E-901", "/v1/views/grades?subject=C-01").json()["items"][0]["credit_grade"].clone();
    served.test.clock.advance_to("2026-03-04T23:59:00+08:00".parse().unwrap());
    assert_eq!(grade(), "B");
    served.test.clock.advance_to("2026-03-05T00:00:00+08:00".parse().unwrap());
    assert_eq!(grade(), "A");
    let trace = served.get("E-901", "/v1/customers/C-01/grades").json();
    let lines: Vec<&Value> =
        trace["items"].as_array().unwrap().iter().filter(|line| line["proposal"] == "P-2").collect();
    assert_eq!(
        lines.iter().map(|line| line["step"].as_str().unwrap()).collect::<Vec<_>>(),
        ["proposed", "reviewed", "approved"]
    );
    let who = |line: &Value| (line["actor"].clone(), line["actor_role"].clone());
    assert_eq!(who(lines[0]), (json!("E-101"), json!("salesperson")));
    assert_eq!(who(lines[1]), (json!("E-301"), json!("regional_gm")));
    assert_eq!(who(lines[2]), (json!("E-402"), json!("accounting")));
    // The door's own clock was two seconds on when the proposal came in.
    for (line, asked) in lines.iter().zip([proposed_at, reviewed_at, approved_at]) {
        assert_eq!(line["at"], json!(asked.plus(Duration::from_secs(2))), "{line}");
    }
    assert_eq!(lines[0]["evidence"], json!(paid), "the two payments");
    for (at, id) in lines[0]["evidence_at"].as_array().unwrap().iter().zip(&paid) {
        assert_eq!(&served.get("E-901", &format!("/v1/entries/{at}")).json()["entry"]["id"], id, "to be followed");
    }
    assert!(lines.iter().all(|line| line["suggested"].is_null()), "of credit nothing is computed");
    assert_eq!(lines[1]["reason"], "agreed: the customer pays early");
    assert_eq!(lines[0]["reason"], "two instalments paid before they were due");
    assert_eq!(lines[2]["effective_at"], "2026-03-04T16:00:00.000000Z");
    let checkpoint = &trace["checkpoint"];
    let root = dossier::proof::merkle::decode_hash(checkpoint["root"].as_str().unwrap()).unwrap();
    for line in &lines {
        assert_eq!((line["from"].as_str(), line["to"].as_str()), (Some("B"), Some("A")));
        assert_eq!(line["policy_version"], 1);
        let index = line["index"].as_u64().unwrap();
        let evidence = served.get("E-901", "/v1/evidence?stream=grade/C-01/credit").json();
        let entry =
            evidence["entries"].as_array().unwrap().iter().find(|entry| entry["index"] == index).unwrap().clone();
        let bytes = entry["entry"].as_str().unwrap().as_bytes();
        assert_eq!(line["hash"], blake3::hash(bytes).to_hex().as_str());
        let leaf = dossier::proof::merkle::leaf_hash(bytes);
        let path: Vec<_> = line["proof"]["path"]
            .as_array()
            .unwrap()
            .iter()
            .map(|hash| dossier::proof::merkle::decode_hash(hash.as_str().unwrap()).unwrap())
            .collect();
        assert!(dossier::proof::merkle::verify_inclusion(
            &leaf,
            index,
            line["proof"]["size"].as_u64().unwrap(),
            &path,
            &root
        ));
    }
    assert_eq!(served.get("E-902", "/v1/views/sod").json()["items"], json!([]));
    // The grade governs the terms: the key customer gets what its new grade allows, by two persons, and no more.
    let terms = |yuan: u64| {
        json!({ "type": "trade_terms.set", "subject": "customer/C-01", "data": {
            "credit_grade": "A", "credit_limit": yuan * 100, "payment_method": "monthly" } })
    };
    assert_eq!(served.refuse("E-401", &terms(6_000_000)), refusal(422, "E_RULE", "R-109"));
    let waiting = served.admit("E-401", &terms(4_000_000));
    let request = waiting["subject"].as_str().unwrap().strip_prefix("approval/").unwrap();
    served.admit("E-402", &json!({ "type": "approval.given", "data": { "request_id": request } }));
    let set = served.get("E-402", "/v1/views/terms?subject=C-01").json()["items"][0].clone();
    assert_eq!((&set["credit_grade"], &set["credit_limit"]), (&json!("A"), &json!(400_000_000)), "{set}");
}

#[test]
fn an_undecided_proposal_lapses_and_grades_are_not_proposed_carelessly() {
    let served = Served::new();
    served.admit("E-101", &registration("C-04", "Tongting Paper"));
    let evidence = graded(&served, "C-04");
    let mut bare = proposal("C-04", "P-1", Some("B"), "A", &evidence);
    bare["data"]["evidence"] = json!([]);
    assert_eq!(served.refuse("E-101", &bare).0, 400);
    assert_eq!(
        served.refuse("E-101", &proposal("C-04", "P-1", Some("D"), "A", &evidence)),
        refusal(409, "E_CONFLICT", "R-103")
    );
    assert_eq!(served.refuse("E-102", &proposal("C-04", "P-1", Some("B"), "A", &evidence)).0, 403);
    assert_eq!(
        served.refuse("E-101", &proposal("C-04", "P-1", Some("B"), "B", &evidence)),
        refusal(422, "E_RULE", "R-103")
    );
    assert_eq!(served.refuse("E-101", &proposal("C-04", "P-1", Some("B"), "A", "no-such-entry")).0, 404);
    served.admit("E-101", &proposal("C-04", "P-1", Some("B"), "A", &evidence));
    served.test.pass(31);
    let trace = served.get("E-901", "/v1/customers/C-04/grades").json();
    let last = trace["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (last["step"].as_str(), last["cause"].as_str(), last["actor"].as_str()),
        (Some("withdrawn"), Some("lapsed"), Some("system"))
    );
    // The chain is free again.
    served.admit("E-101", &proposal("C-04", "P-2", Some("B"), "A", &evidence));
    served.admit(
        "E-301",
        &json!({ "type": "credit_grade.rejected", "data": { "proposal_id": "P-2", "reason": "too early" } }),
    );
}

#[test]
fn sc_08_a_denied_reading_is_entered_and_tells_nothing() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let denied = served.get("E-102", "/v1/customers/C-01/grades");
    assert_eq!(denied.status, 403);
    assert!(!String::from_utf8_lossy(&denied.body).contains("Xingqiao"));
    let log = served.get("E-902", "/v1/customers/C-01/reads").json();
    assert_eq!(log["items"][0]["denied_rule"], "R-052");
    assert_eq!(log["items"][0]["reader"], "E-102");
    // Who may not even see the list learns nothing of what exists.
    assert_eq!(served.get("E-703", "/v1/customers/C-01").status, 404);
    assert_eq!(served.get("E-703", "/v1/customers/C-99").status, 404);
    // Credit needs a purpose.
    let without = served.request("E-301", "GET", "/v1/customers/C-01/grades", &[], b"");
    assert_eq!(without.problem(), refusal(403, "E_FORBIDDEN", "R-059"));
    // Off-site there is no credit.
    let away = served.request(
        "E-301",
        "GET",
        "/v1/customers/C-01/grades",
        &[("Dossier-Purpose", "management"), ("Dossier-Place", "offsite")],
        b"",
    );
    assert_eq!(away.status, 403);
}

#[test]
fn sc_09_the_auditor_sees_who_read_what_and_by_what_right() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
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
    for who in ["E-101", "E-301", "E-102", "E-501"] {
        assert_eq!(served.get(who, "/v1/customers/C-01").status, 200);
    }
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    let seen: Vec<(&str, &str)> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["reader"].as_str().unwrap(), line["authority"].as_str().unwrap()))
        .collect();
    assert_eq!(seen, [("E-501", "duty"), ("E-102", "grant"), ("E-301", "region"), ("E-101", "own")]);
    assert_eq!(log["items"][1]["authority_ref"], "G-7");
    let first = log["items"][3].clone();
    for line in log["items"].as_array().unwrap() {
        for field in ["view", "classes", "purpose", "as_of", "content_hash", "policies"] {
            assert!(!line[field].is_null() && line[field] != json!([]), "{field} of {line}");
        }
    }
    // Its own reading shows from the next opening on (R-061).
    let again = served.get("E-901", "/v1/customers/C-01/reads").json();
    assert_eq!(again["items"][0]["reader"], "E-901");

    // The content regenerated at that position has the hash that was entered.
    let index = first["index"].as_u64().unwrap();
    let entry = served.get("E-901", &format!("/v1/entries/{index}")).json();
    let salt = entry["entry"]["salt"].as_str().unwrap().to_owned();
    let mut regenerated = served.get("E-101", &format!("/v1/customers/C-01?as_of={}", first["as_of"])).json();
    regenerated.as_object_mut().unwrap().remove("position");
    regenerated.sort_all_objects();
    use base64::Engine as _;
    let salt = base64::prelude::BASE64_URL_SAFE_NO_PAD.decode(salt).unwrap();
    let hash = blake3::Hasher::new().update(&salt).update(regenerated.to_string().as_bytes()).finalize();
    assert_eq!(first["content_hash"].as_str().unwrap(), hash.to_hex().as_str());

    // In March they were four, besides the auditor's own and what was asked for just now; what comes in April is asked for in April.
    served.test.pass(30);
    assert_eq!(served.get("E-301", "/v1/customers/C-01").status, 200);
    let readers = |days: &str| {
        let log = served.get("E-901", &format!("/v1/customers/C-01/reads?{days}")).json();
        let readers = log["items"].as_array().unwrap().iter().map(|line| line["reader"].as_str().unwrap().to_owned());
        readers.filter(|reader| reader != "E-901").collect::<Vec<_>>()
    };
    let march = readers("from=2026-03-01&until=2026-03-31");
    assert_eq!(march, ["E-101", "E-501", "E-102", "E-301", "E-101"], "the first of them to look at it again");
    assert_eq!(readers("from=2026-04-01&until=2026-04-30"), ["E-301"]);
    assert_eq!(readers("from=2026-02-01&until=2026-02-28"), [""; 0]);
}

#[test]
fn sc_12_who_still_owns_customers_does_not_leave() {
    let served = Served::new();
    for (id, name) in [("C-01", "Xingqiao Line-17 Metro"), ("C-02", "Heyuan Alloy Works"), ("C-04", "Tongting Paper")] {
        served.admit("E-101", &registration(id, name));
    }
    let status = |status: &str| {
        json!({ "type": "employee.status_changed", "subject": "employee/E-101",
            "data": { "status": status, "effective_on": "2026-03-02", "last_day": "2026-03-31" } })
    };
    served.admit("E-001", &status("on_notice"));
    let early = served.post("E-001", &status("left"));
    assert_eq!(early.problem(), refusal(422, "E_RULE", "R-200"));
    let told = early.json()["detail"].as_str().unwrap().to_owned();
    assert!(["C-01", "C-02", "C-04"].iter().all(|id| told.contains(id)), "{told}");
    for (id, owner) in [("C-02", "E-102"), ("C-04", "E-102"), ("C-01", "E-112")] {
        served.admit(
            "E-201",
            &json!({ "type": "customer.owner_assigned", "subject": format!("customer/{id}"), "data": {
            "owner": owner, "co_contacts": [], "reason": "reassignment", "effective_at": "2026-03-02T10:00:00+08:00" } }),
        );
    }
    served.admit("E-001", &status("left"));
    assert_eq!(served.get("E-101", "/v1/customers/C-02").status, 401);
    assert_eq!(served.get("E-102", "/v1/customers/C-02").json()["owner"], "E-102");
}

#[test]
fn sc_16_one_of_two_wins_and_a_repeat_gets_the_first_answer() {
    let served = Served::new();
    served.admit("E-101", &registration("C-02", "Heyuan Alloy Works"));
    let classified = |value: &str| {
        json!({ "type": "customer.classified", "subject": "customer/C-02",
        "expected": [{ "stream": "customer/C-02", "version": 1 }],
        "data": { "dimension": "time", "value": value, "basis": "as the contract says" } })
    };
    served.admit("E-101", &classified("new"));
    let newer = served.test.ledger.state().size - 1;
    let lost = served.post("E-201", &classified("old"));
    assert_eq!(lost.problem(), refusal(409, "E_CONFLICT", "R-009"));
    assert!(lost.json()["detail"].as_str().unwrap().contains(&format!("entry {newer}")), "{}", lost.text());
    assert_eq!(lost.json()["entry"], newer, "a program finds the newer entry too");
    assert_eq!(served.get("E-901", &format!("/v1/entries/{newer}")).json()["entry"]["type"], "customer.classified");
    let mut again = contact(&served, "C-02", "E-101");
    again["id"] = json!("call-0001");
    let first = served.post("E-101", &again);
    let second = served.post("E-101", &again);
    assert_eq!((first.status, &first.body), (201, &second.body));
    assert_eq!(served.get("E-101", "/v1/customers/C-02").json()["contact_count"], 1, "one entry, told twice");
    again["data"]["summary"] = json!("something else altogether");
    assert_eq!(served.refuse("E-101", &again), refusal(409, "E_CONFLICT", "R-010"));
    again["data"]["our_people"] = json!(["E-102"]);
    assert_eq!(served.refuse("E-102", &again), refusal(409, "E_CONFLICT", "R-010"));
}

#[test]
fn sc_17_an_altered_byte_is_found_and_stops_the_writing() {
    let test = TestLedger::new();
    test.customer("C-01", "Xingqiao Line-17 Metro");
    for _ in 0..20 {
        test.admit("E-101", crate::support::contact("C-01", "E-101", "2026-03-02T09:30:00+08:00".parse().unwrap()));
    }
    test.ledger.settle();
    let victim = test.ledger.state().size - 5;
    // What is shown before, and a backup made before.
    let shown = |test: &TestLedger| {
        let views = [("E-101", "archive", Some("C-01")), ("E-101", "card", Some("C-01")), ("E-901", "list", None)];
        views.map(|(who, view, subject)| test.view(who, view, subject).unwrap().body)
    };
    let before = shown(&test);
    test.ledger.settle();
    let elsewhere = Directory::new();
    let place = elsewhere.path().join("place");
    back_up(&test.home, &place, Reach::Once, &test.clock, &mut |_, _| {}).unwrap();
    let published = test.ledger.checkpoint().1;
    let served = Served::of(test);
    let asked = json!({ "type": "ledger.verified", "data": { "from_position": 0, "to_position": victim + 2 } });
    served.admit("E-901", &asked);
    // Whoever still reads the block behind the writer would find the damage first.
    served.test.ledger.settle();

    // Flip a byte of the block that holds the victim, on disk.
    let journal = served.test.home.data.join("journal");
    let segment = std::fs::read_dir(&journal)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| std::fs::metadata(path).unwrap().len() > 4096 && !path.ends_with("segments"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    // Behind the blocks there is room, which is nothing yet.
    let flipped = bytes.iter().rposition(|byte| *byte != 0).unwrap() / 2;
    bytes[flipped] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let answer = served.post("E-901", &asked);
    assert_eq!((answer.status, answer.json()["code"].as_str()), (500, Some("E_INTEGRITY")));
    // The first bad entry is named: the first of the block that cannot be read.
    let first_bad = dossier::journal::verify(&journal, 0, |_| {}).unwrap_err();
    let dossier::journal::VerifyError::Damaged(damage) = first_bad else { panic!("{first_bad}") };
    let told = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(told.contains(&format!("entry {} ", damage.first_bad_index)), "{told}: {damage:?}");
    // It is alive and not ready: whoever balances load sends nobody here, and whoever restarts what is dead lets it be.
    assert_eq!((served.get("E-101", "/healthz").status, served.get("E-101", "/readyz").status), (200, 500));
    assert_eq!(served.get("E-101", "/readyz").problem(), refusal(500, "E_INTEGRITY", "R-002"));
    assert_ne!(served.post("E-101", &contact(&served, "C-01", "E-101")).status, 201);

    // The byte put back, everything is as it was: verified, and the same views when they are folded anew.
    bytes[flipped] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let mut test = served.into_test();
    test.reopen();
    let intact = |test: &TestLedger| {
        let range = json!({ "from_position": 0, "to_position": victim + 2 });
        test.admit("E-901", crate::support::proposal("ledger.verified", None, range));
        let mut asked = Asked::new(dossier::projection::view("entry").unwrap());
        asked.subject = Some((test.ledger.state().size - 1).to_string());
        asked.purpose = Some(dossier::access::principal::Purpose::parse("audit").unwrap());
        test.ask("E-901", &asked).unwrap().body["entry"]["data"]["result"].clone()
    };
    assert_eq!(intact(&test), "intact");
    test.ledger.rebuild_views(|_| ()).unwrap();
    assert_eq!(shown(&test), before);

    // So it is where the backup is restored.
    let home = Home::beside(&elsewhere.path().join("restored"));
    std::fs::create_dir(&home.keys).unwrap();
    for key in ["signing.key", "master.key"] {
        std::fs::copy(test.home.keys.join(key), home.keys.join(key)).unwrap();
    }
    let restored = restore(&home, &place, Some(&published), &mut |_| {}).unwrap();
    assert_eq!(restored.standing, Standing::Goes);
    assert_eq!(verify_data(&home.data, |_| ()).unwrap().entries, restored.manifest.entries);
    test.let_go();
    test.home = home;
    test.reopen();
    assert_eq!(intact(&test), "intact");
    assert_eq!(shown(&test), before);
}

#[test]
fn sc_34_an_important_and_promising_customer_gets_a_second_contact() {
    let served = Served::new();
    let mut new = registration("C-05", "Linhai Shipyard");
    new["data"]["important_promising"] = json!(true);
    served.admit("E-101", &new);
    let open = || {
        let rows = served.get("E-201", "/v1/views/obligations?subject=E-201").json();
        rows["items"].as_array().unwrap().iter().filter(|row| row["duty"] == "OB-18").count()
    };
    assert_eq!(open(), 1);
    served.admit(
        "E-001",
        &json!({ "type": "employee.status_changed", "subject": "employee/E-112",
        "data": { "status": "suspended", "effective_on": "2026-03-02" } }),
    );
    let assigned = |who: &str| {
        json!({ "type": "customer.owner_assigned", "subject": "customer/C-05", "data": {
            "owner": "E-101", "co_contacts": [who], "reason": "second_contact", "effective_at": "2026-03-02T10:00:00+08:00" } })
    };
    assert_eq!(served.refuse("E-201", &assigned("E-112")), refusal(422, "E_RULE", "R-028"));
    assert_eq!(open(), 1);
    served.admit("E-201", &assigned("E-102"));
    assert_eq!(open(), 0);
    // How two of its people stand to us, and what they decide and are concerned about.
    for (id, attitude) in [("P-1", "not_established"), ("P-2", "positive")] {
        let person = json!({ "person_id": id, "customer_id": "C-05", "name": format!("Invented Buyer {id}"), "function": "principal" });
        served.admit("E-101", &json!({ "type": "person.recorded", "data": person }));
        let consent = json!({ "purpose": "relationship_care", "status": "given", "method": "written" });
        served
            .admit("E-101", &json!({ "type": "consent.recorded", "subject": format!("person/{id}"), "data": consent }));
        let relation = json!({
            "our_person": "E-101", "our_title": "sales engineer", "decision_role": "decides", "concerns": "delivery before the flood",
            "attitude": attitude });
        served.admit(
            "E-102",
            &json!({ "type": "relationship.assessed", "subject": format!("person/{id}"), "data": relation }),
        );
    }
    let shown = |who: &str, view: &str| served.get(who, &format!("/v1/views/{view}?subject=C-05&reveal=true"));
    let relations = shown("E-102", "relations").json();
    let attitudes: Vec<_> = relations["items"].as_array().unwrap().iter().map(|row| &row["attitude"]).collect();
    assert_eq!(attitudes, ["not_established", "positive"]);
    let roles = shown("E-102", "decision_roles").json();
    for row in roles["items"].as_array().unwrap() {
        assert_eq!(
            (&row["decision_role"], &row["concerns"]),
            (&json!("decides"), &json!("delivery before the flood")),
            "{row}"
        );
    }
    let outside = shown("E-103", "decision_roles");
    assert!(outside.status >= 403 && !outside.text().contains("flood"), "{}", outside.text());
}

#[test]
fn sc_40_roles_are_given_by_another_and_auditors_audit_only() {
    let served = Served::new();
    let change = |who: &str, role: &str| {
        json!({ "type": "employee.roles_changed", "subject": format!("employee/{who}"),
        "data": { "added": [{ "role": role, "unit": "hq" }], "removed": [], "reason": "asked for by the department" } })
    };
    assert_eq!(served.refuse("E-002", &change("E-901", "salesperson")), refusal(422, "E_RULE", "R-063"));
    // A role is not taken: it waits until the head of the unit approves.
    let waiting = served.admit("E-002", &change("E-701", "hse"));
    assert_eq!(waiting["type"], "approval.requested");
    let request = waiting["subject"].as_str().unwrap().split('/').nth(1).unwrap().to_owned();
    let given = json!({ "type": "approval.given", "data": { "request_id": request } });
    assert_eq!(served.refuse("E-002", &given).0, 403);
    assert_eq!(served.refuse("E-501", &given).0, 403);
    let answer = served.post("E-801", &given).json();
    assert_eq!(answer["entries"][1]["type"], "employee.roles_changed");
    assert_eq!(served.refuse("E-801", &given).0, 409);
    // A file found on a train: somebody else than its reader decides what is done about it, and severely.
    let found = |by: Option<&str>| {
        let mut data =
            json!({ "kind": "public_reading", "facts": "A file was found on a train.", "sanction": "penalty" });
        if let Some(by) = by {
            data["decided_by"] = json!(by);
        }
        json!({ "type": "violation.recorded", "subject": "employee/E-101", "data": data })
    };
    assert_eq!(served.refuse("E-902", &found(None)), refusal(400, "E_SCHEMA", "R-212"));
    assert_eq!(served.refuse("E-902", &found(Some("E-101"))), refusal(403, "E_SOD", "R-025"));
    served.admit("E-902", &found(Some("E-801")));
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    // A technician reads no contract: of a paper one may not know of, one learns nothing.
    let contract = json!({ "type": "document.filed", "data": {
        "document_id": "D-1", "customer_id": "C-01", "kind": "contract_scan", "title": "Supply of relays", "class": "C2" } });
    let filed = served.file("E-501", &contract, "contract.pdf", b"%PDF-1.7 invented contract");
    assert_eq!(filed.status, 201, "{}", filed.text());
    for path in ["/v1/documents/D-1", "/v1/documents/D-1/content", "/v1/views/documents?subject=C-01"] {
        let answer = served.get("E-703", path);
        assert!(matches!(answer.status, 403 | 404) && !answer.text().contains("relays"), "{path}: {}", answer.text());
    }
    // A unit that owns customers is not closed.
    let closed = json!({ "type": "org_unit.defined", "data": { "unit_id": "north", "name": "north", "kind": "region", "status": "closed" } });
    assert_eq!(served.refuse("E-002", &closed).0, 422);
}

#[test]
fn the_yearly_review_of_the_policy_stands_in_its_history() {
    let served = Served::new();
    let data = json!({ "year": 2026, "outcome": "to_revise", "findings": "The limits are too low." });
    let review = json!({ "type": "policy.reviewed", "data": data });
    assert_eq!(served.refuse("E-101", &review).0, 403, "the market director reviews");
    served.admit("E-601", &review);
    assert_eq!(served.refuse("E-601", &review), refusal(409, "E_CONFLICT", "R-015"));
    let history = served.get("E-101", "/v1/views/policy").json();
    let rows: Vec<(&Value, &Value)> =
        history["items"].as_array().unwrap().iter().map(|row| (&row["version"], &row["outcome"])).collect();
    assert_eq!(rows, [(&json!(1), &Value::Null), (&Value::Null, &json!("to_revise"))]);
}

#[test]
fn a_refusal_is_entered_with_its_rule() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let mut alien = contact(&served, "C-01", "E-102");
    alien["data"]["our_people"] = json!(["E-103"]);
    let (status, ..) = served.refuse("E-102", &alien);
    assert!(matches!(status, 403 | 422), "{status}");
    let acts = served.get("E-902", "/v1/streams/acts/E-102").json();
    assert_eq!(acts["items"][0]["type"], "command.refused");
}

#[test]
fn bad_input_gets_a_clear_problem_and_changes_nothing() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let before = served.test.ledger.state().size;
    let status = |body: &[u8]| served.request("E-101", "POST", "/v1/events", &[], body).status;
    assert_eq!(status(b"{"), 400);
    assert_eq!(status(b"\xff\xfe"), 400);
    assert_eq!(status(b"[]"), 400);
    let unknown = served.post("E-101", &json!({ "type": "no.such_type", "data": {} }));
    assert_eq!((unknown.status, &unknown.json()["errors"][0]["pointer"]), (400, &json!("/type")), "{}", unknown.text());
    let batch =
        served.post("E-101", &json!([contact(&served, "C-01", "E-101"), { "type": "no.such_type", "data": {} }]));
    assert_eq!((batch.status, &batch.json()["errors"][0]["pointer"]), (400, &json!("/1/type")), "{}", batch.text());
    assert_eq!(status(br#"{"type":"contact.recorded","subject":"contact/C-77","data":{}}"#), 400);
    assert_eq!(status(&vec![b' '; 3 << 20]), 413);
    let mut nul = contact(&served, "C-01", "E-101");
    nul["data"]["summary"] = json!("a\0b");
    assert_eq!(served.refuse("E-101", &nul).0, 400);
    let mut huge = contact(&served, "C-01", "E-101");
    huge["data"]["promises"] = Value::Array(
        (0..400)
            .map(|n| {
                json!({ "promise_id": format!("P-{n}"), "text": "x".repeat(390),
        "due": "2026-04-01", "responsible": "E-101" })
            })
            .collect(),
    );
    assert_eq!(served.refuse("E-101", &huge), refusal(400, "E_SCHEMA", "R-003"));
    for method in ["PUT", "PATCH", "DELETE"] {
        assert_eq!(
            served.request("E-101", method, "/v1/entries/3", &[], b"").problem(),
            refusal(405, "E_METHOD", "R-001")
        );
    }
    let stranger = Client::connect(served.address()).unwrap().send("GET", "/v1/customers", &[], b"").unwrap();
    assert_eq!(stranger.status, 401);
    assert_eq!(served.test.ledger.state().size, before);
}

#[test]
fn what_is_no_proposal_is_told_whole_in_both_languages() {
    let served = Served::new();
    let before = served.test.ledger.state().size;
    for (body, pointer, english, chinese) in [
        ("", "", "line 1, column 0: is empty", "第1行第0列：内容为空"),
        (r#"{"type":"contact.recorded","#, "", "ends before the JSON is complete", "内容提前结束，JSON不完整"),
        ("{oops}", "", "line 1, column 2: is not JSON from here on", "第1行第2列：自此处起不符合JSON语法"),
        ("7", "", "must be an event", "须为事件"),
        (r#"{"type":"contact.recorded"}"#, "/data", "is required", "必填"),
        (r#"[{"type":"contact.recorded","data":{},"subject":7}]"#, "/0/subject", "must be a text", "须为文本"),
        (r#"{"type":"contact.recorded","data":{},"actor":"E-801"}"#, "/actor", "is no attribute", "不是提案可有的属性"),
    ] {
        for (language, words) in [("en", english), ("zh-CN", chinese)] {
            let answer =
                served.request("E-101", "POST", "/v1/events", &[("Accept-Language", language)], body.as_bytes());
            let told = answer.json();
            assert_eq!((answer.status, told["code"].as_str()), (400, Some("E_SCHEMA")), "{told}");
            assert!(told["detail"].as_str().unwrap().contains(words), "{told}");
            assert_eq!(told["errors"][0]["pointer"].as_str().unwrap_or_default(), pointer, "{told}");
        }
    }
    assert_eq!(served.test.ledger.state().size, before);
}

#[test]
fn a_body_that_does_not_arrive_is_given_up_and_enters_nothing() {
    use std::io::{Read as _, Write as _};
    let served = Served::new();
    let before = served.test.ledger.state().size;
    let mut stream = std::net::TcpStream::connect(served.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let head = format!(
        "POST /v1/events HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\r\n{{\"type\":",
        served.token("E-101")
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Nobody but the service ends this: it waits ten seconds for a body, and so does this test.
    let mut answer = [0; 4096];
    let read = stream.read(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..read]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(served.test.ledger.state().size, before);
}

#[test]
fn a_character_nobody_sees_is_told_with_its_field_in_both_languages() {
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let whole = contact(&served, "C-01", "E-101");
    let changed = |pointer: &str, value: &str| {
        let mut body = whole.clone();
        match body.pointer_mut(pointer) {
            Some(place) => *place = json!(value),
            None => body[&pointer[1..]] = json!(value),
        }
        serde_json::to_vec(&body).unwrap()
    };
    let within = |text: &str, broken: &[u8]| {
        let (before, after) = text.split_once("HERE").unwrap();
        [before.as_bytes(), broken, after.as_bytes()].concat()
    };
    let text = serde_json::to_string(&whole).unwrap().replace("Paid the", "HERE");
    let stream = serde_json::to_string(&whole).unwrap().replace("contact/C-01", "HERE");
    let cases: Vec<(Vec<u8>, &str, &str, &str)> = vec![
        (changed("/subject", "contact/C-01\0"), "/subject", "control character U+0000", "控制字符U+0000"),
        (changed("/id", "entry\u{1b}0001"), "/id", "control character U+001B", "控制字符U+001B"),
        (changed("/correlation", "a\u{7}"), "/correlation", "control character U+0007", "控制字符U+0007"),
        (changed("/correlation", &"a".repeat(81)), "/correlation", "1 to 80 characters", "1至80个字符"),
        (changed("/latereason", "a\u{9}b"), "/latereason", "control character U+0009", "控制字符U+0009"),
        (changed("/latereason", "a\nb"), "/latereason", "on one line", "单行"),
        (changed("/type", "contact\0"), "/type", "control character U+0000", "控制字符U+0000"),
        (changed("/data/summary", "a\0b"), "/data/summary", "character 2", "第2个字符"),
        (changed("/data/channel", "phone\u{80}"), "/data/channel", "control character U+0080", "控制字符U+0080"),
        (changed("/subject", "contact C-01"), "/subject", "must be a stream name", "须为对象名"),
        (within(&text, b"\0"), "/data/summary", "control character U+0000 as it is", "直接含有控制字符U+0000"),
        (within(&text, br"\ud83d"), "/data/summary", r"\ud83d, one half", r"不成对的代理码\ud83d"),
        (within(&stream, br"\udc00"), "/subject", r"\udc00, one half", r"不成对的代理码\udc00"),
        (within(&text, b"\xe5\xae"), "/data/summary", "is not UTF-8", "不是UTF-8"),
        (within(&stream, b"\xff"), "/subject", "is not UTF-8", "不是UTF-8"),
    ];
    let before = served.test.ledger.state().size;
    for (body, pointer, english, chinese) in cases {
        for (language, words) in [("en", english), ("zh-CN", chinese)] {
            let answer = served.request("E-101", "POST", "/v1/events", &[("Accept-Language", language)], &body);
            let told = answer.json();
            let (detail, error) = (told["detail"].as_str().unwrap(), &told["errors"][0]);
            assert_eq!((answer.status, told["code"].as_str()), (400, Some("E_SCHEMA")), "{told}");
            assert_eq!(error["pointer"], pointer, "{told}");
            assert!(error["detail"].as_str().unwrap().contains(words), "{told}");
            assert!(detail.starts_with(pointer) && detail.contains(words), "{told}");
        }
    }
    let mut batch = whole.clone();
    batch["subject"] = json!("contact/C-01\0");
    let told = served.post("E-101", &json!([whole, batch])).json();
    assert_eq!(told["errors"][0]["pointer"], "/1/subject", "{told}");
    assert_eq!(served.test.ledger.state().size, before);
}

#[test]
fn the_clock_going_wrong_stops_everything_until_an_operator_accepts_it() {
    use dossier::clock::Clock as _;
    let served = Served::new();
    served.admit("E-101", &registration("C-01", "Xingqiao Line-17 Metro"));
    let leapt = served.test.clock.now().plus(Duration::from_secs(7200));
    served.test.clock.leap_to(leapt);
    let call = contact(&served, "C-01", "E-101");
    assert_eq!(served.refuse("E-101", &call).1, "E_STATE");
    assert_ne!(served.get("E-101", "/v1/customers/C-01").status, 200);
    served
        .admit("E-002", &json!({ "type": "clock.accepted", "data": { "reason": "the time server was wrong before" } }));
    served.admit("E-101", &call);
}
