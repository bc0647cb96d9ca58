//! Mapped classes: which columns and relationships a model has.

mod columns;

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{ArgKind, Expr, StmtKind};

use crate::classes::{self, ClassInfo};
use crate::db::{ClassRef, Db, class};
use crate::names;
use crate::symbols::Symbol;

pub use columns::{Column, TypeFamily};

/// A mapped class, or a base or mixin of such.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OrmModel {
    /// How it is mapped.
    pub kind: ModelKind,
    /// The name of its table, where it is a literal.
    pub table: Option<Name>,
    /// Whether it is abstract: a base without a table of its own.
    pub is_abstract: bool,
    /// Its attributes, those of its bases and mixins included; nearest first.
    pub attributes: Vec<Attribute>,
    /// The column that counts versions (`__mapper_args__ = {"version_id_col": …}`): the ORM checks it on each UPDATE.
    pub has_version_counter: bool,
    /// Whether keywords are taken by something else than the declarative constructor: an `__init__`, a dataclass mapping.
    pub custom_init: bool,
    /// Whether objects take attributes that are not listed: `__getattr__`, an unresolved base, code that adds attributes.
    pub complete: bool,
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
    /// A synonym, hybrid, column property or association proxy: mapped, and taken by the constructor.
    Derived,
    /// A method, property, constant or nested class.
    Plain,
}

/// A relationship to another mapped class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relationship {
    /// The other class, where it could be resolved.
    pub target: Option<ClassRef>,
    /// Whether it is a collection; `None` where the declaration does not say.
    pub uselist: Option<bool>,
}

impl Attribute {
    /// Whether it belongs to the mapping: a column, relationship or derived attribute.
    #[must_use]
    pub fn is_mapped(&self) -> bool {
        !matches!(self.kind, AttributeKind::Plain)
    }
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
        self.attributes.iter().find(|attribute| attribute.name == name)
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
}

/// What a class is mapped to; `None` for a class that is not mapped.
pub fn orm_model(db: &dyn Db, of: ClassRef) -> Option<Arc<OrmModel>> {
    orm_model_query(db, of, ())
}

#[salsa::tracked(returns(clone), cycle_result = not_mapped)]
fn orm_model_query(db: &dyn Db, of: ClassRef, _key: ()) -> Option<Arc<OrmModel>> {
    let info = classes::class_info(db, of)?;
    let root = mapping_root(db, of)?;
    let mut model = OrmModel { complete: !classes::has_unknown_base(db, of), ..OrmModel::default() };
    model.kind = match root {
        Root::Declarative => ModelKind::Declarative,
        Root::SqlModel => {
            // `table=True` is said on the class itself; a subclass of a table without it is a plain model.
            if info.true_keywords.iter().any(|keyword| *keyword == "table") {
                ModelKind::SqlModelTable
            } else {
                ModelKind::SqlModelBase
            }
        }
    };
    for ancestor in classes::mro(db, of).iter() {
        collect(db, of, *ancestor, &mut model);
    }
    if model.kind == ModelKind::Declarative && model.table.is_none() && !model.is_abstract {
        // Flask-SQLAlchemy names tables by itself, mixins may compute the name; without a primary key it is a base.
        let has_key = model
            .attributes
            .iter()
            .any(|attribute| matches!(&attribute.kind, AttributeKind::Column(column) if column.primary_key));
        let names_itself = model.attributes.iter().any(|attribute| attribute.name == "__tablename__");
        let imperative = model.attributes.iter().any(|attribute| attribute.name == "__table__");
        if imperative {
            model.complete = false;
        }
        let own_columns = model.attributes.iter().any(|attribute| matches!(attribute.kind, AttributeKind::Column(_)));
        model.is_abstract = !(has_key && own_columns && !is_direct_base(&info) || names_itself || imperative);
    }
    Some(Arc::new(model))
}

fn not_mapped(_db: &dyn Db, _id: salsa::Id, _of: ClassRef, _key: ()) -> Option<Arc<OrmModel>> {
    None
}

