"""AUD306: work uses a session that its owner has closed; is its connection given back?"""

from harness import call, get, look_alike, post, proof
from harness.world import World


async def tasks_end() -> None:
    """Waits, in the worker, for what the example has started and does not wait for."""
    import asyncio

    left = [task for task in asyncio.all_tasks() if task.get_coro().__name__ in {"notify", "_send"}]
    await asyncio.gather(*left)


def notify(world: World, is_held: bool = False) -> dict:
    """The request is answered first; then its task runs to its end. There is no such order, so that nothing is committed.
    A task that is held stands before its first step until the request is over."""
    world.tables("app.database")
    worker = world.worker()
    request = worker.start(post("app.routes:router", "/orders/7/notify"))
    while is_held and request.outcome is None:
        assert worker.read(30), "the request never ended"
    answer = request.finish().brief
    ending = worker.start(call(tasks_end))
    while ending.outcome is None:
        if request.steps:
            request.go()
        elif ending.steps:
            ending.go()
        else:
            assert worker.read(30), "the task never ended"
    assert any("FROM orders" in step for step in request.history), "the task never used its session"
    return {"answer": answer, "open": world.open_transactions()}


LEFT = {"answer": 200, "open": 1}
ENDED = {"answer": 200, "open": 0}


@proof("AUD306", "A task that nobody awaits", faulty=LEFT, fix=None)
@look_alike("AUD306", "The task has a session of its own", seen=ENDED)
@look_alike("AUD306", "A framework that ends dependencies behind background tasks", seen=ENDED)
def test_notify(world: World) -> dict:
    return notify(world)


@proof("AUD306", "A background task, with a framework that ends dependencies first", faulty=LEFT, fix=None)
def test_background(world: World) -> dict:
    world.dependencies_end_first()
    return notify(world)


# The dependency closes the session while the task waits for its connection: the request fails as well.
@proof("AUD306", "A task that is only kept, of a service", faulty={"answer": "IllegalStateChangeError", "open": 1}, fix=None)
def test_service(world: World) -> dict:
    return notify(world, is_held=True)


@proof("AUD306", "A stream that starts behind its `with`", faulty={"answer": 1, "open": 1}, fix=None)
@look_alike("AUD306", "The stream opens its own session", seen={"answer": 1, "open": 0})
def test_stream(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (state) VALUES ('new')")
    outcome = world.run(get("app.routes:router", "/orders.csv"))
    return {"answer": outcome.value, "open": world.open_transactions()}


@look_alike("AUD306", "The task is awaited", seen={"answer": {"id": 1, "state": "new"}, "open": 0})
def test_awaited(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (state) VALUES ('new')")
    outcome = world.run(get("app.routes:router", "/orders/1"))
    return {"answer": outcome.value, "open": world.open_transactions()}
