//! Accessors that keep what they hand out.

use auditline_model::{Db, FunctionRef};
use auditline_source::TextEdit;
use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::{Name, TextRange};

use crate::finding::FileEdit;

use super::Scope;

/// Makes an accessor that keeps its result in a global return a fresh one: its body becomes `return <made>`.
pub(crate) fn return_fresh(db: &dyn Db, of: FunctionRef, global: Name) -> Option<Vec<FileEdit>> {
    let scope = Scope::of(db, of)?;
    let code = &scope.function.code;
    let mut made = None;
    let mut only_this = true;
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } => {
            let binds = targets.iter().all(|target| matches!(&code[*target], Expr::Name(name) if *name == global));
            if binds && made.is_none() {
                made = Some(*value);
            } else {
                only_this = false;
            }
        }
        StmtKind::Global(_) | StmtKind::If(_) | StmtKind::Return(_) => {}
        StmtKind::Expr(expr) if matches!(code[*expr], Expr::Str(_)) => {}
        _ => only_this = false,
    });
    if !only_this {
        return None;
    }
    let made = scope.slice(code.range(made?))?.to_owned();
    let first = code.block.iter().find(|stmt| !matches!(&stmt.kind, StmtKind::Expr(_)))?;
    let range = TextRange::new(first.range.start(), code.block.last()?.range.end());
    scope.edits(vec![TextEdit { range: scope.absolute(range), text: format!("return {made}") }])
}
