from fastapi import APIRouter, HTTPException

from app.core.database import SessionDep
from app.core.security import CurrentUser
from app.models import Order, OrderStatus
from app.services.orders import OrderService

router = APIRouter(prefix="/orders")


@router.post("")
def place_order(lines: list[tuple[int, int]], db: SessionDep, user: CurrentUser) -> dict:
    order = OrderService(db).place(user.id, lines)
    return {"id": order.id}


@router.post("/{order_id}/cancel")
def cancel_order(order_id: int, db: SessionDep, user: CurrentUser) -> dict:
    order = OrderService(db).cancel(order_id)
    return {"status": order.status}


@router.post("/{order_id}/pay")
def pay_order(order_id: int, intent: str, db: SessionDep, user: CurrentUser) -> dict:
    order = (
        db.query(Order)
        .filter(Order.id == order_id, Order.customer_id == user.id)
        .first()
    )
    if order is None:
        raise HTTPException(status_code=404)
    if order.status != OrderStatus.PENDING:
        raise HTTPException(status_code=409)
    order.status = OrderStatus.PAID
    order.payment_intent_id = intent
    user.loyalty_points += int(order.total)
    db.commit()
    return {"status": order.status}


@router.get("")
def list_orders(db: SessionDep, user: CurrentUser) -> list[int]:
    return [order.id for order in OrderService(db).orders.of_customer(user.id)]
