//! Looking for classes by name, and for what relationships elsewhere add to a class.

use std::sync::Arc;

use auditline_syntax::Name;
use rustc_hash::FxHashSet;

use crate::classes::{Detached, class_info, last, mro};
use crate::db::{ClassRef, Db, SourceFile, class, parsed};
use crate::names::{files_mentioning, resolve_dotted};
use crate::symbols::Symbol;

use super::attributes::only;
use super::returned::returned_expression;
use super::root::is_mapped;

/// The mapped classes that a string names, as in `relationship("Order")`: what the name means in the file itself, or
/// every mapped class of that name in the workspace; one with a dotted path is looked for by its end.
#[must_use]
pub fn class_named(db: &dyn Db, from: SourceFile, name: Name) -> Vec<ClassRef> {
    let simple = last(name);
    for text in [name.as_str(), simple.as_str()] {
        if let Symbol::Class(class) = resolve_dotted(db, from, text) {
            return vec![class];
        }
    }
    let mut found: Vec<ClassRef> = mapped_classes_named(db, simple, ()).to_vec();
    if found.len() > 1 {
        // Several services in one repository: the nearest in the directories.
        let own = from.path(db);
        let shared = |class: &ClassRef| {
            own.parts().zip(class.file.path(db).parts()).take_while(|(own, other)| own == other).count()
        };
        let nearest = found.iter().map(shared).max();
        found.retain(|class| Some(shared(class)) == nearest);
    }
    found
}

/// Every mapped class of that simple name, sorted by path.
#[salsa::tracked(returns(clone), cycle_initial = none, cycle_fn = settle_classes)]
fn mapped_classes_named(db: &dyn Db, name: Name, _key: ()) -> Arc<Vec<ClassRef>> {
    let found = files_mentioning(db, &name)
        .iter()
        .map(|file| ClassRef { file: *file, path: name })
        .filter(|reference| class(db, *reference).is_some() && is_mapped(db, *reference))
        .collect();
    Arc::new(found)
}

fn none(_: &dyn Db, _: salsa::Id, _: Name, _key: ()) -> Arc<Vec<ClassRef>> {
    Arc::default()
}

fn settle_classes(
    _: &dyn Db,
    cycle: &salsa::Cycle<'_>,
    last: &Arc<Vec<ClassRef>>,
    value: Arc<Vec<ClassRef>>,
    _: Name,
    _key: (),
) -> Arc<Vec<ClassRef>> {
    if cycle.iteration() > 8 { Arc::clone(last) } else { value }
}

/// An attribute that a relationship of another class adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backref {
    /// The attribute that is added.
    pub name: Name,
    /// The class with the relationship.
    pub by: ClassRef,
    /// The relationship.
    pub attribute: Name,
    /// Whether the added attribute is a collection; `None` where that cannot be told.
    pub uselist: Option<bool>,
}

