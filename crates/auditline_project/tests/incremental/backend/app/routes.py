from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session

from app.database import get_db, get_leaking_db
from app.models import Account, Order
from app.services import Checkout, nightly, spend_credits, touch, withdraw

router = APIRouter()
Db = Annotated[Session, Depends(get_db)]


@router.post("/accounts/{account_id}/withdraw")
def post_withdraw(account_id: int, amount: int, db: Session = Depends(get_leaking_db)):
    return withdraw(db, account_id, amount)


@router.post("/orders/{order_id}/pay")
def pay(order_id: int, db: Db):
    Checkout(db).pay(order_id)


@router.post("/orders")
def create(db: Session = Depends(get_leaking_db)):
    order = Order(status="pending")
    db.add(order)
    db.commit()
    db.refresh(order)
    return order


@router.post("/webhooks/payments")
async def webhook(request: Request, db: Db):
    event = await request.json()
    order = db.query(Order).filter(Order.id == event["order"]).first()
    if event["type"] == "payment.succeeded":
        order.status = "paid"
    elif event["type"] == "payment.failed":
        order.status = "failed"
    db.commit()
