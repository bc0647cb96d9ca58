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
