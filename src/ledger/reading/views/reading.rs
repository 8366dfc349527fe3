//! What is shown of readings: who read what, when, and by what right.

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::audit::{Accessed, Authority, Event, Place, Shown};
use crate::domain::catalog::Str;
use crate::domain::employee::Status;
use crate::domain::{self, World, calendar, grant, loan};
use crate::entry::Entry;
use crate::ids::{CustomerId, EmployeeId, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Among, Built, Looked, Period, choice_of, value_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::grant::{Grants, Line};
use crate::projection::{Node, Read, audit};
use crate::store::Direction;

impl Shared {
    /// The readings of a customer's archive, those an employee did, or everybody's of everything.
    pub(super) fn access_log(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let of = subject.customer.as_ref();
        let wanted = Wanted::of(asked, &world, of, sight)?;
        let stream = match (of, &subject.staff) {
            (Some(customer), _) => Some(customer.reads()),
            (None, Some(staff)) => Some(staff.acts()),
            (None, None) => None,
        };
        // Whose reading it is says nothing of the customer, nor the other way round.
        sight.turn_to(None);
        let among = stream.as_ref().map_or(Among::All, |stream| Among::Term(stream_term(stream.as_str())));
        let (rows, next) = self.page_back(among, then, asked, &mut |index| {
            let mut looked = Ok(Looked::Passed);
            self.read_of(then, index, &mut |read| {
                let domain::Event::Audit(event) = read.event else { return };
                if wanted.period.is_before(read.entry.time) {
                    looked = Ok(Looked::End);
                } else if stream.as_ref().is_none_or(|stream| read.entry.link(stream.as_str()).is_some())
                    && wanted.takes(read.entry, event, sight)
                {
                    looked = self.reading(read, event, of);
                }
            })?;
            looked
        })?;
        sight.turn_to(of);
        let items = Node::Row(vec![("items", Node::List(rows))]);
        let node = match &subject.staff {
            Some(staff) => Node::AboutStaff(staff.clone(), Box::new(items)),
            None => items,
        };
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// One reading, with who had approved the grant or loan it rested on.
    fn reading(&self, read: &Read<'_>, event: &Event, of: Option<&CustomerId>) -> Result<Looked, ViewError> {
        let approvers = match event {
            Event::Accessed(accessed) => self.approvers(accessed, read.index)?,
            Event::Denied(_) | Event::CommandRefused(_) => Vec::new(),
        };
        let row = audit::reading(read, of.map(CustomerId::as_str), &approvers);
        Ok(row.map_or(Looked::Passed, Looked::Row))
    }

    fn approvers(&self, accessed: &Accessed, before: u64) -> Result<Vec<String>, ViewError> {
        let stream = match (&accessed.authority_ref, accessed.authority) {
            (Some(id), Authority::Grant) => grant::stream(id),
            (Some(id), Authority::Loan) => loan::stream(id),
            _ => return Ok(Vec::new()),
        };
        let mut grants = Grants::default();
        let term = stream_term(stream.as_str());
        for index in self.shelf.postings(term, 0, before, Direction::Ascending, usize::MAX)? {
            self.read_at(index, &mut |read| grants.fold(read))?;
        }
        let line = grants.lines.values().find(|line| line.stream == stream);
        Ok(line.map(Line::approvers).unwrap_or_default())
    }
}

/// What the log of readings is narrowed to.
struct Wanted<'a> {
    world: &'a World,
    /// The customer whose log it is: of other customers the same reading showed, nothing is told.
    of: Option<&'a CustomerId>,
    reader: Option<&'a str>,
    customer: Option<&'a str>,
    person: Option<OfPerson<'a>>,
    class: Option<Shown>,
    authority: Option<Authority>,
    place: Option<Place>,
    leaver: bool,
    off_hours: bool,
    period: Period,
}

/// A person asked for: readings name customers, so whose person it is counts; nobody's where the asker may not know.
struct OfPerson<'a>(Option<&'a CustomerId>);

impl<'a> Wanted<'a> {
    fn of(
        asked: &'a Asked,
        world: &'a World,
        of: Option<&'a CustomerId>,
        sight: &mut Sight<'_>,
    ) -> Result<Self, ViewError> {
        let said = |name: &str| asked.filters.get(name).map(String::as_str);
        let yes = |name: &str| choice_of(asked, name, &[("true", true), ("false", false)]);
        let person = said("person").map(|id| {
            let id: Option<SubjectId> = id.parse().ok();
            let customer = id.and_then(|id| world.person.people.get(&id)).map(|person| &person.customer);
            OfPerson(customer.filter(|customer| {
                sight.turn_to(Some(customer));
                sight.may(Matter::AccessLog).allowed || sight.may(Matter::PersonIdentity).allowed
            }))
        });
        Ok(Self {
            world,
            of,
            reader: said("actor"),
            customer: said("customer"),
            person,
            class: value_of(asked, "class")?,
            authority: value_of(asked, "authority")?,
            place: value_of(asked, "place")?,
            leaver: yes("leaver")?.unwrap_or(false),
            off_hours: yes("off_hours")?.unwrap_or(false),
            period: Period::of(asked, world.ledger.zone)?,
        })
    }

    fn takes(&self, entry: &Entry, event: &Event, sight: &Sight<'_>) -> bool {
        let (targets, classes, authority, place) = match event {
            Event::Accessed(read) => (&read.targets, read.classes.as_slice(), Some(read.authority), read.place),
            Event::Denied(denied) => (&denied.targets, &[][..], None, denied.place),
            Event::CommandRefused(_) => return false,
        };
        let names = |customer: &str| names(targets, customer) && self.of.is_none_or(|of| of.as_str() == customer);
        let of_persons = || classes.iter().any(|class| matches!(class, Shown::C4 | Shown::C5));
        self.period.holds(entry.time)
            && self.reader.is_none_or(|reader| entry.actor == reader)
            && self.customer.is_none_or(names)
            && self.class.is_none_or(|class| classes.contains(&class))
            && self.authority.is_none_or(|wanted| authority == Some(wanted))
            && self.place.is_none_or(|wanted| place == wanted)
            && self.person.as_ref().is_none_or(|of| of.0.is_some_and(|one| names(one.as_str())) && of_persons())
            && (!self.leaver || self.is_leaving(entry, sight))
            && (!self.off_hours || self.is_off_hours(entry))
    }

    /// Tells whether the reader has given notice or left, as far as the asker may know.
    fn is_leaving(&self, entry: &Entry, sight: &Sight<'_>) -> bool {
        let Ok(reader) = entry.actor.parse::<EmployeeId>() else { return false };
        let leaving = self.world.employee.members.get(&reader).is_some_and(|member| match member.status {
            Status::OnNotice | Status::Left => true,
            Status::Active | Status::Transferred | Status::Suspended => false,
        });
        leaving && sight.may_of_staff(&reader, Matter::Staff)
    }

    /// Tells whether nobody works then where the reader does.
    fn is_off_hours(&self, entry: &Entry) -> bool {
        let unit = entry.actorunit.parse().ok();
        !calendar::worktime(self.world, unit.as_ref(), entry.time).runs(entry.time)
    }
}

fn names(targets: &[Str<1, 80>], customer: &str) -> bool {
    targets.iter().any(|target| target.0 == customer)
}
