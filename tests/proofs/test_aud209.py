"""AUD209: while one request has written and not yet committed, another of the same user only wants to read."""

from harness import get, look_alike, proof
from harness.world import World


def second_reads(world: World, app: str, path: str, header: dict[str, str]) -> str:
    """How the second request fares while the first stands before its commit."""
    first = world.start(get(app, path, headers=header))
    if first.advance("^COMMIT") != "there":
        first.finish()
    second = world.start(get(app, path, headers=header))
    state = second.advance("^COMMIT")
    first.finish()
    second.finish()
    return state


@proof("AUD209", "The user was seen", faulty="blocked", fix=None)
def test_user(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO users (token) VALUES ('t')")
    return second_reads(world, "app.routers.documents:router", "/documents/count", {"authorization": "t"})


@proof("AUD209", "A key is counted, by a dependency of the router, asynchronously", faulty="blocked", fix=None)
def test_key(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO api_keys (digest, requests) VALUES ('k', 0)")
    return second_reads(world, "app.routers.documents:router", "/documents/count", {"x-key": "k"})


@look_alike("AUD209", "It is written where it is old enough", seen="done")
@look_alike("AUD209", "It goes back early where it is recent", seen="done")
@look_alike("AUD209", "A conditional UPDATE", seen="there")
def test_recent(world: World) -> str:
    world.tables("app.database")
    world.sql("INSERT INTO users (token, locale, last_seen_at) VALUES ('t', 'en', now() AT TIME ZONE 'UTC')")
    return second_reads(world, "app.routers.pages:router", "/me", {"authorization": "t"})
