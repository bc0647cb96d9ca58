//! Indexes that are placed beside their class: `Index("…", Order.number, unique=True)` at the top level of a module.

use std::sync::Arc;

use auditline_syntax::python::Call;
use auditline_syntax::python::ir::StmtKind;

use crate::classes::{Detached, detach, last};
use crate::db::{ClassRef, Db, SourceFile, parsed};
use crate::names::{Scope, canonical, files_mentioning, resolve_expr};
use crate::symbols::Symbol;

/// The indexes that modules place on a class.
pub(super) fn placed_on(db: &dyn Db, of: ClassRef) -> Vec<Detached> {
    let mut found = Vec::new();
    for file in files_mentioning(db, &last(of.path)).iter() {
        found.extend(placed_in(db, *file).iter().filter(|(class, _)| *class == of).map(|(_, index)| index.clone()));
    }
    found
}

/// A query of its own: many classes ask the same files.
#[salsa::tracked(returns(clone))]
fn placed_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<(ClassRef, Detached)>> {
    // Most files that name a class place no index on it; they need not be parsed for this.
    let is_placed = |line: &str| !line.starts_with(char::is_whitespace) && line.contains("Index(");
    if !file.content(db).text().is_some_and(|text| text.text().lines().any(is_placed)) {
        return Arc::default();
    }
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let mut found = Vec::new();
    for stmt in &code.block {
        let (StmtKind::Expr(expr) | StmtKind::Assign { value: expr, .. }) = &stmt.kind else { continue };
        let Some(call) = Call::of(code, *expr) else { continue };
        let is_index = matches!(resolve_expr(db, file, code, call.func),
            Symbol::External(path) if canonical(path).starts_with("sqlalchemy.") && last(path) == "Index");
        if !is_index {
            continue;
        }
        let index = detach(db, Scope::Module(file), code, *expr);
        let class = index.positional().find_map(class_of);
        found.extend(class.map(|class| (class, index)));
    }
    Arc::new(found)
}

/// The class of whose columns an argument of an index speaks: `Order.number`, `func.lower(Order.number)`.
fn class_of(argument: &Detached) -> Option<ClassRef> {
    match argument {
        Detached::Path { base: (Symbol::Class(class), _), .. } => Some(*class),
        Detached::Call { .. } => argument.positional().find_map(class_of),
        _ => None,
    }
}
