//! Operations: alive, ready, counted.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use crate::http::Door;
use crate::http::error::Problem;

/// `GET /healthz`: the process answers.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: the ledger takes entries, and so shows what it holds.
pub(crate) async fn readyz(State(door): State<Arc<Door>>) -> Result<&'static str, Problem> {
    door.ledger.health().map_err(|error| Problem::Submit { error, batch: false })?;
    Ok("ready\n")
}

/// `GET /metrics`: what Prometheus reads.
pub(crate) async fn metrics(State(door): State<Arc<Door>>) -> Response {
    let ledger = &door.ledger;
    let gauges = [
        ("dossier_ledger_entries", "Entries in the ledger.", ledger.state().size),
        ("dossier_checkpoint_entries", "Entries the last signed checkpoint covers.", ledger.checkpoint().0.size),
        ("dossier_moments_kept_entries", "Entries of which earlier moments are kept.", ledger.moments_kept()),
        ("dossier_ledger_writable", "1 while the ledger takes entries.", u64::from(ledger.health().is_ok())),
        ("dossier_uptime_seconds", "Since the service began to listen.", door.metrics.uptime(ledger.clock().elapsed())),
    ];
    let body = door.metrics.text(&gauges);
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], body).into_response()
}

/// What is counted of requests; counting takes no lock that anybody waits for once a kind of answer has been seen.
#[derive(Debug)]
pub(crate) struct Metrics {
    started: Duration,
    requests: RwLock<HashMap<Counted, AtomicU64>>,
}

/// What requests are counted by: of few values each, or whoever invents paths would fill the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Counted {
    route: &'static str,
    method: &'static str,
    status: u16,
}

impl Metrics {
    /// Begins counting.
    pub(crate) fn since(started: Duration) -> Self {
        Self { started, requests: RwLock::default() }
    }

    /// Counts one answered request.
    pub(crate) fn count(&self, method: &Method, route: &'static str, status: StatusCode) {
        let counted = Counted { route, method: method_name(method), status: status.as_u16() };
        let known = {
            let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
            requests.get(&counted).map(|count| count.fetch_add(1, Ordering::Relaxed)).is_some()
        };
        if !known {
            let mut requests = self.requests.write().unwrap_or_else(PoisonError::into_inner);
            requests.entry(counted).or_default().fetch_add(1, Ordering::Relaxed);
        }
    }

    fn uptime(&self, now: Duration) -> u64 {
        now.saturating_sub(self.started).as_secs()
    }

    /// Writes the Prometheus text format, version 0.0.4.
    fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::new();
        for (name, help, value) in gauges {
            line(&mut text, format_args!("# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}"));
        }
        let mut requests: Vec<(Counted, u64)> = {
            let requests = self.requests.read().unwrap_or_else(PoisonError::into_inner);
            requests.iter().map(|(counted, count)| (*counted, count.load(Ordering::Relaxed))).collect()
        };
        requests.sort();
        let name = "dossier_http_requests_total";
        line(&mut text, format_args!("# HELP {name} Requests answered.\n# TYPE {name} counter"));
        for (Counted { route, method, status }, count) in requests {
            line(
                &mut text,
                format_args!("{name}{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}} {count}"),
            );
        }
        text
    }
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a string takes any text");
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_by_route_method_and_status() {
        let metrics = Metrics::since(Duration::from_secs(10));
        metrics.count(&Method::GET, "/readyz", StatusCode::OK);
        metrics.count(&Method::GET, "/readyz", StatusCode::OK);
        metrics.count(&Method::from_bytes(b"BREW").unwrap(), "other", StatusCode::NOT_FOUND);
        let text = metrics.text(&[("dossier_ledger_entries", "Entries.", 7)]);
        assert_eq!(
            text,
            "# HELP dossier_ledger_entries Entries.\n\
             # TYPE dossier_ledger_entries gauge\n\
             dossier_ledger_entries 7\n\
             # HELP dossier_http_requests_total Requests answered.\n\
             # TYPE dossier_http_requests_total counter\n\
             dossier_http_requests_total{route=\"/readyz\",method=\"GET\",status=\"200\"} 2\n\
             dossier_http_requests_total{route=\"other\",method=\"other\",status=\"404\"} 1\n"
        );
        assert_eq!(metrics.uptime(Duration::from_secs(75)), 65);
    }
}
