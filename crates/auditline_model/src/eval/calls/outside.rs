//! Calls of what stands outside the workspace: libraries, and what is known of them.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::eval::libraries::Known;
use crate::eval::value::{
    ArgName, Derivation, FactoryValue, FieldSource, OnCommit, RowValue, SessionClass, SessionOrigin, SessionValue,
    Sources, Step, Value,
};
use crate::eval::{Bound, Evaluator, construct, dependency_value, libraries, types};
use crate::symbols::Symbol;
use crate::unit::{EventKind, FrameId, FrameKind, LockScope, Reach, Subject, Test};
use crate::{classes, names};

use super::Arguments;
use super::methods::claims_key;

impl Evaluator<'_> {
    /// Calls something outside the workspace by its dotted path.
    pub(super) fn call_external(
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
        if let Some(bound) = self.retyped(code, &canonical, arguments, args) {
            return bound;
        }
        if let Some(computed) = sql_function(&canonical, arguments) {
            return Bound::of(computed);
        }
        if libraries::never_returns(&canonical) {
            return Bound::of(Value::Never);
        }
        if libraries::removes(&canonical) {
            self.removal(canonical, &arguments.spelled(), range);
        }
        // What the standard library makes of a value is computed from it.
        let computes =
            matches!(canonical.split('.').next(), Some("json" | "copy" | "math" | "decimal" | "datetime" | "operator"));
        if computes || libraries::names_file(&canonical) {
            let computed = arguments.computed();
            let fresh = computed.fresh || libraries::is_fresh(&canonical);
            return Bound { value: Value::Made(canonical), from: Sources { other: true, fresh, ..computed } };
        }
        self.external_result(canonical, arguments, range)
    }

    /// `cast(Item, row)`, `aliased(Item)`, `async_to_sync(work)`, `import_module("app.items")`: what it was, under another type or
    /// name; `None` for anything else.
    fn retyped(&self, code: &Code, path: &str, arguments: &Arguments, args: &[Arg]) -> Option<Bound> {
        match path {
            "typing.cast" | "typing_extensions.cast" => {
                let mut bound = arguments.position(1)?.clone();
                if bound.value == Value::Unknown {
                    let ty = classes::type_expr(self.db, self.of.file, Some(self.of), code, args.first()?.value);
                    bound.value = types::value_of_type(self.db, &ty, types::Holder::Local);
                }
                Some(bound)
            }
            "sqlalchemy.orm.aliased" | "sqlalchemy.aliased" => {
                let class = self.model_argument(Some(&arguments.first()))?;
                Some(Bound::of(Value::Symbol(Symbol::Class(class))))
            }
            "importlib.import_module" => {
                let Expr::Str(dotted) = &code[args.first()?.value] else { return None };
                let absolute = Some(Name::new(dotted)).filter(|_| !dotted.starts_with('.'));
                match names::resolve_module(self.db, self.of.file, 0, Some(absolute?)) {
                    Symbol::Unknown => None,
                    module => Some(Bound::of(Value::Symbol(module))),
                }
            }
            // What is called with arguments is the coroutine, which then runs to its end.
            "asgiref.sync.async_to_sync" => arguments.position(0).cloned(),
            _ => None,
        }
    }

    /// `flag_modified(row, "data")`: what was changed in place is written.
    fn flag_modified(&mut self, code: &Code, arguments: &Arguments, args: &[Arg], range: TextRange) {
        let Value::Row(row) = arguments.first() else { return };
        let Some(Expr::Str(column)) = args.get(1).map(|arg| &code[arg.value]) else { return };
        let column = Name::new(column);
        // What was set as a whole is written already, and the flag adds nothing; unless that was only where there was nothing.
        let is_filled = |frame: FrameId| {
            self.unit.ancestors(frame).any(|(id, frame)| match &frame.kind {
                FrameKind::Branch { conditions, .. } => {
                    self.unit.ancestors(self.frame).all(|(around, _)| around != id)
                        && conditions.iter().any(|condition| {
                            condition.test == Test::Present
                                && !condition.holds
                                && condition.subject == (Subject::Field { row: row.id, column })
                        })
                }
                _ => false,
            })
        };
        let is_set = self.unit.events.iter().any(|event| {
            matches!(&event.kind, EventKind::Write { row: other, column: written, in_place: false, .. }
                if other.id == row.id && *written == column)
                && !is_filled(event.frame)
        });
        if is_set {
            return;
        }
        let reads = self.unit.numbered().filter_map(|(ordinal, event)| match &event.kind {
            EventKind::Read { row: other, column: read } => (other.id == row.id && *read == column).then_some(ordinal),
            _ => None,
        });
        let read = reads.last();
        let mut from = Sources::default();
        if let Some(read) = read {
            from.fields.push(FieldSource { row: row.id, column, read, how: Derivation::Computed });
        }
        self.event(
            EventKind::Write {
                row,
                column,
                from,
                step: Step::Unknown,
                in_sql: false,
                in_place: false,
                constant: None,
                by: None,
            },
            range,
        );
    }

    /// Records a call that leaves the process, and gives what it made.
    pub(super) fn external_result(&mut self, path: Name, arguments: &Arguments, range: TextRange) -> Bound {
        self.given(path, arguments, range);
        self.told(path, arguments, range);
        let mut from = arguments.sources();
        from.other = true;
        from.fresh |= libraries::is_fresh(&path);
        if libraries::frees_lock(&path) {
            self.event(EventKind::Release, range);
        } else if libraries::holds_lock(&path) || claims_key(&path, arguments) {
            self.event(EventKind::ExternalLock(LockScope::Open), range);
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
            self.event(EventKind::ExternalLock(LockScope::Open), range);
        }
        Bound { value: Value::Made(path), from }
    }

    /// Records that a task is given to a worker.
    pub(super) fn enqueue(&mut self, path: Name, arguments: &Arguments, range: TextRange) -> u32 {
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

    /// Calls the function that stands at a position among the arguments with those behind it, beside the function: in a thread.
    pub(super) fn run_aside(
        &mut self,
        code: &Code,
        arguments: &Arguments,
        at: u32,
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        let handed = arguments.list.iter().filter_map(|(name, bound)| match name {
            ArgName::Position(index) => Some((ArgName::Position(index.checked_sub(at + 1)?), bound.clone())),
            ArgName::Keyword(name) => Some((ArgName::Keyword(*name), bound.clone())),
        });
        let handed = Arguments { list: handed.collect(), open: arguments.open, keys: Vec::new() };
        let callee = arguments.position(at).map(|bound| bound.value.clone()).unwrap_or_default();
        let frame = self.push_frame(FrameKind::Handed);
        let result = self.call_value(code, &callee, &handed, &[], (id, range));
        self.pop_frame(frame);
        result
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
                let factory = FactoryValue {
                    is_async: Some(is_async),
                    scoped: false,
                    on_commit: on_commit(arguments),
                    class: class_of_made(arguments),
                    variable: None,
                    opaque: false,
                };
                let bind = arguments.position(0).or_else(|| arguments.keyword("bind")).map(|bound| &bound.value);
                if bind.is_some_and(is_connection) {
                    // It joins the transaction of a connection that somebody else opens and ends.
                    return Bound::of(Value::Session(Arc::new(SessionValue {
                        origin: SessionOrigin::Unknown,
                        is_async: factory.is_async,
                        id: self.next_ordinal(),
                        on_commit: factory.on_commit,
                        class: factory.class,
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
                        class_is_async = construct::session_class(self.db, *class) == Some(Known::SessionClass(true));
                        if classes::method(self.db, *class, Name::new("__init__")).is_some() {
                            on_commit = OnCommit::Unknown;
                        }
                    }
                    _ => {}
                }
                Bound::of(Value::Factory(FactoryValue {
                    is_async: Some(is_async || class_is_async),
                    scoped: false,
                    on_commit,
                    class: class_of_made(arguments),
                    variable: None,
                    opaque: false,
                }))
            }
            Known::ScopedFactory => match arguments.first() {
                Value::Factory(factory) => Bound::of(Value::Factory(FactoryValue { scoped: true, ..factory })),
                _ => Bound::of(Value::Factory(FactoryValue { scoped: true, ..FactoryValue::new(None) })),
            },
            Known::EngineFunction | Known::EngineClass => Bound::of(Value::Engine),
            Known::FlaskExtension => Bound::of(Value::Made(Name::new(libraries::FLASK))),
            Known::Select | Known::Update | Known::Delete | Known::Insert | Known::Text => {
                self.statement(code, known, arguments, args, id)
            }
            Known::Exists => {
                let of = match arguments.first() {
                    // `exists(select(Item).where(…))`
                    Value::Query(inner) => (*inner).clone(),
                    _ => self.select_of(arguments),
                };
                Bound::of(Value::Query(Arc::new(super::super::queries::exists(of))))
            }
            Known::Suppress => Bound::of(Value::Made(path)),
            Known::Closing => Bound::of(arguments.first()),
            Known::NullContext => match self.as_session(&arguments.first()) {
                Some(session) => Bound::of(Value::Lent(session)),
                None => Bound::of(Value::Made(path)),
            },
            // The session that loaded the row, where it is seen.
            Known::ObjectSession => {
                let loaded = arguments.first().row().and_then(|row| row.session.clone());
                Bound::of(Value::Session(loaded.unwrap_or_else(|| {
                    Arc::new(SessionValue {
                        origin: SessionOrigin::Unknown,
                        is_async: None,
                        id: self.next_ordinal(),
                        on_commit: OnCommit::Unknown,
                        class: SessionClass::Unknown,
                    })
                })))
            }
            Known::Depends => match arguments.first() {
                Value::Symbol(symbol) => Bound::of(dependency_value(self.db, symbol, None)),
                _ => Bound::unknown(),
            },
            Known::ContextManager => Bound::of(arguments.first()),
            Known::Cache => Bound::of(arguments.first()),
            Known::LockClass => Bound::of(Value::Made(path)),
            Known::ThreadRunner => self.run_aside(code, arguments, 0, (id, range)),
        }
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

/// The class of the sessions made with these arguments. `AsyncSession` leaves the work to a session of the class
/// `sync_session_class` (SQLAlchemy's documentation of `AsyncSession`).
fn class_of_made(arguments: &Arguments) -> SessionClass {
    match arguments.keyword("class_").or_else(|| arguments.keyword("sync_session_class")).map(|class| &class.value) {
        Some(Value::Symbol(Symbol::Class(class))) => SessionClass::Own(*class),
        Some(Value::Symbol(Symbol::External(_))) => SessionClass::Library,
        Some(_) => SessionClass::Unknown,
        None if arguments.open => SessionClass::Unknown,
        None => SessionClass::Library,
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
