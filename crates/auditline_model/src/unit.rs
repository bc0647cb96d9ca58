//! Units of work.

use auditline_syntax::TextRange;

use crate::db::{Db, FunctionRef};

/// The range of the n-th event of a function's unit of work, relative to the function.
#[must_use]
pub fn event_range(_db: &dyn Db, _function: FunctionRef, _ordinal: u32) -> Option<TextRange> {
    None
}
