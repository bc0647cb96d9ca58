//! Sessions that roll themselves back: classes of the workspace whose own `commit` or `flush` cleans up after its failure.

use std::sync::Arc;

use auditline_syntax::Name;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, Settings, SourceFile, parsed};
use crate::eval::construct::session_class;
use crate::eval::libraries::Known;
use crate::eval::value::{SessionClass, SessionOrigin, SessionValue, Value};
use crate::eval::{attribute, attribute_method, own_class};
use crate::names::{files_mentioning_in, mentions};
use crate::shards::{Shard, python_files_of};
use crate::symbols::Symbol;
use crate::unit::{EventKind, SessionAction, unit, unit_of};

use super::call_sites::session_argument;
use super::{callers, constructions};

/// How deep a chain of callers and attributes is followed.
const DEPTH: u32 = 4;

/// The methods that a session class may override to clean up after itself.
const HEALING: &[&str] = &["commit", "flush"];

/// Whether a session of that function's unit has been rolled back when that action on it has failed, by its own class:
/// `def commit(self)` calls `super().commit()`, and rolls back when that raises.
///
/// Where it is not seen who made the session, by what the project makes elsewhere: where some of its sessions roll
/// themselves back and none is seen that does not, this one may do so.
#[must_use]
pub fn heals(db: &dyn Db, of: FunctionRef, session: &SessionValue, action: SessionAction) -> bool {
    let method = match action {
        SessionAction::Commit => "commit",
        SessionAction::Flush => "flush",
        _ => return false,
    };
    let settings = Settings::get(db);
    if !has_healing(db, settings) {
        return false;
    }
    let method = Name::new(method);
    let mut seen = Seen::default();
    follow(db, of, session, &mut seen, DEPTH);
    if seen.is_empty() {
        for shard in Shard::all() {
            seen.add(opened_in_shard(db, shard, settings).like(session));
        }
    }
    !seen.library && !seen.own.is_empty() && seen.own.iter().all(|class| class_heals(db, *class, method))
}

/// Whether a method of a session class rolls the session back when the method of SQLAlchemy's class that it calls fails.
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
fn class_heals(db: &dyn Db, class: ClassRef, method: Name) -> bool {
    classes::method(db, class, method).is_some_and(|method| method_heals(db, class, method))
}

fn method_heals(db: &dyn Db, class: ClassRef, method: FunctionRef) -> bool {
    let unit = unit(db, method, Some(class));
    let name = classes::simple(method.path);
    let mut tried = false;
    for (ordinal, event) in unit.numbered() {
        match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit | SessionAction::Flush, by: None, .. }
                if session.class == SessionClass::Own(class) =>
            {
                if unit.guard(ordinal, session).is_none() {
                    return false;
                }
                tried = true;
            }
            // The class between it and SQLAlchemy's looks after itself.
            EventKind::Call { callee, .. }
                if *callee != method
                    && classes::simple(callee.path) == name
                    && own_class(db, *callee).is_some_and(|own| classes::mro(db, class).contains(&own)) =>
            {
                if !method_heals(db, class, *callee) {
                    return false;
                }
                tried = true;
            }
            _ => {}
        }
    }
    tried
}

/// Of which classes the sessions are that may come to a place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Seen {
    /// Whether one is of a library's class.
    library: bool,
    /// The classes of the workspace.
    own: Vec<ClassRef>,
}

impl Seen {
    fn is_empty(&self) -> bool {
        !self.library && self.own.is_empty()
    }

    fn see(&mut self, class: SessionClass) {
        match class {
            SessionClass::Library => self.library = true,
            SessionClass::Own(class) if !self.own.contains(&class) => self.own.push(class),
            SessionClass::Own(_) | SessionClass::Unknown => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.library |= other.library;
        other.own.iter().for_each(|class| self.see(SessionClass::Own(*class)));
    }
}

/// The sessions that are opened in a part of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Opened {
    plain: Seen,
    asynchronous: Seen,
}

