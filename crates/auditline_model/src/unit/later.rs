//! Work that is handed to something that runs it later or beside the function: tasks, threads, what a framework runs when the
//! answer is under way.

use std::sync::Arc;

use auditline_syntax::python::ir::{Expr, Function, StmtKind};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use crate::db::{ClassRef, Db, FunctionRef, function, head};
use crate::eval::value::{ArgName, SessionOrigin, SessionValue, Value};
use crate::owner::argument_in;
use crate::symbols::Symbol;

use super::kept::kept_by;
use super::{Event, EventKind, Unit, same_session, unit, unit_of};

/// What runs work later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// A task of the event loop that the function does not wait for.
    Task,
    /// A thread that the function does not wait for.
    Thread,
    /// The framework, when the answer has been sent.
    Background,
    /// The framework, while it sends the answer.
    Stream,
}

/// Work with a session that runs when the function has ended, or may do so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Later {
    /// What runs it.
    pub runner: Runner,
    /// The ordinal of the event that hands it over.
    pub ordinal: u32,
    /// The function that runs.
    pub function: FunctionRef,
    /// The session, as the function that hands over sees it.
    pub session: Arc<SessionValue>,
    /// Where the session is used, relative to the function that runs.
    pub used: TextRange,
}

/// The work with sessions that a function hands to something that runs it later.
#[must_use]
pub fn later(db: &dyn Db, of: FunctionRef) -> Vec<Later> {
    let unit = unit_of(db, of);
    let Some(body) = function(db, of) else { return Vec::new() };
    let mut found = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Given { to, values } = &event.kind else { continue };
        let Some(runner) = runner(to) else { continue };
        if matches!(runner, Runner::Task | Runner::Thread) && is_joined(&body, event, runner) {
            continue;
        }
        for (function, session, used) in works(db, of, &unit, (ordinal, event), values, runner) {
            found.push(Later { runner, ordinal, function, session, used });
        }
    }
    found
}

/// What runs the work that a call of that path is handed; `None` for what waits for it.
fn runner(path: &str) -> Option<Runner> {
    let last = path.rsplit('.').next().unwrap_or(path);
    match last {
        "create_task" | "ensure_future" | "run_coroutine_threadsafe" if path.starts_with("asyncio.") => {
            (!path.contains("TaskGroup")).then_some(Runner::Task)
        }
        "Thread" if path == "threading.Thread" => Some(Runner::Thread),
        "add_task" if path.contains("BackgroundTasks") => Some(Runner::Background),
        "BackgroundTask" => Some(Runner::Background),
        "StreamingResponse" | "EventSourceResponse" => Some(Runner::Stream),
        _ => None,
    }
}

