"""AUD214: both requests take their lock, and neither is kept from anything."""

from harness import call, look_alike, post, proof, put
from harness.world import World


@proof(
    "AUD214",
    "The row is not there yet",
    faulty={"answers": [200, 200], "rows": 2},
    cured=None,
    fix=None,
)
def test_creation(world: World) -> dict:
    world.tables("app.database")
    theme = put("app.preferences:router", "/preferences/1?theme=dark")
    answers = world.race(theme, theme, before="^INSERT INTO preferences")
    return {"answers": [one.brief for one in answers], "rows": world.value("SELECT count(*) FROM preferences")}


def sell(world: World, app: str, path: str, before: str) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO shops (sales) VALUES (0)")
    world.sql("INSERT INTO items (shop_id, stock, state) VALUES (1, 10, 'draft'), (1, 10, 'draft')")
    first = post(app, path.format(1))
    return [one.brief for one in world.race(first, post(app, path.format(2)), before=before)]


@proof("AUD214", "Nothing executes the statement", faulty=9, cured=None, fix=None)
def test_unused(world: World) -> int:
    world.tables("app.database")
    world.sql("INSERT INTO shops (sales) VALUES (0)")
    world.sql("INSERT INTO items (shop_id, stock, state) VALUES (1, 10, 'draft')")
    one = post("app.stock:router", "/stock/1")
    world.race(one, one, before="^UPDATE items")
    return world.value("SELECT stock FROM items")


@proof("AUD214", "The lock comes after the check", faulty={"answers": [200, 200], "stock": -1}, cured=None, fix=None)
def test_late(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO shops (sales) VALUES (0)")
    world.sql("INSERT INTO items (shop_id, stock, state) VALUES (1, 1, 'draft')")
    take = post("app.publish:router", "/publish/1")
    answers = world.race(take, take, before="FOR UPDATE")
    return {"answers": [one.brief for one in answers], "stock": world.value("SELECT stock FROM items")}


@proof("AUD214", "Each statement commits by itself", faulty=1, cured=None, fix=None)
def test_autocommit(world: World) -> int:
    world.tables("app.database")
    world.sql("INSERT INTO shops (sales) VALUES (0)")
    count = call("app.reports:count_sale", 1)
    world.race(count, count, before="^UPDATE shops")
    return world.value("SELECT sales FROM shops")


@proof("AUD214", "Another row is changed", faulty={"answers": [200, 200], "sales": 1}, cured=None, fix=None)
def test_related(world: World) -> dict:
    answers = sell(world, "app.sales:router", "/sales/{}", "^UPDATE shops")
    return {"answers": answers, "sales": world.value("SELECT sales FROM shops")}


@look_alike("AUD214", "The check is made again behind the lock", seen={"answers": [200, 409], "stock": 0})
def test_again(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO shops (sales) VALUES (0)")
    world.sql("INSERT INTO items (shop_id, stock) VALUES (1, 1)")
    one = post("app.routes:router", "/1")
    answers = world.race(one, one, before="FOR UPDATE")
    return {"answers": [one.brief for one in answers], "stock": world.value("SELECT stock FROM items")}
