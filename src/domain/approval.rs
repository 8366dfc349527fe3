//! Approvals: a proposal that needs somebody else's consent waits here until it is given or declined.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::domain::catalog::{Kind, Shape, Str, Text, choices, events, objects, refusals};
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common};
use crate::ids::{self, EmployeeId, EntryId, StreamName, SubjectId};

/// A payload of another type, kept as it was proposed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Payload(pub Value);

impl Shape for Payload {
    fn kind() -> Kind {
        Kind::Payload
    }
}

choices! {
    /// Who fills a step.
    Holding {
        Person "person" "指定人员" "A named person",
        Role "role" "角色持有人" "Any holder of a role",
    }
}

objects! {
    /// One step of the consent a proposal needs.
    RequiredStep {
        /// Whether a person or any holder of a role fills it.
        holding: Holding, C1, "方式", "Held by";
        /// The person.
        employee: Option<EmployeeId>, C7, "人员", "Person";
        /// The role.
        role: Option<Role>, C1, "角色", "Role";
        /// Another role whose holders may fill it as well.
        or_role: Option<Role>, C1, "或角色", "Or role";
    }
}

events! {
    /// A proposal waits for somebody else's approval.
    Requested "approval.requested" "申请批准" "Approval requested" by system {
        /// The request.
        request_id: SubjectId, C1, "申请编号", "Request id";
        /// The type of event proposed.
        proposed: Str<1, 60>, C1, "事件类型", "Type proposed";
        /// What it is about.
        about: Str<1, 120>, C1, "对象", "Subject";
        /// Its payload, as it will be entered.
        data: Payload, C7, "内容", "Payload";
        /// Its business time.
        occurred_at: Timestamp, C1, "业务时间", "Business time";
        /// Why it is late, if it is.
        late_reason: Option<Text>, C1, "迟报原因", "Reason for lateness";
        /// Who must consent, in any order.
        steps: Vec<RequiredStep>, C1, "批准步骤", "Steps";
    }
    /// Somebody approves a waiting proposal.
    Given "approval.given" "批准" "Approval given" is decision {
        /// The request.
        request_id: SubjectId, C1, "申请编号", "Request id";
        /// What the approver has to say.
        opinion: Option<Text>, C1, "意见", "Opinion";
    }
    /// Somebody declines a waiting proposal, which ends it.
    Declined "approval.declined" "不予批准" "Approval declined" is decision {
        /// The request.
        request_id: SubjectId, C1, "申请编号", "Request id";
        /// Why.
        reason: Text, C1, "理由", "Reason";
    }
}

/// One step of the consent a proposal needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// This person.
    Person(EmployeeId),
    /// Anybody who holds this role.
    Holder(Role),
    /// Anybody who holds one of these roles.
    Either(Role, Role),
}

/// A waiting proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Waiting {
    /// The entry that asked.
    pub id: EntryId,
    /// Who asked.
    pub actor: Actor,
    /// The type of event proposed.
    pub kind: String,
    /// Its payload as canonical JSON.
    pub data: String,
    /// What it is about.
    pub about: About,
    /// Its business time.
    pub occurred_at: Timestamp,
    /// Why it is late, if it is.
    pub late_reason: Option<String>,
    /// Who must still consent.
    pub steps: Vec<Step>,
    /// Who has consented.
    pub given: Vec<EmployeeId>,
}

impl Waiting {
    /// Tells whether somebody proposed it or has consented.
    pub fn involves(&self, employee: &EmployeeId) -> bool {
        self.actor.employee() == Some(employee) || self.given.contains(employee)
    }
}

/// The waiting proposals.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By request.
    pub waiting: OrdMap<SubjectId, Waiting>,
}

