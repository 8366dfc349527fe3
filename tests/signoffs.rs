//! Signatures through the HTTP API and on pages: along the chain of each form, on the card, and the card on paper.

use dossier::clock::Clock as _;
use serde_json::{Value, json};

use crate::pages::{Browser, hidden};
use crate::support::http::Served;
use crate::support::{TestLedger, contact, proposal, registration};

fn signed(entry: &str, step: u8, purpose: &str, decision: &str) -> Value {
    json!({ "type": "signoff.recorded", "data": { "subject_event": entry, "step": step, "purpose": purpose, "decision": decision } })
}

fn returned(entry: &str, step: u8) -> Value {
    let mut event = signed(entry, step, "review", "returned");
    event["data"]["opinion"] = json!("The address lacks the building.");
    event
}

/// A customer of E-101, and the entry that registers it.
fn one_customer() -> (Served, String) {
    let test = TestLedger::new();
    let entry = test.admit("E-101", registration("C-02", "Heyuan Alloy Works", "north", "E-101"))[0].id.to_string();
    (Served::of(test), entry)
}

fn card(served: &Served) -> Value {
    served.get("E-101", "/v1/views/card?subject=C-02").json()
}

fn pending(served: &Served, who: &str, more: &str) -> Vec<Value> {
    let answer = served.get(who, &format!("/v1/views/signoffs?{more}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

fn update(served: &Served) -> String {
    let data = json!({ "section": "basic", "changes": { "address": "1 Station Road, building 4" }, "learned_at": "2026-03-02T09:00:00+08:00", "major": false });
    let entry =
        served.admit("E-101", &json!({ "type": "customer.profile_updated", "subject": "customer/C-02", "data": data }));
    entry["id"].as_str().unwrap().to_owned()
}

#[test]
fn sc_01_the_card_is_signed_step_by_step_and_archived() {
    let (served, entry) = one_customer();
    assert!(card(&served)["supervisor_signature"].is_null());
    for (who, step, seat) in [("E-201", 1, "supervisor"), ("E-301", 2, "manager"), ("E-801", 3, "general_manager")] {
        let waiting = pending(&served, who, "mine=1");
        assert_eq!((waiting.len(), &waiting[0]["step"], &waiting[0]["awaiting"]), (1, &json!(step), &json!(seat)));
        assert_eq!(waiting[0]["subject_event"], json!(entry));
        let receipt = served.admit(who, &signed(&entry, step, "approve", "approved"));
        assert_eq!(receipt["subject"], "customer/C-02", "it stands in the stream of what is signed");
    }
    let card = card(&served);
    assert_eq!((&card["supervisor_signature"]["by"], &card["gm_signature"]["by"]), (&json!("E-201"), &json!("E-801")));
    assert_eq!(card["archived_at"], card["gm_signature"]["at"]);
    assert_eq!(pending(&served, "E-801", "mine=1"), [] as [Value; 0]);
    let timeline = served.get("E-101", "/v1/customers/C-02/timeline?type=signoff.recorded").json();
    assert_eq!(timeline["items"].as_array().unwrap().len(), 3);
    let (_, code, rule) = served.refuse("E-802", &signed(&entry, 3, "approve", "approved"));
    assert_eq!((code.as_str(), rule.as_str()), ("E_STATE", "R-021"), "signed to the end");
}

#[test]
fn every_sign_off_that_is_refused_cites_its_rule_and_is_entered() {
    let (served, entry) = one_customer();
    let refused = |who: &str, event: &Value| {
        let acts = served.test.version(&format!("acts/{who}"));
        let (status, code, rule) = served.refuse(who, event);
        let entered = served.test.version(&format!("acts/{who}")) - acts;
        assert_eq!(entered == 1, matches!(code.as_str(), "E_STATE" | "E_RULE" | "E_SOD" | "E_FORBIDDEN"), "{code}");
        (status, code, rule)
    };
    let told = |status: u16, code: &str, rule: &str| (status, code.to_owned(), rule.to_owned());
    // Out of order, by who fills the step that is named.
    assert_eq!(refused("E-301", &signed(&entry, 2, "review", "approved")), told(409, "E_STATE", "R-021"));
    assert_eq!(refused("E-201", &signed(&entry, 9, "review", "approved")).0, 403);
    // One's own.
    assert_eq!(refused("E-101", &signed(&entry, 1, "review", "approved")), told(403, "E_SOD", "R-025"));
    // Somebody else's step: of another region, of another office.
    for who in ["E-302", "E-103", "E-501", "E-901"] {
        assert_eq!(refused(who, &signed(&entry, 1, "review", "approved")).1, "E_FORBIDDEN", "{who}");
    }
    // A return says why.
    assert_eq!(refused("E-201", &signed(&entry, 1, "review", "returned")), told(400, "E_SCHEMA", "R-021"));
    assert_eq!(refused("E-201", &signed(&entry, 1, "noted", "noted")), told(422, "E_RULE", "R-021"));
    assert_eq!(refused("E-201", &signed(&entry, 1, "review", "noted")), told(422, "E_RULE", "R-021"));
    assert_eq!(refused("E-201", &signed("no-such-entry", 1, "review", "approved")).1, "E_REF");
    // What has decisions of its own is not signed off, nor what is no form.
    let called = served.test.admit("E-101", contact("C-02", "E-101", served.test.clock.now()))[0].id.to_string();
    let grade = json!({ "customer_id": "C-02", "to": "B", "trigger": "initial", "evidence": [called], "reason": "pays every invoice on time" });
    let grade = served.test.admit("E-101", proposal("credit_grade.proposed", None, grade))[0].id.to_string();
    assert_eq!(refused("E-301", &signed(&grade, 1, "approve", "approved")), told(422, "E_RULE", "R-021"));
    let sold = json!({
        "customer_id": "C-02", "invoice_name": "Works", "kind": "sale", "product": "Relay", "product_category": "Protection",
        "region": "north", "amount": 100, "sold_on": "2026-03-01",
    });
    let sold = served.test.admit("E-401", proposal("sale.recorded", None, sold))[0].id.to_string();
    assert_eq!(refused("E-301", &signed(&sold, 1, "noted", "noted")), told(422, "E_RULE", "R-021"));
    // Of contacts only the report of a visit is noted.
    assert_eq!(refused("E-301", &signed(&called, 1, "noted", "noted")), told(409, "E_STATE", "R-021"));
    // Nobody takes two steps of one chain.
    served.admit("E-201", &signed(&entry, 1, "review", "approved"));
    assert_eq!(refused("E-201", &signed(&entry, 2, "review", "approved")), told(403, "E_SOD", "R-025"));
    assert_eq!(card(&served)["manager_signature"], Value::Null);
}

#[test]
fn a_card_that_is_returned_is_signed_anew_after_its_correction() {
    let (served, entry) = one_customer();
    served.admit("E-201", &signed(&entry, 1, "review", "approved"));
    served.admit("E-301", &returned(&entry, 2));
    assert_eq!(card(&served)["manager_signature"]["decision"], "returned");
    let (_, code, _) = served.refuse("E-801", &signed(&entry, 3, "approve", "approved"));
    assert_eq!(code, "E_STATE", "what is returned goes no further");
    assert_eq!(served.refuse("E-201", &signed(&entry, 1, "review", "approved")).1, "E_STATE");
    let waiting = pending(&served, "E-101", "");
    assert_eq!(
        (&waiting[0]["returned"], &waiting[0]["opinions"][1]["opinion"]),
        (&json!(true), &json!("The address lacks the building."))
    );
    update(&served);
    for (who, step) in [("E-201", 1), ("E-301", 2), ("E-801", 3)] {
        served.admit(who, &signed(&entry, step, "approve", "approved"));
    }
    let card = card(&served);
    assert_eq!(card["manager_signature"]["decision"], "approved");
    assert!(card["archived_at"].is_string());
}

#[test]
fn a_step_whose_holder_is_disqualified_moves_up() {
    let test = TestLedger::new();
    // The one supervisor of the region has registered it: the manager signs for them, and the steps above move as well.
    let entry = test.admit("E-201", registration("C-02", "Heyuan Alloy Works", "north", "E-101"))[0].id.to_string();
    let served = Served::of(test);
    served.admit("E-301", &signed(&entry, 1, "review", "approved"));
    assert_eq!(served.refuse("E-802", &signed(&entry, 2, "review", "approved")).1, "E_FORBIDDEN");
    served.admit("E-801", &signed(&entry, 2, "review", "approved"));
    served.admit("E-802", &signed(&entry, 3, "approve", "approved"));
    assert!(card(&served)["archived_at"].is_string());
}

#[test]
fn the_holder_of_the_second_copy_acknowledges_the_newest_update() {
    let (served, _) = one_customer();
    let first = update(&served);
    let second = update(&served);
    assert_eq!(served.refuse("E-501", &signed(&first, 1, "copy_acknowledged", "noted")).1, "E_STATE", "superseded");
    let state = || served.get("E-101", "/v1/customers/C-02").json()["second_copy_state"].clone();
    assert_eq!((&state()["update"], &state()["acknowledged"]), (&json!(second), &Value::Null));
    assert_eq!(served.refuse("E-501", &signed(&second, 1, "copy_acknowledged", "approved")).1, "E_RULE");
    served.admit("E-501", &signed(&second, 1, "copy_acknowledged", "noted"));
    assert_eq!(state()["acknowledged"]["by"], "E-501");
    update(&served);
    assert_eq!(state()["acknowledged"], Value::Null);
}

#[test]
fn what_waits_is_shown_to_those_in_its_chain_only() {
    let (served, entry) = one_customer();
    for who in ["E-101", "E-201", "E-301", "E-801"] {
        assert_eq!(pending(&served, who, "").len(), 1, "{who}");
    }
    for who in ["E-102", "E-302", "E-401", "E-501", "E-103"] {
        assert_eq!(pending(&served, who, ""), [] as [Value; 0], "{who}");
    }
    assert_eq!(pending(&served, "E-301", "mine=1"), [] as [Value; 0], "not yet");
    // As of before the first signature the first step was next.
    let before = served.test.ledger.state().size - 1;
    served.admit("E-201", &signed(&entry, 1, "review", "approved"));
    let then = pending(&served, "E-301", &format!("as_of={before}"));
    assert_eq!(then[0]["step"], 1);
    assert_eq!(pending(&served, "E-301", "mine=1")[0]["step"], 2);
    // Whoever is no longer in the chain sees nothing of it, whatever moment is asked about.
    let then = served.test.ledger.state().size - 1;
    let moved = json!({ "type": "employee.roles_changed", "id": "moves-south", "subject": "employee/E-301", "data": {
        "added": [{ "role": "regional_gm", "unit": "south" }], "removed": [{ "role": "regional_gm", "unit": "north" }], "reason": "moves",
    } });
    served.admit("E-002", &moved);
    for head in ["E-201", "E-302"] {
        served.admit(head, &json!({ "type": "approval.given", "data": { "request_id": "moves-south" } }));
    }
    assert_eq!(pending(&served, "E-301", &format!("as_of={then}")), [] as [Value; 0]);
}

#[test]
fn what_waits_is_signed_and_returned_on_a_page() {
    let (served, _) = one_customer();
    let mut browser = Browser::signed_in(&served, "E-201", "en");
    let page = browser.get("/signoffs").text();
    assert!(page.contains("Customer card") && page.contains("step 1, waits for: Supervisor"), "{page}");
    let fields = |decision: &'static str, page: &str| {
        let of = |name: &str| hidden(page, name);
        vec![
            ("token", of("token")),
            ("id", of("id")),
            ("subject_event", of("subject_event")),
            ("step", of("step")),
            ("purpose", "review".into()),
            ("decision", decision.to_owned()),
        ]
    };
    let send = |browser: &mut Browser<'_>, fields: &[(&str, String)]| {
        browser.post("/signoffs", &fields.iter().map(|(name, value)| (*name, value.as_str())).collect::<Vec<_>>())
    };
    let refused = send(&mut browser, &fields("returned", &page));
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("whoever returns it says why"), "{}", refused.text());
    assert_eq!(send(&mut browser, &fields("approved", &page)).status, 303);
    assert!(browser.get("/signoffs").text().contains("Nothing waits for your signature."));
    let mut browser = Browser::signed_in(&served, "E-301", "zh");
    let page = browser.get("/signoffs").text();
    assert!(page.contains("客户资料管理卡") && page.contains("第2步，待签：经理"), "{page}");
}

