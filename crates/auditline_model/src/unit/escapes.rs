//! What a failure leaves behind in the caller of a function: a session that is still broken, or one that has been looked after.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, StmtKind};
use auditline_syntax::python::{walk_block_expressions, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, with_inner};
use crate::eval::value::{QueryKind, SessionOrigin, SessionValue};
use crate::symbols::Symbol;

use super::broken::{Ending, Fate, Walk};
use super::{EventKind, SessionAction, Target, Unit, session_target, unit};

/// What a write that fails in a function does to the session of somebody else through which it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Aftermath {
    /// The error leaves the function, with the session still broken: nothing catches it, or what follows is refused.
    pub leaves: bool,
    /// The function swallows the error and says nothing, with the session still broken: its callers meet it.
    pub stays: bool,
}

impl Aftermath {
    fn join(self, other: Self) -> Self {
        Self { leaves: self.leaves || other.leaves, stays: self.stays || other.stays }
    }
}

/// What a write that fails in a function leaves to its caller: nothing where the function, or a decorator, rolls back.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn aftermath(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Aftermath {
    if is_rolled_back_around(db, of) {
        return Aftermath::default();
    }
    let unit = unit(db, of, receiver);
    let mut all = Aftermath::default();
    for (ordinal, event) in unit.numbered() {
        let Some(session) = written(&event.kind).filter(|session| is_handed(session)) else { continue };
        let of_call = aftermath_of_call(db, &unit, ordinal);
        if of_call.is_none_or(|callee| callee.leaves) {
            for fate in unit.fates(event.frame, session) {
                all = all.join(match fate {
                    Fate::Healed => Aftermath::default(),
                    Fate::Leaves => Aftermath { leaves: true, stays: false },
                    Fate::Caught(handler, at) => ended(Walk::new(db, &unit, session).caught(handler, at)),
                });
            }
        }
        if of_call.is_some_and(|callee| callee.stays) {
            all = all.join(ended(Walk::new(db, &unit, session).behind(ordinal)));
        }
    }
    all
}

fn ended(ending: Ending) -> Aftermath {
    Aftermath { leaves: matches!(ending, Ending::Refused | Ending::Raised), stays: ending == Ending::Stayed }
}

/// What a failed write leaves behind where a function is called that does it; `None`: the event is no call.
#[must_use]
pub fn aftermath_of_call(db: &dyn Db, unit: &Unit, ordinal: u32) -> Option<Aftermath> {
    let event = unit.events.get(ordinal as usize)?;
    unit.events[..ordinal as usize]
        .iter()
        .filter(|other| other.range == event.range)
        .filter_map(|other| match &other.kind {
            EventKind::Call { callee, receiver, .. } => Some(aftermath(db, *callee, *receiver)),
            _ => None,
        })
        .reduce(Aftermath::join)
}

/// Whether a session is one of the caller's, who may hand in one in place of a dependency's.
pub(super) fn is_handed(session: &SessionValue) -> bool {
    session_target(&session.origin) == Target::Visible || matches!(session.origin, SessionOrigin::Dependency(_))
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
pub(super) fn is_rolled_back_around(db: &dyn Db, of: FunctionRef) -> bool {
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
