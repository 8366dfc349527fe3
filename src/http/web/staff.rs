//! The staff over time: units, roles with their begin, end and approval, and status; of everybody or of one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, text};
use crate::http::web::questions::text_field;
use crate::http::web::visitor::{Frame, Narrowed, Visitor, encode, wall};
use crate::http::web::words;
use crate::projection;

/// `GET /staff?employee=&after=`.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let query = Narrowed::new(query, &[]);
    let employee = Some(query.text("employee").to_owned()).filter(|id| !id.is_empty());
    let answered = visitor.read_on(&door, "staff", employee, &query).await?;
    let rows = items(&answered.body, "items");
    let view = projection::view("staff");
    let body = html! {
        form.filters action="/staff" method="get" {
            (text_field(frame, "staff", "employee", "employee", query.text("employee")))
            button { (frame.say("show")) }
        }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else if let Some(view) = view {
            // Approvers stand with each role, and the unit with those before it.
            (layout::table(frame, view, &["approved_by", "unit", "unit_name"], rows, |row, name| cell(frame, &door, row, name)))
        }
        (layout::next(frame, "/staff", &[], answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &words::view(frame.language, "staff"), &body))
}

fn cell(frame: &Frame, door: &Door, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    let status = |value: &Value| layout::of_kind(frame, door, "employee.status_changed", "status", value);
    match (name, value) {
        ("employee_id", Value::String(id)) => html! { a href={ "/staff?employee=" (encode(id)) } { (id) } },
        ("status", value) => status(value),
        ("units", Value::Array(units)) => html! { ul.plain { @for unit in units {
            li { (text(unit, "name")) " " small { (text(unit, "unit")) " · " (text(unit, "since")) } }
        } } },
        ("statuses", Value::Array(statuses)) => html! { ul.plain { @for one in statuses {
            li { (status(one.get("status").unwrap_or(&Value::Null))) " " small { (text(one, "since")) } }
        } } },
        ("roles", Value::Array(roles)) => {
            html! { ul.plain { @for held in roles { li { (role(frame, door, held)) } } } }
        }
        _ => layout::shown(frame, door, name, value),
    }
}

/// A role with its unit, from when to when it is or was held, and who approved either.
fn role(frame: &Frame, door: &Door, held: &Value) -> Markup {
    let approved = |name: &str| {
        let by = text(held, name);
        if by.is_empty() { String::new() } else { frame.say_with("approved-by-whom", &[("who", by)]) }
    };
    html! {
        (words::role(frame.language, text(held, "role"))) " " small { (text(held, "unit")) }
        br; small { (frame.say("since")) " " (wall(door, text(held, "since"))) " " (approved("approved_by")) }
        @if !text(held, "until").is_empty() { br; small { (frame.say("day-until")) " " (text(held, "until")) } }
        @if !text(held, "ended_at").is_empty() {
            br; small { (frame.say("ended")) " " (wall(door, text(held, "ended_at"))) " " (approved("end_approved_by")) }
        }
    }
}
