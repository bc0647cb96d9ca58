//! Columns: their types and what their declarations say.

use auditline_syntax::Name;
use auditline_syntax::python::ir::ArgKind;

use crate::classes::{Detached, TypeExpr, class_info, external_bases, mro};
use crate::db::{ClassRef, Db};
use crate::symbols::Symbol;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// Its name in the table, where it differs from the attribute's.
    pub column_name: Option<Name>,
    /// What it holds.
    pub family: TypeFamily,
    /// Whether its type is written out, not concluded from an annotation.
    pub type_written: bool,
    /// Whether its type is a class of the workspace, which may convert what it holds.
    pub own_type: bool,
    /// The greatest length of a string.
    pub length: Option<u32>,
    /// Whether a date and time keeps its time zone; `None` where that cannot be told.
    pub zoned: Option<bool>,
    /// Whether changes in place are seen: `MutableDict.as_mutable(JSON)`.
    pub mutable: bool,
    /// Whether it may be NULL; `None` where the declaration does not say.
    pub nullable: Option<bool>,
    /// Whether `nullable` is written out, not concluded.
    pub nullable_written: bool,
    /// Whether an annotation says what it holds, so that `None` is among its values or is not.
    pub annotated: bool,
    /// Whether it belongs to the primary key.
    pub primary_key: bool,
    /// `unique=True`.
    pub unique: bool,
    /// `index=True`.
    pub index: bool,
    /// Whether the model has a default for it (`default`, `default_factory`; `onupdate` is another thing).
    pub has_default: bool,
    /// Whether the model sets it on each UPDATE by itself.
    pub has_onupdate: bool,
    /// Whether the model says that the database has a default for it.
    pub has_server_default: bool,
    /// What that default is.
    pub server_default: Option<ServerDefault>,
    /// `autoincrement`, where it is said.
    pub autoincrement: Option<bool>,
    /// What it refers to: `"users.id"`.
    pub foreign_key: Option<Name>,
    /// What the foreign key does when the other row goes: `"CASCADE"`.
    pub on_delete: Option<Name>,
    /// Whether it is loaded only when it is read.
    pub is_deferred: bool,
    /// Whether the database computes it.
    pub is_computed: bool,
    /// Whether a CHECK constraint names it: the database refuses some of its values.
    pub is_checked: bool,
}

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ColumnType {
    family: TypeFamily,
    length: Option<u32>,
    zoned: Option<bool>,
    mutable: bool,
    own: bool,
}

impl From<TypeFamily> for ColumnType {
    fn from(family: TypeFamily) -> Self {
        Self { family, ..Self::default() }
    }
}

/// What the model says of a default in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerDefault {
    /// A literal text.
    Text(Name),
    /// An expression or identity.
    Expression,
}

/// Families of column types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TypeFamily {
    /// A 32 bit integer, or a smaller one.
    Integer,
    /// A 64 bit integer.
    BigInteger,
    /// A string, perhaps with a greatest length.
    String,
    /// A string of any length.
    Text,
    /// A truth value.
    Boolean,
    /// A date and time.
    DateTime,
    /// A date.
    Date,
    /// A time.
    Time,
    /// A span of time.
    Interval,
    /// An exact number.
    Numeric,
    /// A binary fraction.
    Float,
    /// A document.
    Json,
    /// An array of the database.
    Array,
    /// A UUID.
    Uuid,
    /// One of a list of values.
    Enum,
    /// Bytes.
    Binary,
    /// Another type, by its name.
    Other(Name),
    /// It cannot be told.
    #[default]
    Unknown,
}

impl Column {
    /// A column of which only the annotation is known.
    pub(super) fn annotated(db: &dyn Db, inner: &TypeExpr) -> Self {
        let mut column = Self {
            family: family_of_type(db, inner),
            nullable: Some(inner.is_optional()),
            annotated: true,
            ..Self::default()
        };
        for item in inner.metadata() {
            if let Some((func, _)) = item.call()
                && func.last_name().is_some_and(|name| matches!(name.as_str(), "mapped_column" | "Column"))
            {
                column.read(db, item);
            }
        }
        column
    }

    /// Reads `Column(...)` or `mapped_column(...)`.
    pub(crate) fn declared(db: &dyn Db, call: &Detached, inner: Option<&TypeExpr>) -> Self {
        let mut column = inner.map_or_else(Self::default, |inner| Self::annotated(db, inner));
        column.read(db, call);
        if !column.nullable_written {
            column.nullable = match inner {
                _ if column.primary_key => Some(false),
                Some(inner) => Some(inner.is_optional()),
                None => Some(true),
            };
        }
        if call.has_spread() && !column.nullable_written {
            column.nullable = None;
        }
        column
    }

