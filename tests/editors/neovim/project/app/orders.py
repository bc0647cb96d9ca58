from sqlalchemy.orm import Session

from app import usage
from app.database import Item


def order(db: Session, key: int, quantity: int) -> None:
    item = db.get_one(Item, key, with_for_update=True)
    item.stock = item.stock - quantity
    usage.book(db, quantity)
    db.add(Item(stock=0, note="ordered"))
    db.commit()
