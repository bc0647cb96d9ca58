"""AUD410: without an index the plan is to read the whole table, even where that is all but forbidden."""

from harness import look_alike, proof
from harness.world import World


def plan(world: World, query: str) -> str:
    """How PostgreSQL finds the rows, where reading the table from end to end is the last resort."""
    world.sql("SET enable_seqscan = off")
    plan = "\n".join(line for (line,) in world.rows(f"EXPLAIN {query}"))
    return "whole table" if "Seq Scan" in plan else "index" if "Index" in plan else plan


@proof("AUD410", "A foreign key without an index", faulty="whole table", fix=None)
def test_foreign_key(world: World) -> str:
    world.tables("app.models")
    return plan(world, "SELECT * FROM orders WHERE customer_id = 1 AND is_open")


@proof("AUD410", "The second column of a key, in a helper", faulty=["index", "read from end to end"], fix=None)
def test_second_column(world: World) -> list:
    world.tables("app.models")
    world.sql("INSERT INTO memberships SELECT team, person FROM generate_series(1, 100) team, generate_series(1, 100) person")
    world.sql("ANALYZE memberships")
    found = plan(world, "SELECT * FROM memberships WHERE team_id = 1")
    world.sql("SET enable_seqscan = on")
    lines = "\n".join(line for (line,) in world.rows("EXPLAIN SELECT * FROM memberships WHERE user_id = 1"))
    return [found, "read from end to end" if "Seq Scan" in lines or "Index" in lines and "Skip" not in lines else lines]


@proof("AUD410", "The latest of all", faulty="whole table", fix=None)
def test_order(world: World) -> str:
    world.tables("app.models")
    return plan(world, "SELECT * FROM event ORDER BY happened_at DESC LIMIT 20")


@look_alike("AUD410", "Indexes of all kinds", seen=["index", "index"])
def test_indexes(world: World) -> list:
    world.tables("app.models")
    queries = ["customer_id = 1", "number = 'x'"]
    return [plan(world, f"SELECT * FROM orders WHERE {one}") for one in queries]
