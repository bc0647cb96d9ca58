//! What an expression may be, as far as hazards care: sessions, rows, statements, and what they are made from.
//!
//! Values carry no positions, so that they can cross files. What is not understood is [`Value::Unknown`].

mod insertion;
mod instance;
mod query;
mod row;
mod session;
mod sources;

use std::sync::Arc;

use auditline_syntax::Name;

use crate::db::{ClassRef, FunctionRef, VariableRef};
use crate::symbols::Symbol;

pub use super::sought::Sought;
pub use super::steps::Step;
pub use insertion::{Inserted, Insertion, Supplied};
pub use query::{Key, Lock, Passes, QueryKind, QueryValue};
pub use row::{RowOrigin, RowValue};
pub use session::{FactoryValue, OnCommit, SessionClass, SessionOrigin, SessionValue, TransactionKind};
pub use sources::{CountSource, Derivation, FieldSource, Keys, Looked, Part, Sources, Spot, Tells};

/// The value of an expression.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub enum Value {
    /// It cannot be told.
    #[default]
    Unknown,
    /// `None`.
    None,
    /// `True` or `False`.
    Bool(bool),
    /// Another constant.
    Constant,
    /// A module, class, function, or something outside the workspace.
    Symbol(Symbol),
    /// What something outside the workspace gave when it was called or constructed: `stripe.Customer.create`,
    /// `httpx.AsyncClient`.
    Made(Name),
    /// An object of a class of the workspace.
    Instance(Arc<InstanceValue>),
    /// The object a method was called on, of the class under evaluation.
    SelfObject,
    /// A parameter of the function, of which nothing else is known.
    Param(u32),
    /// An attribute path on a value of which nothing else is known: `request.state.db`.
    Attribute(Box<Value>, Name),
    /// A method of a value, not yet called.
    Method(Box<Value>, Name),
    /// A session.
    Session(Arc<SessionValue>),
    /// What makes sessions when it is called.
    Factory(FactoryValue),
    /// An engine or connection pool.
    Engine,
    /// The context of `session.begin()` or `session.begin_nested()`.
    Transaction(Arc<SessionValue>, TransactionKind),
    /// What `sessionmaker.begin()` gives: a session in a transaction that commits.
    BegunSession(Arc<SessionValue>),
    /// The generator context manager or dependency made by calling that function.
    Context(Arc<ContextValue>),
    /// `nullcontext(session)`: a `with` on it gives the session, and leaving it does nothing.
    Lent(Arc<SessionValue>),
    /// A statement: `select(...)`, `session.query(...)`, `update(...)`.
    Query(Arc<QueryValue>),
    /// What executing a statement gave.
    Executed(Arc<QueryValue>, bool),
    /// What a call gives that never comes back: `abort(404)`.
    Never,
    /// A loaded or created object.
    Row(Arc<RowValue>),
    /// A list or iterable of such values.
    Many(Box<Value>),
    /// A dictionary of such values, each under a key of its own: `{row.id: row for row in rows}`; the column that is the key.
    Keyed(Box<Value>, Option<Name>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary that is written out, by the names of its entries.
    Dict(Arc<[Entry]>),
    /// The name of some entry of a dictionary: what iterating over it gives.
    KeyOf(Box<Value>),
    /// A mapped attribute of a class: `Item.stock`.
    Column(ClassRef, Name),
    /// What the database counts or sums up over the rows of a class: `func.count(Item.id)`; `None` where the class is said
    /// elsewhere.
    Aggregate(Option<ClassRef>),
}

/// An object of a class of the workspace.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InstanceValue {
    /// Its class.
    pub class: ClassRef,
    /// The arguments it was constructed with, where they matter (sessions, factories, rows, classes).
    pub arguments: Vec<(ArgName, Value)>,
    /// Where it comes from.
    pub origin: InstanceOrigin,
}

/// Which argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgName {
    /// By position, from 0.
    Position(u32),
    /// By keyword.
    Keyword(Name),
}

