//! Statements: what one asks for, by what, and whether it locks.

use std::sync::Arc;

use auditline_syntax::Name;
use smallvec::SmallVec;

use crate::db::ClassRef;

use super::{Entry, Insertion, SessionValue, Sought, Step, Value};

/// A statement under construction.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryValue {
    /// What kind of statement.
    pub kind: QueryKind,
    /// The mapped class it selects or changes, where it is one.
    pub model: Option<ClassRef>,
    /// What names that class, where only callers know it: a parameter, an attribute of the object of a method.
    pub of: Option<Value>,
    /// Whether the keywords that callers hand in besides the named ones are filters too: `filter_by(**filters)`.
    pub by_keywords: bool,
    /// Whether its results are entities (not single columns or aggregates).
    pub entities: bool,
    /// How many entities and columns each result row has.
    pub width: u32,
    /// The mapped columns that it asks for, where it asks for nothing but columns of its model.
    pub columns: SmallVec<[Name; 1]>,
    /// The mapped classes of those behind the first one; nothing for a column.
    pub beside: SmallVec<[Option<ClassRef>; 1]>,
    /// Whether it counts or sums up the rows of its model, all together.
    pub aggregates: bool,
    /// Whether it is `EXISTS (…)`, or asks for constants: who asks for it hears whether there are any.
    pub exists: bool,
    /// Whether it locks its rows.
    pub lock: Lock,
    /// Whether it waits for the locks of others: not with `nowait` or `skip_locked`.
    pub waits: bool,
    /// Whether its lock is said to be on rows of its model only: `with_for_update(of=Item)`.
    pub locks_own_only: bool,
    /// Whether it brings rows of other tables along: a join, loader options.
    pub joins: bool,
    /// Whether it says in which order its rows come.
    pub ordered: bool,
    /// Whether it asks for rows of a list: `Item.id.in_(ids)`.
    pub among: bool,
    /// `populate_existing`.
    pub populates: bool,
    /// The columns it filters by.
    pub filters: SmallVec<[Name; 4]>,
    /// The columns of other mapped classes that it wants to be equal to something which is no column:
    /// `join(User).filter(User.email == email)`.
    pub through: SmallVec<[(ClassRef, Name); 1]>,
    /// The columns that it wants to be equal to something that has a name of its own, and to what.
    pub keys: SmallVec<[(Name, Key); 1]>,
    /// By what it finds its rows, as written in the function that builds it.
    pub sought: Sought,
    /// The columns that it sets, and how the new values lie to the old ones.
    pub sets: SmallVec<[(Name, Step); 1]>,
    /// The columns that an UPDATE sets, and to what, where they are written out.
    pub changes: Arc<[Entry]>,
    /// The session, for `session.query(...)` and executed statements.
    pub session: Option<Arc<SessionValue>>,
    /// The ordinal of the event that executed it.
    pub execution: Option<u32>,
    /// What an INSERT supplies, and which conflicts it passes over.
    pub insertion: Option<Arc<Insertion>>,
}

impl QueryValue {
    /// What is known of a statement that a parameter brings, or of the function's own where it brings none:
    /// `statement or select(Item)`. `given` is what the annotation says of the first.
    pub(super) fn or_given(&self, parameter: u32, given: Option<&Self>) -> Option<Self> {
        let is_plain = self.kind == QueryKind::Select && self.lock == Lock::No && self.session.is_none();
        let is_other = given.is_some_and(|given| given.model.is_some() && given.model != self.model);
        if !is_plain || is_other {
            return None;
        }
        let mut joined = Self { lock: Lock::OrStatement(parameter), ..self.clone() };
        // What only one of them asks for is not asked for by both.
        joined.filters.retain(|name| given.is_some_and(|given| given.filters.contains(name)));
        joined.keys.retain(|key| given.is_some_and(|given| given.keys.contains(key)));
        joined.sought = given.map_or_else(Sought::default, |given| self.sought.join(&given.sought));
        Some(joined)
    }

    /// A statement that selects the rows of a class, with nothing added to it.
    pub(crate) fn select(model: Option<ClassRef>) -> Self {
        Self {
            kind: QueryKind::Select,
            model,
            of: None,
            by_keywords: false,
            entities: true,
            width: 1,
            columns: SmallVec::new(),
            beside: SmallVec::new(),
            aggregates: false,
            exists: false,
            lock: Lock::No,
            waits: true,
            locks_own_only: false,
            joins: false,
            ordered: false,
            among: false,
            populates: false,
            filters: SmallVec::new(),
            through: SmallVec::new(),
            keys: SmallVec::new(),
            sought: Sought::default(),
            sets: SmallVec::new(),
            changes: Arc::default(),
            session: None,
            execution: None,
            insertion: None,
        }
    }
}

/// The kinds of statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum QueryKind {
    Select,
    Update,
    Delete,
    Insert,
    Text,
}

/// What names a value, so that two statements that look for the same thing are seen to do so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A parameter, or an attribute of something that does not change: `item_id`, `payload.item_id`, `self.tenant`.
    Given(Value),
    /// A column of a row: `order.item_id`.
    Field {
        /// [`RowValue::id`](crate::eval::value::RowValue::id).
        row: u32,
        /// The attribute.
        column: Name,
    },
    /// A local variable, and how often it was bound before.
    Local(Name, u32),
}

/// Which conflicts an INSERT passes over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Passes {
    /// None: it has no `ON CONFLICT`.
    #[default]
    None,
    /// All.
    All,
    /// Those of the unique key with these columns or attributes.
    Columns(Vec<Name>),
    /// Those of the constraint of that name.
    Constraint(Name),
    /// It cannot be told.
    Unknown,
}

/// Whether a load locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lock {
    /// It does not.
    #[default]
    No,
    /// It does.
    Yes,
    /// It does if that parameter of the function is true.
    IfParam(u32),
    /// As the statement does that this parameter of the function holds; it also says what is loaded.
    AsStatement(u32),
    /// As the statement does that this parameter of the function brings; it does not where the parameter brings none.
    OrStatement(u32),
    /// It cannot be told.
    Unknown,
}

impl Lock {
    /// What is known after either of two paths.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}
