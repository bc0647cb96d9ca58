"""AUD103: a callee commits what its caller has not finished, and the caller fails."""

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
@proof("AUD103", "A repository that keeps the session", faulty=HALF, fix=None)
@proof("AUD103", "The session of the caller, or one of its own", faulty=HALF, fix=None)
@proof("AUD103", "Opened where none is handed in", faulty=HALF, fix=None)
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
