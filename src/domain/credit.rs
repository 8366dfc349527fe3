//! What follows from a credit grade: the terms of trade it allows, and its quarterly review by accounting.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::{Date, Timestamp};
use crate::domain::approval::{self, Step};
use crate::domain::catalog::{Int, Money, Quarter, Referent, SignedMoney, Str, Subject, Text, choices, events, refusals};
use crate::domain::duty::{Charge, Due, Duty, Opening, Sink, Turn};
use crate::domain::grade::{self, Dimension};
use crate::domain::role::Role;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Actor, Admission, Context, Fact, World, common, policy};
use crate::ids::{CustomerId, EmployeeId, StreamName};

choices! {
    /// What a quarterly review comes to.
    Finding {
        Unchanged "unchanged" "维持" "Unchanged",
        ProposeChange "propose_change" "建议调整" "Change proposed",
        Anomaly "anomaly" "异常" "Anomaly",
    }
    /// How a customer pays.
    PaymentMethod {
        Prepayment "prepayment" "预付款" "Prepayment",
        Progress "progress" "按进度付款" "By progress",
        Cash "cash" "现款" "Cash",
        Monthly "monthly" "月结" "Monthly account",
        AdvanceFunding "advance_funding" "垫资" "Advance funding",
        AcceptanceBill "acceptance_bill" "承兑汇票" "Acceptance bill",
    }
}

events! {
    /// Accounting reviews a customer's credit grade for a quarter, with a comparison.
    Reviewed "credit_review.recorded" "季度信用评定" "Quarterly credit review" on "grade" Customer "credit" {
        /// The quarter.
        quarter: Quarter, C3, "季度", "Quarter";
        /// The grade in force when it was reviewed.
        grade: Str<1, 4>, C3, "评定时等级", "Grade reviewed";
        /// What the review comes to.
        finding: Finding, C3, "结论", "Finding";
        /// What was compared, and how it compares.
        comparison: Text, C3, "分析对比", "Comparison";
        /// What the customer owed past its day, in fen.
        overdue_amount: Money, C3, "逾期金额", "Overdue amount";
        /// What was paid of what was due, in basis points.
        collection_rate: BasisPoints, C3, "回款率", "Collection rate";
    }
    /// Terms of trade are set for a customer on its credit grade; somebody else in accounting approves them.
    TermsSet "trade_terms.set" "交易条件设定" "Trade terms set" on "customer" Customer is decision {
        /// The credit grade they rest on: the one in force.
        credit_grade: Str<1, 4>, C3, "依据信用等级", "Credit grade";
        /// The credit limit in fen, at most what the policy allows the grade.
        credit_limit: Money, C3, "信用额度", "Credit limit";
        /// How the customer pays.
        payment_method: PaymentMethod, C3, "付款方式", "Payment method";
        /// How much is advanced, where it is.
        advance_degree: Option<Str<1, 60>>, C3, "垫资程度", "Degree of advance";
        /// Whether the customer's capital is in place, and how it pays.
        payment_state: Option<Text>, C3, "付款状况", "State of payment";
        /// The discount on prices, in basis points.
        discount_bp: Option<BasisPoints>, C2, "价格优惠", "Discount";
        /// Whether the customer is supplied first.
        priority_supply: Option<bool>, C2, "优先供货", "Priority supply";
        /// How trade with the customer is handled.
        handling: Option<Text>, C3, "交易业务处理方法", "Handling";
        /// The last day they hold.
        valid_until: Option<Date>, C3, "有效期", "Valid until";
        /// Who approved them.
        approved_by: Option<EmployeeId>, C3, "批准人", "Approved by", computed;
    }
}

/// A share in basis points.
pub type BasisPoints = Int<0, 10_000>;

/// The subject of a review, as its proposer names it.
const REVIEWED: Subject = Subject { stream: "grade", of: Referent::Customer, part: Some("credit") };

/// The quarters reviewed, and the limits set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By customer, counted from the year 0; four a year at most.
    reviewed: OrdMap<CustomerId, Vec<u16>>,
    /// The credit limit last set for a customer, in fen.
    limits: OrdMap<CustomerId, i64>,
}

