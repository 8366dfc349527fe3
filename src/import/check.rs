//! Whether a mapping fits the files: every file and column it names is there, and derived columns have an order.

use std::collections::{BTreeMap, BTreeSet};

use crate::import::mapping::{Mapping, Template, Value};
use crate::import::plan::PlanError;
use crate::import::table::Tables;

/// Compares what the mapping names with what is there.
pub(crate) struct Check<'a> {
    pub(crate) mapping: &'a Mapping,
    pub(crate) tables: &'a Tables,
}

impl<'a> Check<'a> {
    /// Returns the derived columns, each after those it reads.
    pub(crate) fn run(&self) -> Result<Vec<(&'a str, &'a str)>, PlanError> {
        for section in &self.mapping.sections {
            let place = format!("event \"{}\" in line {}", section.name, section.line);
            let own = section.from.as_deref();
            if let Some(file) = own {
                self.file(&place, file)?;
            }
            for value in section.data.values().chain(&section.occurred_at) {
                self.value(&place, own, value)?;
            }
            let fixed = [Some(&section.actor), section.approve_as.as_ref(), section.subject.as_ref()];
            let templates = fixed.into_iter().flatten().chain(section.after.values()).flat_map(Template::columns);
            let rows = section.only.keys().chain(section.except.keys()).chain(section.after.keys());
            for column in templates.chain(rows.chain(&section.distinct).map(String::as_str)) {
                self.column(&place, own, column)?;
            }
        }
        let mut order = Vec::new();
        let mut done = BTreeMap::new();
        for (file, declared) in &self.mapping.files {
            self.file("the mapping", file)?;
            for (column, value) in &declared.derived {
                let place = format!("derived column \"{column}\" of file \"{file}\"");
                self.value(&place, Some(file), value)?;
                let header = self.tables.tables.get(file).map(|table| &table.columns);
                if header.is_some_and(|columns| columns.contains(column)) {
                    return Err(PlanError::Shadowed { file: file.clone(), column: column.clone() });
                }
            }
        }
        for (file, declared) in &self.mapping.files {
            for column in declared.derived.keys() {
                self.place_derived(file, column, &mut done, &mut order)?;
            }
        }
        Ok(order)
    }

    /// Places a column after all it reads; `done` says of each column begun whether it is finished.
    fn place_derived(
        &self,
        file: &'a str,
        column: &'a str,
        done: &mut BTreeMap<(&'a str, &'a str), bool>,
        order: &mut Vec<(&'a str, &'a str)>,
    ) -> Result<(), PlanError> {
        let Some(value) = self.mapping.files.get(file).and_then(|declared| declared.derived.get(column)) else {
            return Ok(());
        };
        match done.insert((file, column), false) {
            Some(true) => {
                done.insert((file, column), true);
                return Ok(());
            }
            Some(false) => return Err(PlanError::Circular { file: file.to_owned(), column: column.to_owned() }),
            None => {}
        }
        let mut needed = BTreeSet::new();
        value.for_each_column(&mut |other, column| {
            needed.insert((other.unwrap_or(file), column));
        });
        for (file, column) in needed {
            self.place_derived(file, column, done, order)?;
        }
        done.insert((file, column), true);
        order.push((file, column));
        Ok(())
    }

    fn value(&self, place: &str, own: Option<&str>, value: &Value) -> Result<(), PlanError> {
        let mut result = Ok(());
        value.for_each_column(&mut |other, column| {
            if result.is_ok() {
                result = self.column(place, other.or(own), column);
            }
        });
        result
    }

    fn file(&self, place: &str, file: &str) -> Result<(), PlanError> {
        if self.mapping.files.contains_key(file) && self.tables.tables.contains_key(file) {
            return Ok(());
        }
        Err(PlanError::UnknownFile { place: place.to_owned(), file: file.to_owned() })
    }

    fn column(&self, place: &str, file: Option<&str>, column: &str) -> Result<(), PlanError> {
        let Some(file) = file else {
            return Err(PlanError::NoFile { place: place.to_owned(), column: column.to_owned() });
        };
        self.file(place, file)?;
        let derived = self.mapping.files.get(file).is_some_and(|declared| declared.derived.contains_key(column));
        let read = self.tables.tables.get(file).is_some_and(|table| table.columns.iter().any(|name| name == column));
        if derived || read {
            return Ok(());
        }
        let (place, file, column) = (place.to_owned(), file.to_owned(), column.to_owned());
        Err(PlanError::UnknownColumn { place, file, column })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::table::Table;

    #[test]
    fn a_mapping_that_does_not_fit_the_files_is_an_error() {
        let event = |rest: &str| format!("[[event]]\nname = \"n\"\nkind = \"x.y\"\nas = \"hr\"\n{rest}\n");
        let file = "[file.a]\npath = \"a.csv\"\n";
        let check = |mapping: &str, expected: &str| {
            let text = format!("[actors]\nhr = \"E-HR\"\n{mapping}");
            let mapping = Mapping::parse("m.toml", &text).unwrap();
            let table = Table::parse(&mapping, mapping.files.get("a").unwrap(), b"k\n1\n").unwrap();
            let tables = Tables { tables: BTreeMap::from([("a".to_owned(), table)]) };
            let message = Check { mapping: &mapping, tables: &tables }.run().unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        };
        check(&format!("{file}{}", event("from = \"b\"\ndata.k = 1")), "names file \"b\"");
        check(&format!("{file}{}", event("from = \"a\"\ndata.k = \"{x}\"")), "column \"x\", which file \"a\"");
        check(&format!("{file}{}", event("data.k = \"{k}\"")), "reads no file");
        check(&format!("{file}{}", event("from = \"a\"\ndistinct = [\"x\"]\ndata.k = 1")), "column \"x\"");
        let lookup = "data.k = { lookup = \"a\", where = { x = \"{k}\" }, take = \"k\" }";
        check(&format!("{file}{}", event(&format!("from = \"a\"\n{lookup}"))), "column \"x\"");
        check(&format!("{file}derive.k = \"1\""), "already has a column \"k\"");
        check(&format!("{file}derive.x = \"{{y}}\"\nderive.y = \"{{x}}\""), "needs itself");
        check(&format!("{file}[file.b]\npath = \"b.csv\""), "names file \"b\"");
    }

    #[test]
    fn derived_columns_come_after_those_they_read() {
        let text = "[file.a]\npath = \"a.csv\"\nderive.a = \"{c}\"\nderive.b = \"{k}\"\nderive.c = \"{b}{b}\"\n";
        let mapping = Mapping::parse("m.toml", text).unwrap();
        let table = Table::parse(&mapping, mapping.files.get("a").unwrap(), b"k\n1\n").unwrap();
        let tables = Tables { tables: BTreeMap::from([("a".to_owned(), table)]) };
        let order = Check { mapping: &mapping, tables: &tables }.run().unwrap();
        assert_eq!(order, [("a", "b"), ("a", "c"), ("a", "a")]);
    }
}
