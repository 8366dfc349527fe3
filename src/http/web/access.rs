//! Who may read beyond their own, and who has which file: requests, grants, loans, anomalies and what was refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::matter::Matter;
use crate::access::redactor::MASK;
use crate::domain::grant::Seat;
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, text};
use crate::http::web::visitor::{Frame, Visitor, encode};
use crate::http::web::words;
use crate::ledger::{Answered, ViewError};
use crate::projection::{self, View};

/// The views there are pages of.
const VIEWS: [&str; 3] = ["grants", "anomalies", "refusals"];

/// What one may ask for of grants and loans, and the filter that says so.
const SHOWN: [(&str, &str); 5] =
    [("all", ""), ("waiting", "waiting"), ("mine", "mine"), ("loans", "kind"), ("overdue", "status")];

/// `GET /access`: requests, grants and loans, or with `?view=` anomalies or what was refused.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let key = query.get("view").map_or("grants", String::as_str);
    let view = VIEWS.contains(&key).then(|| projection::view(key)).flatten();
    let view = view.ok_or(Problem::View(ViewError::NotFound))?;
    let shown = query.get("show").map_or("all", String::as_str);
    let shown = if SHOWN.iter().any(|(name, _)| *name == shown) { shown } else { "all" };
    let read = visitor.read(&door, view.key, None, |asked| {
        asked.after = query.get("after").filter(|after| !after.is_empty()).cloned();
        let filter = match (view.key, shown) {
            ("grants", "waiting") => Some(("waiting", "true")),
            ("grants", "mine") => Some(("mine", "true")),
            ("grants", "loans") => Some(("kind", "loan")),
            ("grants", "overdue") => Some(("status", "overdue")),
            _ => None,
        };
        asked.filters.extend(filter.map(|(name, value)| (name.to_owned(), value.to_owned())));
    });
    let answered = read.await?;
    Ok(written(&visitor, &door, view, shown, &answered))
}

fn written(visitor: &Visitor, door: &Door, view: &View, shown: &str, answered: &Answered) -> Response {
    let frame = &visitor.frame;
    let rows = items(&answered.body, "items");
    let may: Vec<&str> =
        door.ledger.proposable(&visitor.asker.principal, None).into_iter().map(|kind| kind.name).collect();
    let more: Vec<(&str, &str)> = vec![("view", view.key), ("show", if view.key == "grants" { shown } else { "" })];
    let body = html! {
        (layout::views(visitor, door, &frame.say("access"), (&VIEWS, None), view.key, |key| format!("/access?view={key}")))
        @if view.key == "grants" {
            nav.tabs aria-label=(words::view(frame.language, view.key)) { @for (name, _) in SHOWN {
                a href={ "/access?show=" (name) } aria-current=[(name == shown).then_some("page")] { (words::say(frame.language, &format!("access-{name}"))) }
            } }
            (begin(frame, &may, &["access.requested", "archive.borrowed"]))
        } @else if view.key == "anomalies" { (begin(frame, &may, &["anomaly.reported"])) }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else if view.key == "refusals" { (table(frame, door, view, rows)) }
        @else { @for row in rows { (card(frame, door, view, row, &may)) } }
        (layout::next(frame, "/access", &more, answered.next.as_deref()))
        (layout::standing(frame, answered))
    };
    layout::page(frame, StatusCode::OK, &words::view(frame.language, view.key), &body)
}

/// Links to the forms that begin something, as far as the visitor may perhaps send them.
fn begin(frame: &Frame, may: &[&str], kinds: &[&str]) -> Markup {
    html! { p { @for kind in kinds.iter().filter(|kind| may.contains(kind)) {
        a.button href={ "/propose/" (kind) "?back=%2Faccess" } { (words::doing(frame.language, kind)) } " "
    } } }
}

fn card(frame: &Frame, door: &Door, view: &View, row: &Value, may: &[&str]) -> Markup {
    let status = text(row, "status");
    let known = view
        .columns
        .iter()
        .filter(|column| !matches!(column.id, "no" | "kind" | "status" | "overdue" | "returned" | "index"));
    let known = known.filter(|column| row.get(column.id).is_some_and(|value| !empty(value)));
    html! {
        section.card {
            h2 { (kind(frame, door, view, row)) " " (text(row, "no")) " "
                @if !status.is_empty() { small.status { (words::say(frame.language, &format!("request-{status}"))) } }
            }
            @if status == "overdue" { p.problem role="alert" { (frame.say("access-overdue-hint")) } }
            dl.facts { @for column in known {
                div { dt { (frame.language.choose((column.en, column.zh))) } dd { (value(frame, door, view, row, column.id)) } }
            } }
            p {
                @for (kind, address) in actions(view, row, frame).into_iter().filter(|(kind, _)| may.contains(kind)) {
                    @let does = if address.contains("renews=") { "archive.renewed" } else { kind };
                    a.button href=(address) { (words::doing(frame.language, does)) } " "
                }
                (layout::entry(row.get("index")))
            }
        }
    }
}

