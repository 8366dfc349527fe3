//! Anomalies and risk warnings: reported to somebody, resolved by somebody else.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::catalog::{Referent, Text, choices, events, refusals};
use crate::domain::employee::Member;
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World};
use crate::ids::{self, CustomerId, EmployeeId, StreamName, SubjectId};

choices! {
    /// What an anomaly is about.
    Concern {
        Execution "execution" "项目执行" "Project execution",
        Growth "growth" "成长" "Growth",
        Credit "credit" "信用" "Credit",
        Payment "payment" "付款" "Payment",
        RiskWarning "risk_warning" "风险预警" "Risk warning",
        AttackProposal "attack_proposal" "强化攻关建议" "Proposal to press on",
        Access "access" "查阅异常" "Access",
        Archive "archive" "档案" "Archive",
        Other "other" "其他" "Other",
    }
    /// What became of an anomaly.
    Outcome {
        Solved "solved" "已解决" "Solved",
        Accepted "accepted" "接受现状" "Accepted",
        Unfounded "unfounded" "不成立" "Unfounded",
    }
}

events! {
    /// Something is not as it should be, or may not stay so.
    Reported "anomaly.reported" "异常/风险上报" "Anomaly reported" {
        /// The anomaly; issued when left out.
        anomaly_id: Option<SubjectId>, C6, "异常编号", "Anomaly", computed;
        /// What it is about.
        kind: Concern, C6, "类别", "Kind";
        /// The customer, if it is about one.
        customer_id: Option<CustomerId>, C6, "客户", "Customer";
        /// The employee, if it is about one.
        employee_id: Option<EmployeeId>, C6, "涉及员工", "Employee";
        /// What is the case.
        facts: Text, C6, "异常状况", "Facts";
        /// What should be done.
        measure: Option<Text>, C6, "建议措施", "Measure";
        /// To whom it is reported.
        reported_to: Vec<EmployeeId>, C6, "上报对象", "Reported to";
    }
    /// Somebody it was reported to has dealt with it.
    Resolved "anomaly.resolved" "异常处理" "Anomaly resolved" on "anomaly" Anomaly is decision {
        /// What became of it.
        outcome: Outcome, C6, "结果", "Outcome";
        /// What was done.
        action: Text, C6, "处理情况", "Action";
    }
}

/// An anomaly nobody has resolved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Anomaly {
    /// Who reported it, unless the system did.
    pub reporter: Option<EmployeeId>,
    /// The customer, if it is about one.
    pub customer: Option<CustomerId>,
    /// The employee, if it is about one.
    pub employee: Option<EmployeeId>,
    /// To whom it was reported.
    pub reported_to: Vec<EmployeeId>,
}

/// The anomalies nobody has resolved.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By their ids.
    pub open: OrdMap<SubjectId, Anomaly>,
}

refusals! {
    /// There is no such anomaly, or it is resolved.
    NotOpen { anomaly: String } => E_STATE "R-111", "anomaly \"{anomaly}\" does not exist or is resolved", "异常“{anomaly}”不存在或已处理";
    /// It must be reported to somebody.
    ToNobody => E_SCHEMA "R-111" at "/reported_to", "name somebody to report it to", "须填写上报对象";
    /// Who has left hears nothing.
    Gone { employee: String } => E_RULE "R-111" at "/reported_to", "employee \"{employee}\" does not work here", "员工“{employee}”不在职";
    /// Reporter and addressee are two.
    ToOneself => E_SOD "R-025" at "/reported_to", "report it to somebody besides yourself", "不得仅上报给本人";
    /// Whom it is about does not hear of it first.
    ToTheConcerned => E_SOD "R-025" at "/reported_to",
        "it cannot be reported to the employee it is about", "不得上报给所涉及的员工";
    /// Refused readings are counted by the system.
    AccessBySystem => E_FORBIDDEN "R-060" at "/kind", "anomalies of access are reported by the system", "查阅异常由系统上报";
    /// It was reported to somebody else.
    NotAddressee => E_FORBIDDEN "R-111", "it was reported to somebody else", "该异常未上报给您";
}

impl State {
    /// Tells whether the system has reported somebody, and nobody has resolved that.
    pub fn reports(&self, employee: &EmployeeId) -> bool {
        self.open.values().any(|anomaly| anomaly.reporter.is_none() && anomaly.employee.as_ref() == Some(employee))
    }
}

