//! UPDATE statements: which of the rows that were read before they change, and from what.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, ArgKind, Code, Expr};
use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::FunctionRef;
use crate::tables::orm_model;
use crate::unit::{EventKind, LoadForm, same_session};

use super::calls::Arguments;
use super::value::{Entry, Key, QueryKind, QueryValue, RowOrigin, RowValue, Sources, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// The columns that `values(x=…)`, `values({…})`, `values(**changes)` and `Query.update({…})` set.
    pub(crate) fn changes(&self, code: &Code, args: &[Arg], arguments: &Arguments, named: bool) -> Vec<Entry> {
        let mut changes = Vec::new();
        let mut position = 0;
        for arg in args {
            match arg.kind {
                ArgKind::Keyword(name) if named => {
                    if let Some(bound) = arguments.keyword(&name) {
                        changes.push(self.entry(code, name, bound, arg.value));
                    }
                }
                ArgKind::Positional => {
                    if let Some(Value::Dict(entries)) = arguments.position(position).map(|bound| &bound.value) {
                        changes.extend(entries.iter().cloned());
                    }
                    position += 1;
                }
                ArgKind::DoubleStarred => {
                    if let Expr::Name(name) = &code[arg.value]
                        && let Some(Value::Dict(entries)) = self.environment.get(name).map(|bound| &bound.value)
                    {
                        changes.extend(entries.iter().cloned());
                    }
                }
                ArgKind::Keyword(_) | ArgKind::Starred => {}
            }
        }
        changes
    }

    /// Records what an UPDATE statement does to a row that was read before; `by` is the callee that executes it.
    pub(crate) fn overwrite(&mut self, query: &QueryValue, by: Option<FunctionRef>, range: TextRange) {
        if query.kind != QueryKind::Update || query.changes.is_empty() || query.sought.open || query.among {
            return;
        }
        let Some(row) = self.row_found_by(query) else { return };
        for entry in query.changes.iter() {
            let event = EventKind::Overwrite {
                row: Arc::clone(&row),
                column: entry.name,
                from: entry.from.clone(),
                step: query
                    .sets
                    .iter()
                    .find(|(name, _)| *name == entry.name)
                    .map_or(super::value::Step::Unknown, |(_, step)| *step),
                in_sql: entry.in_sql,
                constant: entry.constant,
                by,
            };
            self.event(event, range);
        }
    }

    /// The row that a statement finds, of those that were read: the one that was read last.
    fn row_found_by(&self, query: &QueryValue) -> Option<Arc<RowValue>> {
        let model = query.model?;
        let key = orm_model(self.db, model).and_then(|model| model.key());
        let mut seen: SmallVec<[u32; 4]> = SmallVec::new();
        for event in self.unit.events.iter().rev() {
            let EventKind::Read { row, .. } = &event.kind else { continue };
            if row.model != Some(model) || seen.contains(&row.id) {
                continue;
            }
            seen.push(row.id);
            let apart = match (&row.session, &query.session) {
                (Some(own), Some(other)) => !same_session(own, other),
                _ => false,
            };
            if !apart && self.finds(query, row, key) {
                // A lock that was taken later is known where the row is held.
                let held = self.environment.values().filter_map(|bound| bound.value.row());
                return Some(Arc::clone(held.into_iter().find(|held| held.id == row.id).unwrap_or(row)));
            }
        }
        None
    }

    /// Whether a statement finds that row whatever it holds by now: by its key, or by what it was loaded by. One that asks for
    /// something besides (`status == "pending"`, `version == row.version`, `stock >= wanted`) compares before it sets.
    fn finds(&self, query: &QueryValue, row: &RowValue, key: Option<Name>) -> bool {
        let load = match (&row.origin, self.unit.events.get(row.id as usize).map(|event| &event.kind)) {
            (RowOrigin::Loaded { .. }, Some(EventKind::Load { query, many, form, .. })) => Some((query, *many, *form)),
            _ => None,
        };
        let asked = load.map(|(load, ..)| &load.keys[..]).unwrap_or_default();
        let is_own = |(column, wanted): &(Name, Key)| {
            Some(*column) == key
                && matches!(wanted, Key::Field { row: of, column } if *of == row.id && Some(*column) == key)
        };
        let is_same = |pair: &(Name, Key)| Some(pair.0) == key && asked.contains(pair);
        let by_key = query.keys.iter().any(|pair| is_own(pair) || is_same(pair));
        let by_all = load.is_some_and(|(load, many, form)| {
            !many
                && !matches!(form, LoadForm::Get(_))
                && !load.sought.open
                && !query.keys.is_empty()
                && load.keys.len() == query.keys.len()
                && load.filters.iter().all(|name| load.keys.iter().any(|(column, _)| column == name))
                && query.keys.iter().all(|pair| load.keys.contains(pair))
        });
        let sets = |name: &Name| query.changes.iter().any(|entry| entry.name == *name);
        let filtered = |name: &Name| load.is_some_and(|(load, ..)| load.filters.contains(name)) && !sets(name);
        let named = |name: &Name| query.keys.iter().any(|(column, _)| column == name);
        (by_key || by_all)
            && query.keys.iter().all(|pair| is_own(pair) || asked.contains(pair) && !sets(&pair.0))
            && query.filters.iter().all(|name| named(name) || filtered(name))
    }

    /// An UPDATE statement that a callee executes, in terms of this function.
    pub(crate) fn updated_elsewhere(
        &mut self,
        query: &QueryValue,
        (callee, object): (FunctionRef, &Value),
        filled: &[Option<Bound>],
        arguments: &Arguments,
        range: TextRange,
    ) {
        let Some(session) = query.session.as_ref().and_then(|session| self.operated(session, callee, object, filled))
        else {
            return;
        };
        let mut changes = Vec::new();
        for entry in query.changes.iter() {
            let Value::Param(index) = entry.value else {
                changes.push(entry.clone());
                continue;
            };
            if let Some(Some(bound)) = filled.get(index as usize) {
                let in_sql = matches!(bound.value, Value::Column(..) | Value::Query(_));
                changes.push(Entry { value: bound.value.held(), from: bound.from.clone(), in_sql, ..entry.clone() });
            }
        }
        let found = self.lookup_of(query, callee, object, filled, arguments);
        if found.keys.is_empty() || changes.is_empty() {
            return;
        }
        let query = Arc::new(QueryValue { session: Some(session), changes: changes.into(), ..found });
        self.event(EventKind::Updates { query: Arc::clone(&query), by: Some(callee) }, range);
        self.overwrite(&query, Some(callee), range);
    }
}

/// What callers need to know of an UPDATE statement: by what it finds its rows, and which columns it sets to what.
pub(crate) fn for_callers(query: &QueryValue) -> QueryValue {
    let changes = query.changes.iter().map(|entry| match entry.value {
        Value::Param(_) => Entry { from: Sources::default(), ..entry.clone() },
        _ => Entry {
            value: Value::Unknown,
            from: Sources { other: entry.constant.is_none(), ..Sources::default() },
            ..entry.clone()
        },
    });
    // Rows and variables of the function's own mean nothing to its callers.
    let keys = query.keys.iter().filter(|(_, key)| match key {
        Key::Given(_) => true,
        Key::Field { row, .. } => *row >= super::param_row(u32::from(u8::MAX)),
        Key::Local(..) => false,
    });
    let keys = keys.cloned().collect();
    let mut sought = super::value::Sought { open: query.sought.open, ..super::value::Sought::default() };
    sought.limited = query.sought.limited;
    QueryValue {
        kind: QueryKind::Update,
        session: query.session.clone(),
        filters: query.filters.clone(),
        keys,
        among: query.among,
        sought,
        changes: changes.collect(),
        ..QueryValue::select(query.model)
    }
}
