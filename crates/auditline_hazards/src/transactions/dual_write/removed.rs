//! A file or an object of a storage that is removed before the commit that takes its name out of the database.

use auditline_model::eval::param_row;
use auditline_model::eval::value::{SessionValue, Value};
use auditline_model::owner::is_committed_later;
use auditline_model::unit::{
    Discarded, EventKind, FrameKind, Reach, SessionAction, Unit, effect, same_session, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, function};
use auditline_syntax::TextRange;
use auditline_syntax::python::ir::{ArgKind, Code, Expr, Function};
use auditline_syntax::python::walk_block_expressions;

use crate::edit;
use crate::finding::{Evidence, Finding, Fix, Place, Safety, Severity, Story, symbol};

use super::super::refusable;
use super::HAZARD;

/// How many calls deep it is looked for what removes.
const DEPTH: u32 = 3;

pub(super) fn check(db: &dyn Db, of: FunctionRef, unit: &Unit, findings: &mut Vec<Finding>) {
    let mut said: Vec<TextRange> = Vec::new();
    for (ordinal, event) in unit.numbered() {
        let EventKind::Removal { path, .. } = &event.kind else { continue };
        // Behind an error, what this unit has made is cleared away. A helper that serves two storages removes once.
        if unit.in_handler(ordinal) || said.contains(&event.range) {
            continue;
        }
        let Some(discarded) = unit.discarded(ordinal) else { continue };
        let Some(commit) = committed(db, of, unit, ordinal, &discarded) else { continue };
        said.push(event.range);
        findings.push(finding(db, of, unit, (ordinal, path.as_str()), &discarded, commit));
    }
}

/// Who commits the change.
#[derive(Debug, Clone, Copy)]
enum Committed {
    /// The event of that ordinal.
    Here(u32),
    /// Leaving a block of this function.
    Block,
    /// A caller, or whoever handed out the session.
    Outside,
}

fn committed(db: &dyn Db, of: FunctionRef, unit: &Unit, removal: u32, discarded: &Discarded) -> Option<Committed> {
    let is_own = |other: &SessionValue| discarded.session.as_ref().is_none_or(|session| same_session(session, other));
    let behind = removal.max(discarded.change);
    let here = unit.numbered().find(|(ordinal, event)| {
        *ordinal > behind
            && matches!(&event.kind, EventKind::Session { session, action: SessionAction::Commit, maybe: false, .. }
                if is_own(session))
            && unit.can_follow(removal, *ordinal)
            && unit.can_follow(discarded.change, *ordinal)
    });
    if let Some((ordinal, _)) = here {
        return Some(Committed::Here(ordinal));
    }
    let in_block = |ordinal: u32| {
        unit.events.get(ordinal as usize).is_some_and(|event| {
            unit.ancestors(event.frame).any(|(_, frame)| {
                matches!(&frame.kind, FrameKind::WithTransaction(session, kind) if kind.commits() && is_own(session))
            })
        })
    };
    if in_block(removal) && in_block(discarded.change) {
        return Some(Committed::Block);
    }
    let session = discarded.session.as_ref()?;
    is_committed_later(db, of, session).then_some(Committed::Outside)
}

fn finding(
    db: &dyn Db,
    of: FunctionRef,
    unit: &Unit,
    (removal, path): (u32, &str),
    discarded: &Discarded,
    commit: Committed,
) -> Finding {
    let name = classes::simple(of.path);
    // `os.remove`, but not each step of a chain: `pathlib.Path.resolve.unlink`.
    let path = if path.matches('.').count() > 1 { path.rsplit('.').next().unwrap_or(path) } else { path };
    let model = discarded.row.model.map_or("row", |class| classes::simple(class.path));
    let column = discarded.column;
    let place = unit.events.get(removal as usize).map_or_else(Default::default, |event| event.range);
    let at = |ordinal: u32, message: String| {
        unit.events.get(ordinal as usize).map(|event| Evidence { place: Place::InFunction(of, event.range), message })
    };
    let change = if discarded.deletes {
        format!("the `{model}` is deleted here")
    } else {
        format!("`{column}` is given another value here")
    };
    let mut evidence = vec![at(discarded.change, change)];
    if let Committed::Here(ordinal) = commit {
        evidence.push(at(ordinal, "only this commit makes it so, and it may fail".to_owned()));
    }
    let does =
        if discarded.deletes { format!("deletes the `{model}`") } else { format!("takes the name out of `{column}`") };
    // Who wants both gone asks again, and only a lost connection makes that necessary.
    let is_gone_for_good = discarded.deletes
        || unit
            .events
            .get(discarded.change as usize)
            .is_some_and(|event| matches!(event.kind, EventKind::Write { constant: Some(_), .. }));
    let is_repeated = match commit {
        Committed::Here(commit) => {
            is_gone_for_good
                && is_lenient(db, of, unit, removal, DEPTH)
                && !may_be_refused(db, of, unit, removal, commit)
        }
        Committed::Block | Committed::Outside => false,
    };
    Finding {
        hazard: &HAZARD,
        severity: if is_repeated { Severity::Information } else { Severity::Warning },
        message: format!(
            "`{name}` removes what `{column}` of the `{model}` names with `{path}`, before the commit that {does}: if that \
             fails, the row names something that is gone"
        ),
        place: Place::InFunction(of, place),
        symbol: symbol(of.path),
        evidence: evidence.into_iter().flatten().collect(),
        story: Some(Story {
            actors: vec!["Request".to_owned(), "Database".to_owned()],
            steps: vec![
                (0, format!("calls `{path}`: what the `{model}` names is gone")),
                (0, format!("{does}, and commits")),
                (1, "refuses: a constraint, a lost connection".to_owned()),
                (0, "rolls back; no rollback brings back what was removed".to_owned()),
            ],
            outcome: format!("The `{model}` is there as before, and whoever follows `{column}` finds nothing."),
        }),
        fixes: match commit {
            Committed::Here(commit) => fix(db, of, unit, removal, discarded, commit).into_iter().collect(),
            Committed::Block | Committed::Outside => Vec::new(),
        },
    }
}

