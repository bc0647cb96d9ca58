//! Events: what a function does with sessions and rows, one after the other.

use std::sync::Arc;

use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::{ClassRef, FunctionRef};
use crate::eval::value::{
    ArgName, Key, Lock, Part, QueryKind, QueryValue, RowValue, SessionValue, Sources, Step, Value,
};

use super::{FrameId, LockScope};

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// The expression or statement, relative to the function.
    pub range: TextRange,
    /// The statement it stands in, relative to the function.
    pub statement: TextRange,
    /// Where it stands in the structure.
    pub frame: FrameId,
}

/// The kinds of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// A session is opened by a factory.
    Open(Arc<SessionValue>),
    /// Rows are loaded, or a statement without entities is executed (`model` is `None` or `entities` false).
    Load {
        /// The statement.
        query: Arc<QueryValue>,
        /// The row, when it is one.
        row: Option<u32>,
        /// Whether many rows may come back.
        many: bool,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
        /// How it is executed, for the fix that locks it.
        form: LoadForm,
        /// The parameter of `by` that makes it lock, where there is one.
        flag: Option<Name>,
    },
    /// An UPDATE, DELETE or INSERT statement, or text, is executed.
    Execute(Arc<QueryValue>),
    /// A statement is built, and nothing executes it.
    Unused(Arc<QueryValue>),
    /// A column of a row is read.
    Read {
        /// The row.
        row: Arc<RowValue>,
        /// The attribute.
        column: Name,
    },
    /// A column of a row is written.
    Write {
        /// The row.
        row: Arc<RowValue>,
        /// The attribute.
        column: Name,
        /// What the new value is made from.
        from: Sources,
        /// How the new value lies to the old one.
        step: Step,
        /// Whether the new value is an expression that the database evaluates.
        in_sql: bool,
        /// Whether the column is changed in place: `row.data["x"] = …`, `row.tags.append(…)`.
        in_place: bool,
        /// The new value as written, where it is `None`, a boolean, a literal or an enum member.
        constant: Option<Name>,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
    },
    /// A column of a row is set by an UPDATE statement that finds the row by its key, or by what it was loaded by, and asks
    /// for nothing else.
    Overwrite {
        /// The row.
        row: Arc<RowValue>,
        /// The attribute.
        column: Name,
        /// What the new value is made from.
        from: Sources,
        /// Which way the new value lies of the old one.
        step: Step,
        /// Whether the new value is an expression that the database evaluates.
        in_sql: bool,
        /// The new value as written, where it is a constant.
        constant: Option<Name>,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
    },
    /// A callee executes an UPDATE statement with a session of this function.
    Updates {
        /// The statement, in terms of this function.
        query: Arc<QueryValue>,
        /// The callee; `None` in the effect of a function that executes it.
        by: Option<FunctionRef>,
    },
    /// The entries of a dictionary that the function was handed are set on a row, each by its name:
    /// `for name, value in changes.items(): setattr(row, name, value)`.
    SetEach {
        /// The row.
        row: Arc<RowValue>,
        /// The parameter that holds the dictionary.
        entries: u32,
    },
    /// An object of a mapped class is constructed.
    Create(Arc<RowValue>),
    /// An object is added to a session, or merged.
    Add {
        /// The session.
        session: Arc<SessionValue>,
        /// The object, where it is one.
        row: Option<Arc<RowValue>>,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
    },
    /// An object is deleted.
    Delete {
        /// The session.
        session: Arc<SessionValue>,
        /// The object, where it is one.
        row: Option<Arc<RowValue>>,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
    },
    /// A row is loaded again.
    Refresh {
        /// The session.
        session: Arc<SessionValue>,
        /// The row.
        row: Option<Arc<RowValue>>,
        /// Whether with a lock.
        lock: Lock,
    },
    /// `flush`, `commit`, `rollback`, `close` and their like.
    Session {
        /// The session.
        session: Arc<SessionValue>,
        /// What is done.
        action: SessionAction,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
        /// Whether it happens only on some paths or flag values of the callee.
        maybe: bool,
    },
    /// A lock outside the row is taken: advisory, distributed.
    ExternalLock(LockScope),
    /// Such a lock is released.
    Release,
    /// Something outside the workspace is called that reaches another system.
    External {
        /// The dotted path of what is called: `stripe.Customer.create`.
        path: Name,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
        /// Whether it makes something there: `create`, `post`, `send`, `charge`.
        creates: bool,
        /// How it reaches out.
        reach: Reach,
        /// The rows that it is told of: their columns, or they themselves, went into its arguments.
        about: Vec<Arc<RowValue>>,
    },
    /// A message is handed to a broker that names rows by their keys.
    Message {
        /// The dotted path of what is called: `faststream.rabbit.RabbitBroker.publish`.
        path: Name,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
        /// The rows.
        about: Vec<Arc<RowValue>>,
    },
    /// A file or an object of a storage is removed, by a name in which a row or a parameter has a part.
    Removal {
        /// The dotted path of what is called, or the method: `os.remove`, `unlink`.
        path: Name,
        /// The function that does it, when a callee does.
        by: Option<FunctionRef>,
        /// The rows that have a part in its name, each with the attribute.
        named: Vec<(Arc<RowValue>, Name)>,
        /// The parameters that have one.
        given: SmallVec<[Part; 1]>,
    },
    /// A function of the workspace is called.
    Call {
        /// The function.
        callee: FunctionRef,
        /// The class of the receiver, for a method.
        receiver: Option<ClassRef>,
        /// The arguments, with the receiver first for a method.
        arguments: Vec<(ArgName, Value)>,
        /// The receiver.
        object: Value,
        /// What names the arguments.
        keys: Vec<(ArgName, Key)>,
    },
    /// An object of a class of the workspace is constructed.
    Construct {
        /// The class.
        class: ClassRef,
        /// The arguments.
        arguments: Vec<(ArgName, Value)>,
    },
    /// Something that is not understood is handed a session, or what uses one: `tasks.add_task(send, db)`,
    /// `StreamingResponse(rows(db))`, `asyncio.create_task(work(db))`, `stack.enter_context(session)`.
    Given {
        /// The dotted path or the last name of what is called.
        to: Name,
        /// What it is handed.
        values: Vec<(ArgName, Value)>,
    },
    /// An attribute of something that is no row is set: `app.state.db = …`, `Holder.session = …`.
    Store {
        /// The object.
        object: Value,
        /// The attribute.
        attribute: Name,
        /// The value.
        value: Value,
    },
    /// A relationship of a row is followed: `order.items`.
    Follow {
        /// The row.
        row: Arc<RowValue>,
        /// The relationship.
        relationship: Name,
    },
    /// `await`, `async for`, `async with`.
    Await,
    /// `raise`.
    Raise,
    /// `return`.
    Return(Value),
    /// `yield`.
    Yield(Value),
}

