//! The one redactor: it turns the cells of a view into what this reader may see.
//!
//! **Invariant:** every surface (API, page, list, export, history, error) gets its values from here.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::access::decide::{Action, Authority, Decision, Policies, Resource};
use crate::access::facts::Facts;
use crate::access::matter::Matter;
use crate::access::opening::Opening;
use crate::access::principal::{Principal, Purpose as Stated};
use crate::access::relation;
use crate::clock::Timestamp;
use crate::domain::World;
use crate::domain::class::Class;
use crate::domain::employee::{Held, Member};
use crate::domain::person::Purpose;
use crate::domain::privacy::Scope;
use crate::ids::{CustomerId, EmployeeId, SubjectId};
use crate::projection::grant::Line;
use crate::projection::{Cell, Node, Personal, SealedAt};

/// What stands where a value may not be seen.
pub const MASK: &str = "•••";
/// What stands where a value was erased.
pub const ERASED: &str = "erased (已删除)";
/// What stands where a legal hold keeps values that are not to be used.
pub const RESTRICTED: &str = "restricted (限制处理)";
/// What stands where a sealed value is there and cannot be opened: its key is missing, or its bytes are not as they were sealed.
pub const UNREADABLE: &str = "unreadable (无法读取)";
/// What stands beside a paper whose file is not there, or not whole.
pub const MISSING: &str = "content missing (内容缺失)";
/// What stands where somebody has withdrawn the consent to use a value.
pub const WITHHELD: &str = "consent withdrawn (已撤回同意)";

/// What came of opening a seal.
#[derive(Clone, Debug, PartialEq)]
pub enum Opened {
    /// The value.
    Value(Value),
    /// Its key is destroyed: it was erased.
    Erased,
    /// It should open and does not.
    Unreadable,
}

/// What a reader may see, asked once per customer and matter and remembered for one answer.
pub struct Sight<'a> {
    policies: &'a Policies,
    world: &'a World,
    principal: &'a Principal,
    member: &'a Member,
    held: &'a Held,
    action: Action,
    extra: Facts,
    purpose: Option<&'a Stated>,
    now: Timestamp,
    /// What is looked at.
    object: Object,
    decided: [Option<Decision>; Matter::ALL.len()],
    remembered: BTreeMap<CustomerId, Object>,
    /// Opens a seal.
    open: &'a dyn Fn(&str, &SealedAt) -> Opened,
    reveal: bool,
    /// What was found out on the way: for the entry of the reading.
    pub seen: Seen,
}

/// What is looked at: its facts, and what grants and loans open of it.
#[derive(Clone, Debug, Default)]
struct Object {
    customer: Option<CustomerId>,
    facts: Facts,
    opening: Opening,
}

/// What an answer showed and by what right.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The classes shown.
    pub classes: BTreeSet<Class>,
    /// The fields masked.
    pub masked: BTreeSet<String>,
    /// The deciding policies.
    pub policies: BTreeSet<String>,
    /// The widest right that was needed, where it was no grant or loan.
    pub authority: Option<Authority>,
    /// The customers shown by a grant or loan, with which.
    pub opened_by: BTreeMap<CustomerId, (Authority, SubjectId)>,
    /// When the first grant or loan looked at closes: by then it must be entered.
    pub closes: Option<Timestamp>,
    /// The customers of whom more than the list was shown, in order.
    pub customers: Vec<CustomerId>,
    /// Opened values with the seals they stand for, as JSON pointers into the answer.
    pub opened: Vec<(String, Value)>,
}

/// What a reader is asked to be judged as.
pub struct Reader<'a> {
    /// The policies that decide.
    pub policies: &'a Policies,
    /// The snapshot that says who is what.
    pub world: &'a World,
    /// Who asks.
    pub principal: &'a Principal,
    /// The asker as a member of staff.
    pub member: &'a Member,
    /// The role acted under.
    pub held: &'a Held,
    /// Reading, printing or exporting.
    pub action: Action,
    /// Facts of the request: purpose, bulk.
    pub extra: Facts,
    /// The purpose itself, which may name a person.
    pub purpose: Option<&'a Stated>,
    /// When.
    pub now: Timestamp,
}

