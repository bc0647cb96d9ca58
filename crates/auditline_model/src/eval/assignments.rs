//! Assignments: what a name, an attribute or an entry holds from there on.

use std::sync::Arc;

use auditline_syntax::python::ir::{BinaryOp, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::symbols::Symbol;
use crate::unit::EventKind;

use super::constants::{constant_name, is_constant};
use super::value::{Derivation, Sources, Spot, Step, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// What the annotation of a variable says of a value, where more is not known of it: `repo: ItemRepo = app.state.repo`.
    pub(super) fn annotated(&mut self, code: &Code, annotation: ExprId, bound: &mut Bound) {
        if !matches!(bound.value, Value::Unknown | Value::Param(_) | Value::Attribute(..) | Value::Made(_)) {
            return;
        }
        let ty = crate::classes::type_expr(self.db, self.of.file, Some(self.of), code, annotation);
        let said = super::types::value_of_type(self.db, &ty, super::types::Holder::Local);
        match (&bound.value, said) {
            (Value::Unknown, said) => bound.value = said,
            // Who keeps it tells where it comes from.
            (kept @ (Value::Param(_) | Value::Attribute(..)), Value::Session(said)) => {
                let kept = kept.clone();
                let origin = self.origin_by_use(&kept);
                let session = Arc::new(super::value::SessionValue { origin, ..(*said).clone() });
                self.sessions_by_use.insert(kept, Arc::clone(&session));
                bound.value = Value::Session(session);
            }
            (_, said @ (Value::Instance(_) | Value::Session(_) | Value::Factory(_))) => bound.value = said,
            _ => {}
        }
    }

    /// Binds a target to a value; `source` is the expression of the value, where there is one.
    pub(crate) fn assign(&mut self, code: &Code, target: ExprId, bound: &Bound, source: Option<ExprId>) {
        match &code[target] {
            Expr::Name(name) => {
                if self.globals.contains(name) {
                    self.unit.globals.push((*name, bound.value.held()));
                }
                self.bind(*name, bound.clone());
            }
            Expr::Attribute { value, attr } => {
                let object = self.expr(code, *value);
                self.assign_attribute(code, &object.value, *attr, bound, source, code.range(target));
            }
            Expr::Subscript { value, index } => {
                self.expr(code, *index);
                let container = self.expr(code, *value);
                self.in_place_write(&container, self.statement);
                if let Some(source) = source {
                    self.put(code, (*value, *index), bound, source);
                }
                self.kept_under_name(code, (*value, *index), &container.value, bound, code.range(target));
                // `kwargs["session"] = session`
                if let (Expr::Name(keywords), Expr::Str(key)) = (&code[*value], &code[*index])
                    && self.is_keywords(*keywords)
                {
                    self.added_keywords.push((Name::new(key), bound.clone(), self.frame));
                }
            }
            Expr::Tuple(targets) | Expr::List(targets) => {
                let parts = match &bound.value {
                    Value::Tuple(parts) if parts.len() == targets.len() => Some(parts.clone()),
                    _ => None,
                };
                for (index, target) in targets.iter().enumerate() {
                    let value = parts.as_ref().map_or(Value::Unknown, |parts| parts[index].clone());
                    let part = self.fetched_at(bound, index).unwrap_or_else(|| {
                        let mut from = bound.from.clone().called();
                        from.counts.extend(bound.from.within(Spot::At(index)));
                        Bound { value, from }
                    });
                    self.assign(code, *target, &part, None);
                }
            }
            Expr::Starred(inner) => self.assign(code, *inner, &Bound::unknown(), None),
            _ => {}
        }
    }

    /// `app["db"] = SessionLocal()`: a dictionary of the module, or an object that the function is handed, keeps a session; a row
    /// only what is handed.
    fn kept_under_name(
        &mut self,
        code: &Code,
        (container, key): (ExprId, ExprId),
        held: &Value,
        bound: &Bound,
        range: TextRange,
    ) {
        let (Value::Session(_) | Value::Row(_), Expr::Str(key)) = (&bound.value, &code[key]) else { return };
        let is_row = matches!(bound.value, Value::Row(_));
        let object = match &code[container] {
            _ if is_row && !matches!(held, Value::Param(_)) => return,
            Expr::Name(name) if !self.environment.contains_key(name) => match self.symbol(code, container) {
                variable @ Symbol::Variable(_) => Value::Symbol(variable),
                _ => return,
            },
            // The keywords of one call are its own.
            Expr::Name(name) if self.is_keywords(*name) => return,
            _ if matches!(held, Value::Param(_) | Value::Attribute(..) | Value::Made(_)) => held.clone(),
            _ => return,
        };
        self.event(EventKind::Store { object, attribute: Name::new(key), value: bound.value.clone() }, range);
    }

    pub(crate) fn assign_attribute(
        &mut self,
        code: &Code,
        object: &Value,
        attribute: Name,
        bound: &Bound,
        source: Option<ExprId>,
        range: TextRange,
    ) {
        if let Some(row) = self.written_row(object) {
            let in_sql = source.is_some_and(|source| self.is_sql_expression(code, source, &bound.value));
            let constant = source
                .filter(|source| is_constant(code, *source))
                .map(|source| constant_name(code, source).unwrap_or_else(|| Name::new("…")));
            self.event(
                EventKind::Write {
                    row,
                    column: attribute,
                    from: bound.from.clone(),
                    step: source.map_or(Step::Unknown, |source| super::steps::assigned(code, attribute, source)),
                    in_sql,
                    in_place: false,
                    constant,
                    by: None,
                },
                range,
            );
        }
        match object {
            Value::Row(_) => {}
            Value::SelfObject => {
                self.unit.self_attributes.push((attribute, bound.value.held()));
                if matches!(bound.value, Value::Session(_)) {
                    self.event(
                        EventKind::Store { object: object.clone(), attribute, value: bound.value.clone() },
                        range,
                    );
                }
            }
            _ => {
                // `request.state.db` is that session from here on.
                if let (Value::Param(_) | Value::Attribute(..), Value::Session(session)) = (object, &bound.value) {
                    let path = Value::Attribute(Box::new(object.clone()), attribute);
                    self.sessions_by_use.insert(path, Arc::clone(session));
                }
                let value = bound.value.held();
                if !matches!(value, Value::Unknown) {
                    self.event(EventKind::Store { object: object.clone(), attribute, value }, range);
                }
            }
        }
    }

    pub(super) fn augmented(&mut self, code: &Code, target: ExprId, op: BinaryOp, value: ExprId) {
        let operand_id = value;
        // `counter_of(day).hits += 1`: the object is asked for once.
        let object = match &code[target] {
            Expr::Attribute { value, .. } => Some(self.expr(code, *value)),
            _ => None,
        };
        let old = match (&object, &code[target]) {
            (Some(object), Expr::Attribute { attr, .. }) => self.attribute_of(code, object, *attr, target),
            _ => self.expr(code, target),
        };
        let operand = self.expr(code, value);
        let in_sql = self.is_sql_expression(code, value, &operand.value);
        let from = old.from.clone().computed().with(&operand.from.clone().computed());
        match &code[target] {
            Expr::Name(name) => {
                let value = match (&old.value, &operand.value) {
                    (Value::Query(_) | Value::Many(_), _) => old.value.clone(),
                    _ => Value::Unknown,
                };
                self.bind(*name, Bound { value, from });
            }
            Expr::Attribute { attr, .. } => {
                let object = object.map(|object| object.value);
                if let Some(row) = object.and_then(|object| self.written_row(&object)) {
                    self.event(
                        EventKind::Write {
                            row,
                            column: *attr,
                            from,
                            step: super::steps::augmented(code, op, operand_id),
                            in_sql,
                            in_place: false,
                            constant: None,
                            by: None,
                        },
                        self.statement,
                    );
                }
            }
            Expr::Subscript { value, .. } => {
                let container = self.expr(code, *value);
                self.in_place_write(&container, self.statement);
            }
            _ => {}
        }
    }

    /// Records that the content of a column was changed in place, where the container is a column's value.
    pub(crate) fn in_place_write(&mut self, container: &Bound, range: TextRange) {
        let field = container.from.fields.iter().find(|field| field.how == Derivation::Same).cloned();
        let Some(field) = field else { return };
        let Some(row) = self.row_of_read(field.read) else { return };
        let mut from = Sources::default();
        from.fields.push(super::value::FieldSource { how: Derivation::Computed, ..field.clone() });
        self.event(
            EventKind::Write {
                row,
                column: field.column,
                from,
                step: Step::Unknown,
                in_sql: false,
                in_place: true,
                constant: None,
                by: None,
            },
            range,
        );
    }

    fn row_of_read(&self, read: u32) -> Option<Arc<super::value::RowValue>> {
        match &self.unit.events.get(read as usize)?.kind {
            EventKind::Read { row, .. } => Some(Arc::clone(row)),
            _ => None,
        }
    }
}
