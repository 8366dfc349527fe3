//! How staff do their work: what they are appraised at, and what they did against the rules.

use imbl::OrdSet;
use serde::{Deserialize, Serialize};

use crate::domain::catalog::{Int, Referent, Sealed, Str, Text, choices, events, objects, refusals};
use crate::domain::grade::Evidence;
use crate::domain::duty::{Charge, Due, Duty, Opening, Sink, Turn};
use crate::domain::history::{Live, Part};
use crate::domain::role::Role;
use crate::domain::{self, About, Admission, Context, Fact, World, common};
use crate::entry::Hash;
use crate::ids::{EmployeeId, StreamName, UnitId};

choices! {
    /// By which standards somebody is appraised.
    Scheme {
        TechnicianMonth "technician_month" "技术员月度考核" "Technician, monthly",
        SalesManager "sales_manager" "销售经理/主管" "Sales manager",
        Archivist "archivist" "档案管理员" "Archivist",
        KeyAccountStaff "key_account_staff" "大客户人员" "Key-account staff",
        KeyAccountDepartment "key_account_department" "大客户管理部门" "Key-account department",
        NewCustomer "new_customer" "新客户" "New customers",
        RuleCompliance "rule_compliance" "制度执行" "Keeping to the rules",
    }
    /// What follows from an appraisal.
    Outcome {
        Reward "reward" "奖励" "Reward",
        Pass "pass" "合格" "Pass",
        Rectify "rectify" "整改" "To be put right",
    }
    /// What somebody did against the rules.
    Kind {
        DataLoss "data_loss" "遗失" "Data lost",
        DataLeak "data_leak" "泄密" "Data leaked",
        PublicReading "public_reading" "公共场所阅读" "Read in public",
        FalsifiedRevisit "falsified_revisit" "回访弄虚作假" "Revisit falsified",
        LateRepeated "late_repeated" "屡次逾期" "Late again and again",
        UnauthorisedContact "unauthorised_contact" "擅自接洽" "Unauthorised contact",
        RuleBreach "rule_breach" "违反制度" "Rules broken",
    }
    /// What was done about it.
    Sanction {
        NoneYet "none_yet" "待处理" "None yet",
        Reprimand "reprimand" "通报批评" "Reprimand",
        Warning "warning" "警告" "Warning",
        Penalty "penalty" "处罚" "Penalty",
        Dismissal "dismissal" "解除劳动合同" "Dismissal",
    }
}

objects! {
    /// One of the things somebody is appraised at.
    Item {
        /// What.
        item: Str<1, 80>, C7, "考核内容", "Item";
        /// How much it weighs, in hundredths of a per cent; all items together weigh 10000.
        weight_bp: Int<0, 10_000>, C7, "权重(万分之)", "Weight (1/10000)";
        /// The points, of a hundred.
        points: Int<0, 100>, C7, "得分", "Points";
        /// What the points rest on.
        basis: Str<1, 400>, C7, "依据", "Basis";
    }
}

events! {
    /// Somebody is appraised for a period by a scheme.
    Appraised "appraisal.recorded" "绩效考核" "Appraisal recorded" on "employee" Employee {
        /// By which standards.
        scheme: Scheme, C7, "考核方案", "Scheme";
        /// For when: a month `2026-03`, a quarter `2026Q1`, a half `2026H1` or a year `2026`.
        period: Str<4, 7>, C7, "期间", "Period";
        /// At what.
        items: Vec<Item>, C7, "考核项目", "Items";
        /// The points weighed, rounded down.
        score: Int<0, 100>, C7, "得分", "Score";
        /// What follows.
        outcome: Outcome, C7, "结果", "Outcome";
        /// The hash of the view it rests on.
        view_hash: Option<Hash>, C8, "依据视图哈希", "Hash of the view";
    }
    /// Somebody did what the rules forbid.
    Violated "violation.recorded" "违规处理" "Violation recorded" on "employee" Employee {
        /// What.
        kind: Kind, C7, "违规类别", "Kind";
        /// What is the case, sealed because it is about a person.
        facts: Sealed<Text>, C7, "事实", "Facts";
        /// The entries that show it.
        evidence: Option<Vec<Evidence>>, C7, "证据", "Evidence";
        /// The unit that answers for it.
        unit: Option<UnitId>, C7, "责任部门", "Unit";
        /// What was done about it.
        sanction: Sanction, C7, "处理", "Sanction";
        /// Who decided that.
        decided_by: Option<EmployeeId>, C7, "处理人", "Decided by";
    }
}

