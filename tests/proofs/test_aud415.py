"""AUD415: the class has the name that the declarative base needs for itself."""

from harness import call, look_alike, proof
from harness.world import World


def made(module: str) -> str:
    """What becomes of a module with models, in a worker: the exception, the warning, or nothing."""
    import importlib
    import warnings

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        importlib.import_module(module)
    return next((str(one.message) for one in caught if "'metadata' should be" in str(one.message)), "made")


def seen(world: World) -> str:
    outcome = world.run(call(made, "app.models"))
    return outcome.error or ("warned" if "metadata" in outcome.value else outcome.value)


@proof("AUD415", "An annotated column", faulty="warned", cured="made", fix="--unsafe-fixes")
@proof("AUD415", "A column in the older style, over several lines", faulty="warned", cured="made", fix="--unsafe-fixes")
def test_columns(world: World) -> str:
    return seen(world)


@proof("AUD415", "A relationship", faulty="warned", fix=None)
def test_relationship(world: World) -> str:
    return seen(world)


@look_alike("AUD415", "The column's name may be `metadata`", seen="made")
def test_look_alike(world: World) -> str:
    return seen(world)
