//! Composition of the customers four ways: by sales band, product category, region and credit grade (V-10, R-048, R-049).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::access::redactor::MASK;
use crate::ids::CustomerId;
use crate::projection::Node;
use crate::projection::sale::{Goods, Sales, Sold};

/// Along what customers are composed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The business grade.
    Sales,
    /// The category of the product.
    Product,
    /// The region.
    Region,
    /// The credit grade.
    Credit,
}

impl By {
    /// Every way, in the order of the form.
    pub const ALL: [Self; 4] = [Self::Sales, Self::Product, Self::Region, Self::Credit];

    /// Returns the key it is asked for by.
    pub fn key(self) -> &'static str {
        match self {
            Self::Sales => "sales",
            Self::Product => "product",
            Self::Region => "region",
            Self::Credit => "credit",
        }
    }

    /// Tells whether the classes are grades of the customers.
    pub fn graded(self) -> bool {
        matches!(self, Self::Sales | Self::Credit)
    }
}

/// What stands for the class of customers without a grade.
pub const UNGRADED: &str = "ungraded";

/// Classes of customers with what they bought in a year and in the year before.
#[derive(Clone, Debug, Default)]
pub struct Composition<'a> {
    classes: BTreeMap<&'a str, Figures<'a>>,
    total: Figures<'a>,
}

#[derive(Clone, Debug, Default)]
struct Figures<'a> {
    customers: BTreeSet<&'a CustomerId>,
    traded: Sold,
    last: i64,
    limit: i64,
}

impl<'a> Composition<'a> {
    /// Adds up the trade of a year and of the year before, as far as `class` has a class for it.
    pub fn of(sales: &'a Sales, year: i32, class: &dyn Fn(&'a Goods, &'a CustomerId) -> Option<&'a str>) -> Self {
        let mut composed = Self::default();
        sales.each(Some(year), &mut |goods, customer, sold| {
            if let Some(class) = class(goods, customer) {
                for figures in [composed.classes.entry(class).or_default(), &mut composed.total] {
                    figures.traded.add(sold);
                    if sold.sold {
                        figures.customers.insert(customer);
                    }
                }
            }
        });
        sales.each(year.checked_sub(1), &mut |goods, customer, sold| {
            if let Some(class) = class(goods, customer) {
                for figures in [composed.classes.entry(class).or_default(), &mut composed.total] {
                    figures.last = figures.last.saturating_add(sold.amount);
                }
            }
        });
        composed
    }

    /// Counts a customer to its class whatever it bought, with its credit limit in fen.
    pub fn count(&mut self, class: &'a str, customer: &'a CustomerId, limit: i64) {
        for figures in [self.classes.entry(class).or_default(), &mut self.total] {
            figures.customers.insert(customer);
            figures.limit = figures.limit.saturating_add(limit);
        }
    }

    /// The rows: in the order of `scale`, then by sales; and the total. What was added up was judged customer by customer before.
    pub fn rows(&self, by: By, scale: &[&str]) -> (Vec<Node>, Node) {
        let place = |class: &str| scale.iter().position(|grade| *grade == class).unwrap_or(scale.len());
        let mut classes: Vec<(&&str, &Figures<'_>)> = self.classes.iter().collect();
        classes.sort_by_key(|(class, figures)| (place(class), std::cmp::Reverse(figures.traded.amount), **class));
        let rows = classes.iter().map(|(class, figures)| {
            let mut row = vec![("class", Node::plain(**class))];
            row.extend(figures.cells(by, &self.total));
            if by == By::Product {
                row.push(("product_class", Node::plain(self.product_class(figures))));
            }
            Node::Row(row)
        });
        (rows.collect(), Node::Row(self.total.sums(by)))
    }

    /// what sells above the average, earns more of its price than all do, or grew faster than all did.
    fn product_class(&self, figures: &Figures<'_>) -> Value {
        let wide = |value: i64| i128::from(value);
        let (one, all) = (&figures.traded, &self.total.traded);
        let classes = i128::try_from(self.classes.len()).unwrap_or(1);
        let volume = wide(one.quantity) * classes > wide(all.quantity);
        let profit = one.amount > 0 && wide(one.profit) * wide(all.amount) > wide(all.profit) * wide(one.amount);
        let potential = one.amount > 0
            && (figures.last <= 0 || wide(one.amount) * wide(self.total.last) > wide(all.amount) * wide(figures.last));
        let named = [(volume, "volume"), (profit, "profit"), (potential, "potential")];
        json!(named.into_iter().filter(|(is, _)| *is).map(|(_, name)| name).collect::<Vec<_>>())
    }
}

impl Figures<'_> {
    fn cells(&self, by: By, total: &Self) -> Vec<(&'static str, Node)> {
        let mut cells = self.sums(by);
        cells.push(("share_bp", Node::plain(json!(share(self.traded.amount, total.traded.amount)))));
        cells.push(("last_share_bp", Node::plain(json!(share(self.last, total.last)))));
        cells
    }

    fn sums(&self, by: By) -> Vec<(&'static str, Node)> {
        let mut cells =
            vec![("customers", Node::plain(self.customers.len())), ("sales", Node::plain(self.traded.amount))];
        if by == By::Credit {
            cells.push(("credit_limit", Node::plain(self.limit)));
        }
        cells
    }
}

/// The row of the customers of whom the asker may not see what they are counted by; few of them are not counted exactly.
pub fn hidden(by: &'static str, count: usize) -> Option<Node> {
    let customers = match count {
        0 => return None,
        1..FEW => json!(format!("<{FEW}")),
        count => json!(count),
    };
    Some(Node::Row(vec![(by, Node::plain(MASK)), ("customers", Node::plain(customers))]))
}

/// A share in basis points, rounded down; `None` of nothing.
fn share(part: i64, whole: i64) -> Option<i64> {
    let bp = (i128::from(part) * 10_000).checked_div_euclid(i128::from(whole)).filter(|_| whole > 0)?;
    i64::try_from(bp).ok()
}

/// From how many on a count over masked data is told.
const FEW: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_rounded_down_and_there_is_none_of_nothing() {
        assert_eq!(share(1, 3), Some(3333));
        assert_eq!(share(-1, 3), Some(-3334));
        assert_eq!((share(1, 0), share(1, -5)), (None, None));
        assert_eq!(share(i64::MAX, i64::MAX), Some(10_000));
    }

    #[test]
    fn few_customers_are_not_counted_where_they_are_masked() {
        let told = |count| {
            let Some(Node::Row(row)) = hidden("class", count) else { return Value::Null };
            let (_, Node::Cell(cell)) = &row[1] else { panic!("no count") };
            cell.value.clone()
        };
        assert_eq!([told(0), told(1), told(4), told(5)], [Value::Null, json!("<5"), json!("<5"), json!(5)]);
    }
}
