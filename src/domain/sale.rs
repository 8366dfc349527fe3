//! Sales, samples and returns: facts of trade from which customer forms are computed.

use std::collections::BTreeMap;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::domain::catalog::{Int, Kind, Money, Referent, Shape, SignedMoney, Str, choices, events, refusals};
use crate::domain::history::{Live, Part};
use crate::domain::{self, About, Admission, Context, Fact, World};
use crate::ids::{self, CustomerId, StreamName, SubjectId, UnitId};

choices! {
    /// What kind of trade it was.
    Trade {
        Sale "sale" "销售" "Sale",
        Sample "sample" "样品" "Sample",
        Return "return" "退货" "Return",
    }
}

/// The id of a recorded sale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SaleId(pub String);

impl Shape for SaleId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Sale)
    }
}

/// A contract, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractId(pub String);

impl Shape for ContractId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("contract"))
    }
}

/// A complaint, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ComplaintId(pub String);

impl Shape for ComplaintId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("complaint"))
    }
}

events! {
    /// Goods were sold, sampled or returned.
    Recorded "sale.recorded" "销售记录" "Sale recorded" {
        /// The sale; issued when left out.
        sale_id: Option<SubjectId>, C2, "销售编号", "Sale id", computed;
        /// The customer.
        customer_id: CustomerId, C2, "客户", "Customer";
        /// The name on the invoice.
        invoice_name: Str<1, 120>, C2, "开票名称", "Invoice name";
        /// What kind of trade it was.
        kind: Trade, C2, "类别", "Kind";
        /// The product.
        product: Str<1, 120>, C2, "产品", "Product";
        /// The product's category.
        product_category: Str<1, 60>, C2, "产品类别", "Product category";
        /// The region it counts for.
        region: Str<1, 40>, C2, "地区", "Region";
        /// The store that sold it.
        store: Option<UnitId>, C2, "门店", "Store";
        /// How many.
        quantity: Option<Int<0, 1_000_000_000>>, C2, "数量", "Quantity";
        /// The amount in fen.
        amount: Money, C2, "金额", "Amount";
        /// The profit in fen.
        profit: Option<SignedMoney>, C2, "利润", "Profit";
        /// The order it belongs to.
        order_no: Option<Str<1, 40>>, C2, "订单号", "Order number";
        /// The day it was sold.
        sold_on: Date, C2, "日期", "Sold on", occurred;
        /// The contract it fulfils.
        contract_id: Option<ContractId>, C2, "合同", "Contract";
        /// The sale whose goods came back.
        returns: Option<SaleId>, C2, "退货原单", "Sale returned";
        /// The complaint it answers.
        complaint_id: Option<ComplaintId>, C2, "投诉", "Complaint";
    }
}

/// A customer's trade, as far as decisions need it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trading {
    /// Runs of trade without a pause of a year, oldest first, by the days of the sales.
    pub spells: Vec<Spell>,
    /// Sales minus returns in fen, per calendar year.
    pub years: BTreeMap<i32, i64>,
    /// Sales minus returns in fen per day, of the last thirteen months before the last one.
    days: Vec<(Date, i64)>,
}

/// A run of trade: whether its first sale made the customer new again depends on the policy in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spell {
    /// The day of its first sale.
    pub since: Date,
    /// The day of its last sale.
    pub until: Date,
    /// Its sales.
    pub purchases: u32,
    /// Its longest pause of more than a month: the days of the sales before and after.
    pub pause: Option<(Date, Date)>,
}

impl Trading {
    /// Returns the day of the last sale.
    pub fn last_on(&self) -> Option<Date> {
        self.spells.last().map(|spell| spell.until)
    }

    /// Returns the runs of trade since the customer was last new: since the last pause of so many years, or
    /// all of them where no pause makes a customer new again.
    pub fn since_new(&self, years: Option<u32>) -> &[Spell] {
        let renewed = |pair: &[Spell]| match (pair, years) {
            ([last, next], Some(years)) => last.until <= next.since.minus_months(years.saturating_mul(12)),
            _ => false,
        };
        let start = self.spells.windows(2).rposition(renewed).map_or(0, |last| last + 1);
        self.spells.get(start..).unwrap_or_default()
    }

