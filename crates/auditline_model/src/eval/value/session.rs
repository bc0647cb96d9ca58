//! Sessions: who made one, and what it is.

use auditline_syntax::Name;

use crate::db::{ClassRef, FunctionRef, VariableRef};
use crate::symbols::Symbol;

use super::Value;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SessionValue {
    /// Where it comes from.
    pub origin: SessionOrigin,
    /// `AsyncSession`; `None` where it cannot be told.
    pub is_async: Option<bool>,
    /// Tells apart two sessions of the same origin in one function: the ordinal of the event that opened it.
    pub id: u32,
    /// What it does with its rows when it commits.
    pub on_commit: OnCommit,
    /// The class that it is of.
    pub class: SessionClass,
}

/// The class of a session. One of the project's own may do more than SQLAlchemy's when it commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionClass {
    /// SQLAlchemy's or SQLModel's, or that of another library.
    Library,
    /// A class of the workspace that inherits from theirs.
    Own(ClassRef),
    /// It cannot be told.
    #[default]
    Unknown,
}

impl SessionClass {
    /// What is known of either of two sessions.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}

/// What a session does with its rows when it commits. When it rolls back it expires them in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OnCommit {
    /// It expires them: the next read of an attribute loads the row again. SQLAlchemy's and SQLModel's default.
    Expires,
    /// It keeps them as they are: `expire_on_commit=False`.
    Keeps,
    /// It cannot be told.
    #[default]
    Unknown,
}

impl OnCommit {
    /// What is known of either of two sessions.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if self == other { self } else { Self::Unknown }
    }
}

/// Where a session comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SessionOrigin {
    /// A parameter that the caller fills.
    Param(u32),
    /// The session that a parameter brings, or one of the function's own where it brings none.
    GivenOrOwn(u32),
    /// The session that a parameter brings, or the one in an attribute of `self` where it brings none.
    GivenOrKept(u32, ClassRef, Name),
    /// A parameter that a framework dependency fills.
    Dependency(Symbol),
    /// An attribute of `self`, as seen in objects of this class.
    SelfAttribute(ClassRef, Name),
    /// An attribute of another object: the object and the attribute.
    ObjectAttribute(Box<Value>, Name),
    /// Opened here by calling a factory or the class, not (yet) under a `with`.
    Opened(FactoryValue),
    /// Opened here as the context of a `with`: leaving closes it.
    Scoped(FactoryValue),
    /// The context of `factory.begin()`: leaving commits or rolls back.
    Begun(FactoryValue),
    /// Handed out by a context manager of the workspace.
    Context(FunctionRef),
    /// Handed out by a context manager class of the workspace.
    ContextClass(ClassRef),
    /// Returned by a function of the workspace, which got it from the origin inside.
    Returned(FunctionRef, Box<SessionOrigin>),
    /// A module-level variable that holds a session.
    Global(VariableRef),
    /// An attribute of a class object that holds a session.
    ClassAttribute(ClassRef, Name),
    /// What a `ContextVar` of the workspace holds: one for each task that somebody has set it for.
    Current(VariableRef),
    /// A `scoped_session` or Flask-SQLAlchemy's `db.session`.
    Registry(Option<VariableRef>),
    /// `object_session(row)`, and what else cannot be followed.
    Unknown,
}

impl SessionOrigin {
    /// Where a session comes from that comes from here or from there.
    fn join(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Param(given) | Self::GivenOrOwn(given), own)
            | (own, Self::Param(given) | Self::GivenOrOwn(given))
                if own.is_own() =>
            {
                Self::GivenOrOwn(*given)
            }
            (Self::GivenOrOwn(one), Self::Param(two) | Self::GivenOrOwn(two))
            | (Self::Param(one), Self::GivenOrOwn(two))
                if one == two =>
            {
                Self::GivenOrOwn(*one)
            }
            // `session or self.session`
            (Self::Param(given), Self::SelfAttribute(class, name))
            | (Self::SelfAttribute(class, name), Self::Param(given)) => Self::GivenOrKept(*given, *class, *name),
            // `self._session or current.get()`: an object that is made without one.
            (current @ Self::Current(_), Self::Param(_) | Self::SelfAttribute(..))
            | (Self::Param(_) | Self::SelfAttribute(..), current @ Self::Current(_)) => current.clone(),
            _ => Self::Unknown,
        }
    }

    /// Whether the function has opened the session for itself.
    pub(super) fn is_own(&self) -> bool {
        match self {
            Self::Opened(_) | Self::Scoped(_) | Self::Begun(_) | Self::Context(_) | Self::ContextClass(_) => true,
            Self::Returned(_, inner) => inner.is_own(),
            _ => false,
        }
    }
}

