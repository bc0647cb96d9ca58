//! Columns that are written, whichever way: through the object, or by an UPDATE statement that finds its row.

use std::sync::Arc;

use auditline_model::FunctionRef;
use auditline_model::eval::value::{RowValue, Sources, Step};
use auditline_model::unit::EventKind;
use auditline_syntax::Name;

/// A column of a row that an event writes.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) row: &'a Arc<RowValue>,
    pub(super) column: Name,
    /// What the new value is made from.
    pub(super) from: &'a Sources,
    /// Which way it lies of the old one.
    pub(super) step: Step,
    /// Whether the database evaluates it.
    pub(super) in_sql: bool,
    /// Whether the column is changed in place.
    pub(super) in_place: bool,
    /// The new value as written, where it is a constant.
    pub(super) constant: Option<Name>,
    /// The callee that does it.
    pub(super) by: Option<FunctionRef>,
}

/// The column that an event writes.
pub(super) fn written(kind: &EventKind) -> Option<Written<'_>> {
    match kind {
        EventKind::Write { row, column, from, step, in_sql, in_place, constant, by } => Some(Written {
            step: *step,
            row,
            column: *column,
            from,
            in_sql: *in_sql,
            in_place: *in_place,
            constant: *constant,
            by: *by,
        }),
        EventKind::Overwrite { row, column, from, step, in_sql, constant, by } => Some(Written {
            step: *step,
            row,
            column: *column,
            from,
            in_sql: *in_sql,
            in_place: false,
            constant: *constant,
            by: *by,
        }),
        _ => None,
    }
}
