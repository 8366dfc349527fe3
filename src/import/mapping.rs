//! The mapping file: which columns of which files become which events, read from TOML and checked as far as a text
//! can be checked without the data.

use std::collections::{BTreeMap, BTreeSet};

use chrono::format::{Item, StrftimeItems};
use serde::Deserialize;

use crate::import::expression::{Expression, Rounding};

/// A parsed mapping file.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The name of the mapping file, to which events without a row belong.
    pub file: String,
    /// Words that stand for "nothing", besides the empty cell.
    pub null: BTreeSet<String>,
    /// Whether white space around a cell is dropped.
    pub trim: bool,
    /// The files, by the name the mapping gives them.
    pub files: BTreeMap<String, File>,
    /// What is proposed, in order.
    pub sections: Vec<Section>,
}

/// One CSV file.
#[derive(Clone, Debug)]
pub struct File {
    /// Its name in the folder.
    pub path: String,
    /// What separates its fields, a comma unless stated.
    pub delimiter: u8,
    /// Whether a record may have more or fewer fields than the header. Surplus fields are dropped, absent ones are
    /// nothing.
    pub ragged: bool,
    /// Columns the mapping adds, by name. They are read like columns of the file.
    pub derived: BTreeMap<String, Value>,
}

/// One `[[event]]`: one proposal per row of a file, or a single one without a file.
#[derive(Clone, Debug)]
pub struct Section {
    /// What the section is called in messages.
    pub name: String,
    /// The line of the mapping file in which it begins.
    pub line: u64,
    /// The event type.
    pub kind: String,
    /// The file whose rows it reads.
    pub from: Option<String>,
    /// The role under which it is proposed.
    pub role: Option<String>,
    /// The employee who proposes it.
    pub actor: Template,
    /// The employee who approves it.
    pub approve_as: Option<Template>,
    /// The primary stream, where no reference in the data determines it.
    pub subject: Option<Template>,
    /// When it happened, an instant.
    pub occurred_at: Option<Value>,
    /// Why it is recorded late.
    pub late_reason: Option<String>,
    /// Columns of which only the first row of each combination counts.
    pub distinct: Vec<String>,
    /// Words a column must hold for the row to count; the empty word stands for nothing.
    pub only: BTreeMap<String, BTreeSet<String>>,
    /// Words a column must not hold for the row to count; the empty word stands for nothing.
    pub except: BTreeMap<String, BTreeSet<String>>,
    /// Rows that come first: those in which each column equals the template's value on this row.
    pub after: BTreeMap<String, Template>,
    /// The payload.
    pub data: BTreeMap<String, Value>,
}

/// A text composed of literal parts and columns; it is nothing as soon as one of its columns is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// The parts in order.
    pub parts: Vec<Part>,
}

/// One part of a [`Template`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text as it stands.
    Literal(String),
    /// The cell of a column.
    Column(String),
}

/// How one value comes about.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// Where it is taken from.
    pub source: Source,
    /// What stands in where the source gives nothing.
    pub default: Option<Template>,
    /// Whether the field may be left out when there is nothing.
    pub optional: bool,
    /// What becomes of the text.
    pub shape: Shape,
}

/// Where a value is taken from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// A number or truth value that stands in the mapping.
    Constant(serde_json::Value),
    /// A composed text.
    Text(Template),
    /// Those of several texts that are something, with a separator between them.
    Joined {
        /// The texts.
        parts: Vec<Template>,
        /// The separator.
        with: String,
    },
    /// The one value that the matching rows of another file agree on.
    Lookup(Join),
    /// The value of the first of the matching rows of another file.
    First {
        /// The rows.
        join: Join,
        /// The columns that order them: decimal numbers by value and before texts, texts by character.
        order: Vec<String>,
    },
    /// The different values of the matching rows of another file, in its order.
    Gather(Join),
    /// An exact amount in yuan, written as fen.
    Money {
        /// The calculation.
        expression: Expression,
        /// What becomes of fractions of a fen.
        rounding: Rounding,
        /// Whether it may be below zero.
        signed: bool,
    },
    /// A list of values.
    List(Vec<Value>),
    /// An object of named values.
    Object(BTreeMap<String, Value>),
}

