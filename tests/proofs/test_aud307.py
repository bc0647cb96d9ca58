"""AUD307: a transaction ends, and a coroutine reads what its rows were."""

from harness import call, delete, look_alike, post, proof, put
from harness.calls import Outcome
from harness.world import World


def answer(outcome: Outcome) -> object:
    return outcome.error or outcome.value


def customers(world: World, *names: str) -> None:
    world.tables("app.database")
    for name in names:
        world.sql("INSERT INTO customers (name) VALUES (%s)", name)


@proof("AUD307", "A new row behind its commit", faulty=["MissingGreenlet", 1], cured=[{"id": 1}, 1])
@proof("AUD307", "A repository that commits", faulty=["MissingGreenlet", 1], cured=[{"id": 1}, 1])
@look_alike("AUD307", "The session keeps its rows", seen=[{"id": 1}, 1])
@look_alike("AUD307", "The row is refreshed, by a helper", seen=[{"id": 1}, 1])
@look_alike("AUD307", "The attribute is read before", seen=[{"id": 1}, 1])
@look_alike("AUD307", "A synchronous session loads the row again", seen=[{"id": 1}, 1])
@look_alike("AUD307", "The helper loads the row again before it reads", seen=[{"id": 1}, 1])
def test_create(world: World) -> list:
    customers(world)
    outcome = world.run(post("app.routes:router", "/customers?name=ada"))
    # The customer is there, whatever the client was told.
    return [answer(outcome), world.value("SELECT count(*) FROM customers")]


@proof(
    "AUD307",
    "A Pydantic model that is made of the row",
    faulty="ValidationError",
    cured={"id": 1, "name": "ada"},
)
def test_model(world: World) -> object:
    customers(world)
    return answer(world.run(post("app.routes:router", "/customers?name=ada")))


@proof(
    "AUD307",
    "A row as the answer",
    faulty=["ResponseValidationError", "paid"],
    cured=[{"id": 1, "state": "paid"}, "paid"],
)
@proof(
    "AUD307",
    "A helper reads the row that it is handed",
    faulty=["MissingGreenlet", "paid"],
    cured=[{"id": 1, "state": "paid", "lang": "en"}, "paid"],
)
def test_answer(world: World) -> list:
    customers(world, "ada")
    world.sql("INSERT INTO orders (customer_id, state) VALUES (1, 'new')")
    outcome = world.run(post("app.routes:router", "/orders/1/pay"))
    return [answer(outcome), world.value("SELECT state FROM orders")]


@proof("AUD307", "The rollback expires as well, whatever the session was told", faulty="MissingGreenlet", cured=409)
def test_rollback(world: World) -> object:
    customers(world, "ada", "grace")
    return world.run(put("app.routes:router", "/customers/1?name=grace")).brief


@look_alike("AUD307", "A row that the rolled-back transaction made", seen=409)
def test_made_in_it(world: World) -> object:
    customers(world, "ada")
    return world.run(post("app.routes:router", "/customers?name=ada")).brief


@look_alike("AUD307", "The row is loaded again by a query", seen={"id": 1, "of": 1})
@look_alike("AUD307", "The attribute is what was just written", seen={"name": "grace"})
def test_rename(world: World) -> object:
    customers(world, "ada")
    return answer(world.run(put("app.routes:router", "/customers/1?name=grace")))


@look_alike("AUD307", "A deleted row keeps its values", seen={"name": "ada"})
def test_delete(world: World) -> object:
    customers(world, "ada")
    return answer(world.run(delete("app.routes:router", "/customers/1")))


@proof("AUD307", "A commit for each row of a list", faulty=["MissingGreenlet", 1], cured=[2, 2])
def test_list(world: World) -> list:
    customers(world, "ada")
    world.sql("INSERT INTO orders (customer_id, state) VALUES (1, 'paid'), (1, 'paid')")
    outcome = world.run(call("app.jobs:ship_all"))
    return [answer(outcome), world.value("SELECT count(*) FROM orders WHERE state = 'shipped'")]


@proof("AUD307", "A row of SQLModel, behind a transaction's `with`", faulty="MissingGreenlet", cured=1)
def test_sqlmodel(world: World) -> object:
    world.tables("app.heroes")
    return answer(world.run(call("app.heroes:enrol", "ada")))


async def close() -> int:
    """Calls, in a worker, the example's function with a session that is closed afterwards."""
    from app.baskets import close
    from app.database import async_session

    async with async_session() as db:
        return await close(1, db)


@proof("AUD307", "A relationship is followed", faulty=["MissingGreenlet", True], fix=None)
def test_relationship(world: World) -> list:
    world.tables("app.baskets")
    world.sql("INSERT INTO baskets (closed) VALUES (false)")
    world.sql("INSERT INTO lines (basket_id) VALUES (1)")
    outcome = world.run(call(close))
    return [answer(outcome), world.value("SELECT closed FROM baskets")]
