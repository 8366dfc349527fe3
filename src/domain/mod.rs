//! The business: what can happen, what is allowed to, and what follows from it.
//!
//! **Invariant:** nothing here reads a clock, a file, a random number or a policy; time, chance and what
//! the store holds come in as values.
//!
//! **Invariant:** nothing here opens a seal: folding and deciding work on what is stored.
//!
//! **Invariant:** matches on events and refusals are exhaustive; a new event type does not compile until
//! every module that must answer has answered.
#![warn(clippy::wildcard_enum_match_arm, clippy::match_wildcard_for_single_variants)]

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{Date, Timestamp};
use crate::entry::{Entry, Hash};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, SubjectId, UnitId};

pub mod catalog;
pub mod class;
pub mod duty;
pub mod escalation;
pub mod history;
pub mod holidays;
pub mod judge;
pub mod role;
#[cfg(test)]
mod testing;
pub mod worktime;

use self::catalog::{EventType, Problem, Referent, Subject};
use self::history::{Live, Part, Refold};
use self::role::Role;

macro_rules! modules {
    ($($module:ident $variant:ident;)*) => {
        $(pub mod $module;)*

        /// What can happen, over all modules.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Event {
            $(#[doc = concat!("An event of the module `", stringify!($module), "`.")] $variant($module::Event),)*
        }

        $(impl From<$module::Event> for Event {
            fn from(event: $module::Event) -> Self {
                Self::$variant(event)
            }
        })*

        $(impl From<$module::Refusal> for Refusal {
            fn from(refusal: $module::Refusal) -> Self {
                Self::$variant(refusal)
            }
        })*

        impl Event {
            /// Returns the type's name on the wire.
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(event) => event.name(),)*
                }
            }

            /// Reads a payload of the type called `name`; `None` if there is no such type.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn decode(name: &str, data: &str) -> Option<Result<Self, serde_json::Error>> {
                $(if let Some(event) = $module::Event::decode(name, data) {
                    return Some(event.map(Self::$variant));
                })*
                None
            }

            /// Reads a payload as [`Self::decode`] does, from a parsed document.
            ///
            /// # Errors
            /// The payload has another shape.
            pub fn read(name: &str, data: &Value) -> Option<Result<Self, serde_json::Error>> {
                $(if let Some(event) = $module::Event::read(name, data) {
                    return Some(event.map(Self::$variant));
                })*
                None
            }

            /// Returns the payload as canonical JSON.
            ///
            /// # Errors
            /// Never for payloads made of the catalog's shapes.
            pub fn text(&self) -> serde_json::Result<String> {
                match self {
                    $(Self::$variant(event) => event.text(),)*
                }
            }

            /// Returns the payload as a JSON value with sorted keys.
            ///
            /// # Errors
            /// Never for payloads made of the catalog's shapes.
            pub fn data(&self) -> serde_json::Result<Value> {
                serde_json::from_str(&self.text()?)
            }
        }

        /// Why the ledger says no to a proposal or a reading.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Refusal {
            /// The payload has the wrong shape.
            Schema(Vec<Problem>),
            /// What holds for every type of event.
            Common(common::Refusal),
            $(#[doc = concat!("A refusal of the module `", stringify!($module), "`.")] $variant($module::Refusal),)*
        }

        impl Refusal {
            /// Returns the code and the rule it cites.
            pub fn grounds(&self) -> (Code, &str) {
                match self {
                    Self::Schema(_) => (Code::E_SCHEMA, ""),
                    Self::Common(common::Refusal::Forbidden { rule }) => (Code::E_FORBIDDEN, rule),
                    Self::Common(refusal) => refusal.grounds(),
                    $(Self::$variant(refusal) => refusal.grounds(),)*
                }
            }

            /// Returns the pointer of the one field it is about, where it is about one.
            pub fn pointer(&self) -> Option<String> {
                match self {
                    Self::Schema(_) => None,
                    Self::Common(common::Refusal::Unknown { pointer, .. } | common::Refusal::Voided { pointer, .. }) => {
                        Some(pointer.clone())
                    }
                    Self::Common(refusal) => refusal.pointer(),
                    $(Self::$variant(refusal) => refusal.pointer(),)*
                }
            }

            /// Returns the words in English and in Chinese.
            pub fn words(&self) -> (String, String) {
                match self {
                    Self::Schema(problems) => (
                        format!("the data has {} problem(s)", problems.len()),
                        format!("数据有{}处问题", problems.len()),
                    ),
                    Self::Common(refusal) => refusal.words(),
                    $(Self::$variant(refusal) => refusal.words(),)*
                }
            }

            /// Lists every refusal's name and its words in both languages.
            #[cfg(test)]
            pub(crate) fn phrases() -> Vec<(&'static str, &'static str, &'static str)> {
                let mut all = common::Refusal::phrases().to_vec();
                $(all.extend($module::Refusal::phrases());)*
                all
            }

            /// Lists every refusal's module, name, code and the pointer of the field it is about.
            #[cfg(test)]
            pub(crate) fn placed() -> Vec<(&'static str, &'static str, Code, Option<&'static str>)> {
                let mut all = Vec::new();
                all.extend(common::Refusal::placed().into_iter().map(|(name, code, at)| ("common", name, code, at)));
                $(all.extend($module::Refusal::placed().into_iter().map(|(name, code, at)| (stringify!($module), name, code, at)));)*
                all
            }

            /// Lists every refusal's module, name, code and rule.
            pub fn all() -> Vec<(&'static str, &'static str, Code, &'static str)> {
                let mut all = Vec::new();
                all.extend(common::Refusal::all().iter().map(|(name, code, rule)| ("common", *name, *code, *rule)));
                $(all.extend($module::Refusal::all().iter().map(|(name, code, rule)| (stringify!($module), *name, *code, *rule)));)*
                all
            }
        }

        /// The state every decision reads: a fold of the ledger, cheap to copy.
        #[derive(Clone, Debug, Default, Serialize, Deserialize)]
        pub struct World {
            $(#[doc = concat!("The state of the module `", stringify!($module), "`.")] pub $module: $module::State,)*
        }

        impl World {
            /// Folds one entry's event into the state.
            pub fn apply(&mut self, fact: &Fact<'_>, event: &Event) {
                obligation::turn_to(self, fact.at);
                match event {
                    $(Event::$variant(event) => $module::evolve(&mut self.$module, fact, event),)*
                }
                obligation::follow(self, fact, event);
                // What takes sign-offs waits for the first from when it is entered, whatever module it is of.
                signoff::begin(&mut self.signoff, fact, event);
            }

            /// Lets go of what every module holds of a part, whose live entries are given.
            pub(crate) fn forget(&mut self, part: &Part, live: &[Live]) {
                $($module::forget(&mut self.$module, part, live);)*
            }

            /// Folds one module's share of a part anew, as the correction or voiding entered as `amendment` at `at` asks.
            pub fn refold(&mut self, refold: &Refold, amendment: &EntryId, at: Timestamp) {
                let was = self.clone();
                match &refold.of {
                    $(Event::$variant(_) => {
                        $module::forget(&mut self.$module, &refold.part, &refold.before);
                        for live in &refold.after {
                            if let Event::$variant(event) = &live.event {
                                $module::evolve(&mut self.$module, &live.fact(), event);
                            }
                        }
                    })*
                }
                obligation::refold(self, &was, refold, amendment, at);
                signoff::refold(&mut self.signoff, &refold.part, &refold.before, &refold.after);
            }
        }

        /// Says which stream and which customer an event is about.
        ///
        /// # Errors
        /// The proposal names no subject where one is needed, or another than its data determine.
        pub fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, Refusal> {
            let about = match event {
                $(Event::$variant(event) => $module::about(world, event, named)?,)*
            };
            match named {
                Some(named) if *named != about.subject => Err(common::Refusal::OtherSubject {
                    named: named.to_string(),
                    subject: about.subject.to_string(),
                }.into()),
                _ => Ok(about),
            }
        }

        /// Decides a proposal on the state as it is and returns the events to enter.
        ///
        /// # Errors
        /// The refusal, which cites its rule.
        pub fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, Refusal> {
            let name = event.name();
            check_time(world, context, name)?;
            match event {
                $(Event::$variant(event) => $module::admit(world, context, event),)*
            }
        }

        /// Returns the whole catalog.
        pub(crate) fn types() -> Vec<EventType> {
            let mut types = Vec::new();
            $(types.extend($module::types());)*
            types
        }
    };
}

