//! Sign-offs: ordinary approvals, instructions, countersignatures and counsel, each along the chain of its form (R-021, V-89).

use imbl::OrdMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::Timestamp;
use crate::domain::catalog::{Int, Kind, Referent, Shape, Text, choices, events, refusals};
use crate::domain::duty::{Charge, Due, Duty, Opening, Sink};
use crate::domain::employee::Held;
use crate::domain::history::{Live, Lived, Part};
use crate::domain::role::Role;
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, contact};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName, UnitId};

choices! {
    /// What a sign-off is for.
    Purpose {
        Approve "approve" "审批" "Approval",
        Review "review" "审核" "Review",
        Advise "advise" "建议" "Advice",
        Instruct "instruct" "批示" "Instruction",
        Countersign "countersign" "会签" "Countersignature",
        Noted "noted" "知悉" "Noted",
        CopyAcknowledged "copy_acknowledged" "副本签收" "Copy acknowledged",
    }
    /// What the signer says.
    Decision {
        Approved "approved" "同意" "Approved",
        Returned "returned" "退回" "Returned",
        Noted "noted" "知悉" "Noted",
    }
    /// Whose step of a chain it is.
    Seat {
        Supervisor "supervisor" "主管" "Supervisor",
        Manager "manager" "经理" "Manager",
        SalesManager "sales_manager" "销售部经理" "Sales manager",
        DepartmentHead "department_head" "部门负责人" "Department head",
        BranchManager "branch_manager" "分公司经理" "Branch manager",
        ServiceDepartment "service_department" "服务部" "Service department",
        MarketDirector "market_director" "市场部部长" "Market director",
        SecondHolder "second_holder" "副本保管人" "Holder of the second copy",
        GeneralManager "general_manager" "总经理" "General manager",
        DeputyGm "deputy_gm" "副总经理" "Deputy general manager",
    }
    /// A form that is signed.
    Form {
        Card "card" "客户资料管理卡" "Customer card",
        ArchiveUpdate "archive_update" "档案更新" "Archive update",
        NewCustomer "new_customer" "新客户开发申请表" "New-customer application",
        VisitPlan "visit_plan" "拜访计划" "Visit plan",
        DevelopmentPlan "development_plan" "客户开发计划" "Customer development plan",
        KeyTargets "key_targets" "重点客户管理表" "Key-customer table",
        OutgoingLetter "outgoing_letter" "发函" "Outgoing letter",
        DailyReport "daily_report" "服务主任日报表" "Service supervisor's daily report",
        VisitReport "visit_report" "拜访报告" "Visit report",
    }
}

/// The entry somebody signs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Signed(pub EntryId);

impl Shape for Signed {
    fn kind() -> Kind {
        Kind::Reference(Referent::Record)
    }
}

events! {
    /// Somebody signs what another has entered, or returns it.
    Recorded "signoff.recorded" "签核/批示" "Sign-off recorded" is decision {
        /// The entry signed.
        subject_event: Signed, C1, "签核对象", "Signed entry";
        /// What the signature is for.
        purpose: Purpose, C1, "签核类型", "Purpose";
        /// The step of the chain, from 1.
        step: Int<1, 9>, C1, "步骤", "Step";
        /// What the signer says.
        decision: Decision, C1, "结论", "Decision";
        /// Why; needed to return it.
        opinion: Option<Text>, C1, "意见/批示", "Opinion";
    }
}

impl Form {
    /// Returns the form an event is, if it takes sign-offs.
    fn of(event: &domain::Event) -> Option<Self> {
        if let domain::Event::Contact(event) = event {
            // A visit says itself to whom it was reported, or its report is noted.
            let unreported = matches!(event, contact::Event::Recorded(recorded) if recorded.is_unreported_visit());
            return unreported.then_some(Self::VisitReport);
        }
        let name = event.name();
        let mut of_type = FORMS.iter().filter(|(of, ..)| *of == name).peekable();
        of_type.peek()?;
        let kind = text_of(event, "kind");
        of_type.find(|(_, wanted, _)| wanted.is_none_or(|wanted| kind.as_deref() == Some(wanted))).map(|(.., form)| *form)
    }

