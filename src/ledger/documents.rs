//! Files that come with proposals and go with readings.
//!
//! A file that comes is sealed while it streams, kept before the entry that announces it, and gone again where that is refused. One that goes
//! is hashed before its reading is entered, and again while it leaves.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::access::principal::Principal;
use crate::access::redactor::{self, MISSING, UNREADABLE};
use crate::domain::class::Class;
use crate::domain::document::{self, Attached, FILE_BYTES_MAX, Filed, Label, MAGIC_BYTES, Mime, Received};
use crate::domain::{self, Event, Refusal, privacy};
use crate::entry::{Entry, Hash};
use crate::files::{Files, Found, Incoming};
use crate::ids::{EntryId, SubjectId};
use crate::ledger::claims::term;
use crate::ledger::door::{Outcome, Stop, decode, holder, named_subject};
use crate::ledger::proposal::Proposal;
use crate::ledger::tail::file_term;
use crate::ledger::{Ledger, Shared, SubmitError, ViewError};
use crate::seal::file::{CHUNK_BYTES, HEAD_BYTES, NONCE_BYTES, TAG_BYTES, sealed_bytes};
use crate::seal::ring::{KeyError, Purpose, RingError};
use crate::seal::{Chunk, FileSeal, Place, file_key_id};
use crate::store::Direction;

/// The files of an open ledger, and which are on their way into it.
#[derive(Debug)]
pub(super) struct Documents {
    files: Files,
    /// How many proposals under way bring a file of this hash.
    coming: Mutex<BTreeMap<Hash, usize>>,
    /// Turns to bring a file: each may take a disk's room before anything is decided.
    turns: Arc<Semaphore>,
}

impl Documents {
    /// Opens the files of a data directory.
    pub(super) fn of(files: Files) -> Self {
        Self { files, coming: Mutex::default(), turns: Arc::new(Semaphore::new(UPLOADS_MAX)) }
    }

    fn coming(&self) -> MutexGuard<'_, BTreeMap<Hash, usize>> {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that came whole, waiting to be proposed; it goes away when nobody proposes it.
#[derive(Clone)]
pub struct Came(Option<Arc<Waiting>>);

pub(super) struct Waiting {
    received: Received,
    incoming: Mutex<Option<Incoming>>,
}

impl Came {
    /// Is still on its way.
    fn coming() -> Self {
        Self(None)
    }

    /// Returns what is known of the file, if it has come.
    pub fn received(&self) -> Option<&Received> {
        self.0.as_ref().map(|waiting| &waiting.received)
    }

    /// Returns what a decision is to know of the file.
    pub(super) fn attached(&self) -> Attached {
        self.received().map_or(Attached::Coming, |received| Attached::Came(received.clone()))
    }
}

impl fmt::Debug for Came {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Came").field(&self.received().map(|received| received.stored)).finish()
    }
}

/// A file on its way in: nothing of it is on disk in clear where it shows persons.
pub struct Upload {
    _turn: OwnedSemaphorePermit,
    incoming: Incoming,
    seal: Option<FileSeal>,
    /// What is not written yet: the last chunk is sealed otherwise than those before it.
    buffer: Zeroizing<Vec<u8>>,
    first: Vec<u8>,
    label: Label,
    content: blake3::Hasher,
    size: u64,
}

