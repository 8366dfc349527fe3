//! Dossier keeps a company's customer archives as a ledger of immutable, hashed events.

#![doc = include_str!("ARCHITECTURE.md")]

pub mod access;
pub mod accounts;
pub mod cli;
pub mod clock;
pub mod demo;
pub mod domain;
pub mod entry;
pub mod files;
pub mod http;
pub mod ids;
pub mod import;
pub mod journal;
pub mod ledger;
pub mod projection;
pub mod proof;
pub mod seal;
pub mod store;
