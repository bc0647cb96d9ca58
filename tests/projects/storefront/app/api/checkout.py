from fastapi import APIRouter

from app.core.database import SessionDep
from app.core.security import CurrentUser
from app.models import Order
from app.services.billing import ensure_customer, subscribe
from app.services.orders import OrderService

router = APIRouter(prefix="/checkout")


@router.post("/customer")
def customer(db: SessionDep, user: CurrentUser) -> dict:
    return {"customer": ensure_customer(db, user.id)}


@router.post("/subscribe")
def start_subscription(plan: str, db: SessionDep, user: CurrentUser) -> dict:
    return {"status": subscribe(db, user, plan).status}


@router.post("/coupon")
def redeem(code: str, order_id: int, db: SessionDep, user: CurrentUser) -> None:
    order = db.get(Order, order_id)
    OrderService(db).redeem(code, order)
