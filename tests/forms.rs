//! The form of every event people may propose: each field labelled in both languages, refusals beside them, and no other answer than the
//! interface for programs gives.

use std::collections::BTreeMap;

use dossier::domain::catalog::{self, EventType, Field, Kind, Referent};
use dossier::domain::person;
use serde_json::{Map, Value, json};

use crate::pages::{Browser, hidden};
use crate::schemas::{stand_in, typed};
use crate::support::http::{Answer, Served};
use crate::support::{STAFF, TestLedger, principal, registration};

/// The types with a form of their own here: a paper comes with its file, by another one.
fn kinds() -> impl Iterator<Item = &'static EventType> {
    catalog::types().iter().filter(|kind| !kind.system && kind.name != "document.filed")
}

/// The first of the staff who may propose it.
fn proposer(served: &Served, kind: &EventType) -> &'static str {
    let may = |who: &str| served.test.ledger.proposable(&principal(who), None).iter().any(|one| one.name == kind.name);
    STAFF.iter().map(|(who, ..)| *who).find(|who| may(who)).unwrap_or_else(|| panic!("nobody proposes {}", kind.name))
}

/// Tells whether a form asks for a field: what is computed, of what there is none yet, or needs a consent nobody can have given it does not.
fn asked(kind: &EventType, field: &Field) -> bool {
    fn of_something(kind: &Kind) -> bool {
        match kind {
            Kind::Reference(Referent::Elsewhere(_)) => false,
            Kind::Object(fields) => fields.iter().all(|field| !field.required || of_something(&field.kind)),
            Kind::List(inner) => of_something(inner),
            _ => true,
        }
    }
    !field.computed && of_something(&field.kind) && !(kind.name == "person.recorded" && person::by_consent(field))
}

/// The fields of a list of objects or of an object, and whether it is a list.
fn inner(field: &Field) -> Option<(&'static [Field], bool)> {
    match &field.kind {
        Kind::Object(fields) => Some((fields, false)),
        Kind::List(kind) => match kind.as_ref() {
            Kind::Object(fields) => Some((fields, true)),
            _ => None,
        },
        _ => None,
    }
}

/// Names what a form lacks of these fields.
fn lacking(page: &str, kind: &EventType, fields: &[Field], prefix: &str, chinese: bool, lacks: &mut Vec<String>) {
    for field in fields {
        let name = format!("{prefix}{}", field.name);
        let label = if chinese { field.zh } else { field.en };
        let has = |what: &str| page.contains(what);
        if !asked(kind, field) {
            if has(&format!("name=\"{name}\"")) {
                lacks.push(format!("{name} is asked for"));
            }
            continue;
        }
        if let Some((fields, many)) = inner(field) {
            if !has(&format!("<legend>{label}</legend>")) {
                lacks.push(format!("{name} has no legend {label}"));
            }
            let row = if many { ".0." } else { "." };
            lacking(page, kind, fields, &format!("{name}{row}"), chinese, lacks);
            continue;
        }
        // Several are ticked or typed beside each other under what they are called together.
        let together = matches!(field.kind, Kind::List(_) | Kind::Map) && has(&format!("<legend>{label}"));
        if !together && !has(&format!("<label for=\"{name}\">{label}")) {
            lacks.push(format!("{name} is not labelled {label}"));
        }
        let one =
            ["input", "select", "textarea"].iter().any(|tag| has(&format!("<{tag} id=\"{name}\" name=\"{name}\"")));
        let several =
            together && [format!(" name=\"{name}\""), format!(" name=\"{name}.")].iter().any(|name| has(name));
        if !one && !several {
            lacks.push(format!("{name} has no input"));
        }
    }
}

/// What stands on a page in the words of programs: keys of words that are missing, and identifiers.
fn raw(page: &str) -> Vec<&str> {
    let (_, main) = page.split_once("<main").unwrap();
    let texts = main.split('<').filter_map(|part| part.split_once('>')).map(|(_, text)| text.trim());
    let of_programs = |text: &str| {
        let joined = text.contains('-') || text.contains('_');
        joined && text.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'_'))
    };
    texts.filter(|text| of_programs(text)).collect()
}

