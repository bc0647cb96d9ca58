//! Result rows: the entities that an executed statement gives, each a row of its own.

use std::sync::Arc;

use auditline_syntax::TextRange;

use crate::unit::{EventKind, LoadForm};

use super::Evaluator;
use super::value::{Lock, QueryValue, RowOrigin, RowValue, Value};

impl Evaluator<'_> {
    /// Records that a statement over several entities is executed, and gives what a result row of it holds.
    pub(super) fn load_beside(
        &mut self,
        query: QueryValue,
        many: bool,
        form: LoadForm,
        range: TextRange,
    ) -> Vec<Value> {
        let query = self.loaded(query, many, form, range);
        self.loads_beside(&query, many, range);
        self.result_row(&query, many)
    }

    /// Records that a statement loads rows, and gives it as one that is executed.
    pub(super) fn loaded(
        &mut self,
        mut query: QueryValue,
        many: bool,
        form: LoadForm,
        range: TextRange,
    ) -> Arc<QueryValue> {
        let id = self.next_ordinal();
        query.execution = Some(id);
        let query = Arc::new(query);
        let kind = EventKind::Load { query: Arc::clone(&query), row: Some(id), many, by: None, form, flag: None };
        self.event(kind, range);
        query
    }

    /// Records the loads of the entities behind the first one: each is a row of its own.
    pub(crate) fn loads_beside(&mut self, query: &QueryValue, many: bool, range: TextRange) {
        for class in query.beside.iter().flatten() {
            let id = self.next_ordinal();
            let beside = QueryValue {
                lock: beside_lock(query),
                waits: query.waits,
                joins: true,
                populates: query.populates,
                session: query.session.clone(),
                execution: Some(id),
                ..QueryValue::select(Some(*class))
            };
            let form = LoadForm::Elsewhere;
            let kind = EventKind::Load { query: Arc::new(beside), row: Some(id), many, by: None, form, flag: None };
            self.event(kind, range);
        }
    }

    /// What a result row of an executed statement holds.
    pub(crate) fn result_row(&mut self, query: &QueryValue, many: bool) -> Vec<Value> {
        let mut parts = vec![self.row_from(query, query.execution, many)];
        let mut next = query.execution;
        for class in &query.beside {
            parts.push(match class {
                Some(class) => {
                    next = next.map(|id| id.saturating_add(1));
                    Value::Row(Arc::new(RowValue {
                        id: next.unwrap_or(u32::MAX),
                        model: Some(*class),
                        origin: RowOrigin::Loaded { lock: beside_lock(query), single: !many, by: None },
                        session: query.session.clone(),
                    }))
                }
                None => Value::Unknown,
            });
        }
        parts
    }

    /// Says that an executed statement gives one result row.
    pub(super) fn mark_single(&mut self, query: &Arc<QueryValue>) {
        let Some(execution) = query.execution else { return };
        let first = execution as usize;
        let Some(range) = self.unit.events.get(first).map(|event| event.range) else { return };
        let loads = 1 + query.beside.iter().flatten().count();
        for event in self.unit.events.iter_mut().skip(first).take(loads).filter(|event| event.range == range) {
            if let EventKind::Load { many, .. } = &mut event.kind {
                *many = false;
            }
        }
    }

    /// The row that an executed statement gives.
    pub(crate) fn row_from(&mut self, query: &QueryValue, execution: Option<u32>, many: bool) -> Value {
        Value::Row(Arc::new(RowValue {
            id: execution.or(query.execution).unwrap_or(u32::MAX),
            model: query.model,
            origin: RowOrigin::Loaded { lock: query.lock, single: !many, by: None },
            session: query.session.clone(),
        }))
    }
}

/// Whether a statement locks the rows of its entities behind the first one.
fn beside_lock(query: &QueryValue) -> Lock {
    if query.locks_own_only { Lock::No } else { query.lock }
}
