//! The far end of an erasure: the keys are destroyed for good, and only then the ledger says so.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;

use crate::domain::Event;
use crate::domain::privacy::{Completed, Event as Privacy, Scope};
use crate::ids::StreamName;
use crate::ledger::door::person_holder;
use crate::ledger::follower::chained;
use crate::ledger::writer::{Answer, Job};
use crate::ledger::{Shared, Signal};
use crate::seal::ring::{Purpose, RewriteError};

/// How long an erasure waits at most until somebody looks for it.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Completes erasures as they come, and those a crash cut off, until the ledger closes.
///
/// After a failure the ledger takes no more entries, and the next start resumes.
pub(super) fn run(shared: &Arc<Shared>, signal: &Signal) {
    while !signal.closing.load(Ordering::SeqCst) {
        if let Err(error) = shared.complete_erasures() {
            tracing::error!(error = %chained(&error), "an erasure is not completed; the next start resumes it");
            shared.fail();
            return;
        }
        signal.wait(LOOK_EVERY);
    }
}

impl Shared {
    /// Destroys the keys of every person being erased, and enters that they are gone.
    ///
    /// Cut at any point and begun again it comes to the same: keys are dropped from memory, the ring is rewritten without them
    /// under a new master key, and the old master key, which could still unwrap copies of the old ring, is destroyed.
    fn complete_erasures(&self) -> Result<(), RewriteError> {
        let state = self.state();
        let erasing = &state.world.privacy.erasing;
        // Where the end cannot be entered the keys are not rewritten again and again; the next start does it.
        if erasing.is_empty() || self.check_writable().is_err() {
            return Ok(());
        }
        for (person, erasing) in erasing {
            let purposes: &[Purpose] = match erasing.scope {
                Scope::Private => &[Purpose::Private],
                Scope::All => &[Purpose::Identity, Purpose::Private],
            };
            for purpose in purposes {
                self.ring.forget(&person_holder(person), *purpose);
            }
        }
        // One may stand from an erasure that was cut off.
        self.ring.destroy_old_master()?;
        self.ring.rewrite(&mut |bytes| self.source.fill(bytes))?;
        self.ring.destroy_old_master()?;
        let completed = erasing.iter().map(|(person, erasing)| {
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
        Ok(())
    }
}
