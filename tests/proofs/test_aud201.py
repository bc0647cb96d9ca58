"""AUD201: both requests read the row before either has written it."""

from harness import look_alike, post, proof, put
from harness.world import World


@proof(
    "AUD201",
    "Stock that is counted down",
    faulty={"answers": [200, 200], "stock": 0, "sold": 1},
    cured={"answers": [200, 409], "stock": 0, "sold": 1},
)
def test_stock(world: World) -> dict:
    world.tables("app.models")
    world.sql("INSERT INTO items (sku, stock, sold) VALUES ('lamp', 1, 0)")
    buy = post("app.routers.cart:router", "/cart/lamp?quantity=1")
    answers = world.race(buy, buy, before="^UPDATE items")
    [(stock, sold)] = world.rows("SELECT stock, sold FROM items")
    return {"answers": [one.brief for one in answers], "stock": stock, "sold": sold}


def voucher(world: World) -> dict:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}')")
    redeem = post("app.routers.vouchers:router", "/vouchers/1?worth=20&fee=5")
    answers = world.race(redeem, redeem, before="^UPDATE accounts")
    return {"answers": [one.brief for one in answers], "balance": world.value("SELECT balance FROM accounts")}


LOST = {"answers": [200, 200], "balance": 115}
BOTH = {"answers": [200, 200], "balance": 130}
VOUCHERS = "A balance, where the database could do the sum"
test_balance = proof("AUD201", VOUCHERS, faulty=LOST, cured=BOTH)(voucher)
test_balance_in_sql = proof("AUD201", VOUCHERS, faulty=LOST, cured=BOTH, fix="Compute")(voucher)


@proof(
    "AUD201",
    "A state machine, with a statement built step by step",
    faulty=[200, 200],
    cured=[200, "NotPending"],
)
def test_state(world: World) -> list:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (0, '{}')")
    world.sql("INSERT INTO orders (account_id, status) VALUES (1, 'pending')")
    cancel = post("app.routers.orders:router", "/orders/1/cancel")
    return [one.brief for one in world.race(cancel, cancel, before="^UPDATE orders")]


@proof(
    "AUD201",
    "Two rows by their keys, with SQLModel's session",
    faulty={"answers": [200, 200], "balances": [90, 110]},
    cured={"answers": [200, 200], "balances": [80, 120]},
)
def test_transfer(world: World) -> dict:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}'), (100, '{}')")
    transfer = post("app.routers.transfers:router", "/transfers/?source_id=1&target_id=2&amount=10")
    answers = world.race(transfer, transfer, before="^UPDATE accounts")
    balances = world.rows("SELECT balance FROM accounts ORDER BY id")
    return {"answers": [one.brief for one in answers], "balances": [balance for (balance,) in balances]}


@proof("AUD201", "A column that is asked for without its row", faulty=110, cured=120)
def test_column(world: World) -> int:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}')")
    deposit = post("app.routers.deposits:router", "/deposits/1?amount=10")
    world.race(deposit, deposit, before="^UPDATE accounts")
    return world.value("SELECT balance FROM accounts")


@proof(
    "AUD201",
    "The row comes from a repository",
    faulty={"answers": [200, 200], "stock": 0},
    cured={"answers": [200, 409], "stock": 0},
)
def test_repository(world: World) -> dict:
    world.tables("app.models")
    world.sql("INSERT INTO items (sku, stock, sold) VALUES ('lamp', 1, 0)")
    reserve = post("app.routers.reservations:router", "/reservations/1")
    answers = world.race(reserve, reserve, before="^UPDATE items")
    return {"answers": [one.brief for one in answers], "stock": world.value("SELECT stock FROM items")}


@proof(
    "AUD201",
    "A helper that locks when it is told to",
    faulty=[200, 200],
    cured=[200, 409],
)
def test_flag(world: World) -> list:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (0, '{}')")
    world.sql("INSERT INTO orders (account_id, status) VALUES (1, 'paid')")
    ship = post("app.routers.shipping:router", "/shipping/1/1")
    return [one.brief for one in world.race(ship, ship, before="^UPDATE orders")]