impl Anomaly {
    /// Tells whether somebody may resolve it: not their own report, and not what is about them.
    fn qualified(&self, employee: &EmployeeId, member: &Member) -> bool {
        member.works() && self.reporter.as_ref() != Some(employee) && self.employee.as_ref() != Some(employee)
    }

    /// Tells whether it concerns somebody too closely to be resolved by them.
    pub fn involves(&self, employee: &EmployeeId) -> bool {
        self.reporter.as_ref() == Some(employee) || self.employee.as_ref() == Some(employee)
    }

    /// Returns the role it moves up to where nobody it was reported to is left.
    pub fn moved_up(&self, world: &World, at: Timestamp) -> Option<Role> {
        let members = &world.employee.members;
        let left = |id: &EmployeeId| members.get(id).is_some_and(|member| self.qualified(id, member));
        if self.reported_to.iter().any(left) {
            return None;
        }
        let day = world.date(at);
        [Role::GeneralManager, Role::DeputyGm, Role::Compliance].into_iter().find(|role| {
            let mut qualified = members.iter().filter(|(id, member)| self.qualified(id, member));
            qualified.any(|(_, member)| member.roles_on(day).any(|held| held.role == *role))
        })
    }
}

/// Returns the report of somebody whose readings were refused again and again: to compliance, else to the top.
pub fn of_refusals(world: &World, reader: &EmployeeId, at: Timestamp) -> Reported {
    let day = world.date(at);
    let holders = |role: Role| -> Vec<EmployeeId> {
        let others = world.employee.members.iter().filter(|(id, member)| *id != reader && member.works());
        others.filter(|(_, member)| member.roles_on(day).any(|held| held.role == role)).map(|(id, _)| id.clone()).collect()
    };
    let levels = [Role::Compliance, Role::GeneralManager, Role::DeputyGm];
    let reported_to = levels.into_iter().map(holders).find(|holders| !holders.is_empty()).unwrap_or_default();
    Reported {
        anomaly_id: None,
        kind: Concern::Access,
        customer_id: None,
        employee_id: Some(reader.clone()),
        facts: Text(format!("24小时内三次查阅被拒 three readings of {reader} were refused within 24 hours")),
        measure: None,
        reported_to,
    }
}

/// Returns the stream of an anomaly.
pub fn stream(anomaly: &SubjectId) -> StreamName {
    StreamName::of("anomaly", anomaly.as_str())
}

/// Finds the open anomaly a stream is about.
pub fn of<'a>(world: &'a World, subject: &StreamName) -> Option<(SubjectId, &'a Anomaly)> {
    let id: SubjectId = subject.id().filter(|_| subject.kind() == "anomaly")?.parse().ok()?;
    let anomaly = world.anomaly.open.get(&id)?;
    Some((id, anomaly))
}

/// Says which stream the event belongs to: the anomaly's, and the customer's if it is about one.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    match event {
        Event::Reported(reported) => {
            // An id that is issued is known only where it is admitted.
            let subject = StreamName::of("anomaly", reported.anomaly_id.as_ref().map_or("issued", SubjectId::as_str));
            Ok(About { subject, customer: reported.customer_id.clone() })
        }
        Event::Resolved(_) => {
            let missing = || domain::no_subject("anomaly", Referent::Anomaly);
            let named = named.filter(|named| named.kind() == "anomaly" && named.id().is_some()).ok_or_else(missing)?;
            let not_open = || Refusal::NotOpen { anomaly: named.id().unwrap_or_default().to_owned() };
            let (_, anomaly) = of(world, named).ok_or_else(not_open)?;
            Ok(About { subject: named.clone(), customer: anomaly.customer.clone() })
        }
    }
}

/// Decides on a report or its resolution.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    match event {
        Event::Reported(reported) => {
            if let Some(reporter) = context.actor.employee() {
                check_report(world, reporter, &reported)?;
            }
            let id = reported.anomaly_id.clone().unwrap_or_else(|| ids::issued(context.id));
            let about = About { subject: stream(&id), customer: reported.customer_id.clone() };
            let event = Event::Reported(Reported { anomaly_id: Some(id), ..reported });
            Ok(vec![Admission { about, ..Admission::of(event, context) }])
        }
        Event::Resolved(_) => {
            let subject = &context.about.subject;
            let not_open = || Refusal::NotOpen { anomaly: subject.id().unwrap_or_default().to_owned() };
            let (_, anomaly) = of(world, subject).ok_or_else(not_open)?;
            let actor = context.actor.employee().ok_or(Refusal::NotAddressee)?;
            let moved_up = || anomaly.moved_up(world, context.at).is_some_and(|role| context.actor.role() == Some(role));
            if anomaly.involves(actor) || !(anomaly.reported_to.contains(actor) || moved_up()) {
                return Err(Refusal::NotAddressee.into());
            }
            Ok(vec![Admission::of(event, context)])
        }
    }
}