refusals! {
    /// Terms rest on the grade in force.
    StaleGrade { current: String } => E_CONFLICT "R-109" at "/credit_grade",
        "the credit grade in force is \"{current}\"", "现行信用等级为“{current}”";
    /// The limit is above what the grade allows.
    AboveLimit { grade: String, limit: SignedMoney } => E_RULE "R-109" at "/credit_limit",
        "grade \"{grade}\" allows {limit} at most", "“{grade}”级信用额度不得超过{limit}";
    /// The policy says nothing of the grade.
    NoLimit { grade: String } => E_POLICY "R-109",
        "p.credit.limit_table has no limit for grade \"{grade}\"", "参数p.credit.limit_table未设“{grade}”级额度";
    /// Terms that are over before they begin.
    Expired => E_RULE "R-109" at "/valid_until", "the terms would have ended already", "有效期已过";
    /// Advance funding says how much.
    NoDegree => E_RULE "R-110" at "/advance_degree", "advance funding needs its degree", "垫资须注明垫资程度";
    /// A quarter is reviewed once.
    ReviewedAlready { quarter: String } => E_CONFLICT "R-108" at "/quarter",
        "the grade is reviewed for {quarter} already", "{quarter}信用等级已评定";
    /// The quarter has not begun.
    QuarterAhead { quarter: String } => E_RULE "R-108" at "/quarter", "{quarter} has not begun", "{quarter}尚未开始";
    /// A review is of the grade in force.
    OtherGrade { current: String } => E_CONFLICT "R-108" at "/grade",
        "the credit grade in force is \"{current}\"", "现行信用等级为“{current}”";
}

/// Returns the limit in fen that the policy allows a grade at `unit`; `None` where it names no such grade.
pub fn limit(world: &World, at: Timestamp, grade: &str) -> Option<i64> {
    policy::table(world, None, at, "p.credit.limit_table")
        .into_iter()
        .find(|(named, _)| *named == grade)
        .map(|(_, limit)| limit)
}

/// Returns the quarter that accounting must review next of a key customer's grade, and by which day; `None` where
/// there is none to review.
pub fn review_due(world: &World, customer: &CustomerId, at: Timestamp) -> Option<(Quarter, Date)> {
    grade::current(world, Dimension::Credit, customer, at).filter(|_| grade::key_customer(world, customer, at))?;
    let this = ordinal(&world.date(at).quarter())?;
    let reviewed = world.credit.reviewed.get(customer).is_some_and(|quarters| quarters.contains(&(this - 1)));
    let quarter = if reviewed { this } else { this - 1 };
    let (year, number) = (quarter / 4, quarter % 4 + 1);
    let last = Date::quarter_end(i32::from(year), u32::from(number))?;
    let grace = policy::parameter(world, None, at, "p.quarter.grace_days");
    Some((Quarter(format!("{year:04}Q{number}")), last.plus_days(u32::try_from(grace).unwrap_or(0))))
}

/// Returns a quarter's place among all quarters.
fn ordinal(quarter: &str) -> Option<u16> {
    let (year, number) = quarter.split_once('Q')?;
    let (year, number): (u16, u16) = (year.parse().ok()?, number.parse().ok()?);
    (year * 4 + number).checked_sub(1)
}

/// Says which stream the event belongs to.
pub(super) fn about(world: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    match event {
        Event::Reviewed(_) => {
            let missing = || common::Refusal::NoSubject { example: REVIEWED.to_string() };
            let named = named.filter(|named| named.as_str().ends_with("/credit")).ok_or_else(missing)?;
            let customer = domain::named_customer(world, Some(named), REVIEWED.stream)?;
            Ok(About { subject: grade::stream(Dimension::Credit, &customer), customer: Some(customer) })
        }
        Event::TermsSet(_) => Ok(About::customer(domain::named_customer(world, named, "customer")?)),
    }
}

/// Decides on a review, and on terms, which wait for somebody else's approval.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Some(customer) = &context.about.customer else {
        return Err(domain::no_subject("customer", Referent::Customer).into());
    };
    let current = grade::current(world, Dimension::Credit, customer, context.at).map(|graded| graded.grade.as_str());
    match event {
        Event::Reviewed(reviewed) => {
            check_review(world, context, customer, current, &reviewed)?;
            Ok(vec![Admission::of(Event::Reviewed(reviewed), context)])
        }
        Event::TermsSet(terms) => {
            check_terms(world, context, current, &terms)?;
            let steps = approvers(world, context, terms.approved_by.as_ref())?;
            if let Some(request) = approval::request(world, context, &Event::TermsSet(terms.clone()).into(), steps)? {
                return Ok(request);
            }
            let approver = context.approvals.first().or(terms.approved_by.as_ref()).cloned();
            let approved_by = domain::computed("approved_by", terms.approved_by.clone(), approver)?;
            Ok(vec![Admission::of(Event::TermsSet(TermsSet { approved_by, ..terms }), context)])
        }
    }
}

