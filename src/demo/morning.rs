//! What leaders, accounting and the archive do in the morning, each on their day of the week.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::company::{REGIONS, STAFF, region_of};
use crate::demo::words::{DOUBTS, OPINIONS, sentence};
use crate::demo::years::{Fate, Years, hours, leader, set};
use crate::domain::duty::{Charge, Trigger};
use crate::domain::grade::{Dimension, Seat};
use crate::domain::obligation::Open;
use crate::domain::role::Role;
use crate::ids::{CustomerId, SubjectId};
use crate::ledger::Proposal;

impl Years<'_> {
    /// What leaders and the archive do in the morning, each on their day of the week.
    pub(super) async fn decide(&mut self, day: Date, at: usize, days: usize) -> Result<(), BuildError> {
        if at == 0 {
            self.begin_with_few_hands().await?;
        }
        if at == days * 2 / 5 {
            self.revise_policy().await?;
        }
        if at == days * 4 / 5 {
            self.check_quarterly_in_the_west().await?;
        }
        self.part(day, at, days).await?;
        self.watch(at, days).await?;
        self.judge_staff(at).await?;
        self.file_minutes(at).await?;
        self.review_policy(day).await?;
        self.check_due_archives().await?;
        self.give_more_time().await?;
        self.sign(day.weekday()).await?;
        if at % 8 == 4 && !self.clients.is_empty() {
            self.file(day).await?;
        }
        self.collect_statements(day).await?;
        match day.weekday() {
            0 => {
                self.check_archives(day).await?;
                self.reassign(at).await?;
            }
            1 | 4 => {
                let work = (0..REGIONS.len()).map(|region| self.decide_regional(region)).collect();
                self.enter_together(work).await?;
            }
            2 => {
                self.decide_last(Seat::AccountingHead, "E-402").await?;
                // What was decided just now is in force before anything is rested on it.
                self.pause(600).await?;
                self.propose_as_accounting().await?;
                self.review_credit(day).await?;
                self.set_terms().await?;
            }
            3 => self.decide_last(Seat::GeneralManager, "E-801").await?,
            _ => {}
        }
        Ok(())
    }

    async fn revise_policy(&mut self) -> Result<(), BuildError> {
        let parameters = json!({ "p.visit.max_minutes": 45, "p.dormant.months": 9 });
        let reason = "年度修订：延长拜访时长与停止交易期限 Yearly revision: longer visits, later dormancy";
        self.adopt("HQ", json!({}), parameters, reason).await
    }

    /// So many archives are not checked every quarter by two people, nor so many customers visited every quarter by those who look after them.
    async fn begin_with_few_hands(&mut self) -> Result<(), BuildError> {
        let reason = "建档阶段按年核定，普通客户每半年回访 While archives are built up they are checked yearly, and ordinary customers visited twice a year";
        let parameters = json!({ "p.revisit.days": "30,60,180" });
        self.adopt("HQ", json!({ "verify": "verify.annual" }), parameters, reason).await
    }

    async fn check_quarterly_in_the_west(&mut self) -> Result<(), BuildError> {
        let reason = "西部试行季度核定 The west tries checks every quarter";
        self.adopt("S-WEST", json!({ "verify": "verify.quarterly" }), json!({}), reason).await
    }

    /// The general manager drafts, deputy and compliance officer consent.
    async fn adopt(&mut self, unit: &str, presets: Value, parameters: Value, reason: &str) -> Result<(), BuildError> {
        let draft = self.proposal(
            "policy.adopted",
            None,
            json!({
                "unit": unit,
                "presets": presets,
                "parameters": parameters,
                "effective_at": self.clock.now().plus(hours(24 * 7)),
                "reason": reason,
            }),
        );
        let (deputy, compliance) = (self.consent(&draft), self.consent(&draft));
        self.enter("E-801", vec![draft]).await?;
        self.pause(3600).await?;
        self.enter("E-802", vec![deputy]).await?;
        self.pause(900).await?;
        self.enter("E-902", vec![compliance]).await
    }

    /// The market director reviews the policy in December, in odd years only after the new year.
    async fn review_policy(&mut self, day: Date) -> Result<(), BuildError> {
        let year = if day.month() == 1 { day.year() - 1 } else { day.year() };
        let wanted = if year % 2 == 0 { day.month() == 12 } else { day.month() == 1 };
        let open = self.open_duties(58).iter().any(|(_, open)| open.object == year.to_string());
        if !wanted || !open || day.weekday() != 3 {
            return Ok(());
        }
        let findings = "制度符合现状，暂不修订 The rules fit; nothing is to change";
        let data = json!({ "year": year, "outcome": "unchanged", "findings": findings });
        let proposal = self.proposal("policy.reviewed", None, data);
        self.enter("E-601", vec![proposal]).await
    }

    /// The archivist works off the checks of the quarter; a few archives cannot be found.
    async fn check_due_archives(&mut self) -> Result<(), BuildError> {
        let due: Vec<(String, String)> = self
            .open_duties(4)
            .into_iter()
            .filter_map(|(id, open)| match open.trigger {
                Trigger::Period(period) if !id.as_str().ends_with(['0', '1']) || open.level > 2 => {
                    Some((open.object, period))
                }
                Trigger::Period(_) | Trigger::Entry(_) => None,
            })
            .collect();
        let today = due.len().div_ceil(6);
        let mut proposals = Vec::new();
        for (customer, period) in due.into_iter().take(today) {
            let data = json!({ "kind": "quarterly", "period": period, "result": "confirmed" });
            proposals.push(self.proposal("archive.verified", Some(format!("customer/{customer}")), data));
        }
        self.enter("E-502", proposals).await
    }

    /// A sales manager gives more time for a promise that will not be kept in time.
    async fn give_more_time(&mut self) -> Result<(), BuildError> {
        let now = self.clock.now();
        let soon = now.plus(hours(40));
        let next = self.open_duties(13).into_iter().find_map(|(id, open)| {
            let due = open.due().filter(|due| *due > now && *due < soon && open.extensions == 0)?;
            match open.charges.first() {
                Some(Charge::Person(person)) => Some((id, due, person.clone())),
                _ => None,
            }
        });
        let Some((id, due, person)) = next.filter(|_| self.dice.percent(40)) else { return Ok(()) };
        let Some(region) = STAFF.iter().find(|one| one.id == person.as_str()).and_then(|one| region_of(one.unit))
        else {
            return Ok(());
        };
        let data = json!({
            "obligation": id,
            "new_due": due.plus(hours(24 * 7)),
            "reason": "客户同意推迟 The customer agrees to wait",
        });
        let proposal = self.proposal("obligation.extended", None, data);
        self.enter(leader(Role::SalesManager, region), vec![proposal]).await
    }

    /// What is open of a duty, by id.
    pub(super) fn open_duties(&self, number: u8) -> Vec<(SubjectId, Open)> {
        let state = self.ledger.state();
        let open = &state.world.obligation.open;
        open.iter().filter(|(_, open)| open.duty == number).map(|(id, open)| (id.clone(), Open::clone(open))).collect()
    }

    async fn check_archives(&mut self, day: Date) -> Result<(), BuildError> {
        let quarter = self.zone.start_of(day.minus_months(3));
        let period = self.zone.date(quarter).to_string();
        let (year, month) =
            (period.get(..4).unwrap_or_default(), period.get(5..7).and_then(|month| month.parse::<u32>().ok()));
        let period = format!("{year}Q{}", month.unwrap_or(1).saturating_sub(1) / 3 + 1);
        let wanted = self.plan.events / 10_000;
        let state = self.ledger.state();
        // Others check what is due, maybe this very archive.
        let checked = |id: &str| {
            let customer = id.parse().ok().and_then(|id: CustomerId| state.world.customer.customers.get(&id));
            customer.and_then(|customer| customer.checked.as_deref()).is_some_and(|checked| checked >= period.as_str())
        };
        let mut taken = BTreeSet::new();
        let mut proposals = Vec::new();
        for _ in 0..wanted {
            let place = self.dice.place(self.clients.len());
            let due = day.plus_months(1);
            let Some(client) = self.clients.get(place) else { break };
            if !client.open || client.ended || checked(&client.id) || !taken.insert(place) {
                continue;
            }
            let (subject, chinese, keeper) = (format!("customer/{}", client.id), client.chinese, client.keeper);
            let mut data = json!({ "kind": "quarterly", "period": period, "result": "confirmed" });
            if self.dice.percent(25) {
                let responsible = self.keepers.get(keeper).map_or("E-501", |keeper| keeper.person.id);
                let (item, action) = if chinese {
                    ("信用代码", "补充并核对")
                } else {
                    ("Registration number", "Supply and compare")
                };
                set(&mut data, "result", Some("incomplete".into()));
                set(
                    &mut data,
                    "findings",
                    Some(json!([{ "item": item, "action": action, "due": due, "responsible": responsible }])),
                );
            }
            proposals.push(self.proposal("archive.verified", Some(subject), data));
        }
        self.enter("E-501", proposals).await
    }

    /// Sales managers move a customer to another of their people now and then.
    async fn reassign(&mut self, at: usize) -> Result<(), BuildError> {
        for region in 0..REGIONS.len() {
            if !self.dice.percent(30) {
                continue;
            }
            let people = self.staying(region, Role::Salesperson);
            let from = people.get(self.dice.place(people.len())).copied().unwrap_or(0);
            let to = people.get((at + self.dice.place(people.len())) % people.len().max(1)).copied().unwrap_or(0);
            let Some(client) = self.client_of(from).filter(|_| from != to) else { continue };
            let (Some(id), Some(owner)) =
                (self.clients.get(client).map(|client| client.id.clone()), self.keepers.get(to))
            else {
                continue;
            };
            let data = json!({
                "owner": owner.person.id,
                "co_contacts": [],
                "reason": "reassignment",
                "effective_at": self.clock.now(),
            });
            let manager = leader(Role::SalesManager, region);
            let proposal = self.proposal("customer.owner_assigned", Some(format!("customer/{id}")), data);
            self.enter(manager, vec![proposal]).await?;
            if let Some(client) = self.clients.get_mut(client) {
                client.keeper = to;
            }
            if let Some(keeper) = self.keepers.get_mut(from) {
                keeper.clients.retain(|kept| *kept != client);
            }
            if let Some(keeper) = self.keepers.get_mut(to) {
                keeper.clients.push(client);
            }
        }
        Ok(())
    }

    /// The regional general manager reviews what goes further and decides what does not.
    fn decide_regional(&mut self, region: usize) -> (&'static str, Vec<Proposal>) {
        let word = REGIONS.get(region).copied().unwrap_or_default();
        let state = self.ledger.state();
        let mut proposals = Vec::new();
        for (id, open) in &state.world.grade.open {
            let here =
                state.world.customer.customers.get(&open.customer).is_some_and(|customer| customer.region == word);
            let fate = self.fates.get(id).copied().unwrap_or(Fate::Lapsed);
            if !here || !open.taken.is_empty() || matches!(fate, Fate::Lapsed | Fate::Withdrawn) {
                continue;
            }
            let chinese = self.speaks_chinese(open.customer.as_str());
            // Even who decides alone sends back what is not ready.
            if open.seats.len() > 1 || fate == Fate::Returned {
                let (verdict, words) = match fate {
                    Fate::Returned => ("return", &DOUBTS[..]),
                    Fate::Approved | Fate::Rejected | Fate::Withdrawn | Fate::Lapsed => ("endorse", &OPINIONS[..]),
                };
                let opinion = sentence(&mut self.dice, words, chinese);
                let data = json!({ "proposal_id": id, "step": 1, "verdict": verdict, "opinion": opinion });
                proposals.push(self.proposal(&format!("{}_grade.reviewed", open.dimension.as_str()), None, data));
            } else {
                proposals.push(self.decision(open.dimension, id, &open.to, fate, chinese));
            }
        }
        (leader(Role::RegionalGm, region), proposals)
    }

    /// Whoever holds the last seat of a longer chain decides.
    async fn decide_last(&mut self, seat: Seat, decider: &str) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let mut proposals = Vec::new();
        for (id, open) in &state.world.grade.open {
            if open.seats.len() == open.taken.len() + 1 && open.seats.len() > 1 && open.seats.last() == Some(&seat) {
                let fate = self.fates.get(id).copied().unwrap_or(Fate::Approved);
                let chinese = self.speaks_chinese(open.customer.as_str());
                proposals.push(self.decision(open.dimension, id, &open.to, fate, chinese));
            }
        }
        self.enter(decider, proposals).await
    }

    fn decision(&mut self, of: Dimension, id: &SubjectId, to: &str, fate: Fate, chinese: bool) -> Proposal {
        let kind = |step: &str| format!("{}_grade.{step}", of.as_str());
        match fate {
            Fate::Rejected | Fate::Returned => {
                let reason = sentence(&mut self.dice, &DOUBTS, chinese);
                self.proposal(&kind("rejected"), None, json!({ "proposal_id": id, "reason": reason }))
            }
            Fate::Approved | Fate::Withdrawn | Fate::Lapsed => {
                let opinion = sentence(&mut self.dice, &OPINIONS, chinese);
                self.proposal(&kind("approved"), None, json!({ "proposal_id": id, "to": to, "opinion": opinion }))
            }
        }
    }

    /// Accounting rates a key customer of its own accord.
    async fn propose_as_accounting(&mut self) -> Result<(), BuildError> {
        let place = self.dice.place(self.clients.len());
        let keys: Vec<usize> =
            self.clients.iter().enumerate().filter(|(_, client)| client.weight == "main").map(|(at, _)| at).collect();
        let client = keys.get(place % keys.len().max(1)).copied();
        match client.filter(|_| self.dice.percent(30)).and_then(|client| self.grading(client, Dimension::Credit)) {
            Some(proposal) => self.enter("E-401", vec![proposal]).await,
            None => Ok(()),
        }
    }
}
