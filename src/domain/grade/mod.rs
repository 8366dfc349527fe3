//! Credit and business grades: proposed with evidence, reviewed and decided along a chain, in force from a day.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::domain::catalog::{Int, Kind, Money, Referent, Shape, Str, Text, choices, events, objects, refusals};
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, policy};
use crate::ids::{self, CustomerId, EmployeeId, EntryId, StreamName, SubjectId, UnitId};

mod chain;

pub use self::chain::awaited;

choices! {
    /// What is graded: how far one trusts a customer to pay, or how much the customer buys.
    Dimension {
        Credit "credit" "信用" "Credit",
        Business "business" "业务" "Business",
    }
    /// What made somebody propose.
    Trigger {
        Initial "initial" "首次评定" "Initial",
        Change "change" "情况变化" "Change",
        QuarterlyReview "quarterly_review" "季度评定" "Quarterly review",
        AnnualReview "annual_review" "年度评定" "Annual review",
        Incident "incident" "突发事件" "Incident",
    }
    /// What a reviewer says.
    Verdict {
        Endorse "endorse" "同意上报" "Endorse",
        Return "return" "退回" "Return",
    }
    /// Why a proposal ends undecided.
    Cause {
        Withdrawn "withdrawn" "撤回" "Withdrawn",
        Lapsed "lapsed" "逾期失效" "Lapsed",
    }
    /// Whose decision a step of the chain is.
    Seat {
        Regional "regional" "大区总经理" "Regional general manager",
        AccountingHead "accounting_head" "核算部负责人" "Accounting head",
        GeneralManager "general_manager" "总经理" "General manager",
        DeputyGm "deputy_gm" "副总经理" "Deputy general manager",
    }
}

/// The id of an entry that serves as evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Evidence(pub EntryId);

impl Shape for Evidence {
    fn kind() -> Kind {
        Kind::Reference(Referent::Record)
    }
}

objects! {
    /// The terms of trade proposed with a grade.
    ProposedTerms {
        /// The limit in fen.
        limit: Money, C3, "额度", "Limit";
        /// The method of payment.
        method: Str<1, 60>, C3, "方式", "Method";
    }
    /// A step of the chain as it was taken.
    ChainStep {
        /// Its number, from 1.
        step: Int<1, 9>, C3, "步骤", "Step";
        /// Who took it.
        employee: EmployeeId, C3, "人员", "Employee";
        /// The entry that records it.
        event: EntryId, C3, "事件", "Entry";
    }
}

events! {
    each Dimension;

    /// Somebody proposes a grade.
    Proposed
        Credit "credit_grade.proposed" "信用等级评定申请" "Credit grade proposed";
        Business "business_grade.proposed" "业务等级评定申请" "Business grade proposed" without proposed_terms;
    {
        /// The proposal; issued when left out.
        proposal_id: Option<SubjectId>, C3, "评定编号", "Proposal", computed;
        /// The customer.
        customer_id: CustomerId, C3, "客户", "Customer";
        /// The grade in force it is based on; absent if there is none.
        from: Option<Str<1, 4>>, C3, "现等级", "From";
        /// The grade proposed.
        to: Str<1, 4>, C3, "拟评等级", "To";
        /// The grade the service suggests by what was bought; none for credit.
        suggested: Option<Str<1, 4>>, C3, "系统建议等级", "Suggested", computed;
        /// Why it deviates from the suggestion.
        deviation_reason: Option<Text>, C3, "偏离理由", "Reason to deviate";
        /// What made somebody propose.
        trigger: Trigger, C3, "起因", "Trigger";
        /// The entries it rests on.
        evidence: Vec<Evidence>, C3, "依据", "Evidence";
        /// Why.
        reason: Text, C3, "理由", "Reason";
        /// The terms of trade proposed with it.
        proposed_terms: Option<ProposedTerms>, C3, "建议交易条件", "Proposed terms";
        /// Whose decisions it needs, in order.
        seats: Option<Vec<Seat>>, C3, "审批席位", "Seats", computed;
    }
    /// A reviewer endorses or returns a proposal.
    Reviewed
        Credit "credit_grade.reviewed" "信用等级审核" "Credit grade reviewed" is decision;
        Business "business_grade.reviewed" "业务等级审核" "Business grade reviewed" is decision;
    {
        /// The proposal.
        proposal_id: SubjectId, C3, "评定编号", "Proposal";
        /// The step of the chain.
        step: Int<1, 9>, C3, "步骤", "Step";
        /// What the reviewer says.
        verdict: Verdict, C3, "审核结论", "Verdict";
        /// Why.
        opinion: Text, C3, "审核意见", "Opinion";
    }
    /// A proposal is approved and the grade takes effect.
    Approved
        Credit "credit_grade.approved" "信用等级批准" "Credit grade approved" is decision;
        Business "business_grade.approved" "业务等级批准" "Business grade approved" is decision;
    {
        /// The proposal.
        proposal_id: SubjectId, C3, "评定编号", "Proposal";
        /// The grade before.
        from: Option<Str<1, 4>>, C3, "原等级", "From", computed;
        /// The grade approved.
        to: Str<1, 4>, C3, "新等级", "To";
        /// From when; the moment of approval when left out, never earlier.
        effective_at: Option<Timestamp>, C3, "生效时间", "Effective at", computed;
        /// What the approver has to say.
        opinion: Option<Text>, C3, "批准意见", "Opinion";
        /// The steps taken before, and this one.
        chain: Option<Vec<ChainStep>>, C3, "审批链", "Chain", computed;
    }
    /// A proposal is rejected.
    Rejected
        Credit "credit_grade.rejected" "信用等级否决" "Credit grade rejected" is decision;
        Business "business_grade.rejected" "业务等级否决" "Business grade rejected" is decision;
    {
        /// The proposal.
        proposal_id: SubjectId, C3, "评定编号", "Proposal";
        /// Why.
        reason: Text, C3, "理由", "Reason";
    }
    /// A proposal is taken back, or lapses undecided.
    Withdrawn
        Credit "credit_grade.withdrawn" "信用等级撤回/失效" "Credit grade withdrawn" is decision;
        Business "business_grade.withdrawn" "业务等级撤回/失效" "Business grade withdrawn" is decision;
    {
        /// The proposal.
        proposal_id: SubjectId, C3, "评定编号", "Proposal";
        /// Why it ends.
        cause: Cause, C3, "原因", "Cause";
        /// What to say about it.
        note: Option<Text>, C3, "说明", "Note";
    }
}

