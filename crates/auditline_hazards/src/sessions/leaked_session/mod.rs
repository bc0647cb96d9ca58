//! AUD302: a session that a function opens and does not close on every path.

use auditline_model::eval::value::{SessionOrigin, SessionValue, TransactionKind, Value};
use auditline_model::owner::ends_its_session;
use auditline_model::unit::{Event, EventKind, FrameKind, SessionAction, Unit, Use, effect, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, function};
use auditline_syntax::python::ir::{Expr, Function, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};

/// AUD302.
pub const HAZARD: Hazard = Hazard {
    code: "AUD302",
    name: "leaked-session",
    family: Family::Sessions,
    severity: Severity::Warning,
    summary: "A function opens a session and does not close it on every path",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if crate::check::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let Some(body) = function(db, of) else { return };
    for (ordinal, event) in unit.numbered() {
        let EventKind::Open(session) = &event.kind else { continue };
        if !is_own(db, session) || !unit.globals.is_empty() && has_global(&unit, session) {
            continue;
        }
        let Some(lack) = lack(db, &unit, ordinal, session) else { continue };
        // What a nested function or `lambda` does with it cannot be told.
        if has_inner_functions(&body) || entry::is_startup(db, of) {
            return;
        }
        findings.push(finding(db, of, &unit, ordinal, event, session, lack));
    }
}

/// Whether the function has opened the session itself, or got it from an accessor that leaves it to its caller.
fn is_own(db: &dyn Db, session: &SessionValue) -> bool {
    match &session.origin {
        SessionOrigin::Opened(factory) => !factory.scoped,
        SessionOrigin::Returned(accessor, inner) => {
            !classes::is_cached(db, *accessor)
                && matches!(**inner, SessionOrigin::Opened(factory) | SessionOrigin::Scoped(factory) if !factory.scoped)
                && !entry::is_test(db, accessor.file)
                && !keeps(&unit_of(db, *accessor))
        }
        _ => false,
    }
}

/// Whether an accessor keeps a session, so that the caller has not to close it.
fn keeps(accessor: &Unit) -> bool {
    let is_session = |value: &Value| matches!(value, Value::Session(_));
    accessor.globals.iter().chain(&accessor.self_attributes).any(|(_, value)| is_session(value))
        || accessor.events.iter().any(|event| match &event.kind {
            EventKind::Store { value, .. } => is_session(value),
            EventKind::Given { values, .. } => values.iter().any(|(_, value)| is_session(value)),
            _ => false,
        })
}

fn has_global(unit: &Unit, session: &SessionValue) -> bool {
    unit.globals.iter().any(|(_, value)| holds(value, session))
}

/// What a session lacks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lack {
    /// Nothing ends it.
    Never,
    /// The event that ends it runs only where nothing fails before.
    OnlyAtTheEnd(u32),
}

/// Whether a function does nothing with what it is handed but give it back (`checked(session)`), or stand around a block with it
/// (`with guarded(session):`).
fn hands_back(db: &dyn Db, callee: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let effect = effect(db, callee, receiver);
    match &effect.returns {
        Value::Param(_) => true,
        Value::Session(session) => matches!(session.origin, SessionOrigin::Param(_)),
        _ => !effect.encloses.is_empty(),
    }
}

fn lack(db: &dyn Db, unit: &Unit, open: u32, session: &SessionValue) -> Option<Lack> {
    let in_with = unit.frames.iter().any(|frame| match &frame.kind {
        FrameKind::WithSession(held)
        | FrameKind::WithTransaction(held, TransactionKind::Begin | TransactionKind::Savepoint) => {
            same_session(held, session)
        }
        _ => false,
    });
    if in_with || unit.events.iter().any(|event| escapes(db, event, session)) {
        return None;
    }
    let mut used = None;
    let mut end = None;
    for (ordinal, event) in unit.numbered().filter(|(ordinal, _)| *ordinal > open) {
        let sends = unit.use_of(ordinal, session) == Some(Use::Statement)
            || matches!(&event.kind, EventKind::Call { callee, receiver, arguments, .. }
                if arguments.iter().any(|(_, value)| holds(value, session)) && !hands_back(db, *callee, *receiver));
        if sends && used.is_none() {
            // Whoever guards the first statement gives the connection back when it fails.
            if unit.guard(ordinal, session).is_some() {
                return None;
            }
            used = Some(ordinal);
        }
        if let EventKind::Session { session: ended, action, maybe, .. } = &event.kind
            && same_session(ended, session)
        {
            let ends = matches!(action, SessionAction::Close | SessionAction::Rollback);
            let in_handler = unit.in_handler(ordinal);
            if ends && (*maybe || in_handler) {
                return None;
            }
            if ends || *action == SessionAction::Commit && !in_handler {
                end = Some(ordinal);
            }
        }
    }
    used?;
    // A commit gives the connection back until the next statement.
    match end {
        Some(end) => {
            let closes = matches!(&unit.events.get(end as usize)?.kind, EventKind::Session { action, .. } if *action != SessionAction::Commit);
            let later = unit
                .numbered()
                .any(|(ordinal, _)| ordinal > end && unit.use_of(ordinal, session) == Some(Use::Statement));
            Some(if closes || !later { Lack::OnlyAtTheEnd(end) } else { Lack::Never })
        }
        None => Some(Lack::Never),
    }
}

