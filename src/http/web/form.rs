//! Forms made from the catalog: an event type's fields become inputs, and what was typed becomes a payload.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::domain::catalog::{Field, Kind};
use crate::http::web::visitor::{Fields, Frame};

/// A form as it is shown: what was typed, and what was said about it.
pub(crate) struct Filled<'a> {
    /// The fields as typed.
    pub(crate) typed: &'a Fields,
    /// Fields that nobody fills in here.
    pub(crate) left_out: &'a [&'a str],
    /// The values to choose from where the catalog takes any text, by the field's name.
    pub(crate) offered: &'a [(&'a str, Vec<String>)],
    /// What was refused about single fields: the pointer within the payload, and the words.
    pub(crate) refused: Vec<(String, String)>,
}

/// Writes an input with its label for each field, and beside it what was refused about it.
pub(crate) fn inputs(frame: &Frame, fields: &[Field], filled: &Filled<'_>, prefix: &str) -> Markup {
    let shown = fields.iter().filter(|field| !field.computed && !filled.left_out.contains(&field.name));
    html! {
        @for field in shown {
            @let name = format!("{prefix}{}", field.name);
            @if let Kind::Object(inner) = &field.kind {
                fieldset {
                    legend { (frame.language.choose((field.en, field.zh))) }
                    (inputs(frame, inner, filled, &format!("{name}.")))
                }
            } @else {
                label for=(name) {
                    (frame.language.choose((field.en, field.zh)))
                    @if field.required && prefix.is_empty() { " " small { (frame.say("required")) } }
                    @if matches!(field.kind, Kind::Money | Kind::SignedMoney) { " " small { (frame.say("money-hint")) } }
                }
                (input(frame, field, &name, filled, field.required && prefix.is_empty()))
                (said(filled, &name))
            }
        }
    }
}

/// Says what was refused about a field, where a reader of the field is told of it.
fn said(filled: &Filled<'_>, name: &str) -> Markup {
    let words: Vec<&str> = filled.about(name).collect();
    html! { @if !words.is_empty() {
        p.refusal id={ (name) "-refused" } { @for words in words { (words) br; } }
    } }
}

impl Filled<'_> {
    /// Returns what was refused about a field or something in it.
    fn about<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let pointer = format!("/{}", name.replace('.', "/"));
        self.refused
            .iter()
            .filter(move |(about, _)| {
                about.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
            .map(|(_, words)| words.as_str())
    }
}

fn input(frame: &Frame, field: &Field, name: &str, filled: &Filled<'_>, required: bool) -> Markup {
    let value = filled.typed.text(name);
    let wrong = filled.about(name).next().map(|_| "true");
    let hinted = matches!(field.kind, Kind::List(_)).then(|| format!("{name}-hint"));
    let refused = wrong.map(|_| format!("{name}-refused"));
    let told: Vec<String> = refused.into_iter().chain(hinted).collect();
    let told = (!told.is_empty()).then(|| told.join(" "));
    if let Some((_, offered)) = filled.offered.iter().find(|(of, _)| *of == name) {
        return html! {
            select id=(name) name=(name) required[required] aria-invalid=[wrong] aria-describedby=[told] {
                option value="" {}
                // What was typed elsewhere stays, though it is not offered.
                @if !value.is_empty() && !offered.iter().any(|one| one == value) { option value=(value) selected { (value) } }
                @for one in offered { option value=(one) selected[one == value] { (one) } }
            }
        };
    }
    match &field.kind {
        Kind::Choice(choices) => html! {
            select id=(name) name=(name) required[required] aria-invalid=[wrong] aria-describedby=[told] {
                option value="" {}
                @for choice in *choices {
                    option value=(choice.value) selected[choice.value == value] { (frame.language.choose((choice.en, choice.zh))) }
                }
            }
        },
        Kind::Text => html! {
            textarea id=(name) name=(name) rows="3" maxlength="4000" required[required] aria-invalid=[wrong] aria-describedby=[told] { (value) }
        },
        Kind::List(_) => html! {
            textarea id=(name) name=(name) rows="3" required[required] aria-invalid=[wrong] aria-describedby=[told] { (value) }
            small id={ (name) "-hint" } { (frame.say("evidence-hint")) }
        },
        kind => {
            let (of, mode, most) = match kind {
                Kind::Date => (Some("date"), None, None),
                Kind::Money | Kind::SignedMoney => (None, Some("decimal"), None),
                Kind::Int(..) => (None, Some("numeric"), None),
                Kind::Str(_, most) => (None, None, Some(most)),
                _ => (None, None, None),
            };
            html! {
                input id=(name) name=(name) type=[of] inputmode=[mode] maxlength=[most] value=(value) required[required]
                    aria-invalid=[wrong] aria-describedby=[told];
            }
        }
    }
}

