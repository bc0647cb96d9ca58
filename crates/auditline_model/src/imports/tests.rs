//! Tests of imports that lead nowhere.

use super::*;
use crate::db::RootDatabase;
use crate::fixture::{file, fixture, path};

/// What is missing for a file, in short.
fn broken(db: &RootDatabase, at: &str) -> Vec<String> {
    let found = broken_imports(db, file(db, at));
    let name = |broken: &Broken| match broken.missing {
        Missing::Module { name, .. } => format!("module {name}"),
        Missing::NotPackage { name, .. } => format!("below {name}"),
        Missing::Name { name, .. } => format!("name {name}"),
    };
    found.iter().map(name).collect()
}

#[test]
fn what_git_leaves_out_or_nobody_looked_into_may_be_there() {
    let main = "from app import alpha\nfrom app import beta\nfrom app import gamma\nfrom app import delta, epsilon\n";
    let files = [("app/main.py", main), ("app/__init__.py", ""), (".gitignore", "app/beta/\n")];
    let mut db = fixture(&files);
    db.set_listing(path("app"), ["main.py", "__init__.py", "gamma.cpython-313-x86_64-linux-gnu.so", "delta"]);
    // Nothing else proves that `app` is the project's own name.
    assert_eq!(broken(&db, "app/main.py"), Vec::<String>::new());
    crate::fixture::edit(&mut db, "app/main.py", &format!("import app.main\n{main}"));
    assert_eq!(broken(&db, "app/main.py"), ["name alpha", "name epsilon"]);
}

#[test]
fn a_name_comes_and_goes() {
    let mut db = fixture(&[
        ("app/__init__.py", ""),
        ("app/models.py", "class User:\n    pass\n"),
        ("app/main.py", "from app.models import User, Order\nfrom .store import save\n"),
    ]);
    assert_eq!(broken(&db, "app/main.py"), ["name Order", "module store"]);
    crate::fixture::edit(&mut db, "app/models.py", "class User:\n    pass\n\n\nOrder = User\n");
    crate::fixture::edit(&mut db, "app/store.py", "def save():\n    pass\n");
    assert_eq!(broken(&db, "app/main.py"), Vec::<String>::new());
    crate::fixture::edit(
        &mut db,
        "app/models.py",
        "class User:\n    pass\n\n\ndef __getattr__(name):\n    return User\n",
    );
    assert_eq!(broken(&db, "app/main.py"), Vec::<String>::new());
}

#[test]
fn a_package_of_two_directories() {
    let files = [
        ("one/app/jobs/first.py", ""),
        ("two/app/jobs/second.py", ""),
        ("one/app/main.py", "import app.jobs.first\nimport app.jobs.second\nimport app.jobs.third\n"),
    ];
    // Each directory alone is not all of the namespace, and `third` might be in a part that is installed.
    let db = fixture(&files);
    assert!(!broken(&db, "one/app/main.py").contains(&"module second".to_owned()));
}

#[test]
fn what_is_no_python_is_no_import() {
    let db = fixture(&[
        ("app/__init__.py", ""),
        ("app/models/__init__.py", ""),
        ("app/main.py", "from . import models.patient as patient\nfrom . import gone\n"),
    ]);
    assert_eq!(broken(&db, "app/main.py"), ["name gone"]);
}
