//! What is shown of corrections and voidings: each with the entry it is about, and both ways in every timeline.

use std::collections::BTreeMap;

use crate::domain::Event;
use crate::domain::history::{Amendments, Lived, Part};
use crate::ids::{CustomerId, EntryId};
use crate::ledger::Shared;
use crate::ledger::claims::term;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::tail::{amends_term, family_term};
use crate::projection::{Node, Read, audit, record};
use crate::store::Direction;

/// What was corrected and voided among the first so many entries, read once per customer.
pub(super) struct Corrected {
    end: u64,
    read: BTreeMap<Option<CustomerId>, Amendments>,
}

impl Corrected {
    /// Looks at the first `end` entries.
    pub(super) fn until(end: u64) -> Self {
        Self { end, read: BTreeMap::new() }
    }

    fn of(&mut self, shared: &Shared, customer: Option<CustomerId>) -> Result<&Amendments, ViewError> {
        if !self.read.contains_key(&customer) {
            let found = shared.amendments(&Part::of(customer.clone()), 0..self.end)?;
            self.read.insert(customer.clone(), found);
        }
        self.read.get(&customer).ok_or(ViewError::Store)
    }
}

impl Shared {
    /// Corrections and voidings, newest first, of one customer or of all.
    pub(super) fn corrections(&self, then: &Then, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let of = match &subject.customer {
            Some(customer) => amends_term(&Part::Customer(customer.clone())),
            None => family_term("record"),
        };
        let before = cursor::<u64>(asked)?.unwrap_or(then.end).min(then.end);
        let found = self.shelf.postings(of, 0, before, Direction::Descending, asked.limit.saturating_add(1))?;
        let more = found.len() > asked.limit;
        let mut corrected = Corrected::until(then.end);
        let mut rows = Vec::new();
        let mut last = None;
        for index in found.into_iter().take(asked.limit) {
            let mut row = Ok(None);
            self.read_of(then, index, &mut |read| row = self.corrections_row(read, &mut corrected))?;
            rows.extend(row?);
            last = Some(index);
        }
        let next = last.filter(|_| more).map(|last| last.to_string());
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    fn corrections_row(&self, read: &Read<'_>, corrected: &mut Corrected) -> Result<Option<Node>, ViewError> {
        let Event::Record(event) = read.event else { return Ok(None) };
        let about = self.lived(event.record())?;
        let target = self.lived(Some(event.target()))?;
        let amendments = corrected.of(self, read.customer())?;
        Ok(about.zip(target).map(|(about, target)| record::row(read, &about, &target, amendments)))
    }

    /// An entry as a line of a timeline: as it was entered, what it says now, and what corrects it or what it corrects.
    pub(super) fn line(&self, read: &Read<'_>, corrected: &mut Corrected) -> Result<Node, ViewError> {
        let about = match read.event {
            Event::Record(event) => self.lived(event.record())?,
            _ => None,
        };
        let amendments = corrected.of(self, read.customer())?;
        Ok(audit::line(read, amendments, about.as_ref()))
    }

    fn lived(&self, id: Option<&EntryId>) -> Result<Option<Lived>, ViewError> {
        let Some(id) = id else { return Ok(None) };
        let (index, _) = self.recent.look_up(self.shelf.store(), term("id", id.as_str()))?;
        let Some(index) = index else { return Ok(None) };
        let entry = self.entry(index)?.ok_or(ViewError::Store)?;
        Ok(Lived::of(index, &entry).filter(|lived| lived.id == *id))
    }

    /// Returns every correction and voiding among the first `end` entries.
    pub(super) fn all_amendments(&self, end: u64) -> Result<Amendments, ViewError> {
        let mut amendments = Amendments::default();
        for index in self.shelf.postings(family_term("record"), 0, end, Direction::Ascending, usize::MAX)? {
            let entry = self.entry(index)?.ok_or(ViewError::Store)?;
            amendments.note(index, &entry);
        }
        Ok(amendments)
    }
}
