//! The pages as a browser gets them: signing in, forms and their refusals, and addresses that lead nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use dossier::domain::catalog::{self, Kind};
use dossier::projection;
use serde_json::{Value, json};

use crate::support::http::{Answer, Client, Served};
use crate::support::{STAFF, principal};

/// A browser that keeps cookies.
pub(crate) struct Browser<'a> {
    served: &'a Served,
    cookies: BTreeMap<String, String>,
    language: &'static str,
    /// What it reads for, as if chosen before.
    pub(crate) purpose: Option<&'static str>,
}

impl<'a> Browser<'a> {
    fn new(served: &'a Served, language: &'static str) -> Self {
        Self { served, cookies: BTreeMap::new(), language, purpose: Some("sales_work") }
    }

    pub(crate) fn signed_in(served: &'a Served, who: &str, language: &'static str) -> Self {
        let password = served.password(who);
        let mut browser = Self::new(served, language);
        let page = browser.get("/sign-in").text();
        let answer =
            browser.post("/sign-in", &[("token", &hidden(&page, "token")), ("employee", who), ("password", &password)]);
        assert_eq!(answer.status, 303, "{}", answer.text());
        browser
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &str) -> Answer {
        self.send_bytes(method, path, more, body.as_bytes())
    }

    pub(crate) fn send_bytes(&mut self, method: &str, path: &str, more: &[(&str, &str)], body: &[u8]) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = cookies.join("; ");
        let mut headers = vec![
            ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
            ("Accept-Language", self.language),
            ("Cookie", &cookies),
        ];
        headers.extend(self.purpose.map(|purpose| ("Dossier-Purpose", purpose)));
        headers.extend_from_slice(more);
        self.served.test.clock.advance(Duration::from_secs(2));
        let mut client = Client::connect(self.served.address()).unwrap();
        let answer = client.send(method, path, &headers, body).unwrap();
        for cookie in answer.header("set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Sends a form of the page at another address.
    pub(crate) fn post_from(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(page).text();
        let token = hidden(&page, "token");
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("token", token.as_str())]).collect();
        self.post(path, &fields)
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send("POST", path, &[("Content-Type", "application/x-www-form-urlencoded")], &body.join("&"))
    }
}

