//! What is shown of customers: one's card, archive and promises, and the list of all.

use serde_json::json;

use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::domain::{Refusal, customer};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::search::Wanted;

impl Shared {
    /// A customer's card.
    pub(super) fn card(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        Ok(of_one(self.archive(state, id, then)?.card(id), subject))
    }

    /// What is basic of a customer: unit, place, whom to talk to.
    pub(super) fn basics(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        Ok(of_one(self.archive(state, id, then)?.basics(), subject))
    }

    /// A customer's whole archive.
    pub(super) fn whole_archive(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let (archive, world) = self.archive_and_world(state, id, then)?;
        let today = world.date(then.at);
        let status = customer::status(&world, id, today, then.at);
        let papers = archive.papers.iter().rev().map(|paper| paper.row_with(self.amiss(paper), None)).collect();
        Ok(of_one(archive.archive(id, status, then.at, today, papers), subject))
    }

    /// What was promised to a customer, and what became of it.
    pub(super) fn promises(
        &self,
        state: &State,
        then: &Then,
        id: &CustomerId,
        subject: &Subject,
    ) -> Result<Built, ViewError> {
        let rows = self.archive(state, id, then)?.promises();
        Ok(of_one(Node::Row(vec![("items", Node::List(rows))]), subject))
    }

    /// The customers as of then, as far as they match the filters.
    pub(super) fn list(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = &self.world(state, then)?;
        let filter = |name: &str| asked.filters.get(name).map(|text| text.to_lowercase());
        let (owner, region, status_wanted) = (filter("owner"), filter("region"), filter("status"));
        let query = asked.filters.get("q").map(|text| Wanted::of(text).ok_or_else(unclear)).transpose()?;
        // Who gives an id asks for that customer and no other.
        let one = asked.filters.get("q").and_then(|id| id.parse().ok());
        let one = one.filter(|id: &CustomerId| world.customer.customers.contains_key(id));
        let narrowed = owner.is_some() || region.is_some() || status_wanted.is_some();
        let day = world.date(then.at);
        let mut rows = Vec::new();
        let mut next = None;
        let after: Option<CustomerId> = cursor(asked)?;
        self.with_register(state, then, |register| {
            for (id, listed) in &register.customers {
                if after.as_ref().is_some_and(|after| id <= after) || listed.duplicate_of.is_some() {
                    continue;
                }
                let status = customer::status(world, id, day, then.at);
                let matches = one.as_ref().is_none_or(|one| one == id)
                    && owner.as_ref().is_none_or(|owner| listed.owner.to_lowercase() == *owner)
                    && region.as_ref().is_none_or(|region| listed.region.to_lowercase() == *region)
                    && status_wanted
                        .as_ref()
                        .is_none_or(|wanted| status.is_some_and(|status| status.as_str() == wanted))
                    && query.as_ref().is_none_or(|query| {
                        listed.found(id, query, listed.sealed.is_none().then_some(listed.name.as_str())).is_some()
                    });
                if !matches {
                    continue;
                }
                sight.turn_to(Some(id));
                if !sight.may(Class::C0.matter()).allowed {
                    continue;
                }
                // Whom a filter finds tells what it looked at: it may only look at what would be shown.
                if narrowed && !sight.may(Class::C1.matter()).allowed {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _): &(CustomerId, Node)| id.to_string());
                    break;
                }
                let row = Node::Row(vec![
                    ("customer_id", Node::plain(id.as_str())),
                    ("code", Node::plain(json!(listed.code))),
                    ("name", listed.named()),
                    ("industry", Node::plain(json!(listed.industry))),
                    ("party", Node::of(Class::C1, listed.party.as_str())),
                    ("phone", Node::of(Class::C1, json!(listed.phone))),
                    ("region", Node::of(Class::C1, listed.region.as_str())),
                    ("owner", Node::of(Class::C1, listed.owner.as_str())),
                    ("status", Node::of(Class::C1, json!(status.map(customer::Status::as_str)))),
                ]);
                rows.push((id.clone(), row));
            }
        })?;
        sight.turn_to(None);
        let items = rows.into_iter().map(|(id, row)| Node::About(id, Box::new(row))).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: Vec::new() })
    }
}

/// Refuses words nothing could go by.
pub(super) fn unclear() -> ViewError {
    ViewError::Refused(Refusal::field(
        "/q",
        "must be one to eight words of a name, an id or a code",
        "须为名称、编号或代码中的一至八个词",
    ))
}

fn of_one(node: Node, subject: &Subject) -> Built {
    Built { node, next: None, targets: subject.targets.clone() }
}
