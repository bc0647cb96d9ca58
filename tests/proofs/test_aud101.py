"""AUD101: a commit fails, and the session or its connection stays behind."""

from harness import call, delete, look_alike, post, proof, put
from harness.world import World

ITEMS = """
    CREATE TABLE items (id serial PRIMARY KEY, sku text UNIQUE, price int CHECK (price > 0), restocked_at timestamptz);
    INSERT INTO items (sku, price) VALUES ('lamp', 10);
    CREATE TABLE stock_moves (id serial PRIMARY KEY, item_id int REFERENCES items, quantity int CHECK (quantity <> 0))
"""


def left_behind(world: World, request: object) -> dict:
    """How a request fails, and how many connections its worker's pool misses afterwards."""
    worker = world.worker()
    outcome = worker.run(request)
    return {"answer": outcome.brief, "missing": worker.run(call("app.database:engine.pool.checkedout")).value}


MISSING = {"answer": "IntegrityError", "missing": 1}
BACK = {"answer": "IntegrityError", "missing": 0}


@proof("AUD101", "A job opens a session and closes it only when nothing fails", faulty=MISSING, cured=BACK)
def test_job(world: World) -> dict:
    world.sql(ITEMS)
    return left_behind(world, call("app.jobs.restock:restock", "lamp", 0))


@proof(
    "AUD101",
    "One object keeps its session for all requests",
    faulty=["IntegrityError", "PendingRollbackError", "PendingRollbackError"],
    cured=["IntegrityError", 200, 200],
)
def test_shared(world: World) -> list:
    world.sql(
        """
        CREATE TABLE accounts (id serial PRIMARY KEY);
        INSERT INTO accounts VALUES (1);
        CREATE TABLE audit_entries (id serial PRIMARY KEY, actor_id int REFERENCES accounts, action text)
        """
    )
    worker = world.worker()
    accounts = ["7", "1", "1"]
    return [worker.run(post("app.routers.accounts:router", f"/accounts/{one}/lock")).brief for one in accounts]


@proof("AUD101", "The dependency that hands out the session does not close it", faulty=MISSING, cured=BACK)
def test_dependency(world: World) -> dict:
    world.sql(ITEMS)
    return left_behind(world, put("app.routers.items:router", "/items/lamp/price?price=-1"))


@proof("AUD101", "A handler is there, and forgets the rollback", faulty=MISSING, cured=BACK)
def test_handler(world: World) -> dict:
    world.sql(ITEMS)
    world.write("items.csv", "sku,price\nchair,20\nlamp,10\n")
    return left_behind(world, call("app.jobs.catalogue:import_catalogue", "items.csv"))


@proof(
    "AUD101",
    "SQLModel, with SQL over several lines",
    faulty={"answer": "ProgrammingError", "missing": 1},
    cured={"answer": "ProgrammingError", "missing": 0},
)
def test_month(world: World) -> dict:
    world.sql("CREATE TABLE orders (paid_at timestamptz, total int)")
    return left_behind(world, call("app.jobs.close_month:close_month", "2026-01-01"))


@proof("AUD101", "A helper whose caller hands in a session that nobody rolls back", faulty=MISSING, cured=BACK)
def test_helper(world: World) -> dict:
    world.sql(ITEMS)
    return left_behind(world, call("app.jobs.returns:book_return", 7))


@proof(
    "AUD101",
    "The session is opened in the `try`, and may not be there in its handler",
    faulty={"answer": "returned", "missing": 1},
    cured={"answer": "returned", "missing": 0},
)
def test_opened_in_try(world: World) -> dict:
    world.sql(ITEMS)
    return left_behind(world, call("app.jobs.moves:flush_moves", [(1, 0)]))


@proof("AUD101", "A middleware closes the session only behind an answer", faulty=MISSING, cured=BACK)
def test_middleware(world: World) -> dict:
    world.sql(ITEMS)
    return left_behind(world, post("app.main:app", "/moves?item_id=1&quantity=0"))


GOES_ON = ["IntegrityError", 200]


def twice_then_another(world: World, app: str) -> list:
    world.sql("CREATE TABLE items (id serial PRIMARY KEY, sku text UNIQUE, price int); INSERT INTO items VALUES (7, 'lamp', 1)")
    worker = world.worker()
    seen = [worker.run(post(app, f"/items?sku={sku}&price=1")).brief for sku in ("lamp", "chair")]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    return seen


@look_alike("AUD101", "A dependency that closes in its `finally`, however many commits the handler has", seen=GOES_ON)
@look_alike("AUD101", "A repository that gets the request's session", seen=GOES_ON)
@look_alike("AUD101", "A session that a middleware puts on the request", seen=GOES_ON)
def test_closed_by_the_owner(world: World) -> list:
    return twice_then_another(world, "app.main:app")