impl Opened {
    /// Those that a session may be one of.
    fn like(&self, session: &SessionValue) -> &Seen {
        if session.is_async == Some(true) { &self.asynchronous } else { &self.plain }
    }
}

fn follow(db: &dyn Db, of: FunctionRef, session: &SessionValue, seen: &mut Seen, depth: u32) {
    if session.class != SessionClass::Unknown {
        seen.see(session.class);
        return;
    }
    let Some(depth) = depth.checked_sub(1) else { return };
    match &session.origin {
        SessionOrigin::Param(index) | SessionOrigin::GivenOrOwn(index) => {
            handed_in(db, of, *index, callers(db, of).iter(), seen, depth);
        }
        SessionOrigin::Dependency(Symbol::Function(provider)) | SessionOrigin::Context(provider) => {
            let unit = unit_of(db, *provider);
            for value in [&unit.yields, &unit.returns] {
                if let Value::Session(session) = value {
                    follow(db, *provider, session, seen, depth);
                }
            }
        }
        SessionOrigin::SelfAttribute(class, name) => {
            let Value::Session(held) = attribute(db, *class, *name) else { return };
            if held.class != SessionClass::Unknown {
                seen.see(held.class);
                return;
            }
            let Some(method) = attribute_method(db, *class, *name) else { return };
            match held.origin {
                SessionOrigin::Param(index) => {
                    handed_in(db, method, index, constructions(db, *class).iter(), seen, depth);
                }
                SessionOrigin::SelfAttribute(..) => {}
                _ => follow(db, method, &held, seen, depth),
            }
        }
        _ => {}
    }
}

fn handed_in<'a>(
    db: &dyn Db,
    callee: FunctionRef,
    index: u32,
    sites: impl Iterator<Item = &'a super::CallSite>,
    seen: &mut Seen,
    depth: u32,
) {
    for site in sites {
        if crate::entry::is_aside(db, site.function.file) {
            continue;
        }
        if let Some(session) = session_argument(db, callee, &site.event, index) {
            follow(db, site.function, &session, seen, depth);
        }
    }
}

/// Whether any session class of the workspace cleans up after itself: seldom, and then nothing else needs to be asked.
#[salsa::tracked(returns(copy))]
fn has_healing(db: &dyn Db, settings: Settings) -> bool {
    Shard::all().any(|shard| has_healing_in(db, shard, settings))
}

#[salsa::tracked(returns(copy))]
fn has_healing_in(db: &dyn Db, shard: Shard, _settings: Settings) -> bool {
    files_mentioning_in(db, "rollback", shard)
        .iter()
        .any(|file| mentions(db, *file, "super") && !crate::entry::is_aside(db, *file) && declares_healing(db, *file))
}

#[salsa::tracked(returns(copy))]
fn declares_healing(db: &dyn Db, file: SourceFile) -> bool {
    parsed(db, file).module.classes.iter().any(|class| {
        let class = ClassRef { file, path: class.path };
        matches!(session_class(db, class), Some(Known::SessionClass(_)))
            && HEALING.iter().any(|method| class_heals(db, class, Name::new(method)))
    })
}

#[salsa::tracked(returns(clone))]
fn opened_in_shard(db: &dyn Db, shard: Shard, settings: Settings) -> Arc<Opened> {
    let mut total = Opened::default();
    for file in python_files_of(db, shard, settings).iter() {
        if crate::entry::is_aside(db, *file) {
            continue;
        }
        let opened = opened_in(db, *file);
        total.plain.add(&opened.plain);
        total.asynchronous.add(&opened.asynchronous);
    }
    Arc::new(total)
}

#[salsa::tracked(returns(clone))]
fn opened_in(db: &dyn Db, file: SourceFile) -> Arc<Opened> {
    let mut opened = Opened::default();
    for body in &parsed(db, file).module.functions {
        for event in &unit_of(db, FunctionRef { file, path: body.path }).events {
            if let EventKind::Open(session) = &event.kind {
                let kind = if session.is_async == Some(true) { &mut opened.asynchronous } else { &mut opened.plain };
                kind.see(session.class);
            }
        }
    }
    Arc::new(opened)
}
