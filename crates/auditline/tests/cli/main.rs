//! The program from outside.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_input;
mod catalogue;
mod configuration;
mod fixing;
mod output;
mod sandbox;
mod schema;
mod selecting;
mod server;
mod sides;
