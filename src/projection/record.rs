//! Corrections and voidings (V-91), and their changes wherever they are shown: each of the class of the field it is about.

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::domain::catalog::{self, EventType};
use crate::domain::class::Class;
use crate::domain::history::{Amendments, Form, Lived};
use crate::ids::EntryId;
use crate::projection::{Node, Read, Source, floor, matter_of, placed};

/// The payload of a correction or voiding: its own words, and the new values as those of the record they are about.
pub fn payload(kind: &'static EventType, data: &Value, about: &Lived, floor: Option<Class>) -> Node {
    let mut row = Vec::new();
    for field in kind.fields {
        let Some(value) = data.get(field.name) else { continue };
        if field.name != "changes" {
            row.push((field.name, Node::of(field.class, value.clone())));
            continue;
        }
        let changes = each(data).map(|(path, place, new)| {
            let mut row = vec![("path", words(json!(path)))];
            row.extend(new.map(|new| ("new", shown(about, place, new, floor))));
            Node::Row(row)
        });
        row.push(("changes", Node::List(changes.collect())));
    }
    Node::Row(row)
}

/// A correction or voiding as a row of the view, with the values before it.
pub fn row(read: &Read<'_>, about: &Lived, target: &Lived, amendments: &Amendments) -> Node {
    let data: Value = serde_json::from_str(&read.entry.data).unwrap_or_default();
    let floor = confidential(about, amendments);
    let before = match amendments.before(read.index).form(&target.id, || target.data.clone()) {
        Form::Corrected { data, .. } => data,
        Form::AsEntered | Form::Voided { .. } => target.data.clone(),
    };
    let changes = each(&data).map(|(path, place, new)| {
        let mut row = vec![("path", words(json!(path)))];
        row.extend(before.pointer(path).map(|old| ("old", shown(about, place, old, floor))));
        row.extend(new.map(|new| ("new", shown(about, place, new, floor))));
        Node::Row(row)
    });
    let row = Node::Row(vec![
        ("index", Node::plain(read.index)),
        ("id", Node::plain(read.entry.id.as_str())),
        ("type", Node::plain(read.entry.kind.as_str())),
        ("target", Node::plain(target.index)),
        ("target_id", Node::plain(target.id.as_str())),
        ("target_type", Node::plain(target.kind.name)),
        ("subject", Node::plain(read.entry.subject.as_str())),
        ("customer", Node::plain(json!(read.customer()))),
        ("changes", Node::List(changes.collect())),
        ("reason", words(json!(reason(read, &data, amendments)))),
        ("by", Node::plain(read.entry.actor.as_str())),
        ("role", Node::plain(read.entry.actorrole.as_str())),
        ("at", Node::plain(json!(read.entry.time))),
        ("voided_by", Node::plain(json!(amendments.voided(&read.entry.id).map(|voiding| voiding.index)))),
        ("hash", Node::plain(json!(read.hash()))),
    ]);
    match read.customer() {
        Some(customer) => Node::About(customer, Box::new(row)),
        None => row,
    }
}

/// What names an entry, oldest first: which correct or void it, and whether they count.
pub fn naming(id: &EntryId, amendments: &Amendments) -> Node {
    let naming = amendments.of(id).iter().map(|one| {
        Node::Row(vec![
            ("index", Node::plain(one.index)),
            ("id", Node::plain(one.id.as_str())),
            ("type", Node::plain(one.kind.as_str())),
            ("by", Node::plain(one.actor.as_str())),
            ("at", Node::plain(json!(one.at))),
            ("counts", Node::plain(amendments.voided(&one.id).is_none())),
        ])
    });
    Node::List(naming.collect())
}

/// How confidential a record is as a whole: as it was entered or as it is now, whichever is more.
pub fn confidential(lived: &Lived, amendments: &Amendments) -> Option<Class> {
    let now = match amendments.form(&lived.id, || lived.data.clone()) {
        Form::Corrected { data, .. } => floor(lived.kind, &data),
        Form::AsEntered | Form::Voided { .. } => None,
    };
    floor(lived.kind, &lived.data).max(now)
}

/// The reason as it reads now.
fn reason(read: &Read<'_>, data: &Value, amendments: &Amendments) -> Value {
    let now = match amendments.form(&read.entry.id, || data.clone()) {
        Form::Corrected { data, .. } => data,
        Form::AsEntered | Form::Voided { .. } => data.clone(),
    };
    now.get("reason").cloned().unwrap_or_default()
}

/// The changes of a correction: the path, where in the record that is, and the new value.
fn each(data: &Value) -> impl Iterator<Item = (&str, &str, Option<&Value>)> {
    let list = |name: &str| data.get(name).and_then(Value::as_array).into_iter().flatten();
    list("changes").zip(list("fields")).map(|(change, field)| {
        let path = change.get("path").and_then(Value::as_str).unwrap_or_default();
        (path, field.as_str().unwrap_or_default(), change.get("new"))
    })
}

/// One value of a record, or of a correction's own words where it is none of the record's.
fn shown(about: &Lived, field: &str, value: &Value, floor: Option<Class>) -> Node {
    let Some(place) = catalog::locate(about.kind.fields, field) else { return words(value.clone()) };
    let person = about.subject.id().filter(|_| about.subject.kind() == "person").and_then(|id| id.parse().ok());
    let source = Source {
        id: &about.id,
        kind: about.kind.name,
        matter: matter_of(about.kind.name),
        floor,
        person,
        waiting: None,
    };
    placed(&place, value, &source, format!("/data{field}"))
}

/// What a correction or voiding says of itself.
fn words(value: Value) -> Node {
    Node::within(Matter::AccessLog, Class::C8, value)
}
