//! Which modules of the workspace a file imports.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, StmtKind};
use auditline_syntax::python::walk_statements;

use rustc_hash::FxHashMap;

use super::{definition_file, member, resolve_module};
use crate::db::{Db, Settings, SourceFile, parsed};
use crate::entry::is_test;
use crate::shards::{Shard, python_files_of};
use crate::symbols::Symbol;

/// The modules of the workspace that a file imports anywhere, also inside functions, sorted by path.
#[salsa::tracked(returns(clone))]
pub fn imported_modules(db: &dyn Db, file: SourceFile) -> Arc<[SourceFile]> {
    let parsed = parsed(db, file);
    let mut found = Vec::new();
    let mut read = |block: &Block| {
        walk_statements(block, &mut |stmt| match &stmt.kind {
            StmtKind::Import(modules) => {
                found.extend(
                    modules.iter().filter_map(|module| module_file(resolve_module(db, file, 0, Some(module.path)))),
                );
            }
            StmtKind::ImportFrom(import) => {
                let module = resolve_module(db, file, import.level, import.module);
                found.extend(module_file(module));
                // `from package import module`
                found.extend(import.names.iter().filter_map(|name| module_file(member(db, module, name.name))));
            }
            _ => {}
        });
    };
    read(&parsed.module.code.block);
    for function in &parsed.module.functions {
        read(&function.code.block);
    }
    found.sort_by_key(|module| module.path(db));
    found.dedup();
    found.retain(|module| *module != file);
    found.into()
}

fn module_file(symbol: Symbol) -> Option<SourceFile> {
    matches!(symbol, Symbol::Module(_)).then(|| definition_file(symbol))?
}

/// Whether another file that is no test, and for which `counts` holds, imports this one.
#[must_use]
pub fn is_imported(db: &dyn Db, file: SourceFile, counts: impl Fn(SourceFile) -> bool) -> bool {
    importers(db, file).iter().any(|other| counts(*other))
}

/// The files that import this one, tests left out.
#[salsa::tracked(returns(clone))]
fn importers(db: &dyn Db, file: SourceFile) -> Arc<[SourceFile]> {
    all_importers(db, Settings::get(db)).get(&file).map(Arc::clone).unwrap_or_default()
}

/// Files with those that import them.
type Importers = FxHashMap<SourceFile, Arc<[SourceFile]>>;

/// All files that are imported. Asked for each file among those that mention its name, the same would take the square of
/// their number where many are called `service.py`.
#[salsa::tracked(returns(clone))]
fn all_importers(db: &dyn Db, settings: Settings) -> Arc<Importers> {
    let mut found: FxHashMap<SourceFile, Vec<SourceFile>> = FxHashMap::default();
    for shard in Shard::all() {
        for (file, imported) in imports_of_shard(db, shard, settings).iter() {
            for module in imported.iter() {
                found.entry(*module).or_default().push(*file);
            }
        }
    }
    Arc::new(found.into_iter().map(|(file, importers)| (file, importers.into())).collect())
}

/// What the files of a shard import, tests left out.
#[salsa::tracked(returns(clone))]
fn imports_of_shard(db: &dyn Db, shard: Shard, settings: Settings) -> Arc<[(SourceFile, Arc<[SourceFile]>)]> {
    python_files_of(db, shard, settings)
        .iter()
        .filter(|file| !is_test(db, **file))
        .map(|file| (*file, imported_modules(db, *file)))
        .collect()
}
