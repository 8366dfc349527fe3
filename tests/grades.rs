//! Grades, credit and trade through the HTTP API: a business grade's life, terms, quarterly reviews, payments, compositions.

use serde_json::{Value, json};

use crate::pages::Browser;
use crate::support::http::Served;
use crate::support::{TestLedger, principal};

fn registration(id: &str, region: &str, owner: &str) -> Value {
    json!({ "type": "customer.registered", "data": {
        "customer_id": id, "name": format!("Works {id}"), "party": "end_user", "direct": true, "region": region, "source": "visit",
        "first_contact_at": "2026-03-02T09:00:00+08:00", "owner": owner, "industry": "Rail",
    } })
}

fn sale(id: &str, customer: &str, day: &str, yuan: i64) -> Value {
    json!({ "type": "sale.recorded", "latereason": "taken over", "data": {
        "sale_id": id, "customer_id": customer, "invoice_name": "Invoice", "kind": "sale", "product": "Relay R1",
        "product_category": "Relays", "region": "north", "amount": yuan * 100, "sold_on": day,
    } })
}

fn with(mut event: Value, fields: Value) -> Value {
    let data = event["data"].as_object_mut().unwrap();
    for (name, value) in fields.as_object().unwrap() {
        data.insert(name.clone(), value.clone());
    }
    event
}

fn payment(id: &str, day: &str, yuan: i64) -> Value {
    json!({ "type": "payment.recorded", "latereason": "taken over", "data": {
        "payment_id": id, "customer_id": "C-01", "amount": yuan * 100, "received_on": day, "method": "transfer",
    } })
}

fn proposed(kind: &str, customer: &str, id: &str, from: Option<&str>, to: &str, evidence: &str) -> Value {
    let mut data = json!({
        "customer_id": customer, "proposal_id": id, "to": to, "trigger": "change", "evidence": [evidence],
        "reason": "bought and paid as the year before",
    });
    if let Some(from) = from {
        data["from"] = json!(from);
    }
    json!({ "type": format!("{kind}_grade.proposed"), "data": data })
}

fn step(kind: &str, step: &str, id: &str, more: Value) -> Value {
    with(json!({ "type": format!("{kind}_grade.{step}"), "data": { "proposal_id": id } }), more)
}

fn refusal(status: u16, code: &str, rule: &str) -> (u16, String, String) {
    (status, code.into(), rule.into())
}

/// A customer of the north whose sale, the evidence, is entry `evidence`.
fn customer(served: &Served, yuan: i64) -> String {
    served.admit("E-101", &registration("C-01", "north", "E-101"));
    served.admit("E-401", &sale("S-1", "C-01", "2026-01-05", yuan))["id"].as_str().unwrap().to_owned()
}

/// Gives a customer a grade by its owner and the general manager of its region.
fn grade(served: &Served, kind: &str, customer: &str, owner: &str, from: Option<&str>, to: &str, evidence: &str) {
    let id = format!("{customer}-{kind}-{to}");
    served.admit(owner, &proposed(kind, customer, &id, from, to, evidence));
    let decider = if owner == "E-103" { "E-302" } else { "E-301" };
    served.admit(decider, &step(kind, "approved", &id, json!({ "to": to })));
}

