//! What the second of two requests loses besides the row, where a constraint refuses it.
//!
//! The data stay right, and the row is there: that request fails. Where the row is all that it wanted, it is sent again. What
//! it does whether the row is there or not is its own work, and that is lost; a page that is read, or a request that only says
//! who it is, did not ask for the row at all.

use std::sync::Arc;

use auditline_model::eval::value::{Key, QueryKind, RowOrigin, RowValue};
use auditline_model::owner::{callers, users_of_dependency};
use auditline_model::tables::points_at;
use auditline_model::unit::{Breadth, Event, EventKind, FrameId, FrameKind, SessionAction, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, entry};
use auditline_syntax::{Name, TextRange};

use super::{Creation, saved};
use crate::finding::{Evidence, Place};

/// How many callers up it is asked what else a request does.
const DEPTH: u32 = 6;

/// What is lost with the second request, and where: nothing where the row is all that was asked for, or set by who asks.
pub(super) fn lost(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    creation: &Creation,
    columns: &[Name],
) -> Option<Evidence> {
    if let Some(range) = made_elsewhere(unit, creation) {
        return Some(told(
            of,
            range,
            "the second request has done this when it fails, and does it again when it is repeated",
        ));
    }
    if is_delivered_again(db, of, unit, creation.create) {
        return None;
    }
    let mut asked = Asked { db, creation, columns, named: named(unit, creation), seen: Vec::new() };
    if let Some(place) = saved::counts_found(unit, creation) {
        let range = unit.events.get(place as usize)?.range;
        return Some(told(of, range, "what the second request counts here is lost with it"));
    }
    if saved::is_person(db, creation.model, ()) {
        return Some(Evidence {
            place: Place::Class(creation.model),
            message: "it says who asks: the first requests of somebody come together, and all but one fail".to_owned(),
        });
    }
    let hands_out =
        [&unit.returns, &unit.yields].iter().any(|given| given.row().is_some_and(|row| is_it(creation, row.id)));
    let saves = saved::sets_found(unit, creation);
    asked.up(of, unit, creation.create, DEPTH, Wanted { work: !saves, reads: !saves && hands_out })
}

/// Whether only a webhook comes to an event, and whoever delivers to it learns that it failed: it is delivered again, and then
/// the row is there.
pub(super) fn is_delivered_again(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32) -> bool {
    entry::webhook(db, of).is_some() && !is_answered(db, of, unit, at, DEPTH)
}

/// Whether somebody on the way to an event keeps its failure from whoever has asked.
fn is_answered(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, depth: u32) -> bool {
    if unit.events.get(at as usize).is_some_and(|event| is_swallowed(unit, event.frame)) {
        return true;
    }
    let Some(depth) = depth.checked_sub(1) else { return true };
    callers(db, of)
        .iter()
        .filter(|site| site.function != of && !entry::is_test(db, site.function.file))
        .any(|site| is_answered(db, site.function, &unit_of(db, site.function), site.ordinal, depth))
}

/// Whether a row is the one that is made, or found.
fn is_it(creation: &Creation, row: u32) -> bool {
    row == creation.lookup || row == creation.create || row == creation.row.id
}

/// The call that makes something in another system before the database has taken the row: who is refused has made it, and makes
/// it again.
fn made_elsewhere(unit: &Unit, creation: &Creation) -> Option<TextRange> {
    let is_sent = |event: &Event| {
        matches!(&event.kind, EventKind::Session { action: SessionAction::Flush | SessionAction::Commit, .. })
    };
    let send = unit.numbered().find(|(ordinal, event)| {
        *ordinal > creation.create && is_sent(event) && unit.can_follow(creation.create, *ordinal)
    });
    let (send, _) = send?;
    unit.numbered().find_map(|(ordinal, event)| {
        let EventKind::External { creates: true, path, .. } = &event.kind else { return None };
        // A request of HTTP may only ask.
        let is_named = !matches!(path.rsplit('.').next(), Some("post" | "put"));
        let is_behind = ordinal > creation.create && unit.can_follow(creation.create, ordinal);
        // What is made because none was found, both make.
        let is_before = is_named
            && ordinal > creation.lookup
            && unit.can_follow(ordinal, creation.create)
            && is_part(unit, creation, event.frame);
        (ordinal < send && (is_behind || is_before) && unit.can_follow(ordinal, send)).then_some(event.range)
    })
}

/// Whether what stands in a frame happens only where no row was found: whoever was first has done the same.
fn is_part(unit: &Unit, creation: &Creation, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, .. } => {
            conditions.iter().any(|condition| condition.missed() == Some(creation.lookup))
        }
        FrameKind::Handler(of, index) => unit.missed_loads(*of, *index).contains(&creation.lookup),
        _ => false,
    })
}

