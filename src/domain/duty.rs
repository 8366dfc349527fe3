//! Duties: what a row of the rules' table of obligations is declared as, and how a module opens and closes one (§5).

use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::role::Role;
use crate::ids::{CustomerId, EmployeeId, EntryId};

/// One row of the table of obligations: a duty with a deadline.
///
/// A module declares its duties beside the events that open and close them; what it opens and closes it tells a [`Sink`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// The number of its row.
    pub number: u8,
    /// The rule that asks for it.
    pub rule: &'static str,
    /// What is to be done, in Chinese.
    pub zh: &'static str,
    /// What is to be done, in English.
    pub en: &'static str,
    /// The type of event that fulfils it, where a form may be offered for it.
    pub met_by: &'static str,
}

impl Duty {
    /// Returns the row's name, such as `OB-13`.
    pub fn id(&self) -> String {
        format!("OB-{:02}", self.number)
    }
}

/// By when something is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// By that instant.
    At(Timestamp),
    /// By the end of that day, its last instant included.
    EndOf(Date),
    /// By the end of the so many-th working day after the trigger.
    WorkingDays(u32),
    /// By the end of the so many-th working day after that instant, where nobody could know of the trigger before.
    WorkingDaysSince(Timestamp, u32),
    /// Before more than so many minutes of working time have passed since the trigger.
    WorkingMinutes(u32),
}

/// Who answers for a duty; found out when it is asked for, so that it moves along with the office or the customer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Charge {
    /// This person.
    Person(EmployeeId),
    /// Whoever owns the customer.
    Owner(CustomerId),
    /// The head of the unit that the customer's owner works in.
    OwnersHead(CustomerId),
    /// Everybody who holds the role.
    Holders(Role),
}

/// An obligation to be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The duty.
    pub duty: &'static Duty,
    /// What it is about, which is what closes it: `C-00042`, `C-00042/PR-1`, `2026`.
    pub object: String,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
    /// Who answers for it.
    pub charges: Vec<Charge>,
    /// By when.
    pub due: Due,
    /// The day it is counted from, where a later one takes its place.
    pub since: Option<Date>,
}

impl Opening {
    fn about(duty: &'static Duty, object: String, customer: &CustomerId, charge: Charge, due: Due) -> Self {
        Self { duty, object, customer: Some(customer.clone()), charges: vec![charge], due, since: None }
    }

    /// Tells whether it is counted from no later day than what is open already.
    pub fn stands_in(&self, open: Option<Date>) -> bool {
        self.since.is_some_and(|day| open >= Some(day))
    }
}

/// A duty that is done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// The duty.
    pub duty: &'static Duty,
    /// What it is about, or the entry that asked for it.
    pub object: String,
    /// The last period or day it is done for, where it recurs.
    pub until: Option<String>,
    /// Whether it is fulfilled; else nobody owes it any more.
    pub met: bool,
}

/// What an event opens and closes, as its module tells.
#[derive(Clone, Debug, Default)]
pub struct Sink {
    /// What it closes; that comes first.
    pub closings: Vec<Closing>,
    /// What it opens.
    pub openings: Vec<Opening>,
    /// What it opens unless the same duty about the same is open.
    pub once: Vec<Opening>,
}

impl Sink {
    /// Closes a duty about something: it is fulfilled.
    pub fn close(&mut self, duty: &'static Duty, object: impl Into<String>) {
        self.closings.push(Closing { duty, object: object.into(), until: None, met: true });
    }

    /// Closes a duty about something that nobody owes any more.
    pub fn release(&mut self, duty: &'static Duty, object: impl Into<String>) {
        self.closings.push(Closing { duty, object: object.into(), until: None, met: false });
    }

    /// Closes a recurring duty for all periods up to one.
    pub fn close_until(&mut self, duty: &'static Duty, object: impl Into<String>, period: &str) {
        self.closings.push(Closing { duty, object: object.into(), until: Some(period.to_owned()), met: true });
    }

    /// Opens a duty about a customer.
    pub fn open(
        &mut self,
        duty: &'static Duty,
        object: impl Into<String>,
        customer: &CustomerId,
        charge: Charge,
        due: Due,
    ) {
        self.openings.push(Opening::about(duty, object.into(), customer, charge, due));
    }

    /// Opens a duty about a customer that is counted from `day`, unless one counted from that day or a later one stands.
    pub fn open_since(&mut self, day: Date, duty: &'static Duty, customer: &CustomerId, charge: Charge, due: Due) {
        let opening = Opening::about(duty, customer.to_string(), customer, charge, due);
        self.openings.push(Opening { since: Some(day), ..opening });
    }

    /// Opens a duty about a customer, unless it is open: asking again gives no more time.
    pub fn open_once(
        &mut self,
        duty: &'static Duty,
        object: impl Into<String>,
        customer: &CustomerId,
        charge: Charge,
        due: Due,
    ) {
        self.once.push(Opening::about(duty, object.into(), customer, charge, due));
    }
}

/// A period that has ended, or begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// A month has ended; its year and number from 1, and the day after it.
    MonthEnded {
        /// Its year.
        year: i32,
        /// Its number from 1.
        month: u32,
        /// The first day after it.
        after: Date,
    },
    /// A quarter has ended; its name such as `2026Q1`, and the day after it.
    QuarterEnded {
        /// Its year.
        year: i32,
        /// Its number from 1.
        quarter: u32,
        /// The first day after it.
        after: Date,
    },
    /// A year has begun.
    YearBegun {
        /// The year.
        year: i32,
    },
}

/// What opened an obligation: an event, or a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trigger {
    /// The entry of that id.
    Entry(EntryId),
    /// The period of that name.
    Period(String),
}

impl Trigger {
    /// Returns the entry's id or the period's name.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Entry(id) => id.as_str(),
            Self::Period(name) => name,
        }
    }
}

/// Returns the first day of the month after `day`'s own.
pub(super) fn next_turn(day: Date) -> Date {
    let (year, month) = if day.month() == 12 { (day.year() + 1, 1) } else { (day.year(), day.month() + 1) };
    Date::new(year, month, 1).unwrap_or(day)
}

/// Returns what ends and begins with the first day of a month.
pub(super) fn turns_on(first: Date) -> Vec<Turn> {
    let last = first.previous();
    let (year, month) = (last.year(), last.month());
    let mut turns = vec![Turn::MonthEnded { year, month, after: first }];
    if month.is_multiple_of(3) {
        turns.push(Turn::QuarterEnded { year, quarter: month / 3, after: first });
    }
    if month == 12 {
        turns.push(Turn::YearBegun { year: first.year() });
    }
    turns
}

/// An instant that nothing lies behind.
pub(super) const NEVER: Timestamp = Timestamp::LAST;
