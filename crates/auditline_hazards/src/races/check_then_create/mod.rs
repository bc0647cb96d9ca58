//! AUD202: a query finds nothing, so the row is created, and nothing keeps a second request from doing the same.

use std::sync::Arc;

use auditline_model::eval::value::{Lock, QueryValue, RowOrigin, RowValue, SessionValue, Value};
use auditline_model::unit::{Condition, EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, head};
use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, listed, symbol};

use super::{held, isolation, rows, served};

mod conflict;
mod fix;
mod lookup;
mod lost;
mod made;
mod picked;
mod refused;
mod saved;
mod spelled;
mod takers;

use conflict::Wanted;
pub(super) use conflict::is_violation_handled;
use lookup::Uniqueness;
pub(super) use lost::makes;
use picked::Picked;
use takers::Doubled;

/// AUD202.
pub const HAZARD: Hazard = Hazard {
    code: "AUD202",
    name: "check-then-create",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "A row is created because a query found none, and nothing keeps a second request from doing the same",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// A row that is created because a lookup found none.
struct Creation {
    /// The ordinal of the lookup.
    lookup: u32,
    /// The ordinal of the creation.
    create: u32,
    /// The ordinal of the event that adds the row.
    add: u32,
    row: Arc<RowValue>,
    model: ClassRef,
    /// The session that adds it, where this function sees it.
    session: Option<Arc<SessionValue>>,
    /// The function that makes it durable with a session of its own, when a callee does.
    by: Option<FunctionRef>,
    /// Whether finding a row is refused (`if existing: raise`), so that only one is to succeed.
    refuses: bool,
}

impl Creation {
    fn made(&self) -> held::Made {
        held::Made { model: self.model, at: self.create }
    }
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut reported: Vec<u32> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        // What locks nothing because it finds nothing is another hazard.
        let creation = match &event.kind {
            EventKind::Create(row) => creation(db, of, &unit, ordinal, row, Lock::No),
            EventKind::Call { callee, .. } => made::creation(db, of, &unit, ordinal, *callee),
            EventKind::Execute(statement) => inserted(db, of, &unit, ordinal, statement),
            _ => None,
        };
        let Some(creation) = creation else { continue };
        if reported.contains(&creation.lookup)
            || held::is_held(db, of, &unit, creation.made())
            || is_asked_locked(db, &unit, creation.lookup)
            || isolation::is_serializable(db, of, creation.session.as_deref())
            || made::is_fallback(db, &unit, &creation)
            || made::looks_again(db, of, &unit, &creation)
            || entry::is_command(db, of)
        {
            continue;
        }
        let added = RowValue { session: creation.session.clone(), ..(*creation.row).clone() };
        if creation.by.is_none() && rows::durable(db, of, &unit, creation.add, &added).is_none() {
            continue;
        }
        let mut filters = lookup::filters(db, of, &unit, creation.lookup);
        match picked::picked(db, of, &unit, &creation) {
            Some(Picked::By(mut columns)) => {
                columns.retain(|column| !filters.columns.contains(column));
                filters.columns.extend(columns);
            }
            Some(Picked::Somehow) => filters = lookup::Filters::default(),
            None => {}
        }
        let mut known = filters.clone();
        let events = (creation.lookup, creation.create);
        known.columns.extend(lookup::twins(db, of, &unit, events, &filters.columns));
        let uniqueness = match lookup::uniqueness(db, creation.model, &known) {
            // A callee that makes the row may well give it a key of its own.
            Uniqueness::Unique { columns, .. }
                if creation.session.is_none() && lookup::has_key(db, creation.model, &columns) =>
            {
                Uniqueness::Unknown
            }
            // A second one may have the same key, which the database refuses.
            Uniqueness::NotUnique if lookup::has_composed_key(db, &unit, creation.create, creation.model) => {
                Uniqueness::Unknown
            }
            known => known,
        };
        let wanted = match uniqueness {
            // What is never raised is not handled.
            Uniqueness::NotUnique if !lookup::may_be_refused(db, of, &unit, creation.create, creation.model) => None,
            Uniqueness::NotUnique | Uniqueness::NotForNull { .. } => Some(Wanted::Named),
            Uniqueness::Unique { .. } | Uniqueness::Within { .. } | Uniqueness::Partly | Uniqueness::Unknown => {
                Some(Wanted::Broad)
            }
        };
        if wanted.is_some_and(|wanted| conflict::is_handled(db, of, &unit, &creation, wanted)) {
            continue;
        }
        // The second one is refused either way; only the answer is another.
        let constrained =
            matches!(uniqueness, Uniqueness::Unique { .. } | Uniqueness::Within { .. } | Uniqueness::Partly);
        if constrained
            && (creation.refuses
                || refused::is_turned_away(&unit, &creation, &uniqueness)
                || refused::is_refused_before(db, of, &unit, &creation, &uniqueness))
        {
            continue;
        }
        if lookup::is_fresh(db, of, &unit, creation.lookup) {
            continue;
        }
        reported.push(creation.lookup);
        findings.push(finding(db, of, &unit, &creation, &filters.columns, &uniqueness));
    }
}

