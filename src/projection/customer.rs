//! One customer's archive: card, sections and counts, folded from the customer's stream.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::clock::{Date, Timestamp};
use crate::domain::catalog::{self, Field};
use crate::domain::class::Class;
use crate::domain::customer::{Profile, Status};
use crate::domain::grade::Dimension;
use crate::domain::{Event, contact, credit, customer, grade, payment, sale};
use crate::ids::CustomerId;
use crate::projection::credit::Terms;
use crate::projection::document::Paper;
use crate::projection::grade::Grades;
use crate::projection::person::People;
use crate::projection::signoff::Signatures;
use crate::projection::{Cell, Node, Read, SealedAt};

/// What is known of one customer, and since when and from whom.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Archive {
    /// The version of the customer's stream it reflects.
    pub version: u64,
    /// Behind which entry of the ledger it ends: no later one is reflected.
    pub end: u64,
    /// The values of the profile by field, the newest of each.
    pub items: BTreeMap<String, Item>,
    /// Classes by dimension.
    pub classes: BTreeMap<String, Item>,
    /// The last check of the archive.
    pub verified_on: Option<Timestamp>,
    /// Who opened the archive.
    pub made_by: String,
    /// Trade.
    pub trade: Trade,
    /// The grades of both kinds.
    pub grades: Grades,
    /// The terms of trade set last.
    pub terms: Option<Terms>,
    /// The last contacts, newest last.
    pub contacts: Vec<Contact>,
    /// How many contacts there were.
    pub contact_count: u64,
    /// Promises and what became of them.
    pub promises: BTreeMap<String, Promise>,
    /// The main archive, if this is a second one.
    pub duplicate_of: Option<String>,
    /// The key persons.
    pub people: People,
    /// The papers, in the order they were filed.
    pub papers: Vec<Paper>,
    /// Who signed the card, and the state of the second copy.
    pub signatures: Signatures,
}

/// One value with where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Item {
    section: String,
    /// JSON text: the compact form of documents cannot tell values of unknown shape apart.
    value: String,
    class: Class,
    sealed: Option<SealedAt>,
    since: Timestamp,
    recorded_by: String,
    index: u64,
    corrected: Option<u64>,
}

/// What was bought, computed and never typed in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Trade {
    first_on: Option<Date>,
    last_on: Option<Date>,
    orders: BTreeSet<u64>,
    cumulative: i64,
    products: BTreeSet<String>,
    paid: i64,
    last_paid_on: Option<Date>,
}

/// A contact in brief.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contact {
    index: u64,
    at: Timestamp,
    channel: String,
    purpose: String,
    by: String,
    summary: String,
    class: Class,
    long: bool,
    corrected: Option<u64>,
}

/// A promise and what became of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Promise {
    text: String,
    due: Date,
    responsible: String,
    outcome: Option<String>,
    index: u64,
}

const CONTACTS_SHOWN: usize = 10;
const SUMMARY_CHARS_MAX: usize = 200;

impl Archive {
    /// Passes over an entry of the customer's stream that is voided.
    pub fn pass(&mut self, index: u64) {
        self.version += 1;
        self.end = index + 1;
    }

    /// Folds one entry of the customer's stream, in the form that is live.
    pub fn fold(&mut self, read: &Read<'_>) {
        self.pass(read.index);
        self.signatures.fold(read);
        match read.event {
            Event::Customer(event) => self.fold_customer(read, event),
            Event::Person(event) => self.people.fold(read, event),
            Event::Document(_) => self.papers.extend(Paper::of(read)),
            Event::Sale(sale::Event::Recorded(sale)) => self.trade.fold(read, sale),
            Event::Contact(contact::Event::Recorded(contact)) => {
                self.people.meet(contact);
                self.fold_contact(read, contact);
            }
            Event::Contact(contact::Event::CommitmentClosed(closed)) => {
                if let Some(promise) = self.promises.get_mut(closed.promise_id.as_str()) {
                    promise.outcome = Some(closed.outcome.as_str().to_owned());
                }
            }
            Event::Payment(payment::Event::Recorded(payment)) => self.trade.pay(payment),
            Event::Grade(grade::Event::Approved(dimension, approved)) => self.grades.add(*dimension, approved, read),
            Event::Credit(credit::Event::TermsSet(terms)) => self.terms = Some(Terms::of(terms, read)),
            Event::Grade(
                grade::Event::Proposed(..)
                | grade::Event::Reviewed(..)
                | grade::Event::Rejected(..)
                | grade::Event::Withdrawn(..),
            )
            | Event::Credit(credit::Event::Reviewed(_))
            | Event::Signoff(_)
            | Event::Ledger(_)
            | Event::Policy(_)
            | Event::Organization(_)
            | Event::Employee(_)
            | Event::Privacy(_)
            | Event::Record(_)
            | Event::Calendar(_)
            | Event::Obligation(_)
            | Event::Conduct(_)
            | Event::Approval(_)
            | Event::Grant(_)
            | Event::Loan(_)
            | Event::Anomaly(_)
            | Event::Audit(_) => {}
        }
    }

