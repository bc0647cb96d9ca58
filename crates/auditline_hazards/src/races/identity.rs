//! The identity map: a row that a session holds already keeps the values it has when it is loaded again.

use auditline_model::eval::param_row;
use auditline_model::eval::value::{
    ArgName, Key, Lock, OnCommit, QueryValue, RowOrigin, RowValue, SessionOrigin, SessionValue, Value,
};
use auditline_model::owner::{CallSite, argument_of, callers, class_of};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, SessionAction, Unit, effect, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, head, tables};
use auditline_syntax::Name;

use crate::finding::{Evidence, Place};

use super::rows;

/// How many callers up a row that is held is looked for.
const DEPTH: u32 = 3;

/// What a load looks for.
struct Wanted<'a> {
    model: ClassRef,
    keys: Vec<(Name, Key)>,
    /// Whether nothing else narrows it down.
    by_keys_only: bool,
    session: &'a SessionValue,
}

/// Where the session got the row that a load is to give, by a load that did not lock: the row is held by a variable, here or
/// in a caller, and nothing has expired it since. `None` where that is not proved.
pub(super) fn held_before(db: &dyn Db, of: FunctionRef, unit: &Unit, load: u32) -> Option<Evidence> {
    let EventKind::Load { query, .. } = &unit.events.get(load as usize)?.kind else { return None };
    let wanted = Wanted {
        model: query.model?,
        keys: query.keys.to_vec(),
        by_keys_only: query.keys.len() == query.filters.len() || query.filters.is_empty(),
        session: query.session.as_deref()?,
    };
    find(db, of, unit, load, &wanted, DEPTH)
}

/// The row that this function loaded before, without a lock, and that a load gives again.
pub(super) fn earlier_load(db: &dyn Db, unit: &Unit, load: u32) -> Option<u32> {
    let EventKind::Load { query, .. } = &unit.events.get(load as usize)?.kind else { return None };
    let wanted = Wanted {
        model: query.model?,
        keys: query.keys.to_vec(),
        by_keys_only: query.keys.len() == query.filters.len() || query.filters.is_empty(),
        session: query.session.as_deref()?,
    };
    unit.numbered().take(load as usize).find_map(|(ordinal, event)| match &event.kind {
        EventKind::Load { query, row: Some(row), .. } => {
            let is_it = query.entities
                && query.lock == Lock::No
                && query.model == Some(wanted.model)
                && unit.can_follow(ordinal, load)
                && is_same(db, *row, query, &wanted);
            is_it.then_some(*row)
        }
        _ => None,
    })
}

fn find(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, wanted: &Wanted<'_>, depth: u32) -> Option<Evidence> {
    loaded_here(db, of, unit, at, wanted)
        .or_else(|| handed_in(db, of, unit, at, wanted))
        .or_else(|| held_by_caller(db, of, unit, at, wanted, depth))
}

/// A row that this function loaded before.
fn loaded_here(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, wanted: &Wanted<'_>) -> Option<Evidence> {
    unit.numbered().take(at as usize).find_map(|(ordinal, event)| {
        let EventKind::Load { query, row: Some(row), by, .. } = &event.kind else { return None };
        let is_it = query.entities
            && query.lock == Lock::No
            && query.model == Some(wanted.model)
            && query.session.as_deref().is_some_and(|session| same_session(session, wanted.session))
            && unit.named.contains(row)
            && unit.can_follow(ordinal, at)
            && is_same(db, *row, query, wanted)
            && !is_fresh(unit, *row, Some(ordinal), at, wanted.session);
        is_it.then(|| Evidence {
            place: Place::InFunction(of, event.range),
            message: match by {
                Some(by) => {
                    format!("the session got the row here through `{}`, without a lock", classes::simple(by.path))
                }
                None => "the session got the row here, without a lock".to_owned(),
            },
        })
    })
}

/// A row that a dependency or caller loaded with the session that this function uses too.
fn handed_in(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, wanted: &Wanted<'_>) -> Option<Evidence> {
    let params = u32::try_from(head(db, of)?.params.len()).ok()?;
    wanted.keys.iter().find_map(|(column, key)| {
        let (row, own) = match key {
            Key::Field { row, column: own } if (0..params).any(|index| param_row(index) == *row) => {
                let read = unit.events.iter().find_map(|event| match &event.kind {
                    EventKind::Read { row: read, .. } if read.id == *row => Some(read),
                    _ => None,
                })?;
                ((**read).clone(), own)
            }
            // `payment.id`, where nothing says what is handed in as `payment`: those who call do.
            Key::Given(Value::Attribute(object, own)) => match **object {
                Value::Param(index) => (handed_row(db, of, index)?, own),
                _ => return None,
            },
            _ => return None,
        };
        let row = &row;
        if own != column
            || !is_unique(db, wanted.model, *column)
            || row.model != Some(wanted.model)
            || !rows::is_unlocked(db, of, row)
            || is_fresh(unit, row.id, None, at, wanted.session)
        {
            return None;
        }
        match &row.origin {
            RowOrigin::Dependency(_) => {
                let together = session_of(db, row).is_some_and(|session| same_session(&session, wanted.session))
                    || is_by_middleware(db, of, row, wanted.session);
                if together { rows::load_evidence(db, of, unit, row) } else { None }
            }
            RowOrigin::Param(index) => handed_in_by(db, of, *index, wanted.session),
            _ => None,
        }
    })
}

