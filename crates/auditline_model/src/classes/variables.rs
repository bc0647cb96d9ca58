//! Module-level variables: what they are assigned.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;

use super::detached::{Detached, detach};
use super::types::{TypeExpr, type_in};
use crate::db::{Db, SourceFile, VariableRef, parsed};
use crate::names::{Scope, canonical, resolve_expr};
use crate::symbols::Symbol;

/// A module-level variable, without positions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariableInfo {
    /// Its annotation.
    pub annotation: Option<TypeExpr>,
    /// Its last value at module level that is not `None`, if it has one.
    pub value: Option<Detached>,
    /// Whether it is assigned exactly once, and nowhere by `global`, a loop or a `with`.
    pub is_constant: bool,
    /// What it is for annotations.
    pub kind: VariableKind,
}

/// What a variable is for annotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableKind {
    /// Another name for a type: `X = Annotated[…]`, `X = A | B`, `type X = …`, `X: TypeAlias = …`.
    Alias(TypeExpr),
    /// A `TypeVar`.
    TypeParam,
    /// Anything else.
    Value,
}

/// A module-level variable; `None` if the module does not assign it.
#[must_use]
pub fn variable(db: &dyn Db, variable: VariableRef) -> Option<Arc<VariableInfo>> {
    variable_at(db, variable.file, variable.name)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn variable_at(db: &dyn Db, file: SourceFile, name: Name) -> Option<Arc<VariableInfo>> {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let mut annotation = None;
    let mut value = None;
    let mut alias = None;
    let mut assignments = 0;
    let mut values = 0;
    let is_name = |expr: ExprId| matches!(&code[expr], Expr::Name(own) if *own == name);
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value: new } if targets.iter().any(|target| is_name(*target)) => {
            assignments += 1;
            // `x = None` before the real value only declares the name.
            if value.is_none() || !matches!(&code[*new], Expr::None) {
                value = Some(*new);
            }
            values += u32::from(!matches!(&code[*new], Expr::None));
        }
        StmtKind::AnnAssign { target, annotation: new, value: assigned } if is_name(*target) => {
            annotation = Some(*new);
            assignments += u32::from(assigned.is_some());
            value = assigned.or(value);
        }
        StmtKind::TypeAlias { name: own, value } if *own == name => {
            assignments += 1;
            alias = Some(*value);
        }
        StmtKind::AugAssign { target, .. } if is_name(*target) => assignments += 2,
        _ => {}
    });
    if assignments == 0 && annotation.is_none() {
        return None;
    }
    let is_global = parsed.module.functions.iter().any(|function| {
        let mut found = false;
        walk_statements(&function.code.block, &mut |stmt| {
            found |= matches!(&stmt.kind, StmtKind::Global(names) if names.contains(&name));
        });
        found
    });
    let scope = Scope::Module(file);
    let annotation = annotation.map(|annotation| type_in(db, scope, code, annotation));
    let declared = annotation.as_ref().and_then(TypeExpr::external).is_some_and(|path| path == "typing.TypeAlias");
    let kind = match (alias, value) {
        (Some(alias), _) => VariableKind::Alias(type_in(db, scope, code, alias)),
        (None, Some(value)) if values <= 1 => kind_of(db, file, code, value, declared),
        _ => VariableKind::Value,
    };
    Some(Arc::new(VariableInfo {
        annotation,
        value: value.map(|value| detach(db, scope, code, value)),
        is_constant: assignments == 1 && !is_global,
        kind,
    }))
}

fn kind_of(db: &dyn Db, file: SourceFile, code: &Code, value: ExprId, declared: bool) -> VariableKind {
    let scope = Scope::Module(file);
    let external = |expr: ExprId| match resolve_expr(db, file, code, expr) {
        Symbol::External(path) => canonical(path).as_str(),
        _ => "",
    };
    match &code[value] {
        Expr::Subscript { value: base, .. } => match resolve_expr(db, file, code, *base) {
            // `X = mapping[key]` is a value; `X = Generic[int]` is a type.
            Symbol::Class(_) | Symbol::External(_) => VariableKind::Alias(type_in(db, scope, code, value)),
            Symbol::Variable(_) if declared => VariableKind::Alias(type_in(db, scope, code, value)),
            _ => VariableKind::Value,
        },
        Expr::Binary { op: BinaryOp::BitOr, .. } => match type_in(db, scope, code, value) {
            TypeExpr::Union(parts) if declared || parts.iter().all(is_type) => {
                VariableKind::Alias(TypeExpr::Union(parts))
            }
            _ => VariableKind::Value,
        },
        Expr::Call { func, args } => match external(*func) {
            "typing.TypeVar" | "typing.ParamSpec" | "typing.TypeVarTuple" => VariableKind::TypeParam,
            "typing.NewType" => match args.get(1) {
                Some(arg) => VariableKind::Alias(type_in(db, scope, code, arg.value)),
                None => VariableKind::Value,
            },
            _ => VariableKind::Value,
        },
        _ if declared => VariableKind::Alias(type_in(db, scope, code, value)),
        _ => VariableKind::Value,
    }
}

/// Whether it surely is a type and not a value (`flags = A | B`).
fn is_type(part: &TypeExpr) -> bool {
    match part {
        TypeExpr::None | TypeExpr::Annotated { .. } | TypeExpr::Literal(_) | TypeExpr::Param(_) => true,
        TypeExpr::Symbol { symbol, args } => {
            !args.is_empty()
                || match symbol {
                    Symbol::Class(_) => true,
                    Symbol::External(path) => {
                        path.rsplit('.').next().and_then(|last| last.chars().next()).is_some_and(char::is_uppercase)
                            || path.starts_with("builtins.")
                    }
                    _ => false,
                }
        }
        TypeExpr::Union(parts) => parts.iter().all(is_type),
        TypeExpr::List(_) | TypeExpr::Unresolved(_) | TypeExpr::Unknown => false,
    }
}
