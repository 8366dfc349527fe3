//! Who answers for an obligation, and to whom it is reported that it was not done.

use crate::clock::{Date, Timestamp};
use crate::domain::World;
use crate::domain::duty::Charge;
use crate::domain::employee::Member;
use crate::domain::obligation::Open;
use crate::domain::role::Role;
use crate::ids::{CustomerId, EmployeeId};

/// Returns who answers for an obligation now; for somebody who left, whoever is above.
pub fn responsible(world: &World, open: &Open, at: Timestamp) -> Vec<EmployeeId> {
    let mut found: Vec<EmployeeId> = Vec::new();
    for charge in &open.charges {
        let people = match charge {
            Charge::Holders(role) => holders(world, *role, at),
            Charge::Person(_) | Charge::Owner(_) | Charge::OwnersHead(_) => {
                answering(world, charge).into_iter().collect()
            }
        };
        found.extend(people.into_iter().filter(|person| !found.contains(person)).collect::<Vec<_>>());
    }
    found
}

/// Tells whether one person is among those who answer for an obligation, looking at nobody else.
pub fn answers(world: &World, open: &Open, person: &EmployeeId, at: Timestamp) -> bool {
    open.charges.iter().any(|charge| match charge {
        Charge::Holders(role) => {
            let today = world.date(at);
            world.employee.members.get(person).is_some_and(|member| holds(member, *role, today))
        }
        Charge::Person(_) | Charge::Owner(_) | Charge::OwnersHead(_) => {
            answering(world, charge).as_ref() == Some(person)
        }
    })
}

/// Who answers by a charge that names one person; for somebody who left, whoever is above.
fn answering(world: &World, charge: &Charge) -> Option<EmployeeId> {
    let named = match charge {
        Charge::Person(person) => Some(person.clone()),
        Charge::Owner(customer) => owner(world, customer),
        Charge::OwnersHead(customer) => owner(world, customer).and_then(|owner| head(world, &owner, &[])),
        Charge::Holders(_) => None,
    }?;
    if works(world, &named) { Some(named) } else { superior(world, &named) }
}

/// Returns to whom a level is reported: the superiors, then the head of the unit, then deputy or general manager; where nobody is
/// at work on one, the next.
pub fn escalated(world: &World, responsible: &[EmployeeId], level: u8, at: Timestamp) -> Vec<EmployeeId> {
    for level in level..=3 {
        let mut told: Vec<EmployeeId> = match level {
            1 => responsible.iter().filter_map(|person| superior(world, person)).collect(),
            2 => responsible.iter().filter_map(|person| head(world, person, responsible)).collect(),
            _ => Vec::new(),
        };
        if level == 3 {
            for role in [Role::DeputyGm, Role::GeneralManager] {
                if told.is_empty() {
                    told = holders(world, role, at);
                }
                told.retain(|person| !responsible.contains(person));
            }
        }
        told.retain(|person| !responsible.contains(person));
        told.sort();
        told.dedup();
        if !told.is_empty() {
            return told;
        }
    }
    Vec::new()
}

/// Tells whether somebody stands above all who answer for an obligation, on whatever level.
pub fn stands_above(world: &World, open: &Open, person: &EmployeeId, at: Timestamp) -> bool {
    let responsible = responsible(world, open, at);
    !responsible.contains(person) && (1..=3).any(|level| escalated(world, &responsible, level, at).contains(person))
}

fn owner(world: &World, customer: &CustomerId) -> Option<EmployeeId> {
    world.customer.customers.get(customer).map(|customer| customer.owner.clone())
}

fn works(world: &World, person: &EmployeeId) -> bool {
    world.employee.members.get(person).is_some_and(Member::works)
}

fn holders(world: &World, role: Role, at: Timestamp) -> Vec<EmployeeId> {
    let today = world.date(at);
    world.employee.members.iter().filter(|(_, member)| holds(member, role, today)).map(|(id, _)| id.clone()).collect()
}

fn holds(member: &Member, role: Role, today: Date) -> bool {
    member.works() && member.roles_on(today).any(|held| held.role == role)
}

/// The next superior at work; where none is named, the head of the unit or of one above.
fn superior(world: &World, person: &EmployeeId) -> Option<EmployeeId> {
    let mut above = world.employee.members.get(person)?.superior.clone();
    // Superiors may be named in a circle; nobody has so many.
    for _ in 0..32 {
        let Some(next) = above.filter(|next| next != person) else { break };
        if works(world, &next) {
            return Some(next);
        }
        above = world.employee.members.get(&next).and_then(|member| member.superior.clone());
    }
    head(world, person, std::slice::from_ref(person))
}

/// The head of somebody's unit or of the nearest one above whose head is at work and none of these.
fn head(world: &World, person: &EmployeeId, but: &[EmployeeId]) -> Option<EmployeeId> {
    let unit = &world.employee.members.get(person)?.unit;
    world.organization.head_over(unit, |head| works(world, head) && !but.contains(head))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::testing::{Given, contact, customer, event, given, staff_status};

    #[test]
    fn superiors_named_in_a_circle_end_with_the_head_of_the_unit() {
        let joins = |id: &str, superior: &str| {
            event(
                "employee.registered",
                json!({ "employee_id": id, "name": "s1.sealed", "unit": "north", "joined_on": "2026-01-01", "superior": superior }),
            )
        };
        let given = given([("E-101", customer("C-01", "Heyuan"))])
            .and("E-001", joins("E-111", "E-301"))
            .and("E-001", joins("E-112", "E-111"));
        let of = |given: &Given, id: &str| superior(&given.world, &id.parse().unwrap()).unwrap().to_string();
        assert_eq!((of(&given, "E-112"), of(&given, "E-111")), ("E-111".to_owned(), "E-301".to_owned()));
        let given =
            given.and("E-001", staff_status("E-111", "suspended")).and("E-001", staff_status("E-301", "suspended"));
        assert_eq!(of(&given, "E-112"), "E-201");
    }

    #[test]
    fn who_is_asked_about_alone_answers_for_what_everybody_is_looked_up_for() {
        let given = given([("E-101", customer("C-01", "Heyuan"))]).and("E-001", staff_status("E-101", "suspended"));
        let charges = [
            Charge::Person("E-101".parse().unwrap()),
            Charge::Person("E-102".parse().unwrap()),
            Charge::Owner("C-01".parse().unwrap()),
            Charge::OwnersHead("C-01".parse().unwrap()),
            Charge::Holders(Role::Archivist),
            Charge::Holders(Role::Salesperson),
        ];
        let given = given.and("E-102", contact("C-01", &["E-102"]).with("archive_changes", true));
        let open = given.world.obligation.open.values().next().unwrap().clone();
        for charge in charges {
            let mut open = Open::clone(&open);
            open.charges = vec![charge.clone()];
            let all = responsible(&given.world, &open, given.at);
            assert!(!all.is_empty(), "{charge:?}");
            for person in given.world.employee.members.keys() {
                let alone = answers(&given.world, &open, person, given.at);
                assert_eq!(alone, all.contains(person), "{person} {charge:?}");
            }
        }
    }
}