fn items(served: &Served, who: &str, path: &str) -> Vec<Value> {
    let answer = served.get(who, path);
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[test]
fn sc_05_a_business_grade_is_refused_returned_rejected_lapses_and_is_approved() {
    let served = Served::new();
    // Sold for 1 200 000 yuan in twelve months: the thresholds suggest B.
    let evidence = customer(&served, 1_200_000);
    let c = with(
        proposed("business", "C-01", "P-0", None, "C", &evidence),
        json!({ "deviation_reason": "the first large order, not yet a habit" }),
    );
    served.admit("E-101", &c);
    served.admit("E-301", &step("business", "approved", "P-0", json!({ "to": "C" })));

    let to = |to: &str| proposed("business", "C-01", "P-1", Some("C"), to, &evidence);
    let bare = with(to("A"), json!({ "evidence": [] }));
    assert_eq!(served.refuse("E-101", &bare), refusal(400, "E_SCHEMA", "R-101"));
    let stale = with(to("A"), json!({ "from": "D" }));
    assert_eq!(served.refuse("E-101", &stale), refusal(409, "E_CONFLICT", "R-103"));
    assert_eq!(served.refuse("E-102", &to("A")).0, 403, "not the owner");
    assert_eq!(served.refuse("E-401", &to("A")).0, 403, "accounting proposes credit alone");
    assert_eq!(served.refuse("E-101", &to("A")), refusal(422, "E_RULE", "R-104"));
    let returned =
        step("business", "reviewed", "P-1", json!({ "step": 1, "verdict": "return", "opinion": "one order more" }));
    served.admit("E-101", &to("B"));
    assert_eq!(served.refuse("E-302", &returned).0, 403, "another region");
    served.admit("E-301", &returned);
    let ended = items(&served, "E-901", "/v1/customers/C-01/grades?dimension=business").pop().unwrap();
    assert_eq!(
        (&ended["step"], &ended["verdict"], &ended["reason"]),
        (&json!("reviewed"), &json!("return"), &json!("one order more")),
        "{ended}"
    );
    assert_eq!(
        served.refuse("E-301", &step("business", "approved", "P-1", json!({ "to": "B" }))),
        refusal(409, "E_STATE", "SM-2"),
        "it has ended"
    );
    let again = |id: &str| proposed("business", "C-01", id, Some("C"), "B", &evidence);
    served.admit("E-101", &again("P-2"));
    let own = step("business", "approved", "P-2", json!({ "to": "B" }));
    assert_eq!(served.refuse("E-101", &own), refusal(403, "E_SOD", "R-025"));
    served.admit("E-301", &step("business", "rejected", "P-2", json!({ "reason": "too early" })));
    let in_force = || items(&served, "E-901", "/v1/views/grades?subject=C-01")[0].clone();
    assert_eq!(in_force()["business_grade"], "C");
    served.admit("E-101", &again("P-3"));
    served.test.pass(31);
    let trace = items(&served, "E-901", "/v1/customers/C-01/grades?dimension=business");
    let last = trace.last().unwrap();
    let shown = |name: &str| last[name].as_str().unwrap_or_default();
    assert_eq!(
        (shown("step"), shown("cause"), shown("actor"), shown("dimension")),
        ("withdrawn", "lapsed", "system", "business")
    );
    served.admit("E-101", &again("P-4"));
    served.admit("E-301", &step("business", "approved", "P-4", json!({ "to": "B" })));
    assert_eq!((&in_force()["business_grade"], in_force().get("credit_grade")), (&json!("B"), None));
    assert_eq!(served.get("E-101", "/v1/customers/C-01").json()["business_grade"], "B");
    served.test.ledger.settle();
    let trace = items(&served, "E-901", "/v1/customers/C-01/grades");
    let first = &trace[0];
    assert_eq!(
        (&first["suggested"], &first["deviation_reason"], &first["seats"]),
        (&json!("B"), &json!("the first large order, not yet a habit"), &json!(["regional"]))
    );
    assert!(trace.iter().any(|line| line["refusal"] == "E_SOD R-025"), "a refused attempt is part of the trace");
    assert!(trace.iter().all(|line| !line["proof"].is_null() || line["index"].as_u64() > first["index"].as_u64()));
    assert!(items(&served, "E-901", "/v1/customers/C-01/grades?dimension=credit").is_empty());
    assert_eq!(served.get("E-901", "/v1/customers/C-01/grades?dimension=weight").status, 400);
    assert_eq!(served.get("E-902", "/v1/views/sod").json()["items"], json!([]));
}

#[test]
fn where_the_region_has_nobody_the_general_manager_decides_on_a_business_grade() {
    let served = Served::new();
    let evidence = customer(&served, 1_200_000);
    served.admit("E-101", &proposed("business", "C-01", "P-1", None, "B", &evidence));
    let approved = step("business", "approved", "P-1", json!({ "to": "B" }));
    assert_eq!(served.refuse("E-801", &approved), refusal(403, "E_FORBIDDEN", "R-102"));
    served.admit(
        "E-001",
        &json!({ "type": "employee.status_changed", "subject": "employee/E-301",
        "data": { "status": "suspended", "effective_on": "2026-03-02" } }),
    );
    served.admit("E-801", &approved);
}

#[test]
fn terms_need_a_grade_its_limit_and_a_second_person() {
    let served = Served::new();
    let evidence = customer(&served, 1_000);
    let terms = |fen: i64| {
        json!({ "type": "trade_terms.set", "subject": "customer/C-01", "data": {
            "credit_grade": "A", "credit_limit": fen, "payment_method": "monthly", "discount_bp": 250 } })
    };
    assert_eq!(served.refuse("E-401", &terms(1)), refusal(409, "E_CONFLICT", "R-109"), "no grade yet");
    grade(&served, "credit", "C-01", "E-101", None, "A", &evidence);
    assert_eq!(served.refuse("E-401", &terms(600_000_000)), refusal(422, "E_RULE", "R-109"));
    assert_eq!(served.refuse("E-101", &terms(1)).0, 403);
    let own = with(terms(1), json!({ "approved_by": "E-401" }));
    assert_eq!(served.refuse("E-401", &own), refusal(403, "E_SOD", "R-025"));

    let waits = served.admit("E-401", &terms(400_000_000));
    assert_eq!(waits["type"], "approval.requested");
    let request = waits["subject"].as_str().unwrap().strip_prefix("approval/").unwrap().to_owned();
    let shown = served.get("E-402", "/v1/views/terms?subject=C-01").json();
    assert_eq!((&shown["items"], &shown["waiting"][0]["credit_limit"]), (&json!([]), &json!(400_000_000)));
    // What waits is as confidential as what it will be: who administers staff reads of it that it waits.
    let staff = served.get("E-001", &format!("/v1/streams/approval/{request}"));
    assert!(staff.status == 200 && !staff.text().contains("400000000"), "{}", staff.text());
    assert!(served.get("E-402", "/v1/customers/C-01/timeline").text().contains("400000000"));
    let consent = json!({ "type": "approval.given", "data": { "request_id": request } });
    assert_eq!(served.refuse("E-401", &consent).0, 403);
    assert_eq!(served.refuse("E-801", &consent).0, 403);
    served.admit("E-402", &consent);

    let row = || items(&served, "E-402", "/v1/views/terms")[0].clone();
    let set = row();
    assert_eq!(
        (&set["credit_limit"], &set["approved_by"], &set["needs_reset"], &set["discount_bp"]),
        (&json!(400_000_000), &json!("E-402"), &json!(false), &json!(250))
    );
    let archive = served.get("E-101", "/v1/customers/C-01").json();
    assert_eq!((&archive["credit_grade"], &archive["credit_limit"]), (&json!("A"), &json!(400_000_000)));
    // The terms stand in the trace at the grade they rest on.
    let trace = items(&served, "E-901", "/v1/customers/C-01/grades");
    let approved = trace.iter().find(|line| line["step"] == "approved").unwrap();
    assert_eq!(approved["terms_after"][0]["credit_limit"], 400_000_000);
    let all = items(&served, "E-901", "/v1/views/grade_audit");
    assert_eq!(all.iter().find(|line| line["step"] == "approved").unwrap()["terms_after"], approved["terms_after"]);
    // Who decides on other terms sees those in force beside them.
    let waits = served.admit("E-401", &terms(300_000_000));
    let waiting = items(&served, "E-402", "/v1/views/approvals")[0].clone();
    assert_eq!(
        (&waiting["before"]["credit_limit"], &waiting["after"]["credit_limit"]),
        (&json!(400_000_000), &json!(300_000_000)),
        "{waiting}"
    );
    let request = waits["subject"].as_str().unwrap().strip_prefix("approval/").unwrap().to_owned();
    let declined = json!({ "type": "approval.declined", "data": { "request_id": request, "reason": "not now" } });
    served.admit("E-402", &declined);
    // A grade that falls leaves them above its limit of 2 000 000 yuan.
    grade(&served, "credit", "C-01", "E-101", Some("A"), "B", &evidence);
    assert_eq!(row()["needs_reset"], true);
    assert_eq!(served.refuse("E-401", &terms(1)), refusal(409, "E_CONFLICT", "R-109"));
    assert_eq!(items(&served, "E-901", "/v1/views/grades?subject=C-01")[0]["credit_limit"], 400_000_000);
}

#[test]
fn a_key_customers_credit_is_reviewed_once_a_quarter_and_what_is_owed_is_shown() {
    let served = Served::new();
    let evidence = customer(&served, 1_000);
    grade(&served, "credit", "C-01", "E-101", None, "A", &evidence);
    let owed = |who: &str| served.get(who, "/v1/views/credit_reviews").json()["owed"].clone();
    assert_eq!(owed("E-402"), json!([]), "an ordinary customer");
    let main = json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "main", "basis": "a third of the region's sales" } });
    served.admit("E-101", &main);
    // 2025Q4 was due on 15 January; today is 2 March: 16 + 28 + 2 days later.
    assert_eq!(
        owed("E-402"),
        json!([{ "customer_id": "C-01", "customer": "Works C-01", "quarter": "2025Q4", "review_due": "2026-01-15", "days_late": 46 }])
    );
    let review = |quarter: &str, finding: &str| {
        json!({ "type": "credit_review.recorded", "subject": "grade/C-01/credit", "data": {
            "quarter": quarter, "grade": "A", "finding": finding, "comparison": "pays a month later than before",
            "overdue_amount": 1_250_000, "collection_rate": 4_100 } })
    };
    assert_eq!(served.refuse("E-101", &review("2025Q4", "unchanged")).0, 403);
    let other = with(review("2025Q4", "unchanged"), json!({ "grade": "B" }));
    assert_eq!(served.refuse("E-401", &other), refusal(409, "E_CONFLICT", "R-108"));
    assert_eq!(served.refuse("E-401", &review("2026Q2", "unchanged")), refusal(422, "E_RULE", "R-108"));
    let made = served.admit("E-401", &review("2025Q4", "propose_change"))["id"].as_str().unwrap().to_owned();
    assert_eq!(served.refuse("E-402", &review("2025Q4", "unchanged")), refusal(409, "E_CONFLICT", "R-108"));
    served.admit("E-401", &review("2025Q3", "unchanged"));
    assert_eq!(owed("E-402"), json!([]), "the next quarter is not over");
    assert_eq!(items(&served, "E-901", "/v1/views/grades?subject=C-01")[0]["review_due"], "2026-04-15");

    let rows = items(&served, "E-402", "/v1/views/credit_reviews");
    let seen: Vec<_> = rows.iter().map(|row| (&row["quarter"], row.get("last_grade"), row.get("follow_up"))).collect();
    assert_eq!(
        seen,
        [(&json!("2025Q4"), Some(&json!("A")), Some(&json!("open"))), (&json!("2025Q3"), None, None)],
        "the quarter before was recorded later"
    );
    assert_eq!((&rows[0]["collection_rate"], &rows[0]["overdue_amount"]), (&json!(4_100), &json!(1_250_000)));
    assert_eq!(items(&served, "E-402", "/v1/views/credit_reviews?quarter=2025Q3").len(), 1);
    let page = served.get("E-402", "/v1/views/credit_reviews?limit=1").json();
    assert_eq!(page["items"][0]["quarter"], "2025Q4");
    let next = page["next"].as_str().unwrap();
    assert_eq!(items(&served, "E-402", &format!("/v1/views/credit_reviews?after={next}"))[0]["quarter"], "2025Q3");
    assert_eq!(served.get("E-402", "/v1/views/credit_reviews?after=x").status, 400);
    // Monday the 9th is the fifth working day after Monday the 2nd.
    let follow_up = || items(&served, "E-402", "/v1/views/credit_reviews?subject=C-01")[0]["follow_up"].clone();
    served.test.pass(7);
    assert_eq!(follow_up(), "open");
    served.test.pass(1);
    assert_eq!(follow_up(), "missing");
    served.admit("E-401", &proposed("credit", "C-01", "P-9", Some("A"), "B", &made));
    assert_eq!(follow_up(), "proposed");
    let trace = items(&served, "E-901", "/v1/customers/C-01/grades");
    let approved = trace.iter().find(|line| line["step"] == "approved").unwrap();
    assert_eq!(approved["reviews"].as_array().map(Vec::len), Some(2));
    assert_eq!(served.get("E-103", "/v1/views/credit_reviews?subject=C-01").status, 403);
}

