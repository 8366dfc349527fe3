//! How the demo's staff are appraised, and what becomes of those who break the rules.

use serde_json::json;

use crate::demo::BuildError;
use crate::demo::company::REGIONS;
use crate::demo::years::{Years, leader};
use crate::domain::role::Role;

/// After how many working days somebody is caught at something.
const CAUGHT_EVERY: usize = 97;

impl Years<'_> {
    /// Appraises the technicians who are to be, a few of them late, and records what came to light.
    pub(super) async fn judge_staff(&mut self, at: usize) -> Result<(), BuildError> {
        for (_, open) in self.open_duties(59) {
            let Some((technician, month)) = open.object.split_once('/').filter(|_| self.dice.percent(30)) else {
                continue;
            };
            let mut points = [0_u64; 4];
            for points in &mut points {
                *points = self.dice.between(1, 4) * 25;
            }
            let items = [
                ("态度 Attitude", points[0]),
                ("技术 Skill", points[1]),
                ("到达 Arrival", points[2]),
                ("守信 Promises", points[3]),
            ];
            let items = items.map(|(item, points)| {
                json!({ "item": item, "weight_bp": 2_500, "points": points, "basis": "当月服务卡 The month's service cards" })
            });
            let score = points.iter().sum::<u64>() / 4;
            let outcome = if score >= 90 {
                "reward"
            } else if score >= 50 {
                "pass"
            } else {
                "rectify"
            };
            let data = json!({
                "scheme": "technician_month", "period": month, "items": items, "score": score, "outcome": outcome,
            });
            let appraisal = self.proposal("appraisal.recorded", Some(format!("employee/{technician}")), data);
            self.enter("E-701", vec![appraisal]).await?;
        }
        if at % CAUGHT_EVERY == CAUGHT_EVERY / 2 {
            let reader = leader(Role::Salesperson, at / CAUGHT_EVERY % REGIONS.len());
            let data = json!({
                "kind": "public_reading", "facts": "在高铁上翻阅客户资料 Read a customer's file on a train",
                "sanction": "reprimand", "decided_by": "E-801",
            });
            let violation = self.proposal("violation.recorded", Some(format!("employee/{reader}")), data);
            self.enter("E-902", vec![violation]).await?;
        }
        Ok(())
    }
}
