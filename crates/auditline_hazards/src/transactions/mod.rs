//! 1xx: transactions.

pub mod commit_without_rollback;
