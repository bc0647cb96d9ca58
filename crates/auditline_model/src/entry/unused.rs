//! Functions that nobody uses.

use auditline_source::FilePath;
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId, FStringPart, Function, StmtKind};
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
    let is_plain = body
        .decorators
        .iter()
        .all(|decorator| leaves_alone(&body.code[*decorator]) || is_unsent_task(db, of, &body.code, *decorator))
        && body.outer.is_none()
        && !(name.starts_with("__") && name.ends_with("__"))
        && own_class(db, of).is_none_or(|class| calls_nothing(db, class));
    is_plain
        && (is_imported(db, of.file, |_| true) || is_left_behind(db, of.file))
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
    let registers = |method: FunctionRef| {
        let Some(body) = function(db, method) else { return true };
        body.decorators.iter().any(|decorator| hands_on(&body.code, *decorator))
    };
    is_plain
        && !classes::own_methods(db, class).into_iter().any(registers)
        && classes::subclasses(db, class).is_empty()
        && calls_nothing(db, class)
        && (is_imported(db, class.file, |_| true) || is_left_behind(db, class.file))
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
        let says = |expr: &Expr| names(expr) && !(matches!(expr, Expr::Str(_)) && is_inner_package(db, *file));
        // What nobody calls makes no objects, nor do the methods of objects that nobody makes.
        let is_used = |function: &Function| {
            let by = FunctionRef { file: *file, path: function.path };
            class_of_method(db, by) != Some(class) && !is_unused(db, by)
        };
        module.code.exprs.iter().any(says)
            || imports_for_more(db, *file, &module.code, simple)
            || module.functions.iter().any(|function| {
                (imports_for_more(db, *file, &function.code, simple) || function.code.exprs.iter().any(names))
                    && is_used(function)
            })
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

/// Whether a decorator may hand the method to somebody who calls it without an object of the class: `@app.command()`.
fn hands_on(code: &Code, decorator: ExprId) -> bool {
    const KEEPS: &[&str] = &[
        "abstractmethod",
        "asynccontextmanager",
        "cache",
        "cached_property",
        "classmethod",
        "contextmanager",
        "lru_cache",
        "overload",
        "override",
        "property",
        "setter",
        "staticmethod",
    ];
    let name = match &code[decorator] {
        Expr::Call { func, .. } => *func,
        _ => decorator,
    };
    match &code[name] {
        Expr::Name(name) | Expr::Attribute { attr: name, .. } => !KEEPS.contains(&name.as_str()),
        _ => true,
    }
}

/// Whether a decorator makes a task of the function that workers run when it is sent by its name, and no other text of the workspace is
/// that name: `@celery_app.task(name="index_folder")`. Whether the function itself is named is asked for all.
fn is_unsent_task(db: &dyn Db, of: FunctionRef, code: &Code, decorator: ExprId) -> bool {
    let (target, args) = match &code[decorator] {
        Expr::Call { func, args } => (*func, &args[..]),
        _ => (decorator, &[][..]),
    };
    let is_task = match &code[target] {
        Expr::Name(name) => *name == "shared_task",
        Expr::Attribute { attr, .. } => *attr == "task",
        _ => false,
    };
    let is_named = |arg: &&Arg| matches!(arg.kind, ArgKind::Keyword(name) if name == "name");
    let sent_as = match args.iter().find(is_named).map(|arg| &code[arg.value]) {
        Some(Expr::Str(name)) => name,
        Some(_) => return false,
        None => return is_task,
    };
    let last = sent_as.rsplit('.').next().unwrap_or(sent_as);
    let says =
        |code: &Code| code.exprs.iter().filter(|expr| matches!(expr, Expr::Str(text) if text == sent_as)).count();
    is_task
        && !files_mentioning(db, last).iter().filter(|file| !super::is_test(db, **file)).any(|file| {
            let module = &parsed(db, *file).module;
            says(&module.code) > 0
                || module.classes.iter().any(|class| says(&class.code) > 0)
                || module.functions.iter().any(|function| {
                    let own = *file == of.file && function.path == of.path;
                    says(&function.code) > usize::from(own)
                })
        })
}

