//! Bots: what a middleware loads for the handlers of an update.
#![allow(clippy::unwrap_used)] // Helpers of tests stand outside of test functions.

use auditline_hazards::check_file;
use auditline_model::fixture::{file, fixture};

const MODELS: &str = "
from sqlalchemy.ext.asyncio import async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

make_session = async_sessionmaker(create_async_engine('postgresql+asyncpg://'))

class Base(DeclarativeBase):
    pass

class Member(Base):
    __tablename__ = 'members'
    id: Mapped[int] = mapped_column(primary_key=True)
    coins: Mapped[int]
";

const HANDLERS: &str = "
from aiogram import Router
from aiogram.types import Message
from sqlalchemy.ext.asyncio import AsyncSession

from app.models import Member

router = Router()

@router.message()
async def named(message: Message, member: Member, session: AsyncSession):
    await message.answer('spent')
    member.coins -= 1
    await session.commit()

@router.message()
async def unnamed(message: Message, session: AsyncSession, member=None):
    await message.answer('spent')
    member.coins -= 1
    await session.commit()

async def nobody_calls_it(member, session: AsyncSession):
    member.coins -= 1
    await session.commit()
";

/// The functions of the handlers' file in which a change is lost, with who has loaded the row.
fn lost(handed: &str) -> Vec<(String, String)> {
    let middleware = format!(
        "
from aiogram import BaseMiddleware
from sqlalchemy import select
from app.models import Member, make_session

class Loading(BaseMiddleware):
    async def __call__(self, handler, event, data):
        async with make_session() as session:
            member = await session.scalar(select(Member).where(Member.id == event.from_user.id){handed})
            data['session'] = session
            data['member'] = member
            return await handler(event, data)
"
    );
    let db = fixture(&[("app/models.py", MODELS), ("app/middleware.py", &middleware), ("app/handlers.py", HANDLERS)]);
    let found = check_file(&db, file(&db, "app/handlers.py"));
    let lost = found.findings.iter().filter(|finding| finding.hazard.code == "AUD201");
    lost.map(|finding| (finding.symbol.clone(), finding.evidence.first().unwrap().message.clone())).collect()
}

#[test]
fn a_middleware_loads_the_row_without_a_lock() {
    let by = "`Loading` loads the row, without a lock";
    assert_eq!(lost(""), [("named".to_owned(), by.to_owned()), ("unnamed".to_owned(), by.to_owned())]);
}

#[test]
fn a_middleware_locks_the_row() {
    assert_eq!(lost(".with_for_update()"), []);
}
