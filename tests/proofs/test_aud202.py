"""AUD202: both requests have looked and found none before either inserts."""

from harness import call, get, look_alike, post, proof, put
from harness.calls import Request
from harness.world import World


def meet(world: World, request: Request, table: str) -> dict:
    world.tables("app.database")
    first, second = world.race(request, request, before="^INSERT")
    values = [one.value for one in (first, second) if one.status == 200]
    return {
        "answers": [first.brief, second.brief],
        "same": len(set(values)) == 1,
        "rows": world.value(f"SELECT count(*) FROM {table}"),
    }


LOST = {"answers": [200, "IntegrityError"], "same": True, "rows": 1}
BOTH = {"answers": [200, 200], "same": True, "rows": 1}


@proof("AUD202", "A tag that is made when it is first used", faulty=LOST, cured=BOTH)
@proof("AUD202", "A tag that is made when it is first used", faulty=LOST, cured=BOTH, fix="Insert with")
def test_tag(world: World) -> dict:
    return meet(world, put("app.routers.tags:router", "/tags/travel"), "tags")


@proof("AUD202", "Several columns together, asynchronously, with a flush", faulty=LOST, cured=BOTH)
@proof("AUD202", "Several columns together, asynchronously, with a flush", faulty=LOST, cured=BOTH, fix="Insert with")
def test_preference(world: World) -> dict:
    return meet(world, get("app.routers.preferences:router", "/preferences/1/theme"), "preferences")


@proof(
    "AUD202",
    "Nothing makes it unique",
    faulty={"answers": [200, 200], "same": False, "rows": 2},
    fix=None,
)
def test_cart(world: World) -> dict:
    return meet(world, get("app.routers.carts:router", "/carts/1"), "carts")


@proof(
    "AUD202",
    "Repeatable reads repeat finding nothing",
    faulty={"answers": [200, 200], "same": False, "rows": 2},
    fix=None,
)
def test_repeatable(world: World) -> dict:
    return meet(world, get("app.routers.wishlists:router", "/wishlists/1"), "carts")


@proof(
    "AUD202",
    "Only a migration makes it unique",
    faulty=[200, "IntegrityError"],
    cured=[200, 200],
)
def test_migrated(world: World) -> list:
    world.sql("CREATE TABLE baskets (id serial PRIMARY KEY, user_id integer NOT NULL)")
    world.sql("CREATE UNIQUE INDEX one_basket ON baskets (user_id)")
    basket = get("app.routers.baskets:router", "/baskets/1")
    return [one.brief for one in world.race(basket, basket, before="^INSERT")]


@proof("AUD202", "Looked for by a relationship", faulty={"answers": [200, "IntegrityError"], "passports": 1}, fix=None)
def test_relationship(world: World) -> dict:
    world.tables("app.passports")
    world.sql("INSERT INTO persons DEFAULT VALUES")
    issue = put("app.passports:router", "/passports/1/named")
    answers = world.race(issue, issue, before="^INSERT")
    return {"answers": [one.brief for one in answers], "passports": world.value("SELECT count(*) FROM passports")}


@proof(
    "AUD202",
    "What the second request loses",
    faulty={"answers": [200, "IntegrityError"], "tags": 1, "bookmarks": 1},
    fix=None,
)
def test_lost_besides(world: World) -> dict:
    world.tables("app.bookmarks")
    first, second = (post("app.bookmarks:router", f"/bookmarks/red?address={page}") for page in ("one", "two"))
    answers = world.race(first, second, before="^INSERT INTO tags")
    return {
        "answers": [one.brief for one in answers],
        "tags": world.value("SELECT count(*) FROM tags"),
        "bookmarks": world.value("SELECT count(*) FROM bookmarks"),
    }


@proof("AUD202", "Counted, listed, or one column of it", faulty={"any": 2, "either": 2, "queried": 2}, fix=None)
def test_exists(world: World) -> dict:
    world.tables("app.database")
    made = {}
    for user, form in enumerate(("any", "either", "queried")):
        cart = put("app.routers.imports:router", f"/imports/carts/{user}/{form}")
        world.race(cart, cart, before="^INSERT")
        made[form] = world.value("SELECT count(*) FROM carts WHERE user_id = %s", user)
    return made


@proof(
    "AUD202",
    "Inserted by a statement, here or by a helper",
    faulty={"carts": [200, 200], "rows": 2, "tags": [200, "IntegrityError"]},
    fix=None,
)
def test_statement(world: World) -> dict:
    world.tables("app.database")
    cart = put("app.routers.inserts:router", "/inserts/carts/1")
    carts = world.race(cart, cart, before="^INSERT")
    tag = put("app.routers.inserts:router", "/inserts/tags/travel")
    tags = world.race(tag, tag, before="^INSERT")
    rows = world.value("SELECT count(*) FROM carts")
    return {"carts": [one.brief for one in carts], "rows": rows, "tags": [one.brief for one in tags]}


@proof(
    "AUD202",
    "What is missing among many",
    faulty={"inserted": [200, "IntegrityError"], "lost": 1, "added": [200, "IntegrityError"]},
    fix=None,
)
def test_among_many(world: World) -> dict:
    world.tables("app.database")
    insert = [put("app.routers.labels:router", f"/labels/inserted?user_id={user}", json=["sea"]) for user in (1, 2)]
    inserted = world.race(*insert, before="^INSERT")
    lost = 2 - world.value("SELECT count(*) FROM preferences")
    add = put("app.routers.labels:router", "/labels/rest", json=["sea", "sun"])
    added = world.race(add, add, before="^INSERT")
    return {"inserted": [one.brief for one in inserted], "lost": lost, "added": [one.brief for one in added]}


@proof(
    "AUD202",
    "Made by every worker that starts",
    faulty={"starts": ["returned", "returned"], "roles": 3, "later": "MultipleResultsFound"},
    fix=None,
)
def test_start(world: World) -> dict:
    world.tables("app.start")
    start = call("app.start:make_roles")
    starts = world.race(start, start, before="^INSERT")
    later = world.run(get("app.start:app", "/roles/owner"))
    roles = world.value("SELECT count(*) FROM roles")
    return {"starts": [one.brief for one in starts], "roles": roles, "later": later.brief}


@look_alike("AUD202", "An upsert", seen=BOTH)
def test_upsert(world: World) -> dict:
    return meet(world, put("app.tags:router", "/travel"), "tags")
