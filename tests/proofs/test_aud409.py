"""AUD409: a model that nothing imports before its metadata is used."""

from harness import call, proof
from harness.world import World

ADDRESS = "postgresql+psycopg://shop@db/shop"


def seen_by(environment: str) -> list[str]:
    """The tables that the metadata of an `env.py` has, in a worker that has imported nothing else."""
    import re
    from pathlib import Path

    # Only Alembic itself can run what the file asks of its context.
    text = re.sub(r"^\s*(from alembic import context|context\..*)$", "", Path(environment).read_text(), flags=re.MULTILINE)
    names: dict = {}
    exec(text.replace("def run_migrations_online():", ""), names)
    return sorted(names["target_metadata"].tables)


def run_script(path: str) -> None:
    """Runs a script of the example as `python script.py` does."""
    import runpy

    runpy.run_path(path, run_name="__main__")


def store(name: str) -> None:
    """Adds an object of that class, and makes all tables of its base."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from harness.worker import named

    engine = sqlalchemy.create_engine(ADDRESS)
    kind = named(name)
    kind.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(kind(user_id=1))
        session.commit()


@proof("AUD409", "A module that the package does not import", faulty=["users"], fix=None)
def test_module(world: World) -> list:
    return world.run(call(seen_by, "alembic/env.py")).value


@proof("AUD409", "Only for the type checker, with SQLModel", faulty=["product"], fix=None)
def test_type_checking(world: World) -> list:
    return world.run(call(seen_by, "migrations/env.py")).value


@proof("AUD409", "A script that makes the tables of what it imports", faulty=("returned", 0), fix=None)
def test_script(world: World) -> tuple:
    outcome = world.run(call(run_script, "scripts/create_tables.py"))
    return (outcome.brief, world.value("SELECT count(*) FROM pg_tables WHERE tablename = 'users'"))


@proof("AUD409", "A base of its own", faulty={"seen": ["users"], "stored": "NoReferencedTableError"}, fix=None)
def test_base(world: World) -> dict:
    seen = world.run(call(seen_by, "alembic/env.py")).value
    return {"seen": seen, "stored": world.run(call(store, "app.audit:AuditEntry")).brief}
