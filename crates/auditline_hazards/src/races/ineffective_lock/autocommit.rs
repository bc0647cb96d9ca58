//! A lock outside of a transaction: an engine in autocommit mode ends it with the statement that takes it.

use auditline_model::eval::value::Lock;
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{Db, FunctionRef, classes};

use crate::finding::{Evidence, Place, Severity};
use crate::races::isolation;

use super::{Futile, evidence, write_behind};

pub(super) fn find(db: &dyn Db, of: FunctionRef, unit: &Unit, found: &mut Vec<Futile>) {
    for (ordinal, event) in unit.numbered() {
        let (session, row, model) = match &event.kind {
            EventKind::Load { query, row: Some(row), .. } if query.lock == Lock::Yes => {
                (query.session.as_deref(), *row, query.model)
            }
            EventKind::Refresh { session, row: Some(row), lock: Lock::Yes } => (Some(&**session), row.id, row.model),
            _ => continue,
        };
        let Some((write, column)) = write_behind(unit, ordinal, |written| written.id == row) else { continue };
        let Some(engine) = isolation::autocommits(db, session) else { continue };
        let name = model.map_or("row", |class| classes::simple(class.path));
        let mut proof =
            vec![Evidence { place: Place::Variable(engine), message: "each statement commits by itself".to_owned() }];
        proof.extend(evidence(of, unit, write, format!("`{column}` is written here, when the lock is gone")));
        found.push(Futile {
            at: ordinal,
            severity: Severity::Warning,
            message: format!(
                "`{name}` is locked in autocommit mode: the lock ends with the statement that takes it, before `{column}` is written"
            ),
            evidence: proof,
            steps: vec![
                (0, format!("locks `{name}`; the statement commits, and the lock is gone")),
                (1, format!("locks `{name}`; the statement commits, and the lock is gone")),
                (0, format!("writes `{column}` from what it read")),
                (1, format!("writes `{column}` from what it read")),
            ],
            outcome: "The change of request A is lost, as if there were no lock.".to_owned(),
        });
    }
}
