//! What a door does before the writer: check the shape, authorize, look up, seal.

use serde_json::Value;

use crate::access::decide::{Action, Decision, Resource, Telling, tells};
use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::principal::Principal;
use crate::access::redactor::Opened;
use crate::access::relation::{self, Consequence};
use crate::clock::Timestamp;
use crate::domain::catalog::{self, EventType, Kind, Referent};
use crate::domain::class::Class;
use crate::domain::history::{Live, Lived, Part};
use crate::domain::role::Role;
use crate::domain::{
    self, About, Actor, Context, Event, Fact, Fetched, Refusal, World, approval, common, contact, customer, document,
    loan, obligation, person, privacy, record, sale, signoff,
};
use crate::entry::{Entry, Hash};
use crate::ids::{self, CustomerId, EmployeeId, EntryId, StreamName, SubjectId};
use crate::ledger::amendment::Target;
use crate::ledger::claims::term;
use crate::ledger::documents::Came;
use crate::ledger::proposal::{Expected, Proposal, Receipt};
use crate::ledger::state::{Head, State, data_of};
use crate::ledger::tail::{begun, following};
use crate::ledger::{Shared, SubmitError};
use crate::projection;
use crate::seal::ring::{KeyError, Purpose, RingError};
use crate::seal::{self, Place};
use crate::store::Term;

/// A proposal ready for the writer: nothing in it needs a policy, a key or the store any more.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    pub(super) event: Event,
    pub(super) named: Option<StreamName>,
    pub(super) about: About,
    pub(super) actor: Actor,
    pub(super) id: EntryId,
    pub(super) occurred_at: Option<Timestamp>,
    pub(super) late_reason: Option<String>,
    pub(super) correlation: Option<String>,
    pub(super) expected: Vec<(StreamName, u64)>,
    pub(super) salt: [u8; 16],
    pub(super) fetched: Fetched,
    /// The last entry of the stream it is about, where that stream has ended.
    pub(super) ended: Option<Head>,
    pub(super) basis: Basis,
    /// What the proposal uses up, free as of `checked_to`.
    pub(super) claims: Vec<(Term, common::Refusal)>,
    pub(super) checked_to: u64,
}

/// The counters a decision rests on: if one has moved, the door decides again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Basis {
    pub(super) member: Option<(EmployeeId, u64)>,
    pub(super) organization: u64,
    pub(super) customers: Vec<(CustomerId, Option<u64>)>,
    pub(super) access: Option<Hash>,
    /// Of the names of a customer's people, where a name was compared with them.
    pub(super) names: Option<(CustomerId, u64)>,
    /// Of what may be used of persons: erasures and holds, and consents taken back.
    pub(super) persons: (u64, u64),
    /// Of a part of the world, where what happened in it was judged.
    pub(super) part: Option<(Part, u64)>,
    /// Of corrections and voidings anywhere: what a proposal names counts as they left it.
    pub(super) amended: Option<u64>,
    /// Of the asker's grants and loans.
    pub(super) openings: [Option<u64>; 2],
    /// When a grant or loan that was looked at closes.
    pub(super) until: Option<Timestamp>,
}

impl Basis {
    /// Reads the counters of an asker and the customers asked about.
    pub(super) fn of(world: &World, employee: Option<&EmployeeId>, customers: &[CustomerId]) -> Self {
        Self {
            member: employee.map(|id| (id.clone(), Self::revision(world, id))),
            organization: world.organization.revision,
            customers: customers.iter().map(|id| (id.clone(), Self::rights(world, id))).collect(),
            access: world.policy.access,
            names: None,
            persons: Self::persons(world),
            part: None,
            amended: None,
            openings: employee.map_or([None; 2], |id| Self::openings(world, id)),
            until: None,
        }
    }

    /// Ends with the first of the grants and loans it rests on.
    pub(super) fn until(self, until: Option<Timestamp>) -> Self {
        Self { until, ..self }
    }

    /// Adds the counter of the names of the customer's people, if the event gives somebody a name.
    fn with_names(mut self, world: &World, event: &Event, about: &About) -> Self {
        let names = matches!(event, Event::Person(event) if person::name_in(event).is_some());
        self.names = about.customer.as_ref().filter(|_| names).map(|id| (id.clone(), Self::people(world, id)));
        self
    }

    /// Tells whether the counters are still the same, and no grant or loan has closed.
    pub(super) fn holds(&self, state: &State, at: Timestamp) -> bool {
        let world = &state.world;
        self.part_holds(state)
            && self.amended.is_none_or(|amended| amended == state.amended)
            && self.until.is_none_or(|until| at < until)
            && self.member.iter().all(|(id, _)| self.openings == Self::openings(world, id))
            && self.organization == world.organization.revision
            && self.access == world.policy.access
            && self.persons == Self::persons(world)
            && self.member.iter().all(|(id, revision)| *revision == Self::revision(world, id))
            && self.customers.iter().all(|(id, rights)| *rights == Self::rights(world, id))
            && self.names.iter().all(|(id, names)| *names == Self::people(world, id))
    }

    /// Tells whether nothing was entered of the part that was judged.
    pub(super) fn part_holds(&self, state: &State) -> bool {
        self.part.iter().all(|(part, version)| *version == state.version_of(part))
    }

    fn revision(world: &World, employee: &EmployeeId) -> u64 {
        world.employee.members.get(employee).map_or(0, |member| member.revision)
    }

    fn persons(world: &World) -> (u64, u64) {
        (world.privacy.revision, world.person.taken_back)
    }

    fn openings(world: &World, employee: &EmployeeId) -> [Option<u64>; 2] {
        let grants = world.grant.holders.get(employee).map(|holder| holder.changed);
        [grants, world.loan.borrowers.get(employee).map(|borrower| borrower.changed)]
    }

    fn people(world: &World, customer: &CustomerId) -> u64 {
        world.person.customers.get(customer).map_or(0, |people| people.names)
    }

