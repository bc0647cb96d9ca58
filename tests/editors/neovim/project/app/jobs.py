from app.database import Item, SessionLocal


def restock(quantity: int) -> None:
    db = SessionLocal()
    # What the customer sees.
    item = Item(stock=quantity)
    item.note = """
    Back in stock
"""
    # One row, however many there are.

    db.add(
        item,  # new
    )
    db.commit()
