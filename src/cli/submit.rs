//! `dossier submit`: proposes one event or an atomic batch from a file.

use std::io::Read as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::{Caller, Place, output};
use crate::ledger::{Proposal, misread};

/// Propose one event, or a batch that is entered whole or not at all, and print the receipts.
///
/// FILE holds an object with `type`, `data` and, where wanted, `subject`, `id`, `occurredat`, `latereason`, or an array
/// of up to 1,000 such objects.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    caller: Caller,
    /// The file, `-` for standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Proposes what the file says and prints what was entered.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let text = read(&arguments.file)?;
    let proposals = parse(&arguments.file.display().to_string(), &text)?;
    let ledger = arguments.place.open()?;
    let entered = async {
        ledger.adopt_policies().await?;
        let principal = arguments.caller.principal(&ledger, language)?;
        Ok::<_, Failure>(ledger.submit(&principal, proposals).await?)
    }
    .await;
    ledger.close();
    output::json(&json!({ "entries": entered? }))
}

fn read(file: &PathBuf) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    if file.as_os_str() == "-" {
        std::io::stdin().lock().take(BYTES_MAX).read_to_end(&mut text).map_err(Failure::file(file))?;
    } else {
        let opened = std::fs::File::open(file).map_err(Failure::file(file))?;
        opened.take(BYTES_MAX).read_to_end(&mut text).map_err(Failure::file(file))?;
    }
    Ok(text)
}

/// Reads one proposal or an array of them.
fn parse(file: &str, text: &[u8]) -> Result<Vec<Proposal>, Failure> {
    let batch = text.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let parsed = match batch {
        true => serde_json::from_slice(text),
        false => serde_json::from_slice(text).map(|proposal| vec![proposal]),
    };
    parsed.map_err(|error| {
        let wrong = misread(text, &error, &[]);
        let said = |words: String| format!("{} {words}", wrong.pointer).trim_start().to_owned();
        let (line, column) = (error.line(), error.column());
        Failure::Json { file: file.to_owned(), line, column, words: (said(wrong.en), said(wrong.zh)) }
    })
}

/// A batch of the most and largest entries stays well below this.
const BYTES_MAX: u64 = 128 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_proposal_and_an_array_of_them_are_read() {
        let one = br#" {"type": "contact.recorded", "subject": "contact/C-1", "data": {}}"#;
        assert_eq!(parse("-", one).unwrap().len(), 1);
        let two = br#"[{"type": "a.b", "data": {}}, {"type": "a.b", "id": "12345678", "data": 7}]"#;
        assert_eq!(parse("-", two).unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_proposal_is_told_with_its_place() {
        for text in
            ["", "{", "[1]", r#"{"type": "a.b"}"#, "{\"type\": \"a.b\", \"data\": {}, \"actor\": \"E-1\"}", "\u{0}"]
        {
            match parse("f.json", text.as_bytes()) {
                Err(Failure::Json { file, .. }) => assert_eq!(file, "f.json"),
                other => panic!("{text:?}: {other:?}"),
            }
        }
        assert!(parse("-", b"{\"type\": \"\xff\", \"data\": {}}").is_err());
    }
}
