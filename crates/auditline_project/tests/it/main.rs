//! The crate from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build_context;
mod configuration;
mod discovery;
mod fixes;
mod project;
mod sandbox;
mod suppressions;
