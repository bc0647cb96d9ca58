"""AUD304: coroutines that run at a time meet in one session."""

from harness import call, get, look_alike, proof
from harness.calls import Outcome
from harness.world import World

CALLER = """
from app.database import async_session
from app import prices


async def of(function: str, *arguments: object) -> object:
    async with async_session() as db:
        return await getattr(prices, function)(db, *arguments)
"""


def orders(world: World) -> None:
    world.tables("app.database")
    world.sql("INSERT INTO orders (total) VALUES (20), (22)")


def answer(outcome: Outcome) -> object:
    return outcome.error or outcome.value


# The one raises `InvalidRequestError`; the scope is left while the other still connects, and its `close` raises in turn.
@proof("AUD304", "Two loads side by side", faulty="IllegalStateChangeError", fix=None)
def test_dashboard(world: World) -> object:
    orders(world)
    return world.run(get("app.routes:router", "/dashboard")).brief


@proof("AUD304", "A coroutine for each item", faulty="IllegalStateChangeError", fix=None)
@look_alike("AUD304", "One behind the other", seen=[20, 22])
def test_items(world: World) -> object:
    orders(world)
    world.write("app/caller.py", CALLER)
    return answer(world.run(call("app.caller:of", "totals", [1, 2])))


@look_alike("AUD304", "A session for each coroutine", seen=[20, 22])
def test_own_sessions(world: World) -> object:
    orders(world)
    return answer(world.run(call("app.prices:totals", [1, 2])))


# Which of the errors leaves the request depends on what the other coroutine does when the session is closed.
CONCURRENT = ("IllegalStateChangeError", "InvalidRequestError")


def fails(outcome: Outcome) -> object:
    """Whether the session was used by two at a time; else the answer."""
    if outcome.error is not None and outcome.error.startswith(CONCURRENT):
        return "concurrent use"
    return answer(outcome)


@proof("AUD304", "A repository that keeps the session", faulty="concurrent use", fix=None)
def test_repository(world: World) -> object:
    orders(world)
    return fails(world.run(get("app.routes:router", "/dashboard")))


@proof("AUD304", "The session's own methods", faulty="concurrent use", fix=None)
def test_own_methods(world: World) -> object:
    orders(world)
    world.write("app/caller.py", CALLER)
    return fails(world.run(call("app.caller:of", "pair", 1, 2)))


@proof("AUD304", "Tasks that are made before the first is awaited", faulty="concurrent use", fix=None)
@look_alike("AUD304", "A task that is awaited before the next one is made", seen=42)
def test_tasks(world: World) -> object:
    orders(world)
    world.write("app/caller.py", CALLER)
    return fails(world.run(call("app.caller:of", "sum_of", 1, 2)))


@look_alike("AUD304", "Objects that have a session each", seen=[2, 2])
def test_objects(world: World) -> object:
    orders(world)
    return answer(world.run(call("app.orders:two_sessions")))
