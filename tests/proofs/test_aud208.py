"""AUD208: a second caller looks while the first one is making the object."""

from harness import call, look_alike, proof
from harness.world import World


def in_threads(target: str) -> int:
    """Calls an accessor, in a worker, in two threads: the second while the first makes an engine. How many were made."""
    import threading

    import sqlalchemy

    from harness.worker import named

    made: list[object] = []
    second_stands = threading.Event()

    class Lock:
        """A lock that tells when somebody has to wait for it."""

        def __init__(self, inner: object = None) -> None:
            self.inner = real_lock()

        def __enter__(self) -> None:
            if not self.inner.acquire(blocking=False):
                second_stands.set()
                self.inner.acquire()

        def __exit__(self, *_: object) -> None:
            self.inner.release()

    def create_engine(*_: object, **__: object) -> object:
        made.append(object())
        if len(made) == 1:
            second.start()
            second_stands.wait()
        else:
            second_stands.set()
        return made[-1]

    real_lock, threading.Lock = threading.Lock, Lock
    sqlalchemy.create_engine = create_engine
    accessor = named(target)
    threading.Lock = real_lock
    second = threading.Thread(target=accessor)
    accessor()
    second.join()
    return len(made)


def in_tasks(target: str) -> int:
    """Calls an accessor, in a worker, in two tasks: the second while the first makes a pool. How many were made."""
    import asyncio

    import asyncpg

    from harness.worker import named

    made: list[object] = []

    async def create_pool(*_: object, **__: object) -> object:
        # The other task runs until it stands in here too, or waits for the lock.
        for _ in range(3):
            await asyncio.sleep(0)
        made.append(object())
        return made[-1]

    asyncpg.create_pool = create_pool
    accessor = named(target)

    async def both() -> list[object]:
        return await asyncio.gather(accessor(), accessor())

    asyncio.run(both())
    return len(made)


@proof("AUD208", "An engine that plain dependencies share", faulty=2, cured=1)
def test_threads(world: World) -> int:
    return world.run(call(in_threads, "app.database:get_engine")).value


@proof("AUD208", "An await between the look and the making", faulty=2, cured=1)
def test_tasks(world: World) -> int:
    return world.run(call(in_tasks, "app.cache:get_pool")).value


@look_alike("AUD208", "A lock around both, and one with a second look", seen=[1, 1])
def test_locked(world: World) -> list[int]:
    return [world.run(call(in_threads, f"app.database:{name}")).value for name in ("get_engine", "get_replica")]
