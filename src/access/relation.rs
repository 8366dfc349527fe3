//! What is the case between somebody and what they ask for, found on a snapshot of the world.

use crate::access::facts::Facts;
use crate::access::principal::Principal;
use crate::clock::{Date, Timestamp};
use crate::domain::audit::Place;
use crate::domain::employee::{Held, Member, Status};
use crate::domain::{Event, World, contact, customer, grade};
use crate::ids::{CustomerId, EmployeeId};

/// The facts between a holder of a role and a customer, or nobody in particular.
///
/// `day` decides which roles still hold; what was the case at another time is not asked: time travel moves
/// what is shown, never who may see it.
pub fn facts(world: &World, principal: &Principal, member: &Member, held: &Held, customer: Option<&CustomerId>) -> Facts {
    let facts = Facts::NONE
        .with_if(member.status == Status::OnNotice, Facts::ON_NOTICE)
        .with_if(!member.works(), Facts::LEFT)
        .with_if(principal.place == Place::Offsite, Facts::OFFSITE)
        .with_if(heads(world, &principal.employee, held), Facts::UNIT_HEAD);
    let Some(archive) = customer.and_then(|id| world.customer.customers.get(id)) else { return facts };
    let own = archive.owner == principal.employee || archive.co_contacts.contains(&principal.employee);
    facts
        .with_if(own, Facts::OWN)
        .with_if(world.organization.reaches(&held.unit, &archive.region), Facts::REGION)
}

/// The facts of a proposal beyond those of its customer.
pub fn facts_of_event(world: &World, principal: &Principal, held: &Held, event: &Event, at: Timestamp) -> Facts {
    match event {
        Event::Customer(customer::Event::Registered(registered)) => in_region(world, held, &registered.region.0),
        Event::Customer(customer::Event::IndividualRegistered(registered)) => in_region(world, held, &registered.region.0),
        Event::Contact(contact::Event::Recorded(recorded)) => Facts::NONE
            .with_if(recorded.our_people.contains(&principal.employee), Facts::TOOK_PART)
            .with_if(
                matches!(recorded.channel, contact::Channel::Phone | contact::Channel::Letter | contact::Channel::Fax | contact::Channel::Email),
                Facts::CALL_OR_LETTER,
            ),
        // Whose promise it is the module decides, with a refusal that says so.
        Event::Contact(contact::Event::CommitmentClosed(_)) => Facts::RESPONSIBLE,
        Event::Grade(grade::Event::Proposed(proposed)) => {
            Facts::NONE.with_if(grade::key_customer(world, &proposed.customer_id, at), Facts::KEY_CUSTOMER)
        }
        // Whose step it is the module decides along the chain; the policy says which roles ever hold one.
        Event::Grade(grade::Event::Reviewed(_) | grade::Event::Approved(_) | grade::Event::Rejected(_)) => Facts::STEP_HOLDER
            .with(Facts::KEY_CUSTOMER)
            .with(Facts::ACCOUNTING_PROPOSED)
            .with(Facts::SUBSTITUTE),
        Event::Grade(grade::Event::Withdrawn(_)) => Facts::SUBMITTED,
        Event::Ledger(_)
        | Event::Policy(_)
        | Event::Organization(_)
        | Event::Employee(_)
        | Event::Approval(_)
        | Event::Customer(_)
        | Event::Sale(_)
        | Event::Audit(_) => Facts::NONE,
    }
}

/// The facts between a holder of a role and another member of staff.
pub fn facts_of_staff(world: &World, principal: &Principal, held: &Held, staff: &EmployeeId) -> Facts {
    let region = world.employee.members.get(staff).is_some_and(|member| world.organization.within(&member.unit, &held.unit));
    Facts::NONE.with_if(principal.employee == *staff, Facts::SELF).with_if(region, Facts::REGION)
}

/// The roles somebody may act under now: the one asked for, or all held, in the order of the roles.
pub fn roles<'a>(principal: &'a Principal, member: &'a Member, day: Date) -> impl Iterator<Item = &'a Held> {
    member.roles_on(day).filter(|held| principal.role.is_none_or(|role| role == held.role))
}

fn heads(world: &World, employee: &EmployeeId, held: &Held) -> bool {
    world.organization.units.get(&held.unit).is_some_and(|unit| unit.head.as_ref() == Some(employee))
}

fn in_region(world: &World, held: &Held, region: &str) -> Facts {
    Facts::NONE.with_if(world.organization.reaches(&held.unit, region), Facts::REGION)
}