/// Turns what was typed into a payload; what does not fit its field goes on as text, so that the ledger says what is wrong.
pub(crate) fn payload(fields: &[Field], typed: &Fields, prefix: &str) -> Map<String, Value> {
    let mut payload = Map::new();
    for field in fields.iter().filter(|field| !field.computed) {
        let name = format!("{prefix}{}", field.name);
        let value = match &field.kind {
            Kind::Object(inner) => {
                let inner = self::payload(inner, typed, &format!("{name}."));
                (!inner.is_empty()).then_some(Value::Object(inner))
            }
            kind => value(kind, typed.text(&name).trim()),
        };
        payload.extend(value.map(|value| (field.name.to_owned(), value)));
    }
    payload
}

fn value(kind: &Kind, text: &str) -> Option<Value> {
    let typed = || Value::String(text.to_owned());
    if text.is_empty() {
        return None;
    }
    Some(match kind {
        Kind::Money | Kind::SignedMoney => fen(text).map_or_else(typed, Value::from),
        Kind::Int(..) => text.parse::<i64>().map_or_else(|_| typed(), Value::from),
        Kind::Bool => Value::Bool(text == "true"),
        Kind::List(inner) => {
            let parts = text.split(['\n', ',', '，', ' ']).map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.filter_map(|part| value(inner, part)).collect())
        }
        // A browser sends line ends as the protocol has them.
        Kind::Text => Value::String(text.replace("\r\n", "\n")),
        _ => typed(),
    })
}

/// Reads yuan with at most two decimals as fen.
fn fen(text: &str) -> Option<i64> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 2 {
        return None;
    }
    let fen = whole.parse::<i64>().ok()?.checked_mul(100)?.checked_add(format!("{rest:0<2}").parse().ok()?)?;
    Some(if negative { -fen } else { fen })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::catalog;
    use serde_json::json;

    fn typed(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn yuan_are_read_to_the_fen_or_not_at_all() {
        assert_eq!(fen("12.5"), Some(1250));
        assert_eq!(fen("-0.05"), Some(-5));
        assert_eq!(fen("7"), Some(700));
        for wrong in ["", "1.234", "1e3", "1,000", ".5", "99999999999999999999"] {
            assert_eq!(fen(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_typed_becomes_the_payload_the_catalog_declares() {
        let fields = catalog::find("credit_grade.proposed").unwrap().fields;
        let typed = typed(&[
            ("customer_id", "C-1"),
            ("from", ""),
            ("to", "A"),
            ("evidence", "a\r\nb"),
            ("reason", "one\r\ntwo"),
            ("proposed_terms.limit", "100.10"),
            ("suggested", "computed fields are not taken from a form"),
        ]);
        assert_eq!(
            Value::Object(payload(fields, &typed, "")),
            json!({ "customer_id": "C-1", "to": "A", "evidence": ["a", "b"], "reason": "one\ntwo", "proposed_terms": { "limit": 10010 } })
        );
    }

    #[test]
    fn what_was_refused_stands_beside_its_field_and_is_tied_to_it() {
        let frame =
            Frame { language: crate::access::principal::Language::English, address: "/".into(), signed_in: None };
        let fields = catalog::find("credit_grade.proposed").unwrap().fields;
        let typed = typed(&[("to", "Z"), ("reason", "<late>")]);
        let refused =
            vec![("/to".to_owned(), "is off the scale".to_owned()), ("/evidence/1".to_owned(), "no entry".to_owned())];
        let offered = [("to", vec!["A".to_owned(), "B".to_owned()])];
        let filled = Filled { typed: &typed, left_out: &["customer_id"], offered: &offered, refused };
        let shown = inputs(&frame, fields, &filled, "").into_string();
        assert!(shown.contains(r#"<p class="refusal" id="to-refused">is off the scale"#));
        assert!(
            shown.contains(r#"<p class="refusal" id="evidence-refused">no entry"#),
            "an item of a list is shown at its list"
        );
        assert!(shown.contains(r#"aria-invalid="true" aria-describedby="evidence-refused evidence-hint""#));
        assert!(shown.contains(r#"<option value="Z" selected>"#), "nothing typed is lost");
        assert!(shown.contains("&lt;late&gt;"));
        assert!(!shown.contains("customer_id"));
    }
}
