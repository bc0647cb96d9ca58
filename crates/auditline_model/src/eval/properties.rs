//! Properties and methods of mapped classes that only test the row: `def is_paid(self): return self.status == "paid"`.

use std::sync::Arc;

use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::classes;
use crate::db::{ClassRef, Db, FunctionRef, function};
use crate::unit::{Condition, EventKind, Subject, Test};

use super::Evaluator;
use super::value::Value;

/// What a property says about the row that it is asked of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTest {
    column: Name,
    test: Test,
    holds: bool,
    constant: Option<Name>,
}

/// The tests of a row's own column that a property, or a method without further parameters, consists of.
///
/// A query of its own: its answer is small, and the function's body is not.
#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn tests_of(db: &dyn Db, of: FunctionRef, class: ClassRef) -> Arc<[OwnTest]> {
    let Some(body) = function(db, of) else { return Arc::default() };
    let mut statements = body
        .code
        .block
        .iter()
        .filter(|stmt| !matches!(&stmt.kind, StmtKind::Expr(expr) if matches!(body.code[*expr], Expr::Str(_))));
    let (Some(only), None) = (statements.next(), statements.next()) else { return Arc::default() };
    let StmtKind::Return(Some(value)) = only.kind else { return Arc::default() };
    if body.is_async || body.params.len() != 1 {
        return Arc::default();
    }
    let mut evaluator = Evaluator::new(db, of, Arc::clone(&body), Some(class));
    evaluator.bind_params();
    let Some(Value::Row(own)) =
        body.params.first().and_then(|own| evaluator.environment.get(&own.name)).map(|own| own.value.clone())
    else {
        return Arc::default();
    };
    let conditions = evaluator.condition(&body.code, value);
    // What several columns decide together is no state of one.
    let [condition] = &conditions[..] else { return Arc::default() };
    match condition.subject {
        Subject::Field { row, column } if row == own.id => Arc::new([OwnTest {
            column,
            test: condition.test.clone(),
            holds: condition.holds,
            constant: condition.constant,
        }]),
        _ => Arc::default(),
    }
}

impl Evaluator<'_> {
    /// What `row.is_paid` says about the row, where it is a property that tests a column; `None` for anything else.
    pub(crate) fn own_tests(&mut self, object: &Value, attribute: Name, range: TextRange) -> Option<Vec<Condition>> {
        let Value::Row(row) = object else { return None };
        let class = row.model?;
        let method = classes::method(self.db, class, attribute)?;
        let tests = tests_of(self.db, method, class);
        if tests.is_empty() {
            return None;
        }
        let condition = |test: &OwnTest| {
            let at = self.event(EventKind::Read { row: Arc::clone(row), column: test.column }, range);
            Condition {
                subject: Subject::Field { row: row.id, column: test.column },
                test: test.test.clone(),
                holds: test.holds,
                at,
                constant: test.constant,
                against: SmallVec::new(),
            }
        };
        Some(tests.iter().map(condition).collect())
    }
}
