//! The edits that fixes are made of, on texts of many styles.

use auditline_hazards::edit::{self, Document, Refresh, RowLock, Scope};
use auditline_source::{TextEdit, apply_edits};
use auditline_syntax::python::ir::{Expr, ExprId};
use auditline_syntax::{Name, TextRange, TextSize};

/// The scope of `def f`.
fn f(document: &Document) -> Scope<'_> {
    document.function(Name::new("f")).expect("the text has a function f")
}

/// The range of the first occurrence of `part` in the function, relative to it.
fn at(scope: Scope<'_>, part: &str) -> TextRange {
    let text = scope.document.text();
    let from = usize::from(scope.start);
    let start = text[from..].find(part).unwrap_or_else(|| panic!("`{part}` is not in the function"));
    TextRange::at(TextSize::new(start as u32), TextSize::of(part))
}

fn call(scope: Scope<'_>, part: &str) -> ExprId {
    let expr = scope.expr_at(at(scope, part)).unwrap_or_else(|| panic!("`{part}` is no expression"));
    assert!(matches!(scope.code[expr], Expr::Call { .. }));
    expr
}

fn applied(document: &Document, edits: Option<Vec<TextEdit>>) -> String {
    match edits {
        Some(edits) => apply_edits(document.text(), &edits).expect("edits that apply"),
        None => "nothing".to_owned(),
    }
}

