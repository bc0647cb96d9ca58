//! What a second delivery of one event does again.

use std::sync::Arc;

use auditline_model::eval::value::{Derivation, Passes, QueryKind, RowOrigin, RowValue};
use auditline_model::unit::{Condition, EventKind, FrameId, FrameKind, SessionAction, Subject, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef};
use auditline_syntax::Name;

use crate::races::rows;

/// How many calls lie between a handler and what it is taken to do.
const DEPTH: u32 = 4;

/// Something that is done once more when it is asked for once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Repeated {
    pub(super) effect: Effect,
    pub(super) model: Option<ClassRef>,
    /// The function that does it, and the ordinal of the event there.
    pub(super) by: FunctionRef,
    pub(super) at: u32,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Effect {
    /// A row is added.
    Adds,
    /// A column is computed from its own value.
    Computes(Name),
    /// A column is overwritten: by a late repetition, with what is old by then.
    Sets(Name),
    /// A statement is executed.
    Executes,
}

/// What matters most of what a handler does, itself or through what it calls, without a look at what was there.
pub(super) fn repeated_effect(db: &dyn Db, handler: FunctionRef) -> Option<Repeated> {
    repeated(db, handler, DEPTH)
}

/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = nothing)]
fn repeated(db: &dyn Db, of: FunctionRef, depth: u32) -> Option<Repeated> {
    let unit = unit_of(db, of);
    let mut found: Vec<Repeated> = Vec::new();
    for (at, event) in unit.numbered() {
        if looks_first(&unit, event.frame) {
            continue;
        }
        let own = |model, effect| Repeated { effect, model, by: of, at };
        match &event.kind {
            EventKind::Add { session, row: Some(row), by: None } if row.origin == RowOrigin::Created => {
                let added = RowValue { session: Some(Arc::clone(session)), ..(**row).clone() };
                if rows::durable(db, of, &unit, at, &added).is_some() {
                    found.push(own(row.model, Effect::Adds));
                }
            }
            EventKind::Write { row, column, from, by: None, in_sql, .. } if row.origin != RowOrigin::Created => {
                if row.model.is_none() || rows::durable(db, of, &unit, at, row).is_none() {
                    continue;
                }
                let computed = from
                    .fields
                    .iter()
                    .any(|field| field.row == row.id && field.column == *column && field.how == Derivation::Computed);
                let effect = if computed || *in_sql { Effect::Computes(*column) } else { Effect::Sets(*column) };
                found.push(own(row.model, effect));
            }
            EventKind::Execute(query) => {
                let writes = match query.kind {
                    QueryKind::Update | QueryKind::Delete => query.kind == QueryKind::Update,
                    QueryKind::Insert => query.insertion.as_ref().is_none_or(|into| into.passes == Passes::None),
                    QueryKind::Select | QueryKind::Text => false,
                };
                let committed = unit.numbered().any(|(ordinal, event)| {
                    matches!(&event.kind, EventKind::Session { action: SessionAction::Commit, .. })
                        && unit.can_follow(at, ordinal)
                });
                if writes && query.model.is_some() && committed {
                    let effect = if query.kind == QueryKind::Insert { Effect::Adds } else { Effect::Executes };
                    found.push(own(query.model, effect));
                }
            }
            EventKind::Call { callee, .. } if *callee != of => {
                found.extend(depth.checked_sub(1).and_then(|depth| repeated(db, *callee, depth)));
            }
            _ => {}
        }
    }
    // The first of the weightiest.
    found.into_iter().min_by_key(|one| match one.effect {
        Effect::Adds => 0,
        Effect::Computes(_) => 1,
        Effect::Executes => 2,
        Effect::Sets(_) => 3,
    })
}

fn nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _depth: u32) -> Option<Repeated> {
    None
}

/// Whether a condition around the frame looks at what an earlier delivery has left: that a row is not there yet, or the state
/// of one.
fn looks_first(unit: &Unit, frame: FrameId) -> bool {
    let decides = |condition: &Condition| match condition.subject {
        Subject::Row { .. } => !condition.holds,
        Subject::Field { .. } | Subject::Count { .. } => true,
        Subject::Param(_) => false,
    };
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => conditions.iter().any(decides),
        FrameKind::Handler(..) => true,
        _ => false,
    })
}
