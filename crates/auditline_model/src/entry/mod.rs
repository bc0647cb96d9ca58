//! Entry points: from where code is reached.

mod commands;
mod points;
mod requests;
mod routes;
mod startup;
mod webhooks;

use auditline_syntax::python::ir::{CompareOp, Expr, StmtKind};

use crate::db::{Db, SourceFile, parsed};

pub use commands::is_command;
pub use points::{EntryPoint, entry_point};
pub use requests::request;
pub use routes::is_endpoint;
pub use startup::is_startup;
pub use webhooks::webhook;

/// Whether a file is a script: it runs when it is started by name (`if __name__ == "__main__":`), so that its process
/// ends with a failure.
#[salsa::tracked(returns(copy))]
pub fn is_script(db: &dyn Db, file: SourceFile) -> bool {
    let parsed = parsed(db, file);
    let code = &parsed.module.code;
    code.block.iter().any(|stmt| match &stmt.kind {
        StmtKind::If(statement) => match &code[statement.test] {
            Expr::Compare { left, rest } => {
                matches!(&code[*left], Expr::Name(name) if *name == "__name__")
                    && rest.iter().any(|(op, right)| {
                        *op == CompareOp::Eq && matches!(&code[*right], Expr::Str(text) if &**text == "__main__")
                    })
            }
            _ => false,
        },
        _ => false,
    })
}

/// Whether a file is a test or fixture: by the conventions of pytest and unittest, it stands in a directory for tests or
/// is named like one. No file is one where the user has tests judged as production code.
#[must_use]
pub fn is_test(db: &dyn Db, file: SourceFile) -> bool {
    if crate::db::Settings::get(db).include_tests(db) {
        return false;
    }
    let path = file.path(db);
    let name = path.file_name();
    name == "conftest.py"
        || name.starts_with("test_")
        || name.ends_with("_test.py")
        || name == "tests.py"
        || relative_parts(db, file).iter().any(|part| matches!(*part, "tests" | "test" | "testing" | "fixtures"))
}

/// Whether a file is a migration: it stands in a `versions` or `migrations` directory, or an Alembic environment.
#[must_use]
pub fn is_migration(db: &dyn Db, file: SourceFile) -> bool {
    let parts = relative_parts(db, file);
    parts.iter().any(|part| matches!(*part, "versions" | "migrations" | "alembic"))
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
