"""AUD102: a handler swallows the error of the database, and the next statement pays for it."""

from harness import call, get, look_alike, post, proof, put
from harness.world import World

EXISTING = "INSERT INTO contacts (email) VALUES ('a@x')"


def run_import(*emails: str) -> None:
    """Runs, in a worker, the example's import with a session that is closed afterwards."""
    from app.database import SessionLocal
    from app.imports import import_contacts

    with SessionLocal() as db:
        import_contacts(db, list(emails))


def failing(world: World, *arguments: object) -> dict:
    """What is saved of contacts of which one is there already."""
    world.tables("app.database")
    world.sql(EXISTING)
    outcome = world.run(call(*arguments))
    return {"answer": outcome.brief, "saved": world.value("SELECT count(*) FROM contacts")}


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
    return failing(world, run_import, "a@x", "b@x", "c@x")


@proof(
    "AUD102",
    "Rounds that share a transaction",
    faulty={"answer": "PendingRollbackError", "saved": 1},
    cured={"answer": "returned", "saved": 2},
    fix="--unsafe-fixes",
)
@proof(
    "AUD102",
    "A function inside of this one flushes",
    faulty={"answer": "PendingRollbackError", "saved": 1},
    cured={"answer": "returned", "saved": 1},
)
def test_rounds(world: World) -> dict:
    return failing(world, run_import, "b@x", "a@x", "c@x")


async def note(email: str) -> int:
    """Runs, in a worker, the example's function with a session that is closed afterwards."""
    from app.database import AsyncSessionLocal
    from app.reports import Index, note

    async with AsyncSessionLocal() as session:
        return await note(session, Index("https://index.example/contacts"), email)


@proof(
    "AUD102",
    "A client of another system stands around the statement",
    faulty="PendingRollbackError",
    cured=1,
)
def test_client(world: World) -> object:
    world.tables("app.database")
    world.sql(EXISTING)
    world.elsewhere = lambda method, url: {}
    outcome = world.run(call(note, "a@x"))
    return outcome.error or outcome.value


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


ALL = {"answer": "returned", "saved": 3}


@look_alike("AUD102", "The sessions of an `async_sessionmaker` do so", seen={"answer": 200, "saved": 2})
def test_async_class(world: World) -> dict:
    world.tables("app.database")
    world.sql(EXISTING)
    outcome = world.run(post("app.imports:router", "/contacts", json=["a@x", "b@x"]))
    return {"answer": outcome.brief, "saved": world.value("SELECT count(*) FROM contacts")}


def with_session(target: str, *arguments: object) -> object:
    """Calls, in a worker, a function of the example with a session that is closed afterwards."""
    from app.database import SessionLocal

    from harness.worker import named

    with SessionLocal() as db:
        return named(target)(db, *arguments)


EMAILS = ["a@x", "b@x", "c@x"]


@look_alike("AUD102", "A decorator of the callee rolls back", seen=ALL)
def test_decorator(world: World) -> dict:
    return failing(world, run_import, *EMAILS)


@look_alike("AUD102", "The callee works in a transaction of its own", seen=ALL)
def test_own_transaction(world: World) -> dict:
    return failing(world, with_session, "app.ingest:ingest", [["a@x"], ["b@x"], ["c@x"]])


@look_alike("AUD102", "A session for each item", seen=ALL)
def test_own_session(world: World) -> dict:
    return failing(world, "app.imports:import_contacts", EMAILS)


@look_alike("AUD102", "`finally` rolls back", seen=ALL)
def test_finally(world: World) -> dict:
    return failing(world, with_session, "app.jobs:run", EMAILS)


@look_alike("AUD102", "The `try` guards something else", seen=ALL)
def test_something_else(world: World) -> dict:
    return failing(world, with_session, "app.jobs:run", ["1", "two", "3"])


@look_alike("AUD102", "The handler raises something else", seen=["HTTPException", 0])
def test_raises(world: World) -> list:
    world.tables("app.database")
    world.sql(EXISTING)
    worker = world.worker()
    seen = worker.run(call(with_session, "app.routes:create", "a@x")).brief
    return [seen, worker.run(call("app.database:engine.pool.checkedout")).value]


@look_alike("AUD102", "Nothing uses the session afterwards, and its owner closes it", seen=[False, True])
def test_best_effort(world: World) -> list:
    world.tables("app.database")
    world.sql(EXISTING)
    worker = world.worker()
    seen = [worker.run(call("app.jobs:best_effort", email)).value for email in ("a@x", "b@x")]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    return seen


@look_alike("AUD102", "The caller is told, and looks", seen=["returned", "returned"])
def test_told(world: World) -> list:
    world.tables("app.database")
    world.sql(EXISTING)
    worker = world.worker()
    seen = [worker.run(call("app.jobs:run", email)).brief for email in ("a@x", "b@x")]
    assert world.value("SELECT count(*) FROM contacts") == 2
    return seen


