//! Obligations: what is due from whom and by when, what was extended, and what the clock enters when it is not done.
//!
//! They open and close with the entries of the modules that declare their duties; no entry of their own says so.

use std::sync::Arc;

use imbl::{OrdMap, OrdSet};
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{Count, Int, Str, Text, events, objects, refusals};
use crate::domain::duty::{Charge, Duty, NEVER, Trigger};
use crate::domain::escalation::stands_above;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, SubjectId};

mod amended;
mod deadline;
mod opening;
mod turn;
mod watch;

pub use self::deadline::{Basis, Deadline, Unit};
pub use self::opening::{PREFIX, duties, duty, duty_of, oblige};
pub use self::turn::turned;
pub use self::watch::Watch;
pub(super) use self::{
    amended::refold,
    opening::{concerns, done_late, follow},
    turn::turn_to,
};

objects! {
    /// A stretch of working time that counts towards a deadline.
    Span {
        /// Its first instant.
        from: Timestamp, C1, "起", "From";
        /// The instant it ends before.
        to: Timestamp, C1, "止", "To";
    }
    /// How working time was counted: it is never counted again another way.
    Counting {
        /// The working calendar.
        calendar: Str<1, 40>, C1, "工作日历", "Calendar";
        /// The last year whose table was used.
        year: Int<1900, 9999>, C1, "年度", "Year";
        /// The version of that table.
        version: Count, C1, "日历版本", "Version";
        /// What was counted.
        counted: Vec<Span>, C1, "计入时段", "Counted";
    }
}

events! {
    /// Something was not done by its deadline; entered once per level of escalation.
    Breached "obligation.breached" "逾期" "Obligation overdue" by system {
        /// The obligation; it begins with the number of the duty.
        obligation: SubjectId, C1, "义务编号", "Obligation";
        /// What opened it, unless a period did.
        trigger_event: Option<EntryId>, C1, "触发事件", "Trigger";
        /// The period that opened it, or the day it is counted from.
        period: Option<Str<1, 10>>, C1, "所属期间", "Period";
        /// What it is about.
        object: Str<1, 100>, C1, "对象", "Object";
        /// The last instant it was in time.
        due_at: Timestamp, C1, "期限", "Due";
        /// How the deadline was counted in working time.
        counting: Option<Counting>, C1, "期限计算", "Counting";
        /// How far it is reported upward.
        level: Int<1, 3>, C1, "升级级别", "Level";
        /// Who answers for it.
        responsible: Vec<EmployeeId>, C7, "责任人", "Responsible";
        /// To whom it is reported; nobody where nobody is left above.
        escalated_to: Vec<EmployeeId>, C7, "上报对象", "Escalated to";
    }
    /// Somebody above gives more time.
    Extended "obligation.extended" "延期" "Obligation extended" is decision {
        /// The obligation.
        obligation: SubjectId, C1, "义务编号", "Obligation";
        /// The deadline before.
        old_due: Option<Timestamp>, C1, "原期限", "Due before", computed;
        /// The new deadline.
        new_due: Timestamp, C1, "新期限", "New deadline";
        /// What is done by when.
        schedule: Option<Text>, C1, "具体日程安排", "Schedule";
        /// Why.
        reason: Text, C1, "原因", "Reason";
    }
}

/// An open obligation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The number of its duty.
    pub duty: u8,
    /// What it is about.
    pub object: String,
    /// The customer concerned.
    pub customer: Option<CustomerId>,
    /// What opened it.
    pub trigger: Trigger,
    /// The entry that asks for it, unless a period does; what opened it is another where a correction did.
    opener: Option<EntryId>,
    /// The day it is counted from, where a later one takes its place.
    since: Option<Date>,
    /// Who answers for it.
    pub charges: Vec<Charge>,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// The last instant that is in time.
    pub deadline: Deadline,
    /// How often it was extended.
    pub extensions: u8,
    /// The highest level entered.
    pub level: u8,
    /// After which instant the clock enters the next level.
    next: Timestamp,
}

impl Open {
    /// Returns the last instant in time, where it can be told.
    pub fn due(&self) -> Option<Timestamp> {
        match self.deadline {
            Deadline::At { due, .. } => Some(due),
            Deadline::NoTable { .. } => None,
        }
    }