/// A row that is created because a lookup with a lock found nothing to lock.
pub(super) struct LockedCreation {
    /// The ordinal of the lookup.
    pub(super) lookup: u32,
    /// The ordinal of the creation.
    pub(super) create: u32,
    pub(super) model: ClassRef,
    /// The constraint that forbids a second one, where there is one.
    pub(super) unique: Option<(Place, Vec<Name>)>,
    /// Whether nothing is lost with the request that it refuses.
    pub(super) is_harmless: bool,
    /// What that loses besides the row.
    pub(super) lost: Option<Evidence>,
}

/// The rows that a function creates because a lookup with a lock found none, with nothing else to guard their creation.
pub(super) fn locked_creations(db: &dyn Db, of: FunctionRef, unit: &Unit) -> Vec<LockedCreation> {
    let mut found: Vec<LockedCreation> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Create(row) = &event.kind else { continue };
        let Some(creation) = creation(db, of, unit, ordinal, row, Lock::Yes) else { continue };
        let added = RowValue { session: creation.session.clone(), ..(*creation.row).clone() };
        if found.iter().any(|known| known.lookup == creation.lookup)
            || conflict::is_handled(db, of, unit, &creation, Wanted::Broad)
            || held::is_held_besides(db, of, unit, creation.made(), creation.lookup)
            || isolation::is_serializable(db, of, creation.session.as_deref())
            || creation.by.is_none() && rows::durable(db, of, unit, creation.add, &added).is_none()
        {
            continue;
        }
        let filters = lookup::filters(db, of, unit, creation.lookup);
        let uniqueness = lookup::uniqueness(db, creation.model, &filters);
        let is_sure = matches!(uniqueness, Uniqueness::Unique { .. });
        let unique = match uniqueness {
            // The second one is refused either way; only the answer is another.
            Uniqueness::Unique { .. } | Uniqueness::Within { .. } if creation.refuses => continue,
            Uniqueness::Unique { place, columns } | Uniqueness::Within { place, columns, .. } => Some((place, columns)),
            Uniqueness::NotUnique | Uniqueness::NotForNull { .. } => None,
            Uniqueness::Partly | Uniqueness::Unknown => continue,
        };
        let lost = match &unique {
            Some((_, columns)) if is_sure => lost::lost(db, of, unit, &creation, columns),
            _ => None,
        };
        let is_repeated = || unique.is_some() && lost::is_delivered_again(db, of, unit, creation.create);
        let is_harmless = if is_sure { lost.is_none() } else { is_repeated() };
        let Creation { lookup, create, model, .. } = creation;
        found.push(LockedCreation { lookup, create, model, unique, is_harmless, lost });
    }
    found
}

/// The creation at that event, if it happens only because a lookup of the same model found nothing.
fn creation(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    create: u32,
    row: &Arc<RowValue>,
    lock: Lock,
) -> Option<Creation> {
    let model = row.model?;
    let (lookup, refuses) = missed(db, of, unit, create, model, lock)?;
    // Behind the branches, the row is the one that was found or the one that was made.
    let added =
        rows::added(unit, create, |added| added.id == create || added.id == lookup && added.model == Some(model));
    let (add, session, by) = match added {
        Some((add, session)) => (add, session, None),
        None => {
            let by = stored_by(db, unit, create, model)?;
            (create, session_of(unit, lookup)?, Some(by))
        }
    };
    Some(Creation { lookup, create, add, row: Arc::clone(row), model, session: Some(session), by, refuses })
}

