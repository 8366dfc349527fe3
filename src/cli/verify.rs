//! `dossier verify`: checks a whole data directory and names the first bad entry.

use std::path::PathBuf;

use clap::Args;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::output;
use crate::cli::progress::{Progress, rate};
use crate::ledger::verify_data;

/// Verify what was entered, the whole of a data directory: every byte of it hashed and every entry read again, their order checked, the root compared with what was signed.
///
/// The file of every document is hashed again.
///
/// Every entry must be in canonical form, recorded after the one before it, with an id of its own, and follow the last of each of its streams.
///
/// Needs neither keys nor a token, changes nothing, and names the first bad index or the first of an unreadable run. The key ring takes the
/// master key to read: what is wrong with it a start says. Store and snapshots are made of the entries, and anew where they are damaged.
/// An auditor rather uses `dossier-verify`, which shares no line with this program.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// Verifies the directory and says what it holds.
pub(super) fn run(arguments: &Arguments, language: Language) -> Result<(), Failure> {
    let mut progress = Progress::of(0);
    let found = verify_data(&arguments.data, |verified| progress.at(verified));
    let took = progress.end();
    let sound = found?;
    let (entries, origin, speed) = (sound.entries, &sound.origin, rate(sound.entries, took));
    let documents = sound.documents;
    let covered = sound.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    output::line(&language.choose((
        format!("\"{origin}\" is sound: {entries} entries as they were entered, {covered} of them under the last signed checkpoint, {documents} documents with their files ({speed}/s)"),
        format!("账本“{origin}”完好：{entries}条均与原记录一致，其中{covered}条由最近签名的封存点覆盖，{documents}份资料原件完整（每秒{speed}条）"),
    )))
}