/// Whether an event hands the session to somebody who may close it.
fn escapes(db: &dyn Db, event: &Event, session: &SessionValue) -> bool {
    match &event.kind {
        EventKind::Return(value) | EventKind::Yield(value) | EventKind::Store { value, .. } => holds(value, session),
        EventKind::Given { values, .. } => values.iter().any(|(_, value)| holds(value, session)),
        EventKind::Construct { class, arguments } => {
            arguments.iter().any(|(_, value)| holds(value, session)) && takes_over(db, *class, DEPTH)
        }
        _ => false,
    }
}

/// How deep objects are followed that make others with their session.
const DEPTH: u32 = 4;

/// Whether an object that a session is handed to may close it, or hand it on to somebody who does. Where the object itself goes is
/// another question: it holds the session wherever it goes.
fn takes_over(db: &dyn Db, class: ClassRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return true };
    if classes::has_unknown_base(db, class) || ends_its_session(db, class) {
        return true;
    }
    let is_handed = |session: &SessionValue| {
        matches!(
            session.origin,
            SessionOrigin::Param(_)
                | SessionOrigin::GivenOrOwn(_)
                | SessionOrigin::GivenOrKept(..)
                | SessionOrigin::SelfAttribute(..)
        )
    };
    let hands_on = |value: &Value| match value {
        Value::Session(session) => is_handed(session),
        Value::SelfObject => true,
        Value::Instance(instance) => {
            instance.arguments.iter().any(|(_, value)| matches!(value, Value::Session(session) if is_handed(session)))
        }
        _ => false,
    };
    classes::all_methods(db, class).into_iter().any(|method| {
        let unit = auditline_model::unit::unit(db, method, Some(class));
        unit.globals.iter().any(|(_, value)| hands_on(value))
            || unit.events.iter().any(|event| match &event.kind {
                EventKind::Given { values, .. } => values.iter().any(|(_, value)| hands_on(value)),
                EventKind::Store { object, value, .. } => *object != Value::SelfObject && hands_on(value),
                EventKind::Construct { class: inner, arguments } => {
                    *inner != class
                        && arguments.iter().any(|(_, value)| hands_on(value))
                        && takes_over(db, *inner, depth)
                }
                _ => false,
            })
    })
}

fn holds(value: &Value, session: &SessionValue) -> bool {
    match value {
        Value::Session(held) | Value::BegunSession(held) | Value::Transaction(held, _) => same_session(held, session),
        Value::Instance(instance) => instance.arguments.iter().any(|(_, value)| holds(value, session)),
        Value::Method(object, _) => holds(object, session),
        Value::Tuple(values) => values.iter().any(|value| holds(value, session)),
        Value::Many(inner) => holds(inner, session),
        _ => false,
    }
}

fn has_inner_functions(body: &Function) -> bool {
    let mut found = body.code.exprs.iter().any(|expr| matches!(expr, Expr::Lambda { .. }));
    walk_statements(&body.code.block, &mut |stmt| found |= matches!(stmt.kind, StmtKind::Function(_)));
    found
}

fn finding(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    ordinal: u32,
    event: &Event,
    session: &SessionValue,
    lack: Lack,
) -> Finding {
    let name = classes::simple(of.path);
    let first = unit.numbered().find(|(later, _)| {
        *later > ordinal && unit.use_of(*later, session).is_some_and(|asked| asked == Use::Statement)
    });
    let mut evidence = Vec::new();
    if let SessionOrigin::Returned(accessor, _) = &session.origin {
        evidence.push(Evidence {
            place: Place::Function(*accessor),
            message: format!("`{}` leaves the session to its caller", classes::simple(accessor.path)),
        });
    }
    if let Some((_, first)) = first {
        evidence.push(Evidence {
            place: Place::InFunction(of, first.range),
            message: "from here on, it holds a connection; if something fails, nobody gives it back".to_owned(),
        });
    }
    let message = match lack {
        Lack::Never => format!(
            "`{name}` opens a session and never closes it: its connection stays out until the garbage collector runs"
        ),
        Lack::OnlyAtTheEnd(end) => {
            if let Some(end) = unit.events.get(end as usize) {
                evidence.push(Evidence {
                    place: Place::InFunction(of, end.range),
                    message: "only this gives the connection back, and a failure before it passes it by".to_owned(),
                });
            }
            format!("`{name}` opens a session and gives its connection back only when nothing fails")
        }
    };
    let mut fixes = Vec::new();
    let returns_rows = unit.events.iter().any(|event| matches!(&event.kind, EventKind::Return(value) if is_row(value)));
    // A session that was pulled out of its generator has been closed by it already.
    let pulled = matches!(&session.origin, SessionOrigin::Returned(accessor, _) if function(db, *accessor).is_some_and(|body| body.is_generator));
    if let Some(is_async) = session.is_async
        && !returns_rows
        && !pulled
    {
        let statement = event.statement;
        fixes.push(Fix::new("Open the session in a `with`", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::assignment_to_with(scope, statement, is_async))
        }));
    }
    Finding {
        hazard: &HAZARD,
        // What nobody is seen to call keeps no connection.
        severity: if entry::is_unused(db, of) { Severity::Information } else { Severity::Warning },
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes,
    }
}

/// Whether a value holds rows: outside of the session they can load nothing more.
fn is_row(value: &Value) -> bool {
    match value {
        Value::Row(_) => true,
        Value::Many(inner) => is_row(inner),
        Value::Tuple(values) => values.iter().any(is_row),
        _ => false,
    }
}