    /// Returns sales minus returns in fen of the twelve months that end with `today`.
    pub fn last_year(&self, today: Date) -> i64 {
        let before = today.minus_months(12);
        self.days.iter().filter(|(day, _)| *day > before && *day <= today).map(|(_, fen)| fen).sum()
    }

    /// Adds what was sold or came back on a day, and lets go of days that no twelve months will hold any more.
    fn add(&mut self, day: Date, fen: i64) {
        *self.years.entry(day.year()).or_insert(0) += fen;
        match self.days.binary_search_by_key(&day, |(day, _)| *day) {
            Ok(at) => self.days.get_mut(at).into_iter().for_each(|(_, sum)| *sum += fen),
            Err(at) => self.days.insert(at, (day, fen)),
        }
        // The last day may be tomorrow's, recorded minutes before midnight: a month to spare costs little.
        let last = self.days.last().map_or(day, |(last, _)| *last);
        self.days.retain(|(day, _)| *day > last.minus_months(13));
    }

    /// Adds a sale; sales may be recorded in any order, what counts is their day.
    fn record(&mut self, day: Date) {
        let mut spell = Spell { since: day, until: day, purchases: 1, pause: None };
        let mut at = self.spells.partition_point(|spell| spell.since <= day);
        if self.spells.get(at).is_some_and(|next| !rests_a_year(day, next.since)) {
            spell.absorb(self.spells.remove(at));
        }
        let before = at.checked_sub(1).and_then(|before| Some((before, self.spells.get(before)?.until)));
        if let Some((before, _)) = before.filter(|(_, until)| !rests_a_year(*until, day)) {
            let mut joined = self.spells.remove(before);
            joined.absorb(spell);
            spell = joined;
            at = before;
        }
        self.spells.insert(at, spell);
    }
}

impl Spell {
    fn absorb(&mut self, later: Self) {
        // A sale recorded late may divide the longest pause; of what is left the longer part stands for it.
        if let Some((last, next)) = self.pause
            && last < later.since
            && later.since < next
        {
            self.pause = longer(Some((last, later.since)), Some((later.since, next)));
        }
        self.pause = longer(longer(self.pause, Some((self.until, later.since))), later.pause);
        self.until = self.until.max(later.until);
        self.purchases = self.purchases.saturating_add(later.purchases);
    }
}

/// Tells whether trade rested for more than so many months between two sales of these runs.
pub fn rested(spells: &[Spell], months: u32) -> bool {
    let rest = |last: Date, next: Date| last.plus_months(months) < next;
    spells.iter().any(|spell| spell.pause.is_some_and(|(last, next)| rest(last, next)))
        || spells.windows(2).any(|pair| matches!(pair, [last, next] if rest(last.until, next.since)))
}

fn rests_a_year(last: Date, next: Date) -> bool {
    last <= next.minus_months(12)
}

fn longer(one: Option<(Date, Date)>, other: Option<(Date, Date)>) -> Option<(Date, Date)> {
    let months = |pause: Option<(Date, Date)>| {
        pause.map_or(0, |(last, next)| (1..=12).take_while(|months| last.plus_months(*months) < next).count())
    };
    if months(other) > months(one) { other } else { one }
}

/// Trade per customer and of the company.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// By customer.
    pub trading: OrdMap<CustomerId, Trading>,
    /// The company's sales minus returns in fen, per calendar year.
    pub years: OrdMap<i32, i64>,
    /// What has come back of a sale so far, in fen.
    pub returned: OrdMap<String, i64>,
}

refusals! {
    /// A return names no sale.
    NoOriginal => E_RULE "R-113" at "/returns", "a return names the sale it returns", "退货须注明原销售单";
    /// A return names another customer's sale or no sale.
    OtherOriginal => E_RULE "R-113" at "/returns", "the sale returned is not a sale to this customer", "原单不是该客户的销售";
    /// More comes back than was sold.
    AboveOriginal { left: SignedMoney } => E_RULE "R-113" at "/amount", "only {left} of that sale are left to return", "该销售可退金额仅余{left}";
    /// The company's sales of a year could no longer be written down.
    BeyondCounting => E_SCHEMA "R-003" at "/amount", "the sales of the year, or of all years, would exceed 2^53 - 1 fen", "年度或历年销售额将超过2^53-1分";
}

