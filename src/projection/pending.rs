//! What waits for somebody's consent or decision, and what it would change (V-89).

use serde_json::{Map, Value, json};

use crate::access::matter::Matter;
use crate::clock::Timestamp;
use crate::domain::approval::{Step, Waiting};
use crate::domain::catalog::{self, EventType};
use crate::domain::class::Class;
use crate::domain::grade::{self, Proposal};
use crate::domain::role::Role;
use crate::domain::{World, policy};
use crate::ids::{CustomerId, EmployeeId, EntryId, SubjectId};
use crate::projection::register::Register;
use crate::projection::{Node, proposed};

/// Something that waits, as one reader stands to it.
#[derive(Clone, Debug)]
pub struct Pending {
    /// Whether the reader may take the next step.
    pub yours: bool,
    /// Whether the reader proposed it or has taken a step.
    pub involved: bool,
    /// The entry that proposed it, where that says more than the world keeps.
    pub proposal: Option<EntryId>,
    form: &'static EventType,
    customer: Option<CustomerId>,
    row: Vec<(&'static str, Node)>,
}

impl Pending {
    /// It with all that its proposal says of the change, and with the places of the entries that are its evidence.
    pub fn saying(mut self, mut data: Value, evidence_at: &[Option<u64>]) -> Self {
        // Which customer, on what it is based and whom it waits for is told beside it.
        for told in ["customer_id", "proposal_id", "from", "seats"] {
            data.as_object_mut().map(|data| data.remove(told));
        }
        let (Some(proposal), Some(customer)) = (&self.proposal, &self.customer) else { return self };
        let about = |node: Node| Node::About(customer.clone(), Box::new(node));
        let after = about(proposed(self.form, proposal, None, &data));
        let places = about(Node::of(Class::C3, json!(evidence_at)));
        self.row.retain(|(name, _)| *name != "after");
        self.row.extend([("after", after), ("evidence_at", places)]);
        self
    }

    /// It as a row of the view.
    pub fn row(self) -> Node {
        Node::Row(self.row)
    }
}

/// Everything that waits: proposals that need consent, and grades along their chain.
pub fn pending(world: &World, register: &Register, reader: &EmployeeId, at: Timestamp) -> Vec<Pending> {
    let approvals = world.approval.waiting.iter().filter_map(|(id, waiting)| {
        let kind = catalog::find(&waiting.kind)?;
        let (before, after) = of_waiting(world, register, kind, waiting, at);
        let filled = waiting.steps.iter().any(|step| fills(world, reader, step, at));
        let row = Row {
            form: kind,
            proposal: None,
            request: id.as_str(),
            subject: waiting.about.subject.as_str(),
            step: waiting.given.len() + 1,
            since: waiting.occurred_at,
            customer: waiting.about.customer.as_ref(),
            involved: waiting.actor.employee().into_iter().chain(&waiting.given).collect(),
            awaiting: waiting.steps.iter().flat_map(awaited).collect(),
            before,
            after,
        };
        Some(row.pending(reader, filled))
    });
    let grades = world.grade.open.iter().filter_map(|(id, proposal)| {
        let kind = catalog::find(&format!("{}_grade.proposed", proposal.dimension.as_str()))?;
        let holders = grade::awaited(world, proposal, at);
        let (before, after) = of_grade(kind, proposal);
        let row = Row {
            form: kind,
            proposal: Some(&proposal.event),
            request: id.as_str(),
            subject: &format!("customer/{}", proposal.customer),
            step: proposal.taken.len() + 1,
            since: proposal.at,
            customer: Some(&proposal.customer),
            involved: [&proposal.proposer].into_iter().chain(proposal.taken.iter().map(|(who, _)| who)).collect(),
            awaiting: holders.iter().map(EmployeeId::as_str).collect(),
            before,
            after,
        };
        Some(row.pending(reader, holders.contains(reader)))
    });
    approvals.chain(grades).collect()
}

/// Tells whether a request waits for the reader, among others perhaps.
pub fn awaits(world: &World, request: &SubjectId, reader: &EmployeeId, at: Timestamp) -> bool {
    let waiting = world.approval.waiting.get(request);
    waiting.is_some_and(|waiting| waiting.steps.iter().any(|step| fills(world, reader, step, at)))
}

/// Who may take a step, as the view names them: a person, or whoever holds a role.
fn awaited(step: &Step) -> Vec<&str> {
    match step {
        Step::Person(person) => vec![person.as_str()],
        Step::Holder(role) => vec![role.key()],
        Step::Either(role, other) => vec![role.key(), other.key()],
    }
}

fn fills(world: &World, reader: &EmployeeId, step: &Step, at: Timestamp) -> bool {
    let Some(member) = world.employee.members.get(reader) else { return false };
    let today = world.date(at);
    let holds = |role: Role| member.roles_on(today).any(|held| held.role == role);
    match step {
        Step::Person(person) => person == reader,
        Step::Holder(role) => holds(*role),
        Step::Either(role, other) => holds(*role) || holds(*other),
    }
}

/// What is told of something that waits.
struct Row<'a> {
    form: &'static EventType,
    /// The entry that proposed it, where that says more.
    proposal: Option<&'a EntryId>,
    request: &'a str,
    subject: &'a str,
    step: usize,
    since: Timestamp,
    customer: Option<&'a CustomerId>,
    /// Who proposed it, and who has taken a step.
    involved: Vec<&'a EmployeeId>,
    /// Who may take the next one.
    awaiting: Vec<&'a str>,
    /// What is in force.
    before: Node,
    /// What it would be.
    after: Node,
}

