"""The proof's side: starts workers, lets calls take their steps, and looks at the database."""

import os
import re
import time
from collections.abc import Callable
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from harness.calls import Function, Outcome, Request
from harness.postgres import Server
from harness.worker import serve

#: After that many seconds without a word a proof has gone wrong. It measures nothing.
PATIENCE = 30.0


class Stuck(AssertionError):
    """A call that neither takes a step, nor ends, nor waits for a lock."""


class Process:
    """A worker of the example."""

    def __init__(self, world: "World", name: str) -> None:
        self.world = world
        self.name = name
        self.calls: dict[int, Call] = {}
        self.stacks: list[list[str]] = []
        self.channel, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            self.channel.close()
            for preparation in world.preparations:
                preparation()
            serve(theirs, world.root, str(world.server.root), world.database, name)
        theirs.close()

    def start(self, request: Request) -> "Call":
        """Hands it a request, which runs to its first step."""
        call = Call(self, len(self.calls))
        self.calls[call.number] = call
        self.channel.send(("call", call.number, request))
        return call

    def run(self, request: Request) -> Outcome:
        """Lets it answer a request, without a stop."""
        return self.start(request).finish()

    def loop_is_in(self, words: str) -> bool:
        """Whether the event loop's thread is inside of a function whose file and name match, now."""
        self.channel.send(("stacks",))
        known = len(self.stacks)
        deadline = time.monotonic() + PATIENCE
        while len(self.stacks) == known and time.monotonic() < deadline:
            self.read(0.05)
        return any(re.search(words, frame) for frame in self.stacks[-1])

    def waits_for_lock(self) -> bool:
        """Whether PostgreSQL lets one of its connections wait for another's lock."""
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s AND pg_blocking_pids(pid) <> '{}'"
        return self.world.value(waiting, self.name) > 0

    def read(self, patience: float) -> bool:
        """Takes in what it says within that time; whether it said something."""
        if not self.channel.poll(patience):
            return False
        try:
            match self.channel.recv():
                case ("step", call, step, what):
                    self.calls[call].steps.append((step, what))
                case ("done", call, outcome):
                    self.calls[call].outcome = outcome
                case ("stacks", stack):
                    self.stacks.append(stack)
        except EOFError:
            raise Stuck(f"the worker {self.name} has ended") from None
        return True

    def end(self) -> None:
        self.channel.close()
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)


