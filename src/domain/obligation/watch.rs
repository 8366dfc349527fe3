//! What the clock enters next of what is overdue, as one round of it goes through it.

use std::collections::BTreeSet;

use crate::clock::Timestamp;
use crate::domain::catalog::{Int, Str};
use crate::domain::duty::Trigger;
use crate::domain::escalation::{escalated, responsible};
use crate::domain::obligation::deadline::Deadline;
use crate::domain::obligation::opening::breach_id;
use crate::domain::obligation::turn::{turned, turns};
use crate::domain::obligation::{Breached, Counting, Event, Extended, Span, about_open};
use crate::domain::{About, World};
use crate::ids::{EntryId, SubjectId};

/// What whoever watches the clock keeps from one look to the next.
#[derive(Debug, Default)]
pub struct Watch {
    /// The world as a month's end alone has made it, and when the last entry before was made: until the next one it stays so.
    turned: Option<(Timestamp, World)>,
    /// What could not be entered in this round.
    passed: BTreeSet<SubjectId>,
}

impl Watch {
    /// Begins a round: what could not be entered in the one before is tried again.
    pub fn begin(&mut self) {
        self.passed.clear();
    }

    /// Passes over an obligation for this round, so that it holds up none behind it.
    pub fn pass(&mut self, obligation: &Event) {
        let (Event::Breached(Breached { obligation, .. }) | Event::Extended(Extended { obligation, .. })) = obligation;
        self.passed.insert(obligation.clone());
    }

    /// Returns what the clock enters next, if anything is overdue by `at`, and the id it is entered under; the last entry of the world
    /// was made at `last`.
    ///
    /// Takes no longer for more open obligations: they are kept by when they are due.
    pub fn next(&mut self, world: &World, last: Timestamp, at: Timestamp) -> Option<(Event, About, EntryId)> {
        if !turns(world, at) {
            self.turned = None;
            return next_due(world, at, &self.passed);
        }
        let kept = self.turned.take().filter(|(of, world)| *of == last && !turns(world, at));
        let (_, world) = self.turned.insert(kept.unwrap_or_else(|| (last, turned(world, at).into_owned())));
        next_due(world, at, &self.passed)
    }
}

fn next_due(world: &World, at: Timestamp, passed: &BTreeSet<SubjectId>) -> Option<(Event, About, EntryId)> {
    let (when, id) = world.obligation.queue.iter().find(|(_, id)| !passed.contains(id))?;
    let open = world.obligation.open.get(id).filter(|_| *when < at)?;
    let responsible = responsible(world, open, at);
    let level = open.level + 1;
    let (trigger_event, period) = match &open.trigger {
        Trigger::Entry(entry) => (Some(entry.clone()), open.since.map(|day| Str(day.to_string()))),
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
        escalated_to: escalated(world, &responsible, level, at),
        responsible,
    });
    Some((event, about_open(id, Some(open)), breach_id(id, level)))
}