    fn rights(world: &World, customer: &CustomerId) -> Option<u64> {
        world.customer.customers.get(customer).map(|customer| customer.rights)
    }
}

/// What preparing a proposal came to.
pub(super) enum Outcome {
    /// On to the writer.
    Ready(Box<Prepared>),
    /// The same was proposed before: this is what became of it.
    Seen(Vec<Receipt>),
    /// A business no, with what is known for its entry.
    Refused(Refused),
}

/// A refusal with what its entry says.
#[derive(Clone, Debug)]
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    /// Whose proposal it was and of which stream, where that much is known.
    pub(super) of: Option<(Actor, StreamName)>,
    /// Whether the proposer may not even know of the stream.
    pub(super) hidden: bool,
}

/// What is told of a denial by a rule.
fn denied(rule: &str) -> Refusal {
    match rule {
        // Separation of duties is a code of its own, whoever notices it first.
        "R-025" => common::Refusal::SeparateDuties.into(),
        rule => common::Refusal::Forbidden { rule: rule.to_owned() }.into(),
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, of: None, hidden: false }
    }
}

impl Shared {
    /// Prepares a proposal of a person on the state `ahead`, which its batch has led to from `base`.
    ///
    /// Its texts are brought to NFC where they stand.
    pub(super) fn prepare(
        &self,
        principal: &Principal,
        base: &State,
        ahead: &State,
        proposal: &mut Proposal,
    ) -> Result<Outcome, SubmitError> {
        match self.try_prepare(principal, base, ahead, proposal) {
            Ok(outcome) => Ok(outcome),
            Err(Stop::Refused(refused)) => Ok(Outcome::Refused(refused)),
            Err(Stop::Failed(error)) => Err(error),
        }
    }

    fn try_prepare(
        &self,
        principal: &Principal,
        base: &State,
        state: &State,
        proposal: &mut Proposal,
    ) -> Result<Outcome, Stop> {
        let world = &state.world;
        check_controls(proposal)?;
        let (kind, id) = self.kind_and_id(proposal)?;
        let named = named_subject(proposal)?;
        let expected = expected_versions(&proposal.expected)?;
        let late_reason = line(proposal.latereason.as_deref(), "latereason", 400)?;
        let correlation = line(proposal.correlation.as_deref(), "correlation", 80)?;
        catalog::check(kind, &mut proposal.data)?;
        let plain = decode(kind, &proposal.data)?;
        let occurred_at = occurred_at(world, kind, proposal)?;
        let target = match &plain {
            Event::Record(event) => Some(self.target(event)?),
            _ => None,
        };

        // An earlier answer may stand although the state has moved on, so this comes before everything but
        // the authorization; and an issued id must not change between the two tries.
        let signed = self.signed_entry(&plain)?;
        let named = named.or_else(|| signed.as_ref().map(|entry| entry.subject.clone()));
        let found = target.as_ref().map(|target| Ok(target.about.clone()));
        let about = match found.unwrap_or_else(|| domain::about(world, &plain, named.as_ref())) {
            Ok(about) => about,
            Err(refusal) => return self.seen_or(principal, proposal, &id, &plain, refusal.into()),
        };
        let amended = target.as_ref().map(|target| &target.lived);
        let actor = match self.authorize(principal, world, &plain, &about, amended) {
            Ok(actor) => actor,
            Err(told) => {
                let hidden = about.customer.as_ref().is_some_and(|id| world.customer.customers.contains_key(id))
                    && !self.may_list(principal, world);
                let refusal = match target.as_ref().map(Target::check) {
                    // What nobody may correct whoever may know of it is told so.
                    Some(Err(refusal)) if !hidden => refusal.into(),
                    _ => told,
                };
                let of = self.first_actor(principal, world).map(|actor| (actor, about.subject));
                return Err(Stop::Refused(Refused { refusal, of, hidden }));
            }
        };
        if let Some(receipts) = self.seen(principal, proposal, &id, &plain)? {
            return Ok(Outcome::Seen(receipts));
        }
        // The version of a stream tells what happens in it, so only the event's own may be asked about.
        let own = |stream: &StreamName| {
            *stream == about.subject
                || about.customer.as_ref().is_some_and(|customer| *stream == customer.stream())
                || *stream == principal.employee.acts()
        };
        if !expected.iter().all(|(stream, _)| own(stream)) {
            return Err(Refusal::field("expected", "must name streams of this event", "须为本事件所属的对象").into());
        }
        let stop = |stopped: Stop| match stopped {
            Stop::Refused(refused) => {
                let of = Some((actor.clone(), about.subject.clone()));
                Stop::Refused(Refused { refusal: refused.refusal, of, hidden: false })
            }
            Stop::Failed(error) => Stop::Failed(error),
        };
        let mut fetched = Fetched::default();
        let mut basis = Basis::of(&base.world, Some(&principal.employee), about.customer.as_slice());
        basis.amended = Some(base.amended);
        let mut ended = None;
        let mut judged = None;
        let plain = match (plain, &target) {
            (Event::Record(event), Some(target)) => {
                let event = target.complete(event, named.as_ref()).map_err(|refusal| stop(refusal.into()))?;
                let part = event.part();
                record::check(world, &actor, &about.subject, &event).map_err(|refusal| stop(refusal.into()))?;
                let found = self.judge(base, &actor, event, target, &about, &id, &mut fetched).map_err(stop)?;
                if let Some(plain) = &found.plain {
                    self.check_answered(world, plain, &about).map_err(stop)?;
                    self.check_birthday(state, plain).map_err(stop)?;
                    fetched.namesake = self.namesake(world, plain, &about).map_err(stop)?;
                    basis = basis.with_names(&base.world, plain, &about);
                }
                fetched.refold = Some(found.refold);
                basis.part = Some((part.clone(), base.version_of(&part)));
                if base.ended(&about.subject) {
                    ended = self.last_of(&about.subject, base.size).map_err(|_| SubmitError::Store)?;
                }
                judged = Some(found.event.clone());
                found.event
            }
            (plain, _) => {
                self.check_references(world, base.size, kind, &proposal.data, &mut fetched).map_err(stop)?;
                self.check_answered(world, &plain, &about).map_err(stop)?;
                self.check_birthday(state, &plain).map_err(stop)?;
                fetched.file = proposal.file.as_ref().map_or_else(Default::default, Came::attached);
                fetched.meeting = self.names_meeting(&plain, &about, base.size).map_err(stop)?;
                fetched.signed = signed.map(|entry| entry.kind);
                fetched.namesake = self.namesake(world, &plain, &about).map_err(stop)?;
                basis = basis.with_names(&base.world, &plain, &about);
                plain
            }
        };
        let (claims, checked_to) = self.claims(&plain, &id)?;
        if let Some(refusal) = claims.1 {
            // What has been entered since it was looked for above may be the same proposal.
            let plain = decode(kind, &proposal.data)?;
            return match self.seen(principal, proposal, &id, &plain).map_err(stop)? {
                Some(receipts) => Ok(Outcome::Seen(receipts)),
                None => Err(stop(Refusal::from(refusal).into())),
            };
        }
        // Whoever is sealed for gets keys: nobody does whose proposal the writer would refuse.
        if catalog::seals(kind.fields) {
            let at = self.clock.now().max(state.last_at);
            let context = Context {
                at,
                occurred_at: occurred_at.unwrap_or(at),
                late_reason: late_reason.as_deref(),
                actor: &actor,
                id: &id,
                about: &about,
                approvals: &[],
                fetched: &fetched,
            };
            domain::admit(world, &context, plain.clone()).map_err(|refusal| stop(refusal.into()))?;
        }
        let event = match judged {
            Some(judged) => judged,
            None => self.seal_all(kind, &proposal.data, plain, &about, &id).map_err(stop)?,
        };
        self.fetch(state, &event, &about, &mut fetched)?;
        Ok(Outcome::Ready(Box::new(Prepared {
            named: target.map(|target| target.about.subject).or(named),
            basis,
            ended,
            event,
            about,
            actor,
            id,
            occurred_at,
            late_reason,
            correlation,
            expected,
            salt: self.source.salt(),
            fetched,
            claims: claims.0,
            checked_to,
        })))
    }

