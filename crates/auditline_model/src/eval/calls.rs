//! Calls: of functions, methods, classes and things outside the workspace.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, FunctionRef, head};
use crate::names;
use crate::symbols::Symbol;
use crate::tables::{ModelKind, orm_model};
use crate::unit::{Counted, EventKind, FrameKind, LoadForm, Reach, When, effect};

use super::libraries::{self, Known};
use super::substitute::by_statement;
use super::value::{
    ArgName, ContextValue, CountSource, Derivation, Key, Lock, OnCommit, QueryValue, RowOrigin, RowValue,
    SessionOrigin, SessionValue, Sources, Value,
};
use super::{Bound, Evaluator};

/// The arguments of a call, evaluated.
pub(crate) struct Arguments {
    pub(crate) list: Vec<(ArgName, Bound)>,
    /// Whether `*args` or `**kwargs` may fill any parameter.
    pub(crate) open: bool,
    /// What names the arguments.
    pub(crate) keys: Vec<(ArgName, Key)>,
}

impl Arguments {
    pub(crate) fn position(&self, index: u32) -> Option<&Bound> {
        self.list.iter().find(|(name, _)| *name == ArgName::Position(index)).map(|(_, bound)| bound)
    }

    pub(crate) fn keyword(&self, keyword: &str) -> Option<&Bound> {
        self.list
            .iter()
            .find(|(name, _)| matches!(name, ArgName::Keyword(name) if *name == keyword))
            .map(|(_, bound)| bound)
    }

    pub(crate) fn first(&self) -> Value {
        self.position(0).map(|bound| bound.value.clone()).unwrap_or_default()
    }

    pub(crate) fn values(&self) -> Vec<(ArgName, Value)> {
        self.list.iter().map(|(name, bound)| (*name, bound.value.held())).collect()
    }

    /// What the arguments were made from, for a call that computes with them.
    pub(super) fn computed(&self) -> Sources {
        self.list.iter().fold(Sources::default(), |from, (_, bound)| from.with(&bound.from.clone().computed()))
    }

    /// What the arguments were made from, for a call that is not understood.
    fn sources(&self) -> Sources {
        self.list.iter().fold(Sources::default(), |from, (_, bound)| from.with(&bound.from.clone().called()))
    }
}

/// Methods that change a container in place.
pub(super) const MUTATORS: &[&str] =
    &["add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"];

/// Builtins that compute with their arguments.
const COMPUTING: &[&str] = &[
    "abs",
    "all",
    "any",
    "dict",
    "divmod",
    "enumerate",
    "filter",
    "format",
    "frozenset",
    "len",
    "map",
    "max",
    "min",
    "pow",
    "range",
    "repr",
    "round",
    "sum",
    "zip",
];

/// Methods of Pydantic's classes that make an object from data: <https://docs.pydantic.dev/latest/concepts/models/>.
const MAKERS: &[&str] = &["construct", "from_orm", "model_construct", "model_validate", "parse_obj", "validate"];

/// Methods of text that give the same content in another form: doing it twice changes nothing.
const NORMALISERS: &[&str] =
    &["casefold", "lower", "lstrip", "rstrip", "strip", "title", "upper", "copy", "astimezone"];

