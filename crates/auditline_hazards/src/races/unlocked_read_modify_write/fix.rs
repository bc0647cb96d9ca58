//! The cures: lock the load, or compute in SQL.

use auditline_model::eval::value::{Derivation, RowValue};
use auditline_model::unit::{EventKind, LoadForm, Unit};
use auditline_model::{Db, FunctionRef, classes, function};

use crate::edit;
use crate::finding::{Fix, Safety};

/// The fixes of an unlocked write, the best one first.
pub(super) fn fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue, write: u32) -> Vec<Fix> {
    let mut fixes = lock_fixes(db, of, unit, row);
    if let Some(event) = unit.events.get(write as usize)
        && let EventKind::Write { from, column, by: None, in_place: false, .. } = &event.kind
        && from.fields.iter().any(|field| field.column == *column && field.how == Derivation::Computed)
        && let Some(model) = row.model
    {
        let statement = event.statement;
        let model = classes::simple(model.path);
        fixes.push(Fix::new(format!("Compute `{column}` in SQL from `{model}.{column}`"), Safety::Unsafe, move |db| {
            edit::atomic_sql_expression(db, of, statement, model)
        }));
    }
    fixes
}

/// The fixes that lock the load of a row.
pub(in crate::races) fn lock_fixes(db: &dyn Db, of: FunctionRef, unit: &Unit, row: &RowValue) -> Vec<Fix> {
    let model = row.model.map_or("row", |class| classes::simple(class.path));
    let Some(load) = unit.events.get(row.id as usize) else { return Vec::new() };
    let EventKind::Load { form, flag, many, .. } = &load.kind else { return Vec::new() };
    // A synchronous session that takes a row lock in `async def` can hang the whole process (AUD215).
    let body = function(db, of);
    let blocks = body.as_ref().is_some_and(|body| body.is_async)
        && row.session.as_ref().is_none_or(|session| session.is_async != Some(true));
    if blocks {
        let awaits = unit.events.iter().any(|event| matches!(event.kind, EventKind::Await));
        if awaits {
            return Vec::new();
        }
        let form = *form;
        return vec![Fix::new(
            format!("Make this a plain `def`, and lock the load of `{model}`"),
            Safety::Unsafe,
            move |db| {
                edit::make_plain_def(db, of, |db| match form {
                    LoadForm::Chain(range) => edit::add_with_for_update(db, of, range),
                    LoadForm::Get(range) => edit::add_keyword(db, of, range, "with_for_update", "True"),
                    LoadForm::Elsewhere => None,
                })
            },
        )];
    }
    match form {
        LoadForm::Chain(range) => {
            let range = *range;
            vec![Fix::new(format!("Lock the load of `{model}`"), Safety::Safe, move |db| {
                edit::add_with_for_update(db, of, range)
            })]
        }
        LoadForm::Get(range) => {
            let range = *range;
            vec![Fix::new(format!("Lock the load of `{model}`"), Safety::Safe, move |db| {
                edit::add_keyword(db, of, range, "with_for_update", "True")
            })]
        }
        LoadForm::Elsewhere if *many => Vec::new(),
        LoadForm::Elsewhere => {
            let range = load.range;
            if let Some(flag) = *flag {
                return vec![Fix::new(format!("Lock the load of `{model}`"), Safety::Safe, move |db| {
                    edit::add_keyword(db, of, range, &flag, "True")
                })];
            }
            let statement = load.statement;
            let session_use = unit.events.iter().find_map(|event| match &event.kind {
                EventKind::Session { session, by: None, .. } => row
                    .session
                    .as_ref()
                    .is_none_or(|own| auditline_model::unit::same_session(own, session))
                    .then_some(event.range),
                _ => None,
            });
            let Some(session_use) = session_use else { return Vec::new() };
            let awaited = row.session.as_ref().is_some_and(|session| session.is_async == Some(true));
            vec![Fix::new(format!("Load `{model}` again with a lock"), Safety::Safe, move |db| {
                edit::refresh_locked_after(db, of, statement, session_use, awaited)
            })]
        }
    }
}
