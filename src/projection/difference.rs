//! What changed in a view between two moments: field by field, item by item.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::projection::{Cell, Column, Node};

/// The columns of a comparison, whatever is compared.
pub const COLUMNS: &[Column] = &[
    Column { id: "change", zh: "变化", en: "Change" },
    Column { id: "within", zh: "所在部分", en: "Part" },
    Column { id: "item", zh: "项目", en: "Item" },
    Column { id: "field", zh: "字段", en: "Field" },
    Column { id: "before", zh: "之前", en: "Before" },
    Column { id: "after", zh: "之后", en: "After" },
];

/// Returns where two states of a view differ, one row for every field and every item added or removed.
///
/// `columns` are the view's: the items of its list are the same where the fewest of its first columns that tell all items
/// apart say the same. `before` is absent where there was no such thing yet.
pub fn between(columns: &[Column], before: Option<&Node>, after: &Node) -> Vec<Node> {
    let names: Vec<&'static str> = columns.iter().map(|column| column.id).collect();
    let mut found = Found { columns: &names, rows: Vec::new() };
    found.rows_differ(&Place::default(), before.map_or(&[], fields), fields(after));
    found.rows
}

/// Where in a view a difference stands.
#[derive(Clone, Default)]
struct Place {
    within: Option<&'static str>,
    item: Vec<(&'static str, Node)>,
}

struct Found<'a> {
    columns: &'a [&'static str],
    rows: Vec<Node>,
}

impl Found<'_> {
    fn rows_differ(&mut self, place: &Place, before: &[(&'static str, Node)], after: &[(&'static str, Node)]) {
        let gone = before.iter().filter(|(name, _)| field(after, name).is_none());
        let names: Vec<&'static str> = after.iter().chain(gone).map(|(name, _)| *name).collect();
        for name in names {
            self.fields_differ(place, name, field(before, name), field(after, name));
        }
    }

    fn fields_differ(&mut self, place: &Place, name: &'static str, before: Option<&Node>, after: Option<&Node>) {
        match (before.map(inner), after.map(inner)) {
            (Some(Node::List(before)), Some(Node::List(after))) => self.lists_differ(place, name, before, after),
            (Some(Node::List(before)), None) => self.lists_differ(place, name, before, &[]),
            (None, Some(Node::List(after))) => self.lists_differ(place, name, &[], after),
            (None | Some(Node::Row(_)), None | Some(Node::Row(_))) => {
                let place = Place { within: Some(name), ..place.clone() };
                self.rows_differ(&place, before.map_or(&[], fields), after.map_or(&[], fields));
            }
            // Of what even the number is confidential, the whole is told or nothing.
            (before_inner, after_inner) => {
                let (before_inner, after_inner) = (before_inner.filter(present), after_inner.filter(present));
                let change = match (before_inner, after_inner) {
                    (None, None) => return,
                    (Some(before), Some(after)) if same(before, after) => return,
                    (Some(_), Some(_)) => "changed",
                    (None, Some(_)) => "added",
                    (Some(_), None) => "removed",
                };
                self.note(
                    change,
                    place,
                    Some(name),
                    before.filter(|_| before_inner.is_some()),
                    after.filter(|_| after_inner.is_some()),
                );
            }
        }
    }

    fn lists_differ(&mut self, place: &Place, name: &'static str, before: &[Node], after: &[Node]) {
        let names = self.identity(name, before, after);
        let keys = |items: &[Node]| -> Vec<_> { items.iter().map(|item| key(&names, item)).collect() };
        let (keys_before, keys_after) = (keys(before), keys(after));
        // Of items that say the same the first one counts.
        let mut earlier: BTreeMap<&[String], &Node> = BTreeMap::new();
        for (key, item) in keys_before.iter().zip(before) {
            earlier.entry(key).or_insert(item);
        }
        // Items in their order: those there are, then those there were.
        for (key, item) in keys_after.iter().zip(after) {
            let place = at_item(place, name, &names, item);
            let first = self.rows.len();
            match earlier.get(key.as_slice()) {
                Some(earlier) => self.rows_differ(&place, fields(earlier), fields(item)),
                None => self.note("added", &place, None, None, Some(item)),
            }
            self.wrap(first, item);
        }
        let later: BTreeSet<&[String]> = keys_after.iter().map(Vec::as_slice).collect();
        for (key, item) in keys_before.iter().zip(before) {
            if !later.contains(key.as_slice()) {
                let first = self.rows.len();
                self.note("removed", &at_item(place, name, &names, item), None, Some(item), None);
                self.wrap(first, item);
            }
        }
    }

    /// The fields by which items of a list are the same.
    fn identity(&self, list: &str, before: &[Node], after: &[Node]) -> Vec<&'static str> {
        let known: &[&'static str] = match list {
            "sections" => &["section", "item"],
            "classes" => &["dimension"],
            "persons" => &["person_id"],
            "consents" => &["purpose", "third_party"],
            "contacts" => &["index"],
            "items" => self.columns,
            _ => &[],
        };
        if list != "items" {
            return known.to_vec();
        }
        let apart = |names: &[&'static str], items: &[Node]| {
            let keys: BTreeSet<_> = items.iter().map(|item| key(names, item)).collect();
            keys.len() == items.len()
        };
        let enough = (1..=known.len()).filter_map(|count| known.get(..count));
        enough.into_iter().find(|names| apart(names, before) && apart(names, after)).unwrap_or_default().to_vec()
    }

    fn note(
        &mut self,
        change: &'static str,
        place: &Place,
        name: Option<&'static str>,
        before: Option<&Node>,
        after: Option<&Node>,
    ) {
        let mut row = vec![("change", Node::plain(change))];
        row.extend(place.within.map(|within| ("within", Node::plain(within))));
        if !place.item.is_empty() {
            row.push(("item", Node::Row(place.item.clone())));
        }
        row.extend(name.map(|name| ("field", Node::plain(name))));
        row.extend(before.map(|before| ("before", before.clone())));
        row.extend(after.map(|after| ("after", after.clone())));
        self.rows.push(Node::Row(row));
    }

    /// Makes the differences of an item be judged as the item is.
    fn wrap(&mut self, first: usize, item: &Node) {
        for row in self.rows.iter_mut().skip(first) {
            let taken = std::mem::replace(row, Node::absent());
            *row = match item {
                Node::About(id, _) => Node::About(id.clone(), Box::new(taken)),
                Node::AboutStaff(id, _) => Node::AboutStaff(id.clone(), Box::new(taken)),
                Node::Concerning(facts, _) => Node::Concerning(*facts, Box::new(taken)),
                Node::Computed(seal, _) => Node::Computed(seal.clone(), Box::new(taken)),
                Node::Cell(_) | Node::Row(_) | Node::List(_) | Node::Members(..) => taken,
            };
        }
    }
}

