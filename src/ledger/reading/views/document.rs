//! What is shown of filed papers: those of a customer, and one of them with what it holds.

use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::Built;
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::document::Paper;

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
        let rows = archive.papers.iter().rev().map(Paper::row).collect();
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// One paper.
    pub(super) fn document(&self, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let found = self.find_document(asked.subject.as_deref().unwrap_or_default())?;
        let (index, ..) = found.ok_or(ViewError::NotFound)?;
        let mut node = Node::absent();
        self.read_at(index, &mut |read| node = Paper::of(read).as_ref().map_or_else(Node::absent, Paper::row))?;
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }
}
