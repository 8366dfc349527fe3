//! Verification: bytes hashed and read again, their order checked, roots compared, and the first bad index named.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::hash::BuildHasherDefault;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::Verification;
use crate::domain::catalog::Int;
use crate::domain::ledger::Verdict;
use crate::entry::{Hash, WrittenLink};
use crate::files::{Files, Found};
use crate::ids::SubjectId;
use crate::journal;
use crate::ledger::claims::{Fingerprint, Spread};
use crate::ledger::documents::Announced;
use crate::ledger::hashing::{Stated, Unfit, hash_journal};
use crate::ledger::open::Identity;
use crate::ledger::{OpenError, Shared, SubmitError, snapshot};
use crate::proof::checkpoint::Checkpoint;
use crate::proof::merkle;
use crate::proof::tile::Growth;

/// What a whole data directory's verification found wrong.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The directory holds no ledger this program can read.
    #[error(transparent)]
    Identity(OpenError),
    /// A signed checkpoint is not as it was written.
    #[error("\"{slot}\" is not the checkpoint that was written there")]
    Altered {
        /// The file.
        slot: &'static str,
    },
    /// There are entries, and no signed checkpoint covers any of them.
    #[error("{found} entries are there and the signed checkpoints are missing")]
    Unsigned {
        /// The entries there are.
        found: u64,
    },
    /// The bytes of the journal are not those written; the index is the first of an unreadable run.
    #[error("entry {index} is the first that is not as it was entered: {reason}")]
    Bytes {
        /// The first bad index.
        index: u64,
        /// What is wrong there.
        reason: String,
    },
    /// An entry is written in another form than the one entries have.
    #[error("entry {index} is not in canonical form")]
    Form {
        /// Its index.
        index: u64,
    },
    /// An entry was not recorded after the one before it.
    #[error("entry {index} is recorded no later than the entry before it")]
    Time {
        /// Its index.
        index: u64,
    },
    /// An entry has the id of an earlier one.
    #[error("entry {index} has the id of an entry before it")]
    Id {
        /// Its index.
        index: u64,
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
    /// The file of a document is missing or was altered; the first of those, all entries being sound.
    #[error("entry {index}: the content of document \"{document}\" is missing or altered: {hash}")]
    Content {
        /// The entry that announces it.
        index: u64,
        /// The document.
        document: SubjectId,
        /// The hash it was kept under.
        hash: Hash,
        /// What is there instead.
        found: Found,
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
    /// How many documents, each with its file as it was filed.
    pub documents: u64,
}

/// Verifies a whole data directory while no process has it open.
///
/// `progress` hears how many entries are verified, now and then.
///
/// # Errors
/// What is broken first, in the order of the entries.
pub fn verify_data(data: &Path, progress: impl FnMut(u64)) -> Result<Sound, Broken> {
    let (sound, announced) = verify_entries(data, progress)?;
    match amiss(data, announced)?.into_iter().next() {
        Some(broken) => Err(broken),
        None => Ok(sound),
    }
}

/// Verifies the entries of a whole data directory and leaves the files they announce to [`amiss`].
pub(super) fn verify_entries(
    data: &Path,
    mut progress: impl FnMut(u64),
) -> Result<(Sound, Vec<(u64, Announced)>), Broken> {
    let identity = Identity::read(data).map_err(Broken::Identity)?;
    let vkey = identity.key();
    let signed = snapshot::read_checkpoint(data, &vkey).map_err(Broken::Io)?.map(|(signed, _)| signed.checkpoint);
    let covered = signed.as_ref().map_or(0, |signed| signed.size);
    // Whoever takes away what was signed last leaves what was made of more entries than are there.
    let known = covered.max(snapshot::covered_by_snapshots(data, &vkey).map_err(Broken::Io)?);

    let origin = identity.origin;
    let mut growth = Growth::new();
    let mut full = Vec::new();
    let mut order = Order::from_the_first();
    let mut broken = None;
    let mut root = None;
    let mut announced = Vec::new();
    let found = hash_journal(
        &data.join("journal"),
        &origin,
        |entry| {
            let stated = entry.stated.map_err(|unfit| unfit.at(entry.index));
            if let Err(error) = stated.and_then(|stated| order.check(entry.index, entry.hash, &stated)) {
                broken = Some(error);
                return ControlFlow::Break(());
            }
            announced.extend(entry.file.map(|file| (entry.index, file.clone())));
            growth.push(entry.leaf, &mut full);
            full.clear();
            if growth.size() == covered {
                root = Some(growth.root());
            }
            ControlFlow::Continue(())
        },
        &mut progress,
    );
    let damage = match found {
        Ok(()) => None,
        Err(journal::VerifyError::Damaged(damage)) => Some(damage),
        Err(journal::VerifyError::Io(error)) => return Err(Broken::Io(error)),
    };
    // A damaged block ends the reading, so an entry out of order stands before it.
    if let Some(broken) = broken {
        return Err(broken);
    }
    // An incomplete last block is no damage: nobody was ever told of it.
    if let Some(damage) = damage {
        return Err(Broken::Bytes { index: damage.first_bad_index, reason: damage.flaw.to_string() });
    }
    if growth.size() < known {
        return Err(Broken::Missing { found: growth.size(), size: known });
    }
    if let Some(slot) = snapshot::altered_checkpoint(data, &vkey).map_err(Broken::Io)? {
        return Err(Broken::Altered { slot });
    }
    // A ledger is founded and closed, and so signed, before anybody else may enter anything.
    if signed.is_none() && growth.size() > 0 {
        return Err(Broken::Unsigned { found: growth.size() });
    }
    match (&signed, root) {
        (Some(signed), Some(root)) if signed.root != root => Err(Broken::Root { size: covered }),
        _ => {
            let documents = u64::try_from(announced.len()).unwrap_or(u64::MAX);
            Ok((Sound { entries: growth.size(), checkpoint: signed, origin, documents }, announced))
        }
    }
}

/// Hashes the file of every document again and names those that are not as they were filed, in the order of the entries.
pub(super) fn amiss(data: &Path, announced: Vec<(u64, Announced)>) -> Result<Vec<Broken>, Broken> {
    let files = Files::of(data);
    let mut amiss = Vec::new();
    for (index, Announced { document, hash }) in announced {
        match files.check(&hash).map_err(Broken::Io)? {
            Found::Whole => {}
            found @ (Found::Missing | Found::Altered) => amiss.push(Broken::Content { index, document, hash, found }),
        }
    }
    Ok(amiss)
}

impl Unfit {
    fn at(self, index: u64) -> Broken {
        match self {
            Self::NotCanonical => Broken::Form { index },
            Self::NotAnEntry => Broken::Bytes { index, reason: "it is not an entry".into() },
            Self::OtherLedger => Broken::Bytes { index, reason: "it belongs to another ledger".into() },
        }
    }
}

/// What stands before an entry, to check that it fits: shown one after the other, the first that does not is told.
///
/// Takes some forty bytes of memory for each entry and a hundred for each stream.
struct Order {
    /// The last version and hash of every stream.
    heads: HashMap<Box<str>, (u64, Hex), RandomState>,
    /// 128 bits of each id: two ids that share them do not occur.
    ids: HashSet<Fingerprint, BuildHasherDefault<Spread>>,
    last: Option<Timestamp>,
    /// Whether the entries shown begin with the first, so that a stream not seen before begins here.
    whole: bool,
}

/// A hash as links name it: in lower-case hex.
type Hex = [u8; 64];

impl Order {
    fn from_the_first() -> Self {
        Self { heads: HashMap::default(), ids: HashSet::default(), last: None, whole: true }
    }

    /// Of what stands before the entry of this index nothing is known.
    fn from_index(index: u64) -> Self {
        Self { whole: index == 0, ..Self::from_the_first() }
    }

    fn check(&mut self, index: u64, hash: Hash, stated: &Stated<'_>) -> Result<(), Broken> {
        if self.last.is_some_and(|last| stated.time <= last) {
            return Err(Broken::Time { index });
        }
        self.last = Some(stated.time);
        if !self.ids.insert(stated.id) {
            return Err(Broken::Id { index });
        }
        let hex = hex(&hash);
        let mut rest = Some(stated.streams);
        while let Some(text) = rest {
            let unlinked = |stream: &str| Broken::Link { index, stream: stream.into() };
            let (WrittenLink { name, version, previous }, behind) =
                WrittenLink::first(text).ok_or_else(|| unlinked(text))?;
            match self.heads.get_mut(name) {
                Some(head) if head.0.checked_add(1) == Some(version) && previous.as_bytes() == head.1 => {
                    *head = (version, hex);
                }
                None if version == 1 && previous == "-" || !self.whole && version > 1 && previous != "-" => {
                    self.heads.insert(name.into(), (version, hex));
                }
                Some(_) | None => return Err(unlinked(name)),
            }
            rest = behind;
        }
        Ok(())
    }
}

fn hex(hash: &Hash) -> Hex {
    let text = blake3::Hash::from_bytes(hash.0).to_hex();
    text.as_bytes().try_into().expect("a hash has 64 hex digits")
}

impl Shared {
    /// Verifies the entries `from..=to` against the journal and the tree, as `ledger.verified` reports.
    ///
    /// A broken ledger takes no more entries; what was found is kept outside it.
    pub(super) fn verify_range(&self, from: u64, to: u64) -> Result<Option<Verification>, SubmitError> {
        if from > to || to >= self.state().size {
            return Ok(None);
        }
        let checked = self.check_range(from, to);
        let position = |index: u64| Int(i64::try_from(index).unwrap_or(i64::MAX));
        let found = Verification {
            result: Some(if checked.is_ok() { Verdict::Intact } else { Verdict::Broken }),
            first_bad: checked.err().map(position),
            head_hash: checked.ok(),
        };
        if let Err(index) = checked {
            tracing::error!(index, "an entry is not as it was entered; writes stop");
            // What was found first stays what is told.
            self.broken.get_or_init(|| index);
            self.keep_finding(&Finding {
                from_position: from,
                to_position: to,
                first_bad: index,
                at: self.clock.now(),
            });
        }
        Ok(Some(found))
    }

    /// Hashes and reads the entries `from..=to` again as the journal has them; returns the hash of the last, or the index of the first bad one.
    fn check_range(&self, from: u64, to: u64) -> Result<Hash, u64> {
        let Ok(Some(first)) = self.journal.block_at_index(from) else { return Err(from) };
        let mut expected = from;
        let mut order = Order::from_index(from);
        for frame in self.journal.read(first.header().number) {
            let frame = frame.map_err(|_| expected)?;
            let entries = (frame.header().first_index..).zip(frame.entries());
            for (index, bytes) in entries.filter(|(index, _)| (from..=to).contains(index)) {
                let hash = Hash::of(bytes);
                let stated = Stated::of(bytes, &self.origin).map_err(|unfit| unfit.at(index));
                let fits = stated.and_then(|stated| order.check(index, hash, &stated));
                if let Err(broken) = &fits {
                    tracing::error!(%broken, "a verification stops");
                }
                if fits.is_err() || !self.leaf_agrees(index, bytes) {
                    return Err(index);
                }
                if index == to {
                    return Ok(hash);
                }
                expected = index + 1;
            }
        }
        Err(expected)
    }

    fn leaf_agrees(&self, index: u64, bytes: &[u8]) -> bool {
        let leaf = merkle::leaf_hash(bytes);
        let place = usize::try_from(index % 256).unwrap_or(0);
        let growth = self.growth();
        if index >= growth.size() {
            // Not in the tree yet: its place in the chain of blocks and among the entries is all there is to check.
            return true;
        }
        let partial = growth.full_tiles(0) * 256;
        if index >= partial {
            return growth.partial(0).get(place) == Some(&leaf);
        }
        let tile = self.shelf.store().tile(0, index / 256).ok().flatten();
        let tile = tile.and_then(|bytes| crate::proof::tile::decode(&bytes));
        tile.is_some_and(|tile| tile.get(place) == Some(&leaf))
    }

    fn keep_finding(&self, finding: &Finding) {
        let directory = self.home.data.join(FORENSIC);
        let path = directory.join(format!("{FOUND}{}.json", finding.first_bad));
        let keep = || {
            std::fs::create_dir_all(&directory)?;
            let half_written = directory.join("finding.new");
            let mut file = File::create(&half_written)?;
            file.write_all(&serde_json::to_vec(finding)?)?;
            file.sync_all()?;
            std::fs::rename(&half_written, &path)?;
            File::open(&directory)?.sync_all()
        };
        if let Err(error) = keep() {
            tracing::error!(%error, "the finding could not be kept");
        }
    }

    /// Returns the files of what was found broken and has not been repaired since, with the index each is named by.
    pub(super) fn findings(&self) -> Result<impl Iterator<Item = (PathBuf, u64)>, OpenError> {
        let directory = self.home.data.join(FORENSIC);
        let files: Vec<_> = match std::fs::read_dir(&directory) {
            Ok(files) => files.collect::<Result<_, _>>().map_err(|source| OpenError::Io { path: directory, source })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(OpenError::Io { path: directory, source }),
        };
        Ok(files.into_iter().filter_map(|file| {
            let name = file.file_name();
            let index = name.to_str()?.strip_prefix(FOUND)?.strip_suffix(".json")?.parse().ok()?;
            Some((file.path(), index))
        }))
    }

    /// Looks again at what was found broken before: the ledger does not go on until it is repaired.
    ///
    /// A finding that no longer holds stays on record as repaired.
    pub(super) fn check_findings(&self) -> Result<(), OpenError> {
        for (path, index) in self.findings()? {
            // A finding that cannot be read is still one of the entry it is named by.
            let read = std::fs::read(&path).ok().and_then(|text| serde_json::from_slice::<Finding>(&text).ok());
            let (from, to) = read.map_or((index, index), |finding| (finding.from_position, finding.to_position));
            let last = self.state().size.saturating_sub(1);
            if let Err(index) = self.check_range(from.min(last), to.min(last)) {
                let found = format!("entry {index} was found not to be as it was entered");
                return Err(OpenError::Integrity(format!("{found}; restore the directory from a backup")));
            }
            tracing::warn!(index, "what was found broken has been repaired");
            let repaired = path.with_file_name(format!("{REPAIRED}{index}.json"));
            std::fs::rename(&path, &repaired).map_err(|source| OpenError::Io { path: repaired, source })?;
        }
        Ok(())
    }
}

/// A verification that found something broken, as it is kept outside the ledger.
#[derive(Debug, Serialize, Deserialize)]
struct Finding {
    from_position: u64,
    to_position: u64,
    first_bad: u64,
    at: Timestamp,
}

const FORENSIC: &str = "forensic";
const FOUND: &str = "broken-";
const REPAIRED: &str = "repaired-";

#[cfg(test)]
mod tests {
    use std::fs;

    use ed25519_dalek::SigningKey;
    use serde_json::json;

    use super::*;
    use crate::entry::{Entry, Link};
    use crate::journal::testing::Directory;
    use crate::journal::{Encoder, FileJournal, Journal as _, Options};
    use crate::ledger::snapshot::Signed;
    use crate::proof::checkpoint;

    const ORIGIN: &str = "test.example/ledger";
    const BLOCKS: usize = 60;
    const ENTRIES_PER_BLOCK: usize = 40;

    /// A data directory with enough entries for several threads to be busy with, and where each of its blocks begins in its one segment.
    struct Data {
        _directory: Directory,
        path: PathBuf,
        offsets: Vec<usize>,
    }

    impl Data {
        fn of(entries: &[Vec<u8>]) -> Self {
            Self::in_segments_of(Options::default().segment_bytes, entries)
        }

        /// Writes a journal anew: blocks, chain and list of segments are those of these entries.
        fn in_segments_of(segment_bytes: u64, entries: &[Vec<u8>]) -> Self {
            let directory = Directory::new();
            let path = directory.journal().parent().unwrap().to_owned();
            let options = Options { segment_bytes, ..Options::default() };
            let (mut journal, _) = FileJournal::open(&directory.journal(), &options).unwrap();
            let mut offsets = vec![0];
            let mut encoder = Encoder::new().unwrap();
            for block in entries.chunks(ENTRIES_PER_BLOCK) {
                let head = journal.head();
                let frame = encoder.encode(&head, &[0; 16], block).unwrap();
                journal.append(head.next_block, frame).unwrap();
                offsets.push(offsets.last().unwrap() + frame.len());
            }
            let key = SigningKey::from_bytes(&[7; 32]);
            let identity =
                json!({"format": 1, "origin": ORIGIN, "vkey": checkpoint::vkey(ORIGIN, &key.verifying_key())});
            fs::write(path.join("ledger.json"), identity.to_string()).unwrap();
            let data = Self { _directory: directory, path, offsets };
            data.sign(entries);
            data
        }

        fn sign(&self, entries: &[Vec<u8>]) {
            let leaves: Vec<merkle::Hash> = entries.iter().map(|entry| merkle::leaf_hash(entry)).collect();
            let signed = Checkpoint { origin: ORIGIN.into(), size: leaves.len() as u64, root: merkle::root(&leaves) };
            let note = signed.sign(&SigningKey::from_bytes(&[7; 32])).unwrap();
            snapshot::write_checkpoint(&self.path, &Signed { checkpoint: signed, note, assigned: 0 }, 0).unwrap();
        }

        fn change(&self, change: impl FnOnce(&mut Vec<u8>)) {
            let files = fs::read_dir(self.path.join("journal")).unwrap().map(|file| file.unwrap().path());
            let segment = files.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
            let mut bytes = fs::read(&segment).unwrap();
            change(&mut bytes);
            fs::write(&segment, bytes).unwrap();
        }

        fn verify(&self) -> Result<Sound, Broken> {
            verify_data(&self.path, |_| ())
        }
    }

    /// Entries of a stream all belong to and of one in three.
    fn entries() -> Vec<Vec<u8>> {
        forged(|_, _| (), |_, _| ())
    }

    /// The same with entries changed before or after they are written; whatever follows links to them as they are then.
    fn forged(change: impl Fn(usize, &mut Entry), rewrite: impl Fn(usize, &mut Vec<u8>)) -> Vec<Vec<u8>> {
        let mut heads: HashMap<String, (u64, Option<Hash>)> = HashMap::new();
        let mut entries = Vec::new();
        for number in 0..BLOCKS * ENTRIES_PER_BLOCK {
            let names = ["all".to_owned(), format!("third/{}", number % 3)];
            let link = |name: &String| {
                let (version, previous) = heads.get(name).copied().unwrap_or_default();
                Link { name: name.parse().unwrap(), version: version + 1, previous }
            };
            let padding = blake3::hash(&number.to_be_bytes()).to_hex().repeat(8);
            let mut entry = Entry {
                accesspolicy: "0011223344556677".into(),
                actor: "E-101".into(),
                actorrole: "salesperson".into(),
                actorunit: "north".into(),
                causation: None,
                correlation: None,
                data: format!("{{\"padding\":\"{padding}\"}}").into(),
                id: format!("entry-{number:04}").parse().unwrap(),
                latereason: None,
                occurredat: Timestamp::from_micros(1),
                policyversion: 1,
                salt: [7; 16],
                source: ORIGIN.into(),
                specversion: "1.0".into(),
                streams: names.iter().map(link).collect(),
                subject: "all".parse().unwrap(),
                time: time(number),
                kind: "sale.recorded".into(),
            };
            change(number, &mut entry);
            let mut bytes = entry.encode().unwrap();
            rewrite(number, &mut bytes);
            for link in &entry.streams {
                heads.insert(link.name.to_string(), (link.version, Some(Hash::of(&bytes))));
            }
            entries.push(bytes);
        }
        entries
    }

    fn time(number: usize) -> Timestamp {
        Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(number).unwrap())
    }

    fn replace(entry: &mut Vec<u8>, from: &str, to: &str) {
        *entry = String::from_utf8(entry.clone()).unwrap().replacen(from, to, 1).into_bytes();
    }

    #[test]
    fn a_sound_directory_is_verified_to_its_end() {
        let entries = entries();
        let data = Data::of(&entries);
        let mut last = 0;
        let sound = verify_data(&data.path, |verified| {
            assert!(last < verified);
            last = verified;
        });
        assert_eq!(sound.unwrap().entries, entries.len() as u64);
        assert_eq!(last, entries.len() as u64);
    }

    #[test]
    fn the_first_entry_that_is_not_one_or_does_not_link_is_named() {
        let whole = entries();
        let found = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut entries = whole.clone();
            change(&mut entries);
            Data::of(&entries).verify().unwrap_err()
        };
        // Later entries do not link to the changed one either; the changed one comes first.
        let error = found(&|entries| replace(&mut entries[1501], "\"all@1502:", "\"all@1503:"));
        assert!(matches!(&error, Broken::Link { index: 1501, stream } if stream == "all"), "{error}");
        let error = found(&|entries| replace(&mut entries[700], "third/1@234:", "third/1@235:"));
        assert!(matches!(&error, Broken::Link { index: 700, stream } if stream == "third/1"), "{error}");
        let error = found(&|entries| replace(&mut entries[700], "third/1@234:", "third/1@234:0"));
        assert!(matches!(&error, Broken::Bytes { index: 700, .. }), "{error}");
        let error = found(&|entries| replace(&mut entries[2399], "{", "["));
        assert!(matches!(&error, Broken::Bytes { index: 2399, reason } if reason == "it is not an entry"), "{error}");
        let error = found(&|entries| {
            replace(&mut entries[1900], "{", "[");
            replace(&mut entries[9], ORIGIN, "elsewhere.example");
        });
        let other = "it belongs to another ledger";
        assert!(matches!(&error, Broken::Bytes { index: 9, reason } if reason == other), "{error}");
        let error = found(&|entries| {
            replace(&mut entries[1800], ".example", ".other");
            replace(&mut entries[1799], " third/2@", " third/3@");
        });
        assert!(matches!(&error, Broken::Link { index: 1799, .. }), "{error}");
    }

    /// What a verification says about a journal that is whole and signed, where only this is wrong.
    fn told(change: impl Fn(usize, &mut Entry), rewrite: impl Fn(usize, &mut Vec<u8>)) -> Broken {
        Data::of(&forged(change, rewrite)).verify().unwrap_err()
    }

    #[test]
    fn an_entry_in_another_form_is_named_though_everything_follows_from_it() {
        let written = |from: &'static str, to: &'static str| {
            told(
                |_, _| (),
                move |number, bytes| {
                    if number == 1501 {
                        replace(bytes, from, to);
                    }
                },
            )
        };
        for (from, to) in [
            ("{\"padding\":", "{\"padding\": "),
            ("{\"padding\":", "{\"padding\":0,\"padding\":"),
            ("{\"padding\":", "{\"x\":1,\"padding\":"),
            ("\"E-101\"", "\"\\u0045-101\""),
            ("\"actor\":\"E-101\",\"actorrole\":\"salesperson\"", "\"actorrole\":\"salesperson\",\"actor\":\"E-101\""),
            ("\"all@1502:", "\"all@01502:"),
        ] {
            let error = written(from, to);
            assert!(matches!(error, Broken::Form { index: 1501 }), "{to}: {error}");
        }
        let error = written("\"policyversion\":1", "\"policyversion\":\"1\"");
        assert!(matches!(error, Broken::Bytes { index: 1501, .. }), "{error}");
    }

    #[test]
    fn an_entry_recorded_no_later_than_the_one_before_it_is_named() {
        for (number, at) in [(1501, time(1500)), (1501, time(7)), (2399, time(2398)), (1, time(0))] {
            let error = told(
                |this, entry| {
                    if this == number {
                        entry.time = at;
                    }
                },
                |_, _| (),
            );
            assert!(matches!(error, Broken::Time { index } if index == number as u64), "{number}: {error}");
        }
        // One that is too late is only told by the next.
        let error = told(
            |this, entry| {
                if this == 640 {
                    entry.time = time(641);
                }
            },
            |_, _| (),
        );
        assert!(matches!(error, Broken::Time { index: 641 }), "{error}");
    }

    #[test]
    fn an_entry_with_the_id_of_an_earlier_one_is_named_however_far_back_that_is() {
        for (number, earlier) in [(2399, 0), (1501, 1500), (77, 3)] {
            let id = || format!("entry-{earlier:04}").parse().unwrap();
            let error = told(
                |this, entry| {
                    if this == number {
                        entry.id = id();
                    }
                },
                |_, _| (),
            );
            assert!(matches!(error, Broken::Id { index } if index == number as u64), "{number}: {error}");
        }
    }

    #[test]
    fn a_gap_in_a_stream_is_named_though_the_stream_goes_on_from_it() {
        for (number, skipped) in [(1501, 1), (2399, 9), (0, 1)] {
            let error = told(
                |this, entry| {
                    if this == number {
                        entry.streams[1].version += skipped;
                    }
                },
                |_, _| (),
            );
            let name = format!("third/{}", number % 3);
            let named = matches!(&error, Broken::Link { index, stream } if *index == number as u64 && *stream == name);
            assert!(named, "{number}: {error}");
        }
        // A stream cannot begin anew, nor in its middle.
        let anew = |this: usize, entry: &mut Entry| {
            if this == 900 {
                (entry.streams[0].version, entry.streams[0].previous) = (1, None);
            }
        };
        let error = told(anew, |_, _| ());
        assert!(matches!(&error, Broken::Link { index: 900, stream } if stream == "all"), "{error}");
        let middle = |this: usize, entry: &mut Entry| {
            if this == 900 {
                let name = "other".parse().unwrap();
                entry.streams.push(Link { name, version: 2, previous: Some(Hash([7; 32])) });
            }
        };
        let error = told(middle, |_, _| ());
        assert!(matches!(&error, Broken::Link { index: 900, stream } if stream == "other"), "{error}");
    }

    #[test]
    fn of_entries_from_the_middle_streams_are_followed_from_where_they_are_first_seen() {
        let entries = entries();
        let check = |order: &mut Order, index: usize| {
            let bytes = &entries[index];
            order.check(index as u64, Hash::of(bytes), &Stated::of(bytes, ORIGIN).unwrap())
        };
        let mut order = Order::from_index(1000);
        for index in 1000..1100 {
            check(&mut order, index).unwrap();
        }
        assert!(matches!(check(&mut order, 1101), Err(Broken::Link { index: 1101, .. })));
        assert!(matches!(check(&mut Order::from_index(0), 1000), Err(Broken::Link { index: 1000, .. })));
    }

    #[test]
    fn a_forgery_consistent_in_itself_is_told_by_the_signed_root_alone() {
        let whole = entries();
        // One letter of what is told about the customer, or of who told it, and everything computed anew that follows from it.
        let last = BLOCKS * ENTRIES_PER_BLOCK - 1;
        for (number, from, to) in [(5, "{\"padding\":", "{\"paddinG\":"), (last, "\"E-101\"", "\"E-102\"")] {
            let forgery = forged(
                |_, _| (),
                |this, bytes| {
                    if this == number {
                        replace(bytes, from, to);
                    }
                },
            );
            assert_ne!(forgery[number], whole[number]);
            let data = Data::in_segments_of(64 * 1024, &forgery);
            let listed = fs::read_to_string(data.path.join("journal/segments")).unwrap();
            assert!(listed.lines().count() > 5, "{listed}");
            // Whoever forges it cannot sign it; with a signature nothing would be left to tell.
            assert_eq!(data.verify().unwrap().entries, whole.len() as u64);
            data.sign(&whole);
            assert!(matches!(data.verify(), Err(Broken::Root { size: 2400 })), "{number}");
        }
    }

    #[test]
    fn the_first_entry_of_a_damaged_block_is_named_unless_one_before_it_is_bad() {
        let whole = entries();
        for block in [0, 1, 31, BLOCKS - 2, BLOCKS - 1] {
            let data = Data::of(&whole);
            let place = data.offsets[block] + 150;
            data.change(|bytes| bytes[place] ^= 4);
            let error = data.verify().unwrap_err();
            let first = (block * ENTRIES_PER_BLOCK) as u64;
            match error {
                // At the end it could be a write that was cut short, had nobody been told of it.
                Broken::Missing { found, size } => assert_eq!((found, size), (first, whole.len() as u64)),
                Broken::Bytes { index, .. } => assert_eq!(index, first),
                other => panic!("{other}"),
            }
        }
        let mut unlinked = whole;
        replace(&mut unlinked[801], "\"all@802:", "\"all@803:");
        let data = Data::of(&unlinked);
        let place = data.offsets[31] + 150;
        data.change(|bytes| bytes[place] ^= 4);
        assert!(matches!(data.verify(), Err(Broken::Link { index: 801, .. })));
    }

    #[test]
    fn a_cut_file_lacks_what_comes_from_the_cut_on() {
        let whole = entries();
        for (block, further) in [(0, 50), (7, 0), (33, 200), (BLOCKS, 0)] {
            let data = Data::of(&whole);
            let length = data.offsets[block] + further;
            data.change(|bytes| bytes.truncate(length));
            let first = (block * ENTRIES_PER_BLOCK) as u64;
            match data.verify() {
                Ok(_) => assert_eq!(block, BLOCKS),
                Err(Broken::Missing { found, .. }) => assert_eq!(found, first),
                Err(other) => panic!("{other}"),
            }
        }
    }
}
