//! Keys: by what a statement looks for its rows, so that two statements for the same row are seen to be that.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Code, CompareOp, Expr, ExprId};
use smallvec::SmallVec;

use crate::db::ClassRef;
use crate::symbols::Symbol;
use crate::tables::orm_model;

use super::calls::Arguments;
use super::value::{ArgName, Derivation, Key, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// Binds a variable.
    pub(crate) fn bind(&mut self, name: Name, bound: Bound) {
        if let Value::Row(row) = &bound.value
            && !self.unit.named.contains(&row.id)
        {
            self.unit.named.push(row.id);
        }
        *self.bindings.entry(name).or_default() += 1;
        self.environment.insert(name, bound);
    }

    /// What names a value; `expr` is the expression that gave it.
    pub(crate) fn key_of(&self, code: &Code, bound: &Bound, expr: ExprId) -> Option<Key> {
        if let [field] = &bound.from.fields[..]
            && field.how == Derivation::Same
        {
            return Some(Key::Field { row: field.row, column: field.column });
        }
        match (&bound.value, &code[expr]) {
            (Value::Param(_) | Value::Attribute(..), _) => Some(Key::Given(bound.value.clone())),
            (Value::Unknown, Expr::Name(name)) if self.environment.contains_key(name) => {
                Some(Key::Local(*name, self.bindings.get(name).copied().unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// The columns that a filter wants to be equal to something: `Item.id == item_id`, also as a part of a conjunction.
    pub(crate) fn filter_keys(
        &mut self,
        code: &Code,
        expr: ExprId,
        model: Option<ClassRef>,
        into: &mut SmallVec<[(Name, Key); 1]>,
    ) {
        match &code[expr] {
            Expr::Binary { left, right, op: BinaryOp::BitAnd } => {
                self.filter_keys(code, *left, model, into);
                self.filter_keys(code, *right, model, into);
            }
            Expr::Call { func, args } => {
                let is_and = matches!(self.symbol(code, *func), Symbol::External(path) if path.ends_with(".and_"));
                if is_and {
                    for arg in args {
                        self.filter_keys(code, arg.value, model, into);
                    }
                }
            }
            Expr::Compare { left, rest } => {
                let [(CompareOp::Eq, right)] = rest[..] else { return };
                for (side, other) in [(*left, right), (right, *left)] {
                    if let Some(column) = self.own_column(code, side, model) {
                        let bound = self.bound_again(code, other);
                        into.extend(self.key_of(code, &bound, other).map(|key| (column, key)));
                        return;
                    }
                }
            }
            _ => {}
        }
    }

    /// The column of the model that an expression names: `Item.id`, `col(Item.id)`.
    fn own_column(&self, code: &Code, expr: ExprId, model: Option<ClassRef>) -> Option<Name> {
        match &code[expr] {
            Expr::Attribute { value, attr } => match self.symbol(code, *value) {
                Symbol::Class(class) if model.is_none_or(|model| model == class) => Some(*attr),
                _ => None,
            },
            Expr::Call { func, args } => {
                let is_col = matches!(self.symbol(code, *func), Symbol::External(path) if path.ends_with(".col"));
                let [arg] = &args[..] else { return None };
                is_col.then(|| self.own_column(code, arg.value, model)).flatten()
            }
            _ => None,
        }
    }

    /// The key of `get(Model, key)`, where the model has one column for it; `index` is the position of the argument.
    pub(crate) fn identity_keys(
        &self,
        model: Option<ClassRef>,
        arguments: &Arguments,
        index: u32,
    ) -> SmallVec<[(Name, Key); 1]> {
        let column = model.and_then(|class| orm_model(self.db, class)).and_then(|model| model.key());
        let given = arguments.keys.iter().find_map(|(name, key)| match name {
            ArgName::Position(at) => (*at == index).then(|| key.clone()),
            ArgName::Keyword(name) => matches!(name.as_str(), "ident" | "entity_id").then(|| key.clone()),
        });
        column.zip(given).into_iter().collect()
    }
}
