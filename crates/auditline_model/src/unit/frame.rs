//! Frames: the structure of a function, in which its events stand.

use std::sync::Arc;

use auditline_syntax::{Name, TextRange};

use crate::eval::value::{SessionValue, TransactionKind};

use super::Condition;

/// A node of [`Unit::frames`](super::Unit::frames).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(pub u32);

/// Structure around events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The frame around it; the function's own frame has none.
    pub parent: Option<FrameId>,
    /// What it is.
    pub kind: FrameKind,
    /// The ordinal of the first event in it.
    pub first: u32,
    /// One past the ordinal of the last event in it.
    pub end: u32,
}

/// The kinds of structure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameKind {
    /// The function.
    Function,
    /// A block that runs under conditions: an arm of an `if` or `match`, or the rest of a block behind an `if` that
    /// leaves it.
    Branch {
        /// Tells the arms of one `if` apart from those of another; [`Self::Branch`]es with the same number exclude
        /// one another.
        split: u32,
        /// What holds inside.
        conditions: Vec<Condition>,
        /// Whether control always leaves the enclosing block at its end (`return`, `raise`, `continue`, `break`).
        exits: bool,
        /// Whether it always leaves by `raise`.
        raises: bool,
        /// Whether it is the rest of a block behind an `if` that leaves it (then it excludes only that `if`'s body).
        rest: bool,
    },
    /// A loop.
    Loop {
        /// `while True`, `for … in` an endless source.
        endless: bool,
        /// Whether it runs over items (`for`), not on a condition.
        over_items: bool,
        /// Whether the items come as somebody has handed them in: a parameter or an attribute that nothing here sorts.
        as_given: bool,
    },
    /// The guarded block of a `try`.
    Try(TryId),
    /// A handler of a `try`: the index of the handler.
    Handler(TryId, u32),
    /// The `else` of a `try`.
    Else(TryId),
    /// The `finally` of a `try`.
    Finally(TryId),
    /// A `with` on a session of this unit: leaving closes it.
    WithSession(Arc<SessionValue>),
    /// A `with` on a transaction: leaving commits or rolls back.
    WithTransaction(Arc<SessionValue>, TransactionKind),
    /// A `with` on something that locks between processes or threads.
    WithLock,
    /// A `with` that swallows exceptions (`contextlib.suppress`).
    WithSuppress,
    /// A `with` on something that has nothing to do with sessions: a client of another system, a file, a span.
    WithApart,
    /// Another `with`.
    With,
    /// Work that is handed to a thread (`to_thread`, `run_in_threadpool`) or run beside the event loop (`run_sync`): it
    /// keeps no event loop waiting.
    Handed,
}

/// An index into [`Unit::tries`](super::Unit::tries).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TryId(pub u32);

/// A `try` statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TryInfo {
    /// Its handlers.
    pub handlers: Vec<HandlerInfo>,
    /// The frame of its `finally`.
    pub finally: Option<FrameId>,
}

/// A handler of a `try`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandlerInfo {
    /// Bare, `Exception` or `BaseException` (alone or among others), or SQLAlchemy's base error.
    pub breadth: Breadth,
    /// The last parts of the names of the exceptions it catches, those first that catch most of the database's errors.
    pub catches: Vec<Name>,
    /// The frame of its body.
    pub frame: FrameId,
    /// Whether every path through it leaves by `raise`.
    pub raises: bool,
    /// Whether every path through it refuses what was asked for: it raises an error that says so (`HTTPException(409)`), and
    /// none of the server's own.
    pub refuses: bool,
    /// Whether every path through it answers the request with an error: it raises one that has a status (`HTTPException(409)`,
    /// `abort(500)`), or the error itself anew.
    pub answers: bool,
    /// Whether every path through it leaves the enclosing block (`raise`, `return`, `continue`, `break`).
    pub exits: bool,
    /// Whether a path through it goes on with the next round of a loop around the `try` (`continue`).
    pub repeats: bool,
    /// Whether a path through it ends a loop around the `try` (`break`).
    pub breaks: bool,
    /// Whether it does nothing but say so, roll back, and go on.
    pub only_says: bool,
    /// Whether it hands the exception on to something else than a log: an answer, a message.
    pub tells: bool,
    /// The loads that have brought no row where it runs: a helper in the `try` raises what it catches where it finds none.
    pub missed: Vec<u32>,
    /// The tests of the exception's text that decide which way it goes.
    pub text_tests: Vec<TextTest>,
    /// What heads the clause, without the colon, relative to the function: `except IntegrityError`.
    pub head: TextRange,
    /// The clause, relative to the function.
    pub range: TextRange,
}

/// A test of an exception's text: `"duplicate key" in str(e)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextTest {
    /// The test, relative to the function.
    pub range: TextRange,
    /// What it looks for, where that is written there.
    pub words: Option<Name>,
    /// Whether the text is made lower case before: `"deadlock" in str(e).lower()`.
    pub lowered: bool,
    /// Whether the name of a constraint, index or column must stand in the text as well.
    pub with_name: bool,
    /// Whether it only decides that something is looked for, and the error is raised where that is not there.
    pub looks_up: bool,
    /// Whether the handler raises where neither this test nor another holds.
    pub raises_unmet: bool,
}

/// What a handler catches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breadth {
    /// Some exceptions that are no database errors.
    Narrow,
    /// Some database errors: `IntegrityError`.
    Database,
    /// Every database error: `SQLAlchemyError`.
    AllDatabase,
    /// `Exception`.
    Exception,
    /// Everything, cancellation included: bare, `BaseException`.
    Everything,
}
