//! The one writer: it checks what doors decided, admits, stamps, and makes each block durable before anybody hears of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::clock::Timestamp;
use crate::domain::audit::{self, RefusalCode};
use crate::domain::catalog::Str;
use crate::domain::{
    self, About, Actor, Admission, Context, Event, Fetched, Refusal, anomaly, common, employee, grade, grant, loan,
    obligation, policy, record,
};
use crate::entry::{EncodeError, Hash};
use crate::ids::{self, EmployeeId, EntryId, StreamName};
use crate::journal::{Encoder, Journal};
use crate::ledger::Shared;
use crate::ledger::door::{Basis, Prepared, receipt};
use crate::ledger::proposal::Receipt;
use crate::ledger::state::{Draft, Made, State};
use crate::ledger::tail::{Keys, Recent};
use crate::store::Term;

/// What the writer is asked to do.
pub(super) enum Job {
    /// Enter a batch, all or nothing.
    Propose(Box<Batch>),
    /// Enter that somebody reads; the bytes leave when it is durable.
    Read(Box<Reading>),
    /// Enter that something was refused.
    Note(Box<Note>, oneshot::Sender<Answer>),
    /// Enter what the system itself has to say.
    System(Vec<(Event, Option<StreamName>)>, oneshot::Sender<Answer>),
    /// Do what time alone brings, and say when all of it is entered that the clock permits, if anybody asks.
    Tick(Option<oneshot::Sender<Answer>>),
    /// End.
    Stop,
}

/// A batch with where its answer goes.
pub(super) struct Batch {
    pub(super) proposals: Vec<Prepared>,
    /// About how many bytes its entries will have.
    pub(super) bytes: usize,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// A reading with where its answer goes.
pub(super) struct Reading {
    pub(super) accesses: Vec<Access>,
    pub(super) basis: Basis,
    /// The business day the view was computed for.
    pub(super) day: crate::clock::Date,
    pub(super) reply: oneshot::Sender<Answer>,
}

/// A refusal to be entered.
#[derive(Clone)]
pub(super) struct Note {
    pub(super) command: String,
    pub(super) refusal: Refusal,
    pub(super) actor: Actor,
    pub(super) target: String,
    pub(super) salt: [u8; 16],
    /// Of what was proposed, under that salt.
    pub(super) body_hash: Hash,
}

/// One access entry to be made.
#[derive(Clone)]
pub(super) struct Access {
    pub(super) event: audit::Event,
    pub(super) actor: Actor,
    pub(super) reads: Vec<StreamName>,
    pub(super) salt: [u8; 16],
}

/// What became of a job.
#[derive(Debug)]
pub(super) enum Answer {
    /// Entered and durable.
    Entered(Vec<Receipt>),
    /// Refused, and nothing of it entered.
    Refused(usize, Refusal),
    /// What the door decided on has moved: decide again.
    Moved,
    /// Nothing can be written any more.
    Unwritable,
}

/// Raw bytes after which a block is closed; compressed they stay far below a frame's limit.
const BLOCK_BYTES: usize = 384 * 1024;
/// Entries after which a block is closed.
const BLOCK_ENTRIES: usize = 1024;
/// How much longer than the last block took to become durable the next one may be filled: whoever is in it waits for both, and
/// those who answer have nothing to do meanwhile.
const ADMIT_PER_APPEND: u32 = 2;
/// How often the clock is looked at for what time alone brings.
const TICK: Duration = Duration::from_secs(20);
/// How far wall clock and elapsed time may part before deadlines would fire wrongly (`design` §3).
const LEAP: Duration = Duration::from_secs(60);
/// Entries the follower may be behind before the writer waits for it: memory is bounded.
const BEHIND_MAX: usize = 65_536;

/// The writer's own state.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) journal: Box<dyn Journal>,
    pub(super) encoder: Encoder,
    pub(super) state: State,
    pub(super) jobs: Receiver<Job>,
    pub(super) blocks: Sender<(u64, Arc<State>)>,
    /// The clock as it was last looked at: wall and elapsed.
    pub(super) seen: (Timestamp, Duration),
    /// How long the last block took to become durable.
    pub(super) append_took: Duration,
    pub(super) leapt: bool,
    /// An operator has accepted a clock that runs behind the last entry.
    pub(super) accepted: bool,
    /// What is overdue, as it is looked through.
    pub(super) watch: obligation::Watch,
    /// More may be overdue than has been entered.
    pub(super) overdue: bool,
    /// Who asked for what time brings, and waits until nothing is overdue.
    pub(super) awaiting: Vec<oneshot::Sender<Answer>>,
    pub(super) writer: [u8; 16],
}

