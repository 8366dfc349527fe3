//! What callers propose and what they get back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Refusal;
use crate::entry::Hash;
use crate::ids::EntryId;
use crate::ledger::documents::Came;

/// A proposal as it comes through a door.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposal {
    /// The event type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The primary stream, where the data do not determine it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The idempotency key; one is made when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Business time; the payload's own, else now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurredat: Option<String>,
    /// Why it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latereason: Option<String>,
    /// What ties it to others, such as an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation: Option<String>,
    /// The stream versions it was based on, by stream name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<Expected>,
    /// The payload.
    pub data: Value,
    /// The file that came with it.
    #[serde(skip)]
    pub file: Option<Came>,
}

impl Proposal {
    /// Tells whether deciding on it has the ledger verified, which takes as long as there are entries to hash.
    pub fn verifies(&self) -> bool {
        self.kind == "ledger.verified"
    }

    /// Tells whether it corrects or voids an entry, which looks at what happened before and since.
    pub fn amends(&self) -> bool {
        crate::domain::record::is_amendment(&self.kind)
    }
}

/// A stream version a proposal was based on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The stream.
    pub stream: String,
    /// Its version then; 0 if it did not exist.
    pub version: u64,
}

/// An entry as its proposer gets it told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Its index.
    pub index: u64,
    /// Its id.
    pub id: EntryId,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its subject.
    pub subject: String,
    /// Its hash.
    pub hash: Hash,
    /// Its streams, as `name@version`.
    pub streams: Vec<String>,
}

/// Why nothing was entered.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// A business no; the state is as it was.
    #[error("proposal {at} was refused: {}", refusal.words().0)]
    Refused {
        /// The proposal's place in the batch, from 0.
        at: usize,
        /// Why.
        refusal: Refusal,
    },
    /// The asker may not even know that the thing exists.
    #[error("no such thing")]
    NotFound,
    /// More proposals than a batch may have.
    #[error("a batch has 1 to {BATCH_MAX} proposals")]
    BatchSize,
    /// The ledger cannot write; nothing can be entered or read until it is opened again.
    #[error("the ledger cannot be written")]
    Unwritable,
    /// The ledger was restored behind what may have been published: it enters nothing, and so shows no archive.
    #[error("the ledger is read-only")]
    ReadOnly,
    /// Verification found the ledger damaged: nothing is entered until it is repaired.
    #[error("entry {first_bad} is not as it was entered; writes have stopped")]
    Integrity {
        /// The first entry that is not as it was entered.
        first_bad: u64,
    },
    /// What the door needs from store or key ring cannot be had.
    #[error("the store cannot be read")]
    Store,
    /// Others moved what was decided on, too often in a row.
    #[error("too busy; try again")]
    Busy,
}

/// The most proposals one atomic batch may have.
pub const BATCH_MAX: usize = 1000;
