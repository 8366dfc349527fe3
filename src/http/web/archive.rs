//! One customer's archive, with where each value comes from.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::MASK;
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::compare::looking_back;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::people;
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, moments, wall};
use crate::http::web::words;
use crate::ledger::Answered;

/// `GET /customers/{id}`: the archive, now or as it was.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let (moment, _) = moments(&door, &query)?;
    let answered = visitor.read(&door, "archive", Some(id.clone()), |asked| asked.look_at(moment, None)).await?;
    Ok(written(&visitor, &door, &id, &query, &answered))
}

/// `POST /customers/{id}`: the archive with its personal values opened, for a purpose.
pub(crate) async fn reveal(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let answered = visitor.read(&door, "archive", Some(id.clone()), |asked| asked.reveal = true).await?;
    Ok(written(&visitor, &door, &id, &BTreeMap::new(), &answered))
}

fn written(
    visitor: &Visitor,
    door: &Door,
    id: &str,
    query: &BTreeMap<String, String>,
    answered: &Answered,
) -> Response {
    let (frame, body) = (&visitor.frame, &answered.body);
    let title = match text(body, "name") {
        "" => id.to_owned(),
        name => name.to_owned(),
    };
    let body = html! {
        (layout::tabs(visitor, door, id, "archive"))
        (header(visitor, door, id, body))
        p { a.button href={ "/propose?customer=" (encode(id)) } { (frame.say("record-something")) } }
        @if !answered.masked.is_empty() {
            (layout::opening(frame, &format!("/customers/{}", encode(id)), answered.masked.len(), &[]))
        }
        (sections(frame, door, body))
        (classes(frame, door, body))
        section { h2 { (frame.say("trade")) }
            dl.facts { @for (name, value) in object(body, "trade") {
                div { dt { (words::label(frame.language, name)) } dd { (shown(frame, door, name, value)) } }
            } }
        }
        (people::brief(frame, door, id, body))
        (contacts(frame, door, body))
        (looking_back(frame, &format!("/customers/{}", encode(id)), &[], query, &format!("view=archive&subject={}", encode(id))))
        (layout::standing(frame, answered))
    };
    layout::page(frame, StatusCode::OK, &title, &body)
}

fn header(visitor: &Visitor, door: &Door, id: &str, body: &Value) -> Markup {
    let frame = &visitor.frame;
    let opens = |view: &str| visitor.opens(door, view, Some(id.to_owned()));
    let traced = opens("grade_audit");
    let graded = |grade: &str, of: &str| {
        let address = format!("/customers/{}/grades?of={of}", encode(id));
        let none = html! { span.none { (frame.say("no-value")) } };
        html! {
            // What is not graded yet, or masked, leads to its page all the same, where that opens.
            @let value = if grade.is_empty() { none } else { shown(frame, door, "", &Value::from(grade)) };
            @if traced { a.grade href=(address) { (value) } } @else { span.grade { (value) } }
        }
    };
    let value = |name: &str| body.get(name).unwrap_or(&Value::Null);
    let filled = body.pointer("/completeness/filled_bp").and_then(Value::as_u64).map(|bp| format!("{}%", bp / 100));
    html! {
        dl.facts.head {
            div { dt { (words::label(frame.language, "customer_id")) } dd { (id) } }
            div { dt { (frame.say("status")) } dd { (shown(frame, door, "status", value("status"))) } }
            div { dt { (frame.say("owner")) } dd { (shown(frame, door, "owner", value("owner"))) } }
            div { dt { (frame.say("region")) } dd { (shown(frame, door, "region", value("region"))) } }
            div { dt { (frame.say("credit-grade")) } dd { (graded(text(body, "credit_grade"), "credit")) } }
            div { dt { (frame.say("business-grade")) } dd { (graded(text(body, "business_grade"), "business")) } }
            @if body.get("credit_limit").is_some() {
                div { dt { (words::label(frame.language, "credit_limit")) } dd {
                    @let limit = shown(frame, door, "credit_limit", value("credit_limit"));
                    @if opens("terms") { a href={ "/customers/" (encode(id)) "/trade?view=terms" } { (limit) } } @else { (limit) }
                } }
            }
            @if let Some(filled) = filled { div { dt { (frame.say("completeness")) } dd { (filled) } } }
            @if !text(body, "verified_on").is_empty() {
                div { dt { (frame.say("verified-on")) } dd { (wall(door, text(body, "verified_on"))) } }
            }
            @if !text(body, "duplicate_of").is_empty() {
                div { dt { (frame.say("duplicate-of")) } dd {
                    a href={ "/customers/" (encode(text(body, "duplicate_of"))) } { (text(body, "duplicate_of")) }
                } }
            }
        }
    }
}

