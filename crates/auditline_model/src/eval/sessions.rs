//! Sessions: opening them, and what their methods do.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr, ExprId};
use auditline_syntax::python::walk_expression;
use auditline_syntax::{Name, TextRange};

use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{EventKind, FrameKind, LoadForm, SessionAction};

use super::calls::Arguments;
use super::construct::session_class;
use super::handed::named_by_callers;
use super::libraries::Known;
use super::queries::is_true;
use super::substitute::handed_row;
use super::types::{Depended, dependency_of_param};
use super::value::{
    FactoryValue, Key, Lock, OnCommit, QueryValue, RowOrigin, RowValue, SessionClass, SessionOrigin, SessionValue,
    Sought, TransactionKind, Value,
};
use super::{Bound, Evaluator};

/// Methods that say by themselves, without arguments, that their object is a session or connection.
const BARE_SESSION_METHODS: &[&str] = &["commit", "rollback", "flush"];

impl Evaluator<'_> {
    pub(crate) fn open_session(&mut self, factory: FactoryValue, range: TextRange) -> Value {
        let id = if factory.scoped { 0 } else { self.next_ordinal() };
        let session = Arc::new(factory.session(id));
        self.event(EventKind::Open(Arc::clone(&session)), range);
        Value::Session(session)
    }

    pub(crate) fn session_event(&mut self, session: &Arc<SessionValue>, action: SessionAction, range: TextRange) {
        self.event(EventKind::Session { session: Arc::clone(session), action, by: None, maybe: false }, range);
    }

    /// The session that `self` is in a method of a session class of the workspace.
    pub(crate) fn own_session(&self) -> Option<Arc<SessionValue>> {
        let class = self.receiver?;
        let Some(Known::SessionClass(is_async)) = session_class(self.db, class) else { return None };
        Some(Arc::new(SessionValue {
            origin: SessionOrigin::Unknown,
            is_async: Some(is_async),
            id: 0,
            on_commit: OnCommit::Unknown,
            class: SessionClass::Own(class),
        }))
    }

    /// Whether `self` is a session of a class of the workspace that leaves a method to its bases.
    pub(crate) fn inherits_from_session(&self, method: Name) -> bool {
        self.receiver.is_some_and(|class| {
            crate::classes::method(self.db, class, method).is_none()
                && matches!(session_class(self.db, class), Some(Known::SessionClass(_)))
        })
    }

    /// Whether an object of unknown kind is used as a session here: by a method with mapped arguments, or by `commit()`
    /// and its like. The object is a session from then on.
    pub(crate) fn session_by_use(
        &mut self,
        object: &Value,
        method: Name,
        arguments: &Arguments,
    ) -> Option<Arc<SessionValue>> {
        if matches!(object, Value::Unknown) {
            return None;
        }
        if let Some(session) = self.sessions_by_use.get(object) {
            return Some(Arc::clone(session));
        }
        let first = arguments.first();
        let mapped_class = matches!(&first, Value::Symbol(crate::symbols::Symbol::Class(class))
            if orm_model(self.db, *class).is_some_and(|model| model.is_table()));
        let is_session = match method.as_str() {
            "query" | "get" | "get_one" => mapped_class || matches!(first, Value::Column(..)),
            "add" | "delete" | "merge" | "refresh" | "expunge" => matches!(first, Value::Row(_)),
            "add_all" => matches!(&first, Value::Many(inner) if matches!(**inner, Value::Row(_))),
            "execute" | "scalar" | "scalars" | "exec" | "stream" | "stream_scalars" => {
                matches!(&first, Value::Query(query) if query.session.is_none())
            }
            name if BARE_SESSION_METHODS.contains(&name) => {
                arguments.list.is_empty() && !arguments.open && !self.is_file(object)
            }
            _ => false,
        };
        if !is_session {
            return None;
        }
        let origin = self.origin_by_use(object);
        let id = if origin == SessionOrigin::Unknown { self.next_ordinal() } else { 0 };
        let session = Arc::new(SessionValue {
            origin,
            is_async: None,
            id,
            on_commit: OnCommit::Unknown,
            class: SessionClass::Unknown,
        });
        self.sessions_by_use.insert(object.clone(), Arc::clone(&session));
        Some(session)
    }

    /// Where an object comes from that is a session by its use or by its annotation.
    pub(super) fn origin_by_use(&self, object: &Value) -> SessionOrigin {
        match object {
            Value::Param(index) => match dependency_of_param(self.db, self.of, *index as usize) {
                Some(Depended::On(dependency)) => SessionOrigin::Dependency(dependency),
                _ => SessionOrigin::Param(*index),
            },
            Value::Attribute(inner, name) => match (&**inner, self.receiver) {
                (Value::SelfObject, Some(class)) => SessionOrigin::SelfAttribute(class, *name),
                (Value::Unknown, _) => SessionOrigin::Unknown,
                _ => SessionOrigin::ObjectAttribute(inner.clone(), *name),
            },
            _ => SessionOrigin::Unknown,
        }
    }

    /// Whether a parameter is said to be a file, which has a `flush` as well: `out: TextIO`.
    fn is_file(&self, object: &Value) -> bool {
        let Value::Param(index) = object else { return false };
        let annotation = self.function.params.get(*index as usize).and_then(|param| param.annotation);
        annotation.is_some_and(|annotation| {
            let mut found = false;
            walk_expression(&self.function.code, annotation, &mut |expr| {
                found |= matches!(self.symbol(&self.function.code, expr), Symbol::External(path)
                    if matches!(path.as_str(), "typing.TextIO" | "typing.BinaryIO" | "typing.IO") || path.starts_with("io."));
            });
            found
        })
    }

    /// `session.add_all([one, Other(…)])`: each by itself, for they may be of several classes. False where it is no such list.
    fn add_each(&mut self, code: &Code, session: &Arc<SessionValue>, args: &[Arg], range: TextRange) -> bool {
        let [arg] = args else { return false };
        let (Expr::List(items) | Expr::Tuple(items)) = &code[arg.value] else { return false };
        let rows: Option<Vec<_>> = items
            .iter()
            .map(|item| match &code[*item] {
                Expr::Name(name) => self.environment.get(name)?.value.row().cloned(),
                _ => {
                    let made = code.range(*item);
                    self.unit.events.iter().rev().find_map(|event| match &event.kind {
                        EventKind::Create(row) if event.range == made => Some(Arc::clone(row)),
                        _ => None,
                    })
                }
            })
            .collect();
        let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { return false };
        for row in rows {
            self.event(EventKind::Add { session: Arc::clone(session), row: Some(row), by: None }, range);
        }
        true
    }

    /// A method of a session, statement, result or factory.
    pub(crate) fn database_method(
        &mut self,
        code: &Code,
        object: &Bound,
        (receiver, name): (ExprId, Name),
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        match &object.value {
            Value::Session(session) | Value::BegunSession(session) => {
                let session = Arc::clone(session);
                self.session_method(code, &session, name, arguments, args, (id, range))
            }
            Value::Query(query) => {
                let query = Arc::clone(query);
                self.query_method(code, &query, (receiver, name), arguments, args, range)
            }
            Value::Executed(query, scalars) => {
                let query = Arc::clone(query);
                self.executed_method(&query, *scalars, name, range)
            }
            Value::Factory(factory) => match name.as_str() {
                "begin" => {
                    let session = Arc::new(SessionValue {
                        origin: SessionOrigin::Begun(*factory),
                        is_async: factory.is_async,
                        id: self.next_ordinal(),
                        on_commit: factory.on_commit,
                        class: factory.class,
                    });
                    self.event(EventKind::Open(Arc::clone(&session)), range);
                    Bound::of(Value::BegunSession(session))
                }
                "configure" => Bound::of(Value::None),
                // A scoped_session passes everything else on to the session of the thread.
                _ if factory.scoped => {
                    let value = self.open_session(*factory, range);
                    match value {
                        Value::Session(session) => {
                            self.session_method(code, &session, name, arguments, args, (id, range))
                        }
                        _ => Bound::unknown(),
                    }
                }
                _ => Bound::unknown(),
            },
            _ => Bound::unknown(),
        }
    }

    #[allow(clippy::too_many_lines)]
    fn session_method(
        &mut self,
        code: &Code,
        session: &Arc<SessionValue>,
        name: Name,
        arguments: &Arguments,
        args: &[Arg],
        (id, range): (ExprId, TextRange),
    ) -> Bound {
        let action = match name.as_str() {
            "commit" => Some(SessionAction::Commit),
            "flush" => Some(SessionAction::Flush),
            "rollback" => Some(SessionAction::Rollback),
            "close" | "aclose" | "remove" | "close_all" | "invalidate" | "reset" => Some(SessionAction::Close),
            "expire_all" | "expire" | "expunge" | "expunge_all" => Some(SessionAction::Expire),
            _ => None,
        };
        if let Some(action) = action {
            self.session_event(session, action, range);
            return Bound::of(Value::None);
        }
        match name.as_str() {
            "add_all" | "bulk_save_objects" if self.add_each(code, session, args, range) => Bound::of(Value::None),
            "add" | "merge" | "bulk_save_objects" | "add_all" => {
                let first = arguments.first();
                let row = match &first {
                    Value::Many(inner) => inner.row().cloned(),
                    other => handed_row(other),
                };
                self.event(EventKind::Add { session: Arc::clone(session), row, by: None }, range);
                Bound::of(if name == "merge" { first } else { Value::None })
            }
            "delete" => {
                let row = handed_row(&arguments.first());
                self.event(EventKind::Delete { session: Arc::clone(session), row, by: None }, range);
                Bound::of(Value::None)
            }
            "refresh" => {
                let row = handed_row(&arguments.first());
                let lock = match lock_argument(arguments.keyword("with_for_update")) {
                    // It may give up, or skip the row.
                    Lock::Yes if !is_patient(code, args) => Lock::Unknown,
                    // A statement before it holds the lock: `select(Item.id).where(Item.id == item.id).with_for_update()`.
                    Lock::No if row.as_ref().is_some_and(|row| self.is_locked_by_key(row)) => Lock::Yes,
                    lock => lock,
                };
                if let Some(row) = &row
                    && lock != Lock::No
                {
                    self.relock(row, lock);
                }
                self.event(EventKind::Refresh { session: Arc::clone(session), row, lock }, range);
                Bound::of(Value::None)
            }
            "query" => {
                let mut query = self.select_of(arguments);
                query.session = Some(Arc::clone(session));
                Bound::of(Value::Query(Arc::new(query)))
            }
            "get" | "get_one" => {
                let model = self.model_argument(arguments.position(0).map(|bound| &bound.value));
                let lock = lock_argument(arguments.keyword("with_for_update"));
                let populates = is_true(arguments.keyword("populate_existing")) || option_populates(code, args);
                let keys = self.identity_keys(model, arguments, 1);
                let mut sought = Sought::default();
                if arguments.position(1).is_some_and(|key| key.value == Value::Constant) {
                    sought.fixed.extend(model.and_then(|class| orm_model(self.db, class)?.key()));
                }
                let of = arguments.position(0).and_then(|given| named_by_callers(self.db, given));
                let row = self.load(
                    QueryValue {
                        of,
                        lock,
                        waits: is_patient(code, args),
                        populates,
                        keys,
                        sought,
                        session: Some(Arc::clone(session)),
                        ..QueryValue::select(model)
                    },
                    LoadForm::Get(range),
                    range,
                );
                Bound::of(Value::Row(row))
            }
            "execute" | "exec" | "scalars" | "scalar" | "stream" | "stream_scalars" => {
                let form = args.first().map_or(LoadForm::Elsewhere, |arg| LoadForm::Chain(code.range(arg.value)));
                let mut statement = arguments.first();
                if let Value::Query(query) = &mut statement
                    && option_populates(code, args)
                {
                    Arc::make_mut(query).populates = true;
                }
                if let Value::Query(query) = &mut statement
                    && let Some(insertion) = &mut Arc::make_mut(query).insertion
                {
                    self.supply_parameters(code, args, Arc::make_mut(insertion));
                }
                self.execute(session, name, &statement, form, range)
            }
            "begin" => Bound::of(Value::Transaction(Arc::clone(session), TransactionKind::Begin)),
            "begin_nested" => {
                self.session_event(session, SessionAction::Savepoint, range);
                Bound::of(Value::Transaction(Arc::clone(session), TransactionKind::Savepoint))
            }
            "run_sync" => {
                let callee = arguments.first();
                if let Value::Symbol(crate::symbols::Symbol::Function(function)) = callee {
                    let mut list = vec![(
                        super::value::ArgName::Position(0),
                        Bound::of(Value::Session(Arc::new(SessionValue {
                            is_async: Some(false),
                            ..(**session).clone()
                        }))),
                    )];
                    list.extend(
                        arguments.list.iter().filter(|(name, _)| *name != super::value::ArgName::Position(0)).cloned(),
                    );
                    let shifted = Arguments { list, open: arguments.open, keys: Vec::new() };
                    let frame = self.push_frame(FrameKind::Handed);
                    let result = self.call_function(function, None, &Value::Unknown, &shifted, range);
                    self.pop_frame(frame);
                    return result;
                }
                Bound::unknown()
            }
            "bulk_insert_mappings" | "bulk_update_mappings" => {
                self.event(EventKind::Add { session: Arc::clone(session), row: None, by: None }, range);
                Bound::of(Value::None)
            }
            "with_for_update" | "registry" | "bind" | "no_autoflush" => Bound::unknown(),
            _ => {
                // A method of a session class of the workspace.
                let _ = id;
                Bound::unknown()
            }
        }
    }

    /// Whether a statement that names the row by its key has locked it in this transaction.
    fn is_locked_by_key(&self, row: &RowValue) -> bool {
        let Some(key) = row.model.and_then(|model| orm_model(self.db, model)).and_then(|model| model.key()) else {
            return false;
        };
        let names_it = |named: Name, by: &Key| {
            named == key && matches!(by, Key::Field { row: own, column } if *own == row.id && *column == key)
        };
        let mut locked = false;
        for event in &self.unit.events {
            match &event.kind {
                EventKind::Load { query, .. } if query.lock == Lock::Yes && query.waits && query.model == row.model => {
                    locked |= query.keys.iter().any(|(named, by)| names_it(*named, by));
                }
                EventKind::Session { action: SessionAction::Commit | SessionAction::Rollback, .. } => locked = false,
                _ => {}
            }
        }
        locked
    }

    /// From now on, the row is a locked one wherever it is bound.
    pub(crate) fn relock(&mut self, row: &Arc<RowValue>, lock: Lock) {
        let locked =
            Arc::new(RowValue { origin: RowOrigin::Loaded { lock, single: true, by: None }, ..(**row).clone() });
        for bound in self.environment.values_mut() {
            if bound.value.row().is_some_and(|other| other.id == row.id) {
                bound.value = Value::Row(Arc::clone(&locked));
            }
        }
    }

    pub(crate) fn transaction_method(
        &mut self,
        session: &Arc<SessionValue>,
        kind: TransactionKind,
        name: Name,
        range: TextRange,
    ) -> Bound {
        if kind == TransactionKind::Begin {
            match name.as_str() {
                "commit" => self.session_event(session, SessionAction::Commit, range),
                "rollback" => self.session_event(session, SessionAction::Rollback, range),
                _ => {}
            }
        } else if name == "rollback" {
            self.session_event(session, SessionAction::Restore, range);
        }
        Bound::of(Value::None)
    }

    /// Records the load of one row.
    pub(crate) fn load(&mut self, mut query: QueryValue, form: LoadForm, range: TextRange) -> Arc<RowValue> {
        let id = self.next_ordinal();
        query.execution = Some(id);
        let row = Arc::new(RowValue {
            id,
            model: query.model,
            origin: RowOrigin::Loaded { lock: query.lock, single: true, by: None },
            session: query.session.clone(),
        });
        self.event(
            EventKind::Load { query: Arc::new(query), row: Some(id), many: false, by: None, form, flag: None },
            range,
        );
        row
    }
}

