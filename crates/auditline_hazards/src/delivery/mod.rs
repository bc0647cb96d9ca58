//! 7xx: delivery and structure.

pub mod dockerfile_missing_source;
