//! AUD109: a commit inside a scope that commits.

use auditline_model::eval::value::{OnCommit, SessionOrigin, SessionValue, TransactionKind};
use auditline_model::owner::{Ownership, owner};
use auditline_model::unit::{
    Breadth, EventKind, Frame, FrameId, FrameKind, SessionAction, Unit, Use, is_ruled_out, same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes};
use auditline_syntax::TextRange;

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, symbol};

/// AUD109.
pub const HAZARD: Hazard = Hazard {
    code: "AUD109",
    name: "double-commit-scope",
    family: Family::Transactions,
    severity: Severity::Error,
    summary: "A commit inside a scope that commits by itself when it is left",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut scopes: Vec<FrameId> = Vec::new();
    let mut sessions: Vec<std::sync::Arc<SessionValue>> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Session { session, action: SessionAction::Commit, by, maybe: false } = &event.kind else {
            continue;
        };
        if let Some((id, scope)) = scope_of(&unit, event.frame, session) {
            if !scopes.contains(&id) {
                scopes.push(id);
                findings.extend(in_scope(db, of, &unit, ordinal, session, (id, scope)));
            }
        } else if by.is_none()
            && !unit.in_handler(ordinal)
            && !sessions.iter().any(|other| same_session(other, session))
        {
            sessions.push(std::sync::Arc::clone(session));
            findings.extend(in_own_scope(db, of, &unit, ordinal, session));
        }
    }
}

/// The `with` around a frame that ends the session's transaction when it is left: SQLAlchemy refuses a second transaction
/// in it once the first is over, also where it is the scope of a savepoint.
fn scope_of<'a>(unit: &'a Unit, frame: FrameId, session: &SessionValue) -> Option<(FrameId, &'a Frame)> {
    unit.ancestors(frame).find(|(_, frame)| match &frame.kind {
        // One of a helper commits what there is, however often.
        FrameKind::WithTransaction(held, TransactionKind::Begin | TransactionKind::Savepoint) => {
            same_session(held, session)
        }
        _ => false,
    })
}

fn in_scope(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    ordinal: u32,
    session: &SessionValue,
    (id, scope): (FrameId, &Frame),
) -> Option<Finding> {
    let event = unit.events.get(ordinal as usize)?;
    let EventKind::Session { by, .. } = &event.kind else { return None };
    let FrameKind::WithTransaction(_, kind) = &scope.kind else { return None };
    let later = unit.events_in(id).find(|(later, behind)| {
        (*later > ordinal || unit.in_loop_within(event.frame, id))
            && unit.can_follow(ordinal, *later)
            && refused(unit, *later, session)
            && !is_ruled_out(db, of, event.range, behind.range)
    });
    let name = classes::simple(of.path);
    let what = match by {
        Some(callee) => format!("`{}`, called here, commits", classes::simple(callee.path)),
        None => "this commit stands".to_owned(),
    };
    let around = match (kind, &session.origin) {
        (TransactionKind::Savepoint, _) => "a `begin_nested()` scope",
        (TransactionKind::Begin, SessionOrigin::Begun(_)) => "a scope of the session factory's `begin()`",
        (TransactionKind::Begin, _) => "a `begin()` scope",
        (TransactionKind::Helper { .. }, _) => return None,
    };
    let (severity, outcome) = match later {
        Some(_) => (Severity::Error, "the next statement in it fails with `InvalidRequestError`, after half was saved"),
        None if *kind == TransactionKind::Savepoint => {
            (Severity::Information, "so that the savepoint can no longer undo anything alone")
        }
        None => (Severity::Information, "which commits by itself when it is left"),
    };
    let mut evidence = Vec::new();
    if let Some(open) = unit.events[..scope.first as usize].iter().rev().find(|event| {
        matches!(&event.kind, EventKind::Open(held) if same_session(held, session))
            || matches!(&event.kind, EventKind::Session { session: held, action: SessionAction::Begin | SessionAction::Savepoint, .. }
                if same_session(held, session))
    }) {
        evidence.push(Evidence {
            place: Place::InFunction(of, open.range),
            message: "the scope that commits when it is left starts here".to_owned(),
        });
    }
    if let Some((_, later)) = later {
        evidence.push(Evidence {
            place: Place::InFunction(of, later.range),
            message: "this fails: the transaction of the scope is over".to_owned(),
        });
    }
    if let Some(callee) = by {
        evidence.push(Evidence {
            place: Place::Function(*callee),
            message: "it commits the session that it is handed".to_owned(),
        });
    }
    let message = match later {
        Some(_) => format!("In `{name}`, {what} inside {around}: {outcome}"),
        None => format!("In `{name}`, {what} inside {around}, {outcome}"),
    };
    let mut fixes = Vec::new();
    if by.is_none() {
        let saved = match kind {
            TransactionKind::Begin | TransactionKind::Helper { .. } => Saved::ByScope,
            TransactionKind::Savepoint => saved(db, of, unit, session, (event.frame, id)),
        };
        fixes.extend(fix(of, event.range, later.is_some(), saved));
    }
    Some(Finding {
        hazard: &HAZARD,
        severity,
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes,
    })
}

