//! `--fix`, `--unsafe-fixes` and `--diff`.

use crate::sandbox::{SERVICE, Sandbox};
use crate::schema;

#[test]
fn fix_writes_what_is_safe() {
    let sandbox = Sandbox::shop();
    let ended = sandbox.check(0, &["--fix"]);
    assert_eq!(ended.out, "No findings in 3 files, 1 fixed.\n");
    assert_eq!(sandbox.read("app/services.py"), Sandbox::sound().read("app/services.py"));
    assert_eq!(sandbox.check(0, &["--fix"]).out, "No findings in 3 files.\n");
}

#[test]
fn fix_says_in_json_how_many_were_fixed() {
    let document = schema::read(&Sandbox::shop().check(0, &["--fix", "--output-format", "json"]).out);
    assert_eq!((document.summary.fixed, document.summary.findings), (1, 0));
}

const HELD: &str = "\
import httpx
from sqlalchemy.orm import Session

from app.models import Item


def take(db: Session, item_id: int) -> None:
    item = db.get_one(Item, item_id)
    item.stock -= 1


def send(db: Session, item_id: int) -> None:
    take(db, item_id)
    httpx.post(\"https://carrier.example/parcels\", timeout=5)
    db.commit()
";

#[test]
fn fix_names_what_it_did_not_apply() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/services.py", HELD);
    let ended = sandbox.check(1, &["--fix", "--output-format", "json"]);
    let rejected = &schema::read(&ended.out).rejected_fixes[0];
    assert_eq!((&*rejected.code, &*rejected.path), ("AUD201", "app/services.py"));
    assert_eq!(rejected.brings_in.as_deref(), Some("AUD110"));
    let said = format!("the fix “{}” of AUD201 is not applied: {}", rejected.title, rejected.reason);
    assert!(ended.err.contains(&said), "{}", ended.err);
    assert_eq!(sandbox.read("app/services.py"), HELD);
}

#[test]
fn fix_touches_only_what_is_checked_and_reported() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/other.py", SERVICE);
    sandbox.check(0, &["--fix", "app/other.py"]);
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
    sandbox.check(0, &["--fix", "--ignore", "AUD201"]);
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
}

#[test]
fn diff_shows_and_does_not_write() {
    let sandbox = Sandbox::shop();
    let ended = sandbox.check(1, &["--diff"]);
    let expected = "\
--- a/app/services.py
+++ b/app/services.py
@@ -4,7 +4,7 @@
 
 
 def take(db: Session, item_id: int, amount: int) -> None:
-    item = db.get(Item, item_id)
+    item = db.get(Item, item_id, with_for_update=True)
     if item.stock >= amount:
         item.stock = item.stock - amount
         db.commit()
";
    assert_eq!(ended.out, expected);
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
    assert_eq!(sandbox.check(1, &["--diff", "--fix"]).out, expected, "`--diff` goes before `--fix`");
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
    assert_eq!(Sandbox::sound().check(0, &["--diff"]).out, "");
}

#[test]
fn a_diff_can_be_applied() {
    let sandbox = Sandbox::shop();
    sandbox.write("app/services.py", SERVICE.replace('\n', "\r\n"));
    let diff = sandbox.check(1, &["--diff"]).out;
    sandbox.write("x.diff", diff);
    let patch = std::process::Command::new("git")
        .args(["apply", "--whitespace=nowarn", "x.diff"])
        .current_dir(sandbox.path(""))
        .env("GIT_CEILING_DIRECTORIES", sandbox.path("..").canonicalize().unwrap())
        .output()
        .unwrap();
    assert!(patch.status.success(), "{}", String::from_utf8_lossy(&patch.stderr));
    assert_eq!(sandbox.read("app/services.py"), Sandbox::sound().read("app/services.py").replace('\n', "\r\n"));
}

#[cfg(unix)]
#[test]
fn a_file_that_must_not_be_written_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let sandbox = Sandbox::shop();
    let path = sandbox.path("app/services.py");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    let ended = sandbox.check(2, &["--fix"]);
    assert!(ended.err.contains("app/services.py is not written: it is read-only"), "{ended:?}");
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
}

