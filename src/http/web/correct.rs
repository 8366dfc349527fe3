//! Correcting or voiding an entry: a form with what it says now, of which what is changed becomes the correction.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::html;
use serde_json::{Map, Value, json};

use crate::access::redactor::MASK;
use crate::clock::Zone;
use crate::domain::catalog::{self, EventType, Field, Kind};
use crate::domain::class::Class;
use crate::domain::common;
use crate::domain::record::{self, CORRECTED, VOIDED};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::form::{self, Filled};
use crate::http::web::layout::{self, items, text};
use crate::http::web::visitor::{Fields, Visitor};
use crate::http::web::{offers, words};
use crate::ledger::{Proposal, SubmitError};

/// An entry as it is now, to be put right.
struct Target {
    index: String,
    id: String,
    subject: String,
    kind: &'static EventType,
    /// What it says now, as its reader may see it.
    now: Value,
    /// The ids of the corrections that name it: who fills in the form has seen as many.
    named: Vec<String>,
    /// It counts for nothing any more.
    voided: bool,
}

/// `GET /entries/{index}/correct`.
pub(crate) async fn form(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(index): Named,
) -> Result<Response, Problem> {
    let target = target(&door, &visitor, index).await?;
    let zone = door.ledger.state().world.ledger.zone;
    let typed = prefilled(zone, &target);
    Ok(written(&door, &visitor, &target, &typed, None))
}

/// `POST /entries/{index}/correct`: corrects what was changed, or voids the whole entry; or shows the form with one more row.
pub(crate) async fn correct(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(index): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    let target = target(&door, &visitor, index).await?;
    let fields = form::settled(target.kind.fields, fields);
    let zone = door.ledger.state().world.ledger.zone;
    if fields.said("more").is_some() {
        visitor.check_sent(&fields)?;
        return Ok(written(&door, &visitor, &target, &fields, None));
    }
    let voids = fields.text("action") == "void";
    let changes = if voids { Vec::new() } else { changes(zone, &target, &fields) };
    // Sent twice it is entered once; sent again with something else in it, it is not what was entered.
    let holds = if voids { target.voided } else { changes.is_empty() };
    let entered = holds && fields.said("id").is_some_and(|id| target.named.contains(&id));
    let problem = match visitor.check_sent(&fields) {
        Err(problem) => problem,
        Ok(()) if entered => return Ok(Redirect::to(&format!("/entries/{}", target.index)).into_response()),
        Ok(()) if fields.text("named") != target.named.len().to_string() => moved(&target, &fields),
        Ok(()) => {
            let reason = fields.text("why").trim().replace("\r\n", "\n");
            let data = match voids {
                true => json!({ "target_event": target.id, "reason": reason }),
                false => json!({ "target_event": target.id, "changes": changes, "reason": reason }),
            };
            let kind = if voids { VOIDED } else { CORRECTED };
            let subject = Some(target.subject.clone());
            let proposal =
                Proposal { kind: kind.to_owned(), id: fields.said("id"), subject, data, ..Proposal::default() };
            match door.submit(&visitor.asker.principal, vec![proposal]).await {
                Ok(_) => return Ok(Redirect::to(&format!("/entries/{}", target.index)).into_response()),
                Err(error) => Problem::Submit { error, batch: false },
            }
        }
    };
    Ok(written(&door, &visitor, &target, &fields, Some((&problem, &changes))))
}

/// Somebody else has put the entry right since the form was opened.
fn moved(target: &Target, fields: &Fields) -> Problem {
    let expected = fields.text("named").parse().unwrap_or(0);
    let version = u64::try_from(target.named.len()).unwrap_or(0);
    let newest = target.named.last().cloned().unwrap_or_else(|| "-".to_owned());
    let stale = common::Refusal::Stale { stream: format!("#{}", target.index), expected, version, newest };
    Problem::Submit { error: SubmitError::Refused { at: 0, refusal: stale.into() }, batch: false }
}

async fn target(door: &Door, visitor: &Visitor, index: String) -> Result<Target, Problem> {
    let answered = visitor.read(door, "entry", Some(index.clone()), |_| ()).await?;
    let body = &answered.body;
    let line = body.get("line").or_else(|| body.get("entry")).unwrap_or(&Value::Null);
    let kind = catalog::find(text(line, "type")).ok_or(Problem::NoPage)?;
    Ok(Target {
        index,
        id: text(line, "id").to_owned(),
        subject: text(line, "subject").to_owned(),
        kind,
        now: line.get("now").or_else(|| line.get("payload")).cloned().unwrap_or_default(),
        named: items(line, "corrections").iter().map(|one| text(one, "id").to_owned()).collect(),
        voided: line.get("voided_by").is_some(),
    })
}

/// What the form shows before anybody has typed: what the entry says now, and nothing for what its reader may not see.
fn prefilled(zone: Zone, target: &Target) -> Fields {
    let mut typed = Fields::default();
    form::typed(zone, target.kind.fields, &target.now, "", &mut typed);
    typed.0.insert("named".into(), target.named.len().to_string());
    typed
}

