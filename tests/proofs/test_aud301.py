"""AUD301: two requests use one session."""

from harness import call, get, look_alike, post, proof
from harness.world import World

ROUTES = """
from fastapi import APIRouter, Depends
from sqlalchemy import create_engine, text
from {module} import {accessor} as get_db

router = APIRouter()
other = create_engine("postgresql+psycopg://shop@db/shop")


@router.post("/orders")
def add(db=Depends(get_db)) -> None:
    db.execute(text("INSERT INTO orders DEFAULT VALUES"))
    with other.connect() as connection:
        connection.execute(text("SELECT 1"))
    db.commit()


@router.post("/fail")
def fail(db=Depends(get_db)) -> None:
    db.rollback()


@router.get("/orders")
def count(db=Depends(get_db)) -> int:
    return db.scalar(text("SELECT count(*) FROM orders"))
"""

FLASK_ROUTES = """
from sqlalchemy import create_engine, text
from app.shop import app as router, orders

other = create_engine("postgresql+psycopg://shop@db/shop")


@router.post("/orders")
def add() -> str:
    orders.session.execute(text("INSERT INTO orders DEFAULT VALUES"))
    with other.connect() as connection:
        connection.execute(text("SELECT 1"))
    orders.session.commit()
    return ""


@router.post("/fail")
def fail() -> str:
    orders.session.rollback()
    return ""


@router.get("/orders")
def count() -> str:
    return str(orders.session.scalar(text("SELECT count(*) FROM orders")))
"""


def run_script(path: str) -> int:
    """Runs, in a worker, a script of the example; how many threads have asked the database."""
    import runpy
    import threading

    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    threads: set[int] = set()

    @event.listens_for(Engine, "before_cursor_execute")
    def note(*_: object) -> None:
        threads.add(threading.get_ident())

    runpy.run_path(path, run_name="__main__")
    return len(threads)


def meet(world: World, module: str, accessor: str) -> dict:
    """While one request has written and not committed, another reads, and a third fails and rolls back."""
    return meet_at(world, ROUTES.format(module=module, accessor=accessor))


def meet_at(world: World, routes: str) -> dict:
    world.sql("CREATE TABLE orders (id serial PRIMARY KEY)")
    world.write("app/routes.py", routes)
    worker = world.worker()
    adding = worker.start(post("app.routes:router", "/orders")).until("^SELECT 1")
    seen = worker.run(get("app.routes:router", "/orders")).value
    worker.run(post("app.routes:router", "/fail"))
    answer = adding.finish().brief
    return {"uncommitted rows seen": seen, "answer": answer, "saved": world.value("SELECT count(*) FROM orders")}


SHARED = {"uncommitted rows seen": 1, "answer": 200, "saved": 0}
APART = {"uncommitted rows seen": 0, "answer": 200, "saved": 1}


@proof("AUD301", "An accessor that keeps the first session", faulty=SHARED, cured=APART, fix="--unsafe-fixes")
def test_accessor(world: World) -> dict:
    return meet(world, "app.store", "get_session")


@proof("AUD301", "A cached accessor", faulty=SHARED, cured=APART, fix="--unsafe-fixes")
def test_cached(world: World) -> dict:
    return meet(world, "app.deps", "get_db")


@proof("AUD301", "A service in a cached container", faulty=SHARED, fix=None)
def test_container(world: World) -> dict:
    world.write("app/current.py", "from app.container import get_container\n\ndef db():\n    return get_container().catalog.db\n")
    return meet(world, "app.current", "db")


@proof("AUD301", "A module-level session", faulty=SHARED, fix=None)
def test_module(world: World) -> dict:
    world.write("app/current.py", "from app import jobs\n\ndef db():\n    return jobs.db\n")
    return meet(world, "app.current", "db")


@proof("AUD301", "A session on the class", faulty=SHARED, fix=None)
def test_class(world: World) -> dict:
    world.write("app/current.py", "from app.reports import Reports\n\ndef db():\n    return Reports().db\n")
    return meet(world, "app.current", "db")


@proof("AUD301", "A module-level service", faulty=SHARED, fix=None)
def test_service(world: World) -> dict:
    world.write("app/current.py", "from app.audit import audit_trail\n\ndef db():\n    return audit_trail.session\n")
    return meet(world, "app.current", "db")


@look_alike("AUD301", "A registry of sessions, one for each thread", seen=APART)
def test_registry(world: World) -> dict:
    world.write("app/current.py", "from app.database import ScopedSession\n\ndef db():\n    return ScopedSession()\n")
    return meet(world, "app.current", "db")


@look_alike("AUD301", "A service made for each request", seen=APART)
def test_each_request(world: World) -> dict:
    service = "from fastapi import Depends\nfrom app.orders import OrderService\n\n"
    world.write("app/current.py", service + "def db(service: OrderService = Depends()):\n    return service.db\n")
    return meet(world, "app.current", "db")


@proof("AUD301", "On the application", faulty=["InvalidRequestError", 200], fix=None)
@look_alike("AUD301", "The application keeps the factory, each request its session", seen=[200, 200])
def test_application(world: World) -> list:
    world.sql("CREATE TABLE orders (id serial PRIMARY KEY)")
    worker = world.worker()
    one = worker.start(get("app.main:app", "/orders/count")).until("^CONNECT")
    other = worker.run(get("app.main:app", "/orders/count"))
    return [other.brief, one.finish().brief]


@look_alike("AUD301", "Flask-SQLAlchemy's registry", seen=APART)
def test_flask(world: World) -> dict:
    return meet_at(world, FLASK_ROUTES)


@look_alike("AUD301", "A singleton that keeps the factory", seen=["returned", "returned"])
def test_factory(world: World) -> list:
    worker = world.worker()
    one = worker.start(call("app.agents:agent.work")).until("^CONNECT")
    other = worker.run(call("app.agents:agent.work"))
    return [other.brief, one.finish().brief]


@look_alike(
    "AUD301",
    "A worker that opens a session for each job",
    seen={"answers": ["DataError", "returned"], "done": True},
)
def test_jobs(world: World) -> dict:
    """While one job has written and not committed, another one fails and rolls back."""
    world.sql("CREATE TABLE jobs (id serial PRIMARY KEY, done boolean)")
    world.sql("INSERT INTO jobs (done) VALUES (false)")
    worker = world.worker()
    one = worker.start(call("app.worker:worker.run", 1)).until("^COMMIT")
    other = worker.run(call("app.worker:worker.run", "none"))
    answers = [other.brief, one.finish().brief]
    return {"answers": answers, "done": world.value("SELECT done FROM jobs")}


@look_alike("AUD301", "A script with a session of its own", seen={"connections": 2, "threads": [1, 1]})
def test_script(world: World) -> dict:
    return run_twice(world, "scripts/seed.py")


@look_alike("AUD301", "A script whose name nothing can import", seen={"connections": 2, "threads": [1, 1]})
def test_unimportable(world: World) -> dict:
    return run_twice(world, "docs/guides/first-steps.py")


def run_twice(world: World, script: str) -> dict:
    """Two people run the script at once: how many connections have they, and how many threads use each?"""
    one, other = [world.start(call(run_script, script)).until("^SELECT 1") for _ in range(2)]
    mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s"
    connections = world.value(mine, f"{world.database}\\_%")
    return {"connections": connections, "threads": [one.finish().value, other.finish().value]}
