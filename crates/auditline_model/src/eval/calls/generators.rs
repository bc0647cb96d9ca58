//! Generators that are driven by hand: `db = next(generator)`, `generator.close()`.

use std::sync::Arc;

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::StmtKind;
use auditline_syntax::python::walk_statements;

use crate::db::{Db, FunctionRef, function};
use crate::eval::Evaluator;
use crate::eval::value::{ContextValue, SessionOrigin, SessionValue, Value};
use crate::unit::{EventKind, SessionAction};

impl Evaluator<'_> {
    /// `next(get_db())`: the session is taken out of its generator, and nobody runs what stands behind the `yield`
    /// before the generator is closed or collected.
    pub(super) fn pulled(&mut self, context: &ContextValue, range: TextRange) -> Value {
        match &context.yields {
            Value::Session(session) => {
                let session = Arc::new(SessionValue {
                    origin: SessionOrigin::Returned(context.function, Box::new(session.origin.clone())),
                    id: self.next_ordinal(),
                    ..(**session).clone()
                });
                self.event(EventKind::Open(Arc::clone(&session)), range);
                Value::Session(session)
            }
            other => other.clone(),
        }
    }

    /// `generator.close()`: an exception is raised at the `yield`, which runs what cleans up behind it
    /// (<https://docs.python.org/3/reference/expressions.html#generator.close>), and so the session that was taken out is
    /// closed.
    pub(super) fn closed(&mut self, context: &ContextValue, range: TextRange) {
        if !cleans_up(self.db, context.function) {
            return;
        }
        let mut pulled = self.unit.events.iter().filter_map(|event| match &event.kind {
            EventKind::Open(session) => {
                matches!(&session.origin, SessionOrigin::Returned(from, _) if *from == context.function)
                    .then(|| Arc::clone(session))
            }
            _ => None,
        });
        // Of two generators of one function, which one is closed is not seen.
        if let (Some(session), None) = (pulled.next(), pulled.next()) {
            let by = Some(context.function);
            self.event(EventKind::Session { session, action: SessionAction::Close, by, maybe: false }, range);
        }
    }
}

/// Whether something in a generator runs also when it is left at its `yield`: a `finally`, a `with`.
fn cleans_up(db: &dyn Db, of: FunctionRef) -> bool {
    let Some(body) = function(db, of) else { return false };
    let mut found = false;
    walk_statements(&body.code.block, &mut |stmt| match &stmt.kind {
        StmtKind::Try(guarded) => found |= !guarded.finally.is_empty(),
        StmtKind::With { .. } => found = true,
        _ => {}
    });
    found
}
