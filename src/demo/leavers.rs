//! Those who leave the demo's company: notice is given, their customers go to colleagues, their roles end.

use serde_json::json;

use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::company::{Person, UNITS};
use crate::demo::years::{Years, leader};
use crate::domain::role::Role;
use crate::ids::CustomerId;

/// Who leaves in the course of the years, in this order; none of them is the only one in their role.
pub(super) const LEAVERS: [&str; 3] = ["E-125", "E-124", "E-122"];

/// On how many working days between notice and the last day somebody hands over: three weeks, and holidays besides.
const HANDING_OVER: usize = 15;

/// Who registers people and what becomes of them.
const HR: &str = "E-812";
/// Who takes roles away.
const ADMINISTRATOR: &str = "E-813";

impl Years<'_> {
    /// Lets somebody give notice or leave on their day.
    pub(super) async fn part(&mut self, day: Date, at: usize, days: usize) -> Result<(), BuildError> {
        for (number, who) in (1..).zip(LEAVERS) {
            let notice = days * number / (LEAVERS.len() + 1);
            let Some(keeper) = self.keepers.iter().position(|keeper| keeper.person.id == who) else { continue };
            if at == notice {
                self.give_notice(keeper, day).await?;
            }
            if at == notice + HANDING_OVER {
                self.let_go(keeper, day).await?;
            }
        }
        Ok(())
    }

    /// Notice is given; from here on nobody gives the leaver customers, and the sales manager hands out those there are.
    async fn give_notice(&mut self, keeper: usize, day: Date) -> Result<(), BuildError> {
        let Some((person, region)) = self.keepers.get(keeper).map(|keeper| (keeper.person, keeper.region)) else {
            return Ok(());
        };
        if let Some(keeper) = self.keepers.get_mut(keeper) {
            keeper.leaving = true;
        }
        let last_day = day.plus_days(21);
        let notice = json!({
            "status": "on_notice", "effective_on": day, "last_day": last_day, "reason": "个人原因 For reasons of their own",
        });
        let notice = self.proposal("employee.status_changed", Some(format!("employee/{}", person.id)), notice);
        self.enter(HR, vec![notice]).await?;
        self.pause(3600).await?;
        self.hand_over(keeper, person, region).await
    }

    /// Each customer goes to a colleague of the region, one after the other; so does what was promised to it.
    async fn hand_over(&mut self, leaver: usize, person: &Person, region: usize) -> Result<(), BuildError> {
        let colleagues: Vec<usize> = self.staying(region, Role::Salesperson);
        let mut next = colleagues.iter().copied().cycle();
        let owned: Vec<CustomerId> = {
            let state = self.ledger.state();
            let customers = state.world.customer.customers.iter();
            customers.filter(|(_, customer)| customer.owner.as_str() == person.id).map(|(id, _)| id.clone()).collect()
        };
        let mut moved = Vec::new();
        for id in owned {
            let Some(to) = next.next() else { break };
            let Some(owner) = self.keepers.get(to).map(|keeper| keeper.person.id) else { continue };
            let data = json!({
                "owner": owner, "co_contacts": [], "reason": "reassignment", "effective_at": self.clock.now(),
            });
            moved.push(self.proposal("customer.owner_assigned", Some(format!("customer/{id}")), data));
            if let Some(client) = self.clients.iter().position(|client| client.id == id.as_str()) {
                self.take_over(client, to);
            }
        }
        // So do those whose archives are still to be opened.
        for client in 0..self.clients.len() {
            let theirs = self.clients.get(client).is_some_and(|client| client.keeper == leaver);
            if let Some(to) = theirs.then(|| next.next()).flatten() {
                self.take_over(client, to);
            }
        }
        if let Some(leaver) = self.keepers.get_mut(leaver) {
            leaver.clients.clear();
        }
        self.enter(leader(Role::SalesManager, region), moved).await
    }

    fn take_over(&mut self, client: usize, to: usize) {
        let Some(successor) = self.keepers.get_mut(to) else { return };
        let Some(taken) = self.clients.get_mut(client) else { return };
        taken.keeper = to;
        if taken.buys() {
            successor.clients.push(client);
        }
        for promise in self.promises.iter_mut().filter(|promise| promise.client == client) {
            promise.responsible = successor.person.id;
        }
    }

    /// After the last day the roles end by the head's consent, and with them all access.
    async fn let_go(&mut self, keeper: usize, day: Date) -> Result<(), BuildError> {
        let Some(person) = self.keepers.get(keeper).map(|keeper| keeper.person) else { return Ok(()) };
        let subject = Some(format!("employee/{}", person.id));
        let left = json!({ "status": "left", "effective_on": day, "reason": "已办理离职 Everything is handed over" });
        let left = self.proposal("employee.status_changed", subject.clone(), left);
        self.enter(HR, vec![left]).await?;
        let ended = json!({
            "added": [], "removed": [{ "role": person.role.key(), "unit": person.unit }], "reason": "离职 Has left",
        });
        let ended = self.proposal("employee.roles_changed", subject, ended);
        let consent = self.consent(&ended);
        self.enter(ADMINISTRATOR, vec![ended]).await?;
        self.pause(600).await?;
        let head = UNITS.iter().find(|unit| unit.id == person.unit).and_then(|unit| unit.head);
        self.enter(head.unwrap_or("E-801"), vec![consent]).await
    }

    /// The keepers of a region in a role who are not about to leave.
    pub(super) fn staying(&self, region: usize, role: Role) -> Vec<usize> {
        let stays = |at: &usize| {
            let keeper = self.keepers.get(*at);
            keeper.is_some_and(|keeper| keeper.region == region && keeper.person.role == role && !keeper.leaving)
        };
        (0..self.keepers.len()).filter(stays).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::company::STAFF;
    use crate::demo::company::region_of;

    #[test]
    fn whoever_leaves_leaves_colleagues_behind_and_leads_nothing() {
        for who in LEAVERS {
            let person = STAFF.iter().find(|person| person.id == who).unwrap();
            let region = region_of(person.unit).unwrap();
            assert_eq!(person.role, Role::Salesperson);
            assert_ne!(leader(Role::Salesperson, region), who);
            assert!(UNITS.iter().all(|unit| unit.head != Some(who)));
        }
    }
}
