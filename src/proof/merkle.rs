//! The RFC 6962 / RFC 9162 Merkle tree over SHA-256: hashing, and verifying what somebody else proved.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA256};

/// The hash of a leaf, a node or a whole tree: 32 bytes of SHA-256.
pub type Hash = [u8; 32];

/// Returns the hash of an entry as a leaf: `SHA-256(0x00 || entry)`.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    sha256(&[&[LEAF], entry])
}

/// Returns the hash of an inner node: `SHA-256(0x01 || left || right)`.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[NODE], left, right])
}

/// Returns the hash of each of many entries as a leaf, in their order; much faster than one by one on some processors.
#[must_use]
pub fn leaf_hashes(entries: &[&[u8]]) -> Vec<Hash> {
    side_by_side(LEAF, entries).unwrap_or_else(|| entries.iter().map(|entry| leaf_hash(entry)).collect())
}

/// Returns `SHA-256(parts, one behind the other)`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish().as_ref().try_into().expect("SHA-256 has 32 bytes")
}

/// Returns the root of the tree without leaves: `SHA-256("")`.
#[must_use]
pub fn empty_root() -> Hash {
    sha256(&[])
}

/// Returns the root over leaf hashes, or over the roots of equal perfect subtrees.
///
/// Takes one node hash per leaf, and memory for half as many hashes.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut level = parents(leaves);
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or_else(empty_root)
}

/// Returns the level above: the nodes over each two neighbors, and the last one itself where it has none.
///
/// RFC 6962 splits at the largest power of two from above; joining neighbors from below arrives at the same tree.
fn parents(level: &[Hash]) -> Vec<Hash> {
    let (pairs, last) = level.as_chunks::<2>();
    let joined: Vec<&[u8]> = pairs.iter().map(|pair| pair.as_flattened()).collect();
    let nodes = side_by_side(NODE, &joined);
    let mut nodes = nodes.unwrap_or_else(|| pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
    nodes.extend(last);
    nodes
}

/// Hashes messages in lanes, where the processor has lanes and the messages fill them.
fn side_by_side(prefix: u8, messages: &[&[u8]]) -> Option<Vec<Hash>> {
    #[cfg(target_arch = "x86_64")]
    if messages.len() >= LANES_USEFUL {
        return crate::proof::lanes::Lanes::detect().map(|lanes| lanes.hash(prefix, messages));
    }
    None
}

/// Returns the root over perfect subtrees of strictly falling size, largest first.
#[must_use]
pub fn root_of_peaks(peaks: &[Hash]) -> Hash {
    let folded = peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right));
    folded.unwrap_or_else(empty_root)
}

/// Answers whether `path` proves that `leaf` is the leaf at `index` of the tree of `size` leaves with this `root`.
///
/// RFC 9162 §2.1.3.2. The path runs from the leaf's sibling upward.
#[must_use]
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    // fn and sn of the RFC: the node under way and the last node of its level.
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // On the right edge the node has no sibling until it is a right child.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// Answers whether `path` proves that the old tree is a prefix of the new one.
///
/// RFC 9162 §2.1.4.2, with the two cases it leaves to the caller: equal sizes take an empty path and equal roots, and the empty
/// tree, whose root must be [`empty_root`], is a prefix of every tree by an empty path.
#[must_use]
pub fn verify_consistency(old_size: u64, old_root: &Hash, new_size: u64, new_root: &Hash, path: &[Hash]) -> bool {
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        let empty_as_it_should = new_size != 0 || *new_root == empty_root();
        return path.is_empty() && old_root == new_root && empty_as_it_should;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty_root();
    }

    // "If first is an exact power of 2, then prepend first_hash to the consistency_path array."
    let (first, rest) = if old_size.is_power_of_two() && !path.is_empty() {
        (old_root, path)
    } else {
        let Some(split) = path.split_first() else { return false };
        split
    };
    let (mut node, mut last) = (old_size - 1, new_size - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0 && old_hash == *old_root && new_hash == *new_root
}

/// Returns a hash as checkpoints, receipts and bundles write it: standard base64 with padding, 44 characters.
#[must_use]
pub fn encode_hash(hash: &Hash) -> String {
    STANDARD.encode(hash)
}

/// Reads what [`encode_hash`] wrote, and only that: each hash has exactly one text.
#[must_use]
pub fn decode_hash(text: &str) -> Option<Hash> {
    if text.len() != HASH_TEXT_BYTES {
        return None;
    }
    STANDARD.decode(text).ok()?.try_into().ok()
}

/// The longest path there can be in a tree whose size is a `u64`, in hashes.
pub const PATH_HASHES_MAX: usize = 64;

// RFC 6962 §2.1: the prefixes make a leaf unable to pose as a node.
const LEAF: u8 = 0x00;
const NODE: u8 = 0x01;
const HASH_TEXT_BYTES: usize = 44;

/// The fewest messages that are faster in lanes than one by one.
#[cfg(target_arch = "x86_64")]
const LANES_USEFUL: usize = 4;

#[cfg(test)]
mod tests {
    use ct_merkle::mem_backed_tree::MemoryBackedTree;
    use proptest::prelude::*;
    use sha2::Sha256;

    use super::*;

