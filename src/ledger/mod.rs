//! The one write path and the one read path: `submit` and `view`, the writer, recovery.
//!
//! **Invariant:** nothing is acknowledged or visible before it is durable, and no byte of an archive leaves
//! before the entry that records the reading is.
//!
//! **Invariant:** only this room calls `Journal::append`, and only from the writer's thread.
//!
//! **Invariant:** the writer evaluates no policy, opens no seal and never waits for the store; doors decide and
//! fetch beforehand, and decide again if what they decided on has moved.
//!
//! **Invariant:** `submit` and `view` are asynchronous only in that they wait for the writer's answer; nothing
//! here spawns a task or knows a runtime.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use arc_swap::ArcSwap;
use ed25519_dalek::SigningKey;
use tokio::sync::oneshot;

use crate::access::decide::Policies;
use crate::access::principal::Principal;
use crate::clock::Clock;
use crate::domain::Event;
use crate::domain::catalog::{self, EventType};
use crate::domain::document::Secrecy;
use crate::entry::Entry;
use crate::ids::{CustomerId, Source, StreamName};
use crate::journal::Reader;
use crate::ledger::documents::Documents;
use crate::ledger::door::Outcome;
use crate::ledger::follower::FollowError;
use crate::ledger::snapshot::Signed;
use crate::ledger::tail::Shelf;
use crate::ledger::writer::{Answer, Batch, Job, Note};
use crate::proof::checkpoint::{Checkpoint, Vkey};
use crate::proof::tile::Growth;
use crate::seal::Ring;
use crate::store::ReadError;

mod amendment;
pub mod backup;
mod claims;
pub mod documents;
mod door;
mod erasure;
mod follower;
mod founding;
mod hashing;
mod misread;
pub mod open;
mod pipeline;
pub mod proof;
pub mod proposal;
mod reading;
mod rebuild;
pub mod restore;
mod snapshot;
mod state;
mod tail;
mod verification;
mod writer;

pub use crate::files::Found;
pub use crate::seal::ring::OpenError as RingOpenError;

pub use self::documents::{Came, Opened, Upload};
pub use self::misread::misread;
pub use self::open::{Behind, OpenError, Options};
pub use self::proposal::{BATCH_MAX, Expected, Proposal, Receipt, SubmitError};
pub use self::reading::{Answered, AsOf, Asked, Moment, ViewError};
pub use self::state::{FoldError, Head, Heads, State};
pub use self::verification::{Broken, verify_data};

/// Where a ledger lives.
#[derive(Clone, Debug)]
pub struct Home {
    /// Journal, store, snapshots, key ring.
    pub data: PathBuf,
    /// The signing key and the master key of the key ring; outside the data directory and its backups.
    pub keys: PathBuf,
}

impl Home {
    /// Keeps the keys beside the data directory, in `<data>.keys`.
    pub fn beside(data: &Path) -> Self {
        let mut keys = data.as_os_str().to_owned();
        keys.push(".keys");
        Self { data: data.to_owned(), keys: keys.into() }
    }
}

/// A ledger that is open; clones share it.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    threads: Arc<Mutex<Option<Threads>>>,
}

struct Threads {
    writer: JoinHandle<()>,
    follower: JoinHandle<()>,
    eraser: JoinHandle<()>,
    keeper: JoinHandle<()>,
}

/// What the writer, its follower and the doors share.
pub(crate) struct Shared {
    pub(crate) home: Home,
    pub(crate) origin: String,
    pub(crate) vkey: Vkey,
    signing: SigningKey,
    pub(crate) policies: Arc<Policies>,
    pub(crate) ring: Ring,
    pub(crate) source: Arc<dyn Source>,
    pub(crate) clock: Arc<dyn Clock>,
    published: ArcSwap<State>,
    pub(crate) shelf: Shelf,
    recent: claims::Recent,
    jobs: Sender<Job>,
    journal: Box<dyn Reader>,
    growth: RwLock<Growth>,
    signed: RwLock<Signed>,
    documents: Documents,
    turn: AtomicU64,
    unwritable: AtomicBool,
    /// It was restored behind what may have been published: it shows what it holds, and neither enters nor signs anything.
    read_only: bool,
    /// The first entry that was found not to be as it was entered.
    broken: OnceLock<u64>,
    /// Somebody waits for the signed checkpoint.
    hurry: AtomicBool,
    signal: Arc<Signal>,
    folds: reading::Folds,
    shown: reading::Shown,
    /// Last, so that whoever has it finds everything else let go of.
    _lock: std::fs::File,
}

