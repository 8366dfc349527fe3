//! The business policy in force and its history (V-93).

use serde_json::json;

use crate::domain::{Event, policy};
use crate::projection::{Node, Read};

/// What an entry adds to the history of the policy: a version, or the review of a year; `None` for entries of another kind.
pub fn row(read: &Read<'_>) -> Option<Node> {
    let Event::Policy(event) = read.event else { return None };
    let mut row = match event {
        policy::Event::Adopted(adopted) => vec![
            ("version", Node::plain(json!(adopted.version))),
            ("unit", Node::plain(json!(adopted.unit))),
            ("presets", Node::plain(json!(adopted.presets))),
            ("parameters", Node::plain(json!(adopted.parameters))),
            ("effective_at", Node::plain(json!(adopted.effective_at))),
            ("drafted_by", Node::plain(json!(adopted.drafted_by))),
            ("approved_by", Node::plain(json!(adopted.approved_by))),
            ("reason", Node::plain(json!(adopted.reason))),
        ],
        policy::Event::Reviewed(reviewed) => vec![
            ("year", Node::plain(json!(reviewed.year))),
            ("outcome", Node::plain(json!(reviewed.outcome))),
            ("findings", Node::plain(json!(reviewed.findings))),
        ],
        // It is the service's own and stands in a stream of its own.
        policy::Event::AccessAdopted(_) => return None,
    };
    row.push(("index", Node::plain(read.index)));
    Some(Node::Row(row))
}
