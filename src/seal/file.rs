//! A sealed file: a head that names and commits to its key, and chunks of ciphertext, so that it is sealed and opened as it streams.

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::AeadInOut as _;
use zeroize::Zeroizing;

use crate::seal::seal::{DerivedKey, HolderKey, KeyId, OpenSealError, Place, cipher, derive};

/// How many bytes of a file are sealed at once.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// How many bytes a sealed chunk has more than what is in it.
pub const TAG_BYTES: usize = 16;

/// How many bytes stand before the first chunk.
pub const HEAD_BYTES: usize = 4 + 16 + NONCE_BYTES + 32;

/// The random part of the chunks' nonces.
pub const NONCE_BYTES: usize = 19;

/// Whether more of a file follows a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chunk {
    /// More follows; such a chunk is full.
    More,
    /// It is the last one, which may be empty.
    Last,
}

/// Seals and opens the chunks of one file, one after the other.
///
/// ```text
/// "DSF1" ‖ key id 16 ‖ nonce 19 ‖ commitment 32 ‖ (chunk ‖ tag 16)*
/// ```
/// The nonce of a chunk is the file's 19 bytes, its number in four, most significant first, and one that says whether it is the last
/// (the STREAM construction): chunks cannot be dropped, moved, repeated or taken from another file.
pub struct FileSeal {
    cipher: XChaCha20Poly1305,
    nonce: [u8; NONCE_BYTES],
    binding: Vec<u8>,
    next: u32,
}

impl FileSeal {
    /// Begins a file under its holder's key for one place; returns the head to write first.
    ///
    /// The nonce must never have been used before; 19 random bytes are.
    pub fn begin(key: &HolderKey, nonce: [u8; NONCE_BYTES], place: &Place<'_>) -> (Self, [u8; HEAD_BYTES]) {
        let binding = place.binding();
        let derived = derive(CONTEXT, key, &binding);
        let mut head = [0; HEAD_BYTES];
        let parts = [MAGIC.as_slice(), &key.id().0, &nonce, &derived.commitment()];
        for (place, byte) in head.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        (Self::of(&derived, nonce, binding), head)
    }

    /// Begins to open a file whose head this is.
    ///
    /// # Errors
    /// The head is none, names another key, or commits to another place.
    pub fn open(key: &HolderKey, head: &[u8], place: &Place<'_>) -> Result<Self, OpenSealError> {
        let parts = Head::parse(head).ok_or(OpenSealError::NotASeal)?;
        if parts.key_id != key.id() {
            return Err(OpenSealError::OtherKey { key_id: parts.key_id });
        }
        let binding = place.binding();
        let derived = derive(CONTEXT, key, &binding);
        if derived.commitment() != parts.commitment {
            return Err(OpenSealError::Commitment);
        }
        Ok(Self::of(&derived, parts.nonce, binding))
    }

    fn of(derived: &DerivedKey, nonce: [u8; NONCE_BYTES], binding: Vec<u8>) -> Self {
        Self { cipher: cipher(derived), nonce, binding, next: 0 }
    }

    /// Seals the next chunk in place.
    ///
    /// # Panics
    /// A file of 2^32 chunks; no door lets in a thousandth of it.
    pub fn seal_chunk(&mut self, bytes: &mut Vec<u8>, chunk: Chunk) {
        let nonce = self.nonce_of(chunk);
        self.cipher
            .encrypt_in_place(&nonce.into(), &self.binding, bytes)
            .expect("a vector grows, and a chunk is small");
    }

    /// Opens the next chunk.
    ///
    /// # Errors
    /// The chunk is not the one that was sealed there.
    pub fn open_chunk(&mut self, bytes: Vec<u8>, chunk: Chunk) -> Result<Zeroizing<Vec<u8>>, OpenSealError> {
        let nonce = self.nonce_of(chunk);
        let mut bytes = Zeroizing::new(bytes);
        self.cipher.decrypt_in_place(&nonce.into(), &self.binding, &mut *bytes).map_err(|_| OpenSealError::Altered)?;
        Ok(bytes)
    }

    fn nonce_of(&mut self, chunk: Chunk) -> [u8; 24] {
        let mut nonce = [0; 24];
        let last = [u8::from(chunk == Chunk::Last)];
        let number = self.next.to_be_bytes();
        for (place, byte) in nonce.iter_mut().zip(self.nonce.iter().chain(&number).chain(&last)) {
            *place = *byte;
        }
        self.next = self.next.checked_add(1).expect("no file has so many chunks");
        nonce
    }
}

/// Returns the id of the key a file is sealed under, if these are the first bytes of a sealed file.
pub fn file_key_id(head: &[u8]) -> Option<KeyId> {
    Head::parse(head).map(|head| head.key_id)
}

/// Returns how many bytes a file has once it is sealed.
pub fn sealed_bytes(content: u64) -> u64 {
    let in_u64 = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
    // An empty file has one chunk all the same.
    let chunks = content.div_ceil(in_u64(CHUNK_BYTES)).max(1);
    content.saturating_add(chunks.saturating_mul(in_u64(TAG_BYTES))).saturating_add(in_u64(HEAD_BYTES))
}