class Call:
    """A request or a function under way in a worker."""

    def __init__(self, process: Process, number: int) -> None:
        self.process = process
        self.number = number
        self.outcome: Outcome | None = None
        #: Steps that it wants to take: what stands before the first of them has happened.
        self.steps: list[tuple[int, str]] = []
        #: What it did, in order.
        self.history: list[str] = []

    def until(self, pattern: str) -> "Call":
        """Lets it go on until it is about to take a step that matches; it must get there."""
        state = self.advance(pattern)
        assert state == "there", f"never came to `{pattern}`: {state} after\n  " + "\n  ".join(self.history)
        return self

    def until_blocked(self) -> "Call":
        """Lets it go on until PostgreSQL makes it wait for another's lock."""
        state = self.advance(None)
        assert state == "blocked", f"never waited for a lock: {state} after\n  " + "\n  ".join(self.history)
        return self

    def finish(self) -> Outcome:
        """Lets it go on to its end."""
        deadline = time.monotonic() + PATIENCE
        while self.outcome is None:
            if self.steps:
                self.go()
            elif not self.process.read(0.05) and time.monotonic() > deadline:
                raise Stuck("never ended after\n  " + "\n  ".join(self.history))
        return self.outcome

    def advance(self, pattern: str | None) -> str:
        """Lets it go on until it is `"there"`, `"blocked"` by a lock, or `"done"`."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if self.outcome is not None:
                return "done"
            if self.steps:
                if pattern is not None and re.search(pattern, self.steps[0][1]):
                    return "there"
                self.go()
            elif not self.process.read(0.02):
                if self.process.waits_for_lock():
                    return "blocked"
                if time.monotonic() > deadline:
                    raise Stuck("neither ended nor waited for a lock after\n  " + "\n  ".join(self.history))

    def go(self) -> None:
        """Lets it take the step that it stands before."""
        step, what = self.steps.pop(0)
        self.history.append(what)
        method, _, url = what.partition(" ")
        answer = self.process.world.answer(method, url) if url.startswith("http") else None
        self.process.channel.send(("go", self.number, step, answer))

    def cancel(self) -> None:
        """Cancels its task where it stands, as a server does with a request whose client has gone."""
        self.steps.clear()
        self.process.channel.send(("cancel", self.number))


class World:
    """One run of one example: its files, its database, its workers."""

    def __init__(self, server: Server, root: Path) -> None:
        self.server = server
        self.root = root
        self.database = server.create_database()
        self.connection = server.connect(self.database)
        self.processes: list[Process] = []
        #: How the other systems answer: gets the method and the address, gives the JSON.
        self.elsewhere: Callable[[str, str], Any] | None = None
        self.preparations: list[Callable[[], None]] = []
        #: What other systems were asked.
        self.asked: list[str] = []

    def worker(self) -> Process:
        """Another process that serves the example."""
        process = Process(self, f"{self.database}_{len(self.processes)}")
        self.processes.append(process)
        return process

    def start(self, request: Request) -> Call:
        """Starts a request in a worker of its own."""
        return self.worker().start(request)

    def run(self, request: Request) -> Outcome:
        """Runs a request in a worker of its own."""
        return self.start(request).finish()

    def race(self, first: Request, second: Request, before: str) -> tuple[Outcome, Outcome]:
        """Two requests in two workers meet: the first stops before that step, and the second goes on until it stands there too
        (or waits for a lock, or ends); then the first goes on to its end, then the second."""
        one = self.start(first).until(before)
        other = self.start(second)
        other.advance(before)
        return one.finish(), other.finish()

    def prepare(self, preparation: Callable[[], None]) -> None:
        """Has every worker do that before it imports the example."""
        self.preparations.append(preparation)

    def small_pools(self) -> None:
        """Gives every engine of the example a pool of two connections, which is soon tired of waiting."""
        import sqlalchemy
        from sqlalchemy.ext import asyncio

        options = {"pool_size": 2, "max_overflow": 0, "pool_timeout": 0.05}

        def patch() -> None:
            sqlalchemy.create_engine = partial(sqlalchemy.create_engine, **options)
            asyncio.create_async_engine = partial(asyncio.create_async_engine, **options)

        self.prepare(patch)

    def dependencies_end_first(self) -> None:
        """Has FastAPI end every dependency before it answers, as its versions from 0.106 to 0.117 did by themselves."""
        import fastapi

        def patch() -> None:
            fastapi.Depends = partial(fastapi.Depends, scope="function")

        self.prepare(patch)

    def answer(self, method: str, url: str) -> Any:
        """The answer of another system."""
        self.asked.append(f"{method} {url}")
        assert self.elsewhere is not None, f"the example asks {method} {url}: set `world.elsewhere`"
        return self.elsewhere(method, url)

    def write(self, path: str, text: str) -> None:
        """Adds a file that the example does without."""
        file = self.root / path
        assert not file.exists(), f"the example has a file {path}"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def tables(self, *modules: str) -> None:
        """Creates the tables of the models in those modules."""
        outcome = self.run(Function(create_tables, modules))
        assert outcome.error is None, f"{outcome.error}: {outcome.message}"

    def sql(self, statement: str, *values: Any) -> None:
        """Executes it, and commits."""
        self.connection.execute(statement, values or None)

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self.connection.execute(query, values or None).fetchall()

    def value(self, query: str, *values: Any) -> Any:
        """The one value of a query."""
        [(value,)] = self.rows(query, *values)
        return value

    def open_transactions(self) -> int:
        """How many connections of the example sit in a transaction that nobody ends."""
        mine = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE %s AND state LIKE 'idle in transaction%%'"
        return self.value(mine, f"{self.database}\\_%")

    def wait_until_gone(self, worker: Process) -> None:
        """Waits until PostgreSQL has noticed that a worker's process has ended."""
        deadline = time.monotonic() + PATIENCE
        while self.value("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", worker.name):
            if time.monotonic() > deadline:
                raise Stuck(f"the connections of {worker.name} are still there")
            time.sleep(0.02)

    def close(self) -> None:
        """Ends its workers, and drops its database."""
        for process in self.processes:
            process.end()
        self.connection.close()
        self.server.drop_database(self.database)


def create_tables(*modules: str) -> None:
    """Creates, in a worker, the tables of every declarative base that those modules have made."""
    import importlib

    import sqlalchemy
    from sqlalchemy.orm import DeclarativeBase
    from sqlmodel import SQLModel

    for module in modules:
        importlib.import_module(module)
    engine = sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")
    for metadata in [SQLModel.metadata, *(base.metadata for base in DeclarativeBase.__subclasses__())]:
        metadata.create_all(engine)
