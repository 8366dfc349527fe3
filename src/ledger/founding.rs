//! The founding: what must be there before anybody can propose, entered in the system's name.

use tokio::sync::oneshot;

use crate::domain::catalog;
use crate::domain::{self, Actor, Fetched, Refusal};
use crate::ledger::door::{Basis, Prepared, Stop, decode, named_subject};
use crate::ledger::proposal::{Proposal, Receipt, SubmitError};
use crate::ledger::state::State;
use crate::ledger::writer::{Answer, Batch, Job};
use crate::ledger::{Ledger, Shared};

impl Ledger {
    /// Enters the first entries of a ledger in the system's name, all or nothing: company, first unit, officers, policy.
    ///
    /// Shapes are checked and persons' names sealed as in any proposal; no policy is asked, since nobody is there yet
    /// whom one could know. Business time and reasons for lateness are not taken from the proposals.
    ///
    /// # Errors
    /// Somebody has proposed before, which ends the founding; or whatever refuses any other proposal.
    pub async fn found(&self, proposals: Vec<Proposal>) -> Result<Vec<Receipt>, SubmitError> {
        let state = self.state();
        if state.world.ledger.opened {
            return Err(SubmitError::Refused { at: 0, refusal: domain::ledger::Refusal::AlreadyInitialized.into() });
        }
        let mut ahead = State::clone(&state);
        let mut prepared = Vec::with_capacity(proposals.len());
        for (at, proposal) in proposals.iter().enumerate() {
            let ready = match self.shared.prepare_founding(&state, &ahead, proposal) {
                Ok(ready) => ready,
                Err(Stop::Refused(refused)) => return Err(SubmitError::Refused { at, refusal: refused.refusal }),
                Err(Stop::Failed(error)) => return Err(error),
            };
            self.shared.imagine(&mut ahead, &ready);
            prepared.push(ready);
        }
        let (reply, answer) = oneshot::channel();
        self.send(Job::Propose(Box::new(Batch { proposals: prepared, bytes: 0, reply })))?;
        match answer.await.map_err(|_| SubmitError::Unwritable)? {
            Answer::Entered(receipts) => Ok(receipts),
            Answer::Refused(at, refusal) => Err(SubmitError::Refused { at, refusal }),
            Answer::Moved => Err(SubmitError::Busy),
            Answer::Unwritable => Err(SubmitError::Unwritable),
        }
    }
}

impl Shared {
    fn prepare_founding(&self, base: &State, ahead: &State, proposal: &Proposal) -> Result<Prepared, Stop> {
        let (kind, id) = self.kind_and_id(proposal)?;
        let named = named_subject(proposal)?;
        let mut data = proposal.data.clone();
        catalog::check(kind, &mut data)?;
        let plain = decode(kind, &data)?;
        let about = domain::about(&ahead.world, &plain, named.as_ref())?;
        let mut fetched = Fetched::default();
        self.check_references(&ahead.world, ahead.size, kind, &data, &mut fetched)?;
        // Nothing waits for approval here, so every entry keeps the id it was sealed under.
        let event = self.seal_under(kind, &data, plain, &about, &id)?;
        let ((claims, taken), checked_to) = self.claims(&event, &id)?;
        if let Some(refusal) = taken {
            return Err(Refusal::from(refusal).into());
        }
        Ok(Prepared {
            ended: None,
            event,
            named,
            basis: Basis::of(&base.world, None, &[]),
            about,
            actor: Actor::System,
            id,
            occurred_at: None,
            late_reason: None,
            correlation: None,
            expected: Vec::new(),
            salt: self.source.salt(),
            fetched,
            claims,
            checked_to,
        })
    }
}
