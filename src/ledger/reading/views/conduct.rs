//! What is shown of appraisals and violations: row by row to whoever may see what is kept of that employee.

use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::Event;
use crate::domain::conduct::{Event as Conduct, Kind, Scheme};
use crate::domain::history::Part;
use crate::ids::EmployeeId;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::views::{Among, Built, Looked, value_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::tail::family_term;
use crate::projection::conduct::{appraised, violated};
use crate::projection::{Node, Read};

impl Shared {
    /// Appraisals, the newest first.
    pub(super) fn appraisals(&self, then: &Then, asked: &Asked, sight: &Sight<'_>) -> Result<Built, ViewError> {
        let scheme = value_of::<Scheme>(asked, "scheme")?;
        let period = asked.filters.get("period");
        self.conduct("appraisal", then, asked, sight, &|read| match read.event {
            Event::Conduct(Conduct::Appraised(found)) => {
                let meant = scheme.is_none_or(|scheme| scheme == found.scheme)
                    && period.is_none_or(|period| *period == found.period.0);
                meant.then(|| appraised(read, found))
            }
            _ => None,
        })
    }

    /// What was done against the rules, the newest first.
    pub(super) fn discipline(&self, then: &Then, asked: &Asked, sight: &Sight<'_>) -> Result<Built, ViewError> {
        let kind = value_of::<Kind>(asked, "kind")?;
        self.conduct("violation", then, asked, sight, &|read| match read.event {
            Event::Conduct(Conduct::Violated(found)) => {
                kind.is_none_or(|kind| kind == found.kind).then(|| violated(read, found))
            }
            _ => None,
        })
    }

    fn conduct(
        &self,
        family: &str,
        then: &Then,
        asked: &Asked,
        sight: &Sight<'_>,
        row: &dyn Fn(&Read<'_>) -> Option<Node>,
    ) -> Result<Built, ViewError> {
        let employee = asked.filters.get("employee");
        let amendments = self.amendments(&Part::Company, 0..then.end)?;
        let (rows, next) = self.page_back(Among::Term(family_term(family)), then, asked, &mut |index| {
            let mut shown = None;
            self.read_live(then, index, &amendments, &mut |read| {
                let id = read.entry.subject.id().and_then(|id| id.parse::<EmployeeId>().ok());
                let meant = |id: &EmployeeId| employee.is_none_or(|employee| employee == id.as_str());
                shown = id.filter(meant).and_then(|id| Some((id, row(read)?)));
            })?;
            let seen = shown.filter(|(id, _)| sight.may_of_staff(id, Matter::Staff));
            Ok(seen.map_or(Looked::Passed, |(id, row)| Looked::Row(Node::AboutStaff(id, Box::new(row)))))
        })?;
        Ok(Built { node: Node::Row(vec![("items", Node::List(rows))]), next, targets: Vec::new() })
    }
}
