//! Whether somebody handles the error of the second request: a unique violation.

use auditline_model::symbols::Symbol;
use auditline_model::unit::{
    Breadth, EventKind, FrameId, FrameKind, HandlerInfo, SessionAction, TryInfo, Unit, tries_around_decorated, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, with_inner};

use super::Creation;
use crate::races::held::at_every_call;

/// How many callers up a handler is looked for.
const DEPTH: u32 = 3;

/// What counts as handling a violation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Wanted {
    /// A handler that names violations. Where no constraint is known, one for everything stands there for something else.
    Named,
    /// Also a handler for everything that does not raise again.
    Broad,
}

/// Whether a violation in a frame is handled: around it, in a decorator or a caller.
pub(in crate::races) fn is_violation_handled(db: &dyn Db, of: FunctionRef, unit: &Unit, frame: FrameId) -> bool {
    catches(unit, frame, Wanted::Broad) || is_entered_handled(db, of, DEPTH, Wanted::Broad)
}

/// Whether the violation is handled: around what writes the row, in the callee that makes it, in a decorator or a caller.
pub(super) fn is_handled(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation, wanted: Wanted) -> bool {
    let writes = unit.numbered().filter(|(ordinal, event)| {
        let written = match &event.kind {
            EventKind::Session { action, .. } => matches!(action, SessionAction::Flush | SessionAction::Commit),
            _ => false,
        };
        *ordinal == creation.create || *ordinal == creation.add || written && unit.can_follow(creation.create, *ordinal)
    });
    for (_, event) in writes {
        if catches(unit, event.frame, wanted) {
            return true;
        }
    }
    if let Some(EventKind::Add { by: Some(by), .. }) = unit.events.get(creation.add as usize).map(|event| &event.kind)
        && handles(db, *by, wanted)
    {
        return true;
    }
    if creation.by.is_some_and(|by| handles(db, by, wanted)) {
        return true;
    }
    is_entered_handled(db, of, DEPTH, wanted)
}

fn is_entered_handled(db: &dyn Db, of: FunctionRef, depth: u32, wanted: Wanted) -> bool {
    let decorated = classes::decorator_symbols(db, of).into_iter().any(|symbol| match symbol {
        Symbol::Function(decorator) => handles_around(db, decorator, wanted),
        Symbol::External(path) => path.to_ascii_lowercase().contains("retry"),
        _ => false,
    });
    if decorated {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    // One that comes without a handler fails, whatever the others do.
    at_every_call(db, of, |site, caller| {
        let call = caller.events.get(site.ordinal as usize);
        call.is_some_and(|event| awaits_violation(caller, event.frame))
            || is_entered_handled(db, site.function, depth, wanted)
    })
}

/// Whether a `try` around the frame handles a unique violation.
fn catches(unit: &Unit, frame: FrameId, wanted: Wanted) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| comes_to_terms(unit, info, wanted)),
        FrameKind::WithSuppress => wanted == Wanted::Broad,
        _ => false,
    })
}

/// Whether a `try` around a call reckons with a unique violation in the callee: it names the database's error, or does the work
/// again. One that catches whatever may come only keeps the failure of the whole from being seen, and an exception of the
/// project's own is what the callee raises where it finds the row.
fn awaits_violation(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| {
            info.handlers.iter().any(|handler| {
                let named = handler.catches.iter().any(|caught| {
                    ["Integrity", "UniqueViolation", "DBDuplicate"].iter().any(|word| caught.contains(word))
                });
                named || handler.breadth >= Breadth::AllDatabase && handler.repeats && !handler.only_says
            })
        }),
        _ => false,
    })
}

/// Whether a handler of a `try` handles a violation, or looks for the row of whoever was first.
fn comes_to_terms(unit: &Unit, info: &TryInfo, wanted: Wanted) -> bool {
    info.handlers.iter().any(|handler| handles_violation(handler, wanted) || answers(unit, handler, wanted))
}

/// Whether a handler for everything looks again and has an answer, the row of whoever was first, and raises where there is
/// none.
fn answers(unit: &Unit, handler: &HandlerInfo, wanted: Wanted) -> bool {
    wanted == Wanted::Broad
        && handler.breadth >= Breadth::AllDatabase
        && handler.raises
        && unit.events_in(handler.frame).any(|(_, event)| matches!(event.kind, EventKind::Load { .. }))
        && unit.events_in(handler.frame).any(|(_, event)| matches!(event.kind, EventKind::Return(_)))
}

fn handles_violation(handler: &HandlerInfo, wanted: Wanted) -> bool {
    let named = handler.catches.iter().any(|caught| {
        ["Integrity", "Unique", "Duplicate", "Conflict", "Exists", "Violation"].iter().any(|word| caught.contains(word))
    });
    // A handler for everything that raises only reports the failure, unless it refuses the request.
    named || wanted == Wanted::Broad && handler.breadth >= Breadth::AllDatabase && (!handler.raises || handler.refuses)
}

/// Whether a function handles unique violations and goes on: one that only gives the error another name leaves it to whoever
/// knows what is to become of it.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
pub(super) fn recovers(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let unit = unit_of(db, of);
    let fails = |frame: FrameId| {
        unit.events_in(frame).any(|(_, event)| match &event.kind {
            EventKind::Call { callee, .. } => event.frame == frame && always_fails(db, *callee, ()),
            _ => false,
        })
    };
    unit.tries
        .iter()
        .flat_map(|info| &info.handlers)
        .any(|handler| handles_violation(handler, Wanted::Broad) && !handler.raises && !fails(handler.frame))
}

#[salsa::tracked(returns(copy))]
fn always_fails(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    unit_of(db, of).fails
}

/// Whether a function, or one that stands in it, handles unique violations.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
fn handles_query(db: &dyn Db, of: FunctionRef, wanted: Wanted) -> bool {
    with_inner(db, of).iter().any(|function| {
        let unit = unit_of(db, FunctionRef { file: of.file, path: function.path });
        unit.tries.iter().any(|info| comes_to_terms(&unit, info, wanted))
    })
}

/// Whether a decorator handles unique violations of what it decorates: one that handles its own troubles does not.
///
/// A query of its own, so that a check does not depend on the units of another file.
#[salsa::tracked(returns(copy))]
fn handles_around(db: &dyn Db, decorator: FunctionRef, wanted: Wanted) -> bool {
    with_inner(db, decorator)
        .iter()
        .flat_map(|function| tries_around_decorated(db, FunctionRef { file: decorator.file, path: function.path }))
        .any(|info| info.handlers.iter().any(|handler| handles_violation(handler, wanted)))
}

fn handles(db: &dyn Db, of: FunctionRef, wanted: Wanted) -> bool {
    handles_query(db, of, wanted)
}
