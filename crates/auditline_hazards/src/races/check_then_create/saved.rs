//! Rows that a request saves: it says what the row is to be, whether there is one yet or not, and does nothing that would be
//! done twice. Where a constraint refuses the second of two first saves, whoever asked does it again, and sets the row that is
//! there.

use std::sync::Arc;

use auditline_model::eval::value::{Passes, QueryKind, QueryValue, RowOrigin, RowValue, Sources};
use auditline_model::names::files_mentioning;
use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::unit::{Condition, Event, EventKind, FrameId, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry, parsed};

use super::Creation;

/// How many callers up it is asked what else a request does.
const DEPTH: u32 = 6;

/// Whether the creation is one half of a save, the other being that the row that is found is set, and the requests that come
/// here do nothing else that is not the same when it is done twice.
pub(super) fn is_saved(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> bool {
    sets_found(unit, creation)
        && is_all(db, of, unit, creation.create, creation.model, DEPTH, &mut Vec::new())
        && !is_person(db, creation.model, ())
}

/// Whether the row that the lookup finds is set to what it is to be, whatever it was.
fn sets_found(unit: &Unit, creation: &Creation) -> bool {
    let is_found = |row: &RowValue| row.id == creation.lookup;
    let mut sets = false;
    for (ordinal, event) in unit.numbered() {
        if !unit.can_follow(creation.lookup, ordinal) {
            continue;
        }
        match &event.kind {
            // One that counts loses what it was to count.
            EventKind::Write { row, from, in_sql, in_place, .. } if is_found(row) => {
                if *in_sql || *in_place || !is_given(from, row.id) {
                    return false;
                }
                sets = true;
            }
            EventKind::SetEach { row, .. } if is_found(row) => sets = true,
            // Whoever takes away what he finds makes it again when he asks again.
            EventKind::Delete { row: Some(row), .. } if is_found(row) => return false,
            EventKind::Execute(query) | EventKind::Updates { query, .. }
                if query.kind == QueryKind::Update
                    && query.model == Some(creation.model)
                    && asks_alike(unit, creation, query) =>
            {
                if !query.changes.iter().all(|set| !set.in_sql && is_given(&set.from, creation.lookup)) {
                    return false;
                }
                sets = true;
            }
            _ => {}
        }
    }
    sets
}

/// Whether a statement names its rows like the lookup does.
fn asks_alike(unit: &Unit, creation: &Creation, query: &QueryValue) -> bool {
    match unit.events.get(creation.lookup as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query: lookup, .. }) => !query.filters.is_empty() && query.filters == lookup.filters,
        _ => false,
    }
}

/// Whether a value comes with the request, or is the same for all: nothing of the row as it was went into it, and nothing that
/// was asked for outside.
fn is_given(from: &Sources, row: u32) -> bool {
    from.external.is_none() && from.counts.is_empty() && from.fields.iter().all(|field| field.row != row)
}

/// Whether requests that come to an event can be repeated: besides rows of that class they make nothing.
fn is_all(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    at: u32,
    model: ClassRef,
    depth: u32,
    seen: &mut Vec<FunctionRef>,
) -> bool {
    let Some(event) = unit.events.get(at as usize) else { return false };
    let does_more = unit.numbered().any(|(ordinal, other)| {
        (other.range == event.range || unit.can_follow(ordinal, at) || unit.can_follow(at, ordinal))
            && !deed(db, of, unit, other).is_within(model)
    });
    !does_more && is_asked(db, of, model, depth, seen)
}

/// Whether a function is only run by requests of somebody who changes something, and who can repeat them.
fn is_asked(db: &dyn Db, of: FunctionRef, model: ClassRef, depth: u32, seen: &mut Vec<FunctionRef>) -> bool {
    if seen.contains(&of) {
        return true;
    }
    seen.push(of);
    if entry::is_endpoint(db, of) {
        return !entry::only_reads(db, of) && entry::webhook(db, of).is_none();
    }
    if entry::is_job(db, of) || entry::is_socket(db, of) || !users_of_dependency(db, of).is_empty() {
        return false;
    }
    let Some(depth) = depth.checked_sub(1) else { return false };
    let sites = callers(db, of);
    let mut served = sites.iter().filter(|site| {
        let caller = site.function;
        let is_aside = entry::is_by_hand(db, caller.file) || entry::is_startup(db, caller);
        caller != of && !is_aside && !entry::is_unused(db, caller)
    });
    let mut any = false;
    let all = served.all(|site| {
        any = true;
        is_all(db, site.function, &unit_of(db, site.function), site.ordinal, model, depth, seen)
    });
    any && all
}

