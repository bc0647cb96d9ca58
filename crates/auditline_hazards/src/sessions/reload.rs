//! Expired rows: what is said of them, and the cure that loads them again.

use auditline_model::eval::own_class;
use auditline_model::eval::value::{SessionOrigin, SessionValue, Value};
use auditline_model::unit::{EventKind, Expired, Expiry, Handed, How, Unit, expired, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, function, head};
use auditline_syntax::python::ir::{Expr, Function};
use auditline_syntax::python::{Call, dotted, walk_statements};
use auditline_syntax::{Name, TextRange};

use crate::check::is_silent;
use crate::edit::{self, RowReload as Reload, Scope};
use crate::finding::{Evidence, Fix, Place, Safety};

/// The reads of expired rows in a function that is production code.
pub(super) fn reads(db: &dyn Db, of: FunctionRef) -> Vec<Expired> {
    if is_silent(db, of) {
        return Vec::new();
    }
    expired(db, of, own_class(db, of))
}

/// A read of an expired row, with what a message calls it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// Where it is read, relative to the function.
    pub(super) range: TextRange,
    /// The variable, where it is one.
    pub(super) variable: Option<Name>,
    /// The row as it is written there: `order`, `self.order`; the model where it is more than a name.
    pub(super) row: Name,
}

/// How a read is told.
pub(super) fn told(db: &dyn Db, of: FunctionRef, unit: &Unit, read: &Expired) -> Option<Told> {
    let range = unit.events.get(read.read as usize)?.range;
    let body = function(db, of)?;
    let object = match (read.through, read.column, is_answer(unit, read)) {
        (Some((callee, index)), ..) => argument_at(db, &body, range, callee, index),
        (None, Some(_), _) => object_at(&body, range),
        (None, None, true) => returned_at(&body, range),
        (None, None, false) => first_argument_at(&body, range),
    };
    let written = object.and_then(|object| dotted(&body.code, object));
    let variable = object.and_then(|object| match &body.code[object] {
        Expr::Name(name) => Some(*name),
        _ => None,
    });
    let model = Name::new(read.row.model.map_or("row", |class| classes::simple(class.path)));
    Some(Told { range, variable, row: written.unwrap_or(model) })
}

/// The object of the attribute that stands at a range.
fn object_at(body: &Function, range: TextRange) -> Option<auditline_syntax::python::ir::ExprId> {
    body.code.exprs.iter().zip(&body.code.ranges).rev().find_map(|(expr, own)| match expr {
        Expr::Attribute { value, .. } if *own == range => Some(*value),
        _ => None,
    })
}

/// What the call at a range hands to that parameter of a function.
fn argument_at(
    db: &dyn Db,
    body: &Function,
    range: TextRange,
    callee: FunctionRef,
    index: u32,
) -> Option<auditline_syntax::python::ir::ExprId> {
    let ids = (0u32..).map(auditline_syntax::python::ir::ExprId).take(body.code.exprs.len());
    let callee = head(db, callee)?;
    let bound = callee.class.is_some() && !classes::is_static(&callee);
    let call = ids.filter(|id| body.code.range(*id) == range).find_map(|id| Call::awaited(&body.code, id));
    // The object itself: that of a method, or of a property, which nobody calls.
    if bound && index == 0 {
        let attribute = call.as_ref().map_or(range, |call| body.code.range(call.func));
        return object_at(body, attribute);
    }
    let call = call?;
    let name = callee.params.get(index as usize)?.name;
    let position = (index as usize).checked_sub(usize::from(bound));
    call.keyword(name.as_str()).or_else(|| call.positional(position?))
}

/// The function that reads a row which it is handed, for a message and as evidence.
pub(super) fn reader(read: &Expired) -> Option<(String, Evidence)> {
    let ((callee, index), column) = (read.through?, read.column?);
    let name = classes::simple(callee.path);
    let whose = if index == 0 && callee.path.as_str() != name { "its row" } else { "the row that it is handed" };
    let message = format!("`{name}` reads `{column}` of {whose}");
    Some((format!(" in `{name}`"), Evidence { place: Place::Function(callee), message }))
}

