//! AUD108: an item of a batch fails, and nobody is told.

use auditline_model::entry::{EntryPoint, entry_point, request};
use auditline_model::eval::value::{QueryKind, Value};
use auditline_model::owner::{argument_of, callers};
use auditline_model::symbols::Symbol;
use auditline_model::unit::{
    Batch, Breadth, EventKind, FrameId, FrameKind, HandlerInfo, SessionAction, TryId, Unit, unit_of,
};
use auditline_model::{Db, FunctionRef, classes, function};

use crate::catalogue::{Check, Family, Hazard};
use crate::finding::{Evidence, Finding, Place, Severity, Story, symbol};

/// AUD108.
pub const HAZARD: Hazard = Hazard {
    code: "AUD108",
    name: "lossy-batch",
    family: Family::Transactions,
    severity: Severity::Warning,
    summary: "An item of a batch that fails is dropped, and whoever handed in the batch is not told",
    page: include_str!("page.md"),
    check: Check::Function(check),
};

fn check(db: &dyn Db, of: FunctionRef, findings: &mut Vec<Finding>) {
    if super::is_silent(db, of) {
        return;
    }
    let unit = unit_of(db, of);
    // Whoever gets rows back sees which are there.
    if unit.batches.is_empty() || gives_rows(&unit.returns) || is_retried(db, of) {
        return;
    }
    for batch in unit.batches.iter().filter(|batch| !batch.accounted) {
        let Some((handler, work)) = dropped(db, &unit, batch) else { continue };
        let Some(asked) = asked(db, of, batch) else { continue };
        findings.push(finding(of, &unit, batch, handler, work, asked));
    }
}

/// Who handed in the batch.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The client of that endpoint.
    Request(FunctionRef),
    /// A queue, which counts the task as done.
    Task,
}

/// Who hands in the items and waits for what becomes of them; `None` where that cannot be told, or where they are rows that
/// are found again the next time.
fn asked(db: &dyn Db, of: FunctionRef, batch: &Batch) -> Option<Asked> {
    match entry_point(db, of) {
        Some(EntryPoint::Route) => return Some(Asked::Request(of)),
        Some(EntryPoint::Task) => return Some(Asked::Task),
        None => {}
    }
    let endpoint = request(db, of)?;
    let index = function(db, of)?.params.iter().position(|param| param.name == batch.items)?;
    let index = u32::try_from(index).ok()?;
    let by_rows = callers(db, of).iter().any(|site| match argument_of(db, of, &site.event, index) {
        Some(Value::Many(inner)) => matches!(*inner, Value::Row(_)),
        Some(Value::Row(_) | Value::Executed(..) | Value::Query(_)) => true,
        _ => false,
    });
    (!by_rows).then_some(Asked::Request(endpoint))
}

/// The handler that drops an item of a batch, and the write that the item was for.
fn dropped<'a>(db: &dyn Db, unit: &'a Unit, batch: &Batch) -> Option<(&'a HandlerInfo, u32)> {
    unit.frames.iter().zip(0u32..).find_map(|(frame, id)| {
        let FrameKind::Try(of) = frame.kind else { return None };
        let id = FrameId(id);
        let nearest = unit.ancestors(id).find(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }));
        if nearest.map(|(id, _)| id) != Some(batch.frame) {
            return None;
        }
        let handler = dropping(unit, of)?;
        let calls_again = unit
            .events_in(id)
            .any(|(_, event)| matches!(&event.kind, EventKind::Call { callee, .. } if is_retried(db, *callee)));
        let work = unit.events_in(id).find(|(_, event)| is_work(&event.kind)).map(|(ordinal, _)| ordinal)?;
        (!calls_again).then_some((handler, work))
    })
}

/// The handler that every failure comes to, where it does nothing but say so.
fn dropping(unit: &Unit, of: TryId) -> Option<&HandlerInfo> {
    let info = unit.tries.get(of.0 as usize)?;
    if info.finally.is_some() {
        return None;
    }
    info.handlers
        .iter()
        .find(|handler| handler.breadth >= Breadth::AllDatabase)
        .filter(|handler| handler.only_says && !handler.raises && !handler.breaks)
}

/// Whether an event changes what the database holds.
fn is_work(kind: &EventKind) -> bool {
    match kind {
        EventKind::Add { .. } | EventKind::Delete { .. } | EventKind::Create(_) => true,
        EventKind::Session { action, .. } => matches!(action, SessionAction::Commit | SessionAction::Flush),
        EventKind::Execute(query) => matches!(query.kind, QueryKind::Insert | QueryKind::Update | QueryKind::Delete),
        _ => false,
    }
}

/// Whether a decorator calls the function again when it fails.
fn is_retried(db: &dyn Db, of: FunctionRef) -> bool {
    classes::decorator_symbols(db, of).into_iter().any(|symbol| {
        let path = match symbol {
            Symbol::External(path) => path,
            Symbol::Function(function) => function.path,
            Symbol::Class(class) => class.path,
            _ => return false,
        };
        let path = path.to_ascii_lowercase();
        ["retry", "backoff", "tenacity", "stamina"].iter().any(|word| path.contains(word))
    })
}

fn gives_rows(value: &Value) -> bool {
    match value {
        Value::Row(_) => true,
        Value::Many(inner) => gives_rows(inner),
        _ => false,
    }
}

fn finding(of: FunctionRef, unit: &Unit, batch: &Batch, handler: &HandlerInfo, work: u32, asked: Asked) -> Finding {
    let name = classes::simple(of.path);
    let items = batch.items;
    let told = match asked {
        Asked::Request(_) => "the answer is the same as if it had been saved",
        Asked::Task => "the task counts as done",
    };
    let mut evidence = Vec::new();
    if let Some(event) = unit.events.get(work as usize) {
        evidence.push(Evidence {
            place: Place::InFunction(of, event.range),
            message: "this is not done for the item that fails".to_owned(),
        });
    }
    if let Asked::Request(endpoint) = asked
        && endpoint != of
    {
        evidence.push(Evidence {
            place: Place::Function(endpoint),
            message: format!("the request that `{}` answers hands in the items", classes::simple(endpoint.path)),
        });
    }
    let (actor, end) = match asked {
        Asked::Request(_) => ("Request", "answers as if all had been saved"),
        Asked::Task => ("Task", "ends, and the queue forgets it"),
    };
    Finding {
        hazard: &HAZARD,
        severity: Severity::Warning,
        message: format!("`{name}` drops what fails of `{items}` and goes on: {told}, and nothing tries it again"),
        place: Place::InFunction(of, handler.head),
        symbol: symbol(of.path),
        evidence,
        story: Some(Story {
            actors: vec![actor.to_owned()],
            steps: vec![
                (0, format!("takes the first items of `{items}`")),
                (0, "fails for the next one: a constraint, a value that does not fit, a lost connection".to_owned()),
                (0, "goes on with the others".to_owned()),
                (0, end.to_owned()),
            ],
            outcome: "The item is nowhere, and nobody knows.".to_owned(),
        }),
        fixes: Vec::new(),
    }
}
