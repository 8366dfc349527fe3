//! Who changed a grade, credit or business, when and why; and proposing and deciding one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Value, json};

use crate::clock::{Timestamp, Zone};
use crate::domain::catalog;
use crate::domain::grade::{self, Dimension};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, wall};
use crate::http::web::{form, offers, words};
use crate::ledger::{Answered, Asked, Proposal};

/// `GET /customers/{id}/grades?of=`: the trace of one kind of grade, as a picture, as a table, and what can be done now.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let of = dimension(query.get("of").map_or("", String::as_str));
    let answered = trace(&door, &visitor, &id, of).await?;
    Ok(written(&door, &visitor, &id, of, Some(&answered), None))
}

/// Reads which kind of grade a page is about: credit, unless it says business.
fn dimension(text: &str) -> Dimension {
    if text == Dimension::Business.as_str() { Dimension::Business } else { Dimension::Credit }
}

/// The address of a customer's page of one kind of grade.
fn address(id: &str, of: Dimension) -> String {
    format!("/customers/{}/grades?of={}", encode(id), of.as_str())
}

/// The type of a step, of one kind of grade.
fn kind(of: Dimension, step: &str) -> String {
    format!("{}_grade.{step}", of.as_str())
}

/// `POST /customers/{id}/grades`: proposes, reviews, approves, rejects or withdraws.
///
/// The form carries the id its entry gets: sent twice it is entered once. What is refused is shown beside the form with
/// everything typed.
pub(crate) async fn propose(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Response {
    let of = dimension(fields.text("of"));
    let problem = match entered(&door, &visitor, &id, of, &fields).await {
        Ok(()) => return Redirect::to(&address(&id, of)).into_response(),
        Err(problem) => problem,
    };
    // Who may propose but not read the trace must still learn what became of the proposal.
    let answered = trace(&door, &visitor, &id, of).await.ok();
    written(&door, &visitor, &id, of, answered.as_ref(), Some(&(fields, problem)))
}

async fn entered(door: &Door, visitor: &Visitor, id: &str, of: Dimension, fields: &Fields) -> Result<(), Problem> {
    visitor.check_sent(fields)?;
    let zone = door.ledger.state().world.ledger.zone;
    let proposal = proposal(zone, id, of, fields).ok_or_else(|| Problem::value("/action", "is unknown", "无此操作"))?;
    let submitted = door.submit(&visitor.asker.principal, vec![proposal]).await;
    submitted.map(drop).map_err(|error| Problem::Submit { error, batch: false })
}

async fn trace(door: &Door, visitor: &Visitor, id: &str, of: Dimension) -> Result<Answered, Problem> {
    let narrow = |asked: &mut Asked| {
        asked.limit = STEPS_SHOWN;
        asked.filters.insert("dimension".to_owned(), of.as_str().to_owned());
    };
    visitor.read(door, "grade_audit", Some(id.to_owned()), narrow).await
}

/// Makes of a form what is proposed to the ledger.
fn proposal(zone: Zone, id: &str, of: Dimension, fields: &Fields) -> Option<Proposal> {
    let open = fields.text("proposal_id");
    let said = fields.text("opinion").trim().replace("\r\n", "\n");
    let optional = (!said.is_empty()).then(|| said.clone());
    let (step, data) = match fields.text("action") {
        "propose" => {
            let mut data = form::payload(zone, catalog::find(&kind(of, "proposed"))?.fields, fields, "");
            data.insert("customer_id".to_owned(), json!(id));
            ("proposed", Value::Object(data))
        }
        verdict @ ("endorse" | "return") => {
            let step: Option<u64> = fields.text("step").parse().ok();
            ("reviewed", json!({ "proposal_id": open, "step": step, "verdict": verdict, "opinion": said }))
        }
        "approve" => {
            let mut data = json!({ "proposal_id": open, "to": fields.text("to") });
            add(&mut data, "opinion", optional);
            ("approved", data)
        }
        "reject" => ("rejected", json!({ "proposal_id": open, "reason": said })),
        "withdraw" => {
            let mut data = json!({ "proposal_id": open, "cause": "withdrawn" });
            add(&mut data, "note", optional);
            ("withdrawn", data)
        }
        _ => return None,
    };
    Some(Proposal { kind: kind(of, step), id: fields.said("id"), data, ..Proposal::default() })
}

fn add(data: &mut Value, name: &str, value: Option<String>) {
    if let (Value::Object(data), Some(value)) = (data, value) {
        data.insert(name.to_owned(), Value::String(value));
    }
}

fn written(
    door: &Door,
    visitor: &Visitor,
    id: &str,
    of: Dimension,
    answered: Option<&Answered>,
    refused: Option<&(Fields, Problem)>,
) -> Response {
    let frame = &visitor.frame;
    let status = refused.map_or(StatusCode::OK, |(_, problem)| problem.status());
    let lines = answered.map(|answered| items(&answered.body, "items")).unwrap_or_default();
    let steps = steps(lines);
    let open = open(lines);
    // What was typed comes back in the form it was typed into, whatever has become of the proposal meanwhile.
    let proposed = refused.filter(|(typed, _)| typed.text("action") == "propose");
    let decided = refused.filter(|(typed, _)| typed.text("action") != "propose");
    let body = html! {
        (layout::tabs(visitor, door, id, "grades"))
        nav.tabs aria-label=(frame.say("grades")) { @for other in [Dimension::Credit, Dimension::Business] {
            a href=(address(id, other)) aria-current=[(other == of).then_some("page")] { (named(frame, other)) }
        } }
        @if !steps.is_empty() {
            figure { figcaption { (frame.say("grade-chart")) } (chart(door, frame, of, &steps)) }
        }
        @if let Some(answered) = answered { section {
            h2 { (frame.say("grade-trace")) }
            @if lines.is_empty() { p { (frame.say("none-recorded")) } } @else { (table(door, frame, Some(id), lines, answered)) }
        } }
        @match (&open, decided) {
            (Some(open), _) => (deciding(frame, door, id, of, open, decided)),
            (None, Some(decided)) => (too_late(frame, decided)),
            (None, None) => {},
        }
        @if proposed.is_some() || (open.is_none() && decided.is_none() && may_propose(door, visitor, id, of)) { (proposing(frame, door, id, of, &steps, proposed)) }
        @if let Some(answered) = answered { (layout::standing(frame, answered)) }
    };
    layout::page(frame, status, &layout::headed(visitor, door, id, &named(frame, of)), &body)
}

/// Tells whether it makes sense to show somebody the form; whether they may the ledger says when it is sent.
fn may_propose(door: &Door, visitor: &Visitor, id: &str, of: Dimension) -> bool {
    let proposable = id.parse().map(|id| door.ledger.proposable(&visitor.asker.principal, Some(&id)));
    proposable.is_ok_and(|types| types.iter().any(|one| one.name == kind(of, "proposed")))
}

fn named(frame: &Frame, of: Dimension) -> String {
    frame.say(match of {
        Dimension::Credit => "credit-grade",
        Dimension::Business => "business-grade",
    })
}

/// A grade in force from an instant on, and the entry that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Step {
    at: Timestamp,
    grade: String,
    index: u64,
}

