//! The frame around every page, and the page that says why there is none.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_LANGUAGE, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use maud::{DOCTYPE, Markup, html};
use serde_json::{Map, Value};

use crate::access::principal::{Language, PurposeKind};
use crate::domain::audit::Mode;
use crate::domain::catalog::{self, EventType, Field, Kind, SignedMoney};
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::visitor::{Frame, Visitor, encode, wall};
use crate::http::web::{policy, words};
use crate::ledger::{Answered, ViewError};
use crate::projection::{Column, View};

/// Writes a page.
pub(crate) fn page(frame: &Frame, status: StatusCode, title: &str, body: &Markup) -> Response {
    let tag = words::tag(frame.language);
    let other = frame.language.choose(("zh", "en"));
    let markup = html! {
        (DOCTYPE)
        html lang=(tag) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (frame.say("site")) }
                link rel="stylesheet" href="/style.css";
                link rel="icon" href="data:,";
            }
            body {
                a.skip href="#main" { (frame.say("skip")) }
                header.top {
                    nav aria-label=(frame.say("site")) {
                        a.brand href="/" { (frame.say("site")) }
                        @if let Some(who) = &frame.signed_in {
                            a href="/" { (frame.say("home")) }
                            @if who.opens.list { a href="/customers" { (frame.say("customers")) } }
                            a href="/analysis" { (frame.say("analysis")) }
                            @if who.opens.signoffs { a href="/signoffs" { (frame.say("signoffs")) } }
                            a href="/propose" { (frame.say("record")) }
                            a href="/access" { (frame.say("access")) }
                        }
                    }
                    @if frame.signed_in.as_ref().is_some_and(|who| who.opens.search) {
                        form.inline.find action="/search" method="post" role="search" {
                            (token(frame))
                            label for="find" { (frame.say("search")) }
                            input id="find" name="q" type="search" required maxlength="120" placeholder=(frame.say("search-words"));
                            button.quiet { (frame.say("search-go")) }
                        }
                    }
                    div.tools {
                        @if let Some(who) = &frame.signed_in {
                            form.inline action="/purpose" method="post" {
                                (token(frame))
                                input type="hidden" name="back" value=(frame.address);
                                label for="frame-purpose" { (frame.say("purpose-stated")) }
                                (purposes(frame, "frame-purpose", who.purpose, false))
                                button.quiet { (frame.say("purpose-set")) }
                            }
                        }
                        a href={ "/language?to=" (other) "&back=" (encode(&frame.address)) } lang=(frame.language.choose(("zh-CN", "en"))) {
                            (frame.say("language-other"))
                        }
                        @if let Some(who) = &frame.signed_in {
                            form.inline action="/sign-out" method="post" {
                                (token(frame))
                                span { (who.employee) }
                                button.quiet { (frame.say("sign-out")) }
                            }
                        }
                    }
                }
                main #main { h1 { (title) } (body) }
            }
        }
    };
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_LANGUAGE, tag), (CACHE_CONTROL, "no-store")];
    (status, headers, markup.into_string()).into_response()
}

/// Writes the page of a problem, in its own words.
pub(crate) fn problem(frame: &Frame, problem: &Problem) -> Response {
    let (title, _) = problem.words(frame.language);
    let signed_out = matches!(problem, Problem::Unauthenticated);
    let body = html! {
        @if signed_out { p { (frame.say("session-ended")) } }
        @else if frame.signed_in.is_some() && wants_purpose(problem) { (asking(frame, problem)) }
        @else { (told(frame, problem, &[])) }
        @if signed_out { p { a href="/sign-in" target="_blank" { (frame.say("sign-in")) } } }
        @else { p { a href="/" { (frame.say("back-home")) } } }
    };
    page(frame, problem.status(), title, &body)
}

