//! The queries for units and effects.

use std::sync::Arc;

use auditline_syntax::TextRange;

use crate::db::{ClassRef, Db, FunctionRef};
use crate::eval;

use super::{Effect, Unit, effects::effect_of};

/// The unit of work of a function, as seen in objects of `receiver` where it is a method.
///
/// No limit (`lru`) on how many are remembered: the engine takes a value of a fixed-point query that was let go, and then
/// verified without it, for one whose computation panicked, and gives up (salsa 0.28.5, `MemoHeader::previous_iteration`).
#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
pub fn unit(db: &dyn Db, function: FunctionRef, receiver: Option<ClassRef>) -> Arc<Unit> {
    Arc::new(eval::evaluate(db, function, receiver))
}

/// The unit of work of a function, as seen in objects of the class in whose body it stands.
pub fn unit_of(db: &dyn Db, function: FunctionRef) -> Arc<Unit> {
    unit(db, function, eval::own_class(db, function))
}

/// What a call of the function means to its caller.
#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
pub fn effect(db: &dyn Db, function: FunctionRef, receiver: Option<ClassRef>) -> Arc<Effect> {
    Arc::new(effect_of(&unit(db, function, receiver)))
}

/// The range of the n-th event of a function's unit of work, relative to the function.
#[must_use]
pub fn event_range(db: &dyn Db, function: FunctionRef, ordinal: u32) -> Option<TextRange> {
    unit_of(db, function).events.get(ordinal as usize).map(|event| event.range)
}
