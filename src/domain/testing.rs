//! Given what has happened, when somebody proposes, then the ledger admits or refuses: how rules are tested.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Date, Timestamp};
use crate::domain::catalog;
use crate::domain::history::{Lived, Part, Refold, is_companys};
use crate::domain::judge::{self, Past};
use crate::domain::role::Role;
use crate::domain::{self, About, Actor, Admission, Code, Context, Event, Fact, Fetched, Refusal, World, record, sale};
use crate::ids::{CustomerId, EmployeeId, EntryId, StreamName};

/// The time of every test until it says otherwise: a Monday morning in Shanghai.
pub(crate) const NOW: &str = "2026-03-02T10:00:00+08:00";

/// An event as somebody proposes it.
#[derive(Clone, Debug)]
pub(crate) struct Proposed {
    kind: &'static str,
    pub(crate) data: Value,
    subject: Option<String>,
    id: Option<&'static str>,
    occurred_at: Option<Timestamp>,
    late_reason: Option<&'static str>,
}

/// Proposes an event of that type and payload.
pub(crate) fn event(kind: &'static str, data: Value) -> Proposed {
    Proposed { kind, data, subject: None, id: None, occurred_at: None, late_reason: None }
}

impl Proposed {
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    pub(crate) fn with(mut self, field: &str, value: impl Into<Value>) -> Self {
        self.data[field] = value.into();
        self
    }

    pub(crate) fn without(mut self, field: &str) -> Self {
        self.data.as_object_mut().unwrap().remove(field);
        self
    }

    pub(crate) fn id(mut self, id: &'static str) -> Self {
        self.id = Some(id);
        self
    }

    pub(crate) fn occurred(mut self, at: Timestamp) -> Self {
        self.occurred_at = Some(at);
        self
    }

    pub(crate) fn late(mut self, reason: &'static str) -> Self {
        self.late_reason = Some(reason);
        self
    }
}

/// What has happened so far.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) world: World,
    pub(crate) at: Timestamp,
    pub(crate) fetched: Fetched,
    /// What was entered, each with the customer it concerns.
    pub(crate) lived: Vec<Arc<(Lived, Option<CustomerId>)>>,
    entries: u64,
}

/// The company of the tests, and what happened in it: who proposed what.
pub(crate) fn given<const N: usize>(happened: [(&str, Proposed); N]) -> Given {
    static COMPANY: OnceLock<Given> = OnceLock::new();
    let company = COMPANY.get_or_init(Given::company).clone();
    happened.into_iter().fold(company, |given, (who, event)| given.and(who, event))
}

/// The staff: id, unit, roles in the order of precedence.
pub(crate) const STAFF: &[(&str, &str, &[&str])] = &[
    ("E-001", "hq", &["hr"]),
    ("E-002", "hq", &["system_admin"]),
    ("E-101", "north", &["salesperson"]),
    ("E-102", "north", &["salesperson"]),
    ("E-103", "south", &["salesperson"]),
    ("E-201", "north", &["sales_manager", "department_head"]),
    ("E-301", "north", &["regional_gm"]),
    ("E-302", "south", &["regional_gm"]),
    ("E-401", "accounting", &["accounting"]),
    ("E-402", "accounting", &["accounting"]),
    ("E-501", "hq", &["archivist"]),
    ("E-601", "hq", &["market_director"]),
    ("E-801", "hq", &["general_manager"]),
    ("E-802", "hq", &["deputy_gm"]),
    ("E-901", "hq", &["auditor"]),
    ("E-902", "hq", &["compliance"]),
];

impl Given {
    /// Nothing: a ledger before its founding.
    pub(crate) fn nothing() -> Self {
        Self {
            world: World::default(),
            at: NOW.parse().unwrap(),
            fetched: Fetched::default(),
            lived: Vec::new(),
            entries: 0,
        }
    }

    fn company() -> Self {
        let mut given = Self::nothing().and("system", founded());
        for head in [false, true] {
            let head = |id: &'static str| head.then_some(id);
            given = given
                .and("system", unit("hq", None, head("E-801"), &[]))
                .and("system", unit("north", Some("hq"), head("E-201"), &["north"]))
                .and("system", unit("south", Some("hq"), head("E-302"), &["south"]))
                .and("system", unit("branch", Some("north"), None, &[]))
                .and("system", unit("accounting", Some("hq"), head("E-402"), &[]));
            for (id, unit, _) in STAFF.iter().filter(|_| head("").is_none()) {
                let data = json!({ "employee_id": id, "name": "s1.sealed", "unit": unit, "joined_on": "2020-01-01" });
                given = given.and("system", event("employee.registered", data));
            }
        }
        for (id, unit, roles) in STAFF {
            given = roles.iter().fold(given, |given, role| given.and("system", role_given(id, role, unit)));
        }
        given.and("system", policy("hq", json!({}), json!({})))
    }

