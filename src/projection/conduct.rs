//! How staff do their work: appraisals (V-78), and what was done against the rules (V-79).

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::domain::class::Class;
use crate::domain::conduct::{Appraised, Violated};
use crate::projection::register::sealed_at;
use crate::projection::{Cell, Node, Read};

/// An appraisal as a row of its view, under who is appraised.
pub fn appraised(read: &Read<'_>, appraised: &Appraised) -> Node {
    let items = appraised.items.iter().map(|item| json!(item));
    Node::Row(vec![
        ("subject", subject(read)),
        ("at", Node::plain(json!(read.entry.time))),
        ("scheme", cell(json!(appraised.scheme))),
        ("period", cell(json!(appraised.period))),
        ("items", cell(items.collect())),
        ("score", cell(json!(appraised.score))),
        ("outcome", cell(json!(appraised.outcome))),
        ("by", cell(json!(read.entry.actor))),
        ("index", Node::plain(read.index)),
    ])
}

/// What somebody did against the rules as a row of its view, under who did it.
pub fn violated(read: &Read<'_>, violated: &Violated) -> Node {
    let facts = Node::Cell(Cell {
        value: json!(violated.facts.text()),
        matter: Matter::Staff,
        class: Class::C7,
        sealed: Some(sealed_at(read, "/data/facts")),
        person: None,
    });
    Node::Row(vec![
        ("subject", subject(read)),
        ("at", Node::plain(json!(read.entry.time))),
        ("kind", cell(json!(violated.kind))),
        ("violation", facts),
        ("basis", cell(json!(violated.evidence))),
        ("unit", cell(json!(violated.unit))),
        ("sanction", cell(json!(violated.sanction))),
        ("decided_by", cell(json!(violated.decided_by))),
        ("by", cell(json!(read.entry.actor))),
        ("index", Node::plain(read.index)),
    ])
}

fn subject(read: &Read<'_>) -> Node {
    Node::plain(read.entry.subject.id().unwrap_or_default())
}

fn cell(value: Value) -> Node {
    Node::of(Class::C7, value)
}
