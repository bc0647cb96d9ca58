"""AUD304: coroutines that run at a time meet in one session."""

from harness import call, get, look_alike, proof
from harness.calls import Outcome
from harness.world import World


async def of(function: str, *arguments: object) -> object:
    """Calls, in a worker, a function of the example with a session that is closed afterwards."""
    from app.database import async_session

    from harness.worker import named

    async with async_session() as db:
        return await named(function)(db, *arguments)


async def errors_of_warm(order_ids: list[int]) -> list[str]:
    """The errors, in a worker, with which the tasks of the example's group end."""
    try:
        await of("app.prices:warm", order_ids)
    except ExceptionGroup as group:
        return [type(error).__name__ for error in group.exceptions]
    return []


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
    return answer(world.run(call(of, "app.prices:totals", [1, 2])))


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
    return fails(world.run(call(of, "app.prices:pair", 1, 2)))


@proof("AUD304", "Tasks that are made before the first is awaited", faulty="concurrent use", fix=None)
@look_alike("AUD304", "A task that is awaited before the next one is made", seen=42)
def test_tasks(world: World) -> object:
    orders(world)
    return fails(world.run(call(of, "app.prices:sum_of", 1, 2)))


@look_alike("AUD304", "Objects that have a session each", seen=[2, 2])
def test_objects(world: World) -> object:
    orders(world)
    return answer(world.run(call("app.orders:two_sessions")))


@proof("AUD304", "A task group, and a closure", faulty=["InvalidRequestError"], fix=None)
def test_group(world: World) -> object:
    orders(world)
    return world.run(call(errors_of_warm, [1, 2])).value


ON_ITS_WAY = [[20, "on its way"], [22, "on its way"]]


@look_alike("AUD304", "Only one of them uses the session", seen=[ON_ITS_WAY[0], ON_ITS_WAY])
def test_only_one(world: World) -> list:
    orders(world)
    calls = [call(of, "app.prices:status", 1), call(of, "app.prices:statuses", [1, 2])]
    return [fails(world.run(one)) for one in calls]


@look_alike("AUD304", "Either the one or the other", seen=[[20, None], [10, None]])
def test_either(world: World) -> list:
    orders(world)
    return [fails(world.run(call(of, "app.prices:price", 1, sale))) for sale in (False, True)]


@look_alike("AUD304", "A lock around the session", seen=[2, 2])
def test_lock(world: World) -> object:
    orders(world)
    return fails(world.run(call(of, "app.orders:twice")))


@look_alike(
    "AUD304",
    "A statement that is answered before the coroutines are made",
    seen=["1 is on its way", "2 is on its way"],
)
def test_answered_before(world: World) -> object:
    orders(world)
    return fails(world.run(call(of, "app.prices:statuses")))
