"""AUD216: the row that is there agrees in the key that `ON CONFLICT` does not name."""

from harness import look_alike, post, proof, put
from harness.calls import Request
from harness.world import World


def twice(world: World, first: Request, second: Request) -> list:
    world.tables("app.database")
    return [world.run(first).brief, world.run(second).brief]


@proof("AUD216", "Two unique columns", faulty=[200, "IntegrityError"], fix=None)
def test_columns(world: World) -> list:
    router = "app.routers.members:router"
    return twice(world, put(router, "/members/ada@x/ada"), put(router, "/members/b@x/ada"))


@proof("AUD216", "A key of several columns, asynchronously", faulty=[200, "IntegrityError"], fix=None)
def test_key(world: World) -> list:
    router = "app.routers.devices:router"
    return twice(world, put(router, "/devices/1/1/x"), put(router, "/devices/1/1/y"))


@proof("AUD216", "The primary key is supplied", faulty=[200, "IntegrityError"], fix=None)
def test_primary(world: World) -> list:
    router = "app.services.imports:router"
    return twice(world, post(router, "/imports/x/1/1"), post(router, "/imports/x/1/2"))


@proof("AUD216", "The constraint is named, of a `Table`", faulty=[200, "IntegrityError"], fix=None)
def test_named(world: World) -> list:
    router = "app.routers.seats:router"
    return twice(world, put(router, "/seats/red/1/ada"), put(router, "/seats/red/2/ada"))


@proof("AUD216", "In SQL", faulty=[200, "IntegrityError"], fix=None)
def test_sql(world: World) -> list:
    router = "app.routers.directory:router"
    return twice(world, put(router, "/directory/ada@x/ada"), put(router, "/directory/b@x/ada"))


@look_alike("AUD216", "Every conflict is passed over", seen=[200, 200])
def test_all(world: World) -> list:
    return twice(world, put("app.members:router", "/ada@x/ada"), put("app.members:router", "/b@x/ada"))


@look_alike("AUD216", "The violation is handled", seen=[200, 409])
def test_handled(world: World) -> list:
    return twice(world, put("app.members:router", "/ada@x/ada"), put("app.members:router", "/b@x/ada"))


@look_alike("AUD216", "The named key is a part of the other", seen=[200, 200])
def test_part(world: World) -> list:
    world.tables("app.grants")
    return twice(world, put("app.grants:router", "/1/read"), put("app.grants:router", "/1/write"))


@look_alike("AUD216", "In SQL, the other key is made up by the database or by the caller", seen=[200, 200])
def test_made_up(world: World) -> list:
    return twice(world, put("app.members:router", "/ada@x"), put("app.members:router", "/ada@x"))


@look_alike("AUD216", "Two columns refer to one row: the other key follows from it", seen=[200, 200])
def test_followed(world: World) -> list:
    world.tables("app.badges")
    world.sql("INSERT INTO badges (id, name) VALUES (1, 'red')")
    return twice(world, put("app.badges:router", "/1/1/red"), put("app.badges:router", "/1/1/red"))
