//! Whether a correction or voiding may be: what happened since must still have been possible.
//!
//! The past of a part of the world is lived through once more with the correction in its place, and every later entry is decided
//! on again by the very rules that let it in. What they refuse now, and did not refuse before, depends on what is to be corrected.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::clock::Zone;
use crate::domain::catalog::{self, Kind};
use crate::domain::history::{Amendment, Amendments, Live, Lived, Part, Refold};
use crate::domain::record::{self, Event as Record};
use crate::domain::{
    self, Actor, Context, Event, Fetched, Refusal, World, approval, common, customer, document, sale, signoff,
};
use crate::ids::EntryId;

/// What happened in a part of the world, as far as its correction needs it.
#[derive(Clone, Debug)]
pub struct Past {
    /// The part.
    pub part: Part,
    /// Its entries in order.
    pub entries: Vec<Lived>,
    /// The company's own, where the part is a customer: who worked where by then.
    pub company: Vec<Lived>,
    /// The zone of business dates.
    pub zone: Zone,
}

impl Past {
    /// Returns the corrections and voidings so far.
    pub fn amendments(&self) -> Amendments {
        amendments(&self.entries)
    }

    fn get(&self, id: &EntryId) -> Option<&Lived> {
        self.entries.iter().find(|lived| lived.id == *id)
    }
}

fn amendments(entries: &[Lived]) -> Amendments {
    let mut amendments = Amendments::default();
    for lived in entries.iter().filter(|lived| record::is_amendment(lived.kind.name)) {
        amendments.add(lived.amendment());
    }
    amendments
}

/// Judges a correction or voiding whose computed fields are filled in and whose personal values are sealed, and returns what it
/// makes of the world.
///
/// # Errors
/// The entry is voided; the corrected one would not have been admitted; or later entries would not have been, which are named.
pub fn judge(world: &World, past: &Past, proposed: &Record, id: &EntryId) -> Result<Refold, Refusal> {
    let unknown = || unknown(proposed.target());
    let root = proposed.record().and_then(|id| past.get(id)).ok_or_else(unknown)?;
    let current = past.amendments();
    check_live(past, &current, proposed.target())?;
    let decided = decided_on(past, &current, root);
    if !decided.is_empty() {
        return Err(depended(&decided).into());
    }
    let amendment = Amendment {
        index: u64::MAX,
        id: id.clone(),
        actor: String::new(),
        at: world.ledger.noted_at,
        kind: match proposed {
            Record::Corrected(_) => record::CORRECTED.into(),
            Record::Voided(_) => record::VOIDED.into(),
        },
        data: Event::Record(proposed.clone()).data().unwrap_or_default(),
    };
    let mut amended = current.clone();
    amended.add(amendment.clone());
    let mut refused = relive(world, past, &current, &amended, root.index);
    if let Some((id, refusal)) = refused.first()
        && *id == root.id
    {
        return Err(refusal.clone());
    }
    if !refused.is_empty() {
        // What its own rules of today would refuse anyway does not depend on this.
        let before = relive(world, past, &current, &current, root.index);
        refused.retain(|(id, _)| !before.iter().any(|(other, _)| other == id));
    }
    if !refused.is_empty() {
        let ids: Vec<EntryId> = refused.into_iter().map(|(id, _)| id).collect();
        return Err(depended(&ids).into());
    }
    let refold = Refold::of(past.part.clone(), &past.entries, amendment, past.zone).ok_or_else(unknown)?;
    customer::check_amended(world, Some(&root.id), &refold)?;
    Ok(refold)
}

/// Refuses to name entries without end.
pub fn depended(ids: &[EntryId]) -> record::Refusal {
    let mut named: Vec<&str> = ids.iter().take(NAMED_MAX).map(EntryId::as_str).collect();
    if ids.len() > NAMED_MAX {
        named.push("…");
    }
    record::Refusal::Depended { entries: named.join(", ") }
}

