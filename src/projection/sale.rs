//! Customer statistics: sales by product and region in a year (V-04).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::access::facts::Facts;
use crate::domain::class::Class;
use crate::domain::sale::{Recorded, Trade};
use crate::ids::CustomerId;
use crate::projection::Node;

/// What was sold, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Goods {
    /// The product.
    pub product: String,
    /// The region.
    pub region: String,
    /// The product's category.
    pub category: String,
}

/// A customer's trade in some goods in a year, returns taken off.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Sold {
    /// The amount in fen.
    pub amount: i64,
    /// The profit in fen, as far as it was recorded.
    pub profit: i64,
    /// How many, as far as it was recorded.
    pub quantity: i64,
    /// Whether anything was sold, and not only returned.
    pub sold: bool,
}

/// What each customer bought of the same goods in a year.
type ByCustomer = BTreeMap<CustomerId, Sold>;

/// Sales by year, goods and customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sales {
    years: BTreeMap<i32, BTreeMap<Goods, ByCustomer>>,
}

impl Sold {
    /// Adds other trade.
    pub fn add(&mut self, other: Self) {
        self.amount = self.amount.saturating_add(other.amount);
        self.profit = self.profit.saturating_add(other.profit);
        self.quantity = self.quantity.saturating_add(other.quantity);
        self.sold |= other.sold;
    }
}

impl Sales {
    /// Adds a sale or takes off a return; samples do not count.
    pub fn fold(&mut self, sale: &Recorded) {
        let (sign, sold) = match sale.kind {
            Trade::Sale => (1, true),
            Trade::Sample => return,
            Trade::Return => (-1, false),
        };
        let goods = Goods {
            product: sale.product.0.clone(),
            region: sale.region.0.clone(),
            category: sale.product_category.0.clone(),
        };
        let traded = Sold {
            amount: sign * sale.amount.0,
            profit: sign * sale.profit.map_or(0, |profit| profit.0),
            quantity: sign * sale.quantity.map_or(0, |quantity| quantity.0),
            sold,
        };
        let year = self.years.entry(sale.sold_on.year()).or_default();
        year.entry(goods).or_default().entry(sale.customer_id.clone()).or_default().add(traded);
    }

    /// Takes out a customer's trade, as if there had been none.
    pub fn forget(&mut self, customer: &CustomerId) {
        self.years.retain(|_, products| {
            products.retain(|_, customers| {
                customers.remove(customer);
                !customers.is_empty()
            });
            !products.is_empty()
        });
    }

    /// Adds sales folded from other entries.
    pub fn merge(&mut self, other: Self) {
        for (year, goods) in other.years {
            let year = self.years.entry(year).or_default();
            for (key, customers) in goods {
                let goods = year.entry(key).or_default();
                for (customer, sold) in customers {
                    goods.entry(customer).or_default().add(sold);
                }
            }
        }
    }

    /// Visits the trade of one year, or of all of them.
    pub fn each<'a>(&'a self, year: Option<i32>, visit: &mut dyn FnMut(&'a Goods, &'a CustomerId, Sold)) {
        for (_, traded) in self.years.iter().filter(|(of, _)| year.is_none_or(|year| year == **of)) {
            for (goods, customers) in traded {
                for (customer, sold) in customers {
                    visit(goods, customer, *sold);
                }
            }
        }
    }

    /// One row per product and region, over one year or all of them, for the customers `seen`; and the total.
    pub fn rows(&self, year: Option<i32>, seen: &dyn Fn(&CustomerId) -> bool) -> (Vec<Node>, Node) {
        let mut rows: BTreeMap<(&str, &str), BTreeMap<&CustomerId, Sold>> = BTreeMap::new();
        let mut total: BTreeMap<&CustomerId, Sold> = BTreeMap::new();
        self.each(year, &mut |goods, customer, sold| {
            if seen(customer) {
                rows.entry((&goods.product, &goods.region)).or_default().entry(customer).or_default().add(sold);
                total.entry(customer).or_default().add(sold);
            }
        });
        let nodes = rows.iter().map(|((product, region), customers)| {
            let mut row = vec![("product", cell(json!(product))), ("region", cell(json!(region)))];
            row.extend(figures(customers));
            Node::Row(row)
        });
        (nodes.collect(), Node::Row(figures(&total)))
    }
}

fn figures(customers: &BTreeMap<&CustomerId, Sold>) -> Vec<(&'static str, Node)> {
    let count = customers.values().filter(|traded| traded.sold).count();
    let sales: i64 = customers.values().map(|traded| traded.amount).sum();
    let average = i64::try_from(count).ok().filter(|count| *count > 0).map(|count| sales.div_euclid(count));
    // Equal sales stand in the order of the customers.
    let mut top: Vec<(&CustomerId, i64)> = customers.iter().map(|(id, traded)| (*id, traded.amount)).collect();
    top.sort_by_key(|(id, amount)| (std::cmp::Reverse(*amount), *id));
    let top = top.into_iter().take(3).map(|(id, amount)| {
        let row = Node::Row(vec![("customer_id", Node::plain(id.as_str())), ("amount", cell(json!(amount)))]);
        Node::About(id.clone(), Box::new(Node::Concerning(Facts::ABOUT_SALES, Box::new(row))))
    });
    vec![
        ("customer_count", cell(json!(count))),
        ("sales", cell(json!(sales))),
        ("average_per_customer", cell(json!(average))),
        ("top3", Node::List(top.collect())),
    ]
}

fn cell(value: serde_json::Value) -> Node {
    Node::of(Class::C2, value)
}