impl Upload {
    /// Notes what the file is called and sent as by the form it comes in, before its first bytes are taken.
    pub fn labelled(&mut self, name: Option<&str>, media_type: Option<&str>) {
        self.label.names.extend(name.map(str::to_owned));
        self.label.media_type = media_type.map(str::to_owned);
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// The file is of a kind that is not accepted, is not what it says or has too many bytes; or the disk does not take it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SubmitError> {
        self.size = self.size.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if self.size > FILE_BYTES_MAX {
            return Err(refused(document::Refusal::FileTooLarge { mebibytes: FILE_BYTES_MAX >> 20 }));
        }
        if self.first.len() < MAGIC_BYTES {
            self.first.extend(bytes.iter().take(MAGIC_BYTES - self.first.len()));
            // Whoever sends what is not accepted is told before the rest of it has come.
            if self.first.len() == MAGIC_BYTES {
                self.recognize()?;
            }
        }
        self.content.update(bytes);
        for part in bytes.chunks(CHUNK_BYTES) {
            self.buffer.extend_from_slice(part);
            if self.buffer.len() > CHUNK_BYTES {
                let rest = self.buffer.split_off(CHUNK_BYTES);
                let full = std::mem::replace(&mut self.buffer, Zeroizing::new(rest));
                self.put(full, Chunk::More)?;
            }
        }
        Ok(())
    }

    /// Finds out what the file is, if that is accepted and what it says it is.
    fn recognize(&self) -> Result<Mime, SubmitError> {
        let mime = Mime::of(&self.first).ok_or_else(|| refused(document::Refusal::NotAccepted))?;
        mime.check(&self.label).map_err(refused)?;
        Ok(mime)
    }

    fn put(&mut self, mut bytes: Zeroizing<Vec<u8>>, chunk: Chunk) -> Result<(), SubmitError> {
        if let Some(seal) = &mut self.seal {
            seal.seal_chunk(&mut bytes, chunk);
        }
        self.incoming.write(&bytes).map_err(failed)
    }

    /// Ends the file.
    ///
    /// # Errors
    /// It is empty, of a kind that is not accepted or not what it says; or the disk does not take it.
    pub fn finish(mut self) -> Result<Came, SubmitError> {
        if self.size == 0 {
            return Err(refused(document::Refusal::EmptyFile));
        }
        let mime = self.recognize()?;
        let last = std::mem::take(&mut self.buffer);
        self.put(last, Chunk::Last)?;
        let content = Hash(*self.content.finalize().as_bytes());
        let received = Received { content, stored: self.incoming.hash(), mime, size: self.size };
        Ok(Came(Some(Arc::new(Waiting { received, incoming: Mutex::new(Some(self.incoming)) }))))
    }
}

impl Ledger {
    /// Makes ready for the file of a document that somebody is about to propose, if they may propose it; enters nothing.
    ///
    /// The proposal gets its id here if it has none: the file is sealed for the entry of that id.
    ///
    /// # Errors
    /// The refusal the proposal would meet, as far as it can be told without the file; or nothing can be taken in.
    pub async fn receive(&self, principal: &Principal, proposal: &mut Proposal) -> Result<Upload, SubmitError> {
        let shared = &self.shared;
        shared.check_writable()?;
        if proposal.kind != "document.filed" {
            return Err(refused(Refusal::field("type", "must be document.filed", "须为document.filed")));
        }
        if proposal.id.is_none() {
            proposal.id = Some(shared.source.entry_id(shared.clock.now()).to_string());
        }
        let state = shared.state();
        proposal.file = Some(Came::coming());
        let prepared = shared.prepare(principal, &state, &state, proposal);
        proposal.file = None;
        if let Outcome::Refused(denied) = prepared? {
            return match self.refuse(0, denied, proposal).await {
                Err(error) => Err(error),
                Ok(_) => Err(SubmitError::NotFound),
            };
        }
        match shared.begin_upload(&state.world, proposal) {
            Ok(upload) => Ok(upload),
            Err(Stop::Refused(denied)) => Err(SubmitError::Refused { at: 0, refusal: denied.refusal }),
            Err(Stop::Failed(error)) => Err(error),
        }
    }
}

