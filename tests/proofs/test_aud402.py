"""AUD402: the column is NOT NULL, and nothing gives it a value."""

from harness import call, proof
from harness.world import World

ADDRESS = "postgresql+psycopg://shop@db/shop"


def with_session(function: str, *arguments: object) -> None:
    """Calls, in a worker, a function of the example with a session."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine(ADDRESS)) as session:
        named(function)(session, *arguments)


async def for_an_order(function: str) -> None:
    """Calls, in a worker, a coroutine of the example with a session and an order."""
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    from harness.worker import named

    async with AsyncSession(create_async_engine("postgresql+asyncpg://shop@db/shop")) as session:
        order = await session.get(named("app.models:Order"), 1)
        await named(function)(session, order)


@proof("AUD402", "A keyword is missing", faulty=("IntegrityError", 0), fix=None)
def test_keyword(world: World) -> tuple:
    world.tables("app.models")
    world.sql("INSERT INTO orders DEFAULT VALUES")
    outcome = world.run(call(with_session, "app.services:record", 1, 100))
    return (outcome.brief, world.value("SELECT count(*) FROM payments"))


@proof("AUD402", "Several, in an async function, added at once", faulty=("IntegrityError", 0), fix=None)
def test_async(world: World) -> tuple:
    world.tables("app.models")
    world.sql("INSERT INTO orders DEFAULT VALUES")
    outcome = world.run(call(for_an_order, "app.services:record"))
    return (outcome.brief, world.value("SELECT count(*) FROM payments"))


@proof("AUD402", "A key that nobody makes", faulty="refused", fix=None)
def test_key(world: World) -> str:
    world.tables("app.tokens")
    outcome = world.run(call(with_session, "app.tokens:issue", "abc"))
    # The ORM sees it before the database does: a key without a value cannot be told from others.
    return "refused" if outcome.error in {"IntegrityError", "FlushError", "InvalidRequestError"} else outcome.brief
