"""AUD213: the lock is gone when the row is written, and another request has had it."""

from harness import call, look_alike, post, proof
from harness.world import World


@proof(
    "AUD213",
    "A helper commits",
    faulty={"answers": [200, 200], "rides": 0},
    cured=None,
    fix=None,
)
def test_helper(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO passes (rides, state) VALUES (1, 'valid')")
    enter = post("app.gate:router", "/gate/1")
    # The lock is gone with the helper's commit; both then read one ride, and write what is left of it.
    answers = world.race(enter, enter, before="^UPDATE passes")
    return {"answers": [one.brief for one in answers], "rides": world.value("SELECT rides FROM passes")}


@proof(
    "AUD213",
    "The state that was checked under the lock",
    faulty={"answers": [200, 200], "attempts": 2},
    cured=None,
    fix=None,
)
def test_state(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO passes (rides, state) VALUES (1, 'valid')")
    refund = post("app.refunds:router", "/refunds/1")
    answers = world.race(refund, refund, before="^UPDATE passes")
    return {"answers": [one.brief for one in answers], "attempts": world.value("SELECT count(*) FROM attempts")}


@proof("AUD213", "The lock's own transaction has ended", faulty=15, cured=None, fix=None)
def test_scope(world: World) -> int:
    world.tables("app.database")
    world.sql("INSERT INTO passes (rides, state) VALUES (10, 'valid')")
    top_up = call("app.topup:top_up", 1, 5)
    world.race(top_up, top_up, before="^UPDATE passes")
    return world.value("SELECT rides FROM passes")


@look_alike("AUD213", "It is locked again", seen={"answers": [200, 200], "rides": 8})
def test_again(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO passes (rides, state) VALUES (10, 'valid')")
    enter = post("app.routes:router", "/1")
    answers = world.race(enter, enter, before="^UPDATE passes")
    return {"answers": [one.brief for one in answers], "rides": world.value("SELECT rides FROM passes")}
