//! Inheritance.

use std::sync::Arc;

use auditline_syntax::Name;

use super::info::{BaseTarget, class_info};
use super::types::TypeExpr;
use crate::db::{ClassRef, Db, FunctionRef, SourceFile};

/// The class and its bases in the workspace, in the order in which Python looks an attribute up. Where the bases
/// contradict one another, the order of a walk in depth.
#[must_use]
pub fn mro(db: &dyn Db, class: ClassRef) -> Arc<Vec<ClassRef>> {
    mro_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone), cycle_initial = alone, cycle_fn = crate::cycles::settle)]
fn mro_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<ClassRef>> {
    let class = ClassRef { file, path };
    let bases: Vec<ClassRef> = workspace_bases(db, class);
    let mut lists: Vec<Vec<ClassRef>> = bases.iter().map(|base| mro(db, *base).to_vec()).collect();
    for list in &mut lists {
        list.retain(|other| *other != class);
    }
    lists.push(bases);
    let mut order = vec![class];
    loop {
        lists.retain(|list| !list.is_empty());
        let Some(fallback) = lists.first().map(|list| list[0]) else { break };
        let good = lists
            .iter()
            .map(|list| list[0])
            .find(|head| !lists.iter().any(|list| list[1..].contains(head)))
            .unwrap_or(fallback);
        order.push(good);
        for list in &mut lists {
            list.retain(|other| *other != good);
        }
    }
    Arc::new(order)
}

fn alone(_: &dyn Db, _: salsa::Id, file: SourceFile, path: Name) -> Arc<Vec<ClassRef>> {
    Arc::new(vec![ClassRef { file, path }])
}

fn workspace_bases(db: &dyn Db, class: ClassRef) -> Vec<ClassRef> {
    let Some(info) = class_info(db, class) else { return Vec::new() };
    let mut bases = Vec::new();
    for base in &info.bases {
        if let BaseTarget::Class(base) = base.target
            && base != class
            && !bases.contains(&base)
        {
            bases.push(base);
        }
    }
    bases
}

