//! What is the case between somebody and what they ask for, found on a snapshot of the world.

use crate::access::decide::Action;
use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::opening::{matters_granted, matters_lent};
use crate::access::principal::Principal;
use crate::clock::{Date, Timestamp};
use crate::domain::audit::Place;
use crate::domain::employee::{Held, Member, Status};
use crate::domain::history::Lived;
use crate::domain::role::Role;
use crate::domain::{
    About, Actor, Event, Refusal, World, anomaly, approval, common, contact, customer, escalation, grade, grant, loan,
    obligation, record, signoff,
};
use crate::ids::{CustomerId, EmployeeId};
use crate::projection::grant::Line;

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
pub fn facts_of_event(
    world: &World,
    principal: &Principal,
    held: &Held,
    event: &Event,
    about: &About,
    at: Timestamp,
) -> Facts {
    match event {
        Event::Customer(customer::Event::Registered(registered)) => in_region(world, held, &registered.region.0),
        Event::Customer(customer::Event::IndividualRegistered(registered)) => {
            in_region(world, held, &registered.region.0)
        }
        Event::Contact(contact::Event::Recorded(recorded)) => {
            // Whether they took part the module decides, with a refusal that says so; an archivist records what others did.
            let took_part = recorded.our_people.contains(&principal.employee) || !archivist(world, principal, at);
            Facts::NONE.with_if(took_part, Facts::TOOK_PART).with_if(
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
                .with_if(proposal.involves(&principal.employee), Facts::SUBMITTED)
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
                .with_if(waiting.involves(&principal.employee), Facts::SUBMITTED)
        }
        // Who entered what is to be corrected only who looked it up knows: see `facts_of_record`.
        Event::Record(_) => Facts::NONE,
        Event::Grant(grant::Event::Requested(_)) => Facts::NONE,
        Event::Grant(grant::Event::Decided(decided)) => {
            let Some((_, grant)) = grant::of(world, &about.subject) else { return Facts::NONE };
            let actor = actor(principal, held);
            let mut seats = decided.classes.iter().filter_map(|class| grant::seat(world, grant, *class, &actor, at));
            Facts::NONE
                .with_if(grant.holder == principal.employee, Facts::SELF)
                .with_if(seats.any(|(_, moved_up)| moved_up), Facts::SUBSTITUTE)
        }
        Event::Grant(grant::Event::Revoked(_)) => {
            let decided =
                |(_, grant): (_, &grant::Grant)| grant.steps.iter().any(|step| step.decider == principal.employee);
            Facts::NONE.with_if(grant::of(world, &about.subject).is_some_and(decided), Facts::DECIDER)
        }
        Event::Loan(loan::Event::Borrowed(borrowed)) => {
            Facts::NONE.with_if(borrowed.borrower == principal.employee, Facts::SELF)
        }
        Event::Loan(loan::Event::Returned(_)) => {
            let own = |(_, loan): (_, &loan::Loan)| loan.borrower == principal.employee;
            Facts::NONE.with_if(loan::of(world, &about.subject).is_some_and(own), Facts::SELF)
        }
        Event::Anomaly(anomaly::Event::Reported(_)) => Facts::NONE,
        Event::Anomaly(anomaly::Event::Resolved(_)) => {
            let Some((_, anomaly)) = anomaly::of(world, &about.subject) else { return Facts::NONE };
            Facts::NONE
                .with_if(anomaly.reported_to.contains(&principal.employee), Facts::ADDRESSEE)
                .with_if(anomaly.involves(&principal.employee), Facts::SUBMITTED)
                .with_if(anomaly.moved_up(world, at) == Some(held.role), Facts::SUBSTITUTE)
        }
        // Whoever may fill the step that is named; whose turn it is the module says, and also where no chain is open.
        Event::Signoff(signoff::Event::Recorded(recorded)) => {
            let Some(round) = world.signoff.open.get(&recorded.subject_event.0) else { return Facts::STEP_HOLDER };
            Facts::NONE
                .with_if(round.may_fill(world, held, recorded.step.0), Facts::STEP_HOLDER)
                .with_if(round.submitter.as_ref() == Some(&principal.employee), Facts::SUBMITTED)
        }
        // Requests come about by proposing what needs approval; the module says so.
        Event::Approval(approval::Event::Requested(_)) => Facts::SUBJECT_WRITER,
        // Who answers for it hears from the module that somebody above must say so.
        Event::Obligation(obligation::Event::Extended(extended)) => {
            let world = obligation::turned(world, at);
            let Some(open) = world.obligation.open.get(&extended.obligation) else { return Facts::SUPERIOR };
            let concerned = escalation::stands_above(&world, open, &principal.employee, at)
                || escalation::responsible(&world, open, at).contains(&principal.employee);
            Facts::NONE.with_if(concerned, Facts::SUPERIOR)
        }
        Event::Obligation(obligation::Event::Breached(_))
        | Event::Ledger(_)
        | Event::Calendar(_)
        | Event::Policy(_)
        | Event::Organization(_)
        | Event::Employee(_)
        | Event::Conduct(_)
        | Event::Customer(_)
        | Event::Credit(_)
        | Event::Sale(_)
        | Event::Payment(_)
        // Who may file what is asked of the policies for its class.
        | Event::Document(_)
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
        "document.filed" => Facts::SUBJECT_WRITER,
        "signoff.recorded" | "approval.given" | "approval.declined" => Facts::STEP_HOLDER | Facts::SUBMITTED,
        "approval.requested" => Facts::SUBJECT_WRITER,
        "record.corrected" | "record.voided" => Facts::SUBMITTED | Facts::SUPERIOR | Facts::OF_ARCHIVE,
        "access.decided" => Facts::SELF | Facts::SUBSTITUTE,
        "access.revoked" => Facts::DECIDER,
        "archive.borrowed" | "archive.returned" => Facts::SELF,
        "anomaly.resolved" => Facts::ADDRESSEE | Facts::SUBMITTED | Facts::SUBSTITUTE,
        "obligation.extended" => Facts::SUPERIOR,
        "appraisal.recorded" | "violation.recorded" => Facts::SELF | Facts::REGION,
        kind if kind.starts_with("employee.") => Facts::SELF | Facts::REGION,
        _ => Facts::NONE,
    }
}

/// What must be permitted besides entering an event: something that it lets somebody do.
#[derive(Clone, Debug)]
pub struct Consequence {
    /// What.
    pub action: Action,
    /// As what, with which matter, and with which facts; one of them must be permitted.
    pub any: Vec<(Role, Matter, Facts)>,
    /// What is told otherwise; where it says no more than a rule, that of the policies goes before it, if they name one.
    pub refusal: Refusal,
}

/// Says what else must be permitted for an event to be entered: to read what is asked for once it is granted, to open each class granted,
/// to hold the file that is lent.
pub fn consequences(
    world: &World,
    principal: &Principal,
    member: &Member,
    held: &Held,
    event: &Event,
    about: &About,
    at: Timestamp,
) -> Vec<Consequence> {
    let forbidden = |rule: &str| Refusal::from(common::Refusal::Forbidden { rule: rule.to_owned() });
    match event {
        Event::Grant(grant::Event::Requested(requested)) => {
            // Of no customer there is nothing to open, which the grants say themselves.
            let named = requested.classes.iter().filter(|_| !requested.customers.is_empty());
            let pairs = named.flat_map(|class| requested.modes.iter().map(move |way| (*class, *way)));
            let used = pairs.map(|(class, way)| Consequence {
                action: action_granted(way).0,
                any: uses(world, principal, member, requested, (class, way), at),
                refusal: grant::Refusal::OpensNothing { class, way }.into(),
            });
            used.collect()
        }
        Event::Grant(grant::Event::Decided(decided)) => {
            let Some((_, grant)) = grant::of(world, &about.subject) else { return Vec::new() };
            let actor = actor(principal, held);
            let opened = decided.classes.iter().map(|class| {
                let moved_up = grant::seat(world, grant, *class, &actor, at).is_some_and(|(_, moved_up)| moved_up);
                let own = Facts::NONE
                    .with_if(grant.holder == principal.employee, Facts::SELF)
                    .with_if(moved_up, Facts::SUBSTITUTE);
                let matter = class.class().matter();
                let of =
                    |customer| (held.role, matter, facts(world, principal, member, held, Some(customer)).with(own));
                let any = grant.customers.iter().map(of).collect();
                Consequence { action: Action::GrantAccess, any, refusal: forbidden("R-055") }
            });
            opened.collect()
        }
        Event::Loan(loan::Event::Borrowed(borrowed)) => {
            // Who is not on the staff is refused as a reference to nobody.
            let Some(borrower) = world.employee.members.get(&borrowed.borrower) else { return Vec::new() };
            let reader = Principal::new(borrowed.borrower.clone());
            let of = |held: &Held| (held.role, facts(world, &reader, borrower, held, Some(&borrowed.customer_id)));
            let readers: Vec<_> = borrower.roles_on(world.date(at)).map(of).collect();
            let sections: Vec<&str> = borrowed.sections.iter().map(|section| section.0.as_str()).collect();
            let lent = matters_lent(&sections).filter(|matter| BORROWED.contains(matter));
            let held = lent.map(|matter| {
                let any = readers.iter().map(|(role, facts)| (*role, matter, *facts)).collect();
                Consequence { action: Action::Borrow, any, refusal: forbidden("R-053") }
            });
            held.collect()
        }
        _ => Vec::new(),
    }
}

fn action_granted(way: grant::Way) -> (Action, Facts) {
    match way {
        grant::Way::View => (Action::Read, Facts::GRANT),
        grant::Way::Print => (Action::Print, Facts::EXPORT_GRANT),
        grant::Way::Export => (Action::Export, Facts::EXPORT_GRANT),
    }
}

/// As what, and with what, somebody would use a class in a way once it is granted: whichever of their roles they then act under, in the
/// office.
fn uses(
    world: &World,
    principal: &Principal,
    member: &Member,
    requested: &grant::Requested,
    (class, way): (grant::Opened, grant::Way),
    at: Timestamp,
) -> Vec<(Role, Matter, Facts)> {
    let granted = action_granted(way).1 | Facts::PURPOSE;
    let mut uses = Vec::new();
    for held in member.roles_on(world.date(at)) {
        for customer in &requested.customers {
            let facts = facts(world, principal, member, held, Some(customer)).without(Facts::OFFSITE).with(granted);
            uses.extend(matters_granted(class).iter().map(|matter| (held.role, *matter, facts)));
        }
    }
    uses
}

/// The matters an archive file holds.
const BORROWED: [Matter; 7] = [
    Matter::Basic,
    Matter::PersonIdentity,
    Matter::PersonPrivate,
    Matter::Commercial,
    Matter::Credit,
    Matter::Strategy,
    Matter::ContactLog,
];

fn actor(principal: &Principal, held: &Held) -> Actor {
    Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() }
}