fn check_review(
    world: &World,
    context: &Context<'_>,
    customer: &CustomerId,
    current: Option<&str>,
    reviewed: &Reviewed,
) -> Result<(), Refusal> {
    let quarter = reviewed.quarter.0.clone();
    if quarter > world.date(context.at).quarter() {
        return Err(Refusal::QuarterAhead { quarter });
    }
    let place = ordinal(&quarter);
    let before = world.credit.reviewed.get(customer);
    if before.is_some_and(|quarters| place.is_some_and(|place| quarters.contains(&place))) {
        return Err(Refusal::ReviewedAlready { quarter });
    }
    if current != Some(reviewed.grade.0.as_str()) {
        return Err(Refusal::OtherGrade { current: current.unwrap_or("-").into() });
    }
    Ok(())
}

fn check_terms(
    world: &World,
    context: &Context<'_>,
    current: Option<&str>,
    terms: &TermsSet,
) -> Result<(), Refusal> {
    let grade = terms.credit_grade.0.as_str();
    if current != Some(grade) {
        return Err(Refusal::StaleGrade { current: current.unwrap_or("-").into() });
    }
    let limit = limit(world, context.at, grade).ok_or_else(|| Refusal::NoLimit { grade: grade.into() })?;
    if terms.credit_limit.0 > limit {
        return Err(Refusal::AboveLimit { grade: grade.into(), limit: SignedMoney(limit) });
    }
    if terms.payment_method == PaymentMethod::AdvanceFunding && terms.advance_degree.is_none() {
        return Err(Refusal::NoDegree);
    }
    if terms.valid_until.is_some_and(|last| last < world.date(context.at)) {
        return Err(Refusal::Expired);
    }
    Ok(())
}

/// Who approves terms: the head of accounting, or where that is who proposes them, the level above.
fn approvers(
    world: &World,
    context: &Context<'_>,
    named: Option<&EmployeeId>,
) -> Result<Vec<Step>, domain::Refusal> {
    let Actor::Employee { id: proposer, unit, .. } = context.actor else { return Ok(Vec::new()) };
    if named == Some(proposer) {
        return Err(common::Refusal::SeparateDuties.into());
    }
    let today = world.date(context.at);
    let mut heads: Vec<(bool, &EmployeeId)> = world
        .organization
        .units
        .iter()
        .filter_map(|(id, of)| {
            let head = of.head.as_ref().filter(|head| *head != proposer)?;
            let member = world.employee.members.get(head).filter(|member| member.works())?;
            let holds = member.roles_on(today).any(|held| held.role == Role::Accounting && held.unit == *id);
            holds.then_some((id != unit, head))
        })
        .collect();
    // One's own head of accounting before any other.
    heads.sort();
    let Some((_, head)) = heads.first() else { return Ok(approval::at_the_top(world, context.at, &[proposer])) };
    // A proposal that waits says for whom; one that was approved is compared with who did.
    if context.approvals.is_empty() {
        domain::computed("approved_by", named, Some(*head))?;
    }
    Ok(vec![Step::Person((*head).clone())])
}

/// The credit of every key customer is reviewed for every quarter.
pub(super) const REVIEW: Duty =
    Duty { number: 23, rule: "R-108", zh: "季度信用评定", en: "Review the credit for the quarter", met_by: "credit_review.recorded" };

/// Terms above what a fallen grade allows are set anew.
pub(super) const RESET: Duty =
    Duty { number: 24, rule: "R-109", zh: "降级后重设交易条件", en: "Set the terms anew after the grade fell", met_by: "trade_terms.set" };

/// The duties of this module.
pub(super) const DUTIES: &[&Duty] = &[&REVIEW, &RESET];

/// Working days in which terms are set anew.
const RESET_DAYS: u32 = 10;

/// Reviews and terms fulfil their duties.
pub(super) fn oblige(_: &World, fact: &Fact<'_>, event: &Event, sink: &mut Sink) {
    let Some(customer) = fact.customer() else { return };
    match event {
        Event::Reviewed(reviewed) => sink.close(&REVIEW, of_quarter(&customer, &reviewed.quarter.0)),
        Event::TermsSet(_) => sink.close(&RESET, customer.as_str()),
    }
}

