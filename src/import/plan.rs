//! Mapping and tables become an ordered list of planned proposals and rejected rows.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use crate::clock::Zone;
use crate::ids::{StreamName, SubjectId};
use crate::import::check::Check;
use crate::import::mapping::{Mapping, Section, Template, Value};
use crate::import::problem::Problem;
use crate::import::table::Tables;
use crate::import::value::{Fault, Frame, Place};
use crate::import::{Planned, Rejected, Step};

/// Why a mapping does not fit the files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The mapping names a file it does not declare.
    #[error("{place} names file \"{file}\", which the mapping does not declare")]
    UnknownFile {
        /// Where in the mapping.
        place: String,
        /// The name.
        file: String,
    },
    /// The mapping names a column that neither stands in the header nor is derived.
    #[error("{place} names column \"{column}\", which file \"{file}\" does not have")]
    UnknownColumn {
        /// Where in the mapping.
        place: String,
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// A section that reads no file names a column.
    #[error("{place} names column \"{column}\" but reads no file")]
    NoFile {
        /// Where in the mapping.
        place: String,
        /// The column.
        column: String,
    },
    /// A derived column has the name of a column in the header.
    #[error("file \"{file}\" already has a column \"{column}\", derive one of another name")]
    Shadowed {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
    /// Derived columns need each other.
    #[error("derived column \"{column}\" of file \"{file}\" needs itself")]
    Circular {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
}

/// Plans an import: first the rows that could not be read, then section after section of the mapping, row after row.
///
/// Steps are made as they are asked for. What stays in memory is the tables, their derived columns and sixteen bytes
/// per planned event.
///
/// # Errors
/// [`PlanError`] if the mapping names files or columns that are not there, or derives columns in a circle.
pub fn plan<'a>(mapping: &'a Mapping, tables: &'a Tables, zone: Zone) -> Result<Planner<'a>, PlanError> {
    let order = Check { mapping, tables }.run()?;
    let mut frame = Frame::new(mapping, tables, zone, &order);
    for section in &mapping.sections {
        let values = section.data.values().chain(&section.occurred_at);
        values.for_each(|value| value.for_each_join(&mut |join| frame.index(join)));
    }
    let unreadable = mapping.files.keys().filter_map(|file| tables.tables.get(file)).flat_map(|table| &table.rejected);
    Ok(Planner {
        ready: unreadable.cloned().map(Step::Rejected).collect(),
        frame,
        sections: mapping.sections.iter(),
        mapping,
        current: None,
        candidates: VecDeque::new(),
        seen: HashSet::new(),
    })
}

/// The steps of an import, in order.
pub struct Planner<'a> {
    mapping: &'a Mapping,
    frame: Frame<'a>,
    ready: VecDeque<Step>,
    sections: std::slice::Iter<'a, Section>,
    current: Option<&'a Section>,
    candidates: VecDeque<Candidate>,
    seen: HashSet<[u8; ID_BYTES]>,
}

impl Planner<'_> {
    /// Returns how many steps may still follow, at most.
    pub fn steps_left_max(&self) -> usize {
        let rows = |section: &Section| match &section.from {
            None => 1,
            Some(file) => self.frame.table(file).map_or(0, |table| table.rows.len()),
        };
        self.ready.len() + self.candidates.len() + self.sections.as_slice().iter().map(rows).sum::<usize>()
    }
}

impl Iterator for Planner<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        loop {
            if let Some(step) = self.ready.pop_front() {
                return Some(step);
            }
            if let (Some(section), Some(candidate)) = (self.current, self.candidates.pop_front()) {
                return Some(self.step(section, candidate));
            }
            let section = self.sections.next()?;
            self.current = Some(section);
            self.candidates = self.candidates(section);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.steps_left_max()))
    }
}

/// A row that counts for a section, or why it cannot be told whether it does.
struct Candidate {
    /// `None` for the one event of a section that reads no file.
    row: Option<usize>,
    fault: Option<Fault>,
}