/// The attributes that `backref=` in other classes adds to a class or its bases.
#[must_use]
pub fn backrefs_onto(db: &dyn Db, class: ClassRef) -> Arc<Vec<Backref>> {
    backrefs_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn backrefs_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Backref>> {
    let mut found = Vec::new();
    let with_word: FxHashSet<SourceFile> = files_mentioning(db, "backref").iter().copied().collect();
    if with_word.is_empty() {
        return Arc::default();
    }
    for target in mro(db, ClassRef { file, path }).iter() {
        for other in files_mentioning(db, &last(target.path)).iter().filter(|file| with_word.contains(file)) {
            for (named, symbol, backref) in backrefs_in(db, *other).iter() {
                let is_target = match symbol {
                    Symbol::Class(class) => class == target,
                    _ => last(*named) == last(target.path) && only(class_named(db, *other, *named)) == Some(*target),
                };
                if is_target && !found.contains(backref) {
                    found.push(*backref);
                }
            }
        }
    }
    Arc::new(found)
}

/// The relationships of a file that add an attribute to their target: how the target is named, and what it means.
#[salsa::tracked(returns(clone))]
fn backrefs_in(db: &dyn Db, file: SourceFile) -> Arc<Vec<(Name, Symbol, Backref)>> {
    let mut found = Vec::new();
    for class in parsed(db, file).module.classes.iter().map(|class| ClassRef { file, path: class.path }) {
        let Some(info) = class_info(db, class) else { continue };
        let assigned = info.attributes.iter().filter_map(|own| Some((own.name, own.value.clone()?)));
        let returned = info.methods.iter().filter_map(|own| {
            let is_declared = own
                .decorators
                .iter()
                .any(|decorator| decorator.last_name().is_some_and(|name| name == "declared_attr"));
            let function = crate::db::FunctionRef { file, path: own.path };
            is_declared.then(|| Some((own.name, returned_expression(db, function)?)))?
        });
        for (attribute, value) in assigned.chain(returned).collect::<Vec<_>>() {
            let Some(backref) = value.keyword("backref") else { continue };
            let name = match backref {
                Detached::Call { .. } => backref.positional().next().and_then(Detached::text),
                other => other.text(),
            };
            let uselist = backref.keyword("uselist").and_then(Detached::bool);
            let target = value.keyword("argument").or_else(|| value.positional().next());
            let (Some(name), Some(target)) = (name, target) else { continue };
            let (named, symbol) = match target {
                Detached::Str(text) => (*text, Symbol::Unknown),
                Detached::Path { path, symbol, .. } => (*path, *symbol),
                _ => continue,
            };
            found.push((named, symbol, Backref { name, by: class, attribute, uselist }));
        }
    }
    Arc::new(found)
}

/// The name of a class's table where its body, or that of a base, says it as a literal.
#[must_use]
pub fn table_name(db: &dyn Db, class: ClassRef) -> Option<Name> {
    let attribute = Name::new("__tablename__");
    mro(db, class).iter().find_map(|ancestor| {
        let info = class_info(db, *ancestor)?;
        info.attribute(attribute)?.value.as_ref()?.text()
    })
}

/// Whether a relationship without an annotation is a collection, by the foreign keys of the two classes: a key on this
/// side makes it a scalar, one on the other side a collection.
pub(super) fn concluded_uselist(db: &dyn Db, owner: ClassRef, target: ClassRef, value: &Detached) -> Option<bool> {
    if value.keyword("secondary").is_some() {
        return Some(true);
    }
    if owner == target {
        return Some(value.keyword("remote_side").is_none());
    }
    let points = |from: ClassRef, to: ClassRef| {
        let table = table_name(db, to);
        let class = last(to.path);
        mro(db, from).iter().filter_map(|ancestor| class_info(db, *ancestor)).any(|info| {
            info.attributes.iter().filter_map(|own| own.value.as_ref()).any(|value| mentions_key(value, table, class))
        })
    };
    match (points(owner, target), points(target, owner)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    }
}

/// Whether a column's declaration has a foreign key to a table (or to a column of the class itself).
fn mentions_key(value: &Detached, table: Option<Name>, class: Name) -> bool {
    let Some((func, args)) = value.call() else { return false };
    let is_key = func.last_name().is_some_and(|name| name == "ForeignKey");
    let leads = |text: &str| {
        // `schema.table.column` or `table.column`
        table.is_some_and(|table| {
            text.rsplit_once('.')
                .is_some_and(|(path, _)| path == table.as_str() || path.ends_with(&format!(".{table}")))
        })
    };
    args.iter().any(|arg| match (&arg.value, &arg.kind) {
        (Detached::Str(text), _) if is_key => leads(text),
        (Detached::Path { path, .. }, _) if is_key => path.split('.').any(|part| part == class.as_str()),
        (Detached::Str(text), auditline_syntax::python::ir::ArgKind::Keyword(name)) if *name == "foreign_key" => {
            leads(text)
        }
        (inner @ Detached::Call { .. }, _) => mentions_key(inner, table, class),
        _ => false,
    })
}
