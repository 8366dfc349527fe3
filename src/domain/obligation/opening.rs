//! What opens and closes obligations: the entries of the modules that declare duties, taken over one by one.

use crate::clock::Timestamp;
use crate::domain::catalog::{Int, Str};
use crate::domain::duty::{Due, Duty, NEVER, Opening, Sink, Trigger, Turn};
use crate::domain::escalation::escalated;
use crate::domain::obligation::deadline::{Deadline, Unit, count, reschedule};
use crate::domain::obligation::{Breached, Event, Open};
use crate::domain::{
    self, About, Actor, Admission, Context, Fact, World, conduct, contact, credit, customer, document, loan, person, policy, signoff,
};
use crate::ids::{EntryId, StreamName, SubjectId};

/// Lists every duty some module declares, in the order of the rules' table.
pub fn duties() -> Vec<&'static Duty> {
    let mut all = [
        conduct::DUTIES,
        contact::DUTIES,
        credit::DUTIES,
        customer::DUTIES,
        document::DUTIES,
        loan::DUTIES,
        policy::DUTIES,
        signoff::DUTIES,
    ]
    .concat();
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

macro_rules! obliging {
    (with { $($module:ident $variant:ident by $oblige:path;)* } without { $($other:ident)* }) => {
        /// Tells the sink what an event opens and closes, by the module it belongs to.
        pub fn oblige(world: &World, fact: &Fact<'_>, event: &domain::Event, sink: &mut Sink) {
            match event {
                $(domain::Event::$variant(event) => $oblige(world, fact, event, sink),)*
                $(domain::Event::$other(_) => {})*
            }
        }

        /// Tells whether what happens in a module may open or close obligations, so that a correction anywhere looks at it.
        pub(in crate::domain) fn concerns(module: &str) -> bool {
            [$(stringify!($module)),*].contains(&module)
        }
    };
}

obliging! {
    with {
        conduct Conduct by conduct::oblige;
        contact Contact by contact::oblige;
        credit Credit by credit::oblige;
        customer Customer by customer::oblige;
        document Document by document::oblige;
        grade Grade by credit::oblige_by_grade;
        loan Loan by loan::oblige;
        person Person by person::oblige;
        policy Policy by policy::oblige;
        signoff Signoff by signoff::oblige;
    }
    without {
        Ledger Organization Employee Approval Sale Payment Privacy Record Grant Anomaly Calendar Obligation Audit
    }
}

/// Tells the sink what a period that has ended or begun opens and closes.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    conduct::oblige_period(world, turn, sink);
    credit::oblige_period(world, turn, sink);
    customer::oblige_period(world, turn, sink);
    document::oblige_period(world, turn, sink);
    policy::oblige_period(world, turn, sink);
}

/// Takes over what an entry opens and closes.
pub(in crate::domain) fn follow(world: &mut World, fact: &Fact<'_>, event: &domain::Event) {
    if let domain::Event::Obligation(Event::Breached(breached)) = event {
        reschedule(world, &breached.obligation);
    } else if let domain::Event::Calendar(_) = event {
        for id in world.obligation.waiting.clone() {
            reschedule(world, &id);
        }
    }
    let mut sink = Sink::default();
    oblige(world, fact, event, &mut sink);
    if !sink.closings.is_empty() || !sink.openings.is_empty() || !sink.once.is_empty() {
        take(world, sink, &Trigger::Entry(fact.id.clone()), fact.at, fact.occurred_at);
    }
}

/// Closes and opens what a sink was told, counted from `from`.
pub(super) fn take(world: &mut World, sink: Sink, trigger: &Trigger, at: Timestamp, from: Timestamp) {
    for closing in sink.closings {
        let done = |(id, open): (&SubjectId, &Open)| (!open.outlasts(closing.until.as_deref())).then(|| id.clone());
        let ids: Vec<SubjectId> = world.obligation.about(closing.duty, &closing.object).filter_map(done).collect();
        for id in ids {
            world.obligation.close(&id);
        }
    }
    let again = |opening: &Opening| world.obligation.about(opening.duty, &opening.object).next().is_some();
    let once: Vec<Opening> = sink.once.into_iter().filter(|opening| !again(opening)).collect();
    for opening in sink.openings.into_iter().chain(once) {
        let opener = match trigger {
            Trigger::Entry(id) => Some(id.clone()),
            Trigger::Period(_) => None,
        };
        open(world, opening, (trigger, opener), at, from);
    }
}

/// Opens an obligation that `trigger` opens and `opener` asks for, counted from `from`, unless one counted from that day or a later one
/// stands.
pub(super) fn open(world: &mut World, opening: Opening, (trigger, opener): (&Trigger, Option<EntryId>), at: Timestamp, from: Timestamp) {
    if world.obligation.about(opening.duty, &opening.object).any(|(_, open)| opening.stands_in(open.since)) {
        return;
    }
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
        since: opening.since,
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
        Due::WorkingDaysSince(from, days) => count(world, &open, from, (days, Unit::Days), at),
        Due::WorkingDays(days) => count(world, &open, from, (days, Unit::Days), at),
        Due::WorkingMinutes(minutes) => count(world, &open, from, (minutes, Unit::Minutes), at),
    };
    let due = open.due();
    world.obligation.put(&id, open);
    world.obligation.schedule(&id, due);
}

/// Returns the breach of a duty about the customer of `context` that the proposal fulfills after `due`; it is entered with the proposal, and
/// nothing stays open.
pub(in crate::domain) fn done_late(world: &World, context: &Context<'_>, duty: &Duty, due: Timestamp) -> Option<Admission> {
    let responsible = vec![context.actor.employee().filter(|_| context.at > due)?.clone()];
    let customer = context.about.customer.clone()?;
    let id = id_of(duty, customer.as_str(), &Trigger::Entry(context.id.clone()));
    let event = Event::Breached(Breached {
        obligation: id.clone(),
        trigger_event: Some(context.id.clone()),
        period: None,
        object: Str(customer.to_string()),
        due_at: due,
        counting: None,
        level: Int(1),
        escalated_to: escalated(world, &responsible, 1, context.at),
        responsible,
    });
    Some(Admission {
        event: event.into(),
        about: About { subject: StreamName::of("obligation", id.as_str()), customer: Some(customer) },
        actor: Some(Actor::System),
        id: Some(breach_id(&id, 1)),
        times: Some((context.at, None)),
    })
}

/// Derives the id under which the breach of a level is entered.
pub(super) fn breach_id(obligation: &SubjectId, level: u8) -> EntryId {
    format!("{obligation}-{level}").parse().expect("an obligation's id is long enough for an entry's")
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
