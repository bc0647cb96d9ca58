//! Where the tables of models are collected: `target_metadata` of Alembic, `create_all`.

use std::sync::Arc;

use auditline_syntax::Name;
use auditline_syntax::python::ir::{Block, Code, Expr, StmtKind};
use auditline_syntax::python::{blocks, dotted};
use rustc_hash::FxHashSet;

use crate::classes::{BaseTarget, Detached, class_info, detach, last, mro, variable};
use crate::db::{ClassRef, Db, FunctionRef, SourceFile, VariableRef, parsed};
use crate::entry::{is_migration, is_test};
use crate::imports::modules_named;
use crate::names::{
    Scope, definition_file, files_mentioning, init_of, is_imported, member, module_scope, resolve_module,
};
use crate::place::Place;
use crate::symbols::Symbol;

/// A collection of tables: those of the classes that share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Metadata {
    /// That of the classes below this one.
    Class(ClassRef),
    /// That of this variable: a `MetaData()`, or the base that `declarative_base()` made.
    Variable(VariableRef),
    /// The one of SQLModel.
    SqlModel,
}

/// A place where tables are collected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collector {
    /// The file.
    pub file: SourceFile,
    /// Where it names the metadata.
    pub place: Place,
    /// Whether it is the environment of migrations; else it is a call of `create_all`.
    pub is_migrations: bool,
    /// What it collects.
    pub metadata: Vec<Metadata>,
    /// The files that it imports, and those that they import.
    reached: Arc<FxHashSet<SourceFile>>,
    /// What it imports that could not be found: last names of modules.
    missed: Arc<FxHashSet<Name>>,
}

/// The collectors of a workspace.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Collectors {
    /// Those that can be told, sorted by path; tests left out.
    pub list: Vec<Collector>,
    /// Whether there may be others, or some import modules by computed names.
    pub is_open: bool,
    /// What is named anywhere as `….metadata`.
    named: FxHashSet<Metadata>,
}

impl Collector {
    /// Whether a file is imported when the tables are collected.
    #[must_use]
    pub fn reaches(&self, db: &dyn Db, file: SourceFile) -> bool {
        self.reached.contains(&file)
            || self.missed.contains(&Name::new(file.path(db).stem()))
            || !self.is_migrations
                && is_imported(db, self.file, |_| true)
                && is_imported(db, file, |other| !is_migration(db, other))
    }

    /// Whether a file stands among those that are imported: in their directories, or in one beside or below.
    #[must_use]
    pub fn is_near(&self, db: &dyn Db, file: SourceFile) -> bool {
        let above = file.path(db).parent().and_then(|directory| directory.parent());
        above.is_some_and(|above| {
            self.reached.iter().any(|other| *other != self.file && other.path(db).starts_with(above))
        })
    }
}

impl Collectors {
    /// Whether a metadata is named anywhere, so that something may be done with it that is not understood.
    #[must_use]
    pub fn names(&self, metadata: Metadata) -> bool {
        self.named.contains(&metadata)
    }
}

/// Words with which modules are imported by names that are computed.
const DYNAMIC: &[&str] = &[
    "import_module",
    "__import__",
    "pkgutil",
    "iter_modules",
    "walk_packages",
    "spec_from_file_location",
    "SourceFileLoader",
    "find_modules",
    "import_string",
    "load_module",
];

/// Everything that collects tables.
#[salsa::tracked(returns(clone))]
pub fn collectors(db: &dyn Db) -> Arc<Collectors> {
    let mut found = Collectors::default();
    let mut files: Vec<SourceFile> = files_mentioning(db, "metadata").iter().copied().collect();
    files.extend(files_mentioning(db, "target_metadata").iter().copied());
    files.retain(|file| file.kind(db).is_python() && !is_test(db, *file));
    files.sort_by_key(|file| file.path(db));
    files.dedup();
    for file in files {
        let uses = uses_in(db, file);
        found.named.extend(uses.named.iter().copied());
        if file.path(db).file_name() == "env.py" && uses.has_target {
            match &uses.target {
                Some(metadata) => found.list.push(collector(db, file, true, metadata.clone())),
                None => found.is_open = true,
            }
        }
        if !uses.created.is_empty() && !is_migration(db, file) {
            found.list.push(collector(db, file, false, uses.created.clone()));
        }
    }
    found.is_open |= found.list.iter().any(|one| is_dynamic(db, one));
    Arc::new(found)
}

