//! Units of work: what a function does with sessions and rows, as events in program order.
//!
//! Events are numbered in program order; each stands in a [`Frame`], and the frames form a tree: branches with their
//! conditions, loops, `try` with its handlers, `with`. Rules read this and nothing else.

mod aside;
mod asking;
mod beside;
mod blind;
mod broken;
mod condition;
mod effects;
mod elsewhere;
mod enclosing;
mod escapes;
mod event;
mod expired;
mod frame;
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
mod ruled_out;
mod started;
mod summary;
mod uses;
mod waiting;
mod wrapped;

use std::sync::Arc;

use auditline_syntax::Name;

use crate::db::{ClassRef, FunctionRef};
use crate::eval::value::{InstanceValue, Key, QueryValue, SessionValue, Spot, Value};

pub use aside::runs_aside;
pub use asking::only_asks;
pub use beside::{Beside, Together, together};
pub use broken::refused_behind;
pub use condition::{Condition, Subject, Test};
pub use effects::{Answered, Effect, Operation, Target, When, session_target};
pub use elsewhere::waits_elsewhere;
pub use enclosing::Enclosing;
pub use escapes::{Aftermath, CapturedWrite, aftermath_of_call, captured_write};
pub use event::{Event, EventKind, LoadForm, Reach, SessionAction};
pub use expired::{Closing, Expired, Expiry, Handed, How, expired, is_coroutine};
pub use frame::{Breadth, Frame, FrameId, FrameKind, HandlerInfo, TextTest, TryId, TryInfo};
pub use guards::{Guard, same_session};
pub use holding::{Taken, awaits_while, keeps_lock, leaves_with, may_suspend, runs_on_event_loop, suspends, taken};
pub use later::{Later, Runner, later, sessions_of_call};
pub use lock_order::{LockPair, Opposed, leaves_locked, lock_pairs, opposed_lock, pairs_from};
pub use locks::{LockScope, RowLock};
pub use outside::surely_asks;
pub use queries::{effect, event_range, unit, unit_of};
pub use reach::{Waypoint, blocking_way};
pub use removals::Discarded;
pub use ruled_out::is_ruled_out;
pub use started::{Started, started};
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
    pub counts: Vec<Counted>,
    /// The lookup of which it returns what it made of the row, an object that is no row itself, and `None` where there is
    /// none: `return ItemRead.model_validate(item) if item else None`.
    pub finds: Option<Arc<QueryValue>>,
    /// What its answer says of rows, where it answers yes or no and changes nothing: `return found is not None`.
    pub answers: Vec<Answer>,
    /// Whether it, or what it calls, makes, changes or deletes rows.
    pub changes: bool,
    /// What it raises.
    pub refusals: Vec<Refusal>,
    /// Whether every path through it ends with an error.
    pub fails: bool,
    /// What it assigns to attributes of `self`.
    pub self_attributes: Vec<(Name, Value)>,
    /// What it assigns to module-level variables by `global`.
    pub globals: Vec<(Name, Value)>,
    /// The rows that are bound to a variable, by [`RowValue::id`](crate::eval::value::RowValue::id): they stay in their
    /// session as long as it is.
    pub named: Vec<u32>,
    /// The sessions that functions inside of it use from its variables: the function, the variable, the session.
    pub captures: Vec<(FunctionRef, Name, Arc<SessionValue>)>,
    /// What the rows that it constructs are made from.
    pub ingredients: Vec<Ingredient>,
    /// The rows that were constructed with a value for an attribute that is the same for all who come with the same: a text
    /// that is written out, or put together of what callers hand in (`id=f"{tenant}-{image}"`).
    pub composed: Vec<(u32, Name)>,
    /// The rows that were constructed with a value for an attribute that is another one each time: `token=str(uuid4())`.
    pub fresh: Vec<(u32, Name)>,
    /// The `if`s of which one arm does nothing but say that the request has failed, by their numbers.
    pub denied: Vec<u32>,
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
    /// Where in what is returned the number stands, if it is a part of that.
    pub spot: Option<Spot>,
}

/// What the yes or no of a function says of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The ordinal of the load that looked for them, or counted them.
    pub load: u32,
    /// The answer that it gives only where there are none, or fewer than a limit allows; the other one says nothing.
    pub none: bool,
    /// Whether it is about a limit.
    pub limit: bool,
    /// Where in what is returned the yes or no stands, if it is a part of that.
    pub spot: Option<Spot>,
}

/// An error that a function raises, or a helper that it calls for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The last part of the name of its class, and of those that it inherits from.
    pub names: Vec<Name>,
    /// Where.
    pub frame: FrameId,
    /// The load that has brought nothing then.
    pub missed: Option<u32>,
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
    /// [`RowValue::id`](crate::eval::value::RowValue::id) of the row that was constructed.
    pub created: u32,
    /// The attribute that was given.
    pub attribute: Name,
    /// The row that was given, or of which a column was.
    pub row: u32,
    /// That column.
    pub column: Option<Name>,
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