impl Evaluator<'_> {
    pub(crate) fn call(&mut self, code: &Code, id: ExprId, func: ExprId, args: &[Arg]) -> Bound {
        let range = code.range(id);
        // The object of a method call is evaluated before the arguments, as Python does.
        if let Expr::Attribute { value, attr } = &code[func] {
            if let Some(inherited) = self.super_call(code, (*value, *attr), args, range) {
                return inherited;
            }
            let object = self.expr(code, *value);
            if self.mutates(&object, *attr) {
                self.arguments(code, args);
                self.in_place_write(&object, range);
                return Bound::unknown();
            }
            if matches!(object.value, Value::Unknown | Value::Constant) && !object.from.fields.is_empty() {
                let arguments = self.arguments(code, args);
                let from = if NORMALISERS.contains(&attr.as_str()) {
                    object.from.normalised()
                } else {
                    object.from.computed()
                };
                return Bound { value: Value::Unknown, from: from.with(&arguments.computed()) };
            }
            if let Value::Method(receiver, method) = &object.value
                && let Some(bound) = self.property_chain(receiver, *method, *attr)
            {
                self.arguments(code, args);
                return bound;
            }
            return self.method_call(code, (id, func, *value), &object, *attr, args);
        }
        let callee = self.expr(code, func);
        // What a decorator was handed is called inside of it: with a session, perhaps.
        if let Expr::Name(name) = &code[func]
            && matches!(callee.value, Value::Unknown | Value::Symbol(Symbol::Unknown))
            && crate::owner::is_outer_param(self.db, self.of, *name)
        {
            let arguments = self.arguments(code, args);
            self.given(*name, &arguments, range);
            return Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } };
        }
        if let Expr::Name(name) = &code[func]
            && is_builtin(&callee.value, *name)
        {
            return self.builtin(code, *name, args, range);
        }
        let arguments = self.arguments(code, args);
        self.call_value(code, &callee.value, &arguments, args, (id, range))
    }

    fn property_chain(&self, _receiver: &Value, _method: Name, _attr: Name) -> Option<Bound> {
        None
    }

    fn mutates(&self, object: &Bound, attr: Name) -> bool {
        matches!(object.value, Value::Unknown)
            && MUTATORS.contains(&attr.as_str())
            && object.from.fields.iter().any(|field| field.how == Derivation::Same)
    }

    fn builtin(&mut self, code: &Code, name: Name, args: &[Arg], range: TextRange) -> Bound {
        let arguments = self.arguments(code, args);
        match (name.as_str(), arguments.position(0).map(|bound| bound.value.clone())) {
            ("next" | "iter" | "list" | "sorted" | "reversed" | "tuple" | "set" | "frozenset", Some(first)) => {
                let value = match (name.as_str(), first) {
                    ("next", Value::Many(inner)) => *inner,
                    ("next", Value::Context(context)) => self.pulled(&context, range),
                    (_, value @ (Value::Many(_) | Value::Context(_))) => value,
                    (_, Value::Executed(query, true)) => Value::Many(Box::new(self.row_from(&query, None, true))),
                    _ => Value::Unknown,
                };
                Bound { value, from: arguments.computed() }
            }
            ("anext", Some(Value::Context(context))) => Bound::of(self.pulled(&context, range)),
            ("setattr", Some(object)) => self.set_by_name(code, &object, args, &arguments),
            ("dict", Some(entries @ Value::Dict(_))) => Bound { value: entries, from: arguments.computed() },
            ("str" | "int" | "bool" | "float", _) => {
                Bound { value: Value::Unknown, from: arguments.position(0).cloned().unwrap_or_default().from }
            }
            ("len" | "sum", Some(_)) => {
                let mut from = Sources { other: true, ..arguments.computed() };
                if let Some(first) = arguments.position(0) {
                    from = from.with(&self.counted(first));
                }
                Bound { value: Value::Unknown, from }
            }
            (name, _) if COMPUTING.contains(&name) => {
                Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.computed() } }
            }
            _ => Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } },
        }
    }

    /// What loads brought the rows whose number or sum is taken: `len(rows)`, `sum(row.size for row in rows)`.
    fn counted(&self, of: &Bound) -> Sources {
        let mut from = Sources::default();
        let listed = match &of.value {
            Value::Many(inner) => inner.row().map(|row| row.id),
            _ => None,
        };
        for id in listed.into_iter().chain(of.from.fields.iter().map(|field| field.row)) {
            let many = self.unit.events.get(id as usize).is_some_and(
                |event| matches!(&event.kind, EventKind::Load { query, many: true, .. } if query.entities),
            );
            let count = CountSource { load: id, falls: false };
            if many && !from.counts.contains(&count) {
                from.counts.push(count);
            }
        }
        from
    }

    /// `next(get_db())`: the session is taken out of its generator, and nobody runs what stands behind the `yield`
    /// before the generator is collected.
    fn pulled(&mut self, context: &ContextValue, range: TextRange) -> Value {
        match &context.yields {
            Value::Session(session) => {
                let session = Arc::new(SessionValue {
                    origin: SessionOrigin::Returned(context.function, Box::new(session.origin.clone())),
                    id: self.next_ordinal(),
                    ..(**session).clone()
                });
                self.event(EventKind::Open(Arc::clone(&session)), range);
                Value::Session(session)
            }
            other => other.clone(),
        }
    }

    pub(crate) fn arguments(&mut self, code: &Code, args: &[Arg]) -> Arguments {
        let mut list = Vec::with_capacity(args.len());
        let mut keys = Vec::new();
        let mut open = false;
        let mut position = 0;
        for arg in args {
            let bound = self.expr(code, arg.value);
            let name = match arg.kind {
                ArgKind::Positional => {
                    position += 1;
                    ArgName::Position(position - 1)
                }
                ArgKind::Keyword(name) => ArgName::Keyword(name),
                ArgKind::Starred | ArgKind::DoubleStarred => {
                    open = true;
                    if let (ArgKind::DoubleStarred, Expr::Name(name)) = (&arg.kind, &code[arg.value])
                        && self.is_keywords(*name)
                    {
                        // What only some paths put there may be something else here.
                        let certain =
                            |frame: crate::unit::FrameId| self.unit.ancestors(self.frame).any(|(id, _)| id == frame);
                        list.extend(self.added_keywords.iter().map(|(name, bound, frame)| {
                            let bound = if certain(*frame) { bound.clone() } else { Bound::unknown() };
                            (ArgName::Keyword(*name), bound)
                        }));
                    }
                    continue;
                }
            };
            keys.extend(self.key_of(code, &bound, arg.value).map(|key| (name, key)));
            list.push((name, bound));
        }
        Arguments { list, open, keys }
    }

    fn call_value(
        &mut self,
        code: &Code,
        callee: &Value,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        match callee {
            Value::Symbol(Symbol::Function(function)) => {
                self.call_function(*function, None, &Value::Unknown, arguments, range)
            }
            Value::Symbol(Symbol::Class(class)) => self.construct(code, *class, arguments, args, range),
            Value::Symbol(Symbol::External(path)) => self.call_external(code, *path, arguments, args, (id, range)),
            Value::Factory(factory) => {
                // `SessionLocal(expire_on_commit=False)` has the last word.
                let said = arguments.open || arguments.keyword("expire_on_commit").is_some();
                let on_commit = if said { on_commit(arguments) } else { factory.on_commit };
                Bound::of(self.open_session(super::value::FactoryValue { on_commit, ..*factory }, range))
            }
            Value::Method(receiver, name) => {
                let receiver = Bound::of((**receiver).clone());
                self.method(code, &receiver, *name, arguments, args, (id, range))
            }
            Value::Made(path) => self.external_result(*path, arguments, range),
            Value::Session(session) if matches!(session.origin, SessionOrigin::Registry(_)) => {
                Bound::of(callee.clone())
            }
            Value::Instance(instance) => {
                let class = instance.class;
                match classes::method(self.db, class, Name::new("__call__")) {
                    Some(method) => self.call_function(method, Some(class), callee, arguments, range),
                    None => Bound::unknown(),
                }
            }
            Value::SelfObject
            | Value::Unknown
            | Value::None
            | Value::Bool(_)
            | Value::Constant
            | Value::Symbol(_)
            | Value::Param(_)
            | Value::Attribute(..)
            | Value::Session(_)
            | Value::Engine
            | Value::Transaction(..)
            | Value::BegunSession(_)
            | Value::Context(_)
            | Value::Query(_)
            | Value::Executed(..)
            | Value::Row(_)
            | Value::Many(_)
            | Value::Tuple(_)
            | Value::Dict(_)
            | Value::KeyOf(_)
            | Value::Column(..)
            | Value::Aggregate(_) => {
                self.given(Name::new("call"), arguments, range);
                Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } }
            }
        }
    }

    /// Records that something that is not understood gets hold of a session, or of what uses one.
    pub(crate) fn given(&mut self, to: Name, arguments: &Arguments, range: TextRange) {
        let holds = arguments.list.iter().any(|(_, bound)| holds_session(&bound.value));
        if holds || libraries::runs_later(&to) {
            self.event(EventKind::Given { to, values: arguments.values() }, range);
        }
    }

    fn method_call(
        &mut self,
        code: &Code,
        (id, func, receiver_id): (ExprId, ExprId, ExprId),
        object: &Bound,
        attr: Name,
        args: &[Arg],
    ) -> Bound {
        let range = code.range(id);
        match &object.value {
            Value::Session(_) | Value::Query(_) | Value::Executed(..) | Value::BegunSession(_) | Value::Factory(_) => {
                let columns = std::mem::take(&mut self.columns);
                let arguments = self.arguments(code, args);
                let result = self.database_method(code, object, (receiver_id, attr), &arguments, args, (id, range));
                self.columns = columns;
                result
            }
            Value::Param(_) | Value::Attribute(..) | Value::Unknown => {
                let columns = std::mem::take(&mut self.columns);
                let arguments = self.arguments(code, args);
                let result = match self.session_by_use(&object.value, attr, &arguments) {
                    Some(session) => {
                        let object = Bound { value: Value::Session(session), from: object.from.clone() };
                        self.database_method(code, &object, (receiver_id, attr), &arguments, args, (id, range))
                    }
                    None => {
                        self.given(attr, &arguments, range);
                        if libraries::names_lock(&attr) || (attr == "acquire" && names_lock_value(&object.value)) {
                            self.event(EventKind::ExternalLock, range);
                        }
                        Bound {
                            value: match &object.value {
                                Value::Unknown => Value::Unknown,
                                known => Value::Attribute(Box::new(known.clone()), attr),
                            },
                            from: Sources { other: true, ..object.from.clone().computed().with(&arguments.sources()) },
                        }
                    }
                };
                self.columns = columns;
                result
            }
            Value::Dict(_) => {
                let arguments = self.arguments(code, args);
                self.given(attr, &arguments, range);
                self.dict_method(code, (object, receiver_id), attr, &arguments)
            }
            // A plain function has no `delay`: what decorates it has made a task of it.
            Value::Symbol(Symbol::Function(task)) if libraries::hands_on(&attr) => {
                let path = Name::new(&format!("{}.{attr}", task.path));
                let arguments = self.arguments(code, args);
                let external = Some(self.enqueue(path, &arguments, range));
                Bound { value: Value::Made(path), from: Sources { other: true, external, ..arguments.sources() } }
            }
            // A table of SQLModel makes its rows from checked data as well.
            Value::Symbol(Symbol::Class(class))
                if MAKERS.contains(&attr.as_str())
                    && orm_model(self.db, *class).is_some_and(|model| model.kind == ModelKind::SqlModelTable)
                    && classes::method(self.db, *class, attr).is_none() =>
            {
                let class = *class;
                self.arguments(code, args);
                self.construct(code, class, &Arguments { list: Vec::new(), keys: Vec::new(), open: true }, args, range)
            }
            _ => {
                let callee = self.attribute_of(code, object, attr, func);
                let arguments = self.arguments(code, args);
                let reads = libraries::reads_attributes(&attr)
                    && matches!(&object.value, Value::Symbol(Symbol::Class(class))
                        if classes::method(self.db, *class, attr).is_none());
                if reads && super::value::listed_row(&arguments.first()).is_some() {
                    self.event(EventKind::Given { to: attr, values: arguments.values() }, range);
                }
                match callee.value {
                    Value::Method(receiver, name) => {
                        let receiver = Bound { value: *receiver, from: object.from.clone() };
                        self.method(code, &receiver, name, &arguments, args, (id, range))
                    }
                    Value::Attribute(..) if matches!(object.value, Value::Made(_)) => {
                        let Value::Made(path) = &object.value else { return Bound::unknown() };
                        if libraries::reads_answer(path, &attr) {
                            return Bound {
                                value: Value::Made(Name::new(&format!("{path}.{attr}"))),
                                from: object.from.clone().computed().with(&arguments.sources()),
                            };
                        }
                        self.external_result(Name::new(&format!("{path}.{attr}")), &arguments, range)
                    }
                    value => self.call_value(code, &value, &arguments, args, (id, range)),
                }
            }
        }
    }

    fn method(
        &mut self,
        code: &Code,
        receiver: &Bound,
        name: Name,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        let class = match &receiver.value {
            Value::SelfObject => self.receiver,
            Value::Instance(instance) => Some(instance.class),
            Value::Row(row) => row.model,
            Value::Symbol(Symbol::Class(class)) => Some(*class),
            _ => None,
        };
        if let Some(class) = class
            && let Some(method) = classes::method(self.db, class, name)
        {
            return self.call_function(method, Some(class), &receiver.value, arguments, range);
        }
        match &receiver.value {
            Value::Many(inner) => {
                self.given(name, arguments, range);
                let value = match name.as_str() {
                    "append" | "extend" => Value::None,
                    "pop" => (**inner).clone(),
                    _ => Value::Unknown,
                };
                Bound::of(value)
            }
            Value::Session(_) | Value::Query(_) | Value::Executed(..) | Value::BegunSession(_) | Value::Factory(_) => {
                self.database_method(code, receiver, (id, name), arguments, args, (id, range))
            }
            // `.label(…)`, `.filter(…)`: the number under a name, or of fewer rows.
            Value::Aggregate(_) if name != "over" => receiver.clone(),
            Value::Transaction(session, kind) => {
                let session = Arc::clone(session);
                self.transaction_method(&session, *kind, name, range)
            }
            _ => {
                self.given(name, arguments, range);
                Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } }
            }
        }
    }

    /// Calls something outside the workspace by its dotted path.
    fn call_external(
        &mut self,
        code: &Code,
        path: Name,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        let canonical = names::canonical(path);
        if let Some(known) = libraries::known(&canonical) {
            return self.call_known(code, known, canonical, arguments, args, (id, range));
        }
        if canonical.starts_with("sqlalchemy.") && canonical.ends_with(".flag_modified") {
            self.flag_modified(code, arguments, args, range);
            return Bound::of(Value::None);
        }
        if let Some(computed) = sql_function(&canonical, arguments) {
            return Bound::of(computed);
        }
        // What the standard library makes of a value is computed from it.
        if matches!(canonical.split('.').next(), Some("json" | "copy" | "math" | "decimal" | "datetime" | "operator")) {
            return Bound { value: Value::Made(canonical), from: Sources { other: true, ..arguments.computed() } };
        }
        self.external_result(canonical, arguments, range)
    }

    /// `flag_modified(row, "data")`: what was changed in place is written.
    fn flag_modified(&mut self, code: &Code, arguments: &Arguments, args: &[Arg], range: TextRange) {
        let Value::Row(row) = arguments.first() else { return };
        let Some(Expr::Str(column)) = args.get(1).map(|arg| &code[arg.value]) else { return };
        let column = Name::new(column);
        // What was set as a whole is written already, and the flag adds nothing.
        let is_set = self.unit.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Write { row: other, column: written, in_place: false, .. }
                if other.id == row.id && *written == column)
        });
        if is_set {
            return;
        }
        let read = self.unit.numbered().find_map(|(ordinal, event)| match &event.kind {
            EventKind::Read { row: other, column: read } => (other.id == row.id && *read == column).then_some(ordinal),
            _ => None,
        });
        let mut from = Sources::default();
        if let Some(read) = read {
            from.fields.push(super::value::FieldSource { row: row.id, column, read, how: Derivation::Computed });
        }
        self.event(
            EventKind::Write {
                row,
                column,
                from,
                step: super::value::Step::Unknown,
                in_sql: false,
                in_place: false,
                constant: None,
                by: None,
            },
            range,
        );
    }

    /// Records a call that leaves the process, and gives what it made.
    fn external_result(&mut self, path: Name, arguments: &Arguments, range: TextRange) -> Bound {
        self.given(path, arguments, range);
        let mut from = arguments.sources();
        from.other = true;
        from.fresh |= libraries::is_fresh(&path);
        if libraries::holds_lock(&path) {
            self.event(EventKind::ExternalLock, range);
        } else if libraries::reaches_out(&path) {
            // Constructing a client reaches nobody.
            let last = path.as_str().rsplit('.').next().unwrap_or_default();
            let constructs = last.chars().next().is_some_and(char::is_uppercase);
            if !constructs {
                // With an idempotency key, the second call gives what the first one made.
                let idempotent = arguments.keyword("idempotency_key").is_some();
                let creates = libraries::creates(&path) && !idempotent;
                let about = self.told_of(arguments);
                let event = EventKind::External { path, by: None, creates, reach: Reach::Call, about };
                from.external = Some(self.event(event, range));
            }
        } else if libraries::enqueues(&path) {
            from.external = Some(self.enqueue(path, arguments, range));
        } else if libraries::names_lock(&path) && !path.contains("block") {
            self.event(EventKind::ExternalLock, range);
        }
        Bound { value: Value::Made(path), from }
    }

    /// Records that a task is given to a worker.
    fn enqueue(&mut self, path: Name, arguments: &Arguments, range: TextRange) -> u32 {
        let about = self.told_of(arguments);
        self.event(EventKind::External { path, by: None, creates: true, reach: Reach::Enqueue, about }, range)
    }

    /// The rows that went into the arguments of a call, they themselves or their columns.
    fn told_of(&self, arguments: &Arguments) -> Vec<Arc<RowValue>> {
        let mut rows: Vec<Arc<RowValue>> = Vec::new();
        for (_, bound) in &arguments.list {
            let of_columns =
                bound.from.fields.iter().filter_map(|field| match &self.unit.events.get(field.read as usize)?.kind {
                    EventKind::Read { row, .. } if row.id == field.row => Some(Arc::clone(row)),
                    _ => None,
                });
            for row in bound.value.row().cloned().into_iter().chain(of_columns) {
                if !rows.contains(&row) {
                    rows.push(row);
                }
            }
        }
        rows
    }

    fn call_known(
        &mut self,
        code: &Code,
        known: Known,
        path: Name,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        match known {
            Known::SessionClass(is_async) => {
                let factory = super::value::FactoryValue {
                    is_async: Some(is_async),
                    scoped: false,
                    on_commit: on_commit(arguments),
                    variable: None,
                };
                let bind = arguments.position(0).or_else(|| arguments.keyword("bind")).map(|bound| &bound.value);
                if bind.is_some_and(is_connection) {
                    // It joins the transaction of a connection that somebody else opens and ends.
                    return Bound::of(Value::Session(Arc::new(SessionValue {
                        origin: SessionOrigin::Unknown,
                        is_async: factory.is_async,
                        id: self.next_ordinal(),
                        on_commit: factory.on_commit,
                    })));
                }
                Bound::of(self.open_session(factory, range))
            }
            Known::FactoryClass(is_async) => {
                let mut class_is_async = false;
                let mut on_commit = on_commit(arguments);
                match arguments.keyword("class_").map(|class| &class.value) {
                    Some(Value::Symbol(Symbol::External(name))) => class_is_async = name.ends_with("AsyncSession"),
                    Some(Value::Symbol(Symbol::Class(class))) => {
                        class_is_async =
                            super::construct::session_class(self.db, *class) == Some(Known::SessionClass(true));
                        if classes::method(self.db, *class, Name::new("__init__")).is_some() {
                            on_commit = OnCommit::Unknown;
                        }
                    }
                    _ => {}
                }
                Bound::of(Value::Factory(super::value::FactoryValue {
                    is_async: Some(is_async || class_is_async),
                    scoped: false,
                    on_commit,
                    variable: None,
                }))
            }
            Known::ScopedFactory => match arguments.first() {
                Value::Factory(factory) => {
                    Bound::of(Value::Factory(super::value::FactoryValue { scoped: true, ..factory }))
                }
                _ => Bound::of(Value::Factory(super::value::FactoryValue {
                    is_async: None,
                    scoped: true,
                    on_commit: OnCommit::Unknown,
                    variable: None,
                })),
            },
            Known::EngineFunction | Known::EngineClass => Bound::of(Value::Engine),
            Known::FlaskExtension => Bound::of(Value::Made(Name::new("flask_sqlalchemy.SQLAlchemy"))),
            Known::Select | Known::Update | Known::Delete | Known::Insert | Known::Text => {
                self.statement(code, known, arguments, args, id)
            }
            Known::Suppress => Bound::of(Value::Made(path)),
            Known::Closing => Bound::of(arguments.first()),
            // The session that loaded the row, where it is seen.
            Known::ObjectSession => {
                let loaded = arguments.first().row().and_then(|row| row.session.clone());
                Bound::of(Value::Session(loaded.unwrap_or_else(|| {
                    Arc::new(SessionValue {
                        origin: SessionOrigin::Unknown,
                        is_async: None,
                        id: self.next_ordinal(),
                        on_commit: OnCommit::Unknown,
                    })
                })))
            }
            Known::Depends => match arguments.first() {
                Value::Symbol(symbol) => Bound::of(super::dependency_value(self.db, symbol, None)),
                _ => Bound::unknown(),
            },
            Known::ContextManager => Bound::of(arguments.first()),
            Known::Cache => Bound::of(arguments.first()),
            Known::LockClass => Bound::of(Value::Made(path)),
            Known::ThreadRunner => {
                let shifted = Arguments {
                    list: arguments
                        .list
                        .iter()
                        .filter_map(|(name, bound)| match name {
                            ArgName::Position(0) => None,
                            ArgName::Position(index) => Some((ArgName::Position(index - 1), bound.clone())),
                            ArgName::Keyword(name) => Some((ArgName::Keyword(*name), bound.clone())),
                        })
                        .collect(),
                    open: arguments.open,
                    keys: Vec::new(),
                };
                let callee = arguments.first();
                let frame = self.push_frame(FrameKind::Handed);
                let result = self.call_value(code, &callee, &shifted, &[], (id, range));
                self.pop_frame(frame);
                result
            }
        }
    }

    /// Calls a function of the workspace: records the call and what it does to what it is handed.
    pub(crate) fn call_function(
        &mut self,
        callee: FunctionRef,
        receiver: Option<ClassRef>,
        object: &Value,
        arguments: &Arguments,
        range: TextRange,
    ) -> Bound {
        let Some(body) = head(self.db, callee) else { return Bound::unknown() };
        let receiver = receiver.or_else(|| super::own_class(self.db, callee));
        let filled = self.fill(&body, object, arguments);
        let call = EventKind::Call {
            callee,
            receiver,
            arguments: arguments.values(),
            object: object.clone(),
            keys: arguments.keys.clone(),
        };
        self.event(call, range);
        if classes::is_context_manager(self.db, callee) || (body.is_generator && body.class.is_none()) {
            let effect = effect(self.db, callee, receiver);
            let yields = match by_statement(&effect.yields, &filled) {
                Some(_) => Value::Unknown,
                None => self.substituted(&effect.yields, callee, object, &filled),
            };
            // A helper that hands back the session that it is given, and opens one where it is given none.
            let (yields, given) = match (&effect.yields, yields) {
                (Value::Session(own), yields) if matches!(own.origin, SessionOrigin::GivenOrOwn(_)) => match yields {
                    given @ Value::Session(_) => (given, true),
                    _ => {
                        let own = SessionValue { origin: SessionOrigin::Unknown, ..(**own).clone() };
                        (Value::Session(Arc::new(own)), false)
                    }
                },
                (_, yields) => (yields, false),
            };
            return Bound::of(Value::Context(Arc::new(ContextValue { function: callee, yields, given })));
        }
        let effect = effect(self.db, callee, receiver);
        let mut external = None;
        for operation in &effect.operations {
            let maybe = match operation.when {
                When::Always => false,
                When::Maybe => true,
                When::IfParam(index, wanted) => match flag_value(&body, &filled, index, arguments.open) {
                    Some(truth) if truth == wanted => false,
                    Some(_) => continue,
                    None => true,
                },
            };
            if let Some(ordinal) = self.apply(&operation.kind, callee, object, &filled, maybe, range) {
                external = Some(ordinal);
            }
        }
        let returns = self.substituted(&effect.returns, callee, object, &filled);
        let count = effect.counts.map(|counted| self.counted_elsewhere(counted, callee, range));
        let mut from = arguments.sources();
        from.other = true;
        from.external = from.external.or(external);
        from.counts.extend(count);
        let lookup = effect.lookup.as_ref().map(|lookup| self.lookup_of(lookup, callee, object, &filled, arguments));
        let given = Given { callee, receiver, filled: &filled, open: arguments.open, lookup: lookup.as_ref() };
        let value = self.returned(returns, &body, &given, range);
        Bound { value, from }
    }

    /// Which value fills which parameter.
    pub(crate) fn fill(
        &self,
        body: &auditline_syntax::python::ir::Function,
        object: &Value,
        arguments: &Arguments,
    ) -> Vec<Option<Bound>> {
        let is_static = classes::is_static(body);
        let bound_first = body.class.is_some() && !is_static && !matches!(object, Value::Unknown);
        let unbound = matches!(object, Value::Symbol(Symbol::Class(_))) && !classes::is_class_method(body);
        let shift = u32::from(bound_first && !unbound);
        body.params
            .iter()
            .zip(0u32..)
            .map(|(param, index)| {
                if index == 0 && shift == 1 {
                    return Some(Bound::of(object.clone()));
                }
                arguments
                    .keyword(&param.name)
                    .or_else(|| index.checked_sub(shift).and_then(|index| arguments.position(index)))
                    .cloned()
            })
            .collect()
    }

    /// What a callee's return value is in this function: rows get an event of their own, sessions an origin.
    fn returned(
        &mut self,
        value: Value,
        body: &auditline_syntax::python::ir::Function,
        given: &Given<'_>,
        range: TextRange,
    ) -> Value {
        let Given { callee, receiver, .. } = *given;
        // A statement that was handed in is this function's own: what it looks for, and whether it locks.
        let (value, statement) = by_statement(&value, given.filled).unwrap_or((value, None));
        let by_callee = *given;
        let given = &Given { lookup: statement.as_deref().or(by_callee.lookup), ..by_callee };
        match value {
            Value::Row(row) => match &row.origin {
                RowOrigin::Loaded { lock, single, .. } => {
                    let flag = match lock {
                        Lock::IfParam(index) if statement.is_none() => {
                            body.params.get(*index as usize).map(|param| param.name)
                        }
                        _ => None,
                    };
                    let lock = if statement.is_some() { *lock } else { flagged(*lock, body, given.filled, given.open) };
                    Value::Row(self.loaded_elsewhere(&row, given, lock, flag, *single, false, range))
                }
                RowOrigin::Created => {
                    let created = Arc::new(RowValue { id: self.next_ordinal(), ..(*row).clone() });
                    self.event(EventKind::Create(Arc::clone(&created)), range);
                    Value::Row(created)
                }
                _ => Value::Row(row),
            },
            Value::Many(inner) => match *inner {
                Value::Row(row) => match &row.origin {
                    RowOrigin::Loaded { lock, .. } => {
                        let lock =
                            if statement.is_some() { *lock } else { flagged(*lock, body, given.filled, given.open) };
                        let row = self.loaded_elsewhere(&row, given, lock, None, false, true, range);
                        Value::Many(Box::new(Value::Row(row)))
                    }
                    _ => Value::Many(Box::new(Value::Row(row))),
                },
                other => Value::Many(Box::new(other)),
            },
            Value::Session(session) => {
                let visible = crate::unit::session_target(&session.origin) == crate::unit::Target::Visible;
                if visible && !matches!(session.origin, SessionOrigin::Global(_) | SessionOrigin::ClassAttribute(..)) {
                    return Value::Session(session);
                }
                let session = Arc::new(SessionValue {
                    origin: match &session.origin {
                        nested @ SessionOrigin::Returned(..) => nested.clone(),
                        origin => SessionOrigin::Returned(callee, Box::new(origin.clone())),
                    },
                    id: self.next_ordinal(),
                    ..(*session).clone()
                });
                self.event(EventKind::Open(Arc::clone(&session)), range);
                Value::Session(session)
            }
            Value::Unknown => match &body.returns {
                Some(annotation) => {
                    let ty = classes::type_expr(self.db, callee.file, Some(callee), &body.code, *annotation);
                    let ty = match (receiver, super::own_class(self.db, callee)) {
                        (Some(class), Some(own)) => classes::resolve_type_params(self.db, class, own, &ty),
                        _ => ty,
                    };
                    super::types::value_of_type(self.db, &ty, super::types::Holder::Returned)
                }
                None => Value::Unknown,
            },
            Value::Tuple(values) => {
                Value::Tuple(values.into_iter().map(|value| self.returned(value, body, given, range)).collect())
            }
            other => other,
        }
    }

    /// Records that a callee counted rows, and gives their number.
    fn counted_elsewhere(&mut self, counted: Counted, callee: FunctionRef, range: TextRange) -> CountSource {
        let select = super::value::QueryValue::select(Some(counted.model));
        let query = super::value::QueryValue { entities: false, aggregates: true, ..select };
        let event = EventKind::Load {
            query: Arc::new(query),
            row: None,
            many: false,
            by: Some(callee),
            form: LoadForm::Elsewhere,
            flag: None,
        };
        CountSource { load: self.event(event, range), falls: counted.falls }
    }

    #[allow(clippy::too_many_arguments)]
    fn loaded_elsewhere(
        &mut self,
        row: &RowValue,
        given: &Given<'_>,
        lock: Lock,
        flag: Option<Name>,
        single: bool,
        many: bool,
        range: TextRange,
    ) -> Arc<RowValue> {
        let id = self.next_ordinal();
        let query = super::value::QueryValue {
            kind: super::value::QueryKind::Select,
            model: row.model,
            entities: true,
            width: 1,
            aggregates: false,
            lock,
            waits: given.lookup.is_none_or(|lookup| lookup.waits),
            locks_own_only: given.lookup.is_some_and(|lookup| lookup.locks_own_only),
            joins: given.lookup.is_some_and(|lookup| lookup.joins),
            ordered: given.lookup.is_some_and(|lookup| lookup.ordered),
            among: given.lookup.is_some_and(|lookup| lookup.among),
            populates: given.lookup.is_some_and(|lookup| lookup.populates),
            filters: given.lookup.map(|lookup| lookup.filters.clone()).unwrap_or_default(),
            keys: given.lookup.map(|lookup| lookup.keys.clone()).unwrap_or_default(),
            sought: super::value::Sought::default(),
            sets: smallvec::SmallVec::new(),
            session: row.session.clone(),
            execution: Some(id),
            insertion: None,
        };
        self.event(
            EventKind::Load {
                query: Arc::new(query),
                row: (!many).then_some(id),
                many,
                by: Some(given.callee),
                form: LoadForm::Elsewhere,
                flag,
            },
            range,
        );
        Arc::new(RowValue {
            id,
            model: row.model,
            origin: RowOrigin::Loaded { lock, single, by: Some(given.callee) },
            session: row.session.clone(),
        })
    }
}

