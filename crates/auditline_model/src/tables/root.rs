//! Through what a class is mapped.

use auditline_syntax::Name;

use crate::classes::{Base, BaseTarget, ClassInfo, Detached, TypeExpr, class_info, external_bases, mro, variable};
use crate::db::{ClassRef, Db, SourceFile, VariableRef};
use crate::symbols::Symbol;

use super::returned::{expand, returned_expression};

/// How a class comes to be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Root {
    /// The family of the mapping.
    pub(super) kind: RootKind,
    /// Whether the class itself is where the mapping starts: `class Base(DeclarativeBase)`.
    pub(super) is_start: bool,
    /// Whether the base brings columns or attributes that cannot be seen here.
    pub(super) hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum RootKind {
    Declarative,
    /// Flask-SQLAlchemy: tables are named after their class.
    Flask,
    SqlModel,
    /// Not told, but the body maps columns to a table.
    ByContent,
}

/// Whether a class is mapped, or the base of mapped classes. Mixins are not.
#[must_use]
pub fn is_mapped(db: &dyn Db, class: ClassRef) -> bool {
    root(db, class).is_some()
}

pub(super) fn root(db: &dyn Db, class: ClassRef) -> Option<Root> {
    root_at(db, class.file, class.path)
}

#[salsa::tracked(returns(copy), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn root_at(db: &dyn Db, file: SourceFile, path: Name) -> Option<Root> {
    let class = ClassRef { file, path };
    for (at, ancestor) in mro(db, class).iter().enumerate() {
        let Some(info) = class_info(db, *ancestor) else { continue };
        let found = info
            .bases
            .iter()
            .find_map(|base| root_of_base(db, base))
            .or_else(|| info.decorators.iter().find_map(|decorator| root_of_decorator(db, decorator)))
            .or_else(|| root_of_metaclass(db, &info));
        if let Some(root) = found {
            return Some(Root { is_start: root.is_start && at == 0, ..root });
        }
    }
    let info = class_info(db, class)?;
    let unresolved =
        info.bases.iter().any(|base| !matches!(base.target, BaseTarget::Class(_) | BaseTarget::External(_)));
    let names_table = info
        .attribute(Name::new("__tablename__"))
        .is_some_and(|table| table.value.as_ref().is_some_and(|value| value.text().is_some()));
    let has_columns = info.attributes.iter().any(|attribute| {
        attribute
            .value
            .as_ref()
            .and_then(Detached::call)
            .and_then(|(func, _)| func.last_name())
            .is_some_and(|name| matches!(name.as_str(), "Column" | "mapped_column"))
    });
    let outside = info.bases.iter().any(|base| matches!(base.target, BaseTarget::External(_)));
    (names_table && has_columns && (unresolved || outside)).then_some(Root {
        kind: RootKind::ByContent,
        is_start: false,
        hidden: true,
    })
}

fn declarative(kind: RootKind) -> Root {
    Root { kind, is_start: false, hidden: false }
}

pub(super) fn root_of_base(db: &dyn Db, base: &Base) -> Option<Root> {
    match &base.target {
        BaseTarget::Class(_) | BaseTarget::Unknown => None,
        BaseTarget::External(path) => match path.as_str() {
            "sqlalchemy.DeclarativeBase" | "sqlalchemy.DeclarativeBaseNoMeta" => {
                Some(Root { is_start: true, ..declarative(RootKind::Declarative) })
            }
            "sqlmodel.SQLModel" => Some(declarative(RootKind::SqlModel)),
            "flask_sqlalchemy.Model" | "flask_sqlalchemy.model.Model" | "flask_sqlalchemy.model.DefaultMeta" => {
                Some(declarative(RootKind::Flask))
            }
            // Declarative bases with columns of their own.
            path if path.starts_with("advanced_alchemy.base.") || path == "flask_appbuilder.Model" => {
                Some(Root { hidden: path != "flask_appbuilder.Model", ..declarative(RootKind::Declarative) })
            }
            _ => None,
        },
        BaseTarget::Variable(reference) => root_of_variable(db, *reference, 0),
        BaseTarget::Attribute(reference, name) => root_of_attribute(db, *reference, *name),
        BaseTarget::Call(call) => root_of_value(db, call, 0),
    }
}