    /// Lets something more happen, which must be admitted.
    pub(crate) fn and(self, who: &str, proposed: Proposed) -> Self {
        self.when(who, proposed).admitted()
    }

    /// Lets time pass.
    pub(crate) fn later(mut self, duration: Duration) -> Self {
        self.at = self.at.plus(duration);
        self
    }

    /// Lets time pass until `at`.
    pub(crate) fn at(mut self, at: &str) -> Self {
        self.at = at.parse().unwrap();
        self
    }

    /// Lets somebody propose: `system`, an employee acting under the first role held, or `E-1/role`.
    pub(crate) fn when(&self, who: &str, proposed: Proposed) -> When {
        let actor = self.actor(who);
        let id: EntryId = match proposed.id {
            Some(id) => id.parse().unwrap(),
            None => format!("entry-{:05}", self.entries).parse().unwrap(),
        };
        let occurred_at = proposed.occurred_at.or_else(|| self.own_time(&proposed)).unwrap_or(self.at);
        let decision = self.decide(&proposed, &actor, &id, occurred_at);
        When { given: self.clone(), actor, id, occurred_at, decision, refold: None }
    }

    /// Lets somebody correct or void an entry, as a door and the writer would decide on it; nothing is sealed.
    pub(crate) fn amend(&self, who: &str, target: &EntryId, changes: Option<Value>) -> When {
        let actor = self.actor(who);
        let id: EntryId = format!("entry-{:05}", self.entries).parse().unwrap();
        let (decision, refold) = match self.judged(&actor, target, changes, &id) {
            Ok((admissions, refold)) => (Ok(admissions), Some(refold)),
            Err(refusal) => (Err(refusal), None),
        };
        When { given: self.clone(), actor, id, occurred_at: self.at, decision, refold }
    }

    fn judged(
        &self,
        actor: &Actor,
        target: &EntryId,
        changes: Option<Value>,
        id: &EntryId,
    ) -> Result<(Vec<Admission>, Arc<Refold>), Refusal> {
        let (lived, customer) = self.lived.iter().find(|one| one.0.id == *target).unwrap().as_ref();
        record::check_type(lived.kind, &lived.actor)?;
        let mut data = json!({ "target_event": target, "reason": "typed in a hurry" });
        let kind = match changes {
            Some(changes) => {
                data["changes"] = changes;
                record::CORRECTED
            }
            None => record::VOIDED,
        };
        let Some(Ok(Event::Record(event))) = Event::read(kind, &data) else { panic!("{data}") };
        let event = event.complete(lived, customer.as_ref())?;
        let part = event.part();
        let of = |part: &Part| -> Vec<Lived> {
            let all = self
                .lived
                .iter()
                .filter(|one| Part::of(one.1.clone()) == *part && (one.1.is_some() || is_companys(one.0.kind.name)));
            all.map(|one| one.0.clone()).collect()
        };
        let company = if part == Part::Company { Vec::new() } else { of(&Part::Company) };
        let past = Past { entries: of(&part), part, company, zone: self.world.ledger.zone };
        let refold = Arc::new(judge::judge(&self.world, &past, &event, id)?);
        let about = About { subject: lived.subject.clone(), customer: customer.clone() };
        let fetched = Fetched { refold: Some(refold.clone()), ..Fetched::default() };
        let context = Context {
            at: self.at,
            occurred_at: self.at,
            late_reason: None,
            actor,
            id,
            about: &about,
            approvals: &[],
            fetched: &fetched,
        };
        Ok((domain::admit(&self.world, &context, Event::Record(event))?, refold))
    }

    fn decide(
        &self,
        proposed: &Proposed,
        actor: &Actor,
        id: &EntryId,
        at: Timestamp,
    ) -> Result<Vec<Admission>, Refusal> {
        let kind = catalog::find(proposed.kind).unwrap();
        let mut data = proposed.data.clone();
        catalog::check(kind, &mut data)?;
        let event = Event::read(kind.name, &data).unwrap().unwrap();
        let named: Option<StreamName> = proposed.subject.as_ref().map(|subject| subject.parse().unwrap());
        let about = domain::about(&self.world, &event, named.as_ref())?;
        let context = Context {
            at: self.at,
            occurred_at: at,
            late_reason: proposed.late_reason,
            actor,
            id,
            about: &about,
            approvals: &[],
            fetched: &self.fetched,
        };
        domain::admit(&self.world, &context, event)
    }

