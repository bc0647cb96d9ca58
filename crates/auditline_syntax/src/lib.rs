//! Tree-sitter and the lowered trees: Python, Dockerfile, requirements, SQL.

pub mod docker;
mod name;
pub mod packages;
pub mod python;
pub mod sql;

pub use name::Name;
pub use text_size::{TextRange, TextSize};
