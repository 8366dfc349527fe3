//! What is kept of all customers together: the list, the grades, and sales by product and region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::customer::Profile;
use crate::domain::history::Part;
use crate::domain::{Event, credit, customer, employee, grade, sale};
use crate::ids::{CustomerId, EmployeeId};
use crate::projection::classification::Classification;
use crate::projection::credit::Terms;
use crate::projection::grade::Grades;
use crate::projection::ownership::Ownership;
use crate::projection::search::{Found, Wanted};
use crate::projection::upkeep::{Check, Upkeep};
use crate::projection::{Cell, Node, Read, SealedAt, sale::Sales};

/// A fold over the whole ledger, as large as the live subjects in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Register {
    /// How many entries it reflects.
    pub size: u64,
    /// The customers.
    pub customers: BTreeMap<CustomerId, Listed>,
    /// The staff.
    pub staff: BTreeMap<EmployeeId, (String, SealedAt)>,
    /// Sales by year, product and region.
    pub sales: Sales,
}

/// A customer as the list shows it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Listed {
    /// The name, or its seal.
    pub name: String,
    /// Where the name's seal stands.
    pub sealed: Option<SealedAt>,
    /// The industry.
    pub industry: Option<String>,
    /// What the customer is to us.
    pub party: String,
    /// The telephone.
    pub phone: Option<String>,
    /// The code.
    pub code: Option<String>,
    /// The codes it had before, which stay searchable.
    pub former_codes: Vec<String>,
    /// The region.
    pub region: String,
    /// The owner.
    pub owner: String,
    /// The grades of both kinds.
    pub grades: Grades,
    /// The terms of trade set last.
    pub terms: Option<Terms>,
    /// The main archive, if this is a second one.
    pub duplicate_of: Option<String>,
    /// When we were first in contact.
    pub first_contact_at: Option<Timestamp>,
    /// How it is classified.
    pub classification: Classification,
    /// How its archive is kept up.
    pub upkeep: Upkeep,
    /// Who was responsible for it.
    pub ownership: Ownership,
}

impl Listed {
    fn open(&mut self, read: &Read<'_>, region: &str, owner: &EmployeeId, first_contact_at: Timestamp) {
        region.clone_into(&mut self.region);
        self.owner = owner.to_string();
        self.first_contact_at = Some(first_contact_at);
        self.ownership.begin(owner, read);
    }

    /// Takes over what the list shows of an update of the profile.
    fn learn(&mut self, read: &Read<'_>, changes: &Profile) {
        let Profile { name, individual_name, party, region, phone, industry, .. } = changes;
        if let Some(name) = name {
            self.name.clone_from(&name.0);
        }
        if let Some(name) = individual_name {
            name.text().clone_into(&mut self.name);
            self.sealed = Some(sealed_at(read, "/data/changes/individual_name"));
        }
        if let Some(party) = party {
            party.as_str().clone_into(&mut self.party);
        }
        if let Some(region) = region {
            self.region.clone_from(&region.0);
        }
        if let Some(phone) = phone {
            self.phone = Some(phone.0.clone());
        }
        if let Some(industry) = industry {
            self.industry = Some(industry.0.clone());
        }
    }

    fn assign(&mut self, code: &str) {
        self.former_codes.extend(self.code.replace(code.to_owned()));
    }

    /// Finds what somebody looks for in the name, as far as that may be looked at, the id and the codes.
    pub fn found(&self, id: &CustomerId, wanted: &Wanted, name: Option<&str>) -> Option<Found> {
        let codes = self.code.iter().chain(&self.former_codes).map(String::as_str);
        let others: Vec<&str> = std::iter::once(id.as_str()).chain(codes).collect();
        wanted.found_in(name, &others)
    }

    /// The name, which is personal where it is sealed.
    pub fn named(&self) -> Node {
        let class = if self.sealed.is_some() { Class::C4 } else { Class::C0 };
        Node::Cell(Cell {
            value: json!(self.name),
            matter: class.matter(),
            class,
            sealed: self.sealed.clone(),
            person: None,
        })
    }
}

impl Register {
    /// Tells whether events of a type change it; others need not be folded.
    pub fn minds(kind: &str) -> bool {
        [
            "customer.",
            "sale.",
            "credit_grade.",
            "business_grade.",
            "trade_terms.",
            "employee.",
            "record.",
            "archive.verified",
        ]
        .iter()
        .any(|family| kind.starts_with(family))
    }

