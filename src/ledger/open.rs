//! Start and recovery: what is on disk becomes a running ledger, or a clear reason why not.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread;
use std::time::Duration;

use arc_swap::ArcSwap;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};

use crate::access::decide::Policies;
use crate::clock::Clock;
use crate::domain::history::{Lived, Part};
use crate::domain::{self, Event, calendar, obligation, policy, record};
use crate::entry::{Entry, Hash};
use crate::files::Files;
use crate::ids::{Source, StreamName};
use crate::journal::{self, Encoder, FileJournal, Frame, Journal};
use crate::ledger::amendment::belongs;
use crate::ledger::claims::Recent;
use crate::ledger::documents::Documents;
use crate::ledger::door::person_holder;
use crate::ledger::erasure;
use crate::ledger::follower::{self, FollowError, Follower};
use crate::ledger::reading::{Folds, Shown, keep_past};
use crate::ledger::restore;
use crate::ledger::snapshot::{self, Signed};
use crate::ledger::state::{FoldError, State};
use crate::ledger::tail::{Keys, Shelf};
use crate::ledger::writer::Writer;
use crate::ledger::{Home, Ledger, Shared, Threads};
use crate::proof::checkpoint::{Checkpoint, Vkey};
use crate::proof::tile::{self, Growth, Tiles};
use crate::seal::{self, Ring};
use crate::store::{self, ReadError, Store};

/// How a ledger is opened.
#[derive(Clone)]
pub struct Options {
    /// The clock it goes by.
    pub clock: Arc<dyn Clock>,
    /// Where salts and ids come from.
    pub source: Arc<dyn Source>,
    /// Bytes of memory for caching what the store holds.
    pub cache_bytes: u64,
    /// Opens the journal; a test puts a failing one here.
    pub journal: OpenJournal,
}

/// Opens the journal of a data directory that must hold at least so many entries.
pub type OpenJournal = Arc<dyn Fn(&Path, u64) -> Result<OpenedJournal, journal::OpenError> + Send + Sync>;

/// An open journal, with what recompresses its full segments where it has any.
pub struct OpenedJournal {
    /// The journal.
    pub journal: Box<dyn Journal>,
    /// What was cut off its end.
    pub opened: journal::Opened,
    /// What recompresses full segments.
    pub recompressor: Option<journal::Recompressor>,
}

impl Options {
    /// Opens the journal in files.
    pub fn new(clock: Arc<dyn Clock>, source: Arc<dyn Source>) -> Self {
        Self { clock, source, cache_bytes: 96 * 1024 * 1024, journal: Arc::new(open_files) }
    }
}

fn open_files(directory: &Path, minimum_index: u64) -> Result<OpenedJournal, journal::OpenError> {
    let options = journal::Options { minimum_index, ..journal::Options::default() };
    let (journal, opened) = FileJournal::open(directory, &options)?;
    let recompressor = journal.recompressor();
    Ok(OpenedJournal { journal: Box::new(journal), opened, recompressor: Some(recompressor) })
}

/// What `ledger.json` says: written once, when the ledger is founded.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    format: u32,
    pub(super) origin: String,
    pub(super) vkey: String,
}

const FORMAT: u32 = 1;
pub(super) const IDENTITY: &str = "ledger.json";
const SIGNING_KEY: &str = "signing.key";

/// How many blocks wait at a start between being folded and being taken over.
const FRAMES_WAITING: usize = 4;