/// Tells whoever waits that the follower has moved on, or that the ledger is closing.
#[derive(Debug, Default)]
struct Signal {
    closing: AtomicBool,
    followed: Condvar,
    following: Mutex<()>,
}

impl Signal {
    /// Waits for the next sign, `most` at the longest.
    fn wait(&self, most: Duration) {
        let following = self.following.lock().unwrap_or_else(PoisonError::into_inner);
        // Whether it was a sign or the time does not matter: everybody looks again.
        drop(self.followed.wait_timeout(following, most));
    }

    fn notify(&self) {
        self.followed.notify_all();
    }
}

/// About what an entry has besides its payload.
const ENVELOPE_BYTES: usize = 640;

/// How often a door decides again before it gives up.
const ATTEMPTS: usize = 32;

impl Ledger {
    /// Proposes events of one person, all or nothing.
    ///
    /// The entries are durable when it returns. After a refusal nothing is entered but the refusal, where its
    /// code is entered.
    ///
    /// # Errors
    /// The refusal with the proposal's place, or why nothing could be decided.
    pub async fn submit(
        &self,
        principal: &Principal,
        mut proposals: Vec<Proposal>,
    ) -> Result<Vec<Receipt>, SubmitError> {
        if proposals.is_empty() || proposals.len() > BATCH_MAX {
            return Err(SubmitError::BatchSize);
        }
        let kept = self.shared.keep_files(&proposals)?;
        let submitted = self.decide(principal, &mut proposals).await;
        match submitted {
            // Whether it was entered nobody knows until the next start.
            Err(SubmitError::Unwritable) => {}
            _ => kept.settle(),
        }
        submitted
    }

    async fn decide(&self, principal: &Principal, proposals: &mut [Proposal]) -> Result<Vec<Receipt>, SubmitError> {
        for _ in 0..ATTEMPTS {
            self.shared.check_writable()?;
            let state = self.shared.state();
            let mut prepared = Vec::with_capacity(proposals.len());
            let mut seen = Vec::new();
            // Within a batch a proposal may rest on what those before it bring about: it is prepared on a state
            // in which they have happened, which only the writer makes lasting.
            let mut ahead = state.clone();
            let last = proposals.len() - 1;
            for (at, proposal) in proposals.iter_mut().enumerate() {
                match self.shared.prepare(principal, &state, &ahead, proposal)? {
                    Outcome::Ready(ready) => {
                        if at < last {
                            self.shared.imagine(Arc::make_mut(&mut ahead), &ready);
                        }
                        prepared.push(*ready);
                    }
                    Outcome::Seen(receipts) => seen.extend(receipts),
                    Outcome::Refused(refused) => return self.refuse(at, refused, proposal).await,
                }
            }
            match (seen.is_empty(), prepared.is_empty()) {
                (false, true) => return Ok(seen),
                (false, false) => {
                    let refusal = crate::domain::common::Refusal::IdTaken.into();
                    return Err(SubmitError::Refused { at: 0, refusal });
                }
                (true, _) => {}
            }
            let (reply, answer) = oneshot::channel();
            let whose: Vec<_> =
                prepared.iter().map(|ready| (ready.actor.clone(), ready.about.subject.clone())).collect();
            let bytes = proposals.iter().map(|proposal| ENVELOPE_BYTES + catalog::weight(&proposal.data)).sum();
            self.send(Job::Propose(Box::new(Batch { proposals: prepared, bytes, reply })))?;
            match answer.await.map_err(|_| SubmitError::Unwritable)? {
                Answer::Entered(receipts) => return Ok(receipts),
                Answer::Refused(at, refusal) => {
                    let Some(proposal) = proposals.get(at) else { return Err(SubmitError::Refused { at, refusal }) };
                    let refused = door::Refused { refusal, of: whose.into_iter().nth(at), hidden: false };
                    return self.refuse(at, refused, proposal).await;
                }
                Answer::Unwritable => return Err(SubmitError::Unwritable),
                Answer::Moved => {}
            }
        }
        Err(SubmitError::Busy)
    }

