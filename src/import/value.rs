//! Values of a mapping evaluated on rows: derived columns, joins between files, and the shapes of texts.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};

use chrono::format::{Parsed, StrftimeItems};
use chrono::{Datelike, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};

use crate::clock::{Date, Timestamp, Zone};
use crate::ids::SubjectId;
use crate::import::expression::{EvaluateError, Rational, RoundError};
use crate::import::mapping::{Join, Kind, Mapping, Part, Shape, Source, Template, Value};
use crate::import::problem::Problem;
use crate::import::table::{Table, Tables};

/// Everything values are evaluated against: the tables, their derived columns, and indexes for the joins.
pub(crate) struct Frame<'a> {
    tables: &'a Tables,
    zone: chrono_tz::Tz,
    days: Zone,
    /// By file and column.
    derived: HashMap<&'a str, HashMap<&'a str, Vec<Cell>>>,
    /// By file.
    indexes: HashMap<&'a str, Vec<Index<'a>>>,
    /// The text behind each identifier that was changed to become one, or that a changed one could collide with.
    identifiers: RefCell<HashMap<(String, String), String>>,
}

/// The row a value is evaluated on; `None` in a section that reads no file.
pub(crate) type Place<'a> = Option<(&'a str, usize)>;

/// Why a value cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) problem: Problem,
    /// The column at fault, where it is one.
    pub(crate) column: Option<String>,
    /// File and line at fault, where they are not those of the row itself.
    pub(crate) origin: Option<(String, u64)>,
}

impl<'a> Frame<'a> {
    /// Derives the columns that `order` names, each of which may read those before it.
    pub(crate) fn new(mapping: &'a Mapping, tables: &'a Tables, zone: Zone, order: &[(&'a str, &'a str)]) -> Self {
        let mut frame = Self {
            tables,
            zone: zone.name().parse().expect("a zone is named by its IANA name"),
            days: zone,
            derived: HashMap::new(),
            indexes: HashMap::new(),
            identifiers: RefCell::default(),
        };
        for (file, column) in order {
            let value = mapping.files.get(*file).and_then(|declared| declared.derived.get(*column));
            let (Some(value), Some(table)) = (value, tables.tables.get(*file)) else {
                continue;
            };
            value.for_each_join(&mut |join| frame.index(join));
            let cells = (0..table.rows.len()).map(|row| frame.derive(value, (*file, row))).collect();
            frame.derived.entry(file).or_default().insert(column, cells);
        }
        frame
    }

    /// Prepares what `join` looks up; the columns it reads are already derived.
    pub(crate) fn index(&mut self, join: &'a Join) {
        let Some(table) = self.tables.tables.get(&join.file) else {
            return;
        };
        if self.index_of(join).is_some() {
            return;
        }
        let damaged = table.rejected.iter().map(|row| row.line).min();
        let columns = join.on.keys().map(String::as_str).collect();
        let mut index = Index { columns, rows: HashMap::new(), damaged };
        for (number, row) in table.rows.iter().enumerate() {
            let keys = index.columns.iter().map(|column| self.cell(Some((&join.file, number)), column));
            match keys.collect::<Result<Option<Vec<&str>>, Fault>>() {
                Ok(Some(keys)) => index.rows.entry(keys.join(KEY_SEPARATOR)).or_default().push(number),
                Ok(None) => {}
                Err(_) => index.damaged = Some(index.damaged.map_or(row.line, |line| line.min(row.line))),
            }
        }
        self.indexes.entry(&join.file).or_default().push(index);
    }

    /// Returns the cell of a column, read or derived.
    pub(crate) fn cell(&self, place: Place<'_>, column: &str) -> Result<Option<&str>, Fault> {
        let missing = || Fault::at(Problem::Missing, column);
        let (file, row) = place.ok_or_else(missing)?;
        if let Some(cells) = self.derived.get(file).and_then(|columns| columns.get(column)) {
            return match cells.get(row).ok_or_else(missing)? {
                Ok(text) => Ok(text.as_deref()),
                Err(fault) => Err(fault.clone()),
            };
        }
        let table = self.table(file).ok_or_else(missing)?;
        let number = table.columns.iter().position(|name| name == column).ok_or_else(missing)?;
        let cell = table.rows.get(row).and_then(|row| row.cells.get(number)).ok_or_else(missing)?;
        Ok(cell.as_deref())
    }

