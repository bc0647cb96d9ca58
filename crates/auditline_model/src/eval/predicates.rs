//! Functions that only test what they are handed, and answer yes or no or raise: `def can_move(old, new): return new in
//! ALLOWED[old]`, `def can_take(task): return task.state == "ready"`.

use std::sync::Arc;

use auditline_syntax::python::ir::{Expr, If, Stmt, StmtKind};
use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::{ClassRef, Db, FunctionRef, function};
use crate::unit::{Condition, EventKind, Subject, Test};

use super::paths::negated;
use super::value::{Derivation, FieldSource, Looked, RowOrigin, RowValue, Sources, Value};
use super::{Bound, Evaluator, own_class};

/// The row that a value which is tested is taken for a column of: no event has this number.
const HANDED: u32 = u32::MAX - 2;

/// What a function asks of a value that it is handed: to be equal to a constant, or among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    /// Whether it is so where the function says yes, or lets it pass.
    holds: bool,
    constant: Option<Name>,
    /// Whether it raises in place of a no.
    raises: bool,
}

/// What a function asks of a parameter, where that is all it does.
///
/// A query of its own: its answer is small, and the function's body is not.
#[salsa::tracked(returns(copy), cycle_result = asks_nothing)]
fn asked_of(db: &dyn Db, of: FunctionRef, param: u32) -> Option<Asked> {
    let body = function(db, of)?;
    let param = body.params.get(param as usize)?.name;
    let mut evaluator = Evaluator::new(db, of, Arc::clone(&body), own_class(db, of));
    evaluator.bind_params();
    let field = FieldSource { row: HANDED, column: param, read: 0, how: Derivation::Same };
    let from = Sources { fields: SmallVec::from_iter([field]), ..Sources::default() };
    evaluator.environment.insert(param, Bound { value: Value::Unknown, from });
    let asked = |conditions: &[Condition], raises: bool| {
        let is_it = |condition: &&Condition| {
            condition.test == Test::EqualsConstant
                && matches!(condition.subject, Subject::Field { row: HANDED, column } if column == param)
        };
        let condition = conditions.iter().find(is_it)?;
        Some(Asked { holds: condition.holds, constant: condition.constant, raises })
    };
    for stmt in &body.code.block {
        match &stmt.kind {
            StmtKind::Expr(expr) if matches!(body.code[*expr], Expr::Str(_)) => {}
            StmtKind::Assign { .. } | StmtKind::AnnAssign { .. } => {
                evaluator.stmt(stmt);
            }
            StmtKind::Return(Some(value)) => return asked(&evaluator.condition(&body.code, *value), false),
            StmtKind::If(If { test, body: refused, orelse, .. })
                if orelse.is_empty()
                    && matches!(refused.last().map(|last| &last.kind), Some(StmtKind::Raise { .. })) =>
            {
                let conditions = negated(&evaluator.condition(&body.code, *test));
                if let Some(asked) = asked(&conditions, true) {
                    return Some(asked);
                }
            }
            _ => return None,
        }
    }
    None
}

fn asks_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _param: u32) -> Option<Asked> {
    None
}

/// What the yes of a function says of a column of a row that it is handed: to be equal to a constant, or among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct AskedOfRow {
    column: Name,
    holds: bool,
    constant: Option<Name>,
}

/// What a function that tests a row it is handed says of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Tested {
    /// Where it says yes.
    yes: Vec<AskedOfRow>,
    /// Where it comes back at all: it raises otherwise.
    passed: Vec<AskedOfRow>,
}

/// What a function says of a row of that class that it is handed, where it tests it before all else.
///
/// A query of its own, as [`asked_of`] is.
#[salsa::tracked(returns(clone), cycle_result = asks_nothing_of_row)]
fn asked_of_row(db: &dyn Db, of: FunctionRef, param: u32, model: ClassRef) -> Arc<Tested> {
    let mut passed = Vec::new();
    let yes = tested(db, of, param, model, &mut passed).unwrap_or_default();
    Arc::new(Tested { yes: of_row(&yes), passed: of_row(&passed) })
}

fn asks_nothing_of_row(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _param: u32, _model: ClassRef) -> Arc<Tested> {
    Arc::default()
}

