//! What is done around every request: a limit of time, problems written, headers, counting.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::http::api::documents;
use crate::http::error::{Problem, written};
use crate::http::{Door, openapi, session, web};

/// Answers a request, whatever happens behind it.
pub(crate) async fn everything(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let language = session::language(request.headers());
    let page = web::asked(&request);
    let method = request.method().clone();
    let route = openapi::route_of(request.uri().path());
    // What is cut off here asks nothing more of the ledger, except what it does on a thread of its own, which goes on to its end; what it
    // asked before is durable or it is not.
    let most = match documents::brings_file(&method, request.uri().path(), request.headers()) {
        true => documents::UPLOAD_ARRIVES,
        false => ANSWER,
    };
    let answered = tokio::time::timeout(most, next.run(request)).await;
    let response = answered.unwrap_or_else(|_| Problem::TimedOut.into_response());
    let response = match page {
        Some(page) => web::shown(&door, page, response).await,
        None => response,
    };
    let mut response = written(response, language);
    guard(response.headers_mut());
    door.metrics.count(&method, route, response.status());
    response
}

/// Turns a panic of one request into its answer; the process and every other request go on.
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or_default();
    tracing::error!(panic = text, "a request failed");
    Problem::Failed.into_response()
}

fn guard(headers: &mut HeaderMap) {
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    }
}

/// A page loads from this service only, runs no script written into it, sends forms here only and is framed by nobody.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                           connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How long an answer may take; a body has its own, shorter limit within it.
const ANSWER: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::principal::Language;

    #[test]
    fn nothing_is_cached_unless_the_answer_says_so() {
        let mut headers = HeaderMap::new();
        guard(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "no-store");
        assert_eq!(headers[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert!(!headers.contains_key(CONTENT_SECURITY_POLICY));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        guard(&mut headers);
        assert_eq!(headers[CACHE_CONTROL], "public");
        assert!(headers[CONTENT_SECURITY_POLICY].to_str().unwrap().starts_with("default-src 'none'"));
    }

    #[test]
    fn a_panic_is_told_without_its_words() {
        let response = written(panicked(Box::new("secret".to_owned())), Language::English);
        assert_eq!(response.status(), 500);
        assert!(!String::from_utf8(Problem::Failed.body(Language::English)).unwrap().contains("secret"));
    }
}
