//! Evaluation: one walk over a function in program order that tells what its expressions may be and records what it
//! does as a unit of work.

mod answers;
mod assignments;
mod attributes;
mod batches;
mod calls;
mod captures;
mod changed;
mod conditions;
mod constants;
pub(crate) mod construct;
mod contexts;
mod current;
mod denials;
mod entries;
mod executed;
mod expressions;
mod extension;
mod fetched;
mod found;
mod handed;
mod handlers;
mod inherited;
mod insertions;
mod kept;
mod keys;
mod late;
pub mod libraries;
mod membership;
mod messages;
mod nested;
mod passed_on;
mod paths;
mod predicates;
mod properties;
mod queries;
mod refusals;
mod results;
mod sessions;
mod sought;
mod statements;
mod steps;
mod substitute;
mod texts;
mod types;
mod updates;
pub mod value;

use std::sync::Arc;

use auditline_syntax::python::ir::{Code, ExprId, Function, ParamKind, StmtKind};
use auditline_syntax::{Name, TextRange};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::db::{ClassRef, Db, FunctionRef, VariableRef, class, function, head};
use crate::names;
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{Condition, Counted, Event, EventKind, Frame, FrameId, FrameKind, TryInfo, Unit};

pub use attributes::{attribute, attribute_method, variable};
pub(crate) use calls::MUTATORS;
use current::said_by;
pub(crate) use handed::kept_parameter;
pub(crate) use nested::handed_session;
pub(crate) use passed_on::passes_on;
pub use properties::OwnTest;
pub use substitute::key_of_argument;
pub(crate) use substitute::{handed_row, held_session};
pub(crate) use types::depended;
pub(crate) use types::session_of_type;
pub use types::{Depended, dependency_of_param, dependency_value, has_function_scope, param_row};
pub(crate) use updates::for_callers;

use answers::Outcome;
use value::{CountSource, Part, RowOrigin, RowValue, SessionValue, Sources, Tells, Value};

/// Walks a function and tells its story; `receiver` is the class of `self`.
#[must_use]
pub fn evaluate(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> Unit {
    let Some(function) = function(db, of) else { return Unit::default() };
    let mut evaluator = Evaluator::new(db, of, Arc::clone(&function), receiver);
    evaluator.bind_params();
    let flow = evaluator.block(&function.code.block);
    let returns = evaluator.unit.events.iter().any(|event| matches!(event.kind, EventKind::Return(_)));
    evaluator.unit.changes |= evaluator.unit.events.iter().any(|event| event.kind.changes_rows());
    evaluator.answered(flow);
    evaluator.unit.fails = flow == Flow::Raises && !returns && !function.is_generator;
    evaluator.found();
    evaluator.finish()
}

/// The class in whose body a function stands.
#[must_use]
pub fn own_class(db: &dyn Db, of: FunctionRef) -> Option<ClassRef> {
    own_class_query(db, of, ())
}

/// A query of its own, so that a unit does not depend on the whole file.
#[salsa::tracked(returns(copy))]
fn own_class_query(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<ClassRef> {
    let index = head(db, of)?.class?;
    let parsed = crate::db::parsed(db, of.file);
    parsed.module.classes.get(index.index()).map(|class| ClassRef { file: of.file, path: class.path })
}

/// A value with what it was made from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bound {
    pub(crate) value: Value,
    pub(crate) from: Sources,
}

impl Bound {
    pub(crate) fn of(value: Value) -> Self {
        Self { value, from: Sources { other: true, ..Sources::default() } }
    }

    pub(crate) fn constant(value: Value) -> Self {
        Self { value, from: Sources::default() }
    }

    pub(crate) fn unknown() -> Self {
        Self::of(Value::Unknown)
    }

    fn join(&self, other: &Self) -> Self {
        Self { value: self.value.join(&other.value), from: self.from.clone().with(&other.from) }
    }
}

pub(crate) type Environment = FxHashMap<Name, Bound>;

/// How a block ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// Control goes on behind it.
    Falls,
    /// Control always leaves it by `raise`.
    Raises,
    /// Control always leaves it.
    Leaves,
}

