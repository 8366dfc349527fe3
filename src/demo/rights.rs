//! The demo's requests for access, its loans of archive files, and what was refused once too often.

use serde_json::json;

use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::company::REGIONS;
use crate::demo::years::{Years, hours, leader};
use crate::domain::role::Role;

/// What somebody asks for or borrows a file for.
const PURPOSES: [&str; 4] = [
    "六月投标比价 A bid in June",
    "联合拜访准备 Preparing a joint visit",
    "替同事跟进 Standing in for a colleague",
    "同类项目参考 A reference for a like project",
];

impl Years<'_> {
    /// What is asked for, decided, lent and returned on a day; the last days leave something open.
    pub(super) async fn ask_and_lend(&mut self, day: Date, at: usize, days: usize) -> Result<(), BuildError> {
        let region = (at / 12) % REGIONS.len();
        let last = days.saturating_sub(at);
        match at % 12 {
            2 => self.request(at, region, last > 12).await,
            5 if last > 6 => self.lend(day, at, region, true).await,
            9 if at % 60 == 21 => self.refuse_thrice(region).await,
            _ if last == 3 => self.lend(day, at, region, false).await,
            _ if last == 2 => self.request(at, region, false).await,
            _ => Ok(()),
        }
    }

    /// Somebody asks for a colleague's customer; the department grants the basics, accounting says yes or no to credit.
    async fn request(&mut self, at: usize, region: usize, decided: bool) -> Result<(), BuildError> {
        let Some((asker, customer)) = self.foreign(Role::Salesperson, region) else { return Ok(()) };
        let id = format!("G-{:05}", at + 1);
        let purpose = PURPOSES.get(self.dice.place(PURPOSES.len())).copied().unwrap_or_default();
        let now = self.clock.now();
        let asked = json!({
            "grant_id": id, "customers": [customer], "classes": ["C1", "C3"], "modes": ["view"], "from": now,
            "until": now.plus(hours(24 * self.dice.between(5, 20))), "purpose": purpose,
        });
        let asked = self.proposal("access.requested", None, asked);
        self.enter(asker, vec![asked]).await?;
        if !decided {
            return Ok(());
        }
        self.pause_some(600, 3000).await?;
        let subject = Some(format!("grant/{id}"));
        let head = leader(Role::DepartmentHead, region);
        let granted = json!({ "classes": ["C1"], "decision": "granted", "reason": "工作需要 Needed for the work" });
        let granted = self.proposal("access.decided", subject.clone(), granted);
        self.enter(head, vec![granted]).await?;
        let verdict = self.dice.word(&["granted", "refused"]);
        let reason = "按信用资料管理规定 By the rules for credit data";
        let credit = json!({ "classes": ["C3"], "decision": verdict, "reason": reason });
        let credit = self.proposal("access.decided", subject.clone(), credit);
        self.enter("E-402", vec![credit]).await?;
        self.pause(600).await?;
        self.look(asker, "archive", customer, "sales_work").await?;
        if self.dice.percent(20) {
            let over = json!({ "reason": "项目结束 The project is over" });
            let over = self.proposal("access.revoked", subject, over);
            self.enter("E-902", vec![over]).await?;
        }
        Ok(())
    }

    /// The archivist lends a file of another region to a sales manager, who reads it and mostly gives it back.
    async fn lend(&mut self, day: Date, at: usize, region: usize, back: bool) -> Result<(), BuildError> {
        let borrower = leader(Role::SalesManager, region);
        let Some((_, customer)) = self.foreign(Role::Salesperson, (region + 1) % REGIONS.len()) else { return Ok(()) };
        let id = format!("L-{:05}", at + 1);
        let purpose = PURPOSES.get(self.dice.place(PURPOSES.len())).copied().unwrap_or_default();
        let until = if back { day.next().next().next() } else { day };
        let lent = json!({
            "loan_id": id, "customer_id": customer, "borrower": borrower, "sections": ["basic", "commercial"],
            "purpose": purpose, "until": until, "declaration": true,
        });
        let lent = self.proposal("archive.borrowed", None, lent);
        self.enter("E-501", vec![lent]).await?;
        self.pause(600).await?;
        self.look(borrower, "archive", customer, "sales_work").await?;
        if back {
            self.pause_some(3000, 9000).await?;
            let returned = json!({ "how": "returned", "condition": "完好 In good order" });
            let returned = self.proposal("archive.returned", Some(format!("loan/{id}")), returned);
            self.enter("E-501", vec![returned]).await?;
        }
        Ok(())
    }

    /// Somebody reaches for what is another region's three times; compliance looks into it.
    async fn refuse_thrice(&mut self, region: usize) -> Result<(), BuildError> {
        let Some((_, customer)) = self.foreign(Role::Salesperson, (region + 1) % REGIONS.len()) else { return Ok(()) };
        let curious = leader(Role::Salesperson, region);
        for view in ["card", "archive", "promises"] {
            self.look(curious, view, customer.clone(), "sales_work").await?;
            self.pause(60).await?;
        }
        self.pause(1800).await?;
        let open = self.ledger.state();
        let anomalies: Vec<String> = open.world.anomaly.open.keys().map(ToString::to_string).collect();
        for anomaly in anomalies {
            let resolved = json!({ "outcome": "accepted", "action": "已谈话提醒 Talked to and reminded" });
            let resolved = self.proposal("anomaly.resolved", Some(format!("anomaly/{anomaly}")), resolved);
            self.enter("E-902", vec![resolved]).await?;
        }
        Ok(())
    }

    /// Somebody of a region and a customer of it whose archive is open and is kept by somebody else.
    fn foreign(&mut self, role: Role, region: usize) -> Option<(&'static str, String)> {
        let asker = leader(role, region);
        let keepers: Vec<usize> = (0..self.keepers.len())
            .filter(|at| {
                self.keepers
                    .get(*at)
                    .is_some_and(|keeper| keeper.region == region && keeper.person.id != asker && !keeper.leaving)
            })
            .collect();
        let keeper = keepers.get(self.dice.place(keepers.len())).copied()?;
        let client = self.client_of(keeper)?;
        self.clients.get(client).filter(|client| client.open).map(|client| (asker, client.id.clone()))
    }
}
