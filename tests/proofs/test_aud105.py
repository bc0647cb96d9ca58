"""AUD105: the third item fails, and the request has failed; what is saved of the others?"""

from harness import look_alike, post, proof
from harness.world import World


def third_fails(world: World, path: str) -> dict:
    world.tables("app.database")
    outcome = world.run(post("app.orders:router", path, json=["1", "2", "2", "3"]))
    saved = world.rows("SELECT number FROM orders ORDER BY number")
    return {"answer": outcome.brief, "saved": [number for (number,) in saved]}


HALF = {"answer": "IntegrityError", "saved": ["1", "2"]}
NONE = {"answer": "IntegrityError", "saved": []}


@proof("AUD105", "Each item of a request's list", faulty=HALF, cured=NONE, fix="--unsafe-fixes")
@proof("AUD105", "A helper commits, called for each item", faulty=HALF, fix=None)
@look_alike("AUD105", "One commit behind the loop", seen=NONE)
@look_alike("AUD105", "Each item is looked after", seen={"answer": 200, "saved": ["1", "2", "3"]})
def test_import(world: World) -> dict:
    return third_fails(world, "/orders/import")


@proof("AUD105", "The keys are needed in the loop", faulty=HALF, cured=NONE, fix="--unsafe-fixes")
def test_copy(world: World) -> dict:
    return third_fails(world, "/orders/copy")
