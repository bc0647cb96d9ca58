//! Rows: where one comes from.

use std::sync::Arc;

use crate::db::{ClassRef, FunctionRef};
use crate::symbols::Symbol;

use super::{Lock, SessionValue};

/// A loaded or created object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowValue {
    /// The ordinal of the event that loaded or created it in the unit, or first followed a relationship to it; `u32::MAX`
    /// outside.
    pub id: u32,
    /// Its mapped class, where it is known.
    pub model: Option<ClassRef>,
    /// Where it comes from.
    pub origin: RowOrigin,
    /// The session that loaded it, where it is known.
    pub session: Option<Arc<SessionValue>>,
}

/// Where an object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowOrigin {
    /// Loaded by a query in this function, or in a callee.
    Loaded {
        /// Whether the load locked it.
        lock: Lock,
        /// Whether the query can only give this one row (else it came from iterating many).
        single: bool,
        /// The function that loaded it, when a callee did.
        by: Option<FunctionRef>,
    },
    /// Constructed in this function or a callee.
    Created,
    /// Handed in.
    Param(u32),
    /// The object itself, in a method of a mapped class.
    SelfRow,
    /// Reached through a relationship of another row: its [`RowValue::id`].
    Related(u32),
    /// Loaded by a framework dependency.
    Dependency(Symbol),
    /// It cannot be told.
    Unknown,
}