fn unknown(id: &EntryId) -> Refusal {
    common::Refusal::Unknown { pointer: "/target_event".into(), what: "entry".into(), id: id.to_string() }.into()
}

/// Refuses what counts for nothing any more: a voided entry, a correction of one, a correction that is voided. Only the voiding itself
/// can still be voided, so that what it voided counts again.
fn check_live(past: &Past, amendments: &Amendments, target: &EntryId) -> Result<(), Refusal> {
    let (mut id, mut through) = (target.clone(), None::<EntryId>);
    loop {
        if let Some(voiding) = amendments.voided(&id).filter(|voiding| Some(&voiding.id) != through.as_ref()) {
            return Err(record::Refusal::Gone { by: voiding.id.to_string() }.into());
        }
        let lived = past.get(&id).ok_or_else(|| unknown(&id))?;
        if !record::is_amendment(lived.kind.name) {
            return Ok(());
        }
        let next = lived.data.get("target_event").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let next: EntryId = next.ok_or_else(|| unknown(&id))?;
        through = (lived.kind.name == record::VOIDED).then_some(id);
        id = next;
    }
}

/// The decisions taken on what an entry began, such as a proposal, and the signatures under it: they were on what it said then.
fn decided_on(past: &Past, amendments: &Amendments, root: &Lived) -> Vec<EntryId> {
    let begun = root.kind.fields.iter().find(|field| field.computed && matches!(field.kind, Kind::Id));
    let begun = begun.and_then(|field| Some((field.name, root.data.get(field.name)?)));
    let decides = |lived: &&Lived| {
        let on_it = begun.is_some_and(|(field, id)| lived.data.get(field) == Some(id));
        lived.kind.decision && (on_it || signoff::signs(lived, &root.id)) && amendments.voided(&lived.id).is_none()
    };
    past.entries.iter().filter(decides).map(|lived| lived.id.clone()).collect()
}

/// Lives through the past of a part with these amendments and decides on each of its entries from an index on again; returns those that
/// are refused.
fn relive(
    world: &World,
    past: &Past,
    current: &Amendments,
    amended: &Amendments,
    from: u64,
) -> Vec<(EntryId, Refusal)> {
    let live_of = |entries: &[Lived], amendments: &Amendments| -> Vec<Live> {
        entries.iter().filter_map(|lived| amendments.live(lived, past.zone)).collect()
    };
    let company = live_of(&past.company, &amendments(&past.company));
    let mut then = world.clone();
    then.forget(&past.part, &live_of(&past.entries, current));
    then.customer.forget_names();
    if past.part != Part::Company {
        then.forget(&Part::Company, &company);
    }
    let own = live_of(&past.entries, amended);
    let mut all: Vec<(&Live, bool)> = company.iter().map(|live| (live, false)).collect();
    all.extend(own.iter().map(|live| (live, true)));
    all.sort_by_key(|(live, _)| live.index);
    // A paper that was filed came with its file, and minutes were of a meeting.
    let mut fetched = Fetched { file: document::Attached::Coming, meeting: true, ..Fetched::default() };
    let mut refused = Vec::new();
    for (live, own) in all {
        if own && live.index >= from {
            let corrected = !matches!(amended.form(&live.id, || Value::Null), domain::history::Form::AsEntered);
            let part = Some(&past.part).filter(|_| corrected && live.index == from);
            if let Err(refusal) = readmit(&then, world, live, &fetched, part) {
                refused.push((live.id.clone(), refusal));
                continue;
            }
        }
        if let Event::Sale(sale::Event::Recorded(sale)) = &live.event
            && let Some(id) = &sale.sale_id
        {
            fetched.sales.insert(id.to_string(), sale.clone());
        }
        if !matches!(live.event, Event::Approval(_)) {
            then.apply(&live.fact(), &live.event);
        }
    }
    refused
}

