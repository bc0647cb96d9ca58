//! Functions that nobody uses.

use auditline_syntax::python::ir::{Code, Expr};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, parsed};
use crate::eval::own_class;
use crate::names::{files_mentioning, is_imported};
use crate::tables::orm_model;

/// Whether a function of a module that others import is named nowhere outside of tests but where it is defined: no request, no
/// task and no start of the program gets there.
#[must_use]
pub fn is_unused(db: &dyn Db, of: FunctionRef) -> bool {
    is_unused_query(db, of, ())
}

/// A query of its own: an edit elsewhere that names the function or not checks it again only if the answer changes.
#[salsa::tracked(returns(copy))]
fn is_unused_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    let name = body.name;
    // A decorator or a base may hand it to somebody who calls it by other means; so may Python, by its own names.
    let is_plain = body.decorators.iter().all(|decorator| leaves_alone(&body.code[*decorator]))
        && body.outer.is_none()
        && !(name.starts_with("__") && name.ends_with("__"))
        && own_class(db, of).is_none_or(|class| calls_nothing(db, class));
    is_plain
        && is_imported(db, of.file, |_| true)
        && files_mentioning(db, &name).iter().all(|file| *file == of.file || super::is_test(db, *file))
        && !names(db, of)
}

/// Whether no base of a class calls methods by name. What maps a class to a table calls none that is plain.
fn calls_nothing(db: &dyn Db, class: ClassRef) -> bool {
    !classes::has_unknown_base(db, class) && classes::external_bases(db, class).is_empty()
        || orm_model(db, class).is_some_and(|model| model.complete)
            && classes::external_bases(db, class)
                .iter()
                .all(|base| base.starts_with("sqlalchemy.") || base.starts_with("sqlmodel."))
}

/// Whether a decorator hands the function to nobody: `@classmethod`, `@staticmethod`.
fn leaves_alone(decorator: &Expr) -> bool {
    matches!(decorator, Expr::Name(name) if matches!(name.as_str(), "classmethod" | "staticmethod"))
}

/// Whether the function's own file names it in its code.
fn names(db: &dyn Db, of: FunctionRef) -> bool {
    let name = classes::simple(of.path);
    let module = &parsed(db, of.file).module;
    let mentions = |code: &Code| {
        code.exprs.iter().any(|expr| match expr {
            Expr::Name(other) | Expr::Attribute { attr: other, .. } => *other == name,
            Expr::Str(text) => &**text == name,
            _ => false,
        })
    };
    mentions(&module.code)
        || module.functions.iter().any(|function| mentions(&function.code))
        || module.classes.iter().any(|class| mentions(&class.code))
}