/// A caller that hands in a row that it has loaded without a lock, and the session that holds it.
fn handed_in_by(db: &dyn Db, of: FunctionRef, row: u32, session: &SessionValue) -> Option<Evidence> {
    let SessionOrigin::Param(index) = session.origin else { return None };
    callers(db, of).iter().find_map(|site| {
        let given = argument_of(db, of, &site.event, row)?;
        let row = given.row()?;
        let Value::Session(session) = argument_of(db, of, &site.event, index)? else { return None };
        let together = session_of(db, row).is_some_and(|own| same_session(&own, &session))
            || is_by_middleware(db, site.function, row, &session);
        let is_it = together
            && site.function != of
            && !entry::is_test(db, site.function.file)
            && rows::is_unlocked(db, site.function, row);
        is_it.then(|| Evidence {
            place: Place::Event(site.function, site.ordinal),
            message: format!("`{}` hands in the row, loaded without a lock", classes::simple(site.function.path)),
        })
    })
}

/// Whether a bot's middleware has handed both to a function: the row, and the session that loaded it.
fn is_by_middleware(db: &dyn Db, of: FunctionRef, row: &RowValue, session: &SessionValue) -> bool {
    let (RowOrigin::Dependency(Symbol::Function(middleware)), SessionOrigin::Param(index)) =
        (&row.origin, &session.origin)
    else {
        return false;
    };
    let Some(body) = head(db, of) else { return false };
    let Some(param) = body.params.get(*index as usize) else { return false };
    let unit = unit_of(db, *middleware);
    let stored = |event: &EventKind| match event {
        EventKind::Store { attribute, value: Value::Session(session), .. } if *attribute == param.name => {
            Some(std::sync::Arc::clone(session))
        }
        _ => None,
    };
    unit.events.iter().filter_map(|event| stored(&event.kind)).any(|session| {
        unit.events.iter().any(|event| match &event.kind {
            EventKind::Store { value: Value::Row(kept), .. } if kept.model == row.model => {
                kept.session.as_deref().is_some_and(|own| same_session(own, &session))
            }
            _ => false,
        })
    })
}

/// The row that all who call hand in for a parameter, if it is one of the same class.
fn handed_row(db: &dyn Db, of: FunctionRef, index: u32) -> Option<RowValue> {
    let mut model: Option<ClassRef> = None;
    for site in callers(db, of).iter().filter(|site| !entry::is_test(db, site.function.file)) {
        let given = argument_of(db, of, &site.event, index)?;
        let class = given.row()?.model?;
        if model.replace(class).is_some_and(|before| before != class) {
            return None;
        }
    }
    let origin = RowOrigin::Param(index);
    Some(RowValue { id: param_row(index), model: Some(model?), origin, session: None })
}

/// A row that a caller holds.
fn held_by_caller(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    at: u32,
    wanted: &Wanted<'_>,
    depth: u32,
) -> Option<Evidence> {
    let depth = depth.checked_sub(1)?;
    let outside = wanted.keys.iter().any(|(_, key)| matches!(key, Key::Given(_)));
    if !outside || is_fresh(unit, u32::MAX, None, at, wanted.session) {
        return None;
    }
    callers(db, of).iter().find_map(|site| {
        if site.function == of || entry::is_by_hand(db, site.function.file) {
            return None;
        }
        let session = session_in(db, of, site, wanted.session)?;
        let keys: Vec<(Name, Key)> =
            wanted.keys.iter().filter_map(|(column, key)| Some((*column, key_in(db, of, site, key)?))).collect();
        let by_keys_only = wanted.by_keys_only && keys.len() == wanted.keys.len();
        let wanted = Wanted { model: wanted.model, keys, by_keys_only, session: &session };
        find(db, site.function, &unit_of(db, site.function), site.ordinal, &wanted, depth)
    })
}

