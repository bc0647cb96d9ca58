//! Applying fixes, and writing them.

use auditline_hazards::Safety;
use auditline_project::{FileChange, FixRejection, WriteError, apply_fixes, write_changes};
use auditline_source::SourceText;
use std::sync::Arc;

use crate::sandbox::{SERVICE, Sandbox};

#[test]
fn fixes_are_applied_until_none_is_left_and_nothing_is_written() {
    let sandbox = Sandbox::shop(SERVICE);
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    assert!(outcome.converged && outcome.rejected.is_empty());
    assert_eq!(outcome.applied.len(), 1);
    assert!(outcome.report.findings.is_empty());
    assert_eq!(sandbox.read("app/services.py"), SERVICE);
    write_changes(sandbox.root, &outcome.changes).unwrap();
    let expected = SERVICE.replace("item_id)\n    if", "item_id, with_for_update=True)\n    if");
    assert_eq!(sandbox.read("app/services.py"), expected);
}

#[test]
fn line_ends_tabs_and_a_byte_order_mark_stay() {
    let text = format!("\u{feff}{SERVICE}").replace("    ", "\t").replace('\n', "\r\n");
    let sandbox = Sandbox::shop(&text);
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    write_changes(sandbox.root, &outcome.changes).unwrap();
    let expected = text.replace("item_id)\r\n\tif", "item_id, with_for_update=True)\r\n\tif");
    assert_ne!(expected, text);
    assert_eq!(sandbox.read("app/services.py"), expected);
}

const MOVES: &str = "\
from fastapi import APIRouter
from sqlalchemy.orm import Mapped, mapped_column, sessionmaker

from app.models import Base, Item

SessionLocal = sessionmaker()
router = APIRouter()


class Shelf(Base):
    __tablename__ = \"shelves\"

    id: Mapped[int] = mapped_column(primary_key=True)
    used: Mapped[int]


