//! What is the case between somebody and what they ask for, found on a snapshot of the world.

use crate::access::facts::Facts;
use crate::access::principal::Principal;
use crate::clock::{Date, Timestamp};
use crate::domain::audit::Place;
use crate::domain::employee::{Held, Member, Status};
use crate::domain::{Actor, Event, World, approval, contact, customer, grade};
use crate::ids::{CustomerId, EmployeeId};

/// The facts between a holder of a role and a customer, or nobody in particular.
///
/// `day` decides which roles still hold; what was the case at another time is not asked: time travel moves
/// what is shown, never who may see it.
pub fn facts(
    world: &World,
    principal: &Principal,
    member: &Member,
    held: &Held,
    customer: Option<&CustomerId>,
) -> Facts {
    let facts = Facts::NONE
        .with_if(member.status == Status::OnNotice, Facts::ON_NOTICE)
        .with_if(!member.works(), Facts::LEFT)
        .with_if(principal.place == Place::Offsite, Facts::OFFSITE)
        .with_if(heads(world, &principal.employee, held), Facts::UNIT_HEAD);
    let Some(archive) = customer.and_then(|id| world.customer.customers.get(id)) else { return facts };
    let own = archive.owner == principal.employee || archive.co_contacts.contains(&principal.employee);
    facts.with_if(own, Facts::OWN).with_if(world.organization.reaches(&held.unit, &archive.region), Facts::REGION)
}

/// The facts of a proposal beyond those of its customer.
pub fn facts_of_event(world: &World, principal: &Principal, held: &Held, event: &Event, at: Timestamp) -> Facts {
    match event {
        Event::Customer(customer::Event::Registered(registered)) => in_region(world, held, &registered.region.0),
        Event::Customer(customer::Event::IndividualRegistered(registered)) => {
            in_region(world, held, &registered.region.0)
        }
        Event::Contact(contact::Event::Recorded(recorded)) => {
            Facts::NONE.with_if(recorded.our_people.contains(&principal.employee), Facts::TOOK_PART).with_if(
                matches!(
                    recorded.channel,
                    contact::Channel::Phone
                        | contact::Channel::Letter
                        | contact::Channel::Fax
                        | contact::Channel::Email
                ),
                Facts::CALL_OR_LETTER,
            )
        }
        // Of a person's data it matters only whose customer it is.
        Event::Person(_) | Event::Privacy(_) => Facts::NONE,
        // Whose promise it is the module decides, with a refusal that says so.
        Event::Contact(contact::Event::CommitmentClosed(_)) => Facts::RESPONSIBLE,
        Event::Grade(grade::Event::Proposed(grade::Dimension::Credit, proposed)) => {
            Facts::NONE.with_if(grade::key_customer(world, &proposed.customer_id, at), Facts::KEY_CUSTOMER)
        }
        Event::Grade(grade::Event::Proposed(grade::Dimension::Business, _)) => Facts::NONE,
        Event::Grade(
            grade::Event::Reviewed(_, grade::Reviewed { proposal_id, .. })
            | grade::Event::Approved(_, grade::Approved { proposal_id, .. })
            | grade::Event::Rejected(_, grade::Rejected { proposal_id, .. }),
        ) => {
            let Some(proposal) = world.grade.open.get(proposal_id) else { return Facts::NONE };
            // Whether a step has moved up the module finds out along the chain; policy says who may ever take it.
            Facts::SUBSTITUTE
                .with_if(proposal.proposer == principal.employee, Facts::SUBMITTED)
                .with_if(proposal.seats.last() == Some(&grade::Seat::AccountingHead), Facts::KEY_CUSTOMER)
                .with_if(proposal.seats.last() == Some(&grade::Seat::GeneralManager), Facts::ACCOUNTING_PROPOSED)
        }
        Event::Grade(grade::Event::Withdrawn(..)) => Facts::SUBMITTED,
        Event::Approval(approval::Event::Given(approval::Given { request_id, .. }))
        | Event::Approval(approval::Event::Declined(approval::Declined { request_id, .. })) => {
            let Some(waiting) = world.approval.waiting.get(request_id) else { return Facts::STEP_HOLDER };
            let holds = waiting.steps.iter().any(|step| match step {
                approval::Step::Person(person) => *person == principal.employee,
                approval::Step::Holder(role) => *role == held.role,
                approval::Step::Either(role, other) => *role == held.role || *other == held.role,
            });
            Facts::NONE
                .with_if(holds, Facts::STEP_HOLDER)
                .with_if(waiting.actor.employee() == Some(&principal.employee), Facts::SUBMITTED)
        }
        // Who entered what is to be corrected only who looked it up knows: see `facts_of_record`.
        Event::Record(_) => Facts::NONE,
        // Requests come about by proposing what needs approval; the module says so.
        Event::Approval(approval::Event::Requested(_)) => Facts::SUBJECT_WRITER,
        Event::Ledger(_)
        | Event::Policy(_)
        | Event::Organization(_)
        | Event::Employee(_)
        | Event::Customer(_)
        | Event::Credit(_)
        | Event::Sale(_)
        | Event::Payment(_)
        | Event::Audit(_) => Facts::NONE,
    }
}

