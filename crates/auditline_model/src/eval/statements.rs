//! Statements.

use std::sync::Arc;

use auditline_syntax::python::ir::{BinaryOp, Block, Code, Expr, ExprId, If, Stmt, StmtKind, Try, WithItem};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use crate::names;
use crate::symbols::Symbol;
use crate::unit::{Condition, EventKind, FrameKind, LockScope, Subject, Test};

use super::value::{ContextValue, Derivation, SessionOrigin, SessionValue, Sources, Step, TransactionKind, Value};
use super::{Bound, Environment, Evaluator, Flow};

impl Evaluator<'_> {
    /// Walks a block; tells whether control goes on behind it.
    pub(crate) fn block(&mut self, block: &Block) -> Flow {
        let mut rests = Vec::new();
        let mut flow = Flow::Falls;
        for stmt in block {
            let outer = std::mem::replace(&mut self.statement, stmt.range);
            let (ended, rest) = self.stmt(stmt);
            self.statement = outer;
            if let Some((split, conditions)) = rest {
                rests.push(self.push_frame(FrameKind::Branch {
                    split,
                    conditions,
                    exits: false,
                    raises: false,
                    rest: true,
                }));
            }
            if ended != Flow::Falls {
                // What stands behind can never run; it is not walked, so that it cannot be reported.
                flow = ended;
                break;
            }
        }
        for frame in rests.into_iter().rev() {
            self.pop_frame(frame);
        }
        flow
    }

    /// Walks a statement. The second part is the condition under which the rest of the block runs.
    #[allow(clippy::type_complexity)]
    fn stmt(&mut self, stmt: &Stmt) -> (Flow, Option<(u32, Vec<Condition>)>) {
        let function = self.code();
        let code = &function.code;
        match &stmt.kind {
            StmtKind::Expr(expr) => {
                self.held.clear();
                let bound = self.expr(code, *expr);
                if bound.value == Value::Never {
                    self.event(EventKind::Raise, stmt.range);
                    return (Flow::Raises, None);
                }
                self.unused(code, &bound.value, *expr, None);
                // `ensure_open(order)`: behind it, the order is open.
                let held = std::mem::take(&mut self.held);
                if !held.is_empty() && is_call(code, *expr) {
                    return (Flow::Falls, Some((self.refused_otherwise(&held), held)));
                }
            }
            StmtKind::Assign { targets, value } => {
                let bound = self.expr(code, *value);
                if let [target] = targets[..]
                    && let Expr::Name(name) = code[target]
                {
                    self.unused(code, &bound.value, *value, Some(name));
                }
                for target in targets {
                    self.assign(code, *target, &bound, Some(*value));
                }
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let mut bound = value.map_or_else(Bound::unknown, |value| self.expr(code, value));
                if matches!(bound.value, Value::Unknown) {
                    let ty = crate::classes::type_expr(self.db, self.of.file, Some(self.of), code, *annotation);
                    bound.value = super::types::value_of_type(self.db, &ty, super::types::Holder::Local);
                }
                if value.is_some() {
                    self.assign(code, *target, &bound, *value);
                }
            }
            StmtKind::AugAssign { target, op, value } => self.augmented(code, *target, *op, *value),
            StmtKind::Return(value) => {
                let bound = value.map_or_else(|| Bound::of(Value::None), |value| self.expr(code, value));
                // `return await self.refuse("closed")`
                if bound.value == Value::Never {
                    self.event(EventKind::Raise, stmt.range);
                    return (Flow::Raises, None);
                }
                self.record_return(&bound);
                self.event(EventKind::Return(bound.value.held()), stmt.range);
                return (Flow::Leaves, None);
            }
            StmtKind::Raise { exception, cause } => {
                for expr in exception.iter().chain(cause) {
                    self.expr(code, *expr);
                }
                self.event(EventKind::Raise, stmt.range);
                return (Flow::Raises, None);
            }
            StmtKind::Delete(targets) => {
                for target in targets {
                    match &code[*target] {
                        Expr::Subscript { value, .. } => {
                            let container = self.expr(code, *value);
                            self.in_place_write(&container, stmt.range);
                        }
                        Expr::Name(name) => {
                            self.environment.remove(name);
                        }
                        _ => {
                            self.expr(code, *target);
                        }
                    }
                }
            }
            StmtKind::Assert { test, .. } => {
                let holds = self.condition(code, *test);
                self.refine(code, *test, true);
                if !holds.is_empty() {
                    return (Flow::Falls, Some((self.refused_otherwise(&holds), holds)));
                }
            }
            StmtKind::Break | StmtKind::Continue => return (Flow::Leaves, None),
            StmtKind::Global(names) => self.globals.extend(names.iter().copied()),
            StmtKind::Import(modules) => {
                for module in modules {
                    let symbol = names::resolve_module(self.db, self.of.file, 0, Some(module.path));
                    let (name, symbol) = match module.alias {
                        Some(alias) => (alias, symbol),
                        None => {
                            let head = module.path.as_str().split('.').next().unwrap_or_default();
                            let head = Name::new(head);
                            (head, names::resolve_module(self.db, self.of.file, 0, Some(head)))
                        }
                    };
                    self.environment.insert(name, Bound::of(Value::Symbol(symbol)));
                }
            }
            StmtKind::ImportFrom(import) => {
                let module = names::resolve_module(self.db, self.of.file, import.level, import.module);
                for name in &import.names {
                    let symbol = names::member(self.db, module, name.name);
                    let value = self.symbol_value(symbol);
                    self.environment.insert(name.bound(), Bound::of(value));
                }
            }
            StmtKind::If(statement) => return self.if_statement(code, statement),
            StmtKind::While { test, body, orelse } => {
                let endless = matches!(code[*test], Expr::Bool(true) | Expr::Int(Some(1)));
                let conditions = self.condition(code, *test);
                let frame = self.push_frame(FrameKind::Loop { endless, over_items: false, as_given: false });
                let split = self.new_split();
                let inner =
                    self.push_frame(FrameKind::Branch { split, conditions, exits: false, raises: false, rest: false });
                let before = self.environment.clone();
                let flow = self.block(body);
                self.pop_frame(inner);
                self.pop_frame(frame);
                self.merge(&before);
                self.block(orelse);
                let breaks = contains_break(body);
                if endless && !breaks {
                    return (if flow == Flow::Raises { Flow::Raises } else { Flow::Leaves }, None);
                }
            }
            StmtKind::For { is_async, target, iter, body, orelse } => {
                let iterated = self.expr(code, *iter);
                if *is_async {
                    self.event(EventKind::Await, code.range(*iter));
                }
                let as_given = self.comes_as_given(code, *iter);
                let frame = self.push_frame(FrameKind::Loop { endless: false, over_items: true, as_given });
                self.batch(code, frame, *iter, body);
                let before = self.environment.clone();
                let element = match &iterated.value {
                    Value::Context(context) if !context.given => {
                        let context = Arc::clone(context);
                        self.handed_out(&context, body, code.range(*iter))
                    }
                    _ => self.element(&iterated),
                };
                self.assign(code, *target, &element, None);
                self.members(code, *target, *iter);
                self.block(body);
                self.pop_frame(frame);
                self.merge(&before);
                self.block(orelse);
            }
            StmtKind::With { is_async, items, body } => return (self.with(code, *is_async, items, body), None),
            StmtKind::Try(statement) => return (self.try_statement(code, statement), None),
            StmtKind::Match { subject, cases } => {
                let subject = self.expr(code, *subject);
                let split = self.new_split();
                let before = self.environment.clone();
                let mut after: Option<Environment> = None;
                let mut all_leave = true;
                let mut catches_all = false;
                for case in cases {
                    self.environment = before.clone();
                    let conditions = self.field_conditions(&subject.from, &Test::EqualsConstant, true);
                    let catch_all = case.guard.is_none() && matches!(&code[case.pattern], Expr::Name(_));
                    catches_all |= catch_all;
                    if let Expr::Name(name) = &code[case.pattern] {
                        self.environment.insert(*name, subject.clone());
                    }
                    let frame = self.push_frame(FrameKind::Branch {
                        split,
                        conditions,
                        exits: false,
                        raises: false,
                        rest: false,
                    });
                    if let Some(guard) = case.guard {
                        self.condition(code, guard);
                    }
                    let flow = self.block(&case.body);
                    self.set_exits(frame, flow);
                    self.pop_frame(frame);
                    if flow == Flow::Falls {
                        all_leave = false;
                        let ended = std::mem::take(&mut self.environment);
                        after = Some(match after {
                            Some(other) => merged(other, &ended),
                            None => ended,
                        });
                    }
                }
                self.environment = match after {
                    Some(after) if catches_all => after,
                    Some(after) => merged(after, &before),
                    None => before,
                };
                if all_leave && catches_all && !cases.is_empty() {
                    return (Flow::Leaves, None);
                }
            }
            StmtKind::Function(index) => {
                if let Some(path) = self.nested_function(index.index()) {
                    let symbol = Symbol::Function(crate::db::FunctionRef { file: self.of.file, path });
                    let name = Name::new(path.as_str().rsplit('.').next().unwrap_or_default());
                    self.captured(crate::db::FunctionRef { file: self.of.file, path });
                    self.environment.insert(name, Bound::of(Value::Symbol(symbol)));
                }
            }
            StmtKind::Class(_) | StmtKind::Pass | StmtKind::Nonlocal(_) | StmtKind::TypeAlias { .. } => {}
            StmtKind::Broken => {}
        }
        (Flow::Falls, None)
    }

    /// Records the sessions that a function inside of this one uses from its variables.
    fn captured(&mut self, inner: crate::db::FunctionRef) {
        let held: Vec<(Name, Arc<SessionValue>)> = self
            .environment
            .iter()
            .filter_map(|(name, bound)| bound.value.session().map(|session| (*name, Arc::clone(session))))
            .collect();
        if held.is_empty() {
            return;
        }
        let scope = names::function_scope(self.db, inner);
        let mut free: Vec<_> =
            held.into_iter().filter(|(name, _)| scope.get(*name).is_none() && !scope.is_global(*name)).collect();
        free.sort_by_key(|(name, _)| name.as_str());
        self.unit.captures.extend(free.into_iter().map(|(name, session)| (inner, name, session)));
    }

    fn nested_function(&self, index: usize) -> Option<Name> {
        let parsed = crate::db::parsed(self.db, self.of.file);
        parsed.module.functions.get(index).map(|function| function.path)
    }

    #[allow(clippy::type_complexity)]
    fn if_statement(&mut self, code: &Code, statement: &If) -> (Flow, Option<(u32, Vec<Condition>)>) {
        let conditions = self.condition(code, statement.test);
        let negated = negated(&conditions);
        let split = self.new_split();
        let before = self.environment.clone();
        self.refine(code, statement.test, true);
        let frame = self.push_frame(FrameKind::Branch {
            split,
            conditions: conditions.clone(),
            exits: false,
            raises: false,
            rest: false,
        });
        let body = self.block(&statement.body);
        self.set_exits(frame, body);
        self.pop_frame(frame);
        let after_body = std::mem::replace(&mut self.environment, before);
        self.refine(code, statement.test, false);
        let mut orelse = Flow::Falls;
        if !statement.orelse.is_empty() {
            let frame = self.push_frame(FrameKind::Branch {
                split,
                conditions: negated.clone(),
                exits: false,
                raises: false,
                rest: false,
            });
            orelse = self.block(&statement.orelse);
            self.set_exits(frame, orelse);
            self.pop_frame(frame);
        }
        match (body, orelse) {
            (Flow::Falls, Flow::Falls) => {
                let mut other = std::mem::take(&mut self.environment);
                let mut after_body = after_body;
                self.decided(&mut after_body, &other, &conditions);
                self.decided(&mut other, &after_body, &negated);
                self.environment = merged_under(after_body, &other, flag_of(&conditions));
                (Flow::Falls, None)
            }
            (Flow::Falls, _) => {
                self.environment = after_body;
                (Flow::Falls, Some((split, conditions)))
            }
            (_, Flow::Falls) => (Flow::Falls, Some((split, negated))),
            (Flow::Raises, Flow::Raises) => (Flow::Raises, None),
            _ => (Flow::Leaves, None),
        }
    }

    /// An arm that always raises: it is taken where some condition does not hold.
    fn refused_otherwise(&mut self, conditions: &[Condition]) -> u32 {
        let split = self.new_split();
        let conditions = negated(conditions);
        let kind = FrameKind::Branch { split, conditions, exits: true, raises: true, rest: false };
        let frame = self.push_frame(kind);
        self.pop_frame(frame);
        split
    }

    pub(crate) fn set_exits(&mut self, frame: crate::unit::FrameId, flow: Flow) {
        if let Some(frame) = self.unit.frames.get_mut(frame.0 as usize)
            && let FrameKind::Branch { exits, raises, .. } = &mut frame.kind
        {
            *exits = flow != Flow::Falls;
            *raises = flow == Flow::Raises;
        }
    }

    fn merge(&mut self, before: &Environment) {
        let after = std::mem::take(&mut self.environment);
        self.environment = merged(after, before);
    }

    fn with(&mut self, code: &Code, is_async: bool, items: &[WithItem], body: &Block) -> Flow {
        let mut frames = Vec::new();
        for item in items {
            let before = self.next_ordinal();
            let context = self.expr(code, item.context);
            let range = code.range(item.context);
            if is_async {
                self.event(EventKind::Await, range);
            }
            let (value, kind) = self.enter(&context, range);
            let swallows = matches!(kind, FrameKind::WithSuppress);
            if kind == FrameKind::WithLock {
                self.ends_with_block(before);
            }
            let frame = self.push_frame(kind);
            if let Value::Instance(instance) = &context.value {
                self.unit.entered.push((frame, Arc::clone(instance)));
            }
            let guarded = swallows.then(|| {
                let id = self.new_try();
                (id, self.push_frame(FrameKind::Try(id)), item.context)
            });
            frames.push((frame, guarded));
            if let Some(target) = item.target {
                let bound = Bound { value, from: context.from };
                self.assign(code, target, &bound, None);
            }
        }
        let mut flow = self.block(body);
        for (frame, guarded) in frames.into_iter().rev() {
            if let Some((id, body, context)) = guarded {
                self.pop_frame(body);
                // It is a handler with nothing in it.
                let handler = self.push_frame(FrameKind::Handler(id, 0));
                self.pop_frame(handler);
                let info = self.suppressed(code, context, handler);
                self.unit.tries[id.0 as usize].handlers.push(info);
                if flow == Flow::Raises {
                    flow = Flow::Falls;
                }
            }
            self.pop_frame(frame);
        }
        flow
    }

    /// What a generator or context manager hands out.
    fn opened_by(&mut self, context: &ContextValue, origin: SessionOrigin, range: TextRange) -> Value {
        let value = match &context.yields {
            Value::Session(session) => {
                Value::Session(Arc::new(SessionValue { origin, id: self.next_ordinal(), ..(**session).clone() }))
            }
            other => other.clone(),
        };
        if let Value::Session(session) = &value {
            self.event(EventKind::Open(Arc::clone(session)), range);
        }
        value
    }

    /// What a generator hands to a loop: `async for session in sessions():`. Where the loop is left, what stands behind the
    /// `yield` does not run.
    fn handed_out(&mut self, context: &ContextValue, body: &Block, range: TextRange) -> Bound {
        let mut leaves = contains_break(body);
        walk_statements(body, &mut |stmt| leaves |= matches!(stmt.kind, StmtKind::Return(_)));
        let origin = if leaves { SessionOrigin::Unknown } else { SessionOrigin::Context(context.function) };
        Bound::of(self.opened_by(context, origin, range))
    }

    /// What is locked from that event on is released when the block is left: `with redis.lock("stock"):`.
    fn ends_with_block(&mut self, from: u32) {
        for event in self.unit.events.iter_mut().skip(from as usize) {
            if let EventKind::ExternalLock(scope @ LockScope::Open) = &mut event.kind {
                *scope = LockScope::Block;
            }
        }
    }

    /// What `with value as x` binds, and the frame of its body.
    fn enter(&mut self, context: &Bound, range: TextRange) -> (Value, FrameKind) {
        match &context.value {
            Value::Session(session) => {
                let scoped = match &session.origin {
                    SessionOrigin::Opened(factory) => {
                        Arc::new(SessionValue { origin: SessionOrigin::Scoped(*factory), ..(**session).clone() })
                    }
                    _ => Arc::clone(session),
                };
                (Value::Session(Arc::clone(&scoped)), FrameKind::WithSession(scoped))
            }
            Value::BegunSession(session) => (
                Value::Session(Arc::clone(session)),
                FrameKind::WithTransaction(Arc::clone(session), TransactionKind::Begin),
            ),
            Value::Transaction(session, kind) => {
                let action = match kind {
                    TransactionKind::Begin => crate::unit::SessionAction::Begin,
                    TransactionKind::Savepoint => crate::unit::SessionAction::Savepoint,
                };
                self.session_event(session, action, range);
                (Value::Unknown, FrameKind::WithTransaction(Arc::clone(session), *kind))
            }
            Value::Lent(session) => (Value::Session(Arc::clone(session)), FrameKind::With),
            Value::Context(context) if context.given => (context.yields.clone(), FrameKind::With),
            Value::Context(context) => {
                let value = self.opened_by(context, SessionOrigin::Context(context.function), range);
                let kind = if super::libraries::names_lock(&context.function.path) {
                    FrameKind::WithLock
                } else {
                    FrameKind::With
                };
                (value, kind)
            }
            Value::Instance(instance) => {
                if super::libraries::names_lock(&instance.class.path) {
                    return (context.value.clone(), FrameKind::WithLock);
                }
                let value = self.entered_instance(instance, range);
                let kind = if self.is_apart(instance, &value) { FrameKind::WithApart } else { FrameKind::With };
                (value, kind)
            }
            Value::Made(name) => match super::libraries::known(name) {
                Some(super::libraries::Known::Suppress) => (Value::Unknown, FrameKind::WithSuppress),
                _ if super::libraries::names_lock(name) => {
                    self.event(EventKind::ExternalLock(LockScope::Block), range);
                    (Value::Unknown, FrameKind::WithLock)
                }
                _ if super::libraries::is_apart(name) => (context.value.clone(), FrameKind::WithApart),
                _ => (context.value.clone(), FrameKind::With),
            },
            Value::Attribute(_, name) | Value::Method(_, name) if super::libraries::names_lock(name) => {
                self.event(EventKind::ExternalLock(LockScope::Block), range);
                (Value::Unknown, FrameKind::WithLock)
            }
            _ => (Value::Unknown, FrameKind::With),
        }
    }

    fn try_statement(&mut self, code: &Code, statement: &Try) -> Flow {
        let id = self.new_try();
        let before = self.environment.clone();
        let frame = self.push_frame(FrameKind::Try(id));
        let body_flow = self.block(&statement.body);
        self.pop_frame(frame);
        let mut flow = body_flow;
        if !statement.orelse.is_empty() && body_flow == Flow::Falls {
            let frame = self.push_frame(FrameKind::Else(id));
            flow = self.block(&statement.orelse);
            self.pop_frame(frame);
        }
        let after_body = self.environment.clone();
        let mut after = (flow == Flow::Falls).then(|| after_body.clone());
        let mut flows = vec![flow];
        for (handler, index) in statement.handlers.iter().zip(0u32..) {
            // The body may have stopped anywhere in it.
            self.environment = merged(after_body.clone(), &before);
            if let Some(name) = handler.name {
                self.environment.insert(name, Bound::of(Value::Made(Name::new("builtins.Exception"))));
            }
            let frame = self.push_frame(FrameKind::Handler(id, index));
            let handler_flow = self.block(&handler.body);
            self.pop_frame(frame);
            let info = self.handler_info(code, handler, frame, handler_flow);
            self.unit.tries[id.0 as usize].handlers.push(info);
            flows.push(handler_flow);
            if handler_flow == Flow::Falls {
                let ended = std::mem::take(&mut self.environment);
                after = Some(match after {
                    Some(other) => merged(other, &ended),
                    None => ended,
                });
            }
        }
        self.environment = after.unwrap_or(after_body);
        let mut result = if flows.contains(&Flow::Falls) {
            Flow::Falls
        } else if flows.iter().all(|flow| *flow == Flow::Raises) {
            Flow::Raises
        } else {
            Flow::Leaves
        };
        if !statement.finally.is_empty() {
            let frame = self.push_frame(FrameKind::Finally(id));
            let finally = self.block(&statement.finally);
            self.pop_frame(frame);
            self.unit.tries[id.0 as usize].finally = Some(frame);
            if finally != Flow::Falls {
                result = finally;
            }
        }
        result
    }

    /// Binds a target to a value; `source` is the expression of the value, where there is one.
    pub(crate) fn assign(&mut self, code: &Code, target: ExprId, bound: &Bound, source: Option<ExprId>) {
        match &code[target] {
            Expr::Name(name) => {
                if self.globals.contains(name) {
                    self.unit.globals.push((*name, bound.value.held()));
                }
                self.bind(*name, bound.clone());
            }
            Expr::Attribute { value, attr } => {
                let object = self.expr(code, *value);
                self.assign_attribute(code, &object.value, *attr, bound, source, code.range(target));
            }
            Expr::Subscript { value, index } => {
                self.expr(code, *index);
                let container = self.expr(code, *value);
                self.in_place_write(&container, self.statement);
                if let Some(source) = source {
                    self.put(code, (*value, *index), bound, source);
                }
                self.kept_under_name(code, (*value, *index), &container.value, bound, code.range(target));
                // `kwargs["session"] = session`
                if let (Expr::Name(keywords), Expr::Str(key)) = (&code[*value], &code[*index])
                    && self.is_keywords(*keywords)
                {
                    self.added_keywords.push((Name::new(key), bound.clone(), self.frame));
                }
            }
            Expr::Tuple(targets) | Expr::List(targets) => {
                let parts = match &bound.value {
                    Value::Tuple(parts) if parts.len() == targets.len() => Some(parts.clone()),
                    _ => None,
                };
                for (index, target) in targets.iter().enumerate() {
                    let value = parts.as_ref().map_or(Value::Unknown, |parts| parts[index].clone());
                    let part = Bound { value, from: bound.from.clone().called() };
                    self.assign(code, *target, &part, None);
                }
            }
            Expr::Starred(inner) => self.assign(code, *inner, &Bound::unknown(), None),
            _ => {}
        }
    }

    /// `app["db"] = SessionLocal()`: a dictionary of the module, or an object that the function is handed, keeps a session.
    fn kept_under_name(
        &mut self,
        code: &Code,
        (container, key): (ExprId, ExprId),
        held: &Value,
        bound: &Bound,
        range: TextRange,
    ) {
        let (Value::Session(_), Expr::Str(key)) = (&bound.value, &code[key]) else { return };
        let object = match &code[container] {
            Expr::Name(name) if !self.environment.contains_key(name) => match self.symbol(code, container) {
                variable @ Symbol::Variable(_) => Value::Symbol(variable),
                _ => return,
            },
            // The keywords of one call are its own.
            Expr::Name(name) if self.is_keywords(*name) => return,
            _ if matches!(held, Value::Param(_) | Value::Attribute(..) | Value::Made(_)) => held.clone(),
            _ => return,
        };
        self.event(EventKind::Store { object, attribute: Name::new(key), value: bound.value.clone() }, range);
    }

    pub(crate) fn assign_attribute(
        &mut self,
        code: &Code,
        object: &Value,
        attribute: Name,
        bound: &Bound,
        source: Option<ExprId>,
        range: TextRange,
    ) {
        match object {
            Value::Row(row) => {
                let in_sql = source.is_some_and(|source| self.is_sql_expression(code, source, &bound.value));
                let constant = source
                    .filter(|source| is_constant(code, *source))
                    .map(|source| constant_name(code, source).unwrap_or_else(|| Name::new("…")));
                self.event(
                    EventKind::Write {
                        row: Arc::clone(row),
                        column: attribute,
                        from: bound.from.clone(),
                        step: source.map_or(Step::Unknown, |source| super::steps::assigned(code, attribute, source)),
                        in_sql,
                        in_place: false,
                        constant,
                        by: None,
                    },
                    range,
                );
            }
            Value::SelfObject => {
                self.unit.self_attributes.push((attribute, bound.value.held()));
                if matches!(bound.value, Value::Session(_)) {
                    self.event(
                        EventKind::Store { object: object.clone(), attribute, value: bound.value.clone() },
                        range,
                    );
                }
            }
            _ => {
                // `request.state.db` is that session from here on.
                if let (Value::Param(_) | Value::Attribute(..), Value::Session(session)) = (object, &bound.value) {
                    let path = Value::Attribute(Box::new(object.clone()), attribute);
                    self.sessions_by_use.insert(path, Arc::clone(session));
                }
                let value = bound.value.held();
                if !matches!(value, Value::Unknown) {
                    self.event(EventKind::Store { object: object.clone(), attribute, value }, range);
                }
            }
        }
    }

    fn augmented(&mut self, code: &Code, target: ExprId, op: BinaryOp, value: ExprId) {
        let operand_id = value;
        let old = self.expr(code, target);
        let operand = self.expr(code, value);
        let in_sql = self.is_sql_expression(code, value, &operand.value);
        let from = old.from.clone().computed().with(&operand.from.clone().computed());
        match &code[target] {
            Expr::Name(name) => {
                let value = match (&old.value, &operand.value) {
                    (Value::Query(_) | Value::Many(_), _) => old.value.clone(),
                    _ => Value::Unknown,
                };
                self.bind(*name, Bound { value, from });
            }
            Expr::Attribute { value, attr } => {
                let object = self.expr_again(code, *value);
                if let Value::Row(row) = object {
                    self.event(
                        EventKind::Write {
                            row,
                            column: *attr,
                            from,
                            step: super::steps::augmented(code, op, operand_id),
                            in_sql,
                            in_place: false,
                            constant: None,
                            by: None,
                        },
                        self.statement,
                    );
                }
            }
            Expr::Subscript { value, .. } => {
                let container = self.expr(code, *value);
                self.in_place_write(&container, self.statement);
            }
            _ => {}
        }
    }

    /// Records that the content of a column was changed in place, where the container is a column's value.
    pub(crate) fn in_place_write(&mut self, container: &Bound, range: TextRange) {
        let field = container.from.fields.iter().find(|field| field.how == Derivation::Same).cloned();
        let Some(field) = field else { return };
        let Some(row) = self.row_of_read(field.read) else { return };
        let mut from = Sources::default();
        from.fields.push(super::value::FieldSource { how: Derivation::Computed, ..field.clone() });
        self.event(
            EventKind::Write {
                row,
                column: field.column,
                from,
                step: Step::Unknown,
                in_sql: false,
                in_place: true,
                constant: None,
                by: None,
            },
            range,
        );
    }

    fn row_of_read(&self, read: u32) -> Option<Arc<super::value::RowValue>> {
        match &self.unit.events.get(read as usize)?.kind {
            EventKind::Read { row, .. } => Some(Arc::clone(row)),
            _ => None,
        }
    }

    /// What iterating a value gives.
    pub(crate) fn element(&mut self, iterated: &Bound) -> Bound {
        if let Some(entry) = self.entry_of(iterated) {
            return entry;
        }
        let value = match &iterated.value {
            // An item of what was handed in is not the whole of it.
            Value::Many(inner) if matches!(**inner, Value::Param(_)) => Value::Unknown,
            Value::Many(inner) => (**inner).clone(),
            Value::Executed(query, true) | Value::Query(query) => self.row_from(query, None, true),
            Value::Executed(query, false) => Value::Tuple(vec![self.row_from(query, None, true)]),
            _ => Value::Unknown,
        };
        Bound { value, from: iterated.from.clone().computed() }
    }
}