    /// Finds a proposal's type, and its id or a new one.
    pub(super) fn kind_and_id(&self, proposal: &Proposal) -> Result<(&'static EventType, EntryId), Refusal> {
        let unknown = || common::Refusal::UnknownType { name: proposal.kind.chars().take(60).collect() };
        let kind = catalog::find(&proposal.kind).ok_or_else(unknown)?;
        let id = match &proposal.id {
            // What the clock will enter of obligations anybody can tell; nobody takes those ids beforehand.
            Some(id) if id.starts_with(obligation::PREFIX) => return Err(common::Refusal::IdTaken.into()),
            Some(id) => id.parse().map_err(|_| common::Refusal::BadId)?,
            None => self.source.entry_id(self.clock.now()),
        };
        Ok((kind, id))
    }

    /// Enters into a speculative state what a prepared proposal would bring about.
    pub(super) fn imagine(&self, ahead: &mut State, before: &Prepared) {
        let at = self.clock.now().max(ahead.last_at);
        let context = Context {
            at,
            occurred_at: before.occurred_at.unwrap_or(at),
            late_reason: before.late_reason.as_deref(),
            actor: &before.actor,
            id: &before.id,
            about: &before.about,
            approvals: &[],
            fetched: &before.fetched,
        };
        // What the writer will refuse is refused there; imagining stops short of it.
        let Ok(admissions) = domain::admit(&ahead.world, &context, before.event.clone()) else { return };
        for admission in admissions {
            let actor = admission.actor.as_ref().unwrap_or(&before.actor);
            let id = admission.id.as_ref().unwrap_or(&before.id);
            let fact = Fact {
                index: ahead.size,
                id,
                at,
                occurred_at: context.occurred_at,
                actor,
                subject: &admission.about.subject,
            };
            ahead.world.apply(&fact, &admission.event);
            if let Some(refold) = &before.fetched.refold {
                ahead.world.refold(refold, id, at);
            }
            ahead.size += 1;
        }
    }

    /// Finds the first role that permits, or the rule that denies.
    ///
    /// Of a correction or voiding, `amended` is the entry it is about.
    fn authorize(
        &self,
        principal: &Principal,
        world: &World,
        event: &Event,
        about: &About,
        amended: Option<&Lived>,
    ) -> Result<Actor, Refusal> {
        let mut told = denied("R-050");
        let Some(member) = world.employee.members.get(&principal.employee) else { return Err(told) };
        if !member.works() {
            return Err(denied("R-057"));
        }
        let now = self.clock.now();
        for held in relation::roles(principal, member, world.date(now)) {
            let mut own = relation::facts_of_event(world, principal, held, event, about, now);
            if let Event::Employee(_) | Event::Conduct(_) = event
                && let Some(subject) = about.subject.id().and_then(|id| id.parse().ok())
            {
                own = own.with(relation::facts_of_staff(world, principal, held, &subject));
            }
            if let Some(entry) = amended {
                own = own.with(relation::facts_of_record(world, principal, entry));
            }
            debug_assert!(relation::facts_of_type(event.name()).contains(own), "{} carries {own:?}", event.name());
            let mut facts = relation::facts(world, principal, member, held, about.customer.as_ref()).with(own);
            if let Event::Document(_) = event {
                facts = facts.with_if(self.writes(held.role, facts), Facts::SUBJECT_WRITER);
            }
            let decision = self.policies.decide(held.role, Action::Append, Resource::Event(event.name()), facts);
            let found = decision.rule.map(|rule| denied(&rule));
            let found = found.or_else(|| match event {
                Event::Document(document::Event::Filed(filed)) => self.unread(held.role, filed.class, facts),
                _ => None,
            });
            let found = found.or_else(|| {
                let consequences = relation::consequences(world, principal, member, held, event, about, now);
                consequences.iter().find_map(|consequence| self.forbidden(consequence))
            });
            match found {
                Some(found) if tells(found.grounds().1) > tells(told.grounds().1) => told = found,
                Some(_) => {}
                None => {
                    let id = principal.employee.clone();
                    return Ok(Actor::Employee { id, role: held.role, unit: held.unit.clone() });
                }
            }
        }
        Err(told)
    }

