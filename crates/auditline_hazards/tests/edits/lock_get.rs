//! Locks on `session.get(…)`.

use super::*;

#[track_caller]
fn lock(before: &str, get: &str, after: &str) {
    check(before, after, |scope| {
        let get = if scope.document.text().contains("\r\n") { get.replace('\n', "\r\n") } else { get.to_owned() };
        edit::lock_get(scope, at(scope, &get), RowLock { model: Some("Item"), ..RowLock::default() })
    });
}

#[test]
fn arguments_on_one_line_and_on_several() {
    lock(
        "async def f(db, id):\n    x = await db.get(Item, id)\n",
        "await db.get(Item, id)",
        "async def f(db, id):\n    x = await db.get(Item, id, with_for_update=True)\n",
    );
    lock(
        "def f(db, id):\n    x = db.get(\n        Item,\n        id,  # the key\n    )\n",
        "db.get(\n        Item,\n        id,  # the key\n    )",
        "def f(db, id):\n    x = db.get(\n        Item,\n        id,  # the key\n        with_for_update=True,\n    )\n",
    );
    lock(
        "def f(db, id):\n    x = db.get(\n        Item,\n        id  # the key\n    )\n",
        "db.get(\n        Item,\n        id  # the key\n    )",
        "def f(db, id):\n    x = db.get(\n        Item,\n        id,  # the key\n        with_for_update=True\n    )\n",
    );
    lock(
        "def f(db, id):\n    x = db.get(Item, id, with_for_update=False)\n",
        "db.get(Item, id, with_for_update=False)",
        "def f(db, id):\n    x = db.get(Item, id, with_for_update=True)\n",
    );
    lock(
        "def f(db, id):\n    x = db.get(Item, id, options=[joinedload(Item.a)])\n",
        "db.get(Item, id, options=[joinedload(Item.a)])",
        "def f(db, id):\n    x = db.get(Item, id, options=[joinedload(Item.a)], with_for_update={\"of\": Item})\n",
    );
}

#[test]
fn with_populate_existing() {
    let populate = RowLock { populate: true, ..RowLock::default() };
    check(
        "def f(db, id):\n    x = db.get(Item, id)\n",
        "def f(db, id):\n    x = db.get(Item, id, with_for_update=True, populate_existing=True)\n",
        |scope| edit::lock_get(scope, at(scope, "db.get(Item, id)"), populate),
    );
    check(
        "def f(db, id):\n    x = db.get(\n        Item,\n        id,\n    )\n",
        "def f(db, id):\n    x = db.get(\n        Item,\n        id,\n        with_for_update=True,\n        populate_existing=True,\n    )\n",
        |scope| {
            let nl = if scope.document.text().contains("\r\n") { "\r\n" } else { "\n" };
            edit::lock_get(scope, at(scope, &format!("db.get({nl}        Item,{nl}        id,{nl}    )")), populate)
        },
    );
}
