//! Obligations: what is due from whom and by when, what was extended, and what the clock enters when it is not done.
//!
//! They open and close with the entries of the modules that declare their duties; no entry of their own says so.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use imbl::{OrdMap, OrdSet, Vector};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::catalog::{Count, Int, Str, Text, events, objects, refusals};
use crate::domain::duty::{self, Charge, Due, Duty, NEVER, Opening, Sink, Trigger, Turn};
use crate::domain::escalation::{escalated, responsible, stands_above};
use crate::domain::history::{Live, Part, Refold};
use crate::domain::worktime::{Counted, NoTable, Stretch};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, calendar, common, contact, credit, customer, loan, person, policy};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, SubjectId, UnitId};

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
        /// The period that opened it.
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

impl Open {
    /// Returns the last instant in time, where it can be told.
    pub fn due(&self) -> Option<Timestamp> {
        match self.deadline {
            Deadline::At { due, .. } => Some(due),
            Deadline::NoTable { .. } => None,
        }
    }

    /// Returns the duty.
    pub fn duty(&self) -> Option<&'static Duty> {
        duty(self.duty)
    }
}

/// The open obligations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By id.
    pub open: OrdMap<SubjectId, Open>,
    /// By duty and object.
    objects: OrdMap<(u8, String), Vector<SubjectId>>,
    /// When the clock has something to enter, earliest first.
    queue: OrdSet<(Timestamp, SubjectId)>,
    /// Those that wait for a table of a working calendar.
    waiting: OrdSet<SubjectId>,
    /// When the next quarter begins.
    turn_at: Timestamp,
}

impl State {
    /// Tells how the duty about something stands, if it is open.
    pub fn about(&self, duty: &Duty, object: &str) -> impl Iterator<Item = (&SubjectId, &Open)> {
        let ids = self.objects.get(&(duty.number, object.to_owned()));
        ids.into_iter().flatten().filter_map(|id| self.open.get_key_value(id))
    }

    /// Finds what an entry opened about something, if it is still open.
    fn opened(&self, owed: &Key) -> Option<SubjectId> {
        let (duty, object, opener) = owed;
        let ids = self.objects.get(&(*duty, object.clone()))?;
        ids.iter().find(|id| self.open.get(*id).is_some_and(|open| open.opener.as_ref() == Some(opener))).cloned()
    }

    fn close(&mut self, id: &SubjectId) {
        let Some(open) = self.open.remove(id) else { return };
        self.queue.remove(&(open.next, id.clone()));
        self.waiting.remove(id);
        let key = (open.duty, open.object);
        if let Some(ids) = self.objects.get_mut(&key) {
            ids.retain(|other| other != id);
            if ids.is_empty() {
                self.objects.remove(&key);
            }
        }
    }

    /// Says when the clock looks at an obligation next; `None` where that takes a table nobody has entered yet.
    fn schedule(&mut self, id: &SubjectId, next: Option<Timestamp>) {
        let Some(open) = self.open.get_mut(id) else { return };
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

/// Lists every duty some module declares, in the order of the rules' table.
pub fn duties() -> Vec<&'static Duty> {
    let mut all = [contact::DUTIES, credit::DUTIES, customer::DUTIES, loan::DUTIES, policy::DUTIES].concat();
    all.sort_by_key(|duty| duty.number);
    all
}

/// Finds a duty by its number.
pub fn duty(number: u8) -> Option<&'static Duty> {
    duties().into_iter().find(|duty| duty.number == number)
}

/// Finds the duty an obligation's id begins with.
pub fn duty_of(obligation: &str) -> Option<&'static Duty> {
    duty(obligation.strip_prefix(PREFIX)?.get(..2)?.parse().ok()?)
}

/// What ids of obligations and of what the clock enters of them begin with; nobody else's may.
pub const PREFIX: &str = "OB-";

/// Tells the sink what an event opens and closes, by the module it belongs to.
pub fn oblige(world: &World, fact: &Fact<'_>, event: &domain::Event, sink: &mut Sink) {
    match event {
        domain::Event::Contact(event) => contact::oblige(world, fact, event, sink),
        domain::Event::Credit(event) => credit::oblige(world, fact, event, sink),
        domain::Event::Customer(event) => customer::oblige(world, fact, event, sink),
        domain::Event::Grade(event) => credit::oblige_by_grade(world, fact, event, sink),
        domain::Event::Loan(event) => loan::oblige(fact, event, sink),
        domain::Event::Person(event) => person::oblige(world, fact, event, sink),
        domain::Event::Policy(event) => policy::oblige(world, fact, event, sink),
        domain::Event::Ledger(_)
        | domain::Event::Organization(_)
        | domain::Event::Employee(_)
        | domain::Event::Approval(_)
        | domain::Event::Sale(_)
        | domain::Event::Payment(_)
        | domain::Event::Privacy(_)
        | domain::Event::Record(_)
        | domain::Event::Grant(_)
        | domain::Event::Anomaly(_)
        | domain::Event::Document(_)
        | domain::Event::Signoff(_)
        | domain::Event::Calendar(_)
        | domain::Event::Obligation(_)
        | domain::Event::Audit(_) => {}
    }
}

fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    credit::oblige_period(world, turn, sink);
    customer::oblige_period(world, turn, sink);
    policy::oblige_period(world, turn, sink);
}