fn steps(lines: &[Value]) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines.iter().filter(|line| text(line, "step") == "approved") {
        let (recorded, begins): (Option<Timestamp>, _) =
            (text(line, "at").parse().ok(), text(line, "effective_at").parse().ok());
        let (Some(recorded), Some(index)) = (recorded, line.get("index").and_then(Value::as_u64)) else { continue };
        // What has not come into force is superseded by the next decision.
        steps.retain(|earlier| earlier.at <= recorded);
        steps.push(Step { at: begins.unwrap_or(recorded), grade: text(line, "to").to_owned(), index });
    }
    steps
}

/// A proposal nobody has decided yet.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Open {
    proposal: String,
    from: String,
    to: String,
    proposer: String,
    /// The entry that proposed it.
    index: Option<u64>,
    /// The number of the next step.
    step: usize,
    /// Whether the next step decides.
    last: bool,
}

fn open(lines: &[Value]) -> Option<Open> {
    let mut open: Option<(Open, usize)> = None;
    for line in lines {
        let proposal = text(line, "proposal");
        match text(line, "step") {
            "proposed" => {
                let seats = line.get("seats").and_then(Value::as_array).map_or(1, Vec::len).max(1);
                let proposed = Open {
                    proposal: proposal.to_owned(),
                    from: text(line, "from").to_owned(),
                    to: text(line, "to").to_owned(),
                    proposer: text(line, "actor").to_owned(),
                    index: line.get("index").and_then(Value::as_u64),
                    step: 1,
                    last: seats == 1,
                };
                open = Some((proposed, seats));
            }
            "reviewed" => {
                if let Some((open, seats)) = open.as_mut().filter(|(open, _)| open.proposal == proposal)
                    && text(line, "verdict") != "return"
                {
                    open.step += 1;
                    open.last = open.step >= *seats;
                }
            }
            "approved" | "rejected" | "withdrawn"
                if open.as_ref().is_some_and(|(open, _)| open.proposal == proposal) =>
            {
                open = None;
            }
            _ => {}
        }
    }
    open.map(|(open, _)| open)
}