/// Says what a problem is, with its code, its rule and the fields it is about, by the words of the form where these are its `fields`.
pub(crate) fn told(frame: &Frame, problem: &Problem, fields: &'static [Field]) -> Markup {
    let body: Value = serde_json::from_slice(&problem.body(frame.language)).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let said = problem.fields(frame.language);
    // A program is told by pointers, a person by the label that stands on the form.
    let called = |pointer: &str| words::label_at(frame.language, fields, pointer).into_owned();
    html! {
        div.problem role="alert" {
            p { strong { (text("title")) } " " code { (text("code")) } }
            @match said.as_slice() {
                [(pointer, words)] => p { (called(pointer)) ": " (words) },
                _ => {
                    p { (text("detail")) }
                    @if !said.is_empty() { ul { @for (pointer, words) in &said { li { (called(pointer)) ": " (words) } } } }
                },
            }
            @if !text("rule").is_empty() { p.rule { (frame.say_with("rule", &[("rule", &text("rule"))])) } }
        }
    }
}

/// What a form carries so that only our own pages can send it.
pub(crate) fn token(frame: &Frame) -> Markup {
    let token = frame.signed_in.as_ref().map(|who| who.form_token.as_str()).unwrap_or_default();
    html! { input type="hidden" name="token" value=(token); }
}

/// A choice of the closed list of purposes.
pub(crate) fn purposes(frame: &Frame, id: &str, chosen: Option<PurposeKind>, required: bool) -> Markup {
    let none = frame.say(if required { "purpose-choose" } else { "purpose-none" });
    html! {
        select id=(id) name="purpose" required[required] {
            option value="" { (none) }
            @for kind in PurposeKind::ALL {
                option value=(kind.key()) selected[chosen == Some(*kind)] { (frame.language.choose(kind.label())) }
            }
        }
    }
}

/// Asks for a purpose and what to say about it: an auditor names whom it is about.
pub(crate) fn stating(frame: &Frame, id: &str, required: bool) -> Markup {
    let chosen = frame.signed_in.as_ref().and_then(|who| who.purpose);
    html! {
        div { label for=(id) { (frame.say("purpose")) } (purposes(frame, id, chosen, required)) }
        @let note = format!("{id}-note");
        div { label for=(note) { (frame.say("purpose-note")) }
            input id=(note) name="note" maxlength="400" placeholder=(frame.say("purpose-note-hint")); }
    }
}

/// Asks for a purpose to open masked values for; `more` is sent along.
pub(crate) fn opening(frame: &Frame, action: &str, masked: usize, more: &[(&str, &str)]) -> Markup {
    html! {
        form.card.reveal action=(action) method="post" {
            (token(frame))
            @for (name, value) in more { input type="hidden" name=(name) value=(value); }
            p { (frame.say_with("masked-some", &[("count", &masked.to_string())])) " " (frame.say("reveal-hint")) }
            (stating(frame, "reveal-purpose", true))
            button { (frame.say("reveal")) }
        }
    }
}

/// Tells whether a reading was denied for want of a purpose.
pub(crate) fn wants_purpose(problem: &Problem) -> bool {
    matches!(problem, Problem::View(ViewError::Denied(refusal)) if matches!(refusal.grounds().1, "R-059" | "R-063"))
}

/// Names a customer, and leads to its archive where that would open.
pub(crate) fn customer(visitor: &Visitor, door: &Door, id: &str, name: &Markup) -> Markup {
    html! { @if visitor.opens(door, "archive", Some(id.to_owned())) { a href={ "/customers/" (encode(id)) } { (name) } } @else { (name) } }
}

/// Asks for the purpose that a reading needs, and returns to it.
pub(crate) fn asking(frame: &Frame, problem: &Problem) -> Markup {
    html! {
        (told(frame, problem, &[]))
        (purpose_form(frame))
    }
}

/// Asks for a purpose, and returns to the page it stands on.
pub(crate) fn purpose_form(frame: &Frame) -> Markup {
    html! {
        form.card action="/purpose" method="post" {
            (token(frame))
            input type="hidden" name="back" value=(frame.address);
            label for="asked-purpose" { (frame.say("purpose")) }
            (purposes(frame, "asked-purpose", None, true))
            button { (frame.say("purpose-set")) }
            p.hint { (frame.say("purpose-hint")) }
        }
    }
}

