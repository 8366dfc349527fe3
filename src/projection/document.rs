//! Filed papers: what is said of each, without its content.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::document::{Event, Filed};
use crate::domain::{self, person};
use crate::projection::{Cell, Node, Personal, Read, SealedAt};

/// A filed paper.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paper {
    /// Its payload: the compact form of documents cannot tell values of unknown shape apart.
    data: String,
    at: SealedAt,
    filed_by: String,
    filed_at: Timestamp,
    index: u64,
}

impl Paper {
    /// Takes a paper over from the entry that files it.
    pub fn of(read: &Read<'_>) -> Option<Self> {
        let domain::Event::Document(Event::Filed(_)) = read.event else { return None };
        let at = SealedAt { id: read.entry.id.clone(), kind: read.entry.kind.clone(), pointer: "/data".into() };
        let (filed_by, filed_at) = (read.entry.actor.clone(), read.entry.time);
        Some(Self { data: read.entry.data.clone().into(), at, filed_by, filed_at, index: read.index })
    }

    /// Reads the payload of the entry that files it.
    pub fn filed(&self) -> Option<Filed> {
        serde_json::from_str(&self.data).ok()
    }

    /// What is said of it, with what stands for its content where its file is amiss, and the entry that voided it, if one did.
    pub fn row_with(&self, amiss: Option<&'static str>, voided_by: Option<u64>) -> Node {
        let mut node = self.row();
        if let Node::Row(row) = &mut node {
            row.extend(amiss.map(|amiss| ("content", Node::plain(amiss))));
            row.extend(voided_by.map(|by| ("voided_by", Node::plain(by))));
        }
        node
    }

    /// What is said of it; its title, its name and its hash are as confidential as it is itself.
    pub fn row(&self) -> Node {
        let Some(filed) = self.filed() else { return Node::absent() };
        let secrecy = filed.class.class();
        let own = |value: Value, pointer: Option<&str>| {
            let sealed = pointer.map(|pointer| SealedAt { pointer: format!("/data/{pointer}"), ..self.at.clone() });
            let person = filed.person_id.as_ref();
            let person =
                person.map(|person::PersonId(id)| Personal { id: id.clone(), by_consent: secrecy == Class::C5 });
            Node::Cell(Cell { value, matter: secrecy.matter(), class: secrecy, sealed, person })
        };
        let open = |value: Value| Node::of(Class::C1, value);
        let file = filed.file.as_ref();
        let name = file.and_then(|file| file.name.as_ref()).map(|name| name.text());
        Node::Row(vec![
            ("document_id", Node::plain(json!(filed.document_id))),
            ("kind", open(json!(filed.kind))),
            ("title", own(json!(filed.title.text()), Some("title"))),
            ("period", open(json!(filed.period))),
            ("class", open(json!(filed.class))),
            ("file_name", name.map_or_else(Node::absent, |name| own(json!(name), Some("file/name")))),
            ("mime", open(json!(file.map(|file| file.mime)))),
            ("size", open(json!(file.map(|file| file.size)))),
            ("hash", own(json!(file.map(|file| file.hash)), None)),
            ("person_id", filed.person_id.as_ref().map_or_else(Node::absent, |id| Node::of(Class::C4, json!(id)))),
            ("related", open(json!(filed.related))),
            ("filed_by", open(json!(self.filed_by))),
            ("filed_at", open(json!(self.filed_at))),
            ("source_event", Node::plain(self.index)),
        ])
    }
}
