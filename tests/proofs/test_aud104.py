"""AUD104: the second half fails; what is there of the first, and what does a second try meet?"""

from harness import call, look_alike, post, proof
from harness.world import World


def in_session(module: str, function: str, *arguments: object) -> object:
    """Calls, in a worker, a function of the example with a session that is closed afterwards."""
    import importlib

    from app.database import SessionLocal

    with SessionLocal() as db:
        return getattr(importlib.import_module(module), function)(db, *arguments)


def first_half(world: World) -> list[str]:
    return [email for (email,) in world.rows("SELECT email FROM users")]


HALF = {"answers": ["IntegrityError", "IntegrityError"], "users": ["ana@example.com"]}
WHOLE = {"answers": ["IntegrityError", 200], "users": ["ana@example.com"]}


@proof("AUD104", "The key of the new row is needed", faulty=HALF, cured=WHOLE, fix="--unsafe-fixes")
@proof("AUD104", "The second commit on one branch only", faulty=HALF, fix=None)
def test_second_try(world: World) -> dict:
    world.tables("app.database")
    create = post("app.users:router", "/users?email=ana@example.com&team_id=1")
    # The team is not there: the member's INSERT fails.
    first = world.run(create)
    world.sql("INSERT INTO teams (id) VALUES (1)")
    second = world.run(create)
    return {"answers": [first.brief, second.brief], "users": first_half(world)}


def fails_without_team(world: World, module: str, function: str) -> list[str]:
    world.tables("app.database")
    world.run(call(in_session, module, function, "ana@example.com", 1))
    return first_half(world)


@proof("AUD104", "A helper commits the first half", faulty=["ana@example.com"], fix=None)
def test_helper(world: World) -> list[str]:
    return fails_without_team(world, "app.members", "invite")


@look_alike("AUD104", "Flushed, and committed once", seen=[])
@look_alike("AUD104", "What was saved is taken back", seen=[])
def test_nothing_stays(world: World) -> list[str]:
    return fails_without_team(world, "app.users", "create_user")


@proof("AUD104", "A value made from the row's own key", faulty=[None], cured=[], fix="--unsafe-fixes")
def test_own_key(world: World) -> list:
    world.tables("app.database")
    world.sql("ALTER TABLE teams ADD CHECK (code IS NULL)")
    world.run(call(in_session, "app.teams", "open_team"))
    return [code for (code,) in world.rows("SELECT code FROM teams")]