/// Whether a callee is one of Python's own functions that pass on what they are given, or compute from it. What a name
/// means that does not resolve is taken for the same.
fn is_builtin(callee: &Value, name: Name) -> bool {
    const PASSING: &[&str] = &[
        "anext",
        "bool",
        "float",
        "frozenset",
        "int",
        "iter",
        "len",
        "list",
        "next",
        "reversed",
        "set",
        "setattr",
        "sorted",
        "str",
        "sum",
        "tuple",
    ];
    match callee {
        Value::Unknown | Value::Symbol(Symbol::Unknown) => true,
        Value::Symbol(Symbol::External(path)) => path
            .strip_prefix("builtins.")
            .is_some_and(|own| name == own && (PASSING.contains(&own) || COMPUTING.contains(&own))),
        _ => false,
    }
}

/// What a function of SQL over mapped columns is: a number or sum of rows, or the column itself.
fn sql_function(path: &str, arguments: &Arguments) -> Option<Value> {
    let (module, name) = path.rsplit_once('.')?;
    let first = arguments.first();
    match name {
        "count" | "sum" if module.ends_with(".func") => Some(Value::Aggregate(match first {
            Value::Column(class, _) | Value::Symbol(Symbol::Class(class)) => Some(class),
            _ => None,
        })),
        "coalesce" if module.ends_with(".func") && matches!(first, Value::Aggregate(_)) => Some(first),
        "col" | "distinct" if module.starts_with("sql") && matches!(first, Value::Column(..)) => Some(first),
        _ => None,
    }
}

