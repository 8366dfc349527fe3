//! `dossier serve`: serves a ledger over HTTP until it is asked to stop.

use std::time::Duration;

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::principal::Language;
use crate::accounts::Accounts;
use crate::cli::error::Failure;
use crate::cli::{Place, output};
use crate::http;
use crate::ledger::{Ledger, SubmitError};

/// Serve the ledger over HTTP: the interface for programs, and pages.
///
/// One line says the address once it answers. SIGINT and SIGTERM stop it: requests under way are finished, and a signed
/// checkpoint covers everything. If the ledger can no longer be written it stops by itself.
#[derive(Clone, Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: Place,
    /// The address to listen on; put a proxy with TLS in front of any other than this machine's own.
    #[arg(long, value_name = "ADDRESS", default_value = LISTEN)]
    listen: String,
}

/// Opens the ledger and serves it.
pub(super) async fn run(arguments: Arguments, language: Language) -> Result<(), Failure> {
    let ledger = arguments.place.open()?;
    let served = match ledger.adopt_policies().await {
        Ok(()) => serve(&ledger, &arguments.listen, |address| said(address, language)).await,
        Err(error) => Err(error.into()),
    };
    ledger.close();
    served
}

fn said(address: &str, language: Language) -> Result<(), Failure> {
    output::line(&language.choose((format!("listening on http://{address}"), format!("服务地址 http://{address}"))))
}

/// Serves an open ledger until a signal or a failure; whoever opened it closes it.
pub(super) async fn serve(
    ledger: &Ledger,
    listen: &str,
    announce: impl FnOnce(&str) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let listener = listener(listen).await?;
    let address = listener.local_addr().map_err(Failure::Process)?.to_string();
    let accounts = Accounts::open(&ledger.home().data)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Failure::Process)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::Process)?;
    let watched = ledger.clone();
    let stop = async move {
        let mut pulse = tokio::time::interval(PULSE);
        loop {
            tokio::select! {
                _ = interrupt.recv() => return,
                _ = terminate.recv() => return,
                _ = pulse.tick() => if stopped(&watched).is_err() { return },
            }
        }
    };
    announce(&address)?;
    http::serve(ledger.clone(), accounts, listener, stop).await.map_err(Failure::Process)?;
    // A ledger that can no longer be written, or was found damaged, is why it stopped.
    stopped(ledger)
}

/// Says why a ledger stopped taking entries; one that never took any goes on as it is.
fn stopped(ledger: &Ledger) -> Result<(), Failure> {
    match ledger.health() {
        Ok(()) | Err(SubmitError::ReadOnly) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Takes the address.
pub(super) async fn listener(address: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|source| Failure::Listen { address: address.to_owned(), source })
}

/// Where servers listen unless told otherwise.
pub(super) const LISTEN: &str = "127.0.0.1:8088";

const PULSE: Duration = Duration::from_secs(1);
