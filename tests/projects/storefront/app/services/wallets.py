from decimal import Decimal

from fastapi import HTTPException
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import PriceList, Wallet


async def top_up(session: AsyncSession, user_id: int, amount: Decimal) -> Wallet:
    wallet = (
        await session.execute(
            select(Wallet)
            .where(Wallet.user_id == user_id)
        )
    ).scalar_one()
    wallet.balance += amount
    await session.commit()
    await session.refresh(wallet)
    return wallet


async def spend(session: AsyncSession, user_id: int, amount: Decimal) -> None:
    result = await session.execute(
        update(Wallet)
        .where(Wallet.user_id == user_id, Wallet.balance >= amount)
        .values(balance=Wallet.balance - amount)
    )
    if result.rowcount == 0:
        raise HTTPException(status_code=402)
    await session.commit()


async def transfer(session: AsyncSession, source_id: int, target_id: int, amount: Decimal) -> None:
    wallets = await session.scalars(
        select(Wallet)
        .where(Wallet.user_id.in_([source_id, target_id]))
        .order_by(Wallet.id)
        .with_for_update()
    )
    by_user = {wallet.user_id: wallet for wallet in wallets}
    by_user[source_id].balance -= amount
    by_user[target_id].balance += amount
    await session.commit()


async def bump_revision(session: AsyncSession, list_id: int) -> None:
    prices = await session.get(PriceList, list_id)
    if prices is not None:
        prices.revision += 1
        await session.commit()
