//! Three years of work, day by day: who is there, what a day consists of, and how it is proposed.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};

use crate::access::principal::{Principal, Purpose};
use crate::clock::{Clock as _, Date, ManualClock, Timestamp, Zone};
use crate::demo::company::{self, Person, REGIONS, STAFF, Service, UNITS, region_of};
use crate::demo::dice::Dice;
use crate::demo::trade::Bills;
use crate::demo::{BuildError, Plan};
use crate::domain::role::Role;
use crate::domain::{calendar, contact};
use crate::ids::{self, EmployeeId, EntryId, StreamName, SubjectId};
use crate::ledger::{Asked, Ledger, Proposal, SubmitError, ViewError};
use crate::projection;

/// The company at work.
pub(super) struct Years<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) clock: &'a ManualClock,
    pub(super) zone: Zone,
    pub(super) plan: Plan,
    pub(super) dice: Dice,
    /// The number of the last proposal.
    pub(super) proposed: u64,
    /// Proposals the rules refused though nobody meant them to be.
    pub(super) refused: u64,
    pub(super) clients: Vec<Client>,
    pub(super) keepers: Vec<Keeper>,
    pub(super) promises: Vec<Promise>,
    pub(super) fates: BTreeMap<SubjectId, Fate>,
    /// How many grades of a kind were proposed.
    pub(super) graded: BTreeMap<&'static str, u64>,
    pub(super) sold: VecDeque<Sold>,
    pub(super) bills: Bills,
    pub(super) owed: Owed,
    /// Who met the owners of which customer yesterday, and the entry of it.
    pub(super) met: Option<(&'static str, usize, String)>,
}

/// A customer, as the people of the demo know it.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) chinese: bool,
    pub(super) individual: bool,
    /// What it does for the company; nobody sells it anything.
    pub(super) service: Option<&'static Service>,
    pub(super) weight: &'static str,
    pub(super) keeper: usize,
    /// The working day on which the archive is opened.
    pub(super) opens_on: usize,
    pub(super) open: bool,
    pub(super) ended: bool,
    /// Entries a grade may rest on, the latest last.
    pub(super) evidence: VecDeque<EntryId>,
    /// The credit grade the terms in force rest on.
    pub(super) terms: Option<String>,
}

/// Somebody who looks after customers.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    pub(super) person: &'static Person,
    pub(super) region: usize,
    pub(super) clients: Vec<usize>,
    /// Notice is given: nobody gives them anything more to do.
    pub(super) leaving: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) id: String,
    pub(super) client: usize,
    pub(super) responsible: &'static str,
    pub(super) due: Date,
    /// It is kept some days after it is due.
    pub(super) tarries: bool,
}

/// What will become of a grade proposal, unless somebody decides otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Approved,
    Rejected,
    Returned,
    Withdrawn,
    Lapsed,
}

#[derive(Clone, Debug)]
pub(super) struct Sold {
    pub(super) id: EntryId,
    pub(super) client: usize,
    pub(super) product: usize,
    pub(super) amount: u64,
}

/// What is due of each kind of work, in thousandths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owed {
    pub(super) grades: u64,
    pub(super) profiles: u64,
    pub(super) classes: u64,
    pub(super) statuses: u64,
}

impl Client {
    /// Tells whether something is sold to it.
    pub(super) fn buys(&self) -> bool {
        self.open && !self.ended && self.service.is_none()
    }
}

impl<'a> Years<'a> {
    /// Gathers the company; nothing is entered yet.
    pub(super) fn new(ledger: &'a Ledger, clock: &'a ManualClock, zone: Zone, plan: Plan, dice: Dice) -> Self {
        let keepers = STAFF
            .iter()
            .filter(|person| matches!(person.role, Role::Salesperson | Role::CustomerManager))
            .filter_map(|person| {
                Some(Keeper { person, region: region_of(person.unit)?, clients: Vec::new(), leaving: false })
            })
            .collect();
        Self {
            ledger,
            clock,
            zone,
            plan,
            dice,
            proposed: 0,
            refused: 0,
            clients: Vec::new(),
            keepers,
            promises: Vec::new(),
            fates: BTreeMap::new(),
            graded: BTreeMap::new(),
            sold: VecDeque::new(),
            bills: Bills::new(),
            owed: Owed::default(),
            met: None,
        }
    }