/// Whether a removal lets it pass where nothing is there any more: a storage does; of a file it is asked before, or told.
fn is_lenient(db: &dyn Db, of: FunctionRef, unit: &Unit, removal: u32, depth: u32) -> bool {
    let Some(event) = unit.events.get(removal as usize) else { return false };
    let EventKind::Removal { path, by, .. } = &event.kind else { return false };
    if let Some(callee) = by {
        let within = unit_of(db, *callee);
        let is_removal = |ordinal: &u32| {
            within.events.get(*ordinal as usize).is_some_and(|event| matches!(event.kind, EventKind::Removal { .. }))
        };
        let count = u32::try_from(within.events.len()).unwrap_or(u32::MAX);
        return depth > 0
            && (0..count).filter(is_removal).all(|ordinal| is_lenient(db, *callee, &within, ordinal, depth - 1));
    }
    let is_file = matches!(path.rsplit('.').next(), Some("remove" | "unlink" | "rmtree"));
    let is_asked = unit
        .ancestors(event.frame)
        .any(|(_, frame)| matches!(frame.kind, FrameKind::Branch { .. } | FrameKind::Try(_) | FrameKind::WithSuppress));
    let is_told = || {
        function(db, of).is_some_and(|body| {
            body.code.exprs.iter().zip(&body.code.ranges).any(|(expr, range)| match expr {
                Expr::Call { args, .. } => {
                    event.statement.contains_range(*range)
                        && args.iter().any(|arg| {
                            matches!(arg.kind, ArgKind::Keyword(name) if matches!(name.as_str(), "missing_ok" | "ignore_errors"))
                        })
                }
                _ => false,
            })
        })
    };
    !is_file || is_asked || is_told()
}

/// Whether data can make something fail that is sent from a removal to the commit.
fn may_be_refused(db: &dyn Db, of: FunctionRef, unit: &Unit, removal: u32, commit: u32) -> bool {
    unit.numbered().any(|(ordinal, event)| {
        let is_sent = matches!(
            event.kind,
            EventKind::Execute(_) | EventKind::Session { action: SessionAction::Flush | SessionAction::Commit, .. }
        );
        is_sent && ordinal >= removal && ordinal <= commit && refusable::refused(db, of, ordinal).is_for_data()
    })
}

/// The fix that moves the removal, where nothing between it and the commit can depend on it.
fn fix(db: &dyn Db, of: FunctionRef, unit: &Unit, removal: u32, discarded: &Discarded, commit: u32) -> Option<Fix> {
    let (removed, committed) = (unit.events.get(removal as usize)?, unit.events.get(commit as usize)?);
    let body = function(db, of)?;
    let kept = read_of_rows(unit, &body, discarded);
    let only_removes = unit.events.iter().all(|event| match &event.kind {
        EventKind::Call { callee, receiver, arguments, .. } if event.range == removed.range => {
            let handed = arguments.iter().any(|(_, value)| match value {
                Value::Row(_) => true,
                Value::Param(index) => param_row(*index) == discarded.row.id,
                _ => false,
            });
            !handed
                && effect(db, *callee, *receiver).operations.iter().all(|operation| {
                    matches!(operation.kind, EventKind::Removal { .. } | EventKind::External { reach: Reach::Call, .. })
                })
        }
        EventKind::Removal { .. } => event.range == removed.range || event.statement != removed.statement,
        _ => true,
    });
    let between = TextRange::new(removed.statement.end(), committed.statement.end().max(removed.statement.end()));
    if !only_removes || !only_database(unit, &body.code, between) {
        return None;
    }
    let (moved, target) = (removed.range, committed.range);
    Some(Fix::new("Move the removal behind the commit", Safety::Unsafe, move |db| {
        edit::in_function(db, of, |scope| edit::move_reading_behind(scope, moved, target, &kept))
    }))
}

/// What is read of rows: behind the commit it may be something else. Of a parameter without a type nobody
/// knows that it is a row but who deletes it.
fn read_of_rows(unit: &Unit, body: &Function, discarded: &Discarded) -> Vec<TextRange> {
    let handed = body.params.iter().zip(0u32..).find(|(_, index)| param_row(*index) == discarded.row.id);
    let mut kept = Vec::new();
    walk_block_expressions(&body.code, &body.code.block, &mut |id| {
        let range = body.code.range(id);
        let Expr::Attribute { value, attr } = &body.code[id] else { return };
        let is_column = *attr == discarded.column
            && matches!(&body.code[*value], Expr::Name(name) if handed.is_some_and(|(param, _)| param.name == *name));
        let is_read =
            || unit.events.iter().any(|event| event.range == range && matches!(&event.kind, EventKind::Read { .. }));
        if is_column || is_read() {
            kept.push(range);
        }
    });
    kept
}

/// Whether every call in a range is one of the database's, and changes nothing that is removed.
fn only_database(unit: &Unit, code: &Code, between: TextRange) -> bool {
    let mut only = true;
    walk_block_expressions(code, &code.block, &mut |id| {
        let range = code.range(id);
        if matches!(code[id], Expr::Call { .. }) && between.contains_range(range) {
            only &= unit.events.iter().any(|event| {
                event.range.contains_range(range)
                    && matches!(
                        event.kind,
                        EventKind::Session { by: None, .. }
                            | EventKind::Delete { by: None, .. }
                            | EventKind::Add { by: None, .. }
                            | EventKind::Execute(_)
                    )
            });
        }
    });
    only
}
