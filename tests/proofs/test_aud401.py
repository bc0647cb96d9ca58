"""AUD401: the model has no such name."""

from harness import call, proof
from harness.world import World


def with_session(function: str, *arguments: object) -> object:
    """Calls, in a worker, a function of the example with a session."""
    import sqlalchemy
    from sqlmodel import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")) as session:
        value = named(function)(session, *arguments)
        return getattr(value, "id", value)


def products(world: World) -> None:
    world.tables("app.models")
    world.sql("ALTER TABLE products ALTER title DROP NOT NULL")
    world.sql("INSERT INTO products (sku, title, quantity) VALUES ('chair', 'Chair', 3)")
    world.sql("INSERT INTO orders (payment_intent_id, product_id) VALUES ('pi_1', 1)")


@proof("AUD401", "A constructor keyword that the model lost", faulty="TypeError", cured="returned", fix="--unsafe-fixes")
def test_keyword(world: World) -> object:
    products(world)
    return world.run(call(with_session, "app.services:create", "lamp", "Lamp")).brief


@proof("AUD401", "A keyword that is nearly right", faulty="TypeError", cured="returned", fix="--unsafe-fixes")
def test_nearly(world: World) -> object:
    products(world)
    return world.run(call(with_session, "app.services:create", "lamp")).brief


@proof("AUD401", "A filter_by keyword", faulty="InvalidRequestError", cured="returned", fix="--unsafe-fixes")
def test_filter_by(world: World) -> object:
    products(world)
    return world.run(call(with_session, "app.repositories:by_intent", "pi_1")).brief


@proof("AUD401", "A column of the class, in a query", faulty="AttributeError", cured="returned", fix="--unsafe-fixes")
def test_column(world: World) -> object:
    products(world)
    return world.run(call(with_session, "app.reports:low")).brief


@proof("AUD401", "An attribute of a loaded row", faulty="AttributeError", cured="returned", fix="--unsafe-fixes")
def test_attribute(world: World) -> object:
    products(world)
    return world.run(call(with_session, "app.routes:show", 1)).brief


@proof("AUD401", "A write that is saved nowhere", faulty=("returned", 3), cured=("returned", 0), fix="--unsafe-fixes")
def test_write(world: World) -> tuple:
    products(world)
    outcome = world.run(call(with_session, "app.stock:empty", 1))
    return (outcome.brief, world.value("SELECT quantity FROM products"))


@proof(
    "AUD401",
    "SQLModel drops what it does not know",
    faulty={"enlisted": "IntegrityError", "retired": "ValueError"},
    cured={"enlisted": "returned", "retired": "returned"},
    fix="--unsafe-fixes",
)
def test_sqlmodel(world: World) -> dict:
    world.tables("app.heroes")
    world.sql("INSERT INTO hero (name, secret_name, retired) VALUES ('a', 'b', false)")
    retired = world.run(call(with_session, "app.heroes:retire", 1)).brief
    return {"enlisted": world.run(call(with_session, "app.heroes:enlist", "Nadia")).brief, "retired": retired}
