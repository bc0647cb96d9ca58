"""AUD404: a model whose table no revision makes, and the revision that makes it."""

from harness import call, proof
from harness.alembic import give_environment, upgrade_twice
from harness.world import World


def read() -> int:
    """Asks for all invites, in a worker."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")) as session:
        return len(session.scalars(sqlalchemy.select(named("app.models:Invite"))).all())


@proof(
    "AUD404",
    "The migrations have the other models",
    faulty=["returned", "ProgrammingError"],
    cured=["returned", "returned"],
    fix="--unsafe-fixes",
)
def test_migrations(world: World) -> list:
    give_environment(world)
    return [world.run(call(upgrade_twice)).brief, world.run(call(read)).brief]


@proof("AUD404", "A schema file has the other models", faulty="ProgrammingError", fix=None)
def test_schema_file(world: World) -> str:
    world.sql((world.root / "schema.sql").read_text())
    return world.run(call(read)).brief


@proof("AUD404", "The table was dropped, and the model is still there", faulty=["returned", "ProgrammingError"], fix=None)
def test_dropped(world: World) -> list:
    give_environment(world)
    return [world.run(call(upgrade_twice)).brief, world.run(call(read)).brief]