    /// Composes a text; `None` as soon as one of its columns is empty.
    pub(crate) fn text(&self, place: Place<'_>, template: &Template) -> Result<Option<String>, Fault> {
        let mut text = String::new();
        for part in &template.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Column(column) => match self.cell(place, column)? {
                    Some(cell) => text.push_str(cell),
                    None => return Ok(None),
                },
            }
        }
        Ok(Some(text))
    }

    /// Evaluates a value; `None` if it is optional and there is nothing.
    pub(crate) fn value(&self, place: Place<'_>, value: &Value) -> Result<Option<serde_json::Value>, Fault> {
        match &value.source {
            Source::Constant(constant) => Ok(Some(constant.clone())),
            Source::List(items) => {
                let items = items.iter().map(|item| self.value(place, item));
                let present = items.filter_map(Result::transpose).collect::<Result<_, _>>()?;
                Ok(Some(serde_json::Value::Array(present)))
            }
            Source::Object(fields) => {
                let mut object = serde_json::Map::new();
                for (name, field) in fields {
                    if let Some(found) = self.value(place, field)? {
                        object.insert(name.clone(), found);
                    }
                }
                Ok(Some(serde_json::Value::Object(object)))
            }
            Source::Gather(join) => {
                let matches = self.matches(place, join)?;
                matches.complete()?;
                let texts = self.different(join, matches.rows)?;
                if texts.is_empty() {
                    return self.nothing(place, value);
                }
                let shaped = texts.into_iter().map(|text| self.shaped(place, value, text.to_owned()));
                Ok(Some(serde_json::Value::Array(shaped.collect::<Result<_, _>>()?)))
            }
            Source::Money { expression, rounding, signed } => {
                let exact = match expression.evaluate(|column| self.cell(place, column)) {
                    Err(fault) if value.optional && fault.problem == Problem::Missing => return Ok(None),
                    exact => exact?,
                };
                let fen = exact.to_fen(*rounding).map_err(|error| match error {
                    RoundError::Overflow => Fault::from(Problem::Overflow),
                    RoundError::NotWhole => Fault::from(Problem::NotWhole),
                })?;
                if fen < 0 && !signed { Err(Problem::Negative.into()) } else { Ok(Some(fen.into())) }
            }
            Source::Text(_) | Source::Joined { .. } | Source::Lookup(_) | Source::First { .. } => {
                match self.sourced(place, value)? {
                    Some(text) => Ok(Some(self.shaped(place, value, text)?)),
                    None => self.nothing(place, value),
                }
            }
        }
    }

    /// Returns the table of a file.
    pub(crate) fn table(&self, file: &str) -> Option<&'a Table> {
        self.tables.tables.get(file)
    }

    fn derive(&self, value: &'a Value, row: (&'a str, usize)) -> Cell {
        match self.value(Some(row), value) {
            Ok(None) => Ok(None),
            Ok(Some(serde_json::Value::String(text))) => Ok(Some(text)),
            Ok(Some(other)) => Ok(Some(other.to_string())),
            // A derived column may be empty; whoever needs a value there says so.
            Err(Fault { problem: Problem::Missing | Problem::NoMatch { .. }, origin: None, .. }) => Ok(None),
            Err(fault) => Err(self.placed(row, fault)),
        }
    }

    fn sourced(&self, place: Place<'_>, value: &Value) -> Result<Option<String>, Fault> {
        let found = match &value.source {
            Source::Text(template) => self.text(place, template)?,
            Source::Joined { parts, with } => {
                let texts = parts.iter().map(|part| self.text(place, part));
                let present = texts.filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
                if present.is_empty() { None } else { Some(present.join(with)) }
            }
            Source::Lookup(join) => {
                let matches = self.matches(place, join)?;
                let texts = self.different(join, matches.rows)?;
                match texts.as_slice() {
                    [] => {
                        matches.complete()?;
                        None
                    }
                    [text] => Some((*text).to_owned()),
                    several => {
                        let problem = Problem::Ambiguous { file: self.path(join), values: several.len() };
                        return Err(problem.into());
                    }
                }
            }
            Source::First { join, order } => {
                let matches = self.matches(place, join)?;
                matches.complete()?;
                self.first(join, order, matches.rows)?
            }
            Source::Constant(_) | Source::Gather(_) | Source::Money { .. } | Source::List(_) | Source::Object(_) => {
                None
            }
        };
        match (found, &value.default) {
            (None, Some(default)) => self.text(place, default),
            (found, _) => Ok(found),
        }
    }

    fn nothing(&self, place: Place<'_>, value: &Value) -> Result<Option<serde_json::Value>, Fault> {
        if value.optional {
            return Ok(None);
        }
        match &value.source {
            Source::Lookup(join) | Source::First { join, .. } | Source::Gather(join) => {
                Err(Problem::NoMatch { file: self.path(join) }.into())
            }
            Source::Text(template) => {
                let empty = |column: &&str| matches!(self.cell(place, column), Ok(None));
                let column = template.columns().find(empty).map(str::to_owned);
                Err(Fault { column, ..Problem::Missing.into() })
            }
            _ => Err(Problem::Missing.into()),
        }
    }

    fn matches(&self, place: Place<'_>, join: &Join) -> Result<Matches<'_>, Fault> {
        let keys = join.on.values().map(|template| self.text(place, template));
        let (Some(keys), Some(index)) = (keys.collect::<Result<Option<Vec<_>>, _>>()?, self.index_of(join)) else {
            return Ok(Matches { rows: &[], damaged: None });
        };
        let rows = index.rows.get(&keys.join(KEY_SEPARATOR)).map_or(&[][..], Vec::as_slice);
        let damaged = index.damaged.map(|line| (self.path(join), line));
        Ok(Matches { rows, damaged })
    }

    fn index_of(&self, join: &Join) -> Option<&Index<'a>> {
        let indexes = self.indexes.get(join.file.as_str())?;
        indexes.iter().find(|index| index.columns.iter().eq(join.on.keys()))
    }

    /// Returns the different values in the column taken, in the order of the file.
    fn different(&self, join: &Join, rows: &[usize]) -> Result<Vec<&str>, Fault> {
        let mut seen = BTreeSet::new();
        let mut texts = Vec::new();
        for row in rows {
            if let Some(text) = self.elsewhere((&join.file, *row), &join.take)?
                && seen.insert(text)
            {
                texts.push(text);
            }
        }
        Ok(texts)
    }

    fn first(&self, join: &Join, order: &[String], rows: &[usize]) -> Result<Option<String>, Fault> {
        let mut first: Option<(Vec<&str>, Option<&str>)> = None;
        for row in rows {
            let keys = order.iter().map(|column| {
                self.elsewhere((&join.file, *row), column)?.ok_or_else(|| {
                    let line = self.line((&join.file, *row));
                    Fault::from(Problem::Unordered { file: self.path(join), line, column: column.clone() })
                })
            });
            let keys = keys.collect::<Result<Vec<_>, _>>()?;
            let taken = self.elsewhere((&join.file, *row), &join.take)?;
            let order = first.as_ref().map_or(Ordering::Less, |(least, _)| compare_keys(&keys, least));
            match (order, &first) {
                (Ordering::Less, _) => first = Some((keys, taken)),
                (Ordering::Equal, Some((_, other))) if *other != taken => {
                    return Err(Problem::Tie { file: self.path(join) }.into());
                }
                (Ordering::Equal | Ordering::Greater, _) => {}
            }
        }
        Ok(first.and_then(|(_, taken)| taken).map(str::to_owned))
    }

    fn shaped(&self, place: Place<'_>, value: &Value, text: String) -> Result<serde_json::Value, Fault> {
        let shaped = self.shape(&value.shape, text);
        shaped.map_err(|problem| {
            let column = match &value.source {
                Source::Text(template) => {
                    let mut columns = template.columns();
                    columns.next().filter(|_| columns.next().is_none() && place.is_some()).map(str::to_owned)
                }
                _ => None,
            };
            Fault { column, ..problem.into() }
        })
    }

    fn shape(&self, shape: &Shape, text: String) -> Result<serde_json::Value, Problem> {
        let text = match &shape.recode {
            Some(words) => words.get(&text).cloned().ok_or(Problem::NotRecoded)?,
            None => text,
        };
        let text = match &shape.kind {
            Kind::Text => sized(text, shape.min, shape.max)?,
            Kind::Integer => {
                let number = Rational::parse(&text).and_then(Rational::to_integer);
                return Ok(number.ok_or(Problem::NotInteger)?.into());
            }
            Kind::Boolean => {
                return Ok(text.parse::<bool>().map_err(|_| Problem::NotBoolean)?.into());
            }
            Kind::Date(format) => parse_time(&text, format)?.local.date().format("%Y-%m-%d").to_string(),
            Kind::Instant(format) => self.instant(&text, format)?.to_string(),
            Kind::Id { of } => self.identifier(of, text)?,
            Kind::Phone => phone(&text)?,
        };
        Ok(text.into())
    }

    fn instant(&self, text: &str, format: &str) -> Result<Timestamp, Problem> {
        let ParsedTime { local, offset_seconds } = parse_time(text, format)?;
        if let Some(seconds) = offset_seconds {
            let utc = local.checked_sub_signed(chrono::TimeDelta::seconds(i64::from(seconds)));
            return Ok(Timestamp::from_micros(utc.ok_or(Problem::NotDate)?.and_utc().timestamp_micros()));
        }
        if local.time() == NaiveTime::MIN {
            let date = Date::new(local.year(), local.month(), local.day()).ok_or(Problem::NotDate)?;
            return Ok(self.days.start_of(date));
        }
        let found = self.zone.from_local_datetime(&local).single().ok_or(Problem::NotInZone)?;
        Ok(Timestamp::from_micros(found.with_timezone(&Utc).timestamp_micros()))
    }

    fn identifier(&self, of: &str, text: String) -> Result<String, Problem> {
        let plain = |character: char| if is_id_character(character) { character } else { '-' };
        let identifier = text.chars().map(plain).collect::<String>();
        let length = identifier.chars().count();
        if length > IDENTIFIER_CHARACTERS_MAX {
            return Err(Problem::TooLong { length, max: IDENTIFIER_CHARACTERS_MAX });
        }
        identifier.parse::<SubjectId>().map_err(|_| Problem::NotId)?;
        let mut identifiers = self.identifiers.borrow_mut();
        // Only what holds a `-` can be what another text is changed into.
        if identifier.contains('-') {
            let name = (of.to_owned(), identifier.clone());
            if *identifiers.entry(name).or_insert_with(|| text.clone()) != text {
                return Err(Problem::IdTaken);
            }
        }
        Ok(identifier)
    }

    fn elsewhere(&self, row: (&str, usize), column: &str) -> Result<Option<&str>, Fault> {
        self.cell(Some(row), column).map_err(|fault| self.placed(row, fault))
    }

    fn placed(&self, row: (&str, usize), fault: Fault) -> Fault {
        let here = || self.table(row.0).map(|table| (table.file.clone(), self.line(row)));
        Fault { origin: fault.origin.or_else(here), ..fault }
    }

    fn line(&self, (file, row): (&str, usize)) -> u64 {
        self.table(file).and_then(|table| table.rows.get(row)).map_or(0, |row| row.line)
    }

    fn path(&self, join: &Join) -> String {
        self.table(&join.file).map_or_else(|| join.file.clone(), |table| table.file.clone())
    }
}

