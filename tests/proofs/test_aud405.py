"""AUD405: a column that no revision adds, and the revision that adds it."""

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
    """Runs the revisions of the example, in a worker; and those that can be taken back once more."""
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
    world.write("alembic/env.py", ENVIRONMENT)
    return [world.run(call(migrate, "alembic")).brief, world.run(call(read)).brief]


@proof(
    "AUD405",
    "Several columns, in a history whose files are named by a template",
    faulty={"upgrade": "returned", "query": "ProgrammingError", "logins": None},
    cured={"upgrade": "returned", "query": "returned", "logins": ("NO", None)},
    fix="--unsafe-fixes",
)
def test_columns(world: World) -> dict:
    world.write("migrations/env.py", ENVIRONMENT)
    seen = {"upgrade": world.run(call(migrate, "migrations")).brief, "query": world.run(call(read)).brief}
    query = "SELECT is_nullable, column_default FROM information_schema.columns WHERE table_name = %s AND column_name = %s"
    return {**seen, "logins": next(iter(world.rows(query, "users", "logins")), None)}
