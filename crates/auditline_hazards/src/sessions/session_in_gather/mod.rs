//! AUD304: coroutines that run at a time use one session.

use auditline_model::unit::{together, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

mod connection;
mod reading;

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
        let own = classes::simple(of.path);
        let mut names: Vec<String> = Vec::new();
        for coroutine in &found.coroutines {
            let name = match coroutine.runs {
                Some((function, _)) => format!("`{}`", classes::simple(function.path)),
                None => format!("a statement of `{own}`"),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let who = match names.as_slice() {
            [_] if found.coroutines.iter().all(|coroutine| coroutine.runs.is_none()) => {
                format!("statements of `{own}`")
            }
            [one] => format!("coroutines of {one}"),
            [one, two] => format!("{one} and {two}"),
            [one, two, ..] => format!("{one}, {two} and others"),
            [] => continue,
        };
        let mut evidence: Vec<Evidence> = Vec::new();
        for coroutine in found.coroutines.iter().take(4) {
            let made = Place::Event(of, coroutine.made);
            let Some((function, used)) = coroutine.runs else {
                evidence.push(Evidence { place: made, message: "this statement goes through the session".to_owned() });
                continue;
            };
            let name = classes::simple(function.path);
            evidence.push(Evidence { place: made, message: format!("`{name}` is given the session here, or has it") });
            let place = Place::InFunction(function, used);
            if !evidence.iter().any(|known| known.place == place) {
                evidence.push(Evidence { place, message: format!("`{name}` uses it here") });
            }
        }
        let connected = connection::is_there(db, of, &unit, found.at, &found.session);
        let (severity, consequence) = match connected {
            Some(sure) => (
                if sure && reading::only_asks_at_a_time(db, &unit, &found) {
                    Severity::Information
                } else {
                    Severity::Warning
                },
                "they are answered one behind the other, and as soon as two of them flush or commit, one raises",
            ),
            None => (Severity::Error, "where they meet while it connects, flushes or commits, one of them raises"),
        };
        findings.push(Finding {
            hazard: &HAZARD,
            severity,
            message: format!(
                "{who} run at a time with one `AsyncSession`, which has one connection and one transaction: {consequence}"
            ),
            place: Place::InFunction(of, start.range),
            symbol: symbol(of.path),
            evidence,
            story: Some(Story {
                actors: vec![names[0].clone(), names.get(1).unwrap_or(&names[0]).clone()],
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
