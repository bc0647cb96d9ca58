//! 7xx: delivery and structure.

use auditline_model::imports::{Broken, Missing, hidden_module};
use auditline_model::names::{exported, module_scope};
use auditline_model::symbols::Symbol;
use auditline_model::{Db, Settings, SourceFile};
use auditline_source::FilePath;
use auditline_syntax::Name;

use crate::finding::Place;

pub mod circular_import;
pub mod conflicting_requirements;
pub mod dockerfile_missing_source;
pub mod duplicate_constant;
pub mod oversized_module;
pub mod shadowed_module;
pub mod unresolved_import;

/// A path as seen from its workspace folder.
fn relative(db: &dyn Db, path: FilePath) -> &'static str {
    let roots = Settings::get(db).roots(db);
    roots.iter().filter_map(|root| path.relative_to(*root)).max_by_key(|path| path.len()).unwrap_or(path.as_str())
}

/// Where a module defines a name, in it or in another file.
fn place_of(db: &dyn Db, module: SourceFile, name: Name) -> Option<Place> {
    match exported(db, module, name) {
        Symbol::Class(class) => Some(Place::Class(class)),
        Symbol::Function(function) => Some(Place::Function(function)),
        Symbol::Variable(variable) => Some(Place::Variable(variable)),
        _ => None,
    }
}

/// The module and name that an import means and does not reach, because a package of the module's name hides it.
fn hidden_name(db: &dyn Db, broken: &Broken) -> Option<(SourceFile, Name)> {
    let Missing::Name { module, name } = broken.missing else { return None };
    let hidden = hidden_module(db, module)?;
    module_scope(db, hidden).get(name).is_some().then_some((hidden, name))
}
