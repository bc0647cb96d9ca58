"""AUD107: what the user typed decides which error it is."""

from harness import call, look_alike, proof
from harness.world import World


def sign_up(email: str, *arguments: object) -> object:
    """Calls, in a worker, the example's function with a session."""
    import sqlalchemy
    from app.users import sign_up
    from sqlalchemy.orm import Session

    with Session(sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")) as session:
        return sign_up(session, email, *arguments)


def refused(world: World) -> None:
    """No address without an `@` is taken in: the server's text then names the row, with what the user typed."""
    world.tables("app.database")
    world.sql("ALTER TABLE users ADD CONSTRAINT ck_users_email CHECK (email LIKE '%@%')")


@proof("AUD107", "`IntegrityError`, of which kind the text shall say", faulty="409: taken", fix=None)
@look_alike("AUD107", "The SQLSTATE decides", seen="IntegrityError")
@look_alike("AUD107", "The name of the project's own constraint", seen="IntegrityError")
@look_alike("AUD107", "The text decides what is logged, and nothing else", seen="IntegrityError")
def test_parameter(world: World) -> str:
    refused(world)
    # No other row is there: nothing is taken.
    outcome = world.run(call(sign_up, "duplicate key collector"))
    return outcome.message if outcome.error == "HTTPException" else outcome.brief


async def sign_up_async(driver: str, email: str = "ana@example.com") -> bool:
    """Calls, in a worker, the example's coroutine with a session of that driver."""
    from app.users import sign_up
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async with AsyncSession(create_async_engine(f"postgresql+{driver}://shop@db/shop")) as session:
        return await sign_up(session, email)


TEXT_DECIDES = [("returned", False), ("IntegrityError", None)]


@proof("AUD107", "Everything is caught, and the text is kept in a variable", faulty=TEXT_DECIDES, fix=None)
def test_driver(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO users (email) VALUES ('ana@example.com')")
    # The address is taken either way, and one driver leaves out the words that tell it.
    outcomes = [world.run(call(sign_up_async, driver)) for driver in ("psycopg", "asyncpg")]
    return [(one.brief, one.value) for one in outcomes]


@proof(
    "AUD107",
    "The name of the driver's class is looked for as well",
    faulty={"asyncpg": [False, "IntegrityError", False], "psycopg": [False, "IntegrityError", False]},
    fix=None,
)
def test_class_name(world: World) -> dict:
    refused(world)
    world.sql("INSERT INTO users (email) VALUES ('ana@example.com')")
    seen = {}
    for driver in ("asyncpg", "psycopg"):
        # Taken; refused for another reason; and so again, by somebody who types the words.
        emails = ("ana@example.com", "ana", "duplicate key value")
        outcomes = [world.run(call(sign_up_async, driver, email)) for email in emails]
        seen[driver] = [one.error or one.value for one in outcomes]
    return seen


@proof("AUD107", "The argument of the driver's error", faulty=["IntegrityError", False], fix=None)
def test_argument(world: World) -> list:
    refused(world)
    # One call alone: there is nothing that it could be in a deadlock with.
    outcomes = [world.run(call(sign_up, email)) for email in ("ana", "deadlock detected")]
    return [outcomes[0].brief, outcomes[1].value]


@look_alike("AUD107", "The text is logged, not asked", seen=[["IntegrityError", "returned"], ["IntegrityError", "returned"]])
def test_logged(world: World) -> list:
    refused(world)
    emails = ("ana", "duplicate key collector")
    # Whatever the text says: the other argument decides.
    return [[world.run(call(sign_up, email, strict)).brief for strict in (True, False)] for email in emails]


@look_alike("AUD107", "The text of something else", seen={"answer": False, "steps": []})
def test_something_else(world: World) -> dict:
    sending = world.start(call("app.mail:send", "duplicate key collector"))
    return {"answer": sending.finish().value, "steps": sending.history}
