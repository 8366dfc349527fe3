//! Approvals: a proposal that needs somebody else's consent waits here until it is given or declined.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::domain::catalog::{Kind, Shape, Str, Text, choices, events, objects, refusals};
use crate::domain::role::Role;
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
    }
}

events! {
    /// A proposal waits for somebody else's approval.
    Requested "approval.requested" "申请批准" "Approval requested" {
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
    Given "approval.given" "批准" "Approval given" {
        /// The request.
        request_id: SubjectId, C1, "申请编号", "Request id";
        /// What the approver has to say.
        opinion: Option<Text>, C1, "意见", "Opinion";
    }
    /// Somebody declines a waiting proposal, which ends it.
    Declined "approval.declined" "不予批准" "Approval declined" {
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

/// The waiting proposals.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By request.
    pub waiting: OrdMap<SubjectId, Waiting>,
}

refusals! {
    /// Nothing waits under that id.
    NotWaiting { request: String } => E_STATE "R-021", "no proposal waits under \"{request}\"", "没有待批准的申请“{request}”";
    /// One approves one's own proposal or fills two steps.
    OwnProposal => E_SOD "R-025", "nobody approves what they proposed, nor twice", "不得批准本人提出的申请，也不得重复批准";
    /// Somebody else must decide.
    NotHolder => E_FORBIDDEN "R-025", "this step is not yours to decide", "该步骤不由您决定";
    /// Requests come about by proposing what needs approval.
    NotProposed => E_RULE "R-021", "propose the event itself; the request follows from it", "请直接提出该事件，系统自动生成申请";
}

/// The types that wait for approval when a person proposes them.
pub fn gated(kind: &str) -> bool {
    matches!(kind, "policy.adopted" | "employee.roles_changed")
}

/// Returns the id an approved proposal is entered under, from the id it was proposed with.
pub fn approved_id(proposal: &EntryId) -> EntryId {
    ids::derived(proposal, "approved")
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
            Step::Person(employee) => RequiredStep { holding: Holding::Person, employee: Some(employee), role: None },
            Step::Holder(role) => RequiredStep { holding: Holding::Role, employee: None, role: Some(role) },
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
    if waiting.actor.employee() == Some(approver) || waiting.given.contains(approver) {
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
    let context = Context {
        occurred_at: waiting.occurred_at,
        late_reason: waiting.late_reason.as_deref(),
        actor: &waiting.actor,
        id: &id,
        about: &waiting.about,
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
    }
}

/// Takes over what waits, and lets go of what was decided.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Requested(requested) => {
            let steps = requested
                .steps
                .iter()
                .filter_map(|step| step.employee.clone().map(Step::Person).or_else(|| step.role.map(Step::Holder)))
                .collect();
            let subject: Option<StreamName> = requested.about.0.parse().ok();
            let subject = subject.unwrap_or_else(|| fact.subject.clone());
            state.waiting.insert(requested.request_id.clone(), Waiting {
                id: fact.id.clone(),
                actor: fact.actor.clone(),
                kind: requested.proposed.0.clone(),
                data: requested.data.0.to_string(),
                about: About::subject(subject),
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