    fn own_time(&self, proposed: &Proposed) -> Option<Timestamp> {
        let own = proposed.data.get(catalog::find(proposed.kind)?.occurred?)?.as_str()?;
        own.parse().ok().or_else(|| Some(self.world.ledger.zone.start_of(own.parse::<Date>().ok()?)))
    }

    fn actor(&self, who: &str) -> Actor {
        if who == "system" {
            return Actor::System;
        }
        let (id, role) =
            who.split_once('/').map_or((who, None), |(id, role)| (id, Some(role.parse::<Role>().unwrap())));
        let id: EmployeeId = id.parse().unwrap();
        let held = self.world.employee.members[&id].roles.iter().find(|held| role.is_none_or(|role| role == held.role));
        let held = held.unwrap_or_else(|| panic!("{who} holds no such role")).clone();
        Actor::Employee { id, role: held.role, unit: held.unit }
    }
}

/// A decision, not yet looked at.
#[derive(Debug)]
pub(crate) struct When {
    given: Given,
    actor: Actor,
    id: EntryId,
    occurred_at: Timestamp,
    decision: Result<Vec<Admission>, Refusal>,
    refold: Option<Arc<Refold>>,
}

impl When {
    /// Lets it happen if it is let in; otherwise all stays as it was, and `None` says so.
    pub(crate) fn perhaps(self) -> Option<Given> {
        self.decision.is_ok().then(|| self.admitted())
    }

    /// Checks that events of these types, in this order, are let in; they have happened then.
    pub(crate) fn then<const N: usize>(self, types: [&str; N]) -> Given {
        let admitted: Vec<&str> = self.decision.iter().flatten().map(|admission| admission.event.name()).collect();
        if let Err(refusal) = &self.decision {
            panic!("refused: {}", refusal.words().0);
        }
        assert_eq!(admitted, types);
        self.admitted()
    }

    /// Checks that whatever is proposed is let in.
    pub(crate) fn admitted(self) -> Given {
        let Self { mut given, actor, id, occurred_at, decision, refold } = self;
        let admissions = decision.unwrap_or_else(|refusal| panic!("refused: {} {refusal:?}", refusal.words().0));
        for Admission { event, about, actor: admitted_for, id: admitted_as, .. } in admissions {
            let fact = Fact {
                index: given.entries,
                id: admitted_as.as_ref().unwrap_or(&id),
                at: given.at,
                occurred_at,
                actor: admitted_for.as_ref().unwrap_or(&actor),
                subject: &about.subject,
            };
            given.world.apply(&fact, &event);
            let first = !given.lived.iter().any(|one| one.0.subject == about.subject);
            let lived = Lived {
                index: fact.index,
                id: fact.id.clone(),
                at: fact.at,
                occurred_at,
                actor: fact.actor.clone(),
                subject: about.subject.clone(),
                first,
                kind: catalog::find(event.name()).unwrap(),
                data: event.data().unwrap(),
            };
            given.lived.push(Arc::new((lived, about.customer.clone())));
            if let Some(refold) = refold.as_deref() {
                given.world.refold(refold, fact.id, fact.at);
            }
            given.entries += 1;
            if let Event::Sale(sale::Event::Recorded(sale)) = event {
                given.fetched.sales.insert(about.subject.id().unwrap_or_default().to_owned(), sale);
            }
        }
        given
    }

    /// Returns the payload of the last event let in.
    pub(crate) fn data(&self) -> Value {
        let admissions = self.decision.as_ref().unwrap_or_else(|refusal| panic!("refused: {}", refusal.words().0));
        admissions.last().unwrap().event.data().unwrap()
    }

    /// Returns the subject the first event let in is entered under.
    pub(crate) fn subject(&self) -> String {
        self.decision.as_ref().unwrap()[0].about.subject.to_string()
    }

    /// Checks that it is refused with this code, citing this rule; returns the words.
    pub(crate) fn then_refused(self, code: Code, rule: &str) -> String {
        let Err(refusal) = self.decision else { panic!("admitted: {:?}", self.data()) };
        assert_eq!(refusal.grounds(), (code, rule), "{}", refusal.words().0);
        refusal.words().0
    }

    /// Checks that the shape is refused, at these places.
    pub(crate) fn then_malformed<const N: usize>(self, pointers: [&str; N]) {
        let Err(Refusal::Schema(problems)) = &self.decision else { panic!("not malformed: {:?}", self.decision) };
        assert_eq!(problems.iter().map(|problem| problem.pointer.as_str()).collect::<Vec<_>>(), pointers);
    }
}

// What happens in tests, in the fewest words.

pub(crate) fn founded() -> Proposed {
    event("ledger.initialized", json!({ "ledger_id": "test", "company": "Invented Works", "zone": "Asia/Shanghai" }))
}

