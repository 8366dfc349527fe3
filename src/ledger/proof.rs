//! Proofs and evidence: what an auditor takes away to verify without us.

use std::collections::BTreeMap;

use crate::entry::Entry;
use crate::ledger::tail::stream_term;
use crate::ledger::{Head, Ledger, Shared};
use crate::proof::evidence::{Evidence, Shown};
use crate::proof::receipt::Receipt;
use crate::proof::{merkle, tile};
use crate::store::Direction;

/// Why a proof cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No such entry, stream or tile.
    #[error("no such entry, stream or tile")]
    NotFound,
    /// The last signed checkpoint does not cover it yet; it will within a second.
    #[error("no signed checkpoint covers it yet")]
    NotCovered,
    /// Tree or entries cannot be read.
    #[error("the tree cannot be read")]
    Unreadable,
}

impl Ledger {
    /// Returns the proof that an entry is covered by the last signed checkpoint.
    ///
    /// # Errors
    /// See [`ProofError`].
    pub fn receipt(&self, index: u64) -> Result<Receipt, ProofError> {
        let (checkpoint, note) = self.checkpoint();
        self.check_covered(index, checkpoint.size)?;
        let growth = self.shared.growth();
        let path = tile::inclusion(index, checkpoint.size, &growth, self.shared.shelf.store());
        let path = path.map_err(|_| ProofError::Unreadable)?;
        Ok(Receipt { extra: None, index, path, checkpoint: note })
    }

    /// Returns a tile of hashes as the transparency log publishes it.
    ///
    /// # Errors
    /// `NotFound` beyond the signed checkpoint.
    pub fn tile(&self, level: u8, n: u64, width: Option<u8>) -> Result<Vec<u8>, ProofError> {
        let size = self.shared.checkpoint().size;
        let shift = u32::from(level).checked_mul(8).filter(|shift| *shift < 64).ok_or(ProofError::NotFound)?;
        let hashes = size >> shift;
        let wanted = n.checked_mul(256).and_then(|first| first.checked_add(width.map_or(256, u64::from)));
        if wanted.is_none_or(|wanted| wanted > hashes) {
            return Err(ProofError::NotFound);
        }
        let growth = self.shared.growth();
        let mut prover = tile::Prover::new(&growth, self.shared.shelf.store());
        let hashes = prover.tile(level, n, width).map_err(|_| ProofError::Unreadable)?;
        Ok(tile::encode(&hashes.ok_or(ProofError::NotFound)?))
    }

    /// Bundles the entries of a stream behind an index, oldest first and `most` at most, with their proofs; tells behind which index the
    /// next bundle begins, if there is more.
    ///
    /// # Errors
    /// `NotFound` if the stream has no entries there which the checkpoint covers.
    pub(crate) fn bundle(
        &self,
        stream: &str,
        after: Option<u64>,
        most: usize,
    ) -> Result<(Evidence, Option<u64>), ProofError> {
        let (checkpoint, note) = self.checkpoint();
        let term = stream_term(stream);
        let shelf = &self.shared.shelf;
        let indexes = shelf
            .postings(
                term,
                after.map_or(0, |after| after.saturating_add(1)),
                checkpoint.size,
                Direction::Ascending,
                most + 1,
            )
            .map_err(|_| ProofError::Unreadable)?;
        let growth = self.shared.growth();
        let mut prover = tile::Prover::new(&growth, shelf.store());
        let mut shown = Vec::new();
        for index in indexes.iter().copied().take(most) {
            let bytes = shelf.entry(index).map_err(|_| ProofError::Unreadable)?.ok_or(ProofError::Unreadable)?;
            let entry = Entry::decode(&bytes).map_err(|_| ProofError::Unreadable)?;
            if entry.link(stream).is_none() {
                continue;
            }
            let proof = prover.inclusion(index, checkpoint.size).map_err(|_| ProofError::Unreadable)?;
            let text = String::from_utf8(bytes.to_vec()).map_err(|_| ProofError::Unreadable)?;
            shown.push(Shown { index, entry: text, proof });
        }
        if shown.is_empty() {
            let uncovered = |head: &Head| head.index >= checkpoint.size;
            let begun = stream.parse().is_ok_and(|stream| self.state().heads.get(&stream).is_some_and(uncovered));
            return Err(if begun { ProofError::NotCovered } else { ProofError::NotFound });
        }
        let next = indexes.get(most).and_then(|_| indexes.get(most.checked_sub(1)?)).copied();
        Ok((Evidence::new(&checkpoint.origin, &note, stream, shown), next))
    }

    fn check_covered(&self, index: u64, size: u64) -> Result<(), ProofError> {
        match index {
            index if index < size => Ok(()),
            index if index < self.state().size => Err(ProofError::NotCovered),
            _ => Err(ProofError::NotFound),
        }
    }
}

impl Shared {
    /// Proves entries under the last signed checkpoint, in base64; those it does not cover yet are left out.
    pub(crate) fn proofs(&self, indexes: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Vec<String>> {
        let size = self.checkpoint().size;
        let growth = self.growth();
        let mut prover = tile::Prover::new(&growth, self.shelf.store());
        indexes
            .into_iter()
            .filter(|index| *index < size)
            .filter_map(|index| {
                Some((index, prover.inclusion(index, size).ok()?.iter().map(merkle::encode_hash).collect()))
            })
            .collect()
    }
}
