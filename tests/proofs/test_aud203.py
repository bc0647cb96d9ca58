"""AUD203: both requests find no id, and both make one in the other system."""

from harness import get, look_alike, post, proof
from harness.calls import Http
from harness.world import World


def two_ask(world: World, request: Http, made: str, stored: str) -> dict:
    """Two requests meet before the call that makes something; how many were made, and whether the last one is stored."""
    world.prepare(sign_in)
    ids = iter(["first", "second"])

    def elsewhere(method: str, url: str) -> dict:
        if f"{method} {url}" == made:
            return {"id": next(ids), "object": "customer"}
        return {"id": "x", "url": "https://pay.example", "object": "x"}

    world.elsewhere = elsewhere
    answers = world.race(request, request, before=f"^{made}$")
    return {"answers": [one.brief for one in answers], "made": world.asked.count(made), "stored": world.value(stored)}


def sign_in() -> None:
    import stripe

    stripe.api_key = "sk_test"


CUSTOMER = "POST https://api.stripe.com/v1/customers"
STORED = "SELECT stripe_customer_id FROM users"
TWO = {"answers": [200, 200], "made": 2, "stored": "second"}
ONE = {"answers": [200, 200], "made": 1, "stored": "first"}


def user(world: World) -> None:
    world.tables("app.database")
    world.sql("INSERT INTO users (email) VALUES ('lena@example.com')")


@proof("AUD203", "A customer at the payment provider", faulty=TWO, cured=ONE)
def test_customer(world: World) -> dict:
    user(world)
    return two_ask(world, post("app.routers.billing:router", "/billing/1/portal"), CUSTOMER, STORED)


@proof("AUD203", "An early return, and an asynchronous client", faulty=TWO, cured=ONE)
def test_async(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO workspaces (name) VALUES ('Lena')")
    company = get("app.routers.companies:router", "/companies/1")
    return two_ask(world, company, "POST https://crm.example/companies", "SELECT crm_id FROM workspaces")


@proof("AUD203", "Through a gateway of the project", faulty=TWO, cured=ONE)
def test_gateway(world: World) -> dict:
    user(world)
    return two_ask(world, post("app.routers.checkout:router", "/checkout/1"), CUSTOMER, STORED)


@proof("AUD203", "The user comes from a dependency", faulty=TWO, cured=ONE)
def test_dependency(world: World) -> dict:
    user(world)
    subscribe = post("app.routers.subscriptions:router", "/subscriptions/?plan=pro", headers={"x-user": "1"})
    return two_ask(world, subscribe, CUSTOMER, STORED)


@look_alike("AUD203", "The row is locked before the column is looked at", seen=ONE)
def test_locked(world: World) -> dict:
    user(world)
    return two_ask(world, post("app.billing:router", "/1"), CUSTOMER, STORED)
