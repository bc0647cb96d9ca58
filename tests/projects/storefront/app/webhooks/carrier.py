import hmac
from hashlib import sha256

from fastapi import APIRouter, Header, HTTPException, Request
from sqlalchemy import select

from app.core.async_database import AsyncSessionLocal
from app.core.config import get_settings
from app.models import Order, OrderStatus

router = APIRouter()


@router.post("/carrier/webhook")
async def carrier_webhook(request: Request, x_signature: str = Header()) -> dict:
    body = await request.body()
    expected = hmac.new(get_settings().carrier_webhook_secret.encode(), body, sha256).hexdigest()
    if not hmac.compare_digest(expected, x_signature):
        raise HTTPException(status_code=401)
    event = await request.json()
    async with AsyncSessionLocal() as session:
        order = await session.scalar(select(Order).where(Order.tracking_number == event["tracking_number"]))
        if order is not None:
            order.status = OrderStatus.SHIPPED
            order.shipping_note = event["note"]
            await session.commit()
    return {"received": True}