/// The appraisals done.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Who, by which scheme, for when.
    pub appraised: OrdSet<(EmployeeId, Scheme, String)>,
}

refusals! {
    /// The weights are not a whole.
    Weights { sum: i64 } => E_RULE "R-210" at "/items", "the weights come to {sum}, not to 10000", "权重合计为{sum}，应为10000";
    /// The score is another than the items come to.
    Score { score: i64 } => E_RULE "R-210" at "/score", "the points weighed come to {score}", "按权重计算得分为{score}";
    /// A technician is appraised for a month.
    NoMonth => E_RULE "R-180" at "/period", "a technician is appraised for a month, such as 2026-03", "技术员按月考核，如2026-03";
    /// The period has not begun.
    Ahead { period: String } => E_RULE "R-210" at "/period", "{period} has not begun", "{period}尚未开始";
    /// There is an appraisal of them by that scheme for then.
    Appraised { period: String } => E_CONFLICT "R-210" at "/period",
        "there is an appraisal by this scheme for {period} already", "{period}已按该方案考核";
    /// Nobody said who decided the sanction.
    Undecided => E_SCHEMA "R-212" at "/decided_by", "say who decided on the sanction", "须填写处理人";
    /// Nobody decides on their own sanction.
    OwnSanction => E_SOD "R-025" at "/decided_by", "nobody decides on their own sanction", "不得由本人处理本人违规";
    /// Nobody appraises or reports themself.
    Oneself => E_SOD "R-025", "somebody else appraises you and records what you did", "不得考核或登记本人";
}

/// Each technician is appraised for each month.
pub(super) const APPRAISE: Duty =
    Duty { number: 59, rule: "R-180", zh: "技术员月度考核", en: "Appraise the technician for the month", met_by: "appraisal.recorded" };

/// That a file on loan is lost is recorded as a violation within a working day. It has no row in the rules' table.
pub(super) const LOSS: Duty =
    Duty { number: 60, rule: "R-062", zh: "登记档案遗失", en: "Record the loss of the file", met_by: "violation.recorded" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&APPRAISE, &LOSS];

/// Days after a month in which its technicians are appraised.
const APPRAISAL_DAYS: u32 = 10;

/// Appraisals and violations fulfil what a month or a loss asked for.
pub(super) fn oblige(_: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    match event {
        Event::Appraised(Appraised { scheme: Scheme::TechnicianMonth, period, .. }) => {
            sink.close(&APPRAISE, of_month(fact.subject.id().unwrap_or_default(), &period.0));
        }
        Event::Appraised(_) => {}
        // Whatever it names as evidence may be the loss that asked for it.
        Event::Violated(Violated { kind: Kind::DataLoss, evidence, .. }) => {
            for entry in evidence.iter().flatten() {
                sink.close(&LOSS, entry.0.as_str());
            }
        }
        Event::Violated(_) => {}
    }
}

/// The end of a month asks for an appraisal of everybody who was a technician on its last day.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    let Turn::MonthEnded { year, month, after } = turn else { return };
    let period = format!("{year:04}-{month:02}");
    let last = after.previous();
    for (id, member) in &world.employee.members {
        let technician = member.works() && member.roles_on(last).any(|held| held.role == Role::Technician);
        if !technician || world.conduct.appraised.contains(&(id.clone(), Scheme::TechnicianMonth, period.clone())) {
            continue;
        }
        sink.openings.push(Opening {
            duty: &APPRAISE,
            object: of_month(id.as_str(), &period),
            customer: None,
            charges: vec![Charge::Holders(Role::ServiceDepartment)],
            due: Due::EndOf(last.plus_days(APPRAISAL_DAYS)),
            since: None,
        });
    }
}