/// Opens what time alone has opened since the last entry; comes before an entry is taken over.
pub(super) fn turn_to(world: &mut World, at: Timestamp) {
    // Most entries fall into the quarter of the one before.
    if at >= world.obligation.turn_at && world.ledger.initialized {
        turn(world, at);
    }
}

/// Takes over what an entry opens and closes.
pub(super) fn follow(world: &mut World, fact: &Fact<'_>, event: &domain::Event) {
    if let domain::Event::Obligation(Event::Breached(breached)) = event {
        reschedule(world, &breached.obligation);
    } else if let domain::Event::Calendar(_) = event {
        for id in world.obligation.waiting.clone() {
            reschedule(world, &id);
        }
    }
    let mut sink = Sink::default();
    oblige(world, fact, event, &mut sink);
    if !sink.closings.is_empty() || !sink.openings.is_empty() {
        take(world, sink, &Trigger::Entry(fact.id.clone()), fact.at, fact.occurred_at);
    }
}

/// Opens what the quarters and years open that have ended or begun by `at`.
fn turn(world: &mut World, at: Timestamp) {
    let zone = world.ledger.zone;
    if world.obligation.turn_at == Timestamp::default() {
        // With the ledger begins its first year; what went before it is nobody's duty here.
        let year = zone.date(at).year();
        begin(world, Turn::YearBegun { year }, at);
        world.obligation.turn_at = zone.start_of(duty::next_turn(zone.date(at)).0);
    }
    while world.obligation.turn_at <= at {
        let began = world.obligation.turn_at;
        let day = zone.date(began);
        // The day before the turn lies in the quarter that ended.
        let (_, turns) = duty::next_turn(zone.date(began.minus(std::time::Duration::from_secs(3600))));
        for turn in turns {
            if day.month() == 1 || matches!(turn, Turn::QuarterEnded { .. }) {
                begin(world, turn, began);
            }
        }
        world.obligation.turn_at = zone.start_of(duty::next_turn(day).0);
    }
}

fn begin(world: &mut World, turn: Turn, at: Timestamp) {
    let mut sink = Sink::default();
    oblige_period(world, turn, &mut sink);
    let name = match turn {
        Turn::QuarterEnded { year, quarter, .. } => format!("{year:04}Q{quarter}"),
        Turn::YearBegun { year } => year.to_string(),
    };
    take(world, sink, &Trigger::Period(name), at, at);
}

fn take(world: &mut World, sink: Sink, trigger: &Trigger, at: Timestamp, from: Timestamp) {
    for closing in sink.closings {
        let ids = world.obligation.objects.get(&(closing.duty.number, closing.object));
        for id in ids.cloned().unwrap_or_default() {
            let later = |open: &Open| match (&open.trigger, &closing.until) {
                (Trigger::Period(period), Some(until)) => period > until,
                (Trigger::Period(_) | Trigger::Entry(_), _) => false,
            };
            if !world.obligation.open.get(&id).is_some_and(later) {
                world.obligation.close(&id);
            }
        }
    }
    for opening in sink.openings {
        let opener = match trigger {
            Trigger::Entry(id) => Some(id.clone()),
            Trigger::Period(_) => None,
        };
        open(world, opening, (trigger, opener), at, from);
    }
}

/// Opens an obligation that `trigger` opens and `opener` asks for, counted from `from`.
fn open(world: &mut World, opening: Opening, (trigger, opener): (&Trigger, Option<EntryId>), at: Timestamp, from: Timestamp) {
    let id = id_of(opening.duty, &opening.object, trigger);
    if world.obligation.open.contains_key(&id) {
        return;
    }
    let mut open = Open {
        duty: opening.duty.number,
        object: opening.object,
        customer: opening.customer,
        trigger: trigger.clone(),
        opener,
        charges: opening.charges,
        opened_at: at,
        deadline: Deadline::At { due: NEVER, counted: None },
        extensions: 0,
        level: 0,
        next: NEVER,
    };
    open.deadline = match opening.due {
        Due::At(due) => Deadline::At { due, counted: None },
        Due::EndOf(day) => Deadline::At { due: world.ledger.zone.start_of(day.next()), counted: None },
        Due::WorkingDays(days) => count(world, &open, from, (days, Unit::Days), at),
        Due::WorkingMinutes(minutes) => count(world, &open, from, (minutes, Unit::Minutes), at),
    };
    let due = open.due();
    let key = (open.duty, open.object.clone());
    let state = &mut world.obligation;
    state.open.insert(id.clone(), open);
    state.objects.entry(key).or_default().push_back(id.clone());
    state.schedule(&id, due);
}

