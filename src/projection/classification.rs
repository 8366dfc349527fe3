//! How customers are classified (V-14), and those of whom we are the customers (V-13).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::customer::{Classified, StatedStatus, Status, StatusChanged};
use crate::ids::CustomerId;
use crate::projection::{Node, Read};

/// The classes of one customer, the newest in each dimension, and why it was lost.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Classification {
    classes: BTreeMap<String, Classed>,
    lost: Option<Lost>,
}

/// The class in one dimension.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Classed {
    value: String,
    basis: String,
    since: Timestamp,
    index: u64,
}

/// What was said when the customer was stated to be lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Lost {
    reason: String,
    winback_plan: Option<String>,
}

/// What the rows of the view are narrowed to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Narrowing<'a> {
    /// The dimension.
    pub dimension: Option<&'a str>,
    /// The class in it.
    pub value: Option<&'a str>,
    /// The stage of life.
    pub lifecycle: Option<&'a str>,
}

impl Classification {
    /// Takes over a class.
    pub fn classify(&mut self, read: &Read<'_>, classified: &Classified) {
        let classed = Classed {
            value: classified.value.0.clone(),
            basis: classified.basis.0.clone(),
            since: read.entry.occurredat,
            index: read.index,
        };
        self.classes.insert(classified.dimension.as_str().to_owned(), classed);
    }

    /// Takes over what was stated of the customer.
    pub fn state(&mut self, changed: &StatusChanged) {
        self.lost = (changed.status == StatedStatus::Lost).then(|| Lost {
            reason: changed.reason.0.clone(),
            winback_plan: changed.winback_plan.as_ref().map(|plan| plan.0.clone()),
        });
    }

    /// One row per dimension, or one without where there is none: the stage of life is everybody's (V-14).
    pub fn rows(&self, id: &CustomerId, name: &Node, lifecycle: Option<Status>, narrowing: Narrowing<'_>) -> Vec<Node> {
        let lifecycle = lifecycle.map(Status::as_str);
        if narrowing.lifecycle.is_some_and(|wanted| lifecycle != Some(wanted)) {
            return Vec::new();
        }
        // A sale since makes the statement, and what it said, a thing of the past.
        let lost = self.lost.as_ref().filter(|_| lifecycle == Some(Status::Lost.as_str()));
        let row = |classed: Option<(&String, &Classed)>| {
            let said = |value| Node::of(Class::C1, value);
            Node::Row(vec![
                ("customer_id", Node::plain(id.as_str())),
                ("customer", name.clone()),
                ("dimension", said(json!(classed.map(|(dimension, _)| dimension)))),
                ("value", said(json!(classed.map(|(_, classed)| &classed.value)))),
                ("lifecycle", said(json!(lifecycle))),
                ("lost_reason", said(json!(lost.map(|lost| &lost.reason)))),
                ("winback", Node::of(Class::C6, json!(lost.and_then(|lost| lost.winback_plan.as_ref())))),
                ("basis", said(json!(classed.map(|(_, classed)| &classed.basis)))),
                ("since", said(json!(classed.map(|(_, classed)| classed.since)))),
                ("source_event", Node::plain(json!(classed.map(|(_, classed)| classed.index)))),
            ])
        };
        let unclassed = self.classes.is_empty() && narrowing.dimension.is_none() && narrowing.value.is_none();
        let classes = self.classes.iter().filter(|(dimension, classed)| {
            narrowing.dimension.is_none_or(|wanted| *dimension == wanted)
                && narrowing.value.is_none_or(|wanted| classed.value == wanted)
        });
        classes.map(Some).chain(unclassed.then_some(None)).map(row).collect()
    }
}

/// A firm that serves us as a row of the view: what it does, whom to talk to, since when we know it (V-13).
pub fn special(id: &CustomerId, name: Node, scope: Node, contacts: Node, since: Option<Timestamp>) -> Node {
    Node::Row(vec![
        ("kind", scope),
        ("customer_id", Node::plain(id.as_str())),
        ("name", name),
        ("contact", contacts),
        ("since", Node::of(Class::C1, json!(since))),
    ])
}
