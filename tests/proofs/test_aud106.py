"""AUD106: an idle worker takes the task at once, and looks for the row; a commit fails when the file of its row is gone."""

from collections.abc import Callable

from harness import call, delete, look_alike, post, proof
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


@look_alike("AUD106", "The commit stands on another path", seen=[1])
def test_other_path(world: World) -> list:
    return taken_at_once(world, lambda: call(with_session, "place_order", "A-1", True), "SELECT count(*) FROM orders")


async def place_order(number: str) -> None:
    """Runs, in a worker, the example's function with an asynchronous session."""
    from app import orders
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async with AsyncSession(create_async_engine("postgresql+asyncpg://shop@db/shop")) as session:
        await orders.place_order(session, number)


@proof("AUD106", "An async session", faulty=[0], fix=None)
def test_async(world: World) -> list:
    return taken_at_once(world, lambda: call(place_order, "A-2"), PLACED)


async def answered(number: str) -> None:
    """Calls, in a worker, the example's function, and then runs what the framework runs behind the answer."""
    from app.database import SessionLocal
    from app.orders import place_order
    from app.tasks import send_receipt
    from fastapi import BackgroundTasks

    type(send_receipt).__call__ = type(send_receipt).delay
    tasks = BackgroundTasks()
    with SessionLocal() as db:
        place_order(db, tasks, number)
    await tasks()


@look_alike("AUD106", "Background tasks of the framework run after the answer", seen=[1])
def test_background(world: World) -> list:
    return taken_at_once(world, lambda: call(answered, "A-2"), PLACED)


# A storage whose objects are files.
STORAGE = """
import os


class Client:
    def delete_object(self, Bucket, Key):
        os.remove(os.path.join(Bucket, Key))


def client(name):
    return Client()
"""

GONE = {"row": "lamp.png", "file": False}
KEPT = {"row": "lamp.png", "file": True}


def refused(world: World, request: Callable[[], Request], seen: str = "SELECT path FROM uploads") -> dict:
    """What is left of a row and of its file when the database refuses to let the row go, or to change it."""
    world.write("boto3.py", STORAGE)
    world.tables("app.database", "app.models")
    world.sql("INSERT INTO uploads (path) VALUES ('lamp.png')")
    world.sql("INSERT INTO customers (avatar) VALUES ('lamp.png')")
    world.sql("INSERT INTO shares (upload_id) VALUES (1)")
    world.sql("ALTER TABLE customers ADD CHECK (avatar IS NOT NULL)")
    world.sql("ALTER TABLE uploads ADD CHECK (path = 'lamp.png' AND state <> 'turned')")
    world.write("uploads/lamp.png", "a lamp")
    outcome = world.run(request())
    assert outcome.error == "IntegrityError", outcome
    assert world.open_transactions() == 0
    return {"row": world.value(seen), "file": (world.root / "uploads/lamp.png").exists()}


def of_files(*arguments: object) -> None:
    """Calls, in a worker, a function of the example with a session."""
    from app import files
    from app.database import SessionLocal

    with SessionLocal() as db:
        getattr(files, arguments[0])(db, *arguments[1:])


@proof("AUD106", "A file goes before its row", faulty=GONE, cured=KEPT, fix="--unsafe-fixes")
def test_file(world: World) -> dict:
    return refused(world, lambda: delete("app.files:router", "/uploads/1"))


@proof("AUD106", "A file that is removed where it is there", faulty=GONE, cured=KEPT, fix="--unsafe-fixes")
def test_lost_connection(world: World) -> dict:
    # The DELETE statement is not refused here: it is the commit itself that fails.
    world.tables("app.database", "app.models")
    world.sql("INSERT INTO uploads (path) VALUES ('lamp.png')")
    world.write("uploads/lamp.png", "a lamp")
    worker = world.worker()
    under_way = worker.start(call(of_files, "delete_upload", 1)).until("^COMMIT")
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", worker.name)
    assert under_way.finish().error == "OperationalError"
    return {"row": world.value("SELECT path FROM uploads"), "file": (world.root / "uploads/lamp.png").exists()}


def remove_avatar() -> None:
    """Calls, in a worker, the example's function with a session."""
    from app.customers import remove_avatar
    from app.database import SessionLocal

    with SessionLocal() as db:
        remove_avatar(db, 1)


@proof(
    "AUD106",
    "A helper removes what a column names, and the column is emptied",
    faulty=GONE,
    cured=KEPT,
    fix="--unsafe-fixes",
)
def test_emptied(world: World) -> dict:
    return refused(world, lambda: call(remove_avatar), "SELECT avatar FROM customers")


async def delete_object() -> None:
    """Runs, in a worker, the example's function with an asynchronous session."""
    from app.files import delete_upload
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async with AsyncSession(create_async_engine("postgresql+asyncpg://shop@db/shop")) as session:
        await delete_upload(session, 1)


@proof(
    "AUD106",
    "An object of a storage, and an async session",
    faulty=GONE,
    cured=KEPT,
    fix="--unsafe-fixes",
)
def test_object(world: World) -> dict:
    return refused(world, lambda: call(delete_object))


@proof("AUD106", "The commit is the caller's", faulty=GONE, fix=None)
def test_caller_commits(world: World) -> dict:
    return refused(world, lambda: delete("app.routes:router", "/uploads/1"))


@look_alike("AUD106", "The row goes before its file", seen=KEPT)
def test_behind(world: World) -> dict:
    return refused(world, lambda: call(of_files, "delete_upload", 1))


@look_alike("AUD106", "A file of this unit is cleared away when its row cannot be saved", seen=KEPT)
def test_cleared_away(world: World) -> dict:
    seen = refused(world, lambda: call(of_files, "replace_upload", 1, b"another lamp"))
    assert not (world.root / "uploads/lamp.png.new").exists()
    return seen


@look_alike("AUD106", "A temporary file", seen=KEPT)
def test_temporary(world: World) -> dict:
    return refused(world, lambda: call(of_files, "archive_upload", 1))


@look_alike("AUD106", "The row has said that its file may be gone", seen={"row": "deleting", "file": False})
def test_said(world: World) -> dict:
    return refused(world, lambda: call(of_files, "delete_upload", 1), "SELECT state FROM uploads")


@look_alike("AUD106", "The row keeps its file, and what is made of it goes", seen=KEPT)
def test_made_of_it(world: World) -> dict:
    return refused(world, lambda: call(of_files, "turn", 1))
