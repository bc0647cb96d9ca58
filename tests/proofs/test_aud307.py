"""AUD307: a transaction ends, and a coroutine reads what its rows were."""

import httpx

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


@look_alike("AUD307", "Nobody says what the session does", seen={"id": 1})
def test_library(world: World) -> object:
    world.write("shop_library.py", "from app.database import get_keeping_db as make_session\n")
    customers(world)
    return answer(world.run(post("app.routes:router", "/customers?name=ada")))


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


async def with_session(function: str, *arguments: object) -> object:
    """Calls, in a worker, a function of the example with a session that is closed afterwards."""
    from app.database import async_session

    from harness.worker import named

    async with async_session() as db:
        return await named(function)(*arguments, db)


@proof("AUD307", "A relationship is followed", faulty=["MissingGreenlet", True], fix=None)
@look_alike("AUD307", "A relationship that gives a query", seen=[1, True])
def test_relationship(world: World) -> list:
    world.tables("app.baskets")
    world.sql("INSERT INTO baskets (closed) VALUES (false)")
    world.sql("INSERT INTO lines (basket_id) VALUES (1)")
    outcome = world.run(call(with_session, "app.baskets:close", 1))
    return [answer(outcome), world.value("SELECT closed FROM baskets")]


@proof("AUD307", "The variable of a comprehension", faulty=["MissingGreenlet", ["new", "new"]], fix=None)
def test_comprehension(world: World) -> list:
    customers(world, "ada")
    world.sql("INSERT INTO orders (customer_id, state) VALUES (1, 'new'), (1, 'new')")
    world.sql("ALTER TABLE orders ADD CHECK (id < 2 OR state = 'new')")
    outcome = world.run(call(with_session, "app.sync:mark_all"))
    return [answer(outcome), [state for (state,) in world.rows("SELECT state FROM orders")]]


@look_alike("AUD307", "The helper rolls back only where it is told to", seen="ada")
def test_told_to(world: World) -> object:
    customers(world, "ada")
    return answer(world.run(call(with_session, "app.customers:show", 1)))


def renamed(world: World, *names: str) -> list:
    """What the client hears of each name that it gives to the first customer, and how that one is called then."""
    answers = [answer(world.run(put("app.routes:router", f"/customers/1?name={name}"))) for name in names]
    return [*answers, world.value("SELECT name FROM customers WHERE id = 1")]


@proof(
    "AUD307",
    "A service keeps the session, and its caller goes on with the row",
    faulty=["MissingGreenlet", "grace"],
    fix=None,
)
def test_kept(world: World) -> list:
    customers(world, "ada")
    return renamed(world, "grace")


@look_alike(
    "AUD307",
    "The handler says that there is nothing left to tell",
    seen=[{"told": []}, {"id": 1, "told": ["joan"]}, "joan"],
)
def test_nothing_to_tell(world: World) -> list:
    customers(world, "ada", "grace")
    return renamed(world, "grace", "joan")


def nobody_answers() -> None:
    """Has every request of a worker to another system fail."""

    def post(*_: object, **__: object) -> None:
        raise httpx.ConnectError("nobody answers")

    httpx.post = post


@look_alike("AUD307", "A rollback behind a commit has nothing to roll back", seen=[{"id": 1}, "grace"])
def test_nothing_to_roll_back(world: World) -> list:
    world.prepare(nobody_answers)
    customers(world, "ada")
    return renamed(world, "grace")
