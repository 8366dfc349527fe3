//! The pure half of `dossier import`: files of rows and a mapping become an ordered list of proposals.
//!
//! [`mapping::Mapping::parse`] reads the mapping file, [`table::Tables::read`] the folder, [`plan::plan`] walks both
//! and yields one [`Step`] after the other, each a proposal or a row refused with file, line and reason.
//!
//! **Invariant:** nothing here asks or changes a ledger: whether a proposal is new, unchanged or refused by a rule is
//! for whoever submits it to say.
//!
//! **Invariant:** nothing is guessed, cut or rounded but where the mapping says so. What the mapping does not foresee
//! is rejected.
//!
//! **Invariant:** no clock, no randomness, no floating point: the same files and mapping give the same steps and ids.
//!
//! **Invariant:** no reason quotes a cell: cells may be personal, and reasons end up in terminals and logs.
//!
//! **Invariant:** only [`table::Tables::read`] touches a disk.

mod check;
pub mod expression;
pub mod mapping;
pub mod plan;
pub mod problem;
pub mod table;
mod value;

/// One step of an import, in the order in which to take it.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An event to propose.
    Planned(Planned),
    /// A row that cannot become an event.
    Rejected(Rejected),
}

/// An event to propose.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// The idempotency key, derived from file, row and everything proposed: the same again has the same id, changed
    /// content another one.
    pub id: String,
    /// The event type.
    pub kind: String,
    /// The primary stream, where no reference in the data determines it.
    pub subject: Option<String>,
    /// The payload.
    pub data: serde_json::Value,
    /// When it happened, RFC 3339 in UTC; without it the payload's own date or time decides.
    pub occurred_at: Option<String>,
    /// Why it is recorded late.
    pub late_reason: Option<String>,
    /// The role to act under.
    pub role: Option<String>,
    /// The employee who proposes it.
    pub actor: Option<String>,
    /// The employee who approves it, for types that need a second person.
    pub approve_as: Option<String>,
    /// The file it comes from: a CSV file, or the mapping itself.
    pub file: String,
    /// The line of that file.
    pub line: u64,
}

/// A row that cannot become an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// The file: a CSV file, or the mapping itself.
    pub file: String,
    /// The line of that file.
    pub line: u64,
    /// The column at fault, where it is one.
    pub column: Option<String>,
    /// Why, in English.
    pub reason_en: String,
    /// Why, in Chinese.
    pub reason_zh: String,
}
