//! `super().method(…)`, `super(Own, self).method(…)`: what stands behind the class of the method in the order of lookup.

use auditline_syntax::Name;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Arg, Code, Expr, ExprId};

use crate::classes;
use crate::db::ClassRef;
use crate::symbols::Symbol;

use super::value::Value;
use super::{Bound, Evaluator, own_class};

impl Evaluator<'_> {
    /// Calls the method that `super()` finds, where that is one of the workspace.
    ///
    /// Python looks behind the class in which the method stands, or behind the one that is named, in the order of the object's
    /// class: a mixin's `super()` is what the class it is mixed into has besides it.
    pub(crate) fn super_call(
        &mut self,
        code: &Code,
        (object, method): (ExprId, Name),
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Option<Bound> {
        let Expr::Call { func, args: named } = &code[object] else { return None };
        if !matches!(&code[*func], Expr::Name(name) if *name == "super") {
            return None;
        }
        let behind = self.left_behind(code, named)?;
        let Some(found) = classes::method_behind(self.db, self.receiver?, behind, method) else {
            // What a session class of the workspace has from SQLAlchemy's.
            let session = Bound::of(Value::Session(self.own_session()?));
            let arguments = self.arguments(code, args);
            return Some(self.database_method(code, &session, (object, method), &arguments, args, (id, range)));
        };
        let this = self.function.params.first()?.name;
        let object = self.environment.get(&this)?.value.clone();
        let arguments = self.arguments(code, args);
        Some(self.call_function(found, self.receiver, &object, &arguments, range))
    }

    /// The class behind which `super` looks: the one in which the method stands, or the one that `super(Own, self)` and
    /// `super(Own, cls)` name.
    fn left_behind(&self, code: &Code, named: &[Arg]) -> Option<ClassRef> {
        match named {
            [] => own_class(self.db, self.of),
            [class, object] => {
                let this = self.function.params.first()?.name;
                let is_own = matches!(&code[object.value], Expr::Name(name) if *name == this);
                match self.symbol(code, class.value) {
                    Symbol::Class(class) if is_own => Some(class),
                    // `super(__class__, self)` is `super()`.
                    _ if is_own && matches!(&code[class.value], Expr::Name(name) if *name == "__class__") => {
                        own_class(self.db, self.of)
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
