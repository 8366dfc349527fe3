//! The one read path: authorize, fold, redact, enter that it was read, and only then answer.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::access::decide::{Action, Authority, Resource};
use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::principal::{Principal, Purpose};
use crate::access::redactor::{Reader, Seen, Sight};
use crate::access::relation;
use crate::clock::Timestamp;
use crate::domain::audit::{self, Mode, Shown};
use crate::domain::catalog::{Int, Str, Text};
use crate::domain::class::Class;
use crate::domain::employee::{Held, Member};
use crate::domain::role::Role;
use crate::domain::{Actor, Event, Refusal, World, common, customer, grade};
use crate::entry::{Entry, Hash};
use crate::ids::{CustomerId, EmployeeId, StreamName, SubjectId};
use crate::ledger::door::{Basis, salted};
use crate::ledger::proof::{EVIDENCE_ENTRIES_MAX, ProofError};
use crate::ledger::rebuild::{self, Stored};
use crate::ledger::state::State;
use crate::ledger::tail::{family_term, stream_term};
use crate::ledger::writer::{Access, Answer, Job, Reading};
use crate::ledger::{Ledger, Shared, SubmitError};
use crate::projection::customer::Archive;
use crate::projection::grade::Trace;
use crate::projection::register::Register;
use crate::projection::{self, Node, Read, Scope, View};
use crate::proof::tile;
use crate::store::{Direction, ReadError};

/// What somebody asks to read.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The view.
    pub view: &'static View,
    /// What it is about, where it is about one thing.
    pub subject: Option<String>,
    /// What narrows a list.
    pub filters: BTreeMap<String, String>,
    /// As of when.
    pub as_of: AsOf,
    /// Why.
    pub purpose: Option<Purpose>,
    /// How: on screen, printed or taken out.
    pub mode: Mode,
    /// Whether personal values are to be opened.
    pub reveal: bool,
    /// Where the last page ended.
    pub after: Option<String>,
    /// How many rows a page has at most.
    pub limit: usize,
}

impl Asked {
    /// Asks for the latest state on screen, without a purpose.
    pub fn new(view: &'static View) -> Self {
        Self {
            view,
            subject: None,
            filters: BTreeMap::new(),
            as_of: AsOf::Latest,
            purpose: None,
            mode: Mode::View,
            reveal: false,
            after: None,
            // What is taken out is taken out whole, unless it is too much at once.
            limit: if view.key == "evidence" { EVIDENCE_ENTRIES_MAX } else { 50 },
        }
    }
}

/// The moment a view is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AsOf {
    /// Now.
    Latest,
    /// After the entry of this index.
    Index(u64),
    /// After the last entry recorded by then.
    Instant(Timestamp),
}

/// What a reader gets; its reading is durable.
#[derive(Clone, Debug)]
pub struct Answered {
    /// What is shown.
    pub body: Arc<Value>,
    /// The same as canonical JSON.
    pub text: Arc<str>,
    /// The last index it reflects.
    pub position: u64,
    /// Where the next page begins.
    pub next: Option<String>,
    /// The role it was read under.
    pub role: Role,
    /// The fields masked.
    pub masked: Vec<String>,
    /// The entries that record the reading.
    pub recorded: Vec<u64>,
}

/// Why nothing is shown.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// There is no such thing, or the asker may not know of it.
    #[error("no such thing")]
    NotFound,
    /// The asker may not read it; the denial is entered.
    #[error("not permitted: {}", .0.words().0)]
    Denied(Refusal),
    /// The question is wrong.
    #[error("refused: {}", .0.words().0)]
    Refused(Refusal),
    /// Readings cannot be entered, so nobody reads.
    #[error("the ledger cannot be written")]
    Unwritable,
    /// The ledger is damaged.
    #[error("the ledger is damaged")]
    Integrity,
    /// Store or journal cannot be read.
    #[error("the store cannot be read")]
    Store,
    /// Others moved what was decided on, too often in a row.
    #[error("too busy; try again")]
    Busy,
}

impl From<ReadError> for ViewError {
    fn from(error: ReadError) -> Self {
        tracing::error!(%error, "a reading failed");
        Self::Store
    }
}

impl From<SubmitError> for ViewError {
    fn from(error: SubmitError) -> Self {
        match error {
            SubmitError::Integrity => Self::Integrity,
            SubmitError::Unwritable => Self::Unwritable,
            SubmitError::Busy => Self::Busy,
            SubmitError::NotFound => Self::NotFound,
            SubmitError::Store | SubmitError::BatchSize => Self::Store,
            SubmitError::Refused { refusal, .. } => Self::Refused(refusal),
        }
    }
}

impl From<ProofError> for ViewError {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::NotFound => Self::NotFound,
            ProofError::NotCovered => Self::Busy,
            ProofError::Unreadable => Self::Store,
        }
    }
}

/// Folds that are kept from one reading to the next.
#[derive(Default)]
pub(crate) struct Views {
    register: Mutex<Register>,
    archives: Mutex<Archives>,
    shown: Mutex<HashMap<Sameness, Arc<Rendered>>>,
}

/// All that what is shown of one customer's latest archive depends on, besides the policies this process runs with.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Sameness {
    view: &'static str,
    customer: CustomerId,
    version: u64,
    role: Role,
    facts: Facts,
    day: crate::clock::Date,
    /// The policy versions in force: one adopted earlier may have begun since.
    policies: usize,
    /// From when the grade in force is: one approved earlier may have begun since.
    graded: Option<Timestamp>,
}

/// What is shown, ready to leave, with what the redactor found out on the way.
struct Rendered {
    body: Arc<Value>,
    text: Arc<str>,
    seen: Seen,
    next: Option<String>,
    targets: Vec<String>,
}

/// The archives read last, bounded in number.
#[derive(Default)]
struct Archives {
    kept: BTreeMap<CustomerId, (u64, Arc<Archive>)>,
    turn: u64,
}

/// Archives kept in memory: some 10 KB each at most.
const ARCHIVES_KEPT: usize = 4096;
/// Redacted answers kept in memory; they are as large as archives.
const SHOWN_KEPT: usize = 2048;
/// Customers one access entry names at most (`design` §2).
const CUSTOMERS_PER_ENTRY: usize = 64;
const ATTEMPTS: usize = 32;
const REGISTER: &str = "register";

/// A view before it is redacted.
struct Built {
    node: Node,
    next: Option<String>,
    /// The streams in which the reading is found besides the reader's acts.
    targets: Vec<String>,
}

