//! The catalog: which events can be proposed and which views can be read.

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::domain::catalog;
use crate::http::api::{self, Named, views};
use crate::http::error::Problem;
use crate::http::schema;
use crate::ledger::ViewError;
use crate::projection::{Scope, VIEWS};

/// `GET /v1/event-types`: every event type.
pub(crate) async fn types() -> Response {
    let items = catalog::types().iter().map(|kind| {
        json!({
            "type": kind.name,
            "label": { "en": kind.en, "zh": kind.zh },
            "description": kind.doc,
            "occurred": kind.occurred,
            "schema": format!("/v1/event-types/{}", kind.name),
        })
    });
    api::json(&json!({ "items": items.collect::<Vec<Value>>() }))
}

/// `GET /v1/event-types/{type}`: the JSON Schema of a type's payload.
pub(crate) async fn one_type(Named(name): Named) -> Result<Response, Problem> {
    let kind = catalog::find(&name).ok_or(Problem::View(ViewError::NotFound))?;
    Ok(([(CONTENT_TYPE, "application/schema+json")], schema::of(kind).to_string()).into_response())
}

/// `GET /v1/views`: every view.
pub(crate) async fn views() -> Response {
    let items = VIEWS.iter().map(|view| {
        let columns =
            view.columns.iter().map(|column| json!({ "id": column.id, "label": { "en": column.en, "zh": column.zh } }));
        json!({
            "key": view.key,
            "number": view.number,
            "label": { "en": view.en, "zh": view.zh },
            "subject": subject(view.scope),
            "filters": views::filters(view.key),
            "columns": columns.collect::<Vec<Value>>(),
            "href": format!("/v1/views/{}", view.key),
        })
    });
    api::json(&json!({ "items": items.collect::<Vec<Value>>() }))
}

/// What `subject` must name for a view; nothing where there is none to name.
fn subject(scope: Scope) -> Option<String> {
    let written = scope.subject().1.join(" | ");
    match scope {
        Scope::Company => None,
        // It may be left out.
        Scope::Customers | Scope::Person | Scope::Employees => Some(format!("[{written}]")),
        _ => Some(written),
    }
}
