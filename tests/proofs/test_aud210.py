"""AUD210: two workers serve one client by turns."""

from harness import get, look_alike, post, proof, put
from harness.world import World


@proof("AUD210", "Sessions of users", faulty=[200, 401], fix=None)
def test_sessions(world: World) -> list:
    one, other = world.worker(), world.worker()
    token = one.run(post("app.main:app", "/login/7")).value
    return [worker.run(get("app.main:app", f"/me/{token}")).brief for worker in (one, other)]


@proof("AUD210", "A limiter", faulty=[200, 200, 200, 200, 429, 429], fix=None)
def test_limiter(world: World) -> list:
    workers = [world.worker(), world.worker()] * 3
    return [worker.run(post("app.main:app", "/mails/ada")).brief for worker in workers]


@proof("AUD210", "A cache that is emptied", faulty=[False, True], fix=None)
def test_cache(world: World) -> list:
    world.sql("CREATE TABLE flags (name text PRIMARY KEY, is_on boolean)")
    world.sql("INSERT INTO flags VALUES ('beta', true)")
    one, other = world.worker(), world.worker()
    for worker in (one, other):
        worker.run(get("app.flags:router", "/flags/beta"))
    one.run(put("app.flags:router", "/flags/beta/false"))
    return [worker.run(get("app.flags:router", "/flags/beta")).value for worker in (one, other)]


@look_alike("AUD210", "What each process can find out for itself", seen=[True, True])
def test_memory(world: World) -> list:
    workers = [world.worker(), world.worker()]
    return [worker.run(get("app.main:app", "/primes/7")).value for worker in workers]