impl EventKind {
    /// Whether it makes, changes or deletes rows. What a text does is not looked into.
    pub(crate) fn changes_rows(&self) -> bool {
        match self {
            Self::Create(_)
            | Self::Add { .. }
            | Self::Delete { .. }
            | Self::Write { .. }
            | Self::Overwrite { .. }
            | Self::Updates { .. }
            | Self::SetEach { .. } => true,
            Self::Execute(query) => query.kind != QueryKind::Text,
            _ => false,
        }
    }
}

/// How another system is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reach {
    /// It is asked, and answers: HTTP, a vendor's client, mail.
    Call,
    /// A worker is given a task, which it may start at once.
    Enqueue,
}

/// How a load is written: where a fix puts the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadForm {
    /// `query.first()`, `session.scalars(select).one()`, …: the range of the statement expression that the lock is
    /// appended to, relative to the function.
    Chain(TextRange),
    /// `session.get(Model, key)`: the range of the call.
    Get(TextRange),
    /// It is not written in this function: a helper, a dependency, a relationship.
    Elsewhere,
}

/// What is done with a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum SessionAction {
    Flush,
    Commit,
    Rollback,
    Close,
    Expire,
    Savepoint,
    /// The rollback of a savepoint: the session can be used again, and its transaction goes on.
    Restore,
    Begin,
}
