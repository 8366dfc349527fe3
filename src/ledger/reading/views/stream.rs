//! What is shown of streams, entry by entry: timelines, what was refused, the policy and its history.

use crate::access::redactor::Sight;
use crate::clock::Zone;
use crate::domain::Event;
use crate::domain::history::Part;
use crate::entry::Entry;
use crate::ids::StreamName;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::record::Corrected;
use crate::ledger::reading::views::{Among, Built, Looked, Period, cursor};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::{Node, Read, audit, policy};
use crate::store::Direction;

impl Shared {
    /// The entries of a stream.
    pub(super) fn timeline(&self, then: &Then, asked: &Asked, subject: &Subject) -> Result<Built, ViewError> {
        let stream: StreamName =
            asked.subject.as_deref().unwrap_or_default().parse().map_err(|_| ViewError::NotFound)?;
        let mut corrected = Corrected::until(then.end);
        self.page(&stream, then, asked, subject, &mut |read| self.line(read, &mut corrected).map(Some))
    }

    /// The entries behind an index, the oldest first, as far as the asker may know of them; where it ends the next page begins.
    ///
    /// Readings, denials and refusals are left out: what is read here is entered, and the feed would feed itself.
    pub(super) fn feed(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let from = cursor::<u64>(asked)?.map_or(0, |after| after.saturating_add(1));
        let mut corrected = Corrected::until(then.end);
        let (mut rows, mut last) = (Vec::new(), None);
        for index in (from..then.end).take(asked.looks) {
            if rows.len() >= asked.limit {
                break;
            }
            last = Some(index);
            let mut shown = Ok(None);
            self.read_of(then, index, &mut |read| {
                if matches!(read.event, Event::Audit(_)) {
                    return;
                }
                let customer = read.customer();
                sight.turn_to(customer.as_ref());
                shown = self.may_know(state, then, read, sight).and_then(|known| {
                    Ok(if known { Some((customer, self.line(read, &mut corrected)?)) } else { None })
                });
            })?;
            if let Some((customer, line)) = shown? {
                rows.push(match customer {
                    Some(customer) => Node::About(customer, Box::new(line)),
                    None => line,
                });
            }
        }
        sight.turn_to(None);
        let node = Node::Row(vec![("items", Node::List(rows))]);
        Ok(Built { node, next: last.map(|last| last.to_string()), targets: Vec::new() })
    }

    /// Commands and readings that were refused, newest first.
    pub(super) fn refusals(&self, then: &Then, asked: &Asked) -> Result<Built, ViewError> {
        let who = asked.filters.get("who");
        let (rows, next) = self.page_back(Among::Term(family_term("refused")), then, asked, &mut |index| {
            let mut shown = None;
            self.read_of(then, index, &mut |read| {
                if who.is_none_or(|who| *who == read.entry.actor) {
                    shown = audit::refusal(read);
                }
            })?;
            Ok(shown.map_or(Looked::Passed, Looked::Row))
        })?;
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next, targets: Vec::new() })
    }

    /// The versions of the policy and their reviews.
    pub(super) fn policy(&self, then: &Then) -> Result<Built, ViewError> {
        let mut rows = Vec::new();
        let amendments = self.amendments(&Part::Company, 0..then.end)?;
        for index in self.shelf.postings(stream_term("policy"), 0, then.end, Direction::Ascending, usize::MAX)? {
            self.read_live(then, index, &amendments, &mut |read| rows.extend(policy::row(read)))?;
        }
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next: None, targets: Vec::new() })
    }

    /// Reads every entry of a stream, the oldest first.
    pub(super) fn read_stream(
        &self,
        then: &Then,
        stream: &StreamName,
        take: &mut dyn FnMut(&Read<'_>),
    ) -> Result<(), ViewError> {
        for index in self.shelf.postings(stream_term(stream.as_str()), 0, then.end, Direction::Ascending, usize::MAX)? {
            self.read_of(then, index, &mut |read| {
                // Terms are hashes of names, and another stream may have the same.
                if read.entry.link(stream.as_str()).is_some() {
                    take(read);
                }
            })?;
        }
        Ok(())
    }

    /// A page of a stream, newest first.
    fn page(
        &self,
        stream: &StreamName,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        row: &mut dyn FnMut(&Read<'_>) -> Result<Option<Node>, ViewError>,
    ) -> Result<Built, ViewError> {
        let wanted = Wanted::of(asked, self.state().world.ledger.zone)?;
        let (rows, next) = self.page_back(Among::Term(stream_term(stream.as_str())), then, asked, &mut |index| {
            let mut shown = Ok(None);
            let mut over = false;
            self.read_of(then, index, &mut |read| {
                over = wanted.period.is_before(read.entry.time);
                if !over && read.entry.link(stream.as_str()).is_some() && wanted.takes(read.entry) {
                    shown = row(read);
                }
            })?;
            Ok(match shown? {
                _ if over => Looked::End,
                Some(shown) => Looked::Row(shown),
                None => Looked::Passed,
            })
        })?;
        let items = Node::Row(vec![("items", Node::List(rows))]);
        let node = match &subject.staff {
            Some(staff) => Node::AboutStaff(staff.clone(), Box::new(items)),
            None => items,
        };
        Ok(Built { node, next, targets: subject.targets.clone() })
    }
}

/// What a page of a stream is narrowed to.
struct Wanted<'a> {
    kind: Option<&'a str>,
    actor: Option<&'a str>,
    period: Period,
}

impl<'a> Wanted<'a> {
    fn of(asked: &'a Asked, zone: Zone) -> Result<Self, ViewError> {
        let filter = |name: &str| asked.filters.get(name).map(String::as_str);
        Ok(Self { kind: filter("type"), actor: filter("actor"), period: Period::of(asked, zone)? })
    }

    fn takes(&self, entry: &Entry) -> bool {
        self.kind.is_none_or(|kind| entry.kind == kind)
            && self.actor.is_none_or(|actor| entry.actor == actor)
            && self.period.holds(entry.time)
    }
}
