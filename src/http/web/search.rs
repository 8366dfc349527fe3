//! Looking for a customer or a person by a few words.
//!
//! What is typed may be somebody's name, so it travels in the body of a form and never in an address.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::domain::audit::Mode;
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode};
use crate::http::web::words;
use crate::ledger::Answered;

/// `GET /search`: asks what is looked for.
pub(crate) async fn page(visitor: Visitor) -> Response {
    let frame = &visitor.frame;
    layout::page(frame, StatusCode::OK, &frame.say("search"), &form(frame, &Fields::default()))
}

/// `POST /search`: shows what was found; for a purpose also among the people.
pub(crate) async fn find(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    let people = fields.said("purpose").is_some();
    if people {
        visitor.check_purpose(&fields)?;
    } else {
        visitor.check_sent(&fields)?;
    }
    visitor.frame.address = "/search".to_owned();
    let frame = &visitor.frame;
    let read = visitor.read(&door, "search", None, |asked| {
        asked.filters.insert("q".to_owned(), fields.text("q").trim().to_owned());
        asked.mode = Mode::Search;
        asked.reveal = people;
        asked.after = fields.said("after");
    });
    let body = match read.await {
        Ok(answered) => html! { (form(frame, &fields)) (found(&visitor, &door, &fields, &answered)) },
        Err(problem @ Problem::View(crate::ledger::ViewError::Refused(_))) => {
            html! { (layout::told(frame, &problem, &[])) (form(frame, &fields)) }
        }
        Err(problem) => return Err(problem),
    };
    Ok(layout::page(frame, StatusCode::OK, &frame.say("search"), &body))
}

fn form(frame: &Frame, fields: &Fields) -> Markup {
    let chosen = crate::access::principal::Purpose::parse(fields.text("purpose")).ok().map(|purpose| purpose.kind);
    html! {
        form.filters action="/search" method="post" {
            (layout::token(frame))
            div { label for="q" { (frame.say("search-words")) }
                input id="q" name="q" type="search" required maxlength="120" value=(fields.text("q")); }
            div { label for="search-purpose" { (frame.say("search-people")) }
                (layout::purposes(frame, "search-purpose", chosen, false)) }
            button { (frame.say("search-go")) }
        }
        p.hint { (frame.say("search-people-hint")) }
    }
}

fn found(visitor: &Visitor, door: &Door, fields: &Fields, answered: &Answered) -> Markup {
    let frame = &visitor.frame;
    let hits = items(&answered.body, "items");
    let label = |name: &str| words::label(frame.language, name).into_owned();
    let count = hits.len().to_string();
    let people = hits.iter().any(|hit| hit.get("person_id").is_some());
    html! {
        @if hits.is_empty() { p role="status" { (frame.say("found-none")) } }
        @else {
            p role="status" { (frame.say_with(if answered.next.is_some() { "search-more" } else { "search-found" }, &[("count", &count)])) }
            div.wide tabindex="0" role="region" aria-label=(frame.say("search")) {
                table.stack {
                    thead { tr {
                        th scope="col" { (frame.say("name")) }
                        @if people { th scope="col" { (frame.say("person")) } }
                        @for column in COLUMNS { th scope="col" { (label(column)) } }
                    } }
                    tbody { @for hit in hits { (row(visitor, door, hit, people)) } }
                }
            }
        }
        @if let Some(next) = &answered.next {
            form action="/search" method="post" {
                (layout::token(frame))
                @for (name, value) in [("q", fields.text("q")), ("purpose", fields.text("purpose")), ("after", next)] {
                    input type="hidden" name=(name) value=(value);
                }
                p.paging { button { (frame.say("next-page")) } }
            }
        }
        (layout::standing(frame, answered))
    }
}

fn row(visitor: &Visitor, door: &Door, hit: &Value, people: bool) -> Markup {
    let (frame, id) = (&visitor.frame, text(hit, "customer_id"));
    let value = |name: &str| shown(frame, door, name, hit.get(name).unwrap_or(&Value::Null));
    html! { tr {
        th scope="row" {
            (layout::customer(visitor, door, id, &shown(frame, door, "", hit.get("name").unwrap_or(&Value::Null)))) " " small { (id) }
        }
        @if people { td data-label=(frame.say("person")) {
            @if hit.get("person_id").is_some() {
                a href={ "/customers/" (encode(id)) "/people" } { (shown(frame, door, "", hit.get("person").unwrap_or(&Value::Null))) }
                " " small { (text(hit, "person_id")) }
            }
        } }
        @for column in COLUMNS { td data-label=(words::label(frame.language, column)) { (value(column)) } }
    } }
}

const COLUMNS: [&str; 3] = ["code", "region", "owner"];
