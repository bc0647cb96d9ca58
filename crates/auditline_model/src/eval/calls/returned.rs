//! What a call gives, and what a callee has done besides, as events of the caller.

use std::sync::Arc;

use auditline_syntax::python::ir::Function;
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, FunctionRef, head};
use crate::eval::substitute::{brought, by_statement};
use crate::eval::value::{
    CountSource, Lock, QueryValue, RowOrigin, RowValue, SessionOrigin, SessionValue, Tells, Value,
};
use crate::eval::{Bound, Evaluator, own_class, types};
use crate::unit::{Counted, EventKind, LoadForm};

use super::Arguments;
use super::functions::flagged;

/// What a call hands to a function.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) callee: FunctionRef,
    /// The class of the object, for a method.
    pub(super) receiver: Option<ClassRef>,
    /// The values of its parameters.
    pub(super) filled: &'a [Option<Bound>],
    /// Whether `*args` or `**kwargs` may fill any.
    pub(super) open: bool,
    /// How it looks for the row that it returns, in terms of the caller.
    pub(super) lookup: Option<&'a QueryValue>,
}

impl Evaluator<'_> {
    /// What a callee's return value is in this function: rows get an event of their own, sessions an origin.
    pub(super) fn returned(&mut self, value: Value, body: &Function, given: &Given<'_>, range: TextRange) -> Value {
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
                RowOrigin::Created => Value::Row(self.created_elsewhere(&row, range)),
                _ => Value::Row(row),
            },
            Value::Many(inner) => {
                let is_given = statement.is_some();
                Value::Many(Box::new(self.returned_each(*inner, body, (given, is_given), range)))
            }
            Value::Keyed(inner, by) => {
                Value::Keyed(Box::new(self.returned_each(*inner, body, (given, false), range)), by)
            }
            Value::Session(session) => {
                let visible = crate::unit::session_target(&session.origin) == crate::unit::Target::Visible;
                if visible && !matches!(session.origin, SessionOrigin::Global(_) | SessionOrigin::ClassAttribute(..)) {
                    return Value::Session(session);
                }
                // The callee hands back what it was handed: `session = checked(SessionLocal())`.
                let handed = |bound: &Bound| matches!(&bound.value, Value::Session(own) if *own == session);
                if given.filled.iter().flatten().any(handed) {
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
            // What a library gave, or nothing that is understood: the annotation says what it is.
            Value::Made(path) => match crate::eval::said_by(self.db, callee) {
                // Perhaps another one each time.
                Some(Value::Session(said)) => {
                    Value::Session(Arc::new(SessionValue { id: self.next_ordinal(), ..(*said).clone() }))
                }
                Some(said @ Value::Instance(_)) => said,
                _ => Value::Made(path),
            },
            Value::Unknown => match &body.returns {
                Some(annotation) => {
                    let ty = classes::type_expr(self.db, callee.file, Some(callee), &body.code, *annotation);
                    let ty = match (receiver, own_class(self.db, callee)) {
                        (Some(class), Some(own)) => classes::resolve_type_params(self.db, class, own, &ty),
                        _ => ty,
                    };
                    types::value_of_type(self.db, &ty, types::Holder::Returned)
                }
                None => Value::Unknown,
            },
            Value::Tuple(values) => {
                Value::Tuple(values.into_iter().map(|value| self.returned(value, body, given, range)).collect())
            }
            other => other,
        }
    }

    /// What each of the values is that a callee returns a list of.
    fn returned_each(
        &mut self,
        value: Value,
        body: &Function,
        (given, is_statement_given): (&Given<'_>, bool),
        range: TextRange,
    ) -> Value {
        match value {
            Value::Row(row) => match &row.origin {
                RowOrigin::Loaded { lock, .. } => {
                    let lock = if is_statement_given { *lock } else { flagged(*lock, body, given.filled, given.open) };
                    Value::Row(self.loaded_elsewhere(&row, given, lock, None, false, true, range))
                }
                RowOrigin::Created => Value::Row(self.created_elsewhere(&row, range)),
                _ => Value::Row(row),
            },
            // The result rows of a statement over several entities.
            Value::Tuple(parts) => {
                let each = |part| self.returned_each(part, body, (given, is_statement_given), range);
                Value::Tuple(parts.into_iter().map(each).collect())
            }
            other => other,
        }
    }

    /// A result that a callee hands out: of a statement that it was handed, or of one of its own.
    pub(super) fn executed_elsewhere(
        &mut self,
        query: &QueryValue,
        scalars: bool,
        (callee, object): (FunctionRef, &Value),
        filled: &[Option<Bound>],
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<Bound> {
        let session = self.session_of(query.session.as_ref()?, callee, object, filled)?;
        let given = match query.lock {
            Lock::AsStatement(index) => Some(index),
            Lock::OrStatement(index) if brought(query.lock, filled) == Lock::Unknown => Some(index),
            _ => None,
        };
        if let Some(index) = given {
            let statement = filled.get(index as usize)?.as_ref()?.value.clone();
            let name = Name::new(if scalars { "scalars" } else { "execute" });
            return Some(self.execute(&session, name, &statement, LoadForm::Elsewhere, range));
        }
        let body = head(self.db, callee)?;
        let id = self.next_ordinal();
        let query = Arc::new(QueryValue {
            lock: flagged(query.lock, &body, filled, arguments.open),
            session: Some(session),
            execution: Some(id),
            ..self.lookup_of(query, callee, object, filled, arguments)
        });
        let load = EventKind::Load {
            query: Arc::clone(&query),
            row: Some(id),
            many: true,
            by: Some(callee),
            form: LoadForm::Elsewhere,
            flag: None,
        };
        self.event(load, range);
        self.loads_beside(&query, true, range);
        Some(Bound::of(Value::Executed(query, scalars)))
    }

    /// Records that a callee made a row.
    fn created_elsewhere(&mut self, row: &RowValue, range: TextRange) -> Arc<RowValue> {
        let created = Arc::new(RowValue { id: self.next_ordinal(), ..row.clone() });
        self.event(EventKind::Create(Arc::clone(&created)), range);
        created
    }

    /// Records that a callee counted rows, and gives their number.
    pub(super) fn counted_elsewhere(&mut self, counted: Counted, callee: FunctionRef, range: TextRange) -> CountSource {
        let select = QueryValue::select(Some(counted.model));
        let query = QueryValue { entities: false, aggregates: true, ..select };
        CountSource { load: self.read_elsewhere(query, callee, range), falls: counted.falls, tells: Tells::Number }
    }

    /// Records that a callee loaded something that is no row.
    fn read_elsewhere(&mut self, query: QueryValue, callee: FunctionRef, range: TextRange) -> u32 {
        let event = EventKind::Load {
            query: Arc::new(query),
            row: None,
            many: false,
            by: Some(callee),
            form: LoadForm::Elsewhere,
            flag: None,
        };
        self.event(event, range)
    }

    /// Records that a callee looked for a row, and gave what it made of it or `None`.
    pub(super) fn found_elsewhere(
        &mut self,
        found: &QueryValue,
        body: &Function,
        callee: FunctionRef,
        filled: &[Option<Bound>],
        open: bool,
        range: TextRange,
    ) -> u32 {
        let query = QueryValue {
            entities: false,
            lock: flagged(found.lock, body, filled, open),
            waits: found.waits,
            filters: found.filters.clone(),
            sought: found.sought.seen_elsewhere(),
            ..QueryValue::select(found.model)
        };
        self.read_elsewhere(query, callee, range)
    }

    /// Records that a callee looked for rows or counted them, and tells of the outcome in another way than by the row.
    pub(super) fn asked_elsewhere(
        &mut self,
        asked: &QueryValue,
        (callee, object): (FunctionRef, &Value),
        filled: &[Option<Bound>],
        arguments: &Arguments,
        range: TextRange,
    ) -> Option<u32> {
        let body = head(self.db, callee)?;
        let lock = flagged(asked.lock, &body, filled, arguments.open);
        let asked = self.lookup_of(asked, callee, object, filled, arguments);
        let query = QueryValue { entities: false, lock, session: None, execution: None, ..asked };
        Some(self.read_elsewhere(query, callee, range))
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
        // What a callee loads of a class that it is handed, this function may know.
        let model = given.lookup.and_then(|lookup| lookup.model).or(row.model);
        let mut query =
            QueryValue { lock, session: row.session.clone(), execution: Some(id), ..QueryValue::select(model) };
        if let Some(lookup) = given.lookup {
            query.of = lookup.of.clone();
            query.waits = lookup.waits;
            query.locks_own_only = lookup.locks_own_only;
            query.joins = lookup.joins;
            query.ordered = lookup.ordered;
            query.among = lookup.among;
            query.populates = lookup.populates;
            query.filters = lookup.filters.clone();
            query.sought = lookup.sought.seen_elsewhere();
            query.keys = lookup.keys.clone();
        }
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
            model,
            origin: RowOrigin::Loaded { lock, single, by: Some(given.callee) },
            session: row.session.clone(),
        })
    }
}