/// What the appraisal of somebody for a month is known by.
fn of_month(employee: &str, month: &str) -> String {
    format!("{employee}/{month}")
}

/// Says which stream the event belongs to: the employee's.
pub(super) fn about(world: &World, _: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let missing = || domain::no_subject("employee", Referent::Employee);
    let named = named.filter(|named| named.kind() == "employee").and_then(StreamName::id).ok_or_else(missing)?;
    let id: EmployeeId = named.parse().map_err(|_| missing())?;
    if !world.employee.members.contains_key(&id) {
        let (pointer, what) = ("subject".into(), "employee".into());
        return Err(common::Refusal::Unknown { pointer, what, id: named.into() }.into());
    }
    Ok(About::subject(StreamName::of("employee", id.as_str())))
}

/// Decides on an appraisal or on what is recorded of a violation.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let subject: Option<EmployeeId> = context.about.subject.id().and_then(|id| id.parse().ok());
    if subject.is_some() && context.actor.employee() == subject.as_ref() {
        return Err(Refusal::Oneself.into());
    }
    match &event {
        Event::Appraised(appraised) => check_appraisal(world, context, appraised, subject)?,
        Event::Violated(violated) => {
            if violated.sanction != Sanction::NoneYet && violated.decided_by.is_none() {
                return Err(Refusal::Undecided.into());
            }
            if subject.is_some() && violated.decided_by == subject {
                return Err(Refusal::OwnSanction.into());
            }
        }
    }
    Ok(vec![Admission::of(event, context)])
}

fn check_appraisal(
    world: &World,
    context: &Context<'_>,
    appraised: &Appraised,
    subject: Option<EmployeeId>,
) -> Result<(), domain::Refusal> {
    let period = &appraised.period.0;
    let begins = domain::period_begins(period)?;
    if appraised.scheme == Scheme::TechnicianMonth && !period.contains('-') {
        return Err(Refusal::NoMonth.into());
    }
    if begins > world.date(context.at) {
        return Err(Refusal::Ahead { period: period.clone() }.into());
    }
    let sum: i64 = appraised.items.iter().map(|item| item.weight_bp.0).sum();
    if sum != 10_000 {
        return Err(Refusal::Weights { sum }.into());
    }
    let score = appraised.items.iter().map(|item| item.weight_bp.0 * item.points.0).sum::<i64>() / 10_000;
    if appraised.score.0 != score {
        return Err(Refusal::Score { score }.into());
    }
    let same = subject.map(|subject| (subject, appraised.scheme, period.clone()));
    if same.is_some_and(|same| world.conduct.appraised.contains(&same)) {
        return Err(Refusal::Appraised { period: period.clone() }.into());
    }
    Ok(())
}

/// Takes over who is appraised for when.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    if let Some(appraised) = done(fact.subject, event) {
        state.appraised.insert(appraised);
    }
}

/// Lets go of the appraisals these entries recorded.
pub(super) fn forget(state: &mut State, _: &Part, live: &[Live]) {
    for live in live {
        let domain::Event::Conduct(event) = &live.event else { continue };
        if let Some(appraised) = done(&live.subject, event) {
            state.appraised.remove(&appraised);
        }
    }
}

