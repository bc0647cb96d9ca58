//! Parameters that no annotation names and whose attributes the function sets: rows, perhaps. Callers know.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, ExprId, Function, ParamKind, StmtKind};
use auditline_syntax::python::walk_statements;
use rustc_hash::FxHashSet;

use crate::unit::EventKind;

use super::Evaluator;
use super::substitute::handed_row;
use super::value::{Derivation, FieldSource, RowValue, Value};

/// The parameters of a function whose attributes it sets and of which nothing says what they are.
pub(super) fn changed_params(function: &Function) -> FxHashSet<u32> {
    let unnamed = || {
        function.params.iter().zip(0u32..).filter(|(param, index)| {
            let plain = !matches!(param.kind, ParamKind::VarArgs | ParamKind::KwArgs);
            plain && param.annotation.is_none() && param.default.is_none() && (*index > 0 || function.class.is_none())
        })
    };
    if unnamed().next().is_none() {
        return FxHashSet::default();
    }
    let set = attributes_set(&function.code, &function.code.block);
    unnamed().filter(|(param, _)| set.contains(&param.name)).map(|(_, index)| index).collect()
}

/// The names of which a block sets attributes.
fn attributes_set(code: &Code, block: &Block) -> FxHashSet<Name> {
    let mut set = FxHashSet::default();
    let mut add = |target: ExprId| {
        if let Expr::Attribute { value, .. } = &code[target]
            && let Expr::Name(name) = &code[*value]
        {
            set.insert(*name);
        }
    };
    walk_statements(block, &mut |stmt| match &stmt.kind {
        StmtKind::Assign { targets, .. } => targets.iter().copied().for_each(&mut add),
        StmtKind::AugAssign { target, .. } => add(*target),
        _ => {}
    });
    set
}

impl Evaluator<'_> {
    /// The row that a parameter holds where callers hand one in, whose attributes this function sets.
    fn changed_row(&self, object: &Value) -> Option<Arc<RowValue>> {
        match object {
            Value::Param(index) if self.changed.contains(index) => handed_row(object),
            _ => None,
        }
    }

    /// The row of which an attribute of an object is a column, as far as can be told.
    pub(super) fn written_row(&self, object: &Value) -> Option<Arc<RowValue>> {
        object.row().cloned().or_else(|| self.changed_row(object))
    }

    /// Records that an attribute of such a parameter is read.
    pub(super) fn read_of_changed(
        &mut self,
        code: &Code,
        object: &Value,
        attr: Name,
        id: ExprId,
    ) -> Option<FieldSource> {
        let row = self.changed_row(object)?;
        let row_id = row.id;
        let read = self.event(EventKind::Read { row, column: attr }, code.range(id));
        Some(FieldSource { row: row_id, column: attr, read, how: Derivation::Same })
    }
}