/// Says of a customer what a proposal of this type would say of it: the facts that hold, and those that cannot.
pub fn facts_of_proposing(world: &World, kind: &str, customer: &CustomerId, at: Timestamp) -> (Facts, Facts) {
    let asked = Facts::NONE.with_if(kind == "credit_grade.proposed", Facts::KEY_CUSTOMER);
    let hold = if grade::key_customer(world, customer, at) { asked } else { Facts::NONE };
    (hold, asked.without(hold))
}

/// The facts between somebody and an entry that somebody, perhaps the same, made first.
///
/// The archivist keeps what archivists may append to archives, and neither trade, holds and consents, the staff's files nor the company's
/// order.
///
/// A superior is whoever stands above the first in the line of superiors, or heads the first's unit or one above it.
pub fn facts_of_record(world: &World, principal: &Principal, entry: &Lived) -> Facts {
    let archive = ["customer.", "contact.", "commitment.", "person.", "document."];
    let kept = record::type_of(entry).is_some_and(|of| archive.iter().any(|family| of.starts_with(family)));
    let kept = Facts::NONE.with_if(kept, Facts::OF_ARCHIVE);
    let Some(first) = entry.actor.employee() else { return kept };
    let members = &world.employee.members;
    let above = |id: &EmployeeId| members.get(id).and_then(|member| member.superior.as_ref());
    // A line that closes in itself ends all the same.
    let in_line =
        std::iter::successors(above(first), |id| above(id)).take(members.len()).any(|id| *id == principal.employee);
    let over = members.get(first).is_some_and(|member| world.organization.heads(&principal.employee, &member.unit));
    let same = *first == principal.employee;
    kept.with_if(same, Facts::SUBMITTED).with_if(!same && (in_line || over), Facts::SUPERIOR)
}

