//! Sessions that a middleware keeps on the request, `request.state.db = SessionLocal()`, or a function of Flask's: `g.db = …`.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, Function, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::classes;
use crate::db::{Db, FunctionRef, Settings, SourceFile, function, parsed};
use crate::eval::value::{SessionValue, Value};
use crate::names::{self, files_mentioning};
use crate::place::Place;
use crate::symbols::Symbol;
use crate::unit::{EventKind, unit_of};

use super::providers::{OnFailure, at_moment};
use super::{Lack, Ownership, Source};

/// A session that a function keeps on the request for whoever works on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnRequest {
    /// The function.
    pub by: FunctionRef,
    /// The ordinal of the event that keeps it.
    pub at: u32,
    /// The session, as that function sees it.
    pub session: Arc<SessionValue>,
}

/// Whether a value is what Starlette lets a middleware keep with a request: `request.state`. That of the application is
/// another one. Flask and Quart have one such object, `g`.
#[must_use]
pub fn is_request_state(object: &Value) -> bool {
    match object {
        Value::Symbol(Symbol::External(path)) => is_global_of_request(path),
        Value::Attribute(inner, name) if *name == "state" => matches!(&**inner, Value::Made(path)
            if matches!(path.as_str().rsplit('.').next(), Some("Request" | "WebSocket" | "HTTPConnection"))),
        _ => false,
    }
}

/// Whether a name from outside is what holds values as long as one request: <https://flask.palletsprojects.com/api/#flask.g>.
fn is_global_of_request(path: &str) -> bool {
    matches!(path, "flask.g" | "flask.globals.g" | "quart.g")
}

/// The session that stands in an attribute of `request.state` or of `g`; `None` where none does, or where several functions put one there.
#[must_use]
pub fn on_request(db: &dyn Db, attribute: Name) -> Option<OnRequest> {
    on_request_query(db, Settings::get(db), attribute)
}

#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn on_request_query(db: &dyn Db, _settings: Settings, attribute: Name) -> Option<OnRequest> {
    let mut found = None;
    for file in files_mentioning(db, &attribute).iter() {
        if crate::entry::is_test(db, *file) {
            continue;
        }
        for (name, by) in keepers(db, *file, ()).iter().filter(|(name, _)| *name == attribute) {
            for (at, event) in unit_of(db, *by).numbered() {
                let EventKind::Store { attribute: kept, value: Value::Session(session), .. } = &event.kind else {
                    continue;
                };
                if kept != name {
                    continue;
                }
                let one = OnRequest { by: *by, at, session: Arc::clone(session) };
                match &found {
                    None => found = Some(one),
                    Some(OnRequest { by: other, .. }) if other == by => {}
                    Some(_) => return None,
                }
            }
        }
    }
    found
}

/// The functions of a file that set an attribute of a request's state, with the attribute: a function that is handed the
/// request and what answers it, or one whose parameter is a request by its annotation.
#[salsa::tracked(returns(clone))]
pub(super) fn keepers(db: &dyn Db, file: SourceFile, _key: ()) -> Arc<[(Name, FunctionRef)]> {
    let mut found = Vec::new();
    for body in &parsed(db, file).module.functions {
        let of = FunctionRef { file, path: body.path };
        walk_statements(&body.code.block, &mut |stmt| {
            let targets: &[_] = match &stmt.kind {
                StmtKind::Assign { targets, .. } => targets,
                StmtKind::AnnAssign { target, .. } => std::slice::from_ref(target),
                _ => return,
            };
            for target in targets {
                let Expr::Attribute { value: state, attr } = &body.code[*target] else { continue };
                if matches!(names::resolve_in(db, of, &body.code, *state),
                    Symbol::External(path) if is_global_of_request(&path))
                {
                    found.push((*attr, of));
                } else if let Expr::Attribute { value: object, attr: held } = &body.code[*state]
                    && *held == "state"
                    && let Expr::Name(object) = &body.code[*object]
                    && is_request(db, of, body, *object)
                {
                    found.push((*attr, of));
                }
            }
        });
    }
    found.into()
}

/// Whether a variable of a function is the request: by its annotation, or because the function answers it by calling what it is
/// handed beside it.
fn is_request(db: &dyn Db, of: FunctionRef, body: &Function, name: Name) -> bool {
    let Some(param) = body.params.iter().find(|param| param.name == name) else { return false };
    if let Some(annotation) = param.annotation {
        return match classes::type_expr(db, of.file, Some(of), &body.code, annotation) {
            classes::TypeExpr::Symbol { symbol: Symbol::External(path), .. } => {
                matches!(path.as_str().rsplit('.').next(), Some("Request" | "WebSocket" | "HTTPConnection"))
            }
            _ => false,
        };
    }
    answers(body).is_some_and(|next| next != name)
}

/// The parameter that a function calls with another of its parameters: `call_next(request)`.
fn answers(body: &Function) -> Option<Name> {
    let is_param = |name: &Name| body.params.iter().any(|param| param.name == *name);
    body.code.exprs.iter().find_map(|expr| match expr {
        Expr::Call { func, args } => match (&body.code[*func], args.as_slice()) {
            (Expr::Name(next), [only]) if is_param(next) => {
                matches!(&body.code[only.value], Expr::Name(given) if is_param(given)).then_some(*next)
            }
            _ => None,
        },
        _ => None,
    })
}

/// The owner of a session that is kept on the request: what its keeper does around the call that answers the request.
pub(super) fn owner_on_request(db: &dyn Db, attribute: Name) -> Ownership {
    let Some(kept) = on_request(db, attribute) else { return Ownership::Unknown };
    let Some(body) = function(db, kept.by) else { return Ownership::Unknown };
    let unit = unit_of(db, kept.by);
    let answered = unit
        .numbered()
        .skip(kept.at as usize)
        .find(|(_, event)| matches!(event.kind, EventKind::Await) && answers_at(&body, event.range));
    let Some((ordinal, _)) = answered else { return Ownership::Unknown };
    let (on_failure, commits) = at_moment(db, kept.by, &unit, ordinal, &kept.session);
    match on_failure {
        OnFailure::Closes | OnFailure::RollsBack { .. } => Ownership::Managed { commits },
        OnFailure::Nothing => Ownership::Unmanaged(Lack {
            source: Source::Middleware(kept.by),
            shared: false,
            evidence: vec![(
                Place::Event(kept.by, kept.at),
                format!(
                    "`{}` keeps the session on the request, and neither rolls back nor closes it when that fails",
                    classes::simple(kept.by.path)
                ),
            )],
        }),
        OnFailure::Unknown => Ownership::Unknown,
    }
}

fn answers_at(body: &Function, range: auditline_syntax::TextRange) -> bool {
    let Some(next) = answers(body) else { return false };
    body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, own)| {
        matches!(expr, Expr::Call { func, .. }
            if range.contains_range(*own) && matches!(&body.code[*func], Expr::Name(name) if *name == next))
    })
}
