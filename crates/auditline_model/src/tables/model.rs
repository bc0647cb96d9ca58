//! What a mapped class is mapped to.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::Expr;
use rustc_hash::FxHashMap;

use crate::classes::{BaseTarget, ClassInfo, Detached, class_info, last, mro};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, function};
use crate::symbols::Symbol;

use super::arguments::{Reference, table_args};
use super::attributes::{Attribute, AttributeKind, Derived, Style, attribute_kind, method_kind};
use super::columns::Column;
use super::core::table_of_variable;
use super::partial::PartlyUnique;
use super::patches::patches_of;
use super::placed::placed_on;
use super::related::{backrefs_onto, returned_name, snake_case};
use super::relationships::Relationship;
use super::returned::returned_expression;
use super::root::{RootKind, root, root_of_base};

/// A mapped class, or a base of such.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrmModel {
    /// How it is mapped.
    pub kind: ModelKind,
    /// The name of its table, where it is a literal or follows from the class's name.
    pub table: Option<Name>,
    /// The schema of its table, where it is a literal.
    pub schema: Option<Name>,
    /// Whether it is abstract: a base without a table of its own.
    pub is_abstract: bool,
    /// Its attributes, those of its bases and mixins included; nearest first.
    pub attributes: Vec<Attribute>,
    /// Lists of attributes or columns that are unique together: `UniqueConstraint`, unique `Index`.
    pub unique: Vec<Vec<Name>>,
    /// Whether one of them takes NULL for equal to NULL: `postgresql_nulls_not_distinct=True`.
    pub nulls_are_equal: bool,
    /// The unique constraints and keys of which the name is written, with their attributes or columns.
    pub constraints: Vec<(Name, Vec<Name>)>,
    /// Lists of attributes or columns that refer to one row together: `ForeignKeyConstraint(["name", "skill_id"], …)`.
    pub references: Vec<Vec<Name>>,
    /// Unique indexes that hold for some rows only, or over expressions.
    pub partly_unique: Vec<PartlyUnique>,
    /// Lists of attributes or columns with an index.
    pub indexes: Vec<Vec<Name>>,
    /// Attributes or columns with which an index begins, also one over an expression.
    pub leads: Vec<Name>,
    /// Whether there may be indexes and constraints that are not listed.
    pub more_indexes: bool,
    /// Whether the ORM counts versions (`__mapper_args__ = {"version_id_col": …}`) and checks them on each UPDATE.
    pub has_version_counter: bool,
    /// The attribute that tells subclasses apart, where rows of several classes share tables.
    pub polymorphic_on: Option<Name>,
    /// Whether keywords are taken by something else than the declarative constructor: an `__init__`, a dataclass
    /// mapping.
    pub custom_init: bool,
    /// Whether every attribute that its objects have is listed.
    pub complete: bool,
    /// Why it is not complete.
    pub gaps: Vec<Gap>,
    /// Columns that only a `PrimaryKeyConstraint` makes keys.
    pub(super) keys: Vec<Name>,
    /// Columns, or words, in `CheckConstraint`s.
    pub(super) checked: Vec<Name>,
    /// Columns that only a `ForeignKeyConstraint` makes refer to another.
    pub(super) referring: Vec<(Name, Reference)>,
    index: FxHashMap<Name, u32>,
}

/// Why the attributes of a model may not all be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// A base that cannot be told.
    UnknownBase,
    /// A base from outside with attributes of its own.
    OutsideBase(Name),
    /// `__getattr__` and the like.
    Dynamic,
    /// A decorator of the class that may add attributes.
    Decorator,
    /// A metaclass that may add attributes.
    Metaclass,
    /// The body could not be parsed.
    Broken,
    /// The body has statements that may add attributes in another way.
    Statements,
    /// Its table is made elsewhere and cannot be read.
    Table,
    /// Attributes are set on the class from elsewhere by computed names.
    Patched,
}

/// How a class is mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ModelKind {
    /// SQLAlchemy's declarative mapping.
    #[default]
    Declarative,
    /// SQLModel with `table=True`.
    SqlModelTable,
    /// SQLModel without a table: a plain Pydantic model that may be the base of one.
    SqlModelBase,
}

