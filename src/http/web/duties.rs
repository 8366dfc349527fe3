//! What one has to do: the home page, the open obligations of somebody, what is overdue, and what was promised to a customer.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::MASK;
use crate::clock::Timestamp;
use crate::domain::catalog::{self, Field, Referent};
use crate::domain::signoff::Form;
use crate::domain::{escalation, obligation};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::api::views::LIMIT_MAX;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Frame, Narrowed, Visitor, encode, wall};
use crate::http::web::{grades, words};
use crate::ids::{EmployeeId, SubjectId};
use crate::ledger::Asked;

/// `GET /`: my obligations, and what waits for my signature.
pub(crate) async fn home(State(door): State<Arc<Door>>, visitor: Visitor) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let me = visitor.asker.principal.employee.to_string();
    let mut standing = Vec::new();
    let mut mine = None;
    if visitor.may_read(&door, "obligations", Some(me.clone())) {
        let answered = visitor.read(&door, "obligations", Some(me.clone()), |asked| asked.limit = HOME_ROWS).await?;
        mine = Some(answered.body.clone());
        standing.push(answered);
    }
    let mut board = None;
    if visitor.may_read(&door, "approvals", None) {
        let answered = visitor.read(&door, "approvals", None, |_| {}).await?;
        board = Some(answered.body.clone());
        standing.push(answered);
    }
    let mut forms = None;
    if visitor.may_read(&door, "signoffs", None) {
        let narrow = |asked: &mut Asked| {
            asked.filters.insert("mine".into(), "1".into());
            asked.limit = HOME_ROWS;
        };
        let answered = visitor.read(&door, "signoffs", None, narrow).await?;
        forms = Some(answered.body.clone());
        standing.push(answered);
    }
    let (mut asked_of_me, mut unstated) = (Vec::new(), false);
    for (key, filters, page) in [
        ("grants", &["waiting"][..], "/access?show=waiting"),
        // Whoever watches over anomalies sees those of others too; an unresolved one is its addressee's.
        ("anomalies", &["open", "mine"], "/access?view=anomalies"),
    ] {
        if !visitor.may_read(&door, key, None) {
            unstated |= visitor.opens(&door, key, None);
            continue;
        }
        let narrow =
            |asked: &mut Asked| asked.filters.extend(filters.iter().map(|name| ((*name).into(), "true".into())));
        let answered = match visitor.read(&door, key, None, narrow).await {
            Ok(answered) => answered,
            // What waits is shown to whoever says what they read for; the rest of the page stands.
            Err(problem) if layout::wants_purpose(&problem) => {
                unstated = true;
                continue;
            }
            Err(problem) => return Err(problem),
        };
        let count = items(&answered.body, "items").len();
        if count > 0 {
            asked_of_me.push((key, count, page));
        }
        standing.push(answered);
    }
    let more = mine.as_ref().and_then(|body| body.get("total")).and_then(Value::as_u64).unwrap_or(0);
    let body = html! {
        section { h2 { (frame.say("my-obligations")) }
            @match &mine {
                None => p { (frame.say("not-open-to-you")) },
                Some(body) => {
                    (obligations_table(frame, &door, items(body, "items"), "/"))
                    p { a href="/obligations" {
                        @if more > HOME_ROWS as u64 { (frame.say_with("all-obligations", &[("count", &more.to_string())])) }
                        @else { (words::view(frame.language, "obligations")) }
                    } }
                },
            }
            p { @if visitor.opens(&door, "overdue", None) { a href="/overdue" { (words::view(frame.language, "overdue")) } " · " }
                a href="/questions" { (frame.say("questions")) } }
        }
        section { h2 { (frame.say("waits-for-me")) }
            @match &board {
                None => p { (frame.say("not-open-to-you")) },
                Some(body) => (board_of(frame, &door, items(body, "items"))),
            }
            @if !asked_of_me.is_empty() { ul { @for (key, count, page) in &asked_of_me {
                li { a href=(page) { (frame.say_with(&format!("home-{key}"), &[("count", &count.to_string())])) } }
            } } }
            @if unstated { p.hint { (frame.say("home-unstated")) } (layout::purpose_form(frame)) }
        }
        @if let Some(body) = &forms {
            section { h2 { (frame.say("signoffs-mine")) }
                @if items(body, "items").is_empty() { p { (frame.say("signoffs-none-mine")) } }
                @else { ul { @for row in items(body, "items") { li {
                    (words::chosen::<Form>(frame.language, text(row, "form"))) " · " (subject_link(frame, text(row, "subject")))
                } } } p { a.button href="/signoffs" { (frame.say("signoffs")) } } }
            }
        }
        (layout::standing_of_all(frame, &standing))
    };
    Ok(layout::page(frame, StatusCode::OK, &frame.say("home"), &body))
}

