//! A customer's payments (V-36), and what they leave unpaid of the customer's sales.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::clock::Date;
use crate::domain::class::Class;
use crate::domain::{payment, sale};
use crate::projection::{Node, Read};

/// A fold of one customer's sales, returns and payments.
#[derive(Clone, Debug, Default)]
pub struct Account {
    payments: Vec<Payment>,
    sales: BTreeMap<String, Sold>,
    paid: i64,
}

#[derive(Clone, Debug)]
struct Payment {
    index: u64,
    by: String,
    recorded: payment::Recorded,
}

/// A sale and what is left of it after returns.
#[derive(Clone, Debug)]
struct Sold {
    on: Date,
    amount: i64,
    left: i64,
    index: u64,
}

impl Account {
    /// Folds a payment.
    pub fn pay(&mut self, recorded: &payment::Recorded, read: &Read<'_>) {
        self.paid += recorded.amount.0;
        self.payments.push(Payment { index: read.index, by: read.entry.actor.clone(), recorded: recorded.clone() });
    }

    /// Folds a sale or a return; samples cost nothing.
    pub fn trade(&mut self, recorded: &sale::Recorded, index: u64) {
        let amount = recorded.amount.0;
        match (recorded.kind, &recorded.returns, &recorded.sale_id) {
            (sale::Trade::Sale, _, Some(id)) => {
                let sold = Sold { on: recorded.sold_on, amount, left: amount, index };
                self.sales.insert(id.to_string(), sold);
            }
            (sale::Trade::Return, Some(original), _) => {
                if let Some(sold) = self.sales.get_mut(&original.0) {
                    sold.left -= amount;
                }
            }
            (sale::Trade::Sale | sale::Trade::Sample | sale::Trade::Return, _, _) => {}
        }
    }

    /// The payments, the last received first.
    pub fn payments(&self) -> Vec<Node> {
        let mut payments: Vec<&Payment> = self.payments.iter().collect();
        payments.sort_by_key(|payment| std::cmp::Reverse((payment.recorded.received_on, payment.index)));
        payments.into_iter().map(Payment::row).collect()
    }

    /// What was bought, paid, and is left unpaid, or was paid ahead.
    pub fn total(&self) -> Node {
        let sales: i64 = self.sales.values().map(|sold| sold.left).sum();
        Node::Row(vec![
            ("sales", cell(json!(sales))),
            ("paid", cell(json!(self.paid))),
            ("outstanding", cell(json!((sales - self.paid).max(0)))),
            ("prepaid", cell(json!((self.paid - sales).max(0)))),
        ])
    }

    /// The sales that payments have not settled as of `today`, where each payment settles the oldest first.
    pub fn unsettled(&self, today: Date) -> Vec<Node> {
        let mut sales: Vec<(&String, &Sold)> = self.sales.iter().collect();
        sales.sort_by_key(|(id, sold)| (sold.on, sold.index, *id));
        let mut paid = self.paid;
        let mut open = Vec::new();
        for (id, sold) in sales {
            let settled = paid.min(sold.left);
            paid -= settled;
            if settled < sold.left {
                open.push(Node::Row(vec![
                    ("sale_id", cell(json!(id))),
                    ("sold_on", cell(json!(sold.on))),
                    ("amount", cell(json!(sold.amount))),
                    ("outstanding", cell(json!(sold.left - settled))),
                    ("days", cell(json!(today.days_after(sold.on)))),
                    ("source_event", Node::plain(sold.index)),
                ]));
            }
        }
        open
    }
}

impl Payment {
    fn row(&self) -> Node {
        let recorded = &self.recorded;
        let late = recorded.due_on.map(|due| recorded.received_on.days_after(due).max(0));
        Node::Row(vec![
            ("payment_id", cell(json!(recorded.payment_id))),
            ("received_on", cell(json!(recorded.received_on))),
            ("amount", cell(json!(recorded.amount))),
            ("method", cell(json!(recorded.method))),
            ("due_on", cell(json!(recorded.due_on))),
            ("days_late", cell(json!(late))),
            ("contract_id", cell(json!(recorded.contract_id))),
            ("collected_by", cell(json!(recorded.collected_by))),
            ("recorded_by", cell(json!(self.by))),
            ("source_event", Node::plain(self.index)),
        ])
    }
}

fn cell(value: Value) -> Node {
    Node::of(Class::C2, value)
}