/// Whether a class is the declarative base itself.
fn is_direct_base(info: &ClassInfo) -> bool {
    info.bases.iter().any(|base| {
        matches!(base.symbol, Symbol::External(path)
            if matches!(names::canonical(path).as_str(), "sqlalchemy.DeclarativeBase" | "sqlalchemy.DeclarativeBaseNoMeta"))
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    Declarative,
    SqlModel,
}

/// Through which base a class is mapped.
fn mapping_root(db: &dyn Db, of: ClassRef) -> Option<Root> {
    let mut root = None;
    for ancestor in classes::mro(db, of).iter() {
        let Some(info) = classes::class_info(db, *ancestor) else { continue };
        for base in &info.bases {
            if let Symbol::External(path) = base.symbol {
                root = root.or(root_of(path));
            }
        }
        // `@registry.mapped`, `@as_declarative()`
        for decorator in &info.decorators {
            if let Symbol::External(path) = decorator
                && matches!(names::canonical(*path).as_str(), "sqlalchemy.as_declarative")
            {
                root = root.or(Some(Root::Declarative));
            }
        }
    }
    root
}

fn root_of(path: Name) -> Option<Root> {
    let text = path.as_str();
    let called = text.strip_suffix("()").unwrap_or(text);
    let canonical = names::canonical(Name::new(called));
    match canonical.as_str() {
        "sqlmodel.SQLModel" => Some(Root::SqlModel),
        "sqlalchemy.DeclarativeBase"
        | "sqlalchemy.DeclarativeBaseNoMeta"
        | "sqlalchemy.declarative_base"
        | "sqlalchemy.automap_base"
        | "sqlalchemy.generate_base" => Some(Root::Declarative),
        "flask_sqlalchemy.SQLAlchemy.Model" | "flask_sqlalchemy.model.Model" => Some(Root::Declarative),
        _ => None,
    }
}

/// Adds what one class of the hierarchy declares.
fn collect(db: &dyn Db, of: ClassRef, ancestor: ClassRef, model: &mut OrmModel) {
    let (Some(info), Some(body)) = (classes::class_info(db, ancestor), class(db, ancestor)) else { return };
    let code = &body.code;
    if info.open {
        model.complete = false;
    }
    for attribute in &info.attributes {
        match attribute.name.as_str() {
            "__tablename__" => {
                if let Some(value) = attribute.value
                    && let Expr::Str(text) = &code[value]
                    && model.table.is_none()
                {
                    model.table = Some(Name::new(text));
                }
            }
            "__abstract__" => {
                if ancestor == of && attribute.value.is_some_and(|value| matches!(code[value], Expr::Bool(true))) {
                    model.is_abstract = true;
                }
            }
            "__mapper_args__" => {
                if let Some(value) = attribute.value
                    && let Expr::Dict(entries) = &code[value]
                {
                    model.has_version_counter |= entries.iter().any(|(key, _)| {
                        key.is_some_and(|key| matches!(&code[key], Expr::Str(text) if &**text == "version_id_col"))
                    });
                }
            }
            _ => {}
        }
        if model.attribute(attribute.name).is_some() {
            continue;
        }
        let kind = columns::attribute_kind(db, ancestor, &body, attribute);
        model.attributes.push(Attribute { name: attribute.name, declared_in: ancestor, kind });
    }
    for (name, path) in &info.methods {
        if matches!(name.as_str(), "__init__" | "__new__" | "__init_subclass__") {
            model.custom_init = true;
        }
        if matches!(name.as_str(), "__getattr__" | "__getattribute__" | "__setattr__") {
            model.complete = false;
        }
        if *name == "__mapper_args__" {
            let function = crate::db::FunctionRef { file: ancestor.file, path: *path };
            model.has_version_counter |= crate::db::function(db, function).is_some_and(|body| {
                body.code.exprs.iter().any(|expr| matches!(expr, Expr::Str(text) if &**text == "version_id_col"))
            });
        }
        if model.attribute(*name).is_none() {
            let method = crate::db::FunctionRef { file: ancestor.file, path: *path };
            let kind = method_kind(db, ancestor, method);
            model.attributes.push(Attribute { name: *name, declared_in: ancestor, kind });
        }
    }
    // Nested classes and statements that declare by other means.
    for stmt in &code.block {
        if let StmtKind::Expr(expr) = &stmt.kind
            && matches!(code[*expr], Expr::Call { .. })
        {
            model.complete = false;
        }
    }
    let dataclass = info
        .bases
        .iter()
        .any(|base| matches!(base.symbol, Symbol::External(path) if path.as_str().ends_with(".MappedAsDataclass")));
    if dataclass || !info.decorators.is_empty() || info.metaclass.is_some() {
        // A decorator or metaclass of its own may add anything.
        model.custom_init = true;
    }
    for base in &info.bases {
        if let Symbol::External(path) = base.symbol
            && root_of(path).is_none()
            && !is_harmless_base(path)
        {
            model.complete = false;
        }
    }
    if ancestor == of {
        for (name, _) in body.keywords.iter() {
            if *name == "metaclass" {
                model.complete = false;
            }
        }
    }
}

fn is_harmless_base(path: Name) -> bool {
    let canonical = names::canonical(path);
    matches!(
        canonical.as_str(),
        "builtins.object"
            | "sqlalchemy.MappedAsDataclass"
            | "sqlalchemy.AsyncAttrs"
            | "typing.Generic"
            | "abc.ABC"
            | "typing_extensions.Generic"
            | "flask_login.UserMixin"
            | "flask_login.mixins.UserMixin"
    )
}

fn method_kind(db: &dyn Db, ancestor: ClassRef, method: crate::db::FunctionRef) -> AttributeKind {
    let Some(body) = crate::db::function(db, method) else { return AttributeKind::Plain };
    let named = |wanted: &str| {
        body.decorators.iter().any(|decorator| {
            let target = match &body.code[*decorator] {
                Expr::Call { func, .. } => *func,
                _ => *decorator,
            };
            auditline_syntax::python::dotted(&body.code, target)
                .is_some_and(|path| path.split('.').any(|part| part == wanted))
        })
    };
    if named("declared_attr") {
        // What the method returns is what the attribute is.
        let mut kind = AttributeKind::Derived;
        auditline_syntax::python::walk_statements(&body.code.block, &mut |stmt| {
            if let StmtKind::Return(Some(value)) = &stmt.kind {
                kind = columns::value_kind(db, ancestor, &body.code, *value, None);
            }
        });
        return kind;
    }
    if named("hybrid_property") {
        return AttributeKind::Derived;
    }
    AttributeKind::Plain
}

/// Whether a keyword of a call is `name=True`.
pub(crate) fn keyword_is(
    code: &auditline_syntax::python::ir::Code,
    args: &[auditline_syntax::python::ir::Arg],
    name: &str,
) -> Option<bool> {
    args.iter().find_map(|arg| match arg.kind {
        ArgKind::Keyword(keyword) if keyword == name => match code[arg.value] {
            Expr::Bool(value) => Some(value),
            _ => None,
        },
        _ => None,
    })
}
