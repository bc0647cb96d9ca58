//! The way from a coroutine to the statement that keeps its event loop waiting, with what each call hands in.

use auditline_syntax::python::ir::{Block, Code, CompareOp, Expr, ExprId, Function, Stmt, StmtKind, UnaryOp};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::value::{SessionOrigin, Value};
use crate::owner::argument_of;
use crate::symbols::Symbol;

use super::waiting::{Blocking, blocking_places};
use super::{EventKind, Unit, When, unit};

/// How many calls a way may have.
const DEPTH: usize = 12;

/// A function on the way, and the event in it that waits or calls the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waypoint {
    /// The function.
    pub function: FunctionRef,
    /// The class of its object, for a method.
    pub receiver: Option<ClassRef>,
    /// The ordinal of the event, as seen in objects of that class.
    pub ordinal: u32,
}

/// The way from a coroutine to the first statement that it waits for on the event loop, with branches left out that the
/// arguments of the calls exclude: a flag that keeps its default, a session that is handed in as `None`.
#[must_use]
pub fn blocking_way(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Option<Vec<Waypoint>> {
    let mut way = Vec::new();
    go(db, (of, receiver), &[], &mut way).then_some(way)
}

/// What is known of a parameter in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fact {
    None,
    Bool(bool),
    /// Something that is true: an object, of that class where it is one of the workspace.
    Object(Option<ClassRef>),
}

fn go(
    db: &dyn Db,
    (of, receiver): (FunctionRef, Option<ClassRef>),
    facts: &[Option<Fact>],
    way: &mut Vec<Waypoint>,
) -> bool {
    if way.len() >= DEPTH || way.iter().any(|point| point.function == of) {
        return false;
    }
    let unit = unit(db, of, receiver);
    let Some(body) = function(db, of) else { return false };
    let fits = |place: &Blocking| match place.when {
        When::Always | When::UnlessParam(..) => true,
        _ if body.is_async => true,
        When::IfParam(index, wanted) => fact(facts, index).is_some_and(|fact| fact.truth() == wanted),
        When::Maybe => false,
    };
    let mut places = blocking_places(db, of, receiver);
    // What happens each time says more than what happens in a branch.
    places.sort_by_key(|place| !matches!(place.when, When::Always | When::UnlessParam(..)));
    for place in places {
        let Some(event) = unit.events.get(place.ordinal as usize) else { continue };
        if !fits(&place) || is_excluded(db, &body, of, event.range, facts) {
            continue;
        }
        way.push(Waypoint { function: of, receiver, ordinal: place.ordinal });
        let found = match place.through {
            None => !goes_through_none(&unit, place.ordinal, facts),
            Some((next, _)) if is_memoised(db, next) => false,
            Some(next) => go(db, next, &handed(db, next.0, &event.kind, facts), way),
        };
        if found {
            return true;
        }
        way.pop();
    }
    false
}

/// Whether a function runs once in the life of a process: with parameters, once for each thing that is asked.
fn is_memoised(db: &dyn Db, of: FunctionRef) -> bool {
    classes::is_cached(db, of) && head(db, of).is_some_and(|body| body.params.is_empty())
}

fn fact(facts: &[Option<Fact>], index: u32) -> Option<Fact> {
    facts.get(index as usize).copied().flatten()
}

impl Fact {
    fn truth(self) -> bool {
        match self {
            Self::None => false,
            Self::Bool(value) => value,
            Self::Object(_) => true,
        }
    }
}

/// What a call hands in for each parameter.
fn handed(db: &dyn Db, callee: FunctionRef, call: &EventKind, own: &[Option<Fact>]) -> Vec<Option<Fact>> {
    let Some(body) = head(db, callee) else { return Vec::new() };
    let EventKind::Call { arguments, .. } = call else { return Vec::new() };
    // What stands behind `*` and `**` may fill any.
    let open = arguments.iter().any(|(_, value)| matches!(value, Value::Many(_)));
    body.params
        .iter()
        .zip(0u32..)
        .map(|(param, index)| match argument_of(db, callee, call, index) {
            Some(Value::None) => Some(Fact::None),
            Some(Value::Bool(value)) => Some(Fact::Bool(value)),
            Some(Value::Instance(instance)) => Some(Fact::Object(Some(instance.class))),
            Some(Value::Session(session)) => match session.origin {
                SessionOrigin::Param(index) => fact(own, index).or(Some(Fact::Object(None))),
                _ => Some(Fact::Object(None)),
            },
            Some(Value::Factory(_) | Value::Dict(_)) => Some(Fact::Object(None)),
            Some(Value::Param(index)) => fact(own, index),
            Some(_) => None,
            None if open => None,
            None => match &body.code[param.default?] {
                Expr::None => Some(Fact::None),
                Expr::Bool(value) => Some(Fact::Bool(*value)),
                _ => None,
            },
        })
        .collect()
}

/// Whether a statement goes through a session that the call hands in as `None`.
fn goes_through_none(unit: &Unit, ordinal: u32, facts: &[Option<Fact>]) -> bool {
    let session = match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. } | EventKind::Execute(query)) => query.session.as_deref(),
        Some(EventKind::Refresh { session, .. } | EventKind::Session { session, .. }) => Some(&**session),
        _ => None,
    };
    session.is_some_and(
        |session| matches!(session.origin, SessionOrigin::Param(index) if fact(facts, index) == Some(Fact::None)),
    )
}