impl Shared {
    fn begin_upload(&self, world: &domain::World, proposal: &Proposal) -> Result<Upload, Stop> {
        let turn = self.documents.turns.clone().try_acquire_owned().map_err(|_| SubmitError::Busy)?;
        let (kind, id) = self.kind_and_id(proposal)?;
        let Event::Document(document::Event::Filed(filed)) = decode(kind, &proposal.data)? else {
            return Err(SubmitError::NotFound.into());
        };
        let name = {
            let mut random = [0; 16];
            self.source.fill(&mut random);
            Hash::of(&random).to_string()
        };
        let mut incoming = self.documents.files.begin(&name).map_err(failed)?;
        let mut seal = None;
        if filed.sealed() {
            let event = Event::Document(document::Event::Filed(filed.clone()));
            let about = domain::about(world, &event, named_subject(proposal)?.as_ref())?;
            let purpose = purpose(&filed);
            let key =
                self.ring.key_for(&holder(&about, &id, &proposal.data), purpose, &mut |bytes| self.source.fill(bytes));
            let key = key.map_err(|error| match error {
                RingError::Erased { .. } => Stop::from(Refusal::from(privacy::Refusal::Gone)),
                _ => SubmitError::Store.into(),
            })?;
            let mut nonce = [0; NONCE_BYTES];
            self.source.fill(&mut nonce);
            let (begun, head) = FileSeal::begin(&key, nonce, &self.place_of(&id));
            incoming.write(&head).map_err(failed)?;
            seal = Some(begun);
        }
        let buffer = Zeroizing::new(Vec::with_capacity(2 * CHUNK_BYTES + TAG_BYTES));
        let named = proposal.data.pointer("/file/name").and_then(Value::as_str);
        let label = Label { media_type: None, names: named.map(str::to_owned).into_iter().collect() };
        let content = blake3::Hasher::new();
        Ok(Upload { _turn: turn, incoming, seal, buffer, first: Vec::new(), label, content, size: 0 })
    }

    fn place_of<'a>(&'a self, id: &'a EntryId) -> Place<'a> {
        Place { source: &self.origin, id: id.as_str(), kind: "document.filed", pointer: "/data/file" }
    }

