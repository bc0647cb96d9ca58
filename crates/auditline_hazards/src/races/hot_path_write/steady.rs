//! Writes that a function makes each time it is called.

use std::sync::Arc;

use auditline_model::eval::value::{Passes, QueryKind, QueryValue, RowOrigin, RowValue, SessionValue, Value};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{TypeFamily, orm_model};
use auditline_model::unit::{
    Condition, Event, EventKind, FrameId, FrameKind, SessionAction, Subject, Test, Unit, unit_of,
};
use auditline_model::{ClassRef, Db, FunctionRef, function, names};
use auditline_syntax::Name;
use auditline_syntax::python::ir::{Expr, StmtKind};
use auditline_syntax::python::walk_statements;

use crate::races::rows;

/// A write that a function makes and that is committed each time it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Steady {
    /// The ordinal of the event in the function.
    pub(super) at: u32,
    /// The function that writes, and the ordinal of the event there.
    pub(super) by: (FunctionRef, u32),
    pub(super) model: Option<ClassRef>,
    pub(super) what: What,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum What {
    /// A column gets another value.
    Column(Name),
    /// An UPDATE is executed.
    Update,
    /// A row is added.
    Row,
}

/// The first write that a function makes each time it is called.
///
/// A query of its own: its answer is small, and the unit of another file is not.
#[salsa::tracked(returns(copy), cycle_result = none)]
pub(super) fn steady_write(db: &dyn Db, of: FunctionRef, _key: ()) -> Option<Steady> {
    let unit = unit_of(db, of);
    unit.numbered().find_map(|(ordinal, event)| {
        let own = |model, what| Some(Steady { at: ordinal, by: (of, ordinal), model, what });
        let written = match &event.kind {
            EventKind::Write { row, column, by: None, .. } if changes(db, &unit, ordinal) => {
                own(row.model, What::Column(*column)).filter(|_| is_durable(db, of, &unit, ordinal, row))
            }
            EventKind::Add { session, row: Some(row), by: None } if row.origin == RowOrigin::Created => {
                let added = RowValue { session: Some(Arc::clone(session)), ..(**row).clone() };
                own(row.model, What::Row).filter(|_| is_durable(db, of, &unit, ordinal, &added))
            }
            EventKind::Execute(query) => {
                let what = match query.kind {
                    // What looks at more than whose row it is may find that there is nothing to do.
                    QueryKind::Update if query.filters.len() <= 1 => What::Update,
                    QueryKind::Insert if passes_over_nothing(query) => What::Row,
                    _ => return None,
                };
                let executed = executed(query)?;
                own(query.model, what).filter(|_| is_durable(db, of, &unit, ordinal, &executed))
            }
            EventKind::Call { callee, .. } if *callee != of && !is_left_to_itself(db, of, event) => {
                steady_write(db, *callee, ()).map(|inner| Steady { at: ordinal, ..inner })
            }
            _ => None,
        };
        written.filter(|_| is_taken_each_time(&unit, event.frame, &concerned(&event.kind), written))
    })
}

fn none(_db: &dyn Db, _id: salsa::Id, _of: FunctionRef, _key: ()) -> Option<Steady> {
    None
}

/// Whether a call only makes a task that nobody waits for: `asyncio.create_task(touch(user.id))`, as a statement of its own.
fn is_left_to_itself(db: &dyn Db, of: FunctionRef, call: &Event) -> bool {
    let Some(body) = function(db, of) else { return false };
    let code = &body.code;
    let mut is_left = false;
    walk_statements(&code.block, &mut |stmt| {
        if let StmtKind::Expr(expr) = &stmt.kind
            && let Expr::Call { func, args } = &code[*expr]
            && args.first().is_some_and(|task| code.range(task.value) == call.range)
        {
            is_left |= matches!(names::resolve_in(db, of, code, *func), Symbol::External(path)
                if matches!(path.as_str(), "asyncio.create_task" | "asyncio.ensure_future"));
        }
    });
    is_left
}

fn passes_over_nothing(query: &QueryValue) -> bool {
    query.insertion.as_ref().is_none_or(|insertion| insertion.passes == Passes::None)
}

/// A row that stands for what a statement changes.
fn executed(query: &QueryValue) -> Option<RowValue> {
    let session: Arc<SessionValue> = query.session.clone()?;
    Some(RowValue { id: u32::MAX, model: query.model, origin: RowOrigin::Unknown, session: Some(session) })
}

fn is_durable(db: &dyn Db, of: FunctionRef, unit: &Unit, at: u32, row: &RowValue) -> bool {
    // What only some callers commit may not be committed on this path.
    let here = unit.numbered().any(|(ordinal, event)| {
        matches!(&event.kind, EventKind::Session { action: SessionAction::Commit, maybe: false, .. })
            && unit.can_follow(at, ordinal)
    });
    here || matches!(rows::durable(db, of, unit, at, row), Some(rows::Durable::Scope))
}

