//! What is shown of the customers together: what they are composed of, as far as the asker may see each of them.

use std::collections::BTreeSet;

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::domain::grade::{Dimension, scale};
use crate::domain::{Refusal, common};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Built, year_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::composition::{By, Composition, UNGRADED, hidden};
use crate::projection::register::Register;

/// Of whom the asker may see what a view adds up or sorts by.
pub(super) struct Sighted {
    pub(super) seen: BTreeSet<CustomerId>,
    /// How many customers there are of whom the asker may not.
    pub(super) hidden: usize,
    /// Whether a purpose was all that was lacking of one of them.
    aimless: bool,
}

impl Sighted {
    /// Looks at every customer of the register in these matters.
    pub(super) fn of(register: &Register, sight: &mut Sight<'_>, matters: &[Matter]) -> Self {
        let mut sighted = Self { seen: BTreeSet::new(), hidden: 0, aimless: false };
        for (id, listed) in &register.customers {
            sight.turn_to(Some(id));
            let denied = matters.iter().map(|matter| sight.may(*matter)).find(|decision| !decision.allowed);
            match denied {
                None => {
                    sighted.seen.insert(id.clone());
                }
                Some(decision) => {
                    sighted.hidden += usize::from(listed.duplicate_of.is_none());
                    sighted.aimless |= decision.rule.as_deref() == Some(PURPOSE);
                }
            }
        }
        sighted
    }

    /// Denies a view that nothing is seen of, where a purpose would open it.
    pub(super) fn check(&self, asked: &Asked) -> Result<(), ViewError> {
        if self.seen.is_empty() && self.aimless && asked.purpose.is_none() {
            return Err(ViewError::Denied(common::Refusal::Forbidden { rule: PURPOSE.into() }.into()));
        }
        Ok(())
    }
}

impl Shared {
    /// Customers and sales by class, one of four ways.
    pub(super) fn composition(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let key = asked.filters.get("by").map_or(By::Sales.key(), String::as_str);
        let by = By::ALL.into_iter().find(|by| by.key() == key).ok_or_else(|| {
            let en = "must be sales, product, region or credit";
            ViewError::Refused(Refusal::field("/by", en, "须为 sales、product、region 或 credit"))
        })?;
        let world = self.world(state, then)?;
        let today = world.date(then.at);
        let year = year_of(asked)?.unwrap_or_else(|| today.year());
        let dimension = if by == By::Sales { Dimension::Business } else { Dimension::Credit };
        let scale = scale(&world, dimension, None, then.at);
        let matters = if by.graded() { &[Matter::Commercial, Matter::Credit][..] } else { &[Matter::Commercial] };
        let ((mut rows, total), sighted) = self.with_register(state, then, |register| {
            let sighted = Sighted::of(register, sight, matters);
            let graded = |id: &CustomerId| {
                let listed = register.customers.get(id);
                listed.and_then(|listed| listed.grades.at(dimension, then.at)).map(|step| step.grade.as_str())
            };
            let mut composed = Composition::of(&register.sales, year, &|goods, id| {
                sighted.seen.contains(id).then(|| match by {
                    By::Sales | By::Credit => graded(id).unwrap_or(UNGRADED),
                    By::Product => &goods.category,
                    By::Region => &goods.region,
                })
            });
            if by.graded() {
                for (id, listed) in register.customers.iter().filter(|(id, _)| sighted.seen.contains(*id)) {
                    let terms = listed.terms.as_ref().filter(|terms| terms.hold_on(today));
                    if let Some(grade) = graded(id) {
                        composed.count(grade, id, terms.map_or(0, |terms| terms.limit));
                    }
                }
            }
            (composed.rows(by, &scale), sighted)
        })?;
        sight.turn_to(None);
        sighted.check(asked)?;
        rows.extend(hidden("class", sighted.hidden));
        // What is summed was judged customer by customer; the sums are then of the list's class.
        sight.seen.classes.insert(Class::C2);
        if by.graded() {
            sight.seen.classes.insert(Class::C3);
        }
        sight.seen.customers = Vec::new();
        let node = vec![
            ("by", Node::plain(by.key())),
            ("year", Node::plain(year)),
            ("items", Node::List(rows)),
            ("total", total),
        ];
        Ok(Built { node: Node::Row(node), next: None, targets: Vec::new() })
    }
}

/// The rule that asks for a purpose.
const PURPOSE: &str = "R-059";