/// Whether dependencies hand out rows of a class to requests: it says who asks, and the request that makes such a row is the
/// first one of somebody who wants in.
#[salsa::tracked(returns(copy))]
fn is_person(db: &dyn Db, model: ClassRef, _key: ()) -> bool {
    files_mentioning(db, classes::simple(model.path)).iter().filter(|file| !entry::is_test(db, **file)).any(|file| {
        parsed(db, *file).module.functions.iter().any(|function| {
            let of = FunctionRef { file: *file, path: function.path };
            !users_of_dependency(db, of).is_empty() && {
                let unit = unit_of(db, of);
                [&unit.returns, &unit.yields]
                    .iter()
                    .any(|given| given.row().is_some_and(|row| row.model == Some(model)))
            }
        })
    })
}

/// What code does that outlives it, and is not the same when it is done twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Deeds {
    /// The classes of which it writes rows.
    models: Vec<ClassRef>,
    /// Whether it makes something in another system, or writes what is not known.
    more: bool,
}

impl Deeds {
    fn is_within(&self, model: ClassRef) -> bool {
        !self.more && self.models.iter().all(|written| *written == model)
    }

    fn of(model: Option<ClassRef>) -> Self {
        Self { more: model.is_none(), models: model.into_iter().collect() }
    }
}

/// What an event of a function does that is not the same when it is done twice.
fn deed(db: &dyn Db, of: FunctionRef, unit: &Unit, event: &Event) -> Deeds {
    match &event.kind {
        // What a callee does is asked of it.
        EventKind::Write { by: Some(_), .. }
        | EventKind::Add { by: Some(_), .. }
        | EventKind::External { by: Some(_), .. } => Deeds::default(),
        // What is constructed and never added is not written, and what is set to what was said is set to it again.
        EventKind::Write { row, from, in_sql, in_place, .. } => {
            let again = !in_sql && !in_place && !from.fresh && is_given(from, row.id);
            let models = row.model.filter(|_| row.origin != RowOrigin::Created && !again);
            Deeds { models: models.into_iter().collect(), more: false }
        }
        EventKind::Add { row: Some(row), .. } if is_missed(unit, event.frame, row.model) => Deeds::default(),
        EventKind::Add { row, .. } => Deeds::of(row.as_ref().and_then(|row| row.model)),
        EventKind::Execute(query) => match query.kind {
            QueryKind::Select | QueryKind::Delete => Deeds::default(),
            QueryKind::Update
                if query.changes.iter().all(|set| !set.in_sql && !set.from.fresh && set.from.fields.is_empty()) =>
            {
                Deeds::default()
            }
            QueryKind::Insert if query.insertion.as_ref().is_some_and(|insertion| insertion.passes != Passes::None) => {
                Deeds::default()
            }
            QueryKind::Update | QueryKind::Insert | QueryKind::Text => Deeds::of(query.model),
        },
        EventKind::External { creates, .. } => Deeds { more: *creates, models: Vec::new() },
        EventKind::Call { callee, .. } if *callee != of => (*deeds(db, *callee, ())).clone(),
        _ => Deeds::default(),
    }
}

/// Whether what stands in a frame happens only because no row of the class was found.
fn is_missed(unit: &Unit, frame: FrameId, model: Option<ClassRef>) -> bool {
    let is_of = |load: u32| match unit.events.get(load as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => query.model.is_some() && query.model == model,
        _ => false,
    };
    unit.conditions_around(frame).filter_map(Condition::missed).any(is_of)
}

/// What a function does, and what it calls.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = does_what_is_unknown)]
fn deeds(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<Deeds> {
    let mut all = Deeds::default();
    let unit = unit_of(db, of);
    for event in &unit.events {
        let Deeds { models, more } = deed(db, of, &unit, event);
        all.more |= more;
        for model in models {
            if !all.models.contains(&model) {
                all.models.push(model);
            }
        }
        if all.more {
            break;
        }
    }
    Arc::new(all)
}

fn does_what_is_unknown(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<Deeds> {
    Arc::new(Deeds { models: Vec::new(), more: true })
}
