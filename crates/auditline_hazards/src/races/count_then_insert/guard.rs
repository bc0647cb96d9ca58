//! Functions that count rows and raise when there are too many: `ensure_quota(db, user)`.

use auditline_model::eval::{Depended, dependency_of_param};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, entry, head, tables};

/// The counts of rows of the class before an event that is not reached where there are too many, if they are counted at all: `if
/// limit is not None: … if count >= limit: raise`.
pub(super) fn refused(db: &dyn Db, unit: &Unit, before: u32, model: ClassRef) -> Vec<u32> {
    let refused = unit.frames.iter().flat_map(|frame| {
        let conditions = match &frame.kind {
            FrameKind::Branch { conditions, exits: true, rest: false, .. } => &conditions[..],
            _ => &[],
        };
        conditions.iter().filter_map(move |condition| match condition.subject {
            Subject::Count { load } if !condition.holds && condition.test == Test::Order => {
                let is_it = counted(db, unit, load) == Some(model) && unit.can_follow(load, before);
                (is_it && frame.end <= before).then_some(load)
            }
            _ => None,
        })
    });
    refused.collect()
}

/// The call of such a function for rows of the class that always comes before an event.
pub(super) fn called(db: &dyn Db, unit: &Unit, before: u32, model: ClassRef) -> Option<(FunctionRef, u32)> {
    let frame = unit.events.get(before as usize)?.frame;
    unit.numbered().take(before as usize).find_map(|(ordinal, event)| {
        let EventKind::Call { callee, .. } = &event.kind else { return None };
        let always = unit.ancestors(frame).any(|(around, _)| around == event.frame);
        (always && limits(db, *callee, ()) == Some(model)).then_some((*callee, ordinal))
    })
}

/// The dependency of a function, among its parameters or attached to its route, that does so for rows of the class.
pub(super) fn depended(db: &dyn Db, of: FunctionRef, model: ClassRef) -> Option<FunctionRef> {
    let params = head(db, of).map_or(0, |body| body.params.len());
    let named = (0..params).filter_map(|index| match dependency_of_param(db, of, index) {
        Some(Depended::On(Symbol::Function(dependency))) => Some(dependency),
        _ => None,
    });
    let limits = |dependency: &FunctionRef| limits(db, *dependency, ()) == Some(model);
    named.chain(entry::attached_to(db, of).iter().copied()).find(limits)
}

/// The class of whose rows a function allows only so many: it raises when it counts more.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = unlimited)]
fn limits(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<ClassRef> {
    let unit = unit_of(db, of);
    unit.frames.iter().find_map(|frame| {
        let FrameKind::Branch { conditions, raises: true, rest: false, .. } = &frame.kind else { return None };
        conditions.iter().find_map(|condition| match condition.subject {
            Subject::Count { load } if !condition.holds && condition.test == Test::Order => counted(db, &unit, load),
            _ => None,
        })
    })
}

/// The class whose rows are counted, or brought, at an event.
pub(super) fn counted(db: &dyn Db, unit: &Unit, at: u32) -> Option<ClassRef> {
    match &unit.events.get(at as usize)?.kind {
        EventKind::Load { query, .. } => query.model,
        EventKind::Follow { row, relationship } => {
            tables::orm_model(db, row.model?)?.relationship(*relationship).and_then(|related| related.target)
        }
        _ => None,
    }
}

fn unlimited(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Option<ClassRef> {
    None
}
