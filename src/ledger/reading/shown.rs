//! Answers kept for whoever asks the same again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::access::facts::Facts;
use crate::access::opening::Opening;
use crate::access::redactor::{Reader, Seen};
use crate::access::relation;
use crate::clock::{Date, Timestamp};
use crate::domain::audit::Mode;
use crate::domain::grade::{self, Dimension};
use crate::domain::role::Role;
use crate::ids::CustomerId;
use crate::ledger::reading::Asked;
use crate::ledger::reading::subject::Subject;
use crate::ledger::state::State;

/// The answers given last, bounded in number.
#[derive(Default)]
pub(in crate::ledger) struct Shown {
    kept: Mutex<HashMap<Question, Kept>>,
}

struct Kept {
    standing: Standing,
    rendered: Arc<Rendered>,
    /// Which papers of the archive had no content, by their place: no entry says so.
    amiss: Vec<usize>,
    looked_at: Timestamp,
}

/// All that what is shown of one customer's latest archive depends on, besides the files of its papers and the policies this process
/// runs with.
#[derive(Debug)]
pub(super) struct Sameness {
    question: Question,
    standing: Standing,
}

/// What is asked, and by whom: by anybody of that role and standing to the customer.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    view: &'static str,
    customer: CustomerId,
    role: Role,
    facts: Facts,
}

/// How things stood when it was answered.
#[derive(Debug, PartialEq, Eq)]
struct Standing {
    /// The version of the customer's stream.
    version: u64,
    day: Date,
    /// The policy versions in force: one adopted earlier may have begun since.
    policies: usize,
    /// From when each kind of grade in force is: one approved earlier may have begun since.
    graded: [Option<Timestamp>; 2],
}

/// What is shown, ready to leave, with what the redactor found out on the way.
pub(super) struct Rendered {
    pub(super) body: Arc<Value>,
    pub(super) text: Arc<str>,
    /// What of it is hashed where that is something else: opened personal values stand as their seals.
    pub(super) hashed: Option<String>,
    pub(super) seen: Seen,
    pub(super) next: Option<String>,
    pub(super) targets: Vec<String>,
}

impl Shown {
    /// Returns what was shown before, if it is the same still; `amiss` looks at the files of its papers again.
    pub(super) fn get(
        &self,
        same: &Sameness,
        now: Timestamp,
        amiss: impl FnOnce() -> Vec<usize>,
    ) -> Option<Arc<Rendered>> {
        let (rendered, looked_at) = self.of(same, |kept| (kept.rendered.clone(), kept.looked_at))?;
        if (looked_at..looked_at.plus(LOOKED_FOR)).contains(&now) {
            return Some(rendered);
        }
        let found = amiss();
        self.of(same, |kept| {
            kept.looked_at = now;
            (kept.amiss == found).then(|| kept.rendered.clone())
        })?
    }

    fn of<T>(&self, same: &Sameness, take: impl FnOnce(&mut Kept) -> T) -> Option<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_mut(&same.question).filter(|kept| kept.standing == same.standing).map(take)
    }

    /// Keeps what is shown, with the papers of the archive that were found amiss before it was made.
    pub(super) fn keep(&self, same: Sameness, now: Timestamp, amiss: Vec<usize>, rendered: &Arc<Rendered>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Starting over when full costs each answer one more rendering and needs no bookkeeping on the way.
        if kept.len() >= SHOWN_KEPT && !kept.contains_key(&same.question) {
            kept.clear();
        }
        let Sameness { question, standing } = same;
        kept.insert(question, Kept { standing, rendered: rendered.clone(), amiss, looked_at: now });
    }
}

impl Sameness {
    /// What an answer depends on, where it is one that may be kept: a customer's latest card or archive, masked.
    pub(super) fn of(
        state: &State,
        reader: &Reader<'_>,
        asked: &Asked,
        subject: &Subject,
        now: Timestamp,
    ) -> Option<Self> {
        let customer = subject.customer.as_ref()?;
        if !matches!(asked.view.key, "archive" | "card")
            || asked.reveal
            || !asked.is_of_now()
            || asked.mode != Mode::View
        {
            return None;
        }
        // A note may name somebody, which is another right to see them.
        if reader.purpose.is_some_and(|purpose| purpose.note.is_some()) {
            return None;
        }
        // What grants and loans open changes with the time: such answers are made anew.
        if !Opening::of(reader.world, &reader.principal.employee, customer, now).is_empty() {
            return None;
        }
        let facts = relation::facts(reader.world, reader.principal, reader.member, reader.held, Some(customer));
        let question = Question {
            view: asked.view.key,
            customer: customer.clone(),
            role: reader.held.role,
            facts: facts.with(reader.extra),
        };
        let standing = Standing {
            version: state.heads.get(&customer.stream())?.version,
            day: state.world.date(now),
            policies: state.world.policy.adopted.iter().filter(|version| version.effective_at <= now).count(),
            graded: [Dimension::Credit, Dimension::Business]
                .map(|dimension| grade::current(&state.world, dimension, customer, now).map(|graded| graded.since)),
        };
        Some(Self { question, standing })
    }
}

/// How long a paper's file is taken to stand as it was found: looking at all of them again took a quarter of composing an answer that is kept.
const LOOKED_FOR: std::time::Duration = std::time::Duration::from_secs(1);

/// Redacted answers kept in memory; they are as large as archives.
const SHOWN_KEPT: usize = 2048;