/// `GET /obligations?employee=`: everything that is open for oneself or somebody else.
pub(crate) async fn open(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let asked = query.get("employee").map(|id| id.trim()).filter(|id| !id.is_empty());
    let employee = asked.map_or_else(|| visitor.asker.principal.employee.to_string(), str::to_owned);
    let answered = visitor.read(&door, "obligations", Some(employee.clone()), |_| {}).await?;
    let back = format!("/obligations?employee={}", encode(&employee));
    let body = html! {
        form.filters action="/obligations" method="get" {
            div { label for="employee" { (frame.say("employee")) } input id="employee" name="employee" value=(employee); }
            button { (frame.say("show")) }
        }
        (obligations_table(frame, &door, items(&answered.body, "items"), &back))
        @if visitor.opens(&door, "overdue", None) { p { a href="/overdue" { (words::view(frame.language, "overdue")) } } }
        (layout::standing(frame, &answered))
    };
    let title = format!("{employee} · {}", words::view(frame.language, "obligations"));
    Ok(layout::page(frame, StatusCode::OK, &title, &body))
}

/// `GET /overdue`: what is overdue, and what was, for those who may see it.
pub(crate) async fn overdue(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let query = Narrowed::new(query, &["responsible", "duty", "open"]);
    let typed = |name: &str| query.text(name);
    let answered = visitor.read_on(&door, "overdue", None, &query).await?;
    let rows = items(&answered.body, "items");
    let parts: Vec<(&str, &str)> = query.filters().collect();
    let body = html! {
        form.filters action="/overdue" method="get" {
            div { label for="responsible" { (frame.say("responsible")) } input id="responsible" name="responsible" value=(typed("responsible")); }
            div { label for="duty" { (frame.say("duty")) }
                select id="duty" name="duty" {
                    option value="" { (frame.say("any")) }
                    @for duty in obligation::duties() {
                        option value=(duty.id()) selected[typed("duty") == duty.id()] { (frame.language.choose((duty.en, duty.zh))) }
                    }
                } }
            div { label for="open" { (frame.say("status")) }
                select id="open" name="open" {
                    option value="" { (frame.say("any")) }
                    option value="true" selected[typed("open") == "true"] { (frame.say("state-overdue")) }
                    option value="false" selected[typed("open") == "false"] { (frame.say("state-ended")) }
                } }
            button { (frame.say("show")) }
        }
        @if rows.is_empty() { p { (frame.say("nothing-overdue")) } }
        @else {
            div.wide tabindex="0" role="region" aria-label=(words::view(frame.language, "overdue")) { table.stack {
                thead { tr {
                    @for name in ["duty", "about-what", "responsible", "due", "late-by", "told-to", "status", "entry"] {
                        th scope="col" { (words::say(frame.language, name)) }
                    }
                } }
                tbody { @for row in rows { (overdue_row(frame, &door, row)) } }
            } }
        }
        (layout::next(frame, "/overdue", &parts, answered.next.as_deref()))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &words::view(frame.language, "overdue"), &body))
}

