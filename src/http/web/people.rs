//! A customer's key persons: masked until opened for a purpose, how they stand to us, and what they decide.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::{ERASED, MASK, RESTRICTED};
use crate::domain::catalog;
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::dates;
use crate::http::web::layout::{self, PEOPLE, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode};
use crate::http::web::words;
use crate::ids::CustomerId;
use crate::ledger::{Answered, ViewError};
use crate::projection::{self, View};

/// `GET /customers/{id}/people`: the people, or with `?view=` how they stand to us or what they decide.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let view = view(query.get("view").map_or("people", String::as_str))?;
    match visitor.read(&door, view.key, Some(id.clone()), |_| {}).await {
        Ok(answered) => Ok(written(&visitor, &door, &id, view, &answered)),
        Err(problem) if layout::wants_purpose(&problem) => Ok(asking(&visitor, &door, &id, view, &problem)),
        Err(problem) => Err(problem),
    }
}

/// `POST /customers/{id}/people`: the same with personal values opened, for a purpose.
pub(crate) async fn reveal(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let view = view(fields.text("view"))?;
    let answered = visitor.read(&door, view.key, Some(id.clone()), |asked| asked.reveal = true).await?;
    Ok(written(&visitor, &door, &id, view, &answered))
}

/// Names the people on the archive's own page.
pub(crate) fn brief(frame: &Frame, door: &Door, id: &str, body: &Value) -> Markup {
    let people = items(body, "persons");
    html! {
        section { h2 { a href={ "/customers/" (encode(id)) "/people" } { (frame.say("people")) } }
            @if people.is_empty() { p { (frame.say("none-recorded")) } } @else {
                ul.plain { @for person in people {
                    li { strong { (value(frame, door, person, "name")) } " · " (value(frame, door, person, "position")) " · " (value(frame, door, person, "function")) }
                } }
            }
        }
    }
}

fn view(key: &str) -> Result<&'static View, Problem> {
    let known = PEOPLE.contains(&key).then(|| projection::view(key)).flatten();
    known.ok_or(Problem::View(ViewError::NotFound))
}

/// The page of a view that is read for a purpose alone, before one is given.
fn asking(visitor: &Visitor, door: &Door, id: &str, view: &'static View, problem: &Problem) -> Response {
    let frame = &visitor.frame;
    let body = html! { (tabs(visitor, door, id, view)) (layout::asking(frame, problem)) };
    layout::page(
        frame,
        problem.status(),
        &layout::headed(visitor, door, id, &words::view(frame.language, view.key)),
        &body,
    )
}

fn tabs(visitor: &Visitor, door: &Door, id: &str, view: &View) -> Markup {
    let base = format!("/customers/{}/people", encode(id));
    let label = visitor.frame.say("people");
    html! {
        (layout::tabs(visitor, door, id, "people"))
        (layout::views(visitor, door, &label, (&PEOPLE, Some(id)), view.key, |key| format!("{base}?view={key}")))
    }
}

fn written(visitor: &Visitor, door: &Door, id: &str, view: &'static View, answered: &Answered) -> Response {
    let frame = &visitor.frame;
    let rows = items(&answered.body, "items");
    let base = format!("/customers/{}/people", encode(id));
    let body = html! {
        (tabs(visitor, door, id, view))
        @if !answered.masked.is_empty() { (layout::opening(frame, &base, answered.masked.len(), &[("view", view.key)])) }
        @let may = may(visitor, door, id);
        @if view.key == "people" && may.contains(&"person.recorded") {
            p { a.button href={ "/propose/person.recorded?customer_id=" (encode(id)) "&back=" (encode(&base)) } { (words::doing(frame.language, "person.recorded")) } }
        }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else if view.key == "people" { @for person in rows { (card(frame, door, view, person, &may, &base)) } }
        @else { (layout::table(frame, view, &["unit_name"], rows, |row, name| value(frame, door, row, name))) }
        @if let Some(sum) = answered.body.get("power_sum") { dl.facts {
            @for (name, value) in [("power_sum", Some(sum)), ("sum_above_100", answered.body.get("sum_above_100"))] {
                div { dt { (words::label(frame.language, name)) } dd { (shown(frame, door, name, value.unwrap_or(&Value::Null))) } }
            }
        } }
        (layout::standing(frame, answered))
    };
    layout::page(
        frame,
        StatusCode::OK,
        &layout::headed(visitor, door, id, &words::view(frame.language, view.key)),
        &body,
    )
}

/// What the visitor may perhaps record of the people of this customer.
fn may(visitor: &Visitor, door: &Door, id: &str) -> Vec<&'static str> {
    let of = |id: CustomerId| door.ledger.proposable(&visitor.asker.principal, Some(&id));
    let types = id.parse().map(of).unwrap_or_default();
    types.into_iter().map(|kind| kind.name).collect()
}

/// Links to the forms that go on with a person.
fn forms(frame: &Frame, person: &Value, may: &[&str], back: &str) -> Markup {
    let id = text(person, "person_id");
    // Nothing more is recorded of whoever was erased or may not be processed.
    let gone = [ERASED, RESTRICTED].contains(&text(person, "name"));
    let kinds =
        ["person.updated", "consent.recorded", "relationship.assessed"].into_iter().filter(|kind| may.contains(kind));
    let subject = encode(&format!("person/{id}"));
    html! { @if !id.is_empty() && id != MASK && !gone { p.buttons { @for kind in kinds {
        a.button href={ "/propose/" (kind) "?subject=" (subject) "&back=" (encode(back)) } { (words::doing(frame.language, kind)) }
    } } } }
}

/// One person: what is known, what was agreed, and what may be recorded next.
fn card(frame: &Frame, door: &Door, view: &View, person: &Value, may: &[&str], back: &str) -> Markup {
    let known = view.columns.iter().filter(|column| !matches!(column.id, "unit_name" | "name" | "consents"));
    let known = known.filter(|column| person.get(column.id).is_some());
    let consents = items(person, "consents");
    html! {
        section {
            h2 { (value(frame, door, person, "name")) }
            dl.facts { @for column in known {
                div { dt { (frame.language.choose((column.en, column.zh))) } dd { (value(frame, door, person, column.id)) } }
            } }
            @if !consents.is_empty() {
                p { strong { (words::label(frame.language, "consents")) } }
                ul.plain { @for consent in consents { li {
                    (chosen(frame, door, consent, "purpose"))
                    @if consent.get("third_party").is_some() { " (" (chosen(frame, door, consent, "third_party")) ")" }
                    ": " (chosen(frame, door, consent, "status")) " "
                    (layout::entry(consent.get("source_event")))
                } } }
            }
            (forms(frame, person, may, back))
        }
    }
}

/// Shows a value as the type it comes from declares it: names such as `status` mean other things elsewhere.
fn value(frame: &Frame, door: &Door, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    let kinds = ["person.recorded", "person.updated", "relationship.assessed"];
    let declares = |kind: &&str| catalog::find(kind).is_some_and(|kind| kind.field(name).is_some());
    match kinds.into_iter().find(declares) {
        _ if name == "occasion" => dates::occasion(frame, door, value),
        Some(kind) => layout::chosen(frame, door, kind, name, value),
        None => shown(frame, door, name, value),
    }
}

fn chosen(frame: &Frame, door: &Door, consent: &Value, name: &str) -> Markup {
    layout::chosen(frame, door, "consent.recorded", name, consent.get(name).unwrap_or(&Value::Null))
}
