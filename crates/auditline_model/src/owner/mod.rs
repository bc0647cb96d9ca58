//! Owners of sessions: who ends a transaction when a statement fails.

mod around;
mod asked;
mod bundled;
mod call_sites;
mod commits;
mod container;
mod convention;
mod current;
mod dependents;
mod ends;
mod flags;
mod given;
mod given_class;
mod given_extension;
mod heals;
mod hooks;
mod injected;
mod made;
mod on_commit;
mod on_request;
mod providers;
mod rows_on_request;
mod rows_on_update;
mod sharing;

use auditline_syntax::Name;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, VariableRef, head};
use crate::eval::value::{ArgName, InstanceOrigin, SessionOrigin, SessionValue, Value};
use crate::eval::{attribute, own_class};
use crate::place::Place;
use crate::symbols::Symbol;
use crate::unit::{EventKind, SessionAction, unit_of};

pub(crate) use around::is_quieted;
pub(crate) use bundled::{first_with_session_of, session_parameter};
pub(crate) use call_sites::argument_in;
pub use call_sites::{CallSite, argument_of, callers, constructions};
pub use commits::is_committed_later;
pub use convention::{Convention, convention, example_of_convention};
pub use dependents::users_of_dependency;
pub use ends::{Ender, ender};
pub use flags::owner_for;
pub(crate) use given::{given_factory, kept_factory};
pub(crate) use given_class::{given_class, kept_class};
pub(crate) use given_extension::is_given_extension;
pub use heals::heals;
pub use injected::{Injected, injected};
pub(crate) use injected::{inner_functions, is_outer_param};
pub use made::is_made_aside;
pub use on_commit::on_commit;
pub use on_request::{OnRequest, is_request_state, on_request};
pub use providers::{OnFailure, Provider, ends_its_session, handed_out, is_committed_around, provider};
pub use rows_on_request::{RowOnRequest, current_user, row_on_request};
pub use rows_on_update::row_on_update;
pub use sharing::{SharedObject, is_application_state, kept_session, shared_object};

/// Who ends a session's transaction when a statement fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ownership {
    /// Somebody rolls back or closes.
    Managed {
        /// Whether leaving normally commits.
        commits: bool,
    },
    /// Nobody does, and that is proved.
    Unmanaged(Lack),
    /// It cannot be told.
    Unknown,
}

/// Why nobody ends a session's transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// Where the session comes from.
    pub source: Source,
    /// Whether concurrent requests share it.
    pub shared: bool,
    /// The places that prove it, with what stands there.
    pub evidence: Vec<(Place, String)>,
}

/// Where an unmanaged session comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Opened in the function itself.
    Opened,
    /// Handed out by that function, which opens it.
    Accessor(FunctionRef),
    /// Handed out by that dependency, which does not close it.
    Dependency(FunctionRef),
    /// Held by an object's attribute.
    Attribute(ClassRef, Name),
    /// Held by a module-level variable.
    Global(VariableRef),
    /// Kept on the request by that function.
    Middleware(FunctionRef),
    /// Passed by that decorator.
    Decorator(FunctionRef),
    /// Handed in by that caller.
    Caller(FunctionRef),
}

impl Ownership {
    fn join(self, other: Self) -> Self {
        match (self, other) {
            (lack @ Self::Unmanaged(_), _) | (_, lack @ Self::Unmanaged(_)) => lack,
            (Self::Managed { commits: one }, Self::Managed { commits: two }) => Self::Managed { commits: one && two },
            _ => Self::Unknown,
        }
    }
}

/// How deep a chain of callers, attributes and accessors is followed.
const DEPTH: u32 = 6;

