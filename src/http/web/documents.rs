//! Papers: those of a customer, filing another, and looking into one.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};
use serde_json::Value;

use crate::access::redactor::{MASK, MISSING};
use crate::domain::catalog;
use crate::domain::document::{FILE_BYTES_MAX, Mime, Secrecy};
use crate::http::Door;
use crate::http::api::Named;
use crate::http::api::documents::{self, Parts};
use crate::http::error::Problem;
use crate::http::web::form::{self, Filled};
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::offers::Offer;
use crate::http::web::propose;
use crate::http::web::visitor::{Fields, Frame, Visitor, encode, wall};
use crate::ids::CustomerId;
use crate::ledger::Answered;

/// `GET /customers/{id}/documents`: the papers of a customer, and a form to file another.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
) -> Result<Response, Problem> {
    let answered = visitor.read(&door, "documents", Some(id.clone()), |_| {}).await?;
    Ok(written(&door, &visitor, (Some(&id), Some(&answered)), &Fields::default(), None))
}

/// `POST /customers/{id}/documents/open`: the same with the titles of papers about persons, for a purpose.
pub(crate) async fn reveal(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let answered = visitor.read(&door, "documents", Some(id.clone()), |asked| asked.reveal = true).await?;
    Ok(written(&door, &visitor, (Some(&id), Some(&answered)), &Fields::default(), None))
}

/// `GET /documents`: a form to file a paper that is about no customer.
pub(crate) async fn blank(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(_): Query<BTreeMap<String, String>>,
) -> Response {
    written(&door, &visitor, (None, None), &Fields::default(), None)
}

/// `POST /customers/{id}/documents`: files a paper of a customer.
pub(crate) async fn file(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Named(id): Named,
    request: Request,
) -> Result<Response, Problem> {
    take_in(&door, &visitor, Some(id), request).await
}

/// `POST /documents`: files a paper that is about no customer.
pub(crate) async fn file_blank(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    request: Request,
) -> Result<Response, Problem> {
    take_in(&door, &visitor, None, request).await
}

/// `POST /documents/{id}`: the file of a paper, for a purpose where it needs one.
pub(crate) async fn open(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(id): Named,
    fields: Fields,
) -> Result<Response, Problem> {
    match fields.said("purpose") {
        Some(_) => visitor.check_purpose(&fields)?,
        None => visitor.check_sent(&fields)?,
    }
    documents::leave(&door, &visitor.asker, id, fields.said("as").is_some_and(|how| how == "download")).await
}

async fn take_in(
    door: &Arc<Door>,
    visitor: &Visitor,
    customer: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    let mut parts = Parts::of(request).await?;
    let mut typed = Fields::default();
    while let Some((name, value)) = parts.next_text().await? {
        // The file stands right behind it.
        let last = name == LAST;
        typed.0.insert(name, value);
        if last {
            break;
        }
    }
    let sent = visitor.check_sent(&typed);
    let kind = catalog::find("document.filed");
    let mut proposal = propose::proposal(door, "document.filed", kind, &typed);
    if let (Some(customer), Some(data)) = (&customer, proposal.data.as_object_mut()) {
        data.insert("customer_id".into(), Value::String(customer.clone()));
    }
    let back = customer.as_ref().map(|id| format!("/customers/{}/documents", encode(id)));
    let filed = match sent {
        Ok(()) => parts.take_in(door, &visitor.asker.principal, &mut proposal).await,
        Err(problem) => Err(problem),
    };
    let problem = match filed {
        Ok(receipts) => {
            let entry = receipts.first().map(|receipt| format!("/entries/{}", receipt.index));
            return Ok(Redirect::to(&back.or(entry).unwrap_or_else(|| "/".into())).into_response());
        }
        Err(problem) => problem,
    };
    // What is filed there already is not read again for it: who may not file may not read it either.
    Ok(written(door, visitor, (customer.as_deref(), None), &typed, Some(&problem)))
}

fn written(
    door: &Door,
    visitor: &Visitor,
    (customer, answered): (Option<&str>, Option<&Answered>),
    typed: &Fields,
    problem: Option<&Problem>,
) -> Response {
    let frame = &visitor.frame;
    let action = customer.map_or_else(|| "/documents".to_owned(), |id| format!("/customers/{}/documents", encode(id)));
    let body = html! {
        @if let Some(id) = customer { (layout::tabs(visitor, door, id, "documents")) }
        @if let Some((id, answered)) = customer.zip(answered) {
            (list(frame, door, answered))
            @if items(&answered.body, "items").iter().any(|item| text(item, "title") == MASK) {
                (layout::opening(frame, &format!("{action}/open"), answered.masked.len(), &[]))
            }
            (layout::exporting(visitor, door, "documents", &[("subject", id)]))
        }
        section { h2 { (frame.say("document-file")) } (filing(frame, door, visitor, &action, customer, typed, problem)) }
        @if let Some(answered) = answered { (layout::standing(frame, answered)) }
    };
    let title = match customer {
        Some(id) => layout::headed(visitor, door, id, &frame.say("documents")),
        None => frame.say("document-file"),
    };
    layout::page(frame, problem.map_or(StatusCode::OK, Problem::status), &title, &body)
}