fn overdue_row(frame: &Frame, door: &Door, row: &Value) -> Markup {
    let cell = |name: &str| shown(frame, door, "", row.get(name).unwrap_or(&Value::Null));
    let state = text(row, "state");
    let entries = items(row, "source_events");
    html! {
        tr class=[(state == "overdue").then_some("refused")] {
            th scope="row" { (duty_label(frame, text(row, "duty"))) }
            td data-label=(frame.say("about-what")) { (object(frame, door, row, "subject")) }
            td data-label=(frame.say("responsible")) { (people(frame, row, "responsible")) }
            td.when data-label=(frame.say("due")) {
                (deadline(door, text(row, "due_at")))
                @for extended in items(row, "extended") {
                    br; small { (frame.say("extended-to")) " " (deadline(door, text(extended, "new_due"))) ": " (text(extended, "reason")) }
                }
            }
            td data-label=(frame.say("late-by")) { (late(frame, row.get("late_by").and_then(Value::as_u64))) }
            td data-label=(frame.say("told-to")) {
                (frame.say_with("level", &[("level", &row.get("level").and_then(Value::as_i64).unwrap_or(0).to_string())])) ": "
                @if row.get("nobody_left").and_then(Value::as_bool) == Some(true) { (frame.say("nobody-left")) }
                @else { (people(frame, row, "escalated_to")) }
            }
            td data-label=(frame.say("status")) {
                @match state {
                    "overdue" => strong { (frame.say("state-overdue")) },
                    "met_late" => { (frame.say("state-met-late")) br; small { (wall(door, text(row, "met_at"))) } },
                    "closed" => (frame.say("state-closed")),
                    "ended" => (frame.say("state-ended")),
                    _ => (cell("state")),
                }
                " " (layout::entry(row.get("ended_by")))
            }
            td data-label=(frame.say("entry")) { @for entry in entries { (layout::entry(Some(entry))) " " } }
        }
    }
}

/// `GET /customers/{id}/promises`: what was promised, by when, and what became of it.
pub(crate) async fn promises(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let answered = visitor.read(&door, "promises", Some(id.clone()), |_| {}).await?;
    let rows = items(&answered.body, "items");
    let back = format!("/customers/{}/promises", encode(&id));
    let cell = |row: &Value, name: &str| {
        layout::chosen(frame, &door, "commitment.closed", name, row.get(name).unwrap_or(&Value::Null))
    };
    let body = html! {
        (layout::tabs(&visitor, &door, &id, "promises"))
        @if rows.is_empty() { p { (frame.say("none-recorded")) } } @else {
            div.wide tabindex="0" role="region" aria-label=(frame.say("promises")) { table.stack {
                thead { tr {
                    @for name in ["promised", "due", "responsible", "outcome", "entry"] { th scope="col" { (words::say(frame.language, name)) } }
                } }
                tbody { @for row in rows {
                    @let open = row.get("outcome").is_none();
                    @let over = open && is_over(&door, text(row, "due"));
                    tr class=[over.then_some("refused")] {
                        th scope="row" { (cell(row, "text")) " " small { (text(row, "promise")) } }
                        td.when data-label=(frame.say("due")) { (cell(row, "due")) @if over { br; strong { (frame.say("state-overdue")) } } }
                        td data-label=(frame.say("responsible")) { (cell(row, "responsible")) }
                        td data-label=(frame.say("outcome")) {
                            @if open {
                                a href={ "/propose/commitment.closed?subject=" (encode(&format!("contact/{id}"))) "&promise_id=" (encode(text(row, "promise"))) "&back=" (encode(&back)) } { (frame.say("close-promise")) }
                            } @else { (cell(row, "outcome")) }
                        }
                        td data-label=(frame.say("entry")) { (layout::entry(row.get("source_event"))) }
                    }
                } }
            } }
        }
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &layout::headed(&visitor, &door, &id, &frame.say("promises")), &body))
}

