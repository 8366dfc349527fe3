//! Verification: bytes hashed again, links followed, roots compared, and the first bad index named.

use std::path::Path;

use crate::domain::Verification;
use crate::domain::catalog::Int;
use crate::domain::ledger::Verdict;
use crate::entry::{Entry, Hash};
use crate::journal::{self, Flaw};
use crate::ledger::{Shared, SubmitError, snapshot};
use crate::proof::checkpoint::{Checkpoint, Vkey};
use crate::proof::merkle;
use crate::proof::tile::Growth;

/// What a whole data directory's verification found wrong.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The directory holds no ledger this program can read.
    #[error("there is no ledger of this format in the directory")]
    NoLedger,
    /// The bytes of the journal are not those written; the index is the first of an unreadable run.
    #[error("entry {index} is the first that is not as it was entered: {reason}")]
    Bytes {
        /// The first bad index.
        index: u64,
        /// What is wrong there.
        reason: String,
    },
    /// An entry does not link to the one before it in a stream.
    #[error("entry {index} does not link to the entry before it in stream \"{stream}\"")]
    Link {
        /// Its index.
        index: u64,
        /// The stream.
        stream: String,
    },
    /// The tree has another root than was signed.
    #[error("the first {size} entries have another root than was signed")]
    Root {
        /// The size signed.
        size: u64,
    },
    /// Entries a checkpoint covers are missing.
    #[error("the journal holds {found} entries, a signed checkpoint covers {size}")]
    Missing {
        /// The entries there are.
        found: u64,
        /// The entries there must be.
        size: u64,
    },
    /// A file cannot be read.
    #[error("a file cannot be read")]
    Io(#[source] std::io::Error),
}

/// What a sound directory holds.
#[derive(Clone, Debug)]
pub struct Sound {
    /// How many entries.
    pub entries: u64,
    /// The checkpoint they agree with.
    pub checkpoint: Option<Checkpoint>,
    /// The origin.
    pub origin: String,
}

/// Verifies a whole data directory while no process has it open.
///
/// `progress` hears how many entries are verified, now and then.
///
/// # Errors
/// What is broken first, in the order of the entries.
pub fn verify_data(data: &Path, mut progress: impl FnMut(u64)) -> Result<Sound, Broken> {
    let identity = std::fs::read_to_string(data.join("ledger.json")).map_err(|_| Broken::NoLedger)?;
    let identity: serde_json::Value = serde_json::from_str(&identity).map_err(|_| Broken::NoLedger)?;
    let text = |field: &str| identity.get(field).and_then(|value| value.as_str()).unwrap_or_default().to_owned();
    let vkey = Vkey::parse(&text("vkey")).map_err(|_| Broken::NoLedger)?;
    let signed = snapshot::read_checkpoint(data, &vkey).map_err(Broken::Io)?.map(|signed| signed.checkpoint);
    let covered = signed.as_ref().map_or(0, |signed| signed.size);

    let mut growth = Growth::new();
    let mut full = Vec::new();
    let mut links = Links::default();
    let mut broken = None;
    let mut root = None;
    let found = journal::verify(&data.join("journal"), 0, |frame| {
        for bytes in frame.entries() {
            let index = growth.size();
            if broken.is_none() {
                broken = links.check(index, bytes, &text("origin")).err();
            }
            growth.push(merkle::leaf_hash(bytes), &mut full);
            full.clear();
            if growth.size() == covered {
                root = Some(growth.root());
            }
        }
        progress(growth.size());
    });
    // Bytes come first: a damaged block ends the reading before anything later could be looked at.
    let damage = match found {
        Ok(_) => None,
        Err(journal::VerifyError::Damaged(damage)) => Some(damage),
        Err(journal::VerifyError::Io(error)) => return Err(Broken::Io(error)),
    };
    if let Some(broken) = broken {
        return Err(broken);
    }
    if let Some(damage) = damage {
        let torn = matches!(damage.flaw, Flaw::Block(_)) && damage.first_bad_index >= covered;
        if !torn {
            return Err(Broken::Bytes { index: damage.first_bad_index, reason: damage.flaw.to_string() });
        }
    }
    if growth.size() < covered {
        return Err(Broken::Missing { found: growth.size(), size: covered });
    }
    match (&signed, root) {
        (Some(signed), Some(root)) if signed.root != root => Err(Broken::Root { size: covered }),
        _ => Ok(Sound { entries: growth.size(), checkpoint: signed, origin: text("origin") }),
    }
}

/// The last hash of every stream, to check that each entry names the one before it.
#[derive(Default)]
struct Links {
    heads: std::collections::HashMap<String, (u64, Hash)>,
}