fn collector(db: &dyn Db, file: SourceFile, is_migrations: bool, metadata: Vec<Metadata>) -> Collector {
    let (reached, missed) = closure(db, file);
    let name = Name::new("target_metadata");
    let place = if is_migrations { Place::Variable(VariableRef { file, name }) } else { created_at(db, file) };
    Collector { file, place, is_migrations, metadata, reached: Arc::new(reached), missed: Arc::new(missed) }
}

fn created_at(db: &dyn Db, file: SourceFile) -> Place {
    let module = &parsed(db, file).module;
    let creates = |code: &Code| {
        code.exprs.iter().zip(&code.ranges).find_map(|(expr, range)| {
            matches!(expr, Expr::Attribute { attr, .. } if *attr == "create_all").then_some(*range)
        })
    };
    if let Some(range) = creates(&module.code) {
        return Place::File(file, range);
    }
    let function = module.functions.iter().find(|function| creates(&function.code).is_some());
    match function {
        Some(function) => Place::Function(FunctionRef { file, path: function.path }),
        None => Place::File(file, auditline_syntax::TextRange::default()),
    }
}

fn is_dynamic(db: &dyn Db, collector: &Collector) -> bool {
    DYNAMIC.iter().any(|word| {
        files_mentioning(db, word).iter().any(|file| *file == collector.file || collector.reached.contains(file))
    })
}

/// What a file says of metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Uses {
    has_target: bool,
    target: Option<Vec<Metadata>>,
    created: Vec<Metadata>,
    named: Vec<Metadata>,
}

#[salsa::tracked(returns(clone))]
fn uses_in(db: &dyn Db, file: SourceFile) -> Arc<Uses> {
    let mut uses = Uses::default();
    if let Some(info) = variable(db, VariableRef { file, name: Name::new("target_metadata") }) {
        uses.has_target = true;
        uses.target = info.value.as_ref().and_then(|value| metadata_of_value(db, value, 0));
    }
    let module = &parsed(db, file).module;
    let mut read = |scope: Scope, code: &Code| {
        for expr in &code.exprs {
            let Expr::Attribute { value, attr } = expr else { continue };
            if *attr == "create_all" {
                uses.created.extend(metadata_of_value(db, &detach(db, scope, code, *value), 0).unwrap_or_default());
            } else if *attr == "metadata" {
                uses.named.extend(metadata_of_base(db, &detach(db, scope, code, *value), 0));
            }
        }
    };
    read(Scope::Module(file), &module.code);
    for function in &module.functions {
        read(Scope::Function(FunctionRef { file, path: function.path }), &function.code);
    }
    Arc::new(uses)
}

const MAX_DEPTH: u32 = 4;

/// The metadata that an expression gives: `Base.metadata`, `metadata`, `[A.metadata, B.metadata]`.
fn metadata_of_value(db: &dyn Db, value: &Detached, depth: u32) -> Option<Vec<Metadata>> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Detached::Sequence(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(metadata_of_value(db, item, depth + 1)?);
            }
            Some(all)
        }
        Detached::Path { base: (Symbol::Class(class), rest), .. } if *rest == "metadata" => {
            Some(vec![metadata_of_class(db, *class)?])
        }
        Detached::Path { base: (Symbol::Variable(base), rest), .. } if *rest == "metadata" => {
            Some(vec![metadata_of_variable(db, *base, depth + 1)?])
        }
        Detached::Path { symbol: Symbol::External(path), .. } if path.ends_with("SQLModel.metadata") => {
            Some(vec![Metadata::SqlModel])
        }
        Detached::Path { symbol: Symbol::Variable(held), .. } => {
            let info = variable(db, *held)?;
            let value = info.value.as_ref()?;
            if value.call().is_some_and(|(func, _)| func.last_name().is_some_and(|name| name == "MetaData")) {
                return Some(vec![Metadata::Variable(*held)]);
            }
            metadata_of_value(db, value, depth + 1)
        }
        _ => None,
    }
}

