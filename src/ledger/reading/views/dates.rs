//! What is shown of the days that matter to persons: which is next, when to think of it, and whether somebody has.

use serde_json::json;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::{Opened, Sight};
use crate::clock::Date;
use crate::domain::class::Class;
use crate::domain::person::Purpose;
use crate::domain::privacy::Scope;
use crate::domain::{Refusal, World, calendar};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::customer::Archive;
use crate::projection::person::Dated;
use crate::projection::{Cell, Node, Personal};

impl Shared {
    /// The important dates of persons who agreed to it, of one customer or of all the reader may see, the nearest first (V-72).
    ///
    /// Days are computed only from values that would be shown opened; where they are not opened they are listed masked.
    pub(super) fn important_dates(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let today = world.date(then.at);
        let last = today.plus_days(days_ahead(asked)?);
        let mut customers = consenting(&state.world, subject);
        customers.retain(|customer| {
            sight.turn_to(Some(customer));
            sight.may_of(Matter::PersonPrivate, Facts::ABOUT_DATES).allowed
        });
        let after: Option<CustomerId> = cursor(asked)?;
        customers.retain(|customer| after.as_ref().is_none_or(|after| customer > after));
        // What is looked at for one page is bounded; the next one begins where this one ends.
        let next = customers.get(asked.looks).and_then(|_| customers.get(asked.looks.saturating_sub(1))).cloned();
        customers.truncate(asked.looks);
        let (mut opened, mut masked) = (Vec::new(), Vec::new());
        for customer in customers {
            sight.turn_to(Some(&customer));
            let open = asked.reveal && !sight.may_of(Matter::PersonPrivate, Facts::ABOUT_DATES).masked;
            let name = self.name_of(state, Some(&customer), then)?;
            let archive = self.archive(state, &customer, then)?;
            for dated in archive.people.dates().into_iter().filter(|dated| usable(&state.world, dated)) {
                if !open {
                    masked.push(row(&customer, &name, &dated, vec![("date", dated.date.clone())]));
                    continue;
                }
                let Some(day) = self.opened_day(&dated).and_then(|day| next_time(day, today)) else { continue };
                if day <= last {
                    let more = computed(&world, &customer, &archive, &dated, (day, today));
                    opened.push(((day, customer.clone()), row(&customer, &name, &dated, more)));
                }
            }
        }
        sight.turn_to(subject.customer.as_ref());
        opened.sort_by(|(one, _), (other, _)| one.cmp(other));
        let rows = opened.into_iter().map(|(_, row)| row).chain(masked).collect();
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: next.map(|next| next.to_string()), targets: subject.targets.clone() })
    }

    fn opened_day(&self, dated: &Dated<'_>) -> Option<Date> {
        match self.open_seal(&dated.seal, &dated.at.id, &dated.at.kind, &dated.at.pointer) {
            Opened::Value(day) => day.as_str()?.parse().ok(),
            Opened::Erased | Opened::Unreadable => None,
        }
    }
}

/// The customers of whose persons somebody agrees to the use, in the order of their ids.
fn consenting(world: &World, subject: &Subject) -> Vec<CustomerId> {
    let people = world.person.people.values().filter(|person| person.agrees(Purpose::RelationshipCare));
    let wanted = people.filter(|person| subject.customer.as_ref().is_none_or(|customer| *customer == person.customer));
    let mut customers: Vec<CustomerId> = wanted.map(|person| person.customer.clone()).collect();
    customers.sort();
    customers.dedup();
    customers
}

/// Tells whether a person's private data may be used now: agreed to, not erased and not held, whatever moment is asked about.
fn usable(world: &World, dated: &Dated<'_>) -> bool {
    let agrees = |person: &crate::domain::person::Person| person.agrees(Purpose::RelationshipCare);
    world.person.people.get(dated.person).is_some_and(agrees)
        && !world.privacy.is_erased(dated.person, Scope::Private)
        && !world.privacy.holds.contains_key(dated.person)
}

/// The next time a day comes round: a date of an earlier year comes every year, and 29 February in other years the day before.
fn next_time(day: Date, today: Date) -> Option<Date> {
    let in_year = |year| day.in_year(year);
    let this = if day > today { day } else { in_year(today.year())? };
    if this >= today { Some(this) } else { in_year(today.year() + 1) }
}

/// When to think of it, ten working days of whoever owns the customer before, and whether there was a contact since.
fn computed(
    world: &World,
    customer: &CustomerId,
    archive: &Archive,
    dated: &Dated<'_>,
    (day, today): (Date, Date),
) -> Vec<(&'static str, Node)> {
    let owner = world.customer.customers.get(customer).and_then(|known| world.employee.members.get(&known.owner));
    let zone = world.ledger.zone;
    let worktime = calendar::worktime(world, owner.map(|owner| &owner.unit), zone.start_of(today));
    let cell = |value| {
        let person = Some(Personal { id: dated.person.clone(), by_consent: true });
        let cell = Cell { value, matter: Class::C5.matter(), class: Class::C5, sealed: None, person };
        let computed = Node::Computed(dated.seal.clone(), Box::new(Node::Cell(cell)));
        Node::Concerning(Facts::ABOUT_DATES, Box::new(computed))
    };
    let mut row = vec![("date", cell(json!(day)))];
    match worktime.days_before(day, REMIND_DAYS) {
        Ok(remind_on) => {
            let met = archive.contacted_since(zone.start_of(remind_on)).filter(|_| remind_on <= today);
            row.push(("remind_on", cell(json!(remind_on))));
            row.push(("done", cell(json!(met.is_some()))));
            row.push(("source_event", met.map_or_else(Node::absent, Node::plain)));
        }
        Err(missing) => {
            row.push(("missing_calendar", cell(json!({ "calendar": missing.calendar, "year": missing.year }))));
        }
    }
    row
}

fn row(customer: &CustomerId, name: &Node, dated: &Dated<'_>, days: Vec<(&'static str, Node)>) -> Node {
    let mut row = days;
    row.push(("customer_id", Node::plain(customer.as_str())));
    row.push(("customer", name.clone()));
    row.push(("person_id", Node::of(Class::C1, dated.person.as_str())));
    row.push(("person", dated.name.clone()));
    row.push(("occasion", dated.occasion.clone()));
    Node::About(customer.clone(), Box::new(Node::Row(row)))
}

fn days_ahead(asked: &Asked) -> Result<u32, ViewError> {
    let days = asked.filters.get("days").map(|days| days.parse().ok().filter(|days| (1..=366).contains(days)));
    let bad = || ViewError::Refused(Refusal::field("/days", "must be from 1 to 366", "须为1至366"));
    days.map_or(Ok(DAYS_AHEAD), |days| days.ok_or_else(bad))
}

/// Working days before a date on which it is thought of.
const REMIND_DAYS: u32 = 10;

/// How many days ahead one looks who does not say.
const DAYS_AHEAD: u32 = 60;