/// The functions that run, with the sessions that they use.
fn works(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    (ordinal, event): (u32, &Event),
    values: &[(ArgName, Value)],
    runner: Runner,
) -> Vec<(FunctionRef, Arc<SessionValue>, TextRange)> {
    let mut found = Vec::new();
    if matches!(runner, Runner::Task | Runner::Stream) {
        // The coroutine or generator is made by a call among the arguments.
        for (at, made) in unit.numbered().take(ordinal as usize) {
            if let EventKind::Call { callee, .. } = &made.kind
                && event.range.contains_range(made.range)
                && head(db, *callee).is_some_and(|body| body.is_generator || (body.is_async && runner == Runner::Task))
            {
                found
                    .extend(sessions_of_call(db, unit, at).into_iter().map(|(session, used)| (*callee, session, used)));
            }
        }
        for (_, value) in values {
            if let Value::Context(context) = value {
                for (session, used) in captured(db, unit, context.function) {
                    if !found.iter().any(|(function, ..)| *function == context.function) {
                        found.push((context.function, session, used));
                    }
                }
            }
        }
        return found;
    }
    let target = values.iter().find_map(|(name, value)| match (runner, name) {
        (Runner::Thread, ArgName::Keyword(name)) if *name == "target" => Some(value),
        (Runner::Background, ArgName::Position(0)) => Some(value),
        (Runner::Background, ArgName::Keyword(name)) if *name == "func" => Some(value),
        _ => None,
    });
    let (callee, receiver, object) = match target {
        Some(Value::Symbol(Symbol::Function(function))) => (*function, None, Value::Unknown),
        Some(Value::Method(object, name)) => {
            let class = match &**object {
                Value::SelfObject => crate::eval::own_class(db, of),
                Value::Instance(instance) => Some(instance.class),
                _ => None,
            };
            match class.and_then(|class| Some((crate::classes::method(db, class, *name)?, class))) {
                Some((method, class)) => (method, Some(class), (**object).clone()),
                None => return found,
            }
        }
        _ => return found,
    };
    let handed: Vec<(ArgName, Value)> = match runner {
        Runner::Thread => values
            .iter()
            .filter_map(|(name, value)| match (name, value) {
                (ArgName::Keyword(name), Value::Tuple(parts)) if *name == "args" => Some(parts),
                _ => None,
            })
            .flatten()
            .zip(0..)
            .map(|(value, index)| (ArgName::Position(index), value.clone()))
            .collect(),
        _ => values
            .iter()
            .filter_map(|(name, value)| match name {
                ArgName::Position(index) => Some((ArgName::Position(index.checked_sub(1)?), value.clone())),
                ArgName::Keyword(_) => Some((*name, value.clone())),
            })
            .collect(),
    };
    let used = sessions_used(db, unit, callee, receiver, &object, &handed);
    found.extend(used.into_iter().map(|(session, used)| (callee, session, used)));
    found
}

/// The sessions of a unit that a function which it calls uses, and where that function does.
#[must_use]
pub fn sessions_of_call(db: &dyn Db, caller: &Unit, ordinal: u32) -> Vec<(Arc<SessionValue>, TextRange)> {
    match caller.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Call { callee, receiver, arguments, object, .. }) => {
            sessions_used(db, caller, *callee, *receiver, object, arguments)
        }
        _ => Vec::new(),
    }
}

fn sessions_used(
    db: &dyn Db,
    caller: &Unit,
    callee: FunctionRef,
    receiver: Option<ClassRef>,
    object: &Value,
    arguments: &[(ArgName, Value)],
) -> Vec<(Arc<SessionValue>, TextRange)> {
    let mut found = captured(db, caller, callee);
    let Some(body) = head(db, callee) else { return found };
    let inner = unit(db, callee, receiver.or_else(|| crate::eval::own_class(db, callee)));
    let bound = body.class.is_some() && !crate::classes::is_static(&body) && !matches!(object, Value::Unknown);
    for index in 0..u32::try_from(body.params.len()).unwrap_or(0) {
        if let Some(Value::Session(session)) = argument_in(db, callee, arguments, bound, index)
            && let Some(used) = first_use(&inner, |origin| *origin == SessionOrigin::Param(index))
        {
            found.push((session, used));
        }
    }
    for (session, ordinal) in kept_by(db, caller, callee, receiver, object) {
        if let Some(event) = inner.events.get(ordinal as usize) {
            found.push((session, event.range));
        }
    }
    found
}

fn first_use(unit: &Unit, is: impl Fn(&SessionOrigin) -> bool) -> Option<TextRange> {
    unit.numbered().find_map(|(ordinal, event)| {
        let uses = unit.session_at(ordinal).is_some_and(|session| is(&session.origin))
            || matches!(&event.kind, EventKind::Call { arguments, .. }
                if arguments.iter().any(|(_, value)| matches!(value, Value::Session(session) if is(&session.origin))));
        uses.then_some(event.range)
    })
}

/// The sessions that a function inside of another one uses from the other's variables, and where it does.
fn captured(db: &dyn Db, outer: &Unit, inner: FunctionRef) -> Vec<(Arc<SessionValue>, TextRange)> {
    let captures: Vec<_> = outer.captures.iter().filter(|(function, ..)| *function == inner).collect();
    let Some(body) = (!captures.is_empty()).then(|| function(db, inner)).flatten() else { return Vec::new() };
    captures
        .into_iter()
        .filter_map(|(_, name, session)| Some((Arc::clone(session), variable_use(&body, *name)?)))
        .collect()
}

