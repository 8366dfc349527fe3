//! What is shown of obligations: what is open for somebody, what is overdue, and what waits for a signature.

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::duty::Sink;
use crate::domain::{Actor, Event, Fact, World, customer, escalation, grade, obligation};
use crate::ids::{CustomerId, EntryId, StreamName, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Among, Built, Looked};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::obligation::{Course, Ended, Overdue, open_row};
use crate::projection::pending::{Pending, pending};
use crate::projection::{Node, Read};
use crate::store::Direction;

impl Shared {
    /// What is open for one employee, the most urgent first.
    pub(super) fn obligations(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let Some(staff) = &subject.staff else { return Err(ViewError::NotFound) };
        let (known, at) = (self.world(state, then)?, then.at);
        let world = obligation::turned(&known, at);
        let mut found: Vec<_> =
            world.obligation.open.iter().filter(|(_, open)| escalation::answers(&world, open, staff, at)).collect();
        found.sort_by_key(|(id, open)| (open.due().is_none(), open.due(), (*id).clone()));
        let total = found.len();
        let mut rows = Vec::new();
        for (id, open) in found.into_iter().take(asked.limit) {
            let responsible = escalation::responsible(&world, open, at);
            let name = self.name_of(state, open.customer.as_ref(), then)?;
            rows.push(open_row(id, open, &responsible, name));
        }
        let items = Node::Row(vec![("items", Node::List(rows)), ("total", Node::plain(total))]);
        let node = Node::AboutStaff(staff.clone(), Box::new(items));
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// What has become overdue, the latest first, as far as the reader may know of it.
    pub(super) fn overdue(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let filter = |name: &str| asked.filters.get(name).map(String::as_str);
        let mut looks = asked.looks;
        let (rows, next) = self.page_back(Among::Term(family_term("obligation")), then, asked, &mut |index| {
            let mut first = None;
            self.read_of(then, index, &mut |read| first = first_level(read))?;
            let Some(stream) = first else { return Ok(Looked::Passed) };
            let mut overdue = Overdue::default();
            self.read_stream(then, &stream, &mut |read| overdue.fold(read))?;
            let open = overdue.id.parse().is_ok_and(|id: SubjectId| world.obligation.open.contains_key(&id));
            let matches = filter("duty").is_none_or(|duty| overdue.id.starts_with(duty))
                && filter("responsible").is_none_or(|who| overdue.responsible.iter().any(|id| id.as_str() == who))
                && filter("open").is_none_or(|wanted| (wanted == "true") == open);
            // Whoever it was reported to sees it, and whoever may see what is kept of one of them.
            let told = overdue.concerned().find(|person| sight.may_of_staff(person, Matter::Staff)).cloned();
            let Some(told) = told.filter(|_| matches) else { return Ok(Looked::Passed) };
            let course = match open {
                true => Course::Open,
                false => self.end_of_obligation(&world, &overdue, index, then, &mut looks)?,
            };
            let name = self.name_of(state, overdue.customer.as_ref(), then)?;
            let row = overdue.row(course, then.at, name);
            Ok(Looked::Row(Node::AboutStaff(told, Box::new(row))))
        })?;
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next, targets: Vec::new() })
    }

    /// What waits for somebody to sign, for those in its chain and those it waits for.
    pub(super) fn approvals(&self, state: &State, then: &Then, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let reader = sight.reader().clone();
        let waiting = self.with_register(state, then, |register| pending(&world, register, &reader, then.at))?;
        // Who may see by what right everybody acts may see who is waited for.
        let supervises = sight.may(Matter::AccessLog).allowed;
        let concerned = waiting.into_iter().filter(|pending| pending.involved || pending.yours || supervises);
        let rows = concerned.map(|pending| Ok(self.said(then, pending)?.row())).collect::<Result<_, ViewError>>()?;
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next: None, targets: Vec::new() })
    }

    /// Adds to what waits why it was proposed and on which evidence, which stands in its entry alone.
    fn said(&self, then: &Then, pending: Pending) -> Result<Pending, ViewError> {
        let proposal = pending.proposal.iter().map(EntryId::as_str);
        let Some(Some(index)) = self.places(proposal)?.first().copied() else { return Ok(pending) };
        let mut said = Value::Null;
        self.read_of(then, index, &mut |read| {
            if let Event::Grade(grade::Event::Proposed(_, proposed)) = read.event {
                said = json!(proposed);
            }
        })?;
        let evidence = said.get("evidence").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let places = self.places(evidence)?;
        Ok(if said.is_null() { pending } else { pending.saying(said, &places) })
    }

    /// Finds the entry that ended an overdue obligation: the first one after it that closes its duty, among as many as are looked at
    /// for one page; of an archive that was opened late the entry that opened it.
    fn end_of_obligation(
        &self,
        world: &World,
        overdue: &Overdue,
        breached: u64,
        then: &Then,
        looks: &mut usize,
    ) -> Result<Course, ViewError> {
        let Some(duty) = obligation::duty_of(&overdue.id) else { return Ok(Course::Released) };
        if *duty == customer::ARCHIVE {
            let opened = self.places(std::iter::once(overdue.trigger.as_str()))?;
            let mut ended = None;
            for index in opened.into_iter().flatten() {
                self.read_of(then, index, &mut |read| ended = ends(world, overdue, duty.number, read))?;
            }
            return Ok(ended.map_or(Course::Released, Course::Ended));
        }
        let family = duty.met_by.split('.').next().unwrap_or_default();
        let term = match &overdue.customer {
            // What ends these stands in the streams of the staff, whoever's file it is about.
            _ if matches!(family, "appraisal" | "violation") => family_term(family),
            Some(customer) => stream_term(customer.stream().as_str()),
            None => stream_term(family),
        };
        let mut from = breached + 1;
        loop {
            let found = self.shelf.postings(term, from, then.end, Direction::Ascending, 256.min(*looks))?;
            *looks -= found.len();
            let Some(last) = found.last().copied() else {
                return Ok(if *looks == 0 { Course::Further } else { Course::Released });
            };
            for index in found {
                let mut ended = None;
                self.read_of(then, index, &mut |read| ended = ends(world, overdue, duty.number, read))?;
                if let Some(ended) = ended {
                    return Ok(Course::Ended(ended));
                }
            }
            from = last + 1;
        }
    }

    /// A customer's name as the list shows it.
    pub(super) fn name_of(&self, state: &State, customer: Option<&CustomerId>, then: &Then) -> Result<Node, ViewError> {
        let Some(customer) = customer else { return Ok(Node::absent()) };
        self.with_register(state, then, |register| {
            register.customers.get(customer).map_or_else(Node::absent, |listed| listed.named())
        })
    }
}

/// The stream of an obligation whose first level was entered here.
fn first_level(read: &Read<'_>) -> Option<StreamName> {
    match read.event {
        Event::Obligation(obligation::Event::Breached(breached)) if breached.level.0 == 1 => {
            Some(read.entry.subject.clone())
        }
        _ => None,
    }
}

fn ends(world: &World, overdue: &Overdue, duty: u8, read: &Read<'_>) -> Option<Ended> {
    let actor = Actor::of(read.entry)?;
    let fact = Fact {
        index: read.index,
        id: &read.entry.id,
        at: read.entry.time,
        occurred_at: read.entry.occurredat,
        actor: &actor,
        subject: &read.entry.subject,
    };
    let mut sink = Sink::default();
    obligation::oblige(world, &fact, read.event, &mut sink);
    let closing = sink.closings.into_iter().find(|closing| {
        closing.duty.number == duty
            && [&overdue.object, &overdue.trigger].contains(&&closing.object)
            && closing.until.as_ref().zip(overdue.period.as_ref()).is_none_or(|(until, period)| period <= until)
    })?;
    Some(Ended { at: read.entry.time, index: read.index, met: closing.met })
}
