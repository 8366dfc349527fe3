//! Personal data: the sealing of one value or one file, and the ring of holders' keys.
//!
//! A value about a person enters the ledger as a *seal*: ciphertext bound to the one field of the one entry it stands in.
//! The key that opens it stays outside, so that destroying the key erases the value everywhere and changes no hash.
//!
//! **Invariant:** nothing here reads a clock or makes randomness; nonces and entropy come in as arguments.
//!
//! **Invariant:** nothing here knows which fields are personal, who may open them, or what an erasure requires.
//! The catalog declares, access permits, the ledger orders.
//!
//! **Invariant:** no key is derived from the master key or from another holder's key; each can be destroyed alone.
//!
//! **Invariant:** no key and no plaintext reaches an error, a `Debug` text or a log.

pub mod file;
pub mod ring;
#[expect(
    clippy::module_inception,
    reason = "one seal is what this room is named for; it is used as `seal::open`, `seal::Place`"
)]
mod seal;

pub use file::{Chunk, FileSeal, file_key_id};
pub use ring::Ring;
pub use seal::{
    DerivedKey, HolderKey, KeyId, OpenSealError, Place, disclose, is_seal, key_id, open, open_with_derived, seal,
};
