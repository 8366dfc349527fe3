//! Readings of a customer's archive and of an employee (V-84), and the timeline of any stream (V-90).

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::domain::class::Class;
use crate::domain::history::{Amendments, Form, Lived};
use crate::domain::{self, Event, audit, catalog};
use crate::projection::{self, Node, Read, record};

/// A reading, granted or denied, as a row of the view; `None` for entries of another kind.
///
/// `of` is the customer asked about: a reading of several shows only that one, so that the log of one
/// customer reveals no other. `approvers` are who had approved the grant or loan it rests on.
pub fn reading(read: &Read<'_>, of: Option<&str>, approvers: &[String]) -> Option<Node> {
    let Event::Audit(event) = read.event else { return None };
    let cells: Vec<(&'static str, Value)> = match event {
        audit::Event::Accessed(accessed) => {
            let targets: Vec<&str> = accessed
                .targets
                .iter()
                .map(|target| target.0.as_str())
                .filter(|target| of.is_none_or(|of| of == *target))
                .collect();
            vec![
                ("view", json!(accessed.view)),
                ("targets", json!(targets)),
                ("classes", json!(accessed.classes)),
                ("masked", json!(accessed.masked)),
                ("mode", json!(accessed.mode)),
                ("authority", json!(accessed.authority)),
                ("authority_ref", json!(accessed.authority_ref)),
                ("approved_by", if approvers.is_empty() { Value::Null } else { json!(approvers) }),
                ("policies", json!(accessed.policies)),
                ("policy_set", json!(accessed.policy_set)),
                ("purpose", json!(accessed.purpose)),
                ("place", json!(accessed.place)),
                ("as_of", json!(accessed.as_of)),
                ("valid_at", json!(accessed.valid_at)),
                ("since", json!(accessed.since)),
                ("since_valid_at", json!(accessed.since_valid_at)),
                ("content_hash", json!(accessed.content_hash)),
            ]
        }
        audit::Event::Denied(denied) => vec![
            ("view", json!(denied.view)),
            ("targets", json!(denied.targets)),
            ("mode", json!(denied.mode)),
            ("denied_rule", json!(denied.rule)),
            ("purpose", json!(denied.purpose)),
            ("place", json!(denied.place)),
        ],
        audit::Event::CommandRefused(_) => return None,
    };
    let cell = |value: Value| Node::within(Matter::AccessLog, Class::C8, value);
    let mut row = vec![
        ("index", Node::plain(read.index)),
        ("at", cell(json!(read.entry.time))),
        ("reader", cell(json!(read.entry.actor))),
        ("reader_role", cell(json!(read.entry.actorrole))),
        ("reader_unit", cell(json!(read.entry.actorunit))),
        ("hash", Node::plain(json!(read.hash()))),
    ];
    row.extend(cells.into_iter().map(|(name, value)| (name, cell(value))));
    Some(Node::Row(row))
}

/// A refused command or reading as a row of the view; `None` for entries of another kind.
pub fn refusal(read: &Read<'_>) -> Option<Node> {
    let Event::Audit(event) = read.event else { return None };
    let cells = match event {
        audit::Event::Accessed(_) => return None,
        audit::Event::Denied(denied) => vec![
            ("command", json!(denied.view)),
            ("target", json!(denied.targets.iter().map(|target| target.0.as_str()).collect::<Vec<_>>().join(", "))),
            ("code", json!(domain::Code::E_FORBIDDEN)),
            ("rule", json!(denied.rule)),
            ("place", json!(denied.place)),
        ],
        audit::Event::CommandRefused(refused) => vec![
            ("command", json!(refused.command)),
            ("target", json!(refused.target)),
            ("code", json!(refused.code)),
            ("rule", json!(refused.rule)),
        ],
    };
    let cell = |value: Value| Node::within(Matter::AccessLog, Class::C8, value);
    let mut row = vec![
        ("index", Node::plain(read.index)),
        ("at", cell(json!(read.entry.time))),
        ("who", cell(json!(read.entry.actor))),
        ("role", cell(json!(read.entry.actorrole))),
    ];
    row.extend(cells.into_iter().map(|(name, value)| (name, cell(value))));
    Some(Node::Row(row))
}

/// An entry as a row of the timeline: as it was entered, what it says now where it is corrected, and what corrects it or what it
/// corrects. `about` is the record that a correction or voiding is about.
pub fn line(read: &Read<'_>, amendments: &Amendments, about: Option<&Lived>) -> Node {
    let entry = read.entry;
    let data: Value = serde_json::from_str(&entry.data).unwrap_or_default();
    let kind = catalog::find(&entry.kind);
    let lived = Lived::of(read.index, entry);
    let floor = about.or(lived.as_ref()).and_then(|lived| record::confidential(lived, amendments));
    let payload = |data: &Value| match (kind, about) {
        (None, _) => Node::absent(),
        (Some(kind), Some(about)) => record::payload(kind, data, about, floor),
        (Some(kind), None) => projection::payload(kind, entry, data, floor),
    };
    let mut row = vec![
        ("index", Node::plain(read.index)),
        ("id", Node::plain(entry.id.as_str())),
        ("at", Node::of(Class::C0, json!(entry.time))),
        ("occurred_at", Node::of(Class::C0, json!(entry.occurredat))),
        ("type", Node::plain(entry.kind.as_str())),
        ("subject", Node::plain(entry.subject.as_str())),
        ("actor", projection::actor(entry)),
        ("actor_role", Node::plain(entry.actorrole.as_str())),
        ("late_reason", Node::of(Class::C1, json!(entry.latereason))),
        ("policy_version", Node::plain(entry.policyversion)),
        ("payload", payload(&data)),
        ("hash", Node::plain(json!(read.hash()))),
    ];
    if let Event::Record(event) = read.event {
        let corrects = vec![
            ("index", Node::plain(data.get("target_index").cloned().unwrap_or_default())),
            ("id", Node::plain(event.target().as_str())),
        ];
        row.push(("corrects", Node::Row(corrects)));
    }
    if !amendments.of(&entry.id).is_empty() {
        row.push(("corrections", record::naming(&entry.id, amendments)));
    }
    match amendments.form(&entry.id, || data.clone()) {
        Form::AsEntered => {}
        Form::Corrected { data, .. } => row.push(("now", payload(&data))),
        Form::Voided { by } => row.push(("voided_by", Node::plain(by))),
    }
    let row = Node::Row(row);
    match read.customer() {
        Some(customer) => Node::About(customer, Box::new(row)),
        None => row,
    }
}
