//! AUD206: rows are counted against a limit, and another is added, with nothing that keeps a second request from doing
//! the same.

use std::sync::Arc;

use auditline_model::eval::value::{QueryKind, RowOrigin, RowValue, SessionValue};
use auditline_model::unit::{EventKind, FrameId, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry};
use auditline_syntax::Name;

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

use super::{guardian, held, isolation, rows, served};

mod guard;

/// AUD206.
pub const HAZARD: Hazard = Hazard {
    code: "AUD206",
    name: "count-then-insert",
    family: Family::Races,
    severity: Severity::Warning,
    summary: "Rows are counted against a limit before one more is added, and nothing keeps a second request from counting too",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

/// A row that is added, or put among others, because a count was below a limit.
struct Insertion {
    model: ClassRef,
    /// The column that puts a row among those that are counted, where it was there before.
    moved_by: Option<Name>,
    /// Where the rows are counted.
    counted: Counted,
    /// The ordinal of the creation, or of the write of that column.
    create: u32,
    /// The ordinal of the event that adds it.
    add: u32,
    session: Option<Arc<SessionValue>>,
}

/// Where rows are counted.
#[derive(Clone, Copy)]
enum Counted {
    /// By that event of the function, and compared there.
    Here(u32),
    /// By a function that is called at that event, and that raises when there are too many.
    By(FunctionRef, u32),
    /// By a dependency of the function, that raises when there are too many.
    Before(FunctionRef),
}

impl Counted {
    /// The ordinal of the event before which a lock has to be taken.
    fn at(self) -> u32 {
        match self {
            Self::Here(at) | Self::By(_, at) => at,
            Self::Before(_) => 0,
        }
    }
}

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if rows::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    let mut reported: Vec<ClassRef> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let (row, insertion) = match &event.kind {
            EventKind::Create(row) => (row, insertion(db, of, &unit, ordinal, row)),
            EventKind::Write { row, column, .. } => (row, moved(db, of, &unit, ordinal, row, *column)),
            _ => continue,
        };
        let Some(insertion) = insertion else { continue };
        if reported.contains(&insertion.model)
            || is_owner_updated(db, &unit, &insertion)
            || isolation::is_serializable(db, of, insertion.session.as_deref())
            || entry::is_command(db, of)
            || !served::is_served(db, of)
        {
            continue;
        }
        let added = RowValue { session: insertion.session.clone(), ..(**row).clone() };
        if rows::durable(db, of, &unit, insertion.add, &added).is_none() {
            continue;
        }
        reported.push(insertion.model);
        findings.push(finding(db, of, &unit, &insertion));
    }
}

/// The insertion of the row that is created at that event, if it happens only below a limit.
fn insertion(db: &dyn Db, of: FunctionRef, unit: &Unit, create: u32, row: &Arc<RowValue>) -> Option<Insertion> {
    let model = row.model?;
    let (add, session) = rows::added(unit, create, |added| added.id == create)?;
    let frame = unit.events.get(add as usize)?.frame;
    let here = counted_here(db, unit, frame, model).into_iter().chain(guard::refused(db, unit, add, model));
    let called = guard::called(db, unit, add, model).map(|(callee, at)| Counted::By(callee, at));
    let before = guard::depended(db, of, model).map(Counted::Before);
    let counts: Vec<Counted> = here.map(Counted::Here).chain(called).chain(before).collect();
    // One that is taken under a lock guards, whatever was counted before.
    if counts.iter().any(|counted| is_guarded(db, of, unit, *counted)) {
        return None;
    }
    let counted = *counts.first()?;
    // A callee that counts and adds is reported itself.
    if let Counted::By(_, at) = counted
        && unit.events.get(at as usize).map(|event| event.range)
            == unit.events.get(create as usize).map(|event| event.range)
    {
        return None;
    }
    Some(Insertion { model, moved_by: None, counted, create, add, session: Some(session) })
}

