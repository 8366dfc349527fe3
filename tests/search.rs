//! Looking for customers and people: what is found, by whom, and what is entered of having looked.

use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{TestLedger, proposal, registration};

fn company() -> Served {
    let test = TestLedger::new();
    test.admit("E-101", registration("C-01", "河源合金厂", "north", "E-101"));
    test.admit("E-101", registration("C-02", "重庆水泵公司", "north", "E-101"));
    test.admit("E-103", registration("C-03", "Linhai Pumps", "south", "E-103"));
    let individual = json!({ "customer_id": "C-04", "name": "王小明", "region": "north", "source": "visit", "direct": true,
        "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": "E-101" });
    test.admit("E-101", proposal("customer.individual_registered", None, individual));
    let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "赵清扬", "mobile": "555 0101" });
    test.admit("E-101", proposal("person.recorded", None, person));
    Served::of(test)
}

/// Writes text so that it may stand in a query.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

fn hits(served: &Served, who: &str, text: &str, more: &str) -> Vec<(String, String)> {
    let answer = served.get(who, &format!("/v1/views/search?q={}{more}", encoded(text)));
    assert_eq!(answer.status, 200, "{}", answer.text());
    let of = |hit: &Value, name: &str| hit[name].as_str().unwrap_or_default().to_owned();
    answer.json()["items"].as_array().unwrap().iter().map(|hit| (of(hit, "customer_id"), of(hit, "person"))).collect()
}

fn ids(served: &Served, who: &str, text: &str, more: &str) -> Vec<String> {
    hits(served, who, text, more).into_iter().map(|(id, _)| id).collect()
}

#[test]
fn customers_are_found_by_characters_pinyin_initials_words_and_ids() {
    let served = company();
    for (text, found) in [
        ("合金", vec!["C-01"]),
        ("heyuan", vec!["C-01"]),
        ("hyhj", vec!["C-01"]),
        ("chongqing", vec!["C-02"]),
        ("zhongqing", vec!["C-02"]),
        ("cqsb", vec!["C-02"]),
        ("pumps linhai", vec!["C-03"]),
        ("c-0", vec!["C-01", "C-02", "C-03", "C-04"]),
        ("nothing of the kind", vec![]),
    ] {
        assert_eq!(ids(&served, "E-101", text, ""), found, "{text}");
        let list = served.get("E-101", &format!("/v1/customers?q={}", encoded(text))).json();
        let listed: Vec<&str> =
            list["items"].as_array().unwrap().iter().map(|item| item["customer_id"].as_str().unwrap()).collect();
        assert_eq!(listed, found, "{text}: the list finds the same");
    }
    assert_eq!(served.get("E-101", "/v1/views/search").status, 400);
    assert_eq!(served.get("E-101", "/v1/views/search?q=x&as_of=3").status, 400);
    // What is entered from here on is found at once.
    served.test.admit("E-101", registration("C-05", "青云电缆", "north", "E-101"));
    assert_eq!(ids(&served, "E-101", "qydl", ""), ["C-05"]);
}

#[test]
fn people_are_found_only_where_they_are_seen_and_only_for_a_purpose() {
    let served = company();
    let open = "&reveal=true";
    assert_eq!(hits(&served, "E-101", "zhaoqingyang", open), [("C-01".into(), "赵清扬".into())]);
    assert_eq!(hits(&served, "E-101", "清扬", open), [("C-01".into(), "赵清扬".into())]);
    assert_eq!(ids(&served, "E-101", "wxm", open), ["C-04"], "an individual customer's name is a person's");
    for text in ["zhaoqingyang", "清扬", "wxm", "王小明"] {
        assert!(ids(&served, "E-101", text, "").is_empty(), "{text}: masked by default, so not looked at");
        // Another region's people, and people one sees masked, are not found by anything.
        assert!(ids(&served, "E-103", text, open).is_empty(), "{text}");
        assert!(ids(&served, "E-401", text, open).is_empty(), "{text}");
    }
    let aimless = served.request("E-101", "GET", "/v1/views/search?q=zqy&reveal=true", &[], b"");
    assert_eq!(aimless.problem(), (403, "E_FORBIDDEN".into(), "R-059".into()));
}