/// Where a function calls a method of a variable or hands the variable on.
fn variable_use(body: &Function, name: Name) -> Option<TextRange> {
    let code = &body.code;
    let is_variable = |id| matches!(&code[id], Expr::Name(used) if *used == name);
    let mut found: Option<TextRange> = None;
    auditline_syntax::python::walk_block_expressions(code, &code.block, &mut |id| {
        if let Expr::Call { func, args } = &code[id] {
            // A method of it, or of the session that it keeps.
            let of_it = matches!(&code[*func], Expr::Attribute { value, .. } if is_variable(*value)
                || matches!(&code[*value], Expr::Attribute { value, .. } if is_variable(*value)));
            let range = code.range(id);
            if (of_it || args.iter().any(|arg| is_variable(arg.value)))
                && found.is_none_or(|before| range.start() < before.start())
            {
                found = Some(range);
            }
        }
    });
    found
}

/// Whether the function waits, or may wait, for the task or thread that an event makes: it is bound to a variable that is
/// used for more than keeping it from being collected.
fn is_joined(body: &Function, event: &Event, runner: Runner) -> bool {
    let code = &body.code;
    let mut joined = true;
    walk_statements(&code.block, &mut |stmt| {
        if stmt.range != event.statement {
            return;
        }
        joined = match &stmt.kind {
            StmtKind::Expr(expr) => {
                // `threading.Thread(...).start()` is left alone as well.
                let started = matches!(&code[*expr], Expr::Call { func, .. }
                    if matches!(&code[*func], Expr::Attribute { value, attr } if *attr == "start" && code.range(*value) == event.range));
                code.range(*expr) != event.range && !started
            }
            StmtKind::Assign { targets, value } if code.range(*value) == event.range => match targets.as_slice() {
                [target] => match &code[*target] {
                    Expr::Name(name) => !only_kept(body, *name, runner),
                    _ => true,
                },
                _ => true,
            },
            _ => true,
        };
    });
    joined
}

/// Whether a task's variable is only kept: `tasks.add(task)`, `task.add_done_callback(...)`, `thread.start()`.
fn only_kept(body: &Function, task: Name, runner: Runner) -> bool {
    let code = &body.code;
    let is_task = |id| matches!(&code[id], Expr::Name(name) if *name == task);
    let mut uses = 0usize;
    let mut keeping = 0usize;
    auditline_syntax::python::walk_block_expressions(code, &code.block, &mut |id| match &code[id] {
        Expr::Name(name) if *name == task => uses += 1,
        Expr::Call { func, args } => {
            if let Expr::Attribute { value, attr } = &code[*func] {
                let own = is_task(*value)
                    && (*attr == "add_done_callback" || (runner == Runner::Thread && matches!(attr.as_str(), "start")));
                let held = *attr == "add" && matches!(args.as_slice(), [arg] if is_task(arg.value));
                keeping += usize::from(own || held);
            }
        }
        // `thread.daemon = True`
        Expr::Attribute { value, attr } if is_task(*value) && matches!(attr.as_str(), "daemon" | "name") => {
            keeping += 1
        }
        _ => {}
    });
    // The assignment itself may or may not be counted as a use.
    uses <= keeping + 1
}

impl Unit {
    /// The session with which an event works itself.
    #[must_use]
    pub fn session_at(&self, ordinal: u32) -> Option<&SessionValue> {
        match &self.events.get(ordinal as usize)?.kind {
            EventKind::Load { query, .. } | EventKind::Execute(query) => query.session.as_deref(),
            EventKind::Add { session, .. }
            | EventKind::Delete { session, .. }
            | EventKind::Refresh { session, .. }
            | EventKind::Session { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Whether the event stands in a `with` that ends that session or its transaction.
    #[must_use]
    pub fn in_scope_of(&self, ordinal: u32, session: &SessionValue) -> bool {
        self.events.get(ordinal as usize).is_some_and(|event| {
            self.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
                super::FrameKind::WithSession(held) | super::FrameKind::WithTransaction(held, _) => {
                    same_session(held, session)
                }
                _ => false,
            })
        })
    }
}