#[test]
fn what_is_paid_settles_the_oldest_sales_and_shows_at_once() {
    let served = Served::new();
    customer(&served, 300_000);
    served.admit("E-401", &sale("S-2", "C-01", "2026-02-10", 200_000));
    let back = with(sale("S-3", "C-01", "2026-02-20", 50_000), json!({ "kind": "return", "returns": "S-1" }));
    served.admit("E-401", &back);
    served.admit("E-401", &with(sale("S-4", "C-01", "2026-02-21", 10_000), json!({ "kind": "sample" })));
    served.admit("E-401", &with(payment("PA-1", "2026-02-01", 100_000), json!({ "due_on": "2026-01-31" })));
    served.admit("E-401", &with(payment("PA-2", "2026-03-01", 200_000), json!({ "due_on": "2026-03-15" })));
    // Sold 300 000 + 200 000, 50 000 came back, 300 000 paid: S-1 is settled, and 50 000 of S-2, sold 20 days ago.
    let shown = served.get("E-101", "/v1/views/payments?subject=C-01").json();
    assert_eq!(
        shown["total"],
        json!({ "sales": 45_000_000, "paid": 30_000_000, "outstanding": 15_000_000, "prepaid": 0 })
    );
    let open = shown["unsettled"].as_array().unwrap();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (&open[0]["sale_id"], &open[0]["outstanding"], &open[0]["days"]),
        (&json!("S-2"), &json!(15_000_000), &json!(20))
    );
    let late: Vec<_> =
        shown["items"].as_array().unwrap().iter().map(|row| (&row["payment_id"], &row["days_late"])).collect();
    assert_eq!(late, [(&json!("PA-2"), &json!(0)), (&json!("PA-1"), &json!(1))]);
    let trade = served.get("E-101", "/v1/customers/C-01").json()["trade"].clone();
    assert_eq!(
        (&trade["paid_amount"], &trade["balance"], &trade["last_paid_on"]),
        (&json!(30_000_000), &json!(15_000_000), &json!("2026-03-01"))
    );
    served.admit("E-401", &payment("PA-3", "2026-03-02", 200_000));
    let shown = served.get("E-101", "/v1/views/payments?subject=C-01").json();
    assert_eq!((&shown["total"]["prepaid"], &shown["unsettled"]), (&json!(5_000_000), &json!([])));

    assert_eq!(served.refuse("E-401", &payment("PA-3", "2026-03-02", 1)), refusal(409, "E_CONFLICT", "R-010"));
    assert_eq!(served.refuse("E-401", &payment("PA-4", "2026-03-02", 0)).1, "E_SCHEMA");
    assert_eq!(served.refuse("E-401", &payment("PA-4", "2026-03-02", -1)).1, "E_SCHEMA");
    assert_eq!(served.refuse("E-401", &payment("PA-4", "2026-03-02", 1 << 53)).1, "E_SCHEMA");
    assert_eq!(served.refuse("E-101", &payment("PA-4", "2026-03-02", 1)).0, 403);
    let nobody = with(payment("PA-4", "2026-03-02", 1), json!({ "customer_id": "C-99" }));
    assert_eq!(served.refuse("E-401", &nobody).1, "E_REF");
    let contract = with(payment("PA-4", "2026-03-02", 1), json!({ "contract_id": "K-1" }));
    assert_eq!(served.refuse("E-401", &contract).1, "E_REF", "no module keeps contracts");
    let cash = with(payment("PA-4", "2026-03-02", 300), json!({ "method": "onsite_cash", "collected_by": "E-703" }));
    assert_eq!(served.refuse("E-401", &cash), refusal(422, "E_RULE", "R-168"));
    assert_eq!(served.get("E-103", "/v1/views/payments?subject=C-01").status, 403);
    assert_eq!(served.get("E-401", "/v1/streams/payment/PA-1").status, 200);
    assert_eq!(served.get("E-103", "/v1/streams/payment/PA-1").status, 403);
    assert_eq!(served.get("E-401", "/v1/streams/payment/PA-9").status, 404);
    // An archive read back from its stored form, or folded anew, says the same.
    let before = served.get("E-101", "/v1/customers/C-01").json()["trade"].clone();
    served.test.ledger.rebuild_views(|_| {}).unwrap();
    assert_eq!(served.get("E-101", "/v1/customers/C-01").json()["trade"], before);
}

