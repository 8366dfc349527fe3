//! JSON Schemas (2020-12) of what callers propose, derived from the catalog.
//!
//! A schema says what the catalog's check says, so that a proposal which passes it is not refused for its shape. What a type
//! means is told in its `description`; `x-label` carries the labels in English and Chinese.

use serde_json::{Map, Value, json};

use crate::domain::catalog::{Choice, EventType, Field, INTEGER_MAX, Kind, Referent};

/// Returns the schema of an event type's payload, as it is proposed: sealed values still open, computed ones left out if one likes.
pub fn of(kind: &EventType) -> Value {
    let mut schema = object(kind.fields);
    schema.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("$id".into(), format!("urn:dossier:event-type:{}", kind.name).into());
    label(&mut schema, kind.en, kind.zh, kind.doc);
    if let Some(occurred) = kind.occurred {
        schema.insert("x-occurred".into(), occurred.into());
    }
    Value::Object(schema)
}

fn object(fields: &[Field]) -> Map<String, Value> {
    let required: Vec<Value> =
        fields.iter().filter(|field| field.required && !field.computed).map(|field| field.name.into()).collect();
    let properties: Map<String, Value> =
        fields.iter().map(|field| (field.name.to_owned(), self::field(field))).collect();
    let mut schema = map(json!({ "type": "object", "properties": properties, "additionalProperties": false }));
    if !required.is_empty() {
        schema.insert("required".into(), required.into());
    }
    schema
}

fn field(field: &Field) -> Value {
    let mut schema = value(&field.kind);
    label(&mut schema, field.en, field.zh, field.doc);
    schema.insert("x-class".into(), field.class.key().into());
    schema.insert("x-sealed".into(), field.sealed.into());
    schema.insert("x-computed".into(), field.computed.into());
    Value::Object(schema)
}

/// Tools show the title: it stands in both languages.
fn label(schema: &mut Map<String, Value>, en: &str, zh: &str, doc: &str) {
    schema.insert("title".into(), format!("{en} · {zh}").into());
    schema.insert("description".into(), doc.into());
    schema.insert("x-label".into(), json!({ "en": en, "zh": zh }));
}

fn value(kind: &Kind) -> Map<String, Value> {
    map(match kind {
        Kind::Id => json!({ "type": "string", "pattern": SUBJECT_ID }),
        Kind::EntryId => json!({ "type": "string", "pattern": ENTRY_ID }),
        Kind::Reference(Referent::Record) => {
            json!({ "type": "string", "pattern": ENTRY_ID, "x-reference": Referent::Record.name() })
        }
        Kind::Reference(referent) => json!({ "type": "string", "pattern": SUBJECT_ID, "x-reference": referent.name() }),
        Kind::Str(min, max) => json!({ "type": "string", "minLength": min, "maxLength": max, "pattern": ONE_LINE }),
        Kind::Text => json!({ "type": "string", "minLength": 1, "maxLength": 4000, "pattern": LINES }),
        Kind::Date => json!({ "type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" }),
        Kind::Instant => json!({ "type": "string", "format": "date-time" }),
        Kind::Quarter => json!({ "type": "string", "pattern": "^[0-9]{4}Q[1-4]$" }),
        Kind::Money => json!({ "type": "integer", "minimum": 0, "maximum": INTEGER_MAX, "x-unit": "fen" }),
        Kind::SignedMoney => {
            json!({ "type": "integer", "minimum": -INTEGER_MAX, "maximum": INTEGER_MAX, "x-unit": "fen" })
        }
        Kind::Int(min, max) => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Choice(choices) => choice(choices),
        Kind::List(item) => json!({ "type": "array", "items": value(item), "maxItems": 1000 }),
        Kind::Object(fields) => return object(fields),
        Kind::Map => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[!-~]{1,60}$" },
            "additionalProperties": {
                "type": ["string", "integer"],
                "maxLength": 200,
                "pattern": ONE_LINE,
                "minimum": -INTEGER_MAX,
                "maximum": INTEGER_MAX,
            },
        }),
        Kind::Payload => json!({ "type": "object", "x-payload": true }),
        Kind::Any => json!({ "x-any": true }),
        Kind::Phone => json!({ "type": "string", "pattern": "^[-0-9+(). /]{5,24}$" }),
        Kind::Email => json!({
            "type": "string", "format": "email", "maxLength": 254, "pattern": "^[^\\s@]+@[^\\s@]*\\.[^\\s@]*$",
        }),
        Kind::Hash => json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" }),
    })
}

fn choice(choices: &[Choice]) -> Value {
    let values: Vec<&str> = choices.iter().map(|choice| choice.value).collect();
    let labels = choices.iter().map(|choice| (choice.value.to_owned(), json!({ "en": choice.en, "zh": choice.zh })));
    json!({ "type": "string", "enum": values, "x-labels": labels.collect::<Map<String, Value>>() })
}

fn map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// The id of a subject.
pub(crate) const SUBJECT_ID: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$";