/// The state of one walk over a function.
pub(crate) struct Evaluator<'a> {
    pub(crate) db: &'a dyn Db,
    pub(crate) of: FunctionRef,
    pub(crate) function: Arc<Function>,
    pub(crate) receiver: Option<ClassRef>,
    pub(crate) environment: Environment,
    /// Values on which session methods were seen with mapped arguments: sessions by use.
    pub(crate) sessions_by_use: FxHashMap<Value, Arc<SessionValue>>,
    /// The mapped columns met while a filter's arguments were evaluated.
    pub(crate) columns: Vec<Name>,
    /// What was put into the keywords that the function was called with, and where: `kwargs["session"] = session`.
    pub(crate) added_keywords: Vec<(Name, Bound, FrameId)>,
    pub(crate) globals: FxHashSet<Name>,
    /// How often each variable was bound.
    pub(crate) bindings: FxHashMap<Name, u32>,
    pub(crate) statement: TextRange,
    pub(crate) frame: FrameId,
    pub(crate) unit: Unit,
    /// The parameters that may be rows, by their attributes that are set here.
    changed: FxHashSet<u32>,
    /// The lookups of which something is returned that says whether there is a row.
    copied: Vec<u32>,
    /// How it answers at each `return`.
    outcomes: Vec<Outcome>,
    /// What holds behind the calls of the statement under way: their callees raise where it does not.
    held: Vec<Condition>,
    /// What is being awaited.
    awaited: Option<TextRange>,
    returned: bool,
    yielded: bool,
    splits: u32,
    /// How many helpers stand around a call that hand a function on.
    forwards: u32,
}

impl<'a> Evaluator<'a> {
    fn new(db: &'a dyn Db, of: FunctionRef, function: Arc<Function>, receiver: Option<ClassRef>) -> Self {
        let root = Frame { parent: None, kind: FrameKind::Function, first: 0, end: 0 };
        Self {
            db,
            of,
            statement: function.def_range,
            changed: changed::changed_params(&function),
            function,
            receiver,
            environment: Environment::default(),
            sessions_by_use: FxHashMap::default(),
            columns: Vec::new(),
            added_keywords: Vec::new(),
            globals: FxHashSet::default(),
            bindings: FxHashMap::default(),
            frame: FrameId(0),
            unit: Unit { frames: vec![root], ..Unit::default() },
            copied: Vec::new(),
            outcomes: Vec::new(),
            held: Vec::new(),
            awaited: None,
            returned: false,
            yielded: false,
            splits: 0,
            forwards: 0,
        }
    }

    pub(crate) fn code(&self) -> Arc<Function> {
        Arc::clone(&self.function)
    }

    /// Whether a name is the function's `**kwargs`.
    pub(crate) fn is_keywords(&self, name: Name) -> bool {
        self.function.params.iter().any(|param| param.name == name && param.kind == ParamKind::KwArgs)
    }

    fn bind_params(&mut self) {
        let function = self.code();
        let is_static = function.decorators.iter().any(|decorator| {
            matches!(&function.code[*decorator], auditline_syntax::python::ir::Expr::Name(name) if *name == "staticmethod")
        });
        let is_class_method = function.decorators.iter().any(|decorator| {
            matches!(&function.code[*decorator], auditline_syntax::python::ir::Expr::Name(name) if *name == "classmethod")
        });
        for (index, param) in function.params.iter().enumerate() {
            let mut parts = SmallVec::new();
            let first = index == 0 && function.class.is_some() && !is_static;
            let value = if first && let Some(class) = self.receiver {
                if is_class_method || function.name == "__init_subclass__" || function.name == "__new__" {
                    Value::Symbol(Symbol::Class(class))
                } else {
                    self.self_value(class)
                }
            } else if param.kind == ParamKind::VarArgs {
                Value::Unknown
            } else if param.kind == ParamKind::KwArgs {
                // The keywords that callers hand in besides.
                u32::try_from(index).map_or(Value::Unknown, Value::Param)
            } else {
                parts.extend(u32::try_from(index).ok().map(Part::Param));
                self.param_value(index)
            };
            let from = Sources { other: true, parts, ..Sources::default() };
            self.environment.insert(param.name, Bound { value, from });
        }
    }

