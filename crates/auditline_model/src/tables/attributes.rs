//! What a name in the body of a mapped class is.

use auditline_syntax::Name;

use crate::classes::{AttributeInfo, Detached, MethodInfo, TypeExpr, external_bases, last};
use crate::db::{ClassRef, Db, FunctionRef};
use crate::names::canonical;
use crate::symbols::Symbol;

use super::columns::Column;
use super::relationships::{Relationship, relationship};
use super::returned::{expand, returned_expression};
use super::root::is_mapped;

/// An attribute of a mapped class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Its name.
    pub name: Name,
    /// The class that declares it.
    pub declared_in: ClassRef,
    /// What it is.
    pub kind: AttributeKind,
}

/// The kinds of attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeKind {
    /// A column.
    Column(Column),
    /// A relationship.
    Relationship(Relationship),
    /// Mapped in another way, and taken by the constructor.
    Derived(Derived),
    /// A method, property, constant or nested class.
    Plain,
}

/// What is mapped and is neither a column nor a relationship.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Derived {
    /// Another name for a column.
    Synonym,
    /// `hybrid_property`: computed from columns, in Python and in SQL.
    Hybrid,
    /// `column_property`: a read-only SQL expression.
    Expression,
    /// `association_proxy`: seen through a relationship.
    Proxy,
    /// Several columns as one value.
    Composite,
    /// What a call that is not understood made; it may be a column.
    Unknown,
}

impl Attribute {
    /// Whether it belongs to the mapping: a column, relationship or derived attribute.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        !matches!(self.kind, AttributeKind::Plain)
    }
}

/// How annotations without a value are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `x: Mapped[int]` is a column, `x: int` is nothing.
    Declarative,
    /// `x: int` is a field.
    SqlModel,
}

/// What an assignment or annotation declares.
pub(super) fn attribute_kind(db: &dyn Db, owner: ClassRef, attribute: &AttributeInfo, style: Style) -> AttributeKind {
    let name = attribute.name.as_str();
    if name.starts_with("__") || name == "model_config" || name == "metadata" || name == "registry" {
        return AttributeKind::Plain;
    }
    let (is_mapped, inner) = match &attribute.annotation {
        Some(annotation) => match unwrap_mapped(annotation) {
            Wrapped::ClassVar => return AttributeKind::Plain,
            Wrapped::Mapped(inner) => (true, Some(inner)),
            Wrapped::No => (style == Style::SqlModel, Some(annotation)),
        },
        None => (false, None),
    };
    match &attribute.value {
        None if is_mapped => match inner {
            // A base, metaclass or decorator makes a relationship of it: no column holds rows.
            Some(inner) if holds_rows(db, inner) => AttributeKind::Derived(Derived::Unknown),
            Some(inner) => AttributeKind::Column(Column::annotated(db, inner)),
            None => AttributeKind::Plain,
        },
        None => AttributeKind::Plain,
        Some(value) => value_kind(db, owner, value, inner, is_mapped),
    }
}

/// Whether a type is a mapped class, or a collection of some.
fn holds_rows(db: &dyn Db, ty: &TypeExpr) -> bool {
    match ty.without_none() {
        TypeExpr::Symbol { symbol: Symbol::Class(class), .. } => is_mapped(db, *class),
        TypeExpr::Symbol { symbol: Symbol::External(path), args } => {
            let collects = matches!(
                last(canonical(*path)).as_str(),
                "list" | "List" | "set" | "Set" | "Sequence" | "MutableSequence" | "Collection"
            );
            collects
                && matches!(args.as_slice(), [item] if matches!(item, TypeExpr::Unresolved(_)) || holds_rows(db, item))
        }
        _ => false,
    }
}

enum Wrapped<'a> {
    Mapped(&'a TypeExpr),
    ClassVar,
    No,
}

fn unwrap_mapped(annotation: &TypeExpr) -> Wrapped<'_> {
    let (name, args) = match annotation {
        TypeExpr::Symbol { symbol: Symbol::External(path), args } => (last(*path), args.as_slice()),
        // `Mapped` of the project's own shim, or of a star import that cannot be followed.
        TypeExpr::Symbol { symbol: Symbol::Class(class), args } => (last(class.path), args.as_slice()),
        _ => return Wrapped::No,
    };
    match (name.as_str(), args.first()) {
        ("Mapped" | "DynamicMapped" | "WriteOnlyMapped" | "MappedColumn", Some(inner)) => Wrapped::Mapped(inner),
        ("ClassVar" | "PrivateAttr", _) => Wrapped::ClassVar,
        _ => Wrapped::No,
    }
}

