//! What a failure leaves behind in the caller of a function: a session that is still broken, or one that has been looked after.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::{walk_block_expressions, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, with_inner};
use crate::eval::value::{QueryKind, SessionOrigin, SessionValue};
use crate::symbols::Symbol;

use super::{Breadth, EventKind, FrameId, FrameKind, SessionAction, Target, Unit, session_target, unit};

/// Whether a write that a function sends through a session of somebody else can fail so that the error leaves the function,
/// with the session still broken.
///
/// It cannot where the function catches it and goes on, rolls back before the error leaves, or stands under a decorator that
/// rolls back.
#[must_use]
pub fn leaves_broken(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    leaves_broken_query(db, of, receiver)
}

#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn leaves_broken_query(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    if is_rolled_back_around(db, of) {
        return false;
    }
    let unit = unit(db, of, receiver);
    unit.numbered().any(|(ordinal, event)| {
        let Some(session) = written(&event.kind) else { return false };
        // The caller may hand in a session in place of the dependency's.
        let is_handed = session_target(&session.origin) == Target::Visible
            || matches!(session.origin, SessionOrigin::Dependency(_));
        is_handed
            && unit.guard(ordinal, session).is_none()
            && !unit.swallows(event.frame)
            && leaves_callee(db, &unit, ordinal)
    })
}

/// Whether the failure of an event leaves the function that is called there, if it is one that does it.
#[must_use]
pub fn leaves_callee(db: &dyn Db, unit: &Unit, ordinal: u32) -> bool {
    let Some(event) = unit.events.get(ordinal as usize) else { return true };
    let mut called =
        unit.events[..ordinal as usize].iter().filter(|other| other.range == event.range).filter_map(|other| {
            match &other.kind {
                EventKind::Call { callee, receiver, .. } => Some((*callee, *receiver)),
                _ => None,
            }
        });
    let Some(first) = called.next() else { return true };
    std::iter::once(first).chain(called).any(|(callee, receiver)| leaves_broken(db, callee, receiver))
}

/// The session through which an event sends a write.
fn written(kind: &EventKind) -> Option<&SessionValue> {
    match kind {
        EventKind::Session { session, action: SessionAction::Commit | SessionAction::Flush, .. } => Some(session),
        EventKind::Execute(query)
            if matches!(query.kind, QueryKind::Insert | QueryKind::Update | QueryKind::Delete | QueryKind::Text) =>
        {
            query.session.as_deref()
        }
        _ => None,
    }
}

impl Unit {
    /// Whether a database error in a frame never leaves the function: a handler around it catches every one, and goes on.
    #[must_use]
    pub fn swallows(&self, frame: FrameId) -> bool {
        self.ancestors(frame).any(|(_, frame)| match &frame.kind {
            FrameKind::WithSuppress => true,
            FrameKind::Try(id) => self
                .tries
                .get(id.0 as usize)
                .and_then(|info| info.handlers.iter().find(|handler| handler.breadth >= Breadth::AllDatabase))
                .is_some_and(|handler| {
                    let raises = |(_, event): (u32, &super::Event)| matches!(event.kind, EventKind::Raise);
                    !handler.raises && !self.events_in(handler.frame).any(raises)
                }),
            _ => false,
        })
    }
}

/// A flush or commit by a function inside of another one, of a session that it has from the other's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapturedWrite {
    /// The session, as the outer function sees it.
    pub session: Arc<SessionValue>,
    /// What is done.
    pub action: SessionAction,
    /// The call, relative to the inner function.
    pub range: TextRange,
}

/// The first such flush or commit in a function of that unit, where nothing in it looks after a failure.
#[must_use]
pub fn captured_write(db: &dyn Db, outer: &Unit, inner: FunctionRef) -> Option<CapturedWrite> {
    let captured = |name: Name| {
        outer.captures.iter().find(|(function, own, _)| *function == inner && *own == name).map(|(.., session)| session)
    };
    if !outer.captures.iter().any(|(function, ..)| *function == inner) {
        return None;
    }
    let body = function(db, inner)?;
    let mut tries = false;
    walk_statements(&body.code.block, &mut |stmt| {
        tries |= matches!(stmt.kind, StmtKind::Try(_) | StmtKind::With { .. })
    });
    if tries {
        return None;
    }
    let mut found: Option<CapturedWrite> = None;
    walk_block_expressions(&body.code, &body.code.block, &mut |id| {
        let Expr::Call { func, .. } = &body.code[id] else { return };
        let Expr::Attribute { value, attr } = &body.code[*func] else { return };
        let (Expr::Name(name), action) = (
            &body.code[*value],
            match attr.as_str() {
                "commit" => SessionAction::Commit,
                "flush" => SessionAction::Flush,
                _ => return,
            },
        ) else {
            return;
        };
        let range = body.code.range(id);
        if let Some(session) = captured(*name)
            && found.as_ref().is_none_or(|before| range.start() < before.range.start())
        {
            found = Some(CapturedWrite { session: Arc::clone(session), action, range });
        }
    });
    found
}

/// Whether a decorator of the project rolls back when the function fails.
fn is_rolled_back_around(db: &dyn Db, of: FunctionRef) -> bool {
    classes::decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::Function(decorator) => rolls_back(db, decorator, ()),
        _ => false,
    })
}

/// Whether a decorator, or a function inside of it, has a handler that calls `rollback` on anything: the session may come with
/// the exception. One for broken constraints alone leaves the other errors as they are.
#[salsa::tracked(returns(copy))]
fn rolls_back(db: &dyn Db, decorator: FunctionRef, _key: ()) -> bool {
    with_inner(db, decorator).iter().any(|body| {
        let code = &body.code;
        let mut found = false;
        walk_statements(&code.block, &mut |stmt| {
            let StmtKind::Try(guarded) = &stmt.kind else { return };
            found |= guarded
                .handlers
                .iter()
                .any(|handler| catches_failures(code, &handler.exceptions) && calls_rollback(code, &handler.body));
        });
        found
    })
}

/// Whether a handler catches what goes wrong between the program and the database, and not only what a constraint refuses.
fn catches_failures(code: &Code, exceptions: &[ExprId]) -> bool {
    const FAILURES: &[&str] = &[
        "BaseException",
        "Exception",
        "SQLAlchemyError",
        "DatabaseError",
        "DBAPIError",
        "StatementError",
        "OperationalError",
    ];
    exceptions.is_empty()
        || exceptions.iter().any(|exception| match &code[*exception] {
            Expr::Name(name) | Expr::Attribute { attr: name, .. } => FAILURES.contains(&name.as_str()),
            _ => false,
        })
}

fn calls_rollback(code: &Code, block: &Block) -> bool {
    let mut found = false;
    walk_block_expressions(code, block, &mut |id| {
        found |= matches!(&code[id], Expr::Call { func, .. }
            if matches!(&code[*func], Expr::Attribute { attr, .. } if *attr == "rollback"));
    });
    found
}
