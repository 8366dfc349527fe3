//! Key persons through the HTTP API: sealed, masked, opened for a purpose, and private data by consent alone.

use dossier::access::principal::Purpose;
use dossier::domain::Code;
use dossier::ledger::Asked;
use dossier::projection;
use serde_json::{Value, json};

use crate::support::http::Served;
use crate::support::{TestLedger, principal, proposal};

const CARE: &str = "relationship_care";

fn person(id: &str, name: &str) -> Value {
    json!({ "type": "person.recorded", "data": {
        "person_id": id, "customer_id": "C-01", "name": name, "position": "Head of purchasing", "function": "principal",
        "office_phone": "0531 8000 0101",
    } })
}

fn consent(id: &str, purpose: &str, status: &str) -> Value {
    json!({ "type": "consent.recorded", "subject": format!("person/{id}"),
        "data": { "purpose": purpose, "status": status, "method": "written" } })
}

fn private(id: &str) -> Value {
    json!({ "type": "person.updated", "subject": format!("person/{id}"), "data": {
        "changes": { "hobbies": "calligraphy", "age": 52, "important_dates": [{ "label": "birthday", "date": "1974-05-01" }] },
        "learned_at": "2026-03-02T09:00:00+08:00",
    } })
}

fn assessed(id: &str, percent: u8) -> Value {
    json!({ "type": "relationship.assessed", "subject": format!("person/{id}"), "data": {
        "our_person": "E-101", "our_title": "sales engineer", "decision_role": "decides", "decision_power_percent": percent,
        "attitude": "not_established", "project": "substation",
    } })
}

/// A customer of E-101 with one key person.
fn one_person() -> Served {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    let served = Served::of(test);
    served.admit("E-101", &person("P-1", "Invented Buyer"));
    served
}

fn row(served: &Served, who: &str, view: &str, more: &str) -> Value {
    let answer = served.get(who, &format!("/v1/views/{view}?subject=C-01{more}"));
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()["items"][0].clone()
}

#[test]
fn a_person_is_masked_until_opened_for_a_purpose() {
    let served = one_person();
    let masked = row(&served, "E-101", "people", "");
    assert_eq!(
        (&masked["person_id"], &masked["name"], &masked["function"]),
        (&json!("P-1"), &json!("•••"), &json!("•••"))
    );
    let opened = row(&served, "E-101", "people", "&reveal=true");
    assert_eq!((&opened["name"], &opened["office_phone"]), (&json!("Invented Buyer"), &json!("0531 8000 0101")));
    let archive = served.get("E-101", "/v1/customers/C-01?reveal=true").json();
    assert_eq!(archive["persons"][0]["name"], "Invented Buyer");
    let card = served.get("E-101", "/v1/views/card?subject=C-01&reveal=true").json();
    assert_eq!(card["principals"][0]["position"], "Head of purchasing");
    // Both readings are entered, and say which fields were masked.
    let log = served.get("E-902", "/v1/customers/C-01/reads").json();
    let people = log["items"].as_array().unwrap().iter().filter(|read| read["view"] == "people");
    let masked: Vec<bool> = people.map(|read| read["masked"].to_string().contains("name")).collect();
    assert_eq!(masked, [false, true], "newest first: {log}");
    // Nothing is opened for nothing.
    let aimless = served.request("E-101", "GET", "/v1/views/people?subject=C-01&reveal=true", &[], b"");
    assert_eq!(aimless.problem(), (403, "E_FORBIDDEN".into(), "R-059".into()));
    // Of another region's people not even a mask is shown; who only checks trade sees masks whatever is asked.
    assert_eq!(served.get("E-103", "/v1/views/people?subject=C-01").status, 403);
    assert_eq!(row(&served, "E-401", "people", "&reveal=true")["name"], "•••");
    assert_eq!(served.get("E-901", "/v1/streams/person/P-1").status, 200);
    assert_eq!(served.get("E-103", "/v1/streams/person/P-1").status, 403);
    assert_eq!(served.get("E-101", "/v1/streams/person/P-9").status, 404);
}

