//! Functions that only test what they are handed, and answer yes or no or raise: `def can_move(old, new): return new in
//! ALLOWED[old]`.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, If, StmtKind};
use smallvec::SmallVec;

use crate::db::{Db, FunctionRef, function};
use crate::unit::{Condition, Subject, Test};

use super::paths::negated;
use super::value::{Derivation, FieldSource, Looked, Sources, Value};
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

impl Evaluator<'_> {
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