/// Whether the event fails in a scope whose transaction is over.
fn refused(unit: &Unit, ordinal: u32, session: &SessionValue) -> bool {
    if matches!(unit.use_of(ordinal, session), Some(Use::Statement | Use::Pending)) {
        return true;
    }
    // A commit expires the rows, so that a read of one loads it again.
    match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Read { row, .. }) => {
            session.on_commit != OnCommit::Keeps
                && (row.session.as_ref().is_some_and(|own| same_session(own, session))
                    || unit.events[..ordinal as usize].iter().any(|event| {
                        matches!(&event.kind, EventKind::Add { session: into, row: Some(added), .. }
                            if added.id == row.id && same_session(into, session))
                    }))
        }
        _ => false,
    }
}

/// A commit in a function whose session comes from the project's own scope, which commits too.
fn in_own_scope(db: &dyn Db, of: FunctionRef, unit: &Unit, ordinal: u32, session: &SessionValue) -> Option<Finding> {
    let event = unit.events.get(ordinal as usize)?;
    let provider = match &session.origin {
        SessionOrigin::Context(function)
        | SessionOrigin::Dependency(auditline_model::symbols::Symbol::Function(function)) => *function,
        _ => return None,
    };
    if owner(db, of, session) != (Ownership::Managed { commits: true }) {
        return None;
    }
    let scope = classes::simple(provider.path);
    let name = classes::simple(of.path);
    // Where the scope holds `begin()`, SQLAlchemy refuses what follows; else what is saved early matters where more follows.
    let refuses = yields_in_transaction(db, provider);
    let (_, later) = unit.numbered().find(|(later, _)| {
        unit.can_follow(ordinal, *later)
            && if refuses { refused(unit, *later, session) } else { unit.use_of(*later, session) == Some(Use::Pending) }
    })?;
    let (severity, message, proof) = if refuses {
        (
            Severity::Error,
            format!(
                "In `{name}`, this commit ends the transaction of `{scope}`: the next statement fails with \
                 `InvalidRequestError`, after half was saved"
            ),
            "this fails: the transaction of the scope is over",
        )
    } else {
        (
            Severity::Information,
            format!(
                "`{name}` commits a session of `{scope}`, which commits when it is left: what follows is saved apart from \
                 what stands before"
            ),
            "this is saved by the second commit",
        )
    };
    // One that is left would do the same.
    let is_one = |at: u32, kind: &EventKind| match kind {
        EventKind::Session { session: own, action: SessionAction::Commit, by: None, maybe: false } => {
            at >= ordinal && same_session(own, session) && !unit.in_handler(at)
        }
        _ => false,
    };
    let commits: Vec<TextRange> =
        unit.numbered().filter(|(at, event)| is_one(*at, &event.kind)).map(|(_, event)| event.range).collect();
    Some(Finding {
        hazard: &HAZARD,
        severity,
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence: vec![
            Evidence { place: Place::Function(provider), message: format!("`{scope}` commits when it is left") },
            Evidence { place: Place::InFunction(of, later.range), message: proof.to_owned() },
        ],
        story: None,
        fixes: if refuses || !may_be_lost(unit, ordinal, session) {
            vec![Fix::new(
                "Flush instead of committing",
                if refuses { Safety::Safe } else { Safety::Unsafe },
                move |db| {
                    edit::in_function(db, of, |scope| {
                        let edits: Option<Vec<_>> =
                            commits.iter().map(|call| edit::call_other_method(scope, *call, "flush")).collect();
                        edits.map(|edits| edits.concat())
                    })
                },
            )]
        } else {
            Vec::new()
        },
    })
}

