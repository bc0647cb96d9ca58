"""AUD105: the third item fails, and the request has failed; what is saved of the others?"""

from collections.abc import Iterable, Iterator

from harness import call, look_alike, post, proof
from harness.world import World


def give_batched() -> None:
    """Gives a worker's Python what later ones have."""
    import itertools

    def batched(items: Iterable, size: int) -> Iterator[tuple]:
        rest = iter(items)
        while batch := tuple(itertools.islice(rest, size)):
            yield batch

    if not hasattr(itertools, "batched"):
        itertools.batched = batched


def third_fails(world: World, path: str) -> dict:
    world.prepare(give_batched)
    world.tables("app.database")
    outcome = world.run(post("app.orders:router", path, json=["1", "2", "2", "3"]))
    saved = world.rows("SELECT number FROM orders ORDER BY number")
    return {"answer": outcome.brief, "saved": [number for (number,) in saved]}


HALF = {"answer": "IntegrityError", "saved": ["1", "2"]}
NONE = {"answer": "IntegrityError", "saved": []}


@proof("AUD105", "Each item of a request's list", faulty=HALF, cured=NONE, fix="--unsafe-fixes")
@proof("AUD105", "A helper commits, called for each item", faulty=HALF, fix=None)
@look_alike("AUD105", "A session for each item", seen=HALF)
@look_alike("AUD105", "One commit behind the loop", seen=NONE)
@look_alike("AUD105", "Chunks", seen=NONE)
@look_alike("AUD105", "Batches", seen=NONE)
@look_alike("AUD105", "Each item is looked after", seen={"answer": 200, "saved": ["1", "2", "3"]})
def test_import(world: World) -> dict:
    return third_fails(world, "/orders/import")


@proof("AUD105", "The keys are needed in the loop", faulty=HALF, cured=NONE, fix="--unsafe-fixes")
def test_copy(world: World) -> dict:
    return third_fails(world, "/orders/copy")


def new_orders(world: World) -> None:
    """Three of them, the third of which stays as it is."""
    world.tables("app.database")
    world.sql("INSERT INTO orders (number, state) VALUES ('1', 'open'), ('2', 'open'), ('3', 'open')")
    world.sql("ALTER TABLE orders ADD CONSTRAINT stays CHECK (number <> '3' OR state IN ('open', 'new'))")


def in_state(world: World, state: str) -> list[str]:
    return [number for (number,) in world.rows("SELECT number FROM orders WHERE state = %s ORDER BY number", state)]


@proof("AUD105", "Under a condition on the item", faulty=HALF, fix=None)
def test_prolong(world: World) -> dict:
    world.tables("app.database")
    # The third one's new number is taken.
    world.sql("INSERT INTO orders (number, state) VALUES ('1', 'open'), ('2', 'open'), ('3', 'open'), ('3-2', 'done')")
    outcome = world.run(post("app.orders:router", "/orders/prolong", json=[1, 2, 3]))
    saved = world.rows("SELECT number FROM orders WHERE state = 'open' AND number LIKE '%-2' ORDER BY number")
    return {"answer": outcome.brief, "saved": [number.removesuffix("-2") for (number,) in saved]}


@look_alike("AUD105", "Chunks", seen=3)
@look_alike("AUD105", "Batches", seen=3)
def test_chunks(world: World) -> int:
    world.prepare(give_batched)
    world.tables("app.database")
    importing = world.start(post("app.orders:router", "/orders/import", json=[str(number) for number in range(1001)]))
    importing.finish()
    return importing.history.count("COMMIT")


@look_alike("AUD105", "A worker, which no request waits for", seen=[["1", "2"], ["1", "2", "3"], 1])
def test_worker(world: World) -> list:
    new_orders(world)
    world.sql("UPDATE orders SET state = 'new'")
    world.run(call("app.worker:work"))
    first = in_state(world, "done")
    world.sql("ALTER TABLE orders DROP CONSTRAINT stays")
    # The next round goes on where the one before has failed.
    again = world.start(call("app.worker:work"))
    again.finish()
    updates = sum(step.startswith("UPDATE") for step in again.history)
    return [first, in_state(world, "done"), updates]


@look_alike(
    "AUD105",
    "Each item calls another system, whose answer must not be lost",
    seen=[(0, []), (1, ["1"]), (2, ["1", "2"])],
)
def test_parcels(world: World) -> list:
    new_orders(world)
    world.elsewhere = lambda method, url: {}
    shipping = world.start(post("app.orders:router", "/orders/ship", json=[1, 2, 3]))
    seen = []
    for _ in range(3):
        # Should it end here, every parcel that was ordered is known.
        shipping.until("^POST")
        seen.append((len(world.asked), in_state(world, "shipped")))
        shipping.go()
    return seen