#[test]
fn every_form_labels_every_field_in_both_languages_and_says_beside_it_what_is_missing() {
    let served = Served::of(TestLedger::new());
    let mut wrong = Vec::new();
    for kind in kinds() {
        let who = proposer(&served, kind);
        let address = format!("/propose/{}", kind.name);
        for (language, chinese) in [("en", false), ("zh-CN", true)] {
            let mut browser = Browser::signed_in(&served, who, language);
            let shown = browser.get(&address);
            let page = shown.text();
            let mut lacks = Vec::new();
            if shown.status != 200 {
                lacks.push(format!("answered with {}", shown.status));
            }
            lacking(&page, kind, kind.fields, "", chinese, &mut lacks);
            lacks.extend(raw(&page).into_iter().map(|word| format!("says \"{word}\"")));

            // Empty it is refused, and whatever must be there is asked for where it belongs; what was typed stays.
            let free = |field: &&Field| matches!(field.kind, Kind::Text | Kind::Str(..)) && !field.required;
            let kept = kind.fields.iter().filter(|field| asked(kind, field)).find(free);
            let mut fields = vec![("token", hidden(&page, "token")), ("id", hidden(&page, "id"))];
            fields.extend(kept.map(|field| (field.name, "<so> it is".to_owned())));
            let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            let refused = browser.post(&address, &fields);
            let page = refused.text();
            if !matches!(refused.status, 400 | 422) {
                lacks.push(format!("empty, it is answered with {}", refused.status));
            }
            if kept.is_some() && !page.contains("&lt;so&gt; it is") {
                lacks.push("what was typed is lost".into());
            }
            let beside = |name: &str| page.contains(&format!("id=\"{name}-refused\""));
            let value = |field: &&Field| inner(field).is_none() && !matches!(field.kind, Kind::List(_) | Kind::Map);
            let required = kind.fields.iter().filter(|field| field.required && asked(kind, field)).filter(value);
            let mut missing: Vec<&str> = required.map(|field| field.name).collect();
            if missing.is_empty() && kind.subject.is_some() {
                missing.push("subject");
            }
            let unsaid = missing.into_iter().filter(|name| !beside(name));
            lacks.extend(unsaid.map(|name| format!("it does not say that {name} is missing")));
            lacks.extend(raw(&page).into_iter().map(|word| format!("refused, it says \"{word}\"")));
            wrong.extend(lacks.into_iter().map(|lack| format!("{} in {language} by {who}: {lack}", kind.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A value as somebody types it.
fn text(kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Money | Kind::SignedMoney, Value::Number(fen)) => {
            let fen = fen.as_i64().unwrap();
            format!("{}{}.{:02}", if fen < 0 { "-" } else { "" }, fen.abs() / 100, fen.abs() % 100)
        }
        (Kind::List(inner), Value::Array(items)) => {
            items.iter().map(|item| text(inner, item)).collect::<Vec<_>>().join("\r\n")
        }
        (Kind::Map, Value::Object(pairs)) => {
            let line = |(key, value): (&String, &Value)| format!("{key} = {}", text(&Kind::Any, value));
            pairs.iter().map(line).collect::<Vec<_>>().join("\r\n")
        }
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

/// Types an example into its form, field by field, and returns what a form can say of it.
fn type_in(
    kind: &EventType,
    fields: &[Field],
    example: &Value,
    prefix: &str,
    into: &mut BTreeMap<String, String>,
) -> Value {
    let mut said = Map::new();
    for field in fields.iter().filter(|field| asked(kind, field)) {
        let Some(value) = example.get(field.name) else { continue };
        let name = format!("{prefix}{}", field.name);
        let value = match (inner(field), value) {
            (Some((fields, true)), Value::Array(rows)) => {
                let rows = rows.iter().enumerate();
                rows.map(|(at, row)| type_in(kind, fields, row, &format!("{name}.{at}."), into)).collect()
            }
            (Some((fields, _)), value) => type_in(kind, fields, value, &format!("{name}."), into),
            (None, value) => {
                into.insert(name, text(&field.kind, value));
                value.clone()
            }
        };
        said.insert(field.name.to_owned(), value);
    }
    Value::Object(said)
}

/// What an entry says of these fields, or the proposal that waits in it, without the seals: no two are alike.
fn entered(served: &Served, index: &str, data: &Value) -> Value {
    fn unsealed(value: &mut Value) {
        match value {
            Value::String(text) if text.starts_with("s1.") => *text = "sealed".into(),
            Value::Array(items) => items.iter_mut().for_each(unsealed),
            Value::Object(fields) => fields.values_mut().for_each(unsealed),
            _ => {}
        }
    }
    let mut entry = served.test.view("E-901", "entry", Some(index)).unwrap().body["entry"].clone();
    let waits = entry["type"] == "approval.requested";
    let mut said = if waits { entry["data"]["data"].take() } else { entry["data"].take() };
    said.as_object_mut().unwrap().retain(|name, _| data.get(name).is_some());
    unsealed(&mut said);
    said
}

/// Names what a page does not say of what the interface answered.
fn unsaid(page: &Answer, problem: &Value) -> Vec<String> {
    let text = page.text();
    let escape =
        |words: &str| words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;");
    let errors = problem["errors"].as_array().cloned().unwrap_or_else(|| vec![problem.clone()]);
    let details = errors.iter().map(|error| &error["detail"]);
    let words = [&problem["code"], &problem["rule"]].into_iter().chain(details).filter_map(Value::as_str);
    // A page names the field by its label, where a program is told its pointer.
    let bare =
        |words: &'_ str| words.split_once(": ").filter(|(at, _)| at.starts_with('/')).map(|(_, bare)| bare.to_owned());
    let mut words = words.map(|words| bare(words).unwrap_or_else(|| words.to_owned())).collect::<Vec<_>>();
    words.retain(|words| !text.contains(&escape(words)));
    words.extend(text.contains("<p>/data/").then(|| "it, but by its pointer".to_owned()));
    words
}

/// What the examples speak of.
fn surroundings(served: &Served) {
    let admit = |who: &str, kind: &str, id: &str, subject: Option<&str>, data: Value| {
        let mut event = json!({ "type": kind, "id": id, "data": data });
        if let Some(subject) = subject {
            event["subject"] = json!(subject);
        }
        served.admit(who, &event);
    };
    for (id, name) in [("C-00041", "Linhai Pumps"), ("C-00042", "Anshan Works"), ("C-00043", "Tongting Paper")] {
        served.test.admit("E-101", registration(id, name, "north", "E-101"));
    }
    for id in ["P-1", "P-2", "P-00042"] {
        let data = json!({ "person_id": id, "customer_id": "C-00042", "name": format!("Invented {id}"), "function": "principal" });
        admit("E-101", "person.recorded", &format!("person-{id}"), None, data);
    }
    for id in ["contact-0001", "contact-0002"] {
        let data = json!({ "direction": "inbound", "channel": "phone", "at": "2026-03-02T09:30:00+08:00", "our_people": ["E-101"],
            "purpose": "care_bond", "summary": "They need forty relays.", "major": false, "class": "C2" });
        admit("E-101", "contact.recorded", id, Some("contact/C-00042"), data);
    }
    let sale = json!({ "sale_id": "S-1", "customer_id": "C-00042", "invoice_name": "Heyuan", "kind": "sale", "product": "Relay",
        "product_category": "Relays", "region": "north", "amount": 100_000, "sold_on": "2026-03-02" });
    admit("E-401", "sale.recorded", "sale-0001", None, sale);
}

#[test]
fn every_example_typed_into_its_form_is_answered_as_the_interface_for_programs_answers() {
    let [through_pages, through_api] = [(), ()].map(|()| Served::of(TestLedger::new()));
    let mut examples: BTreeMap<&str, Value> = typed().map(|(kind, example)| (kind.name, example)).collect();
    surroundings(&through_pages);
    surroundings(&through_api);
    let mut wrong = Vec::new();
    let mut admitted = 0;
    // Whoever leaves does nothing more.
    let (last, before): (Vec<_>, Vec<_>) = kinds().partition(|kind| kind.name == "employee.status_changed");
    for kind in before.into_iter().chain(last) {
        let mut example = examples.remove(kind.name).unwrap();
        catalog::for_each_sealed(kind.fields, &mut example, &mut |pointer, value| *value = stand_in(pointer));
        let mut fields = BTreeMap::new();
        let data = type_in(kind, kind.fields, &example, "", &mut fields);
        let mut event = json!({ "type": kind.name, "data": data });
        event["latereason"] = json!("taken over");
        fields.insert("latereason".into(), "taken over".into());
        if let Some(subject) = kind.subject {
            event["subject"] = json!(subject.to_string());
            fields.insert("subject".into(), subject.to_string());
        }
        let who = proposer(&through_api, kind);
        let api = through_api.post(who, &event);
        let mut browser = Browser::signed_in(&through_pages, who, "en");
        let page = browser.get(&format!("/propose/{}", kind.name)).text();
        fields.extend(["token", "id"].map(|name| (name.to_owned(), hidden(&page, name))));
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let sent = browser.post(&format!("/propose/{}", kind.name), &fields);
        match (sent.status, api.status) {
            (303, 201) => {
                admitted += 1;
                let index = api.json()["entries"][0]["index"].to_string();
                let place = sent.header("location")[0].strip_prefix("/entries/").unwrap().to_owned();
                let said = (entered(&through_pages, &place, &data), entered(&through_api, &index, &data));
                if said.0 != said.1 {
                    wrong.push(format!("{} by {who}: {} by the page, {} by the interface", kind.name, said.0, said.1));
                }
            }
            (page, api_said) if page == api_said => {
                let unsaid = unsaid(&sent, &api.json());
                if !unsaid.is_empty() {
                    wrong.push(format!("{} by {who}: the page does not say {unsaid:?}", kind.name));
                }
            }
            (page, _) => wrong.push(format!("{} by {who}: {page} by the page, and {}", kind.name, api.text())),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The others rest on steps that no example takes; they are refused, and alike.
    assert!(admitted >= ADMITTED_MIN, "only {admitted} are admitted");
}

/// So many of the examples are admitted at least.
const ADMITTED_MIN: usize = 16;