/// Whether all of the row is read as an endpoint's answer, and not by a Pydantic model that is made of it.
pub(super) fn is_answer(unit: &Unit, read: &Expired) -> bool {
    matches!(unit.events.get(read.read as usize).map(|event| &event.kind), Some(EventKind::Return(_)))
}

/// Whether what is read as a whole is a list of rows.
fn is_list(unit: &Unit, read: &Expired) -> bool {
    match unit.events.get(read.read as usize).map(|event| &event.kind) {
        Some(EventKind::Return(value)) => matches!(value, Value::Many(_)),
        Some(EventKind::Given { values, .. }) => matches!(values.first(), Some((_, Value::Many(_)))),
        _ => false,
    }
}

/// The first argument of the call at a range.
fn first_argument_at(body: &Function, range: TextRange) -> Option<auditline_syntax::python::ir::ExprId> {
    body.code.exprs.iter().zip(&body.code.ranges).rev().find_map(|(expr, own)| match expr {
        Expr::Call { args, .. } if *own == range => args.first().map(|arg| arg.value),
        _ => None,
    })
}

/// What the `return` at a range returns.
fn returned_at(body: &Function, range: TextRange) -> Option<auditline_syntax::python::ir::ExprId> {
    let mut found = None;
    walk_statements(&body.code.block, &mut |stmt| {
        if stmt.range == range
            && let auditline_syntax::python::ir::StmtKind::Return(value) = &stmt.kind
        {
            found = *value;
        }
    });
    found
}

/// Where a row was expired, as evidence.
pub(super) fn evidence(of: FunctionRef, unit: &Unit, told: Told, expiry: Expiry) -> Option<Evidence> {
    let row = told.row;
    let (place, message) = match expiry {
        Expiry::Commit(at) => (
            Place::InFunction(of, unit.events.get(at as usize)?.range),
            format!("this commit expires `{row}`: the next read loads it again"),
        ),
        Expiry::Rollback(at) => (
            Place::InFunction(of, unit.events.get(at as usize)?.range),
            format!("this rollback expires `{row}`, whatever `expire_on_commit` says"),
        ),
        Expiry::Scope(at) => (
            Place::InFunction(of, unit.events.get(at as usize)?.range),
            format!("leaving this scope commits, and expires `{row}`"),
        ),
        Expiry::Handed(_, handed) => {
            let name = classes::simple(handed.by.path);
            let message = match handed.how {
                How::Commit => format!("`{name}` commits here, which expires the row that it returns"),
                How::Rollback => format!("`{name}` rolls back here, which expires the row that it returns"),
                How::Scope => format!("`{name}` returns the row out of this scope, whose commit expires it"),
            };
            (Place::Event(handed.by, handed.at), message)
        }
    };
    Some(Evidence { place, message })
}

/// The fix that loads the row again behind what expired it; none where that cannot be complete.
pub(super) fn fixes(of: FunctionRef, unit: &Unit, read: &Expired, told: Told) -> Vec<Fix> {
    if let Expiry::Handed(_, handed) = read.expiry {
        let single = matches!(read.row.origin, auditline_model::eval::value::RowOrigin::Created)
            || matches!(read.row.origin, auditline_model::eval::value::RowOrigin::Loaded { single: true, .. });
        return if single { in_callee(handed) } else { Vec::new() };
    }
    // A refresh brings the columns, and no relationship that is loaded when it is read.
    if matches!(unit.events.get(read.read as usize).map(|event| &event.kind), Some(EventKind::Follow { .. })) {
        return Vec::new();
    }
    let (Some(row), Some(session)) = (told.variable, read.session.clone()) else { return Vec::new() };
    let ended = match read.expiry {
        Expiry::Commit(at) | Expiry::Rollback(at) => at,
        Expiry::Scope(at) if read.closed.is_none() => at,
        Expiry::Scope(_) | Expiry::Handed(..) => return Vec::new(),
    };
    let (Some(is_async), Some(event)) = (session.is_async, unit.events.get(ended as usize)) else { return Vec::new() };
    let behind = match read.expiry {
        Expiry::Scope(_) => event.statement,
        _ => event.range,
    };
    // A list of rows is none, and cannot be refreshed.
    if read.column.is_none() && is_list(unit, read) {
        return Vec::new();
    }
    let Some(name) = session_name(unit, &session) else { return Vec::new() };
    let (next_round, is_closed, read) = (read.next_round, read.closed.is_some(), told.range);
    let title = format!("Load `{row}` again behind the {}", what(behind_kind(unit, ended)));
    vec![Fix::new(title, Safety::Safe, move |db| {
        edit::in_function(db, of, |scope| {
            let session = name.text(scope)?;
            let reload = Reload { row, session: &session, is_async };
            if next_round {
                return (!is_closed).then(|| edit::refresh_each_round(scope, read, reload))?;
            }
            if is_closed {
                return edit::refresh_just_behind(scope, behind, read, reload);
            }
            edit::refresh_behind(scope, behind, read, reload)
        })
    })]
}

