//! AUD101: a commit on a session that nobody rolls back.

use auditline_model::eval::value::{SessionOrigin, SessionValue};
use auditline_model::owner::{Lack, Ownership, Source, heals, is_made_aside, owner_for};
use auditline_model::unit::{EventKind, SessionAction, Unit, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, function};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

use super::refusable;

mod fix;

/// AUD101.
pub const HAZARD: Hazard = Hazard {
    code: "AUD101",
    name: "commit-without-rollback",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "A commit or flush can fail on a session that nobody rolls back or closes",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut seen: Vec<std::sync::Arc<SessionValue>> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Session { session, action, by: None, .. } = &event.kind else { continue };
        if !matches!(action, SessionAction::Commit | SessionAction::Flush)
            || seen.iter().any(|other| same_session(other, session))
            || unit.in_handler(ordinal)
            || unit.guard(ordinal, session).is_some()
            || heals(db, of, session, *action)
        {
            continue;
        }
        seen.push(std::sync::Arc::clone(session));
        let Ownership::Unmanaged(lack) = owner_for(db, of, session, *action) else { continue };
        // A failure while the process starts ends it, unless somebody catches it: what all requests share stays broken then.
        let ends = entry::is_command(db, of)
            || if lack.shared { entry::fails_with_start(db, of, ordinal) } else { entry::is_startup(db, of) };
        if injected_by_decorator(db, of, session) || ends || ends_with_process(db, &lack) {
            continue;
        }
        findings.push(finding(db, of, &unit, ordinal, session, lack));
    }
}

/// Whether only tests and commands make the objects that hold the session.
fn ends_with_process(db: &dyn Db, lack: &Lack) -> bool {
    matches!(lack.source, Source::Attribute(class, _) if !lack.shared && is_made_aside(db, class))
}

/// Whether a project's own decorator stands around the function: it may roll back.
fn injected_by_decorator(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> bool {
    let decorated = classes::decorator_symbols(db, of).into_iter().any(|symbol| {
        matches!(symbol, auditline_model::symbols::Symbol::Function(_) | auditline_model::symbols::Symbol::Class(_))
    });
    decorated && matches!(session.origin, SessionOrigin::Param(_) | SessionOrigin::Dependency(_))
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, ordinal: u32, session: &SessionValue, lack: Lack) -> Finding {
    let event = &unit.events[ordinal as usize];
    let name = classes::simple(of.path);
    let verb = match event.kind {
        EventKind::Session { action: SessionAction::Flush, .. } => "flush",
        _ => "commit",
    };
    let severity = if entry::is_unused(db, of) {
        // Nobody is seen to come here.
        Severity::Information
    } else if lack.shared {
        Severity::Error
    } else if refusable::is_any_refusable(db, of, unit, session) {
        Severity::Warning
    } else {
        // Only a connection that is lost makes it fail, and the session goes with whoever has it.
        Severity::Information
    };
    let origin = match lack.source {
        Source::Opened => "which this function opens and does not close when something fails".to_owned(),
        Source::Accessor(accessor) => format!("which comes from `{}`", classes::simple(accessor.path)),
        Source::Dependency(dependency) => {
            format!("which `{}` hands out and does not close", classes::simple(dependency.path))
        }
        Source::Attribute(class, attribute) => {
            format!("which `{}` keeps in `{attribute}`", classes::simple(class.path))
        }
        Source::Global(variable) => format!("which is the global `{}`", variable.name),
        Source::Middleware(keeper) => {
            format!("which `{}` keeps on the request and does not close when that fails", classes::simple(keeper.path))
        }
        Source::Decorator(decorator) => {
            format!("which `{}` passes and does not close when the function fails", classes::simple(decorator.path))
        }
        Source::Caller(caller) => format!("which `{}` hands in and does not close", classes::simple(caller.path)),
    };
    let message = if lack.shared {
        format!(
            "`{name}` has no rollback for its {verb}: when it fails, the session stays broken for every later request, \
             {origin}"
        )
    } else {
        format!("`{name}` has no rollback for its {verb}, and nobody else rolls back the session, {origin}")
    };
    let mut evidence: Vec<Evidence> =
        lack.evidence.into_iter().map(|(place, message)| Evidence { place, message }).collect();
    for (later, other) in unit.numbered() {
        if later > ordinal
            && let EventKind::Session { session: held, action: SessionAction::Commit, by: None, .. } = &other.kind
            && same_session(held, session)
            && unit.guard(later, session).is_none()
        {
            evidence.push(Evidence {
                place: Place::InFunction(of, other.range),
                message: "this commit has no rollback either".to_owned(),
            });
        }
    }
    let is_async = function(db, of).is_some_and(|body| body.is_async);
    Finding {
        hazard: &HAZARD,
        severity,
        message,
        place: Place::InFunction(of, event.range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: fix::fixes(of, unit, ordinal, session, is_async),
    }
}
