import stripe
from fastapi import APIRouter, Header, HTTPException, Request

from app.core.config import get_settings
from app.core.database import SessionDep
from app.models import Order, OrderStatus, Subscription
from sqlalchemy.orm import Session

router = APIRouter(prefix="/webhooks")


@router.post("/stripe")
async def stripe_webhook(request: Request, db: SessionDep, stripe_signature: str = Header()) -> dict:
    payload = await request.body()
    try:
        event = stripe.Webhook.construct_event(payload, stripe_signature, get_settings().stripe_webhook_secret)
    except ValueError as error:
        raise HTTPException(status_code=400) from error
    data = event["data"]["object"]
    if event["type"] == "payment_intent.succeeded":
        handle_payment(db, data)
    elif event["type"] == "customer.subscription.updated":
        handle_subscription_updated(db, data)
    elif event["type"] == "customer.subscription.deleted":
        handle_subscription_deleted(db, data)
    return {"received": True}


def handle_payment(db: Session, intent: dict) -> None:
    order = db.query(Order).filter(Order.payment_intent_id == intent["id"]).first()
    if order is None:
        return
    order.status = OrderStatus.PAID
    db.commit()


def handle_subscription_updated(db: Session, data: dict) -> None:
    subscription = db.query(Subscription).filter(Subscription.provider_id == data["id"]).first()
    if subscription is None:
        return
    subscription.status = data["status"]
    subscription.cancel_at_period_end = data["cancel_at_period_end"]
    db.commit()


def handle_subscription_deleted(db: Session, data: dict) -> None:
    subscription = (
        db.query(Subscription)
        .filter(Subscription.provider_id == data["id"])
        .with_for_update()
        .first()
    )
    if subscription is not None:
        subscription.status = "canceled"
        db.commit()
