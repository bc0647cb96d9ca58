//! `rollback()` as the first statement of a handler.

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