    /// Reads SQLModel's `Field(...)`.
    pub(super) fn field(db: &dyn Db, call: &Detached, inner: Option<&TypeExpr>) -> Self {
        let mut column = inner.map_or_else(Self::default, |inner| Self::annotated(db, inner));
        // SQLModel writes the type that it takes from the annotation into the column.
        column.type_written = inner.is_some();
        if let Some(declared) = call.keyword("sa_column").filter(|value| value.call().is_some()) {
            let family = column.family;
            column = Self::declared(db, declared, None);
            if column.family == TypeFamily::Unknown {
                column.family = family;
            }
        }
        column.read(db, call);
        if let Some(sa_type) = call.keyword("sa_type") {
            column.set_type(db, sa_type);
        }
        if let Some(length) = call.keyword("max_length").and_then(length_of)
            && column.family == TypeFamily::String
        {
            column.length = column.length.or(Some(length));
        }
        if let Some(Detached::Dict(entries)) = call.keyword("sa_column_kwargs") {
            for (key, value) in entries {
                if let Some(Detached::Str(name)) = key {
                    column.keyword(db, *name, value);
                }
            }
        }
        if let Some(first) = call.positional().next() {
            column.has_default = !is_ellipsis(first);
        }
        if column.primary_key && !column.nullable_written {
            column.nullable = Some(false);
        }
        column
    }

    fn read(&mut self, db: &dyn Db, call: &Detached) {
        let Some((_, args)) = call.call() else { return };
        let is_field = call.last_name().is_some_and(|name| name == "Field");
        let mut position = 0;
        for arg in args {
            match arg.kind {
                ArgKind::Positional if is_field => {}
                ArgKind::Positional => {
                    match &arg.value {
                        Detached::Str(text) if position == 0 => self.column_name = Some(*text),
                        value => self.positional(db, value),
                    }
                    position += 1;
                }
                ArgKind::Keyword(name) => self.keyword(db, name, &arg.value),
                ArgKind::Starred | ArgKind::DoubleStarred => {}
            }
        }
    }

    fn keyword(&mut self, db: &dyn Db, name: Name, value: &Detached) {
        let is_true = value.bool() == Some(true);
        match name.as_str() {
            "name" => self.column_name = value.text().or(self.column_name),
            "type_" => self.set_type(db, value),
            "nullable" => {
                self.nullable = value.bool();
                self.nullable_written = true;
            }
            "primary_key" => self.primary_key = is_true,
            "unique" => self.unique = is_true,
            "index" => self.index = is_true,
            "deferred" => self.is_deferred = is_true,
            "autoincrement" => self.autoincrement = value.bool(),
            "onupdate" => self.has_onupdate = true,
            "default" | "default_factory" | "insert_default" => self.has_default = !is_ellipsis(value),
            "server_default" if *value != Detached::None => {
                self.has_server_default = true;
                self.server_default = Some(server_default(value));
            }
            "server_onupdate" => self.has_onupdate = true,
            "foreign_key" => self.foreign_key = value.text().or(self.foreign_key),
            "ondelete" => self.on_delete = value.text(),
            _ => {}
        }
    }

    /// A positional argument: its type, a foreign key, a constraint.
    fn positional(&mut self, db: &dyn Db, value: &Detached) {
        match value.last_name().as_deref() {
            Some("ForeignKey") => {
                self.foreign_key = value.positional().next().and_then(reference);
                self.on_delete = value.keyword("ondelete").and_then(Detached::text);
            }
            Some("Identity" | "Sequence") => {
                self.has_server_default = true;
                self.server_default = Some(ServerDefault::Expression);
            }
            Some("Computed") => self.is_computed = true,
            Some("FetchedValue" | "DefaultClause") => self.has_server_default = true,
            Some("ColumnDefault") => self.has_default = true,
            Some("CheckConstraint") => self.is_checked = true,
            None => {}
            _ => self.set_type(db, value),
        }
    }

    fn set_type(&mut self, db: &dyn Db, value: &Detached) {
        let ty = type_of_value(db, value);
        if ty.family != TypeFamily::Unknown {
            self.family = ty.family;
            self.length = ty.length;
            self.zoned = ty.zoned;
            self.mutable = ty.mutable;
            self.type_written = true;
            self.own_type = ty.own;
        }
    }
}

/// A column of which only the type is known, as it is written.
pub(crate) fn column_of_type(db: &dyn Db, value: &Detached) -> Column {
    let mut column = Column::default();
    column.set_type(db, value);
    column
}