/// An answer with what must be durable before it leaves, if anything must.
struct Composed {
    answered: Answered,
    recording: Option<(Vec<Access>, Basis, crate::clock::Date)>,
}

/// What an access entry says, gathered in one place.
struct Recorded<'a> {
    principal: &'a Principal,
    actor: &'a Actor,
    asked: &'a Asked,
    subject: &'a Subject,
    targets: &'a [String],
    seen: &'a Seen,
    position: u64,
    body: &'a Value,
    text: &'a str,
}

/// What the subject of a question is.
#[derive(Clone, Debug, Default)]
struct Subject {
    customer: Option<CustomerId>,
    staff: Option<EmployeeId>,
    /// The matter that opens it, where it is not the view's own.
    matter: Option<Matter>,
    targets: Vec<String>,
}

impl Ledger {
    /// Answers a question, if the asker may read it; the reading is durable before this returns.
    ///
    /// # Errors
    /// See [`ViewError`]; a denial is durable when it is told.
    pub async fn view(&self, principal: &Principal, asked: &Asked) -> Result<Answered, ViewError> {
        for _ in 0..ATTEMPTS {
            self.shared.check_writable()?;
            let state = self.shared.state();
            let member = state.world.employee.members.get(&principal.employee).filter(|member| member.works());
            let Some(member) = member else { return Err(ViewError::NotFound) };
            let subject = self.shared.subject(&state, asked)?;
            let held = match self.shared.first_permitted(principal, &state.world, member, asked, &subject) {
                Ok(held) => held,
                Err(rule) => return self.deny(principal, &state.world, member, asked, &subject, &rule).await,
            };
            match self.attempt(principal, &state, member, held, asked, &subject).await {
                Ok(Some(answered)) => return Ok(answered),
                Ok(None) => {}
                Err(ViewError::Denied(refusal)) => {
                    let (_, rule) = refusal.grounds();
                    return self.deny(principal, &state.world, member, asked, &subject, rule).await;
                }
                Err(error) => return Err(error),
            }
        }
        Err(ViewError::Busy)
    }