/// Rows of another file that belong to a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join {
    /// The other file.
    pub file: String,
    /// Its columns, and what each must equal.
    pub on: BTreeMap<String, Template>,
    /// The column taken from the rows that match.
    pub take: String,
}

/// What becomes of a text on its way into the payload.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Shape {
    /// Words replaced by others; if present, any word not listed is refused.
    pub recode: Option<BTreeMap<String, String>>,
    /// What the text is.
    pub kind: Kind,
    /// The fewest characters of a text.
    pub min: Option<usize>,
    /// The most characters of a text. A longer one is refused, never cut.
    pub max: Option<usize>,
}

/// What a text is.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// Text.
    #[default]
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// A calendar date, read by this `strftime` format.
    Date(String),
    /// An instant, read by this `strftime` format, in the ledger's zone unless the format has an offset; at the
    /// beginning of the day unless it has a time.
    Instant(String),
    /// An identifier: every character identifiers cannot hold becomes `-`.
    Id {
        /// The space of names within which two texts must not become the same identifier.
        of: String,
    },
    /// A telephone number: common variants of signs become the plain ones, others are dropped, letters are refused.
    Phone,
}

/// Why a text is not a mapping.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The text is not TOML, or not of the shape of a mapping.
    #[error("mapping \"{file}\" line {line}: {message}")]
    Syntax {
        /// The mapping file.
        file: String,
        /// The line.
        line: u64,
        /// What the TOML reader says.
        message: String,
    },
    /// A part of the mapping means nothing.
    #[error("mapping \"{file}\", {place}: {message}")]
    Meaning {
        /// The mapping file.
        file: String,
        /// Section and field.
        place: String,
        /// What is wrong.
        message: String,
    },
}

impl Mapping {
    /// Parses the text of a mapping file called `file`.
    ///
    /// # Errors
    /// [`ParseError`] names the line, or section and field, of the first thing that has no meaning. Unknown keys are
    /// errors: a misspelled option must not be passed over.
    pub fn parse(file: &str, text: &str) -> Result<Self, ParseError> {
        let raw: RawMapping = toml::from_str(text).map_err(|error| ParseError::Syntax {
            file: file.to_owned(),
            line: line_at(text, error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })?;
        let wrong = |place: String, message: String| ParseError::Meaning { file: file.to_owned(), place, message };
        let mut files = BTreeMap::new();
        for (name, raw_file) in raw.file {
            let place = format!("file \"{name}\"");
            let parsed = raw_file.parse(&name).map_err(|Wrong { field, message }| {
                wrong(if field.is_empty() { place } else { format!("{place}, column \"{field}\"") }, message)
            })?;
            files.insert(name, parsed);
        }
        let mut sections = Vec::new();
        for spanned in raw.event {
            let line = line_at(text, spanned.span().start);
            let raw_event = spanned.into_inner();
            let place = format!("event \"{}\" in line {line}", raw_event.name);
            let section = raw_event.parse(line, &raw.actors).map_err(|Wrong { field, message }| {
                wrong(if field.is_empty() { place } else { format!("{place}, field \"{field}\"") }, message)
            })?;
            sections.push(section);
        }
        Ok(Self {
            file: file.to_owned(),
            null: raw.null.into_iter().collect(),
            trim: raw.trim.unwrap_or(true),
            files,
            sections,
        })
    }
}

impl Template {
    /// Parses a text in which `{column}` stands for a column and `{{`, `}}` for braces.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut characters = text.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '{' if characters.next_if_eq(&'{').is_some() => literal.push('{'),
                '}' if characters.next_if_eq(&'}').is_some() => literal.push('}'),
                '}' => return None,
                '{' => {
                    let mut name = String::new();
                    loop {
                        match characters.next()? {
                            '}' => break,
                            '{' => return None,
                            other => name.push(other),
                        }
                    }
                    if name.trim().is_empty() {
                        return None;
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Column(name.trim().to_owned()));
                }
                other => literal.push(other),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Some(Self { parts })
    }

