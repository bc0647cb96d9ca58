//! Python: parsing, incremental re-parsing and lowering.

pub mod ir;
