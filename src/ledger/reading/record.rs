//! What is entered of a reading, and of one that was denied.

use tokio::sync::oneshot;

use crate::access::decide::Authority;
use crate::access::principal::Principal;
use crate::access::redactor::Seen;
use crate::access::relation;
use crate::domain::audit::{self, Shown};
use crate::domain::catalog::{INTEGER_MAX, Int, Str, Text};
use crate::domain::employee::Member;
use crate::domain::{Actor, World, common};
use crate::entry::Hash;
use crate::ids::{CustomerId, SubjectId};
use crate::ledger::door::{Basis, salted};
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::{Answered, Asked, ViewError};
use crate::ledger::writer::{Access, Answer, Job, Reading};
use crate::ledger::{Ledger, Shared};

/// What an access entry says, gathered in one place.
pub(super) struct Recorded<'a> {
    pub(super) principal: &'a Principal,
    pub(super) actor: &'a Actor,
    pub(super) asked: &'a Asked,
    pub(super) subject: &'a Subject,
    pub(super) targets: &'a [String],
    pub(super) seen: &'a Seen,
    pub(super) position: u64,
    pub(super) since: Option<u64>,
    /// What was shown, as it is hashed.
    pub(super) hashed: &'a str,
}

/// The customers one access entry names, and the grant or loan that opened them, if one did.
type Group<'a> = (Option<&'a (Authority, SubjectId)>, &'a [&'a CustomerId]);

impl Shared {
    /// The access entries of an answer, at most 64 customers each, and the customers the decision rests on.
    pub(super) fn accesses(&self, read: &Recorded<'_>) -> (Vec<Access>, Vec<CustomerId>) {
        let Recorded { principal, actor, asked, subject, targets, seen, position, since, hashed } = *read;
        let mut customers: Vec<CustomerId> = seen.customers.clone();
        customers.extend(subject.customer.clone());
        customers.sort();
        customers.dedup();
        let query: Vec<String> = asked.filters.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // What was shown of a customer by a grant or loan is an entry of its own, which names it.
        let (opened, others): (Vec<&CustomerId>, Vec<&CustomerId>) =
            customers.iter().partition(|customer| seen.opened_by.contains_key(*customer));
        let mut groups: Vec<Group<'_>> =
            opened.chunks(1).map(|group| (group.first().and_then(|one| seen.opened_by.get(*one)), group)).collect();
        groups.extend(others.chunks(CUSTOMERS_PER_ENTRY).map(|group| (None, group)));
        if groups.is_empty() {
            groups.push((None, &[]));
        }
        let accesses = groups
            .into_iter()
            .map(|(by, group)| {
                let salt = self.source.salt();
                let shown: Vec<String> =
                    if group.is_empty() { targets.to_vec() } else { group.iter().map(ToString::to_string).collect() };
                let accessed = audit::Accessed {
                    view: Str(asked.view.key.into()),
                    targets: shown.iter().map(|target| Str(cut(target, 80))).collect(),
                    classes: seen.classes.iter().filter_map(|class| Shown::of(*class)).collect(),
                    masked: seen.masked.iter().take(64).map(|name| Str(cut(name, 60))).collect(),
                    mode: asked.mode,
                    authority: authority(by.map(|(authority, _)| *authority).or(seen.authority)),
                    authority_ref: by.map(|(_, id)| id.clone()),
                    policies: seen.policies.iter().take(64).map(|policy| Str(cut(policy, 60))).collect(),
                    policy_set: Hash(self.policies.full_hash()),
                    // Filters may hold words of customers; their hash under the salt tells the same to who knows them.
                    query: (!query.is_empty())
                        .then(|| Text(cut(&salted(&salt, query.join("&").as_bytes()).to_string(), 4000))),
                    purpose: asked.purpose.as_ref().map(|purpose| Text(purpose.text())),
                    as_of: index(position),
                    valid_at: asked.valid_at,
                    since: since.map(index),
                    since_valid_at: asked.since.and_then(|since| since.valid_at),
                    content_hash: salted(&salt, hashed.as_bytes()),
                    place: principal.place,
                };
                Access {
                    event: accessed.into(),
                    actor: actor.clone(),
                    reads: group.iter().map(|customer| customer.reads()).collect(),
                    salt,
                }
            })
            .collect();
        (accesses, customers)
    }
}

