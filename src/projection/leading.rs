//! The customers that lead in a year: by sales, by growth and by the margin of profit (V-06, R-136).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::domain::catalog::INTEGER_MAX;
use crate::domain::class::Class;
use crate::ids::CustomerId;
use crate::projection::Node;
use crate::projection::register::Listed;
use crate::projection::sale::{Sales, Sold};

/// A customer's trade in a year and in the year before.
#[derive(Clone, Copy, Debug, Default)]
struct Traded {
    year: Sold,
    last: i64,
}

impl Traded {
    /// How much more than the year before, in basis points rounded down; `None` where nothing was sold then.
    fn growth(self) -> Option<i128> {
        basis_points(i128::from(self.year.amount) - i128::from(self.last), self.last)
    }

    /// The profit on what was sold, in basis points rounded down; `None` where nothing was.
    fn margin(self) -> Option<i128> {
        basis_points(i128::from(self.year.profit), self.year.amount)
    }
}

/// What a part is of something in basis points, rounded down, and no further from nothing than integers are written exactly.
fn basis_points(part: i128, of: i64) -> Option<i128> {
    let most = i128::from(INTEGER_MAX);
    (of > 0).then(|| (part * 10_000).div_euclid(i128::from(of)).clamp(-most, most))
}

/// The rows of the view, the first rank first; customers are told apart by `code` where they are equal, and by their ids.
pub fn rows<'a>(
    sales: &'a Sales,
    customers: &'a BTreeMap<CustomerId, Listed>,
    year: i32,
    most: usize,
    seen: &dyn Fn(&CustomerId) -> bool,
) -> Vec<Node> {
    let mut traded: BTreeMap<&CustomerId, Traded> = BTreeMap::new();
    sales.each(Some(year), &mut |_, customer, sold| traded.entry(customer).or_default().year.add(sold));
    sales.each(year.checked_sub(1), &mut |_, customer, sold| {
        let last = &mut traded.entry(customer).or_default().last;
        *last = last.saturating_add(sold.amount);
    });
    let active: Vec<(&CustomerId, &Listed, Traded)> = traded
        .into_iter()
        .filter(|(id, traded)| traded.year.sold && seen(id))
        .filter_map(|(id, traded)| Some((id, customers.get(id)?, traded)))
        .collect();
    let code = |listed: &'a Listed| (listed.code.is_none(), listed.code.as_deref());
    let ranked = |figure: &dyn Fn(Traded) -> Option<i128>, name: &'static str, none: Value| {
        let mut order: Vec<_> = active.iter().map(|(id, listed, traded)| (*id, *listed, figure(*traded))).collect();
        // What cannot be told stands behind all that can.
        order.sort_by_key(|(id, listed, figure)| (Reverse(*figure), code(listed), *id));
        order.truncate(most);
        let row = move |(id, listed, figure): (&CustomerId, &Listed, Option<i128>)| {
            let figure =
                figure.and_then(|figure| i64::try_from(figure).ok()).map_or(none.clone(), |figure| json!(figure));
            let row = Node::Row(vec![
                ("customer_id", Node::plain(id.as_str())),
                ("name", listed.named()),
                (name, Node::of(Class::C2, figure)),
            ]);
            Node::About(id.clone(), Box::new(row))
        };
        order.into_iter().map(row).collect::<Vec<_>>()
    };
    let by_sales = ranked(&|traded| Some(traded.year.amount.into()), "sales", Value::Null);
    let by_growth = ranked(&Traded::growth, "growth_bp", json!("n/a"));
    let by_margin = ranked(&Traded::margin, "margin_bp", json!("n/a"));
    let ranks = by_sales.into_iter().zip(by_growth).zip(by_margin).zip(1..);
    ranks
        .map(|(((by_sales, by_growth), by_margin), rank)| {
            Node::Row(vec![
                ("rank", Node::plain(rank)),
                ("by_sales", by_sales),
                ("by_growth", by_growth),
                ("by_margin", by_margin),
            ])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_margin_are_rounded_down_and_there_is_none_of_nothing() {
        let sold = |amount, profit| Sold { amount, profit, quantity: 0, sold: true };
        let traded = Traded { year: sold(200, -1), last: 300 };
        assert_eq!((traded.growth(), traded.margin()), (Some(-3334), Some(-50)));
        let nothing = Traded { year: sold(0, 0), last: 0 };
        assert_eq!((nothing.growth(), nothing.margin()), (None, None));
    }
}
