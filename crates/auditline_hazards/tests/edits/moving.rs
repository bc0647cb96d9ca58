//! Statements that are moved.

use super::*;

/// Moves the first `remove(…)` behind the commit, and keeps what is read as `u.path`.
#[track_caller]
fn moved(before: &str, after: &str) {
    check(before, after, |scope| {
        let text = scope.document.text();
        let from = usize::from(scope.start);
        let part = |start: usize, part: &str| TextRange::at(TextSize::new(start as u32), TextSize::of(part));
        let kept: Vec<TextRange> =
            text[from..].match_indices("u.path").map(|(start, read)| part(start, read)).collect();
        edit::move_reading_behind(scope, at(scope, "remove("), at(scope, "db.commit()"), &kept)
    });
}

#[test]
fn what_is_read_is_kept_where_the_statement_stood() {
    moved(
        "def f(db, u):\n    # Away.\n    remove(u.path)\n    db.delete(u)\n    db.commit()\n    return 1\n",
        "def f(db, u):\n    # Away.\n    path = u.path\n    db.delete(u)\n    db.commit()\n    remove(path)\n    return 1\n",
    );
    moved(
        "def f(db, u, path):\n    remove(join(path, u.path))\n    db.commit()\n",
        "def f(db, u, path):\n    u_path = u.path\n    db.commit()\n    remove(join(path, u_path))\n",
    );
}

#[test]
fn a_test_and_a_guard_around_it_move_too() {
    moved(
        "def f(db, u):\n    if exists(u.path):\n        remove(u.path)\n    db.delete(u)\n    db.commit()\n",
        "def f(db, u):\n    path = u.path\n    db.delete(u)\n    db.commit()\n    if exists(path):\n        remove(path)\n",
    );
    moved(
        "def f(db, u):\n    try:\n        remove(u.path)\n    except FileNotFoundError:\n        pass\n    db.commit()\n",
        "def f(db, u):\n    path = u.path\n    db.commit()\n    try:\n        remove(path)\n    except FileNotFoundError:\n        pass\n",
    );
    // What else the guard holds is not to be moved.
    moved("def f(db, u):\n    if u.path:\n        remove(u.path)\n        log(u)\n    db.commit()\n", "nothing");
    moved("def f(db, us):\n    for u in us:\n        remove(u.path)\n    db.commit()\n", "nothing");
}

#[test]
fn nothing_is_moved_that_would_read_something_else() {
    moved("def f(db, u):\n    remove(u.path, u)\n    db.commit()\n", "nothing");
    moved("def f(db, path):\n    remove(path)\n    path = 1\n    db.commit()\n", "nothing");
    moved("def f(db, u, path, u_path):\n    remove(u.path)\n    db.commit()\n", "nothing");
    moved("def f(db, u):\n    remove(u.path)\n    if u:\n        return\n    db.commit()\n", "nothing");
    moved("def f(db, u):\n    db.commit()\n    remove(u.path)\n", "nothing");
}
