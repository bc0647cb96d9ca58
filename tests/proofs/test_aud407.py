"""AUD407: a history that Alembic does not run."""

from harness import call, look_alike, proof
from harness.world import World


def told(folder: str, revision: str) -> str:
    """What `alembic upgrade` says, in a worker: the SQL alone, so that no database is asked."""
    import io

    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    environment = f"{folder}/env.py"
    with open(environment, "w") as file:
        file.write("from alembic import context\n\ncontext.configure(url='postgresql://')\ncontext.run_migrations()\n")
    config = Config(output_buffer=io.StringIO())
    config.set_main_option("script_location", folder)
    try:
        command.upgrade(config, revision, sql=True)
    except (CommandError, KeyError) as error:
        words = str(error)
        known = ["Multiple head revisions", "Cycle is detected", "9f", "e5"]
        return next((word for word in known if word in words), words)
    return "upgraded"


@proof("AUD407", "Two heads after a merge", faulty=["Multiple head revisions", "upgraded"], fix=None)
def test_heads(world: World) -> list:
    return [world.run(call(told, "alembic", revision)).value for revision in ("head", "heads")]


@proof("AUD407", "A revision that follows one that is gone", faulty="9f", fix=None)
def test_gone(world: World) -> str:
    return world.run(call(told, "migrations", "head")).value


@proof("AUD407", "A dependency that is gone", faulty="e5", fix=None)
def test_dependency(world: World) -> str:
    return world.run(call(told, "migrations", "head")).value


@proof("AUD407", "A circle", faulty="Cycle is detected", fix=None)
def test_circle(world: World) -> str:
    return world.run(call(told, "migrations", "head")).value


@look_alike("AUD407", "Branches that are merged again", seen="upgraded")
def test_merged(world: World) -> str:
    [folder] = {path.parent.parent.name for path in world.root.rglob("versions/*.py")}
    return world.run(call(told, folder, "head")).value