fn list(frame: &Frame, door: &Door, answered: &Answered) -> Markup {
    let papers = items(&answered.body, "items");
    let cell = |item: &Value, name: &str| shown(frame, door, "", item.get(name).unwrap_or(&Value::Null));
    let chosen = |item: &Value, name: &str| {
        layout::chosen(frame, door, "document.filed", name, item.get(name).unwrap_or(&Value::Null))
    };
    html! {
        @if papers.is_empty() { p { (frame.say("none-recorded")) } } @else {
            form method="post" action="/documents" {
                (layout::token(frame))
                div.filters { (layout::stating(frame, "document-purpose", false)) }
                div.wide { table.stack {
                    thead { tr {
                        th scope="col" { (frame.say("document-title")) } th scope="col" { (frame.say("document-kind")) }
                        th scope="col" { (frame.say("document-class")) } th scope="col" { (frame.say("document-period")) }
                        th scope="col" { (frame.say("document-size")) } th scope="col" { (frame.say("recorded-by")) }
                        th scope="col" { (frame.say("entry")) } th scope="col" { (frame.say("document-open")) }
                    } }
                    tbody { @for item in papers {
                        tr {
                            th scope="row" { (cell(item, "title")) " " small { (text(item, "document_id")) } }
                            td data-label=(frame.say("document-kind")) { (chosen(item, "kind")) }
                            td data-label=(frame.say("document-class")) { (chosen(item, "class")) }
                            td data-label=(frame.say("document-period")) { (cell(item, "period")) }
                            td data-label=(frame.say("document-size")) { (size(item)) (content(frame, item)) }
                            td data-label=(frame.say("recorded-by")) { (text(item, "filed_by")) " " small { (wall(door, text(item, "filed_at"))) } }
                            td data-label=(frame.say("entry")) { (layout::entry(item.get("source_event"))) }
                            td data-label=(frame.say("document-open")) {
                                button.quiet formaction={ "/documents/" (encode(text(item, "document_id"))) }
                                    aria-label={ (frame.say("document-open")) " " (text(item, "document_id")) } { (frame.say("document-open")) }
                            }
                        }
                    } }
                } }
            }
        }
    }
}

/// Says that the file of a paper is amiss, where it is.
fn content(frame: &Frame, item: &Value) -> Markup {
    html! {
        @match text(item, "content") {
            "" => {},
            MISSING => { " " strong { (frame.say("content-missing")) } },
            other => { " " strong { (other) } },
        }
    }
}

/// Says what kind of file it is and how large.
fn size(item: &Value) -> String {
    let bytes = item.get("size").and_then(Value::as_u64).unwrap_or_default();
    let kind = text(item, "mime").rsplit('/').next().unwrap_or_default().to_uppercase();
    match bytes {
        0..1024 => format!("{kind} {bytes} B"),
        1024..1_048_576 => format!("{kind} {} KB", bytes.div_ceil(1024)),
        _ => format!("{kind} {}.{} MB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20),
    }
}

fn filing(
    frame: &Frame,
    door: &Door,
    visitor: &Visitor,
    action: &str,
    customer: Option<&str>,
    typed: &Fields,
    problem: Option<&Problem>,
) -> Markup {
    let kind = catalog::find("document.filed");
    let of: Option<CustomerId> = customer.and_then(|id| id.parse().ok());
    let classes = door.ledger.fileable(&visitor.asker.principal, of.as_ref());
    let called = |class: Secrecy| frame.language.choose((format!("{class}"), format!("{class:#}")));
    let classes = classes.into_iter().map(|class| (class.as_str().to_owned(), called(class)));
    let offered = [Offer { field: "class", groups: vec![(String::new(), classes.collect())], open: false }];
    let filled = Filled {
        typed,
        left_out: if customer.is_some() { &["customer_id"] } else { &[] },
        offered: &offered,
        refused: problem.map(|problem| problem.fields(frame.language)).unwrap_or_default(),
        zone: door.ledger.state().world.ledger.zone,
        more: "",
        whole: true,
    };
    let wrong = filled.about("file").next().map(|_| "true");
    let accepted = [Mime::Pdf, Mime::Png, Mime::Jpeg, Mime::Tiff].map(Mime::as_str).join(",");
    let most = (FILE_BYTES_MAX >> 20).to_string();
    html! {
        @if offered.iter().flat_map(|offer| &offer.groups).all(|(_, classes)| classes.is_empty()) && problem.is_none() { p.hint { (frame.say("record-not-yours")) } }
        form.card action=(action) method="post" enctype="multipart/form-data" autocomplete="off" {
            @if let Some(problem) = problem { (layout::told(frame, problem, kind.map_or(&[], |kind| kind.fields))) }
            (layout::token(frame))
            (form::id(door, Some((typed, problem))))
            @if let Some(kind) = kind { (form::inputs(frame, kind.fields, &filled, "")) }
            // Whatever stands behind this is the file: nothing of it is kept before everything else is looked at.
            input type="hidden" name=(LAST) value="1";
            label for="file" { (frame.say("document-file-input")) " " small { (frame.say("required")) } }
            input id="file" name="file" type="file" accept=(accepted) required aria-invalid=[wrong] aria-describedby="file-hint";
            small #file-hint { (frame.say_with("document-file-hint", &[("most", &most)])) }
            (form::said(&filled, "file"))
            button { (frame.say("document-send")) }
        }
    }
}

/// The field before the file.
const LAST: &str = "last";
