//! Changes that leave behind the same whether one or two make them at once.

use auditline_model::eval::value::{Derivation, FieldSource, RowValue, Value};
use auditline_model::owner::callers;
use auditline_model::tables::TypeFamily;
use auditline_model::unit::{Condition, Event, EventKind, FrameId, FrameKind, Subject, Test, Unit, unit_of};
use auditline_model::{Db, FunctionRef, entry};
use auditline_syntax::Name;

use super::check_then_create::makes;
use super::dependence::{Overwrite, decisive, has_other_effects, is_decided_anew, is_effect};
use super::writers;
use super::written::{Written, written};

/// How many callers up it is looked for what follows on a change.
const DEPTH: u32 = 3;

/// Whether who comes second only sets the same state again: one that is written out, in another one that is tested,
/// with nothing done besides, and nobody who may find it in that one sets it to anything else. Whoever wins, it is as if
/// they had come in turn.
pub(super) fn only_sets_the_same(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> bool {
    let Some(event) = unit.events.get(write as usize) else { return false };
    let Some(own) = written(&event.kind) else { return false };
    let Written { row, column, constant, .. } = own;
    let (Some(class), Some(set)) = (row.model, constant) else { return false };
    let overwrite = Overwrite::of(db, &own, write, own.row.model);
    let Some((guarded, condition)) = decisive(db, of, unit, &overwrite) else { return false };
    let tests_state = condition.holds && condition.test == Test::EqualsConstant;
    let Some(left) = condition.constant.filter(|_| tests_state) else { return false };
    let is_for_callers = || tells(unit, guarded) && is_followed(db, of, DEPTH);
    !is_claimed(unit, row, column, guarded)
        && !has_other_effects(db, unit, row.id, write, Some(guarded))
        && writers::only_bring_about(db, class, column, [set, left])
        && !is_for_callers()
}

/// Whether whoever calls a function learns whether it came to a frame: it refuses where it does not, or answers otherwise.
fn tells(unit: &Unit, guarded: FrameId) -> bool {
    let split = match unit.frames.get(guarded.0 as usize).map(|frame| &frame.kind) {
        Some(FrameKind::Branch { split, .. }) => Some(*split),
        _ => None,
    };
    let answers = unit.events.iter().filter_map(|event| match &event.kind {
        EventKind::Return(value) => Some((event.frame, value)),
        _ => None,
    });
    let comes_there =
        |frame: FrameId| unit.ancestors(frame).any(|(id, _)| id == guarded) || unit.leads_to(guarded, frame);
    let (own, others): (Vec<_>, Vec<_>) = answers.partition(|(frame, _)| comes_there(*frame));
    let says_nothing = own.is_empty();
    split.is_some_and(|split| unit.is_refused(split))
        || others
            .iter()
            .any(|(_, other)| says_nothing && **other != Value::None || own.iter().any(|(_, answer)| answer != other))
}

/// Whether somebody who calls a function makes rows or the like behind the call.
fn is_followed(db: &dyn Db, of: FunctionRef, depth: u32) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    callers(db, of).iter().filter(|site| site.function != of && !entry::is_test(db, site.function.file)).any(|site| {
        let unit = unit_of(db, site.function);
        let call = unit.events.get(site.ordinal as usize).map(|event| event.range);
        let works = |event: &Event| match &event.kind {
            // What the function does itself is told of the call.
            _ if Some(event.range) == call => false,
            EventKind::Call { callee, .. } => *callee != of && makes(db, *callee),
            kind => is_effect(kind, u32::MAX),
        };
        let works_behind = unit
            .numbered()
            .any(|(ordinal, event)| ordinal > site.ordinal && works(event) && unit.can_follow(site.ordinal, ordinal));
        works_behind || is_followed(db, site.function, depth)
    })
}

/// Whether something else is set in the row that tells apart who comes: the guard decides whose it is.
fn is_claimed(unit: &Unit, row: &RowValue, column: Name, guarded: FrameId) -> bool {
    unit.events_in(guarded)
        .filter_map(|(_, event)| written(&event.kind))
        .any(|other| other.row.id == row.id && other.column != column && other.constant.is_none() && !other.from.fresh)
}

/// Whether a guard leaves a column with two values only the one that is not set: whoever else writes it sets the same, or what
/// it holds already. With NULL it has three.
pub(super) fn is_switched(condition: &Condition, write: &Overwrite<'_>) -> bool {
    let is_state = |constant: Name| matches!(&*constant, "True" | "False");
    write.family == TypeFamily::Boolean
        && write.never_null
        && condition.holds
        && condition.test == Test::EqualsConstant
        && condition.constant.is_some_and(is_state)
        && (write.constant.is_some_and(is_state) || is_turned(write))
}

/// Whether it is set to the opposite of what it holds: `row.is_open = not row.is_open`.
fn is_turned(write: &Overwrite<'_>) -> bool {
    let from = write.from;
    let is_own = |field: &FieldSource| {
        field.row == write.row && field.column == write.column && field.how == Derivation::Normalised
    };
    !from.fields.is_empty()
        && from.fields.iter().all(is_own)
        && !from.other
        && from.external.is_none()
        && from.counts.is_empty()
        && from.parts.is_empty()
}

/// Whether who comes second only writes the same again, so that nothing is lost: under the same keys of a document that nobody
/// else sets, here or elsewhere.
pub(super) fn only_repeats(db: &dyn Db, of: FunctionRef, unit: &Unit, write: u32) -> bool {
    let Some(event) = unit.events.get(write as usize) else { return false };
    let Some(Written { row, column, from, .. }) = written(&event.kind) else { return false };
    let Some(class) = row.model else { return false };
    let writes = unit.events.iter().filter_map(|event| written(&event.kind));
    let mut own = from.fields.iter().filter(|field| field.row == row.id && field.column == column);
    own.all(|field| field.how == Derivation::Overlaid)
        && writes.filter(|other| other.row.id == row.id && other.column == column).count() == 1
        && !lets_happen(db, unit, row.id, column)
        && !writers::is_brought_about(db, of, class, column, None)
}

/// Whether what a column holds decides if something happens that is more than a change of its row: that is done twice, though
/// the column is set to the same.
fn lets_happen(db: &dyn Db, unit: &Unit, row: u32, column: Name) -> bool {
    let is_about = |condition: &Condition| match condition.subject {
        Subject::Field { row: own, column: tested } => own == row && tested == column,
        _ => false,
    };
    let is_tested = |event: &Event| unit.conditions_around(event.frame).any(is_about);
    unit.events
        .iter()
        .any(|event| is_effect(&event.kind, row) && is_tested(event) && !is_decided_anew(db, unit, row, event))
}