fn sections(frame: &Frame, door: &Door, body: &Value) -> Markup {
    let mut by_section: Vec<(&str, Vec<&Value>)> = Vec::new();
    for item in items(body, "sections") {
        let section = text(item, "section");
        match by_section.iter_mut().find(|(name, _)| *name == section) {
            Some((_, items)) => items.push(item),
            None => by_section.push((section, vec![item])),
        }
    }
    by_section.sort_by_key(|(name, _)| *name != "basic");
    html! {
        @for (section, items) in &by_section {
            section {
                h2 { (words::section(frame.language, section)) }
                div.wide {
                    table.stack {
                        thead { tr {
                            th scope="col" { (frame.say("item")) } th scope="col" { (frame.say("value")) }
                            th scope="col" { (frame.say("since")) } th scope="col" { (frame.say("recorded-by")) }
                            th scope="col" { (frame.say("entry")) }
                        } }
                        tbody { @for item in items {
                            tr {
                                th scope="row" { (words::label(frame.language, text(item, "item"))) }
                                td data-label=(frame.say("value")) { (shown(frame, door, text(item, "item"), item.get("value").unwrap_or(&Value::Null))) }
                                td.when data-label=(frame.say("since")) { (wall(door, text(item, "since"))) }
                                td data-label=(frame.say("recorded-by")) { (layout::actor(frame.language, text(item, "recorded_by"))) }
                                td data-label=(frame.say("entry")) { (layout::entry(item.get("source_event"))) }
                            }
                        } }
                    }
                }
            }
        }
    }
}

fn classes(frame: &Frame, door: &Door, body: &Value) -> Markup {
    let classes = items(body, "classes");
    html! { @if !classes.is_empty() {
        section { h2 { (frame.say("classes")) }
            dl.facts { @for class in classes {
                div { dt { (shown(frame, door, "dimension", class.get("dimension").unwrap_or(&Value::Null))) }
                    dd { (classed(frame, door, class)) } }
            } }
        }
    } }
}

fn classed(frame: &Frame, door: &Door, class: &Value) -> Markup {
    match class.get("value") {
        Some(Value::String(value)) if value != MASK => {
            html! { (words::class(frame.language, text(class, "dimension"), value)) }
        }
        value => shown(frame, door, "", value.unwrap_or(&Value::Null)),
    }
}

fn contacts(frame: &Frame, door: &Door, body: &Value) -> Markup {
    let contacts = items(body, "contacts");
    let count = body.get("contact_count").and_then(Value::as_u64).unwrap_or_default();
    let cell = |item: &Value, name: &str| shown(frame, door, name, item.get(name).unwrap_or(&Value::Null));
    let choice = |item: &Value, name: &str| {
        layout::chosen(frame, door, "contact.recorded", name, item.get(name).unwrap_or(&Value::Null))
    };
    html! {
        section { h2 { (frame.say("contacts")) }
            @if contacts.is_empty() { p { (frame.say("none-recorded")) } } @else {
                p { (frame.say_with("contacts-latest", &[("count", &count.to_string())])) }
                div.wide { table.stack {
                    thead { tr {
                        th scope="col" { (frame.say("contact-at")) } th scope="col" { (frame.say("contact-channel")) }
                        th scope="col" { (frame.say("contact-purpose")) } th scope="col" { (frame.say("contact-summary")) }
                        th scope="col" { (frame.say("recorded-by")) } th scope="col" { (frame.say("entry")) }
                    } }
                    tbody { @for item in contacts {
                        tr {
                            th.when scope="row" { (wall(door, text(item, "at"))) }
                            td data-label=(frame.say("contact-channel")) { (choice(item, "channel")) }
                            td data-label=(frame.say("contact-purpose")) { (choice(item, "purpose")) }
                            td data-label=(frame.say("contact-summary")) { (cell(item, "summary")) }
                            td data-label=(frame.say("recorded-by")) { (text(item, "recorded_by")) }
                            td data-label=(frame.say("entry")) { (layout::entry(item.get("index"))) }
                        }
                    } }
                } }
            }
        }
    }
}

fn object<'a>(body: &'a Value, name: &str) -> Vec<(&'a String, &'a Value)> {
    body.get(name).and_then(Value::as_object).map(|object| object.iter().collect()).unwrap_or_default()
}