/// What the other path of a test says.
pub(crate) fn negated(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().cloned().map(|condition| Condition { holds: !condition.holds, ..condition }).collect()
}

/// The parameter that alone decides, and the truth it must have.
pub(crate) fn flag_of(conditions: &[Condition]) -> Option<(u32, bool)> {
    match conditions {
        [condition] => match condition.subject {
            Subject::Param(index) if condition.test == Test::Present => Some((index, condition.holds)),
            _ => None,
        },
        _ => None,
    }
}

/// What is known after either of two paths.
pub(crate) fn merged(one: Environment, other: &Environment) -> Environment {
    merged_under(one, other, None)
}

/// As [`merged`]; `flag` is the parameter whose truth chose the first path.
fn merged_under(mut one: Environment, other: &Environment, flag: Option<(u32, bool)>) -> Environment {
    for (name, bound) in &mut one {
        match other.get(name) {
            Some(second) if second.value == bound.value => {
                bound.from = bound.from.clone().with(&second.from);
            }
            Some(second) => {
                *bound = joined_under(bound, second, flag);
            }
            None => {}
        }
    }
    for (name, bound) in other {
        one.entry(*name).or_insert_with(|| bound.clone());
    }
    one
}

/// What is known after either of two paths; `flag` is the parameter whose truth chose the first: a statement that only that
/// path locks is locked if the flag says so.
pub(crate) fn joined_under(one: &Bound, two: &Bound, flag: Option<(u32, bool)>) -> Bound {
    let mut joined = one.join(two);
    let (Some((index, truth)), Value::Query(first), Value::Query(second), Value::Query(query)) =
        (flag, &one.value, &two.value, &mut joined.value)
    else {
        return joined;
    };
    let (with, without) = if truth { (first, second) } else { (second, first) };
    if with.lock == super::value::Lock::Yes && without.lock == super::value::Lock::No {
        Arc::make_mut(query).lock = super::value::Lock::IfParam(index);
    }
    joined
}