    /// MTH of RFC 6962 §2.1, word for word.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len()));
                node_hash(&naive_root(left), &naive_root(right))
            }
        }
    }

    /// PATH of RFC 6962 §2.1.1, word for word.
    fn naive_inclusion(index: usize, leaves: &[Hash]) -> Vec<Hash> {
        if leaves.len() <= 1 {
            return Vec::new();
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut path, sibling) =
            if index < k { (naive_inclusion(index, left), right) } else { (naive_inclusion(index - k, right), left) };
        path.push(naive_root(sibling));
        path
    }

    /// SUBPROOF of RFC 6962 §2.1.2, word for word.
    fn naive_subproof(m: usize, leaves: &[Hash], whole: bool) -> Vec<Hash> {
        if m == leaves.len() {
            return if whole { Vec::new() } else { vec![naive_root(leaves)] };
        }
        let k = split(leaves.len());
        let (left, right) = leaves.split_at(k);
        let (mut path, sibling) =
            if m <= k { (naive_subproof(m, left, whole), right) } else { (naive_subproof(m - k, right, false), left) };
        path.push(naive_root(sibling));
        path
    }

    fn split(size: usize) -> usize {
        size.next_power_of_two() / 2
    }

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|index| leaf_hash(index.to_string().as_bytes())).collect()
    }

    #[test]
    fn the_empty_tree_has_the_published_root() {
        assert_eq!(encode_hash(&empty_root()), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
        assert_eq!(root(&[]), empty_root());
    }

    #[test]
    fn the_empty_leaf_and_the_known_tree_have_the_published_hashes() {
        // Test data of the Certificate Transparency reference implementation: eight leaves.
        let entries: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let hashes: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let hex = |hash: &Hash| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(hex(&hashes[0]), "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d");
        assert_eq!(hex(&root(&hashes)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
    }

    #[test]
    fn every_inclusion_path_verifies_at_its_place_and_nowhere_else() {
        for size in 1..=20_usize {
            let leaves = leaves(size);
            let root = root(&leaves);
            assert_eq!(root, naive_root(&leaves));
            for (index, leaf) in leaves.iter().enumerate() {
                let path = naive_inclusion(index, &leaves);
                for place in 0..=size {
                    let verdict = verify_inclusion(leaf, place as u64, size as u64, &path, &root);
                    assert_eq!(verdict, place == index, "leaf {index} of {size} at {place}");
                }
            }
        }
    }

    #[test]
    fn every_consistency_path_verifies_and_every_other_length_or_hash_does_not() {
        let all = leaves(24);
        for new in 0..=24_usize {
            for old in 0..=new {
                let path = if old == 0 { Vec::new() } else { naive_subproof(old, &all[..new], true) };
                let (old_root, new_root) = (root(&all[..old]), root(&all[..new]));
                let check = |path: &[Hash]| verify_consistency(old as u64, &old_root, new as u64, &new_root, path);
                assert!(check(&path), "{old} to {new}");
                let longer = [path.as_slice(), &[[7; 32]]].concat();
                assert!(!check(&longer), "{old} to {new}, longer");
                for at in 0..path.len() {
                    let mut changed = path.clone();
                    changed[at][5] ^= 1;
                    assert!(!check(&changed), "{old} to {new}, changed at {at}");
                    assert!(!check(&path[..at]), "{old} to {new}, cut at {at}");
                }
            }
        }
    }

    #[test]
    fn a_tree_never_shrinks_and_an_empty_tree_has_one_root_only() {
        let some = leaves(3);
        assert!(!verify_consistency(3, &root(&some), 2, &root(&some[..2]), &[]));
        assert!(!verify_consistency(0, &[1; 32], 3, &root(&some), &[]));
        assert!(!verify_consistency(0, &[1; 32], 0, &[1; 32], &[]));
    }

    #[test]
    fn a_hash_has_one_text() {
        let text = encode_hash(&[0xfb; 32]);
        assert_eq!(decode_hash(&text), Some([0xfb; 32]));
        let loose = format!("{}t=", &text[..42]);
        assert_ne!(loose, text);
        assert_eq!(decode_hash(&loose), None);
        assert_eq!(decode_hash(&text[..43]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn an_independent_tree_proves_and_we_verify(entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 1..140), pick in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>()) {
            let mut theirs = MemoryBackedTree::<Sha256, Vec<u8>>::new();
            let mut hashes = Vec::new();
            for entry in &entries {
                theirs.push(entry.clone());
                hashes.push(leaf_hash(entry));
            }
            let ours = root(&hashes);
            let their_root = theirs.root();
            prop_assert_eq!(their_root.as_bytes().as_slice(), ours.as_slice());

            let index = pick.index(entries.len());
            let digests = |bytes: &[u8]| bytes.chunks(32).map(|chunk| chunk.try_into().unwrap()).collect::<Vec<Hash>>();
            let path = digests(theirs.prove_inclusion(index).as_bytes());
            prop_assert_eq!(&path, &naive_inclusion(index, &hashes));
            prop_assert!(verify_inclusion(&hashes[index], index as u64, hashes.len() as u64, &path, &ours));

            let old = 1 + cut.index(entries.len());
            if old < entries.len() {
                let path = digests(theirs.prove_consistency(entries.len() - old).as_bytes());
                prop_assert!(verify_consistency(old as u64, &root(&hashes[..old]), hashes.len() as u64, &ours, &path));
            }
        }
    }
}
