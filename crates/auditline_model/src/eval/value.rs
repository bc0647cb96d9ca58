//! What an expression may be, as far as hazards care: sessions, rows, statements, and what they are made from.
//!
//! Values carry no positions, so that they can cross files. What is not understood is [`Value::Unknown`].

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::sql::TableName;
use smallvec::SmallVec;

use crate::db::{ClassRef, FunctionRef, VariableRef};
use crate::symbols::Symbol;

pub use super::sought::Sought;
pub use super::steps::Step;

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
            _ => Self::Unknown,
        }
    }

    /// Whether the function has opened the session for itself.
    fn is_own(&self) -> bool {
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

/// The kinds of transaction contexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TransactionKind {
    /// `begin()`: leaving commits or rolls back.
    Begin,
    /// `begin_nested()`: a savepoint.
    Savepoint,
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
}

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
    /// Whether it counts or sums up the rows of its model, all together.
    pub aggregates: bool,
    /// Whether it is `EXISTS (…)`: what asks for it hears whether there are any.
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

/// What an INSERT supplies, and which conflicts it passes over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Insertion {
    /// The table, where no mapped class is named.
    pub table: Option<Inserted>,
    /// The columns or attributes that it supplies.
    pub supplies: Vec<(Name, Supplied)>,
    /// The columns that a parameter of a text supplies, each with that parameter and what it holds.
    pub parameters: Vec<(Name, Name, Supplied)>,
    /// Whether it may supply more.
    pub open: bool,
    /// The conflicts that it passes over.
    pub passes: Passes,
}

/// Where a value that is inserted comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Supplied {
    /// It is made up anew each time: a random number, an identifier.
    Fresh,
    /// A caller hands it in.
    Given,
    /// From elsewhere.
    Other,
    /// It cannot be told.
    Unknown,
}

/// A table into which rows are inserted, where no mapped class is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Inserted {
    /// A variable that holds a `Table(…)`.
    Variable(VariableRef),
    /// The table of that name.
    Named(TableName),
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

/// What names a value, so that two statements that look for the same thing are seen to do so.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// A parameter, or an attribute of something that does not change: `item_id`, `payload.item_id`, `self.tenant`.
    Given(Value),
    /// A column of a row: `order.item_id`.
    Field {
        /// [`RowValue::id`].
        row: u32,
        /// The attribute.
        column: Name,
    },
    /// A local variable, and how often it was bound before.
    Local(Name, u32),
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

impl Insertion {
    /// What it supplies a column with.
    #[must_use]
    pub fn supplied(&self, is_it: impl Fn(Name) -> bool) -> Option<Supplied> {
        let written = self.supplies.iter().map(|(column, supplied)| (*column, *supplied));
        let parameters = self.parameters.iter().map(|(column, _, supplied)| (*column, *supplied));
        written.chain(parameters).find(|(column, _)| is_it(*column)).map(|(_, supplied)| supplied)
    }
}

impl QueryValue {
    /// A statement that selects the rows of a class, with nothing added to it.
    pub(crate) fn select(model: Option<ClassRef>) -> Self {
        Self {
            kind: QueryKind::Select,
            model,
            of: None,
            by_keywords: false,
            entities: true,
            width: 1,
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

/// A loaded or created object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RowValue {
    /// The ordinal of the event that loaded or created it in the unit, or first followed a relationship to it; `u32::MAX`
    /// outside.
    pub id: u32,
    /// Its mapped class, where it is known.
    pub model: Option<ClassRef>,
    /// Where it comes from.
    pub origin: RowOrigin,
    /// The session that loaded it, where it is known.
    pub session: Option<Arc<SessionValue>>,
}

/// Where an object comes from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum RowOrigin {
    /// Loaded by a query in this function, or in a callee.
    Loaded {
        /// Whether the load locked it.
        lock: Lock,
        /// Whether the query can only give this one row (else it came from iterating many).
        single: bool,
        /// The function that loaded it, when a callee did.
        by: Option<FunctionRef>,
    },
    /// Constructed in this function or a callee.
    Created,
    /// Handed in.
    Param(u32),
    /// The object itself, in a method of a mapped class.
    SelfRow,
    /// Reached through a relationship of another row: its [`RowValue::id`].
    Related(u32),
    /// Loaded by a framework dependency.
    Dependency(Symbol),
    /// It cannot be told.
    Unknown,
}

/// What a value was computed from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Sources {
    /// Columns of rows that went into it.
    pub fields: SmallVec<[FieldSource; 2]>,
    /// Numbers of rows that went into it.
    pub counts: SmallVec<[CountSource; 1]>,
    /// What it spells out: the values of which its text or path is put together.
    pub parts: SmallVec<[Part; 1]>,
    /// The event of a call to something outside whose result it is, or a part of it.
    pub external: Option<u32>,
    /// Whether something else than constants and fields went into it.
    pub other: bool,
    /// Whether the clock or a random number went into it: it is another one each time.
    pub fresh: bool,
}