/// Derives an obligation's id from what makes it this one: the clock replayed elsewhere finds the same.
fn id_of(duty: &Duty, object: &str, trigger: &Trigger) -> SubjectId {
    let mut hasher = blake3::Hasher::new();
    for part in [object, trigger.as_str()] {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    let hash = hasher.finalize().to_hex();
    let short = hash.as_str().get(..20).unwrap_or_default();
    format!("{}-{short}", duty.id()).parse().expect("letters, digits and hyphens are an id")
}

/// Counts working time on the calendar of whoever answers.
fn count(world: &World, open: &Open, from: Timestamp, count: (u32, Unit), at: Timestamp) -> Deadline {
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
fn reschedule(world: &mut World, id: &SubjectId) {
    let Some(mut open) = world.obligation.open.get(id).cloned() else { return };
    let at = open.opened_at;
    if let Deadline::NoTable { from, count: counts, .. } = open.deadline {
        open.deadline = count(world, &open, from, counts, at);
    }
    let next = next_level(world, &open);
    world.obligation.open.insert(id.clone(), open);
    world.obligation.schedule(id, next);
}

/// After which instant the next level is entered: the deadline, then the days of R-019 after it.
fn next_level(world: &World, open: &Open) -> Option<Timestamp> {
    let due = open.due()?;
    let unit = unit_of(world, open, due);
    let days = policy::text_parameter(world, unit.as_ref(), due, "p.escalate.days");
    let (second, third) = policy::two_days(days).unwrap_or((1, 3));
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

/// Returns the world as time alone has made it by `at`: a quarter may have ended since the last entry.
pub fn turned(world: &World, at: Timestamp) -> Cow<'_, World> {
    if at < world.obligation.turn_at || !world.ledger.initialized {
        return Cow::Borrowed(world);
    }
    let mut world = world.clone();
    turn(&mut world, at);
    Cow::Owned(world)
}

/// Returns what the clock enters next, if anything is overdue by `at`, and the id it is entered under.
///
/// Takes no longer for more open obligations: they are kept by when they are due.
pub fn next_due(world: &World, at: Timestamp) -> Option<(Event, About, EntryId)> {
    let world = turned(world, at);
    let (when, id) = world.obligation.queue.get_min()?;
    let open = world.obligation.open.get(id).filter(|_| *when < at)?;
    let responsible = responsible(&world, open, at);
    let level = open.level + 1;
    let (trigger_event, period) = match &open.trigger {
        Trigger::Entry(entry) => (Some(entry.clone()), None),
        Trigger::Period(period) => (None, Some(Str(period.clone()))),
    };
    let counting = match &open.deadline {
        Deadline::At { counted: Some(basis), .. } => Some(Counting {
            calendar: Str(basis.calendar.clone()),
            year: Int(basis.table.0.into()),
            version: Int(basis.table.1),
            counted: basis.stretches.iter().map(|(from, to)| Span { from: *from, to: *to }).collect(),
        }),
        Deadline::At { counted: None, .. } | Deadline::NoTable { .. } => None,
    };
    let event = Event::Breached(Breached {
        obligation: id.clone(),
        trigger_event,
        period,
        object: Str(open.object.clone()),
        due_at: open.due()?,
        counting,
        level: Int(level.into()),
        escalated_to: escalated(&world, &responsible, level, at),
        responsible,
    });
    let entry = format!("{id}-{level}").parse().expect("an obligation's id is long enough for an entry's");
    Some((event, about_open(id, Some(open)), entry))
}

fn about_open(id: &SubjectId, open: Option<&Open>) -> About {
    let subject = StreamName::of("obligation", id.as_str());
    About { subject, customer: open.and_then(|open| open.customer.clone()) }
}

/// Says which stream the event belongs to: the obligation's, and the customer's it concerns.
pub(super) fn about(world: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let id = match event {
        Event::Breached(Breached { obligation, .. }) | Event::Extended(Extended { obligation, .. }) => obligation,
    };
    Ok(about_open(id, world.obligation.open.get(id)))
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
            if let Some(open) = state.open.get_mut(&breached.obligation) {
                open.level = u8::try_from(breached.level.0).unwrap_or(3);
            }
        }
        Event::Extended(extended) => {
            if let Some(open) = state.open.get_mut(&extended.obligation) {
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

/// What entries ask for: the duty, what it is about, and the entry.
type Key = (u8, String, EntryId);

/// What is owed by the entries of a part of the world, as they count.
#[derive(Default)]
struct Owed {
    /// What is asked for and not done, with when the entry asked.
    open: BTreeMap<Key, (Opening, Timestamp)>,
    /// Whatever was ever asked for.
    asked: BTreeSet<Key>,
    /// What was done or is owed no more.
    closed: BTreeSet<(u8, String)>,
}

impl Owed {
    fn by(world: &World, entries: &[Live]) -> Self {
        let mut owed = Self::default();
        for live in entries {
            let mut sink = Sink::default();
            oblige(world, &live.fact(), &live.event, &mut sink);
            for closing in sink.closings {
                owed.open.retain(|(duty, object, _), _| (*duty, object) != (closing.duty.number, &closing.object));
                owed.closed.insert((closing.duty.number, closing.object));
            }
            for opening in sink.openings {
                let key = (opening.duty.number, opening.object.clone(), live.id.clone());
                owed.asked.insert(key.clone());
                owed.open.insert(key, (opening, live.occurred_at));
            }
        }
        owed
    }
}

/// Takes over the correction or voiding that was entered as `amendment` at `at`.
///
/// What nobody asks for any more is closed. What is asked for only now is opened by the correction and counted from it, and what was
/// done by an entry that no longer says so is owed again; both under an id of their own, as breaches may be entered under the first
/// . A deadline that is not broken yet is counted again, what was entered of a breach stays.
pub(super) fn refold(world: &mut World, refold: &Refold, amendment: &EntryId, at: Timestamp) {
    let (before, after) = (Owed::by(world, &refold.before), Owed::by(world, &refold.after));
    for key in before.open.keys().filter(|key| !after.open.contains_key(*key)) {
        if let Some(id) = world.obligation.opened(key) {
            world.obligation.close(&id);
        }
    }
    let trigger = Trigger::Entry(amendment.clone());
    for (key, (opening, occurred_at)) in after.open {
        let opener = Some(key.2.clone());
        match (before.open.get(&key), world.obligation.opened(&key)) {
            (Some(was), _) if *was == (opening.clone(), occurred_at) => {}
            (Some(_), Some(id)) => {
                let stands = world.obligation.open.get(&id).filter(|open| open.level == 0 && open.extensions == 0);
                if let Some(Open { trigger, opened_at, .. }) = stands.cloned() {
                    world.obligation.close(&id);
                    open(world, opening, (&trigger, opener), opened_at, occurred_at);
                }
            }
            _ => {
                let from = if before.asked.contains(&key) { occurred_at } else { at };
                open(world, opening, (&trigger, opener), at, from);
            }
        }
    }
    let undone: Vec<&(u8, String)> = before.closed.difference(&after.closed).collect();
    if !undone.is_empty() {
        ask_again(world, &undone, &trigger, at);
    }
}

/// Opens anew what the last period asks for and was done by an entry that no longer says so.
fn ask_again(world: &mut World, undone: &[&(u8, String)], trigger: &Trigger, at: Timestamp) {
    let mut sink = Sink::default();
    let zone = world.ledger.zone;
    let (_, turns) = duty::next_turn(zone.date(at).minus_months(3));
    for turn in turns {
        oblige_period(world, turn, &mut sink);
    }
    oblige_period(world, Turn::YearBegun { year: zone.date(at).year() }, &mut sink);
    for opening in sink.openings {
        let key = (opening.duty.number, opening.object.clone());
        if undone.contains(&&key) && world.obligation.about(opening.duty, &opening.object).next().is_none() {
            open(world, opening, (trigger, None), at, at);
        }
    }
}

/// Tells whether what happens in a module may open or close obligations, so that a correction anywhere looks at it.
pub(super) fn concerns(module: &str) -> bool {
    ["contact", "credit", "customer", "grade", "loan", "person", "policy"].contains(&module)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, contact as talked, customer, event, given, main_customer};

    /// The company with its calendars and one customer of E-101's.
    fn company() -> Given {
        let mut given = given([("E-101", customer("C-01", "Heyuan"))]);
        for adopted in calendar::shipped(&given.world.clone()) {
            given = given.and("system", event("calendar.adopted", adopted.data().unwrap()));
        }
        given
    }

    fn promised(due: &str) -> Proposed {
        let promise = json!({ "promise_id": "PR-1", "text": "drawings", "due": due, "responsible": "E-101" });
        talked("C-01", &["E-101"]).with("promises", json!([promise]))
    }

    fn closed() -> Proposed {
        event("commitment.closed", json!({ "promise_id": "PR-1", "outcome": "fulfilled" })).about("contact/C-01")
    }

    fn extended(id: &str, due: &str) -> Proposed {
        event("obligation.extended", json!({ "obligation": id, "new_due": due, "reason": "the workshop is late" }))
    }

    /// A breach entered: the duty, the level, who answers and to whom it is reported.
    type Entered = (String, i64, Vec<String>, Vec<String>);

    /// Does what the clock does at `at`; returns what it entered.
    fn tick(given: Given, at: &str) -> (Given, Vec<Entered>) {
        let mut given = given.at(at);
        let mut entered = Vec::new();
        while let Some((breached, ..)) = next_due(&given.world, given.at) {
            let Event::Breached(inner) = &breached else { panic!("the clock enters breaches") };
            let names = |ids: &[EmployeeId]| ids.iter().map(ToString::to_string).collect();
            let duty = inner.obligation.as_str().get(..5).unwrap().to_owned();
            entered.push((duty, inner.level.0, names(&inner.responsible), names(&inner.escalated_to)));
            given = given.and("system", event("obligation.breached", breached.text().unwrap().parse().unwrap()));
            given.at = given.at.plus(Duration::from_micros(1));
        }
        (given, entered)
    }

    fn only(given: &Given, duty: u8) -> (SubjectId, Open) {
        let mut found = given.world.obligation.open.iter().filter(|(_, open)| open.duty == duty);
        let (id, open) = found.next().unwrap();
        assert!(found.next().is_none());
        (id.clone(), open.clone())
    }

    fn is_open(given: &Given, duty: u8) -> bool {
        given.world.obligation.open.values().any(|open| open.duty == duty)
    }

    fn due(given: &Given, duty: u8) -> String {
        let due = only(given, duty).1.due().unwrap();
        given.world.ledger.zone.wall(due).get(..16).unwrap().to_owned()
    }

    #[test]
    fn a_promise_is_due_at_the_end_of_its_day_and_escalates_thrice() {
        let given = company().and("E-101", promised("2026-03-05"));
        assert_eq!(due(&given, 13), "2026-03-06 00:00");
        // The last instant of the day is in time.
        let (given, none) = tick(given, "2026-03-06T00:00:00+08:00");
        assert_eq!(none, []);
        let (given, first) = tick(given, "2026-03-06T00:00:01+08:00");
        assert_eq!(first, [("OB-13".into(), 1, vec!["E-101".into()], vec!["E-201".into()])]);
        let (given, none) = tick(given, "2026-03-07T00:00:00+08:00");
        assert_eq!(none, []);
        // After one working day, and after three: a week-end lies between.
        let (given, second) = tick(given, "2026-03-07T00:00:01+08:00");
        assert_eq!(second, [("OB-13".into(), 2, vec!["E-101".into()], vec!["E-201".into()])]);
        let (given, none) = tick(given, "2026-03-11T00:00:00+08:00");
        assert_eq!(none, []);
        let (given, third) = tick(given, "2026-03-11T00:00:01+08:00");
        assert_eq!(third, [("OB-13".into(), 3, vec!["E-101".into()], vec!["E-802".into()])]);
        let (given, none) = tick(given, "2027-01-01T00:00:00+08:00");
        assert!(none.iter().all(|(duty, ..)| duty != "OB-13"));
        assert!(is_open(&given, 13), "it is still owed");
        assert!(!is_open(&given.and("E-101", closed()), 13));
    }

    #[test]
    fn after_a_long_stop_what_fell_due_is_entered_once_and_in_order() {
        let given = company().and("E-101", promised("2026-03-05"));
        let question = talked("C-01", &["E-102"]).with("direction", "inbound").with("reply_needed", true);
        let given = given.and("E-102", question);
        let (given, entered) = tick(given, "2026-03-20T10:00:00+08:00");
        let told: Vec<(&str, i64)> = entered.iter().map(|(duty, level, ..)| (duty.as_str(), *level)).collect();
        // The third level of the one and the second of the other fall on one day.
        let order = [("OB-15", 1), ("OB-15", 2), ("OB-13", 1), ("OB-13", 2), ("OB-15", 3), ("OB-13", 3)];
        assert_eq!(told, order);
        assert_eq!(tick(given, "2026-03-20T11:00:00+08:00").1, []);
    }

    #[test]
    fn what_is_kept_in_time_leaves_no_breach() {
        let given = company().and("E-101", promised("2026-03-05")).and("E-101", closed());
        assert_eq!(tick(given, "2026-03-20T10:00:00+08:00").1, []);
    }

    #[test]
    fn the_clock_replayed_elsewhere_enters_the_same_under_the_same_ids() {
        let run = || {
            let given = company().and("E-101", promised("2026-03-05")).at("2026-03-20T10:00:00+08:00");
            let (event, about, id) = next_due(&given.world, given.at).unwrap();
            (event.text().unwrap(), about.subject.to_string(), id)
        };
        let (text, subject, id) = run();
        assert_eq!(run(), (text, subject.clone(), id.clone()));
        assert_eq!(format!("obligation/{}", id.as_str().strip_suffix("-1").unwrap()), subject);
        assert!(id.as_str().starts_with(PREFIX));
    }

    #[test]
    fn an_update_is_due_in_three_working_days_of_the_owners_calendar() {
        let given = company().at("2026-02-12T10:00:00+08:00");
        let changed = talked("C-01", &["E-102"]).with("archive_changes", true).with("at", "2026-02-12T09:00:00+08:00");
        let given = given.and("E-102", changed);
        let (id, open) = only(&given, 2);
        assert_eq!(responsible(&given.world, &open, given.at), ["E-101".parse().unwrap()]);
        assert_eq!(due(&given, 2), "2026-02-25 00:00", "the festival does not count, the Saturday made up does");
        let (given, breached) = tick(given, "2026-02-25T08:00:00+08:00");
        assert_eq!(breached.len(), 1);
        let update = json!({
            "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-02-12T09:00:00+08:00", "major": false,
        });
        let given = given.and("E-101", event("customer.profile_updated", update).about("customer/C-01"));
        assert!(!given.world.obligation.open.contains_key(&id), "met late");
    }

    #[test]
    fn a_person_brought_up_to_date_is_an_update_of_the_archive() {
        let person = json!({ "person_id": "P-1", "customer_id": "C-01", "name": "s1.sealed" });
        let given = company().and("E-101", event("person.recorded", person));
        let given = given.and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
        assert!(is_open(&given, 2));
        let update = json!({ "changes": { "mobile": "555 0101" }, "learned_at": "2026-03-02T09:00:00+08:00" });
        assert!(!is_open(&given.and("E-101", event("person.updated", update).about("person/P-1")), 2));
    }

    #[test]
    fn a_question_is_answered_by_a_contact_that_says_so() {
        let question = talked("C-01", &["E-101"]).with("direction", "inbound").with("reply_needed", true).id("question-1");
        let given = company().and("E-101", question);
        assert_eq!(due(&given, 15), "2026-03-04 00:00");
        assert!(is_open(&given.clone().and("E-101", talked("C-01", &["E-101"])), 15));
        assert!(!is_open(&given.and("E-102", talked("C-01", &["E-102"]).with("replies_to", "question-1")), 15));
    }

    #[test]
    fn a_promising_customer_gets_a_second_contact_in_ten_working_days() {
        let given = company().and("E-101", customer("C-02", "Linhai").with("important_promising", true));
        assert_eq!(due(&given, 18), "2026-03-17 00:00");
        let (_, open) = only(&given, 18);
        assert_eq!(responsible(&given.world, &open, given.at), ["E-201".parse().unwrap()]);
        let assigned = |who: &[&str]| {
            let data = json!({ "owner": "E-101", "co_contacts": who, "reason": "second_contact", "effective_at": "2026-03-02T10:00:00+08:00" });
            event("customer.owner_assigned", data).about("customer/C-02")
        };
        assert!(is_open(&given.clone().and("E-201", assigned(&[])), 18));
        assert!(!is_open(&given.and("E-201", assigned(&["E-102"])), 18));
    }

    #[test]
    fn every_quarter_asks_for_a_check_of_every_archive() {
        let given = company().and("E-101", customer("C-02", "Linhai"));
        let given = given.and("E-501", domain::testing::duplicate("C-02", "C-01")).at("2026-04-02T10:00:00+08:00");
        // Nothing has been entered since the quarter ended, and still it is due.
        assert!(!is_open(&given, 4) && turned(&given.world, given.at).obligation.open.values().any(|open| open.duty == 4));
        let given = given.and("E-101", talked("C-01", &["E-101"]).with("at", "2026-04-02T09:00:00+08:00"));
        let (id, open) = only(&given, 4);
        assert_eq!((open.object.as_str(), &open.trigger), ("C-01", &Trigger::Period("2026Q1".into())));
        assert_eq!(due(&given, 4), "2026-04-16 00:00", "15 days after the quarter");
        let (given, first) = tick(given, "2026-04-16T00:00:01+08:00");
        assert_eq!(first, [("OB-04".into(), 1, vec!["E-501".into(), "E-101".into()], vec!["E-201".into(), "E-801".into()])]);
        let check = |period: &str| {
            event("archive.verified", json!({ "kind": "quarterly", "period": period, "result": "confirmed" })).about("customer/C-01")
        };
        assert!(is_open(&given.clone().and("E-501", check("2025Q4")), 4), "another quarter's");
        assert!(!is_open(&given.clone().and("E-501", check("2026Q1")), 4));
        // A quarter later the next check takes its place.
        let given = given.at("2026-07-01T08:00:00+08:00").and("E-501", main_customer("C-01"));
        assert!(!given.world.obligation.open.contains_key(&id));
        assert_eq!(only(&given, 4).1.trigger, Trigger::Period("2026Q2".into()));
    }

    #[test]
    fn a_quarter_silent_to_its_end_is_entered_by_the_clock_all_the_same() {
        let (given, entered) = tick(company(), "2026-04-30T10:00:00+08:00");
        assert_eq!(entered.iter().map(|(duty, level, ..)| (duty.as_str(), *level)).collect::<Vec<_>>(), [
            ("OB-04", 1),
            ("OB-04", 2),
            ("OB-04", 3),
        ]);
        assert_eq!(only(&given, 4).1.level, 3);
    }

    #[test]
    fn where_archives_are_checked_yearly_no_quarter_asks() {
        let yearly = domain::testing::policy("north", json!({ "verify": "verify.annual" }), json!({}));
        let (_, entered) = tick(company().and("system", yearly), "2026-04-30T10:00:00+08:00");
        assert_eq!(entered, []);
    }

    #[test]
    fn the_policy_is_reviewed_by_the_end_of_each_year() {
        let given = company();
        assert_eq!(due(&given, 58), "2027-01-01 00:00");
        let review = event("policy.reviewed", json!({ "year": 2026, "outcome": "unchanged", "findings": "fits" }));
        assert!(!is_open(&given.clone().and("E-601", review), 58));
        let (given, entered) = tick(given, "2027-01-01T00:00:01+08:00");
        let reviewed: Vec<_> = entered.iter().filter(|(duty, ..)| duty == "OB-58").collect();
        assert_eq!(reviewed.len(), 1);
        assert_eq!(reviewed[0].2, ["E-601"]);
        assert_eq!(given.world.obligation.open.values().filter(|open| open.duty == 58).count(), 2, "and that of 2027");
    }

    #[test]
    fn a_deadline_that_takes_a_year_nobody_entered_waits_for_its_table() {
        let given = company().at("2026-12-30T10:00:00+08:00");
        let given = given.and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true).with("at", "2026-12-30T09:00:00+08:00"));
        let (id, open) = only(&given, 2);
        assert!(matches!(&open.deadline, Deadline::NoTable { calendar, year: 2027, .. } if calendar == "cn"));
        let words = given.when("E-201", extended(id.as_str(), "2027-02-01T00:00:00+08:00")).then_refused(Code::E_POLICY, "R-017");
        assert!(words.contains("2027"), "{words}");
        let (given, entered) = tick(given, "2027-03-01T10:00:00+08:00");
        assert!(entered.iter().all(|(duty, ..)| duty != "OB-02"), "nothing is supposed");
        let table = json!({ "calendar": "cn", "year": 2027, "days_off": ["2027-01-01"], "make_up_days": [], "notice": "a notice" });
        let given = given.and("system", event("calendar.adopted", table));
        assert_eq!(due(&given, 2), "2027-01-06 00:00", "31 December, then the 4th and the 5th");
        let entered = tick(given, "2027-03-01T11:00:00+08:00").1;
        assert_eq!(entered.iter().filter(|(duty, ..)| duty == "OB-02").count(), 3);
    }

    #[test]
    fn a_breach_tells_how_it_was_counted_and_a_new_table_changes_no_deadline() {
        let given = company().and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
        let table = json!({ "calendar": "cn", "year": 2026, "days_off": ["2026-03-03"], "make_up_days": [], "notice": "another" });
        let given = given.and("system", event("calendar.adopted", table));
        assert_eq!(due(&given, 2), "2026-03-06 00:00");
        let given = given.at("2026-03-06T08:00:00+08:00");
        let Some((Event::Breached(breached), ..)) = next_due(&given.world, given.at) else { panic!("due") };
        let counting = breached.counting.unwrap();
        assert_eq!((counting.calendar.0.as_str(), counting.year.0, counting.version.0), ("cn", 2026, 1));
        let days: Vec<String> = counting.counted.iter().map(|span| given.world.date(span.from).to_string()).collect();
        assert_eq!(days, ["2026-03-03", "2026-03-04", "2026-03-05"]);
    }

    #[test]
    fn more_time_is_given_beforehand_by_somebody_above_and_at_most_twice() {
        let given = company().and("E-101", promised("2026-03-05"));
        let (id, _) = only(&given, 13);
        let to = |due: &str| extended(id.as_str(), due);
        given.when("E-101", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_SOD, "R-020");
        given.when("E-102", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_SOD, "R-020");
        given.when("E-201", to("2026-03-06T00:00:00+08:00")).then_refused(Code::E_RULE, "R-020");
        given.when("E-201", to("2026-03-10T00:00:00+08:00").with("old_due", "2026-03-07T00:00:00+08:00"))
            .then_refused(Code::E_RULE, "R-042");
        given.when("E-201", extended("OB-13-0123", "2026-03-10T00:00:00+08:00")).then_refused(Code::E_STATE, "R-020");
        let late = given.clone().at("2026-03-06T00:00:01+08:00");
        late.when("E-201", to("2026-03-10T00:00:00+08:00")).then_refused(Code::E_LATE, "R-020");
        let given = given.at("2026-03-06T00:00:00+08:00").and("E-201", to("2026-03-10T00:00:00+08:00"));
        assert_eq!(due(&given, 13), "2026-03-10 00:00");
        let (given, none) = tick(given, "2026-03-09T10:00:00+08:00");
        assert_eq!(none, []);
        let given = given.and("E-802", to("2026-03-12T18:00:00+08:00"));
        given.when("E-201", to("2026-03-13T00:00:00+08:00")).then_refused(Code::E_RULE, "R-020");
        let (given, entered) = tick(given, "2026-03-12T18:00:01+08:00");
        assert_eq!(entered.len(), 1);
        given.when("E-201", to("2026-03-20T00:00:00+08:00")).then_refused(Code::E_LATE, "R-020");
    }

    #[test]
    fn only_the_clock_enters_breaches_and_each_level_once() {
        let given = company().and("E-101", promised("2026-03-05")).at("2026-03-06T08:00:00+08:00");
        let (breached, ..) = next_due(&given.world, given.at).unwrap();
        let breached = event("obligation.breached", breached.text().unwrap().parse().unwrap());
        given.when("E-801", breached.clone()).then_refused(Code::E_FORBIDDEN, "R-023");
        let given = given.and("system", breached.clone());
        given.when("system", breached.clone()).then_refused(Code::E_CONFLICT, "R-019");
        given.when("system", breached.clone().with("level", 2)).then_refused(Code::E_STATE, "R-019");
        given.when("system", breached.with("level", 3)).then_refused(Code::E_STATE, "R-019");
    }

    #[test]
    fn a_vacant_or_departed_holder_goes_further_up_and_at_last_nobody_is_left() {
        let given = company().and("E-101", promised("2026-03-05"));
        let suspended = |id: &str| {
            let data = json!({ "status": "suspended", "effective_on": "2026-03-02" });
            event("employee.status_changed", data).about(format!("employee/{id}"))
        };
        let leave = |given: Given, id: &str| given.and("E-001", suspended(id));
        // The head is away: the next one above is told.
        let away = leave(given.clone(), "E-201");
        let (_, entered) = tick(away.clone(), "2026-03-06T08:00:00+08:00");
        assert_eq!(entered[0].3, ["E-801"]);
        // Who promised has left: the head answers for it, and the head above is told.
        let (_, entered) = tick(leave(given, "E-101"), "2026-03-06T08:00:00+08:00");
        assert_eq!((&entered[0].2, &entered[0].3), (&vec!["E-201".to_owned()], &vec!["E-801".to_owned()]));
        // Nobody is left above: it is entered, and says so.
        let nobody = leave(leave(away, "E-801"), "E-802");
        let (_, entered) = tick(nobody, "2026-03-20T08:00:00+08:00");
        assert_eq!(entered.len(), 3);
        assert!(entered.iter().all(|(_, _, responsible, told)| responsible == &["E-101"] && told.is_empty()));
    }

    /// What becomes of an obligation when the contact that opened it is put right, or counts for nothing.
    fn refolded(given: &Given, opener: &str, now: Option<&str>) -> Given {
        let changes = now.map(|due| json!([{ "path": "/promises/0/due", "new": due }]));
        given.amend("E-101", &opener.parse().unwrap(), changes).admitted()
    }

    #[test]
    fn a_corrected_promise_is_due_when_it_says_now_and_a_voided_one_is_not_due() {
        let given = company().and("E-101", promised("2026-03-05").id("promise-01"));
        assert_eq!(due(&refolded(&given, "promise-01", Some("2026-03-12")), 13), "2026-03-13 00:00");
        assert!(!is_open(&refolded(&given, "promise-01", None), 13));
        // What is kept already stays so; what is overdue stays due when it was.
        let kept = given.clone().and("E-101", closed());
        assert!(!is_open(&refolded(&kept, "promise-01", Some("2026-03-12")), 13));
        let (late, _) = tick(given, "2026-03-06T08:00:00+08:00");
        assert_eq!(due(&refolded(&late, "promise-01", Some("2026-03-12")), 13), "2026-03-06 00:00");
    }

    #[test]
    fn what_a_correction_asks_for_anew_has_an_id_of_its_own() {
        let talk = |updated: bool| talked("C-01", &["E-101"]).with("archive_changes", updated);
        let given = company().and("E-101", talk(true).id("contact-01"));
        let (first, _) = only(&given, 2);
        let (given, entered) = tick(given, "2026-03-20T10:00:00+08:00");
        assert_eq!(entered.len(), 3, "overdue on every level");
        let put = |given: Given, changes: Value| given.amend("E-101", &"contact-01".parse().unwrap(), Some(changes)).admitted();
        let given = put(given, json!([{ "path": "/archive_changes", "new": false }]));
        assert!(!is_open(&given, 2));
        let given = put(given, json!([{ "path": "/archive_changes", "new": true }]));
        let (again, open) = only(&given, 2);
        assert_ne!(again, first, "breaches of the first are entered under its id");
        assert_eq!((open.level, given.world.date(open.opened_at).to_string().as_str()), (0, "2026-03-20"));
        assert!(open.due().unwrap() > given.at, "nobody was asked before");
        let given = put(given, json!([{ "path": "/archive_changes", "new": false }]));
        assert!(!is_open(&given, 2), "what a correction opened another closes");
    }

    #[test]
    fn what_was_done_by_an_entry_that_counts_for_nothing_is_owed_again() {
        let given = company().and("E-101", promised("2026-03-05").id("promise-01")).and("E-101", closed().id("closing-01"));
        assert!(!is_open(&given, 13));
        let given = given.amend("E-101", &"closing-01".parse().unwrap(), None).admitted();
        assert_eq!(due(&given, 13), "2026-03-06 00:00");
        let (given, entered) = tick(given, "2026-03-06T08:00:00+08:00");
        assert_eq!(entered.len(), 1);
        assert!(!is_open(&given.and("E-101", closed()), 13));
        // What a quarter asks for as well.
        let given = company().at("2026-04-02T10:00:00+08:00").and("E-501", main_customer("C-01"));
        let check = event("archive.verified", json!({ "kind": "quarterly", "period": "2026Q1", "result": "confirmed" }));
        let given = given.and("E-501", check.about("customer/C-01").id("checked-01"));
        assert!(!is_open(&given, 4));
        let given = given.amend("E-501", &"checked-01".parse().unwrap(), None).admitted();
        assert_eq!(due(&given, 4), "2026-04-16 00:00");
    }

    #[test]
    fn a_promise_for_the_last_day_there_is_stays_open_and_is_written_back() {
        let given = company().and("E-101", promised("9999-12-31"));
        let world: World = postcard::from_bytes(&postcard::to_stdvec(&given.world).unwrap()).unwrap();
        let open = |world: &World| world.obligation.open.values().find(|open| open.duty == 13).cloned();
        assert_eq!((open(&world), open(&world).is_some()), (open(&given.world), true));
        assert_eq!(tick(given, "2026-03-20T10:00:00+08:00").1, []);
    }

    #[test]
    fn of_an_archive_that_ends_nothing_is_owed() {
        let given = company().and("E-101", talked("C-01", &["E-101"]).with("archive_changes", true));
        assert!(!is_open(&given.and("E-101", domain::testing::customer_status("C-01", "terminated")), 2));
    }

    #[test]
    fn deadlines_are_instants_days_and_working_time() {
        let given = company();
        let opened = |due: Due| {
            let mut world = given.world.clone();
            let mut sink = Sink::default();
            let customer = "C-01".parse().unwrap();
            sink.open(&contact::PROMISE, "C-01/x", &customer, Charge::Owner(customer.clone()), due);
            take(&mut world, sink, &Trigger::Entry("entry-0001".parse().unwrap()), given.at, given.at);
            let open = world.obligation.open.values().find(|open| open.duty == 13).unwrap().due().unwrap();
            world.ledger.zone.wall(open).get(..16).unwrap().to_owned()
        };
        let at = "2026-03-04T12:00:00+08:00".parse().unwrap();
        assert_eq!(opened(Due::At(at)), "2026-03-04 12:00");
        assert_eq!(opened(Due::EndOf(given.world.date(at))), "2026-03-05 00:00");
        assert_eq!(opened(Due::WorkingDays(2)), "2026-03-05 00:00");
        // From 10:00: two hours to lunch, two more after it.
        assert_eq!(opened(Due::WorkingMinutes(240)), "2026-03-02 15:00");
    }

    /// The rows of the rules' table that are declared by no module yet: what opens or fulfils them is no event of the catalog;
    /// of revisits (14), the intervals by tier are not in the policy.
    const WITHOUT_MODULE: &[u8] = &[
        1, 3, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 17, 19, 20, 21, 22, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35,
        36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 53, 54, 55, 56, 57, 59,
    ];

    #[test]
    fn every_row_of_the_table_is_declared_once_or_without_a_module() {
        let declared: Vec<u8> = duties().iter().map(|duty| duty.number).collect();
        let rows: BTreeSet<u8> = declared.iter().chain(WITHOUT_MODULE).copied().collect();
        assert_eq!(rows, (1..=59).collect());
        assert_eq!(declared.len() + WITHOUT_MODULE.len(), 59);
        for duty in duties() {
            assert_eq!(duty_of(&format!("{}-0123", duty.id())), Some(duty));
            assert!(domain::catalog::find(duty.met_by).is_some(), "{}", duty.met_by);
        }
        assert_eq!(duty_of("OB-01-0123"), None);
    }
}
