//! Generators that hand out a session.

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
