"""AUD411: what was deleted still counts."""

from harness import delete, post, proof
from harness.world import World

APP = "app.routes:router"


@proof("AUD411", "A quota that only fills", faulty={"answers": [200, 200, 409], "documents": 0, "used": 2}, fix=None)
def test_quota(world: World) -> dict:
    world.tables("app.models")
    world.sql("INSERT INTO workspaces (used, quota) VALUES (0, 2)")
    add = post(APP, "/workspaces/1/documents")
    answers = [world.run(add).brief, world.run(add).brief]
    for number in (1, 2):
        assert world.run(delete(APP, f"/documents/{number}")).brief == 200
    answers.append(world.run(add).brief)
    used = world.value("SELECT used FROM workspaces")
    return {"answers": answers, "documents": world.value("SELECT count(*) FROM documents"), "used": used}


@proof("AUD411", "A number that is raised by a statement, and rows that are deleted by one", faulty=(0, 1), fix=None)
def test_statement(world: World) -> tuple:
    world.tables("app.models")
    world.sql("INSERT INTO post (comment_count) VALUES (0)")
    assert world.run(post(APP, "/posts/1/comments?text=a")).brief == 200
    assert world.run(delete(APP, "/comments/1")).brief == 200
    return (world.value("SELECT count(*) FROM postcomment"), world.value("SELECT comment_count FROM post"))