/// An entry on its way to the disk.
struct Entered {
    index: u64,
    bytes: Vec<u8>,
    keys: Keys,
}

/// A block being filled.
#[derive(Default)]
struct Open {
    made: Vec<Entered>,
    bytes: usize,
    /// What its entries use up: that is not among the recent claims yet.
    claimed: HashSet<Term>,
    answers: Vec<(oneshot::Sender<Answer>, Answer)>,
}

impl Open {
    fn push(&mut self, made: Made) {
        self.bytes += made.bytes.len();
        self.claimed.extend(&made.keys.claims);
        self.made.push(Entered { index: made.index, bytes: made.bytes, keys: made.keys });
    }

    fn full(&self) -> bool {
        self.bytes >= BLOCK_BYTES || self.made.len() >= BLOCK_ENTRIES
    }

    fn truncate(&mut self, length: usize) {
        for made in self.made.drain(length..) {
            self.bytes -= made.bytes.len();
            for claim in made.keys.claims {
                self.claimed.remove(&claim);
            }
        }
    }
}

/// What a step of several entries goes back to when a later one is refused.
struct Mark {
    state: State,
    made: usize,
    leapt: bool,
    accepted: bool,
}

impl Writer {
    /// Works until it is told to stop, all callers are gone, or the journal fails.
    pub(super) fn run(mut self) {
        self.check_clock();
        let mut ticked = self.shared.clock_elapsed();
        loop {
            // What time brings comes whether or not others keep the writer busy.
            let due = ticked.saturating_add(TICK).saturating_sub(self.shared.clock_elapsed());
            let received = match due {
                _ if self.overdue => self.jobs.recv_timeout(Duration::ZERO),
                Duration::ZERO => Err(RecvTimeoutError::Timeout),
                due => self.jobs.recv_timeout(due),
            };
            let mut next = match received {
                Ok(job) => Some(job),
                Err(_) if self.overdue => None,
                Err(RecvTimeoutError::Timeout) => {
                    ticked = self.shared.clock_elapsed();
                    Some(Job::Tick(None))
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let mut open = Open::default();
            let mut stop = false;
            let mut began = self.seen.1;
            while let Some(job) = next {
                stop = matches!(job, Job::Stop);
                if stop {
                    break;
                }
                if let Job::Propose(batch) = &job
                    && !open.made.is_empty()
                    && open.bytes.saturating_add(batch.bytes) > BLOCK_BYTES
                    && self.commit(std::mem::take(&mut open)).is_err()
                {
                    drop(job);
                    self.fail();
                    return;
                }
                self.check_clock();
                if open.answers.is_empty() {
                    began = self.seen.1;
                }
                self.take(job, &mut open);
                let full = open.full()
                    || self.seen.1.saturating_sub(began) > self.append_took.saturating_mul(ADMIT_PER_APPEND);
                next = if full { None } else { self.jobs.try_recv().ok() };
            }
            // After a long stop more may be overdue than a block holds: what others want comes between two blocks of it.
            if self.overdue && !stop {
                if open.full() && self.commit(std::mem::take(&mut open)).is_err() {
                    self.fail();
                    return;
                }
                self.check_clock();
                self.tick_obligations(&mut open);
            }
            if self.commit(open).is_err() {
                self.fail();
                return;
            }
            if stop {
                return;
            }
        }
    }

    fn take(&mut self, job: Job, open: &mut Open) {
        match job {
            Job::Propose(batch) => {
                let answer = self.propose(&batch.proposals, open);
                open.answers.push((batch.reply, answer));
            }
            Job::Read(reading) => {
                let answer = self.read(&reading, open);
                open.answers.push((reading.reply, answer));
            }
            Job::Note(note, reply) => {
                self.note(*note, open);
                open.answers.push((reply, Answer::Entered(Vec::new())));
            }
            Job::System(events, reply) => {
                let before = self.mark(open);
                let answer = self.system(events, open);
                if !matches!(answer, Answer::Entered(_)) {
                    self.back_to(before, open);
                }
                open.answers.push((reply, answer));
            }
            Job::Tick(reply) => {
                self.tick(open);
                self.awaiting.extend(reply);
                self.watch.begin();
                self.overdue = true;
            }
            Job::Stop => {}
        }
    }

    fn mark(&self, open: &Open) -> Mark {
        Mark { state: self.state.clone(), made: open.made.len(), leapt: self.leapt, accepted: self.accepted }
    }

    fn back_to(&mut self, mark: Mark, open: &mut Open) {
        self.state = mark.state;
        (self.leapt, self.accepted) = (mark.leapt, mark.accepted);
        open.truncate(mark.made);
    }

    fn propose(&mut self, proposals: &[Prepared], open: &mut Open) -> Answer {
        // Admitting one proposal is all or nothing by itself, and a copy of the state makes what follows copy its nodes.
        let before = (proposals.len() > 1).then(|| self.mark(open));
        let answer = self.propose_all(proposals, open);
        if let Some(before) = before.filter(|_| !matches!(answer, Answer::Entered(_))) {
            self.back_to(before, open);
        }
        answer
    }

    fn propose_all(&mut self, proposals: &[Prepared], open: &mut Open) -> Answer {
        let mut receipts = Vec::with_capacity(proposals.len());
        let at = self.now();
        if !proposals.iter().all(|proposal| proposal.basis.holds(&self.state, at)) {
            return Answer::Moved;
        }
        let mut used: HashSet<Term> = HashSet::new();
        for (at, proposal) in proposals.iter().enumerate() {
            for (term, refusal) in &proposal.claims {
                if used.contains(term) {
                    return Answer::Refused(at, refusal.clone().into());
                }
                // Of what others have used up, the door finds out whether it is the same proposal once more.
                let found = self.shared.recent.find(*term, proposal.checked_to);
                if !matches!(found, Ok(None)) || open.claimed.contains(term) {
                    return Answer::Moved;
                }
            }
            if proposals.len() > 1 {
                used.extend(proposal.claims.iter().map(|(term, _)| *term));
            }
            match self.admit(proposal, open) {
                Ok(made) => receipts.extend(made),
                Err(Halt::Refused(refusal)) => return Answer::Refused(at, refusal),
                Err(Halt::Moved) => return Answer::Moved,
            }
        }
        Answer::Entered(receipts)
    }

    fn admit(&mut self, proposal: &Prepared, open: &mut Open) -> Result<Vec<Receipt>, Halt> {
        if let Some(refusal) = self.refuse_for_clock(&proposal.event) {
            return Err(Halt::Refused(refusal));
        }
        let about =
            domain::about(&self.state.world, &proposal.event, proposal.named.as_ref()).map_err(Halt::Refused)?;
        if about != proposal.about {
            return Err(Halt::Moved);
        }
        for (stream, expected) in &proposal.expected {
            let head = self.state.heads.get(stream);
            let version = head.map_or(0, |head| head.version);
            if version != *expected {
                // Whoever lost can look at what won.
                let newest = head.map_or_else(|| "-".to_owned(), |head| head.index.to_string());
                let stream = stream.to_string();
                let stale = common::Refusal::Stale { stream, expected: *expected, version, newest };
                return Err(Halt::Refused(stale.into()));
            }
        }
        if !proposal.basis.part_holds(&self.state) {
            // It held when the batch was begun: what moved it stands in the batch itself.
            return Err(Halt::Refused(record::Refusal::NotAlone.into()));
        }
        let at = self.now();
        let context = Context {
            at,
            occurred_at: proposal.occurred_at.unwrap_or(at),
            late_reason: proposal.late_reason.as_deref(),
            actor: &proposal.actor,
            id: &proposal.id,
            about: &about,
            approvals: &[],
            fetched: &proposal.fetched,
        };
        let admissions = domain::admit(&self.state.world, &context, proposal.event.clone()).map_err(Halt::Refused)?;
        let before = (admissions.len() > 1).then(|| self.mark(open));
        let mut receipts = Vec::with_capacity(admissions.len());
        for (number, admission) in admissions.into_iter().enumerate() {
            let at = if number == 0 { at } else { self.now() };
            match self.enter(admission, &context, proposal, at, number > 0) {
                Ok(made) => {
                    receipts.push(receipt(made.index, &made.entry, made.hash));
                    open.push(made);
                }
                Err(halt) => {
                    if let Some(before) = before {
                        self.back_to(before, open);
                    }
                    return Err(halt);
                }
            }
        }
        if let Event::Employee(employee::Event::StatusChanged(_)) = proposal.event {
            receipts.extend(self.end_rights(Some(&proposal.id), open));
        }
        if let Event::Ledger(domain::ledger::Event::ClockAccepted(_)) = proposal.event {
            self.leapt = false;
            self.accepted = true;
        }
        Ok(receipts)
    }

    fn enter(
        &mut self,
        admission: Admission,
        context: &Context<'_>,
        proposal: &Prepared,
        at: Timestamp,
        follows: bool,
    ) -> Result<Made, Halt> {
        let (occurred_at, late_reason) =
            admission.times.unwrap_or_else(|| (context.occurred_at, proposal.late_reason.clone()));
        let actor = admission.actor.unwrap_or_else(|| proposal.actor.clone());
        let draft = Draft {
            event: admission.event,
            about: admission.about,
            also: Vec::new(),
            id: admission.id.unwrap_or_else(|| proposal.id.clone()),
            at,
            occurred_at,
            late_reason,
            causation: follows.then(|| proposal.id.clone()),
            correlation: proposal.correlation.clone(),
            salt: if follows { self.shared.source.salt() } else { proposal.salt },
            policy_version: policy::version(&self.state.world, actor.unit(), at),
            actor,
            refold: proposal.fetched.refold.clone(),
            ended: proposal.ended,
        };
        self.make(draft).map_err(|error| match error {
            EncodeError::TooLarge(_) | EncodeError::Json(_) => Halt::Refused(common::Refusal::TooLarge.into()),
        })
    }

    fn make(&mut self, draft: Draft) -> Result<Made, EncodeError> {
        let access = self.state.world.policy.access.map(|hash| hash.to_string()).unwrap_or_default();
        self.state.enter(&self.shared.origin, access.get(..16).unwrap_or_default(), draft)
    }

    fn read(&mut self, reading: &Reading, open: &mut Open) -> Answer {
        if self.leapt {
            return Answer::Refused(0, common::Refusal::ClockLeapt.into());
        }
        let now = self.now();
        if !reading.basis.holds(&self.state, now) || self.state.world.date(now) != reading.day {
            return Answer::Moved;
        }
        let before = (reading.accesses.len() > 1).then(|| self.mark(open));
        let mut receipts = Vec::with_capacity(reading.accesses.len());
        for access in &reading.accesses {
            let Some(reader) = access.actor.employee() else { return Answer::Moved };
            let at = self.now();
            let alarms = match &access.event {
                audit::Event::Denied(denied) => audit::alarms(&self.state.world, reader, denied, at),
                audit::Event::Accessed(_) | audit::Event::CommandRefused(_) => false,
            };
            let draft = Draft {
                event: Event::Audit(access.event.clone()),
                about: About::subject(reader.acts()),
                also: access.reads.clone(),
                id: self.shared.source.entry_id(at),
                at,
                occurred_at: at,
                late_reason: None,
                causation: None,
                correlation: None,
                salt: access.salt,
                policy_version: policy::version(&self.state.world, access.actor.unit(), at),
                actor: access.actor.clone(),
                refold: None,
                ended: None,
            };
            match self.make(draft) {
                Ok(made) => {
                    let cause = made.entry.id.clone();
                    receipts.push(receipt(made.index, &made.entry, made.hash));
                    open.push(made);
                    if alarms {
                        self.report(reader, &cause, open);
                    }
                }
                Err(_) => {
                    if let Some(before) = before {
                        self.back_to(before, open);
                    }
                    return Answer::Refused(0, common::Refusal::TooLarge.into());
                }
            }
        }
        Answer::Entered(receipts)
    }

    /// Reports a reader who was refused again and again.
    fn report(&mut self, reader: &EmployeeId, cause: &EntryId, open: &mut Open) {
        // Nobody can have taken an id derived from one that was made a moment ago.
        let id = ids::derived(cause, "anomaly");
        let subject = ids::issued(&id);
        let reported = anomaly::of_refusals(&self.state.world, reader, self.now());
        let event = anomaly::Event::Reported(anomaly::Reported { anomaly_id: Some(subject.clone()), ..reported });
        let about = About::subject(anomaly::stream(&subject));
        if let Err(Halt::Refused(refusal)) = self.enter_system(event.into(), about, &id, Some(cause), open) {
            tracing::warn!(refusal = refusal.words().0, "refused readings were not reported");
        }
    }

    /// Enters what ends by itself: grants and loans of those who leave, and loans whose time is over.
    fn end_rights(&mut self, cause: Option<&EntryId>, open: &mut Open) -> Vec<Receipt> {
        let world = &self.state.world;
        let grants = grant::due(world).into_iter().map(|(id, event, about)| (id, Event::from(event), about));
        let loans = loan::due(world, self.now()).into_iter().map(|(id, event, about)| (id, event.into(), about));
        let due: Vec<(EntryId, Event, About)> = grants.chain(loans).collect();
        let mut receipts = Vec::with_capacity(due.len());
        for (id, event, about) in due {
            match self.enter_system(event, about, &id, cause, open) {
                Ok(receipt) => receipts.push(receipt),
                Err(Halt::Refused(refusal)) => tracing::warn!(refusal = refusal.words().0, "a right did not end"),
                Err(Halt::Moved) => {}
            }
        }
        receipts
    }

    /// Enters a refusal, where refusals of its code are entered.
    fn note(&mut self, note: Note, open: &mut Open) {
        let (code, rule) = note.refusal.grounds();
        let Some(code) = RefusalCode::of(code) else { return };
        let Some(employee) = note.actor.employee().filter(|_| !self.leapt) else { return };
        let cut = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
        let event = audit::CommandRefused {
            command: Str(cut(&note.command, 60)),
            target: Str(cut(&note.target, 80)),
            code,
            rule: (!rule.is_empty()).then(|| Str(cut(rule, 10))),
            body_hash: Some(note.body_hash),
        };
        let at = self.now();
        let draft = Draft {
            event: Event::Audit(event.into()),
            about: About::subject(employee.acts()),
            also: Vec::new(),
            id: self.shared.source.entry_id(at),
            at,
            occurred_at: at,
            late_reason: None,
            causation: None,
            correlation: None,
            salt: note.salt,
            policy_version: policy::version(&self.state.world, note.actor.unit(), at),
            actor: note.actor,
            refold: None,
            ended: None,
        };
        if let Ok(made) = self.make(draft) {
            open.push(made);
        }
    }

    fn system(&mut self, events: Vec<(Event, Option<StreamName>)>, open: &mut Open) -> Answer {
        let mut receipts = Vec::with_capacity(events.len());
        for (at, (event, named)) in events.into_iter().enumerate() {
            let id = self.shared.source.entry_id(self.now());
            let about = match domain::about(&self.state.world, &event, named.as_ref()) {
                Ok(about) => about,
                Err(refusal) => return Answer::Refused(at, refusal),
            };
            match self.enter_system(event, about, &id, None, open) {
                Ok(receipt) => receipts.push(receipt),
                Err(Halt::Refused(refusal)) => return Answer::Refused(at, refusal),
                Err(Halt::Moved) => return Answer::Moved,
            }
        }
        Answer::Entered(receipts)
    }

    fn enter_system(
        &mut self,
        event: Event,
        about: About,
        id: &EntryId,
        causation: Option<&EntryId>,
        open: &mut Open,
    ) -> Result<Receipt, Halt> {
        let at = self.now();
        let fetched = Fetched::default();
        let actor = Actor::System;
        let context = Context {
            at,
            occurred_at: at,
            late_reason: None,
            actor: &actor,
            id,
            about: &about,
            approvals: &[],
            fetched: &fetched,
        };
        let admissions = domain::admit(&self.state.world, &context, event).map_err(Halt::Refused)?;
        let mut first = None;
        for admission in admissions {
            let draft = Draft {
                event: admission.event,
                about: admission.about,
                also: Vec::new(),
                actor: Actor::System,
                id: id.clone(),
                at,
                occurred_at: at,
                late_reason: None,
                causation: causation.cloned(),
                correlation: None,
                salt: self.shared.source.salt(),
                policy_version: policy::version(&self.state.world, None, at),
                refold: None,
                ended: None,
            };
            let made = self.make(draft).map_err(|_| Halt::Refused(common::Refusal::TooLarge.into()))?;
            first.get_or_insert_with(|| receipt(made.index, &made.entry, made.hash));
            open.push(made);
        }
        first.ok_or(Halt::Moved)
    }

    /// Enters what time alone brings: lapses, and the note of a checkpoint.
    fn tick(&mut self, open: &mut Open) {
        if self.leapt || self.shared.read_only || !self.state.world.ledger.initialized {
            return;
        }
        let now = self.now();
        for (event, about) in grade::due(&self.state.world, now) {
            let grade::Event::Withdrawn(_, withdrawn) = &event else { continue };
            let cause = self.state.world.grade.open.get(&withdrawn.proposal_id).map(|proposal| proposal.event.clone());
            let Some(cause) = cause else { continue };
            let id = grade::lapse_id(&cause);
            // A refusal here means that somebody decided in time after all.
            if let Err(Halt::Refused(refusal)) = self.enter_system(event.into(), about, &id, None, open) {
                tracing::info!(refusal = refusal.words().0, "a proposal did not lapse");
            }
        }
        self.end_rights(None, open);
        self.note_checkpoint(now, open);
    }

    /// Enters what is overdue, as much as a block takes.
    fn tick_obligations(&mut self, open: &mut Open) {
        while !self.leapt && !self.shared.read_only {
            let at = self.now();
            let Some((event, about, id)) = self.watch.next(&self.state.world, self.state.last_at, at) else { break };
            if open.full() {
                return;
            }
            if let Err(halt) = self.enter_system(event.clone().into(), about, &id, None, open) {
                let refusal = if let Halt::Refused(refusal) = halt { refusal.words().0 } else { String::new() };
                tracing::error!(%id, refusal, "what is overdue was not entered; the next is");
                self.watch.pass(&event);
            }
        }
        self.overdue = false;
        open.answers.extend(self.awaiting.drain(..).map(|reply| (reply, Answer::Entered(Vec::new()))));
    }

    fn note_checkpoint(&mut self, now: Timestamp, open: &mut Open) {
        let ledger = &self.state.world.ledger;
        let every =
            u64::try_from(policy::parameter(&self.state.world, None, now, "p.checkpoint.every")).unwrap_or(1000);
        let signed = self.shared.checkpoint();
        let new_day = self.state.world.date(now) != self.state.world.date(ledger.noted_at);
        let grown = signed.size.saturating_sub(ledger.noted_size);
        // A checkpoint's own entry is no reason for the next one.
        if signed.size > ledger.noted_size && (grown >= every || (new_day && grown > 1)) {
            let size = domain::catalog::Int(i64::try_from(signed.size).unwrap_or(i64::MAX));
            let event = domain::ledger::Checkpointed { size, root: Hash(signed.root) };
            let id = self.shared.source.entry_id(now);
            let event: domain::ledger::Event = event.into();
            let about = About::subject(StreamName::single("ledger"));
            if let Err(Halt::Refused(refusal)) = self.enter_system(event.into(), about, &id, None, open) {
                tracing::warn!(refusal = refusal.words().0, "a checkpoint was not noted");
            }
        }
    }

    /// Makes the block durable, publishes what it led to, and only then answers.
    fn commit(&mut self, open: Open) -> Result<(), Failed> {
        let mut published = None;
        if !open.made.is_empty() {
            let head = self.journal.head();
            let entries: Vec<&[u8]> = open.made.iter().map(|made| made.bytes.as_slice()).collect();
            let began = self.shared.clock_elapsed();
            let appended = match self.encoder.encode(&head, &self.writer, &entries) {
                Ok(frame) => self.journal.append(head.next_block, frame).map_err(|error| error.to_string()),
                Err(error @ crate::journal::EncodeError::TooLarge) => {
                    // Nothing has happened yet. What was alone is too much at once; what only came together is decided again.
                    tracing::info!(%error, "a block was too large and is not written");
                    self.state = State::clone(&self.shared.state());
                    let alone = open.answers.len() == 1;
                    for (reply, answer) in open.answers {
                        let refused = match answer {
                            Answer::Entered(_) if alone => Answer::Refused(0, common::Refusal::BatchTooLarge.into()),
                            Answer::Entered(_) => Answer::Moved,
                            other => other,
                        };
                        drop(reply.send(refused));
                    }
                    return Ok(());
                }
                Err(error) => Err(error.to_string()),
            };
            if let Err(error) = appended {
                tracing::error!(error, "the journal cannot be written; nothing is entered or read any more");
                for (reply, _) in open.answers {
                    drop(reply.send(Answer::Unwritable));
                }
                return Err(Failed);
            }
            self.append_took = self.shared.clock_elapsed().saturating_sub(began);
            let recent = |made: Entered| (made.index, Recent { bytes: made.bytes.into(), keys: Arc::new(made.keys) });
            let made: Vec<(u64, Recent)> = open.made.into_iter().map(recent).collect();
            // Whoever finds an id in use reads its entry, which must be there by then.
            self.shared.shelf.push(made.iter().map(|(_, recent)| recent.clone()).collect());
            self.shared.recent.note(made.iter().map(|(index, recent)| (*index, recent.keys.claims.as_slice())));
            published = Some((head.next_block, Arc::new(self.state.clone())));
        }
        if let Some((_, state)) = &published {
            self.shared.published.store(state.clone());
        }
        for (reply, answer) in open.answers {
            // Whoever asked may have hung up; what was entered is entered.
            drop(reply.send(answer));
        }
        // Waking the follower takes longer than all of the above, and nobody waits for it.
        if let Some(published) = published {
            // The follower gone means the ledger is closing; what is durable stays so.
            drop(self.blocks.send(published));
        }
        self.shared.wait_for_follower(BEHIND_MAX);
        Ok(())
    }

    fn fail(&self) {
        self.shared.fail();
        while let Ok(job) = self.jobs.try_recv() {
            let reply = match job {
                Job::Propose(batch) => batch.reply,
                Job::Read(reading) => reading.reply,
                Job::Note(_, reply) | Job::System(_, reply) | Job::Tick(Some(reply)) => reply,
                Job::Tick(None) | Job::Stop => continue,
            };
            drop(reply.send(Answer::Unwritable));
        }
    }

    /// The time of the next entry: the clock's, but always later than the last.
    fn now(&self) -> Timestamp {
        self.shared.clock.now().max(self.state.last_at.plus(Duration::from_micros(1)))
    }

    fn check_clock(&mut self) {
        let (wall, elapsed) = self.shared.clock.both();
        let expected = self.seen.0.plus(elapsed.saturating_sub(self.seen.1));
        let apart = wall.since(expected).max(expected.since(wall));
        // A clock behind the last entry is the same leap, seen after a restart.
        let behind = self.state.last_at.since(wall);
        self.accepted &= behind > LEAP;
        if apart > LEAP || (behind > LEAP && !self.accepted) {
            if !self.leapt {
                tracing::error!(%wall, "the clock has leapt; an operator must accept it (clock.accepted)");
            }
            self.leapt = true;
        }
        self.seen = (wall, elapsed);
    }

    fn refuse_for_clock(&self, event: &Event) -> Option<Refusal> {
        match (self.leapt, event) {
            (false, Event::Ledger(domain::ledger::Event::ClockAccepted(_))) => {
                Some(domain::ledger::Refusal::NoLeap.into())
            }
            (true, Event::Ledger(domain::ledger::Event::ClockAccepted(_))) | (false, _) => None,
            (true, _) => Some(common::Refusal::ClockLeapt.into()),
        }
    }
}

enum Halt {
    Refused(Refusal),
    Moved,
}

struct Failed;
