//! The list of customers.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::html;
use serde_json::Value;

use crate::http::Door;
use crate::http::error::Problem;
use crate::http::web::compare::{MOMENT, looking_back};
use crate::http::web::layout::{self, items, shown, text};
use crate::http::web::visitor::{Visitor, moments};
use crate::http::web::{dates, privacy, words};

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
        @if visitor.opens(&door, "corrections", None) { p { a href="/corrections" { (frame.say("corrections")) } } }
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
                                @let id = text(item, "customer_id");
                                @let name = shown(frame, &door, "", item.get("name").unwrap_or(&Value::Null));
                                (layout::customer(&visitor, &door, id, &name)) " " small { (id) }
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
        (layout::exporting(&visitor, &door, "list", &parts))
        @if !typed("after").is_empty() { p { a href="/customers" { (frame.say("first-page")) } } }
        @if visitor.opens(&door, dates::KEY, None) {
            p { a href="/important-dates" { (words::view(frame.language, dates::KEY)) } }
        }
        @for key in visitor.opening(&door, privacy::VIEWS, None) {
            p { a href={ "/privacy?view=" (key) } { (words::view(frame.language, key)) } }
        }
        (looking_back(frame, "/customers", &parts, &query, "view=list"))
        (layout::standing(frame, &answered))
    };
    Ok(layout::page(frame, StatusCode::OK, &frame.say("customers"), &body))
}

const FILTERS: [&str; 2] = ["region", "owner"];