fn at_item(place: &Place, list: &'static str, names: &[&'static str], item: &Node) -> Place {
    let named = fields(item).iter().filter(|(name, _)| names.contains(name)).cloned();
    let mut path = place.item.clone();
    path.extend(named);
    let within = if list == "items" { place.within } else { Some(list) };
    Place { within, item: path }
}

/// What an item is known by; one without names by all it says.
fn key(names: &[&'static str], item: &Node) -> Vec<String> {
    if names.is_empty() {
        return vec![said(item)];
    }
    names.iter().map(|name| field(fields(item), name).map(said).unwrap_or_default()).collect()
}

fn said(node: &Node) -> String {
    match inner(node) {
        Node::Cell(cell) => cell.value.to_string(),
        Node::Row(row) => row.iter().map(|(name, node)| format!("{name}={};", said(node))).collect(),
        Node::List(items) | Node::Members(_, items) => items.iter().map(|item| said(item) + ",").collect(),
        Node::About(..) | Node::AboutStaff(..) | Node::Concerning(..) | Node::Computed(..) => String::new(),
    }
}

fn same(one: &Node, other: &Node) -> bool {
    said(one) == said(other)
}

fn present(node: &&Node) -> bool {
    !matches!(node, Node::Cell(Cell { value: Value::Null, .. }))
}

fn field<'a>(row: &'a [(&'static str, Node)], name: &str) -> Option<&'a Node> {
    row.iter().find(|(found, _)| *found == name).map(|(_, node)| node)
}

fn fields(node: &Node) -> &[(&'static str, Node)] {
    match inner(node) {
        Node::Row(row) => row,
        Node::Cell(_)
        | Node::List(_)
        | Node::Members(..)
        | Node::About(..)
        | Node::AboutStaff(..)
        | Node::Concerning(..)
        | Node::Computed(..) => &[],
    }
}

fn inner(node: &Node) -> &Node {
    match node {
        Node::About(_, node) | Node::AboutStaff(_, node) | Node::Concerning(_, node) | Node::Computed(_, node) => {
            inner(node)
        }
        Node::Cell(_) | Node::Row(_) | Node::List(_) | Node::Members(..) => node,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(items: impl Iterator<Item = (u64, &'static str)>) -> Node {
        let row = |(id, name)| Node::Row(vec![("index", Node::plain(id)), ("name", Node::plain(name))]);
        Node::Row(vec![("items", Node::List(items.map(row).collect()))])
    }

    fn columns() -> [Column; 2] {
        ["index", "name"].map(|id| Column { id, zh: "", en: "" })
    }

    fn changes(before: &Node, after: &Node) -> Vec<(String, String)> {
        let rows = between(&columns(), Some(before), after);
        let text = |row: &Node, name: &str| field(fields(row), name).map(said).unwrap_or_default();
        rows.iter().map(|row| (text(row, "change"), text(row, "item"))).collect()
    }

    #[test]
    fn items_are_told_apart_by_their_names_whatever_their_order() {
        let before = list([(1, "a"), (2, "b"), (3, "c")].into_iter());
        let after = list([(4, "d"), (3, "x"), (1, "a")].into_iter());
        let told = |change: &str, index: u64| (json!(change).to_string(), format!("index={index};"));
        assert_eq!(changes(&before, &after), [told("added", 4), told("changed", 3), told("removed", 2)]);
    }

    #[test]
    fn long_lists_are_compared_in_one_pass_over_each() {
        // Item by item this would be ten thousand million comparisons of texts.
        let many = 100_000;
        let before = list((0..many).map(|index| (index, "a")));
        let after = list((1..=many).rev().map(|index| (index, "a")));
        assert_eq!(changes(&before, &after).len(), 2);
    }
}