    /// Names the columns the template reads.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }
}

impl Value {
    /// Visits every column the value reads: of the row's own file (`None`) or of another one, by its name.
    pub fn for_each_column<'a>(&'a self, visit: &mut impl FnMut(Option<&'a str>, &'a str)) {
        if let Some(default) = &self.default {
            default.columns().for_each(|column| visit(None, column));
        }
        match &self.source {
            Source::Constant(_) => {}
            Source::Text(template) => template.columns().for_each(|column| visit(None, column)),
            Source::Joined { parts, .. } => {
                parts.iter().flat_map(Template::columns).for_each(|column| visit(None, column));
            }
            Source::Lookup(join) | Source::Gather(join) => join.for_each_column(visit),
            Source::First { join, order } => {
                join.for_each_column(visit);
                order.iter().for_each(|column| visit(Some(&join.file), column));
            }
            Source::Money { expression, .. } => {
                expression.columns().into_iter().for_each(|column| visit(None, column));
            }
            Source::List(items) => items.iter().for_each(|item| item.for_each_column(visit)),
            Source::Object(fields) => fields.values().for_each(|field| field.for_each_column(visit)),
        }
    }

    /// Visits every join the value makes.
    pub fn for_each_join<'a>(&'a self, visit: &mut impl FnMut(&'a Join)) {
        match &self.source {
            Source::Lookup(join) | Source::Gather(join) | Source::First { join, .. } => visit(join),
            Source::List(items) => items.iter().for_each(|item| item.for_each_join(visit)),
            Source::Object(fields) => fields.values().for_each(|field| field.for_each_join(visit)),
            Source::Constant(_) | Source::Text(_) | Source::Joined { .. } | Source::Money { .. } => {}
        }
    }

    fn parse(field: &str, raw: &toml::Value) -> Result<Self, Wrong> {
        match raw {
            toml::Value::String(text) => Ok(Self::plain(Source::Text(template(field, text)?))),
            toml::Value::Integer(number) if number.unsigned_abs() <= LEDGER_INTEGER_MAX => {
                Ok(Self::plain(Source::Constant((*number).into())))
            }
            toml::Value::Boolean(truth) => Ok(Self::plain(Source::Constant((*truth).into()))),
            toml::Value::Array(items) => {
                let items = items.iter().map(|item| Self::parse(field, item)).collect::<Result<_, _>>()?;
                Ok(Self::plain(Source::List(items)))
            }
            toml::Value::Table(table) => Self::parse_table(field, table),
            toml::Value::Integer(_) => Err(wrong(field, "the number is outside ±(2^53−1)")),
            toml::Value::Float(_) => Err(wrong(field, "the ledger holds no floats: write a whole number or a text")),
            toml::Value::Datetime(_) => Err(wrong(field, "write dates in quotes")),
        }
    }

    fn parse_table(field: &str, table: &toml::Table) -> Result<Self, Wrong> {
        let mut options = Options { field, left: table.clone() };
        let sources = SOURCES.iter().filter(|name| table.contains_key(**name)).collect::<Vec<_>>();
        let [name] = sources.as_slice() else {
            return Err(wrong(field, &format!("needs exactly one of {}", SOURCES.join(", "))));
        };
        let source = match **name {
            "text" => Source::Text(template(field, &options.text("text")?)?),
            "join" => Source::Joined {
                parts: options.texts("join")?.iter().map(|text| template(field, text)).collect::<Result<_, _>>()?,
                with: options.text("with")?,
            },
            "lookup" => Source::Lookup(options.join("lookup")?),
            "gather" => Source::Gather(options.join("gather")?),
            "first" => {
                let join = options.join("first")?;
                let order = options.texts("order")?;
                if order.is_empty() {
                    return Err(wrong(field, "`order` needs at least one column"));
                }
                Source::First { join, order }
            }
            "money" => Source::Money {
                expression: Expression::parse(&options.text("money")?)
                    .map_err(|error| wrong(field, &error.to_string()))?,
                rounding: match options.text("round")?.as_str() {
                    "half_up" => Rounding::HalfUp,
                    "exact" => Rounding::Exact,
                    _ => return Err(wrong(field, "`round` is \"half_up\" or \"exact\"")),
                },
                signed: options.flag("signed")?,
            },
            _ => Source::Object(options.values("object")?),
        };
        let takes_text = match &source {
            Source::Text(_) | Source::Joined { .. } | Source::Lookup(_) | Source::First { .. } => true,
            Source::Gather(_) | Source::Money { .. } => false,
            Source::Constant(_) | Source::List(_) | Source::Object(_) => false,
        };
        let shaped = takes_text || matches!(source, Source::Gather(_));
        let value = Self {
            default: if takes_text { options.optional_text("default")? } else { None }
                .map(|text| template(field, &text))
                .transpose()?,
            optional: options.flag("optional")?,
            shape: if shaped { options.shape()? } else { Shape::default() },
            source,
        };
        if value.default.is_some() && value.optional {
            return Err(wrong(field, "a value with a default is never left out: drop `optional`"));
        }
        options.finish()?;
        Ok(value)
    }

    fn plain(source: Source) -> Self {
        Self { source, default: None, optional: false, shape: Shape::default() }
    }

    fn scalar(&self) -> bool {
        !matches!(self.source, Source::List(_) | Source::Object(_) | Source::Gather(_))
    }
}