/// Whether an expression is a constant, an enum member or built from such.
pub(crate) fn is_constant(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Str(_) | Expr::Bytes | Expr::Int(_) | Expr::Float | Expr::Bool(_) | Expr::None | Expr::Ellipsis => true,
        // `Status.PAID`, `models.Status.PAID`, `Status.PAID.value`: a dotted path whose last part but `value` is in
        // capitals or that starts at a class-like name.
        Expr::Attribute { value, attr } => {
            if matches!(attr.as_str(), "value" | "name") {
                return is_constant(code, *value);
            }
            let upper = attr.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
            let owner = match &code[*value] {
                Expr::Name(name) => Some(*name),
                Expr::Attribute { attr, .. } => Some(*attr),
                _ => None,
            };
            owner.is_some_and(|owner| {
                owner.chars().next().is_some_and(char::is_uppercase)
                    && (upper || attr.chars().next().is_some_and(char::is_alphabetic))
            })
        }
        Expr::Name(name) => {
            name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        }
        Expr::Unary { operand, .. } => is_constant(code, *operand),
        Expr::Tuple(items) | Expr::List(items) | Expr::Set(items) => items.iter().all(|item| is_constant(code, *item)),
        Expr::Dict(_) => empty_display(code, expr).is_some(),
        Expr::Call { func, args } => {
            // `Status("paid")`, `frozenset({...})`
            // `datetime.now(UTC)` is another one each time.
            let is_made = match &code[*func] {
                Expr::Name(_) => true,
                Expr::Attribute { attr, .. } => attr.chars().next().is_some_and(char::is_uppercase),
                _ => false,
            };
            is_made && !args.is_empty() && args.iter().all(|arg| is_constant(code, arg.value))
        }
        _ => false,
    }
}

