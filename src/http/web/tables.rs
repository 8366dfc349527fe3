//! Tables of grades, credit and trade: of the whole company, and of one customer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::MASK;
use crate::domain::catalog::{self, Kind, Shape as _};
use crate::domain::grade::Dimension;
use crate::domain::{conduct, customer};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::api::views::filters;
use crate::http::error::Problem;
use crate::http::web::compare::{MOMENT, looking_back};
use crate::http::web::layout::{self, TRADE, WORK, items, shown, text};
use crate::http::web::questions::{choice_field, period, text_field};
use crate::http::web::visitor::{Frame, Visitor, encode, moments, wall};
use crate::http::web::{grades, words};
use crate::ledger::{Answered, Asked, ViewError};
use crate::projection::composition::{By, UNGRADED};
use crate::projection::{self, View};

/// The tables of the company there are pages of.
const COMPANY: [&str; 17] = [
    "composition",
    "grading",
    "stats",
    "key_customers",
    "grades",
    "terms",
    "credit_reviews",
    TRACE,
    "special",
    "classification",
    "checks",
    "registration_status",
    "ownership",
    "appraisals",
    "discipline",
    "policy",
    SEPARATION,
];

/// Who did which step of what was decided.
const SEPARATION: &str = "sod";

/// The one with a form of its own.
const TRACE: &str = "grade_audit";

/// What is added up below a table, in this order.
const SUMS: [&str; 14] = [
    "quarter",
    "customer_count",
    "customers",
    "checked",
    "coverage_bp",
    "updated",
    "ratio_bp",
    "sales",
    "average_per_customer",
    "credit_limit",
    "paid",
    "outstanding",
    "prepaid",
    "power_sum",
];

type Parts = BTreeMap<String, String>;

/// `GET /analysis`: goes on to the first table that would open.
pub(crate) async fn first(State(door): State<Arc<Door>>, visitor: Visitor) -> Redirect {
    let first = COMPANY.into_iter().find(|key| visitor.opens(&door, key, None));
    Redirect::to(&format!("/analysis/{}", first.unwrap_or("composition")))
}

/// `GET /analysis/{view}`: a table of the company, narrowed by what the address says.
pub(crate) async fn of_company(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(key): Named,
    Query(parts): Query<Parts>,
) -> Result<Response, Problem> {
    let view = view(&COMPANY, &key)?;
    let (moment, _) = moments(&door, &parts)?;
    // The trace of everybody's grades is narrowed to one customer by its own form.
    let customer =
        parts.get("customer").map(|id| id.trim().to_owned()).filter(|id| !id.is_empty() && view.key == TRACE);
    let read = visitor.read(&door, view.key, customer.clone(), |asked| {
        narrow(asked, &parts);
        asked.look_at(moment, None);
    });
    let answered = read.await?;
    let frame = &visitor.frame;
    let base = format!("/analysis/{}", view.key);
    let mut query = known(view, &parts);
    query.extend(parts.get("customer").filter(|_| view.key == TRACE).map(|customer| ("customer", customer.as_str())));
    let examined = answered.body.get("examined").and_then(Value::as_u64).map(|count| count.to_string());
    let body = html! {
        (tabs(&visitor, &door, view.key))
        @if view.key == TRACE {
            (narrowing_trace(frame, &base, &parts))
            (trace(frame, &door, customer.as_deref(), &answered))
        } @else {
            (narrowing(frame, view, &base, &answered, &parts))
            (recording(frame, &door, &visitor, view))
            @if let Some(examined) = &examined { p.hint { (frame.say_with("sod-examined", &[("count", examined)])) } }
            (rows(frame, &door, view, &[], &answered))
        }
        (layout::next(frame, &base, &query, answered.next.as_deref()))
        @if view.compares() { (looking_back(frame, &base, &query, &parts, &format!("view={}", view.key))) }
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &words::view(frame.language, view.key), &body))
}

/// The tabs of the tables of the company that would open.
pub(crate) fn tabs(visitor: &Visitor, door: &Door, current: &str) -> Markup {
    let label = visitor.frame.say("analysis");
    layout::views(visitor, door, &label, (&COMPANY, None), current, |key| format!("/analysis/{key}"))
}