impl Join {
    fn for_each_column<'a>(&'a self, visit: &mut impl FnMut(Option<&'a str>, &'a str)) {
        for (theirs, ours) in &self.on {
            visit(Some(&self.file), theirs);
            ours.columns().for_each(|column| visit(None, column));
        }
        visit(Some(&self.file), &self.take);
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMapping {
    #[serde(default)]
    null: Vec<String>,
    trim: Option<bool>,
    #[serde(default)]
    actors: BTreeMap<String, String>,
    #[serde(default)]
    file: BTreeMap<String, RawFile>,
    #[serde(default)]
    event: Vec<toml::Spanned<RawEvent>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    path: String,
    delimiter: Option<char>,
    #[serde(default)]
    ragged: bool,
    #[serde(default)]
    derive: BTreeMap<String, toml::Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    name: String,
    kind: String,
    from: Option<String>,
    #[serde(rename = "as")]
    role: Option<String>,
    actor: Option<String>,
    approve_as: Option<String>,
    subject: Option<String>,
    occurred_at: Option<toml::Value>,
    late_reason: Option<String>,
    #[serde(default)]
    distinct: Vec<String>,
    #[serde(default)]
    only: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    except: BTreeMap<String, BTreeSet<String>>,
    #[serde(default)]
    after: BTreeMap<String, String>,
    data: BTreeMap<String, toml::Value>,
}

/// A field that means nothing, on its way up to where the file and the section are known.
struct Wrong {
    field: String,
    message: String,
}

impl RawFile {
    fn parse(self, name: &str) -> Result<File, Wrong> {
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains(['\\', '\0']);
        if !self.path.split('/').all(plain) {
            return Err(wrong("", "`path` is the name of a file within the folder"));
        }
        let delimiter = match self.delimiter.map_or(Ok(b','), u8::try_from) {
            Ok(byte) if byte.is_ascii() && !matches!(byte, b'"' | b'\r' | b'\n' | b'\0') => byte,
            _ => return Err(wrong("", "`delimiter` is one ASCII character, no quote and no line end")),
        };
        if name.is_empty() {
            return Err(wrong("", "a file needs a name"));
        }
        let mut derived = BTreeMap::new();
        for (column, raw) in &self.derive {
            let value = Value::parse(column, raw)?;
            if !value.scalar() {
                return Err(wrong(column, "a derived column holds one value, no list and no object"));
            }
            derived.insert(column.clone(), value);
        }
        Ok(File { path: self.path, delimiter, ragged: self.ragged, derived })
    }
}

impl RawEvent {
    fn parse(self, line: u64, actors: &BTreeMap<String, String>) -> Result<Section, Wrong> {
        if !is_event_type(&self.kind) {
            return Err(wrong("kind", "an event type is written like customer.registered"));
        }
        let actor = match (&self.actor, &self.role) {
            (Some(actor), _) => actor,
            (None, Some(role)) => actors.get(role).ok_or_else(|| wrong("as", "`actors` names nobody for this role"))?,
            (None, None) => return Err(wrong("as", "needs a role in `as` or an employee in `actor`")),
        };
        let data = self.data.iter().map(|(field, raw)| Ok((field.clone(), Value::parse(field, raw)?)));
        let after = self.after.iter().map(|(column, text)| Ok((column.clone(), template("after", text)?)));
        Ok(Section {
            line,
            actor: template("actor", actor)?,
            approve_as: self.approve_as.map(|text| template("approve_as", &text)).transpose()?,
            subject: self.subject.map(|text| template("subject", &text)).transpose()?,
            occurred_at: self.occurred_at.map(|raw| instant(&raw)).transpose()?,
            data: data.collect::<Result<_, _>>()?,
            after: after.collect::<Result<_, _>>()?,
            name: self.name,
            kind: self.kind,
            from: self.from,
            role: self.role,
            late_reason: self.late_reason,
            distinct: self.distinct,
            only: self.only,
            except: self.except,
        })
    }
}

/// The keys of an inline table, taken out one by one so that what is left over is what nobody knows.
struct Options<'a> {
    field: &'a str,
    left: toml::Table,
}