#[test]
fn private_data_come_after_consent_and_go_with_it() {
    let served = one_person();
    let refused = (422, "E_RULE".to_owned(), "R-046".to_owned());
    assert_eq!(served.refuse("E-101", &private("P-1")), refused);
    let mut eager = person("P-2", "Another Buyer");
    eager["data"]["family"] = json!("two children");
    assert_eq!(served.refuse("E-101", &eager), refused);
    served.admit("E-101", &consent("P-1", CARE, "given"));
    served.admit("E-101", &private("P-1"));
    let opened = row(&served, "E-101", "people", "&reveal=true");
    assert_eq!((&opened["age"], &opened["important_dates"][0]["date"]), (&json!(52), &json!("1974-05-01")));
    // Who may see who a person is may not see what is the person's own.
    let manager = row(&served, "E-301", "people", "&reveal=true");
    assert_eq!((&manager["name"], &manager["hobbies"]), (&json!("Invented Buyer"), &json!("•••")));
    let before = served.test.ledger.state().size - 1;
    served.admit("E-101", &consent("P-1", CARE, "withdrawn"));
    let withdrawn = row(&served, "E-101", "people", "&reveal=true");
    assert!(withdrawn["hobbies"].as_str().unwrap().starts_with("consent withdrawn"), "{withdrawn}");
    assert_eq!(withdrawn["consents"][0]["status"], "withdrawn");
    // Consent is to the use, and the use would be now: neither the moment before nor the entries themselves open it.
    let then = row(&served, "E-101", "people", &format!("&reveal=true&as_of={before}"));
    assert!(then["hobbies"].as_str().unwrap().starts_with("consent withdrawn"), "{then}");
    for stream in ["person/P-1", "customer/C-01"] {
        let timeline = served.get("E-101", &format!("/v1/streams/{stream}?reveal=true"));
        assert!(timeline.status == 200 && !timeline.text().contains("calligraphy"), "{stream}: {}", timeline.text());
    }
    assert_eq!(served.refuse("E-101", &private("P-1")), refused);
}

#[test]
fn what_may_go_to_a_third_party_is_what_its_person_has_agreed_to() {
    let served = one_person();
    let to = |party: &str, status: &str| {
        let mut consent = consent("P-1", "third_party_disclosure", status);
        consent["data"]["third_party"] = json!(party);
        consent
    };
    let agreed = |party: &str| {
        let held = row(&served, "E-902", "personal_data", "&reveal=true");
        let of_party = held["consents"].as_array().unwrap().iter().find(|consent| consent["third_party"] == party);
        of_party.map_or(Value::Null, |consent| consent["status"].clone())
    };
    // To whom is said each time: there is no consent to anybody whatever.
    let anybody = consent("P-1", "third_party_disclosure", "given");
    assert_eq!(served.refuse("E-101", &anybody), (400, "E_SCHEMA".to_owned(), "R-046".to_owned()));
    assert_eq!(agreed("Anping Bank"), Value::Null);
    served.admit("E-101", &to("Anping Bank", "given"));
    assert_eq!((agreed("Anping Bank"), agreed("Linhai Insurers")), (json!("given"), Value::Null));
    served.admit("E-101", &to("Linhai Insurers", "refused"));
    served.admit("E-101", &to("Anping Bank", "withdrawn"));
    assert_eq!((agreed("Anping Bank"), agreed("Linhai Insurers")), (json!("withdrawn"), json!("refused")));
    // Nor does who looks after the customer take anything of it along without having been given leave.
    for who in ["E-101", "E-102"] {
        let taken = served.get(who, "/v1/views/people?subject=C-01&format=csv");
        assert_eq!(taken.problem(), (403, "E_FORBIDDEN".to_owned(), "R-050".to_owned()), "{who}");
    }
}

#[test]
fn who_somebody_is_and_what_was_agreed_can_be_told_in_one_batch() {
    let served = one_person();
    let batch = json!([person("P-2", "Another Buyer"), consent("P-2", CARE, "given"), private("P-2")]);
    let answer = served.post("E-101", &batch);
    assert_eq!(answer.status, 201, "{}", answer.text());
    let twins = json!([person("P-3", "One Name"), person("P-4", " one  NAME")]);
    assert_eq!(served.post("E-101", &twins).problem(), (409, "E_CONFLICT".into(), "R-031".into()));
}

