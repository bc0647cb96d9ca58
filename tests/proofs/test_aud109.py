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


def line_below(world: World, line: str) -> None:
    """Adds a line at the end of the example's scope, as somebody will."""
    file = world.root / "app/payments.py"
    lines = file.read_text().splitlines()
    indentation = " " * 12
    last = max(number for number, text in enumerate(lines) if text.startswith(indentation))
    file.write_text("\n".join([*lines[: last + 1], indentation + line, *lines[last + 1 :], ""]))


def with_line_below(world: World, function: str, *arguments: object) -> list:
    """How the call ends when its scope goes on behind the commit, and what is saved."""
    world.tables("app.database")
    line_below(world, "db.add(Payment(amount=99))")
    outcome = world.run(call(f"app.payments:{function}", *arguments))
    return [outcome.brief, [amount for (amount,) in world.rows("SELECT amount FROM payments ORDER BY id")]]


REFUSED = ["InvalidRequestError", [10]]
BOTH = ["returned", [10, 99]]


@proof("AUD109", "The commit stands last", faulty=REFUSED, cured=BOTH)
@proof("AUD109", "In a savepoint, and again behind it", faulty=REFUSED, cured=BOTH, fix="Remove the inner commit")
def test_last(world: World) -> list:
    return with_line_below(world, "book", 10)


@proof("AUD109", "The last statement of a savepoint", faulty=REFUSED, cured=BOTH, fix="Commit behind the scope")
def test_last_of_savepoint(world: World) -> list:
    return with_line_below(world, "book_all", [10])


@proof("AUD109", "Only where something holds, in a savepoint", faulty=REFUSED, fix=None)
def test_condition(world: World) -> list:
    return with_line_below(world, "book", 10, True)


test_helper = proof("AUD109", "A helper commits what it is handed", faulty=HALF, fix=None)(book)
test_holds_begin = proof("AUD109", "The project's own scope holds `begin()`", faulty=HALF, cured=WHOLE)(book)


def books_all(world: World, module: str) -> list:
    world.tables("app.database")
    return [world.run(call(f"{module}:book_all", [10, 20])).brief, world.value("SELECT count(*) FROM payments")]


@proof("AUD109", "In a loop, inside a savepoint", faulty=["InvalidRequestError", 1], cured=["returned", 2])
def test_loop(world: World) -> list:
    return books_all(world, "app.payments")


@look_alike(
    "AUD109",
    "A plain helper's commit of an asynchronous session is a coroutine that nobody awaits",
    seen=["returned", 2],
)
def test_nobody_awaits(world: World) -> list:
    return books_all(world, "app.bookings")


def refusing(world: World, entries: str) -> dict:
    """The booking when the ledger takes no other entries than those."""
    world.tables("app.database")
    world.sql(f"ALTER TABLE ledger_entries ADD CHECK ({entries})")
    return book(world)


APART = {"answer": "IntegrityError", "payments": 1, "entries": 0}
NOTHING = {"answer": "IntegrityError", "payments": 0, "entries": 0}


@proof("AUD109", "The project's own scope commits on exit", faulty=APART, cured=NOTHING, fix="--unsafe-fixes")
@proof(
    "AUD109",
    "What fails behind the early commit is let pass",
    faulty={"answer": "returned", "payments": 1, "entries": 0},
    fix=None,
)
def test_no_entries(world: World) -> dict:
    return refusing(world, "false")


@proof(
    "AUD109",
    "More than one commit in the project's own scope",
    faulty=APART | {"entries": 1},
    cured=NOTHING,
    fix="--unsafe-fixes",
)
def test_one_entry(world: World) -> dict:
    return refusing(world, "id = 1")