    /// Returns the types of event that somebody may perhaps propose, of one customer or of any.
    ///
    /// A hint for those who fill in forms: the policies decide, on what is known of the person and the customer, with what only
    /// an event itself can tell taken as it suits the proposer best. Whoever may propose an event finds its type here;
    /// that a type is here promises nothing.
    pub fn proposable(&self, principal: &Principal, customer: Option<&CustomerId>) -> Vec<&'static EventType> {
        let state = self.shared.state();
        let by_hand = catalog::types().iter().filter(|kind| !kind.system);
        by_hand.filter(|kind| self.shared.proposable(principal, &state.world, kind, customer)).collect()
    }

    /// Returns the classes of papers that somebody may file about a customer, or about none: those they may read (roles.md §5).
    pub fn fileable(&self, principal: &Principal, customer: Option<&CustomerId>) -> Vec<Secrecy> {
        self.shared.fileable(principal, &self.shared.state().world, customer)
    }

    /// Enters what a new release says for itself; in the system's name nobody enters anything from outside.
    async fn submit_system(&self, events: Vec<(Event, Option<StreamName>)>) -> Result<Vec<Receipt>, SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::System(events, reply))?;
        match answer.await.map_err(|_| SubmitError::Unwritable)? {
            Answer::Entered(receipts) => Ok(receipts),
            Answer::Refused(at, refusal) => Err(SubmitError::Refused { at, refusal }),
            Answer::Moved => Err(SubmitError::Busy),
            Answer::Unwritable => Err(SubmitError::Unwritable),
        }
    }

    async fn refuse(
        &self,
        at: usize,
        refused: door::Refused,
        proposal: &Proposal,
    ) -> Result<Vec<Receipt>, SubmitError> {
        let refusal = refused.refusal;
        if let Some((actor, target)) = refused.of.filter(|_| refusal.grounds().0.recorded()) {
            let salt = self.shared.source.salt();
            let note = Note {
                command: proposal.kind.clone(),
                refusal: refusal.clone(),
                actor,
                target: target.to_string(),
                salt,
                body_hash: door::salted(&salt, without_persons(proposal).to_string().as_bytes()),
            };
            // A refusal that cannot be entered is not told: who was refused what must be findable.
            insist(|| {
                let (reply, answer) = oneshot::channel();
                self.send(Job::Note(Box::new(note.clone()), reply))?;
                Ok(answer)
            })
            .await?;
        }
        if refused.hidden {
            return Err(SubmitError::NotFound);
        }
        Err(SubmitError::Refused { at, refusal })
    }

    fn send(&self, job: Job) -> Result<(), SubmitError> {
        self.shared.check_writable()?;
        self.shared.jobs.send(job).map_err(|_| SubmitError::Unwritable)
    }

    /// Does now what time alone brings, without waiting for the writer's next look at the clock.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn tick(&self) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Tick(Some(reply)))?;
        match answer.await {
            Ok(Answer::Entered(_)) => Ok(()),
            _ => Err(SubmitError::Unwritable),
        }
    }

    /// Returns the state as the last durable block left it.
    pub fn state(&self) -> Arc<State> {
        self.shared.state()
    }

    /// Returns the ledger's origin.
    pub fn origin(&self) -> &str {
        &self.shared.origin
    }

    /// Returns the public key that verifies checkpoints.
    pub fn vkey(&self) -> String {
        crate::proof::checkpoint::vkey(self.shared.vkey.name(), self.shared.vkey.key())
    }

    /// Returns where the ledger lives.
    pub fn home(&self) -> &Home {
        &self.shared.home
    }

    /// Returns the clock the ledger goes by.
    pub fn clock(&self) -> Arc<dyn Clock> {
        self.shared.clock.clone()
    }

    /// Returns where salts and ids come from.
    pub fn source(&self) -> Arc<dyn Source> {
        self.shared.source.clone()
    }

    /// Returns the last signed checkpoint and its note.
    pub fn checkpoint(&self) -> (Checkpoint, String) {
        let signed = self.shared.signed();
        (signed.checkpoint.clone(), signed.note.clone())
    }

    /// Tells whether the ledger takes entries; if not, why.
    ///
    /// # Errors
    /// `Unwritable`, `Integrity`, or `ReadOnly` for as long as it is open.
    pub fn health(&self) -> Result<(), SubmitError> {
        self.shared.check_writable()
    }

    /// Waits until the signed checkpoint covers everything entered so far.
    pub fn settle(&self) {
        self.shared.await_signed(self.shared.state().size);
    }

    /// Waits until what was erased so far is unreadable everywhere, however long a backup out of reach takes.
    pub fn await_erasures(&self) {
        while !self.state().world.privacy.erasing.is_empty() && self.health().is_ok() {
            self.shared.signal.wait(Duration::from_millis(20));
        }
    }

    /// Ends the writer and its follower; a signed checkpoint and a snapshot cover everything when it returns.
    pub fn close(&self) {
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(threads) = threads else { return };
        // A writer that has ended already takes no more jobs.
        drop(self.shared.jobs.send(Job::Stop));
        let ended = [threads.writer.join(), threads.follower.join()];
        // After this nobody may enter anything: the snapshot is the end.
        self.shared.unwritable.store(true, Ordering::SeqCst);
        self.shared.signal.closing.store(true, Ordering::SeqCst);
        self.shared.signal.notify();
        if ended.into_iter().chain([threads.eraser.join(), threads.keeper.join()]).any(|ended| ended.is_err()) {
            tracing::error!("a thread of the ledger panicked");
        }
    }
}

