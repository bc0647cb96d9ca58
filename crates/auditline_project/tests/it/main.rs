//! The crate from outside.

mod configuration;
mod discovery;
mod fixes;
mod project;
mod sandbox;
mod suppressions;
