//! Substitution: a callee's values and operations, said in terms of its caller.

use std::sync::Arc;

use auditline_syntax::TextRange;
use auditline_syntax::python::ir::Expr;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::symbols::Symbol;
use crate::unit::{Condition, EventKind, SessionAction, Subject};

use super::calls::Arguments;
use super::types::{Depended, dependency_of_param};
use super::value::{
    ArgName, ContextValue, InstanceOrigin, InstanceValue, Key, Part, QueryValue, RowOrigin, RowValue, SessionOrigin,
    SessionValue, Sources, Value,
};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// A value of the callee in terms of this function.
    pub(crate) fn substituted(
        &mut self,
        value: &Value,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Value {
        match value {
            Value::Param(index) => argument(filled, *index),
            Value::SelfObject => object.clone(),
            Value::Attribute(inner, name) => {
                let inner = self.substituted(inner, callee, object, filled);
                match inner {
                    Value::Unknown => Value::Unknown,
                    Value::SelfObject | Value::Instance(_) => self.member_value(&inner, *name),
                    inner => Value::Attribute(Box::new(inner), *name),
                }
            }
            Value::Session(session) => match self.session_of(session, callee, object, filled) {
                Some(session) => Value::Session(session),
                None => Value::Unknown,
            },
            Value::Row(row) => match &row.origin {
                RowOrigin::Param(index) => match argument(filled, *index) {
                    known @ Value::Row(_) => known,
                    _ => Value::Row(Arc::new(RowValue { origin: RowOrigin::Unknown, ..(**row).clone() })),
                },
                RowOrigin::SelfRow => match object {
                    Value::Row(_) => object.clone(),
                    _ => Value::Row(Arc::clone(row)),
                },
                origin => {
                    let session =
                        row.session.as_ref().and_then(|session| self.session_of(session, callee, object, filled));
                    // Of which of the callee's rows it is a relationship means nothing here.
                    let (id, origin) = match origin {
                        RowOrigin::Related(_) => (u32::MAX, RowOrigin::Unknown),
                        own => (row.id, own.clone()),
                    };
                    Value::Row(Arc::new(RowValue { id, model: row.model, origin, session }))
                }
            },
            Value::Many(inner) => Value::Many(Box::new(self.substituted(inner, callee, object, filled))),
            Value::Keyed(inner, by) => Value::Keyed(Box::new(self.substituted(inner, callee, object, filled)), *by),
            Value::Tuple(values) => {
                Value::Tuple(values.iter().map(|value| self.substituted(value, callee, object, filled)).collect())
            }
            Value::Instance(instance) => {
                let arguments = instance
                    .arguments
                    .iter()
                    .map(|(name, value)| (*name, self.substituted(value, callee, object, filled)))
                    .collect();
                let origin = match instance.origin {
                    InstanceOrigin::Param(index) => match argument(filled, index) {
                        known @ Value::Instance(_) => return known,
                        _ => InstanceOrigin::Unknown,
                    },
                    InstanceOrigin::Constructed if crate::classes::is_cached(self.db, callee) => {
                        InstanceOrigin::Shared(Some(callee))
                    }
                    origin => origin,
                };
                Value::Instance(Arc::new(InstanceValue { class: instance.class, arguments, origin }))
            }
            Value::Query(query) => {
                if let super::value::Lock::AsStatement(index) = query.lock {
                    let Value::Query(given) = argument(filled, index) else { return Value::Unknown };
                    return Value::Query(Arc::new(built_on(&given, query)));
                }
                let session =
                    query.session.as_ref().and_then(|session| self.session_of(session, callee, object, filled));
                let mut query = (**query).clone();
                query.session = session;
                // What it sets is made from what only the callee knows.
                query.changes = Arc::default();
                if let super::value::Lock::IfParam(index) = query.lock {
                    query.lock = match filled.get(index as usize).and_then(Option::as_ref).map(|bound| &bound.value) {
                        Some(Value::Bool(true)) => super::value::Lock::Yes,
                        Some(Value::Bool(false)) => super::value::Lock::No,
                        Some(Value::Param(outer)) => super::value::Lock::IfParam(*outer),
                        Some(_) => super::value::Lock::Unknown,
                        None => super::value::Lock::No,
                    };
                }
                Value::Query(Arc::new(query))
            }
            // `return self.database.session()`: the caller enters it.
            Value::Context(context) => Value::Context(Arc::new(ContextValue {
                function: context.function,
                yields: self.substituted(&context.yields, callee, object, filled),
                given: context.given,
            })),
            Value::Dict(_)
            | Value::KeyOf(_)
            | Value::Lent(_)
            | Value::Executed(..)
            | Value::Transaction(..)
            | Value::BegunSession(_)
            | Value::Method(..) => Value::Unknown,
            Value::Unknown
            | Value::Never
            | Value::None
            | Value::Bool(_)
            | Value::Constant
            | Value::Symbol(_)
            | Value::Made(_)
            | Value::Factory(_)
            | Value::Engine
            | Value::Column(..)
            | Value::Aggregate(_) => value.clone(),
        }
    }

    /// How a callee looks for the row that it returns, in terms of this function.
    pub(super) fn lookup_of(
        &mut self,
        lookup: &QueryValue,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
        arguments: &Arguments,
    ) -> QueryValue {
        let keys = lookup
            .keys
            .iter()
            .filter_map(|(column, key)| {
                let key = match key {
                    // What the caller names in its own way: a column of one of its rows, a variable.
                    Key::Given(Value::Param(index)) => {
                        key_of_argument(self.db, callee, &arguments.keys, object, *index)?.clone()
                    }
                    Key::Given(value) => match self.substituted(value, callee, object, filled) {
                        Value::Unknown => return None,
                        value => Key::Given(value),
                    },
                    Key::Field { row, column } => {
                        let parameter = self.row_parameter(callee, *row)?;
                        let row = argument(filled, parameter).row().map(|row| row.id)?;
                        Key::Field { row, column: *column }
                    }
                    Key::Local(..) => return None,
                };
                Some((*column, key))
            })
            .collect();
        let (model, of) = match lookup.of.as_ref().and_then(|of| self.class_named(of, object, filled)) {
            Some(Value::Symbol(Symbol::Class(class))) => (Some(class), None),
            of => (lookup.model, of),
        };
        let mut found = QueryValue { keys, model, of, by_keywords: false, ..lookup.clone() };
        if lookup.by_keywords {
            self.filtered_by_keywords(&mut found, callee, arguments);
        }
        found
    }

    /// Adds the keywords of a call that fill no parameter of the callee, which filters by its `**kwargs`.
    fn filtered_by_keywords(&self, query: &mut QueryValue, callee: FunctionRef, arguments: &Arguments) {
        let Some(body) = crate::db::head(self.db, callee) else { return };
        let is_rest = |name: auditline_syntax::Name| !body.params.iter().any(|param| param.name == name);
        for (name, _) in &arguments.list {
            if let ArgName::Keyword(name) = name
                && is_rest(*name)
                && !query.filters.contains(name)
            {
                query.filters.push(*name);
            }
        }
        query.keys.extend(arguments.keys.iter().filter_map(|(name, key)| match name {
            ArgName::Keyword(name) if is_rest(*name) => Some((*name, key.clone())),
            _ => None,
        }));
    }

    /// What a guard of a callee says of a row of this function.
    pub(super) fn held_of(
        &self,
        condition: &Condition,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Option<Condition> {
        let Subject::Field { row, column } = condition.subject else { return None };
        let handed = match self.row_parameter(callee, row) {
            Some(index) => handed_row(&argument(filled, index))?,
            None => Arc::clone(object.row()?),
        };
        Some(Condition {
            subject: Subject::Field { row: handed.id, column },
            at: self.next_ordinal().saturating_sub(1),
            ..condition.clone()
        })
    }

    /// The parameter of a callee that is the row of that id.
    fn row_parameter(&self, callee: FunctionRef, row: u32) -> Option<u32> {
        let params = crate::db::head(self.db, callee)?.params.len();
        (0..u32::try_from(params).ok()?).find(|index| super::types::param_row(*index) == row)
    }

    /// An attribute of an object, without events.
    fn member_value(&mut self, object: &Value, name: auditline_syntax::Name) -> Value {
        let class = match object {
            Value::SelfObject => self.receiver,
            Value::Instance(instance) => Some(instance.class),
            _ => None,
        };
        match class {
            Some(class) => match super::attribute(self.db, class, name) {
                Value::Session(session) => Value::Session(self.held_session(object, class, name, &session)),
                Value::Instance(instance) => Value::Instance(self.held_instance(object, class, &instance)),
                other => other,
            },
            None => Value::Unknown,
        }
    }

    /// An object that another one holds in an attribute: where it was constructed with that one's session (a unit of work with
    /// its repositories), the session is that of the other object.
    pub(super) fn held_instance(
        &self,
        object: &Value,
        class: crate::db::ClassRef,
        instance: &Arc<InstanceValue>,
    ) -> Arc<InstanceValue> {
        let arguments = instance
            .arguments
            .iter()
            .map(|(name, value)| match value {
                Value::Session(session) => match &session.origin {
                    SessionOrigin::SelfAttribute(_, attribute) => {
                        let held = match super::attribute(self.db, class, *attribute) {
                            Value::Session(own) => own,
                            _ => Arc::clone(session),
                        };
                        let held = SessionValue { id: 0, ..(*held).clone() };
                        (*name, Value::Session(self.held_session(object, class, *attribute, &held)))
                    }
                    _ => (*name, value.clone()),
                },
                _ => (*name, value.clone()),
            })
            .collect();
        Arc::new(InstanceValue { arguments, ..(**instance).clone() })
    }

    /// The session that an object holds in an attribute: the one that it was constructed with, where that is known, so that
    /// a repository's session and its service's are seen to be one.
    pub(super) fn held_session(
        &self,
        object: &Value,
        class: ClassRef,
        name: auditline_syntax::Name,
        session: &SessionValue,
    ) -> Arc<SessionValue> {
        held_session(self.db, object, class, name, session)
    }

    /// A session of the callee in terms of this function; `None` for one that this function cannot see.
    pub(crate) fn session_of(
        &mut self,
        session: &Arc<SessionValue>,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        match &session.origin {
            SessionOrigin::Param(index) => self.as_session(&argument(filled, *index)),
            SessionOrigin::GivenOrOwn(index) => {
                let given = self.as_session(&argument(filled, *index))?;
                Some(self.or_own(given))
            }
            SessionOrigin::SelfAttribute(class, name) => match object {
                Value::SelfObject => Some(self.held_session(object, *class, *name, session)),
                Value::Instance(_) => match self.member_value(object, *name) {
                    Value::Session(held) => {
                        Some(Arc::new(SessionValue { origin: held.origin.clone(), id: held.id, ..(**session).clone() }))
                    }
                    _ => None,
                },
                _ => None,
            },
            SessionOrigin::ObjectAttribute(inner, name) => {
                let inner = self.substituted(inner, callee, object, filled);
                match &inner {
                    Value::Unknown => None,
                    Value::Session(_) => self.as_session(&inner),
                    inner => Some(Arc::new(SessionValue {
                        origin: SessionOrigin::ObjectAttribute(Box::new(inner.clone()), *name),
                        ..(**session).clone()
                    })),
                }
            }
            SessionOrigin::Dependency(dependency) => {
                self.handed_session(*dependency, callee, filled).or_else(|| Some(Arc::clone(session)))
            }
            _ => Some(Arc::clone(session)),
        }
    }

    /// The session that a call hands in where the callee's parameter names a dependency: the framework fills it only when it
    /// calls the function itself.
    fn handed_session(
        &self,
        dependency: Symbol,
        callee: FunctionRef,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        filled.iter().enumerate().find_map(|(index, bound)| {
            let session = self.as_session(&bound.as_ref()?.value)?;
            (dependency_of_param(self.db, callee, index) == Some(Depended::On(dependency))).then_some(session)
        })
    }

    /// The session of this function on which a callee does something; `None` for one that this function cannot see.
    pub(super) fn operated(
        &mut self,
        session: &Arc<SessionValue>,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
    ) -> Option<Arc<SessionValue>> {
        match session.origin {
            SessionOrigin::Dependency(dependency) if !self.came_with(dependency, callee, object) => {
                self.handed_session(dependency, callee, filled)
            }
            _ => self.session_of(session, callee, object, filled),
        }
    }

    /// Whether a callee works with the session of a dependency because an object that the framework made for it holds that
    /// session: nothing that the call hands in says so.
    fn came_with(&self, dependency: Symbol, callee: FunctionRef, object: &Value) -> bool {
        let params = crate::db::head(self.db, callee).map_or(0, |body| body.params.len());
        let takes = |index| dependency_of_param(self.db, callee, index) == Some(Depended::On(dependency));
        matches!(object, Value::SelfObject | Value::Instance(_)) && !(0..params).any(takes)
    }

    /// A session that this function passes on to one that opens its own where it gets none: this function may have got none.
    fn or_own(&self, given: Arc<SessionValue>) -> Arc<SessionValue> {
        let optional = |index: u32| {
            let default = self.function.params.get(index as usize).and_then(|param| param.default);
            default.is_some_and(|default| matches!(self.function.code[default], Expr::None))
        };
        match given.origin {
            SessionOrigin::Param(index) if optional(index) => {
                Arc::new(SessionValue { origin: SessionOrigin::GivenOrOwn(index), ..(*given).clone() })
            }
            _ => given,
        }
    }

    /// The session that a value is, by what it is or by how it was used.
    pub(crate) fn as_session(&self, value: &Value) -> Option<Arc<SessionValue>> {
        value.session().cloned().or_else(|| self.sessions_by_use.get(value).cloned())
    }

    /// Records an operation of a callee here; gives the ordinal of an external call.
    pub(crate) fn apply(
        &mut self,
        kind: &EventKind,
        callee: FunctionRef,
        object: &Value,
        filled: &[Option<Bound>],
        maybe: bool,
        range: TextRange,
    ) -> Option<u32> {
        let kind = match kind {
            EventKind::Session { session, action, maybe: inner, by } => {
                // Where the session was given, it is not the one to be closed.
                if matches!(session.origin, SessionOrigin::GivenOrOwn(_)) && *action == SessionAction::Close {
                    return None;
                }
                let session = self.operated(session, callee, object, filled)?;
                if self.is_never_awaited(callee, &session, *action) {
                    return None;
                }
                EventKind::Session { session, action: *action, by: Some(by.unwrap_or(callee)), maybe: maybe || *inner }
            }
            EventKind::Add { session, row, by } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                EventKind::Add { session, row, by: Some(by.unwrap_or(callee)) }
            }
            EventKind::Delete { session, row, by } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                EventKind::Delete { session, row, by: Some(by.unwrap_or(callee)) }
            }
            EventKind::Refresh { session, row, lock } => {
                let session = self.operated(session, callee, object, filled)?;
                let row = row.as_ref().and_then(|row| self.row_of(row, object, filled));
                let lock = match crate::db::head(self.db, callee) {
                    Some(body) => super::calls::flagged(*lock, &body, filled, false),
                    None => *lock,
                };
                if let Some(row) = row.as_ref().filter(|_| lock != super::value::Lock::No && !maybe) {
                    self.relock(row, lock);
                }
                EventKind::Refresh { session, row, lock }
            }
            EventKind::Write { row, column, from, step, in_sql, in_place, constant, by: _ } => {
                let inner_id = row.id;
                let row = self.row_of(row, object, filled)?;
                // What the callee reads of the row it reads of this one.
                let mut from = from.clone();
                for field in &mut from.fields {
                    field.read = self.next_ordinal();
                    field.row = if field.row == inner_id { row.id } else { u32::MAX };
                }
                from.external = None;
                // `set_points(user, user.points + 1)`: the callee writes what this function has computed.
                if let [Part::Param(index)] = from.parts[..]
                    && from.fields.is_empty()
                    && let Some(Some(given)) = filled.get(index as usize)
                {
                    from = Sources { external: None, other: true, ..given.from.clone() };
                } else {
                    from.parts.clear();
                }
                EventKind::Write {
                    row,
                    column: *column,
                    from,
                    step: *step,
                    in_sql: *in_sql,
                    in_place: *in_place,
                    constant: *constant,
                    by: Some(callee),
                }
            }
            EventKind::SetEach { row, entries } => {
                let row = self.row_of(row, object, filled)?;
                self.set_each(&row, &argument(filled, *entries), Some(callee), range);
                return None;
            }
            EventKind::External { path, by, creates, reach, about } => {
                let about = about.iter().filter_map(|row| self.row_of(row, object, filled)).collect();
                let by = Some(by.unwrap_or(callee));
                return Some(
                    self.event(EventKind::External { path: *path, by, creates: *creates, reach: *reach, about }, range),
                );
            }
            EventKind::Message { path, by, about } => {
                let about = about.iter().filter_map(|row| self.row_of(row, object, filled)).collect();
                EventKind::Message { path: *path, by: Some(by.unwrap_or(callee)), about }
            }
            EventKind::ExternalLock(scope) => EventKind::ExternalLock(*scope),
            EventKind::Release => EventKind::Release,
            EventKind::Removal { path, by, named, given } => {
                let rows = named.iter().filter_map(|(row, column)| Some((self.row_of(row, object, filled)?, *column)));
                let rows = rows.collect();
                self.removal_elsewhere((*path, by.unwrap_or(callee)), rows, given, filled, range);
                return None;
            }
            _ => return None,
        };
        self.event(kind, range);
        None
    }

    /// Whether a plain function asks this of an asynchronous session: that is a coroutine which nobody awaits, and nothing
    /// comes of it. One that hands the coroutine out is not told apart.
    fn is_never_awaited(&self, callee: FunctionRef, session: &SessionValue, action: SessionAction) -> bool {
        matches!(action, SessionAction::Commit | SessionAction::Flush)
            && session.is_async == Some(true)
            && crate::db::head(self.db, callee).is_some_and(|body| !body.is_async && !body.is_generator)
    }

    fn row_of(&self, row: &Arc<RowValue>, object: &Value, filled: &[Option<Bound>]) -> Option<Arc<RowValue>> {
        match &row.origin {
            RowOrigin::Param(index) => handed_row(&argument(filled, *index)),
            RowOrigin::SelfRow => object.row().cloned(),
            _ => None,
        }
    }
}

