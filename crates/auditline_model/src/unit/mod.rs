//! Units of work: what a function does with sessions and rows, as events in program order.
//!
//! Events are numbered in program order; each stands in a [`Frame`], and the frames form a tree: branches with their
//! conditions, loops, `try` with its handlers, `with`. Rules read this and nothing else.

mod aside;
mod beside;
mod broken;
mod effects;
mod elsewhere;
mod escapes;
mod expired;
mod guards;
mod holding;
mod kept;
mod later;
mod lock_order;
mod locks;
mod outside;
mod queries;
mod reach;
mod removals;
mod summary;
mod uses;
mod waiting;
mod wrapped;

use std::sync::Arc;

use auditline_syntax::{Name, TextRange};
use smallvec::SmallVec;

use crate::db::{ClassRef, FunctionRef};
use crate::eval::value::{
    ArgName, InstanceValue, Key, Lock, Part, QueryValue, RowValue, SessionValue, Sources, Step, TransactionKind, Value,
};

pub use aside::runs_aside;
pub use beside::{Beside, Together, together};
pub use broken::refused_behind;
pub use effects::{Effect, Operation, Target, When, session_target};
pub use elsewhere::waits_elsewhere;
pub use escapes::{Aftermath, CapturedWrite, aftermath_of_call, captured_write};
pub use expired::{Closing, Expired, Expiry, Handed, How, expired, is_coroutine};
pub use guards::{Guard, same_session};
pub use holding::{Taken, awaits_while, keeps_lock, leaves_with, may_suspend, runs_on_event_loop, suspends, taken};
pub use later::{Later, Runner, later, sessions_of_call};
pub use lock_order::{LockPair, Opposed, leaves_locked, lock_pairs, opposed_lock, pairs_from};
pub use locks::{LockScope, RowLock};
pub use outside::surely_asks;
pub use queries::{effect, event_range, unit, unit_of};
pub use reach::{Waypoint, blocking_way};
pub use removals::Discarded;
pub use summary::{Commit, End, Summary, summary};
pub use uses::Use;
pub use waiting::{Blocking, blocking};
pub use wrapped::tries_around_decorated;

/// What one function does with sessions and rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unit {
    /// The events, in program order.
    pub events: Vec<Event>,
    /// The tree of structure; the first is the function.
    pub frames: Vec<Frame>,
    /// The `try` statements.
    pub tries: Vec<TryInfo>,
    /// What it returns, joined over all `return`s.
    pub returns: Value,
    /// What it yields, joined, for a generator.
    pub yields: Value,
    /// What it counts or sums up, where it returns that number, or what is left of a limit.
    pub counts: Option<Counted>,
    /// The lookup of which it returns what it made of the row, an object that is no row itself, and `None` where there is
    /// none: `return ItemRead.model_validate(item) if item else None`.
    pub finds: Option<Arc<QueryValue>>,
    /// Whether every path through it ends with an error.
    pub fails: bool,
    /// What it assigns to attributes of `self`.
    pub self_attributes: Vec<(Name, Value)>,
    /// What it assigns to module-level variables by `global`.
    pub globals: Vec<(Name, Value)>,
    /// The rows that are bound to a variable, by [`RowValue::id`]: they stay in their session as long as it is.
    pub named: Vec<u32>,
    /// The sessions that functions inside of it use from its variables: the function, the variable, the session.
    pub captures: Vec<(FunctionRef, Name, Arc<SessionValue>)>,
    /// What the rows that it constructs are made from.
    pub ingredients: Vec<Ingredient>,
    /// The rows that were constructed with a value for an attribute that is the same for all who come with the same: a text
    /// that is written out, or put together of what callers hand in (`id=f"{tenant}-{image}"`).
    pub composed: Vec<(u32, Name)>,
    /// The loops over what it was handed.
    pub batches: Vec<Batch>,
    /// The variables of loops over values that are written out, and what names those: `for key in sorted({one, two})`.
    pub members: Vec<(Key, Vec<Key>)>,
    /// The objects of the workspace whose `with` a frame is the body of.
    pub entered: Vec<(FrameId, Arc<InstanceValue>)>,
}

/// A number of rows that a function returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// The class of the rows.
    pub model: ClassRef,
    /// Whether what is returned falls when the number rises: `limit - count`.
    pub falls: bool,
}

/// A loop over items that the function was handed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The frame of the loop.
    pub frame: FrameId,
    /// The parameter that holds the items.
    pub items: Name,
    /// Whether its body changes something that is used outside of it: a counter, a list, a flag.
    pub accounted: bool,
}

/// A value that a row was constructed with: `Item(order_id=order.id)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingredient {
    /// [`RowValue::id`] of the row that was constructed.
    pub created: u32,
    /// The attribute that was given.
    pub attribute: Name,
    /// The row that was given, or of which a column was.
    pub row: u32,
    /// That column.
    pub column: Option<Name>,
}

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

/// A node of [`Unit::frames`].
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

/// An index into [`Unit::tries`].
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
    /// Whether the name of a constraint, index or column must stand in the text as well.
    pub with_name: bool,
    /// Whether it only decides that something is looked for, and the error is raised where that is not there.
    pub looks_up: bool,
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

/// A fact about a row that a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// What it tests.
    pub subject: Subject,
    /// How.
    pub test: Test,
    /// Whether the test held where this condition stands.
    pub holds: bool,
    /// The ordinal of the read, or of the last event before the test.
    pub at: u32,
    /// The constant that it compares with, as written.
    pub constant: Option<Name>,
    /// The columns of rows that it compares with: [`RowValue::id`], or the ordinal of the statement that read columns alone, and
    /// the attribute.
    pub against: SmallVec<[(u32, Name); 1]>,
}