modules! {
    ledger Ledger;
    policy Policy;
    organization Organization;
    employee Employee;
    conduct Conduct;
    approval Approval;
    customer Customer;
    contact Contact;
    grade Grade;
    credit Credit;
    sale Sale;
    payment Payment;
    person Person;
    privacy Privacy;
    record Record;
    grant Grant;
    loan Loan;
    anomaly Anomaly;
    calendar Calendar;
    obligation Obligation;
    document Document;
    signoff Signoff;
    audit Audit;
}

/// The codes of refusals (rules §0), as they stand in answers and in entries.
#[expect(non_camel_case_types, reason = "written exactly as on the wire")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Code {
    /// The shape is wrong.
    E_SCHEMA,
    /// The caller may not.
    E_FORBIDDEN,
    /// Something named does not exist.
    E_REF,
    /// A stale version, or a key, id or name in use.
    E_CONFLICT,
    /// Not a legal transition.
    E_STATE,
    /// A business rule.
    E_RULE,
    /// Separation of duties.
    E_SOD,
    /// The window is closed.
    E_LATE,
    /// A needed parameter is not set.
    E_POLICY,
}

impl Code {
    /// Returns the code as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::E_SCHEMA => "E_SCHEMA",
            Self::E_FORBIDDEN => "E_FORBIDDEN",
            Self::E_REF => "E_REF",
            Self::E_CONFLICT => "E_CONFLICT",
            Self::E_STATE => "E_STATE",
            Self::E_RULE => "E_RULE",
            Self::E_SOD => "E_SOD",
            Self::E_LATE => "E_LATE",
            Self::E_POLICY => "E_POLICY",
        }
    }

    /// Tells whether such a refusal is itself entered.
    pub fn recorded(self) -> bool {
        match self {
            Self::E_SCHEMA | Self::E_REF | Self::E_CONFLICT => false,
            Self::E_FORBIDDEN | Self::E_STATE | Self::E_RULE | Self::E_SOD | Self::E_LATE | Self::E_POLICY => true,
        }
    }
}

