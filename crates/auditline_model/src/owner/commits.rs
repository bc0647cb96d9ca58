//! Whether somebody commits, later, what a function does with a session that is not its own.

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef, head};
use crate::eval::value::{SessionOrigin, SessionValue, Value};
use crate::eval::{Depended, attribute, attribute_method, dependency_of_param};
use crate::symbols::Symbol;
use crate::unit::{EventKind, FrameKind, SessionAction, Unit, same_session, unit_of};

use super::around::commits_around;
use super::call_sites::session_argument;
use super::container::{container_commits_for, container_commits_in};
use super::hooks::commits_behind_request;
use super::{CallSite, Ownership, argument_in, callers, constructions, handed_out, owner, provider};

/// Whether what a function does with a session is committed on some way: by a caller that goes on with it, or by whoever
/// handed it out.
///
/// Other than for [`owner`], one way is enough: what one route commits is durable, however scripts and tests call it.
#[must_use]
pub fn is_committed_later(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> bool {
    let is_own = matches!(
        session.origin,
        SessionOrigin::Opened(_)
            | SessionOrigin::Scoped(_)
            | SessionOrigin::Context(_)
            | SessionOrigin::ContextClass(_)
    );
    if !is_own && (commits_around(db, of, session) || commits_behind_request(db, session)) {
        return true;
    }
    if committed_by_another(db, of, session) {
        return true;
    }
    match &session.origin {
        SessionOrigin::Param(index) => {
            committed_parameter(db, of, *index)
                || callers(db, of).is_empty() && container_commits_for(db, of, *index, session.is_async)
        }
        SessionOrigin::SelfAttribute(class, name) => committed_attribute(db, of, *class, *name),
        SessionOrigin::GivenOrKept(index, class, name) => {
            committed_parameter(db, of, *index) || committed_attribute(db, of, *class, *name)
        }
        _ => matches!(owner(db, of, session), Ownership::Managed { commits: true }),
    }
}

/// Whether another dependency of a function, made with the session that a dependency gives, commits it behind its `yield`:
/// `async with UnitOfWork(session) as work: yield work`.
fn committed_by_another(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> bool {
    let SessionOrigin::Dependency(giver) = session.origin else { return false };
    let Some(body) = head(db, of) else { return false };
    (0..body.params.len()).any(|index| {
        let Some(Depended::On(Symbol::Function(other))) = dependency_of_param(db, of, index) else { return false };
        if Symbol::Function(other) == giver {
            return false;
        }
        let Some(provider) = provider(db, other).filter(|provider| provider.commits) else { return false };
        match unit_of(db, other).events.get(provider.yields_at as usize).map(|event| &event.kind) {
            Some(EventKind::Yield(value)) => {
                handed_out(db, value).is_some_and(|handed| handed.origin == SessionOrigin::Dependency(giver))
            }
            _ => false,
        }
    })
}

/// A query of its own: many functions of a file are asked about the same parameters of their callers.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn committed_parameter(db: &dyn Db, of: FunctionRef, index: u32) -> bool {
    callers(db, of).iter().any(|site| commits_behind(db, of, site, index))
}

/// Whether the session that an object holds in an attribute is committed behind a call of one of its methods, or by whoever
/// handed it in when the object was made. A query of its own, as [`committed_parameter`].
#[salsa::tracked(returns(copy), cycle_result = not_committed_attribute)]
fn committed_attribute(db: &dyn Db, of: FunctionRef, class: ClassRef, name: Name) -> bool {
    let Value::Session(held) = attribute(db, class, name) else { return false };
    let SessionOrigin::Param(index) = held.origin else { return false };
    let init = attribute_method(db, class, name)
        .filter(|method| head(db, *method).is_some_and(|body| body.name == "__init__"));
    let Some(init) = init else { return false };
    let made = constructions(db, class);
    // Nobody is seen to make one: a container does.
    if made.iter().all(|site| crate::entry::is_by_hand(db, site.function.file))
        && container_commits_in(db, class, held.is_async)
    {
        return true;
    }
    made.iter().any(|site| commits_behind(db, init, site, index))
        || callers(db, of).iter().any(|site| {
            let EventKind::Call { object, .. } = &site.event else { return false };
            match object {
                Value::SelfObject if site.function != of => {
                    !crate::entry::is_by_hand(db, site.function.file)
                        && committed_attribute(db, site.function, class, name)
                }
                Value::Instance(instance) => argument_in(db, init, &instance.arguments, true, index)
                    .and_then(|given| crate::eval::handed_session(&given))
                    .is_some_and(|session| commits_behind_with(db, site, &session)),
                _ => false,
            }
        })
}

fn not_committed_attribute(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _class: ClassRef, _name: Name) -> bool {
    false
}

/// Whether the session that a call hands in is committed behind the call, or by whoever handed it to the caller.
fn commits_behind(db: &dyn Db, callee: FunctionRef, site: &CallSite, index: u32) -> bool {
    session_argument(db, callee, &site.event, index).is_some_and(|session| commits_behind_with(db, site, &session))
}

fn commits_behind_with(db: &dyn Db, site: &CallSite, session: &SessionValue) -> bool {
    !crate::entry::is_by_hand(db, site.function.file)
        && (commits_after(&unit_of(db, site.function), site.ordinal, session)
            || is_committed_later(db, site.function, session))
}

/// Whether a unit commits a session behind an event, itself or by leaving a transaction.
fn commits_after(unit: &Unit, at: u32, session: &SessionValue) -> bool {
    let behind = unit.numbered().any(|(ordinal, event)| {
        matches!(&event.kind, EventKind::Session { session: other, action: SessionAction::Commit, .. }
            if same_session(other, session))
            && unit.can_follow(at, ordinal)
    });
    let around = unit.events.get(at as usize).is_some_and(|event| {
        unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
            FrameKind::WithTransaction(other, kind) => kind.commits() && same_session(other, session),
            _ => false,
        })
    });
    behind || around
}