fn contains_break(block: &Block) -> bool {
    block.iter().any(|stmt| match &stmt.kind {
        StmtKind::Break => true,
        StmtKind::If(inner) => contains_break(&inner.body) || contains_break(&inner.orelse),
        StmtKind::With { body, .. } => contains_break(body),
        StmtKind::Try(inner) => {
            contains_break(&inner.body)
                || inner.handlers.iter().any(|handler| contains_break(&handler.body))
                || contains_break(&inner.orelse)
                || contains_break(&inner.finally)
        }
        StmtKind::Match { cases, .. } => cases.iter().any(|case| contains_break(&case.body)),
        _ => false,
    })
}

/// `{}` or `[]`: what a column is reset to.
fn empty_display(code: &Code, expr: ExprId) -> Option<&'static str> {
    match &code[expr] {
        Expr::Dict(entries) if entries.is_empty() => Some("{}"),
        Expr::List(items) if items.is_empty() => Some("[]"),
        _ => None,
    }
}

/// A constant as written, for comparing what is tested with what is written.
pub(crate) fn constant_name(code: &Code, expr: ExprId) -> Option<Name> {
    match &code[expr] {
        Expr::Str(text) => Some(Name::new(text)),
        Expr::Int(Some(value)) => Some(Name::new(&value.to_string())),
        Expr::Bool(value) => Some(Name::new(if *value { "True" } else { "False" })),
        Expr::None => Some(Name::new("None")),
        Expr::Dict(_) | Expr::List(_) => empty_display(code, expr).map(Name::new),
        Expr::Attribute { value, attr } if matches!(attr.as_str(), "value" | "name") => constant_name(code, *value),
        Expr::Name(_) | Expr::Attribute { .. } if is_constant(code, expr) => {
            auditline_syntax::python::dotted(code, expr)
        }
        _ => None,
    }
}

/// Whether an expression is a call, awaited or not, that happens whatever else holds.
fn is_call(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Await(inner) => is_call(code, *inner),
        Expr::Call { .. } => true,
        _ => false,
    }
}
