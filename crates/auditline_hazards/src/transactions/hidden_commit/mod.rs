//! AUD103: a function commits what its caller has not finished.

use auditline_model::eval::value::{RowValue, SessionOrigin, SessionValue, Value};
use auditline_model::owner::{callers, convention, example_of_convention};
use auditline_model::unit::{EventKind, SessionAction, Unit, Use, is_ruled_out, same_session, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, symbol};

mod fix;

/// AUD103.
pub const HAZARD: Hazard = Hazard {
    code: "AUD103",
    name: "hidden-commit",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "A function commits a session that it is handed, in the middle of its caller's work",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// How many calls lie between a commit and the caller whose work it cuts in two.
const DEPTH: usize = 3;

/// How many callers a finding names.
const NAMED: usize = 5;

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) || says_commit(of) {
        return;
    }
    let unit = unit_of(db, of);
    let commit = unit.numbered().find_map(|(ordinal, event)| match &event.kind {
        EventKind::Session { session, action: SessionAction::Commit, by: None, .. } => {
            is_handed(session).then_some((ordinal, session))
        }
        _ => None,
    });
    let Some((commit, session)) = commit else { return };
    let place = unit.events.get(commit as usize).map_or_else(Default::default, |event| event.range);
    let name = classes::simple(of.path);
    if let Some(example) = example_of_convention(db) {
        // What all do is said once.
        if example == of
            && let Some(habit) = convention(db)
        {
            findings.push(Finding {
                hazard: &HAZARD,
                severity: Severity::Information,
                message: format!(
                    "{} of {} functions of this project that write with a session that they are handed commit it, `{name}` \
                     for one: no caller can do two things in one transaction",
                    habit.committing, habit.writing
                ),
                place: Place::InFunction(of, place),
                symbol: symbol(of.path),
                evidence: vec![Evidence {
                    place: Place::Function(habit.last),
                    message: format!("`{}` does as well", classes::simple(habit.last.path)),
                }],
                story: None,
                fixes: Vec::new(),
            });
        }
        return;
    }
    let cut = cuts(db, of);
    let Some(first) = cut.first() else { return };
    let caller = classes::simple(first.caller.path);
    let mut evidence = Vec::new();
    for one in cut.iter().take(NAMED) {
        let name = classes::simple(one.caller.path);
        evidence.push(Evidence {
            place: Place::Event(one.caller, one.before),
            message: format!("`{name}` has written this, and it is saved by the commit"),
        });
        evidence.push(Evidence {
            place: Place::Event(one.caller, one.after),
            message: format!("`{name}` writes this afterwards: it may fail alone"),
        });
    }
    let fixes = fix::fix(db, of, place, session).into_iter().collect();
    findings.push(Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!(
            "`{name}` commits the session that it is handed, in the middle of what `{caller}` does: the first half is saved \
             whatever becomes of the rest"
        ),
        place: Place::InFunction(of, place),
        symbol: symbol(of.path),
        evidence,
        story: None,
        fixes,
    });
}

/// Whether a function got the session from its caller, or may have.
fn is_handed(session: &SessionValue) -> bool {
    matches!(
        session.origin,
        SessionOrigin::Param(_)
            | SessionOrigin::GivenOrOwn(_)
            | SessionOrigin::GivenOrKept(..)
            | SessionOrigin::SelfAttribute(..)
    )
}

/// A function whose name says that it commits hides nothing.
fn says_commit(of: FunctionRef) -> bool {
    classes::simple(of.path).split('_').any(|word| matches!(word, "commit" | "commits" | "persist"))
}

/// A caller whose work the commit cuts in two.
struct Cut {
    caller: FunctionRef,
    /// The ordinal of a write before the call, which the commit saves.
    before: u32,
    /// The ordinal of a write behind it.
    after: u32,
    /// The functions between the two, which hand the session on.
    between: Vec<FunctionRef>,
}

/// The callers, near and far, whose work is cut in two by what a function commits.
fn cuts(db: &dyn Db, of: FunctionRef) -> Vec<Cut> {
    let mut found = Vec::new();
    collect(db, of, &[], &mut found);
    found
}

