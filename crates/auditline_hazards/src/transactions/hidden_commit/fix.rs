//! The cure: flush in the callee, commit in its callers.

use auditline_model::eval::value::{SessionOrigin, SessionValue, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::unit::{EventKind, SessionAction, Unit, same_session, unit_of};
use auditline_model::{Db, FunctionRef, SourceFile, classes, entry, function, head};
use auditline_source::TextEdit;
use auditline_syntax::TextRange;
use auditline_syntax::python::Call;

use crate::edit::{self, Document};
use crate::finding::{FileEdit, Fix, Safety};

/// The fix, where the session is a parameter and the function commits it once.
pub(super) fn fix(db: &dyn Db, of: FunctionRef, commit: TextRange, session: &SessionValue) -> Option<Fix> {
    let SessionOrigin::Param(index) = session.origin else { return None };
    let unit = unit_of(db, of);
    let commits = unit
        .events
        .iter()
        .filter(|event| {
            matches!(&event.kind, EventKind::Session { session: own, action: SessionAction::Commit, .. } if same_session(own, session))
        })
        .count();
    (commits == 1).then(|| {
        Fix::new("Flush here, and commit in the callers", Safety::Unsafe, move |db| edits(db, of, commit, index))
    })
}

fn edits(db: &dyn Db, of: FunctionRef, commit: TextRange, index: u32) -> Option<Vec<FileEdit>> {
    let mut files: Vec<(SourceFile, Vec<TextEdit>)> = Vec::new();
    let mut put = |file, edits: Vec<TextEdit>| match files.iter_mut().find(|(own, _)| *own == file) {
        Some((_, own)) => own.extend(edits),
        None => files.push((file, edits)),
    };
    let own = Document::of(db, of.file)?;
    put(of.file, edit::call_other_method(own.function(of.path)?, commit, "flush")?);
    let cuts = super::cuts(db, of);
    // The functions that commit no more, each with the parameter that is the session.
    let mut moved = vec![(of, index)];
    let mut next = 0;
    while let Some((callee, index)) = moved.get(next).copied() {
        next += 1;
        for site in callers(db, callee).iter() {
            let caller = site.function;
            if entry::is_test(db, caller.file) {
                continue;
            }
            let unit = unit_of(db, caller);
            let Some(Value::Session(handed)) = argument_of(db, callee, &site.event, index) else { return None };
            if commits_later(&unit, site.ordinal, &handed) {
                continue;
            }
            // A commit right behind the call would cut that caller's work in two as this one does.
            if cuts.iter().any(|cut| cut.caller == caller) {
                return None;
            }
            // Nor may a function that only hands the session on commit it.
            if cuts.iter().any(|cut| cut.between.contains(&caller)) {
                let SessionOrigin::Param(own) = handed.origin else { return None };
                if !moved.contains(&(caller, own)) {
                    moved.push((caller, own));
                }
                continue;
            }
            let (file, edits) = commit_behind(db, &unit, site.ordinal, (callee, index), (caller, &handed))?;
            put(file, edits);
        }
    }
    files
        .into_iter()
        .map(|(file, edits)| Some(FileEdit { file, edits: Document::of(db, file)?.checked(edits)? }))
        .collect()
}

/// The edit that puts a commit behind a call, of the session that is handed to the parameter.
fn commit_behind(
    db: &dyn Db,
    unit: &Unit,
    call: u32,
    (callee, index): (FunctionRef, u32),
    (caller, handed): (FunctionRef, &SessionValue),
) -> Option<(SourceFile, Vec<TextEdit>)> {
    let call = unit.events.get(call as usize)?;
    let document = Document::of(db, caller.file)?;
    let scope = document.function(caller.path)?;
    let written = Call::awaited(scope.code, scope.expr_at(call.range)?)?;
    let body = head(db, callee)?;
    let shift = usize::from(body.class.is_some() && !classes::is_static(&body));
    let param = body.params.get(index as usize)?;
    let argument = written.argument((index as usize).checked_sub(shift)?, &param.name)?;
    let session = scope.source(argument);
    if session.contains(['\n', '\r', '(', ' ']) {
        return None;
    }
    let is_async = function(db, caller).is_some_and(|body| body.is_async) && handed.is_async == Some(true);
    let wait = if is_async { "await " } else { "" };
    // A call that is returned or tested gives no place behind it.
    let edits = edit::insert_after_simple(scope, call.range, &format!("{wait}{session}.commit()"))?;
    Some((caller.file, edits))
}

/// Whether a caller commits the session that it has handed over by itself on its way out, and needs no second commit. What
/// another function commits for it is not relied on: a later fix may move that commit.
fn commits_later(unit: &Unit, call: u32, handed: &SessionValue) -> bool {
    let Some(called) = unit.events.get(call as usize) else { return false };
    unit.numbered().any(|(ordinal, event)| {
        ordinal > call
            && event.range != called.range
            && matches!(&event.kind,
                EventKind::Session { session, action: SessionAction::Commit, by: None, maybe: false }
                    if same_session(session, handed))
            && unit.ancestors(called.frame).any(|(id, _)| id == event.frame)
            && unit.can_follow(call, ordinal)
    })
}
