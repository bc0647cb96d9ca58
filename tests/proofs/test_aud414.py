"""AUD414: a change in place is not sent, and the flag sends it."""

from harness import call, proof
from harness.world import World

ADDRESS = "shop@db/shop"


def with_session(function: str, *arguments: object) -> None:
    """Calls, in a worker, a function of the example with a session."""
    import sqlalchemy
    from sqlalchemy.orm import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine(f"postgresql+psycopg://{ADDRESS}")) as session:
        named(function)(session, *arguments)


async def with_async_session(function: str, *arguments: object) -> None:
    """As above, for a coroutine."""
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    from harness.worker import named

    async with AsyncSession(create_async_engine(f"postgresql+asyncpg://{ADDRESS}")) as session:
        await named(function)(session, *arguments)


def shop(world: World) -> None:
    world.tables("app.models")
    world.sql("INSERT INTO shops (settings, extra, tags) VALUES ('{\"newsletter\": true}', '{}', '{}')")


@proof("AUD414", "A key is set", faulty={"newsletter": True}, cured={"newsletter": False})
def test_key(world: World) -> dict:
    shop(world)
    assert world.run(call(with_session, "app.services:unsubscribe", 1)).brief == "returned"
    return world.value("SELECT settings FROM shops")


@proof("AUD414", "A list grows", faulty=[], cured=["new"])
def test_list(world: World) -> list:
    shop(world)
    assert world.run(call(with_async_session, "app.services:tag", 1, "new")).brief == "returned"
    return world.value("SELECT tags FROM shops")


@proof("AUD414", "The same object is put back", faulty={}, fix=None)
def test_same(world: World) -> dict:
    shop(world)
    assert world.run(call(with_session, "app.services:annotate", 1, "a")).brief == "returned"
    return world.value("SELECT extra FROM shops")