/// Three customers with two years of trade, two of them with grades and one with terms.
///
/// | | 2025 | 2026 |
/// |---|---|---|
/// | C-01, north | relays 300 000 | relays 600 000 (10 pieces, profit 60 000), cables 200 000 (70, 10 000) |
/// | C-02, north | | relays 100 000 (2, 20 000) |
/// | C-03, south | cables 200 000 | cables 100 000 (20, 8 000) |
fn three_customers() -> Served {
    let served = Served::of(TestLedger::new());
    for (id, region, owner) in [("C-01", "north", "E-101"), ("C-02", "north", "E-101"), ("C-03", "south", "E-103")] {
        let opened = served.admit(owner, &registration(id, region, owner))["id"].as_str().unwrap().to_owned();
        // Before anything is sold nobody is a key customer: the region decides on credit, too.
        match id {
            "C-01" => grade(&served, "credit", id, owner, None, "A", &opened),
            "C-02" => grade(&served, "credit", id, owner, None, "B", &opened),
            _ => {}
        }
    }
    let cables = |event: Value| with(event, json!({ "product": "Cable K1", "product_category": "Cables" }));
    let south = |event: Value| with(event, json!({ "region": "south" }));
    let made =
        |event: Value, quantity: i64, profit: i64| with(event, json!({ "quantity": quantity, "profit": profit * 100 }));
    let evidence =
        served.admit("E-401", &sale("S-1", "C-01", "2025-01-15", 300_000))["id"].as_str().unwrap().to_owned();
    for event in [
        south(cables(sale("S-2", "C-03", "2025-01-15", 200_000))),
        made(sale("S-3", "C-01", "2026-01-15", 600_000), 10, 60_000),
        made(cables(sale("S-4", "C-01", "2026-02-15", 200_000)), 70, 10_000),
        made(sale("S-5", "C-02", "2026-02-16", 100_000), 2, 20_000),
        south(made(cables(sale("S-6", "C-03", "2026-02-17", 100_000)), 20, 8_000)),
    ] {
        served.admit("E-401", &event);
    }
    // Of the last twelve months: 800 000 yuan suggest C, 100 000 suggest E.
    grade(&served, "business", "C-01", "E-101", None, "C", &evidence);
    grade(&served, "business", "C-02", "E-101", None, "E", &evidence);
    let terms = json!({ "type": "trade_terms.set", "subject": "customer/C-01", "data": {
        "credit_grade": "A", "credit_limit": 400_000_000, "payment_method": "monthly", "valid_until": "2026-06-30" } });
    let waits =
        served.admit("E-401", &terms)["subject"].as_str().unwrap().strip_prefix("approval/").unwrap().to_owned();
    served.admit("E-402", &json!({ "type": "approval.given", "data": { "request_id": waits } }));
    served
}

