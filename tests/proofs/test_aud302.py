"""AUD302: a function fails, and the session that it opened keeps its connection."""

from harness import call, look_alike, proof
from harness.world import World


def left_open(world: World, function: str, *arguments: object) -> dict:
    """How the call fails for want of its table, and how many of its transactions are open afterwards."""
    worker = world.worker()
    outcome = worker.run(call(function, *arguments))
    return {"answer": outcome.brief, "open": world.open_transactions()}


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


@look_alike(
    "AUD302",
    "Taken out of a generator, which is closed",
    seen={"answer": "ProgrammingError", "open": 0},
)
def test_closed_generator(world: World) -> dict:
    return left_open(world, "app.jobs:pay", 1)
