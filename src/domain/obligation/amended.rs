//! What becomes of obligations when an entry is corrected or voided.

use std::collections::{BTreeMap, BTreeSet};

use crate::clock::Timestamp;
use crate::domain::World;
use crate::domain::duty::{self, Opening, Sink, Trigger, Turn};
use crate::domain::history::{Live, Refold};
use crate::domain::obligation::{State, outlasts};
use crate::domain::obligation::opening::{oblige, oblige_period, open};
use crate::ids::{EntryId, SubjectId};

/// What entries ask for: the duty, what it is about, and the entry.
type Key = (u8, String, EntryId);

/// What entries do: the duty, what it is about, and the last period it is done for where it recurs.
type Done = (u8, String, Option<String>);

impl State {
    /// Closes what periods opened up to one, or entries of another part, where an entry says only since its correction that it was done.
    fn close_of_others(&mut self, duty: u8, object: &str, until: Option<&str>, part: &[Live]) {
        for id in self.named(duty, object).to_vec() {
            let own = |opener: &EntryId| part.iter().any(|live| live.id == *opener);
            let Some(open) = self.open.get(&id).filter(|open| !open.opener.as_ref().is_some_and(own)) else { continue };
            if !open.outlasts(until) {
                self.close(&id);
            }
        }
    }

    /// Finds what an entry opened about something, if it is still open.
    fn opened(&self, owed: &Key) -> Option<SubjectId> {
        let (duty, object, opener) = owed;
        let mut ids = self.named(*duty, object).iter();
        ids.find(|id| self.open.get(*id).is_some_and(|open| open.opener.as_ref() == Some(opener))).cloned()
    }
}

/// What is owed by the entries of a part of the world, as they count.
#[derive(Default)]
struct Owed {
    /// What is asked for and not done, with when the entry asked.
    open: BTreeMap<Key, (Opening, Timestamp)>,
    /// Whatever was ever asked for.
    asked: BTreeSet<Key>,
    /// What was done or is owed no more.
    closed: BTreeSet<Done>,
}

impl Owed {
    fn by(world: &World, entries: &[Live]) -> Self {
        let mut owed = Self::default();
        for live in entries {
            let mut sink = Sink::default();
            oblige(world, &live.fact(), &live.event, &mut sink);
            for closing in sink.closings {
                owed.open.retain(|(duty, object, opener), (opening, _)| {
                    *duty != closing.duty.number
                        || ![object, opener.as_str()].contains(&closing.object.as_str())
                        || opening.since.zip(closing.until.as_deref()).is_some_and(|(day, until)| outlasts(day, until))
                });
                owed.closed.insert((closing.duty.number, closing.object, closing.until));
            }
            let again = |opening: &Opening| {
                owed.open.keys().any(|(duty, object, _)| (*duty, object) == (opening.duty.number, &opening.object))
            };
            let once: Vec<Opening> = sink.once.into_iter().filter(|opening| !again(opening)).collect();
            for opening in sink.openings.into_iter().chain(once) {
                let key = (opening.duty.number, opening.object.clone(), live.id.clone());
                owed.asked.insert(key.clone());
                // That day or a later one counts already.
                let of_it = (key.0, key.1.clone());
                let mut known = owed.open.iter().filter(|((duty, object, _), _)| (*duty, object) == (of_it.0, &of_it.1));
                if !known.any(|(_, (other, _))| opening.stands_in(other.since)) {
                    owed.open.insert(key, (opening, live.occurred_at));
                }
            }
        }
        owed
    }
}

/// Takes over the correction or voiding that was entered as `amendment` at `at`; `was` is the world before it.
///
/// What nobody asks for any more is closed. What is asked for only now is opened by the correction and counted from it, and what was
/// done by an entry that no longer says so is owed again; both under an id of their own, as breaches may be entered under the first
/// . A deadline that is not broken yet is counted again, what was entered of a breach stays.
pub(in crate::domain) fn refold(world: &mut World, was: &World, refold: &Refold, amendment: &EntryId, at: Timestamp) {
    let (before, after) = (Owed::by(was, &refold.before), Owed::by(world, &refold.after));
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
                if let Some((trigger, opened_at)) = stands.map(|open| (open.trigger.clone(), open.opened_at)) {
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
    for (duty, object, until) in after.closed.difference(&before.closed) {
        world.obligation.close_of_others(*duty, object, until.as_deref(), &refold.after);
    }
    let undone: BTreeSet<(u8, &str)> =
        before.closed.difference(&after.closed).map(|(duty, object, _)| (*duty, object.as_str())).collect();
    if !undone.is_empty() {
        ask_again(world, &undone, &trigger, at);
    }
}

/// Opens anew what the months of the last year, the last quarter and this year ask for and was done by an entry that no longer says so.
fn ask_again(world: &mut World, undone: &BTreeSet<(u8, &str)>, trigger: &Trigger, at: Timestamp) {
    let mut sink = Sink::default();
    let zone = world.ledger.zone;
    let today = zone.date(at);
    for back in 0..12 {
        let first = duty::next_turn(today.minus_months(back + 1));
        let recent = duty::turns_on(first).into_iter().filter(|turn| match turn {
            Turn::MonthEnded { .. } => true,
            Turn::QuarterEnded { .. } => back < 3,
            Turn::YearBegun { .. } => false,
        });
        for turn in recent {
            oblige_period(world, turn, &mut sink);
        }
    }
    oblige_period(world, Turn::YearBegun { year: today.year() }, &mut sink);
    for opening in sink.openings {
        let known = world.obligation.about(opening.duty, &opening.object).next().is_some();
        if !known && undone.contains(&(opening.duty.number, opening.object.as_str())) {
            open(world, opening, (trigger, None), at, at);
        }
    }
}