/// Class, customers, sales in yuan, share and last share of each row.
fn composed(served: &Served, who: &str, by: &str) -> Vec<(String, Value, i64, Value, Value)> {
    let rows = items(served, who, &format!("/v1/views/composition?year=2026&by={by}"));
    rows.iter()
        .map(|row| {
            (
                row["class"].as_str().unwrap().to_owned(),
                row["customers"].clone(),
                row["sales"].as_i64().unwrap_or_default() / 100,
                row["share_bp"].clone(),
                row["last_share_bp"].clone(),
            )
        })
        .collect()
}

fn row(class: &str, customers: i64, yuan: i64, share: i64, last: i64) -> (String, Value, i64, Value, Value) {
    (class.to_owned(), json!(customers), yuan, json!(share), json!(last))
}

#[test]
fn customers_are_composed_four_ways() {
    let served = three_customers();
    assert_eq!(
        composed(&served, "E-901", "sales"),
        [row("C", 1, 800_000, 8000, 6000), row("E", 1, 100_000, 1000, 0), row("ungraded", 1, 100_000, 1000, 4000)]
    );
    assert_eq!(
        composed(&served, "E-901", "product"),
        [row("Relays", 2, 700_000, 7000, 6000), row("Cables", 2, 300_000, 3000, 4000)]
    );
    assert_eq!(
        composed(&served, "E-901", "region"),
        [row("north", 2, 900_000, 9000, 6000), row("south", 1, 100_000, 1000, 4000)]
    );
    assert_eq!(
        composed(&served, "E-901", "credit"),
        [row("A", 1, 800_000, 8000, 6000), row("B", 1, 100_000, 1000, 0), row("ungraded", 1, 100_000, 1000, 4000)]
    );
    let credit = served.get("E-901", "/v1/views/composition?by=credit").json();
    assert_eq!(
        (&credit["items"][0]["credit_limit"], &credit["total"]["credit_limit"]),
        (&json!(400_000_000), &json!(400_000_000))
    );
    assert_eq!((&credit["year"], &credit["total"]["customers"]), (&json!(2026), &json!(3)), "the year of today");
    // Cables are 90 of 102 pieces. Relays earn 11.4 % where all earn 9.8 %, and grew 2.3-fold where all grew 2-fold.
    let products = items(&served, "E-901", "/v1/views/composition?by=product&year=2026");
    assert_eq!(
        [&products[0]["product_class"], &products[1]["product_class"]],
        [&json!(["profit", "potential"]), &json!(["volume"])]
    );
    // In the year before, nothing was sold in the year before that.
    let before = items(&served, "E-901", "/v1/views/composition?by=region&year=2025");
    assert_eq!((&before[0]["share_bp"], before[0].get("last_share_bp")), (&json!(6000), None));
    for wrong in ["by=colour", "year=then", "quarter=2026Q1"] {
        assert_eq!(served.get("E-901", &format!("/v1/views/composition?{wrong}")).status, 400, "{wrong}");
    }
    // Terms that have ended limit nothing any more.
    served.test.pass(130);
    let later = served.get("E-901", "/v1/views/composition?by=credit").json();
    assert_eq!(later["total"]["credit_limit"], 0);
    let before = served.get("E-901", "/v1/views/composition?by=sales").json();
    served.test.ledger.rebuild_views(|_| {}).unwrap();
    let after = served.get("E-901", "/v1/views/composition?by=sales").json();
    assert_eq!(after["items"], before["items"]);
}