struct Head {
    key_id: KeyId,
    nonce: [u8; NONCE_BYTES],
    commitment: [u8; 32],
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (key_id, rest) = rest.split_first_chunk()?;
        let (nonce, rest) = rest.split_first_chunk()?;
        let (commitment, _) = rest.split_first_chunk()?;
        Some(Self { key_id: KeyId(*key_id), nonce: *nonce, commitment: *commitment })
    }
}

const MAGIC: &[u8; 4] = b"DSF1";
const CONTEXT: &str = "dossier s1 file key";

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> =
        Place { source: "test.example.com/ledger", id: "document-01", kind: "document.filed", pointer: "/data/file" };

    fn key(n: u8) -> HolderKey {
        HolderKey::new(KeyId([n; 16]), Zeroizing::new([n; 32]))
    }

    fn sealed(chunks: &[&[u8]]) -> (Vec<u8>, Vec<Vec<u8>>) {
        let (mut seal, head) = FileSeal::begin(&key(1), [7; NONCE_BYTES], &PLACE);
        let last = chunks.len() - 1;
        let sealed = chunks.iter().enumerate().map(|(at, chunk)| {
            let mut bytes = chunk.to_vec();
            seal.seal_chunk(&mut bytes, if at == last { Chunk::Last } else { Chunk::More });
            bytes
        });
        let sealed = sealed.collect();
        (head.to_vec(), sealed)
    }

    /// Computed by another program from the words of `schemas/README.md`.
    #[test]
    fn the_bytes_of_a_sealed_file_never_change() {
        const HEAD: &str = "445346310101010101010101010101010101010107070707070707070707070707070707070707\
                            446e15dae5a0ffcbc251ad679c2c4b5afa15718f70143b6a6bcce5f44471f3ac";
        const CHUNKS: &str = "6c81e1f550eb6fd2133f7e9276dc49ccd132d1911fafa14337284c5468\
                              b1ff37671b22359c2efd1df22880459660cea3ca6f0fe38ae989eda3";
        let (head, chunks) = sealed(&[b"one", b"two", b"end"]);
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!((hex(&head), hex(&chunks.concat())), (HEAD.to_owned(), CHUNKS.to_owned()));
    }

    #[test]
    fn how_long_a_sealed_file_is_follows_from_its_content() {
        let full = vec![0; CHUNK_BYTES];
        for chunks in [vec![&b""[..]], vec![b"one"], vec![&full], vec![&full, b"e"], vec![&full, &full]] {
            let (head, sealed) = sealed(&chunks);
            let (content, stored) = (chunks.concat().len(), head.len() + sealed.concat().len());
            assert_eq!(usize::try_from(sealed_bytes(content.try_into().unwrap())), Ok(stored), "{content}");
        }
    }

    #[test]
    fn a_file_opens_chunk_by_chunk_to_what_was_sealed() {
        let (head, chunks) = sealed(&[b"one", b"two", b""]);
        assert_eq!(file_key_id(&head), Some(KeyId([1; 16])));
        let mut seal = FileSeal::open(&key(1), &head, &PLACE).unwrap();
        let ends = [Chunk::More, Chunk::More, Chunk::Last];
        let opened: Vec<Vec<u8>> =
            chunks.into_iter().zip(ends).map(|(chunk, end)| seal.open_chunk(chunk, end).unwrap().to_vec()).collect();
        assert_eq!(opened, [b"one".to_vec(), b"two".to_vec(), Vec::new()]);
    }

    #[test]
    fn chunks_cannot_be_dropped_moved_or_altered() {
        let (head, chunks) = sealed(&[b"one", b"two", b"end"]);
        let open = |chunk: &Vec<u8>, after: usize, end| {
            let mut seal = FileSeal::open(&key(1), &head, &PLACE).unwrap();
            seal.next = u32::try_from(after).unwrap();
            seal.open_chunk(chunk.clone(), end).map(|opened| opened.to_vec())
        };
        assert_eq!(open(&chunks[1], 1, Chunk::More), Ok(b"two".to_vec()));
        assert_eq!(open(&chunks[1], 0, Chunk::More), Err(OpenSealError::Altered), "moved");
        assert_eq!(open(&chunks[1], 1, Chunk::Last), Err(OpenSealError::Altered), "cut behind it");
        assert_eq!(open(&chunks[2], 2, Chunk::More), Err(OpenSealError::Altered), "continued");
        for at in 0..chunks[0].len() {
            let mut altered = chunks[0].clone();
            altered[at] ^= 1;
            assert_eq!(open(&altered, 0, Chunk::More), Err(OpenSealError::Altered), "byte {at}");
        }
    }

    #[test]
    fn a_file_opens_under_its_own_key_and_in_its_own_place_only() {
        let (head, _) = sealed(&[b""]);
        let elsewhere = Place { id: "document-02", ..PLACE };
        let opened = |key: &HolderKey, head: &[u8], place| FileSeal::open(key, head, place).err();
        assert_eq!(opened(&key(1), &head, &PLACE), None);
        assert_eq!(opened(&key(2), &head, &PLACE), Some(OpenSealError::OtherKey { key_id: KeyId([1; 16]) }));
        assert_eq!(opened(&key(1), &head, &elsewhere), Some(OpenSealError::Commitment));
        assert_eq!(opened(&key(1), &head[..70], &PLACE), Some(OpenSealError::NotASeal));
        assert_eq!(file_key_id(b"%PDF-1.7 and whatever else a file may begin with, long enough to be a head"), None);
    }
}
