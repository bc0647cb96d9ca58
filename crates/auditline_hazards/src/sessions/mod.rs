//! 3xx: sessions.

pub mod blocking_db_in_async;
pub mod shared_session;
pub mod unsafe_session_dependency;