/// Refusals that hold for every type of event.
pub mod common {
    use super::catalog::Thing;

    super::catalog::refusals! {
        /// No policy permits it.
        Forbidden { rule: String } => E_FORBIDDEN "R-050", "you may not do this ({rule})", "无权执行此操作（{rule}）";
        /// Nobody decides on what they proposed.
        SeparateDuties => E_SOD "R-025", "nobody decides on what they proposed", "不得审批本人提出的事项";
        /// A reference points at nothing.
        Unknown { pointer: String, what: Thing, id: String } => E_REF "",
            "{pointer}: there is no {what} \"{id}\"", "{pointer}：不存在{what:#}“{id}”";
        /// A reference points at what no longer counts.
        Voided { pointer: String, id: String } => E_STATE "R-005",
            "{pointer}: \"{id}\" is voided; nothing new rests on it", "{pointer}：“{id}”已作废，不得再作依据";
        /// The type needs a subject.
        NoSubject { example: String } => E_SCHEMA "" at "subject",
            "this type needs a subject such as \"{example}\"", "此类型须指明对象，如“{example}”";
        /// The subject named is not the one the data determine.
        OtherSubject { named: String, subject: String } => E_SCHEMA "" at "subject",
            "the subject is \"{subject}\", not \"{named}\"", "对象应为“{subject}”，而非“{named}”";
        /// The business time lies in the future.
        Future => E_RULE "R-011", "the business time lies more than five minutes in the future", "业务时间晚于当前时间5分钟以上";
        /// The business time is old and no reason is given.
        Late { hours: i64 } => E_LATE "R-011" at "latereason",
            "recorded more than {hours} hours later: say why so late", "迟于发生时间{hours}小时以上，须说明迟报原因";
        /// The envelope's business time is not the payload's.
        OtherTime { field: String } => E_SCHEMA "R-011" at "occurredat",
            "occurredat must agree with \"{field}\"", "occurredat须与“{field}”一致";
        /// A stream has moved on.
        Stale { stream: String, expected: u64, version: u64, newest: String } => E_CONFLICT "R-009",
            "stream \"{stream}\" is at version {version} (entry {newest}), not {expected}",
            "“{stream}”的版本为{version}（事件{newest}），而非{expected}";
        /// The idempotency key is in use.
        IdTaken => E_CONFLICT "R-010", "this id is in use for something else", "该编号已用于其他内容";
        /// The id of a new subject is in use.
        SubjectTaken { what: Thing, id: String } => E_CONFLICT "R-010",
            "{what} \"{id}\" exists already", "{what:#}“{id}”已存在";
        /// A computed field was supplied with another value.
        NotComputed { field: String, computed: String } => E_RULE "R-042" at "/{field}",
            "\"{field}\" is computed by the service and would be \"{computed}\"", "“{field}”由系统计算，应为“{computed}”";
        /// Only the service itself enters this type.
        SystemOnly => E_FORBIDDEN "R-023", "only the system enters this type", "仅系统可记录此类型";
        /// The clock leapt; deadlines would fire wrongly.
        ClockLeapt => E_STATE "R-023",
            "the clock has leapt; an operator must accept the new time first", "时钟发生跳变，须先由管理员确认新时间";
        /// More bytes than an entry may have.
        TooLarge => E_SCHEMA "R-003", "the entry would be larger than 65,535 bytes", "事件超过65535字节";
        /// More bytes than a block may have.
        BatchTooLarge => E_SCHEMA "R-003",
            "these events are too many bytes to be entered at once; propose them in smaller batches", "一次提交的事件过大，请分批提交";
        /// The type of event is not in the catalog.
        UnknownType { name: String } => E_SCHEMA "" at "type",
            "there is no event type \"{name}\"", "不存在事件类型“{name}”";
        /// The id is outside the grammar.
        BadId => E_SCHEMA "" at "id", "an id has 8 to 64 of A-Z a-z 0-9 . _ -", "编号须为8至64个字母、数字、点、下划线或连字符";
    }
}

