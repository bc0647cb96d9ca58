//! Whether the database can refuse what a statement, flush or commit saves.

use auditline_model::eval::value::{
    Lock, Part, Passes, QueryKind, QueryValue, RowOrigin, SessionOrigin, SessionValue, Sources, Supplied, Value,
};
use auditline_model::owner::{argument_of, callers};
use auditline_model::tables::{
    Column, KeyedTable, TypeFamily, held_key, keyed_class, mapped_tables, orm_model, points_at,
};
use auditline_model::unit::{EventKind, FrameKind, SessionAction, Unit, Use, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, entry, function};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

/// How many calls deep what is saved, and what is handed in, is followed.
const DEPTH: u32 = 4;

/// Whether data can make that event fail: a unique key that another request has taken, a foreign key to a row that callers
/// name, a text that is too long, rows that are changed in any order (a deadlock), a statement of which nothing is known.
/// Else only a connection that is lost at that moment can.
pub(super) fn is_refusable(db: &dyn Db, of: FunctionRef, at: u32) -> bool {
    refusal(db, of, at, DEPTH) != Refusal::No
}

/// Whether data can make any write of a function fail that it sends with that session, or does not see whose it is.
pub(super) fn is_any_refusable(db: &dyn Db, of: FunctionRef, unit: &Unit, session: &SessionValue) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        let is_sent = match &event.kind {
            EventKind::Execute(query) => query.session.as_deref().is_none_or(|own| same_session(own, session)),
            EventKind::Session { session: own, action: SessionAction::Commit | SessionAction::Flush, .. } => {
                same_session(own, session)
            }
            _ => false,
        };
        is_sent && is_refusable(db, of, ordinal)
    })
}

/// Whether data can make something fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Refusal {
    /// What is saved always fits.
    No,
    /// Nothing is seen that is saved: what callers have pending is.
    Unseen,
    Yes,
}

impl Refusal {
    fn of(is_refusable: bool) -> Self {
        if is_refusable { Self::Yes } else { Self::No }
    }
}

fn refusal(db: &dyn Db, of: FunctionRef, at: u32, depth: u32) -> Refusal {
    let unit = unit_of(db, of);
    let Some(event) = unit.events.get(at as usize) else { return Refusal::Yes };
    match &event.kind {
        // Rows that are changed one after the other wait for those who change them in another order.
        EventKind::Execute(query) => Refusal::of(
            statement(db, query)
                || matches!(query.kind, QueryKind::Update | QueryKind::Delete) && unit.in_loop(event.frame),
        ),
        EventKind::Session { session, action, by, .. } => {
            if *action == SessionAction::Flush && locks_on(unit_of(db, of).as_ref(), at, session) {
                return Refusal::Yes;
            }
            let within = match by {
                Some(_) if depth == 0 => Refusal::Yes,
                Some(callee) => within(db, *callee, depth - 1),
                None => Refusal::Unseen,
            };
            if within == Refusal::Yes { Refusal::Yes } else { pending(db, of, &unit, at, session, within) }
        }
        _ => Refusal::Yes,
    }
}

/// Whether the rounds of a loop flush one row after the other and hold them all, as statements do that change rows one by one.
fn locks_on(unit: &Unit, at: u32, session: &SessionValue) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return false };
    let Some((looped, _)) = unit.ancestors(event.frame).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }))
    else {
        return false;
    };
    let mut changes = false;
    for (ordinal, within) in unit.events_in(looped) {
        match &within.kind {
            EventKind::Session { session: own, action: SessionAction::Commit | SessionAction::Rollback, .. }
                if same_session(own, session) =>
            {
                return false;
            }
            EventKind::Write { row, .. } | EventKind::Overwrite { row, .. } => {
                let of_round = unit.frames.get(looped.0 as usize).is_some_and(|frame| row.id >= frame.first);
                changes |= of_round
                    && matches!(row.origin, RowOrigin::Loaded { lock: Lock::No, .. })
                    && unit.can_follow(ordinal, at);
            }
            _ => {}
        }
    }
    changes
}

/// Whether data can make a flush or commit of what is pending fail.
fn pending(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, session: &SessionValue, within: Refusal) -> Refusal {
    let sent = sent_before(unit, at, session);
    let is_empty =
        is_own(session) && !is_given(unit, 0..at) || sent.by_query.is_some_and(|query| !is_given(unit, query..at));
    let mut found = if is_empty { Refusal::No } else { within };
    for ordinal in (sent.by_flush..at).filter(|earlier| unit.can_follow(*earlier, at)) {
        if is_sent_by_callee(unit, ordinal, at) {
            continue;
        }
        match saved(db, of, unit, ordinal) {
            Some(true) => return Refusal::Yes,
            Some(false) => found = Refusal::No,
            None => {}
        }
    }
    found
}

