"""AUD215: two requests in one event loop lock one row, and the process stands still."""

from harness import look_alike, post, proof
from harness.world import World


def both(world: World, app: str, path: str, step: str) -> str:
    """Two requests in one worker: the first holds the lock when the second asks for it."""
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 0)")
    worker = world.worker()
    one = worker.start(post(app, path)).until(step)
    other = worker.start(post(app, path))
    if other.advance(None) == "blocked" and worker.loop_is_in("psycopg"):
        return "hangs"
    one.finish()
    other.finish()
    return "answers"


@proof("AUD215", "An await before the commit", faulty="hangs", cured=None, fix=None)
def test_await(world: World) -> str:
    world.elsewhere = lambda method, url: {}
    return both(world, "app.cart:router", "/cart/1", "^POST https")


@proof("AUD215", "The lock is taken in a helper", faulty="hangs", cured=None, fix=None)
def test_helper(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 1)")
    worker = world.worker()
    one = worker.start(post("app.returns:router", "/returns/1")).until("FOR UPDATE")
    one.go()
    # It sleeps with the lock.
    other = worker.start(post("app.returns:router", "/returns/1"))
    if other.advance(None) == "blocked" and worker.loop_is_in("psycopg"):
        return "hangs"
    one.finish()
    other.finish()
    return "answers"


@proof("AUD215", "It leaves with the transaction open", faulty="hangs", cured="answers")
def test_open(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 0)")
    return "hangs" if any(stands(world, "app.seats:router", "/seats/1") for _ in range(TRIES)) else "answers"


@look_alike("AUD215", "Every path ends the transaction before the next await", seen="answers")
def test_ended(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO items (id, stock) VALUES (1, 9)")
    return "hangs" if any(stands(world, "app.routes:router", "/1") for _ in range(TRIES)) else "answers"


#: Nothing tells the proof when the event loop has taken note of the second request: it is tried some times.
TRIES = 8


def stands(world: World, app: str, path: str) -> bool:
    """Whether a worker that gets two requests at once comes to stand still: its event loop waits for a lock that only the
    event loop can release."""
    worker = world.worker()
    calls = [worker.start(post(app, path)) for _ in range(2)]
    while any(call.outcome is None for call in calls):
        ready = [call for call in calls if call.steps]
        for call in ready:
            call.go()
        if not ready and not worker.read(0.05) and worker.waits_for_lock() and worker.loop_is_in("psycopg"):
            # What holds the lock has no step to take any more: it waits for the loop.
            return not worker.read(0.2)
    return False
