import logging

from app.core.database import SessionLocal
from app.models import Order, OrderStatus
from app.repositories.orders import OrderRepository
from sqlalchemy.orm import Session

logger = logging.getLogger(__name__)


def close_stale_orders() -> int:
    db = SessionLocal()
    orders = OrderRepository(db).open_orders()
    for order in orders:
        archive(db, order)
    db.close()
    return len(orders)


def archive(db: Session, order: Order) -> None:
    # Customers see this text in their order history.
    order.shipping_note = """
    Closed by the nightly job
"""
    order.status = OrderStatus.CANCELLED
    db.commit()


def rebuild_totals() -> None:
    with SessionLocal() as db:
        for order in db.query(Order).filter(Order.status == OrderStatus.PAID):
            order.total = sum(line.quantity * line.unit_price for line in order.lines)
        db.commit()


def purge(db: Session) -> None:
    try:
        db.query(Order).filter(Order.status == OrderStatus.CANCELLED).delete()
        db.commit()
    except Exception:
        db.rollback()
        raise