impl Fault {
    fn at(problem: Problem, column: &str) -> Self {
        Self { problem, column: Some(column.to_owned()), origin: None }
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self { problem, column: None, origin: None }
    }
}

impl From<EvaluateError> for Fault {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Missing(column) => Self::at(Problem::Missing, &column),
            EvaluateError::NotDecimal(column) => Self::at(Problem::NotDecimal, &column),
            EvaluateError::Overflow => Problem::Overflow.into(),
            EvaluateError::DivisionByZero => Problem::DivisionByZero.into(),
        }
    }
}

/// Compares decimal numbers by value and before texts, texts by character.
pub(crate) fn compare(left: &str, right: &str) -> Ordering {
    match (Digits::of(left), Digits::of(right)) {
        (Some(left), Some(right)) => left.compare(&right),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => left.cmp(right),
    }
}

/// What a derived column holds in one row.
type Cell = Result<Option<String>, Fault>;

/// The rows of a file by their cells in some columns.
struct Index<'a> {
    columns: Vec<&'a str>,
    rows: HashMap<String, Vec<usize>>,
    /// The first line of the file that is not in the index because it could not be read or derived.
    damaged: Option<u64>,
}

struct Matches<'a> {
    rows: &'a [usize],
    damaged: Option<(String, u64)>,
}