impl OrmModel {
    /// Whether it has a table, so that its objects are rows.
    #[must_use]
    pub fn is_table(&self) -> bool {
        !self.is_abstract && self.kind != ModelKind::SqlModelBase
    }

    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: Name) -> Option<&Attribute> {
        self.index.get(&name).map(|index| &self.attributes[*index as usize])
    }

    /// The relationship of that name.
    #[must_use]
    pub fn relationship(&self, name: Name) -> Option<&Relationship> {
        match &self.attribute(name)?.kind {
            AttributeKind::Relationship(relationship) => Some(relationship),
            _ => None,
        }
    }

    /// The column of that attribute name.
    #[must_use]
    pub fn column(&self, name: Name) -> Option<&Column> {
        match &self.attribute(name)?.kind {
            AttributeKind::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The column that a constraint names: by its attribute, or as the table calls it.
    fn named_column(&mut self, name: Name) -> Option<&mut Column> {
        let is_called = |column: &Column| column.column_name == Some(name);
        let index = self.index.get(&name).map(|index| *index as usize).or_else(|| {
            self.attributes.iter().position(|attribute| match &attribute.kind {
                AttributeKind::Column(column) => is_called(column),
                _ => false,
            })
        })?;
        match &mut self.attributes.get_mut(index)?.kind {
            AttributeKind::Column(column) => Some(column),
            _ => None,
        }
    }

    /// The columns with the names of their attributes.
    pub fn columns(&self) -> impl Iterator<Item = (&Attribute, &Column)> {
        self.attributes.iter().filter_map(|attribute| match &attribute.kind {
            AttributeKind::Column(column) => Some((attribute, column)),
            _ => None,
        })
    }

    /// The attribute of the primary key, where it is one column.
    #[must_use]
    pub fn key(&self) -> Option<Name> {
        let mut keys = self.columns().filter(|(_, column)| column.primary_key);
        let (attribute, _) = keys.next()?;
        keys.next().is_none().then_some(attribute.name)
    }

    /// The names of all attributes.
    pub fn known_attributes(&self) -> impl Iterator<Item = Name> {
        self.attributes.iter().map(|attribute| attribute.name)
    }

    fn add(&mut self, name: Name, declared_in: ClassRef, kind: AttributeKind) {
        let index = u32::try_from(self.attributes.len()).unwrap_or(u32::MAX);
        if let std::collections::hash_map::Entry::Vacant(entry) = self.index.entry(name) {
            entry.insert(index);
            self.attributes.push(Attribute { name, declared_in, kind });
        }
    }

    fn gap(&mut self, gap: Gap) {
        self.complete = false;
        if !self.gaps.contains(&gap) {
            self.gaps.push(gap);
        }
    }
}

/// What a class is mapped to; `None` for a class that is not mapped.
#[must_use]
pub fn orm_model(db: &dyn Db, of: ClassRef) -> Option<Arc<OrmModel>> {
    orm_model_at(db, of.file, of.path)
}

#[salsa::tracked(returns(clone), cycle_result = crate::cycles::nothing)]
fn orm_model_at(db: &dyn Db, file: SourceFile, path: Name) -> Option<Arc<OrmModel>> {
    let of = ClassRef { file, path };
    let root = root(db, of)?;
    let info = class_info(db, of)?;
    let mut model = OrmModel { complete: true, ..OrmModel::default() };
    model.kind = match root.kind {
        RootKind::Declarative | RootKind::Flask | RootKind::ByContent => ModelKind::Declarative,
        // `table=True` is said on the class itself; a subclass of a table without it is a plain model.
        RootKind::SqlModel if info.keyword("table").and_then(Detached::bool) == Some(true) => ModelKind::SqlModelTable,
        RootKind::SqlModel => ModelKind::SqlModelBase,
    };
    if root.hidden {
        model.gap(Gap::UnknownBase);
    }
    let style = if root.kind == RootKind::SqlModel { Style::SqlModel } else { Style::Declarative };
    let order = mro(db, of);
    for ancestor in order.iter() {
        if let Some(info) = class_info(db, *ancestor) {
            collect(db, of, *ancestor, &info, style, &mut model);
        }
    }
    for backref in backrefs_onto(db, of).iter() {
        let relationship = backref.relationship();
        model.add(backref.name, backref.by, AttributeKind::Relationship(relationship));
    }
    for patch in patches_of(db, of).iter() {
        match patch {
            Some(name) => model.add(*name, of, AttributeKind::Derived(Derived::Unknown)),
            None => model.gap(Gap::Patched),
        }
    }
    for index in placed_on(db, of) {
        table_args(&index, &mut model);
    }
    name_table(db, of, &info, root.kind, root.is_start, &order, &mut model);
    constrain_columns(&mut model);
    Some(Arc::new(model))
}

/// What constraints of the table say of single columns.
fn constrain_columns(model: &mut OrmModel) {
    for key in std::mem::take(&mut model.keys) {
        if let Some(column) = model.named_column(key) {
            column.primary_key = true;
            column.nullable = Some(false);
        }
    }
    for name in std::mem::take(&mut model.checked) {
        if let Some(column) = model.named_column(name) {
            column.is_checked = true;
        }
    }
    for (own, reference) in std::mem::take(&mut model.referring) {
        if let Some(column) = model.named_column(own)
            && column.foreign_key.is_none()
        {
            column.foreign_key = Some(reference.to);
            column.on_delete = reference.on_delete;
        }
    }
}

/// Decides whether the class has a table, and how that is named.
fn name_table(
    db: &dyn Db,
    of: ClassRef,
    info: &ClassInfo,
    kind: RootKind,
    is_start: bool,
    order: &[ClassRef],
    model: &mut OrmModel,
) {
    let tablename = Name::new("__tablename__");
    let own_abstract = info
        .attribute(Name::new("__abstract__"))
        .and_then(|attribute| attribute.value.as_ref())
        .and_then(Detached::bool)
        == Some(true);
    let own_name = info.attribute(tablename).is_some();
    let has_table = model.index.contains_key(&Name::new("__table__"));
    let names_itself = model.index.contains_key(&tablename);
    if kind == RootKind::SqlModel {
        if model.table.is_none() && !names_itself {
            // SQLModel's own rule.
            model.table = Some(Name::new(&last(of.path).to_lowercase()));
        }
        model.is_abstract = model.kind == ModelKind::SqlModelBase;
        return;
    }
    if own_abstract || is_start && !own_name {
        model.is_abstract = true;
        model.table = None;
        return;
    }
    // The first base that is a table of its own: the class shares or joins it.
    let parent = order[1..].iter().any(|ancestor| {
        super::root::is_mapped(db, *ancestor) && orm_model(db, *ancestor).is_some_and(|base| base.is_table())
    });
    let has_key = model.columns().any(|(_, column)| column.primary_key);
    if kind == RootKind::Flask && model.table.is_none() && !names_itself && has_key && !parent {
        model.table = Some(snake_case(last(of.path).as_str()));
        return;
    }
    model.is_abstract = !(names_itself || has_table || parent);
}

/// Adds what one class of the hierarchy declares.
fn collect(db: &dyn Db, of: ClassRef, ancestor: ClassRef, info: &ClassInfo, style: Style, model: &mut OrmModel) {
    if info.has_errors {
        model.gap(Gap::Broken);
    }
    for attribute in &info.attributes {
        let kind = attribute_kind(db, ancestor, attribute, style);
        if let Some(value) = &attribute.value {
            special(db, ancestor, attribute.name, value, model);
        }
        model.add(attribute.name, ancestor, kind);
    }
    for method in &info.methods {
        match method.name.as_str() {
            "__init__" | "__new__" | "__init_subclass__" | "__post_init__" => model.custom_init = true,
            "__getattr__" | "__getattribute__" | "__setattr__" => model.gap(Gap::Dynamic),
            "__tablename__" | "__mapper_args__" | "__table_args__" => {
                let reference = FunctionRef { file: ancestor.file, path: method.path };
                match returned_expression(db, reference) {
                    Some(value) if method.name == "__tablename__" => {
                        model.table = model.table.or_else(|| returned_name(&value, of));
                    }
                    Some(value) => special(db, ancestor, method.name, &value, model),
                    None => {
                        // `return {**super(), "version_id_col": cls.version}` and the like.
                        model.has_version_counter |= speaks_of_version(db, reference);
                        model.more_indexes |= method.name == "__table_args__";
                    }
                }
            }
            _ => {}
        }
        let kind = method_kind(db, ancestor, method);
        model.add(method.name, ancestor, kind);
    }
    for nested in &info.nested {
        model.add(*nested, ancestor, AttributeKind::Plain);
    }
    for decorator in &info.decorators {
        decorate(decorator, model);
    }
    if let Some(metaclass) = info.keyword("metaclass") {
        let name = metaclass.last_name();
        if !matches!(name.as_deref(), Some("DeclarativeMeta" | "ABCMeta" | "SQLModelMetaclass" | "DefaultMeta")) {
            model.gap(Gap::Metaclass);
        }
    }
    for base in &info.bases {
        if root_of_base(db, base).is_some() {
            continue;
        }
        match &base.target {
            BaseTarget::Class(_) => {}
            BaseTarget::External(path) if last(*path) == "MappedAsDataclass" => model.custom_init = true,
            BaseTarget::External(path) if is_harmless_base(path.as_str()) => {}
            BaseTarget::External(path) => model.gap(Gap::OutsideBase(*path)),
            _ => model.gap(Gap::UnknownBase),
        }
    }
    if info.is_open {
        model.gap(Gap::Statements);
    }
}

fn decorate(decorator: &Detached, model: &mut OrmModel) {
    let target = decorator.call().map_or(decorator, |(func, _)| func);
    match target.last_name().as_deref() {
        Some("mapped_as_dataclass" | "dataclass") => model.custom_init = true,
        Some(
            "mapped"
            | "as_declarative"
            | "total_ordering"
            | "final"
            | "deprecated"
            | "declarative_mixin"
            | "runtime_checkable"
            | "python_2_unicode_compatible"
            | "unique"
            | "generic_repr"
            | "listens_for",
        ) => {}
        _ => {
            model.custom_init = true;
            model.gap(Gap::Decorator);
        }
    }
}

fn speaks_of_version(db: &dyn Db, of: FunctionRef) -> bool {
    function(db, of).is_some_and(|body| {
        body.code.exprs.iter().any(|expr| matches!(expr, Expr::Str(text) if &**text == "version_id_col"))
    })
}

/// Reads the attributes with which a class speaks to the mapper.
fn special(db: &dyn Db, ancestor: ClassRef, name: Name, value: &Detached, model: &mut OrmModel) {
    match name.as_str() {
        "__tablename__" => model.table = model.table.or(value.text()),
        "__mapper_args__" => {
            if let Detached::Dict(entries) = value {
                for (key, value) in entries {
                    match key.as_ref().and_then(Detached::text).as_deref() {
                        Some("version_id_col") => model.has_version_counter = true,
                        Some("polymorphic_on") => {
                            model.polymorphic_on = model.polymorphic_on.or(match value {
                                Detached::Path { path, .. } => Some(last(*path)),
                                other => other.text(),
                            });
                        }
                        _ => {}
                    }
                }
            }
        }
        "__table_args__" => table_args(value, model),
        "__table__" => match value.symbol() {
            Symbol::Variable(reference) => match table_of_variable(db, reference) {
                Some(table) => {
                    model.table = model.table.or(table.name);
                    model.unique.extend(table.unique);
                    model.leads.extend(table.leads);
                    model.constraints.extend(table.constraints);
                    if !table.complete {
                        model.gap(Gap::Table);
                    }
                    for (name, column) in table.columns {
                        model.add(name, ancestor, AttributeKind::Column(column));
                    }
                }
                None => model.gap(Gap::Table),
            },
            _ => model.gap(Gap::Table),
        },
        _ => {}
    }
}

/// Bases from outside that add no attributes that a constructor or a query could name.
fn is_harmless_base(path: &str) -> bool {
    path.starts_with("builtins.")
        || path.starts_with("typing.")
        || matches!(
            path,
            "abc.ABC"
                | "sqlalchemy.MappedAsDataclass"
                | "sqlalchemy.AbstractConcreteBase"
                | "sqlalchemy.ConcreteBase"
                | "sqlalchemy.DeferredReflection"
                | "sqlalchemy.AsyncAttrs"
                | "flask_login.UserMixin"
                | "flask_login.mixins.UserMixin"
                | "pydantic.BaseModel"
        )
}