/// The id of an entry.
pub(crate) const ENTRY_ID: &str = "^[A-Za-z0-9._-]{8,64}$";

const ONE_LINE: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]*$";
const LINES: &str = "^[^\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u202a-\\u202e\\u2066-\\u2069]*$";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog;

    #[test]
    fn every_types_schema_is_a_schema() {
        for kind in catalog::types() {
            let schema = of(kind);
            assert!(jsonschema::meta::is_valid(&schema), "{}", kind.name);
            assert!(jsonschema::validator_for(&schema).is_ok(), "{}", kind.name);
        }
    }

    /// The schema and the check are two readings of one declaration: both must take and refuse the same values.
    fn agree(kind: &Kind, candidate: &Value) {
        static FIELD: &str = "field";
        let schema = Value::Object(value(kind));
        let taken = jsonschema::options().should_validate_formats(true).build(&schema).unwrap().is_valid(candidate);
        let fields: &'static [Field] = Vec::leak(vec![Field {
            name: FIELD,
            kind: copy(kind),
            required: true,
            computed: false,
            sealed: false,
            class: crate::domain::class::Class::C1,
            zh: "",
            en: "",
            doc: "",
        }]);
        let kind = EventType {
            name: "a.b",
            zh: "",
            en: "",
            doc: "",
            fields,
            occurred: None,
            module: "a",
            subject: None,
            system: false,
            decision: false,
        };
        let checked = catalog::check(&kind, &mut json!({ FIELD: candidate })).is_ok();
        assert_eq!(taken, checked, "{schema} and the check differ on {candidate}");
    }

    fn copy(kind: &Kind) -> Kind {
        match kind {
            Kind::Str(min, max) => Kind::Str(*min, *max),
            Kind::Int(min, max) => Kind::Int(*min, *max),
            Kind::List(item) => Kind::List(Box::new(copy(item))),
            Kind::Id => Kind::Id,
            Kind::EntryId => Kind::EntryId,
            Kind::Text => Kind::Text,
            Kind::Date => Kind::Date,
            Kind::Quarter => Kind::Quarter,
            Kind::Money => Kind::Money,
            Kind::SignedMoney => Kind::SignedMoney,
            Kind::Bool => Kind::Bool,
            Kind::Map => Kind::Map,
            Kind::Phone => Kind::Phone,
            Kind::Email => Kind::Email,
            Kind::Hash => Kind::Hash,
            Kind::Instant => Kind::Instant,
            other => panic!("{other:?} is not compared"),
        }
    }

    #[test]
    fn the_schema_takes_and_refuses_what_the_check_takes_and_refuses() {
        let candidates = [
            json!(""),
            json!("a"),
            json!("C-00042"),
            json!(".a"),
            json!("entry-0001"),
            json!("a\nb"),
            json!("a\u{0}b"),
            json!("a\u{85}"),
            json!("客户"),
            json!("客".repeat(5)),
            json!("2026-03-01"),
            json!("2026-02-30"),
            json!("2026-3-1"),
            json!("2026-03-01T08:00:00+08:00"),
            json!("2026-03-01T08:00:00"),
            json!("2026Q1"),
            json!("2026Q5"),
            json!("+86 10-1234"),
            json!("123"),
            json!("a@b.c"),
            json!("a@b"),
            json!("a b@c.d"),
            json!("0".repeat(64)),
            json!("A".repeat(64)),
            json!(0),
            json!(-1),
            json!(5),
            json!(6),
            json!(1.5),
            json!(INTEGER_MAX),
            json!(INTEGER_MAX + 1),
            json!(true),
            json!(null),
            json!([]),
            json!(["a"]),
            json!([1]),
            json!({}),
            json!({ "p.a": 1, "p.b": "x" }),
            json!({ "客": 1 }),
            json!({ "a": [] }),
        ];
        let kinds = [
            Kind::Id,
            Kind::EntryId,
            Kind::Str(1, 4),
            Kind::Text,
            Kind::Date,
            Kind::Quarter,
            Kind::Money,
            Kind::SignedMoney,
            Kind::Int(1, 5),
            Kind::Bool,
            Kind::Map,
            Kind::Phone,
            Kind::Email,
            Kind::Hash,
            Kind::Instant,
            Kind::List(Box::new(Kind::Str(1, 4))),
        ];
        for kind in &kinds {
            for candidate in &candidates {
                agree(kind, candidate);
            }
        }
    }

    #[test]
    fn a_computed_field_may_be_left_out_and_a_sealed_one_says_so() {
        for kind in catalog::types() {
            let schema = of(kind);
            for field in kind.fields {
                let property = &schema["properties"][field.name];
                assert_eq!(property["x-sealed"], field.sealed, "{}/{}", kind.name, field.name);
                assert_eq!(property["x-class"], field.class.key());
                let required =
                    schema["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field.name));
                assert_eq!(required, field.required && !field.computed, "{}/{}", kind.name, field.name);
            }
        }
    }
}