/// Who ends the transaction of a session of that function's unit when a statement fails, besides the function itself.
#[must_use]
pub fn owner(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> Ownership {
    owner_within(db, of, session, DEPTH)
}

fn owner_within(db: &dyn Db, of: FunctionRef, session: &SessionValue, depth: u32) -> Ownership {
    let Some(depth) = depth.checked_sub(1) else { return Ownership::Unknown };
    match &session.origin {
        SessionOrigin::Scoped(_) | SessionOrigin::Registry(_) => Ownership::Managed { commits: false },
        SessionOrigin::Begun(_) => Ownership::Managed { commits: true },
        SessionOrigin::Context(function) => match provider(db, *function) {
            Some(provider) => {
                let commits = providers::context_commits(db, of, *function);
                by_provider(*function, Provider { commits, ..provider })
            }
            None => Ownership::Unknown,
        },
        SessionOrigin::ContextClass(class) => context_class(db, *class),
        SessionOrigin::Dependency(Symbol::Function(function)) => dependency(db, *function, depth),
        // Whoever gives a session is judged where he has it; the function's own ends with what opens it.
        SessionOrigin::GivenOrOwn(_)
        | SessionOrigin::GivenOrKept(..)
        | SessionOrigin::Dependency(_)
        | SessionOrigin::Unknown => Ownership::Unknown,
        SessionOrigin::Opened(_) => opened(db, of, session),
        SessionOrigin::Returned(accessor, inner) => returned(db, of, session, *accessor, inner, depth),
        SessionOrigin::Global(variable) => global(db, *variable),
        SessionOrigin::Current(variable) => current::owner_of_current(db, *variable, depth),
        SessionOrigin::ClassAttribute(class, name) => Ownership::Unmanaged(Lack {
            source: Source::Attribute(*class, *name),
            shared: true,
            evidence: vec![(
                Place::Attribute(*class, *name),
                format!("`{name}` is held by the class, and every request shares it"),
            )],
        }),
        SessionOrigin::SelfAttribute(class, name) => attribute_owner(db, *class, *name, depth),
        SessionOrigin::ObjectAttribute(object, name) => match &**object {
            Value::Instance(instance) => match instance.origin {
                InstanceOrigin::Constructed => {
                    constructed_attribute(db, of, instance.class, *name, &instance.arguments, depth)
                }
                _ => attribute_owner(db, instance.class, *name, depth),
            },
            state if is_request_state(state) => on_request::owner_on_request(db, *name),
            _ => Ownership::Unknown,
        },
        SessionOrigin::Param(index) => param_owner(db, of, *index, depth, &|_| true),
    }
}

fn by_provider(function: FunctionRef, provider: Provider) -> Ownership {
    match provider.on_failure {
        OnFailure::Closes | OnFailure::RollsBack { .. } => Ownership::Managed { commits: provider.commits },
        OnFailure::Nothing => Ownership::Unmanaged(Lack {
            source: Source::Dependency(function),
            shared: false,
            evidence: vec![(
                Place::Function(function),
                format!(
                    "`{}` hands out the session, and neither rolls back nor closes it when its user fails",
                    classes::simple(function.path)
                ),
            )],
        }),
        OnFailure::Unknown => Ownership::Unknown,
    }
}

fn dependency(db: &dyn Db, of: FunctionRef, depth: u32) -> Ownership {
    if let Some(provider) = provider(db, of) {
        return by_provider(of, provider);
    }
    let unit = unit_of(db, of);
    match &unit.returns {
        Value::Session(session) => match &session.origin {
            SessionOrigin::Opened(_) => Ownership::Unmanaged(Lack {
                source: Source::Dependency(of),
                shared: false,
                evidence: vec![(
                    Place::Function(of),
                    format!("`{}` returns a session that nobody closes", classes::simple(of.path)),
                )],
            }),
            _ => owner_within(db, of, session, depth),
        },
        _ => Ownership::Unknown,
    }
}

/// A session that the function opens itself, outside a `with`.
fn opened(db: &dyn Db, of: FunctionRef, session: &SessionValue) -> Ownership {
    let unit = unit_of(db, of);
    let escapes = unit.events.iter().any(|event| match &event.kind {
        EventKind::Return(value) | EventKind::Yield(value) => holds(value, session),
        EventKind::Store { value, .. } => holds(value, session),
        _ => false,
    });
    if escapes {
        return Ownership::Unknown;
    }
    let under_with = unit.frames.iter().any(|frame| {
        matches!(&frame.kind, crate::unit::FrameKind::WithSession(held) if crate::unit::same_session(held, session))
    });
    if under_with {
        return Ownership::Managed { commits: false };
    }
    let open = unit.numbered().find(
        |(_, event)| matches!(&event.kind, EventKind::Open(opened) if crate::unit::same_session(opened, session)),
    );
    let mut evidence = Vec::new();
    if let Some((_, event)) = open {
        let closes = unit.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Session { session: other, action: SessionAction::Close, .. }
                if crate::unit::same_session(other, session))
        });
        let what = if closes {
            "the session is opened here, and closed only when nothing fails"
        } else {
            "the session is opened here, and nothing closes it"
        };
        evidence.push((Place::InFunction(of, event.range), what.to_owned()));
    }
    Ownership::Unmanaged(Lack { source: Source::Opened, shared: false, evidence })
}

