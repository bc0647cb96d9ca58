//! Columns as a revision writes them.

use auditline_model::classes::{Detached, TypeExpr, class_info, variable};
use auditline_model::schema::{SchemaColumn, schema_of_models, table_in};
use auditline_model::symbols::Symbol;
use auditline_model::tables::{Column, TypeFamily};
use auditline_model::{Db, names};
use auditline_syntax::Name;
use auditline_syntax::python::ir::ArgKind;
use auditline_syntax::sql::TableName;

use super::quoted;
use crate::finding::Place;

/// A column in the words of a revision.
pub(super) struct Written {
    /// For a table that is made now.
    pub(super) plain: String,
    /// For a table that may have rows: with a default for them, where the model has one.
    pub(super) with_default: String,
    /// Whether that default is only for the rows that are there.
    pub(super) default_is_for_old_rows: bool,
    /// Whether rows that are there need a value that nobody knows.
    pub(super) wants_value: bool,
    /// Whether it has a type of PostgreSQL.
    pub(super) postgresql: bool,
    pub(super) unique: bool,
    pub(super) index: bool,
}

impl Written {
    /// A column of that type, which may be NULL.
    pub(super) fn that_may_be_null(name: Name, ty: &str) -> Self {
        let column = format!("sa.Column({}, {ty}, nullable=True)", quoted(&name));
        Self {
            plain: column.clone(),
            with_default: column,
            default_is_for_old_rows: false,
            wants_value: false,
            postgresql: false,
            unique: false,
            index: false,
        }
    }
}

/// A column as the model declares it; `None` where something of it cannot be written again: a type of the project's own, an
/// enumeration (which is a type of the database, with a life of its own), a value that is computed.
pub(super) fn written(db: &dyn Db, name: Name, own: &SchemaColumn) -> Option<Written> {
    let column = &own.column;
    let declared = declaration(db, name, own)?;
    if column.is_computed || column.own_type || column.nullable.is_none() {
        return None;
    }
    let mut writer = Writer::default();
    let ty = type_of(db, &mut writer, &declared, column)?;
    let mut parts = vec![quoted(&name), ty];
    if let Some(reference) = column.foreign_key {
        // The name of a class stands for a table that is not told here.
        if reference.starts_with(char::is_uppercase) || !reference.contains('.') {
            return None;
        }
        let on_delete = column.on_delete.map(|action| format!(", ondelete={}", quoted(&action))).unwrap_or_default();
        parts.push(format!("sa.ForeignKey({}{on_delete})", quoted(&reference)));
    }
    let call = declared.value.as_ref().filter(|value| value.call().is_some());
    let keyword = |key: &str| {
        let column = call.and_then(|call| call.keyword("sa_column")).or(call);
        column.and_then(|call| call.keyword(key)).or_else(|| call.and_then(|call| call.keyword(key)))
    };
    let in_database = match keyword("server_default") {
        Some(value) => Some(writer.value(value)?),
        None if column.has_server_default => return None,
        None => None,
    };
    let nullable = column.nullable == Some(true);
    let null = if nullable { "nullable=True" } else { "nullable=False" };
    let default = in_database.clone().map(|value| format!("server_default={value}"));
    let mut plain = parts.clone();
    plain.extend(default.clone());
    plain.push(null.to_owned());
    let for_old_rows = (!nullable && default.is_none()).then(|| {
        let simple = keyword("default").or_else(|| keyword("insert_default"));
        let first = call.filter(|call| call.last_name().is_some_and(|name| name == "Field"));
        let simple = simple.or_else(|| first.and_then(|call| call.positional().next()));
        let simple = simple.or(declared.value.as_ref().filter(|value| value.call().is_none()));
        simple.and_then(constant)
    });
    let for_old_rows = for_old_rows.flatten().map(|value| format!("server_default={value}"));
    let default_is_for_old_rows = for_old_rows.is_some();
    let mut with_default = parts;
    with_default.extend(default.clone().or(for_old_rows.clone()));
    with_default.push(null.to_owned());
    let has_value = nullable || default.is_some() || for_old_rows.is_some();
    Some(Written {
        plain: format!("sa.Column({})", plain.join(", ")),
        with_default: format!("sa.Column({})", with_default.join(", ")),
        default_is_for_old_rows,
        wants_value: !has_value,
        postgresql: writer.postgresql,
        unique: column.unique,
        index: column.index,
    })
}

