//! The auditor's three questions: who changed what, who read an archive, and what somebody did in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use crate::domain::grade::Dimension;
use crate::http::Door;
use crate::http::web::reads;
use crate::http::web::visitor::{Fields, Frame, Visitor, encode};
use crate::http::web::{changes, layout, words};

/// `GET /questions?ask=`: the questions as forms; one that is asked leads to the page that answers it.
///
/// What the questions are about may be known to nobody: the page they lead to says so, and enters who asked.
pub(crate) async fn page(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let frame = &visitor.frame;
    let asked = Fields(query);
    if let Some(address) = answer(&asked) {
        return Redirect::to(&address).into_response();
    }
    let incomplete = !asked.text("ask").is_empty();
    let form = |ask: &str, fields: Markup| {
        let repeated = incomplete && asked.text("ask") == ask;
        html! {
            section { h2 { (frame.say(&format!("question-{ask}"))) }
                @if repeated { p.problem role="alert" { (frame.say("question-about")) } }
                form.filters action="/questions" method="get" {
                    input type="hidden" name="ask" value=(ask);
                    (fields)
                    button { (frame.say("show")) }
                }
            }
        }
    };
    let body = html! {
        (form("changed", html! {
            (text_field(frame, "changed", "customer", "customer-number", ""))
            div { label for="changed-of" { (frame.say("change-of")) }
                select id="changed-of" name="of" {
                    optgroup label=(frame.say("grades")) { @for of in [Dimension::Credit, Dimension::Business] {
                        option value=(of.as_str()) { (words::say(frame.language, &format!("{}-grade", of.as_str()))) }
                    } }
                    (changes::choices(frame, ""))
                } }
        }))
        (form("read", html! {
            (text_field(frame, "read", "customer", "customer-number", ""))
            (text_field(frame, "read", "employee", "or-employee", ""))
            (period(frame, "read", |_| ""))
        }))
        (form("did", html! {
            (text_field(frame, "did", "customer", "customer-number", ""))
            (reads::type_field(frame, "did", ""))
            (text_field(frame, "did", "actor", "actor", ""))
            (period(frame, "did", |_| ""))
        }))
        p.buttons { @for key in visitor.opening(&door, ["grade_audit", "access_log", "overdue", "corrections", "refusals", "staff", "sod", "policy"], None) {
            a href=(match key {
                "grade_audit" | "sod" | "policy" => format!("/analysis/{key}"),
                "access_log" => "/reads".to_owned(),
                "refusals" => "/access?view=refusals".to_owned(),
                _ => format!("/{key}"),
            }) { (words::view(frame.language, key)) }
        } }
    };
    layout::page(frame, StatusCode::OK, &frame.say("questions"), &body)
}

/// Finds the page that answers a question; `None` where it does not say about whom.
fn answer(asked: &Fields) -> Option<String> {
    let customer = asked.said("customer").map(|id| format!("/customers/{}", encode(&id)));
    let narrowed = |names: &[&str]| {
        let said = names.iter().filter_map(|name| Some(format!("{name}={}", encode(&asked.said(name)?))));
        said.collect::<Vec<_>>().join("&")
    };
    match asked.text("ask") {
        "changed" => Some(match asked.said("of") {
            Some(field) if Dimension::Credit.as_str() != field && Dimension::Business.as_str() != field => {
                format!("{}/changes?field={}", customer?, encode(&field))
            }
            _ => format!("{}/grades?{}", customer?, narrowed(&["of"])),
        }),
        "read" => {
            let employee = asked.said("employee").map(|id| format!("/employees/{}", encode(&id)));
            let period = narrowed(&["from", "until"]);
            // Of one archive it may be asked whether one person read it.
            Some(match (customer, asked.said("employee")) {
                (Some(customer), Some(reader)) => format!("{customer}/reads?actor={}&{period}", encode(&reader)),
                (customer, _) => format!("{}/reads?{period}", customer.or(employee)?),
            })
        }
        "did" => Some(match (customer, asked.said("actor")) {
            (Some(customer), _) => format!("{customer}/timeline?{}", narrowed(&["type", "actor", "from", "until"])),
            (None, actor) => format!("/employees/{}/acts?{}", encode(&actor?), narrowed(&["type", "from", "until"])),
        }),
        _ => None,
    }
}

/// A field that takes a number or name.
pub(crate) fn text_field(frame: &Frame, form: &str, name: &str, label: &str, value: &str) -> Markup {
    let id = format!("{form}-{name}");
    html! { div { label for=(id) { (frame.say(label)) } input id=(id) name=(name) value=(value); } }
}

/// A choice of one of a few words, each with what it is called; of none at first.
pub(crate) fn choice_field<'a>(
    frame: &Frame,
    form: &str,
    (name, label): (&str, &str),
    chosen: &str,
    words: impl IntoIterator<Item = (&'a str, String)>,
) -> Markup {
    let id = format!("{form}-{name}");
    html! { div { label for=(id) { (frame.say(label)) }
        select id=(id) name=(name) {
            option value="" { (frame.say("any")) }
            @for (word, called) in words { option value=(word) selected[word == chosen] { (called) } }
        }
    } }
}

/// The first and the last day of a period.
pub(crate) fn period<'a>(frame: &Frame, form: &str, typed: impl Fn(&str) -> &'a str) -> Markup {
    html! { @for name in ["from", "until"] {
        @let id = format!("{form}-{name}");
        div { label for=(id) { (frame.say(&format!("day-{name}"))) } input id=(id) name=(name) type="date" value=(typed(name)); }
    } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(pairs: &[(&str, &str)]) -> Option<String> {
        answer(&Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()))
    }

    #[test]
    fn a_question_leads_to_the_page_that_answers_it() {
        let changed = asked(&[("ask", "changed"), ("customer", " C-01 "), ("of", "business")]);
        assert_eq!(changed.as_deref(), Some("/customers/C-01/grades?of=business"));
        let owner = asked(&[("ask", "changed"), ("customer", "C-01"), ("of", "terms.credit_limit")]);
        assert_eq!(owner.as_deref(), Some("/customers/C-01/changes?field=terms.credit_limit"));
        let read = asked(&[("ask", "read"), ("employee", "E-101"), ("from", "2026-03-01"), ("until", "")]);
        assert_eq!(read.as_deref(), Some("/employees/E-101/reads?from=2026-03-01"));
        let one = asked(&[("ask", "read"), ("customer", "C-01"), ("employee", "E-101"), ("until", "2026-03-31")]);
        assert_eq!(one.as_deref(), Some("/customers/C-01/reads?actor=E-101&until=2026-03-31"));
        let acts = asked(&[("ask", "did"), ("actor", "E-101"), ("from", "2026-03-01")]);
        assert_eq!(acts.as_deref(), Some("/employees/E-101/acts?from=2026-03-01"));
        let did = asked(&[("ask", "did"), ("customer", "C-01/../x"), ("actor", "E-101"), ("type", "sale.recorded")]);
        assert_eq!(did.as_deref(), Some("/customers/C-01%2F..%2Fx/timeline?type=sale.recorded&actor=E-101"));
    }

    #[test]
    fn a_question_about_nobody_leads_nowhere() {
        assert_eq!(asked(&[("ask", "did"), ("type", "sale.recorded")]), None);
        assert_eq!(asked(&[("ask", "read"), ("customer", " ")]), None);
        assert_eq!(asked(&[("ask", "everything"), ("customer", "C-01")]), None);
    }
}