impl From<common::Refusal> for Refusal {
    fn from(refusal: common::Refusal) -> Self {
        Self::Common(refusal)
    }
}

impl Refusal {
    /// Returns a refusal of the shape of one field: of the payload by its pointer, of the envelope by its name.
    pub fn field(pointer: &str, en: &str, zh: &str) -> Self {
        Self::Schema(vec![Problem { pointer: pointer.into(), en: en.into(), zh: zh.into() }])
    }
}

/// Who proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Actor {
    /// The clock and the ledger itself.
    System,
    /// A member of staff.
    Employee {
        /// Who.
        id: EmployeeId,
        /// Acting as what.
        role: Role,
        /// From where.
        unit: UnitId,
    },
}

impl Actor {
    /// Returns who acted, as an entry names them.
    pub fn of(entry: &Entry) -> Option<Self> {
        if entry.actor == "system" {
            return Some(Self::System);
        }
        Some(Self::Employee {
            id: entry.actor.parse().ok()?,
            role: entry.actorrole.parse().ok()?,
            unit: entry.actorunit.parse().ok()?,
        })
    }

    /// Returns the employee, unless it is the system.
    pub fn employee(&self) -> Option<&EmployeeId> {
        match self {
            Self::System => None,
            Self::Employee { id, .. } => Some(id),
        }
    }

    /// Returns the role acted as.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::System => None,
            Self::Employee { role, .. } => Some(*role),
        }
    }

    /// Returns the unit acted from.
    pub fn unit(&self) -> Option<&UnitId> {
        match self {
            Self::System => None,
            Self::Employee { unit, .. } => Some(unit),
        }
    }
}

/// What a decision knows besides the state: time, the asker, and what was fetched beforehand.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The moment of recording.
    pub at: Timestamp,
    /// The business time.
    pub occurred_at: Timestamp,
    /// Why it is late, if it is.
    pub late_reason: Option<&'a str>,
    /// Who proposes, as what, from where.
    pub actor: &'a Actor,
    /// The id of the proposal.
    pub id: &'a EntryId,
    /// What the event is about.
    pub about: &'a About,
    /// Who approved, when the event is admitted on approval.
    pub approvals: &'a [EmployeeId],
    /// Facts of ended streams, fetched before the decision.
    pub fetched: &'a Fetched,
}

/// Facts that the state no longer holds, fetched from the store by the door.
#[derive(Clone, Debug, Default)]
pub struct Fetched {
    /// Recorded sales by their id.
    pub sales: BTreeMap<String, sale::Recorded>,
    /// Whether a file comes with the proposal, and what is known of it.
    pub file: document::Attached,
    /// Whether a meeting with the customer is among what a document is related to.
    pub meeting: bool,
    /// The type of the entry that somebody signs.
    pub signed: Option<String>,
    /// Another person of the customer who has the name proposed.
    pub namesake: Option<SubjectId>,
    /// What a verification of the range proposed found.
    pub verification: Option<Verification>,
    /// The last index and the head of the customer's stream, for whoever certifies an archive.
    pub archive: Option<(u64, Hash)>,
    /// What a correction or voiding proposed leads to, as it was judged.
    pub refold: Option<std::sync::Arc<Refold>>,
}

