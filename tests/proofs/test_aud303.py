"""AUD303: while one request waits for the database, the event loop serves nobody."""

from harness import call, get, look_alike, post, proof
from harness.calls import Request
from harness.world import Process, World

HEALTH = """
from fastapi import FastAPI
from app.routes import router

app = FastAPI()
app.include_router(router)


@app.get("/health")
async def health() -> str:
    return "fine"
"""


async def alive() -> str:
    """What a worker can say for as long as its loop is free."""
    return "fine"


async def call_with_async_session(function: str, *arguments: object) -> None:
    """Calls, in a worker, the example's function with an asynchronous session."""
    from app.database import AsyncSessionLocal

    from harness.worker import named

    async with AsyncSessionLocal() as db:
        await named(function)(*arguments, db)


async def sweep() -> None:
    """Runs, in a worker, the example's sweeper."""
    from app.worker import Sweeper

    await Sweeper().run()


def count_tasks() -> set[int]:
    """Notes, in a worker, how many tasks a loop has whenever it asks the database."""
    import asyncio

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    tasks: set[int] = set()

    @event.listens_for(Engine, "before_cursor_execute")
    def count(*_: object) -> None:
        tasks.add(len(asyncio.all_tasks()))

    return tasks


def run_script(module: str) -> int:
    """Runs, in a worker, a script of the example; how many tasks its loop had whenever it asked the database."""
    import runpy

    tasks = count_tasks()
    runpy.run_module(module, run_name="__main__")
    [number] = tasks
    return number


def work_off(order_ids: list[int]) -> int:
    """Has dramatiq, in a worker, report those orders; how many tasks its loop had whenever it asked the database."""
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()
    dramatiq.set_broker(broker)
    from app.tasks import report

    tasks = count_tasks()
    for order_id in order_ids:
        report.send(order_id)
    worker = dramatiq.Worker(broker, worker_threads=1)
    worker.start()
    broker.join(report.queue_name, fail_fast=True)
    worker.stop()
    [number] = tasks
    return number


def orders(world: World) -> Process:
    """A worker, a table with an order, and other systems that answer."""
    world.tables("app.database")
    world.sql("INSERT INTO orders (total) VALUES (20)")
    world.elsewhere = lambda method, url: {"household": 2, "total": 30}
    return world.worker()


def wait_for_a_table(world: World, path: str) -> dict:
    """A request waits for a locked table, and another one asks for the process's health."""
    return wait_with(world, get("app.health:app", path))


def wait_with(world: World, request: Request) -> dict:
    worker = orders(world)
    world.write("app/health.py", HEALTH)
    # The application is loaded, and its pool has a connection.
    assert worker.run(request).status == 200
    with world.connection.transaction():
        world.sql("LOCK TABLE orders")
        waiting = worker.start(request).until_blocked()
        # The loop's own thread sits in the driver's wait: nothing else can run on it.
        blocked = worker.loop_is_in("psycopg.*:wait")
        health = None if blocked else worker.run(get("app.health:app", "/health")).status
    return {"loop": "blocked" if blocked else "free", "health": health, "answer": waiting.finish().brief}


def wait_in_a_call(world: World, function: Request, table: str = "orders") -> dict:
    """A call waits for a locked table, and another one asks whether the loop is alive; then the first goes on to its next step."""
    worker = orders(world)
    # On a connection of its own: inside of a transaction, the proof's would not see who connects only now.
    with world.server.connect(world.database) as locker, locker.transaction():
        locker.execute(f"LOCK TABLE {table}")
        waiting = worker.start(function).until_blocked()
        blocked = worker.loop_is_in("psycopg.*:wait")
        other = None if blocked else worker.run(call(alive)).value
    return {"loop": "blocked" if blocked else "free", "other": other, "then": waiting.advance("^(COMMIT|GET)")}


def meet_a_locked_table(world: World, request: Request) -> dict:
    """The application has started and has answered once; then the table is locked: does a request wait for it?"""
    worker = orders(world)
    before = worker.start(request)
    assert before.finish().status == 200
    with world.connection.transaction():
        world.sql("LOCK TABLE orders")
        after = worker.start(request)
        state = after.advance(None)
    statements = [one for one in before.history if "FROM orders" in one]
    return {"statements at first": len(statements), "locked": state, "answer": after.finish().brief}


BLOCKED = {"loop": "blocked", "health": None, "answer": 200}
FREE = {"loop": "free", "health": 200, "answer": 200}


