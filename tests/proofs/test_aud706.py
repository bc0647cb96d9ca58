"""AUD706: what is imported is not there."""

from harness import look_alike, proof
from harness.loading import evaluate, load
from harness.world import World


@proof("AUD706", "A module that is gone", faulty={"app.billing": "loaded", "app.api": "ModuleNotFoundError"}, fix=None)
def test_module(world: World) -> dict[str, str]:
    return {module: load(world, module) for module in ("app.billing", "app.api")}


@proof("AUD706", "A name that its module does not have", faulty="ImportError", fix=None)
def test_name(world: World) -> str:
    return load(world, "app.worker")


@proof(
    "AUD706", "A module of a package, by dots, from a package without `__init__.py`", faulty="ImportError", fix=None
)
def test_dots(world: World) -> str:
    return load(world, "app.main")


@proof(
    "AUD706", "In a function: the call fails", faulty={"load": "loaded", "call": "ImportError"}, fix=None
)
def test_function(world: World) -> dict[str, str]:
    return {"load": load(world, "shop.tasks"), "call": evaluate(world, "import shop.tasks", "shop.tasks.remind('ann')")}


@proof("AUD706", "Below a module that is no package", faulty="ModuleNotFoundError", fix=None)
def test_below(world: World) -> str:
    return load(world, "app.api")


@proof("AUD706", "A name that the star imports of a module do not bring", faulty="ImportError", fix=None)
def test_star(world: World) -> str:
    return load(world, "app.users")


@look_alike("AUD706", "Names that are made when they are asked for", seen="loaded")
def test_made(world: World) -> str:
    # What sets an attribute from outside has to run first.
    return load(world, "app.startup", "app.main")