/// Whether a file names a function in its code, or in a text that may be its path (`"app.jobs:refresh"`), imports it to be
/// imported from there, or imports it under another name.
fn names(db: &dyn Db, file: SourceFile, of: FunctionRef) -> bool {
    let name = classes::simple(of.path);
    let module = &parsed(db, file).module;
    let is_inner = is_inner_package(db, file);
    let mentions = |code: &Code| {
        let in_expressions = code.exprs.iter().any(|expr| match expr {
            Expr::Name(other) | Expr::Attribute { attr: other, .. } => *other == name,
            Expr::Str(_) if is_inner => false,
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
    let is_package = file.path(db).file_name() == "__init__.py" && !is_inner_package(db, file);
    let mut imported = false;
    walk_statements(&code.block, &mut |stmt| {
        let StmtKind::ImportFrom(import) = &stmt.kind else { return };
        imported |= import.names.iter().any(|one| one.name == name && (is_package || one.alias.is_some()));
    });
    imported
}

/// Whether a file is the `__init__.py` of a package in another: what it gives out is for the others, which name it where they
/// use it. That of the outermost package is for everybody.
fn is_inner_package(db: &dyn Db, file: SourceFile) -> bool {
    let path = file.path(db);
    let outer = path.parent().and_then(FilePath::parent).map(|outer| outer.join("__init__.py"));
    path.file_name() == "__init__.py" && outer.is_some_and(|outer| db.files().existing(db, outer).is_some())
}

/// Whether a module was left behind: nobody imports it or names it, though others of its package are imported, and it does nothing by
/// itself.
#[salsa::tracked(returns(copy))]
fn is_left_behind(db: &dyn Db, file: SourceFile) -> bool {
    let path = file.path(db);
    if super::is_aside(db, file) || is_imported(db, file, |_| true) {
        return false;
    }
    let module = &parsed(db, file).module;
    let does_nothing = module.code.block.iter().all(|stmt| match &stmt.kind {
        StmtKind::Expr(expr) => matches!(module.code[*expr], Expr::Str(_)),
        StmtKind::If(_) | StmtKind::With { .. } | StmtKind::For { .. } | StmtKind::While { .. } | StmtKind::Try(_) => {
            false
        }
        _ => true,
    });
    let is_registered = |decorators: &[ExprId], code: &Code| !decorators.iter().all(|one| leaves_alone(&code[*one]));
    let registers = module.functions.iter().any(|function| is_registered(&function.decorators, &function.code));
    does_nothing && !registers && !is_module_in_text(db, file) && has_imported_sibling(db, path)
}

/// Whether a text may name a module, for somebody who imports it by that: `"app.tasks.refresh"`, `"refresh"`.
fn is_module_in_text(db: &dyn Db, file: SourceFile) -> bool {
    let stem = file.path(db).stem();
    let is_path = |path: &str| path.split('.').any(|part| part == stem);
    let says = |code: &Code| {
        code.exprs.iter().any(|expr| match expr {
            Expr::Str(text) => {
                let path = text.split([':', ' ']).next().unwrap_or_default();
                !text.contains(' ') && is_path(path)
            }
            _ => false,
        })
    };
    files_mentioning(db, stem).iter().filter(|other| **other != file && !super::is_test(db, **other)).any(|other| {
        let module = &parsed(db, *other).module;
        says(&module.code)
            || module.classes.iter().any(|class| says(&class.code))
            || module.functions.iter().any(|function| says(&function.code))
    })
}

fn has_imported_sibling(db: &dyn Db, path: FilePath) -> bool {
    let Some(folder) = path.parent() else { return false };
    let names = db.files().directory(db, folder).entries(db);
    names.contains(&"__init__.py")
        && names.iter().any(|name| {
            *name != "__init__.py"
                && *name != path.file_name()
                && name.ends_with(".py")
                && db.files().existing(db, folder.join(name)).is_some_and(|file| is_imported(db, file, |_| true))
        })
}

/// Whether a text holds a name as a word of its own.
fn is_word(text: &str, name: &str) -> bool {
    text.split(|c: char| c != '_' && !c.is_alphanumeric()).any(|word| word == name)
}
