//! What came of a customer in a period: contacts, sales, payments and grades (V-09).

use crate::access::matter::Matter;
use crate::clock::{Date, Zone};
use crate::domain::class::Class;
use crate::domain::contact::{self, Channel};
use crate::domain::sale::Trade;
use crate::domain::{Event, payment, sale};
use crate::projection::{Node, Read};

/// A period of days, both of its ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Its first day.
    pub from: Date,
    /// Its last day.
    pub until: Date,
}

impl Period {
    fn has(self, day: Date) -> bool {
        (self.from..=self.until).contains(&day)
    }
}

/// A fold of one customer's entries over a period, by the day on which things happened.
#[derive(Clone, Debug)]
pub struct Business {
    period: Period,
    zone: Zone,
    visits: u64,
    contacts: u64,
    sales: i64,
    payments: i64,
}

impl Business {
    /// Begins with nothing.
    pub fn over(period: Period, zone: Zone) -> Self {
        Self { period, zone, visits: 0, contacts: 0, sales: 0, payments: 0 }
    }

    /// Folds one entry of the customer's stream, in the form that is live.
    pub fn fold(&mut self, read: &Read<'_>) {
        if let Event::Contact(contact::Event::Recorded(contact)) = read.event
            && self.period.has(self.zone.date(contact.at))
        {
            self.contacts += 1;
            self.visits += u64::from(contact.channel == Channel::Visit);
        }
        if let Event::Sale(sale::Event::Recorded(sale)) = read.event
            && self.period.has(sale.sold_on)
        {
            let amount = match sale.kind {
                Trade::Sale => sale.amount.0,
                Trade::Return => -sale.amount.0,
                Trade::Sample => 0,
            };
            self.sales = self.sales.saturating_add(amount);
        }
        if let Event::Payment(payment::Event::Recorded(payment)) = read.event
            && self.period.has(payment.received_on)
        {
            self.payments = self.payments.saturating_add(payment.amount.0);
        }
    }

    /// The figures as the one row of the view, with the customer's name and grades.
    pub fn row(&self, name: Node, business_grade: Node, credit_grade: Node) -> Node {
        let contacts = |count: u64| Node::within(Matter::ContactLog, Class::C1, count);
        Node::Row(vec![
            ("customer", name),
            ("from", Node::plain(self.period.from.to_string())),
            ("until", Node::plain(self.period.until.to_string())),
            ("visits", contacts(self.visits)),
            ("contacts", contacts(self.contacts)),
            ("sales", Node::of(Class::C2, self.sales)),
            ("payments", Node::of(Class::C2, self.payments)),
            ("business_grade", business_grade),
            ("credit_grade", credit_grade),
        ])
    }
}
