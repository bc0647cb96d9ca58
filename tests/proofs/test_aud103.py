"""AUD103: a callee commits what its caller has not finished, and the caller fails."""

import re

from harness import call, look_alike, proof
from harness.world import World


def answer(text: str) -> None:
    """Calls, in a worker, the example's function with a session that is closed afterwards."""
    from app.answers import answer
    from app.database import SessionLocal

    with SessionLocal() as db:
        answer(db, 1, text)


HALF = {"still locked": False, "answer": "IntegrityError", "credit": 9}
NOTHING = {"still locked": True, "answer": "IntegrityError", "credit": 10}


@proof("AUD103", "A log of usage in the middle of a booking", faulty=HALF, cured=NOTHING, fix="--unsafe-fixes")
@proof("AUD103", "Two calls away", faulty=HALF, cured=NOTHING, fix="--unsafe-fixes")
@proof("AUD103", "The caller leaves its own commit to another helper", faulty=HALF, fix=None)
@proof("AUD103", "The caller has no commit of its own", faulty=HALF, fix=None)
@proof("AUD103", "A repository that keeps the session", faulty=HALF, fix=None)
@proof("AUD103", "The session of the caller, or one of its own", faulty=HALF, fix=None)
@proof("AUD103", "Opened where none is handed in", faulty=HALF, fix=None)
@proof("AUD103", "Lent for the `with` where one is handed in", faulty=HALF, fix=None)
@look_alike("AUD103", "A function that says that it commits", seen=HALF)
@look_alike("AUD103", "A flag that says no", seen=NOTHING)
def test_failing_answer(world: World) -> dict:
    world.tables("app.database")
    world.sql("ALTER TABLE answers ADD CHECK (text <> '')")
    world.sql("INSERT INTO accounts (credit) VALUES (10)")
    failing = world.start(call(answer, "")).until("^INSERT INTO answers")
    free = world.rows("SELECT id FROM accounts FOR UPDATE SKIP LOCKED")
    outcome = failing.finish()
    return {"still locked": not free, "answer": outcome.brief, "credit": world.value("SELECT credit FROM accounts")}


@look_alike("AUD103", "A session of its own", seen=10)
@look_alike("AUD103", "A helper that gets no session opens its own", seen=10)
def test_own_session(world: World) -> int:
    world.tables("app.database")
    world.sql("ALTER TABLE answers ADD CHECK (text <> '')")
    world.sql("INSERT INTO accounts (credit) VALUES (10)")
    world.run(call(answer, ""))
    return world.value("SELECT credit FROM accounts")


def open_account() -> None:
    """Calls, in a worker, the example's function with a session that is closed afterwards."""
    from app.crud import open_account
    from app.database import SessionLocal

    with SessionLocal() as db:
        open_account(db, 1)


@proof("AUD103", "Everybody does it: said once", faulty={"answer": "IntegrityError", "accounts": 1}, fix=None)
def test_everybody(world: World) -> dict:
    world.tables("app.database")
    world.sql("ALTER TABLE answers ADD CHECK (text <> '')")
    outcome = world.run(call(open_account))
    return {"answer": outcome.brief, "accounts": world.value("SELECT count(*) FROM accounts")}


def writes(history: list[str]) -> list[str]:
    """Which tables were written, in order, and what was committed."""
    found = [re.match(r"(?:INSERT INTO |UPDATE )?(\w+)", step) for step in history if not step.startswith(("SELECT", "CONNECT"))]
    return [one[1] for one in found if one]


@look_alike("AUD103", "Nothing stands before the call", seen=["usages"])
@look_alike("AUD103", "What is handed over is handed over to be saved", seen=["accounts"])
def test_saved_by_helper(world: World) -> list[str]:
    world.tables("app.database")
    world.sql("INSERT INTO accounts (credit) VALUES (10)")
    answering = world.start(call(answer, "yes"))
    answering.finish()
    done = writes(answering.history)
    # What the callee saves: what it adds or is given, and nothing else of the caller's.
    return done[: done.index("COMMIT")]


@look_alike("AUD103", "Nothing follows", seen={"answers": 0, "usages": 0})
def test_nothing_follows(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO accounts (credit) VALUES (10)")
    # First the callee's half fails, then the caller's.
    world.sql("ALTER TABLE usages ADD CHECK (account_id <> 1)")
    world.run(call(answer, "yes"))
    world.sql("ALTER TABLE usages DROP CONSTRAINT usages_account_id_check")
    world.sql("ALTER TABLE answers ADD CHECK (text <> '')")
    world.run(call(answer, ""))
    return {table: world.value(f"SELECT count(*) FROM {table}") for table in ("answers", "usages")}


def publish() -> None:
    """Calls, in a worker, the example's function with a session that is closed afterwards."""
    from app.database import SessionLocal
    from app.publishing import publish

    with SessionLocal() as db:
        publish(db, 1)


@look_alike(
    "AUD103",
    "What was loaded is added again, and nothing else follows",
    seen={"after a failure": 10, "writes": ["accounts", "answers", "answers", "COMMIT"], "at last": 0},
)
def test_added_again(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO accounts (credit) VALUES (10)")
    world.sql("INSERT INTO answers (account_id, text) VALUES (1, 'yes')")
    world.sql("ALTER TABLE answers ADD CONSTRAINT unnumbered CHECK (text NOT LIKE '0.%')")
    world.run(call(publish))
    failed = world.value("SELECT credit FROM accounts")
    world.sql("ALTER TABLE answers DROP CONSTRAINT unnumbered")
    publishing = world.start(call(publish))
    publishing.finish()
    return {"after a failure": failed, "writes": writes(publishing.history), "at last": world.value("SELECT credit FROM accounts")}
