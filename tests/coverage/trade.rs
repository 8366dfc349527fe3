//! Sales, payments, grades and terms.

use serde_json::{Value, json};

use crate::coverage::{Row, Try, given, sale, with};

/// What is tried here.
pub(super) const TYPES: &[Row] = &[
    ("sale.recorded", 2, sale_recorded),
    ("payment.recorded", 1, payment_recorded),
    ("credit_grade.proposed", 5, grade_proposed),
    ("credit_grade.reviewed", 2, grade_reviewed),
    ("credit_grade.approved", 5, grade_approved),
    ("credit_grade.rejected", 2, grade_rejected),
    ("credit_grade.withdrawn", 1, grade_withdrawn),
    ("business_grade.proposed", 5, grade_proposed),
    ("business_grade.reviewed", 2, grade_reviewed),
    ("business_grade.approved", 5, grade_approved),
    ("business_grade.rejected", 2, grade_rejected),
    ("business_grade.withdrawn", 1, grade_withdrawn),
    ("credit_review.recorded", 2, credit_review_recorded),
    ("trade_terms.set", 3, trade_terms_set),
];

fn sale_recorded(t: &mut Try<'_>) {
    let back = |id: &str, of: Value, fen: i64| {
        let mut sale = sale(id, "return", fen);
        sale["data"]["returns"] = of;
        sale
    };
    t.bad("a return of nothing", "E-401", &sale("S-2", "return", 5), (422, "E_RULE", "R-113"));
    t.bad("a return above what was sold", "E-401", &back("S-2", json!("S-1"), 100_001), (422, "E_RULE", "R-113"));
    t.good("E-401", &back("S-2", json!("S-1"), 100_000));
}

fn payment_recorded(t: &mut Try<'_>) {
    let paid = |fen: i64| {
        json!({ "type": "payment.recorded", "data": { "customer_id": "C-01", "amount": fen, "received_on": "2026-03-02",
            "method": "onsite_cash", "collected_by": "E-703" } })
    };
    t.bad("more cash on site than allowed", "E-401", &paid(20_001), (422, "E_RULE", "R-168"));
    t.good("E-401", &paid(20_000));
}

/// The family of grades a type belongs to.
fn family<'a>(t: &Try<'a>) -> &'a str {
    if t.kind.starts_with("credit_") { "credit_grade" } else { "business_grade" }
}

/// What begins a chain for a customer; the reason to deviate is for the business grade that sales suggest.
fn grade(family: &str, id: &str, more: Value) -> Value {
    let data = json!({ "customer_id": "C-01", "proposal_id": id, "to": "B", "trigger": "initial", "evidence": ["sale-S-1-01"],
        "reason": "pays every invoice on time", "deviation_reason": "the first order of many" });
    json!({ "type": format!("{family}.proposed"), "data": with(data, more) })
}

fn step(family: &str, step: &str, id: &str, more: Value) -> Value {
    json!({ "type": format!("{family}.{step}"), "data": with(json!({ "proposal_id": id }), more) })
}

fn grade_proposed(t: &mut Try<'_>) {
    let family = family(t);
    t.before("E-101", &grade(family, "G-1", json!({})));
    t.bad("while one is open", "E-101", &grade(family, "G-2", json!({})), (409, "E_STATE", "R-101"));
    t.before("E-301", &step(family, "approved", "G-1", json!({ "to": "B" })));
    let next = |more: Value| grade(family, "G-2", with(json!({ "from": "B", "to": "A" }), more));
    t.bad("on a grade not in force", "E-101", &next(json!({ "from": "D" })), (409, "E_CONFLICT", "R-103"));
    t.bad("by neither owner nor accounting", "E-102", &next(json!({})), (403, "E_FORBIDDEN", "R-052"));
    t.bad("without evidence", "E-101", &next(json!({ "evidence": [] })), (400, "E_SCHEMA", "R-101"));
    t.bad("of the grade in force", "E-101", &next(json!({ "to": "B" })), (422, "E_RULE", "R-103"));
    t.good("E-101", &next(json!({})));
}

/// A chain with a review: of a key customer's credit, or a business grade that its only decider may send back.
fn chain(t: &Try<'_>, id: &str) {
    t.before(
        "E-101",
        &json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "weight", "value": "main", "basis": "a third of the region's sales" } }),
    );
    t.before("E-101", &grade(family(t), id, json!({})));
}

fn review(family: &str, verdict: &str) -> Value {
    step(family, "reviewed", "G-1", json!({ "step": 1, "verdict": verdict, "opinion": "one order more" }))
}

