//! Views taken out as tables, in CSV for programs and in XLSX for people.
//!
//! Both say the same of the same answer, and nothing in either is a formula.

use std::collections::BTreeSet;

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet, XlsxError};
use serde_json::{Map, Value};

use crate::access::principal::Language;
use crate::access::redactor::MASK;
use crate::clock::{Date, Timestamp, Zone};
use crate::domain::catalog::Kind;
use crate::http::error::Problem;
use crate::http::web::words;
use crate::ledger::Answered;
use crate::projection::{Column, View};

/// Writes a list as CSV, `columns` being the view's or those of a difference: a header row of column ids, then one row per item.
pub(crate) fn csv(view: &View, columns: &'static [Column], answered: &Answered) -> Result<Response, Problem> {
    let (columns, items) = table(columns, answered)?;
    // Quoted throughout: what stands between quotes is text wherever it is split.
    let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
    let written = writer.write_record(&columns).and_then(|()| {
        items.iter().try_for_each(|item| writer.write_record(columns.iter().map(|column| cell(item.get(*column)))))
    });
    let bytes = written.ok().and_then(|()| writer.into_inner().ok()).ok_or(Problem::Failed)?;
    Ok(file(view, answered, "csv", "text/csv; charset=utf-8; header=present", bytes))
}

/// What a sheet says besides its rows.
pub(crate) struct Sheet<'a> {
    /// In which language its labels are.
    pub(crate) language: Language,
    /// In which zone its times are.
    pub(crate) zone: Zone,
    /// Who takes it out: every page of it names them.
    pub(crate) reader: &'a str,
    /// When.
    pub(crate) now: Timestamp,
}

/// Writes a list as XLSX: labels in the language asked for, numbers as numbers, dates as dates, columns of fixed widths.
pub(crate) fn xlsx(
    view: &View,
    columns: &'static [Column],
    answered: &Answered,
    sheet: &Sheet<'_>,
) -> Result<Response, Problem> {
    let (names, items) = table(columns, answered)?;
    let bytes = workbook(view, columns, &names, items, answered, sheet).map_err(|error| {
        tracing::error!(%error, "a table cannot be written");
        Problem::Failed
    })?;
    Ok(file(view, answered, "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", bytes))
}

fn file(view: &View, answered: &Answered, ending: &str, kind: &'static str, bytes: Vec<u8>) -> Response {
    let name = format!("attachment; filename=\"{}-{}.{ending}\"", view.key, answered.position);
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, name)], bytes).into_response()
}

/// The columns of a view and the rows of an answer.
fn table<'a>(columns: &'static [Column], answered: &'a Answered) -> Result<(Vec<&'a str>, &'a [Value]), Problem> {
    let items = answered.body.get("items").and_then(Value::as_array).ok_or(Problem::NoTable)?;
    let columns: Vec<&str> = match columns {
        [] => items
            .iter()
            .filter_map(Value::as_object)
            .flat_map(Map::keys)
            .map(String::as_str)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        columns => columns.iter().map(|column| column.id).collect(),
    };
    Ok((columns, items))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => escaped(text),
        Some(value) => value.to_string(),
    }
}

