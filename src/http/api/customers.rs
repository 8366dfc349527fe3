//! The archives of customers: the list, one archive, and the auditor's three questions about it.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::http::Door;
use crate::http::api::views::{self, Question};
use crate::http::api::{Named, Parameters};
use crate::http::error::Problem;
use crate::http::session::Asker;

/// `GET /v1/customers`: the customers the asker may see, by owner, region, status or words of the name.
pub(crate) async fn list(
    State(door): State<Arc<Door>>,
    asker: Asker,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("list", None), parameters).await
}

/// `GET /v1/customers/{id}`: one archive.
pub(crate) async fn archive(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("archive", Some(id)), parameters).await
}

/// `GET /v1/customers/{id}/timeline`: what has happened to it.
pub(crate) async fn timeline(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("timeline", Some(format!("customer/{id}"))), parameters).await
}

/// `GET /v1/customers/{id}/grades`: who changed its credit grade.
pub(crate) async fn grades(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("grade_audit", Some(id)), parameters).await
}

/// `GET /v1/customers/{id}/reads`: who has read it.
pub(crate) async fn reads(
    State(door): State<Arc<Door>>,
    asker: Asker,
    Named(id): Named,
    parameters: Parameters,
) -> Result<Response, Problem> {
    views::answer(&door, asker, Question::of("access_log", Some(format!("customer/{id}"))), parameters).await
}