/// The bases from outside of a class and of its bases, by their canonical paths.
#[must_use]
pub fn external_bases(db: &dyn Db, class: ClassRef) -> Arc<Vec<Name>> {
    external_bases_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn external_bases_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Name>> {
    let mut found = Vec::new();
    for class in mro(db, ClassRef { file, path }).iter() {
        for base in class_info(db, *class).iter().flat_map(|info| &info.bases) {
            if let BaseTarget::External(path) = base.target
                && !found.contains(&path)
            {
                found.push(path);
            }
        }
    }
    Arc::new(found)
}

/// Whether one of the external bases of a class satisfies `predicate`.
#[must_use]
pub fn is_subclass_of_external(db: &dyn Db, class: ClassRef, mut predicate: impl FnMut(Name) -> bool) -> bool {
    external_bases(db, class).iter().any(|base| predicate(*base))
}

/// Whether a class may have attributes and methods that cannot be seen: a base that cannot be told, or one from
/// outside that is not known to bring nothing of its own.
#[must_use]
pub fn has_unknown_base(db: &dyn Db, class: ClassRef) -> bool {
    mro(db, class).iter().any(|class| match class_info(db, *class) {
        None => true,
        Some(info) => info.bases.iter().any(|base| match &base.target {
            BaseTarget::Class(_) => false,
            BaseTarget::External(path) => !is_harmless(path.as_str()),
            BaseTarget::Variable(_) | BaseTarget::Attribute(..) | BaseTarget::Call(_) | BaseTarget::Unknown => true,
        }),
    })
}

/// Bases from outside of which the attributes that they bring do not matter here.
fn is_harmless(path: &str) -> bool {
    path.starts_with("builtins.")
        || path.starts_with("typing.")
        || matches!(
            path,
            "abc.ABC"
                | "enum.Enum"
                | "enum.IntEnum"
                | "enum.StrEnum"
                | "enum.Flag"
                | "enum.IntFlag"
                | "pydantic.BaseModel"
                | "pydantic.RootModel"
                | "pydantic.generics.GenericModel"
                | "pydantic_settings.BaseSettings"
                | "sqlmodel.SQLModel"
                | "sqlalchemy.DeclarativeBase"
                | "sqlalchemy.DeclarativeBaseNoMeta"
                | "sqlalchemy.MappedAsDataclass"
                | "sqlalchemy.AbstractConcreteBase"
                | "sqlalchemy.ConcreteBase"
                | "sqlalchemy.AsyncAttrs"
        )
}

/// The method of that name that an object of the class has; also a property.
#[must_use]
pub fn method(db: &dyn Db, class: ClassRef, name: Name) -> Option<FunctionRef> {
    method_at(db, class.file, class.path, name)
}

/// What a class inherits from may be named by what it inherits: `class Part(Alias)` with `Alias = Part.Inner`.
#[salsa::tracked(returns(copy), cycle_initial = no_method, cycle_fn = settle_method)]
fn method_at(db: &dyn Db, file: SourceFile, path: Name, name: Name) -> Option<FunctionRef> {
    for class in mro(db, ClassRef { file, path }).iter() {
        let Some(info) = class_info(db, *class) else { continue };
        if let Some(method) = info.method(name) {
            return Some(FunctionRef { file: class.file, path: method.path });
        }
        if info.attribute(name).is_some() {
            return None;
        }
    }
    None
}

fn no_method(_: &dyn Db, _: salsa::Id, _: SourceFile, _: Name, _: Name) -> Option<FunctionRef> {
    None
}

fn settle_method(
    _: &dyn Db,
    cycle: &salsa::Cycle<'_>,
    last: &Option<FunctionRef>,
    value: Option<FunctionRef>,
    _: SourceFile,
    _: Name,
    _: Name,
) -> Option<FunctionRef> {
    crate::cycles::settled(cycle, last, value)
}

/// The method of that name that `super()` finds in a method of `own`, for an object of `class`: the next one in the order of
/// `class`.
#[must_use]
pub fn method_behind(db: &dyn Db, class: ClassRef, own: ClassRef, name: Name) -> Option<FunctionRef> {
    let order = mro(db, class);
    let at = order.iter().position(|ancestor| *ancestor == own)?;
    order.iter().skip(at + 1).find_map(|ancestor| {
        let path = class_info(db, *ancestor)?.method(name)?.path;
        Some(FunctionRef { file: ancestor.file, path })
    })
}

/// What `class` gives for the type parameter number `index` of its base `base`: `User` for
/// `class UserRepo(BaseRepository[User])` and 0. A parameter of `class` itself stays a [`TypeExpr::Param`].
#[must_use]
pub fn type_argument(db: &dyn Db, class: ClassRef, base: ClassRef, index: usize) -> Option<TypeExpr> {
    argument(db, class, base, index, 0)
}

fn argument(db: &dyn Db, class: ClassRef, base: ClassRef, index: usize, depth: u32) -> Option<TypeExpr> {
    const MAX_DEPTH: u32 = 32;
    if depth > MAX_DEPTH {
        return None;
    }
    let info = class_info(db, class)?;
    for own in &info.bases {
        let BaseTarget::Class(next) = own.target else { continue };
        if next == base {
            if let Some(arg) = own.args.get(index) {
                return Some(arg.clone());
            }
            continue;
        }
        if next == class {
            continue;
        }
        if let Some(found) = argument(db, next, base, index, depth + 1) {
            let params = class_info(db, next).map(|info| info.type_params.clone()).unwrap_or_default();
            return Some(found.substitute(&mut |name| {
                let at = params.iter().position(|param| *param == name)?;
                own.args.get(at).cloned()
            }));
        }
    }
    None
}

/// A type that is written in the body of `declared_in`, seen from an object of `class`: the type parameters of
/// `declared_in` are replaced by what `class` gives for them.
#[must_use]
pub fn resolve_type_params(db: &dyn Db, class: ClassRef, declared_in: ClassRef, written: &TypeExpr) -> TypeExpr {
    let params = class_info(db, declared_in).map(|info| info.type_params.clone()).unwrap_or_default();
    written.substitute(&mut |name| {
        let index = params.iter().position(|param| *param == name)?;
        type_argument(db, class, declared_in, index)
    })
}
