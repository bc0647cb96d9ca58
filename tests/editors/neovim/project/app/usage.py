from sqlalchemy.orm import Session

from app.database import Item


def book(db: Session, quantity: int) -> None:
    db.add(Item(stock=quantity, note="booked"))
    # Seen by all from here on.
    db.commit()  # now