/// Whether data can make a flush, commit or statement of a function fail.
fn within(db: &dyn Db, of: FunctionRef, depth: u32) -> Refusal {
    let unit = unit_of(db, of);
    let sends = unit.numbered().filter(|(_, event)| {
        matches!(
            event.kind,
            EventKind::Execute(_) | EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. }
        )
    });
    sends.map(|(ordinal, _)| refusal(db, of, ordinal, depth)).max().unwrap_or(Refusal::Unseen)
}

/// What has gone to the database before an event, whichever way led there.
struct Sent {
    /// Where the first event behind the last flush or commit stands.
    by_flush: u32,
    /// The last statement: it flushes what callers have pending, unless the session is told not to.
    by_query: Option<u32>,
}

fn sent_before(unit: &Unit, at: u32, session: &SessionValue) -> Sent {
    let mut sent = Sent { by_flush: 0, by_query: None };
    let Some(frame) = unit.events.get(at as usize).map(|event| event.frame) else { return sent };
    for (ordinal, event) in unit.numbered().take(at as usize) {
        let always = unit.ancestors(frame).any(|(around, _)| around == event.frame);
        if !always || unit.use_of(ordinal, session) != Some(Use::Statement) {
            continue;
        }
        sent.by_query = Some(ordinal);
        if matches!(event.kind, EventKind::Session { maybe: false, .. }) {
            sent.by_flush = ordinal + 1;
        }
    }
    sent
}

/// Whether the call that does something also flushes or commits it.
fn is_sent_by_callee(unit: &Unit, ordinal: u32, at: u32) -> bool {
    let Some(own) = unit.events.get(ordinal as usize) else { return false };
    // What a call returns stands behind all else that it does.
    let is_within = unit.events.get(at as usize).is_some_and(|sent| sent.range == own.range);
    let is_returned = matches!(own.kind, EventKind::Create(_)) && !is_within;
    let first = if is_returned { 0 } else { ordinal as usize + 1 };
    unit.numbered().take(at as usize).skip(first).any(|(_, event)| {
        event.range == own.range
            && matches!(
                event.kind,
                EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, by: Some(_), .. }
            )
    })
}

/// Whether a statement goes to the database alone: nothing is pending that the session would flush before it.
pub(super) fn sends_nothing_else(unit: &Unit, at: u32, session: &SessionValue) -> bool {
    is_own(session)
        && !is_given(unit, 0..at)
        && (sent_before(unit, at, session).by_flush..at).filter(|earlier| unit.can_follow(*earlier, at)).all(
            |earlier| {
                !matches!(
                    unit.events.get(earlier as usize).map(|event| &event.kind),
                    Some(
                        EventKind::Write { .. }
                            | EventKind::Overwrite { .. }
                            | EventKind::SetEach { .. }
                            | EventKind::Create(_)
                            | EventKind::Add { .. }
                            | EventKind::Delete { .. }
                    )
                )
            },
        )
}

/// Whether something that is not understood is handed a session there.
fn is_given(unit: &Unit, between: std::ops::Range<u32>) -> bool {
    between
        .filter_map(|ordinal| unit.events.get(ordinal as usize))
        .any(|event| matches!(event.kind, EventKind::Given { .. }))
}

/// Whether a function gets the session itself, with nothing pending in it.
fn is_own(session: &SessionValue) -> bool {
    matches!(
        session.origin,
        SessionOrigin::Dependency(_)
            | SessionOrigin::Opened(_)
            | SessionOrigin::Scoped(_)
            | SessionOrigin::Context(_)
            | SessionOrigin::ContextClass(_)
    )
}

