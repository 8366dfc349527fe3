//! The program: reads the command line, makes a runtime, does what was asked for.

use std::process::ExitCode;

use dossier::cli::{Cli, Log};
use tracing_subscriber::filter::LevelFilter;

/// A fifth of a proposal's CPU time went into the system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match Cli::read(std::env::args_os()) {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let level = match cli.log() {
        Log::Error => LevelFilter::ERROR,
        Log::Warn => LevelFilter::WARN,
        Log::Info => LevelFilter::INFO,
        Log::Debug => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).with_ansi(false).init();
    // Serving takes two workers beside the ledger's own threads; everything else waits on one.
    let runtime = match cli.serves() {
        true => tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        false => tokio::runtime::Builder::new_current_thread().enable_all().build(),
    };
    match runtime {
        Ok(runtime) => runtime.block_on(cli.run()),
        Err(error) => {
            tracing::error!(%error, "the system gives the process no runtime");
            ExitCode::from(5)
        }
    }
}
