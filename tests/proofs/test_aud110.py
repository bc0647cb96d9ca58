"""AUD110: another system does not answer; who waits with the one that asked it?"""

from harness import call, look_alike, proof
from harness.world import World


def ship(order_id: int) -> None:
    """Calls, in a worker, the example's function with a session that is closed afterwards."""
    from app.database import SessionLocal
    from app.parcels import ship

    with SessionLocal() as db:
        ship(db, order_id)


async def ship_async(order_id: int) -> None:
    """The same, for an asynchronous session."""
    from app.database import Order
    from app.parcels import ship
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

    async with AsyncSession(create_async_engine("postgresql+asyncpg://shop@db/shop")) as session:
        await ship(session, await session.get_one(Order, order_id))


def track(order_id: int) -> None:
    """Calls, in a worker, the example's function that only reads."""
    from app.database import SessionLocal
    from app.parcels import track

    with SessionLocal() as db:
        track(db, order_id)


def ship_dry(order_id: int) -> None:
    """Calls, in a worker, the branch of the example that asks another system."""
    from app.database import SessionLocal
    from app.parcels import ship

    with SessionLocal() as db:
        ship(db, order_id, dry=True)


def mail_by_http() -> None:
    """Gives a worker a mail server that is asked by HTTP, so that the proof sees when."""
    import smtplib

    import httpx

    class Mail:
        def __init__(self, host: str) -> None:
            self.host = host

        def sendmail(self, *_: str) -> None:
            httpx.post(f"https://{self.host}")

    smtplib.SMTP = Mail


def count_orders() -> int:
    """What has nothing to do with the order that is shipped."""
    from app.database import Order, SessionLocal

    with SessionLocal() as db:
        return db.query(Order).count()


def orders(world: World) -> None:
    world.tables("app.database")
    world.sql("INSERT INTO orders (state) VALUES ('new')")
    world.elsewhere = lambda method, url: {}


WAITS = {"free": False, "another": "blocked"}
GOES_ON = {"free": True, "another": "there"}


@proof("AUD110", "A locked row", faulty=WAITS, fix=None)
@look_alike("AUD110", "The transaction ends before the call", seen=GOES_ON)
@look_alike("AUD110", "The call stands before the lock", seen=GOES_ON)
def test_lock(world: World) -> dict:
    return meet(world, ship)


@proof("AUD110", "A lock by `refresh`, in an async session", faulty=WAITS, fix=None)
def test_async_lock(world: World) -> dict:
    return meet(world, ship_async)


@proof("AUD110", "A change that was sent already", faulty=WAITS, fix=None)
def test_sent_change(world: World) -> dict:
    world.prepare(mail_by_http)
    return meet(world, ship)


@look_alike("AUD110", "The scope is left before the call", seen=GOES_ON)
def test_scope(world: World) -> dict:
    return meet(world, "app.parcels:ship")


@look_alike("AUD110", "Read, without a lock", seen=GOES_ON)
def test_read(world: World) -> dict:
    return meet(world, track)


@look_alike("AUD110", "Another branch", seen=GOES_ON)
def test_branch(world: World) -> dict:
    return meet(world, ship_dry)


def meet(world: World, ship) -> dict:
    """While the first waits for the carrier, another session looks for the row, and a second request comes for it."""
    orders(world)
    first = world.start(call(ship, 1)).until("^(POST|GET) https")
    free = bool(world.rows("SELECT id FROM orders FOR UPDATE SKIP LOCKED"))
    another = world.start(call(ship, 1)).advance("^(POST|GET) https")
    return {"free": free, "another": another}


@look_alike("AUD110", "Building a request is no call", seen={"answer": "returned", "state": "shipped", "asked": []})
def test_request(world: World) -> dict:
    orders(world)
    answer = world.run(call(ship, 1)).brief
    return {"answer": answer, "state": world.value("SELECT state FROM orders"), "asked": world.asked}


@proof("AUD110", "A locked row", faulty="TimeoutError", fix=None)
@look_alike("AUD110", "The transaction ends before the call", seen="returned")
def test_pool(world: World) -> object:
    """A pool of two: one waits for the carrier, one for the first; is there a connection for a third?"""
    world.small_pools()
    orders(world)
    worker = world.worker()
    worker.start(call(ship, 1)).until("^POST https")
    worker.start(call(ship, 1)).advance("^POST https")
    return worker.run(call(count_orders)).brief