/// Whether data can make the next flush behind an event fail; `None` where the event leaves nothing for it.
fn saved(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> Option<bool> {
    let event = unit.events.get(at as usize)?;
    Some(match &event.kind {
        EventKind::Write { row, column, from, constant, in_sql, by, .. }
        | EventKind::Overwrite { row, column, from, constant, in_sql, by, .. } => {
            let value = if constant.is_some() {
                Saved::Plain
            } else if *in_sql || by.is_some() {
                Saved::Unknown
            } else {
                written(db, of, row.id, from)
            };
            // An object that is set goes into the key that holds it; it may be a new one, which is saved with it.
            let is_locked = matches!(row.origin, RowOrigin::Loaded { lock: Lock::Yes, .. });
            row.model.is_none_or(|model| {
                let key = if is_locked { held_key(db, model, *column) } else { None };
                sets(db, model, key.unwrap_or(*column), value)
            })
        }
        EventKind::Create(row) => row.model.is_none_or(|model| creates(db, of, model, event.range)),
        EventKind::Add { row: Some(row), by: Some(_), .. } => row.model.is_none_or(|model| has_other_key(db, model)),
        EventKind::Add { row: None, by: Some(callee), .. } => adds(db, *callee, DEPTH),
        EventKind::Add { row: None, by: None, .. } => true,
        EventKind::Delete { row, .. } => {
            row.as_ref().and_then(|row| row.model).is_none_or(|model| is_referred_to(db, model, ()))
        }
        EventKind::SetEach { .. } => true,
        _ => return None,
    })
}

/// Whether data can make the INSERT of what a function adds fail.
fn adds(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let unit = unit_of(db, of);
    let added = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Create(row) => Some(row.model.is_none_or(|model| creates(db, of, model, event.range))),
        EventKind::Add { row: None, by: Some(callee), .. } => Some(depth == 0 || adds(db, *callee, depth - 1)),
        _ => None,
    });
    added.reduce(|one, other| one || other).unwrap_or(true)
}

/// What is known of a value that is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Saved {
    /// It has its place in the column already, or always fits: a constant, the clock, what the row itself held.
    Plain,
    /// Whoever sends the request or the message says it.
    Outside,
    /// It cannot be told.
    Unknown,
}

fn written(db: &dyn Db, of: FunctionRef, row: u32, from: &Sources) -> Saved {
    let is_outside = from.external.is_some()
        || from.parts.iter().any(|part| match part {
            Part::Param(index) | Part::Attribute(index, _) => is_outside(db, of, *index, DEPTH),
            Part::Column(_) => false,
        });
    if is_outside {
        Saved::Outside
    } else if from.fields.iter().all(|field| field.row == row) && (from.fresh || !from.other) {
        Saved::Plain
    } else {
        Saved::Unknown
    }
}

/// Whether a parameter holds what comes in with a request or message: nobody in the workspace calls the function, or those
/// who do hand on what came in with theirs.
fn is_outside(db: &dyn Db, of: FunctionRef, index: u32, depth: u32) -> bool {
    if entry::is_endpoint(db, of) {
        return true;
    }
    let sites = callers(db, of);
    sites.is_empty()
        || depth > 0
            && sites.iter().any(|site| {
                let argument = argument_of(db, of, &site.event, index);
                argument.as_ref().and_then(root).is_some_and(|param| is_outside(db, site.function, param, depth - 1))
            })
}

/// The parameter that a value is, or is an attribute of.
fn root(value: &Value) -> Option<u32> {
    match value {
        Value::Param(index) => Some(*index),
        Value::Attribute(object, _) => root(object),
        _ => None,
    }
}

/// Whether data can make an UPDATE of one row fail that sets that attribute.
fn sets(db: &dyn Db, model: ClassRef, attribute: Name, value: Saved) -> bool {
    let Some(table) = keyed_class(db, model) else { return true };
    let Some((attribute, column)) = table.column(attribute) else { return value != Saved::Plain };
    table.keys.iter().any(|key| key.columns.contains(&attribute))
        || is_outside_of(column, value)
        || column.family != TypeFamily::Json && decides_uniqueness(db, model, attribute)
}

/// Whether a column is one of a unique index that holds for some rows only, or decides for which: a row may come under it. Of a
/// document, an index asks for a part that is seldom the one that is set.
fn decides_uniqueness(db: &dyn Db, model: ClassRef, attribute: Name) -> bool {
    orm_model(db, model).is_some_and(|model| {
        model.unique_where.contains(&attribute)
            || model.partly_unique.iter().any(|columns| columns.contains(&attribute))
    })
}

/// Whether a column cannot hold all that may be saved in it.
fn is_outside_of(column: &Column, value: Saved) -> bool {
    let is_bound =
        column.length.is_some() || column.foreign_key.is_some() || matches!(column.family, TypeFamily::Other(_));
    value == Saved::Outside && is_bound
}

