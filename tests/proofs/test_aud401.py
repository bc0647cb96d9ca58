"""AUD401: the model has no such name."""

from harness import call, proof
from harness.alembic import give_environment, upgrade
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


@proof(
    "AUD401",
    "A column that the model and the migrations lack",
    faulty=["returned", "TypeError", []],
    cured=["returned", "returned", [(7,)]],
    fix="Add `weight`",
)
def test_new_column(world: World) -> list:
    give_environment(world)
    migrated = world.run(call(upgrade)).brief
    stored = world.run(call(with_session, "app.services:create", "lamp", 7)).brief
    return [migrated, stored, world.rows("SELECT weight FROM products") if stored == "returned" else []]


@proof(
    "AUD401",
    "A column that only the migrations have",
    faulty=["returned", "TypeError", []],
    cured=["returned", "returned", [("red",)]],
    fix="Add `colour`",
)
def test_column_of_the_migrations(world: World) -> list:
    give_environment(world)
    migrated = world.run(call(upgrade)).brief
    stored = world.run(call(with_session, "app.services:paint", "lamp", {"colour": "red"})).brief
    return [migrated, stored, world.rows("SELECT colour FROM products")]


def with_connection(function: str, *arguments: object) -> None:
    """Calls, in a worker, a function of the example with a connection; the table is there."""
    import sqlalchemy

    from harness.worker import named

    engine = sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")
    named("app.tables:metadata").create_all(engine)
    with engine.connect() as connection:
        named(function)(connection, *arguments)


@proof("AUD401", "A table without a class", faulty=["CompileError", "CompileError", "AttributeError"], fix=None)
def test_table(world: World) -> list:
    calls = [("register", "a@example.org"), ("rename", 1, "b"), ("find", "a@example.org")]
    return [world.run(call(with_connection, f"app.users:{name}", *arguments)).brief for name, *arguments in calls]
