"""AUD308: the commit fails; what was the client told?"""

from harness import get, look_alike, post, proof, put
from harness.calls import Outcome
from harness.world import World


def told(outcome: Outcome) -> dict:
    return {"status": outcome.status, "error": outcome.error}


LATE = {"status": 200, "error": "IntegrityError"}
IN_TIME = {"status": 500, "error": "IntegrityError"}


def number_is_taken(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (number) VALUES ('7')")
    outcome = world.run(post("app.routes:router", "/orders?number=7"))
    assert world.value("SELECT count(*) FROM orders") == 1
    return told(outcome)


@proof("AUD308", "The commit stands behind the yield", faulty=LATE, fix=None)
@proof("AUD308", "Asynchronous, with an alias", faulty=LATE, fix=None)
@look_alike("AUD308", "The route commits itself", seen=IN_TIME)
@look_alike("AUD308", "The dependency ends before the answer", seen=IN_TIME)
def test_number_is_taken(world: World) -> dict:
    return number_is_taken(world)


@look_alike("AUD308", "A framework that ends dependencies before it answers", seen=IN_TIME)
def test_older_framework(world: World) -> dict:
    world.dependencies_end_first()
    return number_is_taken(world)


@proof("AUD308", "A scope that commits when it is left", faulty=LATE, fix=None)
def test_state_is_refused(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (state) VALUES ('new')")
    world.sql("ALTER TABLE orders ADD CHECK (state <> 'lost')")
    outcome = world.run(put("app.routes:router", "/orders/1/state?state=lost"))
    assert world.value("SELECT state FROM orders") == "new"
    return told(outcome)


@look_alike("AUD308", "Nothing is written", seen={"status": 200, "error": "OperationalError", "numbers": ["7"]})
def test_nothing_is_written(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO orders (number) VALUES ('7')")
    listing = world.start(get("app.routes:router", "/orders")).until("^COMMIT")
    connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s"
    world.sql(connections, listing.process.name)
    outcome = listing.finish()
    # The commit has failed, and what the client was told is so.
    assert outcome.value == [number for (number,) in world.rows("SELECT number FROM orders")]
    return told(outcome) | {"numbers": outcome.value}