/// `GET /customers/{id}/trade?view=`: the customer's payments, terms or credit reviews.
pub(crate) async fn trade(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(parts): Query<Parts>,
) -> Result<Response, Problem> {
    of_customer(&door, &visitor, &id, &parts, ("trade", &TRADE)).await
}

/// `GET /customers/{id}/work?view=`: the visits, what came of a period, and how the archive stands.
pub(crate) async fn work(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(parts): Query<Parts>,
) -> Result<Response, Problem> {
    of_customer(&door, &visitor, &id, &parts, ("work", &WORK)).await
}

/// One of the tables of a customer under a tab.
async fn of_customer(
    door: &Door,
    visitor: &Visitor,
    id: &str,
    parts: &Parts,
    (tab, views): (&str, &'static [&'static str]),
) -> Result<Response, Problem> {
    let first = views.first().copied().unwrap_or_default();
    let view = view(views, parts.get("view").map_or(first, String::as_str))?;
    let answered = visitor.read(door, view.key, Some(id.to_owned()), |asked| narrow(asked, parts)).await?;
    let frame = &visitor.frame;
    let base = format!("/customers/{}/{tab}", encode(id));
    let body = html! {
        (layout::tabs(visitor, door, id, tab))
        (layout::views(visitor, door, &frame.say(tab), (views, Some(id)), view.key, |key| format!("{base}?view={key}")))
        (proposing(frame, door, visitor, id, view))
        (narrowing(frame, view, &base, &answered, parts))
        (waiting(frame, door, &base, &answered))
        (rows(frame, door, view, &["customer_id", "customer"], &answered))
        (layout::next(frame, &base, &known(view, parts), answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(
        frame,
        StatusCode::OK,
        &layout::headed(visitor, door, id, &words::view(frame.language, view.key)),
        &body,
    ))
}

fn view(of: &[&str], key: &str) -> Result<&'static View, Problem> {
    let known = of.contains(&key).then(|| projection::view(key)).flatten();
    known.ok_or(Problem::View(ViewError::NotFound))
}

/// What an address says that the next page is to say too.
fn known<'a>(view: &View, parts: &'a Parts) -> Vec<(&'a str, &'a str)> {
    let query = parts.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    query.filter(|(name, _)| *name == "view" || filters(view.key).contains(name) || MOMENT.contains(name)).collect()
}

