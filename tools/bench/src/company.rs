//! Whose requests are sent: the demo company's salespeople, their tokens and customers, and what they record and read.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::contact::{self, Words};
use crate::load::{self, Shape};

/// The salespeople of a company, each with customers of their own.
pub struct Company {
    /// Those who have at least one customer.
    pub sellers: Vec<Seller>,
    /// The token of one who may read whole entries, if the company has one.
    pub auditor_token: Option<String>,
    others: Vec<User>,
}

/// One who records contacts and reads archives.
pub struct Seller {
    /// Who it is, `E-101`.
    pub employee: String,
    /// Who heads a department, `E-211`: visits are reported to them.
    pub head: String,
    /// The bearer token.
    pub token: String,
    /// The region of the customers, `North`.
    pub region: String,
    /// The customers owned, `C-00042`.
    pub customers: Vec<String>,
}

impl Company {
    /// Learns the company that `dossier demo` left in `data` and serves at `address`: its sign-ins from the file, its customers over HTTP.
    ///
    /// # Errors
    /// When the file or an answer is not as documented, or nobody in it is a salesperson with customers.
    pub fn meet(data: &Path, address: SocketAddr, purpose: &str) -> anyhow::Result<Self> {
        let path = data.join("demo-users.json");
        let users = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let users: Vec<User> =
            serde_json::from_slice(&users).with_context(|| format!("{} is not a list of sign-ins", path.display()))?;
        let auditor_token = users.iter().find(|user| user.role.contains("audit")).map(|user| user.token.clone());
        let head = users.iter().find(|user| user.role == "department_head").map(|user| user.employee.clone());
        let head = head.context("nobody heads a department")?;
        let mut sellers = Vec::new();
        let (salespeople, others): (Vec<_>, _) = users.into_iter().partition(|user| user.role == "salesperson");
        for user in salespeople {
            let target = format!("/v1/customers?owner={}&limit=200", user.employee);
            let list: CustomerList = get(address, &target, &user.token, purpose)?;
            let Some(region) = list.items.first().map(|item| item.region.clone()) else { continue };
            let customers: Vec<_> = list.items.into_iter().map(|item| item.customer_id).collect();
            sellers.push(Seller { employee: user.employee, head: head.clone(), token: user.token, region, customers });
        }
        anyhow::ensure!(!sellers.is_empty(), "no salesperson with customers in {}", path.display());
        Ok(Self { sellers, auditor_token, others })
    }

    /// Returns a company that no server knows, for driving the bare limit alone with requests of the same size.
    pub fn invented() -> Self {
        let sellers = (0..16)
            .map(|seller| Seller {
                employee: format!("E-{}", 101 + seller),
                head: "E-211".to_owned(),
                token: format!("{seller:0>43}"),
                region: "North".to_owned(),
                customers: (0..100).map(|customer| format!("C-{:05}", seller * 100 + customer)).collect(),
            })
            .collect();
        let roles = ["sales_manager", "regional_gm", "general_manager", "archivist", "commerce", "accounting"];
        let others = roles
            .into_iter()
            .map(|role| User {
                employee: String::new(),
                role: role.to_owned(),
                unit: "S-NORTH".to_owned(),
                token: format!("{role:0>43}"),
            })
            .collect();
        Self { sellers, auditor_token: None, others }
    }

    /// Returns the token of the first who holds a role, in the region of a seller where one is named.
    ///
    /// # Errors
    /// Nobody does.
    pub fn token_of(&self, role: &str, near: Option<&Seller>) -> anyhow::Result<&str> {
        let here = |user: &&User| near.is_none_or(|seller| user.unit.ends_with(&seller.region.to_uppercase()));
        let found = self.others.iter().filter(|user| user.role == role).find(here);
        found.map(|user| user.token.as_str()).with_context(|| format!("nobody is {role}"))
    }

    /// Returns `clients` connections that record one contact per request, no two the same within a round of theirs.
    pub fn proposals(&self, clients: usize, now: DateTime<Utc>) -> Shape {
        self.shape(clients, 201, |seller, customers, words| {
            (0..REQUESTS_PER_CLIENT)
                .zip(customers.iter().cycle())
                .map(|(_, customer)| {
                    let contact = contact::recorded(&seller.employee, &seller.head, customer, now, words);
                    load::post(&seller.token, "", &contact.to_string())
                })
                .collect()
        })
    }