/// Open obligations, each with the form that fulfils it and the one that asks for more time.
fn obligations_table(frame: &Frame, door: &Door, rows: &[Value], back: &str) -> Markup {
    if rows.is_empty() {
        return html! { p { (frame.say("nothing-due")) } };
    }
    let now = door.ledger.clock().now();
    let state = door.ledger.state();
    let world = obligation::turned(&state.world, now);
    let visitor: Option<EmployeeId> = frame.signed_in.as_ref().and_then(|who| who.employee.parse().ok());
    // Whoever answers for something gives themself no more time.
    let may_extend = |row: &Value| {
        let open = text(row, "obligation").parse().ok().and_then(|id: SubjectId| world.obligation.open.get(&id));
        let above = |open: &Arc<_>| {
            visitor.as_ref().is_some_and(|visitor| escalation::stands_above(&world, open, visitor, now))
        };
        row.get("level").and_then(Value::as_i64) == Some(0) && open.is_some_and(above)
    };
    html! {
        div.wide tabindex="0" role="region" aria-label=(frame.say("my-obligations")) { table.stack {
            thead { tr {
                @for name in ["duty", "about-what", "due", "responsible", "status", "what-to-do"] {
                    th scope="col" { (words::say(frame.language, name)) }
                }
            } }
            tbody { @for row in rows {
                @let level = row.get("level").and_then(Value::as_i64).unwrap_or(0);
                tr class=[(level > 0).then_some("refused")] {
                    th scope="row" { (duty_label(frame, text(row, "duty"))) }
                    td data-label=(frame.say("about-what")) { (object(frame, door, row, "object")) }
                    td.when data-label=(frame.say("due")) { (due(frame, door, row)) }
                    td data-label=(frame.say("responsible")) { (people(frame, row, "responsible")) }
                    td data-label=(frame.say("status")) {
                        @if level > 0 { strong { (frame.say("state-overdue")) } " · " (frame.say_with("level", &[("level", &level.to_string())])) }
                        @else if is_over(door, text(row, "due_at")) { strong { (frame.say("state-overdue")) } }
                        @else { (frame.say("state-open")) }
                        @if row.get("extensions").and_then(Value::as_u64).is_some_and(|times| times > 0) { br; small { (frame.say("extended")) } }
                    }
                    td data-label=(frame.say("what-to-do")) {
                        // Who has the file gives it back; that it is back the archivist records.
                        @if text(row, "duty") == "OB-52" { (frame.say("give-back")) } @else {
                            a href=(fulfilling(row, back)) { (frame.say("do-it")) }
                        }
                        @if may_extend(row) {
                            " · " a href={ "/propose/obligation.extended?obligation=" (encode(text(row, "obligation"))) "&back=" (encode(back)) } { (frame.say("extend")) }
                        }
                    }
                }
            } }
        } }
    }
}

/// The address of the form that fulfils an obligation, with what is known of it.
fn fulfilling(row: &Value, back: &str) -> String {
    let duty = obligation::duty_of(text(row, "obligation"));
    let Some(kind) = duty.and_then(|duty| catalog::find(duty.met_by)) else { return "/propose".into() };
    let (customer, object) = (text(row, "customer_id"), text(row, "object"));
    match kind.name {
        // Whoever made the visit says in its entry to whom it was reported; the head has it among what waits for a signature.
        "signoff.recorded" if text(row, "duty") == "OB-09" => {
            return format!("/customers/{}/work?view=visits", encode(customer));
        }
        // What waits for a signature is listed with what is signed, and a paper is filed where its customer's are.
        "signoff.recorded" => return "/signoffs".into(),
        "document.filed" if !customer.is_empty() => return format!("/customers/{}/documents", encode(customer)),
        _ => {}
    }
    let mut address = format!("/propose/{}?back={}", kind.name, encode(back));
    let (first, second) = object.split_once('/').unwrap_or((object, ""));
    let named = kind.subject.and_then(|subject| match subject.of {
        Referent::Customer => Some(subject.named(customer)).filter(|_| !customer.is_empty()),
        // What is owed about one of the staff begins with who it is.
        Referent::Employee => Some(subject.named(first)).filter(|_| !second.is_empty()),
        _ => None,
    });
    let known = [
        ("subject", named.as_deref()),
        ("promise_id", Some(second).filter(|_| kind.field("promise_id").is_some())),
        ("replies_to", Some(object).filter(|_| text(row, "duty") == "OB-15")),
    ];
    for (name, value) in
        known.into_iter().filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
    {
        address.push_str(&format!("&{name}={}", encode(value)));
    }
    address
}

/// What waits for the visitor, each with what is in force beside what it would be.
fn board_of(frame: &Frame, door: &Door, rows: &[Value]) -> Markup {
    let yours = |row: &&Value| row.get("yours").and_then(Value::as_bool) == Some(true);
    let mine: Vec<&Value> = rows.iter().filter(yours).collect();
    html! {
        @if mine.is_empty() { p { (frame.say("nothing-waits")) } }
        @for row in mine {
            article.card {
                h3 { (words::event(frame.language, text(row, "form"))) " · " (subject_link(frame, text(row, "subject"))) }
                (proposed(frame, door, row))
                p { (deciding(frame, row)) }
            }
        }
    }
}