def take(world: World, row: str, paths: list[str], seen: str, before: str) -> list:
    """Two requests on one row, for each of the routes: how they end, and what the row holds."""
    world.tables("app.routes")
    shown = []
    for path in paths:
        world.sql(row)
        answers = world.race(post("app.routes:router", path), post("app.routes:router", path), before=before)
        shown.append(([one.brief for one in answers], world.value(seen)))
    return shown


ITEM = "DELETE FROM items; INSERT INTO items (id, name, stock, status, labels) VALUES (1, 'lamp', 10, 'draft', '[]')"


@look_alike("AUD201", "The helper is told to lock", seen=[([200, 200], 8)])
def test_told(world: World) -> list:
    return take(world, ITEM, ["/1"], "SELECT stock FROM items", "^UPDATE items")


@look_alike("AUD201", "The database does the sum", seen=[([200, 200], 8), ([200, 200], 8)])
def test_sum(world: World) -> list:
    return take(world, ITEM, ["/a/1", "/b/1"], "SELECT stock FROM items", "^UPDATE items")


@look_alike("AUD201", "The mapper counts versions", seen=[([200, "StaleDataError"], 1)])
def test_versions(world: World) -> list:
    row = "INSERT INTO seats (taken, version) VALUES (0, 1)"
    return take(world, row, ["/1"], "SELECT taken FROM seats", "^UPDATE seats")


@look_alike("AUD201", "A serializable engine", seen=[([200, "OperationalError"], 9)])
def test_serializable(world: World) -> list:
    return take(world, ITEM, ["/1"], "SELECT stock FROM items", "^UPDATE items")


@look_alike("AUD201", "The load locks, in every dialect", seen={"a": 8, "b": 9, "c": "published", "d": 8})
def test_locked(world: World) -> dict:
    world.tables("app.database")
    seen = {}
    for letter, column in [("a", "stock"), ("b", "stock"), ("c", "status"), ("d", "stock")]:
        world.sql("DELETE FROM items")
        world.sql("INSERT INTO items (id, name, stock, status, labels) VALUES (1, 'lamp', 10, 'draft', '[]')")
        take = post("app.routes:router", f"/{letter}/1")
        world.race(take, take, before="^UPDATE items")
        seen[letter] = world.value(f"SELECT {column} FROM items")
    return seen


@proof(
    "AUD201",
    "A row that is looked for by its state, and one that is claimed",
    faulty={"jobs": [1, 1], "seats": [[200, 200], [200, 200]]},
    cured={"jobs": [1, None], "seats": [[200, 409], [200, 409]]},
)
def test_claims(world: World) -> dict:
    world.tables("app.jobs")
    world.sql("INSERT INTO jobs (state) VALUES ('open')")
    next_job = [post("app.routers.work:router", f"/jobs/next?worker={name}") for name in ("ana", "bo")]
    jobs = [one.value for one in world.race(*next_job, before="^UPDATE jobs")]
    seats = []
    for path in ("/seats/next", "/seats/2"):
        world.sql("INSERT INTO seats (holder) VALUES (NULL)")
        take = [post("app.routers.work:router", f"{path}?name={name}") for name in ("ana", "bo")]
        seats.append([one.brief for one in world.race(*take, before="^UPDATE seats")])
    return {"jobs": jobs, "seats": seats}


@proof("AUD201", "A dependency that only looks at what another one gives it", faulty=90, cured=80)
def test_current_account(world: World) -> int:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}')")
    spend = post("app.routers.spending:router", "/spending/?amount=10", headers={"X-Account": "1"})
    world.race(spend, spend, before="^UPDATE accounts")
    return world.value("SELECT balance FROM accounts")


