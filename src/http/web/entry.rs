//! One entry of the ledger, as its reader may see it, with what proves it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde_json::Value;

use crate::domain::{catalog, record};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::layout::{self, shown, text};
use crate::http::web::visitor::{Visitor, wall};
use crate::http::web::words;

/// `GET /entries/{index}`.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(index): Named,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let answered = visitor.read(&door, "entry", Some(index.clone()), |_| ()).await?;
    let body = &answered.body;
    let entry = body.get("entry").unwrap_or(&Value::Null);
    let line = body.get("line").unwrap_or(entry);
    let hash = [text(body, "hash"), text(entry, "hash")].into_iter().find(|hash| !hash.is_empty()).unwrap_or_default();
    let redacted = body.get("redacted").and_then(Value::as_bool).unwrap_or(true);
    let content = entry.get("payload").or_else(|| entry.get("data")).unwrap_or(&Value::Null);
    let at = [text(entry, "at"), text(entry, "time")].into_iter().find(|at| !at.is_empty()).unwrap_or_default();
    let role = [text(entry, "actor_role"), text(entry, "actorrole")]
        .into_iter()
        .find(|role| !role.is_empty())
        .unwrap_or_default();
    let markup = html! {
        p { (frame.say(if redacted { "redacted" } else { "whole" })) }
        dl.facts {
            div { dt { (frame.say("type")) } dd { (words::event(frame.language, text(entry, "type"))) " " code { (text(entry, "type")) } } }
            div { dt { (frame.say("when")) } dd { (wall(&door, at)) } }
            div { dt { (frame.say("actor")) } dd { (layout::actor(frame.language, text(entry, "actor"))) " " small { (words::role(frame.language, role)) } } }
            div { dt { (frame.say("subject")) } dd { code { (text(entry, "subject")) } } }
            div { dt { (frame.say("id")) } dd { code.long { (text(entry, "id")) } } }
            div { dt { (frame.say("hash")) } dd { code.long { (hash) } } }
            div { dt { (frame.say("proof")) } dd { a href={ "/v1/entries/" (index) "/proof" } { (frame.say("proof-download")) } } }
        }
        (layout::corrections(frame, &door, line))
        section { h2 { (frame.say("content")) } (layout::payload(frame, &door, text(entry, "type"), content)) }
        @if may_correct(&door, &visitor, text(entry, "type")) {
            p { a.button href={ "/entries/" (index) "/correct" } { (frame.say("correct-this")) } }
        }
        @if let Some(streams) = body.get("streams").or_else(|| entry.get("streams")) {
            section { h2 { (frame.say("streams")) } (shown(frame, &door, "", streams)) }
        }
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &format!("{} #{index}", frame.say("entry")), &markup))
}

/// Tells whether an entry of this type is perhaps somebody's to put right; whose it is the ledger says when it is sent.
fn may_correct(door: &Door, visitor: &Visitor, kind: &str) -> bool {
    let by_people = catalog::find(kind).is_some_and(|kind| record::check_kind(kind).is_ok());
    by_people
        && door.ledger.proposable(&visitor.asker.principal, None).iter().any(|kind| kind.name == record::CORRECTED)
}
