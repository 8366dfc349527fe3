//! The days that matter to persons: the calendar of whoever sends gifts, and of whoever owns the customers.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode};
use crate::http::web::words;
use crate::ledger::{Answered, Asked, ViewError};
use crate::projection;

/// The view.
pub(crate) const KEY: &str = "important_dates";

/// `GET /important-dates?days=`: who has such dates, masked.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<std::collections::BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let asked = Fields(query);
    let answered = read(&door, &visitor, &asked, false).await?;
    written(&visitor.frame, &door, &asked, &answered)
}

/// `POST /important-dates`: the calendar, opened for a purpose.
pub(crate) async fn reveal(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let answered = read(&door, &visitor, &fields, true).await?;
    written(&visitor.frame, &door, &fields, &answered)
}

/// Shows which day it is: a birthday by its name, any other as it was written.
pub(crate) fn occasion(frame: &Frame, door: &Door, value: &Value) -> Markup {
    match value.as_str() {
        Some("birthday") => html! { (words::label(frame.language, "birthday")) },
        _ => shown(frame, door, "occasion", value),
    }
}

async fn read(door: &Door, visitor: &Visitor, fields: &Fields, reveal: bool) -> Result<Answered, Problem> {
    let (after, days) = (fields.said("after"), fields.said("days"));
    let narrow = |asked: &mut Asked| {
        (asked.after, asked.reveal) = (after, reveal);
        asked.filters.extend(days.map(|days| ("days".to_owned(), days)));
    };
    visitor.read(door, KEY, None, narrow).await
}

fn written(frame: &Frame, door: &Door, asked: &Fields, answered: &Answered) -> Result<Response, Problem> {
    let view = projection::view(KEY).ok_or(Problem::View(ViewError::NotFound))?;
    let rows = items(&answered.body, "items");
    let parts = [("days", asked.text("days")), ("after", asked.text("after"))];
    let body = html! {
        @if !answered.masked.is_empty() { (layout::opening(frame, PATH, answered.masked.len(), &parts)) }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else { (layout::table(frame, view, &["customer_id"], rows, |row, name| value(frame, door, row, name))) }
        (layout::next(frame, PATH, &[("days", asked.text("days"))], answered.next.as_deref()))
        (layout::standing(frame, answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &words::view(frame.language, KEY), &body))
}

fn value(frame: &Frame, door: &Door, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    match name {
        "customer" => {
            html! { a href={ "/customers/" (encode(text(row, "customer_id"))) "/people" } { (shown(frame, door, name, value)) } }
        }
        "occasion" => occasion(frame, door, value),
        "source_event" => layout::entry(Some(value)),
        _ => shown(frame, door, name, value),
    }
}

const PATH: &str = "/important-dates";