impl<'a> Sight<'a> {
    /// Looks with these eyes; sealed values are opened only if `reveal` is set and the policies permit.
    pub fn new(reader: &Reader<'a>, open: &'a dyn Fn(&str, &SealedAt) -> Opened, reveal: bool) -> Self {
        Self {
            policies: reader.policies,
            world: reader.world,
            principal: reader.principal,
            member: reader.member,
            held: reader.held,
            action: reader.action,
            extra: reader.extra,
            purpose: reader.purpose,
            now: reader.now,
            object: Object {
                facts: relation::facts(reader.world, reader.principal, reader.member, reader.held, None),
                ..Object::default()
            },
            decided: Default::default(),
            remembered: BTreeMap::new(),
            open,
            reveal,
            seen: Seen::default(),
        }
    }

    /// Returns the same eyes, which have seen nothing yet.
    pub fn afresh(&self) -> Self {
        Self {
            object: self.object.clone(),
            decided: Default::default(),
            remembered: BTreeMap::new(),
            seen: Seen::default(),
            ..*self
        }
    }

    /// Looks at a customer from here on.
    pub fn turn_to(&mut self, customer: Option<&CustomerId>) {
        self.object = self.look_at(customer);
        self.decided = Default::default();
    }

    fn look_at(&mut self, customer: Option<&CustomerId>) -> Object {
        let facts = relation::facts(self.world, self.principal, self.member, self.held, customer);
        let opening = match customer {
            Some(customer) => Opening::of(self.world, &self.principal.employee, customer, self.now),
            None => Opening::default(),
        };
        if let Some(ends) = opening.ends() {
            self.seen.closes = Some(self.seen.closes.map_or(ends, |earlier| earlier.min(ends)));
        }
        Object { customer: customer.cloned(), facts, opening }
    }

    /// Decides whether a matter may be read, on whatever is looked at.
    pub fn may(&mut self, matter: Matter) -> Decision {
        let place = matter as usize;
        if let Some(Some(decision)) = self.decided.get(place) {
            return decision.clone();
        }
        let decision = self.may_of(matter, Facts::NONE);
        if let Some(slot) = self.decided.get_mut(place) {
            *slot = Some(decision.clone());
        }
        decision
    }

    /// Decides whether a part of a matter may be read, of which `more` is the case.
    pub fn may_of(&self, matter: Matter, more: Facts) -> Decision {
        let opened = self.object.opening.facts(matter, self.action);
        let facts = self.object.facts.with(self.extra).with(opened).with(more);
        self.policies.decide(self.held.role, self.action, Resource::Matter(matter), facts)
    }

    /// Tells whether a matter may be read of a member of staff.
    pub fn may_of_staff(&self, employee: &EmployeeId, matter: Matter) -> bool {
        self.may_of(matter, self.facts_of_staff(employee)).allowed
    }

    /// Returns who looks.
    pub fn reader(&self) -> &EmployeeId {
        &self.principal.employee
    }

    /// Finds the facts of a grant or loan: what it is about, whose it is, and the reader's place in it.
    pub fn facts_of_request(&self, line: &Line) -> Facts {
        let facts = line.facts().with(self.facts_of_staff(&line.holder));
        facts.with(relation::facts_of_request(self.world, self.principal, self.member, line, self.now))
    }

    /// Notes by which grant or loan the whole is open, where it is by one: an answer may show nothing and was read all the same.
    pub fn open_by(&mut self, matter: Matter) {
        let authority = self.may(matter).authority;
        let source = authority
            .and_then(|authority| self.object.opening.source(matter, authority, self.action).map(|id| (authority, id)));
        if let (Some((authority, id)), Some(customer)) = (source, &self.object.customer) {
            self.seen.opened_by.entry(customer.clone()).or_insert_with(|| (authority, id.clone()));
        }
    }

    /// Tells whether a part of a matter may be looked at, of which `more` is the case, whatever is to be done with it now.
    pub fn reads(&self, matter: Matter, more: Facts) -> bool {
        let facts = self.object.facts.with(self.extra).with(self.object.opening.facts(matter, Action::Read)).with(more);
        self.policies.decide(self.held.role, Action::Read, Resource::Matter(matter), facts).allowed
    }

