//! Whose decisions a grade needs, and who may take each of them: seats, their holders, and who replaces them.

use crate::clock::Timestamp;
use crate::domain::employee::Held;
use crate::domain::grade::{Dimension, Proposal, Refusal, Seat, key_customer};
use crate::domain::role::Role;
use crate::domain::{Context, World, policy};
use crate::ids::{CustomerId, EmployeeId};

/// Returns the seats a proposal passes: the region's alone, unless the credit of a key customer is at stake.
pub(super) fn seats(
    world: &World,
    dimension: Dimension,
    customer: &CustomerId,
    role: Option<Role>,
    at: Timestamp,
) -> Vec<Seat> {
    let accounting_decides = policy::preset(world, None, at, "credit") == "credit.accounting_key";
    match dimension {
        Dimension::Business => vec![Seat::Regional],
        Dimension::Credit if role == Some(Role::Accounting) => vec![Seat::Regional, Seat::GeneralManager],
        Dimension::Credit if accounting_decides && key_customer(world, customer, at) => {
            vec![Seat::Regional, Seat::AccountingHead]
        }
        Dimension::Credit => vec![Seat::Regional],
    }
}

/// Refuses whoever proposed or has taken a step.
pub(super) fn check_distinct(context: &Context<'_>, proposal: &Proposal) -> Result<(), Refusal> {
    if context.actor.employee().is_some_and(|actor| proposal.involves(actor)) { Err(Refusal::OwnProposal) } else { Ok(()) }
}

/// the step's holder decides; where every holder is disqualified, the next level up.
pub(super) fn check_holder(
    world: &World,
    context: &Context<'_>,
    proposal: &Proposal,
    seat: Option<Seat>,
) -> Result<(), Refusal> {
    check_distinct(context, proposal)?;
    let mut seat = seat;
    while let Some(asked) = seat {
        let holders = holders(world, context.at, proposal, asked);
        if holders.is_empty() {
            seat = above(asked);
            continue;
        }
        let acts_as = context.actor.role() == Some(role(asked));
        let holds = context.actor.employee().is_some_and(|actor| holders.contains(&actor));
        if holds && acts_as {
            return Ok(());
        }
        return Err(Refusal::NotYourStep { seat: asked });
    }
    Err(Refusal::NobodyLeft)
}

/// Returns everybody at work who may take the next step of an open proposal.
pub fn awaited(world: &World, proposal: &Proposal, at: Timestamp) -> Vec<EmployeeId> {
    let mut seat = proposal.seats.get(proposal.taken.len()).copied();
    while let Some(asked) = seat {
        let holders = holders(world, at, proposal, asked);
        if !holders.is_empty() {
            return holders.into_iter().cloned().collect();
        }
        seat = above(asked);
    }
    Vec::new()
}

fn above(seat: Seat) -> Option<Seat> {
    match seat {
        Seat::Regional | Seat::AccountingHead => Some(Seat::GeneralManager),
        Seat::GeneralManager => Some(Seat::DeputyGm),
        Seat::DeputyGm => None,
    }
}

fn role(seat: Seat) -> Role {
    match seat {
        Seat::Regional => Role::RegionalGm,
        Seat::AccountingHead => Role::Accounting,
        Seat::GeneralManager => Role::GeneralManager,
        Seat::DeputyGm => Role::DeputyGm,
    }
}

/// Everybody at work who holds the seat and has not taken part in the proposal.
fn holders<'a>(world: &'a World, at: Timestamp, proposal: &Proposal, seat: Seat) -> Vec<&'a EmployeeId> {
    let today = world.date(at);
    let region = world.customer.customers.get(&proposal.customer).map_or("", |customer| customer.region.as_str());
    let seated = |id: &EmployeeId, held: &Held| {
        held.role == role(seat)
            && match seat {
                Seat::Regional => world.organization.reaches(&held.unit, region),
                Seat::AccountingHead => world.organization.units.get(&held.unit).is_some_and(|unit| unit.head.as_ref() == Some(id)),
                Seat::GeneralManager | Seat::DeputyGm => true,
            }
    };
    world
        .employee
        .members
        .iter()
        .filter(|(id, member)| {
            member.works()
                && **id != proposal.proposer
                && !proposal.taken.iter().any(|(employee, _)| employee == *id)
                && member.roles_on(today).any(|held| seated(id, held))
        })
        .map(|(id, _)| id)
        .collect()
}
