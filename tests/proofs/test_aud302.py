"""AUD302: a function returns or fails, and the session that it opened keeps its connection."""

from collections.abc import Callable

from harness import call, look_alike, proof
from harness.world import World


def fail_after_select() -> None:
    """Has something fail, in a worker, after each `SELECT 1`: the transaction that it has begun is still open."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "after_cursor_execute")
    def fail(connection: object, cursor: object, text: str, *_: object) -> None:
        if text == "SELECT 1":
            raise RuntimeError(text)


def thrice(function: str) -> None:
    """Calls, in a worker, a function of the example three times in one thread."""
    from app import jobs

    for _ in range(3):
        getattr(jobs, function)()


def close_handed_on(function: str) -> None:
    """Closes, in a worker, what a function of the example hands to its caller."""
    from contextlib import closing

    from app import jobs

    with closing(getattr(jobs, function)()):
        pass


def add_order() -> None:
    """Adds, in a worker, an order, of which the example's listener hears."""
    from app import jobs

    with jobs.SessionLocal() as db:
        db.add(jobs.Order(total=20))
        db.commit()


def left_open(world: World, function: str | Callable, *arguments: object) -> dict:
    """How the call ends (without its table it fails), and how many of its transactions are open afterwards."""
    worker = world.worker()
    outcome = worker.run(call(function, *arguments))
    return {"answer": outcome.brief, "open": world.open_transactions()}


def left_by_each(world: World, *calls: object) -> dict:
    """How each of the calls ends, in one worker, and how many of their transactions are open afterwards."""
    worker = world.worker()
    answers = [worker.run(one).brief for one in calls]
    return {"answers": answers, "open": world.open_transactions()}


@proof(
    "AUD302",
    "Never closed",
    faulty={"answer": "returned", "open": 1},
    cured={"answer": "returned", "open": 0},
)
def test_revenue(world: World) -> dict:
    world.tables("app.database")
    return left_open(world, "app.reports:revenue")


@proof(
    "AUD302",
    "Closed only when nothing fails",
    faulty={"answer": "ProgrammingError", "open": 1},
    cured={"answer": "ProgrammingError", "open": 0},
)
def test_sweep(world: World) -> dict:
    return left_open(world, "app.jobs:sweep", 1)


@proof(
    "AUD302",
    "An asynchronous session",
    faulty={"answer": "ProgrammingError", "open": 1},
    cured={"answer": "ProgrammingError", "open": 0},
)
def test_async(world: World) -> dict:
    return left_open(world, "app.tasks:count_orders")


@proof(
    "AUD302",
    "An accessor leaves it to its caller",
    faulty=["ProgrammingError", "ProgrammingError", "TimeoutError"],
    cured=["ProgrammingError", "ProgrammingError", "ProgrammingError"],
)
def test_accessor(world: World) -> list:
    """A pool of two: is there a connection for the third call?"""
    world.small_pools()
    worker = world.worker()
    return [worker.run(call("app.service:create_order", 20)).brief for _ in range(3)]


