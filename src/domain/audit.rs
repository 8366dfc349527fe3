//! What auditors live on: readings granted and denied, and commands refused.

use std::time::Duration;

use imbl::{OrdMap, Vector};
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::catalog::{Count, Referent, Str, Text, choices, events, refusals};
use crate::domain::class::Class;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World};
use crate::entry::Hash;
use crate::ids::{EmployeeId, StreamName, SubjectId};

choices! {
    /// How an archive was read.
    Mode {
        View "view" "查看" "View",
        Search "search" "检索" "Search",
        Print "print" "打印" "Print",
        Export "export" "导出" "Export",
    }
    /// By what right.
    Authority {
        Own "own" "本人客户" "Own customer",
        Region "region" "本区域" "Own region",
        Unit "unit" "本部门" "Own unit",
        Job "job" "经办" "Own job",
        Itself "self" "本人" "Oneself",
        Duty "duty" "职责" "Duty of office",
        Grant "grant" "授权" "Grant",
        Loan "loan" "借阅" "Loan",
        Audit "audit" "审计" "Audit",
    }
    /// Where from.
    Place {
        Office "office" "办公场所" "Office",
        Offsite "offsite" "外出" "Off-site",
    }
    /// A data class, as it is written.
    Shown {
        C1 "C1" "基本资料" "Basic",
        C2 "C2" "商务资料" "Commercial",
        C3 "C3" "信用资料" "Credit",
        C4 "C4" "个人身份" "Person identity",
        C5 "C5" "个人隐私" "Person private",
        C6 "C6" "策略资料" "Strategy",
        C7 "C7" "员工资料" "Staff",
        C8 "C8" "安全记录" "Security",
    }
}

impl Shown {
    /// Returns the class as readings name it; the list itself is not named.
    pub fn of(class: Class) -> Option<Self> {
        match class {
            Class::C0 => None,
            Class::C1 => Some(Self::C1),
            Class::C2 => Some(Self::C2),
            Class::C3 => Some(Self::C3),
            Class::C4 => Some(Self::C4),
            Class::C5 => Some(Self::C5),
            Class::C6 => Some(Self::C6),
            Class::C7 => Some(Self::C7),
            Class::C8 => Some(Self::C8),
        }
    }
}

events! {
    /// Somebody has read an archive; entered before a byte left.
    Accessed "archive.accessed" "查阅记录" "Archive accessed" on "acts" Employee by system {
        /// The view read.
        view: Str<1, 40>, C8, "视图/资料", "View";
        /// What was shown.
        targets: Vec<Str<1, 80>>, C8, "查阅对象", "Targets";
        /// The data classes shown.
        classes: Vec<Shown>, C8, "所见密级", "Classes";
        /// The fields masked.
        masked: Vec<Str<1, 60>>, C8, "遮蔽字段", "Masked";
        /// How it was read.
        mode: Mode, C8, "方式", "Mode";
        /// By what right.
        authority: Authority, C8, "依据", "Authority";
        /// The grant or loan.
        authority_ref: Option<SubjectId>, C8, "授权/借阅编号", "Grant or loan";
        /// The policies that decided.
        policies: Vec<Str<1, 60>>, C8, "决定性策略", "Deciding policies";
        /// The hash of the policy set.
        policy_set: Hash, C8, "策略版本哈希", "Policy set";
        /// What was asked for.
        query: Option<Text>, C8, "查询条件", "Query";
        /// Why it was read.
        purpose: Option<Text>, C8, "用途", "Purpose";
        /// The last index what was shown reflects.
        as_of: Count, C8, "数据截至序号", "As of";
        /// By when what was shown had happened, where that was asked.
        valid_at: Option<Timestamp>, C8, "业务时间截至", "Valid at";
        /// The last index of the earlier state it was compared with.
        since: Option<Count>, C8, "对比起点序号", "Compared with";
        /// By when what was in that earlier state had happened, where that was asked.
        since_valid_at: Option<Timestamp>, C8, "对比起点业务时间", "Compared with, valid at";
        /// The salted hash of what was shown.
        content_hash: Hash, C8, "所见内容哈希", "Content hash";
        /// Where from.
        place: Place, C8, "地点", "Place";
    }
    /// Somebody was refused a reading.
    Denied "archive.access_denied" "查阅被拒" "Access denied" on "acts" Employee by system {
        /// The view asked for.
        view: Str<1, 40>, C8, "视图/资料", "View";
        /// What was asked about.
        targets: Vec<Str<1, 80>>, C8, "查阅对象", "Targets";
        /// How it was to be read.
        mode: Mode, C8, "方式", "Mode";
        /// The rule it was refused under.
        rule: Str<1, 10>, C8, "依据规则", "Rule";
        /// Why it was to be read.
        purpose: Option<Text>, C8, "用途", "Purpose";
        /// Where from.
        place: Place, C8, "地点", "Place";
    }
    /// A proposal was refused.
    CommandRefused "command.refused" "操作被拒" "Command refused" on "acts" Employee by system {
        /// The type of event proposed.
        command: Str<1, 60>, C8, "拟执行操作", "Command";
        /// What it was about.
        target: Str<1, 80>, C8, "目标", "Target";
        /// The code.
        code: RefusalCode, C8, "错误码", "Code";
        /// The rule cited.
        rule: Option<Str<1, 10>>, C8, "规则编号", "Rule";
        /// The hash of what was proposed, salted with the entry's salt.
        body_hash: Option<Hash>, C8, "内容哈希", "Body hash";
    }
}