fn collect(db: &dyn Db, commits: FunctionRef, between: &[FunctionRef], found: &mut Vec<Cut>) {
    let of = between.last().copied().unwrap_or(commits);
    for site in callers(db, of).iter() {
        let caller = site.function;
        if caller == commits || super::is_silent(db, caller) || entry::is_command(db, caller) {
            continue;
        }
        let unit = unit_of(db, caller);
        let Some(call) = unit.events.get(site.ordinal as usize) else { continue };
        let commit = unit.numbered().find_map(|(ordinal, event)| match &event.kind {
            EventKind::Session { session, action: SessionAction::Commit, by: Some(by), maybe: false }
                if ordinal > site.ordinal && event.range == call.range && *by == commits =>
            {
                Some(session)
            }
            _ => None,
        });
        let Some(session) = commit else { continue };
        match found.iter_mut().find(|cut| cut.caller == caller) {
            Some(known) => known.between.extend(between),
            None => {
                if let Some((before, after)) = halves(db, caller, &unit, site.ordinal, session) {
                    found.push(Cut { caller, before, after, between: between.to_vec() });
                }
            }
        }
        if is_handed(session) && between.len() + 1 < DEPTH && !between.contains(&caller) {
            collect(db, commits, &[between, &[caller]].concat(), found);
        }
    }
}

/// The ordinals of a write before a call and of one behind it, where the call's commit parts the two.
fn halves(db: &dyn Db, caller: FunctionRef, unit: &Unit, call: u32, session: &SessionValue) -> Option<(u32, u32)> {
    let event = unit.events.get(call as usize)?;
    let handed = match &event.kind {
        EventKind::Call { arguments, object, .. } => {
            arguments.iter().map(|(_, value)| value).chain([object]).filter_map(row_id).collect::<Vec<_>>()
        }
        _ => return None,
    };
    let mut before = None;
    for ordinal in (0..call).rev() {
        if !unit.can_follow(ordinal, call) {
            continue;
        }
        let ends = matches!(&unit.events.get(ordinal as usize)?.kind,
            EventKind::Session {
                session: own,
                action: SessionAction::Commit | SessionAction::Rollback | SessionAction::Restore | SessionAction::Close,
                ..
            } if same_session(own, session));
        if ends {
            break;
        }
        // What is handed to the callee is handed to be saved.
        if let Some(row) = written(unit, ordinal, session)
            && !row.is_some_and(|row| handed.contains(&row))
        {
            before = Some(ordinal);
            break;
        }
    }
    let behind = u32::try_from(unit.events.len()).unwrap_or(u32::MAX);
    let after = (call + 1..behind).find(|ordinal| {
        unit.events.get(*ordinal as usize).is_some_and(|later| {
            later.range != event.range
                && unit.can_follow(call, *ordinal)
                && written(unit, *ordinal, session).is_some()
                && !is_ruled_out(db, caller, event.range, later.range)
        })
    })?;
    Some((before?, after))
}

/// Whether an event changes something in the session's transaction; the row, where it is one.
fn written(unit: &Unit, ordinal: u32, session: &SessionValue) -> Option<Option<u32>> {
    match &unit.events.get(ordinal as usize)?.kind {
        // Adding what the session has loaded changes nothing.
        EventKind::Add { row: Some(row), .. } if is_of(row, session) => None,
        EventKind::Add { session: own, row, .. } | EventKind::Delete { session: own, row, .. } => {
            same_session(own, session).then(|| row.as_ref().map(|row| row.id))
        }
        EventKind::Write { row, .. } => is_of(row, session).then_some(Some(row.id)),
        EventKind::Execute(query) => {
            let changes = !matches!(
                query.kind,
                auditline_model::eval::value::QueryKind::Select | auditline_model::eval::value::QueryKind::Text
            );
            (changes && unit.use_of(ordinal, session) == Some(Use::Statement)).then_some(None)
        }
        _ => None,
    }
}

/// Whether a session has loaded a row.
fn is_of(row: &RowValue, session: &SessionValue) -> bool {
    row.session.as_ref().is_some_and(|own| same_session(own, session))
}

fn row_id(value: &Value) -> Option<u32> {
    match value {
        Value::Row(row) => Some(row.id),
        Value::Many(inner) => row_id(inner),
        _ => None,
    }
}
