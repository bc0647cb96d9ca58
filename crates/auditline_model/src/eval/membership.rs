//! The keys of rows: what a lookup has brought them for, and what it has not: `known = {tag.name for tag in tags}`, `name not in
//! known`, `set(names) - known`.

use auditline_syntax::python::ir::CompareOp;
use smallvec::SmallVec;

use crate::unit::{Condition, EventKind, FrameId, FrameKind, Subject, Test};

use super::value::{Derivation, Keys, RowOrigin, RowValue, Sources, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// The keys of rows that a value is a collection of.
    pub(super) fn keys_in(&self, bound: &Bound) -> Option<Keys> {
        if let Some(keys) = bound.from.keys {
            return Some(keys);
        }
        match &bound.value {
            Value::Keyed(row, Some(column)) => {
                let row = row.row().filter(|row| is_one_of_many(row))?;
                Some(Keys { load: row.id, column: *column, missing: false })
            }
            _ => self.column_fetched(bound),
        }
    }

    /// The one column that a statement brings of many rows: `session.scalars(select(Tag.name)).all()`.
    fn column_fetched(&self, bound: &Bound) -> Option<Keys> {
        let [count] = bound.from.counts[..] else { return None };
        match &self.unit.events.get(count.load as usize)?.kind {
            EventKind::Load { query, row: None, many: true, .. } if !query.entities && !query.aggregates => {
                let [column] = query.columns[..] else { return None };
                Some(Keys { load: count.load, column, missing: false })
            }
            _ => None,
        }
    }

    /// What a collection holds whose items are made like that from the items of another: the keys of the rows that it holds.
    pub(super) fn keys_of_items(&self, item: &Bound) -> Option<Keys> {
        match (&item.from.fields[..], item.from.other) {
            ([field], false) if matches!(field.how, Derivation::Same | Derivation::Normalised) => {
                let is_listed = match self.unit.events.get(field.row as usize).map(|event| &event.kind) {
                    Some(EventKind::Load { many, row: Some(row), .. }) => *many && *row == field.row,
                    Some(EventKind::Follow { .. }) => true,
                    _ => false,
                };
                is_listed.then_some(Keys { load: field.row, column: field.column, missing: false })
            }
            _ => self.column_fetched(item),
        }
    }

    /// What it says of a lookup that a value is among the keys, or that there are any.
    pub(super) fn is_among(&self, keys: Keys, holds: bool) -> Condition {
        Condition {
            subject: Subject::Count { load: keys.load },
            test: Test::Present,
            holds: holds != keys.missing,
            at: self.next_ordinal(),
            constant: None,
            against: SmallVec::from_elem((keys.load, keys.column), 1),
        }
    }

    /// `name not in known`
    pub(super) fn membership(&self, op: CompareOp, container: &Bound) -> Option<Condition> {
        let holds = match op {
            CompareOp::In => true,
            CompareOp::NotIn => false,
            _ => return None,
        };
        self.keys_in(container).map(|keys| self.is_among(keys, holds))
    }

    /// What is left of a collection when the keys of rows are taken away: `set(names) - known`, `wanted.difference(known)`.
    pub(super) fn missing(&self, taken_away: &Bound) -> Option<Keys> {
        self.keys_in(taken_away).filter(|keys| !keys.missing).map(|keys| Keys { missing: true, ..keys })
    }

    /// Those that a comprehension leaves: `[name for name in names if name not in known]`.
    pub(super) fn left(conditions: &[Condition]) -> Option<Keys> {
        conditions.iter().find_map(|condition| match (&condition.against[..], condition.missed()) {
            ([(load, column)], Some(missed)) if missed == *load => {
                Some(Keys { load: missed, column: *column, missing: true })
            }
            _ => None,
        })
    }

    /// The frame of what is done for each item of a collection, where that says something of the item.
    pub(super) fn for_each(&mut self, iterated: &Bound, besides: Vec<Condition>) -> Option<FrameId> {
        let mut conditions = besides;
        conditions.extend(iterated.from.keys.filter(|keys| keys.missing).map(|keys| self.is_among(keys, true)));
        if conditions.is_empty() {
            return None;
        }
        let split = self.new_split();
        Some(self.push_frame(FrameKind::Branch { split, conditions, exits: false, raises: false, rest: false }))
    }
}

fn is_one_of_many(row: &RowValue) -> bool {
    matches!(row.origin, RowOrigin::Loaded { single: false, .. } | RowOrigin::Related(_))
}

impl Sources {
    /// As those of a collection that holds these keys.
    #[must_use]
    pub(super) fn holding(mut self, keys: Option<Keys>) -> Self {
        self.keys = keys;
        self
    }
}

impl Bound {
    /// As what is found by these keys.
    #[must_use]
    pub(super) fn holding(self, keys: Option<Keys>) -> Self {
        Self { from: self.from.holding(keys), ..self }
    }
}
