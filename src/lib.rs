#![doc = include_str!("ARCHITECTURE.md")]

pub mod access;
pub mod clock;
pub mod domain;
pub mod entry;
pub mod ids;
pub mod import;
pub mod journal;
pub mod ledger;
pub mod projection;
pub mod proof;
pub mod seal;
pub mod store;