/// An open proposal.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proposal {
    /// What is to be graded.
    pub dimension: Dimension,
    /// The customer.
    pub customer: CustomerId,
    /// The grade it is based on.
    pub from: Option<String>,
    /// The grade proposed.
    pub to: String,
    /// Who proposed.
    pub proposer: EmployeeId,
    /// The entry that proposed.
    pub event: EntryId,
    /// When.
    pub at: Timestamp,
    /// Whose decisions it needs, in order.
    pub seats: Vec<Seat>,
    /// The steps taken: who, and the entry.
    pub taken: Vec<(EmployeeId, EntryId)>,
}

impl Proposal {
    /// Tells whether somebody proposed it or has taken one of its steps.
    pub fn involves(&self, employee: &EmployeeId) -> bool {
        self.proposer == *employee || self.taken.iter().any(|(taker, _)| taker == employee)
    }
}

/// A grade and from when it is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graded {
    /// From when.
    pub since: Timestamp,
    /// The grade.
    pub grade: String,
}

/// Grades in force and proposals open.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// Open proposals of either kind.
    pub open: OrdMap<SubjectId, Proposal>,
    credit: Grades,
    business: Grades,
}

/// The grades of one kind.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Grades {
    /// Per customer the grade in force and the one that will be, oldest first.
    pub graded: OrdMap<CustomerId, Vec<Graded>>,
    /// The open proposal of each customer.
    pub open: OrdMap<CustomerId, SubjectId>,
}

impl State {
    /// Returns the grades of one kind.
    pub fn of(&self, dimension: Dimension) -> &Grades {
        match dimension {
            Dimension::Credit => &self.credit,
            Dimension::Business => &self.business,
        }
    }

    fn of_mut(&mut self, dimension: Dimension) -> &mut Grades {
        match dimension {
            Dimension::Credit => &mut self.credit,
            Dimension::Business => &mut self.business,
        }
    }
}

refusals! {
    /// One open proposal per customer and kind.
    OpenExists { proposal: String } => E_STATE "R-101", "proposal \"{proposal}\" is open for this customer", "该客户已有未决评定“{proposal}”";
    /// The grade it was based on is not in force.
    StaleGrade { current: String } => E_CONFLICT "R-103" at "/from", "the grade in force is \"{current}\"", "现行等级为“{current}”";
    /// The grade is not on the scale.
    OffScale { scale: String } => E_RULE "R-103" at "/to", "the grade must be one of {scale}", "等级须为{scale}之一";
    /// Nothing would change.
    SameGrade => E_RULE "R-103" at "/to", "the grade proposed is in force already", "拟评等级与现等级相同";
    /// Sales suggest another grade, and nobody says why not that one.
    Deviates { suggested: String } => E_RULE "R-104" at "/deviation_reason",
        "sales of the last twelve months suggest \"{suggested}\": say why the proposal deviates", "按近12个月销售额建议为“{suggested}”，偏离须说明理由";
    /// The company's criteria do not fit its scale: the unit has come under another whose scale it is.
    NoCriteria { scale: String } => E_POLICY "R-104",
        "p.grade.business_thresholds names no grades of the scale {scale}", "参数p.grade.business_thresholds与等级{scale}不符";
    /// A proposal rests on something.
    NoEvidence => E_SCHEMA "R-101" at "/evidence", "name at least one entry as evidence", "至少提供一项依据";
    /// A reason of a few letters is none.
    ReasonTooShort => E_SCHEMA "R-101" at "/reason", "the reason needs at least 10 characters", "理由至少10个字符";
    /// No such open proposal.
    NotOpen { proposal: String } => E_STATE "SM-2", "proposal \"{proposal}\" is not open", "评定“{proposal}”不存在或已结束";
    /// Another step is next.
    OutOfOrder { step: usize } => E_STATE "SM-2", "the next step is {step}", "下一步骤为第{step}步";
    /// The last step decides; it is no review.
    NotAReview => E_STATE "SM-2", "the next step decides: approve or reject", "下一步骤为决定：批准或否决";
    /// Reviews are missing.
    ChainIncomplete => E_STATE "R-102", "the review comes first", "须先完成审核";
    /// Nobody decides on what they proposed, nor fills two steps.
    OwnProposal => E_SOD "R-025", "nobody decides on what they proposed, nor takes two steps of one chain", "不得审批本人提出的评定，也不得担任两个步骤";
    /// The step is somebody else's.
    NotYourStep { seat: Seat } => E_FORBIDDEN "R-102", "this step belongs to: {seat}", "该步骤属于：{seat:#}";
    /// Everybody who could decide is disqualified.
    NobodyLeft => E_SOD "R-025", "nobody is left who may decide this step", "没有可以决定该步骤的人员";
    /// The grade approved is not the one proposed.
    OtherGrade { to: String } => E_RULE "R-102" at "/to", "the grade proposed is \"{to}\"", "拟评等级为“{to}”";
    /// Grades never take effect in the past.
    Retroactive => E_RULE "R-106" at "/effective_at", "a grade takes effect at approval or later", "等级不得追溯生效";
    /// Only the proposer withdraws, only the clock lets lapse.
    NotYours => E_FORBIDDEN "SM-2", "only the proposer withdraws a proposal", "仅申请人可撤回";
}

/// Returns the grade in force at `at`.
pub fn current<'a>(world: &'a World, dimension: Dimension, customer: &CustomerId, at: Timestamp) -> Option<&'a Graded> {
    world.grade.of(dimension).graded.get(customer)?.iter().rev().find(|graded| graded.since <= at)
}

/// Returns the grades of a scale from best to worst, as the policy has it at `unit`.
pub fn scale<'a>(world: &'a World, dimension: Dimension, unit: Option<&'a UnitId>, at: Timestamp) -> Vec<&'a str> {
    let name = match dimension {
        Dimension::Credit => "p.grade.credit_scale",
        Dimension::Business => "p.grade.business_scale",
    };
    policy::scale(world, unit, at, name)
}