impl Matches<'_> {
    /// Fails if an unreadable row of the file might have matched as well.
    fn complete(&self) -> Result<(), Fault> {
        match &self.damaged {
            None => Ok(()),
            Some((file, line)) => Err(Problem::Damaged { file: file.clone(), line: *line }.into()),
        }
    }
}

struct ParsedTime {
    local: NaiveDateTime,
    offset_seconds: Option<i32>,
}

fn parse_time(text: &str, format: &str) -> Result<ParsedTime, Problem> {
    let mut parsed = Parsed::new();
    chrono::format::parse(&mut parsed, text, StrftimeItems::new(format)).map_err(|_| Problem::NotDate)?;
    let date = parsed.to_naive_date().map_err(|_| Problem::NotDate)?;
    // Four-digit years only: what RFC 3339 can write. A day at either end leaves room for any offset.
    if !(1..9999).contains(&date.year()) {
        return Err(Problem::NotDate);
    }
    let timeless = parsed.hour_div_12().is_none() && parsed.hour_mod_12().is_none();
    let time = if timeless { NaiveTime::MIN } else { parsed.to_naive_time().map_err(|_| Problem::NotDate)? };
    // A leap second is written as nanoseconds beyond the second, which no instant here can hold.
    if time.nanosecond() >= 1_000_000_000 {
        return Err(Problem::NotDate);
    }
    Ok(ParsedTime { local: date.and_time(time), offset_seconds: parsed.offset() })
}

