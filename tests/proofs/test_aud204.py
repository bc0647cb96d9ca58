"""AUD204: two deliveries read the row before either has written it."""

from harness import look_alike, post, proof
from harness.world import World


@proof(
    "AUD204",
    "SQLModel, and a state that decides",
    # What neither delivery said: the plan of the one, the state of the other.
    faulty={"answers": [200, 200], "row": ("pro", False)},
    cured={"answers": [200, 200], "row": ("basic", False)},
)
def test_mixture(world: World) -> dict:
    world.tables("app.database")
    world.write("app/security.py", "def verified_payload(payload: dict) -> dict:\n    return payload\n")
    world.sql("INSERT INTO subscriptions (external_id, plan, active) VALUES ('s1', 'basic', true)")

    def delivery(plan: str, status: str) -> object:
        payload = {"id": "s1", "plan": plan, "status": status}
        return post("app.webhooks.subscriptions:router", "/webhooks/billing", json=payload)

    answers = world.race(delivery("pro", "active"), delivery("basic", "ended"), before="^UPDATE subscriptions")
    [row] = world.rows("SELECT plan, active FROM subscriptions")
    return {"answers": [one.brief for one in answers], "row": row}