/// Returns the business grade that the sales of the last twelve months suggest: the best whose threshold they reach, or the
/// last of the scale.
///
/// # Errors
/// The thresholds in force name grades that the scale does not have.
pub fn suggested(
    world: &World,
    customer: &CustomerId,
    unit: Option<&UnitId>,
    at: Timestamp,
) -> Result<Option<String>, Refusal> {
    let scale = scale(world, Dimension::Business, unit, at);
    let thresholds = policy::table(world, unit, at, "p.grade.business_thresholds");
    if thresholds.iter().any(|(grade, _)| !scale.contains(grade)) {
        return Err(Refusal::NoCriteria { scale: scale.join(", ") });
    }
    let sales = world.sale.trading.get(customer).map_or(0, |trading| trading.last_year(world.date(at)));
    let reached = thresholds.iter().find(|(_, least)| sales >= *least).map(|(grade, _)| *grade);
    Ok(reached.or_else(|| scale.last().copied()).map(str::to_owned))
}

/// How much a customer weighs in the company's sales.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tier {
    /// Any other customer.
    Ordinary,
    /// A key customer.
    Key,
    /// One of the few that the company's sales rest on.
    Strategic,
}

/// Tells whether the customer is a key customer: by weight, or by its share of the last year's sales.
pub fn key_customer(world: &World, customer: &CustomerId, at: Timestamp) -> bool {
    tier(world, customer, at) >= Tier::Key
}

/// Returns the customer's tier by its share of the last year's sales; one of weight is a key customer at least.
///
/// Where the policy in force judges tiers without figures, nobody but those of weight is more than ordinary.
pub fn tier(world: &World, customer: &CustomerId, at: Timestamp) -> Tier {
    let year = world.date(at).year() - 1;
    let company = i128::from(world.sale.years.get(&year).copied().unwrap_or(0));
    let trading = world.sale.trading.get(customer);
    let sales = i128::from(trading.and_then(|trading| trading.years.get(&year)).copied().unwrap_or(0));
    // exact cross-multiplication; exactly 1 % counts only where the preset says "at least".
    let (strategic, key) = match policy::preset(world, None, at, "tier") {
        _ if company == 0 => (false, false),
        "tier.share_5_1" => (100 * sales >= 5 * company, 100 * sales >= company),
        "tier.share_5_2_1" => (100 * sales > 5 * company, 100 * sales > 2 * company),
        _ => (false, false),
    };
    let main = world.customer.customers.get(customer).is_some_and(|customer| customer.main);
    match (strategic, key || main) {
        (true, _) => Tier::Strategic,
        (false, true) => Tier::Key,
        (false, false) => Tier::Ordinary,
    }
}

/// Returns what time alone brings: proposals nobody decided lapse.
pub fn due(world: &World, at: Timestamp) -> Vec<(Event, About)> {
    let days = policy::parameter(world, None, at, "p.grade.lapse_days");
    let lapse = std::time::Duration::from_secs(u64::try_from(days).unwrap_or(0) * 86_400);
    let lapsed = world.grade.open.iter().filter(|(_, proposal)| at > proposal.at.plus(lapse));
    lapsed
        .map(|(id, proposal)| {
            let withdrawn = Withdrawn { proposal_id: id.clone(), cause: Cause::Lapsed, note: None };
            (Event::Withdrawn(proposal.dimension, withdrawn), about_customer(proposal.dimension, &proposal.customer))
        })
        .collect()
}

/// Returns the id under which the lapse of a proposal will be entered: the clock replayed elsewhere gives the same.
pub fn lapse_id(proposal: &EntryId) -> EntryId {
    ids::derived(proposal, "lapsed")
}

/// Returns the stream of a customer's grades of one kind.
pub fn stream(dimension: Dimension, customer: &CustomerId) -> StreamName {
    StreamName::of("grade", &format!("{customer}/{}", dimension.as_str()))
}

/// Says which stream the event belongs to: the grades of the proposal's customer.
pub(super) fn about(world: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let (dimension, proposal) = match event {
        Event::Proposed(dimension, proposed) => return Ok(about_customer(*dimension, &proposed.customer_id)),
        Event::Reviewed(dimension, Reviewed { proposal_id, .. })
        | Event::Approved(dimension, Approved { proposal_id, .. })
        | Event::Rejected(dimension, Rejected { proposal_id, .. })
        | Event::Withdrawn(dimension, Withdrawn { proposal_id, .. }) => (*dimension, proposal_id),
    };
    Ok(about_customer(dimension, &open(world, dimension, proposal)?.customer))
}

fn about_customer(dimension: Dimension, customer: &CustomerId) -> About {
    About { subject: stream(dimension, customer), customer: Some(customer.clone()) }
}

/// Finds an open proposal of that kind: who may decide on the one kind may perhaps not on the other.
fn open<'a>(world: &'a World, dimension: Dimension, proposal: &SubjectId) -> Result<&'a Proposal, Refusal> {
    let open = world.grade.open.get(proposal).filter(|open| open.dimension == dimension);
    open.ok_or_else(|| Refusal::NotOpen { proposal: proposal.to_string() })
}

/// Decides along the chain of the proposal (SM-2).
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let event = match event {
        Event::Proposed(dimension, proposed) => return admit_proposal(world, context, dimension, proposed),
        Event::Reviewed(dimension, reviewed) => {
            let proposal = open(world, dimension, &reviewed.proposal_id)?;
            let next = proposal.taken.len() + 1;
            // Whoever decides alone may also send it back; what was endorsed is decided.
            let returned = reviewed.verdict == Verdict::Return && next == 1;
            if next >= proposal.seats.len() && !returned {
                return Err(Refusal::NotAReview.into());
            }
            if usize::try_from(reviewed.step.0) != Ok(next) {
                return Err(Refusal::OutOfOrder { step: next }.into());
            }
            chain::check_holder(world, context, proposal, proposal.seats.get(next - 1).copied())?;
            Event::Reviewed(dimension, reviewed)
        }
        Event::Approved(dimension, approved) => {
            let proposal = open(world, dimension, &approved.proposal_id)?;
            Event::Approved(dimension, complete_approval(world, context, proposal, approved)?)
        }
        Event::Rejected(dimension, rejected) => {
            let proposal = open(world, dimension, &rejected.proposal_id)?;
            chain::check_holder(world, context, proposal, proposal.seats.last().copied())?;
            Event::Rejected(dimension, rejected)
        }
        Event::Withdrawn(dimension, withdrawn) => {
            let proposal = open(world, dimension, &withdrawn.proposal_id)?;
            let by_proposer = context.actor.employee() == Some(&proposal.proposer) && withdrawn.cause == Cause::Withdrawn;
            let by_clock = *context.actor == Actor::System && withdrawn.cause == Cause::Lapsed;
            if !by_proposer && !by_clock {
                return Err(Refusal::NotYours.into());
            }
            Event::Withdrawn(dimension, withdrawn)
        }
    };
    Ok(vec![Admission::of(event, context)])
}

