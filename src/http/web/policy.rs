//! The business policy: what is in force for a unit and since which version, the versions and yearly reviews before, and the part
//! of the form that sets it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::access::principal::Language;
use crate::clock::Timestamp;
use crate::domain::World;
use crate::domain::catalog::{Field, SignedMoney};
use crate::domain::policy::{self, Default, PARAMETERS, PRESETS, Parameter};
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::form::{self, Filled};
use crate::http::web::layout::{self, items, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, wall};
use crate::http::web::{offers, tables, words};
use crate::ids::UnitId;
use crate::ledger::Answered;

/// `GET /analysis/policy?unit=`: the policy in force for a unit, one's own at first, and its history.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let answered = visitor.read(&door, KEY, None, |_| {}).await?;
    Ok(written(&door, &visitor, query.get("unit").map_or("", |unit| unit.trim()), &answered))
}

fn written(door: &Door, visitor: &Visitor, unit: &str, answered: &Answered) -> Response {
    let frame = &visitor.frame;
    let state = door.ledger.state();
    let (world, now) = (&state.world, door.ledger.clock().now());
    let of = unit_of(frame, world, now, unit);
    let may = door.ledger.proposable(&visitor.asker.principal, None);
    let address = |kind: &str, more: String| format!("/propose/{kind}?back={}{more}", encode("/analysis/policy"));
    let body = html! {
        (tables::tabs(visitor, door, KEY))
        form.filters action="/analysis/policy" method="get" {
            div { label for="unit" { (frame.say("policy-unit")) }
                select id="unit" name="unit" { @for (id, unit) in world.organization.units.iter().filter(|(_, unit)| unit.active) {
                    option value=(id) selected[of == Some(id)] { (unit.name) " (" (id) ")" }
                } } }
            button { (frame.say("show")) }
        }
        @if let Some(of) = of { p.buttons {
            @for kind in may.iter().filter(|kind| matches!(kind.name, "policy.adopted" | "policy.reviewed")) {
                @let more = if kind.name == "policy.adopted" { format!("&unit={}", encode(of.as_str())) } else { String::new() };
                a.button href=(address(kind.name, more)) { (words::doing(frame.language, kind.name)) }
            }
        } }
        (in_force(frame, world, of, now))
        section { h2 { (frame.say("policy-history")) } (history(door, frame, answered)) }
        (layout::standing(frame, answered))
    };
    layout::page(frame, StatusCode::OK, &words::view(frame.language, KEY), &body)
}

/// Returns the unit that is asked for; where none is, one's own, or the company's first.
fn unit_of<'a>(frame: &Frame, world: &'a World, now: Timestamp, asked: &str) -> Option<&'a UnitId> {
    let units = &world.organization.units;
    let named = asked.parse().ok().and_then(|asked: UnitId| units.get_key_value(&asked));
    let first = || world.policy.adopted.front().map(|version| &version.unit);
    named.map(|(id, _)| id).or_else(|| offers::unit(frame, world, now)).or_else(first)
}

/// What holds now, each value with the version that set it; amounts per grade as tables.
fn in_force(frame: &Frame, world: &World, unit: Option<&UnitId>, now: Timestamp) -> Markup {
    let set_by = |named: &dyn Fn(&policy::Version) -> bool| {
        let version = policy::in_force(world, unit, now).find(|version| named(version)).map(|version| version.version);
        version.map_or_else(|| frame.say("policy-default"), |version| version.to_string())
    };
    let row = |name: &str, called: String, value: Markup, version: String| {
        html! { tr { th scope="row" { (called) br; small { code { (name) } } }
        td data-label=(frame.say("value")) { (value) } td data-label=(frame.say("policy-version")) { (version) } } }
    };
    let head = html! { thead { tr { th scope="col" { (frame.say("item")) } th scope="col" { (frame.say("value")) } th scope="col" { (frame.say("policy-version")) } } } };
    html! {
        section { h2 { (frame.say("policy-presets")) }
            div.wide tabindex="0" role="region" aria-label=(frame.say("policy-presets")) { table.stack { (head) tbody {
                @for (topic, _) in PRESETS {
                    @let preset = policy::preset(world, unit, now, topic);
                    @let version = set_by(&|version| version.presets.iter().any(|(name, _)| name == topic));
                    (row(preset, words::topic(frame.language, topic), html! { (words::preset(frame.language, preset)) }, version))
                }
            } } }
        }
        section { h2 { (frame.say("policy-parameters")) }
            div.wide tabindex="0" role="region" aria-label=(frame.say("policy-parameters")) { table.stack { (head) tbody {
                @for parameter in PARAMETERS {
                    @let version = set_by(&|version| version.parameters.iter().any(|(name, _)| name == parameter.name));
                    @let value = policy::value(world, unit, now, parameter.name);
                    (row(parameter.name, words::parameter(frame.language, parameter.name), parameter_value(frame, parameter, &value), version))
                }
            } } }
        }
    }
}

