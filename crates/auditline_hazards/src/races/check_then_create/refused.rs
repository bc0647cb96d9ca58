//! Rows that another lookup has refused already, so that only one request is to succeed.

use std::sync::Arc;

use auditline_model::unit::{Condition, EventKind, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{ClassRef, Db, FunctionRef, classes, function, head, tables};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, ExprId};

use super::{Creation, Uniqueness, lookup, spelled};

/// Whether a row that the constraint forbids would have been refused by another lookup already: one of the same class that
/// asks for no more than the unique columns, by the same keys.
pub(super) fn is_turned_away(unit: &Unit, creation: &Creation, uniqueness: &Uniqueness) -> bool {
    let Uniqueness::Unique { columns, .. } = uniqueness else { return false };
    let Some(event) = unit.events.get(creation.create as usize) else { return false };
    let Some(EventKind::Load { query: sought, .. }) =
        unit.events.get(creation.lookup as usize).map(|event| &event.kind)
    else {
        return false;
    };
    let asks_for_less = |ordinal: u32| match unit.events.get(ordinal as usize).map(|event| &event.kind) {
        Some(EventKind::Load { query, .. }) => {
            query.model == Some(creation.model)
                && !query.filters.is_empty()
                && query.filters.iter().all(|column| columns.contains(column))
                && query.keys.len() >= query.filters.len()
                && query.keys.iter().all(|key| sought.keys.contains(key))
        }
        _ => false,
    };
    unit.ancestors(event.frame).any(|(_, frame)| match &frame.kind {
        FrameKind::Branch { conditions, split, rest: true, .. } if unit.is_refused(*split) => {
            let [condition] = conditions.as_slice() else { return false };
            condition.missed().is_some_and(asks_for_less)
        }
        _ => false,
    })
}

/// Whether a helper that was called before refuses a row with the values of the unique columns that the new one is made with.
pub(super) fn is_refused_before(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    creation: &Creation,
    uniqueness: &Uniqueness,
) -> bool {
    let Uniqueness::Unique { columns, .. } = uniqueness else { return false };
    let Some(create) = unit.events.get(creation.create as usize) else { return false };
    let Some(body) = function(db, of) else { return false };
    let code = &body.code;
    let Some(made) = spelled::arguments(code, create.range) else { return false };
    unit.numbered().take(creation.create as usize).any(|(call, event)| {
        let EventKind::Call { callee, .. } = &event.kind else { return false };
        if *callee == of || !unit.can_follow(call, creation.create) || !is_before_all(unit, call, creation.create) {
            return false;
        }
        refuses(db, *callee, ()).iter().filter(|refusal| refusal.model == creation.model).any(|refusal| {
            let Some(given) = spelled::arguments(code, event.range) else { return false };
            refusal
                .nulls
                .iter()
                .all(|column| spelled::keyword(made, *column).is_none() && is_null(db, creation.model, *column))
                && refusal.given.iter().all(|(column, param)| {
                    let asked = argument(db, *callee, given, *param);
                    let own = spelled::keyword(made, *column);
                    columns.contains(column)
                        && asked.zip(own).is_some_and(|(asked, own)| spelled::is_same(code, asked, own))
                })
        })
    })
}

/// Whether a column holds NULL in a row that is made without it.
fn is_null(db: &dyn Db, class: ClassRef, column: Name) -> bool {
    tables::orm_model(db, class).is_some_and(|model| {
        model.column(column).is_some_and(|column| !column.has_default && !column.has_server_default)
    })
}

/// Whether everybody who comes to an event comes by another one: that stands in a frame around it.
fn is_before_all(unit: &Unit, earlier: u32, later: u32) -> bool {
    let (Some(earlier), Some(later)) = (unit.events.get(earlier as usize), unit.events.get(later as usize)) else {
        return false;
    };
    unit.ancestors(later.frame).any(|(id, _)| id == earlier.frame)
}

/// The expression that a call gives for a parameter of the callee.
fn argument(db: &dyn Db, callee: FunctionRef, args: &[Arg], index: u32) -> Option<ExprId> {
    let body = head(db, callee)?;
    let name = body.params.get(index as usize)?.name;
    let skipped = u32::from(body.class.is_some() && !classes::is_static(&body));
    let position = index.checked_sub(skipped)? as usize;
    let plain =
        args.get(position).filter(|_| args.iter().take(position + 1).all(|arg| arg.kind == ArgKind::Positional));
    spelled::keyword(args, name).or_else(|| plain.map(|arg| arg.value))
}

/// A row that a function does not let be.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Refusal {
    model: ClassRef,
    /// The columns by which it looks for one, each with the parameter that it is compared with.
    given: Vec<(Name, u32)>,
    /// The columns that are to be NULL.
    nulls: Vec<Name>,
}

/// The rows that a function does not let be: it looks for one, and raises where it finds it.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(clone), cycle_result = refuses_nothing)]
fn refuses(db: &dyn Db, of: FunctionRef, _key: ()) -> Arc<[Refusal]> {
    let unit = unit_of(db, of);
    let found = unit.frames.iter().filter_map(|frame| {
        let FrameKind::Branch { conditions, raises: true, rest: false, .. } = &frame.kind else { return None };
        let is_always = frame
            .parent
            .is_some_and(|parent| unit.ancestors(parent).all(|(_, around)| matches!(around.kind, FrameKind::Function)));
        match &conditions[..] {
            [Condition { subject: Subject::Row { row }, test: Test::Present, holds: true, .. }] if is_always => {
                Some(*row)
            }
            _ => None,
        }
    });
    let refusal = |load: u32| {
        let EventKind::Load { query, .. } = &unit.events.get(load as usize)?.kind else { return None };
        let filters = lookup::filters(db, of, &unit, load);
        let given = lookup::given(db, of, &unit, load);
        let is_told = |column: &Name| filters.nulls.contains(column) || given.iter().any(|(name, _)| name == column);
        let all = !given.is_empty() && filters.columns.iter().all(is_told);
        all.then(|| Some(Refusal { model: query.model?, given, nulls: filters.nulls })).flatten()
    };
    found.filter_map(refusal).collect()
}

fn refuses_nothing(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Arc<[Refusal]> {
    Arc::default()
}
