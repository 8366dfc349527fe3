//! Who has read an archive, and what has happened to it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::domain::catalog::{self, Choice, EventType, Kind, Referent};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::api::views::READINGS;
use crate::http::error::Problem;
use crate::http::web::layout::{self, shown, text};
use crate::http::web::questions::{choice_field, period, text_field};
use crate::http::web::visitor::{Frame, Narrowed, Visitor, encode, wall};
use crate::http::web::words;
use crate::projection::{self, Scope};

/// `GET /reads`: everything anybody read or was refused, newest first.
pub(crate) async fn of_all(
    door: State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    page(&door, &visitor, None, query).await
}

/// `GET /customers/{id}/reads`: every reading and every denial, newest first.
pub(crate) async fn of_customer(
    door: State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    page(&door, &visitor, Some((Referent::Customer, &id)), query).await
}

/// `GET /employees/{id}/reads`: everything somebody read or was refused, newest first.
pub(crate) async fn of_employee(
    door: State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    page(&door, &visitor, Some((Referent::Employee, &id)), query).await
}

async fn page(
    door: &Arc<Door>,
    visitor: &Visitor,
    about: Option<(Referent, &str)>,
    query: BTreeMap<String, String>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let customer = about.filter(|(of, _)| matches!(of, Referent::Customer)).map(|(_, id)| id);
    let employee = about.filter(|(of, _)| matches!(of, Referent::Employee)).map(|(_, id)| id);
    let query = Narrowed::new(query, READINGS);
    let kind = if customer.is_some() { "customer" } else { "employee" };
    let subject = about.map(|(_, id)| format!("{kind}/{id}"));
    let address = about.map_or_else(|| "/reads".to_owned(), |(_, id)| format!("/{kind}s/{}/reads", encode(id)));
    let answered = visitor.read_on(door, "access_log", subject, &query).await?;
    let items = layout::items(&answered.body, "items");
    let cell = |item: &Value, name: &str| shown(frame, door, name, item.get(name).unwrap_or(&Value::Null));
    let columns = ["mode", "classes", "authority", "purpose", "masked", "place"];
    let body = html! {
        @if let Some(id) = customer { (layout::tabs(visitor, door, id, "reads")) }
        form.filters action=(address) method="get" {
            @if employee.is_none() { (text_field(frame, "reads", "actor", "reader", query.text("actor"))) }
            @if customer.is_none() { (text_field(frame, "reads", "customer", "customer-number", query.text("customer"))) }
            (text_field(frame, "reads", "person", "person-number", query.text("person")))
            @for name in ["class", "authority", "place"] {
                (choice_field(frame, "reads", (name, said(name)), query.text(name), choices(frame, name)))
            }
            @for name in ["leaver", "off_hours"] {
                (choice_field(frame, "reads", (name, said(name)), query.text(name), [("true", frame.say("only-these"))]))
            }
            (period(frame, "reads", |name| query.text(name)))
            button { (frame.say("show")) }
        }
        @if items.is_empty() { p { (frame.say("none-recorded")) } } @else {
            div.wide tabindex="0" role="region" aria-label=(frame.say("reads")) { table.stack {
                thead { tr {
                    th scope="col" { (frame.say("when")) } th scope="col" { (frame.say("reader")) } th scope="col" { (frame.say("view")) }
                    @if customer.is_none() { th scope="col" { (words::label(frame.language, "targets")) } }
                    @for name in ["mode", "data-classes", "authority", "purpose-stated", "masked-fields", "place"] { th scope="col" { (words::say(frame.language, name)) } }
                    th scope="col" { (frame.say("entry")) }
                } }
                tbody { @for item in items {
                    tr class=[(!text(item, "denied_rule").is_empty()).then_some("refused")] {
                        th.when scope="row" { (wall(door, text(item, "at"))) }
                        td data-label=(frame.say("reader")) { (text(item, "reader")) br; small { (words::role(frame.language, text(item, "reader_role"))) } }
                        td data-label=(frame.say("view")) {
                            (words::view(frame.language, text(item, "view")))
                            @if !text(item, "denied_rule").is_empty() {
                                br; strong { (frame.say("denied")) } " " code { (text(item, "denied_rule")) }
                            }
                        }
                        @if customer.is_none() { td data-label=(words::label(frame.language, "targets")) { (targets(frame, text(item, "view"), layout::items(item, "targets"))) } }
                        @for name in columns {
                            td data-label=(words::label(frame.language, name)) {
                                @match (name, item.get(name).and_then(Value::as_str)) {
                                    ("mode" | "place", _) => {
                                        (layout::chosen(frame, door, "archive.accessed", name, item.get(name).unwrap_or(&Value::Null)))
                                    },
                                    ("classes", _) => { @for class in layout::items(item, "classes").iter().filter_map(Value::as_str) { (class) " " } },
                                    ("authority", _) => (authority(frame, door, item)),
                                    ("masked", _) => (masked(frame, layout::items(item, "masked"))),
                                    ("purpose", Some(value)) => (words::purpose(frame.language, value)),
                                    _ => (cell(item, name)),
                                }
                            }
                        }
                        td data-label=(frame.say("entry")) { (layout::entry(item.get("index"))) }
                    }
                } }
            } }
        }
        (layout::next(frame, &address, &query.filters().collect::<Vec<_>>(), answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    let title = match (customer, employee) {
        (Some(id), _) => layout::headed(visitor, door, id, &frame.say("reads")),
        (None, Some(id)) => format!("{id} · {}", frame.say("reads")),
        (None, None) => frame.say("reads"),
    };
    Ok(layout::page(frame, StatusCode::OK, &title, &body))
}

/// The words a filter is called by.
fn said(name: &str) -> &'static str {
    match name {
        "class" => "data-classes",
        "authority" => "authority",
        "place" => "place",
        "leaver" => "by-leavers",
        _ => "off-hours",
    }
}

/// What the catalog lets a filter be.
fn choices(frame: &Frame, name: &str) -> Vec<(&'static str, String)> {
    let field = if name == "class" { "classes" } else { name };
    let kind = catalog::find("archive.accessed").and_then(|kind| kind.field(field)).map(|field| &field.kind);
    let kind = match kind {
        Some(Kind::List(item)) => Some(item.as_ref()),
        other => other,
    };
    let Some(Kind::Choice(choices)) = kind else { return Vec::new() };
    let called = |choice: &Choice| match name {
        "class" => format!("{} {}", choice.value, frame.language.choose((choice.en, choice.zh))),
        _ => frame.language.choose((choice.en, choice.zh)).to_owned(),
    };
    choices.iter().map(|choice| (choice.value, called(choice))).collect()
}

/// By what right, and where that is a grant or a loan, which one and who approved it.
fn authority(frame: &Frame, door: &Door, item: &Value) -> Markup {
    let said = |name: &str| item.get(name).unwrap_or(&Value::Null);
    let approvers = layout::items(item, "approved_by").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
    html! {
        (layout::chosen(frame, door, "archive.accessed", "authority", said("authority")))
        @if let Some(id) = said("authority_ref").as_str() { br; small {
            (id) @if !approvers.is_empty() { " · " (frame.say_with("approved-by-whom", &[("who", &approvers)])) }
        } }
    }
}

/// Links to the archives that were read, to the staff whose duties were, or to the entries; other streams are named.
fn targets(frame: &Frame, view: &str, ids: &[Value]) -> Markup {
    let scope = projection::view(view).map(|view| view.scope);
    let linked = |id: &str| {
        let staff = matches!(scope, Some(Scope::Employee | Scope::Employees));
        match () {
            () if words::stream(frame.language, id) != id => None,
            () if staff => Some(format!("/staff?employee={}", encode(id))),
            () if id.bytes().all(|byte| byte.is_ascii_digit()) => Some(format!("/entries/{id}")),
            () => Some(format!("/customers/{}", encode(id))),
        }
    };
    let mut ids = ids.iter().filter_map(Value::as_str);
    let shown: Vec<&str> = ids.by_ref().take(TARGETS_SHOWN).collect();
    let more = ids.count();
    html! {
        @for id in shown {
            @match linked(id) {
                Some(address) => a href=(address) { (id) },
                None => (words::stream(frame.language, id)),
            } " "
        }
        @if more > 0 { "+" (more) }
    }
}

/// A reading of a list may have been of thousands.
const TARGETS_SHOWN: usize = 10;

/// Names the fields that were masked.
fn masked(frame: &Frame, fields: &[Value]) -> Markup {
    html! {
        @if fields.is_empty() { span.none { (frame.say("no-value")) } }
        @else { (words::labels(frame.language, fields)) }
    }
}

/// `GET /customers/{id}/timeline`: what has happened, newest first.
pub(crate) async fn timeline(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let query = Narrowed::new(query, &["type", "actor", "from", "until"]);
    let address = format!("/customers/{}/timeline", encode(&id));
    let tabs = layout::tabs(&visitor, &door, &id, "timeline");
    let actor = text_field(&visitor.frame, "timeline", "actor", "actor", query.text("actor"));
    happenings(&door, &visitor, (&address, &format!("customer/{id}")), &query, (&id, tabs), actor).await
}

/// `GET /employees/{id}/acts`: what somebody has done, newest first.
pub(crate) async fn acts(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let query = Narrowed::new(query, &["type", "from", "until"]);
    let address = format!("/employees/{}/acts", encode(&id));
    happenings(&door, &visitor, (&address, &format!("acts/{id}")), &query, (&id, html! {}), html! {}).await
}

/// A stream as a page: what belongs to it, newest first, narrowed by a form that may ask for more than its type and days.
async fn happenings(
    door: &Arc<Door>,
    visitor: &Visitor,
    (address, stream): (&str, &str),
    query: &Narrowed,
    (id, above): (&str, Markup),
    narrowing: Markup,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let answered = visitor.read_on(door, "timeline", Some(stream.to_owned()), query).await?;
    let items = layout::items(&answered.body, "items");
    let body = html! {
        (above)
        form.filters action=(address) method="get" {
            (type_field(frame, "timeline", query.text("type")))
            (narrowing)
            (period(frame, "timeline", |name| query.text(name)))
            button { (frame.say("show")) }
        }
        @if items.is_empty() { p { (frame.say("none-recorded")) } }
        ol.timeline { @for item in items {
            li {
                p {
                    span.when { (wall(door, text(item, "at"))) } " "
                    strong { (words::event(frame.language, text(item, "type"))) } " "
                    (layout::actor(frame.language, text(item, "actor"))) " "
                    small { (words::role(frame.language, text(item, "actor_role"))) } " "
                    (layout::entry(item.get("index")))
                }
                (layout::corrections(frame, door, item))
                details { summary { (frame.say("content")) } (layout::payload(frame, door, text(item, "type"), item.get("payload").unwrap_or(&Value::Null))) }
            }
        } }
        (layout::next(frame, address, &query.filters().collect::<Vec<_>>(), answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &layout::headed(visitor, door, id, &frame.say("timeline")), &body))
}

/// A choice of the types of what happens to a customer.
pub(crate) fn type_field(frame: &Frame, form: &str, chosen: &str) -> Markup {
    let id = format!("{form}-type");
    let of_customer = |kind: &&EventType| {
        let about = kind.subject.is_some_and(|subject| matches!(subject.of, Referent::Customer | Referent::Person));
        about || kind.field("customer_id").is_some() || kind.name.contains("_grade.")
    };
    html! { div { label for=(id) { (frame.say("type")) }
    select id=(id) name="type" {
        option value="" { (frame.say("any")) }
        @for kind in catalog::types().iter().filter(of_customer) {
            option value=(kind.name) selected[kind.name == chosen] { (frame.language.choose((kind.en, kind.zh))) }
        }
    } } }
}
