//! Statements that are executed, and what comes of it.

use std::sync::Arc;

use auditline_syntax::python::ir::{Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::unit::{EventKind, LoadForm, LockScope};

use super::queries::handed_in;
use super::value::{CountSource, Lock, QueryKind, QueryValue, RowOrigin, RowValue, SessionValue, Tells, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    pub(super) fn executed_columns(
        &mut self,
        query: QueryValue,
        many: bool,
        form: LoadForm,
        range: TextRange,
    ) -> Bound {
        let aggregates = query.aggregates;
        let load =
            self.event(EventKind::Load { query: Arc::new(query), row: None, many, by: None, form, flag: None }, range);
        let mut result = Bound::unknown();
        let tells = if aggregates { Tells::Number } else { Tells::Any };
        result.from.counts.push(CountSource { load, falls: false, tells });
        result
    }

    pub(super) fn load_many(&mut self, mut query: QueryValue, form: LoadForm, range: TextRange) -> Arc<RowValue> {
        let id = self.next_ordinal();
        query.execution = Some(id);
        let row = Arc::new(RowValue {
            id,
            model: query.model,
            origin: RowOrigin::Loaded { lock: query.lock, single: false, by: None },
            session: query.session.clone(),
        });
        self.event(
            EventKind::Load { query: Arc::new(query), row: Some(id), many: true, by: None, form, flag: None },
            range,
        );
        row
    }

    /// `query.all()`
    pub(super) fn load_all(&mut self, query: QueryValue, form: LoadForm, range: TextRange) -> Bound {
        if query.entities && query.width == 1 {
            let row = self.load_many(query, form, range);
            return Bound::of(Value::Many(Box::new(Value::Row(row))));
        }
        if query.entities && query.width > 1 {
            let parts = self.load_beside(query, true, form, range);
            return Bound::of(Value::Many(Box::new(Value::Tuple(parts))));
        }
        self.executed_columns(query, true, form, range)
    }

    /// What is iterated over: a query of a session is executed by that
    /// (<https://docs.sqlalchemy.org/en/20/orm/queryguide/query.html#sqlalchemy.orm.Query>).
    pub(super) fn iterated(&mut self, code: &Code, expr: ExprId) -> Bound {
        let bound = self.expr(code, expr);
        let range = code.range(expr);
        // What a variable holds is locked where it was written.
        let form = match code[expr] {
            Expr::Call { .. } => LoadForm::Chain(range),
            _ => LoadForm::Elsewhere,
        };
        self.executed_by_iterating(bound, form, range)
    }

    /// The same for what was evaluated already.
    pub(super) fn executed_by_iterating(&mut self, bound: Bound, form: LoadForm, range: TextRange) -> Bound {
        match &bound.value {
            Value::Query(query) if query.session.is_some() && query.kind == QueryKind::Select => {
                self.load_all((**query).clone(), form, range)
            }
            _ => bound,
        }
    }

    /// `session.execute(statement)` and its like.
    pub(crate) fn execute(
        &mut self,
        session: &Arc<SessionValue>,
        name: Name,
        statement: &Value,
        form: LoadForm,
        range: TextRange,
    ) -> Bound {
        let mut query = match statement {
            Value::Query(query) => (**query).clone(),
            // What it loads, and whether with a lock, is for the caller to say.
            Value::Param(index) => handed_in(*index, None),
            // A statement that is not understood: it may lock or change anything.
            _ => return Bound::unknown(),
        };
        query.session = Some(Arc::clone(session));
        match query.kind {
            QueryKind::Select => {}
            QueryKind::Text => {
                if query.lock == Lock::Yes {
                    self.event(EventKind::ExternalLock(LockScope::Open), range);
                }
                self.event(EventKind::Execute(Arc::new(query)), range);
                return Bound::unknown();
            }
            QueryKind::Update | QueryKind::Delete | QueryKind::Insert => {
                let query = Arc::new(query);
                self.event(EventKind::Execute(Arc::clone(&query)), range);
                self.overwrite(&query, None, range);
                return Bound::unknown();
            }
        }
        if !query.entities {
            let is_one = name == "scalar";
            let result = self.executed_columns(query, !is_one, form, range);
            return if is_one { self.fetched_one(result, true) } else { result };
        }
        let many = name != "scalar";
        let query = self.loaded(query, many, form, range);
        if !matches!(name.as_str(), "scalar" | "scalars" | "stream_scalars") {
            self.loads_beside(&query, many, range);
        }
        match name.as_str() {
            "scalar" => Bound::of(self.row_from(&query, None, false)),
            // SQLModel's gives what there is one of alone.
            "exec" if query.width > 1 => Bound::of(Value::Executed(query, false)),
            "scalars" | "stream_scalars" | "exec" => Bound::of(Value::Executed(query, true)),
            _ => Bound::of(Value::Executed(query, false)),
        }
    }

    /// A method of a result.
    pub(crate) fn executed_method(
        &mut self,
        query: &Arc<QueryValue>,
        scalars: bool,
        name: Name,
        _range: TextRange,
    ) -> Bound {
        match name.as_str() {
            "scalars" => Bound::of(Value::Executed(Arc::clone(query), true)),
            "unique" | "yield_per" | "columns" | "freeze" | "tuples" => {
                Bound::of(Value::Executed(Arc::clone(query), scalars))
            }
            "scalar" | "scalar_one" | "scalar_one_or_none" => {
                self.mark_single(query);
                Bound::of(self.row_from(query, query.execution, false))
            }
            "first" | "one" | "one_or_none" | "fetchone" => {
                self.mark_single(query);
                Bound::of(if scalars {
                    self.row_from(query, query.execution, false)
                } else {
                    Value::Tuple(self.result_row(query, false))
                })
            }
            "all" | "fetchall" | "partitions" | "fetchmany" => {
                let element = if scalars {
                    self.row_from(query, query.execution, true)
                } else {
                    Value::Tuple(self.result_row(query, true))
                };
                Bound::of(Value::Many(Box::new(element)))
            }
            _ => Bound::unknown(),
        }
    }
}
