//! A lock on a row that does not exist yet, which is to guard its creation.

use auditline_model::unit::Unit;
use auditline_model::{Db, FunctionRef, classes};

use crate::finding::{Evidence, Severity, listed};
use crate::races::check_then_create::{LockedCreation, locked_creations};
use crate::races::served;

use super::{Futile, evidence};

pub(super) fn find(db: &dyn Db, of: FunctionRef, unit: &Unit, found: &mut Vec<Futile>) {
    for LockedCreation { lookup, create, model, unique, is_harmless, lost } in locked_creations(db, of, unit) {
        let model = classes::simple(model.path);
        let (end, step, outcome) = match &unique {
            Some(_) => (
                "the second of two requests fails",
                "its commit raises `IntegrityError`".to_owned(),
                format!("Request B fails, although the `{model}` that it wanted is there."),
            ),
            None => (
                "two requests create two",
                format!("creates another `{model}`, commits"),
                format!("There are two `{model}` rows where one was meant, although both asked for a lock."),
            ),
        };
        let mut proof = Vec::new();
        proof.extend(evidence(of, unit, create, format!("`{model}` is created here, if there was nothing to lock")));
        if let Some((place, columns)) = unique {
            let message = format!("{} is unique: the database refuses a second row", listed(&columns));
            proof.push(Evidence { place, message });
        }
        proof.extend(lost);
        let is_aside = is_harmless || unit.in_loop(unit.events[create as usize].frame) || !served::is_served(db, of);
        let severity = if is_aside { Severity::Information } else { Severity::Warning };
        found.push(Futile {
            at: lookup,
            severity,
            message: format!(
                "where there is no `{model}` yet, `FOR UPDATE` locks nothing, and nothing guards its creation: {end}"
            ),
            evidence: proof,
            steps: vec![
                (0, format!("selects `{model}` `FOR UPDATE`: no row, no lock")),
                (1, format!("selects `{model}` `FOR UPDATE`: no row either, and nobody to wait for")),
                (0, format!("creates a `{model}`, commits")),
                (1, step),
            ],
            outcome,
        });
    }
}