/// Whether a failure behind a commit is caught, or something is rolled back there, while the function goes on: what the commit
/// has saved must stay then.
fn may_be_lost(unit: &Unit, commit: u32, session: &SessionValue) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        let behind = unit.can_follow(commit, ordinal);
        let rolls_back = matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Rollback, .. }
            if same_session(own, session));
        behind && (rolls_back || unit.use_of(ordinal, session).is_some() && is_swallowed(unit, event.frame))
    })
}

/// Whether a handler around a frame catches what the database says, and does not raise.
fn is_swallowed(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| {
            info.handlers.iter().any(|handler| handler.breadth >= Breadth::Database && !handler.raises)
        }),
        FrameKind::WithSuppress => true,
        _ => false,
    })
}

/// Whether a provider of the project yields inside `begin()`.
fn yields_in_transaction(db: &dyn Db, provider: FunctionRef) -> bool {
    let unit = unit_of(db, provider);
    unit.events.iter().any(|event| {
        matches!(&event.kind, EventKind::Yield(auditline_model::eval::value::Value::Session(session))
            if scope_of(&unit, event.frame, session).is_some())
    })
}

/// Who saves what stands in a scope, when the commit inside of it is taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    /// The scope itself, or what is around it or comes behind it in any case.
    ByScope,
    /// Nobody: leaving a savepoint saves nothing. The commit may stand behind the scope.
    Behind,
    /// Nobody, and the commit cannot simply stand behind the scope.
    Nowhere,
}

/// Who saves what stands in the scope of a savepoint.
fn saved(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    session: &SessionValue,
    (commit, scope): (FrameId, FrameId),
) -> Saved {
    let Some(frame) = unit.frames.get(scope.0 as usize) else { return Saved::Nowhere };
    let around = unit.ancestors(scope).skip(1).any(|(_, outer)| {
        matches!(&outer.kind, FrameKind::WithTransaction(held, TransactionKind::Begin) if same_session(held, session))
    });
    let behind = unit.numbered().skip(frame.end as usize).any(|(_, event)| {
        matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit, maybe: false, .. }
            if same_session(own, session))
            && unit.ancestors(scope).any(|(id, _)| id == event.frame)
    });
    if around || behind || owner(db, of, session) == (Ownership::Managed { commits: true }) {
        return Saved::ByScope;
    }
    let always = unit
        .ancestors(commit)
        .take_while(|(id, _)| *id != scope)
        .all(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. } | FrameKind::WithApart));
    let leaves = unit.events_in(scope).any(|(_, event)| matches!(event.kind, EventKind::Return(_)));
    if always && !leaves { Saved::Behind } else { Saved::Nowhere }
}

/// Removes the commit; where something follows in the scope, it flushes instead, so that keys and checks are there as before.
fn fix(of: FunctionRef, call: TextRange, follows: bool, saved: Saved) -> Option<Fix> {
    match (saved, follows) {
        (Saved::Nowhere, _) => None,
        (Saved::Behind, _) => Some(Fix::new("Commit behind the scope", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::move_behind_with(scope, call, follows.then_some("flush")))
        })),
        (Saved::ByScope, true) => Some(Fix::new("Flush instead of committing", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::call_other_method(scope, call, "flush"))
        })),
        (Saved::ByScope, false) => Some(Fix::new("Remove the inner commit", Safety::Safe, move |db| {
            edit::in_function(db, of, |scope| edit::remove_call_statement(scope, call))
        })),
    }
}
