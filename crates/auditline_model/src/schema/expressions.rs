//! Values of expressions.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{BinaryOp, Clause, CompareOp, Expr, ExprId, FStringPart, StmtKind, UnaryOp};
use auditline_syntax::python::{chain, walk_statements};
use rustc_hash::FxHashMap;

use crate::classes::{Detached, detach};
use crate::db::{VariableRef, parsed};
use crate::names::{Scope, canonical};
use crate::symbols::Symbol;

use super::statements::{Frame, MAX_DEPTH, Run, bind};
use super::value::{HOLE, Value};

/// How many items a comprehension makes.
const MAX_ITEMS: usize = 1_000;

impl Run<'_> {
    pub(super) fn eval(&mut self, frame: &mut Frame<'_>, expr: ExprId) -> Value {
        let code = frame.code;
        match &code[expr] {
            Expr::Name(name) => match frame.vars.get(name) {
                Some(value) => value.clone(),
                None => self.named(frame, expr),
            },
            Expr::Attribute { value, attr } => match chain(code, expr) {
                Some(parts) if !frame.vars.contains_key(&parts[0]) => self.named(frame, expr),
                _ => {
                    let object = self.eval(frame, *value);
                    attribute(&object, *attr)
                }
            },
            Expr::Call { .. } => self.call(frame, expr),
            Expr::Str(text) => Value::Text(text.to_string()),
            Expr::FString(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        FStringPart::Text(part) => text.push_str(part),
                        FStringPart::Hole(hole) => text.push_str(&written(&self.eval(frame, *hole))),
                    }
                }
                Value::Text(text)
            }
            Expr::Int(Some(value)) => Value::Int(*value),
            Expr::Bool(value) => Value::Bool(*value),
            Expr::None => Value::None,
            Expr::List(parts) | Expr::Tuple(parts) | Expr::Set(parts) => self.list(frame, parts),
            Expr::Dict(entries) => {
                let mut items = Vec::new();
                for (key, value) in entries {
                    let value = self.eval(frame, *value);
                    match (key, value) {
                        (Some(key), value) => {
                            let key = self.eval(frame, *key);
                            items.push((key, value));
                        }
                        (None, Value::Dict(more)) => items.extend(more),
                        (None, _) => return Value::Unknown,
                    }
                }
                Value::Dict(items)
            }
            Expr::Binary { op: BinaryOp::Add | BinaryOp::BitOr, left, right } => {
                let left = self.eval(frame, *left);
                let right = self.eval(frame, *right);
                sum(left, right)
            }
            Expr::Binary { op: BinaryOp::Mod, left, right } => {
                let left = self.eval(frame, *left);
                let right = self.eval(frame, *right);
                match left {
                    Value::Text(text) => Value::Text(super::calls::percent(&text, &right)),
                    _ => Value::Unknown,
                }
            }
            Expr::Unary { op: UnaryOp::Not, operand } => {
                let value = self.eval(frame, *operand);
                match value.truth() {
                    Some(truth) => Value::Bool(!truth),
                    None => opaque(&[&value]),
                }
            }
            Expr::BoolOp { is_and, values } => self.chained(frame, *is_and, values),
            Expr::Compare { left, rest } => {
                let mut left = self.eval(frame, *left);
                let mut result = Value::Bool(true);
                for (op, right) in rest {
                    let right = self.eval(frame, *right);
                    result = compare(&left, *op, &right);
                    if result != Value::Bool(true) {
                        break;
                    }
                    left = right;
                }
                result
            }
            Expr::Conditional { test, body, orelse } => {
                let test = self.eval(frame, *test);
                match test.truth() {
                    Some(true) => self.eval(frame, *body),
                    Some(false) => self.eval(frame, *orelse),
                    None => {
                        let (one, two) = (self.eval(frame, *body), self.eval(frame, *orelse));
                        if one == two { one } else { opaque(&[&test]) }
                    }
                }
            }
            Expr::Comprehension { element, clauses, .. } => self.comprehension(frame, *element, clauses),
            Expr::Subscript { value, index } => {
                let object = self.eval(frame, *value);
                let index = self.eval(frame, *index);
                item(&object, &index)
            }
            Expr::Named { target, value } => {
                let value = self.eval(frame, *value);
                frame.vars.insert(*target, value.clone());
                value
            }
            Expr::Await(inner) => self.eval(frame, *inner),
            _ => Value::Unknown,
        }
    }

    fn list(&mut self, frame: &mut Frame<'_>, parts: &[ExprId]) -> Value {
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            match &frame.code[*part] {
                Expr::Starred(inner) => match self.eval(frame, *inner) {
                    Value::List(more) => items.extend(more),
                    value => return opaque(&[&value]),
                },
                _ => items.push(self.eval(frame, *part)),
            }
        }
        Value::List(items)
    }

    fn chained(&mut self, frame: &mut Frame<'_>, is_and: bool, values: &[ExprId]) -> Value {
        let mut untold: Option<Value> = None;
        let mut last = Value::Unknown;
        for value in values {
            last = self.eval(frame, *value);
            match last.truth() {
                Some(truth) if truth != is_and => {
                    return if untold.is_none() || !truth { last } else { Value::Bool(truth) };
                }
                Some(_) => {}
                None => {
                    let known = untold.take();
                    untold = Some(opaque(&[&last, known.as_ref().unwrap_or(&Value::Unknown)]));
                }
            }
        }
        untold.unwrap_or(last)
    }

    fn comprehension(&mut self, frame: &mut Frame<'_>, element: ExprId, clauses: &[Clause]) -> Value {
        let before = frame.vars.clone();
        let mut found = Vec::new();
        let told = self.clauses(frame, element, clauses, &mut found);
        frame.vars = before;
        match told {
            Ok(()) if matches!(frame.code[element], Expr::Dict(_)) => {
                let entries = found.into_iter().flat_map(|one| match one {
                    Value::Dict(entries) => entries,
                    _ => Vec::new(),
                });
                Value::Dict(entries.collect())
            }
            Ok(()) => Value::List(found),
            Err(value) => value,
        }
    }

    fn clauses(
        &mut self,
        frame: &mut Frame<'_>,
        element: ExprId,
        clauses: &[Clause],
        found: &mut Vec<Value>,
    ) -> Result<(), Value> {
        let Some((clause, rest)) = clauses.split_first() else {
            if found.len() >= MAX_ITEMS {
                return Err(Value::Unknown);
            }
            let value = self.eval(frame, element);
            found.push(value);
            return Ok(());
        };
        let items = match self.eval(frame, clause.iter) {
            Value::List(items) => items,
            Value::Dict(entries) => entries.into_iter().map(|(key, _)| key).collect(),
            value => return Err(opaque(&[&value])),
        };
        for item in items {
            bind(frame, clause.target, &item);
            let mut holds = true;
            for condition in &clause.conditions {
                let value = self.eval(frame, *condition);
                match value.truth() {
                    Some(truth) => holds &= truth,
                    None => return Err(opaque(&[&value])),
                }
            }
            if holds {
                self.clauses(frame, element, rest, found)?;
            }
        }
        Ok(())
    }

    /// What a name or chain of names means that is no local variable.
    fn named(&mut self, frame: &Frame<'_>, expr: ExprId) -> Value {
        let detached = detach(self.db, frame.scope, frame.code, expr);
        let Detached::Path { symbol, base: (base, ref rest), .. } = detached else { return Value::Unknown };
        match symbol {
            Symbol::External(path) => match canonical(path).as_str() {
                "alembic.op" => Value::Op,
                "alembic.context" => Value::Bind,
                _ => Value::Declared(detached),
            },
            Symbol::Function(function) => Value::Function(function),
            Symbol::Variable(variable) => self.global(variable),
            Symbol::Class(_) => Value::Declared(detached),
            _ => match base {
                Symbol::External(path) if canonical(path) == *"alembic.context" => Value::Bind,
                Symbol::Variable(variable) if !rest.is_empty() => {
                    let mut value = self.global(variable);
                    for part in rest.split('.') {
                        value = attribute(&value, Name::new(part));
                    }
                    value
                }
                Symbol::Class(_) => Value::Declared(detached),
                _ => Value::Unknown,
            },
        }
    }

    /// The value of a variable at module level: its last assignment there.
    fn global(&mut self, variable: VariableRef) -> Value {
        if let Some(value) = self.globals.get(&variable) {
            return value.clone();
        }
        // Looked at while it is evaluated, it is not known yet.
        self.globals.insert(variable, Value::Unknown);
        let parsed = parsed(self.db, variable.file);
        let code = &parsed.module.code;
        let mut assigned = None;
        let mut count = 0;
        walk_statements(&code.block, &mut |stmt| {
            let (target, value) = match &stmt.kind {
                StmtKind::Assign { targets, value } => (targets.first().copied(), Some(*value)),
                StmtKind::AnnAssign { target, value, .. } => (Some(*target), *value),
                StmtKind::AugAssign { target, .. } => (Some(*target), None),
                _ => return,
            };
            if target.is_some_and(|target| matches!(&code[target], Expr::Name(name) if *name == variable.name)) {
                count += 1;
                assigned = value;
            }
        });
        let value = match assigned {
            Some(expr) if count == 1 && self.depth < MAX_DEPTH => {
                let scope = Scope::Module(variable.file);
                let mut frame = Frame { scope, code, vars: FxHashMap::default(), ended: Vec::new() };
                self.depth += 1;
                let value = self.eval(&mut frame, expr);
                self.depth -= 1;
                value
            }
            _ => Value::Unknown,
        };
        self.globals.insert(variable, value.clone());
        value
    }
}