/// The steps as a table; where they are not all `about` one customer, each names its own.
pub(crate) fn table(door: &Door, frame: &Frame, about: Option<&str>, lines: &[Value], answered: &Answered) -> Markup {
    let indexes: BTreeMap<&str, u64> =
        lines.iter().filter_map(|line| Some((text(line, "id"), line.get("index")?.as_u64()?))).collect();
    let heads = ["step", "who", "when", "change", "reason", "evidence", "policy-version", "entry", "hash", "proof"];
    html! {
        div.wide tabindex="0" role="region" aria-label=(frame.say("grade-trace")) { table.stack.trace {
            thead { tr {
                @if about.is_none() { th scope="col" { (frame.say("customer-number")) } th scope="col" { (frame.say("grades")) } }
                @for head in heads { th scope="col" { (words::say(frame.language, head)) } }
            } }
            tbody { @for line in lines {
                @let refused = text(line, "step") == "refused";
                @let customer = text(line, "customer");
                tr class=[refused.then_some("refused")] {
                    @if about.is_none() {
                        td data-label=(frame.say("customer-number")) { a href={ "/customers/" (encode(customer)) "/grades?of=" (text(line, "dimension")) } { (customer) } }
                        td data-label=(frame.say("grades")) { (named(frame, dimension(text(line, "dimension")))) }
                    }
                    th scope="row" {
                        (words::say(frame.language, &format!("step-{}", text(line, "step"))))
                        @if !text(line, "verdict").is_empty() { br; small { (shown(frame, door, "verdict", line.get("verdict").unwrap_or(&Value::Null))) } }
                        @if !text(line, "cause").is_empty() { br; small { (shown(frame, door, "cause", line.get("cause").unwrap_or(&Value::Null))) } }
                    }
                    td data-label=(frame.say("who")) {
                        (layout::actor(frame.language, text(line, "actor")))
                        br; small { (words::role(frame.language, text(line, "actor_role"))) }
                    }
                    td.when data-label=(frame.say("when")) {
                        (wall(door, text(line, "at")))
                        @if !text(line, "effective_at").is_empty() && text(line, "effective_at") != text(line, "at") {
                            br; small { (frame.say("effective")) " " (wall(door, text(line, "effective_at"))) }
                        }
                    }
                    td data-label=(frame.say("change")) {
                        @if let Some(changes) = line.get("changes").or(line.get("corrects")) { (put_right(frame, door, changes)) }
                        @else if !refused { (cell(frame, door, line, "from")) " → " strong { (cell(frame, door, line, "to")) } }
                        @else { (words::event(frame.language, text(line, "command"))) }
                    }
                    td.reason data-label=(frame.say("reason")) {
                        @if refused { strong { (frame.say("refusal")) } " " code { (text(line, "refusal")) } }
                        @else if line.get("corrects").is_some() { (cell(frame, door, line, "correction_reason")) }
                        @else { (cell(frame, door, line, "reason")) }
                        @if !text(line, "suggested").is_empty() { br; small { (words::label(frame.language, "suggested")) ": " (text(line, "suggested")) } }
                        @if !text(line, "deviation_reason").is_empty() { br; small { (words::label(frame.language, "deviation_reason")) ": " (text(line, "deviation_reason")) } }
                    }
                    td data-label=(frame.say("evidence")) { (evidence(frame, line, &indexes)) }
                    td data-label=(frame.say("policy-version")) { (cell(frame, door, line, "policy_version")) }
                    td data-label=(frame.say("entry")) {
                        (layout::entry(line.get("index")))
                        @for (name, said) in [("corrects", "corrects"), ("corrected_by", "corrected-by")] {
                            @if let Some(other) = line.get(name) { br; small { (frame.say(said)) " " (layout::entry(Some(other))) } }
                        }
                    }
                    td data-label=(frame.say("hash")) { (layout::hash(line.get("hash").unwrap_or(&Value::Null))) }
                    td data-label=(frame.say("proof")) {
                        @match (line.get("proof").filter(|proof| !proof.is_null()), line.get("index").and_then(Value::as_u64)) {
                            (Some(_), Some(index)) => a href={ "/v1/entries/" (index) "/proof" } { "✓ " (frame.say("proof-present")) },
                            _ => (frame.say("proof-pending")),
                        }
                    }
                }
            } }
        } }
        @if let Some(root) = answered.body.pointer("/checkpoint/root").and_then(Value::as_str) {
            p.standing { (text(answered.body.get("checkpoint").unwrap_or(&Value::Null), "origin")) " · " code.long { (root) } }
        }
    }
}