/// The metadata of what an expression names: of `Base` in `Base.metadata`.
fn metadata_of_base(db: &dyn Db, base: &Detached, depth: u32) -> Option<Metadata> {
    match base.symbol() {
        Symbol::Class(class) => metadata_of_class(db, class),
        Symbol::Variable(held) => metadata_of_variable(db, held, depth),
        _ => None,
    }
}

/// The metadata of a base that a variable holds: `Base = declarative_base(metadata=…)`.
fn metadata_of_variable(db: &dyn Db, base: VariableRef, depth: u32) -> Option<Metadata> {
    if depth > MAX_DEPTH {
        return None;
    }
    let info = variable(db, base)?;
    let value = info.value.as_ref()?;
    match value {
        Detached::Call { func, .. } => match func.last_name().as_deref() {
            Some("declarative_base" | "registry") => match value.keyword("metadata") {
                Some(given) if given.call().is_none() => {
                    <[_; 1]>::try_from(metadata_of_value(db, given, depth + 1)?).ok().map(|[one]| one)
                }
                _ if value.has_spread() => None,
                _ => Some(Metadata::Variable(base)),
            },
            // `Base = mapper_registry.generate_base()`
            Some("generate_base") => match &**func {
                Detached::Path { base: (Symbol::Variable(registry), _), .. } => {
                    metadata_of_variable(db, *registry, depth + 1)
                }
                _ => None,
            },
            _ => None,
        },
        other => metadata_of_base(db, other, depth + 1),
    }
}

/// The metadata to which a `Table(…)` belongs; `None` where that cannot be told.
pub(super) fn metadata_of_table(db: &dyn Db, table: VariableRef) -> Option<Metadata> {
    let info = variable(db, table)?;
    let value = info.value.as_ref()?;
    let metadata = value.keyword("metadata").or_else(|| value.positional().nth(1))?;
    <[_; 1]>::try_from(metadata_of_value(db, metadata, 0)?).ok().map(|[one]| one)
}

/// The metadata to which the table of a class belongs; `None` where that cannot be told.
#[must_use]
pub fn metadata_of_class(db: &dyn Db, class: ClassRef) -> Option<Metadata> {
    for ancestor in mro(db, class).iter() {
        let info = class_info(db, *ancestor)?;
        let own = |name: &str| info.attribute(Name::new(name)).and_then(|attribute| attribute.value.as_ref());
        // A column of that name is another fault.
        let is_column = |value: &Detached| {
            let called = value.call().and_then(|(func, _)| func.last_name());
            called.is_some_and(|name| matches!(name.as_str(), "Column" | "mapped_column" | "Field" | "relationship"))
        };
        if let Some(value) = own("metadata").filter(|value| !is_column(value)) {
            if value.call().is_some() {
                return Some(Metadata::Class(*ancestor));
            }
            return <[_; 1]>::try_from(metadata_of_value(db, value, 0)?).ok().map(|[one]| one);
        }
        if own("registry").is_some()
            || info.method(Name::new("metadata")).is_some()
            || info.keyword("registry").is_some()
        {
            return None;
        }
        for base in &info.bases {
            match &base.target {
                BaseTarget::External(path) if *path == "sqlmodel.SQLModel" => return Some(Metadata::SqlModel),
                BaseTarget::External(path)
                    if matches!(last(*path).as_str(), "DeclarativeBase" | "DeclarativeBaseNoMeta") =>
                {
                    return Some(Metadata::Class(*ancestor));
                }
                BaseTarget::Variable(held) => return metadata_of_variable(db, *held, 0),
                BaseTarget::Class(_) => {}
                BaseTarget::External(path) if path.starts_with("builtins.") || path.starts_with("typing.") => {}
                BaseTarget::External(path)
                    if matches!(last(*path).as_str(), "AsyncAttrs" | "MappedAsDataclass" | "ABC") => {}
                _ => return None,
            }
        }
    }
    None
}

