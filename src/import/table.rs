//! CSV files of a folder as tables that remember file and line of every row, and every row they could not read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;

use crate::import::Rejected;
use crate::import::mapping::{File, Mapping};
use crate::import::problem::Problem;

/// The tables of a mapping, by the name it gives their files.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// The tables.
    pub tables: BTreeMap<String, Table>,
}

/// One CSV file.
#[derive(Clone, Debug)]
pub struct Table {
    /// The file's name in the folder.
    pub file: String,
    /// The names in its header, in order.
    pub columns: Vec<String>,
    /// The rows that could be read.
    pub rows: Vec<Row>,
    /// The rows that could not.
    pub rejected: Vec<Rejected>,
}

/// One record of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins in, the first of the file being 1.
    pub line: u64,
    /// Its number among the records below the header, from 1.
    pub number: u64,
    /// Its cells in the order of the header; `None` for nothing.
    pub cells: Vec<Option<String>>,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("file \"{file}\" cannot be read")]
    Unreadable {
        /// The file.
        file: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than what is read into memory.
    #[error("file \"{file}\" is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge {
        /// The file.
        file: String,
    },
    /// The file has no header, or one that is broken.
    #[error("file \"{file}\" has no readable header in its first line: {reason}")]
    Header {
        /// The file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The header names a column twice.
    #[error("file \"{file}\" has two columns called \"{column}\"")]
    DuplicateColumn {
        /// The file.
        file: String,
        /// The column.
        column: String,
    },
}

impl Tables {
    /// Reads every file the mapping names from `folder`.
    ///
    /// # Errors
    /// [`ReadError`] if a file is missing, too large or without header. Broken rows are no error: they are in
    /// [`Table::rejected`].
    pub fn read(mapping: &Mapping, folder: &Path) -> Result<Self, ReadError> {
        let mut tables = BTreeMap::new();
        for (name, file) in &mapping.files {
            let unreadable = |source| ReadError::Unreadable { file: file.path.clone(), source };
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(folder.join(&file.path)).map_err(unreadable)?;
            opened.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
            if u64::try_from(bytes.len()).is_ok_and(|length| length > FILE_BYTES_MAX) {
                return Err(ReadError::TooLarge { file: file.path.clone() });
            }
            tables.insert(name.clone(), Table::parse(mapping, file, &bytes)?);
        }
        Ok(Self { tables })
    }
}

impl Table {
    /// Parses the bytes of one file as RFC 4180 has them, in UTF-8 with or without byte order mark, lines ending in
    /// CRLF, LF or CR; lines with nothing on them are passed over.
    ///
    /// # Errors
    /// [`ReadError`] if the header cannot be read or names a column twice.
    pub fn parse(mapping: &Mapping, file: &File, bytes: &[u8]) -> Result<Self, ReadError> {
        // Broken quoting is refused rather than read somehow, which is what general CSV readers do; hence our own.
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let mut records = Records { bytes, at: 0, line: 1, delimiter: file.delimiter };
        let header = |reason: String| ReadError::Header { file: file.path.clone(), reason };
        let first = records.next().ok_or_else(|| header("the file is empty".to_owned()))?;
        let columns = first.fields.and_then(texts).map_err(|problem| header(problem.english()))?;
        let columns = columns.iter().map(|name| name.trim().to_owned()).collect::<Vec<_>>();
        let mut seen = BTreeSet::new();
        for column in columns.iter().filter(|column| !column.is_empty()) {
            if !seen.insert(column) {
                return Err(ReadError::DuplicateColumn { file: file.path.clone(), column: column.clone() });
            }
        }
        let mut table = Self { file: file.path.clone(), columns, rows: Vec::new(), rejected: Vec::new() };
        for (number, record) in (1..).zip(records) {
            match record.fields.and_then(texts).and_then(|cells| table.fit(file, cells)) {
                Ok(cells) => {
                    let cells = cells.into_iter().map(|cell| clean(mapping, cell)).collect();
                    table.rows.push(Row { line: record.line, number, cells });
                }
                Err(problem) => table.rejected.push(Rejected {
                    file: file.path.clone(),
                    line: record.line,
                    column: None,
                    reason_en: problem.english(),
                    reason_zh: problem.chinese(),
                }),
            }
        }
        Ok(table)
    }

    fn fit(&self, file: &File, mut cells: Vec<String>) -> Result<Vec<String>, Problem> {
        let (expected, found) = (self.columns.len(), cells.len());
        if expected != found && !file.ragged {
            return Err(Problem::Uneven { expected, found });
        }
        cells.resize(expected, String::new());
        Ok(cells)
    }
}

