//! A statement with a lock that nothing executes.

use auditline_model::eval::value::Lock;
use auditline_model::unit::{EventKind, Unit};
use auditline_model::{Db, FunctionRef, classes};

use crate::finding::Severity;

use super::{Futile, evidence, write_behind};

pub(super) fn find(_db: &dyn Db, of: FunctionRef, unit: &Unit, found: &mut Vec<Futile>) {
    for (ordinal, event) in unit.numbered() {
        let EventKind::Unused(query) = &event.kind else { continue };
        if query.lock != Lock::Yes {
            continue;
        }
        let name = query.model.map_or("the row", |class| classes::simple(class.path));
        let write = write_behind(unit, ordinal, |row| row.model.is_some() && row.model == query.model);
        let evidence = write.and_then(|(write, column)| {
            evidence(of, unit, write, format!("`{column}` is written here, and nothing is locked"))
        });
        found.push(Futile {
            at: ordinal,
            severity: Severity::Warning,
            message: format!("this statement is to lock `{name}`, but nothing executes it: no row is locked"),
            evidence: evidence.into_iter().collect(),
            steps: vec![
                (0, "builds a statement with `FOR UPDATE`; the database hears nothing of it".to_owned()),
                (1, "does the same".to_owned()),
                (0, format!("changes `{name}`, commits")),
                (1, format!("changes `{name}` from what it had read before, commits")),
            ],
            outcome: "The change of request A is lost, as if there were no lock.".to_owned(),
        });
    }
}