    /// Folds one entry; they come in order.
    pub fn fold(&mut self, read: &Read<'_>) {
        self.size = read.index + 1;
        match read.event {
            Event::Customer(event) => self.fold_customer(read, event),
            Event::Sale(sale::Event::Recorded(sale)) => self.sales.fold(sale),
            Event::Grade(grade::Event::Approved(dimension, approved)) => {
                if let Some(listed) = read.customer().and_then(|id| self.customers.get_mut(&id)) {
                    listed.grades.add(*dimension, approved, read);
                }
            }
            Event::Credit(credit::Event::TermsSet(terms)) => {
                if let Some(listed) = read.customer().and_then(|id| self.customers.get_mut(&id)) {
                    listed.terms = Some(Terms::of(terms, read));
                }
            }
            Event::Employee(employee::Event::Registered(registered)) => {
                let sealed = sealed_at(read, "/data/name");
                if let Ok(id) = registered.employee_id.as_str().parse() {
                    self.staff.insert(id, (registered.name.text().to_owned(), sealed));
                }
            }
            Event::Employee(employee::Event::RolesChanged(_) | employee::Event::StatusChanged(_))
            | Event::Grade(
                grade::Event::Proposed(..)
                | grade::Event::Reviewed(..)
                | grade::Event::Rejected(..)
                | grade::Event::Withdrawn(..),
            )
            | Event::Credit(credit::Event::Reviewed(_))
            | Event::Payment(_)
            | Event::Person(_)
            | Event::Privacy(_)
            | Event::Record(_)
            | Event::Calendar(_)
            | Event::Obligation(_)
            | Event::Conduct(_)
            | Event::Document(_)
            | Event::Signoff(_)
            | Event::Contact(_)
            | Event::Ledger(_)
            | Event::Policy(_)
            | Event::Organization(_)
            | Event::Approval(_)
            | Event::Grant(_)
            | Event::Loan(_)
            | Event::Anomaly(_)
            | Event::Audit(_) => {}
        }
    }

    /// Lets go of what it holds of a part, which is to be folded anew.
    pub fn forget(&mut self, part: &Part) {
        match part {
            Part::Customer(id) => {
                self.customers.remove(id);
                self.sales.forget(id);
            }
            Part::Company => self.staff.clear(),
        }
    }

    /// Takes over a register folded from entries of other customers.
    pub fn merge(&mut self, other: Self) {
        self.size = self.size.max(other.size);
        self.customers.extend(other.customers);
        self.staff.extend(other.staff);
        self.sales.merge(other.sales);
    }

    fn fold_customer(&mut self, read: &Read<'_>, event: &customer::Event) {
        let Some(id) = read.customer() else { return };
        let listed = self.customers.entry(id).or_default();
        match event {
            customer::Event::Registered(registered) => {
                listed.name.clone_from(&registered.name.0);
                listed.industry = registered.industry.as_ref().map(|industry| industry.0.clone());
                registered.party.as_str().clone_into(&mut listed.party);
                listed.phone = registered.phone.as_ref().map(|phone| phone.0.clone());
                listed.open(read, &registered.region.0, &registered.owner, registered.first_contact_at);
            }
            customer::Event::IndividualRegistered(registered) => {
                registered.name.text().clone_into(&mut listed.name);
                listed.sealed = Some(sealed_at(read, "/data/name"));
                customer::Party::Individual.as_str().clone_into(&mut listed.party);
                listed.open(read, &registered.region.0, &registered.owner, registered.first_contact_at);
            }
            customer::Event::ProfileUpdated(updated) => {
                listed.learn(read, &updated.changes);
                listed.upkeep.at.push(read.entry.occurredat);
            }
            customer::Event::OwnerAssigned(assigned) => {
                listed.owner = assigned.owner.to_string();
                listed.ownership.assign(assigned, read);
            }
            customer::Event::CodeAssigned(assigned) => listed.assign(&assigned.code.0),
            customer::Event::MarkedDuplicate(marked) => listed.duplicate_of = Some(marked.duplicate_of.to_string()),
            customer::Event::Classified(classified) => listed.classification.classify(read, classified),
            customer::Event::StatusChanged(changed) => listed.classification.state(changed),
            customer::Event::Verified(verified) => {
                listed.upkeep.checks.push(Check::of(verified, read));
                listed.upkeep.at.push(read.entry.occurredat);
            }
        }
    }
}

/// Where a value of an entry is sealed.
pub(super) fn sealed_at(read: &Read<'_>, pointer: &str) -> SealedAt {
    SealedAt { id: read.entry.id.clone(), kind: read.entry.kind.clone(), pointer: pointer.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_former_code_still_finds_its_customer() {
        let mut listed = Listed { name: "河源合金厂".into(), ..Listed::default() };
        listed.assign("C-00001");
        listed.assign("B-00001");
        let id = "K-7".parse().unwrap();
        let found = |text: &str| listed.found(&id, &Wanted::of(text).unwrap(), Some(&listed.name));
        assert_eq!(listed.code.as_deref(), Some("B-00001"));
        assert_eq!((found("c-00001"), found("B-00001")), (Some(Found::Named), Some(Found::Named)));
        assert_eq!((found("00001"), found("A-00001")), (Some(Found::Within), None));
    }
}
