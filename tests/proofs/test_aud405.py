"""AUD405: a column that no revision adds, and the revision that adds it."""

from harness import call, proof
from harness.alembic import give_environment, upgrade_twice
from harness.world import World


def read() -> int:
    """Asks for all users, in a worker."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")) as session:
        return len(session.scalars(sqlalchemy.select(named("app.models:User"))).all())


@proof(
    "AUD405",
    "No revision adds the column",
    faulty=["returned", "ProgrammingError"],
    cured=["returned", "returned"],
    fix="--unsafe-fixes",
)
def test_column(world: World) -> list:
    give_environment(world)
    return [world.run(call(upgrade_twice)).brief, world.run(call(read)).brief]


@proof(
    "AUD405",
    "Several columns, in a history whose files are named by a template",
    faulty={"upgrade": "returned", "query": "ProgrammingError", "logins": None},
    cured={"upgrade": "returned", "query": "returned", "logins": ("NO", None)},
    fix="--unsafe-fixes",
)
def test_columns(world: World) -> dict:
    give_environment(world, "migrations")
    seen = {"upgrade": world.run(call(upgrade_twice, "migrations")).brief, "query": world.run(call(read)).brief}
    query = "SELECT is_nullable, column_default FROM information_schema.columns WHERE table_name = %s AND column_name = %s"
    return {**seen, "logins": next(iter(world.rows(query, "users", "logins")), None)}