    fn self_value(&self, class: ClassRef) -> Value {
        if orm_model(self.db, class).is_some() {
            Value::Row(Arc::new(RowValue {
                id: u32::MAX - 1,
                model: Some(class),
                origin: RowOrigin::SelfRow,
                session: None,
            }))
        } else {
            Value::SelfObject
        }
    }

    pub(crate) fn event(&mut self, kind: EventKind, range: TextRange) -> u32 {
        let ordinal = u32::try_from(self.unit.events.len()).unwrap_or(u32::MAX);
        self.unit.events.push(Event { kind, range, statement: self.statement, frame: self.frame });
        ordinal
    }

    pub(crate) fn next_ordinal(&self) -> u32 {
        u32::try_from(self.unit.events.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn push_frame(&mut self, kind: FrameKind) -> FrameId {
        let id = FrameId(u32::try_from(self.unit.frames.len()).unwrap_or(u32::MAX));
        let first = self.next_ordinal();
        self.unit.frames.push(Frame { parent: Some(self.frame), kind, first, end: first });
        self.frame = id;
        id
    }

    pub(crate) fn pop_frame(&mut self, id: FrameId) {
        let end = self.next_ordinal();
        if let Some(frame) = self.unit.frames.get_mut(id.0 as usize) {
            frame.end = end;
            self.frame = frame.parent.unwrap_or(FrameId(0));
        }
    }

    pub(crate) fn new_split(&mut self) -> u32 {
        self.splits += 1;
        self.splits
    }

    pub(crate) fn new_try(&mut self) -> crate::unit::TryId {
        let id = crate::unit::TryId(u32::try_from(self.unit.tries.len()).unwrap_or(u32::MAX));
        self.unit.tries.push(TryInfo::default());
        id
    }

    pub(crate) fn record_return(&mut self, code: &Code, bound: &Bound, value: Option<ExprId>) {
        self.outcome(code, bound, value);
        let value = &bound.value.held();
        self.unit.returns = if self.returned { self.unit.returns.join(value) } else { value.clone() };
        self.returned = true;
        let whole = bound.from.counts.iter().map(|count| (None, *count));
        let within = bound.from.within.iter().map(|(spot, count)| (Some(*spot), *count));
        for (spot, count) in whole.chain(within).filter(|(_, count)| count.tells == Tells::Number) {
            if let Some(EventKind::Load { query, .. }) =
                self.unit.events.get(count.load as usize).map(|event| &event.kind)
                && let Some(model) = query.model
            {
                let counted = Counted { model, falls: count.falls, spot };
                if !self.unit.counts.contains(&counted) {
                    self.unit.counts.push(counted);
                }
            }
        }
        if let [CountSource { load, falls: false, tells: Tells::Any }] = bound.from.counts[..] {
            self.copied.push(load);
        }
    }

    pub(crate) fn record_yield(&mut self, value: &Value) {
        let value = &value.held();
        self.unit.yields = if self.yielded { self.either_yielded(&self.unit.yields, value) } else { value.clone() };
        self.yielded = true;
    }

    pub(crate) fn symbol(&self, code: &Code, expr: ExprId) -> Symbol {
        names::resolve_in(self.db, self.of, code, expr)
    }

    fn finish(mut self) -> Unit {
        // What is used as a session only behind its `yield` was one before, too.
        if !self.sessions_by_use.is_empty() {
            for event in &mut self.unit.events {
                if let EventKind::Yield(value) | EventKind::Return(value) = &mut event.kind
                    && let Some(session) = self.sessions_by_use.get(value)
                {
                    *value = Value::Session(Arc::clone(session));
                }
            }
            for value in [&mut self.unit.yields, &mut self.unit.returns] {
                if let Some(session) = self.sessions_by_use.get(value) {
                    *value = Value::Session(Arc::clone(session));
                }
            }
        }
        let end = self.next_ordinal();
        for frame in &mut self.unit.frames {
            if frame.parent.is_none() {
                frame.end = end;
            }
        }
        self.unit
    }
}

/// The value of a module-level variable's assignment, evaluated in the scope of its module.
pub(crate) fn evaluate_variable(db: &dyn Db, of: VariableRef) -> Value {
    let parsed = crate::db::parsed(db, of.file);
    let module = &parsed.module;
    // The module level is evaluated as a function without parameters, with the assignment as its only statement, so
    // that one evaluator serves both.
    let mut found: Option<(Option<ExprId>, Option<ExprId>)> = None;
    auditline_syntax::python::walk_statements(&module.code.block, &mut |stmt| {
        let (target, annotation, value) = match &stmt.kind {
            StmtKind::Assign { targets, value } => (targets.first().copied(), None, Some(*value)),
            StmtKind::AnnAssign { target, annotation, value } => (Some(*target), Some(*annotation), *value),
            _ => return,
        };
        let bound = target.is_some_and(
            |target| matches!(&module.code[target], auditline_syntax::python::ir::Expr::Name(name) if *name == of.name),
        );
        if bound && (found.is_none() || value.is_some_and(|value| !is_none(&module.code, value))) {
            found = Some((annotation, value));
        }
    });
    let Some((annotation, value)) = found else { return Value::Unknown };
    let shell = Arc::new(Function {
        name: of.name,
        path: Name::new("<module>"),
        class: None,
        outer: None,
        is_async: false,
        is_generator: false,
        has_errors: false,
        decorators: Vec::new(),
        params: Vec::new(),
        returns: None,
        name_range: TextRange::default(),
        range: TextRange::default(),
        def_range: TextRange::default(),
        code: module.code.clone(),
    });
    let place = FunctionRef { file: of.file, path: shell.path };
    let mut evaluator = Evaluator::new(db, place, shell, None);
    let code = evaluator.code();
    let mut result = value.map_or(Value::Unknown, |value| evaluator.expr(&code.code, value).value);
    if matches!(result, Value::Unknown | Value::None)
        && let Some(annotation) = annotation
    {
        let typed = types::value_of_type(
            db,
            &crate::classes::type_expr(db, of.file, None, &module.code, annotation),
            types::Holder::Variable(of),
        );
        if !matches!(typed, Value::Session(_)) || value.is_none() {
            result = typed;
        }
    }
    if matches!(result, Value::Unknown | Value::None)
        && value.is_none_or(|value| is_none(&module.code, value))
        && let Some(late) = late::set_late(db, of)
    {
        return late;
    }
    result
}

fn is_none(code: &Code, expr: ExprId) -> bool {
    matches!(code[expr], auditline_syntax::python::ir::Expr::None)
}

/// The value of an assignment in a class body, evaluated in the scope of the class's module.
pub(crate) fn evaluate_class_attribute(db: &dyn Db, owner: ClassRef, value: ExprId) -> Value {
    let Some(class) = class(db, owner) else { return Value::Unknown };
    let shell = Arc::new(Function {
        name: class.name,
        path: Name::new("<module>"),
        class: None,
        outer: None,
        is_async: false,
        is_generator: false,
        has_errors: false,
        decorators: Vec::new(),
        params: Vec::new(),
        returns: None,
        name_range: TextRange::default(),
        range: TextRange::default(),
        def_range: TextRange::default(),
        code: class.code.clone(),
    });
    let place = FunctionRef { file: owner.file, path: shell.path };
    let mut evaluator = Evaluator::new(db, place, shell, None);
    let code = evaluator.code();
    evaluator.expr(&code.code, value).value
}

/// What an annotation in a class body promises of the attribute.
#[must_use]
pub fn value_of_attribute_type(db: &dyn Db, ty: &crate::classes::TypeExpr) -> Value {
    types::value_of_type(db, ty, types::Holder::Attribute)
}