/// Shows a parameter's value; a table of amounts has a line for each grade.
fn parameter_value(frame: &Frame, parameter: &Parameter, value: &Value) -> Markup {
    match (parameter.default, value.as_str()) {
        (Default::Table { .. }, Some(text)) => match policy::rows(text) {
            Some(rows) => {
                html! { ul.plain { @for (grade, fen) in rows { li { (grade) ": " span.number { (SignedMoney(fen)) } } } } }
            }
            None => html! { (text) },
        },
        (_, Some(text)) => html! { span.text { (text.replace(',', frame.language.choose((", ", "、")))) } },
        (_, None) => html! { span.number { (value) } },
    }
}

/// The versions and reviews, newest first.
fn history(door: &Door, frame: &Frame, answered: &Answered) -> Markup {
    let rows = items(&answered.body, "items");
    let staff = |row: &Value, label: &str, name: &str| {
        html! { @if !text(row, name).is_empty() { (words::label(frame.language, label)) ": " (text(row, name)) " " } }
    };
    html! {
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        ol.timeline { @for row in rows.iter().rev() { li {
            @if let Some(version) = row.get("version").filter(|version| !version.is_null()) {
                p { span.when { (wall(door, text(row, "effective_at"))) } " "
                    strong { (frame.say("policy-version")) " " (version) } " " (text(row, "unit")) " " (layout::entry(row.get("index"))) }
                p { small { (staff(row, "drafted_by", "drafted_by")) (staff(row, "approved_by", "approved_by")) } }
                @if !text(row, "reason").is_empty() { p { (text(row, "reason")) } }
                @for name in ["presets", "parameters"] {
                    @if let Some(values) = row.get(name).and_then(Value::as_object).filter(|values| !values.is_empty()) {
                        details { summary { (words::label(frame.language, name)) " " small { (values.len()) } } (values_of(frame, values)) }
                    }
                }
            } @else {
                p { strong { (words::event(frame.language, "policy.reviewed")) " " (row.get("year").unwrap_or(&Value::Null)) } " "
                    (layout::of_kind(frame, door, "policy.reviewed", "outcome", row.get("outcome").unwrap_or(&Value::Null))) " "
                    (layout::entry(row.get("index"))) }
                p { (text(row, "findings")) }
            }
        } } }
    }
}

/// Shows the presets or the parameters that a version sets.
pub(crate) fn values_of(frame: &Frame, values: &Map<String, Value>) -> Markup {
    if values.is_empty() {
        return html! { span.none { (frame.say("no-value")) } };
    }
    html! { dl.inner { @for (name, value) in values { div {
        @match PARAMETERS.iter().find(|parameter| parameter.name == name) {
            Some(parameter) => {
                dt { (words::parameter(frame.language, name)) }
                dd { (parameter_value(frame, parameter, value)) }
            },
            None => {
                dt { (words::topic(frame.language, name)) }
                dd { (words::preset(frame.language, value.as_str().unwrap_or_default())) }
            },
        }
    } } } }
}

