"""AUD707: a package wins over a module of the same name."""

from harness import look_alike, proof
from harness.loading import evaluate, load
from harness.world import World


@proof("AUD707", "A module that was split in part", faulty="ImportError", fix=None)
def test_split(world: World) -> str:
    return load(world, "app.orders")


@proof("AUD707", "A package that is empty", faulty="ImportError", fix=None)
def test_empty(world: World) -> str:
    return load(world, "service.main")


@proof("AUD707", "An import in a function", faulty={"load": "loaded", "call": "ImportError"}, fix=None)
def test_function(world: World) -> dict[str, str]:
    return {"load": load(world, "app.client"), "call": evaluate(world, "import app.client", "app.client.fetch()")}


@look_alike("AUD707", "The package has all that is imported", seen="loaded")
def test_whole(world: World) -> str:
    return load(world, "app.main")


@look_alike("AUD707", "A directory without `__init__.py`, which gives way to the module", seen="loaded")
def test_namespace(world: World) -> str:
    return load(world, "app.main")