@look_alike(
    "AUD201",
    "Looked for by its state, and passed over by the others",
    seen={"/next": ["ana", "bo"], "/take": ["ana", "bo"]},
)
def test_passed_over(world: World) -> dict:
    world.tables("app.routes")
    seen = {}
    for path in ("/next", "/take"):
        world.sql("DELETE FROM jobs")
        world.sql("INSERT INTO jobs (state, hidden) VALUES ('open', false), ('open', false)")
        first, second = [post("app.routes:router", f"{path}?worker={name}") for name in ("ana", "bo")]
        world.race(first, second, before="^(UPDATE jobs|COMMIT)")
        seen[path] = [worker for (worker,) in world.rows("SELECT worker FROM jobs ORDER BY worker")]
    return seen


@proof("AUD201", "A unit of work that commits when it is left", faulty=110, fix=None)
def test_unit_of_work(world: World) -> int:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}')")
    deposit = post("app.routers.deposits:router", "/deposits/1?amount=10")
    world.race(deposit, deposit, before="^UPDATE accounts")
    return world.value("SELECT balance FROM accounts")


@proof("AUD201", "A unit of work that a dependency enters and leaves", faulty=[110, 90], fix=None)
def test_entered_by_dependency(world: World) -> list:
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (100, '{}'), (100, '{}')")
    deposit = post("app.routers.deposits:router", "/deposits/1?amount=10")
    withdraw = put("app.routers.deposits:router", "/deposits/2?amount=10")
    for request in (deposit, withdraw):
        world.race(request, request, before="^UPDATE accounts")
    return [balance for (balance,) in world.rows("SELECT balance FROM accounts ORDER BY id")]


@proof("AUD201", "A helper that is handed nothing but the row", faulty="active", fix=None)
def test_welcomed(world: World) -> str:
    world.tables("app.services.returning")
    world.sql("INSERT INTO members (state, seen_at) VALUES ('gone', now())")
    log_in = post("app.routers.members:router", "/members/1/login")
    block = post("app.routers.members:router", "/members/1/block")
    world.race(block, log_in, before="^UPDATE members")
    return world.value("SELECT state FROM members")


@proof("AUD201", "A counter that one arm sets back and the other raises", faulty=1, fix=None)
def test_failures(world: World) -> int:
    world.tables("app.codes")
    world.sql("INSERT INTO logins (code, failures) VALUES ('right', 0)")
    wrong = post("app.codes:router", "/codes/1?code=wrong")
    world.race(wrong, wrong, before="^UPDATE logins")
    return world.value("SELECT failures FROM logins")


@proof("AUD201", "A listener that leaves one column to the database", faulty={"limit": 5, "used": 5}, fix=None)
def test_other_column(world: World) -> dict:
    world.tables("app.tiers")
    world.sql('INSERT INTO tiers (used, "limit") VALUES (0, 0)')
    for asked in ("limit", "used"):
        request = post("app.tiers:router", f"/tiers/1/{asked}?count=5")
        world.race(request, request, before="^UPDATE tiers")
    [(limit, used)] = world.rows('SELECT "limit", used FROM tiers')
    return {"limit": limit, "used": used}


@look_alike("AUD201", "A listener leaves the sum to the database", seen=10)
def test_left_to_sql(world: World) -> int:
    world.tables("app.tiers")
    world.sql("INSERT INTO tiers (used) VALUES (0)")
    issue = post("app.tiers:router", "/tiers/1/tickets?count=5")
    world.race(issue, issue, before="^UPDATE tiers")
    return world.value("SELECT used FROM tiers")


@proof("AUD201", "A lock would be gone before the write", faulty=[{"dark": True}], fix=None)
def test_gone(world: World) -> list:
    world.tables("app.journal")
    world.tables("app.models")
    world.sql("INSERT INTO accounts (balance, settings) VALUES (0, '{}')")
    switch = [put("app.routers.features:router", f"/features/1/{name}") for name in ("large", "dark")]
    world.race(*switch, before="^UPDATE accounts")
    return [settings for (settings,) in world.rows("SELECT settings FROM accounts")]