/// Returns a payload as it was refused, with nothing in it that would have been sealed: a hash of that could be guessed from, and no
/// erasure reaches it.
fn without_persons(proposal: &Proposal) -> serde_json::Value {
    let Some(kind) = catalog::find(&proposal.kind) else { return serde_json::Value::Null };
    let mut data = proposal.data.clone();
    catalog::for_each_sealed(kind.fields, &mut data, &mut |_, value| *value = serde_json::Value::Null);
    // What a correction would have been sealed as is not known of one that was refused.
    for change in data.get_mut("changes").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
        if let Some(new) = change.get_mut("new") {
            *new = serde_json::Value::Null;
        }
    }
    catalog::canonical(&data).unwrap_or_default()
}

/// Hands in again what rests on nothing that could move, as long as it only shared a block with too much else.
async fn insist(hand_in: impl Fn() -> Result<oneshot::Receiver<Answer>, SubmitError>) -> Result<(), SubmitError> {
    for _ in 0..ATTEMPTS {
        match hand_in()?.await.map_err(|_| SubmitError::Unwritable)? {
            Answer::Entered(_) => return Ok(()),
            Answer::Moved => {}
            Answer::Refused(..) | Answer::Unwritable => return Err(SubmitError::Unwritable),
        }
    }
    Err(SubmitError::Busy)
}

impl Shared {
    pub(crate) fn state(&self) -> Arc<State> {
        self.published.load_full()
    }

    fn check_writable(&self) -> Result<(), SubmitError> {
        if let Some(&first_bad) = self.broken.get() {
            return Err(SubmitError::Integrity { first_bad });
        }
        if self.unwritable.load(Ordering::SeqCst) {
            return Err(SubmitError::Unwritable);
        }
        if self.read_only {
            return Err(SubmitError::ReadOnly);
        }
        Ok(())
    }