impl Row<'_> {
    /// Nobody takes a step twice, nor decides on what they proposed.
    fn pending(self, reader: &EmployeeId, filled: bool) -> Pending {
        let involved = self.involved.contains(&reader);
        let yours = filled && !involved;
        let cell = |value: Value| Node::within(Matter::Staff, Class::C1, value);
        // That it waits, and for whom, may be known to whoever sees the row.
        let told = |node: Node| Node::AboutStaff(reader.clone(), Box::new(node));
        // What it would change is judged by the rights on the customer or employee it is about. Who proposed it knows it, and
        // who is to decide on it must; who only watches gets no right by that.
        let concerned = match involved || yours {
            true => Some(reader.clone()),
            false => self.subject.strip_prefix("employee/").and_then(|id| id.parse().ok()),
        };
        let about = |node: Node| match (self.customer, &concerned) {
            (Some(customer), _) => Node::About(customer.clone(), Box::new(node)),
            (None, Some(employee)) => Node::AboutStaff(employee.clone(), Box::new(node)),
            (None, None) => node,
        };
        let row = vec![
            ("form", Node::plain(self.form.name)),
            ("request", Node::plain(self.request)),
            ("subject", told(cell(json!(self.subject)))),
            ("step", told(cell(json!(self.step)))),
            ("awaiting", told(Node::of(Class::C7, json!(self.awaiting)))),
            ("proposer", told(Node::of(Class::C7, json!(self.involved.first())))),
            ("since", told(cell(json!(self.since)))),
            ("yours", Node::plain(yours)),
            ("before", about(self.before)),
            ("after", about(self.after)),
        ];
        let (proposal, customer) = (self.proposal.cloned(), self.customer.cloned());
        Pending { yours, involved, proposal, form: self.form, customer, row }
    }
}

/// What a waiting proposal says, and what is in force of the same.
fn of_waiting(
    world: &World,
    register: &Register,
    kind: &'static EventType,
    waiting: &Waiting,
    at: Timestamp,
) -> (Node, Node) {
    let mut after: Map<String, Value> = serde_json::from_str(&waiting.data).unwrap_or_default();
    let mut before = match kind.name {
        "trade_terms.set" => {
            let listed = waiting.about.customer.as_ref().and_then(|customer| register.customers.get(customer));
            listed.and_then(|listed| listed.terms.as_ref()).map(|terms| terms.data()).unwrap_or_default()
        }
        "policy.adopted" => in_force(world, &after, at),
        "calendar.adopted" => table(world, &after),
        // Roles taken away are there before and not after.
        "employee.roles_changed" => Map::from_iter(after.remove_entry("removed")),
        _ => Map::new(),
    };
    // Whoever approves is told on approving, not before.
    before.remove("approved_by");
    let node = |data: Map<String, Value>| proposed(kind, &waiting.id, waiting.about.subject.id(), &Value::Object(data));
    (node(before), node(after))
}

/// The presets and parameters in force that a version of the policy would change.
fn in_force(world: &World, adopted: &Map<String, Value>, at: Timestamp) -> Map<String, Value> {
    let unit = adopted.get("unit").and_then(Value::as_str).and_then(|unit| unit.parse().ok());
    let of = |field: &str, now: &dyn Fn(&str) -> Value| {
        let names = adopted.get(field).and_then(Value::as_object).into_iter().flat_map(Map::keys);
        let values: Map<String, Value> = names.map(|name| (name.clone(), now(name))).collect();
        (field.to_owned(), Value::Object(values))
    };
    Map::from_iter([
        of("presets", &|topic| json!(policy::preset(world, unit.as_ref(), at, topic))),
        of("parameters", &|name| policy::value(world, unit.as_ref(), at, name)),
    ])
}

/// The table in force of the calendar and year that another would replace.
fn table(world: &World, adopted: &Map<String, Value>) -> Map<String, Value> {
    let calendar = adopted.get("calendar").and_then(Value::as_str).unwrap_or_default();
    let year = adopted.get("year").and_then(Value::as_i64).and_then(|year| i32::try_from(year).ok());
    let found = year.and_then(|year| world.calendar.tables.get(&(calendar.to_owned(), year)));
    let Some(table) = found else { return Map::new() };
    let values =
        [("version", json!(table.version)), ("days_off", json!(table.off)), ("make_up_days", json!(table.made_up))];
    values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The grade proposed, and the one it is based on.
fn of_grade(kind: &'static EventType, proposal: &Proposal) -> (Node, Node) {
    let node = |grade: Option<&String>| {
        let data = json!({ "to": grade });
        proposed(kind, &proposal.event, None, &data)
    };
    (node(proposal.from.as_ref()), node(Some(&proposal.to)))
}
