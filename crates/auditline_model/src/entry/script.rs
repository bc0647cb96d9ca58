//! Scripts: files that a person or a timer starts by name, so that their process ends with a failure.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{CompareOp, Expr, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::db::{Db, FunctionRef, SourceFile, VariableRef, function, parsed};
use crate::eval::libraries::is_application;
use crate::eval::value::Value;
use crate::eval::variable;
use crate::names::{Scope, is_imported, resolve, resolve_in};
use crate::symbols::Symbol;

/// Whether a file is only a script: it does its work when it is started by name (`if __name__ == "__main__":`, a name that
/// no `import` can write, arguments of a command line that it reads, or a shell that it opens), nothing imports it, and it serves nobody. A `main.py`
/// that makes the application, and starts a server where it is run by hand, is none: its handlers are called by requests.
#[salsa::tracked(returns(copy))]
pub fn is_script(db: &dyn Db, file: SourceFile) -> bool {
    is_started_by_name(db, file) && !serves(db, file) && !is_imported(db, file, |_| true)
}

fn is_started_by_name(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    // `backfill-orders.py`: no `import` can name it.
    let unnamed = !file.path(db).stem().chars().all(|c| c == '_' || c.is_alphanumeric());
    unnamed
        || code.block.iter().any(|stmt| match &stmt.kind {
            StmtKind::If(statement) => match &code[statement.test] {
                Expr::Compare { left, rest } => {
                    matches!(&code[*left], Expr::Name(name) if *name == "__name__")
                        && rest.iter().any(|(op, right)| {
                            *op == CompareOp::Eq && matches!(&code[*right], Expr::Str(text) if &**text == "__main__")
                        })
                }
                _ => false,
            },
            _ => false,
        })
        || reads_command_line(db, file)
        || opens_shell(db, file)
        || works_when_loaded(db, file)
}

/// Whether the module itself works with a session of its own: `db.add(role)`, `db.commit()` outside of its functions. What is
/// loaded to serve somebody writes nothing while it is loaded.
fn works_when_loaded(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let mut held: Vec<Name> = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        let StmtKind::Expr(expr) = &stmt.kind else { return };
        let Expr::Call { func, .. } = &code[*expr] else { return };
        if let Expr::Attribute { value, attr } = &code[*func]
            && let Expr::Name(name) = code[*value]
            && matches!(attr.as_str(), "add" | "add_all" | "commit" | "execute" | "close")
            && !held.contains(&name)
        {
            held.push(name);
        }
    });
    held.into_iter().any(|name| matches!(variable(db, VariableRef { file, name }), Value::Session(_)))
}

/// Whether the module ends in a shell, in which a person calls its functions: `IPython.embed()`.
fn opens_shell(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    code.block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Expr(expr) => match &code[*expr] {
            Expr::Call { func, .. } => {
                matches!(resolve(db, Scope::Module(file), code, *func), Symbol::External(path)
                    if matches!(path.as_str(), "IPython.embed" | "IPython.start_ipython" | "code.interact"))
            }
            _ => false,
        },
        _ => false,
    })
}

/// Whether the module itself takes the arguments of a command line apart: `parser.parse_args()`. That it looks for a flag in
/// `sys.argv` says nothing: whatever else it does goes on.
fn reads_command_line(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    let makes_parser = code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => {
            matches!(resolve(db, Scope::Module(file), code, *func), Symbol::External(path) if path == "argparse.ArgumentParser")
        }
        _ => false,
    });
    makes_parser
        && code.exprs.iter().any(|expr| match expr {
            Expr::Call { func, .. } => {
                matches!(&code[*func], Expr::Attribute { attr, .. } if matches!(attr.as_str(), "parse_args" | "parse_known_args"))
            }
            _ => false,
        })
}

/// Whether the file makes an application, router or task queue, or registers functions with one.
fn serves(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let module = &parsed.module;
    let makes = module.code.block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets
            .iter()
            .any(|target| matches!(&module.code[*target], Expr::Name(name) if holds_application(db, file, *name))),
        StmtKind::AnnAssign { target, .. } => {
            matches!(&module.code[*target], Expr::Name(name) if holds_application(db, file, *name))
        }
        _ => false,
    });
    makes || module.functions.iter().any(|function| is_registered(db, FunctionRef { file, path: function.path }))
}

fn holds_application(db: &dyn Db, file: SourceFile, name: auditline_syntax::Name) -> bool {
    matches!(variable(db, VariableRef { file, name }), Value::Made(path) if is_application(&path))
}

/// Whether a decorator hands the function to an object that will call it: `@app.get(…)`, `@celery.task`,
/// `@broker.subscriber(…)`. A command (`@cli.command()`) is started by name too.
fn is_registered(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = function(db, of) else { return false };
    body.decorators.iter().any(|decorator| {
        let target = match &body.code[*decorator] {
            Expr::Call { func, .. } => *func,
            _ => *decorator,
        };
        match &body.code[target] {
            Expr::Attribute { value, attr } if !matches!(attr.as_str(), "command" | "group" | "callback" | "cli") => {
                matches!(resolve_in(db, of, &body.code, *value), Symbol::Variable(_))
            }
            _ => false,
        }
    })
}