    fn fold_customer(&mut self, read: &Read<'_>, event: &customer::Event) {
        match event {
            customer::Event::Registered(_) => {
                read.entry.actor.clone_into(&mut self.made_by);
                self.take(read, "basic", customer::Registered::fields(), "");
            }
            customer::Event::IndividualRegistered(_) => {
                read.entry.actor.clone_into(&mut self.made_by);
                self.take(read, "basic", customer::IndividualRegistered::fields(), "");
            }
            customer::Event::ProfileUpdated(updated) => {
                self.take(read, updated.section.as_str(), Profile::fields(), "/changes");
            }
            customer::Event::Classified(classified) => {
                let item = self.item(read, "classification", Class::C1, None, json!(classified.value.0));
                self.classes.insert(classified.dimension.as_str().to_owned(), item);
            }
            customer::Event::OwnerAssigned(assigned) => {
                let owner = self.item(read, "basic", Class::C1, None, json!(assigned.owner));
                self.items.insert("owner".to_owned(), owner);
                let contacts = self.item(read, "basic", Class::C1, None, json!(assigned.co_contacts));
                self.items.insert("co_contacts".to_owned(), contacts);
            }
            customer::Event::Verified(_) => self.verified_on = Some(read.entry.time),
            customer::Event::MarkedDuplicate(marked) => self.duplicate_of = Some(marked.duplicate_of.to_string()),
            customer::Event::StatusChanged(changed) => {
                if let Some(plan) = &changed.winback_plan {
                    let item = self.item(read, "strategy", Class::C6, None, json!(plan));
                    self.items.insert("winback_plan".to_owned(), item);
                }
            }
            customer::Event::CodeAssigned(assigned) => {
                let item = self.item(read, "basic", Class::C0, None, json!(assigned.code));
                self.items.insert("code".to_owned(), item);
            }
        }
    }

    /// Takes over every value of the payload, or of the object in it, as the catalog declares it.
    fn take(&mut self, read: &Read<'_>, section: &str, declared: &'static [Field], within: &str) {
        let data: Value = serde_json::from_str(&read.entry.data).unwrap_or_default();
        let values = data.pointer(within).and_then(Value::as_object).cloned().unwrap_or_default();
        for field in declared {
            let Some(value) = values.get(field.name) else { continue };
            let sealed = field.sealed.then(|| SealedAt {
                id: read.entry.id.clone(),
                kind: read.entry.kind.clone(),
                pointer: format!("/data{within}/{}", field.name),
            });
            let item = self.item(read, section, field.class, sealed, value.clone());
            self.items.insert(customer::item_of(field.name).to_owned(), item);
        }
    }

    fn item(&self, read: &Read<'_>, section: &str, class: Class, sealed: Option<SealedAt>, value: Value) -> Item {
        Item {
            section: section.to_owned(),
            value: value.to_string(),
            class,
            sealed,
            since: read.entry.occurredat,
            recorded_by: read.entry.actor.clone(),
            index: read.index,
            corrected: read.corrected,
        }
    }

    fn fold_contact(&mut self, read: &Read<'_>, contact: &contact::Recorded) {
        self.contact_count += 1;
        let class = match contact.class {
            contact::Confidentiality::C1 | contact::Confidentiality::C2 => Class::C2,
            contact::Confidentiality::C3 => Class::C3,
            contact::Confidentiality::C6 => Class::C6,
        };
        let summary = contact.summary.0.as_str();
        let end = summary.char_indices().nth(SUMMARY_CHARS_MAX).map_or(summary.len(), |(end, _)| end);
        let summary = summary.get(..end).unwrap_or_default().to_owned();
        self.contacts.push(Contact {
            index: read.index,
            at: contact.at,
            channel: contact.channel.as_str().to_owned(),
            purpose: contact.purpose.as_str().to_owned(),
            by: read.entry.actor.clone(),
            summary,
            class,
            // a long development visit is shown, not refused.
            long: contact.purpose == contact::Purpose::Develop && contact.minutes.is_some_and(|minutes| minutes.0 > 30),
            corrected: read.corrected,
        });
        if self.contacts.len() > CONTACTS_SHOWN {
            self.contacts.remove(0);
        }
        for promise in contact.promises.iter().flatten() {
            self.promises.insert(
                promise.promise_id.to_string(),
                Promise {
                    text: promise.text.0.clone(),
                    due: promise.due,
                    responsible: promise.responsible.to_string(),
                    outcome: None,
                    index: read.index,
                },
            );
        }
    }

