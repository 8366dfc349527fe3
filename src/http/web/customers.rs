//! The list of customers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde_json::Value;

use crate::access::principal::{Purpose, PurposeKind};
use crate::domain::role::Role;
use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::compare::{MOMENT, looking_back};
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Visitor, encode, moments};
use crate::http::web::{dates, privacy, words};
use crate::projection;

/// Tells whether somebody watches over the archives, and so looks for what was put right; whether they may the ledger says.
fn watches(door: &Door, visitor: &Visitor) -> bool {
    const WATCHING: [Role; 3] = [Role::Archivist, Role::Auditor, Role::Compliance];
    let state = door.ledger.state();
    let member = state.world.employee.members.get(&visitor.asker.principal.employee);
    member.is_some_and(|member| member.roles.iter().any(|held| WATCHING.contains(&held.role)))
}

/// `GET /customers`: the customers the asker may see.
pub(crate) async fn list(
    State(door): State<Arc<Door>>,
    visitor: Visitor,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Problem> {
    let frame = &visitor.frame;
    let typed = |name: &str| query.get(name).map(|value| value.trim()).unwrap_or_default();
    let (moment, _) = moments(&door, &query)?;
    let read = visitor.read(&door, "list", None, |asked| {
        asked.look_at(moment, None);
        for name in FILTERS {
            if !typed(name).is_empty() {
                asked.filters.insert(name.to_owned(), typed(name).to_owned());
            }
        }
        asked.after = Some(typed("after").to_owned()).filter(|after| !after.is_empty());
    });
    let answered = read.await?;
    let items = items(&answered.body, "items");
    let label = |name: &str| words::label(frame.language, name).into_owned();
    let columns = ["code", "industry", "party", "region", "owner", "status", "phone"];
    let parts: Vec<(&str, &str)> = FILTERS.iter().chain(&MOMENT).map(|name| (*name, typed(name))).collect();
    let body = html! {
        @if watches(&door, &visitor) { p { a href="/corrections" { (frame.say("corrections")) } } }
        form.filters action="/customers" method="get" {
            div { label for="region" { (frame.say("region")) } input id="region" name="region" value=(typed("region")); }
            div { label for="owner" { (frame.say("owner")) } input id="owner" name="owner" value=(typed("owner")) placeholder="E-101"; }
            button { (frame.say("filter")) }
        }
        @if items.is_empty() { p { (frame.say("found-none")) } }
        @else {
            div.wide tabindex="0" role="region" aria-label=(frame.say("customers")) {
                table.stack {
                    thead { tr {
                        th scope="col" { (frame.say("name")) }
                        @for column in columns { th scope="col" { (label(column)) } }
                    } }
                    tbody { @for item in items {
                        tr {
                            th scope="row" {
                                a href={ "/customers/" (encode(text(item, "customer_id"))) } {
                                    (shown(frame, &door, "", item.get("name").unwrap_or(&Value::Null)))
                                }
                                " " small { (text(item, "customer_id")) }
                            }
                            @for column in columns {
                                td data-label=(label(column)) { (shown(frame, &door, column, item.get(column).unwrap_or(&Value::Null))) }
                            }
                        }
                    } }
                }
            }
        }
        (layout::next(frame, "/customers", &parts, answered.next.as_deref()))
        (layout::exporting(frame, "list", &parts))
        @if !typed("after").is_empty() { p { a href="/customers" { (frame.say("first-page")) } } }
        @let held = privacy::VIEWS.into_iter().filter_map(projection::view).filter(|view| visitor.may_read(&door, view.key, None, Some(ANY)));
        @if visitor.may_read(&door, dates::KEY, None, Some(ANY)) { p { a href="/important-dates" { (words::view(frame.language, dates::KEY)) } } }
        @for view in held { p { a href={ "/privacy?view=" (view.key) } { (words::view(frame.language, view.key)) } } }
        (looking_back(frame, "/customers", &parts, &query, "view=list"))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &frame.say("customers"), &body))
}

/// Those who open such a view state their purpose there; here it only shows the way.
const ANY: Purpose = Purpose { kind: PurposeKind::Compliance, note: None };

const FILTERS: [&str; 2] = ["region", "owner"];