@look_alike("AUD101", "The project's own scope, which rolls back", seen=["IntegrityError", "returned"])
@look_alike("AUD101", "The caller of the helper rolls back", seen=["returned", "returned"])
def test_scope(world: World) -> list:
    world.sql("CREATE TABLE items (id serial PRIMARY KEY, sku text UNIQUE, price int); INSERT INTO items VALUES (7, 'lamp', 1)")
    worker = world.worker()
    seen = [worker.run(call("app.jobs:create", sku)).brief for sku in ("lamp", "chair")]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    assert world.value("SELECT count(*) FROM items") == 2
    return seen


@look_alike("AUD101", "Flask-SQLAlchemy removes its session when the request ends", seen=[500, 201])
def test_flask(world: World) -> list:
    world.sql("CREATE TABLE coupon (id serial PRIMARY KEY, code text UNIQUE); INSERT INTO coupon VALUES (7, 'ten')")
    worker = world.worker()
    return [worker.run(post("app.shop:app", f"/coupons/{code}")).brief for code in ("ten", "twenty")]


STOCK = """
    CREATE TABLE items (id serial PRIMARY KEY, sku text UNIQUE, price int CHECK (price >= 0));
    INSERT INTO items (id, sku, price) VALUES (7, 'lamp', 1), (8, 'chair', 1)
"""


def each_in_turn(world: World, *requests: object) -> list:
    """How requests end in one worker, of which none may keep a connection."""
    world.sql(STOCK)
    worker = world.worker()
    seen = [worker.run(request).brief for request in requests]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    return seen


@look_alike(
    "AUD101",
    "SQLModel's `with` in a dependency, through an alias in another file",
    seen=["IntegrityError", 200],
)
def test_alias(world: World) -> list:
    world.sql(STOCK)
    world.sql("CREATE TABLE sales (item_id int REFERENCES items); INSERT INTO sales VALUES (7)")
    worker = world.worker()
    seen = [worker.run(delete("app.routes:router", f"/items/{sku}")).brief for sku in ("lamp", "chair")]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    return seen


def async_pool() -> int:
    """In a worker: how many connections the asynchronous pool misses."""
    from app.database import AsyncSessionLocal

    return AsyncSessionLocal.kw["bind"].pool.checkedout()


@look_alike("AUD101", "A `with` around the work", seen=["IntegrityError", "returned"] * 3)
def test_with(world: World) -> list:
    world.sql(STOCK)
    worker = world.worker()
    calls = [
        call("app.jobs:rename", "lamp", "chair"),
        call("app.jobs:rename", "lamp", "table"),
        call("app.jobs:create", "chair"),
        call("app.jobs:create", "sofa"),
        call("app.jobs:create_all", ["bed", "chair"]),
        call("app.jobs:create_all", ["bed", "rug"]),
    ]
    seen = [worker.run(one).brief for one in calls]
    assert worker.run(call("app.database:engine.pool.checkedout")).value == 0
    assert worker.run(call(async_pool)).value == 0
    return seen


@look_alike("AUD101", "A decorator that rolls back what it passes", seen=["IntegrityError", "returned"])
def test_decorator(world: World) -> list:
    return each_in_turn(world, call("app.store:add_all", ["lamp"]), call("app.store:add_all", ["sofa", "bed"]))


@look_alike("AUD101", "The caller lets the failure pass, and then closes", seen={"answers": [200, 200], "missing": 0})
def test_lets_pass(world: World) -> dict:
    world.sql(STOCK)
    worker = world.worker()
    answers = [worker.run(post("app.main:app", f"/items/{sku}")).brief for sku in ("lamp", "sofa")]
    assert world.value("SELECT count(*) FROM items") == 3
    return {"answers": answers, "missing": worker.run(call(async_pool)).value}


def left_by_script(world: World, module: str) -> dict:
    """What a script that fails leaves on the server when its process has ended, and whether the next run works."""
    world.sql(STOCK)
    world.sql("INSERT INTO items (sku, price) VALUES ('A-1', 0)")
    worker = world.worker()
    failed = worker.run(call(f"{module}:main")).brief
    # The end of the process ends its connection.
    worker.end()
    world.processes.remove(worker)
    world.wait_until_gone(worker)
    world.sql("DELETE FROM items WHERE sku = 'A-1'")
    return {"answers": [failed, world.run(call(f"{module}:main")).brief], "saved": world.value("SELECT count(*) FROM items")}


@look_alike(
    "AUD101",
    "Objects that only scripts and tests make",
    seen={"answers": ["IntegrityError", "returned"], "saved": 3},
)
def test_samples(world: World) -> dict:
    return left_by_script(world, "tools.fill")


@look_alike(
    "AUD101",
    "A script ends with its failure",
    seen={"answers": ["IntegrityError", "returned"], "saved": 3},
)
def test_script(world: World) -> dict:
    return left_by_script(world, "scripts.seed")