    /// Lives from the day after `first` until `now` and returns how many proposals were refused unmeant.
    ///
    /// # Errors
    /// The ledger can no longer be written.
    pub(super) async fn live(
        mut self,
        first: Date,
        now: Timestamp,
        progress: &mut impl FnMut(u64),
    ) -> Result<u64, BuildError> {
        self.gather(first).await?;
        let days = self.working_days(first, now);
        self.meet(days.len());
        for (at, day) in days.iter().enumerate() {
            self.live_through(*day, at, days.len()).await?;
            progress(self.ledger.state().size);
        }
        self.wait_for(now).await?;
        progress(self.ledger.state().size);
        Ok(self.refused)
    }

    /// Units, staff, roles with the general manager's consent, and heads.
    async fn gather(&mut self, first: Date) -> Result<(), BuildError> {
        let units = UNITS.iter().map(|unit| self.unit(unit, None)).collect();
        self.enter("E-812", units).await?;
        let mut staff = Vec::new();
        let mut roles = Vec::new();
        for (number, person) in STAFF.iter().enumerate().filter(|(_, person)| !person.founds()) {
            staff.push(self.proposal(
                "employee.registered",
                None,
                json!({
                    "employee_id": person.id,
                    "name": person.name,
                    "unit": person.unit,
                    "joined_on": first,
                    "contact_phone": format!("000-5550-{number:04}"),
                }),
            ));
            roles.push(self.proposal(
                "employee.roles_changed",
                Some(format!("employee/{}", person.id)),
                json!({
                    "added": [{ "role": person.role.key(), "unit": person.unit }],
                    "removed": [],
                    "reason": "到岗 Takes up the post",
                }),
            ));
        }
        self.pause(600).await?;
        self.enter("E-812", staff).await?;
        self.pause(600).await?;
        let given = roles.iter().map(|request| self.consent(request)).collect::<Vec<_>>();
        self.enter("E-813", roles).await?;
        self.pause(600).await?;
        self.enter("E-801", given).await?;
        self.pause(600).await?;
        let units = UNITS.iter().map(|unit| self.unit(unit, unit.head)).collect();
        self.enter("E-812", units).await?;
        Ok(())
    }

    fn unit(&mut self, unit: &company::Unit, head: Option<&str>) -> Proposal {
        let mut data = json!({
            "unit_id": unit.id,
            "name": unit.name,
            "kind": unit.kind,
            "parent": unit.parent,
            "territory": unit.territory.into_iter().collect::<Vec<_>>(),
            "status": "active",
        });
        set(&mut data, "head", head.map(Value::from));
        self.proposal("org_unit.defined", None, data)
    }

    /// Every working day that was over by `now`.
    fn working_days(&self, first: Date, now: Timestamp) -> Vec<Date> {
        let mut days = Vec::new();
        let mut day = first.next();
        while self.zone.start_of(day).plus(hours(20)) <= now {
            if self.works(day) {
                days.push(day);
            }
            day = day.next();
        }
        days
    }

    /// Tells whether a day is worked; of a year whose notice is not known, from Monday to Friday.
    fn works(&self, day: Date) -> bool {
        let state = self.ledger.state();
        calendar::worktime(&state.world, None, self.clock.now()).works(day).unwrap_or_else(|_| day.weekday() < 5)
    }

    /// Decides who the customers will be, who keeps them, and when their archives are opened.
    fn meet(&mut self, days: usize) {
        let wanted = usize::try_from(self.plan.customers).unwrap_or(0);
        let mut clients = Vec::with_capacity(wanted);
        for number in 0..wanted {
            let service = company::service_at(number);
            let (name, chinese) =
                service.map_or_else(|| company::name(number), |service| (service.name.to_owned(), service.chinese));
            let weight = match self.dice.below(100) {
                _ if service.is_some() => "scattered",
                0..4 => "main",
                4..60 => "general",
                _ => "scattered",
            };
            let role = if weight == "main" { Role::CustomerManager } else { Role::Salesperson };
            let able: Vec<usize> = (0..self.keepers.len())
                .filter(|at| self.keepers.get(*at).is_some_and(|keeper| keeper.person.role == role))
                .collect();
            let keeper = able.get(self.dice.place(able.len())).copied().unwrap_or(0);
            // Most archives are brought along into the first months; the others come as the company grows.
            let opens_on = match self.dice.percent(60) {
                true => self.dice.place(days.min(120)),
                false => self.dice.place(days.saturating_sub(days / 20)),
            };
            let opens_on = (opens_on..days).find(|day| records(keeper, *day)).unwrap_or(0);
            let individual = service.is_none() && weight == "scattered" && self.dice.percent(4);
            clients.push(Client {
                id: String::new(),
                name,
                chinese,
                individual,
                service,
                weight,
                keeper,
                opens_on,
                open: false,
                ended: false,
                evidence: VecDeque::new(),
                terms: None,
            });
        }
        clients.sort_by_key(|client| (client.opens_on, client.keeper));
        for (number, client) in clients.iter_mut().enumerate() {
            client.id = format!("C-{:05}", number + 1);
        }
        self.clients = clients;
    }