/// A column of a row that went into a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FieldSource {
    /// [`RowValue::id`].
    pub row: u32,
    /// The attribute.
    pub column: Name,
    /// The ordinal of the read.
    pub read: u32,
    /// How it went in.
    pub how: Derivation,
}

/// A value of which a text or a path is put together. What a function that is not understood gives spells out nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// A column of a row: the ordinal of the read.
    Column(u32),
    /// A parameter of the function.
    Param(u32),
    /// An attribute of a parameter.
    Attribute(u32, Name),
}

/// A number or sum of rows that went into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CountSource {
    /// The ordinal of the load that counted them, or brought those that were counted.
    pub load: u32,
    /// Whether the value falls when the number rises: `limit - count`.
    pub falls: bool,
    /// Whether it tells only if there are any, not how many: a column of the first of them.
    pub any: bool,
}

/// How a column went into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Derivation {
    /// The value is the column's value, or one of the alternatives.
    Same,
    /// The value is the column's text in another form (`.strip()`, `.lower()`): doing it twice changes nothing.
    Normalised,
    /// The value is what a function that is not understood made of it, perhaps among other things.
    Called,
    /// The value is the column's document with values laid over it, under keys that are always the same:
    /// `{**row.settings, "mode": mode}`.
    Overlaid,
    /// The value was computed from it.
    Computed,
    /// Nothing of it went in, but it decided whether there is a value: `payment = fetch(order.payment_id)` where there is an
    /// id, else `None`.
    Decided,
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

impl Sources {
    /// Both, as alternatives or as parts.
    #[must_use]
    pub fn with(mut self, other: &Self) -> Self {
        for field in &other.fields {
            if !self.fields.contains(field) {
                self.fields.push(field.clone());
            }
        }
        for count in &other.counts {
            if !self.counts.contains(count) {
                self.counts.push(*count);
            }
        }
        for part in &other.parts {
            if !self.parts.contains(part) {
                self.parts.push(*part);
            }
        }
        self.external = self.external.or(other.external);
        self.other |= other.other;
        self.fresh |= other.fresh;
        self
    }

    /// As parts of a computation.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            field.how = Derivation::Computed;
        }
        self
    }

    /// As parts of something that is no number.
    #[must_use]
    pub fn gathered(mut self) -> Self {
        self.counts.clear();
        self.computed()
    }

    /// As a document over which something is laid.
    #[must_use]
    pub fn overlaid(mut self) -> Self {
        for field in &mut self.fields {
            field.how = match field.how {
                Derivation::Same | Derivation::Overlaid => Derivation::Overlaid,
                Derivation::Normalised | Derivation::Called | Derivation::Computed | Derivation::Decided => {
                    Derivation::Computed
                }
            };
        }
        self.counts.clear();
        self
    }

    /// As what is taken away from something.
    #[must_use]
    pub fn taken_away(mut self) -> Self {
        for count in &mut self.counts {
            count.falls = !count.falls;
        }
        self
    }

    /// As arguments of a call that is not understood.
    #[must_use]
    pub fn called(mut self) -> Self {
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            if field.how != Derivation::Computed {
                field.how = Derivation::Called;
            }
        }
        self.counts.clear();
        self.parts.clear();
        self
    }

    /// As a normalised form.
    #[must_use]
    pub fn normalised(mut self) -> Self {
        self.fields.retain(|field| field.how != Derivation::Decided);
        for field in &mut self.fields {
            field.how = field.how.max(Derivation::Normalised);
        }
        self
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
            // `changes if isinstance(changes, dict) else changes.model_dump()`
            (given @ Self::Param(_), Self::Attribute(dumped, method))
            | (Self::Attribute(dumped, method), given @ Self::Param(_))
                if **dumped == *given && super::entries::dumps(method) =>
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

impl SessionValue {
    /// What is known of a session that is this one or that one.
    fn join(&self, other: &Self) -> Self {
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