refusals! {
    /// Nothing waits under that id.
    NotWaiting { request: String } => E_STATE "R-021", "no proposal waits under \"{request}\"", "没有待批准的申请“{request}”";
    /// One approves one's own proposal or what concerns oneself, or fills two steps.
    OwnProposal => E_SOD "R-025",
        "nobody approves what they proposed or what is about them, nor twice", "不得批准本人提出或涉及本人的申请，也不得重复批准";
    /// Somebody else must decide.
    NotHolder => E_FORBIDDEN "R-025", "this step is not yours to decide", "该步骤不由您决定";
    /// Requests come about by proposing what needs approval.
    NotProposed => E_RULE "R-021", "propose the event itself; the request follows from it", "请直接提出该事件，系统自动生成申请";
}

/// The types that wait for approval when a person proposes them.
pub fn gated(kind: &str) -> bool {
    matches!(
        kind,
        "policy.adopted" | "calendar.adopted" | "employee.roles_changed" | "personal_data.erased" | "trade_terms.set"
    )
}

/// Returns the id an approved proposal is entered under, from the id it was proposed with.
pub fn approved_id(proposal: &EntryId) -> EntryId {
    ids::derived(proposal, "approved")
}

/// Returns the steps of the highest level: the general manager, or where that person is concerned or nobody
/// is, the deputy general manager and the compliance officer.
pub(super) fn at_the_top(world: &World, at: Timestamp, concerned: &[&EmployeeId]) -> Vec<Step> {
    let today = world.date(at);
    let mut managers = world
        .employee
        .members
        .iter()
        .filter(|(_, member)| member.works() && member.roles_on(today).any(|held| held.role == Role::GeneralManager))
        .map(|(id, _)| id)
        .peekable();
    if managers.peek().is_none() || managers.any(|manager| concerned.contains(&manager)) {
        return vec![Step::Holder(Role::DeputyGm), Step::Holder(Role::Compliance)];
    }
    vec![Step::Holder(Role::GeneralManager)]
}

/// Returns the entry that asks for approval, or `None` if the approvals are there or none is needed.
pub(super) fn request(
    world: &World,
    context: &Context<'_>,
    event: &domain::Event,
    steps: Vec<Step>,
) -> Result<Option<Vec<Admission>>, domain::Refusal> {
    if *context.actor == Actor::System || !context.approvals.is_empty() {
        return Ok(None);
    }
    debug_assert!(gated(event.name()), "doors must know which types wait");
    let request_id = ids::issued(context.id);
    if world.approval.waiting.contains_key(&request_id) {
        return Err(common::Refusal::IdTaken.into());
    }
    let data = event.data().unwrap_or_default();
    let steps = steps
        .into_iter()
        .map(|step| match step {
            Step::Person(employee) => {
                RequiredStep { holding: Holding::Person, employee: Some(employee), role: None, or_role: None }
            }
            Step::Holder(role) => RequiredStep { holding: Holding::Role, employee: None, role: Some(role), or_role: None },
            Step::Either(role, other) => {
                RequiredStep { holding: Holding::Role, employee: None, role: Some(role), or_role: Some(other) }
            }
        })
        .collect();
    let requested = Requested {
        request_id: request_id.clone(),
        proposed: Str(event.name().into()),
        about: Str(context.about.subject.to_string()),
        data: Payload(data),
        occurred_at: context.occurred_at,
        late_reason: context.late_reason.map(|reason| Text(reason.into())),
        steps,
    };
    let about = About { subject: StreamName::of("approval", request_id.as_str()), customer: context.about.customer.clone() };
    Ok(Some(vec![Admission { event: Event::Requested(requested).into(), about, actor: None, id: None, times: None }]))
}

/// Says which stream the event belongs to.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let request = match event {
        Event::Requested(Requested { request_id, .. })
        | Event::Given(Given { request_id, .. })
        | Event::Declined(Declined { request_id, .. }) => request_id,
    };
    Ok(About::subject(StreamName::of("approval", request.as_str())))
}