/// What is said of a step's place.
struct Origin<'a> {
    file: &'a str,
    line: u64,
    /// Among the records of the file; 0 for the mapping itself.
    number: u64,
}

impl Planner<'_> {
    fn candidates(&self, section: &Section) -> VecDeque<Candidate> {
        let Some(table) = section.from.as_deref().and_then(|file| self.frame.table(file)) else {
            return VecDeque::from([Candidate { row: None, fault: None }]);
        };
        let mut rows = Vec::new();
        let mut combinations = HashSet::new();
        for row in 0..table.rows.len() {
            match self.counts(section, row, &mut combinations) {
                Ok(false) => {}
                Ok(true) => rows.push(Candidate { row: Some(row), fault: None }),
                Err(fault) => rows.push(Candidate { row: Some(row), fault: Some(fault) }),
            }
        }
        if section.after.is_empty() { rows.into() } else { self.arranged(section, rows) }
    }

    fn counts(
        &self,
        section: &Section,
        row: usize,
        combinations: &mut HashSet<Vec<Option<String>>>,
    ) -> Result<bool, Fault> {
        let place = at(section, Some(row));
        for (column, words) in &section.only {
            let cell = self.frame.cell(place, column)?;
            if !words.contains(cell.unwrap_or_default()) {
                return Ok(false);
            }
        }
        for (column, words) in &section.except {
            let cell = self.frame.cell(place, column)?;
            if words.contains(cell.unwrap_or_default()) {
                return Ok(false);
            }
        }
        if section.distinct.is_empty() {
            return Ok(true);
        }
        let cells = section.distinct.iter().map(|column| self.frame.cell(place, column));
        let combination = cells.map(|cell| Ok(cell?.map(str::to_owned))).collect::<Result<_, Fault>>()?;
        Ok(combinations.insert(combination))
    }

    /// Puts every row after those it waits for, otherwise in the order of the file.
    fn arranged(&self, section: &Section, mut rows: Vec<Candidate>) -> VecDeque<Candidate> {
        let mut by_key: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
        for (position, candidate) in rows.iter().enumerate() {
            let place = at(section, candidate.row);
            let cells = section.after.keys().map(|column| self.frame.cell(place, column).ok().flatten());
            if let Some(key) = cells.collect::<Option<Vec<_>>>() {
                by_key.entry(key).or_default().push(position);
            }
        }
        let mut awaited = Vec::new();
        let mut faults = Vec::new();
        for candidate in &rows {
            let place = at(section, candidate.row);
            let texts = section.after.values().map(|template| self.frame.text(place, template));
            let (positions, fault) = match texts.collect::<Result<Option<Vec<_>>, _>>() {
                Ok(key) => {
                    let key = key.as_ref().map(|key| key.iter().map(String::as_str).collect::<Vec<_>>());
                    (key.and_then(|key| by_key.get(&key).cloned()).unwrap_or_default(), None)
                }
                Err(fault) => (Vec::new(), Some(fault)),
            };
            awaited.push(positions);
            faults.push(fault);
        }
        let (order, circular) = arrange(&awaited);
        for (candidate, fault) in rows.iter_mut().zip(faults) {
            candidate.fault = candidate.fault.take().or(fault);
        }
        for position in circular {
            if let Some(candidate) = rows.get_mut(position) {
                candidate.fault = Some(Problem::Circular.into());
            }
        }
        let mut rows = rows.into_iter().map(Some).collect::<Vec<_>>();
        order.into_iter().filter_map(|position| rows.get_mut(position).and_then(Option::take)).collect()
    }

    fn step(&mut self, section: &Section, candidate: Candidate) -> Step {
        let table = section.from.as_deref().and_then(|file| self.frame.table(file));
        let row = candidate.row.and_then(|row| table?.rows.get(row));
        let origin = match (table, row) {
            (Some(table), Some(row)) => Origin { file: &table.file, line: row.line, number: row.number },
            _ => Origin { file: &self.mapping.file, line: section.line, number: 0 },
        };
        if let Some(fault) = candidate.fault {
            return Step::Rejected(rejected(&origin, &[("row".to_owned(), fault)]));
        }
        match self.planned(section, at(section, candidate.row), &origin) {
            Err(faults) => Step::Rejected(rejected(&origin, &faults)),
            Ok(mut planned) => {
                let id = identify(&planned, origin.number);
                planned.id = format!("{ID_PREFIX}{}", hex(&id));
                if self.seen.insert(id) {
                    Step::Planned(planned)
                } else {
                    Step::Rejected(rejected(&origin, &[("id".to_owned(), Problem::Duplicate.into())]))
                }
            }
        }
    }

    /// Evaluates the whole row, so that one run tells all that is wrong with it.
    fn planned(
        &self,
        section: &Section,
        place: Place<'_>,
        origin: &Origin<'_>,
    ) -> Result<Planned, Vec<(String, Fault)>> {
        let mut faults = Vec::new();
        let mut data = serde_json::Map::new();
        for (field, value) in &section.data {
            match self.frame.value(place, value) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    data.insert(field.clone(), found);
                }
                Err(fault) => faults.push((field.clone(), fault)),
            }
        }
        let mut noted = |field: &str, found: Result<Option<String>, Fault>| {
            found.unwrap_or_else(|fault| {
                faults.push((field.to_owned(), fault));
                None
            })
        };
        let actor = noted("actor", self.named(place, Some(&section.actor), is_subject_id));
        let approve_as = noted("approve_as", self.named(place, section.approve_as.as_ref(), is_subject_id));
        let subject = noted("subject", self.named(place, section.subject.as_ref(), is_stream_name));
        let occurred_at = noted("occurred_at", self.occurred_at(place, section.occurred_at.as_ref()));
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Planned {
            id: String::new(),
            kind: section.kind.clone(),
            subject,
            data: serde_json::Value::Object(data),
            occurred_at,
            late_reason: section.late_reason.clone(),
            role: section.role.clone(),
            actor,
            approve_as,
            file: origin.file.to_owned(),
            line: origin.line,
        })
    }

    fn named(
        &self,
        place: Place<'_>,
        template: Option<&Template>,
        check: fn(&str) -> Result<(), Problem>,
    ) -> Result<Option<String>, Fault> {
        let Some(template) = template else {
            return Ok(None);
        };
        let text = self.frame.text(place, template)?.ok_or(Problem::Missing)?;
        check(&text)?;
        Ok(Some(text))
    }

    fn occurred_at(&self, place: Place<'_>, value: Option<&Value>) -> Result<Option<String>, Fault> {
        let found = value.map(|value| self.frame.value(place, value)).transpose()?.flatten();
        Ok(found.and_then(|instant| instant.as_str().map(str::to_owned)))
    }
}

