//! Functions that nobody uses.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Code, Expr, ExprId, FStringPart, Function, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::classes::{self, class_of_method, mro};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, function, parsed};
use crate::eval::own_class;
use crate::names::{files_mentioning, is_imported};
use crate::tables::orm_model;

/// Whether a function of a module that others import is named nowhere outside of tests but where it is defined, and where it is
/// imported by that name for nothing: no request, no task and no start of the program gets there. What only such functions name
/// is one as well.
#[must_use]
pub fn is_unused(db: &dyn Db, of: FunctionRef) -> bool {
    is_unused_query(db, of, ())
}

/// A query of its own: an edit elsewhere that names the function or not checks it again only if the answer changes.
#[salsa::tracked(returns(copy), cycle_result = is_used)]
fn is_unused_query(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let Some(body) = function(db, of) else { return false };
    let name = body.name;
    if class_of_method(db, of).is_some_and(|class| is_replaced(db, class, name) || is_never_made(db, class)) {
        return true;
    }
    // A decorator or a base may hand it to somebody who calls it by other means; so may Python, by its own names.
    let is_plain = body.decorators.iter().all(|decorator| leaves_alone(&body.code[*decorator]))
        && body.outer.is_none()
        && !(name.starts_with("__") && name.ends_with("__"))
        && own_class(db, of).is_none_or(|class| calls_nothing(db, class));
    is_plain
        && is_imported(db, of.file, |_| true)
        && files_mentioning(db, &name).iter().all(|file| super::is_test(db, *file) || !names(db, *file, of))
}

fn is_used(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> bool {
    false
}

/// Whether every class that inherits from that one has a method of its own in the place of that one, which does not call it, and
/// nobody makes objects of the class itself: it is a template.
fn is_replaced(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    let heirs = classes::subclasses(db, class);
    let own = classes::method(db, class, name);
    !heirs.is_empty()
        && heirs.iter().all(|heir| classes::method(db, *heir, name) != own)
        && !is_called_by_heirs(db, class, name)
        && !is_named_itself(db, class)
}

/// Whether nobody names a class of a module that others import, nor inherits from it: there are no objects of it.
fn is_never_made(db: &dyn Db, class: ClassRef) -> bool {
    let is_plain = crate::db::class(db, class).is_some_and(|known| known.decorators.is_empty());
    is_plain
        && classes::subclasses(db, class).is_empty()
        && calls_nothing(db, class)
        && is_imported(db, class.file, |_| true)
        && !is_named_itself(db, class)
}

/// Whether a method of that name calls the one that stands behind it, or is called by way of a class.
fn is_called_by_heirs(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    let is_behind = |code: &Code, object: ExprId| match &code[object] {
        Expr::Call { func, .. } => matches!(&code[*func], Expr::Name(name) if *name == "super"),
        Expr::Name(other) | Expr::Attribute { attr: other, .. } => *other == classes::simple(class.path),
        _ => false,
    };
    let is_it = |code: &Code| {
        code.exprs
            .iter()
            .any(|expr| matches!(expr, Expr::Attribute { value, attr } if *attr == name && is_behind(code, *value)))
    };
    files_mentioning(db, &name).iter().any(|file| {
        let module = &parsed(db, *file).module;
        let inherits = |function: &Function| {
            let owner = function.class.and_then(|index| module.classes.get(index.index()));
            owner.is_none_or(|owner| mro(db, ClassRef { file: *file, path: owner.path }).contains(&class))
        };
        module.functions.iter().any(|function| is_it(&function.code) && inherits(function))
    })
}

/// Whether a class is named by more than those that inherit from it and what imports it.
fn is_named_itself(db: &dyn Db, class: ClassRef) -> bool {
    let simple = classes::simple(class.path);
    let names = |expr: &Expr| match expr {
        Expr::Name(other) | Expr::Attribute { attr: other, .. } => *other == simple,
        Expr::Str(text) => is_word(text, simple),
        _ => false,
    };
    files_mentioning(db, simple).iter().filter(|file| !super::is_test(db, **file)).any(|file| {
        let module = &parsed(db, *file).module;
        module.code.exprs.iter().any(names)
            || imports_for_more(db, *file, &module.code, simple)
            || module.functions.iter().any(|function| imports_for_more(db, *file, &function.code, simple))
            || module.functions.iter().any(|function| function.code.exprs.iter().any(names))
            || module.classes.iter().any(|own| {
                let inherits = || mro(db, ClassRef { file: *file, path: own.path }).contains(&class);
                let is_base = |at: usize| own.bases.iter().any(|base| base.index() == at) && inherits();
                own.code.exprs.iter().enumerate().any(|(at, expr)| names(expr) && !is_base(at))
            })
    })
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

/// Whether a file names a function in its code, or in a text that may be its path (`"app.jobs:refresh"`), imports it to be
/// imported from there, or imports it under another name.
fn names(db: &dyn Db, file: SourceFile, of: FunctionRef) -> bool {
    let name = classes::simple(of.path);
    let module = &parsed(db, file).module;
    let mentions = |code: &Code| {
        let in_expressions = code.exprs.iter().any(|expr| match expr {
            Expr::Name(other) | Expr::Attribute { attr: other, .. } => *other == name,
            Expr::Str(text) if file == of.file => &**text == name,
            Expr::Str(text) => is_word(text, name),
            Expr::FString(parts) => {
                parts.iter().any(|part| matches!(part, FStringPart::Text(text) if is_word(text, name)))
            }
            _ => false,
        });
        in_expressions || imports_for_more(db, file, code, name)
    };
    mentions(&module.code)
        || module.classes.iter().any(|class| mentions(&class.code))
        || module.functions.iter().any(|function| {
            let by = FunctionRef { file, path: function.path };
            mentions(&function.code) && (by == of || !is_unused(db, by))
        })
}

/// Whether code imports a name to be imported from there, or under another name.
fn imports_for_more(db: &dyn Db, file: SourceFile, code: &Code, name: &str) -> bool {
    let is_package = file.path(db).file_name() == "__init__.py";
    let mut imported = false;
    walk_statements(&code.block, &mut |stmt| {
        let StmtKind::ImportFrom(import) = &stmt.kind else { return };
        imported |= import.names.iter().any(|one| one.name == name && (is_package || one.alias.is_some()));
    });
    imported
}

/// Whether a text holds a name as a word of its own.
fn is_word(text: &str, name: &str) -> bool {
    text.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == name)
}