/// Whether a session is bound to a connection, or to what a caller handed in and may be one.
fn is_connection(bind: &Value) -> bool {
    match bind {
        Value::Made(path) => path.ends_with("Connection"),
        Value::Param(_) => true,
        _ => false,
    }
}

/// Whether a value is a session or holds one.
fn holds_session(value: &Value) -> bool {
    match value {
        Value::Session(_) | Value::BegunSession(_) | Value::Transaction(..) | Value::Context(_) => true,
        Value::Instance(instance) => instance.arguments.iter().any(|(_, value)| holds_session(value)),
        Value::Method(object, _) => holds_session(object),
        Value::Tuple(values) => values.iter().any(holds_session),
        Value::Many(inner) => holds_session(inner),
        _ => false,
    }
}

/// Whether a call's name or object says lock.
fn names_lock_value(value: &Value) -> bool {
    match value {
        Value::Attribute(_, name) | Value::Made(name) => libraries::names_lock(name),
        _ => false,
    }
}

/// What the sessions made with these arguments do with their rows when they commit.
pub(crate) fn on_commit(arguments: &Arguments) -> OnCommit {
    match arguments.keyword("expire_on_commit").map(|bound| &bound.value) {
        Some(Value::Bool(true)) => OnCommit::Expires,
        Some(Value::Bool(false)) => OnCommit::Keeps,
        Some(_) => OnCommit::Unknown,
        None if arguments.open => OnCommit::Unknown,
        None => OnCommit::Expires,
    }
}