/// The value of a hidden field of a page.
pub(crate) fn hidden(page: &str, name: &str) -> String {
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

const CONTACT: &str = "/propose/contact.recorded";

/// The form of a contact with a promise, filled in as E-101 would.
fn contact<'a>(page: &str) -> BTreeMap<&'a str, String> {
    let mut form: BTreeMap<&str, String> = [
        ("subject", "contact/C-01"),
        ("direction", "outbound"),
        ("channel", "visit"),
        ("at", "2026-03-02T09:30"),
        ("our_people", "E-101"),
        ("purpose", "care_bond"),
        ("summary", "Talked about <spare> parts.\r\nThen lunch."),
        ("major", "false"),
        ("class", "C2"),
        ("promises.0.promise_id", ""),
        ("promises.1.promise_id", "PR-1"),
        ("promises.1.text", "send the drawings"),
        ("promises.1.due", "2026-03-09"),
        ("promises.1.responsible", "E-101"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into();
    form.insert("token", hidden(page, "token"));
    form.insert("id", hidden(page, "id"));
    form
}

fn with<'a>(form: &BTreeMap<&'a str, String>, more: &[(&'a str, &str)]) -> BTreeMap<&'a str, String> {
    let mut form = form.clone();
    form.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    form
}

fn post(browser: &mut Browser<'_>, path: &str, form: &BTreeMap<&str, String>) -> Answer {
    let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
    browser.post(path, &fields)
}

fn contacts(served: &Served) -> u64 {
    served.get("E-101", "/v1/customers/C-01").json()["contact_count"].as_u64().unwrap()
}

#[test]
fn a_contact_with_a_promise_is_recorded_by_a_form_and_a_form_sent_twice_once() {
    let served = Served::new();
    customer(&served);
    let mut browser = Browser::signed_in(&served, "E-101", "zh-CN");
    assert!(browser.get("/customers/C-01").text().contains("/propose?customer=C-01\">记录事项</a>"));
    let list = browser.get("/propose?customer=C-01").text();
    let address = "/propose/contact.recorded?subject=contact%2FC-01&amp;back=%2Fcustomers%2FC-01";
    assert!(list.contains(&format!("<a href=\"{address}\">联系/访问记录</a>")), "{list}");
    assert!(!list.contains("sale.recorded") && !list.contains("org_unit.defined"), "{list}");

    let page = browser.get(&address.replace("&amp;", "&")).text();
    assert!(page.contains("name=\"subject\" value=\"contact/C-01\""), "{page}");
    assert!(page.contains("name=\"back\" value=\"/customers/C-01\""));
    let form = contact(&page);
    let rows = |page: &str| page.matches("<fieldset class=\"row\">").count();
    let more = post(&mut browser, CONTACT, &with(&form, &[("more", "promises")]));
    assert_eq!((more.status, rows(&more.text()), contacts(&served)), (200, 3, 0), "nothing is entered for a row");
    assert!(more.text().contains("name=\"promises.0.text\" maxlength=\"400\" value=\"send the drawings\""));

    let entered = post(&mut browser, CONTACT, &form);
    let place = entered.header("location")[0].to_owned();
    assert_eq!((entered.status, contacts(&served)), (303, 1), "{}", entered.text());
    assert!(place.starts_with("/entries/"), "{place}");
    let again = post(&mut browser, CONTACT, &with(&form, &[("back", "/customers/C-01")]));
    assert_eq!((again.status, again.header("location")[0], contacts(&served)), (303, "/customers/C-01", 1));
    assert_eq!(post(&mut browser, CONTACT, &form).header("location"), [place.as_str()]);
    assert_eq!(browser.get(&place).status, 200);
    let state = served.test.ledger.state();
    let promised = state.world.contact.promises.get(&("C-01".parse().unwrap(), "PR-1".parse().unwrap())).unwrap();
    assert_eq!((promised.due.to_string().as_str(), promised.responsible.as_str()), ("2026-03-09", "E-101"));

    // Nobody need think of an id.
    let unnamed = contact(&browser.get(&address.replace("&amp;", "&")).text());
    let entered = post(&mut browser, CONTACT, &with(&unnamed, &[("promises.1.promise_id", "")]));
    assert_eq!((entered.status, contacts(&served)), (303, 2), "{}", entered.text());
    let promises = served.test.ledger.state().world.contact.promises.clone();
    let given = promises.keys().map(|(_, id)| id.as_str()).find(|id| *id != "PR-1").unwrap();
    assert!(given.ends_with("-1") && unnamed["id"].contains(given.trim_end_matches("-1")), "{given}");

    let taken = post(&mut browser, CONTACT, &with(&form, &[("summary", "something else")]));
    assert_eq!(taken.status, 409);
    assert!(taken.text().contains("something else"));
    assert_ne!(hidden(&taken.text(), "id"), form["id"], "the next form gets another id");
}

#[test]
fn a_refused_proposal_keeps_everything_typed_and_says_beside_the_field_what_is_wrong() {
    let served = Served::new();
    customer(&served);
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    let form = contact(&browser.get(CONTACT).text());
    let wrong = [("promises.1.due", "soon"), ("minutes", "an hour"), ("at", "yesterday"), ("place", "at \"theirs\"")];
    let shape = post(&mut browser, CONTACT, &with(&form, &wrong));
    let page = shape.text();
    assert_eq!((shape.status, contacts(&served)), (400, 0), "{page}");
    // The blank row before it is gone, and so the words stand beside the row they are about.
    assert!(page.contains("id=\"promises.0.due-refused\">must be a date"), "{page}");
    assert!(page.contains("id=\"minutes-refused\">must be") && page.contains("id=\"at-refused\">must be"));
    assert!(page.contains("name=\"promises.0.due\" value=\"soon\""), "{page}");
    for kept in [
        "value=\"yesterday\"",
        "value=\"an hour\"",
        "value=\"at &quot;theirs&quot;\"",
        "Talked about &lt;spare&gt; parts.\r\nThen lunch.",
        "value=\"send the drawings\"",
        "value=\"contact/C-01\"",
        "<option value=\"care_bond\" selected>",
        "<option value=\"false\" selected>",
        &format!("name=\"id\" value=\"{}\"", form["id"]),
    ] {
        assert!(page.contains(kept), "{kept}");
    }
    assert!(!page.contains("<details open"));

    for (subject, words) in
        [("", "needs a subject such as"), ("person/C-01", "needs a subject"), ("contact/C-99", "there is no customer")]
    {
        let refused = post(&mut browser, CONTACT, &with(&form, &[("subject", subject)])).text();
        let (_, said) = refused.split_once("id=\"subject-refused\">").unwrap_or_else(|| panic!("{subject}: {refused}"));
        assert!(said.split("</p>").next().unwrap().contains(words), "{subject}: {refused}");
    }

    let late = post(&mut browser, CONTACT, &with(&form, &[("at", "2026-02-20T09:30")]));
    assert_eq!(late.status, 422);
    assert!(
        late.text().contains("<details open") && late.text().contains("id=\"latereason-refused\""),
        "{}",
        late.text()
    );
    assert!(late.text().contains("type=\"datetime-local\" value=\"2026-02-20T09:30\""));
    let explained = with(&form, &[("at", "2026-02-20T09:30"), ("latereason", "was on the road")]);
    assert_eq!(post(&mut browser, CONTACT, &explained).status, 303, "a refusal uses up no id");
}

#[test]
fn a_form_of_another_site_enters_nothing() {
    let served = Served::new();
    customer(&served);
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    let form = contact(&browser.get(CONTACT).text());
    let foreign = post(&mut browser, CONTACT, &with(&form, &[("token", "of another session")]));
    assert_eq!(foreign.status, 403);
    assert!(foreign.text().contains("send the drawings"), "what was typed is still there");
    let mut without = form.clone();
    without.remove("token");
    assert_eq!(post(&mut browser, CONTACT, &without).status, 403);
    assert_eq!(post(&mut browser, CONTACT, &with(&without, &[("more", "promises")])).status, 403);
    let headers = [("Content-Type", "application/x-www-form-urlencoded"), ("Origin", "https://elsewhere.example")];
    assert_eq!(browser.send("POST", CONTACT, &headers, "subject=contact%2FC-01").status, 403);
    assert_eq!(Browser::new(&served, "en").post(CONTACT, &[("subject", "contact/C-01")]).status, 401);
    assert_eq!(contacts(&served), 0);
}

#[test]
fn what_one_may_not_propose_is_answered_as_the_ledger_answers() {
    let served = Served::new();
    customer(&served);
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    let page = browser.get("/propose/sale.recorded").text();
    assert!(page.contains("this is not yours to record"), "{page}");
    assert!(!browser.get(CONTACT).text().contains("this is not yours to record"));
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let sale = [
        ("token", token.as_str()),
        ("id", &id),
        ("customer_id", "C-01"),
        ("invoice_name", "Heyuan"),
        ("kind", "sale"),
        ("product", "Relay of the <third> kind"),
        ("product_category", "Relays"),
        ("region", "north"),
        ("amount", "12.50"),
        ("sold_on", "2026-03-02"),
    ];
    let refused = browser.post("/propose/sale.recorded", &sale);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("R-050") && refused.text().contains("Relay of the &lt;third&gt; kind"));
    let mut accountant = Browser::signed_in(&served, "E-401", "en");
    let page = accountant.get("/propose/sale.recorded?customer_id=C-01&product=Relay").text();
    assert!(page.contains("name=\"customer_id\" value=\"C-01\"") && !page.contains("value=\"Relay\""), "{page}");
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let mut own = sale;
    (own[0].1, own[1].1) = (&token, &id);
    let entered = accountant.post("/propose/sale.recorded", &own);
    assert_eq!(entered.status, 303, "{}", entered.text());

    for (method, path, status) in [
        ("GET", "/propose/no.such_type", 404),
        ("GET", "/propose/access_policy.adopted", 404),
        ("GET", "/propose?customer=%2F", 400),
        ("GET", "/propose", 200),
    ] {
        assert_eq!(browser.send(method, path, &[], "").status, status, "{path}");
    }
    let token = hidden(&browser.get("/propose").text(), "token");
    for (path, words) in
        [("/propose/no.such_type", "there is no event type"), ("/propose/access_policy.adopted", "E_SCHEMA")]
    {
        let answer = browser.post(path, &[("token", &token)]);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.text().contains(words), "{path}: {}", answer.text());
    }
}

#[test]
fn one_is_offered_what_the_policies_let_one_propose_and_never_what_the_system_enters() {
    let served = Served::new();
    customer(&served);
    let id = "C-01".parse().unwrap();
    let of = |who: &str, customer| -> Vec<&str> {
        let types = served.test.ledger.proposable(&principal(who), customer);
        types.iter().map(|kind| kind.name).collect()
    };
    let own = of("E-101", Some(&id));
    for kind in ["contact.recorded", "customer.profile_updated", "credit_grade.proposed", "person.recorded"] {
        assert!(own.contains(&kind), "{kind}");
    }
    for kind in ["sale.recorded", "customer.owner_assigned", "archive.verified", "policy.adopted"] {
        assert!(!own.contains(&kind), "{kind}");
    }
    let stranger = of("E-103", Some(&id));
    assert!(stranger.contains(&"contact.recorded"), "whoever takes part in it");
    assert!(!stranger.contains(&"customer.profile_updated") && !stranger.contains(&"credit_grade.proposed"));
    assert!(of("E-103", None).contains(&"customer.profile_updated"), "of a customer of one's own");
    assert!(of("E-201", Some(&id)).contains(&"customer.owner_assigned"), "in one's region");
    // Accounting proposes grades of key customers, and this is none.
    assert!(!of("E-401", Some(&id)).contains(&"credit_grade.proposed"));
    assert!(of("E-401", None).contains(&"credit_grade.proposed"));
    assert!(of("E-402", Some(&id)).contains(&"credit_grade.approved"), "as head of accounting, were it one");
    assert!(!of("E-401", Some(&id)).contains(&"credit_grade.approved"), "and no head");
    assert!(of("E-802", None).contains(&"credit_grade.approved"), "a step may move up");
    assert!(!of("E-802", None).contains(&"policy.adopted"), "but no draft does");
    assert_eq!(of("E-901", None), ["ledger.verified", "access.requested"]);
    assert_eq!(of("E-999", None), [""; 0], "nobody of ours");
    for (who, ..) in STAFF {
        let system = ["approval.requested", "access_policy.adopted", "archive.accessed", "ledger.initialized"];
        assert!(of(who, None).iter().all(|kind| !system.contains(kind)), "{who}");
    }

    let mut owner = Browser::signed_in(&served, "E-101", "en");
    assert!(owner.get(GRADES).text().contains("<section id=\"propose\">"));
    for who in ["E-301", "E-401"] {
        let page = Browser::signed_in(&served, who, "en").get(GRADES);
        assert_eq!(page.status, 200);
        assert!(!page.text().contains("<section id=\"propose\">"), "{who}");
    }
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
    assert_eq!(browser.get("/customers/C-01/people?view=basics").status, 200);
    // What is read for a purpose alone asks for one, and returns to where it was asked.
    let mut browser = Browser::signed_in(&served, "E-101", "en");
    browser.purpose = None;
    let path = "/customers/C-01/people?view=decision_roles";
    let asking = browser.get(path);
    assert_eq!(asking.status, 403);
    let text = asking.text();
    assert!(text.contains("id=\"asked-purpose\"") && text.contains("R-059"), "{text}");
    let (token, back) = (hidden(&text, "token"), path.replace('&', "&amp;"));
    assert!(text.contains(&back));
    let given = browser.post("/purpose", &[("token", &token), ("back", path), ("purpose", "sales_work")]);
    assert_eq!((given.status, given.header("location")), (303, vec![path]));
    assert_eq!(browser.get(path).status, 200);
    // The form for somebody new offers nothing that needs the consent of somebody known.
    let form = browser.get("/propose/person.recorded").text();
    assert!(form.contains("name=\"office_phone\"") && !form.contains("name=\"hobbies\""), "{form}");
    assert!(browser.get("/propose/person.updated").text().contains("hobbies"));
    assert_eq!(browser.get("/customers/C-01/people?view=list").status, 404);
    let mut stranger = Browser::signed_in(&served, "E-103", "en");
    assert_eq!(stranger.get("/customers/C-01/people").status, 403);
    // An auditor opens nobody who is not named, and whoever is.
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = Some("audit");
    let path = "/customers/C-01/people";
    let page = auditor.get(path).text();
    let (token, named) = (hidden(&page, "token"), page.contains("name=\"note\""));
    assert!(named, "{page}");
    for (note, opened) in [("", false), ("complaint of P-2", false), ("complaint of P-1", true)] {
        let fields = [("token", token.as_str()), ("view", "people"), ("purpose", "audit"), ("note", note)];
        assert_eq!(auditor.post(path, &fields).text().contains("Invented Buyer"), opened, "{note}");
    }
}

#[test]
fn important_dates_are_opened_by_the_owner_and_by_sales_administration() {
    let served = Served::new();
    customer(&served);
    let of = |kind: &str, data: Value| json!({ "type": kind, "subject": "person/P-1", "data": data });
    let recorded = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer" });
    served.admit("E-101", &json!({ "type": "person.recorded", "data": recorded }));
    served.admit(
        "E-101",
        &of("consent.recorded", json!({ "purpose": "relationship_care", "status": "given", "method": "oral" })),
    );
    let born = json!({ "changes": { "birthday": "1974-03-20" }, "learned_at": "2026-03-02T09:00:00+08:00" });
    served.admit("E-101", &of("person.updated", born));
    for (language, birthday) in [("en", "Birthday"), ("zh-CN", "生日")] {
        let mut owner = Browser::signed_in(&served, "E-101", language);
        assert!(owner.get("/customers").text().contains("/important-dates"));
        let masked = owner.get("/important-dates").text();
        assert!(masked.contains("•••") && !masked.contains("2026-03-20"), "{masked}");
        let sent = [("token", hidden(&masked, "token")), ("purpose", "sales_work".into())];
        let opened = post(&mut owner, "/important-dates", &sent.into()).text();
        for shown in ["2026-03-20", "2026-03-06", birthday, "Invented Buyer"] {
            assert!(opened.contains(shown), "{shown}: {opened}");
        }
        let sent =
            [("token", hidden(&masked, "token")), ("view", "important_dates".into()), ("purpose", "sales_work".into())];
        let opened = post(&mut owner, "/customers/C-01/people", &sent.into()).text();
        assert!(opened.contains("2026-03-06") && opened.contains(birthday), "{opened}");
    }
    let mut accountant = Browser::signed_in(&served, "E-401", "en");
    assert!(!accountant.get("/customers").text().contains("/important-dates"));
    assert_eq!(accountant.get("/important-dates").status, 403);
}

#[test]
fn whoever_answers_for_personal_data_finds_what_is_held_and_erased() {
    let served = Served::new();
    customer(&served);
    served.admit(
        "E-101",
        &json!({ "type": "person.recorded", "data": {
        "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "mobile": "555 0101" } }),
    );
    let agreed = json!({ "purpose": "business_contact", "status": "given", "method": "oral" });
    served.admit("E-101", &json!({ "type": "consent.recorded", "subject": "person/P-1", "data": agreed }));
    let mut officer = Browser::signed_in(&served, "E-902", "zh-CN");
    officer.purpose = None;
    assert!(officer.get("/customers").text().contains("/privacy?view=personal_data"));
    let asking = officer.get("/privacy");
    assert_eq!(asking.status, 403);
    let token = hidden(&asking.text(), "token");
    officer.post("/purpose", &[("token", &token), ("back", "/privacy"), ("purpose", "compliance")]);
    let held = officer.get("/privacy").text();
    assert!(held.contains("个人信息清册") && held.contains("手机") && !held.contains("555 0101"), "{held}");
    assert!(held.contains("姓名") && !held.contains("客户名称") && !held.contains("已同意"), "{held}");
    let sent = [("token", hidden(&held, "token")), ("view", "personal_data".into()), ("purpose", "compliance".into())];
    let opened = post(&mut officer, "/privacy", &sent.into()).text();
    assert!(opened.contains("业务联系: 已同意") && !opened.contains("555 0101"), "{opened}");
    assert!(officer.get("/privacy?view=erasures").text().contains("个人信息删除证明"));
    assert_eq!(officer.get("/privacy?view=list").status, 404);
    let mut salesperson = Browser::signed_in(&served, "E-101", "en");
    assert!(!salesperson.get("/customers").text().contains("/privacy"));
    assert_eq!(salesperson.get("/privacy").status, 403);
}

#[test]
fn grades_of_both_kinds_trade_and_analysis_have_their_pages() {
    let served = Served::new();
    let evidence = customer(&served);
    let sold = json!({ "type": "sale.recorded", "latereason": "taken over", "data": {
        "sale_id": "S-1", "customer_id": "C-01", "invoice_name": "Heyuan", "kind": "sale", "product": "Relay R1",
        "product_category": "Relays", "region": "north", "amount": 120_000_000, "sold_on": "2026-01-05" } });
    served.admit("E-401", &sold);
    let mut owner = Browser::signed_in(&served, "E-101", "zh-CN");
    let token = hidden(&owner.get("/customers").text(), "token");
    owner.post("/purpose", &[("token", &token), ("back", "/"), ("purpose", "sales_work")]);
    let page = owner.get("/customers/C-01/grades?of=business").text();
    assert!(page.contains("业务等级") && page.contains("name=\"deviation_reason\""), "{page}");
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let mut form = vec![
        ("token", token.as_str()),
        ("id", &id),
        ("of", "business"),
        ("action", "propose"),
        ("to", "A"),
        ("trigger", "initial"),
        ("evidence", &evidence),
        ("reason", REASON),
    ];
    let refused = owner.post(GRADES, &form);
    assert!(refused.status == 422 && refused.text().contains("R-104"), "{}", refused.text());
    form[4] = ("to", "B");
    let sent = owner.post(GRADES, &form);
    assert_eq!((sent.status, sent.header("location")), (303, vec!["/customers/C-01/grades?of=business"]));
    let mut decider = Browser::signed_in(&served, "E-301", "en");
    let token = hidden(&decider.get("/customers").text(), "token");
    decider.post("/purpose", &[("token", &token), ("back", "/"), ("purpose", "management")]);
    let page = decider.get("/customers/C-01/grades?of=business").text();
    assert!(page.contains("value=\"approve\"") && page.contains("value=\"return\""), "{page}");
    let (token, id, proposal) = (hidden(&page, "token"), hidden(&page, "id"), hidden(&page, "proposal_id"));
    let decision = [
        ("token", token.as_str()),
        ("id", &id),
        ("of", "business"),
        ("action", "approve"),
        ("proposal_id", &proposal),
        ("to", "B"),
    ];
    assert_eq!(decider.post(GRADES, &decision).status, 303);
    assert!(decider.get("/customers/C-01").text().contains("of=business"));
    // Every table opens, in both languages, and one that is not there does not.
    let mut accounting = Browser::signed_in(&served, "E-402", "en");
    let token = hidden(&accounting.get("/customers").text(), "token");
    accounting.post("/purpose", &[("token", &token), ("back", "/"), ("purpose", "credit_review")]);
    for (path, said) in [
        ("/analysis/composition?by=sales", "100.00 %"),
        ("/analysis/composition?by=product&year=2026", "Relays"),
        ("/analysis/grading", "Heyuan Alloy Works"),
        ("/analysis/stats?year=2026", "¥1,200,000.00"),
        ("/analysis/grades", "Business grade since"),
        ("/analysis/terms", "Trade terms"),
        ("/analysis/credit_reviews?quarter=2026Q1", "2026Q1"),
        ("/analysis/grade_audit?change=up", "Nothing recorded"),
        ("/analysis/grade_audit?customer=C-01&employee=E-301", "To a worse grade"),
        ("/customers/C-01/trade", "Sales not settled"),
        ("/customers/C-01/trade?view=terms", "/propose/trade_terms.set?subject=customer%2FC-01"),
        ("/customers/C-01/trade?view=credit_reviews", "/propose/credit_review.recorded?subject=grade%2FC-01%2Fcredit"),
    ] {
        let page = accounting.get(path);
        assert!(page.status == 200 && page.text().contains(said), "{path}: {}", page.text());
    }
    assert_eq!(accounting.get("/analysis").header("location"), ["/analysis/composition"]);
    assert_eq!(accounting.get("/analysis/people").status, 404);
    assert_eq!(accounting.get("/customers/C-01/trade?view=grades").status, 404);
    assert_eq!(accounting.get("/analysis/composition?year=then").status, 400);
    assert!(!owner.get("/customers/C-01/trade").text().contains("/propose/payment.recorded"), "not theirs to enter");
    assert!(owner.get("/analysis/composition?by=product").text().contains("潜力产品"));
}

#[test]
fn who_read_what_and_who_worked_where_are_asked_in_forms_of_either_language() {
    let served = Served::new();
    customer(&served);
    assert_eq!(served.get("E-101", "/v1/customers/C-01").status, 200);
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = Some("audit");
    for (path, said) in [
        ("/questions", "href=\"/reads\""),
        ("/questions", "href=\"/staff\""),
        ("/reads?class=C1&authority=own", "/customers/C-01"),
        ("/reads?place=offsite", "Nothing recorded"),
        ("/customers/C-01/reads?off_hours=true", "Outside working time"),
        ("/employees/E-101/reads?customer=C-01", "C1"),
        ("/staff?employee=E-101", "approved by E-801"),
    ] {
        let page = auditor.get(path);
        assert!(page.status == 200 && page.text().contains(said), "{path}: {}", page.text());
    }
    assert!(!auditor.get("/staff?employee=E-101").text().contains("E-102"));
    assert_eq!(auditor.get("/reads?class=C9").status, 400);
    let mut manager = Browser::signed_in(&served, "E-801", "zh");
    for (path, said) in [
        ("/reads", "离职或待离职人员查阅"),
        ("/staff", "业务员"),
        ("/staff", "在职"),
        ("/analysis/grade_audit", "上调"),
    ] {
        let page = manager.get(path);
        assert!(page.status == 200 && page.text().contains(said), "{path}: {}", page.text());
    }
    assert_eq!(Browser::signed_in(&served, "E-101", "en").get("/reads").status, 403);
}

#[test]
fn an_entry_is_put_right_in_a_form_that_shows_what_it_says_now() {
    let served = Served::new();
    customer(&served);
    let entry = served.test.ledger.state().size - 1;
    let path = format!("/entries/{entry}/correct");
    let mut owner = Browser::signed_in(&served, "E-101", "en");
    let shown = owner.get(&format!("/entries/{entry}")).text();
    assert!(shown.contains(&format!("href=\"{path}\"")), "{shown}");
    let page = owner.get(&path).text();
    assert!(page.contains("as the contract says</textarea>") && page.contains("value=\"new\""), "{page}");
    let (token, id) = (hidden(&page, "token"), hidden(&page, "id"));
    let form = |why: &'static str, basis: &'static str, action: &'static str, named: &'static str| {
        vec![
            ("token", token.clone()),
            ("id", id.clone()),
            ("named", named.to_owned()),
            ("why", why.to_owned()),
            ("dimension", "time".to_owned()),
            ("value", "new".to_owned()),
            ("basis", basis.to_owned()),
            ("action", action.to_owned()),
        ]
    };
    let mut post = |fields: Vec<(&'static str, String)>| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        owner.post(&path, &fields)
    };
    let why = "the basis was another contract";
    let short = post(form("typo", "as the second contract says", "correct", "0"));
    assert_eq!(short.status, 400);
    let text = short.text();
    assert!(text.contains("id=\"why-refused\"") && text.contains("as the second contract says</textarea>"), "{text}");
    let long = Box::leak("x".repeat(4001).into_boxed_str());
    let refused = post(form(why, long, "correct", "0"));
    assert!(refused.status == 400 && refused.text().contains("id=\"basis-refused\""), "{}", refused.text());
    assert_eq!(post(form(why, "as the contract says", "correct", "0")).status, 400, "nothing is changed");
    assert_eq!(post(form(why, "as the second contract says", "correct", "0")).status, 303);
    assert_eq!(
        post(form(why, "as the third contract says", "correct", "0")).status,
        409,
        "somebody has put it right since"
    );
    let shown = owner.get(&format!("/entries/{entry}")).text();
    assert!(shown.contains("as the second contract says") && shown.contains("as the contract says"), "{shown}");
    let timeline = owner.get("/customers/C-01/timeline").text();
    assert!(timeline.contains(&format!("href=\"/entries/{entry}\"")) && timeline.contains("Corrected or voided by"));
    assert!(owner.get(&path).text().contains("as the second contract says</textarea>"));
    let voided = hidden(&owner.get(&path).text(), "id");
    let fields = [("token", token.as_str()), ("id", &voided), ("named", "1"), ("why", why), ("action", "void")];
    assert_eq!(owner.post(&path, &fields).status, 303);
    assert!(owner.get(&format!("/entries/{entry}")).text().contains("Voided"));
    let mut keeper = Browser::signed_in(&served, "E-501", "zh-CN");
    assert!(keeper.get("/customers").text().contains("href=\"/corrections\""));
    let table = keeper.get("/corrections").text();
    assert!(
        table.contains(why) && table.contains("as the second contract says") && table.contains("更正与作废"),
        "{table}"
    );
    assert_eq!(owner.get("/corrections").status, 403);
}

#[test]
fn the_home_page_tells_what_is_due_and_what_waits_and_leads_to_the_forms() {
    let served = Served::new();
    let evidence = customer(&served);
    let promise = json!([{ "promise_id": "PR-1", "text": "drawings", "due": "2026-03-04", "responsible": "E-101" }]);
    let talked = json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
        "purpose": "care_bond", "summary": "Talked.", "major": false, "class": "C2", "promises": promise,
    } });
    served.admit("E-101", &talked);
    let grade = json!({ "type": "credit_grade.proposed", "data": {
        "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [evidence], "reason": REASON,
    } });
    served.admit("E-101", &grade);
    let mut salesperson = Browser::signed_in(&served, "E-101", "en");
    let page = salesperson.get("/").text();
    assert!(page.contains("Keep a promise") && page.contains("Heyuan Alloy Works"), "{page}");
    let (_, rest) = page.split_once("/propose/commitment.closed").unwrap();
    let link = rest.split('"').next().unwrap().replace("&amp;", "&");
    assert!(!salesperson.get("/").text().contains("/propose/obligation.extended"), "nobody gives themself more time");
    let form = salesperson.get(&format!("/propose/commitment.closed{link}")).text();
    assert!(form.contains("value=\"contact/C-01\"") && form.contains("value=\"PR-1\""), "{form}");
    let mut manager = Browser::signed_in(&served, "E-301", "zh-CN");
    let page = manager.get("/").text();
    assert!(page.contains("待我审批") && page.contains("/customers/C-01/grades"), "{page}");
    // Who decides sees from which grade to which, why, and on which evidence, by a link to its entry.
    let (_, waiting) = page.split_once("<article").unwrap();
    let (waiting, _) = waiting.split_once("</article>").unwrap();
    for told in ["等级</th>", "—", ">B<", "首次评定", REASON, "href=\"/entries/", &format!("title=\"{evidence}\"")]
    {
        assert!(waiting.contains(told), "{told}: {waiting}");
    }
    // Somebody above gives more time by a form of its own.
    let mut head = Browser::signed_in(&served, "E-201", "en");
    let page = head.get("/obligations?employee=E-101").text();
    let (_, rest) = page.split_once("/propose/obligation.extended?obligation=").unwrap();
    let obligation = rest.split(['&', '"']).next().unwrap().to_owned();
    let form = head.get(&format!("/propose/obligation.extended?obligation={obligation}")).text();
    let (token, id) = (hidden(&form, "token"), hidden(&form, "id"));
    let fields = [
        ("token", token.as_str()),
        ("id", &id),
        ("obligation", &obligation),
        ("new_due", "2026-03-09T18:00"),
        ("reason", "the customer agrees"),
    ];
    let sent = head.post("/propose/obligation.extended", &fields);
    assert_eq!(sent.status, 303, "{}", sent.text());
    assert!(salesperson.get("/").text().contains("2026-03-09 18:00"));
    served.test.clock.advance(Duration::from_secs(10 * 86_400));
    served.test.pass(0);
    let mut salesperson = Browser::signed_in(&served, "E-101", "en");
    assert!(salesperson.get("/overdue").text().contains("Overdue"));
    assert!(salesperson.get("/customers/C-01/promises").text().contains("drawings"));
    // Who gives no purpose, as an auditor must, is told so and leaves no denial.
    let size = served.test.ledger.state().size;
    let mut administrator = Browser::signed_in(&served, "E-002", "en");
    assert_eq!(administrator.get("/").status, 200);
    assert!(served.test.ledger.state().size >= size);
}

/// Where the tabs of a page lead.
fn tabs(page: &str) -> Vec<String> {
    let bars = page.split("<nav class=\"tabs\"").skip(1).filter_map(|rest| rest.split("</nav>").next());
    let links = bars.flat_map(|bar| bar.split("href=\"").skip(1)).filter_map(|rest| rest.split('"').next());
    links.map(|link| link.replace("&amp;", "&")).collect()
}

#[test]
fn tabs_lead_to_what_opens_for_their_reader_and_to_nothing_else() {
    let served = Served::new();
    customer(&served);
    let pages = ["/customers/C-01", "/customers/C-01/people", "/customers/C-01/trade", "/access", "/analysis"];
    for (who, opens, opens_not) in [("E-101", "/grades", "/reads"), ("E-501", "/timeline", "/grades")] {
        let mut browser = Browser::signed_in(&served, who, "en");
        let archive = tabs(&browser.get("/customers/C-01").text());
        let leads = |path: &str| archive.contains(&format!("/customers/C-01{path}"));
        assert_eq!((leads(opens), leads(opens_not)), (true, false), "{who}: {archive:?}");
        let mut shown: Vec<String> = pages
            .iter()
            .flat_map(|page| {
                let mut answer = browser.get(page);
                if answer.status == 303 {
                    answer = browser.get(answer.header("location")[0]);
                }
                tabs(&answer.text())
            })
            .collect();
        shown.sort();
        shown.dedup();
        for tab in &shown {
            assert_eq!(browser.get(tab).status, 200, "{who}: {tab}");
        }
        // Who states a purpose and may not read is not asked for one; the page says no more than that it does not open.
        let refused = browser.get(&format!("/customers/C-01{opens_not}"));
        assert_eq!(refused.status, 403);
        assert!(!refused.text().contains("Readings of credit") && !refused.text().contains("asked-purpose"), "{who}");
    }
    // What opens for a purpose alone has its tab, and its page asks.
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = None;
    let asking = auditor.get("/customers/C-01/grades");
    assert_eq!(asking.status, 403);
    assert!(
        asking.text().contains("id=\"asked-purpose\"") && asking.text().contains("value=\"/customers/C-01/grades\"")
    );
    auditor.purpose = Some("audit");
    assert_eq!(auditor.get("/customers/C-01/grades").status, 200);
}

#[test]
fn the_auditor_asks_three_questions_and_is_led_to_their_answers() {
    let served = Served::new();
    customer(&served);
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = Some("audit");
    let page = auditor.get("/questions").text();
    assert!(page.contains("name=\"customer\"") && page.contains("name=\"employee\"") && page.contains("type=\"date\""));
    let mut led = |question: &str| auditor.get(&format!("/questions?{question}"));
    assert!(led("ask=read").text().contains("Say which customer"), "of nobody nothing can be told");
    assert_eq!(led("ask=read&employee=E-101").header("location"), ["/employees/E-101/reads?"]);
    assert_eq!(led("ask=did&actor=E-101").header("location"), ["/employees/E-101/acts?"]);
    let named = json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": {
        "section": "basic", "changes": { "legal_representative": "Invented Head" }, "major": false,
        "learned_at": "2026-03-02T09:00:00+08:00" } });
    served.admit("E-101", &named);
    let mut owner = Browser::signed_in(&served, "E-101", "en");
    owner.get("/customers/C-01");
    served.test.ledger.settle();
    let reads = auditor.get("/employees/E-101/reads").text();
    assert!(reads.contains("href=\"/customers/C-01\""), "{reads}");
    assert!(!auditor.get("/employees/E-101/reads?until=2020-01-01").text().contains("href=\"/customers/C-01\""));
    let acts = auditor.get("/employees/E-101/acts?type=customer.registered").text();
    assert!(acts.contains("Customer registered") && acts.contains("E-101"), "{acts}");
    assert!(auditor.get("/employees/E-101/acts?type=sale.recorded").text().contains("Nothing recorded"));
    // What a reading says is said in people's words: the view, what for, and what was masked.
    let read = auditor.get("/employees/E-101/acts").text();
    let words = ["<dd>Customer archive</dd>", "<dd>Sales work</dd>", "<dt>Masked</dt><dd>Legal representative</dd>"];
    assert!(words.iter().all(|word| read.contains(word)), "{read}");
    assert!(!read.contains(">sales_work<") && !read.contains("legal_representative"), "{read}");
    assert_eq!(owner.get("/employees/E-103/acts").status, 403);
    let timeline = auditor.get("/customers/C-01/timeline?type=customer.registered").text();
    assert!(timeline.contains("<ol class=\"timeline\"><li>"));
    let of_others = auditor.get("/customers/C-01/timeline?type=sale.recorded&actor=E-103").text();
    assert!(of_others.contains("<ol class=\"timeline\"></ol>"));
    assert_eq!(auditor.get("/customers/C-01/timeline?from=yesterday").status, 400);
}