/// Where an object comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceOrigin {
    /// Constructed in this function.
    Constructed,
    /// A module-level variable.
    Global(VariableRef),
    /// Handed in, by annotation.
    Param(u32),
    /// Made by the dependency injection of the framework for each request.
    Dependency,
    /// Returned by a cached function, or held by an object that lives as long as the program.
    Shared(Option<FunctionRef>),
    /// It cannot be told.
    Unknown,
}

/// What a dictionary that is written out holds under a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Entry {
    /// The name.
    pub name: Name,
    /// The value.
    pub value: Value,
    /// What the value is made from.
    pub from: Sources,
    /// Whether it is an expression that the database evaluates.
    pub in_sql: bool,
    /// The value as written, where it is a constant.
    pub constant: Option<Name>,
}

/// A generator context manager made by a call.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ContextValue {
    /// The generator function.
    pub function: FunctionRef,
    /// What it yields.
    pub yields: Value,
    /// Whether that is a session of the caller, which the context manager hands back, and which outlives it.
    pub given: bool,
    /// What leaving its block does with sessions of the caller.
    pub leaving: Vec<Leaving>,
}

/// What leaving the block of a context manager does with a session of the function that enters it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Leaving {
    /// The session.
    pub session: Arc<SessionValue>,
    /// Whether it commits where nothing fails; `None` where that cannot be told.
    pub commits: Option<bool>,
    /// Whether it rolls back where something fails.
    pub heals: bool,
    /// Whether it closes the session in any case.
    pub closes: bool,
    /// Whether the block is a savepoint.
    pub is_savepoint: bool,
}

/// The row that a value is, or of which it is a list.
#[must_use]
pub fn listed_row(value: &Value) -> Option<&Arc<RowValue>> {
    match value {
        Value::Row(row) => Some(row),
        Value::Many(inner) => listed_row(inner),
        _ => None,
    }
}

impl Value {
    /// The session in it: the value itself, or the one that a `with` on it gives.
    #[must_use]
    pub fn session(&self) -> Option<&Arc<SessionValue>> {
        match self {
            Self::Session(session) | Self::BegunSession(session) => Some(session),
            _ => None,
        }
    }

    /// The row in it.
    #[must_use]
    pub fn row(&self) -> Option<&Arc<RowValue>> {
        match self {
            Self::Row(row) => Some(row),
            _ => None,
        }
    }