/// Fills in what is in force for the unit of the form, and beside it the same unseen: what is left as it is, is not set anew.
pub(crate) fn prefilled(frame: &Frame, world: &World, now: Timestamp, typed: &mut Fields) {
    let unit = unit_of(frame, world, now, typed.text("unit"));
    if let Some(unit) = unit {
        typed.0.entry("unit".into()).or_insert_with(|| unit.to_string());
    }
    let presets = PRESETS
        .iter()
        .map(|(topic, _)| (format!("presets.{topic}"), policy::preset(world, unit, now, topic).to_owned()));
    let parameters = PARAMETERS.iter().map(|parameter| {
        let value = policy::value(world, unit, now, parameter.name);
        (format!("parameters.{}", parameter.name), value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    });
    for (name, value) in presets.chain(parameters) {
        typed.0.insert(format!("{WAS}{name}"), value.clone());
        typed.0.insert(name, value);
    }
}

/// The inputs for the presets or the parameters of a version: one for each there is.
pub(crate) fn inputs(frame: &Frame, field: &Field, filled: &Filled<'_>) -> Markup {
    let typed = filled.typed;
    let (called, was) = (frame.language.choose((field.en, field.zh)), |name: &str| typed.text(&format!("{WAS}{name}")));
    let pointer = |name: &str| format!("/{}/{name}", field.name);
    html! { fieldset id=(field.name) {
        legend { (called) }
        small { (frame.say("policy-as-it-is")) }
        (form::said_at(filled, field.name, &format!("/{}", field.name)))
        @if field.name == "presets" { @for (topic, presets) in PRESETS {
            @let name = format!("presets.{topic}");
            label for=(name) { (words::topic(frame.language, topic)) }
            select id=(name) name=(name) { @for preset in *presets {
                option value=(preset) selected[typed.text(&name) == *preset] { (words::preset(frame.language, preset)) }
            } }
            (form::said_at(filled, &name, &pointer(topic)))
            input type="hidden" name={ (WAS) (name) } value=(was(&name));
        } } @else { @for parameter in PARAMETERS {
            @let name = format!("parameters.{}", parameter.name);
            @let number = matches!(parameter.default, Default::Number(_));
            @let hint = hint(frame.language, parameter);
            label for=(name) { (words::parameter(frame.language, parameter.name)) }
            @let said = form::said_at(filled, &name, &pointer(parameter.name));
            @let wrong = (!said.0.is_empty()).then_some("true");
            input id=(name) name=(name) value=(typed.text(&name)) inputmode=[number.then_some("numeric")]
                aria-invalid=[wrong] aria-describedby={ @if wrong.is_some() { (name) "-refused " } (name) "-hint" };
            (said)
            small id={ (name) "-hint" } { (hint) }
            input type="hidden" name={ (WAS) (name) } value=(was(&name));
        } }
    } }
}

/// Says what values a parameter takes.
fn hint(language: Language, parameter: &Parameter) -> String {
    let (min, max) = (parameter.min.to_string(), parameter.max.to_string());
    let (key, example) = match parameter.default {
        Default::Number(_) => ("policy-number", ""),
        Default::Table { amounts, .. } => ("policy-table", amounts),
        Default::Scale(example) | Default::Hours(example) => ("policy-text", example),
        Default::Days(example) => ("policy-days", example),
    };
    words::say_with(language, key, &[("min", &min), ("max", &max), ("example", example)])
}

/// Tells whether the form has inputs of its own for a field.
pub(crate) fn sets(name: &str, typed: &Fields) -> bool {
    matches!(name, "presets" | "parameters")
        && typed.0.keys().any(|key| key.strip_prefix(WAS).is_some_and(|rest| rest.starts_with(name)))
}

/// Reads what such inputs say otherwise than what was in force when the form was opened.
pub(crate) fn changed(name: &str, typed: &Fields) -> Map<String, Value> {
    let prefix = format!("{name}.");
    let named = typed.0.range(prefix.clone()..).take_while(|(key, _)| key.starts_with(&prefix));
    let otherwise = named.filter(|(key, value)| typed.text(&format!("{WAS}{key}")) != value.trim());
    let pair = |(key, value): (&String, &String)| {
        let name = key.strip_prefix(&prefix)?.to_owned();
        let number = PARAMETERS.iter().any(|one| one.name == name && matches!(one.default, Default::Number(_)));
        let number = number.then(|| value.trim().parse::<i64>().ok()).flatten();
        Some((name, number.map_or_else(|| Value::from(value.trim()), Value::from)))
    };
    otherwise.filter_map(pair).collect()
}

/// The view.
pub(crate) const KEY: &str = "policy";

/// The beginning of the name of the field that says what was in force.
const WAS: &str = "was.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_topic_preset_and_parameter_is_named_in_both_languages() {
        for language in [Language::English, Language::Chinese] {
            for (topic, presets) in PRESETS {
                assert!(!words::topic(language, topic).starts_with("policy-topic"), "{topic}");
                assert!(
                    presets.iter().all(|preset| !words::preset(language, preset).starts_with("preset-")),
                    "{topic}"
                );
            }
            for parameter in PARAMETERS {
                assert!(!words::parameter(language, parameter.name).starts_with("p-"), "{}", parameter.name);
                assert!(!hint(language, parameter).starts_with("policy-"), "{}", parameter.name);
            }
        }
    }

    #[test]
    fn a_version_that_sets_nothing_of_a_kind_says_so() {
        let frame = Frame { language: Language::English, address: "/".into(), signed_in: None };
        assert_eq!(values_of(&frame, &Map::new()).into_string(), r#"<span class="none">—</span>"#);
        let set = Map::from_iter([("verify".to_owned(), Value::from("verify.annual"))]);
        assert!(values_of(&frame, &set).into_string().contains("<dd>Once a year</dd>"));
    }

    #[test]
    fn what_is_left_as_it_was_is_not_set_anew() {
        let pairs = [
            ("parameters.p.backdate.hours", "48"),
            ("was.parameters.p.backdate.hours", "24"),
            ("parameters.p.loan.max_days", "7"),
            ("was.parameters.p.loan.max_days", "7"),
            ("parameters.p.ka.day", "soon"),
            ("was.parameters.p.ka.day", "25"),
            ("parameters.p.escalate.days", "2,4"),
            ("was.parameters.p.escalate.days", "1,3"),
        ];
        let typed = Fields(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        let expected = serde_json::json!({ "p.backdate.hours": 48, "p.ka.day": "soon", "p.escalate.days": "2,4" });
        assert_eq!(Value::Object(changed("parameters", &typed)), expected, "the ledger says what is wrong with it");
        assert!(sets("parameters", &typed) && !sets("presets", &typed) && !sets("reason", &typed));
    }
}
