//! What calls across the workspace hand in for a parameter, looked up as it is written: whoever hands it in may call what is asked
//! here, so that nothing of it is evaluated.

use std::ops::ControlFlow;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head, parsed};
use crate::eval::{attribute_method, kept_parameter, own_class};
use crate::names::{self, Scope, files_mentioning};
use crate::symbols::Symbol;
use crate::uses::functions_calling;

/// What is done with the arguments of a call, in the scope of its code.
type Visit<'a> = dyn FnMut(Scope, &Code, &[Arg]) -> ControlFlow<()> + 'a;

/// A parameter of which it is asked what it is handed.
pub(super) struct Asked {
    of: FunctionRef,
    class: Option<ClassRef>,
    name: Name,
    /// Among the positional arguments of a call.
    position: u32,
}

impl Asked {
    pub(super) fn of(db: &dyn Db, of: FunctionRef, index: u32) -> Option<Self> {
        let body = head(db, of)?;
        Some(Self {
            of,
            class: if body.name == "__init__" { own_class(db, of) } else { None },
            name: body.params.get(index as usize)?.name,
            position: index.checked_sub(u32::from(body.class.is_some() && !classes::is_static(&body)))?,
        })
    }

    /// Visits the arguments of each call in the workspace, but those of tests.
    pub(super) fn each_call(&self, db: &dyn Db, visit: &mut Visit<'_>) -> ControlFlow<()> {
        let called = self.class.map_or(classes::simple(self.of.path), |class| classes::simple(class.path));
        for file in files_mentioning(db, called).iter().copied() {
            if crate::entry::is_test(db, file) {
                continue;
            }
            let parsed = parsed(db, file);
            self.in_code(db, Scope::Module(file), &parsed.module.code, visit)?;
            for class in &parsed.module.classes {
                let scope = Scope::Class(ClassRef { file, path: class.path });
                self.in_code(db, scope, &class.code, visit)?;
            }
            for caller in functions_calling(db, file, called) {
                if let Some(body) = function(db, caller) {
                    self.in_code(db, Scope::Function(caller), &body.code, visit)?;
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn in_code(&self, db: &dyn Db, scope: Scope, code: &Code, visit: &mut Visit<'_>) -> ControlFlow<()> {
        for expr in &code.exprs {
            let Expr::Call { func, args } = expr else { continue };
            let args = match names::resolve(db, scope, code, *func) {
                symbol if self.is_called(db, symbol) => &args[..],
                // `providers.Factory(Repository, SessionLocal)`, `partial(Repository, SessionLocal)`
                Symbol::External(path) if makes_later(&names::canonical(path)) => match args.split_first() {
                    Some((first, rest)) if self.is_called(db, names::resolve(db, scope, code, first.value)) => rest,
                    _ => continue,
                },
                _ => continue,
            };
            visit(scope, code, args)?;
        }
        ControlFlow::Continue(())
    }

    fn is_called(&self, db: &dyn Db, symbol: Symbol) -> bool {
        match symbol {
            Symbol::Function(function) => self.class.is_none() && function == self.of,
            Symbol::Class(class) => self
                .class
                .is_some_and(|own| own == class || classes::method(db, class, Name::new("__init__")) == Some(self.of)),
            _ => false,
        }
    }

    /// The argument of a call for the parameter.
    pub(super) fn argument(&self, args: &[Arg]) -> Option<ExprId> {
        let by_name = args.iter().find(|arg| matches!(arg.kind, ArgKind::Keyword(name) if name == self.name));
        let mut positional = args.iter().take_while(|arg| arg.kind == ArgKind::Positional);
        by_name.or_else(|| positional.nth(self.position as usize)).map(|arg| arg.value)
    }
}

/// The constructor that keeps a parameter of its own in that attribute of its objects, and the parameter.
pub(super) fn kept_by_constructor(db: &dyn Db, class: ClassRef, attribute: Name) -> Option<(FunctionRef, u32)> {
    let init = attribute_method(db, class, attribute).filter(|method| classes::simple(method.path) == "__init__")?;
    Some((init, kept_parameter(db, init, attribute)?))
}

/// Whether a call makes what its first argument names when it is asked to.
fn makes_later(path: &str) -> bool {
    path == "functools.partial" || path.starts_with("dependency_injector.")
}