#[test]
fn two_people_of_a_customer_do_not_share_a_name_however_it_is_written() {
    let served = one_person();
    let conflict = (409, "E_CONFLICT".to_owned(), "R-031".to_owned());
    assert_eq!(served.refuse("E-101", &person("P-2", "ＩNVENTED  buyer")), conflict);
    served.admit("E-101", &person("P-2", "Another Buyer"));
    let rename = |name: &str| {
        json!({ "type": "person.updated", "subject": "person/P-2",
            "data": { "changes": { "name": name }, "learned_at": "2026-03-02T09:00:00+08:00" } })
    };
    assert_eq!(served.refuse("E-101", &rename("Invented Buyer")), conflict);
    served.admit("E-101", &rename("Renamed Buyer"));
    assert_eq!(served.refuse("E-101", &person("P-3", "Renamed Buyer")), conflict);
    served.admit("E-101", &person("P-3", "Another Buyer"));
}

#[test]
fn of_two_who_record_the_same_name_at_the_same_time_one_wins() {
    let test = TestLedger::new();
    test.customer("C-01", "Heyuan Alloy Works");
    for round in 0..20 {
        let record = |id: &str| {
            let data = json!({ "person_id": id, "customer_id": "C-01", "name": format!("Buyer {round}") });
            vec![proposal("person.recorded", None, data)]
        };
        let asker = principal("E-101");
        let (one, other) = (format!("P-{round}-1"), format!("P-{round}-2"));
        let answers = test.block_on(async {
            tokio::join!(test.ledger.submit(&asker, record(&one)), test.ledger.submit(&asker, record(&other)))
        });
        let won = [&answers.0, &answers.1].iter().filter(|answer| answer.is_ok()).count();
        assert_eq!(won, 1, "{answers:?}");
    }
    assert_eq!(test.ledger.state().world.person.people.len(), 20);
    let again = proposal("person.recorded", None, json!({ "customer_id": "C-01", "name": "buyer 7" }));
    assert_eq!(test.refuse("E-101", again).0, Code::E_CONFLICT);
}

#[test]
fn how_people_stand_to_us_is_shown_and_a_sum_above_a_hundred_is_marked() {
    let served = one_person();
    served.admit("E-101", &person("P-2", "Another Buyer"));
    served.admit("E-101", &assessed("P-1", 70));
    let alone = row(&served, "E-101", "decision_roles", "");
    assert_eq!((&alone["influence"], &alone["sum_above_100"]), (&json!(70), &json!(false)));
    served.admit("E-101", &assessed("P-2", 40));
    assert_eq!(row(&served, "E-101", "decision_roles", "")["sum_above_100"], true);
    let first = row(&served, "E-101", "relations", "&reveal=true");
    assert_eq!((&first["attitude"], &first["met"]), (&json!("not_established"), &json!(false)));
    use dossier::clock::Clock as _;
    served.admit("E-101", &json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
        "direction": "outbound", "channel": "phone", "at": served.test.clock.now().to_string(), "our_people": ["E-101"],
        "their_people": ["P-1"], "purpose": "care_bond", "summary": "Talked about the substation.", "major": false, "class": "C2",
    } }));
    assert_eq!(row(&served, "E-101", "relations", "")["met"], true);
    assert_eq!(served.get("E-401", "/v1/views/relations?subject=C-01").status, 403);
    // The sum is over the customer, whatever the projects; who has left has no share in it.
    let mut elsewhere = assessed("P-2", 20);
    elsewhere["data"]["project"] = json!("another");
    served.admit("E-101", &elsewhere);
    assert_eq!(row(&served, "E-101", "decision_roles", "")["sum_above_100"], false);
    elsewhere["data"]["decision_power_percent"] = json!(60);
    served.admit("E-101", &elsewhere);
    assert_eq!(row(&served, "E-101", "decision_roles", "")["sum_above_100"], true);
    served.admit(
        "E-101",
        &json!({ "type": "person.updated", "subject": "person/P-2",
        "data": { "changes": {}, "status": "left", "learned_at": "2026-03-02T09:00:00+08:00" } }),
    );
    assert_eq!(row(&served, "E-101", "decision_roles", "")["sum_above_100"], false);
}