impl Options<'_> {
    fn text(&mut self, key: &str) -> Result<String, Wrong> {
        self.optional_text(key)?.ok_or_else(|| wrong(self.field, &format!("`{key}` is missing")))
    }

    fn optional_text(&mut self, key: &str) -> Result<Option<String>, Wrong> {
        match self.left.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(self.field, &format!("`{key}` is a text"))),
        }
    }

    fn texts(&mut self, key: &str) -> Result<Vec<String>, Wrong> {
        let is_list = || wrong(self.field, &format!("`{key}` is a list of texts"));
        let Some(toml::Value::Array(items)) = self.left.remove(key) else {
            return Err(is_list());
        };
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(is_list)).collect()
    }

    fn flag(&mut self, key: &str) -> Result<bool, Wrong> {
        match self.left.remove(key) {
            None => Ok(false),
            Some(toml::Value::Boolean(truth)) => Ok(truth),
            Some(_) => Err(wrong(self.field, &format!("`{key}` is true or false"))),
        }
    }

    fn length(&mut self, key: &str) -> Result<Option<usize>, Wrong> {
        self.left
            .remove(key)
            .map(|raw| {
                let length = raw.as_integer().and_then(|number| usize::try_from(number).ok());
                length.ok_or_else(|| wrong(self.field, &format!("`{key}` is a number of characters")))
            })
            .transpose()
    }

    fn table(&mut self, key: &str) -> Result<toml::Table, Wrong> {
        match self.left.remove(key) {
            Some(toml::Value::Table(table)) => Ok(table),
            _ => Err(wrong(self.field, &format!("`{key}` is a table"))),
        }
    }

    fn words(&mut self, key: &str) -> Result<BTreeMap<String, String>, Wrong> {
        let table = self.table(key)?;
        let word = |(name, raw): (String, toml::Value)| match raw {
            toml::Value::String(text) => Ok((name, text)),
            _ => Err(wrong(self.field, &format!("`{key}` holds texts"))),
        };
        table.into_iter().map(word).collect()
    }

    fn values(&mut self, key: &str) -> Result<BTreeMap<String, Value>, Wrong> {
        let table = self.table(key)?;
        table
            .iter()
            .map(|(name, raw)| Ok((name.clone(), Value::parse(&format!("{}.{name}", self.field), raw)?)))
            .collect()
    }

    fn join(&mut self, key: &str) -> Result<Join, Wrong> {
        let file = self.text(key)?;
        let on = self
            .words("where")?
            .into_iter()
            .map(|(column, text)| Ok((column, template(self.field, &text)?)))
            .collect::<Result<BTreeMap<_, _>, _>>()?;
        if on.is_empty() {
            return Err(wrong(self.field, "`where` needs at least one column"));
        }
        Ok(Join { file, on, take: self.text("take")? })
    }

    fn shape(&mut self) -> Result<Shape, Wrong> {
        let recode = if self.left.contains_key("recode") { Some(self.words("recode")?) } else { None };
        let kind = self.optional_text("type")?;
        let kind = match kind.as_deref() {
            None | Some("text") => Kind::Text,
            Some("integer") => Kind::Integer,
            Some("boolean") => Kind::Boolean,
            Some("date") => Kind::Date(self.format()?),
            Some("instant") => Kind::Instant(self.format()?),
            Some("id") => Kind::Id { of: self.optional_text("of")?.unwrap_or_default() },
            Some("phone") => Kind::Phone,
            Some(_) => {
                return Err(wrong(self.field, "`type` is text, integer, boolean, date, instant, id or phone"));
            }
        };
        let (min, max) = match kind {
            Kind::Text => (self.length("min")?, self.length("max")?),
            _ => (None, None),
        };
        Ok(Shape { recode, kind, min, max })
    }

    fn format(&mut self) -> Result<String, Wrong> {
        let format = self.text("format")?;
        if StrftimeItems::new(&format).any(|item| item == Item::Error) {
            return Err(wrong(self.field, "`format` is no date format"));
        }
        Ok(format)
    }

    fn finish(self) -> Result<(), Wrong> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(key) => Err(wrong(self.field, &format!("`{key}` means nothing here"))),
        }
    }
}

