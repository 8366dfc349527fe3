//! The business policy in force and its history (V-93).

use serde_json::json;

use crate::domain::{Event, policy};
use crate::projection::{Node, Read};

/// A version of the policy as a row of the view; `None` for entries of another kind.
pub fn version(read: &Read<'_>) -> Option<Node> {
    let Event::Policy(policy::Event::Adopted(adopted)) = read.event else { return None };
    Some(Node::Row(vec![
        ("version", Node::plain(json!(adopted.version))),
        ("unit", Node::plain(json!(adopted.unit))),
        ("presets", Node::plain(json!(adopted.presets))),
        ("parameters", Node::plain(json!(adopted.parameters))),
        ("effective_at", Node::plain(json!(adopted.effective_at))),
        ("drafted_by", Node::plain(json!(adopted.drafted_by))),
        ("approved_by", Node::plain(json!(adopted.approved_by))),
        ("reason", Node::plain(json!(adopted.reason))),
        ("index", Node::plain(read.index)),
    ]))
}
