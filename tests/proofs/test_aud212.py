"""AUD212: both requests lock the row, and the second goes on with what it read before its lock."""

from harness import look_alike, post, proof
from harness.world import World


@proof(
    "AUD212",
    "The user is loaded by a dependency",
    faulty={"answers": [200, 200], "credits": 70},
    cured={"answers": [200, 200], "credits": 40},
)
def test_dependency(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO users (token, credits) VALUES ('omar', 100)")
    order = post("app.routers.pictures:router", "/pictures/?cost=30", headers={"authorization": "omar"})
    answers = world.race(order, order, before="^UPDATE users")
    return {"answers": [one.brief for one in answers], "credits": world.value("SELECT credits FROM users")}


@proof(
    "AUD212",
    "Loaded by its key, and locked by the same key",
    faulty=[200, 200],
    cured=[200, 409],
)
def test_get(world: World) -> list:
    world.tables("app.database")
    world.sql("INSERT INTO pictures (user_id, status, downloads) VALUES (1, 'draft', 0)")
    publish = post("app.routers.prints:router", "/prints/1")
    return [one.brief for one in world.race(publish, publish, before="^UPDATE pictures")]


@proof(
    "AUD212",
    "The lock stands in a repository",
    faulty={"answers": [200, 200], "downloads": 1},
    cured={"answers": [200, 200], "downloads": 2},
)
def test_repository(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO pictures (user_id, status, downloads) VALUES (1, 'draft', 0)")
    download = post("app.routers.downloads:router", "/downloads/1?user_id=1")
    answers = world.race(download, download, before="^UPDATE pictures")
    return {"answers": [one.brief for one in answers], "downloads": world.value("SELECT downloads FROM pictures")}


@proof(
    "AUD212",
    "A caller holds the row",
    faulty={"answers": [200, 200], "credits": 70},
    cured={"answers": [200, 200], "credits": 40},
)
def test_caller(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO users (token, credits) VALUES ('omar', 100)")
    upscale = post("app.routers.upscales:router", "/upscales/1?cost=30")
    answers = world.race(upscale, upscale, before="^UPDATE users")
    return {"answers": [one.brief for one in answers], "credits": world.value("SELECT credits FROM users")}


@proof(
    "AUD212",
    "SQLModel",
    faulty={"answers": [200, 200], "seats": 4},
    cured={"answers": [200, 200], "seats": 3},
)
def test_sqlmodel(world: World) -> dict:
    world.tables("app.teams")
    world.sql("INSERT INTO team (name, seats) VALUES ('blue', 5)")
    join = post("app.teams:router", "/teams/blue/members")
    answers = world.race(join, join, before="^UPDATE team")
    return {"answers": [one.brief for one in answers], "seats": world.value("SELECT seats FROM team")}


def spend(world: World, paths: list[str], before: str) -> list:
    """Two requests on one user, for each of the routes: how they end, and what is left."""
    world.tables("app.database")
    shown = []
    for path in paths:
        world.sql("DELETE FROM users; INSERT INTO users (id, token, credits) VALUES (1, 'omar', 10)")
        answers = world.race(post("app.routes:router", path), post("app.routes:router", path), before=before)
        shown.append(([one.brief for one in answers], world.value("SELECT credits FROM users")))
    return shown


@look_alike("AUD212", "The old values are replaced, in every spelling", seen=[([200, 200], 8)] * 5)
def test_replaced(world: World) -> list:
    return spend(world, ["/a/1", "/b/1", "/c/1", "/d/1", "/e/1"], "^UPDATE users")


@look_alike("AUD212", "A commit or rollback has expired the row", seen=[([200, 200], 8)])
def test_expired(world: World) -> list:
    return spend(world, ["/1?token=omar"], "^UPDATE users SET credits")


@look_alike("AUD212", "Only columns were read, or nobody holds the object", seen=[([200, 200], 8)] * 2)
def test_unheld(world: World) -> list:
    return spend(world, ["/a/1", "/b/1"], "^UPDATE users")