/// All files that are imported when a file is, itself included, and the last names of modules that could not be found.
fn closure(db: &dyn Db, start: SourceFile) -> (FxHashSet<SourceFile>, FxHashSet<Name>) {
    let mut reached: FxHashSet<SourceFile> = FxHashSet::default();
    let mut missed = FxHashSet::default();
    let mut rest = vec![start];
    while let Some(file) = rest.pop() {
        if !reached.insert(file) {
            continue;
        }
        let imports = imported_at_run_time(db, file);
        rest.extend(imports.modules.iter().copied());
        missed.extend(imports.missed.iter().copied());
        // The packages around a module run first.
        let mut directory = file.path(db).parent();
        while let Some(package) = directory.and_then(|directory| init_of(db, directory)) {
            rest.push(package);
            directory = directory.and_then(|directory| directory.parent());
        }
    }
    (reached, missed)
}

/// What a file imports when it runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct RunTime {
    modules: Vec<SourceFile>,
    missed: Vec<Name>,
}

#[salsa::tracked(returns(clone))]
fn imported_at_run_time(db: &dyn Db, file: SourceFile) -> Arc<RunTime> {
    let mut found = RunTime::default();
    let module = &parsed(db, file).module;
    read_imports(db, file, &module.code, &mut found);
    for function in &module.functions {
        read_imports(db, file, &function.code, &mut found);
    }
    for class in &module.classes {
        read_imports(db, file, &class.code, &mut found);
    }
    Arc::new(found)
}

fn read_imports(db: &dyn Db, file: SourceFile, code: &Code, found: &mut RunTime) {
    let is_for_types =
        |test| dotted(code, test).is_some_and(|path| path == "TYPE_CHECKING" || path.ends_with(".TYPE_CHECKING"));
    let mut rest: Vec<&Block> = vec![&code.block];
    while let Some(block) = rest.pop() {
        for stmt in block {
            match &stmt.kind {
                StmtKind::If(inner) if is_for_types(inner.test) => rest.push(&inner.orelse),
                StmtKind::Import(modules) => {
                    for module in modules {
                        take(db, resolve_module(db, file, 0, Some(module.path)), Some(module.path), found);
                    }
                }
                StmtKind::ImportFrom(import) => {
                    let module = resolve_module(db, file, import.level, import.module);
                    take(db, module, import.module, found);
                    for name in &import.names {
                        match member(db, module, name.name) {
                            symbol @ Symbol::Module(_) => take(db, symbol, None, found),
                            Symbol::External(_) if is_ours(db, import.module) => found.missed.push(name.name),
                            _ => {}
                        }
                    }
                    if let (true, Symbol::Module(package)) = (import.star, module) {
                        // A star brings the modules that `__all__` lists.
                        for name in listed(db, package) {
                            take(db, member(db, module, name), None, found);
                        }
                    }
                }
                _ => blocks(stmt, |inner| rest.push(inner)),
            }
        }
    }
}

fn take(db: &dyn Db, symbol: Symbol, path: Option<Name>, found: &mut RunTime) {
    match symbol {
        Symbol::Module(_) => found.modules.extend(definition_file(symbol)),
        Symbol::External(_) | Symbol::Unknown if is_ours(db, path) => found.missed.extend(path.map(last)),
        _ => {}
    }
}

/// Whether a module of that name may stand in the workspace, at a place that no search path leads to.
fn is_ours(db: &dyn Db, path: Option<Name>) -> bool {
    path.is_some_and(|path| {
        let top = path.split('.').next().unwrap_or_default();
        !modules_named(db, Name::new(top)).is_empty()
    })
}

fn listed(db: &dyn Db, package: SourceFile) -> Vec<Name> {
    match &module_scope(db, package).exports {
        crate::names::Exports::Listed(names) => names.clone(),
        _ => Vec::new(),
    }
}