/// A session of a function as its caller sees it.
fn session_in(db: &dyn Db, of: FunctionRef, site: &CallSite, session: &SessionValue) -> Option<SessionValue> {
    match &session.origin {
        SessionOrigin::Param(index) => match argument_of(db, of, &site.event, *index)? {
            Value::Session(session) => Some((*session).clone()),
            _ => None,
        },
        // The same attribute of the same object.
        SessionOrigin::SelfAttribute(..) => {
            matches!(&site.event, EventKind::Call { object: Value::SelfObject, .. }).then(|| session.clone())
        }
        SessionOrigin::Registry(_) => Some(session.clone()),
        _ => None,
    }
}

/// What a caller calls what a function calls by that name.
fn key_in(db: &dyn Db, of: FunctionRef, site: &CallSite, key: &Key) -> Option<Key> {
    let Key::Given(Value::Param(index)) = key else { return None };
    let EventKind::Call { keys, object, .. } = &site.event else { return None };
    let body = head(db, of)?;
    let name = body.params.get(*index as usize)?.name;
    let bound = body.class.is_some() && !classes::is_static(&body) && !matches!(object, Value::Unknown);
    let position = index.checked_sub(u32::from(bound)).map(ArgName::Position);
    keys.iter()
        .find(|(given, _)| *given == ArgName::Keyword(name) || Some(*given) == position)
        .map(|(_, key)| key.clone())
}

/// Whether the row of an earlier load is the one that is wanted.
fn is_same(db: &dyn Db, row: u32, earlier: &QueryValue, wanted: &Wanted<'_>) -> bool {
    let by_itself = wanted.keys.iter().any(|(column, key)| {
        matches!(key, Key::Field { row: named, column: own } if *named == row && own == column)
            && is_unique(db, wanted.model, *column)
    });
    by_itself
        || wanted.keys.iter().any(|key| earlier.keys.contains(key) && is_unique(db, wanted.model, key.0))
        || wanted.by_keys_only
            && !wanted.keys.is_empty()
            && earlier.keys.len() == wanted.keys.len()
            && earlier.filters.len() <= earlier.keys.len()
            && wanted.keys.iter().all(|key| earlier.keys.contains(key))
}

pub(super) fn is_unique(db: &dyn Db, model: ClassRef, column: Name) -> bool {
    tables::orm_model(db, model)
        .is_some_and(|model| model.key() == Some(column) || model.column(column).is_some_and(|column| column.unique))
}

/// Whether a row is read again, or must be, when it is next looked at: a commit or rollback has expired it since, or a
/// change of its own has locked it.
fn is_fresh(unit: &Unit, row: u32, from: Option<u32>, to: u32, session: &SessionValue) -> bool {
    let mut fresh = false;
    for (ordinal, event) in unit.numbered().take(to as usize) {
        if from.is_some_and(|from| ordinal <= from || !unit.can_follow(from, ordinal)) || !unit.can_follow(ordinal, to)
        {
            continue;
        }
        match &event.kind {
            EventKind::Session { session: own, action, .. } if same_session(own, session) => match action {
                SessionAction::Commit => fresh |= own.on_commit != OnCommit::Keeps,
                SessionAction::Rollback | SessionAction::Restore | SessionAction::Close | SessionAction::Expire => {
                    fresh = true;
                }
                SessionAction::Flush | SessionAction::Savepoint | SessionAction::Begin => {}
            },
            EventKind::Refresh { row: Some(own), lock, .. } if own.id == row && *lock != Lock::No => return true,
            EventKind::Write { row: own, .. } if own.id == row => return true,
            EventKind::Read { row: own, .. } if own.id == row => fresh = false,
            _ => {}
        }
    }
    fresh
}

/// The session that loaded a row, also where a dependency did.
pub(super) fn session_of(db: &dyn Db, row: &RowValue) -> Option<std::sync::Arc<SessionValue>> {
    if row.session.is_some() {
        return row.session.clone();
    }
    let RowOrigin::Dependency(Symbol::Function(dependency)) = row.origin else { return None };
    let effect = effect(db, dependency, class_of(db, dependency));
    [&effect.yields, &effect.returns].into_iter().find_map(|value| value.row().and_then(|row| row.session.clone()))
}

/// Whether every caller passes a row and the session that loaded it.
pub(super) fn handed_in_together(db: &dyn Db, of: FunctionRef, row: u32, session: &SessionValue) -> bool {
    let SessionOrigin::Param(index) = session.origin else { return false };
    let sites = callers(db, of);
    !sites.is_empty()
        && sites.iter().all(|site| {
            let row = argument_of(db, of, &site.event, row);
            let session = argument_of(db, of, &site.event, index);
            match (row, session) {
                (Some(Value::Row(row)), Some(Value::Session(session))) => {
                    session_of(db, &row).is_some_and(|own| same_session(&own, &session))
                }
                _ => false,
            }
        })
}
