//! One customer's key persons: what is known of each, what they agreed to, and how they stand to us.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::domain::catalog::Field;
use crate::domain::class::Class;
use crate::domain::contact;
use crate::domain::person::{
    ConsentRecorded, Details, Event, Function, Purpose, Recorded, RelationshipAssessed, Updated,
};
use crate::projection::{Node, Read, SealedAt, value};

/// What stands where somebody has withdrawn the consent a value was recorded under.
pub const WITHHELD: &str = "consent withdrawn (已撤回同意)";

/// The key persons of one customer.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct People(BTreeMap<String, Person>);

/// What is known of a person.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Person {
    /// The newest value of each field.
    known: BTreeMap<String, Known>,
    /// What the person said last, by purpose, and the entry that says so.
    consents: BTreeMap<String, (String, u64)>,
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

impl People {
    /// Folds one entry of the customer's stream about a person.
    pub fn fold(&mut self, read: &Read<'_>, event: &Event) {
        let Some(id) = read.entry.subject.id() else { return };
        let person = self.0.entry(id.to_owned()).or_default();
        let data: Value = serde_json::from_str(&read.entry.data).unwrap_or_default();
        match event {
            Event::Recorded(_) => person.learn(read, Details::fields(), &data, "/data"),
            Event::Updated(_) => {
                person.learn(read, Details::fields(), data.get("changes").unwrap_or(&Value::Null), "/data/changes");
                person.learn(read, Updated::fields(), &data, "/data");
            }
            Event::ConsentRecorded(ConsentRecorded { purpose, status, .. }) => {
                person.consents.insert(purpose.as_str().to_owned(), (status.as_str().to_owned(), read.index));
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
            if let Some(person) = self.0.get_mut(theirs.0.as_str()) {
                person.met.extend(contact.our_people.iter().map(ToString::to_string));
            }
        }
    }

    /// Everything about everybody (V-17, and the persons of V-11).
    pub fn rows(&self) -> Vec<Node> {
        let rows = self.0.iter().map(|(id, person)| {
            let mut row = vec![("person_id", handle(id))];
            row.extend(Details::fields().iter().map(|field| (field.name, person.cell(field))));
            row.extend(standing().map(|field| (field.name, person.cell(field))));
            let consents = person.consents.iter().map(|(purpose, (status, index))| {
                Node::Row(vec![
                    ("purpose", identity(json!(purpose))),
                    ("status", identity(json!(status))),
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
        let leads = |person: &Person| leading.iter().any(|function| person.is("function", function.as_str()));
        let rows = self.0.values().filter(|person| leads(person) && !person.is("status", "left")).map(|person| {
            let cell = |name| person.cell_of(name);
            Node::Row(vec![
                ("name", cell("name")),
                ("position", cell("position")),
                ("phone", cell("office_phone")),
                ("personality", cell("personality")),
                ("hobbies", cell("hobbies")),
            ])
        });
        Node::List(rows.collect())
    }

    /// How each person stands to each of ours (V-18).
    pub fn relations(&self) -> Vec<Node> {
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
                    ("person_id", handle(id)),
                    ("key_person", person.cell_of("name")),
                    ("our_person", Node::of(Class::C6, ours)),
                    ("our_title", assessed.cell("our_title")),
                    ("decision_role", assessed.cell("decision_role")),
                    ("attitude", assessed.cell("attitude")),
                    // Whoever judges that nothing is established can see whether there was a contact.
                    ("met", Node::of(Class::C6, person.met.contains(ours))),
                    ("source_event", Node::plain(assessed.index)),
                ])
            }));
        }
        rows
    }

    /// Who decides what, project by project (V-19); shares of a project above 100 together are marked, not refused.
    pub fn decision_roles(&self) -> Vec<Node> {
        let mut newest: BTreeMap<(Option<&str>, &str), &Assessed> = BTreeMap::new();
        for (id, person) in &self.0 {
            for ((_, project), assessed) in &person.assessed {
                let kept = newest.entry((project.as_deref(), id)).or_insert(assessed);
                if assessed.index > kept.index {
                    *kept = assessed;
                }
            }
        }
        let mut sums: BTreeMap<Option<&str>, i64> = BTreeMap::new();
        for ((project, _), assessed) in &newest {
            *sums.entry(*project).or_default() += assessed.power();
        }
        let rows = newest.into_iter().map(|((project, id), assessed)| {
            let above = sums.get(&project).is_some_and(|sum| *sum > 100);
            Node::Row(vec![
                ("project", Node::of(Class::C6, project.map_or(Value::Null, |project| json!(project)))),
                ("person_id", handle(id)),
                ("key_person", self.0.get(id).map_or_else(Node::absent, |person| person.cell_of("name"))),
                ("decision_role", assessed.cell("decision_role")),
                ("influence", assessed.cell("decision_power_percent")),
                ("concerns", assessed.cell("concerns")),
                ("sum_above_100", Node::of(Class::C6, above)),
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

    fn is(&self, name: &str, wanted: &str) -> bool {
        self.known.get(name).is_some_and(|known| known.value.trim_matches('"') == wanted)
    }

    fn cell_of(&self, name: &str) -> Node {
        Details::fields().iter().find(|field| field.name == name).map_or_else(Node::absent, |field| self.cell(field))
    }

    fn cell(&self, field: &'static Field) -> Node {
        let Some(known) = self.known.get(field.name) else { return Node::absent() };
        let agreed = self.consents.get(Purpose::RelationshipCare.as_str()).is_some_and(|(said, _)| said == "given");
        if field.class == Class::C5 && !agreed {
            return Node::of(field.class, WITHHELD);
        }
        value(field, &serde_json::from_str(&known.value).unwrap_or_default(), &known.at)
    }
}

impl Assessed {
    fn cell(&self, name: &str) -> Node {
        let data: Value = serde_json::from_str(&self.data).unwrap_or_default();
        let field = RelationshipAssessed::fields().iter().find(|field| field.name == name);
        let (Some(field), Some(found)) = (field, data.get(name)) else { return Node::absent() };
        value(field, found, &SealedAt { pointer: format!("{}/{name}", self.at.pointer), ..self.at.clone() })
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

/// The id says nothing of the person, but that there is one; without it nobody could ask about the person.
fn handle(id: &str) -> Node {
    Node::of(Class::C1, id)
}

fn identity(value: Value) -> Node {
    Node::of(Class::C4, value)
}

fn place(read: &Read<'_>, pointer: String) -> SealedAt {
    SealedAt { id: read.entry.id.clone(), kind: read.entry.kind.clone(), pointer }
}