    /// Keeps the files of proposals before they are decided on.
    pub(super) fn keep_files(&self, proposals: &[Proposal]) -> Result<Kept<'_>, SubmitError> {
        let mut kept = Kept { shared: self, hashes: Vec::new() };
        for waiting in proposals.iter().filter_map(|proposal| proposal.file.as_ref()?.0.as_ref()) {
            let hash = waiting.received.stored;
            // Whoever takes the same bytes back does so under this lock, and not while they are coming again.
            let mut coming = self.documents.coming();
            *coming.entry(hash).or_default() += 1;
            kept.hashes.push(hash);
            let incoming = waiting.incoming.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(incoming) = incoming {
                self.documents.files.keep(incoming).map_err(failed)?;
            }
        }
        Ok(kept)
    }

    /// Tells whether an entry announces a file.
    fn announced(&self, hash: &Hash) -> bool {
        let found = self.shelf.postings(file_term(&hash.to_string()), 0, u64::MAX, Direction::Ascending, 1);
        // What cannot be looked up is left alone.
        found.is_ok_and(|found| !found.is_empty()) || self.check_writable().is_err()
    }

    /// Removes the files that no entry announces: a crash came between file and entry.
    pub(super) fn sweep_files(&self) -> io::Result<()> {
        for (hash, _) in self.documents.files.list()? {
            if !self.announced(&hash) {
                tracing::warn!(%hash, "a file that no entry announces was removed");
                self.documents.files.remove(&hash)?;
            }
        }
        Ok(())
    }

    /// Finds the entry that filed a document.
    pub(super) fn find_document(&self, id: &str) -> Result<Option<(u64, Entry, Filed)>, SubmitError> {
        for space in ["document_id", "id"] {
            let found = self.recent.look_up(self.shelf.store(), term(space, id)).map_err(|_| SubmitError::Store)?;
            let Some(index) = found.0 else { continue };
            let Some(entry) = self.entry(index).map_err(|_| SubmitError::Store)? else { continue };
            if let Some(Ok(Event::Document(document::Event::Filed(filed)))) = Event::decode(&entry.kind, &entry.data)
                && filed.document_id.as_ref().is_some_and(|document| document.as_str() == id)
            {
                return Ok(Some((index, entry, filed)));
            }
        }
        Ok(None)
    }

    /// Says what stands for the content of a document whose file is not there, or not as long as it was stored. Whether its bytes are
    /// those that were filed is found out when it leaves, and by a verification.
    pub(super) fn file_amiss(&self, filed: &Filed) -> Option<&'static str> {
        let file = filed.file.as_ref()?;
        let (hash, content) = (file.hash?, u64::try_from(file.size?.0).ok()?);
        let stored = if filed.sealed() { sealed_bytes(content) } else { content };
        match self.documents.files.stands(&hash, stored) {
            Ok(true) => None,
            Ok(false) => Some(MISSING),
            Err(error) => {
                tracing::error!(%error, %hash, "a file cannot be looked at");
                Some(UNREADABLE)
            }
        }
    }

    /// Opens the file of a document, every byte hashed.
    pub(super) fn open_document(&self, id: &EntryId, filed: &Filed) -> Result<Opened, ViewError> {
        let (Some(document), Some(blob)) = (&filed.document_id, &filed.file) else { return Err(ViewError::Store) };
        let (Some(hash), Some(mime), Some(size)) = (blob.hash, blob.mime, blob.size) else {
            return Err(ViewError::Store);
        };
        let amiss = |found| ViewError::Content { document: document.clone(), hash, found };
        let unreadable = |error: io::Error| {
            tracing::error!(%error, %hash, "a file cannot be read");
            ViewError::Store
        };
        match self.documents.files.check(&hash).map_err(unreadable)? {
            Found::Whole => {}
            found @ (Found::Missing | Found::Altered) => {
                tracing::error!(%document, %hash, ?found, "content missing");
                return Err(amiss(found));
            }
        }
        let mut file = self.documents.files.read(&hash).map_err(unreadable)?.ok_or_else(|| amiss(Found::Missing))?;
        let mut left = file.metadata().map_err(unreadable)?.len();
        let mut hasher = blake3::Hasher::new();
        let mut seal = None;
        if filed.sealed() {
            let mut head = [0; HEAD_BYTES];
            file.read_exact(&mut head).map_err(unreadable)?;
            hasher.update(&head);
            left = left.saturating_sub(u64::try_from(HEAD_BYTES).unwrap_or(0));
            let key_id = file_key_id(&head).ok_or_else(|| amiss(Found::Altered))?;
            let key = self.ring.key(key_id).map_err(|error| match error {
                KeyError::Destroyed => ViewError::Refused(privacy::Refusal::Gone.into()),
                KeyError::Unknown { .. } => {
                    tracing::error!(%error, %hash, "a file cannot be opened");
                    ViewError::Store
                }
            })?;
            seal = Some(FileSeal::open(&key, &head, &self.place_of(id)).map_err(|_| amiss(Found::Altered))?);
        }
        let name = blob.name.as_ref().map(|name| name.text().to_owned()).unwrap_or_default();
        let name = match self.open_seal(&name, id, "document.filed", "/data/file/name") {
            redactor::Opened::Value(Value::String(name)) => name,
            redactor::Opened::Value(_) | redactor::Opened::Erased | redactor::Opened::Unreadable => {
                document.to_string()
            }
        };
        let size = u64::try_from(size.0).unwrap_or(0);
        Ok(Opened { name, mime, size, hash, file, seal, left, hasher })
    }

    /// Tells whether a file that came again has what the document of an entry has in its file.
    pub(super) fn same_content(&self, came: &Received, id: &EntryId, filed: &Filed) -> bool {
        let Ok(mut opened) = self.open_document(id, filed) else { return false };
        let mut content = blake3::Hasher::new();
        loop {
            match opened.next_chunk() {
                Ok(Some(chunk)) => content.update(&chunk),
                Ok(None) => break,
                Err(_) => return false,
            };
        }
        content.finalize().as_bytes() == &came.content.0
    }
}

