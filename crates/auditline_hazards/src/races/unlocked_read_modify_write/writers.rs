//! The other writers of a column: what makes a possible race a fact.

use std::sync::Arc;

use auditline_model::names::files_mentioning;
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, StmtKind};

use crate::finding::Place;

/// How many are named.
const MOST: usize = 3;

/// Other functions that write the column of the model, with the places where they do.
pub(in crate::races) fn others(
    db: &dyn Db,
    of: FunctionRef,
    model: Option<ClassRef>,
    column: Name,
) -> Vec<(String, Place)> {
    let Some(model) = model else { return Vec::new() };
    writers(db, model, column)
        .iter()
        .filter(|(other, _)| *other != of)
        .take(MOST)
        .map(|(other, ordinal)| (classes::simple(other.path).to_owned(), Place::Event(*other, *ordinal)))
        .collect()
}

/// The first functions that write the column of the model, with the ordinals of their writes: one more than are named,
/// because the one under check is among them.
///
/// A query of its own: it looks into the files that mention the column, and an edit in one of them must not check the
/// others again as long as the answer is the same.
#[salsa::tracked(returns(clone))]
fn writers(db: &dyn Db, model: ClassRef, column: Name) -> Arc<[(FunctionRef, u32)]> {
    let mut found = Vec::new();
    for file in files_mentioning(db, &column).iter() {
        if entry::is_test(db, *file) || entry::is_migration(db, *file) {
            continue;
        }
        for function in &parsed(db, *file).module.functions {
            if !assigns(function, column) {
                continue;
            }
            let other = FunctionRef { file: *file, path: function.path };
            let unit = unit_of(db, other);
            let write = unit.numbered().find(|(_, event)| {
                matches!(&event.kind, EventKind::Write { row, column: written, by: None, .. }
                    if *written == column && row.model == Some(model))
            });
            if let Some((ordinal, _)) = write {
                found.push((other, ordinal));
                if found.len() > MOST {
                    return found.into();
                }
            }
        }
    }
    found.into()
}

/// Whether a function assigns an attribute of that name at all: a look at its statements before its unit is asked for.
fn assigns(function: &auditline_syntax::python::ir::Function, column: Name) -> bool {
    let mut found = false;
    auditline_syntax::python::walk_statements(&function.code.block, &mut |stmt| {
        let targets: &[_] = match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets,
            StmtKind::AugAssign { target, .. } | StmtKind::AnnAssign { target, .. } => std::slice::from_ref(target),
            _ => return,
        };
        found |= targets
            .iter()
            .any(|target| matches!(&function.code[*target], Expr::Attribute { attr, .. } if *attr == column));
    });
    found
}
