//! The customer card as the paper form has it: on screen, and printed on one page of A4.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde_json::Value;

use crate::domain::audit::Mode;
use crate::domain::catalog::{Kind, Shape};
use crate::domain::signoff::Decision;
use crate::http::Door;
use crate::http::api::Named;
use crate::http::error::Problem;
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, wall};
use crate::http::web::words;
use crate::ledger::Answered;

/// `GET /customers/{id}/card`: the card, masked.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
) -> Result<Response, Problem> {
    let answered = visitor.read(&door, "card", Some(id.clone()), |_| {}).await?;
    Ok(written(&visitor, &door, &id, &answered, false))
}

/// `POST /customers/{id}/card`: the card to print, or with its personal values opened; either for a purpose.
pub(crate) async fn print(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let printed = fields.text("as") == "print";
    let read = visitor.read(&door, "card", Some(id.clone()), |asked| {
        asked.reveal = true;
        asked.mode = if printed { Mode::Print } else { Mode::View };
    });
    let answered = read.await?;
    Ok(written(&visitor, &door, &id, &answered, printed))
}

fn written(visitor: &Visitor, door: &Door, id: &str, answered: &Answered, printed: bool) -> Response {
    let frame = &visitor.frame;
    let action = format!("/customers/{}/card", encode(id));
    let printable = visitor.leaves(door, "card", Some(id.to_owned()), Mode::Print);
    let body = html! {
        (layout::tabs(visitor, door, id, "card"))
        @if printed { p.hint.screen { (frame.say("print-hint")) } }
        (card(frame, door, answered, printed))
        @if !printed {
            @if printable || !answered.masked.is_empty() { form.filters action=(action) method="post" {
                (layout::token(frame))
                (layout::stating(frame, "card-purpose", true))
                @if printable { button name="as" value="print" { (frame.say("print-prepare")) } }
                @if !answered.masked.is_empty() { button.quiet name="as" value="view" { (frame.say("reveal")) } }
            } }
            p { a href="/signoffs" { (frame.say("signoffs")) } }
            (layout::standing(frame, answered))
        }
    };
    layout::page(frame, StatusCode::OK, &layout::headed(visitor, door, id, &frame.say("card")), &body)
}

/// The paper form: its rows, its signatures, and in the foot where in the ledger it stands.
fn card(frame: &Frame, door: &Door, answered: &Answered, printed: bool) -> Markup {
    let body = &answered.body;
    let cell = |name: &str| shown(frame, door, name, body.get(name).unwrap_or(&Value::Null));
    let principals = items(body, "principals");
    // Whoever may see none of them sees that there may be some.
    let unseen = body.get("principals").is_some_and(Value::is_string);
    let of = |person: &Value, name: &str| shown(frame, door, name, person.get(name).unwrap_or(&Value::Null));
    // The paper has room for three.
    let blank = 3_usize.saturating_sub(principals.len()).saturating_sub(usize::from(unseen));
    html! {
        article.paper {
            h2 { (frame.say("card-title")) }
            p.number-of { (frame.say("card-number")) " " (text(body, "customer_id")) }
            table {
                colgroup { @for _ in 0..6 { col; } }
                tbody {
                    tr { th scope="row" { (frame.say("card-company")) } td colspan="3" { (cell("company_name")) }
                        th scope="row" { (frame.say("card-phone")) } td { (cell("phone")) } }
                    tr { th scope="row" { (frame.say("card-address")) } td colspan="3" { (cell("address")) }
                        th scope="row" { (frame.say("card-fax")) } td { (cell("fax")) } }
                    tr { th scope="row" { (frame.say("card-type")) } td { (cell("company_type")) }
                        th scope="row" { (frame.say("card-capital")) } td { (cell("registered_capital")) }
                        th scope="row" { (frame.say("card-postcode")) } td { (cell("postcode")) } }
                    tr { th.across colspan="6" scope="rowgroup" { (frame.say("card-principals")) } }
                    tr { th scope="col" { (frame.say("card-person")) } th scope="col" { (frame.say("card-position")) }
                        th scope="col" { (frame.say("card-phone")) } th scope="col" colspan="2" { (frame.say("card-personality")) }
                        th scope="col" { (frame.say("card-hobbies")) } }
                    @if unseen { tr { td { (cell("principals")) } td {} td {} td colspan="2" {} td {} } }
                    @for person in principals {
                        tr { td { (of(person, "name")) } td { (of(person, "position")) } td { (of(person, "phone")) }
                            td colspan="2" { (of(person, "personality")) } td { (of(person, "hobbies")) } }
                    }
                    @for _ in 0..blank { tr { td { "\u{a0}" } td {} td {} td colspan="2" {} td {} } }
                    tr { th scope="row" { (frame.say("card-products")) } td colspan="5" { (cell("products_bought")) } }
                    tr { th scope="row" { (frame.say("card-first")) } td { (cell("first_purchase_on")) }
                        th scope="row" { (frame.say("card-count")) } td { (cell("purchase_count")) }
                        th scope="row" { (frame.say("card-amount")) } td { (cell("cumulative_amount")) } }
                    tr.remark { th scope="row" { (frame.say("card-remark")) } td colspan="5" { (cell("remark")) } }
                }
            }
            dl.signatures {
                @for (name, key) in [("gm_signature", "card-gm"), ("manager_signature", "card-manager"), ("supervisor_signature", "card-supervisor")] {
                    div { dt { (frame.say(key)) } dd { (signature(frame, door, body.get(name))) } }
                }
                div { dt { (frame.say("card-made")) } dd { (text(body, "made_and_archived"))
                    @if !text(body, "archived_at").is_empty() { br; small { (frame.say("card-archived")) " " (wall(door, text(body, "archived_at"))) } } } }
            }
            @if printed { (foot(frame, door, answered)) }
        }
    }
}

fn signature(frame: &Frame, door: &Door, signature: Option<&Value>) -> Markup {
    let Some(signature) = signature.filter(|signature| signature.is_object()) else {
        return html! { span.none { (frame.say("card-unsigned")) } };
    };
    let decision = match Decision::kind() {
        Kind::Choice(choices) => words::choice(frame.language, choices, text(signature, "decision")),
        _ => String::new(),
    };
    html! {
        (text(signature, "by")) " " (decision) br;
        small { (wall(door, text(signature, "at"))) " " (layout::entry(signature.get("source_event"))) }
    }
}

/// What every printed form carries: who printed it, when, as of which entry, and the entry that records that it was.
fn foot(frame: &Frame, door: &Door, answered: &Answered) -> Markup {
    let reader = frame.signed_in.as_ref().map(|who| who.employee.as_str()).unwrap_or_default();
    let at = door.ledger.clock().now().to_string();
    let reading = answered.recorded.first().map(u64::to_string).unwrap_or_default();
    let hash = answered.recorded_hash.map(|hash| hash.to_string()).unwrap_or_default();
    html! {
        footer.mark {
            p { (frame.say_with("print-mark", &[("reader", reader), ("at", &wall(door, &at)), ("index", &answered.position.to_string())])) }
            p { (frame.say_with("print-reading", &[("index", &reading)])) " " code { (hash) } }
        }
    }
}