fn holds(value: &Value, session: &SessionValue) -> bool {
    match value {
        Value::Session(held) => crate::unit::same_session(held, session),
        Value::Instance(instance) => instance.arguments.iter().any(|(_, value)| holds(value, session)),
        Value::Tuple(values) => values.iter().any(|value| holds(value, session)),
        Value::Many(inner) => holds(inner, session),
        _ => false,
    }
}

fn returned(
    db: &dyn Db,
    of: FunctionRef,
    session: &SessionValue,
    accessor: FunctionRef,
    inner: &SessionOrigin,
    depth: u32,
) -> Ownership {
    let name = classes::simple(accessor.path);
    if classes::is_cached(db, accessor) {
        return Ownership::Unmanaged(Lack {
            source: Source::Accessor(accessor),
            shared: true,
            evidence: vec![(
                Place::Function(accessor),
                format!("`{name}` is cached, so that every caller gets the same session"),
            )],
        });
    }
    match inner {
        SessionOrigin::Opened(_) => match opened(db, of, session) {
            Ownership::Unmanaged(lack) => {
                let mut evidence = vec![(
                    Place::Function(accessor),
                    format!("`{name}` opens the session and leaves it to its caller"),
                )];
                evidence.extend(lack.evidence);
                Ownership::Unmanaged(Lack { source: Source::Accessor(accessor), shared: false, evidence })
            }
            other => other,
        },
        SessionOrigin::Global(variable) => global(db, *variable),
        SessionOrigin::ClassAttribute(..) | SessionOrigin::SelfAttribute(..) => {
            let session = SessionValue { origin: inner.clone(), ..session.clone() };
            owner_within(db, accessor, &session, depth)
        }
        _ => Ownership::Unknown,
    }
}

fn global(db: &dyn Db, variable: VariableRef) -> Ownership {
    // A script's own session is no shared one.
    if crate::entry::is_script(db, variable.file) {
        return Ownership::Unknown;
    }
    Ownership::Unmanaged(Lack {
        source: Source::Global(variable),
        shared: true,
        evidence: vec![(
            Place::Variable(variable),
            format!("`{}` is one session for the whole process", variable.name),
        )],
    })
}

/// The method that runs when a `with` on an object of the class is left.
pub(crate) fn exit_of(db: &dyn Db, class: ClassRef) -> Option<FunctionRef> {
    ["__exit__", "__aexit__"].into_iter().find_map(|name| classes::method(db, class, Name::new(name)))
}

fn context_class(db: &dyn Db, class: ClassRef) -> Ownership {
    let Some(exit) = exit_of(db, class) else { return Ownership::Unknown };
    let effect = crate::unit::effect(db, exit, Some(class));
    let does = |wanted: SessionAction| {
        effect
            .operations
            .iter()
            .any(|operation| matches!(&operation.kind, EventKind::Session { action, .. } if *action == wanted))
    };
    if does(SessionAction::Rollback) || does(SessionAction::Close) {
        Ownership::Managed { commits: does(SessionAction::Commit) }
    } else {
        Ownership::Unknown
    }
}

