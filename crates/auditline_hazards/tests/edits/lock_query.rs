//! Locks on queries and statements.

use super::*;

const MODEL: RowLock<'static> = RowLock { model: Some("Item"), joins: false, populate: false };

#[track_caller]
fn lock_with(before: &str, statement: &str, lock: RowLock<'_>, after: &str) {
    check(before, after, |scope| edit::lock_query(scope, at(scope, &fit(scope, statement)), lock));
}

#[track_caller]
fn lock(before: &str, statement: &str, after: &str) {
    lock_with(before, statement, MODEL, after);
}

/// The statement with the line ends of the document.
fn fit(scope: Scope<'_>, statement: &str) -> String {
    if scope.document.text().contains("\r\n") { statement.replace('\n', "\r\n") } else { statement.to_owned() }
}

#[test]
fn in_a_chain_on_one_line() {
    lock(
        "def f(db, id):\n    item = db.query(Item).filter(Item.id == id).first()\n",
        "db.query(Item).filter(Item.id == id)",
        "def f(db, id):\n    item = db.query(Item).filter(Item.id == id).with_for_update().first()\n",
    );
}

#[test]
fn in_a_chain_on_lines_of_its_own() {
    lock(
        "def f(db, id):\n    item = (\n        db.query(Item)\n        .filter(Item.id == id)  # this one\n        .first()\n    )\n",
        "db.query(Item)\n        .filter(Item.id == id)",
        "def f(db, id):\n    item = (\n        db.query(Item)\n        .filter(Item.id == id)  # this one\n        .with_for_update()\n        .first()\n    )\n",
    );
    lock(
        "def f(db, id):\n    item = db.query(Item) \\\n             .filter(Item.id == id) \\\n             .first()\n",
        "db.query(Item) \\\n             .filter(Item.id == id)",
        "def f(db, id):\n    item = db.query(Item) \\\n             .filter(Item.id == id) \\\n             .with_for_update() \\\n             .first()\n",
    );
    lock(
        "def f(db, id):\n    item = (\n        db.query(Item)\n\n        # one\n        .first()\n    )\n",
        "db.query(Item)",
        "def f(db, id):\n    item = (\n        db.query(Item)\n        .with_for_update()\n\n        # one\n        .first()\n    )\n",
    );
}

#[test]
fn behind_a_select() {
    lock(
        "async def f(db, id):\n    r = await db.execute(select(Item).where(Item.id == id))\n",
        "select(Item).where(Item.id == id)",
        "async def f(db, id):\n    r = await db.execute(select(Item).where(Item.id == id).with_for_update())\n",
    );
    lock(
        "async def f(db, id):\n    r = await db.execute(\n        select(Item)\n        .where(Item.id == id)\n        .options(x),\n    )\n",
        "select(Item)\n        .where(Item.id == id)\n        .options(x)",
        "async def f(db, id):\n    r = await db.execute(\n        select(Item)\n        .where(Item.id == id)\n        .options(x)\n        .with_for_update(),\n    )\n",
    );
    lock(
        "async def f(db, id):\n    r = await db.execute(\n        select(Item)\n        .where(Item.id == id)\n    )\n",
        "select(Item)\n        .where(Item.id == id)",
        "async def f(db, id):\n    r = await db.execute(\n        select(Item)\n        .where(Item.id == id)\n        .with_for_update()\n    )\n",
    );
    lock(
        "def f(db, id):\n    r = db.scalar(select(Item).where(\n        Item.id == id,\n    ))\n",
        "select(Item).where(\n        Item.id == id,\n    )",
        "def f(db, id):\n    r = db.scalar(select(Item).where(\n        Item.id == id,\n    ).with_for_update())\n",
    );
}

#[test]
fn behind_the_name_of_a_statement() {
    lock(
        "def f(db, id):\n    stmt = select(Item)\n    stmt = stmt.where(Item.id == id)\n    r = db.execute(stmt).scalar_one()\n",
        "stmt).scalar_one()",
        "nothing",
    );
    check(
        "def f(db, id):\n    stmt = select(Item)\n    stmt = stmt.where(Item.id == id)\n    r = db.execute(stmt).scalar_one()\n",
        "def f(db, id):\n    stmt = select(Item)\n    stmt = stmt.where(Item.id == id)\n    r = db.execute(stmt.with_for_update()).scalar_one()\n",
        |scope| {
            let start = at(scope, "stmt).scalar_one").start();
            edit::lock_query(scope, TextRange::at(start, TextSize::of("stmt")), MODEL)
        },
    );
}

#[test]
fn with_joins_only_the_rows_of_the_model() {
    for join in ["join(Order)", "outerjoin(Order)", "options(joinedload(Item.order))", "join(Order, isouter=True)"] {
        lock(
            &format!("def f(db):\n    x = db.query(Item).{join}.first()\n"),
            &format!("db.query(Item).{join}"),
            &format!("def f(db):\n    x = db.query(Item).{join}.with_for_update(of=Item).first()\n"),
        );
    }
    lock_with(
        "def f(db):\n    x = db.query(Item).join(Order).first()\n",
        "db.query(Item).join(Order)",
        RowLock::default(),
        "nothing",
    );
    lock_with(
        "def f(db):\n    x = db.query(Item).first()\n",
        "db.query(Item)",
        RowLock { joins: true, ..MODEL },
        "def f(db):\n    x = db.query(Item).with_for_update(of=Item).first()\n",
    );
    check(
        "def f(db):\n    s = select(Item).join(Order)\n    x = db.scalars(s)\n",
        "def f(db):\n    s = select(Item).join(Order)\n    x = db.scalars(s.with_for_update(of=Item))\n",
        |scope| {
            let start = at(scope, "s)\n".trim_end()).start();
            edit::lock_query(scope, TextRange::at(start, 1.into()), MODEL)
        },
    );
}

#[test]
fn what_cannot_be_locked_is_refused() {
    for link in ["distinct()", "group_by(Item.x)", "union(other)", "with_for_update()"] {
        lock(
            &format!("def f(db):\n    x = db.query(Item).{link}.first()\n"),
            &format!("db.query(Item).{link}"),
            "nothing",
        );
    }
    lock("def f(db, a, b):\n    x = db.scalar(a if b else b)\n", "a if b else b", "nothing");
}

#[test]
fn other_statements_of_the_function_do_not_speak_for_this_one() {
    lock(
        "def f(db):\n    o = db.query(Order).join(X).with_for_update().first()\n    i = db.query(Item).filter(Item.id == o.item_id).first()\n",
        "db.query(Item).filter(Item.id == o.item_id)",
        "def f(db):\n    o = db.query(Order).join(X).with_for_update().first()\n    i = db.query(Item).filter(Item.id == o.item_id).with_for_update().first()\n",
    );
}

#[test]
fn rows_that_the_session_may_hold_are_populated_anew() {
    lock_with(
        "def f(db):\n    i = (\n        db.query(Item)\n        .filter(x)\n        .first()\n    )\n",
        "db.query(Item)\n        .filter(x)",
        RowLock { populate: true, ..MODEL },
        "def f(db):\n    i = (\n        db.query(Item)\n        .filter(x)\n        .execution_options(populate_existing=True)\n        .with_for_update()\n        .first()\n    )\n",
    );
}