    async fn live_through(&mut self, day: Date, at: usize, days: usize) -> Result<(), BuildError> {
        let midnight = self.zone.start_of(day);
        let before = self.size();
        self.wait_for(midnight.plus(hours(8))).await?;
        self.wait_for(midnight.plus(minutes(570))).await?;
        self.decide(day, at, days).await?;
        self.wait_for(midnight.plus(hours(11))).await?;
        if at.is_multiple_of(2) {
            self.read(at / 2).await?;
        }
        self.ask_and_lend(day, at, days).await?;
        self.wait_for(midnight.plus(minutes(990))).await?;
        let budget = self.budget(at, days, before);
        self.record(day, (at, days), budget).await?;
        self.meet_owners(day, at).await?;
        self.collect(day, budget.div_ceil(10)).await?;
        let entered = self.size() - before;
        self.sell(day, budget.saturating_sub(entered)).await
    }

    /// How many contacts a day sees: two in five entries, spread evenly over the years whatever else happens.
    pub(super) fn contacts_on(&self, at: usize, days: usize) -> u64 {
        let until =
            |at: usize| self.plan.events * 2 / 5 * u64::try_from(at).unwrap_or(0) / u64::try_from(days).unwrap_or(1);
        until(at + 1) - until(at)
    }

    /// How many entries a day is to have: an even share of what is left, and never less than half of an even day's, whatever else has happened.
    fn budget(&self, at: usize, days: usize, before: u64) -> u64 {
        let count = |days: usize| u64::try_from(days).unwrap_or(1);
        let share = self.plan.events.saturating_sub(before).div_ceil(count(days - at));
        share.max(self.plan.events / count(days) / 2)
    }

    /// How many entries there are but the ledger's own: checkpoints come when they are signed, a little sooner or later in every demo.
    fn size(&self) -> u64 {
        let state = self.ledger.state();
        state.size - state.heads.get(&StreamName::single("ledger")).map_or(0, |head| head.version)
    }

    /// What is read in the course of a day; a few readings are refused, which is entered too.
    async fn read(&mut self, at: usize) -> Result<(), BuildError> {
        let keeper = self.dice.place(self.keepers.len());
        if let (Some(person), Some(client)) =
            (self.keepers.get(keeper).map(|keeper| keeper.person.id), self.client_of(keeper))
        {
            let view = self.dice.word(&["archive", "card", "promises"]);
            self.look(person, view, self.client_id(client), "sales_work").await?;
        }
        let anybody = self.dice.place(self.clients.len());
        if self.clients.get(anybody).is_none_or(|client| !client.open) {
            return Ok(());
        }
        match at % 10 {
            3 => self.look("E-901", "grade_audit", self.client_id(anybody), "audit: 年度抽查 yearly sample").await,
            5 => {
                self.look(
                    leader(Role::RegionalGm, at % REGIONS.len()),
                    "archive",
                    self.client_id(anybody),
                    "management",
                )
                .await
            }
            6 => {
                let view = self.dice.word(&["grades", "terms", "payments"]);
                self.look("E-402", view, self.client_id(anybody), "credit_review").await
            }
            7 => self.look("E-102", "archive", self.client_id(anybody), "sales_work").await,
            8 => self.look("E-902", "access_log", format!("customer/{}", self.client_id(anybody)), "compliance").await,
            _ => Ok(()),
        }
    }