/// The facts that a proposal of this type may carry besides those of its customer, before it is known what it says.
///
/// Whatever [`facts_of_event`] and [`facts_of_staff`] find of a proposal is among them; where a proposal is authorized, that is
/// asserted.
pub fn facts_of_type(kind: &str) -> Facts {
    match kind {
        "customer.registered" | "customer.individual_registered" => Facts::REGION,
        "contact.recorded" => Facts::TOOK_PART | Facts::CALL_OR_LETTER,
        "commitment.closed" => Facts::RESPONSIBLE,
        "credit_grade.proposed" => Facts::KEY_CUSTOMER,
        "credit_grade.reviewed" | "credit_grade.approved" | "credit_grade.rejected" => {
            Facts::SUBSTITUTE | Facts::SUBMITTED | Facts::KEY_CUSTOMER | Facts::ACCOUNTING_PROPOSED
        }
        // The region alone decides on them, whoever the customer is.
        "business_grade.reviewed" | "business_grade.approved" | "business_grade.rejected" => {
            Facts::SUBSTITUTE | Facts::SUBMITTED
        }
        "credit_grade.withdrawn" | "business_grade.withdrawn" => Facts::SUBMITTED,
        "approval.given" | "approval.declined" => Facts::STEP_HOLDER | Facts::SUBMITTED,
        "approval.requested" => Facts::SUBJECT_WRITER,
        "record.corrected" | "record.voided" => Facts::SUBMITTED | Facts::SUPERIOR,
        kind if kind.starts_with("employee.") => Facts::SELF | Facts::REGION,
        _ => Facts::NONE,
    }
}

/// Says of a customer what a proposal of this type would say of it: the facts that hold, and those that cannot.
pub fn facts_of_proposing(world: &World, kind: &str, customer: &CustomerId, at: Timestamp) -> (Facts, Facts) {
    let asked = Facts::NONE.with_if(kind == "credit_grade.proposed", Facts::KEY_CUSTOMER);
    let hold = if grade::key_customer(world, customer, at) { asked } else { Facts::NONE };
    (hold, asked.without(hold))
}

/// The facts between somebody and an entry that somebody, perhaps the same, made first.
///
/// A superior is whoever stands above the first in the line of superiors, or heads the first's unit or one above it.
pub fn facts_of_record(world: &World, principal: &Principal, first: &Actor) -> Facts {
    let Some(first) = first.employee() else { return Facts::NONE };
    let members = &world.employee.members;
    let above = |id: &EmployeeId| members.get(id).and_then(|member| member.superior.as_ref());
    // A line that closes in itself ends all the same.
    let in_line =
        std::iter::successors(above(first), |id| above(id)).take(members.len()).any(|id| *id == principal.employee);
    let units = &world.organization.units;
    let heads = |unit| units.get(unit).is_some_and(|unit| unit.head.as_ref() == Some(&principal.employee));
    let over = members.get(first).is_some_and(|member| world.organization.line(&member.unit).any(heads));
    let same = *first == principal.employee;
    Facts::NONE.with_if(same, Facts::SUBMITTED).with_if(!same && (in_line || over), Facts::SUPERIOR)
}

/// The facts between a holder of a role and another member of staff.
pub fn facts_of_staff(world: &World, principal: &Principal, held: &Held, staff: &EmployeeId) -> Facts {
    let region =
        world.employee.members.get(staff).is_some_and(|member| world.organization.within(&member.unit, &held.unit));
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
