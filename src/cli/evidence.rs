//! `dossier evidence`: takes out the entries of one stream with their proofs, for an auditor to verify offline.

use clap::Args;

use crate::access::principal::{Language, Purpose};
use crate::cli::error::Failure;
use crate::cli::{Caller, Place, output, show};
use crate::ledger::Asked;
use crate::projection;

/// Print the evidence bundle of a stream: whole entries with inclusion proofs under the last signed checkpoint.
///
/// For auditors and compliance; the reading is entered. Verify the file with `dossier-verify --key VKEY FILE`.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    caller: Caller,
    /// The stream, such as customer/C-00042.
    #[arg(long, value_name = "STREAM")]
    stream: String,
    /// Go on behind this index, which the last bundle of a long stream ended with.
    #[arg(long, value_name = "INDEX")]
    after: Option<u64>,
    /// Why it is read: a purpose of the list, and after a colon what to say about it.
    #[arg(long, value_name = "PURPOSE[: NOTE]", value_parser = show::purpose, default_value = "audit")]
    purpose: Purpose,
}

/// Prints the bundle.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let view = projection::view("evidence").ok_or_else(|| Failure::NoSuchView("evidence".into()))?;
    let ledger = arguments.place.open()?;
    let read = async {
        ledger.adopt_policies().await?;
        let principal = arguments.caller.principal(&ledger, language)?;
        // Every entry of the stream is to stand under the checkpoint.
        ledger.settle();
        let asked = Asked {
            subject: Some(arguments.stream),
            after: arguments.after.map(|after| after.to_string()),
            purpose: Some(arguments.purpose),
            ..Asked::new(view)
        };
        Ok::<_, Failure>(ledger.view(&principal, &asked).await?)
    }
    .await;
    ledger.close();
    let read = read?;
    output::json(&read.body)?;
    if let Some(next) = read.next {
        output::complain(&language.choose((
            format!("the stream has more entries: go on with --after {next}\n"),
            format!("该对象还有更多条目：用 --after {next} 继续\n"),
        )));
    }
    Ok(())
}
