//! Methods that only raise.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::db::{ClassRef, Db, FunctionRef, function, parsed};
use crate::names::files_mentioning;

use super::{class_of_method, mro};

/// Whether what a method does is done for every object: no subclass has one of its own in its place, and it does not only say
/// that subclasses must have one.
#[must_use]
pub fn is_final_word(db: &dyn Db, of: FunctionRef) -> bool {
    final_word_query(db, of, ())
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn final_word_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    if body.returns.is_some_and(|annotation| says_never(&body.code, annotation)) {
        return true;
    }
    let mut leaves_it = false;
    walk_statements(&body.code.block, &mut |stmt| {
        if let StmtKind::Raise { exception: Some(exception), .. } = &stmt.kind {
            leaves_it |= last_name(&body.code, *exception).is_some_and(|name| name == "NotImplementedError");
        }
    });
    let Some(class) = class_of_method(db, of) else { return false };
    !leaves_it && !is_overridden(db, class, body.name)
}

/// Whether a class that inherits from that one has a method of that name.
fn is_overridden(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    files_mentioning(db, &name).iter().any(|file| {
        let module = &parsed(db, *file).module;
        module.functions.iter().filter(|method| method.name == name).any(|method| {
            let own = method.class.and_then(|index| module.classes.get(index.index()));
            own.map(|own| ClassRef { file: *file, path: own.path })
                .is_some_and(|own| own != class && mro(db, own).contains(&class))
        })
    })
}

fn says_never(code: &Code, annotation: ExprId) -> bool {
    match &code[annotation] {
        Expr::Str(text) => matches!(&**text, "NoReturn" | "Never"),
        _ => last_name(code, annotation).is_some_and(|name| matches!(name.as_str(), "NoReturn" | "Never")),
    }
}

fn last_name(code: &Code, expr: ExprId) -> Option<Name> {
    match &code[expr] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => Some(*name),
        Expr::Call { func, .. } => last_name(code, *func),
        _ => None,
    }
}