/// What a verification found.
#[derive(Clone, Debug)]
pub struct Verification {
    /// Intact or broken.
    pub result: Option<ledger::Verdict>,
    /// The first bad index.
    pub first_bad: Option<catalog::Count>,
    /// The hash of the last entry of the range.
    pub head_hash: Option<Hash>,
}

/// What an event is about: its primary stream and the customer it concerns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The primary stream.
    pub subject: StreamName,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
}

impl About {
    /// Is about a subject that concerns no customer.
    pub fn subject(subject: StreamName) -> Self {
        Self { subject, customer: None }
    }

    /// Is about a customer's own stream.
    pub fn customer(customer: CustomerId) -> Self {
        Self { subject: customer.stream(), customer: Some(customer) }
    }
}

/// Reads the customer out of the subject a caller must name, such as `contact/C-00042`.
///
/// # Errors
/// No subject is named, it is of another kind, or there is no such customer.
pub(crate) fn named_customer(
    world: &World,
    named: Option<&StreamName>,
    kind: &'static str,
) -> Result<CustomerId, Refusal> {
    let missing = || no_subject(kind, Referent::Customer);
    let named = named.ok_or_else(missing)?;
    let id = named.id().filter(|_| named.kind() == kind).ok_or_else(missing)?;
    let customer: CustomerId = id.parse().map_err(|_| missing())?;
    if world.customer.customers.contains_key(&customer) {
        return Ok(customer);
    }
    Err(common::Refusal::Unknown { pointer: "subject".into(), what: "customer".into(), id: id.into() }.into())
}

/// Refuses a proposal that names no subject, or one of another kind.
pub(crate) fn no_subject(stream: &'static str, of: Referent) -> common::Refusal {
    common::Refusal::NoSubject { example: Subject { stream, of, part: None }.to_string() }
}

/// One event a decision lets in.
#[derive(Clone, Debug)]
pub struct Admission {
    /// The event, computed fields filled in.
    pub event: Event,
    /// What it is about.
    pub about: About,
    /// Who it is entered for, where that is not who proposed: an approved event is its first proposer's.
    pub actor: Option<Actor>,
    /// The id it is entered under; the proposal's own for the first.
    pub id: Option<EntryId>,
    /// Business time and reason, where they are not the proposal's.
    pub times: Option<(Timestamp, Option<String>)>,
}

impl Admission {
    /// Lets in the proposal itself.
    pub fn of(event: impl Into<Event>, context: &Context<'_>) -> Self {
        Self { event: event.into(), about: context.about.clone(), actor: None, id: None, times: None }
    }
}

/// The facts of an entry that a fold reads besides the event.
#[derive(Clone, Copy, Debug)]
pub struct Fact<'a> {
    /// The entry's index.
    pub index: u64,
    /// Its id.
    pub id: &'a EntryId,
    /// Recorded at.
    pub at: Timestamp,
    /// Business time.
    pub occurred_at: Timestamp,
    /// Who.
    pub actor: &'a Actor,
    /// What it is about.
    pub subject: &'a StreamName,
}

impl Fact<'_> {
    /// Returns the customer named by the subject, as in `contact/C-00042`.
    pub fn customer(&self) -> Option<CustomerId> {
        self.subject.id()?.parse().ok()
    }
}

impl World {
    /// Tells whether something of that kind and id exists; `None` if only the store can tell.
    pub fn knows(&self, referent: Referent, id: &str) -> Option<bool> {
        match referent {
            Referent::Customer => {
                Some(id.parse().is_ok_and(|id: CustomerId| self.customer.customers.contains_key(&id)))
            }
            Referent::Employee => Some(id.parse().is_ok_and(|id: EmployeeId| self.employee.members.contains_key(&id))),
            Referent::Unit => Some(id.parse().is_ok_and(|id: UnitId| self.organization.units.contains_key(&id))),
            Referent::Person => Some(id.parse().is_ok_and(|id: SubjectId| self.person.people.contains_key(&id))),
            Referent::Grant => Some(id.parse().is_ok_and(|id: SubjectId| self.grant.open.contains_key(&id))),
            Referent::Loan => Some(id.parse().is_ok_and(|id: SubjectId| self.loan.out.contains_key(&id))),
            Referent::Anomaly => Some(id.parse().is_ok_and(|id: SubjectId| self.anomaly.open.contains_key(&id))),
            Referent::Sale | Referent::Document | Referent::Record => None,
            Referent::Elsewhere(_) => Some(false),
        }
    }

