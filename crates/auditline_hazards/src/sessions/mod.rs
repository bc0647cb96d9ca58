//! 3xx: sessions.

pub mod blocking_db_in_async;
pub mod commit_after_response;
pub mod detached_after_scope;
pub mod expired_attribute_in_async;
pub mod leaked_session;
mod reload;
pub mod session_in_gather;
pub mod session_outlives_owner;
pub mod shared_session;
pub mod unsafe_session_dependency;
