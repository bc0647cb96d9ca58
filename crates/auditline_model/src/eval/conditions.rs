//! Conditions: what a test says about rows and parameters.

use auditline_syntax::python::ir::{Code, CompareOp, Expr, ExprId, UnaryOp};
use smallvec::SmallVec;

use crate::unit::{Condition, Subject, Test};

use super::paths::negated;
use super::value::{CountSource, Derivation, InstanceOrigin, Looked, RowOrigin, Sources, Tells, Value};
use super::{Bound, Evaluator};

impl Evaluator<'_> {
    /// Evaluates a test and tells the facts that decide it.
    ///
    /// The facts of all operands of `and` and `or` are listed: what matters to rules is which columns decide, and a
    /// state that decides together with something else still decides.
    pub(crate) fn condition(&mut self, code: &Code, test: ExprId) -> Vec<Condition> {
        match &code[test] {
            Expr::Unary { op: UnaryOp::Not, operand } => {
                let mut conditions = self.condition(code, *operand);
                for condition in &mut conditions {
                    condition.holds = !condition.holds;
                }
                conditions
            }
            Expr::BoolOp { values, .. } => values.iter().flat_map(|value| self.condition(code, *value)).collect(),
            Expr::Compare { left, rest } => {
                let mut conditions = Vec::new();
                let mut left_id = *left;
                let mut left = self.expr(code, left_id);
                for (op, right_id) in rest {
                    let right = self.expr(code, *right_id);
                    conditions.extend(self.comparison(code, (left_id, &left), *op, (*right_id, &right)));
                    left = right;
                    left_id = *right_id;
                }
                conditions
            }
            Expr::Named { value, .. } => {
                let value_id = *value;
                let bound = self.expr(code, test);
                let mut conditions = self.truth(&bound);
                if conditions.is_empty() {
                    conditions = match &code[value_id] {
                        Expr::Compare { .. } | Expr::BoolOp { .. } => Vec::new(),
                        _ => conditions,
                    };
                }
                conditions
            }
            Expr::Attribute { value, attr } => {
                let object = self.expr(code, *value);
                if let Some(conditions) = self.own_tests(&object.value, *attr, code.range(test)) {
                    return conditions;
                }
                let bound = self.attribute_of(code, &object, *attr, test);
                self.truth(&bound)
            }
            Expr::Call { func, args } => {
                let bound = self.expr(code, test);
                if let (Expr::Name(name), [value, _]) = (&code[*func], &args[..])
                    && *name == "isinstance"
                {
                    let from = self.bound_again(code, value.value).from;
                    return self.field_conditions(&from, &Test::Class, true);
                }
                // `if order.is_paid():`
                if args.is_empty()
                    && let Expr::Attribute { value, attr } = &code[*func]
                    && let Expr::Name(name) = &code[*value]
                    && let Some(object) = self.environment.get(name).map(|object| object.value.clone())
                    && let Some(conditions) = self.own_tests(&object, *attr, code.range(test))
                {
                    return conditions;
                }
                self.truth(&bound)
            }
            _ => {
                let bound = self.expr(code, test);
                self.truth_of(code, test, &bound)
            }
        }
    }

    /// What it says of an expression that there is something.
    pub(super) fn truth_of(&self, code: &Code, expr: ExprId, bound: &Bound) -> Vec<Condition> {
        match self.named_param(code, expr, bound) {
            Some(index) => self.truth(&Bound::of(Value::Param(index))),
            None => self.truth(bound),
        }
    }

    pub(super) fn truth(&self, bound: &Bound) -> Vec<Condition> {
        let at = self.next_ordinal();
        let keys = bound.from.keys;
        if let Some(keys) = keys.filter(|_| !matches!(bound.value, Value::Row(_))) {
            return vec![self.is_among(keys, true)];
        }
        match &bound.value {
            Value::Row(row) => {
                let found = Condition {
                    subject: Subject::Row { row: row.id },
                    test: Test::Present,
                    holds: true,
                    at,
                    constant: None,
                    // `by_name.get(name)`
                    against: keys.map(|keys| (keys.load, keys.column)).into_iter().collect(),
                };
                // `if not order.invoice:` asks for the row's own key.
                let mut conditions = match row.origin {
                    RowOrigin::Related(_) => self.field_conditions(&bound.from, &Test::Present, true),
                    _ => Vec::new(),
                };
                conditions.push(found);
                return conditions;
            }
            // `if not rows:`
            Value::Many(rows) | Value::Keyed(rows, _) => {
                if let Some(row) = first_row(rows) {
                    return vec![count_condition(row.id, Test::Present, true)];
                }
            }
            // The result row of a statement, or `None`.
            Value::Tuple(_) => {
                if let Some(row) = first_row(&bound.value).filter(|row| matches!(row.origin, RowOrigin::Loaded { .. }))
                {
                    return vec![Condition {
                        subject: Subject::Row { row: row.id },
                        ..count_condition(row.id, Test::Present, true)
                    }];
                }
            }
            Value::Param(index) => return vec![given(*index, at)],
            // `if not unit:` with `unit: Unit | None`.
            Value::Instance(instance) => {
                if let InstanceOrigin::Param(index) = instance.origin {
                    return vec![given(index, at)];
                }
            }
            _ => {}
        }
        let mut conditions: Vec<Condition> = bound.from.counts.iter().map(truth_of_count).collect();
        for field in bound.from.fields.iter().filter(|field| field.how != Derivation::Called) {
            // The outcome of a test that was given a name: `is_open = order.status == "open"`.
            let test = match field.how {
                Derivation::Computed if is_more_than(field.row, &bound.from) => Test::EqualsOther,
                Derivation::Computed => Test::EqualsConstant,
                _ => Test::Present,
            };
            conditions.push(Condition {
                subject: Subject::Field { row: field.row, column: field.column },
                test,
                holds: true,
                at: field.read,
                constant: None,
                against: SmallVec::new(),
            });
        }
        // `if not can_move(order.state, new):`
        conditions.extend(bound.from.looked.iter().filter_map(|looked| {
            let (holds, constant) = looked.answer?;
            Some(looked_at(looked, holds, constant))
        }));
        conditions
    }

    fn comparison(
        &self,
        code: &Code,
        (left_id, left): (ExprId, &Bound),
        op: CompareOp,
        (right_id, right): (ExprId, &Bound),
    ) -> Vec<Condition> {
        // An empty text is nothing, too.
        let is_nothing = |id: ExprId| match &code[id] {
            Expr::None => true,
            Expr::Str(text) => text.is_empty(),
            _ => false,
        };
        let with_none = is_nothing(right_id) || is_nothing(left_id);
        let (subject_id, subject, other_id) =
            if is_nothing(left_id) { (right_id, right, left_id) } else { (left_id, left, right_id) };
        match op {
            CompareOp::Is | CompareOp::IsNot | CompareOp::Eq | CompareOp::NotEq if with_none => {
                let present = matches!(op, CompareOp::IsNot | CompareOp::NotEq);
                let mut conditions = self.truth_of(code, subject_id, subject);
                for condition in &mut conditions {
                    condition.test = Test::Present;
                    condition.holds = present;
                }
                conditions
            }
            // `(await db.scalar(select(exists(…)))) is True`
            CompareOp::Is | CompareOp::IsNot | CompareOp::Eq | CompareOp::NotEq
                if let Some((said, answer)) = compared_answer(code, (left_id, left), (right_id, right)) =>
            {
                let conditions = self.truth(answer);
                if said == matches!(op, CompareOp::Is | CompareOp::Eq) { conditions } else { negated(&conditions) }
            }
            CompareOp::Is | CompareOp::IsNot | CompareOp::Eq | CompareOp::NotEq | CompareOp::In | CompareOp::NotIn => {
                let holds = matches!(op, CompareOp::Is | CompareOp::Eq | CompareOp::In);
                let mut conditions = Vec::new();
                conditions.extend(self.membership(op, right));
                if !left.from.fields.is_empty() {
                    let constant = super::constants::is_constant(code, other_id) || is_only_constants(right);
                    let test = if constant { Test::EqualsConstant } else { Test::EqualsOther };
                    conditions.extend(self.field_conditions(&left.from, &test, holds));
                    read_again(&mut conditions, &right.from);
                    let written = super::constants::constant_name(code, other_id);
                    conditions.iter_mut().for_each(|condition| condition.constant = written);
                }
                if !right.from.fields.is_empty() {
                    let constant = super::constants::is_constant(code, left_id);
                    let test = if constant { Test::EqualsConstant } else { Test::EqualsOther };
                    let mut of_right = self.field_conditions(&right.from, &test, holds);
                    read_again(&mut of_right, &left.from);
                    conditions.extend(of_right);
                }
                // `if new not in ALLOWED[order.state]:`
                let tables = left.from.looked.iter().chain(&right.from.looked).filter(|looked| looked.answer.is_none());
                conditions.extend(tables.map(|looked| looked_at(looked, holds, None)));
                if matches!(op, CompareOp::Eq | CompareOp::NotEq) {
                    conditions.extend(limits(code, (left_id, left), op, (right_id, right)));
                }
                conditions
            }
            CompareOp::Less | CompareOp::LessEq | CompareOp::Greater | CompareOp::GreaterEq => {
                let mut conditions = Vec::new();
                let below = matches!(op, CompareOp::Less | CompareOp::LessEq);
                for (side, other, below) in [(left, right, below), (right, left, !below)] {
                    let mut of_side = self.field_conditions(&side.from, &Test::Order, below);
                    for condition in &mut of_side {
                        condition.against = other.from.fields.iter().map(|field| (field.row, field.column)).collect();
                    }
                    conditions.extend(of_side);
                }
                conditions.extend(limits(code, (left_id, left), op, (right_id, right)));
                conditions
            }
        }
    }

    /// One condition for each column that went into a value.
    pub(crate) fn field_conditions(&self, from: &Sources, test: &Test, holds: bool) -> Vec<Condition> {
        from.fields
            .iter()
            .filter(|field| !matches!(field.how, Derivation::Called | Derivation::Decided))
            .map(|field| Condition {
                subject: Subject::Field { row: field.row, column: field.column },
                test: test.clone(),
                holds,
                at: field.read,
                constant: None,
                against: SmallVec::new(),
            })
            .collect()
    }

    /// Narrows what variables are after `if x is None`, `if not x`, `if x`, `isinstance(x, C)`.
    pub(crate) fn refine(&mut self, code: &Code, test: ExprId, holds: bool) {
        match &code[test] {
            Expr::Unary { op: UnaryOp::Not, operand } => self.refine(code, *operand, !holds),
            Expr::BoolOp { is_and, values } if *is_and == holds => {
                for value in values {
                    self.refine(code, *value, holds);
                }
            }
            Expr::Compare { left, rest } => {
                if let ([(op, right)], Expr::Name(name)) = (rest.as_slice(), &code[*left])
                    && matches!(code[*right], Expr::None)
                {
                    let absent = match op {
                        CompareOp::Is | CompareOp::Eq => holds,
                        CompareOp::IsNot | CompareOp::NotEq => !holds,
                        _ => return,
                    };
                    if absent {
                        self.forget(*name);
                    }
                }
            }
            Expr::Name(name) if !holds => self.forget(*name),
            _ => {}
        }
    }

    fn forget(&mut self, name: auditline_syntax::Name) {
        if let Some(bound) = self.environment.get_mut(&name)
            && matches!(bound.value, Value::Row(_))
        {
            bound.value = Value::None;
        }
    }
}