@proof("AUD104", "Children first, then the parent", faulty=[0, 1], cured=[1, 1], fix="--unsafe-fixes")
def test_removal(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO teams (id) VALUES (1)")
    world.sql("INSERT INTO users (id, email) VALUES (1, 'ana@example.com')")
    world.sql("INSERT INTO members (user_id, team_id, role) VALUES (1, 1, 'owner')")
    # Something else refers to the team.
    world.sql("CREATE TABLE invoices (team_id integer REFERENCES teams)")
    world.sql("INSERT INTO invoices VALUES (1)")
    world.run(call(in_session, "app.teams", "close_team", 1))
    return [world.value("SELECT count(*) FROM members"), world.value("SELECT count(*) FROM teams")]


async def in_async_session(module: str, function: str, *arguments: object) -> object:
    """The same with an asynchronous session, which keeps what it has loaded."""
    import importlib

    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    engine = create_async_engine("postgresql+asyncpg://shop@db/shop")
    async with AsyncSession(engine, expire_on_commit=False) as db:
        return await getattr(importlib.import_module(module), function)(db, *arguments)


@proof("AUD104", "Three commits, one after the other", faulty=[1, 2], cured=[0, 1], fix="--unsafe-fixes")
def test_three_commits(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO users (email) VALUES ('ben@example.com')")
    # The second of them is taken.
    world.run(call(in_async_session, "app.teams", "found_team", ["ana@example.com", "ben@example.com"]))
    return [world.value("SELECT count(*) FROM teams"), world.value("SELECT count(*) FROM users")]


def between(world: World, create: object, step: str) -> dict:
    """What others see, and what is held, when the call stands between its halves; and how it ends."""
    world.tables("app.database")
    world.sql("INSERT INTO teams (id) VALUES (1)")
    world.elsewhere = lambda method, url: "guest"
    creating = world.start(create).until(step)
    seen = {"users": first_half(world), "open transactions": world.open_transactions()}
    return seen | {"answer": creating.finish().brief, "members": world.value("SELECT count(*) FROM members")}


NOTHING_HELD = {"users": ["ana@example.com"], "open transactions": 0, "answer": "returned", "members": 1}


@look_alike("AUD104", "The transaction ends before another system is called", seen=NOTHING_HELD)
def test_other_system(world: World) -> dict:
    return between(world, call(in_session, "app.users", "create_user", "ana@example.com", 1), "^GET")


CLIENT = '''
import httpx


async def lookup(email):
    async with httpx.AsyncClient() as client:
        return (await client.get(f"https://directory.example.com/{email}")).text
'''


@look_alike("AUD104", "So does a helper call it, or await something that is not understood", seen=NOTHING_HELD)
def test_helper_asks(world: World) -> dict:
    world.write("directory_client.py", CLIENT)
    return between(world, call(in_async_session, "app.users", "create_user", "ana@example.com", 1), "^GET")


@look_alike("AUD104", "Another session has to see the row", seen=NOTHING_HELD)
def test_another_session(world: World) -> dict:
    return between(world, call(in_session, "app.users", "create_user", "ana@example.com", 1), "^SELECT count")


@look_alike("AUD104", "How far a long job has come", seen=["importing", "importing", "member"])
def test_progress(world: World) -> list[str]:
    world.tables("app.database")
    world.sql("INSERT INTO teams (id) VALUES (1)")
    # The first has the address that the job wants to give.
    world.sql("INSERT INTO users (email) VALUES ('1@example.com')")
    world.sql("INSERT INTO members (user_id, team_id, role) VALUES (1, 1, 'invited')")
    accept = call(in_session, "app.imports", "accept", 1)
    failing = world.start(accept).until("^INSERT INTO users")
    roles = [world.value("SELECT role FROM members")]
    failing.finish()
    # The row says that the job is not done; a second try does it.
    roles.append(world.value("SELECT role FROM members"))
    world.sql("UPDATE users SET email = 'ana@example.com'")
    world.run(accept)
    return [*roles, world.value("SELECT role FROM members")]


def save(user_id: int, email: str) -> None:
    """Calls, in a worker, the example's function with the user of that key, if there is one."""
    from app.database import SessionLocal, User
    from app.users import save

    with SessionLocal() as db:
        save(db, db.get(User, user_id), email, 1)


@look_alike("AUD104", "Commits on different branches", seen={"commits": [1, 1], "users": ["ana@example.com"], "members": 1})
def test_branches(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO teams (id) VALUES (1)")
    calls = []
    for _ in range(2):
        calls.append(world.start(call(save, 1, "ana@example.com")))
        calls[-1].finish()
    commits = [one.history.count("COMMIT") for one in calls]
    return {"commits": commits, "users": first_half(world), "members": world.value("SELECT count(*) FROM members")}


@look_alike("AUD104", "The parent is made where it is missing", seen=["IntegrityError", "returned", 1, 1])
def test_missing_parent(world: World) -> list:
    world.tables("app.database")
    invite = call(in_session, "app.users", "invite", "ana@example.com", 1)
    first = world.run(invite)
    world.sql("INSERT INTO teams (id) VALUES (1)")
    second = world.run(invite)
    counts = [world.value(f"SELECT count(*) FROM {table}") for table in ("users", "members")]
    return [first.brief, second.brief, *counts]


@look_alike("AUD104", "The second half is tried for its own sake", seen=("returned", 1, ["ana@example.com"]))
def test_own_sake(world: World) -> tuple:
    world.tables("app.database")
    # The team is not there; whoever asked for the user is told of the user, who is.
    outcome = world.run(call(in_session, "app.users", "create_user", "ana@example.com", 1))
    return outcome.brief, outcome.value, first_half(world)


@look_alike("AUD104", "Things that have nothing to do with each other", seen=[("ana@example.org", "first"), ("ana@example.org", "second")])
def test_unrelated(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO users (id, email) VALUES (1, 'ana@example.com')")
    world.sql("INSERT INTO teams (id, code) VALUES (1, 'first')")
    world.sql("ALTER TABLE teams ADD CONSTRAINT stays CHECK (code = 'first')")
    rename = call(in_session, "app.users", "rename", 1, "ana@example.org", 1, "second")
    names = "SELECT users.email, teams.code FROM users, teams"
    world.run(rename)
    [failed] = world.rows(names)
    world.sql("ALTER TABLE teams DROP CONSTRAINT stays")
    world.run(rename)
    return [failed, *world.rows(names)]


def start() -> None:
    """Starts, in a worker, the example's application."""
    from app.main import app
    from fastapi.testclient import TestClient

    with TestClient(app):
        pass


@look_alike("AUD104", "When the application starts", seen=("IntegrityError", 1, 0))
def test_start(world: World) -> tuple:
    world.tables("app.database")
    world.sql("INSERT INTO users (email) VALUES ('root@example.com')")
    outcome = world.run(call(start))
    return outcome.brief, world.value("SELECT count(*) FROM teams"), world.value("SELECT count(*) FROM members")