    /// Returns whose signatures it takes, in order, and what each may be for (V-89).
    pub fn steps(self) -> &'static [(Seat, &'static [Purpose])] {
        use Purpose::{Advise, Approve, CopyAcknowledged, Countersign, Instruct, Noted, Review};
        match self {
            Self::Card => &[
                (Seat::Supervisor, &[Review, Approve]),
                (Seat::Manager, &[Review, Approve]),
                (Seat::GeneralManager, &[Approve]),
            ],
            Self::ArchiveUpdate => &[(Seat::SecondHolder, &[CopyAcknowledged])],
            Self::NewCustomer => &[(Seat::SalesManager, &[Approve, Instruct])],
            Self::VisitPlan | Self::OutgoingLetter => &[(Seat::DepartmentHead, &[Approve])],
            Self::VisitReport => &[(Seat::DepartmentHead, &[Noted])],
            Self::DevelopmentPlan => &[(Seat::MarketDirector, &[Advise]), (Seat::MarketDirector, &[Approve])],
            Self::KeyTargets => &[(Seat::ServiceDepartment, &[Advise]), (Seat::GeneralManager, &[Advise])],
            Self::DailyReport => &[(Seat::BranchManager, &[Countersign]), (Seat::ServiceDepartment, &[Noted])],
        }
    }
}

/// The forms by type of event, and by its `kind` where a type is several forms.
const FORMS: &[(&str, Option<&str>, Form)] = &[
    ("customer.registered", None, Form::Card),
    ("customer.individual_registered", None, Form::Card),
    ("customer.profile_updated", None, Form::ArchiveUpdate),
    ("new_customer.applied", None, Form::NewCustomer),
    ("visit_plan.submitted", None, Form::VisitPlan),
    ("correspondence.drafted", None, Form::OutgoingLetter),
    ("account_plan.submitted", Some("key_target"), Form::KeyTargets),
    ("account_plan.submitted", Some("annual_development"), Form::DevelopmentPlan),
    ("report.filed", Some("supervisor_daily"), Form::DailyReport),
    ("contact.recorded", None, Form::VisitReport),
];

/// The type of event by which somebody signs.
const SIGNED: &str = "signoff.recorded";

/// The types of event whose chains are events of their own, so that nobody signs them off.
const DECIDED_ELSEWHERE: &[&str] = &[
    "credit_grade",
    "business_grade",
    "key_account",
    "new_customer",
    "access",
    "qualification",
    "complaint",
    "approval",
];

impl Seat {
    fn roles(self) -> &'static [Role] {
        match self {
            Self::Supervisor => &[Role::SalesManager, Role::ServiceSupervisor],
            Self::Manager => &[Role::RegionalGm, Role::DepartmentHead],
            Self::SalesManager => &[Role::SalesManager],
            Self::DepartmentHead => &[Role::DepartmentHead],
            Self::BranchManager => &[Role::BranchManager],
            Self::ServiceDepartment => &[Role::ServiceDepartment],
            Self::MarketDirector => &[Role::MarketDirector],
            Self::SecondHolder => &[Role::Archivist, Role::MarketDirector],
            Self::GeneralManager => &[Role::GeneralManager],
            Self::DeputyGm => &[Role::DeputyGm],
        }
    }

    /// Whether it is filled by whoever answers for the region, or for the unit where no customer is concerned.
    fn local(self) -> bool {
        match self {
            Self::Supervisor | Self::Manager | Self::SalesManager | Self::DepartmentHead | Self::BranchManager => true,
            Self::ServiceDepartment
            | Self::MarketDirector
            | Self::SecondHolder
            | Self::GeneralManager
            | Self::DeputyGm => false,
        }
    }

    /// the next level up.
    fn above(self) -> Option<Self> {
        match self {
            Self::Supervisor | Self::SalesManager => Some(Self::Manager),
            Self::Manager
            | Self::DepartmentHead
            | Self::BranchManager
            | Self::ServiceDepartment
            | Self::MarketDirector
            | Self::SecondHolder => Some(Self::GeneralManager),
            Self::GeneralManager => Some(Self::DeputyGm),
            Self::DeputyGm => None,
        }
    }

    /// The seat and those above it.
    fn upwards(self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self), |seat| seat.above())
    }
}

