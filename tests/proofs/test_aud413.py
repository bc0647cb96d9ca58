"""AUD413: PostgreSQL makes no key of that type, or the key does not hold what it points to."""

from harness import call, look_alike, proof
from harness.world import World

ADDRESS = "postgresql+psycopg://shop@db/shop"


def create(base: str) -> str:
    """Creates the tables of a base, in a worker; what the server says, in short."""
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError

    from harness.worker import named

    try:
        named(base).metadata.create_all(sqlalchemy.create_engine(ADDRESS))
    except DBAPIError as error:
        return type(error.orig).__name__
    return "created"


def create_all_of(*modules: str) -> str:
    """As above, where the models stand in several files."""
    import importlib

    for module in modules:
        importlib.import_module(module)
    return create("app.base:Base")


def deliver() -> str:
    """Points to an event whose number is large."""
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError
    from sqlalchemy.orm import Session

    from harness.worker import named

    with Session(sqlalchemy.create_engine(ADDRESS)) as session:
        session.add(named("app.events:Event")(id=2**31, name="paid"))
        session.flush()
        session.add(named("app.deliveries:Delivery")(event_id=2**31))
        try:
            session.commit()
        except DBAPIError as error:
            return type(error.orig).__name__
    return "stored"


@proof("AUD413", "An integer that points to a UUID", faulty="DatatypeMismatch", fix=None)
def test_uuid(world: World) -> str:
    return world.run(call(create, "app.models:Base")).value


@proof(
    "AUD413",
    "An integer of 32 bits that points to one of 64, in another file",
    faulty=["created", "NumericValueOutOfRange"],
    fix=None,
)
def test_narrow(world: World) -> list:
    created = world.run(call(create_all_of, "app.events", "app.deliveries")).value
    return [created, world.run(call(deliver)).value]


@proof("AUD413", "SQLModel takes the type of the annotation", faulty="DatatypeMismatch", fix=None)
def test_sqlmodel(world: World) -> str:
    return world.run(call(create, "app.models:SQLModel")).value


@look_alike("AUD413", "No type is written: it is that of the other column", seen="created")
def test_inherited(world: World) -> str:
    return world.run(call(create, "app.models:Base")).value
