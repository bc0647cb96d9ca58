"""AUD211: each request holds a row that the other asks for."""

from harness import look_alike, post, proof
from harness.world import Call, World


def meet(world: World, first: Call, second: Call, held: str) -> list:
    """Both take their first lock, then ask for the other's: how they end, in any order."""
    first.until(held)
    # Held up at its second lock, or, where the order is one, at its first.
    if second.advance(held) == "there":
        second.advance(None)
    first.finish()
    second.finish()
    return sorted(str(call.outcome.brief) for call in (first, second))


@proof("AUD211", "One by one, as they were handed in", faulty=["200", "OperationalError"], cured=None, fix=None)
def test_list(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 5), (2, 5)")
    first = world.start(post("app.orders:router", "/orders/", json=[1, 2]))
    second = world.start(post("app.orders:router", "/orders/", json=[2, 1]))
    # The first row is written when the second is asked for.
    return meet(world, first, second, "^UPDATE items")


@proof("AUD211", "Counters, one UPDATE after the other", faulty=["200", "OperationalError"], cured=None, fix=None)
def test_counters(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 5), (2, 5)")
    first = world.start(post("app.shelf:router", "/shelf/", json=[1, 2]))
    second = world.start(post("app.shelf:router", "/shelf/", json=[2, 1]))
    for call in (first, second):
        call.until("^UPDATE items")
        call.go()
        call.until("^UPDATE items")
    first.until_blocked()
    second.finish()
    first.finish()
    return sorted(str(call.outcome.brief) for call in (first, second))


@proof("AUD211", "Two tables, in opposite orders", faulty=["200", "OperationalError"], cured=None, fix=None)
def test_tables(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 5)")
    world.sql("INSERT INTO accounts (id, balance) VALUES (1, 100)")
    first = world.start(post("app.buy:router", "/buy/1/1?price=5"))
    second = world.start(post("app.refund:router", "/refund/1/1?price=5"))
    first.until("FROM items")
    second.until("^UPDATE items")
    first.go()
    second.advance(None)
    first.finish()
    second.finish()
    return sorted(str(call.outcome.brief) for call in (first, second))


@look_alike("AUD211", "A stated order", seen=[["200", "200"], ["200", "200"]])
def test_sorted(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 5), (2, 5)")
    seen = []
    for path in ("/a", "/b"):
        first = world.start(post("app.routes:router", path, json=[1, 2]))
        second = world.start(post("app.routes:router", path, json=[2, 1]))
        seen.append(meet(world, first, second, "^UPDATE items"))
    return seen
