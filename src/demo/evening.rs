//! What those who look after customers enter in the evening, and what commerce enters after them.

use serde_json::{Value, json};

use crate::access::principal::Principal;
use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::company::{Person, REGIONS, STAFF, region_of};
use crate::demo::dice::Dice;
use crate::demo::papers::{MEETINGS_EVERY, meets};
use crate::demo::words::{LEARNED, PRODUCTS, PROMISES, REASONS, REPORTS, about, one, sentence};
use crate::demo::years::{Fate, Promise, Sold, Years, hours, leader, minutes, records, set};
use crate::domain::grade::{self, Dimension};
use crate::domain::role::Role;
use crate::ids::{self, EmployeeId, EntryId};
use crate::ledger::{Proposal, SubmitError};

impl Years<'_> {
    /// What those who look after customers enter in the evening.
    pub(super) async fn record(
        &mut self,
        day: Date,
        (at, days): (usize, usize),
        budget: u64,
    ) -> Result<(), BuildError> {
        let works = |at: &usize| self.keepers.get(*at).is_some_and(|keeper| !keeper.leaving);
        let today: Vec<usize> = (0..self.keepers.len()).filter(|keeper| records(*keeper, at)).filter(works).collect();
        let clients = |keeper: &usize| self.keepers.get(*keeper).map_or(0, |keeper| keeper.clients.len());
        let everybodys = today.iter().map(clients).sum::<usize>().max(1);
        let mut looked_after = 0;
        let contacts = usize::try_from(self.contacts_on(at, days)).unwrap_or(0);
        self.owed.grades += budget * 24;
        self.owed.profiles += budget * 45;
        self.owed.classes += budget * 20;
        self.owed.statuses += budget * 3;
        // A few at a time: what they send in at once shares the ledger's way to the disk.
        for some in today.chunks(4) {
            let mut work = Vec::new();
            let mut cited = Vec::new();
            let mut tempted = Vec::new();
            for keeper in some {
                let Some(person) = self.keepers.get(*keeper).map(|keeper| keeper.person) else { continue };
                let mut batch = Vec::new();
                self.open_archives(*keeper, at, &mut batch);
                self.close_promises(person, day, &mut batch);
                self.withdraw(person, &mut batch);
                if let Some(client) = self.client_of(*keeper) {
                    self.learn(client, &mut batch);
                    let kind = if self.dice.percent(50) { Dimension::Business } else { Dimension::Credit };
                    if let Some(proposal) =
                        self.owe(|owed| &mut owed.grades).then(|| self.grading(client, kind)).flatten()
                    {
                        if self.dice.percent(2) {
                            tempted.push((person.id, proposal.id.clone()));
                        }
                        batch.push(proposal);
                    }
                }
                let mut due = self.due_first(*keeper);
                // Whoever looks after more customers is in contact with more.
                let told = contacts * looked_after / everybodys;
                looked_after += self.keepers.get(*keeper).map_or(0, |keeper| keeper.clients.len());
                for _ in told..contacts * looked_after / everybodys {
                    // Most go where it is time to go again, some where something came up.
                    let next = if self.dice.percent(90) { due.pop_front() } else { None };
                    let Some(client) = next.or_else(|| self.client_of(*keeper)) else { break };
                    let proposal = self.contact(person, client, day);
                    let follows = self.follow_up(person, client, day, &proposal);
                    let alone = proposal.data.get("promises").is_none() && follows.is_none();
                    cited.push((client, proposal.id.clone(), person.id, alone));
                    batch.push(proposal);
                    batch.extend(follows);
                }
                work.push((person.id, batch));
            }
            self.enter_together(work).await?;
            let mut voided = None;
            if let Some((_, Some(made), who, alone)) = cited.last().filter(|_| self.dice.percent(4))
                && let Ok(made) = made.parse()
            {
                self.pause_some(60, 240).await?;
                voided = self.put_right(who, &made, *alone).await?;
            }
            for (client, id, ..) in cited {
                if id.as_deref() != voided.as_ref().map(EntryId::as_str) {
                    self.cite(client, id);
                }
            }
            for (who, proposal) in tempted {
                self.pause_some(60, 240).await?;
                self.approve_own(who, proposal).await?;
            }
            self.pause_some(300, 900).await?;
        }
        Ok(())
    }

    fn open_archives(&mut self, keeper: usize, at: usize, batch: &mut Vec<Proposal>) {
        let due: Vec<usize> = self
            .clients
            .iter()
            .enumerate()
            .take_while(|(_, client)| client.opens_on <= at)
            .filter(|(_, client)| !client.open && client.keeper == keeper)
            .map(|(place, _)| place)
            .take(80)
            .collect();
        for place in due {
            let Some(client) = self.clients.get(place).cloned() else { continue };
            let Some((owner, region)) = self.keepers.get(keeper).map(|keeper| (keeper.person.id, keeper.region)) else {
                continue;
            };
            let number = place + 1;
            // Within a day of the first contact, but for one in forty (OB-01).
            let since = self.dice.between(1, 22) + if number % 40 == 7 { 24 } else { 0 };
            let mut data = json!({
                "customer_id": client.id,
                "name": client.name,
                "direct": self.dice.percent(85),
                "region": REGIONS.get(region).copied().unwrap_or_default(),
                "source": self.dice.word(&["visit", "survey", "referral", "inbound", "exhibition", "advert"]),
                "first_contact_at": self.clock.now().minus(hours(since)),
                "owner": owner,
                "address": if client.chinese { format!("示例路{number}号") } else { format!("{number} Sample Road") },
                "phone": format!("000-8{number:07}"),
                "email": format!("c{number:05}@customer.example"),
            });
            let kind = if client.individual { "customer.individual_registered" } else { "customer.registered" };
            if !client.individual {
                let industry = match client.chinese {
                    true => self.dice.word(&["电力", "化工", "水处理", "轨道交通", "造纸", "冶金", "建材"]),
                    false => self.dice.word(&[
                        "Power",
                        "Chemicals",
                        "Water",
                        "Rail",
                        "Paper",
                        "Metals",
                        "Building materials",
                    ]),
                };
                let party = self.dice.word(&["end_user", "end_user", "end_user", "distributor", "partner"]);
                let (party, field, said) = match client.service {
                    Some(service) => ("professional_service", "business_scope", service.scope),
                    None => (party, "industry", industry),
                };
                set(&mut data, "party", Some(party.into()));
                set(&mut data, field, Some(said.into()));
                set(&mut data, "registration_no", Some(format!("DEMO{number:014}").into()));
                set(
                    &mut data,
                    "legal_representative",
                    Some(format!("{} {number}", self.dice.word(&["Ya", "Lo", "Mi", "Ta", "Re"])).into()),
                );
                set(&mut data, "registered_capital", Some((self.dice.between(5, 500) * 10_000_000).into()));
            }
            batch.push(self.proposal(kind, None, data));
            let basis = if client.chinese { "建档时评估" } else { "Judged on opening the archive" };
            let data = json!({ "dimension": "weight", "value": client.weight, "basis": basis });
            batch.push(self.proposal("customer.classified", Some(format!("customer/{}", client.id)), data));
            self.introduce(place, batch);
            let Some(opened) = self.clients.get_mut(place) else { continue };
            opened.open = true;
            if let Some(keeper) = self.keepers.get_mut(keeper).filter(|_| opened.buys()) {
                keeper.clients.push(place);
            }
        }
    }

    fn close_promises(&mut self, person: &Person, day: Date, batch: &mut Vec<Proposal>) {
        let (due, open): (Vec<Promise>, Vec<Promise>) =
            std::mem::take(&mut self.promises).into_iter().partition(|promise| {
                // Who comes back to the desk in some days closes beforehand what is due until then.
                let closes =
                    if promise.tarries { promise.due.plus_days(3) <= day } else { promise.due <= day.plus_days(6) };
                promise.responsible == person.id && closes
            });
        self.promises = open;
        for promise in due {
            let chinese = self.clients.get(promise.client).is_some_and(|client| client.chinese);
            let mut data = json!({ "promise_id": promise.id, "outcome": "fulfilled" });
            match self.dice.below(100) {
                // Some are forgotten, and stay open.
                0..1 => continue,
                1..10 => set(&mut data, "outcome", Some("released_by_customer".into())),
                10..16 => {
                    let note = if chinese {
                        "货期推迟，已向客户说明"
                    } else {
                        "Delivery is late; the customer knows"
                    };
                    set(&mut data, "outcome", Some("not_fulfilled".into()));
                    set(&mut data, "note", Some(note.into()));
                }
                _ => {}
            }
            let subject = format!("contact/{}", self.client_id(promise.client));
            batch.push(self.proposal("commitment.closed", Some(subject), data));
        }
    }

    fn withdraw(&mut self, person: &Person, batch: &mut Vec<Proposal>) {
        let state = self.ledger.state();
        for (id, open) in &state.world.grade.open {
            if open.proposer.as_str() == person.id
                && open.taken.is_empty()
                && self.fates.get(id) == Some(&Fate::Withdrawn)
            {
                batch.push(self.proposal(
                    &format!("{}_grade.withdrawn", open.dimension.as_str()),
                    None,
                    json!({ "proposal_id": id, "cause": "withdrawn" }),
                ));
            }
        }
    }

    /// What is learned of a customer besides contacts: profile, class, status.
    fn learn(&mut self, client: usize, batch: &mut Vec<Proposal>) {
        let Some((subject, chinese)) =
            self.clients.get(client).map(|client| (format!("customer/{}", client.id), client.chinese))
        else {
            return;
        };
        while self.owe(|owed| &mut owed.profiles) {
            let Some((section, field, english, chinese_words)) = one(&mut self.dice, &LEARNED).copied() else { break };
            let data = json!({
                "section": section,
                "changes": { field: if chinese { chinese_words } else { english } },
                "learned_at": self.clock.now(),
                "major": self.dice.percent(5),
            });
            batch.push(self.proposal("customer.profile_updated", Some(subject.clone()), data));
        }
        if self.owe(|owed| &mut owed.classes) {
            let (dimension, value) = match self.dice.below(3) {
                0 => ("value", self.dice.word(&["high", "middle", "low"])),
                1 => ("intent", self.dice.word(&["A", "B", "C"])),
                _ => ("trade_stage", self.dice.word(&["past", "current", "prospective"])),
            };
            let basis = if chinese { "季度评估" } else { "Quarterly review" };
            let data = json!({ "dimension": dimension, "value": value, "basis": basis });
            batch.push(self.proposal("customer.classified", Some(subject.clone()), data));
        }
        let ordinary = self.clients.get(client).is_some_and(|client| client.weight == "scattered");
        if ordinary && self.owe(|owed| &mut owed.statuses) {
            let reason = if chinese { "客户停产" } else { "The plant is closed" };
            batch.push(self.proposal(
                "customer.status_changed",
                Some(subject),
                json!({ "status": "terminated", "reason": reason }),
            ));
            if let Some(client) = self.clients.get_mut(client) {
                client.ended = true;
            }
            for keeper in &mut self.keepers {
                keeper.clients.retain(|kept| *kept != client);
            }
        }
    }

    fn contact(&mut self, person: &Person, client: usize, day: Date) -> Proposal {
        let (id, chinese) =
            self.clients.get(client).map(|client| (client.id.clone(), client.chinese)).unwrap_or_default();
        let product = one(&mut self.dice, &PRODUCTS).unwrap_or(&PRODUCTS[0]);
        let (purpose, english, chinese_words) = one(&mut self.dice, &REPORTS).copied().unwrap_or_default();
        let channel = self
            .dice
            .word(&["visit", "visit", "visit", "phone", "phone", "phone", "email", "online", "letter", "meeting"]);
        let inbound = matches!(channel, "phone" | "email" | "letter") && self.dice.percent(35);
        let mut people = vec![person.id];
        if self.dice.percent(6)
            && let Some(region) = region_of(person.unit)
        {
            people.push(leader(Role::SalesManager, region));
        }
        let mut data = json!({
            "direction": if inbound { "inbound" } else { "outbound" },
            "channel": channel,
            "at": self.zone.start_of(day).plus(minutes(self.dice.between(540, 960))),
            "our_people": people,
            "purpose": purpose,
            "summary": about((english, chinese_words), chinese, product),
            "major": self.dice.percent(1),
            "class": if purpose == "competitor_study" { "C6" } else { "C2" },
        });
        // Visits are reported before they are recorded, but for one in a hundred: the head notes that one the next morning.
        if channel == "visit" && !self.proposed.is_multiple_of(100) {
            let head = leader(Role::DepartmentHead, region_of(person.unit).unwrap_or_default());
            set(&mut data, "reported_to", Some(head.into()));
        }
        if matches!(channel, "visit" | "meeting" | "online") {
            set(&mut data, "minutes", Some(self.dice.between(10, 90).into()));
            let reached = self.dice.word(&["yes", "yes", "yes", "partly", "no"]);
            set(&mut data, "goal_reached", Some(reached.into()));
            if reached != "yes" {
                let cause = if chinese {
                    "负责人外出，改约下周"
                } else {
                    "The person in charge was away; next week again"
                };
                set(&mut data, "cause_and_improvement", Some(cause.into()));
            }
        }
        if inbound && self.dice.percent(15) {
            set(&mut data, "reply_needed", Some(true.into()));
        } else if self.dice.percent(2) {
            set(&mut data, "archive_changes", Some(true.into()));
        }
        if self.dice.percent(10) {
            let promise = format!("P-{}", self.proposed + 1);
            let due = day.next().plus_months(u32::try_from(self.dice.between(0, 2)).unwrap_or(0));
            let text = about(sentence_pair(&mut self.dice), chinese, product);
            set(
                &mut data,
                "promises",
                Some(json!([{ "promise_id": promise, "text": text, "due": due, "responsible": person.id }])),
            );
            let tarries = self.dice.percent(7);
            self.promises.push(Promise { id: promise, client, responsible: staff_id(person.id), due, tarries });
        }
        self.proposal("contact.recorded", Some(format!("contact/{id}")), data)
    }

    /// Now and then one of those who look after customers sits down with the owners of one.
    pub(super) async fn meet_owners(&mut self, day: Date, at: usize) -> Result<(), BuildError> {
        let keeper = at / MEETINGS_EVERY % self.keepers.len().max(1);
        let Some(person) = self.keepers.get(keeper).map(|keeper| keeper.person).filter(|_| meets(at)) else {
            return Ok(());
        };
        let Some(client) = self.client_of(keeper) else { return Ok(()) };
        let mut met = self.contact(person, client, day);
        for (name, value) in
            [("channel", "owner_meeting".into()), ("direction", "outbound".into()), ("minutes", 60.into())]
        {
            set(&mut met.data, name, Some(value));
        }
        for name in ["reply_needed", "archive_changes", "reported_to"] {
            if let Some(data) = met.data.as_object_mut() {
                data.remove(name);
            }
        }
        self.met = met.id.clone().map(|id| (person.id, client, id));
        self.enter(person.id, vec![met]).await
    }

    /// What a contact asks for at once: an answer, or an update of the archive. Now and then it is forgotten.
    fn follow_up(&mut self, person: &Person, client: usize, day: Date, contact: &Proposal) -> Option<Proposal> {
        let says = |name: &str| contact.data.get(name).and_then(Value::as_bool) == Some(true);
        if !(says("reply_needed") || says("archive_changes")) || self.dice.percent(8) {
            return None;
        }
        if says("reply_needed") {
            let mut answer = self.contact(person, client, day);
            for (name, value) in [("channel", "phone"), ("direction", "outbound"), ("purpose", "answer")] {
                set(&mut answer.data, name, Some(value.into()));
            }
            set(&mut answer.data, "replies_to", contact.id.as_deref().map(Value::from));
            for name in ["reply_needed", "archive_changes", "reported_to"] {
                if let Some(data) = answer.data.as_object_mut() {
                    data.remove(name);
                }
            }
            return Some(answer);
        }
        let (id, chinese) = self.clients.get(client).map(|client| (client.id.clone(), client.chinese))?;
        let (section, field, english, chinese_words) = one(&mut self.dice, &LEARNED).copied()?;
        let data = json!({
            "section": section,
            "changes": { field: if chinese { chinese_words } else { english } },
            "learned_at": self.clock.now(),
            "major": false,
        });
        Some(self.proposal("customer.profile_updated", Some(format!("customer/{id}")), data))
    }

    /// Proposes a grade, if the customer has something for it to rest on and none is open.
    pub(super) fn grading(&mut self, client: usize, kind: Dimension) -> Option<Proposal> {
        let (id, chinese, buys, evidence) = {
            let client = self.clients.get(client)?;
            (client.id.parse().ok()?, client.chinese, client.buys(), client.evidence.clone())
        };
        let state = self.ledger.state();
        if !buys || evidence.is_empty() || state.world.grade.of(kind).open.contains_key(&id) {
            return None;
        }
        let now = self.clock.now();
        let current = grade::current(&state.world, kind, &id, now).map(|graded| graded.grade.clone());
        let suggested = match kind {
            Dimension::Business => grade::suggested(&state.world, &id, None, now).ok()??,
            Dimension::Credit => String::new(),
        };
        let better = self.dice.percent(60);
        let to = match current.as_deref() {
            // What a customer bought suggests its business grade, and mostly settles it.
            current if kind == Dimension::Business && current != Some(suggested.as_str()) && self.dice.percent(85) => {
                suggested.as_str()
            }
            Some(_) if kind == Dimension::Business && self.dice.percent(80) => return None,
            None => self.dice.word(&["A", "B", "B", "B", "C", "C", "D"]),
            Some("A") => "B",
            Some("B") => {
                if better {
                    "A"
                } else {
                    "C"
                }
            }
            Some("C") => {
                if better {
                    "B"
                } else {
                    "D"
                }
            }
            Some("D") => {
                if better {
                    "C"
                } else {
                    "E"
                }
            }
            Some(_) => "D",
        };
        let rises = current.as_deref().is_none_or(|current| to < current);
        let reasons = if rises { REASONS.get(..4) } else { REASONS.get(4..) }.unwrap_or_default();
        let mut data = json!({
            "customer_id": id,
            "to": to,
            "trigger": if current.is_none() { "initial" } else { self.dice.word(&["change", "annual_review", "quarterly_review"]) },
            "evidence": evidence.iter().rev().take(1 + self.dice.place(3)).collect::<Vec<_>>(),
            "reason": sentence(&mut self.dice, reasons, chinese),
        });
        if kind == Dimension::Business && to != suggested {
            let why =
                if chinese { "已签大额订单，下季交货" } else { "A large order is signed for next quarter" };
            set(&mut data, "deviation_reason", Some(why.into()));
        }
        set(&mut data, "from", current.map(Value::from));
        if kind == Dimension::Credit && self.dice.percent(30) {
            let method = if chinese { "月结" } else { "Monthly account" };
            set(
                &mut data,
                "proposed_terms",
                Some(json!({ "limit": self.dice.between(1, 50) * 10_000_000, "method": method })),
            );
        }
        let proposal = self.proposal(&format!("{}_grade.proposed", kind.as_str()), None, data);
        // By turns and not by chance, so that each comes about however few are proposed.
        let number = self.graded.entry(kind.as_str()).or_default();
        let fate = match *number % 25 {
            1 => Fate::Returned,
            3 | 18 => Fate::Rejected,
            5 => Fate::Withdrawn,
            22 => Fate::Lapsed,
            _ => Fate::Approved,
        };
        *number += 1;
        if let Some(id) = proposal.id.as_deref().and_then(|id| id.parse::<EntryId>().ok()) {
            self.fates.insert(ids::issued(&id), fate);
        }
        Some(proposal)
    }

    /// Somebody tries to approve what they proposed; the refusal is part of the grade's trace.
    async fn approve_own(&mut self, who: &str, proposal: Option<String>) -> Result<(), BuildError> {
        let id = proposal.and_then(|id| id.parse::<EntryId>().ok()).map(|id| ids::issued(&id));
        let state = self.ledger.state();
        let Some((id, open)) = id.and_then(|id| state.world.grade.open.get(&id).map(|open| (id, open))) else {
            return Ok(());
        };
        let kind = format!("{}_grade.approved", open.dimension.as_str());
        let attempt = self.proposal(&kind, None, json!({ "proposal_id": id, "to": open.to }));
        let Ok(employee) = who.parse::<EmployeeId>() else { return Ok(()) };
        match self.ledger.submit(&Principal::new(employee), vec![attempt]).await {
            Ok(_) | Err(SubmitError::Refused { .. } | SubmitError::NotFound) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Commerce enters the day's sales, samples and returns.
    pub(super) async fn sell(&mut self, day: Date, count: u64) -> Result<(), BuildError> {
        let mut proposals = Vec::new();
        let mut cited = Vec::new();
        let mut sold = Vec::new();
        for _ in 0..count {
            let keeper = self.dice.place(self.keepers.len());
            // Key customers buy most, and their keepers are few.
            let Some(client) = self.client_of(keeper) else { continue };
            let back = self.dice.percent(2).then(|| self.sold.pop_front()).flatten();
            let (client, product, kind) = match &back {
                Some(sold) => (sold.client, sold.product, "return"),
                None => (client, self.dice.place(PRODUCTS.len()), if self.dice.percent(4) { "sample" } else { "sale" }),
            };
            let Some((id, name, chinese, weight, individual)) = self.clients.get(client).map(|client| {
                (client.id.clone(), client.name.clone(), client.chinese, client.weight, client.individual)
            }) else {
                continue;
            };
            let Some(goods) = PRODUCTS.get(product) else { continue };
            let quantity = self.dice.between(1, 12);
            let amount = match (&back, kind, weight) {
                (Some(sold), ..) => sold.amount / 2,
                (None, "sample", _) => 0,
                (None, _, "main") => self.dice.between(20_000, 900_000) * 100,
                (None, _, "general") => self.dice.between(2_000, 90_000) * 100,
                (None, ..) => self.dice.between(300, 12_000) * 100,
            };
            let region = self
                .clients
                .get(client)
                .and_then(|client| self.keepers.get(client.keeper))
                .map_or(0, |keeper| keeper.region);
            let mut data = json!({
                "customer_id": id,
                // Whoever buys as a person is billed by number: invoices are no place for names.
                "invoice_name": if individual { id.clone() } else { name },
                "kind": kind,
                "product": if chinese { goods.name.1 } else { goods.name.0 },
                "product_category": if chinese { goods.category.1 } else { goods.category.0 },
                "region": REGIONS.get(region).copied().unwrap_or_default(),
                "quantity": quantity,
                "amount": amount,
                "order_no": format!("SO-{:07}", self.proposed),
                "sold_on": day,
            });
            if kind == "sale" {
                set(&mut data, "profit", Some((amount / 100 * self.dice.between(8, 30)).into()));
            }
            set(&mut data, "returns", back.map(|sold| sold.id.as_str().into()));
            let proposal = self.proposal("sale.recorded", None, data);
            if kind == "sale" {
                self.bill(client, amount, day);
                cited.push((client, proposal.id.clone()));
                let id = proposal.id.as_deref().and_then(|id| id.parse().ok());
                sold.extend(id.map(|id| Sold { id, client, product, amount }));
            }
            proposals.push(proposal);
        }
        let clerk = if self.dice.percent(50) { "E-411" } else { "E-412" };
        self.enter(clerk, proposals).await?;
        for (client, id) in cited {
            self.cite(client, id);
        }
        self.sold.extend(sold);
        let old = self.sold.len().saturating_sub(400);
        self.sold.drain(..old);
        Ok(())
    }
}

fn staff_id(id: &str) -> &'static str {
    STAFF.iter().find(|person| person.id == id).map_or("E-801", |person| person.id)
}

fn sentence_pair(dice: &mut Dice) -> (&'static str, &'static str) {
    one(dice, &PROMISES).copied().unwrap_or_default()
}
