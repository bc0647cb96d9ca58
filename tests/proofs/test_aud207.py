"""AUD207: the triggers of two transactions count before either has committed."""

import importlib.util
import sys
import types

from harness import call, look_alike, proof
from harness.world import World


def insert(statement: str) -> None:
    """Executes a statement, in a worker, and commits."""
    import sqlalchemy

    with sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop").begin() as connection:
        connection.exec_driver_sql(statement)


def execute(world: World, path: str) -> None:
    """Executes a file of SQL, or the statements that a revision executes."""
    if path.endswith(".sql"):
        world.sql((world.root / path).read_text())
        return
    alembic = types.ModuleType("alembic")
    alembic.op = types.SimpleNamespace(execute=world.sql)
    sys.modules["alembic"] = alembic
    spec = importlib.util.spec_from_file_location("revision", world.root / path)
    revision = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(revision)
    revision.upgrade()
    del sys.modules["alembic"]


def both(world: World, first: str, second: str, count: str) -> dict:
    """Both transactions have made their change, or wait for the other, before either commits."""
    answers = world.race(call(insert, first), call(insert, second), before="^COMMIT")
    return {"answers": [one.brief for one in answers], "rows": world.value(count)}


@proof(
    "AUD207",
    "Seats of a show",
    faulty={"answers": ["returned", "returned"], "rows": 2},
    cured={"answers": ["returned", "ProgrammingError"], "rows": 1},
    fix="--unsafe-fixes",
)
@look_alike(
    "AUD207", "The row is locked before the count", seen={"answers": ["returned", "ProgrammingError"], "rows": 1}
)
@look_alike("AUD207", "An advisory lock", seen={"answers": ["returned", "ProgrammingError"], "rows": 1})
def test_seats(world: World) -> dict:
    execute(world, "db/schema.sql")
    world.sql("INSERT INTO shows (seats) VALUES (1)")
    book = "INSERT INTO bookings (show_id) VALUES (1)"
    return both(world, book, book, "SELECT count(*) FROM bookings")


def team(world: World) -> None:
    world.sql("CREATE TABLE teams (id integer PRIMARY KEY)")
    world.sql(
        "CREATE TABLE members (id serial PRIMARY KEY, team_id integer NOT NULL REFERENCES teams, active boolean NOT NULL)"
    )
    world.sql("INSERT INTO teams VALUES (1)")
    world.sql("INSERT INTO members (team_id, active) SELECT 1, true FROM generate_series(1, 4)")


JOIN = "INSERT INTO members (team_id, active) VALUES (1, true)"


@proof(
    "AUD207",
    "In a migration, behind the change",
    faulty={"answers": ["returned", "returned"], "rows": 6},
    cured={"answers": ["returned", "IntegrityError"], "rows": 5},
    fix="--unsafe-fixes",
)
def test_migration(world: World) -> dict:
    team(world)
    execute(world, "migrations/versions/0002_limit.py")
    return both(world, JOIN, JOIN, "SELECT count(*) FROM members")


@look_alike("AUD207", "A later migration locks", seen={"NO KEY UPDATE": ["ProgrammingError"], "UPDATE": ["OperationalError"]})
def test_strength(world: World) -> dict:
    """Why the fix takes `FOR NO KEY UPDATE` behind a change: with `FOR UPDATE` each waits for the key that the other holds."""
    team(world)
    execute(world, "migrations/versions/0003_lock.py")
    world.sql(
        "CREATE CONSTRAINT TRIGGER team_size AFTER INSERT ON members DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION check_team_size()"
    )
    definition = world.value("SELECT pg_get_functiondef('check_team_size'::regproc)")
    seen = {}
    for strength in ("NO KEY UPDATE", "UPDATE"):
        world.sql(definition.replace("NO KEY UPDATE", strength))
        world.sql("DELETE FROM members WHERE id > 4")
        first, second = world.start(call(insert, JOIN)).until("^COMMIT"), world.start(call(insert, JOIN)).until("^COMMIT")
        first.advance(None)
        answers = [second.finish(), first.finish()]
        seen[strength] = [one.error for one in answers if one.error]
    return seen


@proof(
    "AUD207",
    "The last owner",
    faulty={"answers": ["returned", "returned"], "rows": 0},
    cured={"answers": ["returned", "ProgrammingError"], "rows": 1},
    fix="--unsafe-fixes",
)
def test_last_owner(world: World) -> dict:
    world.sql("CREATE SCHEMA app")
    execute(world, "schema.sql")
    group = "00000000-0000-0000-0000-000000000001"
    users = [f"00000000-0000-0000-0000-00000000001{n}" for n in range(2)]
    world.sql(f"INSERT INTO app.\"group\" VALUES ('{group}')")
    for user in users:
        world.sql(f"INSERT INTO app.owners VALUES ('{group}', '{user}')")
    leave = [f"DELETE FROM app.owners WHERE user_id = '{user}'" for user in users]
    return both(world, *leave, "SELECT count(*) FROM app.owners")


@proof("AUD207", "Rows that belong to none", faulty={"answers": ["returned", "returned"], "rows": 4}, fix=None)
def test_global(world: World) -> dict:
    execute(world, "sql/settings.sql")
    world.sql("INSERT INTO mailings (running) VALUES (true), (true)")
    start = "INSERT INTO mailings (running) VALUES (true)"
    return both(world, start, start, "SELECT count(*) FROM mailings")
