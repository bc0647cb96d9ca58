//! AUD304: coroutines that run at a time use one session.

use auditline_model::unit::{together, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

/// AUD304.
pub const HAZARD: Hazard = Hazard {
    code: "AUD304",
    name: "session-in-gather",
    family: Family::Sessions,
    severity: Severity::Error,
    summary: "Several coroutines of a `gather` or task group use one `AsyncSession` at a time",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if entry::is_test(db, of.file) {
        return;
    }
    let unit = unit_of(db, of);
    for found in together(db, of) {
        let Some(start) = unit.events.get(found.at as usize) else { continue };
        let mut names: Vec<&str> = Vec::new();
        for (_, function, _) in &found.coroutines {
            let name = classes::simple(function.path);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let Some(first) = names.first().copied() else { continue };
        let who = match names.as_slice() {
            [one] => format!("coroutines of `{one}`"),
            [one, two] => format!("`{one}` and `{two}`"),
            [one, two, ..] => format!("`{one}`, `{two}` and others"),
            [] => continue,
        };
        let mut evidence: Vec<Evidence> = Vec::new();
        for (call, function, used) in found.coroutines.iter().take(4) {
            evidence.push(Evidence {
                place: Place::Event(of, *call),
                message: format!("`{}` is handed the session here", classes::simple(function.path)),
            });
            let place = Place::InFunction(*function, *used);
            if !evidence.iter().any(|known| known.place == place) {
                evidence
                    .push(Evidence { place, message: format!("`{}` uses it here", classes::simple(function.path)) });
            }
        }
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Error,
            message: format!(
                "{who} run at a time with one `AsyncSession`, which has one connection and one transaction: where they meet while it \
                 connects, flushes or commits, one of them raises"
            ),
            place: Place::InFunction(of, start.range),
            symbol: symbol(of.path),
            evidence,
            story: Some(Story {
                actors: vec![format!("`{first}`"), format!("`{}`", names.get(1).copied().unwrap_or(first))],
                steps: vec![
                    (0, "sends a statement through the session, and waits for the answer".to_owned()),
                    (1, "uses the same session, which is still connecting, flushing or committing for the other".to_owned()),
                    (1, "fails with `InvalidRequestError`; with luck it is only served behind the other".to_owned()),
                ],
                outcome: "The request fails under load, and works on the developer's machine; a commit of one saves what the other has half done."
                    .to_owned(),
            }),
            fixes: Vec::new(),
        });
    }
}
