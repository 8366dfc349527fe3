//! What is shown of grades: those in force, the customers by them, their trace, and who did two steps of one.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde_json::{Value, json};

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::grade::{Dimension, scale, stream};
use crate::domain::history::Part;
use crate::domain::{Refusal, World, credit};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::claims::term;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::composition::Sighted;
use crate::ledger::reading::views::{
    Built, Period, choice_of, cursor, cursor_of_two, no_cursor, page_of, shows_credit, value_of,
};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::tail::{family_term, stream_term};
use crate::projection::grade::{self, Line, Standing, Step, Trace};
use crate::projection::register::Listed;
use crate::projection::{Node, composition};
use crate::proof::merkle;
use crate::store::Direction;

impl Shared {
    /// The grades in force, of one customer or of all who have one.
    pub(super) fn grades(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let today = world.date(then.at);
        let standing = |id: &CustomerId, listed: &Listed| Standing {
            credit_limit: listed.terms.as_ref().filter(|terms| terms.hold_on(today)).map(|terms| terms.limit),
            review_due: credit::review_due(&world, id, then.at).map(|(quarter, day)| (quarter.0, day)),
        };
        let page = self.with_register(state, then, |register| {
            page_of(register, asked, subject, sight, Matter::Credit, &mut |id, listed| {
                let shown = !listed.grades.is_empty() || subject.customer.is_some();
                let row = || grade::in_force(id, listed.named(), &listed.grades, standing(id, listed), then.at);
                shown.then(row).into_iter().collect()
            })
        })??;
        Ok(page.built(subject))
    }

    /// The customers by business grade, the best first.
    pub(super) fn grading(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let after = cursor_of_two(asked)?;
        let world = self.world(state, then)?;
        let scale = scale(&world, Dimension::Business, None, then.at);
        let place = |grade: &str| scale.iter().position(|other| *other == grade).unwrap_or(scale.len());
        let ((items, hidden, next), sighted) = self.with_register(state, then, |register| {
            let sighted = Sighted::of(register, sight, &[Matter::Credit], Facts::NONE);
            let mut rows: Vec<(usize, &str, &CustomerId, &Listed)> = Vec::new();
            for (id, listed) in register.customers.iter().filter(|(id, _)| sighted.seen.contains(*id)) {
                let Some(Step { grade, .. }) = listed.grades.at(Dimension::Business, then.at) else { continue };
                if after.is_none_or(|(last, shown)| (place(last), last, shown) < (place(grade), grade, id.as_str())) {
                    rows.push((place(grade), grade, id, listed));
                }
            }
            rows.sort_by_key(|(place, grade, id, _)| (*place, *grade, *id));
            let more = rows.len() > asked.limit;
            rows.truncate(asked.limit);
            let next = rows.last().filter(|_| more).map(|(_, grade, id, _)| format!("{grade}/{id}"));
            let mut bought: BTreeMap<&CustomerId, BTreeMap<&str, i64>> =
                rows.iter().map(|(_, _, id, _)| (*id, BTreeMap::new())).collect();
            register.sales.each(None, &mut |goods, customer, sold| {
                if let Some(categories) = bought.get_mut(customer) {
                    *categories.entry(&goods.category).or_insert(0) += sold.amount;
                }
            });
            let most = |id: &CustomerId| {
                let categories = bought.get(id)?.iter();
                categories.max_by_key(|(name, sales)| (**sales, std::cmp::Reverse(**name))).map(|(name, _)| *name)
            };
            let items: Vec<Node> = rows
                .iter()
                .map(|(_, grade, id, listed)| {
                    let (line, code) = (listed.industry.as_deref(), listed.code.as_deref());
                    grade::graded(id, grade, listed.named(), most(id), line, code)
                })
                .collect();
            ((items, composition::hidden("grade", sighted.hidden), next), sighted)
        })?;
        sighted.check()?;
        let mut node = vec![("items", Node::List(items))];
        node.extend(hidden.map(|hidden| ("hidden", hidden)));
        Ok(Built { node: Node::Row(node), next, targets: Vec::new() })
    }

