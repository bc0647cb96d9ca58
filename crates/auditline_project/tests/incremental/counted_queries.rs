//! An edit re-does what depends on it, and nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use auditline_model::RootDatabase;
use auditline_project::{Config, FixDetail, Workspace, file_report};

use crate::workspace::{BACKEND, Edited, root};

/// How often each query was executed, by its name.
#[derive(Clone, Default)]
struct Executed(Arc<Mutex<BTreeMap<String, usize>>>);

impl Executed {
    fn database(&self) -> RootDatabase {
        let counts = Arc::clone(&self.0);
        RootDatabase::with_events(
            &[root()],
            &[],
            Box::new(move |event| {
                if let salsa::EventKind::WillExecute { database_key } = event.kind {
                    let key = format!("{database_key:?}");
                    let name = key.split('(').next().unwrap_or_default().to_owned();
                    *counts.lock().unwrap().entry(name).or_default() += 1;
                }
            }),
        )
    }

    fn take(&self) -> BTreeMap<String, usize> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// The backend, and besides it many files that use it.
fn start() -> (Edited, Executed) {
    let executed = Executed::default();
    let mut files: Vec<(&'static str, &str)> = BACKEND.to_vec();
    let text = "from app.database import SessionLocal\nfrom app.models import Account\nfrom app.repository import \
                load_account\nfrom app.services import withdraw\n\n\ndef job(account_id):\n    with SessionLocal() as \
                db:\n        withdraw(db, account_id, 1)\n        account = load_account(db, account_id)\n        \
                account.credits += 1\n        db.commit()\n";
    for index in 0..40 {
        files.push((Box::leak(format!("jobs/job_{index}.py").into_boxed_str()), text));
    }
    let edited = Edited::new(executed.database(), &files);
    (edited, executed)
}

/// Checks every file, as after every edit.
fn check(edited: &Edited) -> usize {
    let workspace = Workspace::new(root(), Config::default(), &[], &[]);
    let files = edited.db.all_files();
    files.into_iter().map(|file| file_report(&edited.db, file, &workspace, FixDetail::Titles).findings.len()).sum()
}

fn count(executed: &BTreeMap<String, usize>, query: &str) -> usize {
    executed.get(query).copied().unwrap_or_default()
}

fn edit_open(edited: &mut Edited, path: &'static str, from: &str, to: &str) {
    let text = edited.text(path);
    assert!(text.contains(from), "{path} does not hold {from:?}");
    let new = text.replacen(from, to, 1);
    edited.write_open(path, &new);
}

#[test]
fn a_body_edit_checks_one_file() {
    let (mut edited, executed) = start();
    let path = "app/services.py";
    let text = edited.text(path).to_owned();
    edited.write_open(path, &text);
    let before = check(&edited);
    let all = executed.take();
    assert_eq!(count(&all, "check_file"), edited.texts.len(), "{all:?}");

    edit_open(
        &mut edited,
        path,
        "    account = load_account(db, account_id)\n",
        "    account = load_account(db, account_id)\n    note = 1\n",
    );
    assert_eq!(check(&edited), before);
    let again = executed.take();
    assert_eq!(count(&again, "check_file"), 1, "{again:?}");
    assert_eq!(count(&again, "function_findings"), 1, "{again:?}");
    assert_eq!(count(&again, "parsed"), 1, "{again:?}");
    // The callers of the function stay as they are: what it does to them has not changed.
    assert_eq!(count(&again, "unit"), 1, "{again:?}");
}

#[test]
fn moving_functions_checks_one_file_and_evaluates_nothing() {
    let (mut edited, executed) = start();
    let path = "app/services.py";
    let text = edited.text(path).to_owned();
    edited.write_open(path, &text);
    let before = check(&edited);
    executed.take();

    edit_open(&mut edited, path, "def withdraw(", "# A remark that moves all that stands below.\ndef withdraw(");
    assert_eq!(check(&edited), before);
    let again = executed.take();
    assert_eq!(count(&again, "check_file"), 1, "{again:?}");
    assert_eq!(count(&again, "function_findings"), 0, "{again:?}");
    assert_eq!(count(&again, "unit"), 0, "{again:?}");
}

#[test]
fn an_edit_of_an_effect_checks_its_users() {
    let (mut edited, executed) = start();
    let path = "app/repository.py";
    let text = edited.text(path).to_owned();
    edited.write_open(path, &text);
    let before = check(&edited);
    executed.take();

    // The helper now locks: what its forty-odd users do is no longer a race.
    edit_open(
        &mut edited,
        path,
        ".filter(Account.id == account_id).first()",
        ".filter(Account.id == account_id).with_for_update().first()",
    );
    let after = check(&edited);
    assert!(after < before, "{before} findings became {after}");
    let again = executed.take();
    assert!(count(&again, "check_file") > 40, "{again:?}");
    // Files that use nothing of it stay as they are.
    assert!(count(&again, "check_file") < edited.texts.len(), "{again:?}");
}

#[test]
fn a_change_of_another_kind_of_file_checks_that_file() {
    let (mut edited, executed) = start();
    check(&edited);
    executed.take();
    edit_open(&mut edited, "Dockerfile", "hunter2", "hunter3");
    check(&edited);
    let again = executed.take();
    assert_eq!(count(&again, "check_file"), 1, "{again:?}");
}
