//! Who was responsible for a customer, from when to when (V-83).

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::clock::Timestamp;
use crate::domain::class::Class;
use crate::domain::customer::{AssignmentReason, OwnerAssigned};
use crate::ids::{CustomerId, EmployeeId};
use crate::projection::{Node, Read};

/// The tenures of a customer, in order.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Ownership(Vec<Tenure>);

/// The time for which a customer was somebody's.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tenure {
    owner: EmployeeId,
    co_contacts: Vec<EmployeeId>,
    from: Timestamp,
    reason: String,
    handover: Option<String>,
    index: u64,
}

impl Ownership {
    /// Begins with whom the archive was opened for.
    pub fn begin(&mut self, owner: &EmployeeId, read: &Read<'_>) {
        self.0.push(Tenure {
            owner: owner.clone(),
            co_contacts: Vec::new(),
            from: read.entry.occurredat,
            reason: AssignmentReason::Initial.as_str().to_owned(),
            handover: None,
            index: read.index,
        });
    }

    /// Goes on with whom the customer was assigned to.
    pub fn assign(&mut self, assigned: &OwnerAssigned, read: &Read<'_>) {
        self.0.push(Tenure {
            owner: assigned.owner.clone(),
            co_contacts: assigned.co_contacts.clone(),
            from: assigned.effective_at,
            reason: assigned.reason.as_str().to_owned(),
            handover: assigned.handover_id.as_ref().map(|handover| handover.0.clone()),
            index: read.index,
        });
    }

    /// One row per tenure, or those of one employee, as owner or among the co-contacts.
    pub fn rows(&self, id: &CustomerId, name: &Node, employee: Option<&str>) -> Vec<Node> {
        let said = |value| Node::of(Class::C1, value);
        let until = self.0.iter().skip(1).map(|next| Some(next.from)).chain([None]);
        let held = self.0.iter().zip(until).filter(|(tenure, _)| {
            let people = || std::iter::once(&tenure.owner).chain(&tenure.co_contacts);
            employee.is_none_or(|wanted| people().any(|person| person.as_str() == wanted))
        });
        let rows = held.map(|(tenure, until)| {
            Node::Row(vec![
                ("customer_id", Node::plain(id.as_str())),
                ("customer", name.clone()),
                ("owner", said(json!(tenure.owner))),
                ("co_contacts", said(json!(tenure.co_contacts))),
                ("from", said(json!(tenure.from))),
                ("until", said(json!(until))),
                ("reason", said(json!(tenure.reason))),
                ("handover_id", said(json!(tenure.handover))),
                ("source_event", Node::plain(tenure.index)),
            ])
        });
        rows.collect()
    }
}

/// A customer whose owner does not work here now: there must be none.
pub fn unowned(id: &CustomerId, name: Node, owner: &EmployeeId) -> Node {
    let row = Node::Row(vec![
        ("customer_id", Node::plain(id.as_str())),
        ("customer", name),
        ("owner", Node::of(Class::C1, owner.as_str())),
    ]);
    Node::About(id.clone(), Box::new(row))
}
