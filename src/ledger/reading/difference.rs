//! What changed in a view between two moments, as the reader would see it at both.

use crate::access::redactor::Sight;
use crate::domain::Refusal;
use crate::ledger::Ledger;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError, about};
use crate::ledger::state::State;
use crate::projection::{Node, difference};

impl Ledger {
    /// Compares what a view shows of two moments; who may see what is decided on the state of now, as for each of them.
    pub(super) fn differences(
        &self,
        state: &State,
        since: &Then,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        if !asked.view.compares() {
            let refusal = Refusal::field(
                "/since",
                "is not for this view, which shows every change by itself",
                "不适用于此视图，其本身即逐条显示变化",
            );
            return Err(ViewError::Refused(refusal));
        }
        let passed = cursor::<u64>(asked)?.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX));
        let whole = Asked { after: None, limit: usize::MAX, looks: usize::MAX, ..asked.clone() };
        let after = self.build(state, then, &whole, subject, sight)?;
        let before = match self.build(state, since, &whole, subject, sight) {
            Ok(before) => Some(before.node),
            // There was no such thing yet: all of it has come since.
            Err(ViewError::NotFound) => None,
            Err(error) => return Err(error),
        };
        let rows = difference::between(asked.view.columns, before.as_ref(), &after.node);
        // What looks the same to this reader is no difference: that something masked has changed would tell of it.
        let mut looking = sight.afresh();
        let mut seen = rows.into_iter().filter(|row| {
            let shown = looking.show(&about(subject, row.clone()));
            shown.get("before") != shown.get("after")
        });
        let items: Vec<Node> = seen.by_ref().skip(passed).take(asked.limit).collect();
        // Looking at what comes after a page costs as much as the page.
        let next = seen.next().map(|_| (passed + asked.limit).to_string());
        let node = Node::Row(vec![("items", Node::List(items)), ("since", Node::plain(since.end.saturating_sub(1)))]);
        Ok(Built { node, next, targets: after.targets })
    }
}
