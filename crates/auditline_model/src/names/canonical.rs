//! The well-known names of libraries, under which re-exports mean the same.

use auditline_syntax::Name;

/// The canonical path of something outside the workspace: what the project's own documentation calls it.
///
/// SQLAlchemy, SQLModel, FastAPI and Starlette offer one object under several paths (`sqlalchemy.orm.session.Session`,
/// `sqlalchemy.orm.Session`); the middle of the path carries no meaning for them, so that only the package and the last
/// part are kept apart here. Other paths stay as they are.
#[must_use]
pub fn canonical(path: Name) -> Name {
    let text = path.as_str();
    let Some((root, rest)) = text.split_once('.') else { return path };
    let Some((middle, last)) = rest.rsplit_once('.') else { return path };
    let hidden = match root {
        "sqlalchemy" => !middle.split('.').any(|part| matches!(part, "func" | "types" | "sqltypes" | "event")),
        "sqlmodel" => true,
        "fastapi" | "starlette" => matches!(last, "Depends" | "Security" | "run_in_threadpool"),
        _ => false,
    };
    // A method or attribute of a class stays with it: `sqlalchemy.orm.Query.get` is not `sqlalchemy.get`.
    let of_class = middle.rsplit('.').next().unwrap_or_default().chars().next().is_some_and(char::is_uppercase);
    if hidden && !of_class { Name::new(&format!("{root}.{last}")) } else { path }
}