    /// What is known after either of two paths. `None` beside something else is that something: a lookup that may
    /// fail still gives its row.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (a, b) if a == b => a.clone(),
            (Self::None | Self::Never, known) | (known, Self::None | Self::Never) => known.clone(),
            // `statement or select(Item)`, where nothing says what is handed in, or it says that a statement is.
            (Self::Param(index), Self::Query(own)) | (Self::Query(own), Self::Param(index)) => {
                own.or_given(*index, None).map_or(Self::Unknown, |joined| Self::Query(Arc::new(joined)))
            }
            (Self::Query(given), Self::Query(own)) | (Self::Query(own), Self::Query(given))
                if let Lock::AsStatement(index) = given.lock
                    && let Some(joined) = own.or_given(index, Some(given)) =>
            {
                Self::Query(Arc::new(joined))
            }
            (Self::Query(a), Self::Query(b)) if a.kind == b.kind && a.model == b.model => {
                let mut joined = (**a).clone();
                joined.lock = a.lock.join(b.lock);
                joined.entities &= b.entities;
                joined.waits &= b.waits;
                joined.joins |= b.joins;
                joined.ordered |= b.ordered;
                joined.populates |= b.populates;
                joined.aggregates &= b.aggregates;
                joined.filters.retain(|name| b.filters.contains(name));
                joined.keys.retain(|key| b.keys.contains(key));
                joined.sought = a.sought.join(&b.sought);
                Self::Query(Arc::new(joined))
            }
            (Self::Row(a), Self::Row(b)) if a.model == b.model => {
                let mut joined = (**a).clone();
                // A row that may have been created here or loaded is treated as loaded, so that a lock is asked for
                // only where every path that loads lacks it.
                joined.origin = match (&a.origin, &b.origin) {
                    (RowOrigin::Created, other) | (other, RowOrigin::Created) => other.clone(),
                    (
                        RowOrigin::Loaded { lock: one, single, by },
                        RowOrigin::Loaded { lock: two, single: both, .. },
                    ) => RowOrigin::Loaded { lock: one.join(*two), single: *single && *both, by: *by },
                    _ => RowOrigin::Unknown,
                };
                if matches!(a.origin, RowOrigin::Created) {
                    joined.id = b.id;
                    joined.session.clone_from(&b.session);
                }
                Self::Row(Arc::new(joined))
            }
            // What only some paths put there may be there.
            (Self::Dict(a), Self::Dict(b)) => {
                let mut entries = a.to_vec();
                entries.extend(b.iter().filter(|entry| !a.contains(entry)).cloned());
                Self::Dict(entries.into())
            }
            (Self::Session(a), Self::Session(b)) => Self::Session(Arc::new(a.join(b))),
            (Self::Instance(a), Self::Instance(b)) => {
                a.join(b).map_or(Self::Unknown, |one| Self::Instance(Arc::new(one)))
            }
            // `repo or DepotRepo(session)`, where nothing says what is handed in: something that can do the same.
            (Self::Param(_), Self::Instance(made)) | (Self::Instance(made), Self::Param(_))
                if made.origin == InstanceOrigin::Constructed =>
            {
                Self::Instance(Arc::new(InstanceValue { origin: InstanceOrigin::Unknown, ..(**made).clone() }))
            }
            // `changes if isinstance(changes, dict) else changes.model_dump()`
            (given @ Self::Param(_), Self::Attribute(dumped, method))
            | (Self::Attribute(dumped, method), given @ Self::Param(_))
                if **dumped == *given && crate::eval::entries::dumps(method) =>
            {
                given.clone()
            }
            // `session or SessionLocal()`, where nothing says what is handed in.
            (Self::Param(index), Self::Session(own)) | (Self::Session(own), Self::Param(index))
                if own.origin.is_own() =>
            {
                let origin = SessionOrigin::GivenOrOwn(*index);
                Self::Session(Arc::new(SessionValue { origin, id: 0, ..(**own).clone() }))
            }
            // `session or self.session`
            (Self::Param(index), Self::Session(own)) | (Self::Session(own), Self::Param(index))
                if let SessionOrigin::SelfAttribute(class, name) = own.origin =>
            {
                let origin = SessionOrigin::GivenOrKept(*index, class, name);
                Self::Session(Arc::new(SessionValue { origin, ..(**own).clone() }))
            }
            // `return None, reasons` beside `return statement, reasons`
            (Self::Tuple(a), Self::Tuple(b)) if a.len() == b.len() => {
                Self::Tuple(a.iter().zip(b).map(|(one, two)| one.join(two)).collect())
            }
            // `nullcontext(session) if session else SessionLocal()`
            (Self::Lent(lent), other) | (other, Self::Lent(lent)) => match other.entered_session() {
                Some(own) => Self::Lent(Arc::new(lent.join(&own))),
                None => Self::Unknown,
            },
            _ => Self::Unknown,
        }
    }

    /// The session that a `with` on the value gives.
    fn entered_session(&self) -> Option<Arc<SessionValue>> {
        match self {
            Self::Session(session) | Self::BegunSession(session) | Self::Lent(session) => Some(Arc::clone(session)),
            Self::Context(context) => {
                let session = context.yields.session()?;
                let origin =
                    if context.given { session.origin.clone() } else { SessionOrigin::Context(context.function) };
                Some(Arc::new(SessionValue { origin, ..(**session).clone() }))
            }
            _ => None,
        }
    }
}
