//! What class bodies say of the values of attributes, and which aliases stand for a dependency.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Class, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;

use super::{TypeExpr, mro, resolve_type_params, type_expr, type_in};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, class, parsed};
use crate::eval::value::Value;
use crate::names::Scope;
use crate::symbols::Symbol;

/// What the class body says that an attribute holds: its value, or its annotation, or, for a type parameter's model,
/// the argument that a subclass gives.
#[must_use]
pub fn class_level_value(db: &dyn Db, of: ClassRef, name: Name) -> Value {
    for ancestor in mro(db, of).iter() {
        let Some(body) = class(db, *ancestor) else { continue };
        let Some((annotation, value)) = declaration(&body, name) else { continue };
        if let Some(value) = value {
            let held = crate::eval::evaluate_class_attribute(db, *ancestor, value);
            match held {
                Value::None | Value::Unknown => {}
                Value::Session(session) => {
                    return Value::Session(Arc::new(crate::eval::value::SessionValue {
                        origin: match &session.origin {
                            kept @ (crate::eval::value::SessionOrigin::Registry(_)
                            | crate::eval::value::SessionOrigin::Dependency(_)) => kept.clone(),
                            _ => crate::eval::value::SessionOrigin::ClassAttribute(*ancestor, name),
                        },
                        ..(*session).clone()
                    }));
                }
                held => return held,
            }
        }
        if let Some(annotation) = annotation {
            let written = type_in(db, Scope::Class(*ancestor), &body.code, annotation);
            let ty = resolve_type_params(db, of, *ancestor, &written);
            return crate::eval::value_of_attribute_type(db, &ty);
        }
    }
    Value::Unknown
}

/// The annotation and the last value that a class body gives a name.
fn declaration(body: &Class, name: Name) -> Option<(Option<ExprId>, Option<ExprId>)> {
    let code = &body.code;
    let mut found: Option<(Option<ExprId>, Option<ExprId>)> = None;
    let is_name = |expr: &ExprId| matches!(&code[*expr], Expr::Name(own) if *own == name);
    walk_statements(&code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, value } if targets.iter().any(is_name) => {
            found = Some((found.and_then(|(annotation, _)| annotation), Some(*value)));
        }
        StmtKind::AnnAssign { target, annotation, value } if is_name(target) => {
            found = Some((Some(*annotation), value.or(found.and_then(|(_, value)| value))));
        }
        _ => {}
    });
    found
}

/// The module-level names of a file that stand for `Annotated[…, Depends(function)]`, with those functions.
#[salsa::tracked(returns(clone))]
pub fn dependency_aliases(db: &dyn Db, file: SourceFile) -> Arc<[(FunctionRef, Name)]> {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let mut aliases = Vec::new();
    auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
        let (name, value) = match (&stmt.kind, stmt.kind.assignment()) {
            (StmtKind::TypeAlias { name, value }, _) => (*name, *value),
            (_, Some(([target, ..], value))) => match &code[*target] {
                Expr::Name(name) => (*name, value),
                _ => return,
            },
            _ => return,
        };
        if let Expr::Subscript { .. } = &code[value]
            && let TypeExpr::Annotated { depends: Some(symbol), metadata, .. } = type_expr(db, file, None, code, value)
            && let Symbol::Function(callee) = crate::eval::depended(db, symbol, &metadata)
            && !aliases.contains(&(callee, name))
        {
            aliases.push((callee, name));
        }
    });
    aliases.into()
}
