//! Relationships between mapped classes.

use auditline_syntax::Name;

use crate::classes::{Detached, TypeExpr, last};
use crate::db::{ClassRef, Db};
use crate::symbols::Symbol;

use super::related::{class_named, concluded_uselist};

/// A relationship to another mapped class.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Relationship {
    /// The other class, where it could be resolved.
    pub target: Option<ClassRef>,
    /// The other class as it is named.
    pub target_name: Option<Name>,
    /// Whether it is a collection; `None` where that cannot be told.
    pub uselist: Option<bool>,
    /// How it is loaded: `"select"`, `"joined"`, `"raise"`, …; `None` where nothing is said.
    pub lazy: Option<Name>,
    /// The attribute of the other class that is its other side.
    pub back_populates: Option<Name>,
    /// The attribute that it adds to the other class.
    pub backref: Option<Name>,
    /// The table between, as it is named.
    pub secondary: Option<Name>,
    /// What is done to the other rows: `"all, delete-orphan"`.
    pub cascade: Option<Name>,
    /// `viewonly=True`.
    pub viewonly: bool,
    /// `passive_deletes`: what is left to the database when the row is deleted.
    pub passive_deletes: PassiveDeletes,
    /// The keys that `foreign_keys=` names, as they are written: `Order.user_id`.
    pub foreign_keys: Vec<Name>,
    /// Whether a condition of its own joins the two (`primaryjoin`).
    pub has_condition: bool,
    /// Whether some of its options cannot be read: spread, computed, held elsewhere.
    pub unread: bool,
}

/// What a relationship leaves to the database when the row is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum PassiveDeletes {
    /// Nothing: the other rows are loaded and changed.
    #[default]
    No,
    /// The rows that are not loaded.
    Unloaded,
    /// All rows.
    All,
}

impl Relationship {
    /// Whether the session deletes the other rows with this one (`cascade="all"`, `"delete"`).
    #[must_use]
    pub fn deletes(&self) -> bool {
        self.cascade.is_some_and(|cascade| cascade.split(',').any(|word| matches!(word.trim(), "all" | "delete")))
    }

    /// Reads the options that both sides of a relationship may say for themselves.
    pub(super) fn read_options(&mut self, options: &Options<'_>) {
        let text = |name: &str| options.get(name).and_then(Detached::text);
        self.lazy = match options.get("lazy") {
            Some(Detached::Bool(false)) => Some(Name::new("joined")),
            Some(Detached::Bool(true)) => Some(Name::new("select")),
            Some(value) => value.text(),
            None => None,
        };
        self.cascade = text("cascade");
        if options.get("cascade_delete").and_then(Detached::bool) == Some(true) {
            // SQLModel's own word.
            self.cascade = self.cascade.or(Some(Name::new("all, delete-orphan")));
        }
        self.viewonly = options.get("viewonly").and_then(Detached::bool) == Some(true);
        self.passive_deletes = match options.get("passive_deletes") {
            Some(Detached::Str(text)) if *text == "all" => PassiveDeletes::All,
            Some(Detached::Bool(true)) => PassiveDeletes::Unloaded,
            _ => PassiveDeletes::No,
        };
        let is_literal = |value: &Detached| matches!(value, Detached::Str(_) | Detached::Bool(_) | Detached::None);
        self.unread = options.unread
            || ["cascade", "cascade_delete", "viewonly", "passive_deletes"]
                .iter()
                .any(|name| options.get(name).is_some_and(|value| !is_literal(value)));
    }
}

/// The options of a call that declares a relationship, with those that SQLModel hands on.
pub(super) struct Options<'a> {
    call: &'a Detached,
    inner: Option<&'a [(Option<Detached>, Detached)]>,
    /// Whether there are more that cannot be read.
    unread: bool,
}

impl<'a> Options<'a> {
    pub(super) fn of(call: &'a Detached) -> Self {
        // `Relationship(sa_relationship=relationship(...))`
        let call = call.keyword("sa_relationship").filter(|inner| inner.call().is_some()).unwrap_or(call);
        let kwargs = call.keyword("sa_relationship_kwargs");
        let inner = kwargs.and_then(|kwargs| match kwargs {
            Detached::Dict(entries) => Some(entries.as_slice()),
            _ => None,
        });
        let is_whole = inner.is_none_or(|entries| entries.iter().all(|(key, _)| matches!(key, Some(Detached::Str(_)))));
        let is_elsewhere = kwargs.is_some() && inner.is_none() || call.keyword("sa_relationship").is_some();
        Self { call, inner, unread: call.has_spread() || is_elsewhere || !is_whole }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'a Detached> {
        self.call.keyword(name).or_else(|| {
            self.inner?
                .iter()
                .find_map(|(key, value)| matches!(key, Some(Detached::Str(key)) if *key == *name).then_some(value))
        })
    }
}