    fn fail(&self) {
        self.unwritable.store(true, Ordering::SeqCst);
        self.signal.notify();
    }

    fn signed(&self) -> RwLockReadGuard<'_, Signed> {
        self.signed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last signed checkpoint.
    pub(crate) fn checkpoint(&self) -> Checkpoint {
        self.signed().checkpoint.clone()
    }

    pub(crate) fn growth(&self) -> RwLockReadGuard<'_, Growth> {
        self.growth.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn growth_mut(&self) -> RwLockWriteGuard<'_, Growth> {
        self.growth.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn clock_elapsed(&self) -> Duration {
        self.clock.elapsed()
    }

    /// Reads an entry.
    pub(crate) fn entry(&self, index: u64) -> Result<Option<Entry>, ReadError> {
        match self.shelf.entry(index)? {
            Some(bytes) => Entry::decode(&bytes).map(Some).map_err(|_| ReadError::Damaged { index }),
            None => Ok(None),
        }
    }

    fn refill(&self) {
        let mut entropy = |bytes: &mut [u8]| self.source.fill(bytes);
        if let Err(error) = self.ring.refill_if_low(&mut entropy) {
            tracing::error!(%error, "the key ring cannot be refilled");
        }
    }

    /// Signs the tree as it stands; the root is of bytes read back from the journal.
    fn sign(&self, assigned: u64) -> Result<(), FollowError> {
        let (size, root) = {
            let growth = self.growth();
            (growth.size(), growth.root())
        };
        if size == self.signed().checkpoint.size && size > 0 {
            return Ok(());
        }
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let note = checkpoint.sign(&self.signing)?;
        let signed = Signed { checkpoint, note, assigned };
        // In its slot before it leaves the process: a start can tell when acknowledged entries are missing.
        snapshot::write_checkpoint(&self.home.data, &signed, self.turn.fetch_add(1, Ordering::SeqCst))?;
        *self.signed.write().unwrap_or_else(PoisonError::into_inner) = signed;
        self.signal.notify();
        Ok(())
    }

    /// Waits until the signed checkpoint covers so many entries.
    fn await_signed(&self, size: u64) {
        self.hurry.store(true, Ordering::SeqCst);
        while self.signed().checkpoint.size < size && self.check_writable().is_ok() {
            self.signal.wait(Duration::from_millis(50));
        }
        self.hurry.store(false, Ordering::SeqCst);
    }

    fn wait_for_follower(&self, most: usize) {
        if self.shelf.waiting() <= most {
            return;
        }
        while self.shelf.waiting() > most / 2 && self.check_writable().is_ok() {
            self.signal.wait(Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use tokio::sync::oneshot;

    use super::{ATTEMPTS, Answer, SubmitError, insist};

    /// Hands in to a writer that gives these answers, one after the other, and none any more.
    fn answered(answers: Vec<Answer>) -> Result<(), SubmitError> {
        let answers = RefCell::new(answers.into_iter());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(insist(|| {
            let (reply, answer) = oneshot::channel();
            match answers.borrow_mut().next() {
                Some(given) => drop(reply.send(given)),
                None => drop(reply),
            }
            Ok(answer)
        }))
    }

    #[test]
    fn a_refusal_that_only_shared_a_block_with_too_much_is_handed_in_again() {
        assert!(answered(vec![Answer::Moved, Answer::Moved, Answer::Entered(Vec::new())]).is_ok());
        assert!(matches!(answered(vec![Answer::Moved, Answer::Unwritable]), Err(SubmitError::Unwritable)));
        assert!(matches!(answered(vec![Answer::Moved]), Err(SubmitError::Unwritable)), "the writer is gone");
        let always = (0..ATTEMPTS).map(|_| Answer::Moved).collect();
        assert!(matches!(answered(always), Err(SubmitError::Busy)));
    }
}