/// Asks for a purpose to take a view out for, where the visitor may take it out; `more` narrows it.
pub(crate) fn exporting(visitor: &Visitor, door: &Door, key: &str, more: &[(&str, &str)]) -> Markup {
    let frame = &visitor.frame;
    let subject = more.iter().find(|(name, _)| *name == "subject").map(|(_, subject)| (*subject).to_owned());
    html! {
        @if visitor.leaves(door, key, subject, Mode::Export) { details.screen { summary { (frame.say("export")) }
            form.filters action={ "/export/" (key) } method="post" {
                (token(frame))
                @for (name, value) in more.iter().filter(|(_, value)| !value.is_empty()) { input type="hidden" name=(name) value=(value); }
                input type="hidden" name="limit" value="200";
                (stating(frame, "export-purpose", true))
                button name="format" value="xlsx" { "XLSX" }
                button.quiet name="format" value="csv" { "CSV" }
            }
        } }
    }
}

/// A table of a view's columns, but those the page is about anyway.
pub(crate) fn table(
    frame: &Frame,
    view: &'static View,
    left_out: &[&str],
    rows: &[Value],
    value: impl Fn(&Value, &str) -> Markup,
) -> Markup {
    let label = |column: &'static Column| frame.language.choose((column.en, column.zh));
    // What no row has a value for needs no column.
    let told = |column: &Column| rows.iter().any(|row| row.get(column.id).is_some());
    let columns = || view.columns.iter().filter(|column| !left_out.contains(&column.id) && told(column));
    html! {
        div.wide tabindex="0" role="region" aria-label=(words::view(frame.language, view.key)) { table.stack {
            thead { tr { @for column in columns() { th scope="col" { (label(column)) } } } }
            tbody { @for row in rows { tr { @for column in columns() {
                td data-label=(label(column)) {
                    @if ENTRIES.contains(&column.id) { (entry(row.get(column.id))) } @else { (value(row, column.id)) }
                }
            } } } }
        } }
    }
}

/// The pages about one customer, as far as they would open for the visitor.
pub(crate) fn tabs(visitor: &Visitor, door: &Door, id: &str, current: &str) -> Markup {
    let frame = &visitor.frame;
    let base = format!("/customers/{}", encode(id));
    let shown = CUSTOMER.iter().filter_map(|(key, path, views)| {
        // A page of several views begins with the first that opens.
        let first = views.iter().position(|view| visitor.opens(door, view, Some(about(view, id))));
        let first = first.or((*key == current).then_some(0))?;
        let view = views.get(first).filter(|_| first > 0).map(|view| format!("?view={view}")).unwrap_or_default();
        Some((*key, format!("{base}{path}{view}")))
    });
    html! {
        nav.tabs aria-label=(id) {
            @for (key, address) in shown {
                a href=(address) aria-current=[(key == current).then_some("page")] {
                    // From everywhere else the first leads back.
                    @if key == ARCHIVE && current != ARCHIVE { "← " }
                    (words::say(frame.language, key))
                }
            }
        }
    }
}

/// What a view of a customer is asked about.
fn about(view: &str, id: &str) -> String {
    match view {
        "access_log" | "timeline" => format!("customer/{id}"),
        _ => id.to_owned(),
    }
}

