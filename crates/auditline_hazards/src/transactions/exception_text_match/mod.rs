//! AUD107: the text of a database error decides what happens.

use auditline_model::unit::{Breadth, EventKind, FrameKind, HandlerInfo, SessionAction, TextTest, Unit, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

mod said;

/// AUD107.
pub const HAZARD: Hazard = Hazard {
    code: "AUD107",
    name: "exception-text-match",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "The text of a database error decides what happens",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let before = findings.len();
    for frame in &unit.frames {
        let FrameKind::Try(id) = frame.kind else { continue };
        let Some(info) = unit.tries.get(id.0 as usize) else { continue };
        for handler in &info.handlers {
            let work = (frame.first..frame.end).find(|ordinal| sends(&unit, *ordinal));
            let tested = handler.text_tests.iter().filter(|test| speaks_of_database(handler, test, work.is_some()));
            if let Some(test) = tested.min_by_key(|test| is_plain(test)) {
                findings.push(finding(db, of, &unit, handler, test, work));
            }
        }
    }
    // What only revisions and commands reach speaks to whoever runs them. The walk through the callers comes last.
    if findings.len() > before && entry::is_command(db, of) {
        findings.truncate(before);
    }
}

/// Whether an event sends a write, so that what a constraint says comes back.
fn sends(unit: &Unit, ordinal: u32) -> bool {
    matches!(
        unit.events.get(ordinal as usize).map(|event| &event.kind),
        Some(EventKind::Execute(_) | EventKind::Session { action: SessionAction::Flush | SessionAction::Commit, .. })
    )
}

/// Whether a handler writes, whatever it looks for.
fn is_written(unit: &Unit, handler: &HandlerInfo) -> bool {
    unit.events_in(handler.frame).any(|(_, event)| {
        matches!(
            event.kind,
            EventKind::Create(_)
                | EventKind::Add { .. }
                | EventKind::Write { .. }
                | EventKind::Delete { .. }
                | EventKind::Execute(_)
                | EventKind::Session { action: SessionAction::Flush | SessionAction::Commit, .. }
        )
    })
}

/// Whether a test looks for the words of a database's message. The name of a constraint, index or column is the project's own
/// and stays what it is.
fn speaks_of_database(handler: &HandlerInfo, test: &TextTest, work: bool) -> bool {
    let Some(words) = test.words else { return false };
    let words = words.as_str().to_ascii_lowercase();
    let is_name = words.contains(['_', '.']) && !words.contains(' ');
    if is_name || words.chars().all(|c| c.is_ascii_digit()) {
        return false;
    }
    let names_fault =
        ["duplicate", "unique", "constraint", "foreign key", "not null", "deadlock", "already exists", "serialize"]
            .iter()
            .any(|word| words.contains(word));
    // SQLAlchemy's own errors have no code, and one text in all databases.
    let by_driver = handler
        .catches
        .iter()
        .any(|caught| !matches!(caught.as_str(), "StaleDataError" | "FlushError" | "PendingRollbackError"));
    match handler.breadth {
        Breadth::Database | Breadth::AllDatabase if !by_driver => false,
        Breadth::Database | Breadth::AllDatabase => true,
        Breadth::Exception | Breadth::Everything => work && names_fault,
        Breadth::Narrow => false,
    }
}

/// Whether a test looks for the name of a driver's class, which the text of SQLAlchemy's errors holds in every language:
/// `(psycopg.errors.UniqueViolation)`, `<class 'asyncpg.exceptions.UniqueViolationError'>`.
fn names_class(test: &TextTest) -> bool {
    test.words.is_some_and(|words| {
        let words = words.as_str().to_ascii_lowercase();
        let is_word = words.chars().all(|c| c.is_ascii_alphabetic());
        is_word && ["violation", "violationerror"].iter().any(|end| words.len() > end.len() && words.ends_with(end))
    })
}

/// Whether the values of a row are hardly taken for what the database says: the name of a constraint is asked for as well. The
/// language may still be another.
fn is_plain(test: &TextTest) -> bool {
    test.with_name && is_of_postgres(test)
}

/// Whether a test looks for what PostgreSQL says, in its words.
fn is_of_postgres(test: &TextTest) -> bool {
    test.words.is_some_and(|words| {
        let words = words.as_str().to_ascii_lowercase();
        [
            "duplicate key",
            "violates unique",
            "violates foreign key",
            "violates not-null",
            "violates check",
            "unique or exclusion constraint",
            "deadlock detected",
        ]
        .iter()
        .any(|said| words.contains(said))
    })
}

fn finding(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    handler: &HandlerInfo,
    test: &TextTest,
    work: Option<u32>,
) -> Finding {
    let words = test.words.map_or_else(|| "words".to_owned(), |words| format!("\"{words}\""));
    let caught = handler.catches.first().map_or_else(|| "exception".to_owned(), |caught| format!("`{caught}`"));
    let mut evidence = vec![Evidence {
        place: Place::InFunction(of, handler.head),
        message: "what is caught here carries a SQLSTATE and the name of the constraint".to_owned(),
    }];
    if let Some(event) = work.and_then(|ordinal| unit.events.get(ordinal as usize)) {
        evidence.push(Evidence {
            place: Place::InFunction(of, event.range),
            message: "the error comes from the database here".to_owned(),
        });
    }
    // What refuses the request either way only chooses the answer; what only chooses to look the row up raises the error where it
    // does not know the words.
    let is_plain = is_plain(test)
        || handler.answers && !is_written(unit, handler)
        || test.looks_up && !is_written(unit, handler)
        || handler.text_tests.iter().any(names_class)
        || (test.raises_unmet || said::is_loud(unit, handler)) && said::knows_all(db, &handler.text_tests);
    Finding {
        hazard: &HAZARD,
        severity: if is_plain { Severity::Information } else { Severity::Warning },
        message: format!(
            "`{}` looks for {words} in the text of the {caught}: the text depends on driver, database, language and data",
            classes::simple(of.path)
        ),
        place: Place::InFunction(of, test.range),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes: Vec::new(),
    }
}