    /// Finds the first of the last contacts that was on or after an instant.
    pub fn contacted_since(&self, from: Timestamp) -> Option<u64> {
        self.contacts.iter().find(|contact| contact.at >= from).map(|contact| contact.index)
    }

    /// The card of paper form F1 (V-01).
    pub fn card(&self, id: &CustomerId) -> Node {
        let mut row = vec![("customer_id", Node::plain(id.as_str())), ("company_name", self.cell("name"))];
        for name in
            ["phone", "fax", "address", "postcode", "company_type", "registered_capital", "legal_representative"]
        {
            row.push((name, self.cell(name)));
        }
        row.push(("principals", self.people.principals()));
        row.extend(self.trade.row());
        row.push(("remark", self.cell("remark")));
        row.push(("made_and_archived", Node::of(Class::C1, self.made_by.as_str())));
        row.extend(self.signatures.card());
        row.push(("completeness", Node::of(Class::C1, self.completeness())));
        Node::Row(row)
    }

    /// Which entry the newest value of a field came with.
    pub fn learned(&self, field: &str) -> Option<u64> {
        self.items.get(field).map(|item| item.index)
    }

    /// What a firm that serves us does, and whom to talk to there (V-13).
    pub fn service(&self) -> (Node, Node) {
        (self.cell("business_scope"), self.people.contacts().0)
    }

    /// The grade of a kind in force at an instant.
    pub fn grade(&self, dimension: Dimension, at: Timestamp) -> Node {
        let step = self.grades.at(dimension, at);
        Node::of(Class::C3, step.map_or(Value::Null, |step| json!(step.grade)))
    }

    /// What the customer is called, as it stands in every row about one of its people.
    pub fn unit_name(&self) -> Node {
        self.cell("name")
    }

    /// The customer basics of Annex 1 (V-16).
    pub fn basics(&self) -> Node {
        let (contacts, phones) = self.people.contacts();
        let row = Node::Row(vec![
            ("unit_name", self.unit_name()),
            ("institutions", self.cell_of("institutions")),
            ("location", self.cell("address")),
            ("main_contacts", contacts),
            ("phones", phones),
        ]);
        Node::Row(vec![("items", Node::List(vec![row]))])
    }

    /// The whole archive (V-11), with the rows of its papers: whether their files are there no entry tells.
    pub fn archive(
        &self,
        id: &CustomerId,
        status: Option<Status>,
        at: Timestamp,
        today: Date,
        papers: Vec<Node>,
    ) -> Node {
        let sections = self.items.iter().map(|(name, item)| {
            Node::Row(vec![
                ("section", Node::plain(item.section.as_str())),
                ("item", Node::plain(name.as_str())),
                ("value", item.cell()),
                ("since", Node::of(item.class.min(Class::C1), item.since.to_string())),
                ("recorded_by", Node::of(item.class.min(Class::C1), item.recorded_by.as_str())),
                ("source_event", Node::plain(item.index)),
                ("corrected_by", Node::plain(json!(item.corrected))),
            ])
        });
        let limit = self.terms.as_ref().filter(|terms| terms.hold_on(today)).map(|terms| terms.limit);
        let contacts = self.contacts.iter().rev().map(Contact::row);
        Node::Row(vec![
            ("customer_id", Node::plain(id.as_str())),
            ("name", self.cell("name")),
            ("status", Node::of(Class::C1, status.map_or(Value::Null, |status| json!(status.as_str())))),
            ("owner", self.cell("owner")),
            ("region", self.cell("region")),
            ("completeness", Node::of(Class::C1, self.completeness())),
            ("verified_on", Node::of(Class::C1, self.verified_on.map_or(Value::Null, |at| json!(at)))),
            ("duplicate_of", Node::of(Class::C1, self.duplicate_of.clone().map_or(Value::Null, Value::String))),
            ("version", Node::plain(self.version)),
            ("sections", Node::List(sections.collect())),
            (
                "classes",
                Node::List(
                    self.classes
                        .iter()
                        .map(|(dimension, item)| {
                            Node::Row(vec![("dimension", Node::plain(dimension.as_str())), ("value", item.cell())])
                        })
                        .collect(),
                ),
            ),
            ("persons", Node::List(self.people.rows(&self.unit_name()))),
            ("trade", Node::Row(self.trade.row().into_iter().chain(self.trade.paid()).collect())),
            ("credit_grade", self.grade(Dimension::Credit, at)),
            ("business_grade", self.grade(Dimension::Business, at)),
            ("credit_limit", Node::of(Class::C3, json!(limit))),
            ("documents", Node::List(papers)),
            ("second_copy_state", self.signatures.second_copy()),
            ("contact_count", Node::within(Matter::ContactLog, Class::C1, self.contact_count)),
            ("contacts", Node::List(contacts.collect())),
        ])
    }

