//! The stored shapes: every event type has a frozen example, and each example reads back as itself for good.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use dossier::clock::Timestamp;
use dossier::domain::catalog::{self, EventType, Field, Kind};
use dossier::domain::{self, About, Actor, Context, Event, Fetched, Refusal, World, approval, audit, common};
use dossier::seal;
use serde_json::{Value, json};

/// The examples in `schemas/examples/`, by the type their file is named for.
fn examples() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/examples");
    let files = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
    files
        .map(|path| {
            let name =
                path.file_name().unwrap().to_str().unwrap().strip_suffix(".json").expect("examples are JSON files");
            (name.to_owned(), serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap())
        })
        .collect()
}

pub(crate) fn typed() -> impl Iterator<Item = (&'static EventType, Value)> {
    let mut examples = examples();
    catalog::types()
        .iter()
        .map(move |kind| (kind, examples.remove(kind.name).unwrap_or_else(|| panic!("{} has no example", kind.name))))
}

fn canonical(value: &Value) -> String {
    serde_json_canonicalizer::to_string(value).unwrap()
}

#[test]
fn every_event_type_has_an_example_and_nothing_else_has() {
    let declared: BTreeSet<String> = catalog::types().iter().map(|kind| kind.name.to_owned()).collect();
    let shown: BTreeSet<String> = examples().into_keys().collect();
    assert_eq!(shown, declared);
}

#[test]
fn every_example_is_read_and_written_again_as_the_same_canonical_bytes() {
    for (kind, example) in typed() {
        let text = canonical(&example);
        let event = Event::decode(kind.name, &text).unwrap().unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        assert_eq!(event.name(), kind.name);
        assert_eq!(event.data().unwrap().to_string(), text, "{}", kind.name);
        let again = Event::decode(kind.name, &text).unwrap().unwrap();
        assert_eq!(again, event);
    }
}

/// Computed or optional fields that the example of a type cannot have together with the others.
const ABSENT: &[(&str, &str)] = &[
    ("/ledger.verified/first_bad", "a broken ledger enters nothing any more"),
    ("/approval.requested/steps/0/role", "a step is a person's"),
    ("/approval.requested/steps/0/or_role", "and nobody else's"),
    ("/approval.requested/steps/1/employee", "or a role's"),
    ("/approval.requested/steps/1/or_role", "of one role alone"),
    ("/approval.requested/steps/2/employee", "or of one of two"),
];

#[test]
fn every_example_shows_every_declared_field_and_no_other() {
    for (kind, example) in typed() {
        compare(&format!("/{}", kind.name), kind.fields, &example);
    }
}

fn compare(at: &str, fields: &[Field], value: &Value) {
    let object = value.as_object().unwrap_or_else(|| panic!("{at} is no object"));
    for name in object.keys() {
        assert!(fields.iter().any(|field| field.name == name), "{at}/{name} is not declared");
    }
    for field in fields {
        let at = format!("{at}/{}", field.name);
        match object.get(field.name) {
            Some(value) => compare_value(&at, field, value),
            // A profile update keeps to its section, which each field's documentation names.
            None if at.starts_with("/customer.profile_updated/changes/") => {
                assert!(!field.doc.contains("(basic)"), "{at} is not shown");
            }
            None => assert!(ABSENT.iter().any(|(absent, _)| *absent == at), "{at} is not shown"),
        }
    }
}

fn compare_value(at: &str, field: &Field, value: &Value) {
    match (&field.kind, value) {
        (Kind::Object(fields), value) => compare(at, fields, value),
        (Kind::List(kind), Value::Array(items)) => {
            assert!(!items.is_empty(), "{at} shows no item");
            if let Kind::Object(fields) = kind.as_ref() {
                for (index, item) in items.iter().enumerate() {
                    compare(&format!("{at}/{index}"), fields, item);
                }
            }
        }
        _ => {}
    }
}

/// A value that fits the field a seal stands for.
pub(crate) fn stand_in(pointer: &str) -> Value {
    match pointer.rsplit('/').next() {
        Some("phone" | "individual_phone" | "contact_phone" | "office_phone" | "mobile" | "home_phone") => {
            json!("0531 8000 0001")
        }
        Some("email" | "individual_email") => json!("office@example.com"),
        Some("age") => json!(40),
        Some("birthday" | "date") => json!("1986-03-02"),
        Some("attitude") => json!("neutral"),
        _ => json!("a value"),
    }
}