/// What the yes of a function says; `passed` gets what holds where it raises nothing.
fn tested(
    db: &dyn Db,
    of: FunctionRef,
    param: u32,
    model: ClassRef,
    passed: &mut Vec<Condition>,
) -> Option<Vec<Condition>> {
    let body = function(db, of)?;
    let code = &body.code;
    let name = body.params.get(param as usize)?.name;
    let mut evaluator = Evaluator::new(db, of, Arc::clone(&body), own_class(db, of));
    evaluator.bind_params();
    let origin = RowOrigin::Param(param);
    let row = RowValue { id: HANDED, model: Some(model), origin, session: None };
    evaluator.environment.insert(name, Bound::of(Value::Row(Arc::new(row))));
    let mut yes: Vec<Condition> = Vec::new();
    let mut statements = code.block.iter().peekable();
    while let Some(stmt) = statements.next() {
        match &stmt.kind {
            StmtKind::Expr(expr) if matches!(code[*expr], Expr::Str(_)) => {}
            StmtKind::Assign { .. } | StmtKind::AnnAssign { .. } => {
                evaluator.stmt(stmt);
            }
            StmtKind::If(If { test, body: refused, orelse, .. })
                if orelse.is_empty()
                    && matches!(refused.last().map(|last| &last.kind), Some(StmtKind::Raise { .. })) =>
            {
                passed.extend(negated(&evaluator.condition(code, *test)));
            }
            StmtKind::If(If { test, body: answered, orelse, .. }) if orelse.is_empty() => {
                let [Stmt { kind: StmtKind::Return(Some(answer)), .. }] = &answered[..] else { return None };
                let conditions = evaluator.condition(code, *test);
                match &code[*answer] {
                    Expr::Bool(false) => yes.extend(negated(&conditions)),
                    // `if task.state == "ready": return True`, and nothing but a no behind it.
                    Expr::Bool(true) => {
                        let is_last = matches!(statements.peek().map(|next| &next.kind),
                            Some(StmtKind::Return(Some(no))) if matches!(code[*no], Expr::Bool(false)));
                        yes.extend(conditions);
                        return is_last.then_some(yes);
                    }
                    _ => return None,
                }
            }
            StmtKind::Return(Some(value)) => {
                if !matches!(code[*value], Expr::Bool(true)) {
                    yes.extend(evaluator.condition(code, *value));
                }
                return Some(yes);
            }
            _ => return None,
        }
    }
    None
}

/// What conditions say of the row that was handed in.
fn of_row(conditions: &[Condition]) -> Vec<AskedOfRow> {
    let asked = conditions.iter().filter_map(|condition| {
        let Subject::Field { row: HANDED, column } = condition.subject else { return None };
        match condition.test {
            Test::EqualsConstant => Some(AskedOfRow { column, holds: condition.holds, constant: condition.constant }),
            Test::Present => Some(AskedOfRow { column, holds: !condition.holds, constant: Some(Name::new("None")) }),
            _ => None,
        }
    });
    asked.collect()
}

impl Evaluator<'_> {
    /// What the yes of a callee says of the columns of rows that it is handed. What holds behind one that raises is known of
    /// its effect, where that knows the row.
    pub(super) fn asked_of_rows(
        &mut self,
        callee: FunctionRef,
        filled: &[Option<Bound>],
        is_known: bool,
        range: TextRange,
    ) -> Vec<Looked> {
        let mut answers = Vec::new();
        for (index, bound) in (0u32..).zip(filled) {
            let Some(Bound { value: Value::Row(row), .. }) = bound else { continue };
            let Some(model) = row.model else { continue };
            let tested = asked_of_row(self.db, callee, index, model);
            for AskedOfRow { column, holds, constant } in &tested.yes {
                let read = self.event(EventKind::Read { row: Arc::clone(row), column: *column }, range);
                answers.push(Looked { row: row.id, column: *column, read, answer: Some((*holds, *constant)) });
            }
            for AskedOfRow { column, holds, constant } in tested.passed.iter().filter(|_| !is_known) {
                let at = self.event(EventKind::Read { row: Arc::clone(row), column: *column }, range);
                let subject = Subject::Field { row: row.id, column: *column };
                let (holds, constant) = (*holds, *constant);
                let test = Test::EqualsConstant;
                self.held.push(Condition { subject, test, holds, at, constant, against: SmallVec::new() });
            }
        }
        answers
    }

    /// What a callee asks of the columns of rows that it is handed: one that raises holds it behind the call, of the others the
    /// answer tells.
    pub(super) fn asked_of_arguments(&mut self, callee: FunctionRef, filled: &[Option<Bound>]) -> Vec<Looked> {
        let mut answers = Vec::new();
        for (index, bound) in (0u32..).zip(filled) {
            let Some(Bound { value: Value::Unknown, from }) = bound else { continue };
            let [field] = &from.fields[..] else { continue };
            if !matches!(field.how, Derivation::Same | Derivation::Normalised) {
                continue;
            }
            let Some(Asked { holds, constant, raises }) = asked_of(self.db, callee, index) else { continue };
            let (row, column, read) = (field.row, field.column, field.read);
            if raises {
                let subject = Subject::Field { row, column };
                let test = Test::EqualsConstant;
                self.held.push(Condition { subject, test, holds, at: read, constant, against: SmallVec::new() });
            } else {
                answers.push(Looked { row, column, read, answer: Some((holds, constant)) });
            }
        }
        answers
    }
}
