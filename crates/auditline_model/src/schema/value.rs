//! What a value is while revisions are replayed.

use auditline_syntax::Name;
use auditline_syntax::sql::TableName;

use crate::classes::Detached;
use crate::db::FunctionRef;

/// A value, as far as it matters for the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// It cannot be told.
    Unknown,
    /// It cannot be told, and comes from a look at what the schema is.
    Inspected,
    None,
    Bool(bool),
    Int(i64),
    /// A text; parts that cannot be told stand as [`HOLE`].
    Text(String),
    List(Vec<Value>),
    Dict(Vec<(Value, Value)>),
    /// `alembic.op`.
    Op,
    /// A table in `with op.batch_alter_table(…)`.
    Batch(Option<TableName>),
    /// A connection, engine or context of the migration.
    Bind,
    /// What tells of the schema as it is.
    Inspector,
    /// A function of the workspace.
    Function(FunctionRef),
    /// An expression that declares something: a column, a type, a constraint.
    Declared(Detached),
}

/// Stands in a text for what cannot be told.
pub(super) const HOLE: &str = "auditline_hole";

impl Value {
    /// A text without holes.
    pub(super) fn name(&self) -> Option<Name> {
        match self {
            Self::Text(text) if !text.contains(HOLE) => Some(Name::new(text)),
            Self::Declared(Detached::Call { args, .. }) => match &args.first()?.value {
                // `quoted_name("users", True)`
                Detached::Str(text) => Some(*text),
                _ => None,
            },
            _ => None,
        }
    }

    pub(super) fn truth(&self) -> Option<bool> {
        match self {
            Self::None => Some(false),
            Self::Bool(value) => Some(*value),
            Self::Int(value) => Some(*value != 0),
            Self::Text(text) => Some(!text.is_empty()),
            Self::List(items) => Some(!items.is_empty()),
            Self::Dict(entries) => Some(!entries.is_empty()),
            Self::Op | Self::Batch(_) | Self::Bind | Self::Inspector | Self::Function(_) => Some(true),
            Self::Unknown | Self::Inspected | Self::Declared(_) => None,
        }
    }

    /// Whether it is told to the last part.
    pub(super) fn is_told(&self) -> bool {
        match self {
            Self::None | Self::Bool(_) | Self::Int(_) => true,
            Self::Text(text) => !text.contains(HOLE),
            Self::List(items) => items.iter().all(Self::is_told),
            Self::Dict(entries) => entries.iter().all(|(key, value)| key.is_told() && value.is_told()),
            _ => false,
        }
    }

    /// The names of a list, or the one that stands for a list.
    pub(super) fn names(&self) -> Option<Vec<Name>> {
        match self {
            Self::List(items) => items.iter().map(Self::name).collect(),
            one => one.name().map(|name| vec![name]),
        }
    }

    /// As an argument of a declaration.
    pub(super) fn detached(&self) -> Detached {
        match self {
            Self::None => Detached::None,
            Self::Bool(value) => Detached::Bool(*value),
            Self::Int(value) => Detached::Int(Some(*value)),
            Self::Text(text) if !text.contains(HOLE) => Detached::Str(Name::new(text)),
            Self::List(items) => Detached::Sequence(items.iter().map(Self::detached).collect()),
            Self::Dict(entries) => {
                Detached::Dict(entries.iter().map(|(key, value)| (Some(key.detached()), value.detached())).collect())
            }
            Self::Declared(detached) => detached.clone(),
            _ => Detached::Other,
        }
    }
}

impl From<&Detached> for Value {
    fn from(value: &Detached) -> Self {
        match value {
            Detached::None => Self::None,
            Detached::Bool(value) => Self::Bool(*value),
            Detached::Int(Some(value)) => Self::Int(*value),
            Detached::Str(text) => Self::Text(text.as_str().to_owned()),
            Detached::Sequence(items) => Self::List(items.iter().map(Self::from).collect()),
            Detached::Dict(entries) => {
                let told: Option<Vec<(Self, Self)>> =
                    entries.iter().map(|(key, value)| Some((Self::from(key.as_ref()?), Self::from(value)))).collect();
                told.map_or(Self::Unknown, Self::Dict)
            }
            Detached::Other | Detached::Lambda | Detached::Int(None) | Detached::Ellipsis => Self::Unknown,
            other => Self::Declared(other.clone()),
        }
    }
}