/// What a call hands to a function.
#[derive(Clone, Copy)]
struct Given<'a> {
    callee: FunctionRef,
    /// The class of the object, for a method.
    receiver: Option<ClassRef>,
    /// The values of its parameters.
    filled: &'a [Option<Bound>],
    /// Whether `*args` or `**kwargs` may fill any.
    open: bool,
    /// How it looks for the row that it returns, in terms of the caller.
    lookup: Option<&'a QueryValue>,
}

/// Whether a callee that locks if it is told to does so in a call.
pub(super) fn flagged(
    lock: Lock,
    body: &auditline_syntax::python::ir::Function,
    filled: &[Option<Bound>],
    open: bool,
) -> Lock {
    let Lock::IfParam(index) = lock else { return lock };
    match flag_value(body, filled, index, open) {
        Some(true) => Lock::Yes,
        Some(false) => Lock::No,
        // Its own caller decides.
        None => match filled.get(index as usize).and_then(Option::as_ref).map(|bound| &bound.value) {
            Some(Value::Param(outer)) => Lock::IfParam(*outer),
            _ => Lock::Unknown,
        },
    }
}

/// The truth of a flag parameter in a call; `None` where it cannot be told.
pub(crate) fn flag_value(
    body: &auditline_syntax::python::ir::Function,
    filled: &[Option<Bound>],
    index: u32,
    open: bool,
) -> Option<bool> {
    match filled.get(index as usize)? {
        Some(bound) => truth(&bound.value),
        None if open => None,
        None => {
            let default = body.params.get(index as usize)?.default?;
            match &body.code[default] {
                Expr::Bool(value) => Some(*value),
                Expr::None => Some(false),
                _ => None,
            }
        }
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::None => Some(false),
        Value::Session(_) | Value::Instance(_) | Value::Factory(_) | Value::Dict(_) => Some(true),
        _ => None,
    }
}
