//! The schema of a database, as migrations and SQL files build it.
//!
//! The `upgrade()` functions of a history are replayed one after another on a schema of tables and columns. Only what
//! speaks to the schema is followed: operations of Alembic, SQL, the values that these are given. Where two ways are
//! possible, both are gone and what differs is uncertain ([`Presence::Maybe`], [`Table::is_open`]): unknown is never
//! taken for a fact.

mod calls;
mod collected;
mod compare;
mod expressions;
mod inspected;
mod kept_apart;
mod led;
mod models;
mod operations;
mod overview;
mod replay;
mod routines;
mod sides;
mod standing;
mod state;
mod statements;
#[cfg(test)]
mod tests;
mod texts;
mod value;

pub use collected::{Collector, Collectors, Metadata, collectors, metadata_of_class};
pub use compare::{Difference, column_in, differences};
pub use kept_apart::kept_apart;
pub use led::{Led, led};
pub use models::schema_of_models;
pub use overview::{ColumnRow, Overview, Row, overview};
pub use replay::{replayed, schema_of_file};
pub use routines::{Parent, PlacedLimit, Routines, TriggerRoutine, Watch, watches};
pub use sides::{Description, Source, descriptions, number, table_in};
pub use standing::{Declared, Standing, makes_tables, may_be_named, standings, stands_in_migrations, without_model};
pub use state::{Index, Presence, Schema, SchemaColumn, Table};
