//! What is shown of a customer's payments.

use crate::domain::history::Part;
use crate::domain::{Event, payment, sale};
use crate::entry::Entry;
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::Built;
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::Node;
use crate::projection::payment::Account;
use crate::store::Direction;

impl Shared {
    /// What a customer paid, and which sales that leaves unpaid.
    pub(super) fn payments(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let today = state.world.date(then.at);
        let amendments = self.amendments(&Part::Customer(id.clone()), 0..then.end)?;
        let mut account = Account::default();
        for index in
            self.shelf.postings(stream_term(id.stream().as_str()), 0, then.end, Direction::Ascending, usize::MAX)?
        {
            let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
            // Most of what happens to a customer are contacts: they are passed over unread.
            if !matches!(Entry::kind_of(&bytes), Some("sale.recorded" | "payment.recorded")) {
                continue;
            }
            self.read_live(then, index, &amendments, &mut |read| match read.event {
                Event::Payment(payment::Event::Recorded(recorded)) => account.pay(recorded, read),
                Event::Sale(sale::Event::Recorded(recorded)) => account.trade(recorded, read.index),
                _ => {}
            })?;
        }
        let node = Node::Row(vec![
            ("items", Node::List(account.payments())),
            ("total", account.total()),
            ("unsettled", Node::List(account.unsettled(today))),
        ]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }
}
