//! The log of visits to a customer (V-08).

use std::time::Duration;

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::domain::Event;
use crate::domain::catalog;
use crate::domain::class::Class;
use crate::domain::contact::{self, Channel};
use crate::projection::{Node, Read, floor, payload};

/// A visit as a row of the view; `None` of any other contact. It is late where it was entered more than `hours` after it was made.
pub fn row(read: &Read<'_>, hours: u64) -> Option<Node> {
    let Event::Contact(contact::Event::Recorded(visit)) = read.event else { return None };
    let kind = catalog::find(&read.entry.kind).filter(|_| visit.channel == Channel::Visit)?;
    let data: Value = serde_json::from_str(&read.entry.data).unwrap_or_default();
    let Node::Row(fields) = payload(kind, read.entry, &data, floor(kind, &data)) else { return None };
    let mut row: Vec<(&'static str, Node)> = fields.into_iter().filter(|(name, _)| SHOWN.contains(name)).collect();
    let late = read.entry.time > visit.at.plus(Duration::from_secs(hours * 3600));
    row.push(("late", Node::within(Matter::ContactLog, Class::C1, late)));
    row.push(("recorded_by", Node::within(Matter::ContactLog, Class::C1, read.entry.actor.as_str())));
    row.push(("recorded_at", Node::within(Matter::ContactLog, Class::C1, json!(read.entry.time))));
    row.push(("source_event", Node::plain(read.index)));
    Some(Node::Row(row))
}

/// What the log shows of what was recorded. The aim of a visit stands in its plan.
const SHOWN: &[&str] = &[
    "at",
    "our_people",
    "their_people",
    "purpose",
    "plan_line",
    "summary",
    "goal_reached",
    "cause_and_improvement",
    "promises",
    "reported_to",
];
