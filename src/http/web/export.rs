//! Views taken out from a page: asked for by a form, for a purpose.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;

use crate::http::Door;
use crate::http::api::views::{self, Question};
use crate::http::api::{Named, Parameters};
use crate::http::error::Problem;
use crate::http::web::visitor::{Fields, Visitor};

/// `POST /export/{key}`: the view as CSV or XLSX.
pub(crate) async fn take_out(
    State(door): State<Arc<Door>>,
    mut visitor: Visitor,
    Named(key): Named,
    mut fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_purpose(&fields)?;
    let subject = fields.said("subject");
    for own in ["token", "purpose", "note", "subject"] {
        fields.0.remove(own);
    }
    let parameters: BTreeMap<String, String> = fields.0;
    views::answer(&door, visitor.asker, Question::named(&key, subject), Parameters(parameters)).await
}
