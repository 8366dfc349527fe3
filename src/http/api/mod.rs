//! The JSON interface: one file per thing one asks about, in the order of the router.

use std::collections::BTreeMap;

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::http::error::Problem;

mod broken;
pub(crate) mod catalog;
pub(crate) mod customers;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod feed;
pub(crate) mod ledger;
pub(crate) mod operations;
mod table;
pub(crate) mod views;

/// The parameters of a query, each at most once.
pub(crate) struct Parameters(pub(crate) BTreeMap<String, String>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if parts.uri.query().is_none_or(str::is_empty) {
            return Ok(Self(BTreeMap::new()));
        }
        let pairs = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Query(pairs) = pairs.map_err(|_| Problem::NotUtf8 { at: None })?;
        let mut parameters = BTreeMap::new();
        for (name, value) in pairs {
            // Bytes that are no UTF-8 arrive as this character, which nobody means to ask for.
            if name.contains(char::REPLACEMENT_CHARACTER) || value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Problem::NotUtf8 { at: None });
            }
            if parameters.contains_key(&name) {
                return Err(Problem::value(format!("/{name}"), "is given twice", "重复给出"));
            }
            parameters.insert(name, value);
        }
        Ok(Self(parameters))
    }
}

impl Parameters {
    /// Takes a parameter out; an empty one counts as absent, as forms send it.
    pub(crate) fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }
}

/// The one part of the path that names something.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(name) = Path::from_request_parts(parts, state).await.map_err(|_| Problem::NotUtf8 { at: None })?;
        Ok(Self(name))
    }
}

/// Answers with JSON.
pub(crate) fn json(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => ([(CONTENT_TYPE, "application/json")], bytes).into_response(),
        Err(error) => {
            tracing::error!(%error, "an answer cannot be written");
            Problem::Failed.into_response()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn parameters(uri: &str) -> Result<BTreeMap<String, String>, Problem> {
        let (mut parts, ()) = Request::get(uri).body(()).unwrap().into_parts();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(Parameters::from_request_parts(&mut parts, &())).map(|parameters| parameters.0)
    }

    #[test]
    fn a_parameter_that_is_not_utf8_is_refused() {
        assert!(matches!(parameters("/?q=%ff"), Err(Problem::NotUtf8 { .. })));
    }

    #[test]
    fn a_parameter_given_twice_is_refused() {
        assert_eq!(
            parameters("/?a=1&b=%E5%AE%A2").unwrap(),
            [("a".into(), "1".into()), ("b".into(), "客".into())].into()
        );
        assert!(matches!(parameters("/?a=1&a=1"), Err(Problem::Value(problem)) if problem.pointer == "/a"));
    }
}
