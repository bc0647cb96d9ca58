//! The incremental model of a Python backend: names, tables, sessions, owners, units of work.