/// A grade that takes effect may allow less than was set.
pub(super) fn oblige_by_grade(world: &World, fact: &Fact<'_>, event: &grade::Event, sink: &mut Sink) {
    let grade::Event::Approved(Dimension::Credit, approved) = event else { return };
    let Some(customer) = fact.customer() else { return };
    let allowed = limit(world, fact.at, &approved.to.0).unwrap_or(0);
    if world.credit.limits.get(&customer).is_some_and(|set| *set > allowed) {
        sink.open(&RESET, customer.as_str(), &customer, Charge::Holders(Role::Accounting), Due::WorkingDays(RESET_DAYS));
    }
}

/// The end of a quarter asks for a review of every key customer's credit.
pub(super) fn oblige_period(world: &World, turn: Turn, sink: &mut Sink) {
    let Turn::QuarterEnded { year, quarter, after } = turn else { return };
    let at = world.ledger.zone.start_of(after);
    let period = format!("{year:04}Q{quarter}");
    for customer in world.grade.of(Dimension::Credit).graded.keys() {
        let Some((due, last)) = review_due(world, customer, at).filter(|(due, _)| due.0 == period) else { continue };
        // Of a quarter that nobody reviewed for a year nobody asks any more.
        sink.release(&REVIEW, of_quarter(customer, &format!("{:04}Q{quarter}", year - 1)));
        sink.openings.push(Opening {
            duty: &REVIEW,
            object: of_quarter(customer, &due.0),
            customer: Some(customer.clone()),
            charges: vec![Charge::Holders(Role::Accounting)],
            due: Due::EndOf(last),
            since: None,
        });
    }
}

fn of_quarter(customer: &CustomerId, quarter: &str) -> String {
    format!("{customer}/{quarter}")
}

/// Takes over which quarters were reviewed and which limits were set.
pub(super) fn evolve(state: &mut State, fact: &Fact<'_>, event: &Event) {
    match event {
        Event::Reviewed(reviewed) => {
            if let (Some(customer), Some(quarter)) = (fact.customer(), ordinal(&reviewed.quarter.0)) {
                state.reviewed.entry(customer).or_default().push(quarter);
            }
        }
        Event::TermsSet(terms) => {
            if let Some(customer) = fact.customer() {
                state.limits.insert(customer, terms.credit_limit.0);
            }
        }
    }
}

