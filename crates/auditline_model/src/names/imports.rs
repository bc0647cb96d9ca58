//! Which modules of the workspace a file imports.

use std::sync::Arc;

use auditline_syntax::python::ir::{Block, StmtKind};
use auditline_syntax::python::walk_statements;

use super::{definition_file, files_mentioning, member, resolve_module};
use crate::db::{Db, SourceFile, parsed};
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

/// Whether another file, for which `counts` holds, imports this one.
#[must_use]
pub fn is_imported(db: &dyn Db, file: SourceFile, counts: impl Fn(SourceFile) -> bool) -> bool {
    let path = file.path(db);
    let name = match path.stem() {
        "__init__" => path.parent().map_or("", |parent| parent.file_name()),
        stem => stem,
    };
    files_mentioning(db, name)
        .iter()
        .any(|other| *other != file && counts(*other) && imported_modules(db, *other).contains(&file))
}