#[test]
fn the_home_page_tells_whoever_decides_of_requests_and_whoever_is_addressed_of_anomalies() {
    let served = Served::new();
    customer(&served);
    let home = |who: &str| Browser::signed_in(&served, who, "en").get("/").text();
    for who in ["E-201", "E-801"] {
        assert!(!home(who).contains("Requests for access") && !home(who).contains("Anomalies reported"), "{who}");
    }
    let now = served.test.clock_now();
    let request = json!({ "type": "access.requested", "data": {
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1"], "modes": ["view"], "from": now,
        "until": now.plus(Duration::from_secs(86_400)), "purpose": "comparing two bids" } });
    served.admit("E-103", &request);
    let anomaly = json!({ "type": "anomaly.reported", "data": {
        "kind": "credit", "customer_id": "C-01", "facts": "two instalments are late", "reported_to": ["E-801"] } });
    served.admit("E-401", &anomaly);
    assert!(
        home("E-201").contains("<a href=\"/access?show=waiting\">Requests for access to decide: 1</a>"),
        "{}",
        home("E-201")
    );
    assert!(
        home("E-801").contains("<a href=\"/access?view=anomalies\">Anomalies reported to me: 1</a>"),
        "{}",
        home("E-801")
    );
    assert!(!home("E-103").contains("Requests for access to decide"), "who asked does not decide");
}