#[test]
fn who_sees_some_customers_is_told_few_of_the_others() {
    let served = three_customers();
    let hidden = || ("•••".to_owned(), json!("<5"), 0, Value::Null, Value::Null);
    // Of the north: relays 700 000 of 900 000 yuan.
    assert_eq!(
        composed(&served, "E-301", "product"),
        [row("Relays", 2, 700_000, 7777, 10_000), row("Cables", 1, 200_000, 2222, 0), hidden()]
    );
    assert_eq!(composed(&served, "E-103", "credit"), [row("ungraded", 1, 100_000, 10_000, 10_000), hidden()]);
    assert_eq!(composed(&served, "E-102", "region"), [hidden()], "nobody's owner");
    for number in 4..8 {
        let id = format!("C-{number:02}");
        served.admit("E-101", &registration(&id, "north", "E-101"));
    }
    let seen = composed(&served, "E-103", "credit");
    assert_eq!(seen.last().map(|row| &row.1), Some(&json!(6)), "so many can be told");
    // Credit is read for a purpose.
    for view in ["composition?by=credit", "composition?by=sales", "grading"] {
        let aimless = served.request("E-301", "GET", &format!("/v1/views/{view}"), &[], b"");
        assert_eq!(aimless.problem().2, "R-059", "{view}");
    }
    assert_eq!(served.request("E-301", "GET", "/v1/views/composition?by=region", &[], b"").status, 200);
    assert_eq!(served.get("E-703", "/v1/views/composition").status, 403, "a technician sees no list");
}

#[test]
fn whoever_answers_for_a_region_sees_its_grades_terms_reviews_and_their_trace() {
    let served = Served::of(TestLedger::new());
    for (id, region, owner) in [("C-01", "north", "E-101"), ("C-03", "south", "E-103")] {
        let opened = served.admit(owner, &registration(id, region, owner))["id"].as_str().unwrap().to_owned();
        grade(&served, "credit", id, owner, None, "B", &opened);
    }
    let customers = |who: &str, view: &str, name: &str| -> Vec<String> {
        let rows = items(&served, who, &format!("/v1/views/{view}"));
        let ids: std::collections::BTreeSet<_> =
            rows.iter().map(|row| row[name].as_str().unwrap().to_owned()).collect();
        ids.into_iter().collect()
    };
    for (view, name) in [("grades", "customer_id"), ("grade_audit", "customer")] {
        for (who, seen) in [("E-901", &["C-01", "C-03"][..]), ("E-301", &["C-01"]), ("E-302", &["C-03"])] {
            assert_eq!(customers(who, view, name), seen, "{view} by {who}");
        }
    }
    // A salesperson sees the grades of customers of their own, and no trace of everybody's.
    assert_eq!(customers("E-103", "grades", "customer_id"), ["C-03"]);
    assert_eq!(served.get("E-103", "/v1/views/grade_audit").status, 403);
    for view in ["terms", "credit_reviews"] {
        assert_eq!(served.get("E-301", &format!("/v1/views/{view}")).status, 200, "{view}");
        assert_eq!(served.get("E-001", &format!("/v1/views/{view}")).status, 403, "{view}");
    }
}

