//! Functions that only ask the database.

use auditline_syntax::python::ir::Expr;

use crate::db::{ClassRef, Db, FunctionRef, function};

use super::{Event, EventKind, FrameKind, Unit, unit};

/// The methods of a session whose answer is fetched while it is gone through: until then nothing else can be sent.
const STREAMS: &[&str] = &["stream", "stream_scalars", "connection"];

/// Whether a function only asks: it, and what it calls, sends queries alone, each with the whole answer at once, and nothing gets
/// hold of a session, or is waited for, that is not understood.
///
/// Several such coroutines may use one `AsyncSession` at a time, once it has its connection: its driver answers them one behind
/// the other, and a change that is pending is flushed by the first (seen when run: SQLAlchemy 2.1.9, asyncpg 0.32.0).
#[salsa::tracked(returns(copy), cycle_result = crate::cycles::nothing)]
pub fn only_asks(db: &dyn Db, of: FunctionRef, receiver: Option<ClassRef>) -> bool {
    let Some(body) = function(db, of) else { return false };
    let streams = body.code.exprs.iter().any(|expr| match expr {
        Expr::Call { func, .. } => {
            matches!(&body.code[*func], Expr::Attribute { attr, .. } if STREAMS.contains(&attr.as_str()))
        }
        _ => false,
    });
    let unit = unit(db, of, receiver);
    let has_scope = unit.frames.iter().any(|frame| matches!(frame.kind, FrameKind::WithTransaction(..)));
    !body.is_generator && !streams && !has_scope && unit.events.iter().all(|event| asks(db, &unit, event))
}

fn asks(db: &dyn Db, unit: &Unit, event: &Event) -> bool {
    match &event.kind {
        EventKind::Execute(_) | EventKind::Session { .. } | EventKind::Given { .. } => false,
        EventKind::Call { callee, receiver, .. } => only_asks(db, *callee, *receiver),
        EventKind::Await => unit.events.iter().any(|other| {
            event.range.contains_range(other.range)
                && event.range.end() == other.range.end()
                && matches!(
                    other.kind,
                    EventKind::Load { .. }
                        | EventKind::Refresh { .. }
                        | EventKind::Call { .. }
                        | EventKind::External { .. }
                )
        }),
        kind => !kind.changes_rows(),
    }
}