/// Who proposed it, when, and what.
fn proposed(frame: &Frame, door: &Door, row: &Value) -> Markup {
    html! {
        p { (frame.say("proposed-by-whom")) ": " (layout::actor(frame.language, text(row, "proposer")))
            " · " span.when { (wall(door, text(row, "since"))) } }
        (changes(frame, door, row))
    }
}

/// Shows a request by its id as the inbox shows it; nothing where the visitor has no such request before them.
pub(crate) async fn requested(door: &Door, visitor: &Visitor, request: &str) -> Result<Markup, Problem> {
    let frame = &visitor.frame;
    if !visitor.may_read(door, "approvals", None) {
        return Ok(html! {});
    }
    let answered = visitor.read(door, "approvals", None, |asked| asked.limit = LIMIT_MAX).await?;
    let found = items(&answered.body, "items").iter().find(|row| text(row, "request") == request);
    Ok(html! { @if let Some(row) = found {
        article.card {
            h2 { (words::event(frame.language, text(row, "form"))) " · " (subject_link(frame, text(row, "subject"))) }
            (proposed(frame, door, row))
        }
        (layout::standing(frame, &answered))
    } })
}

/// What is in force beside what it would be, field by field, and below that what is said of the change alone.
fn changes(frame: &Frame, door: &Door, row: &Value) -> Markup {
    let (before, after) = (row.get("before"), row.get("after"));
    let kind = catalog::find(text(row, "form"));
    let value = |of: Option<&Value>, name: &str| of.and_then(|of| of.get(name)).cloned().unwrap_or_default();
    let graded = is_grade(row);
    // A first grade takes the place of none.
    let replaces = |field: &&Field| !value(before, field.name).is_null() || (graded && field.name == "to");
    let (replaced, said): (Vec<_>, Vec<_>) = kind
        .into_iter()
        .flat_map(|kind| kind.fields)
        .filter(|field| [before, after].iter().any(|of| !value(*of, field.name).is_null()))
        .partition(replaces);
    let told = |of: Option<&Value>, field: &'static Field, value: &Value| match (kind, of.and_then(Value::as_object)) {
        (Some(kind), Some(of)) => layout::said_by(frame, door, (kind, of), field, value),
        _ => layout::declared(frame, door, field, value),
    };
    let label = |field: &'static Field| match (graded, field.name) {
        (true, "to") => frame.say("grade"),
        _ => frame.language.choose((field.en, field.zh)).to_owned(),
    };
    html! {
        @if !replaced.is_empty() {
            div.wide tabindex="0" role="region" aria-label=(frame.say("what-changes")) { table.stack {
                thead { tr { @for name in ["item", "in-force", "proposed-value"] { th scope="col" { (words::say(frame.language, name)) } } } }
                tbody { @for field in replaced {
                    @let (was, will) = (value(before, field.name), value(after, field.name));
                    tr class=[(was != will).then_some("changed")] {
                        th scope="row" { (label(field)) }
                        td data-label=(frame.say("in-force")) { (told(before, field, &was)) }
                        td data-label=(frame.say("proposed-value")) { (told(after, field, &will)) }
                    }
                } }
            } }
        }
        @if !said.is_empty() {
            dl.said { @for field in said { div {
                dt { (label(field)) }
                dd {
                    @if graded && field.name == "evidence" { (evidence(frame, row, after)) }
                    @else { (told(after, field, &value(after, field.name))) }
                }
            } } }
        }
    }
}

/// Links to what a grade is proposed on.
fn evidence(frame: &Frame, row: &Value, after: Option<&Value>) -> Markup {
    let found = ["evidence", "evidence_at"].into_iter().zip([after, Some(row)]);
    let line = found.filter_map(|(name, of)| Some((name.to_owned(), of?.get(name)?.clone()))).collect();
    grades::evidence(frame, &Value::Object(line), &BTreeMap::new())
}

/// Tells whether a grade waits.
fn is_grade(row: &Value) -> bool {
    text(row, "form").ends_with("_grade.proposed")
}