#[track_caller]
fn check(before: &str, after: &str, edit: impl Fn(Scope<'_>) -> Option<Vec<TextEdit>>) {
    for (name, shape) in [
        ("as written", &(|text: &str| text.to_owned()) as &dyn Fn(&str) -> String),
        ("crlf", &|text: &str| text.replace('\n', "\r\n")),
        ("behind a mark and an emoji", &|text: &str| format!("\u{feff}# 🦀 né\n{text}")),
        ("without a last line end", &|text: &str| text.trim_end_matches('\n').to_owned()),
    ] {
        let document = Document::parse(&shape(before));
        let expected = if after == "nothing" { after.to_owned() } else { shape(after) };
        similar_asserts(&expected, &applied(&document, edit(f(&document))), name);
    }
}

#[track_caller]
fn similar_asserts(expected: &str, actual: &str, name: &str) {
    if expected != actual {
        let diff = similar::TextDiff::from_lines(expected, actual);
        panic!("{name}\n{}", diff.unified_diff().header("expected", "actual"));
    }
}

mod wrap_in_try {
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
}

mod insert_rollback {
    use super::*;

    #[track_caller]
    fn rollback(before: &str, clause: &str, after: &str) {
        check(before, after, |scope| {
            // Given by its first words: the range of the clause is that of the tree.
            let start = at(scope, clause).start();
            let mut range = None;
            auditline_syntax::python::walk_statements(&scope.code.block, &mut |stmt| {
                if let auditline_syntax::python::ir::StmtKind::Try(stmt) = &stmt.kind {
                    range = range.or(stmt.handlers.iter().map(|one| one.range).find(|own| own.start() == start));
                }
            });
            edit::insert_rollback_in_handler(scope, range.expect("a handler"), "db", false)
        });
    }

    #[test]
    fn first_in_the_handler() {
        rollback(
            "def f(db):\n    try:\n        db.commit()\n    except Exception as e:  # any: all\n        # Say so.\n        log(e)\n        raise\n",
            "except",
            "def f(db):\n    try:\n        db.commit()\n    except Exception as e:  # any: all\n        db.rollback()\n        # Say so.\n        log(e)\n        raise\n",
        );
        rollback(
            "def f(db):\n\ttry:\n\t\tdb.commit()\n\texcept (\n\t\tA,  # x: y\n\t\tB[1:2],\n\t):\n\t\treturn {1: 2}\n",
            "except",
            "def f(db):\n\ttry:\n\t\tdb.commit()\n\texcept (\n\t\tA,  # x: y\n\t\tB[1:2],\n\t):\n\t\tdb.rollback()\n\t\treturn {1: 2}\n",
        );
    }

    #[test]
    fn a_handler_on_one_line_or_that_only_passes() {
        rollback(
            "def f(db):\n    try: db.commit()\n    except E: log(); raise\n",
            "except",
            "def f(db):\n    try: db.commit()\n    except E: db.rollback(); log(); raise\n",
        );
        rollback(
            "def f(db):\n    try:\n        db.commit()\n    except E:\n        pass  # fine\n    except: pass\n",
            "except E",
            "def f(db):\n    try:\n        db.commit()\n    except E:\n        db.rollback()  # fine\n    except: pass\n",
        );
        rollback(
            "def f(db):\n    try:\n        db.commit()\n    except E:\n        pass\n    except: pass\n",
            "except:",
            "def f(db):\n    try:\n        db.commit()\n    except E:\n        pass\n    except: db.rollback()\n",
        );
    }
}

mod lock_query {
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
        for join in ["join(Order)", "outerjoin(Order)", "options(joinedload(Item.order))", "join(Order, isouter=True)"]
        {
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
}

mod lock_get {
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
}

mod insert {
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
}

mod refresh_behind_check {
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
}

mod arithmetic {
    use super::*;

    #[track_caller]
    fn atomic(before: &str, after: &str) {
        let text = |line: &str| format!("def f(row, n, a, b):\n    {line}  # note\n");
        let after = if after == "nothing" { after.to_owned() } else { text(after) };
        check(&text(before), &after, |scope| edit::atomic_sql_expression(scope, at(scope, "row.x"), "models.Item"));
    }

    #[test]
    fn of_the_row_s_own_column() {
        atomic("row.x += n", "row.x = models.Item.x + n");
        atomic("row.x-=1", "row.x = models.Item.x - 1");
        atomic("row.x -= a + b", "row.x = models.Item.x - (a + b)");
        atomic("row.x -= (a + b)", "row.x = models.Item.x - (a + b)");
        atomic("row.x -= (a) + (b)", "row.x = models.Item.x - ((a) + (b))");
        atomic("row.x *= a if b else n", "row.x = models.Item.x * (a if b else n)");
        atomic("row.x += len(a)", "row.x = models.Item.x + len(a)");
        atomic("row.x = row.x + n", "row.x = models.Item.x + n");
        atomic("row.x = n * (row.x - a)", "row.x = n * (models.Item.x - a)");
    }

    #[test]
    fn only_where_both_sides_mean_the_same() {
        atomic("row.x //= 2", "nothing");
        atomic("row.x += row.x // 2", "nothing");
        atomic("row.x = row.x / 2", "nothing");
        atomic("row.x = max(row.x - 1, 0)", "nothing");
        atomic("row.x = row.x + max(row.x, 1)", "nothing");
        atomic("row.x = (row.x or 0) + 1", "nothing");
        atomic("row.x = row.x", "nothing");
        atomic("row.x = n", "nothing");
        atomic("row.x[0] += 1", "nothing");
        atomic("row.x = a = row.x + 1", "nothing");
    }
}

mod arguments {
    use super::*;

    #[track_caller]
    fn remove(before: &str, after: &str) {
        let text = |call: &str| format!("def f(a):\n    x = {call}\n");
        check(&text(before), &text(after), |scope| {
            let call_text = scope.source(value(scope));
            edit::remove_keyword(scope, call(scope, call_text), "bad")
        });
    }

    /// The value of the only assignment.
    fn value(scope: Scope<'_>) -> ExprId {
        match &scope.code.block[0].kind {
            auditline_syntax::python::ir::StmtKind::Assign { value, .. } => *value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn removed_from_one_line() {
        remove("Item(bad=1)", "Item()");
        remove("Item(bad=1,)", "Item()");
        remove("Item(bad=1, b=2)", "Item(b=2)");
        remove("Item(a, bad=1, b=2)", "Item(a, b=2)");
        remove("Item(a=1, bad=g(1, [2, 3]))", "Item(a=1)");
        remove("Item(a=1, bad=2,)", "Item(a=1,)");
        remove("Item(a=1, bad=2, **rest)", "Item(a=1, **rest)");
        remove("(Item)(a=',', bad=',')", "(Item)(a=',')");
    }

    #[test]
    fn removed_with_its_lines() {
        remove(
            "Item(\n        a=1,  # one\n        bad=2,  # two\n        c=3,\n    )",
            "Item(\n        a=1,  # one\n        c=3,\n    )",
        );
        remove("Item(\n        a=1,\n        bad=g(\n            2,\n        )\n    )", "Item(\n        a=1,\n    )");
        remove("Item(\n        bad=1,\n    )", "Item()");
        remove("Item(\n        # why\n        bad=1,\n    )", "Item(\n        # why\n    )");
        remove("Item(\n        a=1, bad=2,\n        c=3,\n    )", "Item(\n        a=1,\n        c=3,\n    )");
        remove("Item(bad=1,\n             c=3)", "Item(c=3)");
        remove("Item(a=1,\n             bad=3)", "Item(a=1)");
    }

    #[test]
    fn renamed() {
        check("def f(a):\n    x = Item(bad = 1, c=2)\n", "def f(a):\n    x = Item(good = 1, c=2)\n", |scope| {
            edit::rename_keyword(scope, value(scope), "bad", "good")
        });
        check("def f(a):\n    x = Item(bad=1, good=2)\n", "nothing", |scope| {
            edit::rename_keyword(scope, value(scope), "bad", "good")
        });
    }

    #[test]
    fn added() {
        let add = |before: &str, after: &str| {
            let text = |call: &str| format!("def f(a):\n    x = {call}\n");
            let after = if after == "nothing" { after.to_owned() } else { text(after) };
            check(&text(before), &after, |scope| edit::add_keyword(scope, value(scope), "k", "1"));
        };
        add("g()", "g(k=1)");
        add("g(\n    )", "g(\n    k=1)");
        add("g(a)", "g(a, k=1)");
        add("g(a,)", "g(a, k=1,)");
        add("g(a, *b, **c)", "g(a, *b, **c, k=1)");
        add("g(\n        a\n    )", "g(\n        a, k=1\n    )");
        add("g(\n        a,\n    )", "g(\n        a,\n        k=1,\n    )");
        add("g(x for x in a)", "nothing");
        add("g((x for x in a))", "g((x for x in a), k=1)");
        add("g(a, k=0)", "g(a, k=1)");
    }
}

mod imports {
    use super::*;

    #[track_caller]
    fn import(before: &str, name: &str, after: &str) {
        for crlf in [false, true] {
            let shape = |text: &str| if crlf { text.replace('\n', "\r\n") } else { text.to_owned() };
            let document = Document::parse(&shape(before));
            let found = edit::add_import(&document, "sqlalchemy", "update");
            match found {
                Some(import) => {
                    assert_eq!(import.name, name);
                    let new = apply_edits(document.text(), &import.edits).expect("edits that apply");
                    similar_asserts(&shape(after), &new, "");
                }
                None => assert_eq!(after, "nothing"),
            }
        }
    }

    #[test]
    fn one_that_is_there_is_used() {
        import("from sqlalchemy import update\n", "update", "from sqlalchemy import update\n");
        import(
            "from sqlalchemy import update as sa_update\n",
            "sa_update",
            "from sqlalchemy import update as sa_update\n",
        );
        import("from sqlalchemy import *\n", "update", "from sqlalchemy import *\n");
    }

    #[test]
    fn merged_into_an_import_of_the_module() {
        import("from sqlalchemy import select\n", "update", "from sqlalchemy import select, update\n");
        import("from sqlalchemy import and_, values\n", "update", "from sqlalchemy import and_, update, values\n");
        import("from sqlalchemy import z, a\n", "update", "from sqlalchemy import z, a, update\n");
        import(
            "from sqlalchemy import select as s  # x\n",
            "update",
            "from sqlalchemy import select as s, update  # x\n",
        );
        import("from sqlalchemy import (select)\n", "update", "from sqlalchemy import (select, update)\n");
        import(
            "from sqlalchemy import (\n    Text,\n    select,  # one\n)\n",
            "update",
            "from sqlalchemy import (\n    Text,\n    select,  # one\n    update,\n)\n",
        );
        import(
            "from sqlalchemy import (\n    select\n)\n",
            "update",
            "from sqlalchemy import (\n    select,\n    update\n)\n",
        );
        import(
            "from sqlalchemy import (\n    select,\n    values,\n)\n",
            "update",
            "from sqlalchemy import (\n    select,\n    update,\n    values,\n)\n",
        );
    }

    #[test]
    fn inserted_behind_the_last_import_of_the_head() {
        import(
            "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nimport os\n\nif TYPE_CHECKING:\n    from sqlalchemy import select\n\nx = 1\nimport late\n",
            "update",
            "\"\"\"Doc.\"\"\"\nfrom __future__ import annotations\n\nimport os\nfrom sqlalchemy import update\n\nif TYPE_CHECKING:\n    from sqlalchemy import select\n\nx = 1\nimport late\n",
        );
        import("import a\nimport os  # here", "update", "import a\nimport os  # here\nfrom sqlalchemy import update");
        import("\"\"\"Doc.\"\"\"\n\nx = 1\n", "update", "\"\"\"Doc.\"\"\"\n\nfrom sqlalchemy import update\n\nx = 1\n");
        import(
            "#!/usr/bin/env python\n# x\n\nx = 1\n",
            "update",
            "#!/usr/bin/env python\n# x\n\nfrom sqlalchemy import update\n\nx = 1\n",
        );
        import("x = 1\n", "update", "from sqlalchemy import update\nx = 1\n");
        import("\u{feff}x = 1\n", "update", "\u{feff}from sqlalchemy import update\nx = 1\n");
    }

    #[test]
    fn a_name_that_means_something_else_is_refused() {
        import("def g(): pass\nupdate = 1\n", "", "nothing");
        import("from other import update\n", "", "nothing");
        import("import update.x\n", "", "nothing");
        import("try:\n    from other import update\nexcept E:\n    pass\n", "", "nothing");
        import("def update(): pass\n", "", "nothing");
        import("class update: pass\n", "", "nothing");
    }
}

mod generators {
    use super::*;

    #[track_caller]
    fn finish(before: &str, after: &str) {
        check(before, after, |scope| {
            edit::yield_to_try_finally(scope, scope.function.is_some_and(|function| function.is_async))
        });
    }

    #[test]
    fn a_bare_yield() {
        finish(
            "def f():\n    db = SessionLocal()\n    yield db\n",
            "def f():\n    db = SessionLocal()\n    try:\n        yield db\n    finally:\n        db.close()\n",
        );
        finish(
            "async def f():\n    \"\"\"Doc.\"\"\"\n    db: AsyncSession = SessionLocal()\n    # Who asks.\n    await db.execute(x)\n    yield db\n    await db.commit()\n",
            "async def f():\n    \"\"\"Doc.\"\"\"\n    db: AsyncSession = SessionLocal()\n    # Who asks.\n    try:\n        await db.execute(x)\n        yield db\n        await db.commit()\n    finally:\n        await db.close()\n",
        );
        finish(
            "def f():\n    yield SessionLocal()\n",
            "def f():\n    db = SessionLocal()\n    try:\n        yield db\n    finally:\n        db.close()\n",
        );
    }

    #[test]
    fn a_close_that_an_error_passes_by() {
        finish(
            "def f():\n    db = SessionLocal()\n    yield db\n    # Always.\n    db.close()  # end\n",
            "def f():\n    db = SessionLocal()\n    try:\n        yield db\n    # Always.\n    finally:\n        db.close()  # end\n",
        );
        finish(
            "async def f():\n    db = SessionLocal()\n    yield db\n    await db.commit()\n    await db.close()\n",
            "async def f():\n    db = SessionLocal()\n    try:\n        yield db\n        await db.commit()\n    finally:\n        await db.close()\n",
        );
    }

    #[test]
    fn a_try_that_lacks_its_finally() {
        finish(
            "async def f():\n    db = SessionLocal()\n    try:\n        yield db\n        await db.commit()\n    except Exception:\n        await db.rollback()\n        raise\n",
            "async def f():\n    db = SessionLocal()\n    try:\n        yield db\n        await db.commit()\n    except Exception:\n        await db.rollback()\n        raise\n    finally:\n        await db.close()\n",
        );
        finish(
            "def f():\n    db = SessionLocal()\n    try:\n        yield db\n    finally:\n        log()  # it\n",
            "def f():\n    db = SessionLocal()\n    try:\n        yield db\n    finally:\n        log()  # it\n        db.close()\n",
        );
    }

    #[test]
    fn two_yields_are_refused() {
        finish("def f():\n    db = S()\n    if db:\n        yield db\n    yield db\n", "nothing");
    }

    #[test]
    fn a_returned_session_becomes_a_yielded_one() {
        check(
            "import os\n\n\ndef f() -> Session:\n    return SessionLocal()\n",
            "import os\nfrom collections.abc import Iterator\n\n\ndef f() -> Iterator[Session]:\n    db = SessionLocal()\n    try:\n        yield db\n    finally:\n        db.close()\n",
            |scope| edit::return_to_yield(scope, false),
        );
        check(
            "def f():\n    session = SessionLocal()\n    return session\n",
            "def f():\n    session = SessionLocal()\n    try:\n        yield session\n    finally:\n        session.close()\n",
            |scope| edit::return_to_yield(scope, false),
        );
        check("def f(x):\n    if x:\n        return SessionLocal()\n", "nothing", |scope| {
            edit::return_to_yield(scope, false)
        });
    }
}

mod accessors {
    use super::*;

    #[test]
    fn a_body_is_replaced_behind_its_docstring() {
        check(
            "def f():\n    \"\"\"Doc.\"\"\"\n    global s\n    if s is None:\n        s = S()\n    return s\n\n\nx = 1\n",
            "def f():\n    \"\"\"Doc.\"\"\"\n    return S()\n\n\nx = 1\n",
            |scope| edit::return_fresh(scope, Name::new("s")),
        );
    }

    #[test]
    fn a_decorator_goes_with_its_line() {
        check(
            "@a\n@lru_cache(maxsize=None)  # once\n@b\ndef f():\n    return S()\n",
            "@a\n@b\ndef f():\n    return S()\n",
            |scope| edit::remove_decorator(scope, at(scope, "lru_cache(maxsize=None)")),
        );
    }
}

mod moving {
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
}
