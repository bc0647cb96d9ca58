"""A worker: one process that serves an example, and asks before each step that it takes.

It is forked from the process of the proofs, so that Python and its packages are loaded already, and imports the example
from the proof's directory. It has one event loop, as a server's worker has; requests and functions run in it as they do
in production: coroutines on the loop, plain functions in threads.

Before each connection, statement, commit and rollback, and before each HTTP request to another system, it says so to the proof and waits
to be let go: that is how a proof forces the order of steps.
"""

import asyncio
import gc
import importlib
import inspect
import itertools
import json
import os
import sys
import threading
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import fastapi
import flask
import httpx
from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.util import await_only
from sqlalchemy.util.concurrency import in_greenlet

from harness import network
from harness.calls import Function, Http, Outcome, Request

_CALL: ContextVar[int | None] = ContextVar("call", default=None)


def serve(channel: Connection, root: Path, server: str, database: str, name: str) -> None:
    """Serves until the channel is closed; never returns."""
    try:
        os.chdir(root)
        sys.path.insert(0, str(root))
        sys.dont_write_bytecode = True
        # What is released only by the collector is not released while the proof looks.
        gc.disable()
        Worker(channel, server, database, name).run()
    except (EOFError, KeyboardInterrupt):
        pass
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(0)


class Worker:
    """The state of this process."""

    def __init__(self, channel: Connection, server: str, database: str, name: str) -> None:
        self.channel = channel
        self.name = name
        self.address = (server, database)
        self.sending = threading.Lock()
        self.waiting: dict[tuple[int, int], Callable[[Any], None]] = {}
        self.steps = itertools.count()
        self.loop = asyncio.new_event_loop()
        self.apps: dict[str, Any] = {}
        #: Exceptions stay referenced, as they are by logs, error trackers and the results of tasks.
        self.errors: list[BaseException] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}

    def run(self) -> None:
        self.hook_database()
        network.hook(self.step, self.step_async)
        threading.Thread(target=self.listen, daemon=True).start()
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def listen(self) -> None:
        """Reads the proof's orders; in a thread of its own, so that it also does while the loop is blocked."""
        try:
            while True:
                match self.channel.recv():
                    case ("call", call, request):
                        self.loop.call_soon_threadsafe(self.begin, call, request)
                    case ("go", call, step, answer):
                        self.waiting.pop((call, step))(answer)
                    case ("cancel", call):
                        self.loop.call_soon_threadsafe(lambda call=call: self.tasks[call].cancel())
                    case ("stacks",):
                        self.send("stacks", self.stack_of_the_loop())
        except EOFError:
            os._exit(0)

    def send(self, *message: Any) -> None:
        with self.sending:
            self.channel.send(message)

    def stack_of_the_loop(self) -> list[str]:
        """The functions, outermost first, that the event loop's thread is in."""
        frame = sys._current_frames().get(threading.main_thread().ident or 0)
        return [f"{one.f_code.co_filename}:{one.f_code.co_name}" for one, _ in traceback.walk_stack(frame)][::-1]

    # Steps.

    def hook_database(self) -> None:
        server, database = self.address

        @event.listens_for(Engine, "do_connect")
        def connect_to_the_proof(dialect: Any, record: Any, words: list[Any], options: dict[str, Any]) -> None:
            self.step("CONNECT")
            # Whatever address the example names: it is this server that answers.
            words.clear()
            options.clear()
            options.update(host=server, user="shop")
            if dialect.driver == "asyncpg":
                options.update(database=database, server_settings={"application_name": self.name})
            else:
                options.update(dbname=database, application_name=self.name)

        @event.listens_for(Engine, "before_cursor_execute")
        def statement(connection: Any, cursor: Any, text: str, *_: Any) -> None:
            self.step(text)

        @event.listens_for(Engine, "commit")
        def commit(connection: Any) -> None:
            self.step("COMMIT")

        @event.listens_for(Engine, "rollback")
        def rollback(connection: Any) -> None:
            self.step("ROLLBACK")

    def step(self, what: str) -> Any:
        """Waits until the proof lets this call take that step; the answer is the proof's."""
        if in_greenlet():
            # An asynchronous session: its task waits, and the loop goes on.
            return await_only(self.step_async(what))
        call = _CALL.get()
        if call is None:
            return None
        ready = threading.Event()
        answers: list[Any] = []

        def go(answer: Any) -> None:
            answers.append(answer)
            ready.set()

        self.announce(call, what, go)
        ready.wait()
        return answers[0]

    async def step_async(self, what: str) -> Any:
        """The same, for code that runs on the loop."""
        call = _CALL.get()
        if call is None:
            return None
        # Mostly the worker's own; an example may run another one in a thread.
        loop = asyncio.get_running_loop()
        future = loop.create_future()

        def settle(answer: Any) -> None:
            if not future.done():
                future.set_result(answer)

        self.announce(call, what, lambda answer: loop.call_soon_threadsafe(settle, answer))
        return await future

    def announce(self, call: int, what: str, go: Callable[[Any], None]) -> None:
        step = next(self.steps)
        self.waiting[call, step] = go
        self.send("step", call, step, " ".join(what.split()))

    # Calls.

    def begin(self, call: int, request: Request) -> None:
        self.tasks[call] = self.loop.create_task(self.perform(call, request))

    async def perform(self, call: int, request: Request) -> None:
        _CALL.set(call)
        try:
            outcome = await (self.answer(request) if isinstance(request, Http) else self.invoke(request))
        except BaseException as error:  # the proof hears of everything, also of cancellations
            self.errors.append(error)
            outcome = Outcome(500 if isinstance(request, Http) else 0, None, type(error).__name__, str(error))
        self.send("done", call, outcome)

    async def invoke(self, request: Function) -> Outcome:
        target = named(request.target) if isinstance(request.target, str) else request.target
        if inspect.iscoroutinefunction(target):
            value = await target(*request.arguments, **request.keywords)
        else:
            value = await asyncio.to_thread(target, *request.arguments, **request.keywords)
        return Outcome(0, plain(value))

    async def answer(self, request: Http) -> Outcome:
        app = await self.application(request.app)
        if isinstance(app, flask.Flask):
            return await asyncio.to_thread(self.answer_flask, app, request)
        raised: list[BaseException] = []

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            try:
                await app(scope, receive, send)
            except BaseException as error:
                raised.append(error)
                raise

        transport = httpx.ASGITransport(watched, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as client:
            response = await client.request(request.method, request.path, **request.options)
        self.errors.extend(raised)
        error = type(raised[0]).__name__ if raised else None
        return Outcome(response.status_code, json_or_text(response.text), error, str(raised[0]) if raised else "")

    def answer_flask(self, app: flask.Flask, request: Http) -> Outcome:
        app.testing = False
        response = app.test_client().open(request.path, method=request.method, **request.options)
        return Outcome(response.status_code, json_or_text(response.text))

    async def application(self, name: str) -> Any:
        if name not in self.apps:
            app = named(name)
            if isinstance(app, fastapi.APIRouter) and not isinstance(app, fastapi.FastAPI):
                whole = fastapi.FastAPI()
                whole.include_router(app)
                app = whole
            if isinstance(app, fastapi.FastAPI):
                # Left open: the worker ends without a farewell, as one that is killed.
                await app.router.lifespan_context(app).__aenter__()
            self.apps[name] = app
        return self.apps[name]


def named(name: str) -> Any:
    """What `module:path.to.attribute` names."""
    module, _, path = name.partition(":")
    value = importlib.import_module(module)
    for attribute in path.split("."):
        value = getattr(value, attribute)
    return value


def plain(value: Any) -> Any:
    """The value if it can be sent, else how it looks."""
    return value if isinstance(value, str | int | float | bool | list | tuple | dict | set | None) else repr(value)


def json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