/// What waits for sign-offs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round {
    /// The form.
    pub form: Form,
    /// The stream it is of.
    pub subject: StreamName,
    /// The customer it concerns.
    pub customer: Option<CustomerId>,
    /// Who entered it; absent for the system.
    pub submitter: Option<EmployeeId>,
    /// From where.
    pub unit: Option<UnitId>,
    /// Who has signed in this round, with the index of the entry that says so.
    pub taken: Vec<(EmployeeId, u64)>,
    /// Whether it was returned and waits for its correction.
    pub returned: bool,
}

impl Round {
    /// Returns the number of the step that is next.
    pub fn next(&self) -> usize {
        self.taken.len() + 1
    }

    fn step(&self) -> Option<&'static (Seat, &'static [Purpose])> {
        self.form.steps().get(self.taken.len())
    }

    /// Returns what the next signature may be for.
    pub fn purposes(&self) -> &'static [Purpose] {
        self.step().map_or(&[], |(_, purposes)| purposes)
    }

    fn took_part(&self, employee: &EmployeeId) -> bool {
        self.submitter.as_ref() == Some(employee) || self.taken.iter().any(|(signer, _)| signer == employee)
    }

    /// Tells whether a role held fills a seat of this chain.
    fn seated(&self, world: &World, held: &Held, seat: Seat) -> bool {
        if !seat.roles().contains(&held.role) {
            return false;
        }
        let region = self.customer.as_ref().and_then(|id| world.customer.customers.get(id)).map(|one| one.region.as_str());
        match (seat.local(), region, &self.unit) {
            (false, ..) => true,
            (true, Some(region), _) => world.organization.reaches(&held.unit, region),
            (true, None, Some(unit)) => world.organization.within(unit, &held.unit),
            (true, None, None) => false,
        }
    }

    /// Returns whose step is next: the seat of the form, or where everybody who fills it is disqualified, the next level up.
    pub fn awaited(&self, world: &World, at: Timestamp) -> Option<Seat> {
        let today = world.date(at);
        let (seat, _) = self.step().filter(|_| !self.returned)?;
        seat.upwards().find(|seat| {
            world.employee.members.iter().any(|(id, member)| {
                member.works()
                    && !self.took_part(id)
                    && member.roles_on(today).any(|held| self.seated(world, held, *seat))
            })
        })
    }

    /// Tells whether somebody may sign the next step now.
    pub fn waits_for(&self, world: &World, employee: &EmployeeId, at: Timestamp) -> bool {
        let Some(member) = world.employee.members.get(employee) else { return false };
        let today = world.date(at);
        let fills = |seat| member.roles_on(today).any(|held| self.seated(world, held, seat));
        // Most fill none of these seats; whose turn it is takes a look at everybody.
        let ever = self.step().is_some_and(|(seat, _)| seat.upwards().any(fills));
        ever && !self.took_part(employee) && self.awaited(world, at).is_some_and(fills)
    }

    /// Tells whether somebody is in the chain: entered it, has signed it, or fills one of its seats.
    pub fn concerns(&self, world: &World, employee: &EmployeeId, at: Timestamp) -> bool {
        let Some(member) = world.employee.members.get(employee) else { return false };
        self.took_part(employee)
            || member
                .roles_on(world.date(at))
                .any(|held| self.form.steps().iter().any(|(seat, _)| self.seated(world, held, *seat)))
            || self.waits_for(world, employee, at)
    }

    /// Tells whether a role held may ever fill the step of that number, itself or because it moved up.
    pub fn may_fill(&self, world: &World, held: &Held, step: i64) -> bool {
        let place = usize::try_from(step).ok().and_then(|step| step.checked_sub(1));
        let named = place.and_then(|place| self.form.steps().get(place));
        named.is_some_and(|(seat, _)| seat.upwards().any(|seat| self.seated(world, held, seat)))
    }
}