#[test]
fn personal_values_stand_sealed_and_all_others_keep_the_catalogs_grammar() {
    for (kind, mut example) in typed() {
        // What a seal holds cannot be seen: a value that fits stands in for it.
        catalog::for_each_sealed(kind.fields, &mut example, &mut |pointer, value| {
            assert!(value.as_str().is_some_and(seal::is_seal), "{}{pointer} is not sealed", kind.name);
            *value = stand_in(pointer);
        });
        catalog::check(kind, &mut example).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", kind.name));
    }
}

#[test]
fn an_example_with_a_field_more_or_a_required_one_less_is_not_read() {
    for (kind, example) in typed() {
        let reads = |value: &Value| Event::decode(kind.name, &value.to_string()).unwrap().is_ok();
        let mut more = example.clone();
        more["unheard_of"] = json!(1);
        assert!(!reads(&more), "{}", kind.name);
        for field in kind.fields {
            let mut less = example.clone();
            less.as_object_mut().unwrap().remove(field.name);
            assert_eq!(reads(&less), !field.required, "{} without {}", kind.name, field.name);
        }
    }
}

#[test]
fn a_type_declares_the_subject_it_asks_for_and_no_other_does() {
    let world = World::default();
    for (kind, example) in typed() {
        let event = Event::read(kind.name, &example).unwrap().unwrap();
        let asked_for = match domain::about(&world, &event, None) {
            Err(Refusal::Common(common::Refusal::NoSubject { example })) => Some(example),
            _ => None,
        };
        assert_eq!(kind.subject.map(|subject| subject.to_string()), asked_for, "{}", kind.name);
        let Some(asked_for) = asked_for else { continue };
        let named = asked_for.parse().unwrap();
        let found = domain::about(&world, &event, Some(&named));
        let unasked = matches!(found, Err(Refusal::Common(common::Refusal::NoSubject { .. })));
        assert!(!unasked, "{} does not take its own example", kind.name);
    }
}

#[test]
fn what_the_system_alone_enters_is_declared_and_refused_to_everybody_else() {
    let world = World::default();
    let person = Actor::Employee {
        id: "E-101".parse().unwrap(),
        role: "general_manager".parse().unwrap(),
        unit: "hq".parse().unwrap(),
    };
    for (kind, example) in typed() {
        let event = Event::read(kind.name, &example).unwrap().unwrap();
        let context = Context {
            at: Timestamp::from_micros(0),
            occurred_at: Timestamp::from_micros(0),
            late_reason: None,
            actor: &person,
            id: &"entry-0001".parse().unwrap(),
            about: &About::subject("org/hq".parse().unwrap()),
            approvals: &[],
            fetched: &Fetched::default(),
        };
        let refused = match domain::admit(&world, &context, event) {
            Err(Refusal::Common(common::Refusal::SystemOnly)) => true,
            Err(Refusal::Audit(audit::Refusal::NotByHand)) => true,
            Err(Refusal::Approval(approval::Refusal::NotProposed)) => true,
            // Only a founding can enter it, and no policy lets a person.
            _ => kind.name == "ledger.initialized",
        };
        assert_eq!(refused, kind.system, "{}", kind.name);
    }
}

/// Compares what the catalog generates with what is committed; `UPDATE=1` writes it.
fn generated(path: &str, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(path);
    let mut document = document.clone();
    document.sort_all_objects();
    let text = format!("{}\n", serde_json::to_string_pretty(&document).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == text, "{} is not what the catalog generates (UPDATE=1 writes it)", path.display());
}

#[test]
fn the_schemas_committed_are_those_the_catalog_generates() {
    for kind in catalog::types() {
        generated(&format!("events/{}.json", kind.name), &dossier::http::schema::of(kind));
    }
    generated("openapi.json", &dossier::http::openapi::description());
}

#[test]
fn every_example_is_valid_under_its_generated_schema() {
    for (kind, mut example) in typed() {
        catalog::for_each_sealed(kind.fields, &mut example, &mut |pointer, value| {
            *value = stand_in(pointer);
        });
        let schema = dossier::http::schema::of(kind);
        let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{}: {error}", kind.name));
        let wrong: Vec<String> = validator.iter_errors(&example).map(|error| error.to_string()).collect();
        assert!(wrong.is_empty(), "{}: {wrong:?}", kind.name);
    }
}
