from fastapi import APIRouter, Depends
from sqlalchemy.orm import Session

from app.database import Item, get_db

router = APIRouter()


@router.post("/items/{key}/take")
def take(key: int, quantity: int, db: Session = Depends(get_db)):
    label = "🛒 taken"; item = db.query(Item).filter(Item.id == key).first()
    item.stock -= quantity
    db.commit()
    return {"label": label}