    /// Returns the calendar date of `at` in the ledger's zone.
    pub fn date(&self, at: Timestamp) -> Date {
        self.ledger.zone.date(at)
    }
}

/// neither in the future nor late without a reason.
fn check_time(world: &World, context: &Context<'_>, name: &str) -> Result<(), Refusal> {
    if context.occurred_at > context.at.plus(std::time::Duration::from_secs(300)) {
        return Err(common::Refusal::Future.into());
    }
    // What was approved is admitted under the business time of the first proposal.
    if !context.approvals.is_empty() || *context.actor == Actor::System {
        return Ok(());
    }
    let hours = policy::parameter(world, context.actor.unit(), context.at, "p.backdate.hours");
    let kind = catalog::find(name);
    // A date has no hour: a day counts as over only when it is.
    let day =
        kind.and_then(|kind| kind.field(kind.occurred?)).is_some_and(|field| matches!(field.kind, catalog::Kind::Date));
    let grace = std::time::Duration::from_secs(3600 * (u64::try_from(hours).unwrap_or(0) + if day { 24 } else { 0 }));
    if context.at.since(context.occurred_at) > grace && context.late_reason.is_none() {
        return Err(common::Refusal::Late { hours }.into());
    }
    Ok(())
}

/// Tells whether an amount in fen more would bring its year, or all years together, beyond what can be written down.
pub(crate) fn beyond_counting(years: &imbl::OrdMap<i32, i64>, year: i32, more: i64) -> bool {
    let most = i128::from(catalog::INTEGER_MAX);
    let all: i128 = years.values().map(|total| i128::from(*total)).sum();
    let this = i128::from(years.get(&year).copied().unwrap_or(0));
    this + i128::from(more) > most || all + i128::from(more) > most
}

/// Returns the first day of the period that a field named `period` names.
///
/// # Errors
/// It is no month, quarter, half or year.
pub(crate) fn period_begins(period: &str) -> Result<Date, Refusal> {
    let first = || {
        let (year, part) = period.split_at_checked(4)?;
        let year: i32 = year.bytes().all(|byte| byte.is_ascii_digit()).then(|| year.parse().ok())??;
        let month = match part {
            "" | "Q1" | "H1" => 1,
            "Q2" => 4,
            "Q3" | "H2" => 7,
            "Q4" => 10,
            _ => return format!("{period}-01").parse().ok(),
        };
        Date::new(year, month, 1)
    };
    let en = "must be a month 2026-03, a quarter 2026Q1, a half 2026H1 or a year 2026";
    first().ok_or_else(|| Refusal::field("/period", en, "须为月2026-03、季2026Q1、半年2026H1或年2026"))
}