    /// Returns `clients` connections that record `batch` contacts per request.
    pub fn batches(&self, clients: usize, batch: usize, now: DateTime<Utc>) -> Shape {
        self.shape(clients, 201, |seller, customers, words| {
            let mut customers = customers.iter().cycle();
            (0..BATCHES_PER_CLIENT)
                .map(|_| {
                    let events: Vec<_> = customers
                        .by_ref()
                        .take(batch)
                        .map(|customer| contact::recorded(&seller.employee, &seller.head, customer, now, words))
                        .collect();
                    load::post(&seller.token, "", &serde_json::Value::from(events).to_string())
                })
                .collect()
        })
    }

    /// Returns `clients` connections that read one archive per request, stating `purpose`.
    pub fn readings(&self, clients: usize, purpose: &str) -> Shape {
        self.shape(clients, 200, |seller, customers, _| {
            customers
                .iter()
                .map(|customer| {
                    let token = &seller.token;
                    format!(
                        "GET /v1/customers/{customer} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\
                         Dossier-Purpose: {purpose}\r\nAccept: application/json\r\n\r\n"
                    )
                    .into_bytes()
                })
                .collect()
        })
    }

    /// Deals the sellers out to the connections in turn; connections of one seller divide the seller's customers among them.
    fn shape(
        &self,
        clients: usize,
        expected: u16,
        requests: impl Fn(&Seller, &[&String], &mut Words) -> Vec<Vec<u8>>,
    ) -> Shape {
        let connections = (0..clients)
            .zip(self.sellers.iter().cycle())
            .map(|(client, seller)| {
                let round = client / self.sellers.len();
                let rounds = clients.div_ceil(self.sellers.len()).min(seller.customers.len());
                let own: Vec<_> = seller.customers.iter().skip(round % rounds).step_by(rounds).collect();
                let mut words = Words { state: client as u64 };
                Arc::from(requests(seller, &own, &mut words))
            })
            .collect();
        Shape { connections, expected }
    }
}

/// Gets a JSON document as the holder of `token`, outside any measurement.
///
/// # Errors
/// When the answer is not 200 or not of that shape; the error shows what came.
pub fn get<T: serde::de::DeserializeOwned>(
    address: SocketAddr,
    target: &str,
    token: &str,
    purpose: &str,
) -> anyhow::Result<T> {
    let headers =
        format!("Authorization: Bearer {token}\r\nDossier-Purpose: {purpose}\r\nAccept: application/json\r\n");
    let (status, body) = load::fetch(address, target, &headers).with_context(|| format!("cannot get {target}"))?;
    let shown = || String::from_utf8_lossy(body.get(..600).unwrap_or(&body)).into_owned();
    anyhow::ensure!(status == 200, "GET {target} answered {status}: {}", shown());
    serde_json::from_slice(&body).with_context(|| format!("GET {target} answered {}", shown()))
}

#[derive(Deserialize)]
struct User {
    employee: String,
    role: String,
    unit: String,
    token: String,
}

#[derive(Deserialize)]
struct CustomerList {
    items: Vec<CustomerItem>,
}

#[derive(Deserialize)]
struct CustomerItem {
    customer_id: String,
    region: String,
}

/// How many different requests a connection sends before it starts again.
const REQUESTS_PER_CLIENT: usize = 64;

/// The same for batches, which are larger.
const BATCHES_PER_CLIENT: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_of_one_seller_divide_the_customers() {
        let mut company = Company::invented();
        company.sellers.truncate(2);
        let shape = company.readings(4, "p");
        let mut targets: Vec<_> = shape.connections.iter().flat_map(|list| list.iter()).collect();
        assert_eq!(targets.len(), 200);
        targets.sort();
        targets.dedup();
        assert_eq!(targets.len(), 200);
    }

    #[test]
    fn more_connections_than_customers_still_have_something_to_send() {
        let mut company = Company::invented();
        company.sellers.truncate(1);
        company.sellers[0].customers.truncate(3);
        let shape = company.proposals(64, DateTime::UNIX_EPOCH);
        assert!(shape.connections.iter().all(|requests| requests.len() == REQUESTS_PER_CLIENT));
    }

    #[test]
    fn the_content_length_is_that_of_the_body() {
        let shape = Company::invented().batches(1, 5, DateTime::UNIX_EPOCH);
        let request = String::from_utf8(shape.connections[0][0].clone()).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert!(head.ends_with(&format!("Content-Length: {}", body.len())));
        let events: Vec<serde_json::Value> = serde_json::from_str(body).unwrap();
        assert_eq!(events.len(), 5);
        assert_ne!(events[0], events[1]);
    }
}
