//! What is shown of kinds of customers: how each is classified, those of whom we are the customers, and those that lead.

use serde_json::json;

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::customer::{self, Dimension, Party, Status};
use crate::domain::policy;
use crate::ledger::Shared;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::composition::Sighted;
use crate::ledger::reading::views::{Built, of_page, page_of, value_of, year_of};
use crate::ledger::reading::{Asked, ViewError};
use crate::ledger::state::State;
use crate::projection::classification::{Narrowing, special};
use crate::projection::{Node, leading};

impl Shared {
    /// Banks, lawyers and the like who serve us.
    pub(super) fn special(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let page = self.with_register(state, then, |register| {
            page_of(register, asked, subject, sight, Matter::Basic, &mut |_, listed| {
                let serves = listed.party == Party::ProfessionalService.as_str() && listed.duplicate_of.is_none();
                serves.then(|| (listed.named(), listed.first_contact_at)).into_iter().collect()
            })
        })??;
        let rows = page.rows.into_iter().map(|(id, (name, since))| {
            let (scope, contacts) = self.archive(state, &id, then)?.service();
            Ok(Node::About(id.clone(), Box::new(special(&id, name, scope, contacts, since))))
        });
        let rows = rows.collect::<Result<Vec<_>, ViewError>>()?;
        Ok(of_page(rows, page.next, subject))
    }

    /// The classes of the customers, dimension by dimension.
    pub(super) fn classification(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let day = world.date(then.at);
        let filter = |name: &str| asked.filters.get(name).map(String::as_str);
        let lifecycle = value_of::<Status>(asked, "lifecycle")?.map(Status::as_str);
        let dimension = value_of::<Dimension>(asked, "dimension")?.map(|dimension| dimension.as_str());
        let narrowing = Narrowing { dimension, value: filter("value"), lifecycle };
        let page = self.with_register(state, then, |register| {
            page_of(register, asked, subject, sight, Matter::Basic, &mut |id, listed| {
                let status = customer::status(&world, id, day, then.at);
                listed.classification.rows(id, &listed.named(), status, narrowing)
            })
        })??;
        Ok(page.built(subject))
    }

    /// The customers that lead in a year, as far as the asker may see what they are ranked by.
    pub(super) fn key_customers(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let world = self.world(state, then)?;
        let year = year_of(asked)?.unwrap_or_else(|| world.date(then.at).year());
        let most = usize::try_from(policy::parameter(&world, None, then.at, "p.ka.top_n")).unwrap_or(0);
        let (rows, sighted) = self.with_register(state, then, |register| {
            let sighted = Sighted::of(register, sight, &[Matter::Strategy, Matter::Commercial], Facts::NONE);
            let seen = |id: &_| sighted.seen.contains(id);
            (leading::rows(&register.sales, &register.customers, year, most, &seen), sighted)
        })?;
        sighted.check()?;
        let node = Node::Row(vec![("year", Node::plain(json!(year))), ("items", Node::List(rows))]);
        Ok(Built { node, next: None, targets: Vec::new() })
    }
}
