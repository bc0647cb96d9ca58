//! Whether the database can refuse what a statement, flush or commit saves.

use auditline_model::eval::value::{Lock, Part, QueryKind, RowOrigin, SessionOrigin, SessionValue, Sources, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::tables::{held_key, keyed_class};
use auditline_model::unit::{Condition, EventKind, FrameKind, SessionAction, Unit, Use, same_session, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, entry, function};
use auditline_syntax::python::ir::{ArgKind, Code, Expr, ExprId};
use auditline_syntax::{Name, TextRange};

mod cause;
mod constraints;

pub(super) use cause::{Cause, Refusal};
use constraints::{Saved, fresh, is_outside_of, other_key, referred, sets, statement};

/// How many calls deep what is saved, and what is handed in, is followed.
const DEPTH: u32 = 4;

/// Whether data can make that event fail, or nothing is known of what it saves. Else only a connection that is lost at that
/// moment can.
pub(super) fn is_refusable(db: &dyn Db, of: FunctionRef, at: u32) -> bool {
    refused(db, of, at) != Refusal::No
}

/// Whether data can make that event fail, and why.
pub(super) fn refused(db: &dyn Db, of: FunctionRef, at: u32) -> Refusal {
    refusal(db, &Chain { function: of, called: None }, at, DEPTH)
}

/// A function, and the calls that lead to it from the one that is asked about.
#[derive(Clone, Copy)]
struct Chain<'a> {
    function: FunctionRef,
    /// Who called it, and by which event.
    called: Option<(&'a Chain<'a>, &'a EventKind)>,
}

impl Chain<'_> {
    /// On into a function that is called there.
    fn on_into<'a>(&'a self, unit: &'a Unit, range: TextRange, callee: FunctionRef) -> Chain<'a> {
        let call = unit.events.iter().find(|other| {
            other.range == range && matches!(other.kind, EventKind::Call { callee: called, .. } if called == callee)
        });
        Chain { function: callee, called: call.map(|call| (self, &call.kind)) }
    }
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

fn refusal(db: &dyn Db, chain: &Chain<'_>, at: u32, depth: u32) -> Refusal {
    let unit = unit_of(db, chain.function);
    let Some(event) = unit.events.get(at as usize) else { return Refusal::Unknown };
    match &event.kind {
        // Rows that are changed one after the other wait for those who change them in another order.
        EventKind::Execute(query) => {
            let is_change = matches!(query.kind, QueryKind::Update | QueryKind::Delete);
            let one_by_one =
                if is_change && unit.in_loop(event.frame) { Refusal::For(Cause::Deadlock) } else { Refusal::No };
            statement(db, query).or(one_by_one)
        }
        EventKind::Session { session, action, by, .. } => {
            if *action == SessionAction::Flush && locks_on(&unit, at, session) {
                return Refusal::For(Cause::Deadlock);
            }
            let within = match by {
                Some(_) if depth == 0 => Refusal::Unknown,
                Some(callee) => within(db, &chain.on_into(&unit, event.range, *callee), depth - 1),
                None => Refusal::Unseen,
            };
            if within.is_for_data() { within } else { pending(db, chain, &unit, at, session, within) }
        }
        _ => Refusal::Unknown,
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
fn pending(db: &dyn Db, chain: &Chain<'_>, unit: &Unit, at: u32, session: &SessionValue, within: Refusal) -> Refusal {
    let sent = sent_before(unit, at, session);
    let is_empty =
        is_own(session) && !is_given(unit, 0..at) || sent.by_query.is_some_and(|query| !is_given(unit, query..at));
    let mut seen: Option<Refusal> = None;
    for ordinal in (sent.by_flush..at).filter(|earlier| unit.can_follow(*earlier, at)) {
        if is_sent_by_callee(unit, ordinal, at) {
            continue;
        }
        if let Some(own) = saved(db, chain, unit, ordinal) {
            let together = seen.map_or(own.clone(), |before| before.or(own));
            if together.is_for_data() {
                return together;
            }
            seen = Some(together);
        }
    }
    match (seen, within) {
        (Some(seen), Refusal::Unknown) => seen.or(Refusal::Unknown),
        (Some(seen), _) => seen,
        (None, _) if is_empty => Refusal::No,
        (None, within) => within,
    }
}

/// Whether data can make a flush, commit or statement of a function fail that an event of its caller stands for.
fn within(db: &dyn Db, chain: &Chain<'_>, depth: u32) -> Refusal {
    let unit = unit_of(db, chain.function);
    let sends = unit.numbered().filter(|(_, event)| {
        matches!(
            event.kind,
            EventKind::Execute(_) | EventKind::Session { action: SessionAction::Commit | SessionAction::Flush, .. }
        )
    });
    sends.map(|(ordinal, _)| refusal(db, chain, ordinal, depth)).reduce(Refusal::or).unwrap_or(Refusal::Unseen)
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
fn saved(db: &dyn Db, chain: &Chain<'_>, unit: &Unit, at: u32) -> Option<Refusal> {
    let event = unit.events.get(at as usize)?;
    Some(match &event.kind {
        EventKind::Write { row, column, from, constant, in_sql, by, .. }
        | EventKind::Overwrite { row, column, from, constant, in_sql, by, .. } => {
            let value = if constant.is_some() {
                Saved::Plain
            } else if *in_sql || by.is_some() {
                Saved::Unknown
            } else {
                written(db, chain, row.id, from)
            };
            // An object that is set goes into the key that holds it; it may be a new one, which is saved with it.
            let is_locked = matches!(row.origin, RowOrigin::Loaded { lock: Lock::Yes, .. });
            row.model.map_or(Refusal::Unknown, |model| {
                let key = if is_locked { held_key(db, model, *column) } else { None };
                sets(db, model, key.unwrap_or(*column), value, *constant)
            })
        }
        EventKind::Create(row) => row.model.map_or(Refusal::Unknown, |model| creates(db, chain, unit, at, model)),
        EventKind::Add { row: Some(row), by: Some(callee), .. } => {
            // It may have made the row itself.
            match adds(db, &chain.on_into(unit, event.range, *callee), DEPTH) {
                Refusal::Unknown | Refusal::Unseen => {
                    row.model.map_or(Refusal::Unknown, |model| other_key(db, model, &[]))
                }
                known => known,
            }
        }
        EventKind::Add { row: None, by: Some(callee), .. } => {
            adds(db, &chain.on_into(unit, event.range, *callee), DEPTH)
        }
        EventKind::Add { row: None, by: None, .. } => Refusal::Unknown,
        EventKind::Delete { row, .. } => {
            row.as_ref().and_then(|row| row.model).map_or(Refusal::Unknown, |model| referred(db, model))
        }
        EventKind::SetEach { .. } => Refusal::Unknown,
        _ => return None,
    })
}

/// Whether data can make the INSERT of what a function adds fail.
fn adds(db: &dyn Db, chain: &Chain<'_>, depth: u32) -> Refusal {
    let unit = unit_of(db, chain.function);
    let added = unit.numbered().filter_map(|(ordinal, event)| match &event.kind {
        EventKind::Create(row) => {
            Some(row.model.map_or(Refusal::Unknown, |model| creates(db, chain, &unit, ordinal, model)))
        }
        EventKind::Add { row: None, by: Some(_), .. } if depth == 0 => Some(Refusal::Unknown),
        EventKind::Add { row: None, by: Some(callee), .. } => {
            Some(adds(db, &chain.on_into(&unit, event.range, *callee), depth - 1))
        }
        _ => None,
    });
    added.reduce(Refusal::or).unwrap_or(Refusal::Unknown)
}

fn written(db: &dyn Db, chain: &Chain<'_>, row: u32, from: &Sources) -> Saved {
    let is_outside = from.external.is_some()
        || from.parts.iter().any(|part| match part {
            Part::Param(index) | Part::Attribute(index, _) => is_outside(db, chain, *index, DEPTH),
            Part::Column(_) => false,
        });
    if is_outside {
        Saved::Outside
    } else if from.fresh && from.fields.iter().all(|field| field.row == row) {
        Saved::Fresh
    } else if from.fields.iter().all(|field| field.row == row) && !from.other {
        Saved::Plain
    } else {
        Saved::Unknown
    }
}

/// Whether a parameter holds what comes in with a request or message: nobody in the workspace calls the function, or those
/// who do hand on what came in with theirs. Of a function that was called on the way, only that call counts.
fn is_outside(db: &dyn Db, chain: &Chain<'_>, index: u32, depth: u32) -> bool {
    let of = chain.function;
    if let Some((caller, call)) = chain.called {
        let argument = argument_of(db, of, call, index);
        return argument.as_ref().and_then(root).is_some_and(|param| is_outside(db, caller, param, depth));
    }
    if entry::is_endpoint(db, of) {
        return true;
    }
    let sites = callers(db, of);
    sites.is_empty()
        || depth > 0
            && sites.iter().any(|site| {
                let argument = argument_of(db, of, &site.event, index);
                let caller = Chain { function: site.function, called: None };
                argument.as_ref().and_then(root).is_some_and(|param| is_outside(db, &caller, param, depth - 1))
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

/// Whether data can make the INSERT of a row fail that a function constructs there.
fn creates(db: &dyn Db, chain: &Chain<'_>, unit: &Unit, created: u32, model: ClassRef) -> Refusal {
    let Some(range) = unit.events.get(created as usize).map(|event| event.range) else { return Refusal::Unknown };
    let key = other_key(db, model, &fresh(db, unit, created, model));
    let raced = match key {
        Refusal::For(Cause::Taken(_, columns)) if is_looked_for(unit, created, model, &columns) => {
            Refusal::For(Cause::Raced(model, columns))
        }
        Refusal::No => Refusal::No,
        other => return other,
    };
    let (Some(table), Some(body)) = (keyed_class(db, model), function(db, chain.function)) else {
        return Refusal::Unknown;
    };
    let code = &body.code;
    let names: Vec<Name> = body.params.iter().map(|param| param.name).collect();
    let constructed = code.exprs.iter().zip(&code.ranges).filter(|(_, own)| **own == range);
    let given = constructed.filter_map(|(expr, _)| if let Expr::Call { args, .. } = expr { Some(args) } else { None });
    let refused = given.flatten().map(|arg| {
        let ArgKind::Keyword(keyword) = arg.kind else { return Refusal::Unknown };
        let value = match param_of(code, &names, arg.value) {
            Some(index) if is_outside(db, chain, index, DEPTH) => Saved::Outside,
            _ => Saved::Unknown,
        };
        match table.column(keyword) {
            Some((own, column)) if is_outside_of(column, value) => Refusal::For(Cause::Misfit(model, own)),
            _ => Refusal::No,
        }
    });
    refused.fold(raced, Refusal::or)
}

/// Whether a row is made only where a lookup by these columns has found none.
fn is_looked_for(unit: &Unit, created: u32, model: ClassRef, columns: &[Name]) -> bool {
    let Some(event) = unit.events.get(created as usize) else { return false };
    let is_by_all = |lookup: u32| match unit.events.get(lookup as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => {
            query.model == Some(model) && columns.iter().all(|column| query.filters.contains(column))
        }
        _ => false,
    };
    unit.conditions_around(event.frame).filter_map(Condition::missed).any(is_by_all)
}

/// The parameter that an expression is, or is an attribute of.
fn param_of(code: &Code, params: &[Name], expr: ExprId) -> Option<u32> {
    match &code[expr] {
        Expr::Name(name) => params.iter().position(|param| param == name).and_then(|at| u32::try_from(at).ok()),
        Expr::Attribute { value, .. } => param_of(code, params, *value),
        _ => None,
    }
}