@look_alike("AUD102", "The loop ends behind the `try`", seen=[False, True])
def test_loop_ends(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO contacts (email) VALUES ('a@example.com')")
    worker = world.worker()
    emails = ["a@example.com", "b@example.com"]
    return [worker.run(call(with_session, "app.notes:note_first", emails, quiet)).value for quiet in (True, False)]


def import_rows(rows: list[dict]) -> int:
    """Runs, in a worker, the example's import of rows."""
    from app.database import SessionLocal
    from app.imports import import_contacts

    with SessionLocal() as db:
        return import_contacts(db, rows)


@look_alike(
    "AUD102",
    "The callee catches the error, and the handler around it sees none",
    seen={"answer": "returned", "saved": 2},
)
def test_callee_catches(world: World) -> dict:
    # What the handler around it does see leaves the session as it was.
    return failing(world, import_rows, [{"name": "b"}, {"email": "b@x"}, {"email": "a@x"}, {"email": "c@x"}])


ONE_THERE = [{"email": email} for email in EMAILS]


@proof("AUD102", "The caller does nothing but call it again", faulty={"answer": "returned", "saved": 1}, cured=ALL)
def test_calls_again(world: World) -> dict:
    return failing(world, run_import, "a@x", "b@x", "c@x")


@proof(
    "AUD102",
    "The callee says nothing, and the next round is refused",
    faulty={"answer": "returned", "saved": 1},
    cured=ALL,
)
@look_alike("AUD102", "The callee catches the error and rolls back, and the next round goes well", seen=ALL)
def test_callee_is_silent(world: World) -> dict:
    return failing(world, import_rows, ONE_THERE)


@proof(
    "AUD102",
    "The endpoint answers with the failure, and its dependency commits",
    faulty=[(500, "PendingRollbackError"), (200, "PendingRollbackError"), 1],
    fix=None,
)
def test_dependency_commits(world: World) -> list:
    world.tables("app.database")
    world.sql(EXISTING)
    worker = world.worker()
    paths = ["/contacts/a@x", "/contacts/a@x/quietly"]
    outcomes = [worker.run(post("app.api:router", path)) for path in paths]
    # Each answer was on its way when its dependency failed.
    told = [(one.status, one.error) for one in outcomes]
    return [*told, world.value("SELECT count(*) FROM contacts")]


@proof(
    "AUD102",
    "What is saved cannot be refused",
    faulty=["PendingRollbackError", 200, 200, 200, 200],
    cured=[200, 200, 200, 200, 200],
    fix="--unsafe-fixes",
)
def test_refused(world: World) -> list:
    world.tables("app.mailing")
    world.sql("INSERT INTO mailings (id) VALUES (1)")
    world.sql(EXISTING)
    worker = world.worker()
    much = "x" * 1000
    requests = [
        # The column is the one thing that cannot hold it.
        put("app.mailing:router", f"/mailings/1?owner={much}"),
        get("app.mailing:router", "/mailings/1"),
        put("app.mailing:router", f"/mailings/1/remark?text={much}"),
        post("app.mailing:router", f"/openings?reader={much}"),
        post("app.mailing:router", "/contacts?email=a@x"),
    ]
    return [worker.run(request).brief for request in requests]


@proof(
    "AUD102",
    "The handler marks the job, and raises",
    faulty=["PendingRollbackError", "open"],
    cured=["IntegrityError", "failed"],
)
@look_alike("AUD102", "The handler raises, and what it tries besides may fail", seen=["IntegrityError", None])
@look_alike("AUD102", "The handler calls what always raises", seen=["IntegrityError", None])
def test_marks(world: World) -> list:
    world.tables("app.database", "app.jobs")
    world.sql(EXISTING)
    if world.value("SELECT to_regclass('jobs')") is None:
        return [world.run(call("app.jobs:invite", "a@x")).brief, None]
    world.sql("INSERT INTO jobs (id, state) VALUES (1, 'open')")
    outcome = world.run(call("app.jobs:invite", 1, "a@x"))
    return [outcome.brief, world.value("SELECT state FROM jobs")]


def note_and_count(email: str) -> int:
    """Calls, in a worker, the example's function, and uses its session again."""
    from app.database import Contact, SessionLocal
    from app.notes import note

    with SessionLocal() as db:
        note(db, email)
        return db.query(Contact).count()


@look_alike("AUD102", "A handler around both rolls back", seen=[1, 2])
def test_outer_handler(world: World) -> list:
    world.tables("app.database")
    world.sql(EXISTING)
    return [world.run(call(note_and_count, email)).value for email in ("a@x", "b@x")]


@look_alike("AUD102", "The session is used where the failure never comes", seen={"answer": "returned", "saved": 1})
def test_never_comes(world: World) -> dict:
    return failing(world, "app.notes:note", "a@x")