    /// Tells whether what is read is to be printed or taken out.
    pub fn takes_out(&self) -> bool {
        self.action != Action::Read
    }

    /// Tells whether the reader is this person.
    pub fn is(&self, employee: &str) -> bool {
        self.principal.employee.as_str() == employee
    }

    /// Tells whether whole entries may leave: whoever may take ledger proofs out (auditor and compliance).
    pub fn may_take_proofs(&mut self) -> bool {
        let facts = self.object.facts.with(self.extra);
        self.policies.decide(self.held.role, Action::Export, Resource::Matter(Matter::Proofs), facts).allowed
    }

    /// Turns a view into what is shown.
    pub fn show(&mut self, node: &Node) -> Value {
        self.node(node, &mut String::new(), "")
    }

    fn node(&mut self, node: &Node, pointer: &mut String, name: &str) -> Value {
        match node {
            Node::Cell(cell) => self.cell(cell, pointer, name),
            Node::Row(row) => {
                let mut shown = Map::new();
                // A row that says which item or field it is gives its values that name.
                let item = row.iter().find_map(|(name, node)| match node {
                    Node::Cell(cell) if matches!(*name, "item" | "field") => cell.value.as_str(),
                    _ => None,
                });
                for (name, node) in row {
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(name);
                    let label = if matches!(*name, "value" | "before" | "after") { item.unwrap_or(name) } else { name };
                    let value = self.node(node, pointer, label);
                    pointer.truncate(length);
                    // Nothing to show is left out: an absent value has no field.
                    if !value.is_null() {
                        shown.insert((*name).to_owned(), value);
                    }
                }
                Value::Object(shown)
            }
            Node::List(items) => {
                let mut shown = Vec::with_capacity(items.len());
                for (place, item) in items.iter().enumerate() {
                    let length = pointer.len();
                    pointer.push('/');
                    pointer.push_str(&place.to_string());
                    shown.push(self.node(item, pointer, name));
                    pointer.truncate(length);
                }
                Value::Array(shown)
            }
            Node::Members(class, rows) => {
                let decision = self.may(class.matter());
                if !decision.allowed || decision.masked {
                    return self.mask(name);
                }
                self.node(&Node::List(rows.clone()), pointer, name)
            }
            Node::About(customer, inner) => {
                let object = match self.remembered.get(customer) {
                    Some(object) => object.clone(),
                    None => {
                        let object = self.look_at(Some(customer));
                        self.remembered.insert(customer.clone(), object.clone());
                        object
                    }
                };
                let before = (std::mem::replace(&mut self.object, object), std::mem::take(&mut self.decided));
                let classes = std::mem::take(&mut self.seen.classes);
                let value = self.node(inner, pointer, name);
                if self.seen.classes.iter().any(|class| *class != Class::C0)
                    && self.seen.customers.last() != Some(customer)
                {
                    self.seen.customers.push(customer.clone());
                }
                self.seen.classes.extend(classes);
                (self.object, self.decided) = before;
                value
            }
            Node::AboutStaff(employee, inner) => {
                let more = self.facts_of_staff(employee);
                self.concerning(more, inner, pointer, name)
            }
            Node::Concerning(more, inner) => self.concerning(*more, inner, pointer, name),
            Node::Computed(seal, inner) => {
                let value = self.node(inner, pointer, name);
                if value != MASK && !value.is_null() {
                    self.seen.opened.push((pointer.clone(), seal.as_str().into()));
                }
                value
            }
        }
    }

    /// Looks at a part of what is looked at, of which more is the case.
    fn concerning(&mut self, more: Facts, inner: &Node, pointer: &mut String, name: &str) -> Value {
        let before = (self.object.facts, std::mem::take(&mut self.decided));
        self.object.facts = self.object.facts.with(more);
        let value = self.node(inner, pointer, name);
        (self.object.facts, self.decided) = before;
        value
    }

