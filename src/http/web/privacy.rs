//! What is held of persons, and what was erased: the pages of whoever answers for personal data.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Frame, Visitor, encode};
use crate::http::web::words;
use crate::ledger::ViewError;
use crate::projection::{self, View};

/// The views there are pages of.
pub(crate) const VIEWS: [&str; 2] = ["personal_data", "erasures"];

/// `GET /privacy?view=&customer=`: the inventory, or the erasures, of one customer or of all.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let typed = |name: &str| query.get(name).map(|value| value.trim()).unwrap_or_default();
    let key = Some(typed("view")).filter(|key| !key.is_empty()).unwrap_or("personal_data");
    let view = VIEWS.contains(&key).then(|| projection::view(key)).flatten();
    let view = view.ok_or(Problem::View(ViewError::NotFound))?;
    let customer = Some(typed("customer").to_owned()).filter(|customer| !customer.is_empty());
    let after = Some(typed("after").to_owned()).filter(|after| !after.is_empty());
    let answered = match visitor.read(&door, view.key, customer, |asked| asked.after = after).await {
        Ok(answered) => answered,
        Err(problem) if layout::wants_purpose(&problem) => {
            let body = html! { (tabs(frame, view)) (layout::asking(frame, &problem)) };
            return Ok(layout::page(frame, problem.status(), &words::view(frame.language, view.key), &body));
        }
        Err(problem) => return Err(problem),
    };
    let rows = items(&answered.body, "items");
    let parts = [("view", view.key), ("customer", typed("customer"))];
    let body = html! {
        (tabs(frame, view))
        form.filters action="/privacy" method="get" role="search" {
            input type="hidden" name="view" value=(view.key);
            div { label for="customer" { (words::label(frame.language, "customer_id")) } input id="customer" name="customer" value=(typed("customer")); }
            button { (frame.say("search")) }
        }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else { (layout::table(frame, view, &[], rows, |row, name| value(frame, &door, row, name))) }
        (layout::next(frame, "/privacy", &parts, answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &words::view(frame.language, view.key), &body))
}

fn tabs(frame: &Frame, view: &View) -> Markup {
    html! {
        nav.tabs aria-label=(words::view(frame.language, view.key)) { @for key in VIEWS {
            a href={ "/privacy?view=" (key) } aria-current=[(key == view.key).then_some("page")] { (words::view(frame.language, key)) }
        } }
    }
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
            @if place > 0 { ", " } (words::label(frame.language, field.as_str().unwrap_or_default()))
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