/// The row that a value is; of what a caller hands in, only callers know which row.
pub(crate) fn handed_row(value: &Value) -> Option<Arc<RowValue>> {
    match value {
        Value::Param(index) => Some(Arc::new(RowValue {
            id: super::types::param_row(*index),
            model: None,
            origin: RowOrigin::Param(*index),
            session: None,
        })),
        other => other.row().cloned(),
    }
}

/// A statement with what a callee has added to it.
fn built_on(given: &QueryValue, added: &QueryValue) -> QueryValue {
    let mut query = given.clone();
    for name in &added.filters {
        if !query.filters.contains(name) {
            query.filters.push(*name);
        }
    }
    query.sought.extend(&added.sought);
    query.populates |= added.populates;
    query.entities &= added.entities;
    query.aggregates |= added.aggregates;
    query.width = query.width.max(added.width);
    if query.beside.is_empty() {
        query.beside.clone_from(&added.beside);
    }
    query
}

/// What a callee loads by a statement that it was handed: the row, and whether that statement locks it, as this function
/// sees it; `None` for anything else.
pub(super) fn by_statement(value: &Value, filled: &[Option<Bound>]) -> Option<(Value, Option<Arc<QueryValue>>)> {
    let (row, many) = match value {
        Value::Row(row) => (row, false),
        Value::Many(inner) => (inner.row()?, true),
        _ => return None,
    };
    let RowOrigin::Loaded { lock: super::value::Lock::AsStatement(index), single, by } = row.origin else {
        return None;
    };
    let given = match argument(filled, index) {
        Value::Query(given) if given.entities && given.width <= 1 => given,
        // Another statement, or none that is understood: what comes back is what the annotation says.
        _ => return Some((Value::Unknown, None)),
    };
    let origin = RowOrigin::Loaded { lock: given.lock, single, by };
    let row = Value::Row(Arc::new(RowValue { model: given.model.or(row.model), origin, ..(**row).clone() }));
    Some((if many { Value::Many(Box::new(row)) } else { row }, Some(given)))
}