/// A record as bytes, or what is wrong with its quoting.
struct Record {
    line: u64,
    fields: Result<Vec<Vec<u8>>, Problem>,
}

/// Splits bytes into records.
struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u64,
    delimiter: u8,
}

impl Records<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    /// Takes one byte, and a whole line end as `\n`, whether it was CRLF, LF or CR.
    fn take(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        if byte == b'\r' && self.peek() == Some(b'\n') {
            self.at += 1;
        }
        if matches!(byte, b'\r' | b'\n') {
            self.line += 1;
            return Some(b'\n');
        }
        Some(byte)
    }

    fn skip_line(&mut self) {
        while self.take().is_some_and(|byte| byte != b'\n') {}
    }

    /// Takes one field and what ended it: the delimiter, a line end, or nothing at the end of the file.
    fn field(&mut self) -> Result<(Vec<u8>, Option<u8>), Problem> {
        let mut field = Vec::new();
        if self.peek() != Some(b'"') {
            return loop {
                match self.take() {
                    Some(b'"') => {
                        self.skip_line();
                        return Err(Problem::StrayQuote);
                    }
                    Some(byte) if byte != self.delimiter && byte != b'\n' => field.push(byte),
                    end => break Ok((field, end)),
                }
            };
        }
        self.take();
        loop {
            match self.take() {
                None => return Err(Problem::OpenQuote),
                Some(b'"') if self.peek() == Some(b'"') => {
                    self.take();
                    field.push(b'"');
                }
                Some(b'"') => match self.take() {
                    Some(byte) if byte != self.delimiter && byte != b'\n' => {
                        self.skip_line();
                        return Err(Problem::StrayQuote);
                    }
                    end => return Ok((field, end)),
                },
                Some(byte) => field.push(byte),
            }
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        while matches!(self.peek(), Some(b'\r' | b'\n')) {
            self.take();
        }
        self.peek()?;
        let line = self.line;
        let mut fields = Vec::new();
        loop {
            match self.field() {
                Err(problem) => return Some(Record { line, fields: Err(problem) }),
                Ok((field, end)) => {
                    fields.push(field);
                    if end != Some(self.delimiter) {
                        return Some(Record { line, fields: Ok(fields) });
                    }
                }
            }
        }
    }
}

fn texts(fields: Vec<Vec<u8>>) -> Result<Vec<String>, Problem> {
    let text = |field| {
        let text = String::from_utf8(field).map_err(|_| Problem::NotUtf8)?;
        let control = text.chars().any(|character| character.is_control() && !matches!(character, '\t' | '\n'));
        if control { Err(Problem::Control) } else { Ok(text) }
    };
    fields.into_iter().map(text).collect()
}

fn clean(mapping: &Mapping, cell: String) -> Option<String> {
    let cell = if mapping.trim { cell.trim().to_owned() } else { cell };
    if cell.is_empty() || mapping.null.contains(&cell) { None } else { Some(cell) }
}

