//! 3xx: sessions.

pub mod blocking_db_in_async;
pub mod commit_after_response;
pub mod leaked_session;
pub mod session_in_gather;
pub mod session_outlives_owner;
pub mod shared_session;
pub mod unsafe_session_dependency;