#[test]
fn a_proposal_that_was_put_right_says_so_in_the_trace() {
    let served = Served::new();
    let evidence = customer(&served, 1_000);
    let made = served.admit("E-101", &proposed("credit", "C-01", "P-1", None, "A", &evidence));
    let right = json!({ "type": "record.corrected", "subject": "grade/C-01/credit", "data": {
        "target_event": made["id"], "changes": [{ "path": "/to", "new": "B" }], "reason": "it should have been B" } });
    let corrected = served.admit("E-101", &right);
    served.admit("E-301", &step("credit", "approved", "P-1", json!({ "to": "B" })));
    for path in ["/v1/views/grade_audit?subject=C-01", "/v1/views/grade_audit"] {
        let lines = items(&served, "E-901", path);
        let steps: Vec<&str> = lines.iter().map(|line| line["step"].as_str().unwrap()).collect();
        assert_eq!(steps, ["proposed", "corrected", "approved"], "{path}");
        assert_eq!((&lines[0]["to"], &lines[0]["corrected_by"]), (&json!("B"), &corrected["index"]));
        assert_eq!((&lines[1]["corrects"], &lines[1]["actor"]), (&made["index"], &json!("E-101")));
        assert_eq!(lines[1]["changes"], json!([{ "path": "/to", "new": "B" }]));
        assert_eq!(lines[1]["correction_reason"], "it should have been B");
        assert_eq!(lines[2].get("corrected_by"), None);
    }
    for (language, words) in
        [("en", ["Corrected or voided by", "it should have been B"]), ("zh-CN", ["更正", "it should have been B"])]
    {
        let mut auditor = Browser::signed_in(&served, "E-901", language);
        auditor.purpose = Some("audit");
        let page = auditor.get("/customers/C-01/grades?of=credit").text();
        for told in words {
            assert!(page.contains(told), "{told}: {page}");
        }
    }
    let other = served.admit("E-101", &proposed("business", "C-01", "P-2", None, "E", &evidence));
    let void = json!({ "type": "record.voided", "subject": "grade/C-01/business",
        "data": { "target_event": other["id"], "reason": "of another customer" } });
    served.admit("E-101", &void);
    let lines = items(&served, "E-901", "/v1/views/grade_audit?subject=C-01&dimension=business");
    assert_eq!((&lines[0]["step"], &lines[0]["corrects"]), (&json!("voided"), &other["index"]), "{lines:?}");
}