/// Decides on a consent; the last one needed lets the waiting proposal in.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let request_id = match &event {
        Event::Requested(_) => return Err(Refusal::NotProposed.into()),
        Event::Given(given) => given.request_id.clone(),
        Event::Declined(declined) => declined.request_id.clone(),
    };
    let waiting = world
        .approval
        .waiting
        .get(&request_id)
        .ok_or_else(|| Refusal::NotWaiting { request: request_id.to_string() })?;
    let approver = context.actor.employee().ok_or(Refusal::NotHolder)?;
    let concerned = waiting.about.subject == approver.stream();
    if concerned || waiting.involves(approver) {
        return Err(Refusal::OwnProposal.into());
    }
    if !waiting.steps.iter().any(|step| fills(context.actor, step)) {
        return Err(Refusal::NotHolder.into());
    }
    let mut admissions = vec![Admission::of(event.clone(), context)];
    if let (Event::Given(_), 1) = (&event, waiting.steps.len()) {
        admissions.extend(admit_waiting(world, context, waiting, approver)?);
    }
    Ok(admissions)
}

fn admit_waiting(
    world: &World,
    context: &Context<'_>,
    waiting: &Waiting,
    approver: &EmployeeId,
) -> Result<Vec<Admission>, domain::Refusal> {
    let held = domain::Event::decode(&waiting.kind, &waiting.data);
    let Some(Ok(held)) = held else { return Err(Refusal::NotWaiting { request: waiting.id.to_string() }.into()) };
    let approvals: Vec<EmployeeId> = waiting.given.iter().chain([approver]).cloned().collect();
    let id = approved_id(&waiting.id);
    // Whose it is was kept by its subject alone: an approved event joins the customer's stream as one that needed no approval does.
    let about = domain::about(world, &held, Some(&waiting.about.subject))?;
    let context = Context {
        occurred_at: waiting.occurred_at,
        late_reason: waiting.late_reason.as_deref(),
        actor: &waiting.actor,
        id: &id,
        about: &about,
        approvals: &approvals,
        ..*context
    };
    let mut admissions = domain::admit(world, &context, held)?;
    for admission in &mut admissions {
        admission.actor = Some(waiting.actor.clone());
        admission.id = Some(id.clone());
        admission.times = Some((waiting.occurred_at, waiting.late_reason.clone()));
    }
    Ok(admissions)
}

fn fills(actor: &Actor, step: &Step) -> bool {
    match step {
        Step::Person(employee) => actor.employee() == Some(employee),
        Step::Holder(role) => actor.role() == Some(*role),
        Step::Either(role, other) => actor.role().is_some_and(|held| held == *role || held == *other),
    }
}

