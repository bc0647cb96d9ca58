//! Alembic migrations: revisions and their graph.

mod graph;
mod revisions;
#[cfg(test)]
mod tests;

pub use graph::{Fault, History, histories, history_of};
pub use revisions::{Links, Revision, revision};