#[test]
fn the_card_is_printed_for_a_purpose_with_its_reading_in_the_foot() {
    let (served, entry) = one_customer();
    served.admit("E-201", &signed(&entry, 1, "review", "approved"));
    let mut browser = Browser::signed_in(&served, "E-301", "zh");
    let page = browser.get("/customers/C-02/card").text();
    assert!(page.contains("客户资料管理卡") && page.contains("E-201 同意"), "{page}");
    let token = hidden(&page, "token");
    assert_eq!(browser.post("/customers/C-02/card", &[("token", &token), ("as", "print")]).status, 400, "for nothing");
    let fields = [("token", token.as_str()), ("as", "print"), ("purpose", "management")];
    let printed = browser.post("/customers/C-02/card", &fields);
    assert_eq!(printed.status, 200, "{}", printed.text());
    let index = served.test.ledger.state().size - 1;
    let reading = served.get("E-901", &format!("/v1/entries/{index}")).json();
    let hash = reading["hash"].as_str().unwrap();
    assert!(printed.text().contains(&format!("第{index}条")) && printed.text().contains(hash), "{}", printed.text());
    let log = served.get("E-902", "/v1/customers/C-02/reads").json();
    assert_eq!((&log["items"][0]["mode"], &log["items"][0]["view"]), (&json!("print"), &json!("card")));
    // Who may look at it may not always print it, and that is entered too.
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    let token = hidden(&browser.get("/customers/C-02/card").text(), "token");
    let fields = [("token", token.as_str()), ("as", "print"), ("purpose", "sales_work")];
    assert_eq!(browser.post("/customers/C-02/card", &fields).status, 403);
}