/// Says which stream the sale belongs to; its own, and its customer's.
pub(super) fn about(_: &World, event: &Event, _: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Recorded(sale) = event;
    // Issued at admission: the door cannot know it, and a subject named without the id has not been looked up.
    let subject = StreamName::of("sale", sale.sale_id.as_ref().map_or("issued", SubjectId::as_str));
    Ok(About { subject, customer: Some(sale.customer_id.clone()) })
}

/// Decides on a sale, a sample or a return.
pub(super) fn admit(world: &World, context: &Context<'_>, event: Event) -> Result<Vec<Admission>, domain::Refusal> {
    let Event::Recorded(sale) = event;
    if sale.kind == Trade::Return {
        let original = sale.returns.as_ref().ok_or(Refusal::NoOriginal)?;
        let sold = context.fetched.sales.get(&original.0).ok_or(Refusal::OtherOriginal)?;
        if sold.customer_id != sale.customer_id || sold.kind != Trade::Sale {
            return Err(Refusal::OtherOriginal.into());
        }
        let left = sold.amount.0 - world.sale.returned.get(&original.0).copied().unwrap_or(0);
        if sale.amount.0 > left {
            return Err(Refusal::AboveOriginal { left: SignedMoney(left) }.into());
        }
    } else if sale.returns.is_some() {
        return Err(domain::Refusal::field("/returns", "only a return names a sale", "仅退货可填原单"));
    }
    if sale.profit.is_some_and(|profit| profit.0 > sale.amount.0) {
        return Err(domain::Refusal::field("/profit", "cannot exceed the amount", "不得超过金额"));
    }
    if sale.kind == Trade::Sale && domain::beyond_counting(&world.sale.years, sale.sold_on.year(), sale.amount.0) {
        return Err(Refusal::BeyondCounting.into());
    }
    let id = sale.sale_id.clone().unwrap_or_else(|| ids::issued(context.id));
    let about = About { subject: StreamName::of("sale", id.as_str()), customer: Some(sale.customer_id.clone()) };
    let event = Event::Recorded(Recorded { sale_id: Some(id), ..sale });
    Ok(vec![Admission { about, ..Admission::of(event, context) }])
}

/// Adds up what was sold and what came back.
pub(super) fn evolve(state: &mut State, _: &Fact<'_>, event: &Event) {
    let Event::Recorded(sale) = event;
    let signed = match sale.kind {
        Trade::Sale => sale.amount.0,
        Trade::Sample => return,
        Trade::Return => -sale.amount.0,
    };
    let year = sale.sold_on.year();
    add(&mut state.years, year, signed);
    let trading = state.trading.entry(sale.customer_id.clone()).or_default();
    trading.add(sale.sold_on, signed);
    match &sale.returns {
        Some(original) => *state.returned.entry(original.0.clone()).or_insert(0) += sale.amount.0,
        None => trading.record(sale.sold_on),
    }
}

/// Adds to a year's sales of the company; a year without any is as one that never was.
fn add(years: &mut OrdMap<i32, i64>, year: i32, amount: i64) {
    let total = years.get(&year).copied().unwrap_or(0) + amount;
    if total == 0 {
        years.remove(&year);
    } else {
        years.insert(year, total);
    }
}