fn root_of_variable(db: &dyn Db, reference: VariableRef, depth: u32) -> Option<Root> {
    const MAX_DEPTH: u32 = 4;
    if depth > MAX_DEPTH {
        return None;
    }
    let info = variable(db, reference)?;
    if let Some(root) = info.value.as_ref().and_then(|value| root_of_value(db, value, depth)) {
        return Some(root);
    }
    // `Base: DeclarativeMeta = …`
    let annotated = info.annotation.as_ref().and_then(TypeExpr::external)?;
    matches!(annotated.rsplit('.').next(), Some("DeclarativeMeta")).then_some(declarative(RootKind::Declarative))
}

fn root_of_value(db: &dyn Db, value: &Detached, depth: u32) -> Option<Root> {
    match value {
        Detached::Path { base: (Symbol::Variable(reference), rest), .. } if rest.is_empty() => {
            root_of_variable(db, *reference, depth + 1)
        }
        Detached::Path { base: (Symbol::Variable(reference), rest), .. } => root_of_attribute(db, *reference, *rest),
        Detached::Call { func, .. } => {
            match func.last_name().as_deref() {
                Some("declarative_base" | "automap_base" | "generate_base") => {}
                // The project's own helper that makes the base.
                _ => {
                    return match func.symbol() {
                        Symbol::Function(function) if depth < 4 => {
                            root_of_value(db, &returned_expression(db, function)?, depth + 1)
                        }
                        _ => None,
                    };
                }
            }
            // A class behind `cls=` is a base like others where it can be told.
            let hidden = is_untold(value.keyword("cls")) || func.last_name().is_some_and(|name| name == "automap_base");
            Some(Root { hidden, ..declarative(RootKind::Declarative) })
        }
        _ => None,
    }
}

/// `db.Model` of a Flask-SQLAlchemy extension.
fn root_of_attribute(db: &dyn Db, reference: VariableRef, name: Name) -> Option<Root> {
    if name != "Model" {
        return None;
    }
    let info = variable(db, reference)?;
    let annotated = info.annotation.as_ref().map_or(Symbol::Unknown, TypeExpr::symbol);
    let value = info.value.as_ref().map(|value| expand(db, value).unwrap_or_else(|| value.clone()));
    let made = value.as_ref().and_then(Detached::call).map_or(Symbol::Unknown, |(func, _)| func.symbol());
    let is_extension = |symbol: Symbol| match symbol {
        Symbol::External(path) => crate::classes::last(path) == "SQLAlchemy",
        Symbol::Class(class) => {
            external_bases(db, class).iter().any(|base| crate::classes::last(*base) == "SQLAlchemy")
        }
        _ => false,
    };
    if !is_extension(annotated) && !is_extension(made) {
        return None;
    }
    let hidden = value.as_ref().is_some_and(|value| is_untold(value.keyword("model_class")));
    Some(Root { hidden, ..declarative(RootKind::Flask) })
}

fn is_untold(class: Option<&Detached>) -> bool {
    class.is_some_and(|class| !matches!(class.symbol(), Symbol::Class(_)))
}

/// `@registry.mapped`, `@mapper_registry.mapped_as_dataclass`, `@as_declarative()`.
fn root_of_decorator(db: &dyn Db, decorator: &Detached) -> Option<Root> {
    let target = decorator.call().map_or(decorator, |(func, _)| func);
    match target.last_name()?.as_str() {
        "as_declarative" => Some(Root { is_start: true, ..declarative(RootKind::Declarative) }),
        "mapped" | "mapped_as_dataclass" | "as_declarative_base" => {
            let is_registry = match target {
                Detached::Path { base: (Symbol::Variable(reference), _), .. } => {
                    variable(db, *reference)?.value.as_ref()?.last_name().is_some_and(|name| name == "registry")
                }
                Detached::Path { symbol: Symbol::External(path), .. } => path.starts_with("sqlalchemy."),
                Detached::Attribute { .. } => false,
                _ => false,
            };
            is_registry.then_some(declarative(RootKind::Declarative))
        }
        _ => None,
    }
}

fn root_of_metaclass(db: &dyn Db, info: &ClassInfo) -> Option<Root> {
    let metaclass = info.keyword("metaclass")?;
    let is_declarative = match metaclass.symbol() {
        Symbol::Class(class) => {
            external_bases(db, class).iter().any(|base| crate::classes::last(*base) == "DeclarativeMeta")
        }
        _ => metaclass.last_name().is_some_and(|name| name == "DeclarativeMeta"),
    };
    is_declarative.then_some(Root { is_start: true, ..declarative(RootKind::Declarative) })
}
