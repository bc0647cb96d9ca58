//! Calls of functions of the workspace.

use std::sync::Arc;

use auditline_syntax::python::ir::{Expr, Function, ParamKind};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, FunctionRef, head};
use crate::eval::conditions::count_condition;
use crate::eval::substitute::{brought, by_statement};
use crate::eval::value::{
    ArgName, ContextValue, CountSource, Entry, InstanceOrigin, Lock, QueryValue, RowOrigin, RowValue, SessionOrigin,
    SessionValue, Tells, Value,
};
use crate::eval::{Bound, Evaluator, libraries, own_class, types};
use crate::owner::is_quieted;
use crate::symbols::Symbol;
use crate::unit::{Condition, Counted, EventKind, LoadForm, Refusal, Test, When, effect};

use super::Arguments;

impl Evaluator<'_> {
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
        let receiver = receiver.or_else(|| own_class(self.db, callee));
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
                // It goes on behind the block.
                (Value::Session(own), Value::Session(given))
                    if matches!(own.origin, SessionOrigin::Param(_) | SessionOrigin::SelfAttribute(..)) =>
                {
                    (Value::Session(given), true)
                }
                (_, yields) => (yields, false),
            };
            let leaving = self.leaving(&effect.encloses, &body, (callee, object), &filled, arguments.open);
            return Bound::of(Value::Context(Arc::new(ContextValue { function: callee, yields, given, leaving })));
        }
        let effect = effect(self.db, callee, receiver);
        let mut external = None;
        for operation in &effect.operations {
            let maybe = match operation.when {
                When::Always => false,
                When::Maybe => true,
                When::IfParam(index, wanted) => match self.flag_in_call(&body, &filled, index, arguments.open) {
                    Some(truth) if truth == wanted => false,
                    Some(_) => continue,
                    None => true,
                },
                When::UnlessParam(index, leaves) => {
                    if self.flag_in_call(&body, &filled, index, arguments.open) == Some(leaves) {
                        continue;
                    }
                    false
                }
            };
            if let EventKind::Updates { query, .. } = &operation.kind {
                self.updated_elsewhere(query, (callee, object), &filled, arguments, range);
                continue;
            }
            if let Some(ordinal) = self.apply(&operation.kind, callee, object, &filled, maybe, range) {
                external = Some(ordinal);
            }
        }
        if libraries::frees_lock(classes::simple(callee.path)) {
            self.event(EventKind::Release, range);
        }
        self.unit.changes |= effect.changes;
        let mut asked = self.asked_of_arguments(callee, &filled);
        asked.extend(self.asked_of_rows(
            callee,
            &filled,
            !effect.held.is_empty() || is_quieted(self.db, callee),
            range,
        ));
        let raises = !is_quieted(self.db, callee);
        let holds = if raises { &effect.held[..] } else { &[] };
        let held = holds.iter().filter_map(|condition| self.held_of(condition, callee, object, &filled));
        let held: Vec<Condition> = held.collect();
        self.held.extend(held);
        for lookup in effect.absent.iter().filter(|_| raises) {
            let load = self.asked_elsewhere(lookup, (callee, object), &filled, arguments, range);
            self.held.extend(load.map(|load| count_condition(load, Test::Present, false)));
        }
        // `raise_not_found()`; one that is not awaited has not begun.
        if effect.fails
            && (!body.is_async || self.awaited == Some(range))
            && (body.class.is_none() || classes::is_final_word(self.db, callee))
            && !is_quieted(self.db, callee)
        {
            return Bound::of(Value::Never);
        }
        if let Value::Executed(query, scalars) = &effect.returns
            && let Some(result) = self.executed_elsewhere(query, *scalars, (callee, object), &filled, arguments, range)
        {
            return result;
        }
        if effect.operations.is_empty()
            && let Some(result) = self.forwarded(callee, &filled, bound_params(&body, object), arguments, range)
        {
            return result;
        }
        let returns = self.substituted(&effect.returns, callee, object, &filled);
        let count = effect.counts.map(|counted| self.counted_elsewhere(counted, callee, range));
        let mut from = arguments.sources();
        from.other = true;
        from.external = from.external.or(external);
        from.counts.extend(count);
        from.looked.extend(asked);
        if let Some(found) = &effect.finds {
            let load = self.found_elsewhere(found, &body, callee, &filled, arguments.open, range);
            from.counts.push(CountSource { load, falls: false, tells: Tells::Any });
        } else {
            for answered in &effect.answers {
                let load = self.asked_elsewhere(&answered.query, (callee, object), &filled, arguments, range);
                let tells = if answered.limit { Tells::Limit } else { Tells::Any };
                from.counts.extend(load.map(|load| CountSource { load, falls: answered.none, tells }));
            }
        }
        let lookup = effect.lookup.as_ref().map(|lookup| self.lookup_of(lookup, callee, object, &filled, arguments));
        let given = Given { callee, receiver, filled: &filled, open: arguments.open, lookup: lookup.as_ref() };
        let value = self.returned(returns, &body, &given, range);
        if let Value::Row(row) = &value {
            let frame = self.frame;
            let missed = Some(row.id);
            let refusals = effect.missing.iter().map(|names| Refusal { names: names.clone(), frame, missed });
            self.unit.refusals.extend(refusals);
        }
        Bound { value, from }
    }

    /// Which value fills which parameter.
    pub(crate) fn fill(&self, body: &Function, object: &Value, arguments: &Arguments) -> Vec<Option<Bound>> {
        let shift = bound_params(body, object);
        body.params
            .iter()
            .zip(0u32..)
            .map(|(param, index)| {
                if index == 0 && shift == 1 {
                    return Some(Bound::of(object.clone()));
                }
                if param.kind == ParamKind::KwArgs {
                    return Some(keywords(body, arguments));
                }
                arguments
                    .keyword(&param.name)
                    .or_else(|| index.checked_sub(shift).and_then(|index| arguments.position(index)))
                    .cloned()
            })
            .collect()
    }

    /// What a callee's return value is in this function: rows get an event of their own, sessions an origin.
    fn returned(&mut self, value: Value, body: &Function, given: &Given<'_>, range: TextRange) -> Value {
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
    fn executed_elsewhere(
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
    fn counted_elsewhere(&mut self, counted: Counted, callee: FunctionRef, range: TextRange) -> CountSource {
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
    fn found_elsewhere(
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
    fn asked_elsewhere(
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

/// What a function gets as its `**kwargs`: the keywords of a call that fill no parameter.
fn keywords(body: &Function, arguments: &Arguments) -> Bound {
    let besides = arguments.list.iter().filter_map(|(name, bound)| match name {
        ArgName::Keyword(name) if !body.params.iter().any(|param| param.name == *name) => {
            let constant = match bound.value {
                Value::Bool(true) => Some("True"),
                Value::Bool(false) => Some("False"),
                Value::None => Some("None"),
                _ => None,
            };
            Some(Entry {
                name: *name,
                value: bound.value.held(),
                from: bound.from.clone(),
                in_sql: false,
                constant: constant.map(Name::new),
            })
        }
        _ => None,
    });
    Bound::of(Value::Dict(besides.collect()))
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

impl Evaluator<'_> {
    /// The truth of a flag parameter in a call; what this function is handed and may be `None` cannot be told.
    pub(in crate::eval) fn flag_in_call(
        &self,
        body: &Function,
        filled: &[Option<Bound>],
        index: u32,
        open: bool,
    ) -> Option<bool> {
        if let Some(Some(Bound { value: Value::Instance(instance), .. })) = filled.get(index as usize)
            && let InstanceOrigin::Param(own) = instance.origin
            && let Some(default) = self.function.params.get(own as usize).and_then(|param| param.default)
            && self.function.code[default] == Expr::None
        {
            return None;
        }
        flag_value(body, filled, index, open)
    }
}

/// How many parameters the object fills that a method is called on.
fn bound_params(body: &Function, object: &Value) -> u32 {
    let bound_first = body.class.is_some() && !classes::is_static(body) && !matches!(object, Value::Unknown);
    let unbound = matches!(object, Value::Symbol(Symbol::Class(_))) && !classes::is_class_method(body);
    u32::from(bound_first && !unbound)
}

/// Whether a callee that locks if it is told to does so in a call.
pub(in crate::eval) fn flagged(lock: Lock, body: &Function, filled: &[Option<Bound>], open: bool) -> Lock {
    let Lock::IfParam(index) = lock else { return brought(lock, filled) };
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
fn flag_value(body: &Function, filled: &[Option<Bound>], index: u32, open: bool) -> Option<bool> {
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
