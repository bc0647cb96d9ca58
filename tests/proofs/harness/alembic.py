"""The revisions of an example: an environment for them, and how they run in a worker."""

from typing import Any

from harness.world import World

#: An `env.py` that runs them in the proof's database; the examples do without one.
ENVIRONMENT = '''
import sqlalchemy
from alembic import context

with sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop").connect() as connection:
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()
'''


def give_environment(world: World, folder: str = "alembic") -> None:
    """Writes the environment that an example leaves out."""
    world.write(f"{folder}/env.py", ENVIRONMENT)


def upgrade(folder: str = "alembic") -> None:
    """Runs the revisions of the example, in a worker."""
    from alembic import command

    command.upgrade(_config(folder), "head")


def upgrade_twice(folder: str = "alembic") -> None:
    """Runs the revisions of the example, in a worker; and the last one, where others stand before it, a second time."""
    from alembic import command
    from alembic.script import ScriptDirectory

    config = _config(folder)
    command.upgrade(config, "head")
    if len(list(ScriptDirectory.from_config(config).walk_revisions())) > 1:
        command.downgrade(config, "-1")
        command.upgrade(config, "head")


def _config(folder: str) -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", folder)
    return config
