//! 7xx: delivery and structure.

use auditline_model::{Db, Settings};
use auditline_source::FilePath;

pub mod dockerfile_missing_source;
pub mod unresolved_import;

/// A path as seen from its workspace folder.
fn relative(db: &dyn Db, path: FilePath) -> &'static str {
    let roots = Settings::get(db).roots(db);
    roots.iter().filter_map(|root| path.relative_to(*root)).max_by_key(|path| path.len()).unwrap_or(path.as_str())
}
