from sqlalchemy.orm import Session

from app import usage


def ping(db: Session) -> str:
    usage.book(db, 1)  # counted, too
    return "pong"
