"""AUD107: what the user typed decides which error it is."""

from harness import call, look_alike, proof
from harness.world import World


def sign_up(email: str) -> None:
    """Calls, in a worker, the example's function with a session."""
    import sqlalchemy
    from app.users import sign_up
    from sqlalchemy.orm import Session

    with Session(sqlalchemy.create_engine("postgresql+psycopg://shop@db/shop")) as session:
        sign_up(session, email)


@proof("AUD107", "`IntegrityError`, of which kind the text shall say", faulty="409: taken", fix=None)
@look_alike("AUD107", "The SQLSTATE decides", seen="IntegrityError")
@look_alike("AUD107", "The name of the project's own constraint", seen="IntegrityError")
def test_parameter(world: World) -> str:
    world.tables("app.database")
    world.sql("ALTER TABLE users ADD CONSTRAINT ck_users_email CHECK (email LIKE '%@%')")
    # No other row is there: nothing is taken.
    outcome = world.run(call(sign_up, "duplicate key collector"))
    return outcome.message if outcome.error == "HTTPException" else outcome.brief