/// Says what a correction put right in a proposal; a voiding changes nothing in it.
fn put_right(frame: &Frame, door: &Door, changes: &Value) -> Markup {
    let fields = catalog::find("credit_grade.proposed").map_or(&[][..], |kind| kind.fields);
    html! {
        @for change in changes.as_array().into_iter().flatten() {
            (words::label_at(frame.language, fields, text(change, "path"))) ": "
            strong { (shown(frame, door, text(change, "path").trim_start_matches('/'), change.get("new").unwrap_or(&Value::Null))) } br;
        }
        @if changes.is_string() { (changes.as_str().unwrap_or_default()) }
    }
}

fn cell(frame: &Frame, door: &Door, line: &Value, name: &str) -> Markup {
    shown(frame, door, name, line.get(name).unwrap_or(&Value::Null))
}

/// Lists what a step rests on, each entry by its index.
pub(crate) fn evidence(frame: &Frame, line: &Value, indexes: &BTreeMap<&str, u64>) -> Markup {
    let (named, places) = match line.get("evidence") {
        Some(_) => (items(line, "evidence"), items(line, "evidence_at")),
        None => (items(line, "chain"), &[][..]),
    };
    let places = places.iter().map(Value::as_u64).chain(std::iter::repeat(None));
    let ids = named.iter().map(|one| one.as_str().unwrap_or_else(|| text(one, "event")));
    let entries = ids.zip(places).map(|(id, place)| (id, place.or_else(|| indexes.get(id).copied())));
    // The last step of a chain is the line itself.
    let entries: Vec<(&str, Option<u64>)> = entries.filter(|(id, _)| *id != text(line, "id")).collect();
    html! {
        @if line.get("evidence").is_some_and(Value::is_string) { span.masked title=(frame.say("masked")) { (text(line, "evidence")) } }
        @else if entries.is_empty() { span.none { (frame.say("no-value")) } }
        @else { ul.plain { @for (id, place) in entries { li {
            @match place {
                Some(index) => a href={ "/entries/" (index) } title=(id) { "#" (index) },
                None => code title=(id) { (short(id)) },
            }
        } } } }
    }
}

/// The end of an id tells it apart; its beginning is the time.
fn short(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(8);
    let end: String = id.chars().skip(skipped).collect();
    if skipped > 0 { format!("…{end}") } else { end }
}

