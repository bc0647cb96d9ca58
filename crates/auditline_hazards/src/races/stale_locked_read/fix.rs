//! The cure: let the locked load replace what the session holds.

use auditline_model::unit::{EventKind, LoadForm, Unit, unit};
use auditline_model::{ClassRef, Db, FunctionRef, classes};

use crate::edit;
use crate::finding::{Fix, Safety};

/// How many helpers deep the statement that locks is looked for.
const DEPTH: u32 = 3;

/// The fix of a locked load, where it is written: here or in the helper that does it.
pub(super) fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, load: u32) -> Vec<Fix> {
    let Some((function, form)) = written(db, of, unit, load, DEPTH) else { return Vec::new() };
    let title = if function == of {
        "Replace the old values: add `populate_existing`".to_owned()
    } else {
        format!("Replace the old values: add `populate_existing` in `{}`", classes::simple(function.path))
    };
    vec![Fix::new(title, Safety::Safe, move |db| {
        edit::in_function(db, function, |scope| match form {
            LoadForm::Chain(range) => edit::populate_query(scope, range),
            LoadForm::Get(range) => edit::add_keyword(scope, scope.call_at(range)?, "populate_existing", "True"),
            LoadForm::Elsewhere => None,
        })
    })]
}

/// The function in which the statement of a load is written, and how.
fn written(db: &dyn Db, of: FunctionRef, own: &Unit, load: u32, depth: u32) -> Option<(FunctionRef, LoadForm)> {
    let event = own.events.get(load as usize)?;
    let EventKind::Load { form, by, .. } = &event.kind else { return None };
    let Some(callee) = by else { return Some((of, *form)) };
    let depth = depth.checked_sub(1)?;
    // A method is seen in objects of the class that the call names.
    let receiver: Option<ClassRef> = own.events[..load as usize].iter().rev().find_map(|other| match &other.kind {
        EventKind::Call { callee: called, receiver, .. } if called == callee && other.range == event.range => {
            Some(*receiver)
        }
        _ => None,
    })?;
    let inner = unit(db, *callee, receiver);
    let row = inner.returns.row()?.id;
    written(db, *callee, &inner, row, depth)
}
