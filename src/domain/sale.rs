//! Sales, samples and returns: facts of trade from which customer forms are computed.

use std::collections::BTreeMap;

use imbl::OrdMap;
use serde::{Deserialize, Serialize};

use crate::clock::Date;
use crate::domain::catalog::{Int, Kind, Money, Referent, Shape, SignedMoney, Str, choices, events, refusals};
use crate::domain::{self, About, Admission, Context, Fact, World, common};
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

/// A contract or complaint, which no module keeps yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractId(pub String);

impl Shape for ContractId {
    fn kind() -> Kind {
        Kind::Reference(Referent::Elsewhere("contract"))
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
    }
}

/// A customer's trade, as far as decisions need it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trading {
    /// The first day of a sale.
    pub first_on: Option<Date>,
    /// The last day of a sale.
    pub last_on: Option<Date>,
    /// Runs of trade without a pause of a year, oldest first.
    pub spells: Vec<Spell>,
    /// Sales minus returns in fen, per calendar year.
    pub years: BTreeMap<i32, i64>,
}

/// A run of trade: whether its first sale made the customer new again depends on the policy in force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Spell {
    /// The day of its first sale.
    pub since: Date,
    /// The last sale before it.
    pub paused_on: Option<Date>,
    /// Its sales.
    pub purchases: u32,
}

impl Trading {
    /// Counts the sales since the customer was last new: since the last pause of so many years.
    pub fn purchases_since_new(&self, years: u32) -> u32 {
        let mut purchases = 0_u32;
        for spell in self.spells.iter().rev() {
            purchases = purchases.saturating_add(spell.purchases);
            if spell.paused_on.is_some_and(|last| last <= spell.since.minus_months(12 * years)) {
                break;
            }
        }
        purchases
    }
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
    NoOriginal => E_RULE "R-113", "a return names the sale it returns", "退货须注明原销售单";
    /// A return names another customer's sale or no sale.
    OtherOriginal => E_RULE "R-113", "the sale returned is not a sale to this customer", "原单不是该客户的销售";
    /// More comes back than was sold.
    AboveOriginal { left: i64 } => E_RULE "R-113", "only {left} fen of that sale are left to return", "该销售可退金额仅余{left}分";
}

/// Says which stream the sale belongs to; its own, and its customer's.
pub(super) fn about(_: &World, event: &Event, named: Option<&StreamName>) -> Result<About, domain::Refusal> {
    let Event::Recorded(sale) = event;
    let subject = match (&sale.sale_id, named) {
        (Some(id), _) => StreamName::of("sale", id.as_str()),
        (None, Some(named)) if named.kind() == "sale" => named.clone(),
        // Issued at admission: the door cannot know it.
        (None, _) => StreamName::of("sale", "issued"),
    };
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
            return Err(Refusal::AboveOriginal { left }.into());
        }
    } else if sale.returns.is_some() {
        return Err(domain::Refusal::field("/returns", "only a return names a sale", "仅退货可填原单"));
    }
    let total = world.sale.years.get(&sale.sold_on.year()).copied().unwrap_or(0);
    if total.checked_add(sale.amount.0).is_none_or(|total| total > domain::catalog::INTEGER_MAX) {
        return Err(common::Refusal::TooLarge.into());
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
    *state.years.entry(year).or_insert(0) += signed;
    let trading = state.trading.entry(sale.customer_id.clone()).or_default();
    *trading.years.entry(year).or_insert(0) += signed;
    match &sale.returns {
        Some(original) => *state.returned.entry(original.0.clone()).or_insert(0) += sale.amount.0,
        None => {
            let day = sale.sold_on;
            let paused_on = trading.last_on;
            let resumed = paused_on.is_none_or(|last| last <= day.minus_months(12));
            match trading.spells.last_mut() {
                Some(spell) if !resumed => spell.purchases = spell.purchases.saturating_add(1),
                _ => trading.spells.push(Spell { since: day, paused_on, purchases: 1 }),
            }
            trading.first_on = Some(trading.first_on.map_or(day, |first| first.min(day)));
            trading.last_on = Some(trading.last_on.map_or(day, |last| last.max(day)));
        }
    }
}