/// Draws the grade over time; each step links to the entry behind it, and the table below says the same in words.
fn chart(door: &Door, frame: &Frame, of: Dimension, steps: &[Step]) -> Markup {
    let now = door.ledger.clock().now();
    let scale = scale(door, now, of, steps);
    let (first, last) = (steps.first().map_or(now, |step| step.at), steps.last().map_or(now, |step| step.at.max(now)));
    let span = last.micros().saturating_sub(first.micros()).max(1);
    let x = |at: Timestamp| LEFT + at.micros().saturating_sub(first.micros()).saturating_mul(RIGHT - LEFT) / span;
    let row = |grade: &str| {
        scale.iter().position(|other| other == grade).and_then(|row| i64::try_from(row).ok()).unwrap_or(0)
    };
    let y = |grade: &str| TOP + row(grade) * ROW;
    let bottom = TOP + i64::try_from(scale.len()).unwrap_or(1) * ROW;
    let zone = door.ledger.state().world.ledger.zone;
    let mut path = String::new();
    for step in steps {
        path.push_str(&if path.is_empty() {
            format!("M{} {}", x(step.at), y(&step.grade))
        } else {
            format!("H{}V{}", x(step.at), y(&step.grade))
        });
    }
    path.push_str(&format!("H{RIGHT}"));
    html! {
        svg.chart viewBox={ "0 0 640 " (bottom + 14) } role="img" aria-label=(frame.say("grade-chart")) {
            @for grade in &scale {
                line.rule x1=(LEFT) y1=(y(grade)) x2=(RIGHT) y2=(y(grade)) {}
                text.axis x=(LEFT - 10) y=(y(grade) + 4) text-anchor="end" { (grade) }
            }
            path.line d=(path) {}
            @for step in steps {
                a href={ "/entries/" (step.index) } {
                    circle.mark cx=(x(step.at)) cy=(y(&step.grade)) r="6" { title { (step.grade) " · " (zone.wall(step.at)) " · #" (step.index) } }
                }
            }
            text.axis x=(LEFT) y=(bottom) { (zone.date(first)) }
            text.axis x=(RIGHT) y=(bottom) text-anchor="end" { (zone.date(last)) }
        }
    }
}

/// Returns the grades from best to worst: the scale of the policy, and whatever stands outside it.
fn scale(door: &Door, now: Timestamp, of: Dimension, steps: &[Step]) -> Vec<String> {
    let state = door.ledger.state();
    let mut scale: Vec<String> = grade::scale(&state.world, of, None, now).into_iter().map(str::to_owned).collect();
    for step in steps {
        if !scale.contains(&step.grade) {
            scale.push(step.grade.clone());
        }
    }
    scale
}

fn deciding(
    frame: &Frame,
    door: &Door,
    id: &str,
    of: Dimension,
    open: &Open,
    refused: Option<&(Fields, Problem)>,
) -> Markup {
    let opinion = refused.map(|(typed, _)| typed.text("opinion")).unwrap_or_default();
    let from = if open.from.is_empty() { frame.say("no-value") } else { open.from.clone() };
    // What the ledger calls reason or note is the one field of this form.
    let said: Vec<String> = refused
        .map(|(_, problem)| problem.fields(frame.language))
        .unwrap_or_default()
        .into_iter()
        .filter(|(pointer, _)| ["/opinion", "/reason", "/note"].contains(&pointer.as_str()))
        .map(|(_, words)| words)
        .collect();
    let wrong = (!said.is_empty()).then_some("true");
    html! {
        section #decide {
            h2 title=(open.proposal) { (frame.say_with("open-proposal", &[("from", &from), ("to", &open.to)])) }
            form.card action={ (address(id, of)) "#decide" } method="post" {
                p { (frame.say_with("proposed-by", &[("who", &open.proposer)])) " " (layout::entry(open.index.map(Value::from).as_ref())) }
                @if let Some((_, problem)) = refused { (layout::told(frame, problem, &[])) }
                (layout::token(frame))
                (form::id(door, refused.map(|(typed, problem)| (typed, Some(problem)))))
                input type="hidden" name="of" value=(of.as_str());
                input type="hidden" name="proposal_id" value=(open.proposal);
                input type="hidden" name="step" value=(open.step);
                input type="hidden" name="to" value=(open.to);
                label for="opinion" { (frame.say("opinion")) }
                textarea id="opinion" name="opinion" rows="3" maxlength="4000" aria-invalid=[wrong]
                    aria-describedby=[wrong.map(|_| "opinion-refused")] { (opinion) }
                @if wrong.is_some() { p.refusal #opinion-refused { @for words in &said { (words) br; } } }
                div.buttons {
                    @if open.last {
                        button name="action" value="approve" { (frame.say_with("approve", &[("grade", &open.to)])) }
                    } @else {
                        button name="action" value="endorse" { (frame.say("review")) ": " (frame.say("endorse")) }
                    }
                    @if open.step == 1 { button.quiet name="action" value="return" { (frame.say("review")) ": " (frame.say("return")) } }
                    button.quiet name="action" value="reject" { (frame.say("reject")) }
                    button.quiet name="action" value="withdraw" { (frame.say("withdraw")) }
                }
            }
        }
    }
}

