//! The HTTP door: who is asking, what is asked, and the answer or the problem, in JSON and on pages.
//!
//! **Invariant:** nothing here decides who may do or see what, and nothing here knows journal, store, seal or policy: every
//! proposal goes through `Ledger::submit`, every reading through `Ledger::view`.
//!
//! **Invariant:** no route changes or deletes anything entered; proposing is `POST /v1/events` and nothing else.
//!
//! **Invariant:** what is answered without asking who asks shows hashes, numbers and the catalog, never an entry's content.
//!
//! **Invariant:** statuses and words of problems stand in [`error`] only.
//!
//! **Invariant:** no answer may be kept by a cache, except tiles that never change.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::task::{JoinError, spawn_blocking};

use crate::access::principal::Principal;
use crate::accounts::Accounts;
use crate::http::api::operations::Metrics;
use crate::http::connection::Connections;
use crate::http::session::Sessions;
use crate::ledger::{Answered, Asked, Ledger, Proposal, Receipt, SubmitError, ViewError};

mod api;
mod around;
mod connection;
pub mod error;
pub mod openapi;
mod router;
pub mod schema;
pub mod session;
mod web;

/// What every request finds behind the door.
pub struct Door {
    /// The ledger.
    pub ledger: Ledger,
    /// The sign-ins.
    pub accounts: Accounts,
    /// The open sessions.
    pub sessions: Sessions,
    metrics: Metrics,
    /// Turns of those who read an earlier moment.
    earlier: Arc<Semaphore>,
    /// Turns of those who correct or void: they wait for no reader.
    amending: Arc<Semaphore>,
    /// Turns of those who have the ledger verified.
    verifying: Arc<Semaphore>,
    /// Turns of those who bring or fetch a file.
    filing: Arc<Semaphore>,
    /// Turns of those who listen to the feed.
    listening: Arc<Semaphore>,
    /// Whether the service is ending: nobody is kept listening then.
    ending: watch::Sender<bool>,
}

impl Door {
    /// Opens a door to a ledger.
    fn new(ledger: Ledger, accounts: Accounts) -> Self {
        let metrics = Metrics::since(ledger.clock().elapsed());
        let earlier = Arc::new(Semaphore::new(EARLIER_AT_ONCE));
        let amending = Arc::new(Semaphore::new(AMENDING_AT_ONCE));
        let verifying = Arc::new(Semaphore::new(VERIFYING_AT_ONCE));
        let filing = Arc::new(Semaphore::new(FILING_AT_ONCE));
        let listening = Arc::new(Semaphore::new(LISTENING_AT_ONCE));
        let (ending, _) = watch::channel(false);
        let sessions = Sessions::default();
        Self { ledger, accounts, sessions, metrics, earlier, amending, verifying, filing, listening, ending }
    }

    /// Reads a view through the ledger.
    ///
    /// What was shown at an earlier moment may take a fold from the first entry on. Few do so at once, as each holds a state in memory.
    async fn view(&self, principal: &Principal, asked: &Asked) -> Result<Answered, ViewError> {
        let turns = match asked.view.key {
            // Every byte of a file is hashed before the first leaves.
            "file" => &self.filing,
            _ if asked.is_of_now() => return self.ledger.view(principal, asked).await,
            _ => &self.earlier,
        };
        let (ledger, principal, asked) = (self.ledger.clone(), principal.clone(), asked.clone());
        let read = apart(turns, async move { ledger.view(&principal, &asked).await }).await;
        read.unwrap_or(Err(ViewError::Busy))
    }

    /// Proposes to the ledger.
    ///
    /// A verification hashes as many entries as it names. One after the other does so: each reads the disk that all others wait for.
    async fn submit(&self, principal: &Principal, proposals: Vec<Proposal>) -> Result<Vec<Receipt>, SubmitError> {
        let turns = match proposals.as_slice() {
            _ if proposals.iter().any(Proposal::verifies) => &self.verifying,
            // A correction lives through a customer's past once more.
            _ if proposals.iter().any(Proposal::amends) => &self.amending,
            // A file is synced before it is proposed.
            _ if proposals.iter().any(|proposal| proposal.file.is_some()) => &self.filing,
            _ => return self.ledger.submit(principal, proposals).await,
        };
        let (ledger, principal) = (self.ledger.clone(), principal.clone());
        let submitted = apart(turns, async move { ledger.submit(&principal, proposals).await }).await;
        submitted.unwrap_or(Err(SubmitError::Busy))
    }
}