impl Ledger {
    /// Enters that somebody was denied a reading, and only then says so.
    pub(super) async fn deny(
        &self,
        principal: &Principal,
        world: &World,
        member: &Member,
        asked: &Asked,
        subject: &Subject,
        rule: &str,
    ) -> Result<Answered, ViewError> {
        let day = world.date(self.shared.clock.now());
        let held = relation::roles(principal, member, day).next().or_else(|| member.roles.first());
        let listed = self.shared.may_list(principal, world);
        let place = principal.place;
        if let Some(held) = held {
            let denied = audit::Denied {
                view: Str(asked.view.key.into()),
                targets: subject.targets.iter().take(CUSTOMERS_PER_ENTRY).map(|target| Str(cut(target, 80))).collect(),
                mode: asked.mode,
                rule: Str(cut(rule, 10)),
                purpose: asked.purpose.as_ref().map(|purpose| Text(purpose.text())),
                place,
            };
            let access = Access {
                event: denied.into(),
                actor: Actor::Employee { id: principal.employee.clone(), role: held.role, unit: held.unit.clone() },
                reads: subject.customer.iter().map(CustomerId::reads).collect(),
                salt: self.shared.source.salt(),
            };
            let (reply, answer) = oneshot::channel();
            // The denial rests on nothing that could move: it is what this asker was told now.
            let basis = Basis::of(&self.shared.state().world, None, &[]);
            let today = self.shared.state().world.date(self.shared.clock.now());
            self.send(Job::Read(Box::new(Reading { accesses: vec![access], basis, day: today, reply })))?;
            match answer.await.map_err(|_| ViewError::Unwritable)? {
                Answer::Entered(_) => {}
                Answer::Unwritable => return Err(ViewError::Unwritable),
                Answer::Refused(_, refusal) => return Err(ViewError::Refused(refusal)),
                Answer::Moved => return Err(ViewError::Busy),
            }
        }
        if !listed && subject.customer.is_some() {
            return Err(ViewError::NotFound);
        }
        Err(ViewError::Denied(common::Refusal::Forbidden { rule: rule.to_owned() }.into()))
    }

    /// Enters that somebody who may not know what there is asked for what is not there: it is told and leaves the same as what is, or the size of the
    /// ledger, which everybody can see, would tell them apart.
    pub(super) async fn deny_unknown(
        &self,
        principal: &Principal,
        world: &World,
        member: &Member,
        asked: &Asked,
    ) -> Result<Answered, ViewError> {
        let subject = Subject { targets: asked.subject.iter().cloned().collect(), ..Subject::default() };
        match self.deny(principal, world, member, asked, &subject, HIDDEN).await {
            Err(ViewError::Denied(_)) => Err(ViewError::NotFound),
            other => other,
        }
    }
}

/// What is not there is denied by the rule that hides what is.
const HIDDEN: &str = "R-052";

/// Shortens what a person typed to what an entry may say of it.
fn cut(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}

fn index(index: u64) -> Int<0, INTEGER_MAX> {
    Int(i64::try_from(index).unwrap_or(i64::MAX))
}

fn authority(found: Option<Authority>) -> audit::Authority {
    match found {
        Some(Authority::Own) => audit::Authority::Own,
        Some(Authority::Oneself) => audit::Authority::Itself,
        Some(Authority::Job) => audit::Authority::Job,
        Some(Authority::Unit) => audit::Authority::Unit,
        Some(Authority::Region) => audit::Authority::Region,
        Some(Authority::Loan) => audit::Authority::Loan,
        Some(Authority::Grant) => audit::Authority::Grant,
        Some(Authority::Duty) | None => audit::Authority::Duty,
        Some(Authority::Audit) => audit::Authority::Audit,
    }
}

/// Customers one access entry names at most (`design` §2).
const CUSTOMERS_PER_ENTRY: usize = 64;
