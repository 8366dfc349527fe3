//! What time alone opens: the end of a month or quarter, the beginning of a year.

use std::borrow::Cow;

use crate::clock::Timestamp;
use crate::domain::World;
use crate::domain::duty::{self, Sink, Trigger, Turn};
use crate::domain::obligation::opening::{oblige_period, take};

/// Opens what time alone has opened since the last entry; comes before an entry is taken over.
pub(in crate::domain) fn turn_to(world: &mut World, at: Timestamp) {
    // Most entries fall into the month of the one before.
    if turns(world, at) {
        turn(world, at);
    }
}

/// Returns the world as time alone has made it by `at`: a month may have ended since the last entry.
pub fn turned(world: &World, at: Timestamp) -> Cow<'_, World> {
    if !turns(world, at) {
        return Cow::Borrowed(world);
    }
    let mut world = world.clone();
    turn(&mut world, at);
    Cow::Owned(world)
}

/// Tells whether time alone opens something by `at`.
pub(super) fn turns(world: &World, at: Timestamp) -> bool {
    at >= world.obligation.turn_at && world.ledger.initialized
}

/// Opens what the months, quarters and years open that have ended or begun by `at`.
fn turn(world: &mut World, at: Timestamp) {
    let zone = world.ledger.zone;
    if world.obligation.turn_at == Timestamp::default() {
        // With the ledger begins its first year; what went before it is nobody's duty here.
        let year = zone.date(at).year();
        begin(world, Turn::YearBegun { year }, at);
        world.obligation.turn_at = zone.start_of(duty::next_turn(zone.date(at)));
    }
    while world.obligation.turn_at <= at {
        let began = world.obligation.turn_at;
        let day = zone.date(began);
        for turn in duty::turns_on(day) {
            begin(world, turn, began);
        }
        world.obligation.turn_at = zone.start_of(duty::next_turn(day));
    }
}

fn begin(world: &mut World, turn: Turn, at: Timestamp) {
    let mut sink = Sink::default();
    oblige_period(world, turn, &mut sink);
    let name = match turn {
        Turn::MonthEnded { year, month, .. } => format!("{year:04}-{month:02}"),
        Turn::QuarterEnded { year, quarter, .. } => format!("{year:04}Q{quarter}"),
        Turn::YearBegun { year } => year.to_string(),
    };
    take(world, sink, &Trigger::Period(name), at, at);
}
