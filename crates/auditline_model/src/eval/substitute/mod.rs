//! Substitution: a callee's values and operations, said in terms of its caller.

mod operations;
mod sessions;

use std::sync::Arc;

use crate::db::{Db, FunctionRef};
use crate::symbols::Symbol;
use crate::unit::{Condition, Subject};

use crate::eval::calls::Arguments;
use crate::eval::value::{
    ArgName, ContextValue, InstanceOrigin, InstanceValue, Key, Lock, QueryValue, RowOrigin, RowValue, Value,
};
use crate::eval::{Bound, Evaluator};

pub(crate) use sessions::held_session;

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
                if let Lock::AsStatement(index) = query.lock {
                    let Value::Query(given) = argument(filled, index) else { return Value::Unknown };
                    return Value::Query(Arc::new(built_on(&given, query)));
                }
                if let Lock::OrStatement(index) = query.lock
                    && let Value::Query(given) = argument(filled, index)
                {
                    return Value::Query(Arc::new(built_on(&given, query)));
                }
                let session =
                    query.session.as_ref().and_then(|session| self.session_of(session, callee, object, filled));
                let mut query = (**query).clone();
                query.session = session;
                query.lock = brought(query.lock, filled);
                if let Some(of) = &query.of {
                    (query.model, query.of) = match self.class_named(of, object, filled) {
                        Some(Value::Symbol(Symbol::Class(class))) => (Some(class), None),
                        of => (query.model, of),
                    };
                }
                // What it sets is made from what only the callee knows.
                query.changes = Arc::default();
                if let Lock::IfParam(index) = query.lock {
                    query.lock = match filled.get(index as usize).and_then(Option::as_ref).map(|bound| &bound.value) {
                        Some(Value::Bool(true)) => Lock::Yes,
                        Some(Value::Bool(false)) => Lock::No,
                        Some(Value::Param(outer)) => Lock::IfParam(*outer),
                        Some(_) => Lock::Unknown,
                        None => Lock::No,
                    };
                }
                Value::Query(Arc::new(query))
            }
            // `return self.database.session()`: the caller enters it.
            Value::Context(context) => Value::Context(Arc::new(ContextValue {
                function: context.function,
                yields: self.substituted(&context.yields, callee, object, filled),
                given: context.given,
                leaving: self.leaving_of(&context.leaving, callee, object, filled),
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
    pub(in crate::eval) fn lookup_of(
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
    pub(in crate::eval) fn held_of(
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
        (0..u32::try_from(params).ok()?).find(|index| crate::eval::types::param_row(*index) == row)
    }

    /// An attribute of an object, without events.
    fn member_value(&mut self, object: &Value, name: auditline_syntax::Name) -> Value {
        let class = match object {
            Value::SelfObject => self.receiver,
            Value::Instance(instance) => Some(instance.class),
            _ => None,
        };
        match class {
            Some(class) => match crate::eval::attribute(self.db, class, name) {
                Value::Session(session) => Value::Session(self.held_session(object, class, name, &session)),
                Value::Instance(instance) => Value::Instance(self.held_instance(object, class, &instance)),
                other => other,
            },
            None => Value::Unknown,
        }
    }
}

/// The row that a value is; of what a caller hands in, only callers know which row.
pub(crate) fn handed_row(value: &Value) -> Option<Arc<RowValue>> {
    match value {
        Value::Param(index) => Some(Arc::new(RowValue {
            id: crate::eval::types::param_row(*index),
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
pub(in crate::eval) fn by_statement(
    value: &Value,
    filled: &[Option<Bound>],
) -> Option<(Value, Option<Arc<QueryValue>>)> {
    let (row, many) = match value {
        Value::Row(row) => (row, false),
        Value::Many(inner) => (inner.row()?, true),
        _ => return None,
    };
    let (index, single, by) = match row.origin {
        RowOrigin::Loaded { lock: Lock::AsStatement(index), single, by } => (index, single, by),
        RowOrigin::Loaded { lock: Lock::OrStatement(index), single, by }
            if matches!(brought(Lock::OrStatement(index), filled), Lock::Unknown) =>
        {
            (index, single, by)
        }
        _ => return None,
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

/// Whether a callee's own statement locks where a parameter of it brings no other one; it cannot be told where it does.
pub(in crate::eval) fn brought(lock: Lock, filled: &[Option<Bound>]) -> Lock {
    let Lock::OrStatement(index) = lock else { return lock };
    match filled.get(index as usize).and_then(Option::as_ref).map(|bound| &bound.value) {
        None | Some(Value::None) => Lock::No,
        // Its own caller decides.
        Some(Value::Param(outer)) => Lock::OrStatement(*outer),
        Some(_) => Lock::Unknown,
    }
}

fn argument(filled: &[Option<Bound>], index: u32) -> Value {
    filled.get(index as usize).and_then(Option::as_ref).map(|bound| bound.value.clone()).unwrap_or_default()
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
