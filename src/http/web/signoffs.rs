//! What waits for sign-offs: what one may sign oneself, and what one has entered or signed.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::domain::signoff::{Decision, Form, Purpose, Seat};
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::form;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, wall};
use crate::http::web::words;
use crate::ledger::Proposal;

/// `GET /signoffs`: what waits for one's signature; with `?all=1` every chain one is in.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    written(&door, &visitor, query.contains_key("all"), query.get("after").cloned(), None).await
}

/// `POST /signoffs`: signs or returns what the form names.
pub(crate) async fn sign(State(door): State<Arc<Door>>, visitor: Visitor, fields: Fields) -> Result<Response, Problem> {
    visitor.check_sent(&fields)?;
    let step = fields.text("step").parse::<i64>().ok().map(|step| ("step", json!(step)));
    let opinion = fields.said("opinion").map(|opinion| ("opinion", json!(opinion.replace("\r\n", "\n"))));
    let said = ["subject_event", "purpose", "decision"].map(|name| (name, json!(fields.text(name))));
    let data: Value = said.into_iter().chain(step).chain(opinion).collect();
    let proposal = Proposal { kind: "signoff.recorded".into(), id: fields.said("id"), data, ..Proposal::default() };
    match door.submit(&visitor.asker.principal, vec![proposal]).await {
        Ok(_) => Ok(Redirect::to("/signoffs").into_response()),
        Err(error) => {
            let problem = Problem::Submit { error, batch: false };
            written(&door, &visitor, false, None, Some((&fields, &problem))).await
        }
    }
}

async fn written(
    door: &Door,
    visitor: &Visitor,
    all: bool,
    after: Option<String>,
    refused: Option<(&Fields, &Problem)>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let read = visitor.read(door, "signoffs", None, |asked| {
        if !all {
            asked.filters.insert("mine".into(), "1".into());
        }
        asked.after = after.filter(|after| !after.is_empty());
    });
    let answered = read.await?;
    let rows = items(&answered.body, "items");
    let parts: &[(&str, &str)] = if all { &[("all", "1")] } else { &[] };
    let body = html! {
        nav.tabs aria-label=(frame.say("signoffs")) {
            a href="/signoffs" aria-current=[(!all).then_some("page")] { (frame.say("signoffs-mine")) }
            a href="/signoffs?all=1" aria-current=[all.then_some("page")] { (frame.say("signoffs-all")) }
        }
        @if let Some((_, problem)) = refused { (layout::told(frame, problem, &[])) }
        @if rows.is_empty() { p { (frame.say(if all { "signoffs-none" } else { "signoffs-none-mine" })) } }
        @for (place, row) in rows.iter().enumerate() { (waiting(frame, door, row, place, refused)) }
        (layout::next(frame, "/signoffs", parts, answered.next.as_deref()))
        (layout::exporting(visitor, door, "signoffs", &[]))
        (layout::standing(frame, &answered))
    };
    let status = refused.map_or(StatusCode::OK, |(_, problem)| problem.status());
    Ok(layout::page(frame, status, &frame.say("signoffs"), &body))
}

/// One chain: what is signed, who has, whose turn it is, and the form to sign it by.
fn waiting(frame: &Frame, door: &Door, row: &Value, place: usize, refused: Option<(&Fields, &Problem)>) -> Markup {
    let customer = text(row, "customer_id");
    let step = row.get("step").and_then(Value::as_u64).unwrap_or_default().to_string();
    let yours = row.get("yours") == Some(&Value::Bool(true));
    let seat = text(row, "awaiting");
    let page = if text(row, "form") == Form::Card.as_str() { "/card" } else { "" };
    html! {
        section {
            h2 { (words::chosen::<Form>(frame.language, text(row, "form"))) " "
                @if customer.is_empty() { (text(row, "subject")) }
                @else { a href={ "/customers/" (encode(customer)) (page) } { (customer) } } }
            p {
                (frame.say("submitted-by")) " " (layout::actor(frame.language, text(row, "submitted_by"))) " · "
                @if row.get("returned") == Some(&Value::Bool(true)) { (frame.say("signoff-returned")) }
                @else { (frame.say_with("signoff-step", &[("step", &step), ("seat", &words::chosen::<Seat>(frame.language, seat))])) }
            }
            @let said = items(row, "opinions");
            @if !said.is_empty() { ol.timeline { @for one in said { li {
                p { span.when { (wall(door, text(one, "at"))) } " " (text(one, "by")) " "
                    strong { (words::chosen::<Decision>(frame.language, text(one, "decision"))) } }
                @if one.get("opinion").is_some() { p { (shown(frame, door, "", one.get("opinion").unwrap_or(&Value::Null))) } }
            } } } }
            @if yours { (signing(frame, door, row, place, refused)) }
        }
    }
}

fn signing(frame: &Frame, door: &Door, row: &Value, place: usize, refused: Option<(&Fields, &Problem)>) -> Markup {
    let entry = text(row, "subject_event");
    let typed = refused.filter(|(fields, _)| fields.text("subject_event") == entry);
    let purposes: Vec<&str> = items(row, "purposes").iter().filter_map(Value::as_str).collect();
    let only_noted = purposes.iter().all(|purpose| matches!(*purpose, "noted" | "copy_acknowledged"));
    let decisions: &[&str] = if only_noted { &["noted"] } else { &["approved", "returned"] };
    let opinion = typed.map(|(fields, _)| fields.text("opinion")).unwrap_or_default();
    html! {
        form.card action="/signoffs" method="post" {
            (layout::token(frame))
            (form::id(door, typed.map(|(fields, problem)| (fields, Some(problem)))))
            input type="hidden" name="subject_event" value=(entry);
            input type="hidden" name="step" value=(row.get("step").and_then(Value::as_u64).unwrap_or_default());
            label for={ "purpose-" (place) } { (frame.say("signoff-purpose")) }
            select id={ "purpose-" (place) } name="purpose" {
                @for purpose in purposes { option value=(purpose) { (words::chosen::<Purpose>(frame.language, purpose)) } }
            }
            label for={ "opinion-" (place) } { (frame.say("signoff-opinion")) }
            textarea id={ "opinion-" (place) } name="opinion" rows="2" maxlength="4000" { (opinion) }
            @if !only_noted { small { (frame.say("signoff-opinion-hint")) } }
            div.buttons { @for decision in decisions {
                button.quiet[*decision == "returned"] name="decision" value=(decision) { (frame.say(if *decision == "returned" { "signoff-returned-button" } else if *decision == "noted" { "signoff-noted" } else { "signoff-approved" })) }
            } }
        }
    }
}