/// What was changed, field by field; of a list that changed the whole list.
fn changes(zone: Zone, target: &Target, typed: &Fields) -> Vec<Value> {
    let before = form::settled(target.kind.fields, prefilled(zone, target));
    let [mut before, mut after] = [&before, typed].map(|typed| form::payload(zone, target.kind.fields, typed, ""));
    // The form has no input for what is never corrected.
    for fixed in target.kind.fields.iter().filter(|field| record::is_fixed(target.kind, field)) {
        before.remove(fixed.name);
        after.remove(fixed.name);
    }
    let mut changes = Vec::new();
    differences(target.kind.fields, &before, &after, &target.now, "", &mut changes);
    changes
}

fn differences(
    fields: &[Field],
    before: &Map<String, Value>,
    after: &Map<String, Value>,
    now: &Value,
    within: &str,
    changes: &mut Vec<Value>,
) {
    for field in fields.iter().filter(|field| !field.computed) {
        let path = format!("{within}/{}", field.name);
        let (then, new, shown) = (before.get(field.name), after.get(field.name), now.get(field.name));
        match (&field.kind, then, new) {
            (Kind::Object(inner), Some(Value::Object(then)), new) if new.is_none_or(Value::is_object) => {
                let empty = Map::new();
                let new = new.and_then(Value::as_object).unwrap_or(&empty);
                differences(inner, then, new, shown.unwrap_or(&Value::Null), &path, changes);
            }
            // What stood masked in the form, and was left alone, stays.
            (_, then, new) if then == new => {}
            (Kind::Object(inner), None, Some(Value::Object(new))) if shown.is_some() => {
                differences(inner, &Map::new(), new, shown.unwrap_or(&Value::Null), &path, changes);
            }
            (_, _, Some(new)) => changes.push(json!({ "path": path, "new": new })),
            (_, Some(_), None) => changes.push(json!({ "path": path })),
            (_, None, None) => {}
        }
    }
}

fn written(
    door: &Door,
    visitor: &Visitor,
    target: &Target,
    typed: &Fields,
    refused: Option<(&Problem, &[Value])>,
) -> Response {
    let frame = &visitor.frame;
    let fixed: Vec<&str> = target
        .kind
        .fields
        .iter()
        .filter(|field| record::is_fixed(target.kind, field))
        .map(|field| field.name)
        .collect();
    let own_words = matches!(target.kind.module, "record");
    let left_out = if own_words { &["target_event", "changes"][..] } else { &fixed };
    let problem = refused.map(|(problem, _)| problem);
    let filled = Filled {
        typed,
        left_out,
        offered: &offers::of(frame, door, target.kind, Some(typed)),
        refused: refused
            .map(|(problem, changes)| beside(problem.fields(frame.language), changes, typed))
            .unwrap_or_default(),
        zone: door.ledger.state().world.ledger.zone,
        more: typed.text("more"),
        whole: false,
    };
    let address = format!("/entries/{}/correct", target.index);
    let body = html! {
        p { (frame.say("correct-hint")) " " a href={ "/entries/" (target.index) } { "#" (target.index) } }
        form.card action=(address) method="post" autocomplete="off" {
            button.first tabindex="-1" aria-hidden="true" name="action" value="correct" { (frame.say("correct-send")) }
            @if let Some(problem) = problem { (layout::told(frame, problem, &[])) }
            (layout::token(frame))
            (form::id(door, Some((typed, problem))))
            input type="hidden" name="named" value=(typed.text("named"));
            (form::inputs(frame, WHY, &filled, ""))
            (form::inputs(frame, target.kind.fields, &filled, ""))
            p { button name="action" value="correct" { (frame.say("correct-send")) } " "
                button.quiet name="action" value="void" formnovalidate { (frame.say("void-send")) } }
            p { small { (frame.say("void-hint")) } }
        }
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    let title = format!("{} · {}", frame.say("correct"), words::event(frame.language, target.kind.name));
    layout::page(frame, status, &title, &body)
}

/// What was refused about a change stands beside the field that was changed.
fn beside(refused: Vec<(String, String)>, changes: &[Value], typed: &Fields) -> Vec<(String, String)> {
    // The entry may have a reason of its own.
    let short = typed.text("why").trim().chars().count() < 10;
    let place = |pointer: &str| -> Option<String> {
        if short && pointer == "/reason" {
            return Some("/why".to_owned());
        }
        let (number, rest) = pointer.strip_prefix("/changes/")?.split_once('/')?;
        let path = text(changes.get(number.parse::<usize>().ok()?)?, "path");
        Some(format!("{path}{}", rest.strip_prefix("new").or_else(|| rest.strip_prefix("path")).unwrap_or_default()))
    };
    refused.into_iter().map(|(pointer, words)| (place(&pointer).unwrap_or(pointer), words)).collect()
}

/// Tells whether a value is one its reader may not see.
pub(crate) fn is_masked(value: &Value) -> bool {
    match value {
        Value::String(text) => text == MASK || text.starts_with("erased (") || text.contains("(限制处理)"),
        Value::Array(items) => items.iter().any(is_masked),
        Value::Object(map) => map.values().any(is_masked),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Why an entry is put right: named otherwise than the reason that the entry itself may have.
const WHY: &[Field] = &[Field {
    name: "why",
    kind: Kind::Text,
    required: true,
    computed: false,
    sealed: false,
    class: Class::C8,
    zh: "更正或作废的原因",
    en: "Why it is corrected or voided",
    doc: "Why.",
}];
