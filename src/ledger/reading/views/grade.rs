//! What is shown of grades: those in force, their trace, and who did two steps of one.

use serde_json::{Value, json};

use crate::clock::Timestamp;
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::claims::term;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, index_after};
use crate::ledger::reading::{AsOf, Asked, ViewError};
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::Node;
use crate::projection::grade::{self, Process, Trace};
use crate::proof::merkle;
use crate::store::Direction;

impl Shared {
    /// The grades in force, of one customer or of all who have one.
    pub(super) fn grades(&self, end: u64, at: Timestamp, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let mut rows: Vec<(CustomerId, Node)> = Vec::new();
        let mut next = None;
        self.with_register(end, asked.as_of == AsOf::Latest, |register| {
            for (id, listed) in &register.customers {
                if subject.customer.as_ref().is_some_and(|only| only != id)
                    || asked.after.as_ref().is_some_and(|after| id.as_str() <= after.as_str())
                    || listed.grades.is_empty() && subject.customer.is_none()
                {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _)| id.to_string());
                    break;
                }
                rows.push((id.clone(), grade::in_force(id, listed.named(), &listed.grades, at)));
            }
        })?;
        let items = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: subject.targets.clone() })
    }

    /// The steps that led to each grade, with their proofs.
    pub(super) fn trace(&self, end: u64, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let trace = match &subject.customer {
            None => self.folded_trace(end, &["credit_grade"])?,
            Some(customer) => {
                let stream = format!("grade/{customer}/credit");
                let mut indexes =
                    self.shelf.postings(stream_term(&stream), 0, end, Direction::Ascending, usize::MAX)?;
                let refused = term("target", &stream);
                indexes.extend(self.shelf.postings(refused, 0, end, Direction::Ascending, usize::MAX)?);
                indexes.sort_unstable();
                let mut trace = Trace::default();
                for index in indexes {
                    self.read_at(index, &mut |read| trace.fold(read))?;
                }
                trace
            }
        };
        let after = index_after(asked)?;
        let wanted: Vec<_> = trace
            .lines
            .iter()
            .filter(|line| after.is_none_or(|after| line.index > after))
            .take(asked.limit + 1)
            .collect();
        let next = (wanted.len() > asked.limit)
            .then(|| wanted.get(asked.limit.saturating_sub(1)).map(|line| line.index.to_string()))
            .flatten();
        let shown = wanted.into_iter().take(asked.limit);
        let checkpoint = self.checkpoint();
        let proofs = self.proofs(shown.clone().map(|line| line.index));
        let items = shown
            .map(|line| {
                let proof = proofs
                    .get(&line.index)
                    .map_or(Value::Null, |path| json!({ "size": checkpoint.size, "path": path }));
                Ok(line.row(&self.places(line.evidence())?, proof))
            })
            .collect::<Result<_, ViewError>>()?;
        let root = merkle::encode_hash(&checkpoint.root);
        let checkpoint = json!({ "origin": checkpoint.origin, "size": checkpoint.size, "root": root });
        let node = Node::Row(vec![("items", Node::List(items)), ("checkpoint", Node::plain(checkpoint))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// Processes in which somebody did two steps.
    pub(super) fn separation(&self, end: u64, asked: &Asked) -> Result<Built, ViewError> {
        let trace = self.folded_trace(end, &["credit_grade", "approval"])?;
        let all = asked.filters.get("all").is_some_and(|all| all == "true");
        let rows = trace.processes.values().filter(|process| all || process.repeated()).map(Process::row);
        let node = Node::Row(vec![
            ("items", Node::List(rows.take(asked.limit).collect())),
            ("examined", Node::plain(trace.processes.len())),
        ]);
        Ok(Built { node, next: None, targets: Vec::new() })
    }

    fn folded_trace(&self, end: u64, families: &[&str]) -> Result<Trace, ViewError> {
        let mut trace = Trace::default();
        let mut indexes = Vec::new();
        for family in families {
            indexes.extend(self.shelf.postings(family_term(family), 0, end, Direction::Ascending, usize::MAX)?);
        }
        indexes.sort_unstable();
        for index in indexes {
            self.read_at(index, &mut |read| trace.fold(read))?;
        }
        Ok(trace)
    }

    /// Finds the entries of these ids.
    fn places<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Option<u64>>, ViewError> {
        let place = |id| self.recent.look_up(self.shelf.store(), term("id", id));
        ids.map(|id| place(id).map(|(index, _)| index).map_err(|_| ViewError::Store)).collect()
    }
}
