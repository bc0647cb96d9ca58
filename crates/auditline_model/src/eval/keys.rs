//! Keys: by what a statement looks for its rows, so that two statements for the same row are seen to be that.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Code, CompareOp, Expr, ExprId, StmtKind};
use auditline_syntax::python::walk_statements;
use smallvec::SmallVec;

use crate::db::ClassRef;
use crate::symbols::Symbol;
use crate::tables::orm_model;
use crate::unit::EventKind;

use super::calls::Arguments;
use super::value::{ArgName, Derivation, Key, QueryKind, Value};
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

    /// The parameter that a variable holds as the caller has filled it, where the value is one of a library's class and says
    /// nothing more: `owner_id: UUID | None`.
    pub(crate) fn named_param(&self, code: &Code, expr: ExprId, bound: &Bound) -> Option<u32> {
        let (Expr::Name(name), Value::Made(_)) = (&code[expr], &bound.value) else { return None };
        if self.bindings.contains_key(name) {
            return None;
        }
        let index = self.function.params.iter().position(|param| param.name == *name)?;
        u32::try_from(index).ok()
    }

    /// What names a value; `expr` is the expression that gave it.
    pub(crate) fn key_of(&self, code: &Code, bound: &Bound, expr: ExprId) -> Option<Key> {
        if let [field] = &bound.from.fields[..]
            && field.how == Derivation::Same
        {
            return Some(Key::Field { row: field.row, column: field.column });
        }
        if let Some(index) = self.named_param(code, expr, bound) {
            return Some(Key::Given(Value::Param(index)));
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

    /// The column of another mapped class that a condition wants to be equal to something which is no column.
    pub(crate) fn column_of_other(&self, code: &Code, expr: ExprId, model: ClassRef) -> Option<(ClassRef, Name)> {
        let Expr::Compare { left, rest } = &code[expr] else { return None };
        let [(CompareOp::Eq, right)] = rest[..] else { return None };
        let column = |side: ExprId| match &code[side] {
            Expr::Attribute { value, attr } => match self.symbol(code, *value) {
                Symbol::Class(class) => Some((class, *attr)),
                _ => None,
            },
            _ => None,
        };
        match (column(*left), column(right)) {
            (Some(found), None) | (None, Some(found)) if found.0 != model => Some(found),
            _ => None,
        }
    }

    /// The column of the model that an expression names: `Item.id`, `col(Item.id)`.
    pub(super) fn own_column(&self, code: &Code, expr: ExprId, model: Option<ClassRef>) -> Option<Name> {
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

    /// Records that a statement is built and nothing executes it: it stands alone, or is bound to a variable that nothing
    /// else in the function names.
    pub(crate) fn unused(&mut self, code: &Code, value: &Value, expr: ExprId, bound_to: Option<Name>) {
        let Value::Query(query) = value else { return };
        if query.execution.is_some() || query.kind == QueryKind::Text {
            return;
        }
        if let Some(name) = bound_to {
            let named = code.exprs.iter().filter(|expr| matches!(expr, Expr::Name(other) if *other == name)).count();
            let mut holds_functions = false;
            walk_statements(&code.block, &mut |stmt| {
                holds_functions |= matches!(stmt.kind, StmtKind::Function { .. } | StmtKind::Global(_));
            });
            if named > 1 || holds_functions || code.exprs.iter().any(|expr| matches!(expr, Expr::Lambda { .. })) {
                return;
            }
        }
        self.event(EventKind::Unused(Arc::clone(query)), code.range(expr));
    }

    /// Records what the variable of a loop stands for, where the values are written out: `sorted({one, two})`.
    pub(crate) fn members(&mut self, code: &Code, target: ExprId, iter: ExprId) {
        let Expr::Name(name) = &code[target] else { return };
        let mut values = iter;
        while let Expr::Call { func, args } = &code[values] {
            let (Expr::Name(function), Some(first)) = (&code[*func], args.first()) else { return };
            if !matches!(function.as_str(), "sorted" | "set" | "list" | "tuple" | "frozenset") {
                return;
            }
            values = first.value;
        }
        let (Expr::Set(items) | Expr::List(items) | Expr::Tuple(items)) = &code[values] else { return };
        let mut keys = Vec::new();
        for item in items {
            let bound = self.bound_again(code, *item);
            keys.extend(self.key_of(code, &bound, *item));
        }
        let key = Key::Local(*name, self.bindings.get(name).copied().unwrap_or_default());
        self.unit.members.push((key, keys));
    }

    /// Whether what a loop goes through is a parameter or an attribute of something, and nothing in the function sorts.
    pub(crate) fn comes_as_given(&self, code: &Code, iter: ExprId) -> bool {
        let given = match &code[iter] {
            Expr::Name(name) => self.function.params.iter().any(|param| param.name == *name),
            Expr::Attribute { .. } => auditline_syntax::python::dotted(code, iter).is_some(),
            _ => false,
        };
        let sorts = |expr: &Expr| match expr {
            Expr::Name(name) => *name == "sorted",
            Expr::Attribute { attr, .. } => matches!(attr.as_str(), "sort" | "sorted"),
            _ => false,
        };
        given && !code.exprs.iter().any(sorts)
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
