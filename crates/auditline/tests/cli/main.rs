//! The program from outside.

mod bad_input;
mod catalogue;
mod configuration;
mod fixing;
mod output;
mod sandbox;
mod schema;
mod selecting;