pub(crate) fn unit(id: &str, parent: Option<&str>, head: Option<&str>, territory: &[&str]) -> Proposed {
    let kind = if parent.is_none() { "headquarters" } else { "region" };
    let mut data = json!({ "unit_id": id, "name": id, "kind": kind, "status": "active", "territory": territory });
    for (field, value) in [("parent", parent), ("head", head)] {
        if let Some(value) = value {
            data[field] = json!(value);
        }
    }
    event("org_unit.defined", data)
}

pub(crate) fn role_given(id: &str, role: &str, unit: &str) -> Proposed {
    let data = json!({ "added": [{ "role": role, "unit": unit }], "removed": [], "reason": "tests" });
    event("employee.roles_changed", data).about(format!("employee/{id}"))
}

pub(crate) fn staff_status(id: &str, status: &str) -> Proposed {
    let data = json!({ "status": status, "effective_on": "2026-03-02", "last_day": "2026-03-31", "new_unit": "south" });
    event("employee.status_changed", data).about(format!("employee/{id}"))
}

pub(crate) fn policy(unit: &str, presets: Value, parameters: Value) -> Proposed {
    event(
        "policy.adopted",
        json!({
            "unit": unit, "presets": presets, "parameters": parameters, "effective_at": NOW, "reason": "tests",
        }),
    )
}

pub(crate) fn customer(id: &str, name: &str) -> Proposed {
    event(
        "customer.registered",
        json!({
            "customer_id": id, "name": name, "party": "end_user", "direct": true, "region": "north", "source": "visit",
            "first_contact_at": "2026-03-01T10:00:00+08:00", "owner": "E-101",
        }),
    )
}

pub(crate) fn customer_status(id: &str, status: &str) -> Proposed {
    event("customer.status_changed", json!({ "status": status, "reason": "tests" })).about(format!("customer/{id}"))
}

pub(crate) fn duplicate(id: &str, main: &str) -> Proposed {
    event("customer.marked_duplicate", json!({ "duplicate_of": main, "reason": "tests" }))
        .about(format!("customer/{id}"))
}

pub(crate) fn main_customer(id: &str) -> Proposed {
    let data = json!({ "dimension": "weight", "value": "main", "basis": "tests" });
    event("customer.classified", data).about(format!("customer/{id}"))
}

pub(crate) fn sold(id: &str, customer: &str, day: &str, fen: i64) -> Proposed {
    event(
        "sale.recorded",
        json!({
            "sale_id": id, "customer_id": customer, "invoice_name": "Heyuan", "kind": "sale", "product": "Relay",
            "product_category": "Protection", "region": "north", "amount": fen, "sold_on": day,
        }),
    )
}

pub(crate) fn contact(customer: &str, who: &[&str]) -> Proposed {
    event(
        "contact.recorded",
        json!({
            "direction": "outbound", "channel": "visit", "at": NOW, "our_people": who, "purpose": "care_bond",
            "summary": "Talked about spare parts.", "major": false, "class": "C2", "reported_to": "E-201",
        }),
    )
    .about(format!("contact/{customer}"))
}

pub(crate) fn grade_proposed(customer: &str, to: &str) -> Proposed {
    event(
        "credit_grade.proposed",
        json!({
            "proposal_id": "P-1", "customer_id": customer, "to": to, "trigger": "initial", "evidence": ["entry-00001"],
            "reason": "pays every invoice on time",
        }),
    )
}

/// Proposes a business grade for `C-01`.
pub(crate) fn business_proposed(to: &str) -> Proposed {
    let Proposed { data, .. } = grade_proposed("C-01", to);
    event("business_grade.proposed", data)
}

/// Gives a customer the credit grade in the fewest steps.
pub(crate) fn credit_graded(given: Given, customer: &str, to: &str) -> Given {
    let approved = event("credit_grade.approved", json!({ "proposal_id": "P-1", "to": to }));
    given.and("E-101", grade_proposed(customer, to)).and("E-301", approved)
}

pub(crate) fn terms(customer: &str, grade: &str, fen: i64) -> Proposed {
    let data = json!({ "credit_grade": grade, "credit_limit": fen, "payment_method": "monthly" });
    event("trade_terms.set", data).about(format!("customer/{customer}"))
}

pub(crate) fn paid(id: &str, customer: &str, day: &str, fen: i64) -> Proposed {
    let data = json!({
        "payment_id": id, "customer_id": customer, "amount": fen, "received_on": day, "method": "transfer",
    });
    event("payment.recorded", data)
}

pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn customer_id(text: &str) -> CustomerId {
    text.parse().unwrap()
}