pub(super) fn relationship(db: &dyn Db, owner: ClassRef, value: &Detached, inner: Option<&TypeExpr>) -> Relationship {
    let options = Options::of(value);
    let annotated = inner.and_then(|inner| related(db, owner, inner, false));
    let written = options.get("argument").or_else(|| options.call.positional().next());
    let (mut target, mut target_name) = (None, None);
    match written {
        Some(Detached::Str(text)) => {
            target_name = Some(*text);
            target = only(class_named(db, owner.file, *text));
        }
        Some(Detached::Path { symbol, path, .. }) => {
            target_name = Some(*path);
            if let Symbol::Class(class) = symbol {
                target = Some(*class);
            }
        }
        _ => {}
    }
    if let Some((class, name, _)) = annotated {
        target = target.or(class);
        target_name = target_name.or(Some(name));
    }
    let mut relationship = Relationship { target, target_name, ..Relationship::default() };
    relationship.read_options(&options);
    let is_dynamic = value.last_name().is_some_and(|name| name == "dynamic_loader")
        || relationship.lazy.is_some_and(|lazy| lazy == "dynamic" || lazy == "write_only");
    let collection = options.get("collection_class").is_some() || is_dynamic;
    relationship.uselist = options
        .get("uselist")
        .and_then(Detached::bool)
        .or(annotated.map(|(.., uselist)| uselist))
        .or(collection.then_some(true))
        .or_else(|| concluded_uselist(db, owner, target?, options.call));
    relationship.backref = options.get("backref").and_then(|backref| match backref {
        Detached::Call { .. } => backref.positional().next().and_then(Detached::text),
        other => other.text(),
    });
    relationship.back_populates = options.get("back_populates").and_then(Detached::text);
    let between = options.get("secondary").or_else(|| options.get("link_model"));
    relationship.secondary = between.and_then(|between| match between {
        Detached::Path { path, .. } => Some(*path),
        other => other.text(),
    });
    relationship.unread |= between.is_some() && relationship.secondary.is_none();
    relationship.has_condition = options.get("primaryjoin").is_some();
    if let Some(keys) = options.get("foreign_keys") {
        relationship.foreign_keys = keys_of(keys);
        relationship.unread |= relationship.foreign_keys.is_empty();
    }
    relationship
}

/// The keys that `foreign_keys=` names: `"Order.user_id"`, `"[Order.user_id]"`, `[user_id]`, `Order.user_id`.
pub(super) fn keys_of(keys: &Detached) -> Vec<Name> {
    match keys {
        Detached::Sequence(items) => items.iter().flat_map(keys_of).collect(),
        Detached::Path { path, .. } => vec![*path],
        other => other.text().map_or_else(Vec::new, |text| {
            let listed = text.trim_matches(['[', ']', '(', ')', ' ']).split(',');
            listed.map(str::trim).filter(|key| !key.is_empty()).map(Name::new).collect()
        }),
    }
}

pub(super) fn only(mut classes: Vec<ClassRef>) -> Option<ClassRef> {
    if classes.len() == 1 { classes.pop() } else { None }
}

/// The class that a relationship's annotation names, and whether it is a collection.
fn related(db: &dyn Db, owner: ClassRef, ty: &TypeExpr, many: bool) -> Option<(Option<ClassRef>, Name, bool)> {
    match ty.without_none() {
        TypeExpr::Symbol { symbol: Symbol::Class(class), .. } => Some((Some(*class), last(class.path), many)),
        TypeExpr::Symbol { symbol: Symbol::External(path), args } => match last(*path).as_str() {
            "list"
            | "List"
            | "set"
            | "Set"
            | "Sequence"
            | "Collection"
            | "MutableSequence"
            | "deque"
            | "WriteOnlyCollection"
            | "AppenderQuery" => related(db, owner, args.first()?, true),
            "dict" | "Dict" | "Mapping" | "MutableMapping" | "MappedCollection" | "KeyFuncDict" => {
                related(db, owner, args.last()?, true)
            }
            _ => None,
        },
        TypeExpr::Unresolved(name) => Some((only(class_named(db, owner.file, *name)), *name, many)),
        _ => None,
    }
}