#[test]
fn the_annexes_name_the_unit_and_the_basics_name_whom_to_talk_to() {
    let served = one_person();
    let mut other = person("P-2", "Another Buyer");
    other["data"]["mobile"] = json!("139 0000 0102");
    served.admit("E-101", &other);
    served.admit("E-101", &assessed("P-1", 70));
    for view in ["people", "relations", "decision_roles"] {
        assert_eq!(row(&served, "E-101", view, "")["unit_name"], "Heyuan Alloy Works", "{view}");
    }
    served.admit("E-101", &consent("P-1", CARE, "given"));
    served.admit(
        "E-101",
        &json!({ "type": "person.updated", "subject": "person/P-1",
        "data": { "changes": { "home_phone": "0531 8000 0199" }, "learned_at": "2026-03-02T09:00:00+08:00" } }),
    );
    // Computed by hand: the address of the customer, both people, their numbers; the one at home is private.
    let opened = row(&served, "E-101", "basics", "&reveal=true");
    let phones = json!([
        { "name": "Invented Buyer", "office_phone": "0531 8000 0101", "home_phone": "0531 8000 0199" },
        { "name": "Another Buyer", "office_phone": "0531 8000 0101", "mobile": "139 0000 0102" },
    ]);
    let contacts = json!([
        { "name": "Invented Buyer", "position": "Head of purchasing" },
        { "name": "Another Buyer", "position": "Head of purchasing" },
    ]);
    assert_eq!(
        opened,
        json!({ "unit_name": "Heyuan Alloy Works", "location": "1 Station Road", "main_contacts": contacts, "phones": phones })
    );
    assert_eq!(row(&served, "E-301", "basics", "&reveal=true")["phones"][0]["home_phone"], "•••");
    // All its branches and subsidiaries as they were said last.
    for institutions in [
        json!([{ "name": "Heyuan Castings", "tie": "branch" }]),
        json!([{ "name": "Heyuan Castings", "tie": "subsidiary" }, { "name": "Heyuan Trade", "tie": "other", "location": "2 Harbor Street" }]),
    ] {
        let changes = json!({ "institutions": institutions });
        let data = json!({ "section": "basic", "changes": changes, "learned_at": "2026-03-02T09:00:00+08:00", "major": false });
        served.admit("E-101", &json!({ "type": "customer.profile_updated", "subject": "customer/C-01", "data": data }));
        assert_eq!(row(&served, "E-101", "basics", "")["institutions"], institutions);
    }
    // Who may not see persons does not learn how many there are, nor how many of them lead.
    assert_eq!(row(&served, "E-401", "basics", "")["main_contacts"], "•••");
    let principals = |who: &str| served.get(who, "/v1/views/card?subject=C-01").json()["principals"].clone();
    assert_eq!(principals("E-101").as_array().unwrap().len(), 2);
    assert_eq!(principals("E-401"), "•••");
    // Who has left is nobody to talk to.
    served.admit(
        "E-101",
        &json!({ "type": "person.updated", "subject": "person/P-2",
        "data": { "changes": {}, "status": "left", "learned_at": "2026-03-02T09:00:00+08:00" } }),
    );
    assert_eq!(row(&served, "E-101", "basics", "")["main_contacts"].as_array().unwrap().len(), 1);
    assert_eq!(principals("E-101").as_array().unwrap().len(), 1);
}

/// Makes E-650 the one who sends gifts.
fn sales_administration(served: &Served) {
    served.admit(
        "E-001",
        &json!({ "type": "employee.registered", "data": {
        "employee_id": "E-650", "name": "Person E-650", "unit": "hq", "joined_on": "2020-01-01" } }),
    );
    let asked = served.admit(
        "E-002",
        &json!({ "type": "employee.roles_changed", "subject": "employee/E-650", "data": {
        "added": [{ "role": "sales_admin", "unit": "hq" }], "removed": [], "reason": "gifts" } }),
    );
    if asked["type"] == "approval.requested" {
        let request =
            asked["streams"][0].as_str().unwrap().strip_prefix("approval/").unwrap().split('@').next().unwrap();
        served.admit("E-801", &json!({ "type": "approval.given", "data": { "request_id": request } }));
    }
}