/// Where a waiting step is decided: a grade on its customer's page, everything else by a form.
fn deciding(frame: &Frame, row: &Value) -> Markup {
    let request = encode(text(row, "request"));
    match text(row, "subject").strip_prefix("customer/") {
        Some(customer) if is_grade(row) => {
            let of = text(row, "form").split('_').next().unwrap_or_default();
            html! { a.button href={ "/customers/" (encode(customer)) "/grades?of=" (of) } { (frame.say("decide")) } }
        }
        _ => html! {
            a.button href={ "/propose/approval.given?request_id=" (request) "&back=%2F" } { (words::doing(frame.language, "approval.given")) } " "
            a.button href={ "/propose/approval.declined?request_id=" (request) "&back=%2F" } { (words::doing(frame.language, "approval.declined")) }
        },
    }
}

fn subject_link(frame: &Frame, subject: &str) -> Markup {
    match subject.strip_prefix("customer/") {
        Some(customer) => html! { a href={ "/customers/" (encode(customer)) } { (customer) } },
        None => html! { (words::stream(frame.language, subject)) },
    }
}

/// What an obligation is about: its customer by name where there is one, and what of it.
fn object(frame: &Frame, door: &Door, row: &Value, field: &str) -> Markup {
    let customer = text(row, "customer_id");
    let object = text(row, field);
    html! {
        @if customer.is_empty() || customer == MASK { (object) }
        @else {
            a href={ "/customers/" (encode(customer)) } { (shown(frame, door, "", row.get("customer").unwrap_or(&Value::Null))) }
            " " small { (object) }
        }
        @if row.get("trigger").and_then(Value::as_str).is_some_and(|trigger| trigger.len() <= 6) { " " small { (text(row, "trigger")) } }
    }
}

fn due(frame: &Frame, door: &Door, row: &Value) -> Markup {
    match (row.get("due_at").and_then(Value::as_str), row.get("missing_calendar")) {
        (Some(at), _) => html! { (deadline(door, at)) },
        (None, Some(missing)) => {
            let year = missing.get("year").and_then(Value::as_i64).unwrap_or_default().to_string();
            html! { (frame.say_with("calendar-missing", &[("calendar", text(missing, "calendar")), ("year", &year)])) }
        }
        (None, None) => html! { (frame.say("no-value")) },
    }
}

/// Writes a deadline as people say it: the end of a day is that day's, not the beginning of the next.
fn deadline(door: &Door, text: &str) -> String {
    let Ok(at) = text.parse::<Timestamp>() else { return text.to_owned() };
    let zone = door.ledger.state().world.ledger.zone;
    let last = zone.date(at.minus(std::time::Duration::from_micros(1)));
    if zone.start_of(last.next()) == at {
        return format!("{last} 24:00");
    }
    zone.wall(at).get(..16).unwrap_or(text).to_owned()
}

fn duty_label(frame: &Frame, id: &str) -> Markup {
    match obligation::duty_of(id) {
        Some(duty) => html! { (frame.language.choose((duty.en, duty.zh))) " " small { (id) } },
        None => html! { (id) },
    }
}

fn people(frame: &Frame, row: &Value, name: &str) -> Markup {
    let names: Vec<&str> = items(row, name).iter().filter_map(Value::as_str).collect();
    html! { @if names.is_empty() { (frame.say("no-value")) } @else { (names.join(frame.language.choose((", ", "、")))) } }
}

fn late(frame: &Frame, minutes: Option<u64>) -> Markup {
    let Some(minutes) = minutes else { return html! { (frame.say("no-value")) } };
    let (days, hours, rest) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    let values = [("days", days.to_string()), ("hours", hours.to_string()), ("minutes", rest.to_string())];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    html! { (frame.say_with(if days > 0 { "days-hours" } else { "hours-minutes" }, &values)) }
}

/// Tells whether a day or an instant is past.
fn is_over(door: &Door, due: &str) -> bool {
    let now = door.ledger.clock().now();
    match due.parse::<Timestamp>() {
        Ok(due) => due < now,
        Err(_) => due.parse().is_ok_and(|day: crate::clock::Date| day < door.ledger.state().world.date(now)),
    }
}

const HOME_ROWS: usize = 20;