/// Lets go of a customer's reviews.
pub(super) fn forget(state: &mut State, part: &Part, _: &[Live]) {
    if let Part::Customer(id) = part {
        state.reviewed.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::testing::{
        Given, Proposed, credit_graded, customer, customer_id, event, given, main_customer, policy as adopted, staff_status, terms,
    };

    fn ungraded() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works"))])
    }

    /// C-01 with the credit grade A.
    fn graded() -> Given {
        credit_graded(ungraded(), "C-01", "A")
    }

    fn reviewed(quarter: &str) -> Proposed {
        let data = json!({
            "quarter": quarter, "grade": "A", "finding": "unchanged", "comparison": "as the quarter before",
            "overdue_amount": 0, "collection_rate": 9_800,
        });
        event("credit_review.recorded", data).about("grade/C-01/credit")
    }

    fn consent(request: &str) -> Proposed {
        event("approval.given", json!({ "request_id": request }))
    }

    #[test]
    fn terms_wait_for_the_head_of_accounting() {
        let waiting = graded().when("E-401", terms("C-01", "A", 400_000_000).id("terms-001")).then(["approval.requested"]);
        waiting.when("E-401", consent("terms-001")).then_refused(Code::E_SOD, "R-025");
        waiting.when("E-801", consent("terms-001")).then_refused(Code::E_FORBIDDEN, "R-025");
        let decision = waiting.when("E-402", consent("terms-001"));
        assert_eq!(decision.data()["approved_by"], "E-402");
        decision.then(["approval.given", "trade_terms.set"]);
    }

    #[test]
    fn terms_the_head_of_accounting_proposes_wait_for_the_level_above() {
        let waiting = graded().when("E-402", terms("C-01", "A", 1).id("terms-001")).then(["approval.requested"]);
        waiting.when("E-401", consent("terms-001")).then_refused(Code::E_FORBIDDEN, "R-025");
        waiting.when("E-801", consent("terms-001")).then(["approval.given", "trade_terms.set"]);
        let away = graded().and("E-001", staff_status("E-402", "suspended"));
        let waiting = away.when("E-401", terms("C-01", "A", 1).id("terms-001")).then(["approval.requested"]);
        waiting.when("E-801", consent("terms-001")).then(["approval.given", "trade_terms.set"]);
    }

    #[test]
    fn nobody_approves_terms_they_propose_or_names_somebody_who_may_not() {
        let named = |who: &str| terms("C-01", "A", 1).with("approved_by", who);
        graded().when("E-401", named("E-401")).then_refused(Code::E_SOD, "R-025");
        graded().when("E-401", named("E-801")).then_refused(Code::E_RULE, "R-042");
        let waiting = graded().when("E-401", named("E-402").id("terms-001")).then(["approval.requested"]);
        waiting.when("E-402", consent("terms-001")).then(["approval.given", "trade_terms.set"]);
    }

    #[test]
    fn terms_rest_on_the_grade_in_force_and_stay_within_its_limit() {
        let given = graded();
        given.when("E-401", terms("C-01", "A", 500_000_000)).then(["approval.requested"]);
        given.when("E-401", terms("C-01", "A", 500_000_001)).then_refused(Code::E_RULE, "R-109");
        given.when("E-401", terms("C-01", "B", 1)).then_refused(Code::E_CONFLICT, "R-109");
        ungraded().when("E-401", terms("C-01", "A", 1)).then_refused(Code::E_CONFLICT, "R-109");
        let unset = given.and("system", adopted("hq", json!({}), json!({ "p.credit.limit_table": "B=1" })));
        unset.when("E-401", terms("C-01", "A", 0)).then_refused(Code::E_POLICY, "R-109");
    }

    #[test]
    fn terms_are_judged_again_when_they_are_approved() {
        let waiting = graded().when("E-401", terms("C-01", "A", 500_000_000).id("terms-001")).then(["approval.requested"]);
        let lower = waiting.and("system", adopted("hq", json!({}), json!({ "p.credit.limit_table": "A=1" })));
        lower.when("E-402", consent("terms-001")).then_refused(Code::E_RULE, "R-109");
    }

    #[test]
    fn advance_funding_says_how_much_and_terms_do_not_end_before_they_begin() {
        let given = graded();
        let advanced = terms("C-01", "A", 1).with("payment_method", "advance_funding");
        given.when("E-401", advanced.clone()).then_refused(Code::E_RULE, "R-110");
        given.when("E-401", advanced.with("advance_degree", "30 %")).then(["approval.requested"]);
        given.when("E-401", terms("C-01", "A", 1).with("valid_until", "2026-03-01")).then_refused(Code::E_RULE, "R-109");
        given.when("E-401", terms("C-01", "A", 1).with("valid_until", "2026-03-02")).then(["approval.requested"]);
        given.when("E-401", terms("C-01", "A", -1)).then_malformed(["/credit_limit"]);
        given.when("E-401", terms("C-01", "A", 1).with("discount_bp", 10_001)).then_malformed(["/discount_bp"]);
        given.when("E-401", terms("C-09", "A", 1)).then_refused(Code::E_REF, "");
    }

    #[test]
    fn a_quarter_is_reviewed_once_and_not_before_it_begins() {
        let given = graded().and("E-401", reviewed("2025Q4"));
        given.when("E-402", reviewed("2025Q4")).then_refused(Code::E_CONFLICT, "R-108");
        given.when("E-401", reviewed("2026Q2")).then_refused(Code::E_RULE, "R-108");
        given.when("E-401", reviewed("2026Q1")).then(["credit_review.recorded"]);
        given.when("E-401", reviewed("2025Q3")).then(["credit_review.recorded"]);
        given.when("E-401", reviewed("2026Q5")).then_malformed(["/quarter"]);
    }

    #[test]
    fn a_review_is_of_the_credit_grade_in_force() {
        let given = graded();
        given.when("E-401", reviewed("2025Q4").with("grade", "B")).then_refused(Code::E_CONFLICT, "R-108");
        for subject in ["grade/C-01/business", "grade/C-01", "customer/C-01"] {
            given.when("E-401", reviewed("2025Q4").about(subject)).then_refused(Code::E_SCHEMA, "");
        }
        given.when("E-401", reviewed("2025Q4").about("grade/C-09/credit")).then_refused(Code::E_REF, "");
        assert_eq!(given.when("E-401", reviewed("2025Q4")).subject(), "grade/C-01/credit");
    }

    #[test]
    fn the_review_of_a_key_customer_is_due_fifteen_days_after_the_quarter() {
        let due = |given: &Given| review_due(&given.world, &customer_id("C-01"), given.at).map(|(quarter, day)| (quarter.0, day.to_string()));
        let of = |quarter: &str, day: &str| Some((quarter.to_owned(), day.to_owned()));
        assert_eq!(due(&graded()), None, "an ordinary customer");
        let key = graded().and("E-101", main_customer("C-01"));
        assert_eq!(due(&key), of("2025Q4", "2026-01-15"));
        let given = key.and("E-401", reviewed("2025Q4"));
        assert_eq!(due(&given), of("2026Q1", "2026-04-15"));
        assert_eq!(due(&given.clone().at("2026-04-16T00:00:00+08:00")), of("2026Q1", "2026-04-15"));
        let early = given.and("E-401", reviewed("2026Q1"));
        assert_eq!(due(&early.at("2026-07-01T00:00:00+08:00")), of("2026Q2", "2026-07-15"));
        let patient = graded().and("E-101", main_customer("C-01")).and("system", adopted("hq", json!({}), json!({ "p.quarter.grace_days": 0 })));
        assert_eq!(due(&patient), of("2025Q4", "2025-12-31"));
    }

    /// How many reviews or resettings are owed about something.
    fn owed(given: &Given, duty: &Duty, object: &str) -> usize {
        domain::obligation::turned(&given.world, given.at).obligation.about(duty, object).count()
    }

    #[test]
    fn every_quarters_end_asks_accounting_for_a_review_of_each_key_customer() {
        let given = graded().at("2026-04-01T08:00:00+08:00");
        assert_eq!(owed(&given, &REVIEW, "C-01/2026Q1"), 0, "an ordinary customer");
        let given = graded().and("E-101", main_customer("C-01")).at("2026-04-01T08:00:00+08:00");
        assert_eq!(owed(&given, &REVIEW, "C-01/2026Q1"), 1);
        let world = domain::obligation::turned(&given.world, given.at);
        let (_, open) = world.obligation.about(&REVIEW, "C-01/2026Q1").next().unwrap();
        assert_eq!(world.ledger.zone.wall(open.due().unwrap()).get(..16), Some("2026-04-16 00:00"), "15 April 24:00");
        let accounting = domain::escalation::responsible(&world, open, given.at);
        assert_eq!(accounting.iter().map(EmployeeId::as_str).collect::<Vec<_>>(), ["E-401", "E-402"]);
        let other = given.clone().and("E-401", reviewed("2025Q4"));
        assert_eq!(owed(&other, &REVIEW, "C-01/2026Q1"), 1, "another quarter's");
        assert_eq!(owed(&given.and("E-401", reviewed("2026Q1")), &REVIEW, "C-01/2026Q1"), 0);
        let early = graded().and("E-101", main_customer("C-01")).and("E-401", reviewed("2026Q1"));
        assert_eq!(owed(&early.at("2026-04-01T08:00:00+08:00"), &REVIEW, "C-01/2026Q1"), 0, "reviewed before its end");
    }

    #[test]
    fn terms_above_what_a_fallen_grade_allows_are_to_be_set_anew() {
        let set = |given: Given, grade: &str, limit: i64, id: &'static str| {
            let asked = given.and("E-401", terms("C-01", grade, limit).id(id));
            asked.and("E-402", consent(id))
        };
        let given = set(graded(), "A", 100_000_000, "terms-00001");
        let regraded = |given: Given, to: &str| {
            let approved = event("credit_grade.approved", json!({ "proposal_id": "P-1", "to": to }));
            given.and("E-101", domain::testing::grade_proposed("C-01", to).with("from", "A")).and("E-301", approved)
        };
        let within = regraded(given.clone(), "B");
        assert_eq!(owed(&within, &RESET, "C-01"), 0, "the limit is within what B allows");
        let fallen = regraded(given, "D");
        assert_eq!(owed(&fallen, &RESET, "C-01"), 1);
        assert_eq!(owed(&set(fallen, "D", 1_000_000, "terms-00002"), &RESET, "C-01"), 0);
    }
}