/// A spreadsheet takes text that begins like this for a formula, from CSV at once and from XLSX when it is saved as CSV; one set up for
/// Chinese or Japanese also by the signs in full width, and some pass over spaces before them.
fn escaped(text: &str) -> String {
    match text.starts_with(['\t', '\r', '\n', '\0'])
        || text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
    {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

fn workbook(
    view: &View,
    declared: &[Column],
    columns: &[&str],
    items: &[Value],
    answered: &Answered,
    sheet: &Sheet<'_>,
) -> Result<Vec<u8>, XlsxError> {
    let language = sheet.language;
    let mut book = Workbook::new();
    let seconds = sheet.now.micros() / 1_000_000;
    book.set_properties(&DocProperties::new().set_creation_datetime(&ExcelDateTime::from_timestamp(seconds)?));
    let page = book.add_worksheet();
    page.set_name(sheet_name(language.choose((view.en, view.zh))))?;
    page.set_landscape().set_paper_size(A4).set_print_fit_to_pages(1, 0).set_repeat_rows(0, 0)?;
    page.set_freeze_panes(1, 0)?;
    let mark = format!("{} · {} · #{}", view.number, sheet.reader, answered.position);
    page.set_footer(format!("&L{}&R&P/&N", mark.replace('&', "&&")));
    let head = Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Top);
    for (place, column) in (0_u16..).zip(columns) {
        let declared = declared.iter().find(|known| known.id == *column);
        let label = declared.map_or_else(
            || words::label(language, column).into_owned(),
            |column| language.choose((column.en, column.zh)).to_owned(),
        );
        let label = if money(column) { format!("{label} ({})", language.choose(("CNY", "元"))) } else { label };
        page.write_string_with_format(0, place, label, &head)?;
        page.set_column_width(place, width(column))?;
    }
    let formats = Formats::new();
    for (row, item) in (1_u32..).zip(items) {
        for (place, column) in (0_u16..).zip(columns) {
            if let Some(value) = item.get(*column) {
                write(page, (row, place), column, value, &formats, sheet)?;
            }
        }
    }
    book.save_to_buffer()
}

/// How the kinds of values look.
struct Formats {
    text: Format,
    whole: Format,
    money: Format,
    date: Format,
    instant: Format,
}

impl Formats {
    fn new() -> Self {
        let of = |pattern: &str| Format::new().set_num_format(pattern).set_align(FormatAlign::Top);
        Self {
            text: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            whole: of("0"),
            money: of("#,##0.00"),
            date: of("yyyy-mm-dd"),
            instant: of("yyyy-mm-dd hh:mm:ss"),
        }
    }
}

fn write(
    page: &mut Worksheet,
    (row, place): (u32, u16),
    column: &str,
    value: &Value,
    formats: &Formats,
    sheet: &Sheet<'_>,
) -> Result<(), XlsxError> {
    match value {
        Value::Null => {}
        Value::Number(number) => {
            let number = number.as_f64().unwrap_or_default();
            match money(column) {
                true => page.write_number_with_format(row, place, number / 100.0, &formats.money)?,
                false => page.write_number_with_format(row, place, number, &formats.whole)?,
            };
        }
        Value::String(text) => match (text.parse::<Date>(), text.parse::<Timestamp>()) {
            (Ok(_), _) => {
                page.write_datetime_with_format(row, place, &ExcelDateTime::parse_from_str(text)?, &formats.date)?;
            }
            (_, Ok(at)) => {
                // A sheet knows no zones: what is written is what a clock on the wall showed.
                let wall: String = sheet.zone.wall(at).replacen(' ', "T", 1).chars().take(19).collect();
                page.write_datetime_with_format(row, place, &ExcelDateTime::parse_from_str(&wall)?, &formats.instant)?;
            }
            _ => {
                page.write_string_with_format(row, place, fitting(column, value, sheet), &formats.text)?;
            }
        },
        Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
            page.write_string_with_format(row, place, fitting(column, value, sheet), &formats.text)?;
        }
    }
    Ok(())
}

/// Says a value as a cell holds it: no formula, and cut where it is longer than a cell may be.
fn fitting(column: &str, value: &Value, sheet: &Sheet<'_>) -> String {
    let text = escaped(&said(column, value, sheet));
    match text.char_indices().nth(CELL_CHARACTERS_MAX - 1) {
        Some((end, last)) if end + last.len_utf8() < text.len() => format!("{}…", text.get(..end).unwrap_or_default()),
        _ => text,
    }
}

/// Says a value as a page would, in words.
fn said(column: &str, value: &Value, sheet: &Sheet<'_>) -> String {
    let language = sheet.language;
    match value {
        Value::String(text) if text == MASK => text.clone(),
        Value::String(text) if column == "status" => words::status(language, text),
        Value::String(text) => match words::field(column).map(|field| &field.kind) {
            Some(Kind::Choice(choices)) => words::choice(language, choices, text),
            Some(Kind::List(inner)) => match inner.as_ref() {
                Kind::Choice(choices) => words::choice(language, choices, text),
                _ => text.clone(),
            },
            _ => text.clone(),
        },
        Value::Bool(yes) => language.choose(if *yes { ("yes", "是") } else { ("no", "否") }).to_owned(),
        Value::Array(values) => {
            let said: Vec<String> = values.iter().map(|value| said(column, value, sheet)).collect();
            said.join(language.choose((", ", "、")))
        }
        Value::Object(values) => {
            let said: Vec<String> = values
                .iter()
                .map(|(name, value)| format!("{}: {}", words::label(language, name), said(name, value, sheet)))
                .collect();
            said.join(language.choose(("; ", "；")))
        }
        Value::Null => String::new(),
        Value::Number(number) => number.to_string(),
    }
}

/// Tells whether a column holds fen.
fn money(column: &str) -> bool {
    let declared = words::field(column).is_some_and(|field| matches!(field.kind, Kind::Money | Kind::SignedMoney));
    declared || matches!(column, "cumulative_amount" | "sales" | "average_per_customer")
}

/// How wide a column is, in characters: the same for every answer, so that nothing can be told from it.
fn width(column: &str) -> f64 {
    match words::field(column).map(|field| &field.kind) {
        Some(Kind::Text | Kind::Payload | Kind::Map | Kind::Object(_)) => 48.0,
        Some(Kind::Instant) => 20.0,
        Some(Kind::Date | Kind::Quarter | Kind::Bool | Kind::Int(..)) => 12.0,
        Some(Kind::Hash) => 32.0,
        Some(_) => 18.0,
        None if column.ends_with("_at") || column == "at" => 20.0,
        None if matches!(column, "payload" | "hash" | "content_hash" | "policies" | "opinions" | "reason") => 32.0,
        None => 18.0,
    }
}

