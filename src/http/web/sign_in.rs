//! Signing in and out.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use maud::html;
use std::collections::BTreeMap;

use crate::domain::audit::Place;
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::layout;
use crate::http::web::visitor::{Fields, Frame, Visitor, cookie, home, same, set_cookie};

/// `GET /sign-in`: asks who it is.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    Ok(frame): Result<Frame, std::convert::Infallible>,
    query: Query<BTreeMap<String, String>>,
) -> Response {
    let back = home(query.get("back").map(String::as_str).unwrap_or_default());
    asked(&door, &frame, &back, &Fields::default(), None)
}

/// `POST /sign-in`: opens a session, or says that something is wrong but not what.
pub(crate) async fn enter(
    State(door): State<Arc<Door>>,
    Ok(mut frame): Result<Frame, std::convert::Infallible>,
    headers: HeaderMap,
    fields: Fields,
) -> Response {
    let back = home(fields.text("back"));
    "/sign-in".clone_into(&mut frame.address);
    let sent = cookie(&headers, FORM).is_some_and(|secret| same(&token(secret), fields.text("token")));
    if !sent {
        return asked(&door, &frame, &back, &fields, Some(Problem::StaleForm));
    }
    let place = if fields.text("away").is_empty() { Place::Office } else { Place::Offsite };
    let password = fields.text("password").to_owned();
    match door.sessions.sign_in(&door, &headers, fields.text("employee"), password, place).await {
        Ok(cookie) => ([(SET_COOKIE, cookie)], Redirect::to(&back)).into_response(),
        Err(problem) => asked(&door, &frame, &back, &fields, Some(problem)),
    }
}

/// `POST /sign-out`: ends the session.
pub(crate) async fn leave(
    State(door): State<Arc<Door>>,
    headers: HeaderMap,
    visitor: Visitor,
    fields: Fields,
) -> Result<Response, Problem> {
    visitor.check_sent(&fields)?;
    let session = visitor.asker.session.as_ref().ok_or(Problem::StaleForm)?;
    let cookie = door.sessions.sign_out(session, &headers);
    let cleared = [("clear-site-data", "\"cache\", \"storage\"")];
    Ok(([(SET_COOKIE, cookie)], cleared, Redirect::to("/sign-in")).into_response())
}

fn asked(door: &Door, frame: &Frame, back: &str, typed: &Fields, problem: Option<Problem>) -> Response {
    let mut secret = [0; 32];
    door.ledger.source().fill(&mut secret);
    let secret = BASE64_URL_SAFE_NO_PAD.encode(secret);
    let status = problem.as_ref().map_or(StatusCode::OK, Problem::status);
    let body = html! {
        form.card action="/sign-in" method="post" {
            @if let Some(problem) = &problem { (layout::told(frame, problem, &[])) }
            input type="hidden" name="token" value=(token(&secret));
            input type="hidden" name="back" value=(back);
            label for="employee" { (frame.say("employee")) }
            input id="employee" name="employee" required autocomplete="username" autocapitalize="characters" value=(typed.text("employee"));
            label for="password" { (frame.say("password")) }
            input id="password" name="password" type="password" required autocomplete="current-password";
            label.check for="away" {
                input id="away" name="away" type="checkbox" value="true" checked[!typed.text("away").is_empty()];
                " " (frame.say("away"))
            }
            button { (frame.say("sign-in")) }
        }
    };
    let mut response = layout::page(frame, status, &frame.say("sign-in"), &body);
    response.headers_mut().append(SET_COOKIE, set_cookie(FORM, &secret, "; Max-Age=3600"));
    response
}

/// Returns what the form carries: only a page of this site was told it together with the cookie.
fn token(secret: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(blake3::derive_key("dossier sign-in form token", secret.as_bytes()))
}

const FORM: &str = "dossier_form";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_form_belongs_to_its_cookie() {
        assert!(same(&token("one"), &token("one")));
        assert!(!same(&token("one"), &token("other")));
        assert!(!same(&token("one"), ""));
    }
}