    pub(super) async fn look(&self, who: &str, view: &str, subject: String, purpose: &str) -> Result<(), BuildError> {
        let (Some(view), Ok(employee)) = (projection::view(view), who.parse::<EmployeeId>()) else { return Ok(()) };
        let asked = Asked { subject: Some(subject), purpose: Purpose::parse(purpose).ok(), ..Asked::new(view) };
        match self.ledger.view(&Principal::new(employee), &asked).await {
            Err(ViewError::Unwritable) => Err(SubmitError::Unwritable.into()),
            Err(ViewError::Integrity { first_bad }) => Err(SubmitError::Integrity { first_bad }.into()),
            // Whoever may not read is told so, and that is entered.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Proposes for several people at once, for each in one batch.
    pub(super) async fn enter_together(&mut self, work: Vec<(&'static str, Vec<Proposal>)>) -> Result<(), BuildError> {
        let work: Vec<_> = work.into_iter().filter(|(_, batch)| !batch.is_empty()).collect();
        let ledger = self.ledger;
        let entered = together(work.iter().map(|(who, batch)| async move {
            match who.parse::<EmployeeId>() {
                Ok(employee) if batch.len() <= BATCH_MAX => {
                    ledger.submit(&Principal::new(employee), batch.clone()).await.is_ok()
                }
                Ok(_) | Err(_) => false,
            }
        }))
        .await;
        self.tick().await?;
        // What did not go in whole is looked at one by one.
        for ((who, batch), entered) in work.into_iter().zip(entered) {
            if !entered {
                self.enter(who, batch).await?;
            }
        }
        Ok(())
    }

    /// Proposes for one person, in batches; what the rules refuse is left out and counted.
    pub(super) async fn enter(&mut self, who: &str, mut proposals: Vec<Proposal>) -> Result<(), BuildError> {
        let Ok(employee) = who.parse::<EmployeeId>() else { return Ok(()) };
        let principal = Principal::new(employee);
        while !proposals.is_empty() {
            let rest = proposals.split_off(proposals.len().min(BATCH_MAX));
            let mut batch = std::mem::replace(&mut proposals, rest);
            while !batch.is_empty() {
                let entered = self.ledger.submit(&principal, batch.clone()).await;
                self.tick().await?;
                let Err(error) = entered else { break };
                let at = match &error {
                    SubmitError::Refused { at, .. } => *at,
                    // Which one is hidden from its proposer is not said.
                    SubmitError::NotFound if batch.len() > 1 => {
                        proposals.splice(..0, batch.split_off(1));
                        continue;
                    }
                    _ => 0,
                };
                self.leave_out(who, &batch.remove(at), error)?;
            }
        }
        Ok(())
    }

    /// Counts a proposal that was refused though nobody meant it to be.
    ///
    /// # Errors
    /// It was not refused: the ledger cannot be written.
    pub(super) fn leave_out(&mut self, who: &str, proposal: &Proposal, error: SubmitError) -> Result<(), BuildError> {
        match &error {
            SubmitError::Refused { .. } | SubmitError::NotFound => {
                self.refused += 1;
                tracing::warn!(who, kind = proposal.kind, %error, "a proposal of the demo was refused");
                Ok(())
            }
            _ => Err(error.into()),
        }
    }

    pub(super) fn proposal(&mut self, kind: &str, subject: Option<String>, data: Value) -> Proposal {
        self.proposed += 1;
        Proposal {
            kind: kind.into(),
            subject,
            id: Some(format!("demo-{:07}", self.proposed)),
            data,
            ..Proposal::default()
        }
    }

    /// The consent to what waits after this proposal.
    pub(super) fn consent(&mut self, request: &Proposal) -> Proposal {
        let request = request.id.as_deref().and_then(|id| id.parse::<EntryId>().ok()).map(|id| ids::issued(&id));
        self.proposal("approval.given", None, json!({ "request_id": request }))
    }

    pub(super) fn client_of(&mut self, keeper: usize) -> Option<usize> {
        let clients = &self.keepers.get(keeper)?.clients;
        clients.get(self.dice.place(clients.len())).copied()
    }

    /// The customers of a keeper whose archives go on, those first who were never visited, then those to be visited again first.
    pub(super) fn due_first(&self, keeper: usize) -> VecDeque<usize> {
        let state = self.ledger.state();
        let open = &state.world.obligation;
        let revisit = |client: &usize| {
            let known = open.about(&contact::REVISIT, self.clients.get(*client).map_or("", |client| &client.id));
            known.filter_map(|(_, open)| open.due()).max()
        };
        let theirs = self.keepers.get(keeper).into_iter().flat_map(|keeper| &keeper.clients);
        let live = |client: &&usize| self.clients.get(**client).is_some_and(|client| !client.ended);
        let mut clients: Vec<usize> = theirs.filter(live).copied().collect();
        clients.sort_by_cached_key(revisit);
        clients.into()
    }

    pub(super) fn client_id(&self, client: usize) -> String {
        self.clients.get(client).map(|client| client.id.clone()).unwrap_or_default()
    }

    pub(super) fn speaks_chinese(&self, id: &str) -> bool {
        let number = id.strip_prefix("C-").and_then(|digits| digits.parse::<usize>().ok()).unwrap_or(1);
        self.clients.get(number.saturating_sub(1)).is_some_and(|client| client.chinese)
    }

    pub(super) fn cite(&mut self, client: usize, id: Option<String>) {
        if let (Some(client), Some(id)) = (self.clients.get_mut(client), id.and_then(|id| id.parse().ok())) {
            client.evidence.push_back(id);
            if client.evidence.len() > 5 {
                client.evidence.pop_front();
            }
        }
    }

    pub(super) fn owe(&mut self, of: impl FnOnce(&mut Owed) -> &mut u64) -> bool {
        let owed = of(&mut self.owed);
        let due = *owed >= 1000;
        if due {
            *owed -= 1000;
        }
        due
    }

    /// Lets time pass and what it brings be entered.
    pub(super) async fn pause(&self, seconds: u64) -> Result<(), BuildError> {
        self.clock.advance(Duration::from_secs(seconds));
        self.tick().await
    }

    /// Has what is due by now entered now, and not when the ledger next looks at the clock: every demo goes on from the same state. The
    /// day's checkpoint notes what is signed by then, which is everything.
    async fn tick(&self) -> Result<(), BuildError> {
        let state = self.ledger.state();
        if self.zone.date(state.world.ledger.noted_at) != self.zone.date(self.clock.now()) {
            self.ledger.settle();
        }
        Ok(self.ledger.tick().await?)
    }

    pub(super) async fn pause_some(&mut self, least: u64, most: u64) -> Result<(), BuildError> {
        let seconds = self.dice.between(least, most);
        self.pause(seconds).await
    }

    /// Waits for a time of day; what comes by then is entered as after any pause.
    async fn wait_for(&self, at: Timestamp) -> Result<(), BuildError> {
        self.clock.advance_to(at);
        self.pause(0).await
    }
}

/// Drives futures side by side, each for the first time in the order in which they stand.
async fn together<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    poll_fn(|context| {
        for (future, output) in running.iter_mut().filter(|(_, output)| output.is_none()) {
            if let Poll::Ready(ready) = future.as_mut().poll(context) {
                *output = Some(ready);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}

/// Whether somebody writes up their customers on that working day: twice a week, not all on the same days.
pub(super) fn records(keeper: usize, day: usize) -> bool {
    matches!((day + keeper) % 5, 0 | 2)
}

/// The one who leads a region in that role.
pub(super) fn leader(role: Role, region: usize) -> &'static str {
    let leads = |person: &&Person| person.role == role && region_of(person.unit) == Some(region);
    STAFF.iter().find(leads).map_or("E-801", |person| person.id)
}

pub(super) fn set(data: &mut Value, field: &str, value: Option<Value>) {
    if let (Value::Object(fields), Some(value)) = (data, value) {
        fields.insert(field.to_owned(), value);
    }
}

pub(super) fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3600)
}

pub(super) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

/// Proposals in one batch.
const BATCH_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_writes_up_their_customers_twice_in_five_working_days() {
        for keeper in 0..28 {
            assert_eq!((100..105).filter(|day| records(keeper, *day)).count(), 2);
        }
    }

    #[test]
    fn each_region_is_led_by_somebody_of_that_region() {
        assert_eq!(leader(Role::RegionalGm, 0), "E-301");
        assert_eq!(leader(Role::SalesManager, 3), "E-204");
    }
}