#[test]
fn printing_and_taking_out_are_offered_to_whom_they_would_open_and_to_nobody_else() {
    let served = Served::new();
    customer(&served);
    let now = served.test.clock_now();
    let request = json!({ "type": "access.requested", "data": {
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1"], "modes": ["view", "print"], "from": now,
        "until": now.plus(Duration::from_secs(86_400)), "purpose": "comparing two bids" } });
    served.admit("E-112", &request);
    served.admit(
        "E-201",
        &json!({ "type": "access.decided", "subject": "grant/G-1",
            "data": { "decision": "granted", "classes": ["C1"], "reason": "needed for the tender" } }),
    );
    // Whoever may read only, both, or print by a grant that names printing.
    for (who, prints, exports) in [("E-101", false, false), ("E-801", true, true), ("E-112", true, false)] {
        let mut browser = Browser::signed_in(&served, who, "en");
        let card = browser.get("/customers/C-01/card").text();
        assert_eq!(card.contains("value=\"print\""), prints, "{who}: {card}");
        let documents = browser.get("/customers/C-01/documents").text();
        assert_eq!(documents.contains("/export/documents"), exports, "{who}: {documents}");
        let list = browser.get("/customers").text();
        assert_eq!(list.contains("/export/list"), exports, "{who}: {list}");
        assert_eq!(browser.get("/signoffs").text().contains("/export/signoffs"), exports, "{who}");
        // What is offered opens.
        let token = hidden(&card, "token");
        let purpose = [("token", token.as_str()), ("purpose", "management")];
        if prints {
            let sent = [purpose[0], purpose[1], ("as", "print")];
            assert_eq!(browser.post("/customers/C-01/card", &sent).status, 200, "{who}");
        }
        if exports {
            for (view, subject) in [("documents", "C-01"), ("list", ""), ("signoffs", "")] {
                let sent = [purpose[0], purpose[1], ("subject", subject), ("format", "csv")];
                assert_eq!(browser.post(&format!("/export/{view}"), &sent).status, 200, "{who}: {view}");
            }
        }
    }
    served.test.ledger.settle();
    let denied = served.get("E-902", "/v1/views/refusals").json();
    assert_eq!(denied["items"], json!([]), "to look leaves no denial");
}