    /// Says what forbids what an event would let somebody do, if anything does.
    fn forbidden(&self, consequence: &Consequence) -> Option<Refusal> {
        let Consequence { action, any, refusal } = consequence;
        let mut told = refusal.clone();
        for (role, matter, facts) in any {
            let decision = self.policies.decide(*role, *action, Resource::Matter(*matter), *facts);
            match (decision.rule, &told) {
                (None, _) if decision.masked => {}
                (None, _) => return None,
                (Some(rule), Refusal::Common(_)) if tells(&rule) == Telling::Why => told = denied(&rule),
                (Some(_), _) => {}
            }
        }
        Some(told)
    }

    /// Tells whether a role may append anything to the archive that a document is about.
    fn writes(&self, role: Role, facts: Facts) -> bool {
        let facts = facts.with(Facts::ABOUT_DOCUMENTS | Facts::PURPOSE);
        let appends = |matter| self.policies.decide(role, Action::Append, Resource::Matter(matter), facts).allowed;
        Matter::ALL.into_iter().filter(|matter| matter.of_archive()).any(appends)
    }

    /// Refuses papers of a class the role may not read unmasked: nobody files what they could not read (roles.md §5).
    fn unread(&self, role: Role, class: document::Secrecy, facts: Facts) -> Option<Refusal> {
        let facts = facts.with(Facts::ABOUT_DOCUMENTS | Facts::PURPOSE);
        let reads = self.policies.decide(role, Action::Read, Resource::Matter(class.class().matter()), facts);
        match reads.rule {
            Some(rule) if tells(&rule) == Telling::Why => Some(denied(&rule)),
            None if !reads.masked => None,
            _ => Some(document::Refusal::Unread { class }.into()),
        }
    }

    /// Returns the classes of papers that somebody may file about a customer, or about none.
    pub(super) fn fileable(
        &self,
        principal: &Principal,
        world: &World,
        customer: Option<&CustomerId>,
    ) -> Vec<document::Secrecy> {
        let Some(member) = world.employee.members.get(&principal.employee).filter(|member| member.works()) else {
            return Vec::new();
        };
        let filed = Resource::Event("document.filed");
        let today = world.date(self.clock.now());
        let may = |class: &document::Secrecy| {
            relation::roles(principal, member, today).any(|held| {
                let facts = relation::facts(world, principal, member, held, customer);
                let facts = facts.with_if(self.writes(held.role, facts), Facts::SUBJECT_WRITER);
                self.policies.decide(held.role, Action::Append, filed, facts).allowed
                    && self.unread(held.role, *class, facts).is_none()
            })
        };
        document::Secrecy::ALL.iter().copied().filter(may).collect()
    }

