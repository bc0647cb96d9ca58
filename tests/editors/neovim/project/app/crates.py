from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    pass


class Crate(Base):
    __tablename__ = "crates"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str | None]


class Lid(Base):
    __tablename__ = "lids"

    id: Mapped[int] = mapped_column(primary_key=True)