/// What the code says of a column.
struct Declaration {
    value: Option<Detached>,
    annotation: Option<TypeExpr>,
}

fn declaration(db: &dyn Db, name: Name, own: &SchemaColumn) -> Option<Declaration> {
    match own.origin {
        Place::Attribute(class, attribute) => {
            let info = class_info(db, class)?;
            let info = info.attribute(attribute)?;
            Some(Declaration { value: info.value.clone(), annotation: info.annotation.clone() })
        }
        // `Table("users", metadata, Column("id", Integer))`
        Place::Variable(table) => {
            let info = variable(db, table)?;
            let is_it = |value: &&Detached| {
                value.last_name().is_some_and(|name| name == "Column")
                    && value.positional().next().and_then(Detached::text) == Some(name)
            };
            let column = info.value.as_ref()?.positional().find(is_it)?.clone();
            Some(Declaration { value: Some(column), annotation: None })
        }
        _ => None,
    }
}

/// A constant as a default of the database.
fn constant(value: &Detached) -> Option<String> {
    match value {
        Detached::Bool(true) => Some("sa.true()".to_owned()),
        Detached::Bool(false) => Some("sa.false()".to_owned()),
        Detached::Int(Some(number)) => Some(format!("sa.text(\"{number}\")")),
        Detached::Str(text) => Some(quoted(text)),
        _ => None,
    }
}

/// The type of a column: as it is written in the model, or as SQLAlchemy and SQLModel take it from the annotation.
fn type_of(db: &dyn Db, writer: &mut Writer, declared: &Declaration, column: &Column) -> Option<String> {
    if let Some(written) = declared.value.as_ref().and_then(written_type) {
        return writer.value(written);
    }
    // SQLAlchemy gives a key the type of the column to which it refers, whatever the annotation says.
    let is_field = declared.value.as_ref().is_some_and(|value| value.last_name().is_some_and(|name| name == "Field"));
    if let Some(ty) = column.foreign_key.filter(|_| !is_field).and_then(|key| type_of_key(db, writer, key)) {
        return Some(ty);
    }
    if has_metadata(declared.annotation.as_ref()) || !names::files_mentioning(db, "type_annotation_map").is_empty() {
        return None;
    }
    Some(match column.family {
        TypeFamily::Integer => "sa.Integer()".to_owned(),
        TypeFamily::BigInteger => "sa.BigInteger()".to_owned(),
        TypeFamily::String => match column.length {
            Some(length) => format!("sa.String(length={length})"),
            None => "sa.String()".to_owned(),
        },
        TypeFamily::Text => "sa.Text()".to_owned(),
        TypeFamily::Boolean => "sa.Boolean()".to_owned(),
        TypeFamily::DateTime => "sa.DateTime()".to_owned(),
        TypeFamily::Date => "sa.Date()".to_owned(),
        TypeFamily::Time => "sa.Time()".to_owned(),
        TypeFamily::Interval => "sa.Interval()".to_owned(),
        TypeFamily::Numeric => "sa.Numeric()".to_owned(),
        TypeFamily::Float => "sa.Float()".to_owned(),
        TypeFamily::Uuid => "sa.Uuid()".to_owned(),
        TypeFamily::Binary => "sa.LargeBinary()".to_owned(),
        TypeFamily::Json | TypeFamily::Array | TypeFamily::Enum | TypeFamily::Other(_) | TypeFamily::Unknown => {
            return None;
        }
    })
}

