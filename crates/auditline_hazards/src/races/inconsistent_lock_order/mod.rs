//! AUD211: two transactions lock the same rows in different orders.

use auditline_model::eval::value::{InstanceOrigin, Key, Lock, QueryKind, QueryValue, Value};
use auditline_model::unit::{EventKind, FrameKind, LoadForm, SessionAction, Unit, lock_pairs, pairs_from, unit_of};
use auditline_model::{Db, FunctionRef, classes, entry, tables};

use crate::catalogue::{Check, Family, Hazard};
use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, Story, symbol};

use super::{isolation, rows};

/// AUD211.
pub const HAZARD: Hazard = Hazard {
    code: "AUD211",
    name: "inconsistent-lock-order",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "Two transactions lock the same rows in different orders, and can wait for one another",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let before = findings.len();
    opposite(db, of, &unit, findings);
    unsorted(db, of, &unit, findings);
    counted(db, of, &unit, findings);
    if findings.len() > before && entry::is_command(db, of) {
        findings.truncate(before);
    }
}

/// Two tables that another function locks the other way round.
fn opposite(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    for pair in lock_pairs(db, of).iter() {
        let others = pairs_from(db, pair.second);
        let Some((other, turned)) = others
            .iter()
            .find(|(other, turned)| *other != of && turned.second == pair.first && !entry::is_script(db, other.file))
        else {
            continue;
        };
        // Of the two functions, one is enough to say it.
        if (of.file.path(db).as_str(), of.path.as_str()) < (other.file.path(db).as_str(), other.path.as_str()) {
            continue;
        }
        let (Some(one), Some(two)) = (unit.events.get(pair.at as usize), unit.events.get(pair.then as usize)) else {
            continue;
        };
        let (first, second) = (classes::simple(pair.first.path), classes::simple(pair.second.path));
        let name = classes::simple(other.path);
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Warning,
            message: format!(
                "`{second}` is locked here while `{first}` is, and `{name}` locks them the other way round: two requests can wait for one another, and PostgreSQL ends one of them"
            ),
            place: Place::InFunction(of, two.range),
            symbol: symbol(of.path),
            evidence: vec![
                Evidence { place: Place::InFunction(of, one.range), message: format!("`{first}` is locked first here") },
                Evidence {
                    place: Place::Event(*other, turned.at),
                    message: format!("`{name}` locks `{second}` first"),
                },
                Evidence {
                    place: Place::Event(*other, turned.then),
                    message: format!("and `{first}` after it"),
                },
            ],
            story: Some(story(first, second)),
            fixes: Vec::new(),
        });
    }
}

/// Many rows of one table, in an order that nobody has said.
fn unsorted(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    for (ordinal, event) in unit.numbered() {
        let EventKind::Load { query, many, by: None, form, .. } = &event.kind else { continue };
        if query.lock != Lock::Yes || !query.waits || query.kind != QueryKind::Select {
            continue;
        }
        let Some(model) = query.model else { continue };
        let name = classes::simple(model.path);
        let (message, fixes) = match disorder(unit, ordinal, query, *many) {
            Some(Disorder::Together) => (
                format!(
                    "many `{name}` rows are locked in no stated order: two requests whose lists overlap can wait for one another"
                ),
                order_fix(db, of, query, *form),
            ),
            Some(Disorder::OneByOne) => (
                format!(
                    "`{name}` rows are locked one by one in the order in which they were handed in: two requests that name the same ones in another order wait for one another"
                ),
                Vec::new(),
            ),
            None => continue,
        };
        // From where it is reached is asked last: that looks far.
        if is_alone(db, of, unit, ordinal) {
            continue;
        }
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Warning,
            message,
            place: Place::InFunction(of, event.range),
            symbol: symbol(of.path),
            evidence: held_until(of, unit, ordinal).into_iter().collect(),
            story: Some(story(&format!("{name} 1"), &format!("{name} 2"))),
            fixes,
        });
    }
}

/// Counters of many rows, each stepped by an UPDATE of its own: the rows stay locked until the transaction ends.
fn counted(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    for (ordinal, event) in unit.numbered() {
        let EventKind::Execute(query) = &event.kind else { continue };
        // What steps a counter is written by whoever names the row; what a request merely sets may be its own.
        let steps = query.kind == QueryKind::Update && query.sets.iter().any(|(_, step)| step.is_sure());
        let Some(model) = query.model.filter(|_| steps) else { continue };
        let by_key = tables::orm_model(db, model).and_then(|model| model.key());
        let one_row = by_key.is_some_and(|key| query.filters.contains(&key)) && !query.among;
        if !one_row || is_second(unit, ordinal) || !locks_each(unit, ordinal, query) || is_alone(db, of, unit, ordinal)
        {
            continue;
        }
        let name = classes::simple(model.path);
        findings.push(Finding {
            hazard: &HAZARD,
            severity: Severity::Warning,
            message: format!(
                "`{name}` rows are updated one by one in the order in which they were handed in, and each stays locked: two requests that name the same ones in another order wait for one another"
            ),
            place: Place::InFunction(of, event.range),
            symbol: symbol(of.path),
            evidence: held_until(of, unit, ordinal).into_iter().collect(),
            story: Some(story(&format!("{name} 1"), &format!("{name} 2"))),
            fixes: Vec::new(),
        });
    }
}

