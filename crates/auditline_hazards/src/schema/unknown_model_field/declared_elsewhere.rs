//! Attributes that come to a model from outside its class body.

use auditline_model::names::{files_mentioning, resolve_expr};
use auditline_model::symbols::Symbol;
use auditline_model::{ClassRef, Db, SourceFile, classes, parsed};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, StmtKind};

/// Whether another class's relationship (`backref="name"`) or an assignment (`Model.name = …`, `setattr`) may declare the
/// attribute.
pub(super) fn is_declared(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    files_mentioning(db, &name).iter().any(|file| {
        let parsed = parsed(db, *file);
        let module = &parsed.module;
        let bodies = module.classes.iter().map(|class| &class.code).chain([&module.code]);
        let by_backref =
            bodies.chain(module.functions.iter().map(|function| &function.code)).any(|code| has_backref(code, name));
        let by_assignment = module.code.block.iter().any(|stmt| match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().any(|target| match &module.code[*target] {
                Expr::Attribute { value, attr } => {
                    *attr == name
                        && match resolve_expr(db, *file, &module.code, *value) {
                            Symbol::Class(assigned) => classes::mro(db, class).contains(&assigned),
                            _ => false,
                        }
                }
                _ => false,
            }),
            _ => false,
        });
        by_backref || by_assignment || in_subclass(db, *file, class, name)
    })
}

/// Whether a subclass declares the attribute: a row of the base may be one of the subclass.
fn in_subclass(db: &dyn Db, file: SourceFile, class: ClassRef, name: Name) -> bool {
    parsed(db, file).module.classes.iter().any(|body| {
        let other = ClassRef { file, path: body.path };
        other != class
            && classes::class_info(db, other)
                .is_some_and(|info| info.method(name).is_some() || info.attribute(name).is_some())
            && subclasses_share(db, class, other)
    })
}

/// Whether `other` is a subclass of `class`, or a mixin that a subclass of it brings along.
fn subclasses_share(db: &dyn Db, class: ClassRef, other: ClassRef) -> bool {
    if classes::mro(db, other).contains(&class) {
        return true;
    }
    files_mentioning(db, classes::simple(other.path)).iter().any(|file| {
        parsed(db, *file).module.classes.iter().any(|body| {
            let mro = classes::mro(db, ClassRef { file: *file, path: body.path });
            mro.contains(&class) && mro.contains(&other)
        })
    })
}

fn has_backref(code: &Code, name: Name) -> bool {
    code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, args } => {
            let is_backref_call = matches!(&code[*func], Expr::Name(called) if *called == "backref")
                || matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == "backref");
            args.iter().any(|arg| {
                let says_name = matches!(&code[arg.value], Expr::Str(text) if **text == *name.as_str());
                let keyword = matches!(arg.kind, ArgKind::Keyword(keyword) if keyword == "backref");
                says_name && (keyword || is_backref_call)
            })
        }
        _ => false,
    })
}

/// Whether some function assigns an attribute of that name on an object: a plain attribute may be put on rows.
pub(super) fn is_assigned_on_objects(db: &dyn Db, name: Name) -> bool {
    files_mentioning(db, &name).iter().any(|file| {
        let parsed = parsed(db, *file);
        let functions = parsed.module.functions.iter().map(|function| &function.code);
        functions.chain([&parsed.module.code]).any(|code| {
            let mut found = false;
            auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
                let targets: &[_] = match &stmt.kind {
                    StmtKind::Assign { targets, .. } => targets,
                    StmtKind::AnnAssign { target, .. } | StmtKind::AugAssign { target, .. } => {
                        std::slice::from_ref(target)
                    }
                    _ => return,
                };
                found |= targets.iter().any(|target| {
                    matches!(&code[*target], Expr::Attribute { value, attr }
                        if *attr == name && !matches!(&code[*value], Expr::Name(object) if *object == "self"))
                });
            });
            found
                || code.exprs.iter().any(|expr| match expr {
                    Expr::Call { func, args } => {
                        matches!(&code[*func], Expr::Name(called) if *called == "setattr")
                            && args
                                .iter()
                                .any(|arg| matches!(&code[arg.value], Expr::Str(text) if **text == *name.as_str()))
                    }
                    _ => false,
                })
        })
    })
}

/// Whether something reads an attribute of that name on any object.
pub(super) fn is_read_on_objects(db: &dyn Db, name: Name) -> bool {
    files_mentioning(db, &name).iter().any(|file| {
        let parsed = parsed(db, *file);
        let functions = parsed.module.functions.iter().map(|function| &function.code);
        functions.chain([&parsed.module.code]).any(|code| {
            let mut assigned = 0usize;
            auditline_syntax::python::walk_statements(&code.block, &mut |stmt| {
                let targets: &[_] = match &stmt.kind {
                    StmtKind::Assign { targets, .. } => targets,
                    StmtKind::AnnAssign { target, .. } => std::slice::from_ref(target),
                    _ => return,
                };
                assigned += targets
                    .iter()
                    .filter(|target| matches!(&code[**target], Expr::Attribute { attr, .. } if *attr == name))
                    .count();
            });
            let mentioned =
                code.exprs.iter().filter(|expr| matches!(expr, Expr::Attribute { attr, .. } if *attr == name)).count();
            mentioned > assigned
        })
    })
}