/// What a page says to people: without its tags, and without what stands as code.
fn told(page: &str) -> String {
    let body = page.split_once("<main").map_or(page, |(_, body)| body);
    let parts = body.split("<code").enumerate().map(|(at, part)| match at {
        0 => part,
        _ => part.split_once("</code>").map_or("", |(_, rest)| rest),
    });
    let whole: String = parts.collect();
    let said = whole.split('<').enumerate().map(|(at, part)| match at {
        0 => part,
        _ => part.split_once('>').map_or("", |(_, said)| said),
    });
    said.collect::<Vec<_>>().join(" ")
}

/// The words of the ledger itself that no page shows as they are stored: values of closed lists, types, roles, views, streams.
fn raw() -> BTreeSet<&'static str> {
    fn values(kind: &Kind, raw: &mut BTreeSet<&'static str>) {
        match kind {
            Kind::Choice(choices) => raw.extend(choices.iter().map(|choice| choice.value)),
            Kind::List(inner) => values(inner, raw),
            Kind::Object(fields) => fields.iter().for_each(|field| values(&field.kind, raw)),
            _ => {}
        }
    }
    let mut raw: BTreeSet<&str> = BTreeSet::from(["system", "policy", "calendar", "ledger", "org"]);
    for kind in catalog::types() {
        raw.insert(kind.name);
        kind.fields.iter().for_each(|field| values(&field.kind, &mut raw));
    }
    raw.extend(projection::VIEWS.iter().map(|view| view.key));
    // Short ones are grades and classes; a unit of the company is called as a role is.
    raw.retain(|word| word.len() > 2 && *word != "accounting");
    raw
}

