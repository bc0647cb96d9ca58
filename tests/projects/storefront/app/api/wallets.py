from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.async_database import get_async_db, get_audit_db
from app.models import AuditLog
from app.services import wallets

router = APIRouter(prefix="/wallets")

AsyncSessionDep = Annotated[AsyncSession, Depends(get_async_db)]


@router.post("/{user_id}/top-up")
async def top_up(user_id: int, amount: Decimal, session: AsyncSessionDep) -> dict:
    wallet = await wallets.top_up(session, user_id, amount)
    return {"balance": wallet.balance}


@router.post("/{user_id}/spend")
async def spend(user_id: int, amount: Decimal, session: AsyncSessionDep) -> None:
    await wallets.spend(session, user_id, amount)


@router.post("/audit")
async def audit(action: str, session: AsyncSession = Depends(get_audit_db)) -> None:
    session.add(AuditLog("wallet", action))
    await session.commit()
