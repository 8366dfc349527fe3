//! The pages: the same readings and proposals as the interface for programs, for people, in Chinese and English.
//!
//! **Invariant:** no page needs a script, and none loads anything from elsewhere.
//!
//! **Invariant:** no page decides who sees or may do what: it shows what the ledger answers, refusals included.
//!
//! **Invariant:** nothing personal stands in an address or a cookie: what is typed travels in the body of a form.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts as _, Request};
use axum::http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::http::Door;
use crate::http::api::documents::UPLOAD_BYTES_MAX;
use crate::http::error::Problem;
pub(crate) use crate::http::web::visitor::encode;
use crate::http::web::visitor::{Frame, Visitor};

mod access;
mod archive;
mod card;
mod changes;
mod compare;
mod correct;
mod corrections;
mod customers;
mod dates;
mod documents;
mod duties;
mod entry;
mod export;
mod form;
mod grades;
mod layout;
mod offers;
mod people;
mod policy;
mod privacy;
mod propose;
mod questions;
mod reads;
mod search;
mod sign_in;
mod signoffs;
mod staff;
mod tables;
mod visitor;
pub(crate) mod words;

/// Returns the pages.
pub(crate) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/", get(duties::home))
        .route("/obligations", get(duties::open))
        .route("/overdue", get(duties::overdue))
        .route("/customers", get(customers::list))
        .route("/customers/{id}", get(archive::page).post(archive::reveal))
        .route("/customers/{id}/card", get(card::page).post(card::print))
        .route("/customers/{id}/documents", get(documents::page).merge(post(documents::file).layer(large())))
        .route("/customers/{id}/documents/open", post(documents::reveal))
        .route("/customers/{id}/grades", get(grades::page).post(grades::propose))
        .route("/customers/{id}/people", get(people::page).post(people::reveal))
        .route("/customers/{id}/trade", get(tables::trade))
        .route("/customers/{id}/work", get(tables::work))
        .route("/customers/{id}/promises", get(duties::promises))
        .route("/customers/{id}/reads", get(reads::of_customer))
        .route("/customers/{id}/changes", get(changes::page))
        .route("/customers/{id}/timeline", get(reads::timeline))
        .route("/employees/{id}/acts", get(reads::acts))
        .route("/employees/{id}/reads", get(reads::of_employee))
        .route("/reads", get(reads::of_all))
        .route("/staff", get(staff::page))
        .route("/questions", get(questions::page))
        .route("/access", get(access::page))
        .route("/important-dates", get(dates::page).post(dates::reveal))
        .route("/privacy", get(privacy::page).post(privacy::reveal))
        .route("/analysis", get(tables::first))
        .route("/analysis/policy", get(policy::page))
        .route("/analysis/{view}", get(tables::of_company))
        .route("/documents", get(documents::blank).merge(post(documents::file_blank).layer(large())))
        .route("/documents/{id}", post(documents::open))
        .route("/signoffs", get(signoffs::page).post(signoffs::sign))
        .route("/export/{key}", post(export::take_out))
        .route("/search", get(search::page).post(search::find))
        .route("/compare", get(compare::page))
        .route("/propose", get(propose::list))
        .route("/propose/{type}", get(propose::form).post(propose::propose))
        .route("/entries/{index}", get(entry::page))
        .route("/entries/{index}/correct", get(correct::form).post(correct::correct))
        .route("/corrections", get(corrections::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/language", get(visitor::language))
        .route("/purpose", post(visitor::purpose))
        .route("/style.css", get(style))
}

/// What brings a file may be larger than what asks something.
fn large() -> DefaultBodyLimit {
    DefaultBodyLimit::max(UPLOAD_BYTES_MAX)
}

/// Returns what must be known of a request to answer it with a page, if a browser asks for one.
///
/// A program that asks the interface for programs gets JSON, whatever it says it accepts.
pub(crate) fn asked(request: &Request) -> Option<Parts> {
    let path = request.uri().path();
    if path == "/v1" || path.starts_with("/v1/") || !accepts_pages(request.headers()) {
        return None;
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::GET;
    parts.uri = request.uri().clone();
    parts.headers = request.headers().clone();
    Some(parts)
}

fn accepts_pages(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(ACCEPT).into_iter().filter_map(|value| value.to_str().ok());
    accepted
        .flat_map(|value| value.split(','))
        .any(|range| range.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("text/html")))
}

/// Shows the problem a response carries, if it carries one, as a page in the reader's language.
pub(crate) async fn shown(door: &Arc<Door>, mut parts: Parts, mut response: Response) -> Response {
    let Some(problem) = response.extensions_mut().remove::<Arc<Problem>>() else { return response };
    let frame = match Visitor::from_request_parts(&mut parts, door).await {
        Ok(visitor) => visitor.frame,
        Err(_) => {
            let Ok(frame) = Frame::from_request_parts(&mut parts, door).await;
            frame
        }
    };
    let problem = match *problem {
        Problem::NoRoute => &Problem::NoPage,
        ref other => other,
    };
    let (page, body) = layout::problem(&frame, problem).into_parts();
    // What the problem says to programs, such as when to try again, it says to browsers too.
    response.headers_mut().extend(page.headers);
    *response.body_mut() = body;
    response
}

async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("style.css")).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(path: &str, accept: &'static str) -> bool {
        asked(&Request::get(path).header(ACCEPT, accept).body(axum::body::Body::empty()).unwrap()).is_some()
    }

    #[test]
    fn who_accepts_pages_is_answered_with_pages_except_by_the_interface_for_programs() {
        assert!(page("/nothing", "text/html,application/xhtml+xml,*/*;q=0.8"));
        assert!(page("/v10", "application/json, Text/HTML;q=0.5"));
        assert!(!page("/nothing", "*/*"), "what is no browser sends this");
        assert!(!page("/nothing", "image/avif,image/webp,*/*"));
        assert!(!page("/v1/nothing", "text/html"));
        assert!(!page("/v1", "text/html"));
    }
}
