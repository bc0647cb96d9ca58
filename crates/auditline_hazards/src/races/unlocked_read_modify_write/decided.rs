//! Whether what a row holds has decided before this function has it: a lock that is taken here comes too late then.

use auditline_model::eval::value::{RowOrigin, RowValue, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{called_for, told, told_of_returned};
use auditline_model::unit::{Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, entry};
use auditline_syntax::Name;

use crate::races::written::written;

/// How many callers up it is looked for who has read a row that is handed on.
const DEPTH: u32 = 3;

/// Whether the helper or dependency that loads a row, or a caller that hands it in, reads a column that is written here.
pub(super) fn is_elsewhere(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> bool {
    let Some(class) = row.model else { return false };
    reads(db, of, row, class, &columns(unit, row), DEPTH)
}

/// The columns of a row that a function writes.
pub(super) fn columns(unit: &Unit, row: &RowValue) -> Vec<Name> {
    let mut columns: Vec<Name> = Vec::new();
    for event in &unit.events {
        if let Some(written) = written(&event.kind)
            && written.row.id == row.id
            && !columns.contains(&written.column)
        {
            columns.push(written.column);
        }
    }
    columns
}

fn reads(db: &dyn Db, of: FunctionRef, row: &RowValue, class: ClassRef, columns: &[Name], depth: u32) -> bool {
    match &row.origin {
        RowOrigin::Loaded { by: Some(by), .. } | RowOrigin::Dependency(Symbol::Function(by)) => {
            told_of_returned(db, *by, class).reads(columns)
        }
        RowOrigin::Param(index) => {
            let Some(depth) = depth.checked_sub(1) else { return false };
            callers(db, of).iter().filter(|site| !entry::is_test(db, site.function.file)).any(|site| {
                let caller = site.function;
                let Some(Value::Row(given)) = argument_of(db, of, &site.event, *index) else { return false };
                let Some(call) = unit_of(db, caller).events.get(site.ordinal as usize).map(|event| event.range) else {
                    return false;
                };
                let before = called_for(db, caller, call, of, *index)
                    .is_some_and(|name| told(db, caller, name, class, |at| at.end() <= call.start()).reads(columns));
                before || caller != of && reads(db, caller, &given, class, columns, depth)
            })
        }
        _ => false,
    }
}
