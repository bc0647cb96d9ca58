//! Looking for classes by name, and for what relationships elsewhere add to a class.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::ArgKind;

use crate::classes::{Detached, MethodInfo, class_info, last, mro};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, class, parsed};
use crate::names::{files_mentioning, files_mentioning_both, resolve_dotted};
use crate::symbols::Symbol;

use super::relationships::{Options, Relationship, keys_of, only};
use super::returned::{expand, returned_expression};
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
    // Migrations and tests have models of their own, which no other file means.
    for is_apart in [crate::entry::is_migration, crate::entry::is_test] {
        if found.len() > 1 && !is_apart(db, from) {
            found.retain(|class| !is_apart(db, class.file));
        }
    }
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
#[salsa::tracked(returns(clone), cycle_initial = crate::cycles::nothing, cycle_fn = crate::cycles::settle)]
fn mapped_classes_named(db: &dyn Db, name: Name, _key: ()) -> Arc<Vec<ClassRef>> {
    let found = files_mentioning(db, &name)
        .iter()
        .map(|file| ClassRef { file: *file, path: name })
        .filter(|reference| class(db, *reference).is_some() && is_mapped(db, *reference))
        .collect();
    Arc::new(found)
}

/// An attribute that a relationship of another class adds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backref {
    /// The attribute that is added.
    pub name: Name,
    /// The class with the relationship.
    pub by: ClassRef,
    /// The relationship.
    pub attribute: Name,
    /// Whether the added attribute is a collection; `None` where that cannot be told.
    pub uselist: Option<bool>,
    /// Whether a table stands between the two.
    pub many_to_many: bool,
    /// What both sides, and `backref(...)` for its own, say.
    options: Relationship,
}

impl Backref {
    /// The relationship that is added.
    #[must_use]
    pub fn relationship(&self) -> Relationship {
        Relationship {
            target: Some(self.by),
            target_name: Some(last(self.by.path)),
            uselist: self.uselist,
            back_populates: Some(self.attribute),
            ..self.options.clone()
        }
    }
}

/// The attributes that `backref=` in other classes adds to a class or its bases.
#[must_use]
pub fn backrefs_onto(db: &dyn Db, class: ClassRef) -> Arc<Vec<Backref>> {
    backrefs_at(db, class.file, class.path)
}

#[salsa::tracked(returns(clone))]
fn backrefs_at(db: &dyn Db, file: SourceFile, path: Name) -> Arc<Vec<Backref>> {
    let mut found = Vec::new();
    for target in mro(db, ClassRef { file, path }).iter() {
        for other in &files_mentioning_both(db, "backref", &last(target.path)) {
            for (named, symbol, backref) in backrefs_in(db, *other).iter() {
                let is_target = match symbol {
                    Symbol::Class(class) => class == target,
                    _ => last(*named) == last(target.path) && only(class_named(db, *other, *named)) == Some(*target),
                };
                if is_target && !found.iter().any(|known: &Backref| known.name == backref.name) {
                    let uselist = backref.uselist.or_else(|| seen_from_target(db, backref, *target));
                    found.push(Backref { uselist, ..backref.clone() });
                }
            }
        }
    }
    Arc::new(found)
}

/// Whether the side that a backref adds is a collection: it is the other side of the relationship.
fn seen_from_target(db: &dyn Db, backref: &Backref, target: ClassRef) -> Option<bool> {
    if backref.many_to_many {
        return Some(true);
    }
    match (points(db, backref.by, target), points(db, target, backref.by)) {
        (true, false) => Some(true),
        (false, true) => Some(false),
        _ => None,
    }
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
            let secondary = value.keyword("secondary");
            let mut options = Relationship::default();
            options.read_options(&Options::of(backref));
            options.secondary = secondary.map(|between| match between {
                Detached::Path { path, .. } => *path,
                other => other.text().unwrap_or_else(|| Name::new("")),
            });
            options.has_condition = value.keyword("primaryjoin").is_some();
            options.foreign_keys = value.keyword("foreign_keys").map(keys_of).unwrap_or_default();
            options.unread |= value.has_spread();
            let many_to_many = secondary.is_some();
            found.push((named, symbol, Backref { name, by: class, attribute, uselist, many_to_many, options }));
        }
    }
    Arc::new(found)
}

/// The name of a class's table where its body, or that of a base, says it: as a literal, or as a form of the class's name.
#[must_use]
pub fn table_name(db: &dyn Db, class: ClassRef) -> Option<Name> {
    let attribute = Name::new("__tablename__");
    mro(db, class).iter().find_map(|ancestor| {
        let info = class_info(db, *ancestor)?;
        if let Some(own) = info.attribute(attribute) {
            return own.value.as_ref()?.text();
        }
        let method = info.method(attribute)?;
        let returned = returned_expression(db, FunctionRef { file: ancestor.file, path: method.path })?;
        returned_name(&returned, class)
    })
}