/// Tabs of views, as far as they would open for the visitor.
pub(crate) fn views(
    visitor: &Visitor,
    door: &Door,
    label: &str,
    (keys, subject): (&[&'static str], Option<&str>),
    current: &str,
    address: impl Fn(&str) -> String,
) -> Markup {
    let frame = &visitor.frame;
    html! {
        nav.tabs aria-label=(label) { @for key in keys.iter().copied().filter(|key| *key == current || visitor.opens(door, key, subject.map(str::to_owned))) {
            a href=(address(key)) aria-current=[(key == current).then_some("page")] { (words::view(frame.language, key)) }
        } }
    }
}

/// Says where in the ledger an answer stands and which entry records that it was read.
pub(crate) fn standing(frame: &Frame, answered: &Answered) -> Markup {
    standing_of_all(frame, std::slice::from_ref(answered))
}

/// Says of several answers on one page from where in the ledger on they stand, and which entries record that they were read.
pub(crate) fn standing_of_all(frame: &Frame, answered: &[Answered]) -> Markup {
    let position = answered.iter().map(|answered| answered.position).min();
    let words = if answered.len() > 1 { "position-or-later" } else { "position" };
    html! {
        @if let Some(position) = position { p.standing {
            (frame.say_with(words, &[("index", &position.to_string())]))
            @for recorded in answered.iter().filter_map(|answered| answered.recorded.first()) {
                " · " a href={ "/entries/" (recorded) } { (frame.say_with("recorded-reading", &[("index", &recorded.to_string())])) }
            }
        } }
    }
}

/// Shows a value as people write it; `name` is the field it belongs to.
pub(crate) fn shown(frame: &Frame, door: &Door, name: &str, value: &Value) -> Markup {
    let kind = words::field(name).map(|field| &field.kind);
    shown_as(frame, door, name, kind, value)
}

/// Shows an entry's payload as its type declares it: names such as `purpose` mean other things elsewhere.
pub(crate) fn payload(frame: &Frame, door: &Door, kind: &str, value: &Value) -> Markup {
    let (Some(kind), Value::Object(values)) = (catalog::find(kind), value) else {
        return shown(frame, door, "payload", value);
    };
    html! {
        dl.inner { @for (name, value) in values { div {
            @match kind.field(name) {
                Some(field) => {
                    dt { (frame.language.choose((field.en, field.zh))) }
                    dd { (said_by(frame, door, (kind, values), field, value)) }
                },
                None => { dt { (words::label(frame.language, name)) } dd { (shown(frame, door, name, value)) } },
            }
        } } }
    }
}

/// Shows a value of a payload as its type means it, where what it says depends on more than its own field.
pub(crate) fn said_by(
    frame: &Frame,
    door: &Door,
    (kind, of): (&EventType, &Map<String, Value>),
    field: &'static Field,
    value: &Value,
) -> Markup {
    let masked = value.as_str() == Some(MASK);
    match (kind.name, field.name, value) {
        _ if masked => declared(frame, door, field, value),
        ("customer.classified", "value", _) => part(frame, door, of, field.name, value),
        ("archive.accessed" | "archive.access_denied", "view", Value::String(key)) => {
            html! { (words::view(frame.language, key)) }
        }
        ("archive.accessed" | "archive.access_denied", "purpose", Value::String(purpose)) => {
            html! { (words::purpose(frame.language, purpose)) }
        }
        ("archive.accessed", "masked", Value::Array(fields)) => html! { (words::labels(frame.language, fields)) },
        ("record.corrected", "changes", Value::Array(changes)) => {
            let record = of.get("record_type").and_then(Value::as_str).unwrap_or_default();
            corrected(frame, door, record, changes)
        }
        ("record.corrected" | "record.voided", "fields", Value::Array(pointers)) => {
            let record = of.get("record_type").and_then(Value::as_str).unwrap_or_default();
            let fields = catalog::find(record).map_or(&[][..], |kind| kind.fields);
            let pointers = pointers.iter().filter_map(Value::as_str);
            html! { ul.plain { @for pointer in pointers { li { (words::label_at(frame.language, fields, pointer)) } } } }
        }
        ("policy.adopted", "presets" | "parameters", Value::Object(values)) => policy::values_of(frame, values),
        ("approval.requested", "about", Value::String(stream))
        | ("command.refused", "target", Value::String(stream)) => {
            html! { (words::stream(frame.language, stream)) }
        }
        ("archive.accessed" | "archive.access_denied", "targets", Value::Array(streams)) => html! {
            ul.plain { @for stream in streams.iter().filter_map(Value::as_str) { li { (words::stream(frame.language, stream)) } } }
        },
        ("command.refused", "command", Value::String(name)) => {
            html! { (words::view(frame.language, &words::event(frame.language, name))) }
        }
        _ => declared(frame, door, field, value),
    }
}

/// Shows a value as the field declares it that a pointer into a payload leads to.
pub(crate) fn located(frame: &Frame, door: &Door, kind: &str, pointer: &str, value: &Value) -> Markup {
    let place = catalog::find(kind).and_then(|kind| catalog::locate(kind.fields, pointer));
    match (kind, pointer, value) {
        ("customer.classified", "/value", Value::String(class)) if class != MASK => {
            html! { (words::class_of_any(frame.language, class)) }
        }
        // Where it stands may be masked from whoever may see what it says.
        (_, MASK, Value::String(text)) if text != MASK => {
            html! { span.text { (words::anywhere(frame.language, text)) } }
        }
        _ => match place {
            Some(place) => shown_as(frame, door, "", Some(place.kind), value),
            // Whose type its reader may not see, it is called as the fields of its name are.
            None => shown(frame, door, pointer.rsplit('/').next().unwrap_or_default(), value),
        },
    }
}

/// Shows what a correction puts right, each value as the record's own type declares it.
fn corrected(frame: &Frame, door: &Door, record: &str, changes: &[Value]) -> Markup {
    let fields = catalog::find(record).map_or(&[][..], |kind| kind.fields);
    html! { dl.inner { @for change in changes { div {
        @let path = text(change, "path");
        dt { (words::label_at(frame.language, fields, path)) }
        dd { (located(frame, door, record, path, change.get("new").unwrap_or(&Value::Null))) }
    } } } }
}

/// Shows a value as the field of its type declares it.
pub(crate) fn declared(frame: &Frame, door: &Door, field: &Field, value: &Value) -> Markup {
    shown_as(frame, door, "", Some(&field.kind), value)
}

/// Heads a page about a customer: by the customer's name, as far as the visitor may see it, else by its number.
pub(crate) fn headed(visitor: &Visitor, door: &Door, id: &str, page: &str) -> String {
    let called = id.parse().ok().and_then(|id| door.ledger.called(&visitor.asker.principal, &id));
    format!("{} · {page}", called.as_deref().unwrap_or(id))
}

/// Shows of an entry what corrects or voids it, what it corrects or voids, and what it says now.
pub(crate) fn corrections(frame: &Frame, door: &Door, line: &Value) -> Markup {
    html! {
        @if let Some(target) = line.get("corrects") {
            p.corrects { (frame.say("corrects")) " " (entry(target.get("index"))) }
        }
        (corrections_named(frame, door, line))
        @if let Some(now) = line.get("now") {
            section { h3 { (frame.say("as-corrected")) } (payload(frame, door, text(line, "type"), now)) }
        }
    }
}

/// Names what corrects or voids an entry.
pub(crate) fn corrections_named(frame: &Frame, door: &Door, line: &Value) -> Markup {
    let naming = items(line, "corrections");
    html! {
        @if !naming.is_empty() {
            p.corrects {
                @if line.get("voided_by").is_some() { strong { (frame.say("voided")) } " · " }
                (frame.say("corrected-by"))
                @for one in naming {
                    " " (entry(one.get("index"))) " "
                    small { (words::event(frame.language, text(one, "type"))) " " (wall(door, text(one, "at"))) " " (actor(frame.language, text(one, "by")))
                        @if one.get("counts") == Some(&Value::Bool(false)) { " (" (frame.say("no-longer-counts")) ")" } }
                }
            }
        }
    }
}

/// Shows a value as a field of the event type it comes from declares it, whatever it is.
pub(crate) fn of_kind(frame: &Frame, door: &Door, kind: &str, name: &str, value: &Value) -> Markup {
    let field = catalog::find(kind).and_then(|kind| kind.field(name));
    shown_as(frame, door, "", field.map(|field| &field.kind), value)
}

/// Shows a value of a closed list as the event type it comes from calls it.
pub(crate) fn chosen(frame: &Frame, door: &Door, kind: &str, name: &str, value: &Value) -> Markup {
    let field = catalog::find(kind).and_then(|kind| kind.field(name));
    match (field.map(|field| &field.kind), value.as_str()) {
        // What is masked looks masked, whatever it would be chosen from.
        (Some(Kind::Choice(choices)), Some(text)) if text != MASK => {
            html! { (words::choice(frame.language, choices, text)) }
        }
        _ => shown(frame, door, name, value),
    }
}

fn shown_as(frame: &Frame, door: &Door, name: &str, kind: Option<&Kind>, value: &Value) -> Markup {
    let inner = match kind {
        Some(Kind::List(inner)) => Some(inner.as_ref()),
        other => other,
    };
    match value {
        Value::Null => html! { span.none { (frame.say("no-value")) } },
        Value::String(text) if text == MASK => html! { span.masked title=(frame.say("masked")) { (text) } },
        Value::String(text) if text.is_empty() => html! { span.none { (frame.say("no-value")) } },
        // What is missing is named by its field.
        Value::String(text) if name == "missing" => html! { (words::label(frame.language, text)) },
        Value::String(text) if name == "status" => html! { (words::status(frame.language, text)) },
        Value::String(text) => match inner {
            // Other types call other things by the same name.
            Some(Kind::Choice(choices)) if choices.iter().all(|choice| choice.value != text) => {
                html! { span.text { (words::elsewhere(frame.language, name, text)) } }
            }
            Some(Kind::Choice(choices)) => html! { (words::choice(frame.language, choices, text)) },
            Some(Kind::Instant) => html! { (wall(door, text)) },
            _ if name == "since" => html! { (wall(door, text)) },
            // What is asked for or refused is named by its type.
            _ if catalog::find(text).is_some() => html! { (words::event(frame.language, text)) },
            _ => html! { span.text { (text) } },
        },
        Value::Bool(yes) => html! { (frame.language.choose(if *yes { ("yes", "是") } else { ("no", "否") })) },
        Value::Number(number) => match (inner, number.as_i64()) {
            (Some(Kind::Money | Kind::SignedMoney), Some(fen)) => html! { span.number { (SignedMoney(fen)) } },
            (_, Some(fen)) if AMOUNTS.contains(&name) => html! { span.number { (SignedMoney(fen)) } },
            (_, Some(bp)) if name.ends_with("_bp") || name == "collection_rate" => {
                html! { span.number { (percent(bp)) } }
            }
            _ => html! { span.number { (number) } },
        },
        Value::Array(values) if values.is_empty() => html! { span.none { (frame.say("no-value")) } },
        Value::Array(values) => {
            html! { ul.plain { @for value in values { li { (shown_as(frame, door, name, inner, value)) } } } }
        }
        Value::Object(values) => html! {
            dl.inner { @for (name, value) in values { div {
                @match declares(inner, name).filter(|field| !matches!(field.kind, Kind::Any)) {
                    // Other types call other things by the same name.
                    Some(field) => {
                        dt { (frame.language.choose((field.en, field.zh))) }
                        dd { (declared(frame, door, field, value)) }
                    },
                    None => { dt { (words::label(frame.language, name)) } dd { (part(frame, door, values, name, value)) } },
                }
            } } }
        },
    }
}

/// Returns the field of that name of an object.
fn declares(kind: Option<&Kind>, name: &str) -> Option<&'static Field> {
    match kind {
        Some(Kind::Object(fields)) => fields.iter().find(|field| field.name == name),
        _ => None,
    }
}

/// Shows a value of an object that may say which item or which dimension the value is of.
pub(crate) fn part(frame: &Frame, door: &Door, of: &Map<String, Value>, name: &str, value: &Value) -> Markup {
    let said = |name: &str| of.get(name).and_then(Value::as_str);
    match (name, value.as_str()) {
        (_, Some(MASK)) => shown(frame, door, name, value),
        ("item", Some(field)) => html! { (words::label(frame.language, field)) },
        ("section", Some(section)) => html! { (words::section(frame.language, section)) },
        ("value", Some(class)) if said("dimension").is_some() => {
            html! { (words::class(frame.language, said("dimension").unwrap_or_default(), class)) }
        }
        ("value", _) if said("item").is_some() => shown(frame, door, said("item").unwrap_or_default(), value),
        _ if ENTRIES.contains(&name) => entry(Some(value)),
        _ => shown(frame, door, name, value),
    }
}

/// Writes basis points as a percentage.
fn percent(bp: i64) -> String {
    let sign = if bp < 0 { "−" } else { "" };
    format!("{sign}{}.{:02} %", bp.unsigned_abs() / 100, bp.unsigned_abs() % 100)
}

/// Shows a hash short, whole in its title.
pub(crate) fn hash(value: &Value) -> Markup {
    let text = value.as_str().unwrap_or_default();
    let short: String = text.chars().take(10).collect();
    html! { code title=(text) { (short) "…" } }
}

/// Links to an entry by its index.
pub(crate) fn entry(value: Option<&Value>) -> Markup {
    match value.and_then(Value::as_u64) {
        Some(index) => html! { a href={ "/entries/" (index) } { "#" (index) } },
        None => html! {},
    }
}

/// A link to the next page of a list.
pub(crate) fn next(frame: &Frame, path: &str, query: &[(&str, &str)], after: Option<&str>) -> Markup {
    let Some(after) = after else { return html! {} };
    let query = query.iter().copied().chain([("after", after)]).filter(|(_, value)| !value.is_empty());
    let query: Vec<String> = query.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    html! { p.paging { a.button href={ (path) "?" (query.join("&")) } rel="next" { (frame.say("next-page")) } } }
}

/// Returns a list of an object, empty where there is none.
pub(crate) fn items<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Returns a text of an object, empty where there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Says who acted; the system acts in nobody's name.
pub(crate) fn actor(language: Language, value: &str) -> String {
    if value == "system" { words::say(language, "system") } else { value.to_owned() }
}

/// The page about a customer that all others belong to.
const ARCHIVE: &str = "archive";

/// The pages about one customer: what they are called, where they are, and which views they show.
const CUSTOMER: [(&str, &str, &[&str]); 10] = [
    (ARCHIVE, "", &["archive"]),
    ("card", "/card", &["card"]),
    ("people", "/people", &PEOPLE),
    ("documents", "/documents", &["documents"]),
    ("grades", "/grades", &["grade_audit"]),
    ("trade", "/trade", &TRADE),
    ("work", "/work", &WORK),
    ("promises", "/promises", &["promises"]),
    ("timeline", "/timeline", &["timeline"]),
    ("reads", "/reads", &["access_log"]),
];

/// The views of a customer's people.
pub(crate) const PEOPLE: [&str; 6] =
    ["people", "relations", "decision_roles", "related_persons", "basics", "important_dates"];

/// The views of a customer's trade.
pub(crate) const TRADE: [&str; 3] = ["payments", "terms", "credit_reviews"];

/// The views of the work with a customer, and of how its archive stands.
pub(crate) const WORK: [&str; 5] = ["visits", "business_report", "classification", "ownership", "checks"];

/// The columns that name an entry by its index.
const ENTRIES: [&str; 5] = ["source_event", "erased_by", "completed_by", "verified_by", "done"];

const MASK: &str = crate::access::redactor::MASK;

/// What views compute in fen.
const AMOUNTS: &[&str] =
    &["cumulative_amount", "paid_amount", "balance", "sales", "average_per_customer", "paid", "outstanding", "prepaid"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basis_points_are_written_as_percentages_without_loss() {
        assert_eq!([percent(4100), percent(7), percent(-3334)], ["41.00 %", "0.07 %", "−33.34 %"]);
    }

    #[test]
    fn what_is_shown_is_escaped() {
        let frame = Frame { language: Language::English, address: "/".into(), signed_in: None };
        let page = problem(&frame, &Problem::value("/<script>", "is wrong", "错误"));
        assert_eq!(page.status(), 400);
        assert!(!told(&frame, &Problem::value("/<script>", "x", "y"), &[]).into_string().contains("<script>"));
    }
}
