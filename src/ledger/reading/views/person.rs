//! What is shown of a customer's key persons: their data, how they stand to us, and what they decide.

use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::Built;
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::person::People;

impl Shared {
    /// What is known of a customer's people, as `rows` tells it.
    pub(super) fn people(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
        rows: fn(&People, &Node) -> Vec<Node>,
    ) -> Result<Built, ViewError> {
        let archive = self.archive(state, id, then)?;
        let rows = rows(&archive.people, &archive.unit_name());
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// The people of a key account who are in post, and what they decide together.
    pub(super) fn related_persons(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let node = self.archive(state, id, then)?.people.related();
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }
}
