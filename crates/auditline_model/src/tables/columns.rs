//! Columns and relationships, as class bodies declare them.

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Arg, ArgKind, Class, Code, Expr, ExprId};

use crate::classes::{ClassAttribute, TypeExpr, type_expr};
use crate::db::{ClassRef, Db};
use crate::names;
use crate::symbols::Symbol;

use super::{AttributeKind, Relationship, keyword_is};

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Column {
    /// Its name in the table, where it differs from the attribute's.
    pub column_name: Option<Name>,
    /// What it holds.
    pub family: TypeFamily,
    /// Whether it may be NULL; `None` where the declaration does not say.
    pub nullable: Option<bool>,
    /// Whether it belongs to the primary key.
    pub primary_key: bool,
    /// `unique=True`.
    pub unique: bool,
    /// `index=True`.
    pub index: bool,
    /// Whether the model has a default for it (`default`, `default_factory`, `onupdate` not included).
    pub has_default: bool,
    /// Whether the model says that the database has a default for it.
    pub has_server_default: bool,
    /// Whether changes in place are seen: `MutableDict.as_mutable(JSON)`.
    pub mutable: bool,
    /// What it refers to: `"users.id"`.
    pub foreign_key: Option<Name>,
}

/// Families of column types.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum TypeFamily {
    Integer,
    String,
    Text,
    Boolean,
    DateTime,
    Date,
    Numeric,
    Float,
    Json,
    Array,
    Uuid,
    Enum,
    Binary,
    #[default]
    Unknown,
}

/// What a name bound in a class body is to the mapping.
pub(super) fn attribute_kind(db: &dyn Db, of: ClassRef, body: &Class, attribute: &ClassAttribute) -> AttributeKind {
    let code = &body.code;
    let annotation = attribute.annotation.map(|annotation| type_expr(db, of.file, None, code, annotation));
    match attribute.value {
        Some(value) => value_kind(db, of, code, value, annotation.as_ref()),
        None => match &annotation {
            Some(annotation) => annotated_kind(db, of, annotation),
            None => AttributeKind::Plain,
        },
    }
}

/// What an annotation alone declares: `id: Mapped[int]`, a field of an SQLModel.
fn annotated_kind(_db: &dyn Db, _of: ClassRef, annotation: &TypeExpr) -> AttributeKind {
    match mapped_type(annotation) {
        Mapping::Mapped(inner) => from_mapped(inner),
        Mapping::ClassVar => AttributeKind::Plain,
        Mapping::Other => AttributeKind::Column(Column {
            family: family(annotation),
            nullable: Some(is_optional(annotation)),
            ..Column::default()
        }),
    }
}

enum Mapping<'a> {
    Mapped(&'a TypeExpr),
    ClassVar,
    Other,
}

fn mapped_type(annotation: &TypeExpr) -> Mapping<'_> {
    match annotation {
        TypeExpr::Symbol { symbol: Symbol::External(path), args } => {
            match path.as_str().rsplit('.').next().unwrap_or_default() {
                "Mapped" | "DynamicMapped" | "WriteOnlyMapped" => match args.first() {
                    Some(inner) => Mapping::Mapped(inner),
                    None => Mapping::Other,
                },
                "ClassVar" => Mapping::ClassVar,
                _ => Mapping::Other,
            }
        }
        TypeExpr::Annotated { inner, .. } => mapped_type(inner),
        _ => Mapping::Other,
    }
}

fn from_mapped(inner: &TypeExpr) -> AttributeKind {
    let target = related_class(inner);
    match target {
        Some((class, uselist)) => {
            AttributeKind::Relationship(Relationship { target: Some(class), uselist: Some(uselist) })
        }
        None => AttributeKind::Column(Column {
            family: family(inner),
            nullable: Some(is_optional(inner)),
            ..Column::default()
        }),
    }
}

/// The class of the workspace that a relationship's annotation names, and whether it is a collection.
fn related_class(ty: &TypeExpr) -> Option<(ClassRef, bool)> {
    match ty {
        TypeExpr::Symbol { symbol: Symbol::Class(class), .. } => Some((*class, false)),
        TypeExpr::Symbol { symbol: Symbol::External(path), args } => {
            let last = path.as_str().rsplit('.').next().unwrap_or_default();
            matches!(last, "list" | "List" | "set" | "Set" | "Sequence" | "Collection")
                .then(|| args.first().and_then(related_class))
                .flatten()
                .map(|(class, _)| (class, true))
        }
        TypeExpr::Union(parts) => parts.iter().find_map(related_class),
        TypeExpr::Annotated { inner, .. } => related_class(inner),
        _ => None,
    }
}

