"""AUD309: a scope is over, and somebody reads the rows that it has expired."""

from harness import call, look_alike, post, proof
from harness.calls import Outcome
from harness.world import World


def answer(outcome: Outcome) -> object:
    return outcome.error or outcome.value


@proof("AUD309", "A helper returns a row out of its `with`", faulty=["DetachedInstanceError", 1], cured=[1, 1])
@proof("AUD309", "A session that a `finally` closes", faulty=["DetachedInstanceError", 1], cured=[1, 1])
@proof("AUD309", "A scope that commits when it is left", faulty=["DetachedInstanceError", 1], fix=None)
@look_alike("AUD309", "The session keeps its rows", seen=[1, 1])
@look_alike("AUD309", "Refreshed, and expunged", seen=[1, 1])
@look_alike("AUD309", "The scope expunges what it has loaded", seen=[1, 1])
@look_alike("AUD309", "The row is read inside of the scope", seen=[1, 1])
@look_alike("AUD309", "The row goes into another session", seen=[1, 1])
@look_alike("AUD309", "The session of the caller is still open", seen=[1, 1])
@look_alike("AUD309", "A row that is only handed on", seen=[None, 1])
def test_register(world: World) -> list:
    world.tables("app.database")
    outcome = world.run(call("app.users:register", "ada"))
    # The user is there, whatever the caller was told.
    return [answer(outcome), world.value("SELECT count(*) FROM users")]


@proof("AUD309", "A row behind its `with`", faulty="DetachedInstanceError", cured="ada is grace")
def test_rename(world: World) -> object:
    world.tables("app.database")
    world.sql("INSERT INTO users (name) VALUES ('ada')")
    return answer(world.run(call("app.users:rename", 1, "grace")))


@proof("AUD309", "All rows of a list", faulty="DetachedInstanceError", fix=None)
def test_list(world: World) -> object:
    world.tables("app.database")
    world.sql("INSERT INTO users (name) VALUES ('ada')")
    return answer(world.run(call("app.users:names")))


@look_alike("AUD309", "Nothing was committed", seen="ada, meet grace")
def test_reading(world: World) -> object:
    world.tables("app.database")
    world.sql("INSERT INTO users (name) VALUES ('ada'), ('grace')")
    return answer(world.run(call("app.users:greet", 1)))


@proof(
    "AUD309",
    "An answer, with a session of asyncio",
    faulty=["ResponseValidationError", 1],
    cured=[{"id": 1, "name": "ada"}, 1],
)
def test_answer(world: World) -> list:
    world.tables("app.database")
    outcome = world.run(post("app.routes:router", "/users?name=ada"))
    return [answer(outcome), world.value("SELECT count(*) FROM users")]
