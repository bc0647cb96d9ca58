"""AUD205: the provider got no answer, and delivers the same event again."""

from harness import look_alike, post, proof
from harness.world import World


def deliveries(world: World, path: str, *events: dict) -> list:
    world.tables("app.database")
    headers = {"x-signature": "right"}
    return [world.run(post("app.webhooks:router", path, json=event, headers=headers)).brief for event in events]


@proof("AUD205", "A balance, in a helper", faulty=([200, 200], 1000), fix=None)
def test_balance(world: World) -> tuple:
    event = {"id": "evt_1", "type": "payment.succeeded", "data": {"customer": "ada", "amount": 500}}
    world.tables("app.database")
    world.sql("INSERT INTO accounts (customer, balance, status) VALUES ('ada', 0, 'new')")
    answers = deliveries(world, "/webhooks/payments", event, event)
    return answers, world.value("SELECT balance FROM accounts")


@proof("AUD205", "A row for each payment, asynchronously", faulty=([200, 200], 2), fix=None)
def test_row(world: World) -> tuple:
    event = {"id": "evt_1", "data": {"object": {"customer": "ada", "amount": 500}}}
    return deliveries(world, "/webhook", event, event), world.value("SELECT count(*) FROM payments")


@proof("AUD205", "A state that is set", faulty=([200, 200, 200], "active"), fix=None)
def test_state(world: World) -> tuple:
    def event(number: int, status: str) -> dict:
        return {"id": f"evt_{number}", "data": {"object": {"customer": "ada", "status": status}}}

    world.tables("app.database")
    world.sql("INSERT INTO accounts (customer, balance, status) VALUES ('ada', 0, 'new')")
    active, cancelled = event(1, "active"), event(2, "cancelled")
    answers = deliveries(world, "/webhooks/accounts", active, cancelled, active)
    return answers, world.value("SELECT status FROM accounts")


@look_alike("AUD205", "The event's id is kept", seen=([200, 200], 500))
def test_kept(world: World) -> tuple:
    event = {"id": "evt_1", "data": {"object": {"customer": "ada", "amount": 500}}}
    world.tables("app.database")
    world.sql("INSERT INTO accounts (customer, balance) VALUES ('ada', 0)")
    return deliveries(world, "/webhooks/payments", event, event), world.value("SELECT balance FROM accounts")


@look_alike("AUD205", "The row is there after the first delivery", seen=([200, 200], 1))
def test_there(world: World) -> tuple:
    event = {"id": "evt_1", "data": {"object": {"reference": "r1", "amount": 500}}}
    return deliveries(world, "/webhooks/payments", event, event), world.value("SELECT count(*) FROM payments")
