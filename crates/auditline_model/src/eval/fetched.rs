//! Columns that a statement asks for without the row: `count = session.scalar(select(Item.count).where(Item.id == key))`.
//!
//! They are read once, when the result is fetched: unlike those of an object of the session, nothing expires them and nothing loads them
//! again (<https://docs.sqlalchemy.org/en/20/orm/queryguide/select.html#selecting-individual-attributes>).

use std::sync::Arc;

use auditline_syntax::Name;

use crate::unit::EventKind;

use super::value::{Derivation, FieldSource, Part, RowOrigin, RowValue, Value};
use super::{Bound, Evaluator};

/// The methods of a result that give its one row, or what stands in it.
const ONE: &[&str] = &["scalar", "scalar_one", "scalar_one_or_none", "one", "one_or_none", "first", "fetchone"];

impl Evaluator<'_> {
    /// What a method of a result gives, with the columns of its one row.
    pub(crate) fn fetched_by(&mut self, result: &Bound, method: Name, given: Bound) -> Bound {
        if !ONE.contains(&method.as_str()) || !given.from.fields.is_empty() {
            return given;
        }
        match self.asked_for_columns(result) {
            Some(load) => self.fetch(load, method.starts_with("scalar"), given),
            None => given,
        }
    }

    /// The same for a result that a statement has given right away.
    pub(crate) fn fetched_one(&mut self, result: Bound, scalar: bool) -> Bound {
        match self.asked_for_columns(&result) {
            Some(load) => self.fetch(load, scalar, result),
            None => result,
        }
    }

    /// `row[0]`, `count, state = row`, where the row is the one of such a result.
    pub(crate) fn fetched_at(&self, row: &Bound, position: usize) -> Option<Bound> {
        let load = self.asked_for_columns(row)?;
        let EventKind::Load { query, .. } = &self.unit.events.get(load as usize)?.kind else { return None };
        let column = *query.columns.get(position)?;
        self.fetched_column(row, column)
    }

    /// `row.count`, where the row is the one of such a result.
    pub(crate) fn fetched_column(&self, row: &Bound, column: Name) -> Option<Bound> {
        let load = self.asked_for_columns(row)?;
        let field = self.field_of(load, column)?;
        let mut bound = Bound::unknown();
        bound.from.parts.push(Part::Column(field.read));
        bound.from.fields.push(field);
        Some(bound)
    }

    /// The event at which a statement was executed that asks for columns alone, if a value is what it gave.
    fn asked_for_columns(&self, result: &Bound) -> Option<u32> {
        let [count] = &result.from.counts[..] else { return None };
        let is_asked = match self.unit.events.get(count.load as usize).map(|event| &event.kind) {
            Some(EventKind::Load { query, row: None, by: None, .. }) => {
                !query.entities && !query.aggregates && !query.columns.is_empty()
            }
            _ => false,
        };
        (result.value == Value::Unknown && is_asked).then_some(count.load)
    }

    fn fetch(&mut self, load: u32, scalar: bool, mut given: Bound) -> Bound {
        let Some(event) = self.unit.events.get_mut(load as usize) else { return given };
        let EventKind::Load { query, many, .. } = &mut event.kind else { return given };
        *many = false;
        let range = event.range;
        let query = Arc::clone(query);
        let row = Arc::new(RowValue {
            id: load,
            model: query.model,
            origin: RowOrigin::Loaded { lock: query.lock, single: true, by: None },
            session: query.session.clone(),
        });
        for column in &query.columns {
            if self.field_of(load, *column).is_none() {
                self.event(EventKind::Read { row: Arc::clone(&row), column: *column }, range);
            }
        }
        if let Some(field) = query.columns.first().filter(|_| scalar).and_then(|column| self.field_of(load, *column)) {
            given.from.parts.push(Part::Column(field.read));
            given.from.fields.push(field);
        }
        given
    }

    /// Where a column of the one row was read.
    fn field_of(&self, load: u32, column: Name) -> Option<FieldSource> {
        let is_it = |kind: &EventKind| match kind {
            EventKind::Read { row, column: read } => row.id == load && *read == column,
            _ => false,
        };
        let read = self.unit.events.iter().position(|event| is_it(&event.kind))?;
        let read = u32::try_from(read).ok()?;
        Some(FieldSource { row: load, column, read, how: Derivation::Same })
    }
}
