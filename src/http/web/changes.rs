//! Who set one value of a customer's archive, when, why and with whose approval: the newest entry that counts is in force.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::MASK;
use crate::clock::Timestamp;
use crate::domain::catalog::{self, EventType, Field, Kind, Shape as _};
use crate::domain::customer;
use crate::http::Door;
use crate::http::api::Named;
use crate::http::api::views::LIMIT_MAX;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, text};
use crate::http::web::visitor::{Frame, Visitor, encode, wall};
use crate::http::web::words;
use crate::ledger::ViewError;

/// `GET /customers/{id}/changes?field=`: the entries that set one value, newest first.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let chosen = query.get("field").map_or("", |field| field.trim());
    let asked = Asked::of(chosen).ok_or(Problem::View(ViewError::NotFound))?;
    let (mut lines, mut answers) = (Vec::new(), Vec::new());
    for (kind, _) in &asked.set_by {
        let narrow = |view: &mut crate::ledger::Asked| {
            view.filters.insert("type".into(), kind.name.into());
            view.limit = LIMIT_MAX;
        };
        let answered = visitor.read(&door, "timeline", Some(format!("customer/{id}")), narrow).await?;
        lines.extend(items(&answered.body, "items").iter().filter_map(|line| Line::of(&asked, line)));
        answers.push(answered);
    }
    lines.sort_by_key(|line| std::cmp::Reverse(line.index));
    let now = door.ledger.clock().now();
    let in_force = lines.iter().position(|line| !line.voided && line.from.is_none_or(|from| from <= now));
    let body = html! {
        (layout::tabs(&visitor, &door, &id, "timeline"))
        form.filters action={ "/customers/" (encode(&id)) "/changes" } method="get" {
            div { label for="field" { (frame.say("change-of")) } select id="field" name="field" { (choices(frame, chosen)) } }
            button { (frame.say("show")) }
        }
        @if lines.is_empty() { p { (frame.say("none-recorded")) } } @else { (table(frame, &door, &asked, &lines, in_force)) }
        (layout::standing_of_all(frame, &answers))
    };
    let title = layout::headed(&visitor, &door, &id, &asked.called(frame));
    Ok(layout::page(frame, StatusCode::OK, &title, &body))
}

/// The values one may ask for, under what they are part of.
pub(crate) fn choices(frame: &Frame, chosen: &str) -> Markup {
    let group = |heading: &str, part: &str, fields: &mut dyn Iterator<Item = &'static Field>| {
        html! { optgroup label=(heading) { @for field in fields {
            @let key = format!("{part}{}", field.name);
            option value=(key) selected[key == chosen] { (frame.language.choose((field.en, field.zh))) }
        } } }
    };
    let of = |kind: &str, names: &'static [&'static str]| {
        let fields = catalog::find(kind).map_or(&[][..], |kind| kind.fields);
        fields.iter().filter(move |field| names.contains(&field.name))
    };
    let dimensions = if let Kind::Choice(dimensions) = customer::Dimension::kind() { dimensions } else { &[] };
    html! {
        (group(&words::event(frame.language, ASSIGNED), "", &mut of(ASSIGNED, &["owner", "co_contacts", "second_holder"])))
        (group(&frame.say("archive"), "", &mut profile().iter()))
        (group(&frame.say("status"), "", &mut of("customer.status_changed", &["status"]).chain(of("customer.code_assigned", &["code"]))))
        (group(&words::event(frame.language, TERMS), "terms.", &mut terms()))
        optgroup label=(frame.say("classes")) { @for dimension in dimensions {
            @let key = format!("class.{}", dimension.value);
            option value=(key) selected[key == chosen] { (frame.language.choose((dimension.en, dimension.zh))) }
        } }
    }
}

/// What is asked for, and which types of entry say it, in which of their fields.
struct Asked {
    set_by: Vec<(&'static EventType, &'static Field)>,
    /// The dimension, where it is a class.
    dimension: Option<String>,
}

impl Asked {
    fn of(key: &str) -> Option<Self> {
        let within = |kind: &str, name: &str| {
            let kind = catalog::find(kind)?;
            Some((kind, kind.field(name)?))
        };
        let (set_by, dimension) = if let Some(dimension) = key.strip_prefix("class.") {
            (vec![within("customer.classified", "value")?], Some(dimension.to_owned()))
        } else if let Some(name) = key.strip_prefix("terms.") {
            (vec![within(TERMS, terms().find(|field| field.name == name)?.name)?], None)
        } else {
            // What is sealed of a natural person has a name of its own in the profile.
            let individual = key.strip_prefix("individual_").unwrap_or(key);
            let updated = catalog::find(UPDATED).zip(profile().iter().find(|field| field.name == key));
            let others = match key {
                "status" => vec![within("customer.status_changed", key)],
                "code" => vec![within("customer.code_assigned", key)],
                "owner" | "co_contacts" | "second_holder" => {
                    vec![
                        within(ASSIGNED, key),
                        within("customer.registered", key),
                        within("customer.individual_registered", key),
                    ]
                }
                _ => vec![within("customer.registered", key), within("customer.individual_registered", individual)],
            };
            let known =
                matches!(key, "status" | "code" | "owner" | "co_contacts" | "second_holder") || updated.is_some();
            (others.into_iter().chain([updated]).flatten().filter(|_| known).collect(), None)
        };
        (!set_by.is_empty()).then_some(Self { set_by, dimension })
    }

    fn called(&self, frame: &Frame) -> String {
        match (&self.dimension, self.set_by.last()) {
            (Some(dimension), _) => words::chosen::<customer::Dimension>(frame.language, dimension),
            (None, Some((_, field))) => frame.language.choose((field.en, field.zh)).to_owned(),
            (None, None) => String::new(),
        }
    }
}

