//! The ledger itself: its streams and entries as readings, its checkpoints, tiles and proofs for everybody.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::http::Door;
use crate::http::api::views::{self, Question};
use crate::http::api::{self, Named, Parameters};
use crate::http::error::Problem;
use crate::http::session::Asker;
use crate::ledger::proof::ProofError;
use crate::ledger::{Asked, ViewError};
use crate::projection;
use crate::proof::{merkle, tile};

/// `GET /v1/streams/{name}`: the timeline of any stream, as `customer/C-00042` or `acts/E-101`.
pub(crate) async fn stream(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(name): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("timeline", Some(name)), parameters).await
}

/// `GET /v1/entries/{index}`: one entry, whole or redacted, as the asker may see it.
pub(crate) async fn entry(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(index): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("entry", Some(index)), parameters).await
}

/// `GET /v1/evidence?stream=`: a bundle that verifies offline.
pub(crate) async fn evidence(
    State(door): State<Arc<Door>>,
    asker: Asker,
    mut parameters: Parameters,
) -> Result<Response, Problem> {
    let stream = parameters.take("stream");
    let missing = || Problem::value("/stream", "is required, such as customer/C-00042", "必填，如 customer/C-00042");
    let stream = stream.ok_or_else(missing)?;
    views::answer(&door, asker, Question::of("evidence", Some(stream)), parameters).await
}

/// `GET /tile/entries/{number}`: the entries of a tile of the lowest level, as C2SP `tlog-tiles` bundles them.
pub(crate) async fn entries(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(path): Named,
) -> Result<Response, Problem> {
    let view = projection::view("entries").ok_or(Problem::View(ViewError::NotFound))?;
    let asked = Asked { subject: Some(path), purpose: asker.purpose, ..Asked::new(view) };
    let answered = door.view(&asker.principal, &asked).await.map_err(Problem::View)?;
    let mut bundle = Vec::new();
    for entry in answered.body.get("entries").and_then(Value::as_array).into_iter().flatten() {
        let entry = entry.as_str().unwrap_or_default();
        bundle.extend_from_slice(&u16::try_from(entry.len()).map_err(|_| Problem::Failed)?.to_be_bytes());
        bundle.extend_from_slice(entry.as_bytes());
    }
    let mut response = ([(CONTENT_TYPE, "application/octet-stream")], bundle).into_response();
    response.headers_mut().extend(views::headers(&answered));
    Ok(response)
}

/// `GET /v1/entries/{index}/proof`: that an entry is in the ledger, as a C2SP `tlog-proof`.
///
/// Open to everybody and recorded nowhere: it tells of an entry only that its index exists.
pub(crate) async fn proof(State(door): State<Arc<Door>>, Named(index): Named) -> Result<Response, Problem> {
    let index = index.parse().map_err(|_| Problem::Proof(ProofError::NotFound))?;
    let receipt = door.ledger.receipt(index).map_err(Problem::Proof)?;
    Ok(text(receipt.encode()))
}

/// `GET /v1/ledger`: what an auditor writes down first.
pub(crate) async fn about(State(door): State<Arc<Door>>) -> Response {
    let (checkpoint, _) = door.ledger.checkpoint();
    api::json(&json!({
        "origin": door.ledger.origin(),
        "vkey": door.ledger.vkey(),
        "size": door.ledger.state().size,
        "checkpoint": { "size": checkpoint.size, "root": merkle::encode_hash(&checkpoint.root) },
        "witnesses": [],
    }))
}

/// `GET /checkpoint`: the signed head of the tree.
pub(crate) async fn checkpoint(State(door): State<Arc<Door>>) -> Response {
    let (_, note) = door.ledger.checkpoint();
    text(note)
}

/// `GET /tile/{level}/{number}`: a tile of hashes, as C2SP `tlog-tiles` names it.
pub(crate) async fn tile(State(door): State<Arc<Door>>, Named(path): Named) -> Result<Response, Problem> {
    let path = tile::parse_path(&format!("tile/{path}")).ok_or(Problem::View(ViewError::NotFound))?;
    let bytes = door.ledger.tile(path.level, path.n, path.width).map_err(Problem::Proof)?;
    // A full tile never changes; a partial one is of use only until the next checkpoint.
    let kept = if path.width.is_none() { "public, max-age=31536000, immutable" } else { "no-store" };
    Ok(([(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, kept)], bytes).into_response())
}

fn text(body: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8")], body).into_response()
}