/// Gives back what was typed about a proposal that somebody else has decided or withdrawn meanwhile.
fn too_late(frame: &Frame, (typed, problem): &(Fields, Problem)) -> Markup {
    html! {
        section #decide { div.card {
            (layout::told(frame, problem, &[]))
            @if !typed.text("opinion").is_empty() {
                label for="opinion" { (frame.say("proposal-closed")) }
                textarea id="opinion" rows="3" readonly { (typed.text("opinion")) }
            }
        } }
    }
}

fn proposing(
    frame: &Frame,
    door: &Door,
    id: &str,
    of: Dimension,
    steps: &[Step],
    refused: Option<&(Fields, Problem)>,
) -> Markup {
    let Some(kind) = catalog::find(&kind(of, "proposed")) else { return html! {} };
    let now = door.ledger.clock().now();
    let current = steps.iter().rev().find(|step| step.at <= now).map(|step| step.grade.clone()).unwrap_or_default();
    let fresh = Fields([("from".to_owned(), current)].into());
    let filled = form::Filled {
        typed: refused.map_or(&fresh, |(typed, _)| typed),
        // The customer is the page's; nothing is suggested for a credit grade, so nothing deviates.
        left_out: match of {
            Dimension::Credit => &["customer_id", "deviation_reason"],
            Dimension::Business => &["customer_id"],
        },
        offered: &offers::of(frame, door, kind, None),
        refused: refused.map(|(_, problem)| problem.fields(frame.language)).unwrap_or_default(),
        zone: door.ledger.state().world.ledger.zone,
        more: "",
        whole: true,
    };
    html! {
        section #propose {
            h2 { (frame.say("propose")) }
            form.card action={ (address(id, of)) "#propose" } method="post" {
                input type="hidden" name="of" value=(of.as_str());
                @if let Some((_, problem)) = refused { (layout::told(frame, problem, kind.fields)) }
                (layout::token(frame))
                (form::id(door, refused.map(|(typed, problem)| (typed, Some(problem)))))
                (form::inputs(frame, kind.fields, &filled, ""))
                button name="action" value="propose" { (frame.say("propose-send")) }
            }
        }
    }
}

/// More steps than any customer's grade has.
const STEPS_SHOWN: usize = 200;