fn check_report(world: &World, reporter: &EmployeeId, reported: &Reported) -> Result<(), Refusal> {
    if reported.kind == Concern::Access {
        return Err(Refusal::AccessBySystem);
    }
    if reported.reported_to.is_empty() {
        return Err(Refusal::ToNobody);
    }
    if reported.reported_to.iter().all(|employee| employee == reporter) {
        return Err(Refusal::ToOneself);
    }
    if reported.employee_id.as_ref().is_some_and(|employee| reported.reported_to.contains(employee)) {
        return Err(Refusal::ToTheConcerned);
    }
    let works = |employee: &&EmployeeId| world.employee.members.get(*employee).is_some_and(Member::works);
    match reported.reported_to.iter().find(|employee| !works(employee)) {
        Some(gone) => Err(Refusal::Gone { employee: gone.to_string() }),
        None => Ok(()),
    }
}

/// Takes over what is open, and lets go of what is resolved.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let id: Option<SubjectId> = fact.subject.id().and_then(|id| id.parse().ok());
    let Some(id) = id else { return };
    match event {
        Event::Reported(reported) => {
            let reporter = match fact.actor {
                Actor::System => None,
                Actor::Employee { id, .. } => Some(id.clone()),
            };
            state.open.insert(id, Anomaly {
                reporter,
                customer: reported.customer_id.clone(),
                employee: reported.employee_id.clone(),
                reported_to: reported.reported_to.clone(),
            });
        }
        Event::Resolved(_) => {
            state.open.remove(&id);
        }
    }
}

/// Lets go of the anomalies that these entries reported.
pub(super) fn forget(state: &mut State, _: &Part, live: &[Live]) {
    for live in live.iter().filter(|live| live.subject.kind() == "anomaly") {
        if let Some(Ok(id)) = live.subject.id().map(str::parse::<SubjectId>) {
            state.open.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, event, given, staff_status};

    fn reported(to: &[&str]) -> Proposed {
        let data = json!({ "anomaly_id": "A-1", "kind": "credit", "facts": "two instalments are late", "reported_to": to });
        event("anomaly.reported", data)
    }

    fn resolved() -> Proposed {
        event("anomaly.resolved", json!({ "outcome": "solved", "action": "paid" })).about("anomaly/A-1")
    }

    fn one() -> Given {
        given([("E-401", reported(&["E-801"]))])
    }

    #[test]
    fn a_report_goes_to_somebody_else_who_works_here() {
        let given = given([]);
        given.when("E-401", reported(&[])).then_refused(Code::E_SCHEMA, "R-111");
        given.when("E-401", reported(&["E-401"])).then_refused(Code::E_SOD, "R-025");
        given.when("E-401", reported(&["E-801"]).with("employee_id", "E-801")).then_refused(Code::E_SOD, "R-025");
        given.when("E-401", reported(&["E-801"]).with("kind", "access")).then_refused(Code::E_FORBIDDEN, "R-060");
        let suspended = given.and("E-001", staff_status("E-801", "suspended"));
        suspended.when("E-401", reported(&["E-801"])).then_refused(Code::E_RULE, "R-111");
    }

    #[test]
    fn the_addressee_resolves_it_and_else_it_moves_up() {
        one().when("E-401", resolved()).then_refused(Code::E_FORBIDDEN, "R-111");
        one().when("E-802", resolved()).then_refused(Code::E_FORBIDDEN, "R-111");
        let done = one().and("E-801", resolved());
        done.when("E-801", resolved()).then_refused(Code::E_STATE, "R-111");
        let gone = one().and("E-001", staff_status("E-801", "suspended"));
        gone.when("E-902", resolved()).then_refused(Code::E_FORBIDDEN, "R-111");
        gone.when("E-802", resolved()).then(["anomaly.resolved"]);
    }
}
