//! One customer's key persons: what is known of each, what they agreed to, and how they stand to us.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::catalog::Field;
use crate::domain::class::Class;
use crate::domain::contact;
use crate::domain::person::{
    Consent, ConsentRecorded, Details, Event, Function, Purpose, Recorded, RelationshipAssessed, Standing, Updated,
};
use crate::domain::privacy::Scope;
use crate::ids::SubjectId;
use crate::projection::{Cell, Node, Personal, Read, SealedAt, value};

/// The key persons of one customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct People(BTreeMap<SubjectId, Person>);

/// What is known of a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Person {
    /// What the person is for the customer.
    function: Option<Function>,
    /// Whether the person still holds the post.
    standing: Option<Standing>,
    /// The newest value of each field.
    known: BTreeMap<String, Known>,
    /// What the person said last, by purpose and third party, and the entry that says so.
    consents: BTreeMap<(Purpose, Option<String>), (Consent, u64)>,
    /// The newest judgement by our person and project.
    assessed: BTreeMap<(String, Option<String>), Assessed>,
    /// Who of us has been in contact with the person.
    met: BTreeSet<String>,
}

/// One value with where it stands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    /// JSON text: the compact form of documents cannot tell values of unknown shape apart.
    value: String,
    at: SealedAt,
}

/// One judgement: the payload of its entry.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Assessed {
    data: String,
    at: SealedAt,
    index: u64,
}

/// A day that matters to a person.
#[derive(Clone, Debug)]
pub struct Dated<'a> {
    /// Whose it is.
    pub person: &'a SubjectId,
    /// The person's name.
    pub name: Node,
    /// Which day it is: what was written, or `birthday`.
    pub occasion: Node,
    /// The sealed date.
    pub seal: String,
    /// Where it stands.
    pub at: SealedAt,
    /// The same as a cell.
    pub date: Node,
}

impl People {
    /// Folds one entry of the customer's stream about a person.
    pub fn fold(&mut self, read: &Read<'_>, event: &Event) {
        let Some(id) = read.entry.subject.id().and_then(|id| id.parse().ok()) else { return };
        let person = self.0.entry(id).or_default();
        let data: Value = serde_json::from_str(&read.entry.data).unwrap_or_default();
        match event {
            Event::Recorded(recorded) => {
                person.function = recorded.function;
                person.learn(read, Details::fields(), &data, "/data");
            }
            Event::Updated(updated) => {
                person.function = updated.changes.function.or(person.function);
                person.standing = updated.status.or(person.standing);
                person.learn(read, Details::fields(), data.get("changes").unwrap_or(&Value::Null), "/data/changes");
                person.learn(read, Updated::fields(), &data, "/data");
            }
            Event::ConsentRecorded(ConsentRecorded { purpose, status, third_party, .. }) => {
                let third_party = third_party.as_ref().map(|party| party.0.clone());
                person.consents.insert((*purpose, third_party), (*status, read.index));
            }
            Event::RelationshipAssessed(RelationshipAssessed { our_person, project, .. }) => {
                let key = (our_person.to_string(), project.as_ref().map(|project| project.0.clone()));
                let assessed = Assessed { data: data.to_string(), at: place(read, "/data".into()), index: read.index };
                person.assessed.insert(key, assessed);
            }
        }
    }

    /// Takes note of who met whom.
    pub fn meet(&mut self, contact: &contact::Recorded) {
        for theirs in contact.their_people.iter().flatten() {
            if let Some(person) = self.0.get_mut(&theirs.0) {
                person.met.extend(contact.our_people.iter().map(ToString::to_string));
            }
        }
    }

    /// Everything about everybody (V-17, and the persons of V-11).
    pub fn rows(&self, unit: &Node) -> Vec<Node> {
        let rows = self.0.iter().map(|(id, person)| {
            let mut row = vec![("unit_name", unit.clone()), ("person_id", handle(id))];
            row.extend(Details::fields().iter().map(|field| (field.name, person.cell(id, field))));
            row.extend(standing().map(|field| (field.name, person.cell(id, field))));
            let consents = person.consents.iter().map(|((purpose, third_party), (status, index))| {
                Node::Row(vec![
                    ("purpose", identity(json!(purpose.as_str()))),
                    ("third_party", identity(json!(third_party))),
                    ("status", identity(json!(status.as_str()))),
                    ("source_event", Node::plain(*index)),
                ])
            });
            row.push(("consents", Node::List(consents.collect())));
            Node::Row(row)
        });
        rows.collect()
    }