@proof("AUD302", "Its rows are returned", faulty={"answer": "returned", "open": 1}, fix=None)
def test_returned_row(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (total) VALUES (20)")
    return left_open(world, "app.service:find_order", 1)


@look_alike(
    "AUD302",
    "Closed by with, begin, closing",
    seen={"answers": ["RuntimeError"] * 4, "open": 0},
)
def test_with(world: World) -> dict:
    world.prepare(fail_after_select)
    return left_by_each(world, *(call(f"app.jobs:{name}") for name in ("one", "two", "three", "four")))


@look_alike(
    "AUD302",
    "Closed in finally, or rolled back when it fails",
    seen={"answers": ["RuntimeError", "ProgrammingError"], "open": 0},
)
def test_finally(world: World) -> dict:
    world.prepare(fail_after_select)
    return left_by_each(world, call("app.jobs:one"), call("app.jobs:two"))


@look_alike(
    "AUD302",
    "Handed on: to the caller, an object, a stack",
    seen={"answers": ["returned", "returned"], "open": 0},
)
def test_handed_on(world: World) -> dict:
    return left_by_each(world, call(close_handed_on, "open_session"), call(close_handed_on, "open_unit"))


@look_alike(
    "AUD302",
    "Handed on: to the caller, an object, a stack",
    seen={"answers": ["RuntimeError", "RuntimeError"], "open": 0},
)
def test_stack(world: World) -> dict:
    world.prepare(fail_after_select)
    return left_by_each(world, call("app.jobs:in_stack"), call("app.jobs:in_stack_later"))


@look_alike(
    "AUD302",
    "A scoped session, and one that sends nothing",
    seen={"answers": ["returned", "returned"], "open": 1},
)
def test_scoped(world: World) -> dict:
    """A pool of two: three calls, and only the thread's own session keeps a connection."""
    world.small_pools()
    return left_by_each(world, call(thrice, "scoped"), call(thrice, "dialect"))


@look_alike("AUD302", "A callee closes it", seen={"answer": "ProgrammingError", "open": 0})
def test_callee(world: World) -> dict:
    return left_open(world, "app.jobs:run")


@look_alike(
    "AUD302",
    "A session that its accessor keeps, and one on somebody's connection",
    seen={"answer": "returned", "open": 1},
)
def test_kept(world: World) -> dict:
    """A pool of two: three calls, and they have one session among them."""
    world.small_pools()
    return left_open(world, thrice, "ping")


@look_alike(
    "AUD302",
    "A session that its accessor keeps, and one on somebody's connection",
    seen={"answer": "returned", "open": 0, "orders": 1},
)
def test_listener(world: World) -> dict:
    world.tables("app.database")
    world.sql("CREATE TABLE counters (orders integer)")
    world.sql("INSERT INTO counters VALUES (0)")
    left = left_open(world, add_order)
    return left | {"orders": world.value("SELECT orders FROM counters")}


@look_alike(
    "AUD302",
    "Taken out of a generator, which is closed",
    seen={"answer": "ProgrammingError", "open": 0},
)
def test_closed_generator(world: World) -> dict:
    return left_open(world, "app.jobs:pay", 1)


def run_command(*words: str) -> None:
    """Runs, in a worker, the example's command as its own process does."""
    from app.cli import cli

    cli(words, standalone_mode=False)


@look_alike("AUD302", "A command, whose process ends", seen={"open": [1, 0], "answer": "returned", "saved": 1})
def test_command(world: World) -> dict:
    world.tables("app.database")
    worker = world.worker()
    worker.start(call(run_command, "20")).until("^COMMIT")
    left = [world.open_transactions()]
    # It is interrupted: the end of the process ends its connection.
    worker.end()
    world.processes.remove(worker)
    world.wait_until_gone(worker)
    left.append(world.open_transactions())
    answer = world.run(call(run_command, "20")).brief
    return {"open": left, "answer": answer, "saved": world.value("SELECT count(*) FROM orders")}


def with_plain_type_variable(world: World) -> None:
    """Has a Python that knows no type parameters read the example as well."""
    file = world.root / "app/jobs.py"
    plain = file.read_text().replace("def checked[T](", "def checked(")
    file.write_text(f'from typing import TypeVar\n\nT = TypeVar("T")\n{plain}')


def use_new_sessions() -> None:
    """Asks the database, in a worker, with three sessions that the example's helper hands back, and closes each."""
    from sqlalchemy import text

    from app.jobs import new_session

    for echo in (None, True, None):
        with new_session(echo) as db:
            db.execute(text("SELECT 1"))


@look_alike("AUD302", "A helper looks at it and hands it back", seen={"answer": "returned", "open": 0})
def test_looked_at(world: World) -> dict:
    with_plain_type_variable(world)
    world.small_pools()
    return left_open(world, use_new_sessions)