fn admit_proposal(
    world: &World,
    context: &Context<'_>,
    dimension: Dimension,
    proposed: Proposed,
) -> Result<Vec<Admission>, domain::Refusal> {
    let customer = &proposed.customer_id;
    if proposed.evidence.is_empty() {
        return Err(Refusal::NoEvidence.into());
    }
    if proposed.reason.0.trim().chars().count() < 10 {
        return Err(Refusal::ReasonTooShort.into());
    }
    if let Some(open) = world.grade.of(dimension).open.get(customer) {
        return Err(Refusal::OpenExists { proposal: open.to_string() }.into());
    }
    let scale = scale(world, dimension, context.actor.unit(), context.at);
    if !scale.contains(&proposed.to.0.as_str()) {
        return Err(Refusal::OffScale { scale: scale.join(",") }.into());
    }
    let current = current(world, dimension, customer, context.at).map(|graded| graded.grade.as_str());
    if proposed.from.as_ref().map(|from| from.0.as_str()) != current {
        return Err(Refusal::StaleGrade { current: current.unwrap_or("-").into() }.into());
    }
    if current == Some(proposed.to.0.as_str()) {
        return Err(Refusal::SameGrade.into());
    }
    let suggested = match dimension {
        Dimension::Credit => None,
        Dimension::Business => suggested(world, customer, context.actor.unit(), context.at)?.map(Str),
    };
    let suggested = domain::computed("suggested", proposed.suggested.clone(), suggested)?;
    if let (Some(other), None) = (suggested.as_ref().filter(|other| **other != proposed.to), &proposed.deviation_reason) {
        return Err(Refusal::Deviates { suggested: other.0.clone() }.into());
    }
    let seats = chain::seats(world, dimension, customer, context.actor.role(), context.at);
    let seats = domain::computed("seats", proposed.seats.clone(), Some(seats))?;
    let id = proposed.proposal_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let proposed = Proposed { proposal_id: Some(id), suggested, seats, ..proposed };
    Ok(vec![Admission::of(Event::Proposed(dimension, proposed), context)])
}

fn complete_approval(
    world: &World,
    context: &Context<'_>,
    proposal: &Proposal,
    approved: Approved,
) -> Result<Approved, domain::Refusal> {
    if approved.to.0 != proposal.to {
        return Err(Refusal::OtherGrade { to: proposal.to.clone() }.into());
    }
    if proposal.taken.len() + 1 < proposal.seats.len() {
        // Who proposed or reviewed hears that first: waiting would not help them.
        chain::check_distinct(context, proposal)?;
        return Err(Refusal::ChainIncomplete.into());
    }
    chain::check_holder(world, context, proposal, proposal.seats.last().copied())?;
    // A grade approved for later may have come into force since the proposal was made.
    let current = current(world, proposal.dimension, &proposal.customer, context.at);
    let current = current.map(|graded| graded.grade.as_str());
    if proposal.from.as_deref() != current {
        return Err(Refusal::StaleGrade { current: current.unwrap_or("-").into() }.into());
    }
    let effective_at = approved.effective_at.unwrap_or(context.at);
    if context.at.since(effective_at) > std::time::Duration::from_secs(300) {
        return Err(Refusal::Retroactive.into());
    }
    let approver = context.actor.employee().ok_or(Refusal::NobodyLeft)?;
    let taken = proposal.taken.iter().map(|(employee, event)| (employee, event)).chain([(approver, context.id)]);
    let chain = (1_i64..)
        .zip(taken)
        .map(|(step, (employee, event))| ChainStep { step: Int(step), employee: employee.clone(), event: event.clone() })
        .collect();
    Ok(Approved {
        from: domain::computed("from", approved.from.clone(), proposal.from.clone().map(Str))?,
        effective_at: Some(effective_at.max(context.at)),
        chain: domain::computed("chain", approved.chain.clone(), Some(chain))?,
        ..approved
    })
}

/// Takes over proposals, steps and grades.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Proposed(dimension, proposed) => {
            let (Some(id), Some(proposer)) = (&proposed.proposal_id, fact.actor.employee()) else { return };
            state.of_mut(*dimension).open.insert(proposed.customer_id.clone(), id.clone());
            state.open.insert(id.clone(), Proposal {
                dimension: *dimension,
                customer: proposed.customer_id.clone(),
                from: proposed.from.as_ref().map(|from| from.0.clone()),
                to: proposed.to.0.clone(),
                proposer: proposer.clone(),
                event: fact.id.clone(),
                at: fact.at,
                seats: proposed.seats.clone().unwrap_or_default(),
                taken: Vec::new(),
            });
        }
        Event::Reviewed(_, reviewed) => match reviewed.verdict {
            Verdict::Endorse => {
                if let (Some(proposal), Some(reviewer)) = (state.open.get_mut(&reviewed.proposal_id), fact.actor.employee()) {
                    proposal.taken.push((reviewer.clone(), fact.id.clone()));
                }
            }
            Verdict::Return => close(state, &reviewed.proposal_id),
        },
        Event::Approved(dimension, approved) => {
            let Some(customer) = state.open.get(&approved.proposal_id).map(|proposal| proposal.customer.clone()) else { return };
            let graded = state.of_mut(*dimension).graded.entry(customer).or_default();
            // One in force and one to come is all a decision can ask for: the newest supersedes what has not come into force.
            graded.retain(|graded| graded.since <= fact.at);
            while graded.iter().filter(|graded| graded.since <= fact.at).count() > 1 {
                graded.remove(0);
            }
            graded.push(Graded { since: approved.effective_at.unwrap_or(fact.at), grade: approved.to.0.clone() });
            close(state, &approved.proposal_id);
        }
        Event::Rejected(_, rejected) => close(state, &rejected.proposal_id),
        Event::Withdrawn(_, withdrawn) => close(state, &withdrawn.proposal_id),
    }
}

/// Lets go of a customer's grades and open proposal.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    let Part::Customer(id) = part else { return };
    for dimension in [Dimension::Credit, Dimension::Business] {
        let grades = state.of_mut(dimension);
        grades.graded.remove(id);
        if let Some(proposal) = grades.open.remove(id) {
            state.open.remove(&proposal);
        }
    }
}

