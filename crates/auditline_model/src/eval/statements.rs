//! Statements.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, If, Stmt, StmtKind, Try};

use crate::names;
use crate::symbols::Symbol;
use crate::unit::{Condition, EventKind, FrameKind, Test};

use super::paths::{flag_of, merged, merged_under, negated};
use super::value::{InstanceOrigin, InstanceValue, Value};
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
    pub(super) fn stmt(&mut self, stmt: &Stmt) -> (Flow, Option<(u32, Vec<Condition>)>) {
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
                self.held.clear();
                let bound = self.expr(code, *value);
                if let [target] = targets[..]
                    && let Expr::Name(name) = code[target]
                {
                    self.unused(code, &bound.value, *value, Some(name));
                }
                for target in targets {
                    self.assign(code, *target, &bound, Some(*value));
                }
                // `depot = checked(db, label)`
                let held = std::mem::take(&mut self.held);
                if !held.is_empty() && is_call(code, *value) {
                    return (Flow::Falls, Some((self.refused_otherwise(&held), held)));
                }
            }
            StmtKind::AnnAssign { target, annotation, value } => {
                let mut bound = value.map_or_else(Bound::unknown, |value| self.expr(code, value));
                self.annotated(code, *annotation, &mut bound);
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
                self.record_return(code, &bound, *value);
                self.event(EventKind::Return(bound.value.held()), stmt.range);
                return (Flow::Leaves, None);
            }
            StmtKind::Raise { exception, cause } => {
                for expr in exception.iter().chain(cause) {
                    self.expr(code, *expr);
                }
                self.refusal(code, *exception);
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
                let iterated = self.iterated(code, *iter);
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
                let each = self.for_each(&iterated, Vec::new());
                self.block(body);
                if let Some(each) = each {
                    self.pop_frame(each);
                }
                self.pop_frame(frame);
                self.merge(&before);
                self.block(orelse);
            }
            StmtKind::With { is_async, items, body } => return (self.with(code, *is_async, items, body), None),
            StmtKind::Try(statement) => return self.try_statement(code, statement),
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
        if self.denies(code, statement.test, &statement.body, body) {
            self.unit.denied.push(split);
        }
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
            if self.denies(code, statement.test, &statement.orelse, orelse) {
                self.unit.denied.push(split);
            }
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
    pub(super) fn refused_otherwise(&mut self, conditions: &[Condition]) -> u32 {
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

    #[allow(clippy::type_complexity)]
    fn try_statement(&mut self, code: &Code, statement: &Try) -> (Flow, Option<(u32, Vec<Condition>)>) {
        let id = self.new_try();
        let before = self.environment.clone();
        let body_frame = self.push_frame(FrameKind::Try(id));
        let body_flow = self.block(&statement.body);
        self.pop_frame(body_frame);
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
            let info = self.handler_info(code, handler, (body_frame, frame), handler_flow);
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
        let rest = (result == Flow::Falls).then(|| self.left_missing(id, &flows)).flatten();
        (result, rest)
    }

    /// What iterating a value gives.
    pub(crate) fn element(&mut self, iterated: &Bound) -> Bound {
        if let Some(entry) = self.entry_of(iterated) {
            return entry;
        }
        let value = match &iterated.value {
            // An item of what was handed in is not the whole of it.
            Value::Many(inner) if matches!(**inner, Value::Param(_)) => Value::Unknown,
            Value::Many(inner) if let Value::Instance(item) = &**inner => {
                let origin = match item.origin {
                    InstanceOrigin::Param(_) => InstanceOrigin::Unknown,
                    known => known,
                };
                Value::Instance(Arc::new(InstanceValue { origin, ..(**item).clone() }))
            }
            Value::Many(inner) => (**inner).clone(),
            Value::Executed(query, true) | Value::Query(query) => self.row_from(query, None, true),
            Value::Executed(query, false) => Value::Tuple(self.result_row(query, true)),
            _ => Value::Unknown,
        };
        Bound { value, from: iterated.from.clone().computed() }
    }
}

pub(super) fn contains_break(block: &Block) -> bool {
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

/// Whether an expression is a call, awaited or not, that happens whatever else holds.
fn is_call(code: &Code, expr: ExprId) -> bool {
    match &code[expr] {
        Expr::Await(inner) => is_call(code, *inner),
        Expr::Call { .. } => true,
        _ => false,
    }
}