    /// Who leads the customer: the principals of paper form F1 (V-01).
    pub fn principals(&self) -> Node {
        let leading = [Function::LegalRepresentative, Function::Principal, Function::Executive];
        let leads = |person: &Person| person.function.is_some_and(|function| leading.contains(&function));
        let rows = self.in_post().filter(|(_, person)| leads(person)).map(|(id, person)| {
            let cell = |name| person.cell_of(id, name);
            Node::Row(vec![
                ("name", cell("name")),
                ("position", cell("position")),
                ("phone", cell("office_phone")),
                ("personality", cell("personality")),
                ("hobbies", cell("hobbies")),
            ])
        });
        // How many lead is said of persons, as their functions are.
        Node::Members(Class::C4, rows.collect())
    }

    /// Whom to talk to, where, and under which numbers: who is in post (V-16).
    pub fn contacts(&self) -> (Node, Node) {
        let of = |id, person: &Person, names: &[&'static str]| {
            Node::Row(names.iter().map(|name| (*name, person.cell_of(id, name))).collect())
        };
        let contacts = self.in_post().map(|(id, person)| of(id, person, &["name", "position", "location"]));
        let phones =
            self.in_post().map(|(id, person)| of(id, person, &["name", "mobile", "office_phone", "home_phone"]));
        // How many there are is said of persons, as their names are.
        (Node::Members(Class::C4, contacts.collect()), Node::Members(Class::C4, phones.collect()))
    }

    /// The days that matter to those in post: birthdays and important dates, each where its seal stands (V-72).
    pub fn dates(&self) -> Vec<Dated<'_>> {
        let mut dates = Vec::new();
        for (id, person) in self.in_post() {
            let mut add = |occasion, date: Node| {
                if let Some(Cell { value: Value::String(seal), sealed: Some(at), .. }) = cell_in(&date).cloned() {
                    dates.push(Dated { person: id, name: person.cell_of(id, "name"), occasion, seal, at, date });
                }
            };
            let own = |value| {
                let person = Some(Personal { id: id.clone(), by_consent: true });
                Node::Cell(Cell { value, matter: Class::C5.matter(), class: Class::C5, sealed: None, person })
            };
            add(own(json!("birthday")), person.cell_of(id, "birthday"));
            if let Node::List(items) = person.cell_of(id, "important_dates") {
                for item in items {
                    let Node::Row(fields) = item else { continue };
                    let of = |name| fields.iter().find(|(field, _)| *field == name).map(|(_, node)| node.clone());
                    if let (Some(label), Some(date)) = (of("label"), of("date")) {
                        add(label, date);
                    }
                }
            }
        }
        dates
    }

    /// Names the fields that are held of a person, where so much is erased (V-22).
    pub fn held(&self, id: &SubjectId, erased: Option<Scope>) -> Vec<&str> {
        let Some(person) = self.0.get(id) else { return Vec::new() };
        let private = |name: &str| Details::fields().iter().any(|field| field.name == name && field.class == Class::C5);
        let gone = |name: &str| match erased {
            None => false,
            Some(Scope::Private) => private(name),
            Some(Scope::All) => true,
        };
        let judged = (!person.assessed.is_empty() && erased.is_none()).then_some("relationship");
        person.known.keys().map(String::as_str).filter(|name| !gone(name)).chain(judged).collect()
    }

    /// How each person stands to each of ours (V-18).
    pub fn relations(&self, unit: &Node) -> Vec<Node> {
        let mut rows = Vec::new();
        for (id, person) in &self.0 {
            let mut newest: BTreeMap<&str, &Assessed> = BTreeMap::new();
            for ((ours, _), assessed) in &person.assessed {
                let kept = newest.entry(ours).or_insert(assessed);
                if assessed.index > kept.index {
                    *kept = assessed;
                }
            }
            rows.extend(newest.into_iter().map(|(ours, assessed)| {
                Node::Row(vec![
                    ("unit_name", unit.clone()),
                    ("person_id", handle(id)),
                    ("key_person", person.cell_of(id, "name")),
                    ("our_person", Node::of(Class::C6, ours)),
                    ("our_title", assessed.cell(id, "our_title")),
                    ("decision_role", assessed.cell(id, "decision_role")),
                    ("attitude", assessed.cell(id, "attitude")),
                    // Whoever judges that nothing is established can see whether there was a contact.
                    ("met", Node::of(Class::C6, person.met.contains(ours))),
                    ("source_event", Node::plain(assessed.index)),
                ])
            }));
        }
        rows
    }

    /// The people of a key account who are in post, and how much they decide together; above 100 is marked, not refused (V-41, R-127).
    pub fn related(&self) -> Node {
        let rows = self.in_post().map(|(id, person)| {
            let mut row = vec![("person_id", handle(id))];
            let shown = ["name", "position", "mobile", "family", "home_address", "hobbies"];
            row.extend(shown.map(|name| (name, person.cell_of(id, name))));
            if let Some(assessed) = person.newest() {
                row.push(("decision_power_percent", assessed.cell(id, "decision_power_percent")));
                row.push(("source_event", Node::plain(assessed.index)));
            }
            Node::Row(row)
        });
        let sum = self.power();
        Node::Row(vec![
            ("items", Node::List(rows.collect())),
            ("power_sum", Node::of(Class::C6, sum)),
            ("sum_above_100", Node::of(Class::C6, sum > 100)),
        ])
    }

    fn in_post(&self) -> impl Iterator<Item = (&SubjectId, &Person)> {
        self.0.iter().filter(|(_, person)| person.in_post())
    }

    /// How much those in post decide together, each as judged last.
    fn power(&self) -> i64 {
        self.in_post().filter_map(|(_, person)| person.newest().map(Assessed::power)).sum()
    }

    /// Who decides what, project by project (V-19); shares of a customer's people above 100 together are marked, not refused.
    pub fn decision_roles(&self, unit: &Node) -> Vec<Node> {
        let sum = self.power();
        let mut rows: BTreeMap<(Option<&str>, &SubjectId), (&Person, &Assessed)> = BTreeMap::new();
        for (id, person) in self.in_post() {
            for ((_, project), assessed) in &person.assessed {
                let kept = rows.entry((project.as_deref(), id)).or_insert((person, assessed));
                if assessed.index > kept.1.index {
                    kept.1 = assessed;
                }
            }
        }
        let rows = rows.into_iter().map(|((project, id), (person, assessed))| {
            Node::Row(vec![
                ("unit_name", unit.clone()),
                ("project", Node::of(Class::C6, project.map_or(Value::Null, |project| json!(project)))),
                ("person_id", handle(id)),
                ("key_person", person.cell_of(id, "name")),
                ("decision_role", assessed.cell(id, "decision_role")),
                ("influence", assessed.cell(id, "decision_power_percent")),
                ("concerns", assessed.cell(id, "concerns")),
                ("sum_above_100", Node::of(Class::C6, sum > 100)),
                ("source_event", Node::plain(assessed.index)),
            ])
        });
        rows.collect()
    }
}