/// What cannot be told, and whether it comes from a look at the schema.
pub(super) fn opaque(from: &[&Value]) -> Value {
    if from.iter().any(|value| matches!(value, Value::Inspected)) { Value::Inspected } else { Value::Unknown }
}

/// How a value is written into a text.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Int(value) => value.to_string(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        _ => HOLE.to_owned(),
    }
}

pub(super) fn sum(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => Value::Text(left + &right),
        (Value::Text(text), other) => Value::Text(text + &written(&other)),
        (other, Value::Text(text)) => Value::Text(written(&other) + &text),
        (Value::List(mut left), Value::List(right)) => {
            left.extend(right);
            Value::List(left)
        }
        (Value::Dict(mut left), Value::Dict(right)) => {
            left.extend(right);
            Value::Dict(left)
        }
        (left, right) => opaque(&[&left, &right]),
    }
}

fn compare(left: &Value, op: CompareOp, right: &Value) -> Value {
    let told = match op {
        CompareOp::Eq | CompareOp::NotEq | CompareOp::Is | CompareOp::IsNot => {
            let differ = std::mem::discriminant(left) != std::mem::discriminant(right);
            let is_object = |value: &Value| matches!(value, Value::Bind | Value::Op | Value::Inspector);
            if left.is_told() && right.is_told() {
                Some(left == right)
            } else if differ && (is_object(left) && *right == Value::None || is_object(right) && *left == Value::None) {
                Some(false)
            } else {
                None
            }
        }
        CompareOp::In | CompareOp::NotIn => match right {
            Value::List(items) if left.is_told() && items.iter().all(Value::is_told) => Some(items.contains(left)),
            Value::Dict(entries) if left.is_told() && entries.iter().all(|(key, _)| key.is_told()) => {
                Some(entries.iter().any(|(key, _)| key == left))
            }
            Value::Text(text) if right.is_told() => match left {
                Value::Text(part) if left.is_told() => Some(text.contains(part.as_str())),
                _ => None,
            },
            _ => None,
        },
        _ => match (left, right) {
            (Value::Int(left), Value::Int(right)) => Some(match op {
                CompareOp::Less => left < right,
                CompareOp::LessEq => left <= right,
                CompareOp::Greater => left > right,
                _ => left >= right,
            }),
            _ => None,
        },
    };
    match told {
        Some(holds) => Value::Bool(holds != matches!(op, CompareOp::NotEq | CompareOp::IsNot | CompareOp::NotIn)),
        None => opaque(&[left, right]),
    }
}

