//! Of which entries one learns more than that there is one (`design` §6).

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::redactor::Sight;
use crate::domain::Event;
use crate::ids::{EmployeeId, SubjectId};
use crate::ledger::Shared;
use crate::ledger::reading::ViewError;
use crate::ledger::reading::moment::Then;
use crate::ledger::state::State;
use crate::projection::anomaly::Anomalies;
use crate::projection::grant::Grants;
use crate::projection::obligation::Overdue;
use crate::projection::{Read, pending};

impl Shared {
    /// Tells whether somebody who looks at its customer may know of an entry: what it is, of whom, by whom and when.
    ///
    /// Of a customer's entries everybody may who is shown the customer's name; of the company's own, such as its policy, everybody. Those
    /// about staff, access, anomalies, deadlines and consent are judged as the views of them are: who has a part in one knows of it.
    pub(super) fn may_know(
        &self,
        state: &State,
        then: &Then,
        read: &Read<'_>,
        sight: &mut Sight<'_>,
    ) -> Result<bool, ViewError> {
        let stream = &read.entry.subject;
        if sight.is(&read.entry.actor) || sight.may_take_proofs() {
            return Ok(true);
        }
        if matches!(read.event, Event::Audit(_)) {
            return Ok(sight.may(Matter::AccessLog).allowed);
        }
        if read.customer().is_some() {
            // Entry by entry one would read the whole list: who may not, on notice, knows those of their own customers.
            return Ok(sight.may_of(Matter::List, Facts::BULK).allowed || sight.may(Matter::Basic).allowed);
        }
        let id = stream.id().unwrap_or_default();
        Ok(match stream.kind() {
            "policy" | "access_policy" | "calendar" | "org" | "ledger" => true,
            "employee" => id.parse().is_ok_and(|id: EmployeeId| sight.may_of_staff(&id, Matter::Staff)),
            "grant" => {
                let mut grants = Grants::default();
                self.read_stream(then, stream, &mut |read| grants.fold(read))?;
                let facts = grants.lines.values().next().map(|line| sight.facts_of_request(line));
                facts.is_some_and(|facts| sight.may_of(Matter::AccessLog, facts).allowed)
            }
            "anomaly" => {
                let mut anomalies = Anomalies::default();
                self.read_stream(then, stream, &mut |read| anomalies.fold(read))?;
                let told = anomalies.lines.values().any(|line| line.addressed_to(sight.reader()));
                sight.may_of(Matter::Strategy, Facts::NONE.with_if(told, Facts::ADDRESSEE)).allowed
            }
            "obligation" => {
                let mut overdue = Overdue::default();
                self.read_stream(then, stream, &mut |read| overdue.fold(read))?;
                overdue.concerned().any(|person| sight.may_of_staff(person, Matter::Staff))
            }
            "approval" => {
                let (mut took_part, mut customer) = (false, None);
                self.read_stream(then, stream, &mut |read| {
                    took_part |= sight.is(&read.entry.actor);
                    customer = customer.take().or(read.customer());
                })?;
                sight.turn_to(customer.as_ref());
                let shown = customer.is_some() && sight.may(Matter::List).allowed;
                sight.turn_to(None);
                let asked =
                    id.parse().is_ok_and(|id: SubjectId| pending::awaits(&state.world, &id, sight.reader(), then.at));
                took_part || shown || asked || sight.may(Matter::AccessLog).allowed
            }
            _ => false,
        })
    }
}
