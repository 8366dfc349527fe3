//! Whether archives are kept up: their checks with what these found (V-15), and the regions' registration status (V-77).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::customer::{Profile, Verified, item_of};
use crate::ids::CustomerId;
use crate::projection::customer::Archive;
use crate::projection::{Node, Read};

/// How one archive was kept up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Upkeep {
    /// The checks, in order.
    pub checks: Vec<Check>,
    /// When something was learned of the customer or the archive was checked.
    pub at: Vec<Timestamp>,
}

/// One check of an archive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    /// The quarter it was made for.
    pub quarter: Option<String>,
    kind: String,
    by: String,
    at: Timestamp,
    result: String,
    findings: Vec<Found>,
    index: u64,
}

/// Something a check found missing or wrong.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Found {
    item: String,
    action: String,
    due: String,
    responsible: String,
}

impl Check {
    /// Takes over a check from its entry.
    pub fn of(verified: &Verified, read: &Read<'_>) -> Self {
        let findings = verified.findings.iter().flatten().map(|finding| Found {
            item: finding.item.0.clone(),
            action: finding.action.0.clone(),
            due: finding.due.to_string(),
            responsible: finding.responsible.to_string(),
        });
        Self {
            quarter: verified.period.as_ref().map(|period| period.0.clone()),
            kind: verified.kind.as_str().to_owned(),
            by: read.entry.actor.clone(),
            at: read.entry.time,
            result: verified.result.as_str().to_owned(),
            findings: findings.collect(),
            index: read.index,
        }
    }

    /// The check as a row of the view; whether a finding was put right the archive tells.
    pub fn row(&self, id: &CustomerId, name: Node, archive: &Archive) -> Node {
        let said = |value| Node::of(Class::C1, value);
        let findings = self.findings.iter().map(|found| {
            // A finding says in its own words what is missing; only where that is a field can anybody tell that it was put right.
            let learned = field_of(&found.item).and_then(|field| archive.learned(field));
            Node::Row(vec![
                ("finding", said(json!(found.item))),
                ("action", said(json!(found.action))),
                ("due", said(json!(found.due))),
                ("responsible", said(json!(found.responsible))),
                ("done", Node::plain(json!(learned.filter(|index| *index > self.index)))),
            ])
        });
        Node::Row(vec![
            ("customer_id", Node::plain(id.as_str())),
            ("customer", name),
            ("quarter", said(json!(self.quarter))),
            ("kind", said(json!(self.kind))),
            ("verified_by", said(json!(self.by))),
            ("at", said(json!(self.at))),
            ("result", said(json!(self.result))),
            ("findings", Node::List(findings.collect())),
            ("source_event", Node::plain(self.index)),
        ])
    }

    /// Tells whether it found anything.
    pub fn found_something(&self) -> bool {
        !self.findings.is_empty()
    }
}

/// The field of a profile that a finding names, by its name or by its label in either language.
fn field_of(item: &str) -> Option<&'static str> {
    let named = |name: &str| name.eq_ignore_ascii_case(item.trim());
    let mut fields = Profile::fields().iter();
    fields.find(|field| named(field.name) || named(field.en) || named(field.zh)).map(|field| item_of(field.name))
}

/// How many archives there are, and of how many something holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Covered {
    /// Archives that live.
    pub live: u64,
    /// Those of them of which it holds.
    pub of_them: u64,
}

impl Covered {
    /// Counts one archive.
    pub fn count(&mut self, holds: bool) {
        self.live += 1;
        self.of_them += u64::from(holds);
    }

    /// The share in basis points, rounded down; `None` of nothing.
    pub fn share_bp(self) -> Option<u64> {
        (self.of_them * 10_000).checked_div(self.live)
    }
}

/// The regions with how many of their archives were kept up in a year, and all of them together (V-77).
///
/// What was counted was judged customer by customer before.
pub fn registration(regions: &BTreeMap<&str, Covered>) -> (Vec<Node>, Node) {
    let cells = |covered: Covered| {
        vec![
            ("customers", Node::plain(covered.live)),
            ("updated", Node::plain(covered.of_them)),
            ("ratio_bp", Node::plain(json!(covered.share_bp()))),
        ]
    };
    let mut total = Covered::default();
    let rows = regions.iter().map(|(region, covered)| {
        total.live += covered.live;
        total.of_them += covered.of_them;
        Node::Row([vec![("region", Node::plain(*region))], cells(*covered)].concat())
    });
    let rows = rows.collect();
    (rows, Node::Row(cells(total)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_names_a_field_by_its_name_or_label_in_either_language() {
        assert_eq!(field_of("phone"), Some("phone"));
        assert_eq!(field_of(" Registered Capital "), Some("registered_capital"));
        assert_eq!(field_of("注册资本"), Some("registered_capital"));
        assert_eq!(field_of("the mood of the buyer"), None);
    }

    #[test]
    fn a_share_of_nothing_is_none() {
        let mut covered = Covered::default();
        assert_eq!(covered.share_bp(), None);
        for holds in [true, false, false] {
            covered.count(holds);
        }
        assert_eq!(covered.share_bp(), Some(3333));
    }
}