/// The purpose of the key under which a document and what is said of it are sealed.
pub(super) fn purpose(filed: &Filed) -> Purpose {
    if filed.class.class() == Class::C5 { Purpose::Private } else { Purpose::Identity }
}

/// Files kept for proposals that are being decided on.
pub(super) struct Kept<'a> {
    shared: &'a Shared,
    hashes: Vec<Hash>,
}

impl Kept<'_> {
    /// Takes back the files that no entry announces now that it is decided.
    pub(super) fn settle(self) {
        for hash in &self.hashes {
            let coming = self.shared.documents.coming();
            let alone = coming.get(hash).is_none_or(|count| *count <= 1);
            if alone && !self.shared.announced(hash) {
                // One that stays is removed at the next start.
                if let Err(error) = self.shared.documents.files.remove(hash) {
                    tracing::warn!(%error, %hash, "a file whose entry was refused was not removed");
                }
            }
        }
    }
}

/// Where nobody waits for the decision any more the files stay: they may be announced yet, and else the next start removes them.
impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let mut coming = self.shared.documents.coming();
        for hash in &self.hashes {
            if let Some(count) = coming.get_mut(hash) {
                *count -= 1;
                if *count == 0 {
                    coming.remove(hash);
                }
            }
        }
    }
}

/// A file that may leave: its reading is durable when a door has it.
pub struct Opened {
    /// Its name.
    pub name: String,
    /// What it is.
    pub mime: Mime,
    /// How many bytes it has.
    pub size: u64,
    hash: Hash,
    file: File,
    seal: Option<FileSeal>,
    /// Stored bytes not read yet.
    left: u64,
    hasher: blake3::Hasher,
}

impl fmt::Debug for Opened {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Opened({})", self.hash)
    }
}

impl Opened {
    /// Returns the next bytes of the content, or nothing at its end.
    ///
    /// # Errors
    /// The file cannot be read, or was altered since it was opened: its last bytes are not given out then.
    pub fn next_chunk(&mut self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        if self.left == 0 {
            return Ok(None);
        }
        let most = CHUNK_BYTES + if self.seal.is_some() { TAG_BYTES } else { 0 };
        let wanted = usize::try_from(self.left).map_or(most, |left| left.min(most));
        let mut bytes = vec![0; wanted];
        self.file.read_exact(&mut bytes)?;
        self.hasher.update(&bytes);
        self.left = self.left.saturating_sub(u64::try_from(wanted).unwrap_or(u64::MAX));
        let last = self.left == 0;
        if last && self.hasher.finalize().as_bytes() != &self.hash.0 {
            return Err(io::Error::other("the file was altered while it was read"));
        }
        match &mut self.seal {
            Some(seal) => {
                let opened = seal.open_chunk(bytes, if last { Chunk::Last } else { Chunk::More });
                opened.map(Some).map_err(io::Error::other)
            }
            None => Ok(Some(Zeroizing::new(bytes))),
        }
    }
}

/// A file a document entry announces, for whoever checks that it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Announced {
    pub(super) document: SubjectId,
    pub(super) hash: Hash,
}

impl Announced {
    /// Reads what an entry announces, if it announces a file.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        if Entry::kind_of(bytes) != Some("document.filed") {
            return None;
        }
        let entry = Entry::decode(bytes).ok()?;
        let Some(Ok(Event::Document(document::Event::Filed(filed)))) = Event::decode(&entry.kind, &entry.data) else {
            return None;
        };
        Some(Self { document: filed.document_id?, hash: filed.file?.hash? })
    }
}

/// How many files may be on their way at once, each of [`FILE_BYTES_MAX`] at most.
const UPLOADS_MAX: usize = 16;

fn refused(refusal: impl Into<Refusal>) -> SubmitError {
    SubmitError::Refused { at: 0, refusal: refusal.into() }
}

#[expect(clippy::needless_pass_by_value, reason = "handed to map_err")]
fn failed(error: io::Error) -> SubmitError {
    tracing::error!(%error, "a file cannot be taken in");
    SubmitError::Store
}