/// What waits for sign-offs; what is signed to the end, superseded or returned for good is no longer here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By the entry to be signed.
    pub open: OrdMap<EntryId, Round>,
    /// The card of each customer that is not signed to the end.
    pub cards: OrdMap<CustomerId, EntryId>,
    /// The last update of each archive that the holder of the second copy has not acknowledged.
    pub updates: OrdMap<CustomerId, EntryId>,
}

refusals! {
    /// No chain is open there.
    NotOpen { event: String } => E_STATE "R-021" at "/subject_event",
        "\"{event}\" waits for no sign-off: it is signed to the end, returned or superseded", "“{event}”已签核完毕、已退回或已被取代，不再等待签核";
    /// The type has decisions of its own.
    DecidedElsewhere { kind: String } => E_RULE "R-021" at "/subject_event",
        "\"{kind}\" is decided by events of its own, not by sign-offs", "“{kind}”由其专用事件作出决定，不适用签核";
    /// The type takes no sign-offs.
    NotSigned { kind: String } => E_RULE "R-021" at "/subject_event",
        "\"{kind}\" is no form that is signed", "“{kind}”不是须签核的单据";
    /// Another step is next.
    OutOfOrder { step: usize } => E_STATE "R-021" at "/step", "the next step is {step}", "下一步骤为第{step}步";
    /// It was returned.
    ReturnedBefore => E_STATE "R-021" at "/subject_event",
        "it was returned; its correction comes first", "单据已退回，须先更正";
    /// Nobody signs what they entered, nor twice.
    OwnSubmission => E_SOD "R-025",
        "nobody signs off what they entered, nor takes two steps of one chain", "不得签核本人提交的单据，也不得担任两个步骤";
    /// The step is somebody else's.
    NotYourStep { seat: Seat } => E_FORBIDDEN "R-021", "this step belongs to: {seat}", "该步骤属于：{seat:#}";
    /// Everybody who could sign is disqualified.
    NobodyLeft => E_SOD "R-025", "nobody is left who may sign this step", "没有可以签核该步骤的人员";
    /// Who returns says why.
    NoOpinion => E_SCHEMA "R-021" at "/opinion", "whoever returns it says why", "退回须填写意见";
    /// The step has another purpose.
    OtherPurpose { purposes: String } => E_RULE "R-021" at "/purpose",
        "the purpose of this step is one of {purposes}", "该步骤的签核类型须为{purposes}之一";
    /// The decision does not go with the purpose.
    OtherDecision => E_RULE "R-021" at "/decision",
        "what is only noted or acknowledged is \"noted\"; everything else is approved or returned", "知悉与签收的结论须为“知悉”，其他须为“同意”或“退回”";
}

/// Says which stream the event belongs to: that of the entry signed, which the door looks up and names.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Recorded(recorded) = event;
    if let Some(round) = world.signoff.open.get(&recorded.subject_event.0) {
        return Ok(About { subject: round.subject.clone(), customer: round.customer.clone() });
    }
    let Some(named) = named else {
        return Err(Refusal::NotOpen { event: recorded.subject_event.0.to_string() }.into());
    };
    let customer: Option<CustomerId> = named.id().and_then(|id| id.split('/').next()?.parse().ok());
    Ok(About {
        subject: named.clone(),
        customer: customer.filter(|id| {
            matches!(named.kind(), "customer" | "contact" | "grade") && world.customer.customers.contains_key(id)
        }),
    })
}