/// The creation by the INSERT that is executed at that event, if it happens only because a lookup found nothing.
fn inserted(db: &dyn Db, of: FunctionRef, unit: &Unit, create: u32, statement: &QueryValue) -> Option<Creation> {
    let model = made::inserted(statement)?;
    let (lookup, refuses) = missed(db, of, unit, create, model, Lock::No)?;
    let session = statement.session.clone();
    let row = RowValue { id: create, model: Some(model), origin: RowOrigin::Created, session: session.clone() };
    Some(Creation { lookup, create, add: create, row: Arc::new(row), model, session, by: None, refuses })
}

/// The lookup of rows of the class that has found nothing when an event happens, and whether finding one is refused.
fn missed(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, model: ClassRef, lock: Lock) -> Option<(u32, bool)> {
    // What an endpoint answers is its last word; what a helper returns, its callers may throw away.
    let denies = entry::is_endpoint(db, of);
    let event = unit.events.get(at as usize)?;
    let is_lookup = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, row: Some(_), by, .. }) => {
            query.entities
                && query.model == Some(model)
                && query.lock == lock
                && by.is_none_or(|by| is_expected(unit, ordinal) || !raises_for_none(db, by, ()))
        }
        _ => false,
    };
    // `if count == 0`, `if not rows`, `if session.scalar(select(Item.id)…) is None`
    let is_count = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => query.model == Some(model) && query.lock == lock,
        _ => false,
    };
    // What raises where it finds none is not asked whether it has found any: only a handler says so.
    let is_caught = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, row: Some(_), .. }) => {
            query.entities && query.model == Some(model) && query.lock == lock
        }
        _ => false,
    };
    unit.ancestors(event.frame).find_map(|(_, frame)| match &frame.kind {
        // `if only_first and latest is not None: raise`: whoever does not ask for that makes another one.
        FrameKind::Branch { conditions, rest: true, .. } if is_optional(db, of, conditions) => None,
        FrameKind::Branch { conditions, split, rest, .. } => {
            // Another condition beside it decides too: `if tag is None and make_missing`.
            let mut misses = conditions.iter().filter(|condition| condition.is_miss());
            let found = misses.find_map(|condition| match condition.subject {
                Subject::Row { row } => is_lookup(row).then_some(row),
                Subject::Count { load } => is_count(load).then_some(load),
                _ => None,
            })?;
            Some((found, *rest && unit.is_refused(*split) || denies && unit.denied.contains(split)))
        }
        FrameKind::Handler(of, index) => {
            let found = unit.missed_loads(*of, *index).into_iter().find(|ordinal| is_caught(*ordinal));
            Some((found?, false))
        }
        _ => None,
    })
}

/// Whether a handler catches that a lookup has found nothing.
fn is_expected(unit: &Unit, lookup: u32) -> bool {
    unit.tries.iter().flat_map(|info| &info.handlers).any(|handler| handler.missed.contains(&lookup))
}

/// Whether a function raises where it finds none of the rows that it returns, and never returns `None`.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = returns_none)]
fn raises_for_none(db: &dyn Db, of: FunctionRef, _key: ()) -> bool {
    let unit = unit_of(db, of);
    let Some(row) = unit.returns.row() else { return false };
    unit.refusals.iter().any(|refusal| refusal.missed == Some(row.id))
        && !unit.events.iter().any(|event| matches!(event.kind, EventKind::Return(Value::None)))
        && !unit.tries.iter().any(|info| info.handlers.iter().any(|handler| !handler.raises))
}

