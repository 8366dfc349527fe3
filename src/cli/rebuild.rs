//! `dossier rebuild`: drops every view and makes it anew from the entries.

use clap::Args;

use crate::access::principal::Language;
use crate::cli::error::Failure;
use crate::cli::progress::{Progress, rate};
use crate::cli::{Place, output};

/// Drop all views and rebuild them from the entries. Nothing is lost by it: views are folds of the ledger.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
}

/// Rebuilds the views and says how fast.
pub(super) fn run(arguments: &Arguments, language: Language) -> Result<(), Failure> {
    let ledger = arguments.place.open()?;
    let mut progress = Progress::of(ledger.state().size);
    let rebuilt = ledger.rebuild_views(|folded| progress.at(folded));
    let took = progress.end();
    ledger.close();
    let (events, speed) = match rebuilt {
        Ok(events) => (events, rate(events, took)),
        Err(error) => return Err(error.into()),
    };
    output::line(&language.choose((
        format!("rebuilt all views from {events} events ({speed}/s)"),
        format!("已由{events}个事件重建全部视图（每秒{speed}个）"),
    )))
}
