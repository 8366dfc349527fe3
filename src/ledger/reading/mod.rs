//! The one read path: authorize, fold, redact, enter that it was read, and only then answer.
//!
//! **Invariant:** no byte of an answer leaves before the entry that records the reading is durable.
//!
//! **Invariant:** who may read is decided on the state of now; what is shown is as of the moment asked for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;
use tokio::sync::oneshot;

use crate::access::decide::{Action, Resource, tells};
use crate::access::facts::Facts;
use crate::access::opening::Opening;
use crate::access::principal::{Principal, Purpose};
use crate::access::redactor::{ERASED, MASK, RESTRICTED, Reader, Sight, WITHHELD};
use crate::access::relation;
use crate::clock::Timestamp;
use crate::domain::audit::Mode;
use crate::domain::class::Class;
use crate::domain::employee::{Held, Member};
use crate::domain::role::Role;
use crate::domain::{Actor, Refusal, World, common, privacy};
use crate::entry::Hash;
use crate::files::Found;
use crate::ids::{CustomerId, SubjectId};
use crate::ledger::documents::Opened;
use crate::ledger::door::Basis;
use crate::ledger::proof::ProofError;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::record::Recorded;
use crate::ledger::reading::shown::{Rendered, Sameness};
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::Built;
use crate::ledger::state::State;
use crate::ledger::writer::{Access, Answer, Job, Reading};
use crate::ledger::{ATTEMPTS, Ledger, Shared, SubmitError};
use crate::projection::register::Listed;
use crate::projection::{self, Node, Scope, View};
use crate::store::ReadError;

mod difference;
mod folds;
mod happened;
mod keeping;
mod moment;
mod names;
mod past;
mod record;
mod shown;
mod subject;
mod views;

pub(super) use self::folds::{Folds, fold, note_corrected};
pub(super) use self::keeping::run as keep_past;
pub use self::moment::{AsOf, Moment};
pub(super) use self::shown::Shown;

/// What somebody asks to read.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The view.
    pub view: &'static View,
    /// What it is about, where it is about one thing.
    pub subject: Option<String>,
    /// What narrows a list.
    pub filters: BTreeMap<String, String>,
    /// As of when: what had been recorded by then.
    pub as_of: AsOf,
    /// Of what was recorded, only what had happened by then.
    pub valid_at: Option<Timestamp>,
    /// An earlier moment, where only what changed since then is asked for.
    pub since: Option<Moment>,
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
    /// How many entries are looked at for one page at most: where few of them are shown it ends earlier, and the next begins there.
    pub looks: usize,
}

/// How many entries are looked at for one page, unless asked otherwise.
const LOOKS: usize = 5000;

impl Asked {
    /// Asks for the latest state on screen, without a purpose, in pages as long as the view has them.
    pub fn new(view: &'static View) -> Self {
        Self {
            view,
            subject: None,
            filters: BTreeMap::new(),
            as_of: AsOf::Latest,
            valid_at: None,
            since: None,
            purpose: None,
            mode: Mode::View,
            reveal: false,
            after: None,
            limit: view.page_rows,
            looks: LOOKS,
        }
    }

    /// Asks for a moment, or for what changed since an earlier one.
    pub fn look_at(&mut self, moment: Moment, since: Option<Moment>) {
        (self.as_of, self.valid_at, self.since) = (moment.recorded, moment.valid_at, since);
    }

    /// Returns the moment asked for.
    pub fn moment(&self) -> Moment {
        Moment { recorded: self.as_of, valid_at: self.valid_at }
    }