/// One entry that sets the value.
struct Line {
    index: u64,
    value: Value,
    field: &'static Field,
    kind: &'static EventType,
    /// From when it holds, where that is said.
    from: Option<Timestamp>,
    voided: bool,
    line: Value,
}

impl Line {
    fn of(asked: &Asked, line: &Value) -> Option<Self> {
        let (kind, field) = asked.set_by.iter().copied().find(|(kind, _)| kind.name == text(line, "type"))?;
        let said = line.get("now").or_else(|| line.get("payload"))?;
        if asked.dimension.as_ref().is_some_and(|dimension| text(said, "dimension") != dimension.as_str()) {
            return None;
        }
        let within = if kind.name == UPDATED { said.get("changes")? } else { said };
        Some(Self {
            index: line.get("index")?.as_u64()?,
            value: within.get(field.name)?.clone(),
            field,
            kind,
            from: text(said, "effective_at").parse().ok(),
            voided: line.get("voided_by").is_some(),
            line: line.clone(),
        })
    }

    /// Returns another value that the entry says.
    fn said(&self, name: &str) -> Option<(&'static Field, &Value)> {
        let said = self.line.get("now").or_else(|| self.line.get("payload"))?;
        self.kind.field(name).zip(said.get(name))
    }
}

fn table(frame: &Frame, door: &Door, asked: &Asked, lines: &[Line], in_force: Option<usize>) -> Markup {
    let value = |line: &Line| match (&asked.dimension, line.value.as_str()) {
        (Some(dimension), Some(class)) if class != MASK => html! { (words::class(frame.language, dimension, class)) },
        _ => layout::declared(frame, door, line.field, &line.value),
    };
    let before = |place: usize| lines.iter().skip(place + 1).find(|line| !line.voided);
    let said = |line: &Line, name: &str| {
        let said = line.said(name).map(|(field, value)| layout::declared(frame, door, field, value));
        said.unwrap_or_else(|| html! { span.none { (frame.say("no-value")) } })
    };
    let heads = ["compare-before", "compare-after", "who", "when", "reason", "approved-by", "entry"];
    html! {
        div.wide tabindex="0" role="region" aria-label=(asked.called(frame)) { table.stack {
            thead { tr { @for head in heads { th scope="col" { (words::say(frame.language, head)) } } } }
            tbody { @for (place, line) in lines.iter().enumerate() {
                tr class=[line.voided.then_some("refused")] {
                    td data-label=(frame.say("compare-before")) {
                        @match before(place) { Some(before) => (value(before)), None => span.none { (frame.say("no-value")) } }
                    }
                    th scope="row" {
                        (value(line))
                        @if in_force == Some(place) { br; small { (frame.say("in-force")) } }
                        @if line.voided { br; small { (frame.say("voided")) } }
                    }
                    td data-label=(frame.say("who")) { (layout::actor(frame.language, text(&line.line, "actor"))) br;
                        small { (words::role(frame.language, text(&line.line, "actor_role"))) } }
                    td.when data-label=(frame.say("when")) { (wall(door, text(&line.line, "at")))
                        @if let Some(from) = line.from { br; small { (frame.say("effective")) " " (wall(door, &from.to_string())) } } }
                    td.reason data-label=(frame.say("reason")) {
                        @match line.said("basis") { Some(_) => (said(line, "basis")), None => (said(line, "reason")) }
                        (layout::corrections_named(frame, door, &line.line))
                    }
                    td data-label=(frame.say("approved-by")) { (said(line, "approved_by")) }
                    td data-label=(frame.say("entry")) { (layout::entry(Some(&Value::from(line.index)))) br;
                        small { (words::event(frame.language, line.kind.name)) } }
                }
            } }
        } }
    }
}

/// What a profile update may change.
fn profile() -> &'static [Field] {
    let changes = catalog::find(UPDATED).and_then(|kind| kind.field("changes")).map(|field| &field.kind);
    if let Some(Kind::Object(fields)) = changes { fields } else { &[] }
}

/// The terms of trade.
fn terms() -> impl Iterator<Item = &'static Field> {
    let fields = catalog::find(TERMS).map_or(&[][..], |kind| kind.fields);
    fields.iter().filter(|field| field.name != "approved_by")
}

const UPDATED: &str = "customer.profile_updated";
const ASSIGNED: &str = "customer.owner_assigned";
const TERMS: &str = "trade_terms.set";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_one_may_choose_is_set_by_some_type_of_entry() {
        let frame =
            Frame { language: crate::access::principal::Language::Chinese, address: "/".into(), signed_in: None };
        let shown = choices(&frame, "owner").into_string();
        let keys: Vec<&str> =
            shown.split("<option value=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(keys.len() > 60 && shown.contains("<option value=\"owner\" selected>"), "{shown}");
        for key in keys {
            assert!(Asked::of(key).is_some_and(|asked| !asked.called(&frame).is_empty()), "{key}");
        }
        for wrong in ["", "reason", "customer_id", "terms.approved_by", "no_such_field"] {
            assert!(Asked::of(wrong).is_none(), "{wrong}");
        }
        let set_by =
            |key: &str| Asked::of(key).unwrap().set_by.into_iter().map(|(kind, _)| kind.name).collect::<Vec<_>>();
        assert_eq!(set_by("name"), ["customer.registered", "customer.individual_registered", UPDATED]);
        assert_eq!(set_by("terms.credit_limit"), [TERMS]);
    }
}