/// What an assigned value declares.
pub(super) fn value_kind(
    db: &dyn Db,
    of: ClassRef,
    code: &Code,
    value: ExprId,
    annotation: Option<&TypeExpr>,
) -> AttributeKind {
    let inner = annotation.map(|annotation| match mapped_type(annotation) {
        Mapping::Mapped(inner) => inner,
        Mapping::ClassVar | Mapping::Other => annotation,
    });
    if matches!(annotation.map(mapped_type), Some(Mapping::ClassVar)) {
        return AttributeKind::Plain;
    }
    let Expr::Call { func, args } = &code[value] else {
        // A field of an SQLModel with a plain default; elsewhere a constant of the class.
        return match annotation {
            Some(annotation) => AttributeKind::Column(Column {
                family: family(inner.unwrap_or(annotation)),
                nullable: Some(is_optional(annotation)),
                has_default: true,
                ..Column::default()
            }),
            None => AttributeKind::Plain,
        };
    };
    let last = called(db, of, code, *func);
    match last.as_str() {
        "Column" | "mapped_column" => AttributeKind::Column(column(db, of, code, args, inner)),
        "Field" => AttributeKind::Column(field(db, of, code, args, inner)),
        "relationship" | "Relationship" | "dynamic_loader" => {
            AttributeKind::Relationship(relationship(db, of, code, args, inner))
        }
        "deferred" | "column_property" => match args.first().map(|arg| &code[arg.value]) {
            Some(Expr::Call { .. }) if last == "deferred" => value_kind(db, of, code, args[0].value, annotation),
            _ => AttributeKind::Derived,
        },
        "synonym" | "association_proxy" | "hybrid_property" | "composite" | "query_expression" | "aliased_column" => {
            AttributeKind::Derived
        }
        // A helper of the project that may make anything.
        _ => AttributeKind::Derived,
    }
}

fn called(db: &dyn Db, of: ClassRef, code: &Code, func: ExprId) -> Name {
    match names::resolve_expr(db, of.file, code, func) {
        Symbol::External(path) => Name::new(path.as_str().rsplit('.').next().unwrap_or_default()),
        // `db.Column` of an extension object.
        _ => match &code[func] {
            Expr::Attribute { attr, .. } => *attr,
            Expr::Name(name) => *name,
            _ => Name::new(""),
        },
    }
}

fn column(db: &dyn Db, of: ClassRef, code: &Code, args: &[Arg], inner: Option<&TypeExpr>) -> Column {
    let mut column = Column {
        family: inner.map(family).unwrap_or_default(),
        primary_key: keyword_is(code, args, "primary_key") == Some(true),
        unique: keyword_is(code, args, "unique") == Some(true),
        index: keyword_is(code, args, "index") == Some(true),
        ..Column::default()
    };
    let mut position = 0;
    for arg in args {
        match arg.kind {
            ArgKind::Positional => {
                match &code[arg.value] {
                    Expr::Str(text) if position == 0 => column.column_name = Some(Name::new(text)),
                    _ => describe(db, of, code, arg.value, &mut column),
                }
                position += 1;
            }
            ArgKind::Keyword(name) => match name.as_str() {
                "name" => {
                    if let Expr::Str(text) = &code[arg.value] {
                        column.column_name = Some(Name::new(text));
                    }
                }
                "type_" => describe(db, of, code, arg.value, &mut column),
                "default" | "default_factory" | "insert_default" => {
                    column.has_default = !matches!(code[arg.value], Expr::None | Expr::Ellipsis);
                }
                "server_default" => column.has_server_default = true,
                _ => {}
            },
            ArgKind::Starred | ArgKind::DoubleStarred => {}
        }
    }
    column.nullable =
        keyword_is(code, args, "nullable").or_else(|| inner.map(is_optional)).or(Some(!column.primary_key));
    column
}

fn field(db: &dyn Db, of: ClassRef, code: &Code, args: &[Arg], inner: Option<&TypeExpr>) -> Column {
    let mut column = Column {
        family: inner.map(family).unwrap_or_default(),
        primary_key: keyword_is(code, args, "primary_key") == Some(true),
        unique: keyword_is(code, args, "unique") == Some(true),
        index: keyword_is(code, args, "index") == Some(true),
        ..Column::default()
    };
    for arg in args {
        match arg.kind {
            ArgKind::Positional => column.has_default = !matches!(code[arg.value], Expr::Ellipsis),
            ArgKind::Keyword(name) => match name.as_str() {
                "default" => column.has_default = !matches!(code[arg.value], Expr::Ellipsis),
                "default_factory" => column.has_default = true,
                "foreign_key" => {
                    if let Expr::Str(text) = &code[arg.value] {
                        column.foreign_key = Some(Name::new(text));
                    }
                }
                "sa_column" => {
                    if let Expr::Call { args, .. } = &code[arg.value] {
                        let declared = self::column(db, of, code, args, inner);
                        column = Column { has_default: column.has_default || declared.has_default, ..declared };
                    }
                }
                _ => {}
            },
            ArgKind::Starred | ArgKind::DoubleStarred => {}
        }
    }
    column.nullable = keyword_is(code, args, "nullable").or(column.nullable).or_else(|| inner.map(is_optional));
    column
}

