//! What waits for sign-offs, for those who are in its chain.

use serde_json::json;

use crate::access::redactor::Sight;
use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::signoff::{self, Round};
use crate::domain::{Event, World};
use crate::ids::{EmployeeId, EntryId};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;

impl Shared {
    /// The open chains the asker is in now, as they were at a moment, in the order of the entries' ids.
    pub(super) fn signoffs(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = &self.world(state, then)?;
        let (now, asker) = (self.clock.now(), sight.reader());
        let mine = asked.filters.contains_key("mine");
        let mut rows: Vec<(&EntryId, Node)> = Vec::new();
        let mut next = None;
        let after: Option<EntryId> = cursor(asked)?;
        for (id, round) in &world.signoff.open {
            if after.as_ref().is_some_and(|after| id <= after) {
                continue;
            }
            let waits = !mine || round.waits_for(world, asker, then.at);
            if !waits || !round.concerns(&state.world, asker, now) {
                continue;
            }
            if rows.len() >= asked.limit {
                next = rows.last().map(|(id, _)| id.to_string());
                break;
            }
            let row = self.waiting(asker, world, then.at, id, round)?;
            let row = match &round.customer {
                Some(customer) => Node::About(customer.clone(), Box::new(row)),
                None => row,
            };
            rows.push((id, row));
        }
        let items = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: Vec::new() })
    }

    fn waiting(
        &self,
        asker: &EmployeeId,
        world: &World,
        at: Timestamp,
        id: &EntryId,
        round: &Round,
    ) -> Result<Node, ViewError> {
        let mut said = Vec::new();
        let mut last = None;
        for (_, index) in &round.taken {
            self.read_at(*index, &mut |read| {
                let Event::Signoff(signoff::Event::Recorded(recorded)) = read.event else { return };
                last = Some(recorded.purpose);
                said.push(Node::Row(vec![
                    ("step", Node::of(Class::C1, recorded.step.0)),
                    ("by", Node::of(Class::C1, read.entry.actor.as_str())),
                    ("at", Node::of(Class::C1, json!(read.entry.time))),
                    ("decision", Node::of(Class::C1, json!(recorded.decision))),
                    ("opinion", Node::of(Class::C1, json!(recorded.opinion))),
                ]));
            })?;
        }
        let awaited = round.awaited(world, at);
        let purposes = round.purposes();
        Ok(Node::Row(vec![
            ("subject_event", Node::of(Class::C1, id.as_str())),
            ("form", Node::of(Class::C1, json!(round.form))),
            ("customer_id", round.customer.as_ref().map_or_else(Node::absent, |id| Node::of(Class::C1, id.as_str()))),
            ("subject", Node::of(Class::C1, round.subject.to_string())),
            ("submitted_by", Node::of(Class::C1, json!(round.submitter))),
            ("step", Node::of(Class::C1, json!(round.next()))),
            ("awaiting", Node::of(Class::C1, json!(awaited))),
            ("purpose", Node::of(Class::C1, json!(last.as_ref().or(purposes.first())))),
            ("purposes", Node::of(Class::C1, json!(purposes))),
            ("returned", Node::of(Class::C1, round.returned)),
            ("yours", Node::of(Class::C1, round.waits_for(world, asker, at))),
            ("opinions", Node::List(said)),
        ]))
    }
}
