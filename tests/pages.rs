//! The pages as a browser gets them: signing in, forms and their refusals, and addresses that lead nowhere.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http::{Answer, Client, Served};

/// A browser that keeps cookies.
struct Browser<'a> {
    served: &'a Served,
    cookies: BTreeMap<String, String>,
    language: &'static str,
}

impl<'a> Browser<'a> {
    fn new(served: &'a Served, language: &'static str) -> Self {
        Self { served, cookies: BTreeMap::new(), language }
    }

    fn signed_in(served: &'a Served, who: &str, language: &'static str) -> Self {
        let password = served.password(who);
        let mut browser = Self::new(served, language);
        let page = browser.get("/sign-in").text();
        let answer =
            browser.post("/sign-in", &[("token", &hidden(&page, "token")), ("employee", who), ("password", &password)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    fn send(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![
            ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
            ("Accept-Language", self.language),
            ("Cookie", &cookies),
            ("Dossier-Purpose", "sales_work"),
        ];
        headers.extend_from_slice(more);
        self.served.test.clock.advance(Duration::from_secs(2));
        let mut client = Client::connect(self.served.address()).unwrap();
        let answer = client.send(method, path, &headers, body.as_bytes()).unwrap();
        for cookie in answer.header("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], &body.join("&"))
    }
}

/// The value of a hidden field of a page.
fn hidden(page: &str, name: &str) -> String {
    let (_, rest) = page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no field {name}"));
    rest.split('"').next().unwrap().to_owned()
}

/// A customer of E-101 with an entry that serves as evidence.
fn customer(served: &Served) -> String {
    served.admit(
        "E-101",
        &json!({ "type": "customer.registered", "data": {
        "customer_id": "C-01", "name": "Heyuan Alloy Works", "party": "end_user", "direct": true, "region": "north",
        "source": "visit", "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": "E-101",
    } }),
    );
    let classified = json!({ "type": "customer.classified", "subject": "customer/C-01",
        "data": { "dimension": "time", "value": "new", "basis": "as the contract says" } });
    served.admit("E-101", &classified)["id"].as_str().unwrap().to_owned()
}

fn steps(served: &Served) -> Vec<String> {
    let trace = served.get("E-901", "/v1/customers/C-01/grades").json();
    trace["items"].as_array().unwrap().iter().map(|line| line["step"].as_str().unwrap().to_owned()).collect()
}

const GRADES: &str = "/customers/C-01/grades";
const REASON: &str = "paid every invoice before its date";

#[test]
fn a_grade_goes_through_the_pages_and_a_form_sent_twice_is_entered_once() {
    let served = Served::new();
    let evidence = customer(&served);
    let mut proposer = Browser::signed_in(&served, "E-101", "en");
    let page = proposer.get(GRADES).text();
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let form = [
        ("token", token.as_str()),
        ("id", &id),
        ("action", "propose"),
        ("to", "B"),
        ("trigger", "initial"),
        ("evidence", &evidence),
        ("reason", REASON),
    ];
    assert_eq!(proposer.post(GRADES, &form).status, 303);
    assert_eq!(proposer.post(GRADES, &form).status, 303, "the same again gets the first answer");
    assert_eq!(steps(&served), ["proposed"]);

    let page = proposer.get(GRADES).text();
    let (id, proposal) = (hidden(&page, "id"), hidden(&page, "proposal_id"));
    let approval = |token: &str, id: &str| {
        [
            ("token", token),
            ("id", id),
            ("action", "approve"),
            ("proposal_id", &proposal),
            ("to", "B"),
            ("opinion", "I see no risk"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let send = |browser: &mut Browser<'_>, fields: &[(&'static str, String)]| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post(GRADES, &fields)
    };
    let own = send(&mut proposer, &approval(&token, &id));
    assert_eq!(own.status, 403);
    assert!(own.text().contains("R-025") && own.text().contains("I see no risk"), "{}", own.text());

    let mut manager = Browser::signed_in(&served, "E-301", "zh-CN");
    let page = manager.get(GRADES).text();
    let approval = approval(&hidden(&page, "token"), &hidden(&page, "id"));
    assert_eq!(send(&mut manager, &approval).status, 303);
    assert_eq!(send(&mut manager, &approval).status, 303);
    assert_eq!(steps(&served), ["proposed", "refused", "approved"]);
    // Whoever decides on it now is too late, and keeps what was typed.
    let mut late = approval.clone();
    late[1].1 = "another-form".to_owned();
    let late = send(&mut manager, &late);
    assert_eq!(late.status, 409);
    assert!(late.text().contains("SM-2") && late.text().contains("I see no risk"));
}

#[test]
fn a_refused_form_keeps_what_was_typed_and_says_beside_each_field_what_is_wrong() {
    let served = Served::new();
    let evidence = customer(&served);
    let mut browser = Browser::signed_in(&served, "E-101", "zh-CN");
    let page = browser.get(GRADES).text();
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let mut form: BTreeMap<&str, &str> = [
        ("token", token.as_str()),
        ("id", &id),
        ("action", "propose"),
        ("to", "Z"),
        ("trigger", "initial"),
        ("evidence", &evidence),
        ("reason", REASON),
        ("proposed_terms.limit", "1,000"),
    ]
    .into();
    let mut send = |form: &BTreeMap<&str, &str>| {
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, *value)).collect();
        browser.post(GRADES, &fields)
    };
    let shape = send(&form);
    assert_eq!(shape.status, 400);
    assert!(shape.text().contains("id=\"proposed_terms.limit-refused\""), "{}", shape.text());
    assert!(shape.text().contains("value=\"1,000\""));
    form.insert("proposed_terms.limit", "");
    let scale = send(&form);
    assert_eq!(scale.status, 422);
    assert!(scale.text().contains("id=\"to-refused\">等级须为"), "{}", scale.text());
    for kept in [evidence.as_str(), REASON, &format!("name=\"id\" value=\"{id}\"")] {
        assert!(scale.text().contains(kept), "{kept}");
    }
    let unknown = BTreeMap::from([("evidence", "no-such-entry"), ("to", "B")]);
    let unknown = send(&form.iter().map(|(name, value)| (*name, *unknown.get(name).unwrap_or(value))).collect());
    assert!(unknown.text().contains("id=\"evidence-refused\">不存在账本条目“no-such-entry”"), "{}", unknown.text());
    let foreign = BTreeMap::from([("token", "of another session")]);
    let foreign = send(&form.iter().map(|(name, value)| (*name, *foreign.get(name).unwrap_or(value))).collect());
    assert_eq!(foreign.status, 403);
    assert!(foreign.text().contains(REASON));
    form.insert("to", "B");
    assert_eq!(send(&form).status, 303, "a refusal uses up no id");
    form.insert("reason", "something else altogether");
    let taken = send(&form);
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains("something else altogether"));
    assert!(!taken.text().contains(&format!("name=\"id\" value=\"{id}\"")), "the next form gets another id");
}

#[test]
fn what_goes_wrong_with_a_page_is_told_on_a_page_in_the_readers_language() {
    let served = Served::new();
    customer(&served);
    let mut stranger = Browser::new(&served, "zh-CN");
    let lost = stranger.get("/nothing/here");
    assert_eq!((lost.status, lost.header("content-type")), (404, vec!["text/html; charset=utf-8"]));
    assert!(lost.text().contains("<html lang=\"zh-CN\">") && lost.text().contains("此地址没有页面"));
    assert!(lost.header("content-security-policy")[0].starts_with("default-src 'none'"));
    stranger.cookies.insert("dossier_language".into(), "en".into());
    assert!(stranger.get("/nothing/here").text().contains("there is no page at this address"));

    let mut signed_in = Browser::signed_in(&served, "E-101", "en");
    for (method, path, status) in [
        ("GET", "/customers/C-99", 404),
        ("GET", "/customers/C-01/reads", 403),
        ("GET", "/customers/%FF", 400),
        ("GET", "/customers/C-01?as_of=yesterday", 400),
        ("GET", "/customers/C-01?as_of=0", 404),
        ("GET", "/entries/0/more", 404),
        ("PUT", GRADES, 405),
        ("POST", "/sign-out", 403),
    ] {
        let answer = signed_in.send(method, path, &[("Content-Type", "application/x-www-form-urlencoded")], "a=b");
        assert_eq!(answer.status, status, "{method} {path}");
        assert_eq!(answer.header("content-type"), ["text/html; charset=utf-8"], "{method} {path}");
        assert!(answer.text().contains("E-101"), "{method} {path}: one stays signed in");
    }
    let ended = Browser::new(&served, "en").post(GRADES, &[("reason", REASON)]);
    assert_eq!(ended.status, 401);
    assert!(ended.text().contains("Your session has ended"));

    // Programs go on getting JSON, whatever they say they accept.
    for path in ["/v1/nothing", "/v1/customers/C-01"] {
        let problem: Value = stranger.get(path).json();
        assert_eq!(problem["type"].as_str().unwrap().split(':').next(), Some("urn"), "{path}");
    }
    let mut client = Client::connect(served.address()).unwrap();
    assert_eq!(client.send("GET", "/nothing", &[], b"").unwrap().problem().1, "E_REF");
}

#[test]
fn people_are_masked_on_their_page_until_somebody_says_what_for() {
    let served = Served::new();
    customer(&served);
    served.admit(
        "E-101",
        &json!({ "type": "person.recorded", "data": {
            "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "position": "Plant manager", "function": "principal",
        } }),
    );
    served.admit(
        "E-101",
        &json!({ "type": "consent.recorded", "subject": "person/P-1",
            "data": { "purpose": "survey", "status": "refused", "method": "oral" } }),
    );
    let mut browser = Browser::signed_in(&served, "E-101", "zh-CN");
    for path in ["/customers/C-01", "/customers/C-01/people"] {
        let masked = browser.get(path).text();
        assert!(masked.contains("关键人物") && !masked.contains("Invented Buyer"), "{masked}");
        let token = hidden(&masked, "token");
        let nothing = browser.post(path, &[("token", &token), ("view", "people"), ("purpose", "")]);
        assert_eq!(nothing.status, 400);
        let opened = browser.post(path, &[("token", &token), ("view", "people"), ("purpose", "sales_work")]);
        let text = opened.text();
        assert!(opened.status == 200 && text.contains("Invented Buyer") && text.contains("主要负责人"), "{text}");
        assert_eq!(browser.post(path, &[("view", "people"), ("purpose", "sales_work")]).status, 403, "no token");
    }
    let consents = browser.get("/customers/C-01/people").text();
    let token = hidden(&consents, "token");
    let opened =
        browser.post("/customers/C-01/people", &[("token", &token), ("view", "people"), ("purpose", "sales_work")]);
    assert!(opened.text().contains("意见调查: 拒绝"), "{}", opened.text());
    assert_eq!(browser.get("/customers/C-01/people?view=decision_roles").status, 200);
    assert_eq!(browser.get("/customers/C-01/people?view=list").status, 404);
    let mut stranger = Browser::signed_in(&served, "E-103", "en");
    assert_eq!(stranger.get("/customers/C-01/people").status, 403);
}
