//! What is shown of filed papers: those of a customer, and one of them with what it holds.

use crate::access::redactor::Sight;
use crate::domain::common;
use crate::domain::history::Part;
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::Built;
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::document::Paper;
use crate::projection::{self, Node};

impl Shared {
    /// The papers of a customer, newest first.
    pub(super) fn documents(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let archive = self.archive(state, id, then)?;
        let rows = archive.papers.iter().rev().map(|paper| paper.row_with(self.amiss(paper), None)).collect();
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// One paper; one that was voided says so, and its file leaves to audit and compliance only, whatever moment is asked about.
    pub(super) fn document(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let found = self.find_document(asked.subject.as_deref().unwrap_or_default())?;
        let (index, entry, _) = found.ok_or(ViewError::NotFound)?;
        let amendments = self.amendments(&Part::of(projection::customer_of(&entry)), 0..state.size)?;
        let voided = amendments.voided(&entry.id).is_some();
        if voided && asked.view.key == "file" && !sight.may_take_proofs() {
            return Err(ViewError::Denied(common::Refusal::Forbidden { rule: "R-005".into() }.into()));
        }
        let amendments = amendments.before(then.end);
        let by = amendments.voided(&entry.id).map(|voiding| voiding.index);
        let mut node = Node::absent();
        self.read_at(index, &mut |read| {
            node = Paper::of(read).map_or_else(Node::absent, |paper| paper.row_with(self.amiss(&paper), by));
        })?;
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// Which papers of a customer have no content now, by their place among those filed.
    pub(in crate::ledger::reading) fn papers_amiss(&self, state: &State, id: &CustomerId, then: &Then) -> Vec<usize> {
        let Ok(archive) = self.archive(state, id, then) else { return Vec::new() };
        let places = archive.papers.iter().enumerate().filter(|(_, paper)| self.amiss(paper).is_some());
        places.map(|(place, _)| place).collect()
    }

    /// What stands for the content of a paper whose file is amiss now, whatever moment is asked about.
    pub(super) fn amiss(&self, paper: &Paper) -> Option<&'static str> {
        paper.filed().and_then(|filed| self.file_amiss(&filed))
    }
}