@proof("AUD303", "The handler waits itself", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
@look_alike("AUD303", "A plain def", seen=FREE)
@look_alike("AUD303", "Handed to a thread", seen=FREE)
def test_handler(world: World) -> dict:
    return wait_for_a_table(world, "/orders/1")


@proof("AUD303", "Three calls away", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
def test_chain(world: World) -> dict:
    return wait_for_a_table(world, "/revenue")


@proof("AUD303", "A dependency of many routes", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
def test_dependency(world: World) -> dict:
    return wait_for_a_table(world, "/shop")


@proof("AUD303", "It awaits something else", faulty=BLOCKED, fix=None)
def test_awaits(world: World) -> dict:
    return wait_with(world, post("app.health:app", "/orders/1/ship"))


@proof("AUD303", "A flag that says yes", faulty=BLOCKED, fix=None)
@look_alike("AUD303", "Only builds statements, or adds to the session", seen=FREE)
def test_place(world: World) -> dict:
    return wait_with(world, post("app.health:app", "/orders?total=5"))


@proof("AUD303", "Not what the arguments exclude, but what stands behind it", faulty=BLOCKED, fix=None)
def test_price(world: World) -> dict:
    return wait_for_a_table(world, "/price?order_id=1")


@proof("AUD303", "A worker's own scope", faulty={"loop": "blocked", "other": None, "then": "there"}, fix=None)
def test_sweeper(world: World) -> dict:
    world.sql("CREATE TABLE carts (expires_at timestamptz)")
    return wait_in_a_call(world, call(sweep), table="carts")


@look_alike("AUD303", "An asynchronous session, and its run_sync", seen=FREE)
def test_async_session(world: World) -> dict:
    return wait_for_a_table(world, "/orders/1")


@look_alike("AUD303", "An annotation that the code contradicts", seen={"loop": "free", "other": "fine", "then": "there"})
def test_annotation(world: World) -> dict:
    return wait_in_a_call(world, call(call_with_async_session, "app.routes:read_order", 1))


@look_alike(
    "AUD303",
    "A synchronous helper that is handed an asynchronous session",
    seen={"loop": "free", "other": "fine", "then": "there"},
)
def test_async_handed_on(world: World) -> dict:
    return wait_in_a_call(world, call(call_with_async_session, "app.orders:place_order"))


@look_alike("AUD303", "A loop of its own, in a thread", seen={"loop": "free", "other": "fine", "then": "there"})
def test_own_loop(world: World) -> dict:
    return wait_in_a_call(world, call("app.watch:watch"))


@look_alike("AUD303", "While the application starts", seen={"statements at first": 1, "locked": "done", "answer": 200})
@look_alike(
    "AUD303",
    "While the application starts, under another name",
    seen={"statements at first": 1, "locked": "done", "answer": 200},
)
def test_start(world: World) -> dict:
    return meet_a_locked_table(world, get("app.main:app", "/openapi.json"))


@look_alike("AUD303", "Asked once, and remembered", seen={"statements at first": 1, "locked": "done", "answer": 200})
def test_remembered(world: World) -> dict:
    return meet_a_locked_table(world, get("app.rates:router", "/rates/5"))


@look_alike("AUD303", "A flag that is not said to be set", seen={"statements at first": 0, "locked": "done", "answer": 200})
def test_flag(world: World) -> dict:
    return meet_a_locked_table(world, post("app.routes:router", "/notes?text=sold&household=1"))


@look_alike("AUD303", "What the arguments of the call exclude", seen={"statements at first": 0, "locked": "done", "answer": 200})
def test_excluded(world: World) -> dict:
    return meet_a_locked_table(world, get("app.routes:router", "/price?total=5"))


@look_alike(
    "AUD303",
    "A helper that asks the database where it is handed no id",
    seen={"statements at first": 0, "locked": "done", "answer": 200},
)
def test_id(world: World) -> dict:
    note = {"text": "sold", "household": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}
    return meet_a_locked_table(world, post("app.routes:router", "/notes", json=note))


@look_alike("AUD303", "A script of one coroutine", seen={"tasks of its loop": 1, "orders": 2})
def test_script(world: World) -> dict:
    """Who else could wait on the loop that stands still?"""
    worker = orders(world)
    tasks = worker.run(call(run_script, "app.import_orders")).value
    return {"tasks of its loop": tasks, "orders": world.value("SELECT count(*) FROM orders")}


@look_alike("AUD303", "A worker's task that runs one coroutine", seen=1)
def test_task(world: World) -> object:
    outcome = orders(world).run(call(work_off, [1, 1]))
    return outcome.error or outcome.value


@proof("AUD303", "A job of a worker", faulty={"loop": "blocked", "other": None, "then": "done"}, fix=None)
def test_job(world: World) -> dict:
    world.write("arq/connections.py", "class RedisSettings: ...\n")
    return wait_in_a_call(world, call("app.jobs:remind", {}, 1))