@router.post(\"/store\")
def store(item_id: int, shelf_id: int) -> None:
    with SessionLocal() as db:
        item = db.get_one(Item, item_id)
        shelf = db.get_one(Shelf, shelf_id)
        item.stock -= 1
        shelf.used += 1
        db.commit()


@router.post(\"/fetch\")
def fetch(item_id: int, shelf_id: int) -> None:
    with SessionLocal() as db:
        shelf = db.get_one(Shelf, shelf_id)
        item = db.get_one(Item, item_id)
        shelf.used -= 1
        item.stock += 1
        db.commit()
";

#[test]
fn locks_that_would_wait_for_one_another_are_not_all_taken() {
    let sandbox = Sandbox::shop(MOVES);
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    assert!(outcome.converged);
    assert!(outcome.report.findings.iter().all(|finding| finding.code == "AUD201"), "{:?}", outcome.report.findings);
    let mut left = outcome.report.findings.iter().flat_map(|finding| &finding.fixes);
    assert!(left.all(|fix| fix.safety == Safety::Unsafe));
    assert!(outcome.rejected.iter().all(|fix| fix.reason == FixRejection::BringsIn("AUD211")));
    assert_eq!((outcome.applied.len(), outcome.rejected.len()), (3, 1));
}

const HELPER: &str = "\
import httpx
from fastapi import APIRouter
from sqlalchemy.orm import Session, sessionmaker

from app.models import Item

SessionLocal = sessionmaker()
router = APIRouter()


def take(db: Session, item_id: int) -> None:
    item = db.get_one(Item, item_id)
    item.stock -= 1


@router.post(\"/sell\")
def sell(item_id: int) -> None:
    with SessionLocal() as db:
        take(db, item_id)
        db.commit()


@router.post(\"/send\")
def send(item_id: int) -> None:
    with SessionLocal() as db:
        take(db, item_id)
        httpx.post(\"https://carrier.example/parcels\", timeout=5)
        db.commit()
";

#[test]
fn a_lock_is_not_taken_where_a_caller_would_hold_it_while_another_system_answers() {
    let sandbox = Sandbox::shop(HELPER);
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    assert!(outcome.applied.is_empty(), "{:?}", outcome.applied);
    assert!(outcome.rejected.iter().any(|fix| fix.reason == FixRejection::BringsIn("AUD110")), "{outcome:?}");

    let sandbox =
        Sandbox::shop(&HELPER.replace("        httpx.post(\"https://carrier.example/parcels\", timeout=5)\n", ""));
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    assert!(outcome.rejected.is_empty(), "{outcome:?}");
    assert_eq!(outcome.applied.len(), 1, "{outcome:?}");
}

#[test]
fn a_suppressed_finding_is_not_fixed() {
    let sandbox = Sandbox::shop(&SERVICE.replace(" - amount", " - amount  # noqa: AUD201"));
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Unsafe, &|_| {});
    assert!(outcome.changes.is_empty() && outcome.applied.is_empty() && outcome.converged);
}

#[test]
fn a_file_with_errors_elsewhere_is_still_fixed() {
    let sandbox = Sandbox::shop(&format!("{SERVICE}\n\ndef broken(:\n    pass\n"));
    let outcome = apply_fixes(&mut sandbox.open(""), Safety::Safe, &|_| {});
    assert_eq!(outcome.applied.len(), 1, "{:?}", outcome.rejected);
}

fn change(sandbox: &Sandbox, path: &str, before: &str, after: &str) -> FileChange {
    let text = |text: &str| Arc::new(SourceText::from(text));
    FileChange { path: sandbox.file(path), before: Some(text(before)), after: text(after) }
}

#[test]
fn a_file_that_changed_meanwhile_is_not_written_nor_is_any_other() {
    let sandbox = Sandbox::new(&[("a.py", "a = 1\n"), ("b.py", "b = 2\n")]);
    let changes = [change(&sandbox, "a.py", "a = 1\n", "a = 3\n"), change(&sandbox, "b.py", "b = 1\n", "b = 3\n")];
    let error = write_changes(sandbox.root, &changes).unwrap_err();
    assert!(matches!(error, WriteError::Changed(path) if path == sandbox.file("b.py")));
    assert_eq!(sandbox.read("a.py"), "a = 1\n");
    let names: Vec<_> = std::fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[test]
fn a_new_file_is_made_only_where_nothing_stands() {
    let sandbox = Sandbox::new(&[("a.py", "a = 1\n")]);
    let made = |path: &str| FileChange { before: None, ..change(&sandbox, path, "", "b = 1\n") };
    write_changes(sandbox.root, &[made("b.py")]).unwrap();
    assert_eq!(sandbox.read("b.py"), "b = 1\n");
    let error = write_changes(sandbox.root, &[made("c.py"), made("a.py")]).unwrap_err();
    assert!(matches!(error, WriteError::Exists(path) if path == sandbox.file("a.py")));
    assert_eq!(sandbox.read("a.py"), "a = 1\n");
    let names: Vec<_> = std::fs::read_dir(sandbox.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "neither the other file nor a temporary one is left: {names:?}");
}

#[cfg(unix)]
#[test]
fn permissions_stay_and_links_are_not_written_through() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let sandbox = Sandbox::new(&[("a.py", "a = 1\n"), ("real.py", "a = 1\n"), ("fixed.py", "a = 1\n")]);
    let set = |name: &str, mode| {
        std::fs::set_permissions(sandbox.path().join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set("a.py", 0o755);
    write_changes(sandbox.root, &[change(&sandbox, "a.py", "a = 1\n", "a = 2\n")]).unwrap();
    let mode = std::fs::metadata(sandbox.path().join("a.py")).unwrap().permissions().mode();
    assert_eq!((mode & 0o777, &*sandbox.read("a.py")), (0o755, "a = 2\n"));

    symlink("real.py", sandbox.path().join("link.py")).unwrap();
    let error = write_changes(sandbox.root, &[change(&sandbox, "link.py", "a = 1\n", "a = 2\n")]).unwrap_err();
    assert!(matches!(error, WriteError::LeadsOut(_)));

    let outside = Sandbox::new(&[("x.py", "a = 1\n")]);
    symlink(outside.path(), sandbox.path().join("out")).unwrap();
    let error = write_changes(sandbox.root, &[change(&sandbox, "out/x.py", "a = 1\n", "a = 2\n")]).unwrap_err();
    assert!(matches!(error, WriteError::LeadsOut(_)));
    assert_eq!(outside.read("x.py"), "a = 1\n");

    set("fixed.py", 0o444);
    let error = write_changes(sandbox.root, &[change(&sandbox, "fixed.py", "a = 1\n", "a = 2\n")]).unwrap_err();
    assert!(matches!(error, WriteError::ReadOnly(_)));
}
