//! What a session does with its rows when it commits.

use auditline_syntax::Name;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval::attribute_method;
use crate::eval::value::{OnCommit, SessionOrigin, SessionValue, Value};
use crate::eval::{attribute, own_class};
use crate::names::files_mentioning;
use crate::unit::{EventKind, unit_of};

use super::call_sites::session_argument;
use super::{argument_of, callers, constructions};

/// How deep a chain of callers and attributes is followed.
const DEPTH: u32 = 4;

/// What a session of that function's unit does with its rows when it commits, by whoever made it: where that is not seen,
/// by what the whole project says of its sessions.
#[must_use]
pub fn on_commit(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> OnCommit {
    // `session.expire_on_commit = False`
    let set_here = unit_of(db, of).events.iter().any(|event| {
        matches!(&event.kind, EventKind::Store { object: Value::Session(_), attribute, .. } if *attribute == "expire_on_commit")
    });
    if set_here {
        return OnCommit::Unknown;
    }
    match within(db, of, session, DEPTH) {
        OnCommit::Unknown if expires_everywhere(db, crate::db::Settings::get(db)) => OnCommit::Expires,
        known => known,
    }
}

fn within(db: &dyn Db, of: FunctionRef, session: &SessionValue, depth: u32) -> OnCommit {
    if session.on_commit != OnCommit::Unknown {
        return session.on_commit;
    }
    let Some(depth) = depth.checked_sub(1) else { return OnCommit::Unknown };
    match &session.origin {
        SessionOrigin::Param(index) => joined(callers(db, of).iter().filter_map(|site| {
            if crate::entry::is_test(db, site.function.file) {
                return None;
            }
            Some(match argument_of(db, of, &site.event, *index) {
                Some(Value::Session(session)) => within(db, site.function, &session, depth),
                _ => OnCommit::Unknown,
            })
        })),
        SessionOrigin::SelfAttribute(class, name) | SessionOrigin::GivenOrKept(_, class, name) => {
            of_attribute(db, *class, *name, depth)
        }
        // Another object keeps it: a service its repository, a request's handler its service.
        SessionOrigin::ObjectAttribute(object, name) => match &**object {
            Value::Instance(instance) => of_attribute(db, instance.class, *name, depth),
            _ => OnCommit::Unknown,
        },
        _ => OnCommit::Unknown,
    }
}

/// What the sessions that objects of a class keep in an attribute do.
fn of_attribute(db: &dyn Db, class: ClassRef, name: Name, depth: u32) -> OnCommit {
    let Value::Session(held) = attribute(db, class, name) else { return OnCommit::Unknown };
    let Some(method) = attribute_method(db, class, name) else { return OnCommit::Unknown };
    if held.on_commit != OnCommit::Unknown {
        return held.on_commit;
    }
    let SessionOrigin::Param(index) = &held.origin else { return OnCommit::Unknown };
    let handed_in = joined(constructions(db, class).iter().filter_map(|site| {
        if crate::entry::is_test(db, site.function.file) {
            return None;
        }
        Some(match session_argument(db, method, &site.event, *index) {
            Some(session) => within(db, site.function, &session, depth),
            _ => OnCommit::Unknown,
        })
    }));
    match handed_in {
        // Made by the framework: the constructor's own dependency says what it gets.
        OnCommit::Unknown if own_class(db, method) == Some(class) => within(db, method, &held, depth),
        known => known,
    }
}

fn joined(of: impl Iterator<Item = OnCommit>) -> OnCommit {
    of.reduce(OnCommit::join).unwrap_or_default()
}

/// Libraries that make a project's sessions with defaults of their own.
const OWN_DEFAULTS: &[&str] = &[
    "advanced_alchemy",
    "fastapi_async_sqlalchemy",
    "fastapi_sqla",
    "fastapi_sqlalchemy",
    "flask_sqlalchemy",
    "litestar",
    "zope",
];

/// Whether nothing in the project says that a session keeps its rows, and the project makes its sessions itself.
#[salsa::tracked(returns(copy))]
fn expires_everywhere(db: &dyn Db, _settings: crate::db::Settings) -> bool {
    let mentioned = |word: &str| files_mentioning(db, word).iter().any(|file| !crate::entry::is_test(db, *file));
    !mentioned("expire_on_commit")
        && !mentioned("session_options")
        && !OWN_DEFAULTS.iter().any(|library| mentioned(library))
        && (mentioned("create_engine") || mentioned("create_async_engine"))
        && (mentioned("sessionmaker")
            || mentioned("async_sessionmaker")
            || mentioned("Session")
            || mentioned("AsyncSession"))
}
