//! What is shown of credit: the terms of trade set last, and the quarterly reviews with what they led to.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::credit::{Event as Credit, limit, review_due};
use crate::domain::grade::{Dimension, Event as Grade, current, stream};
use crate::domain::history::Amendments;
use crate::domain::{Event, World, calendar};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::{Built, cursor_of_two, page_of, shows_credit};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::Node;
use crate::projection::credit::{self, FollowUp, Review, Terms};
use crate::store::Direction;

impl Shared {
    /// The terms of one customer, or of all who have some; with those of one, what waits for approval.
    pub(super) fn terms(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = &self.world(state, then)?;
        let today = world.date(then.at);
        let page = self.with_register(state, then, |register| {
            page_of(register, asked, subject, sight, Matter::Credit, &mut |id, listed| {
                let row = |terms: &Terms| {
                    // a grade that fell, or one no limit is set for, leaves no room for the limit of before.
                    let grade = current(world, Dimension::Credit, id, then.at);
                    let allowed = grade.and_then(|graded| limit(world, then.at, &graded.grade)).unwrap_or(0);
                    terms.row(id, listed.named(), terms.limit > allowed, today)
                };
                listed.terms.as_ref().map(row).into_iter().collect()
            })
        })??;
        let items = page.rows.into_iter().map(|(id, row)| Node::About(id, Box::new(row))).collect();
        let mut node = vec![("items", Node::List(items))];
        if let Some(customer) = &subject.customer {
            let waiting = world.approval.waiting.iter();
            let waiting = waiting
                .filter(|(_, waiting)| waiting.kind == "trade_terms.set" && waiting.about.subject == customer.stream());
            let waiting = waiting.map(|(request, waiting)| {
                let data: Value = serde_json::from_str(&waiting.data).unwrap_or_default();
                let mut row = vec![("request_id", Node::plain(request.as_str()))];
                row.extend(credit::cells(&data));
                row.push(("proposed_by", Node::plain(json!(waiting.actor.employee()))));
                Node::Row(row)
            });
            node.push(("waiting", Node::List(waiting.collect())));
        }
        Ok(Built { node: Node::Row(node), next: page.next, targets: subject.targets.clone() })
    }

    /// The reviews, newest quarter first, and those that accounting owes.
    pub(super) fn credit_reviews(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let after = cursor_of_two(asked)?;
        let world = self.world(state, then)?;
        let today = world.date(then.at);
        let term = match &subject.customer {
            Some(customer) => stream_term(stream(Dimension::Credit, customer).as_str()),
            None => family_term("credit_review"),
        };
        let amendments = self.all_amendments(then.end)?;
        let mut reviews: Vec<Review> = Vec::new();
        for index in self.shelf.postings(term, 0, then.end, Direction::Ascending, usize::MAX)? {
            self.read_live(then, index, &amendments, &mut |read| {
                if let Event::Credit(Credit::Reviewed(reviewed)) = read.event {
                    reviews.extend(Review::of(reviewed, read));
                }
            })?;
        }
        // What a customer's review before said is that of the quarter before, whenever it was recorded.
        reviews.sort_by(|one, other| (&one.quarter, &one.customer).cmp(&(&other.quarter, &other.customer)));
        let mut last: BTreeMap<&CustomerId, &str> = BTreeMap::new();
        let before: Vec<Option<&str>> =
            reviews.iter().map(|review| last.insert(&review.customer, &review.grade)).collect();
        let quarter = asked.filters.get("quarter");
        let mut wanted: Vec<(&Review, Option<&str>)> = reviews.iter().zip(before).collect();
        wanted.retain(|(review, _)| {
            quarter.is_none_or(|quarter| review.quarter == *quarter)
                && shows_credit(subject, sight, Some(&review.customer))
        });
        wanted.sort_by(|(one, _), (other, _)| {
            other.quarter.cmp(&one.quarter).then_with(|| one.customer.cmp(&other.customer))
        });
        wanted.retain(|(review, _)| {
            after.is_none_or(|(quarter, customer)| {
                review.quarter.as_str() < quarter || (review.quarter == quarter && review.customer.as_str() > customer)
            })
        });
        let more = wanted.len() > asked.limit;
        wanted.truncate(asked.limit);
        let next = wanted.last().filter(|_| more).map(|(review, _)| format!("{}/{}", review.quarter, review.customer));
        let follow_ups = wanted
            .iter()
            .map(|(review, _)| self.follow_up(&world, review, then, &amendments))
            .collect::<Result<Vec<_>, _>>()?;
        let (items, owed) = self.with_register(state, then, |register| {
            let name = |id: &CustomerId| register.customers.get(id).map_or_else(Node::absent, |listed| listed.named());
            let rows = wanted.iter().zip(follow_ups);
            let items = rows.map(|((review, last), follow_up)| review.row(name(&review.customer), *last, follow_up));
            let mut owed = Vec::new();
            for id in register.customers.keys() {
                if after.is_none()
                    && let Some((due, day)) = review_due(&world, id, then.at)
                    && due.0 < today.quarter()
                    && quarter.is_none_or(|quarter| due.0 == *quarter)
                    && shows_credit(subject, sight, Some(id))
                {
                    owed.push(credit::owed(id, name(id), &due.0, day, today));
                }
            }
            (items.collect::<Vec<_>>(), owed)
        })?;
        let node = Node::Row(vec![("items", Node::List(items)), ("owed", Node::List(owed))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// Finds out whether a grade was proposed on a review that asks for one.
    fn follow_up(
        &self,
        world: &World,
        review: &Review,
        then: &Then,
        amendments: &Amendments,
    ) -> Result<Option<FollowUp>, ViewError> {
        if !review.proposes {
            return Ok(None);
        }
        let term = stream_term(stream(Dimension::Credit, &review.customer).as_str());
        for index in self.shelf.postings(term, review.index + 1, then.end, Direction::Ascending, usize::MAX)? {
            let mut rests = false;
            self.read_live(then, index, amendments, &mut |read| {
                if let Event::Grade(Grade::Proposed(_, proposed)) = read.event {
                    rests = proposed.evidence.iter().any(|evidence| evidence.0 == review.id);
                }
            })?;
            if rests {
                return Ok(Some(FollowUp::Proposed));
            }
        }
        // Of a year without a table nobody can say that the days are over.
        let days = calendar::worktime(world, None, review.at).days_after(world.date(review.at), FOLLOW_UP_DAYS);
        let late = days.is_ok_and(|counted| then.at > counted.due);
        Ok(Some(if late { FollowUp::Missing } else { FollowUp::Open }))
    }
}

/// Within how many working days a change that a review proposes is to be proposed.
const FOLLOW_UP_DAYS: u32 = 5;
