//! A lock on a row whose related row is changed, which it does not lock.

use auditline_model::eval::value::{Lock, RowOrigin, RowValue};
use auditline_model::tables::{self, orm_model};
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{ClassRef, Db, FunctionRef, classes};

use crate::finding::Severity;
use crate::races::dependence::{Dependence, dependence};
use crate::races::rows;

use super::{Futile, evidence};

pub(super) fn find(db: &dyn Db, of: FunctionRef, unit: &Unit, found: &mut Vec<Futile>) {
    let mut reported: Vec<u32> = Vec::new();
    for (write, event) in unit.numbered() {
        let EventKind::Write { row, column, .. } = &event.kind else { continue };
        let (RowOrigin::Related(_), Some(model)) = (&row.origin, row.model) else { continue };
        let Some(from) = rows::followed(unit, row).and_then(|(parent, _)| parent.model) else { continue };
        let Some((lock, owner)) = rows::root(unit, row).and_then(|root| locked(unit, root.id, write)) else { continue };
        if reported.contains(&lock)
            || !matches!(dependence(db, of, unit, write), Some(Dependence::OwnValue(_)))
            || !shares(db, from, model)
            || is_held(unit, write, row)
            || rows::durable(db, of, unit, write, row).is_none()
        {
            continue;
        }
        reported.push(lock);
        let (owner, name) = (classes::simple(owner.path), classes::simple(model.path));
        found.push(Futile {
            at: lock,
            severity: Severity::Warning,
            message: format!(
                "only `{owner}` is locked here, and `{name}.{column}` is then written from its old value: another `{owner}` of the same `{name}` changes it too"
            ),
            evidence: evidence(of, unit, write, format!("`{name}` is changed here, and nothing has locked it"))
                .into_iter()
                .collect(),
            steps: vec![
                (0, format!("locks its `{owner}`, reads `{name}.{column}` = *v*")),
                (1, format!("locks another `{owner}` of the same `{name}`, reads `{name}.{column}` = *v*")),
                (0, format!("writes a `{column}` made from *v*, commits")),
                (1, format!("writes a `{column}` made from the same *v*, commits")),
            ],
            outcome: "The change of request A is lost, although both took a lock.".to_owned(),
        });
    }
}

/// The lock on the row through which a related one is reached, where it is only on that row.
fn locked(unit: &Unit, parent: u32, write: u32) -> Option<(u32, ClassRef)> {
    let EventKind::Load { query, row: Some(row), .. } = &unit.events.get(parent as usize)?.kind else { return None };
    let only = query.lock == Lock::Yes && (!query.joins || query.locks_own_only);
    (only && *row == parent && unit.can_follow(parent, write)).then_some((parent, query.model?))
}

/// Whether several rows of one class may share one of the other: a foreign key that is not unique leads there.
fn shares(db: &dyn Db, from: ClassRef, to: ClassRef) -> bool {
    let (Some(from), Some(table)) = (orm_model(db, from), tables::table_name(db, to)) else { return false };
    from.columns().any(|(_, column)| {
        !column.unique
            && !column.primary_key
            && column.foreign_key.is_some_and(|key| {
                let mut parts = key.rsplit('.');
                parts.next();
                parts.next().is_some_and(|named| named == table.as_str())
            })
    })
}

/// Whether a lock on the row's table, or one outside of the rows, is held when it is written.
fn is_held(unit: &Unit, write: u32, row: &RowValue) -> bool {
    let mut earlier = unit.events.iter().take(write as usize);
    unit.is_exclusive(write) || earlier.any(|event| event.kind.row_lock().is_some_and(|lock| lock.model == row.model))
}
