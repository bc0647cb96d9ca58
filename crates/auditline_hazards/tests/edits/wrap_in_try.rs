//! Statements that are wrapped in `try`.

use super::*;

#[track_caller]
fn wrap(before: &str, first: &str, last: &str, after: &str) {
    check(before, after, |scope| edit::wrap_in_try(scope, at(scope, first), at(scope, last), "db", false));
}

#[test]
fn a_run_of_statements_with_comments_and_blank_lines() {
    wrap(
        "def f(db, item):\n    # Take it.\n    item.stock -= 1  # one\n\n    # Note it.\n    db.add(Note(item))\n\n    db.commit()  # done\n    return item\n",
        "item.stock",
        "db.commit()",
        "def f(db, item):\n    # Take it.\n    try:\n        item.stock -= 1  # one\n\n        # Note it.\n        db.add(Note(item))\n\n        db.commit()  # done\n    except Exception:\n        db.rollback()\n        raise\n    return item\n",
    );
}

#[test]
fn an_async_session_is_awaited() {
    check(
        "async def f(self):\n  self.db.add(1)\n  await self.db.commit()\n",
        "async def f(self):\n  try:\n    self.db.add(1)\n    await self.db.commit()\n  except Exception:\n    await self.db.rollback()\n    raise\n",
        |scope| edit::wrap_in_try(scope, at(scope, "self.db.add"), at(scope, "await"), "self.db", true),
    );
}

#[test]
fn tabs_stay_tabs_and_the_step_is_that_of_the_block() {
    wrap(
        "class A:\n\tx = 1\ndef f(db):\n\tif db:\n\t\tdb.add(g(\n\t\t\t1,\n\t\t    2,\n\t\t))\n\t\tdb.commit()\n",
        "db.add",
        "db.commit()",
        "class A:\n\tx = 1\ndef f(db):\n\tif db:\n\t\ttry:\n\t\t\tdb.add(g(\n\t\t\t\t1,\n\t\t\t    2,\n\t\t\t))\n\t\t\tdb.commit()\n\t\texcept Exception:\n\t\t\tdb.rollback()\n\t\t\traise\n",
    );
}

#[test]
fn the_inside_of_strings_is_left_alone() {
    wrap(
        "def f(db):\n    db.execute(text(\"\"\"\n        UPDATE x\n    SET y = 1\n    \"\"\"), {\n        'a': f'''\n{db}\n  ''',\n    })\n    db.commit()\n",
        "db.execute",
        "db.commit()",
        "def f(db):\n    try:\n        db.execute(text(\"\"\"\n        UPDATE x\n    SET y = 1\n    \"\"\"), {\n            'a': f'''\n{db}\n  ''',\n        })\n        db.commit()\n    except Exception:\n        db.rollback()\n        raise\n",
    );
}

#[test]
fn joined_lines_and_backslashes() {
    wrap(
        "def f(db):\n    x = 'a\\\n    b'\n    y = 1 + \\\n        2\n    db.add(x); db.commit(); return\n",
        "x = ",
        "db.commit()",
        "def f(db):\n    try:\n        x = 'a\\\n    b'\n        y = 1 + \\\n            2\n        db.add(x); db.commit(); return\n    except Exception:\n        db.rollback()\n        raise\n",
    );
    wrap(
        "def f(db):\n    a = 1; db.add(a)\n    db.commit();  # end\n",
        "db.add",
        "db.commit()",
        "def f(db):\n    try:\n        a = 1; db.add(a)\n        db.commit();  # end\n    except Exception:\n        db.rollback()\n        raise\n",
    );
}

#[test]
fn a_block_on_the_line_of_its_header_gets_lines_of_its_own() {
    wrap(
        "def f(db):\n    if db: db.add(1); db.commit()  # why\n    return 1\n",
        "db.commit()",
        "db.commit()",
        "def f(db):\n    if db:\n        try:\n            db.add(1); db.commit()  # why\n        except Exception:\n            db.rollback()\n            raise\n    return 1\n",
    );
    wrap(
        "def f(db):\n    for x in db:\n        y = x\n    else: db.commit()\n",
        "db.commit()",
        "db.commit()",
        "def f(db):\n    for x in db:\n        y = x\n    else:\n        try:\n            db.commit()\n        except Exception:\n            db.rollback()\n            raise\n",
    );
    wrap(
        "def f(db): db.commit()\n",
        "db.commit()",
        "db.commit()",
        "def f(db):\n    try:\n        db.commit()\n    except Exception:\n        db.rollback()\n        raise\n",
    );
}

#[test]
fn statements_in_different_blocks_are_wrapped_where_both_stand() {
    wrap(
        "def f(db, x):\n    if x:\n        db.add(x)\n        # deep\n    elif db:\n        db.add(db)\n        # deeper\n\n    # shallow\n    db.commit()\n    # behind\n",
        "db.add(db)",
        "db.commit()",
        "def f(db, x):\n    try:\n        if x:\n            db.add(x)\n            # deep\n        elif db:\n            db.add(db)\n            # deeper\n\n        # shallow\n        db.commit()\n    except Exception:\n        db.rollback()\n        raise\n    # behind\n",
    );
    wrap(
        "def f(db, x):\n    if x:\n        pass\n    elif db:\n        db.add(x)\n        db.commit()\n        # own\n    return 1\n",
        "db.add(x)",
        "db.commit()",
        "def f(db, x):\n    if x:\n        pass\n    elif db:\n        try:\n            db.add(x)\n            db.commit()\n        except Exception:\n            db.rollback()\n            raise\n        # own\n    return 1\n",
    );
}

#[test]
fn comments_behind_an_inner_block_go_with_it() {
    wrap(
        "def f(db):\n    db.add(1)\n    if db:\n        db.commit()\n        # last word\n\n    # next\n    return 1\n",
        "db.add",
        "db.commit()",
        "def f(db):\n    try:\n        db.add(1)\n        if db:\n            db.commit()\n            # last word\n    except Exception:\n        db.rollback()\n        raise\n\n    # next\n    return 1\n",
    );
}

#[test]
fn commented_out_code_at_the_margin_stays_there() {
    wrap(
        "def f(db):\n    db.add(1)\n#   db.add(2)\n    db.commit()\n",
        "db.add",
        "db.commit()",
        "def f(db):\n    try:\n        db.add(1)\n#   db.add(2)\n        db.commit()\n    except Exception:\n        db.rollback()\n        raise\n",
    );
}

#[test]
fn ranges_that_are_no_statements_are_refused() {
    let document = Document::parse("def f(db):\n    db.commit()\n");
    let outside = TextRange::new(200.into(), 210.into());
    assert_eq!(edit::wrap_in_try(f(&document), outside, outside, "db", false), None);
}

#[test]
fn broken_code_above_does_not_matter() {
    let before = "x = (\ndef g(:\n\n\ndef f(db):\n    db.add(1)\n    db.commit()\n";
    let document = Document::parse(before);
    let Some(scope) = document.function(Name::new("f")) else { return };
    let edits = edit::wrap_in_try(scope, at(scope, "db.add"), at(scope, "db.commit()"), "db", false);
    let after = applied(&document, edits);
    assert!(after.ends_with("    try:\n        db.add(1)\n        db.commit()\n    except Exception:\n        db.rollback()\n        raise\n"), "{after}");
}
