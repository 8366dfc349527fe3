//! The corrections and voidings of all customers, newest first, for who watches over the archives.

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
use crate::http::web::visitor::{Frame, Visitor, wall};
use crate::http::web::words;
use crate::ledger::Answered;

/// `GET /corrections?after=`.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let after = query.get("after").filter(|after| !after.is_empty()).cloned();
    let answered = visitor.read(&door, "corrections", None, |asked| asked.after = after).await?;
    Ok(written(&door, &visitor.frame, &answered))
}

fn written(door: &Door, frame: &Frame, answered: &Answered) -> Response {
    let rows = items(&answered.body, "items");
    let body = html! {
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        ol.timeline { @for row in rows {
            li {
                p {
                    span.when { (wall(door, text(row, "at"))) } " "
                    strong { (words::event(frame.language, text(row, "type"))) } " "
                    (text(row, "by")) " " small { (words::role(frame.language, text(row, "role"))) } " "
                    (layout::entry(row.get("index")))
                    " → " (words::event(frame.language, text(row, "target_type"))) " " (layout::entry(row.get("target")))
                }
                @if row.get("voided_by").is_some() { p { strong { (frame.say("voided")) } " " (layout::entry(row.get("voided_by"))) } }
                p { (shown(frame, door, "", row.get("reason").unwrap_or(&Value::Null))) }
                (changes(door, frame, row))
            }
        } }
        (layout::next(frame, "/corrections", &[], answered.next.as_deref()))
        (layout::standing(frame, answered))
    };
    layout::page(frame, StatusCode::OK, &frame.say("corrections"), &body)
}

/// Each change with the value before and the value now.
fn changes(door: &Door, frame: &Frame, row: &Value) -> Markup {
    let changes = items(row, "changes");
    let kind = text(row, "target_type");
    let fields = catalog::find(kind).map_or(&[][..], |kind| kind.fields);
    let value = |change: &Value, name: &str| {
        layout::located(frame, door, kind, text(change, "path"), change.get(name).unwrap_or(&Value::Null))
    };
    html! { @if !changes.is_empty() {
        dl.facts { @for change in changes { div {
            dt { (words::label_at(frame.language, fields, text(change, "path"))) " " code { (text(change, "path")) } }
            dd { small { (frame.say("before")) } " " (value(change, "old")) " · " small { (frame.say("after")) } " " (value(change, "new")) }
        } } }
    } }
}
