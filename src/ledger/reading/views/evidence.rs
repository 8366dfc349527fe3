//! What an auditor takes away to verify: one entry, the entries of a tile, the evidence of a stream.

use serde_json::{Value, json};

use crate::access::redactor::Sight;
use crate::domain::class::Class;
use crate::domain::{Refusal, common};
use crate::entry::{Entry, Hash};
use crate::ledger::reading::folds::decode;
use crate::ledger::reading::moment::Then;
use crate::ledger::reading::subject::Subject;
use crate::ledger::reading::views::record::Corrected;
use crate::ledger::reading::views::{Built, cursor};
use crate::ledger::reading::{AsOf, Asked, ViewError};
use crate::ledger::state::State;
use crate::ledger::{Ledger, Shared};
use crate::projection::{self, Node, Read};
use crate::proof::tile;

impl Ledger {
    /// The whole bytes of every entry with their proofs.
    pub(super) fn evidence(&self, asked: &Asked, subject: &Subject, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        self.shared.check_raw(asked, sight)?;
        let stream = asked.subject.as_deref().unwrap_or_default();
        let (evidence, next) = self.bundle(stream, cursor::<u64>(asked)?, asked.limit)?;
        let body: Value = serde_json::from_str(&evidence.encode()).map_err(|_| ViewError::Store)?;
        sight.seen.classes.insert(Class::C8);
        Ok(Built { node: Node::plain(body), next: next.map(|next| next.to_string()), targets: subject.targets.clone() })
    }

    /// The whole bytes of the entries of one tile of the tree.
    pub(super) fn entries(&self, asked: &Asked, subject: &Subject, sight: &mut Sight<'_>) -> Result<Built, ViewError> {
        self.shared.check_raw(asked, sight)?;
        let named = format!("tile/entries/{}", asked.subject.as_deref().unwrap_or_default());
        let (n, width) = tile::parse_entries_path(&named).ok_or(ViewError::NotFound)?;
        let first = n.checked_mul(tile::FULL_WIDTH).ok_or(ViewError::NotFound)?;
        let end = first.checked_add(width.map_or(tile::FULL_WIDTH, u64::from)).ok_or(ViewError::NotFound)?;
        if end > self.shared.checkpoint().size {
            return Err(ViewError::NotFound);
        }
        let mut entries = Vec::new();
        for index in first..end {
            let bytes = self.shared.shelf.entry(index)?.ok_or(ViewError::Store)?;
            let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
            // Whose entries they are is known only now: each of them finds this reading among those of its archive.
            if let Some(customer) = projection::customer_of(&entry).filter(|id| !sight.seen.customers.contains(id)) {
                sight.seen.customers.push(customer);
            }
            entries.push(String::from_utf8(bytes.to_vec()).map_err(|_| ViewError::Store)?);
        }
        sight.seen.classes.insert(Class::C8);
        let node = Node::Row(vec![("first", Node::plain(first)), ("entries", Node::plain(json!(entries)))]);
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }
}

impl Shared {
    /// One entry: its very bytes for who may take proofs out, a rendering without salt for everybody else.
    ///
    /// Either way with what corrects it or what it corrects, and what it says now.
    pub(super) fn one_entry(
        &self,
        state: &State,
        then: &Then,
        asked: &Asked,
        subject: &Subject,
        sight: &mut Sight<'_>,
    ) -> Result<Built, ViewError> {
        let index: u64 = asked.subject.as_deref().unwrap_or_default().parse().map_err(|_| ViewError::NotFound)?;
        let bytes = self.shelf.entry(index)?.ok_or(ViewError::NotFound)?;
        let entry = Entry::decode(&bytes).map_err(|_| ViewError::Store)?;
        let event = decode(&entry).ok_or(ViewError::Store)?;
        let read = Read { index, entry: &entry, bytes: &bytes, event: &event, corrected: None };
        let line = || self.line(&read, &mut Corrected::until(then.end));
        let node = if sight.may_take_proofs() {
            sight.seen.classes.insert(Class::C8);
            let whole: Value = serde_json::from_slice(&bytes).map_err(|_| ViewError::Store)?;
            Node::Row(vec![
                ("index", Node::plain(index)),
                ("hash", Node::plain(json!(Hash::of(&bytes)))),
                ("redacted", Node::plain(false)),
                ("entry", Node::plain(whole)),
                ("line", line()?),
            ])
        } else if !self.may_know(state, then, &read, sight)? {
            // That there is an entry is all one learns of what one may not know of (`design` §6).
            let place = vec![("index", Node::plain(index)), ("hash", Node::plain(json!(Hash::of(&bytes))))];
            Node::Row(vec![("redacted", Node::plain(true)), ("entry", Node::Row(place))])
        } else {
            let streams = entry.streams.iter().map(|link| format!("{}@{}", link.name, link.version));
            Node::Row(vec![
                ("redacted", Node::plain(true)),
                ("streams", Node::plain(streams.collect::<Vec<_>>())),
                ("entry", line()?),
            ])
        };
        Ok(Built { node, next: None, targets: subject.targets.clone() })
    }

    /// Refuses bytes with proofs to whoever may not take them out, and as of another moment than the checkpoint's.
    fn check_raw(&self, asked: &Asked, sight: &mut Sight<'_>) -> Result<(), ViewError> {
        if !sight.may_take_proofs() {
            return Err(ViewError::Denied(common::Refusal::Forbidden { rule: "R-063".into() }.into()));
        }
        let pointer = match (asked.as_of, asked.valid_at) {
            (AsOf::Latest, None) => return Ok(()),
            (AsOf::Latest, Some(_)) => "/valid_at",
            (AsOf::Index(_) | AsOf::Instant(_), _) => "/as_of",
        };
        let refusal = Refusal::field(pointer, "is not for what a checkpoint proves", "检查点所证明的内容不能指定时点");
        Err(ViewError::Refused(refusal))
    }
}