fn behind_kind(unit: &Unit, ended: u32) -> Option<auditline_model::unit::SessionAction> {
    match unit.events.get(ended as usize).map(|event| &event.kind) {
        Some(EventKind::Session { action, .. }) => Some(*action),
        _ => None,
    }
}

fn what(action: Option<auditline_model::unit::SessionAction>) -> &'static str {
    use auditline_model::unit::SessionAction;
    match action {
        Some(SessionAction::Commit) => "commit",
        Some(SessionAction::Rollback) => "rollback",
        _ => "transaction",
    }
}

/// The fix in the function that hands out the row: it commits there, and returns one variable.
fn in_callee(handed: Handed) -> Vec<Fix> {
    if handed.how != How::Commit {
        return Vec::new();
    }
    let title = format!("Load the row again behind the commit in `{}`", classes::simple(handed.by.path));
    vec![Fix::new(title, Safety::Safe, move |db| {
        let unit = unit_of(db, handed.by);
        // A list cannot be loaded again.
        if !matches!(unit.returns, Value::Row(_)) {
            return None;
        }
        let event = unit.events.get(handed.at as usize)?;
        let EventKind::Session { session, by: None, .. } = &event.kind else { return None };
        let name = session_name(&unit, session)?;
        let is_async = session.is_async?;
        let ended = event.range;
        edit::in_function(db, handed.by, |scope| {
            let (row, read) = returned_variable(scope, ended)?;
            let session = name.text(scope)?;
            edit::refresh_just_behind(scope, ended, read, Reload { row, session: &session, is_async })
        })
    })]
}

/// The one variable that a function returns behind a place, and where.
fn returned_variable(scope: Scope<'_>, behind: TextRange) -> Option<(Name, TextRange)> {
    let mut found: Option<(Name, TextRange)> = None;
    let mut one = true;
    walk_statements(&scope.code.block, &mut |stmt| {
        let auditline_syntax::python::ir::StmtKind::Return(Some(value)) = &stmt.kind else { return };
        if stmt.range.start() < behind.end() || matches!(scope.code[*value], Expr::None) {
            return;
        }
        match &scope.code[*value] {
            Expr::Name(name) if found.is_none_or(|(known, _)| known == *name) => found = Some((*name, stmt.range)),
            _ => one = false,
        }
    });
    found.filter(|_| one)
}

/// How a session is called in a function.
#[derive(Debug, Clone, Copy)]
enum SessionName {
    /// What the method at that range is called on.
    Receiver(TextRange),
    /// A parameter.
    Param(u32),
}

impl SessionName {
    fn text(self, scope: Scope<'_>) -> Option<String> {
        match self {
            Self::Receiver(range) => scope.receiver(range).map(str::to_owned),
            Self::Param(index) => {
                scope.function?.params.get(index as usize).map(|param| param.name.as_str().to_owned())
            }
        }
    }
}

fn session_name(unit: &Unit, session: &SessionValue) -> Option<SessionName> {
    if let SessionOrigin::Param(index) = session.origin {
        return Some(SessionName::Param(index));
    }
    unit.events.iter().find_map(|event| match &event.kind {
        EventKind::Session { session: own, by: None, .. } | EventKind::Add { session: own, by: None, .. }
            if same_session(own, session) =>
        {
            Some(SessionName::Receiver(event.range))
        }
        EventKind::Load { query, by: None, form: auditline_model::unit::LoadForm::Get(range), .. }
            if query.session.as_ref().is_some_and(|own| same_session(own, session)) =>
        {
            Some(SessionName::Receiver(*range))
        }
        _ => None,
    })
}