#[test]
fn sales_administration_sees_the_dates_and_nothing_else_that_is_private() {
    let served = one_person();
    served.admit("E-101", &consent("P-1", CARE, "given"));
    served.admit("E-101", &private("P-1"));
    served.admit(
        "E-101",
        &json!({ "type": "person.updated", "subject": "person/P-1",
        "data": { "changes": { "birthday": "1974-05-01" }, "learned_at": "2026-03-02T09:00:00+08:00" } }),
    );
    sales_administration(&served);
    let opened = row(&served, "E-650", "people", "&reveal=true");
    assert_eq!((&opened["name"], &opened["birthday"]), (&json!("Invented Buyer"), &json!("1974-05-01")));
    assert_eq!(opened["important_dates"][0], json!({ "label": "•••", "date": "1974-05-01" }));
    assert_eq!((&opened["hobbies"], &opened["age"]), (&json!("•••"), &json!("•••")));
    // Not before somebody says what for, and not of whom has taken the consent back.
    assert_eq!(row(&served, "E-650", "people", "")["birthday"], "•••");
    served.admit("E-101", &consent("P-1", CARE, "withdrawn"));
    let withdrawn = row(&served, "E-650", "people", "&reveal=true");
    assert!(withdrawn["birthday"].as_str().unwrap().starts_with("consent withdrawn"), "{withdrawn}");
}

#[test]
fn nobody_is_born_after_today() {
    let served = one_person();
    served.admit("E-101", &consent("P-1", CARE, "given"));
    let of = |id: &str, day: &str| {
        json!({ "type": "person.updated", "id": id, "subject": "person/P-1", "data": {
        "changes": { "birthday": day }, "learned_at": "2026-03-02T09:00:00+08:00" } })
    };
    let refused = |event: &Value, pointer: &str| {
        let answer = served.post("E-101", event);
        assert_eq!(answer.problem(), (422, "E_RULE".to_owned(), "R-011".to_owned()), "{}", answer.text());
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer);
        assert!(!answer.text().contains("2026-03-03"), "personal data is not repeated: {}", answer.text());
    };
    refused(&of("birthday-01", "2026-03-03"), "/data/changes/birthday");
    served.admit("E-101", &of("birthday-02", "2026-03-02"));
    let corrected = json!({ "type": "record.corrected", "data": { "target_event": "birthday-02",
        "changes": [{ "path": "/changes/birthday", "new": "2026-03-03" }], "reason": "misread on the passport" } });
    refused(&corrected, "/data/changes/birthday");
    let mut unborn = person("P-2", "Invented Heir");
    unborn["data"]["birthday"] = json!("2026-03-03");
    refused(&unborn, "/data/birthday");
}

/// What is held of P-1: a birthday, and two days of their own.
fn dated(id: &str) -> Value {
    json!({ "type": "person.updated", "subject": format!("person/{id}"), "data": {
        "changes": { "birthday": "1974-03-20", "important_dates": [
            { "label": "wedding", "date": "2001-03-04" }, { "label": "founded the works", "date": "2010-01-04" },
        ] },
        "learned_at": "2026-03-02T09:00:00+08:00",
    } })
}

