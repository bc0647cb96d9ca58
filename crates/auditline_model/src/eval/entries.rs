//! Attributes that are set by their names: `setattr(row, name, value)`, for each entry of a dictionary.

use std::sync::Arc;

use auditline_syntax::python::ir::{Arg, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

use crate::db::FunctionRef;
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::EventKind;

use super::calls::Arguments;
use super::constants::{constant_name, is_constant};
use super::substitute::handed_row;
use super::value::{Derivation, Entry, FieldSource, RowOrigin, RowValue, Sources, Spot, Value};
use super::{Bound, Evaluator};

/// The most entries that are followed: more than a person writes out, and a bound for generated tables.
const MOST: usize = 64;

impl Evaluator<'_> {
    /// A dictionary that is written out: what it holds under which name.
    pub(crate) fn dict(&mut self, code: &Code, entries: &[(Option<ExprId>, ExprId)]) -> Bound {
        let mut from = Sources::default();
        let mut held = Vec::new();
        let under = self.overlaid(code, entries);
        for (key, value) in entries {
            if let Some(key) = key {
                self.expr(code, *key);
            }
            let bound = self.expr(code, *value);
            let part = bound.from.clone();
            from = from.with(&if under == Some(*value) { part.overlaid() } else { part.gathered() });
            if let Some(Expr::Str(name)) = key.map(|key| &code[key]) {
                from.within.extend(bound.from.standing(Spot::Named(Name::new(name))));
            }
            match (key.map(|key| &code[key]), &bound.value) {
                (Some(Expr::Str(name)), _) => held.push(self.entry(code, Name::new(name), &bound, *value)),
                // `{Item.stock: …}`
                (Some(Expr::Attribute { value: owner, attr }), _) if matches!(self.symbol(code, *owner), Symbol::Class(class) if orm_model(self.db, class).is_some()) =>
                {
                    held.push(self.entry(code, *attr, &bound, *value));
                }
                (None, Value::Dict(inner)) => held.extend(inner.iter().cloned()),
                _ => {}
            }
        }
        let value = if held.len() > MOST { Value::Unknown } else { Value::Dict(held.into()) };
        Bound { value, from }
    }

    /// What the others are laid over, where all of them stand under keys that are always the same: `{**old, "mode": mode}`.
    fn overlaid(&self, code: &Code, entries: &[(Option<ExprId>, ExprId)]) -> Option<ExprId> {
        let [(None, under), over @ ..] = entries else { return None };
        let is_fixed = |(key, value): &(Option<ExprId>, ExprId)| match (key, &code[*value]) {
            (Some(key), _) => matches!(code[*key], Expr::Str(_)),
            // A dictionary that was written out, and is named for nothing else.
            (None, Expr::Name(name)) => {
                let is_known = matches!(self.environment.get(name), Some(Bound { value: Value::Dict(held), .. }) if !held.is_empty());
                is_known
                    && code.exprs.iter().filter(|expr| matches!(expr, Expr::Name(other) if other == name)).count() == 2
            }
            _ => false,
        };
        over.iter().all(is_fixed).then_some(*under)
    }

    pub(super) fn entry(&self, code: &Code, name: Name, bound: &Bound, source: ExprId) -> Entry {
        let constant = is_constant(code, source).then(|| constant_name(code, source).unwrap_or_else(|| Name::new("…")));
        Entry {
            name,
            value: bound.value.held(),
            from: bound.from.clone(),
            in_sql: self.is_sql_expression(code, source, &bound.value),
            constant,
        }
    }

    /// `changes["status"] = "paid"`, where `changes` is a dictionary that was written out.
    pub(crate) fn put(&mut self, code: &Code, (container, key): (ExprId, ExprId), bound: &Bound, source: ExprId) {
        let (Expr::Name(variable), Expr::Str(key)) = (&code[container], &code[key]) else { return };
        let entry = self.entry(code, Name::new(key), bound, source);
        self.extend(*variable, vec![entry]);
    }

    fn extend(&mut self, variable: Name, added: Vec<Entry>) {
        let Some(Bound { value: Value::Dict(held), .. }) = self.environment.get_mut(&variable) else { return };
        if held.len() + added.len() <= MOST {
            *held = held.iter().cloned().chain(added).collect();
        }
    }

    /// A method of a dictionary that is written out.
    pub(crate) fn dict_method(
        &mut self,
        code: &Code,
        (object, receiver): (&Bound, ExprId),
        method: Name,
        arguments: &Arguments,
    ) -> Bound {
        let from = object.from.clone().computed().with(&arguments.computed()).with(&arguments.key_of(method));
        let value = match method.as_str() {
            "items" | "keys" => Value::Attribute(Box::new(object.value.clone()), method),
            "copy" => object.value.clone(),
            "update" => {
                if let (Expr::Name(variable), Value::Dict(added)) = (&code[receiver], arguments.first()) {
                    self.extend(*variable, added.to_vec());
                }
                Value::None
            }
            _ => Value::Unknown,
        };
        Bound { value, from: Sources { other: true, ..from } }
    }

    /// `getattr(row, name)`: what a column holds, also where only a variable says which one.
    pub(crate) fn read_by_name(
        &mut self,
        code: &Code,
        row: &Arc<RowValue>,
        args: &[Arg],
        range: TextRange,
    ) -> Option<Bound> {
        let column = match &code[args.get(1)?.value] {
            Expr::Str(name) => {
                let name = Name::new(name);
                let model = orm_model(self.db, row.model?)?;
                model.column(name).map(|_| name)?
            }
            Expr::Name(variable) => named_by(*variable),
            _ => return None,
        };
        let read = self.event(EventKind::Read { row: Arc::clone(row), column }, range);
        let mut from = Sources { other: args.len() > 2, ..Sources::default() };
        from.fields.push(FieldSource { row: row.id, column, read, how: Derivation::Same });
        Some(Bound { value: Value::Unknown, from })
    }

    /// `setattr(object, name, value)`.
    pub(crate) fn set_by_name(&mut self, code: &Code, object: &Value, args: &[Arg], arguments: &Arguments) -> Bound {
        if let [_, name, value] = args
            && let (Some(key), Some(bound)) = (arguments.position(1), arguments.position(2))
        {
            // `for name in known: if name in changes: setattr(row, name, changes[name])`
            let looked_up = match (&code[name.value], &code[value.value]) {
                (Expr::Name(key), Expr::Subscript { value: entries, index }) => {
                    match (&code[*entries], &code[*index]) {
                        (Expr::Name(entries), Expr::Name(index)) if index == key => {
                            self.environment.get(entries).and_then(|bound| entries_of(&bound.value))
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            match (&code[name.value], &key.value, handed_row(object)) {
                (_, _, Some(row)) if let Some(entries) = looked_up => {
                    self.set_each(&row, &entries, None, self.statement);
                }
                (Expr::Str(name), _, Some(_)) if matches!(object, Value::Row(_)) => {
                    let (name, bound) = (Name::new(name), bound.clone());
                    self.assign_attribute(code, object, name, &bound, Some(value.value), self.statement);
                }
                // `setattr(row, name, getattr(row, name) + 1)`
                (Expr::Name(variable), _, Some(row))
                    if matches!(object, Value::Row(_))
                        && bound
                            .from
                            .fields
                            .iter()
                            .any(|field| field.row == row.id && field.column == named_by(*variable)) =>
                {
                    let (name, bound) = (named_by(*variable), bound.clone());
                    self.assign_attribute(code, object, name, &bound, Some(value.value), self.statement);
                }
                (_, Value::KeyOf(entries), Some(row)) => {
                    let entries = (**entries).clone();
                    self.set_each(&row, &entries, None, self.statement);
                }
                _ => {}
            }
        }
        Bound::constant(Value::None)
    }

    /// Records that each entry of a dictionary is set on a row by its name; `by` is the callee that does it.
    pub(crate) fn set_each(&mut self, row: &Arc<RowValue>, entries: &Value, by: Option<FunctionRef>, range: TextRange) {
        match entries {
            Value::Dict(entries) => {
                for entry in entries.iter() {
                    let event = EventKind::Write {
                        row: Arc::clone(row),
                        column: entry.name,
                        from: entry.from.clone(),
                        step: super::value::Step::Unknown,
                        in_sql: entry.in_sql,
                        in_place: false,
                        constant: entry.constant,
                        by,
                    };
                    self.event(event, range);
                }
            }
            Value::Param(entries) if matches!(row.origin, RowOrigin::Param(_) | RowOrigin::SelfRow) => {
                self.event(EventKind::SetEach { row: Arc::clone(row), entries: *entries }, range);
            }
            _ => {}
        }
    }

    /// What iterating over the entries or names of a dictionary gives; `None` for anything else.
    pub(crate) fn entry_of(&self, iterated: &Bound) -> Option<Bound> {
        let key = |entries: &Value| Value::KeyOf(Box::new(entries.clone()));
        let value = match &iterated.value {
            Value::Attribute(entries, method) => match (method.as_str(), &**entries) {
                ("items", entries) => Value::Tuple(vec![key(&entries_of(entries)?), Value::Unknown]),
                ("keys", entries) => key(&entries_of(entries)?),
                _ => key(&entries_of(&iterated.value)?),
            },
            Value::Dict(_) => key(&iterated.value),
            _ => return None,
        };
        let mut from = iterated.from.clone().computed();
        from.fields.iter_mut().for_each(|field| field.how = Derivation::Computed);
        Some(Bound { value, from })
    }
}

/// The column that a variable names.
fn named_by(variable: Name) -> Name {
    Name::new(&format!("[{variable}]"))
}

/// The dictionary in a value: one that is written out, one that was handed in, or what a schema that was handed in makes of
/// itself, which callers may as well replace by a dictionary.
fn entries_of(value: &Value) -> Option<Value> {
    match value {
        Value::Dict(_) | Value::Param(_) => Some(value.clone()),
        Value::Attribute(schema, method) if dumps(method) => match &**schema {
            Value::Param(index) => Some(Value::Param(*index)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a method gives what an object holds by its names: Pydantic's `model_dump()` and `dict()`, a dictionary's `copy()`.
pub(crate) fn dumps(method: &str) -> bool {
    matches!(method, "model_dump" | "dict" | "copy")
}

impl Value {
    /// The value as others see it: what a dictionary holds is followed only while the function that writes it out is
    /// walked.
    pub(crate) fn held(&self) -> Self {
        match self {
            Self::Dict(_) | Self::KeyOf(_) => Self::Unknown,
            Self::Attribute(inner, name) => match inner.held() {
                Self::Unknown => Self::Unknown,
                inner => Self::Attribute(Box::new(inner), *name),
            },
            Self::Many(inner) => Self::Many(Box::new(inner.held())),
            Self::Keyed(inner, by) => Self::Keyed(Box::new(inner.held()), *by),
            Self::Tuple(values) => Self::Tuple(values.iter().map(Self::held).collect()),
            other => other.clone(),
        }
    }
}
