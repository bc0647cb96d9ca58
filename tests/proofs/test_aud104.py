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
