//! What was found of what somebody looks for: customers, and with their leave to be opened the people of those.

use std::collections::HashMap;

use serde_json::json;

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::Refusal;
use crate::domain::class::Class;
use crate::domain::privacy::Scope;
use crate::ids::{CustomerId, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::customer::unclear;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::register::Listed;
use crate::projection::search::{Found, Wanted};
use crate::projection::{Cell, Node, Personal, SealedAt};

/// One thing found: how well, of which customer, and which of that customer's people.
type Hit = (Found, CustomerId, Option<SubjectId>);

impl Shared {
    /// Finds customers by name, sound, id or code, and people by name where the asker has them opened.
    pub(super) fn search(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        if !asked.is_of_now() {
            let refusal =
                Refusal::field("/as_of", "is not for a search, which is of now", "检索仅限当前，不能指定时点");
            return Err(ViewError::Refused(refusal));
        }
        let wanted = asked.filters.get("q").and_then(|text| Wanted::of(text));
        let wanted = wanted.ok_or_else(unclear)?;
        let passed = cursor::<u64>(asked)?.map_or(0, |after| usize::try_from(after).unwrap_or(usize::MAX));
        // Who gives an id asks for that customer and no other.
        let one = asked.filters.get("q").and_then(|id| id.parse().ok());
        let one = one.filter(|id: &CustomerId| state.world.customer.customers.contains_key(id));
        let mut hits =
            if asked.reveal && one.is_none() { self.people_found(state, &wanted, sight) } else { Vec::new() };
        let (rows, next) = self.with_register(state, then, |register| {
            let main = register.customers.iter().filter(|(_, listed)| listed.duplicate_of.is_none());
            for (id, listed) in main.filter(|(id, _)| one.as_ref().is_none_or(|one| one == *id)) {
                let opened = listed.sealed.as_ref().filter(|_| asked.reveal).and_then(|at| {
                    // A query may look only at what would be shown.
                    sight.turn_to(Some(id));
                    let decision = sight.may(Matter::PersonIdentity);
                    let open = decision.allowed && !decision.masked;
                    open.then(|| self.opened_name(&listed.name, at)).flatten()
                });
                let opened = opened.as_ref().map(|name| name.as_str());
                let name = if listed.sealed.is_some() { opened } else { Some(listed.name.as_str()) };
                let Some(found) = listed.found(id, &wanted, name) else { continue };
                sight.turn_to(Some(id));
                if sight.may(Class::C0.matter()).allowed {
                    hits.push((found, id.clone(), None));
                }
            }
            hits.sort();
            let next = (hits.len().saturating_sub(passed) > asked.limit).then(|| passed.saturating_add(asked.limit));
            let page = hits.iter().skip(passed).take(asked.limit);
            let rows = page.filter_map(|hit| Some(row(state, register.customers.get(&hit.1)?, hit)));
            (rows.collect(), next)
        })?;
        sight.turn_to(None);
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: next.map(|next| next.to_string()), targets: Vec::new() })
    }

    /// Finds people by names the asker sees unmasked; whoever is erased or held is not found.
    fn people_found(&self, state: &State, wanted: &Wanted, sight: &mut Sight<'_>) -> Vec<Hit> {
        let mut open: HashMap<&CustomerId, bool> = HashMap::new();
        let privacy = &state.world.privacy;
        let mut hits = Vec::new();
        for (id, person) in &state.world.person.people {
            let open = *open.entry(&person.customer).or_insert_with(|| {
                sight.turn_to(Some(&person.customer));
                let decision = sight.may(Matter::PersonIdentity);
                decision.allowed && !decision.masked
            });
            if !open || privacy.is_erased(id, Scope::All) || privacy.holds.contains_key(id) {
                continue;
            }
            let (kind, pointer) = person.name.place();
            let at = SealedAt { id: person.name.entry.clone(), kind: kind.to_owned(), pointer: pointer.to_owned() };
            let name = self.opened_name(&person.name.seal, &at);
            if let Some(found) = name.and_then(|name| wanted.found_in(Some(&name), &[id.as_str()])) {
                hits.push((found, person.customer.clone(), Some(id.clone())));
            }
        }
        hits
    }
}

fn row(state: &State, listed: &Listed, (_, id, person): &Hit) -> Node {
    let mut row = vec![
        ("customer_id", Node::plain(id.as_str())),
        ("code", Node::plain(json!(listed.code))),
        ("name", listed.named()),
        ("region", Node::of(Class::C1, listed.region.as_str())),
        ("owner", Node::of(Class::C1, listed.owner.as_str())),
    ];
    if let Some((id, known)) = person.as_ref().and_then(|id| Some((id, state.world.person.people.get(id)?))) {
        let (kind, pointer) = known.name.place();
        row.push(("person_id", Node::of(Class::C1, id.as_str())));
        let name = Cell {
            value: json!(known.name.seal),
            matter: Class::C4.matter(),
            class: Class::C4,
            sealed: Some(SealedAt { id: known.name.entry.clone(), kind: kind.to_owned(), pointer: pointer.to_owned() }),
            person: Some(Personal { id: id.clone(), by_consent: false }),
        };
        row.push(("person", Node::Cell(name)));
    }
    Node::About(id.clone(), Box::new(Node::Row(row)))
}
