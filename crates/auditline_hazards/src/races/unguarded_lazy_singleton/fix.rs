//! The cure: a lock of the module around the look and the making.

use auditline_model::FunctionRef;
use auditline_model::lazy::{Holder, Lazy};
use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::{Name, TextRange};

use crate::edit;
use crate::finding::{FileEdit, Fix, Safety};

/// The fix, where the variable or class is of the same file.
pub(super) fn fixes(of: FunctionRef, lazy: &Lazy, is_async: bool) -> Vec<Fix> {
    let (holder, check, assignment) = (lazy.holder, lazy.check, lazy.assignment);
    if holder.place().file() != of.file {
        return Vec::new();
    }
    let written = lazy.written;
    let title = format!("Guard `{written}` with a lock");
    vec![Fix::new(title, Safety::Safe, move |db| {
        let document = edit::Document::of(db, of.file)?;
        let name = holder.name();
        let lock = format!("_{}_lock", name.trim_matches('_').to_ascii_lowercase());
        let scope = match holder {
            Holder::Global(_) => document.module(),
            Holder::Class(class, _) => document.class(class.path)?,
        };
        if binding(scope, Name::new(&lock)).is_some() {
            return None;
        }
        let bound = binding(scope, name)?;
        let library = if is_async { "asyncio" } else { "threading" };
        let import = edit::add_import(&document, library, "Lock")?;
        let mut edits = edit::insert_after_simple(scope, bound, &format!("{lock} = {}()", import.name))?;
        // `cls._instance` is guarded by `cls._instance_lock`.
        let guard = match written.rsplit_once('.') {
            Some((object, _)) => format!("{object}.{lock}"),
            None => lock,
        };
        let head = if is_async { format!("async with {guard}") } else { format!("with {guard}") };
        edits.extend(edit::wrap_in_with(document.function(of.path)?, check, assignment, &head)?);
        edits.extend(import.edits);
        Some(vec![FileEdit { file: of.file, edits: document.checked(edits)? }])
    })]
}

/// The statement at the top of the module or class that binds the name first.
fn binding(scope: edit::Scope<'_>, variable: Name) -> Option<TextRange> {
    scope.code.block.iter().find_map(|stmt| {
        let target = match &stmt.kind {
            StmtKind::Assign { targets, .. } => *targets.first()?,
            StmtKind::AnnAssign { target, .. } => *target,
            _ => return None,
        };
        matches!(&scope.code[target], Expr::Name(name) if *name == variable).then_some(stmt.range)
    })
}
