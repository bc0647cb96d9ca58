//! Incremental analysis: it gives what a fresh analysis gives, and does no more than it must.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod counted_queries;
mod eviction;
mod random_edits;
mod rng;
mod view;
mod workspace;