fn close(state: &mut State, proposal: &SubjectId) {
    if let Some(proposal) = state.open.remove(proposal) {
        state.of_mut(proposal.dimension).open.remove(&proposal.customer);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;
    use crate::domain::Code;
    use crate::domain::catalog::EventType;
    use crate::domain::testing::{
        Given, Proposed as Proposal, business_proposed, customer, customer_id, event, given, grade_proposed, main_customer, policy as adopted,
        role_given, sold, staff_status, unit,
    };

    fn reviewed(step: i64, verdict: &str) -> Proposal {
        let data = json!({ "proposal_id": "P-1", "step": step, "verdict": verdict, "opinion": "seen" });
        event("credit_grade.reviewed", data)
    }

    fn approved(to: &str) -> Proposal {
        event("credit_grade.approved", json!({ "proposal_id": "P-1", "to": to }))
    }

    fn rejected() -> Proposal {
        event("credit_grade.rejected", json!({ "proposal_id": "P-1", "reason": "pays late" }))
    }

    fn withdrawn(cause: &str) -> Proposal {
        event("credit_grade.withdrawn", json!({ "proposal_id": "P-1", "cause": cause }))
    }

    fn ordinary() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works"))])
    }

    fn key() -> Given {
        ordinary().and("E-101", main_customer("C-01"))
    }

    fn proposed() -> Given {
        ordinary().and("E-101", grade_proposed("C-01", "B"))
    }

    /// A key customer's proposal, which the accounting head decides after the region's review.
    fn proposed_for_key() -> Given {
        key().and("E-101", grade_proposed("C-01", "B"))
    }

    fn seats(given: &Given) -> Vec<Seat> {
        given.world.grade.open[&"P-1".parse::<SubjectId>().unwrap()].seats.clone()
    }

    fn in_force(given: &Given) -> Option<String> {
        current(&given.world, Dimension::Credit, &customer_id("C-01"), given.at).map(|graded| graded.grade.clone())
    }

    #[test]
    fn an_ordinary_customers_grade_is_the_regional_general_managers_decision() {
        let given = proposed();
        assert_eq!(seats(&given), [Seat::Regional]);
        for other in ["E-302", "E-402", "E-801", "E-102"] {
            given.when(other, approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
            given.when(other, rejected()).then_refused(Code::E_FORBIDDEN, "R-102");
        }
        let decision = given.when("E-301", approved("B"));
        assert_eq!(decision.data()["chain"].as_array().map(Vec::len), Some(1));
        assert_eq!(decision.subject(), "grade/C-01/credit");
        assert_eq!(in_force(&decision.then(["credit_grade.approved"])).as_deref(), Some("B"));
    }

    #[test]
    fn a_key_customers_grade_is_reviewed_by_the_region_and_decided_by_the_accounting_head() {
        let given = proposed_for_key();
        assert_eq!(seats(&given), [Seat::Regional, Seat::AccountingHead]);
        given.when("E-402", approved("B")).then_refused(Code::E_STATE, "R-102");
        given.when("E-302", reviewed(1, "endorse")).then_refused(Code::E_FORBIDDEN, "R-102");
        let given = given.when("E-301", reviewed(1, "endorse")).then(["credit_grade.reviewed"]);
        given.when("E-401", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        let chain = given.when("E-402", approved("B")).data()["chain"].clone();
        let people: Vec<&Value> = chain.as_array().unwrap().iter().map(|step| &step["employee"]).collect();
        assert_eq!(people, [&json!("E-301"), &json!("E-402")]);
    }

    #[test]
    fn what_accounting_proposes_the_region_reviews_and_the_general_manager_decides() {
        let given = key().and("E-401", grade_proposed("C-01", "B"));
        assert_eq!(seats(&given), [Seat::Regional, Seat::GeneralManager]);
        let given = given.and("E-301", reviewed(1, "endorse"));
        given.when("E-402", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        given.when("E-801", approved("B")).then(["credit_grade.approved"]);
    }

    #[test]
    fn without_the_accounting_preset_the_region_decides_on_key_customers_too() {
        let given = key().and("system", adopted("hq", json!({ "credit": "credit.regional_gm" }), json!({})));
        assert_eq!(seats(&given.and("E-101", grade_proposed("C-01", "B"))), [Seat::Regional]);
    }

    #[test]
    fn a_proposal_rests_on_evidence_a_reason_and_the_grade_in_force() {
        let given = ordinary();
        let good = grade_proposed("C-01", "B");
        given.when("E-101", good.clone().with("evidence", json!([]))).then_refused(Code::E_SCHEMA, "R-101");
        given.when("E-101", good.clone().with("reason", "too short")).then_refused(Code::E_SCHEMA, "R-101");
        given.when("E-101", good.clone().with("reason", "   nine let    ")).then_refused(Code::E_SCHEMA, "R-101");
        given.when("E-101", good.clone().with("reason", "付款及时信用良好合作久")).then(["credit_grade.proposed"]);
        given.when("E-101", good.clone().with("from", "A")).then_refused(Code::E_CONFLICT, "R-103");
        for off in ["F", "b", "AB"] {
            given.when("E-101", good.clone().with("to", off)).then_refused(Code::E_RULE, "R-103");
        }
        given.when("E-101", good.clone().with("suggested", "A")).then_refused(Code::E_RULE, "R-042");
        given.when("E-101", good.with("seats", json!(["deputy_gm"]))).then_refused(Code::E_RULE, "R-042");
        let graded = proposed().and("E-301", approved("B"));
        graded.when("E-101", grade_proposed("C-01", "C")).then_refused(Code::E_CONFLICT, "R-103");
        graded.when("E-101", grade_proposed("C-01", "B").with("from", "B")).then_refused(Code::E_RULE, "R-103");
        graded.when("E-101", grade_proposed("C-01", "C").with("from", "B")).then(["credit_grade.proposed"]);
    }

    #[test]
    fn one_proposal_is_open_for_a_customer() {
        let again = grade_proposed("C-01", "C").with("proposal_id", "P-2");
        proposed().when("E-102", again.clone()).then_refused(Code::E_STATE, "R-101");
        let given = proposed().and("E-301", rejected());
        given.when("E-102", again).then(["credit_grade.proposed"]);
    }

    #[test]
    fn the_scale_adopted_by_policy_holds_written_with_or_without_spaces() {
        let parameters = json!({ "p.grade.credit_scale": "AAA, AA, A", "p.credit.limit_table": "AAA=2,AA=1" });
        let given = ordinary().and("system", adopted("hq", json!({}), parameters));
        given.when("E-101", grade_proposed("C-01", "AA")).then(["credit_grade.proposed"]);
        given.when("E-101", grade_proposed("C-01", "B")).then_refused(Code::E_RULE, "R-103");
    }

    #[test]
    fn nothing_but_its_state_machine_moves_a_proposal() {
        let returned = proposed_for_key().and("E-301", reviewed(1, "return"));
        let ended = [
            ordinary(),
            returned,
            proposed().and("E-301", approved("B")),
            proposed().and("E-301", rejected()),
            proposed().and("E-101", withdrawn("withdrawn")),
            proposed().and("system", withdrawn("lapsed")),
        ];
        for given in ended {
            assert!(given.world.grade.open.is_empty() && given.world.grade.of(Dimension::Credit).open.is_empty());
            for (who, event) in [
                ("E-301", reviewed(1, "endorse")),
                ("E-301", approved("B")),
                ("E-301", rejected()),
                ("E-101", withdrawn("withdrawn")),
                ("system", withdrawn("lapsed")),
            ] {
                given.when(who, event).then_refused(Code::E_STATE, "SM-2");
            }
        }
        // One step to take is the decision itself; of two, one is the review, in its place.
        proposed().when("E-301", reviewed(1, "endorse")).then_refused(Code::E_STATE, "SM-2");
        proposed_for_key().when("E-301", reviewed(2, "endorse")).then_refused(Code::E_STATE, "SM-2");
        let endorsed = proposed_for_key().and("E-301", reviewed(1, "endorse"));
        endorsed.when("E-402", reviewed(2, "endorse")).then_refused(Code::E_STATE, "SM-2");
        endorsed.when("E-402", rejected()).then(["credit_grade.rejected"]);
        endorsed.when("E-101", withdrawn("withdrawn")).then(["credit_grade.withdrawn"]);
        endorsed.when("system", withdrawn("lapsed")).then(["credit_grade.withdrawn"]);
        proposed_for_key().when("E-402", rejected()).then(["credit_grade.rejected"]);
    }

    #[test]
    fn only_the_proposer_withdraws_and_only_the_clock_lets_lapse() {
        let given = proposed();
        for (who, cause) in [("E-102", "withdrawn"), ("E-301", "withdrawn"), ("system", "withdrawn"), ("E-101", "lapsed")] {
            given.when(who, withdrawn(cause)).then_refused(Code::E_FORBIDDEN, "SM-2");
        }
    }

    #[test]
    fn nobody_decides_on_what_they_proposed_nor_takes_two_steps() {
        proposed().when("E-101", approved("B")).then_refused(Code::E_SOD, "R-025");
        proposed_for_key().when("E-101", reviewed(1, "endorse")).then_refused(Code::E_SOD, "R-025");
        proposed_for_key().when("E-101", approved("B")).then_refused(Code::E_SOD, "R-025");
        let endorsed = proposed_for_key().and("E-301", reviewed(1, "endorse"));
        endorsed.when("E-301", approved("B")).then_refused(Code::E_SOD, "R-025");
        // Not even who holds both seats.
        let both = endorsed.and("system", role_given("E-301", "general_manager", "hq"));
        both.when("E-301/general_manager", approved("B")).then_refused(Code::E_SOD, "R-025");
    }

    #[test]
    fn a_disqualified_regional_general_manager_is_replaced_by_the_general_manager() {
        let own = ordinary().and("E-301", grade_proposed("C-01", "B"));
        own.when("E-301", approved("B")).then_refused(Code::E_SOD, "R-025");
        own.when("E-302", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        own.when("E-802", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        own.when("E-801", approved("B")).then(["credit_grade.approved"]);
        let away = proposed().and("E-001", staff_status("E-301", "suspended"));
        away.when("E-801", approved("B")).then(["credit_grade.approved"]);
    }

    #[test]
    fn a_disqualified_general_manager_is_replaced_by_the_deputy() {
        let given = key().and("E-001", staff_status("E-301", "suspended")).and("E-401", grade_proposed("C-01", "B"));
        let given = given.and("E-801", reviewed(1, "endorse"));
        given.when("E-801", approved("B")).then_refused(Code::E_SOD, "R-025");
        given.when("E-902", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        given.when("E-802", approved("B")).then(["credit_grade.approved"]);
    }

    #[test]
    fn where_nobody_is_left_nobody_decides() {
        let alone = ["E-301", "E-801", "E-802"].iter().fold(proposed(), |given, id| given.and("E-001", staff_status(id, "suspended")));
        for who in ["E-302", "E-402", "E-902"] {
            alone.when(who, approved("B")).then_refused(Code::E_SOD, "R-025");
        }
    }

    #[test]
    fn who_holds_a_step_takes_it_under_its_role() {
        let given = proposed().and("system", role_given("E-301", "salesperson", "north"));
        given.when("E-301/salesperson", approved("B")).then_refused(Code::E_FORBIDDEN, "R-102");
        given.when("E-301/regional_gm", approved("B")).then(["credit_grade.approved"]);
    }

    #[test]
    fn the_grade_approved_is_the_one_proposed_on_the_grade_in_force() {
        proposed().when("E-301", approved("C")).then_refused(Code::E_RULE, "R-102");
        proposed().when("E-301", approved("B").with("from", "A")).then_refused(Code::E_RULE, "R-042");
        proposed().when("E-301", approved("B").with("chain", json!([]))).then_refused(Code::E_RULE, "R-042");
    }

    #[test]
    fn a_grade_that_came_into_force_meanwhile_makes_the_proposal_stale() {
        let later = approved("B").with("effective_at", "2026-04-01T00:00:00+08:00");
        let given = proposed().and("E-301", later);
        let given = given.and("E-101", grade_proposed("C-01", "C")).at("2026-04-01T00:00:00+08:00");
        given.when("E-301", approved("C")).then_refused(Code::E_CONFLICT, "R-103");
        given.when("E-301", rejected()).then(["credit_grade.rejected"]);
    }

    #[test]
    fn what_has_not_come_into_force_is_superseded_by_the_next_decision() {
        let begins = "2026-04-01T00:00:00+08:00";
        let given = proposed().and("E-301", approved("B").with("effective_at", begins));
        let given = given.and("E-101", grade_proposed("C-01", "C").with("proposal_id", "P-2"));
        let given = given.and("E-301", approved("C").with("proposal_id", "P-2"));
        for at in ["2026-03-31T00:00:00+08:00", begins, "2026-05-01T00:00:00+08:00"] {
            let given = given.clone().at(at);
            let now = current(&given.world, Dimension::Credit, &customer_id("C-01"), given.at);
            assert_eq!(now.map(|graded| graded.grade.as_str()), Some("C"), "{at}");
        }
    }

    #[test]
    fn a_grade_takes_effect_at_approval_or_later() {
        let given = proposed();
        let effective = |at: Timestamp| approved("B").with("effective_at", json!(at));
        let early = given.at.minus(Duration::from_secs(300));
        assert_eq!(given.when("E-301", effective(early)).data()["effective_at"], json!(given.at));
        let earlier = early.minus(Duration::from_micros(1));
        given.when("E-301", effective(earlier)).then_refused(Code::E_RULE, "R-106");
        let given = given.clone().and("E-301", effective(given.at.plus(Duration::from_secs(60))));
        assert_eq!(in_force(&given), None);
        let given = given.later(Duration::from_secs(60));
        assert_eq!(in_force(&given).as_deref(), Some("B"));
    }

    #[test]
    fn a_proposal_lapses_after_thirty_days_and_not_a_microsecond_before() {
        let given = proposed();
        let month = given.at.plus(Duration::from_secs(30 * 86_400));
        assert!(due(&given.world, month).is_empty());
        let lapsed = due(&given.world, month.plus(Duration::from_micros(1)));
        let [(Event::Withdrawn(Dimension::Credit, Withdrawn { cause, .. }), about)] = lapsed.as_slice() else { panic!("{lapsed:?}") };
        assert_eq!((*cause, about.subject.as_str()), (Cause::Lapsed, "grade/C-01/credit"));
        let sooner = given.and("system", adopted("hq", json!({}), json!({ "p.grade.lapse_days": 1 })));
        assert_eq!(due(&sooner.world, month).len(), 1);
    }

    /// Sells so many fen to the customer and to another in the year before.
    fn share(preset: &str, sales: i64, others: i64) -> Tier {
        let given = ordinary()
            .and("E-101", customer("C-02", "Linhai Shipyard"))
            .and("system", adopted("hq", json!({ "tier": preset }), json!({})))
            .and("system", sold("S-1", "C-01", "2025-12-31", sales))
            .and("system", sold("S-2", "C-02", "2025-01-01", others));
        tier(&given.world, &customer_id("C-01"), given.at)
    }

    #[test]
    fn exactly_one_percent_is_key_and_five_strategic_where_the_preset_says_at_least_and_never_where_it_says_more() {
        for (preset, sales, others, tier) in [
            ("tier.share_5_1", 1, 99, Tier::Key),
            ("tier.share_5_1", 10_000_000, 990_000_001, Tier::Ordinary),
            ("tier.share_5_1", 50_000_000, 950_000_000, Tier::Strategic),
            ("tier.share_5_1", 49_999_999, 950_000_001, Tier::Key),
            ("tier.share_5_2_1", 1, 99, Tier::Ordinary),
            ("tier.share_5_2_1", 2, 98, Tier::Ordinary),
            ("tier.share_5_2_1", 20_000_001, 979_999_999, Tier::Key),
            ("tier.share_5_2_1", 5, 95, Tier::Key),
            ("tier.share_5_2_1", 50_000_001, 949_999_999, Tier::Strategic),
            ("tier.abcde_manual", 99, 1, Tier::Ordinary),
            // Sums beyond what 64 bits could multiply by a hundred.
            ("tier.share_5_1", 45_000_000_000_000, 8_900_000_000_000_000, Tier::Ordinary),
            ("tier.share_5_1", 90_000_000_000_000, 8_900_000_000_000_000, Tier::Key),
        ] {
            assert_eq!(share(preset, sales, others), tier, "{preset}: {sales} beside {others}");
        }
    }

    #[test]
    fn without_sales_nobody_is_key_but_main_customers() {
        let key = |given: &Given| key_customer(&given.world, &customer_id("C-01"), given.at);
        assert!(!key(&ordinary()));
        assert!(key(&self::key()));
        let this_year = ordinary().and("system", sold("S-1", "C-01", "2026-01-01", 500));
        assert!(!key(&this_year));
        assert!(key(&this_year.at("2027-01-01T00:00:00+08:00")));
    }

    #[test]
    fn a_proposal_without_an_id_is_issued_one() {
        let proposal = grade_proposed("C-01", "B").without("proposal_id").id("grade-001");
        assert_eq!(ordinary().when("E-101", proposal).data()["proposal_id"], "grade-001");
    }

    fn business(step: &str, more: Value) -> Proposal {
        let mut data = json!({ "proposal_id": "P-1" });
        data.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let name = format!("business_grade.{step}");
        event(types().into_iter().find(|kind| kind.name == name).unwrap().name, data)
    }

    /// C-01 has bought for 1 200 000 yuan in the last twelve months: the thresholds say B.
    fn trading() -> Given {
        ordinary().and("system", sold("S-1", "C-01", "2025-06-30", 120_000_000))
    }

    #[test]
    fn a_business_grade_is_proposed_decided_and_in_force_as_a_credit_grade_is() {
        let given = trading().and("E-101", business_proposed("B"));
        let decision = given.when("E-301", business("approved", json!({ "to": "B" })));
        assert_eq!(decision.subject(), "grade/C-01/business");
        assert_eq!(decision.data()["chain"].as_array().map(Vec::len), Some(1));
        let given = decision.then(["business_grade.approved"]);
        let at = |dimension| current(&given.world, dimension, &customer_id("C-01"), given.at).map(|graded| graded.grade.as_str());
        assert_eq!((at(Dimension::Business), at(Dimension::Credit)), (Some("B"), None));
    }

    #[test]
    fn one_proposal_of_each_kind_is_open_for_a_customer() {
        let given = trading().and("E-101", grade_proposed("C-01", "B"));
        let second = business_proposed("B").with("proposal_id", "P-2");
        let given = given.and("E-101", second.clone());
        given.when("E-101", second.with("proposal_id", "P-3")).then_refused(Code::E_STATE, "R-101");
        assert_eq!(given.world.grade.open.len(), 2);
    }

    #[test]
    fn a_decision_on_one_kind_is_none_on_the_other() {
        // Who may decide on a key customer's trade may not so decide on its credit.
        let given = proposed_for_key();
        for step in [
            business("approved", json!({ "to": "B" })),
            business("rejected", json!({ "reason": "pays late" })),
            business("withdrawn", json!({ "cause": "withdrawn" })),
            business("reviewed", json!({ "step": 1, "verdict": "endorse", "opinion": "seen" })),
        ] {
            for who in ["E-301", "E-101", "system"] {
                given.when(who, step.clone()).then_refused(Code::E_STATE, "SM-2");
            }
        }
    }

    #[test]
    fn a_business_grade_is_the_regions_alone_whoever_the_customer_is() {
        let given = trading().and("E-101", main_customer("C-01")).and("E-101", business_proposed("B"));
        assert_eq!(seats(&given), [Seat::Regional]);
        given.when("E-302", business("approved", json!({ "to": "B" }))).then_refused(Code::E_FORBIDDEN, "R-102");
        given.when("E-101", business("approved", json!({ "to": "B" }))).then_refused(Code::E_SOD, "R-025");
        given.when("E-301", business("approved", json!({ "to": "B" }))).then(["business_grade.approved"]);
        let away = given.and("E-001", staff_status("E-301", "suspended"));
        away.when("E-801", business("approved", json!({ "to": "B" }))).then(["business_grade.approved"]);
    }

    #[test]
    fn what_deviates_from_what_sales_suggest_says_why() {
        let given = trading();
        given.when("E-101", business_proposed("A")).then_refused(Code::E_RULE, "R-104");
        let reasoned = business_proposed("A").with("deviation_reason", "a second works is being built");
        assert_eq!(given.when("E-101", reasoned.clone()).data()["suggested"], "B");
        given.when("E-101", reasoned.clone().with("suggested", "A")).then_refused(Code::E_RULE, "R-042");
        given.when("E-101", reasoned.with("suggested", "B")).then(["business_grade.proposed"]);
        given.when("E-101", business_proposed("B").with("suggested", "B")).then(["business_grade.proposed"]);
        given.when("E-101", business_proposed("B").with("proposed_terms", json!({ "limit": 1, "method": "cash" }))).then_malformed(["/proposed_terms"]);
    }

    fn suggests(given: &Given) -> String {
        suggested(&given.world, &customer_id("C-01"), None, given.at).unwrap().unwrap()
    }

    #[test]
    fn the_thresholds_are_reached_to_the_fen_and_the_twelve_months_to_the_day() {
        // Today is the 2nd of March 2026: sales from the 3rd of March 2025 on count.
        assert_eq!(suggests(&ordinary()), "E");
        for (day, fen, grade) in [
            ("2026-03-02", 150_000_000, "A"),
            ("2026-03-02", 149_999_999, "B"),
            ("2025-03-03", 100_000_000, "B"),
            ("2025-03-02", 100_000_000, "E"),
            ("2026-01-01", 80_000_000, "C"),
            ("2026-01-01", 50_000_000, "D"),
            ("2026-01-01", 49_999_999, "E"),
        ] {
            assert_eq!(suggests(&ordinary().and("system", sold("S-1", "C-01", day, fen))), grade, "{fen} on {day}");
        }
        let back = sold("S-2", "C-01", "2026-03-02", 1).with("kind", "return").with("returns", "S-1");
        let given = ordinary().and("system", sold("S-1", "C-01", "2025-03-03", 150_000_000)).and("system", back);
        assert_eq!(suggests(&given), "B", "what came back was not sold");
        assert_eq!(suggests(&given.at("2026-03-03T10:00:00+08:00")), "E", "a year later to the day");
    }

    #[test]
    fn the_companys_own_criteria_hold_where_they_fit_its_scale() {
        let adopt = |at: &str, parameters: Value| trading()
            .and("system", unit("group", Some("hq"), None, &[]))
            .and("system", unit("north", Some("group"), None, &["north"]))
            .and("system", adopted(at, json!({}), parameters));
        let parameters = json!({ "p.grade.business_scale": "VIP, N", "p.grade.business_thresholds": "VIP=1200000" });
        let own = adopt("hq", parameters.clone());
        assert_eq!(suggests(&own), "VIP");
        own.when("E-101", business_proposed("VIP")).then(["business_grade.proposed"]);
        own.when("E-101", business_proposed("B")).then_refused(Code::E_RULE, "R-103");
        // A unit with criteria of its own comes under another with another scale.
        let unfit = adopt("group", parameters)
            .and("system", adopted("north", json!({}), json!({ "p.grade.business_thresholds": "VIP=1" })))
            .and("system", unit("north", Some("hq"), None, &["north"]));
        unfit.when("E-101", business_proposed("B")).then_refused(Code::E_POLICY, "R-104");
    }

    #[test]
    fn who_decides_alone_may_send_a_proposal_back() {
        let back = |given: Given| given.when("E-301", business("reviewed", json!({ "step": 1, "verdict": "return", "opinion": "which works?" })));
        let given = trading().and("E-101", business_proposed("B"));
        let given = back(given).then(["business_grade.reviewed"]);
        assert!(given.world.grade.open.is_empty() && given.world.grade.of(Dimension::Business).open.is_empty());
        given.when("E-101", business_proposed("B").with("proposal_id", "P-2")).then(["business_grade.proposed"]);
        // What was endorsed is decided, and not sent back.
        let endorsed = proposed_for_key().and("E-301", reviewed(1, "endorse"));
        endorsed.when("E-402", reviewed(2, "return")).then_refused(Code::E_STATE, "SM-2");
    }

    #[test]
    fn a_business_proposal_lapses_in_its_own_stream() {
        let given = trading().and("E-101", business_proposed("B"));
        let lapsed = due(&given.world, given.at.plus(Duration::from_secs(31 * 86_400)));
        let [(event, about)] = lapsed.as_slice() else { panic!("{lapsed:?}") };
        assert_eq!((event.name(), about.subject.as_str()), ("business_grade.withdrawn", "grade/C-01/business"));
    }

    #[test]
    fn the_two_families_have_one_shape_but_for_the_terms() {
        let types = types();
        for kind in types.iter().filter(|kind| kind.name.starts_with("credit_grade.")) {
            let twin = kind.name.replace("credit", "business");
            let twin = types.iter().find(|other| other.name == twin).unwrap();
            let names = |kind: &EventType| -> Vec<&str> {
                kind.fields.iter().map(|field| field.name).filter(|name| *name != "proposed_terms").collect()
            };
            assert_eq!(names(kind), names(twin));
            assert!(twin.field("proposed_terms").is_none());
        }
        assert_eq!(types.len(), 10);
    }
}
