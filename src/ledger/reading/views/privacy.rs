//! What is shown of the handling of personal data: what is held of whom, and what was erased.

use crate::clock::Timestamp;
use crate::domain::audit::{self, Shown};
use crate::domain::person::Person;
use crate::domain::{Event, World};
use crate::ids::{CustomerId, StreamName, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::Node;
use crate::projection::privacy::{Certificate, Held, Verified};
use crate::store::Direction;

impl Shared {
    /// The persons whose data are held, of one customer or of all, with what of them and since when unused (V-22).
    pub(super) fn personal_data(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let world = &self.world(state, then)?;
        let mut rows = Vec::new();
        let after: Option<SubjectId> = cursor(asked)?;
        let people = people_of(world, subject).filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        let (page, next) = paged(people, asked.limit);
        let mut used: Option<(CustomerId, Option<Timestamp>)> = None;
        for (id, person) in page {
            let archive = self.archive(state, &person.customer, then)?;
            let last_used = match &used {
                // A difference looks at everybody at two moments; that a value was read changes nothing of it.
                _ if asked.since.is_some() => None,
                Some((customer, last)) if *customer == person.customer => *last,
                Some(_) | None => self.last_used(&person.customer, then)?,
            };
            used = Some((person.customer.clone(), last_used));
            let destroyed = !world.privacy.erasing.contains_key(id);
            let erased = world.privacy.erased.get(id).map(|scope| (*scope, destroyed));
            rows.push(Held { id, person, people: &archive.people, erased, last_used }.row());
        }
        Ok(of_rows(rows, next, subject))
    }

    /// Every erasure with both of its ends, and whether the ledger was verified since (V-94).
    pub(super) fn erasures(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let world = &self.world(state, then)?;
        let erased = people_of(world, subject).filter(|(id, _)| world.privacy.erased.contains_key(*id));
        let after: Option<SubjectId> = cursor(asked)?;
        let (page, next) = paged(erased.filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after)), asked.limit);
        let mut verified = Vec::new();
        for index in self.of_stream(&StreamName::single("ledger"), then)? {
            self.read_of(then, index, &mut |read| verified.extend(Verified::of(read)))?;
        }
        let mut rows = Vec::new();
        for (id, person) in page {
            let mut certificate = Certificate::of(id, &person.customer);
            for index in self.of_stream(&StreamName::of("person", id.as_str()), then)? {
                self.read_of(then, index, &mut |read| certificate.fold(read))?;
            }
            rows.extend(certificate.rows(&verified));
        }
        Ok(of_rows(rows, next, subject))
    }

    fn of_stream(&self, stream: &StreamName, then: &Then) -> Result<Vec<u64>, ViewError> {
        Ok(self.shelf.postings(stream_term(stream.as_str()), 0, then.end, Direction::Ascending, usize::MAX)?)
    }

    /// When values of a customer's persons were last shown to anybody.
    ///
    /// An access entry names the customer and the classes shown; a class of persons among them is a use of the people there are.
    fn last_used(&self, customer: &CustomerId, then: &Then) -> Result<Option<Timestamp>, ViewError> {
        let term = stream_term(customer.reads().as_str());
        let mut end = then.end;
        loop {
            let newest = self.shelf.postings(term, 0, end, Direction::Descending, LOOK_AT_ONCE)?;
            let Some(last) = newest.last().copied() else { return Ok(None) };
            for index in newest {
                let mut used = None;
                self.read_of(then, index, &mut |read| {
                    if let Event::Audit(audit::Event::Accessed(accessed)) = read.event {
                        let personal = |class: &Shown| matches!(class, Shown::C4 | Shown::C5);
                        used = accessed.classes.iter().any(personal).then_some(read.entry.time);
                    }
                })?;
                if used.is_some() {
                    return Ok(used);
                }
            }
            end = last;
        }
    }
}

/// The persons of one customer, or all, in the order of their ids.
fn people_of<'a>(world: &'a World, subject: &'a Subject) -> impl Iterator<Item = (&'a SubjectId, &'a Person)> {
    let wanted = |person: &Person| subject.customer.as_ref().is_none_or(|customer| *customer == person.customer);
    world.person.people.iter().filter(move |(_, person)| wanted(person))
}

/// Takes a page, and says where the next one begins.
fn paged<'a>(
    mut people: impl Iterator<Item = (&'a SubjectId, &'a Person)>,
    limit: usize,
) -> (Vec<(&'a SubjectId, &'a Person)>, Option<String>) {
    let page: Vec<_> = people.by_ref().take(limit).collect();
    let next = people.next().and_then(|_| page.last().map(|(id, _)| id.to_string()));
    (page, next)
}

fn of_rows(rows: Vec<Node>, next: Option<String>, subject: &Subject) -> Built {
    let node = Node::Row(vec![("items", Node::List(rows))]);
    Built { node, next, targets: subject.targets.clone() }
}

/// How many readings of a customer are looked at in one go.
const LOOK_AT_ONCE: usize = 256;