impl Links {
    fn check(&mut self, index: u64, bytes: &[u8], origin: &str) -> Result<(), Broken> {
        let bad = |reason: &str| Broken::Bytes { index, reason: reason.into() };
        let entry: Linked<'_> = serde_json::from_slice(bytes).map_err(|_| bad("it is not an entry"))?;
        if entry.source != origin {
            return Err(bad("it belongs to another ledger"));
        }
        let hash = Hash::of(bytes);
        for part in entry.streams.split(' ') {
            let unlinked = || Broken::Link { index, stream: part.split('@').next().unwrap_or_default().into() };
            let (name, rest) = part.split_once('@').ok_or_else(unlinked)?;
            let (version, previous) = rest.split_once(':').ok_or_else(unlinked)?;
            let version: u64 = version.parse().map_err(|_| unlinked())?;
            let expected = match self.heads.get(name) {
                Some((last, hash)) => (*last + 1, hash.to_string()),
                None => (1, "-".to_owned()),
            };
            if (version, previous) != (expected.0, expected.1.as_str()) {
                return Err(unlinked());
            }
            match self.heads.get_mut(name) {
                Some(head) => *head = (version, hash),
                None => drop(self.heads.insert(name.to_owned(), (version, hash))),
            }
        }
        Ok(())
    }
}

/// The attributes of an entry that its links need.
#[derive(serde::Deserialize)]
struct Linked<'a> {
    #[serde(borrow)]
    source: std::borrow::Cow<'a, str>,
    #[serde(borrow)]
    streams: std::borrow::Cow<'a, str>,
}

impl Shared {
    /// Verifies the entries `from..=to` against the journal and the tree, as `ledger.verified` reports.
    ///
    /// A broken ledger takes no more entries; what was found is kept outside it.
    pub(super) fn verify_range(&self, from: u64, to: u64) -> Result<Option<Verification>, SubmitError> {
        if from > to || to >= self.state().size {
            return Ok(None);
        }
        let mut head = None;
        let mut bad = None;
        let mut expected = from;
        let first = self.journal.block_at_index(from);
        match first {
            Ok(Some(first)) => {
                for frame in self.journal.read(first.header().number) {
                    let Ok(frame) = frame else {
                        bad = Some(expected);
                        break;
                    };
                    let start = frame.header().first_index;
                    for (index, bytes) in
                        (start..).zip(frame.entries()).filter(|(index, _)| (from..=to).contains(index))
                    {
                        if !self.leaf_agrees(index, bytes) {
                            bad = Some(index);
                            break;
                        }
                        head = Some(Hash::of(bytes));
                        expected = index + 1;
                    }
                    if bad.is_some() || frame.header().next_index() > to {
                        break;
                    }
                }
            }
            Ok(None) | Err(_) => bad = Some(from),
        }
        let position = |index: u64| Int(i64::try_from(index).unwrap_or(i64::MAX));
        let found = Verification {
            result: Some(if bad.is_some() { Verdict::Broken } else { Verdict::Intact }),
            first_bad: bad.map(position),
            head_hash: head,
        };
        if let Some(index) = bad {
            tracing::error!(index, "an entry is not as it was entered; writes stop");
            self.broken.store(true, std::sync::atomic::Ordering::SeqCst);
            self.keep_finding(from, to, index);
        }
        Ok(Some(found))
    }

    fn leaf_agrees(&self, index: u64, bytes: &[u8]) -> bool {
        let leaf = merkle::leaf_hash(bytes);
        let place = usize::try_from(index % 256).unwrap_or(0);
        let growth = self.growth();
        if index >= growth.size() {
            // Not in the tree yet: its place in the chain of blocks is all there is to check.
            return Entry::decode(bytes).is_ok();
        }
        let partial = growth.full_tiles(0) * 256;
        if index >= partial {
            return growth.partial(0).get(place) == Some(&leaf);
        }
        let tile = self.shelf.store().tile(0, index / 256).ok().flatten();
        let tile = tile.and_then(|bytes| crate::proof::tile::decode(&bytes));
        tile.is_some_and(|tile| tile.get(place) == Some(&leaf))
    }

    fn keep_finding(&self, from: u64, to: u64, index: u64) {
        let directory = self.home.data.join("forensic");
        let text = format!(
            "{{\"result\":\"broken\",\"from_position\":{from},\"to_position\":{to},\"first_bad\":{index},\"at\":\"{}\"}}\n",
            self.clock.now()
        );
        let kept = std::fs::create_dir_all(&directory)
            .and_then(|()| std::fs::write(directory.join(format!("verified-{index}.json")), text));
        if let Err(error) = kept {
            tracing::error!(%error, "the finding could not be kept");
        }
    }
}