    /// Tells whether it is owed all the same when something is done for what came up to `until`: for a later period, or counted from that
    /// day or a later one.
    fn outlasts(&self, until: Option<&str>) -> bool {
        let Some(until) = until else { return false };
        match (&self.trigger, self.since) {
            (_, Some(day)) => outlasts(day, until),
            (Trigger::Period(period), None) => period.as_str() > until,
            (Trigger::Entry(_), None) => false,
        }
    }

    /// Returns what it is found by: what it is about, and the entry that asks for it where that is something else.
    fn names(&self) -> impl Iterator<Item = &str> {
        let opener = self.opener.as_ref().map(EntryId::as_str).filter(|opener| *opener != self.object);
        std::iter::once(self.object.as_str()).chain(opener)
    }

    /// Returns the duty.
    pub fn duty(&self) -> Option<&'static Duty> {
        duty(self.duty)
    }
}

/// Tells whether what is counted from a day is owed all the same when something is done on the day `until`: what is done twice on a day
/// is counted from once.
fn outlasts(day: Date, until: &str) -> bool {
    day.to_string().as_str() >= until
}

/// The open obligations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By id; shared, as most of them are copied with their neighbours and not changed.
    pub open: OrdMap<SubjectId, Arc<Open>>,
    /// By duty and object, and by duty and the entry that asks for it.
    objects: OrdMap<(u8, Arc<str>), Arc<[SubjectId]>>,
    /// When the clock has something to enter, earliest first.
    queue: OrdSet<(Timestamp, SubjectId)>,
    /// Those that wait for a table of a working calendar.
    waiting: OrdSet<SubjectId>,
    /// When the next month begins.
    turn_at: Timestamp,
}

impl State {
    /// Tells how the duty about something, or asked for by an entry, stands, if it is open.
    pub fn about(&self, duty: &Duty, object: &str) -> impl Iterator<Item = (&SubjectId, &Open)> {
        self.named(duty.number, object).iter().filter_map(|id| Some((id, self.open.get(id)?.as_ref())))
    }

    /// Returns the ids of what is found by a name.
    fn named(&self, duty: u8, name: &str) -> &[SubjectId] {
        self.objects.get(&(duty, name.into())).map_or(&[], |ids| ids)
    }

    fn put(&mut self, id: &SubjectId, open: Open) {
        for name in open.names() {
            let ids = self.named(open.duty, name).iter().chain([id]).cloned().collect();
            self.objects.insert((open.duty, name.into()), ids);
        }
        self.open.insert(id.clone(), Arc::new(open));
    }

    fn close(&mut self, id: &SubjectId) {
        let Some(open) = self.open.remove(id) else { return };
        self.queue.remove(&(open.next, id.clone()));
        self.waiting.remove(id);
        for name in open.names() {
            let left: Arc<[SubjectId]> = self.named(open.duty, name).iter().filter(|other| *other != id).cloned().collect();
            let key = (open.duty, name.into());
            match left.is_empty() {
                true => self.objects.remove(&key),
                false => self.objects.insert(key, left),
            };
        }
    }

    /// Says when the clock looks at an obligation next; `None` where that takes a table nobody has entered yet.
    fn schedule(&mut self, id: &SubjectId, next: Option<Timestamp>) {
        let Some(open) = self.open.get_mut(id).map(Arc::make_mut) else { return };
        self.queue.remove(&(open.next, id.clone()));
        open.next = next.unwrap_or(NEVER);
        if open.next != NEVER {
            self.queue.insert((open.next, id.clone()));
        }
        match next {
            Some(_) => self.waiting.remove(id),
            None => self.waiting.insert(id.clone()),
        };
    }
}

