//! What changed between two moments, of one customer or of all.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::{Map, Value};

use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, text};
use crate::http::web::visitor::{Frame, Visitor, encode, moments};
use crate::http::web::words;
use crate::ledger::{Answered, ViewError};
use crate::projection::{self, Scope, VIEWS, View};

/// `GET /compare`: asks for a view and two moments, and shows what changed between them.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let typed = |name: &str| query.get(name).map(|value| value.trim()).unwrap_or_default();
    let asked = !typed("since").is_empty() || !typed("since_valid_at").is_empty();
    let answered = if asked { Some(read(&visitor, &door, &query).await?) } else { None };
    let body = html! {
        (form(frame, &typed))
        @if let Some(answered) = &answered { (differences(frame, &door, &typed, answered)) }
    };
    Ok(layout::page(frame, StatusCode::OK, &frame.say("compare"), &body))
}

async fn read(visitor: &Visitor, door: &Door, query: &BTreeMap<String, String>) -> Result<Answered, Problem> {
    let typed = |name: &str| query.get(name).map(|value| value.trim()).filter(|value| !value.is_empty());
    let view = projection::view(typed("view").unwrap_or("list")).filter(|view| view.compares());
    let view = view.ok_or(Problem::View(ViewError::NotFound))?;
    let subject = typed("subject").filter(|_| view.scope != Scope::Company).map(str::to_owned);
    if view.scope == Scope::Customer && subject.is_none() {
        return Err(Problem::value("/subject", "is required for this view", "此视图须指明客户"));
    }
    let (moment, since) = moments(door, query)?;
    let read = visitor.read(door, view.key, subject, |asked| {
        asked.look_at(moment, since);
        asked.after = typed("after").map(str::to_owned);
        asked.limit = projection::PAGE_ROWS;
    });
    read.await
}

fn form<'a>(frame: &Frame, typed: &impl Fn(&str) -> &'a str) -> Markup {
    let chosen = if typed("view").is_empty() { "list" } else { typed("view") };
    html! {
        form.filters action="/compare" method="get" {
            div { label for="view" { (frame.say("compare-view")) }
                select id="view" name="view" {
                    @for view in VIEWS.iter().filter(|view| view.compares()) {
                        option value=(view.key) selected[view.key == chosen] { (label(frame, view)) }
                    }
                } }
            div { label for="subject" { (frame.say("compare-subject")) }
                input id="subject" name="subject" value=(typed("subject")) placeholder="C-00042"; }
            (moment_field(frame, "since", typed("since")))
            (moment_field(frame, "as_of", typed("as_of")))
            (moment_field(frame, "since_valid_at", typed("since_valid_at")))
            (moment_field(frame, "valid_at", typed("valid_at")))
            button { (frame.say("compare")) }
        }
        p.hint #moment-hint { (frame.say("moment-hint")) }
    }
}

/// The form to look back by, of a page that shows a state; `kept` is what the address says besides.
pub(crate) fn looking_back(
    frame: &Frame,
    action: &str,
    kept: &[(&str, &str)],
    typed: &BTreeMap<String, String>,
    compare: &str,
) -> Markup {
    let said = |name: &str| typed.get(name).map(|text| text.trim()).unwrap_or_default();
    let looking = MOMENT.iter().any(|name| !said(name).is_empty());
    html! {
        details open[looking] {
            summary { (frame.say("look-back")) }
            form.filters action=(action) method="get" {
                @for (name, value) in kept.iter().filter(|(name, value)| !value.is_empty() && !MOMENT.contains(name)) {
                    input type="hidden" name=(name) value=(value);
                }
                @for name in MOMENT { (moment_field(frame, name, said(name))) }
                button { (frame.say("show")) }
                a.button href={ "/compare?" (compare) } { (frame.say("compare")) }
            }
            p.hint #moment-hint { (frame.say("moment-hint")) }
        }
    }
}

/// A field for a moment, by when things were recorded or by when they happened.
fn moment_field(frame: &Frame, name: &str, value: &str) -> Markup {
    let label = match name {
        "since" => "moment-since",
        "as_of" => "as-of",
        "since_valid_at" => "moment-since-valid",
        _ => "moment-valid",
    };
    html! { div { label for=(name) { (frame.say(label)) }
    input id=(name) name=(name) value=(value) placeholder="2026-03-01" aria-describedby="moment-hint"; } }
}

fn label(frame: &Frame, view: &View) -> String {
    let name = frame.language.choose((view.en, view.zh));
    match view.scope {
        Scope::Customer => frame.say_with("compare-of-one", &[("view", name)]),
        _ => name.to_owned(),
    }
}

fn differences<'a>(frame: &Frame, door: &Door, typed: &impl Fn(&str) -> &'a str, answered: &Answered) -> Markup {
    let rows = items(&answered.body, "items");
    let label = |name: &str| words::label(frame.language, name).into_owned();
    let since = answered.body.get("since").map(ToString::to_string).unwrap_or_default();
    // The next page is of the same two moments, whatever is entered meanwhile.
    let position = answered.position.to_string();
    let query = [
        ("view", typed("view")),
        ("subject", typed("subject")),
        ("since", since.as_str()),
        ("as_of", position.as_str()),
        ("since_valid_at", typed("since_valid_at")),
        ("valid_at", typed("valid_at")),
    ];
    html! {
        @if rows.is_empty() { p { (frame.say("compare-none")) } } @else {
            div.wide tabindex="0" role="region" aria-label=(frame.say("compare")) {
                table.stack {
                    thead { tr {
                        th scope="col" { (frame.say("compare-where")) } th scope="col" { (frame.say("compare-field")) }
                        th scope="col" { (frame.say("compare-before")) } th scope="col" { (frame.say("compare-after")) }
                    } }
                    tbody { @for row in rows {
                        tr {
                            th scope="row" { (place(frame, door, row)) }
                            td data-label=(frame.say("compare-field")) { @match text(row, "field") {
                                "" => (frame.say(match text(row, "change") { "added" => "compare-added", _ => "compare-removed" })),
                                field => (label(field)),
                            } }
                            td data-label=(frame.say("compare-before")) { (side(frame, door, row, "before")) }
                            td data-label=(frame.say("compare-after")) { (side(frame, door, row, "after")) }
                        }
                    } }
                }
            }
        }
        (layout::next(frame, "/compare", &query, answered.next.as_deref()))
        p.standing { (frame.say_with("compare-from", &[("index", &since)])) }
        (layout::standing(frame, answered))
    }
}

/// Says which item of which part it is about.
fn place(frame: &Frame, door: &Door, row: &Value) -> Markup {
    let within = text(row, "within");
    let item = row.get("item").and_then(Value::as_object);
    html! {
        @if !within.is_empty() { small { (words::label(frame.language, within)) } " " }
        @if let Some(item) = item { @for (name, value) in item {
            @match (name.as_str(), value.as_str()) {
                ("customer_id", Some(id)) => { a href={ "/customers/" (encode(id)) } { (id) } " " },
                _ => { (layout::part(frame, door, item, name, value)) " " },
            }
        } }
    }
}

fn side(frame: &Frame, door: &Door, row: &Value, side: &str) -> Markup {
    let none = Map::new();
    let item = row.get("item").and_then(Value::as_object).unwrap_or(&none);
    layout::part(frame, door, item, text(row, "field"), row.get(side).unwrap_or(&Value::Null))
}

/// What a page asks for a moment by.
pub(crate) const MOMENT: [&str; 2] = ["as_of", "valid_at"];