/// The family of a type of PostgreSQL and its kin, by its name in upper case.
pub(crate) fn family_of_sql(name: Name) -> TypeFamily {
    match name.as_str() {
        "INT4" | "INT2" | "SERIAL" | "SMALLSERIAL" | "SERIAL4" | "MEDIUMINT" | "TINYINT" => TypeFamily::Integer,
        "INT8" | "BIGSERIAL" | "SERIAL8" | "INT64" => TypeFamily::BigInteger,
        "CHARACTER VARYING" | "CHARACTER" | "BPCHAR" | "CHAR VARYING" => TypeFamily::String,
        "BOOL" => TypeFamily::Boolean,
        "DOUBLE PRECISION" | "FLOAT4" | "FLOAT8" => TypeFamily::Float,
        "TIMESTAMPTZ" | "TIMESTAMP WITH TIME ZONE" | "TIMESTAMP WITHOUT TIME ZONE" => TypeFamily::DateTime,
        "TIME WITH TIME ZONE" | "TIME WITHOUT TIME ZONE" | "TIMETZ" => TypeFamily::Time,
        name => match family_of_name(name) {
            TypeFamily::Unknown => TypeFamily::Other(Name::new(name)),
            family => family,
        },
    }
}

fn is_ellipsis(value: &Detached) -> bool {
    *value == Detached::Ellipsis
}

/// `"users.id"` of `ForeignKey("users.id")`, `ForeignKey(User.id)`.
pub(super) fn reference(value: &Detached) -> Option<Name> {
    match value {
        Detached::Str(text) => Some(*text),
        Detached::Path { base: (Symbol::Class(class), rest), .. } => {
            let column = rest;
            let table = class.path.rsplit('.').next().unwrap_or(class.path.as_str());
            // The table's name is not known here; the class's stands for it, marked by its capital letter.
            (!column.is_empty()).then(|| Name::new(&format!("{table}.{column}")))
        }
        _ => None,
    }
}

fn server_default(value: &Detached) -> ServerDefault {
    let text = match value {
        Detached::Str(text) => Some(*text),
        Detached::Call { func, .. } if func.last_name().is_some_and(|name| name == "text") => {
            value.positional().next().and_then(Detached::text)
        }
        _ => None,
    };
    text.map_or(ServerDefault::Expression, ServerDefault::Text)
}

fn length_of(value: &Detached) -> Option<u32> {
    match value {
        Detached::Int(Some(length)) => u32::try_from(*length).ok(),
        _ => None,
    }
}

/// A column type as it is written: `String(50)`, `sa.JSON`, `MutableDict.as_mutable(JSONB)`.
pub(super) fn type_of_value(db: &dyn Db, value: &Detached) -> ColumnType {
    if let Detached::Call { func, args } = value
        && let Some(method) = method_of(func)
    {
        match method.as_str() {
            "as_mutable" | "associate_with" => {
                let inner = args.first().map(|arg| type_of_value(db, &arg.value)).unwrap_or_default();
                let family = if inner.family == TypeFamily::Unknown { TypeFamily::Json } else { inner.family };
                return ColumnType { family, mutable: true, ..inner };
            }
            // `JSON().with_variant(JSONB, "postgresql")`
            "with_variant" | "evaluates_none" | "copy" | "adapt" => {
                if let Detached::Attribute { value, .. } = &**func {
                    return type_of_value(db, value);
                }
            }
            _ => {}
        }
    }
    let target = value.call().map_or(value, |(func, _)| func);
    match target.symbol() {
        Symbol::Class(class) => return ColumnType { own: true, ..type_of_class(db, class, value) },
        Symbol::Variable(variable) => {
            // `JsonType = JSON().with_variant(JSONB, "postgresql")`
            let held = crate::classes::variable(db, variable).and_then(|info| info.value.clone());
            return match held {
                Some(held) if held != *value => type_of_value(db, &held),
                _ => ColumnType::default(),
            };
        }
        Symbol::Function(function) => {
            return super::returned_expression(db, function)
                .map(|returned| type_of_value(db, &returned))
                .unwrap_or_default();
        }
        _ => {}
    }
    let Some(name) = target.last_name() else { return ColumnType::default() };
    let mut ty = ColumnType::from(family_of_name(name.as_str()));
    match ty.family {
        TypeFamily::String => {
            ty.length = value.positional().next().or_else(|| value.keyword("length")).and_then(length_of)
        }
        TypeFamily::DateTime => {
            let written = value.keyword("timezone").or_else(|| value.positional().next());
            ty.zoned = Some(written.and_then(Detached::bool) == Some(true));
        }
        TypeFamily::Unknown if matches!(target.symbol(), Symbol::External(_)) => ty.family = TypeFamily::Other(name),
        _ => {}
    }
    ty
}

/// The method of a call on something that is itself a call or a class: `as_mutable` of `MutableDict.as_mutable(...)`.
fn method_of(func: &Detached) -> Option<Name> {
    match func {
        Detached::Attribute { attr, .. } => Some(*attr),
        Detached::Path { path, .. } => path.rsplit_once('.').map(|(_, last)| Name::new(last)),
        _ => None,
    }
}

