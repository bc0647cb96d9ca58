//! The schema of a database, as migrations and SQL files build it.
//!
//! The `upgrade()` functions of a history are replayed one after another on a schema of tables and columns. Only what
//! speaks to the schema is followed: operations of Alembic, SQL, the values that these are given. Where two ways are
//! possible, both are gone and what differs is uncertain ([`Presence::Maybe`], [`Table::is_open`]): unknown is never
//! taken for a fact.

mod calls;
mod expressions;
mod inspected;
mod operations;
mod replay;
mod state;
mod statements;
#[cfg(test)]
mod tests;
mod texts;
mod value;

pub use replay::{replayed, schema_of_file};
pub use state::{Index, Presence, Schema, SchemaColumn, Table};