    fn facts_of_staff(&self, employee: &EmployeeId) -> Facts {
        relation::facts_of_staff(self.world, self.principal, self.held, employee)
    }

    fn cell(&mut self, cell: &Cell, pointer: &str, name: &str) -> Value {
        if cell.value.is_null() {
            return Value::Null;
        }
        if cell.class == Class::C0 && cell.sealed.is_none() {
            return cell.value.clone();
        }
        let mut masked = false;
        let named = cell.person.as_ref().is_some_and(|own| self.names(&own.id));
        for matter in needed(cell) {
            let decision = if named { self.may_of(matter, Facts::NAMED_PERSON) } else { self.may(matter) };
            if !decision.allowed {
                return self.mask(name);
            }
            masked |= decision.masked;
            self.note(matter, &decision);
        }
        if let Some(words) = cell.person.as_ref().and_then(|own| self.withheld(own, cell.class)) {
            return words.into();
        }
        let personal = matches!(cell.class, Class::C4 | Class::C5);
        // Of our own staff what is sealed is personal: it is shown at once to whoever may see it unmasked.
        if personal && !self.reveal || masked && (personal || cell.sealed.is_some()) {
            return self.mask(name);
        }
        self.seen.classes.insert(cell.class);
        match &cell.sealed {
            None => cell.value.clone(),
            Some(at) => match cell.value.as_str().map_or(Opened::Unreadable, |seal| (self.open)(seal, at)) {
                Opened::Value(opened) => {
                    self.seen.opened.push((pointer.to_owned(), cell.value.clone()));
                    opened
                }
                Opened::Erased => ERASED.into(),
                Opened::Unreadable => UNREADABLE.into(),
            },
        }
    }

    /// Tells whether the purpose names a person, by the person's id.
    fn names(&self, person: &SubjectId) -> bool {
        let note = self.purpose.and_then(|purpose| purpose.note.as_deref()).unwrap_or_default();
        let apart = |c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c));
        note.split(apart).any(|word| word.trim_end_matches('.') == person.as_str())
    }

    /// What stands in place of a person's own value that may not be used any more, whatever moment is asked about.
    fn withheld(&self, own: &Personal, class: Class) -> Option<&'static str> {
        let privacy = &self.world.privacy;
        let scope = if class == Class::C5 { Scope::Private } else { Scope::All };
        if privacy.is_erased(&own.id, scope) {
            return Some(ERASED);
        }
        if privacy.holds.contains_key(&own.id) {
            return Some(RESTRICTED);
        }
        let person = self.world.person.people.get(&own.id);
        let agreed = !own.by_consent || person.is_some_and(|person| person.agrees(Purpose::RelationshipCare));
        (!agreed).then_some(WITHHELD)
    }

    fn mask(&mut self, name: &str) -> Value {
        self.seen.masked.insert(name.chars().take(60).collect());
        Value::String(MASK.to_owned())
    }

    /// Notes by what right something is read: also where a sum rests on it and it is not shown itself.
    pub fn note(&mut self, matter: Matter, decision: &Decision) {
        for policy in decision.policies.iter() {
            if !self.seen.policies.contains(policy) {
                self.seen.policies.insert(policy.clone());
            }
        }
        let Some(authority) = decision.authority else { return };
        if let (Some(source), Some(customer)) =
            (self.object.opening.source(matter, authority, self.action), &self.object.customer)
        {
            // What was opened for a time is what an auditor asks for first.
            self.seen.opened_by.entry(customer.clone()).or_insert_with(|| (authority, source.clone()));
            return;
        }
        // The widest right that was needed says by what right the whole was read.
        self.seen.authority = Some(self.seen.authority.map_or(authority, |widest| widest.max(authority)));
    }
}

/// What must be permitted for a cell: its matter, and its class where that is confidential in its own right.
fn needed(cell: &Cell) -> impl Iterator<Item = Matter> {
    let own = cell.class.matter();
    let confidential = matches!(cell.class, Class::C3 | Class::C4 | Class::C5 | Class::C6);
    std::iter::once(cell.matter).chain((confidential && own != cell.matter).then_some(own))
}