/// The owner of a session that objects of a class hold.
fn attribute_owner(db: &dyn Db, class: ClassRef, name: Name, depth: u32) -> Ownership {
    let Some(depth) = depth.checked_sub(1) else { return Ownership::Unknown };
    let Value::Session(session) = attribute(db, class, name) else { return Ownership::Unknown };
    match &session.origin {
        SessionOrigin::Opened(_) | SessionOrigin::Returned(_, _) => {
            let bare = match &session.origin {
                SessionOrigin::Returned(accessor, inner) => {
                    !classes::is_cached(db, *accessor) && matches!(**inner, SessionOrigin::Opened(_))
                }
                _ => true,
            };
            if !bare {
                let method = crate::eval::attribute_method(db, class, name);
                return method.map_or(Ownership::Unknown, |method| owner_within(db, method, &session, depth));
            }
            if let Some(shared) = shared_object(db, class) {
                let mut evidence = vec![(
                    Place::Class(class),
                    format!("objects of `{}` keep one session in `{name}`", classes::simple(class.path)),
                )];
                evidence.push((shared.place, shared.message));
                return Ownership::Unmanaged(Lack { source: Source::Attribute(class, name), shared: true, evidence });
            }
            if ends_attribute(db, class, name) {
                let commits =
                    exit_of(db, class).is_some_and(|exit| does(db, class, exit, name, &[SessionAction::Commit]));
                return if commits { Ownership::Managed { commits } } else { Ownership::Unknown };
            }
            Ownership::Unmanaged(Lack {
                source: Source::Attribute(class, name),
                shared: false,
                evidence: vec![(
                    Place::Class(class),
                    format!(
                        "objects of `{}` open a session into `{name}`, and no method closes it or rolls it back",
                        classes::simple(class.path)
                    ),
                )],
            })
        }
        SessionOrigin::Param(index) => {
            let Some(method) = crate::eval::attribute_method(db, class, name) else { return Ownership::Unknown };
            if head(db, method).is_none_or(|body| body.name != "__init__") {
                return Ownership::Unknown;
            }
            let mut result: Option<Ownership> = None;
            let served = constructions(db, class);
            for site in served.iter().filter(|site| !crate::entry::is_test(db, site.function.file)) {
                let one = match call_sites::session_argument(db, method, &site.event, *index) {
                    Some(session) => {
                        if is_guarded(db, site, &session) {
                            Ownership::Managed { commits: false }
                        } else {
                            handed_to(db, site, (class, name), owner_within(db, site.function, &session, depth))
                        }
                    }
                    None => Ownership::Unknown,
                };
                result = Some(match result {
                    Some(before) => before.join(one),
                    None => one,
                });
            }
            result.unwrap_or(Ownership::Unknown)
        }
        SessionOrigin::SelfAttribute(..) | SessionOrigin::ObjectAttribute(..) => Ownership::Unknown,
        _ => {
            let method = crate::eval::attribute_method(db, class, name);
            method.map_or(Ownership::Unknown, |method| owner_within(db, method, &session, depth))
        }
    }
}

/// What is said of a session that whoever constructs an object has opened for it: the methods of the object only use it.
fn handed_to(db: &dyn Db, site: &CallSite, (class, name): (ClassRef, Name), owner: Ownership) -> Ownership {
    match owner {
        Ownership::Unmanaged(mut lack) if lack.source == Source::Opened => {
            let object = classes::simple(class.path);
            // A constructor is known by the class whose objects it makes.
            let maker = match own_class(db, site.function) {
                Some(maker) => classes::simple(maker.path),
                None => classes::simple(site.function.path),
            };
            let message = format!("`{maker}` opens the session that it hands to `{object}`, and nobody ends it");
            lack.evidence = vec![(Place::Event(site.function, site.ordinal), message)];
            lack.source = Source::Attribute(class, name);
            Ownership::Unmanaged(lack)
        }
        other => other,
    }
}

/// Whether a method of the class closes the session in an attribute, or rolls it back.
fn ends_attribute(db: &dyn Db, class: ClassRef, name: Name) -> bool {
    let ends = |method| does(db, class, method, name, &[SessionAction::Close, SessionAction::Rollback]);
    classes::all_methods(db, class).into_iter().any(ends)
}

/// Whether a method does one of these to the session in an attribute.
fn does(db: &dyn Db, class: ClassRef, method: FunctionRef, name: Name, wanted: &[SessionAction]) -> bool {
    crate::unit::unit(db, method, Some(class)).events.iter().any(|event| match &event.kind {
        EventKind::Session { session, action, .. } => {
            wanted.contains(action) && matches!(&session.origin, SessionOrigin::SelfAttribute(_, held) if *held == name)
        }
        _ => false,
    })
}