fn at(section: &Section, row: Option<usize>) -> Place<'_> {
    Some((section.from.as_deref()?, row?))
}

/// Orders positions so that each comes after those it awaits; also returns those that await each other in a circle.
fn arrange(awaited: &[Vec<usize>]) -> (Vec<usize>, BTreeSet<usize>) {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; awaited.len()];
    let mut order = Vec::new();
    let mut circular = BTreeSet::new();
    for start in 0..awaited.len() {
        if states.get(start) != Some(&State::New) {
            continue;
        }
        // A path of its own rather than recursion: a chain may be as long as the file.
        let mut path = vec![(start, 0_usize)];
        states.iter_mut().skip(start).take(1).for_each(|state| *state = State::Open);
        while let Some((position, next)) = path.last_mut() {
            let position = *position;
            let Some(other) = awaited.get(position).and_then(|others| others.get(*next)).copied() else {
                states.iter_mut().skip(position).take(1).for_each(|state| *state = State::Done);
                order.push(position);
                path.pop();
                continue;
            };
            *next += 1;
            match states.get_mut(other) {
                Some(state @ State::New) => {
                    *state = State::Open;
                    path.push((other, 0));
                }
                Some(State::Open) => {
                    circular.extend(path.iter().rev().map(|(position, _)| *position).take_while(|p| *p != other));
                    circular.insert(other);
                }
                Some(State::Done) | None => {}
            }
        }
    }
    (order, circular)
}