/// The facts between a holder of a role and another member of staff.
pub fn facts_of_staff(world: &World, principal: &Principal, held: &Held, staff: &EmployeeId) -> Facts {
    let region =
        world.employee.members.get(staff).is_some_and(|member| world.organization.within(&member.unit, &held.unit));
    Facts::NONE.with_if(principal.employee == *staff, Facts::SELF).with_if(region, Facts::REGION)
}

/// The facts of somebody's place in a grant or loan: whether they asked for it, decided on it, or are to decide.
pub fn facts_of_request(world: &World, principal: &Principal, member: &Member, line: &Line, at: Timestamp) -> Facts {
    let decides = grant::of(world, &line.stream).is_some_and(|(_, grant)| {
        grant.holder != principal.employee
            && at < grant.until
            && roles(principal, member, world.date(at)).any(|held| {
                let actor = actor(principal, held);
                let taken = |class| grant.steps.iter().any(|s| s.class == class && s.decider == principal.employee);
                let vacant = |class: &&grant::Opened| grant.vacant(world, **class).next().is_some() && !taken(**class);
                grant.classes.iter().filter(vacant).any(|class| grant::seat(world, grant, *class, &actor, at).is_some())
            })
    });
    Facts::NONE
        .with_if(line.holder == principal.employee, Facts::REQUESTER)
        .with_if(line.deciders.contains(&principal.employee), Facts::DECIDER)
        .with_if(decides, Facts::STEP_HOLDER)
}

/// The roles somebody may act under now: the one asked for, or all held, in the order of the roles.
pub fn roles<'a>(principal: &'a Principal, member: &'a Member, day: Date) -> impl Iterator<Item = &'a Held> {
    member.roles_on(day).filter(|held| principal.role.is_none_or(|role| role == held.role))
}

fn archivist(world: &World, principal: &Principal, at: Timestamp) -> bool {
    let member = world.employee.members.get(&principal.employee);
    member.is_some_and(|member| roles(principal, member, world.date(at)).any(|held| held.role == Role::Archivist))
}

fn heads(world: &World, employee: &EmployeeId, held: &Held) -> bool {
    world.organization.units.get(&held.unit).is_some_and(|unit| unit.head.as_ref() == Some(employee))
}

fn in_region(world: &World, held: &Held, region: &str) -> Facts {
    Facts::NONE.with_if(world.organization.reaches(&held.unit, region), Facts::REGION)
}
