//! The incremental model of a Python backend: names, tables, sessions, owners, units of work.

pub mod db;
pub mod files;
pub mod place;
pub mod symbols;
pub mod unit;

pub use db::{
    ClassRef, Db, FileContent, FunctionRef, ParsedModule, RootDatabase, Settings, SourceFile, VariableRef, class,
    function, parsed,
};