/// The table that a `__tablename__` method names for a class: a literal, `cls.__name__.lower()`.
pub(super) fn returned_name(returned: &Detached, class: ClassRef) -> Option<Name> {
    let own = last(class.path);
    match returned {
        Detached::Str(text) => Some(*text),
        Detached::Path { path, .. } if path.ends_with(".__name__") => Some(own),
        Detached::Call { func, args } if args.is_empty() => match &**func {
            Detached::Path { path, .. } if path.ends_with(".__name__.lower") => Some(Name::new(&own.to_lowercase())),
            _ => None,
        },
        _ => None,
    }
}

/// Whether a relationship without an annotation is a collection, by the foreign keys of the two classes: a key on this
/// side makes it a scalar, one on the other side a collection.
pub(super) fn concluded_uselist(db: &dyn Db, owner: ClassRef, target: ClassRef, value: &Detached) -> Option<bool> {
    if value.keyword("secondary").is_some() {
        return Some(true);
    }
    if let Some(keys) = value.keyword("foreign_keys")
        && let Some(side) = side_of_keys(db, owner, target, keys)
    {
        return Some(side);
    }
    if owner == target {
        return Some(value.keyword("remote_side").is_none());
    }
    match (points(db, owner, target), points(db, target, owner)) {
        (true, false) => Some(false),
        (false, true) => Some(true),
        _ => None,
    }
}

/// Whether the keys that `foreign_keys=` names stand in the other class: `"Order.user_id"`, `[user_id]`.
fn side_of_keys(db: &dyn Db, owner: ClassRef, target: ClassRef, keys: &Detached) -> Option<bool> {
    let text = match keys {
        Detached::Sequence(items) => return side_of_keys(db, owner, target, items.first()?),
        Detached::Path { path, .. } => *path,
        other => other.text()?,
    };
    let first = text.trim_matches(['[', ']', ' ']).split(',').next()?.trim();
    match first.rsplit_once('.') {
        Some((class, _)) => {
            let class = class.rsplit('.').next()?;
            if owner == target {
                None
            } else if class == last(owner.path).as_str() {
                Some(false)
            } else {
                (class == last(target.path).as_str()).then_some(true)
            }
        }
        None => {
            let name = Name::new(first);
            let is_own = mro(db, owner)
                .iter()
                .filter_map(|ancestor| class_info(db, *ancestor))
                .any(|info| info.attribute(name).is_some());
            (is_own && owner != target).then_some(false)
        }
    }
}

/// Whether a class has a foreign key to the table of another.
fn points(db: &dyn Db, from: ClassRef, to: ClassRef) -> bool {
    let class = last(to.path);
    // A name that is computed is mostly the class's in another form.
    let tables = match table_name(db, to) {
        Some(table) => vec![table],
        None => vec![snake_case(class.as_str()), Name::new(&class.to_lowercase())],
    };
    let leads = |value: &Detached| {
        mentions_key(value, &tables, class)
            || expand(db, value).is_some_and(|expanded| mentions_key(&expanded, &tables, class))
    };
    mro(db, from).iter().any(|ancestor| {
        let Some(info) = class_info(db, *ancestor) else { return false };
        info.attributes.iter().filter_map(|own| own.value.as_ref()).any(leads)
            || info.methods.iter().filter(|own| is_declared(own)).any(|own| {
                returned_expression(db, FunctionRef { file: ancestor.file, path: own.path })
                    .is_some_and(|value| leads(&value))
            })
    })
}

fn is_declared(method: &MethodInfo) -> bool {
    method.decorators.iter().any(|decorator| decorator.last_name().is_some_and(|name| name == "declared_attr"))
}

/// Whether a column's declaration has a foreign key to one of the tables, or to a column of the class itself.
fn mentions_key(value: &Detached, tables: &[Name], class: Name) -> bool {
    let Some((func, args)) = value.call() else { return false };
    let is_key = func.last_name().is_some_and(|name| name == "ForeignKey");
    // `schema.table.column` or `table.column`
    let leads = |text: &str| {
        text.rsplit_once('.').is_some_and(|(path, _)| {
            let table = path.rsplit('.').next().unwrap_or(path);
            tables.iter().any(|known| *known == *table || *known == *path)
        })
    };
    args.iter().any(|arg| match (&arg.value, arg.kind) {
        (Detached::Str(text), _) if is_key => leads(text),
        (Detached::Path { path, .. }, _) if is_key => path.split('.').any(|part| class == *part),
        (Detached::Str(text), ArgKind::Keyword(name)) if name == "foreign_key" => leads(text),
        (inner @ Detached::Call { .. }, _) => mentions_key(inner, tables, class),
        _ => false,
    })
}

/// How Flask-SQLAlchemy names the table of a class: `HTTPServer` is `http_server`, `_Secret` is `secret`.
pub(super) fn snake_case(name: &str) -> Name {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, char) in chars.iter().enumerate() {
        if char.is_uppercase() && at > 0 {
            let before = chars[at - 1];
            let next_is_lower = chars.get(at + 1).is_some_and(|next| next.is_lowercase());
            if before != '_' && (!before.is_uppercase() || next_is_lower) {
                out.push('_');
            }
        }
        out.extend(char.to_lowercase());
    }
    Name::new(out.trim_start_matches('_'))
}