/// Whether the conditions around a place, or those of the exits before it, exclude it with these arguments.
fn is_excluded(db: &dyn Db, body: &Function, of: FunctionRef, at: TextRange, facts: &[Option<Fact>]) -> bool {
    if facts.iter().all(Option::is_none) {
        return false;
    }
    let tests = Tests { db, of, body, facts };
    tests.excludes(&body.code.block, at)
}

struct Tests<'a> {
    db: &'a dyn Db,
    of: FunctionRef,
    body: &'a Function,
    facts: &'a [Option<Fact>],
}

impl Tests<'_> {
    fn excludes(&self, block: &Block, at: TextRange) -> bool {
        for stmt in block {
            let inside = stmt.range.contains_range(at);
            if let StmtKind::If(branch) = &stmt.kind {
                let truth = self.truth(branch.test);
                if inside {
                    if holds(&branch.body, at) {
                        return truth == Some(false) || self.excludes(&branch.body, at);
                    }
                    if holds(&branch.orelse, at) {
                        return truth == Some(true) || self.excludes(&branch.orelse, at);
                    }
                    return false;
                }
                let taken = match truth {
                    Some(true) => &branch.body,
                    Some(false) => &branch.orelse,
                    None => continue,
                };
                if leaves(taken) {
                    return true;
                }
                continue;
            }
            if inside {
                let mut excluded = false;
                auditline_syntax::python::walk::blocks(stmt, |inner| {
                    excluded |= holds(inner, at) && self.excludes(inner, at);
                });
                return excluded;
            }
        }
        false
    }

    /// What is known of a test: its truth.
    fn truth(&self, test: ExprId) -> Option<bool> {
        let code = &self.body.code;
        match &code[test] {
            Expr::Name(name) => self.of_name(*name).map(Fact::truth),
            Expr::Unary { op: UnaryOp::Not, operand } => self.truth(*operand).map(|truth| !truth),
            Expr::BoolOp { is_and, values } => {
                let truths: Vec<Option<bool>> = values.iter().map(|value| self.truth(*value)).collect();
                if truths.contains(&Some(!*is_and)) {
                    return Some(!*is_and);
                }
                truths.iter().all(|truth| *truth == Some(*is_and)).then_some(*is_and)
            }
            Expr::Compare { left, rest } => match (&code[*left], rest.as_slice()) {
                (Expr::Name(name), [(op, right)]) if code[*right] == Expr::None => {
                    let is_none = self.of_name(*name)? == Fact::None;
                    match op {
                        CompareOp::Is | CompareOp::Eq => Some(is_none),
                        CompareOp::IsNot | CompareOp::NotEq => Some(!is_none),
                        _ => None,
                    }
                }
                _ => None,
            },
            Expr::Call { func, args } => self.is_instance(code, *func, args.iter().map(|arg| arg.value)),
            _ => None,
        }
    }

    /// `isinstance(parameter, Class)`.
    fn is_instance(&self, code: &Code, func: ExprId, mut args: impl Iterator<Item = ExprId>) -> Option<bool> {
        if !matches!(&code[func], Expr::Name(name) if *name == "isinstance") {
            return None;
        }
        let Expr::Name(name) = &code[args.next()?] else { return None };
        let Symbol::Class(wanted) = crate::names::resolve_in(self.db, self.of, code, args.next()?) else {
            return None;
        };
        match self.of_name(*name)? {
            Fact::None | Fact::Bool(_) => Some(false),
            Fact::Object(Some(class)) if !classes::has_unknown_base(self.db, class) => {
                Some(classes::mro(self.db, class).contains(&wanted))
            }
            Fact::Object(_) => None,
        }
    }

    /// What is known of a parameter that is never bound again.
    fn of_name(&self, name: Name) -> Option<Fact> {
        let index = self.body.params.iter().position(|param| param.name == name)?;
        let fact = (*self.facts.get(index)?)?;
        (!is_bound_again(self.body, name)).then_some(fact)
    }
}

fn holds(block: &Block, at: TextRange) -> bool {
    block.iter().any(|stmt: &Stmt| stmt.range.contains_range(at))
}

/// Whether a block always leaves the function or the round of its loop at its end.
fn leaves(block: &Block) -> bool {
    matches!(
        block.last().map(|stmt| &stmt.kind),
        Some(StmtKind::Return(_) | StmtKind::Raise { .. } | StmtKind::Continue | StmtKind::Break)
    )
}

fn is_bound_again(body: &Function, name: Name) -> bool {
    let mut bound = false;
    auditline_syntax::python::walk_statements(&body.code.block, &mut |stmt| {
        let is_name = |target: &ExprId| matches!(&body.code[*target], Expr::Name(own) if *own == name);
        bound |= match &stmt.kind {
            StmtKind::Assign { targets, .. } => targets.iter().any(|target| {
                is_name(target)
                    || matches!(&body.code[*target], Expr::Tuple(items) | Expr::List(items) if items.iter().any(is_name))
            }),
            StmtKind::AnnAssign { target, .. } | StmtKind::AugAssign { target, .. } | StmtKind::For { target, .. } => {
                is_name(target)
            }
            _ => false,
        };
    });
    bound
}