/// The row that is put at that event among those that were counted: `user.team_id = team.id`.
fn moved(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    write: u32,
    row: &Arc<RowValue>,
    column: Name,
) -> Option<Insertion> {
    let model = row.model.filter(|_| row.origin != RowOrigin::Created)?;
    let frame = unit.events.get(write as usize)?.frame;
    let counts: Vec<u32> = counted_here(db, unit, frame, model)
        .into_iter()
        .chain(guard::refused(db, unit, write, model))
        .filter(|count| match unit.events.get(*count as usize).map(|event| &event.kind) {
            Some(EventKind::Load { query, .. }) => query.filters.contains(&column),
            Some(EventKind::Follow { row: owner, .. }) => {
                owner.model.is_some_and(|owner| guardian::points_at(db, model, column, owner))
            }
            _ => false,
        })
        .collect();
    if counts.iter().any(|count| is_guarded(db, of, unit, Counted::Here(*count))) {
        return None;
    }
    let counted = Counted::Here(*counts.first()?);
    Some(Insertion { model, moved_by: Some(column), counted, create: write, add: write, session: row.session.clone() })
}

/// The counts of rows of the class that must be below a limit for a frame to be entered.
fn counted_here(db: &dyn Db, unit: &Unit, frame: FrameId, model: ClassRef) -> Vec<u32> {
    let counted = unit.ancestors(frame).flat_map(|(_, frame)| {
        let conditions = match &frame.kind {
            FrameKind::Branch { conditions, .. } => &conditions[..],
            _ => &[],
        };
        // `while len(rows) < 5` fills up.
        let fills = frame
            .parent
            .and_then(|parent| unit.frames.get(parent.0 as usize))
            .is_some_and(|parent| matches!(parent.kind, FrameKind::Loop { over_items: false, .. }));
        conditions.iter().filter_map(move |condition| match condition.subject {
            Subject::Count { load } if !fills && condition.holds && condition.test == Test::Order => {
                (guard::counted(db, unit, load) == Some(model)).then_some(load)
            }
            _ => None,
        })
    });
    counted.collect()
}

/// Whether a lock was taken before the rows were counted.
fn is_guarded(db: &dyn Db, of: FunctionRef, unit: &Unit, counted: Counted) -> bool {
    let by = match counted {
        Counted::Here(at) => match unit.events.get(at as usize).map(|event| &event.kind) {
            Some(EventKind::Load { by, .. }) => *by,
            _ => None,
        },
        Counted::By(by, _) | Counted::Before(by) => Some(by),
    };
    by.is_some_and(|by| held::takes_lock(db, by)) || held::is_held_until(db, of, unit, counted.at())
}

/// Whether an UPDATE of the row to which the counted rows belong has locked it before they were counted.
fn is_owner_updated(db: &dyn Db, unit: &Unit, insertion: &Insertion) -> bool {
    let Counted::Here(count) = insertion.counted else { return false };
    let Some(EventKind::Load { query: counted, .. }) = unit.events.get(count as usize).map(|event| &event.kind) else {
        return false;
    };
    unit.numbered().take(count as usize).any(|(at, event)| {
        let EventKind::Execute(update) = &event.kind else { return false };
        let Some(owner) = update.model.filter(|_| update.kind == QueryKind::Update) else { return false };
        unit.can_follow(at, count)
            && counted.keys.iter().any(|(column, key)| {
                guardian::points_at(db, insertion.model, *column, owner)
                    && update.keys.iter().any(|(_, owned)| owned == key)
            })
    })
}