fn done(subject: &StreamName, event: &Event) -> Option<(EmployeeId, Scheme, String)> {
    match event {
        Event::Appraised(appraised) => {
            Some((subject.id()?.parse().ok()?, appraised.scheme, appraised.period.0.clone()))
        }
        Event::Violated(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, event, given, role_given};

    fn appraised(scheme: &str, period: &str, items: &[(u64, u64)], score: u64) -> Proposed {
        let item = |(weight, points): &(u64, u64)| json!({ "item": "x", "weight_bp": weight, "points": points, "basis": "x" });
        let items: Vec<Value> = items.iter().map(item).collect();
        let data = json!({ "scheme": scheme, "period": period, "items": items, "score": score, "outcome": "pass" });
        event("appraisal.recorded", data).about("employee/E-102")
    }

    fn by_year(period: &str) -> Proposed {
        appraised("archivist", period, &[(10_000, 80)], 80)
    }

    #[test]
    fn the_points_are_weighed_exactly_and_rounded_down() {
        let given = given([]);
        let month = |items: &[(u64, u64)], score| appraised("technician_month", "2026-02", items, score);
        given.when("E-601", month(&[(2_500, 100), (2_500, 75), (2_500, 100), (2_500, 50)], 81)).then(["appraisal.recorded"]);
        given.when("E-601", month(&[(9_999, 100), (1, 0)], 99)).then(["appraisal.recorded"]);
        for (items, score) in [(&[(9_999, 100), (1, 0)][..], 100), (&[(5_000, 50), (5_000, 51)], 51)] {
            given.when("E-601", month(items, score)).then_refused(Code::E_RULE, "R-210");
        }
        for items in [&[(9_000, 80)][..], &[(5_000, 80), (5_001, 80)], &[]] {
            given.when("E-601", month(items, 80)).then_refused(Code::E_RULE, "R-210");
        }
    }

    #[test]
    fn a_period_is_a_month_quarter_half_or_year_that_has_begun() {
        let given = given([]);
        for period in ["2026", "2026Q1", "2026H1", "2026-03", "1999H2", "2025Q4"] {
            given.when("E-601", by_year(period)).then(["appraisal.recorded"]);
        }
        for period in ["2026Q5", "2026H3", "2026-13", "2026-3", "26Q1", "+026", "2026-0x", "2026年"] {
            given.when("E-601", by_year(period)).then_malformed(["/period"]);
        }
        for period in ["2027", "2026Q2", "2026H2", "2026-04"] {
            given.when("E-601", by_year(period)).then_refused(Code::E_RULE, "R-210");
        }
        let technician = appraised("technician_month", "2026Q1", &[(10_000, 80)], 80);
        given.when("E-601", technician).then_refused(Code::E_RULE, "R-180");
    }

    #[test]
    fn nobody_is_appraised_twice_for_a_period_by_one_scheme_or_by_themself() {
        let given = given([("E-601", by_year("2026"))]);
        given.when("E-601", by_year("2026")).then_refused(Code::E_CONFLICT, "R-210");
        given.when("E-601", by_year("2025")).then(["appraisal.recorded"]);
        given.when("E-601", by_year("2026").about("employee/E-103")).then(["appraisal.recorded"]);
        given.when("E-601", by_year("2026").with("scheme", "new_customer")).then(["appraisal.recorded"]);
        given.when("E-102", by_year("2024")).then_refused(Code::E_SOD, "R-025");
        given.when("E-601", by_year("2024").about("employee/E-404")).then_refused(Code::E_REF, "");
    }

    fn technicians() -> Given {
        given([]).and("system", role_given("E-102", "technician", "north"))
    }

    #[test]
    fn each_technician_is_to_be_appraised_for_each_month() {
        let owed = |given: &Given| -> Vec<String> {
            let open = given.world.obligation.open.values().filter(|open| open.duty == 59);
            let mut owed: Vec<String> = open.map(|open| open.object.clone()).collect();
            owed.sort();
            owed
        };
        let given = technicians();
        assert_eq!(owed(&given), Vec::<String>::new(), "the month is not over");
        let march = appraised("technician_month", "2026-03", &[(10_000, 80)], 80);
        let begun = given.clone().and("E-601", march.clone().id("march-0001")).at("2026-04-01T09:00:00+08:00");
        let done = begun.and("E-601", by_year("2026"));
        assert_eq!(owed(&done), Vec::<String>::new(), "it was done before the month was over");
        let voided = done.amend("E-601", &"march-0001".parse().unwrap(), None).admitted();
        assert_eq!(owed(&voided), ["E-102/2026-03"]);
        let may = given.at("2026-05-04T09:00:00+08:00").and("E-601", by_year("2026"));
        assert_eq!(owed(&may), ["E-102/2026-03", "E-102/2026-04"]);
        assert_eq!(owed(&may.and("E-601", march)), ["E-102/2026-04"], "one month is not another");
    }
}