#[test]
fn no_chinese_page_shows_a_word_of_the_ledger_as_it_is_stored() {
    let served = Served::new();
    let register = json!({ "type": "customer.registered", "data": {
        "customer_id": "C-01", "name": "河源合金厂", "party": "end_user", "direct": true, "region": "north",
        "source": "visit", "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": "E-101" } });
    served.admit("E-101", &register);
    let classify = |dimension: &str, value: &str| {
        json!({ "type": "customer.classified", "subject": "customer/C-01",
            "data": { "dimension": dimension, "value": value, "basis": "见合同" } })
    };
    let evidence = served.admit("E-101", &classify("time", "future"))["id"].as_str().unwrap().to_owned();
    served.admit("E-101", &classify("nature", "steel_plant"));
    let now = served.test.clock_now();
    let soon = now.plus(Duration::from_secs(86_400));
    served.admit("E-103", &json!({ "type": "access.requested", "data": {
        "grant_id": "G-1", "customers": ["C-01"], "classes": ["C1", "C3"], "modes": ["view"], "from": now, "until": soon,
        "purpose": "比较两个投标" } }));
    served.admit(
        "E-501",
        &json!({ "type": "archive.borrowed", "data": {
        "loan_id": "L-1", "customer_id": "C-01", "borrower": "E-201", "sections": ["credit"], "purpose": "投标",
        "declaration": true, "until": "2026-03-05" } }),
    );
    served.admit(
        "E-401",
        &json!({ "type": "anomaly.reported", "data": {
        "kind": "credit", "customer_id": "C-01", "facts": "两期未付", "reported_to": ["E-801"] } }),
    );
    served.admit("E-101", &json!({ "type": "credit_grade.proposed", "data": {
        "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [evidence], "reason": "历次付款均在期前完成" } }));
    served.admit(
        "E-601",
        &json!({ "type": "policy.adopted", "data": {
        "unit": "hq", "presets": { "verify": "verify.annual" }, "parameters": { "p.backdate.hours": 48 },
        "effective_at": soon, "reason": "放宽补记" } }),
    );
    let talked = served.admit(
        "E-101",
        &json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
        "purpose": "care_bond", "summary": "谈到备件", "major": false, "class": "C2" } }),
    );
    served.admit(
        "E-101",
        &json!({ "type": "record.corrected", "data": { "target_event": talked["id"],
        "changes": [{ "path": "/channel", "new": "visit" }], "reason": "当日是上门拜访，不是电话联系" } }),
    );
    assert_eq!(served.get("E-101", "/v1/views/policy").status, 200);
    assert_eq!(served.get("E-901", "/v1/streams/policy").status, 200);
    assert_eq!(served.get("E-103", "/v1/customers/C-01/grades").status, 403);
    served.test.ledger.settle();
    let raw = raw();
    let mut faults = BTreeSet::new();
    for (who, pages) in [
        (
            "E-101",
            &[
                "/",
                "/customers/C-01",
                "/customers/C-01/timeline",
                "/customers/C-01/grades",
                "/customers",
                "/customers/C-01/work?view=classification",
                "/propose/customer.classified?subject=customer%2FC-01",
                "/propose/access.requested",
                "/propose",
                "/analysis/policy",
            ][..],
        ),
        ("E-501", &["/corrections"]),
        ("E-201", &["/", "/access", "/access?show=waiting", "/access?show=loans", "/analysis/classification"]),
        ("E-301", &["/", "/customers/C-01/grades"]),
        ("E-402", &["/access", "/access?view=anomalies"]),
        (
            "E-801",
            &["/", "/access?view=anomalies", "/access?view=refusals", "/staff", "/overdue", "/propose/policy.adopted"],
        ),
        (
            "E-901",
            &[
                "/reads",
                "/questions",
                "/customers/C-01/reads",
                "/employees/E-101/acts",
                "/employees/E-101/reads",
                "/employees/E-601/acts",
                "/employees/E-103/acts",
                "/analysis/grade_audit",
                "/analysis/sod?all=true",
            ],
        ),
        ("E-902", &["/access?view=refusals", "/reads"]),
    ] {
        let mut browser = Browser::signed_in(&served, who, "zh-CN");
        browser.purpose = Some("audit");
        for path in pages {
            let page = browser.get(path);
            assert_eq!(page.status, 200, "{who} {path}");
            let said = told(&page.text());
            let words = said.split(|c: char| !(c.is_ascii_alphanumeric() || "._-/".contains(c)));
            let shown = words.map(|word| word.trim_matches(['.', '-', '/', '_'])).filter(|word| raw.contains(word));
            faults.extend(shown.map(|word| format!("{path}: {word}")));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn what_depends_on_another_field_or_on_the_policy_is_chosen_and_shown_in_the_readers_language() {
    let served = Served::new();
    customer(&served);
    let mut owner = Browser::signed_in(&served, "E-101", "zh-CN");
    let path = "/propose/customer.classified";
    let form = owner.get(&format!("{path}?subject=customer%2FC-01&dimension=weight")).text();
    let (_, choices) = form.split_once("<select id=\"value\"").unwrap();
    let (choices, _) = choices.split_once("</select>").unwrap();
    assert!(choices.contains("<optgroup label=\"主次\"><option value=\"main\">主力</option>"), "{choices}");
    assert!(choices.find("主次") < choices.find("性质"), "those of the dimension chosen come first: {choices}");
    assert!(choices.contains("<option value=\"steel_plant\">钢厂</option>"));
    let sent = |value: &str, other: &str, dimension: &str| {
        [
            ("subject", "customer/C-01"),
            ("dimension", dimension),
            ("value", value),
            ("value.other", other),
            ("basis", "x"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    for (value, other, dimension) in [("main", "", "weight"), ("", "冶金", "industry")] {
        let form = owner.get(path).text();
        let mut fields: BTreeMap<&str, String> = sent(value, other, dimension).into();
        fields.insert("token", hidden(&form, "token"));
        fields.insert("id", hidden(&form, "id"));
        let answer = post(&mut owner, path, &fields);
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    let timeline = owner.get("/customers/C-01/timeline").text();
    assert!(timeline.contains("主力") && timeline.contains("冶金") && !timeline.contains(">main<"), "{timeline}");
    // Grades are those of the policy in force, regions those of the units, classes asked for are ticked.
    for (who, form, choice) in [
        ("E-101", "credit_grade.proposed", "<select id=\"to\""),
        ("E-101", "business_grade.proposed", "<select id=\"to\""),
        ("E-401", "trade_terms.set", "<select id=\"credit_grade\""),
        ("E-401", "credit_review.recorded", "<select id=\"grade\""),
        ("E-101", "customer.registered", "<option value=\"north\">"),
        ("E-103", "access.requested", "type=\"checkbox\" name=\"classes\" value=\"C1\""),
    ] {
        let page = Browser::signed_in(&served, who, "en").get(&format!("/propose/{form}")).text();
        assert!(page.contains(choice), "{form}: {page}");
    }
    let now = served.test.clock_now();
    let adopted = json!({ "type": "policy.adopted", "data": { "unit": "hq", "presets": {},
        "parameters": { "p.grade.credit_scale": "AAA,AA,A", "p.credit.limit_table": "AAA=2,AA=1" }, "effective_at": now.plus(Duration::from_secs(60)), "reason": "x" } });
    let request = served.admit("E-601", &adopted);
    let given = json!({ "type": "approval.given", "data": { "request_id": request["id"] } });
    served.admit("E-801", &given);
    served.test.clock.advance(Duration::from_secs(120));
    let page = Browser::signed_in(&served, "E-101", "en").get("/propose/credit_grade.proposed").text();
    assert!(page.contains("<option value=\"AAA\">AAA</option>") && !page.contains("<option value=\"B\">"), "{page}");
}

#[test]
fn the_policy_in_force_is_shown_and_a_draft_sets_only_what_is_changed() {
    let served = Served::new();
    customer(&served);
    let path = "/analysis/policy";
    for (language, shown) in [
        ("en", ["Credit limit of each credit grade", "¥5,000,000.00", "default"]),
        ("zh-CN", ["各信用等级的信用额度", "¥5,000,000.00", "默认"]),
    ] {
        let mut reader = Browser::signed_in(&served, "E-101", language);
        let page = reader.get(path).text();
        for told in shown {
            assert!(page.contains(told), "{told}: {page}");
        }
        assert!(!page.contains("/propose/policy.adopted"), "not theirs to draft");
        assert!(tabs(&reader.get("/analysis/composition").text()).contains(&path.to_owned()));
    }
    let mut director = Browser::signed_in(&served, "E-601", "zh-CN");
    assert!(director.get(path).text().contains("/propose/policy.adopted?back=%2Fanalysis%2Fpolicy&amp;unit=hq"));
    let form = director.get("/propose/policy.adopted?unit=hq").text();
    assert!(form.contains("name=\"parameters.p.backdate.hours\" value=\"24\""), "{form}");
    assert!(form.contains("<option value=\"verify.quarterly\" selected>"), "{form}");
    assert!(form.contains("<option value=\"hq\" selected>"), "{form}");
    assert!(!form.contains("<textarea id=\"parameters\""), "{form}");
    // Every field as the form had it, but those that are changed.
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    for input in form.split("<input ").skip(1).filter_map(|rest| rest.split('>').next()) {
        let said = |name: &str| Some(input.split_once(&format!("{name}=\""))?.1.split('"').next()?.to_owned());
        fields.extend(said("name").zip(said("value")));
    }
    let changed = [
        ("parameters.p.backdate.hours", "48"),
        ("presets.verify", "verify.annual"),
        ("effective_at", "2026-03-05T08:00"),
        ("reason", "放宽补记"),
        ("unit", "hq"),
    ];
    fields.extend(changed.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let mut send = |fields: &BTreeMap<String, String>| {
        let sent: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        director.post("/propose/policy.adopted", &sent)
    };
    let mut wrong = fields.clone();
    wrong.insert("parameters.p.backdate.hours".into(), "many".into());
    let refused = send(&wrong);
    let text = refused.text();
    assert_eq!(refused.status, 400, "{text}");
    assert!(text.contains("value=\"many\"") && text.contains("id=\"parameters.p.backdate.hours-refused\""), "{text}");
    wrong = fields.clone();
    wrong.insert("parameters.p.grade.credit_scale".into(), "AAA,AA".into());
    let refused = send(&wrong);
    let text = refused.text();
    assert_eq!(refused.status, 422, "{text}");
    let said =
        text.split_once("id=\"parameters.p.credit.limit_table-refused\"").unwrap().1.split("</p>").next().unwrap();
    assert!(said.contains("AAA, AA") && said.contains("等级"), "{said}");
    let entered = send(&fields);
    assert_eq!(entered.status, 303, "{}", entered.text());
    let waiting = Browser::signed_in(&served, "E-801", "zh-CN").get("/").text();
    let (_, waiting) = waiting.split_once("<article").unwrap();
    let (waiting, _) = waiting.split_once("</article>").unwrap();
    assert!(waiting.contains("每年核查") && waiting.contains("48") && !waiting.contains("流失"), "{waiting}");
    let request = waiting.split("request_id=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": request } }));
    served.test.clock.advance(Duration::from_secs(4 * 86_400));
    let page = Browser::signed_in(&served, "E-101", "zh-CN").get(path).text();
    let (_, row) = page.split_once("<code>p.backdate.hours</code>").unwrap();
    assert!(row.split("</tr>").next().unwrap().contains("48") && page.contains("放宽补记"), "{page}");
}

#[test]
fn whoever_audits_finds_on_a_page_who_did_two_steps() {
    let served = Served::new();
    let evidence = customer(&served);
    let proposed =
        json!({ "customer_id": "C-01", "to": "B", "trigger": "initial", "evidence": [evidence], "reason": REASON });
    served.admit("E-101", &json!({ "type": "credit_grade.proposed", "data": proposed }));
    for (who, language, none) in
        [("E-901", "en", "1 processes were examined"), ("E-902", "zh-CN", "共检查 1 个审批流程")]
    {
        let mut browser = Browser::signed_in(&served, who, language);
        browser.purpose = Some("audit");
        assert!(browser.get("/questions").text().contains("href=\"/analysis/sod\""), "{who}");
        let page = browser.get("/analysis/sod").text();
        assert!(page.contains(none) && !page.contains("/customers/C-01/grades"), "{page}");
        let all = browser.get("/analysis/sod?all=true").text();
        assert!(all.contains("/customers/C-01/grades?of=credit") && all.contains("E-101"), "{all}");
    }
    assert_eq!(Browser::signed_in(&served, "E-101", "en").get("/analysis/sod").status, 403);
}

#[test]
fn whoever_knows_a_customers_people_goes_on_from_each_of_them() {
    let served = Served::new();
    customer(&served);
    let buyer = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "Invented Buyer", "position": "Buyer" });
    served.admit("E-101", &json!({ "type": "person.recorded", "data": buyer }));
    let forms = ["person.updated", "consent.recorded", "relationship.assessed"];
    let page = Browser::signed_in(&served, "E-101", "zh-CN").get("/customers/C-01/people").text();
    assert!(page.contains("登记同意") && page.contains("/propose/person.recorded?customer_id=C-01"), "{page}");
    for form in forms {
        let address = format!("/propose/{form}?subject=person%2FP-1&amp;back=%2Fcustomers%2FC-01%2Fpeople");
        assert!(page.contains(&address), "{form}: {page}");
        let form = Browser::signed_in(&served, "E-101", "en").get(&address.replace("&amp;", "&")).text();
        assert!(form.contains("name=\"subject\" value=\"person/P-1\""), "{form}");
    }
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = Some("audit");
    let page = auditor.get("/customers/C-01/people");
    assert!(page.status == 200 && forms.iter().all(|form| !page.text().contains(form)), "{}", page.text());
    // Of whoever may not be processed nothing more is recorded.
    let hold = json!({ "type": "legal_hold.placed", "subject": "person/P-1", "data": { "matter": "a dispute over a delivery" } });
    served.admit("E-902", &hold);
    let page = Browser::signed_in(&served, "E-101", "en").get("/customers/C-01/people").text();
    assert!(forms.iter().all(|form| !page.contains(&format!("{form}?subject"))), "{page}");
}

#[test]
fn a_contact_is_at_first_ones_own_and_of_now() {
    let served = Served::new();
    customer(&served);
    let mut owner = Browser::signed_in(&served, "E-101", "en");
    let form = owner.get(CONTACT).text();
    let now = served.test.clock_now();
    let wall = dossier::clock::Zone::default().wall(now).replace(' ', "T");
    assert!(form.contains(&format!("name=\"at\" type=\"datetime-local\" value=\"{}\"", &wall[..16])), "{form}");
    let (_, people) = form.split_once("<textarea id=\"our_people\"").unwrap();
    assert!(people.split("</textarea>").next().unwrap().ends_with("E-101"), "{people}");
    // Who puts it right is not put right again.
    let wrong = with(&contact(&form), &[("our_people", "E-102"), ("at", ""), ("summary", "")]);
    let again = post(&mut owner, CONTACT, &wrong).text();
    assert!(
        again.contains(">E-102</textarea>") && again.contains("name=\"at\" type=\"datetime-local\" value=\"\""),
        "{again}"
    );
}

#[test]
fn every_page_about_a_customer_is_headed_by_its_name_and_leads_back_to_the_archive() {
    let served = Served::new();
    customer(&served);
    let individual = json!({ "customer_id": "C-02", "name": "Invented Person", "direct": true,
        "region": "north", "source": "visit", "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": "E-101" });
    served.admit("E-101", &json!({ "type": "customer.individual_registered", "data": individual }));
    let mut owner = Browser::signed_in(&served, "E-101", "en");
    let size = |served: &Served| served.test.ledger.state().size;
    for path in
        ["timeline", "documents", "people", "trade", "work", "card", "grades", "promises", "changes?field=owner"]
    {
        let before = size(&served);
        let page = owner.get(&format!("/customers/C-01/{path}")).text();
        let (_, head) = page.split_once("<h1>").unwrap();
        assert!(head.starts_with("Heyuan Alloy Works · "), "{path}: {head}");
        assert!(page.contains("<a href=\"/customers/C-01\">← Archive</a>"), "{path}: {page}");
        let entered = size(&served) - before;
        let shown = if path.starts_with("changes") { 3 } else { 1 };
        assert!(entered <= shown, "{path}: to head a page is no reading of its own: {entered}");
        let page = owner.get(&format!("/customers/C-02/{path}")).text();
        assert!(page.contains("<h1>C-02 · ") && !page.contains("Invented Person"), "{path}: {page}");
    }
    assert!(!owner.get("/customers/C-01").text().contains("←"));
    let page = owner.get("/employees/E-101/acts").text();
    assert!(page.contains("<h1>E-101 · "), "{page}");
}

#[test]
fn whoever_decides_on_a_request_sees_in_the_form_what_it_is() {
    let served = Served::new();
    customer(&served);
    let soon = served.test.clock_now().plus(Duration::from_secs(86_400));
    let adopted = json!({ "unit": "hq", "presets": { "verify": "verify.annual" }, "parameters": { "p.backdate.hours": 48 },
        "effective_at": soon, "reason": "to give more time" });
    let request = served.admit("E-601", &json!({ "type": "policy.adopted", "data": adopted }));
    let mut manager = Browser::signed_in(&served, "E-801", "en");
    let path = format!("request_id={}", request["id"].as_str().unwrap());
    for form in ["approval.given", "approval.declined"] {
        let page = manager.get(&format!("/propose/{form}?{path}")).text();
        for told in ["Policy adopted", "E-601", "Once a year", "to give more time", "Hours after which"] {
            assert!(page.contains(told), "{form} {told}: {page}");
        }
    }
    // What is refused shows it again; whoever has no such request before them is shown none.
    let token = hidden(&manager.get("/propose/approval.declined").text(), "token");
    let id = request["id"].as_str().unwrap();
    let refused = manager.post("/propose/approval.declined", &[("token", &token), ("request_id", id), ("reason", "")]);
    assert!(refused.status == 400 && refused.text().contains("to give more time"), "{}", refused.text());
    let other = Browser::signed_in(&served, "E-101", "en").get(&format!("/propose/approval.given?{path}"));
    assert!(other.status == 200 && !other.text().contains("to give more time"), "{}", other.text());
}

#[test]
fn what_waits_on_the_home_page_is_called_by_what_it_is() {
    let served = Served::new();
    customer(&served);
    for (language, decide, sign) in
        [("en", "Approvals to decide", "Forms to sign off"), ("zh-CN", "待我审批的事项", "待我签核的单据")]
    {
        let page = Browser::signed_in(&served, "E-301", language).get("/").text();
        let heads: Vec<&str> = page.split("<h2>").skip(1).filter_map(|rest| rest.split("</h2>").next()).collect();
        assert!(heads.contains(&decide) && heads.contains(&sign), "{heads:?}");
        assert_eq!(heads.iter().collect::<BTreeSet<_>>().len(), heads.len(), "{heads:?}");
    }
}

#[test]
fn an_auditor_learns_who_set_any_value_of_an_archive() {
    let served = Served::new();
    customer(&served);
    let renamed = json!({ "section": "basic", "changes": { "name": "Heyuan Alloy Group" },
        "learned_at": "2026-03-02T09:00:00+08:00", "major": false });
    let update = served
        .admit("E-101", &json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": renamed }));
    let assigned = json!({ "owner": "E-102", "co_contacts": [], "reason": "reassignment",
        "effective_at": served.test.clock_now().plus(Duration::from_secs(60)) });
    served.admit("E-201", &json!({ "type": "customer.owner_assigned", "subject": "customer/C-01", "data": assigned }));
    served.test.clock.advance(Duration::from_secs(120));
    served.test.ledger.settle();
    let mut auditor = Browser::signed_in(&served, "E-901", "en");
    auditor.purpose = Some("audit");
    let form = auditor.get("/questions").text();
    assert!(
        form.contains("<option value=\"owner\">") && form.contains("<option value=\"terms.credit_limit\">"),
        "{form}"
    );
    let mut ask = |of: &str| {
        let led = auditor.get(&format!("/questions?ask=changed&customer=C-01&of={of}"));
        let page = auditor.get(led.header("location")[0]);
        assert_eq!(page.status, 200, "{of}: {}", page.text());
        page.text()
    };
    let row = |page: &str, at: usize| {
        page.split("<tr").nth(at + 2).unwrap_or_default().split("</tr>").next().unwrap().to_owned()
    };
    let name = ask("name");
    let newest = row(&name, 0);
    for told in ["Heyuan Alloy Works", "Heyuan Alloy Group", "In force", "E-101"] {
        assert!(newest.contains(told), "{told}: {newest}");
    }
    assert!(newest.contains(&format!("/entries/{}\"", update["index"])), "{newest}");
    assert!(!row(&name, 1).contains("In force") && row(&name, 1).contains("Heyuan Alloy Works"), "{name}");
    let owner = ask("owner");
    assert!(
        row(&owner, 0).contains("E-102") && row(&owner, 0).contains("E-201") && row(&owner, 0).contains("Reassignment"),
        "{owner}"
    );
    let class = ask("class.time");
    assert!(row(&class, 0).contains("New") && row(&class, 0).contains("as the contract says"), "{class}");
    assert!(ask("terms.credit_limit").contains("Nothing recorded"));
    assert_eq!(auditor.get("/customers/C-01/changes?field=reason").status, 404);
    assert_eq!(Browser::signed_in(&served, "E-103", "en").get("/customers/C-01/changes?field=name").status, 403);
}

#[test]
fn whoever_may_record_appraisals_and_violations_is_led_to_their_forms() {
    let served = Served::new();
    for (path, kind) in [("/analysis/appraisals", "appraisal.recorded"), ("/analysis/discipline", "violation.recorded")]
    {
        let address = format!("/propose/{kind}?back={}", path.replace('/', "%2F"));
        let types = |who: &str| served.test.ledger.proposable(&principal(who), None).iter().any(|one| one.name == kind);
        let mut found = 0;
        for who in ["E-001", "E-201", "E-801", "E-901", "E-902"] {
            let page = Browser::signed_in(&served, who, "en").get(path);
            if page.status == 200 {
                assert_eq!(page.text().contains(&address), types(who), "{who} {path}: {}", page.text());
                found += usize::from(types(who));
            }
        }
        assert!(found > 0, "{path}");
    }
}

#[test]
fn nobody_is_refused_what_the_navigation_leads_to() {
    let served = Served::new();
    let evidence = customer(&served);
    let requested = json!({ "type": "access.requested", "data": {
        "customers": ["C-01"], "classes": ["C1"], "modes": ["view"], "from": served.test.clock_now(),
        "until": served.test.clock_now().plus(Duration::from_secs(86_400)), "purpose": "comparing two bids" } });
    served.admit("E-103", &requested);
    let reported = json!({ "type": "anomaly.reported", "data": {
        "kind": "credit", "customer_id": "C-01", "facts": format!("see {evidence}"), "reported_to": ["E-801"] } });
    served.admit("E-401", &reported);
    let mut wrong = Vec::new();
    for (who, ..) in STAFF {
        for (language, purpose) in [("en", None), ("zh-CN", Some("management"))] {
            let mut browser = Browser::signed_in(&served, who, language);
            browser.purpose = purpose;
            let home = browser.get("/");
            assert_eq!(home.status, 200, "{who}");
            let text = home.text();
            let (_, nav) = text.split_once("<nav").unwrap();
            let (nav, _) = nav.split_once("</nav>").unwrap();
            for link in nav.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let mut page = browser.get(link);
                if page.status == 303 {
                    page = browser.get(page.header("location")[0]);
                }
                // Whoever has not said what they read for is asked.
                let asked = purpose.is_none() && page.text().contains("id=\"asked-purpose\"");
                if page.status != 200 && !asked {
                    wrong.push(format!("{who} {purpose:?} {link}: {}", page.status));
                }
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
    // A name leads to the archive where that would open, and so it does in what is found.
    for (who, opens) in [("E-101", true), ("E-103", false), ("E-002", false)] {
        let mut browser = Browser::signed_in(&served, who, "en");
        let token = hidden(&browser.get("/propose").text(), "token");
        for page in
            [browser.get("/customers").text(), browser.post("/search", &[("token", &token), ("q", "C-01")]).text()]
        {
            assert_eq!(page.contains("href=\"/customers/C-01\""), opens, "{who}: {page}");
        }
    }
}
