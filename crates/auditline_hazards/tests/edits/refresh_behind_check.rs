//! A row that is loaded again with a lock, behind the check that it exists.

use super::*;

#[track_caller]
fn refresh(before: &str, after: &str) {
    let refresh = Refresh { session: "db", is_async: false, lock: RowLock::default() };
    check(before, after, |scope| edit::refresh_behind_check(scope, at(scope, "item = "), refresh));
}

#[test]
fn only_where_the_row_is_there() {
    refresh(
        "def f(db):\n    item = find(db)\n    # Either.\n    if not item or item.stock < 1:\n        return\n    item.stock -= 1\n",
        "def f(db):\n    item = find(db)\n    if item is not None:\n        db.refresh(item, with_for_update=True)\n    # Either.\n    if not item or item.stock < 1:\n        return\n    item.stock -= 1\n",
    );
    refresh(
        "def f(db):\n    item = find(db)\n    if item:\n        item.stock -= 1\n",
        "def f(db):\n    item = find(db)\n    if item is not None:\n        db.refresh(item, with_for_update=True)\n    if item:\n        item.stock -= 1\n",
    );
    refresh("def f(db):\n    item = find(db); x = item and 1\n", "nothing");
}

#[test]
fn with_a_model_that_joins() {
    let lock = RowLock { model: Some("Item"), joins: true, populate: false };
    let refresh = Refresh { session: "db", is_async: true, lock };
    check(
        "async def f(db):\n    item = find(db)\n    item.stock -= 1\n",
        "async def f(db):\n    item = find(db)\n    await db.refresh(item, with_for_update={\"of\": Item})\n    item.stock -= 1\n",
        |scope| edit::refresh_behind_check(scope, at(scope, "item = "), refresh),
    );
}

#[test]
fn before_the_first_use_of_a_row_that_was_handed_in() {
    let refresh = Refresh { session: "db", is_async: false, lock: RowLock::default() };
    check(
        "def f(db, item):\n    log(1)\n    if db:\n        item.seen = 1\n    else:\n        item.stock -= 1\n    db.commit()\n",
        "def f(db, item):\n    log(1)\n    db.refresh(item, with_for_update=True)\n    if db:\n        item.seen = 1\n    else:\n        item.stock -= 1\n    db.commit()\n",
        |scope| {
            let uses = (at(scope, "item.seen"), at(scope, "item.stock"));
            edit::refresh_before(scope, uses, Name::new("item"), refresh)
        },
    );
    check("def f(db, item):\n    if item and item.stock: pass\n", "nothing", |scope| {
        let uses = (at(scope, "item.stock"), at(scope, "item.stock"));
        edit::refresh_before(scope, uses, Name::new("item"), refresh)
    });
}

#[test]
fn behind_the_load_or_the_check_that_follows() {
    refresh(
        "def f(db):\n    item = find(db)  # it\n    item.stock -= 1\n",
        "def f(db):\n    item = find(db)  # it\n    db.refresh(item, with_for_update=True)\n    item.stock -= 1\n",
    );
    refresh(
        "def f(db):\n    item = find(db)\n    if not item:\n        raise E\n        # never\n    item.stock -= 1\n",
        "def f(db):\n    item = find(db)\n    if not item:\n        raise E\n        # never\n    db.refresh(item, with_for_update=True)\n    item.stock -= 1\n",
    );
}

#[test]
fn before_a_check_that_reads_a_column() {
    refresh(
        "def f(db):\n    item = find(db)\n    if item is None: return\n    if item.stock < 1:\n        raise E\n    item.stock -= 1\n",
        "def f(db):\n    item = find(db)\n    if item is None: return\n    db.refresh(item, with_for_update=True)\n    if item.stock < 1:\n        raise E\n    item.stock -= 1\n",
    );
}

#[test]
fn on_a_line_that_is_shared() {
    refresh(
        "def f(db):\n    item = find(db); item.stock -= 1\n",
        "def f(db):\n    item = find(db); db.refresh(item, with_for_update=True); item.stock -= 1\n",
    );
}

#[test]
fn an_async_def_that_awaits_nothing_becomes_a_plain_one() {
    check(
        "@router.post('/')\nasync  def f(db):\n    x = db.query(Item).first()\n",
        "@router.post('/')\ndef f(db):\n    x = db.query(Item).with_for_update().first()\n",
        |scope| {
            edit::make_plain_def(scope, |scope| {
                edit::lock_query(scope, at(scope, "db.query(Item)"), RowLock::default())
            })
        },
    );
}
