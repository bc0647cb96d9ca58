//! 3xx: sessions.

pub mod shared_session;
pub mod unsafe_session_dependency;