fn argument(filled: &[Option<Bound>], index: u32) -> Value {
    filled.get(index as usize).and_then(Option::as_ref).map(|bound| bound.value.clone()).unwrap_or_default()
}

/// The session that an object holds in an attribute: the one that it was constructed with, where that is known, so that
/// a repository's session and its service's are seen to be one.
pub(crate) fn held_session(
    db: &dyn Db,
    object: &Value,
    class: ClassRef,
    name: auditline_syntax::Name,
    session: &SessionValue,
) -> Arc<SessionValue> {
    let (origin, id) = match (&session.origin, object) {
        (kept @ (SessionOrigin::Registry(_) | SessionOrigin::Global(_) | SessionOrigin::Current(_)), _) => {
            (kept.clone(), session.id)
        }
        (_, Value::SelfObject) => (SessionOrigin::SelfAttribute(class, name), session.id),
        (SessionOrigin::Param(index), Value::Instance(instance)) => {
            let given = super::attribute_method(db, class, name)
                .and_then(|method| super::handed::given_to(db, instance, method, *index));
            match given.as_ref().and_then(super::handed_session) {
                Some(given) => (given.origin.clone(), given.id),
                None => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
            }
        }
        // FastAPI calls a dependency once in a request: whoever depends on it works with what it gave.
        (SessionOrigin::Dependency(_), Value::Instance(instance))
            if session.is_of_request()
                && instance.origin == InstanceOrigin::Dependency
                && instance.arguments.is_empty() =>
        {
            (session.origin.clone(), session.id)
        }
        // Whoever makes the object himself says with which session.
        (SessionOrigin::Dependency(_), Value::Instance(instance)) if !instance.arguments.is_empty() => {
            let given = super::attribute_method(db, class, name).and_then(|method| {
                super::handed::given_to(db, instance, method, super::kept_parameter(db, method, name)?)
            });
            match given.as_ref().and_then(super::handed_session) {
                Some(given) => (given.origin.clone(), given.id),
                None => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
            }
        }
        (_, object) => (SessionOrigin::ObjectAttribute(Box::new(object.clone()), name), session.id),
    };
    Arc::new(SessionValue { origin, id, ..session.clone() })
}

/// What names the argument of a call for a parameter of the callee, which is called on that object.
#[must_use]
pub fn key_of_argument<'a>(
    db: &dyn Db,
    callee: FunctionRef,
    keys: &'a [(ArgName, Key)],
    object: &Value,
    index: u32,
) -> Option<&'a Key> {
    let body = crate::db::head(db, callee)?;
    let name = body.params.get(index as usize)?.name;
    let bound = body.class.is_some() && !crate::classes::is_static(&body) && !matches!(object, Value::Unknown);
    let position = index.checked_sub(u32::from(bound)).map(ArgName::Position);
    let is_it = |given: &ArgName| *given == ArgName::Keyword(name) || Some(*given) == position;
    keys.iter().find(|(given, _)| is_it(given)).map(|(_, key)| key)
}
