//! What is proposed: contacts with an invented report, of the size of those people write.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

/// Returns the proposal by which `employee` records a contact with `customer`, which is reported to `head` if it is a visit.
pub fn recorded(employee: &str, head: &str, customer: &str, now: DateTime<Utc>, words: &mut Words) -> Value {
    let mut proposal = json!({
        "type": "contact.recorded",
        "subject": format!("contact/{customer}"),
        "data": {
            "direction": words.pick(&["outbound", "inbound"]),
            "channel": words.pick(&["visit", "phone", "email", "meeting"]),
            "at": now.to_rfc3339_opts(SecondsFormat::Secs, true),
            "our_people": [employee],
            "purpose": words.pick(&["care_bond", "care_volume", "care_collect", "service"]),
            "summary": words.report(),
            "major": false,
            "class": "C2",
        },
    });
    if let Some(data) = proposal.get_mut("data").filter(|data| data["channel"] == "visit") {
        data["reported_to"] = head.into();
    }
    proposal
}

/// Invented words, the same for the same start (splitmix64).
pub struct Words {
    /// Where they start.
    pub state: u64,
}

impl Words {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns one of these words.
    pub fn pick(&mut self, from: &[&'static str]) -> &'static str {
        let index = self.next() % from.len() as u64;
        usize::try_from(index).ok().and_then(|index| from.get(index)).copied().unwrap_or_default()
    }

    /// A report of some forty Chinese characters and figures, three bytes each.
    fn report(&mut self) -> String {
        let mut report = String::new();
        for _ in 0..3 {
            let (who, what, of) = (self.pick(WHO), self.pick(WHAT), self.pick(OF));
            let number = self.next() % 10_000;
            report.push_str(&format!("{who}{what}{of}{number};"));
        }
        report
    }
}

const WHO: &[&str] = &["采购部", "财务部", "仓库", "工程部", "总经理办公室", "项目部", "质检部", "销售部"];
const WHAT: &[&str] = &["询问", "确认", "要求调整", "退回", "同意", "推迟", "催促", "核对", "补充说明"];
const OF: &[&str] = &["订单", "报价单", "对账单", "到货数量", "付款计划", "样品", "合同附件", "检验报告", "发票"];
