//! `super().method(…)`: what stands behind the class of the method in the order of lookup.

use auditline_syntax::Name;
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{Arg, Code, Expr, ExprId};

use crate::classes;
use crate::db::FunctionRef;

use super::value::Value;
use super::{Bound, Evaluator, own_class};

impl Evaluator<'_> {
    /// Calls the method that `super()` finds, where that is one of the workspace.
    ///
    /// Python looks behind the class in which the method stands, in the order of the object's class: a mixin's `super()` is
    /// what the class it is mixed into has besides it.
    pub(crate) fn super_call(
        &mut self,
        code: &Code,
        (object, method): (ExprId, Name),
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Option<Bound> {
        let Expr::Call { func, args: none } = &code[object] else { return None };
        let is_super = none.is_empty() && matches!(&code[*func], Expr::Name(name) if *name == "super");
        if !is_super {
            return None;
        }
        let Some(found) = self.inherited(method) else {
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

    fn inherited(&self, method: Name) -> Option<FunctionRef> {
        classes::method_behind(self.db, self.receiver?, own_class(self.db, self.of)?, method)
    }
}
