//! The far end of an erasure: the keys are destroyed for good, and only then the ledger says so.
//!
//! ```text
//! personal_data.erased is durable
//!   → the person's keys leave memory, and nobody is given one again
//!   → the ring is rewritten without them under a new master key; the old one stands beside it
//!   → a backup with the rewritten ring, read back, stands at every place there is one
//!   → the old master key is destroyed, and with it whatever only it unwraps
//! personal_data.erasure_completed is durable
//! ```
//!
//! Each step finds out from memory and disk whether it is done, so that an erasure cut anywhere goes on where it was.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::Event;
use crate::domain::privacy::{Completed, Event as Privacy, Scope, State};
use crate::ids::StreamName;
use crate::ledger::backup::{self, BackupError, Reach};
use crate::ledger::door::person_holder;
use crate::ledger::follower::chained;
use crate::ledger::reading::ViewError;
use crate::ledger::writer::{Answer, Job};
use crate::ledger::{Shared, Signal};
use crate::seal::ring::{Purpose, RewriteError, RingError, WriteError};

/// How long an erasure waits at most until somebody looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How soon a place that cannot be reached is tried again.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// Why an erasure is not completed.
#[derive(Debug, thiserror::Error)]
enum EraseError {
    /// The ring cannot be rewritten.
    #[error(transparent)]
    Rewrite(#[from] RewriteError),
    /// The ring gives out no keys.
    #[error(transparent)]
    Ring(#[from] RingError),
    /// A master key cannot be destroyed.
    #[error("a master key cannot be destroyed")]
    Master(#[from] WriteError),
    /// A backup cannot be brought up to date: the old master key is still needed to open it.
    #[error("a backup is not brought up to date")]
    Backup(#[from] BackupError),
    /// What is kept of earlier moments cannot be dropped.
    #[error("what is kept of earlier moments is not dropped")]
    Past(#[source] ViewError),
}

/// Completes erasures as they come, and those a crash cut off, until the ledger closes.
///
/// While a backup cannot be reached the erasure waits for it: from its first entry on nobody reads the person's data, and only their end is
/// late. After any other failure the ledger takes no more entries, and the next start resumes.
pub(super) fn run(shared: &Arc<Shared>, signal: &Signal) {
    let mut next_try = Duration::ZERO;
    while !signal.closing.load(Ordering::SeqCst) {
        if shared.clock_elapsed() >= next_try {
            match shared.complete_erasures() {
                Ok(()) => {}
                Err(error @ EraseError::Backup(_)) => {
                    tracing::error!(error = %chained(&error), "an erasure waits for a backup to be brought up to date");
                    next_try = shared.clock_elapsed().saturating_add(TRY_EVERY);
                }
                Err(error) => {
                    tracing::error!(error = %chained(&error), "an erasure is not completed; the next start resumes it");
                    shared.fail();
                    return;
                }
            }
        }
        signal.wait(LOOK_EVERY);
    }
}

/// Returns what the keys are for that an erasure destroys.
pub(super) fn purposes(scope: Scope) -> &'static [Purpose] {
    match scope {
        Scope::Private => &[Purpose::Private],
        Scope::All => &[Purpose::Identity, Purpose::Private],
    }
}

impl Shared {
    /// Destroys the keys of every person being erased, and enters that they are gone.
    fn complete_erasures(&self) -> Result<(), EraseError> {
        let state = self.state();
        let privacy = &state.world.privacy;
        // Where the end cannot be entered the keys are not rewritten; the next start does it.
        if privacy.erasing.is_empty() || self.check_writable().is_err() {
            return Ok(());
        }
        self.forget_keys(privacy)?;
        self.forget_names();
        // One may stand from an erasure that was cut off: the ring is rewritten already, perhaps without keys forgotten since.
        if self.ring.old_master_stands()? {
            self.destroy_old_master(state.size)?;
        }
        if self.ring.is_stale() {
            self.ring.rewrite(&mut |bytes| self.source.fill(bytes))?;
            self.destroy_old_master(state.size)?;
        }
        // One opened while the keys went.
        self.forget_names();
        for person in privacy.erasing.keys() {
            self.drop_past_of(person, state.size).map_err(EraseError::Past)?;
        }
        self.enter_completed(privacy);
        Ok(())
    }

    fn forget_keys(&self, privacy: &State) -> Result<(), RingError> {
        for (person, erasing) in &privacy.erasing {
            let holder = person_holder(person);
            for purpose in purposes(erasing.scope) {
                // Whoever never had a key of the purpose has one now that is destroyed: no door gives out another.
                match self.ring.key_for(&holder, *purpose, &mut |bytes| self.source.fill(bytes)) {
                    Ok(_) | Err(RingError::Erased { .. }) => {}
                    Err(error) => return Err(error),
                }
                self.ring.forget(&holder, *purpose);
            }
        }
        Ok(())
    }

    /// Brings the rewritten ring to every place of a backup, together with the entries that say why, and then destroys the master key that
    /// would unwrap the rings there were before.
    fn destroy_old_master(&self, size: u64) -> Result<(), EraseError> {
        let places = backup::places(&self.home.data)?;
        if !places.is_empty() {
            self.await_signed(size);
        }
        for place in places {
            let done = backup::back_up(&self.home, &place, Reach::Standing, self.clock.as_ref(), &mut |_, _| {})?;
            // A checkpoint is read from one slot while the other is written; the older one may end before the erasure.
            if done.manifest.entries < size {
                return Err(BackupError::Lagging { signed: done.manifest.entries, entries: size }.into());
            }
        }
        Ok(self.ring.destroy_old_master()?)
    }

    fn enter_completed(&self, privacy: &State) {
        let completed = privacy.erasing.iter().map(|(person, erasing)| {
            let completed = Completed { scope: erasing.scope, erased: erasing.entry.clone() };
            let subject = StreamName::of("person", person.as_str());
            (Event::Privacy(Privacy::Completed(completed)), Some(subject))
        });
        let (reply, answer) = oneshot::channel();
        // A writer that has ended takes no more jobs; the next start finds the erasure under way and completes it.
        if self.jobs.send(Job::System(completed.collect(), reply)).is_ok()
            && !matches!(answer.blocking_recv(), Ok(Answer::Entered(_)))
        {
            tracing::warn!("the end of an erasure was not entered; it is looked for again");
        }
    }
}