/// Says of conditions that they compare a column with what a statement has read of it.
fn read_again(conditions: &mut [Condition], other: &Sources) {
    for condition in conditions {
        if let Subject::Field { column, .. } = condition.subject {
            condition.against.extend(other.counts.iter().map(|count| (count.load, column)));
        }
    }
}

/// What it says of a column that what stands under its value in a table, or a function's answer, is as it is asked to be.
fn looked_at(looked: &Looked, holds: bool, constant: Option<auditline_syntax::Name>) -> Condition {
    Condition {
        subject: Subject::Field { row: looked.row, column: looked.column },
        test: Test::EqualsConstant,
        holds,
        at: looked.read,
        constant,
        against: SmallVec::new(),
    }
}

/// The row that a value is, or that stands first in it.
pub(super) fn first_row(value: &Value) -> Option<&std::sync::Arc<super::value::RowValue>> {
    match value {
        Value::Tuple(parts) => parts.first()?.row(),
        value => value.row(),
    }
}

/// `True` or `False`, and the answer about rows that is compared with it.
fn compared_answer<'a>(
    code: &Code,
    (left_id, left): (ExprId, &'a Bound),
    (right_id, right): (ExprId, &'a Bound),
) -> Option<(bool, &'a Bound)> {
    let (said, answer) = match (&code[left_id], &code[right_id]) {
        (_, Expr::Bool(said)) => (*said, left),
        (Expr::Bool(said), _) => (*said, right),
        _ => return None,
    };
    let answers = !answer.from.counts.is_empty() && answer.from.counts.iter().all(|count| count.tells != Tells::Number);
    (answers && answer.value.row().is_none() && answer.from.fields.is_empty()).then_some((said, answer))
}

/// What it says of rows that a value which tells of them is true.
pub(super) fn truth_of_count(count: &CountSource) -> Condition {
    match count.tells {
        Tells::Number => count_condition(count.load, Test::Present, true),
        Tells::Any => count_condition(count.load, Test::Present, !count.falls),
        Tells::Limit => count_condition(count.load, Test::Order, count.falls),
    }
}

pub(super) fn count_condition(load: u32, test: Test, holds: bool) -> Condition {
    Condition { subject: Subject::Count { load }, test, holds, at: load, constant: None, against: SmallVec::new() }
}

/// What a comparison says about numbers of rows: whether they are below a limit, or whether there are any.
fn limits(
    code: &Code,
    (left_id, left): (ExprId, &Bound),
    op: CompareOp,
    (right_id, right): (ExprId, &Bound),
) -> Vec<Condition> {
    let (counts, other, op) = match (left.from.counts.is_empty(), right.from.counts.is_empty()) {
        (false, true) => (&left.from.counts, right_id, op),
        (true, false) => (&right.from.counts, left_id, mirrored(op)),
        _ => return Vec::new(),
    };
    let limit = match &code[other] {
        Expr::Int(limit) => *limit,
        _ => None,
    };
    let any = match (op, limit) {
        (CompareOp::Greater | CompareOp::NotEq, Some(0)) | (CompareOp::GreaterEq, Some(1)) => Some(true),
        (CompareOp::LessEq | CompareOp::Eq, Some(0)) | (CompareOp::Less, Some(1)) => Some(false),
        _ => None,
    };
    let below = match op {
        CompareOp::Less | CompareOp::LessEq | CompareOp::NotEq => true,
        CompareOp::Greater | CompareOp::GreaterEq | CompareOp::Eq => false,
        _ => return Vec::new(),
    };
    counts
        .iter()
        .filter(|count| count.tells == Tells::Number)
        .map(|count| match any {
            Some(any) if !count.falls => count_condition(count.load, Test::Present, any),
            _ => count_condition(count.load, Test::Order, below != count.falls),
        })
        .collect()
}

/// The same comparison, read from the other side.
fn mirrored(op: CompareOp) -> CompareOp {
    match op {
        CompareOp::Less => CompareOp::Greater,
        CompareOp::LessEq => CompareOp::GreaterEq,
        CompareOp::Greater => CompareOp::Less,
        CompareOp::GreaterEq => CompareOp::LessEq,
        same => same,
    }
}

/// Whether more went into a value than columns of that row.
fn is_more_than(row: u32, from: &Sources) -> bool {
    from.other || from.external.is_some() || from.fields.iter().any(|field| field.row != row)
}

fn is_only_constants(bound: &Bound) -> bool {
    bound.from.fields.is_empty() && !bound.from.other && bound.from.external.is_none()
}

/// That a parameter is given.
fn given(index: u32, at: u32) -> Condition {
    Condition {
        subject: Subject::Param(index),
        test: Test::Present,
        holds: true,
        at,
        constant: None,
        against: SmallVec::new(),
    }
}
