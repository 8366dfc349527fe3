//! Customer statistics: sales by product and region in a year (V-04).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::domain::class::Class;
use crate::domain::sale::{Recorded, Trade};
use crate::ids::CustomerId;
use crate::projection::Node;

/// A customer's trade in one product and region in a year: sales minus returns in fen, and whether anything was sold.
type Sold = (i64, bool);

/// What each customer bought of one product in one region in a year.
type ByCustomer = BTreeMap<CustomerId, Sold>;

/// Sales by year, product and region, and by customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Sales {
    years: BTreeMap<i32, BTreeMap<(String, String), ByCustomer>>,
}

impl Sales {
    /// Adds a sale or takes off a return; samples do not count.
    pub fn fold(&mut self, sale: &Recorded) {
        let (amount, sold) = match sale.kind {
            Trade::Sale => (sale.amount.0, true),
            Trade::Sample => return,
            Trade::Return => (-sale.amount.0, false),
        };
        let key = (sale.product.0.clone(), sale.region.0.clone());
        let year = self.years.entry(sale.sold_on.year()).or_default();
        let entry = year.entry(key).or_default().entry(sale.customer_id.clone()).or_default();
        entry.0 += amount;
        entry.1 |= sold;
    }

    /// Adds sales folded from other entries.
    pub fn merge(&mut self, other: Self) {
        for (year, products) in other.years {
            let year = self.years.entry(year).or_default();
            for (key, customers) in products {
                let product = year.entry(key).or_default();
                for (customer, (amount, sold)) in customers {
                    let entry = product.entry(customer).or_default();
                    entry.0 += amount;
                    entry.1 |= sold;
                }
            }
        }
    }

    /// One row per product and region, over one year or all of them, for the customers `seen`; and the total.
    pub fn rows(&self, year: Option<i32>, seen: &dyn Fn(&CustomerId) -> bool) -> (Vec<Node>, Node) {
        let mut rows: BTreeMap<(&str, &str), BTreeMap<&CustomerId, Sold>> = BTreeMap::new();
        let mut total: BTreeMap<&CustomerId, Sold> = BTreeMap::new();
        for (_, products) in self.years.iter().filter(|(of, _)| year.is_none_or(|year| year == **of)) {
            for ((product, region), customers) in products {
                for (customer, (amount, sold)) in customers.iter().filter(|(customer, _)| seen(customer)) {
                    let row = rows.entry((product, region)).or_default();
                    for entry in [row.entry(customer).or_default(), total.entry(customer).or_default()] {
                        entry.0 += amount;
                        entry.1 |= sold;
                    }
                }
            }
        }
        let nodes = rows.iter().map(|((product, region), customers)| {
            let mut row = vec![("product", cell(json!(product))), ("region", cell(json!(region)))];
            row.extend(figures(customers));
            Node::Row(row)
        });
        (nodes.collect(), Node::Row(figures(&total)))
    }
}

fn figures(customers: &BTreeMap<&CustomerId, Sold>) -> Vec<(&'static str, Node)> {
    let count = customers.values().filter(|(_, sold)| *sold).count();
    let sales: i64 = customers.values().map(|(amount, _)| amount).sum();
    let average = i64::try_from(count).ok().filter(|count| *count > 0).map(|count| sales.div_euclid(count));
    // Equal sales stand in the order of the customers.
    let mut top: Vec<(&CustomerId, i64)> = customers.iter().map(|(id, (amount, _))| (*id, *amount)).collect();
    top.sort_by_key(|(id, amount)| (std::cmp::Reverse(*amount), *id));
    let top: Vec<_> = top.iter().take(3).map(|(id, amount)| json!({ "customer_id": id, "amount": amount })).collect();
    vec![
        ("customer_count", cell(json!(count))),
        ("sales", cell(json!(sales))),
        ("average_per_customer", cell(json!(average))),
        ("top3", cell(json!(top))),
    ]
}

fn cell(value: serde_json::Value) -> Node {
    Node::of(Class::C2, value)
}
