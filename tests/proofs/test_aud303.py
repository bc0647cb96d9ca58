"""AUD303: while one request waits for the database, the event loop serves nobody."""

from harness import get, look_alike, proof
from harness.world import World

HEALTH = """
from fastapi import FastAPI
from app.routes import router

app = FastAPI()
app.include_router(router)


@app.get("/health")
async def health() -> str:
    return "fine"
"""


def wait_for_a_table(world: World, path: str, table: str = "orders") -> dict:
    """A request waits for a locked table, and another one asks for the process's health."""
    world.tables("app.database")
    world.sql(f"INSERT INTO {table} (total) VALUES (20)")
    world.write("app/health.py", HEALTH)
    worker = world.worker()
    # The application is loaded, and its pool has a connection.
    assert worker.run(get("app.health:app", path)).status == 200
    with world.connection.transaction():
        world.sql(f"LOCK TABLE {table}")
        waiting = worker.start(get("app.health:app", path)).until_blocked()
        # The loop's own thread sits in the driver's wait: nothing else can run on it.
        blocked = worker.loop_is_in("psycopg.*:wait")
        health = None if blocked else worker.run(get("app.health:app", "/health")).status
    return {"loop": "blocked" if blocked else "free", "health": health, "answer": waiting.finish().brief}


BLOCKED = {"loop": "blocked", "health": None, "answer": 200}
FREE = {"loop": "free", "health": 200, "answer": 200}


@proof("AUD303", "The handler waits itself", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
@look_alike("AUD303", "A plain def", seen=FREE)
@look_alike("AUD303", "Handed to a thread", seen=FREE)
def test_handler(world: World) -> dict:
    return wait_for_a_table(world, "/orders/1")


@proof("AUD303", "Three calls away", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
def test_chain(world: World) -> dict:
    return wait_for_a_table(world, "/revenue")


@proof("AUD303", "A dependency of many routes", faulty=BLOCKED, cured=FREE, fix="--unsafe-fixes")
def test_dependency(world: World) -> dict:
    return wait_for_a_table(world, "/shop")