/// Why a ledger does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No ledger is there.
    #[error("there is no ledger in \"{}\"", .0.display())]
    Missing(PathBuf),
    /// A ledger is there already.
    #[error("there is a ledger in \"{}\" already", .0.display())]
    Exists(PathBuf),
    /// Another process has it open.
    #[error("another process has the ledger in \"{}\" open", .0.display())]
    InUse(PathBuf),
    /// A restore was cut short.
    #[error("the restore into \"{}\" is not finished", .0.display())]
    Unrestored(PathBuf),
    /// Another version wrote it.
    #[error("the data directory \"{}\" has another format", .0.display())]
    Format(PathBuf),
    /// What says which ledger it is was altered or cut.
    #[error("\"{}\" is not as it was written", .0.display())]
    Identity(PathBuf),
    /// The signing key is missing or is not this ledger's.
    #[error("the signing key in \"{}\" is missing or belongs to another ledger", .0.display())]
    SigningKey(PathBuf),
    /// The origin cannot name a log.
    #[error("\"{0}\" cannot be an origin: use a schema-less URL without spaces or plus signs")]
    Origin(String),
    /// Entries that were acknowledged are missing or changed (`E_INTEGRITY`).
    #[error("acknowledged entries are missing or altered: {0}")]
    Integrity(String),
    /// An entry cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
    /// The journal does not open.
    #[error("the journal does not open")]
    Journal(#[source] journal::OpenError),
    /// The store does not open, nor can it be rebuilt.
    #[error("the store does not open")]
    Store(#[from] store::OpenError),
    /// What the journal holds cannot be taken into the store.
    #[error("the store cannot be filled from the journal")]
    Follow(#[from] FollowError),
    /// The key ring does not open.
    #[error("the key ring does not open")]
    Ring(#[from] seal::ring::OpenError),
    /// There are entries and no key ring.
    #[error("the key ring is missing: \"{}\"", .0.display())]
    RingMissing(PathBuf),
    /// The key ring is older than the ledger.
    #[error("the key ring is older than the ledger: {0}")]
    RingBehind(Behind),
    /// The access policies do not parse.
    #[error("the access policies do not parse")]
    Policies(#[from] crate::access::decide::ParsePoliciesError),
    /// A file cannot be read or written.
    #[error("\"{}\" cannot be read or written", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// What shows that a key ring is older than its ledger: it was brought back from before, or went on elsewhere since.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Behind {
    /// It gave out fewer keys than were counted when the last checkpoint was signed.
    #[error("it gave out {given} keys, {known} are known")]
    Fewer {
        /// How many it gave out.
        given: u64,
        /// How many were counted.
        known: u64,
    },
    /// It never had a key that an entry needs.
    #[error("it lacks a key of entry {index}")]
    Lacks {
        /// The first such entry.
        index: u64,
    },
    /// It gave a key that an entry needs to somebody else.
    #[error("it gave a key of entry {index} to somebody else")]
    Strayed {
        /// The first such entry.
        index: u64,
    },
    /// It still has keys that were destroyed.
    #[error("it holds keys of \"{person}\", who is erased")]
    Holds {
        /// Whose.
        person: String,
    },
}

impl OpenError {
    /// Says why the ring did not take over what an entry is sealed with.
    fn adopting(index: u64, error: seal::ring::AdoptError) -> Self {
        match error {
            seal::ring::AdoptError::Unknown { .. } => Self::RingBehind(Behind::Lacks { index }),
            seal::ring::AdoptError::OtherHolder { .. } => Self::RingBehind(Behind::Strayed { index }),
            seal::ring::AdoptError::Write(error) => Self::Ring(error.into()),
        }
    }

    /// Tells whether acknowledged data are missing or damaged.
    pub fn integrity(&self) -> bool {
        matches!(
            self,
            Self::Integrity(_)
                | Self::Identity(_)
                | Self::Fold(_)
                | Self::Journal(journal::OpenError::Damaged(_) | journal::OpenError::BehindCheckpoint { .. })
        )
    }
}

impl Ledger {
    /// Makes the directories and keys of a new ledger; [`Ledger::open`] then opens it, empty.
    ///
    /// # Errors
    /// A ledger is there already, the origin is no origin, or a file cannot be written.
    pub fn create(home: &Home, origin: &str, source: &dyn Source) -> Result<(), OpenError> {
        if origin.is_empty()
            || origin.len() > 200
            || origin.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
        {
            return Err(OpenError::Origin(origin.into()));
        }
        let path = home.data.join(IDENTITY);
        if path.exists() || home.data.join("journal").exists() {
            return Err(OpenError::Exists(home.data.clone()));
        }
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| OpenError::Io { path, source }
        };
        fs::create_dir_all(&home.data).map_err(failed(&home.data))?;
        // Nobody but the owner so much as lists the keys.
        let mut private = DirBuilder::new();
        private.recursive(true).mode(0o700).create(&home.keys).map_err(failed(&home.keys))?;
        let key_path = home.keys.join(SIGNING_KEY);
        let mut secret = [0; 32];
        source.fill(&mut secret);
        let signing = SigningKey::from_bytes(&secret);
        write_new(&key_path, &secret).map_err(failed(&key_path))?;
        let vkey = crate::proof::checkpoint::vkey(origin, &signing.verifying_key());
        let identity = Identity { format: FORMAT, origin: origin.into(), vkey };
        let text = serde_json::to_string_pretty(&identity).map_err(io::Error::other).map_err(failed(&path))?;
        write_new(&path, text.as_bytes()).map_err(failed(&path))?;
        File::open(&home.data).and_then(|directory| directory.sync_all()).map_err(failed(&home.data))
    }

    /// Opens a ledger: checks what is on disk, recovers what a crash left, starts the writer.
    ///
    /// # Errors
    /// See [`OpenError`]; what is damaged is left as it was found.
    pub fn open(home: &Home, options: Options) -> Result<Self, OpenError> {
        let failed = |path: PathBuf| move |source| OpenError::Io { path, source };
        let identity = Identity::read(&home.data)?;
        let lock = lock(&home.data)?;
        if restore::unfinished(&home.data) {
            return Err(OpenError::Unrestored(home.data.clone()));
        }
        let read_only = restore::read_only(&home.data).map_err(failed(home.data.clone()))?;
        let signing = read_signing_key(&home.keys, &identity.origin, &identity.vkey)?;
        let vkey = identity.key();
        let policies = Policies::builtin()?;

        let last = snapshot::read_checkpoint(&home.data, &vkey).map_err(failed(home.data.clone()))?;
        let (last, turn) = last.map_or((None, 0), |(last, turn)| (Some(last), turn));
        let snapshot = snapshot::read(home, &vkey).map_err(failed(home.data.clone()))?;
        if last.is_none() && snapshot.is_some() {
            return Err(OpenError::Integrity("the signed checkpoints are missing".into()));
        }
        let (state, growth) = snapshot.unwrap_or_default();
        let covered = last.as_ref().map_or(0, |last| last.checkpoint.size).max(state.size);
        let directory = home.data.join("journal");
        let opened = (options.journal)(&directory, covered).map_err(OpenError::Journal)?;
        if let Some(cut) = &opened.opened.cut {
            tracing::warn!(
                file = cut.file,
                bytes = cut.bytes,
                "an incomplete last block was cut off; nobody had been told of it"
            );
        }
        let begun = opened.journal;
        let head = begun.head();

        let mut entropy = |bytes: &mut [u8]| options.source.fill(bytes);
        let ring_home = seal::ring::Home { data_dir: &home.data, keys_dir: &home.keys, origin: &identity.origin };
        // A new ring would hold none of the keys that the entries were sealed with.
        let ring_path = ring_home.ring();
        if head.next_index > 0 && !ring_path.try_exists().map_err(failed(ring_path.clone()))? {
            return Err(OpenError::RingMissing(ring_path));
        }
        let ring = Ring::open(ring_home, &mut entropy)?;
        let (given, known) = (ring.assigned(), last.as_ref().map_or(0, |last| last.assigned));
        if given < known {
            return Err(OpenError::RingBehind(Behind::Fewer { given, known }));
        }

        let files = Files::open(&home.data).map_err(failed(home.data.join("documents")))?;
        let store = open_store(&home.data.join("store"), options.cache_bytes, head.next_index)?;
        let stored = store.len();
        let (jobs, job_receiver) = channel();
        let (blocks, block_receiver) = channel();
        let signed = last.unwrap_or_else(|| Signed {
            checkpoint: Checkpoint {
                origin: identity.origin.clone(),
                size: 0,
                root: crate::proof::merkle::empty_root(),
            },
            note: String::new(),
            assigned: 0,
        });
        let elapsed = options.clock.elapsed();
        let shared = Arc::new(Shared {
            home: home.clone(),
            origin: identity.origin,
            vkey,
            signing,
            policies,
            ring,
            source: options.source,
            clock: options.clock,
            published: ArcSwap::from_pointee(State::default()),
            shelf: Shelf::new(store, head.next_index),
            recent: Recent::from(head.next_index),
            jobs,
            journal: begun.reader(),
            growth: RwLock::new(growth),
            signed: RwLock::new(signed),
            documents: Documents::of(files),
            turn: AtomicU64::new(turn),
            unwritable: AtomicBool::new(false),
            read_only,
            broken: OnceLock::new(),
            hurry: AtomicBool::new(false),
            signal: Arc::default(),
            folds: Folds::default(),
            shown: Shown::default(),
            _lock: lock,
        });
        // Declared behind the lock that `shared` holds, so that a start that fails ends with the journal before anybody else may begin.
        let journal = begun;
        let snapshot_size = state.size;
        let state = shared.recover(state, stored)?;
        shared.load_register();
        shared.published.store(Arc::new(state.clone()));
        shared.check_findings()?;
        shared.check_erased(&state)?;
        shared.sweep_files().map_err(failed(home.data.join("documents")))?;
        shared.sign(shared.ring.flush().map_err(FollowError::from)?)?;

        let mut writer_id = [0; 16];
        shared.source.fill(&mut writer_id);
        let writer = Writer {
            shared: shared.clone(),
            encoder: Encoder::new()
                .map_err(|error| OpenError::Io { path: directory, source: io::Error::other(error) })?,
            seen: shared.clock.both(),
            state,
            jobs: job_receiver,
            blocks,
            append_took: Duration::ZERO,
            leapt: false,
            accepted: false,
            watch: obligation::Watch::default(),
            overdue: false,
            awaiting: Vec::new(),
            writer: writer_id,
            journal,
        };
        let follower = Follower {
            reader: writer.journal.reader(),
            next_block: head.next_block,
            snapshot_size,
            last_checkpoint: elapsed,
            shared: shared.clone(),
            blocks: block_receiver,
        };
        if let Some(recompressor) = opened.recompressor {
            let signal = shared.signal.clone();
            let run = move || follower::recompress(&signal, &recompressor);
            thread::Builder::new().name("recompressor".into()).spawn(run).map_err(failed(home.data.clone()))?;
        }
        shared.drop_unfinished_moments();
        let (erasing, keeping) = (shared.clone(), shared.clone());
        let threads = Threads {
            writer: spawn("writer", shared.clone(), move || writer.run()).map_err(failed(home.data.clone()))?,
            follower: spawn("follower", shared.clone(), move || follower.run()).map_err(failed(home.data.clone()))?,
            eraser: spawn("eraser", shared.clone(), move || erasure::run(&erasing, &erasing.signal))
                .map_err(failed(home.data.clone()))?,
            keeper: spawn("keeper", shared.clone(), move || keep_past(&keeping, &keeping.signal))
                .map_err(failed(home.data.clone()))?,
        };
        let ledger = Self { shared, threads: Arc::new(Mutex::new(Some(threads))) };
        Ok(ledger)
    }

    /// Enters the access policies this program came with, before they decide anything; founds nothing.
    ///
    /// # Errors
    /// The ledger cannot be written.
    pub async fn adopt_policies(&self) -> Result<(), crate::ledger::SubmitError> {
        let state = self.state();
        let hash = Hash(self.shared.policies.full_hash());
        // What may not be written is read under the policies it was left with; its readings are not entered, so there are none.
        if self.shared.read_only || !state.world.ledger.initialized {
            return Ok(());
        }
        // Deadlines are counted by what stands in the ledger: replayed by a later release they are the same.
        let mut events: Vec<(Event, Option<StreamName>)> =
            calendar::shipped(&state.world).into_iter().map(|event| (event, None)).collect();
        if state.world.policy.access == Some(hash) {
            return if events.is_empty() { Ok(()) } else { self.submit_system(events).await.map(drop) };
        }
        let count = i64::try_from(self.shared.policies.ids().count()).unwrap_or(0);
        let adopted = policy::AccessAdopted {
            policy_set: hash,
            policies: domain::catalog::Int(count),
            release: domain::catalog::Str(env!("CARGO_PKG_VERSION").into()),
        };
        let event: policy::Event = adopted.into();
        events.insert(0, (Event::Policy(event), None));
        self.submit_system(events).await.map(drop)
    }
}

impl Shared {
    /// Folds what the journal holds beyond the snapshot, and brings store, tree and key ring up to it.
    fn recover(&self, mut state: State, stored: u64) -> Result<State, OpenError> {
        let covered = &self.checkpoint();
        // What was found broken may have been repaired: then the signed root must come from the bytes there are now.
        if !self.has_tiles() || self.findings()?.next().is_some() {
            self.shelf.store().drop_tiles().map_err(FollowError::from)?;
            *self.growth_mut() = Growth::new();
        }
        self.check_root(self.growth().size(), covered)?;
        // The store may lag behind the snapshot, the index behind the store: read from the first that does.
        self.reindex(stored)?;
        let from = state.size.min(stored).min(self.growth().size());
        let Some(first) = self.journal.block_at_index(from).map_err(FollowError::from)? else {
            self.ring.replayed();
            return Ok(state);
        };
        // Folding and taking over need nothing of each other and take equally long. Only what could be folded is taken over.
        thread::scope(|scope| {
            let (folded, frames) = sync_channel(FRAMES_WAITING);
            let taking = thread::Builder::new().name("recovery".into());
            // With the receiver the thread takes the end of the waiting with it, should it fail.
            let taking = taking.spawn_scoped(scope, move || self.take_frames(&frames, covered));
            let taking = taking.map_err(|source| OpenError::Io { path: self.home.data.clone(), source })?;
            let outcome = self.fold_frames(first.header().number, &mut state, covered, folded);
            match taking.join() {
                Ok(taken) => taken.and(outcome),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        self.ring.replayed();
        Ok(state)
    }

    /// Checks that the ring holds no key of what the ledger says is erased: one that does was brought back from before.
    fn check_erased(&self, state: &State) -> Result<(), OpenError> {
        let privacy = &state.world.privacy;
        let done = privacy.erased.iter().filter(|(person, _)| !privacy.erasing.contains_key(*person));
        for (person, scope) in done {
            if erasure::purposes(*scope).iter().any(|purpose| self.ring.holds(&person_holder(person), *purpose)) {
                return Err(OpenError::RingBehind(Behind::Holds { person: person.to_string() }));
            }
        }
        Ok(())
    }

    /// Tells whether the store has the full tiles of the tree; one that was wiped or lost its end lacks the last.
    ///
    /// Without them the tree must grow again from its first leaf, which reads the whole journal.
    fn has_tiles(&self) -> bool {
        let growth = self.growth();
        let has = |level, tile| matches!(self.shelf.store().tile(level, tile), Ok(Some(_)));
        (0..growth.levels()).all(|level| growth.full_tiles(level).checked_sub(1).is_none_or(|last| has(level, last)))
    }

    /// Folds the journal's entries from a block on, and hands on each block.
    fn fold_frames(
        &self,
        from_block: u64,
        state: &mut State,
        covered: &Checkpoint,
        folded: SyncSender<Step>,
    ) -> Result<(), OpenError> {
        for frame in self.journal.read(from_block) {
            let frame = frame.map_err(FollowError::from)?;
            let first = frame.header().first_index;
            let past = |part: &Part, end| self.past_with(part, first, &frame, end);
            if frame.entries().any(|bytes| Entry::kind_of(bytes).is_some_and(record::is_amendment)) {
                // What a correction is about is read from the store, which must have all that came before.
                let (tell, told) = sync_channel(1);
                if folded.send(Step::Tell(tell)).is_err() || told.recv().is_err() {
                    break;
                }
            }
            for (index, bytes) in (first..).zip(frame.entries()) {
                if index == state.size {
                    let entry = state.fold(bytes, &self.origin, &past)?;
                    if index >= covered.size {
                        self.adopt(&entry).map_err(|error| OpenError::adopting(index, error))?;
                    }
                }
            }
            // Whoever takes over has failed, and says why.
            if folded.send(Step::Take(frame)).is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Reads the first `end` entries of a part: those before a block from the store, those in it from the block.
    fn past_with(&self, part: &Part, first: u64, frame: &Frame, end: u64) -> Option<Vec<Lived>> {
        let mut past = self.past(part, first.min(end)).ok()?;
        for (index, bytes) in (first..end).zip(frame.entries()) {
            let entry = Entry::decode(bytes).ok()?;
            if belongs(&entry, part) {
                past.push(Lived::of(index, &entry)?);
            }
        }
        Some(past)
    }

    /// Takes blocks over into store and tree, and compares the root at the size the checkpoint speaks of.
    fn take_frames(&self, steps: &Receiver<Step>, covered: &Checkpoint) -> Result<(), OpenError> {
        let mut growth_size = self.growth().size();
        for step in steps {
            let frame = match step {
                Step::Take(frame) => frame,
                Step::Tell(tell) => {
                    // Whoever waits for it may have given up, and says why.
                    if tell.send(()).is_err() {
                        break;
                    }
                    continue;
                }
            };
            self.take_frame(&frame)?;
            // The root must be looked at exactly when the tree has the size the checkpoint speaks of.
            if growth_size < covered.size && self.growth().size() >= covered.size {
                self.check_root_at(covered)?;
            }
            growth_size = self.growth().size();
        }
        Ok(())
    }

    fn check_root(&self, size: u64, covered: &Checkpoint) -> Result<(), OpenError> {
        if size == covered.size && size > 0 && self.growth().root() != covered.root {
            return Err(OpenError::Integrity(format!("the tree of {size} entries has another root than was signed")));
        }
        Ok(())
    }

    fn check_root_at(&self, covered: &Checkpoint) -> Result<(), OpenError> {
        let growth = self.growth();
        let root = tile::root_at(covered.size, &growth, self.shelf.store())
            .map_err(|error| OpenError::Integrity(error.to_string()))?;
        if root == covered.root {
            return Ok(());
        }
        // The next start must not take these tiles for the tree that was signed.
        self.shelf.store().drop_tiles().map_err(FollowError::from)?;
        Err(OpenError::Integrity(format!("the tree of {} entries has another root than was signed", covered.size)))
    }

    /// Supplies the terms of entries the store has but a crash made its index forget.
    fn reindex(&self, stored: u64) -> Result<(), OpenError> {
        let store = self.shelf.store();
        let mut index = store.indexed_len();
        while index < stored {
            let end = (index + 256).min(stored);
            let mut found = Vec::new();
            for next in index..end {
                let bytes = store.entry(next).ok().flatten().ok_or(FollowError::Entry)?;
                let entry = Entry::decode(&bytes).map_err(|_| FollowError::Entry)?;
                found.push(Keys::of(&entry));
            }
            let items: Vec<_> = found.iter().map(|keys| keys.item(&[])).collect();
            store.reindex(index, &items).map_err(FollowError::from)?;
            index = end;
        }
        Ok(())
    }
}

/// What is handed from the thread that folds at a start to the one that takes over.
enum Step {
    /// A block that could be folded.
    Take(Frame),
    /// Say when everything before has been taken over.
    Tell(SyncSender<()>),
}

impl Tiles for Store {
    type Error = ReadError;

    fn full(&self, level: u8, n: u64) -> Result<Option<Vec<crate::proof::merkle::Hash>>, ReadError> {
        Ok(self.tile(level, n)?.and_then(|bytes| tile::decode(&bytes)))
    }
}

/// Opens the store; what is damaged or of another format is wiped and filled again.
fn open_store(directory: &Path, cache_bytes: u64, journal_len: u64) -> Result<Store, OpenError> {
    let options = store::Options { cache_bytes, ..store::Options::default() };
    let wipe = || Store::wipe(directory).map_err(|source| OpenError::Io { path: directory.to_owned(), source });
    match Store::open(directory, options) {
        Ok(store) if store.len() <= journal_len => return Ok(store),
        // The store only follows: what it has more of than the journal was acknowledged, and may stand nowhere else.
        Ok(store) => {
            let (stored, journal) = (store.len(), journal_len);
            let missing = format!("the journal holds {journal} entries, the store {stored}");
            return Err(OpenError::Integrity(missing));
        }
        Err(error @ (store::OpenError::Damaged { .. } | store::OpenError::Format { .. })) => {
            tracing::warn!(%error, "the store is filled again from the journal");
        }
        Err(error) => return Err(error.into()),
    }
    wipe()?;
    Ok(Store::open(directory, options)?)
}

impl Identity {
    /// Reads which ledger a data directory holds.
    pub(super) fn read(data: &Path) -> Result<Self, OpenError> {
        let path = data.join(IDENTITY);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(OpenError::Missing(data.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(OpenError::Identity(path)),
            Err(source) => return Err(OpenError::Io { path, source }),
        };
        let damaged = || OpenError::Identity(path.clone());
        let said: serde_json::Value = serde_json::from_str(&text).map_err(|_| damaged())?;
        match said.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            Some(_) => return Err(OpenError::Format(data.to_owned())),
            None => return Err(damaged()),
        }
        let identity: Self = serde_json::from_value(said).map_err(|_| damaged())?;
        // The key bears the ledger's name.
        match Vkey::parse(&identity.vkey) {
            Ok(vkey) if vkey.name() == identity.origin => Ok(identity),
            Ok(_) | Err(_) => Err(damaged()),
        }
    }

    /// The key the ledger signs with.
    pub(super) fn key(&self) -> Vkey {
        Vkey::parse(&self.vkey).expect("it was parsed when it was read")
    }
}

/// Reads the key that signs a ledger's checkpoints.
pub(super) fn read_signing_key(keys: &Path, origin: &str, vkey: &str) -> Result<SigningKey, OpenError> {
    let path = keys.join(SIGNING_KEY);
    let wrong = || OpenError::SigningKey(keys.to_owned());
    let secret = fs::read(&path).map_err(|_| wrong())?;
    let secret: [u8; 32] = secret.try_into().map_err(|_| wrong())?;
    let signing = SigningKey::from_bytes(&secret);
    if crate::proof::checkpoint::vkey(origin, &signing.verifying_key()) != vkey {
        return Err(wrong());
    }
    Ok(signing)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// One process per directory: the lock goes with the process.
pub(super) fn lock(data: &Path) -> Result<File, OpenError> {
    let path = data.join("lock");
    let failed = |source| OpenError::Io { path: path.clone(), source };
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
    let mut waited = Duration::ZERO;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // Whoever was just killed may still be ending, and a child process keeps its parent's locks until it executes.
            Err(fs::TryLockError::WouldBlock) if waited < LOCK_WAIT => {
                thread::park_timeout(LOCK_LOOK);
                waited += LOCK_LOOK;
            }
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::InUse(data.to_owned())),
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
    }
}

/// How long a start waits for another process to let go of the directory, and how often it looks.
const LOCK_WAIT: Duration = Duration::from_millis(500);
const LOCK_LOOK: Duration = Duration::from_millis(20);

/// Runs a thread whose panic stops the ledger: a writer that is gone must not look alive.
fn spawn(name: &str, shared: Arc<Shared>, run: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.into()).spawn(move || {
        let _guard = Guard(shared);
        run();
    })
}

struct Guard(Arc<Shared>);

impl Drop for Guard {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.fail();
        }
    }
}
