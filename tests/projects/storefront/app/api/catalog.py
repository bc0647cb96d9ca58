from fastapi import APIRouter
from sqlmodel import Session, select

from app.catalog.models import Collection
from app.core.database import engine

router = APIRouter(prefix="/collections")


@router.post("/{collection_id}/follow")
def follow(collection_id: int) -> dict:
    with Session(engine) as session:
        collection = session.exec(select(Collection).where(Collection.id == collection_id)).one()
        collection.followers += 1
        session.add(collection)
        session.commit()
        return {"followers": collection.followers}


@router.post("")
def create(title: str) -> dict:
    with Session(engine) as session:
        collection = Collection(title=title)
        session.add(collection)
        session.commit()
        return {"id": collection.id}