fn is_subject_id(text: &str) -> Result<(), Problem> {
    text.parse::<SubjectId>().map(|_| ()).map_err(|_| Problem::NotId)
}

fn is_stream_name(text: &str) -> Result<(), Problem> {
    text.parse::<StreamName>().map(|_| ()).map_err(|_| Problem::NotStream)
}

fn rejected(origin: &Origin<'_>, faults: &[(String, Fault)]) -> Rejected {
    let mut english = Vec::new();
    let mut chinese = Vec::new();
    for (field, fault) in faults {
        let (mut en, mut zh) = (format!("{field}: {}", fault.problem.english()), String::new());
        zh.push_str(&format!("{field}：{}", fault.problem.chinese()));
        if let Some(column) = &fault.column {
            en.push_str(&format!(", column \"{column}\""));
            zh.push_str(&format!("，列“{column}”"));
        }
        if let Some((file, line)) =
            fault.origin.as_ref().filter(|(file, line)| file != origin.file || *line != origin.line)
        {
            en.push_str(&format!(", from line {line} of {file}"));
            zh.push_str(&format!("，源自 {file} 第 {line} 行"));
        }
        english.push(en);
        chinese.push(zh);
    }
    // A column of another file would mislead beside this file and line.
    let here = |fault: &Fault| {
        let elsewhere = fault.origin.as_ref().is_some_and(|(file, line)| file != origin.file || *line != origin.line);
        if elsewhere { None } else { fault.column.clone() }
    };
    Rejected {
        file: origin.file.to_owned(),
        line: origin.line,
        column: faults.iter().find_map(|(_, fault)| here(fault)),
        reason_en: english.join("; "),
        reason_zh: chinese.join("；"),
    }
}

/// Hashes where a proposal comes from and everything it proposes; every part is preceded by its length, so that no
/// two proposals are the same bytes.
fn identify(planned: &Planned, number: u64) -> [u8; ID_BYTES] {
    let mut hasher = blake3::Hasher::new_derive_key("dossier import proposal id");
    feed_text(&mut hasher, &planned.file);
    hasher.update(&number.to_be_bytes());
    feed_text(&mut hasher, &planned.kind);
    feed(&mut hasher, &planned.data);
    for part in [
        &planned.subject,
        &planned.occurred_at,
        &planned.late_reason,
        &planned.role,
        &planned.actor,
        &planned.approve_as,
    ] {
        hasher.update(&[u8::from(part.is_some())]);
        feed_text(&mut hasher, part.as_deref().unwrap_or_default());
    }
    let mut id = [0; ID_BYTES];
    hasher.finalize_xof().fill(&mut id);
    id
}

fn feed(hasher: &mut blake3::Hasher, value: &serde_json::Value) {
    match value {
        serde_json::Value::Null => {
            hasher.update(b"z");
        }
        serde_json::Value::Bool(truth) => {
            hasher.update(if *truth { b"t" } else { b"f" });
        }
        serde_json::Value::Number(number) => {
            hasher.update(b"n");
            feed_text(hasher, &number.to_string());
        }
        serde_json::Value::String(text) => {
            hasher.update(b"s");
            feed_text(hasher, text);
        }
        serde_json::Value::Array(items) => {
            hasher.update(b"a");
            feed_length(hasher, items.len());
            items.iter().for_each(|item| feed(hasher, item));
        }
        serde_json::Value::Object(fields) => {
            // Sorted here, since whether the map is sorted depends on how serde_json was built.
            let sorted = fields.iter().collect::<BTreeMap<_, _>>();
            hasher.update(b"o");
            feed_length(hasher, sorted.len());
            for (name, field) in sorted {
                feed_text(hasher, name);
                feed(hasher, field);
            }
        }
    }
}