    /// The steps that led to each grade, with their proofs.
    pub(super) fn trace(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let wanted = Wanted::of(asked, &world)?;
        let trace = match &subject.customer {
            None => self.folded_trace(then, &["grade", "record", "trade_terms", "credit_review"])?,
            Some(customer) => {
                let mut terms = vec![family_term(&format!("trade_terms/{customer}"))];
                for dimension in [Dimension::Credit, Dimension::Business] {
                    let stream = stream(dimension, customer);
                    terms.extend([stream_term(stream.as_str()), term("target", stream.as_str())]);
                }
                let mut indexes = Vec::new();
                for term in terms {
                    indexes.extend(self.shelf.postings(term, 0, then.end, Direction::Ascending, usize::MAX)?);
                }
                indexes.sort_unstable();
                indexes.dedup();
                let amendments = self.amendments(&Part::Customer(customer.clone()), 0..then.end)?;
                let mut trace = Trace::default();
                for index in indexes {
                    self.read_live(then, index, &amendments, &mut |read| trace.fold(read))?;
                }
                trace
            }
        };
        let after = cursor::<u64>(asked)?;
        let wanted: Vec<_> = trace
            .lines
            .iter()
            .filter(|line| after.is_none_or(|after| line.index > after))
            .filter(|line| wanted.takes(line))
            .filter(|line| subject.customer.is_some() || shows_credit(subject, sight, line.customer.as_ref()))
            .take(asked.limit + 1)
            .collect();
        let next = (wanted.len() > asked.limit)
            .then(|| wanted.get(asked.limit.saturating_sub(1)).map(|line| line.index.to_string()))
            .flatten();
        let shown = wanted.into_iter().take(asked.limit);
        let checkpoint = self.checkpoint();
        let proofs = self.proofs(shown.clone().map(|line| line.index));
        let items = shown
            .map(|line| {
                let proof = proofs
                    .get(&line.index)
                    .map_or(Value::Null, |path| json!({ "size": checkpoint.size, "path": path }));
                Ok(line.row(&self.places(line.evidence())?, proof))
            })
            .collect::<Result<_, ViewError>>()?;
        let root = merkle::encode_hash(&checkpoint.root);
        let checkpoint = json!({ "origin": checkpoint.origin, "size": checkpoint.size, "root": root });
        let node = Node::Row(vec![("items", Node::List(items)), ("checkpoint", Node::plain(checkpoint))]);
        Ok(Built { node, next, targets: subject.targets.clone() })
    }

    /// Processes in which somebody did two steps.
    pub(super) fn separation(&self, then: &Then, asked: &Asked) -> Result<Built, ViewError> {
        let trace = self.folded_trace(then, &["grade", "approval"])?;
        let all = asked.filters.get("all").is_some_and(|all| all == "true");
        let after = match &asked.after {
            Some(after) => Bound::Excluded(trace.processes.get_key_value(after).ok_or_else(no_cursor)?.0),
            None => Bound::Unbounded,
        };
        let behind = trace.processes.range::<String, _>((after, Bound::Unbounded));
        let mut wanted = behind.filter(|(_, process)| all || process.repeated());
        let (mut rows, mut last) = (Vec::new(), None);
        for (id, process) in wanted.by_ref().take(asked.limit) {
            rows.push(process.row());
            last = Some(id.clone());
        }
        let node = Node::Row(vec![("items", Node::List(rows)), ("examined", Node::plain(trace.processes.len()))]);
        Ok(Built { node, next: wanted.next().and(last), targets: Vec::new() })
    }

    fn folded_trace(&self, then: &Then, families: &[&str]) -> Result<Trace, ViewError> {
        let mut trace = Trace::default();
        let mut indexes = Vec::new();
        for family in families {
            indexes.extend(self.shelf.postings(family_term(family), 0, then.end, Direction::Ascending, usize::MAX)?);
        }
        indexes.sort_unstable();
        let amendments = self.all_amendments(then.end)?;
        for index in indexes {
            self.read_live(then, index, &amendments, &mut |read| trace.fold(read))?;
        }
        Ok(trace)
    }

    /// Finds the entries of these ids.
    pub(super) fn places<'a>(&self, ids: impl Iterator<Item = &'a str>) -> Result<Vec<Option<u64>>, ViewError> {
        let place = |id| self.recent.look_up(self.shelf.store(), term("id", id));
        ids.map(|id| place(id).map(|(index, _)| index).map_err(|_| ViewError::Store)).collect()
    }
}

/// What the trace is narrowed to.
struct Wanted<'a> {
    world: &'a World,
    dimension: Option<Dimension>,
    employee: Option<&'a str>,
    period: Period,
    change: Option<grade::Direction>,
    policy_version: Option<u64>,
}

impl<'a> Wanted<'a> {
    fn of(asked: &'a Asked, world: &'a World) -> Result<Self, ViewError> {
        let no_version =
            |_| ViewError::Refused(Refusal::field("/policy_version", "must be the number of a version", "须为版本号"));
        let version = asked.filters.get("policy_version").map(|text| text.parse().map_err(no_version));
        Ok(Self {
            world,
            dimension: value_of(asked, "dimension")?,
            employee: asked.filters.get("employee").map(String::as_str),
            period: Period::of(asked, world.ledger.zone)?,
            change: choice_of(asked, "change", &[("up", grade::Direction::Up), ("down", grade::Direction::Down)])?,
            policy_version: version.transpose()?,
        })
    }

    fn takes(&self, line: &Line) -> bool {
        self.dimension.is_none_or(|dimension| line.dimension == dimension)
            && self.employee.is_none_or(|employee| line.actor == employee)
            && self.period.holds(line.at)
            && self.policy_version.is_none_or(|version| line.policy_version == version)
            && self.change.is_none_or(|wanted| self.direction(line) == Some(wanted))
    }

    /// Tells where what was proposed leads, on the scale it was judged by.
    fn direction(&self, line: &Line) -> Option<grade::Direction> {
        let change = line.change.as_ref()?;
        let (unit, at) = &change.proposed;
        change.direction(&scale(self.world, line.dimension, unit.as_ref(), *at))
    }
}