/// A model with a column that no revision adds.
fn drifted() -> Sandbox {
    let revision = "import sqlalchemy as sa\nfrom alembic import op\n\nrevision = \"0001\"\ndown_revision = None\n\n\n\
        def upgrade():\n    op.create_table(\"items\", sa.Column(\"id\", sa.Integer(), primary_key=True))\n    \
        op.create_table(\"boxes\", sa.Column(\"id\", sa.Integer(), primary_key=True))\n";
    let models = "from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column\n\n\nclass Base(DeclarativeBase):\n    \
        pass\n\n\nclass Item(Base):\n    __tablename__ = \"items\"\n\n    id: Mapped[int] = \
        mapped_column(primary_key=True)\n    note: Mapped[str | None]\n    colour: Mapped[str | None]\n\n\n\
        class Box(Base):\n    __tablename__ = \"boxes\"\n\n    id: Mapped[int] = mapped_column(primary_key=True)\n";
    Sandbox::new(&[
        ("alembic.ini", "[alembic]\nfile_template = %%(rev)s_%%(slug)s\n"),
        ("alembic/versions/0001_start.py", revision),
        ("app/models.py", models),
    ])
}

const REVISION: &str = "alembic/versions/0002_add_note_colour_to_items.py";

#[test]
fn a_fix_can_make_a_file() {
    let sandbox = drifted();
    let found = sandbox.check(1, &["--select", "AUD405", "--output-format", "concise"]);
    assert_eq!(found.out.lines().count(), 2, "{found:?}");
    // It changes the database, and is not applied unasked.
    sandbox.check(1, &["--select", "AUD405", "--fix"]);
    assert!(!sandbox.path(REVISION).exists());
    let ended = sandbox.check(0, &["--select", "AUD405", "--fix", "--unsafe-fixes"]);
    assert!(ended.out.ends_with(", 1 fixed.\n"), "{ended:?}");
    let made = sandbox.read(REVISION);
    assert!(made.contains("revision = \"0002\"\ndown_revision = \"0001\"\n"), "{made}");
    assert!(made.contains("Create Date: 20"), "{made}");
    sandbox.check(0, &["--select", "AUD405"]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &str| std::fs::metadata(sandbox.path(path)).unwrap().permissions().mode();
        assert_eq!(mode(REVISION), mode("app/models.py"));
    }
}

#[test]
fn a_file_that_a_fix_makes_is_shown_in_diff_and_json() {
    let sandbox = drifted();
    let diff = sandbox.check(1, &["--select", "AUD405", "--diff", "--unsafe-fixes"]).out;
    assert!(diff.starts_with(&format!("--- /dev/null\n+++ b/{REVISION}\n@@ -0,0 +1,")), "{diff}");
    assert!(!sandbox.path(REVISION).exists());
    sandbox.write("x.diff", &diff);
    let patch = std::process::Command::new("git")
        .args(["apply", "--whitespace=nowarn", "x.diff"])
        .current_dir(sandbox.path(""))
        .env("GIT_CEILING_DIRECTORIES", sandbox.path("..").canonicalize().unwrap())
        .output()
        .unwrap();
    assert!(patch.status.success(), "{}", String::from_utf8_lossy(&patch.stderr));
    assert!(sandbox.read(REVISION).ends_with("op.drop_column(\"items\", \"note\")\n"));
    std::fs::remove_file(sandbox.path(REVISION)).unwrap();

    let out = sandbox.check(1, &["--select", "AUD405", "--output-format", "json"]).out;
    let document: serde_json::Value = serde_json::from_str(&out).unwrap();
    let edit = &document["findings"][0]["fixes"][0]["edits"][0];
    assert_eq!((&edit["create"], &edit["path"]), (&serde_json::json!(true), &serde_json::json!(REVISION)));
    let start = serde_json::json!({ "line": 1, "column": 1 });
    assert_eq!(edit["range"], serde_json::json!({ "start": start, "end": start }));
    assert!(edit["text"].as_str().unwrap().starts_with("\"\"\"add note, colour to items\n"));
}

#[cfg(unix)]
#[test]
fn a_file_is_not_made_behind_a_link_that_leads_out() {
    let sandbox = drifted();
    let elsewhere = tempfile::TempDir::new().unwrap();
    std::fs::remove_dir_all(sandbox.path("alembic/versions")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), sandbox.path("alembic/versions")).unwrap();
    sandbox.run(&["check", "--select", "AUD405", "--fix", "--unsafe-fixes"]);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
