//! Arguments of calls: added, replaced, taken out.

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