/// Serves a ledger until `shutdown` is done, then finishes the requests under way, for at most some seconds.
///
/// The ledger stays open: who opened it closes it.
///
/// # Errors
/// The listener fails for good.
pub async fn serve(
    ledger: Ledger,
    accounts: Accounts,
    listener: TcpListener,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let door = Arc::new(Door::new(ledger, accounts));
    let routes = router::routes(door.clone());
    let stopping = Arc::new(Notify::new());
    let asked_to_stop = stopping.clone();
    let shutdown = async move {
        shutdown.await;
        door.ending.send_replace(true);
        asked_to_stop.notify_one();
    };
    let given_up = async {
        stopping.notified().await;
        tokio::time::sleep(FINISH).await;
    };
    let server = axum::serve(Connections::of(listener), routes).with_graceful_shutdown(shutdown);
    tokio::select! {
        ended = server => ended,
        () = given_up => Ok(()),
    }
}

/// Waits for a turn and does what takes long on a thread of its own, while the others go on answering; `None` if it was never begun,
/// because the service is ending.
async fn apart<T: Send + 'static>(turns: &Arc<Semaphore>, work: impl Future<Output = T> + Send + 'static) -> Option<T> {
    let runtime = Handle::current();
    let turn = turns.clone().acquire_owned().await.ok()?;
    let work = move || {
        let _turn = turn;
        runtime.block_on(work)
    };
    match spawn_blocking(work).await.map_err(JoinError::try_into_panic) {
        Ok(done) => Some(done),
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => None,
    }
}

/// How long requests under way may take once the service is asked to stop.
const FINISH: Duration = Duration::from_secs(5);

/// How many read an earlier moment at once.
const EARLIER_AT_ONCE: usize = 2;

/// How many correct or void at once.
const AMENDING_AT_ONCE: usize = 2;

/// How many bring or fetch a file at once.
const FILING_AT_ONCE: usize = 4;

/// How many listen to the feed at once.
const LISTENING_AT_ONCE: usize = 64;

/// How many have the ledger verified at once.
const VERIFYING_AT_ONCE: usize = 1;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::time::timeout;

    use super::*;
    use crate::clock::{ManualClock, Timestamp};
    use crate::ids::SeededSource;
    use crate::ledger::{Home, Options};

    fn proposed(kind: &str, data: Value) -> Vec<Proposal> {
        vec![Proposal { kind: kind.into(), data, ..Proposal::default() }]
    }

    #[test]
    fn a_verification_waits_for_its_turn_and_nobody_else_waits_for_it() {
        let root = std::env::temp_dir().join(format!("dossier-door-{}", std::process::id()));
        let home = Home::beside(&root.join("data"));
        let source = Arc::new(SeededSource::new("door"));
        Ledger::create(&home, "test.example.com/ledger", source.as_ref()).unwrap();
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(0)));
        let ledger = Ledger::open(&home, Options::new(clock, source)).unwrap();
        let door = Door::new(ledger, Accounts::open(&home.data).unwrap());
        let nobody = Principal::new("E-1".parse().unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let turn = door.verifying.clone().acquire_owned().await.unwrap();
            let whole = proposed("ledger.verified", json!({ "from_position": 0, "to_position": 0 }));
            let mut verification = std::pin::pin!(door.submit(&nobody, whole));
            assert!(timeout(Duration::ZERO, &mut verification).await.is_err(), "it is another's turn");
            let accepted = proposed("clock.accepted", json!({ "reason": "the time server was wrong before" }));
            let refused = |answer| matches!(answer, Err(SubmitError::Refused { at: 0, .. }));
            assert!(refused(door.submit(&nobody, accepted).await));
            drop(turn);
            assert!(refused(verification.await));
            // A correction waits for no one who looks back.
            let _readers = door.earlier.clone().acquire_many_owned(2).await.unwrap();
            let data = json!({ "target_event": "entry-00001", "reason": "was never delivered" });
            assert!(refused(door.submit(&nobody, proposed("record.voided", data)).await));
        });
        door.ledger.close();
        drop(door);
        std::fs::remove_dir_all(root).unwrap();
    }
}
