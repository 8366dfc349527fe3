//! What is shown of the customers together: what they are composed of, as far as the asker may see each of them.

use std::collections::BTreeSet;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::domain::grade::{Dimension, scale};
use crate::domain::{Refusal, common};
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Built, wants_purpose, year_of};
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
    /// The rule that kept the first of them from being seen, where a purpose would have opened it, or where it is to be taken out.
    wanting: Option<String>,
}

impl Sighted {
    /// Looks at every customer of the register in these matters, as far as `about` says of each; what is seen is noted.
    pub(super) fn of(register: &Register, sight: &mut Sight<'_>, matters: &[Matter], about: Facts) -> Self {
        let mut sighted = Self { seen: BTreeSet::new(), hidden: 0, wanting: None };
        for (id, listed) in &register.customers {
            sight.turn_to(Some(id));
            let decisions: Vec<_> = matters.iter().map(|matter| (*matter, sight.may_of(*matter, about))).collect();
            if let Some((matter, denied)) = decisions.iter().find(|(_, decision)| !decision.allowed) {
                sighted.hidden += usize::from(listed.duplicate_of.is_none());
                sighted.wanting = sighted.wanting.or_else(|| match sight.takes_out() {
                    // Whoever may read it lacks the grant to take it out; an empty table would say that there is nothing.
                    true if sight.reads(*matter, about) => Some("R-055".to_owned()),
                    true => Some(denied.rule.as_deref().unwrap_or("R-050").to_owned()),
                    false => wants_purpose(denied),
                });
                continue;
            }
            for (matter, decision) in &decisions {
                sight.note(*matter, decision);
            }
            sighted.seen.insert(id.clone());
        }
        sight.turn_to(None);
        sighted
    }

    /// Notes the classes of what was added up, if anything was.
    pub(super) fn note(&self, sight: &mut Sight<'_>, classes: &[Class]) {
        if !self.seen.is_empty() {
            sight.seen.classes.extend(classes);
        }
    }

    /// Denies a view that nothing is seen of, where a purpose would open it, or where it is to be taken out.
    pub(super) fn check(&self) -> Result<(), ViewError> {
        match self.wanting.as_ref().filter(|_| self.seen.is_empty()) {
            Some(rule) => Err(ViewError::Denied(common::Refusal::Forbidden { rule: rule.clone() }.into())),
            None => Ok(()),
        }
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
            let sighted = Sighted::of(register, sight, matters, Facts::NONE);
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
        sighted.check()?;
        rows.extend(hidden("class", sighted.hidden));
        // What is summed was judged customer by customer; the sums are then of the list's class.
        sighted.note(sight, if by.graded() { &[Class::C2, Class::C3] } else { &[Class::C2] });
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