/// Whether a write gives a column another value each time: of the clock, or computed from its own. What is equal to the old
/// value is no UPDATE to the ORM.
fn changes(db: &dyn Db, unit: &Unit, write: u32) -> bool {
    let Some(EventKind::Write { row, column, from, in_sql, constant, in_place, .. }) =
        unit.events.get(write as usize).map(|event| &event.kind)
    else {
        return false;
    };
    let Some(model) = row.model.and_then(|class| orm_model(db, class)) else { return false };
    let Some(declared) = model.column(*column) else { return false };
    if *in_place || constant.is_some() || row.origin == RowOrigin::Created {
        return false;
    }
    let is_time = matches!(declared.family, TypeFamily::DateTime | TypeFamily::Date | TypeFamily::Time);
    let own = from.fields.iter().any(|field| field.row == row.id && field.column == *column);
    *in_sql || from.fresh || own || is_time && from.other && from.fields.is_empty()
}

/// Whether control comes to a frame each time the function does what it is for: it stands under no condition that throttles,
/// or that holds only once.
fn is_taken_each_time(unit: &Unit, frame: FrameId, rows: &[u32], written: Option<Steady>) -> bool {
    if let Some(Steady { model: Some(class), what: What::Column(column), at, by, .. }) = written
        && by.1 == at
        && looks_before(unit, class, column, at)
    {
        return false;
    }
    let mut leaves = false;
    unit.ancestors(frame).all(|(_, frame)| match &frame.kind {
        FrameKind::Handler(..) | FrameKind::Handed => false,
        // A search that ends with the first that fits.
        FrameKind::Loop { .. } => leaves,
        FrameKind::Branch { rest: true, split, conditions, .. } => {
            !conditions.iter().any(decides_when)
                && unit.frames.iter().zip(0..).all(|(other, index)| match &other.kind {
                    FrameKind::Branch { split: own, rest: false, raises, .. } if own == split => {
                        *raises || goes_another_way(unit, FrameId(index), rows)
                    }
                    _ => true,
                })
        }
        FrameKind::Branch { conditions, exits, raises, .. } => {
            leaves |= *exits;
            let known = !conditions.is_empty() && conditions.iter().all(is_there);
            // What is understood of the test must not say when, or that there was none before.
            !raises && (known || *exits && !conditions.iter().any(decides_when))
        }
        _ => true,
    })
}

/// Whether the old value of a column is looked at before it is written, in a statement of its own: to see whether it is old
/// enough.
fn looks_before(unit: &Unit, class: ClassRef, column: Name, write: u32) -> bool {
    let Some(statement) = unit.events.get(write as usize).map(|event| event.statement) else { return true };
    unit.events.iter().take(write as usize).any(|event| {
        event.statement != statement
            && matches!(&event.kind, EventKind::Read { row, column: read } if row.model == Some(class) && *read == column)
    })
}

/// `if user`, `if token is not None`.
fn is_there(condition: &Condition) -> bool {
    condition.holds
        && condition.test == Test::Present
        && matches!(condition.subject, Subject::Row { .. } | Subject::Param(_))
}

/// Whether a condition says when something is done, or that it was not done before.
fn decides_when(condition: &Condition) -> bool {
    match condition.subject {
        Subject::Count { .. } => condition.test != Test::Present || !condition.holds,
        Subject::Row { .. } => !condition.holds,
        Subject::Field { .. } | Subject::Param(_) => false,
    }
}

/// The rows that an event changes, or hands to what may.
fn concerned(kind: &EventKind) -> Vec<u32> {
    match kind {
        EventKind::Write { row, .. } | EventKind::Add { row: Some(row), .. } => vec![row.id],
        EventKind::Call { arguments, .. } => {
            arguments.iter().filter_map(|(_, value)| value.row()).map(|row| row.id).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an arm ends the function with nothing in its hands, or with another row: an anonymous request, another way to say
/// who asks. One that gives the row itself may have found that there is nothing to write.
fn goes_another_way(unit: &Unit, arm: FrameId, rows: &[u32]) -> bool {
    let mut ends = unit.events_in(arm).filter_map(|(_, event)| match &event.kind {
        EventKind::Return(Value::None | Value::Bool(false)) | EventKind::Raise => Some(true),
        EventKind::Return(value) => Some(value.row().is_some_and(|row| !rows.contains(&row.id))),
        _ => None,
    });
    let mut any = false;
    let all = ends.all(|end| {
        any = true;
        end
    });
    any && all
}
