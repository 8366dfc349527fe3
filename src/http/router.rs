//! The routes: the table of contents of this door.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::header::ALLOW;
use axum::http::{Method, Uri};
use axum::middleware;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::http::api::{catalog, customers, documents, events, feed, ledger, operations, views};
use crate::http::error::Problem;
use crate::http::{Door, around, openapi, web};

/// Returns everything that is served; pages are merged in beside the API.
pub(crate) fn routes(door: Arc<Door>) -> Router {
    Router::new()
        // proposing
        .route("/v1/events", post(events::propose))
        .route("/v1/event-types", get(catalog::types))
        .route("/v1/event-types/{type}", get(catalog::one_type))
        .route("/v1/documents", post(documents::file).layer(DefaultBodyLimit::max(documents::UPLOAD_BYTES_MAX)))
        // reading
        .route("/v1/documents/{id}", get(documents::about))
        .route("/v1/documents/{id}/content", get(documents::content))
        .route("/v1/views", get(catalog::views))
        .route("/v1/views/{key}", get(views::one))
        .route("/v1/customers", get(customers::list))
        .route("/v1/customers/{id}", get(customers::archive))
        .route("/v1/customers/{id}/timeline", get(customers::timeline))
        .route("/v1/customers/{id}/grades", get(customers::grades))
        .route("/v1/customers/{id}/reads", get(customers::reads))
        .route("/v1/streams/{*name}", get(ledger::stream))
        .route("/v1/feed", get(feed::follow))
        // proving
        .route("/v1/entries/{index}", get(ledger::entry))
        .route("/v1/entries/{index}/proof", get(ledger::proof))
        .route("/v1/evidence", get(ledger::evidence))
        .route("/v1/ledger", get(ledger::about))
        .route("/checkpoint", get(ledger::checkpoint))
        .route("/tile/entries/{*path}", get(ledger::entries))
        .route("/tile/{*path}", get(ledger::tile))
        // operating
        .route("/openapi.json", get(openapi::document))
        .route("/healthz", get(operations::healthz))
        .route("/readyz", get(operations::readyz))
        .route("/metrics", get(operations::metrics))
        .merge(web::routes())
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(events::BODY_BYTES_MAX))
        .layer(CatchPanicLayer::custom(around::panicked))
        .layer(middleware::from_fn_with_state(door.clone(), around::everything))
        .with_state(door)
}

async fn nothing(method: Method, uri: Uri) -> Response {
    match changes(&method, &uri) {
        true => ([(ALLOW, "GET,HEAD,POST")], Problem::NoChange).into_response(),
        false => Problem::NoRoute.into_response(),
    }
}

async fn wrong_method(method: Method, uri: Uri) -> Problem {
    if changes(&method, &uri) { Problem::NoChange } else { Problem::NoMethod }
}

/// Tells whether something of the ledger would be changed or deleted, whatever it is.
fn changes(method: &Method, uri: &Uri) -> bool {
    let under = uri.path().starts_with("/v1/") || uri.path() == "/v1";
    under && matches!(*method, Method::PUT | Method::PATCH | Method::DELETE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_change_or_delete_is_told_from_what_is_not_there() {
        let changes = |method: Method, path: &'static str| changes(&method, &Uri::from_static(path));
        assert!(changes(Method::DELETE, "/v1/entries/7"));
        assert!(changes(Method::PUT, "/v1/nothing"));
        assert!(changes(Method::PATCH, "/v1"));
        assert!(!changes(Method::POST, "/v1/entries/7"));
        assert!(!changes(Method::DELETE, "/v10"));
    }

    #[test]
    fn every_route_is_documented_and_every_documented_route_is_served() {
        let source = include_str!("router.rs");
        let (routes, _) = source.split_once("#[cfg(test)]").unwrap();
        let served: Vec<&str> = routes.split(".route(\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let documented: Vec<String> = openapi::OPERATIONS.iter().map(|operation| operation.route()).collect();
        assert_eq!(served, documented);
    }
}