refusals! {
    /// No such open obligation.
    NotOpen { obligation: String } => E_STATE "R-020" at "/obligation", "obligation \"{obligation}\" is not open", "义务“{obligation}”不存在或已办结";
    /// The level is entered.
    LevelTaken { level: i64 } => E_CONFLICT "R-019", "level {level} is entered already", "第{level}级逾期已记录";
    /// The deadline is not over.
    NotDue => E_STATE "R-019", "the deadline is not over", "期限未到";
    /// The responsible alone gives no more time.
    OwnDuty => E_SOD "R-020", "more time is given by somebody above who answers for it", "延期须由责任人的上级批准";
    /// It is too late for more time.
    Over => E_LATE "R-020", "the deadline is over; more time is given before", "期限已过，延期须事先批准";
    /// Twice is the most.
    Twice => E_RULE "R-020", "it has been extended twice already", "已延期两次，不得再延";
    /// The new deadline is no later.
    NoLater => E_RULE "R-020" at "/new_due", "the new deadline is not after the one before", "新期限须晚于原期限";
    /// The deadline cannot be told yet.
    Undated { calendar: String, year: i32 } => E_POLICY "R-017",
        "calendar \"{calendar}\" has no table for {year}: enter the notice first (calendar.adopted)", "工作日历“{calendar}”尚无{year}年安排，请先记录放假通知（calendar.adopted）";
}

/// Says which stream the event belongs to: the obligation's, and the customer's it concerns.
pub(super) fn about(world: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let id = match event {
        Event::Breached(Breached { obligation, .. }) | Event::Extended(Extended { obligation, .. }) => obligation,
    };
    Ok(about_open(id, world.obligation.open.get(id).map(Arc::as_ref)))
}

fn about_open(id: &SubjectId, open: Option<&Open>) -> About {
    let subject = StreamName::of("obligation", id.as_str());
    About { subject, customer: open.and_then(|open| open.customer.clone()) }
}

/// Decides on a breach, which the clock enters, and on an extension.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let world = turned(world, context.at);
    let find = |id: &SubjectId| {
        world.obligation.open.get(id).ok_or_else(|| Refusal::NotOpen { obligation: id.to_string() })
    };
    let event = match event {
        Event::Breached(_) if *context.actor != Actor::System => return Err(common::Refusal::SystemOnly.into()),
        Event::Breached(breached) => {
            let open = find(&breached.obligation)?;
            if breached.level.0 <= open.level.into() {
                return Err(Refusal::LevelTaken { level: breached.level.0 }.into());
            }
            if breached.level.0 != i64::from(open.level) + 1 || context.at <= open.next {
                return Err(Refusal::NotDue.into());
            }
            Event::Breached(breached)
        }
        Event::Extended(extended) => {
            let open = find(&extended.obligation)?;
            let due = match &open.deadline {
                Deadline::At { due, .. } => *due,
                Deadline::NoTable { calendar, year, .. } => {
                    return Err(Refusal::Undated { calendar: calendar.clone(), year: *year }.into());
                }
            };
            let above = context.actor.employee().is_some_and(|actor| stands_above(&world, open, actor, context.at));
            if !above && *context.actor != Actor::System {
                return Err(Refusal::OwnDuty.into());
            }
            if context.at > due {
                return Err(Refusal::Over.into());
            }
            if open.extensions >= 2 {
                return Err(Refusal::Twice.into());
            }
            if extended.new_due <= due {
                return Err(Refusal::NoLater.into());
            }
            let old_due = domain::computed("old_due", extended.old_due, Some(due))?;
            Event::Extended(Extended { old_due, ..extended })
        }
    };
    Ok(vec![Admission::of(event, context)])
}

/// Takes over how far a breach is reported, and new deadlines.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    match event {
        Event::Breached(breached) => {
            if let Some(open) = state.open.get_mut(&breached.obligation).map(Arc::make_mut) {
                open.level = u8::try_from(breached.level.0).unwrap_or(3);
            }
        }
        Event::Extended(extended) => {
            if let Some(open) = state.open.get_mut(&extended.obligation).map(Arc::make_mut) {
                open.deadline = Deadline::At { due: extended.new_due, counted: None };
                open.extensions = open.extensions.saturating_add(1);
                state.schedule(&extended.obligation, Some(extended.new_due));
            }
        }
    }
}

/// Lets go of what is open of a customer; what opened it is taken over again.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    let of_part = |open: &Open| open.customer.as_ref().is_some_and(|customer| part.is(customer));
    let ids: Vec<SubjectId> = state.open.iter().filter(|(_, open)| of_part(open)).map(|(id, _)| id.clone()).collect();
    for id in ids {
        state.close(&id);
    }
}

#[cfg(test)]
mod tests;