    /// The actor a refusal is entered for when no role permits: the first role held.
    pub(super) fn first_actor(&self, principal: &Principal, world: &World) -> Option<Actor> {
        let member = world.employee.members.get(&principal.employee)?;
        let held =
            relation::roles(principal, member, world.date(self.clock.now())).next().or_else(|| member.roles.first())?;
        Some(Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() })
    }

    /// Tells whether somebody may perhaps propose an event of this type, about a customer or about any.
    ///
    /// What only the event can tell is taken as it suits the proposer best.
    pub(super) fn proposable(
        &self,
        principal: &Principal,
        world: &World,
        kind: &EventType,
        customer: Option<&CustomerId>,
    ) -> bool {
        let Some(member) = world.employee.members.get(&principal.employee).filter(|member| member.works()) else {
            return false;
        };
        let now = self.clock.now();
        let mut open = relation::facts_of_type(kind.name);
        let mut told = Facts::NONE;
        match customer {
            Some(customer) => {
                let (hold, cannot) = relation::facts_of_proposing(world, kind.name, customer, now);
                told = hold;
                open = open.without(hold | cannot);
            }
            None => open = open | Facts::OWN | Facts::REGION,
        }
        relation::roles(principal, member, world.date(now)).any(|held| {
            let known = relation::facts(world, principal, member, held, customer).with(told);
            subsets(open).any(|open| {
                let resource = Resource::Event(kind.name);
                self.policies.decide(held.role, Action::Append, resource, known.with(open)).allowed
            })
        })
    }

    /// Tells whether somebody may know which customers there are.
    pub(super) fn may_list(&self, principal: &Principal, world: &World) -> bool {
        let Some(member) = world.employee.members.get(&principal.employee) else { return false };
        relation::roles(principal, member, world.date(self.clock.now()))
            .any(|held| self.decide(held.role, Matter::List, Facts::NONE).allowed)
    }

    /// Asks the policies for a reading of a matter.
    pub(super) fn decide(&self, role: Role, matter: Matter, facts: Facts) -> Decision {
        self.policies.decide(role, Action::Read, Resource::Matter(matter), facts)
    }

    pub(super) fn check_references(
        &self,
        world: &World,
        end: u64,
        kind: &EventType,
        data: &Value,
        fetched: &mut Fetched,
    ) -> Result<(), Stop> {
        let mut unsure = Vec::new();
        let mut unknown = None;
        catalog::for_each_reference(kind.fields, data, &mut |pointer, referent, id| match world.knows(referent, id) {
            Some(true) => {}
            Some(false) => {
                unknown.get_or_insert_with(|| unknown_reference(pointer, referent, id));
            }
            None => unsure.push((pointer.to_owned(), referent, id.to_owned())),
        });
        if let Some(refusal) = unknown {
            return Err(refusal.into());
        }
        for (pointer, referent, id) in unsure {
            let found = match referent {
                Referent::Document => self.find_document(&id)?.map(|(index, ..)| index),
                Referent::Sale => self.find_sale(&id)?,
                _ => self.find("id", &id)?,
            };
            let index = found.ok_or_else(|| unknown_reference(&pointer, referent, &id))?;
            let live = self.live(index, end)?.ok_or_else(|| voided(&pointer, &id))?;
            if let Event::Sale(sale::Event::Recorded(sale)) = live.event {
                fetched.sales.insert(id, sale);
            }
        }
        let mut mentioned = Vec::new();
        catalog::for_each_entry_id(kind.fields, data, &mut |pointer, id| {
            mentioned.push((pointer.to_owned(), id.to_owned()));
        });
        for (pointer, id) in mentioned {
            if let Some(index) = self.find("id", &id)? {
                self.live(index, end)?.ok_or_else(|| voided(&pointer, &id))?;
            }
        }
        Ok(())
    }

    /// Finds the entry that has used up an id.
    fn find(&self, space: &str, id: &str) -> Result<Option<u64>, SubmitError> {
        Ok(self.recent.look_up(self.shelf.store(), term(space, id)).map_err(|_| SubmitError::Store)?.0)
    }

    fn find_sale(&self, id: &str) -> Result<Option<u64>, Stop> {
        for space in ["sale_id", "id"] {
            let Some(index) = self.find(space, id)? else { continue };
            let Some(entry) = self.entry(index).map_err(|_| SubmitError::Store)? else { continue };
            if let Some(Ok(Event::Sale(sale::Event::Recorded(sale)))) = Event::decode(&entry.kind, &entry.data)
                && sale.sale_id.as_ref().is_some_and(|sale| sale.as_str() == id)
            {
                return Ok(Some(index));
            }
        }
        Ok(None)
    }

    /// Finds the entry that somebody signs.
    fn signed_entry(&self, plain: &Event) -> Result<Option<Entry>, Stop> {
        let Event::Signoff(signoff::Event::Recorded(recorded)) = plain else { return Ok(None) };
        let id = recorded.subject_event.0.as_str();
        let entry = self.find("id", id)?.map(|index| self.entry(index));
        let entry = entry.transpose().map_err(|_| SubmitError::Store)?.flatten();
        match entry.filter(|entry| entry.id.as_str() == id) {
            Some(entry) => Ok(Some(entry)),
            None => Err(unknown_reference("/subject_event", Referent::Record, id).into()),
        }
    }

    /// Refuses a contact that answers what is no contact with the same customer; which of both it is nobody is told.
    fn check_answered(&self, world: &World, plain: &Event, about: &About) -> Result<(), Stop> {
        let Event::Contact(contact::Event::Recorded(recorded)) = plain else { return Ok(()) };
        let Some(id) = &recorded.replies_to else { return Ok(()) };
        // A question before it in the same batch is known by what it opened.
        let mut open = world.obligation.about(&contact::ANSWER, id.as_str());
        if open.any(|(_, open)| open.customer == about.customer) {
            return Ok(());
        }
        let entry = self.find("id", id.as_str())?.map(|index| self.entry(index));
        let entry = entry.transpose().map_err(|_| SubmitError::Store)?.flatten();
        let answered = entry.is_some_and(|entry| {
            entry.kind == "contact.recorded"
                && entry.id == *id
                && projection::customer_of(&entry).as_ref() == about.customer.as_ref()
        });
        if answered { Ok(()) } else { Err(unknown_reference("/replies_to", Referent::Record, id.as_str()).into()) }
    }

    /// Tells whether a document names a meeting with its customer among what it is related to.
    fn names_meeting(&self, plain: &Event, about: &About, end: u64) -> Result<bool, Stop> {
        let Event::Document(document::Event::Filed(filed)) = plain else { return Ok(false) };
        let of_meeting = filed.kind == document::Paper::MeetingMinutes;
        for id in filed.related.iter().flatten().filter(|_| of_meeting) {
            if self.met(id, about.customer.as_ref(), end)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether an id is that of a meeting with the customer.
    fn met(&self, id: &SubjectId, customer: Option<&CustomerId>, end: u64) -> Result<bool, Stop> {
        for space in ["contact_id", "id"] {
            let Some(index) = self.find(space, id.as_str())? else { continue };
            if let Some(Live { event: Event::Contact(contact::Event::Recorded(contact)), subject, .. }) =
                self.live(index, end)?
                && contact.is_meeting()
                && subject.id() == customer.map(CustomerId::as_str)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn check_birthday(&self, state: &State, plain: &Event) -> Result<(), Stop> {
        let Event::Person(event) = plain else { return Ok(()) };
        let today = state.world.date(self.clock.now().max(state.last_at));
        person::check_birthday(event, today).map_err(|refusal| Refusal::from(refusal).into())
    }

    /// Finds another person of the customer who has the name proposed; names are sealed, so only a door can compare them.
    fn namesake(&self, world: &World, plain: &Event, about: &About) -> Result<Option<SubjectId>, Stop> {
        let Event::Person(event) = plain else { return Ok(None) };
        let (Some(name), Some(customer)) = (person::name_in(event), &about.customer) else { return Ok(None) };
        let wanted = customer::folded(name.text());
        let Some(people) = world.person.customers.get(customer) else { return Ok(None) };
        for id in people.ids.iter().filter(|id| about.subject.id() != Some(id.as_str())) {
            let Some(person::Person { name, .. }) = world.person.people.get(id) else { continue };
            let (kind, pointer) = name.place();
            match self.open_seal(&name.seal, &name.entry, kind, pointer) {
                Opened::Value(Value::String(known)) if customer::folded(&known) == wanted => {
                    return Ok(Some(id.clone()));
                }
                Opened::Value(_) | Opened::Erased => {}
                // It may be this name: whoever cannot tell does not say that it is free.
                Opened::Unreadable => return Err(SubmitError::Store.into()),
            }
        }
        Ok(None)
    }

    fn fetch(&self, state: &State, event: &Event, about: &About, fetched: &mut Fetched) -> Result<(), Stop> {
        match event {
            Event::Customer(customer::Event::Verified(_)) | Event::Loan(loan::Event::Borrowed(_)) => {
                let head = about.customer.as_ref().and_then(|id| state.heads.get(&id.stream()));
                fetched.archive = head.map(|head| (state.size.saturating_sub(1), head.hash));
            }
            Event::Ledger(domain::ledger::Event::Verified(asked)) => {
                let index = |count: catalog::Count| u64::try_from(count.0).unwrap_or(0);
                let found = self.verify_range(index(asked.from_position), index(asked.to_position))?;
                self.check_writable()?;
                fetched.verification = found;
            }
            _ => {}
        }
        Ok(())
    }

    /// Seals what the catalog declares sealed and reads the event again as it will be stored.
    fn seal_all(
        &self,
        kind: &EventType,
        data: &Value,
        plain: Event,
        about: &About,
        id: &EntryId,
    ) -> Result<Event, Stop> {
        // What waits for approval is entered under the id it will then have.
        let entered = if approval::gated(kind.name) { approval::approved_id(id) } else { id.clone() };
        self.seal_under(kind, data, plain, about, &entered)
    }

    /// Seals for the entry of this id.
    pub(super) fn seal_under(
        &self,
        kind: &EventType,
        data: &Value,
        plain: Event,
        about: &About,
        entered: &EntryId,
    ) -> Result<Event, Stop> {
        if !catalog::seals(kind.fields) {
            return Ok(plain);
        }
        let mut data = data.clone();
        let mut failed = None;
        let mut sealed = false;
        let holder = holder(about, entered, &data);
        let of = data.clone();
        catalog::for_each_sealed(kind.fields, &mut data, &mut |pointer, value| {
            match self.sealed((&holder, purpose_of(kind, &of, pointer)), kind, pointer, entered, value) {
                Ok(seal) => *value = seal,
                Err(stop) => failed = Some(stop),
            }
            sealed = true;
        });
        match (failed, sealed) {
            (Some(stop), _) => Err(stop),
            (None, false) => Ok(plain),
            (None, true) => Ok(decode(kind, &data)?),
        }
    }

    /// Seals one value for its place in the entry of this id.
    pub(super) fn sealed(
        &self,
        (holder, purpose): (&str, Purpose),
        kind: &EventType,
        pointer: &str,
        entered: &EntryId,
        value: &Value,
    ) -> Result<Value, Stop> {
        let mut entropy = |bytes: &mut [u8]| self.source.fill(bytes);
        let key = match self.ring.key_for(holder, purpose, &mut entropy) {
            Ok(key) => key,
            // Whose keys are destroyed was erased.
            Err(RingError::Erased { .. }) => return Err(Refusal::from(privacy::Refusal::Gone).into()),
            Err(_) => return Err(SubmitError::Store.into()),
        };
        let mut nonce = [0; 24];
        self.source.fill(&mut nonce);
        let pointer = format!("/data{pointer}");
        let place = Place { source: &self.origin, id: entered.as_str(), kind: kind.name, pointer: &pointer };
        Ok(Value::String(seal::seal(&key, nonce, &place, value)))
    }

    /// What the proposal uses up, and the refusal if somebody has used it before.
    #[expect(clippy::type_complexity, reason = "claims and the conflict among them, read once by the caller")]
    pub(super) fn claims(
        &self,
        event: &Event,
        id: &EntryId,
    ) -> Result<((Vec<(Term, common::Refusal)>, Option<common::Refusal>), u64), Stop> {
        let mut wanted = vec![(term("id", id.as_str()), common::Refusal::IdTaken)];
        if let Some((space, what, subject)) = begun(event) {
            let issued = ids::issued(id);
            let subject = subject.unwrap_or(&issued);
            let taken = common::Refusal::SubjectTaken { what: what.into(), id: subject.to_string() };
            wanted.push((term(space, subject.as_str()), taken.clone()));
            // An id that was issued is the one of its entry, or derived from it.
            if *subject != issued {
                wanted.push((term("id", subject.as_str()), taken));
            }
        }
        let gated = approval::gated(event.name()).then(|| approval::approved_id(id));
        let following = following(event, id).chain(gated);
        wanted.extend(following.map(|id| (term("id", id.as_str()), common::Refusal::IdTaken)));
        let mut checked_to = u64::MAX;
        for (term, refusal) in &wanted {
            let (found, checked) = self.recent.look_up(self.shelf.store(), *term).map_err(|_| SubmitError::Store)?;
            checked_to = checked_to.min(checked);
            if found.is_some() {
                return Ok(((Vec::new(), Some(refusal.clone())), checked_to));
            }
        }
        Ok(((wanted, None), checked_to))
    }

    fn seen_or(
        &self,
        principal: &Principal,
        proposal: &Proposal,
        id: &EntryId,
        plain: &Event,
        otherwise: Refused,
    ) -> Result<Outcome, Stop> {
        match self.seen(principal, proposal, id, plain)? {
            Some(receipts) => Ok(Outcome::Seen(receipts)),
            None => Err(Stop::Refused(otherwise)),
        }
    }

    /// Returns what became of the same proposal before, if its id is in use for it.
    fn seen(
        &self,
        principal: &Principal,
        proposal: &Proposal,
        id: &EntryId,
        plain: &Event,
    ) -> Result<Option<Vec<Receipt>>, Stop> {
        if proposal.id.is_none() {
            return Ok(None);
        }
        let (index, _) =
            self.recent.look_up(self.shelf.store(), term("id", id.as_str())).map_err(|_| SubmitError::Store)?;
        let Some(index) = index else { return Ok(None) };
        let taken = || Stop::from(Refusal::from(common::Refusal::IdTaken));
        let first = self.entry(index).map_err(|_| SubmitError::Store)?.ok_or_else(taken)?;
        if first.id != *id || first.actor != principal.employee.as_str() || !self.same(proposal, plain, &first) {
            return Err(taken());
        }
        let mut receipts = vec![receipt(index, &first, self.hash_at(index)?)];
        // What a proposal brings about besides itself follows at once and names it as its cause.
        for next in index + 1.. {
            let Some(entry) = self.entry(next).map_err(|_| SubmitError::Store)? else { break };
            if entry.causation.as_ref() != Some(id) {
                break;
            }
            receipts.push(receipt(next, &entry, self.hash_at(next)?));
        }
        Ok(Some(receipts))
    }

    fn hash_at(&self, index: u64) -> Result<Hash, Stop> {
        let bytes = self.shelf.entry(index).map_err(|_| SubmitError::Store)?.ok_or(SubmitError::Store)?;
        Ok(Hash::of(&bytes))
    }

    /// Compares what is proposed with what was, value by value, seals opened.
    fn same(&self, proposal: &Proposal, plain: &Event, entry: &Entry) -> bool {
        let mut stored = data_of(&entry.data);
        let mut kind = entry.kind.clone();
        let mut entered = entry.id.clone();
        if kind == "approval.requested" && proposal.kind != kind {
            kind = stored.get("proposed").and_then(Value::as_str).unwrap_or_default().to_owned();
            stored = stored.get("data").cloned().unwrap_or_default();
            entered = approval::approved_id(&entry.id);
        }
        let Some(declared) = catalog::find(&kind).filter(|_| kind == proposal.kind) else { return false };
        catalog::for_each_sealed(declared.fields, &mut stored, &mut |pointer, value| {
            if let Some(seal) = value.as_str()
                && let Opened::Value(opened) = self.open_seal(seal, &entered, &kind, &format!("/data{pointer}"))
            {
                *value = opened;
            }
        });
        if kind == record::CORRECTED {
            let record: Option<EntryId> = stored.get("record").and_then(Value::as_str).and_then(|id| id.parse().ok());
            let Some(record) = record else { return false };
            record::for_each_sealed(&mut stored, &mut |of, pointer, value| {
                self.open_in_place(value, &record, of, pointer);
            });
        }
        let Ok(Value::Object(mut proposed)) = plain.data() else { return false };
        let Value::Object(stored) = stored else { return false };
        // A file is the same by what is in it, whatever it is sealed to.
        if let Some(Ok(Event::Document(document::Event::Filed(filed)))) = Event::decode(&entry.kind, &entry.data) {
            let name =
                |data: &serde_json::Map<String, Value>| data.get("file").and_then(|file| file.get("name")).cloned();
            let Some(came) = &proposal.file else { return false };
            // Of one still on its way neither is known yet.
            if let Some(came) = came.received()
                && (name(&proposed) != name(&stored) || !self.same_content(came, &entry.id, &filed))
            {
                return false;
            }
            proposed.remove("file");
        }
        let computed = |name: &str| declared.field(name).is_some_and(|field| field.computed);
        proposed.iter().all(|(name, value)| stored.get(name) == Some(value))
            && stored.keys().all(|name| proposed.contains_key(name) || computed(name))
            && proposal.subject.as_ref().is_none_or(|subject| *subject == entry.subject.as_str() || kind != entry.kind)
            && proposal.occurredat.as_ref().is_none_or(|at| at.parse() == Ok(entry.occurredat) || kind != entry.kind)
            // These two are entered as they were proposed, and nothing else determines them: to leave one out is another proposal.
            && proposal.latereason == entry.latereason
            && proposal.correlation == entry.correlation
        // What was expected is a condition and not compared: it held when the first was entered, which has itself moved the
        // stream on. Whoever asks again after looking at the stream anew still asks about the same event.
    }

    /// Opens one seal.
    pub(super) fn open_seal(&self, text: &str, id: &EntryId, kind: &str, pointer: &str) -> Opened {
        let Some(key_id) = seal::key_id(text) else { return Opened::Unreadable };
        let key = match self.ring.key(key_id) {
            Ok(key) => key,
            Err(KeyError::Destroyed) => return Opened::Erased,
            Err(error @ KeyError::Unknown { .. }) => {
                tracing::error!(%error, entry = id.as_str(), pointer, "a sealed value cannot be opened");
                return Opened::Unreadable;
            }
        };
        match seal::open(&key, text, &Place { source: &self.origin, id: id.as_str(), kind, pointer }) {
            Ok(value) => Opened::Value(value),
            Err(error) => {
                tracing::error!(%error, entry = id.as_str(), pointer, "a sealed value cannot be opened");
                Opened::Unreadable
            }
        }
    }
}

/// Returns every subset of a set of facts, the whole set first.
fn subsets(facts: Facts) -> impl Iterator<Item = Facts> {
    let next = move |set: &Facts| match set.bits() {
        0 => None,
        bits => Some(Facts::from_bits((bits - 1) & facts.bits())),
    };
    std::iter::successors(Some(facts), next)
}

/// The purpose of the key under which a value at this pointer is sealed; a document is sealed as one.
pub(super) fn purpose_of(kind: &EventType, data: &Value, pointer: &str) -> Purpose {
    let private = match kind.name {
        "document.filed" => data.get("class").and_then(Value::as_str) == Some(Class::C5.key()),
        _ => class_of(kind, pointer) == Class::C5,
    };
    if private { Purpose::Private } else { Purpose::Identity }
}

/// The holder under whose key the personal values of an entry are sealed.
pub(super) fn holder(about: &About, id: &EntryId, data: &Value) -> String {
    let of_document = data.get("person_id").and_then(Value::as_str).filter(|_| about.subject.kind() == "document");
    if let Some(person) = of_document {
        return person_holder(person);
    }
    match (&about.customer, about.subject.kind(), about.subject.id()) {
        (_, "person", Some(person)) => person_holder(person),
        (Some(customer), _, _) => format!("customer/{customer}"),
        (None, "employee", Some(employee)) => format!("employee/{employee}"),
        (None, ..) => format!("record/{id}"),
    }
}

/// The holder of what is a key person's own.
pub(super) fn person_holder(person: impl std::fmt::Display) -> String {
    format!("person/{person}")
}

/// The class of the field a pointer leads to; of its outermost field where it leads into an object.
fn class_of(kind: &EventType, pointer: &str) -> Class {
    let mut fields = kind.fields;
    let mut class = Class::C4;
    for part in pointer.split('/').skip(1) {
        let Some(field) = fields.iter().find(|field| field.name == part) else { continue };
        class = field.class;
        fields = match &field.kind {
            Kind::Object(fields) => fields,
            Kind::List(kind) => match kind.as_ref() {
                Kind::Object(fields) => fields,
                _ => &[],
            },
            _ => &[],
        };
    }
    class
}

/// Hashes bytes under a salt: nothing can be guessed from it without the salt.
pub(super) fn salted(salt: &[u8; 16], bytes: &[u8]) -> Hash {
    Hash(*blake3::Hasher::new().update(salt).update(bytes).finalize().as_bytes())
}

/// Tells a proposer where an entry stands.
pub(super) fn receipt(index: u64, entry: &Entry, hash: Hash) -> Receipt {
    Receipt {
        index,
        id: entry.id.clone(),
        kind: entry.kind.clone(),
        subject: entry.subject.to_string(),
        hash,
        streams: entry.streams.iter().map(|link| format!("{}@{}", link.name, link.version)).collect(),
    }
}

/// Why preparing stops: a business no, or a failure.
pub(super) enum Stop {
    Refused(Refused),
    Failed(SubmitError),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl From<SubmitError> for Stop {
    fn from(error: SubmitError) -> Self {
        Self::Failed(error)
    }
}

fn voided(pointer: &str, id: &str) -> Refusal {
    common::Refusal::Voided { pointer: pointer.into(), id: id.into() }.into()
}

fn unknown_reference(pointer: &str, referent: Referent, id: &str) -> Refusal {
    common::Refusal::Unknown { pointer: pointer.into(), what: referent.name().into(), id: id.into() }.into()
}

pub(super) fn named_subject(proposal: &Proposal) -> Result<Option<StreamName>, Refusal> {
    let Some(subject) = &proposal.subject else { return Ok(None) };
    match subject.parse() {
        Ok(subject) => Ok(Some(subject)),
        Err(_) => Err(Refusal::field(
            "subject",
            "must be a stream name such as customer/C-00042",
            "须为对象名，如customer/C-00042",
        )),
    }
}

fn expected_versions(expected: &[Expected]) -> Result<Vec<(StreamName, u64)>, Refusal> {
    expected
        .iter()
        .map(|expected| match expected.stream.parse() {
            Ok(stream) => Ok((stream, expected.version)),
            Err(_) => Err(Refusal::field("expected", "must name streams", "须为对象名")),
        })
        .collect()
}

/// Refuses control characters in the envelope, before anything else is said about what holds one.
fn check_controls(proposal: &Proposal) -> Result<(), Refusal> {
    let mut problems = Vec::new();
    let mut check = |pointer: &str, text: &str| {
        let found = catalog::control(text, catalog::LINE_BREAKS);
        problems.extend(found.map(|(en, zh)| catalog::Problem { pointer: pointer.into(), en, zh }));
    };
    check("type", &proposal.kind);
    let attributes = [
        ("subject", &proposal.subject),
        ("id", &proposal.id),
        ("occurredat", &proposal.occurredat),
        ("latereason", &proposal.latereason),
        ("correlation", &proposal.correlation),
    ];
    for (name, text) in attributes {
        check(name, text.as_deref().unwrap_or_default());
    }
    for (place, expected) in proposal.expected.iter().enumerate().take(64) {
        check(&format!("expected/{place}/stream"), &expected.stream);
    }
    if problems.is_empty() { Ok(()) } else { Err(Refusal::Schema(problems)) }
}

/// Checks a text of the envelope.
fn line(text: Option<&str>, name: &str, most: usize) -> Result<Option<String>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    if text.trim().is_empty() || text.chars().count() > most || text.contains(char::is_control) {
        let (en, zh) =
            (format!("must be 1 to {most} characters on one line"), format!("须为1至{most}个字符的单行文本"));
        return Err(Refusal::field(name, &en, &zh));
    }
    Ok(Some(text.to_owned()))
}

/// The business time: the payload's own, which the envelope's must agree with.
fn occurred_at(world: &World, kind: &EventType, proposal: &Proposal) -> Result<Option<Timestamp>, Refusal> {
    let bad = || {
        Refusal::field(
            "occurredat",
            "must be an instant such as 2026-03-05T09:30:00+08:00",
            "须为时间，如2026-03-05T09:30:00+08:00",
        )
    };
    let named: Option<Timestamp> = proposal.occurredat.as_ref().map(|at| at.parse().map_err(|_| bad())).transpose()?;
    let Some(field) = kind.occurred else { return Ok(named) };
    let own = proposal.data.get(field).and_then(Value::as_str).unwrap_or_default();
    let disagrees = || Refusal::from(common::Refusal::OtherTime { field: field.into() });
    if let Ok(date) = own.parse::<crate::clock::Date>() {
        return match named {
            Some(named) if world.date(named) != date => Err(disagrees()),
            Some(named) => Ok(Some(named)),
            None => Ok(Some(world.ledger.zone.start_of(date))),
        };
    }
    let own: Option<Timestamp> = own.parse().ok();
    match (own, named) {
        (Some(own), Some(named)) if own != named => Err(disagrees()),
        (own, _) => Ok(own),
    }
}

pub(super) fn decode(kind: &EventType, data: &Value) -> Result<Event, Refusal> {
    match Event::read(kind.name, data) {
        Some(Ok(event)) => Ok(event),
        // The catalog has checked the shape; what serde still minds is told as it says it.
        Some(Err(error)) => Err(Refusal::field("", &error.to_string(), "数据格式不符")),
        None => Err(common::Refusal::UnknownType { name: kind.name.into() }.into()),
    }
}
