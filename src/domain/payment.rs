//! Payments received from customers: when, how much, how, and when they were due.

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::domain::catalog::{Kind, Money, Referent, Shape, choices, events, refusals};
use crate::domain::sale::ContractId;
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World, policy};
use crate::ids::{self, CustomerId, EmployeeId, StreamName, SubjectId};

choices! {
    /// How it was paid.
    Method {
        Transfer "transfer" "转账" "Transfer",
        Cash "cash" "现款" "Cash",
        AcceptanceBill "acceptance_bill" "承兑汇票" "Acceptance bill",
        OnsiteCash "onsite_cash" "现场收现" "Cash on site",
    }
}

/// A service job, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

impl Shape for JobId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("service"))
    }
}

events! {
    /// A customer paid.
    Recorded "payment.recorded" "回款" "Payment recorded" {
        /// The payment; issued when left out.
        payment_id: Option<SubjectId>, C2, "回款编号", "Payment id", computed;
        /// The customer.
        customer_id: CustomerId, C2, "客户", "Customer";
        /// The contract it is paid on.
        contract_id: Option<ContractId>, C2, "合同", "Contract";
        /// The service job it is paid for.
        job: Option<JobId>, C2, "服务单", "Service job";
        /// The amount in fen, more than nothing.
        amount: Money, C2, "金额", "Amount";
        /// The day it arrived.
        received_on: Date, C2, "到账日期", "Received on", occurred;
        /// The day it was due.
        due_on: Option<Date>, C2, "应付日期", "Due on";
        /// How it was paid.
        method: Method, C2, "方式", "Method";
        /// Who took it, where it was handed over.
        collected_by: Option<EmployeeId>, C2, "收款人", "Collected by";
    }
}

/// What was paid to the company.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// In fen, per calendar year of receipt.
    pub years: OrdMap<i32, i64>,
}

refusals! {
    /// Larger amounts go to the bank.
    AboveOnSite { yuan: i64 } => E_RULE "R-168" at "/amount",
        "at most {yuan} yuan are collected on site", "现场收款不得超过{yuan}元";
    /// Cash on site has passed through somebody's hands.
    NoCollector => E_RULE "R-168" at "/collected_by", "cash collected on site names who collected it", "现场收现须注明收款人";
    /// The payments of a year could no longer be written down.
    BeyondCounting => E_SCHEMA "R-003" at "/amount", "the payments of the year, or of all years, would exceed 2^53 - 1 fen", "年度或历年回款将超过2^53-1分";
}

/// Says which stream the payment belongs to; its own, and its customer's.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Recorded(payment) = event;
    // Issued at admission: the door cannot know it, and a subject named without the id has not been looked up.
    let subject = StreamName::of("payment", payment.payment_id.as_ref().map_or("issued", SubjectId::as_str));
    Ok(About { subject, customer: Some(payment.customer_id.clone()) })
}

/// Decides on a payment.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::Recorded(payment) = event;
    if payment.amount.0 == 0 {
        return Err(domain::Refusal::field("/amount", "must be more than nothing", "金额须大于零"));
    }
    if payment.method == Method::OnsiteCash {
        let yuan = policy::parameter(world, context.actor.unit(), context.at, "p.service.onsite_fee_max");
        if payment.amount.0 > yuan * 100 {
            return Err(Refusal::AboveOnSite { yuan }.into());
        }
        if payment.collected_by.is_none() {
            return Err(Refusal::NoCollector.into());
        }
    }
    if domain::beyond_counting(&world.payment.years, payment.received_on.year(), payment.amount.0) {
        return Err(Refusal::BeyondCounting.into());
    }
    let id = payment.payment_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let about = About { subject: StreamName::of("payment", id.as_str()), customer: Some(payment.customer_id.clone()) };
    let event = Event::Recorded(Recorded { payment_id: Some(id), ..payment });
    Ok(vec![Admission { about, ..Admission::of(event, context) }])
}

