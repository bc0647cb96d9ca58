//! Telling the client what was found: when it asks, or by ourselves.

mod ledger;
mod pull;
mod push;
mod sweep;

pub(crate) use ledger::Ledger;
pub(crate) use pull::{document, workspace};
pub(crate) use push::{after_close, after_write};
pub(crate) use sweep::{reported_files, sweep};
