"""AUD404: a model whose table no revision makes, and the revision that makes it."""

from harness import call, proof
from harness.world import World

ENVIRONMENT = '''
import sqlalchemy
from alembic import context

with sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
'''


def migrate(folder: str) -> None:
    """Runs the revisions of the example, in a worker; and the last one a second time."""
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", folder)
    command.upgrade(config, "head")
    if len(list(ScriptDirectory.from_config(config).walk_revisions())) > 1:
        command.downgrade(config, "-1")
        command.upgrade(config, "head")


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
    world.write("alembic/env.py", ENVIRONMENT)
    return [world.run(call(migrate, "alembic")).brief, world.run(call(read)).brief]


@proof("AUD404", "A schema file has the other models", faulty="ProgrammingError", fix=None)
def test_schema_file(world: World) -> str:
    world.sql((world.root / "schema.sql").read_text())
    return world.run(call(read)).brief


@proof("AUD404", "The table was dropped, and the model is still there", faulty=["returned", "ProgrammingError"], fix=None)
def test_dropped(world: World) -> list:
    world.write("alembic/env.py", ENVIRONMENT)
    return [world.run(call(migrate, "alembic")).brief, world.run(call(read)).brief]