/// Takes over what an address says of the view.
fn narrow(asked: &mut Asked, parts: &Parts) {
    let said = |name: &str| parts.get(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    for name in filters(asked.view.key) {
        asked.filters.extend(said(name).map(|value| ((*name).to_owned(), value)));
    }
    asked.after = said("after");
}

/// The form that narrows a table, and the ways of composing.
fn narrowing(frame: &Frame, view: &View, base: &str, answered: &Answered, parts: &Parts) -> Markup {
    let by = text(&answered.body, "by");
    let year = answered.body.get("year").and_then(Value::as_i64).map(|year| year.to_string());
    let year = year.or_else(|| parts.get("year").cloned()).unwrap_or_default();
    let way = |by: By| match by {
        By::Sales => frame.say("composed-by-sales"),
        By::Product => frame.say("composed-by-product"),
        By::Region => frame.say("composed-by-region"),
        By::Credit => frame.say("composed-by-credit"),
    };
    html! {
        @if view.key == "composition" { nav.tabs aria-label=(words::view(frame.language, view.key)) { @for other in By::ALL {
            a href={ (base) "?by=" (other.key()) "&year=" (encode(&year)) } aria-current=[(other.key() == by).then_some("page")] { (way(other)) }
        } } }
        @let names: Vec<&str> = filters(view.key).iter().copied().filter(|name| *name != "by").collect();
        @if !names.is_empty() { form.filters action=(base) method="get" {
            @for (name, value) in [("by", by), ("view", parts.get("view").map_or("", String::as_str))] {
                @if !value.is_empty() { input type="hidden" name=(name) value=(value); }
            }
            @for name in names {
                @let typed = if name == "year" { year.as_str() } else { parts.get(name).map_or("", String::as_str) };
                (filter(frame, name, typed))
            }
            button { (frame.say("show")) }
        } }
    }
}

/// One field of the form that narrows a table.
fn filter(frame: &Frame, name: &str, typed: &str) -> Markup {
    let choices = match name {
        "dimension" => customer::Dimension::kind(),
        "lifecycle" => customer::Status::kind(),
        "scheme" => conduct::Scheme::kind(),
        "kind" => conduct::Kind::kind(),
        _ => Kind::Text,
    };
    let choices = if let Kind::Choice(choices) = choices { choices } else { &[] };
    if name == "all" {
        return choice_field(frame, "narrow", (name, "filter-all"), typed, [("true", frame.say("sod-all"))]);
    }
    let (kind, example) = match name {
        "year" => ("text", "2026"),
        "quarter" => ("text", "2026Q1"),
        "period" => ("text", "2026-03"),
        "employee" => ("text", "E-101"),
        "from" | "until" => ("date", ""),
        _ => ("text", ""),
    };
    html! {
        div { label for=(name) { (frame.say(&format!("filter-{name}"))) }
            @if choices.is_empty() { input id=(name) name=(name) type=(kind) value=(typed) placeholder=(example) size="8"; }
            @else { select id=(name) name=(name) {
                option value="" { (frame.say("any")) }
                @for choice in choices {
                    option value=(choice.value) selected[choice.value == typed] { (frame.language.choose((choice.en, choice.zh))) }
                }
            } }
        }
    }
}

/// The form that narrows the trace of grades.
fn narrowing_trace(frame: &Frame, base: &str, parts: &Parts) -> Markup {
    let typed = |name: &str| parts.get(name).map_or("", String::as_str);
    let kinds = [Dimension::Credit, Dimension::Business];
    let kinds = kinds.map(|of| (of.as_str(), words::say(frame.language, &format!("{}-grade", of.as_str()))));
    let ways = ["up", "down"].map(|way| (way, words::say(frame.language, &format!("change-{way}"))));
    html! {
        form.filters action=(base) method="get" {
            (text_field(frame, "trace", "customer", "customer-number", typed("customer")))
            (choice_field(frame, "trace", ("dimension", "grades"), typed("dimension"), kinds))
            (choice_field(frame, "trace", ("change", "change"), typed("change"), ways))
            (text_field(frame, "trace", "employee", "employee", typed("employee")))
            (text_field(frame, "trace", "policy_version", "policy-version", typed("policy_version")))
            (period(frame, "trace", typed))
            button { (frame.say("show")) }
        }
    }
}

/// The steps of everybody's grades, or of one customer's.
fn trace(frame: &Frame, door: &Door, customer: Option<&str>, answered: &Answered) -> Markup {
    let lines = items(&answered.body, "items");
    html! {
        @if lines.is_empty() { p { (frame.say("none-recorded")) } }
        @else { (grades::table(door, frame, customer, lines, answered)) }
    }
}

/// The rows with what stands above and below them.
fn rows(frame: &Frame, door: &Door, view: &'static View, left_out: &[&str], answered: &Answered) -> Markup {
    let body = &answered.body;
    let rows = items(body, "items");
    let (owed, unsettled, unowned) = (items(body, "owed"), items(body, "unsettled"), items(body, "unowned"));
    let total = body.get("total").or_else(|| body.get("coverage")).and_then(Value::as_object);
    let hidden = body.pointer("/hidden/customers");
    html! {
        @if !owed.is_empty() {
            section { h2 { (frame.say("owed-reviews")) } (plain(frame, door, view, owed, left_out)) }
            h2 { (words::view(frame.language, view.key)) }
        }
        @if view.key == "ownership" {
            @if unowned.is_empty() { p.hint { (frame.say("all-owned")) } }
            @else { section { h2 { (frame.say("unowned")) } (plain(frame, door, view, unowned, left_out)) } }
        }
        @if rows.is_empty() { p { (frame.say("none-recorded")) } }
        @else { (layout::table(frame, view, left_out, rows, |row, name| cell(frame, door, view, row, name))) }
        @if let Some(hidden) = hidden {
            @let count = hidden.as_str().map_or_else(|| hidden.to_string(), str::to_owned);
            p.hint { (frame.say_with("hidden-customers", &[("count", &count)])) }
        }
        @if let Some(total) = total { section { h2 { (frame.say("total")) }
            dl.facts { @for (name, value) in SUMS.iter().filter_map(|name| Some((*name, total.get(*name)?))) {
                div { dt { (words::label(frame.language, name)) } dd { (shown(frame, door, name, value)) } }
            } }
        } }
        @if !unsettled.is_empty() { section { h2 { (frame.say("unsettled")) } (plain(frame, door, view, unsettled, left_out)) } }
    }
}

/// Rows that no view declares the columns of.
fn plain(frame: &Frame, door: &Door, view: &View, rows: &[Value], left_out: &[&str]) -> Markup {
    let names = [
        "customer_id",
        "customer",
        "owner",
        "quarter",
        "review_due",
        "days_late",
        "sale_id",
        "sold_on",
        "amount",
        "outstanding",
        "days",
        "source_event",
    ];
    let told = |name: &&str| !left_out.contains(name) && rows.iter().any(|row| row.get(*name).is_some());
    let names: Vec<&str> = names.into_iter().filter(told).collect();
    let label = |name: &str| words::label(frame.language, name).into_owned();
    html! {
        div.wide tabindex="0" { table.stack {
            thead { tr { @for name in &names { th scope="col" { (label(name)) } } } }
            tbody { @for row in rows { tr { @for name in &names {
                td data-label=(label(name)) { (cell(frame, door, view, row, name)) }
            } } } }
        } }
    }
}

fn cell(frame: &Frame, door: &Door, view: &View, row: &Value, name: &str) -> Markup {
    let value = row.get(name).unwrap_or(&Value::Null);
    match (name, value) {
        ("customer_id", Value::String(id)) => html! { a href={ "/customers/" (encode(id)) } { (id) } },
        ("process", Value::String(process)) if process != MASK => self::process(frame, process),
        ("subject", Value::String(id)) => html! { a href={ "/staff?employee=" (encode(id)) } { (id) } },
        ("source_event" | "business_event", value) => layout::entry(Some(value)),
        ("since" | "business_since", Value::String(at)) if at != MASK => html! { (wall(door, at)) },
        ("lifecycle", Value::String(stage)) if stage != MASK => html! { (words::status(frame.language, stage)) },
        ("value" | "findings" | "promises" | "by_sales" | "by_growth" | "by_margin", value) => {
            row.as_object().map_or_else(|| html! {}, |row| layout::part(frame, door, row, name, value))
        }
        ("from" | "until" | "at" | "recorded_at", Value::String(at)) if at != MASK => html! { (wall(door, at)) },
        ("class", Value::String(text)) if text == UNGRADED => html! { (frame.say("ungraded")) },
        ("class", Value::String(text)) if text != MASK => html! { (text) },
        ("follow_up", Value::String(text)) if text != MASK => {
            html! { (words::say(frame.language, &format!("follow-up-{text}"))) }
        }
        ("product_class", Value::Array(classes)) => html! {
            ul.plain { @for class in classes.iter().filter_map(Value::as_str) {
                li { (words::say(frame.language, &format!("product-{class}"))) }
            } }
        },
        _ => {
            let declares = |kind: &&&str| catalog::find(kind).is_some_and(|kind| kind.field(name).is_some());
            match recorded_as(view).iter().find(declares) {
                Some(kind) => layout::chosen(frame, door, kind, name, value),
                None => shown(frame, door, name, value),
            }
        }
    }
}

/// What was decided: a grade by its customer and kind, anything else by its type and whose it is.
fn process(frame: &Frame, process: &str) -> Markup {
    let (what, of) = process.split_once(' ').unwrap_or((process, ""));
    let mut parts = what.split('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("grade"), Some(customer), Some(dimension)) => html! {
            a href={ "/customers/" (encode(customer)) "/grades?of=" (dimension) } { (customer) } " "
            (words::say(frame.language, &format!("{dimension}-grade"))) br; small { (of) }
        },
        _ => html! { (words::event(frame.language, what)) " " (words::stream(frame.language, of)) },
    }
}

