"""AUD106: an idle worker takes the task at once, and looks for the row."""

from collections.abc import Callable

from harness import call, look_alike, post, proof
from harness.calls import Request
from harness.world import World

# Queues whose message goes over the wire like every other request, so that the proof is the worker that takes it.
QUEUES = """
import httpx


class Task:
    def __init__(self, function):
        self.function = function

    def delay(self, *arguments, **keywords):
        httpx.post("https://queue.example/tasks")

    apply_async = enqueue = delay


class Celery:
    def __init__(self, name):
        pass

    def task(self, function):
        return Task(function)


class Queue:
    def enqueue(self, task, *arguments):
        httpx.post("https://queue.example/tasks")
"""


def taken_at_once(world: World, request: Callable[[], Request], found: str) -> list:
    """What the worker finds in the moment in which it is given the task."""
    for name in ("celery.py", "rq.py"):
        world.write(name, QUEUES)
    world.tables("app.database")
    world.sql("INSERT INTO orders (number, state) VALUES ('A-1', 'new')")
    seen = []

    def worker(method: str, url: str) -> dict:
        seen.append(world.value(found))
        return {}

    world.elsewhere = worker
    outcome = world.run(request())
    assert outcome.error is None, outcome
    return seen


def with_session(*arguments: object) -> None:
    """Calls, in a worker, a function of the example with a session."""
    from app import orders
    from app.database import SessionLocal

    with SessionLocal() as db:
        getattr(orders, arguments[0])(db, *arguments[1:])


PLACED = "SELECT count(*) FROM orders WHERE number = 'A-2'"


@proof("AUD106", "Celery: the id is known after the flush, the row is not", faulty=[0], cured=[1])
def test_flushed(world: World) -> list:
    return taken_at_once(world, lambda: post("app.orders:router", "/orders?number=A-2"), PLACED)


@proof("AUD106", "A loaded row, whose new state the worker is to see", faulty=["new"], cured=["shipped"])
def test_loaded(world: World) -> list:
    return taken_at_once(world, lambda: call(with_session, "ship", 1), "SELECT state FROM orders")


@proof("AUD106", "A helper gives the task away", faulty=[0], fix=None)
@look_alike("AUD106", "Commit, then enqueue", seen=[1])
@look_alike("AUD106", "Committed, and then a commit of something else", seen=[1])
def test_committed(world: World) -> list:
    return taken_at_once(world, lambda: call(with_session, "place_order", "A-2"), PLACED)


@look_alike("AUD106", "The task is about something that was there before", seen=[1])
def test_before(world: World) -> list:
    return taken_at_once(world, lambda: call(with_session, "copy_order", 1), "SELECT count(*) FROM orders WHERE id = 1")