/// A name a sheet may have: at most 31 characters, none of `[]:*?/\`.
fn sheet_name(label: &str) -> String {
    label.chars().filter(|c| !"[]:*?/\\'".contains(*c)).take(31).collect()
}

/// The most characters a cell may have.
const CELL_CHARACTERS_MAX: usize = 32_767;

/// The number of A4 among the sizes of paper.
const A4: u8 = 9;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::Bytes;
    use axum::extract::FromRequest as _;
    use serde_json::json;

    use super::*;
    use crate::domain::role::Role;
    use crate::projection;

    fn answered(body: Value) -> Answered {
        Answered {
            text: body.to_string().into(),
            body: Arc::new(body),
            position: 41,
            next: None,
            role: Role::Auditor,
            masked: Vec::new(),
            recorded: vec![42],
            recorded_hash: None,
            file: None,
        }
    }

    fn bytes(response: Response) -> Bytes {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let request = axum::extract::Request::new(response.into_body());
        runtime.block_on(Bytes::from_request(request, &())).unwrap()
    }

    fn rows() -> Value {
        json!({ "items": [
            { "customer_id": "C-1", "name": "=cmd|' /C calc'!A0", "industry": "a,\"b\"", "phone": "+86 10", "status": null, "more": 1 },
            { "customer_id": "C-2", "name": "北方", "region": -5, "owner": ["E-1"] },
        ] })
    }

    fn list() -> &'static View {
        projection::view("list").unwrap()
    }

    #[test]
    fn a_table_has_a_header_row_and_no_formulas() {
        let response = csv(list(), list().columns, &answered(rows())).unwrap();
        assert_eq!(response.headers()[CONTENT_DISPOSITION], "attachment; filename=\"list-41.csv\"");
        assert_eq!(
            std::str::from_utf8(&bytes(response)).unwrap(),
            "\"customer_id\",\"code\",\"name\",\"industry\",\"party\",\"phone\",\"region\",\"owner\",\"status\"\n\
             \"C-1\",\"\",\"'=cmd|' /C calc'!A0\",\"a,\"\"b\"\"\",\"\",\"'+86 10\",\"\",\"\",\"\"\n\
             \"C-2\",\"\",\"北方\",\"\",\"\",\"\",\"-5\",\"[\"\"E-1\"\"]\",\"\"\n"
        );
    }

    #[test]
    fn whatever_begins_like_a_formula_is_text() {
        for text in
            ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\0=1", "＝1", "＠SUM(A1)", " =1", "\u{3000}＝1"]
        {
            assert_eq!(escaped(text), format!("'{text}"));
        }
        for text in ["1-1", "a=b", " 1", "–1", ""] {
            assert_eq!(escaped(text), text);
        }
    }

    #[test]
    fn what_is_longer_than_a_cell_is_cut_and_the_rest_is_taken_out() {
        let sheet =
            Sheet { language: Language::English, zone: Zone::default(), reader: "E-1", now: Timestamp::from_micros(0) };
        let of = |length: usize| fitting("remark", &json!("字".repeat(length)), &sheet);
        assert_eq!(of(32_767), "字".repeat(32_767));
        assert_eq!(of(32_768), format!("{}…", "字".repeat(32_766)));
        let long = json!({ "items": [{ "customer_id": "C-1", "name": "x".repeat(60_000) }] });
        assert!(bytes(xlsx(list(), list().columns, &answered(long), &sheet).unwrap()).starts_with(b"PK"));
    }

    #[test]
    fn what_is_no_list_is_no_table() {
        let archive = projection::view("archive").unwrap();
        assert!(matches!(csv(archive, archive.columns, &answered(json!({ "name": "x" }))), Err(Problem::NoTable)));
        let sheet =
            Sheet { language: Language::English, zone: Zone::default(), reader: "E-1", now: Timestamp::from_micros(0) };
        assert!(matches!(
            xlsx(archive, archive.columns, &answered(json!({ "name": "x" })), &sheet),
            Err(Problem::NoTable)
        ));
    }

    #[test]
    fn the_same_answer_makes_the_same_sheet_byte_for_byte() {
        let sheet =
            Sheet { language: Language::Chinese, zone: Zone::default(), reader: "E-1", now: Timestamp::from_micros(0) };
        let made = || bytes(xlsx(list(), list().columns, &answered(rows()), &sheet).unwrap());
        assert!(made().starts_with(b"PK\x03\x04"));
        assert_eq!(made(), made());
    }
}