/// Decides along the chain of the form.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::Recorded(recorded) = &event;
    let id = &recorded.subject_event.0;
    let Some(round) = world.signoff.open.get(id) else {
        return Err(closed(id, context.fetched.signed.as_deref()).into());
    };
    if round.returned {
        return Err(Refusal::ReturnedBefore.into());
    }
    let signer = context.actor.employee().ok_or(Refusal::NobodyLeft)?;
    if round.took_part(signer) {
        return Err(Refusal::OwnSubmission.into());
    }
    if usize::try_from(recorded.step.0) != Ok(round.next()) {
        return Err(Refusal::OutOfOrder { step: round.next() }.into());
    }
    let seat = round.awaited(world, context.at).ok_or(Refusal::NobodyLeft)?;
    let role = context.actor.role();
    let held = world.employee.members.get(signer);
    let holds = held.is_some_and(|member| {
        let mut roles = member.roles_on(world.date(context.at));
        roles.any(|held| Some(held.role) == role && round.seated(world, held, seat))
    });
    if !holds {
        return Err(Refusal::NotYourStep { seat }.into());
    }
    if !round.purposes().contains(&recorded.purpose) {
        let purposes: Vec<&str> = round.purposes().iter().map(|purpose| purpose.as_str()).collect();
        return Err(Refusal::OtherPurpose { purposes: purposes.join(", ") }.into());
    }
    let only_noted = matches!(recorded.purpose, Purpose::Noted | Purpose::CopyAcknowledged);
    if only_noted != (recorded.decision == Decision::Noted) {
        return Err(Refusal::OtherDecision.into());
    }
    if recorded.decision == Decision::Returned && recorded.opinion.is_none() {
        return Err(Refusal::NoOpinion.into());
    }
    Ok(vec![Admission::of(event, context)])
}

/// Says why what no chain is open for is not signed, from the type of the entry.
fn closed(id: &EntryId, kind: Option<&str>) -> Refusal {
    let Some(kind) = kind else { return Refusal::NotOpen { event: id.to_string() } };
    let family = kind.split('.').next().unwrap_or_default();
    let is_form = FORMS.iter().any(|(of, ..)| *of == kind);
    match is_form {
        true => Refusal::NotOpen { event: id.to_string() },
        false if DECIDED_ELSEWHERE.contains(&family) => Refusal::DecidedElsewhere { kind: kind.into() },
        false => Refusal::NotSigned { kind: kind.into() },
    }
}

fn text_of(event: &domain::Event, field: &str) -> Option<String> {
    event.data().ok()?.get(field)?.as_str().map(str::to_owned)
}

/// Opens the chain of what has just been entered, if it is a form that is signed.
pub(super) fn begin(state: &mut State, fact: &Fact<'_>, event: &domain::Event) {
    let Some(form) = Form::of(event) else { return };
    let customer = match fact.subject.kind() {
        "customer" | "contact" => fact.customer(),
        _ => text_of(event, "customer_id").and_then(|id| id.parse().ok()),
    };
    let (submitter, unit) = match fact.actor {
        Actor::System => (None, None),
        Actor::Employee { id, unit, .. } => (Some(id.clone()), Some(unit.clone())),
    };
    let latest = match (form, &customer) {
        (Form::Card, Some(customer)) => state.cards.insert(customer.clone(), fact.id.clone()),
        (Form::ArchiveUpdate, Some(customer)) => {
            // The correction of a card that was returned: its chain begins again.
            let card = state.cards.get(customer).and_then(|card| state.open.get_mut(card));
            if let Some(card) = card.filter(|card| card.returned) {
                card.returned = false;
                card.taken.clear();
            }
            // Whoever acknowledges the newest state of the second copy has the updates before it.
            state.updates.insert(customer.clone(), fact.id.clone())
        }
        _ => None,
    };
    if let Some(superseded) = latest {
        state.open.remove(&superseded);
    }
    let subject = fact.subject.clone();
    let round = Round { form, subject, customer, submitter, unit, taken: Vec::new(), returned: false };
    state.open.insert(fact.id.clone(), round);
}

/// Tells whether entries of a type are signed or sign.
pub(super) fn concerns(kind: &str) -> bool {
    kind == SIGNED || FORMS.iter().any(|(of, ..)| *of == kind)
}

/// Tells whether an entry is a signature under another.
pub(super) fn signs(lived: &Lived, id: &EntryId) -> bool {
    lived.kind.name == SIGNED && lived.data.get("subject_event").and_then(Value::as_str) == Some(id.as_str())
}

/// Whoever holds the second copy acknowledges each update of an archive.
pub(super) const ACKNOWLEDGE: Duty =
    Duty { number: 3, rule: "R-037", zh: "副本签收", en: "Acknowledge the update of the archive", met_by: SIGNED };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&ACKNOWLEDGE];

/// Working days in which an update is acknowledged.
const ACKNOWLEDGE_DAYS: u32 = 3;

