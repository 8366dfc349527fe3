//! What is proposed in the course of a day: the types of event that people enter most in the demo, in the demo's proportions.
//!
//! Contacts with their promises, new customers with their people and signed cards, profiles and classes, sales and payments, grades
//! proposed and taken back: in numbers some nine tenths of what people enter there. Every request is entered once, as most of these
//! cannot be entered twice.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use crate::company::{Company, Seller};
use crate::contact::{self, Words};
use crate::load::{self, Shape};

/// Returns `clients` connections that enter `rounds` times what a round consists of, in a `turn` like no other.
///
/// # Errors
/// The company lacks somebody who is needed.
pub fn of(company: &Company, clients: usize, turn: usize, rounds: usize, now: DateTime<Utc>) -> anyhow::Result<Shape> {
    let connections = (0..clients)
        .zip(company.sellers.iter().cycle())
        .map(|(client, seller)| {
            let staff = Staff::around(company, seller)?;
            let own = seller.customers.iter().skip(client / company.sellers.len() % seller.customers.len());
            let customers: Vec<&str> =
                own.step_by(clients.div_ceil(company.sellers.len())).map(String::as_str).collect();
            let words = Words { state: (turn * 1_000 + client) as u64 };
            let mut day = Day {
                seller,
                staff,
                customers,
                words,
                now,
                name: format!("{turn}-{client}"),
                made: 0,
                requests: Vec::new(),
            };
            (0..rounds).for_each(|_| day.round());
            Ok(Arc::from(day.requests))
        })
        .collect::<anyhow::Result<_>>()?;
    Ok(Shape { connections, expected: 201 })
}

/// Tells how many of each type a round consists of.
pub fn round(company: &Company) -> anyhow::Result<std::collections::BTreeMap<String, usize>> {
    let shape = of(company, 1, 0, 1, DateTime::UNIX_EPOCH)?;
    let mut counted = std::collections::BTreeMap::new();
    for request in shape.connections.iter().flat_map(|requests| requests.iter()) {
        let body = request.split(|byte| *byte == b'\n').next_back().unwrap_or_default();
        let event: Value = serde_json::from_slice(body)?;
        *counted.entry(event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned()).or_default() += 1;
    }
    Ok(counted)
}

/// Tokens of those who enter what a salesperson does not.
struct Staff<'a> {
    supervisor: &'a str,
    manager: &'a str,
    general_manager: &'a str,
    archivist: &'a str,
    clerk: &'a str,
    accounting: &'a str,
}

impl<'a> Staff<'a> {
    fn around(company: &'a Company, seller: &Seller) -> anyhow::Result<Self> {
        Ok(Self {
            supervisor: company.token_of("sales_manager", Some(seller))?,
            manager: company.token_of("regional_gm", Some(seller))?,
            general_manager: company.token_of("general_manager", None)?,
            archivist: company.token_of("archivist", None)?,
            clerk: company.token_of("commerce", None)?,
            accounting: company.token_of("accounting", None)?,
        })
    }
}

/// The requests of one connection, as they are made.
struct Day<'a> {
    seller: &'a Seller,
    staff: Staff<'a>,
    customers: Vec<&'a str>,
    words: Words,
    now: DateTime<Utc>,
    /// What the ids of this connection and turn begin with.
    name: String,
    made: usize,
    requests: Vec<Vec<u8>>,
}

impl<'a> Day<'a> {
    fn round(&mut self) {
        for number in 0..3 {
            let customer = self.open_archive(number == 0);
            for _ in 0..14 {
                let known = self.customer();
                self.contact(&known, None);
            }
            if number == 0 {
                self.grade(&customer);
            }
        }
        for number in 0..5 {
            let known = self.customer();
            self.promise(&known);
            if number < 4 {
                self.learn(&known, number > 0);
            }
            if number < 2 {
                let value = self.words.pick(&["high", "middle", "low"]);
                self.enter(
                    self.seller.token.as_str(),
                    "customer.classified",
                    &format!("customer/{known}"),
                    json!({
                        "dimension": "value", "value": value, "basis": "季度评估",
                    }),
                );
            }
        }
        for number in 0..10 {
            let known = self.customer();
            self.sell(&known, number);
        }
        let known = self.customer();
        self.enter(
            self.staff.accounting,
            "payment.recorded",
            "",
            json!({
                "customer_id": known, "amount": 1_250_000, "received_on": self.today(), "method": "transfer",
            }),
        );
    }

    /// A new customer is registered, classified and signed for, and somebody there introduced.
    fn open_archive(&mut self, agreed: bool) -> String {
        let customer = format!("M-{}-{}", self.name, self.made);
        let (token, person) = (self.seller.token.as_str(), format!("{customer}-P1"));
        let trade = self.words.pick(&["示例电机厂", "示例阀门厂", "Sample Pumps"]);
        let registered = self.enter(token, "customer.registered", "", json!({
            "customer_id": customer, "name": format!("{trade} {customer}"),
            "party": "end_user", "direct": true, "region": self.seller.region, "source": "visit", "first_contact_at": self.instant(),
            "owner": self.seller.employee, "address": format!("示例路{}号", self.made), "phone": format!("000-9{:09}", self.made),
            "industry": "电力", "registered_capital": 500_000_000,
        }));
        let subject = format!("customer/{customer}");
        self.enter(
            token,
            "customer.classified",
            &subject,
            json!({
                "dimension": "weight", "value": "general", "basis": "建档时评估",
            }),
        );
        self.enter(token, "person.recorded", "", json!({
            "person_id": person, "customer_id": customer, "name": format!("Ba {customer}"), "position": "采购部长", "function": "handler",
            "office_phone": format!("000-7{:09}", self.made), "email": "somebody@customer.example",
        }));
        let subject = format!("person/{person}");
        self.enter(
            token,
            "consent.recorded",
            &subject,
            json!({
                "purpose": "relationship_care", "status": if agreed { "given" } else { "refused" }, "method": "written",
            }),
        );
        if agreed {
            self.enter(
                token,
                "person.updated",
                &subject,
                json!({
                    "changes": { "hobbies": "象棋", "age": 41 }, "learned_at": self.instant(),
                }),
            );
        }
        let signers = [
            (self.staff.supervisor, "review"),
            (self.staff.manager, "review"),
            (self.staff.general_manager, "approve"),
        ];
        for (step, (signer, purpose)) in (1..).zip(signers) {
            self.enter(
                signer,
                "signoff.recorded",
                "",
                json!({
                    "subject_event": registered, "step": step, "purpose": purpose, "decision": "approved",
                }),
            );
        }
        customer
    }