fn constructed_attribute(
    db: &dyn Db,
    of: FunctionRef,
    class: ClassRef,
    name: Name,
    arguments: &[(ArgName, Value)],
    depth: u32,
) -> Ownership {
    let Value::Session(session) = attribute(db, class, name) else { return Ownership::Unknown };
    match &session.origin {
        SessionOrigin::Param(index) => {
            let Some(method) = crate::eval::attribute_method(db, class, name) else { return Ownership::Unknown };
            let given = argument_in(db, method, arguments, true, *index);
            match given.as_ref().and_then(crate::eval::handed_session) {
                Some(session) => owner_within(db, of, &session, depth),
                None => Ownership::Unknown,
            }
        }
        _ => attribute_owner(db, class, name, depth),
    }
}

/// The owner of a session parameter: the owners of those callers that count, joined.
fn param_owner(db: &dyn Db, of: FunctionRef, index: u32, depth: u32, counts: &dyn Fn(&CallSite) -> bool) -> Ownership {
    let Some(depth) = depth.checked_sub(1) else { return Ownership::Unknown };
    let passed = injected(db, of, index);
    let mut result = passed.as_ref().map(|passed| injected_owner(db, passed, depth));
    for site in callers(db, of).iter() {
        if crate::entry::is_test(db, site.function.file) || !counts(site) {
            continue;
        }
        let one = match argument_of(db, of, &site.event, index) {
            None | Some(Value::None) if passed.is_some() => continue,
            Some(Value::Session(session)) => {
                if is_guarded(db, site, &session) {
                    Ownership::Managed { commits: false }
                } else if crate::entry::is_command(db, site.function) {
                    Ownership::Unknown
                } else {
                    match owner_within(db, site.function, &session, depth) {
                        Ownership::Unmanaged(mut lack) => {
                            lack.evidence.insert(
                                0,
                                (
                                    Place::Event(site.function, site.ordinal),
                                    format!(
                                        "`{}` hands in a session that nobody rolls back",
                                        classes::simple(site.function.path)
                                    ),
                                ),
                            );
                            lack.source = Source::Caller(site.function);
                            Ownership::Unmanaged(lack)
                        }
                        other => other,
                    }
                }
            }
            _ => Ownership::Unknown,
        };
        result = Some(match result {
            Some(before) => before.join(one),
            None => one,
        });
    }
    result.unwrap_or(Ownership::Unknown)
}

/// The owner of a session that a decorator passes: what it does around the call of the function under it.
fn injected_owner(db: &dyn Db, passed: &Injected, depth: u32) -> Ownership {
    let commits = unit_of(db, passed.by).numbered().any(|(ordinal, event)| {
        ordinal > passed.at
            && matches!(&event.kind, EventKind::Session { session, action: SessionAction::Commit, .. }
                if crate::unit::same_session(session, &passed.session))
    });
    if unit_of(db, passed.by).guard(passed.at, &passed.session).is_some() {
        return Ownership::Managed { commits };
    }
    match owner_within(db, passed.by, &passed.session, depth) {
        Ownership::Unmanaged(mut lack) => {
            let name = classes::simple(passed.decorator.path);
            let message = format!("`{name}` passes a session that nobody rolls back or closes when the function fails");
            lack.evidence.insert(0, (Place::Event(passed.by, passed.at), message));
            lack.source = Source::Decorator(passed.decorator);
            Ownership::Unmanaged(lack)
        }
        Ownership::Managed { commits: by_owner } => Ownership::Managed { commits: commits || by_owner },
        Ownership::Unknown => Ownership::Unknown,
    }
}

fn is_guarded(db: &dyn Db, site: &CallSite, session: &SessionValue) -> bool {
    unit_of(db, site.function).guard(site.ordinal, session).is_some()
}

/// The class of `self` in a function, for those who only have the function.
#[must_use]
pub fn class_of(db: &dyn Db, of: FunctionRef) -> Option<ClassRef> {
    own_class(db, of)
}
