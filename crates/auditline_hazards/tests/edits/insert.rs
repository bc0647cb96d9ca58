//! Statements that are inserted.

use super::*;

#[track_caller]
fn refresh(before: &str, statement: &str, after: &str) {
    check(before, after, |scope| {
        edit::insert_before(scope, at(scope, statement), "await db.refresh(item, with_for_update=True)")
    });
}

#[test]
fn at_the_indentation_of_the_statement() {
    refresh(
        "async def f(db, item):\n    if db:\n        # Take it.\n        item.stock -= (\n            1\n        )\n",
        "stock",
        "async def f(db, item):\n    if db:\n        # Take it.\n        await db.refresh(item, with_for_update=True)\n        item.stock -= (\n            1\n        )\n",
    );
}

#[test]
fn before_the_if_of_an_elif_and_on_the_line_of_a_header() {
    refresh(
        "async def f(db, item):\n    if db: pass\n    elif item.stock: pass\n",
        "item.stock",
        "async def f(db, item):\n    await db.refresh(item, with_for_update=True)\n    if db: pass\n    elif item.stock: pass\n",
    );
    refresh(
        "async def f(db, item):\n    if db: x = 1; item.stock -= 1\n",
        "item.stock",
        "async def f(db, item):\n    if db: x = 1; await db.refresh(item, with_for_update=True); item.stock -= 1\n",
    );
}
