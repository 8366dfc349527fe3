//! `dossier show`: reads a view with the rights of the token's holder; the reading is entered like any other.

use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value};

use crate::access::principal::{Language, Purpose, PurposeKind};
use crate::cli::error::Failure;
use crate::cli::{Caller, Place, output};
use crate::clock::Timestamp;
use crate::domain::audit::Mode;
use crate::ledger::{Answered, AsOf, Asked, Ledger, Moment};
use crate::projection::{self, Column, VIEWS, View, difference};

/// Show a view, as the holder of the token may see it. Every reading of more than the list is entered first.
///
/// A view about one thing needs its SUBJECT: a customer's id for `card`, `archive`, `grades`, `grade_audit` and `promises`; a
/// stream such as customer/C-00042 for `timeline`; an index for `entry`. `access_log` takes customer/ID or employee/ID, and `staff` an
/// employee's id; without one they show everybody's.
#[derive(Clone, Debug, Args)]
#[command(after_help = views_help())]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    caller: Caller,
    /// The view's key.
    #[arg(value_name = "VIEW")]
    view: String,
    /// What the view is about.
    #[arg(value_name = "SUBJECT")]
    subject: Option<String>,
    /// The state after this index, or at this instant, instead of now.
    #[arg(long, value_name = "INDEX|INSTANT", value_parser = as_of)]
    as_of: Option<AsOf>,
    /// Of what is recorded, only what had happened by this instant.
    #[arg(long, value_name = "INSTANT")]
    valid_at: Option<Timestamp>,
    /// Only what has changed since this index or instant.
    #[arg(long, value_name = "INDEX|INSTANT", value_parser = as_of)]
    since: Option<AsOf>,
    /// Why it is read: a purpose of the list, and after a colon what to say about it.
    #[arg(long, value_name = "PURPOSE[: NOTE]", value_parser = purpose)]
    purpose: Option<Purpose>,
    /// Narrows a list, such as year=2026; may be repeated.
    #[arg(long = "filter", value_name = "KEY=VALUE", value_parser = filter)]
    filters: Vec<(String, String)>,
    /// Opens personal values the reader may see; a reading of its own kind.
    #[arg(long)]
    reveal: bool,
    /// How it is printed; csv is taking data out, and needs the right to export.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// How many rows a page has at most; as many as suit the view where it is not said.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: Option<u16>,
    /// Where the page before ended.
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
    /// All pages, one reading after the other.
    #[arg(long, conflicts_with = "after")]
    all: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

/// Reads the view and prints it.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let view = projection::view(&arguments.view).ok_or_else(|| Failure::NoSuchView(arguments.view.clone()))?;
    let columns = if arguments.since.is_some() { difference::COLUMNS } else { view.columns };
    if arguments.format == Format::Csv && columns.is_empty() {
        return Err(Failure::NotTabular);
    }
    let ledger = arguments.place.open()?;
    let read = read(&ledger, view, &arguments, language).await;
    ledger.close();
    let answer = read?;
    match arguments.format {
        Format::Json => output::json(&whole(answer)),
        Format::Csv => output::write(&csv_of(columns, &rows(&answer.body), language)?),
        Format::Table => {
            let text = match answer.body.get("items").and_then(Value::as_array) {
                Some(items) if !columns.is_empty() => output::columns(&table(columns, items, language)),
                _ => tree(&answer.body, 0),
            };
            output::write(text.as_bytes())?;
            match answer.next {
                Some(next) => {
                    output::line(&language.choose((format!("more: --after {next}"), format!("续页：--after {next}"))))
                }
                None => Ok(()),
            }
        }
    }
}

async fn read(
    ledger: &Ledger,
    view: &'static View,
    arguments: &Arguments,
    language: Language,
) -> Result<Answered, Failure> {
    ledger.adopt_policies().await?;
    let principal = arguments.caller.principal(ledger, language)?;
    // What stands under the last signed checkpoint has its proof.
    ledger.settle();
    let mut asked = Asked {
        subject: arguments.subject.clone(),
        filters: arguments.filters.iter().cloned().collect::<BTreeMap<_, _>>(),
        as_of: arguments.as_of.unwrap_or(AsOf::Latest),
        valid_at: arguments.valid_at,
        since: arguments.since.map(|recorded| Moment { recorded, valid_at: arguments.valid_at }),
        purpose: arguments.purpose.clone(),
        mode: if arguments.format == Format::Csv { Mode::Export } else { Mode::View },
        reveal: arguments.reveal,
        after: arguments.after.clone(),
        limit: arguments.limit.map_or(view.page_rows, usize::from),
        ..Asked::new(view)
    };
    let mut answer = ledger.view(&principal, &asked).await?;
    while arguments.all && answer.next.is_some() {
        asked.after.clone_from(&answer.next);
        let page = ledger.view(&principal, &asked).await?;
        let more = rows(&page.body);
        if let Some(Value::Array(items)) = Arc::make_mut(&mut answer.body).get_mut("items") {
            items.extend(more);
        }
        (answer.next, answer.position) = (page.next, page.position);
    }
    Ok(answer)
}