/// What an assigned value declares. `is_mapped` says that the annotation alone would map it.
pub(super) fn value_kind(
    db: &dyn Db,
    owner: ClassRef,
    value: &Detached,
    inner: Option<&TypeExpr>,
    is_mapped: bool,
) -> AttributeKind {
    let Some((func, _)) = value.call() else {
        // A field with a plain default; elsewhere a constant of the class.
        return match inner {
            Some(inner) if is_mapped => {
                AttributeKind::Column(Column { has_default: true, ..Column::annotated(db, inner) })
            }
            _ => AttributeKind::Plain,
        };
    };
    let first = value.positional().next();
    match declarator(db, func).as_deref() {
        Some("Column" | "mapped_column") => AttributeKind::Column(Column::declared(db, value, inner)),
        Some("Field") => AttributeKind::Column(Column::field(db, value, inner)),
        Some("relationship" | "Relationship" | "dynamic_loader" | "RelationshipProperty") => {
            AttributeKind::Relationship(relationship(db, owner, value, inner))
        }
        Some("deferred" | "column_property" | "query_expression") => match first {
            Some(inside @ Detached::Call { .. }) => match value_kind(db, owner, inside, inner, false) {
                AttributeKind::Column(column) => AttributeKind::Column(Column {
                    is_deferred: column.is_deferred || func.last_name().is_some_and(|name| name == "deferred"),
                    ..column
                }),
                _ => AttributeKind::Derived(Derived::Expression),
            },
            _ => AttributeKind::Derived(Derived::Expression),
        },
        Some("synonym" | "SynonymProperty") => AttributeKind::Derived(Derived::Synonym),
        Some("association_proxy" | "AssociationProxy") => AttributeKind::Derived(Derived::Proxy),
        Some("hybrid_property" | "hybrid_method" | "Comparator") => AttributeKind::Derived(Derived::Hybrid),
        Some("composite") => AttributeKind::Derived(Derived::Composite),
        Some("PrivateAttr" | "getLogger" | "ConfigDict" | "classmethod" | "staticmethod" | "property") => {
            AttributeKind::Plain
        }
        _ => match expand(db, value) {
            Some(expanded) if expanded != *value => match value_kind(db, owner, &expanded, inner, is_mapped) {
                AttributeKind::Plain => AttributeKind::Derived(Derived::Unknown),
                kind => kind,
            },
            _ => match inner {
                Some(inner) if is_mapped => {
                    AttributeKind::Column(Column { has_default: true, ..Column::annotated(db, inner) })
                }
                _ => AttributeKind::Derived(Derived::Unknown),
            },
        },
    }
}

/// The name of what declares: a subclass of `Column` is a `Column`.
fn declarator(db: &dyn Db, func: &Detached) -> Option<Name> {
    if let Symbol::Class(class) = func.symbol() {
        return external_bases(db, class).iter().map(|base| last(*base)).find(|name| {
            matches!(name.as_str(), "Column" | "RelationshipProperty" | "MappedColumn" | "SynonymProperty")
        });
    }
    func.last_name()
}

/// What a function in the body is.
pub(super) fn method_kind(db: &dyn Db, owner: ClassRef, method: &MethodInfo) -> AttributeKind {
    let named = |wanted: &[&str]| {
        method.decorators.iter().any(|decorator| match decorator.call().map_or(decorator, |(func, _)| func) {
            // `hybrid_property.inplace`, `declared_attr.directive`
            Detached::Path { path, symbol, .. } => {
                let text = match symbol {
                    Symbol::External(path) => path.as_str(),
                    _ => path.as_str(),
                };
                text.split('.').any(|part| wanted.contains(&part))
            }
            _ => false,
        })
    };
    if named(&["hybrid_property", "hybrid_method"]) {
        return AttributeKind::Derived(Derived::Hybrid);
    }
    if !named(&["declared_attr"]) {
        return AttributeKind::Plain;
    }
    if method.name.starts_with("__") {
        return AttributeKind::Plain;
    }
    let inner = method.returns.as_ref().map(|returns| match unwrap_mapped(returns) {
        Wrapped::Mapped(inner) => inner,
        Wrapped::ClassVar | Wrapped::No => returns,
    });
    let is_mapped = method.returns.as_ref().is_some_and(|returns| matches!(unwrap_mapped(returns), Wrapped::Mapped(_)));
    let inner = if is_mapped { inner } else { None };
    match returned_expression(db, FunctionRef { file: owner.file, path: method.path }) {
        Some(value) => match value_kind(db, owner, &value, inner, is_mapped) {
            AttributeKind::Plain => AttributeKind::Derived(Derived::Unknown),
            kind => kind,
        },
        None => match inner {
            Some(inner) => AttributeKind::Column(Column::annotated(db, inner)),
            None => AttributeKind::Derived(Derived::Unknown),
        },
    }
}