fn sized(text: String, min: Option<usize>, max: Option<usize>) -> Result<String, Problem> {
    let length = text.chars().count();
    match (min, max) {
        (Some(min), _) if length < min => Err(Problem::TooShort { length, min }),
        (_, Some(max)) if length > max => Err(Problem::TooLong { length, max }),
        _ => Ok(text),
    }
}

fn phone(text: &str) -> Result<String, Problem> {
    let mut plain = String::new();
    for character in text.chars() {
        match phone_character(character) {
            '+' | '-' | '(' | ')' | '.' | '/' | ' ' | '0'..='9' => plain.push(phone_character(character)),
            // A letter may mean an extension or a word to dial; dropping it would make another number of it.
            other if other.is_alphanumeric() => return Err(Problem::NotPhone),
            _ => {}
        }
    }
    let plain = plain.trim().to_owned();
    if (5..=24).contains(&plain.len()) { Ok(plain) } else { Err(Problem::NotPhone) }
}

/// Returns the plain form of a full-width sign, a dash or a blank.
fn phone_character(character: char) -> char {
    match character {
        '\u{FF01}'..='\u{FF5E}' => {
            u32::from(character).checked_sub(0xFEE0).and_then(char::from_u32).unwrap_or(character)
        }
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        blank if blank.is_whitespace() => ' ',
        other => other,
    }
}

fn is_id_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

fn compare_keys(left: &[&str], right: &[&str]) -> Ordering {
    let pairs = left.iter().zip(right).map(|(left, right)| compare(left, right));
    pairs.into_iter().find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// A decimal number of any length, without the zeros that say nothing.
struct Digits<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
}

