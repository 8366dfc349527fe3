//! What is shown of the upkeep of archives: their checks, what became of the findings, and how the regions stand.

use std::collections::BTreeMap;

use serde_json::json;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::ids::CustomerId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::composition::Sighted;
use crate::ledger::reading::views::{Built, page_of, year_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::Node;
use crate::projection::composition::hidden;
use crate::projection::upkeep::{Covered, registration};

impl Shared {
    /// The checks of the archives, and of how many that live the quarter was checked.
    pub(super) fn checks(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let only = asked.filters.get("quarter");
        let quarter = only.cloned().unwrap_or_else(|| world.date(then.at).quarter());
        let ended = |id: &CustomerId| world.customer.customers.get(id).is_none_or(|customer| customer.ended());
        let (page, covered) = self.with_register(state, then, |register| {
            let mut covered = Covered::default();
            if subject.customer.is_none() && asked.after.is_none() {
                let sighted = Sighted::of(register, sight, &[Matter::Basic], Facts::NONE);
                for (_, listed) in register.customers.iter().filter(|(id, _)| sighted.seen.contains(*id) && !ended(id))
                {
                    covered.count(listed.upkeep.checks.iter().any(|check| check.quarter.as_ref() == Some(&quarter)));
                }
            }
            let page = page_of(register, asked, subject, sight, Matter::Basic, &mut |_, listed| {
                let checks = listed.upkeep.checks.iter().rev();
                let wanted = checks.filter(|check| only.is_none() || check.quarter.as_ref() == only);
                wanted.map(|check| (listed.named(), check.clone())).collect()
            });
            (page, covered)
        })?;
        let page = page?;
        let rows = page.rows.into_iter().map(|(id, (name, check))| {
            let archive = self.archive(state, &id, then)?;
            Ok(Node::About(id.clone(), Box::new(check.row(&id, name, &archive))))
        });
        let mut node = vec![("items", Node::List(rows.collect::<Result<Vec<_>, ViewError>>()?))];
        if covered.live > 0 {
            let coverage = Node::Row(vec![
                ("quarter", Node::plain(quarter)),
                ("customers", Node::plain(covered.live)),
                ("checked", Node::plain(covered.of_them)),
                ("coverage_bp", Node::plain(json!(covered.share_bp()))),
            ]);
            sight.seen.classes.insert(Class::C1);
            node.push(("coverage", coverage));
        }
        Ok(Built { node: Node::Row(node), next: page.next, targets: subject.targets.clone() })
    }

    /// How many archives of each region were kept up in a year.
    pub(super) fn registration_status(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let year = year_of(asked)?.unwrap_or_else(|| world.date(then.at).year());
        let ((mut rows, total), sighted) = self.with_register(state, then, |register| {
            let sighted = Sighted::of(register, sight, &[Matter::Basic], Facts::NONE);
            let mut regions: BTreeMap<&str, Covered> = BTreeMap::new();
            for (id, listed) in register.customers.iter().filter(|(id, _)| sighted.seen.contains(*id)) {
                if world.customer.customers.get(id).is_some_and(|customer| !customer.ended()) {
                    let kept_up = listed.upkeep.at.iter().any(|at| world.date(*at).year() == year);
                    regions.entry(&listed.region).or_default().count(kept_up);
                }
            }
            (registration(&regions), sighted)
        })?;
        sighted.check()?;
        rows.extend(hidden("region", sighted.hidden));
        // What is counted was judged customer by customer; the counts are then of the list's class.
        sighted.note(sight, &[Class::C1]);
        sight.seen.customers = Vec::new();
        let node = Node::Row(vec![("year", Node::plain(year)), ("items", Node::List(rows)), ("total", total)]);
        Ok(Built { node, next: None, targets: Vec::new() })
    }
}