choices! {
    /// The codes a refusal is entered under.
    RefusalCode {
        Forbidden "E_FORBIDDEN" "无权限" "Forbidden",
        Sod "E_SOD" "职责分离" "Separation of duties",
        State "E_STATE" "状态不符" "Not a legal transition",
        Rule "E_RULE" "违反规则" "Business rule",
        Late "E_LATE" "已过期限" "Window closed",
        Policy "E_POLICY" "参数未设" "Parameter not set",
    }
}

impl RefusalCode {
    /// Returns the code a refusal is entered under, if it is entered.
    pub fn of(code: domain::Code) -> Option<Self> {
        match code {
            domain::Code::E_FORBIDDEN => Some(Self::Forbidden),
            domain::Code::E_SOD => Some(Self::Sod),
            domain::Code::E_STATE => Some(Self::State),
            domain::Code::E_RULE => Some(Self::Rule),
            domain::Code::E_LATE => Some(Self::Late),
            domain::Code::E_POLICY => Some(Self::Policy),
            domain::Code::E_SCHEMA | domain::Code::E_REF | domain::Code::E_CONFLICT => None,
        }
    }
}

/// The readings refused of late, by reader.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// When each was refused; fewer than opened the last anomaly.
    pub refused: OrdMap<EmployeeId, Vector<Timestamp>>,
}

/// Tells whether this refusal of a reading, at that moment, is one too many. Who is reported already is not reported again before
/// somebody has looked into it.
pub fn alarms(world: &World, reader: &EmployeeId, denied: &Denied, at: Timestamp) -> bool {
    let before = world.audit.refused.get(reader).into_iter().flatten().filter(|before| at.since(**before) <= COUNTED);
    counts(denied) && before.count() + 1 >= REFUSALS && !world.anomaly.reports(reader)
}

/// Who is only asked what for has not reached for what is another's.
fn counts(denied: &Denied) -> bool {
    denied.rule.0 != "R-059"
}

/// So many refusals open an anomaly.
const REFUSALS: usize = 3;
/// Within so long.
const COUNTED: Duration = Duration::from_secs(86_400);

refusals! {
    /// Readings and refusals come about by reading and proposing.
    NotByHand => E_FORBIDDEN "R-059", "readings and refusals are entered by the system", "查阅与被拒记录由系统写入";
}

/// Says which stream the event belongs to: the acts of who read or proposed.
pub(super) fn about(_: &World, _: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let named = named.filter(|named| named.kind() == "acts");
    let missing = || domain::no_subject("acts", Referent::Employee);
    Ok(About::subject(named.cloned().ok_or_else(missing)?))
}

/// Refuses: the ledger enters these itself.
pub(super) fn admit(_: &World, _: &Context<'_>, _: Event) -> Result<Vec<Admission>, domain::Refusal> {
    Err(Refusal::NotByHand.into())
}

/// Counts refused readings, from the start again where they have opened an anomaly.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Accessed(_) | Event::CommandRefused(_) => {}
        Event::Denied(denied) => {
            let Some(reader) = fact.actor.employee().filter(|_| counts(denied)) else { return };
            let refused = state.refused.entry(reader.clone()).or_default();
            refused.retain(|before| fact.at.since(*before) <= COUNTED);
            refused.push_back(fact.at);
            if refused.len() >= REFUSALS {
                state.refused.remove(reader);
            }
        }
    }
}

/// Lets go of nothing: nothing of it can be corrected.
pub(super) fn forget(_: &mut State, _: &Part, _: &[Live]) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{event, given};

    #[test]
    fn readings_and_refusals_are_not_entered_by_hand() {
        let read = json!({ "view": "card", "targets": ["customer/C-01"], "mode": "view", "place": "office" });
        let mut accessed = read.clone();
        for (field, value) in [
            ("classes", json!(["C1"])),
            ("masked", json!([])),
            ("authority", json!("audit")),
            ("policies", json!(["read.audit"])),
            ("policy_set", json!("ab".repeat(32))),
            ("as_of", json!(1)),
            ("content_hash", json!("ab".repeat(32))),
        ] {
            accessed[field] = value;
        }
        let mut denied = read;
        denied["rule"] = json!("R-050");
        let refused = json!({ "command": "sale.recorded", "target": "sale/S-1", "code": "E_RULE" });
        let given = given([]);
        for (kind, data) in [("archive.accessed", accessed), ("archive.access_denied", denied), ("command.refused", refused)] {
            for who in ["system", "E-901", "E-902"] {
                given.when(who, event(kind, data.clone()).about("acts/E-901")).then_refused(Code::E_FORBIDDEN, "R-059");
            }
            given.when("E-901", event(kind, data.clone())).then_refused(Code::E_SCHEMA, "");
            given.when("E-901", event(kind, data).about("customer/C-01")).then_refused(Code::E_SCHEMA, "");
        }
    }

    #[test]
    fn a_refusal_is_entered_under_its_code_exactly_where_it_is_to_be_recorded() {
        use Code::{E_CONFLICT, E_FORBIDDEN, E_LATE, E_POLICY, E_REF, E_RULE, E_SCHEMA, E_SOD, E_STATE};
        for code in [E_SCHEMA, E_FORBIDDEN, E_REF, E_CONFLICT, E_STATE, E_RULE, E_SOD, E_LATE, E_POLICY] {
            let entered = RefusalCode::of(code).map(RefusalCode::as_str);
            assert_eq!(entered, code.recorded().then_some(code.as_str()));
        }
    }

    #[test]
    fn every_class_but_the_list_is_named_in_a_reading() {
        for class in Class::ALL {
            let shown = Shown::of(class).map(Shown::as_str);
            assert_eq!(shown, (class != Class::C0).then_some(class.key()));
        }
    }
}