/// The type of the column to which a key refers; `None` where that is a key itself.
fn type_of_key(db: &dyn Db, writer: &mut Writer, reference: Name) -> Option<String> {
    let (path, column) = reference.rsplit_once('.')?;
    let (schema, table) = path.rsplit_once('.').map_or((None, path), |(schema, table)| (Some(schema), table));
    let models = schema_of_models(db);
    let (_, table) = table_in(&models, TableName { schema: schema.map(Name::new), name: Name::new(table) })?;
    let column = Name::new(column);
    let own = table.column(column).filter(|own| own.column.foreign_key.is_none() && !own.column.own_type)?;
    type_of(db, writer, &declaration(db, column, own)?, &own.column)
}

/// Whether an annotation brings more than a type.
fn has_metadata(annotation: Option<&TypeExpr>) -> bool {
    let Some(annotation) = annotation else { return false };
    match annotation {
        TypeExpr::Annotated { .. } => true,
        TypeExpr::Symbol { args, .. } | TypeExpr::Union(args) => args.iter().any(|arg| has_metadata(Some(arg))),
        _ => false,
    }
}

/// The type among the arguments of `Column(…)`, `mapped_column(…)` or `Field(…)`.
fn written_type(value: &Detached) -> Option<&Detached> {
    let call = value.keyword("sa_column").unwrap_or(value);
    let named = call.keyword("type_").or_else(|| value.keyword("sa_type"));
    if named.is_some() || call.last_name().is_some_and(|name| name == "Field") {
        return named;
    }
    const OTHERS: &[&str] = &[
        "ForeignKey",
        "Identity",
        "Sequence",
        "Computed",
        "FetchedValue",
        "DefaultClause",
        "ColumnDefault",
        "CheckConstraint",
    ];
    let is_type = |value: &&Detached| value.last_name().is_some_and(|name| !OTHERS.contains(&name.as_str()));
    call.positional().filter(|value| value.text().is_none()).find(is_type)
}

/// Writes what comes from SQLAlchemy, and constants.
#[derive(Default)]
struct Writer {
    postgresql: bool,
}

impl Writer {
    fn value(&mut self, value: &Detached) -> Option<String> {
        Some(match value {
            Detached::Path { symbol: Symbol::External(path), .. } => {
                let name = self.name(*path)?;
                // A type without brackets is the same as one that is made without arguments.
                if is_function(*path) { name } else { format!("{name}()") }
            }
            Detached::Call { func, args } => {
                let Symbol::External(path) = func.symbol() else { return None };
                let name = self.name(path)?;
                let args: Option<Vec<String>> = args
                    .iter()
                    .map(|arg| {
                        let value = self.value(&arg.value)?;
                        match arg.kind {
                            ArgKind::Positional => Some(value),
                            ArgKind::Keyword(key) => Some(format!("{key}={value}")),
                            ArgKind::Starred | ArgKind::DoubleStarred => None,
                        }
                    })
                    .collect();
                format!("{name}({})", args?.join(", "))
            }
            Detached::Str(text) => quoted(text),
            Detached::Int(Some(number)) => number.to_string(),
            Detached::Bool(true) => "True".to_owned(),
            Detached::Bool(false) => "False".to_owned(),
            Detached::None => "None".to_owned(),
            _ => return None,
        })
    }

    /// A name of SQLAlchemy by which a revision reaches it.
    fn name(&mut self, path: Name) -> Option<String> {
        let path = path.as_str();
        let own = path.strip_prefix("sqlalchemy.").or_else(|| path.strip_prefix("sqlmodel."))?;
        let last = own.rsplit('.').next()?;
        if matches!(last, "Enum" | "ENUM" | "PickleType") {
            return None;
        }
        if let Some(dialect) = own.strip_prefix("dialects.") {
            if !dialect.starts_with("postgresql.") {
                return None;
            }
            self.postgresql = true;
            return Some(format!("postgresql.{last}"));
        }
        if let Some((_, function)) = own.split_once("func.") {
            return Some(format!("sa.func.{function}"));
        }
        Some(format!("sa.{last}"))
    }
}

fn is_function(path: Name) -> bool {
    path.contains(".func.")
}