/// Whether a call is told `execution_options={"populate_existing": True}`, or options that are not written there.
fn option_populates(code: &Code, args: &[Arg]) -> bool {
    args.iter().any(|arg| {
        matches!(arg.kind, ArgKind::Keyword(name) if name == "execution_options")
            && match &code[arg.value] {
                Expr::Dict(entries) => entries.iter().any(|(key, _)| {
                    key.is_none_or(|key| matches!(&code[key], Expr::Str(text) if &**text == "populate_existing"))
                }),
                _ => true,
            }
    })
}

/// Whether a lock that `with_for_update={…}` asks for waits for those of others.
fn is_patient(code: &Code, args: &[Arg]) -> bool {
    args.iter().all(|arg| match (arg.kind, &code[arg.value]) {
        (ArgKind::Keyword(name), Expr::Dict(entries)) if name == "with_for_update" => entries.iter().all(|(key, _)| {
            key.is_some_and(|key| !matches!(&code[key], Expr::Str(text) if matches!(&**text, "nowait" | "skip_locked")))
        }),
        _ => true,
    })
}

/// The lock that `with_for_update=…` asks for.
pub(crate) fn lock_argument(argument: Option<&Bound>) -> Lock {
    match argument.map(|bound| &bound.value) {
        None | Some(Value::None | Value::Bool(false)) => Lock::No,
        Some(Value::Param(index)) => Lock::IfParam(*index),
        Some(Value::Bool(true)) => Lock::Yes,
        // A dictionary of options (`{"nowait": True}`) locks.
        Some(_) => Lock::Yes,
    }
}
