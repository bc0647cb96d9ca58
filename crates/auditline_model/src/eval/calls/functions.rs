//! Calls of functions of the workspace.

use std::sync::Arc;

use auditline_syntax::python::ir::{Expr, Function, ParamKind};
use auditline_syntax::{Name, TextRange};

use crate::classes;
use crate::db::{ClassRef, FunctionRef, head};
use crate::eval::conditions::count_condition;
use crate::eval::substitute::{brought, by_statement};
use crate::eval::value::{
    ArgName, ContextValue, CountSource, Entry, InstanceOrigin, Lock, SessionOrigin, SessionValue, Tells, Value,
};
use crate::eval::{Bound, Evaluator, libraries, own_class, passes_on};
use crate::owner::is_quieted;
use crate::symbols::Symbol;
use crate::unit::{Condition, EventKind, Refusal, Test, When, effect};

use super::Arguments;
use super::returned::Given;

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
        let callee = passes_on(self.db, callee).unwrap_or(callee);
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
            let is_excluded = |(index, wanted): &(u32, bool)| {
                self.flag_in_call(&body, &filled, *index, arguments.open).is_some_and(|truth| truth != *wanted)
            };
            if operation.only_if.iter().any(is_excluded) {
                continue;
            }
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
        let mut from = arguments.sources();
        from.other = true;
        from.external = from.external.or(external);
        for counted in &effect.counts {
            let count = self.counted_elsewhere(*counted, callee, range);
            from.tell(counted.spot, count);
        }
        from.looked.extend(asked);
        if let Some(found) = &effect.finds {
            let load = self.found_elsewhere(found, &body, callee, &filled, arguments.open, range);
            from.counts.push(CountSource { load, falls: false, tells: Tells::Any });
        } else {
            for answered in &effect.answers {
                let load = self.asked_elsewhere(&answered.query, (callee, object), &filled, arguments, range);
                let tells = if answered.limit { Tells::Limit } else { Tells::Any };
                if let Some(load) = load {
                    from.tell(answered.spot, CountSource { load, falls: answered.none, tells });
                }
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
