//! Arithmetic on hashes: the Merkle tree, its tiles, signed checkpoints, receipts and evidence bundles.
//!
//! An entry is a leaf of an RFC 6962 tree over SHA-256 ([`merkle`]). The tree is kept as C2SP tiles and the right edge that is
//! still growing ([`tile`]). Its head is signed as a C2SP checkpoint ([`checkpoint`]). A [`receipt`] proves one entry, an
//! [`evidence`] bundle a stream. Every format that leaves the process is described byte by byte in `schemas/README.md`.
//!
//! * **Invariant:** nothing here reads a clock, a file, a socket or a random source; keys, tiles and bytes are passed in.
//! * **Invariant:** nothing here knows an event type. Of an entry only `source`, `time` and `streams` are read.
//! * **Invariant:** whatever is said to be verified was hashed again from the bytes at hand; no stored hash is believed.
//! * **Invariant:** no answer says *complete*. That takes an index over the heads of all streams, which this room does not have.
//! * **Invariant:** foreign bytes cannot make anything here panic, and every size is bounded before memory is taken for it.

pub mod checkpoint;
pub mod evidence;
#[cfg(target_arch = "x86_64")]
mod lanes;
pub mod merkle;
pub mod receipt;
pub mod tile;