/// The picture's measures, in its own units.
const LEFT: i64 = 60;
const RIGHT: i64 = 620;
const TOP: i64 = 18;
const ROW: i64 = 30;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(step: &str, more: Value) -> Value {
        let mut line = json!({ "step": step, "proposal": "P-1", "index": 7, "at": "2026-03-01T00:00:00Z", "to": "A" });
        if let (Value::Object(line), Value::Object(more)) = (&mut line, more) {
            line.extend(more);
        }
        line
    }

    #[test]
    fn the_next_step_of_an_open_proposal_is_known() {
        let proposed = line("proposed", json!({ "seats": ["regional", "general_manager"] }));
        let reviewed = line("reviewed", json!({ "verdict": "endorse" }));
        let of = |lines: &[Value]| open(lines).map(|open| (open.step, open.last));
        assert_eq!(of(std::slice::from_ref(&proposed)), Some((1, false)));
        assert_eq!(of(&[proposed.clone(), reviewed.clone()]), Some((2, true)));
        assert_eq!(
            of(&[proposed.clone(), line("refused", json!({})), reviewed.clone(), line("approved", json!({}))]),
            None
        );
        assert_eq!(
            of(&[proposed, line("withdrawn", json!({ "proposal": "P-0" }))]),
            Some((1, false)),
            "another proposal"
        );
    }

    #[test]
    fn the_picture_shows_grades_from_when_they_are_in_force() {
        let steps = steps(&[
            line("approved", json!({})),
            line("approved", json!({ "effective_at": "2026-05-01T00:00:00Z", "to": "D" })),
            line("rejected", json!({})),
            line(
                "approved",
                json!({ "at": "2026-04-01T00:00:00Z", "effective_at": "2026-06-01T00:00:00Z", "to": "B" }),
            ),
        ]);
        let grades: Vec<(&str, String)> = steps.iter().map(|step| (step.grade.as_str(), step.at.to_string())).collect();
        let begins = |at: &str| at.parse::<Timestamp>().unwrap().to_string();
        let superseded = [("A", begins("2026-03-01T00:00:00Z")), ("B", begins("2026-06-01T00:00:00Z"))];
        assert_eq!(grades, superseded, "the newest decision stands for what was yet to come");
    }

    #[test]
    fn a_form_becomes_the_event_its_button_names() {
        let fields = |action: &str| {
            let pairs = [
                ("action", action),
                ("id", "form-0001"),
                ("proposal_id", "P-1"),
                ("step", "1"),
                ("to", "A"),
                ("opinion", " fine \r\n so "),
            ];
            Fields(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
        };
        let made = |action: &str| {
            let proposal = proposal(Zone::default(), "C-1", Dimension::Credit, &fields(action));
            proposal
                .inspect(|proposal| assert_eq!(proposal.id.as_deref(), Some("form-0001")))
                .map(|proposal| (proposal.kind, proposal.data))
        };
        let said = "fine \n so";
        assert_eq!(
            made("endorse"),
            Some((
                "credit_grade.reviewed".into(),
                json!({ "proposal_id": "P-1", "step": 1, "verdict": "endorse", "opinion": said })
            ))
        );
        assert_eq!(
            made("approve"),
            Some(("credit_grade.approved".into(), json!({ "proposal_id": "P-1", "to": "A", "opinion": said })))
        );
        assert_eq!(
            made("withdraw"),
            Some((
                "credit_grade.withdrawn".into(),
                json!({ "proposal_id": "P-1", "cause": "withdrawn", "note": said })
            ))
        );
        assert_eq!(made("delete"), None);
        let business = proposal(Zone::default(), "C-1", dimension("business"), &fields("reject"));
        assert_eq!(business.map(|proposal| proposal.kind).as_deref(), Some("business_grade.rejected"));
    }

    #[test]
    fn an_id_is_told_by_its_end() {
        assert_eq!(short("0198c0de-1111-7222-8333-444455556666"), "…55556666");
        assert_eq!(short("P-1"), "P-1");
    }

    #[test]
    fn evidence_is_linked_where_its_entry_is_known() {
        let frame =
            Frame { language: crate::access::principal::Language::English, address: "/".into(), signed_in: None };
        let shown = |line: Value| evidence(&frame, &line, &[("event-0001", 3)].into()).into_string();
        let proposed = shown(json!({ "id": "x", "evidence": ["call-0001", "call-0002"], "evidence_at": [7, null] }));
        assert!(
            proposed.contains(r##"<a href="/entries/7" title="call-0001">#7</a>"##) && proposed.contains("call-0002")
        );
        let approved =
            shown(json!({ "id": "self-0001", "chain": [{ "event": "event-0001" }, { "event": "self-0001" }] }));
        assert!(approved.contains("/entries/3") && !approved.contains("self-0001"));
        let masked = shown(json!({ "evidence": "•••", "evidence_at": "•••" }));
        assert!(masked.starts_with("<span class=\"masked\"") && masked.ends_with(">•••</span>"), "{masked}");
    }
}