#[test]
fn the_trace_of_grades_is_narrowed_by_who_when_whither_and_under_which_policy() {
    let served = Served::of(TestLedger::new());
    let mut opened = Vec::new();
    for (id, region, owner) in [("C-01", "north", "E-101"), ("C-03", "south", "E-103")] {
        opened.push(served.admit(owner, &registration(id, region, owner))["id"].as_str().unwrap().to_owned());
    }
    // On 2 March a first grade each, on the 4th one goes up, and on the 6th, under the second policy, it is refused to go down.
    grade(&served, "credit", "C-01", "E-101", None, "B", &opened[0]);
    grade(&served, "credit", "C-03", "E-103", None, "C", &opened[1]);
    served.test.pass(2);
    grade(&served, "credit", "C-01", "E-101", Some("B"), "A", &opened[0]);
    let draft = json!({ "type": "policy.adopted", "data": { "unit": "hq", "presets": {}, "parameters": { "p.backdate.hours": 48 },
        "effective_at": "2026-03-05T00:00:00+08:00", "reason": "visits end late" } });
    let request = served.admit("E-601", &draft)["subject"].as_str().unwrap().replace("approval/", "");
    served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": request } }));
    served.test.pass(2);
    served.admit("E-101", &proposed("credit", "C-01", "P-9", Some("A"), "C", &opened[0]));
    assert_eq!(served.refuse("E-101", &step("credit", "approved", "P-9", json!({ "to": "C" }))).1, "E_SOD");
    served.admit("E-301", &step("credit", "rejected", "P-9", json!({ "reason": "nothing has changed" })));

    let narrowed = |who: &str, filter: &str| -> Vec<(String, String)> {
        let rows = items(&served, who, &format!("/v1/views/grade_audit?{filter}"));
        rows.iter()
            .map(|row| (row["step"].as_str().unwrap().to_owned(), row["to"].as_str().unwrap_or("-").to_owned()))
            .collect()
    };
    let of = |rows: &[(&str, &str)]| -> Vec<(String, String)> {
        rows.iter().map(|(step, to)| ((*step).to_owned(), (*to).to_owned())).collect()
    };
    let last = [("proposed", "C"), ("refused", "-"), ("rejected", "C")];
    assert_eq!(narrowed("E-901", "").len(), 9);
    assert_eq!(narrowed("E-901", "change=up"), of(&[("proposed", "A"), ("approved", "A")]));
    // What is refused names no grade, so it leads nowhere, and neither does a first grade.
    assert_eq!(narrowed("E-901", "change=down"), of(&[last[0], last[2]]));
    assert_eq!(narrowed("E-901", "employee=E-302"), of(&[("approved", "C")]));
    assert_eq!(narrowed("E-901", "employee=E-301&change=up"), of(&[("approved", "A")]));
    assert_eq!(narrowed("E-901", "from=2026-03-04&until=2026-03-04"), of(&[("proposed", "A"), ("approved", "A")]));
    assert_eq!(narrowed("E-901", "from=2026-03-06"), of(&last));
    assert_eq!(narrowed("E-901", "policy_version=2"), of(&last));
    assert_eq!(narrowed("E-901", "policy_version=3"), []);
    assert_eq!(narrowed("E-901", "subject=C-03&dimension=credit").len(), 2);
    assert_eq!(narrowed("E-901", "subject=C-03&change=up"), []);
    // As of the 4th there was neither a second policy nor a way down.
    assert_eq!(narrowed("E-901", "change=down&as_of=2026-03-05T00:00:00%2B08:00"), []);
    // Who answers for the south finds nothing of the north, whatever is asked for.
    for filter in ["change=up", "change=down", "employee=E-301", "policy_version=2", "from=2026-03-04"] {
        assert_eq!(narrowed("E-302", filter), [], "{filter}");
    }
    for (filter, pointer) in [
        ("change=sideways", "/change"),
        ("policy_version=second", "/policy_version"),
        ("from=yesterday", "/from"),
        ("dimension=legal", "/dimension"),
    ] {
        let answer = served.get("E-901", &format!("/v1/views/grade_audit?{filter}"));
        assert_eq!((answer.status, answer.json()["errors"][0]["pointer"].as_str()), (400, Some(pointer)), "{filter}");
    }
}

#[test]
fn the_grading_table_names_what_a_customer_buys_or_does() {
    let served = three_customers();
    let rows = items(&served, "E-901", "/v1/views/grading");
    let seen: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["grade"].as_str().unwrap(),
                row["customer_id"].as_str().unwrap(),
                row.get("product_category"),
                row.get("line_of_business"),
            )
        })
        .collect();
    let (rail, relays) = (json!("Rail"), json!("Relays"));
    assert_eq!(seen, [("C", "C-01", None, Some(&rail)), ("E", "C-02", Some(&relays), None)]);
    let page = served.get("E-901", "/v1/views/grading?limit=1").json();
    assert_eq!(page["next"], "C/C-01");
    assert_eq!(items(&served, "E-901", "/v1/views/grading?after=C/C-01")[0]["customer_id"], "C-02");
    assert_eq!(served.get("E-901", "/v1/views/grading?after=C").status, 400);
    let south = served.get("E-302", "/v1/views/grading").json();
    assert_eq!((&south["items"], &south["hidden"]["customers"]), (&json!([]), &json!("<5")));
    // Whoever was shown is found in the customer's log of readings.
    let log = items(&served, "E-902", "/v1/customers/C-02/reads");
    assert!(log.iter().any(|read| read["view"] == "grading" && read["reader"] == "E-901"), "{log:?}");
}

#[test]
fn grades_terms_and_payments_survive_a_restart() {
    let mut test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let sold = test.admit("E-401", serde_json::from_value(sale("S-1", "C-01", "2026-01-05", 1_200_000)).unwrap());
    let evidence = sold[0].id.to_string();
    let propose = |test: &TestLedger, who: &str, event: Value| test.admit(who, serde_json::from_value(event).unwrap());
    propose(&test, "E-101", proposed("business", "C-01", "P-1", None, "B", &evidence));
    propose(&test, "E-101", proposed("credit", "C-01", "P-2", None, "A", &evidence));
    propose(&test, "E-401", payment("PA-1", "2026-03-01", 5));
    let before = format!("{:?}", test.ledger.state().world);
    test.reopen();
    assert_eq!(format!("{:?}", test.ledger.state().world), before);
    propose(&test, "E-301", step("business", "approved", "P-1", json!({ "to": "B" })));
    let twice = vec![serde_json::from_value(payment("PA-1", "2026-03-02", 5)).unwrap()];
    assert!(test.block_on(test.ledger.submit(&principal("E-401"), twice)).is_err(), "an id is used up for good");
}
