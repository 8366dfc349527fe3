//! When an obligation is due: by an instant, or counted in working time as far as the tables of the calendars tell.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::duty::NEVER;
use crate::domain::escalation::responsible;
use crate::domain::obligation::Open;
use crate::domain::worktime::{Counted, NoTable, Stretch};
use crate::domain::{World, calendar, policy};
use crate::ids::{SubjectId, UnitId};

/// A deadline, as far as it can be told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Deadline {
    /// It is known.
    At {
        /// The last instant that is in time.
        due: Timestamp,
        /// How working time was counted, where it was.
        counted: Option<Basis>,
    },
    /// It takes a table that nobody has entered yet.
    NoTable {
        /// The calendar.
        calendar: String,
        /// The year without a table.
        year: i32,
        /// From when to count.
        from: Timestamp,
        /// So many working days, or minutes of working time.
        count: (u32, Unit),
    },
}

/// What working time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Working days.
    Days,
    /// Minutes of working time.
    Minutes,
}

/// How a deadline was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The calendar.
    pub calendar: String,
    /// The last year whose table was used, and its version.
    pub table: (i32, i64),
    /// The stretches counted.
    pub stretches: Vec<Stretch>,
}

/// Counts working time on the calendar of whoever answers.
pub(super) fn count(world: &World, open: &Open, from: Timestamp, count: (u32, Unit), at: Timestamp) -> Deadline {
    let unit = unit_of(world, open, at);
    let worktime = calendar::worktime(world, unit.as_ref(), at);
    let counted = match count {
        (days, Unit::Days) => worktime.days_after(world.date(from), days),
        (minutes, Unit::Minutes) => worktime.after(from, std::time::Duration::from_secs(u64::from(minutes) * 60)),
    };
    match counted {
        Ok(Counted { due, stretches, year }) => {
            let version = (worktime.table)(year).map_or(0, |table| table.version);
            let basis = Basis { calendar: worktime.calendar, table: (year, version), stretches };
            Deadline::At { due, counted: Some(basis) }
        }
        Err(NoTable { calendar, year }) => Deadline::NoTable { calendar, year, from, count },
    }
}

/// Finds when the clock looks at an obligation next, as far as the tables tell.
pub(super) fn reschedule(world: &mut World, id: &SubjectId) {
    let Some(mut open) = world.obligation.open.get(id).map(|open| Open::clone(open)) else { return };
    let at = open.opened_at;
    if let Deadline::NoTable { from, count: counts, .. } = open.deadline {
        open.deadline = count(world, &open, from, counts, at);
    }
    let next = next_level(world, &open);
    world.obligation.open.insert(id.clone(), Arc::new(open));
    world.obligation.schedule(id, next);
}

/// After which instant the next level is entered: the deadline, then the days of R-019 after it.
fn next_level(world: &World, open: &Open) -> Option<Timestamp> {
    let due = open.due()?;
    let unit = unit_of(world, open, due);
    let [second, third] = policy::days(world, unit.as_ref(), due, "p.escalate.days");
    let days = match open.level {
        0 => return Some(due),
        1 => second,
        2 => third,
        _ => return Some(NEVER),
    };
    let last = world.date(due.minus(std::time::Duration::from_micros(1)));
    let worktime = calendar::worktime(world, unit.as_ref(), due);
    worktime.days_after(last, days).ok().map(|counted| counted.due)
}

/// The unit whose working time counts: that of whoever answers first, or else of whom it passes to.
fn unit_of(world: &World, open: &Open, at: Timestamp) -> Option<UnitId> {
    let first = responsible(world, open, at).into_iter().next()?;
    world.employee.members.get(&first).map(|member| member.unit.clone())
}
