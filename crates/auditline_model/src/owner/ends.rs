//! Who ends a session while work with it may still run.

use crate::db::{Db, FunctionRef, head};
use crate::eval::value::{SessionOrigin, SessionValue, Value};
use crate::eval::{attribute, attribute_method};
use crate::symbols::Symbol;

use super::call_sites::session_argument;
use super::{OnFailure, argument_of, callers, constructions, provider};

/// How deep a chain of callers and attributes is followed.
const DEPTH: u32 = 4;

/// Who ends a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ender {
    /// That dependency, with the request.
    Dependency(FunctionRef),
    /// A `with` in that function.
    Scope(FunctionRef),
}

/// Who ends a session that a function works with, in one caller at least: a dependency of the framework with its request, or
/// a `with`; `None` where nobody is known to.
#[must_use]
pub fn ender(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> Option<Ender> {
    ender_within(db, of, session, DEPTH)
}

fn ender_within(db: &dyn Db, of: FunctionRef, session: &SessionValue, depth: u32) -> Option<Ender> {
    let depth = depth.checked_sub(1)?;
    match &session.origin {
        SessionOrigin::Dependency(Symbol::Function(by)) => provider(db, *by)
            .filter(|provider| provider.on_failure == OnFailure::Closes)
            .map(|_| Ender::Dependency(*by)),
        SessionOrigin::Scoped(_) | SessionOrigin::Begun(_) => Some(Ender::Scope(of)),
        SessionOrigin::Context(by) => {
            provider(db, *by).filter(|provider| provider.on_failure == OnFailure::Closes).map(|_| Ender::Scope(of))
        }
        SessionOrigin::Param(index) => callers(db, of).iter().find_map(|site| {
            if crate::entry::is_test(db, site.function.file) {
                return None;
            }
            match argument_of(db, of, &site.event, *index) {
                // A caller that waits for the work keeps its scope open; a request's end nobody can put off.
                Some(Value::Session(session)) => ender_within(db, site.function, &session, depth)
                    .filter(|ender| matches!(ender, Ender::Dependency(_))),
                _ => None,
            }
        }),
        SessionOrigin::SelfAttribute(class, name) => {
            let Value::Session(held) = attribute(db, *class, *name) else { return None };
            let method = attribute_method(db, *class, *name)?;
            if head(db, method).is_none_or(|body| body.name != "__init__") {
                return None;
            }
            match &held.origin {
                SessionOrigin::Param(index) => constructions(db, *class).iter().find_map(|site| {
                    if crate::entry::is_test(db, site.function.file) {
                        return None;
                    }
                    match session_argument(db, method, &site.event, *index) {
                        Some(session) => ender_within(db, site.function, &session, depth)
                            .filter(|ender| matches!(ender, Ender::Dependency(_))),
                        _ => None,
                    }
                }),
                SessionOrigin::Dependency(_) => ender_within(db, method, &held, depth),
                _ => None,
            }
        }
        _ => None,
    }
}
