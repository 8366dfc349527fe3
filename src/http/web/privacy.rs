//! What is held of persons, and what was erased: the pages of whoever answers for personal data.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::domain::catalog;
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode};
use crate::http::web::words;
use crate::ledger::{Answered, Asked, ViewError};
use crate::projection::{self, View};

/// The views there are pages of.
pub(crate) const VIEWS: [&str; 2] = ["personal_data", "erasures"];

/// `GET /privacy?view=&customer=`: the inventory, or the erasures, of one customer or of all.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let asked = Fields(query);
    let view = view(&asked)?;
    match read(&door, &visitor, view, &asked, false).await {
        Ok(answered) => Ok(written(&visitor, &door, view, &asked, &answered)),
        Err(problem) if layout::wants_purpose(&problem) => {
            let frame = &visitor.frame;
            let body = html! { (tabs(&visitor, &door, view)) (layout::asking(frame, &problem)) };
            Ok(layout::page(frame, problem.status(), &words::view(frame.language, view.key), &body))
        }
        Err(problem) => Err(problem),
    }
}

/// `POST /privacy`: the same with what persons agreed to opened, for a purpose.
pub(crate) async fn reveal(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let view = view(&fields)?;
    let answered = read(&door, &visitor, view, &fields, true).await?;
    Ok(written(&visitor, &door, view, &fields, &answered))
}

fn view(asked: &Fields) -> Result<&'static View, Problem> {
    let key = asked.said("view").unwrap_or_else(|| "personal_data".to_owned());
    let known = VIEWS.contains(&key.as_str()).then(|| projection::view(&key)).flatten();
    known.ok_or(Problem::View(ViewError::NotFound))
}

async fn read(door: &Door, visitor: &Visitor, view: &View, fields: &Fields, reveal: bool) -> Result<Answered, Problem> {
    let after = fields.said("after");
    let narrow = |asked: &mut Asked| (asked.after, asked.reveal) = (after, reveal);
    visitor.read(door, view.key, fields.said("customer"), narrow).await
}

fn written(visitor: &Visitor, door: &Door, view: &'static View, asked: &Fields, answered: &Answered) -> Response {
    let frame = &visitor.frame;
    let rows = items(&answered.body, "items");
    let parts = [("view", view.key), ("customer", asked.text("customer"))];
    let page = [("view", view.key), ("customer", asked.text("customer")), ("after", asked.text("after"))];
    let body = html! {
        (tabs(visitor, door, view))
        form.filters action="/privacy" method="get" role="search" {
            input type="hidden" name="view" value=(view.key);
            div { label for="customer" { (words::label(frame.language, "customer_id")) } input id="customer" name="customer" value=(asked.text("customer")); }
            button { (frame.say("search")) }
        }
        @if !answered.masked.is_empty() { (layout::opening(frame, "/privacy", answered.masked.len(), &page)) }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else { (layout::table(frame, view, &[], rows, |row, name| value(frame, door, row, name))) }
        (layout::next(frame, "/privacy", &parts, answered.next.as_deref()))
        (layout::standing(frame, answered))
    };
    layout::page(frame, StatusCode::OK, &words::view(frame.language, view.key), &body)
}

fn tabs(visitor: &Visitor, door: &Door, view: &View) -> Markup {
    let label = visitor.frame.say("module-privacy");
    layout::views(visitor, door, &label, (&VIEWS, None), view.key, |key| format!("/privacy?view={key}"))
}

fn value(frame: &Frame, door: &Door, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    let chosen = |kind, name, value| layout::chosen(frame, door, kind, name, value);
    match name {
        "customer" => {
            let id = text(row, name);
            html! { a href={ "/customers/" (encode(id)) "/people" } { (id) } }
        }
        "fields" => html! { @for (place, field) in value.as_array().into_iter().flatten().enumerate() {
            @if place > 0 { ", " } (held(frame, field.as_str().unwrap_or_default()))
        } },
        "consents" => html! { ul.plain { @for consent in items(row, name) { li {
            (chosen("consent.recorded", "purpose", consent.get("purpose").unwrap_or(&Value::Null)))
            ": " (chosen("consent.recorded", "status", consent.get("status").unwrap_or(&Value::Null)))
        } } } },
        "scope" | "ground" => chosen("personal_data.erased", name, value),
        "erased" => match value.get("scope") {
            None => html! { span.none { (frame.say("no-value")) } },
            Some(scope) => html! {
                (chosen("personal_data.erased", "scope", scope))
                @if value.get("keys_destroyed") != Some(&Value::Bool(true)) { " (" (frame.say("erasure-under-way")) ")" }
            },
        },
        "completed_at" if value.is_null() => html! { (frame.say("erasure-under-way")) },
        "ledger_intact" => chosen("ledger.verified", "result", value),
        "last_used" | "erased_at" | "completed_at" => shown(frame, door, "at", value),
        _ => shown(frame, door, name, value),
    }
}

/// Calls a field as the type it was recorded with does: names such as `name` mean other things elsewhere.
fn held<'a>(frame: &Frame, name: &'a str) -> Cow<'a, str> {
    let of = |kind: &str| catalog::find(kind).and_then(|kind| kind.field(name));
    match of("person.recorded").or_else(|| of("person.updated")) {
        Some(field) => Cow::Borrowed(frame.language.choose((field.en, field.zh))),
        None => words::label(frame.language, name),
    }
}