fn finding(db: &dyn Db, of: FunctionRef, unit: &Unit, insertion: &Insertion) -> Finding {
    let model = classes::simple(insertion.model.path);
    let create = &unit.events[insertion.create as usize];
    let owner = match insertion.counted {
        Counted::Here(at) => owner(db, unit, insertion.model, at),
        Counted::By(..) | Counted::Before(_) => None,
    };
    let name = owner.as_ref().and_then(|owner| owner.model).map(|class| classes::simple(class.path));
    let lacks = name.map_or_else(|| "nothing is locked".to_owned(), |name| format!("its `{name}` is not locked"));
    let mut evidence = vec![match insertion.counted {
        Counted::Here(at) => {
            let load = &unit.events[at as usize];
            let message = match &load.kind {
                EventKind::Load { by: Some(by), .. } => {
                    format!("`{}` counts them, without a lock", classes::simple(by.path))
                }
                _ => "they are counted here, without a lock".to_owned(),
            };
            Evidence { place: Place::InFunction(of, load.range), message }
        }
        Counted::By(by, at) => Evidence {
            place: Place::InFunction(of, unit.events[at as usize].range),
            message: format!("`{}` counts them and refuses too many, without a lock", classes::simple(by.path)),
        },
        Counted::Before(by) => Evidence {
            place: Place::Function(by),
            message: format!(
                "the dependency `{}` counts them and refuses too many, without a lock",
                classes::simple(by.path)
            ),
        },
    }];
    if let Some(add) = unit.events.get(insertion.add as usize).filter(|add| add.range != create.range) {
        evidence
            .push(Evidence { place: Place::InFunction(of, add.range), message: "and one is added here".to_owned() });
    }
    let seldom = served::seldom_met(db, of, create.range);
    let severity = if seldom.is_some() { Severity::Information } else { Severity::Warning };
    evidence.extend(seldom);
    let puts = match insertion.moved_by {
        None => format!("adds a `{model}`"),
        Some(column) => format!("sets `{column}` of another `{model}`"),
    };
    let fixes =
        owner.map(|owner| super::unlocked_read_modify_write::lock_fixes(db, of, unit, &owner)).unwrap_or_default();
    Finding {
        hazard: &HAZARD,
        severity,
        message: match insertion.moved_by {
            None => format!(
                "`{model}` is added because a count was below the limit, and {lacks}: two requests can both count and pass it"
            ),
            Some(column) => format!(
                "`{model}.{column}` is set because a count was below the limit, and {lacks}: two requests can both count and pass it"
            ),
        },
        place: Place::InFunction(of, create.statement),
        symbol: symbol(of.path),
        evidence,
        story: Some(Story {
            actors: vec!["Request A".to_owned(), "Request B".to_owned()],
            steps: vec![
                (0, format!("counts the rows of `{model}`: one below the limit")),
                (1, format!("counts the rows of `{model}`: one below the limit as well")),
                (0, format!("{puts}, commits")),
                (1, format!("{puts}, commits")),
            ],
            outcome: format!("There is one `{model}` more than the limit allows."),
        }),
        fixes,
    }
}

/// The row in scope to which the counted rows belong: a column that the count filters by points at it.
fn owner(db: &dyn Db, unit: &Unit, model: ClassRef, count: u32) -> Option<Arc<RowValue>> {
    let query = match &unit.events.get(count as usize)?.kind {
        EventKind::Load { query, by: None, .. } => query,
        EventKind::Follow { row, .. } => return Some(Arc::clone(row)),
        _ => return None,
    };
    let owns = |class: ClassRef| query.filters.iter().any(|column| guardian::points_at(db, model, *column, class));
    unit.events.iter().take(count as usize).find_map(|event| match &event.kind {
        EventKind::Read { row, .. }
            if matches!(
                row.origin,
                RowOrigin::Loaded { single: true, .. } | RowOrigin::Dependency(_) | RowOrigin::Param(_)
            ) =>
        {
            row.model.filter(|class| owns(*class)).map(|_| Arc::clone(row))
        }
        EventKind::Load { query: load, row: Some(id), many: false, by, .. } if load.entities => {
            load.model.filter(|class| owns(*class)).map(|model| {
                Arc::new(RowValue {
                    id: *id,
                    model: Some(model),
                    origin: RowOrigin::Loaded { lock: load.lock, single: true, by: *by },
                    session: load.session.clone(),
                })
            })
        }
        _ => None,
    })
}