#[test]
fn who_is_called_otherwise_is_found_by_the_new_name_alone_until_it_is_taken_back() {
    let served = company();
    let called = |id: &str, changes: Value| {
        json!({ "type": "customer.profile_updated", "subject": format!("customer/{id}"), "data": {
            "section": "basic", "changes": changes, "learned_at": "2026-03-02T09:30:00+08:00", "major": true } })
    };
    let update = served.admit("E-101", &called("C-01", json!({ "name": "青云电缆", "party": "partner" })));
    assert_eq!((ids(&served, "E-101", "qydl", ""), ids(&served, "E-101", "hyhj", "")), (vec!["C-01".into()], vec![]));
    let listed = |id: &str| {
        let list = served.get("E-501", "/v1/customers?limit=10").json();
        list["items"].as_array().unwrap().iter().find(|row| row["customer_id"] == id).unwrap().clone()
    };
    assert_eq!((&listed("C-01")["name"], &listed("C-01")["party"]), (&json!("青云电缆"), &json!("partner")));
    let card = |id: &str, more: &str| served.get("E-101", &format!("/v1/views/card?subject={id}{more}")).json();
    assert_eq!(card("C-01", "")["company_name"], "青云电缆");
    // The name it had is free, and is gone when it is wanted back.
    let voided = json!({ "type": "record.voided", "data": { "target_event": update["id"], "reason": "it was another company" } });
    served.admit("E-101", &registered("C-05", "河源合金厂"));
    let answer = served.post("E-101", &voided);
    assert_eq!(answer.problem(), (409, "E_CONFLICT".into(), "R-031".into()));
    assert!(answer.json()["detail"].as_str().unwrap().contains("C-05"), "{}", answer.text());
    served.admit("E-101", &called("C-05", json!({ "name": "长江电缆" })));
    served.admit("E-101", &voided);
    assert_eq!((ids(&served, "E-101", "qydl", ""), ids(&served, "E-101", "hyhj", "")), (vec![], vec!["C-01".into()]));
    assert_eq!(served.refuse("E-101", &registered("C-06", "河源 合金厂")).2, "R-031");

    // An individual's is sealed, whenever it was learned.
    assert_eq!(served.refuse("E-101", &called("C-04", json!({ "name": "赵一鸣" }))).2, "R-026");
    let update = served
        .admit("E-101", &called("C-04", json!({ "individual_name": "赵一鸣", "individual_phone": "0531 8000 0007" })));
    assert_eq!(
        (ids(&served, "E-101", "zym", "&reveal=true"), ids(&served, "E-101", "wxm", "&reveal=true")),
        (vec!["C-04".into()], vec![])
    );
    assert_eq!(
        (&card("C-04", "")["company_name"], &card("C-04", "&reveal=true")["company_name"]),
        (&json!("•••"), &json!("赵一鸣"))
    );
    assert_eq!(card("C-04", "&reveal=true")["phone"], "0531 8000 0007");
    let entry = served.get("E-901", &format!("/v1/entries/{}", update["index"])).text();
    assert!(!entry.contains("赵一鸣") && !entry.contains("8000 0007"), "{entry}");
    served.admit("E-101", &json!({ "type": "record.voided", "data": { "target_event": update["id"], "reason": "that was somebody else" } }));
    assert_eq!(card("C-04", "&reveal=true")["company_name"], "王小明");
}

fn registered(id: &str, name: &str) -> Value {
    let proposal = registration(id, name, "north", "E-101");
    json!({ "type": proposal.kind, "data": proposal.data })
}

#[test]
fn a_search_is_a_reading_of_what_it_found_and_says_nothing_of_the_words() {
    let served = company();
    let before = served.test.version("reads/C-01");
    let answer = served.get("E-101", &format!("/v1/views/search?q={}", encoded("合金")));
    assert_eq!(answer.header("dossier-reading").len(), 1);
    assert_eq!(served.test.version("reads/C-01"), before + 1);
    let log = served.get("E-901", "/v1/customers/C-01/reads").json();
    assert_eq!((&log["items"][0]["view"], &log["items"][0]["mode"]), (&json!("search"), &json!("search")));
    let index = log["items"][0]["index"].as_u64().unwrap();
    let entry = served.get("E-901", &format!("/v1/entries/{index}")).text();
    assert!(!entry.contains("合金") && entry.contains("\"query\""), "{entry}");
    // Rights on a hit are those on the customer: the list's columns for all, the rest only where it may be seen.
    let hit = served.get("E-103", "/v1/views/search?q=hyhj").json()["items"][0].clone();
    assert_eq!((&hit["name"], &hit["owner"]), (&json!("河源合金厂"), &json!("•••")));
}

#[test]
fn one_looks_for_somebody_on_any_page_and_what_was_typed_is_in_no_address() {
    let served = company();
    let page = crate::pages::Browser::signed_in(&served, "E-101", "zh-CN").post_from("/", "/search", &[("q", "hyhj")]);
    assert_eq!(page.status, 200);
    assert!(page.text().contains("河源合金厂") && page.text().contains("value=\"hyhj\""), "{}", page.text());
    assert!(!page.text().contains("q=hyhj"));
    let mut browser = crate::pages::Browser::signed_in(&served, "E-101", "en");
    let people = browser.post_from("/", "/search", &[("q", "zqy"), ("purpose", "sales_work")]);
    assert!(people.text().contains("赵清扬"), "{}", people.text());
    let nobody = browser.post_from("/", "/search", &[("q", "qqqqq")]);
    assert!(nobody.text().contains("Nothing found"));
    assert_eq!(browser.post("/search", &[("q", "hyhj")]).status, 403, "only our own pages search");
}
