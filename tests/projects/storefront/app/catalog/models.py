from sqlmodel import Field, SQLModel


class CollectionBase(SQLModel):
    title: str = Field(max_length=200)


class Collection(CollectionBase, table=True):
    id: int | None = Field(default=None, primary_key=True)
    followers: int = 0


class CollectionCreate(CollectionBase):
    pass
