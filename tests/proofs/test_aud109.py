"""AUD109: a commit inside a scope that commits: the second half is refused, and the first is saved."""

from harness import call, look_alike, proof
from harness.world import World


def book(world: World) -> dict:
    world.tables("app.database")
    outcome = world.run(call("app.payments:book", 10))
    seen = {"answer": outcome.brief, "payments": world.value("SELECT count(*) FROM payments")}
    if world.value("SELECT to_regclass('ledger_entries') IS NOT NULL"):
        seen["entries"] = world.value("SELECT count(*) FROM ledger_entries")
    return seen


HALF = {"answer": "InvalidRequestError", "payments": 1, "entries": 0}
WHOLE = {"answer": "returned", "payments": 1, "entries": 1}

test_id = proof("AUD109", "The id is needed before the second row", faulty=HALF, cured=WHOLE)(book)
test_async = proof(
    "AUD109", "An async session, and a row that is read after the commit", faulty=HALF, cured=WHOLE | {"entries": 0}
)(book)

ONE = {"answer": "returned", "payments": 1}
test_needed = look_alike("AUD109", "`with Session()` does not commit: the commit is needed", seen=ONE)(book)
test_flush = look_alike("AUD109", "A flush inside the scope", seen=ONE)(book)
test_savepoint = look_alike("AUD109", "The commit stands behind the savepoint", seen=ONE)(book)
TWO = {"answer": "returned", "payments": 2}
test_other = look_alike("AUD109", "Another session than that of the scope", seen=TWO)(book)
test_asked = look_alike("AUD109", "A helper that commits only where it is asked to", seen=TWO)(book)
test_closes = look_alike("AUD109", "The project's scope only closes", seen=TWO)(book)