fn grade_reviewed(t: &mut Try<'_>) {
    chain(t, "G-1");
    let back = review(family(t), "return");
    t.bad("by who proposed", "E-101", &back, (403, "E_SOD", "R-025"));
    t.bad("of another region", "E-302", &back, (403, "E_FORBIDDEN", "R-052"));
    t.good("E-301", &back);
}

fn grade_approved(t: &mut Try<'_>) {
    let family = family(t);
    chain(t, "G-1");
    let approved = |more: Value| step(family, "approved", "G-1", with(json!({ "to": "B" }), more));
    t.bad("by who proposed", "E-101", &approved(json!({})), (403, "E_SOD", "R-025"));
    // The business grade has one step, which decides.
    let decider = if family == "credit_grade" {
        t.bad("before the review", "E-402", &approved(json!({})), (409, "E_STATE", "R-102"));
        t.before("E-301", &review(family, "endorse"));
        t.bad("by who reviewed", "E-301", &approved(json!({})), (403, "E_SOD", "R-025"));
        "E-402"
    } else {
        t.shown("before the review", "sc_03_a_key_customers_grade_changes_along_its_whole_chain_and_is_traced");
        t.shown("by who reviewed", "nobody_approves_the_grade_they_proposed");
        "E-301"
    };
    t.bad("of another grade", decider, &approved(json!({ "to": "A" })), (422, "E_RULE", "R-102"));
    let before = approved(json!({ "effective_at": "2026-03-01T00:00:00+08:00" }));
    t.bad("in the past", decider, &before, (422, "E_RULE", "R-106"));
    t.good(decider, &approved(json!({})));
}

fn grade_rejected(t: &mut Try<'_>) {
    let family = family(t);
    t.before("E-101", &grade(family, "G-1", json!({})));
    let rejected = step(family, "rejected", "G-1", json!({ "reason": "too early" }));
    t.bad("by who proposed", "E-101", &rejected, (403, "E_SOD", "R-025"));
    t.bad("of another region", "E-302", &rejected, (403, "E_FORBIDDEN", "R-052"));
    t.good("E-301", &rejected);
}

fn grade_withdrawn(t: &mut Try<'_>) {
    let family = family(t);
    t.before("E-101", &grade(family, "G-1", json!({})));
    let withdrawn = step(family, "withdrawn", "G-1", json!({ "cause": "withdrawn" }));
    t.bad("by somebody else", "E-301", &withdrawn, (403, "E_FORBIDDEN", "SM-2"));
    t.good("E-101", &withdrawn);
}

/// Gives C-01 the credit grade A.
fn graded(t: &Try<'_>) {
    t.before("E-101", &grade("credit_grade", "G-1", json!({ "to": "A" })));
    t.before("E-301", &step("credit_grade", "approved", "G-1", json!({ "to": "A" })));
}

fn credit_review_recorded(t: &mut Try<'_>) {
    graded(t);
    let review = |quarter: &str| {
        json!({ "type": "credit_review.recorded", "subject": "grade/C-01/credit", "data": {
            "quarter": quarter, "grade": "A", "finding": "unchanged", "comparison": "pays as before",
            "overdue_amount": 0, "collection_rate": 10_000 } })
    };
    t.shown(
        "a change that is not proposed",
        "a_key_customers_credit_is_reviewed_once_a_quarter_and_what_is_owed_is_shown",
    );
    t.good("E-401", &review("2025Q4"));
    t.bad("twice for a quarter", "E-402", &review("2025Q4"), (409, "E_CONFLICT", "R-108"));
    t.good("E-401", &review("2026Q1"));
}

fn trade_terms_set(t: &mut Try<'_>) {
    graded(t);
    let terms = |grade: &str, fen: i64, id: &str| {
        json!({ "type": "trade_terms.set", "id": id, "subject": "customer/C-01",
            "data": { "credit_grade": grade, "credit_limit": fen, "payment_method": "monthly" } })
    };
    t.bad("on a grade not in force", "E-401", &terms("B", 1, "ask-000001"), (409, "E_CONFLICT", "R-109"));
    t.bad("above the table", "E-401", &terms("A", 500_000_001, "ask-000001"), (422, "E_RULE", "R-109"));
    t.before("E-401", &terms("A", 500_000_000, "ask-000002"));
    t.bad("approved by who enters", "E-401", &given("ask-000002"), (403, "E_SOD", "R-025"));
    t.before(
        "E-402",
        &json!({ "type": "approval.declined", "data": { "request_id": "ask-000002", "reason": "too much" } }),
    );
    t.approved("E-401", &terms("A", 400_000_000, "ask-000003"), "E-402");
}
