//! AUD201: a row is read without a lock and written from what was read.

use std::sync::Arc;

use auditline_model::eval::value::{RowOrigin, RowValue, Step};
use auditline_model::unit::{EventKind, Unit, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, listed, symbol};

use super::dependence::{Dependence, dependence};
use super::rows::{self, Durable};
use super::writers;
use super::written::{Written, written};
use super::{alike, isolation, serial, served, throttled};

mod computed;
mod decided;
mod fix;
mod seldom;

pub(super) use fix::{lock_fixes, name_in};

/// AUD201.
pub const HAZARD: Hazard = Hazard {
    code: "AUD201",
    name: "unlocked-read-modify-write",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A row is loaded without a lock, and a column is then written from its old value or state",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

struct Change {
    row: Arc<RowValue>,
    writes: Vec<(u32, Name, Dependence)>,
    durable: Durable,
    /// Whether it is told here because several callers hand in the row.
    is_shared: bool,
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    for change in changes(db, of, &unit, &mut Vec::new()) {
        findings.push(finding(db, of, &unit, &change));
    }
}

/// The columns of rows that callers hand in which a function is reported to change: the callers need not hear of it again.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = nothing_handed)]
fn handed(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[Name]> {
    if rows::is_silent(db, of) {
        return Arc::default();
    }
    let mut columns = Vec::new();
    let changes = changes(db, of, &unit_of(db, of), &mut columns);
    let of_callers = changes.iter().filter(|change| matches!(change.row.origin, RowOrigin::Param(_)));
    columns.extend(of_callers.flat_map(|change| change.writes.iter().map(|(_, column, _)| *column)));
    columns.into()
}

fn nothing_handed(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<[Name]> {
    Arc::default()
}

/// The changes of rows that are to be reported for a function; `elsewhere` gets the columns of rows that were handed in, of
/// which a callee is reported already.
fn changes(db: &dyn Db, of: FunctionRef, unit: &Unit, elsewhere: &mut Vec<Name>) -> Vec<Change> {
    let mut changes: Vec<Change> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let Some(Written { row, column, by, .. }) = written(&event.kind) else { continue };
        let is_told = || by.is_some_and(|by| by != of && handed(db, by, ()).contains(&column));
        let Some(dependence) = dependence(db, of, unit, ordinal) else {
            // A parameter that no annotation names is handed on as what it is.
            if row.model.is_none() && matches!(row.origin, RowOrigin::Param(_)) && is_told() {
                elsewhere.push(column);
            }
            continue;
        };
        // In a webhook, a state decides between deliveries: that is AUD204's to say.
        if matches!(dependence, Dependence::State(_) | Dependence::Sought(_)) && entry::webhook(db, of).is_some() {
            continue;
        }
        if is_told() {
            if matches!(row.origin, RowOrigin::Param(_)) {
                elsewhere.push(column);
            }
            continue;
        }
        if !rows::is_unlocked(db, of, row) || rows::is_protected(db, of, unit, ordinal, row) {
            continue;
        }
        if let Some(change) = changes.iter_mut().find(|change| change.row.id == row.id) {
            change.writes.push((ordinal, column, dependence));
            continue;
        }
        let own = rows::durable(db, of, unit, ordinal, row);
        let Some(durable) = own.or_else(|| rows::saved_by_several(db, of, unit, row)) else { continue };
        let writes = vec![(ordinal, column, dependence)];
        changes.push(Change { row: Arc::clone(row), writes, durable, is_shared: own.is_none() });
    }
    if changes.is_empty() || entry::is_command(db, of) {
        return Vec::new();
    }
    changes.retain(|change| {
        // What does no harm in itself may do some where it is called.
        let is_for_callers = || change.is_shared && is_harmless(db, of, unit, change);
        !isolation::is_strict(db, of, change.row.session.as_deref()) && !is_for_callers()
    });
    changes
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> Finding {
    let model = rows::row_name(&change.row);
    let columns = columns(change);
    let (column, dependence) = columns[0];
    // Of several writes of a column, the one that is told of.
    let told = change.writes.iter().find(|(_, own, why)| *own == column && *why == dependence);
    let write = told.map_or(change.writes[0].0, |(write, ..)| *write);
    let event = &unit.events[write as usize];
    let first_repeats = repeats(db, of, unit, write, dependence);
    let others = writers::others(db, of, change.row.model, column);
    // What is so of the first one is said of all of which it is so.
    let alike = |why: Dependence| std::mem::discriminant(&why) == std::mem::discriminant(&dependence);
    let (of_first, of_others): (Vec<_>, Vec<_>) = columns.iter().copied().partition(|(_, why)| alike(*why));
    let named = |columns: &[(Name, Dependence)]| listed(columns.iter().map(|(column, _)| format!("{model}.{column}")));
    let (is, its, values) = if of_first.len() == 1 { ("is", "its", "value") } else { ("are", "their", "values") };
    let besides = match &of_others[..] {
        [] => String::new(),
        [(_, why), ..] => {
            let is = if of_others.len() == 1 { "is" } else { "are" };
            let what = match why {
                Dependence::OwnValue(_) => "written from the old value",
                Dependence::State(_) | Dependence::Sought(_) => "changed depending on the old state",
                Dependence::Checked(_) => "counted by the database behind a check",
            };
            format!("; {} {is} {what} too", named(&of_others))
        }
    };
    let listed = named(&of_first);
    let message = match dependence {
        Dependence::OwnValue(_) => {
            format!(
                "{listed} {is} written from {its} old {values}, but the row was loaded without a lock: a concurrent change is \
                 lost{besides}"
            )
        }
        Dependence::State(_) => {
            let outcome = if first_repeats {
                "can both pass the check, and both set the same"
            } else if others.is_empty() {
                "can both pass the check"
            } else {
                "can both pass the check, and one overwrites what the other has set"
            };
            format!(
                "{listed} {is} changed depending on {its} old state, but the row was loaded without a lock: two requests {outcome}{besides}"
            )
        }
        Dependence::Checked(_) => {
            format!(
                "{listed} {is} checked, and then counted by the database, but the row was loaded without a lock: two requests \
                 can both pass the check{besides}"
            )
        }
        Dependence::Sought(_) => {
            format!(
                "{listed} {is} changed in a row that was looked for by {its} old state, without a lock: two requests can both find \
                 it{besides}"
            )
        }
    };
    let mut evidence = Vec::new();
    evidence.extend(rows::load_evidence(db, of, unit, &change.row));
    let read = match dependence {
        Dependence::OwnValue(read) => Some((read, "the old value is read here")),
        Dependence::State(read) => Some((read, "the old state decides here")),
        Dependence::Checked(read) => Some((read, "the old value is checked here")),
        // The load itself asks for it.
        Dependence::Sought(_) => None,
    };
    let again = read.and_then(|(read, _)| read_again(unit, change.row.id, read));
    if let Some(again) = again.and_then(|again| unit.events.get(again as usize)) {
        let message = "and read again here, without a lock".to_owned();
        evidence.push(Evidence { place: Place::InFunction(of, again.range), message });
    }
    if let Some((read, what)) = read
        && let Some(read) = unit.events.get(read as usize)
    {
        evidence.push(Evidence { place: Place::InFunction(of, read.range), message: what.to_owned() });
    }
    match change.durable {
        Durable::Commit(commit) => {
            if let Some(commit) = unit.events.get(commit as usize) {
                evidence.push(Evidence {
                    place: Place::InFunction(of, commit.range),
                    message: "and committed here".to_owned(),
                });
            }
        }
        Durable::Scope => {}
        Durable::Caller(caller, ordinal) => evidence.push(Evidence {
            place: Place::Event(caller, ordinal),
            message: format!("`{}` commits it", classes::simple(caller.path)),
        }),
    }
    for (other, place) in others {
        evidence.push(Evidence { place, message: format!("`{other}` writes `{model}.{column}` too") });
    }
    if let Some(opposed) = fix::opposed(db, of, unit, &change.row) {
        let by = classes::simple(opposed.by.path);
        let (first, second) = (classes::simple(opposed.pair.first.path), classes::simple(opposed.pair.second.path));
        evidence.push(Evidence {
            place: Place::Event(opposed.by, opposed.pair.then),
            message: format!(
                "`{by}` locks `{first}` and then `{second}`: a lock here alone would be taken in the opposite order, and the \
                 two could wait for one another"
            ),
        });
    }
    let is_harmless = is_harmless(db, of, unit, change);
    let seldom = if is_harmless { None } else { seldom_met(db, of, unit, change) };
    let is_seldom = seldom.is_some();
    evidence.extend(seldom);
    Finding {
        hazard: &HAZARD,
        severity: if is_harmless || is_seldom { Severity::Information } else { Severity::Warning },
        message,
        place: Place::InFunction(of, event.statement),
        symbol: symbol(of.path),
        evidence,
        story: Some(story(&model, column, dependence)),
        fixes: fix::fixes(db, of, unit, &change.row, write),
    }
}

/// The last event before a read that has loaded the row anew.
fn read_again(unit: &Unit, row: u32, read: u32) -> Option<u32> {
    let refreshes = unit.numbered().take(read as usize).filter(|(at, event)| match &event.kind {
        EventKind::Refresh { row: Some(own), .. } => own.id == row && unit.can_follow(*at, read),
        _ => false,
    });
    refreshes.last().map(|(at, _)| at)
}

/// The columns that are changed, each with what weighs most: a value that is computed is lost, whatever else decides.
fn columns(change: &Change) -> Vec<(Name, Dependence)> {
    let mut columns: Vec<(Name, Dependence)> = Vec::new();
    for (_, column, why) in &change.writes {
        match columns.iter_mut().find(|(known, _)| known == column) {
            Some((_, Dependence::OwnValue(_))) => {}
            Some((_, known)) if matches!(why, Dependence::OwnValue(_)) => *known = *why,
            Some(_) => {}
            None => columns.push((*column, *why)),
        }
    }
    columns
}

/// Whether little is lost where two do it at once, or they seldom do.
fn is_harmless(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> bool {
    change.writes.iter().all(|(at, _, why)| repeats(db, of, unit, *at, *why))
        || only_throttles(db, of, unit, change)
        || is_seldom(db, of, unit, change)
}

/// Why another writer is seldom there at the same time, though it would do harm.
fn seldom_met(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> Option<Evidence> {
    if is_serial(db, of, unit, change) {
        return Some(serial::told(of));
    }
    let model = change.row.model?;
    let mut guards = change.writes.iter().map(|(at, column, _)| {
        let event = unit.events.get(*at as usize)?;
        let guard = served::administrators_guard(db, of, event.range)?;
        // What a visitor has added to a sum is lost for good.
        let is_sum = matches!(event.kind, EventKind::Write { step: Step::Up | Step::Down, .. });
        (!is_sum || writers::are_administrators(db, model, *column)).then_some(guard)
    });
    let first = guards.next()??;
    guards.all(|guard| guard.is_some()).then_some(first)
}

/// Whether the event loop of one process does this, and all else that writes the columns, without a break.
fn is_serial(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> bool {
    // A dependency has loaded its row before the loop went on.
    let is_read_here =
        rows::root(unit, &change.row).is_some_and(|root| matches!(root.origin, RowOrigin::Loaded { .. }));
    is_read_here
        && matches!(change.durable, Durable::Commit(_))
        && serial::is_unbroken(db, of)
        && change
            .writes
            .iter()
            .all(|(_, column, _)| change.row.model.is_some_and(|model| writers::are_unbroken(db, model, *column)))
}

/// Whether the change seldom meets another one: the row is one of many that a loop goes through, the application only does it
/// when it starts, or nobody is seen to get there.
fn is_seldom(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> bool {
    seldom::is_batch(db, of, unit, &change.row, || is_alone(db, of, change))
        || entry::is_unused(db, of)
        || seldom::is_start(db, of)
}

/// Whether nobody else writes the columns.
fn is_alone(db: &dyn Db, of: FunctionRef, change: &Change) -> bool {
    change.writes.iter().all(|(_, column, _)| writers::others(db, of, change.row.model, *column).is_empty())
}

/// Whether it is only about how often something is done.
fn only_throttles(db: &dyn Db, of: FunctionRef, unit: &Unit, change: &Change) -> bool {
    change
        .writes
        .iter()
        .all(|(write, _, why)| matches!(why, Dependence::State(_)) && throttled::only_throttles(db, of, unit, *write))
}

/// Whether two who do that write at once leave behind what one of them does.
fn repeats(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32, dependence: Dependence) -> bool {
    match dependence {
        Dependence::OwnValue(_) => alike::only_repeats(db, of, unit, write),
        Dependence::State(_) => alike::only_sets_the_same(db, of, unit, write),
        Dependence::Sought(_) | Dependence::Checked(_) => false,
    }
}

fn story(model: &str, column: Name, dependence: Dependence) -> Story {
    let steps = match dependence {
        Dependence::OwnValue(_) => vec![
            (0, format!("reads `{model}.{column}` = *v*")),
            (1, format!("reads `{model}.{column}` = *v*")),
            (0, "writes a value made from *v*, commits".to_owned()),
            (1, "writes a value made from the same *v*, commits".to_owned()),
        ],
        Dependence::State(_) => vec![
            (0, format!("checks `{model}.{column}`: passes")),
            (1, format!("checks `{model}.{column}`: passes as well")),
            (0, format!("changes `{model}.{column}`, commits")),
            (1, format!("changes `{model}.{column}` once more, commits")),
        ],
        Dependence::Checked(_) => vec![
            (0, format!("checks `{model}.{column}`: passes")),
            (1, format!("checks `{model}.{column}`: passes as well")),
            (0, format!("counts `{model}.{column}` in SQL, commits")),
            (1, format!("counts `{model}.{column}` in SQL, commits")),
        ],
        Dependence::Sought(_) => vec![
            (0, format!("looks for a `{model}` by its `{column}`: finds it")),
            (1, format!("looks for a `{model}` by its `{column}`: finds the same")),
            (0, format!("changes `{model}.{column}`, commits")),
            (1, format!("changes `{model}.{column}` once more, commits")),
        ],
    };
    let outcome = match dependence {
        Dependence::OwnValue(_) => "The change of request A is lost.".to_owned(),
        Dependence::State(_) => "What was to happen once has happened twice.".to_owned(),
        Dependence::Checked(_) => format!("Both are counted, and `{model}.{column}` has passed its limit."),
        Dependence::Sought(_) => format!("Both have the `{model}` that only one was to get."),
    };
    Story { actors: vec!["Request A".to_owned(), "Request B".to_owned()], steps, outcome }
}