/// Decides on an entry again, as of when it was recorded.
///
/// Of the corrected one it is said of which part of the world it must stay.
fn readmit(then: &World, now: &World, live: &Live, fetched: &Fetched, stays: Option<&Part>) -> Result<(), Refusal> {
    let waiting;
    let (event, subject) = match &live.event {
        // What was overdue, extended or off was so by then, whatever opened it.
        Event::Audit(_)
        | Event::Record(_)
        | Event::Ledger(_)
        | Event::Grant(_)
        | Event::Loan(_)
        | Event::Calendar(_)
        | Event::Obligation(_) => return Ok(()),
        Event::Approval(approval::Event::Requested(requested)) => {
            // What waits for somebody's approval must still be possible when it is given.
            let Some(held) = now.approval.waiting.get(&requested.request_id) else { return Ok(()) };
            let Some(Ok(event)) = Event::decode(&held.kind, &held.data) else { return Ok(()) };
            waiting = event;
            (&waiting, &held.about.subject)
        }
        Event::Approval(approval::Event::Given(_) | approval::Event::Declined(_)) => return Ok(()),
        Event::Policy(_)
        | Event::Organization(_)
        | Event::Employee(_)
        | Event::Conduct(_)
        | Event::Customer(_)
        | Event::Contact(_)
        | Event::Grade(_)
        | Event::Credit(_)
        | Event::Sale(_)
        | Event::Payment(_)
        | Event::Person(_)
        | Event::Privacy(_)
        | Event::Anomaly(_)
        | Event::Document(_)
        | Event::Signoff(_) => (&live.event, &live.subject),
    };
    let Some(kind) = catalog::find(event.name()) else { return Ok(()) };
    let mut data = event.data().unwrap_or_default();
    let mut unknown = None;
    catalog::for_each_reference(kind.fields, &data, &mut |pointer, referent, id| {
        if then.knows(referent, id) == Some(false) {
            unknown.get_or_insert_with(|| common::Refusal::Unknown {
                pointer: pointer.into(),
                what: referent.name().into(),
                id: id.into(),
            });
        }
    });
    if let Some(unknown) = unknown {
        return Err(unknown.into());
    }
    // What the service computed is not held against anybody: it was computed on what was known then.
    if let Value::Object(data) = &mut data {
        for field in kind.fields.iter().filter(|field| field.computed && !matches!(field.kind, Kind::Id)) {
            data.remove(field.name);
        }
    }
    let Some(Ok(event)) = Event::read(kind.name, &data) else { return Ok(()) };
    let about = match domain::about(then, &event, Some(subject)) {
        Ok(about) if stays.is_none_or(|part| Part::of(about.customer.clone()) == *part) => about,
        // An entry that would be about something else is another entry.
        Ok(_) => return Err(record::Refusal::Fixed { path: "/customer_id".into() }.into()),
        Err(Refusal::Common(common::Refusal::OtherSubject { .. })) if stays.is_some() => {
            return Err(record::Refusal::Fixed { path: "/customer_id".into() }.into());
        }
        Err(refusal) => return Err(refusal),
    };
    let approver = approval::gated(kind.name).then(|| live.actor.employee().cloned()).flatten();
    let approvals: Vec<_> = approver.into_iter().collect();
    let context = Context {
        at: live.at,
        occurred_at: live.occurred_at,
        // Why it is late the reason of the correction says.
        late_reason: Some(""),
        actor: &live.actor,
        id: &live.id,
        about: &about,
        approvals: if live.actor == Actor::System { &[] } else { &approvals },
        fetched,
    };
    domain::admit(then, &context, event).map(drop)
}

/// So many entries are named at most.
const NAMED_MAX: usize = 20;

/// The ids of what an entry began, by which others may name it: its own, and its subject's where it is the first of it.
pub fn names(lived: &Lived) -> BTreeMap<String, bool> {
    let mut names = BTreeMap::from([(lived.id.to_string(), false)]);
    if lived.first
        && matches!(lived.subject.kind(), "customer" | "person" | "employee" | "org" | "sale" | "payment" | "document")
        && let Some(id) = lived.subject.id()
    {
        names.insert(id.to_owned(), true);
    }
    names
}