/// Whether a function is left where the lookup finds a row, with nothing done: what stands behind the creation is done only
/// where one is made.
fn is_left_where_found(db: &dyn Db, of: FunctionRef, unit: &Unit, creation: &Creation) -> bool {
    let Some(event) = unit.events.get(creation.create as usize) else { return false };
    let leaves = |split: u32| {
        let arm = unit.frames.iter().find(|frame| {
            matches!(frame.kind, FrameKind::Branch { split: own, exits: true, rest: false, .. } if own == split)
        });
        arm.is_some_and(|arm| {
            let mut own = unit.events.iter().take(arm.end as usize).skip(arm.first as usize);
            own.all(|event| works_of(db, of, event).is_empty())
        })
    };
    // In a loop it may be the round that is left.
    !unit.in_loop(event.frame)
        && unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
            FrameKind::Branch { conditions, split, rest: true, .. } => match &conditions[..] {
                [only] => only.missed() == Some(creation.lookup) && leaves(*split),
                _ => false,
            },
            _ => false,
        })
}

/// The classes of the rows by whose columns a row is looked for.
fn named(unit: &Unit, creation: &Creation) -> Vec<ClassRef> {
    let Some(EventKind::Load { query, .. }) = unit.events.get(creation.lookup as usize).map(|event| &event.kind) else {
        return Vec::new();
    };
    let rows = query.keys.iter().filter_map(|(_, key)| match key {
        Key::Field { row, .. } => Some(*row),
        _ => None,
    });
    let class = |row: u32| {
        unit.events.iter().find_map(|event| match &event.kind {
            EventKind::Read { row: read, .. } if read.id == row => read.model,
            _ => None,
        })
    };
    rows.filter_map(class).collect()
}

/// What is asked of the functions on the way to a request.
#[derive(Clone, Copy)]
struct Wanted {
    /// Whether what they do besides counts.
    work: bool,
    /// Whether a request that only reads counts.
    reads: bool,
}

struct Asked<'a> {
    db: &'a dyn Db,
    creation: &'a Creation,
    /// The columns of the constraint.
    columns: &'a [Name],
    /// The classes of the rows by whose columns it is looked for.
    named: Vec<ClassRef>,
    seen: Vec<FunctionRef>,
}

impl Asked<'_> {
    /// What a function that makes the row at an event loses when that fails, or who comes to it loses.
    fn up(&mut self, of: FunctionRef, unit: &Unit, at: u32, depth: u32, wanted: Wanted) -> Option<Evidence> {
        if self.seen.contains(&of) {
            return None;
        }
        self.seen.push(of);
        let event = unit.events.get(at as usize)?;
        // Behind a handler that only reports it, the caller goes on.
        if is_swallowed(unit, event.frame) {
            return None;
        }
        if wanted.work
            && let Some(found) = self.work(of, unit, at, event)
        {
            return Some(found);
        }
        if !users_of_dependency(self.db, of).is_empty() || entry::is_attached(self.db, of) {
            let message =
                "requests come through here before they do what they were sent for: one that fails has not done it";
            return Some(Evidence { place: Place::Function(of), message: message.to_owned() });
        }
        if entry::is_endpoint(self.db, of) {
            let message = "who only reads makes it: of the requests that are sent together, all but one fail";
            return (wanted.reads && entry::only_reads(self.db, of))
                .then(|| Evidence { place: Place::Function(of), message: message.to_owned() });
        }
        let depth = depth.checked_sub(1)?;
        callers(self.db, of).iter().find_map(|site| {
            let caller = site.function;
            let is_aside = entry::is_by_hand(self.db, caller.file)
                || entry::is_test(self.db, caller.file)
                || entry::is_unused(self.db, caller)
                || entry::is_startup(self.db, caller);
            if is_aside { None } else { self.up(caller, &unit_of(self.db, caller), site.ordinal, depth, wanted) }
        })
    }

    /// What a function does besides, in a run that makes the row at that event.
    fn work(&self, of: FunctionRef, unit: &Unit, at: u32, made: &Event) -> Option<Evidence> {
        unit.numbered().find_map(|(ordinal, event)| {
            let is_before = ordinal < at && unit.can_follow(ordinal, at) && !is_committed(unit, ordinal, at);
            let is_behind = ordinal > at && unit.can_follow(at, ordinal);
            if event.range == made.range
                || !is_before && !is_behind
                || unit.in_except(ordinal)
                || self.seen.first() == Some(&of) && self.is_part_of_making(of, unit, event.frame, is_behind)
            {
                return None;
            }
            let work = works_of(self.db, of, event).into_iter().find(|work| self.is_own(*work))?;
            let model = classes::simple(work.model.path);
            let what = match work.how {
                How::Made => format!("the `{model}` that is made"),
                How::Changed => format!("the change of `{model}`"),
                How::Removed => format!("the removal of `{model}`"),
            };
            Some(told(of, event.range, &format!("{what} here is lost with the second request")))
        })
    }

    /// Whether what stands in a frame is done where the row is made, and not by whoever finds it: the first of two requests that
    /// want the same row has done it.
    fn is_part_of_making(&self, of: FunctionRef, unit: &Unit, frame: FrameId, is_behind: bool) -> bool {
        is_part(unit, self.creation, frame) || is_behind && is_left_where_found(self.db, of, unit, self.creation)
    }

    /// Whether work is of another row than the one that is made, and than those that the constraint names: of two requests
    /// that make the same row, both change these.
    fn is_own(&self, work: Work) -> bool {
        let model = self.creation.model;
        work.model != model
            && (work.how == How::Made
                || !self.named.contains(&work.model)
                    && !self.columns.iter().any(|column| points_at(self.db, model, *column, work.model)))
    }
}

