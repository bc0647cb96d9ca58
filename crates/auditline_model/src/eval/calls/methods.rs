//! Calls of methods.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, Code, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::eval::queries::handed_in;
use crate::eval::value::{
    ArgName, Derivation, OnCommit, RowOrigin, SessionClass, SessionOrigin, SessionValue, Sources, Value, listed_row,
};
use crate::eval::{Bound, Evaluator, libraries};
use crate::symbols::Symbol;
use crate::tables::{ModelKind, orm_model};
use crate::unit::{EventKind, LockScope, SessionAction};

use super::Arguments;

/// Methods that change a container in place.
pub(crate) const MUTATORS: &[&str] =
    &["add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"];

/// Methods of Pydantic's classes that make an object from data: <https://docs.pydantic.dev/latest/concepts/models/>.
const MAKERS: &[&str] = &["construct", "from_orm", "model_construct", "model_validate", "parse_obj", "validate"];

/// Methods of text that give the same content in another form: doing it twice changes nothing.
pub(super) const NORMALISERS: &[&str] =
    &["casefold", "lower", "lstrip", "rstrip", "strip", "title", "upper", "copy", "astimezone"];

impl Evaluator<'_> {
    pub(super) fn mutates(&self, object: &Bound, attr: Name) -> bool {
        matches!(object.value, Value::Unknown)
            && MUTATORS.contains(&attr.as_str())
            && object.from.fields.iter().any(|field| field.how == Derivation::Same)
    }

    pub(super) fn method_call(
        &mut self,
        code: &Code,
        (id, func, receiver_id): (ExprId, ExprId, ExprId),
        object: &Bound,
        attr: Name,
        args: &[Arg],
    ) -> Bound {
        let range = code.range(id);
        if attr == libraries::RUN_IN_EXECUTOR {
            let arguments = self.arguments(code, args);
            let handed = arguments.position(1).map(|bound| &bound.value);
            if matches!(handed, Some(Value::Symbol(Symbol::Function(_)) | Value::Method(..))) {
                return self.run_aside(code, &arguments, 1, (id, range));
            }
            self.given(attr, &arguments, range);
            return Bound { value: Value::Unknown, from: Sources { other: true, ..arguments.sources() } };
        }
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
                    None if attr == "begin"
                        && arguments.list.is_empty()
                        && let Some(factory) = self.factory_by_argument(&object.value) =>
                    {
                        let object = Bound { value: Value::Factory(factory), from: object.from.clone() };
                        self.database_method(code, &object, (receiver_id, attr), &arguments, args, (id, range))
                    }
                    None if let Some(statement) = self.statement_by_use(&object.value, attr) => {
                        let object = Bound { value: statement, from: object.from.clone() };
                        self.database_method(code, &object, (receiver_id, attr), &arguments, args, (id, range))
                    }
                    None if let Some(held) = self.object_by_argument(&object.value)
                        && self.has_method(&held, attr) =>
                    {
                        let object = Bound { value: held, from: object.from.clone() };
                        self.method(code, &object, attr, &arguments, args, (id, range))
                    }
                    None => {
                        self.closed_by_use(&object.value, attr, &arguments, range);
                        self.given(attr, &arguments, range);
                        self.told_by(&object.value, attr, &arguments, range);
                        if attr == "enqueue_job" {
                            self.enqueue(attr, &arguments, range);
                        }
                        if libraries::unlinks(&attr) {
                            self.removal(attr, &object.from.parts, range);
                        } else if names_object(&attr, &arguments) {
                            self.removal(attr, &arguments.spelled(), range);
                        }
                        let of_lock = names_lock_value(&object.value);
                        let locks = libraries::names_lock(&attr) || (attr == "acquire" && of_lock);
                        if libraries::frees_lock(&attr) || (attr == "release" && of_lock) {
                            self.event(EventKind::Release, range);
                        } else if locks || claims_key(&attr, &arguments) {
                            self.event(EventKind::ExternalLock(LockScope::Open), range);
                        }
                        Bound {
                            value: match (&object.value, self.resolved(&arguments)) {
                                (_, Some(resolved)) => resolved,
                                (Value::Unknown, None) => Value::Unknown,
                                (known, None) => Value::Attribute(Box::new(known.clone()), attr),
                            },
                            from: Sources {
                                other: true,
                                ..object
                                    .from
                                    .clone()
                                    .computed()
                                    .with(&chosen_or_made(attr, &arguments))
                                    .with(&arguments.key_of(attr))
                            },
                        }
                    }
                };
                self.columns = columns;
                result
            }
            Value::Context(context) if matches!(attr.as_str(), "close" | "aclose") => {
                let context = Arc::clone(context);
                self.closed(&context, range);
                Bound::constant(Value::None)
            }
            // SQLModel's, which sets what a dictionary or another model holds.
            Value::Row(row) if attr == "sqlmodel_update" => {
                let row = Arc::clone(row);
                let arguments = self.arguments(code, args);
                self.set_each(&row, &arguments.first(), None, range);
                object.clone()
            }
            Value::Dict(_) => {
                let arguments = self.arguments(code, args);
                self.given(attr, &arguments, range);
                self.dict_method(code, (object, receiver_id), attr, &arguments)
            }
            // Nor has it a `s`: the task with its arguments, which another call gives to a worker.
            Value::Symbol(Symbol::Function(task)) if libraries::describes_task(&attr) => {
                let library = if attr == "kicker" { "taskiq" } else { "celery" };
                let path = Name::new(&format!("{library}.{}", task.path));
                let arguments = self.arguments(code, args);
                Bound { value: Value::Made(path), from: Sources { other: true, ..arguments.sources() } }
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
                if reads && listed_row(&arguments.first()).is_some() {
                    self.event(EventKind::Given { to: attr, values: arguments.values() }, range);
                }
                match callee.value {
                    Value::Method(receiver, name) => {
                        let receiver = Bound { value: *receiver, from: object.from.clone() };
                        self.method(code, &receiver, name, &arguments, args, (id, range))
                    }
                    Value::Attribute(..)
                        if self.is_flask(&object.value)
                            && let Some(bound) =
                                self.flask_method(code, (receiver_id, attr), &arguments, args, (id, range)) =>
                    {
                        bound
                    }
                    Value::Attribute(..) if matches!(object.value, Value::Made(_)) => {
                        let Value::Made(path) = &object.value else { return Bound::unknown() };
                        if libraries::reads_answer(path, &attr) {
                            return Bound {
                                value: Value::Made(Name::new(&format!("{path}.{attr}"))),
                                from: object.from.clone().computed().with(&arguments.sources()),
                            };
                        }
                        if attr == "get"
                            && let Some(session) = self.current_session(code, receiver_id, &object.value)
                        {
                            return Bound::of(session);
                        }
                        let path = Name::new(&format!("{path}.{attr}"));
                        // `json.dumps({"id": row.id}).encode()`
                        if path.starts_with("json.") {
                            let from = object.from.clone().computed().with(&arguments.computed());
                            return Bound { value: Value::Made(path), from: Sources { other: true, ..from } };
                        }
                        if libraries::removes(&path) {
                            let mut parts = object.from.parts.to_vec();
                            parts.extend(arguments.spelled());
                            self.removal(path, &parts, range);
                        }
                        if libraries::enqueues(&path) {
                            // What the task was described with is handed on, too.
                            let mut handed = arguments.list.clone();
                            handed.push((
                                ArgName::Position(u32::MAX),
                                Bound { value: Value::Unknown, from: object.from.clone() },
                            ));
                            let handed = Arguments { list: handed, open: arguments.open, keys: Vec::new() };
                            let external = Some(self.enqueue(path, &handed, range));
                            return Bound {
                                value: Value::Made(path),
                                from: Sources { other: true, external, ..arguments.sources() },
                            };
                        }
                        let mut result = self.external_result(path, &arguments, range);
                        // A part of a path, or an object of a storage by its key: `path.resolve()`, `bucket.blob(key)`.
                        if let Some(resolved) = self.resolved(&arguments).filter(|_| !libraries::reaches_out(&path)) {
                            result.value = resolved;
                        }
                        if libraries::names_file(&path) || libraries::reaches_out(&path) {
                            result.from.parts.clone_from(&object.from.parts);
                            result.from.parts.extend(arguments.spelled());
                        }
                        result
                    }
                    value => {
                        let mut result = self.call_value(code, &value, &arguments, args, (id, range));
                        if matches!(object.value, Value::Symbol(Symbol::Variable(_)))
                            && let Some(resolved) = self.resolved(&arguments)
                        {
                            result.value = resolved;
                        }
                        Bound { from: result.from.with(&arguments.key_of(attr)), ..result }
                    }
                }
            }
        }
    }

    fn has_method(&self, object: &Value, name: Name) -> bool {
        matches!(object, Value::Instance(instance) if classes::method(self.db, instance.class, name).is_some())
    }

    /// `def put_away(session): session.close()`: files and clients are closed like that, too, but where a caller hands in a
    /// session, it is closed.
    fn closed_by_use(&mut self, object: &Value, attr: Name, arguments: &Arguments, range: TextRange) {
        let Value::Param(index) = object else { return };
        if !matches!(attr.as_str(), "close" | "aclose") || !arguments.list.is_empty() || arguments.open {
            return;
        }
        let session = Arc::new(SessionValue {
            origin: SessionOrigin::Param(*index),
            is_async: None,
            id: 0,
            on_commit: OnCommit::Unknown,
            class: SessionClass::Unknown,
        });
        self.session_event(&session, SessionAction::Close, range);
    }

    /// `order.lines.append(Line(…))`: an object that is put into a relationship of a loaded row is added to its session. SQLAlchemy,
    /// "Cascades", `save-update`: <https://docs.sqlalchemy.org/en/20/orm/cascades.html#save-update>.
    fn cascaded(&mut self, collection: &Value, name: Name, arguments: &Arguments, range: TextRange) {
        if let Some(owner) = collection.row()
            && matches!(owner.origin, RowOrigin::Related(_))
            && let Some(session) = &owner.session
            && matches!(name.as_str(), "add" | "append")
            && let Value::Row(made) = arguments.first()
            && made.origin == RowOrigin::Created
        {
            self.event(EventKind::Add { session: Arc::clone(session), row: Some(made), by: None }, range);
        }
    }

    /// The statement that a parameter without a type holds, as it is used: mapped columns stand in what is added to it.
    fn statement_by_use(&self, object: &Value, attr: Name) -> Option<Value> {
        let Value::Param(index) = object else { return None };
        let adds = match attr.as_str() {
            "filter" | "order_by" | "join" | "outerjoin" => !self.columns.is_empty(),
            "where" | "filter_by" | "with_for_update" => true,
            _ => false,
        };
        adds.then(|| Value::Query(Arc::new(handed_in(*index, None))))
    }

    pub(super) fn method(
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
                self.cascaded(inner, name, arguments, range);
                self.given(name, arguments, range);
                let value = match name.as_str() {
                    "append" | "extend" => Value::None,
                    "pop" => (**inner).clone(),
                    _ => Value::Unknown,
                };
                Bound::of(value)
            }
            Value::Keyed(inner, by) => {
                self.given(name, arguments, range);
                let row = (**inner).clone();
                let value = match name.as_str() {
                    "get" | "pop" | "setdefault" => {
                        let keys = self.keys_in(receiver);
                        return Bound::of(row).holding(keys);
                    }
                    "values" => Value::Many(Box::new(row)),
                    "items" => Value::Many(Box::new(Value::Tuple(vec![Value::Unknown, row]))),
                    "copy" => Value::Keyed(Box::new(row), *by),
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
}

/// Whether a call on something that is not understood removes an object of a storage that its arguments name, as boto3 and
/// MinIO write it: `delete_object(Bucket=…, Key=…)`, `remove_object(bucket, name)`.
fn names_object(method: &str, arguments: &Arguments) -> bool {
    match method {
        "delete_object" => arguments.keyword("Key").is_some(),
        "remove_object" => arguments.keyword("object_name").is_some() || arguments.position(1).is_some(),
        _ => false,
    }
}

/// Whether a call claims a key that only one can have: Redis' `set(key, value, nx=True)`, `setnx(key, value)`, and what a
/// wrapper makes of that name.
pub(super) fn claims_key(method: &str, arguments: &Arguments) -> bool {
    match method.rsplit('.').next() {
        Some("set") => arguments.keyword("nx").is_some_and(|bound| bound.value == Value::Bool(true)),
        Some(last) => matches!(&*last.replace('_', "").to_ascii_lowercase(), "setnx" | "asetnx"),
        None => false,
    }
}

/// Whether a call's name or object says lock.
fn names_lock_value(value: &Value) -> bool {
    match value {
        Value::Attribute(_, name) | Value::Made(name) => libraries::names_lock(name),
        _ => false,
    }
}

/// What goes into the result of a method that is not understood: of `changes.get("name", row.name)`, it is the default itself
/// where there is no other.
fn chosen_or_made(attr: Name, arguments: &Arguments) -> Sources {
    match (attr.as_str(), &arguments.list[..]) {
        ("get" | "pop", [(_, key), (_, default)]) => key.from.clone().called().with(&default.from),
        _ => arguments.sources(),
    }
}