    /// The promises made to the customer (V-26).
    pub fn promises(&self) -> Vec<Node> {
        let cell = |value: Value| Node::within(Matter::ContactLog, Class::C2, value);
        let rows = self.promises.iter().map(|(id, promise)| {
            Node::Row(vec![
                ("promise", Node::plain(id.as_str())),
                ("text", cell(json!(promise.text))),
                ("due", cell(json!(promise.due))),
                ("responsible", cell(json!(promise.responsible))),
                ("outcome", cell(json!(promise.outcome))),
                ("source_event", Node::plain(promise.index)),
            ])
        });
        rows.collect()
    }

    /// filled ÷ applicable, in basis points, and what is missing.
    fn completeness(&self) -> Value {
        const WANTED: &[&str] = &[
            "name",
            "legal_representative",
            "address",
            "postcode",
            "phone",
            "fax",
            "business_scope",
            "registered_capital",
            "company_type",
            "trading_since",
        ];
        let missing: Vec<&str> = WANTED.iter().copied().filter(|name| !self.items.contains_key(*name)).collect();
        json!({ "filled_bp": (WANTED.len() - missing.len()) * 10_000 / WANTED.len(), "missing": missing })
    }

    fn cell_of(&self, name: &str) -> Node {
        self.items.get(name).map_or_else(Node::absent, Item::cell)
    }

    fn cell(&self, name: &str) -> Node {
        let class = catalog::find("customer.registered")
            .and_then(|kind| kind.field(name))
            .map_or(Class::C1, |field| field.class);
        self.items.get(name).map_or_else(|| Node::of(class, Value::Null), Item::cell)
    }
}

impl Item {
    fn cell(&self) -> Node {
        Node::Cell(Cell {
            value: serde_json::from_str(&self.value).unwrap_or_default(),
            matter: self.class.matter(),
            class: self.class,
            sealed: self.sealed.clone(),
            person: None,
        })
    }
}

impl Trade {
    fn fold(&mut self, read: &Read<'_>, sale: &sale::Recorded) {
        match sale.kind {
            sale::Trade::Sale => {
                let day = sale.sold_on;
                self.first_on = Some(self.first_on.map_or(day, |first| first.min(day)));
                self.last_on = Some(self.last_on.map_or(day, |last| last.max(day)));
                self.cumulative += sale.amount.0;
                self.products.insert(sale.product.0.clone());
                let order = sale.order_no.as_ref().map_or(read.entry.id.as_str(), |order| order.0.as_str());
                let mut key = [0; 8];
                blake3::Hasher::new().update(order.as_bytes()).finalize_xof().fill(&mut key);
                self.orders.insert(u64::from_le_bytes(key));
            }
            sale::Trade::Sample => {}
            sale::Trade::Return => self.cumulative -= sale.amount.0,
        }
    }

    fn pay(&mut self, payment: &payment::Recorded) {
        self.paid += payment.amount.0;
        self.last_paid_on = self.last_paid_on.max(Some(payment.received_on));
    }

    /// What was paid, and what that leaves of what was bought.
    fn paid(&self) -> Vec<(&'static str, Node)> {
        let cell = |value: Value| Node::of(Class::C2, value);
        vec![
            ("paid_amount", cell(json!(self.paid))),
            ("last_paid_on", cell(json!(self.last_paid_on))),
            ("balance", cell(json!(self.cumulative - self.paid))),
        ]
    }

    fn row(&self) -> Vec<(&'static str, Node)> {
        let cell = |value: Value| Node::Concerning(Facts::ABOUT_SALES, Box::new(Node::of(Class::C2, value)));
        vec![
            ("products_bought", cell(json!(self.products))),
            ("first_purchase_on", cell(json!(self.first_on))),
            ("last_purchase_on", cell(json!(self.last_on))),
            ("purchase_count", cell(json!(self.orders.len()))),
            ("cumulative_amount", cell(json!(self.cumulative))),
        ]
    }
}

impl Contact {
    fn row(&self) -> Node {
        let cell = |class, value: Value| Node::within(Matter::ContactLog, class, value);
        Node::Row(vec![
            ("index", Node::plain(self.index)),
            ("at", cell(Class::C1, json!(self.at))),
            ("channel", cell(Class::C1, json!(self.channel))),
            ("purpose", cell(Class::C1, json!(self.purpose))),
            ("recorded_by", cell(Class::C1, json!(self.by))),
            ("summary", cell(self.class, json!(self.summary))),
            ("long_visit", cell(Class::C1, json!(self.long))),
            ("corrected_by", Node::plain(json!(self.corrected))),
        ])
    }
}