/// Takes over what waits, and lets go of what was decided.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Requested(requested) => {
            let steps = requested
                .steps
                .iter()
                .filter_map(|step| match (&step.employee, step.role, step.or_role) {
                    (Some(employee), ..) => Some(Step::Person(employee.clone())),
                    (None, Some(role), Some(other)) => Some(Step::Either(role, other)),
                    (None, Some(role), None) => Some(Step::Holder(role)),
                    (None, None, _) => None,
                })
                .collect();
            let subject: Option<StreamName> = requested.about.0.parse().ok();
            let subject = subject.unwrap_or_else(|| fact.subject.clone());
            let customer = subject.id().filter(|_| subject.kind() == "customer").and_then(|id| id.parse().ok());
            let about = About { subject, customer };
            state.waiting.insert(requested.request_id.clone(), Waiting {
                id: fact.id.clone(),
                actor: fact.actor.clone(),
                kind: requested.proposed.0.clone(),
                data: requested.data.0.to_string(),
                about,
                occurred_at: requested.occurred_at,
                late_reason: requested.late_reason.as_ref().map(|reason| reason.0.clone()),
                steps,
                given: Vec::new(),
            });
        }
        Event::Given(given) => {
            let Some(waiting) = state.waiting.get_mut(&given.request_id) else { return };
            if let Some(done) = waiting.steps.iter().position(|step| fills(fact.actor, step)) {
                waiting.steps.remove(done);
            }
            waiting.given.extend(fact.actor.employee().cloned());
            if waiting.steps.is_empty() {
                state.waiting.remove(&given.request_id);
            }
        }
        Event::Declined(declined) => {
            state.waiting.remove(&declined.request_id);
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
    use crate::domain::testing::{Given, Proposed, event, given, role_given};

    fn consent(request: &str) -> Proposed {
        event("approval.given", json!({ "request_id": request, "opinion": "agreed" }))
    }

    fn decline(request: &str) -> Proposed {
        event("approval.declined", json!({ "request_id": request, "reason": "not now" }))
    }

    /// E-002 has asked to make E-101 a customer manager; the head of the north, E-201, must consent.
    fn waiting() -> Given {
        given([]).when("E-002", role_given("E-101", "customer_manager", "north").id("ask-0001")).then(["approval.requested"])
    }

    #[test]
    fn what_waits_is_entered_for_who_proposed_it_under_an_id_of_its_own() {
        let waiting = waiting();
        assert_eq!(waiting.world.approval.waiting[&"ask-0001".parse::<SubjectId>().unwrap()].steps, [Step::Person("E-201".parse().unwrap())]);
        let id = approved_id(&"ask-0001".parse().unwrap());
        assert_ne!(id.as_str(), "ask-0001");
        let given = waiting.when("E-201", consent("ask-0001")).then(["approval.given", "employee.roles_changed"]);
        assert_eq!(given.world.employee.members[&"E-101".parse::<EmployeeId>().unwrap()].roles.len(), 2);
        assert!(given.world.approval.waiting.is_empty());
    }

    #[test]
    fn a_declined_proposal_is_over() {
        let given = waiting().when("E-201", decline("ask-0001")).then(["approval.declined"]);
        for again in [consent("ask-0001"), decline("ask-0001"), consent("ask-0002")] {
            given.when("E-201", again).then_refused(Code::E_STATE, "R-021");
        }
    }

    #[test]
    fn nobody_decides_on_what_they_proposed_or_on_what_is_about_them() {
        let waiting = waiting();
        for decision in [consent("ask-0001"), decline("ask-0001")] {
            waiting.when("E-002", decision.clone()).then_refused(Code::E_SOD, "R-025");
            waiting.when("E-101", decision.clone()).then_refused(Code::E_SOD, "R-025");
            waiting.when("E-302", decision).then_refused(Code::E_FORBIDDEN, "R-025");
        }
    }

    #[test]
    fn a_request_is_not_proposed_by_hand() {
        let request = json!({
            "request_id": "ask-0009", "proposed": "policy.adopted", "about": "policy", "data": {},
            "occurred_at": "2026-03-02T02:00:00Z", "steps": [],
        });
        for who in ["E-801", "system"] {
            given([]).when(who, event("approval.requested", request.clone())).then_refused(Code::E_RULE, "R-021");
        }
    }

    #[test]
    fn a_request_under_the_id_of_another_that_waits_is_a_conflict() {
        let again = role_given("E-102", "customer_manager", "north").id("ask-0001");
        waiting().when("E-002", again).then_refused(Code::E_CONFLICT, "R-010");
    }

    #[test]
    fn what_the_rules_have_come_to_forbid_is_not_let_in_by_a_late_consent() {
        let meanwhile = waiting().and("system", role_given("E-101", "customer_manager", "north"));
        meanwhile.when("E-201", consent("ask-0001")).then_refused(Code::E_STATE, "R-050");
    }

    #[test]
    fn these_types_wait_and_no_others() {
        let gated: Vec<&str> = domain::catalog::types().iter().map(|kind| kind.name).filter(|name| gated(name)).collect();
        assert_eq!(gated, ["policy.adopted", "employee.roles_changed", "trade_terms.set", "personal_data.erased", "calendar.adopted"]);
    }
}
