//! The pages: the same readings and proposals as the interface for programs, for people, in Chinese and English.
//!
//! **Invariant:** no page needs a script, and none loads anything from elsewhere.
//!
//! **Invariant:** no page decides who sees or may do what: it shows what the ledger answers, refusals included.
//!
//! **Invariant:** nothing personal stands in an address or a cookie: what is typed travels in the body of a form.

use std::sync::Arc;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::http::Door;

mod archive;
mod customers;
mod entry;
mod form;
mod grades;
mod layout;
mod reads;
mod sign_in;
mod visitor;
mod words;

/// Returns the pages.
pub(crate) fn routes() -> Router<Arc<Door>> {
    Router::new()
        .route("/", get(customers::list))
        .route("/customers/{id}", get(archive::page).post(archive::reveal))
        .route("/customers/{id}/grades", get(grades::page).post(grades::propose))
        .route("/customers/{id}/reads", get(reads::page))
        .route("/customers/{id}/timeline", get(reads::timeline))
        .route("/entries/{index}", get(entry::page))
        .route("/sign-in", get(sign_in::page).post(sign_in::enter))
        .route("/sign-out", post(sign_in::leave))
        .route("/language", get(visitor::language))
        .route("/purpose", post(visitor::purpose))
        .route("/style.css", get(style))
}

async fn style() -> Response {
    let headers = [(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("style.css")).into_response()
}
