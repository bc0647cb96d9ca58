//! Rows that are picked in Python from those that a lookup brought.

use auditline_model::unit::{EventKind, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, function, tables};
use auditline_syntax::python::ir::{Clause, Code, CompareOp, Expr, ExprId};
use auditline_syntax::python::walk_statements;
use auditline_syntax::{Name, TextRange};

use super::Creation;

/// By what a row is picked, besides what the statement asks for.
pub(super) enum Picked {
    /// By these columns, each compared with a value.
    By(Vec<Name>),
    /// By what cannot be told.
    Somehow,
}

/// How the row that was missed was picked from many that the lookup brought:
/// `next((row for row in rows if row.item_id == item_id), None)`.
pub(super) fn picked(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> Option<Picked> {
    let event = |ordinal: u32| unit.events.get(ordinal as usize);
    let (lookup, create) = event(creation.lookup).zip(event(creation.create))?;
    if !matches!(lookup.kind, EventKind::Load { many: true, .. }) {
        return None;
    }
    // `name not in {tag.name for tag in tags}`
    let mut around =
        unit.conditions_around(create.frame).filter(|condition| condition.missed() == Some(creation.lookup));
    if let Some([(_, column)]) =
        around.find_map(|condition| (!condition.against.is_empty()).then_some(&condition.against[..]))
    {
        return Some(Picked::By(vec![*column]));
    }
    let is_tested =
        unit.conditions_around(create.frame).any(|condition| condition.missed_row() == Some(creation.lookup));
    let body = function(db, of).filter(|_| is_tested)?;
    let code = &body.code;
    let brought = names_of(code, lookup.range);
    let clauses = code.exprs.iter().filter_map(|expr| match expr {
        Expr::Comprehension { clauses, .. } => Some(clauses),
        _ => None,
    });
    let own = clauses.flatten().filter(|clause| {
        let rows = clause.iter;
        let is_named = matches!(&code[rows], Expr::Name(name) if brought.contains(name));
        (is_named || code.ranges[rows.index()].contains_range(lookup.range)) && !clause.conditions.is_empty()
    });
    let mut columns: Option<Vec<Name>> = None;
    for clause in own {
        match compared(db, creation.model, code, clause) {
            Some(found) => columns.get_or_insert_default().extend(found),
            None => return Some(Picked::Somehow),
        }
    }
    columns.map(Picked::By)
}

/// The names that what stands at a range is bound to.
fn names_of(code: &Code, range: TextRange) -> Vec<Name> {
    let mut names = Vec::new();
    walk_statements(&code.block, &mut |stmt| {
        if let Some((targets, value)) = stmt.kind.assignment()
            && code.ranges[value.index()].contains_range(range)
        {
            names.extend(targets.iter().filter_map(|target| match code[*target] {
                Expr::Name(name) => Some(name),
                _ => None,
            }));
        }
    });
    names
}

/// The columns of the loop variable that the conditions compare with values; nothing if they ask for anything else.
fn compared(db: &dyn Db, model: ClassRef, code: &Code, clause: &Clause) -> Option<Vec<Name>> {
    let Expr::Name(row) = code[clause.target] else { return None };
    let table = tables::orm_model(db, model)?;
    let column = |expr: ExprId| match &code[expr] {
        Expr::Attribute { value, attr } => {
            let is_own = matches!(&code[*value], Expr::Name(name) if *name == row);
            (is_own && table.column(*attr).is_some()).then_some(*attr)
        }
        _ => None,
    };
    let mut open = clause.conditions.clone();
    let mut columns = Vec::new();
    while let Some(condition) = open.pop() {
        match &code[condition] {
            Expr::BoolOp { is_and: true, values } => open.extend(values),
            Expr::Compare { left, rest } => match rest[..] {
                [(CompareOp::Eq, right)] => columns.push(column(*left).or_else(|| column(right))?),
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(columns)
}