fn rows(body: &Value) -> Vec<Value> {
    body.get("items").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// The answer with where it stands, as the HTTP interface gives it.
fn whole(answer: Answered) -> Value {
    let mut fields = match Arc::unwrap_or_clone(answer.body) {
        Value::Object(fields) => fields,
        other => Map::from_iter([("body".to_owned(), other)]),
    };
    if let Some(next) = answer.next {
        fields.insert("next".into(), next.into());
    }
    fields.insert("position".into(), answer.position.into());
    Value::Object(fields)
}

fn table(columns: &[Column], items: &[Value], language: Language) -> Vec<Vec<String>> {
    let header = columns.iter().map(|column| language.choose((column.en, column.zh)).to_owned()).collect();
    let cells = |item: &Value| columns.iter().map(|column| text(item.get(column.id))).collect();
    std::iter::once(header).chain(items.iter().map(cells)).collect()
}

/// A value as people read it in a cell.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) if items.iter().all(|item| !item.is_object()) => {
            items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(", ")
        }
        Some(other) => other.to_string(),
    }
}

/// An object as indented lines.
fn tree(value: &Value, depth: usize) -> String {
    let indent = "  ".repeat(depth);
    let entry = |name: &str, value: &Value| match value {
        Value::Object(fields) if !fields.is_empty() => format!("{indent}{name}:\n{}", tree(value, depth + 1)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            format!("{indent}{name}:\n{}", tree(value, depth + 1))
        }
        _ => format!("{indent}{name}: {}\n", output::plain(&text(Some(value)))),
    };
    match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| entry(&output::plain(name), value)).collect(),
        Value::Array(items) => items.iter().map(|item| entry("-", item)).collect(),
        other => format!("{indent}{}\n", output::plain(&text(Some(other)))),
    }
}

fn csv_of(columns: &[Column], items: &[Value], language: Language) -> Result<Vec<u8>, Failure> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in table(columns, items, language) {
        writer.write_record(row.iter().map(|cell| harmless(cell))).map_err(|error| Failure::Process(error.into()))?;
    }
    writer.into_inner().map_err(|error| Failure::Process(std::io::Error::other(error.to_string())))
}

/// Keeps a spreadsheet from taking a cell for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']) { format!("'{cell}") } else { cell.to_owned() }
}

fn as_of(text: &str) -> Result<AsOf, String> {
    let index = || text.parse().map(AsOf::Index).ok();
    let instant = || text.parse().map(AsOf::Instant).ok();
    index().or_else(instant).ok_or_else(|| "an index, or an instant such as 2026-03-05T09:30:00+08:00".to_owned())
}

pub(super) fn purpose(text: &str) -> Result<Purpose, String> {
    Purpose::parse(text).map_err(|_| {
        let keys: Vec<&str> = PurposeKind::ALL.iter().map(|kind| kind.key()).collect();
        format!("one of {}, and after a colon a note", keys.join(", "))
    })
}

fn filter(text: &str) -> Result<(String, String), String> {
    let parts = text.split_once('=').filter(|(key, _)| !key.is_empty());
    parts.map(|(key, value)| (key.to_owned(), value.to_owned())).ok_or_else(|| "KEY=VALUE".to_owned())
}

fn views_help() -> String {
    let mut text = "Views:\n".to_owned();
    for view in VIEWS {
        text.push_str(&format!("  {:<12} {} {} {}\n", view.key, view.number, view.en, view.zh));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_moment_is_an_index_or_an_instant() {
        assert_eq!(as_of("42"), Ok(AsOf::Index(42)));
        assert!(matches!(as_of("2026-03-05T09:30:00+08:00"), Ok(AsOf::Instant(_))));
        assert!(as_of("yesterday").is_err() && as_of("-1").is_err());
    }

    #[test]
    fn a_filter_has_a_key_and_may_have_an_empty_value() {
        assert_eq!(filter("q=a=b"), Ok(("q".into(), "a=b".into())));
        assert_eq!(filter("q="), Ok(("q".into(), String::new())));
        assert!(filter("q").is_err() && filter("=x").is_err());
    }

    #[test]
    fn a_formula_is_written_as_text() {
        let view = projection::view("list").unwrap();
        let rows = [json!({"customer_id": "C-1", "name": "=1+1"})];
        let csv = String::from_utf8(csv_of(view.columns, &rows, Language::English).unwrap()).unwrap();
        assert!(csv.starts_with("Customer,Code,Name,"), "{csv}");
        assert!(csv.contains("C-1,,'=1+1,"), "{csv}");
    }

    #[test]
    fn an_object_is_shown_as_indented_lines() {
        let body = json!({"a": {"b": [1, 2]}, "c": [{"d": "x\u{1b}"}], "e": null});
        assert_eq!(tree(&body, 0), "a:\n  b: 1, 2\nc:\n  -:\n    d: x \ne: \n");
    }
}
