//! What is shown of the work with one customer: the visits, and what came of a period.

use crate::clock::Date;
use crate::domain::grade::Dimension;
use crate::domain::history::Part;
use crate::domain::policy;
use crate::ids::{CustomerId, StreamName};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Among, Built, Looked, days_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::business::{Business, Period};
use crate::projection::{Node, visit};
use crate::store::Direction;

impl Shared {
    /// The visits to a customer, the one entered last first.
    pub(super) fn visits(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let world = &state.world;
        let days = days_of(asked)?;
        let amendments = self.amendments(&Part::Customer(id.clone()), 0..then.end)?;
        let hours = policy::parameter(world, None, then.at, "p.visit.log_hours").unsigned_abs();
        let (rows, next) = self.page_back(
            Among::Term(stream_term(StreamName::of("contact", id.as_str()).as_str())),
            then,
            asked,
            &mut |index| {
                let mut shown = None;
                self.read_live(then, index, &amendments, &mut |read| {
                    let day = world.date(read.entry.occurredat);
                    if days.from.is_none_or(|from| from <= day) && days.until.is_none_or(|until| day <= until) {
                        shown = visit::row(read, hours);
                    }
                })?;
                Ok(shown.map_or(Looked::Passed, Looked::Row))
            },
        )?;
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// What came of a customer in a period: from the first day of the year until today, unless asked otherwise.
    pub(super) fn business_report(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let zone = state.world.ledger.zone;
        let today = zone.date(then.at);
        let days = days_of(asked)?;
        let until = days.until.unwrap_or(today);
        let from = days.from.or_else(|| Date::new(until.year(), 1, 1)).unwrap_or(until);
        let mut business = Business::over(Period { from, until }, zone);
        let amendments = self.amendments(&Part::Customer(id.clone()), 0..then.end)?;
        for index in
            self.shelf.postings(stream_term(id.stream().as_str()), 0, then.end, Direction::Ascending, usize::MAX)?
        {
            self.read_live(then, index, &amendments, &mut |read| business.fold(read))?;
        }
        let archive = self.archive(state, id, then)?;
        let grade = |dimension| archive.grade(dimension, then.at);
        let row = business.row(archive.unit_name(), grade(Dimension::Business), grade(Dimension::Credit));
        let node = Node::Row(vec![("items", Node::List(vec![row]))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }
}
