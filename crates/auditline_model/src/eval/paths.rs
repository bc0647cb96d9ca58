//! Paths that part and meet: what each of them says, and what is known behind both.

use std::sync::Arc;

use crate::unit::{Condition, Subject, Test};

use super::value::Value;
use super::{Bound, Environment, Evaluator};

impl Evaluator<'_> {
    pub(super) fn merge(&mut self, before: &Environment) {
        let after = std::mem::take(&mut self.environment);
        self.environment = merged(after, before);
    }
}

/// What the other path of a test says.
pub(crate) fn negated(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().cloned().map(|condition| Condition { holds: !condition.holds, ..condition }).collect()
}

/// The parameter that alone decides, and the truth it must have.
pub(crate) fn flag_of(conditions: &[Condition]) -> Option<(u32, bool)> {
    match conditions {
        [condition] => match condition.subject {
            Subject::Param(index) if condition.test == Test::Present => Some((index, condition.holds)),
            _ => None,
        },
        _ => None,
    }
}

/// What is known after either of two paths.
pub(crate) fn merged(one: Environment, other: &Environment) -> Environment {
    merged_under(one, other, None)
}

/// As [`merged`]; `flag` is the parameter whose truth chose the first path.
pub(super) fn merged_under(mut one: Environment, other: &Environment, flag: Option<(u32, bool)>) -> Environment {
    for (name, bound) in &mut one {
        match other.get(name) {
            Some(second) if second.value == bound.value => {
                bound.from = bound.from.clone().with(&second.from);
            }
            Some(second) => {
                *bound = joined_under(bound, second, flag);
            }
            None => {}
        }
    }
    for (name, bound) in other {
        one.entry(*name).or_insert_with(|| bound.clone());
    }
    one
}

/// What is known after either of two paths; `flag` is the parameter whose truth chose the first: a statement that only that
/// path locks is locked if the flag says so.
pub(crate) fn joined_under(one: &Bound, two: &Bound, flag: Option<(u32, bool)>) -> Bound {
    let mut joined = one.join(two);
    let (Some((index, truth)), Value::Query(first), Value::Query(second), Value::Query(query)) =
        (flag, &one.value, &two.value, &mut joined.value)
    else {
        return joined;
    };
    let (with, without) = if truth { (first, second) } else { (second, first) };
    if with.lock == super::value::Lock::Yes && without.lock == super::value::Lock::No {
        Arc::make_mut(query).lock = super::value::Lock::IfParam(index);
    }
    joined
}