    async fn attempt(
        &self,
        principal: &Principal,
        state: &State,
        member: &Member,
        held: &Held,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Option<Answered>, ViewError> {
        let mut composed = self.compose(principal, state, member, held, asked, subject)?;
        let Some((accesses, basis, day)) = composed.recording.take() else { return Ok(Some(composed.answered)) };
        let (reply, answer) = oneshot::channel();
        self.send(Job::Read(Box::new(Reading { accesses, basis, day, reply })))?;
        match answer.await.map_err(|_| ViewError::Unwritable)? {
            Answer::Entered(receipts) => {
                composed.answered.recorded = receipts.into_iter().map(|receipt| receipt.index).collect();
                Ok(Some(composed.answered))
            }
            Answer::Refused(_, refusal) => Err(ViewError::Refused(refusal)),
            Answer::Moved => Ok(None),
            Answer::Unwritable => Err(ViewError::Unwritable),
        }
    }

    /// Folds and redacts; what comes of it leaves only when its recording is durable.
    fn compose(
        &self,
        principal: &Principal,
        state: &State,
        member: &Member,
        held: &Held,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Composed, ViewError> {
        let shared = &self.shared;
        let end = shared.end_of(state, asked.as_of)?;
        let now = shared.clock.now();
        let reader = Reader {
            policies: &shared.policies,
            world: &state.world,
            principal,
            member,
            held,
            action: action(asked.mode),
            extra: request_facts(asked),
        };
        let same = self.sameness(state, &reader, asked, subject, now);
        let kept = same.as_ref().and_then(|same| shared.views.shown(same));
        let rendered = match kept {
            Some(kept) => kept,
            None => {
                let rendered = Arc::new(self.render(&reader, state, end, now, asked, subject)?);
                if let Some(same) = same {
                    shared.views.keep_shown(same, &rendered);
                }
                rendered
            }
        };
        let Rendered { body, text, seen, next, targets } = rendered.as_ref();
        let position = end.saturating_sub(1);
        // A reading of the list alone, and of proofs, leaves no entry.
        let quiet =
            seen.classes.iter().all(|class| *class == Class::C0) && seen.opened.is_empty() && asked.mode == Mode::View;
        let recording = (!quiet).then(|| {
            let actor = Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() };
            let read = Recorded { principal, actor: &actor, asked, subject, targets, seen, position, body, text };
            let (accesses, customers) = shared.accesses(&read);
            let basis = Basis::of(&state.world, Some(&principal.employee), &customers);
            (accesses, basis, state.world.date(now))
        });
        let masked = seen.masked.iter().cloned().collect();
        let answered = Answered {
            body: body.clone(),
            text: text.clone(),
            position,
            next: next.clone(),
            role: held.role,
            masked,
            recorded: Vec::new(),
        };
        Ok(Composed { answered, recording })
    }

    /// Folds and redacts.
    fn render(
        &self,
        reader: &Reader<'_>,
        state: &State,
        end: u64,
        now: Timestamp,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Rendered, ViewError> {
        let shared = &self.shared;
        let open = |seal: &str, at: &projection::SealedAt| shared.open_seal(seal, &at.id, &at.kind, &at.pointer);
        let mut sight = Sight::new(reader, &open, asked.reveal);
        sight.turn_to(subject.customer.as_ref());
        let Built { node, next, targets } = self.build(state, end, now, asked, subject, &mut sight)?;
        let node = match &subject.customer {
            Some(customer) => Node::About(customer.clone(), Box::new(node)),
            None => node,
        };
        let mut body = sight.show(&node);
        // What is hashed is canonical, and so is what is sent.
        body.sort_all_objects();
        let text = body.to_string().into();
        Ok(Rendered { body: Arc::new(body), text, seen: std::mem::take(&mut sight.seen), next, targets })
    }

    /// What an answer depends on, where it is one that may be kept: a customer's latest card or archive, masked.
    fn sameness(
        &self,
        state: &State,
        reader: &Reader<'_>,
        asked: &Asked,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<Sameness> {
        let customer = subject.customer.as_ref()?;
        if !matches!(asked.view.key, "archive" | "card")
            || asked.reveal
            || asked.as_of != AsOf::Latest
            || asked.mode != Mode::View
        {
            return None;
        }
        let facts = relation::facts(reader.world, reader.principal, reader.member, reader.held, Some(customer));
        Some(Sameness {
            view: asked.view.key,
            customer: customer.clone(),
            version: state.heads.get(&customer.stream())?.version,
            role: reader.held.role,
            facts: facts.with(reader.extra),
            day: state.world.date(now),
            policies: state.world.policy.adopted.iter().filter(|version| version.effective_at <= now).count(),
            graded: grade::current(&state.world, customer, now).map(|graded| graded.since),
        })
    }

    async fn deny(
        &self,
        principal: &Principal,
        world: &World,
        member: &Member,
        asked: &Asked,
        subject: &Subject,
        rule: &str,
    ) -> Result<Answered, ViewError> {
        let day = world.date(self.shared.clock.now());
        let held = relation::roles(principal, member, day).next().or_else(|| member.roles.first());
        let listed = relation::roles(principal, member, day)
            .any(|held| self.shared.decide(held.role, Matter::List, Facts::NONE).allowed);
        let place = principal.place;
        let cut = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
        if let Some(held) = held {
            let denied = audit::Denied {
                view: Str(asked.view.key.into()),
                targets: subject.targets.iter().take(CUSTOMERS_PER_ENTRY).map(|target| Str(cut(target, 80))).collect(),
                mode: asked.mode,
                rule: Str(cut(rule, 10)),
                purpose: asked.purpose.as_ref().map(|purpose| Text(purpose.text())),
                place,
            };
            let access = Access {
                event: denied.into(),
                actor: Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() },
                reads: subject.customer.iter().map(CustomerId::reads).collect(),
                salt: self.shared.source.salt(),
            };
            let (reply, answer) = oneshot::channel();
            // The denial rests on nothing that could move: it is what this asker was told now.
            let basis = Basis::of(&self.shared.state().world, None, &[]);
            let today = self.shared.state().world.date(self.shared.clock.now());
            self.send(Job::Read(Box::new(Reading { accesses: vec![access], basis, day: today, reply })))?;
            match answer.await.map_err(|_| ViewError::Unwritable)? {
                Answer::Entered(_) => {}
                Answer::Unwritable => return Err(ViewError::Unwritable),
                Answer::Refused(_, refusal) => return Err(ViewError::Refused(refusal)),
                Answer::Moved => return Err(ViewError::Busy),
            }
        }
        if !listed && subject.customer.is_some() {
            return Err(ViewError::NotFound);
        }
        Err(ViewError::Denied(common::Refusal::Forbidden { rule: rule.to_owned() }.into()))
    }

    fn build(
        &self,
        state: &State,
        end: u64,
        now: Timestamp,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let shared = &self.shared;
        let at = if asked.as_of == AsOf::Latest { now } else { shared.time_at(end)?.unwrap_or(now) };
        let of_customer = |node: Node| Ok(Built { node, next: None, targets: subject.targets.clone() });
        match (asked.view.key, &subject.customer) {
            ("card", Some(id)) => of_customer(shared.archive(state, id, end)?.card(id)),
            ("archive", Some(id)) => {
                let then = shared.state_at(state, end)?;
                let status = customer::status(&then.world, id, then.world.date(at), at);
                of_customer(shared.archive(state, id, end)?.archive(id, status, at))
            }
            ("promises" | "people" | "relations" | "decision_roles", Some(id)) => {
                let archive = shared.archive(state, id, end)?;
                let rows = match asked.view.key {
                    "people" => archive.people.rows(),
                    "relations" => archive.people.relations(),
                    "decision_roles" => archive.people.decision_roles(),
                    _ => archive.promises(),
                };
                of_customer(Node::Row(vec![("items", Node::List(rows))]))
            }
            ("list", _) => shared.list(state, end, at, asked, sight),
            ("stats", _) => shared.statistics(state, end, asked, sight),
            ("grades", _) => shared.grades(end, at, asked, subject),
            ("grade_audit", _) => shared.trace(end, asked, subject),
            ("sod", _) => shared.separation(end, asked),
            ("access_log", _) => shared.access_log(end, asked, subject),
            ("timeline", _) => shared.timeline(end, asked, subject),
            ("policy", _) => shared.policy(end),
            ("staff", _) => shared.staff(state, end, asked),
            ("entry", _) => shared.one_entry(asked, subject, sight),
            ("evidence", _) => self.evidence(asked, subject, sight),
            ("entries", _) => self.entries(asked, subject, sight),
            _ => Err(ViewError::NotFound),
        }
    }

    /// The whole bytes of the entries of one tile of the tree.
    fn entries(&self, asked: &Asked, subject: &Subject, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        self.shared.check_raw(asked, sight)?;
        let named = format!("tile/entries/{}", asked.subject.as_deref().unwrap_or_default());
        let (n, width) = tile::parse_entries_path(&named).ok_or(ViewError::NotFound)?;
        let first = n.checked_mul(tile::FULL_WIDTH).ok_or(ViewError::NotFound)?;
        let end = first.checked_add(width.map_or(tile::FULL_WIDTH, u64::from)).ok_or(ViewError::NotFound)?;
        if end > self.shared.checkpoint().size {
            return Err(ViewError::NotFound);
        }
        let mut entries = Vec::new();
        for index in first..end {
            let bytes = self.shared.shelf.entry(index)?.ok_or(ViewError::Store)?;
            let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
            // Whose entries they are is known only now: each of them finds this reading among those of its archive.
            if let Some(customer) = projection::customer_of(&entry).filter(|id| !sight.seen.customers.contains(id)) {
                sight.seen.customers.push(customer);
            }
            entries.push(String::from_utf8(bytes.to_vec()).map_err(|_| ViewError::Store)?);
        }
        sight.seen.classes.insert(Class::C8);
        let node = Node::Row(vec![("first", Node::plain(first)), ("entries", Node::plain(json!(entries)))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// The whole bytes of every entry with their proofs.
    fn evidence(&self, asked: &Asked, subject: &Subject, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        self.shared.check_raw(asked, sight)?;
        let stream = asked.subject.as_deref().unwrap_or_default();
        let (evidence, next) = self.bundle(stream, index_after(asked)?, asked.limit)?;
        let body: Value = serde_json::from_str(&evidence.encode()).map_err(|_| ViewError::Store)?;
        sight.seen.classes.insert(Class::C8);
        Ok(Built { node: Node::plain(body), next: next.map(|next| next.to_string()), targets: subject.targets.clone() })
    }

    /// Drops every stored view and folds all of them again from the entries; returns how many entries that were.
    ///
    /// # Errors
    /// Store or entries cannot be read or written.
    pub fn rebuild_views(&self, mut progress: impl FnMut(u64)) -> Result<u64, ViewError> {
        let shared = &self.shared;
        shared.shelf.store().drop_documents().map_err(|_| ViewError::Store)?;
        let size = shared.state().size;
        let stored = shared.shelf.store().len().min(size);
        let mut views = rebuild::fold_all(shared.shelf.store(), stored, &mut progress)?;
        for index in stored..size {
            shared.read_at(index, &mut |read| views.fold(read))?;
        }
        let Stored { mut register, archives } = views;
        register.size = size;
        for (id, archive) in &archives {
            shared.keep_document(&format!("archive/{id}"), archive.version, archive);
        }
        *shared.views.register.lock().unwrap_or_else(PoisonError::into_inner) = register;
        shared.views.archives.lock().unwrap_or_else(PoisonError::into_inner).kept.clear();
        shared.save_register(size);
        shared.shelf.store().flush().map_err(|_| ViewError::Store)?;
        Ok(size)
    }
}

impl Views {
    fn shown(&self, same: &Sameness) -> Option<Arc<Rendered>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).get(same).cloned()
    }

    fn keep_shown(&self, same: Sameness, rendered: &Arc<Rendered>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        // Starting over when full costs each answer one more rendering and needs no bookkeeping on the way.
        if shown.len() >= SHOWN_KEPT {
            shown.clear();
        }
        shown.insert(same, rendered.clone());
    }
}

impl Shared {
    /// Finds out what a question is about, before anybody decides whether it may be asked.
    fn subject(&self, state: &State, asked: &Asked) -> Result<Subject, ViewError> {
        let world = &state.world;
        let known = |id: &str| -> Result<CustomerId, ViewError> {
            let id: CustomerId = id.parse().map_err(|_| ViewError::NotFound)?;
            if world.customer.customers.contains_key(&id) { Ok(id) } else { Err(ViewError::NotFound) }
        };
        let mut subject = Subject::default();
        match (asked.view.scope, asked.subject.as_deref()) {
            (Scope::Company, _) | (Scope::Customers, None) => {}
            (Scope::Customer | Scope::Customers, Some(id)) => subject.customer = Some(known(id)?),
            (_, None) => return Err(ViewError::NotFound),
            (Scope::Person, Some(name)) => match name.split_once('/') {
                Some(("customer", id)) => subject.customer = Some(known(id)?),
                Some(("employee", id)) => subject.staff = Some(id.parse().map_err(|_| ViewError::NotFound)?),
                _ => return Err(ViewError::NotFound),
            },
            (Scope::Stream, Some(name)) => {
                let stream: StreamName = name.parse().map_err(|_| ViewError::NotFound)?;
                self.subject_of_stream(world, &stream, &mut subject)?;
            }
            (Scope::Tile, Some(_)) => {}
            (Scope::Entry, Some(index)) => {
                let index: u64 = index.parse().map_err(|_| ViewError::NotFound)?;
                let entry = self.entry(index)?.ok_or(ViewError::NotFound)?;
                subject.customer = projection::customer_of(&entry);
                if audit::types().iter().any(|kind| kind.name == entry.kind) {
                    subject.matter = Some(Matter::AccessLog);
                }
            }
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
                let id: CustomerId = id.parse().map_err(|_| ViewError::NotFound)?;
                if !world.customer.customers.contains_key(&id) {
                    return Err(ViewError::NotFound);
                }
                subject.customer = Some(id);
                subject.matter = Some(match stream.kind() {
                    "contact" => Matter::ContactLog,
                    "grade" => Matter::Credit,
                    _ => Matter::Basic,
                });
            }
            ("reads", Some(id)) => {
                subject.customer = Some(id.parse().map_err(|_| ViewError::NotFound)?);
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
            }
            ("sale", Some(_)) => {
                let first = self.shelf.postings(stream_term(stream.as_str()), 0, u64::MAX, Direction::Ascending, 1)?;
                let entry =
                    first.first().and_then(|index| self.entry(*index).ok().flatten()).ok_or(ViewError::NotFound)?;
                subject.customer = projection::customer_of(&entry);
                subject.matter = Some(Matter::Commercial);
            }
            ("approval", Some(_)) => subject.matter = Some(Matter::Staff),
            ("policy" | "org" | "ledger" | "access_policy", _) => subject.matter = Some(Matter::Proofs),
            _ => return Err(ViewError::NotFound),
        }
        Ok(())
    }

    /// Finds the first role under which the question may be asked, or the rule that denies.
    fn first_permitted<'a>(
        &self,
        principal: &'a Principal,
        world: &World,
        member: &'a Member,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<&'a Held, String> {
        let base = match asked.view.key {
            // Whose entry, stream or evidence it is decides, not the proofs around it.
            "timeline" => subject.matter.unwrap_or(asked.view.base),
            _ => asked.view.base,
        };
        let mut denied = "R-050".to_owned();
        for held in relation::roles(principal, member, world.date(self.clock.now())) {
            let mut facts =
                relation::facts(world, principal, member, held, subject.customer.as_ref()).with(request_facts(asked));
            if let Some(staff) = &subject.staff {
                facts = facts.with(relation::facts_of_staff(world, principal, held, staff));
            }
            let decision = self.policies.decide(held.role, action(asked.mode), Resource::Matter(base), facts);
            if decision.allowed {
                return Ok(held);
            }
            if let Some(rule) = decision.rule {
                denied = rule.to_string();
            }
        }
        Err(denied)
    }

    /// Refuses bytes with proofs to whoever may not take them out, and as of another moment than the checkpoint's.
    fn check_raw(&self, asked: &Asked, sight: &mut Sight<'_>) -> Result<(), ViewError> {
        if !self.raw(sight) {
            return Err(ViewError::Denied(common::Refusal::Forbidden { rule: "R-063".into() }.into()));
        }
        if asked.as_of != AsOf::Latest {
            let refusal =
                Refusal::field("/as_of", "is not for what a checkpoint proves", "检查点所证明的内容不能指定时点");
            return Err(ViewError::Refused(refusal));
        }
        Ok(())
    }

    /// Tells whether whole bytes may be shown: to whoever may take proofs out.
    fn raw(&self, sight: &mut Sight<'_>) -> bool {
        sight.may_take_proofs()
    }

    /// How many entries a question looks at.
    fn end_of(&self, state: &State, as_of: AsOf) -> Result<u64, ViewError> {
        match as_of {
            AsOf::Latest => Ok(state.size),
            AsOf::Index(index) if index < state.size => Ok(index + 1),
            AsOf::Index(_) => Err(ViewError::Refused(Refusal::field("/as_of", "beyond the last entry", "超出末条"))),
            // The entries' times rise with their indexes, so the last one by then is found by halving.
            AsOf::Instant(at) => {
                let (mut low, mut high) = (0, state.size);
                while low < high {
                    let middle = low + (high - low) / 2;
                    let entry = self.entry(middle)?.ok_or(ViewError::Store)?;
                    if entry.time <= at { low = middle + 1 } else { high = middle }
                }
                Ok(low)
            }
        }
    }

    /// Returns the state after `end` entries: what is shown as of then is decided by what was so then.
    fn state_at(&self, state: &State, end: u64) -> Result<State, ViewError> {
        if end == state.size {
            return Ok(state.clone());
        }
        let mut then = State::default();
        for index in 0..end {
            let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
            then.fold(&bytes, &self.origin).map_err(|_| ViewError::Store)?;
        }
        Ok(then)
    }

    fn time_at(&self, end: u64) -> Result<Option<Timestamp>, ViewError> {
        let Some(last) = end.checked_sub(1) else { return Ok(None) };
        Ok(self.entry(last)?.map(|entry| entry.time))
    }

    fn read_at(&self, index: u64, take: &mut dyn FnMut(&Read<'_>)) -> Result<(), ViewError> {
        let bytes = self.shelf.entry(index)?.ok_or(ViewError::Store)?;
        fold(index, &bytes, take)
    }

    /// Brings a register up to the first `end` entries. Most entries are readings and contacts, which it does not mind.
    fn fold_register(&self, register: &mut Register, end: u64) -> Result<(), ViewError> {
        let from = register.size;
        let mut take = |index, bytes: &[u8]| match Entry::kind_of(bytes) {
            Some(kind) if !Register::minds(kind) => Ok(()),
            _ => fold(index, bytes, &mut |read| register.fold(read)),
        };
        let stored = self.shelf.store().len().min(end);
        for item in self.shelf.store().scan(from..stored) {
            let (index, bytes) = item?;
            take(index, &bytes)?;
        }
        for index in stored.max(from)..end {
            take(index, &self.shelf.entry(index)?.ok_or(ViewError::Store)?)?;
        }
        register.size = from.max(end);
        Ok(())
    }

    /// Reads a customer's archive as of an end; the latest one is kept and only what is new is folded.
    fn archive(&self, state: &State, id: &CustomerId, end: u64) -> Result<Arc<Archive>, ViewError> {
        let latest = end == state.size;
        let head = state.heads.get(&id.stream()).copied();
        if latest
            && let Some(kept) = self.kept_archive(id)
            && head.is_some_and(|head| head.version == kept.version)
        {
            return Ok(kept);
        }
        let mut archive = Archive::default();
        let mut from = 0;
        if latest {
            if let Some(kept) = self.kept_archive(id) {
                archive = Archive::clone(&kept);
            } else if let Some((_, bytes)) = self.shelf.store().document(&format!("archive/{id}"))?
                && let Ok(stored) = postcard::from_bytes::<Archive>(&bytes)
            {
                archive = stored;
            }
            if head.is_none_or(|head| archive.version > head.version) {
                archive = Archive::default();
            }
        }
        // The version says how many entries of the stream are folded; the others follow in order.
        let skip = archive.version;
        let stream = id.stream();
        let term = stream_term(stream.as_str());
        let mut passed = 0;
        loop {
            let found = self.shelf.postings(term, from, end, Direction::Ascending, 512)?;
            let Some(last) = found.last().copied() else { break };
            for index in found {
                if passed < skip {
                    // Already folded: only entries of the stream itself were counted.
                    passed += 1;
                    continue;
                }
                self.read_at(index, &mut |read| {
                    if read.entry.link(stream.as_str()).is_some() {
                        archive.fold(read);
                    }
                })?;
            }
            from = last + 1;
        }
        let archive = Arc::new(archive);
        if latest {
            self.keep_archive(id, &archive);
        }
        Ok(archive)
    }

    fn kept_archive(&self, id: &CustomerId) -> Option<Arc<Archive>> {
        let mut archives = self.views.archives.lock().unwrap_or_else(PoisonError::into_inner);
        archives.turn += 1;
        let turn = archives.turn;
        let (used, archive) = archives.kept.get_mut(id)?;
        *used = turn;
        Some(archive.clone())
    }

    fn keep_archive(&self, id: &CustomerId, archive: &Arc<Archive>) {
        let evicted = {
            let mut archives = self.views.archives.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = archives.turn;
            archives.kept.insert(id.clone(), (turn, archive.clone()));
            if archives.kept.len() > ARCHIVES_KEPT {
                let oldest = archives.kept.iter().min_by_key(|(_, (used, _))| *used).map(|(id, _)| id.clone());
                oldest.and_then(|oldest| archives.kept.remove(&oldest).map(|(_, archive)| (oldest, archive)))
            } else {
                None
            }
        };
        if let Some((id, archive)) = evicted {
            self.keep_document(&format!("archive/{id}"), archive.version, archive.as_ref());
        }
    }

    /// Stores a view document; one that cannot be stored is folded again when it is asked for.
    fn keep_document<T: serde::Serialize>(&self, key: &str, index: u64, document: &T) {
        let stored = postcard::to_stdvec(document)
            .map_err(|error| error.to_string())
            .and_then(|bytes| self.shelf.store().put_document(key, index, &bytes).map_err(|error| error.to_string()));
        if let Err(error) = stored {
            tracing::warn!(error, key, "a view document was not stored");
        }
    }

    /// Brings the register up to date and lends it.
    fn with_register<T>(&self, end: u64, latest: bool, with: impl FnOnce(&Register) -> T) -> Result<T, ViewError> {
        if !latest {
            let mut register = Register::default();
            self.fold_register(&mut register, end)?;
            return Ok(with(&register));
        }
        let mut register = self.views.register.lock().unwrap_or_else(PoisonError::into_inner);
        self.fold_register(&mut register, end)?;
        Ok(with(&register))
    }

    /// Stores the register as of now, so that a start need not fold the ledger again.
    pub(super) fn save_register(&self, size: u64) {
        if self.with_register(size, true, |_| ()).is_ok() {
            let register = self.views.register.lock().unwrap_or_else(PoisonError::into_inner);
            self.keep_document(REGISTER, register.size, &*register);
        }
    }

    /// Takes up the stored register, if it is not ahead of the ledger.
    pub(super) fn load_register(&self) {
        let stored = self.shelf.store().document(REGISTER).ok().flatten();
        let register = stored.and_then(|(_, bytes)| postcard::from_bytes::<Register>(&bytes).ok());
        if let Some(register) = register.filter(|register| register.size <= self.shelf.store().len()) {
            *self.views.register.lock().unwrap_or_else(PoisonError::into_inner) = register;
        }
    }

    fn list(
        &self,
        state: &State,
        end: u64,
        at: Timestamp,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let then = self.state_at(state, end)?;
        let world = &then.world;
        let filter = |name: &str| asked.filters.get(name).map(|text| text.to_lowercase());
        let (owner, region, query, wanted) = (filter("owner"), filter("region"), filter("q"), filter("status"));
        let narrowed = owner.is_some() || region.is_some() || wanted.is_some();
        let latest = asked.as_of == AsOf::Latest;
        let day = world.date(at);
        let mut rows = Vec::new();
        let mut next = None;
        self.with_register(end, latest, |register| {
            for (id, listed) in &register.customers {
                if asked.after.as_ref().is_some_and(|after| id.as_str() <= after.as_str())
                    || listed.duplicate_of.is_some()
                {
                    continue;
                }
                let status = customer::status(world, id, day, at);
                let matches = owner.as_ref().is_none_or(|owner| listed.owner.to_lowercase() == *owner)
                    && region.as_ref().is_none_or(|region| listed.region.to_lowercase() == *region)
                    && wanted.as_ref().is_none_or(|wanted| status.is_some_and(|status| status.as_str() == wanted))
                    && query.as_ref().is_none_or(|query| {
                        (listed.sealed.is_none() && listed.name.to_lowercase().contains(query.as_str()))
                            || id.as_str().to_lowercase().contains(query.as_str())
                    });
                if !matches {
                    continue;
                }
                // Whom a filter finds tells what it looked at: it may only look at what would be shown.
                if narrowed {
                    sight.turn_to(Some(id));
                }
                if narrowed && !sight.may(Class::C1.matter()).allowed {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _): &(CustomerId, Node)| id.to_string());
                    break;
                }
                let class = if listed.sealed.is_some() { Class::C4 } else { Class::C0 };
                let name = Node::Cell(projection::Cell {
                    value: json!(listed.name),
                    matter: class.matter(),
                    class,
                    sealed: listed.sealed.clone(),
                });
                let row = Node::Row(vec![
                    ("customer_id", Node::plain(id.as_str())),
                    ("code", Node::plain(json!(listed.code))),
                    ("name", name),
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

    fn statistics(&self, state: &State, end: u64, asked: &Asked, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        let year = match asked.filters.get("year").map(|year| year.parse::<i32>()) {
            None => None,
            Some(Ok(year)) => Some(year),
            Some(Err(_)) => return Err(ViewError::Refused(Refusal::field("/year", "must be a year", "须为年份"))),
        };
        // An aggregate touches a customer only where the asker may see that customer's trade.
        let mut visible: BTreeMap<CustomerId, bool> = BTreeMap::new();
        for id in state.world.customer.customers.keys() {
            sight.turn_to(Some(id));
            visible.insert(id.clone(), sight.may(Matter::Commercial).allowed);
        }
        sight.turn_to(None);
        let (rows, total) = self.with_register(end, asked.as_of == AsOf::Latest, |register| {
            register.sales.rows(year, &|id| visible.get(id).copied().unwrap_or(false))
        })?;
        // What is summed was judged customer by customer; the sums are then of the list's class.
        let (rows, total) = (rows.into_iter().map(declassify).collect(), declassify(total));
        sight.seen.classes.insert(Class::C2);
        sight.seen.customers = Vec::new();
        Ok(Built {
            node: Node::Row(vec![("items", Node::List(rows)), ("total", total)]),
            next: None,
            targets: Vec::new(),
        })
    }

    fn grades(&self, end: u64, at: Timestamp, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let mut rows: Vec<(CustomerId, Node)> = Vec::new();
        let mut next = None;
        self.with_register(end, asked.as_of == AsOf::Latest, |register| {
            for (id, listed) in &register.customers {
                if subject.customer.as_ref().is_some_and(|only| only != id)
                    || asked.after.as_ref().is_some_and(|after| id.as_str() <= after.as_str())
                    || listed.grades.is_empty() && subject.customer.is_none()
                {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _)| id.to_string());
                    break;
                }
                let class = if listed.sealed.is_some() { Class::C4 } else { Class::C0 };
                let name = Node::Cell(projection::Cell {
                    value: json!(listed.name),
                    matter: class.matter(),
                    class,
                    sealed: listed.sealed.clone(),
                });
                rows.push((id.clone(), projection::grade::in_force(id, name, &listed.grades, at)));
            }
        })?;
        let items = rows.into_iter().map(|(_, row)| row).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: subject.targets.clone() })
    }

    fn folded_trace(&self, end: u64, families: &[&str]) -> Result<Trace, ViewError> {
        let mut trace = Trace::default();
        let mut indexes = Vec::new();
        for family in families {
            indexes.extend(self.shelf.postings(family_term(family), 0, end, Direction::Ascending, usize::MAX)?);
        }
        indexes.sort_unstable();
        for index in indexes {
            self.read_at(index, &mut |read| trace.fold(read))?;
        }
        Ok(trace)
    }

    fn trace(&self, end: u64, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let trace = match &subject.customer {
            None => self.folded_trace(end, &["credit_grade"])?,
            Some(customer) => {
                let stream = format!("grade/{customer}/credit");
                let mut indexes =
                    self.shelf.postings(stream_term(&stream), 0, end, Direction::Ascending, usize::MAX)?;
                let refused = crate::ledger::claims::term("target", &stream);
                indexes.extend(self.shelf.postings(refused, 0, end, Direction::Ascending, usize::MAX)?);
                indexes.sort_unstable();
                let mut trace = Trace::default();
                for index in indexes {
                    self.read_at(index, &mut |read| trace.fold(read))?;
                }
                trace
            }
        };
        let after = index_after(asked)?;
        let wanted: Vec<_> = trace
            .lines
            .iter()
            .filter(|line| after.is_none_or(|after| line.index > after))
            .take(asked.limit + 1)
            .collect();
        let next = (wanted.len() > asked.limit)
            .then(|| wanted.get(asked.limit.saturating_sub(1)).map(|line| line.index.to_string()))
            .flatten();
        let shown = wanted.into_iter().take(asked.limit);
        let checkpoint = self.checkpoint();
        let proofs = self.proofs(shown.clone().map(|line| line.index));
        let items = shown
            .map(|line| {
                let proof = proofs
                    .get(&line.index)
                    .map_or(Value::Null, |path| json!({ "size": checkpoint.size, "path": path }));
                Ok(line.row(&self.places(line.evidence())?, proof))
            })
            .collect::<Result<_, ViewError>>()?;
        let root = crate::proof::merkle::encode_hash(&checkpoint.root);
        let checkpoint = json!({ "origin": checkpoint.origin, "size": checkpoint.size, "root": root });
        let node = Node::Row(vec![("items", Node::List(items)), ("checkpoint", Node::plain(checkpoint))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// Finds the entries of these ids.
    fn places<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Option<u64>>, ViewError> {
        let place = |id| self.recent.look_up(self.shelf.store(), crate::ledger::claims::term("id", id));
        ids.map(|id| place(id).map(|(index, _)| index).map_err(|_| ViewError::Store)).collect()
    }

    fn separation(&self, end: u64, asked: &Asked) -> Result<Built, ViewError> {
        let trace = self.folded_trace(end, &["credit_grade", "approval"])?;
        let all = asked.filters.get("all").is_some_and(|all| all == "true");
        let rows =
            trace.processes.values().filter(|process| all || process.repeated()).map(projection::grade::Process::row);
        let node = Node::Row(vec![
            ("items", Node::List(rows.take(asked.limit).collect())),
            ("examined", Node::plain(trace.processes.len())),
        ]);
        Ok(Built { node, next: None, targets: Vec::new() })
    }

    fn access_log(&self, end: u64, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let stream = match (&subject.customer, &subject.staff) {
            (Some(customer), _) => customer.reads(),
            (None, Some(staff)) => staff.acts(),
            (None, None) => return Err(ViewError::NotFound),
        };
        let of = subject.customer.as_ref().map(CustomerId::as_str);
        self.page(&stream, end, asked, subject, &mut |read| projection::audit::reading(read, of))
    }

    fn timeline(&self, end: u64, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let stream: StreamName =
            asked.subject.as_deref().unwrap_or_default().parse().map_err(|_| ViewError::NotFound)?;
        let kind = asked.filters.get("type").cloned();
        self.page(&stream, end, asked, subject, &mut |read| {
            kind.as_ref().is_none_or(|kind| *kind == read.entry.kind).then(|| projection::audit::line(read))
        })
    }

    /// A page of a stream, newest first.
    fn page(
        &self,
        stream: &StreamName,
        end: u64,
        asked: &Asked,
        subject: &Subject,
        row: &mut dyn FnMut(&Read<'_>) -> Option<Node>,
    ) -> Result<Built, ViewError> {
        let term = stream_term(stream.as_str());
        let mut before = index_after(asked)?.unwrap_or(end).min(end);
        let mut rows: Vec<(u64, Node)> = Vec::new();
        let mut next = None;
        'pages: loop {
            let found = self.shelf.postings(term, 0, before, Direction::Descending, 256)?;
            let Some(last) = found.last().copied() else { break };
            for index in found {
                let mut shown = None;
                self.read_at(index, &mut |read| {
                    if read.entry.link(stream.as_str()).is_some() {
                        shown = row(read);
                    }
                })?;
                let Some(shown) = shown else { continue };
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(index, _)| index.to_string());
                    break 'pages;
                }
                rows.push((index, shown));
            }
            before = last;
        }
        let items = rows.into_iter().map(|(_, row)| row).collect();
        let items = Node::Row(vec![("items", Node::List(items))]);
        let node = match &subject.staff {
            Some(staff) => Node::AboutStaff(staff.clone(), Box::new(items)),
            None => items,
        };
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    fn policy(&self, end: u64) -> Result<Built, ViewError> {
        let mut rows = Vec::new();
        for index in self.shelf.postings(stream_term("policy"), 0, end, Direction::Ascending, usize::MAX)? {
            self.read_at(index, &mut |read| rows.extend(projection::policy::row(read)))?;
        }
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next: None, targets: Vec::new() })
    }

    fn staff(&self, state: &State, end: u64, asked: &Asked) -> Result<Built, ViewError> {
        let cell = |value: Value| Node::of(Class::C7, value);
        let mut rows: Vec<(EmployeeId, Node)> = Vec::new();
        let mut next = None;
        self.with_register(end, asked.as_of == AsOf::Latest, |register| {
            for (id, (name, sealed)) in &register.staff {
                if asked.after.as_ref().is_some_and(|after| id.as_str() <= after.as_str()) {
                    continue;
                }
                if rows.len() >= asked.limit {
                    next = rows.last().map(|(id, _)| id.to_string());
                    break;
                }
                let member = state.world.employee.members.get(id);
                let roles: Vec<Value> = member
                    .iter()
                    .flat_map(|member| &member.roles)
                    .map(|held| json!({ "role": held.role, "unit": held.unit }))
                    .collect();
                let name = Node::Cell(projection::Cell {
                    value: json!(name),
                    matter: Matter::Staff,
                    class: Class::C7,
                    sealed: Some(sealed.clone()),
                });
                let row = Node::Row(vec![
                    ("employee_id", Node::plain(id.as_str())),
                    ("name", name),
                    ("unit", cell(json!(member.map(|member| &member.unit)))),
                    ("roles", cell(json!(roles))),
                    ("status", cell(json!(member.map(|member| member.status)))),
                ]);
                rows.push((id.clone(), row));
            }
        })?;
        let items = rows.into_iter().map(|(id, row)| Node::AboutStaff(id, Box::new(row))).collect();
        Ok(Built { node: Node::Row(vec![("items", Node::List(items))]), next, targets: Vec::new() })
    }

    /// One entry: its very bytes for who may take proofs out, a rendering without salt for everybody else.
    fn one_entry(&self, asked: &Asked, subject: &Subject, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        let index: u64 = asked.subject.as_deref().unwrap_or_default().parse().map_err(|_| ViewError::NotFound)?;
        let bytes = self.shelf.entry(index)?.ok_or(ViewError::NotFound)?;
        let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
        let streams = |name: &str| {
            entry
                .streams
                .iter()
                .filter(|link| name.is_empty() || link.name.kind() == name)
                .map(|link| format!("{}@{}", link.name, link.version))
                .collect::<Vec<_>>()
        };
        let known = match (subject.matter, &subject.customer) {
            (Some(matter), _) => sight.is(&entry.actor) || sight.may(matter).allowed,
            (None, Some(_)) => sight.may(Matter::List).allowed,
            (None, None) => true,
        };
        let node = if self.raw(sight) {
            sight.seen.classes.insert(Class::C8);
            let whole: Value = serde_json::from_slice(&bytes).map_err(|_| ViewError::Store)?;
            Node::Row(vec![
                ("index", Node::plain(index)),
                ("hash", Node::plain(json!(Hash::of(&bytes)))),
                ("redacted", Node::plain(false)),
                ("entry", Node::plain(whole)),
            ])
        } else if !known {
            // That there is an entry is all one learns of what one may not know of (`design` §6).
            let place = vec![("index", Node::plain(index)), ("hash", Node::plain(json!(Hash::of(&bytes))))];
            Node::Row(vec![("redacted", Node::plain(true)), ("entry", Node::Row(place))])
        } else {
            let mut row = vec![("redacted", Node::plain(true)), ("streams", Node::plain(json!(streams(""))))];
            let read_row = {
                let event = decode(&entry).ok_or(ViewError::Store)?;
                projection::audit::line(&Read { index, entry: &entry, bytes: &bytes, event: &event })
            };
            row.push(("entry", read_row));
            Node::Row(row)
        };
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// The access entries of an answer, at most 64 customers each, and the customers the decision rests on.
    fn accesses(&self, read: &Recorded<'_>) -> (Vec<Access>, Vec<CustomerId>) {
        let Recorded { principal, actor, asked, subject, targets, seen, position, body, text } = *read;
        let mut customers: Vec<CustomerId> = seen.customers.clone();
        customers.extend(subject.customer.clone());
        customers.sort();
        customers.dedup();
        // What is hashed is what was shown, except that an opened personal value stands as its seal.
        let mut hashed = None;
        if !seen.opened.is_empty() {
            let mut sealed = body.clone();
            for (pointer, seal) in &seen.opened {
                if let Some(place) = sealed.pointer_mut(pointer) {
                    *place = seal.clone();
                }
            }
            hashed = Some(sealed.to_string());
        }
        let text = hashed.as_deref().unwrap_or(text);
        let query: Vec<String> = asked.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cut = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
        let groups: Vec<&[CustomerId]> =
            if customers.is_empty() { vec![&[]] } else { customers.chunks(CUSTOMERS_PER_ENTRY).collect() };
        let accesses = groups
            .into_iter()
            .map(|group| {
                let salt = self.source.salt();
                let shown: Vec<String> =
                    if group.is_empty() { targets.to_vec() } else { group.iter().map(ToString::to_string).collect() };
                let accessed = audit::Accessed {
                    view: Str(asked.view.key.into()),
                    targets: shown.iter().map(|target| Str(cut(target, 80))).collect(),
                    classes: seen.classes.iter().filter_map(|class| Shown::of(*class)).collect(),
                    masked: seen.masked.iter().take(64).map(|name| Str(cut(name, 60))).collect(),
                    mode: asked.mode,
                    authority: authority(seen.authority),
                    authority_ref: None,
                    policies: seen.policies.iter().take(64).map(|policy| Str(cut(policy, 60))).collect(),
                    policy_set: Hash(self.policies.full_hash()),
                    // Filters may hold words of customers; their hash under the salt tells the same to who knows them.
                    query: (!query.is_empty())
                        .then(|| Text(cut(&salted(&salt, query.join("&").as_bytes()).to_string(), 4000))),
                    purpose: asked.purpose.as_ref().map(|purpose| Text(purpose.text())),
                    as_of: Int(i64::try_from(position).unwrap_or(i64::MAX)),
                    content_hash: salted(&salt, text.as_bytes()),
                    place: principal.place,
                };
                Access {
                    event: accessed.into(),
                    actor: actor.clone(),
                    reads: group.iter().map(CustomerId::reads).collect(),
                    salt,
                }
            })
            .collect();
        (accesses, customers)
    }
}

/// Decodes an entry and lends it.
pub(super) fn fold(index: u64, bytes: &[u8], take: &mut dyn FnMut(&Read<'_>)) -> Result<(), ViewError> {
    let entry = Entry::decode(bytes).map_err(|_| ViewError::Store)?;
    let event = decode(&entry).ok_or(ViewError::Store)?;
    take(&Read { index, entry: &entry, bytes, event: &event });
    Ok(())
}

fn decode(entry: &Entry) -> Option<Event> {
    Event::decode(&entry.kind, &entry.data)?.ok()
}

/// A cursor that is an index.
fn index_after(asked: &Asked) -> Result<Option<u64>, ViewError> {
    let bad = || ViewError::Refused(Refusal::field("/after", "is no cursor of this view", "不是此视图的游标"));
    asked.after.as_ref().map(|after| after.parse().map_err(|_| bad())).transpose()
}

fn action(mode: Mode) -> Action {
    match mode {
        Mode::View | Mode::Search => Action::Read,
        Mode::Print => Action::Print,
        Mode::Export => Action::Export,
    }
}

fn request_facts(asked: &Asked) -> Facts {
    let bulk =
        matches!(asked.view.scope, Scope::Company) || (asked.view.scope == Scope::Customers && asked.subject.is_none());
    Facts::NONE.with_if(asked.purpose.is_some(), Facts::PURPOSE).with_if(bulk, Facts::BULK)
}

fn authority(found: Option<Authority>) -> audit::Authority {
    match found {
        Some(Authority::Own) => audit::Authority::Own,
        Some(Authority::Oneself) => audit::Authority::Itself,
        Some(Authority::Job) => audit::Authority::Job,
        Some(Authority::Unit) => audit::Authority::Unit,
        Some(Authority::Region) => audit::Authority::Region,
        Some(Authority::Loan) => audit::Authority::Loan,
        Some(Authority::Grant) => audit::Authority::Grant,
        Some(Authority::Duty) | None => audit::Authority::Duty,
        Some(Authority::Audit) => audit::Authority::Audit,
    }
}

/// Makes every cell of a sum as open as the list: what went into it was judged before.
fn declassify(node: Node) -> Node {
    match node {
        Node::Cell(cell) => Node::plain(cell.value),
        Node::Row(row) => Node::Row(row.into_iter().map(|(name, node)| (name, declassify(node))).collect()),
        Node::List(items) => Node::List(items.into_iter().map(declassify).collect()),
        Node::About(id, inner) => Node::About(id, Box::new(declassify(*inner))),
        Node::AboutStaff(id, inner) => Node::AboutStaff(id, Box::new(declassify(*inner))),
    }
}
