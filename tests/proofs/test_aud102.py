"""AUD102: a handler swallows the error of the database, and the next statement pays for it."""

from harness import call, get, look_alike, proof
from harness.world import World

EXISTING = "INSERT INTO contacts (email) VALUES ('a@x')"


def run_import(*emails: str) -> None:
    """Runs, in a worker, the example's import with a session that is closed afterwards."""
    from app.database import SessionLocal
    from app.imports import import_contacts

    with SessionLocal() as db:
        import_contacts(db, list(emails))


# The first round fails, and so do all that follow: the handler sees duplicates where there are none.
@look_alike("AUD102", "The handler rolls back", seen={"answer": "returned", "saved": 3})
@look_alike("AUD102", "A savepoint for each item", seen={"answer": "returned", "saved": 3})
@look_alike("AUD102", "A savepoint that is rolled back by hand", seen={"answer": "returned", "saved": 3})
@look_alike("AUD102", "The callee rolls back before it raises", seen={"answer": "returned", "saved": 3})
@look_alike(
    "AUD102",
    "The class of the session rolls back what it could not commit",
    seen={"answer": "returned", "saved": 3},
)
@proof(
    "AUD102",
    "The next round of the loop",
    faulty={"answer": "PendingRollbackError", "saved": 1},
    cured={"answer": "returned", "saved": 3},
)
def test_loop(world: World) -> dict:
    world.tables("app.database")
    world.sql(EXISTING)
    outcome = world.run(call(run_import, "a@x", "b@x", "c@x"))
    return {"answer": outcome.brief, "saved": world.value("SELECT count(*) FROM contacts")}


async def get_or_create(email: str) -> str:
    """Runs, in a worker, the example's function with a session that is closed afterwards."""
    from app.database import AsyncSessionLocal
    from app.visits import get_or_create

    async with AsyncSessionLocal() as session:
        return (await get_or_create(session, email)).email


@proof("AUD102", "The code behind the `try`", faulty="PendingRollbackError", cured="a@x")
def test_behind(world: World) -> str:
    world.tables("app.database")
    world.sql(EXISTING)
    outcome = world.run(call(get_or_create, "a@x"))
    return outcome.error or outcome.value


@proof(
    "AUD102",
    "The class of the session rolls back its commits, and the failure is a flush",
    faulty="PendingRollbackError",
    cured="returned",
)
def test_class(world: World) -> str:
    world.tables("app.database")
    world.sql(EXISTING)
    return world.run(call("app.imports:main", "a@x")).brief


@proof(
    "AUD102",
    "The handler itself writes",
    faulty={"answer": "PendingRollbackError", "saved": 0},
    cured={"answer": "returned", "saved": 1},
)
def test_handler(world: World) -> dict:
    world.tables("app.database")
    outcome = world.run(call("app.jobs:record", 7))
    return {"answer": outcome.brief, "saved": world.value("SELECT count(*) FROM contacts")}


@proof("AUD102", "The caller goes on, and cannot know", faulty="PendingRollbackError", cured=200)
def test_caller(world: World) -> object:
    world.tables("app.database")
    return world.run(get("app.main:app", "/contacts/7")).brief


@proof("AUD102", "A scope that commits rolls back in silence", faulty={"answer": "returned", "visits": 0}, fix=None)
def test_scope(world: World) -> dict:
    world.tables("app.database")
    world.sql(EXISTING)
    outcome = world.run(call("app.jobs:welcome", "a@x", 1))
    return {"answer": outcome.brief, "visits": world.value("SELECT count(*) FROM visits")}
