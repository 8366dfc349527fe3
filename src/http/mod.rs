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
use tokio::sync::{Notify, Semaphore};

use crate::access::principal::Principal;
use crate::accounts::Accounts;
use crate::http::api::operations::Metrics;
use crate::http::connection::Connections;
use crate::http::session::Sessions;
use crate::ledger::{Answered, AsOf, Asked, Ledger, ViewError};

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
}

impl Door {
    /// Opens a door to a ledger.
    fn new(ledger: Ledger, accounts: Accounts) -> Self {
        let metrics = Metrics::since(ledger.clock().elapsed());
        let earlier = Arc::new(Semaphore::new(EARLIER_AT_ONCE));
        Self { ledger, accounts, sessions: Sessions::default(), metrics, earlier }
    }

    /// Reads a view through the ledger.
    ///
    /// What was shown at an earlier moment may take a fold from the first entry on: it does so on a thread of its own, while the others go
    /// on answering, and few do so at once, as each holds a state in memory.
    async fn view(&self, principal: &Principal, asked: &Asked) -> Result<Answered, ViewError> {
        if asked.as_of == AsOf::Latest {
            return self.ledger.view(principal, asked).await;
        }
        let (ledger, principal, asked) = (self.ledger.clone(), principal.clone(), asked.clone());
        let runtime = tokio::runtime::Handle::current();
        let turn = self.earlier.clone().acquire_owned().await.map_err(|_| ViewError::Busy)?;
        let read = move || {
            let _turn = turn;
            runtime.block_on(ledger.view(&principal, &asked))
        };
        match tokio::task::spawn_blocking(read).await.map_err(tokio::task::JoinError::try_into_panic) {
            Ok(read) => read,
            Err(Ok(panic)) => std::panic::resume_unwind(panic),
            // Never begun: the service is ending.
            Err(Err(_)) => Err(ViewError::Busy),
        }
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
    let routes = router::routes(Arc::new(Door::new(ledger, accounts)));
    let stopping = Arc::new(Notify::new());
    let asked_to_stop = stopping.clone();
    let shutdown = async move {
        shutdown.await;
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

/// How long requests under way may take once the service is asked to stop.
const FINISH: Duration = Duration::from_secs(5);

/// How many read an earlier moment at once.
const EARLIER_AT_ONCE: usize = 2;