impl<'a> Digits<'a> {
    fn of(text: &'a str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
            return None;
        }
        let (whole, fraction) = (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
        Some(Self { negative: negative && !(whole.is_empty() && fraction.is_empty()), whole, fraction })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let size = || {
            let whole = self.whole.len().cmp(&other.whole.len()).then_with(|| self.whole.cmp(other.whole));
            whole.then_with(|| self.fraction.cmp(other.fraction))
        };
        match (self.negative, other.negative) {
            (false, false) => size(),
            (true, true) => size().reverse(),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

/// No cell holds this character: the reader of tables refuses control characters.
const KEY_SEPARATOR: &str = "\u{1F}";
const IDENTIFIER_CHARACTERS_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    /// Evaluates a value on the first row of file `a`, with files `a` and `b` inline.
    fn evaluate(value: &str, a: &str, b: &str) -> Result<Option<serde_json::Value>, Problem> {
        evaluate_rows(value, a, b).into_iter().next().unwrap()
    }

    fn evaluate_rows(value: &str, a: &str, b: &str) -> Vec<Result<Option<serde_json::Value>, Problem>> {
        let text = format!(
            "null = [\"NULL\"]\n[file.a]\npath = \"a.csv\"\n[file.b]\npath = \"b.csv\"\n[[event]]\nname = \"n\"\n\
             kind = \"x.y\"\nactor = \"E\"\n[event.data]\nfield = {value}\n"
        );
        let mapping = Mapping::parse("m.toml", &text).unwrap();
        let mut tables = Tables::default();
        for (name, content) in [("a", a), ("b", b)] {
            let table = Table::parse(&mapping, mapping.files.get(name).unwrap(), content.as_bytes()).unwrap();
            tables.tables.insert(name.to_owned(), table);
        }
        let mut frame = Frame::new(&mapping, &tables, Zone::default(), &[]);
        let value = mapping.sections.first().unwrap().data.get("field").unwrap();
        value.for_each_join(&mut |join| frame.index(join));
        let rows = 0..tables.tables.get("a").unwrap().rows.len();
        rows.map(|row| frame.value(Some(("a", row)), value).map_err(|fault| fault.problem)).collect()
    }

    fn on(value: &str, cell: &str) -> Result<Option<serde_json::Value>, Problem> {
        evaluate(value, &format!("k,v\n1,{cell}\n"), "k\n")
    }

    fn text(expected: &str) -> Result<Option<serde_json::Value>, Problem> {
        Ok(Some(expected.into()))
    }

    #[test]
    fn null_words_are_nothing_and_nothing_is_said() {
        assert_eq!(on("\"{v}\"", "NULL"), Err(Problem::Missing));
        assert_eq!(on("{ text = \"{v}\", optional = true }", "NULL"), Ok(None));
        assert_eq!(on("{ text = \"{v}\", default = \"D-{k}\" }", "NULL"), text("D-1"));
        assert_eq!(on("\"{v} {k}\"", "NULL"), Err(Problem::Missing));
    }

    #[test]
    fn a_join_of_texts_leaves_out_what_is_nothing() {
        let value = "{ join = [\"{k}\", \"{v}\", \"CN\"], with = \", \" }";
        assert_eq!(on(value, "NULL"), text("1, CN"));
        assert_eq!(on(value, "x"), text("1, x, CN"));
        assert_eq!(on("{ join = [\"{v}\"], with = \"\" }", "NULL"), Err(Problem::Missing));
    }

    #[test]
    fn a_text_is_never_cut() {
        assert_eq!(on("{ text = \"{v}\", max = 3 }", "ééé"), text("ééé"));
        assert_eq!(on("{ text = \"{v}\", max = 3 }", "éééé"), Err(Problem::TooLong { length: 4, max: 3 }));
        assert_eq!(on("{ text = \"{v}\", min = 3 }", "é"), Err(Problem::TooShort { length: 1, min: 3 }));
    }

    #[test]
    fn whole_numbers_and_truth_values_are_read_strictly() {
        let integer = "{ text = \"{v}\", type = \"integer\" }";
        assert_eq!(on(integer, "-12"), Ok(Some((-12).into())));
        assert_eq!(on(integer, "12.00"), Ok(Some(12.into())));
        assert_eq!(on(integer, "12.5"), Err(Problem::NotInteger));
        assert_eq!(on(integer, "9007199254740992"), Err(Problem::NotInteger));
        let boolean = "{ text = \"{v}\", type = \"boolean\", recode = { Y = \"true\", N = \"false\" } }";
        assert_eq!(on(boolean, "Y"), Ok(Some(true.into())));
        assert_eq!(on(boolean, "y"), Err(Problem::NotRecoded));
    }

    #[test]
    fn dates_are_read_by_their_format() {
        let date = "{ text = \"{v}\", type = \"date\", format = \"%Y-%m-%d %H:%M:%S%.3f\" }";
        assert_eq!(on(date, "1996-07-04 00:00:00.000"), text("1996-07-04"));
        assert_eq!(on(date, "1996-02-30 00:00:00.000"), Err(Problem::NotDate));
        assert_eq!(on(date, "1996-07-04"), Err(Problem::NotDate));
        let short = "{ text = \"{v}\", type = \"date\", format = \"%d.%m.%Y\" }";
        assert_eq!(on(short, "04.07.1996"), text("1996-07-04"));
        assert_eq!(on(short, "04.07.0000"), Err(Problem::NotDate));
    }

    #[test]
    fn instants_are_in_the_zone_of_the_ledger_and_begin_with_the_day() {
        let day = "{ text = \"{v}\", type = \"instant\", format = \"%Y-%m-%d\" }";
        assert_eq!(on(day, "1996-07-04"), text("1996-07-03T16:00:00.000000Z"));
        let time = "{ text = \"{v}\", type = \"instant\", format = \"%Y-%m-%d %H:%M:%S%.3f\" }";
        assert_eq!(on(time, "1996-07-04 00:00:00.000"), text("1996-07-03T16:00:00.000000Z"));
        assert_eq!(on(time, "1996-07-04 12:30:00.250"), text("1996-07-04T04:30:00.250000Z"));
        let with_offset = "{ text = \"{v}\", type = \"instant\", format = \"%Y-%m-%dT%H:%M:%S%z\" }";
        assert_eq!(on(with_offset, "1996-07-04T00:00:00+0100"), text("1996-07-03T23:00:00.000000Z"));
        // Clocks in Shanghai were set forward on 1990-04-15 at 02:00 and back on 1990-09-16 at 02:00.
        assert_eq!(on(time, "1990-04-15 02:30:00.000"), Err(Problem::NotInZone));
        assert_eq!(on(time, "1990-09-16 01:30:00.000"), Err(Problem::NotInZone));
    }

    #[test]
    fn an_identifier_takes_dashes_but_no_two_texts_become_one() {
        let id = "{ text = \"C-{v}\", type = \"id\" }";
        assert_eq!(on(id, "A B/7é"), text("C-A-B-7-"));
        assert_eq!(on(id, &"x".repeat(39)), Err(Problem::TooLong { length: 41, max: 40 }));
        assert_eq!(on("{ text = \"{v}\", type = \"id\" }", "-a"), Err(Problem::NotId));
        let rows = evaluate_rows(id, "k,v\n1,A B\n2,A-B\n3,A B\n", "k\n");
        assert_eq!(rows, [text("C-A-B"), Err(Problem::IdTaken), text("C-A-B")]);
    }

    #[test]
    fn a_telephone_number_keeps_its_signs_and_loses_no_letter() {
        let phone = "{ text = \"{v}\", type = \"phone\" }";
        assert_eq!(on(phone, "(5) 555.47/29"), text("(5) 555.47/29"));
        assert_eq!(on(phone, "（０２１）５５５–１２ #*"), text("(021)555-12"));
        assert_eq!(on(phone, "555-1234 ext 5"), Err(Problem::NotPhone));
        assert_eq!(on(phone, "5551"), Err(Problem::NotPhone));
        assert_eq!(on(phone, &"5".repeat(25)), Err(Problem::NotPhone));
    }

    #[test]
    fn a_lookup_gives_what_all_matching_rows_agree_on() {
        let lookup = "{ lookup = \"b\", where = { k = \"{k}\" }, take = \"w\" }";
        let file = "b.csv".to_owned();
        let find = |b: &str| evaluate(lookup, "k\n1\n", b);
        assert_eq!(find("k,w\n1,x\n2,y\n1,x\n"), text("x"));
        assert_eq!(find("k,w\n1,x\n1,y\n"), Err(Problem::Ambiguous { file: file.clone(), values: 2 }));
        assert_eq!(find("k,w\n2,x\n"), Err(Problem::NoMatch { file }));
    }

    #[test]
    fn where_rows_are_unreadable_nothing_is_said_to_be_absent_or_first() {
        let damaged = Err(Problem::Damaged { file: "b.csv".to_owned(), line: 2 });
        let lookup = "{ lookup = \"b\", where = { k = \"{k}\" }, take = \"w\", optional = true }";
        assert_eq!(evaluate(lookup, "k\n1\n", "k,w\n1\n2,x\n"), damaged);
        assert_eq!(evaluate(lookup, "k\n2\n", "k,w\n1\n2,x\n"), text("x"));
        let first = "{ first = \"b\", where = { k = \"{k}\" }, order = [\"w\"], take = \"w\", default = \"d\" }";
        assert_eq!(evaluate(first, "k\n2\n", "k,w\n1\n2,x\n"), damaged);
        let gather = "{ gather = \"b\", where = { k = \"{k}\" }, take = \"w\" }";
        assert_eq!(evaluate(gather, "k\n2\n", "k,w\n1\n2,x\n"), damaged);
    }

    #[test]
    fn the_first_row_is_first_by_number_and_then_by_text() {
        let first =
            "{ first = \"b\", where = { k = \"{k}\" }, order = [\"day\", \"n\"], take = \"w\", default = \"d\" }";
        let find = |b: &str| evaluate(first, "k\n1\n", &format!("k,day,n,w\n{b}"));
        assert_eq!(find("1,2020-01-02,1,x\n1,2020-01-01,10,y\n1,2020-01-01,9,z\n2,2019-01-01,1,q\n"), text("z"));
        assert_eq!(find("2,2020-01-02,1,x\n"), text("d"));
        assert_eq!(find("1,2020-01-02,1,x\n1,2020-01-02,1.0,y\n"), Err(Problem::Tie { file: "b.csv".to_owned() }));
        assert_eq!(find("1,2020-01-02,1,x\n1,2020-01-02,1,x\n"), text("x"));
        let unordered = Problem::Unordered { file: "b.csv".to_owned(), line: 2, column: "day".to_owned() };
        assert_eq!(find("1,,1,x\n"), Err(unordered));
    }

    #[test]
    fn several_rows_become_one_list() {
        let gather = "{ gather = \"b\", where = { k = \"{k}\" }, take = \"w\", optional = true }";
        assert_eq!(evaluate(gather, "k\n1\n", "k,w\n1,y\n2,q\n1,x\n1,y\n"), Ok(Some(serde_json::json!(["y", "x"]))));
        assert_eq!(evaluate(gather, "k\n3\n", "k,w\n1,y\n"), Ok(None));
    }

    #[test]
    fn money_is_exact_and_a_bad_cell_says_so() {
        let money = |cell: &str| on("{ money = \"v * (1 - 0.15)\", round = \"half_up\" }", cell);
        assert_eq!(money("0.10"), Ok(Some(9.into())));
        assert_eq!(money("NULL"), Err(Problem::Missing));
        assert_eq!(money("1 000"), Err(Problem::NotDecimal));
        assert_eq!(money("-1"), Err(Problem::Negative));
        assert_eq!(money("9999999999999999999999999999"), Err(Problem::Overflow));
        assert_eq!(on("{ money = \"1 / v\", round = \"exact\" }", "3"), Err(Problem::NotWhole));
        assert_eq!(on("{ money = \"1 / v\", round = \"exact\" }", "0"), Err(Problem::DivisionByZero));
    }

    #[test]
    fn numbers_compare_by_value_whatever_their_length() {
        let ascending = [
            "-10",
            "-9.5",
            "-0.25",
            "-0.2",
            "0",
            "0.05",
            "0.5",
            "9",
            "10",
            "10.1",
            "99999999999999999999999999999999",
            "a",
            "b",
        ];
        for (left, first) in ascending.iter().enumerate() {
            for (right, second) in ascending.iter().enumerate() {
                assert_eq!(compare(first, second), left.cmp(&right), "{first} {second}");
            }
        }
        assert_eq!(compare("007.0", "7"), Ordering::Equal);
        assert_eq!(compare("-0", "0.00"), Ordering::Equal);
    }
}
