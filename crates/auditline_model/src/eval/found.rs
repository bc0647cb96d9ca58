//! What is there only where something else is: a variable that is `None` unless a column is filled or a row was found, and
//! what a function makes of a row, or `None`.

use std::sync::Arc;

use crate::classes::{self, TypeExpr};
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::{Condition, EventKind, FrameId, FrameKind, Subject, Test, Unit};

use super::value::{CountSource, Derivation, FieldSource, QueryValue, Tells, Value, listed_row};
use super::{Bound, Environment, Evaluator};

impl Evaluator<'_> {
    /// Says of the variables that are `None` unless a path was taken that they have a value only where that path's
    /// condition holds.
    pub(super) fn decided(&self, taken: &mut Environment, otherwise: &Environment, conditions: &[Condition]) {
        for (name, bound) in taken {
            if let Some(other) = otherwise.get(name) {
                self.only_where(bound, other, conditions);
            }
        }
    }

    /// Says of a value that there is one only where a row has a column or was found, if that alone decides whether it is
    /// this value or `None`.
    pub(super) fn only_where(&self, bound: &mut Bound, otherwise: &Bound, conditions: &[Condition]) {
        let [Condition { subject, test: Test::Present, holds: true, at, .. }] = conditions else { return };
        if otherwise.value != Value::None || matches!(bound.value, Value::None | Value::Row(_) | Value::Many(_)) {
            return;
        }
        match *subject {
            Subject::Field { row, column } => {
                bound.from.fields.push(FieldSource { row, column, read: *at, how: Derivation::Decided });
            }
            Subject::Row { row } if loaded(&self.unit, row).is_some() => {
                bound.from.counts.clear();
                bound.from.counts.push(CountSource { load: row, falls: false, tells: Tells::Any });
            }
            _ => {}
        }
    }

    /// Notes what the function finds, where it returns an object that is no row, or `None`, as a lookup found one or none.
    pub(super) fn found(&mut self) {
        if listed_row(&self.unit.returns).is_some() || !self.returns_object() {
            return;
        }
        let mut finds: Option<Arc<QueryValue>> = None;
        let absent = self.unit.events.iter().filter(|event| matches!(event.kind, EventKind::Return(Value::None)));
        let missed = absent.map(|event| missed(&self.unit, event.frame));
        for load in missed.chain(self.copied.iter().copied().map(Some)) {
            let Some(query) = load.and_then(|load| loaded(&self.unit, load)) else { return };
            if finds.as_ref().is_some_and(|known| known.model != query.model) {
                return;
            }
            finds.get_or_insert_with(|| Arc::new(QueryValue { session: None, execution: None, ..(**query).clone() }));
        }
        self.unit.finds = finds.filter(|query| query.model.is_some());
    }

    /// Whether the function says that it returns an object that is no row, or `None`.
    fn returns_object(&self) -> bool {
        let function = self.code();
        let Some(annotation) = function.returns else { return false };
        match classes::type_expr(self.db, self.of.file, Some(self.of), &function.code, annotation).without_none() {
            TypeExpr::Symbol { symbol: Symbol::Class(class), .. } => {
                orm_model(self.db, *class).is_none_or(|model| !model.is_table())
            }
            _ => false,
        }
    }
}

/// The statement of the load at an event.
pub(super) fn loaded(unit: &Unit, load: u32) -> Option<&Arc<QueryValue>> {
    match &unit.events.get(load as usize)?.kind {
        EventKind::Load { query, .. } => Some(query),
        _ => None,
    }
}

/// The lookup that has found nothing where that frame is entered.
fn missed(unit: &Unit, frame: FrameId) -> Option<u32> {
    unit.ancestors(frame).find_map(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => match conditions[..] {
            [Condition { subject: Subject::Row { row }, test: Test::Present, holds: false, .. }] => Some(row),
            [Condition { subject: Subject::Count { load }, test: Test::Present, holds: false, .. }] => Some(load),
            _ => None,
        },
        FrameKind::Handler(of, index) => unit.missed_loads(*of, *index).first().copied(),
        _ => None,
    })
}