    /// Tells whether only the latest state is asked for, which needs no looking back.
    pub fn is_of_now(&self) -> bool {
        self.moment().is_now() && self.since.is_none()
    }
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
    /// The hash of the first of them.
    pub recorded_hash: Option<Hash>,
    /// The file of a document, where that is what was asked for.
    pub file: Option<Arc<Mutex<Opened>>>,
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
    /// The ledger was restored read-only, so no reading can be entered.
    #[error("the ledger is read-only")]
    ReadOnly,
    /// The ledger is damaged.
    #[error("entry {first_bad} is not as it was entered")]
    Integrity {
        /// The first entry that is not as it was entered.
        first_bad: u64,
    },
    /// The file of a document is not there as it was filed; every other answer stands.
    #[error("the content of document \"{document}\" is missing or altered: {hash}")]
    Content {
        /// The document.
        document: SubjectId,
        /// The hash it was kept under.
        hash: Hash,
        /// What is there instead.
        found: Found,
    },
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
            SubmitError::Integrity { first_bad } => Self::Integrity { first_bad },
            SubmitError::Unwritable => Self::Unwritable,
            SubmitError::ReadOnly => Self::ReadOnly,
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

/// An answer with what must be durable before it leaves, if anything must.
struct Composed {
    answered: Answered,
    recording: Option<(Vec<Access>, Basis, crate::clock::Date)>,
}

impl Ledger {
    /// Answers a question, if the asker may read it; the reading is durable before this returns.
    ///
    /// # Errors
    /// See [`ViewError`]; a denial is durable when it is told.
    pub async fn view(&self, principal: &Principal, asked: &Asked) -> Result<Answered, ViewError> {
        for _ in 0..ATTEMPTS {
            match self.shared.check_writable() {
                // What leaves no entry, the list and proofs, needs none to be entered.
                Ok(()) | Err(SubmitError::ReadOnly) => {}
                Err(error) => return Err(error.into()),
            }
            let state = self.shared.state();
            let member = state.world.employee.members.get(&principal.employee).filter(|member| member.works());
            let Some(member) = member else { return Err(ViewError::NotFound) };
            let subject = match self.shared.subject(&state, asked) {
                Ok(subject) => subject,
                Err(ViewError::NotFound) if !self.shared.may_list(principal, &state.world) => {
                    return self.deny_unknown(principal, &state.world, member, asked).await;
                }
                Err(error) => return Err(error),
            };
            let held = match self.shared.first_permitted(principal, &state.world, member, asked, &subject) {
                Ok(held) => held,
                Err(rule) => return self.deny(principal, &state.world, member, asked, &subject, &rule).await,
            };
            // Personal values are opened for a purpose, whatever else the view shows.
            if asked.reveal && asked.purpose.is_none() {
                return self.deny(principal, &state.world, member, asked, &subject, "R-059").await;
            }
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

    /// Tells whether a question would be answered, without answering it: for pages that show what one may see and no denial.
    pub fn viewable(&self, principal: &Principal, asked: &Asked) -> bool {
        let state = self.shared.state();
        let member = state.world.employee.members.get(&principal.employee).filter(|member| member.works());
        let (Some(member), Ok(subject)) = (member, self.shared.subject(&state, asked)) else { return false };
        self.shared.first_permitted(principal, &state.world, member, asked, &subject).is_ok()
    }

    /// Returns what a customer is called, to head what somebody reads of it: as the list shows it, which leaves no entry of a name alone.
    ///
    /// `None` where the asker may not see the name, and of a natural person, whose name is personal.
    pub fn called(&self, principal: &Principal, id: &CustomerId) -> Option<String> {
        let shared = &self.shared;
        let state = shared.state();
        let member = state.world.employee.members.get(&principal.employee).filter(|member| member.works())?;
        let mut asked = Asked::new(projection::view("list")?);
        asked.filters.insert("q".into(), id.to_string());
        let subject = shared.subject(&state, &asked).ok()?;
        let held = shared.first_permitted(principal, &state.world, member, &asked, &subject).ok()?;
        let now = shared.clock.now();
        let then = shared.then(&state, asked.moment(), "/as_of", now).ok()?;
        let (action, extra) = (action(asked.mode), request_facts(&state.world, &asked));
        let world = &state.world;
        let reader =
            Reader { policies: &shared.policies, world, principal, member, held, action, extra, purpose: None, now };
        let open = |seal: &str, at: &projection::SealedAt| shared.open_seal(seal, &at.id, &at.kind, &at.pointer);
        let mut sight = Sight::new(&reader, &open, false);
        let named = shared.with_register(&state, &then, |register| {
            register.customers.get(id).filter(|listed| listed.sealed.is_none()).map(Listed::named)
        });
        let name = sight.show(&Node::About(id.clone(), Box::new(named.ok()??)));
        name.as_str().filter(|name| *name != MASK).map(str::to_owned)
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
                composed.answered.recorded_hash = receipts.first().map(|receipt| receipt.hash);
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
        let now = shared.clock.now();
        let then = shared.then(state, asked.moment(), "/as_of", now)?;
        let since = asked.since.map(|since| shared.then(state, since, "/since", now)).transpose()?;
        if since.as_ref().is_some_and(|since| since.end > then.end) {
            let (en, zh) = ("is after the moment it is compared with", "晚于所对比的时点");
            return Err(ViewError::Refused(Refusal::field("/since", en, zh)));
        }
        let reader = Reader {
            policies: &shared.policies,
            world: &state.world,
            principal,
            member,
            held,
            action: action(asked.mode),
            extra: request_facts(&state.world, asked),
            purpose: asked.purpose.as_ref(),
            now,
        };
        let amiss = || match (asked.view.key, &subject.customer) {
            ("archive", Some(customer)) => shared.papers_amiss(state, customer, &then),
            _ => Vec::new(),
        };
        let same = Sameness::of(state, &reader, asked, subject, now);
        let kept = same.as_ref().and_then(|same| shared.shown.get(same, now, amiss));
        let rendered = match (kept, same) {
            (Some(kept), _) => kept,
            (None, Some(same)) => {
                let amiss = amiss();
                let rendered = Arc::new(self.render(&reader, state, &then, since.as_ref(), asked, subject)?);
                shared.shown.keep(same, now, amiss, &rendered);
                rendered
            }
            (None, None) => Arc::new(self.render(&reader, state, &then, since.as_ref(), asked, subject)?),
        };
        let Rendered { body, text, hashed, seen, next, targets } = rendered.as_ref();
        let position = then.end.saturating_sub(1);
        let file = match asked.view.key {
            "file" => Some(Arc::new(Mutex::new(shared.content(asked, body)?))),
            _ => None,
        };
        // A reading of the list alone, and of proofs, leaves no entry.
        let quiet =
            seen.classes.iter().all(|class| *class == Class::C0) && seen.opened.is_empty() && asked.mode == Mode::View;
        let recording = (!quiet).then(|| {
            let actor = Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() };
            let since = since.map(|since| since.end.saturating_sub(1));
            let hashed = hashed.as_deref().unwrap_or(text);
            let read = Recorded { principal, actor: &actor, asked, subject, targets, seen, position, since, hashed };
            let (accesses, customers) = shared.accesses(&read);
            let basis = Basis::of(&state.world, Some(&principal.employee), &customers).until(seen.closes);
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
            recorded_hash: None,
            file,
        };
        Ok(Composed { answered, recording })
    }

    /// Folds and redacts.
    fn render(
        &self,
        reader: &Reader<'_>,
        state: &State,
        then: &Then,
        since: Option<&Then>,
        asked: &Asked,
        subject: &Subject,
    ) -> Result<Rendered, ViewError> {
        let shared = &self.shared;
        let open = |seal: &str, at: &projection::SealedAt| shared.open_seal(seal, &at.id, &at.kind, &at.pointer);
        let mut sight = Sight::new(reader, &open, asked.reveal);
        sight.turn_to(subject.customer.as_ref());
        sight.open_by(subject.matter.unwrap_or(asked.view.base));
        let Built { node, next, targets } = match since {
            None => self.build(state, then, asked, subject, &mut sight)?,
            Some(since) => self.differences(state, since, then, asked, subject, &mut sight)?,
        };
        let node = about(subject, node);
        let mut body = sight.show(&node);
        // What is hashed is canonical, and so is what is sent.
        body.sort_all_objects();
        let text = body.to_string().into();
        let seen = std::mem::take(&mut sight.seen);
        let hashed = (!seen.opened.is_empty()).then(|| resealed(&body, &seen.opened).to_string());
        Ok(Rendered { body: Arc::new(body), text, hashed, seen, next, targets })
    }
}

impl Shared {
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
            "timeline" | "file" => subject.matter.unwrap_or(asked.view.base),
            _ => asked.view.base,
        };
        let mut denied = "R-050".to_owned();
        let now = self.clock.now();
        let opened = match &subject.customer {
            Some(customer) => Opening::of(world, &principal.employee, customer, now).facts(base, action(asked.mode)),
            None => Facts::NONE,
        };
        for held in relation::roles(principal, member, world.date(now)) {
            let mut facts = relation::facts(world, principal, member, held, subject.customer.as_ref())
                .with(request_facts(world, asked))
                .with(opened);
            if let Some(staff) = &subject.staff {
                facts = facts.with(relation::facts_of_staff(world, principal, held, staff));
            }
            // The list and its search open to who may see any of it; whether a customer is on it is decided row by row.
            if matches!(asked.view.key, "list" | "search") {
                facts = facts.with(Facts::REGION);
            }
            // So do other views of everybody; some are for who answers for a region or the whole (V-15, V-33, V-77, V-83).
            if subject.customer.is_none() {
                facts = match asked.view.key {
                    "grades" | "terms" | "credit_reviews" => facts.with(Facts::REGION | Facts::OWN),
                    "special" | "classification" | "key_customers" => {
                        facts.with(Facts::REGION | Facts::OWN | Facts::UNIT | Facts::JOB)
                    }
                    "grade_audit" | "checks" | "registration_status" | "ownership" => facts.with(Facts::REGION),
                    _ => facts,
                };
            }
            // Everybody has obligations and steps of their own; of whom else one sees any is judged row by row.
            if matches!(asked.view.key, "overdue" | "approvals") {
                facts = facts.with(relation::facts_of_staff(world, principal, held, &principal.employee));
            }
            // Dates open to whoever may see any of them; of whom, and what else, is decided row by row.
            if asked.view.key == "important_dates" {
                facts = facts.with(Facts::ABOUT_DATES).with_if(subject.customer.is_none(), Facts::OWN);
            }
            let decision = self.policies.decide(held.role, action(asked.mode), Resource::Matter(base), facts);
            if decision.allowed {
                return Ok(held);
            }
            if let Some(rule) = decision.rule.filter(|rule| tells(rule) > tells(&denied)) {
                denied = rule.to_string();
            }
        }
        Err(denied)
    }
}

impl Shared {
    /// Opens the file of a document that was asked for, if its reader was shown by which hash it is found.
    fn content(&self, asked: &Asked, body: &Value) -> Result<Opened, ViewError> {
        let found = self.find_document(asked.subject.as_deref().unwrap_or_default())?;
        let (_, entry, filed) = found.ok_or(ViewError::NotFound)?;
        let hash = filed.file.as_ref().and_then(|file| file.hash).map(|hash| hash.to_string());
        let shown = body.get("hash").and_then(Value::as_str);
        if shown.is_some() && shown == hash.as_deref() {
            return self.open_document(&entry.id, &filed);
        }
        let rule = match shown {
            Some(ERASED) => return Err(ViewError::Refused(privacy::Refusal::Gone.into())),
            Some(RESTRICTED) => "R-008",
            Some(WITHHELD) => "R-046",
            _ if asked.reveal => "R-051",
            // What shows persons is opened for a purpose.
            _ => "R-059",
        };
        Err(ViewError::Denied(common::Refusal::Forbidden { rule: rule.into() }.into()))
    }
}

/// Puts the seals back in the place of the personal values that were opened.
fn resealed(shown: &Value, opened: &[(String, Value)]) -> Value {
    let mut sealed = shown.clone();
    for (pointer, seal) in opened {
        if let Some(place) = sealed.pointer_mut(pointer) {
            *place = seal.clone();
        }
    }
    sealed
}

/// Makes a view of one customer be judged as that.
fn about(subject: &Subject, node: Node) -> Node {
    match &subject.customer {
        Some(customer) => Node::About(customer.clone(), Box::new(node)),
        None => node,
    }
}

fn action(mode: Mode) -> Action {
    match mode {
        Mode::View | Mode::Search => Action::Read,
        Mode::Print => Action::Print,
        Mode::Export => Action::Export,
    }
}

fn request_facts(world: &World, asked: &Asked) -> Facts {
    // Who asks for one customer by its very id searches no others.
    let one = || {
        asked.filters.get("q").and_then(|id| id.parse().ok()).is_some_and(|id: CustomerId| {
            matches!(asked.view.key, "list" | "search") && world.customer.customers.contains_key(&id)
        })
    };
    let many = match asked.view.scope {
        Scope::Company => true,
        Scope::Customers | Scope::Employees | Scope::Person => asked.subject.is_none(),
        Scope::Customer | Scope::Employee | Scope::Document | Scope::Stream | Scope::Entry | Scope::Tile => false,
    };
    Facts::NONE
        .with_if(asked.purpose.is_some(), Facts::PURPOSE)
        .with_if(many && !one(), Facts::BULK)
        .with_if(asked.view.key == "staff", Facts::ABOUT_ROLES)
        .with_if(asked.view.key == "corrections", Facts::ABOUT_CORRECTIONS)
}
