"""AUD206: both requests count before either has added its row."""

from harness import look_alike, post, proof, put
from harness.world import World


def meet(world: World, router: str, path: str, limit: int = 1) -> dict:
    world.tables("app.database")
    world.sql(f"INSERT INTO workspaces (project_limit) VALUES ({limit})")
    request = post(router, path)
    answers = world.race(request, request, before="^INSERT INTO projects")
    return {"answers": [one.brief for one in answers], "projects": world.value("SELECT count(*) FROM projects")}


@proof(
    "AUD206",
    "A limit of the plan",
    faulty={"answers": [200, 200], "projects": 2},
    cured={"answers": [200, 402], "projects": 1},
)
def test_limit(world: World) -> dict:
    return meet(world, "app.routers.projects:router", "/projects/1")


@proof(
    "AUD206",
    "Asynchronously, with a sum, and what is left",
    faulty={"answers": [200, 200], "projects": 2},
    cured={"answers": [200, 413], "projects": 1},
)
def test_sum(world: World) -> dict:
    return meet(world, "app.routers.uploads:router", "/uploads/1/60", limit=100)


@proof(
    "AUD206",
    "Counted by a helper, compared with a constant",
    faulty={"answers": [200, 200], "projects": 4},
    fix=None,
)
def test_helper(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO workspaces (project_limit) VALUES (3)")
    world.sql("INSERT INTO projects (workspace_id, size) VALUES (1, 0), (1, 0)")
    copy = post("app.routers.copies:router", "/copies/1")
    answers = world.race(copy, copy, before="^INSERT INTO projects")
    return {"answers": [one.brief for one in answers], "projects": world.value("SELECT count(*) FROM projects")}


@proof("AUD206", "A helper that refuses", faulty={"answers": [200, 200], "projects": 2}, fix=None)
def test_refusing(world: World) -> dict:
    return meet(world, "app.routers.imports:router", "/imports/1")


@proof(
    "AUD206",
    "Put among those that were counted",
    faulty={"answers": [200, 200], "projects": 2},
    cured={"answers": [200, 402], "projects": 1},
)
def test_moved(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO workspaces (project_limit) VALUES (1), (9)")
    world.sql("INSERT INTO projects (workspace_id, size) VALUES (2, 0), (2, 0)")
    transfers = [put("app.routers.transfers:router", f"/transfers/{project}/1") for project in (1, 2)]
    answers = world.race(*transfers, before="^UPDATE projects")
    projects = world.value("SELECT count(*) FROM projects WHERE workspace_id = 1")
    return {"answers": [one.brief for one in answers], "projects": projects}


@proof("AUD206", "A helper whose answer has several parts", faulty={"answers": [200, 200], "projects": 2}, fix=None)
def test_parts(world: World) -> dict:
    return meet(world, "app.routers.drafts:router", "/parts/1")


@proof("AUD206", "Only where there is a limit", faulty={"answers": [200, 200], "projects": 2}, fix=None)
def test_optional_limit(world: World) -> dict:
    return meet(world, "app.routers.moves:router", "/moves/1?most=1")


@look_alike("AUD206", "Counted again under the lock", seen={"answers": [200, 402], "projects": 1})
@look_alike("AUD206", "The owner is locked first", seen={"answers": [200, 402], "projects": 1})
@look_alike("AUD206", "The helper that refuses locks", seen={"answers": [200, 402], "projects": 1})
def test_locked(world: World) -> dict:
    return meet(world, "app.projects:router", "/1")


@look_alike("AUD206", "A serializable transaction", seen={"answers": [200, "OperationalError"], "projects": 3})
def test_serializable(world: World) -> dict:
    world.tables("app.database")
    world.sql("INSERT INTO workspaces (project_limit) VALUES (3)")
    world.sql("INSERT INTO projects (workspace_id) VALUES (1), (1)")
    create = post("app.projects:router", "/1")
    answers = world.race(create, create, before="^INSERT INTO projects")
    return {"answers": [one.brief for one in answers], "projects": world.value("SELECT count(*) FROM projects")}


@proof(
    "AUD206",
    "The rows of a relationship",
    faulty={"answers": [200, 200], "members": 2},
    cured={"answers": [200, 402], "members": 1},
)
def test_relationship(world: World) -> dict:
    world.tables("app.teams")
    world.sql("INSERT INTO teams (seats) VALUES (1)")
    join = [post("app.routers.members:router", f"/members/1?email={name}@example.com") for name in ("ana", "bo")]
    answers = world.race(*join, before="^INSERT INTO members")
    return {"answers": [one.brief for one in answers], "members": world.value("SELECT count(*) FROM members")}
