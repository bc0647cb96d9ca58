from typing import Generic, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.base import Base

ModelT = TypeVar("ModelT", bound=Base)


class Repository(Generic[ModelT]):
    model: type[ModelT]

    def __init__(self, session: Session) -> None:
        self.session = session

    def get_by_id(self, key: int, *, for_update: bool = False) -> ModelT | None:
        statement = select(self.model).where(self.model.id == key)
        if for_update:
            statement = statement.with_for_update()
        return self.session.scalars(statement).first()

    def add(self, row: ModelT) -> ModelT:
        self.session.add(row)
        self.session.flush()
        return row
