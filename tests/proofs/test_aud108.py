"""AUD108: one of four cannot be saved; what is the one who handed them in told?"""

from harness import call, look_alike, post, proof
from harness.world import World

NUMBERS = ["1", "2", "2", "3"]


def import_orders(world: World, body: object) -> dict:
    world.tables("app.database")
    outcome = world.run(post("app.orders:router", "/orders/import", json=body))
    saved = world.rows("SELECT number FROM orders ORDER BY id")
    return {"answer": outcome.value, "saved": [number for (number,) in saved]}


DROPPED = {"answer": {"status": "imported"}, "saved": ["1", "2", "3"]}


@proof("AUD108", "Each item of a request's list", faulty=DROPPED, fix=None)
@look_alike("AUD108", "The answer lists what failed", seen={"answer": {"failed": ["2"]}, "saved": ["1", "2", "3"]})
@look_alike("AUD108", "The answer says how many were saved", seen={"answer": {"saved": 3}, "saved": ["1", "2", "3"]})
@look_alike("AUD108", "A row is kept of what failed", seen=DROPPED | {"saved": ["1", "2", "failed 2", "3"]})
def test_list(world: World) -> dict:
    return import_orders(world, NUMBERS)


@proof("AUD108", "A model with a list, and a service", faulty=DROPPED, fix=None)
def test_service(world: World) -> dict:
    return import_orders(world, {"lines": NUMBERS})


def no_queue(world: World) -> None:
    world.write("celery/__init__.py", "class Celery:\n    def __init__(self, name): ...\n\n    def task(self, function):\n        return function\n")


@proof("AUD108", "A task that a queue has handed out once", faulty=["returned", "1", "2", "3"], fix=None)
def test_task(world: World) -> list:
    no_queue(world)
    world.tables("app.database")
    payload = {"orders": [{"number": number} for number in NUMBERS]}
    outcome = world.run(call("app.tasks:import_orders", payload))
    return [outcome.brief] + [number for (number,) in world.rows("SELECT number FROM orders ORDER BY id")]


@look_alike("AUD108", "It is raised again", seen=["IntegrityError", "DataError", "1", "2", "4"])
@look_alike("AUD108", "Only what is there already is passed over", seen=[200, "DataError", "1", "2", "3", "4"])
def test_damaged(world: World) -> list:
    world.tables("app.database")
    # Some of it is there already, and then comes what the database cannot hold.
    bodies = [NUMBERS, ["4", "5\0", "6"]]
    answers = [world.run(post("app.orders:router", "/orders/import", json=body)).brief for body in bodies]
    return answers + [number for (number,) in world.rows("SELECT number FROM orders ORDER BY id")]


@look_alike("AUD108", "The next round of a poller sees the row again", seen=[["done", "new", "done"], ["done", "done", "done"]])
def test_poller(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO orders (number, state) VALUES ('1', 'new'), ('2', 'new'), ('3', 'new')")
    world.sql("ALTER TABLE orders ADD CONSTRAINT stays CHECK (number <> '2' OR state = 'new')")
    rounds = []
    for _ in range(2):
        world.run(call("app.worker:work"))
        rounds.append([state for (state,) in world.rows("SELECT state FROM orders ORDER BY number")])
        world.sql("ALTER TABLE orders DROP CONSTRAINT IF EXISTS stays")
    return rounds


@look_alike("AUD108", "Nothing is saved in the loop", seen={"answer": {"status": "checked"}, "steps": []})
def test_check(world: World) -> dict:
    checking = world.start(post("app.orders:router", "/orders/check", json=["1", "two", "3"]))
    return {"answer": checking.finish().value, "steps": checking.history}


@proof("AUD108", "Each item of a request's list", faulty=DROPPED | {"saved": ["1", "3"]}, fix=None)
@look_alike("AUD108", "What does the work tries again by itself", seen=DROPPED)
def test_for_a_while(world: World) -> dict:
    world.tables("app.database")
    world.sql("ALTER TABLE orders ADD CONSTRAINT for_a_while CHECK (number <> '2')")
    importing = world.start(post("app.orders:router", "/orders/import", json=["1", "2", "3"])).until("^ROLLBACK")
    world.sql("ALTER TABLE orders DROP CONSTRAINT for_a_while")
    outcome = importing.finish()
    saved = world.rows("SELECT number FROM orders ORDER BY number")
    return {"answer": outcome.value, "saved": [number for (number,) in saved]}