/// How a load, were it to lock, would lock many rows in an order that nobody has said.
pub(super) enum Disorder {
    /// All of them in one statement.
    Together,
    /// One by one, in the order in which they were handed in.
    OneByOne,
}

/// In what disorder the load at that event locks its rows, or would lock them.
pub(super) fn disorder(unit: &Unit, load: u32, query: &QueryValue, many: bool) -> Option<Disorder> {
    if many {
        let unsorted = query.among && !query.ordered && query.entities && !is_second(unit, load);
        unsorted.then_some(Disorder::Together)
    } else {
        locks_each(unit, load, query).then_some(Disorder::OneByOne)
    }
}

/// Where the locks end, or what is written under them.
fn held_until(of: FunctionRef, unit: &Unit, lock: u32) -> Option<Evidence> {
    let commit = unit.numbered().skip(lock as usize + 1).find(|(ordinal, event)| {
        matches!(event.kind, EventKind::Session { action: SessionAction::Commit, .. })
            && unit.can_follow(lock, *ordinal)
    });
    let (event, message) = match commit {
        Some((_, event)) => (event, "all of them are held until this commit"),
        None => (unit.events.get(lock as usize)?, "they are held until the transaction ends, in a caller or scope"),
    };
    Some(Evidence { place: Place::InFunction(of, event.range), message: message.to_owned() })
}

/// Whether a lock that stands in a loop over what was handed in locks another row in each round, and keeps them all.
fn locks_each(unit: &Unit, lock: u32, query: &QueryValue) -> bool {
    let Some(event) = unit.events.get(lock as usize) else { return false };
    let around = unit.ancestors(event.frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }));
    let Some((id, frame)) = around else { return false };
    let given = matches!(frame.kind, FrameKind::Loop { as_given: true, .. });
    let same_row = query.keys.iter().any(|(_, key)| matches!(key, Key::Given(given) if !is_of_item(given)));
    let own_session = query.session.as_deref().is_none_or(|session| {
        unit.events_in(id).any(|(_, event)| {
            matches!(&event.kind, EventKind::Open(opened) if auditline_model::unit::same_session(opened, session))
        })
    });
    let ends = unit.events_in(id).any(|(ordinal, event)| {
        matches!(event.kind, EventKind::Session { action: SessionAction::Commit | SessionAction::Rollback, .. })
            && unit.can_follow(lock, ordinal)
    });
    given && !same_row && !own_session && !ends
}

/// Whether a key is an attribute of an object that a loop takes out of a list: another one in each round.
fn is_of_item(key: &Value) -> bool {
    match key {
        Value::Attribute(object, _) => is_of_item(object),
        Value::Instance(item) => item.origin == InstanceOrigin::Unknown,
        _ => false,
    }
}

/// Whether another lock lets one request at a time come here.
fn is_alone(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return true };
    let session = match &event.kind {
        EventKind::Load { query, .. } | EventKind::Execute(query) => query.session.as_deref(),
        _ => None,
    };
    unit.is_exclusive(at)
        || isolation::autocommits(db, session).is_some()
        || !super::served::is_served(db, of) && entry::entry_point(db, of).is_none()
}

/// Whether the transaction holds another row lock already, which may let one request at a time come here.
fn is_second(unit: &Unit, at: u32) -> bool {
    let mut earlier = unit.numbered().take(at as usize);
    earlier.any(|(ordinal, event)| event.kind.row_lock().is_some() && unit.can_follow(ordinal, at))
}

/// The cure of one statement for many rows: lock them in the order of their key.
fn order_fix(db: &dyn Db, of: FunctionRef, query: &QueryValue, form: LoadForm) -> Vec<Fix> {
    let (Some(model), LoadForm::Chain(range)) = (query.model, form) else { return Vec::new() };
    let Some(key) = tables::orm_model(db, model).and_then(|model| model.key()) else { return Vec::new() };
    let name = classes::simple(model.path);
    vec![Fix::new(format!("Lock them in the order of `{name}.{key}`"), Safety::Safe, move |db| {
        let name = super::unlocked_read_modify_write::name_in(db, of, model)?;
        edit::in_function(db, of, |scope| edit::order_query(scope, range, &format!("{name}.{key}")))
    })]
}

fn story(first: &str, second: &str) -> Story {
    Story {
        actors: vec!["Request A".to_owned(), "Request B".to_owned()],
        steps: vec![
            (0, format!("locks `{first}`")),
            (1, format!("locks `{second}`")),
            (0, format!("asks for `{second}`: waits for request B")),
            (1, format!("asks for `{first}`: waits for request A")),
        ],
        outcome: "PostgreSQL notices after a second, and ends one of them with `deadlock detected`.".to_owned(),
    }
}