/// Adds up what was paid.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    let Event::Recorded(payment) = event;
    add(state, payment, 1);
}

/// Lets go of what a customer paid.
pub(super) fn forget(state: &mut State, part: &Part, live: &[Live]) {
    if *part == Part::Company {
        return;
    }
    for live in live {
        if let domain::Event::Payment(Event::Recorded(payment)) = &live.event {
            add(state, payment, -1);
        }
    }
}

/// Adds a payment to those of its year, or takes it off; a year without any is as one that never was.
fn add(state: &mut State, payment: &Recorded, sign: i64) {
    let year = payment.received_on.year();
    let total = state.years.get(&year).copied().unwrap_or(0) + sign * payment.amount.0;
    if total == 0 {
        state.years.remove(&year);
    } else {
        state.years.insert(year, total);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::domain::Code;
    use crate::domain::catalog::INTEGER_MAX;
    use crate::domain::testing::{Given, customer, given, paid, policy as adopted};

    fn one() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works"))])
    }

    #[test]
    fn a_payment_is_of_more_than_nothing() {
        one().when("E-401", paid("PA-1", "C-01", "2026-03-02", 0)).then_malformed(["/amount"]);
        one().when("E-401", paid("PA-1", "C-01", "2026-03-02", -1)).then_malformed(["/amount"]);
        one().when("E-401", paid("PA-1", "C-01", "2026-03-02", 1)).then(["payment.recorded"]);
    }

    #[test]
    fn a_years_payments_stay_within_what_can_be_written_down() {
        let given = one().and("E-401", paid("PA-1", "C-01", "2026-03-02", INTEGER_MAX));
        given.when("E-401", paid("PA-2", "C-01", "2026-03-02", 1)).then_refused(Code::E_SCHEMA, "R-003");
        // Nor does what is added up over the years.
        given.when("system", paid("PA-2", "C-01", "2025-12-31", 1)).then_refused(Code::E_SCHEMA, "R-003");
        let room = one().and("E-401", paid("PA-1", "C-01", "2026-03-02", INTEGER_MAX - 1));
        room.when("system", paid("PA-2", "C-01", "2025-12-31", 1)).then(["payment.recorded"]);
        one().when("E-401", paid("PA-1", "C-01", "2026-03-02", INTEGER_MAX + 1)).then_malformed(["/amount"]);
    }

    #[test]
    fn cash_on_site_is_little_and_was_taken_by_somebody() {
        let cash = |fen| paid("PA-1", "C-01", "2026-03-02", fen).with("method", "onsite_cash").with("collected_by", "E-101");
        one().when("E-401", cash(20_000)).then(["payment.recorded"]);
        one().when("E-401", cash(20_001)).then_refused(Code::E_RULE, "R-168");
        one().when("E-401", cash(1).without("collected_by")).then_refused(Code::E_RULE, "R-168");
        let more = one().and("system", adopted("hq", json!({}), json!({ "p.service.onsite_fee_max": 300 })));
        more.when("E-401", cash(30_000)).then(["payment.recorded"]);
        one().when("E-401", paid("PA-1", "C-01", "2026-03-02", 20_001)).then(["payment.recorded"]);
    }

    #[test]
    fn a_payment_may_come_before_or_after_it_was_due() {
        let due = |day: &str| paid("PA-1", "C-01", "2026-03-02", 1).with("due_on", day);
        one().when("E-401", due("2026-01-31")).then(["payment.recorded"]);
        one().when("E-401", due("2026-12-31")).then(["payment.recorded"]);
    }

    #[test]
    fn a_payment_without_an_id_is_issued_one() {
        let payment = paid("PA-1", "C-01", "2026-03-02", 1).without("payment_id").id("paid-0001");
        let when = one().when("E-401", payment);
        assert_eq!((when.subject().as_str(), &when.data()["payment_id"]), ("payment/paid-0001", &json!("paid-0001")));
    }
}