/// Reads a positional argument of a column: its type, a foreign key, a constraint.
fn describe(db: &dyn Db, of: ClassRef, code: &Code, arg: ExprId, column: &mut Column) {
    let (target, args): (ExprId, &[Arg]) = match &code[arg] {
        Expr::Call { func, args } => (*func, args),
        _ => (arg, &[]),
    };
    let name = called(db, of, code, target);
    if name == "as_mutable" {
        column.mutable = true;
        if let Some(inner) = args.first() {
            describe(db, of, code, inner.value, column);
        }
        return;
    }
    if name == "ForeignKey" {
        if let Some(Expr::Str(text)) = args.first().map(|arg| &code[arg.value]) {
            column.foreign_key = Some(Name::new(text));
        }
        return;
    }
    if matches!(name.as_str(), "Identity" | "Sequence" | "Computed") {
        column.has_server_default = true;
        return;
    }
    let family = family_of_name(&name);
    if family != TypeFamily::Unknown {
        column.family = family;
    }
}

fn relationship(db: &dyn Db, of: ClassRef, code: &Code, args: &[Arg], inner: Option<&TypeExpr>) -> Relationship {
    let annotated = inner.and_then(related_class);
    let uselist = keyword_is(code, args, "uselist").or(annotated.map(|(_, uselist)| uselist));
    let target = annotated.map(|(class, _)| class).or_else(|| {
        let first = args.iter().find(|arg| {
            matches!(arg.kind, ArgKind::Positional) || matches!(arg.kind, ArgKind::Keyword(name) if name == "argument")
        })?;
        match &code[first.value] {
            Expr::Str(text) => class_named(db, of, text),
            Expr::Lambda { body, .. } => match names::resolve_expr(db, of.file, code, *body) {
                Symbol::Class(class) => Some(class),
                _ => None,
            },
            _ => match names::resolve_expr(db, of.file, code, first.value) {
                Symbol::Class(class) => Some(class),
                _ => None,
            },
        }
    });
    // Without an annotation, a foreign key on this side makes it a scalar; that is not followed here.
    Relationship { target, uselist }
}

/// The class that a relationship names by a string: in the same module, else the only one of that name.
fn class_named(db: &dyn Db, of: ClassRef, text: &str) -> Option<ClassRef> {
    let simple = Name::new(text.rsplit('.').next().unwrap_or(text));
    let here = ClassRef { file: of.file, path: simple };
    if crate::db::class(db, here).is_some() {
        return Some(here);
    }
    if let Symbol::Class(class) = names::resolve_global(db, of.file, simple) {
        return Some(class);
    }
    let mut found = names::files_mentioning(db, &simple)
        .iter()
        .map(|file| ClassRef { file: *file, path: simple })
        .filter(|class| crate::db::class(db, *class).is_some())
        .collect::<Vec<_>>();
    if found.len() == 1 { found.pop() } else { None }
}

fn is_optional(ty: &TypeExpr) -> bool {
    match ty {
        TypeExpr::Union(parts) => parts.iter().any(|part| matches!(part, TypeExpr::None)),
        TypeExpr::Annotated { inner, .. } => is_optional(inner),
        TypeExpr::Symbol { args, .. } => match mapped_type(ty) {
            Mapping::Mapped(_) => args.first().is_some_and(is_optional),
            _ => false,
        },
        _ => false,
    }
}

fn family(ty: &TypeExpr) -> TypeFamily {
    match ty {
        TypeExpr::Symbol { symbol: Symbol::External(path), .. } => {
            family_of_name(path.as_str().rsplit('.').next().unwrap_or_default())
        }
        TypeExpr::Symbol { symbol: Symbol::Class(_), .. } => TypeFamily::Enum,
        TypeExpr::Union(parts) => {
            parts.iter().find(|part| !matches!(part, TypeExpr::None)).map(family).unwrap_or_default()
        }
        TypeExpr::Annotated { inner, .. } => family(inner),
        _ => TypeFamily::Unknown,
    }
}

fn family_of_name(name: &str) -> TypeFamily {
    match name {
        "int" | "Integer" | "BigInteger" | "SmallInteger" | "INTEGER" | "BIGINT" | "SMALLINT" => TypeFamily::Integer,
        "str" | "String" | "VARCHAR" | "Unicode" | "CHAR" | "AutoString" => TypeFamily::String,
        "Text" | "UnicodeText" | "TEXT" | "CITEXT" => TypeFamily::Text,
        "bool" | "Boolean" | "BOOLEAN" => TypeFamily::Boolean,
        "datetime" | "DateTime" | "TIMESTAMP" | "TIMESTAMPAware" => TypeFamily::DateTime,
        "date" | "Date" | "DATE" => TypeFamily::Date,
        "Decimal" | "Numeric" | "NUMERIC" | "DECIMAL" => TypeFamily::Numeric,
        "float" | "Float" | "FLOAT" | "Double" | "DOUBLE" => TypeFamily::Float,
        "dict" | "Dict" | "JSON" | "JSONB" | "list" | "List" => TypeFamily::Json,
        "ARRAY" => TypeFamily::Array,
        "UUID" | "Uuid" | "GUID" => TypeFamily::Uuid,
        "Enum" | "ENUM" => TypeFamily::Enum,
        "bytes" | "LargeBinary" | "BYTEA" => TypeFamily::Binary,
        _ => TypeFamily::Unknown,
    }
}