/// What makes sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FactoryValue {
    /// `async_sessionmaker` or `sessionmaker(class_=AsyncSession)`.
    pub is_async: Option<bool>,
    /// `scoped_session`.
    pub scoped: bool,
    /// What its sessions do with their rows when they commit.
    pub on_commit: OnCommit,
    /// The class of its sessions.
    pub class: SessionClass,
    /// The variable that holds it, where there is one.
    pub variable: Option<VariableRef>,
    /// Whether all that is known of it is an annotation, by which it gives a context: leaving that may commit.
    pub opaque: bool,
}

impl FactoryValue {
    /// A factory of which no more is known.
    pub(crate) fn new(is_async: Option<bool>) -> Self {
        Self {
            is_async,
            scoped: false,
            on_commit: OnCommit::Unknown,
            class: SessionClass::Unknown,
            variable: None,
            opaque: false,
        }
    }

    /// A session that it gives: one of its own, or that of the registry.
    pub(crate) fn session(self, id: u32) -> SessionValue {
        let origin = if self.scoped { SessionOrigin::Registry(self.variable) } else { SessionOrigin::Opened(self) };
        SessionValue { origin, is_async: self.is_async, id, on_commit: self.on_commit, class: self.class }
    }
}

/// The kinds of transaction contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionKind {
    /// `begin()`: leaving commits or rolls back.
    Begin,
    /// `begin_nested()`: a savepoint.
    Savepoint,
    /// A context manager of the workspace that is handed the session, which goes on behind it.
    Helper {
        /// Whether leaving commits where nothing fails.
        commits: bool,
        /// Whether leaving rolls back where something fails.
        heals: bool,
    },
}

impl TransactionKind {
    /// Whether leaving it normally commits.
    #[must_use]
    pub fn commits(self) -> bool {
        match self {
            Self::Begin => true,
            Self::Savepoint => false,
            Self::Helper { commits, .. } => commits,
        }
    }

    /// Whether leaving it by an error rolls the whole transaction back.
    #[must_use]
    pub fn rolls_back(self) -> bool {
        match self {
            Self::Begin => true,
            Self::Savepoint => false,
            Self::Helper { heals, .. } => heals,
        }
    }

    /// Whether the session can be used again when it is left by an error of the database.
    #[must_use]
    pub fn heals(self) -> bool {
        match self {
            Self::Begin | Self::Savepoint => true,
            Self::Helper { heals, .. } => heals,
        }
    }
}

impl SessionValue {
    /// Whether it is the session that a dependency gives to everybody who depends on it in one request.
    #[must_use]
    pub fn is_of_request(&self) -> bool {
        matches!(self.origin, SessionOrigin::Dependency(_)) && self.id == 0
    }

    /// What is known of a session that is this one or that one.
    pub(super) fn join(&self, other: &Self) -> Self {
        let origin = self.origin.join(&other.origin);
        let given = matches!(other.origin, SessionOrigin::Param(_) | SessionOrigin::GivenOrOwn(_));
        Self {
            is_async: if self.is_async == other.is_async { self.is_async } else { None },
            id: if origin != SessionOrigin::Unknown && given { other.id } else { self.id },
            on_commit: self.on_commit.join(other.on_commit),
            class: self.class.join(other.class),
            origin,
        }
    }
}