/// A type of the workspace: a `TypeDecorator` by its `impl`, a subclass of a type by its base.
fn type_of_class(db: &dyn Db, class: ClassRef, value: &Detached) -> ColumnType {
    let implementation = Name::new("impl");
    for ancestor in mro(db, class).iter() {
        let Some(info) = class_info(db, *ancestor) else { continue };
        if let Some(held) = info.attribute(implementation).and_then(|attribute| attribute.value.as_ref()) {
            let mut ty = type_of_value(db, held);
            if ty.family == TypeFamily::String {
                ty.length = ty.length.or_else(|| value.positional().next().and_then(length_of));
            }
            if ty.family == TypeFamily::DateTime && ty.zoned == Some(false) {
                // The decorator may well convert.
                ty.zoned = None;
            }
            return ty;
        }
    }
    let bases = external_bases(db, class);
    if bases.iter().any(|base| is_enum(base.as_str())) {
        return TypeFamily::Enum.into();
    }
    bases
        .iter()
        .map(|base| family_of_name(crate::classes::last(*base).as_str()))
        .find(|family| *family != TypeFamily::Unknown)
        .unwrap_or(TypeFamily::Other(crate::classes::last(class.path)))
        .into()
}

fn is_enum(path: &str) -> bool {
    matches!(path.rsplit('.').next(), Some("Enum" | "IntEnum" | "StrEnum" | "Flag" | "IntFlag"))
}

/// The family that SQLAlchemy and SQLModel take for an annotation.
pub(super) fn family_of_type(db: &dyn Db, ty: &TypeExpr) -> TypeFamily {
    match ty.without_none() {
        TypeExpr::Literal(_) => TypeFamily::Enum,
        TypeExpr::Symbol { symbol: Symbol::External(path), .. } => match crate::names::canonical(*path).as_str() {
            "builtins.dict" | "builtins.list" | "typing.Dict" | "typing.List" | "typing.Any" => TypeFamily::Json,
            "datetime.datetime" => TypeFamily::DateTime,
            "datetime.date" => TypeFamily::Date,
            "datetime.time" => TypeFamily::Time,
            "datetime.timedelta" => TypeFamily::Interval,
            path => match family_of_name(path.rsplit('.').next().unwrap_or_default()) {
                TypeFamily::Unknown => TypeFamily::Other(crate::classes::last(Name::new(path))),
                family => family,
            },
        },
        TypeExpr::Symbol { symbol: Symbol::Class(class), .. } => {
            if external_bases(db, *class).iter().any(|base| is_enum(base.as_str())) {
                TypeFamily::Enum
            } else {
                TypeFamily::Other(crate::classes::last(class.path))
            }
        }
        _ => TypeFamily::Unknown,
    }
}

fn family_of_name(name: &str) -> TypeFamily {
    match name {
        "int" | "Integer" | "SmallInteger" | "INTEGER" | "SMALLINT" | "INT" | "PositiveInt" => TypeFamily::Integer,
        "BigInteger" | "BIGINT" => TypeFamily::BigInteger,
        "str" | "String" | "VARCHAR" | "Unicode" | "CHAR" | "NVARCHAR" | "AutoString" | "EmailStr" | "AnyUrl"
        | "HttpUrl" | "AnyHttpUrl" => TypeFamily::String,
        "Text" | "UnicodeText" | "TEXT" | "CITEXT" | "LONGTEXT" | "MEDIUMTEXT" | "CLOB" => TypeFamily::Text,
        "bool" | "Boolean" | "BOOLEAN" => TypeFamily::Boolean,
        "DateTime" | "DATETIME" | "TIMESTAMP" | "datetime" => TypeFamily::DateTime,
        "date" | "Date" | "DATE" => TypeFamily::Date,
        "time" | "Time" | "TIME" => TypeFamily::Time,
        "timedelta" | "Interval" | "INTERVAL" => TypeFamily::Interval,
        "Decimal" | "Numeric" | "NUMERIC" | "DECIMAL" => TypeFamily::Numeric,
        "float" | "Float" | "FLOAT" | "Double" | "DOUBLE" | "DOUBLE_PRECISION" | "REAL" => TypeFamily::Float,
        "JSON" | "JSONB" => TypeFamily::Json,
        "ARRAY" => TypeFamily::Array,
        "UUID" | "Uuid" | "UUIDType" => TypeFamily::Uuid,
        "Enum" | "ENUM" => TypeFamily::Enum,
        "bytes" | "LargeBinary" | "BYTEA" | "BLOB" | "LONGBLOB" | "BINARY" | "VARBINARY" => TypeFamily::Binary,
        "PickleType" => TypeFamily::Other(Name::new("PickleType")),
        _ => TypeFamily::Unknown,
    }
}
