"""AUD412: the deletion of a parent sets the keys of its children to NULL."""

from harness import call, delete, proof
from harness.world import World

ADDRESS = "shop@db/shop"


def with_session(function: str, *arguments: object) -> None:
    """Calls, in a worker, a function of the example with a session."""
    import sqlalchemy
    from sqlmodel import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine(f"postgresql+psycopg://{ADDRESS}")) as session:
        named(function)(session, *arguments)


def create(base: str) -> None:
    """Creates, in a worker, the tables of a base that a function has made."""
    import sqlalchemy

    from harness.worker import named

    named(base).metadata.create_all(sqlalchemy.create_engine(f"postgresql+psycopg://{ADDRESS}"))


async def with_async_session(function: str, *arguments: object) -> None:
    """As above, for a coroutine."""
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    from harness.worker import named

    async with AsyncSession(create_async_engine(f"postgresql+asyncpg://{ADDRESS}")) as session:
        await named(function)(session, *arguments)


def deleted(world: World, parent: str, child: str, key: str, function: str) -> list:
    """How the deletion of a parent with one child ends, and how many children are left."""
    world.tables("app.models")
    world.sql(f"INSERT INTO {parent} DEFAULT VALUES")
    world.sql(f"INSERT INTO {child} ({key}) VALUES (1)")
    outcome = world.run(call(with_session, function, 1))
    return [outcome.brief, world.value(f"SELECT count(*) FROM {child}")]


@proof(
    "AUD412", "A plain relationship", faulty=["IntegrityError", 1], cured=["returned", 0], fix="--unsafe-fixes"
)
def test_plain(world: World) -> list:
    return deleted(world, "orders", "order_items", "order_id", "app.orders:cancel")


# Both cures, and a parent without children, whose deletion goes well as it is.
@proof(
    "AUD412",
    "A key that the database would delete by itself",
    faulty=[200, "IntegrityError", 1],
    cured=[200, 200, 0],
    fix="--unsafe-fixes",
)
@proof(
    "AUD412",
    "A key that the database would delete by itself",
    faulty=[200, "IntegrityError", 1],
    cured=[200, 200, 0],
    fix="Leave `books`",
)
def test_cascade_of_the_database(world: World) -> list:
    assert world.run(call(create, "app.models:Base")).brief == "returned"
    world.sql("INSERT INTO authors (name) VALUES ('a'), ('b')")
    world.sql("INSERT INTO books (title, author_id) VALUES ('c', 2)")
    answers = [world.run(delete("app.routes:router", f"/authors/{number}")).brief for number in (1, 2)]
    return [*answers, world.value("SELECT count(*) FROM books")]


@proof(
    "AUD412",
    "The side that a backref adds, twice",
    faulty=["IntegrityError", "AssertionError", 2],
    cured=["returned", "returned", 0],
    fix="--unsafe-fixes",
)
def test_backref(world: World) -> list:
    world.tables("app.models")
    world.sql("INSERT INTO teams DEFAULT VALUES")
    world.sql("INSERT INTO teams DEFAULT VALUES")
    world.sql("INSERT INTO invites (team_id) VALUES (1)")
    world.sql("INSERT INTO members (team_id, user_id) VALUES (2, 1)")
    outcomes = [world.run(call(with_async_session, "app.teams:disband", number)).brief for number in (1, 2)]
    left = "SELECT (SELECT count(*) FROM invites) + (SELECT count(*) FROM members)"
    return [*outcomes, world.value(left)]


@proof(
    "AUD412", "SQLModel, through a repository", faulty=["IntegrityError", 1], cured=["returned", 0], fix="--unsafe-fixes"
)
def test_sqlmodel(world: World) -> list:
    return deleted(world, "team", "hero", "team_id", "app.service:disband")