/// Opens the duty to acknowledge an update entered at `at`: nobody could know of it before, whenever it was learned.
pub(super) fn ask_second_holder(customer: &CustomerId, at: Timestamp, sink: &mut Sink) {
    sink.openings.push(Opening {
        duty: &ACKNOWLEDGE,
        object: customer.to_string(),
        customer: Some(customer.clone()),
        charges: Seat::SecondHolder.roles().iter().map(|role| Charge::Holders(*role)).collect(),
        due: Due::WorkingDaysSince(at, ACKNOWLEDGE_DAYS),
        since: None,
    });
}

/// Who acknowledges the newest state of the second copy has the updates before it.
pub(super) fn oblige(_: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    let Event::Recorded(recorded) = event;
    match (recorded.purpose, fact.customer()) {
        (Purpose::CopyAcknowledged, Some(customer)) => sink.close(&ACKNOWLEDGE, customer.as_str()),
        (Purpose::Noted, Some(_)) => sink.close(&contact::REPORT, recorded.subject_event.0.as_str()),
        _ => {}
    }
}

/// Lets go of what waits in a part of the world.
pub(super) fn forget(state: &mut State, part: &Part, live: &[Live]) {
    for one in live {
        state.open.remove(&one.id);
    }
    if let Part::Customer(customer) = part {
        state.cards.remove(customer);
        state.updates.remove(customer);
    }
}

/// Folds what waits in a part anew: the form that is voided takes its chain along, and the one before it waits again.
pub(super) fn refold(state: &mut State, part: &Part, before: &[Live], after: &[Live]) {
    forget(state, part, before);
    for live in after {
        if let domain::Event::Signoff(event) = &live.event {
            evolve(state, &live.fact(), event);
        }
        begin(state, &live.fact(), &live.event);
    }
}