/// The event types whose fields the columns of a table are.
fn recorded_as(view: &View) -> &'static [&'static str] {
    match view.key {
        "appraisals" => &["appraisal.recorded"],
        "checks" => &["archive.verified"],
        "classification" => &["customer.classified"],
        "discipline" => &["violation.recorded"],
        "ownership" => &["customer.owner_assigned"],
        "visits" => &["contact.recorded"],
        _ => &["payment.recorded", "trade_terms.set", "credit_review.recorded"],
    }
}

/// A link to the form of what belongs into the table, for whoever may perhaps propose it.
fn proposing(frame: &Frame, door: &Door, visitor: &Visitor, id: &str, view: &View) -> Markup {
    let (kind, about, words) = match view.key {
        "payments" => ("payment.recorded", format!("customer_id={}", encode(id)), frame.say("record-payment")),
        "terms" => {
            ("trade_terms.set", format!("subject={}", encode(&format!("customer/{id}"))), frame.say("set-terms"))
        }
        "credit_reviews" => {
            let subject = encode(&format!("grade/{id}/credit"));
            ("credit_review.recorded", format!("subject={subject}"), frame.say("record-review"))
        }
        "visits" | "business_report" => {
            let subject = encode(&format!("contact/{id}"));
            ("contact.recorded", format!("subject={subject}"), words::doing(frame.language, "contact.recorded"))
        }
        key => {
            let kind = recorded_as(view).first().copied().unwrap_or(key);
            (kind, format!("subject={}", encode(&format!("customer/{id}"))), words::doing(frame.language, kind))
        }
    };
    let proposable = id.parse().map(|id| door.ledger.proposable(&visitor.asker.principal, Some(&id)));
    let may = proposable.is_ok_and(|types| types.iter().any(|one| one.name == kind));
    let tab = if TRADE.contains(&view.key) { "trade" } else { "work" };
    let back = encode(&format!("/customers/{id}/{tab}?view={}", view.key));
    html! { @if may { p { a.button href={ "/propose/" (kind) "?" (about) "&back=" (back) } { (words) } } } }
}

