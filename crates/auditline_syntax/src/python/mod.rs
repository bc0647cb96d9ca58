//! Python: its lowered form, and how a text becomes it.

pub mod ir;
mod lower;
mod mend;
mod parse;
mod pieces;
pub mod print;
mod reparse;
pub mod walk;
mod words;

pub use lower::lower;
pub use parse::{Tree, parse};
pub use reparse::Reparser;
pub use walk::{
    Call, blocks, chain, children, dotted, statement_expressions, walk_block_expressions, walk_expression,
    walk_statement_expressions, walk_statements,
};
pub use words::{ChangedWords, words};