fn returns_none(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> bool {
    false
}

/// Whether behind a guard that leaves, it is a flag that keeps it from leaving, unless somebody sets it otherwise.
fn is_optional(db: &dyn Db, of: FunctionRef, behind: &[Condition]) -> bool {
    let Some(body) = head(db, of) else { return false };
    behind.iter().any(|condition| match condition.subject {
        Subject::Param(index) if condition.test == Test::Present => {
            let default = body.params.get(index as usize).and_then(|param| param.default);
            match default.map(|default| &body.code[default]) {
                Some(Expr::Bool(truth)) => *truth == condition.holds,
                Some(Expr::None) => !condition.holds,
                _ => false,
            }
        }
        _ => false,
    })
}

/// Whether a helper that tells of a lookup takes a lock for it.
fn is_asked_locked(db: &dyn Db, unit: &Unit, lookup: u32) -> bool {
    match unit.events.get(lookup as usize).map(|event| &event.kind) {
        Some(EventKind::Load { row: None, by: Some(by), .. }) => held::takes_lock(db, *by),
        _ => false,
    }
}

/// The session of the load at an event.
fn session_of(unit: &Unit, load: u32) -> Option<Arc<SessionValue>> {
    match &unit.events.get(load as usize)?.kind {
        EventKind::Load { query, .. } => query.session.clone(),
        _ => None,
    }
}

/// The callee that gave the row which is created at an event, where it has committed it with a session of its own.
fn stored_by(db: &dyn Db, unit: &Unit, create: u32, model: ClassRef) -> Option<FunctionRef> {
    let range = unit.events.get(create as usize)?.range;
    let callee = unit.events.iter().take(create as usize).rev().find_map(|event| match &event.kind {
        EventKind::Call { callee, .. } if event.range == range => Some(*callee),
        _ => None,
    })?;
    (stores(db, callee, ()) == Some(model)).then_some(callee)
}

/// The class of the row that a function creates, commits with a session of its own, and returns.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = stores_nothing)]
fn stores(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<ClassRef> {
    let unit = unit_of(db, of);
    let row = unit.returns.row().filter(|row| row.origin == RowOrigin::Created)?;
    let (add, session) = rows::added(&unit, row.id, |added| added.id == row.id)?;
    let added = RowValue { session: Some(session), ..(**row).clone() };
    rows::durable(db, of, &unit, add, &added)?;
    row.model
}

fn stores_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Option<ClassRef> {
    None
}

fn finding(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    creation: &Creation,
    filters: &[Name],
    uniqueness: &Uniqueness,
) -> Finding {
    let model = classes::simple(creation.model.path);
    let by = listed(filters);
    let create = &unit.events[creation.create as usize];
    let found = if by.is_empty() { String::new() } else { format!(" with that {by}") };
    let message = match uniqueness {
        Uniqueness::Unique { .. } => format!(
            "`{model}` is created because none{found} was found, and its unique constraint is not handled: the second of two requests fails"
        ),
        Uniqueness::NotForNull { null, .. } => format!(
            "`{model}` is created because none{found} was found, and its unique constraint lets rows with NULL in `{null}` be: two requests can create two"
        ),
        Uniqueness::Within { keys, .. } => format!(
            "`{model}` is created because none{found} was found, and its unique constraint forbids a second only of the same {}: two requests can create two, or the second fails",
            listed(keys)
        ),
        Uniqueness::NotUnique => format!(
            "`{model}` is created because none{found} was found, and no unique constraint of the model forbids a second: two requests can create two"
        ),
        Uniqueness::Partly | Uniqueness::Unknown => {
            format!("`{model}` is created because none{found} was found: two requests can both find none")
        }
    };
    let mut evidence = Vec::new();
    if let Some(load) = unit.events.get(creation.lookup as usize) {
        evidence.push(Evidence {
            place: Place::InFunction(of, load.range),
            message: "it is looked for here, without a lock".to_owned(),
        });
    }
    if let Some(add) = unit.events.get(creation.add as usize).filter(|add| add.range != create.range) {
        evidence.push(Evidence { place: Place::InFunction(of, add.range), message: "and added here".to_owned() });
    }
    evidence.push(match uniqueness {
        Uniqueness::Unique { place, columns } => Evidence {
            place: *place,
            message: format!("{} is unique: the database refuses a second row", listed(columns)),
        },
        Uniqueness::Within { place, columns, .. } => {
            Evidence { place: *place, message: format!("only {} together are unique", listed(columns)) }
        }
        Uniqueness::NotForNull { place, columns, null } => Evidence {
            place: *place,
            message: format!(
                "{} is unique, but to the database NULL in `{null}` differs from every other NULL",
                listed(columns)
            ),
        },
        Uniqueness::NotUnique => Evidence {
            place: Place::Class(creation.model),
            message: if by.is_empty() {
                format!("`{model}` has no unique constraint on what is looked for")
            } else {
                format!("`{model}` has no unique constraint on {by}")
            },
        },
        Uniqueness::Partly | Uniqueness::Unknown => {
            Evidence { place: Place::Class(creation.model), message: format!("`{model}` is what is created") }
        }
    });
    let unique = matches!(uniqueness, Uniqueness::Unique { .. });
    let is_loop = unit.in_loop(create.frame);
    // Of a row that is made once for all, one request fails once.
    let is_single = match uniqueness {
        Uniqueness::Unique { columns, .. } => lookup::is_single(db, of, unit, creation.lookup, columns),
        Uniqueness::Partly => lookup::is_single(db, of, unit, creation.lookup, filters),
        _ => false,
    };
    let is_doubled =
        matches!(uniqueness, Uniqueness::NotUnique | Uniqueness::NotForNull { .. } | Uniqueness::Within { .. });
    // The walks through the callers come last.
    let starts = is_doubled && !served::is_served(db, of) && entry::is_startup(db, of);
    let is_aside =
        !starts && (is_loop || is_single || matches!(uniqueness, Uniqueness::Unknown) || !served::is_served(db, of));
    let lost = match uniqueness {
        _ if is_aside => None,
        Uniqueness::Unique { columns, .. } => lost::lost(db, of, unit, creation, columns),
        Uniqueness::Partly => lost::lost(db, of, unit, creation, filters),
        _ => None,
    };
    let is_refused = unique || matches!(uniqueness, Uniqueness::Partly);
    let is_harmless = is_aside || is_refused && lost.is_none();
    let doubled = (is_doubled && !is_harmless).then(|| takers::doubled(db, of, unit, creation, filters));
    let is_unnoticed = match doubled {
        // Of what the start makes, it is no reason that the next start finds one.
        Some(Doubled::Found) => starts,
        // Who refuses a second says that there is to be one only.
        Some(Doubled::Unnoticed) => starts || !creation.refuses,
        Some(Doubled::Taken(_)) | None => false,
    };
    let seldom = if is_harmless || starts { None } else { served::seldom_met(db, of, create.range) };
    let is_seldom = seldom.is_some();
    evidence.extend(seldom);
    let severity = if is_harmless || is_unnoticed || is_seldom { Severity::Information } else { Severity::Warning };
    evidence.extend(lost);
    if starts {
        evidence.push(Evidence {
            place: Place::Function(of),
            message: "every worker and every replica does this when it starts".to_owned(),
        });
    }
    if let Some(Doubled::Taken(told)) = doubled {
        evidence.push(told);
    }
    Finding {
        hazard: &HAZARD,
        severity,
        message,
        place: Place::InFunction(of, create.statement),
        symbol: symbol(of.path),
        evidence,
        story: Some(story(model, &by, unique)),
        // Under REPEATABLE READ the second query does not see the other's row either.
        fixes: match uniqueness {
            Uniqueness::Unique { columns, .. }
                if creation.by.is_none() && !isolation::is_strict(db, of, creation.session.as_deref()) =>
            {
                fix::fixes(db, of, unit, creation, columns)
            }
            _ => Vec::new(),
        },
    }
}

fn story(model: &str, by: &str, unique: bool) -> Story {
    let what = if by.is_empty() { String::new() } else { format!(" with that {by}") };
    let (last, outcome) = if unique {
        (
            "its commit raises `IntegrityError`".to_owned(),
            format!("Request B fails, although the `{model}` that it wanted is there."),
        )
    } else {
        (
            format!("creates another `{model}`, commits"),
            "There are two: later lookups find either, and `one()` raises `MultipleResultsFound`.".to_owned(),
        )
    };
    Story {
        actors: vec!["Request A".to_owned(), "Request B".to_owned()],
        steps: vec![
            (0, format!("finds no `{model}`{what}")),
            (1, format!("finds no `{model}`{what} either")),
            (0, format!("creates a `{model}`, commits")),
            (1, last),
        ],
        outcome,
    }
}
