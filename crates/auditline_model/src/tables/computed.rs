//! Columns that a listener of the mapper leaves to the database whenever a row is changed.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, BinaryOp, Code, Expr, ExprId, Function, Module, StmtKind};

use crate::classes::mro;
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, parsed};
use crate::names::{files_mentioning, resolve_expr, resolve_in};
use crate::symbols::Symbol;

/// The event before an UPDATE of a row is sent.
const BEFORE: &str = "before_update";

/// Whether a listener puts a sum that the database computes in place of what was set in Python, before it is sent
/// (`target.stock = target.__class__.stock + delta`): an old value that was read before is not written back then.
#[must_use]
pub fn is_computed_at_update(db: &dyn Db, class: ClassRef, column: Name) -> bool {
    !files_mentioning(db, BEFORE).is_empty()
        && mro(db, class).iter().any(|ancestor| {
            computed_at(db, ancestor.file, ancestor.path)
                .iter()
                .any(|(name, inherited)| *name == column && (*inherited || *ancestor == class))
        })
}

/// The columns that listeners of a class leave to the database, each with whether those of its subclasses do it too.
///
/// A query of its own: its answer is small, and the file that declares the class is not.
#[salsa::tracked(returns(clone))]
fn computed_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<[(Name, bool)]> {
    if !files_mentioning(db, BEFORE).contains(&file) {
        return Arc::default();
    }
    let class = ClassRef { file, path };
    let module = &parsed(db, file).module;
    let mut found = Vec::new();
    for listener in &module.functions {
        if let Some((heard, inherited)) = listened(db, class, module, listener) {
            found.extend(computed_in(db, class, listener, heard).map(|column| (column, inherited)));
        }
    }
    found.into()
}

/// How a listener calls the class of whose rows it hears, and whether it hears of those of subclasses.
fn listened(db: &dyn Db, class: ClassRef, module: &Module, listener: &Function) -> Option<(Name, bool)> {
    let code = &listener.code;
    listener.decorators.iter().find_map(|decorator| {
        let Expr::Call { func, args } = &code[*decorator] else { return None };
        let is_listener = match &code[*func] {
            Expr::Name(name) | Expr::Attribute { attr: name, .. } => *name == "listens_for",
            _ => false,
        };
        let mut given = args.iter().filter(|arg| arg.kind == ArgKind::Positional).map(|arg| arg.value);
        let (target, event) = (given.next()?, given.next()?);
        let is_before = matches!(&code[event], Expr::Str(text) if &**text == BEFORE);
        let Expr::Name(name) = &code[target] else { return None };
        if !is_listener || !is_before {
            return None;
        }
        let outer = listener.outer.and_then(|outer| module.functions.get(outer.index()));
        match outer {
            // In a method that runs once for each class that is mapped: `@declared_attr`.
            Some(outer) => {
                let of_class = outer.class.and_then(|index| module.classes.get(index.index()));
                let own = outer.params.first().is_some_and(|param| param.name == *name);
                (of_class.is_some_and(|own| own.path == class.path) && own && runs_for_each(outer))
                    .then_some((*name, true))
            }
            None => {
                let propagates = args.iter().any(|arg| {
                    matches!(arg.kind, ArgKind::Keyword(name) if name == "propagate")
                        && matches!(code[arg.value], Expr::Bool(true))
                });
                (resolve_expr(db, class.file, code, target) == Symbol::Class(class)).then_some((*name, propagates))
            }
        }
    })
}

/// Whether the mapper, or Python, runs a method for each subclass.
fn runs_for_each(method: &Function) -> bool {
    let is_declared = |code: &Code, decorator: ExprId| match &code[decorator] {
        Expr::Name(name) => *name == "declared_attr",
        Expr::Attribute { value, attr } => {
            *attr == "declared_attr" || matches!(&code[*value], Expr::Name(name) if *name == "declared_attr")
        }
        _ => false,
    };
    matches!(method.name.as_str(), "__declare_first__" | "__declare_last__" | "__init_subclass__")
        || method.decorators.iter().any(|decorator| is_declared(&method.code, *decorator))
}

/// The columns of the row that a listener is handed which it sets to a sum of the column and something.
fn computed_in(db: &dyn Db, class: ClassRef, listener: &Function, heard: Name) -> impl Iterator<Item = Name> {
    let code = &listener.code;
    let of = FunctionRef { file: class.file, path: listener.path };
    let mut found = Vec::new();
    // mapper, connection, target
    if let Some(row) = listener.params.get(2).map(|param| param.name) {
        // Whatever else it is about: not in an `if`.
        for stmt in &code.block {
            let StmtKind::Assign { targets, value } = &stmt.kind else { continue };
            let Expr::Binary { left, right, op: BinaryOp::Add | BinaryOp::Sub } = &code[*value] else { continue };
            for target in targets {
                let Expr::Attribute { value: object, attr: column } = &code[*target] else { continue };
                let is_row = matches!(&code[*object], Expr::Name(name) if *name == row);
                let of_class = |side: ExprId| match &code[side] {
                    Expr::Attribute { value: whose, attr } if attr == column => {
                        is_class(db, class, of, code, *whose, (row, heard))
                    }
                    _ => false,
                };
                if is_row && (of_class(*left) || of_class(*right)) {
                    found.push(*column);
                }
            }
        }
    }
    found.into_iter()
}

/// Whether an expression is the class of the row: `target.__class__`, `type(target)`, `cls`, `Item`.
fn is_class(
    db: &dyn Db,
    class: ClassRef,
    of: FunctionRef,
    code: &Code,
    expr: ExprId,
    (row, heard): (Name, Name),
) -> bool {
    let is_row = |expr: ExprId| matches!(&code[expr], Expr::Name(name) if *name == row);
    match &code[expr] {
        Expr::Attribute { value, attr } if *attr == "__class__" => is_row(*value),
        Expr::Call { func, args } => {
            matches!(&code[*func], Expr::Name(name) if *name == "type")
                && matches!(&args[..], [only] if is_row(only.value))
        }
        Expr::Name(name) if *name == heard => true,
        _ => match resolve_in(db, of, code, expr) {
            Symbol::Class(named) => named == class,
            _ => false,
        },
    }
}