/// Lets go of a customer's trade.
pub(super) fn forget(state: &mut State, part: &Part, live: &[Live]) {
    let Part::Customer(id) = part else { return };
    for (year, amount) in state.trading.remove(id).unwrap_or_default().years {
        add(&mut state.years, year, -amount);
    }
    for live in live {
        let domain::Event::Sale(Event::Recorded(Recorded { returns: Some(original), .. })) = &live.event else { continue };
        state.returned.remove(&original.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::domain::Code;
    use crate::domain::catalog::INTEGER_MAX;
    use crate::domain::testing::{Given, Proposed, customer, customer_id, day, given, sold};

    fn returned(id: &str, of: &str, fen: i64) -> Proposed {
        sold(id, "C-01", "2026-03-02", fen).with("kind", "return").with("returns", of)
    }

    fn two_customers() -> Given {
        given([("E-101", customer("C-01", "Heyuan Alloy Works")), ("E-101", customer("C-02", "Linhai Shipyard"))])
    }

    fn trading(days: &[&str]) -> Trading {
        let mut trading = Trading::default();
        days.iter().for_each(|text| trading.record(day(text)));
        trading
    }

    fn purchases_since_new(days: &[&str], years: Option<u32>) -> u32 {
        trading(days).since_new(years).iter().map(|spell| spell.purchases).sum()
    }

    #[test]
    fn a_return_names_the_sale_it_returns() {
        let given = two_customers().and("E-401", sold("S-1", "C-01", "2026-03-02", 500)).and("E-401", sold("S-2", "C-02", "2026-03-02", 500));
        given.when("E-401", returned("S-3", "S-1", 100).without("returns")).then_refused(Code::E_RULE, "R-113");
        given.when("E-401", returned("S-3", "S-2", 100)).then_refused(Code::E_RULE, "R-113");
        given.when("E-401", returned("S-3", "S-9", 100)).then_refused(Code::E_RULE, "R-113");
        let given = given.and("E-401", returned("S-3", "S-1", 100));
        given.when("E-401", returned("S-4", "S-3", 100)).then_refused(Code::E_RULE, "R-113");
        given.when("E-401", sold("S-4", "C-01", "2026-03-02", 100).with("returns", "S-1")).then_malformed(["/returns"]);
    }

    #[test]
    fn no_more_comes_back_than_was_sold_all_returns_together() {
        let given = two_customers().and("E-401", sold("S-1", "C-01", "2026-03-02", 500));
        given.when("E-401", returned("R-1", "S-1", 501)).then_refused(Code::E_RULE, "R-113");
        let given = given.and("E-401", returned("R-1", "S-1", 300));
        assert!(given.when("E-401", returned("R-2", "S-1", 201)).then_refused(Code::E_RULE, "R-113").contains("¥2.00"));
        let given = given.and("E-401", returned("R-2", "S-1", 200));
        given.when("E-401", returned("R-3", "S-1", 1)).then_refused(Code::E_RULE, "R-113");
        assert_eq!(given.world.sale.years.get(&2026), None, "as if nothing had been sold");
    }

    #[test]
    fn samples_count_for_nothing() {
        let sample = sold("S-1", "C-01", "2026-03-02", 500).with("kind", "sample");
        let given = two_customers().and("E-401", sample);
        assert!(given.world.sale.years.is_empty() && given.world.sale.trading.is_empty());
    }

    #[test]
    fn sales_count_for_the_calendar_year_they_were_made_in() {
        let given = two_customers()
            .and("system", sold("S-1", "C-01", "2025-12-31", 300))
            .and("system", sold("S-2", "C-01", "2026-01-01", 50))
            .and("system", sold("S-3", "C-02", "2025-01-01", 700));
        let years = |year| given.world.sale.years.get(&year).copied();
        assert_eq!((years(2025), years(2026)), (Some(1000), Some(50)));
        assert_eq!(given.world.sale.trading[&customer_id("C-01")].years, BTreeMap::from([(2025, 300), (2026, 50)]));
    }

    #[test]
    fn a_years_sales_stay_within_what_can_be_written_down() {
        let given = two_customers().and("E-401", sold("S-1", "C-01", "2026-03-02", INTEGER_MAX));
        given.when("E-401", sold("S-2", "C-02", "2026-03-02", 1)).then_refused(Code::E_SCHEMA, "R-003");
        given.when("E-401", returned("S-2", "S-1", 1)).then(["sale.recorded"]);
        // Nor does what is added up over the years, of which a return takes from one.
        given.when("system", sold("S-2", "C-02", "2025-12-31", 1)).then_refused(Code::E_SCHEMA, "R-003");
        let less = given.and("E-401", returned("S-2", "S-1", 1));
        less.when("system", sold("S-3", "C-02", "2025-12-31", 1)).then(["sale.recorded"]);
        less.when("system", sold("S-3", "C-02", "2025-12-31", 2)).then_refused(Code::E_SCHEMA, "R-003");
    }

    #[test]
    fn a_sale_without_an_id_is_issued_one_and_a_subject_alone_is_not_enough() {
        let given = two_customers();
        let sale = sold("S-1", "C-01", "2026-03-02", 1).without("sale_id").id("issue-01");
        assert_eq!(given.when("E-401", sale.clone()).subject(), "sale/issue-01");
        assert_eq!(given.when("E-401", sale.clone()).data()["sale_id"], "issue-01");
        given.when("E-401", sale.about("sale/S-1")).then_refused(Code::E_SCHEMA, "");
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).about("sale/S-2")).then_refused(Code::E_SCHEMA, "");
    }

    #[test]
    fn a_day_is_late_only_when_it_is_over_for_longer_than_allowed() {
        let given = two_customers();
        for (at, late) in [("2026-03-03T00:00:00+08:00", false), ("2026-03-03T00:00:00.000001+08:00", true)] {
            let given = given.clone().at(at);
            let when = given.when("E-401", sold("S-1", "C-01", "2026-03-01", 1));
            if late {
                when.then_refused(Code::E_LATE, "R-011");
                given.when("E-401", sold("S-1", "C-01", "2026-03-01", 1).late("found in the post")).then(["sale.recorded"]);
            } else {
                when.then(["sale.recorded"]);
            }
        }
        given.when("E-401", sold("S-1", "C-01", "2026-03-03", 1)).then_refused(Code::E_RULE, "R-011");
    }

    #[test]
    fn a_pause_of_three_years_makes_a_customer_new_again_to_the_day() {
        let sales = |last| purchases_since_new(&["2019-05-01", last, "2023-03-02"], Some(3));
        assert_eq!((sales("2020-03-02"), sales("2020-03-03")), (1, 3));
        // Three years before the 29th of February is the 28th.
        let leap = |last| purchases_since_new(&[last, "2024-02-29"], Some(3));
        assert_eq!((leap("2021-02-28"), leap("2021-03-01")), (1, 2));
        assert_eq!(purchases_since_new(&["2010-01-01", "2023-03-02"], None), 2);
    }

    #[test]
    fn a_rest_is_longer_than_so_many_months() {
        let rested_six = |last, next| rested(trading(&[last, next]).since_new(None), 6);
        assert!(!rested_six("2025-08-31", "2026-02-28"));
        assert!(rested_six("2025-08-31", "2026-03-01"));
        assert!(!rested_six("2025-02-28", "2025-08-28"));
        assert!(rested_six("2025-02-28", "2025-08-29"));
        assert!(rested_six("2020-01-01", "2025-01-01"));
        assert!(!rested(trading(&["2025-01-01"]).since_new(None), 1));
    }

    #[test]
    fn a_sale_recorded_late_divides_the_rest() {
        let trade = trading(&["2025-01-01", "2025-09-01", "2025-05-01"]);
        assert!(!rested(trade.since_new(None), 6));
        assert!(rested(trade.since_new(None), 3));
        assert_eq!(trade.spells.len(), 1);
    }

    proptest! {
        #[test]
        fn runs_of_trade_do_not_depend_on_the_order_of_recording(months in prop::collection::vec(0_u32..200, 1..20)) {
            let days: Vec<Date> = months.iter().map(|months| day("2005-01-15").plus_months(*months)).collect();
            let runs = |days: &[Date]| {
                let mut trading = Trading::default();
                days.iter().for_each(|day| trading.record(*day));
                trading.spells.iter().map(|spell| (spell.since, spell.until, spell.purchases)).collect::<Vec<_>>()
            };
            let mut sorted = days.clone();
            sorted.sort();
            prop_assert_eq!(runs(&days), runs(&sorted));
            prop_assert_eq!(runs(&days).iter().map(|(_, _, purchases)| *purchases as usize).sum::<usize>(), days.len());
        }
    }

    #[test]
    fn a_sale_of_nothing_is_a_sale() {
        let given = two_customers();
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 0)).then(["sale.recorded"]);
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", -1)).then_malformed(["/amount"]);
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).with("profit", json!(-500))).then(["sale.recorded"]);
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).with("profit", json!(1))).then(["sale.recorded"]);
        given.when("E-401", sold("S-1", "C-01", "2026-03-02", 1).with("profit", json!(2))).then_malformed(["/profit"]);
    }
}
