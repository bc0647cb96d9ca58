//! Entry points: from where code is reached.

mod administrators;
mod aside;
mod commands;
mod deliveries;
mod framework;
mod own_loop;
mod points;
mod registered;
mod requests;
mod routes;
mod script;
mod shared;
mod startup;
#[cfg(test)]
mod tests;
mod unused;
mod updates;
mod views;
mod webhooks;

use auditline_syntax::Name;

use crate::db::{Db, SourceFile};

pub use administrators::{AdministratorGuard, administrator_guard};
pub use aside::{is_aside, is_by_hand};
pub use commands::is_command;
pub use deliveries::{knows_delivery, takes_delivery};
pub use framework::{DependencyEnd, dependency_end};
pub use own_loop::has_own_loop;
pub use points::{EntryPoint, entry_point, is_job};
pub use requests::request;
pub use routes::{is_decorated_endpoint, is_endpoint, is_socket, only_reads};
pub use script::is_script;
pub use shared::{Routes, attached_closely_to, attached_to, is_attached, is_middleware, router_of, routes_through};
pub use startup::{fails_with_start, is_start_hook, is_startup};
pub use unused::is_unused;
pub use updates::is_update_handler;
pub use webhooks::webhook;

/// Whether a file is a test or fixture: by the conventions of pytest and unittest, it stands in a directory for tests or
/// is named like one. No file is one where the user has tests judged as production code.
///
/// A query, because each check asks it of each function.
#[salsa::tracked(returns(copy))]
pub fn is_test(db: &dyn Db, file: SourceFile) -> bool {
    if crate::db::Settings::get(db).include_tests(db) {
        return false;
    }
    let path = file.path(db);
    let name = path.file_name();
    name == "conftest.py"
        || name == "tests.py"
        || (name.starts_with("test_") || name.ends_with("_test.py")) && tests_something(db, file)
        || is_below_tests(db, file)
}

/// Whether a file has tests, or what tests are written with. `test_repository.py` may as well speak of repositories for tests.
fn tests_something(db: &dyn Db, file: SourceFile) -> bool {
    const SIGNS: &[&str] = &["def test", "class Test", "unittest", "pytest", "doctest", "mock"];
    file.content(db).text().is_none_or(|text| SIGNS.iter().any(|sign| text.text().contains(sign)))
}

/// Whether a file stands in a directory for tests, whatever its own name is: a revision may be called `…_test.py`.
#[must_use]
pub fn is_below_tests(db: &dyn Db, file: SourceFile) -> bool {
    !crate::db::Settings::get(db).include_tests(db)
        && relative_parts(db, file)
            .iter()
            .any(|part| matches!(*part, "tests" | "test" | "testing" | "fixtures" | "mocks"))
}

/// Whether a file is a migration: it stands in a `migrations` or `alembic` directory, or in a `versions` directory and says
/// which revision it is. Versions of an API stand in directories of that name too.
#[salsa::tracked(returns(copy))]
pub fn is_migration(db: &dyn Db, file: SourceFile) -> bool {
    let parts = relative_parts(db, file);
    parts.iter().any(|part| matches!(*part, "migrations" | "alembic"))
        || parts.contains(&"versions") && is_revision(db, file)
}

#[salsa::tracked(returns(copy))]
fn is_revision(db: &dyn Db, file: SourceFile) -> bool {
    let scope = crate::names::module_scope(db, file);
    file.path(db).file_name() == "__init__.py" || scope.get(Name::new("down_revision")).is_some()
}

fn relative_parts(db: &dyn Db, file: SourceFile) -> Vec<&'static str> {
    let path = file.path(db);
    let settings = crate::db::Settings::get(db);
    let root = settings
        .roots(db)
        .iter()
        .copied()
        .filter(|root| path.starts_with(*root))
        .max_by_key(|root| root.as_str().len());
    let relative = root.and_then(|root| path.relative_to(root)).unwrap_or(path.as_str());
    let mut parts: Vec<&'static str> = relative.split('/').collect();
    parts.pop();
    parts
}