fn instant(raw: &toml::Value) -> Result<Value, Wrong> {
    let value = Value::parse("occurred_at", raw)?;
    match value.shape.kind {
        Kind::Instant(_) => Ok(value),
        _ => Err(wrong("occurred_at", "is an instant: `{ text = \"{column}\", type = \"instant\", format = … }`")),
    }
}

fn template(field: &str, text: &str) -> Result<Template, Wrong> {
    Template::parse(text).ok_or_else(|| wrong(field, "a brace has no partner, or no column name stands in it"))
}

fn wrong(field: &str, message: &str) -> Wrong {
    Wrong { field: field.to_owned(), message: message.to_owned() }
}

fn is_event_type(text: &str) -> bool {
    let mut parts = text.split('.');
    let word = |part: Option<&str>| {
        part.is_some_and(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'))
    };
    let version = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    word(parts.next()) && word(parts.next()) && parts.next().is_none_or(version) && parts.next().is_none()
}

fn line_at(text: &str, offset: usize) -> u64 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u64::try_from(newlines).unwrap_or(u64::MAX).saturating_add(1)
}

const SOURCES: [&str; 7] = ["text", "join", "lookup", "first", "gather", "money", "object"];
const LEDGER_INTEGER_MAX: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse_field(value: &str) -> Result<Value, String> {
        let text = format!(
            "[actors]\nhr = \"E-HR\"\n[[event]]\nname = \"staff\"\nkind = \"employee.registered\"\nas = \"hr\"\n\
             [event.data]\nfield = {value}\n"
        );
        let mapping = Mapping::parse("m.toml", &text).map_err(|error| error.to_string())?;
        Ok(mapping.sections.into_iter().next().unwrap().data.remove("field").unwrap())
    }

    fn check_refused(value: &str, expected: &str) {
        let message = parse_field(value).unwrap_err();
        assert!(message.contains(expected), "{value}: {message}");
        assert!(message.contains("event \"staff\" in line 3, field \"field\""), "{message}");
    }

    #[test]
    fn a_text_is_a_template() {
        let template = Template::parse("{firstName} {lastName} {{x}}").unwrap();
        let column = |name: &str| Part::Column(name.to_owned());
        let literal = |text: &str| Part::Literal(text.to_owned());
        assert_eq!(template.parts, [column("firstName"), literal(" "), column("lastName"), literal(" {x}")]);
        for broken in ["{", "}", "{}", "{a{b}}", "{ }", "a}"] {
            assert_eq!(Template::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn every_kind_of_value_is_understood() {
        for value in [
            "\"{a}\"",
            "12",
            "true",
            "[\"{a}\", { text = \"{b}\", optional = true }]",
            "{ text = \"{a}\", type = \"id\", of = \"customer\" }",
            "{ text = \"{a}\", type = \"date\", format = \"%Y-%m-%d\", default = \"2020-01-01\" }",
            "{ text = \"{a}\", recode = { Y = \"true\" }, type = \"boolean\" }",
            "{ join = [\"{a}\", \"{b}\"], with = \", \", max = 200, optional = true }",
            "{ lookup = \"orders\", where = { id = \"{a}\" }, take = \"b\", min = 1 }",
            "{ first = \"orders\", where = { id = \"{a}\" }, order = [\"day\"], take = \"b\", default = \"x\" }",
            "{ gather = \"orders\", where = { id = \"{a}\" }, take = \"b\", type = \"integer\" }",
            "{ money = \"a * b\", round = \"half_up\", signed = true }",
            "{ object = { role = \"salesperson\", unit = \"{u}\" } }",
        ] {
            parse_field(value).unwrap();
        }
    }

    #[test]
    fn a_value_without_meaning_is_refused_with_its_place() {
        check_refused("1.5", "no floats");
        check_refused("2020-01-01", "write dates in quotes");
        check_refused("9007199254740992", "outside");
        check_refused("{ txt = \"a\" }", "exactly one of");
        check_refused("{ text = \"a\", money = \"b\" }", "exactly one of");
        check_refused("{ text = \"a\", rond = \"b\" }", "`rond` means nothing here");
        check_refused("{ text = \"{a\" }", "brace");
        check_refused("{ text = 3 }", "`text` is a text");
        check_refused("{ text = \"a\", type = \"date\" }", "`format` is missing");
        check_refused("{ text = \"a\", type = \"date\", format = \"%Q\" }", "no date format");
        check_refused("{ text = \"a\", type = \"number\" }", "`type` is");
        check_refused("{ text = \"a\", type = \"integer\", max = 3 }", "`max` means nothing here");
        check_refused("{ text = \"a\", max = -3 }", "number of characters");
        check_refused("{ text = \"a\", default = \"b\", optional = true }", "never left out");
        check_refused("{ money = \"a *\", round = \"half_up\" }", "ends too early");
        check_refused("{ money = \"a\" }", "`round` is missing");
        check_refused("{ money = \"a\", round = \"up\" }", "half_up");
        check_refused("{ lookup = \"f\", where = {}, take = \"b\" }", "at least one column");
        check_refused("{ first = \"f\", where = { a = \"b\" }, order = [], take = \"b\" }", "at least one column");
        check_refused("{ join = [1], with = \"\" }", "list of texts");
    }

    #[test]
    fn a_mapping_without_meaning_is_refused_with_its_line() {
        let check = |text: &str, expected: &str| {
            let message = Mapping::parse("m.toml", text).unwrap_err().to_string();
            assert!(message.contains(expected), "{text}: {message}");
        };
        check("null = [", "line 1");
        check("\n\nnil = []", "line 3");
        check("[file.a]\npath = \"../a.csv\"", "within the folder");
        check("[file.a]\npath = \"/a.csv\"", "within the folder");
        check("[file.a]\npath = \"a.csv\"\ndelimiter = \"é\"", "delimiter");
        check("[file.a]\npath = \"a.csv\"\n[file.a.derive]\nx = [\"1\"]", "no list");
        let event = |rest: &str| format!("[[event]]\nname = \"n\"\n{rest}\n[event.data]\n");
        check(&event("kind = \"Sale\"\nas = \"hr\""), "event type");
        check(&event("kind = \"sale.recorded\"\nas = \"hr\""), "names nobody");
        check(&event("kind = \"sale.recorded\""), "needs a role");
        check(&event("kind = \"sale.recorded\"\nactor = \"E\"\noccurred_at = \"{a}\""), "is an instant");
        check(&event("kind = \"sale.recorded\"\nactor = \"E\"\norder = 1"), "unknown field");
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
            let _template = Template::parse(&text);
            let _mapping = Mapping::parse("m.toml", &text);
        }
    }
}
