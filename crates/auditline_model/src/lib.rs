//! The incremental model of a Python backend: names, tables, sessions, owners, units of work.

pub mod classes;
mod cycles;
pub mod db;
pub mod entry;
pub mod eval;
pub mod files;
#[doc(hidden)]
pub mod fixture;
pub mod image;
pub mod imports;
pub mod lazy;
pub mod migrations;
pub mod names;
pub mod owner;
pub mod packages;
pub mod place;
pub mod schema;
pub mod shards;
pub mod shared_state;
pub mod symbols;
pub mod tables;
pub mod unit;
pub mod uses;

pub use db::{
    ClassRef, Db, FileContent, FunctionRef, ParsedModule, RootDatabase, Settings, SourceFile, VariableRef, class,
    function, head, parsed, with_inner,
};