    fn grade(&mut self, customer: &str) {
        let evidence = self.contact(customer, None);
        let token = self.seller.token.as_str();
        let proposed = self.enter(
            token,
            "credit_grade.proposed",
            "",
            json!({
                "customer_id": customer, "to": "C", "trigger": "initial", "evidence": [evidence],
                "reason": "首次评级，付款及时，经营稳定。First grade; pays in time.",
            }),
        );
        self.enter(token, "credit_grade.withdrawn", "", json!({ "proposal_id": proposed, "cause": "withdrawn" }));
    }

    fn promise(&mut self, customer: &str) {
        let promise = format!("MP-{}-{}", self.name, self.made);
        let due = (self.now + chrono::TimeDelta::days(20)).format("%Y-%m-%d").to_string();
        self.contact(
            customer,
            Some(json!([{
                "promise_id": promise, "text": "月底前寄出样品", "due": due, "responsible": self.seller.employee,
            }])),
        );
        self.enter(
            self.seller.token.as_str(),
            "commitment.closed",
            &format!("contact/{customer}"),
            json!({
                "promise_id": promise, "outcome": "fulfilled",
            }),
        );
    }

    fn learn(&mut self, customer: &str, acknowledged: bool) {
        let main_products = format!("{}{}", self.words.pick(&["电机", "阀门", "水泵", "电缆"]), self.made);
        let learned = self.enter(self.seller.token.as_str(), "customer.profile_updated", &format!("customer/{customer}"), json!({
            "section": "basic", "changes": { "main_products": main_products }, "learned_at": self.instant(), "major": false,
        }));
        if acknowledged {
            self.enter(
                self.staff.archivist,
                "signoff.recorded",
                "",
                json!({
                    "subject_event": learned, "step": 1, "purpose": "copy_acknowledged", "decision": "noted",
                }),
            );
        }
    }

    fn sell(&mut self, customer: &str, number: u64) {
        self.enter(self.staff.clerk, "sale.recorded", "", json!({
            "customer_id": customer, "invoice_name": "示例电机厂", "kind": "sale", "product": "变频器", "product_category": "驱动",
            "region": self.seller.region, "quantity": 2, "amount": 1_250_000 + number * 10_000, "profit": 200_000,
            "order_no": format!("MO-{}-{}", self.name, self.made), "sold_on": self.today(),
        }));
    }

    fn contact(&mut self, customer: &str, promises: Option<Value>) -> String {
        let mut contact =
            contact::recorded(&self.seller.employee, &self.seller.head, customer, self.now, &mut self.words);
        if let (Some(data), Some(promises)) = (contact.get_mut("data"), promises) {
            set(data, "promises", promises);
        }
        self.propose(&self.seller.token, contact)
    }

    fn enter(&mut self, token: &str, kind: &str, subject: &str, data: Value) -> String {
        let mut proposal = json!({ "type": kind, "data": data });
        if !subject.is_empty() {
            set(&mut proposal, "subject", subject.into());
        }
        self.propose(token, proposal)
    }

    /// Adds a proposal and returns the id it gets.
    fn propose(&mut self, token: &str, mut proposal: Value) -> String {
        self.made += 1;
        let id = format!("mix-{}-{:05}", self.name, self.made);
        set(&mut proposal, "id", id.as_str().into());
        self.requests.push(load::post(token, "", &proposal.to_string()));
        id
    }

    /// One of the seller's customers after the other.
    fn customer(&self) -> String {
        let at = self.made % self.customers.len().max(1);
        self.customers.get(at).copied().unwrap_or_default().to_owned()
    }

    fn instant(&self) -> String {
        self.now.to_rfc3339_opts(SecondsFormat::Secs, true)
    }

    fn today(&self) -> String {
        self.now.format("%Y-%m-%d").to_string()
    }
}

fn set(object: &mut Value, field: &str, value: Value) {
    if let Value::Object(fields) = object {
        fields.insert(field.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_consists_of_what_the_demo_consists_of() {
        let round = round(&Company::invented()).unwrap();
        let all: usize = round.values().sum();
        let share = |kind: &str| round.get(kind).copied().unwrap_or(0) * 100 / all;
        assert!((40..60).contains(&share("contact.recorded")), "{round:?}");
        assert!((8..14).contains(&share("sale.recorded")) && (9..14).contains(&share("signoff.recorded")), "{round:?}");
        assert_eq!(round.len(), 13);
    }

    #[test]
    fn nothing_is_entered_twice() {
        let company = Company::invented();
        let mut ids: Vec<String> = Vec::new();
        for turn in 1..3 {
            for requests in of(&company, 20, turn, 2, DateTime::UNIX_EPOCH).unwrap().connections {
                ids.extend(requests.iter().map(|request| {
                    let text = String::from_utf8(request.clone()).unwrap();
                    text.split("\"id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
                }));
            }
        }
        let all = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
