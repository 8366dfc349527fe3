//! `dossier restore`: brings a ledger back from a backup, into a fresh directory.

use std::path::PathBuf;

use clap::Args;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::progress::Progress;
use crate::cli::{Place, output};
use crate::ledger::restore::{Standing, Step, restore};

/// Restore a backup into a fresh directory: every hash, the chain, the signed checkpoint and the key ring are checked.
///
/// The directory of the keys must hold signing.key and master.key first. Run again, an interrupted restore is finished. What was restored may
/// end before a checkpoint somebody has seen, and then must not sign another history: it is read-only, and shows no archive, until --published
/// shows that it holds the last one.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The folder of the backup.
    #[arg(long, value_name = "PLACE")]
    from: PathBuf,
    /// The last checkpoint that was published: from a monitor, or `checkpoint.0` or `checkpoint.1` of the lost directory, the longer.
    #[arg(long, value_name = "FILE")]
    published: Option<PathBuf>,
}

/// Restores and says whether the ledger goes on.
pub(super) fn run(arguments: &Arguments, language: Language) -> Result<(), Failure> {
    let read = |path: &PathBuf| std::fs::read_to_string(path).map_err(Failure::file(path));
    let published = arguments.published.as_ref().map(read).transpose()?;
    let mut copying = Progress::of_unknown_bytes();
    let mut verifying = None;
    let home = arguments.place.home();
    let restored = restore(&home, &arguments.from, published.as_deref(), &mut |step| match step {
        Step::Copied { bytes, of } => copying.of_total(bytes, of),
        Step::Verified { done, of } => verifying.get_or_insert_with(|| Progress::of(of)).at(done),
    });
    copying.end();
    if let Some(verifying) = verifying {
        verifying.end();
    }
    let restored = restored?;
    let (entries, data) = (restored.manifest.entries, home.data.display());
    output::line(&language.choose((
        format!("\"{data}\" holds the {entries} entries of the backup, each verified, and their keys"),
        format!("“{data}”已恢复备份中的{entries}条记录及其密钥，均已校验"),
    )))?;
    output::line(&language.choose(match restored.standing {
        Standing::Goes => (
            "it holds the last checkpoint that was published, and goes on".to_owned(),
            "其中包含最近公布的封存点，可继续使用".to_owned(),
        ),
        Standing::Unknown => (
            "it is read-only: show the last checkpoint that was published with --published to let it go on".to_owned(),
            "现为只读：用 --published 提供最近公布的封存点后方可继续".to_owned(),
        ),
        Standing::Behind { published } => (
            format!(
                "it is read-only: a checkpoint of {published} entries was published, and it never signs another history"
            ),
            format!("现为只读：已公布过{published}条的封存点，不得另行签名"),
        ),
    }))?;
    restored.lost.into_iter().next().map_or(Ok(()), |lost| Err(Failure::Verify(lost)))
}
