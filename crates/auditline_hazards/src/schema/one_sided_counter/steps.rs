//! Which way a column goes: all that the project writes to it.

use auditline_model::eval::value::{QueryKind, RowOrigin, Step};
use auditline_model::names::{files_mentioning, mentions};
use auditline_model::unit::{EventKind, unit_of};
use auditline_model::uses::functions_assigning;
use auditline_model::{ClassRef, Db, FunctionRef, SourceFile, entry, parsed};
use auditline_source::FileKind;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr};
use auditline_syntax::python::walk_expression;

/// The columns that an event raises: the row where it is one, its class, the column.
pub(super) fn raised(kind: &EventKind) -> Vec<(Option<u32>, ClassRef, Name)> {
    written(kind)
        .into_iter()
        .filter(|(.., step)| *step == Step::Up)
        .map(|(row, class, name, _)| (row, class, name))
        .collect()
}

/// The columns of rows that were there before that an event writes.
fn written(kind: &EventKind) -> Vec<(Option<u32>, ClassRef, Name, Step)> {
    match kind {
        EventKind::Write { row, column, step, .. } if row.origin != RowOrigin::Created => {
            row.model.map(|model| (Some(row.id), model, *column, *step)).into_iter().collect()
        }
        EventKind::Execute(query) if query.kind == QueryKind::Update => {
            let sets = query.sets.iter();
            query.model.map(|model| sets.map(|(name, step)| (None, model, *name, *step)).collect()).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// Whether all that writes the column of rows that are there raises it.
#[salsa::tracked(returns(copy))]
pub(super) fn only_rises(db: &dyn Db, class: ClassRef, column: Name) -> bool {
    files_mentioning(db, &column).iter().all(|file| {
        if file.kind(db).is_python() {
            entry::is_test(db, *file)
                || if entry::is_migration(db, *file) {
                    !speaks_of_triggers(db, *file)
                } else {
                    rises_in(db, *file, class, column)
                }
        } else {
            file.kind(db) != FileKind::Sql || !speaks_of_triggers(db, *file)
        }
    })
}

/// Whether a migration or SQL file makes something that may change the column by itself.
fn speaks_of_triggers(db: &dyn Db, file: SourceFile) -> bool {
    ["TRIGGER", "trigger", "FUNCTION", "function"].iter().any(|word| mentions(db, file, word))
}

/// Whether the functions of a file raise the column and do nothing else to it. A query, so that an edit there that
/// changes nothing of it checks nothing again.
#[salsa::tracked(returns(copy))]
fn rises_in(db: &dyn Db, file: SourceFile, class: ClassRef, column: Name) -> bool {
    let module = &parsed(db, file).module;
    if sets_in_sql(&module.code, column) {
        return false;
    }
    let assigning = functions_assigning(db, file, &column);
    module.functions.iter().all(|function| {
        let sets = sets_by_statement(&function.code, column);
        let reference = FunctionRef { file, path: function.path };
        if sets_in_sql(&function.code, column) {
            return false;
        }
        let assigns = assigning.contains(&reference);
        if !sets && !assigns {
            return true;
        }
        let unit = unit_of(db, reference);
        let mut known = false;
        for event in &unit.events {
            for (_, model, name, step) in written(&event.kind) {
                if name == column {
                    known = true;
                    if model == class && step != Step::Up {
                        return false;
                    }
                }
            }
            // A new row is given its first value.
            known |= matches!(&event.kind, EventKind::Write { row, column: name, .. }
                if row.origin == RowOrigin::Created && *name == column);
        }
        // What is written is not understood: it may be this column.
        known
    })
}

/// Whether a text in the code changes the column: SQL, or `setattr`.
fn sets_in_sql(code: &Code, column: Name) -> bool {
    code.exprs.iter().any(|expr| match expr {
        Expr::Str(text) => text.contains(column.as_str()) && text.to_ascii_uppercase().contains("UPDATE "),
        Expr::Call { func, args } => {
            matches!(&code[*func], Expr::Name(name) if *name == "setattr")
                && args.iter().any(|arg| matches!(&code[arg.value], Expr::Str(text) if **text == *column.as_str()))
        }
        _ => false,
    })
}

/// Whether a statement sets the column: `values(used=…)`, `update({Item.used: …})`.
fn sets_by_statement(code: &Code, column: Name) -> bool {
    code.exprs.iter().any(|expr| {
        let Expr::Call { func, args } = expr else { return false };
        let sets = matches!(&code[*func], Expr::Attribute { attr, .. }
            if matches!(attr.as_str(), "values" | "update" | "bulk_update_mappings" | "on_conflict_do_update"));
        sets && args.iter().any(|arg| {
            let mut found = matches!(arg.kind, ArgKind::Keyword(name) if name == column);
            walk_expression(code, arg.value, &mut |part| {
                found |= matches!(&code[part], Expr::Dict(entries) if entries.iter().any(|(key, _)| {
                    key.is_some_and(|key| match &code[key] {
                        Expr::Str(text) => **text == *column.as_str(),
                        Expr::Attribute { attr, .. } => *attr == column,
                        _ => false,
                    })
                }));
            });
            found
        })
    })
}