fn told(of: FunctionRef, range: TextRange, message: &str) -> Evidence {
    Evidence { place: Place::InFunction(of, range), message: message.to_owned() }
}

/// Whether a `try` around a frame keeps what fails there from whoever has called.
fn is_swallowed(unit: &Unit, frame: FrameId) -> bool {
    unit.ancestors(frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Try(id) => unit.tries.get(id.0 as usize).is_some_and(|info| {
            info.handlers.iter().any(|handler| handler.breadth >= Breadth::AllDatabase && !handler.raises)
        }),
        FrameKind::WithSuppress => true,
        _ => false,
    })
}

/// Whether what an event does is committed before another one, by itself or behind it.
fn is_committed(unit: &Unit, ordinal: u32, at: u32) -> bool {
    let range = unit.events.get(ordinal as usize).map(|event| event.range);
    unit.numbered().take(at as usize).any(|(commit, event)| {
        matches!(event.kind, EventKind::Session { action: SessionAction::Commit, maybe: false, .. })
            && (Some(event.range) == range || commit > ordinal && unit.can_follow(ordinal, commit))
            && unit.can_follow(commit, at)
    })
}

/// What is done to rows of a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Work {
    how: How,
    model: ClassRef,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    Made,
    Changed,
    Removed,
}

fn works_of(db: &dyn Db, of: FunctionRef, event: &Event) -> Vec<Work> {
    match &event.kind {
        EventKind::Call { callee, .. } if *callee != of => works(db, *callee, ()).to_vec(),
        kind => own_work(kind).into_iter().collect(),
    }
}

/// What an event itself does to rows of a known class; what a callee does is asked of it.
fn own_work(kind: &EventKind) -> Option<Work> {
    let changed = |row: &RowValue| (row.origin != RowOrigin::Created).then_some((How::Changed, row.model));
    let (how, model) = match kind {
        EventKind::Write { by: None, row, .. }
        | EventKind::Overwrite { by: None, row, .. }
        | EventKind::SetEach { row, .. } => changed(row)?,
        EventKind::Add { by: None, row: Some(row), .. } => {
            (if row.origin == RowOrigin::Created { How::Made } else { How::Changed }, row.model)
        }
        EventKind::Delete { by: None, row: Some(row), .. } => (How::Removed, row.model),
        EventKind::Execute(query) => match query.kind {
            QueryKind::Delete => (How::Removed, query.model),
            QueryKind::Update => (How::Changed, query.model),
            QueryKind::Insert => (How::Made, query.model),
            QueryKind::Select | QueryKind::Text => return None,
        },
        _ => return None,
    };
    Some(Work { how, model: model? })
}

/// Whether a function, or what it calls, makes rows.
pub(in crate::races) fn makes(db: &dyn Db, of: FunctionRef) -> bool {
    works(db, of, ()).iter().any(|work| work.how == How::Made)
}

/// What a function does to rows, and what it calls.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = does_nothing)]
fn works(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[Work]> {
    let unit = unit_of(db, of);
    let mut all: Vec<Work> = Vec::new();
    for event in &unit.events {
        for work in works_of(db, of, event) {
            if !all.contains(&work) {
                all.push(work);
            }
        }
    }
    all.into()
}

fn does_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<[Work]> {
    Arc::default()
}