impl Person {
    fn learn(&mut self, read: &Read<'_>, declared: &'static [Field], data: &Value, within: &str) {
        for field in declared.iter().filter(|field| kept(field)) {
            let Some(value) = data.get(field.name) else { continue };
            let at = place(read, format!("{within}/{}", field.name));
            self.known.insert(field.name.to_owned(), Known { value: value.to_string(), at });
        }
    }

    fn in_post(&self) -> bool {
        self.standing != Some(Standing::Left)
    }

    fn newest(&self) -> Option<&Assessed> {
        self.assessed.values().max_by_key(|assessed| assessed.index)
    }

    fn cell_of(&self, id: &SubjectId, name: &str) -> Node {
        Details::fields()
            .iter()
            .find(|field| field.name == name)
            .map_or_else(Node::absent, |field| self.cell(id, field))
    }

    fn cell(&self, id: &SubjectId, field: &'static Field) -> Node {
        let Some(known) = self.known.get(field.name) else { return Node::absent() };
        value(field, &serde_json::from_str(&known.value).unwrap_or_default(), &known.at, id)
    }
}

impl Assessed {
    fn cell(&self, id: &SubjectId, name: &str) -> Node {
        let data: Value = serde_json::from_str(&self.data).unwrap_or_default();
        let field = RelationshipAssessed::fields().iter().find(|field| field.name == name);
        let (Some(field), Some(found)) = (field, data.get(name)) else { return Node::absent() };
        value(field, found, &SealedAt { pointer: format!("{}/{name}", self.at.pointer), ..self.at.clone() }, id)
    }

    fn power(&self) -> i64 {
        let data: Value = serde_json::from_str(&self.data).unwrap_or_default();
        data.get("decision_power_percent").and_then(Value::as_i64).unwrap_or(0)
    }
}

/// What is kept of an update besides its changes: the standing.
fn standing() -> impl Iterator<Item = &'static Field> {
    Updated::fields().iter().filter(|field| field.name == "status")
}

fn kept(field: &Field) -> bool {
    field.name == "status" || Recorded::fields().iter().any(|recorded| recorded.name == field.name)
}

fn cell_in(node: &Node) -> Option<&Cell> {
    match node {
        Node::Cell(cell) => Some(cell),
        Node::Concerning(_, inner) => cell_in(inner),
        Node::Row(_)
        | Node::List(_)
        | Node::Members(..)
        | Node::About(..)
        | Node::AboutStaff(..)
        | Node::Computed(..) => None,
    }
}

/// The id says nothing of the person, but that there is one; without it nobody could ask about the person.
fn handle(id: &SubjectId) -> Node {
    Node::of(Class::C1, id.as_str())
}

fn identity(value: Value) -> Node {
    Node::of(Class::C4, value)
}

fn place(read: &Read<'_>, pointer: String) -> SealedAt {
    SealedAt { id: read.entry.id.clone(), kind: read.entry.kind.clone(), pointer }
}
