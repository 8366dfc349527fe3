//! What accounting does in the demo: payments come in, terms follow credit grades, key customers are reviewed each quarter.

use std::collections::VecDeque;

use serde_json::json;

use crate::clock::{Clock as _, Date};
use crate::demo::BuildError;
use crate::demo::years::{Years, set};
use crate::domain::credit;
use crate::domain::grade::{self, Dimension};
use crate::ids::CustomerId;

/// What a customer owes for the sales of about a month.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bill {
    pub(super) client: usize,
    pub(super) fen: u64,
    pub(super) due_on: Date,
    pub(super) paid_on: Date,
}

/// Bills in the order in which they were drawn.
pub(super) type Bills = VecDeque<Bill>;

impl Years<'_> {
    /// Notes a sale on the customer's bill, which is due a month later and mostly paid by then.
    pub(super) fn bill(&mut self, client: usize, fen: u64, day: Date) {
        let open = self.bills.iter_mut().rev().find(|bill| bill.client == client);
        if let Some(bill) = open.filter(|bill| day < bill.due_on.minus_months(1).plus_days(20)) {
            bill.fen += fen;
            return;
        }
        let due_on = day.plus_months(1);
        // A few customers pay late, fewer never.
        let late = match self.dice.below(100) {
            0..70 => 0,
            70..90 => self.dice.between(3, 20),
            90..97 => self.dice.between(30, 90),
            _ => 3_000,
        };
        let paid_on = due_on.plus_days(u32::try_from(late).unwrap_or(0));
        self.bills.push_back(Bill { client, fen, due_on, paid_on });
    }

    /// Enters what was paid by a day, at most so many payments.
    pub(super) async fn collect(&mut self, day: Date, most: u64) -> Result<(), BuildError> {
        let mut proposals = Vec::new();
        let mut cited = Vec::new();
        let mut kept = Bills::new();
        for bill in std::mem::take(&mut self.bills) {
            let room = u64::try_from(proposals.len()).unwrap_or(most) < most;
            if bill.paid_on > day || !room {
                kept.push_back(bill);
                continue;
            }
            let data = json!({
                "customer_id": self.client_id(bill.client),
                "amount": bill.fen,
                "received_on": day,
                "due_on": bill.due_on,
                "method": self.dice.word(&["transfer", "transfer", "transfer", "acceptance_bill"]),
            });
            let proposal = self.proposal("payment.recorded", None, data);
            cited.push((bill.client, proposal.id.clone()));
            proposals.push(proposal);
        }
        self.bills = kept;
        self.enter("E-403", proposals).await?;
        for (client, id) in cited {
            self.cite(client, id);
        }
        Ok(())
    }

    /// Sets terms for customers whose credit grade is another than the one their terms rest on; their head approves.
    pub(super) async fn set_terms(&mut self) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let now = self.clock.now();
        let mut proposals = Vec::new();
        for place in 0..self.clients.len() {
            let Some(client) = self.clients.get(place).filter(|client| client.buys()) else { continue };
            let (chinese, scattered) = (client.chinese, client.weight == "scattered");
            let Ok(id) = client.id.parse::<CustomerId>() else { continue };
            let graded = grade::current(&state.world, Dimension::Credit, &id, now).map(|graded| graded.grade.clone());
            let Some(graded) = graded.filter(|grade| !scattered && client.terms.as_ref() != Some(grade)) else {
                continue;
            };
            if proposals.len() >= TERMS_AT_ONCE {
                break;
            }
            let most = u64::try_from(credit::limit(&state.world, now, &graded).unwrap_or(0)).unwrap_or(0);
            let limit = most / 100_000 * self.dice.between(50, 100) / 100 * 100_000;
            let mut data = json!({
                "credit_grade": graded,
                "credit_limit": limit,
                "payment_method": match limit {
                    0 => "cash",
                    _ => self.dice.word(&["monthly", "monthly", "progress", "acceptance_bill"]),
                },
                "handling": if chinese { "按约定账期发货，逾期即停" } else { "Goods leave within the agreed term; none while a bill is overdue" },
            });
            if matches!(graded.as_str(), "A" | "B") {
                set(&mut data, "discount_bp", Some((self.dice.between(1, 10) * 50).into()));
                set(&mut data, "priority_supply", Some((graded == "A").into()));
            }
            if let Some(client) = self.clients.get_mut(place) {
                client.terms = Some(graded);
            }
            proposals.push(self.proposal("trade_terms.set", Some(format!("customer/{id}")), data));
        }
        let consents = proposals.iter().map(|request| self.consent(request)).collect();
        self.enter("E-401", proposals).await?;
        self.pause(1800).await?;
        self.enter("E-402", consents).await
    }

    /// Reviews key customers for the last quarter, some every week until all but a few are done.
    pub(super) async fn review_credit(&mut self, day: Date) -> Result<(), BuildError> {
        let state = self.ledger.state();
        let now = self.clock.now();
        let this = day.quarter();
        let mut proposals = Vec::new();
        for place in 0..self.clients.len() {
            // One of them is always forgotten.
            let Some(client) = self.clients.get(place).filter(|client| client.weight == "main" && place % 29 != 7)
            else {
                continue;
            };
            let chinese = client.chinese;
            let Ok(id) = client.id.parse::<CustomerId>() else { continue };
            let due = credit::review_due(&state.world, &id, now).filter(|(quarter, _)| quarter.0 < this);
            let graded = grade::current(&state.world, Dimension::Credit, &id, now).map(|graded| graded.grade.clone());
            let (Some((quarter, _)), Some(graded)) = (due, graded) else { continue };
            if proposals.len() >= REVIEWS_AT_ONCE {
                break;
            }
            let overdue = self
                .bills
                .iter()
                .filter(|bill| bill.client == place && bill.due_on < day)
                .map(|bill| bill.fen)
                .sum::<u64>();
            let good = overdue == 0;
            let comparison = match (good, chinese) {
                (true, true) => "回款与上季持平，无逾期",
                (true, false) => "Pays as in the quarter before; nothing is overdue",
                (false, true) => "较上季回款放缓，有逾期账款",
                (false, false) => "Slower than in the quarter before; a bill is overdue",
            };
            let data = json!({
                "quarter": quarter,
                "grade": graded,
                "finding": if good || self.dice.percent(70) { "unchanged" } else { "anomaly" },
                "comparison": comparison,
                "overdue_amount": overdue,
                "collection_rate": if good { 10_000 } else { self.dice.between(41, 95) * 100 },
            });
            proposals.push(self.proposal("credit_review.recorded", Some(format!("grade/{id}/credit")), data));
        }
        self.enter("E-401", proposals).await
    }
}

/// Terms set in one week.
const TERMS_AT_ONCE: usize = 40;

/// Reviews recorded in one week.
const REVIEWS_AT_ONCE: usize = 60;
