//! Forms made from the catalog: an event type's fields become inputs, and what was typed becomes a payload.

use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::domain::catalog::{Field, Kind};
use crate::http::web::visitor::{Fields, Frame};

/// Writes an input with its label for each field; fields named in `hidden` are there but not shown.
pub(crate) fn inputs(frame: &Frame, fields: &[Field], typed: &Fields, hidden: &[&str], prefix: &str) -> Markup {
    html! {
        @for field in fields.iter().filter(|field| !field.computed) {
            @let name = format!("{prefix}{}", field.name);
            @if hidden.contains(&field.name) {
                input type="hidden" name=(name) value=(typed.text(&name));
            } @else if let Kind::Object(inner) = &field.kind {
                fieldset {
                    legend { (frame.language.choose((field.en, field.zh))) }
                    (inputs(frame, inner, typed, hidden, &format!("{name}.")))
                }
            } @else {
                label for=(name) {
                    (frame.language.choose((field.en, field.zh)))
                    @if field.required && prefix.is_empty() { " " small { (frame.say("required")) } }
                    @if matches!(field.kind, Kind::Money | Kind::SignedMoney) { " " small { (frame.say("money-hint")) } }
                }
                (input(frame, field, &name, typed.text(&name), field.required && prefix.is_empty()))
            }
        }
    }
}

fn input(frame: &Frame, field: &Field, name: &str, value: &str, required: bool) -> Markup {
    match &field.kind {
        Kind::Choice(choices) => html! {
            select id=(name) name=(name) required[required] {
                option value="" {}
                @for choice in *choices {
                    option value=(choice.value) selected[choice.value == value] { (frame.language.choose((choice.en, choice.zh))) }
                }
            }
        },
        Kind::Text => html! { textarea id=(name) name=(name) rows="3" maxlength="4000" required[required] { (value) } },
        Kind::List(_) => html! {
            textarea id=(name) name=(name) rows="3" required[required] aria-describedby={ (name) "-hint" } { (value) }
            small id={ (name) "-hint" } { (frame.say("evidence-hint")) }
        },
        Kind::Date => html! { input id=(name) name=(name) type="date" value=(value) required[required]; },
        Kind::Money | Kind::SignedMoney => {
            html! { input id=(name) name=(name) inputmode="decimal" value=(value) required[required]; }
        }
        Kind::Int(..) => html! { input id=(name) name=(name) inputmode="numeric" value=(value) required[required]; },
        Kind::Str(_, most) => html! { input id=(name) name=(name) maxlength=(most) value=(value) required[required]; },
        _ => html! { input id=(name) name=(name) value=(value) required[required]; },
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
}
