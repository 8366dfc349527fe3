//! What a question is about, found out before anybody decides whether it may be asked.

use crate::access::matter::Matter;
use crate::domain::{Refusal, World, audit};
use crate::ids::{CustomerId, EmployeeId, StreamName, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::stream_term;
use crate::projection::{self, Scope};
use crate::store::Direction;

/// What the subject of a question is.
#[derive(Clone, Debug, Default)]
pub(super) struct Subject {
    pub(super) customer: Option<CustomerId>,
    pub(super) staff: Option<EmployeeId>,
    /// The matter that opens it, where it is not the view's own.
    pub(super) matter: Option<Matter>,
    pub(super) targets: Vec<String>,
    /// The entry it begins with: as of a moment before, there is no such thing. For a customer it is the registration,
    /// looked up only where another moment than now is asked for.
    pub(super) since: Option<u64>,
}

impl Shared {
    /// Finds out what a question is about, before anybody decides whether it may be asked.
    pub(super) fn subject(&self, state: &State, asked: &Asked) -> Result<Subject, ViewError> {
        let world = &state.world;
        let mut subject = Subject::default();
        match (asked.view.scope, asked.subject.as_deref()) {
            (Scope::Company, _) | (Scope::Customers | Scope::Employees | Scope::Person, None) => {}
            (Scope::Customer | Scope::Customers, Some(id)) => subject.customer = Some(known(world, id)?),
            (_, None) => {
                let (named, written) = asked.view.scope.subject();
                let en = format!("must name what this view is about: {}, such as {}", named.0, written.join(" or "));
                let zh = format!("须指明{}，如{}", named.1, written.join("或"));
                return Err(ViewError::Refused(Refusal::field("/subject", &en, &zh)));
            }
            (Scope::Person, Some(name)) => match name.split_once('/') {
                Some(("customer", id)) => subject.customer = Some(known(world, id)?),
                Some(("employee", id)) => subject.staff = Some(id.parse().map_err(|_| ViewError::NotFound)?),
                _ => return Err(ViewError::NotFound),
            },
            (Scope::Employee | Scope::Employees, Some(id)) => {
                let id: EmployeeId = id.parse().map_err(|_| ViewError::NotFound)?;
                if !world.employee.members.contains_key(&id) {
                    return Err(ViewError::NotFound);
                }
                subject.staff = Some(id);
            }
            (Scope::Stream, Some(name)) => {
                let stream: StreamName = name.parse().map_err(|_| ViewError::NotFound)?;
                self.subject_of_stream(world, &stream, &mut subject)?;
            }
            (Scope::Tile, Some(_)) => {}
            (Scope::Document, Some(id)) => {
                let (index, entry, filed) = self.find_document(id)?.ok_or(ViewError::NotFound)?;
                subject.since = Some(index);
                subject.customer = projection::customer_of(&entry);
                // Of what is in it its class decides, and not that somebody may look at the customer.
                subject.matter = (asked.view.key == "file").then(|| filed.class.class().matter());
            }
            (Scope::Entry, Some(index)) => {
                let index: u64 = index.parse().map_err(|_| ViewError::NotFound)?;
                let entry = self.entry(index)?.ok_or(ViewError::NotFound)?;
                subject.since = Some(index);
                subject.customer = projection::customer_of(&entry);
                if audit::types().iter().any(|kind| kind.name == entry.kind) {
                    subject.matter = Some(Matter::AccessLog);
                }
            }
        }
        if let (Some(customer), None) = (&subject.customer, subject.since)
            && !asked.is_of_now()
        {
            subject.since = self.first_of(&customer.stream())?;
        }
        match (&subject.customer, &asked.subject) {
            (Some(customer), _) => subject.targets.push(customer.to_string()),
            (None, Some(other)) => subject.targets.push(other.clone()),
            (None, None) => {}
        }
        Ok(subject)
    }

    fn subject_of_stream(&self, world: &World, stream: &StreamName, subject: &mut Subject) -> Result<(), ViewError> {
        match (stream.kind(), stream.id()) {
            ("customer" | "contact" | "grade", Some(id)) => {
                subject.customer = Some(known(world, id)?);
                subject.matter = Some(match stream.kind() {
                    "contact" => Matter::ContactLog,
                    "grade" => Matter::Credit,
                    _ => Matter::Basic,
                });
            }
            ("reads", Some(id)) => {
                subject.customer = Some(known(world, id)?);
                subject.matter = Some(Matter::AccessLog);
            }
            ("acts", Some(id)) => {
                subject.staff = Some(id.parse().map_err(|_| ViewError::NotFound)?);
                subject.matter = Some(Matter::AccessLog);
            }
            ("employee", Some(id)) => {
                subject.staff = Some(id.parse().map_err(|_| ViewError::NotFound)?);
                subject.matter = Some(Matter::Staff);
            }
            ("person", Some(id)) => {
                let person = id.parse().ok().and_then(|id: SubjectId| world.person.people.get(&id));
                subject.customer = Some(person.ok_or(ViewError::NotFound)?.customer.clone());
                subject.matter = Some(Matter::PersonIdentity);
                subject.since = self.first_of(stream)?;
            }
            ("document", Some(id)) => {
                let (index, entry, filed) = self.find_document(id)?.ok_or(ViewError::NotFound)?;
                subject.since = Some(index);
                subject.customer = projection::customer_of(&entry);
                subject.matter = Some(filed.class.class().matter());
            }
            ("sale" | "payment", Some(_)) => {
                let first = self.first_of(stream)?.ok_or(ViewError::NotFound)?;
                let entry = self.entry(first)?.ok_or(ViewError::Store)?;
                subject.since = Some(first);
                subject.customer = projection::customer_of(&entry);
                subject.matter = Some(Matter::Commercial);
            }
            ("grant" | "loan" | "anomaly" | "approval" | "obligation", Some(_)) => {
                let first = self.first_of(stream)?.ok_or(ViewError::NotFound)?;
                let entry = self.entry(first)?.ok_or(ViewError::Store)?;
                subject.since = Some(first);
                subject.customer = projection::customer_of(&entry);
                subject.staff = entry.actor.parse().ok().filter(|_| stream.kind() == "grant");
                subject.matter = Some(match stream.kind() {
                    "anomaly" => Matter::Strategy,
                    "approval" | "obligation" => Matter::Staff,
                    _ => Matter::AccessLog,
                });
            }
            ("policy" | "calendar" | "org" | "ledger" | "access_policy", _) => {
                subject.matter = Some(Matter::Proofs);
            }
            _ => return Err(ViewError::NotFound),
        }
        Ok(())
    }

    /// Finds the first entry of a stream.
    fn first_of(&self, stream: &StreamName) -> Result<Option<u64>, ViewError> {
        Ok(self.shelf.postings(stream_term(stream.as_str()), 0, u64::MAX, Direction::Ascending, 1)?.first().copied())
    }
}

fn known(world: &World, id: &str) -> Result<CustomerId, ViewError> {
    let id: CustomerId = id.parse().map_err(|_| ViewError::NotFound)?;
    if world.customer.customers.contains_key(&id) { Ok(id) } else { Err(ViewError::NotFound) }
}