fn item(object: &Value, index: &Value) -> Value {
    match (object, index) {
        (Value::List(items), Value::Int(at)) => {
            let at = if *at < 0 { i64::try_from(items.len()).unwrap_or(0) + at } else { *at };
            usize::try_from(at).ok().and_then(|at| items.get(at)).cloned().unwrap_or(Value::Unknown)
        }
        (Value::Dict(entries), key) if key.is_told() => {
            entries.iter().rev().find(|(own, _)| own == key).map_or(Value::Unknown, |(_, value)| value.clone())
        }
        _ => opaque(&[object]),
    }
}

/// `value.attr`
pub(super) fn attribute(object: &Value, attr: Name) -> Value {
    match object {
        // The databases that are meant first are those of PostgreSQL.
        Value::Bind if matches!(attr.as_str(), "name" | "url") => Value::Text("postgresql".to_owned()),
        Value::Bind => match attr.as_str() {
            "dialect" | "engine" | "bind" | "connection" | "impl" => Value::Bind,
            _ => Value::Unknown,
        },
        Value::Declared(detached) if attr == "name" && name_of(detached).is_some() => {
            name_of(detached).map_or(Value::Unknown, |name| Value::Text(name.as_str().to_owned()))
        }
        Value::Declared(detached) => Value::Declared(Detached::Attribute { value: Box::new(detached.clone()), attr }),
        other => opaque(&[other]),
    }
}

/// The name that a declaration gives: that of `Column("total", …)`, of `Enum(…, name="state")`.
fn name_of(declared: &Detached) -> Option<Name> {
    let (func, _) = declared.call()?;
    let first = || declared.positional().next().filter(|_| func.last_name().is_some_and(|name| name == "Column"));
    declared.keyword("name").or_else(first).and_then(Detached::text)
}