/// Fills a computed field, or checks the value supplied for it.
pub(crate) fn computed<T: PartialEq + Serialize>(
    field: &str,
    supplied: Option<T>,
    computed: Option<T>,
) -> Result<Option<T>, Refusal> {
    match supplied {
        Some(supplied) if Some(&supplied) != computed.as_ref() => {
            let computed = computed.and_then(|value| serde_json::to_value(value).ok()).unwrap_or(Value::Null);
            let computed = computed.as_str().map_or_else(|| computed.to_string(), str::to_owned);
            Err(common::Refusal::NotComputed { field: field.into(), computed }.into())
        }
        _ => Ok(computed),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use std::time::Duration;

    use serde_json::json;

    use super::testing::{NOW, contact, customer, given, policy as adopted, sold};
    use super::*;

    #[test]
    fn business_time_is_at_most_five_minutes_ahead() {
        let given = given([("E-101", customer("C-01", "Heyuan"))]);
        let ahead = |seconds, micros| given.at.plus(Duration::from_secs(seconds)).plus(Duration::from_micros(micros));
        for who in ["E-101", "system"] {
            given.when(who, contact("C-01", &["E-101"]).with("at", json!(ahead(300, 0)))).admitted();
            given
                .when(who, contact("C-01", &["E-101"]).with("at", json!(ahead(300, 1))))
                .then_refused(Code::E_RULE, "R-011");
            given.when(who, customer("C-02", "Linhai").occurred(ahead(300, 1))).then_refused(Code::E_RULE, "R-011");
        }
    }

    #[test]
    fn what_is_recorded_more_than_a_day_later_needs_a_reason() {
        let given = given([("E-101", customer("C-01", "Heyuan"))]);
        let day = Duration::from_secs(86_400);
        given.clone().later(day).when("E-101", contact("C-01", &["E-101"])).then(["contact.recorded"]);
        let late = given.later(day).later(Duration::from_micros(1));
        let words = late.when("E-101", contact("C-01", &["E-101"])).then_refused(Code::E_LATE, "R-011");
        assert!(words.contains("24 hours"));
        late.when("E-101", contact("C-01", &["E-101"]).late("was ill")).then(["contact.recorded"]);
        late.when("system", contact("C-01", &["E-101"])).then(["contact.recorded"]);
        let patient = late.and(
            "system",
            adopted("north", json!({}), json!({ "p.backdate.hours": 48 })).with("effective_at", "2026-03-04T00:00:00Z"),
        );
        patient.when("E-101", contact("C-01", &["E-101"])).then_refused(Code::E_LATE, "R-011");
        let patient = patient.at("2026-03-04T08:00:00+08:00");
        patient.when("E-101", contact("C-01", &["E-101"])).then(["contact.recorded"]);
        patient.when("E-501", contact("C-01", &["E-101"])).then_refused(Code::E_LATE, "R-011");
    }

    #[test]
    fn what_was_proposed_in_time_is_not_late_when_it_is_approved() {
        let given = given([])
            .when("E-002", testing::role_given("E-101", "customer_manager", "north").id("ask-0001"))
            .admitted();
        let given = given.at("2026-03-12T10:00:00+08:00");
        let consent = testing::event("approval.given", json!({ "request_id": "ask-0001" }));
        given.when("E-201", consent).then(["approval.given", "employee.roles_changed"]);
    }

    #[test]
    fn a_month_after_the_thirty_first_of_january_is_the_last_of_february() {
        let day = |text: &str| testing::day(text);
        for (from, months, to) in [
            ("2026-01-31", 1, "2026-02-28"),
            ("2024-01-31", 1, "2024-02-29"),
            ("2026-03-31", 1, "2026-04-30"),
            ("2026-01-31", 2, "2026-03-31"),
        ] {
            assert_eq!(day(from).plus_months(months), day(to));
        }
        assert_eq!(day("2026-03-31").minus_months(1), day("2026-02-28"));
    }

    #[test]
    fn a_subject_that_is_not_the_datas_own_is_refused() {
        let given = given([("E-101", customer("C-01", "Heyuan"))]);
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).about("sale/S-2")).then_refused(Code::E_SCHEMA, "");
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).about("sale/S-1")).admitted();
        given.when("E-002", testing::unit("x", None, None, &[]).about("org/y")).then_refused(Code::E_SCHEMA, "");
        let named = given.when("E-101", testing::customer_status("C-01", "terminated").about("contact/C-01"));
        named.then_refused(Code::E_SCHEMA, "");
    }

    #[test]
    fn a_business_date_is_one_of_the_ledgers_zone() {
        let given = given([]);
        assert_eq!(given.world.date("2026-03-01T15:59:59.999999Z".parse().unwrap()).to_string(), "2026-03-01");
        assert_eq!(given.world.date("2026-03-01T16:00:00Z".parse().unwrap()).to_string(), "2026-03-02");
        assert_eq!(given.at, NOW.parse().unwrap());
    }

    #[test]
    fn the_world_knows_what_there_is_and_leaves_the_rest_to_the_store() {
        let world = given([("E-101", customer("C-01", "Heyuan"))]).world;
        for (referent, there, not_there) in [
            (Referent::Customer, "C-01", "C-02"),
            (Referent::Employee, "E-101", "E-999"),
            (Referent::Unit, "north", "west"),
        ] {
            assert_eq!((world.knows(referent, there), world.knows(referent, not_there)), (Some(true), Some(false)));
            assert_eq!(world.knows(referent, "not an id"), Some(false));
        }
        assert_eq!((world.knows(Referent::Sale, "S-1"), world.knows(Referent::Record, "entry-00001")), (None, None));
        assert_eq!(world.knows(Referent::Elsewhere("contract"), "K-1"), Some(false));
    }

    #[test]
    fn the_world_reads_back_from_its_snapshot() {
        let given = given([("E-101", customer("C-01", "Heyuan")), ("E-401", sold("S-1", "C-01", "2026-03-02", 5))]);
        let given = given.and("E-101", testing::grade_proposed("C-01", "B"));
        let given = given.when("E-002", testing::role_given("E-101", "customer_manager", "north")).admitted();
        let bytes = postcard::to_stdvec(&given.world).unwrap();
        let back: World = postcard::from_bytes(&bytes).unwrap();
        assert_eq!(postcard::to_stdvec(&back).unwrap(), bytes);
        assert_eq!(format!("{back:?}"), format!("{:?}", given.world));
    }

    #[test]
    fn every_refusal_is_told_in_both_languages_with_the_same_particulars() {
        // What is called otherwise in Chinese is written as `{name:#}` there.
        let holes = |text: &str| -> Vec<String> {
            let mut holes: Vec<String> = text
                .split('{')
                .skip(1)
                .filter_map(|rest| Some(rest.split_once('}')?.0.trim_end_matches(":#").to_owned()))
                .collect();
            holes.sort();
            holes
        };
        for (name, en, zh) in Refusal::phrases() {
            assert!(!en.is_empty() && !en.ends_with('.'), "{name}: {en}");
            assert!(zh.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c)), "{name}: {zh}");
            assert_eq!(holes(en), holes(zh), "{name}");
        }
    }

    #[test]
    fn every_refusal_cites_a_rule_by_its_number_or_none() {
        let refusals = Refusal::all();
        assert_eq!(refusals.len(), Refusal::phrases().len());
        for (module, name, _, rule) in refusals {
            let numbered = rule.split_once('-').is_some_and(|(kind, number)| {
                matches!(kind, "R" | "SM") && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            });
            assert!(rule.is_empty() || numbered, "{module} {name}: {rule}");
        }
    }

    /// Refusals of what was typed that are about no one field, each with why.
    const OF_NO_FIELD: &[(&str, &str, &str)] = &[
        ("common", "Unknown", "wherever it was typed, which the refusal says itself"),
        ("common", "Future", "of what the envelope says, or the data"),
        ("common", "Stale", "of a version, not of what was typed"),
        ("common", "IdTaken", "of the envelope"),
        ("common", "SubjectTaken", "of whichever subject the event begins"),
        ("common", "TooLarge", "all of it together"),
        ("common", "BatchTooLarge", "all of them together"),
        ("approval", "NotProposed", "nobody types the request"),
        ("calendar", "OtherYear", "the day stands among those off or those made up"),
        ("calendar", "Unchanged", "it is the whole table"),
        ("customer", "Duplicate", "the name or the number, at a registration or in an update"),
        ("customer", "Computed", "wherever it was typed"),
        ("customer", "Secret", "wherever it was typed"),
        ("customer", "ContractsMissing", "what is missing is no field"),
        ("obligation", "LevelTaken", "the clock alone enters it"),
        ("obligation", "Twice", "no deadline would do"),
        ("person", "ConsentMissing", "at a record or in an update"),
        ("privacy", "Held", "no field would do"),
    ];

    #[test]
    fn what_is_wrong_with_what_was_typed_is_said_of_its_field() {
        let typed = |code: &Code| matches!(code, Code::E_SCHEMA | Code::E_RULE | Code::E_REF | Code::E_CONFLICT);
        let unplaced: BTreeSet<(&str, &str)> = Refusal::placed()
            .into_iter()
            .filter(|(_, _, code, at)| typed(code) && at.is_none())
            .map(|(module, name, ..)| (module, name))
            .collect();
        assert_eq!(unplaced, OF_NO_FIELD.iter().map(|(module, name, _)| (*module, *name)).collect());
    }

    #[test]
    fn a_payload_is_written_with_its_keys_in_canonical_order_at_every_depth() {
        let promise = json!({ "text": "drawings", "responsible": "E-101", "promise_id": "PR-1", "due": "2026-03-09" });
        let data = given([("E-101", customer("C-01", "Heyuan"))])
            .when("E-101", contact("C-01", &["E-101"]).with("promises", json!([promise])))
            .data();
        assert_eq!(data.to_string(), serde_json_canonicalizer::to_string(&data).unwrap());
    }

    #[test]
    fn a_computed_field_may_be_left_out_or_must_agree() {
        assert_eq!(computed("f", None, Some(1)).unwrap(), Some(1));
        assert_eq!(computed("f", Some(1), Some(1)).unwrap(), Some(1));
        assert_eq!(computed::<i64>("f", None, None).unwrap(), None);
        assert_eq!(computed("f", Some(2), Some(1)).unwrap_err().grounds(), (Code::E_RULE, "R-042"));
        assert_eq!(computed("f", Some(2), None).unwrap_err().grounds(), (Code::E_RULE, "R-042"));
    }
}
