//! What grants and loans open of one customer to somebody, matter by matter, at one moment.

use crate::access::decide::{Action, Authority};
use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::clock::Timestamp;
use crate::domain::World;
use crate::domain::grant::{Opened, Way};
use crate::ids::{CustomerId, EmployeeId, SubjectId};

/// What grants and loans open of one customer to somebody at one moment.
///
/// Whether the time of one is over is found out anew for each reading: no entry need say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    lent: Matters,
    granted: [Matters; 3],
    by: Vec<([Matters; 3], Authority, SubjectId)>,
    ends: Option<Timestamp>,
}

impl Opening {
    /// Finds what is open; for whoever has neither grant nor loan that is two looks at the world.
    pub fn of(world: &World, reader: &EmployeeId, customer: &CustomerId, at: Timestamp) -> Self {
        let mut opening = Self::default();
        let grants = world.grant.holders.get(reader).into_iter().flat_map(|holder| &holder.grants);
        for id in grants {
            let Some(grant) = world.grant.open.get(id).filter(|grant| grant.lives(at)) else { continue };
            let mut opened = [Matters::default(); 3];
            for (class, (way, place)) in
                Opened::ALL.iter().flat_map(|class| WAYS.into_iter().zip(0..).map(move |way| (*class, way)))
            {
                if grant.opens(world, class, customer, way, at) {
                    for granted in [opening.granted.get_mut(place), opened.get_mut(place)].into_iter().flatten() {
                        granted.add(matters_granted(class));
                    }
                }
            }
            opening.note(opened, Authority::Grant, id, grant.ends(at));
        }
        let loans = world.loan.borrowers.get(reader).into_iter().flat_map(|borrower| &borrower.loans);
        for id in loans {
            let lent = world.loan.out.get(id).filter(|loan| loan.customer == *customer && loan.lives(world, at));
            let Some(loan) = lent else { continue };
            let sections: Vec<&str> = loan.sections.iter().map(String::as_str).collect();
            let mut opened = Matters::default();
            opened.add(&matters_lent(&sections).collect::<Vec<_>>());
            opening.lent.0 |= opened.0;
            opening.note([opened, Matters::default(), Matters::default()], Authority::Loan, id, loan.ends(world));
        }
        opening
    }

    fn note(&mut self, opened: [Matters; 3], authority: Authority, id: &SubjectId, ends: Timestamp) {
        if opened != [Matters::default(); 3] {
            self.by.push((opened, authority, id.clone()));
            self.ends = Some(self.ends.map_or(ends, |earlier| earlier.min(ends)));
        }
    }

    /// Tells whether nothing is open.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }

    /// Returns when the first of what is open closes.
    pub fn ends(&self) -> Option<Timestamp> {
        self.ends
    }

    /// Returns the facts of a matter, for what is to be done with it.
    pub fn facts(&self, matter: Matter, action: Action) -> Facts {
        if self.is_empty() {
            return Facts::NONE;
        }
        let [view, ..] = self.granted;
        let copied = action != Action::Read
            && place(action).and_then(|place| self.granted.get(place)).is_some_and(|copied| copied.has(matter));
        Facts::NONE
            .with_if(self.lent.has(matter), Facts::LOAN)
            .with_if(view.has(matter), Facts::GRANT)
            .with_if(copied, Facts::EXPORT_GRANT)
    }

    /// Returns the grant or loan that opens a matter by that right, for what is to be done with it.
    pub fn source(&self, matter: Matter, authority: Authority, action: Action) -> Option<&SubjectId> {
        let place = place(action)?;
        let opens = |(matters, by, _): &&([Matters; 3], Authority, SubjectId)| {
            *by == authority && matters.get(place).is_some_and(|matters| matters.has(matter))
        };
        self.by.iter().find(opens).map(|(_, _, id)| id)
    }
}

/// The place of a way of reading among [`WAYS`]; what is no reading has none.
fn place(action: Action) -> Option<usize> {
    match action {
        Action::Read => Some(0),
        Action::Print => Some(1),
        Action::Export => Some(2),
        Action::Append | Action::Approve | Action::Borrow | Action::GrantAccess => None,
    }
}

/// A set of matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Matters(u16);

impl Matters {
    fn add(&mut self, matters: &[Matter]) {
        for matter in matters {
            self.0 |= 1 << *matter as u16;
        }
    }

    fn has(self, matter: Matter) -> bool {
        self.0 & (1 << matter as u16) != 0
    }
}

/// The ways of reading, in the order in which what is granted is kept.
const WAYS: [Way; 3] = [Way::View, Way::Print, Way::Export];

/// The matters a class opens: what was talked about with a customer goes with what was traded.
pub fn matters_granted(class: Opened) -> &'static [Matter] {
    match class {
        Opened::C1 => &[Matter::Basic],
        Opened::C2 => &[Matter::Commercial, Matter::ContactLog],
        Opened::C3 => &[Matter::Credit],
        Opened::C4 => &[Matter::PersonIdentity],
        Opened::C5 => &[Matter::PersonPrivate],
        Opened::C6 => &[Matter::Strategy],
        Opened::C8 => &[Matter::AccessLog],
    }
}

/// Returns the matters that sections of an archive file stand for: the basics and those they name by key, class or label, or the
/// whole file where one of them names none.
pub fn matters_lent(sections: &[&str]) -> impl Iterator<Item = Matter> {
    let named = |matter: Matter, section: &str| {
        let class = matter.class().map(|class| class.key());
        let names = [Some(matter.key()), Some(matter.en()), Some(matter.zh()), class];
        names.into_iter().flatten().any(|name| name.eq_ignore_ascii_case(section.trim()))
    };
    let whole = sections.iter().any(|section| !Matter::ALL.into_iter().any(|matter| named(matter, section)));
    let lent = move |matter: &Matter| {
        whole || *matter == Matter::Basic || sections.iter().any(|section| named(*matter, section))
    };
    Matter::ALL.into_iter().filter(lent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_name_matters_in_any_of_their_words_or_stand_for_the_whole_file() {
        let lent = |sections: &[&str]| matters_lent(sections).map(Matter::key).collect::<Vec<_>>().join(" ");
        assert_eq!(lent(&["credit"]), "basic credit");
        assert_eq!(lent(&["C2", "策略"]), "basic commercial strategy");
        assert_eq!(lent(&["Contact log and plans"]), "basic contact_log");
        assert_eq!(matters_lent(&["credit", "the red folder"]).count(), Matter::ALL.len());
    }

    #[test]
    fn nothing_is_open_to_who_has_neither_grant_nor_loan() {
        let (reader, customer) = ("E-101".parse().unwrap(), "C-01".parse().unwrap());
        let opening = Opening::of(&World::default(), &reader, &customer, Timestamp::from_micros(0));
        assert!(opening.is_empty() && opening.ends().is_none());
        for (matter, action) in Matter::ALL.into_iter().flat_map(|matter| Action::ALL.map(|action| (matter, action))) {
            assert!(opening.facts(matter, action).is_empty());
        }
    }
}