/// Takes over a signature; the last one, or a return, ends the chain.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    let Event::Recorded(recorded) = event;
    let Some(round) = state.open.get_mut(&recorded.subject_event.0) else { return };
    let returned = recorded.decision == Decision::Returned;
    round.taken.extend(fact.actor.employee().map(|signer| (signer.clone(), fact.index)));
    // A card has no second registration: it waits for the correction of the archive.
    if returned && round.form == Form::Card {
        round.returned = true;
        return;
    }
    if returned || round.step().is_none() {
        let (form, customer) = (round.form, round.customer.clone());
        state.open.remove(&recorded.subject_event.0);
        let kept = match form {
            Form::Card => &mut state.cards,
            Form::ArchiveUpdate => &mut state.updates,
            Form::NewCustomer
            | Form::VisitPlan
            | Form::DevelopmentPlan
            | Form::KeyTargets
            | Form::OutgoingLetter
            | Form::DailyReport
            | Form::VisitReport => return,
        };
        customer.map(|customer| kept.remove(&customer));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Code;
    use crate::domain::testing::{Given, Proposed, customer, event, given, staff_status};

    fn registered() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works").id("the-card-01"))])
    }

    fn signed(step: i64, decision: &str) -> Proposed {
        let purpose = if step == 3 { "approve" } else { "review" };
        let data = json!({ "subject_event": "the-card-01", "purpose": purpose, "step": step, "decision": decision });
        event("signoff.recorded", data).about("customer/C-01")
    }

    #[test]
    fn a_card_is_signed_by_three_in_their_order_and_then_no_more() {
        let given = registered();
        given.when("E-301", signed(2, "approved")).then_refused(Code::E_STATE, "R-021");
        given.when("E-201/department_head", signed(1, "approved")).then_refused(Code::E_FORBIDDEN, "R-021");
        let given = given.and("E-201", signed(1, "approved"));
        given.when("E-201/department_head", signed(2, "approved")).then_refused(Code::E_SOD, "R-025");
        given.when("E-302", signed(2, "approved")).then_refused(Code::E_FORBIDDEN, "R-021");
        let given = given.and("E-301", signed(2, "approved")).and("E-801", signed(3, "approved"));
        assert!(given.world.signoff.open.is_empty() && given.world.signoff.cards.is_empty());
        given.when("E-802", signed(3, "approved")).then_refused(Code::E_STATE, "R-021");
    }

    #[test]
    fn nobody_signs_what_they_entered_and_the_step_moves_up() {
        let given = given([("E-201", customer("C-01", "Heyuan Alloy Works").id("the-card-01"))]);
        given.when("E-201", signed(1, "approved")).then_refused(Code::E_SOD, "R-025");
        // No other supervisor is in the region: the manager signs for the supervisor, and the steps above move as well.
        let given = given.and("E-301", signed(1, "approved"));
        let given = given.and("E-801", signed(2, "approved"));
        given.when("E-801", signed(3, "approved")).then_refused(Code::E_SOD, "R-025");
        given.when("E-802", signed(3, "approved")).then(["signoff.recorded"]);
        // Where the deputy is not there either nobody is left.
        let given = given.and("E-001", staff_status("E-802", "suspended"));
        given.when("E-302", signed(3, "approved")).then_refused(Code::E_SOD, "R-025");
    }

    #[test]
    fn a_return_says_why_and_ends_the_round_until_the_archive_is_corrected() {
        let given = registered();
        given.when("E-201", signed(1, "returned")).then_refused(Code::E_SCHEMA, "R-021");
        let given = given.and("E-201", signed(1, "returned").with("opinion", "no building"));
        given.when("E-301", signed(2, "approved")).then_refused(Code::E_STATE, "R-021");
        let changes = json!({ "section": "basic", "changes": { "address": "1 Station Road" }, "learned_at": "2026-03-02T01:00:00Z", "major": false });
        let given = given.and("E-101", event("customer.profile_updated", changes).about("customer/C-01"));
        given.when("E-201", signed(1, "approved")).then(["signoff.recorded"]);
    }

    #[test]
    fn a_step_is_for_what_its_form_says() {
        let given = registered();
        given.when("E-201", signed(1, "approved").with("purpose", "noted")).then_refused(Code::E_RULE, "R-021");
        given.when("E-201", signed(1, "noted")).then_refused(Code::E_RULE, "R-021");
        given.when("E-201", signed(1, "approved").with("purpose", "approve")).then(["signoff.recorded"]);
        given.when("E-201", signed(0, "approved")).then_malformed(["/step"]);
        given.when("E-201", signed(10, "approved")).then_malformed(["/step"]);
        given.when("system", signed(1, "approved")).then_refused(Code::E_SOD, "R-025");
    }

    #[test]
    fn what_is_no_form_is_not_signed_and_what_is_decided_elsewhere_says_so() {
        let mut given = registered();
        let other = |kind: &str, given: &mut Given| {
            given.fetched.signed = Some(kind.into());
            let words = given.when("E-201", signed(1, "approved").with("subject_event", "another-01"));
            words.then_refused(if kind.starts_with("customer.") { Code::E_STATE } else { Code::E_RULE }, "R-021")
        };
        assert!(other("credit_grade.proposed", &mut given).contains("events of its own"));
        assert!(other("complaint.registered", &mut given).contains("events of its own"));
        assert!(other("sale.recorded", &mut given).contains("no form"));
        assert!(other("customer.registered", &mut given).contains("waits for no sign-off"));
    }

    #[test]
    fn only_the_newest_update_of_an_archive_is_acknowledged() {
        let update = |id: &'static str| {
            let changes = json!({ "section": "basic", "changes": { "fax": "0531 8000 0009" }, "learned_at": "2026-03-02T01:00:00Z", "major": false });
            event("customer.profile_updated", changes).about("customer/C-01").id(id)
        };
        let acknowledged = |id: &str| {
            let data = json!({ "subject_event": id, "purpose": "copy_acknowledged", "step": 1, "decision": "noted" });
            event("signoff.recorded", data).about("customer/C-01")
        };
        let given = registered().and("E-101", update("update-01")).and("E-101", update("update-02"));
        given.when("E-501", acknowledged("update-01")).then_refused(Code::E_STATE, "R-021");
        given.when("E-801", acknowledged("update-02")).then_refused(Code::E_FORBIDDEN, "R-021");
        let given = given.and("E-501", acknowledged("update-02"));
        assert!(given.world.signoff.updates.is_empty());
    }
}