/// A link to the form of what a table of the company is made of, for whoever may perhaps propose it.
fn recording(frame: &Frame, door: &Door, visitor: &Visitor, view: &View) -> Markup {
    let kind = match view.key {
        "appraisals" | "discipline" => recorded_as(view).first().copied().unwrap_or_default(),
        _ => return html! {},
    };
    let may = door.ledger.proposable(&visitor.asker.principal, None).iter().any(|one| one.name == kind);
    let back = encode(&format!("/analysis/{}", view.key));
    html! { @if may { p { a.button href={ "/propose/" (kind) "?back=" (back) } { (words::doing(frame.language, kind)) } } } }
}

/// Terms that wait for approval, each with the way to decide on it.
fn waiting(frame: &Frame, door: &Door, base: &str, answered: &Answered) -> Markup {
    let waiting = items(&answered.body, "waiting");
    let back = encode(&format!("{base}?view=terms"));
    html! { @if !waiting.is_empty() { section { h2 { (frame.say("waiting-terms")) }
        @for terms in waiting {
            @let request = text(terms, "request_id");
            dl.facts {
                @for (name, value) in terms.as_object().into_iter().flatten().filter(|(name, _)| *name != "request_id") {
                    div { dt { (words::label(frame.language, name)) } dd { (layout::chosen(frame, door, "trade_terms.set", name, value)) } }
                }
                div { dt { (frame.say("request")) } dd { (request) } }
            }
            p { @for kind in ["approval.given", "approval.declined"] {
                a.button href={ "/propose/" (kind) "?request_id=" (encode(request)) "&back=" (back) } { (words::doing(frame.language, kind)) } " "
            } }
        }
    } } }
}
