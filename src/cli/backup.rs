//! `dossier backup`: copies a ledger and its key ring to another place, beside a server that goes on.

use std::path::PathBuf;

use clap::Args;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::progress::Progress;
use crate::cli::{Place, output};
use crate::clock::SystemClock;
use crate::ledger::OpenError;
use crate::ledger::backup::{Reach, back_up, forget};

/// Back up a ledger to a folder: what is new since the last time, up to the last signed checkpoint, read back after writing.
///
/// A server may go on meanwhile. The key ring is copied as it is, wrapped by the master key; the keys' own directory is never copied: keep
/// master.key and signing.key elsewhere, and master.key anew after each erasure. The folder is remembered: an erasure brings the rewritten
/// ring there before it destroys the old master key, and waits while the folder cannot be reached.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The folder of the backup, on another disk; its parent must exist.
    #[arg(long, value_name = "PLACE")]
    to: PathBuf,
    /// Do not remember the folder: the next erasure leaves its key ring behind, and it opens no more.
    #[arg(long)]
    once: bool,
    /// Make no backup, but forget the folder: erasures no longer wait for it.
    #[arg(long, conflicts_with = "once")]
    forget: bool,
}

/// Makes the backup and says what it holds.
pub(super) fn run(arguments: &Arguments, language: Language) -> Result<(), Failure> {
    let home = arguments.place.home();
    let to = &arguments.to;
    if arguments.forget {
        if !forget(&home.data, to)? {
            return Err(Failure::NoSuchPlace(to.clone()));
        }
        let to = to.display();
        return output::line(&language.choose((
            format!("erasures no longer wait for the backup in \"{to}\""),
            format!("删除不再等待“{to}”中的备份"),
        )));
    }
    // At rest the ledger is opened, so that a checkpoint covers all there is; a server that has it open signs by itself.
    let open = match arguments.place.open() {
        Ok(ledger) => Some(ledger),
        Err(Failure::Open(OpenError::InUse(_))) => None,
        Err(error) => return Err(error),
    };
    let reach = if arguments.once { Reach::Once } else { Reach::Erasures };
    let mut progress = Progress::of_unknown_bytes();
    let done = back_up(&home, to, reach, &SystemClock::new(), &mut |copied, total| progress.of_total(copied, total));
    progress.end();
    if let Some(ledger) = open {
        ledger.close();
    }
    let done = done?;
    let (entries, files, copied, to) =
        (done.manifest.entries, done.manifest.files.len(), done.copied, arguments.to.display());
    output::line(&language.choose((
        format!("\"{to}\" holds {entries} entries and the key ring in {files} files; {copied} bytes were new"),
        format!("“{to}”中已有{entries}条记录及密钥环，共{files}个文件；本次新增{copied}字节"),
    )))?;
    if done.altered.is_empty() { Ok(()) } else { Err(Failure::Altered(done.altered)) }
}
