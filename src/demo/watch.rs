//! What compliance, the auditor and the archive watch over in the demo: persons' data, the ledger, customers there twice.

use serde_json::json;

use crate::clock::Clock as _;
use crate::demo::BuildError;
use crate::demo::company::REGIONS;
use crate::demo::years::{Years, hours, leader};
use crate::domain::role::Role;
use crate::ids::SubjectId;

const COMPLIANCE: &str = "E-902";
const AUDITOR: &str = "E-901";
const ARCHIVIST: &str = "E-501";
const DEPUTY: &str = "E-802";

/// In how many rounds the years are watched over.
const ROUNDS: usize = 10;

/// The round in which an erasure is not approved.
const DECLINED: usize = 5;

impl Years<'_> {
    /// What is due on a day of the round.
    pub(super) async fn watch(&mut self, at: usize, days: usize) -> Result<(), BuildError> {
        let length = (days / ROUNDS).max(1);
        let round = at / length;
        match at % length {
            // At first there is nobody to ask for it.
            5 if round > 0 => self.erase(round).await,
            12 if round > 0 => self.hold().await,
            19 => self.verify().await,
            26 if round > 0 => self.open_twice(round).await,
            // What the last rounds hold is still in dispute.
            33 if round + 2 < ROUNDS => self.lift().await,
            _ => Ok(()),
        }
    }

    /// A key person wants to be forgotten; the deputy general manager approves, but not what a contract still needs.
    async fn erase(&mut self, round: usize) -> Result<(), BuildError> {
        let Some(person) = self.somebody() else { return Ok(()) };
        let scope = if round.is_multiple_of(3) { "private" } else { "all" };
        let ground = self.dice.word(&["request", "request", "purpose_ended"]);
        let data = json!({ "scope": scope, "ground": ground });
        let erasure = self.proposal("personal_data.erased", Some(format!("person/{person}")), data);
        let decision = match round {
            DECLINED => {
                let given = self.consent(&erasure);
                let request = given.data.get("request_id").cloned().unwrap_or_default();
                let reason = "合同履行仍需联系此人 The contract in force still needs this person";
                self.proposal("approval.declined", None, json!({ "request_id": request, "reason": reason }))
            }
            _ => self.consent(&erasure),
        };
        self.enter(COMPLIANCE, vec![erasure]).await?;
        self.pause(3600).await?;
        self.enter(DEPUTY, vec![decision]).await?;
        // The keys are destroyed by a thread of its own; what comes after it comes after it in every demo.
        self.ledger.await_erasures();
        Ok(())
    }

    /// A dispute makes somebody's data stay, and nobody use them.
    async fn hold(&mut self) -> Result<(), BuildError> {
        let Some(person) = self.somebody() else { return Ok(()) };
        let data = json!({
            "matter": "货款争议 A dispute about a payment",
            "note": "法务要求保留 Counsel asks for it to be kept",
        });
        let hold = self.proposal("legal_hold.placed", Some(format!("person/{person}")), data);
        self.enter(COMPLIANCE, vec![hold]).await
    }

    /// A dispute is settled.
    async fn lift(&mut self) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let placed = state.world.privacy.holds.iter().find_map(|(person, holds)| Some((person, holds.get_min()?)));
        let Some((person, hold)) = placed else { return Ok(()) };
        let data = json!({ "hold_id": hold, "reason": "争议已解决 The dispute is settled" });
        let lifted = self.proposal("legal_hold.lifted", Some(format!("person/{person}")), data);
        self.enter(COMPLIANCE, vec![lifted]).await
    }

    /// The auditor has the whole ledger verified.
    async fn verify(&mut self) -> Result<(), BuildError> {
        let last = self.ledger.state().size.saturating_sub(1);
        let data = json!({ "from_position": 0, "to_position": last, "reason": "例行校验 A regular check" });
        let verified = self.proposal("ledger.verified", None, data);
        self.enter(AUDITOR, vec![verified]).await
    }

    /// Somebody opens a second archive of a customer who has one; the archivist finds out.
    async fn open_twice(&mut self, round: usize) -> Result<(), BuildError> {
        let region = round % REGIONS.len();
        let owner = leader(Role::Salesperson, region);
        let keeper = self.keepers.iter().position(|keeper| keeper.person.id == owner);
        let Some(client) = keeper.and_then(|keeper| self.client_of(keeper)).and_then(|client| self.clients.get(client))
        else {
            return Ok(());
        };
        let (main, chinese) = (client.id.clone(), client.chinese);
        let again = format!("{main}-{round}");
        let name = format!("{}{}", client.name, if chinese { "有限公司" } else { " Ltd" });
        let data = json!({
            "customer_id": again, "name": name, "party": "end_user", "direct": true,
            "region": REGIONS.get(region).copied().unwrap_or_default(), "source": "exhibition",
            "first_contact_at": self.clock.now().minus(hours(6)), "owner": owner,
        });
        let second = self.proposal("customer.registered", None, data);
        self.enter(owner, vec![second]).await?;
        self.pause(1800).await?;
        let reason = "同一企业，名称写法不同 The same company under another name";
        let data = json!({ "duplicate_of": main, "reason": reason });
        let marked = self.proposal("customer.marked_duplicate", Some(format!("customer/{again}")), data);
        self.enter(ARCHIVIST, vec![marked]).await
    }

    /// One of the key persons whose data nobody has erased or held.
    fn somebody(&mut self) -> Option<SubjectId> {
        let state = self.ledger.state();
        let privacy = &state.world.privacy;
        let free = |id: &&SubjectId| !privacy.erased.contains_key(*id) && !privacy.holds.contains_key(*id);
        let people: Vec<&SubjectId> = state.world.person.people.keys().filter(free).collect();
        people.get(self.dice.place(people.len())).map(|id| (*id).clone())
    }
}