impl Condition {
    /// Whether it says that what it tests is not there.
    #[must_use]
    pub fn is_miss(&self) -> bool {
        self.test == Test::Present && !self.holds
    }

    /// The row that it says a lookup has not found: [`RowValue::id`].
    #[must_use]
    pub fn missed_row(&self) -> Option<u32> {
        match self.subject {
            Subject::Row { row } if self.is_miss() => Some(row),
            _ => None,
        }
    }

    /// The lookup that it says has found no row, or none to count.
    #[must_use]
    pub fn missed(&self) -> Option<u32> {
        match self.subject {
            Subject::Row { row: load } | Subject::Count { load } if self.is_miss() => Some(load),
            _ => None,
        }
    }
}

/// What a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A column of a row.
    Field {
        /// [`RowValue::id`].
        row: u32,
        /// The attribute.
        column: Name,
    },
    /// Whether a lookup found a row.
    Row {
        /// [`RowValue::id`].
        row: u32,
    },
    /// A parameter.
    Param(u32),
    /// A number or sum of rows: [`Test::Order`] holds where it is below a limit.
    Count {
        /// The ordinal of the load that counted them, or brought those that were counted.
        load: u32,
    },
}

/// How a condition tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// Truth: `if x`, `if not x`, `is None`, `is not None`. Holds means: there is something.
    Present,
    /// Comparison with a constant, an enum member or a container of them.
    EqualsConstant,
    /// Comparison with another value for equality.
    EqualsOther,
    /// `<`, `>` and their like.
    Order,
    /// Of what class the value is: `isinstance(x, C)`.
    Class,
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

impl Unit {
    /// The frames around a frame, itself first, the function last.
    pub fn ancestors(&self, frame: FrameId) -> impl Iterator<Item = (FrameId, &Frame)> {
        let mut next = Some(frame);
        std::iter::from_fn(move || {
            let id = next?;
            let frame = self.frames.get(id.0 as usize)?;
            next = frame.parent;
            Some((id, frame))
        })
    }

    /// The conditions of the branches around a frame, which let what stands in it happen.
    pub fn conditions_around(&self, frame: FrameId) -> impl Iterator<Item = &Condition> {
        self.ancestors(frame).flat_map(|(_, frame)| match &frame.kind {
            FrameKind::Branch { conditions, .. } => conditions.as_slice(),
            _ => &[],
        })
    }

    /// The events in a frame and the frames inside it, with their ordinals.
    pub fn events_in(&self, frame: FrameId) -> impl Iterator<Item = (u32, &Event)> {
        let (first, end) = self.frames.get(frame.0 as usize).map_or((0, 0), |frame| (frame.first, frame.end));
        (first..end).filter_map(|ordinal| Some((ordinal, self.events.get(ordinal as usize)?)))
    }

    /// The events with their ordinals.
    pub fn numbered(&self) -> impl Iterator<Item = (u32, &Event)> {
        (0u32..).zip(self.events.iter())
    }

    /// Whether the event can run after the other in one run of the function: it stands behind it, or both stand in one
    /// loop; and no two arms of one `if` hold them, and no exit stands between.
    #[must_use]
    pub fn can_follow(&self, earlier: u32, later: u32) -> bool {
        let (Some(one), Some(two)) = (self.events.get(earlier as usize), self.events.get(later as usize)) else {
            return false;
        };
        if later < earlier {
            return self.ancestors(one.frame).any(|(id, frame)| {
                matches!(frame.kind, FrameKind::Loop { .. }) && self.ancestors(two.frame).any(|(other, _)| other == id)
            });
        }
        self.leads_to(one.frame, two.frame)
    }

    /// Whether an arm of that `if` always ends with an error: behind it goes on what was not turned away.
    #[must_use]
    pub fn is_refused(&self, split: u32) -> bool {
        self.frames.iter().any(|frame| {
            matches!(frame.kind, FrameKind::Branch { split: other, raises: true, rest: false, .. } if other == split)
        })
    }

    /// Whether control can come from the end of a frame to another frame that stands behind it: no exit stands between, and
    /// the two are no arms of one `if`.
    #[must_use]
    pub fn leads_to(&self, from: FrameId, to: FrameId) -> bool {
        for (id, frame) in self.ancestors(from) {
            if self.ancestors(to).any(|(other, _)| other == id) {
                break;
            }
            match &frame.kind {
                FrameKind::Branch { split, exits, .. } => {
                    if *exits {
                        return false;
                    }
                    let exclusive = self.ancestors(to).any(|(other, other_frame)| {
                        other != id
                            && matches!(&other_frame.kind, FrameKind::Branch { split: other, rest: false, .. } if other == split)
                    });
                    if exclusive {
                        return false;
                    }
                }
                FrameKind::Handler(of, index) => {
                    let exits = self
                        .tries
                        .get(of.0 as usize)
                        .and_then(|info| info.handlers.get(*index as usize))
                        .is_some_and(|handler| handler.exits);
                    if exits {
                        return false;
                    }
                }
                _ => {}
            }
        }
        true
    }

    /// Whether a loop stands around the frame.
    #[must_use]
    pub fn in_loop(&self, frame: FrameId) -> bool {
        self.ancestors(frame).any(|(_, frame)| matches!(frame.kind, FrameKind::Loop { .. }))
    }
}
