//! Standard output and standard error, and the two shapes things are shown in: JSON and aligned columns.

use std::io::{self, Write as _};

use serde::Serialize;

use crate::cli::error::Failure;

/// Writes bytes to standard output.
///
/// # Errors
/// Whoever reads has gone, or the system refuses.
pub(super) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(bytes).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::BrokenPipe,
        _ => Failure::Process(error),
    })
}

/// Writes a line to standard output; nothing in it can steer a terminal.
///
/// # Errors
/// As [`write`].
pub(super) fn line(text: &str) -> Result<(), Failure> {
    let mut text = plain(text);
    text.push('\n');
    write(text.as_bytes())
}

/// Writes a value to standard output as JSON people can read.
///
/// # Errors
/// As [`write`].
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Failure::Process(error.into()))?;
    text.push(b'\n');
    write(&text)
}

/// Writes to standard error; a reader who has gone is no reason to fail.
pub(super) fn complain(text: &str) {
    drop(io::stderr().lock().write_all(text.as_bytes()));
}

/// Lays rows out in columns as wide as their widest cell, the first row being the header.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<String>, column: usize| plain(row.get(column).map_or("", String::as_str));
    let widths: Vec<usize> =
        (0..count).map(|column| rows.iter().map(|row| width(&cell(row, column))).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, wanted) in widths.iter().enumerate() {
            let cell = cell(row, column);
            line.push_str(&cell);
            line.extend(std::iter::repeat_n(' ', wanted - width(&cell) + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Replaces what could steer a terminal.
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How many columns of a terminal a text takes: Chinese characters take two.
fn width(text: &str) -> usize {
    text.chars()
        .map(|c| {
            if matches!(c, '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{ffdc}' | '\u{20000}'..='\u{3fffd}') {
                2
            } else {
                1
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_for_both_scripts() {
        let rows = [vec!["id".into(), "name".into(), "x".into()], vec!["C-1".into(), "泵业".into(), "y".into()]];
        assert_eq!(columns(&rows), "id   name  x\nC-1  泵业  y\n");
    }

    #[test]
    fn ragged_rows_are_filled_and_control_characters_replaced() {
        let rows = [vec!["a".into(), "b".into()], vec!["\u{1b}[2J".into()]];
        assert_eq!(columns(&rows), "a     b\n [2J\n");
        assert_eq!(columns(&[]), "");
    }
}