/// Whether data can make the INSERT of a row fail that a function constructs there.
fn creates(db: &dyn Db, of: FunctionRef, model: ClassRef, range: TextRange) -> bool {
    if has_other_key(db, model) {
        return true;
    }
    let (Some(table), Some(body)) = (keyed_class(db, model), function(db, of)) else { return true };
    let code = &body.code;
    let names: Vec<Name> = body.params.iter().map(|param| param.name).collect();
    code.exprs.iter().zip(&code.ranges).filter(|(_, own)| **own == range).any(|(expr, _)| {
        let Expr::Call { args, .. } = expr else { return false };
        args.iter().any(|arg| {
            let ArgKind::Keyword(keyword) = arg.kind else { return true };
            let column = table.column(keyword).map(|(_, column)| column);
            let value = match param_of(code, &names, arg.value) {
                Some(index) if is_outside(db, of, index, DEPTH) => Saved::Outside,
                _ => Saved::Unknown,
            };
            column.is_some_and(|column| is_outside_of(column, value))
        })
    })
}

/// The parameter that an expression is, or is an attribute of.
fn param_of(code: &Code, params: &[Name], expr: ExprId) -> Option<u32> {
    match &code[expr] {
        Expr::Name(name) => params.iter().position(|param| param == name).and_then(|at| u32::try_from(at).ok()),
        Expr::Attribute { value, .. } => param_of(code, params, *value),
        _ => None,
    }
}

/// Whether rows of a class must differ in more than a key that is made anew for each.
fn has_other_key(db: &dyn Db, model: ClassRef) -> bool {
    let Some(table) = keyed_class(db, model) else { return true };
    table.keys.iter().any(|key| !is_made_anew(&table, &key.columns))
        || orm_model(db, model).is_some_and(|model| !model.partly_unique.is_empty())
}

/// Whether the database or the model gives each row another value for one of these columns.
fn is_made_anew(table: &KeyedTable, columns: &[Name]) -> bool {
    columns.iter().filter_map(|attribute| table.column(*attribute)).any(|(_, column)| {
        let counts = matches!(column.family, TypeFamily::Integer | TypeFamily::BigInteger | TypeFamily::Unknown);
        let is_counted = column.primary_key && columns.len() == 1 && column.foreign_key.is_none() && counts;
        is_counted || column.has_default && !matches!(column.family, TypeFamily::Boolean | TypeFamily::Enum)
    })
}

/// Whether rows of other tables refer to rows of a class, and keep them from being deleted.
///
/// A query of its own: all tables are looked through for it, once for a class.
#[salsa::tracked(returns(copy))]
fn is_referred_to(db: &dyn Db, model: ClassRef, _key: ()) -> bool {
    mapped_tables(db).values().flatten().any(|other| {
        keyed_class(db, *other).is_some_and(|table| {
            table.columns.iter().any(|(attribute, _, column)| {
                let lets_go = column.on_delete.is_some_and(|action| {
                    ["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|word| action.eq_ignore_ascii_case(word))
                });
                column.foreign_key.is_some() && !lets_go && points_at(db, *other, *attribute, model)
            })
        })
    })
}

/// Whether data can make a statement fail.
fn statement(db: &dyn Db, query: &QueryValue) -> bool {
    let Some(model) = query.model else { return true };
    match query.kind {
        QueryKind::Insert => {
            let Some(insertion) = &query.insertion else { return true };
            if insertion.passes != Passes::None {
                return false;
            }
            let Some(table) = keyed_class(db, model) else { return true };
            let is_fresh = |attribute: &Name| {
                insertion.supplies.iter().any(|(name, supplied)| {
                    *supplied == Supplied::Fresh && table.column(*name).is_some_and(|(own, _)| own == *attribute)
                })
            };
            table.keys.iter().any(|key| !is_made_anew(&table, &key.columns) && !key.columns.iter().any(is_fresh))
        }
        QueryKind::Update => {
            !finds_one(db, model, query)
                || query.sets.is_empty()
                || query.sets.iter().any(|(column, _)| sets(db, model, *column, Saved::Unknown))
        }
        QueryKind::Delete => !finds_one(db, model, query) || is_referred_to(db, model, ()),
        _ => true,
    }
}

/// Whether a statement changes one row at most: it asks for a whole unique key.
fn finds_one(db: &dyn Db, model: ClassRef, query: &QueryValue) -> bool {
    let Some(table) = keyed_class(db, model) else { return false };
    let asks_for = |attribute: &Name| {
        query.filters.iter().any(|filter| table.column(*filter).is_some_and(|(own, _)| own == *attribute))
    };
    !query.among && table.keys.iter().any(|key| key.columns.iter().all(asks_for))
}
