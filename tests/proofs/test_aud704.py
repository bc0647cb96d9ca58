"""AUD704: which module of a circle is loaded first decides whether it can be loaded at all."""

from harness import look_alike, proof
from harness.loading import load
from harness.world import World


def each(world: World, *modules: str) -> dict[str, str]:
    """What becomes of a program that loads each of them first."""
    return {module: load(world, module) for module in modules}


@proof(
    "AUD704",
    "One order works, the other fails",
    faulty={"app.orders": "loaded", "app.billing": "ImportError"},
    fix=None,
)
def test_order(world: World) -> dict[str, str]:
    return each(world, "app.orders", "app.billing")


@proof(
    "AUD704",
    "Through a package that brings its modules together",
    faulty={"app.audit": "loaded", "app.services": "ImportError", "app.services.mail": "ImportError"},
    fix=None,
)
def test_package(world: World) -> dict[str, str]:
    return each(world, "app.audit", "app.services", "app.services.mail")


@proof(
    "AUD704",
    "Three modules in a circle, with relative imports",
    faulty={"shop.cart": "loaded", "shop.report": "loaded", "shop.discounts": "ImportError"},
    fix=None,
)
def test_three(world: World) -> dict[str, str]:
    return each(world, "shop.cart", "shop.report", "shop.discounts")


@proof(
    "AUD704", "Every order fails", faulty={"app.models": "ImportError", "app.pricing": "ImportError"}, fix=None
)
def test_every_order(world: World) -> dict[str, str]:
    return each(world, "app.models", "app.pricing")


@look_alike(
    "AUD704",
    "Imports that do not run while a module is loaded",
    seen={"app.orders": "loaded", "app.billing": "loaded"},
)
def test_deferred(world: World) -> dict[str, str]:
    return each(world, "app.orders", "app.billing")


@look_alike(
    "AUD704",
    "A package that brings its own modules together",
    seen={"app.models": "loaded", "app.models.base": "loaded", "app.models.user": "loaded"},
)
def test_own_package(world: World) -> dict[str, str]:
    return each(world, "app.models", "app.models.base", "app.models.user")