fn feed_text(hasher: &mut blake3::Hasher, text: &str) {
    feed_length(hasher, text.len());
    hasher.update(text.as_bytes());
}

fn feed_length(hasher: &mut blake3::Hasher, length: usize) {
    hasher.update(&u64::try_from(length).unwrap_or(u64::MAX).to_be_bytes());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const ID_BYTES: usize = 16;
const ID_PREFIX: &str = "import-";

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use serde_json::json;

    use super::*;
    use crate::import::expression::{Expression, Rational};
    use crate::import::table::Table;

    struct Given {
        mapping: Mapping,
        tables: Tables,
    }

    impl Given {
        fn steps(&self) -> Vec<Step> {
            plan(&self.mapping, &self.tables, Zone::default()).unwrap().collect()
        }

        fn planned(&self) -> Vec<Planned> {
            let proposal = |step| match step {
                Step::Planned(planned) => planned,
                Step::Rejected(rejected) => panic!("{rejected:?}"),
            };
            self.steps().into_iter().map(proposal).collect()
        }
    }

    fn given(mapping: &str, files: &[(&str, &str)]) -> Given {
        let mapping = Mapping::parse("m.toml", &format!("[actors]\nhr = \"E-HR\"\n{mapping}")).unwrap();
        let mut tables = Tables::default();
        for (name, content) in files {
            let table = Table::parse(&mapping, mapping.files.get(*name).unwrap(), content.as_bytes()).unwrap();
            tables.tables.insert((*name).to_owned(), table);
        }
        Given { mapping, tables }
    }

    const STAFF: &str = r#"
        [file.staff]
        path = "staff.csv"
        [file.staff.derive]
        id = { text = "N-{number}", type = "id" }
        unit = { lookup = "place", where = { number = "{number}" }, take = "region" }
        [file.place]
        path = "place.csv"
        [[event]]
        name = "staff"
        kind = "employee.registered"
        from = "staff"
        as = "hr"
        approve_as = "E-GM"
        after = { number = "{chief}" }
        subject = "employee/{id}"
        occurred_at = { text = "{joined}", type = "instant", format = "%Y-%m-%d" }
        late_reason = "taken over"
        [event.data]
        employee_id = "{id}"
        name = "{first} {last}"
        unit = "R-{unit}"
        superior = { text = "N-{chief}", optional = true }
    "#;
    const STAFF_ROWS: &str = "number,first,last,joined,chief\n1,A,One,2020-01-01,2\n2,B,Two,2019-01-01,\n";
    const PLACE_ROWS: &str = "number,region\n1,East\n2,West\n2,West\n";

    fn staff(rows: &str, places: &str) -> Given {
        given(STAFF, &[("staff", rows), ("place", places)])
    }

    #[test]
    fn rows_become_proposals_and_superiors_come_first() {
        let planned = staff(STAFF_ROWS, PLACE_ROWS).planned();
        let lines = planned.iter().map(|planned| planned.line).collect::<Vec<_>>();
        assert_eq!(lines, [3, 2]);
        let last = planned.last().unwrap();
        let data = json!({"employee_id": "N-1", "name": "A One", "unit": "R-East", "superior": "N-2"});
        let expected = Planned {
            id: last.id.clone(),
            kind: "employee.registered".to_owned(),
            subject: Some("employee/N-1".to_owned()),
            data,
            occurred_at: Some("2019-12-31T16:00:00.000000Z".to_owned()),
            late_reason: Some("taken over".to_owned()),
            role: Some("hr".to_owned()),
            actor: Some("E-HR".to_owned()),
            approve_as: Some("E-GM".to_owned()),
            file: "staff.csv".to_owned(),
            line: 2,
        };
        assert_eq!(*last, expected);
    }

    #[test]
    fn the_same_again_has_the_same_id_and_changed_content_another() {
        let ids = |rows: &str| staff(rows, PLACE_ROWS).planned().into_iter().map(|step| step.id).collect::<Vec<_>>();
        let before = ids(STAFF_ROWS);
        assert_eq!(before, ids(STAFF_ROWS));
        let after = ids(&STAFF_ROWS.replace("One", "Ones"));
        assert_eq!(before.first(), after.first());
        assert_ne!(before.last(), after.last());
        for id in before {
            assert!(id.parse::<crate::ids::EntryId>().is_ok(), "{id}");
        }
        let elsewhere =
            given(&STAFF.replace("staff.csv", "people.csv"), &[("staff", STAFF_ROWS), ("place", PLACE_ROWS)]);
        assert_ne!(elsewhere.planned().first().unwrap().id, ids(STAFF_ROWS).first().unwrap().as_str());
    }

    #[test]
    fn the_id_of_a_proposal_never_changes_between_versions() {
        // An interrupted import is finished by a later version of the program: this id is a promise.
        let mapping = "[[event]]\nname = \"u\"\nkind = \"org_unit.defined\"\nas = \"hr\"\n[event.data]\n\
                       unit_id = \"HQ\"\nlist = [1, true, { object = { b = \"x\", a = \"y\" } }]\n";
        let planned = given(mapping, &[]).planned();
        let only = planned.first().unwrap();
        assert_eq!((only.file.as_str(), only.line), ("m.toml", 3));
        assert_eq!(only.id, "import-f51227f191224ad5440611e9a7e981fb");
    }

    #[test]
    fn rows_that_wait_for_each_other_are_rejected_and_the_others_planned() {
        let rows = "number,first,last,joined,chief\n1,A,a,2020-01-01,2\n2,B,b,2020-01-01,1\n3,C,c,2020-01-01,2\n4,D,d,2020-01-01,4\n5,E,e,2020-01-01,9\n";
        let places = "number,region\n1,x\n2,x\n3,x\n4,x\n5,x\n";
        let outcome = staff(rows, places).steps().into_iter().map(|step| match step {
            Step::Planned(planned) => (planned.line, true),
            Step::Rejected(rejected) => {
                assert!(rejected.reason_en.contains("circle"), "{rejected:?}");
                (rejected.line, false)
            }
        });
        assert_eq!(outcome.collect::<Vec<_>>(), [(3, false), (2, false), (4, true), (5, false), (6, true)]);
    }

    #[test]
    fn a_long_chain_of_superiors_is_planned() {
        let count = 20_000;
        let awaited = (0..count).map(|row| if row + 1 < count { vec![row + 1] } else { vec![] }).collect::<Vec<_>>();
        let (order, circular) = arrange(&awaited);
        assert_eq!(order, (0..count).rev().collect::<Vec<_>>());
        assert!(circular.is_empty());
    }

    #[test]
    fn everything_wrong_with_a_row_is_said_at_once_with_its_place() {
        let rows = "number,first,last,joined,chief\n1,A,,yesterday,\n7,B,b,2020-01-01,\n8,\"x\n";
        let steps = staff(rows, "number,region\n1,East\n1,West\n").steps();
        let rejected = steps.into_iter().map(|step| match step {
            Step::Rejected(rejected) => (rejected.line, rejected.column, rejected.reason_en),
            Step::Planned(planned) => panic!("{planned:?}"),
        });
        let expected = [
            (4, None, "a quote is opened and never closed; nothing after this line of the file was read"),
            (
                2,
                Some("last"),
                "name: a value is needed and there is none, column \"last\"; unit: the matching rows of place.csv give \
                 2 different values, one is needed; occurred_at: not a date in the format the mapping states, column \
                 \"joined\"",
            ),
            (3, Some("unit"), "unit: a value is needed and there is none, column \"unit\""),
        ];
        let expected = expected.map(|(line, column, words)| (line, column.map(str::to_owned), words.to_owned()));
        assert_eq!(rejected.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_fault_in_another_file_names_that_file() {
        let mapping = r#"
            [file.a]
            path = "a.csv"
            [file.b]
            path = "b.csv"
            [file.b.derive]
            day = { text = "{d}", type = "date", format = "%Y-%m-%d" }
            [[event]]
            name = "n"
            kind = "x.y"
            from = "a"
            as = "hr"
            data.day = { lookup = "b", where = { k = "{k}" }, take = "day" }
        "#;
        let steps = given(mapping, &[("a", "k\n1\n"), ("b", "k,d\n\n1,never\n")]).steps();
        let [Step::Rejected(rejected)] = steps.as_slice() else { panic!("{steps:?}") };
        assert_eq!(
            rejected.reason_en,
            "day: not a date in the format the mapping states, column \"d\", from line 3 of b.csv"
        );
        assert_eq!(rejected.reason_zh, "day：不符合映射文件规定的日期格式，列“d”，源自 b.csv 第 3 行");
        assert_eq!((rejected.file.as_str(), rejected.line, &rejected.column), ("a.csv", 2, &None));
    }

    #[test]
    fn rows_are_chosen_by_words_and_by_being_different() {
        let section = |choice: &str| {
            let mapping = format!(
                "[file.a]\npath = \"a.csv\"\n[[event]]\nname = \"n\"\nkind = \"x.y\"\nfrom = \"a\"\nas = \"hr\"\n\
                 {choice}\n[event.data]\nk = \"{{k}}\"\n"
            );
            let planned = given(&mapping, &[("a", "k,v\n1,x\n2,y\n1,z\n3,\n")]).planned();
            planned.into_iter().map(|planned| planned.line).collect::<Vec<_>>()
        };
        assert_eq!(section(""), [2, 3, 4, 5]);
        assert_eq!(section("distinct = [\"k\"]"), [2, 3, 5]);
        assert_eq!(section("only = { v = [\"x\", \"y\"] }"), [2, 3]);
        assert_eq!(section("only = { v = [\"\"] }"), [5]);
        assert_eq!(section("except = { v = [\"x\"] }"), [3, 4, 5]);
        assert_eq!(section("except = { v = [\"\", \"x\"] }"), [3, 4]);
        assert_eq!(section("distinct = [\"k\"]\nexcept = { v = [\"x\"] }"), [3, 4, 5]);
    }

    #[test]
    fn the_same_proposal_twice_from_one_row_is_rejected() {
        let event = "[[event]]\nname = \"n\"\nkind = \"x.y\"\nfrom = \"a\"\nas = \"hr\"\n[event.data]\nk = \"{k}\"\n";
        let mapping = format!("[file.a]\npath = \"a.csv\"\n{event}{event}");
        let steps = given(&mapping, &[("a", "k\n1\n1\n")]).steps();
        assert_eq!(steps.iter().filter(|step| matches!(step, Step::Planned(_))).count(), 2);
        assert_eq!(steps.len(), 4);
    }

    #[test]
    fn an_actor_or_subject_outside_its_grammar_is_rejected() {
        let mapping = "[file.a]\npath = \"a.csv\"\n[[event]]\nname = \"n\"\nkind = \"x.y\"\nfrom = \"a\"\n\
                       actor = \"{k}\"\nsubject = \"Customer/{k}\"\n[event.data]\n";
        let steps = given(mapping, &[("a", "k\na b\n")]).steps();
        let [Step::Rejected(rejected)] = steps.as_slice() else { panic!("{steps:?}") };
        assert!(rejected.reason_en.contains("actor: no identifier"), "{rejected:?}");
        assert!(rejected.reason_en.contains("subject: not the name of a stream"), "{rejected:?}");
    }

    /// A folder that is named must be there; where none is named and none stands beside the repository, that is said where it is
    /// seen, as what a test prints that passes is not shown.
    fn northwind() -> Option<Given> {
        let stated = std::env::var_os("DOSSIER_NORTHWIND").map(PathBuf::from);
        let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data/northwind");
        let Some(folder) = stated.or_else(|| Some(beside).filter(|folder| folder.is_dir())) else {
            let said = b"\nNOT TESTED: the Northwind files are not here; DOSSIER_NORTHWIND may name their folder\n";
            std::io::Write::write_all(&mut std::io::stderr(), said).unwrap();
            return None;
        };
        assert!(folder.is_dir(), "DOSSIER_NORTHWIND names {}, which is not there", folder.display());
        let text = include_str!("../../tools/import/northwind.toml");
        let mapping = Mapping::parse("northwind.toml", text).unwrap();
        let tables = Tables::read(&mapping, &folder).unwrap();
        Some(Given { mapping, tables })
    }

    #[test]
    fn northwind_gives_the_known_answers() {
        let Some(northwind) = northwind() else {
            return;
        };
        let planned = northwind.planned();
        let of = |kind: &str| planned.iter().filter(|step| step.kind == kind).collect::<Vec<_>>();
        let word = |step: &Planned, field: &str| step.data.get(field).and_then(|v| v.as_str()).unwrap().to_owned();
        let different =
            |steps: &[&Planned], field: &str| steps.iter().map(|step| word(step, field)).collect::<BTreeSet<_>>();
        let units = of("org_unit.defined");
        let staff = of("employee.registered");
        let customers = of("customer.registered");
        let sales = of("sale.recorded");
        assert_eq!((units.len(), staff.len(), customers.len(), sales.len()), (4, 9, 91, 2155));
        assert_eq!(of("employee.roles_changed").len(), 1 + 9);
        assert_eq!(different(&staff, "unit"), different(&units, "unit_id"));
        assert_eq!(different(&sales, "order_no").len(), 830);
        assert_eq!(different(&customers, "customer_id").len(), 91);
        assert_eq!(different(&sales, "sale_id").len(), 2155);
        assert_eq!(planned.iter().map(|step| &step.id).collect::<BTreeSet<_>>().len(), planned.len());
        let bought = different(&sales, "customer_id");
        assert_eq!(different(&customers, "customer_id").difference(&bought).count(), 2);

        let amount = |step: &Planned| step.data.get("amount").and_then(serde_json::Value::as_i64).unwrap();
        assert_eq!(sales.iter().map(|step| amount(step)).sum::<i64>(), 126_579_329);
        let mut by_customer = BTreeMap::new();
        for sale in &sales {
            *by_customer.entry(word(sale, "customer_id")).or_insert(0) += amount(sale);
        }
        let mut ranked = by_customer.into_iter().map(|(customer, sum)| (sum, customer)).collect::<Vec<_>>();
        ranked.sort_by(|left, right| right.cmp(left));
        let first = ranked.iter().take(3).map(|(_, customer)| customer.as_str()).collect::<Vec<_>>();
        assert_eq!(first, ["QUICK", "ERNSH", "SAVEA"]);

        // Every reference to an employee comes after that employee, as the ledger will demand.
        let mut known = BTreeSet::new();
        for step in &staff {
            if let Some(superior) = step.data.get("superior").and_then(|superior| superior.as_str()) {
                assert!(known.contains(superior), "line {}", step.line);
            }
            known.insert(word(step, "employee_id"));
        }
        assert!(different(&customers, "owner").is_subset(&known));
    }

    #[test]
    fn northwind_differs_by_what_rounding_each_line_adds() {
        let Some(northwind) = northwind() else {
            return;
        };
        let expression = Expression::parse("unitPrice * quantity * (1 - discount)").unwrap();
        let lines = northwind.tables.tables.get("order_details").unwrap();
        let column = |name: &str| lines.columns.iter().position(|column| column == name).unwrap();
        let mut total = Rational::ZERO;
        for row in &lines.rows {
            let cell = |name: &str| Ok::<_, Fault>(row.cells.get(column(name)).and_then(Option::as_deref));
            total = total.plus(expression.evaluate(cell).unwrap()).unwrap();
        }
        assert_eq!(total.to_fen(crate::import::expression::Rounding::HalfUp), Ok(126_579_304));
    }

    #[test]
    fn northwind_planned_twice_is_the_same() {
        let Some(northwind) = northwind() else {
            return;
        };
        assert_eq!(northwind.steps(), northwind.steps());
    }
}
