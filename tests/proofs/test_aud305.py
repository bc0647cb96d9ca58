"""AUD305: a route fails, and its connection does not come back."""

from harness import call, get, look_alike, proof
from harness.world import World

ROUTES = """
import httpx
from fastapi import APIRouter, Depends, HTTPException
from sqlalchemy import text

from app.deps import {dependency} as dependency

router = APIRouter()


@router.get("/missing")
{async}def missing(db=Depends(dependency)) -> None:
    {await}db.execute(text("SELECT 1"))
    raise HTTPException(status_code=404)


@router.get("/fine")
{async}def fine(db=Depends(dependency)) -> int:
    return ({await}db.execute(text("SELECT 1"))).scalar_one()


@router.get("/touch")
async def touch(db=Depends(dependency)) -> None:
    {await}db.execute(text("UPDATE visits SET id = id"))
    async with httpx.AsyncClient() as client:
        await client.post("https://other.example/visits")
"""


def routes(world: World, dependency: str, asynchronous: bool = False) -> None:
    words = {"async": "async ", "await": "await "} if asynchronous else {"async": "", "await": ""}
    world.write("app/more.py", ROUTES.format(dependency=dependency, **words))


def fail_twice(world: World, dependency: str, asynchronous: bool = False, app: str = "app.more:router") -> list:
    """Two requests for what does not exist, and then one that does nothing wrong, with a pool of two connections."""
    world.small_pools()
    routes(world, dependency, asynchronous)
    worker = world.worker()
    paths = ["/missing", "/missing", "/fine"]
    return [worker.run(get(app, path)).brief for path in paths] + [world.open_transactions()]


DRY = [404, 404, "TimeoutError", 2]
BACK = [404, 404, 200, 0]


@proof("AUD305", "Nothing stands around the yield", faulty=DRY, cured=BACK)
@proof("AUD305", "A plain function returns a bare session", faulty=DRY, cured=BACK)
@look_alike("AUD305", "Only a close, in a finally", seen=BACK)
@look_alike("AUD305", "A with statement", seen=BACK)
@look_alike("AUD305", "A context manager used as a dependency", seen=BACK)
def test_get_db(world: World) -> list:
    return fail_twice(world, "get_db")


@proof("AUD305", "The session is closed only when nothing fails", faulty=DRY, cured=BACK)
def test_reporting(world: World) -> list:
    return fail_twice(world, "reporting_session")


@proof("AUD305", "A commit behind the yield, with SQLModel", faulty=DRY, cured=BACK)
def test_tenant(world: World) -> list:
    return fail_twice(world, "tenant_session")


@proof("AUD305", "An annotation that says what is returned", faulty=DRY, cured=BACK)
@look_alike("AUD305", "An async with and a commit", seen=BACK)
@look_alike("AUD305", "A handler and a finally", seen=BACK)
def test_async(world: World) -> list:
    return fail_twice(world, "get_session", asynchronous=True)


@look_alike("AUD305", "It hands on what another dependency closes", seen=BACK)
def test_handed_on(world: World) -> list:
    return fail_twice(world, "get_tenant_db")


@proof("AUD305", "Cancellation passes the handler by", faulty="blocked", cured="done")
def test_cancelled(world: World) -> str:
    world.sql("CREATE TABLE visits (id int); INSERT INTO visits VALUES (1)")
    routes(world, "get_session", asynchronous=True)
    world.elsewhere = lambda method, url: {}
    touch = get("app.more:router", "/touch")
    gone = world.start(touch).until("^POST")
    gone.cancel()
    assert gone.finish().error == "CancelledError"
    # Another request wants the row that the cancelled one has changed.
    return world.start(touch).advance(None)


MIDDLEWARE = """
from fastapi import FastAPI

from app.database import SessionLocal
from app.more import router

app = FastAPI()
app.include_router(router)


@app.middleware("http")
async def give_session(request, call_next):
    with SessionLocal() as request.state.db:
        return await call_next(request)
"""


@look_alike("AUD305", "The session of a middleware", seen=BACK)
def test_middleware(world: World) -> list:
    world.write("app/main.py", MIDDLEWARE)
    return fail_twice(world, "get_db", app="app.main:app")


def fail_after_select() -> None:
    """Has something fail, in a worker, after each `SELECT 1`: the transaction that it has begun is still open."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    @event.listens_for(Engine, "after_cursor_execute")
    def fail(connection: object, cursor: object, text: str, *_: object) -> None:
        if text == "SELECT 1":
            raise RuntimeError(text)


@look_alike(
    "AUD305",
    "No dependency at all: a helper whose caller closes",
    seen=["RuntimeError", "RuntimeError", "RuntimeError", 0],
)
def test_caller_closes(world: World) -> list:
    world.small_pools()
    world.prepare(fail_after_select)
    worker = world.worker()
    return [worker.run(call("app.jobs:run")).brief for _ in range(3)] + [world.open_transactions()]