const FILE_BYTES_MAX: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read_with(options: &str, bytes: &[u8]) -> Result<Table, ReadError> {
        let text = format!("null = [\"NULL\"]\n[file.t]\npath = \"t.csv\"\n{options}");
        let mapping = Mapping::parse("m.toml", &text).unwrap();
        Table::parse(&mapping, mapping.files.get("t").unwrap(), bytes)
    }

    fn check(bytes: &[u8], rows: &[(u64, &[&str])], rejected: &[(u64, Problem)]) {
        let table = read_with("", bytes).unwrap();
        let found = table
            .rows
            .iter()
            .map(|row| (row.line, row.cells.iter().map(|cell| cell.as_deref().unwrap_or("∅")).collect()))
            .collect::<Vec<(u64, Vec<&str>)>>();
        let expected = rows.iter().map(|(line, cells)| (*line, cells.to_vec())).collect::<Vec<_>>();
        assert_eq!(found, expected);
        let found = table.rejected.into_iter().map(|row| (row.line, row.reason_en)).collect::<Vec<_>>();
        let expected = rejected.iter().map(|(line, problem)| (*line, problem.english())).collect::<Vec<_>>();
        assert_eq!(found, expected);
    }

    #[test]
    fn marks_line_ends_quotes_and_null_words_are_read() {
        check(
            b"\xEF\xBB\xBFa,b\r\n1,\" x, \"\"y\"\"\nz\"\r\n\r\nNULL,\n\"NULL\", q \r3,4",
            &[(2, &["1", "x, \"y\"\nz"]), (5, &["∅", "∅"]), (6, &["∅", "q"]), (7, &["3", "4"])],
            &[],
        );
    }

    #[test]
    fn uneven_rows_are_rejected_with_their_line_and_the_rest_is_read() {
        let uneven = |found| Problem::Uneven { expected: 2, found };
        check(b"a,b\n1\n1,2,3\n4,5\n", &[(4, &["4", "5"])], &[(2, uneven(1)), (3, uneven(3))]);
    }

    #[test]
    fn a_ragged_file_may_have_uneven_rows() {
        let table = read_with("ragged = true", b"a,b\n1\n1,2,3\n").unwrap();
        let cells = |row: usize| table.rows.get(row).unwrap().cells.clone();
        assert_eq!(cells(0), [Some("1".to_owned()), None]);
        assert_eq!(cells(1), [Some("1".to_owned()), Some("2".to_owned())]);
        assert_eq!(table.rejected, []);
    }

    #[test]
    fn broken_quoting_is_rejected_and_never_read_somehow() {
        check(
            b"a,b\n1,x\"y\n2,\"x\"y\n3,4\n5,\"6\n7,8\n",
            &[(4, &["3", "4"])],
            &[(2, Problem::StrayQuote), (3, Problem::StrayQuote), (5, Problem::OpenQuote)],
        );
    }

    #[test]
    fn broken_text_is_rejected() {
        check(
            b"a,b\n1,\xFF\n2,\0\n3,\x1B[2J\n4,\"t\tt\"\n",
            &[(5, &["4", "t\tt"])],
            &[(2, Problem::NotUtf8), (3, Problem::Control), (4, Problem::Control)],
        );
    }

    #[test]
    fn a_file_without_header_is_an_error() {
        assert!(matches!(read_with("", b""), Err(ReadError::Header { .. })));
        assert!(matches!(read_with("", b"\n\n"), Err(ReadError::Header { .. })));
        assert!(matches!(read_with("", b"\xFF\xFEa\0"), Err(ReadError::Header { .. })));
        assert!(matches!(read_with("", b"\"a"), Err(ReadError::Header { .. })));
        assert!(matches!(read_with("", b"a,b, a\n"), Err(ReadError::DuplicateColumn { .. })));
        assert_eq!(read_with("", b"a,,\n").unwrap().columns, ["a", "", ""]);
    }

    #[test]
    fn another_delimiter_may_be_stated() {
        let table = read_with("delimiter = \";\"", b"a;b\n1,5;\"x;y\"\n").unwrap();
        assert_eq!(table.rows.first().unwrap().cells, [Some("1,5".to_owned()), Some("x;y".to_owned())]);
    }

    #[test]
    fn a_missing_file_is_named() {
        let mapping = Mapping::parse("m.toml", "[file.t]\npath = \"no-such-file.csv\"").unwrap();
        let error = Tables::read(&mapping, Path::new(".")).unwrap_err();
        assert_eq!(error.to_string(), "file \"no-such-file.csv\" cannot be read");
    }

    proptest! {
        #[test]
        fn what_a_csv_writer_writes_is_what_is_read(
            rows in prop::collection::vec(prop::collection::vec("[ -~é表\n]{0,8}", 3), 1..8),
        ) {
            let quoted = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
            let mut text = String::from("a,b,c\r\n");
            for row in &rows {
                text.push_str(&row.iter().map(quoted).collect::<Vec<_>>().join(","));
                text.push_str("\r\n");
            }
            let mapping = Mapping::parse("m.toml", "trim = false\n[file.t]\npath = \"t.csv\"").unwrap();
            let table = Table::parse(&mapping, mapping.files.get("t").unwrap(), text.as_bytes()).unwrap();
            let found = table.rows.into_iter().map(|row| {
                row.cells.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>()
            }).collect::<Vec<_>>();
            prop_assert_eq!(found, rows);
        }

        #[test]
        fn every_line_is_a_row_or_rejected(
            lines in prop::collection::vec("[a,\\x00é]{1,6}", 1..12),
        ) {
            let text = format!("a,b\n{}", lines.join("\n"));
            let table = read_with("", text.as_bytes()).unwrap();
            let told = table.rows.iter().map(|row| row.line).chain(table.rejected.iter().map(|row| row.line));
            prop_assert_eq!(told.collect::<BTreeSet<_>>(), (2..).take(lines.len()).collect::<BTreeSet<u64>>());
        }

        #[test]
        fn any_bytes_give_a_table_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _table = read_with("", &bytes);
        }
    }
}
