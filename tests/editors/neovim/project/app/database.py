from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

SessionLocal = sessionmaker(bind=create_engine("postgresql+psycopg://shop@localhost/shop"))


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    stock: Mapped[int]
    note: Mapped[str]


def get_db():
    with SessionLocal() as db:
        yield db