fn empty(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// The forms that go on with a row, with what is known filled in.
fn actions(view: &View, row: &Value, frame: &Frame) -> Vec<(&'static str, String)> {
    let no = encode(text(row, "no"));
    let back = "back=%2Faccess";
    let own = frame.signed_in.as_ref().is_some_and(|who| who.employee == text(row, "who"));
    match (view.key, text(row, "kind"), text(row, "status")) {
        ("anomalies", ..) if text(row, "outcome").is_empty() => vec![(
            "anomaly.resolved",
            format!("/propose/anomaly.resolved?subject=anomaly%2F{no}&back=%2Faccess%3Fview%3Danomalies"),
        )],
        ("grants", "grant", "waiting" | "open") => {
            let form = |kind: &str| format!("/propose/{kind}?subject=grant%2F{no}&{back}");
            let decide = (!own && row.get("waiting_for").is_some()).then(|| ("access.decided", form("access.decided")));
            decide.into_iter().chain([("access.revoked", form("access.revoked"))]).collect()
        }
        ("grants", "loan", "lent" | "overdue") => {
            let customer = items(row, "customers").first().and_then(Value::as_str).unwrap_or_default();
            let who = text(row, "who");
            vec![
                ("archive.returned", format!("/propose/archive.returned?subject=loan%2F{no}&{back}")),
                (
                    "archive.borrowed",
                    format!(
                        "/propose/archive.borrowed?renews={no}&customer_id={}&borrower={}&{back}",
                        encode(customer),
                        encode(who)
                    ),
                ),
            ]
        }
        _ => Vec::new(),
    }
}

fn kind(frame: &Frame, door: &Door, view: &View, row: &Value) -> Markup {
    match view.key {
        "anomalies" => value(frame, door, view, row, "kind"),
        _ => html! { (words::say(frame.language, &format!("access-kind-{}", text(row, "kind")))) },
    }
}

fn table(frame: &Frame, door: &Door, view: &View, rows: &[Value]) -> Markup {
    let label = |column: &'static projection::Column| frame.language.choose((column.en, column.zh));
    html! {
        div.wide tabindex="0" role="region" aria-label=(words::view(frame.language, view.key)) { table.stack {
            thead { tr { @for column in view.columns { th scope="col" { (label(column)) } } } }
            tbody { @for row in rows { tr { @for column in view.columns {
                td data-label=(label(column)) { (value(frame, door, view, row, column.id)) }
            } } } }
        } }
    }
}

/// Shows a value as the type it comes from declares it: names such as `kind` mean other things elsewhere.
fn value(frame: &Frame, door: &Door, view: &View, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    match (view.key, name) {
        (_, "index") => layout::entry(Some(value)),
        ("anomalies", "outcome") => layout::chosen(frame, door, "anomaly.resolved", name, value),
        ("anomalies", _) => layout::chosen(frame, door, "anomaly.reported", name, value),
        ("grants", "decisions") => html! { ul.plain { @for decision in items(row, name) { li {
            strong { (layout::chosen(frame, door, "access.decided", "decision", decision.get("decision").unwrap_or(&Value::Null))) }
            " " (classes(decision)) " · " (text(decision, "by")) " · " (text(decision, "reason"))
            @if !text(decision, "conditions").is_empty() { " · " (text(decision, "conditions")) }
        } } } },
        ("grants", "waiting_for") => html! { ul.plain { @for place in items(row, name) { li {
            (text(place, "class")) " · " (words::chosen::<Seat>(frame.language, text(place, "seat")))
        } } } },
        ("grants", "modes") => layout::of_kind(frame, door, "access.requested", name, value),
        ("grants", "scope") if text(row, "kind") == "grant" => {
            layout::of_kind(frame, door, "access.requested", "classes", value)
        }
        ("grants", "from" | "until") if text(row, "kind") == "grant" => {
            layout::of_kind(frame, door, "access.requested", name, value)
        }
        ("grants", "scope") => html! { ul.plain { @for section in items(row, name).iter().filter_map(Value::as_str) {
            li { (lent(frame, section)) }
        } } },
        ("grants", "customers") => html! { ul.plain { @for id in items(row, name).iter().filter_map(Value::as_str) {
            li { a href={ "/customers/" (encode(id)) } { (id) } }
        } } },
        ("grants", "content_hash") if value.as_str().is_some_and(|text| text != MASK) => layout::hash(value),
        // What was refused was to record something or to read it.
        ("refusals", "command") => {
            html! { (words::view(frame.language, &words::event(frame.language, text(row, name)))) }
        }
        ("refusals", "place") => layout::of_kind(frame, door, "archive.access_denied", name, value),
        ("refusals", "code") => html! { code { (text(row, name)) } },
        ("refusals", "role") => html! { (words::role(frame.language, text(row, name))) },
        ("refusals", "target") => html! { (words::stream(frame.language, text(row, name))) },
        (_, "who" | "by" | "reporter" | "resolved_by") if value.is_string() => {
            html! { (layout::actor(frame.language, text(row, name))) }
        }
        (_, "at") => layout::shown(frame, door, "at", value),
        _ => layout::shown(frame, door, "", value),
    }
}

/// Names what of a file is lent; other words stand for the whole file.
fn lent(frame: &Frame, section: &str) -> String {
    let matter = Matter::ALL.into_iter().find(|matter| matter.key() == section);
    matter.map_or_else(
        || words::section(frame.language, section),
        |matter| frame.language.choose((matter.en(), matter.zh())).to_owned(),
    )
}

fn classes(decision: &Value) -> String {
    items(decision, "classes").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
