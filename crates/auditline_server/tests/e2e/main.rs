//! The server, as a client sees it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod actions;
mod bad_input;
mod catalogue;
mod client;
mod codes;
mod diagnostics;
mod editors;
mod edits;
mod folders;
mod hover;
mod lifecycle;
mod margin;
mod same_findings;
mod watching;