fn calendar_of(served: &Served, who: &str, more: &str) -> Vec<Value> {
    let answer = served.get(who, &format!("/v1/views/important_dates?{more}"));
    assert_eq!(answer.status, 200, "{who}: {}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[test]
fn important_dates_come_round_with_their_reminders_for_those_who_may_see_them() {
    let served = one_person();
    sales_administration(&served);
    for event in [
        consent("P-1", CARE, "given"),
        dated("P-1"),
        person("P-2", "Another Buyer"),
        consent("P-2", CARE, "given"),
        dated("P-2"),
    ] {
        served.admit("E-101", &event);
    }
    served.admit("E-101", &consent("P-2", CARE, "withdrawn"));
    // Masked they say that there is something, in no order of days.
    let masked = calendar_of(&served, "E-101", "");
    assert_eq!(masked.len(), 3, "nothing of P-2, who took the consent back");
    assert!(masked.iter().all(|row| row["date"] == "•••" && row["person"] == "•••" && row.get("remind_on").is_none()));
    // On Monday 2 March 2026. Ten working days before the 20th is the 6th; before the 4th it is 12 February, as the 28th is worked and
    // the 15th to the 23rd are not.
    let own = calendar_of(&served, "E-101", "reveal=true");
    let row = |date: &str, occasion: &str, remind_on: &str| {
        json!({ "date": date, "customer_id": "C-01", "customer": "Heyuan Alloy Works", "person_id": "P-1", "person": "Invented Buyer",
            "occasion": occasion, "remind_on": remind_on, "done": false })
    };
    assert_eq!(own, [row("2026-03-04", "wedding", "2026-02-12"), row("2026-03-20", "birthday", "2026-03-06")]);
    assert_eq!(calendar_of(&served, "E-101", "reveal=true&days=2").len(), 1);
    // What falls into a year nobody has entered the holidays of has no reminder yet, and says why.
    let year = calendar_of(&served, "E-101", "reveal=true&days=366");
    assert_eq!(
        (&year[2]["date"], &year[2]["missing_calendar"]),
        (&json!("2027-01-04"), &json!({ "calendar": "cn", "year": 2027 }))
    );
    assert!(year[2].get("remind_on").is_none() && year[2].get("done").is_none());
    assert_eq!(served.get("E-101", "/v1/views/important_dates?days=0").status, 400);
    // Sales administration learns the days and not what they are; nobody else anything.
    let days = calendar_of(&served, "E-650", "reveal=true");
    assert_eq!((&days[0]["date"], &days[0]["remind_on"]), (&json!("2026-03-04"), &json!("2026-02-12")));
    assert!(days.iter().all(|row| row["occasion"] == "•••" && row["person"] == "Invented Buyer"), "{days:?}");
    assert_eq!(calendar_of(&served, "E-103", "reveal=true"), [] as [Value; 0]);
    for stranger in ["E-401", "E-501"] {
        assert_eq!(served.get(stranger, "/v1/views/important_dates?reveal=true").status, 403, "{stranger}");
    }
    // Thought of since the reminder: of the 4th, and not yet of the 20th, whose reminder has not come.
    let talked = json!({ "type": "contact.recorded", "subject": "contact/C-01", "data": {
        "direction": "outbound", "channel": "phone", "at": "2026-03-02T09:00:00+08:00", "our_people": ["E-101"], "purpose": "care_bond",
        "summary": "Congratulated.", "major": false, "class": "C2" } });
    let index = served.admit("E-101", &talked)["index"].clone();
    let own = calendar_of(&served, "E-101", "subject=C-01&reveal=true");
    assert_eq!((&own[0]["done"], &own[0]["source_event"], &own[1]["done"]), (&json!(true), &index, &json!(false)));
    // Each reading is entered, with what it showed.
    let log = served.get("E-902", "/v1/customers/C-01/reads").json();
    let read = &log["items"][0];
    assert_eq!(read["view"], "important_dates");
    assert!(read["classes"].as_array().unwrap().contains(&json!("C5")), "{read}");
    // Of whom the data are held for a dispute, nothing is used.
    let hold = json!({ "type": "legal_hold.placed", "subject": "person/P-1", "data": { "hold_id": "H-1", "matter": "a dispute about a delivery" } });
    served.admit("E-902", &hold);
    assert_eq!(calendar_of(&served, "E-101", "reveal=true&days=366"), [] as [Value; 0]);
}

#[test]
fn dates_of_many_customers_come_in_pages_of_those_looked_at() {
    let served = one_person();
    served.test.customer("C-02", "Linhai Pumps");
    let mut other = person("P-2", "Another Buyer");
    other["data"]["customer_id"] = json!("C-02");
    for event in [consent("P-1", CARE, "given"), dated("P-1"), other, consent("P-2", CARE, "given"), dated("P-2")] {
        served.admit("E-101", &event);
    }
    let mut asked = Asked::new(projection::view("important_dates").unwrap());
    (asked.looks, asked.purpose) = (1, Some(Purpose::parse("sales_work").unwrap()));
    let mut pages = Vec::new();
    loop {
        let answered = served.test.ask("E-101", &asked).unwrap();
        let rows = answered.body["items"].as_array().unwrap();
        pages.push(rows.iter().map(|row| row["customer_id"].clone()).collect::<Vec<_>>());
        asked.after = answered.next;
        if asked.after.is_none() {
            break;
        }
    }
    assert_eq!(pages, [["C-01"; 3], ["C-02"; 3]].map(|page| page.map(Value::from).to_vec()));
}

#[test]
fn what_is_held_and_what_was_erased_is_listed_for_whoever_answers_for_it() {
    let served = one_person();
    served.admit("E-101", &person("P-2", "Another Buyer"));
    served.admit("E-101", &consent("P-1", CARE, "given"));
    served.admit("E-101", &private("P-1"));
    let held = |who: &str, more: &str| row(&served, who, "personal_data", more);
    assert_eq!(held("E-902", "")["last_used"], Value::Null);
    served.get("E-101", "/v1/views/people?subject=C-01");
    assert_eq!(held("E-902", "")["last_used"], Value::Null, "masked, it was not used");
    let opened = row(&served, "E-101", "people", "&reveal=true");
    assert_eq!(opened["name"], "Invented Buyer");
    // Computed by hand from the three entries above: fields by name, no value of them.
    let listed = held("E-902", "&reveal=true");
    let fields = json!(["age", "function", "hobbies", "important_dates", "name", "office_phone", "position"]);
    assert_eq!((&listed["person"], &listed["customer"], &listed["fields"]), (&json!("P-1"), &json!("C-01"), &fields));
    assert_eq!(listed["consents"], json!([{ "purpose": CARE, "status": "given" }]));
    assert!(listed["last_used"].as_str().unwrap().starts_with("2026-03-02T"));
    assert_eq!(listed["erased"], json!({}));
    assert_eq!(held("E-901", "&reveal=true")["consents"][0]["status"], "•••", "the auditor sees it masked");
    assert_eq!(served.get("E-101", "/v1/views/personal_data?subject=C-01").status, 403);
    let all = served.get("E-902", "/v1/views/personal_data?limit=1").json();
    assert_eq!((all["items"].as_array().unwrap().len(), &all["next"]), (1, &json!("P-1")));
    let rest = served.get("E-902", "/v1/views/personal_data?limit=1&after=P-1").json();
    assert_eq!((&rest["items"][0]["person"], &rest["next"]), (&json!("P-2"), &Value::Null));
    let taken = served.get("E-902", "/v1/views/personal_data?format=csv");
    assert!(taken.status == 200 && taken.text().starts_with("\"person\",\"customer\",\"fields\","), "{}", taken.text());

    assert_eq!(calendar_of(&served, "E-101", "reveal=true&days=366").len(), 1);
    let none = served.get("E-902", "/v1/views/erasures").json();
    assert_eq!(none["items"], json!([]));
    let before = served.test.ledger.state().size - 1;
    let asked = served.admit(
        "E-902",
        &json!({ "type": "personal_data.erased", "subject": "person/P-1",
        "data": { "scope": "private", "ground": "request" } }),
    );
    let request = asked["streams"][0].as_str().unwrap().strip_prefix("approval/").unwrap().split('@').next().unwrap();
    served.admit("E-802", &json!({ "type": "approval.given", "data": { "request_id": request } }));
    let world = || served.test.ledger.state().world.privacy.clone();
    for _ in 0..2_000 {
        if world().erasing.is_empty() {
            break;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(5));
    }
    assert!(world().erasing.is_empty());
    for moment in [String::new(), format!("&as_of={before}")] {
        assert_eq!(calendar_of(&served, "E-101", &format!("reveal=true&days=366{moment}")), [] as [Value; 0]);
    }
    let listed = held("E-902", "&reveal=true");
    assert_eq!(listed["fields"], json!(["function", "name", "office_phone", "position"]));
    assert_eq!(listed["erased"], json!({ "scope": "private", "keys_destroyed": true }));
    let certificate = row(&served, "E-902", "erasures", "");
    let told = |name: &str| certificate[name].clone();
    assert_eq!((told("person"), told("scope"), told("ground")), (json!("P-1"), json!("private"), json!("request")));
    assert_eq!(told("approved_by"), "E-802");
    assert!(told("completed_by").as_u64() > told("erased_by").as_u64());
    assert_eq!((told("ledger_intact"), told("verified_by")), (Value::Null, Value::Null));
    // Verified up to both ends it says so; up to the first alone it proves nothing of the second.
    let verified = |to: u64| {
        let data = json!({ "from_position": 0, "to_position": to });
        served.admit("E-901", &json!({ "type": "ledger.verified", "data": data }))["index"].clone()
    };
    verified(told("erased_by").as_u64().unwrap());
    assert_eq!(row(&served, "E-902", "erasures", "")["ledger_intact"], Value::Null);
    let entry = verified(told("completed_by").as_u64().unwrap());
    let certificate = row(&served, "E-901", "erasures", "");
    assert_eq!((&certificate["ledger_intact"], &certificate["verified_by"]), (&json!("intact"), &entry));
    // As it was before, nothing was erased.
    let then = served.get("E-902", &format!("/v1/views/erasures?subject=C-01&as_of={before}")).json();
    assert_eq!(then["items"], json!([]));
}
